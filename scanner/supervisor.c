/*
 * The supervisor: settings, questions and deadlines. Mail does not come through here: clients put it into a queue from which
 * the workers take. What stands there is looked at only when no worker will ever take it, and then without reading it.
 * One thread, one poll loop.
 */
#define _GNU_SOURCE
#include "scanner/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

enum { SOON_MS = 1000, QUIET_MS = 1, ENDING_MS = 20, REFUSED_MAX = 64 /* in a row: others have questions */ };

int64_t supervisor_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- answers ---- */

static void close_conn(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct conn){.fd = -1};
}

static struct str write_answer(struct supervisor *s, const struct wire_head *request, enum wire_status status, struct str text)
{
	struct wire_answer *a = &s->answer;
	struct wire_record record = {.type = WIRE_TEXT};

	wire_answer_start(a, s->answer_room, request);
	a->head.status = status;
	a->head.options = request->options; /* no other will be */
	if (s->current) {
		a->head.generation = s->current->number;
		a->head.signatures = s->current->info.signatures;
		a->head.database_time = s->current->info.database_time;
	}
	if (text.n)
		wire_answer_add(a, &record, text, NULL);
	return wire_answer_finish(a);
}

static void answer_with(struct supervisor *s, struct conn *c, enum wire_status status, struct str text, const struct wire_fds *pass)
{
	c->waits = false;
	if (!wire_send(c->fd, write_answer(s, &c->head, status, text), pass, MSG_DONTWAIT))
		close_conn(c);
}

static void answer(struct supervisor *s, struct conn *c, enum wire_status status, struct str text)
{
	answer_with(s, c, status, text, NULL);
}

void supervisor_tell_waiting(struct supervisor *s, enum wire_status status, const char *text)
{
	for (size_t i = 0; i < s->conn_end; i++)
		if (s->conns[i].fd >= 0 && s->conns[i].waits)
			answer(s, &s->conns[i], status, str_of(text));
}

/* ---- mail that nobody will take ---- */

/* The last load failed and no other begins soon. */
static bool has_failed(const struct supervisor *s)
{
	return !s->next && s->error[0] && s->retry_ms - supervisor_now_ms() > SOON_MS;
}

/* To wait would change nothing. */
static bool is_hopeless(const struct supervisor *s)
{
	return !s->current && has_failed(s);
}

/* Without waiting: a client that does not make room for an answer gets none. */
static void refuse(struct supervisor *s, const struct wire_head *head, int reply)
{
	struct str text = write_answer(s, head, WIRE_UNSCANNED, str_of(s->error));
	struct stat st;

	s->stats.unscanned++;
	if (fstat(reply, &st) < 0 || !S_ISFIFO(st.st_mode) || fcntl(reply, F_SETFL, O_NONBLOCK) < 0 || write(reply, text.p, text.n) < 0)
		return; /* nobody is there any more */
}

static void refuse_mail(struct supervisor *s, int queue)
{
	struct wire_head head;
	struct wire_fds fds;

	for (unsigned i = 0; i < REFUSED_MAX && is_hopeless(s) && wire_receive_head(queue, &head, &fds); i++) {
		if (fds.n > 0)
			refuse(s, &head, fds.fd[0]);
		wire_fds_close(&fds);
	}
}

/* ---- requests ---- */

static void take_settings(struct supervisor *s, struct conn *c, struct str datagram)
{
	struct wire_settings wire;
	struct str paths[WIRE_PATHS_MAX];
	size_t count;

	if (!wire_read_settings(datagram, &wire, paths, &count)) {
		answer(s, c, WIRE_UNSCANNED, STR("these settings cannot be read"));
		return;
	}
	generation_want(s, datagram);
	answer_with(s, c, WIRE_CLEAN, STR_NONE, &s->senders);
}

static void tell_status(struct supervisor *s, struct conn *c, struct str datagram)
{
	char text[8192];
	size_t n = supervisor_status(s, text, sizeof text);

	(void)datagram;
	answer(s, c, WIRE_CLEAN, (struct str){text, n});
}

