/*
 * Lists of hashes: addresses, links, pieces of text and tags of a message, each hashed (or as it is)
 * and asked about in a zone. Names and options as in the functions check_hashbl_*.
 */
#include "lib/hash.h"
#include "rules/ask/ask.h"
#include "rules/perlre.h"

enum { VALUES_MAX = 100, HASHES_MAX = 40, HASHES_DEFAULT = 10, LINES_OCTETS_MAX = 256 * 1024 };

enum hash_bit {
	HASH_KEEPS_CASE = 1 << 0,
	HASH_NO_DOT = 1 << 1,
	HASH_NO_TAG = 1 << 2,
	HASH_NO_URI = 1 << 3,
	HASH_NO_QUOTE = 1 << 4,
	HASH_USER = 1 << 5,
	HASH_HOST = 1 << 6,
	HASH_DOMAIN = 1 << 7,
	HASH_DIGITS = 1 << 8,
	HASH_IP = 1 << 9,
	HASH_IP4 = 1 << 10,
	HASH_IP6 = 1 << 11,
	HASH_REVERSED = 1 << 12,
	HASH_FQDN = 1 << 13,
	HASH_TLD = 1 << 14,
	HASH_TRIMMED = 1 << 15,
	HASH_RAW = 1 << 16,
	HASH_BY_MD5 = 1 << 17,
	HASH_BY_SHA1 = 1 << 18,
	HASH_BY_SHA256 = 1 << 19,
};

struct ask_hash {
	unsigned bits;
	size_t most;
	struct str source; /* fields of check_hashbl_emails; the tag */
	struct str acl;
	struct regex *re;
};

static const struct {
	const char *word;
	unsigned bits;
} options[] = {
    {"case", HASH_KEEPS_CASE}, {"nodot", HASH_NO_DOT}, {"notag", HASH_NO_TAG}, {"nouri", HASH_NO_URI},
    {"noquote", HASH_NO_QUOTE}, {"user", HASH_USER}, {"host", HASH_HOST}, {"domain", HASH_DOMAIN},
    {"num", HASH_DIGITS}, {"ip", HASH_IP}, {"ipv4", HASH_IP4}, {"ipv6", HASH_IP6}, {"revip", HASH_REVERSED},
    {"fqdn", HASH_FQDN}, {"tld", HASH_TLD}, {"trim", HASH_TRIMMED | HASH_FQDN | HASH_TLD}, {"raw", HASH_RAW},
    {"md5", HASH_BY_MD5}, {"sha1", HASH_BY_SHA1}, {"sha256", HASH_BY_SHA256},
};

/* ---- lines ---- */

/* "sha1/notag/max=10": words that are not in the table change nothing, as shuffle. */
static void take_options(struct str text, struct ask_hash *hash)
{
	struct str word;
	uint64_t n;

	while (str_split(&text, '/', &word)) {
		word = str_trim(word);
		if (str_istarts(word, STR("max=")) && str_u64(str_from(word, 4), &n) && n)
			hash->most = n < HASHES_MAX ? n : HASHES_MAX;
		for (size_t i = 0; i < sizeof options / sizeof *options; i++)
			if (str_iis(word, options[i].word))
				hash->bits |= options[i].bits;
	}
}

/* The parts that all functions have: list, options, and the test in its place. */
static const char *compile_common(struct ruleset *rs, const struct rule *r, struct ask_rule *ask, const char *options_default,
    size_t test)
{
	struct str list = r->arg_count ? r->args[0] : STR(""), given = r->arg_count > 1 ? r->args[1] : STR("");
	struct perlre re = {.body = r->arg_count > test && r->args[test].n ? r->args[test] : STR("^127\\.")};
	struct str body, error;
	const char *why;
	size_t offset;

	ask->hash = arena_alloc(rs->arena, sizeof *ask->hash);
	ask->hash->most = HASHES_DEFAULT;
	take_options(given.n ? given : str_of(options_default), ask->hash);
	ask->types[0] = str_iends(list, STR("/TXT")) ? DNS_TXT : DNS_A;
	if (str_iends(list, STR("/TXT")) || str_iends(list, STR("/A")))
		list = str_sub(list, 0, (size_t)str_rchr(list, '/'));
	ask->zone = ask_zone(list);
	if (!ask->zone.n)
		return "the first argument must be a zone";
	why = perlre_translate(rs->arena, &re, &body);
	if (why)
		return why;
	ask->test.kind = SUBTEST_PATTERN;
	ask->test.re = regex_new(rs->arena, body, re.flags, &error, &offset);
	return ask->test.re ? NULL : arena_cstr(rs->arena, error);
}

