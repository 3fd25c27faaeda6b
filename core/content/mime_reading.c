/*
 * All plausible readings of a message, united: the first one gives the tree; each doubt that it met
 * is read the other way, and so are the doubts that only show up then. Bounded in readings and in
 * octets; where a reading had to be left out, the message counts as ambiguous.
 */
#include "core/content/mime_private.h"

#include "core/session.h"
#include "core/spool.h"

enum { READINGS_MAX = 32, ORIGIN_STEP = 4096, COPY_MAX = 16 * 1024 * 1024, READ_BYTES_MAX = 256 * 1024 * 1024 };

/* Programs are known to differ on these, even where our own readings agree. */
enum { AMBIGUOUS = MIME_DUPLICATE_BOUNDARY | MIME_DUPLICATE_TYPE | MIME_DUPLICATE_ENCODING |
	MIME_CONFLICTING_NAMES | MIME_ENCODED_MULTIPART };

struct union_of {
	struct arena *arena;
	struct mime *mime; /* of the first reading; takes what others add */
	struct str message, with_lf, without_cr; /* copies, made at first use */
	size_t *origins; /* where every ORIGIN_STEP-th octet of without_cr stands in the message */
	const struct headers *headers;
	uint32_t plan[READINGS_MAX];
	size_t planned;
	size_t budget; /* octets that may still be read */
};

static void plan(struct union_of *u, uint32_t reading)
{
	for (size_t i = 0; i < u->planned; i++)
		if (u->plan[i] == reading)
			return;
	if (u->planned < READINGS_MAX)
		u->plan[u->planned++] = reading;
	else
		u->mime->is_ambiguous = true;
}

/* What ends a line changes all that is read: other doubts may be settled in either way beside it. */
static void plan_line_ends(struct union_of *u, uint32_t reading, uint32_t doubts)
{
	for (uint32_t end = 1; end < 1u << READINGS; end <<= 1)
		for (uint32_t bit = 1; (doubts & end & (READ_BARE_CR | READ_DROP_CR)) && bit < 1u << READINGS; bit <<= 1)
			if (doubts & bit & ~(uint32_t)(READ_BARE_CR | READ_DROP_CR))
				plan(u, reading | end | bit);
}

/* All doubts together, then each alone, on top of what the reading had already. */
static void plan_all(struct union_of *u, uint32_t reading, uint32_t doubts)
{
	if (!doubts)
		return;
	plan(u, reading | doubts);
	if (doubts & READ_DROP_CR) /* only one of the two can be read at a time */
		plan(u, (reading | doubts) & ~(uint32_t)READ_BARE_CR);
	for (uint32_t bit = 1; bit < 1u << READINGS; bit <<= 1)
		if (doubts & bit)
			plan(u, reading | bit);
	plan_line_ends(u, reading, doubts);
}

static bool is_lone_cr(struct str in, size_t i)
{
	return in.p[i] == '\r' && (i + 1 == in.n || in.p[i + 1] != '\n');
}

static struct str with_line_feeds(struct arena *a, struct str in)
{
	char *out = (char *)arena_str(a, in).p;

	for (size_t i = 0; i < in.n; i++)
		if (is_lone_cr(in, i))
			out[i] = '\n';
	return (struct str){out, in.n};
}

static void drop_lone_crs(struct union_of *u)
{
	struct str in = u->message;
	char *out = arena_alloc(u->arena, in.n + 1);
	size_t n = 0;

	u->origins = arena_array(u->arena, in.n / ORIGIN_STEP + 1, sizeof *u->origins);
	for (size_t i = 0; i < in.n; i++) {
		if (is_lone_cr(in, i))
			continue;
		if (n % ORIGIN_STEP == 0)
			u->origins[n / ORIGIN_STEP] = i;
		out[n++] = in.p[i];
	}
	u->without_cr = (struct str){out, n};
}

