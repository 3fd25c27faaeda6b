/*
 * The callbacks: each brings the session one step on and asks judge for the verdict, as the SMTP
 * front end does. libmilter calls them on changing threads, one at a time per connection; they
 * may wait.
 */
#include "gateway/milter/private.h"

#include <assert.h>

static struct milter_conn *conn_of(SMFICTX *ctx)
{
	struct milter_conn *c = smfi_getpriv(ctx);

	assert(!c || c->magic == MILTER_MAGIC);
	return c && c->session ? c : NULL;
}

static const char *get_macro(void *arg, const char *name)
{
	return smfi_getsymval(arg, (char *)name);
}

#define MACROS(ctx) &(struct intake_macros){get_macro, ctx}

/* ---- stages ---- */

void milter_busy(int change)
{
	pthread_mutex_lock(&milter.lock);
	milter.busy += (size_t)change;
	if (change < 0)
		pthread_cond_signal(&milter.idle);
	pthread_mutex_unlock(&milter.lock);
}

static bool refuses(const struct verdict *v)
{
	return v->kind == VERDICT_REJECT || v->kind == VERDICT_TEMPFAIL;
}

static const struct verdict *decide(struct milter_conn *c, enum stage stage)
{
	struct session *s = c->session;
	struct verdict *v = arena_alloc(stage_arena(s, stage), sizeof *v);

	milter_busy(1);
	milter_callback_starts();
	chain_want(s, stage);
	judge_stage(c->snapshot, s, stage, v);
	milter_busy(-1);
	milter_delay(v->delay_ms);
	milter_callback_ends();
	return v;
}

/* The MTA was promised silence at steps where nothing can be refused. */
static sfsistat answer(const struct milter_conn *c, unsigned long no_reply, sfsistat status)
{
	return c->steps & no_reply ? SMFIS_NOREPLY : status;
}

static sfsistat refuse(struct milter_conn *c, enum stage stage, const struct verdict *v)
{
	struct session *s = c->session;

	milter.refused_stages++;
	judge_log_refused(s, stage, v, judge_reply(stage_arena(s, stage), v, s->message ? s->message->id : s->id));
	return milter_reply(c, v);
}

/* "CODE X.Y.Z words" of our own. */
static sfsistat say(struct milter_conn *c, const char *reply)
{
	struct str rest = str_of(reply), code, enhanced;
	uint64_t number;

	if (!str_word(&rest, &code) || !str_u64(code, &number) || !str_word(&rest, &enhanced))
		assert(!"a reply without its codes");
	return milter_say(c, (int)number, enhanced, str_trim(rest));
}

/* ---- transactions: what a drain waits for ---- */

static void transaction_start(struct milter_conn *c)
{
	milter_busy(1);
	c->is_in_transaction = true;
}

void milter_transaction_end(struct milter_conn *c)
{
	intake_reset(&c->intake);
	c->is_header_judged = false;
	c->late = NULL;
	if (!c->is_in_transaction)
		return;
	c->is_in_transaction = false;
	milter_busy(-1);
}

/* ---- connect, HELO ---- */

static void start_session(struct milter_conn *c)
{
	const struct config *config = c->snapshot->config;
	const struct limits_conf *limits = &config->limits;
	struct session *s = session_new(c->snapshot->chain, milter.world.dns, FACE_MILTER);

	s->hostname = config->hostname;
	s->limits = &config->limits.parse;
	s->is_esmtp = true;
	s->dns_limits.queries = (unsigned)limits->dns_queries;
	/* The MTA waits 30 s for an answer. */
	s->dns_limits.timeout_ms = (unsigned)(config->dns_timeout_ms < limits->stage_ms ? config->dns_timeout_ms : limits->stage_ms);
	c->session = s;
	c->intake = (struct intake){.s = s, .spool_dir = milter.spool_dir, .has_leading_space = c->steps & SMFIP_HDR_LEADSPC,
	    .used = &milter.memory, .limits = {limits->message, limits->recipients, limits->hops, limits->memory, limits->memory_total}};
	milter.sessions++;
}

static void end_session(struct milter_conn *c)
{
	milter_transaction_end(c);
	intake_free(&c->intake);
	session_free(c->session);
	c->session = NULL;
	c->connect_refusal = c->helo_refusal = NULL;
}

