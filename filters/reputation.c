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
 * roles that judge mail of one subject within one commit of the store may lose one count.
 * Table "reputation", key KIND ":" NAME, value: numbers in text, one blank between.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/chain.h"
#include "core/filter.h"
#include "lib/clock.h"
#include "lib/store.h"

enum { DKIM_DOMAINS_MAX = 3, HOUR_S = 3600 };

struct reputation_conf {
	int64_t half_life_ms, keep_ms;
	double spam_from, prior;
	int64_t bits4, bits6;
	const struct fact_def *spf, *spf_domain, *dkim_domains;
	struct store *store;
};

/* What is kept of a subject; counters are as of `at`. */
struct history {
	int64_t first, at;
	double ham, spam, refused, volume, recipients, hour, hour_recipients;
};

#define SUBJECT_FACTS(kind, stage, whose)                                                          \
	{"reputation." kind ".score", FACT_NUMBER, stage, NULL, "how mail of " whose " was judged before, -1 (spam) to 1 (ham)"}, \
	{"reputation." kind ".volume", FACT_NUMBER, stage, NULL, "messages of " whose ", decayed"},         \
	{"reputation." kind ".first-seen", FACT_DURATION, stage, NULL, "how long ago " whose " was first seen; 0: now"}, \
	{"reputation." kind ".anomaly", FACT_NUMBER, stage, NULL, "volume of the last hour against the history of " whose}, \
	{"reputation." kind ".spread", FACT_NUMBER, stage, NULL, "recipients of the last hour against the history of " whose}

static const struct fact_def reputation_facts[] = {
    SUBJECT_FACTS("client", STAGE_CONNECT, "the client's network"),
    SUBJECT_FACTS("domain", STAGE_RCPT, "the sender's domain, as far as SPF vouches for it"),
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
	return true;
}

/* ---- the record ---- */

static void decay(const struct reputation_conf *c, struct history *h, int64_t now)
{
	double age = now > h->at ? (double)(now - h->at) : 0;
	double slow = exp2(-age * 1000 / (double)c->half_life_ms), fast = exp2(-age / HOUR_S);

	h->ham *= slow;
	h->spam *= slow;
	h->refused *= slow;
	h->volume *= slow;
	h->recipients *= slow;
	h->hour *= fast;
	h->hour_recipients *= fast;
	h->at = now;
}

static enum res read_history(const struct reputation_conf *c, struct str key, struct arena *a, struct history *ret_history)
{
	struct store_entry entry;
	enum res res = store_get(c->store, "reputation", key, a, &entry);
	int64_t now = clock_now();
	struct history h = {.first = now, .at = now};

	if (res == RES_OK && sscanf(arena_cstr(a, entry.value), "%" SCNd64 " %" SCNd64 " %lf %lf %lf %lf %lf %lf %lf",
				 &h.first, &h.at, &h.ham, &h.spam, &h.refused, &h.volume, &h.recipients, &h.hour,
				 &h.hour_recipients) != 9)
		h = (struct history){.first = now, .at = now};
	decay(c, &h, now);
	*ret_history = h;
	return res;
}

static void write_history(const struct reputation_conf *c, struct str key, struct arena *a, const struct history *h)
{
	struct str value = arena_printf(a, "%" PRId64 " %" PRId64 " %.3f %.3f %.3f %.3f %.3f %.3f %.3f", h->first, h->at,
	    h->ham, h->spam, h->refused, h->volume, h->recipients, h->hour, h->hour_recipients);

	store_put(c->store, "reputation", key, value, c->keep_ms / 1000);
}

/*
 * A steady sender's counter with half-life L stands at rate * L / ln 2; so the two volumes over
 * their half-lives are the two rates. Below a handful of messages nothing is unusual.
 */
static double anomaly(const struct reputation_conf *c, double hour, double whole)
{
	double expected = whole * HOUR_S * 1000 / (double)c->half_life_ms;

	return hour < 10 ? 0 : hour / (expected > 1 ? expected : 1);
}

/* ---- facts ---- */

