/*
 * Reputation: how mail of a client network, of a sender domain and of each DKIM domain was judged
 * before. Each subject has counters of ham, spam, refused and all messages and of recipients that
 * halve every half-life, and the same volume with an hour's half-life, so that a sudden flood
 * stands out against the subject's own history.
 *
 *   score    (ham - spam) / (ham + spam + prior), from -1 to 1: nothing known is 0
 *   anomaly  volume of the last hour over what its history makes one expect of an hour
 *
 * A sender domain counts only where SPF or DKIM vouch for it, or its forger would spoil it. Two
 * processes that judge mail of one subject within one commit of the store may lose one count.
 */
#include "filters/reputation.h"

#include <pthread.h>

#include "core/chain.h"
#include "core/filter.h"
#include "lib/clock.h"
#include "lib/store/store.h"

enum { DKIM_DOMAINS_MAX = 3, LOCKS = 64, UNUSUAL = 20 };

struct reputation_conf {
	int64_t half_life_ms, keep_ms;
	double spam_from, prior;
	int64_t bits4, bits6;
	const struct fact_def *spf, *spf_domain, *dkim_domains;
	struct store *store;
	pthread_mutex_t *locks; /* by hash of the key: between reading and writing of one subject */
};

#define SUBJECT_FACTS(kind, stage, whose)                                                          \
	{"reputation." kind ".score", FACT_NUMBER, stage, NULL, "how mail of " whose " was judged before, -1 (spam) to 1 (ham)"}, \
	{"reputation." kind ".volume", FACT_NUMBER, stage, NULL, "messages of " whose ", decayed"},         \
	{"reputation." kind ".refused", FACT_NUMBER, stage, NULL, "how often " whose " was refused, decayed"}, \
	{"reputation." kind ".first-seen", FACT_DURATION, stage, NULL, "how long ago " whose " was first seen; 0: now"}, \
	{"reputation." kind ".anomaly", FACT_NUMBER, stage, NULL, "volume of the last hour against the history of " whose}, \
	{"reputation." kind ".spread", FACT_NUMBER, stage, NULL, "recipients of the last hour against the history of " whose}

static const struct fact_def reputation_facts[] = {
    SUBJECT_FACTS("client", STAGE_CONNECT, "the client's network"),
    SUBJECT_FACTS("domain", STAGE_RCPT, "the sender's domain, when SPF passed for it, or a signature of its own (then at the message)"),
    SUBJECT_FACTS("dkim", STAGE_MESSAGE, "the first domain whose DKIM signature is good"),
    {0},
};

static const struct finding_def reputation_findings[] = {
    {"reputation.good", -1, "mail of this network or domain was good before"},
    {"reputation.bad", 2, "mail of this network or domain was spam before"},
    {"reputation.anomaly", 1, "far more mail than this network or domain ever sent"},
    {0},
};

#define AT(field) offsetof(struct reputation_conf, field)
static const struct directive reputation_directives[] = {
    {.name = "half-life", .type = CONF_DURATION, .offset = AT(half_life_ms), .def = "14d", .min = 3600e3,
	.max = 3650 * 86400e3, .args = "DURATION", .help = "after this time a judgement counts half"},
    {.name = "keep", .type = CONF_DURATION, .offset = AT(keep_ms), .def = "180d", .min = 3600e3, .max = 3650 * 86400e3,
	.args = "DURATION", .help = "a subject that sends nothing for so long is forgotten"},
    {.name = "spam-from", .type = CONF_NUMBER, .offset = AT(spam_from), .def = "6", .min = -1000, .max = 1000,
	.args = "SCORE", .help = "a message with this score or more counts as spam"},
    {.name = "prior", .type = CONF_NUMBER, .offset = AT(prior), .def = "5", .min = 0.1, .max = 1e6, .args = "NUMBER",
	.help = "messages that it takes to be known: the score moves the slower the larger this is"},
    {.name = "network-bits-4", .type = CONF_INT, .offset = AT(bits4), .def = "24", .min = 8, .max = 32, .args = "BITS",
	.help = "network of an IPv4 client"},
    {.name = "network-bits-6", .type = CONF_INT, .offset = AT(bits6), .def = "64", .min = 16, .max = 128,
	.args = "BITS", .help = "network of an IPv6 client"},
    {0},
};
#undef AT

static bool reputation_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	const struct fact_registry *facts = chain_facts(env->chain);
	struct reputation_conf *c = conf;

	(void)load;
	(void)place;
	c->store = env->store;
	c->spf = fact_def_find(facts, STR("spf"));
	c->spf_domain = fact_def_find(facts, STR("spf.domain"));
	c->dkim_domains = fact_def_find(facts, STR("dkim.domains"));
	c->locks = arena_array(env->arena, LOCKS, sizeof *c->locks);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&c->locks[i], NULL);
	return true;
}

/* ---- reading ---- */

static struct str key_of(struct arena *a, const char *kind, struct str name)
{
	return str_sub(arena_printf(a, "%s:%.*s", kind, STR_ARG(name)), 0, STORE_KEY_MAX);
}

