#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filters/dnsbl.h"
#include "tests/unit/chain-fixture.h"
#include "tests/unit/clock-fake.h"

extern const struct filter dnsbl_filter;

#define POINTS(zone_name) {"2.0.0.127." zone_name, DNS_A, "127.0.0.2", 0}
static const struct zone zone[] = {
    POINTS("a.test"), POINTS("b.test"), POINTS("white.test"), POINTS("refuse.test"), POINTS("bits.test"),
    {"7.2.0.192.a.test", DNS_A, "127.0.0.2", 0},
    {"7.2.0.192.a.test", DNS_TXT, "listed, see a.test", 0},
    {"7.2.0.192.b.test", DNS_A, "127.0.0.4 127.0.0.10", 0},
    {"7.2.0.192.white.test", DNS_A, "127.0.0.3", 0},
    {"8.2.0.192.a.test", DNS_A, "127.255.255.254", 0},
    {"8.2.0.192.b.test", DNS_A, "10.0.0.1 127.0.0.99", 0},
    {"9.2.0.192.a.test", DNS_A, NULL, DNS_TEMP},
    {"9.2.0.192.b.test", DNS_A, "127.0.0.4", 0},
    {"10.2.0.192.a.test", DNS_A, NULL, DNS_TEMP},
    {"10.2.0.192.b.test", DNS_A, NULL, DNS_BOGUS},
    {"11.2.0.192.bits.test", DNS_A, "127.0.0.6", 0},
    {"12.2.0.192.bits.test", DNS_A, "127.0.0.1", 0},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.a.test", DNS_A, "127.0.0.2", 0},
    {0},
};

static const char conf[] = "filter dnsbl {"
			   " zone a.test { weight 4; }"
			   " zone B.test { weight 2; code 127.0.0.4; code 127.0.0.9..127.0.0.11 weight 6; }"
			   " zone white.test { weight -3; }"
			   "}";

static struct fixture *look(const char *text, const char *client)
{
	struct fixture *f = fixture_new(&dnsbl_filter, text, zone);

	assert_int_equal(f->load.errors, 0);
	fixture_client(f, client);
	fixture_run(f, STAGE_CONNECT);
	return f;
}

static void weights_add_up(void **state)
{
	struct fixture *f = look(conf, "192.0.2.7");

	(void)state;
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "7");
	assert_string_equal(fixture_fact(f, "dnsbl.zone"), "b.test");
	assert_string_equal(fixture_fact(f, "dnsbl.zones"), "a.test, b.test, white.test");
	assert_null(fixture_fact(f, "dnsbl.text"));
	assert_int_equal(fixture_found(f, "dnsbl.a.test"), 1);
	assert_int_equal(fixture_found(f, NULL), 3);
	assert_true(f->s->findings.score == 7);
	fixture_free(f);
}

static void text_is_the_heaviest_zones(void **state)
{
	struct fixture *f = look("filter dnsbl { zone a.test { weight 9; } zone b.test; }", "192.0.2.7");

	(void)state;
	assert_string_equal(fixture_fact(f, "dnsbl.text"), "listed, see a.test");
	fixture_free(f);
}

static void nobody_else_is_listed(void **state)
{
	struct fixture *f = look(conf, "192.0.2.99");

	(void)state;
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "0");
	assert_null(fixture_fact(f, "dnsbl.zone"));
	assert_int_equal(fixture_found(f, NULL), 0);
	fixture_free(f);
}

static void refusals_and_strange_answers_never_count(void **state)
{
	struct fixture *f = look(conf, "192.0.2.8");

	(void)state;
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "0");
	fixture_free(f);
}

static void bits_and_ipv6_count(void **state)
{
	struct fixture *f = look("filter dnsbl { zone bits.test { code bits 4 weight 2.5; code bits 8 weight 9; } }", "192.0.2.11");

	(void)state;
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "2.5");
	fixture_free(f);
	f = look("filter dnsbl { zone bits.test { code bits 4; } }", "192.0.2.12");
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "0");
	fixture_free(f);
	f = look(conf, "2001:db8::1");
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "4");
	fixture_free(f);
	f = look("filter dnsbl { zone a.test { family ipv4; } }", "2001:db8::1");
	assert_string_equal(fixture_fact(f, "dnsbl.weight"), "0");
	fixture_free(f);
}

