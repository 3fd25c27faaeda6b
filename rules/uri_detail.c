/*
 * uri_detail NAME key =~ /re/ key !~ /re/ ...: all conditions must hold for one and the same link.
 * Keys: raw, cleaned (all its writings), text (what the reader sees), domain, host, type (a img ... of
 * markup, parsed in text). A link that stands at several places is one, with all their types and texts.
 */
#include "rules/links.h"
#include "rules/perlre.h"
#include "rules/set.h"

static const char *const key_names[LINK_KEYS] = {"raw", "cleaned", "text", "domain", "host", "type"};

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
	for (test->key = 0; test->key < LINK_KEYS && !str_iis(word, key_names[test->key]); test->key++)
		;
	if (test->key == LINK_KEYS)
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

/* One value of the key is enough, for =~ and for !~; a link that has none never holds. */
static bool holds(struct matcher *m, const struct detail_test *test, struct link *link)
{
	const struct text_list *list = link_values(m, link, (enum link_key)test->key);

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
	for (struct link *link = links->first; link; link = link->next) {
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
