/*
 * reevectl rules lint|list|cost|test [FILE...]: looks at rule files without any mail flowing. Without
 * files it takes those that the configuration's `filter rules` loads. cost needs messages too: any
 * argument that does not end in .cf or .pre is a message file or a folder of them.
 */
#include "gateway/ctl/ctl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "rules/lint.h"
#include "rules/ruleset.h"
#include "rules/sample.h"

enum { COST_ROWS = 40, MESSAGES_MAX = 100000, FOLDER_DEPTH_MAX = 8 };

struct paths {
	const char **v;
	size_t n, room;
};

struct work {
	struct ctl *ctl;
	struct arena *arena;
	struct ruleset *set;
	struct paths messages;
	bool all;
};

static void path_add(struct arena *a, struct paths *paths, const char *path)
{
	if (paths->n == paths->room) {
		size_t room = paths->room ? paths->room * 2 : 16;
		const char **more = arena_array(a, room, sizeof *more);
		if (paths->n)
			memcpy(more, paths->v, paths->n * sizeof *more);
		paths->v = more;
		paths->room = room;
	}
	paths->v[paths->n++] = path;
}

static void add_messages(struct work *w, const char *path, unsigned depth)
{
	struct stat st;
	DIR *dir;
	struct dirent *entry;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		if (w->messages.n < MESSAGES_MAX)
			path_add(w->arena, &w->messages, path);
		return;
	}
	dir = depth < FOLDER_DEPTH_MAX ? opendir(path) : NULL;
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add_messages(w, arena_printf(w->arena, "%s/%s", path, entry->d_name).p, depth + 1);
	closedir(dir);
}

static bool is_rule_file(const char *path)
{
	return str_ends(str_of(path), STR(".cf")) || str_ends(str_of(path), STR(".pre"));
}

/* One setting of a `filter rules` block. */
static void take_line(const struct conf_node *line, struct ruleset_options *options, bool *has_score_set)
{
	struct str name = line->tokens[0].text, value = line->n > 1 ? line->tokens[1].text : STR("");

	if (str_is(name, "score-set") && value.n == 1 && value.p[0] >= '0' && value.p[0] <= '3') {
		options->score_set = (unsigned)(value.p[0] - '0');
		*has_score_set = true;
	} else if (str_is(name, "network")) {
		options->has_network = !str_is(value, "off");
	}
}

static void load_block(struct work *w, struct ruleset_builder *b, const struct conf_node *block)
{
	for (const struct conf_node *line = block->children; line; line = line->next)
		for (size_t i = 1; str_is(line->tokens[0].text, "load") && i < line->n; i++)
			ruleset_load_glob(b, arena_cstr(w->arena, line->tokens[i].text), line->tokens[i].place);
}

/* What `filter rules` blocks say, and which filters stand before them. */
static void load_configured(struct work *w, struct ruleset_builder *b, struct ruleset_options *options)
{
	unsigned before = 0;

	*options = (struct ruleset_options){0};
	for (const struct conf_node *node = ctl_config(w->ctl)->root; node; node = node->next) {
		bool has_score_set = false;
		if (node->n < 2 || !str_is(node->tokens[0].text, "filter"))
			continue;
		before |= rule_auth_kind_of(node->tokens[1].text);
		if (!str_is(node->tokens[1].text, "rules"))
			continue;
		options->auth = before;
		for (const struct conf_node *line = node->children; line; line = line->next)
			take_line(line, options, &has_score_set);
		if (!has_score_set)
			options->score_set = options->has_network;
		ruleset_allow_network(b, options->has_network);
		load_block(w, b, node);
	}
}

