/*
 * The callbacks: each brings the session one step on and asks judge for the verdict, as the SMTP
 * front end does. libmilter calls them on changing threads, one at a time per connection; they
 * may wait. The bytes of the message are put together again as they were on the wire.
 */
#include "gateway/milter/private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

static struct milter_conn *conn_of(SMFICTX *ctx)
{
	struct milter_conn *c = smfi_getpriv(ctx);

	assert(!c || c->magic == MILTER_MAGIC);
	return c;
}

void milter_conn_free(struct milter_conn *c)
{
	if (!c)
		return;
	buf_free(&c->header);
	if (c->session) {
		session_free(c->session);
		pthread_mutex_lock(&milter.lock);
		milter.connections--;
		pthread_cond_signal(&milter.idle);
		pthread_mutex_unlock(&milter.lock);
	}
	snapshot_unref(c->snapshot);
	c->magic = 0;
	free(c);
}

/* ---- stages ---- */

/*
 * libmilter has a thread for each connection, so a delay must hold it; few may wait at a time, none
 * longer than the MTA's patience allows, and none when the process ends.
 */
static void delay(int64_t ms)
{
	int64_t until = clock_mono_us() + (ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS) * 1000;

	if (ms <= 0)
		return;
	if (atomic_fetch_add(&milter.delayed, 1) < DELAYED_MAX)
		while (clock_mono_us() < until && !milter.is_ending)
			usleep(DELAY_STEP_US);
	atomic_fetch_sub(&milter.delayed, 1);
}

static sfsistat run_stage(struct milter_conn *c, enum stage stage)
{
	struct session *s = c->session;
	struct verdict *v = arena_alloc(stage_arena(s, stage), sizeof *v);

	chain_want(s, stage);
	judge_stage(c->snapshot, s, stage, v);
	if (stage <= STAGE_HELO && (v->kind == VERDICT_REJECT || v->kind == VERDICT_TEMPFAIL))
		c->refusal = v;
	delay(v->delay_ms);
	return milter_reply(c, v);
}

static void start_session(struct milter_conn *c)
{
	const struct config *config = c->snapshot->config;
	struct session *s = session_new(c->snapshot->chain, milter.world.dns, FACE_MILTER);

	s->hostname = config->hostname;
	s->is_esmtp = true;
	s->dns_limits.queries = (unsigned)config->limits.dns_queries;
	s->dns_limits.timeout_ms = (unsigned)config->dns_timeout_ms;
	c->session = s;
	milter.sessions++;
	pthread_mutex_lock(&milter.lock);
	milter.connections++;
	pthread_mutex_unlock(&milter.lock);
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct milter_conn *c = conn_of(ctx);

	if (!c)
		return SMFIS_TEMPFAIL;
	start_session(c);
	if (address)
		ip_from_sockaddr(address, &c->session->client, &c->session->client_port);
	/* A name in brackets is the address again: the MTA found no name. */
	if (name && name[0] != '[')
		c->session->client_name = arena_str(c->session->arena, str_of(name));
	milter_macros_connect(c);
	return run_stage(c, STAGE_CONNECT);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	struct milter_conn *c = conn_of(ctx);

	if (!c || !c->session)
		return SMFIS_TEMPFAIL;
	c->session->helo = arena_str(c->session->arena, str_of(name));
	return run_stage(c, STAGE_HELO);
}

/* The argument is <path> or, from some MTAs, a bare address; the MTA has checked its grammar. */
static void read_path(struct arena *a, const char *text, struct address *ret_address)
{
	struct str rest = str_trim(str_of(text));
	ptrdiff_t at;

	if (rest.n && rest.p[0] == '<' && !address_path(a, &rest, true, true, ret_address))
		return;
	rest = str_trim(str_of(text));
	if (rest.n && rest.p[0] == '<')
		rest = str_sub(rest, 1, rest.n - (rest.p[rest.n - 1] == '>' ? 2 : 1));
	at = str_rchr(rest, '@');
	*ret_address = (struct address){.text = arena_str(a, rest)};
	ret_address->local = str_sub(ret_address->text, 0, at < 0 ? rest.n : (size_t)at);
	ret_address->domain = at < 0 ? STR("") : str_lower(a, str_from(rest, (size_t)at + 1));
}

