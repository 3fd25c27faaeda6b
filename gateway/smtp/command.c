/* The verbs: one row each with function, the phases in which it may come, and help. */
#include "gateway/smtp/private.h"

enum needs {
	ANYTIME = 0,
	NEEDS_HELO = 1,		/* after HELO or EHLO */
	NEEDS_NO_MESSAGE = 2,	/* not between MAIL and the end of the message */
	NEEDS_MESSAGE = 4,
	IS_SECRET = 8,		/* not in HELP, unknown to those who may not */
};

struct verb {
	const char *name;
	void (*run)(struct smtp *c, struct str args);
	unsigned needs;
	const char *help;
};

static void noop(struct smtp *c, struct str args)
{
	(void)args;
	smtp_reply(c, "250 2.0.0 ok");
}

static void rset(struct smtp *c, struct str args)
{
	if (args.n) {
		smtp_error(c, "501 5.5.4 RSET takes no argument");
		return;
	}
	smtp_message_end(c);
	smtp_reply(c, "250 2.0.0 ok");
}

static void quit(struct smtp *c, struct str args)
{
	(void)args;
	smtp_reply(c, "221 2.0.0 bye");
	smtp_end(c, false);
}

static void vrfy(struct smtp *c, struct str args)
{
	if (args.n == 0)
		smtp_error(c, "501 5.5.4 VRFY takes an address");
	else
		smtp_reply(c, "252 2.5.2 cannot verify, but will accept mail for our domains");
}

static void expn(struct smtp *c, struct str args)
{
	(void)args;
	smtp_error(c, "502 5.5.1 EXPN is not offered");
}

static void help(struct smtp *c, struct str args);

static const struct verb verbs[] = {
    {"HELO", smtp_helo, ANYTIME, "HELO host"},
    {"EHLO", smtp_ehlo, ANYTIME, "EHLO host"},
    {"MAIL", smtp_mail, NEEDS_HELO | NEEDS_NO_MESSAGE, "MAIL FROM:<address> [SIZE= BODY= SMTPUTF8 RET= ENVID=]"},
    {"RCPT", smtp_rcpt, NEEDS_HELO | NEEDS_MESSAGE, "RCPT TO:<address> [NOTIFY= ORCPT=]"},
    {"DATA", smtp_data, NEEDS_HELO | NEEDS_MESSAGE, "DATA"},
    {"BDAT", smtp_bdat, ANYTIME, "BDAT octets [LAST]"},
    {"RSET", rset, ANYTIME, "RSET"},
    {"NOOP", noop, ANYTIME, "NOOP"},
    {"QUIT", quit, ANYTIME, "QUIT"},
    {"VRFY", vrfy, ANYTIME, "VRFY address"},
    {"EXPN", expn, ANYTIME, "EXPN is refused"},
    {"HELP", help, ANYTIME, "HELP"},
    {"STARTTLS", smtp_starttls, NEEDS_NO_MESSAGE, "STARTTLS"},
    {"XCLIENT", smtp_xclient, IS_SECRET, "XCLIENT attribute=value ..."},
};

static void help(struct smtp *c, struct str args)
{
	(void)args;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!(verbs[i].needs & IS_SECRET))
			smtp_replyf(c, "214-2.0.0 %s", verbs[i].help);
	smtp_reply(c, "214 2.0.0 end of help");
}

static const struct verb *find(struct str name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (str_iis(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* The text of the reply when the verb may not come now. */
static const char *out_of_order(const struct smtp *c, const struct verb *v)
{
	if (v->needs & NEEDS_HELO && !c->has_helo)
		return "503 5.5.1 say EHLO first";
	if (v->needs & NEEDS_MESSAGE && !c->s->message)
		return "503 5.5.1 say MAIL first";
	if (v->needs & NEEDS_NO_MESSAGE && c->s->message)
		return "503 5.5.1 a message is under way already";
	/* RFC 3030: between chunks only BDAT, RSET and harmless verbs. */
	if (c->is_bdat && (v->run == smtp_rcpt || v->run == smtp_data))
		return "503 5.5.1 chunks of the message were sent already";
	return NULL;
}

/* After a 554 banner. */
static void refused(struct smtp *c, const struct verb *v)
{
	if (v && v->run == quit)
		quit(c, STR_NONE);
	else
		smtp_error(c, "503 5.5.1 refused, only QUIT is possible");
}

void smtp_command(struct smtp *c, struct str line)
{
	const struct verb *v;
	struct str name, args;
	const char *wrong;

	smtp_count(&smtp_stats(c)->commands);
	smtp_trace(c, "in", line);
	if (++c->commands > (unsigned)c->snap->config->limits.commands) {
		smtp_bye(c, "421 4.7.0 too many commands, closing");
		return;
	}
	line_split(line, &name, &args);
	v = find(name);
	if (!line_is_clean(line)) {
		smtp_error(c, v ? "501 5.5.2 control character in command" : "500 5.5.2 control character");
		return;
	}
	if (c->mode == MODE_REFUSED) {
		refused(c, v);
		return;
	}
	if (!v) {
		smtp_error(c, "500 5.5.2 unknown command");
		return;
	}
	wrong = out_of_order(c, v);
	if (wrong)
		smtp_error(c, wrong);
	else
		v->run(c, args);
}
