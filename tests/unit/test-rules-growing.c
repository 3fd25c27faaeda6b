/*
 * What rules cost: twice the message at most twice the work, whatever its shape; and never more than
 * the budget, whatever the patterns are.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "rules/ruleset.h"
#include "tests/unit/growing.h"

static struct arena *set_arena;
static struct ruleset *set;

/* A rule of each kind, with and without literals, and functions that look at all of a message. */
static const char rules[] =
    "header   H1 From:addr =~ /\\@spam\\.example$/\nheader H2 ALL =~ /^X-[A-Z][a-z]+: \\d+$/m\n"
    "header   H3 Received =~ /unknown \\[\\d+/\nheader H4 ToCc:name =~ /^[A-Z]+$/\nheader H5 exists:X-None\n"
    "header   H6 To:domain =~ /^example\\./\nheader H7 Received:ip =~ /^10\\./\n"
    "body     B1 /\\bcheap pills\\b/i\nbody B2 /[a-z]\\d[a-z]/\nbody B3 /(?:\\w+ ){3}now/\n"
    "body     __B4 /\\d\\d%/\ntflags __B4 multiple\nbody __B5 /[A-Z]{4,}/\ntflags __B5 multiple maxhits=10\n"
    "meta     M1 __B4 > 2 && __B5 > 3\nmeta M2 (B1 + B2 + B3) > 2\nmeta M3 !M1 || M2\n"
    "rawbody  R1 /<b>free<\\/b>/i\nrawbody R2 /^>.*\\n>/m\nfull F1 /boundary=/\nfull F2 /\\n\\n\\n\\n/\n"
    "uri      U1 /\\.example\\/\\d+$/\nuri_detail U2 text =~ /click/i domain =~ /\\.top$/\n"
    "mimeheader P1 Content-Type =~ /name=.*\\.exe/i\n"
    "header   __C1 X-Id =~ /^(?<KEPT>\\w+)/\nbody C2 /id %{KEPT} /\n"
    "freemail_domains free.example\nheader E1 eval:check_freemail_from()\nheader E2 eval:check_freemail_replyto('reply')\n"
    "header   E3 eval:check_for_forged_received_trail()\nheader E4 eval:sorted_recipients()\n"
    "header   E5 eval:similar_recipients('0.65','undef')\nheader E6 eval:check_for_unique_subject_id()\n"
    "body     E7 eval:check_for_uppercase('50', '75')\nbody E8 eval:html_tag_exists('font')\n"
    "body     E9 eval:tvd_vertical_words('5','10')\nbody E10 eval:multipart_alternative_difference('99', '100')\n"
    "rawbody  E11 eval:check_for_mime('mime_base64_count')\nbody E12 eval:check_stock_info('2')\n"
    "body     E13 eval:check_blank_line_ratio('0','10')\nbody E14 eval:check_uri_host_listed('LISTED')\n"
    "enlist_uri_host (LISTED) bad.top\n";

static struct ruleset *load(struct arena *a, const char *text)
{
	struct ruleset_options options = {0};
	struct conf_load conf;
	struct ruleset_builder *b;

	conf_load_init(&conf, a);
	b = ruleset_start(a, &conf);
	ruleset_text(b, "t.cf", str_of(text));
	set = ruleset_finish(b, &options);
	assert_int_equal(conf.errors, 0);
	return set;
}

static void run(struct arena *a, struct str in)
{
	struct match_options options = {.with_subrules = true};
	struct rule_target target;
	struct rule_result result;

	rule_target_parse(a, in, &target);
	ruleset_match(set, &target, &options, &result);
	assert_false(result.is_timed_out);
}

