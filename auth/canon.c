/* Canonical forms of header fields. */
#include "auth/canon.h"

/* Line ends become CRLF; whole lines are copied at once. */
static void add_lines(struct buf *out, struct str raw)
{
	while (raw.n) {
		ptrdiff_t lf = str_chr(raw, '\n');
		size_t n = lf < 0 ? raw.n : (size_t)lf;

		buf_add(out, str_sub(raw, 0, n > 0 && lf >= 0 && raw.p[n - 1] == '\r' ? n - 1 : n));
		if (lf >= 0)
			buf_add(out, STR("\r\n"));
		raw = str_from(raw, lf < 0 ? n : n + 1);
	}
}

static void add_relaxed(struct buf *out, struct str name, struct str value)
{
	char *to = buf_reserve(out, name.n + value.n + 3), *from;
	bool has_blank = false;

	for (size_t i = 0; i < name.n; i++)
		*to++ = (char)to_lower((unsigned char)name.p[i]);
	*to++ = ':';
	from = to;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == ' ' || c == '\t') {
			has_blank = true;
			continue;
		}
		if (c == '\n' || (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n'))
			continue;
		if (has_blank && to > from)
			*to++ = ' ';
		has_blank = false;
		*to++ = c;
	}
	out->n = (size_t)(to - out->p);
}

void canon_header(struct buf *out, const struct header *h, enum canon canon)
{
	if (canon == CANON_RELAXED)
		add_relaxed(out, h->name, h->value);
	else
		add_lines(out, h->raw);
	if (out->n < 2 || memcmp(out->p + out->n - 2, "\r\n", 2) != 0 || canon == CANON_RELAXED)
		buf_add(out, STR("\r\n"));
}

/* What stands between "b=" and the next ';' in the value of a signature. */
static struct str find_b(struct str value)
{
	struct str rest = value, spec;

	while (str_split(&rest, ';', &spec)) {
		ptrdiff_t equals = str_chr(spec, '=');

		if (equals >= 0 && str_is(str_trim(str_sub(spec, 0, (size_t)equals)), "b"))
			return str_from(spec, (size_t)equals + 1);
	}
	return str_from(value, value.n);
}

void canon_signature(struct buf *out, const struct header *h, enum canon canon)
{
	struct str b = find_b(h->value);
	struct str head = str_range(canon == CANON_RELAXED ? h->value.p : h->raw.p, b.p);
	struct str tail = str_range(b.p + b.n, h->value.p + h->value.n);
	struct buf cut = {0};

	if (canon == CANON_SIMPLE) {
		add_lines(out, head);
		add_lines(out, tail);
		return;
	}
	buf_add(&cut, head);
	buf_add(&cut, tail);
	add_relaxed(out, h->name, buf_str(&cut));
	buf_free(&cut);
}
