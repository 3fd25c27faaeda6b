/*
 * What eval functions get from rule files, once per set: lists of addresses and hosts by the
 * keywords of a table, patterns given as arguments, and the patterns of their own.
 */
#include <stdlib.h>

#include "rules/evals/evals_private.h"
#include "rules/perlre.h"

#define IP4 "\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}"

#define EMAIL_LETTER "[a-z0-9!\\#$%&'*+/=?^_`{|}~-]"
#define EMAIL "(?=.{0,64}@)(?<!" EMAIL_LETTER ")(?:" EMAIL_LETTER "+(?:\\." EMAIL_LETTER "+)*@" \
              "(?:[a-z0-9](?:[a-z0-9-]{0,59}[a-z0-9])?\\.){1,4}[a-z]{2,18})(?![a-z0-9.-]*[a-z0-9])"

static const char *const patterns[PATTERNS] = {
    [P_AOL_RELAY] = "(?i) rly-[a-z][a-z]\\d\\d\\.",
    [P_AOL_VIA] = "/AOL-\\d+\\.\\d+\\.\\d+\\)",
    [P_AOL_ID] = "ESMTP id (?:RELAY|MAILRELAY|MAILIN)",
    [P_EZMLM] = "(?m)^contact \\S+@\\S+; run by ezmlm$",
    [P_EZMLM_TO] = "(?m)^mailing list \\S+@\\S+",
    [P_EZMLM_RCVD] = "qmail \\d+ invoked (?:from network|by .{3,20})\\); \\d+ ... \\d+",
    [P_MSN_GROUPS] = "from groups\\.msn\\.com \\(\\S+\\.msn\\.com ",
    [P_HOTMAIL_PICKUP] = "from mail pickup service by hotmail\\.com with Microsoft SMTPSVC;",
    [P_HOTMAIL_RCVD] = "from (?:\\S*\\.)?hotmail.com \\(\\S+\\.hotmail(?:\\.msn)?\\.com[ )]|"
                       "from \\S*\\.hotmail.com \\(\\[" IP4 "\\][ ):]|"
                       "from \\[66\\.218.\\S+\\] by \\S+\\.yahoo\\.com",
    [P_HOTMAIL_PROTECT] = "from \\S*\\.outbound\\.protection\\.outlook\\.com \\(\\S+\\.outbound\\.protection\\."
                          "outlook\\.com[ )]|from \\S*\\.(?:eur|nam)prd\\d+\\.prod\\.outlook\\.com \\((?:" IP4
                          "|[0-9a-fA-F:]+)\\)",
    [P_HOTMAIL_WEB] = "from \\S+ by \\S+\\.hotmail(?:\\.msn)?\\.com with HTTP;",
    [P_HOTMAIL_CLAIM] = "(?:from |HELO |helo=)\\S*hotmail\\.com\\b",
    [P_ORIGINATOR_ORG] = "hotmail\\.com|msonline-outlook",
    [P_IP] = IP4 "|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}",
    [P_YAHOO_RCVD] = "by web\\S+\\.mail\\S*\\.yahoo\\.com via HTTP|by sonic\\S+\\.consmr\\.mail\\S*\\.yahoo\\.com "
                     "with HTTP|by smtp\\S+\\.yahoo\\.com with SMTP|from \\[" IP4 "\\] by \\S+\\.(?:groups|scd|"
                     "dcn)\\.yahoo\\.com with NNFMP|by \\w+\\.\\w+\\.yahoo\\.com \\(\\d+\\.\\d+\\.\\d+/\\d+\\.\\d+\\."
                     "\\d+\\)(?: with ESMTP)? id \\w+",
    [P_YAHOO_BULK] = "\\bmailer\\d+\\.bulk\\.scd\\.yahoo\\.com\\b",
    [P_YAHOO_RDNS] = "^[^\\]]+ rdns=\\S+\\.yahoo\\.com ",
    [P_JUNO_RCVD] = "from.*\\b(?:juno|untd)\\.com.*[\\[(]" IP4 "[\\])].*by",
    [P_JUNO_COOKIE] = " cookie\\.(?:juno|untd)\\.com ",
    [P_MAILCOM_RCVD] = "from.*\\bmail\\.com.*\\[" IP4 "\\].*by",
    [P_UNTD_RCVD] = "from (webmail\\S+\\.untd\\.com) \\(\\1 \\[" IP4 "\\]\\) by",
    [P_WHOWHERE] = "by \\S*whowhere.com;",
    [P_GMAIL_XRCVD] = "by 10\\.\\S+ with SMTP id \\S+|by 2002:a\\d\\d:\\w+:\\S+ with SMTP id \\S+",
    [P_GMAIL_RCVD] = "by smtp\\.googlemail\\.com with ESMTPSA id \\S+",
    [P_CAPS_CHARSET] = "(?i)=\\?[-_a-z0-9]*(?:koi|jp|jis|euc|gb|big5|isoir|cp1251|windows-1251|georgianps|"
                       "pt154|tis)[-_a-z0-9]*\\?",
    [P_REPLY_PREFIX] = "(?i)^(?:(?:Re|Fwd|Fw|Aw|Antwort|WG|SV|VB|VS|VL):\\s*)+",
    [P_TEMPLATE] = "%[A-Z][A-Z_-]",
    [P_TEMPLATE_EXEMPT] = "(?i)^(?:X-VMS-To|X-UIDL|X-Face|To|Cc|From|Subject|References|In-Reply-To|"
                          "(?:X-|Resent-|X-Original-)?Message-Id):",
    [P_RATWARE_ID] = "<[A-Z]{28}\\.([^>]+?)>",
    [P_RATWARE_FROM] = "\"[^\"]+\"\\s*<([^>]*)>",
    [P_OUTLOOK_ID] = "^<[0-9a-f]{4}([0-9a-f]{8})\\$[0-9a-f]{8}\\$[0-9a-f]{8}@",
    [P_DATE_IN_RCVD] = "(\\s.?\\d+ \\S\\S\\S \\d+ \\d+:\\d+:\\d+ \\S+)",
    [P_RCVD_LOCAL] = "\\bfrom (?:localhost\\s|(?:\\S+ ){1,2}\\S*\\b127\\.0\\.0\\.1\\b)|qmail \\d+ invoked by uid \\d+",
    [P_RCVD_FETCHMAIL] = "\\bby localhost with \\w+ \\(fetchmail-[\\d.]+",
    [P_BULK_ENVFROM] = "(?i)(?:^(?:post|host|domain)master|^double-bounce|^(?:sentto|owner|return|(?:gr)?bounced?)-.+|"
                       "-(?:request|bounces?|admin|owner)|\\b(?:do[._-t]?)?no[._-t]?repl(?:y|ies)|.+=.+)@",
    [P_NO_FREEMAIL] = "(?i)^(?:abuse|support|sales|info|helpdesk|contact|kontakt|(?:post|host|domain)master|"
                      "undisclosed.*|request-[a-f0-9]{16}|bounced?-|[a-f0-9]{8}(?:\\.[a-f0-9]{8}|-[a-f0-9]{4}-"
                      "[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})|.+=.+=.+)@",
    [P_EMAIL] = "(?i)" EMAIL,
    [P_URL_WITH_EMAIL] = "(?i)<?https?://\\S{0,255}(?:@|%40)\\S{0,255}",
    /* In angle brackets, or before "wrote:" and the like; not before "phone:". */
    [P_QUOTED_EMAIL] = "(?i)<?(?<!mailto:)" EMAIL
                       "(?:>|\\s{1,10}(?!(?:fa(?:x|csi)|tel|phone|e?-?mail))[a-z]{2,11}:)",
    [P_LEAVE] = "(?i)<mailto:(?:leave-\\S+|\\S+-unsubscribe)@\\S+>$",
    [P_CWT] = "/CWT/DCE\\)|iPlanet Messaging Server",
};

