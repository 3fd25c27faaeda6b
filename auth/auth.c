/* The shared record of what authentication found, its JSON and its Authentication-Results. */
#include "auth/auth.h"

#include "auth/authres.h"
#include "core/chain.h"

struct auth *auth_new(struct arena *a)
{
	struct auth *auth = arena_alloc(a, sizeof *auth);

	auth->arena = a;
	auth->results = STR("");
	body_hashes_init(&auth->bodies, a);
	return auth;
}

struct auth *message_auth(struct message *m)
{
	if (!m->auth)
		m->auth = auth_new(m->arena);
	return m->auth;
}

/* ---- signatures ---- */

void auth_start_dkim(struct auth *auth, const struct headers *headers, const struct signature_options *options,
    const void *who)
{
	if (auth->dkim)
		return;
	auth->feeder = auth->feeder ? auth->feeder : who;
	auth->header_count = headers->n;
	auth->options = *options;
	auth->dkim = dkim_new(auth->arena, headers, &auth->bodies, options);
}

void auth_start_arc(struct auth *auth, const struct headers *headers, const struct signature_options *options,
    const void *who)
{
	if (auth->arc)
		return;
	auth->feeder = auth->feeder ? auth->feeder : who;
	auth->header_count = headers->n;
	auth->arc_options = *options;
	auth->arc = arc_new(auth->arena, headers, &auth->bodies, options);
}

void auth_feed(struct auth *auth, struct str piece, const void *who)
{
	if (auth->feeder == who && !auth->bodies.has_ended)
		body_hashes_add(&auth->bodies, piece);
}

/* The fields are other ones than at the start: nothing that was read holds, for either filter. */
static void restart_if_stale(struct auth *auth, const struct headers *headers)
{
	bool has_dkim = auth->dkim, has_arc = auth->arc;

	if (auth->header_count == headers->n)
		return;
	auth->dkim = NULL;
	auth->arc = NULL;
	body_hashes_init(&auth->bodies, auth->arena);
	if (has_dkim)
		auth_start_dkim(auth, headers, &auth->options, auth->feeder);
	if (has_arc)
		auth_start_arc(auth, headers, &auth->arc_options, auth->feeder);
}

void auth_finish_dkim(struct auth *auth, struct dns_scope *dns, const struct headers *headers, struct str body)
{
	if (!auth->dkim)
		return;
	restart_if_stale(auth, headers);
	body_hashes_end(&auth->bodies, body);
	dkim_finish(auth->dkim, dns, headers, &auth->bodies);
}

void auth_finish_arc(struct auth *auth, struct dns_scope *dns, const struct headers *headers, struct str body)
{
	if (!auth->arc)
		return;
	restart_if_stale(auth, headers);
	body_hashes_end(&auth->bodies, body);
	arc_finish(auth->arc, dns, headers, &auth->bodies);
}

/* ---- DMARC ---- */

enum { CANDIDATES_MAX = 3 };

/*
 * What may turn out to be aligned, so that the message stage waits for nothing new. Few, because
 * unverified signatures are anybody's words and each question counts against the message's budget.
 */
static void ask_candidates(const struct auth *auth, struct dns_scope *dns, struct str author)
{
	if (auth->has_spf && auth->spf.result == SPF_PASS)
		dmarc_ask_related(dns, author, auth->spf.domain);
	for (size_t i = 0; auth->dkim && i < auth->dkim->n && i < CANDIDATES_MAX; i++)
		if (auth->dkim->v[i].result == AUTH_NONE)
			dmarc_ask_related(dns, author, auth->dkim->v[i].ascii);
}

void auth_start_dmarc(struct auth *auth, struct dns_scope *dns, const struct headers *headers)
{
	if (!auth->authors.n && !auth->authors.fault)
		authors_find(auth->arena, headers, &auth->authors);
	for (size_t i = 0; dns && !auth->authors.fault && i < auth->authors.n; i++) {
		dmarc_ask(dns, auth->method, auth->authors.domains[i]);
		if (auth->method == DMARC_TREEWALK)
			ask_candidates(auth, dns, auth->authors.domains[i]);
	}
}

/* What passed, and what might have if the DNS had answered. */
static size_t collect_ids(const struct auth *auth, struct dmarc_id ids[DKIM_SIGNATURES_MAX + 1])
{
	size_t n = 0;

	if (auth->has_spf && (auth->spf.result == SPF_PASS || auth->spf.result == SPF_TEMPERROR))
		ids[n++] = (struct dmarc_id){auth->spf.domain, true, auth->spf.result == SPF_TEMPERROR};
	for (size_t i = 0; auth->dkim && i < auth->dkim->n; i++) {
		const struct signature *sig = &auth->dkim->v[i];

		if (sig->result == AUTH_TEMPERROR ||
		    (sig->result == AUTH_PASS && (!sig->is_partial || auth->accepts_partial)))
			ids[n++] = (struct dmarc_id){sig->ascii, false, sig->result == AUTH_TEMPERROR};
	}
	return n;
}

