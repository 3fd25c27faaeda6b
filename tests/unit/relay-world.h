/*
 * A relay with its folder, configuration, clock and next hops. Part of test-relay.c and test-relay-sites.c.
 */
#ifndef REEVE_TESTS_RELAY_WORLD_H
#define REEVE_TESTS_RELAY_WORLD_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/queue/queue.h"
#include "gateway/relay/relay.h"
#include "lib/log.h"
#include "tests/unit/clock-fake.h"
#include "tests/unit/folder.h"
#include "tests/unit/relay-server.h"
#include "tests/unit/unit.h"

/* ---- a world: folder, configuration, clock, relay ---- */

static char dir[FOLDER_MAX];
static struct snapshot snapshot;
static struct config config;
static struct arena *arena;
static struct dns *dns;
static struct loop *loop;
static struct relay *relay;
static struct queue_writer *writer;
static struct server hop, other;
static int doorbell[2]; /* the relay hears the one end, the writer rings at the other */

/* Stand-ins for gateway/snapshot.c: one snapshot that is always there. */
struct snapshot *snapshot_current(void)
{
	return &snapshot;
}

void snapshot_unref(struct snapshot *s)
{
	(void)s;
}

static inline void no_dns(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	static struct dns_record address = {.ip = {4, {127, 0, 0, 1}}}, exchanger;

	(void)arg;
	ret->status = DNS_NXDOMAIN;
	if (str_ends(name, STR(".outside.example")) && !str_starts(name, STR("mx.")) && type == DNS_MX) {
		exchanger.name = STR("mx.outside.example");
		*ret = (struct dns_answer){.status = DNS_OK, .ttl = 60, .n = 1, .records = &exchanger};
	} else if (str_is(name, "null.example") && type == DNS_MX) {
		static const struct dns_record root;
		*ret = (struct dns_answer){.status = DNS_OK, .ttl = 60, .n = 1, .records = &root};
	} else if (str_is(name, "named.example") || str_is(name, "mx.outside.example")) {
		ret->status = type == DNS_A ? DNS_OK : DNS_NODATA;
		ret->ttl = 60;
		ret->n = type == DNS_A;
		ret->records = &address;
	}
}

static inline void make_routes(const char *text)
{
	struct conf_load load;
	struct conf_node *node;
	struct buf errors = {0};

	conf_load_init(&load, arena);
	node = conf_parse_text(&load, "test", str_of(text));
	snapshot.routes = routes_new(arena);
	for (; node; node = node->next)
		routes_add(snapshot.routes, &load, node);
	conf_errors_print(&load, &errors);
	if (load.errors)
		fail_msg("%.*s", STR_ARG(buf_str(&errors)));
	buf_free(&errors);
}

static inline void open_writer(void)
{
	struct queue_options o = {arena_printf(arena, "%s/queue", dir).p, "gateway", 1 << 20, 0, true};
	struct str error;

	writer = queue_writer_open(&o, arena, &error);
	assert_non_null(writer);
	queue_writer_set_doorbell(writer, doorbell[1]);
}

static inline void open_relay(void)
{
	struct relay_options o = {.loop = loop, .dns = dns, .doorbell = doorbell[0]};
	struct str error = STR_NONE;

	relay = relay_open(&o, arena, &error);
	if (!relay)
		fail_msg("%.*s", STR_ARG(error));
}

/* route_settings: what stands behind `to` in the block of example.org. */
static inline void start(const char *route_settings)
{
	if (hop.port == 0)
		server_start(&hop);
	make_routes(arena_printf(arena, "relay example.org sender.example {to 127.0.0.1:%u; %s}", hop.port,
	    route_settings).p);
	open_writer();
	open_relay();
}

