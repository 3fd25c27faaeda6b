/*
 * Text of a message in the shapes that rules match. The order of parts, the folding of blanks and
 * the cutting into lines and chunks are those of SpamAssassin 4.0.1, because its rules depend on
 * them (^, $, distances); what is done here in place of Perl's Unicode blanks is one pass.
 */
#include "core/content/content.h"

#include "core/html/html.h"
#include "core/content/pdf.h"
#include "core/session.h"
#include "lib/block.h"

enum { BLANK_LINES_MAX = 20, TWINS_MAX = 32, BEYOND_MAX = 200 };

struct lines {
	struct str *v;
	size_t n, room;
};

struct maker {
	struct arena *arena;
	struct mime *mime;
	struct content *content;
	struct buf text, hidden; /* of all parts, before folding */
	size_t budget;		 /* octets of decoded text that may still be looked at */
	struct lines raw;
	struct urls beyond; /* of all parts, before those whose hosts are known go */
};

static void add_line(struct arena *a, struct lines *l, struct str line)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct str *more = arena_array(a, room, sizeof *more);
		if (l->n)
			memcpy(more, l->v, l->n * sizeof *more);
		l->v = more;
		l->room = room;
	}
	l->v[l->n++] = line;
}

/* ---- folding ---- */

/* Octets of the blank at the start of s: ASCII, or one of Unicode's; 0 when it is none. */
static size_t blank_length(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (p[0] == ' ' || (p[0] >= '\t' && p[0] <= '\r'))
		return 1;
	if (p[0] == 0xc2)
		return s.n > 1 && (p[1] == 0xa0 || p[1] == 0x85) ? 2 : 0;
	if (s.n < 3 || (p[0] != 0xe1 && p[0] != 0xe2 && p[0] != 0xe3))
		return 0;
	if (p[0] == 0xe1) /* U+1680 */
		return p[1] == 0x9a && p[2] == 0x80 ? 3 : 0;
	if (p[0] == 0xe3) /* U+3000 */
		return p[1] == 0x80 && p[2] == 0x80 ? 3 : 0;
	if (p[1] == 0x80) /* U+2000-200A, 2028, 2029, 202F */
		return p[2] <= 0x8a || p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf ? 3 : 0;
	return p[1] == 0x81 && p[2] == 0x9f ? 3 : 0; /* U+205F */
}

/*
 * A run of blanks becomes one; with two line ends in it, it becomes a line end, keeping a blank in
 * front of the first and behind the last when there was one.
 */
static size_t fold_run(struct str in, size_t at, char **out)
{
	size_t start = at, first = SIZE_MAX, last = 0, n;

	while (at < in.n && (n = blank_length(str_from(in, at)))) {
		if (in.p[at] == '\n') {
			if (first == SIZE_MAX)
				first = at;
			last = at;
		}
		at += n;
	}
	if (first == SIZE_MAX || first == last) {
		*(*out)++ = ' ';
		return at;
	}
	if (first > start)
		*(*out)++ = ' ';
	*(*out)++ = '\n';
	if (last + 1 < at)
		*(*out)++ = ' ';
	return at;
}

/*
 * Copies as many whole blocks as have nothing to fold but single blanks; those become spaces. Other
 * controls, and octets that a blank of Unicode may begin with, stop it too.
 */
static size_t fold_blocks(struct str in, size_t at, char **out)
{
	for (; at + BLOCK < in.n; at += BLOCK, *out += BLOCK) {
		block here = block_load(in.p + at), next = block_load(in.p + at + 1);
		block is_blank = block_is(here, ' ') | block_within(here, '\t', '\r');
		block is_odd = ((block)(here < block_of(' ')) & ~is_blank) | (block)(here >= block_of(0xc2));
		block is_pair = is_blank & (block)(next <= block_of(' '));

		if (block_any(is_odd | is_pair | (is_blank & (block)(next >= block_of(0xc2)))))
			break;
		block_store(*out, (here & ~is_blank) | (block_of(' ') & is_blank));
	}
	return at;
}

