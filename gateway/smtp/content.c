/*
 * The strict content reader (TRAPS: SMTP smuggling). Lines are found with memchr and handed to the
 * sink in runs as long as the input allows; only line starts and ends are looked at octet by octet.
 */
#include "gateway/smtp/wire.h"

enum state {
	LINE_START,
	IN_LINE,
	CR,	/* behind a CR that is not in the sink yet */
	DOT,	/* behind the first dot of a line, which is not in the sink */
	DOT_CR, /* behind dot and CR */
};

void content_start(struct content_reader *r, bool has_dots, bool is_lax, size_t line_max,
    bool (*sink)(void *arg, struct str run), void *arg)
{
	*r = (struct content_reader){.has_dots = has_dots, .is_lax = is_lax, .line_max = line_max,
	    .sink = sink, .arg = arg, .state = LINE_START};
}

static bool put(struct content_reader *r, const char *from, const char *to)
{
	return from == to || r->sink(r->arg, str_range(from, to));
}

static void count(struct content_reader *r, size_t n)
{
	r->line += n;
	if (r->line > r->line_max)
		r->has_long_line = true;
}

/* A CR that nothing belongs to, when the next octet is known not to be LF. */
static enum content_step bare_cr(struct content_reader *r)
{
	if (!r->is_lax)
		return CONTENT_BARE;
	count(r, 1);
	r->state = IN_LINE;
	return r->sink(r->arg, STR(" ")) ? CONTENT_MORE : CONTENT_SINK;
}

/* A LF without CR: with lax it ends the line, but the next one is not looked at for dots. */
static enum content_step bare_lf(struct content_reader *r)
{
	if (!r->is_lax)
		return CONTENT_BARE;
	r->line = 0;
	r->state = IN_LINE;
	return r->sink(r->arg, STR("\r\n")) ? CONTENT_MORE : CONTENT_SINK;
}

/* The next CR and LF; looked up again only when they were passed, so that no input costs twice. */
struct marks {
	const char *end, *cr, *lf; /* end: there is none */
};

static const char *find(const char *p, const char *end, char c)
{
	const char *at = memchr(p, c, (size_t)(end - p));

	return at ? at : end;
}

static void marks_move(struct marks *m, const char *p)
{
	if (m->cr < p)
		m->cr = find(p, m->end, '\r');
	if (m->lf < p)
		m->lf = find(p, m->end, '\n');
}

/*
 * Whole lines and the beginning of the last one, from p on, as one run. Stops at everything that
 * is not plain text and CRLF: a dot at a line start, a bare CR or LF, a CR at the end of the input.
 */
static const char *plain_run(struct content_reader *r, struct marks *m, const char *p)
{
	while (p < m->end) {
		const char *stop;

		if (r->state == LINE_START && r->has_dots && *p == '.')
			return p;
		marks_move(m, p);
		stop = m->cr < m->lf ? m->cr : m->lf;
		count(r, (size_t)(stop - p));
		if (m->lf == m->end || m->lf != m->cr + 1) {
			if (stop > p)
				r->state = IN_LINE;
			return stop;
		}
		r->line = 0;
		r->state = LINE_START;
		p = m->lf + 1;
	}
	return p;
}

/* One octet where plain_run() stopped: it is a dot, CR or LF. */
static enum content_step special(struct content_reader *r, char c)
{
	if (c == '.') {
		r->state = DOT;
		return CONTENT_MORE;
	}
	if (c == '\r') {
		r->state = CR;
		return CONTENT_MORE;
	}
	return bare_lf(r);
}

static enum content_step behind_cr(struct content_reader *r, char c, bool *ret_taken)
{
	*ret_taken = c == '\n';
	if (c != '\n')
		return bare_cr(r);
	r->line = 0;
	r->state = LINE_START;
	return r->sink(r->arg, STR("\r\n")) ? CONTENT_MORE : CONTENT_SINK;
}

/* The dot was transparency and is gone, unless a line end comes at once. */
static enum content_step behind_dot(struct content_reader *r, char c, bool *ret_taken)
{
	*ret_taken = c == '\r';
	r->state = c == '\r' ? DOT_CR : IN_LINE;
	return CONTENT_MORE;
}

static enum content_step behind_dot_cr(struct content_reader *r, char c, bool *ret_taken)
{
	*ret_taken = c == '\n';
	return c == '\n' ? CONTENT_END : bare_cr(r);
}

enum content_step content_feed(struct content_reader *r, struct str in, size_t *ret_used)
{
	const char *p = in.p, *end = in.p + in.n;
	enum content_step step = CONTENT_MORE;

	*ret_used = 0;
	if (in.n == 0)
		return step;
	struct marks marks = {end, find(p, end, '\r'), find(p, end, '\n')};

	while (p < end && step == CONTENT_MORE) {
		bool taken = true;

		if (r->state == CR) {
			step = behind_cr(r, *p, &taken);
		} else if (r->state == DOT) {
			step = behind_dot(r, *p, &taken);
		} else if (r->state == DOT_CR) {
			step = behind_dot_cr(r, *p, &taken);
		} else {
			const char *stop = plain_run(r, &marks, p);

			if (!put(r, p, stop))
				step = CONTENT_SINK;
			p = stop;
			taken = step == CONTENT_MORE && p < end;
			if (taken)
				step = special(r, *p);
		}
		p += taken;
	}
	*ret_used = (size_t)(p - in.p);
	return step;
}

enum content_step content_finish(struct content_reader *r)
{
	enum content_step step = CONTENT_MORE;

	if (r->state == CR)
		step = bare_cr(r);
	if (step == CONTENT_MORE && r->state == IN_LINE && r->line > 0)
		step = r->sink(r->arg, STR("\r\n")) ? CONTENT_MORE : CONTENT_SINK;
	return step;
}

const char *content_headers_wrong(const struct headers *h, int64_t hops_max)
{
	if (h->is_over)
		return "552 5.3.4 header section too large";
	if (headers_count(h, "Received") > (size_t)hops_max)
		return "554 5.4.6 too many hops, this mail is looping";
	return NULL;
}
