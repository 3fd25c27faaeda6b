/* Rule files in, hits out: the parser's errors, each kind of rule, scores, limits. */
#include <stdio.h>

#include "rules/meta.h"
#include "rules/ruleset.h"
#include "tests/unit/unit.h"

struct rig {
	struct arena *arena;
	struct conf_load load;
	struct ruleset *set;
	struct headers headers;
	struct content content;
	struct rule_target target;
	struct rule_result result;
};

static struct rig *rig_new(const char *rules)
{
	struct arena *a = arena_new(0);
	struct rig *rig = arena_alloc(a, sizeof *rig);
	struct ruleset_options options = {0};
	struct ruleset_builder *b;

	rig->arena = a;
	conf_load_init(&rig->load, a);
	b = ruleset_start(a, &rig->load);
	ruleset_text(b, "dir/test.cf", str_of(rules));
	rig->set = ruleset_finish(b, &options);
	return rig;
}

static void rig_free(struct rig *rig)
{
	arena_free(rig->arena);
}

/* The errors as text, one line each. */
static const char *errors_of(const char *rules)
{
	static char text[4096];
	struct rig *rig = rig_new(rules);
	struct buf out = {0};

	conf_errors_print(&rig->load, &out);
	snprintf(text, sizeof text, "%.*s", STR_ARG(buf_str(&out)));
	buf_free(&out);
	rig_free(rig);
	return text;
}

/* The body is one line per element; the first is the subject's. */
static void match(struct rig *rig, const char *message, const struct str *body, size_t n)
{
	struct match_options options = {.with_subrules = true};

	headers_parse(rig->arena, str_of(message), &rig->headers);
	rig->content.body = rig->content.raw = body;
	rig->content.body_count = rig->content.raw_count = n;
	rig->target = (struct rule_target){.arena = rig->arena, .message = str_of(message),
	    .headers = &rig->headers, .content = &rig->content};
	ruleset_match(rig->set, &rig->target, &options, &rig->result);
}

static double count_of(const struct rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->result.n; i++)
		if (str_is(rig->result.v[i].rule->name, name))
			return rig->result.v[i].count;
	return 0;
}

static const struct rule_hit *hit_of(const struct rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->result.n; i++)
		if (str_is(rig->result.v[i].rule->name, name))
			return &rig->result.v[i];
	return NULL;
}

#define assert_hit(rig, name) assert_true(count_of(rig, name) > 0)
#define assert_no_hit(rig, name) assert_true(count_of(rig, name) == 0)

static void header_rules_see_values(void **state)
{
	static const struct str body[] = {{"x", 1}};
	struct rig *rig = rig_new("header A Subject =~ /cheap\\s+pills/i\n"
	                          "header B Subject =~ /^ /\n"
	                          "header C Subject:raw =~ /^ /\n"
	                          "header D From:addr =~ /^joe\\@example\\.org$/\n"
	                          "header E From:name =~ /^Joe Doe$/\n"
	                          "header F exists:X-Mailer\n"
	                          "header G exists:X-Nothing\n"
	                          "header H X-Nothing =~ /^$/\n"
	                          "header I X-Nothing !~ /foo/\n"
	                          "header J X-Nothing =~ /^UNSET$/ [if-unset: UNSET]\n"
	                          "header K ToCc =~ /a\\@x.*\\n.*b\\@y/\n"
	                          "header L ALL =~ /^x-mailer: /im\n"
	                          "header M Subject =~ /h\xc3\xa4/\n"
	                          "header N Received =~ /two/\n"
	                          "header O Received:first =~ /two/\n"
	                          "header P To:addr:domain =~ /^x\\.org$/\n");

	(void)state;
	assert_int_equal(rig->load.errors, 0);
	match(rig, "Received: by one\r\nReceived: by two\r\nSubject: =?utf-8?q?h=C3=A4?= cheap\r\n\tPILLS\r\n"
	           "From: \"Joe Doe\" <joe@example.org>\r\nTo: a@x.org\r\nCc: b@y\r\nX-Mailer: q\r\n\r\nx",
	    body, 1);
	for (const char *p = "ACDEFHIJKLMNP"; *p; p++) {
		char name[2] = {*p, 0};
		if (count_of(rig, name) == 0)
			fail_msg("rule %s did not hit", name);
	}
	assert_no_hit(rig, "B");
	assert_no_hit(rig, "G");
	assert_no_hit(rig, "O");
	rig_free(rig);
}

