/*
 * The header section of a message of which the rest is still on its way: its stage comes at once, so
 * that what is refused costs no more work, look-ups go on while the body comes, and filters see the
 * body as it comes. A message that one read brought as a whole never gets here: finish.c has it all.
 */
#include "gateway/smtp/private.h"
#include "lib/clock.h"

/*
 * Octets up to the end of the section, when it or its limit has been reached. Above the limit whole lines
 * count only: a field name that a read has cut is no line that ends the section.
 */
static bool find_end(struct smtp *c, struct str beginning, size_t *ret_n)
{
	static const struct str end = {"\r\n\r\n", 4};
	size_t from = c->searched < end.n ? 0 : c->searched - end.n;
	ptrdiff_t at = str_find(str_from(beginning, from), end);

	if (str_starts(beginning, STR("\r\n"))) {
		*ret_n = 2;
		return beginning.n > 2;
	}
	if (at >= 0) {
		*ret_n = from + (size_t)at + end.n;
		return true;
	}
	c->searched = beginning.n;
	*ret_n = (size_t)(str_rchr(beginning, '\n') + 1);
	return *ret_n > c->s->message->limits->header_bytes;
}

static void judged(struct smtp *c, const struct verdict *v)
{
	/* The time was ours, not the client's. */
	c->data_us += clock_mono_us() - c->header_us;
	if (!smtp_verdict_refuses(v)) {
		smtp_header_decided(c, v);
		return;
	}
	smtp_receive_fail(c, smtp_refusal(c, v).p);
	c->is_refused = true;
}

/* A copy, for the spool moves while it grows. */
static const char *take(struct smtp *c, struct str section)
{
	struct message *m = c->s->message;

	section = arena_str(m->arena, section);
	c->has_header = true;
	c->header = section.p;
	headers_parse_within(m->arena, section, m->limits, &m->headers);
	return content_headers_wrong(&m->headers, c->snap->config->limits.hops);
}

void smtp_header_look(struct smtp *c)
{
	struct message *m = c->s->message;
	struct str beginning;
	const char *wrong;
	size_t n;

	if (c->failure || c->has_header)
		return;
	beginning = spool_beginning(m->spool);
	if (beginning.n == 0 || !find_end(c, beginning, &n))
		return;
	wrong = take(c, str_sub(beginning, 0, n));
	if (wrong) {
		smtp_receive_fail(c, wrong);
		return;
	}
	chain_data(c->s, str_from(beginning, m->headers.body));
	c->header_us = clock_mono_us();
	smtp_stage(c, STAGE_HEADER, judged);
}
