/*
 * DKIM (RFC 6376): verifies all signatures of a message. Keys are asked for as soon as the header
 * section is there, the body is hashed while it comes in, and the message stage only compares.
 * Signing what goes out is in auth/sealing.c.
 */
#include "auth/auth.h"
#include "auth/sealing.h"
#include "core/filter.h"
#include "filters/dkim_replay.h"

struct dkim_conf {
	struct dkim_settings settings;
	int64_t minimum_rsa_bits, maximum_rsa_bits, signatures;
	struct sealing signing;
	struct replay_conf replay;
	struct store *store;
};

static const struct fact_def dkim_facts[] = {
    {"dkim", FACT_WORD, STAGE_MESSAGE, auth_result_words, "the best result of all signatures"},
    {"dkim.domains", FACT_LIST, STAGE_MESSAGE, NULL, "signing domains (d=) of the signatures that pass"},
    {"dkim.count", FACT_INT, STAGE_MESSAGE, NULL, "number of signatures"},
    {"dkim.partial", FACT_BOOL, STAGE_MESSAGE, NULL, "a signature that passes leaves out the end of the body (l=)"},
    {"dkim.testing", FACT_BOOL, STAGE_MESSAGE, NULL, "the key of a signature that passes is marked as a test (t=y)"},
    {"dkim.replays", FACT_INT, STAGE_MESSAGE, NULL, "recipients that have got a message with one of its signatures before"},
    {"dkim.added", FACT_TEXT, STAGE_MESSAGE, NULL, "a field that was signed, and of which there is one more that was not"},
    {"dkim.reason", FACT_TEXT, STAGE_MESSAGE, NULL, "what is wrong with the first signature that does not pass"},
    {0},
};

static const struct finding_def dkim_findings[] = {
    {"dkim.fail", 0.8, "signed, but no signature verifies"},
    {"dkim.broken", 0.4, "signed, but no signature can be made sense of"},
    {"dkim.weak", 0.5, "signed only with short keys or SHA-1"},
    {"dkim.partial", 1.0, "text was or can be added behind the signed part of the body"},
    {"dkim.replay", 1.0, "more recipients than `replay-limit` have got a message with the same signature"},
    {"dkim.added", 2.0, "signed, and a second Subject, To and the like was put on top that is not"},
    {"dkim.many", 0.5, "more signatures than are looked at"},
    {0},
};

static void set_sign(struct conf_load *load, const struct conf_node *node, void *target)
{
	sealing_read(load, node, &((struct dkim_conf *)target)->signing);
}

#define AT(field) offsetof(struct dkim_conf, field)
static const struct directive dkim_directives[] = {
    {.name = "minimum-rsa-bits", .type = CONF_INT, .offset = AT(minimum_rsa_bits), .def = "1024", .min = CRYPTO_RSA_MIN,
	.max = CRYPTO_RSA_MAX, .args = "BITS", .help = "signatures of shorter keys do not pass (result: policy)"},
    {.name = "maximum-rsa-bits", .type = CONF_INT, .offset = AT(maximum_rsa_bits), .def = "4096", .min = CRYPTO_RSA_MIN,
	.max = CRYPTO_RSA_MAX, .args = "BITS", .help = "signatures of longer keys are not computed (result: policy)"},
    {.name = "signatures", .type = CONF_INT, .offset = AT(signatures), .def = "10", .min = 1, .max = DKIM_SIGNATURES_MAX,
	.args = "NUMBER", .help = "signatures that are looked at, from the top; more are a finding"},
    {.name = "accept-sha1", .type = CONF_FLAG, .offset = AT(settings.options.accept_sha1), .def = "off", .args = "on | off",
	.help = "let rsa-sha1 pass, against RFC 8301; for study"},
    {.name = "accept-partial", .type = CONF_FLAG, .offset = AT(settings.accepts_partial), .def = "off", .args = "on | off",
	.help = "let signatures with l= short of the body count for DMARC"},
    {.name = "sign", .type = CONF_CUSTOM, .set = set_sign, .args = "DOMAIN selector NAME key FILE", .repeats = true,
	.help = "sign mail of our own users with From in this domain; several lines sign several times"},
    {.name = "sign-clients", .type = CONF_CIDRS, .offset = AT(signing.clients), .args = "NETWORK...", .repeats = true,
	.help = "clients whose mail is our own users', besides those that log in: signed, not judged by DMARC"},
    {.name = "sign-expire", .type = CONF_DURATION, .offset = AT(signing.expire_ms), .def = "14d", .min = 0, .max = 365 * 86400e3,
	.args = "DURATION", .help = "how long our signatures hold (x=); 0 for ever"},
    {.name = "replay-limit", .type = CONF_INT, .offset = AT(replay.limit), .def = "300", .min = 0, .max = 100000000, .args = "NUMBER",
	.help = "recipients of one and the same signature before it is a finding (dkim.replay); 0: signatures are not counted"},
    {.name = "replay-period", .type = CONF_DURATION, .offset = AT(replay.period_ms), .def = "3d", .min = 60e3, .max = 365 * 86400e3,
	.args = "DURATION", .help = "how long a signature is remembered"},
    {0},
};

static bool dkim_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct dkim_conf *c = conf;

	(void)place;
	c->store = env->store;
	c->settings.options.minimum_rsa_bits = (unsigned)c->minimum_rsa_bits;
	c->settings.options.maximum_rsa_bits = (unsigned)c->maximum_rsa_bits;
	c->settings.options.signatures = (unsigned)c->signatures;
	return sealing_open(&c->signing, env, load);
}

