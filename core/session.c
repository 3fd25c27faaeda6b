/* Life cycle of sessions, messages and recipients, and which scope a stage works in. */
#include "core/session.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/random.h>

#include "core/chain.h"
#include "lib/clock.h"

struct session *session_new(const struct chain *chain, struct dns *dns, enum face face)
{
	struct arena *a = arena_new(0);
	struct session *s = arena_alloc(a, sizeof *s);

	*s = (struct session){.magic = SESSION_MAGIC, .arena = a, .chain = chain, .face = face, .resolver = dns};
	s->limits = &parse_limits_default;
	s->dns_limits = (struct dns_limits){.queries = 60, .timeout_ms = 5000};
	s->started_us = clock_mono_us();
	s->facts = (struct facts){.registry = chain_facts(chain), .arena = a};
	s->state = arena_array(a, chain_length(chain), sizeof *s->state);
	s->slot_ns = arena_array(a, chain_length(chain), sizeof *s->slot_ns);
	findings_init(&s->findings);
	id_make(s->id);
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	assert(s->magic == SESSION_MAGIC);
	message_end(s);
	dns_scope_free(s->dns);
	s->magic = 0;
	arena_free(s->arena);
}

void session_mark(struct session *s)
{
	s->mark = (struct session_mark){s->findings, s->facts.n, s->failures};
}

void session_forget_helo(struct session *s)
{
	if (s->mark.findings.first) {
		s->findings = s->mark.findings;
		*s->findings.last = NULL;
	} else {
		findings_init(&s->findings);
	}
	s->facts.n = s->mark.facts;
	s->failures = s->mark.failures;
}

struct message *message_start(struct session *s)
{
	struct arena *a = arena_new(0);
	struct message *m = arena_alloc(a, sizeof *m);

	assert(!s->message);
	*m = (struct message){.magic = MESSAGE_MAGIC, .arena = a, .limits = s->limits, .last = &m->first,
	    .started_us = clock_mono_us()};
	m->facts = (struct facts){.registry = chain_facts(s->chain), .arena = a};
	m->state = arena_array(a, chain_length(s->chain), sizeof *m->state);
	findings_init(&m->findings);
	edits_init(&m->edits);
	id_make(m->id);
	s->message = m;
	return m;
}

void message_end(struct session *s)
{
	struct message *m = s->message;

	if (!m)
		return;
	assert(m->magic == MESSAGE_MAGIC);
	s->message = NULL;
	dns_scope_free(m->dns);
	m->magic = 0;
	spool_free(m->spool);
	arena_free(m->arena);
}

struct recipient *recipient_start(struct message *m, const struct address *address)
{
	struct recipient *r = arena_alloc(m->arena, sizeof *r);

	r->address = *address;
	r->facts = (struct facts){.registry = m->facts.registry, .arena = m->arena};
	findings_init(&r->findings);
	m->current = r;
	return r;
}

void recipient_keep(struct message *m)
{
	*m->last = m->current;
	m->last = &m->current->next;
	m->recipients++;
	m->current = NULL;
}

static bool is_of_session(enum stage stage)
{
	return stage <= STAGE_HELO;
}

struct facts *stage_facts(struct session *s, enum stage stage)
{
	if (is_of_session(stage))
		return &s->facts;
	return stage == STAGE_RCPT ? &s->message->current->facts : &s->message->facts;
}

struct findings *stage_findings(struct session *s, enum stage stage)
{
	if (is_of_session(stage))
		return &s->findings;
	return stage == STAGE_RCPT ? &s->message->current->findings : &s->message->findings;
}

struct arena *stage_arena(struct session *s, enum stage stage)
{
	return is_of_session(stage) ? s->arena : s->message->arena;
}

static struct dns_scope **scope_of(struct session *s, enum stage stage)
{
	return is_of_session(stage) ? &s->dns : &s->message->dns;
}

enum { RESERVE_PART = 4 };

struct dns_scope *stage_dns(struct session *s, enum stage stage)
{
	struct dns_scope **scope = scope_of(s, stage);
	struct dns_limits limits = s->dns_limits;

	/* A part of what a message may ask is kept for the author's policy: dns_ask_reserved(). */
	if (!is_of_session(stage))
		limits.reserve = limits.queries / RESERVE_PART;
	if (!*scope && s->resolver)
		*scope = dns_scope_new(s->resolver, &limits, s->on_lookups_done, s->on_lookups_done_arg);
	return *scope;
}

bool stage_is_waiting(struct session *s, enum stage stage)
{
	struct dns_scope *scope = *scope_of(s, stage);

	return scope && !dns_scope_arm(scope);
}

const struct fact *session_fact(const struct session *s, const struct recipient *r, const struct fact_def *def)
{
	const struct fact *fact = r ? fact_get(&r->facts, def) : NULL;

	if (!fact && s->message)
		fact = fact_get(&s->message->facts, def);
	return fact ? fact : fact_get(&s->facts, def);
}

/* What filters found that the recipient has off. */
static double score_off(const struct session *s, const struct findings *findings, uint64_t off)
{
	double score = 0;

	for (const struct finding *f = findings->first; f; f = f->next)
		for (size_t i = 0; i < chain_length(s->chain) && i < SESSION_FILTERS_OFF_MAX; i++)
			if ((off >> i & 1) && strcmp(chain_at(s->chain, i)->filter->name, f->filter) == 0)
				score += f->score;
	return score;
}

double session_score(const struct session *s, const struct recipient *r)
{
	double score = s->findings.score;

	if (s->message)
		score += s->message->findings.score;
	if (r && r->filters_off)
		score -= score_off(s, &s->findings, r->filters_off) +
			 (s->message ? score_off(s, &s->message->findings, r->filters_off) : 0);
	return r ? score + r->findings.score : score;
}

/* Strictly increasing in this process; 20 random bits keep processes apart. */
void id_make(char out[ID_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	static _Atomic int64_t latest;
	static _Atomic uint32_t process;
	int64_t now = clock_now_us(), last = atomic_load(&latest);
	uint32_t tail = atomic_load(&process);
	char *p = out + 15;

	if (tail == 0) {
		uint32_t fresh = 0;
		if (getrandom(&fresh, sizeof fresh, 0) != sizeof fresh)
			fresh = (uint32_t)clock_ticks_ns();
		fresh |= 1u << 31;
		tail = atomic_compare_exchange_strong(&process, &tail, fresh) ? fresh : tail;
	}
	do {
		if (now <= last)
			now = last + 1;
	} while (!atomic_compare_exchange_weak(&latest, &last, now));
	*p = '\0';
	for (int i = 0; i < 4; i++, tail >>= 5)
		*--p = digits[tail & 31];
	for (int i = 0; i < 11; i++, now >>= 5)
		*--p = digits[now & 31];
}