static const char *compile_emails(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	const struct rule *r = c->rule;
	const char *why = compile_common(rs, r, ask, "sha1/notag/noquote/max=10", 3);

	if (why)
		return why;
	ask->hash->source = r->arg_count > 2 && r->args[2].n ? r->args[2] : STR("ALLFROM/Reply-To/body");
	ask->hash->acl = r->arg_count > 4 ? r->args[4] : STR("");
	return NULL;
}

static const char *compile_uris(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	const char *why = compile_common(rs, c->rule, ask, "sha1/max=10", 2);

	return !why && ask->hash->bits & HASH_RAW ? "a link cannot be asked about as it is: it needs a hash" : why;
}

static const char *compile_text(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	const struct rule *r = c->rule;
	const char *why = compile_common(rs, r, ask, "sha1/max=10", 3);
	struct perlre re;
	struct str body, error;
	size_t offset;

	if (why)
		return why;
	if (r->arg_count < 3 || !r->args[2].n)
		return "the third argument must be a pattern";
	re = (struct perlre){.body = r->flags & RULE_REPLACE ? rules_replace(rs->conf, r->args[2], false) : r->args[2]};
	why = perlre_translate(rs->arena, &re, &body);
	if (why)
		return why;
	ask->hash->re = regex_new(rs->arena, body, re.flags, &error, &offset);
	return ask->hash->re ? NULL : arena_cstr(rs->arena, error);
}

static const char *compile_tag(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	const char *why = compile_common(rs, c->rule, ask, "sha1/max=10", 3);
	struct str tag = c->rule->arg_count > 2 ? c->rule->args[2] : STR("");

	if (why)
		return why;
	if (tag.n > 2 && tag.p[0] == '_' && tag.p[tag.n - 1] == '_')
		tag = str_sub(tag, 1, tag.n - 2);
	ask->hash->source = tag;
	return tag.n ? NULL : "the third argument must be a tag";
}

/* ---- values ---- */

struct values {
	struct str v[VALUES_MAX];
	size_t n;
};

static void add_value(struct values *list, struct str value)
{
	if (!value.n || list->n == VALUES_MAX)
		return;
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], value))
			return;
	list->v[list->n++] = value;
}

static struct str hashed(struct arena *a, unsigned bits, struct str value)
{
	uint8_t out[HASH_MAX];
	size_t n;

	if (bits & HASH_BY_SHA256) {
		n = hash_of(HASH_SHA256, value, out);
		return n ? str_lower(a, hash_base32(a, out, n)) : STR("");
	}
	if (!(bits & (HASH_BY_SHA1 | HASH_BY_MD5)))
		return value;
	n = hash_of(bits & HASH_BY_SHA1 ? HASH_SHA1 : HASH_MD5, value, out);
	return n ? hash_hex(a, out, n) : STR("");
}

static void ask_values(struct asker *k, uint32_t rule, const struct ask_rule *ask, const struct values *list)
{
	const struct text_set *ignored = k->m->rs->ask_policy->hash_ignored;
	struct arena *a = k->m->t->arena;
	size_t asked = 0;

	for (size_t i = 0; i < list->n && asked < ask->hash->most; i++) {
		struct str hash = hashed(a, ask->hash->bits, list->v[i]);
		if (!hash.n || text_set_has(ignored, str_lower(a, list->v[i])) || text_set_has(ignored, str_lower(a, hash)))
			continue;
		asked++;
		ask_put(k, rule, arena_printf(a, "%.*s.%.*s", STR_ARG(hash), STR_ARG(ask->zone)), ask->types[0],
		    ask_listed(k, list->v[i], ask->zone), ask_judge);
	}
}

/* ---- addresses ---- */

static void add_emails_of(struct asker *k, struct str text, struct values *list)
{
	const struct regex *re = k->m->rs->eval_data->patterns[P_EMAIL];
	struct regex_hit hit;
	size_t from = 0;

	while (list->n < VALUES_MAX && str_chr(str_from(text, from), '@') >= 0 &&
	       regex_match(re, k->m->scratch, text, from, &hit) == REGEX_MATCH) {
		add_value(list, str_sub(text, hit.start, hit.end - hit.start));
		from = hit.end > from ? hit.end : from + 1;
	}
}