static void cost_grows_with_the_message(void **state)
{
	enum { KB = 1024 };
	static const struct {
		const char *what, *head, *unit;
		size_t bytes;
	} rows[] = {
	    {"text", "Subject: x\n\n", "Some words that 5% of all mail has, NOW.\n", 96 * KB},
	    {"paragraphs", "Subject: x\n\n", "a1b words now\n\n", 96 * KB},
	    {"one long line", "Subject: x\n\n", "word7x ", 96 * KB},
	    {"one long word", "Subject: x\n\n", "a1", 96 * KB},
	    {"blank lines", "Subject: x\n\n", "\n", 64 * KB},
	    {"quotations", "Subject: x\n\n", "> > text\n", 96 * KB},
	    {"links", "Subject: x\n\n", "http://a.bad.example/1 www.b.example\n", 8 * KB},
	    {"addresses in text", "Subject: x\n\n", "a@b.example c@free.example\n", 48 * KB},
	    {"deep markup", "Content-Type: text/html\n\n", "<div><b>", 48 * KB},
	    {"flat markup", "Content-Type: text/html\n\n", "<p>a <b>free</b> <a href=http://x.example/1>click</a>", 16 * KB},
	    {"fields", "Subject: x\n", "X-Field: 12345\n", 16 * KB},
	    {"one long field", "Subject: ", "word ", 64 * KB},
	    {"recipients", "To: ", "A B <a@example.org>, ", 16 * KB},
	    {"relays", "", "Received: from a (b [192.0.2.1]) by c (Postfix) with ESMTP id 12345\n", 3 * KB},
	    {"parts", "Content-Type: multipart/mixed; boundary=x\n\n", "--x\nContent-Type: text/plain\n\nabc now\n", 16 * KB},
	    {"shouting", "Subject: x\n\n", "ABCDE FGHIJ 10% 20%\n", 96 * KB},
	};

	(void)state;
	load(set_arena, rules);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_linear(rows[i].what, run, rows[i].head, str_of(rows[i].unit), rows[i].bytes);
}

/* Patterns that use all their steps on each line: the clock ends it, and says so. */
static void cost_ends_at_the_budget(void **state)
{
	enum { BUDGET_US = 30000, PATTERNS = 200, SLACK = 10 };
	struct match_options options = {.budget_us = BUDGET_US};
	struct buf text = {0};
	struct arena *a = arena_new(0);
	struct rule_target target;
	struct rule_result result;
	struct str message;
	double start, took;

	(void)state;
	for (int i = 0; i < PATTERNS; i++)
		buf_addf(&text, "body R%d /^(a|aa)+\\1(?:x{%d})?$/\n", i, i + 1);
	load(a, arena_cstr(a, buf_str(&text)));
	buf_free(&text);
	message = growing_text("Subject: x\n\n", STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n\n"), 64 * 1024);
	rule_target_parse(a, message, &target);
	start = growing_now();
	ruleset_match(set, &target, &options, &result);
	took = growing_now() - start;
	assert_true(result.is_timed_out);
	assert_true(result.limits > 0);
	if (GROWING_IS_TIMED)
		assert_true(took < SLACK * BUDGET_US);
	free((char *)message.p);
	arena_free(a);
}

/* Stops us for a while, after a while. */
static pid_t stop_us(int64_t us)
{
	pid_t us_pid = getpid(), pid = fork();

	if (pid == 0) {
		usleep(20000);
		kill(us_pid, SIGSTOP);
		usleep((unsigned)us);
		kill(us_pid, SIGCONT);
		_exit(0);
	}
	return pid;
}

/* Work counts against the budget, not the time that others take from it. */
static void a_stopped_process_loses_no_rules(void **state)
{
	struct match_options options = {.budget_us = 60000000};
	struct arena *a = arena_new(0);
	struct rule_target target;
	struct rule_result result;
	struct str message = growing_text("Subject: x\n\n", STR("some words of a text, aaa!\n\n"), 256 * 1024);
	int64_t most = 0, budget_ns;
	double start;

	(void)state;
	load(a, "body A /x(a|aa)+\\1y/\nbody B /\\bw[ao]rd\\b/\nbody C /t(?:a|o)xt/\n");
	rule_target_parse(a, message, &target);
	start = growing_now();
	ruleset_match(set, &target, &options, &result);
	options.budget_us = (int64_t)(10 * (growing_now() - start)) + 50000;
	budget_ns = options.budget_us * 1000;
	for (int i = 0; i < 5 && most <= budget_ns; i++) {
		pid_t pid = stop_us(2 * options.budget_us);

		assert_true(pid > 0);
		while (waitpid(pid, NULL, WNOHANG) == 0) {
			int64_t before = clock_ticks_ns(), took;

			ruleset_match(set, &target, &options, &result);
			assert_false(result.is_timed_out);
			took = clock_ticks_ns() - before;
			most = took > most ? took : most;
		}
	}
	assert_true(most > budget_ns); /* once at least it was stopped there */
	free((char *)message.p);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cost_grows_with_the_message),
	    cmocka_unit_test(cost_ends_at_the_budget),
	    cmocka_unit_test(a_stopped_process_loses_no_rules),
	};
	int failed;

	set_arena = arena_new(0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(set_arena);
	return failed;
}
