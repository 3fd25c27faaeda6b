/*
 * The parser of MIME structure: a stack of open parts, and one scan for lines that begin with "--".
 * What stands between two delimiters is never looked at twice in one reading. Messages inside of an
 * encoded message/rfc822 wait in a queue until the scan of the text around them is done.
 */
#include "core/content/mime.h"

#include <assert.h>

#include "core/content/decode.h"
#include "core/content/mime_private.h"
#include "core/spool.h"

bool mime_is_multipart(const struct mime_part *part)
{
	return str_starts(part->type, STR("multipart/"));
}

bool mime_is_message(const struct mime_part *part)
{
	return str_is(part->type, "message/rfc822") || str_is(part->type, "message/global");
}

static bool has_parts(const struct mime_part *part)
{
	return part->first && !part->first->is_alternative_reading;
}

bool mime_is_leaf(const struct mime_part *part)
{
	return !mime_is_multipart(part) && !(mime_is_message(part) && has_parts(part));
}

bool mime_is_hollow(const struct mime_part *part)
{
	return mime_is_multipart(part) && !has_parts(part);
}

bool mime_has_content(const struct mime_part *part)
{
	return mime_is_leaf(part) || mime_is_hollow(part) ||
	    (mime_is_message(part) && part->encoding != MIME_IDENTITY);
}

static struct open_part *top(struct parser *p)
{
	return p->depth ? &p->stack[p->depth - 1] : NULL;
}

/* These hold reports and references. Of all others some program may think that a message is inside. */
static const char *const report_types[] = {
    "delivery-status", "disposition-notification", "feedback-report", "global-delivery-status",
    "global-disposition-notification", "global-headers", "tracking-status", "external-body", "http", "s-http",
    "sip", "sipfrag", "cpim", "imdn+xml",
};

bool mime_is_other_message(const struct mime_part *part)
{
	struct str sub = str_from(part->type, 8);

	if (!str_starts(part->type, STR("message/")) || mime_is_message(part))
		return false;
	for (size_t i = 0; i < sizeof report_types / sizeof *report_types; i++)
		if (str_is(sub, report_types[i]))
			return false;
	return true;
}

/* True for what has a message inside in this reading. */
static bool opens_message(struct parser *p, const struct mime_part *part)
{
	if (mime_is_message(part))
		return true;
	if (!mime_is_other_message(part) && !part->claims_message)
		return false;
	p->doubts |= READ_MESSAGE;
	return p->reading & READ_MESSAGE;
}

/* What the scan saw since the last event belongs to the innermost open part. */
static void take_sweep(struct parser *p)
{
	struct sweep *s = &p->sweep;
	struct open_part *open = top(p);
	uint32_t seen = (s->has_nul ? MIME_NUL : 0) | (s->has_bare_cr ? MIME_BARE_CR : 0) |
	    (s->has_long_line ? MIME_LONG_LINE : 0);

	if (p->line_end == END_UNKNOWN && (s->has_crlf || s->has_lf))
		p->line_end = s->has_crlf ? END_CRLF : END_LF;
	if (p->line_end == END_CRLF ? s->has_lf : s->has_crlf)
		seen |= MIME_BARE_LF;
	if (open) {
		open->part->anomalies |= seen;
		open->part->has_begin_line |= s->has_begin;
	}
	if (s->has_bare_cr)
		p->doubts |= READ_BARE_CR | READ_DROP_CR;
	s->has_nul = s->has_bare_cr = s->has_crlf = s->has_lf = s->has_long_line = s->has_begin = false;
}

/* ---- delimiters ---- */

struct match {
	unsigned level; /* in the stack */
	bool is_close;
};

static bool match_one(const struct parser *p, unsigned i, struct str line, struct str closed,
    struct match *ret_match)
{
	const struct open_part *o = &p->stack[i];

