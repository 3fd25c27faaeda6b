/* The connect stage and the banner; HELO and EHLO with what we offer. */
#include "gateway/smtp/private.h"

/* ---- connect ---- */

void smtp_forget_helo(struct smtp *c)
{
	struct session *s = c->s;

	smtp_message_end(c);
	session_forget_helo(s);
	s->helo = STR("");
	s->is_esmtp = false;
	c->session_decided = c->connect_decided;
	c->has_helo = false;
}

static void say_banner(struct smtp *c)
{
	smtp_replyf(c, "220 %.*s ESMTP", STR_ARG(c->s->hostname));
}

/* XCLIENT told the HELO name too: as if it had been said. */
static void xclient_helo(struct smtp *c, const struct verdict *v)
{
	if (smtp_verdict_refuses(v)) {
		smtp_refuse(c, v);
		smtp_forget_helo(c);
		return;
	}
	c->has_helo = true;
	if (!c->session_decided)
		c->session_decided = verdict_keep(c->s->arena, v);
	say_banner(c);
}

static void banner(struct smtp *c, const struct verdict *v)
{
	if (c->home->server->is_draining) {
		smtp_bye(c, "421 4.3.2 shutting down");
		return;
	}
	if (smtp_verdict_refuses(v)) {
		/* RFC 5321 3.1: after 554 the client may only say QUIT. */
		c->mode = MODE_REFUSED;
		smtp_refuse(c, v);
		if (v->kind == VERDICT_TEMPFAIL)
			smtp_end(c, true);
		return;
	}
	c->mode = MODE_COMMAND;
	c->connect_decided = c->session_decided = verdict_keep(c->s->arena, v);
	if (c->is_xclient && c->s->helo.n)
		smtp_stage(c, STAGE_HELO, xclient_helo);
	else
		say_banner(c);
}

void smtp_greet(struct smtp *c)
{
	c->mode = MODE_GREET;
	smtp_stage(c, STAGE_CONNECT, banner);
}

/* ---- HELO, EHLO ---- */

static const char *const offers[] = {"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"};

static void line(struct smtp *c, bool is_last, const char *text)
{
	smtp_replyf(c, "250%c%s", is_last ? ' ' : '-', text);
}

static void ehlo_lines(struct smtp *c)
{
	size_t n = sizeof offers / sizeof *offers;

	smtp_replyf(c, "250-%.*s", STR_ARG(c->s->hostname));
	if (smtp_tls(c) && !c->is_tls)
		line(c, false, "STARTTLS");
	if (smtp_may_xclient(c))
		line(c, false, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
	if (c->snap->config->limits.message)
		smtp_replyf(c, "250-SIZE %llu", (unsigned long long)c->snap->config->limits.message);
	else
		line(c, false, "SIZE");
	for (size_t i = 0; i < n; i++)
		line(c, i + 1 == n, offers[i]);
}

static void greeted(struct smtp *c, const struct verdict *v)
{
	if (smtp_verdict_refuses(v)) {
		smtp_refuse(c, v);
		smtp_forget_helo(c);
		return;
	}
	if (!c->session_decided)
		c->session_decided = verdict_keep(c->s->arena, v);
	c->has_helo = true;
	if (c->s->is_esmtp)
		ehlo_lines(c);
	else
		smtp_replyf(c, "250 %.*s", STR_ARG(c->s->hostname));
}

static bool has_blank(struct str s)
{
	return str_chr(s, ' ') >= 0 || str_chr(s, '\t') >= 0;
}

static void hello(struct smtp *c, struct str args, bool is_esmtp)
{
	if (args.n == 0 || args.n > ADDRESS_DOMAIN_MAX || has_blank(args) || !str_is_utf8(args)) {
		smtp_error(c, "501 5.5.4 HELO and EHLO take one host name");
		return;
	}
	if (++c->helos > HELO_MAX) {
		smtp_bye(c, "421 4.7.0 too many greetings, closing");
		return;
	}
	smtp_forget_helo(c);
	c->s->helo = arena_str(c->s->arena, args);
	c->s->is_esmtp = is_esmtp;
	smtp_stage(c, STAGE_HELO, greeted);
}

void smtp_helo(struct smtp *c, struct str args)
{
	hello(c, args, false);
}

void smtp_ehlo(struct smtp *c, struct str args)
{
	hello(c, args, true);
}
