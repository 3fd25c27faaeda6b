/* What goes to the client: one place that writes, counts errors, traces and ends. */
#include <stdio.h>

#include "gateway/smtp/private.h"
#include "lib/log.h"

/* A reply line; longer texts (of policies) are cut, control characters cannot pass. */
static void write_line(struct smtp *c, struct str text)
{
	char line[REPLY_MAX + 2];
	size_t n = text.n < REPLY_MAX ? text.n : REPLY_MAX;

	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)text.p[i];

		line[i] = ch < 32 || ch == 127 ? ' ' : (char)ch;
	}
	memcpy(line + n, "\r\n", 2);
	smtp_trace(c, "out", (struct str){line, n});
	conn_write(c->conn, (struct str){line, n + 2});
}

void smtp_reply(struct smtp *c, const char *text)
{
	if (smtp_is_open(c))
		write_line(c, str_of(text));
}

void smtp_replyf(struct smtp *c, const char *format, ...)
{
	char text[REPLY_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	smtp_reply(c, text);
}

void smtp_error(struct smtp *c, const char *text)
{
	smtp_reply(c, text);
	if (++c->errors >= (unsigned)c->snap->config->limits.errors)
		smtp_bye(c, "421 4.7.0 too many errors, closing");
}

void smtp_bye(struct smtp *c, const char *text)
{
	smtp_reply(c, text);
	smtp_end(c, true);
}

struct str smtp_refusal(struct smtp *c, const struct verdict *v)
{
	struct session *s = c->s;
	struct str reply = judge_reply(stage_arena(s, c->stage), v, s->message ? s->message->id : s->id);

	smtp_count(&smtp_stats(c)->refused_stages);
	judge_log_refused(s, c->stage, v, reply);
	return reply;
}

void smtp_refuse(struct smtp *c, const struct verdict *v)
{
	struct str reply = smtp_refusal(c, v);

	if (!smtp_is_open(c))
		return;
	write_line(c, reply);
	if (v->code == 421 || v->code == 521)
		smtp_end(c, true);
}