static bool has_room(void)
{
	bool ok;

	pthread_mutex_lock(&milter.lock);
	ok = milter.connections <= (size_t)milter.conf->max_sessions && !milter.is_draining;
	pthread_mutex_unlock(&milter.lock);
	return ok;
}

/* Where the MTA hears nothing at connect, it hears it at MAIL. */
static const struct verdict too_busy = {.kind = VERDICT_TEMPFAIL, .code = 421, .enhanced = {"4.3.2", 5},
    .text = {"too busy, try again later", 25}};

/*
 * Mail that was submitted on the MTA's host has no client: Sendmail gives no address then, Postfix the
 * loopback address with the port 0, which no connection has.
 */
static void take_address(struct session *s, const _SOCK_ADDR *address)
{
	if (address)
		ip_from_sockaddr(address, &s->client, &s->client_port);
	if (s->client_port == 0 && ip_is_loopback(&s->client))
		s->client = (struct ip){0};
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct milter_conn *c = milter_conn_at_connect(ctx);
	const struct verdict *v = &too_busy;

	if (!c)
		return SMFIS_TEMPFAIL;
	end_session(c); /* a second connect: the MTA starts anew */
	start_session(c);
	take_address(c->session, address);
	intake_connect(&c->intake, name, MACROS(ctx));
	if (has_room())
		v = decide(c, STAGE_CONNECT);
	else
		milter.shed++;
	if (refuses(v)) {
		c->connect_refusal = v;
		return answer(c, SMFIP_NR_CONN, refuse(c, STAGE_CONNECT, v));
	}
	return answer(c, SMFIP_NR_CONN, SMFIS_CONTINUE);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	struct milter_conn *c = conn_of(ctx);
	const struct verdict *v;

	if (!c)
		return SMFIS_TEMPFAIL;
	if (c->connect_refusal || milter.is_draining)
		return answer(c, SMFIP_NR_HELO, milter_reply(c, c->connect_refusal ? c->connect_refusal : &too_busy));
	intake_helo(&c->intake, name, MACROS(ctx));
	v = decide(c, STAGE_HELO);
	c->helo_refusal = refuses(v) ? v : NULL;
	if (c->helo_refusal)
		return answer(c, SMFIP_NR_HELO, refuse(c, STAGE_HELO, v));
	return answer(c, SMFIP_NR_HELO, SMFIS_CONTINUE);
}

/* ---- envelope ---- */

/* Why no message may come now, or NULL. */
static const struct verdict *standing(const struct milter_conn *c)
{
	if (c->connect_refusal)
		return c->connect_refusal;
	if (c->helo_refusal)
		return c->helo_refusal;
	return milter.is_draining && !c->is_in_transaction ? &too_busy : NULL;
}

static sfsistat refuse_mail(struct milter_conn *c, sfsistat status)
{
	milter_transaction_end(c);
	return status;
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	struct milter_conn *c = conn_of(ctx);
	const struct verdict *v;
	const char *wrong;

	if (!c)
		return SMFIS_TEMPFAIL;
	milter_transaction_end(c);
	v = standing(c);
	if (v)
		return milter_reply(c, v);
	transaction_start(c);
	wrong = intake_mail(&c->intake, argv, MACROS(ctx));
	if (wrong)
		return refuse_mail(c, say(c, wrong));
	v = decide(c, STAGE_MAIL);
	if (refuses(v))
		return refuse_mail(c, refuse(c, STAGE_MAIL, v));
	return SMFIS_CONTINUE;
}

static sfsistat take_rcpt(struct milter_conn *c)
{
	struct message *m = c->session->message;
	const struct verdict *v = decide(c, STAGE_RCPT);

	if (refuses(v) && !c->intake.is_postmaster) {
		sfsistat status = refuse(c, STAGE_RCPT, v);

		m->current = NULL;
		return status;
	}
	m->current->verdict = verdict_keep(m->arena, v);
	intake_keep(&c->intake);
	return SMFIS_CONTINUE;
}

/* With the message in hand; else what is to be said instead. */
static struct milter_conn *in_message(SMFICTX *ctx, unsigned long no_reply, sfsistat *ret_status)
{
	struct milter_conn *c = conn_of(ctx);
	const struct verdict *v;

