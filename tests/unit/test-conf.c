#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "tests/unit/conf-kit.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

struct kit {
	struct arena *a;
	struct conf_load load;
	char dir[FOLDER_MAX];
};

static int kit_open(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	k->a = arena_new(0);
	conf_load_init(&k->load, k->a);
	assert_int_equal(folder_make(k->dir), 0);
	*state = k;
	return 0;
}

static int kit_close(void **state)
{
	struct kit *k = *state;

	assert_int_equal(folder_remove(k->dir), 0);
	arena_free(k->a);
	free(k);
	return 0;
}

static struct conf_node *parse(struct kit *k, const char *text)
{
	return conf_parse_text(&k->load, "t.conf", str_of(text));
}

static const char *errors(struct kit *k)
{
	return conf_kit_errors(k->a, &k->load);
}

static const char *put_file(struct kit *k, const char *name, const char *text)
{
	const char *path = arena_printf(k->a, "%s/%s", k->dir, name).p;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

/* The tree as text, to compare. */
static void dump(const struct conf_node *n, struct buf *out)
{
	for (; n; n = n->next) {
		for (size_t i = 0; i < n->n; i++)
			buf_addf(out, "%s%c:%.*s", i ? " " : "", "wso"[n->tokens[i].kind], STR_ARG(n->tokens[i].text));
		if (n->has_block) {
			buf_adds(out, " {");
			dump(n->children, out);
			buf_adds(out, "}");
		}
		buf_adds(out, ";");
	}
}

static const char *shape(struct kit *k, const char *text)
{
	struct buf b = {0};

	dump(parse(k, text), &b);
	return buf_take(&b, k->a).p;
}

static void tree(void **state)
{
	struct kit *k = *state;

	assert_string_equal(shape(k, "a b-1 \"c d\"; # no\nlisten [::1]:25 { tls; x { y } }"),
	    "w:a w:b-1 s:c d;w:listen w:[::1]:25 {w:tls;w:x {w:y;};};");
	assert_string_equal(errors(k), "t.conf:2:28: error: missing ';' behind 'y', before '}'\n");
	assert_string_equal(shape(k, "x if a>=2 and not(b=~\"\\d+\\\\.\\\"\\n\"),c!=d;};"),
	    "w:x w:if w:a o:>= w:2 w:and w:not o:( w:b o:=~ s:\\d+\\.\"\n o:) o:, w:c o:!= w:d;");
	assert_string_equal(errors(k), "t.conf:1:41: error: '}' without a '{' before it\n");
	assert_string_equal(shape(k, ""), "");
	assert_string_equal(shape(k, ";;a{};b;"), "w:a {};w:b;");
	assert_string_equal(shape(k, "\r\na\r\n;\r\n"), "w:a;");
	assert_string_equal(errors(k), "");
}

static void places(void **state)
{
	struct kit *k = *state;
	struct conf_node *n = parse(k, "\n  a \"\xc3\xbc\" b\n{ c; }");

	assert_int_equal(n->tokens[0].place.line, 2);
	assert_int_equal(n->tokens[0].place.column, 3);
	assert_int_equal(n->tokens[2].place.column, 9); /* characters, not octets */
	assert_int_equal(n->children->tokens[0].place.line, 3);
	assert_int_equal(n->end.column, 7);
	assert_string_equal(n->tokens[0].place.file, "t.conf");
}

static void all_errors_in_one_run(void **state)
{
	struct kit *k = *state;

	parse(k, "a \"open;\n;b \x01 c;\nd { e;\n{ f; }\n\"\xff\";");
	assert_string_equal(errors(k),
	    "t.conf:1:3: error: this string has no closing '\"' on its line\n"
	    "t.conf:2:4: error: unexpected octet 0x01\n"
	    "t.conf:4:1: error: '{' without a name before it\n"
	    "t.conf:5:1: error: string \"\xff\" is no UTF-8\n");
	/* What such a string took with it is not said to be missing; of a sound file it is. */
	parse(k, "a {\nb \"open; }");
	assert_string_equal(errors(k), "t.conf:2:3: error: this string has no closing '\"' on its line\n");
	parse(k, "a {\nb \"c\"; d { e; }\n");
	assert_string_equal(errors(k), "t.conf:1:3: error: this '{' is never closed; expected '}' before the end of the file\n");
	parse(k, "last");
	assert_string_equal(errors(k), "t.conf:1:1: error: missing ';' behind 'last', before the end of the file\n");
	parse(k, "a \xe2\x80\x9cspam\xe2\x80\x9d; b \"\xe2\x80\x9cspam\";");
	assert_string_equal(errors(k), "t.conf:1:3: error: typographic quotes in '\xe2\x80\x9cspam\xe2\x80\x9d'; expected plain "
	    "ones: \"TEXT\"\n");
}

static void errors_are_capped(void **state)
{
	struct kit *k = *state;
	size_t lines = 0;

	for (int i = 0; i < CONF_ERRORS_MAX + 5; i++)
		conf_error(&k->load, (struct conf_place){"f", 1, 1}, "a\nb");
	conf_warning(&k->load, (struct conf_place){NULL, 0, 0}, "w");
	assert_int_equal(k->load.errors, CONF_ERRORS_MAX + 5);
	const char *text = errors(k);
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, CONF_ERRORS_MAX + 2);
	assert_non_null(strstr(text, "f:1:1: error: a?b\n"));
	assert_non_null(strstr(text, "\nwarning: w\nand 5 more errors\n"));
}

