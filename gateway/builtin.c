/* The filters that are built in: one line each. */
#include "gateway/snapshot.h"

extern const struct filter greet_filter, iprev_filter, dnsbl_filter, recipients_filter, headers_filter, rules_filter;

const struct filter *const builtin_filters[] = {
    &greet_filter,
    &iprev_filter,
    &dnsbl_filter,
    &recipients_filter,
    &headers_filter,
    &rules_filter,
    NULL,
};