void eval_data_compile(struct eval_data *d, struct arena *a)
{
	struct str error;
	size_t offset;

	for (size_t i = 0; i < PATTERNS; i++) {
		d->patterns[i] = regex_new(a, str_of(patterns[i]), 0, &error, &offset);
		if (!d->patterns[i])
			abort();
	}
}

/* ---- lists by keyword ---- */

static const struct {
	const char *keyword, *old;
	enum eval_list list;
} list_words[] = {
    {"welcomelist_from", "whitelist_from", LIST_WELCOME_FROM},
    {"blocklist_from", "blacklist_from", LIST_BLOCK_FROM},
    {"welcomelist_to", "whitelist_to", LIST_WELCOME_TO},
    {"blocklist_to", "blacklist_to", LIST_BLOCK_TO},
    {"more_spam_to", "more_spam_to", LIST_MORE_SPAM_TO},
    {"all_spam_to", "all_spam_to", LIST_ALL_SPAM_TO},
    {"welcomelist_allows_relays", "whitelist_allows_relays", LIST_ALLOWS_RELAYS},
    {"welcomelist_bounce_relays", "whitelist_bounce_relays", LIST_BOUNCE_RELAYS},
    {"url_shortener", "url_shortener", LIST_SHORTENERS},
    {"welcomelist_from_spf", "whitelist_from_spf", LIST_WELCOME_SPF},
    {"def_welcomelist_from_spf", "def_whitelist_from_spf", LIST_DEF_WELCOME_SPF},
};

