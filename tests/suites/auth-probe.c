/*
 * Puts the functions of auth/ behind lines of text, for the suites (auth_suites.py).
 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/arc.h"
#include "auth/auth.h"
#include "auth/authres.h"
#include "auth/failure.h"
#include "core/chain.h"
#include "core/filter.h"
#include "auth/sign.h"
#include "lib/arena.h"
#include "lib/clock.h"
#include "lib/gzip.h"
#include "lib/json.h"
#include "tests/suites/probe.h"

/* The resolver that the command dns has set up. */
static struct arena *dns_arena;
static struct dns *dns;
static unsigned timeout_ms;

static void drop_scope(void *scope)
{
	dns_scope_free(scope);
}

/* What one command may ask; NULL without a resolver. */
static struct dns_scope *scope_of(struct probe *p)
{
	const struct dns_limits limits = {.queries = 100, .timeout_ms = timeout_ms};

	if (dns && !p->own) {
		p->own = dns_scope_new(dns, &limits, NULL, NULL);
		arena_defer(p->arena, drop_scope, p->own);
	}
	return p->own;
}

/* dns ADDRESS@PORT TIMEOUT-MS: forgets everything that was cached. */
static void run_dns(struct probe *p)
{
	struct dns_options options = {.servers = &p->field[1], .server_count = 1};
	struct str error = STR("");

	timeout_ms = (unsigned)atoi(arena_cstr(p->arena, p->field[2]));
	options.timeout_ms = timeout_ms;
	dns_free(dns);
	arena_free(dns_arena);
	dns_arena = arena_new(0);
	dns = dns_new(&options, dns_arena, &error);
	json_kv(&p->json, "error", error);
}

static void run_now(struct probe *p)
{
	clock_fix(strtoll(arena_cstr(p->arena, p->field[1]), NULL, 10));
}

static void run_spf(struct probe *p)
{
	struct spf_query q = {.helo = p->field[2], .sender = p->field[3], .receiver = p->field[4]};
	struct spf_report r;

	ip_parse(p->field[1], &q.client);
	spf_prefetch(scope_of(p), &q);
	spf_check(p->arena, scope_of(p), &q, &r);
	json_kv(&p->json, "result", str_of(spf_result_words[r.result]));
	json_kv(&p->json, "explanation", r.explanation);
	json_kv(&p->json, "domain", r.domain);
	json_kv(&p->json, "mechanism", r.mechanism);
	json_kv(&p->json, "problem", r.problem);
	json_kv_int(&p->json, "queries", dns_scope_used(scope_of(p)));
}

/* dkim FILE MINIMUM-BITS ACCEPT-SHA1 */
static void run_dkim(struct probe *p)
{
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct str message = probe_file(p->arena, p->field[1]);
	struct dkim *d;

	if (p->field[2].n)
		options.minimum_rsa_bits = (unsigned)atoi(arena_cstr(p->arena, p->field[2]));
	options.accept_sha1 = str_is(p->field[3], "1");
	d = dkim_verify(p->arena, scope_of(p), message, &options);
	json_kv(&p->json, "result", str_of(auth_result_words[dkim_best(d)]));
	json_key(&p->json, "signatures");
	json_open(&p->json, '[');
	for (size_t i = 0; i < d->n; i++) {
		json_open(&p->json, '{');
		json_kv(&p->json, "result", str_of(auth_result_words[d->v[i].result]));
		json_kv(&p->json, "reason", d->v[i].reason);
		json_kv(&p->json, "domain", d->v[i].domain);
		json_kv(&p->json, "selector", d->v[i].selector);
		json_kv_int(&p->json, "bits", d->v[i].key_bits);
		json_close(&p->json);
	}
	json_close(&p->json);
}

/* arc FILE */
static void run_arc(struct probe *p)
{
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct arc *arc = arc_verify(p->arena, scope_of(p), probe_file(p->arena, p->field[1]), &options);

	json_kv(&p->json, "result", str_of(auth_result_words[arc->result]));
	json_kv(&p->json, "reason", arc->reason);
	json_kv_int(&p->json, "instance", arc->instance);
	json_kv_int(&p->json, "oldest_pass", arc->oldest_pass);
}