void auth_finish_dmarc(struct auth *auth, struct dns_scope *dns)
{
	struct dmarc_id ids[DKIM_SIGNATURES_MAX + 1];
	size_t n = collect_ids(auth, ids);

	if (auth->has_dmarc)
		return;
	auth->has_dmarc = true;
	if (auth->authors.fault || auth->authors.n == 0) {
		auth->dmarc = (struct dmarc_report){.result = AUTH_PERMERROR, .author = STR(""), .domain = STR(""),
		    .reason = str_of(auth->authors.fault)};
		return;
	}
	for (size_t i = 0; i < auth->authors.n; i++) {
		struct dmarc_report report;

		dmarc_check(auth->arena, dns, auth->method, auth->authors.domains[i], ids, n, &report);
		if (i == 0 || dmarc_is_worse(&report, &auth->dmarc))
			auth->dmarc = report;
	}
}

/* ---- Authentication-Results ---- */

static void add_spf(struct authres_writer *w, const struct auth *auth)
{
	authres_method(w, "spf", spf_result_words[auth->spf.result]);
	authres_reason(w, auth->spf.problem);
	if (auth->spf.identity == SPF_MAILFROM)
		authres_property(w, "smtp", "mailfrom", auth->sender);
	else
		authres_property(w, "smtp", "helo", auth->spf.domain);
}

static void add_signature(struct authres_writer *w, struct arena *a, const struct signature *sig)
{
	authres_method(w, "dkim", auth_result_words[sig->result]);
	if (sig->key_bits)
		authres_comment(w, arena_printf(a, "%u-bit key", sig->key_bits));
	authres_reason(w, sig->reason);
	authres_property(w, "header", "d", sig->domain);
	authres_property(w, "header", "i", sig->identity);
	authres_property(w, "header", "s", sig->selector);
	authres_property(w, "header", "a", sig->algorithm);
	authres_property(w, "header", "b", str_sub(sig->b_text, 0, 8));
}

static void add_dkim(struct authres_writer *w, struct arena *a, const struct dkim *dkim)
{
	for (size_t i = 0; i < dkim->n; i++)
		add_signature(w, a, &dkim->v[i]);
	if (dkim->n == 0)
		authres_method(w, "dkim", "none");
}

static void add_arc(struct authres_writer *w, struct arena *a, const struct arc *arc, const struct ip *client)
{
	char text[IP_TEXT_MAX];

	authres_method(w, "arc", auth_result_words[arc->result]);
	if (arc->instance)
		authres_comment(w, arena_printf(a, "i=%u", arc->instance));
	authres_reason(w, arc->reason);
	if (arc->result == AUTH_PASS)
		authres_property(w, "header", "oldest-pass", arena_printf(a, "%u", arc->oldest_pass));
	authres_property(w, "smtp", "remote-ip", ip_format(client, text));
}

static void add_dmarc(struct authres_writer *w, struct arena *a, const struct dmarc_report *dmarc)
{
	authres_method(w, "dmarc", auth_result_words[dmarc->result]);
	if (dmarc->domain.n)
		authres_comment(w, arena_printf(a, "p=%s", dmarc_policy_words[dmarc->policy]));
	authres_reason(w, dmarc->reason);
	authres_property(w, "header", "from", dmarc->author);
	if (dmarc->result == AUTH_FAIL)
		authres_property(w, "policy", "dmarc", str_of(dmarc_policy_words[dmarc->policy]));
}

struct str auth_results(const struct auth *auth, struct arena *a, struct str id, const struct auth_client *client)
{
	struct authres_writer w = authres_start(id);
	char text[IP_TEXT_MAX];

	if (client->user.n) {
		authres_method(&w, "auth", "pass");
		authres_property(&w, "smtp", "auth", client->user);
	}
	if (client->iprev.n) {
		authres_method(&w, "iprev", arena_cstr(a, client->iprev));
		authres_comment(&w, client->name);
		authres_property(&w, "policy", "iprev", ip_format(&client->ip, text));
	}
	if (auth->has_spf)
		add_spf(&w, auth);
	if (auth->dkim && auth->dkim->is_finished)
		add_dkim(&w, a, auth->dkim);
	if (auth->arc && auth->arc->is_finished)
		add_arc(&w, a, auth->arc, &client->ip);
	if (auth->has_dmarc)
		add_dmarc(&w, a, &auth->dmarc);
	return authres_end(&w, a);
}

static struct str session_word(const struct session *s, const char *name)
{
	const struct fact_def *def = fact_def_find(chain_facts(s->chain), str_of(name));
	const struct fact *fact = def ? session_fact(s, NULL, def) : NULL;

	return fact && (def->type == FACT_WORD || def->type == FACT_TEXT) ? fact->u.text : STR("");
}