static enum res read_history(const struct reputation_conf *c, struct str key, struct arena *a, struct history *ret_history)
{
	struct store_entry entry;
	enum res res = store_get(c->store, REPUTATION_TABLE, key, a, &entry);
	int64_t now = clock_now();

	if (res != RES_OK || !history_read(entry.value, ret_history))
		*ret_history = (struct history){.first = now, .at = now};
	history_decay(ret_history, c->half_life_ms, now);
	return res;
}

/* ---- facts ---- */

/* Facts by name, so that no name is made at run time. */
enum { FACT_SCORE, FACT_VOLUME, FACT_REFUSED, FACT_FIRST, FACT_ANOMALY, FACT_SPREAD, FACTS_OF_SUBJECT };

#define FACT_NAMES(kind)                                                                           \
	{"reputation." kind ".score", "reputation." kind ".volume", "reputation." kind ".refused",  \
	    "reputation." kind ".first-seen", "reputation." kind ".anomaly", "reputation." kind ".spread"}

struct subject {
	const char *kind;
	const char *facts[FACTS_OF_SUBJECT];
};

static const struct subject client_subject = {"client", FACT_NAMES("client")};
static const struct subject domain_subject = {"domain", FACT_NAMES("domain")};
static const struct subject dkim_subject = {"dkim", FACT_NAMES("dkim")};

static void add_findings(struct session *s, struct str name, const struct history *h, double score, double unusual)
{
	double known = (double)h->ham + h->spam;

	if (score >= 0.5)
		finding_add(s, "reputation.good", "%.*s: %.0f good of %.0f messages", STR_ARG(name), (double)h->ham, known);
	else if (score <= -0.5)
		finding_add(s, "reputation.bad", "%.*s: %.0f spam of %.0f messages", STR_ARG(name), (double)h->spam, known);
	if (unusual >= UNUSUAL)
		finding_add(s, "reputation.anomaly", "%.*s: %.0f messages in the last hour, %.0f times its usual",
		    STR_ARG(name), (double)h->hour, unusual);
}

static void set_facts(const struct reputation_conf *c, struct session *s, const struct subject *subject, struct str name,
    const struct history *h)
{
	double score = history_score(h, c->prior), unusual = history_anomaly(h, c->half_life_ms);
	const char *const *names = subject->facts;
	struct facts *f = FACTS(s);

	fact_set_number(f, names[FACT_SCORE], score);
	fact_set_number(f, names[FACT_VOLUME], h->volume);
	fact_set_number(f, names[FACT_REFUSED], h->refused);
	fact_set_duration(f, names[FACT_FIRST], (h->at - h->first) * 1000);
	fact_set_number(f, names[FACT_ANOMALY], unusual);
	fact_set_number(f, names[FACT_SPREAD], history_spread(h, c->half_life_ms));
	add_findings(s, name, h, score, unusual);
}

static enum outcome look(const struct reputation_conf *c, struct session *s, const struct subject *subject, struct str name)
{
	struct arena *a = filter_arena(s);
	struct history h;

	if (read_history(c, key_of(a, subject->kind, name), a, &h) == RES_TEMP) {
		filter_failed(s, "the store cannot be reached");
		return RUN_TEMP;
	}
	set_facts(c, s, subject, name, &h);
	return RUN_OK;
}

static struct str network_of(const struct reputation_conf *c, const struct session *s, struct arena *a)
{
	struct cidr net = cidr_of(&s->client, (unsigned)(s->client.family == 4 ? c->bits4 : c->bits6));
	char text[CIDR_TEXT_MAX];

	return arena_str(a, cidr_format(&net, text));
}

static enum outcome reputation_connect(struct session *s, const void *conf)
{
	const struct reputation_conf *c = conf;

	if (s->client.family == 0)
		return RUN_SKIP;
	return look(c, s, &client_subject, network_of(c, s, s->arena));
}

/* The sender's domain when SPF passed for it, "" else. */
static struct str spf_domain(const struct reputation_conf *c, const struct session *s, struct arena *a)
{
	const struct fact *spf = c->spf ? session_fact(s, NULL, c->spf) : NULL;
	const struct fact *domain = c->spf_domain ? session_fact(s, NULL, c->spf_domain) : NULL;

	if (!spf || !domain || !str_is(spf->u.text, "pass"))
		return STR("");
	return str_lower(a, domain->u.text);
}

/* A domain speaks for itself and for what is below it. */
static bool speaks_for(struct str signer, struct str domain)
{
	size_t more = domain.n - signer.n;

	return domain.n >= signer.n && str_ieq(str_from(domain, more), signer) && (more == 0 || domain.p[more - 1] == '.');
}

static const struct fact *signers(const struct reputation_conf *c, const struct session *s)
{
	return c->dkim_domains ? session_fact(s, NULL, c->dkim_domains) : NULL;
}

/* At the end of the message a good signature of the sender's domain does, too. */
static struct str vouched_domain(const struct reputation_conf *c, const struct session *s, struct arena *a)
{
	struct str vouched = spf_domain(c, s, a), domain = s->message->sender.domain;
	const struct fact *by = vouched.n ? NULL : signers(c, s);