/* org DOMAIN: its organizational domain */
static void run_org(struct probe *p)
{
	struct str domain = STR("");

	dmarc_organization(p->arena, scope_of(p), p->field[1], &domain);
	json_kv(&p->json, "domain", domain);
}

/* dmarc AUTHOR SPF-DOMAIN DKIM-DOMAIN...: empty domains did not pass; ?DOMAIN could not be checked */
static void run_dmarc(struct probe *p)
{
	struct dmarc_id ids[FIELDS_MAX];
	struct dmarc_report r;
	size_t n = 0;

	for (int i = 2; i < FIELDS_MAX; i++) {
		struct str domain = p->field[i];
		bool is_temporary = domain.n && domain.p[0] == '?';

		if (domain.n)
			ids[n++] = (struct dmarc_id){str_from(domain, is_temporary), i == 2, is_temporary};
	}
	dmarc_ask(scope_of(p), DMARC_TREEWALK, p->field[1]);
	dmarc_check(p->arena, scope_of(p), DMARC_TREEWALK, p->field[1], ids, n, &r);
	json_kv(&p->json, "result", str_of(auth_result_words[r.result]));
	json_kv(&p->json, "policy", str_of(dmarc_policy_words[r.policy]));
	json_kv(&p->json, "domain", r.domain);
	json_kv(&p->json, "reason", r.reason);
	json_kv_bool(&p->json, "spf_aligned", r.is_spf_aligned);
	json_kv_bool(&p->json, "dkim_aligned", r.is_dkim_aligned);
}

/* auth FILE CLIENT HELO FROM: all of a message, as reevectl auth prints it */
static void run_auth(struct probe *p)
{
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct str message = probe_file(p->arena, p->field[1]);
	struct spf_query q = {.helo = p->field[3], .sender = p->field[4], .receiver = STR("receiver.example")};
	struct auth *auth = auth_new(p->arena);
	struct auth_client client = {.iprev = STR(""), .name = STR(""), .user = STR("")};
	struct headers headers;
	struct str body;

	headers_parse(p->arena, message, &headers);
	body = str_from(message, headers.body);
	auth_start_dkim(auth, &headers, &options, p);
	auth_start_arc(auth, &headers, &options, p);
	if (ip_parse(p->field[2], &q.client)) {
		spf_check(p->arena, scope_of(p), &q, &auth->spf);
		auth->has_spf = true;
		auth->sender = q.sender;
	}
	auth_start_dmarc(auth, scope_of(p), &headers);
	auth_finish_dkim(auth, scope_of(p), &headers, body);
	auth_finish_arc(auth, scope_of(p), &headers, body);
	auth_finish_dmarc(auth, scope_of(p));
	client.ip = q.client;
	json_key(&p->json, "auth");
	auth_json(auth, STR(""), &p->json);
	json_kv(&p->json, "results", auth_results(auth, p->arena, STR("mx.example.net"), &client));
}

/* authres VALUE [ID] */
static void run_authres(struct probe *p)
{
	struct authres results;

	json_kv_bool(&p->json, "ok", authres_parse(p->arena, p->field[1], &results));
	json_kv(&p->json, "id", results.id);
	json_kv(&p->json, "version", results.version);
	json_kv_bool(&p->json, "claims", authres_claims(p->arena, p->field[1], p->field[2]));
	json_key(&p->json, "results");
	json_open(&p->json, '[');
	for (size_t i = 0; i < results.n; i++) {
		const struct authres_result *r = &results.v[i];

		json_open(&p->json, '{');
		json_kv(&p->json, "method", r->method);
		json_kv(&p->json, "result", r->result);
		json_kv(&p->json, "reason", r->reason);
		for (size_t k = 0; k < r->n; k++) {
			json_key_str(&p->json, arena_printf(p->arena, "%.*s.%.*s", STR_ARG(r->properties[k].type),
			    STR_ARG(r->properties[k].name)));
			json_text(&p->json, r->properties[k].value);
		}
		json_close(&p->json);
	}
	json_close(&p->json);
}

static struct crypto_key *read_key(struct probe *p, struct str path)
{
	return crypto_private_key(probe_file(p->arena, path));
}

