/* Eval functions over the MIME structure: encodings, charsets, alternatives. One pass, kept. */
#include "rules/evals/evals_private.h"

#include <stdlib.h>

enum { CHARSETS_MAX = 50 };

static bool has_word(struct str s, const char *word)
{
	return str_ifind(s, str_of(word)) >= 0;
}

static struct str part_field(struct eval_call *c, const struct mime_part *p, const char *name)
{
	const struct header *h = headers_get(&p->headers, name, 0);

	return h ? str_lower(c->m->t->arena, str_trim(header_unfold(c->m->t->arena, h->value))) : STR("");
}

/* Printable characters that need no encoding, in one quoted-printable line. */
static size_t needless_escapes(struct str line)
{
	size_t n = 0, trailing = 0;

	for (size_t i = 0; i + 2 < line.n; i++) {
		int high, low, value;
		if (line.p[i] != '=')
			continue;
		high = hex_value(line.p[i + 1]);
		low = hex_value(line.p[i + 2]);
		if (high < 0 || low < 0 || is_alpha(line.p[i + 1]) || (line.p[i + 2] >= 'a' && line.p[i + 2] <= 'f'))
			continue;
		value = high * 16 + low;
		if (value == 0x09 || (value >= 0x30 && value <= 0x3f && value != 0x3d) ||
		    (value >= 0x20 && value <= 0x7e && high != 3))
			n++;
	}
	for (size_t i = line.n; i >= 3; i -= 3) {
		struct str last = str_sub(line, i - 3, 3);
		if (!str_is(last, "=20") && !str_is(last, "=09"))
			break;
		trailing++;
	}
	return n > trailing ? n - trailing : 0;
}

struct part_look {
	struct str encoding, disposition, charset;
	bool is_plain, is_html;
};

static void look_at_line(struct mime_counts *m, const struct part_look *p, struct str line, size_t *normal,
    size_t *unicode)
{
	struct str bare = line.n && line.p[line.n - 1] == '\r' ? str_sub(line, 0, line.n - 1) : line;

	if (str_is(p->encoding, "quoted-printable")) {
		m->qp_bytes += bare.n + 1;
		m->qp_escapes += needless_escapes(bare);
	}
	if (str_is(p->encoding, "base64") && bare.n + 1 > m->base64_line)
		m->base64_line = bare.n + 1;
	if (!p->is_plain)
		return;
	if (p->charset.n == 0 || str_is(p->charset, "us-ascii"))
		m->ascii_illegal += !str_is_ascii(bare) || (bare.n && (memchr(bare.p, '\0', bare.n) ||
		                                                          memchr(bare.p, '\r', bare.n)));
	if (p->encoding.n == 0) {
		size_t entities = 0;
		for (size_t i = 0; i + 8 <= bare.n; i++) {
			bool is_entity = bare.p[i] == '&' && bare.p[i + 1] == '#' && bare.p[i + 2] == 'x' && bare.p[i + 7] == ';';
			for (size_t k = 3; is_entity && k < 7; k++)
				is_entity = hex_value(bare.p[i + k]) >= 0 && !(bare.p[i + k] >= 'a');
			entities += is_entity;
		}
		*normal += bare.n + 1 - entities * 8;
		*unicode += entities;
	}
}

static void look_at_head(struct eval_call *c, struct mime_counts *m, const struct mime_part *part,
    struct part_look *p)
{
	p->encoding = part_field(c, part, "Content-Transfer-Encoding");
	p->disposition = part_field(c, part, "Content-Disposition");
	p->charset = part->charset;
	p->is_plain = str_is(part->type, "text/plain");
	p->is_html = str_is(part->type, "text/html");
	m->html += p->is_html;
	m->text += !p->is_html && str_starts(part->type, STR("text"));
	m->base64 += has_word(p->encoding, "base64");
	m->qp += !has_word(p->encoding, "base64") && has_word(p->encoding, "quoted-printable");
	m->attachments += has_word(p->disposition, "attachment");
	m->alternative |= str_is(part->type, "multipart/alternative");
	if (str_starts(part->type, STR("text")) && has_word(p->encoding, "base64") &&
	    (p->charset.n == 0 || has_word(p->charset, "ascii")) &&
	    !str_starts(p->disposition, STR("attachment")) && !str_starts(p->disposition, STR("inline")))
		m->base64_text = true;
	if (p->charset.n && m->charset_count < CHARSETS_MAX)
		m->charsets[m->charset_count++] = p->charset;
}