static void take_reload(struct supervisor *s, struct conn *c, struct str datagram)
{
	(void)datagram;
	c->waits = true;
	if (!generation_reload(s))
		answer(s, c, WIRE_UNSCANNED, STR("nobody has sent settings yet"));
}

/* What that message wants is done by the generation in force. */
static bool is_served(const struct supervisor *s, const struct wire_head *message)
{
	return s->current && !(message->options & ~s->current->settings.wire.options);
}

static const char *why_waiting(const struct supervisor *s, const struct wire_head *message)
{
	return is_served(s, message) ? "the scanner had too much to do" : s->error[0] ? s->error : "the scanner is still loading its databases";
}

/* A client's word ends workers: not often, and not when it cannot be true. */
static void end_idle(struct supervisor *s, int64_t sent_ms)
{
	int64_t now = supervisor_now_ms();

	if (sent_ms > now || now - s->idle_ms < SOON_MS)
		return;
	s->idle_ms = now;
	generation_end_idle(s->current, sent_ms);
}

static void take_overdue(struct supervisor *s, struct conn *c, struct str datagram)
{
	struct worker *w = generation_find(s, c->head.id);

	(void)datagram;
	if (w) {
		generation_time_out(s, w);
		answer(s, c, WIRE_UNSCANNED, STR("scanning took too long"));
		return;
	}
	if (c->head.deadline_ms > supervisor_now_ms() && !has_failed(s)) {
		answer(s, c, WIRE_CLEAN, STR_NONE);
		return;
	}
	s->stats.unscanned++;
	if (is_served(s, &c->head))
		end_idle(s, c->head.sent_ms);
	answer(s, c, WIRE_UNSCANNED, str_of(why_waiting(s, &c->head)));
}

static void (*const takers[])(struct supervisor *s, struct conn *c, struct str datagram) = {
    [WIRE_SETUP] = take_settings,
    [WIRE_STATUS] = tell_status,
    [WIRE_RELOAD] = take_reload,
    [WIRE_OVERDUE] = take_overdue,
};

static void on_conn(struct supervisor *s, struct conn *c)
{
	ptrdiff_t n = wire_receive(c->fd, s->request_room, sizeof s->request_room, NULL, MSG_DONTWAIT);
	struct str datagram = {s->request_room, n > 0 ? (size_t)n : 0};

	if (n < 0 && errno == EAGAIN)
		return;
	/* Whoever breaks the protocol is not talked to any longer. */
	if (n <= 0 || c->waits || !wire_read_request(datagram, &c->head) || !takers[c->head.op])
		close_conn(c);
	else
		takers[c->head.op](s, c, datagram);
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

	*c = (struct conn){.fd = fd};
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
	if (fd >= 0 && c && may_talk(fd))
		conn_open(s, c, fd);
	else if (fd >= 0)
		close(fd);
}

/* ---- the loop ---- */

static void poll_add(struct supervisor *s, int fd, short events, enum poll_kind kind, void *what)
{
	s->polls[s->poll_count] = (struct pollfd){.fd = fd, .events = events};
	s->poll_what[s->poll_count++] = (struct poll_what){kind, what};
}

/* Whoever has closed them for sending, nobody can use them any more: a new scanner has new ones. */
static void poll_queues(struct supervisor *s)
{
	short refuses = is_hopeless(s) ? POLLIN : 0;
	bool refreshes = s->current && !s->takes_over && !s->ends && !generation_awaits_fresh(s->current);

	poll_add(s, s->ends ? -1 : s->queues.fresh, POLLRDHUP | refuses, POLL_QUEUE, NULL);
	poll_add(s, s->ends ? -1 : s->queues.again, (short)(POLLRDHUP | refuses | (refreshes ? POLLIN : 0)), POLL_QUEUE, NULL);
}

