/*
 * askdns NAME TEMPLATE [TYPES [TEST]]: a name made of tags of the message, _AUTHORDOMAIN_ and the
 * like. A tag with several values makes several names, an empty one none.
 */
#include "rules/ask/ask.h"

#include "core/address.h"

enum { TAG_VALUES_MAX = 20, TAG_NAMES_MAX = 32, TAG_LENGTH_MAX = 64 };

/* ---- tags ---- */

static size_t add(struct str *out, size_t n, size_t most, struct str value)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(out[i], value))
			return n;
	if (value.n && n < most)
		out[n++] = value;
	return n;
}

static size_t add_field(struct asker *k, const char *name, unsigned modifiers, struct str *out, size_t most)
{
	struct arena *a = k->m->t->arena;
	struct str text = eval_header(&k->call, name, modifiers), line, ascii;
	size_t n = 0;

	while (str_split(&text, '\n', &line)) {
		line = str_trim(line);
		if (modifiers & HEADER_HOST && domain_to_ascii(a, line, &ascii))
			line = ascii;
		n = add(out, n, most, line);
	}
	return n;
}

/* The host of the oldest hop whose word we have from our own hosts. */
static const struct relay *last_external(struct asker *k)
{
	const struct relays *r = fields_relays(&k->m->fields);

	for (size_t i = 0; i < r->n; i++)
		if (!r->all[i].is_internal || i >= r->trusted)
			return &r->all[i];
	return NULL;
}

static struct str reversed(struct asker *k, const struct ip *ip)
{
	char text[72];

	return ip->family ? arena_str(k->m->t->arena, ip_reverse(ip, text)) : STR("");
}

static struct str relay_tag(struct asker *k, struct str name)
{
	const struct relays *r = fields_relays(&k->m->fields);
	const struct relay *last = last_external(k), *trusted = r->trusted ? &r->all[r->trusted - 1] : NULL;

	if (str_is(name, "FIRSTTRUSTEDIP"))
		return trusted ? trusted->ip : STR("");
	if (str_is(name, "FIRSTTRUSTEDREVIP"))
		return trusted ? reversed(k, &trusted->addr) : STR("");
	if (!last)
		return STR("");
	if (str_is(name, "LASTEXTERNALIP"))
		return last->ip;
	if (str_is(name, "LASTEXTERNALREVIP"))
		return reversed(k, &last->addr);
	if (str_is(name, "LASTEXTERNALRDNS"))
		return last->rdns;
	return str_is(name, "LASTEXTERNALHELO") ? last->helo : STR("");
}

static size_t add_all(struct str *out, size_t most, const struct str *v, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n = add(out, n, most, v[i]);
	return n;
}

static size_t header_tag(struct asker *k, struct str name, struct str *out, size_t most)
{
	struct str field;
	unsigned bits;

	if (!rules_header_of(str_sub(name, 7, name.n - 8), &field, &bits))
		return 0;
	return add_field(k, arena_cstr(k->m->t->arena, field), bits, out, most);
}

size_t ask_tag_values(struct asker *k, struct str name, struct str *out, size_t most)
{
	const struct rule_auth *auth = k->m->t->auth;

	if (str_is(name, "AUTHORDOMAIN"))
		return add_field(k, "From", HEADER_ADDR | HEADER_HOST, out, most);
	if (str_is(name, "SENDERDOMAIN"))
		return add_field(k, "EnvelopeFrom", HEADER_ADDR | HEADER_HOST | HEADER_FIRST, out, most);
	if (str_starts(name, STR("HEADER(")) && name.p[name.n - 1] == ')')
		return header_tag(k, name, out, most);
	if (str_is(name, "DKIMDOMAIN"))
		return auth ? add_all(out, most, auth->dkim_domains, auth->dkim_domain_count) : 0;
	if (str_is(name, "URIHOSTS") || str_is(name, "URIDOMAINS")) {
		ask_find_hosts(k);
		return add_all(out, most, str_is(name, "URIHOSTS") ? k->hosts : k->domains, k->host_count);
	}
	if (str_starts(name, STR("LASTEXTERNAL")) || str_starts(name, STR("FIRSTTRUSTED")))
		return add(out, 0, most, relay_tag(k, name));
	return capture_values(k->m, name, out, most);
}

