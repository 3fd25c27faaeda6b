/*
 * Named groups in capitals, (?<NAME>...), keep what they matched; %{NAME} in another rule's pattern
 * stands for it, and %{HEADER(From:addr)} for a field. Rules that keep run first; rules that use are
 * compiled per message, once what they need is known. Bounded: CAPTURES_MAX texts of CAPTURE_TEXT_MAX octets, TEMPLATES_MAX patterns.
 */
#include "rules/rule.h"
#include "rules/set.h"

enum { CAPTURES_MAX = 50, CAPTURE_TEXT_MAX = 256, TEMPLATES_MAX = 100, PLACE_MAX = 64 };

struct captured {
	const char *name;
	struct str text;
	struct captured *next;
};

/* Length of a place "%{NAME}" at the start of s; 0: none. */
static size_t place_length(struct str s, struct str *ret_name)
{
	size_t n = 2;

	if (!str_starts(s, STR("%{")) || s.n < 4 || !(s.p[2] >= 'A' && s.p[2] <= 'Z'))
		return 0;
	while (n < s.n && n < PLACE_MAX && ((s.p[n] >= 'A' && s.p[n] <= 'Z') || is_digit(s.p[n]) || s.p[n] == '_'))
		n++;
	if (n >= s.n || s.p[n] != '}')
		return 0;
	*ret_name = str_sub(s, 2, n - 2);
	return n + 1;
}

/* "%{HEADER(From:addr)}" likewise: the value of a field. */
static size_t field_length(struct str s, struct str *ret_field)
{
	static const char head[] = "%{HEADER(";
	size_t start = sizeof head - 1;
	ptrdiff_t end;

	if (!str_starts(s, str_of(head)))
		return 0;
	end = str_find(str_from(s, start), STR(")}"));
	if (end <= 0 || end > PLACE_MAX)
		return 0;
	*ret_field = str_sub(s, start, (size_t)end);
	return start + (size_t)end + 2;
}

struct str capture_template(struct arena *a, struct str body, bool *ret_is_template)
{
	struct str name;

	(void)a;
	*ret_is_template = false;
	for (size_t i = 0; i < body.n; i++)
		if (place_length(str_from(body, i), &name) || field_length(str_from(body, i), &name))
			*ret_is_template = true;
	return body;
}

static void keep(struct matcher *m, const char *name, struct str text)
{
	struct captured *c;
	size_t n = 0;

	if (text.n == 0 || text.n > CAPTURE_TEXT_MAX)
		return;
	for (c = m->captured; c; c = c->next)
		if (++n == CAPTURES_MAX || (!strcmp(c->name, name) && str_eq(c->text, text)))
			return;
	c = arena_alloc(m->t->arena, sizeof *c);
	c->name = name;
	c->text = arena_str(m->t->arena, text);
	c->next = m->captured;
	m->captured = c;
}

static void run_capture(struct matcher *m, uint32_t rule)
{
	const struct compiled_rule *c = &m->rs->rules[rule];
	size_t n;
	const struct str *lines = matcher_lines(m, c, &n);

	if (n == 0 && c->absent_hits)
		matcher_hit(m, rule, 1, STR(""));
	for (size_t i = 0; i < n && !matcher_is_over(m); i++) {
		matcher_run(m, rule, lines[i]);
		if (regex_match(c->re, m->scratch, lines[i], 0, NULL) != REGEX_MATCH)
			continue;
		for (size_t g = 1; g <= regex_group_count(c->re); g++)
			if (regex_group_name(c->re, g))
				keep(m, regex_group_name(c->re, g), regex_group(m->scratch, lines[i], g));
	}
}

static void add_quoted(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (!is_alnum(text.p[i]) && (unsigned char)text.p[i] < 0x80)
			buf_addc(out, '\\');
		buf_addc(out, text.p[i]);
	}
}

/* All texts kept under the name, as alternatives; false when there is none. */
static bool add_captured(struct buf *out, const struct captured *list, struct str name)
{
	bool any = false;

	buf_adds(out, "(?:");
	for (const struct captured *c = list; c; c = c->next) {
		if (!str_is(name, c->name))
			continue;
		if (any)
			buf_addc(out, '|');
		add_quoted(out, c->text);
		any = true;
	}
	buf_addc(out, ')');
	return any;
}

/* The value of a field in a place, "" when there is none. */
static struct str field_value(struct matcher *m, struct str field)
{
	struct str name;
	unsigned bits;

	if (!rules_header_of(field, &name, &bits))
		return STR("");
	return str_trim(field_text(&m->fields, arena_cstr(m->t->arena, name), bits));
}

static struct regex *fill(struct matcher *m, const struct compiled_rule *c)
{
	struct buf out = {0};
	struct str name, error;
	size_t offset, n;
	struct regex *re = NULL;
	bool ok = true;

	for (size_t i = 0; i < c->template.n && ok; i += n) {
		n = place_length(str_from(c->template, i), &name);
		if (n) {
			ok = add_captured(&out, m->captured, name);
		} else if ((n = field_length(str_from(c->template, i), &name))) {
			add_quoted(&out, field_value(m, name));
		} else {
			buf_addc(&out, c->template.p[i]);
			n = 1;
		}
	}
	if (ok)
		re = regex_new(m->t->arena, buf_str(&out), c->template_flags, &error, &offset);
	buf_free(&out);
	return re;
}

/* Whether something kept under the name stands in a line: seldom, and compiling takes long. */
static bool stands_in(const struct captured *list, struct str name, const struct str *lines, size_t n)
{
	for (const struct captured *c = list; c; c = c->next)
		for (size_t i = 0; str_is(name, c->name) && i < n; i++)
			if (str_ifind(lines[i], c->text) >= 0)
				return true;
	return false;
}

static bool can_match(struct matcher *m, const struct compiled_rule *c, const struct str *lines, size_t n)
{
	struct str name;
	size_t length;

	for (size_t i = 0; i < c->template.n; i += length ? length : 1) {
		struct captured field = {.name = ""};
		length = place_length(str_from(c->template, i), &name);
		if (length && !stands_in(m->captured, name, lines, n))
			return false;
		if (length || !(length = field_length(str_from(c->template, i), &name)))
			continue;
		field.text = field_value(m, name);
		if (!field.text.n || !stands_in(&field, STR(""), lines, n))
			return false;
	}
	return true;
}

static void run_template(struct matcher *m, uint32_t rule)
{
	const struct compiled_rule *c = &m->rs->rules[rule];
	struct regex_hit hit;
	size_t n;
	const struct str *lines = matcher_lines(m, c, &n);
	struct regex *re = can_match(m, c, lines, n) ? fill(m, c) : NULL;

	if (!re)
		return;
	for (size_t i = 0; i < n; i++) {
		m->result->runs++;
		if (regex_match(re, m->scratch, lines[i], 0, &hit) != REGEX_MATCH)
			continue;
		matcher_hit(m, rule, 1, str_sub(lines[i], hit.start, hit.end - hit.start));
		return;
	}
}

size_t capture_values(const struct matcher *m, struct str name, struct str *out, size_t most)
{
	size_t n = 0;

	for (const struct captured *c = m->captured; c && n < most; c = c->next)
		if (str_is(name, c->name))
			out[n++] = c->text;
	return n;
}

void capture_run(struct matcher *m)
{
	for (size_t i = 0; i < m->rs->capture_count && !matcher_is_over(m); i++)
		run_capture(m, m->rs->captures[i]);
	for (size_t i = 0; i < m->rs->template_count && i < TEMPLATES_MAX; i++)
		if (!matcher_is_over(m))
			run_template(m, m->rs->templates[i]);
}