/* What stands at `at`, up to `end` or the end of a run that begins before it. */
static size_t fold_octets(struct str in, size_t at, size_t end, char **out)
{
	while (at < end) {
		unsigned char c = (unsigned char)in.p[at];

		if (c > ' ' && c < 0xc2) {
			*(*out)++ = (char)c;
			at++;
		} else if (c == '\0') {
			*(*out)++ = '\n';
			at++;
		} else if (blank_length(str_from(in, at))) {
			at = fold_run(in, at, out);
		} else {
			*(*out)++ = (char)c;
			at++;
		}
	}
	return at;
}

static struct str folded(struct arena *a, struct str in)
{
	char *start = arena_room(a, in.n + 2), *out = start;

	for (size_t at = 0; at < in.n;) {
		at = fold_blocks(in, at, &out);
		at = fold_octets(in, at, at + BLOCK < in.n ? at + BLOCK : in.n, &out);
	}
	return (struct str){start, (size_t)(out - start)};
}

/* Lines with their line ends; longer ones are cut behind a blank. */
static void cut_lines(struct arena *a, struct lines *l, struct str text)
{
	while (text.n) {
		ptrdiff_t end = str_chr(text, '\n');
		struct str line = end < 0 ? text : str_sub(text, 0, (size_t)end + 1);

		text = str_from(text, line.n);
		while (line.n > CONTENT_LINE_MAX) {
			ptrdiff_t blank = str_rchr(str_sub(line, 0, CONTENT_LINE_MAX + 1), ' ');
			size_t n = blank < 0 ? CONTENT_LINE_MAX : (size_t)blank + 1;

			add_line(a, l, str_sub(line, 0, n));
			line = str_from(line, n);
		}
		add_line(a, l, line);
	}
}

/* ---- raw chunks ---- */

/* Place of c between one and two line lengths behind the start, or 0. */
static size_t cut_at(struct str text, char c)
{
	ptrdiff_t at = str_chr(str_sub(text, CONTENT_LINE_MAX, CONTENT_LINE_MAX), c);

	return at < 0 ? 0 : CONTENT_LINE_MAX + (size_t)at + 1;
}

static void cut_chunks(struct arena *a, struct lines *l, struct str text)
{
	bool was_short = text.n <= CONTENT_LINE_MAX;

	while (!was_short && text.n > 2 * CONTENT_LINE_MAX) {
		size_t n = cut_at(text, '\n');

		if (!n)
			n = cut_at(text, '>');
		if (!n)
			n = cut_at(text, ' ');
		if (!n)
			n = CONTENT_LINE_MAX + 1;
		add_line(a, l, str_sub(text, 0, n));
		text = str_from(text, n);
	}
	if (text.n || was_short)
		add_line(a, l, text);
}

static struct str with_plain_line_ends(struct arena *a, struct str in)
{
	char *start, *out;

	if (str_find(in, STR("\r\n")) < 0)
		return in;
	start = out = arena_room(a, in.n + 1);
	while (in.n) {
		ptrdiff_t at = str_find(in, STR("\r\n"));
		size_t n = at < 0 ? in.n : (size_t)at;

		memcpy(out, in.p, n);
		out += n;
		in = str_from(in, at < 0 ? n : n + 1);
	}
	return (struct str){start, (size_t)(out - start)};
}

/* Octets of the line end before the delimiter behind a part, which are no part of it (RFC 2046). */
static size_t delimiter_line_end(const struct mime_part *part)
{
	const struct mime_part *parent = part->parent;
	struct str outer = parent ? parent->body : STR_NONE;
	size_t at;

	/* A message in a part ends with it. */
	while (parent && !mime_is_multipart(parent) && part->body.p + part->body.n == outer.p + outer.n) {
		parent = parent->parent;
		outer = parent ? parent->body : STR_NONE;
	}
	if (!parent || !mime_is_multipart(parent) || part->body.p < outer.p ||
	    part->body.p + part->body.n >= outer.p + outer.n)
		return 0;
	at = (size_t)(part->body.p - outer.p) + part->body.n;
	if (outer.p[at] == '\n')
		return 1;
	return outer.p[at] == '\r' && at + 1 < outer.n && outer.p[at + 1] == '\n' ? 2 : 0;
}