	if (!o->is_multipart)
		return false;
	if (str_eq(line, o->boundary))
		*ret_match = (struct match){i, false};
	else if (closed.p && str_eq(closed, o->boundary))
		*ret_match = (struct match){i, true};
	else if ((p->reading & READ_PREFIX) && o->boundary.n && str_starts(line, o->boundary))
		*ret_match = (struct match){i, str_starts(str_from(line, o->boundary.n), STR("--"))};
	else
		return false;
	return true;
}

/* Lines that only begin with a boundary in use: another reading takes them. */
static void note_prefix(struct parser *p, struct str line)
{
	for (unsigned i = 0; i < p->depth; i++) {
		if (p->stack[i].is_multipart && p->stack[i].boundary.n &&
		    str_starts(line, p->stack[i].boundary)) {
			p->stack[i].part->anomalies |= MIME_BOUNDARY_PREFIX;
			p->doubts |= READ_PREFIX;
		}
	}
}

/*
 * line: behind "--", without line end. The innermost level wins, open ones before those that have
 * seen their closing delimiter.
 */
static bool match_line(const struct parser *p, struct str line, struct match *ret_match)
{
	struct str closed = STR_NONE;
	unsigned found = p->depth;
	struct match m;

	while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	if (str_ends(line, STR("--")))
		closed = str_sub(line, 0, line.n - 2);
	for (unsigned k = 0; k < p->depth; k++) {
		unsigned i = p->reading & READ_OUTERMOST ? k : p->depth - 1 - k;

		if (!match_one(p, i, line, closed, &m))
			continue;
		if (found == p->depth || p->stack[found].is_closed)
			*ret_match = m, found = i;
		if (!p->stack[i].is_closed)
			break;
	}
	return found < p->depth;
}

/* ---- parts begin ---- */

static struct mime_part *add_part(struct parser *p, struct mime_part *parent, struct mime_part **after)
{
	struct mime_part *part;

	if ((int64_t)p->mime->part_count >= p->mime->limits->mime_parts) {
		p->is_full = true;
		parent->anomalies |= MIME_PART_LIMIT;
		return NULL;
	}
	part = arena_alloc(p->arena, sizeof *part);
	part->parent = parent;
	part->depth = parent ? parent->depth + 1 : 0;
	if (*after)
		(*after)->next = part;
	else if (parent)
		parent->first = part;
	*after = part;
	p->mime->part_count++;
	return part;
}

bool mime_is_delimiter(const struct parser *p, struct str line)
{
	struct match m;

	return str_starts(line, STR("--")) && match_line(p, str_from(line, 2), &m);
}

struct str mime_line_of(struct str text, size_t at)
{
	struct str line = str_from(text, at);
	ptrdiff_t end = str_chr(line, '\n');