static void depth(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};

	for (int i = 0; i < CONF_BLOCK_DEPTH; i++)
		buf_adds(&b, "a {");
	for (int i = 0; i < CONF_BLOCK_DEPTH; i++)
		buf_adds(&b, "}");
	conf_parse_text(&k->load, "t", buf_str(&b));
	assert_string_equal(errors(k), "");
	b.n = 0;
	for (int i = 0; i < CONF_BLOCK_DEPTH + 1; i++)
		buf_adds(&b, "a {");
	for (int i = 0; i < CONF_BLOCK_DEPTH + 1; i++)
		buf_adds(&b, "}");
	conf_parse_text(&k->load, "t", buf_str(&b));
	assert_string_equal(errors(k), "t:1:99: error: blocks are nested more than 32 deep\n");
	buf_free(&b);
}

static void word_length(void **state)
{
	struct kit *k = *state;
	char text[CONF_WORD_MAX + 3];

	memset(text, 'a', sizeof text);
	conf_parse_text(&k->load, "t", (struct str){text, CONF_WORD_MAX});
	assert_int_equal(k->load.errors, 1); /* the missing ; */
	conf_parse_text(&k->load, "t", (struct str){text, CONF_WORD_MAX + 1});
	assert_int_equal(k->load.errors, 3);
}

static void includes(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};
	const char *main_file;

	put_file(k, "10-b.inc", "two;");
	put_file(k, "05-a.inc", "\xef\xbb\xbfone; oops");
	main_file = put_file(k, "main.conf", "zero; include \"*.inc\"; b { include 10-b.inc; }\n"
					     "include none; include \"no*.x\"; include; three;");
	dump(conf_parse_file(&k->load, main_file), &b);
	assert_str(buf_str(&b), "w:zero;w:one;w:oops;w:two;w:b {w:two;};w:three;");
	const char *text = errors(k);
	assert_non_null(strstr(text, "/05-a.inc:1:6: error: missing ';'"));
	assert_non_null(strstr(text, "/main.conf:2:9: error: cannot read"));
	assert_non_null(strstr(text, "/main.conf:2:32: error: include: expected one path"));
	assert_null(conf_parse_file(&k->load, k->dir));
	assert_non_null(strstr(errors(k), "it is a folder"));
	assert_null(conf_parse_file(&k->load, "/nonexistent/x"));
	assert_string_equal(errors(k), "/nonexistent/x: error: cannot read '/nonexistent/x': No such file or directory; "
	    "another file is named with -c FILE\n");
	assert_null(conf_parse_file(&k->load, "/dev/null"));
	assert_non_null(strstr(errors(k), "no regular file"));
	buf_free(&b);
}

