/*
 * The condition of `if` and `ifplugin` lines: version, plugin(), can(), has(), numbers, comparisons
 * and boolean operators. Answers as SpamAssassin 4.0.1 with its default plugins would, because that
 * is what rule files test for; what is behind a plugin that we lack is named rule by rule in lint.
 */
#include <math.h>
#include <stdlib.h>

#include "rules/rule.h"

enum { DEPTH_MAX = 50 };

static const double sa_version = 4.000001;

/* Plugins whose rules are read. The second column: on without a loadplugin line. */
static const struct {
	const char *name;
	bool is_default;
} plugins[] = {
    {"ASN", false},
    {"AWL", false},
    {"AccessDB", false},
    {"AntiVirus", false},
    {"AskDNS", true},
    {"AuthRes", false},
    {"AutoLearnThreshold", true},
    {"Bayes", true},
    {"BodyEval", true},
    {"Check", true},
    {"DCC", false},
    {"DKIM", true},
    {"DMARC", true},
    {"DNSEval", true},
    {"DecodeShortURLs", false},
    {"Dmarc", true},
    {"ExtractText", false},
    {"FreeMail", true},
    {"FromNameSpoof", false},
    {"HTMLEval", true},
    {"HTTPSMismatch", true},
    {"HashBL", true},
    {"HeaderEval", true},
    {"ImageInfo", true},
    {"MIMEEval", true},
    {"MIMEHeader", true},
    {"OLEVBMacro", false},
    {"PDFInfo", false},
    {"PhishTag", false},
    {"Phishing", false},
    {"Pyzor", true},
    {"RaciallyCharged", true},
    {"Razor2", true},
    {"RelayCountry", false},
    {"RelayEval", true},
    {"ReplaceTags", true},
    {"ResourceLimits", false},
    {"Rule2XSBody", false},
    {"SPF", true},
    {"Shortcircuit", false},
    {"SpamCop", true},
    {"TextCat", false},
    {"TxRep", false},
    {"URIDNSBL", true},
    {"URIDetail", true},
    {"URIEval", true},
    {"URILocalBL", false},
    {"VBounce", true},
    {"WLBLEval", true},
    {"WelcomeListSubject", true},
    {"WhiteListSubject", true},
};

/* Features that can() and has() ask for, as 4.0.1 has them; the rest is false. */
static const char *const features[] = {
    "ASN::has_asn_geodb",
    "ASN::has_asn_lookup_ipv6",
    "ASN::has_check_asn",
    "ASN::has_check_asn_tag",
    "AskDNS::has_tag_header",
    "BodyEval::has_check_body_length",
    "BodyEval::has_plaintext_body_sig_ratio",
    "Conf::feature_bayes_auto_learn_on_error",
    "Conf::feature_bayes_stopwords",
    "Conf::feature_blocklist_welcomelist",
    "Conf::feature_bug6558_free",
    "Conf::feature_capture_rules",
    "Conf::feature_compile_regexp",
    "Conf::feature_dns_block_rule",
    "Conf::feature_dns_local_ports_permit_avoid",
    "Conf::feature_dns_query_restriction",
    "Conf::feature_edns",
    "Conf::feature_geodb",
    "Conf::feature_get_host",
    "Conf::feature_header_address_parser",
    "Conf::feature_header_first_last",
    "Conf::feature_header_match_many",
    "Conf::feature_local_tests_only",
    "Conf::feature_meta_rules_matching",
    "Conf::feature_originating_ip_headers",
    "Conf::feature_registryboundaries",
    "Conf::feature_subjprefix",
    "Conf::feature_uri_host_listed",
    "Conf::feature_welcomelist_blocklist",
    "Conf::feature_yesno_takes_args",
    "Conf::has_tflags_nolog",
    "Conf::has_tflags_nosubject",
    "Conf::perl_min_version_5010000",
    "DKIM::has_arc",
    "DNSEval::has_tflags_domains_only",
    "DNSEval::has_tflags_ips_only",
    "HashBL::has_hashbl_attachments",
    "HashBL::has_hashbl_bodyre",
    "HashBL::has_hashbl_bodyre_num",
    "HashBL::has_hashbl_email_domain",
    "HashBL::has_hashbl_email_domain_alias",
    "HashBL::has_hashbl_email_regex",
    "HashBL::has_hashbl_email_welcomelist",
    "HashBL::has_hashbl_email_whitelist",
    "HashBL::has_hashbl_emails",
    "HashBL::has_hashbl_ignore",
    "HashBL::has_hashbl_sha256",
    "HashBL::has_hashbl_tag",
    "HashBL::has_hashbl_uris",
    "MIMEEval::has_check_abundant_unicode_ratio",
    "MIMEEval::has_check_for_ascii_text_illegal",
    "MIMEEval::has_check_qp_ratio",
    "MIMEHeader::has_all_header",
    "MIMEHeader::has_capture_rules",
    "MIMEHeader::has_tflags_concat",
    "MIMEHeader::has_tflags_multiple",
    "MIMEHeader::has_tflags_range",
    "SPF::has_check_for_spf_errors",
    "SPF::has_check_spf_skipped_noenvfrom",
    "URIDNSBL::has_subtest_for_ranges",
    "URIDNSBL::has_tflags_domains_only",
    "URIDNSBL::has_tflags_notrim",
    "URIDNSBL::has_uridnsbl_a_ns",
    "URIDNSBL::has_uridnsbl_for_a",
    "URIDNSBL::has_uridnsbl_skip_mailto",
    "URIDetail::has_host_key",
};

