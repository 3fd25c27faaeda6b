/*
 * replace_tag, replace_pre, replace_inter, replace_post: templates for obfuscated words. A pattern
 * of a rule that replace_rules names has <TAG> places; they are filled in, repeatedly while tags
 * hold tags, bounded by passes and by the size of the result.
 */
#include "rules/rule.h"

enum { PASSES_MAX = 6, CALLS_MAX = 200 };

struct modifiers {
	struct str pre, post, inter;
};

struct calls {
	struct str names[CALLS_MAX];
	size_t n;
};

static struct str tag_value(const struct rule_tag *tags, struct str name)
{
	for (const struct rule_tag *t = tags; t; t = t->next)
		if (str_eq(t->name, name))
			return t->value;
	return STR_NONE;
}

/* "<word NAME>" somewhere: cuts it out and returns the value of NAME in tags. */
static struct str cut_modifier(struct rules_conf *conf, struct str *pattern, const char *word,
    const struct rule_tag *tags)
{
	struct str head = arena_printf(conf->arena, "%.*s%s ", STR_ARG(conf->replace_start), word);
	ptrdiff_t at = str_find(*pattern, head), end;
	struct str rest, name;
	struct buf out = {0};

	if (at < 0)
		return STR_NONE;
	rest = str_from(*pattern, (size_t)at + head.n);
	end = str_find(rest, conf->replace_end);
	if (end <= 0)
		return STR_NONE;
	name = str_sub(rest, 0, (size_t)end);
	buf_add(&out, str_sub(*pattern, 0, (size_t)at));
	buf_add(&out, str_from(rest, (size_t)end + conf->replace_end.n));
	*pattern = buf_take(&out, conf->arena);
	return tag_value(tags, name);
}

/* Length of a place "<...>" at the start of s, without < or > inside; 0: none. */
static size_t place_length(const struct rules_conf *conf, struct str s)
{
	struct str inner;
	ptrdiff_t end;

	if (!str_starts(s, conf->replace_start))
		return 0;
	inner = str_from(s, conf->replace_start.n);
	end = str_find(inner, conf->replace_end);
	if (end <= 0 || str_find(str_sub(inner, 0, (size_t)end), conf->replace_start) >= 0)
		return 0;
	return conf->replace_start.n + (size_t)end + conf->replace_end.n;
}

static struct str place_name(const struct rules_conf *conf, struct str place)
{
	return str_sub(place, conf->replace_start.n,
	    place.n - conf->replace_start.n - conf->replace_end.n);
}

static bool calls_add(struct calls *calls, struct str name)
{
	for (size_t i = 0; i < calls->n; i++)
		if (str_eq(calls->names[i], name))
			return true;
	if (calls->n == CALLS_MAX)
		return false;
	calls->names[calls->n++] = name;
	return true;
}

/* The value itself, or with calls a call of the group that holds it. */
static void fill(struct buf *out, struct str name, struct str value, bool nests, struct calls *calls)
{
	if (calls && !nests && value.n > 16 && name.n < 20 && calls_add(calls, name)) {
		buf_addf(out, "(?&t_%.*s)", STR_ARG(name));
		return;
	}
	buf_add(out, value);
}

static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '_')
			return false;
	return s.n > 0;
}

/* One pass over all places; ret_again: something that was filled in holds places itself. */
static struct str pass(struct rules_conf *conf, struct str pattern, const struct modifiers *m,
    struct calls *calls, bool *ret_again)
{
	struct buf out = {0};
	size_t last_place = SIZE_MAX;

	*ret_again = false;
	for (size_t i = 0; i < pattern.n && out.n <= RULE_EXPANDED_MAX;) {
		struct str rest = str_from(pattern, i), name, value;
		size_t n = place_length(conf, rest);
		if (n == 0) {
			buf_addc(&out, pattern.p[i++]);
			continue;
		}
		name = place_name(conf, str_sub(rest, 0, n));
		value = tag_value(conf->tags, name);
		if (last_place == i)
			buf_add(&out, m->inter);
		buf_add(&out, m->pre);
		if (value.n) {
			bool nests = str_find(value, conf->replace_start) >= 0;
			fill(&out, name, value, nests, is_word(name) ? calls : NULL);
			*ret_again |= nests;
		} else {
			buf_add(&out, str_sub(rest, 0, n));
		}
		buf_add(&out, m->post);
		i += n;
		last_place = i;
	}
	return buf_take(&out, conf->arena);
}

