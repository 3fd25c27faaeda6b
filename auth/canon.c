/*
 * Canonical forms. Bodies: a state machine octet by octet, which hands over to a scan of 16 octets
 * at a time wherever the text is canonical as it stands; that is nearly everywhere.
 */
#include "auth/canon.h"

#include <assert.h>

#include "auth/tags.h"

/* ---- what goes to the digest ---- */

static void flush(struct body_hash *b)
{
	digest_add(b->digest, (struct str){b->stage, b->staged});
	b->staged = 0;
}

static void emit_slowly(struct body_hash *b, const char *p, size_t n)
{
	uint64_t room = b->length < b->limit ? b->limit - b->length : 0;

	b->length += n;
	if (n > room)
		n = (size_t)room;
	if (n > sizeof b->stage - b->staged)
		flush(b);
	if (n > sizeof b->stage / 2) {
		flush(b);
		digest_add(b->digest, (struct str){p, n});
		return;
	}
	memcpy(b->stage + b->staged, p, n);
	b->staged += n;
}

/* Nearly always there is room; of a blank or line end this leaves one store. */
static inline void emit(struct body_hash *b, const char *p, size_t n)
{
	if (b->length + n > b->limit || n > sizeof b->stage - b->staged) {
		emit_slowly(b, p, n);
		return;
	}
	memcpy(b->stage + b->staged, p, n);
	b->staged += n;
	b->length += n;
}

/* ---- the fast scan ---- */

typedef uint8_t v16 __attribute__((vector_size(16)));
typedef uint64_t v2 __attribute__((vector_size(16)));

