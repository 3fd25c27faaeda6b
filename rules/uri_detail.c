/*
 * uri_detail NAME key =~ /re/ key !~ /re/ ...: all conditions must hold for one and the same link.
 * Keys: raw, cleaned, text (what the reader sees), domain, host, type (a img parsed).
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
	struct detail_test **last = &c->details;

	while (str_trim(rest).n) {
		struct detail_test *test = arena_alloc(rs->arena, sizeof *test);
		const char *error = read_test(rs, &rest, test);
		if (error)
			return error;
		*last = test;
		last = &test->next;
	}
	return c->details ? NULL : "a condition was expected";
}

static struct str key_text(const struct url *url, int key)
{
	switch (key) {
	case KEY_RAW:
		return url->raw;
	case KEY_CLEANED:
		return url->url;
	case KEY_TEXT:
		return url->anchor;
	case KEY_DOMAIN:
		return url->domain;
	case KEY_HOST:
		return url->host;
	default:
		return url->source == URL_FROM_HREF    ? STR("a")
		       : url->source == URL_FROM_IMAGE ? STR("img")
		                                       : STR("parsed");
	}
}

static bool holds(struct matcher *m, const struct detail_test *test, const struct url *url)
{
	enum regex_result r = regex_match(test->re, m->scratch, key_text(url, test->key), 0, NULL);

	m->result->runs++;
	return r != REGEX_LIMIT && (r == REGEX_MATCH) != test->is_negated;
}

static void run_detail(struct matcher *m, uint32_t rule)
{
	const struct urls *urls = &m->t->content->urls;

	for (size_t i = 0; i < urls->n; i++) {
		const struct detail_test *test = m->rs->rules[rule].details;
		while (test && holds(m, test, &urls->v[i]))
			test = test->next;
		if (!test) {
			matcher_hit(m, rule, 1, urls->v[i].url);
			return;
		}
	}
}

void detail_run(struct matcher *m)
{
	for (size_t i = 0; m->t->content && i < m->rs->detail_count && !matcher_is_over(m); i++)
		run_detail(m, m->rs->details[i]);
}
