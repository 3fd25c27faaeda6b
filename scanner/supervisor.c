/*
 * The supervisor: clients on one side, workers on the other, a bounded queue and deadlines between
 * them. One thread, one poll loop; it never looks into mail.
 */
#define _GNU_SOURCE
#include "scanner/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

enum { MESSAGE_MS_MAX = 3600 * 1000, SOON_MS = 1000 };

int64_t supervisor_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- answers ---- */

static void give_back(struct conn *c)
{
	if (c->memory >= 0)
		close(c->memory);
	c->memory = -1;
	c->state = CONN_IDLE;
}

static void close_conn(struct conn *c)
{
	give_back(c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (c->worker)
		c->worker->job = NULL;
	c->worker = NULL;
}

void conn_answer(struct supervisor *s, struct conn *c, enum wire_status status, struct str text)
{
	struct wire_answer *a = &s->answer;
	struct wire_record record = {.type = WIRE_TEXT};

	wire_answer_start(a, s->mail->answer, &c->head);
	a->head.status = status;
	if (s->current) {
		a->head.generation = s->current->number;
		a->head.signatures = s->current->info.signatures;
		a->head.database_time = s->current->info.database_time;
	}
	if (text.n)
		wire_answer_add(a, &record, text, NULL);
	give_back(c);
	if (!wire_send(c->fd, wire_answer_finish(a), -1, MSG_DONTWAIT))
		close_conn(c);
}

static void fail_scan(struct supervisor *s, struct conn *c, const char *why)
{
	s->stats.unscanned++;
	conn_answer(s, c, WIRE_UNSCANNED, str_of(why));
}

/* ---- requests ---- */

static void take_settings(struct supervisor *s, struct conn *c, struct str datagram)
{
	struct wire_settings wire;
	struct str paths[WIRE_PATHS_MAX];
	size_t count;

	if (!wire_read_settings(datagram, &wire, paths, &count)) {
		conn_answer(s, c, WIRE_UNSCANNED, STR("these settings cannot be read"));
		return;
	}
	generation_want(s, datagram);
	conn_answer(s, c, WIRE_CLEAN, STR_NONE);
}

/* The last load failed and no other begins soon: to wait would change nothing. */
static bool is_hopeless(const struct supervisor *s)
{
	return !s->current && !s->next && s->error[0] && s->retry_ms - supervisor_now_ms() > SOON_MS;
}

void supervisor_give_up(struct supervisor *s)
{
	for (size_t i = 0; is_hopeless(s) && i < s->conn_end; i++)
		if (s->conns[i].fd >= 0 && s->conns[i].state == CONN_WAITS)
			fail_scan(s, &s->conns[i], s->error);
}

static void take_scan(struct supervisor *s, struct conn *c, struct str datagram, int memory)
{
	uint32_t timeout = c->head.timeout_ms;

	c->memory = memory;
	if (wire_has_items(datagram) != (memory < 0)) {
		conn_answer(s, c, WIRE_UNSCANNED, STR("the message did not come along"));
		return;
	}
	c->size = datagram.n;
	c->state = CONN_WAITS;
	c->attempts = 0;
	c->lost = (struct lost_worker){0};
	c->order = ++s->orders;
	c->arrived_ms = supervisor_now_ms();
	c->deadline_ms = c->arrived_ms + (timeout && timeout < MESSAGE_MS_MAX ? timeout : MESSAGE_MS_MAX);
	if (is_hopeless(s))
		fail_scan(s, c, s->error);
}

static void tell_status(struct supervisor *s, struct conn *c)
{
	char text[8192];
	size_t n = supervisor_status(s, text, sizeof text);

	conn_answer(s, c, WIRE_CLEAN, (struct str){text, n});
}

static void take_reload(struct supervisor *s, struct conn *c)
{
	c->state = CONN_RELOADS;
	if (!generation_reload(s))
		conn_answer(s, c, WIRE_UNSCANNED, STR("nobody has sent settings yet"));
}

static void on_conn(struct supervisor *s, struct conn *c)
{
	int memory;
	ptrdiff_t n = wire_receive(c->fd, c->request, WIRE_REQUEST_MAX, &memory, MSG_DONTWAIT);
	struct str datagram = {c->request, n > 0 ? (size_t)n : 0};

	if (n < 0 && errno == EAGAIN)
		return;
	/* Whoever breaks the protocol is not talked to any longer. */
	if (n <= 0 || c->state != CONN_IDLE || !wire_read_request(datagram, &c->head)) {
		if (n > 0 && memory >= 0)
			close(memory);
		close_conn(c);
		return;
	}
	if (c->head.op != WIRE_SCAN && memory >= 0)
		close(memory);
	if (c->head.op == WIRE_SETUP)
		take_settings(s, c, datagram);
	else if (c->head.op == WIRE_SCAN)
		take_scan(s, c, datagram, memory);
	else if (c->head.op == WIRE_STATUS)
		tell_status(s, c);
	else
		take_reload(s, c);
}

/* Root and our own account. */
static bool may_talk(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void conn_open(struct supervisor *s, struct conn *c, int fd)
{
	size_t i = (size_t)(c - s->conns);

	*c = (struct conn){.fd = fd, .memory = -1, .request = s->mail->requests[i]};
	if (s->conn_end <= i)
		s->conn_end = i + 1;
}

static void on_listen(struct supervisor *s)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c = NULL;

	for (size_t i = 0; i < WIRE_CONNECTIONS_MAX && !c; i++)
		if (s->conns[i].fd < 0)
			c = &s->conns[i];
	if (fd >= 0)
		wire_widen(fd);
	if (fd >= 0 && c && may_talk(fd))
		conn_open(s, c, fd);
	else if (fd >= 0)
		close(fd);
}

/* ---- workers ---- */

static void after_death(struct supervisor *s, struct conn *c)
{
	c->lost = (struct lost_worker){c->worker->generation->number, supervisor_now_ms()};
	c->worker = NULL;
	s->stats.deaths++;
	if (c->attempts >= 2) {
		fail_scan(s, c, "a scanner process died of this message, and a fresh one too");
		return;
	}
	c->state = CONN_WAITS; /* its order in the queue is the old one */
	s->stats.retries++;
}

static void worker_ended(struct supervisor *s, struct worker *w)
{
	if (w->job)
		after_death(s, w->job);
	generation_lost(s, w);
}

static void forward(struct supervisor *s, struct worker *w, struct str datagram)
{
	struct conn *c = w->job;
	struct wire_head head;

	/* A worker that says nonsense has been taken over or is broken. */
	if (!wire_read_answer(datagram, &head) || head.id != w->id) {
		generation_kill(w);
		return;
	}
	w->busy = false;
	w->job = NULL;
	if (head.id == 0)
		generation_settled(s, w);
	if (!c)
		return;
	c->worker = NULL;
	head.id = c->head.id;
	head.generation = w->generation->number;
	head.signatures = w->generation->info.signatures;
	head.database_time = w->generation->info.database_time;
	memcpy((char *)datagram.p, &head, sizeof head);
	s->stats.scans++;
	s->stats.infected += head.status == WIRE_INFECTED;
	s->stats.unscanned += head.status == WIRE_UNSCANNED;
	s->stats.micros += head.micros;
	give_back(c);
	if (!wire_send(c->fd, datagram, -1, MSG_DONTWAIT))
		close_conn(c);
}

static void on_worker(struct supervisor *s, struct worker *w)
{
	ptrdiff_t n = wire_receive(w->fd, s->mail->answer, sizeof s->mail->answer, NULL, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && w->busy)
		forward(s, w, (struct str){s->mail->answer, (size_t)n});
	else
		worker_ended(s, w);
}

static bool hand_over(struct supervisor *s, struct worker *w, struct conn *c)
{
	struct wire_head head = c->head;

	head.id = w->id = ++s->ids;
	memcpy(c->request, &head, sizeof head);
	if (!wire_send(w->fd, (struct str){c->request, c->size}, c->memory, MSG_DONTWAIT))
		return false;
	w->job = c;
	w->busy = true;
	c->worker = w;
	c->state = CONN_RUNS;
	c->attempts++;
	return true;
}

/*
 * The message of a worker that died gets a fresh one: others may have died at that moment too, and
 * nobody has noticed yet.
 */
static bool is_fresh_enough(const struct worker *w, const struct conn *c)
{
	return w->generation->number != c->lost.generation || w->asked_ms >= c->lost.ms;
}

static struct conn *first_waiting(struct supervisor *s, const struct worker *w)
{
	struct conn *first = NULL;

	for (size_t i = 0; i < s->conn_end; i++) {
		struct conn *c = &s->conns[i];

		if (c->fd >= 0 && c->state == CONN_WAITS && (!first || c->order < first->order) && is_fresh_enough(w, c))
			first = c;
	}
	return first;
}

/* Idle workers in turn, for one may be too old for those who wait. */
static void dispatch(struct supervisor *s)
{
	struct worker *w = NULL;
	struct conn *c;

	while (s->current && (w = generation_idle_worker(s->current, w))) {
		while (!w->busy && w->fd >= 0 && (c = first_waiting(s, w)))
			if (!hand_over(s, w, c))
				worker_ended(s, w);
	}
}

/* ---- time ---- */

static void expire(struct supervisor *s, struct conn *c)
{
	struct worker *w = c->worker;

	if (!w) {
		fail_scan(s, c, s->current ? "the scanner had too much to do" : s->error[0] ? s->error :
		    "the scanner is still loading its databases");
		return;
	}
	w->job = NULL;
	c->worker = NULL;
	generation_kill(w);
	s->stats.timeouts++;
	fail_scan(s, c, "scanning took too long");
}

/* Ends what is overdue; returns how long poll may sleep. */
static int check_deadlines(struct supervisor *s)
{
	int64_t now = supervisor_now_ms(), next = now + 1000;

	for (size_t i = 0; i < s->conn_end; i++) {
		struct conn *c = &s->conns[i];

		if (c->fd < 0 || (c->state != CONN_WAITS && c->state != CONN_RUNS))
			continue;
		if (c->deadline_ms <= now)
			expire(s, c);
		else if (c->deadline_ms < next)
			next = c->deadline_ms;
	}
	return (int)(next - now);
}

/* ---- the loop ---- */

static void poll_add(struct supervisor *s, int fd, short events, enum poll_kind kind, void *what)
{
	s->polls[s->poll_count] = (struct pollfd){.fd = fd, .events = events};
	s->poll_what[s->poll_count++] = (struct poll_what){kind, what};
}

static void poll_collect(struct supervisor *s)
{
	s->poll_count = 0;
	poll_add(s, s->listen_fd, POLLIN, POLL_LISTEN, NULL);
	poll_add(s, s->signals, POLLIN, POLL_SIGNAL, NULL);
	poll_add(s, s->life_fd, 0, POLL_LIFE, NULL);
	while (s->conn_end > 0 && s->conns[s->conn_end - 1].fd < 0)
		s->conn_end--;
	for (size_t i = 0; i < s->conn_end; i++)
		if (s->conns[i].fd >= 0)
			poll_add(s, s->conns[i].fd, s->conns[i].state == CONN_IDLE ? POLLIN : 0, POLL_CONN, &s->conns[i]);
	for (size_t i = 0; i < GENERATIONS_MAX; i++) {
		struct generation *g = s->generations[i];

		if (!g)
			continue;
		if (g->link >= 0)
			poll_add(s, g->link, POLLIN, POLL_TEMPLATE, g);
		for (size_t k = 0; k < g->worker_count; k++)
			if (g->workers[k].fd >= 0)
				poll_add(s, g->workers[k].fd, POLLIN, POLL_WORKER, &g->workers[k]);
	}
}

static void on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		else if (info.ssi_signo == SIGHUP)
			generation_reload(s);
		else
			s->ends = true;
	}
}