	*ret_status = SMFIS_TEMPFAIL;
	if (!c)
		return NULL;
	if (c->session->message)
		return c;
	v = standing(c);
	*ret_status = answer(c, no_reply, v ? milter_reply(c, v) : SMFIS_TEMPFAIL);
	return NULL;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	sfsistat status;
	struct milter_conn *c = in_message(ctx, 0, &status);
	const char *wrong;

	if (!c)
		return status;
	wrong = intake_rcpt(&c->intake, argv);
	return wrong ? say(c, wrong) : take_rcpt(c);
}

/* ---- content ---- */

/* One of the filters' or of our own words that ends the message. */
static sfsistat end_message(struct milter_conn *c, sfsistat status)
{
	milter.messages++;
	status == SMFIS_TEMPFAIL ? milter.tempfailed++ : milter.rejected++;
	milter_transaction_end(c);
	return status;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	sfsistat status;
	struct milter_conn *c = in_message(ctx, SMFIP_NR_HDR, &status);

	if (!c)
		return status;
	intake_field(&c->intake, name, value);
	return answer(c, SMFIP_NR_HDR, SMFIS_CONTINUE);
}

static sfsistat header_stage(struct milter_conn *c)
{
	const struct verdict *v = decide(c, STAGE_HEADER);

	if (refuses(v))
		return end_message(c, refuse(c, STAGE_HEADER, v));
	c->is_header_judged = true;
	return SMFIS_CONTINUE;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	sfsistat status;
	struct milter_conn *c = in_message(ctx, SMFIP_NR_EOH, &status);
	const char *wrong;

	if (!c)
		return status;
	wrong = intake_eoh(&c->intake);
	if (c->late)
		wrong = c->late;
	if (c->steps & SMFIP_NR_EOH) {
		c->late = wrong;
		header_stage(c); /* refuses nothing: it starts look-ups */
		return SMFIS_NOREPLY;
	}
	return wrong ? end_message(c, say(c, wrong)) : header_stage(c);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t n)
{
	sfsistat status;
	struct milter_conn *c = in_message(ctx, SMFIP_NR_BODY, &status);

	if (!c)
		return status;
	intake_body(&c->intake, (struct str){(const char *)data, n});
	return answer(c, SMFIP_NR_BODY, SMFIS_CONTINUE);
}

static sfsistat judge(struct milter_conn *c)
{
	struct delivery_group *groups;
	struct judgement j;

	bool ok;

	milter_callback_starts();
	ok = milter_judge(c, &j, &groups);
	if (ok)
		milter_delay(j.whole.delay_ms);
	milter_callback_ends();
	if (!ok) {
		milter.shed++;
		return end_message(c, say(c, "451 4.3.2 too busy, try again later"));
	}
	return milter_apply(c, &j, groups);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	sfsistat status;
	struct milter_conn *c = in_message(ctx, 0, &status);
	const char *wrong;

	if (!c)
		return status;
	wrong = intake_end(&c->intake, MACROS(ctx));
	if (c->late)
		wrong = c->late;
	if (wrong)
		return end_message(c, say(c, wrong));
	if (c->session->message->recipients == 0)
		return SMFIS_TEMPFAIL;
	/* Its facts are due now when the MTA did not tell of the end of the header section. */
	status = c->is_header_judged ? SMFIS_CONTINUE : header_stage(c);
	if (status == SMFIS_CONTINUE)
		status = judge(c);
	milter_transaction_end(c);
	return status;
}

/* ---- ends ---- */

static sfsistat on_abort(SMFICTX *ctx)
{
	struct milter_conn *c = conn_of(ctx);

	if (c)
		milter_transaction_end(c);
	return SMFIS_CONTINUE;
}

/* May come without a connect before it, and twice. */
static sfsistat on_close(SMFICTX *ctx)
{
	struct milter_conn *c = smfi_getpriv(ctx);

	smfi_setpriv(ctx, NULL);
	if (c)
		milter_transaction_end(c);
	milter_conn_free(c);
	return SMFIS_CONTINUE;
}

struct smfiDesc milter_callbacks = {
    .xxfi_name = (char *)"mailreeve",
    .xxfi_version = SMFI_VERSION,
    .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_CHGFROM | SMFIF_CHGBODY |
	SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
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