static void add_body_emails(struct asker *k, unsigned bits, struct values *list)
{
	const struct content *content = k->m->t->content;
	size_t octets = 0;

	for (size_t i = 0; content && i < content->urls.n; i++) {
		const struct url *u = &content->urls.v[i];
		if (u->tag && strcmp(u->tag, "a") == 0 && str_istarts(u->raw, STR("mailto:")))
			add_emails_of(k, str_from(u->raw, strlen("mailto:")), list);
	}
	for (size_t i = 0; content && i < content->body_count && octets < LINES_OCTETS_MAX; i++) {
		struct str line = content->body[i];
		octets += line.n;
		if (str_chr(line, '@') < 0)
			continue;
		if (bits & HASH_NO_URI)
			line = eval_without(&k->call, P_URL_WITH_EMAIL, line);
		if (bits & HASH_NO_QUOTE)
			line = eval_without(&k->call, P_QUOTED_EMAIL, line);
		add_emails_of(k, line, list);
	}
}

static void add_field_emails(struct asker *k, struct str field, struct values *list)
{
	struct str v[EVAL_ADDRESSES_MAX], name;
	unsigned bits;
	size_t n;

	if (str_is(field, "ALLFROM")) {
		n = eval_from_addresses(&k->call, v, EVAL_ADDRESSES_MAX);
		for (size_t i = 0; i < n; i++)
			add_value(list, v[i]);
	} else if (rules_header_of(field, &name, &bits)) {
		add_emails_of(k, eval_header(&k->call, arena_cstr(k->m->t->arena, name), bits), list);
	}
}

/* A domain that is written in another way is the one that hashbl_email_domain_alias names. */
static struct str real_domain(const struct asker *k, struct str domain)
{
	for (const struct named_set *n = k->m->rs->ask_policy->hash_aliases; n; n = n->next)
		if (text_set_has(n->set, domain))
			return n->name;
	return domain;
}

static bool is_wanted(const struct asker *k, struct str acl, struct str domain)
{
	const struct named_set *n = named_set_find(k->m->rs->ask_policy->hash_acls, acl);

	if (str_is(acl, "all"))
		return true;
	if (acl.n)
		return n && text_set_has(n->set, domain) && !text_set_has(n->except, domain);
	return !ask_skips_domain(k, domain) && !ask_skips_domain(k, domain_registered(domain));
}

static struct str without_dots(struct arena *a, struct str user)
{
	struct buf out = {0};

	for (size_t i = 0; i < user.n; i++)
		if (user.p[i] != '.')
			buf_addc(&out, user.p[i]);
	return buf_take(&out, a);
}

static struct str query_of(struct arena *a, unsigned bits, struct str user, struct str domain)
{
	ptrdiff_t plus = str_chr(user, '+');

	if (bits & HASH_NO_DOT)
		user = without_dots(a, user);
	if (bits & HASH_NO_TAG && (plus = str_chr(user, '+')) >= 0)
		user = str_sub(user, 0, (size_t)plus);
	if (bits & HASH_DOMAIN)
		return domain_registered(domain);
	if (bits & HASH_HOST)
		return domain;
	return bits & HASH_USER ? user : arena_printf(a, "%.*s@%.*s", STR_ARG(user), STR_ARG(domain));
}

/* The message's own recipients and addresses of roles are not asked about. */
static bool is_own(struct asker *k, struct str email)
{
	static const char *const fields[] = {"X-Original-To", "Apparently-To", "Delivered-To", "Envelope-To"};
	struct str v[1];

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (eval_addresses(&k->call, fields[i], v, 1) && str_ieq(v[0], email))
			return true;
	return eval_like(&k->call, P_NO_FREEMAIL, email);
}

static void start_emails(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	const struct ask_hash *hash = ask->hash;
	struct values found = {.n = 0}, asked = {.n = 0};
	struct arena *a = k->m->t->arena;
	struct str fields = hash->source, field;

	while (str_split(&fields, '/', &field)) {
		if (str_is(str_trim(field), "body"))
			add_body_emails(k, hash->bits, &found);
		else
			add_field_emails(k, str_trim(field), &found);
	}
	for (size_t i = 0; i < found.n; i++) {
		ptrdiff_t at = str_rchr(found.v[i], '@');
		struct str domain = real_domain(k, str_lower(a, str_from(found.v[i], (size_t)at + 1))), query;
		if (!is_wanted(k, hash->acl, domain) || is_own(k, found.v[i]))
			continue;
		query = query_of(a, hash->bits, str_sub(found.v[i], 0, (size_t)at), domain);
		add_value(&asked, hash->bits & HASH_KEEPS_CASE ? query : str_lower(a, query));
	}
	ask_values(k, rule, ask, &asked);
}

