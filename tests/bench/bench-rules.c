/*
 * What rules cost: loads rule files, then runs them over message files several times.
 *
 *     bench-rules [-n ROUNDS] [-s] [-w] [-c ROWS] RULES.cf... MESSAGE...
 *
 * Prints load time, and per message the time to parse it, to match it, and the text matched per
 * second (headers, body, raw text, links and the whole message for `full` rules are each counted
 * once), in processor time. -s also evaluates sub-rules that nothing needs. -w washes the processor's
 * caches before each message, as other processes do between two messages of a milter. -c
 * shows the rules that took most time instead of the speed, which measuring them spoils.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <time.h>

#include "lib/clock.h"
#include "rules/ruleset.h"

struct totals {
	uint64_t parse_ns, match_ns, text, bytes, runs, hits, messages, slowest_ns;
};

/* Processor time, so that other work on the machine does not count. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool read_file(const char *path, struct buf *ret)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return false;
	do {
		n = fread(buf_reserve(ret, 65536), 1, 65536, f);
		ret->n += n;
	} while (n);
	fclose(f);
	return true;
}

/* Without the line that mbox files have in front of a message. */
static struct str without_mbox_line(struct str message)
{
	ptrdiff_t end = str_starts(message, STR("From ")) ? str_chr(message, '\n') : -1;

	return str_from(message, (size_t)(end + 1));
}

static uint64_t text_of(const struct rule_target *t)
{
	uint64_t n = t->headers->body;

	for (size_t i = 0; i < t->content->body_count; i++)
		n += t->content->body[i].n;
	for (size_t i = 0; i < t->content->raw_count; i++)
		n += t->content->raw[i].n;
	return n;
}

static void wash_caches(void)
{
	enum { WASH = 8 * 1024 * 1024 };
	static volatile char *room;

	if (!room)
		room = calloc(1, WASH);
	for (size_t i = 0; room && i < WASH; i += 64)
		room[i]++;
}

static void run_one(const struct ruleset *rs, struct str message, struct match_options options, struct totals *out)
{
	struct arena *a = arena_new(0);
	struct rule_target target;
	struct rule_result result;
	int64_t start = cpu_ns(), parsed, matched;

	rule_target_parse(a, message, &target);
	parsed = cpu_ns();
	ruleset_match(rs, &target, &options, &result);
	matched = cpu_ns();
	out->parse_ns += (uint64_t)(parsed - start);
	out->match_ns += (uint64_t)(matched - parsed);
	if ((uint64_t)(matched - parsed) > out->slowest_ns)
		out->slowest_ns = (uint64_t)(matched - parsed);
	out->text += text_of(&target);
	out->bytes += message.n;
	out->runs += result.runs;
	out->hits += result.n;
	out->messages++;
	arena_free(a);
}

static void print(const struct totals *t)
{
	double n = t->messages ? (double)t->messages : 1;

	printf("%llu messages, %.1f MB, %.1f MB of text\n", (unsigned long long)t->messages, (double)t->bytes / 1e6,
	    (double)t->text / 1e6);
	printf("parse  %8.1f us per message\n", (double)t->parse_ns / 1e3 / n);
	printf("match  %8.1f us per message, %.1f patterns tried, %.1f hits; slowest %.1f ms\n",
	    (double)t->match_ns / 1e3 / n, (double)t->runs / n, (double)t->hits / n, (double)t->slowest_ns / 1e6);
	printf("text   %8.1f MB/s\n", (double)t->text * 1e3 / (double)(t->match_ns ? t->match_ns : 1));
}

static const struct rule_cost *sorted_costs;

static int by_time(const void *x, const void *y)
{
	uint64_t a = sorted_costs[*(const uint32_t *)x].ns, b = sorted_costs[*(const uint32_t *)y].ns;

	return (a < b) - (a > b);
}

static void print_costs(const struct ruleset *rs, const struct rule_cost *costs, unsigned rows)
{
	size_t n = ruleset_count(rs);
	uint32_t *order = calloc(n + 1, sizeof *order);

	if (!order)
		abort();
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	sorted_costs = costs;
	qsort(order, n, sizeof *order, by_time);
	for (size_t i = 0; i < n && i < rows; i++) {
		const struct rule *r = ruleset_rule(rs, order[i]);
		const struct rule_cost *c = &costs[order[i]];
		printf("%10.1f us %8llu runs %6llu hits  %-10s %.*s\n", (double)c->ns / 1e3, (unsigned long long)c->runs,
		    (unsigned long long)c->hits, rule_kind_name(r), STR_ARG(r->name));
	}
	free(order);
}

int main(int argc, char **argv)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct conf_place place = {"command line", 1, 1};
	struct ruleset_options options = {0};
	struct totals totals = {0};
	struct ruleset_builder *b;
	struct ruleset *rs;
	int rounds = 1;
	struct match_options match = {0};
	unsigned rows = 0;
	bool washes = false;
	int64_t start;

	clock_init();
	conf_load_init(&load, a);
	start = cpu_ns();
	b = ruleset_start(a, &load);
	for (int i = 1; i < argc; i++) {
		struct str s = str_of(argv[i]);
		if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
			rounds = (int)strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "-s") == 0)
			match.with_subrules = true;
		else if (strcmp(argv[i], "-w") == 0)
			washes = true;
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			rows = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (str_ends(s, STR(".cf")) || str_ends(s, STR(".pre")))
			ruleset_load(b, argv[i], place);
	}
	rs = ruleset_finish(b, &options);
	printf("load   %8.1f ms for %zu rules, %zu errors\n", (double)(cpu_ns() - start) / 1e6,
	    ruleset_count(rs), load.errors);
	if (rows)
		match.costs = arena_array(a, ruleset_count(rs), sizeof *match.costs);
	for (int round = 0; round < rounds; round++) {
		for (int i = 1; i < argc; i++) {
			struct buf message = {0};
			struct str s = str_of(argv[i]);
			if (argv[i][0] == '-' || str_ends(s, STR(".cf")) || str_ends(s, STR(".pre")))
				continue;
			if (washes)
				wash_caches();
			if (read_file(argv[i], &message))
				run_one(rs, without_mbox_line(buf_str(&message)), match, &totals);
			buf_free(&message);
		}
	}
	if (rows)
		print_costs(rs, match.costs, rows);
	else
		print(&totals);
	arena_free(a);
	return 0;
}
