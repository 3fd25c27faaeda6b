/*
 * BDAT (RFC 3030). The octets of a chunk are content whatever the reply will be: each chunk is
 * read to its last octet, or the connection ends, so that content never becomes commands.
 */
#include "gateway/smtp/private.h"
#include "lib/clock.h"

enum {
	DRAIN_MORE = 64 * 1024 * 1024,
	CHUNK_LEAST = 1024 /* a chunk of less counts as a command; of more, the size of messages bounds them */
};

/* "octets [LAST]" */
static bool parse(struct str args, uint64_t *ret_n, bool *ret_is_last)
{
	struct str word;

	*ret_is_last = false;
	if (!str_word(&args, &word))
		return false;
	/* A number that we cannot even hold is a number still: far too large. */
	if (!str_u64(word, ret_n)) {
		for (size_t i = 0; i < word.n; i++)
			if (!is_digit((unsigned char)word.p[i]))
				return false;
		*ret_n = UINT64_MAX;
	}
	if (!str_word(&args, &word))
		return true;
	*ret_is_last = str_iis(word, "LAST");
	return *ret_is_last && !str_word(&args, &word);
}

/*
 * What is wrong before an octet of the chunk was read. With any of it the transaction is over (RFC 3030 part 2): a
 * message whose beginning was refused must not be completed by the chunks behind it.
 */
static const char *refuse(struct smtp *c, uint64_t n)
{
	struct message *m = c->s->message;
	uint64_t max = c->snap->config->limits.message;

	if (!c->has_helo)
		return "503 5.5.1 say EHLO first";
	if (!m)
		return "503 5.5.1 say MAIL first";
	if (m->recipients == 0)
		return c->has_failed_rcpt ? "554 5.5.1 no valid recipients" : "503 5.5.1 say RCPT first";
	if (max && (n > max || (m->spool && spool_size(m->spool) > max - n)))
		return "552 5.3.4 message too large";
	return c->is_bdat ? NULL : smtp_receive_start(c, true);
}

static void chunk_end(struct smtp *c)
{
	uint64_t size;

	c->mode = MODE_COMMAND;
	if (!c->failure && c->is_last_chunk) {
		if (content_finish(c->reader) == CONTENT_BARE) {
			smtp_smuggled(c);
			return;
		}
		if (!c->failure && c->reader->has_long_line)
			c->failure = "554 5.6.0 a line of the message is too long";
	}
	if (c->failure && c->is_bdat) {
		smtp_receive_failed(c);
		return;
	}
	if (c->failure) {
		/* The chunk belonged to no message. */
		smtp_error(c, c->failure);
		c->failure = NULL;
		return;
	}
	size = spool_size(c->s->message->spool);
	if (c->received >= CHUNK_LEAST)
		c->commands--;
	if (c->is_last_chunk)
		smtp_finish(c);
	else
		smtp_replyf(c, "250 2.0.0 %llu octets so far", (unsigned long long)size);
}

void smtp_bdat(struct smtp *c, struct str args)
{
	uint64_t n;
	const char *wrong;

	if (!parse(args, &n, &c->is_last_chunk)) {
		/* Nobody knows how much content follows. */
		smtp_bye(c, "501 5.5.4 expected BDAT octets [LAST], closing");
		return;
	}
	wrong = refuse(c, n);
	if (wrong && n > c->snap->config->limits.message + DRAIN_MORE) {
		/* More than we would ever throw away. */
		smtp_bye(c, wrong);
		return;
	}
	if (wrong) {
		smtp_message_end(c);
		c->failure = wrong;
	}
	c->chunk_left = n;
	c->received = 0;
	c->data_us = clock_mono_us();
	c->mode = MODE_BDAT;
}

bool smtp_bdat_input(struct smtp *c)
{
	struct str in = conn_input_piece(c->conn);
	size_t n = c->chunk_left < in.n ? (size_t)c->chunk_left : in.n, used;

	if (c->chunk_left == 0) {
		chunk_end(c);
		return true;
	}
	if (n == 0)
		return false;
	if (!c->failure && content_feed(c->reader, str_sub(in, 0, n), &used) == CONTENT_BARE) {
		smtp_smuggled(c);
		return false;
	}
	conn_consume(c->conn, n);
	c->chunk_left -= n;
	c->received += n;
	if (c->chunk_left == 0)
		return true;
	if (smtp_too_slow(c))
		return false;
	smtp_header_look(c);
	return true;
}
