/*
 * reevectl scan: the whole chain and the policy on message files, as if they came in over SMTP.
 * Nothing is sent; the store keeps its changes in memory unless --learn-state was given.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/ctl/arrival.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/walk.h"
#include "gateway/judge.h"
#include "lib/pool.h"
#include "lib/store/store.h"

enum { QUEUE_MAX = 64, ADDRESS_COUNT_MAX = 1000 };

enum style { STYLE_TABLE, STYLE_JSON, STYLE_EXPLAIN };

struct scan {
	struct ctl *ctl;
	struct snapshot *snapshot;
	struct dns *dns;
	struct ip client;
	struct str helo;
	bool has_sender, learns, as_received, is_offline;
	struct address sender, rcpts[ADDRESS_COUNT_MAX];
	size_t rcpt_count;
	enum style style;
	size_t judged[VERDICT_DISCARD + 1]; /* messages by verdict; under lock */
	struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t room;
	size_t running;
	_Atomic bool failed;
};

struct job {
	struct scan *scan;
	char *path;
};

/* ---- one message ---- */

/* A Return-Path below a Received field is that of an earlier transport, not of the last one. */
static void set_sender(struct scan *sc, struct session *s)
{
	const struct header *path, *received = headers_get(&s->message->headers, "Received", 0);
	struct str rest;

	s->message->sender = sc->sender;
	path = sc->has_sender ? NULL : headers_get(&s->message->headers, "Return-Path", 0);
	if (!path || (received && received < path))
		return;
	rest = str_trim(path->value);
	address_path(s->message->arena, &rest, true, true, &s->message->sender);
}

/* What the options do not say is as it was when the message came, where our Received field tells. */
static void set_arrival(struct scan *sc, struct session *s, struct address *ret_rcpt)
{
	struct arrival came;

	if (!sc->as_received || !arrival_read(&s->message->headers, s->hostname, &came))
		return;
	if (!s->client.family)
		s->client = came.client;
	if (!s->helo.n)
		s->helo = came.helo;
	if (came.rcpt.n && address_parse(s->message->arena, came.rcpt, true, ret_rcpt))
		*ret_rcpt = (struct address){0};
}

/* Runs a stage; an ending verdict is kept for all recipients, the first one stands. */
static void run_stage(struct scan *sc, struct session *s, enum stage stage, const struct verdict **decided)
{
	struct verdict *v = arena_alloc(stage_arena(s, stage), sizeof *v);

	chain_want(s, stage);
	judge_stage(sc->snapshot, s, stage, v);
	if (!*decided && v->kind != VERDICT_NONE && v->kind != VERDICT_ACCEPT)
		*decided = v;
}

static void run_recipient(struct scan *sc, struct session *s, const struct address *rcpt, const struct verdict *decided)
{
	struct message *m = s->message;
	const struct verdict *own = NULL;

	recipient_start(m, rcpt);
	run_stage(sc, s, STAGE_RCPT, &own);
	m->current->verdict = decided ? decided : own;
	recipient_keep(m);
}

static void run_recipients(struct scan *sc, struct session *s, const struct address *arrived, const struct verdict *decided)
{
	static const struct address nobody;
	struct message *m = s->message;

	for (size_t i = 0; i < sc->rcpt_count; i++)
		run_recipient(sc, s, &sc->rcpts[i], decided);
	if (sc->rcpt_count == 0 && arrived->text.n) {
		run_recipient(sc, s, arrived, decided);
	} else if (sc->rcpt_count == 0) {
		recipient_start(m, &nobody)->verdict = decided;
		recipient_keep(m);
	}
}

static void spread(struct message *m, const struct verdict *decided)
{
	for (struct recipient *r = m->first; r; r = r->next)
		if (!r->verdict)
			r->verdict = decided;
}

static void run_stages(struct scan *sc, struct session *s, struct judgement *j)
{
	const struct verdict *decided = NULL;
	struct address arrived = {0};

	set_arrival(sc, s, &arrived);
	if (s->client.family)
		run_stage(sc, s, STAGE_CONNECT, &decided);
	if (s->helo.n)
		run_stage(sc, s, STAGE_HELO, &decided);
	run_stage(sc, s, STAGE_MAIL, &decided);
	run_recipients(sc, s, &arrived, decided);
	decided = NULL;
	run_stage(sc, s, STAGE_HEADER, &decided);
	spread(s->message, decided);
	chain_want(s, STAGE_MESSAGE);
	chain_body(s);
	judge_message(sc->snapshot, s, j);
}