static bool add_plain(struct eval_data *d, struct arena *a, const struct rule_setting *s)
{
	struct str rest = s->value, word, keyword = s->keyword;
	bool removes = str_starts(keyword, STR("un"));

	if (removes)
		keyword = str_from(keyword, 2);
	for (size_t i = 0; i < sizeof list_words / sizeof *list_words; i++) {
		if (!str_is(keyword, list_words[i].keyword) && !str_is(keyword, list_words[i].old))
			continue;
		while (str_word(&rest, &word)) {
			if (removes)
				text_set_remove(d->lists[list_words[i].list], word);
			else
				text_set_add(d->lists[list_words[i].list], a, word);
		}
		return true;
	}
	return false;
}

const struct named_set *named_set_find(const struct named_set *list, struct str name)
{
	while (list && !str_eq(list->name, name))
		list = list->next;
	return list;
}

struct named_set *named_set_make(struct named_set **list, struct arena *a, struct str name)
{
	struct named_set *n = *list;

	while (n && !str_eq(n->name, name))
		n = n->next;
	if (n)
		return n;
	n = arena_alloc(a, sizeof *n);
	n->name = arena_str(a, name);
	n->set = text_set_new(a);
	n->except = text_set_new(a);
	n->next = *list;
	return *list = n;
}

/* "(NAME) entry entry !entry": the name in parentheses. */
static void add_named(struct named_set **list, struct arena *a, struct str value, struct str fixed)
{
	struct str rest = value, word;
	struct named_set *n;

	if (!fixed.n) {
		ptrdiff_t close = str_chr(value, ')');
		if (value.n == 0 || value.p[0] != '(' || close < 0)
			return;
		fixed = str_sub(value, 1, (size_t)close - 1);
		rest = str_from(value, (size_t)close + 1);
	}
	n = named_set_make(list, a, fixed);
	while (str_word(&rest, &word)) {
		bool is_except = word.p[0] == '!';

		/* Of two lines about one entry the later counts. */
		word = str_from(word, is_except);
		text_set_remove(is_except ? n->set : n->except, word);
		text_set_add(is_except ? n->except : n->set, a, word);
	}
}

/* "[(NAME)] entry entry": out of that list, or of all that there are so far. */
static void remove_named(struct named_set *list, struct str value)
{
	ptrdiff_t close = value.n && value.p[0] == '(' ? str_chr(value, ')') : -1;
	struct str name = str_sub(value, 1, close < 1 ? 0 : (size_t)close - 1), rest, word;

	for (; list; list = list->next) {
		if (close > 0 && !str_eq(list->name, name))
			continue;
		rest = str_from(value, (size_t)(close + 1));
		while (str_word(&rest, &word)) {
			word = str_from(word, word.p[0] == '!');
			text_set_remove(list->set, word);
			text_set_remove(list->except, word);
		}
	}
}

