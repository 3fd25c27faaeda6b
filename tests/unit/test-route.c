#include <stdio.h>
#include <stdlib.h>

#include "core/list/list.h"
#include "core/route.h"
#include "tests/unit/conf-kit.h"
#include "tests/unit/unit.h"

struct kit {
	struct arena *a;
	struct conf_load load;
	struct routes *routes;
};

static int kit_open(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	k->a = arena_new(0);
	conf_load_init(&k->load, k->a);
	k->routes = routes_new(k->a);
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

static void read_routes(struct kit *k, const char *text)
{
	for (struct conf_node *n = conf_parse_text(&k->load, "t.conf", str_of(text)); n; n = n->next)
		routes_add(k->routes, &k->load, n);
}

static const char *errors(struct kit *k)
{
	return conf_kit_errors(k->a, &k->load);
}

/* Port of the first hop of the route for a domain; 0: none. */
static unsigned find(struct kit *k, const char *domain)
{
	const struct route *route = routes_find(k->routes, str_of(domain));

	return route ? route->hops[0].port : 0;
}

static void look_up(void **state)
{
	struct kit *k = *state;

	read_routes(k, "relay example.org Example.NET { to 10.0.0.1:1; } relay .example.org { to 10.0.0.1:2; }"
		       "relay .a.example.org { to 10.0.0.1:3; } relay * { to 10.0.0.1:4; } relay [192.0.2.1] { to a:5; }"
		       "relay b\xc3\xbc" "cher.example { to a:6; }");
	assert_string_equal(errors(k), "");
	assert_int_equal(find(k, "example.org"), 1);
	assert_int_equal(find(k, "EXAMPLE.net"), 1);
	assert_int_equal(find(k, "x.example.org"), 2);
	assert_int_equal(find(k, "y.x.example.org"), 2);
	assert_int_equal(find(k, "a.example.org"), 2);
	assert_int_equal(find(k, "b.a.example.org"), 3);
	assert_int_equal(find(k, "[192.0.2.1]"), 5);
	assert_int_equal(find(k, "xn--bcher-kva.example"), 6);
	assert_int_equal(find(k, "B\xc3\xbc" "cher.example"), 6);
	assert_int_equal(find(k, "bu\xcc\x88" "cher.example"), 6);
	assert_int_equal(routes_count(k->routes), 6);
	assert_int_equal(routes_default(k->routes)->hops[0].port, 4);
}

/* Nothing that can be written makes a domain ours that is not named. */
static void no_open_relay(void **state)
{
	struct kit *k = *state;

	read_routes(k, "relay example.org * .sub.example { to 10.0.0.1; }");
	assert_string_equal(errors(k), "");
	static const char *const others[] = {"example.com", "*", "", ".", "org", ".org", "xexample.org", "example.org.",
	    "x.example.org", "sub.example", ".sub.example", "[10.0.0.1]", "\xff", "example.org\n", "\xc3\xbc.example",
	    "[x.sub.example]"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_null(routes_find(k->routes, str_of(others[i])));
	assert_null(routes_find(k->routes, STR("example.org\0")));
	assert_non_null(routes_find(k->routes, STR("x.sub.example")));
}

static void domain_length(void **state)
{
	struct kit *k = *state;
	char text[300];

	read_routes(k, "relay .example { to a; }");
	memset(text, 'a', sizeof text);
	memcpy(text + 255 - 8, ".example", 9);
	assert_non_null(routes_find(k->routes, str_of(text)));
	memset(text, 'a', sizeof text);
	memcpy(text + 256 - 8, ".example", 9);
	assert_null(routes_find(k->routes, str_of(text)));
}

static const struct route *one(struct kit *k, const char *text)
{
	read_routes(k, text);
	assert_string_equal(errors(k), "");
	return routes_at(k->routes, routes_count(k->routes) - 1);
}

static void hops(void **state)
{
	struct kit *k = *state;
	const struct route *r = one(k, "relay a.example { to 10.0.0.5:2525 weight 3 [2001:db8::1]:26 2001:db8::2;"
				       "to Mail.Example.org mail2.example:587 mx:Example.com mx:example.net:26; }");
	char out[IP_TEXT_MAX];

	assert_int_equal(r->hop_count, 7);
	assert_str(ip_format(&r->hops[0].ip, out), "10.0.0.5");
	assert_int_equal(r->hops[0].port, 2525);
	assert_int_equal(r->hops[0].weight, 3);
	assert_str(ip_format(&r->hops[1].ip, out), "2001:db8::1");
	assert_int_equal(r->hops[1].port, 26);
	assert_int_equal(r->hops[1].weight, 1);
	assert_str(ip_format(&r->hops[2].ip, out), "2001:db8::2");
	assert_int_equal(r->hops[2].port, 25);
	assert_int_equal(r->hops[3].ip.family, 0);
	assert_str(r->hops[3].host, "mail.example.org");
	assert_int_equal(r->hops[4].port, 587);
	assert_true(r->hops[5].is_mx);
	assert_str(r->hops[5].host, "example.com");
	assert_int_equal(r->hops[6].port, 26);
}

static void defaults(void **state)
{
	struct kit *k = *state;
	const struct route *r = one(k, "relay a.example {}");

	assert_int_equal(r->hop_count, 1);
	assert_true(r->hops[0].is_mx);
	assert_int_equal(r->hops[0].host.n, 0);
	assert_int_equal(r->tls, ROUTE_TLS_MAY);
	assert_int_equal(r->recipients, ROUTE_ANY);
	assert_int_equal(r->lifetime_ms, 5 * 86400000);
	assert_int_equal(r->domains.n, 1);
	r = one(k, "relay b.example { tls verify; tls-name x; recipients list staff; max-connections 3; warn-after 0; }");
	assert_int_equal(r->tls, ROUTE_TLS_VERIFY);
	assert_str(r->recipients_list, "staff");
	assert_int_equal(r->warn_after_ms, 0);
	r = one(k, "relay c.example { recipients verify; }");
	assert_int_equal(r->recipients, ROUTE_VERIFY);
}

static void check(struct kit *k, const char *text, const char *error)
{
	read_routes(k, text);
	assert_string_equal(errors(k), error);
}

static void mistakes(void **state)
{
	struct kit *k = *state;

	check(k, "relay;", "t.conf:1:6: error: 'relay' needs more; expected relay DOMAIN... { to HOST:PORT; ... }\n");
	check(k, "relay a_b..c {}",
	    "t.conf:1:7: error: 'a_b..c' is no domain; expected example.org, .example.org for all below it, or *\n");
	check(k, "relay a.example {}\nrelay A.example {}",
	    "t.conf:2:7: error: 'A.example' is in the relay block at t.conf:1 already\n");
	check(k, "relay * {} relay * {}", "t.conf:1:18: error: '*' is in the relay block at t.conf:1 already\n");
	check(k, "relay b.example { to 10.0.0.1:0 mx:10.0.0.1 a..b x:99999; }",
	    "t.conf:1:22: error: '10.0.0.1:0' is no next hop; expected ADDRESS:PORT, HOST:PORT or mx:DOMAIN\n"
	    "t.conf:1:33: error: 'mx:10.0.0.1' is no next hop; expected ADDRESS:PORT, HOST:PORT or mx:DOMAIN\n"
	    "t.conf:1:45: error: 'a..b' is no next hop; expected ADDRESS:PORT, HOST:PORT or mx:DOMAIN\n"
	    "t.conf:1:50: error: 'x:99999' is no next hop; expected ADDRESS:PORT, HOST:PORT or mx:DOMAIN\n");
	check(k, "relay c.example { to a weight 0; }",
	    "t.conf:1:31: error: 'weight' is out of bounds; expected 1 to 1000\n");
	check(k, "relay d.example { to a weight; }", "t.conf:1:30: error: expected a number behind weight\n");
	check(k, "relay e.example { recipients lists; }",
	    "t.conf:1:30: error: 'lists' is wrong here; expected any, verify or list; did you mean 'list'?\n");
	check(k, "relay f.example { recipients list; }",
	    "t.conf:1:34: error: 'recipients' needs more; expected recipients any | verify | list NAME\n");
	check(k, "relay g.example { recipients any x; }",
	    "t.conf:1:34: error: 'x' is too much; expected recipients any | verify | list NAME\n");
	check(k, "relay h.example { retry-first 2h; }", "t.conf:1:1: error: retry-first is longer than retry-max\n");
	check(k, "relay i.example { retry-frist 2h; }",
	    "t.conf:1:19: error: unknown directive 'retry-frist' in relay i.example; did you mean 'retry-first'?\n");
}

static void hop_limit(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};

	buf_adds(&b, "relay a.example { to");
	for (int i = 0; i < ROUTE_HOPS_MAX; i++)
		buf_adds(&b, " a");
	buf_adds(&b, "; } relay b.example { to");
	for (int i = 0; i <= ROUTE_HOPS_MAX; i++)
		buf_adds(&b, " a");
	buf_adds(&b, "; }");
	buf_addc(&b, '\0');
	read_routes(k, b.p);
	assert_int_equal(k->load.errors, 1);
	assert_non_null(strstr(errors(k), "more than 64 next hops"));
	assert_int_equal(routes_at(k->routes, 0)->hop_count, 64);
	assert_int_equal(routes_at(k->routes, 1)->hop_count, 64);
	buf_free(&b);
}

static void lists(void **state)
{
	struct kit *k = *state;
	struct lists *ls = lists_new(k->a, NULL);

	lists_add(ls, &k->load, conf_parse_text(&k->load, "t", STR("list staff { a; }")));
	read_routes(k, "relay a.example { recipients list staff; }\nrelay b.example { recipients list stuff; }");
	routes_check(k->routes, &k->load, ls);
	assert_string_equal(errors(k), "t.conf:2:35: error: there is no list 'stuff'; did you mean 'staff'?\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(look_up),
	    TEST(no_open_relay),
	    TEST(domain_length),
	    TEST(hops),
	    TEST(defaults),
	    TEST(mistakes),
	    TEST(hop_limit),
	    TEST(lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
