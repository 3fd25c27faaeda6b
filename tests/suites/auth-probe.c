/*
 * Puts the functions of auth/ behind lines of text, for the suites (auth_suites.py): a command per
 * line, fields between tabs, %XX for octets that would disturb; one line of JSON comes back.
 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/arc.h"
#include "auth/dkim.h"
#include "auth/spf.h"
#include "lib/arena.h"
#include "lib/clock.h"
#include "lib/json.h"

enum { FIELDS_MAX = 16 };

struct probe {
	struct arena *arena; /* of one command */
	struct arena *dns_arena;
	struct dns *dns;
	struct dns_scope *scope;
	unsigned timeout_ms;
	struct str field[FIELDS_MAX];
	struct json json;
	struct buf out;
};

struct command {
	const char *name;
	void (*run)(struct probe *p);
};

static struct str unescape(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0) {
			out[n++] = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return (struct str){out, n};
}

/* dns ADDRESS@PORT TIMEOUT-MS: forgets everything that was cached. */
static void run_dns(struct probe *p)
{
	struct dns_options options = {.servers = &p->field[1], .server_count = 1};
	struct str error = STR("");

	p->timeout_ms = (unsigned)atoi(arena_cstr(p->arena, p->field[2]));
	options.timeout_ms = p->timeout_ms;
	dns_free(p->dns);
	arena_free(p->dns_arena);
	p->dns_arena = arena_new(0);
	p->dns = dns_new(&options, p->dns_arena, &error);
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
	spf_prefetch(p->scope, &q);
	spf_check(p->arena, p->scope, &q, &r);
	json_kv(&p->json, "result", str_of(spf_result_words[r.result]));
	json_kv(&p->json, "explanation", r.explanation);
	json_kv(&p->json, "domain", r.domain);
	json_kv(&p->json, "mechanism", r.mechanism);
	json_kv(&p->json, "problem", r.problem);
	json_kv_int(&p->json, "queries", dns_scope_used(p->scope));
}

static struct str read_file(struct arena *a, struct str path)
{
	FILE *file = fopen(arena_cstr(a, path), "rb");
	struct buf data = {0};
	size_t n;

	if (!file)
		return STR("");
	do {
		n = fread(buf_reserve(&data, 65536), 1, 65536, file);
		data.n += n;
	} while (n > 0);
	fclose(file);
	return buf_take(&data, a);
}

/* dkim FILE MINIMUM-BITS ACCEPT-SHA1 */
static void run_dkim(struct probe *p)
{
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct str message = read_file(p->arena, p->field[1]);
	struct dkim *d;

	if (p->field[2].n)
		options.minimum_rsa_bits = (unsigned)atoi(arena_cstr(p->arena, p->field[2]));
	options.accept_sha1 = str_is(p->field[3], "1");
	d = dkim_verify(p->arena, p->scope, message, &options);
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
	struct arc *arc = arc_verify(p->arena, p->scope, read_file(p->arena, p->field[1]), &options);

	json_kv(&p->json, "result", str_of(auth_result_words[arc->result]));
	json_kv(&p->json, "reason", arc->reason);
	json_kv_int(&p->json, "instance", arc->instance);
	json_kv_int(&p->json, "oldest_pass", arc->oldest_pass);
}

static const struct command commands[] = {
    {"arc", run_arc},
    {"dkim", run_dkim},
    {"dns", run_dns},
    {"now", run_now},
    {"spf", run_spf},
};

static void run_line(struct probe *p, struct str line)
{
	static const struct dns_limits all = {.queries = 100, .timeout_ms = 20000};
	struct dns_limits limits = all;
	size_t n = 0;
	struct str part;

	p->arena = arena_new(0);
	for (int i = 0; i < FIELDS_MAX; i++)
		p->field[i] = STR("");
	while (n < FIELDS_MAX && str_split(&line, '\t', &part))
		p->field[n++] = unescape(p->arena, part);
	limits.timeout_ms = p->timeout_ms;
	p->scope = p->dns ? dns_scope_new(p->dns, &limits, NULL, NULL) : NULL;
	p->out.n = 0;
	p->json = json_start(&p->out);
	json_open(&p->json, '{');
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (str_is(p->field[0], commands[i].name)) {
			if (commands[i].run == run_dns) {
				dns_scope_free(p->scope);
				p->scope = NULL;
			}
			commands[i].run(p);
		}
	json_close(&p->json);
	printf("%.*s\n", (int)p->out.n, p->out.p);
	fflush(stdout);
	dns_scope_free(p->scope);
	arena_free(p->arena);
}

int main(void)
{
	struct probe p = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	clock_init();
	while ((n = getline(&line, &room, stdin)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		run_line(&p, (struct str){line, (size_t)n});
	}
	dns_free(p.dns);
	arena_free(p.dns_arena);
	buf_free(&p.out);
	free(line);
	return 0;
}