/* ---- templates ---- */

/* Length of a tag "_NAME_" at the start of s; 0: none. */
static size_t tag_length(struct str s, struct str *ret_name)
{
	size_t n = 1;

	if (s.n < 3 || s.p[0] != '_' || !(s.p[1] >= 'A' && s.p[1] <= 'Z'))
		return 0;
	while (n < s.n && n < TAG_LENGTH_MAX && ((s.p[n] >= 'A' && s.p[n] <= 'Z') || is_digit(s.p[n])))
		n++;
	if (n < s.n && s.p[n] == '(') {
		ptrdiff_t close = str_find(str_from(s, n), STR(")_"));
		if (close < 0)
			return 0;
		n += (size_t)close + 1;
	}
	if (n >= s.n || s.p[n] != '_')
		return 0;
	*ret_name = str_sub(s, 1, n - 1);
	return n + 1;
}

static ask_answer tag_answered;

static void ask_name(struct asker *k, uint32_t rule, struct str name)
{
	const struct ask_rule *ask = k->m->rs->rules[rule].ask;

	name = ask_zone(name);
	for (size_t i = 0; i < ask->type_count && ask_is_name(name, true); i++)
		ask_put(k, rule, name, ask->types[i], name, tag_answered);
}

/*
 * The first tag of the rest with each of its values in its place, behind what is done: a value is
 * never looked at for tags again. As deep as the template has tags, *left names in all.
 */
static void expand(struct asker *k, uint32_t rule, struct str done, struct str rest, size_t *left)
{
	struct str values[TAG_VALUES_MAX], tag;
	size_t at = 0, length = 0, n;

	while (at < rest.n && !(length = tag_length(str_from(rest, at), &tag)))
		at++;
	done = arena_printf(k->m->t->arena, "%.*s%.*s", STR_ARG(done), (int)at, rest.p);
	if (!length) {
		--*left;
		ask_name(k, rule, done);
		return;
	}
	n = ask_tag_values(k, tag, values, TAG_VALUES_MAX);
	for (size_t i = 0; i < n && *left; i++)
		expand(k, rule, arena_printf(k->m->t->arena, "%.*s%.*s", STR_ARG(done), STR_ARG(values[i])),
		    str_from(rest, at + length), left);
}

static void start_tag(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	size_t left = TAG_NAMES_MAX;

	expand(k, rule, STR(""), ask->zone, &left);
}

static void tag_answered(struct asker *k, const struct question *q, const struct dns_answer *answer)
{
	const struct subtest *test = &k->m->rs->rules[q->rule].ask->test;
	bool hits = test->kind == SUBTEST_CODES && subtest_has_code(test, answer->status);

	for (size_t i = 0; answer->status == DNS_OK && i < answer->n && !hits; i++)
		hits = subtest_holds(test, k->m->scratch, subtest_record(k->m->t->arena, q->type, &answer->records[i]));
	if (hits && !matcher_is_settled(k->m, q->rule))
		matcher_hit(k->m, q->rule, 1, q->shown);
}

/* ---- lines ---- */

static void take_types(struct str list, struct ask_rule *ask)
{
	static const enum dns_type any[] = {DNS_A, DNS_MX, DNS_TXT};
	struct str word;

	if (str_iis(list, "ANY")) {
		memcpy(ask->types, any, sizeof any);
		ask->type_count = sizeof any / sizeof *any;
		return;
	}
	while (str_split(&list, ',', &word)) {
		if (ask->type_count == ASK_TYPES_MAX || !ask_type(word, &ask->types[ask->type_count]))
			ask->ignored = "asks for records that our resolver does not read";
		else
			ask->type_count++;
	}
}

/* Tags may hold blanks only in parentheses, which no field name has. */
static const char *compile_tag(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	struct str rest = c->rule->text, types;

	if (!str_word(&rest, &ask->zone))
		return "a name was expected";
	if (str_word(&rest, &types))
		take_types(types, ask);
	else
		take_types(STR("A"), ask);
	rest = str_trim(rest);
	return rest.n && !ask->ignored ? subtest_answer(rs->arena, rest, &ask->test) : NULL;
}

const struct ask_kind ask_tag_kind = {NULL, false, false, compile_tag, start_tag, NULL};