/* For rules a part has that line end all the same: its last line ends as the others do. */
static struct str with_last_line_end(struct arena *a, const struct mime_part *part, struct str text)
{
	bool is_soft = part->encoding == MIME_QUOTED_PRINTABLE && part->body.n && part->body.p[part->body.n - 1] == '=';
	size_t n = delimiter_line_end(part);
	char *p;

	if (!n || is_soft || (part->encoding != MIME_IDENTITY && part->encoding != MIME_QUOTED_PRINTABLE))
		return text;
	/* It stands there already. */
	if (text.p == part->body.p && text.n == part->body.n)
		return (struct str){text.p, text.n + n};
	p = arena_alloc(a, text.n + 1);
	if (text.n)
		memcpy(p, text.p, text.n);
	p[text.n] = '\n';
	return (struct str){p, text.n + 1};
}

/* Lines before decoding end in LF for SpamAssassin: "=0D" and a line end are one CRLF there. */
static struct str plain_lines(struct maker *m, const struct mime_part *part, struct str text)
{
	text = with_last_line_end(m->arena, part, text);
	text = with_plain_line_ends(m->arena, text);
	if (part->encoding == MIME_QUOTED_PRINTABLE)
		text = with_plain_line_ends(m->arena, text);
	return text;
}

static bool is_blank_line(struct str line)
{
	for (size_t n; line.n; line = str_from(line, n))
		if (!(n = blank_length(line)))
			return false;
	return true;
}

/* At most 20 blank lines in a row, where nothing encodes them. */
static struct str without_long_gaps(struct arena *a, struct str in)
{
	struct str rest = in, line;
	char *start, *out;
	size_t gap = 0;

	if (str_find(in, STR("\n\n\n\n\n\n\n\n\n\n")) < 0)
		return in;
	start = out = arena_room(a, in.n + 1);
	while (str_split(&rest, '\n', &line)) {
		gap = is_blank_line(line) ? gap + 1 : 0;
		if (gap > BLANK_LINES_MAX)
			continue;
		if (line.n)
			memcpy(out, line.p, line.n);
		out += line.n;
		if (rest.p)
			*out++ = '\n';
	}
	return (struct str){start, (size_t)(out - start)};
}

/* Octets of the first n characters. */
static size_t octets_of(struct str text, size_t n)
{
	size_t at = 0;

	if (text.n <= n)
		return text.n;
	for (; at < text.n; at++)
		if (((unsigned char)text.p[at] & 0xc0) != 0x80 && n-- == 0)
			break;
	return at;
}

/* At most `max` octets, cut at the next of the signs if one is near. */
static struct str limited(struct maker *m, struct str text, size_t max, const char *signs)
{
	struct str near = str_sub(text, max, 1025);

	if (text.n <= max)
		return text;
	m->content->is_truncated = true;
	for (; *signs; signs++) {
		ptrdiff_t at = str_chr(near, *signs);
		if (at >= 0)
			return str_sub(text, 0, max + (size_t)at + 1);
	}
	return str_sub(text, 0, max);
}

/* ---- parts ---- */

static bool is_html_name(struct str name)
{
	return str_iends(name, STR(".html")) || str_iends(name, STR(".htm")) ||
	    str_iends(name, STR(".shtml")) || str_iends(name, STR(".shtm"));
}

static void count_html(struct html_facts *all, const struct html_facts *one)
{
	struct html_facts sum = *one;

	sum.tags += all->tags;
	sum.images += all->images;
	sum.links += all->links;
	sum.hidden_bytes += all->hidden_bytes;
	sum.visible_bytes += all->visible_bytes;
	sum.tiny_font += all->tiny_font;
	sum.low_contrast += all->low_contrast;
	sum.comments += all->comments;
	sum.scripts += all->scripts;
	sum.forms += all->forms;
	sum.iframes += all->iframes;
	sum.has_meta_refresh |= all->has_meta_refresh;
	sum.has_base |= all->has_base;
	sum.has_unclosed_quote |= all->has_unclosed_quote;
	*all = sum;
}