struct sizes {
	size_t text, html;
	bool has_text, has_html;
};

static void look_at_part(struct eval_call *c, struct mime_counts *m, struct mime_part *part, struct sizes *sizes,
    size_t *normal, size_t *unicode)
{
	struct part_look p;
	struct str body = part->body, line;
	size_t lines = 0;
	bool is_attached;

	look_at_head(c, m, part, &p);
	if (part->first)
		return;
	is_attached = has_word(p.disposition, "attachment");
	while (body.n && str_split(&body, '\n', &line) && ++lines < TARGET_LINES_MAX)
		look_at_line(m, &p, line, normal, unicode);
	if (m->alternative && !is_attached && p.is_plain) {
		sizes->text = part->body.n;
		sizes->has_text = true;
	}
	if (m->alternative && !is_attached && p.is_html) {
		sizes->html = part->body.n;
		sizes->has_html = true;
	}
}

const struct mime_counts *eval_mime_counts(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);
	struct sizes sizes = {0};
	size_t normal = 0, unicode = 0;

	if (s->mime)
		return s->mime;
	s->mime = arena_alloc(c->m->t->arena, sizeof *s->mime);
	s->mime->ratio = 1;
	s->mime->charsets = arena_array(c->m->t->arena, CHARSETS_MAX, sizeof *s->mime->charsets);
	if (!c->m->t->mime)
		return s->mime;
	for (struct mime_part *p = c->m->t->mime->root; p; p = mime_next(p)) {
		look_at_part(c, s->mime, p, &sizes, &normal, &unicode);
		s->mime->missing_boundary |= (p->anomalies & MIME_MISSING_END) != 0;
	}
	if (normal)
		s->mime->unicode_ratio = (double)unicode / (double)normal;
	if (sizes.has_text && sizes.has_html && sizes.html)
		s->mime->ratio = (double)sizes.text / (double)sizes.html;
	return s->mime;
}

static double check_for_mime(struct eval_call *c)
{
	const struct mime_counts *m = eval_mime_counts(c);
	struct str what = eval_arg(c, 0);
	const struct {
		const char *name;
		bool value;
	} rows[] = {
	    {"mime_attachment", m->attachments > 0},
	    {"mime_bad_iso_charset", m->bad_iso_charset},
	    {"mime_base64_count", m->base64 > 0},
	    {"mime_base64_encoded_text", m->base64_text},
	    {"mime_body_html_count", m->html > 0},
	    {"mime_body_text_count", m->text > 0},
	    {"mime_missing_boundary", m->missing_boundary},
	    {"mime_multipart_alternative", m->alternative},
	    /* 4.0.1 meant to count escapes and long lines of such parts, but compares the encoding with
	     * its line end: what its scores are made for is "has such a part", and never. */
	    {"mime_qp_count", m->qp > 0},
	    {"mime_qp_long_line", false},
	    {"mime_ascii_text_illegal", m->ascii_illegal > 0},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_is(what, rows[i].name))
			return rows[i].value;
	return 0;
}

static double mime_html(struct eval_call *c)
{
	return eval_mime_counts(c)->html > 0;
}

static double mime_html_only(struct eval_call *c)
{
	const struct mime_counts *m = eval_mime_counts(c);

	if (str_istarts(str_trim(eval_header(c, "Content-Type", 0)), STR("text/html")))
		return 1;
	return m->html > 0 && m->text == 0;
}

static double multipart_ratio(struct eval_call *c)
{
	double ratio = eval_mime_counts(c)->ratio;

	return ratio >= eval_number(c, 0, 0) && ratio < eval_number(c, 1, 1e9);
}

static double qp_ratio(struct eval_call *c)
{
	const struct mime_counts *m = eval_mime_counts(c);

	return m->qp_bytes && (double)m->qp_escapes / (double)m->qp_bytes >= eval_number(c, 0, 0);
}

static double ascii_illegal(struct eval_call *c)
{
	return eval_mime_counts(c)->ascii_illegal > 0;
}

static double unicode_ratio(struct eval_call *c)
{
	double ratio = eval_mime_counts(c)->unicode_ratio;

	return ratio >= eval_number(c, 0, 0) && (c->n < 2 || ratio < eval_number(c, 1, 1e9));
}

