/*
 * Texts of a policy in other languages: `language` blocks of the configuration. A statement takes
 * those of its own text when it is compiled; when it speaks for a recipient it looks for his language.
 */
#include "policy/program.h"

#include "core/session.h"

struct phrase {
	struct str language;
	const struct conf_token *from, *to;
	bool is_used;
	struct phrase *next;
};

struct policy_texts {
	struct arena *arena;
	struct phrase *first, **last;
};

struct policy_texts *policy_texts_new(struct arena *a)
{
	struct policy_texts *t = arena_alloc(a, sizeof *t);

	t->arena = a;
	t->last = &t->first;
	return t;
}

static bool is_known(const struct policy_texts *t, struct str language, struct str from)
{
	for (const struct phrase *p = t->first; p; p = p->next)
		if (str_ieq(p->language, language) && str_eq(p->from->text, from))
			return true;
	return false;
}

static void add_phrase(struct policy_texts *t, struct conf_load *load, const struct conf_node *node, struct str language)
{
	struct phrase *p;

	if (node->n != 2 || node->tokens[0].kind != TOKEN_STRING || node->tokens[1].kind != TOKEN_STRING) {
		conf_error(load, node->tokens[0].place, "expected \"TEXT OF THE POLICY\" \"THE SAME IN THIS LANGUAGE\";");
		return;
	}
	if (is_known(t, language, node->tokens[0].text)) {
		conf_error(load, node->tokens[0].place, "this text has a translation already");
		return;
	}
	p = arena_alloc(t->arena, sizeof *p);
	*p = (struct phrase){.language = language, .from = &node->tokens[0], .to = &node->tokens[1]};
	*t->last = p;
	t->last = &p->next;
}

void policy_texts_add(struct policy_texts *t, struct conf_load *load, const struct conf_node *node)
{
	if (!conf_expect_args(load, node, 1, 1, "NAME { \"TEXT\" \"TRANSLATION\"; ... }") || !conf_expect_block(load, node, true))
		return;
	for (const struct conf_node *child = node->children; child; child = child->next)
		if (conf_expect_block(load, child, false))
			add_phrase(t, load, child, node->tokens[1].text);
}

void texts_mark(struct compiler *c, struct str text)
{
	for (struct phrase *p = c->texts ? c->texts->first : NULL; p; p = p->next)
		p->is_used |= str_eq(p->from->text, text);
}

/* A mistake in a translation is one, in the default policy too. */
static bool compile_strictly(struct compiler *c, const struct conf_token *t, struct template *ret_template)
{
	bool was_lenient = c->is_lenient, ok;

	c->is_lenient = false;
	ok = compile_template(c, t, ret_template);
	c->is_lenient = was_lenient;
	return ok;
}

bool texts_compile(struct compiler *c, struct str text, struct translation **ret_first)
{
	struct translation **last = ret_first;
	bool ok = true;

	for (struct phrase *p = c->texts ? c->texts->first : NULL; p; p = p->next) {
		if (!str_eq(p->from->text, text))
			continue;
		*last = arena_alloc(c->arena, sizeof **last);
		(*last)->language = p->language;
		ok &= compile_strictly(c, p->to, &(*last)->text);
		last = &(*last)->next;
	}
	return ok;
}

void texts_check(struct compiler *c)
{
	if (c->texts && c->texts->first && !fact_def_find(c->facts, STR("settings.language")))
		conf_warning(c->load, c->texts->first->from->place, "nobody has a language: filter settings is not configured; add "
		    "\"filter settings;\"");
	for (const struct phrase *p = c->texts ? c->texts->first : NULL; p; p = p->next)
		if (!p->is_used)
			conf_warning(c->load, p->from->place, "no statement of the policy has the text %s",
			    conf_token_show(c->arena, p->from));
}

const struct template *texts_choose(const struct run *run, const struct statement *s)
{
	const struct fact *language;

	if (!s->translations || !run->policy->language)
		return &s->text;
	language = session_fact(run->session, run->recipient, run->policy->language);
	for (const struct translation *t = language ? s->translations : NULL; t; t = t->next)
		if (str_ieq(t->language, language->u.text))
			return &t->text;
	return &s->text;
}
