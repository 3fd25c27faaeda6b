#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/list/list.h"
#include "core/list/nets.h"
#include "lib/store/store.h"
#include "tests/unit/conf-kit.h"
#include "tests/unit/unit.h"

struct kit {
	struct arena *a;
	struct conf_load load;
	struct lists *lists;
};

static int kit_open(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	k->a = arena_new(0);
	conf_load_init(&k->load, k->a);
	k->lists = lists_new(k->a, NULL);
	*state = k;
	return 0;
}

static int kit_close(void **state)
{
	struct kit *k = *state;

	arena_free(k->a);
	free(k);
	return 0;
}

static void read_lists(struct kit *k, const char *text)
{
	for (struct conf_node *n = conf_parse_text(&k->load, "t.conf", str_of(text)); n; n = n->next)
		lists_add(k->lists, &k->load, n);
}

static const char *errors(struct kit *k)
{
	return conf_kit_errors(k->a, &k->load);
}

/* What matched, "-" for nothing. */
static const char *text_in(struct kit *k, const char *name, const char *text)
{
	struct str entry = STR_NONE;
	enum res res = list_has_text(lists_find(k->lists, str_of(name)), str_of(text), &entry);

	assert_int_not_equal(res, RES_PERM);
	return res == RES_OK ? arena_cstr(k->a, entry) : res == RES_TEMP ? "temp" : "-";
}

static const char *ip_in(struct kit *k, const char *name, const char *text)
{
	struct str entry = STR_NONE;
	struct ip ip;

	assert_true(ip_parse(str_of(text), &ip));
	return list_has_ip(lists_find(k->lists, str_of(name)), &ip, &entry) == RES_OK ? arena_cstr(k->a, entry) : "-";
}

static void texts(void **state)
{
	struct kit *k = *state;

	read_lists(k, "list x { Joe@Example.COM; example.org, @at.example; .below.example; \"two words\";"
		      "\"/^bounce-[0-9]+@/\"; 192.0.2.1; }");
	assert_string_equal(errors(k), "");
	assert_string_equal(text_in(k, "x", "joe@example.com"), "Joe@Example.COM");
	assert_string_equal(text_in(k, "x", "jim@example.com"), "-");
	assert_string_equal(text_in(k, "x", "example.com"), "-");
	assert_string_equal(text_in(k, "x", "any@EXAMPLE.org"), "example.org");
	assert_string_equal(text_in(k, "x", "example.org"), "example.org");
	assert_string_equal(text_in(k, "x", "any@sub.example.org"), "-");
	assert_string_equal(text_in(k, "x", "u@at.example"), "@at.example");
	assert_string_equal(text_in(k, "x", "u@below.example"), ".below.example");
	assert_string_equal(text_in(k, "x", "u@a.b.below.example"), ".below.example");
	assert_string_equal(text_in(k, "x", "a.below.example"), ".below.example");
	assert_string_equal(text_in(k, "x", "u@notbelow.example"), "-");
	assert_string_equal(text_in(k, "x", ".below.example"), "-");
	assert_string_equal(text_in(k, "x", "u@.below.example"), "-");
	assert_string_equal(text_in(k, "x", "Two Words"), "two words");
	assert_string_equal(text_in(k, "x", "BOUNCE-77@foo"), "/^bounce-[0-9]+@/");
	assert_string_equal(text_in(k, "x", "bounce-@foo"), "-");
	assert_string_equal(text_in(k, "x", ""), "-");
	assert_string_equal(text_in(k, "x", "@"), "-");
	assert_string_equal(text_in(k, "x", "a@b@example.org"), "example.org");
	assert_int_equal(list_count(lists_find(k->lists, STR("x"))), 7);
}

/* A domain longer than any can be is not looked for, and does no harm. */
static void long_texts(void **state)
{
	struct kit *k = *state;
	char text[600];

	read_lists(k, "list x { .example; }");
	for (size_t n = 255; n <= 256; n++) {
		memset(text, 'a', sizeof text);
		memcpy(text, "u@", 2);
		memcpy(text + 2 + n - 8, ".example", 9);
		assert_string_equal(text_in(k, "x", text), n == 255 ? ".example" : "-");
	}
}