struct expr {
	struct rules_conf *conf;
	struct str in;
	size_t at;
	unsigned depth;
	const char *error;
};

static double read_or(struct expr *e);

/* The first error is the one to tell. */
static void fail(struct expr *e, const char *error)
{
	if (!e->error)
		e->error = error;
}

/* The last part of "Mail::SpamAssassin::Plugin::NAME". */
static struct str short_name(struct str name)
{
	static const struct str plugin = {"Mail::SpamAssassin::Plugin::", 28}, base = {"Mail::SpamAssassin::", 20};

	if (str_starts(name, plugin))
		return str_from(name, plugin.n);
	return str_starts(name, base) ? str_from(name, base.n) : name;
}

static bool has_setting(const struct rules_conf *conf, const char *keyword, struct str value)
{
	for (const struct rule_setting *s = conf->settings; s; s = s->next)
		if (str_is(s->keyword, keyword) && str_eq(short_name(s->value), value))
			return true;
	return false;
}

bool rules_has_plugin(const struct rules_conf *conf, struct str name)
{
	struct str wanted = short_name(name);

	for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
		if (str_is(wanted, plugins[i].name))
			return plugins[i].is_default || has_setting(conf, "loadplugin", wanted);
	return false;
}

static bool has_feature(const struct rules_conf *conf, struct str name)
{
	struct str wanted = short_name(name);

	if (str_starts(wanted, STR("Conf::compat_")))
		return has_setting(conf, "enable_compat", str_from(wanted, strlen("Conf::compat_")));
	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		if (str_is(wanted, features[i])) {
			ptrdiff_t colon = str_chr(wanted, ':');
			struct str owner = str_sub(wanted, 0, (size_t)colon);
			return str_is(owner, "Conf") || rules_has_plugin(conf, owner);
		}
	}
	return false;
}

static void skip_blanks(struct expr *e)
{
	while (e->at < e->in.n && is_space(e->in.p[e->at]))
		e->at++;
}

static bool take(struct expr *e, const char *token)
{
	size_t n = strlen(token);

	skip_blanks(e);
	if (e->in.n - e->at < n || memcmp(e->in.p + e->at, token, n))
		return false;
	e->at += n;
	return true;
}

static struct str word(struct expr *e)
{
	size_t start;

	skip_blanks(e);
	start = e->at;
	while (e->at < e->in.n && (is_alnum(e->in.p[e->at]) || strchr("_:.", e->in.p[e->at])))
		e->at++;
	return str_sub(e->in, start, e->at - start);
}

static double number(struct expr *e, struct str text)
{
	char copy[32];
	char *end;
	double value;

	if (text.n >= sizeof copy) {
		fail(e, "a number is too long");
		return 0;
	}
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	value = strtod(copy, &end);
	if (*end || !isfinite(value))
		fail(e, "a number was expected");
	return value;
}

/* NAME in parentheses behind plugin, can, has. */
static struct str argument(struct expr *e)
{
	struct str name;

	if (!take(e, "("))
		fail(e, "'(' was expected");
	name = word(e);
	if (name.n == 0 || !take(e, ")"))
		fail(e, "a name and ')' were expected");
	return name;
}

static double read_value(struct expr *e)
{
	struct str name;
	double value = 0;

	if (++e->depth > DEPTH_MAX)
		fail(e, "nested too deeply");
	if (e->error)
		return 0;
	if (take(e, "!")) {
		value = read_value(e) == 0;
	} else if (take(e, "(")) {
		value = read_or(e);
		if (!take(e, ")"))
			fail(e, "')' was expected");
	} else {
		name = word(e);
		if (name.n == 0)
			fail(e, "a condition was expected");
		else if (str_is(name, "version"))
			value = sa_version;
		else if (str_is(name, "perl_version"))
			value = 5.036;
		else if (str_is(name, "local_tests_only"))
			value = !e->conf->has_network;
		else if (str_is(name, "plugin"))
			value = rules_has_plugin(e->conf, argument(e));
		else if (str_is(name, "can") || str_is(name, "has"))
			value = has_feature(e->conf, argument(e));
		else
			value = number(e, name);
	}
	e->depth--;
	return e->error ? 0 : value;
}

static double read_comparison(struct expr *e)
{
	double left = read_value(e);

	if (take(e, ">="))
		return left >= read_value(e);
	if (take(e, "<="))
		return left <= read_value(e);
	if (take(e, "=="))
		return fabs(left - read_value(e)) < 1e-9;
	if (take(e, "!="))
		return fabs(left - read_value(e)) >= 1e-9;
	if (take(e, ">"))
		return left > read_value(e);
	if (take(e, "<"))
		return left < read_value(e);
	return left;
}

static double read_and(struct expr *e)
{
	double value = read_comparison(e);

	while (!e->error && take(e, "&&")) {
		double right = read_comparison(e);
		value = value != 0 && right != 0;
	}
	return value;
}

static double read_or(struct expr *e)
{
	double value = read_and(e);

	while (!e->error && take(e, "||")) {
		double right = read_and(e);
		value = value != 0 || right != 0;
	}
	return value;
}

const char *rules_condition(struct rules_conf *conf, struct str text, bool *ret_value)
{
	struct expr e = {.conf = conf, .in = text};
	double value = read_or(&e);

	skip_blanks(&e);
	if (e.at != text.n)
		fail(&e, "unexpected text behind the condition");
	*ret_value = value != 0;
	return e.error;
}
