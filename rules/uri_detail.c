/*
 * uri_detail NAME key =~ /re/ key !~ /re/ ...: all conditions must hold for one and the same link.
 * Keys: raw, cleaned (all its writings), text (what the reader sees), domain, host, type (a img ... of
 * markup, parsed in text). A link that stands at several places is one, with all their types and texts.
 */
#include "rules/perlre.h"
#include "rules/set.h"

enum detail_key { KEY_RAW, KEY_CLEANED, KEY_TEXT, KEY_DOMAIN, KEY_HOST, KEY_TYPE, KEYS };

static const char *const key_names[KEYS] = {"raw", "cleaned", "text", "domain", "host", "type"};

/* End of a pattern at the start of s: behind its flags; 0 when there is none. */
static size_t pattern_end(struct str s)
{
	static const char opens[] = "{(<[", closes[] = "})>]";
	size_t i = 0, depth = 0;
	const char *pair;
	char open, close;

	if (s.n > 1 && s.p[0] == 'm')
		i = 1;
	if (i >= s.n)
		return 0;
	open = s.p[i++];
	pair = strchr(opens, open);
	close = pair && open ? closes[pair - opens] : open;
	for (; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == close && depth == 0)
			break;
		else if (s.p[i] == open && open != close)
			depth++;
		else if (s.p[i] == close)
			depth--;
	}
	if (i >= s.n)
		return 0;
	for (i++; i < s.n && is_alpha(s.p[i]); i++)
		;
	return i;
}

static const char *read_test(struct ruleset *rs, struct str *rest, struct detail_test *test)
{
	struct str word, written, body, error;
	struct perlre re;
	const char *why;
	size_t n, offset;

	if (!str_word(rest, &word))
		return "a key was expected";
	for (test->key = 0; test->key < KEYS && !str_iis(word, key_names[test->key]); test->key++)
		;
	if (test->key == KEYS)
		return "the key must be raw, cleaned, text, domain, host or type";
	if (!str_word(rest, &word) || !(str_is(word, "=~") || str_is(word, "!~")))
		return "=~ or !~ was expected behind the key";
	test->is_negated = word.p[0] == '!';
	*rest = str_trim(*rest);
	n = pattern_end(*rest);
	written = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	why = n ? perlre_split(written, &re) : "a pattern was expected";
	if (!why)
		why = perlre_translate(rs->arena, &re, &body);
	if (why)
		return why;
	test->re = regex_new(rs->arena, body, re.flags, &error, &offset);
	return test->re ? NULL : arena_cstr(rs->arena, error);
}

const char *detail_compile(struct ruleset *rs, struct compiled_rule *c)
{
	struct str rest = c->rule->text;
	struct detail_test **last;

	while (str_trim(rest).n) {
		struct detail_test *test = arena_alloc(rs->arena, sizeof *test);
		const char *error = read_test(rs, &rest, test);
		if (error)
			return error;
		/* Of two conditions on one key the later counts. */
		for (last = &c->details; *last && (*last)->key != test->key; last = &(*last)->next)
			;
		test->next = *last ? (*last)->next : NULL;
		*last = test;
	}
	return c->details ? NULL : "a condition was expected";
}

/* ---- links, each once ---- */

enum { GROUP_SLOTS = 256, TYPES_MAX = 8, HOSTS_MAX = 8, TEXTS_MAX = 16 };

struct text_list {
	struct str *v;
	size_t n;
};

/* One link, however often and in whatever way the message has it. */
struct link {
	struct str raw;
	struct text_list values[KEYS];
	struct link *next, *slot_next;
};

struct links {
	struct link *first, **last, *slots[GROUP_SLOTS];
};

static void add_value(struct arena *a, struct text_list *list, struct str value, size_t most)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], value))
			return;
	if (!list->v)
		list->v = arena_array(a, most, sizeof *list->v);
	if (list->n < most)
		list->v[list->n++] = value;
}

/* Hosts of all writings, and what is registered of them. */
static void add_hosts(struct matcher *m, struct link *link)
{
	const struct text_list *cleaned = &link->values[KEY_CLEANED];
	struct arena *a = m->t->arena;
	struct str host, domain;

	for (size_t i = 0; i < cleaned->n; i++) {
		if (!url_domain(a, cleaned->v[i], &host, &domain))
			continue;
		add_value(a, &link->values[KEY_HOST], host, HOSTS_MAX);
		add_value(a, &link->values[KEY_DOMAIN], registry_domain(m->rs->registry, host), HOSTS_MAX);
	}
}

