/*
 * Filters from shared objects: `filter NAME from "file.so" { ... }`. The object exports one
 * `const struct filter mailreeve_filter` and `const unsigned mailreeve_filter_abi`, which must be
 * FILTER_ABI of the headers that it was built with. It runs with all rights of the role that
 * loads it and stays loaded until the process ends.
 */
#ifndef REEVE_GATEWAY_PLUGIN_H
#define REEVE_GATEWAY_PLUGIN_H

#include "core/filter.h"

enum { FILTER_ABI = 2 };

/* NULL and an error in load when it cannot be used. */
const struct filter *plugin_load(struct conf_load *load, const struct conf_node *node);

#endif
