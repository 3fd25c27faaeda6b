/*
 * The control protocol from both ends: any lines to a relay that has mail waiting, and any answer to
 * reevectl. The relay's queue is a folder of its own; its loop does not run, so nothing is delivered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/control.h"
#include "gateway/relay/relay_private.h"
#include "tests/fuzz/fuzz.h"

static struct snapshot snapshot;

struct snapshot *snapshot_current(void)
{
	return &snapshot;
}

void snapshot_unref(struct snapshot *s)
{
	(void)s;
}

/* ---- a relay with mail in its queue ---- */

static void no_dns(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	(void)arg;
	(void)name;
	(void)type;
	ret->status = DNS_NXDOMAIN;
}

static struct relay *relay_make(void)
{
	static char dir[] = "fuzz-control-XXXXXX"; /* where it runs: tools/fuzz-smoke removes that */
	static struct config config = {.hostname = {"mx", sizeof "mx" - 1}, .postmaster = {"p@mx", sizeof "p@mx" - 1}, .reports = 1000,
	    .reports_domain = 1000, .queue_segment = 1 << 20};
	struct relay_options options = {.doorbell = -1};
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct str error;

	if (!mkdtemp(dir))
		abort();
	config.state = str_of(dir);
	conf_load_init(&load, a);
	snapshot = (struct snapshot){.config = &config, .routes = routes_new(a)};
	routes_add(snapshot.routes, &load, conf_parse_text(&load, "fuzz", STR("relay example.org { to 127.0.0.1:1; }")));
	options.loop = loop_new();
	options.dns = dns_new_table(no_dns, NULL);
	return relay_open(&options, a, &error);
}

static void fill(struct relay *r)
{
	struct queue_recipient to[] = {{.address = STR("u@example.org")}, {.address = STR("\"a b\"@elsewhere.example")}};
	struct queue_entry e = {.id = "0abcdefghijklmn", .arrived = 1, .sender = STR("s@example.com"), .recipients = to,
	    .recipient_count = 2, .data = STR("Subject: x\r\n\r\nbody\r\n"), .data_fd = -1};

	queue_submit_wait(r->writer, &e, 1);
	backlog_poll(r->backlog, true, 100);
}

/* An answer is lines with a blank in front, then one OK or ERR, whatever was asked. */
static void check_answer(struct str answer)
{
	struct str line, last = STR("");

	while (answer.n && str_split(&answer, '\n', &line)) {
		assert(!str_starts(last, STR("OK")) && !str_starts(last, STR("ERR ")));
		assert(str_starts(line, STR(" ")) || str_is(line, "OK") || str_starts(line, STR("ERR ")));
		last = line;
	}
	assert(str_is(last, "OK") || str_starts(last, STR("ERR ")));
}

static void ask(struct str in)
{
	static struct relay *relay;
	struct str line;

	if (!relay)
		relay = relay_make();
	if (backlog_count(relay->backlog) == 0)
		fill(relay);
	while (in.n && str_split(&in, '\n', &line)) {
		struct buf out = {0};

		control_answer(relay_commands, relay, line, &out);
		check_answer(buf_str(&out));
		buf_free(&out);
	}
}

/* ---- what reevectl makes of an answer ---- */

static void each(void *arg, struct str line)
{
	assert(str_chr(line, '\n') < 0);
	++*(int *)arg;
}

static void answer(struct str in)
{
	struct buf text = {0};
	int fd[2], lines = 0;
	enum res res;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		abort();
	if (in.n && write(fd[0], in.p, in.n) != (ssize_t)in.n)
		abort();
	close(fd[0]);
	res = control_read(fd[1], each, &lines, &text);
	assert(res == RES_OK || res == RES_PERM || res == RES_TEMP);
	close(fd[1]);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n);

	if (fuzz_octet(&in) & 1)
		ask(in);
	else
		answer(in);
	return 0;
}