static void networks(void **state)
{
	struct kit *k = *state;

	read_lists(k, "list x { 10.0.0.0/8; 10.1.0.0/16; 10.1.2.3; 10.1.2.3; 192.0.2.0/24; 2001:db8::/32; 2001:db8::1; }"
		      "list none { a@b.example; } list all { 0.0.0.0/0; }");
	assert_string_equal(errors(k), "");
	assert_string_equal(ip_in(k, "x", "10.9.9.9"), "10.0.0.0/8");
	assert_string_equal(ip_in(k, "x", "10.1.9.9"), "10.1.0.0/16");
	assert_string_equal(ip_in(k, "x", "10.1.2.3"), "10.1.2.3");
	assert_string_equal(ip_in(k, "x", "10.1.2.4"), "10.1.0.0/16");
	assert_string_equal(ip_in(k, "x", "10.2.0.0"), "10.0.0.0/8");
	assert_string_equal(ip_in(k, "x", "11.0.0.0"), "-");
	assert_string_equal(ip_in(k, "x", "9.255.255.255"), "-");
	assert_string_equal(ip_in(k, "x", "192.0.2.255"), "192.0.2.0/24");
	assert_string_equal(ip_in(k, "x", "::ffff:192.0.2.7"), "192.0.2.0/24");
	assert_string_equal(ip_in(k, "x", "2001:db8::1"), "2001:db8::1");
	assert_string_equal(ip_in(k, "x", "2001:db8:ffff::1"), "2001:db8::/32");
	assert_string_equal(ip_in(k, "x", "2001:db9::"), "-");
	assert_string_equal(ip_in(k, "none", "10.0.0.1"), "-");
	assert_string_equal(ip_in(k, "all", "255.255.255.255"), "0.0.0.0/0");
	assert_string_equal(ip_in(k, "all", "::1"), "-");
	assert_int_equal(list_has_ip(lists_find(k->lists, STR("all")), &(struct ip){0}, NULL), RES_NONE);
}

/* Against the plain way: every network tried. */
static void networks_agree(void **state)
{
	struct kit *k = *state;
	struct nets nets = {0};
	struct cidr plain[500];

	srand(7);
	for (size_t i = 0; i < 500; i++) {
		struct cidr c = {.ip = {.family = 4}, .bits = (uint8_t)(4 + rand() % 29)};
		for (unsigned b = 0; b < c.bits; b++)
			if (rand() % 3 == 0)
				c.ip.b[b / 8] |= (uint8_t)(0x80 >> b % 8);
		plain[i] = c;
		nets_add(&nets, k->a, &c, STR(""));
	}
	nets_sort(&nets);
	for (size_t i = 0; i < 20000; i++) {
		struct ip ip = {.family = 4};
		const struct net *net;
		int most = -1;

		for (unsigned b = 0; b < 32; b++)
			if (rand() % 3 == 0)
				ip.b[b / 8] |= (uint8_t)(0x80 >> b % 8);
		for (size_t j = 0; j < 500; j++)
			if (cidr_has(&plain[j], &ip) && plain[j].bits > most)
				most = plain[j].bits;
		net = nets_find(&nets, &ip);
		assert_int_equal(net ? net->cidr.bits : -1, most);
	}
}

static void files(void **state)
{
	struct kit *k = *state;
	char path[] = "/tmp/test-list-XXXXXX", config[200];
	int fd = mkstemp(path);
	const char text[] = "\xef\xbb\xbf# partners\r\n  a@b.example  # joe\r\n\r\n10.0.0.0/24\n10.0.0.1/24\n/(/\nlast#one";

	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	snprintf(config, sizeof config, "list x \"%s\" { more@x.example; }", path);
	read_lists(k, config);
	const char *found = errors(k);
	assert_non_null(strstr(found, ":5:1: error: '10.0.0.1/24' is no network"));
	assert_non_null(strstr(found, ":6:1: error: pattern /(/: missing closing parenthesis at octet 2"));
	assert_string_equal(text_in(k, "x", "A@B.example"), "a@b.example");
	assert_string_equal(text_in(k, "x", "last#one"), "last#one");
	assert_string_equal(text_in(k, "x", "more@x.example"), "more@x.example");
	assert_string_equal(ip_in(k, "x", "10.0.0.200"), "10.0.0.0/24");
	unlink(path);
	read_lists(k, "list y \"/nonexistent\"; list z \"/dev\";");
	assert_string_equal(errors(k), "t.conf:1:8: error: cannot read '/nonexistent': No such file or directory\n"
				       "t.conf:1:31: error: cannot read '/dev': it is no regular file\n");
}

