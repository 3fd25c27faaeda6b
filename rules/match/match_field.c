/* Header fields of a message, and those of its MIME parts, against the rules for them. */
#include "rules/set.h"

/* ---- header fields ---- */

static void run_absent(struct matcher *m, const struct field_slot *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (m->rs->rules[s->rules[i]].absent_hits)
			matcher_hit(m, s->rules[i], 1, STR(""));
}

static void run_exists(struct matcher *m, const struct field_slot *s)
{
	for (size_t i = 0; i < s->count; i++) {
		unsigned flags = m->rs->rules[s->rules[i]].flags;
		if (flags & RULE_EXISTS && !(flags & RULE_NEGATED))
			matcher_hit(m, s->rules[i], 1, STR(""));
	}
}

static bool found_in_field(void *arg, uint32_t rule, size_t at)
{
	struct matcher *m = arg;

	(void)at;
	if (m->seen[rule] || !matcher_has_enough(m, rule, 1))
		return true;
	m->seen[rule] = 1;
	matcher_run(m, rule, m->lines[0]);
	return !m->result->is_timed_out;
}

void match_one_text(struct matcher *m, const struct rule_group *g, const struct str *text)
{
	m->lines = text;
	m->line_count = 1;
	if (g->prefilter) {
		char *to;
		m->folded.n = 0;
		to = buf_reserve(&m->folded, text->n + 1);
		prefilter_fold(*text, to);
		prefilter_scan(g->prefilter, (struct str){to, text->n}, found_in_field, m);
	}
	for (size_t i = 0; i < g->always_count; i++) {
		const struct compiled_rule *c = &m->rs->rules[g->always[i]];
		/* Lazy ones are asked for later, where there is content. */
		if (c->re && (!c->is_lazy || m->runs_all || !m->t->content))
			matcher_run(m, g->always[i], *text);
	}
}

void match_fields(struct matcher *m)
{
	for (size_t i = 0; i < m->rs->field_count && !m->result->is_timed_out; i++) {
		const struct field_slot *s = &m->rs->fields[i];
		struct str text;
		if (!field_get(&m->fields, &s->spec, &text)) {
			run_absent(m, s);
			continue;
		}
		run_exists(m, s);
		match_one_text(m, &s->group, &text);
	}
}

/* ---- headers of MIME parts ---- */

/* Values may hold NULs, which an encoded word brings anywhere: no format may see them. */
static void add_line(struct buf *out, struct str value)
{
	buf_add(out, value);
	buf_addc(out, '\n');
}

static struct str part_value(struct matcher *m, const struct mime_part *part, const struct field_spec *spec,
    bool *ret_has)
{
	struct arena *a = m->t->arena;
	const struct header *h = headers_get(&part->headers, spec->name.p, 0);
	struct buf text = {0};
	struct str value;

	*ret_has = h != NULL;
	if (str_is(spec->name, "ALL")) {
		for (size_t i = 0; i < part->headers.n; i++) {
			buf_add(&text, part->headers.v[i].name);
			buf_adds(&text, ": ");
			add_line(&text, header_decode(a, field_unfold(a, part->headers.v[i].value)));
		}
		*ret_has = true;
		return buf_take(&text, a);
	}
	if (!h)
		return STR("");
	if (spec->modifiers & HEADER_RAW) {
		/* Headers of inner parts are read without the blanks behind the colon. */
		value = field_raw(a, h);
		while (part->parent && value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
			value = str_from(value, 1);
	} else {
		value = header_decode(a, field_unfold(a, h->value));
	}
	add_line(&text, value);
	return buf_take(&text, a);
}

static bool in_range(const struct compiled_rule *c, size_t number)
{
	return !(c->flags & RULE_RANGE) || (number >= c->rule->range_from && number <= c->rule->range_to);
}

struct part_text {
	struct str value;
	bool has; /* the part has the field */
};

/* The first part with a match is the one that counts, with all its matches. */
static void run_on_parts(struct matcher *m, uint32_t rule, const struct part_text *v, size_t n)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	for (size_t i = 0; i < n && m->counts[rule] == 0 && !m->result->is_timed_out; i++) {
		if (!in_range(c, i + 1))
			continue;
		if (v[i].has)
			matcher_run(m, rule, v[i].value);
		else if (c->absent_hits)
			matcher_hit(m, rule, 1, STR(""));
	}
}

/* A negated rule holds when no part matches. */
static void run_negated(struct matcher *m, uint32_t rule, const struct part_text *v, size_t n)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	for (size_t i = 0; i < n && !m->result->is_timed_out; i++) {
		struct str value = v[i].has ? v[i].value : c->rule->has_if_unset ? c->rule->if_unset : STR("");
		if (in_range(c, i + 1) && matcher_try(m, rule, value, 0, NULL) == REGEX_MATCH)
			return;
	}
	matcher_hit(m, rule, 1, STR(""));
}

static void run_joined(struct matcher *m, uint32_t rule, const struct part_text *v, size_t n)
{
	const struct rule *r = m->rs->rules[rule].rule;
	struct buf all = {0};

	/* A part without the field is a line all the same. */
	for (size_t i = 0; i < n; i++) {
		struct str value = v[i].has ? v[i].value : r->has_if_unset ? r->if_unset : STR("");
		if (!in_range(&m->rs->rules[rule], i + 1))
			continue;
		buf_add(&all, value);
		if (!value.n || value.p[value.n - 1] != '\n')
			buf_addc(&all, '\n');
	}
	matcher_run(m, rule, buf_take(&all, m->t->arena));
}

static void run_part_slot(struct matcher *m, const struct field_slot *s, size_t parts)
{
	struct part_text *v = arena_array(m->t->arena, parts, sizeof *v);
	size_t n = 0;

	for (struct mime_part *p = m->t->mime->root; p; p = mime_next(p)) {
		if (p->is_alternative_reading)
			continue;
		v[n].value = part_value(m, p, &s->spec, &v[n].has);
		n++;
	}
	for (size_t i = 0; i < s->count; i++) {
		unsigned flags = m->rs->rules[s->rules[i]].flags;
		if (flags & RULE_CONCAT)
			run_joined(m, s->rules[i], v, n);
		else if (flags & RULE_NEGATED)
			run_negated(m, s->rules[i], v, n);
		else
			run_on_parts(m, s->rules[i], v, n);
	}
}

void match_parts(struct matcher *m)
{
	size_t parts = 0;

	if (!m->t->mime || !m->t->mime->root)
		return;
	for (struct mime_part *p = m->t->mime->root; p; p = mime_next(p))
		parts++;
	for (size_t i = 0; i < m->rs->mime_field_count && !m->result->is_timed_out; i++)
		run_part_slot(m, &m->rs->mime_fields[i], parts);
}

const struct str *match_part_lines(struct matcher *m, const struct field_spec *spec, size_t *ret_n)
{
	struct mime_part *root = m->t->mime ? m->t->mime->root : NULL;
	struct str *out;
	size_t n = 0;
	bool has;

	for (struct mime_part *p = root; p; p = mime_next(p))
		n++;
	out = arena_array(m->t->arena, n, sizeof *out);
	n = 0;
	for (struct mime_part *p = root; p; p = mime_next(p)) {
		struct str value = part_value(m, p, spec, &has);
		if (has && !p->is_alternative_reading)
			out[n++] = value;
	}
	*ret_n = n;
	return out;
}
