/*
 * The event loop on libevent: what wakes it (posts from other threads, signals, watched
 * descriptors, listeners) and the order of things within one turn. Streams are in loop_conn.c,
 * timers in loop_timer.c. The event base is used without locks: only its own thread touches it,
 * others go through the doorbell.
 */
#define _GNU_SOURCE
#include "lib/loop/loop_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 32, ACCEPT_PAUSE_MS = 100 };

struct watch {
	struct loop *loop;
	struct event event;
	void (*on_fd)(void *arg, int fd);
	void (*on_signal)(void *arg);
	void *arg;
	struct watch *next;
};

struct listener {
	struct loop *loop;
	struct event event;
	struct timer pause;
	void (*on_accept)(void *arg, int fd, const struct sockaddr *peer);
	void *arg;
};

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	timers_run(l);
	loop_settle(l);
}

/* Posts that come while these run wait for the next ring: nobody starves the sockets. */
static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct post_list work;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
		abort();
	pthread_mutex_lock(&l->lock);
	work = l->posts;
	l->posts = l->running;
	l->is_rung = false;
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < work.n; i++)
		work.v[i].fn(work.v[i].arg);
	work.n = 0;
	l->running = work;
	loop_settle(l);
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);
	struct event_config *config = event_config_new();

	if (!l || !config)
		abort();
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(config);
	event_config_free(config);
	l->scratch = malloc(LOOP_SCRATCH);
	l->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!l->base || !l->scratch || l->doorbell < 0)
		abort();
	signal(SIGPIPE, SIG_IGN); /* OpenSSL and sendfile(2) cannot be told otherwise */
	pthread_mutex_init(&l->lock, NULL);
	l->todo_last = &l->todo_first;
	l->tick_us = INT64_MAX;
	evtimer_assign(&l->tick, l->base, on_tick, l);
	event_assign(&l->ring, l->base, l->doorbell, EV_READ | EV_PERSIST, on_ring, l);
	event_add(&l->ring, NULL);
	return l;
}

void loop_run(struct loop *l)
{
	loop_settle(l);
	while (!l->is_stopping)
		if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			abort();
	l->is_stopping = false;
}

static void stop(void *arg)
{
	struct loop *l = arg;

	l->is_stopping = true;
	event_base_loopbreak(l->base);
}

void loop_stop(struct loop *l)
{
	loop_post(l, stop, l);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->leaving)
		conn_close(l->leaving);
	loop_settle(l);
	for (struct watch *w = l->watches, *next; w; w = next) {
		next = w->next;
		event_del(&w->event);
		free(w);
	}
	event_del(&l->tick);
	event_del(&l->ring);
	event_base_free(l->base);
	close(l->doorbell);
	pthread_mutex_destroy(&l->lock);
	free(l->posts.v);
	free(l->running.v);
	free(l->heap);
	free(l->scratch);
	free(l);
}

void loop_post(struct loop *l, void (*fn)(void *), void *arg)
{
	static const uint64_t one = 1;
	bool must_ring;

	pthread_mutex_lock(&l->lock);
	if (l->posts.n == l->posts.room) {
		l->posts.room = l->posts.room ? l->posts.room * 2 : 64;
		l->posts.v = realloc(l->posts.v, l->posts.room * sizeof *l->posts.v);
		if (!l->posts.v)
			abort();
	}
	l->posts.v[l->posts.n++] = (struct post){fn, arg};
	must_ring = !l->is_rung;
	l->is_rung = true;
	/* Inside the lock: once the post is seen the loop may end and close the descriptor. */
	if (must_ring && write(l->doorbell, &one, sizeof one) != sizeof one)
		abort();
	pthread_mutex_unlock(&l->lock);
}

void loop_settle(struct loop *l)
{
	conns_settle(l);
	timers_arm(l);
}

/* ---- signals and descriptors ---- */

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct loop *l = w->loop;

	if (what & EV_SIGNAL)
		w->on_signal(w->arg);
	else
		w->on_fd(w->arg, fd);
	loop_settle(l);
}

static struct watch *watch_new(struct loop *l, int fd, short what, void *arg)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	w->loop = l;
	w->arg = arg;
	w->next = l->watches;
	l->watches = w;
	event_assign(&w->event, l->base, fd, what | EV_PERSIST, on_watch, w);
	event_add(&w->event, NULL);
	return w;
}

void loop_signal(struct loop *l, int signo, void (*fn)(void *), void *arg)
{
	watch_new(l, signo, EV_SIGNAL, arg)->on_signal = fn;
}

void loop_watch(struct loop *l, int fd, void (*fn)(void *arg, int fd), void *arg)
{
	watch_new(l, fd, EV_READ, arg)->on_fd = fn;
}

/* ---- listeners ---- */

/* Out of descriptors or memory: look again in a moment instead of spinning on a readable socket. */
static void listener_pause(struct listener *ls)
{
	event_del(&ls->event);
	timer_set(&ls->pause, ACCEPT_PAUSE_MS);
}

static void listener_again(void *arg)
{
	struct listener *ls = arg;

	event_add(&ls->event, NULL);
}

static void on_connection(evutil_socket_t listen_fd, short what, void *arg)
{
	struct listener *ls = arg;
	struct loop *l = ls->loop;

	(void)what;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t length = sizeof peer;
		int fd = accept4(listen_fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			ls->on_accept(ls->arg, fd, (struct sockaddr *)&peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_pause(ls);
		if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	loop_settle(l);
}

struct listener *listener_new(struct loop *l, int fd,
    void (*on_accept)(void *arg, int fd, const struct sockaddr *peer), void *arg)
{
	struct listener *ls = calloc(1, sizeof *ls);

	if (!ls)
		abort();
	ls->loop = l;
	ls->on_accept = on_accept;
	ls->arg = arg;
	timer_init(&ls->pause, l, listener_again, ls);
	evutil_make_socket_nonblocking(fd);
	event_assign(&ls->event, l->base, fd, EV_READ | EV_PERSIST, on_connection, ls);
	event_add(&ls->event, NULL);
	return ls;
}

void listener_free(struct listener *ls)
{
	if (!ls)
		return;
	event_del(&ls->event);
	timer_stop(&ls->pause);
	free(ls);
}

static int close_with_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int listen_tcp(const struct ip *ip, uint16_t port, int backlog)
{
	static const int on = 1;
	struct sockaddr_storage sa;
	socklen_t length = ip_to_sockaddr(ip, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* NODELAY is inherited by what is accepted. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    (sa.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    bind(fd, (struct sockaddr *)&sa, length) < 0 || listen(fd, backlog) < 0)
		return close_with_errno(fd);
	return fd;
}

int listen_unix(const char *path, mode_t mode)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sa.sun_path, path, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	unlink(path);
	/* Nobody can connect before listen(), so the mode is right when it counts. */
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || chmod(path, mode) < 0 || listen(fd, 128) < 0)
		return close_with_errno(fd);
	return fd;
}
