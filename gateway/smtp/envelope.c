/*
 * MAIL and RCPT. A recipient is taken only when a route says that its domain is ours: relaying for
 * others cannot be configured, and addresses that ask the next server to relay are refused too.
 */
#include "gateway/smtp/private.h"
#include "lib/log.h"

/* Behind "FROM:" or "TO:"; blanks behind the colon are tolerated, as everybody does. */
static bool skip_keyword(struct str *args, struct str keyword)
{
	if (!str_istarts(*args, keyword))
		return false;
	*args = str_from(*args, keyword.n);
	while (args->n > 0 && args->p[0] == ' ')
		*args = str_from(*args, 1);
	return true;
}

static bool ends_well(struct str rest)
{
	return rest.n == 0 || rest.p[0] == ' ';
}

/* ---- MAIL ---- */

static void mail_judged(struct smtp *c, const struct verdict *v)
{
	struct message *m = c->s->message;

	if (smtp_verdict_refuses(v)) {
		smtp_refuse(c, v);
		smtp_message_end(c);
		return;
	}
	c->message_decided = c->session_decided ? c->session_decided : verdict_keep(m->arena, v);
	smtp_reply(c, "250 2.1.0 sender ok");
}

/* Size, memory and address rules that need no policy; a reply or NULL. */
static const char *mail_wrong(const struct smtp *c, const struct message *m)
{
	const struct limits_conf *limits = &c->snap->config->limits;

	if (limits->message && m->declared_size > limits->message)
		return "552 5.3.4 message too large";
	if (m->sender.is_utf8 && !m->is_utf8)
		return "553 5.6.7 non-ASCII address without SMTPUTF8";
	return NULL;
}

static const char *start_mail(struct smtp *c, struct str args)
{
	struct message *m = message_start(c->s);
	const char *wrong = address_path(m->arena, &args, true, true, &m->sender);

	if (wrong || !ends_well(args)) {
		smtp_replyf(c, "501 5.1.7 bad sender address: %s", wrong ? wrong : "text behind it");
		return "";
	}
	if (args.n && !c->s->is_esmtp)
		return "555 5.5.4 parameters need EHLO";
	wrong = mail_params(m->arena, args, m);
	return wrong ? wrong : mail_wrong(c, m);
}

/* "" was answered already but counts; what is merely not permitted (550, 552) does not. */
static void wrong_command(struct smtp *c, const char *wrong)
{
	const struct limits_conf *limits = &c->snap->config->limits;

	if (strncmp(wrong, "55", 2) == 0 && wrong[2] != '5')
		smtp_reply(c, wrong);
	else if (wrong[0])
		smtp_error(c, wrong);
	else if (++c->errors >= (unsigned)limits->errors)
		smtp_bye(c, "421 4.7.0 too many errors, closing");
}

void smtp_mail(struct smtp *c, struct str args)
{
	const char *wrong;

	if (c->conf->tls_required && !c->is_tls) {
		/* A reload can ask for TLS, keys come with a restart. */
		smtp_error(c, smtp_tls(c) ? "530 5.7.0 say STARTTLS first" : "454 4.7.0 TLS is required and not available");
		return;
	}
	if (!skip_keyword(&args, STR("FROM:"))) {
		smtp_error(c, "501 5.5.4 expected MAIL FROM:<address>");
		return;
	}
	wrong = start_mail(c, args);
	if (wrong) {
		smtp_message_end(c);
		wrong_command(c, wrong);
		return;
	}
	smtp_stage(c, STAGE_MAIL, mail_judged);
}

/* ---- RCPT ---- */

static void rcpt_judged(struct smtp *c, const struct verdict *v)
{
	struct message *m = c->s->message;
	bool is_kept = c->is_postmaster || !smtp_verdict_refuses(v);

	if (!is_kept) {
		c->has_failed_rcpt = true;
		smtp_refuse(c, v);
		m->current = NULL;
		return;
	}
	m->current->verdict = c->message_decided ? c->message_decided : verdict_keep(m->arena, v);
	recipient_keep(m);
	c->commands--; /* the recipient limit bounds these */
	smtp_reply(c, "250 2.1.5 recipient ok");
}

/*
 * user%elsewhere@ours, elsewhere!user@ours, "user@elsewhere"@ours: an old way to ask the next server
 * to relay. What does not name a domain there is a local part like any other.
 */