static void add_rcvd(struct rcvd_entry **list, struct arena *a, struct str value)
{
	struct rcvd_entry *e = arena_alloc(a, sizeof *e);
	struct str address, host;

	if (!str_word(&value, &address) || !str_word(&value, &host) || str_trim(value).n)
		return;
	e->address = str_lower(a, address);
	e->host = str_lower(a, host);
	e->next = *list;
	*list = e;
}

static void add_freemail(struct eval_data *d, struct arena *a, const struct rule_setting *s)
{
	struct str rest = s->value, word;
	bool is_except = !str_is(s->keyword, "freemail_domains");

	while (str_word(&rest, &word))
		text_set_add(is_except ? d->freemail_except : d->freemail, a, word);
}

static bool is_one_of(struct str word, const char *a, const char *b)
{
	return str_is(word, a) || str_is(word, b);
}

static void remove_rcvd(struct rcvd_entry **list, struct str value)
{
	struct str rest = value, word;

	while (str_word(&rest, &word))
		for (struct rcvd_entry **e = list; *e;)
			if (str_ieq((*e)->address, word))
				*e = (*e)->next;
			else
				e = &(*e)->next;
}

/* AUTHOR [SIGNING DOMAIN] */
static void add_dkim(struct rcvd_entry **list, struct arena *a, struct str value)
{
	struct rcvd_entry *e = arena_alloc(a, sizeof *e);
	struct str author, domain;

	if (!str_word(&value, &author))
		return;
	e->address = str_lower(a, author);
	e->host = str_word(&value, &domain) ? str_lower(a, domain) : STR("");
	e->next = *list;
	*list = e;
}

/* welcomelist_auth: whoever vouches for the address will do. */
static void add_auth(struct eval_data *d, struct arena *a, struct str value, bool is_default)
{
	struct str word;

	while (str_word(&value, &word)) {
		text_set_add(d->lists[is_default ? LIST_DEF_WELCOME_SPF : LIST_WELCOME_SPF], a, word);
		add_dkim(is_default ? &d->def_dkim : &d->dkim, a, word);
	}
}

static void remove_auth(struct eval_data *d, struct str value)
{
	struct str rest = value, word;

	while (str_word(&rest, &word)) {
		text_set_remove(d->lists[LIST_WELCOME_SPF], word);
		text_set_remove(d->lists[LIST_DEF_WELCOME_SPF], word);
	}
	remove_rcvd(&d->dkim, value);
	remove_rcvd(&d->def_dkim, value);
}

static bool add_vouched(struct eval_data *d, struct arena *a, const struct rule_setting *s)
{
	struct str k = s->keyword;

	if (is_one_of(k, "welcomelist_from_dkim", "whitelist_from_dkim"))
		add_dkim(&d->dkim, a, s->value);
	else if (is_one_of(k, "def_welcomelist_from_dkim", "def_whitelist_from_dkim"))
		add_dkim(&d->def_dkim, a, s->value);
	else if (is_one_of(k, "unwelcomelist_from_dkim", "unwhitelist_from_dkim")) {
		remove_rcvd(&d->dkim, s->value);
		remove_rcvd(&d->def_dkim, s->value);
	} else if (is_one_of(k, "welcomelist_auth", "whitelist_auth"))
		add_auth(d, a, s->value, false);
	else if (is_one_of(k, "def_welcomelist_auth", "def_whitelist_auth"))
		add_auth(d, a, s->value, true);
	else if (is_one_of(k, "unwelcomelist_auth", "unwhitelist_auth"))
		remove_auth(d, s->value);
	else
		return false;
	return true;
}