static void read_parameters(struct message *m, char **argv)
{
	for (size_t i = 1; argv[0] && argv[i]; i++) {
		struct str word = str_of(argv[i]);

		if (str_istarts(word, STR("SIZE=")))
			str_u64(str_from(word, 5), &m->declared_size);
		m->is_8bit |= str_iis(word, "BODY=8BITMIME");
		m->is_utf8 |= str_iis(word, "SMTPUTF8");
	}
}

static void forget_message(struct milter_conn *c)
{
	message_end(c->session);
	c->header.n = 0;
	c->size = 0;
	c->is_too_large = c->spool_failed = false;
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	struct milter_conn *c = conn_of(ctx);
	struct message *m;

	if (!c || !c->session)
		return SMFIS_TEMPFAIL;
	if (c->refusal)
		return milter_reply(c, c->refusal);
	forget_message(c);
	m = message_start(c->session);
	read_path(m->arena, argv[0], &m->sender);
	read_parameters(m, argv);
	milter_macros_mail(c);
	return run_stage(c, STAGE_MAIL);
}

/* libmilter does not write to what it takes as char *. */
static sfsistat say(struct milter_conn *c, const char *code, const char *enhanced, const char *text)
{
	smfi_setreply(c->ctx, (char *)code, (char *)enhanced, (char *)text);
	return code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	struct milter_conn *c = conn_of(ctx);
	struct message *m = c && c->session ? c->session->message : NULL;
	struct address address;
	sfsistat status;

	if (!m)
		return SMFIS_TEMPFAIL;
	if ((int64_t)m->recipients >= c->snapshot->config->limits.recipients)
		return say(c, "452", "4.5.3", "too many recipients");
	read_path(m->arena, argv[0], &address);
	recipient_start(m, &address);
	status = run_stage(c, STAGE_RCPT);
	if (status == SMFIS_CONTINUE)
		recipient_keep(m);
	return status;
}

/* ---- the bytes ---- */

static void add_bytes(struct milter_conn *c, struct str bytes)
{
	struct message *m = c->session->message;

	c->size += bytes.n;
	if (c->size > c->snapshot->config->limits.message)
		c->is_too_large = true;
	if (c->is_too_large || c->spool_failed)
		return;
	if (!m->spool)
		m->spool = spool_new(milter.spool_dir, SPOOL_MEMORY);
	c->spool_failed = !spool_add(m->spool, bytes);
}

/* libmilter gives folds as bare LF; on the wire they were CRLF. */
static void add_field(struct milter_conn *c, struct str name, struct str value)
{
	struct buf *out = &c->header;

	buf_add(out, name);
	buf_addc(out, ':');
	if (!(c->steps & SMFIP_HDR_LEADSPC))
		buf_addc(out, ' ');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\n' && (i == 0 || value.p[i - 1] != '\r'))
			buf_addc(out, '\r');
		buf_addc(out, value.p[i]);
	}
	buf_adds(out, "\r\n");
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct milter_conn *c = conn_of(ctx);

	if (!c || !c->session || !c->session->message)
		return SMFIS_TEMPFAIL;
	/* The limit of the parser, and room to see that it was passed. */
	if (c->header.n <= 2 * HEADER_BYTES_MAX)
		add_field(c, str_of(name), str_of(value));
	else
		c->is_too_large = true;
	return SMFIS_CONTINUE;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	struct milter_conn *c = conn_of(ctx);
	struct message *m = c && c->session ? c->session->message : NULL;

	if (!m)
		return SMFIS_TEMPFAIL;
	buf_adds(&c->header, "\r\n");
	headers_parse(m->arena, buf_str(&c->header), &m->headers);
	add_bytes(c, buf_str(&c->header));
	return run_stage(c, STAGE_HEADER);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t n)
{
	struct milter_conn *c = conn_of(ctx);
	struct str piece = {(const char *)data, n};

	if (!c || !c->session || !c->session->message)
		return SMFIS_TEMPFAIL;
	add_bytes(c, piece);
	if (!c->is_too_large && chain_has_data(c->session->chain))
		chain_data(c->session, piece);
	return SMFIS_CONTINUE;
}