static double base64_length(struct eval_call *c)
{
	double n = (double)eval_mime_counts(c)->base64_line;

	return n >= eval_number(c, 0, 0) && (c->n < 2 || str_is(eval_arg(c, 1), "inf") || n <= eval_number(c, 1, 1e9));
}

/* Something else than text inside multipart/alternative. */
static double ma_non_text(struct eval_call *c)
{
	if (!c->m->t->mime)
		return 0;
	for (struct mime_part *p = c->m->t->mime->root; p; p = mime_next(p)) {
		bool inside = false;
		for (const struct mime_part *up = p->parent; up; up = up->parent)
			inside |= str_is(up->type, "multipart/alternative");
		if (inside && !p->first && !str_starts(p->type, STR("text/")) && !str_is(p->type, "application/rtf") &&
		    !str_is(p->type, "multipart/related") && str_is(p->parent->type, "multipart/alternative"))
			return 1;
	}
	return 0;
}

/* Delimiter lines of a multipart: what follows them. */
struct delimiters {
	bool lacks_headers; /* a part starts with something else than a field */
	bool has_epilogue;  /* text behind the closing one */
};

static bool is_field_line(struct str line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
		n++;
	return n > 0 && n < line.n && line.p[n] == ':';
}

static void look_at_delimiters(const struct mime_part *part, struct str boundary, struct delimiters *out)
{
	struct str rest = part->body, line;
	bool after_open = false, closed = false;

	while (rest.n && str_split(&rest, '\n', &line)) {
		struct str bare = str_trim(line), tail;
		if (after_open && !is_field_line(line))
			out->lacks_headers = true;
		after_open = false;
		if (closed) {
			out->has_epilogue |= bare.n > 0;
			continue;
		}
		if (!str_starts(bare, STR("--")) || !str_starts(str_from(bare, 2), boundary))
			continue;
		tail = str_from(bare, 2 + boundary.n);
		closed = str_is(tail, "--");
		after_open = tail.n == 0 && rest.n > 0;
	}
}

static struct delimiters delimiters(struct eval_call *c)
{
	struct delimiters out = {false, false};

	for (struct mime_part *p = c->m->t->mime ? c->m->t->mime->root : NULL; p; p = mime_next(p)) {
		const struct mime_param *boundary = mime_param(p, "boundary");
		if (p->first && boundary && boundary->value.n && str_starts(p->type, STR("multipart/")))
			look_at_delimiters(p, boundary->value, &out);
	}
	return out;
}

static double parse_flags(struct eval_call *c)
{
	struct str what = eval_arg(c, 0);
	const struct headers *h = c->m->t->headers;

	if (str_is(what, "missing_head_body_separator"))
		return !h->has_end;
	if (str_is(what, "truncated_header") || str_is(what, "truncated_headers"))
		return h->is_over;
	if (str_is(what, "missing_mime_headers"))
		return delimiters(c).lacks_headers;
	if (str_is(what, "mime_epilogue_exists"))
		return delimiters(c).has_epilogue;
	if (!str_is(what, "missing_mime_head_body_separator") || !c->m->t->mime)
		return 0;
	for (struct mime_part *p = c->m->t->mime->root; p; p = mime_next(p))
		if (p->parent && p->anomalies & MIME_HEADER_WITHOUT_COLON)
			return 1;
	return 0;
}

bool eval_shouts_by_charset(struct eval_call *c)
{
	const struct mime_counts *m = eval_mime_counts(c);

	for (size_t i = 0; i < m->charset_count; i++) {
		struct str word = arena_printf(c->m->t->arena, "=?%.*s?", STR_ARG(m->charsets[i]));
		if (eval_like(c, P_CAPS_CHARSET, word))
			return true;
	}
	return false;
}

const struct eval_def eval_mime_table[] = {
    {"check_abundant_unicode_ratio", unicode_ratio, NULL},
    {"check_base64_length", base64_length, NULL},
    {"check_for_ascii_text_illegal", ascii_illegal, NULL},
    {"check_for_mime", check_for_mime, NULL},
    {"check_for_mime_html", mime_html, NULL},
    {"check_for_mime_html_only", mime_html_only, NULL},
    {"check_ma_non_text", ma_non_text, NULL},
    {"check_mime_multipart_ratio", multipart_ratio, NULL},
    {"check_msg_parse_flags", parse_flags, NULL},
    {"check_qp_ratio", qp_ratio, NULL},
    {NULL, NULL, NULL},
};