static void include_cycle_and_depth(void **state)
{
	struct kit *k = *state;

	put_file(k, "a", "include b; x;");
	put_file(k, "b", "include ./a;");
	conf_parse_file(&k->load, arena_printf(k->a, "%s/a", k->dir).p);
	assert_non_null(strstr(errors(k), "it includes itself"));
	for (int i = 0; i <= CONF_INCLUDE_DEPTH + 1; i++)
		put_file(k, arena_printf(k->a, "d%d", i).p, arena_printf(k->a, "include d%d;", i + 1).p);
	put_file(k, "d16", "deep;");
	conf_parse_file(&k->load, arena_printf(k->a, "%s/d0", k->dir).p);
	assert_string_equal(errors(k), "");
	put_file(k, "d16", "include d17;");
	conf_parse_file(&k->load, arena_printf(k->a, "%s/d0", k->dir).p);
	assert_non_null(strstr(errors(k), "more than 16 deep"));
}

static void file_size(void **state)
{
	struct kit *k = *state;
	const char *path = put_file(k, "big", "a;");

	assert_int_equal(truncate(path, CONF_FILE_BYTES + 1), 0);
	assert_null(conf_parse_file(&k->load, path));
	assert_non_null(strstr(errors(k), "larger than 16 MiB"));
}

static void file_count(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};

	put_file(k, "one", ";");
	for (int i = 0; i < CONF_FILES_MAX - 1; i++)
		buf_adds(&b, "include one;\n");
	buf_addc(&b, '\0');
	conf_parse_file(&k->load, put_file(k, "many", b.p));
	assert_string_equal(errors(k), "");
	b.n--;
	buf_adds(&b, "include one;\n");
	buf_addc(&b, '\0');
	conf_parse_file(&k->load, put_file(k, "many", b.p));
	assert_non_null(strstr(errors(k), "more than 1000 files"));
	buf_free(&b);
}

static void near(void **state)
{
	static const char *const names[] = {"delay", "limit", "database", "on-failure", "tls"};

	(void)state;
	assert_string_equal(conf_near(STR("dealy"), names, 5), "delay");
	assert_string_equal(conf_near(STR("onfailure"), names, 5), "on-failure");
	assert_string_equal(conf_near(STR("DATABSE"), names, 5), "database");
	assert_string_equal(conf_near(STR("tsl"), names, 5), "tls");
	assert_null(conf_near(STR("xyz"), names, 5));
	assert_null(conf_near(STR("tx"), names, 5));
	assert_null(conf_near(STR(""), names, 5));
	assert_null(conf_near(STR("greylist"), names, 5));
	/* By whole parts: what says too much, what says too little, and none that only begins alike. */
	assert_string_equal(conf_near(STR("database-folder"), names, 5), "database");
	assert_string_equal(conf_near(STR("greylist-DELAY"), names, 5), "delay");
	assert_string_equal(conf_near(STR("failure"), names, 5), "on-failure");
	assert_null(conf_near(STR("databases-folder"), names, 5));
	assert_null(conf_near(STR("-"), names, 5));
	assert_null(conf_near(STR("tls-something-else"), names, 5));
	assert_string_equal(conf_near(STR("add"), (const char *[]){"reject", "add-header"}, 2), "add-header");
	assert_null(conf_near(STR("on"), names, 5));
}

struct target {
	bool flag;
	int64_t count, duration;
	double number;
	uint64_t size;
	struct str text, path;
	int choice;
	struct conf_strings strings;
	struct conf_cidrs cidrs;
	int customs;
};

static void custom(struct conf_load *load, const struct conf_node *node, void *target)
{
	if (conf_expect_args(load, node, 1, 2, "A [B]") && conf_expect_block(load, node, true))
		((struct target *)target)->customs++;
}