/* ---- end of message ---- */

/* The work of the message stage on the pool, while libmilter's thread keeps the MTA waiting. */
struct work {
	struct milter_conn *c;
	struct judgement judgement;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done, was_shed;
};

static void do_work(void *arg)
{
	struct work *w = arg;
	struct milter_conn *c = w->c;
	bool is_heavy = chain_is_heavy(c->session->chain, STAGE_MESSAGE);
	long long deadline = clock_mono_us() + c->snapshot->config->limits.stage_ms * 1000;

	if (is_heavy && !gate_enter(milter.gate, deadline)) {
		w->was_shed = true;
	} else {
		judge_message(c->snapshot, c->session, &w->judgement);
		if (is_heavy)
			gate_leave(milter.gate);
	}
	pthread_mutex_lock(&w->lock);
	w->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static bool wait_a_while(struct work *w)
{
	struct timespec until;
	bool is_done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PROGRESS_MS / 1000;
	pthread_mutex_lock(&w->lock);
	while (!w->is_done && pthread_cond_timedwait(&w->done, &w->lock, &until) == 0)
		;
	is_done = w->is_done;
	pthread_mutex_unlock(&w->lock);
	return is_done;
}

static sfsistat judge(struct milter_conn *c)
{
	struct work w = {.c = c, .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

	chain_want(c->session, STAGE_MESSAGE);
	if (!pool_submit(milter.pool, do_work, &w))
		return say(c, "451", "4.3.2", "too busy, try again later");
	while (!wait_a_while(&w))
		smfi_progress(c->ctx);
	if (w.was_shed)
		return say(c, "451", "4.3.2", "too busy, try again later");
	delay(w.judgement.whole.delay_ms);
	return milter_apply(c, &w.judgement);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	struct milter_conn *c = conn_of(ctx);
	struct message *m = c && c->session ? c->session->message : NULL;
	sfsistat status;

	if (!m || m->recipients == 0)
		return SMFIS_TEMPFAIL;
	if (c->is_too_large)
		status = say(c, "552", "5.3.4", "the message is larger than this system takes");
	else if (c->spool_failed || !m->spool || !spool_finish(m->spool))
		status = say(c, "452", "4.3.1", "no room to scan the message, try again later");
	else {
		headers_parse(m->arena, spool_data(m->spool), &m->headers);
		status = judge(c);
	}
	forget_message(c);
	return status;
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct milter_conn *c = conn_of(ctx);

	if (c && c->session)
		forget_message(c);
	return SMFIS_CONTINUE;
}

/* May come without a connect before it. */
static sfsistat on_close(SMFICTX *ctx)
{
	struct milter_conn *c = conn_of(ctx);

	smfi_setpriv(ctx, NULL);
	milter_conn_free(c);
	return SMFIS_CONTINUE;
}

struct smfiDesc milter_callbacks = {
    .xxfi_name = (char *)"mailreeve",
    .xxfi_version = SMFI_VERSION,
    .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
    .xxfi_connect = on_connect,
    .xxfi_helo = on_helo,
    .xxfi_envfrom = on_mail,
    .xxfi_envrcpt = on_rcpt,
    .xxfi_header = on_header,
    .xxfi_eoh = on_eoh,
    .xxfi_body = on_body,
    .xxfi_eom = on_eom,
    .xxfi_abort = on_abort,
    .xxfi_close = on_close,
    .xxfi_negotiate = milter_negotiate,
};