	for (size_t i = 0; by && domain.n && i < by->u.list.n && i < DKIM_DOMAINS_MAX; i++)
		if (speaks_for(by->u.list.v[i], domain))
			return str_lower(a, domain);
	return vouched;
}

/* At the first recipient, for SPF is known then; the facts go to each recipient. */
static enum outcome reputation_rcpt(struct session *s, const void *conf)
{
	const struct reputation_conf *c = conf;
	struct str domain = spf_domain(c, s, filter_arena(s));

	return domain.n ? look(c, s, &domain_subject, domain) : RUN_SKIP;
}

static enum outcome reputation_message(struct session *s, const void *conf)
{
	const struct reputation_conf *c = conf;
	const struct fact *by = signers(c, s);
	struct arena *a = filter_arena(s);
	enum outcome outcome = RUN_OK;

	if (!by || by->u.list.n == 0)
		return RUN_SKIP;
	if (!spf_domain(c, s, a).n && vouched_domain(c, s, a).n)
		outcome = look(c, s, &domain_subject, vouched_domain(c, s, a));
	return outcome == RUN_OK ? look(c, s, &dkim_subject, str_lower(a, by->u.list.v[0])) : outcome;
}

/* ---- learning ---- */

/* What one judgement adds. */
struct lesson {
	bool is_message, is_spam, is_ham, is_refused;
	size_t recipients;
};

/* What we found ourselves must not feed itself. */
static double score_of_others(const struct session *s)
{
	double score = session_score(s, s->message->first);
	const struct findings *all[] = {&s->findings, &s->message->findings, s->message->first ? &s->message->first->findings : NULL};

	for (size_t i = 0; i < 3; i++)
		for (const struct finding *f = all[i] ? all[i]->first : NULL; f; f = f->next)
			if (strcmp(f->filter, "reputation") == 0)
				score -= f->score;
	return score;
}

static void apply(struct history *h, const struct lesson *lesson)
{
	h->spam += lesson->is_spam;
	h->ham += lesson->is_ham;
	h->refused += lesson->is_refused;
	h->volume += lesson->is_message;
	h->hour += lesson->is_message;
	h->recipients += (float)lesson->recipients;
	h->hour_recipients += (float)lesson->recipients;
}

static void learn(const struct reputation_conf *c, struct session *s, const char *kind, struct str name,
    const struct lesson *lesson)
{
	struct arena *a = filter_arena(s);
	struct str key = key_of(a, kind, name);
	pthread_mutex_t *lock = &c->locks[str_hash(key) % LOCKS];
	char record[REPUTATION_RECORD];
	struct history h;

	pthread_mutex_lock(lock);
	if (read_history(c, key, a, &h) != RES_TEMP) {
		apply(&h, lesson);
		history_write(&h, record);
		store_put(c->store, REPUTATION_TABLE, key, (struct str){record, sizeof record}, c->keep_ms / 1000);
	}
	pthread_mutex_unlock(lock);
}

static void learn_message(const struct reputation_conf *c, struct session *s, enum verdict_kind kind)
{
	const struct fact *domains = signers(c, s);
	struct lesson lesson = {.is_message = true, .is_refused = kind == VERDICT_REJECT, .recipients = s->message->recipients};
	struct str domain = vouched_domain(c, s, filter_arena(s));

	lesson.is_spam = score_of_others(s) >= c->spam_from;
	lesson.is_ham = !lesson.is_spam && kind == VERDICT_ACCEPT;
	learn(c, s, "client", network_of(c, s, filter_arena(s)), &lesson);
	if (domain.n)
		learn(c, s, "domain", domain, &lesson);
	for (size_t i = 0; domains && i < domains->u.list.n && i < DKIM_DOMAINS_MAX; i++)
		learn(c, s, "dkim", str_lower(filter_arena(s), domains->u.list.v[i]), &lesson);
}

/* A tempfailed message comes again and is counted then; of earlier stages only refusals count. */
static void reputation_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	static const struct lesson refusal = {.is_refused = true};
	const struct reputation_conf *c = conf;

	if (s->client.family == 0 || kind == VERDICT_TEMPFAIL)
		return;
	if (stage == STAGE_MESSAGE)
		learn_message(c, s, kind);
	else if (kind == VERDICT_REJECT)
		learn(c, s, "client", network_of(c, s, filter_arena(s)), &refusal);
}

const struct filter reputation_filter = {
    .name = "reputation",
    .help = "remembers how mail of a network, a sender domain and a DKIM domain was judged",
    .directives = reputation_directives,
    .conf_size = sizeof(struct reputation_conf),
    .facts = reputation_facts,
    .findings = reputation_findings,
    .open = reputation_open,
    .run = {[STAGE_CONNECT] = reputation_connect, [STAGE_RCPT] = reputation_rcpt,
	[STAGE_MESSAGE] = reputation_message},
    .settle = reputation_settle,
};
