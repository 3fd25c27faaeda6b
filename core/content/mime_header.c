/*
 * The header section of one part: where it ends, what is odd about it, and the other reading of
 * lines in it that are no fields.
 */
#include "core/content/mime_private.h"

/* A boundary with a colon makes its delimiters look like fields: the section ends there. */
static void cut_at_delimiter(struct parser *p, struct headers *h, struct str text)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].name.p[0] != '-' || !mime_is_delimiter(p, mime_line_of(h->v[i].raw, 0)))
			continue;
		h->n = i;
		h->body = h->broken_at = (size_t)(h->v[i].raw.p - text.p);
		h->has_end = false;
	}
}

static bool has_content_field(const struct headers *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_istarts(h->v[i].name, STR("content-")))
			return true;
	return false;
}

static void append_headers(struct arena *a, struct headers *to, const struct headers *more, size_t base)
{
	struct header *v = arena_array(a, to->n + more->n, sizeof *v);

	if (to->n)
		memcpy(v, to->v, to->n * sizeof *v);
	if (more->n)
		memcpy(v + to->n, more->v, more->n * sizeof *v);
	to->v = v;
	to->n += more->n;
	to->body = base + more->body;
	to->has_end = more->has_end;
	to->is_over |= more->is_over;
}

enum { BROKEN_LINES_MAX = 20 };

/* A body that is decoded or parsed, so that one more line on top of it changes the rest. */
static bool is_structured(const struct headers *h)
{
	const struct header *type = headers_get(h, "content-type", 0);

	return headers_count(h, "content-transfer-encoding") > 0 ||
	    (type && str_istarts(str_trim(type->value), STR("message/")));
}

/*
 * The other reading of a line without colon among the fields: it is skipped. Only where it makes a
 * difference: fields that matter follow, or the line would be decoded as part of the body.
 */
static void read_over_broken(struct parser *p, struct headers *h, struct str text, enum reading bit)
{
	struct headers all = *h, more = {0};
	size_t at = h->broken_at ? h->broken_at : h->body;
	bool is_worth_it = false;

	for (int i = 0; i < BROKEN_LINES_MAX && !all.has_end && at < text.n; i++) {
		struct str line = mime_line_of(text, at);
		if (mime_is_delimiter(p, line))
			break;
		at = (size_t)(line.p + line.n - text.p);
		while (at < text.n && text.p[at++] != '\n')
			;
		headers_parse_within(p->arena, str_from(text, at), p->mime->limits, &more);
		cut_at_delimiter(p, &more, str_from(text, at));
		is_worth_it |= has_content_field(&more) || (more.has_end && is_structured(h));
		append_headers(p->arena, &all, &more, at);
		at = all.body;
	}
	if (!is_worth_it || (int64_t)all.n > p->mime->limits->headers)
		return;
	p->doubts |= bit;
	if (p->reading & bit)
		*h = all;
}

static void note_header_oddities(struct parser *p, struct mime_part *part, struct str text)
{
	const struct headers *h = &part->headers;

	part->anomalies |= (h->is_over ? MIME_HEADER_LIMIT : 0) | (h->has_8bit ? MIME_8BIT_HEADER : 0) |
	    (h->has_nul || h->has_bare_cr ? MIME_CONTROL_HEADER : 0) | (h->has_bare_lf ? MIME_BARE_LF : 0);
	if (h->has_end)
		return;
	if (h->body < text.n && mime_is_delimiter(p, mime_line_of(text, h->body)))
		part->anomalies |= MIME_HEADER_WITHOUT_BODY;
	else if (h->body < text.n)
		part->anomalies |= MIME_HEADER_WITHOUT_COLON;
	else
		part->anomalies |= MIME_HEADER_WITHOUT_BODY;
}

size_t mime_read_header(struct parser *p, struct mime_part *part, size_t at, const struct headers *given)
{
	struct str rest = str_from(p->text, at);

	if (given) {
		part->headers = *given;
	} else {
		headers_parse_within(p->arena, rest, p->mime->limits, &part->headers);
		cut_at_delimiter(p, &part->headers, rest);
	}
	note_header_oddities(p, part, rest);
	if (part->headers.has_bare_cr)
		p->doubts |= READ_BARE_CR | READ_DROP_CR;
	if (part->anomalies & MIME_HEADER_WITHOUT_COLON)
		read_over_broken(p, &part->headers, rest, part->parent ? READ_OVER_BROKEN : READ_OVER_BROKEN_TOP);
	return at + part->headers.body;
}