static const char *const colours[] = {"red", "green", NULL};

#define AT(field) offsetof(struct target, field)
static const struct directive table[] = {
    {"flag", CONF_FLAG, AT(flag), "off", 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {"count", CONF_INT, AT(count), "7", 1, 10, NULL, NULL, "", NULL, NULL, false, false},
    {"duration", CONF_DURATION, AT(duration), "5m", 1000, 3600000, NULL, NULL, "", NULL, NULL, false, false},
    {"number", CONF_NUMBER, AT(number), NULL, -5, 5, NULL, NULL, "", NULL, NULL, false, false},
    {"size", CONF_SIZE, AT(size), "25M", 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {"text", CONF_STRING, AT(text), "\"two words\"", 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {"path", CONF_PATH, AT(path), NULL, 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {"colour", CONF_CHOICE, AT(choice), "green", 0, 0, colours, NULL, "", NULL, NULL, false, false},
    {"strings", CONF_STRINGS, AT(strings), "a b", 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {"networks", CONF_CIDRS, AT(cidrs), NULL, 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {"custom", CONF_CUSTOM, 0, NULL, 0, 0, NULL, "A [B]", "", custom, NULL, true, false},
    {0},
};
static const struct directive needy[] = {
    {"key", CONF_PATH, AT(path), NULL, 0, 0, NULL, "FILE", "", NULL, NULL, false, true},
    {"flag", CONF_FLAG, AT(flag), NULL, 0, 0, NULL, NULL, "", NULL, NULL, false, false},
    {0},
};

static struct target apply(struct kit *k, const char *text)
{
	struct target t = {0};

	conf_apply(&k->load, table, parse(k, text), &t, "the test", (struct conf_place){"t.conf", 1, 1});
	return t;
}

static void defaults(void **state)
{
	struct kit *k = *state;
	struct target t = apply(k, "");

	assert_string_equal(errors(k), "");
	assert_int_equal(t.count, 7);
	assert_int_equal(t.duration, 300000);
	assert_int_equal(t.size, 25 * 1024 * 1024);
	assert_str(t.text, "two words");
	assert_int_equal(t.choice, 1);
	assert_int_equal(t.strings.n, 2);
	assert_str(t.strings.v[1].text, "b");
}

static void values(void **state)
{
	struct kit *k = *state;
	struct target t = apply(k, "flag; count 10; duration 1h; number -4.25; size 2G; text x; path /a/b; colour red;"
				   "strings x; strings \"y z\" w; networks 10.0.0.0/8 ::1; networks 192.0.2.1;"
				   "custom 1 {} custom 1 2 {}");

	assert_string_equal(errors(k), "");
	assert_true(t.flag);
	assert_int_equal(t.count, 10);
	assert_int_equal(t.duration, 3600000);
	assert_true(t.number == -4.25);
	assert_true(t.size == UINT64_C(2) << 30);
	assert_string_equal(t.text.p, "x");
	assert_string_equal(t.path.p, "/a/b");
	assert_int_equal(t.choice, 0);
	assert_int_equal(t.strings.n, 3);
	assert_string_equal(t.strings.v[1].text.p, "y z");
	assert_int_equal(t.cidrs.n, 3);
	assert_int_equal(t.cidrs.v[0].bits, 8);
	assert_int_equal(t.customs, 2);
}

static void check(struct kit *k, const char *text, const char *error)
{
	apply(k, text);
	assert_string_equal(errors(k), error);
}

static void wrong_values(void **state)
{
	struct kit *k = *state;

	check(k, "count 11;", "t.conf:1:7: error: 'count' is out of bounds: 11; expected 1 to 10\n");
	check(k, "count 0;", "t.conf:1:7: error: 'count' is out of bounds: 0; expected 1 to 10\n");
	check(k, "duration 999ms;", "t.conf:1:10: error: 'duration' is out of bounds: 999ms; expected 1s to 1h\n");
	check(k, "duration 3601;", "t.conf:1:10: error: 'duration' is out of bounds: 3601; expected 1s to 1h\n");
	check(k, "count 3 4;", "t.conf:1:9: error: '4' is too much; expected count NUMBER\n");
	check(k, "count 3\nsize 4;", "t.conf:1:7: error: missing ';' behind '3'\n");
	check(k, "count;", "t.conf:1:6: error: 'count' needs more; expected count NUMBER\n");
	check(k, "count x;", "t.conf:1:7: error: 'x' is wrong here; expected a whole number\n");
	check(k, "size 3X;", "t.conf:1:6: error: '3X' is wrong here; expected a size such as 100, 64K, 25M or 2G\n");
	check(k, "flag \"on\";", "t.conf:1:6: error: string \"on\" is wrong here; expected on or off\n");
	check(k, "colour gren;",
	    "t.conf:1:8: error: 'gren' is wrong here; expected red or green; did you mean 'green'?\n");
	check(k, "text ==;", "t.conf:1:6: error: '==' is wrong here; expected a word or a string\n");
	check(k, "text a {}", "t.conf:1:6: error: 'text' takes no block; expected ';'\n");
	check(k, "custom 1;", "t.conf:1:9: error: expected '{' behind 'custom'\n");
	check(k, "count 2; count 3;", "t.conf:1:10: error: 'count' is given twice; the first one is at t.conf:1\n");
	check(k, "networks 10.0.0.1/8;",
	    "t.conf:1:10: error: '10.0.0.1/8' has bits set behind its prefix; expected the network's first address\n");
	check(k, "counts 1;", "t.conf:1:1: error: unknown directive 'counts' in the test; did you mean 'count'?\n");
	check(k, "\"count\" 1;",
	    "t.conf:1:1: error: expected the name of a directive in the test, not string \"count\"\n");
	check(k, "number 5.01; count 0; zzz;",
	    "t.conf:1:8: error: 'number' is out of bounds: 5.01; expected -5 to 5\n"
	    "t.conf:1:20: error: 'count' is out of bounds: 0; expected 1 to 10\n"
	    "t.conf:1:23: error: unknown directive 'zzz' in the test; expected flag, count, duration, number, size, "
	    "text, path, colour, strings, networks or custom\n");
}

static void two_tables(void **state)
{
	struct kit *k = *state;
	struct target own = {0}, common = {0};

	conf_apply_both(&k->load, needy, &own, table, &common, parse(k, "flag on; count 2; kee x;"), "filter x",
	    (struct conf_place){"t.conf", 9, 1});
	assert_string_equal(errors(k),
	    "t.conf:1:19: error: unknown directive 'kee' in filter x; did you mean 'key'?\n"
	    "t.conf:9:1: error: filter x: missing 'key FILE;'\n");
	assert_true(own.flag);
	assert_false(common.flag);
	assert_int_equal(common.count, 2);
	conf_apply(&k->load, needy, conf_parse_text(&k->load, "/etc/x/y.conf", STR("key k.pem;")), &own, "filter x",
	    (struct conf_place){"t.conf", 9, 1});
	assert_string_equal(errors(k), "");
	assert_str(own.path, "/etc/x/k.pem");
}

static void grammar(void **state)
{
	uint64_t bytes;
	int64_t ms;
	double number;

	(void)state;
	assert_true(conf_parse_size(STR("0"), &bytes) && bytes == 0);
	assert_true(conf_parse_size(STR("16777215T"), &bytes));
	assert_false(conf_parse_size(STR("16777216T"), &bytes));
	assert_false(conf_parse_size(STR("5KB"), &bytes));
	assert_false(conf_parse_size(STR("K"), &bytes));
	assert_false(conf_parse_size(STR("-1"), &bytes));
	assert_true(conf_parse_duration(STR("1h30m"), &ms) && ms == 5400000);
	assert_true(conf_parse_duration(STR("250ms"), &ms) && ms == 250);
	assert_true(conf_parse_duration(STR("30"), &ms) && ms == 30000);
	assert_false(conf_parse_duration(STR("1h30"), &ms));
	assert_false(conf_parse_duration(STR(""), &ms));
	assert_false(conf_parse_duration(STR("99999999999999999w"), &ms));
	assert_false(conf_parse_duration(STR("9223372036854775807"), &ms));
	assert_true(conf_parse_number(STR("4.5"), &number) && number == 4.5);
	assert_true(conf_parse_number(STR("-0.125"), &number) && number == -0.125);
	assert_false(conf_parse_number(STR("4."), &number));
	assert_false(conf_parse_number(STR(".5"), &number));
	assert_false(conf_parse_number(STR("1e5"), &number));
	assert_false(conf_parse_number(STR("4.5.1"), &number));
	assert_false(conf_parse_number(STR("1.0000000000000001"), &number));
}

static void back_to_text(void **state)
{
	struct kit *k = *state;

	assert_str(conf_duration_text(k->a, 0), "0s");
	assert_str(conf_duration_text(k->a, 250), "250ms");
	assert_str(conf_duration_text(k->a, 90000), "90s");
	assert_str(conf_duration_text(k->a, 7 * 86400000LL), "1w");
	assert_str(conf_duration_text(k->a, 3 * 86400000LL), "3d");
	assert_str(conf_size_text(k->a, 0), "0");
	assert_str(conf_size_text(k->a, 1000), "1000");
	assert_str(conf_size_text(k->a, 25 << 20), "25M");
	assert_str(conf_size_text(k->a, 3 << 10), "3K");
	assert_str(conf_size_text(k->a, UINT64_C(2) << 40), "2T");
}

static bool endpoint(struct kit *k, const char *text, uint16_t port, const char *address, uint16_t want)
{
	struct conf_token t = {TOKEN_WORD, str_of(text), {"t", 1, 1}};
	char out[IP_TEXT_MAX];
	uint16_t got;
	struct ip ip;

	if (!conf_endpoint(&k->load, &t, port, &ip, &got))
		return false;
	assert_str(ip_format(&ip, out), address);
	assert_int_equal(got, want);
	return true;
}

static void endpoints(void **state)
{
	struct kit *k = *state;

	assert_true(endpoint(k, "127.0.0.1:25", 0, "127.0.0.1", 25));
	assert_true(endpoint(k, "[::1]:65535", 0, "::1", 65535));
	assert_true(endpoint(k, "::1", 53, "::1", 53));
	assert_true(endpoint(k, "[::1]", 53, "::1", 53));
	assert_true(endpoint(k, "10.0.0.1", 53, "10.0.0.1", 53));
	assert_true(endpoint(k, "10.0.0.1:0", 0, "10.0.0.1", 0));
	assert_false(endpoint(k, "10.0.0.1", 0, "", 0));
	assert_false(endpoint(k, "[::1]", 0, "", 0));
	assert_false(endpoint(k, "::1", 0, "", 0));
	assert_false(endpoint(k, "127.0.0.1:65536", 0, "", 0));
	assert_false(endpoint(k, "127.0.0.1:", 0, "", 0));
	assert_false(endpoint(k, "[::1]x:25", 0, "", 0));
	assert_false(endpoint(k, "[::1:25", 0, "", 0));
	assert_false(endpoint(k, "host:25", 25, "", 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tree),
	    TEST(places),
	    TEST(all_errors_in_one_run),
	    TEST(errors_are_capped),
	    TEST(depth),
	    TEST(word_length),
	    TEST(includes),
	    TEST(include_cycle_and_depth),
	    TEST(file_size),
	    TEST(file_count),
	    TEST(near),
	    TEST(defaults),
	    TEST(values),
	    TEST(wrong_values),
	    TEST(two_tables),
	    TEST(grammar),
	    TEST(back_to_text),
	    TEST(endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