static void body_rules_find_lines_and_count(void **state)
{
	static const struct str body[] = {{"Subject one", 11}, {"Buy now, buy NOW!", 17}, {"buy\nnow", 7}};
	struct rig *rig = rig_new("body A /buy now/i\n"
	                          "body B /buy now/i\ntflags B multiple\n"
	                          "body C /buy now/i\ntflags C multiple maxhits=1\n"
	                          "body D /subject/i\ntflags D nosubject\n"
	                          "body E /one.*Buy/s\n"
	                          "body F /^Subject/\n"
	                          "body G /\\d/\n"
	                          "body H /[Bb][Uu][Yy],/\n"
	                          "body I /NOW!$/\n"
	                          "rawbody J /buy\\nnow/\n"
	                          "full K /\\n\\nbody/\n");

	(void)state;
	match(rig, "Subject: x\r\n\r\nbody", body, 3);
	assert_hit(rig, "A");
	assert_true(count_of(rig, "B") == 2);
	assert_true(count_of(rig, "C") == 1);
	assert_no_hit(rig, "D");
	assert_no_hit(rig, "E");
	assert_hit(rig, "F");
	assert_no_hit(rig, "G");
	assert_no_hit(rig, "H");
	assert_hit(rig, "I");
	assert_hit(rig, "J");
	assert_hit(rig, "K");
	assert_str(hit_of(rig, "A")->text, "Buy now");
	rig_free(rig);
}

static void uri_rules_see_links(void **state)
{
	struct url urls[] = {{.url = STR("http://www.example.org/a"), .raw = STR("http://www.example.org/a"),
	    .source = URL_FROM_HREF, .tag = "a", .host = STR("www.example.org"), .domain = STR("example.org"), .anchor = STR("Click here")}};
	struct rig *rig = rig_new("uri A /^http:.*example\\.org/\n"
	                          "uri_detail B text =~ /click/i domain =~ /^example\\.org$/\n"
	                          "uri_detail C text =~ /click/i domain !~ /^example\\.org$/\n");

	(void)state;
	rig->content.urls = (struct urls){.v = urls, .n = 1, .room = 1};
	match(rig, "Subject: x\n\n", NULL, 0);
	assert_hit(rig, "A");
	assert_hit(rig, "B");
	assert_no_hit(rig, "C");
	rig_free(rig);
}

static void metas_compute(void **state)
{
	static const struct str body[] = {{"alpha beta alpha", 16}};
	struct rig *rig = rig_new("body __A /alpha/\ntflags __A multiple\n"
	                          "body __B /beta/\nbody __C /gamma/\n"
	                          "meta M1 __A && __B && !__C\nscore M1 2.5\n"
	                          "meta M2 __A + __B > 2\n"
	                          "meta M3 (__A == 2) && (M1 || NOTHING)\n"
	                          "meta M4 !__C\n"
	                          "meta M5 __C || M6\nmeta M6 M2 - 1\n"
	                          "meta OFF 1\nscore OFF 0\nmeta M7 OFF || __A\n"
	                          "meta M8 rules_matching(__?) == 4\n");

	(void)state;
	assert_int_equal(rig->load.errors, 0);
	assert_int_equal(rig->load.warnings, 1);
	match(rig, "Subject: x\n\n", body, 1);
	assert_hit(rig, "M1");
	assert_hit(rig, "M2");
	assert_hit(rig, "M3");
	assert_hit(rig, "M4");
	assert_no_hit(rig, "M5");
	assert_no_hit(rig, "M7");
	assert_no_hit(rig, "M8");
	assert_true(rig->result.score > 2.5 + 1 + 1 + 1 - 0.01);
	assert_true(rig->result.score < 2.5 + 1 + 1 + 1 + 0.01);
	rig_free(rig);
}

static void scores_and_overrides(void **state)
{
	static const struct str body[] = {{"x", 1}};
	struct rig *rig = rig_new("score A 1 2 3 4\nbody A /never/\nbody A /x/\n"
	                          "body B /x/\nscore B 3\nscore B (-1.5)\n"
	                          "body C /x/\ntflags C nice\nbody T_D /x/\nbody E /x/\nscore E 0\n"
	                          "describe A what it is\n");

	(void)state;
	match(rig, "S: x\n\n", body, 1);
	assert_true(hit_of(rig, "A")->score == 1);
	assert_true(hit_of(rig, "B")->score == 1.5);
	assert_true(hit_of(rig, "C")->score == -1);
	assert_true(hit_of(rig, "T_D")->score == 0.01);
	assert_null(hit_of(rig, "E"));
	assert_str(hit_of(rig, "A")->rule->describe, "what it is");
	assert_str(rule_where(rig->arena, hit_of(rig, "A")->rule), "test.cf:3");
	rig_free(rig);
}

