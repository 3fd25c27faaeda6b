#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/config.h"
#include "lib/log.h"
#include "tests/unit/unit.h"

struct kit {
	struct arena *a;
	struct conf_load load;
	char path[40];
};

static int kit_open(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	k->a = arena_new(0);
	conf_load_init(&k->load, k->a);
	snprintf(k->path, sizeof k->path, "/tmp/test-config-XXXXXX");
	close(mkstemp(k->path));
	*state = k;
	return 0;
}

static int kit_close(void **state)
{
	struct kit *k = *state;

	unlink(k->path);
	arena_free(k->a);
	free(k);
	return 0;
}

static struct config *load(struct kit *k, const char *text)
{
	FILE *f = fopen(k->path, "w");

	fputs(text, f);
	fclose(f);
	return config_load(&k->load, k->path);
}

/* Without the path of the file before each. */
static const char *errors(struct kit *k)
{
	struct buf b = {0}, out = {0};
	struct str rest, line;

	conf_errors_print(&k->load, &b);
	rest = buf_str(&b);
	while (str_split(&rest, '\n', &line) && line.n)
		buf_addf(&out, "%.*s\n", STR_ARG(str_from(line, str_starts(line, str_of(k->path)) ? strlen(k->path) + 1 : 0)));
	conf_load_init(&k->load, k->a);
	buf_free(&b);
	return buf_addc(&out, '\0'), buf_take(&out, k->a).p;
}

static void defaults(void **state)
{
	struct kit *k = *state;
	struct config *c = load(k, "hostname mx.example.org;");

	assert_string_equal(errors(k), "");
	assert_str(c->hostname, "mx.example.org");
	assert_str(c->state, "/var/lib/mailreeve");
	assert_str(c->postmaster, "postmaster@mx.example.org");
	assert_null(c->listens);
	assert_int_equal(c->limits.line, 2048);
	assert_int_equal(c->limits.recipients, 1000);
	assert_true(c->limits.message == UINT64_C(50) << 20);
	assert_int_equal(c->limits.idle_ms, 300000);
	assert_int_equal(c->dns_servers.n, 0);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_true(c->queue_durable);
	assert_int_equal(c->limits.dns_queries, 60);
	assert_int_equal(c->user.n, 0);
}

static void all(void **state)
{
	struct kit *k = *state;
	struct config *c = load(k,
	    "hostname mx.example.org; state /tmp/s; user joe; postmaster pm@example.com;\n"
	    "dns { server 127.0.0.1 [::1]:5353; server 10.0.0.1:54; timeout 3s; }\n"
	    "listen 0.0.0.0:25 { max-sessions 7; xclient 127.0.0.0/8 ::1; proxy 10.0.0.0/8; bare-newline normalize; }\n"
	    "listen [::1]:2525;\n"
	    "milter unix:/run/m.sock; milter 127.0.0.1:11332; milter inet:9@localhost; milter [::1]:8;\n"
	    "relay .x.example example.org { to 10.0.0.1; }\n"
	    "filter spf; list l { a; } policy { at rcpt { accept; } }\n"
	    "limits { message 1M; idle 10s; }\nlog { target syslog; level debug; trace 192.0.2.0/24; }\n"
	    "queue { durable off; segment 1M; } when-recipients-differ defer; loops 3; drain 4s;\n");

	assert_string_equal(errors(k), "");
	assert_str(c->postmaster, "pm@example.com");
	assert_int_equal(c->dns_servers.n, 3);
	assert_str(c->dns_servers.v[0].text, "127.0.0.1@53");
	assert_str(c->dns_servers.v[1].text, "::1@5353");
	assert_int_equal(c->dns_timeout_ms, 3000);
	assert_int_equal(c->listens->port, 25);
	assert_int_equal(c->listens->max_sessions, 7);
	assert_int_equal(c->listens->xclient.n, 2);
	assert_int_equal(c->listens->proxy.n, 1);
	assert_int_equal(c->listens->bare_newline, BARE_NORMALIZE);
	assert_int_equal(c->listens->next->ip.family, 6);
	assert_int_equal(c->listens->next->bare_newline, BARE_REJECT);
	assert_null(c->listens->next->next);
	assert_str(c->milters->socket, "unix:/run/m.sock");
	assert_str(c->milters->next->socket, "inet:11332@127.0.0.1");
	assert_str(c->milters->next->next->socket, "inet:9@localhost");
	assert_str(c->milters->next->next->next->socket, "inet6:8@::1");
	assert_true(c->limits.message == 1 << 20);
	assert_int_equal(c->limits.idle_ms, 10000);
	assert_int_equal(c->limits.errors, 20);
	assert_int_equal(c->log_target, LOG_TARGET_SYSLOG);
	assert_int_equal(c->trace.n, 1);
	assert_false(c->queue_durable);
	assert_int_equal(c->recipient_classes, 1);
	assert_int_equal(c->loops, 3);
	assert_int_equal(c->drain_ms, 4000);
}