static void mistakes(void **state)
{
	struct kit *k = *state;

	read_lists(k, "list; list x; list 9 { a; } list y { a; } list y { b; } list z { a == b; c { d; } }");
	assert_string_equal(errors(k),
	    "t.conf:1:5: error: 'list' needs more; expected list NAME { ENTRY; ... }, list NAME \"FILE\" or list NAME "
	    "state\n"
	    "t.conf:1:13: error: expected '{', the path of a file, or the word state\n"
	    "t.conf:1:20: error: '9' cannot name a list; expected a letter, then letters, digits, . _ -\n"
	    "t.conf:1:48: error: list 'y' is given twice; the first one is at t.conf:1\n"
	    "t.conf:1:68: error: '==' is wrong here; an entry with such signs needs double quotes\n"
	    "t.conf:1:74: error: 'c' takes no block; expected ';'\n");
	assert_null(lists_find(k->lists, STR("9")));
	assert_int_equal(lists_count(k->lists), 3);
	assert_string_equal(lists_name_at(k->lists, 1), "y");
}

static void limits(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};

	buf_adds(&b, "list a { ");
	for (int i = 0; i < LIST_ENTRY_MAX; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "; } list b { ");
	for (int i = 0; i <= LIST_ENTRY_MAX; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "; }");
	buf_addc(&b, '\0');
	read_lists(k, b.p);
	assert_non_null(strstr(errors(k), ": error: an entry of a list has 1 to 400 octets\n"));
	assert_int_equal(list_count(lists_find(k->lists, STR("a"))), 1);
	assert_int_equal(list_count(lists_find(k->lists, STR("b"))), 0);
	b.n = 0;
	buf_adds(&b, "list c { ");
	for (int i = 0; i < LIST_REGEX_MAX; i++)
		buf_adds(&b, "/x/;");
	buf_adds(&b, "} list d { ");
	for (int i = 0; i <= LIST_REGEX_MAX; i++)
		buf_adds(&b, "/x/;");
	buf_adds(&b, "}");
	buf_addc(&b, '\0');
	read_lists(k, b.p);
	assert_non_null(strstr(errors(k), "more than 1000 patterns in list 'd'"));
	assert_int_equal(k->load.errors, 0);
	buf_free(&b);
}

/* 100,000 entries of each kind: a look-up stays far below a microsecond or two. */
static void large(void **state)
{
	struct kit *k = *state;
	char path[] = "/tmp/test-list-XXXXXX", config[100], text[64];
	FILE *f = fdopen(mkstemp(path), "w");
	const struct list *l;
	struct timespec from, to;
	struct ip ip;

	for (unsigned i = 0; i < 100000; i++)
		fprintf(f, "user%u@example.org\n.d%u.example\n%u.%u.%u.0/24\n", i, i, 1 + i / 65536, i / 256 % 256, i % 256);
	fclose(f);
	snprintf(config, sizeof config, "list x \"%s\";", path);
	read_lists(k, config);
	unlink(path);
	assert_string_equal(errors(k), "");
	l = lists_find(k->lists, STR("x"));
	assert_int_equal(list_count(l), 300000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(text, sizeof text, "user%u@example.org", i);
		assert_int_equal(list_has_text(l, str_of(text), NULL), RES_OK);
		snprintf(text, sizeof text, "user%u@a.d%u.example", i, i);
		assert_int_equal(list_has_text(l, str_of(text), NULL), RES_OK);
		snprintf(text, sizeof text, "%u.%u.%u.77", 1 + i / 65536, i / 256 % 256, i % 256);
		assert_true(ip_parse(str_of(text), &ip));
		assert_int_equal(list_has_ip(l, &ip, NULL), RES_OK);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	print_message("%.2f us a look-up\n",
	    ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) / 300000);
	assert_true(to.tv_sec - from.tv_sec < 5);
}