/* Where octet `at` of the copy without lone CRs stands in the message; at the end: the message's end. */
static size_t origin(const struct union_of *u, size_t at)
{
	size_t n = at / ORIGIN_STEP * ORIGIN_STEP, i;

	if (at >= u->without_cr.n)
		return u->message.n;
	for (i = u->origins[at / ORIGIN_STEP]; is_lone_cr(u->message, i) || n < at; i++)
		n += !is_lone_cr(u->message, i);
	return i;
}

/*
 * Bodies found in a copy are slices of the message again, so that parts that are the same in all
 * readings are known to be. Quoted-printable keeps the copy: a lone CR behind "=" matters there.
 */
static void point_back(const struct union_of *u, struct mime_part *root, struct str copy)
{
	for (struct mime_part *part = root; part; part = mime_next(part)) {
		size_t from = (size_t)(part->body.p - copy.p);

		if (part->body.p < copy.p || part->body.p > copy.p + copy.n)
			continue;
		if (copy.p == u->with_lf.p) {
			part->body.p = u->message.p + from;
		} else if (part->encoding != MIME_QUOTED_PRINTABLE) {
			part->offset = origin(u, from);
			part->body = str_sub(u->message, part->offset, origin(u, from + part->body.n) - part->offset);
		}
	}
}

/* The octets that a reading looks at; empty when it cannot be made. */
static struct str text_of(struct union_of *u, uint32_t reading)
{
	if (!(reading & (READ_BARE_CR | READ_DROP_CR)))
		return u->message;
	if (u->message.n > COPY_MAX)
		return STR_NONE;
	if (reading & READ_BARE_CR) {
		if (!u->with_lf.p)
			u->with_lf = with_line_feeds(u->arena, u->message);
		return u->with_lf;
	}
	if (!u->without_cr.p)
		drop_lone_crs(u);
	return u->without_cr;
}

/* Returns the doubts of this reading. */
static uint32_t read_otherwise(struct union_of *u, uint32_t reading)
{
	struct mime other = {.arena = u->arena, .limits = u->mime->limits};
	struct parser p = {.arena = u->arena, .mime = &other, .reading = reading};
	struct str text = text_of(u, reading);
	uint32_t doubts;

	if (!text.n || text.n > u->budget) {
		u->mime->is_ambiguous = true;
		return 0;
	}
	u->budget -= text.n;
	doubts = mime_read_once(&p, text, text.p == u->message.p ? u->headers : NULL);
	if (text.p != u->message.p)
		point_back(u, other.root, text);
	u->mime->is_partial |= other.is_partial;
	u->mime->is_external_body |= other.is_external_body;
	if (mime_unite(u->mime, other.root))
		u->mime->is_ambiguous = true;
	return doubts;
}

struct mime *mime_parse_body(struct arena *a, struct str message, const struct headers *headers,
    struct spool *spool, const struct parse_limits *limits)
{
	struct mime *mime = arena_alloc(a, sizeof *mime);
	struct parser first = {.arena = a, .mime = mime, .spool = spool};
	struct union_of u = {.arena = a, .mime = mime, .message = message, .headers = headers, .budget = READ_BYTES_MAX};
	uint32_t doubts, known;

	mime->arena = a;
	mime->limits = limits;
	doubts = known = mime_read_once(&first, message, headers);
	mime->is_ambiguous = (mime->anomalies & AMBIGUOUS) != 0;
	plan_all(&u, 0, doubts);
	for (size_t i = 0; i < u.planned; i++) {
		doubts = read_otherwise(&u, u.plan[i]);
		plan_all(&u, u.plan[i], doubts & ~known);
		known |= doubts;
	}
	mime_list_inner(mime);
	return mime;
}

struct mime *mime_parse(struct arena *a, struct str message, struct spool *spool)
{
	return mime_parse_body(a, message, NULL, spool, &parse_limits_default);
}

struct mime *message_mime(struct message *m)
{
	if (!m->mime)
		m->mime = mime_parse_body(m->arena, spool_data(m->spool), &m->headers, m->spool, m->limits);
	return m->mime;
}
