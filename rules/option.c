/*
 * Keywords of SpamAssassin that define no rule: those that are kept for eval functions and the set,
 * and those that mean nothing here and are passed over. What is in neither table is an error.
 */
#include "rules/keyword.h"

/* The lines that eval functions, rules that ask the DNS and the set itself look for; * as below. */
static const char *const settings[] = {
    "all_spam_to", "askdns", "blacklist_from", "blacklist_subject", "blacklist_to",
    "blacklist_uri_host", "blocklist_from", "blocklist_subject", "blocklist_to",
    "blocklist_uri_host", "clear_internal_networks", "clear_msa_networks",
    "clear_dns_query_restriction", "clear_originating_ip_headers", "clear_trusted_networks", "clear_uridnsbl_skip_domain",
    "clear_url_shortener", "clear_util_rb", "def_welcomelist_auth", "def_welcomelist_from_dkim",
    "def_welcomelist_from_rcvd", "def_welcomelist_from_spf", "def_whitelist_auth",
    "def_whitelist_from_dkim", "def_whitelist_from_rcvd", "def_whitelist_from_spf",
    "delist_uri_host", "dns_available", "dns_query_restriction", "enable_compat", "enlist_addrlist", "enlist_uri_host",
    "envelope_sender_header", "freemail_domains", "freemail_max_body_emails",
    "freemail_max_body_freemails", "freemail_skip_bulk_envfrom", "freemail_skip_when_over_max",
    "freemail_welcomelist", "freemail_whitelist", "hashbl_acl_*", "hashbl_email_domain_alias", "hashbl_ignore", "internal_networks",
    "loadplugin", "more_spam_to", "msa_networks", "ok_languages", "ok_locales",
    "originating_ip_headers", "parse_dkim_uris", "rbl_headers",
    "redirector_pattern", "skip_rbl_checks", "skip_uribl_checks", "trusted_networks", "tryplugin",
    "unblacklist_from", "unblocklist_from", "unwelcomelist_auth", "unwelcomelist_from",
    "unwelcomelist_from_dkim", "unwelcomelist_from_rcvd", "unwelcomelist_from_spf",
    "unwhitelist_auth", "unwhitelist_from", "unwhitelist_from_dkim", "unwhitelist_from_rcvd", "unwhitelist_from_spf",
    "uridnsbl", "uridnsbl_max_domains", "uridnsbl_skip_domain", "uridnsbl_skip_mailto", "uridnssub", "urifullnsrhsbl",
    "urifullnsrhssub", "urinsrhsbl", "urinsrhssub", "urirhsbl", "urirhssub", "url_shortener", "util_rb_2tld", "util_rb_3tld", "util_rb_4tld",
    "util_rb_tld", "welcomelist_allows_relays", "welcomelist_auth", "welcomelist_bounce_relays",
    "welcomelist_from", "welcomelist_from_dkim", "welcomelist_from_rcvd", "welcomelist_from_spf",
    "welcomelist_subject", "welcomelist_to", "welcomelist_uri_host", "whitelist_allows_relays",
    "whitelist_auth", "whitelist_bounce_relays", "whitelist_from", "whitelist_from_dkim",
    "whitelist_from_rcvd", "whitelist_from_spf", "whitelist_subject", "whitelist_to",
    "whitelist_uri_host",
};

/* Options of SpamAssassin that a rule file may hold; a final * stands for any ending. */
static const char *const options[] = {
    "add_header", "adsp_override", "allow_user_rules", "always_trust_envelope_sender", "asn_*",
    "authres_*", "auto_learn*", "auto_welcomelist_*", "auto_whitelist_*", "bayes_*",
    "body_part_scan_size", "clear_asn_lookups", "clear_dns_*", "clear_headers",
    "clear_report_template", "clear_unsafe_report_template", "clear_url_redirector", "country_db_*", "dcc_*", "dccifd_*",
    "dkim_*", "dmarc_*", "dns_*", "do_not_use_mail_spf*", "extracttext_*", "fns_*", "fold_headers",
    "freemail_add_describe_email", "freemail_import_*", "geodb_*", "hashbl_*",
    "ignore_always_matching_regexps", "ignore_received_spf_header", "inactive_languages",
    "lock_method", "max_short_url*", "mbox_format_from_regex", "normalize_charset", "olemacro_*",
    "phishing_*", "pyzor_*", "rawbody_part_scan_size", "razor_*", "rbl_*",
    "remove_header", "report*", "resource_limit_*", "require_version", "required_hits", "required_score", "reuse",
    "rewrite_header", "run_reuse_tests_only", "shortcircuit*", "spamcop_*", "spf_*", "subjprefix", "textcat_*", "time_limit",
    "trigger_*", "txrep_*", "unsafe_report", "unsafe_report_template", "uri_block_*", "uri_country_*", "uri_host_lists",
    "uridnsbl_*", "url_redirector*", "url_shortener_*",
    "use_auto_welcomelist", "use_auto_whitelist", "use_bayes*", "use_dcc*", "use_learner",
    "use_newest_received_spf_header", "use_pyzor", "use_razor2", "use_txrep", "user_awl_*",
    "user_scores_*", "version_tag",
};

static bool is_in(const char *const *words, size_t n, struct str keyword)
{
	for (size_t i = 0; i < n; i++) {
		struct str o = str_of(words[i]);
		if (o.p[o.n - 1] == '*' ? str_starts(keyword, str_sub(o, 0, o.n - 1)) : str_eq(keyword, o))
			return true;
	}
	return false;
}

bool rules_is_option(struct str keyword)
{
	return is_in(options, sizeof options / sizeof *options, keyword);
}

bool rules_is_setting(struct str keyword)
{
	return is_in(settings, sizeof settings / sizeof *settings, keyword);
}
