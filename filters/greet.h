/* Names of customer lines, told apart from names of servers. */
#ifndef REEVE_FILTERS_GREET_H
#define REEVE_FILTERS_GREET_H

#include <stdbool.h>

#include "lib/addr.h"
#include "lib/str.h"

/*
 * True when the name holds the address, its octets as numbers in either order or in hexadecimal, or
 * a word that providers use for customer lines beside some of the octets.
 */
bool greet_is_dynamic(struct str name, const struct ip *ip);

#endif