static void print_table(const struct session *s, const struct judgement *j, const char *path, struct buf *out)
{
	const struct finding *top = s->message->findings.first;
	struct str reply = judge_reply(s->message->arena, &j->whole, s->message->id);

	for (const struct finding *f = top; f; f = f->next)
		if (f->score > top->score)
			top = f;
	buf_addf(out, "%-10s %6.1f  %s", verdict_name(j->whole.kind), session_score(s, j->recipients[0]), path);
	if (j->whole.kind == VERDICT_REJECT || j->whole.kind == VERDICT_TEMPFAIL)
		buf_addf(out, "  %.*s", STR_ARG(reply));
	else if (top && top->score > 0)
		buf_addf(out, "  %.*s: %.*s", STR_ARG(top->name), STR_ARG(top->reason));
	buf_addc(out, '\n');
}

static void print(struct scan *sc, const struct session *s, const struct judgement *j, const char *path)
{
	struct buf out = {0};

	if (sc->style == STYLE_JSON) {
		struct json json = json_start(&out);

		json_open(&json, '{');
		json_kv(&json, "file", str_of(path));
		judge_json(s, j, &json);
		json_close(&json);
		buf_addc(&out, '\n');
	} else if (sc->style == STYLE_EXPLAIN) {
		buf_addf(&out, "%s\n", path);
		judge_explain(s, j, &out);
		buf_addc(&out, '\n');
	} else {
		print_table(s, j, path, &out);
	}
	pthread_mutex_lock(&sc->lock);
	sc->judged[j->whole.kind]++;
	ctl_print(buf_str(&out));
	pthread_mutex_unlock(&sc->lock);
	buf_free(&out);
}

static struct session *session_for(struct scan *sc)
{
	const struct config *config = sc->snapshot->config;
	struct session *s = session_new(sc->snapshot->chain, sc->is_offline ? NULL : sc->dns, FACE_SCAN);

	s->hostname = config->hostname;
	s->limits = &config->limits.parse;
	s->client = sc->client;
	s->helo = sc->helo;
	s->is_esmtp = true;
	s->dns_limits.queries = (unsigned)config->limits.dns_queries;
	s->dns_limits.timeout_ms = (unsigned)config->dns_timeout_ms;
	return s;
}

static void scan_message(struct scan *sc, const char *path, struct str data)
{
	struct session *s = session_for(sc);
	struct message *m = message_start(s);
	struct judgement j;

	m->spool = spool_of(data);
	headers_parse_within(m->arena, data, m->limits, &m->headers);
	set_sender(sc, s);
	run_stages(sc, s, &j);
	print(sc, s, &j, path);
	session_free(s);
}

static void run_job(void *arg)
{
	struct job *job = arg;
	struct scan *sc = job->scan;
	/* A ctl of its own: the message is unmapped as soon as it is done with. */
	struct ctl own = {.arena = arena_new(0)};
	struct str data;

	if (ctl_read_message(&own, job->path, &data))
		scan_message(sc, job->path, data);
	else
		sc->failed = true;
	arena_free(own.arena);
	free(job->path);
	free(job);
	pthread_mutex_lock(&sc->lock);
	sc->running--;
	pthread_cond_signal(&sc->room);
	pthread_mutex_unlock(&sc->lock);
}

static void submit(void *arg, const char *path)
{
	struct scan *sc = arg;
	struct job *job = malloc(sizeof *job);

	if (!job)
		abort();
	*job = (struct job){sc, strdup(path)};
	pthread_mutex_lock(&sc->lock);
	while (sc->running >= QUEUE_MAX)
		pthread_cond_wait(&sc->room, &sc->lock);
	sc->running++;
	pthread_mutex_unlock(&sc->lock);
	if (!pool_submit(sc->pool, run_job, job))
		abort(); /* the pool's queue is larger than QUEUE_MAX */
}

/* ---- options ---- */

static const char *set_client(struct scan *sc, const char *value)
{
	return ip_parse(str_of(value), &sc->client) ? NULL : "expected an IP address";
}

static const char *set_helo(struct scan *sc, const char *value)
{
	sc->helo = str_of(value);
	return NULL;
}

static const char *set_from(struct scan *sc, const char *value)
{
	sc->has_sender = true;
	return value[0] ? address_parse(sc->ctl->arena, str_of(value), true, &sc->sender) : NULL;
}

static const char *set_rcpt(struct scan *sc, const char *value)
{
	if (sc->rcpt_count == ADDRESS_COUNT_MAX)
		return "too many recipients";
	return address_parse(sc->ctl->arena, str_of(value), true, &sc->rcpts[sc->rcpt_count++]);
}