static void dkim_close(void *conf)
{
	sealing_close(&((struct dkim_conf *)conf)->signing);
}

/* Early, so that the other filters know too. */
static enum outcome dkim_run_mail(struct session *s, const void *conf)
{
	if (sealing_has_client(&((const struct dkim_conf *)conf)->signing, &s->client))
		message_auth(s->message)->is_own = true;
	return RUN_OK;
}

static struct auth *start(struct session *s, const struct dkim_conf *c)
{
	struct auth *auth = message_auth(s->message);

	auth->accepts_partial = c->settings.accepts_partial;
	auth->signing = &c->signing;
	auth_start_dkim(auth, &s->message->headers, &c->settings.options, c);
	return auth;
}

static void dkim_want(struct session *s, const void *conf)
{
	dkim_ask(start(s, conf)->dkim, filter_dns(s));
}

static void dkim_data(struct session *s, const void *conf, struct str piece)
{
	auth_feed(start(s, conf), piece, conf);
}

static void set_facts(struct session *s, const struct dkim *dkim)
{
	struct facts *f = FACTS(s);

	fact_set_word(f, "dkim", auth_result_words[dkim_best(dkim)]);
	fact_set_int(f, "dkim.count", (int64_t)(dkim->n + dkim->ignored));
	for (size_t i = 0; i < dkim->n; i++) {
		const struct signature *sig = &dkim->v[i];

		if (sig->result != AUTH_PASS) {
			if (!fact_find(f, "dkim.reason"))
				fact_set_text(f, "dkim.reason", sig->reason);
			continue;
		}
		fact_add_text(f, "dkim.domains", sig->ascii);
		if (sig->is_partial)
			fact_set_bool(f, "dkim.partial", true);
		if (sig->is_testing)
			fact_set_bool(f, "dkim.testing", true);
	}
}

static void add_findings(struct session *s, const struct dkim *dkim)
{
	static const char *const names[] = {[AUTH_FAIL] = "dkim.fail", [AUTH_POLICY] = "dkim.weak",
	    [AUTH_NEUTRAL] = "dkim.broken", [AUTH_PERMERROR] = "dkim.broken"};
	enum auth_result best = dkim_best(dkim);

	for (size_t i = 0; i < dkim->n; i++) {
		const struct signature *sig = &dkim->v[i];

		if (sig->result == AUTH_PASS && sig->is_partial)
			finding_add(s, "dkim.partial", "%.*s: %.*s", STR_ARG(sig->domain), STR_ARG(sig->reason));
		if (best == AUTH_PASS || sig->result != best || best == AUTH_TEMPERROR)
			continue;
		finding_add(s, names[best], "%.*s: %.*s", STR_ARG(sig->domain), STR_ARG(sig->reason));
		break;
	}
	if (dkim->ignored)
		finding_add(s, "dkim.many", "%zu signatures beyond the first %zu", dkim->ignored, dkim->n);
}

/* What a message that passes may hide: many copies, and fields that came later. */
static void look_for_replay(struct session *s, const struct dkim_conf *c, const struct dkim *dkim)
{
	const char *added = NULL;
	int64_t replays;

	for (size_t i = 0; i < dkim->n && !added; i++)
		if (dkim->v[i].result == AUTH_PASS)
			added = replay_added_field(&s->message->headers, &dkim->v[i]);
	if (added) {
		fact_set_text(FACTS(s), "dkim.added", str_of(added));
		finding_add(s, "dkim.added", "there is a second %s, which was not signed", added);
	}
	if (!c->store || c->replay.limit == 0 || dkim_best(dkim) != AUTH_PASS ||
	    replay_look(c->store, dkim, &replays) != RES_OK)
		return;
	fact_set_int(FACTS(s), "dkim.replays", replays);
	if (replays >= c->replay.limit)
		finding_add(s, "dkim.replay", "%lld recipients have got this signature already", (long long)replays);
}

static enum outcome dkim_run(struct session *s, const void *conf)
{
	struct auth *auth = start(s, conf);
	struct message *m = s->message;

	auth_finish_dkim(auth, filter_dns(s), &m->headers, str_from(spool_data(m->spool), m->headers.body));
	set_facts(s, auth->dkim);
	add_findings(s, auth->dkim);
	look_for_replay(s, conf, auth->dkim);
	auth_done(s);
	return RUN_OK;
}

/* Only what was taken counts: one who is told to come again is no replay. */
static void dkim_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct auth *auth = stage == STAGE_MESSAGE ? s->message->auth : NULL;
	const struct dkim_conf *c = conf;

	if (auth && auth->dkim && auth->dkim->is_finished && c->store && c->replay.limit && kind != VERDICT_TEMPFAIL &&
	    kind != VERDICT_REJECT)
		replay_count(c->store, &c->replay, auth->dkim, s->message->recipients);
}

const struct filter dkim_filter = {
    .name = "dkim",
    .help = "DomainKeys Identified Mail: who signed the message, and is it as it was signed",
    .directives = dkim_directives,
    .conf_size = sizeof(struct dkim_conf),
    .facts = dkim_facts,
    .findings = dkim_findings,
    .open = dkim_open,
    .close = dkim_close,
    .want = {[STAGE_HEADER] = dkim_want},
    .run = {[STAGE_MAIL] = dkim_run_mail, [STAGE_MESSAGE] = dkim_run},
    .settle = dkim_settle,
    .data = dkim_data,
};