	if (end >= 0)
		line.n = (size_t)end;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* Messages inside of messages may still have the line that mailboxes put in front. */
static size_t skip_from_line(struct str text, size_t at)
{
	struct str rest = str_from(text, at);
	ptrdiff_t end;

	if (!str_starts(rest, STR("From ")) && !str_starts(rest, STR(">From ")))
		return at;
	end = str_chr(rest, '\n');
	return end < 0 ? at : at + (size_t)end + 1;
}

static void wait_for_decoding(struct parser *p, struct mime_part *part, bool is_multipart,
    struct str boundary)
{
	if (p->queue_tail == MIME_QUEUE_MAX) {
		part->anomalies |= MIME_DEPTH_LIMIT;
		return;
	}
	p->queue[p->queue_tail++] = (struct waiting){part, is_multipart, boundary};
}

static void note_duplicate(struct parser *p, struct open_part *o)
{
	for (unsigned i = 0; i + 1 < p->depth; i++) {
		if (!p->stack[i].is_multipart || !str_eq(p->stack[i].boundary, o->boundary))
			continue;
		o->part->anomalies |= MIME_DUPLICATE_BOUNDARY;
		p->doubts |= READ_OUTERMOST;
	}
}

static void open_multipart(struct parser *p, struct open_part *o, struct str boundary)
{
	struct mime_part *part = o->part;

	if (part->encoding != MIME_IDENTITY) {
		part->anomalies |= MIME_ENCODED_MULTIPART;
		p->doubts |= READ_DECODED;
		if (p->reading & READ_DECODED) {
			wait_for_decoding(p, part, true, boundary);
			return;
		}
	}
	if (boundary.n && boundary.n <= MIME_BOUNDARY_MAX) {
		o->boundary = boundary;
		o->is_multipart = true;
		note_duplicate(p, o);
		return;
	}
	part->anomalies |= MIME_MISSING_BOUNDARY;
	p->doubts |= READ_GUESSED;
	o->is_guessing = (p->reading & READ_GUESSED) != 0;
}

static bool is_digest(const struct mime_part *parent)
{
	return parent && str_is(parent->type, "multipart/digest");
}

/*
 * Begins a part at `at` under the innermost open one (or as the first of its text, under parent).
 * A message/rfc822 begins the part inside at once, hence the loop.
 */
static void begin_part(struct parser *p, size_t at, struct mime_part *parent, struct mime_part **after,
    const struct headers *given)
{
	for (;;) {
		struct mime_part *part = add_part(p, parent, after);
		struct open_part *o;
		struct str boundary;
		size_t body;

		if (!part)
			return;
		body = mime_read_header(p, part, at, given);
		given = NULL;
		p->doubts |= mime_read_fields(p->arena, part, p->reading, is_digest(parent), &boundary);
		assert(p->depth < MIME_STACK_MAX);
		o = &p->stack[p->depth++];
		*o = (struct open_part){.part = part};
		part->offset = body;
		part->body = str_from(p->text, body);
		sweep_start(&p->sweep, p->text, body);
		if (!mime_is_multipart(part) && !opens_message(p, part))
			return;
		if (part->depth >= p->mime->limits->mime_depth || p->depth >= MIME_STACK_MAX) {
			part->anomalies |= MIME_DEPTH_LIMIT;
			return;
		}
		if (mime_is_multipart(part)) {
			open_multipart(p, o, boundary);
			return;
		}
		if (part->encoding != MIME_IDENTITY) {
			wait_for_decoding(p, part, false, STR_NONE);
			return;
		}
		at = skip_from_line(p->text, body);
		parent = part;
		after = &o->last_child;
	}
}

/* ---- parts end ---- */

static void close_part(struct parser *p, size_t end)
{
	struct open_part *o = top(p);
	struct mime_part *part = o->part;

	if (!o->is_elsewhere)
		part->body.n = end > part->offset ? end - part->offset : 0;
	if (o->is_multipart && !o->is_closed)
		part->anomalies |= MIME_MISSING_END;
	if (o->is_multipart && !o->last_child) {
		part->anomalies |= MIME_MISSING_BOUNDARY;
		p->doubts |= READ_GUESSED;
	}
	if (str_is(part->type, "message/partial"))
		p->mime->is_partial = true;
	if (str_is(part->type, "message/external-body"))
		p->mime->is_external_body = true;
	p->mime->anomalies |= part->anomalies;
	p->depth--;
}

/* The line end in front of a delimiter belongs to it. */
static size_t end_before(struct str text, size_t line)
{
	size_t end = line;

	if (end && text.p[end - 1] == '\n')
		end--;
	if (end < line && end && text.p[end - 1] == '\r')
		end--;
	return end;
}

static bool is_behind_end(struct parser *p, const struct match *m)
{
	struct open_part *o = &p->stack[m->level];

	if (!o->is_closed)
		return false;
	o->part->anomalies |= MIME_DATA_BEHIND_END;
	p->doubts |= READ_BEHIND_END;
	return true;
}

static size_t behind_line_end(struct str text, size_t at)
{
	if (at < text.n && text.p[at] == '\r')
		at++;
	if (at < text.n && text.p[at] == '\n')
		at++;
	return at;
}

static void guess_boundary(struct open_part *o, struct str line)
{
	if (!o || !o->is_guessing)
		return;
	o->boundary = str_sub(line, 0, MIME_BOUNDARY_MAX);
	while (o->boundary.n && is_space((unsigned char)o->boundary.p[o->boundary.n - 1]))
		o->boundary.n--;
	o->is_guessing = false;
	o->is_multipart = true;
}

/* A multipart that has a boundary, but where its lines say something else. */
static bool guess_again(struct parser *p, struct str line)
{
	struct open_part *o = top(p);

	if (!(p->reading & READ_GUESSED) || !o || !o->is_multipart || o->last_child || o->is_closed)
		return false;
	o->is_guessing = true;
	guess_boundary(o, line);
	return true;
}

/* What stands at `line` begins with "--". The scan goes on behind it, in the part that it begins. */
static void handle_line(struct parser *p, size_t line)
{
	struct str text = mime_line_of(p->text, line + 2);
	struct match m;

	p->sweep.at = line + 2;
	guess_boundary(top(p), text);
	if (!match_line(p, text, &m) && !(guess_again(p, text) && match_line(p, text, &m))) {
		note_prefix(p, text);
		return;
	}
	if (is_behind_end(p, &m))
		return;
	take_sweep(p);
	while (p->depth > m.level + 1)
		close_part(p, end_before(p->text, line));
	if (m.is_close && !(p->reading & READ_BEHIND_END)) {
		p->stack[m.level].is_closed = true;
		return;
	}
	begin_part(p, behind_line_end(p->text, (size_t)(text.p + text.n - p->text.p)),
	    p->stack[m.level].part, &p->stack[m.level].last_child, NULL);
	if (p->spool)
		spool_passed(p->spool, line);
}

static void scan(struct parser *p)
{
	size_t line;

	while (!p->is_full && sweep_dashes(&p->sweep, &line))
		handle_line(p, line);
	take_sweep(p);
	while (p->depth)
		close_part(p, p->text.n);
}

/* ---- content that must be decoded first ---- */

static struct str decode_body(struct parser *p, struct mime_part *part)
{
	struct str name;