static void set_facts(const struct reputation_conf *c, struct session *s, const char *kind, struct str name, const struct history *h)
{
	struct arena *a = filter_arena(s);
	struct facts *f = FACTS(s);
	double known = h->ham + h->spam, score = (h->ham - h->spam) / (known + c->prior);
	double unusual = anomaly(c, h->hour, h->volume);

#define NAME(what) arena_printf(a, "reputation.%s." what, kind).p
	fact_set_number(f, NAME("score"), score);
	fact_set_number(f, NAME("volume"), h->volume);
	fact_set_duration(f, NAME("first-seen"), (h->at - h->first) * 1000);
	fact_set_number(f, NAME("anomaly"), unusual);
	fact_set_number(f, NAME("spread"), anomaly(c, h->hour_recipients, h->recipients));
#undef NAME
	if (score >= 0.5)
		finding_add(s, "reputation.good", "%.*s: %.0f good of %.0f messages", STR_ARG(name), h->ham, known);
	else if (score <= -0.5)
		finding_add(s, "reputation.bad", "%.*s: %.0f spam of %.0f messages", STR_ARG(name), h->spam, known);
	if (unusual >= 20)
		finding_add(s, "reputation.anomaly", "%.*s: %.0f messages in the last hour, %.0f times its usual",
		    STR_ARG(name), h->hour, unusual);
}

static enum outcome look(const struct reputation_conf *c, struct session *s, const char *kind, struct str name)
{
	struct arena *a = filter_arena(s);
	struct history h;

	if (read_history(c, arena_printf(a, "%s:%.*s", kind, STR_ARG(name)), a, &h) == RES_TEMP) {
		filter_failed(s, "the store cannot be reached");
		return RUN_TEMP;
	}
	set_facts(c, s, kind, name, &h);
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
	return look(c, s, "client", network_of(c, s, s->arena));
}

/* The sender's domain when SPF passed for it, "" else. */
static struct str vouched_domain(const struct reputation_conf *c, const struct session *s, struct arena *a)
{
	const struct fact *spf = c->spf ? session_fact(s, NULL, c->spf) : NULL;
	const struct fact *domain = c->spf_domain ? session_fact(s, NULL, c->spf_domain) : NULL;

	if (!spf || !domain || !str_is(spf->u.text, "pass"))
		return STR("");
	return str_lower(a, domain->u.text);
}

/* At the first recipient, for SPF is known then; the facts go to each recipient. */
static enum outcome reputation_rcpt(struct session *s, const void *conf)
{
	const struct reputation_conf *c = conf;
	struct str domain = vouched_domain(c, s, filter_arena(s));

	return domain.n ? look(c, s, "domain", domain) : RUN_SKIP;
}

static enum outcome reputation_message(struct session *s, const void *conf)
{
	const struct reputation_conf *c = conf;
	const struct fact *domains = c->dkim_domains ? session_fact(s, NULL, c->dkim_domains) : NULL;

	if (!domains || domains->u.list.n == 0)
		return RUN_SKIP;
	return look(c, s, "dkim", str_lower(filter_arena(s), domains->u.list.v[0]));
}

/* ---- learning ---- */

static void learn(const struct reputation_conf *c, struct session *s, const char *kind, struct str name,
    enum verdict_kind verdict)
{
	struct arena *a = filter_arena(s);
	struct str key = arena_printf(a, "%s:%.*s", kind, STR_ARG(name));
	double recipients = (double)s->message->recipients;
	struct history h;

	if (read_history(c, key, a, &h) == RES_TEMP)
		return;
	if (session_score(s, s->message->first) >= c->spam_from)
		h.spam++;
	else if (verdict == VERDICT_ACCEPT)
		h.ham++;
	if (verdict == VERDICT_REJECT)
		h.refused++;
	h.volume++;
	h.hour++;
	h.recipients += recipients;
	h.hour_recipients += recipients;
	write_history(c, key, a, &h);
}

/* A tempfailed message comes again and is counted then. */
static void reputation_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct reputation_conf *c = conf;
	const struct fact *domains;
	struct str domain;

	if (stage != STAGE_MESSAGE || kind == VERDICT_TEMPFAIL || s->client.family == 0)
		return;
	learn(c, s, "client", network_of(c, s, filter_arena(s)), kind);
	domain = vouched_domain(c, s, filter_arena(s));
	if (domain.n)
		learn(c, s, "domain", domain, kind);
	domains = c->dkim_domains ? session_fact(s, NULL, c->dkim_domains) : NULL;
	for (size_t i = 0; domains && i < domains->u.list.n && i < DKIM_DOMAINS_MAX; i++)
		learn(c, s, "dkim", str_lower(filter_arena(s), domains->u.list.v[i]), kind);
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