static const struct {
	const char *name;
	const char *(*set)(struct scan *sc, const char *value);
} valued[] = {{"--client", set_client}, {"--helo", set_helo}, {"--from", set_from}, {"--rcpt", set_rcpt}};

/* Takes one option with its value at argv[i]; 0: it is none. -1: reported. */
static int valued_option(struct scan *sc, char **argv)
{
	for (size_t i = 0; i < sizeof valued / sizeof *valued; i++) {
		const char *wrong;

		if (strcmp(argv[0], valued[i].name) != 0)
			continue;
		wrong = argv[1] ? valued[i].set(sc, argv[1]) : "a value is missing";
		if (!wrong)
			return 1;
		ctl_fail("%s %s: %s", argv[0], argv[1] ? argv[1] : "", wrong);
		return -1;
	}
	return 0;
}

/* Leaves the files in argv; their number, or -1. */
static int read_options(struct scan *sc, int argc, char **argv)
{
	int files = 0;

	for (int i = 1; i < argc; i++) {
		int taken;

		if (strcmp(argv[i], "--explain") == 0)
			sc->style = STYLE_EXPLAIN;
		else if (strcmp(argv[i], "--learn-state") == 0)
			sc->learns = true;
		else if (strcmp(argv[i], "--offline") == 0)
			sc->is_offline = true;
		else if (strcmp(argv[i], "--as-received") == 0)
			sc->as_received = true;
		else if ((taken = valued_option(sc, argv + i)) < 0)
			return -1;
		else if (taken)
			i++;
		else if (argv[i][0] == '-' && argv[i][1] != '\0')
			return ctl_fail("unknown option '%s'; see reevectl help scan", argv[i]), -1;
		else
			argv[files++] = argv[i];
	}
	if (files == 0)
		return ctl_usage(sc->ctl), -1;
	return files;
}

static struct store *open_store(struct scan *sc)
{
	struct str state = ctl_config(sc->ctl)->state, error;
	const char *path = arena_printf(sc->ctl->arena, "%.*s/state.db", STR_ARG(state)).p;
	struct store *store = store_open(access(path, R_OK) == 0 || sc->learns ? path : NULL, !sc->learns, sc->ctl->arena, &error);

	if (!store) {
		ctl_fail("%s: %.*s", path, STR_ARG(error));
		exit(1);
	}
	return store;
}

static struct snapshot *load_snapshot(struct scan *sc, struct store *store)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct snapshot *s;

	conf_load_init(&load, a);
	s = snapshot_load(sc->ctl->config_path, &(struct snapshot_world){.dns = sc->dns, .store = store}, &load, a);
	if (s)
		return s;
	conf_errors_tell(&load);
	arena_free(a);
	return NULL;
}

/* Under the lines of a folder, for people. */
static void print_sum(const struct scan *sc)
{
	const char *before = ": ";
	size_t n = 0;

	for (int kind = 0; kind <= VERDICT_DISCARD; kind++)
		n += sc->judged[kind];
	if (n < 2 || sc->style == STYLE_JSON)
		return;
	printf("%zu messages", n);
	for (int kind = 0; kind <= VERDICT_DISCARD; kind++)
		if (sc->judged[kind]) {
			printf("%s%zu %s", before, sc->judged[kind], verdict_name((enum verdict_kind)kind));
			before = ", ";
		}
	putchar('\n');
}

static void scan_all(struct scan *sc, int files, char **argv)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	sc->pool = pool_new("scan", cores > 1 ? (unsigned)cores : 1, 2 * QUEUE_MAX);
	for (int i = 0; i < files; i++)
		if (!ctl_walk(argv[i], submit, sc))
			sc->failed = true;
	pool_free(sc->pool);
	print_sum(sc);
}

int ctl_scan(struct ctl *ctl, int argc, char **argv)
{
	struct scan *sc = arena_alloc(ctl->arena, sizeof *sc);
	struct store *store;
	int files;

	sc->ctl = ctl;
	pthread_mutex_init(&sc->lock, NULL);
	pthread_cond_init(&sc->room, NULL);
	argc = ctl_options(ctl, argc, argv);
	files = read_options(sc, argc, argv);
	if (files < 0)
		return 2;
	if (ctl->json)
		sc->style = STYLE_JSON;
	ctl->has_config_option = true; /* the configuration names the resolvers */
	store = open_store(sc);
	sc->dns = ctl_dns(ctl);
	sc->snapshot = load_snapshot(sc, store);
	if (sc->snapshot)
		scan_all(sc, files, argv);
	else
		sc->failed = true;
	snapshot_unref(sc->snapshot);
	dns_free(sc->dns);
	store_close(store);
	return sc->failed ? 1 : 0;
}