static v16 load(const char *p)
{
	v16 v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* Index of the first octet that is not 0, or 16. */
static unsigned first_set(v16 v)
{
#ifdef __SSE2__
	unsigned bits = (unsigned)__builtin_ia32_pmovmskb128((char __attribute__((vector_size(16))))v);

	return bits ? (unsigned)__builtin_ctz(bits) : 16;
#else
	v2 lanes = (v2)v;
	unsigned i = 0;

	if ((lanes[0] | lanes[1]) == 0)
		return 16;
	while (!v[i])
		i++;
	return i;
#endif
}

/*
 * Octets that are not canonical where they stand: a line end that is followed by another or lacks
 * its CR; relaxed also tabs, and blanks before a blank or a line end.
 */
static bool is_odd(const char *p, bool is_relaxed)
{
	bool before_end = p[1] == '\r' || p[1] == '\n';

	if (p[0] == '\n')
		return before_end || p[-1] != '\r';
	if (!is_relaxed)
		return false;
	return p[0] == '\t' || (p[0] == ' ' && (before_end || p[1] == ' ' || p[1] == '\t'));
}

static v16 odd_mask(const char *p, bool is_relaxed)
{
	v16 here = load(p), next = load(p + 1), before = load(p - 1);
	v16 lf = (v16)(here == '\n'), end = (v16)(next == '\r') | (v16)(next == '\n');
	v16 odd = lf & (end | (v16)(before != '\r'));

	if (is_relaxed)
		odd |= (v16)(here == '\t') |
		    ((v16)(here == ' ') & (end | (v16)(next == ' ') | (v16)(next == '\t')));
	return odd;
}

/*
 * Number of octets from p on that may be copied as they are. p[0] is taken for good; the last octet
 * before end never is, because it takes the next one to judge it.
 */
static size_t plain_run(const char *p, const char *end, bool is_relaxed)
{
	const char *at = p + 1;
	unsigned plain = 16;

	while (plain == 16 && end - at >= 17) {
		plain = first_set(odd_mask(at, is_relaxed));
		at += plain;
	}
	while (plain == 16 && at + 1 < end && !is_odd(at, is_relaxed))
		at++;
	if (at + 1 >= end)
		at = end - 1;
	while (at > p && at[-1] == '\r')
		at--;
	return (size_t)(at - p);
}

/* ---- the state machine ---- */

static void end_line(struct body_hash *b)
{
	b->has_cr = b->has_blank = false;
	if (b->has_content)
		emit(b, "\r\n", 2);
	else
		b->blank_lines++;
	b->has_content = false;
}

static void start_content(struct body_hash *b)
{
	for (; b->blank_lines; b->blank_lines--)
		emit(b, "\r\n", 2);
	if (b->has_blank)
		emit(b, " ", 1);
	b->has_blank = false;
	b->has_content = true;
}

static void step(struct body_hash *b, char c)
{
	if (b->has_cr && c != '\n') {
		start_content(b);
		emit(b, "\r", 1);
		b->has_cr = false;
	}
	if (c == '\n') {
		end_line(b);
	} else if (c == '\r') {
		b->has_cr = true;
	} else if (b->canon == CANON_RELAXED && (c == ' ' || c == '\t')) {
		b->has_blank = true;
	} else {
		start_content(b);
		emit(b, &c, 1);
	}
}

static size_t count_blanks(const char *p, const char *end)
{
	const char *at = p;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return (size_t)(at - p);
}

/* Runs of text or blanks and whole line ends: how much was taken. The rest goes through step(). */
static size_t add_fast(struct body_hash *b, const char *p, const char *end)
{
	size_t n;

	if (b->has_cr || end - p <= 2)
		return 0;
	if (p[0] == '\r' && p[1] == '\n') {
		end_line(b);
		return 2;
	}
	if (b->canon == CANON_RELAXED && (n = count_blanks(p, end)) > 0) {
		b->has_blank = true;
		return n;
	}
	if (is_space((unsigned char)*p))
		return 0;
	n = plain_run(p, end, b->canon == CANON_RELAXED);
	start_content(b);
	emit(b, p, n);
	b->has_content = p[n - 1] != '\n';
	return n;
}

void body_hash_add(struct body_hash *b, struct str piece)
{
	const char *p = piece.p, *end = piece.n ? piece.p + piece.n : piece.p;

	while (p < end) {
		size_t n = add_fast(b, p, end);

		p += n;
		if (n == 0)
			step(b, *p++);
	}
}

void body_hash_end(struct body_hash *b)
{
	if (b->has_cr) { /* the last octet: no line end */
		start_content(b);
		emit(b, "\r", 1);
	}
	if (b->has_content)
		end_line(b);
	if (b->canon == CANON_SIMPLE && b->length == 0)
		emit(b, "\r\n", 2);
	flush(b);
	b->value_n = digest_end(b->digest, b->value);
}

void body_hash_init(struct body_hash *b, struct arena *a, enum canon canon, enum crypto_hash hash,
    uint64_t limit)
{
	*b = (struct body_hash){.canon = canon, .hash = hash, .limit = limit};
	b->digest = digest_new(a, hash);
}

/* ---- several at once ---- */

void body_hashes_init(struct body_hashes *set, struct arena *a)
{
	*set = (struct body_hashes){.arena = a};
}

struct body_hash *body_hashes_want(struct body_hashes *set, enum canon canon, enum crypto_hash hash,
    uint64_t limit)
{
	struct body_hash *b;

	for (size_t i = 0; i < set->n; i++) {
		b = set->v[i];
		if (b->canon == canon && b->hash == hash && b->limit == limit)
			return b;
	}
	if (set->has_data || set->has_ended || set->n == BODY_HASHES_MAX)
		return NULL;
	b = arena_alloc(set->arena, sizeof *b);
	body_hash_init(b, set->arena, canon, hash, limit);
	set->v[set->n++] = b;
	return b;
}

void body_hashes_add(struct body_hashes *set, struct str piece)
{
	assert(!set->has_ended);
	set->has_data |= piece.n > 0;
	for (size_t i = 0; i < set->n; i++)
		body_hash_add(set->v[i], piece);
}

void body_hashes_end(struct body_hashes *set)
{
	if (set->has_ended)
		return;
	set->has_ended = true;
	for (size_t i = 0; i < set->n; i++)
		body_hash_end(set->v[i]);
}

/* ---- headers ---- */

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
