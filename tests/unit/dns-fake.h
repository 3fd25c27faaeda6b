/*
 * A scripted DNS server on loopback for tests, UDP and TCP on one port, one thread. The first label
 * of the name says what happens:
 *
 *   ok         one record of the type asked for      nodata, nx, servfail, refused   as they say
 *   multi      three TXT strings                     silent    no reply
 *   tc         truncated over UDP, whole over TCP    garbage   octets that are no message
 *   many-N     N records (over TCP when they are many)
 *   chain-N    a chain of N CNAMEs, then a record    loop      two CNAMEs for each other
 *   wrong      the answer to another question        slow-N    ok after N ms
 *   short      an answer that ends inside a record
 */
#ifndef REEVE_TESTS_DNS_FAKE_H
#define REEVE_TESTS_DNS_FAKE_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAKE_A = 1, FAKE_CNAME = 5, FAKE_PTR = 12, FAKE_MX = 15, FAKE_TXT = 16, FAKE_AAAA = 28 };

struct dns_fake {
	int udp, tcp;
	unsigned short port;
	pthread_t thread;
	atomic_bool stop;
	atomic_int queries, tcp_queries;
};

/* A packet that grows; what does not fit is a test that wants too much. */
struct dns_packet {
	uint8_t b[65535];
	size_t n;
};

static inline void put8(struct dns_packet *p, unsigned v)
{
	if (p->n == sizeof p->b)
		abort();
	p->b[p->n++] = (uint8_t)v;
}

static inline void put16(struct dns_packet *p, unsigned v)
{
	put8(p, v >> 8);
	put8(p, v & 255);
}

/* Text with dots; no compression. */
static inline void put_name(struct dns_packet *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		put8(p, (unsigned)n);
		for (size_t i = 0; i < n; i++)
			put8(p, (unsigned char)name[i]);
		name += n + (name[n] == '.');
	}
	put8(p, 0);
}

/* Type, class IN, TTL 60, and room for the length, whose place is returned. */
static inline size_t put_rr(struct dns_packet *p, const char *owner, unsigned type)
{
	if (owner)
		put_name(p, owner);
	else
		put16(p, 0xc00c); /* the question's name */
	put16(p, type);
	put16(p, 1);
	put16(p, 0);
	put16(p, 60);
	put16(p, 0);
	return p->n - 2;
}

static inline void end_rr(struct dns_packet *p, size_t at)
{
	size_t n = p->n - at - 2;

	p->b[at] = (uint8_t)(n >> 8);
	p->b[at + 1] = (uint8_t)n;
}

static inline void put_string(struct dns_packet *p, const char *text)
{
	put8(p, (unsigned)strlen(text));
	for (; *text; text++)
		put8(p, (unsigned char)*text);
}

/* A plausible record of the type; number makes it one of several. */
static inline void put_record(struct dns_packet *p, const char *owner, unsigned type, unsigned number)
{
	size_t at = put_rr(p, owner, type);
	char text[64];

	snprintf(text, sizeof text, "host%u.example.test", number);
	switch (type) {
	case FAKE_A:
		put16(p, 192u << 8);
		put16(p, number);
		break;
	case FAKE_AAAA:
		put16(p, 0x2001);
		put16(p, 0x0db8);
		for (int i = 0; i < 5; i++)
			put16(p, 0);
		put16(p, number);
		break;
	case FAKE_MX:
		put16(p, number * 10);
		put_name(p, text);
		break;
	case FAKE_TXT:
		put_string(p, text);
		break;
	default:
		put_name(p, text);
	}
	end_rr(p, at);
}

struct dns_fake_question {
	char name[256], word[64];
	unsigned type, number;
	size_t end; /* offset behind the question */
};

static inline bool dns_fake_parse(const uint8_t *in, size_t n, struct dns_fake_question *q)
{
	size_t at = 12, k = 0;

	while (at < n && in[at]) {
		if (at + 1 + in[at] >= n || k + in[at] + 2u > sizeof q->name)
			return false;
		for (unsigned i = 1; i <= in[at]; i++)
			q->name[k++] = (char)in[at + i];
		q->name[k++] = '.';
		at += 1u + in[at];
	}
	if (at + 5 > n)
		return false;
	q->name[k ? k - 1 : 0] = '\0';
	q->type = (unsigned)in[at + 1] << 8 | in[at + 2];
	q->end = at + 5;
	q->word[0] = '\0';
	q->number = 0;
	sscanf(q->name, "%63[a-zA-Z]-%u", q->word, &q->number);
	return true;
}

/* chain-3 leads to chain-2 and so on; chain-0 has the record. */
static inline void dns_fake_chain(struct dns_packet *p, unsigned hops, unsigned type)
{
	char from[64], to[64];

	snprintf(to, sizeof to, "chain-%u.example.test", hops);
	for (unsigned i = hops; i > 0; i--) {
		memcpy(from, to, sizeof from);
		snprintf(to, sizeof to, "chain-%u.example.test", i - 1);
		size_t at = put_rr(p, from, FAKE_CNAME);
		put_name(p, to);
		end_rr(p, at);
	}
	put_record(p, to, type, 1);
	p->b[7] = (uint8_t)(hops + 1);
}

static inline void dns_fake_loop(struct dns_packet *p)
{
	size_t at = put_rr(p, NULL, FAKE_CNAME);

	put_name(p, "loop2.example.test");
	end_rr(p, at);
	at = put_rr(p, "loop2.example.test", FAKE_CNAME);
	put16(p, 0xc00c);
	end_rr(p, at);
	p->b[7] = 2;
}