static void postmaster(void **state)
{
	struct kit *k = *state;

	assert_str(load(k, "hostname h.example; relay .x.example {} relay y.example z.example {}")->postmaster,
	    "postmaster@y.example");
	assert_string_equal(errors(k), "");
	load(k, "hostname h.example; postmaster nobody;");
	assert_non_null(strstr(errors(k), "1:32: error: 'nobody' is no address: "));
}

static void tls(void **state)
{
	struct kit *k = *state;
	char text[400];
	struct config *c;

	snprintf(text, sizeof text, "hostname h.example; listen 127.0.0.1:25 { tls certificate \"%s\" key \"%s\"; }\n"
				    "listen 127.0.0.1 { tls implicit key \"%s\" certificate \"%s\"; tls-required on; }",
	    k->path, k->path, k->path, k->path);
	c = load(k, text);
	assert_string_equal(errors(k), "");
	assert_true(c->listens->has_tls);
	assert_false(c->listens->is_implicit_tls);
	assert_str(c->listens->key, k->path);
	assert_true(c->listens->next->is_implicit_tls);
	assert_int_equal(c->listens->next->port, 465);
	assert_true(c->listens->next->tls_required);
}

static void check(struct kit *k, const char *text, const char *error)
{
	load(k, text);
	assert_string_equal(errors(k), error);
}

static void mistakes(void **state)
{
	struct kit *k = *state;

	check(k, "hostname \"a b\";", "1:10: error: string \"a b\" is no host name\n");
	check(k, "hostname h.example;\nlisen 127.0.0.1:25;",
	    "2:1: error: unknown directive 'lisen' in the configuration; did you mean 'listen'?\n");
	check(k, "hostname h.example; listen 127.0.0.1:25; listen 127.0.0.1:25;",
	    arena_printf(k->a, "1:49: error: the same listener is at %s:1 already\n", k->path).p);
	check(k, "hostname h.example; listen localhost;",
	    "1:28: error: 'localhost' is wrong here; expected ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT\n");
	check(k, "hostname h.example; listen 127.0.0.1 { tls-required on; }",
	    "1:28: error: tls-required needs 'tls certificate FILE key FILE;' in this block\n");
	check(k, "hostname h.example; listen 127.0.0.1 { tls certificate /nonexistent key /dev/null; }",
	    "1:56: error: cannot read '/nonexistent': No such file or directory\n");
	check(k, "hostname h.example; listen 127.0.0.1 { tls cert /dev/null key /dev/null; }",
	    "1:44: error: 'cert' is wrong here; expected tls [implicit] certificate FILE key FILE\n");
	check(k, "hostname h.example; listen 127.0.0.1 { tls key /dev/null key /dev/null; }",
	    "1:40: error: expected tls [implicit] certificate FILE key FILE\n");
	check(k, "hostname h.example; milter foo; milter unix:/a; milter unix:/a;",
	    arena_printf(k->a, "1:28: error: 'foo' is wrong here; expected ADDRESS:PORT or [IPV6-ADDRESS]:PORT\n"
			       "1:56: error: the same milter socket is at %s:1 already\n", k->path).p);
	check(k, "hostname h.example; dns 127.0.0.1;", "1:25: error: '127.0.0.1' is too much; expected dns { ... }\n");
	check(k, "hostname h.example; dns;", "1:24: error: expected '{' behind 'dns'\n");
	assert_null(config_load(&k->load, "/nonexistent"));
	assert_non_null(strstr(errors(k), "cannot read '/nonexistent'"));
}

/* Below, at and above the bounds of a few limits. */
static void bounds(void **state)
{
	static const struct {
		const char *text;
		bool is_valid;
	} rows[] = {{"line 997", false}, {"line 998", true}, {"recipients 99", false}, {"recipients 100", true},
	    {"recipients 100000", true}, {"recipients 100001", false}, {"message 63K", false}, {"message 64K", true},
	    {"errors 0", false}, {"errors 1", true}, {"dns-queries 10000", true}, {"dns-queries 10001", false},
	    {"idle 999ms", false}, {"idle 1s", true}, {"idle 1d", true}, {"idle 86401", false}};
	struct kit *k = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		load(k, arena_printf(k->a, "hostname h.example; limits { %s; }", rows[i].text).p);
		assert_int_equal(k->load.errors == 0, rows[i].is_valid);
		errors(k);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(defaults),
	    TEST(all),
	    TEST(postmaster),
	    TEST(tls),
	    TEST(mistakes),
	    TEST(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