static void conditions_choose_lines(void **state)
{
	static const struct str body[] = {{"x", 1}};
	struct rig *rig = rig_new("if (version >= 3.004002)\nbody A /x/\nelse\nbody B /x/\nendif\n"
	                          "ifplugin Mail::SpamAssassin::Plugin::NoSuch\nthis is not read\nif 1\nelse\n"
	                          "nor this\nendif\nendif\n"
	                          "if !plugin(Mail::SpamAssassin::Plugin::NoSuch) && can(Mail::SpamAssassin::Conf::"
	                          "feature_bug6558_free)\nbody C /x/\nendif\n"
	                          "if (version < 3 || !(0))\n body D /x/\nendif\n"
	                          "enable_compat a_b\nif can(Mail::SpamAssassin::Conf::compat_a_b)\nbody E /x/\nendif\n"
	                          "if can(Mail::SpamAssassin::Conf::compat_c)\nbody F /x/\nendif\n"
	                          "lang de describe D auf deutsch\nlang en describe D in english\n");

	(void)state;
	assert_int_equal(rig->load.errors, 0);
	match(rig, "S: x\n\n", body, 1);
	assert_hit(rig, "A");
	assert_no_hit(rig, "B");
	assert_hit(rig, "C");
	assert_hit(rig, "D");
	assert_hit(rig, "E");
	assert_no_hit(rig, "F");
	assert_str(hit_of(rig, "D")->rule->describe, "in english");
	rig_free(rig);
}

static void comments_and_escaped_hashes(void **state)
{
	static const struct str body[] = {{"#1 winner", 9}};
	struct rig *rig = rig_new("# body X /1/\n  body A /\\#1/ # behind\nbody B m{win(?:ner)}i\nbody C m!#!\n");

	(void)state;
	match(rig, "S: x\n\n", body, 1);
	assert_hit(rig, "A");
	assert_hit(rig, "B");
	assert_no_hit(rig, "X");
	assert_int_equal(rig->load.errors, 1);
	rig_free(rig);
}

static void replace_tags_are_filled_in(void **state)
{
	static const struct str body[] = {{"buy v.i.a.g.r.a or m0ney", 24}};
	struct rig *rig = rig_new("replace_tag A [a4]\nreplace_tag V (?:v|\\\\/)\nreplace_tag O [o0]\n"
	                          "replace_inter D \\W?\n"
	                          "body X /<inter D><V>\\W?i\\W?<A>\\W?gr<A>/i\nreplace_rules X\n"
	                          "body Y /m<O>ney/\nreplace_rules Y\nbody Z /m<O>ney/\n"
	                          "body W /<inter D><V><V>/\nreplace_rules W\n");

	(void)state;
	match(rig, "S: x\n\n", body, 1);
	assert_hit(rig, "Y");
	assert_no_hit(rig, "Z");
	assert_no_hit(rig, "W");
	rig_free(rig);
}

static void captures_feed_templates(void **state)
{
	static const struct str body[] = {{"dear joe.doe, hello", 19}};
	struct rig *rig = rig_new("header A To:addr =~ /^(?<USER_PART>[^\\@]+)/\n"
	                          "body B /dear %{USER_PART}/i\nbody C /hello %{USER_PART}/\nbody D /%{OTHER}/\n"
	                          "body E /dear %{HEADER(From:name)}/\nbody F /dear %{HEADER(Cc:addr)}/\n");

	(void)state;
	match(rig, "To: joe.doe@example.org\nFrom: joe.doe <a@b.example>\n\n", body, 1);
	assert_hit(rig, "A");
	assert_hit(rig, "E");
	assert_no_hit(rig, "F");
	assert_hit(rig, "B");
	assert_no_hit(rig, "C");
	assert_no_hit(rig, "D");
	rig_free(rig);
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	assert_string_equal(errors_of("\n\nboddy A /x/\n"),
	    "dir/test.cf:3:1: error: unknown keyword 'boddy'; did you mean 'body'?\n");
	assert_non_null(strstr(errors_of("body A /x\n"), "closing delimiter is missing"));
	assert_non_null(strstr(errors_of("body A /(x/\n"), "rule A: pattern: "));
	assert_non_null(strstr(errors_of("body A /(?{ system(1) })/\n"), "Perl code"));
	assert_non_null(strstr(errors_of("body A /x/e\n"), "unknown flag"));
	assert_non_null(strstr(errors_of("body A\n"), "the test is missing"));
	assert_non_null(strstr(errors_of("header A Subject /x/\n"), "=~ /pattern/ was expected"));
	assert_non_null(strstr(errors_of("header A Subject:foo =~ /x/\n"), "=~ /pattern/ was expected"));
	assert_non_null(strstr(errors_of("meta A B &&\n"), "ends too early"));
	assert_non_null(strstr(errors_of("meta A (B\n"), "')' was expected"));
	assert_non_null(strstr(errors_of("meta A B\nmeta B A\n"), "depends on itself"));
	assert_non_null(strstr(errors_of("meta A A\n"), "depends on itself"));
	assert_non_null(strstr(errors_of("if (version > 3)\n"), ":1:1: error: if without endif"));
	assert_non_null(strstr(errors_of("endif\n"), "endif without if"));
	assert_non_null(strstr(errors_of("else\n"), "else without if"));
	assert_non_null(strstr(errors_of("if (version >\nendif\n"), "a condition was expected"));
	assert_non_null(strstr(errors_of("score A x\n"), "one or four numbers"));
	assert_non_null(strstr(errors_of("score A 1 2\n"), "one or four numbers"));
	assert_non_null(strstr(errors_of("body A eval:no_such_thing()\n"),
	    ":1:1: warning: rule A: unknown eval function 'no_such_thing'; the rule is ignored"));
	assert_non_null(strstr(errors_of("body 1A /x/\n"), "is no rule name"));
	assert_non_null(strstr(errors_of("include no/such/file.cf\n"), "cannot read rule file"));
	assert_non_null(strstr(errors_of("trusted_networks 1.2.3.4/99\n"), "is no network"));
	assert_string_equal(errors_of("body A /x/\nscore A 1\nreport_safe 1\nbayes_path /x\n"), "");
}