/* Blocks at the start that are ASCII, and how many blanks are in them. */
static size_t ascii_blocks(struct str text, size_t *ret_blanks)
{
	size_t at = 0;

	*ret_blanks = 0;
	for (; at + BLOCK <= text.n; at += BLOCK) {
		block here = block_load(text.p + at);

		if (block_bits(here))
			break;
		*ret_blanks += (size_t)__builtin_popcount(block_bits(block_is(here, ' ') | block_within(here, '\t', '\r')));
	}
	return at;
}

static void count_characters(struct html_facts *f, struct str text)
{
	f->html_length = f->non_space = 0;
	while (text.n) {
		size_t blanks, n = ascii_blocks(text, &blanks);

		f->html_length += n;
		f->non_space += n - blanks;
		text = str_from(text, n);
		for (n = 0; n < BLOCK && n < text.n; n++) {
			if (((unsigned char)text.p[n] & 0xc0) == 0x80)
				continue;
			f->html_length++;
			f->non_space += !blank_length(str_from(text, n));
		}
		text = str_from(text, n);
	}
}

/* Characters where the part is in UTF-8, octets where it is not. */
static size_t source_length(struct maker *m, struct mime_part *part)
{
	struct str text = plain_lines(m, part, mime_decoded(m->mime, part)), charset = part->charset;

	if (charset.n && !str_iis(charset, "utf-8") && !str_iis(charset, "us-ascii"))
		return text.n;
	return str_is_utf8(text) ? utf8_count(text) : text.n;
}

static void render_html(struct maker *m, struct mime_part *part, struct str source)
{
	struct content *c = m->content;
	struct html *html = arena_alloc(m->arena, sizeof *html);

	html_render(m->arena, source, html);
	part->html = html;
	count_characters(&html->facts, html->text);
	html->facts.source_length = source_length(m, part);
	count_html(&c->html, &html->facts);
	buf_add(&m->text, limited(m, html->text, octets_of(html->text, CONTENT_BODY_PART_MAX), "\n "));
	if (m->hidden.n)
		buf_addc(&m->hidden, '\n');
	buf_add(&m->hidden, html->hidden);
	c->urls.is_over |= html->is_over;
	urls_from_text(m->arena, &m->beyond, html->more, URL_FROM_HREF);
	for (size_t i = 0; i < html->link_count; i++) {
		const struct html_link *link = &html->links[i];
		bool is_image = strcmp(link->tag, "img") == 0 || strcmp(link->tag, "css") == 0;

		urls_add_tag(m->arena, link->is_beyond ? &m->beyond : &c->urls, link->url, is_image ? URL_FROM_IMAGE : URL_FROM_HREF,
		    link->anchor, link->tag);
	}
}

static void render(struct maker *m, struct mime_part *part, bool is_html)
{
	struct str own = mime_text(m->mime, part), text = plain_lines(m, part, own);
	size_t n = own.n < text.n ? own.n : text.n;

	if (n > m->budget) {
		m->content->is_truncated = true;
		text.n = n = m->budget;
	}
	m->budget -= n;
	if (is_html && text.n)
		render_html(m, part, text);
	else
		buf_add(&m->text, limited(m, text, octets_of(text, CONTENT_BODY_PART_MAX), "\n "));
}

static void add_raw(struct maker *m, struct mime_part *part)
{
	struct str text = limited(m, mime_decoded(m->mime, part), CONTENT_RAW_PART_MAX, "\n> ");

	text = plain_lines(m, part, text);
	if (part->encoding == MIME_IDENTITY)
		text = without_long_gaps(m->arena, text);
	cut_chunks(m->arena, &m->raw, text);
}

static bool is_pdf(const struct mime_part *part)
{
	return str_is(part->type, "application/pdf") || str_iends(part->filename, STR(".pdf"));
}

static void take_link(void *arg, struct str link)
{
	struct maker *m = arg;

	urls_add_tag(m->arena, &m->beyond, link, URL_FROM_HREF, STR_NONE, "pdf");
}