/* Reads all rule files among the arguments; false when there was an error (printed). */
static bool load_set(struct work *w, int argc, char **argv)
{
	struct conf_place place = {"command line", 1, 1};
	/* Files alone: as if all that rules can ask for were there. */
	struct ruleset_options options = {
	    .has_network = true, .auth = RULE_AUTH_SPF | RULE_AUTH_DKIM | RULE_AUTH_DMARC | RULE_AUTH_ARC};
	struct ruleset_builder *b = ruleset_start(w->arena, &w->ctl->load);
	struct buf out = {0};
	size_t files = 0;

	ruleset_allow_network(b, true);
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--all") == 0) {
			w->all = true;
		} else if (strncmp(argv[i], "--score-set=", 12) == 0 && argv[i][12] >= '0' && argv[i][12] <= '3') {
			options.score_set = (unsigned)(argv[i][12] - '0');
		} else if (is_rule_file(argv[i])) {
			ruleset_load(b, argv[i], place);
			files++;
		} else {
			add_messages(w, argv[i], 0);
		}
	}
	if (files == 0)
		load_configured(w, b, &options);
	w->set = ruleset_finish(b, &options);
	conf_errors_print(&w->ctl->load, &out);
	if (out.n)
		fwrite(out.p, 1, out.n, stderr);
	buf_free(&out);
	return w->ctl->load.errors == 0;
}

/* ---- list ---- */

static const char *const statuses[] = {"supported", "approximated", "ignored"};

static void list_json(struct work *w, const struct rule *r, struct buf *out)
{
	struct json j = json_start(out);

	json_open(&j, '{');
	json_kv(&j, "name", r->name);
	json_kv(&j, "kind", str_of(rule_kind_name(r)));
	json_key(&j, "score");
	json_number(&j, ruleset_score(w->set, r));
	json_kv(&j, "status", str_of(statuses[r->status]));
	json_kv(&j, "why", r->why);
	json_kv(&j, "describe", r->describe);
	json_kv(&j, "where", rule_where(w->arena, r));
	json_close(&j);
	buf_addc(out, '\n');
}

static int run_list(struct work *w)
{
	struct buf out = {0};

	for (size_t i = 0; i < ruleset_count(w->set); i++) {
		const struct rule *r = ruleset_rule(w->set, i);
		if (w->ctl->json)
			list_json(w, r, &out);
		else
			buf_addf(&out, "%8.3f  %-10s  %-40.*s  %.*s\n", ruleset_score(w->set, r), rule_kind_name(r),
			    STR_ARG(r->name), STR_ARG(r->describe));
	}
	ctl_print(buf_str(&out));
	buf_free(&out);
	return 0;
}

/* ---- lint ---- */

static void lint_row(struct work *w, const struct lint_note *n, struct buf *out)
{
	struct json j = json_start(out);

	if (!w->ctl->json) {
		buf_addf(out, "%.*s: %s: %.*s %.*s", STR_ARG(rule_where(w->arena, n->rule)),
		    lint_kind_name(n->kind), STR_ARG(n->rule->name), STR_ARG(n->text));
		if (n->kind == LINT_IGNORED && ruleset_score(w->set, n->rule) != 0 &&
		    !(n->rule->flags & RULE_IS_SUB))
			buf_addf(out, " (score %.3g lost)", ruleset_score(w->set, n->rule));
		buf_addc(out, '\n');
		return;
	}
	json_open(&j, '{');
	json_kv(&j, "name", n->rule->name);
	json_kv(&j, "note", str_of(lint_kind_name(n->kind)));
	json_kv(&j, "text", n->text);
	json_kv(&j, "where", rule_where(w->arena, n->rule));
	json_key(&j, "score");
	json_number(&j, ruleset_score(w->set, n->rule));
	json_close(&j);
	buf_addc(out, '\n');
}

static void lint_summary_json(const struct lint_report *r, const struct conf_load *load, struct buf *out)
{
	struct json j = json_start(out);

	json_open(&j, '{');
	json_kv_int(&j, "rules", (int64_t)r->rules);
	json_kv_int(&j, "active", (int64_t)r->active);
	json_kv_int(&j, "errors", (int64_t)load->errors);
	json_kv_int(&j, "warnings", (int64_t)load->warnings);
	for (int k = 0; k < LINT_KINDS; k++)
		json_kv_int(&j, lint_kind_name((enum lint_kind)k), (int64_t)r->counts[k]);
	json_key(&j, "score_mass");
	json_number(&j, r->mass);
	json_key(&j, "score_mass_ignored");
	json_number(&j, r->mass_ignored);
	json_key(&j, "score_mass_approximated");
	json_number(&j, r->mass_approximated);
	json_close(&j);
	buf_addc(out, '\n');
}

