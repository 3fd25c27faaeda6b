/*
 * DNS look-ups with tickets. One thread owns the resolver; anybody may ask.
 *
 *   scope = dns_scope_new(dns, &limits, on_idle, arg);      one per message or session
 *   t = dns_ask(scope, STR("example.org"), DNS_TXT);        starts it, never blocks (a filter's want)
 *   ...                                                     on_idle fires when nothing is pending
 *   a = dns_wait(t);                                        the answer; blocks at most till the
 *                                                           scope's deadline (a filter's run)
 *   dns_scope_free(scope);                                  late answers go nowhere
 *
 * The same question asked twice in one scope is one ticket. Questions beyond the scope's budget,
 * names that are no names, and everything after the deadline are answered at once, each with its
 * own status. Tickets and answers live as long as their scope. Time counts only while something is
 * pending, so that a session that idles for minutes has its budget left.
 *
 * Threads: dns_ask and dns_wait are for the thread that holds the scope; on_idle is called on the
 * DNS thread, must only pass the news on (loop_post), and must not call back into this module. After
 * dns_scope_free() it is not called any more.
 */
#ifndef REEVE_LIB_DNS_DNS_H
#define REEVE_LIB_DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/str.h"

struct dns;
struct dns_scope;
struct dns_ticket;

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52,
};

enum dns_status {
	DNS_PENDING,
	DNS_OK,	      /* at least one record of the type asked for */
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_NODATA,   /* the name exists, the type does not */
	DNS_TEMP,     /* no usable answer in time: time-out, SERVFAIL, REFUSED, garbage */
	DNS_BOGUS,    /* DNSSEC validation failed */
	DNS_BADNAME,  /* the question is no domain name; nothing was sent */
	DNS_BUDGET,   /* the scope's query budget is used up; nothing was sent */
};

/* One record of the type asked for; CNAMEs on the way are followed, not shown. */
struct dns_record {
	struct ip ip;	     /* A, AAAA */
	struct str name;     /* PTR, NS, CNAME target, MX host, SOA primary: lower case, no final dot;
				"" is the root; octets that could deceive come as \DDD */
	struct str data;     /* TXT: the strings joined without a separator; TLSA: association data */
	uint16_t preference; /* MX */
	uint8_t usage, selector, matching; /* TLSA */
};

/* RFC 1035 part 4.1.1. */
enum { DNS_FORMERR = 1, DNS_SERVFAIL = 2 };

struct dns_answer {
	enum dns_status status;
	bool is_secure;	      /* validated by a resolver that we were told to trust */
	uint8_t rcode;	      /* of DNS_TEMP: what came instead; 0: nothing */
	uint32_t ttl;	      /* least TTL of the records */
	size_t n;
	const struct dns_record *records; /* in the order of the packet */
};

struct dns_limits {
	unsigned queries;    /* sent per scope; DESIGN.md part 8: 60 */
	unsigned timeout_ms; /* in all, of the time that any question was pending */
	unsigned reserve;    /* of the queries: only for dns_ask_reserved() */
};

enum { DNS_RECORDS_MAX = 200, DNS_ANSWER_BYTES_MAX = 65535 };

struct dns_options {
	/* "ADDRESS" or "ADDRESS@PORT"; at least one */
	const struct str *servers;
	size_t server_count;
	unsigned timeout_ms; /* of one question; 0: only the scope's */
	const char *trust_anchor_file; /* NULL: no validation here */
};

/* Starts the DNS thread. NULL and a text in ret_error (arena of the caller's) when it cannot. */
struct dns *dns_new(const struct dns_options *options, struct arena *a, struct str *ret_error);
/*
 * A resolver without network for tests and fuzzing: answer() is called inside dns_ask and fills in
 * the answer, with memory that lives as long as the dns.
 */
struct dns *dns_new_table(void (*answer)(void *arg, struct str name, enum dns_type type,
			      struct dns_answer *ret_answer), void *arg);
/* Ends the thread; all scopes must be freed before. Create it after fork(). NULL is allowed. */
void dns_free(struct dns *dns);

/* on_idle may be NULL; dns too: then every answer is DNS_TEMP. */
struct dns_scope *dns_scope_new(struct dns *dns, const struct dns_limits *limits,
    void (*on_idle)(void *arg), void *arg);
void dns_scope_free(struct dns_scope *scope);
/*
 * True when nothing is pending. When false, on_idle will be called once, after the last pending
 * ticket is answered or the deadline has passed.
 */
bool dns_scope_arm(struct dns_scope *scope);
/* The whole time is there again (a message waits long between its stages). */
void dns_scope_renew(struct dns_scope *scope);
/* Queries sent so far. */
unsigned dns_scope_used(const struct dns_scope *scope);

/*
 * name: raw octets, without or with a final dot, "." is the root; copied. Never NULL; a NULL scope
 * answers DNS_TEMP.
 */
struct dns_ticket *dns_ask(struct dns_scope *scope, struct str name, enum dns_type type);
/*
 * The same for what must be known whatever a message makes us ask before: it may also use the reserve.
 */
struct dns_ticket *dns_ask_reserved(struct dns_scope *scope, struct str name, enum dns_type type);
const struct dns_answer *dns_wait(struct dns_ticket *ticket);
/* The same, but no longer than to a time of clock_mono_us(): then it is DNS_TEMP for everybody. */
const struct dns_answer *dns_wait_until(struct dns_ticket *ticket, int64_t until_us);
bool dns_is_done(const struct dns_ticket *ticket);
/* dns_ask and dns_wait in one. */
const struct dns_answer *dns_get(struct dns_scope *scope, struct str name, enum dns_type type);

/*
 * Parses one response packet (RFC 1035 part 4) for the question (name, type), following CNAMEs
 * inside the packet, at most 10. Pointers, counts and lengths are checked; records go to the arena.
 * True with ret_answer filled in (also for NXDOMAIN, NODATA), false for a packet that is none.
 */
bool dns_parse(struct arena *a, const uint8_t *packet, size_t length, struct str name,
    enum dns_type type, struct dns_answer *ret_answer);

/* Why there are no records, in words; "ok" when there are some. */
const char *dns_answer_problem(const struct dns_answer *answer);
/* Says nothing about the name: no answer, a forged one, or none was asked for. */
static inline bool dns_is_trouble(enum dns_status status)
{
	return status == DNS_TEMP || status == DNS_BOGUS || status == DNS_BUDGET;
}

#endif