static void add_setting(struct eval_data *d, struct arena *a, const struct rule_setting *s)
{
	struct str k = s->keyword;

	if (str_is(k, "enlist_addrlist"))
		add_named(&d->addresses, a, s->value, STR_NONE);
	else if (str_is(k, "enlist_uri_host"))
		add_named(&d->hosts, a, s->value, STR_NONE);
	else if (str_is(k, "delist_uri_host"))
		remove_named(d->hosts, s->value);
	else if (is_one_of(k, "blocklist_uri_host", "blacklist_uri_host"))
		add_named(&d->hosts, a, s->value, STR("BLOCK"));
	else if (is_one_of(k, "welcomelist_uri_host", "whitelist_uri_host"))
		add_named(&d->hosts, a, s->value, STR("WELCOME"));
	else if (is_one_of(k, "welcomelist_from_rcvd", "whitelist_from_rcvd"))
		add_rcvd(&d->rcvd, a, s->value);
	else if (is_one_of(k, "def_welcomelist_from_rcvd", "def_whitelist_from_rcvd"))
		add_rcvd(&d->def_rcvd, a, s->value);
	else if (is_one_of(k, "unwelcomelist_from_rcvd", "unwhitelist_from_rcvd")) {
		remove_rcvd(&d->rcvd, s->value);
		remove_rcvd(&d->def_rcvd, s->value);
	} else if (str_is(k, "freemail_domains") || is_one_of(k, "freemail_welcomelist", "freemail_whitelist"))
		add_freemail(d, a, s);
	else if (str_is(k, "freemail_skip_bulk_envfrom"))
		d->freemail_skip_bulk = !str_is(s->value, "0");
	else if (!add_vouched(d, a, s))
		add_plain(d, a, s);
}

/* welcomelist_subject, blocklist_subject: globs over the whole subject. */
static void add_subjects(struct ruleset *rs, struct eval_data *d)
{
	for (const struct rule_setting *s = rs->conf->settings; s; s = s->next) {
		bool welcome = is_one_of(s->keyword, "welcomelist_subject", "whitelist_subject");
		if (!welcome && !is_one_of(s->keyword, "blocklist_subject", "blacklist_subject"))
			continue;
		add_named(&d->addresses, rs->arena, STR_NONE, welcome ? STR("%subject+") : STR("%subject-"));
		text_set_add(named_set_make(&d->addresses, rs->arena, welcome ? STR("%subject+") : STR("%subject-"))->set,
		    rs->arena, arena_printf(rs->arena, "*%.*s*", STR_ARG(s->value)));
	}
}

/* Arguments that are patterns: those of the functions whose row says so by name. */
static bool takes_pattern(struct str function, size_t i)
{
	return (str_starts(function, STR("check_freemail_")) && i <= 1) ||
	       (str_starts(function, STR("html_text_")) && i == 1) || str_is(function, "image_name_regex");
}

static void compile_args(struct ruleset *rs, struct eval_data *d)
{
	for (size_t i = 0; i < rs->n; i++) {
		const struct rule *r = rs->rules[i].rule;
		for (size_t k = 0; r->kind == RULE_EVAL && k < r->arg_count; k++) {
			struct arg_pattern *p;
			struct perlre re = {.body = r->args[k]};
			struct str body, error;
			size_t offset;
			if (!takes_pattern(r->function, k) || perlre_translate(rs->arena, &re, &body))
				continue;
			p = arena_alloc(rs->arena, sizeof *p);
			p->text = r->args[k];
			p->re = regex_new(rs->arena, body, re.flags, &error, &offset);
			if (!p->re)
				conf_error(rs->conf->load, r->place, "rule %.*s: pattern '%.*s': %.*s",
				    STR_ARG(r->name), STR_ARG(p->text), STR_ARG(error));
			p->next = d->arg_patterns;
			d->arg_patterns = p;
		}
	}
}

struct eval_data *eval_data_new(struct ruleset *rs)
{
	struct eval_data *d = arena_alloc(rs->arena, sizeof *d);

	for (size_t i = 0; i < LISTS; i++)
		d->lists[i] = text_set_new(rs->arena);
	d->freemail = text_set_new(rs->arena);
	d->freemail_except = text_set_new(rs->arena);
	d->freemail_skip_bulk = true;
	for (const struct rule_setting *s = rs->conf->settings; s; s = s->next)
		add_setting(d, rs->arena, s);
	add_subjects(rs, d);
	compile_args(rs, d);
	return d;
}
