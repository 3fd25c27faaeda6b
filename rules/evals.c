/*
 * The table of eval functions and what is known about those that are not here. The functions stand
 * in evals_*.c by what they look at.
 */
#include "rules/evals.h"

#include <math.h>
#include <stdlib.h>

#include "rules/evals_private.h"

static const struct eval_def *const tables[] = {eval_relay_table};

/* Functions of SpamAssassin that this engine does not run, and what does their work here. */
static const struct {
	const char *prefix, *why;
} missing[] = {
    {"check_rbl", "asks the DNS: the filter dnsbl does that here"},
    {"check_dns_sender", "asks the DNS"},
    {"check_uridnsbl", "asks the DNS: the filter url does that here"},
    {"check_hashbl", "asks the DNS"},
    {"check_senders_reputation", "own reputation: the filter reputation"},
    {"check_bayes", "learning: the filter learn does that here"},
    {"check_dcc", "asks a network service that is not used here"},
    {"check_razor2", "asks a network service that is not used here"},
    {"check_pyzor", "asks a network service that is not used here"},
    {"check_for_spf", "sender authentication: the filter spf"},
    {"check_for_def_spf", "sender authentication: the filter spf"},
    {"check_dkim", "sender authentication: the filter dkim"},
    {"check_arc", "sender authentication: the filter arc"},
    {"check_for_dkim", "sender authentication: the filter dkim"},
    {"check_for_def_dkim", "sender authentication: the filter dkim"},
    {"check_dmarc", "sender authentication: the filter dmarc"},
    {"check_access_database", "lists: use list and policy"},
    {"check_shortcircuit", "order of work: there is no short circuit here"},
    {"check_from_in_auto_", "own reputation: the filter reputation"},
    {"check_microsoft_executable", "attachments: the filter attachment"},
    {"check_suspect_name", "attachments: the filter attachment"},
    {"check_language", "guesses languages; not done yet"},
    {"pdf_", "looks inside PDF files; not done yet"},
    {"image_", "looks inside images; not done yet"},
    {"pixel_coverage", "looks inside images; not done yet"},
    {"check_olemacro", "looks inside documents: the filter attachment"},
    {"check_olertfobject", "looks inside documents: the filter attachment"},
    {"check_uri_local_bl", "needs a country database"},
    {"short_url", "follows links, which is not done here"},
    {"check_fromname", "compares display names; not done yet"},
    {"check_asn", "needs a routing database"},
    {"check_authres", "the filters spf, dkim and dmarc check themselves"},
    {"check_phishing", "needs a list of phishing sites"},
};

const struct eval_def *eval_find(struct str name)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct eval_def *d = tables[i]; d->name; d++)
			if (str_is(name, d->name))
				return d;
	return NULL;
}

const char *eval_missing(struct str name)
{
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		if (str_starts(name, str_of(missing[i].prefix)))
			return missing[i].why;
	for (size_t i = 0; eval_known_names[i]; i++)
		if (str_is(name, eval_known_names[i]))
			return "not done yet";
	return NULL;
}

struct str eval_arg(const struct eval_call *c, size_t i)
{
	return i < c->n ? c->args[i] : STR("");
}

double eval_number(const struct eval_call *c, size_t i, double otherwise)
{
	char copy[32], *end;
	struct str s = eval_arg(c, i);
	double value;

	if (s.n == 0 || s.n >= sizeof copy)
		return otherwise;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	value = strtod(copy, &end);
	return end == copy || !isfinite(value) ? otherwise : value;
}

struct eval_data *eval_data_new(struct ruleset *rs)
{
	(void)rs;
	return NULL;
}

/* Functions of 4.0.1 that could be here: a row of a table above takes precedence. */
const char *const eval_known_names[] = {
    "check_abundant_unicode_ratio", "check_base64_length", "check_blank_line_ratio",
    "check_body_8bits", "check_body_length", "check_equal_from_domains",
    "check_for_ascii_text_illegal", "check_for_fake_aol_relay_in_rcvd",
    "check_for_faraway_charset", "check_for_faraway_charset_in_headers",
    "check_for_forged_eudoramail_received_headers", "check_for_forged_gmail_received_headers",
    "check_for_forged_gw05_received_headers", "check_for_forged_hotmail_received_headers",
    "check_for_forged_juno_received_headers", "check_for_forged_received_ip_helo",
    "check_for_forged_yahoo_received_headers", "check_for_from_domain_in_received_headers",
    "check_for_http_redirector", "check_for_illegal_ip", "check_for_matching_env_and_hdr_from",
    "check_for_mime", "check_for_mime_html", "check_for_mime_html_only",
    "check_for_missing_to_header", "check_for_msn_groups_headers",
    "check_for_no_hotmail_received_headers", "check_for_shifted_date", "check_for_to_in_subject",
    "check_for_unique_subject_id", "check_for_uppercase", "check_forged_in_default_welcomelist",
    "check_forged_in_default_whitelist", "check_forged_in_welcomelist",
    "check_forged_in_whitelist", "check_freemail_body", "check_freemail_from",
    "check_freemail_header", "check_freemail_replyto", "check_from_in_blacklist",
    "check_from_in_blocklist", "check_from_in_default_welcomelist",
    "check_from_in_default_whitelist", "check_from_in_list", "check_from_in_welcomelist",
    "check_from_in_whitelist", "check_header_count_range", "check_https_http_mismatch",
    "check_https_ip_mismatch", "check_iframe_src", "check_illegal_chars", "check_ma_non_text",
    "check_mailfrom_matches_rcvd", "check_messageid_not_usable", "check_mime_multipart_ratio",
    "check_msg_parse_flags", "check_outlook_message_id", "check_qp_ratio",
    "check_ratware_envelope_from", "check_ratware_name_id", "check_replyto_in_list",
    "check_stock_info", "check_subject_in_blacklist", "check_subject_in_blocklist",
    "check_subject_in_welcomelist", "check_subject_in_whitelist", "check_to_in_all_spam",
    "check_to_in_blacklist", "check_to_in_blocklist", "check_to_in_list", "check_to_in_more_spam",
    "check_to_in_welcomelist", "check_to_in_whitelist", "check_unresolved_template",
    "check_uri_host_in_blacklist", "check_uri_host_in_blocklist", "check_uri_host_in_welcomelist",
    "check_uri_host_in_whitelist", "check_uri_host_listed", "check_uri_truncated",
    "check_welcomelist_bounce_relays", "check_whitelist_bounce_relays",
    "gated_through_received_hdr_remover", "have_any_bounce_relays", "html_charset_faraway",
    "html_eval", "html_image_only", "html_image_ratio", "html_range", "html_tag_balance",
    "html_tag_exists", "html_test", "html_text_match", "html_text_not_match",
    "html_title_subject_ratio", "multipart_alternative_difference",
    "multipart_alternative_difference_count", "plaintext_body_length", "plaintext_body_sig_ratio",
    "plaintext_sig_length", "received_within_months", "similar_recipients", "sorted_recipients",
    "subject_is_all_caps", "tvd_vertical_words",
    NULL,
};