/* sign FILE DOMAIN SELECTOR KEYFILE NAMES NOW EXPIRES: a DKIM-Signature value */
static void run_sign(struct probe *p)
{
	struct sign_key key = {p->field[2], p->field[3], read_key(p, p->field[4])};
	struct sign_request request = {.key = &key, .names = p->field[5]};
	struct str message = probe_file(p->arena, p->field[1]), value = STR("");
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct headers headers;

	request.now = strtoll(arena_cstr(p->arena, p->field[6]), NULL, 10);
	request.expires = strtoll(arena_cstr(p->arena, p->field[7]), NULL, 10);
	headers_parse(p->arena, message, &headers);
	sign_body(p->arena, str_from(message, headers.body), hash);
	json_kv_bool(&p->json, "ok", key.key && sign_dkim(p->arena, &headers, hash, &request, &value));
	json_kv(&p->json, "value", value);
	crypto_key_free((struct crypto_key *)key.key);
}

/* Our results, as the suite wants them: those of all fields that are already there with our id. */
static struct str merge_results(struct probe *p, const struct headers *headers, struct str id)
{
	struct buf out = {0};

	buf_add(&out, id);
	for (size_t i = 0; i < headers->n; i++) {
		struct authres results;

		if (!str_iis(headers->v[i].name, "Authentication-Results") ||
		    !authres_claims(p->arena, headers->v[i].value, id) ||
		    !authres_parse(p->arena, headers->v[i].value, &results))
			continue;
		for (size_t k = 0; k < results.n; k++)
			buf_addf(&out, ";\r\n\t%.*s", STR_ARG(results.v[k].raw));
	}
	return buf_take(&out, p->arena);
}

/* seal FILE DOMAIN SELECTOR KEYFILE NAMES NOW ID */
static void run_seal(struct probe *p)
{
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct sign_key key = {p->field[2], p->field[3], read_key(p, p->field[4])};
	struct sign_request request = {.key = &key, .names = p->field[5]};
	struct str message = probe_file(p->arena, p->field[1]);
	struct arc *arc = arc_verify(p->arena, scope_of(p), message, &options);
	struct arc_values values = {STR(""), STR(""), STR("")};
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct headers headers;

	request.now = strtoll(arena_cstr(p->arena, p->field[6]), NULL, 10);
	headers_parse(p->arena, message, &headers);
	sign_body(p->arena, str_from(message, headers.body), hash);
	json_kv_bool(&p->json, "ok", key.key && sign_arc(p->arena, &headers, hash, arc,
	    merge_results(p, &headers, p->field[7]), &request, &values));
	json_kv(&p->json, "AAR", values.results);
	json_kv(&p->json, "AMS", values.message);
	json_kv(&p->json, "AS", values.seal);
	crypto_key_free((struct crypto_key *)key.key);
}

/*
 * report FILE CLIENT FROM DISPOSITION REASON...: counts each message of the line as often as it is named,
 * then the report as XML and as mail. Fields 1-3 and 4-5 are one message; the store is new each time.
 */
static void run_report(struct probe *p)
{
	struct str error = STR(""), xml = STR(""), to[4];
	struct store *store = store_open(NULL, false, p->arena, &error);
	struct report_meta meta = {.organization = STR("A & B <mail>"), .email = STR("dmarc@mx.example.net"),
	    .receiver = STR("mx.example.net"), .domain = STR("example.org"), .bytes_max = 1 << 20};

	if (p->field[6].n)
		meta.bytes_max = atoi(arena_cstr(p->arena, p->field[6]));
	struct spf_query q = {.helo = STR("h.example"), .sender = p->field[3], .receiver = STR("mx.example.net")};
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct str message = probe_file(p->arena, p->field[1]);
	struct auth *auth = auth_new(p->arena);
	struct headers headers;
	size_t n = 0;

	headers_parse(p->arena, message, &headers);
	ip_parse(p->field[2], &q.client);
	spf_check(p->arena, scope_of(p), &q, &auth->spf);
	auth->has_spf = true;
	auth_start_dkim(auth, &headers, &options, p);
	auth_start_dmarc(auth, scope_of(p), &headers);
	auth_finish_dkim(auth, scope_of(p), &headers, str_from(message, headers.body));
	auth_finish_dmarc(auth, scope_of(p));
	for (int i = 0; i < 3; i++)
		report_count(store, auth, &q.client, STR("example.org"), arena_cstr(p->arena, p->field[4]),
		    arena_cstr(p->arena, p->field[5]));
	report_count(store, auth, &q.client, STR("<evil>&\t.example"), "none", "local_policy");
	json_kv_bool(&p->json, "made", report_make(p->arena, store, report_day(p->arena, clock_now()), &meta, &xml));
	json_kv(&p->json, "xml", xml);
	report_addresses(p->arena, scope_of(p), REPORT_AGGREGATE, meta.domain, meta.record.rua, to, 4, &n);
	json_key(&p->json, "to");
	json_open(&p->json, '[');
	for (size_t i = 0; i < n; i++)
		json_text(&p->json, to[i]);
	json_close(&p->json);
	json_kv(&p->json, "mail", report_mail(p->arena, &meta, xml, to, n));
	store_close(store);
}