static void failure_is_what_the_directive_says(void **state)
{
	static const struct {
		const char *word, *client;
		enum outcome outcome;
	} rows[] = {
	    {"all", "192.0.2.9", RUN_OK}, {"any", "192.0.2.9", RUN_TEMP}, {"ignore", "192.0.2.9", RUN_OK},
	    {"all", "192.0.2.10", RUN_TEMP}, {"any", "192.0.2.10", RUN_TEMP}, {"ignore", "192.0.2.10", RUN_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[200];
		struct fixture *f;

		snprintf(text, sizeof text, "filter dnsbl { unanswered %s; zone a.test; zone b.test { code 127.0.0.4; } }",
		    rows[i].word);
		f = look(text, rows[i].client);
		assert_int_equal(f->s->failed ? RUN_TEMP : RUN_OK, rows[i].outcome);
		assert_non_null(strstr(fixture_fact(f, "dnsbl.unanswered"), "a.test"));
		fixture_free(f);
	}
}

static void private_and_named_clients_are_skipped(void **state)
{
	static const char *const clients[] = {"127.0.0.1", "10.1.2.3", "fe80::1", "198.51.100.77"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fixture *f = look("filter dnsbl { zone a.test; skip 198.51.100.0/24; }", clients[i]);

		assert_null(fixture_fact(f, "dnsbl.weight"));
		assert_int_equal(f->asked, 2); /* the test points */
		fixture_free(f);
	}
}

/* A zone as it lives and dies: each table is what DNS says from then on. */
static void dead_lists_are_switched_off_and_on(void **state)
{
	static const struct zone good[] = {POINTS("a.test"), {"7.2.0.192.a.test", DNS_A, "127.0.0.2", 0}, {0}};
	static const struct zone everybody[] = {POINTS("a.test"), {"7.2.0.192.a.test", DNS_A, "127.0.0.2", 0},
	    {"1.0.0.127.a.test", DNS_A, "127.0.0.2", 0}, {0}};
	static const struct zone nobody[] = {{0}};
	static const struct zone silent[] = {{"2.0.0.127.a.test", DNS_A, NULL, DNS_TEMP}, {0}};
	static const struct zone refusing[] = {{"2.0.0.127.a.test", DNS_A, "127.255.255.254", 0}, {0}};
	static const struct {
		const struct zone *zone;
		const char *disabled, *weight;
	} rows[] = {{good, NULL, "5"}, {everybody, "a.test", "0"}, {silent, "a.test", "0"}, {good, NULL, "5"},
	    {nobody, "a.test", "0"}, {good, NULL, "5"}, {refusing, "a.test", "0"}, {good, NULL, "5"}};
	struct fixture *f = fixture_new(&dnsbl_filter, "filter dnsbl { test-every 10m; zone a.test { weight 5; } }", good);

	(void)state;
	fixture_client(f, "192.0.2.7");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		f->zone = rows[i].zone;
		fixture_again(f);
		step_s(601);
		fixture_run(f, STAGE_CONNECT); /* starts it */
		fixture_again(f);
		fixture_run(f, STAGE_CONNECT);
		if (rows[i].disabled)
			assert_string_equal(fixture_fact(f, "dnsbl.disabled"), rows[i].disabled);
		else
			assert_null(fixture_fact(f, "dnsbl.disabled"));
		assert_string_equal(fixture_fact(f, "dnsbl.weight"), rows[i].weight);
		assert_int_equal(fixture_found(f, "dnsbl.disabled"), rows[i].disabled != NULL);
	}
	fixture_free(f);
}

static void settings_are_checked(void **state)
{
	static const char *const wrong[] = {
	    "filter dnsbl { zone; }",
	    "filter dnsbl { zone a.test { code 10.0.0.1; } }",
	    "filter dnsbl { zone a.test { code 127.0.0.9..127.0.0.2; } }",
	    "filter dnsbl { zone a.test { code bits 0; } }",
	    "filter dnsbl { zone a.test { code bits 256; } }",
	    "filter dnsbl { zone a.test { code 127.0.0.2 wait 3; } }",
	    "filter dnsbl { zone \"no name\"; }",
	    "filter dnsbl { zone a.test; zone A.TEST; }",
	    "filter dnsbl { zone a.test { weight 1001; } }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct arena *a = arena_new(0);
		struct conf_load load;
		struct dnsbl_conf *c = arena_alloc(a, sizeof *c);
		struct conf_node *node;

		conf_load_init(&load, a);
		node = conf_parse_text(&load, "t", str_of(wrong[i]));
		conf_apply(&load, dnsbl_filter.directives, node->children, c, "filter dnsbl", node->tokens[0].place);
		assert_true(load.errors > 0);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weights_add_up),
	    cmocka_unit_test(text_is_the_heaviest_zones),
	    cmocka_unit_test(nobody_else_is_listed),
	    cmocka_unit_test(refusals_and_strange_answers_never_count),
	    cmocka_unit_test(bits_and_ipv6_count),
	    cmocka_unit_test(failure_is_what_the_directive_says),
	    cmocka_unit_test(private_and_named_clients_are_skipped),
	    cmocka_unit_test(dead_lists_are_switched_off_and_on),
	    cmocka_unit_test(settings_are_checked),
	};
	return cmocka_run_group_tests(tests, steer_setup, NULL);
}
