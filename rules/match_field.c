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
	for (size_t i = 0; i < g->always_count; i++)
		if (m->rs->rules[g->always[i]].re)
			matcher_run(m, g->always[i], *text);
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

static struct str part_value(struct matcher *m, const struct mime_part *part, const struct field_spec *spec,
    bool *ret_has)
{
	struct arena *a = m->t->arena;
	const struct header *h = headers_get(&part->headers, spec->name.p, 0);
	struct str value;

	*ret_has = h != NULL;
	if (str_is(spec->name, "ALL")) {
		struct buf all = {0};
		for (size_t i = 0; i < part->headers.n; i++)
			buf_addf(&all, "%.*s: %.*s\n", STR_ARG(part->headers.v[i].name),
			    STR_ARG(header_decode(a, header_unfold(a, part->headers.v[i].value))));
		*ret_has = true;
		return buf_take(&all, a);
	}
	if (!h)
		return STR("");
	if (spec->modifiers & HEADER_RAW) {
		/* Part headers are read without the blanks behind the colon. */
		value = field_raw(a, h);
		while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
			value = str_from(value, 1);
	} else {
		value = header_decode(a, header_unfold(a, h->value));
	}
	return arena_printf(a, "%.*s\n", STR_ARG(value));
}

static bool in_range(const struct compiled_rule *c, size_t number)
{
	return !(c->flags & RULE_RANGE) || (number >= c->rule->range_from && number <= c->rule->range_to);
}

/* A negated rule holds when no part matches; the others when any does. */
static void run_part_rule(struct matcher *m, uint32_t rule, struct str value, bool has, size_t number)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	if (!in_range(c, number) || m->result->is_timed_out)
		return;
	if (!has && !c->rule->has_if_unset)
		value = STR("");
	else if (!has)
		value = c->rule->if_unset;
	if (!(c->flags & RULE_NEGATED))
		matcher_run(m, rule, value);
	else if (m->seen[rule] != UINT32_MAX && matcher_try(m, rule, value, 0, NULL) == REGEX_MATCH)
		m->seen[rule] = UINT32_MAX;
}

static void run_part_slot(struct matcher *m, const struct field_slot *s)
{
	struct buf all = {0};
	size_t number = 0;
	bool has;

	for (struct mime_part *p = m->t->mime->root; p; p = mime_next(p)) {
		struct str value = part_value(m, p, &s->spec, &has);
		number++;
		if (p->is_alternative_reading)
			continue;
		buf_add(&all, value);
		for (size_t i = 0; i < s->count; i++)
			if (!(m->rs->rules[s->rules[i]].flags & RULE_CONCAT))
				run_part_rule(m, s->rules[i], value, has, number);
	}
	for (size_t i = 0; i < s->count; i++) {
		unsigned flags = m->rs->rules[s->rules[i]].flags;
		if (flags & RULE_CONCAT)
			matcher_run(m, s->rules[i], arena_str(m->t->arena, buf_str(&all)));
		else if (flags & RULE_NEGATED && m->seen[s->rules[i]] != UINT32_MAX)
			matcher_hit(m, s->rules[i], 1, STR(""));
	}
	buf_free(&all);
}

void match_parts(struct matcher *m)
{
	if (!m->t->mime || !m->t->mime->root)
		return;
	for (size_t i = 0; i < m->rs->mime_field_count && !m->result->is_timed_out; i++)
		run_part_slot(m, &m->rs->mime_fields[i]);
}
