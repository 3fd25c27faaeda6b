/* The manual, and the shipped policy against the filters that there really are. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/counters.h"
#include "gateway/manual.h"
#include "gateway/snapshot.h"
#include "tests/unit/unit.h"

static const char *page(struct arena *a)
{
	struct buf out = {0};

	manual_page(a, &out);
	buf_addc(&out, '\0');
	return buf_take(&out, a).p;
}

static const char *explain(struct arena *a, const char *name)
{
	struct buf out = {0};
	const char *near;
	bool found = manual_explain(a, str_of(name), &out, &near);

	if (!found)
		buf_addf(&out, "none, near %s", near ? near : "nothing");
	buf_addc(&out, '\0');
	return buf_take(&out, a).p;
}

/* A name as the page writes it. */
static bool has_name(struct arena *a, const char *text, const char *name)
{
	struct buf b = {0};

	buf_adds(&b, ".B ");
	for (; *name; name++)
		buf_addf(&b, *name == '-' ? "\\%c" : "%c", *name);
	buf_addc(&b, '\0');
	return strstr(text, buf_take(&b, a).p) != NULL;
}

static void check_directives(struct arena *a, const char *text, const struct directive *table)
{
	for (; table && table->name; table++) {
		if (!has_name(a, text, table->name))
			fail_msg("not in the page: directive %s", table->name);
		check_directives(a, text, table->block);
	}
}

static void page_is_complete(void **state)
{
	struct arena *a = arena_new(0);
	const char *text = page(a);

	(void)state;
	check_directives(a, text, config_directives);
	for (size_t i = 0; builtin_filters[i]; i++) {
		const struct filter *f = builtin_filters[i];

		check_directives(a, text, f->directives);
		for (const struct fact_def *d = f->facts; d && d->name; d++)
			assert_true(has_name(a, text, d->name));
		for (const struct finding_def *d = f->findings; d && d->name; d++)
			assert_true(has_name(a, text, d->name));
	}
	for (const struct policy_word *w = policy_actions; w->name; w++)
		assert_true(has_name(a, text, w->name));
	arena_free(a);
}

/* Lines that start with a dot are requests that man(7) has; there is no bare backslash. */
static void page_is_roff(void **state)
{
	static const char *const requests[] = {".\\\"", ".TH ", ".SH ", ".SS ", ".PP", ".TP", ".B ", ".BR ", ".RS", ".RE",
	    ".nf", ".fi"};
	struct arena *a = arena_new(0);
	struct str rest = str_of(page(a)), line;

	(void)state;
	while (str_split(&rest, '\n', &line)) {
		bool known = line.n == 0 || line.p[0] != '.';

		for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
			known |= str_starts(line, str_of(requests[i]));
		if (!known || (line.n && line.p[0] == '\''))
			fail_msg("no request: %.*s", STR_ARG(line));
	}
	arena_free(a);
}

static void names(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_non_null(strstr(explain(a, "directives"), "\n  hostname NAME\n"));
	assert_non_null(strstr(explain(a, "directive"), "\n      max-sessions NUMBER\n"));
	assert_non_null(strstr(explain(a, "max-sessions"), "directive in listen of the configuration:\n  max-sessions NUMBER\n"));
	assert_non_null(strstr(explain(a, "idle"), "default 5m; 1s to 1d"));
	assert_non_null(strstr(explain(a, "on-failure"), "directive in every filter:"));
	assert_non_null(strstr(explain(a, "score"), "directive in every filter:"));
	assert_non_null(strstr(explain(a, "score"), "\nfact:\n"));
	assert_non_null(strstr(explain(a, "dnsbl"), "filter dnsbl"));
	assert_non_null(strstr(explain(a, "spf"), "fact of filter spf:\n  spf (word, from mail on)"));
	assert_non_null(strstr(explain(a, "tempfail"), "action of policies:\n  tempfail [CODE]"));
	assert_non_null(strstr(explain(a, "in"), "operator of conditions:\n  A in LIST"));
	assert_string_equal(explain(a, "policy-default"), policy_default_text);
	assert_string_equal(explain(a, "hostnam"), "none, near hostname");
	assert_string_equal(explain(a, "qqqqqqqq"), "none, near nothing");
	arena_free(a);
}

/* The scenario counters.mt holds that what processes tell of has a row. */
static void counters_are_explained(void **state)
{
	struct arena *a = arena_new(0);
	const char *text = page(a), *topic = explain(a, "counters");

	(void)state;
	assert_non_null(strstr(topic, "\nsmtp\n  connections\n      clients that connected\n"));
	assert_non_null(strstr(topic, "\nrules\n  messages\n"));
	for (const struct counter *c = counters; c->group; c++)
		assert_true(c->help[0] && has_name(a, text, c->name) && strstr(topic, c->name));
	for (size_t i = 0; builtin_filters[i]; i++)
		for (const struct filter_counter *c = builtin_filters[i]->counters; c && c->name; c++)
			assert_true(c->help && c->help[0] && has_name(a, text, c->name) && strstr(topic, c->name));
	arena_free(a);
}

static void lines_are_short(void **state)
{
	static const char *const topics[] = {"syntax", "filters", "lists", "stages", "operators", "counters"};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		struct str rest = str_of(explain(a, topics[i])), line;

		while (str_split(&rest, '\n', &line))
			assert_true(line.n <= 100);
	}
	arena_free(a);
}

/* With every built-in filter: no error, and only facts of filters that are still to come are left out. */
static void default_policy(void **state)
{
	struct arena *a = arena_new(0);
	struct fact_registry *facts = fact_registry_new(a);
	struct buf out = {0};
	struct conf_load load;
	struct policy *p;

	(void)state;
	conf_load_init(&load, a);
	fact_registry_add(facts, core_facts);
	for (size_t i = 0; builtin_filters[i]; i++)
		assert_null(fact_registry_add(facts, builtin_filters[i]->facts));
	p = policy_new(&load, NULL, facts, lists_new(a, NULL), builtin_filters, NULL);
	conf_errors_print(&load, &out);
	assert_str(buf_str(&out), "");
	assert_non_null(p);
	print_message("%zu facts left out\n", policy_left_out(p));
	assert_true(policy_left_out(p) <= 4);
	buf_free(&out);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(page_is_complete),
	    cmocka_unit_test(page_is_roff),
	    cmocka_unit_test(names),
	    cmocka_unit_test(counters_are_explained), cmocka_unit_test(lines_are_short),
	    cmocka_unit_test(default_policy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
