/*
 * ARC (RFC 8617): what earlier hops found before they changed the message. A chain that verifies
 * proves who wrote it, not that it is true: `trusted` names the sealers that are believed.
 */
#include "auth/auth.h"
#include "auth/authres.h"
#include "auth/sealing.h"
#include "core/address.h"
#include "core/filter.h"

struct arc_conf {
	struct signature_options options; /* first: `reevectl auth` reads it */
	struct conf_strings trusted;
	struct sealing sealing;
	int64_t sets;
};

static const char *const arc_words[] = {"none", "pass", "fail", NULL};

static const struct fact_def arc_facts[] = {
    {"arc", FACT_WORD, STAGE_MESSAGE, arc_words, "state of the chain"},
    {"arc.instance", FACT_INT, STAGE_MESSAGE, NULL, "number of sets"},
    {"arc.sealer", FACT_TEXT, STAGE_MESSAGE, NULL, "domain of the newest seal, of a chain that passes"},
    {"arc.sealers", FACT_LIST, STAGE_MESSAGE, NULL, "domains of all seals, newest first, of a chain that passes"},
    {"arc.trusted", FACT_BOOL, STAGE_MESSAGE, NULL, "the chain passes and all its sealers are trusted"},
    {"arc.dmarc", FACT_TEXT, STAGE_MESSAGE, NULL, "DMARC result that the first trusted hop wrote down"},
    {"arc.oldest-pass", FACT_INT, STAGE_MESSAGE, NULL, "oldest hop that saw this very message; 0: all did"},
    {"arc.reason", FACT_TEXT, STAGE_MESSAGE, NULL, "why the chain fails"},
    {0},
};

static const struct finding_def arc_findings[] = {
    {"arc.fail", 0.3, "the ARC chain does not verify"},
    {0},
};

static void set_seal(struct conf_load *load, const struct conf_node *node, void *target)
{
	sealing_read(load, node, &((struct arc_conf *)target)->sealing);
}

static bool arc_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct arc_conf *c = conf;
	bool are_domains = domains_check(&c->trusted, load);

	(void)place;
	c->options = (struct signature_options){.minimum_rsa_bits = 1024, .sets = (unsigned)c->sets};
	return sealing_open(&c->sealing, env, load) && are_domains;
}

static void arc_close(void *conf)
{
	sealing_close(&((struct arc_conf *)conf)->sealing);
}

static const struct directive arc_directives[] = {
    {.name = "trusted", .type = CONF_STRINGS, .offset = offsetof(struct arc_conf, trusted), .args = "DOMAIN...",
	.repeats = true, .help = "sealers whose word is believed (sub-domains too)"},
    {.name = "sets", .type = CONF_INT, .offset = offsetof(struct arc_conf, sets), .def = "50", .min = 1,
	.max = ARC_SETS_MAX, .args = "NUMBER", .help = "hops of a chain; a longer one fails before any key is asked for"},
    {.name = "seal", .type = CONF_CUSTOM, .set = set_seal, .args = "DOMAIN selector NAME key FILE",
	.help = "add an ARC set of our own to mail that is passed on"},
    {0},
};

static struct auth *start(struct session *s, const void *conf)
{
	struct auth *auth = message_auth(s->message);

	auth->sealing = &((const struct arc_conf *)conf)->sealing;
	auth_start_arc(auth, &s->message->headers, &((const struct arc_conf *)conf)->options, conf);
	return auth;
}

static void arc_want(struct session *s, const void *conf)
{
	arc_ask(start(s, conf)->arc, filter_dns(s));
}

static void arc_data(struct session *s, const void *conf, struct str piece)
{
	auth_feed(start(s, conf), piece, conf);
}

static bool is_trusted(const struct arc_conf *c, struct str domain)
{
	for (size_t i = 0; i < c->trusted.n; i++) {
		struct str name = c->trusted.v[i].text;

		if (str_ieq(domain, name) || (domain.n > name.n && str_iends(domain, name) &&
						 domain.p[domain.n - name.n - 1] == '.'))
			return true;
	}
	return false;
}

/* The results of the first hop: the one that saw the message before anybody changed it. */
static void set_first_dmarc(struct session *s, const struct arc *arc)
{
	const struct header *h = &s->message->headers.v[arc->sets[1].aar - 1];
	struct authres results;
	struct str rest;

	if (!arc_results_instance(h->value, &rest) || !authres_parse(filter_arena(s), rest, &results))
		return;
	for (size_t i = 0; i < results.n; i++)
		if (str_is(results.v[i].method, "dmarc"))
			fact_set_text(FACTS(s), "arc.dmarc", results.v[i].result);
}

static void set_chain_facts(struct session *s, const struct arc_conf *c, const struct arc *arc)
{
	struct facts *f = FACTS(s);
	bool trusted = true;

	for (unsigned i = arc->instance; i > 0; i--) {
		fact_add_text(f, "arc.sealers", arc->sets[i].chain.ascii);
		trusted = trusted && is_trusted(c, arc->sets[i].chain.ascii);
	}
	fact_set_text(f, "arc.sealer", arc->sets[arc->instance].chain.ascii);
	fact_set_int(f, "arc.oldest-pass", arc->oldest_pass);
	fact_set_bool(f, "arc.trusted", trusted);
	if (trusted)
		set_first_dmarc(s, arc);
}

static enum outcome arc_run(struct session *s, const void *conf)
{
	struct auth *auth = start(s, conf);
	struct message *m = s->message;
	const struct arc *arc;

	auth_finish_arc(auth, filter_dns(s), &m->headers, str_from(spool_data(m->spool), m->headers.body));
	arc = auth->arc;
	fact_set_word(FACTS(s), "arc", auth_result_words[arc->result]);
	fact_set_int(FACTS(s), "arc.instance", arc->instance);
	if (arc->result == AUTH_PASS)
		set_chain_facts(s, conf, arc);
	if (arc->result == AUTH_FAIL) {
		fact_set_text(FACTS(s), "arc.reason", arc->reason);
		if (!arc->is_temporary)
			finding_add(s, "arc.fail", "%.*s", STR_ARG(arc->reason));
	}
	auth_done(s);
	return RUN_OK;
}

const struct filter arc_filter = {
    .name = "arc",
    .help = "Authenticated Received Chain: what earlier hops found, and whether they can be believed",
    .directives = arc_directives,
    .conf_size = sizeof(struct arc_conf),
    .facts = arc_facts,
    .findings = arc_findings,
    .open = arc_open,
    .close = arc_close,
    .want = {[STAGE_HEADER] = arc_want},
    .run = {[STAGE_MESSAGE] = arc_run},
    .data = arc_data,
};