struct failure_print {
	struct probe *p;
	struct str to;
};

static bool print_failure(void *arg, const struct failure_note *note)
{
	struct failure_print *f = arg;

	json_kv(&f->p->json, "mail", failure_mail(f->p->arena, note, STR("dmarc@mx.example.net"), STR("id@mx.example.net"), &f->to, 1));
	return false;
}

/* failure FILE CLIENT FROM BODY: the failure report about a message, "" when there is none. Moves the clock. */
static void run_failure(struct probe *p)
{
	const struct report_conf conf = {.is_failure_on = true, .failure_limit = 10, .failure_body = atoi(arena_cstr(p->arena, p->field[4]))};
	struct filter_env env = {.arena = p->arena};
	struct chain *chain = chain_new(p->arena, &env, fact_registry_new(p->arena));
	struct session *s = session_new(chain, dns, FACE_SCAN);
	struct message *m = message_start(s);
	struct failure_print print = {p, STR("ruf@example.org")};
	struct auth *auth = message_auth(m);
	struct spf_query q = {.helo = STR("h.example"), .sender = p->field[3], .receiver = STR("mx.example.net")};
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct auth_client client = {.iprev = STR(""), .name = STR(""), .user = STR("")};
	struct str error = STR(""), message = probe_file(p->arena, p->field[1]);
	struct store *store = store_open(NULL, false, p->arena, &error);

	m->spool = spool_of(message);
	headers_parse(m->arena, message, &m->headers);
	ip_parse(p->field[2], &s->client);
	q.client = client.ip = s->client;
	address_parse(m->arena, p->field[3], true, &m->sender);
	spf_check(m->arena, scope_of(p), &q, &auth->spf);
	auth->has_spf = true;
	auth->sender = q.sender;
	auth_start_dkim(auth, &m->headers, &options, p);
	auth_start_dmarc(auth, scope_of(p), &m->headers);
	auth_finish_dkim(auth, scope_of(p), &m->headers, str_from(message, m->headers.body));
	auth_finish_dmarc(auth, scope_of(p));
	auth->results = auth_results(auth, m->arena, STR("mx.example.net"), &client);
	clock_fix(1800000000);
	failure_note(store, &conf, s, "reject");
	clock_fix(1800000000 + FAILURE_GATHER_SECONDS);
	failure_each(store, print_failure, &print);
	store_close(store);
	session_free(s);
}

/* gzip FILE */
static void run_gzip(struct probe *p)
{
	json_kv(&p->json, "packed", base64_write(p->arena, gzip_pack(p->arena, probe_file(p->arena, p->field[1]))));
}

static const struct command commands[] = {
    {"gzip", run_gzip},
    {"report", run_report},
    {"failure", run_failure},
    {"sign", run_sign},
    {"seal", run_seal},
    {"dmarc", run_dmarc},
    {"org", run_org},
    {"auth", run_auth},
    {"authres", run_authres},
    {"arc", run_arc},
    {"dkim", run_dkim},
    {"dns", run_dns},
    {"now", run_now},
    {"spf", run_spf},
    {0},
};

int main(void)
{
	clock_init();
	probe_serve(commands);
	dns_free(dns);
	arena_free(dns_arena);
	return 0;
}