static void a_budget_ends_the_work_and_says_so(void **state)
{
	static char line[60000];
	struct str body[] = {{line, sizeof line}};
	struct rig *rig = rig_new("body A /(?:a|b|ab)*c[de]/\nbody B /x/\nfull C /z/\n");
	struct match_options options = {.budget_us = 1};

	(void)state;
	memset(line, 'a', sizeof line);
	match(rig, "S: x\n\n", body, 1);
	assert_false(rig->result.is_timed_out);
	for (int i = 0; i < 50 && !rig->result.is_timed_out; i++)
		ruleset_match(rig->set, &rig->target, &options, &rig->result);
	assert_true(rig->result.is_timed_out);
	rig_free(rig);
}

static void a_match_limit_is_counted(void **state)
{
	static char line[3000];
	struct str body[] = {{line, sizeof line}};
	struct rig *rig = rig_new("body A /^(?:a+)+$/\nbody B /aaa/\n");

	(void)state;
	memset(line, 'a', sizeof line);
	line[sizeof line - 1] = 'b';
	match(rig, "S: x\n\n", body, 1);
	assert_int_equal(rig->result.limits, 1);
	assert_str(rig->result.limit_rule->name, "A");
	assert_no_hit(rig, "A");
	assert_hit(rig, "B");
	rig_free(rig);
}

static void nesting_has_limits(void **state)
{
	struct buf text = {0};
	struct rig *rig;

	(void)state;
	for (int i = 0; i < RULE_IF_DEPTH; i++)
		buf_adds(&text, "if 1\n");
	for (int i = 0; i < RULE_IF_DEPTH; i++)
		buf_adds(&text, "endif\n");
	buf_addc(&text, '\0');
	rig = rig_new(text.p);
	assert_int_equal(rig->load.errors, 0);
	rig_free(rig);
	text.n = 0;
	buf_adds(&text, "meta A ");
	for (int i = 0; i < (META_DEPTH_MAX + 1); i++)
		buf_addc(&text, '(');
	buf_addc(&text, '1');
	for (int i = 0; i < (META_DEPTH_MAX + 1); i++)
		buf_addc(&text, ')');
	buf_addc(&text, '\0');
	rig = rig_new(text.p);
	assert_int_equal(rig->load.errors, 1);
	rig_free(rig);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(header_rules_see_values),
	    cmocka_unit_test(body_rules_find_lines_and_count),
	    cmocka_unit_test(uri_rules_see_links),
	    cmocka_unit_test(metas_compute),
	    cmocka_unit_test(scores_and_overrides),
	    cmocka_unit_test(conditions_choose_lines),
	    cmocka_unit_test(comments_and_escaped_hashes),
	    cmocka_unit_test(replace_tags_are_filled_in),
	    cmocka_unit_test(captures_feed_templates),
	    cmocka_unit_test(errors_name_file_and_line),
	    cmocka_unit_test(a_budget_ends_the_work_and_says_so),
	    cmocka_unit_test(a_match_limit_is_counted),
	    cmocka_unit_test(nesting_has_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