static inline int set_up(void **state)
{
	(void)state;
	if (folder_make(dir) != 0 || pipe2(doorbell, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	arena = arena_new(0);
	memset(&hop, 0, sizeof hop);
	memset(&other, 0, sizeof other);
	hop.offers = other.offers = "PIPELINING\n8BITMIME\nSIZE 1000000";
	config = (struct config){.reports = 1000, .reports_domain = 1000, .hostname = STR("mx.example.org"), .state = str_of(dir),
	    .postmaster = STR("postmaster@example.org"), .queue_segment = 1 << 20, .queue_durable = true};
	snapshot.config = &config;
	dns = dns_new_table(no_dns, NULL);
	loop = loop_new();
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	if (getenv("RELAY_SHOW"))
		fprintf(stderr, "%.*s\n%.*s\n", STR_ARG(buf_str(&hop.log)), STR_ARG(buf_str(&hop.data)));
	relay_close(relay);
	relay = NULL;
	queue_writer_close(writer);
	writer = NULL;
	loop_free(loop);
	close(doorbell[0]);
	close(doorbell[1]);
	dns_free(dns);
	if (hop.port)
		server_stop(&hop);
	if (other.port)
		server_stop(&other);
	arena_free(arena);
	return folder_remove(dir);
}

/* ---- messages ---- */

static _Atomic int committed;

static inline void on_commit(void *arg, enum queue_result result)
{
	(void)arg;
	assert_int_equal(result, QUEUE_OK);
	committed++;
}

/* All with one commit. */
static inline void submit_all(struct queue_entry *e, size_t n)
{
	int before = committed;

	for (size_t i = 0; i < n; i++) {
		memcpy(e[i].id, "0testmessage1", 14);
		if (!e[i].arrived)
			e[i].arrived = clock_now();
	}
	queue_submit(writer, e, n, on_commit, NULL);
	while (committed == before)
		usleep(200);
}

static inline void submit(struct queue_entry e)
{
	submit_all(&e, 1);
}

static inline struct queue_entry message(const char *sender, const char *text, struct queue_recipient *to, size_t n)
{
	return (struct queue_entry){.sender = str_of(sender), .recipients = to, .recipient_count = n,
	    .data = str_of(text), .data_fd = -1};
}

static const char plain[] = "Subject: one\r\n\r\n.dot\r\n..two\r\nend\r\n";

static inline void submit_plain(const char *to)
{
	struct queue_recipient r = {.address = str_of(to)};

	submit(message("a@sender.example", plain, &r, 1));
}

/* To u@d0.DOMAIN, u@d1.DOMAIN ... from a sender, "" the null sender. */
static inline void submit_to_many(const char *sender, const char *domain, int from, int to)
{
	struct queue_entry *entries = arena_array(arena, (size_t)(to - from), sizeof *entries);

	for (int i = from; i < to; i++) {
		struct queue_recipient *r = arena_alloc(arena, sizeof *r);

		*r = (struct queue_recipient){.address = arena_printf(arena, "u@d%d.%s", i, domain)};
		entries[i - from] = message(sender, plain, r, 1);
	}
	submit_all(entries, (size_t)(to - from));
}

/* ---- waiting ---- */

struct wait {
	bool (*is_done)(void);
	struct timer *timer;
	int tries;
};

static inline void look(void *arg)
{
	struct wait *w = arg;

	if (w->is_done() || --w->tries == 0)
		loop_stop(loop);
	else
		timer_set(w->timer, 5);
}

static inline bool wait_for(bool (*is_done)(void))
{
	struct wait w = {.is_done = is_done, .tries = 6000};

	w.timer = timer_new(loop, look, &w);
	timer_set(w.timer, 1);
	loop_run(loop);
	timer_free(w.timer);
	return is_done();
}

static inline size_t statistic(const char *name)
{
	struct buf out = {0};
	size_t n;

	relay_commands[7].run(relay, STR(""), &out);
	buf_addc(&out, '\0');
	n = strtoul(strstr(out.p, name) + strlen(name), NULL, 10);
	buf_free(&out);
	return n;
}

static inline size_t waiting(void)
{
	return statistic("waiting ");
}

static inline bool one_message(void)
{
	return hop.messages == 1;
}

static inline bool two_messages(void)
{
	return hop.messages == 2;
}

static inline bool three_messages(void)
{
	return hop.messages == 3;
}

static inline bool nothing_waits(void)
{
	return waiting() == 0;
}

static int after;
static inline bool a_while(void)
{
	return after++ > 60; /* 0.3 s */
}

static inline void run_a_while(void)
{
	after = 0;
	wait_for(a_while);
}

static inline struct str list(const char *what)
{
	struct buf out = {0};

	assert_null(relay_commands[0].run(relay, str_of(what), &out));
	return buf_take(&out, arena);
}

static inline bool list_has(const char *text)
{
	return str_find(list("0\t100\tall"), str_of(text)) >= 0;
}

static const char *wanted;
static inline bool is_listed(void)
{
	return list_has(wanted);
}

static inline bool wait_listed(const char *text)
{
	wanted = text;
	return wait_for(is_listed);
}

/* Runs the tests under a clock that they steer; argument: only those of that name. */
static inline int relay_world_run(const struct CMUnitTest *tests, size_t n, const char *only)
{
	steer_start();
	log_init(LOG_TARGET_STDERR, getenv("RELAY_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "test");
	if (only)
		cmocka_set_test_filter(only);
	return _cmocka_run_group_tests("relay", tests, n, NULL, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
