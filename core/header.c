/*
 * Reads the header section once, line by line (memchr), and keeps slices. What the section holds
 * besides ASCII text is found in one pass over words at the end.
 */
#include "core/header.h"

enum { FEW = 64 };

struct section {
	struct str text;
	const struct parse_limits *limits;
	struct headers *h;
	struct header few[FEW]; /* most sections fit: copied once, to their exact size */
	struct header *v;
	size_t room;
	size_t crlf, lf; /* line ends of either kind */
};

struct line {
	struct str text; /* without line end */
	size_t start, next;
	bool is_ended;
};

static struct line line_at(struct str text, size_t start)
{
	const char *from = text.p + start, *end = memchr(from, '\n', text.n - start);
	struct line line = {.start = start, .next = text.n, .is_ended = end != NULL};

	if (!end) {
		line.text = str_from(text, start);
		return line;
	}
	line.next = (size_t)(end + 1 - text.p);
	line.text = str_range(from, end > from && end[-1] == '\r' ? end - 1 : end);
	return line;
}

/* Length of the name when the line is a field: printable ASCII, maybe blanks, a colon. */
static bool field_name(struct str line, struct str *ret_name, size_t *ret_value)
{
	size_t n = 0, colon;

	while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
		n++;
	if (n == 0)
		return false;
	colon = n;
	while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
		colon++;
	if (colon == line.n || line.p[colon] != ':')
		return false;
	*ret_name = str_sub(line, 0, n);
	*ret_value = colon + 1;
	return true;
}

static struct header *add_field(struct arena *a, struct section *s)
{
	struct headers *h = s->h;

	if (h->n == s->room) {
		struct header *more = arena_array(a, s->room * 2, sizeof *more);
		memcpy(more, s->v, h->n * sizeof *more);
		s->v = more;
		s->room *= 2;
	}
	return &s->v[h->n++];
}

/* The limits hold for whole fields: one that grows over them is not kept in part. */
static bool is_room_for(const struct section *s, const struct line *line)
{
	return !s->h->is_over && (int64_t)s->h->n < s->limits->headers && line->next <= s->limits->header_bytes;
}

static void start_field(struct arena *a, struct section *s, const struct line *line, struct str name,
    size_t value)
{
	struct header *field;

	if (!is_room_for(s, line)) {
		s->h->is_over = true;
		return;
	}
	field = add_field(a, s);
	field->name = name;
	field->value = str_from(line->text, value);
	field->raw = str_sub(s->text, line->start, line->next - line->start);
}

static void continue_field(struct section *s, const struct line *line)
{
	struct header *field;

	if (s->h->is_over)
		return;
	if (line->next > s->limits->header_bytes) {
		s->h->n--;
		s->h->is_over = true;
		return;
	}
	field = &s->v[s->h->n - 1];
	field->value.n = (size_t)(line->text.p + line->text.n - field->value.p);
	field->raw.n = (size_t)(s->text.p + line->next - field->raw.p);
}

static void note_line_end(struct section *s, const struct line *line)
{
	if (line->is_ended && s->text.p[line->start + line->text.n] == '\r')
		s->crlf++;
	else if (line->is_ended)
		s->lf++;
	if (line->text.n && memchr(line->text.p, '\r', line->text.n))
		s->h->has_bare_cr = true;
}

/* False when the section ends before or with this line. */
static bool take_line(struct arena *a, struct section *s, const struct line *line)
{
	struct str name;
	size_t value;
	bool is_first = s->h->n == 0 && !s->h->is_over;

	if (line->text.n == 0 && line->is_ended) {
		note_line_end(s, line);
		s->h->has_end = true;
		s->h->body = line->next;
		return false;
	}
	if ((line->text.p[0] == ' ' || line->text.p[0] == '\t') && !is_first) {
		continue_field(s, line);
	} else if (field_name(line->text, &name, &value)) {
		start_field(a, s, line, name, value);
	} else {
		s->h->broken_at = s->h->body = line->start;
		return false;
	}
	note_line_end(s, line);
	s->h->body = line->next;
	return true;
}

static void note_octets(struct headers *h, struct str text)
{
	uint64_t all = 0;
	size_t i = 0;

	for (; i + sizeof all <= text.n; i += sizeof all) {
		uint64_t word;
		memcpy(&word, text.p + i, sizeof word);
		all |= word;
	}
	for (; i < text.n; i++)
		all |= (uint64_t)(unsigned char)text.p[i];
	h->has_8bit = (all & 0x8080808080808080u) != 0;
	h->has_nul = text.n && memchr(text.p, '\0', text.n);
}

void headers_parse_within(struct arena *a, struct str message, const struct parse_limits *limits,
    struct headers *ret_headers)
{
	struct section s = {.text = message, .limits = limits, .h = ret_headers, .room = FEW};
	struct headers *h = ret_headers;

	*h = (struct headers){0};
	s.v = s.few;
	while (h->body < message.n) {
		struct line line = line_at(message, h->body);
		if (!take_line(a, &s, &line))
			break;
	}
	if (s.v == s.few && h->n) {
		s.v = arena_array(a, h->n, sizeof *s.v);
		memcpy(s.v, s.few, h->n * sizeof *s.v);
	}
	h->v = s.v == s.few ? NULL : s.v;
	h->has_bare_lf = s.crlf && s.lf;
	note_octets(h, str_sub(message, 0, h->body));
}

void headers_parse(struct arena *a, struct str message, struct headers *ret_headers)
{
	headers_parse_within(a, message, &parse_limits_default, ret_headers);
}

static bool is_named(const struct header *field, struct str name)
{
	return field->name.n == name.n && str_icmp(field->name, name) == 0;
}

void headers_move(struct headers *h, const char *from, const char *to)
{
	struct header *v = (struct header *)h->v; /* made by us, in an arena */

	for (size_t i = 0; i < h->n; i++) {
		v[i].name.p = to + (v[i].name.p - from);
		v[i].value.p = to + (v[i].value.p - from);
		v[i].raw.p = to + (v[i].raw.p - from);
	}
}

const struct header *headers_get(const struct headers *h, const char *name, size_t index)
{
	struct str wanted = str_of(name);

	for (size_t i = 0; i < h->n; i++)
		if (is_named(&h->v[i], wanted) && index-- == 0)
			return &h->v[i];
	return NULL;
}

size_t headers_count(const struct headers *h, const char *name)
{
	struct str wanted = str_of(name);
	size_t count = 0;

	for (size_t i = 0; i < h->n; i++)
		count += is_named(&h->v[i], wanted);
	return count;
}

struct str header_unfold(struct arena *a, struct str value)
{
	struct str text = str_trim(value);
	char *copy;
	size_t n = 0;

	if (!text.n || !memchr(text.p, '\n', text.n))
		return text;
	copy = (char *)arena_str(a, text).p;
	for (size_t i = 0; i < text.n; i++) {
		bool is_end = text.p[i] == '\n' ||
		    (text.p[i] == '\r' && i + 1 < text.n && text.p[i + 1] == '\n');
		if (!is_end)
			copy[n++] = text.p[i];
	}
	copy[n] = '\0';
	return (struct str){copy, n};
}