static struct str with_definitions(struct rules_conf *conf, struct str pattern, const struct calls *calls)
{
	struct buf out = {0};

	if (calls->n == 0)
		return pattern;
	buf_adds(&out, "(?(DEFINE)");
	for (size_t i = 0; i < calls->n; i++)
		buf_addf(&out, "(?<t_%.*s>%.*s)", STR_ARG(calls->names[i]),
		    STR_ARG(tag_value(conf->tags, calls->names[i])));
	buf_addc(&out, ')');
	buf_add(&out, pattern);
	return buf_take(&out, conf->arena);
}

struct str rules_replace(struct rules_conf *conf, struct str pattern, bool as_calls)
{
	struct calls calls = {.n = 0};
	bool again = true;

	for (unsigned i = 0; i < PASSES_MAX && again && pattern.n <= RULE_EXPANDED_MAX; i++) {
		struct modifiers m;
		m.pre = cut_modifier(conf, &pattern, "pre", conf->pres);
		m.post = cut_modifier(conf, &pattern, "post", conf->posts);
		m.inter = cut_modifier(conf, &pattern, "inter", conf->inters);
		pattern = pass(conf, pattern, &m, as_calls ? &calls : NULL, &again);
	}
	return with_definitions(conf, pattern, &calls);
}

/* ---- patterns that are too large when repeats are written out ---- */

enum { SHRINK_MIN = 200 };

/* Behind the ] of the class that starts at i. */
static size_t class_end(struct str p, size_t i)
{
	size_t first = i + 1 + (i + 1 < p.n && p.p[i + 1] == '^');

	for (i = first; i < p.n && (p.p[i] != ']' || i == first); i++)
		i += p.p[i] == '\\';
	return i + 1;
}

/* Behind the ) of the group that starts at i; 0: there is none. */
static size_t group_end(struct str p, size_t i)
{
	unsigned depth = 0;

	while (i < p.n) {
		char c = p.p[i];
		if (c == '[') {
			i = class_end(p, i);
			continue;
		}
		depth += c == '(';
		i += c == '\\' ? 2 : 1;
		if (c == ')' && --depth == 0)
			return i;
	}
	return 0;
}

/* "{5}" at i: the number, and where it ends; 0: something else. */
static unsigned exact_count(struct str p, size_t i, size_t *ret_end)
{
	unsigned n = 0;

	if (i >= p.n || p.p[i] != '{')
		return 0;
	for (i++; i < p.n && is_digit(p.p[i]) && n < 1000; i++)
		n = n * 10 + (unsigned)(p.p[i] - '0');
	*ret_end = i + 1;
	return i < p.n && p.p[i] == '}' ? n : 0;
}

static bool refers_back(struct str p)
{
	for (size_t i = 0; i + 1 < p.n; i++)
		if (p.p[i] == '\\' && (is_digit(p.p[++i]) || p.p[i] == 'g' || p.p[i] == 'k'))
			return true;
	return false;
}

struct str rules_shrink(struct rules_conf *conf, struct str pattern)
{
	struct buf out = {0};
	unsigned groups = 0;

	if (refers_back(pattern))
		return pattern;
	for (size_t i = 0; i < pattern.n;) {
		size_t end = str_starts(str_from(pattern, i), STR("(?:")) ? group_end(pattern, i) : 0, after = 0;
		unsigned count = end ? exact_count(pattern, end, &after) : 0;
		if (count > 1 && end - i > SHRINK_MIN) {
			groups++;
			buf_addf(&out, "(?<r_%u>%.*s(?&r_%u){%u}", groups, STR_ARG(str_sub(pattern, i + 3, end - i - 3)), groups,
			    count - 1);
			i = after;
		} else if (pattern.p[i] == '[') {
			end = class_end(pattern, i);
			buf_add(&out, str_sub(pattern, i, end - i));
			i = end;
		} else {
			end = i + (pattern.p[i] == '\\' ? 2 : 1);
			buf_add(&out, str_sub(pattern, i, end - i));
			i = end;
		}
	}
	return buf_take(&out, conf->arena);
}