static void remove_forged(struct message *m, struct str id)
{
	unsigned index = 0;

	for (size_t i = 0; i < m->headers.n; i++) {
		const struct header *h = &m->headers.v[i];

		if (!str_iis(h->name, "Authentication-Results"))
			continue;
		index++;
		if (authres_claims(m->arena, h->value, id))
			edit_remove_header(&m->edits, m->arena, STR("Authentication-Results"), index);
	}
}

void auth_edit(struct session *s)
{
	struct message *m = s->message;
	struct auth *auth = message_auth(m);
	struct auth_client client = {.ip = s->client, .iprev = session_word(s, "iprev"),
	    .name = session_word(s, "iprev.name"), .user = s->auth_user};

	if (auth->results.n)
		return;
	remove_forged(m, s->hostname);
	auth->results = auth_results(auth, m->arena, s->hostname, &client);
	edit_add_header(&m->edits, m->arena, STR("Authentication-Results"), auth->results);
}

/* The last filter of the chain that authenticates; the field is complete when it is done. */
void auth_done(struct session *s)
{
	static const char *const names[] = {"spf", "dkim", "arc", "dmarc"};

	for (size_t i = chain_length(s->chain); i > 0; i--) {
		const struct chain_slot *slot = chain_at(s->chain, i - 1);

		for (size_t k = 0; k < 4; k++)
			if (strcmp(slot->filter->name, names[k]) == 0) {
				if (slot == s->slot)
					auth_edit(s);
				return;
			}
	}
}

bool auth_is_submission(const struct session *s)
{
	const struct auth *auth = s->message ? s->message->auth : NULL;

	return s->auth_user.n || (s->client.family == 0 && s->face != FACE_SCAN) || (auth && auth->is_own);
}

/* ---- JSON ---- */

static void signature_json(const struct signature *sig, struct json *out)
{
	json_open(out, '{');
	json_kv(out, "result", str_of(auth_result_words[sig->result]));
	json_kv(out, "domain", sig->domain);
	json_kv(out, "selector", sig->selector);
	json_kv(out, "algorithm", sig->algorithm);
	json_kv(out, "identity", sig->identity);
	json_kv(out, "reason", sig->reason);
	json_kv_int(out, "bits", sig->key_bits);
	json_kv_bool(out, "partial", sig->is_partial);
	json_kv_bool(out, "testing", sig->is_testing);
	json_close(out);
}

static void spf_json(const struct spf_report *spf, struct json *out)
{
	json_key(out, "spf");
	json_open(out, '{');
	json_kv(out, "result", str_of(spf_result_words[spf->result]));
	json_kv(out, "domain", spf->domain);
	json_kv(out, "identity", spf->identity == SPF_HELO ? STR("helo") : STR("mailfrom"));
	json_kv(out, "mechanism", spf->mechanism);
	json_kv(out, "explanation", spf->explanation);
	json_kv(out, "reason", spf->problem);
	json_close(out);
}

static void arc_json(const struct arc *arc, struct json *out)
{
	json_key(out, "arc");
	json_open(out, '{');
	json_kv(out, "result", str_of(auth_result_words[arc->result]));
	json_kv_int(out, "instance", arc->instance);
	json_kv_int(out, "oldest_pass", arc->oldest_pass);
	json_key(out, "sealers");
	json_open(out, '[');
	for (unsigned i = arc->instance; arc->result == AUTH_PASS && i > 0; i--)
		json_text(out, arc->sets[i].chain.domain);
	json_close(out);
	json_kv(out, "reason", arc->reason);
	json_close(out);
}

static void dmarc_json(const struct dmarc_report *dmarc, struct json *out)
{
	json_key(out, "dmarc");
	json_open(out, '{');
	json_kv(out, "result", str_of(auth_result_words[dmarc->result]));
	json_kv(out, "policy", str_of(dmarc_policy_words[dmarc->policy]));
	json_kv(out, "domain", dmarc->domain);
	json_kv(out, "author", dmarc->author);
	json_kv_bool(out, "spf_aligned", dmarc->is_spf_aligned);
	json_kv_bool(out, "dkim_aligned", dmarc->is_dkim_aligned);
	json_kv(out, "reason", dmarc->reason);
	json_close(out);
}

void auth_json(const struct auth *auth, struct str iprev, struct json *out)
{
	json_open(out, '{');
	if (iprev.n)
		json_kv(out, "iprev", iprev);
	if (auth && auth->has_spf)
		spf_json(&auth->spf, out);
	if (auth && auth->dkim && auth->dkim->is_finished) {
		json_key(out, "dkim");
		json_open(out, '[');
		for (size_t i = 0; i < auth->dkim->n + auth->dkim->ignored; i++)
			signature_json(&auth->dkim->v[i], out);
		json_close(out);
	}
	if (auth && auth->arc && auth->arc->is_finished)
		arc_json(auth->arc, out);
	if (auth && auth->has_dmarc)
		dmarc_json(&auth->dmarc, out);
	json_close(out);
}

void session_auth_json(const struct session *s, struct json *out)
{
	auth_json(s->message ? s->message->auth : NULL, session_word(s, "iprev"), out);
}