static struct link *new_link(struct matcher *m, struct links *links, struct str raw, struct link **slot)
{
	struct arena *a = m->t->arena;
	struct link *link = arena_alloc(a, sizeof *link);
	struct text_list *cleaned = &link->values[KEY_CLEANED];

	link->raw = raw;
	add_value(a, &link->values[KEY_RAW], raw, 1);
	cleaned->v = url_variants(a, raw, &cleaned->n);
	add_hosts(m, link);
	link->slot_next = *slot;
	*slot = *links->last = link;
	links->last = &link->next;
	return link;
}

static struct str type_of(const struct url *u)
{
	if (u->tag)
		return str_of(u->tag);
	return u->source == URL_FROM_HREF ? STR("a") : u->source == URL_FROM_IMAGE ? STR("img") : STR("parsed");
}

static void add_url(struct matcher *m, struct links *links, const struct url *u)
{
	struct str raw = u->is_schemeless ? u->url : u->raw, type = type_of(u);
	struct link **slot = &links->slots[str_hash(raw) % GROUP_SLOTS], *link = *slot;
	struct arena *a = m->t->arena;

	while (link && !str_eq(link->raw, raw))
		link = link->slot_next;
	if (!link)
		link = new_link(m, links, raw, slot);
	add_value(a, &link->values[KEY_TYPE], type, TYPES_MAX);
	if (str_is(type, "a"))
		add_value(a, &link->values[KEY_TEXT], u->anchor, TEXTS_MAX);
}

/* No writing of its own, and three types. */
static void add_signer(struct matcher *m, struct links *links, struct str domain)
{
	static const char *const types[] = {"domainkeys", "nocanon", "noclean"};
	struct arena *a = m->t->arena;
	struct link *link = arena_alloc(a, sizeof *link);

	link->raw = arena_printf(a, "domainkeys:%.*s", STR_ARG(domain));
	add_value(a, &link->values[KEY_RAW], link->raw, 1);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		add_value(a, &link->values[KEY_TYPE], str_of(types[i]), TYPES_MAX);
	add_value(a, &link->values[KEY_HOST], domain, 1);
	add_value(a, &link->values[KEY_DOMAIN], registry_domain(m->rs->registry, domain), 1);
	*links->last = link;
	links->last = &link->next;
}

static const struct links *message_links(struct matcher *m)
{
	const struct urls *urls = &m->t->content->urls;
	struct links *links = arena_alloc(m->t->arena, sizeof *links);
	struct str signers[SIGNERS_MAX];
	size_t n;

	links->last = &links->first;
	for (size_t i = 0; i < urls->n; i++)
		add_url(m, links, &urls->v[i]);
	n = signer_domains(m, signers);
	for (size_t i = 0; i < n; i++)
		add_signer(m, links, signers[i]);
	return links;
}

/* One value of the key is enough, for =~ and for !~; a link that has none never holds. */
static bool holds(struct matcher *m, const struct detail_test *test, const struct link *link)
{
	const struct text_list *list = &link->values[test->key];

	for (size_t i = 0; i < list->n; i++) {
		enum regex_result r = regex_match(test->re, m->scratch, list->v[i], 0, NULL);
		m->result->runs++;
		if (r != REGEX_LIMIT && (r == REGEX_MATCH) != test->is_negated)
			return true;
	}
	return false;
}

static void run_detail(struct matcher *m, uint32_t rule, const struct links *links)
{
	for (const struct link *link = links->first; link; link = link->next) {
		const struct detail_test *test = m->rs->rules[rule].details;
		while (test && holds(m, test, link))
			test = test->next;
		if (!test) {
			matcher_hit(m, rule, 1, link->raw);
			return;
		}
	}
}

void detail_run(struct matcher *m)
{
	const struct links *links;

	if (!m->t->content || m->rs->detail_count == 0)
		return;
	links = message_links(m);
	for (size_t i = 0; i < m->rs->detail_count && !matcher_is_over(m); i++) {
		run_detail(m, m->rs->details[i], links);
		matcher_check_clock(m, 0);
	}
}