static void take_part(struct maker *m, struct mime_part *part)
{
	bool is_html = str_is(part->type, "text/html") || is_html_name(part->filename);

	if (m->text.n)
		buf_addc(&m->text, '\n');
	if (is_pdf(part))
		pdf_links(m->arena, mime_decoded(m->mime, part), take_link, m);
	if (is_html || str_is(part->type, "text/plain") || mime_is_hollow(part))
		render(m, part, is_html);
	if ((is_html || mime_is_hollow(part) || str_starts(part->type, STR("text/")) || str_starts(part->type, STR("message/"))) &&
	    !str_is(part->type, "text/calendar"))
		add_raw(m, part);
}

/* Another reading that decodes to the same octets as a part that was taken says nothing new. */
static bool is_twin(struct maker *m, struct mime_part *part)
{
	struct str octets = mime_decoded(m->mime, part);
	int looks = 0;

	for (struct mime_part *other = m->mime->root; other && looks < TWINS_MAX; other = mime_next(other)) {
		if (other == part || !mime_is_leaf(other) || !str_eq(other->type, part->type))
			continue;
		looks++;
		if (str_eq(mime_decoded(m->mime, other), octets))
			return true;
	}
	return false;
}

/* A fold with the blanks behind it is one blank. */
static struct str fold_as_blank(struct arena *a, struct str value)
{
	char *copy;
	size_t n = 0;

	if (str_chr(value, '\n') < 0)
		return value;
	copy = (char *)arena_str(a, value).p;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\r' && i + 1 < value.n && value.p[i + 1] == '\n')
			continue;
		if (value.p[i] != '\n') {
			copy[n++] = value.p[i];
			continue;
		}
		copy[n++] = ' ';
		while (i + 1 < value.n && (value.p[i + 1] == ' ' || value.p[i + 1] == '\t'))
			i++;
	}
	return (struct str){copy, n};
}

static struct str subject_of(struct arena *a, const struct headers *h)
{
	size_t n = headers_count(h, "subject");

	if (!n)
		return STR("");
	return rfc2047_decode(a, str_trim(fold_as_blank(a, headers_get(h, "subject", n - 1)->value)));
}

static void finish(struct maker *m, struct str subject)
{
	struct content *c = m->content;
	struct lines body = {0}, hidden = {0};
	struct buf title = {0};
	struct str text = folded(m->arena, buf_str(&m->text));

	urls_from_text(m->arena, &c->urls, subject, URL_FROM_SUBJECT);
	buf_add(&title, subject);
	buf_addc(&title, '\n');
	cut_lines(m->arena, &body, buf_take(&title, m->arena));
	cut_lines(m->arena, &body, text);
	urls_from_text(m->arena, &c->urls, text, URL_FROM_TEXT);
	urls_take_new(m->arena, &c->more_urls, &c->urls, &m->beyond);
	urls_from_hidden(m->arena, &c->more_urls, &c->urls, subject, URL_FROM_SUBJECT);
	urls_from_hidden(m->arena, &c->more_urls, &c->urls, text, URL_FROM_TEXT);
	cut_lines(m->arena, &hidden, folded(m->arena, buf_str(&m->hidden)));
	c->body = body.v;
	c->body_count = body.n;
	c->hidden = hidden.v;
	c->hidden_count = hidden.n;
	c->raw = m->raw.v;
	c->raw_count = m->raw.n;
	buf_free(&m->text);
	buf_free(&m->hidden);
}

struct content *content_make(struct arena *a, struct mime *mime)
{
	struct content *c = arena_alloc(a, sizeof *c);
	struct maker m = {.arena = a, .mime = mime, .content = c, .budget = mime->limits->text, .beyond.most = BEYOND_MAX};

	c->urls.most = (size_t)mime->limits->urls;
	for (struct mime_part *part = mime->root; part; part = mime_next(part))
		if ((mime_is_leaf(part) || (mime_is_hollow(part) && !part->first)) && !(part->is_alternative_reading && is_twin(&m, part)))
			take_part(&m, part);
	finish(&m, subject_of(a, &mime->root->headers));
	return c;
}

struct content *message_content(struct message *m)
{
	if (!m->content)
		m->content = content_make(m->arena, message_mime(m));
	return m->content;
}