static void lint_summary(const struct lint_report *r, const struct conf_load *load, struct buf *out)
{
	buf_addf(out, "%zu rules, %zu of them run; %zu errors, %zu warnings\n", r->rules, r->active, load->errors,
	    load->warnings);
	for (int k = 0; k < LINT_KINDS; k++)
		if (r->counts[k])
			buf_addf(out, "  %-12s %zu\n", lint_kind_name((enum lint_kind)k), r->counts[k]);
	buf_addf(out, "score mass %.1f, ignored %.1f (%.1f %%), approximated %.1f\n", r->mass, r->mass_ignored,
	    r->mass > 0 ? 100 * r->mass_ignored / r->mass : 0.0, r->mass_approximated);
}

static int run_lint(struct work *w)
{
	struct lint_report report;
	struct buf out = {0};

	ruleset_lint(w->set, w->arena, &report);
	for (size_t i = 0; i < report.n; i++) {
		enum lint_kind k = report.v[i].kind;
		/* Long lists that rarely ask for action are shown on demand. */
		if (w->all || w->ctl->json || (k != LINT_UNDESCRIBED && k != LINT_REDEFINED && k != LINT_SLOW))
			lint_row(w, &report.v[i], &out);
	}
	if (w->ctl->json)
		lint_summary_json(&report, &w->ctl->load, &out);
	else
		lint_summary(&report, &w->ctl->load, &out);
	ctl_print(buf_str(&out));
	buf_free(&out);
	return 0;
}

/* ---- test ---- */

static void failed_row(struct work *w, const struct sample_result *f, struct buf *out)
{
	struct json j = json_start(out);
	const char *what = f->did_hit ? "hits but must not" : "must hit but does not";

	if (!w->ctl->json) {
		buf_addf(out, "%s:%u: %.*s %s: %.*s\n", f->sample->place.file, f->sample->place.line,
		    STR_ARG(f->rule->name), what, STR_ARG(f->sample->text));
		return;
	}
	json_open(&j, '{');
	json_kv(&j, "name", f->rule->name);
	json_kv(&j, "failed", str_of(what));
	json_kv(&j, "file", str_of(f->sample->place.file));
	json_kv_int(&j, "line", f->sample->place.line);
	json_kv(&j, "text", f->sample->text);
	json_close(&j);
	buf_addc(out, '\n');
}

static int run_test(struct work *w)
{
	struct sample_results results;
	struct buf out = {0};
	struct json j;

	samples_run(w->set, w->arena, &results);
	for (const struct sample_result *f = results.first; f; f = f->next)
		failed_row(w, f, &out);
	if (w->ctl->json) {
		j = json_start(&out);
		json_open(&j, '{');
		json_kv_int(&j, "samples", (int64_t)results.run);
		json_kv_int(&j, "failed", (int64_t)results.failed);
		json_kv_int(&j, "rules", (int64_t)results.rules);
		json_close(&j);
		buf_addc(&out, '\n');
	} else {
		buf_addf(&out, "%zu samples of %zu rules, %zu failed; %zu scored rules lack a sample of either kind\n",
		    results.run, results.rules, results.failed, results.without);
	}
	ctl_print(buf_str(&out));
	buf_free(&out);
	return results.failed ? 1 : 0;
}

/* ---- cost ---- */

struct cost_row {
	const struct rule *rule;
	struct rule_cost cost;
};

static int by_time(const void *x, const void *y)
{
	const struct cost_row *a = x, *b = y;

	return (a->cost.ns < b->cost.ns) - (a->cost.ns > b->cost.ns);
}

