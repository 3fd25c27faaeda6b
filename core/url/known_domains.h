/*
 * Domains that are known for what they are: mail providers for everybody, shorteners of links, and
 * sites on which anybody may put a page. Short lists of our own, of the well known; longer ones are
 * lists in the configuration, which filters ask besides.
 */
#ifndef REEVE_CORE_URL_KNOWN_DOMAINS_H
#define REEVE_CORE_URL_KNOWN_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

enum known_domains { KNOWN_FREEMAIL, KNOWN_SHORTENER, KNOWN_HOSTER, KNOWN_KINDS };

/* The domain or one above it is listed; lower case expected. */
bool domain_is_known(enum known_domains kind, struct str domain);
/* For tests: all of one kind, sorted. */
const char *const *known_domains(enum known_domains kind, size_t *ret_n);

#endif
