/* The filters that are built in: one line each. */
#include "gateway/snapshot.h"

extern const struct filter greet_filter, iprev_filter, dnsbl_filter, recipients_filter, headers_filter, rules_filter, learn_filter, url_filter;
extern const struct filter phishing_filter, fuzzy_filter, text_filter;
extern const struct filter spf_filter, dkim_filter, arc_filter, dmarc_filter;
extern const struct filter settings_filter, rate_filter, greylist_filter, reputation_filter;
extern const struct filter attachment_filter, clamav_filter;

const struct filter *const builtin_filters[] = {
    &settings_filter,
    &greet_filter,
    &iprev_filter,
    &dnsbl_filter,
    &recipients_filter,
    &headers_filter,
    &spf_filter,
    &dkim_filter,
    &arc_filter,
    &dmarc_filter,
    &rate_filter,
    &greylist_filter,
    &reputation_filter,
    &attachment_filter,
    &clamav_filter,
    &rules_filter,
    &learn_filter,
    &url_filter,
    &phishing_filter,
    &text_filter,
    &fuzzy_filter,
    NULL,
};