/* ---- links, text, tags ---- */

static void start_uris(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	const struct content *content = k->m->t->content;
	struct values list = {.n = 0};

	for (size_t i = 0; content && i < content->urls.n; i++) {
		const struct url *u = &content->urls.v[i];
		bool is_link = !u->tag || strcmp(u->tag, "a") == 0;
		if (!is_link || !u->host.n || str_is(u->scheme, "mailto") || ask_skips_domain(k, u->host) ||
		    ask_skips_domain(k, u->domain))
			continue;
		add_value(&list, ask->hash->bits & HASH_KEEPS_CASE ? u->url : str_lower(k->m->t->arena, u->url));
	}
	ask_values(k, rule, ask, &list);
}

static struct str text_value(struct arena *a, unsigned bits, struct str text)
{
	struct buf out = {0};

	if (!(bits & HASH_KEEPS_CASE))
		text = str_lower(a, text);
	if (!(bits & HASH_DIGITS))
		return arena_str(a, text);
	for (size_t i = 0; i < text.n; i++)
		if (is_digit(text.p[i]))
			buf_addc(&out, text.p[i]);
	return buf_take(&out, a);
}

static void add_matches(struct asker *k, const struct ask_hash *hash, struct str line, struct values *list)
{
	struct regex_hit hit;
	size_t from = 0;

	while (from <= line.n && list->n < VALUES_MAX &&
	       regex_match(hash->re, k->m->scratch, line, from, &hit) == REGEX_MATCH) {
		struct str group = regex_group(k->m->scratch, line, 1);
		if (group.p)
			add_value(list, text_value(k->m->t->arena, hash->bits, group));
		from = hit.end > from ? hit.end : from + 1;
	}
}

static void start_text(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	const struct content *content = k->m->t->content;
	bool is_raw = k->call.rule->eval_on == RULE_RAWBODY;
	const struct str *lines = !content ? NULL : is_raw ? content->raw : content->body;
	size_t n = !content ? 0 : is_raw ? content->raw_count : content->body_count;
	struct values list = {.n = 0};

	if (k->call.rule->eval_on == RULE_FULL) {
		add_matches(k, ask->hash, str_sub(k->m->t->message, 0, LINES_OCTETS_MAX), &list);
		n = 0;
	}
	for (size_t i = 0; i < n && !matcher_is_over(k->m); i++)
		add_matches(k, ask->hash, lines[i], &list);
	ask_values(k, rule, ask, &list);
}

/* What a tag's value becomes; "" when the options leave it out. */
static struct str tag_value(struct arena *a, unsigned bits, struct str value)
{
	unsigned wants_ip = bits & (HASH_IP | HASH_IP4 | HASH_IP6);
	struct ip ip;
	char text[72];

	if (!(bits & HASH_KEEPS_CASE))
		value = str_lower(a, value);
	if (ip_parse(value, &ip)) {
		bool fits = bits & HASH_IP || (bits & HASH_IP4 && ip.family == 4) || (bits & HASH_IP6 && ip.family == 6);
		if (!fits && (wants_ip || bits & (HASH_FQDN | HASH_TLD)))
			return STR("");
		return bits & HASH_REVERSED ? arena_str(a, ip_reverse(&ip, text)) : value;
	}
	if (wants_ip && !(bits & (HASH_FQDN | HASH_TLD)))
		return STR("");
	if ((bits & HASH_FQDN && !ask_is_name(value, false)) || (bits & HASH_TLD && !host_is_public(value)))
		return STR("");
	return bits & HASH_TRIMMED ? domain_registered(value) : value;
}

static void start_tag(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str found[HASHES_MAX];
	struct values list = {.n = 0};
	size_t n = ask_tag_values(k, ask->hash->source, found, HASHES_MAX);

	for (size_t i = 0; i < n; i++)
		add_value(&list, tag_value(k->m->t->arena, ask->hash->bits, found[i]));
	ask_values(k, rule, ask, &list);
}

const struct ask_kind ask_hash_kinds[] = {
    {"check_hashbl_emails", false, false, compile_emails, start_emails, NULL},
    {"check_hashbl_uris", false, false, compile_uris, start_uris, NULL},
    {"check_hashbl_bodyre", false, false, compile_text, start_text, NULL},
    {"check_hashbl_tag", false, false, compile_tag, start_tag, NULL},
    {0},
};