	if (part->body.n > p->decode_budget) {
		part->anomalies |= MIME_DEPTH_LIMIT;
		return STR_NONE;
	}
	p->decode_budget -= part->body.n;
	if (part->encoding == MIME_BASE64)
		return decode_base64(p->arena, part->body, &part->anomalies);
	if (part->encoding == MIME_QUOTED_PRINTABLE)
		return decode_quoted_printable(p->arena, part->body, &part->anomalies);
	return decode_uuencode(p->arena, part->body, &part->anomalies, &name);
}

static void parse_waiting(struct parser *p, const struct waiting *w)
{
	struct mime_part *none = NULL;

	p->text = decode_body(p, w->part);
	p->spool = NULL;
	p->line_end = END_UNKNOWN;
	if (!p->text.n || p->is_full)
		return;
	if (w->is_multipart) {
		p->stack[p->depth++] = (struct open_part){.part = w->part, .boundary = w->boundary,
		    .is_multipart = true, .is_elsewhere = true};
		sweep_start(&p->sweep, p->text, 0);
	} else {
		begin_part(p, skip_from_line(p->text, 0), w->part, &none, NULL);
	}
	scan(p);
}

uint32_t mime_read_once(struct parser *p, struct str message, const struct headers *headers)
{
	struct mime_part *none = NULL;
	const struct headers *top_headers;

	p->text = message;
	p->decode_budget = message.n * 2;
	begin_part(p, 0, NULL, &none, headers);
	p->mime->root = p->stack[0].part;
	top_headers = &p->mime->root->headers;
	if (top_headers->n)
		p->line_end = str_ends(top_headers->v[0].raw, STR("\r\n")) ? END_CRLF : END_LF;
	scan(p);
	while (p->queue_head < p->queue_tail)
		parse_waiting(p, &p->queue[p->queue_head++]);
	p->mime->anomalies |= p->mime->root->anomalies;
	return p->doubts & ~p->reading;
}
