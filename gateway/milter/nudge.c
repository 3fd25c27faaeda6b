/*
 * libmilter's pool counts a worker as idle until it runs again. When several connections speak at the same
 * moment, more of them are given to idle workers than there are; those left over are served when some
 * worker comes back, and when all wait for a slow answer (the DNS is down) that takes as long as an MTA has
 * patience. A connection to our own socket helps: libmilter wakes a worker for it, or starts one, which
 * then looks for connections that were left.
 */
#include "gateway/milter/private.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/addr.h"

static struct {
	struct sockaddr_storage address;
	socklen_t length; /* 0: our socket has no address that we could use */
	_Atomic unsigned running;
	_Atomic uint64_t ended;
	uint64_t ended_before; /* when we looked last */
	_Atomic bool is_stalled;
} pool;

/* "unix:/PATH" or "inet:PORT@ADDRESS", as libmilter has it. */
void milter_nudge_open(struct str socket)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&pool.address;
	ptrdiff_t colon = str_chr(socket, ':'), at = str_chr(socket, '@');
	struct str rest = str_from(socket, (size_t)(colon + 1));
	struct ip ip;
	uint64_t port;

	if (rest.n && rest.p[0] == '/' && rest.n < sizeof un->sun_path) {
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, rest.p, rest.n);
		pool.length = sizeof *un;
	} else if (at > colon && ip_parse(str_from(socket, (size_t)at + 1), &ip) &&
		   str_u64(str_sub(socket, (size_t)(colon + 1), (size_t)(at - colon - 1)), &port)) {
		pool.length = ip_to_sockaddr(&ip, (uint16_t)port, &pool.address);
	}
}

static void nudge(void)
{
	int fd = pool.length ? socket(pool.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	/* A full backlog, and whatever else goes wrong: there is a next time. */
	(void)connect(fd, (const struct sockaddr *)&pool.address, pool.length);
	close(fd);
}

/* A worker that came to work while nobody comes back may not have been the last that is needed. */
void milter_callback_starts(void)
{
	pool.running++;
	if (pool.is_stalled)
		nudge();
}

void milter_callback_ends(void)
{
	pool.ended++;
	pool.running--;
	pool.is_stalled = false;
}

void milter_nudge_look(void)
{
	uint64_t ended = pool.ended;

	pool.is_stalled = pool.running > 0 && ended == pool.ended_before;
	pool.ended_before = ended;
	if (pool.is_stalled)
		nudge();
}