static bool asks_to_relay(struct str local)
{
	ptrdiff_t percent, bang, at_sign;

	if (local.n >= 2 && local.p[0] == '"')
		local = str_sub(local, 1, local.n - 2);
	percent = str_rchr(local, '%');
	bang = str_chr(local, '!');
	at_sign = str_rchr(local, '@');
	return (percent >= 0 && domain_is_valid(str_from(local, (size_t)percent + 1), true)) ||
	    (at_sign >= 0 && domain_is_valid(str_from(local, (size_t)at_sign + 1), true)) ||
	    (bang >= 0 && domain_is_valid(str_sub(local, 0, (size_t)bang), true));
}

static bool is_ours(const struct smtp *c, struct arena *a, struct str domain)
{
	struct str ascii;

	return domain_to_ascii(a, domain, &ascii) && routes_find(c->snap->routes, ascii);
}

/* <postmaster> without a domain is always taken (RFC 5321 4.5.1) and goes to the configured one. */
static void set_postmaster(struct smtp *c, struct arena *a, struct address *address)
{
	const struct config *config = c->snap->config;
	struct str text = config->postmaster;

	if (text.n == 0)
		text = arena_printf(a, "postmaster@%.*s", STR_ARG(config->hostname));
	if (address_parse(a, text, true, address))
		*address = (struct address){.text = text, .local = text, .domain = STR("")};
}

/* In the log as a refusal by policy is, for somebody will ask. */
static const char *deny_relay(const struct smtp *c, struct message *m, const struct address *address)
{
	struct str reply = arena_printf(m->arena, "550 5.7.1 relaying denied (%s)", m->id);
	char ip[IP_TEXT_MAX];
	struct log_line l;

	if (!log_wants(LOG_LEVEL_INFO))
		return reply.p;
	l = log_start(LOG_LEVEL_INFO, "refused");
	log_text(&l, "id", str_of(m->id));
	log_text(&l, "session", str_of(c->s->id));
	log_text(&l, "stage", STR("rcpt"));
	log_text(&l, "client", ip_format(&c->s->client, ip));
	log_text(&l, "helo", c->s->helo);
	log_text(&l, "from", m->sender.text);
	log_text(&l, "rcpt", address->text);
	log_text(&l, "verdict", STR("reject"));
	log_text(&l, "reply", reply);
	log_end(&l);
	return reply.p;
}

static const char *rcpt_wrong(const struct smtp *c, struct message *m, const struct address *address)
{
	if (address->is_utf8 && !m->is_utf8)
		return "553 5.6.7 non-ASCII address without SMTPUTF8";
	if (c->is_postmaster)
		return NULL;
	if (!is_ours(c, m->arena, address->domain) || asks_to_relay(address->local))
		return deny_relay(c, m, address);
	return NULL;
}

static const char *start_rcpt(struct smtp *c, struct str args)
{
	struct message *m = c->s->message;
	struct address address;
	const char *wrong = address_path(m->arena, &args, false, true, &address);

	if (wrong || !ends_well(args)) {
		smtp_replyf(c, "501 5.1.3 bad recipient address: %s", wrong ? wrong : "text behind it");
		return "";
	}
	if (args.n && !c->s->is_esmtp)
		return "555 5.5.4 parameters need EHLO";
	c->is_postmaster = address.domain.n == 0;
	if (c->is_postmaster)
		set_postmaster(c, m->arena, &address);
	wrong = rcpt_wrong(c, m, &address);
	return wrong ? wrong : rcpt_params(m->arena, args, recipient_start(m, &address));
}

/* What a transaction that only ever fails takes is bounded by the number of commands, and charged. */
static bool has_room(const struct smtp *c)
{
	return c->s->message->recipients < (size_t)c->snap->config->limits.recipients;
}

void smtp_rcpt(struct smtp *c, struct str args)
{
	const char *wrong;

	if (!skip_keyword(&args, STR("TO:"))) {
		smtp_error(c, "501 5.5.4 expected RCPT TO:<address>");
		return;
	}
	if (!has_room(c)) {
		smtp_reply(c, "452 4.5.3 too many recipients");
		return;
	}
	if (!smtp_charge(c)) {
		smtp_count(&smtp_stats(c)->shed);
		smtp_reply(c, "452 4.3.1 out of memory, try again later");
		return;
	}
	wrong = start_rcpt(c, args);
	if (wrong) {
		c->s->message->current = NULL;
		c->has_failed_rcpt = true;
		wrong_command(c, wrong);
		return;
	}
	smtp_stage(c, STAGE_RCPT, rcpt_judged);
}