/* "TABLE KEY", or "-" when it can be no entry. */
static const char *place_of(struct kit *k, struct str name, struct str entry)
{
	struct list_place place;
	const char *error;

	if (!list_state_place(k->a, name, STR(""), entry, &place, &error))
		return "-";
	for (size_t i = 0; i < place.key.n; i++)
		if (!place.key.p[i])
			((char *)place.key.p)[i] = '|';
	return arena_printf(k->a, "%s %.*s", place.table, STR_ARG(place.key)).p;
}

static void state_keys(void **state)
{
	struct kit *k = *state;

	assert_string_equal(place_of(k, STR("Vip"), STR("Joe@Example.ORG")), "list vip|joe@example.org");
	assert_string_equal(place_of(k, STR("vip"), STR("@example.org")), "list vip|example.org");
	assert_string_equal(place_of(k, STR("vip"), STR("192.0.2.1")), "list vip|192.0.2.1/32");
	assert_string_equal(place_of(k, STR("vip"), STR("2001:db8::/32")), "list vip|2001:db8::/32");
	assert_string_equal(place_of(k, STR("vip"), STR("")), "list vip|");
	assert_string_equal(place_of(k, STR("vip"), STR("10.0.0.0/9")), "list-scan vip|10.0.0.0/9");
	assert_string_equal(place_of(k, STR("VIP"), STR("/^X\\S+@/")), "list-scan vip|/^X\\S+@/");
	assert_string_equal(place_of(k, STR("vip"), STR("10.0.0.1/8")), "-");
	assert_string_equal(place_of(k, STR("vip"), STR("10.0.0.1/9")), "-");
	assert_string_equal(place_of(k, STR("vip"), STR("/x(/")), "-");
	assert_string_equal(place_of(k, STR("vip"), STR("a\0b")), "-");
	read_lists(k, "list s state;");
	assert_true(list_is_state(lists_find(k->lists, STR("s"))));
	/* No store to ask: never the same as "not in". */
	assert_string_equal(text_in(k, "s", "a@b.example"), "temp");
}

static void put_for(struct kit *k, struct store *st, const char *scope, const char *entry)
{
	struct list_place place;
	const char *error;

	assert_true(list_state_place(k->a, STR("s"), str_of(scope), str_of(entry), &place, &error));
	assert_int_equal(list_state_put(st, &place, STR("1"), 0), RES_OK);
}

static void put(struct kit *k, struct store *st, const char *entry)
{
	put_for(k, st, "", entry);
}

static enum res del(struct kit *k, struct store *st, const char *entry)
{
	struct list_place place;
	const char *error;

	assert_true(list_state_place(k->a, STR("s"), STR(""), str_of(entry), &place, &error));
	return list_state_delete(st, &place);
}