/* While one generation takes over from another nobody is told of either. */
static void poll_conns(struct supervisor *s)
{
	while (s->conn_end > 0 && s->conns[s->conn_end - 1].fd < 0)
		s->conn_end--;
	for (size_t i = 0; i < s->conn_end; i++)
		if (s->conns[i].fd >= 0)
			poll_add(s, s->conns[i].fd, s->conns[i].waits || s->takes_over ? 0 : POLLIN, POLL_CONN, &s->conns[i]);
}

static void poll_generations(struct supervisor *s)
{
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

/* Clients come last: what they are told has all that was known when they asked. */
static void poll_collect(struct supervisor *s)
{
	s->poll_count = 0;
	poll_add(s, s->listen_fd, POLLIN, POLL_LISTEN, NULL);
	poll_add(s, s->signals, POLLIN, POLL_SIGNAL, NULL);
	poll_add(s, s->ends ? -1 : s->life_fd, 0, POLL_LIFE, NULL);
	poll_generations(s);
	poll_queues(s);
	poll_conns(s);
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

static void on_queues(struct supervisor *s, short events)
{
	if (events & (POLLRDHUP | POLLHUP)) {
		log_say(LOG_LEVEL_ERROR, "scanner", "a client has closed the queue for all: starting again");
		s->ends = true;
	}
	refuse_mail(s, s->queues.fresh);
	refuse_mail(s, s->queues.again);
	/* Something waits in the second one, or this would not be asked. */
	if (s->current && !s->takes_over && !s->ends && !generation_awaits_fresh(s->current))
		generation_refresh(s->current);
}

static void on_event(struct supervisor *s, const struct poll_what *what, short events)
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
	case POLL_QUEUE:
		on_queues(s, events);
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
			generation_worker_event(s, w);
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

/* A socket whose one end we and all workers have, and the other clients get. Nothing goes the other way. */
static bool open_queue(int *ret_queue, struct wire_fds *senders)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	shutdown(ends[0], SHUT_WR);
	wire_widen(ends[1]);
	*ret_queue = ends[0];
	senders->fd[senders->n++] = ends[1];
	return true;
}

static int wait_ms(const struct supervisor *s)
{
	int64_t left = s->retry_ms - supervisor_now_ms();

	if (s->takes_over)
		return QUIET_MS;
	if (generation_has_ending(s->current)) /* a second try may wait for it, or for another that becomes idle */
		return ENDING_MS;
	return s->changed && !s->next && left > 0 && left < SOON_MS ? (int)left : SOON_MS;
}

/* Scans under way finish; new ones find no scanner and try again, or say so. */
static bool is_done(struct supervisor *s)
{
	if (!s->ends)
		return false;
	if (s->current)
		generation_drain(s->current);
	s->current = NULL;
	return generations_are_done(s);
}

static void run(struct supervisor *s)
{
	while (!is_done(s)) {
		generations_tend(s);
		poll_collect(s);
		if (poll(s->polls, (nfds_t)s->poll_count, wait_ms(s)) <= 0)
			continue;
		for (size_t i = 0; i < s->poll_count; i++)
			if (s->polls[i].revents)
				on_event(s, &s->poll_what[i], s->polls[i].revents);
	}
}

int supervisor_main(int listen_fd, int life_fd, int ready_fd, const char *tmpdir)
{
	static struct supervisor s;

	s.listen_fd = listen_fd;
	s.life_fd = life_fd;
	s.tmpdir = tmpdir;
	s.signals = watch_signals();
	for (size_t i = 0; i < WIRE_CONNECTIONS_MAX; i++)
		s.conns[i].fd = -1;
	if (!open_queue(&s.queues.fresh, &s.senders) || !open_queue(&s.queues.again, &s.senders)) {
		log_say(LOG_LEVEL_ERROR, "scanner", "cannot make sockets for mail: %s", strerror(errno));
		return 1;
	}
	if (ready_fd >= 0) {
		if (write(ready_fd, "", 1) != 1)
			return 1;
		close(ready_fd);
	}
	run(&s);
	generations_end(&s);
	return 0;
}