static inline void dns_fake_txt(struct dns_packet *p)
{
	size_t at = put_rr(p, NULL, FAKE_TXT);

	put_string(p, "one ");
	put_string(p, "");
	put_string(p, "two");
	end_rr(p, at);
	p->b[7] = 1;
}

/* What the word asks for; false: say nothing. The header and the question are there already. */
static inline bool dns_fake_answer(const struct dns_fake_question *q, bool is_tcp, struct dns_packet *p)
{
	static const struct {
		const char *word;
		uint8_t rcode;
	} codes[] = {{"nodata", 0}, {"nx", 3}, {"servfail", 2}, {"refused", 5}};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcasecmp(q->word, codes[i].word) == 0) {
			p->b[3] |= codes[i].rcode;
			return true;
		}
	if (strcasecmp(q->word, "silent") == 0)
		return false;
	if (strcasecmp(q->word, "slow") == 0)
		usleep(q->number * 1000);
	if (!is_tcp && (strcasecmp(q->word, "tc") == 0 || (strcasecmp(q->word, "many") == 0 && q->number > 20))) {
		p->b[2] |= 2;
	} else if (strcasecmp(q->word, "many") == 0) {
		for (unsigned i = 1; i <= q->number; i++)
			put_record(p, NULL, q->type, i);
		p->b[6] = (uint8_t)(q->number >> 8);
		p->b[7] = (uint8_t)q->number;
	} else if (strcasecmp(q->word, "chain") == 0) {
		dns_fake_chain(p, q->number, q->type);
	} else if (strcasecmp(q->word, "loop") == 0) {
		dns_fake_loop(p);
	} else if (strcasecmp(q->word, "multi") == 0) {
		dns_fake_txt(p);
	} else if (strcasecmp(q->word, "garbage") == 0) {
		memset(p->b + 2, 0xee, p->n - 2);
	} else {
		if (strcasecmp(q->word, "wrong") == 0)
			p->b[13] ^= 1;
		put_record(p, NULL, q->type, 1);
		p->b[7] = 1;
		p->n -= strcasecmp(q->word, "short") == 0 ? 2 : 0;
	}
	return true;
}

static inline bool dns_fake_reply(struct dns_fake *f, const uint8_t *in, size_t n, bool is_tcp, struct dns_packet *p)
{
	struct dns_fake_question q;

	f->queries++;
	f->tcp_queries += is_tcp;
	if (n < 17 || !dns_fake_parse(in, n, &q))
		return false;
	memcpy(p->b, in, q.end);
	p->n = q.end;
	p->b[2] = 0x81;
	p->b[3] = 0x80;
	memset(p->b + 6, 0, 6);
	return dns_fake_answer(&q, is_tcp, p);
}

static inline void dns_fake_tcp(struct dns_fake *f, struct dns_packet *p)
{
	int fd = accept(f->tcp, NULL, NULL);
	uint8_t in[600], size[2];
	size_t n, done = 0;
	ssize_t got;

	if (fd < 0)
		return;
	struct timeval tv = {.tv_sec = 1};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	if (recv(fd, size, 2, MSG_WAITALL) == 2 && (n = (size_t)(size[0] << 8 | size[1])) <= sizeof in) {
		while (done < n && (got = recv(fd, in + done, n - done, 0)) > 0)
			done += (size_t)got;
		if (done == n && dns_fake_reply(f, in, n, true, p)) {
			size[0] = (uint8_t)(p->n >> 8);
			size[1] = (uint8_t)p->n;
			if (send(fd, size, 2, MSG_NOSIGNAL | MSG_MORE) == 2)
				for (done = 0; done < p->n && (got = send(fd, p->b + done, p->n - done, MSG_NOSIGNAL)) > 0;)
					done += (size_t)got;
		}
	}
	close(fd);
}

static inline void *dns_fake_run(void *arg)
{
	struct dns_fake *f = arg;
	struct dns_packet *p = malloc(sizeof *p);
	struct sockaddr_storage peer;
	uint8_t in[600];

	while (!f->stop) {
		struct pollfd pfds[2] = {{.fd = f->udp, .events = POLLIN}, {.fd = f->tcp, .events = POLLIN}};
		socklen_t length = sizeof peer;
		ssize_t n;

		if (poll(pfds, 2, 20) <= 0)
			continue;
		if (pfds[1].revents)
			dns_fake_tcp(f, p);
		if (!pfds[0].revents)
			continue;
		n = recvfrom(f->udp, in, sizeof in, 0, (struct sockaddr *)&peer, &length);
		if (n > 0 && dns_fake_reply(f, in, (size_t)n, false, p))
			sendto(f->udp, p->b, p->n, 0, (struct sockaddr *)&peer, length);
	}
	free(p);
	return NULL;
}

static inline void dns_fake_start(struct dns_fake *f)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof in;

	for (int tries = 0; tries < 50; tries++) {
		f->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		f->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		in.sin_port = 0;
		if (bind(f->udp, (struct sockaddr *)&in, n) == 0 && getsockname(f->udp, (struct sockaddr *)&in, &n) == 0 &&
		    bind(f->tcp, (struct sockaddr *)&in, n) == 0 && listen(f->tcp, 64) == 0) {
			f->port = ntohs(in.sin_port);
			pthread_create(&f->thread, NULL, dns_fake_run, f);
			return;
		}
		close(f->udp);
		close(f->tcp);
	}
	abort();
}

static inline void dns_fake_stop(struct dns_fake *f)
{
	f->stop = true;
	pthread_join(f->thread, NULL);
	close(f->udp);
	close(f->tcp);
}

#endif