static void on_event(struct supervisor *s, const struct poll_what *what)
{
	switch (what->kind) {
	case POLL_LISTEN:
		on_listen(s);
		break;
	case POLL_SIGNAL:
		on_signal(s);
		break;
	case POLL_LIFE:
		s->ends = true;
		break;
	case POLL_CONN: {
		struct conn *c = what->what;

		if (c->fd >= 0)
			on_conn(s, c);
		break;
	}
	case POLL_TEMPLATE:
		generation_event(s, what->what);
		break;
	case POLL_WORKER: {
		struct worker *w = what->what;

		if (w->fd >= 0)
			on_worker(s, w);
		break;
	}
	}
}

static int watch_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Scans under way finish; new ones find no scanner and try again, or say so. */
static bool is_done(const struct supervisor *s)
{
	if (!s->ends)
		return false;
	for (size_t i = 0; i < s->conn_end; i++)
		if (s->conns[i].fd >= 0 && s->conns[i].state == CONN_RUNS)
			return false;
	return true;
}

/* NULL when there is no memory. What nobody uses takes none. */
static struct mail *map_mail(void)
{
	void *mail = mmap(NULL, sizeof(struct mail), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mail != MAP_FAILED && madvise(mail, sizeof(struct mail), MADV_DONTFORK) == 0 ? mail : NULL;
}

int supervisor_main(int listen_fd, int life_fd, int ready_fd, const char *tmpdir)
{
	static struct supervisor s;

	s.mail = map_mail();
	if (!s.mail) {
		log_say(LOG_LEVEL_ERROR, "memory", "there is no memory for the mail of %d clients", WIRE_CONNECTIONS_MAX);
		return 1;
	}
	s.listen_fd = listen_fd;
	s.life_fd = life_fd;
	s.tmpdir = tmpdir;
	s.signals = watch_signals();
	for (size_t i = 0; i < WIRE_CONNECTIONS_MAX; i++)
		s.conns[i] = (struct conn){.fd = -1, .memory = -1};
	if (ready_fd >= 0) {
		if (write(ready_fd, "", 1) != 1)
			return 1;
		close(ready_fd);
	}
	while (!is_done(&s)) {
		int wait;

		generations_tend(&s);
		dispatch(&s);
		wait = check_deadlines(&s);
		poll_collect(&s);
		if (poll(s.polls, s.poll_count, wait) <= 0)
			continue;
		for (size_t i = 0; i < s.poll_count; i++)
			if (s.polls[i].revents)
				on_event(&s, &s.poll_what[i]);
	}
	generations_end(&s);
	return 0;
}