/* *ret_ns: all of matching, also what finds where rules may match. */
static size_t measure(struct work *w, struct rule_cost *costs, uint64_t *ret_bytes, int64_t *ret_ns)
{
	struct match_options options = {.with_subrules = true, .costs = costs};
	size_t n = 0;

	*ret_bytes = 0;
	*ret_ns = 0;
	for (size_t i = 0; i < w->messages.n; i++) {
		struct arena *a = arena_new(0);
		struct rule_target target;
		struct rule_result result;
		struct str message;
		if (ctl_read_message(w->ctl, w->messages.v[i], &message)) {
			rule_target_parse(a, message, &target);
			*ret_ns -= clock_thread_ns();
			ruleset_match(w->set, &target, &options, &result);
			*ret_ns += clock_thread_ns();
			*ret_bytes += message.n;
			n++;
		}
		arena_free(a);
	}
	return n;
}

static void cost_row(struct work *w, const struct cost_row *row, double total, struct buf *out)
{
	struct json j = json_start(out);

	if (!w->ctl->json) {
		buf_addf(out, "%10.1f  %5.1f %%  %8llu  %7llu  %-10s  %.*s (%.*s)\n", (double)row->cost.ns / 1e3,
		    total > 0 ? 100 * (double)row->cost.ns / total : 0.0, (unsigned long long)row->cost.runs,
		    (unsigned long long)row->cost.hits, rule_kind_name(row->rule), STR_ARG(row->rule->name),
		    STR_ARG(rule_where(w->arena, row->rule)));
		return;
	}
	json_open(&j, '{');
	json_kv(&j, "name", row->rule->name);
	json_kv(&j, "kind", str_of(rule_kind_name(row->rule)));
	json_key(&j, "micros");
	json_number(&j, (double)row->cost.ns / 1e3);
	json_kv_int(&j, "runs", (int64_t)row->cost.runs);
	json_kv_int(&j, "hits", (int64_t)row->cost.hits);
	json_kv(&j, "where", rule_where(w->arena, row->rule));
	json_close(&j);
	buf_addc(out, '\n');
}

static int run_cost(struct work *w)
{
	size_t n = ruleset_count(w->set), messages;
	struct rule_cost *costs = arena_array(w->arena, n, sizeof *costs);
	struct cost_row *rows = arena_array(w->arena, n, sizeof *rows);
	struct buf out = {0};
	uint64_t bytes;
	int64_t all;
	double total = 0;

	if (w->messages.n == 0)
		return ctl_usage(w->ctl);
	messages = measure(w, costs, &bytes, &all);
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct cost_row){ruleset_rule(w->set, i), costs[i]};
		total += (double)costs[i].ns;
	}
	qsort(rows, n, sizeof *rows, by_time);
	if (!w->ctl->json)
		buf_addf(&out, "%zu messages, %.1f MB; %.1f ms in rules, %.1f us per message, of %.1f with the search for where they may match "
		    "and the measuring\n%10s  %7s  %8s  %7s\n", messages, (double)bytes / 1e6, total / 1e6,
		    messages ? total / 1e3 / (double)messages : 0.0, messages ? (double)all / 1e3 / (double)messages : 0.0,
		    "us", "share", "runs", "hits");
	for (size_t i = 0; i < n && (w->all || i < COST_ROWS); i++)
		if (rows[i].cost.runs)
			cost_row(w, &rows[i], total, &out);
	ctl_print(buf_str(&out));
	buf_free(&out);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct work *w);
} actions[] = {{"lint", run_lint}, {"list", run_list}, {"test", run_test}, {"cost", run_cost}};

int ctl_rules(struct ctl *ctl, int argc, char **argv)
{
	struct work w = {.ctl = ctl, .arena = ctl->arena};
	bool ok;

	argc = ctl_options(ctl, argc, argv);
	for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof *actions; i++) {
		int status;
		if (strcmp(argv[1], actions[i].name) != 0)
			continue;
		ok = load_set(&w, argc - 2, argv + 2);
		status = actions[i].run(&w);
		return status ? status : !ok;
	}
	return ctl_usage(ctl);
}