/* What no key leads to is tried one by one, and a change counts at once. */
static void state_lists_have_patterns_and_any_network(void **state)
{
	struct kit *k = *state;
	struct str error = STR_NONE;
	struct store *st = store_open(NULL, false, k->a, &error);
	const struct list *l;
	struct list_place place;
	const char *wrong;
	struct ip ip;
	int i;

	k->lists = lists_new(k->a, st);
	read_lists(k, "list s state; list other state;");
	l = lists_find(k->lists, STR("s"));
	assert_string_equal(text_in(k, "s", "bounce-7@x.example"), "-");
	put(k, st, "/^Bounce-\\d+@/");
	assert_string_equal(text_in(k, "s", "BOUNCE-7@x.example"), "BOUNCE-7@x.example");
	assert_string_equal(text_in(k, "s", "bounce-x@x.example"), "-");
	assert_string_equal(text_in(k, "other", "bounce-7@x.example"), "-");
	put(k, st, "10.0.0.0/9");
	put(k, st, "2001:db8::/33");
	assert_string_equal(ip_in(k, "s", "10.127.0.1"), "");
	assert_string_equal(ip_in(k, "s", "10.128.0.1"), "-");
	assert_string_equal(ip_in(k, "s", "2001:db8:7fff::1"), "");
	assert_string_equal(ip_in(k, "s", "2001:db8:8000::1"), "-");
	assert_string_equal(text_in(k, "s", "10.127.0.1"), "-");
	assert_int_equal(del(k, st, "10.0.0.0/9"), RES_OK);
	assert_int_equal(del(k, st, "10.0.0.0/9"), RES_NONE);
	assert_string_equal(ip_in(k, "s", "10.127.0.1"), "-");
	put_for(k, st, "b@example.net", "/^news@/");
	put_for(k, st, "example.net", "172.16.0.0/12");
	assert_int_equal(list_has_text_for(l, STR("B@example.net"), STR("news@x.example"), NULL), RES_OK);
	assert_int_equal(list_has_text_for(l, STR("c@example.net"), STR("news@x.example"), NULL), RES_NONE);
	assert_int_equal(list_has_text_for(l, STR("c@example.net"), STR("bounce-1@x.example"), NULL), RES_OK);
	assert_true(ip_parse(STR("172.31.0.1"), &ip));
	assert_int_equal(list_has_ip_for(l, STR("c@example.net"), &ip, NULL), RES_OK);
	assert_int_equal(list_has_ip_for(l, STR("c@example.org"), &ip, NULL), RES_NONE);
	for (i = 5; i <= LIST_SCAN_MAX; i++)
		put(k, st, arena_printf(k->a, "/^p%d@/", i).p);
	assert_string_equal(text_in(k, "s", arena_printf(k->a, "p%d@x.example", LIST_SCAN_MAX).p),
	    arena_printf(k->a, "p%d@x.example", LIST_SCAN_MAX).p);
	assert_true(list_state_place(k->a, STR("s"), STR(""), STR("/one more/"), &place, &wrong));
	assert_int_equal(list_state_put(st, &place, STR("1"), 0), RES_PERM);
	assert_true(list_state_place(k->a, STR("s"), STR(""), STR("/^p7@/"), &place, &wrong));
	assert_int_equal(list_state_put(st, &place, STR("2"), 0), RES_OK); /* is there already */
	store_close(st);
}

static void state_lists(void **state)
{
	struct kit *k = *state;
	struct str error = STR_NONE;
	struct store *st = store_open(NULL, false, k->a, &error);

	assert_non_null(st);
	k->lists = lists_new(k->a, st);
	read_lists(k, "list s state;");
	assert_string_equal(errors(k), "");
	assert_string_equal(text_in(k, "s", "joe@example.org"), "-");
	put(k, st, "Joe@Example.org");
	put(k, st, "example.net");
	put(k, st, ".below.example");
	put(k, st, "192.0.2.0/24");
	put(k, st, "2001:db8::/32");
	assert_string_equal(text_in(k, "s", "JOE@example.org"), "JOE@example.org");
	assert_string_equal(text_in(k, "s", "jim@example.org"), "-");
	assert_string_equal(text_in(k, "s", "jim@example.NET"), "example.NET");
	assert_string_equal(text_in(k, "s", "jim@x.example.net"), "-");
	assert_string_equal(text_in(k, "s", "u@a.below.example"), ".below.example");
	assert_string_equal(text_in(k, "s", "u@below.example"), "@below.example");
	assert_string_equal(text_in(k, "s", "below.example"), "below.example");
	assert_string_equal(text_in(k, "s", ".below.example"), "-");
	assert_string_equal(text_in(k, "s", "u@example"), "-");
	assert_string_equal(ip_in(k, "s", "192.0.2.9"), "");
	assert_string_equal(ip_in(k, "s", "192.0.3.9"), "-");
	assert_string_equal(ip_in(k, "s", "2001:db8:1::1"), "");
	assert_string_equal(ip_in(k, "s", "2001:db9::1"), "-");
	store_close(st);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(texts),
	    TEST(long_texts),
	    TEST(networks),
	    TEST(networks_agree),
	    TEST(files),
	    TEST(mistakes),
	    TEST(limits),
	    TEST(large),
	    TEST(state_keys),
	    TEST(state_lists),
	    TEST(state_lists_have_patterns_and_any_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
