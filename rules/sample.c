/* Builds a message around each sample and looks whether its rule hits. */
#include "rules/sample.h"

#include "rules/set.h"

static struct str unescape(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char next = i + 1 < s.n ? s.p[i + 1] : '\0';
		if (s.p[i] == '\\' && (next == 'n' || next == 't' || next == '\\')) {
			p[n++] = next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
			i++;
		} else {
			p[n++] = s.p[i];
		}
	}
	return (struct str){p, n};
}

static bool starts_with_field(struct str s)
{
	size_t n = 0;

	while (n < s.n && (is_alnum(s.p[n]) || s.p[n] == '-'))
		n++;
	return n > 1 && n < s.n && s.p[n] == ':' && n + 1 < s.n && (is_space(s.p[n + 1]) || s.p[n + 1] == '"');
}

static bool wants_fields(const struct rule *r)
{
	switch (r->kind) {
	case RULE_HEADER:
	case RULE_MIMEHEADER:
	case RULE_FULL:
	case RULE_META:
	case RULE_EVAL:
		return true;
	default:
		return false;
	}
}

static struct str message_of(struct arena *a, const struct rule *r, struct str text)
{
	bool is_html = str_chr(text, '<') >= 0 && str_chr(text, '>') >= 0;

	if (wants_fields(r) && (starts_with_field(text) || r->kind == RULE_HEADER)) {
		if (str_find(text, STR("\n\n")) >= 0)
			return text;
		return arena_printf(a, "%.*s\n\nA few words.\n", STR_ARG(text));
	}
	return arena_printf(a, "From: a@example.org\nTo: b@example.net\nSubject: s\n"
	                       "MIME-Version: 1.0\nContent-Type: text/%s; charset=utf-8\n\n%.*s\n",
	    is_html ? "html" : "plain", STR_ARG(text));
}

static bool hits(const struct ruleset *rs, const struct rule *r, struct str text)
{
	struct arena *a = arena_new(0);
	struct match_options options = {.with_subrules = true};
	struct rule_target target;
	struct rule_result result;
	bool found = false;

	rule_target_parse(a, message_of(a, r, unescape(a, text)), &target);
	ruleset_match(rs, &target, &options, &result);
	for (size_t i = 0; i < result.n; i++)
		found |= result.v[i].rule == r;
	arena_free(a);
	return found;
}

static void run_one(const struct ruleset *rs, struct arena *a, const struct rule *r,
    const struct rule_sample *s, struct sample_results *out)
{
	struct sample_result *failed;
	bool did_hit = hits(rs, r, s->text);

	out->run++;
	if (did_hit == s->must_hit)
		return;
	failed = arena_alloc(a, sizeof *failed);
	*failed = (struct sample_result){r, s, did_hit, NULL};
	*out->last = failed;
	out->last = &failed->next;
	out->failed++;
}

void samples_run(const struct ruleset *rs, struct arena *a, struct sample_results *out)
{
	*out = (struct sample_results){.last = &out->first};
	for (size_t i = 0; i < ruleset_count(rs); i++) {
		const struct rule *r = ruleset_rule(rs, i);
		bool has_hit = false, has_miss = false;
		for (const struct rule_sample *s = r->samples; s; s = s->next) {
			run_one(rs, a, r, s, out);
			has_hit |= s->must_hit;
			has_miss |= !s->must_hit;
		}
		out->rules += r->samples != NULL;
		out->without += !(r->flags & RULE_IS_SUB) && !(has_hit && has_miss);
	}
}
