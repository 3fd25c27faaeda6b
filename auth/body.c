/*
 * Hashes of bodies. A state machine octet by octet, which hands over to a scan of 16 octets at a time
 * wherever the text is canonical as it stands; that is nearly everywhere.
 */
#include "auth/body.h"

#include <assert.h>

/* ---- what goes to the digest ---- */

static void flush(struct body_hash *b)
{
	digest_add(b->digest, (struct str){b->stage, b->staged});
	b->staged = 0;
}

static void take(struct body_hash *b, const char *p, size_t n)
{
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

/* The value of the mark that comes next: of what has been hashed so far. */
static void end_mark(struct body_hash *b, struct arena *a)
{
	struct body_mark *m = b->open;

	flush(b);
	m->value_n = digest_end(m->next ? digest_copy(a, b->digest) : b->digest, m->value);
	b->open = m->next;
	b->stop = b->open ? b->open->limit : 0;
}

/* Marks that are reached on the way are ended; behind the last one nothing is hashed, only counted. */
static void emit_slowly(struct body_hash *b, const char *p, size_t n)
{
	while (b->open && b->length + n > b->stop) {
		size_t some = (size_t)(b->stop - b->length);

		take(b, p, some);
		b->length += some;
		p += some;
		n -= some;
		end_mark(b, b->arena);
	}
	if (b->open)
		take(b, p, n);
	b->length += n;
}

/* Nearly always there is room; of a blank or line end this leaves one store. */
static inline void emit(struct body_hash *b, const char *p, size_t n)
{
	if (b->length + n > b->stop || n > sizeof b->stage - b->staged) {
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
	while (b->open)
		end_mark(b, b->arena);
}

void body_hash_init(struct body_hash *b, struct arena *a, enum canon canon, enum crypto_hash hash)
{
	*b = (struct body_hash){.arena = a, .canon = canon, .hash = hash, .digest = digest_new(a, hash)};
}

struct body_mark *body_hash_mark(struct body_hash *b, uint64_t limit)
{
	struct body_mark **at = &b->first, *m;

	assert(b->length == 0 && b->blank_lines == 0);
	while (*at && (*at)->limit < limit)
		at = &(*at)->next;
	if (*at && (*at)->limit == limit)
		return *at;
	m = arena_alloc(b->arena, sizeof *m);
	*m = (struct body_mark){.limit = limit, .next = *at};
	*at = m;
	b->open = b->first;
	b->stop = b->open->limit;
	return m;
}

/* From the start again, with the same marks. */
static void restart(struct body_hash *b)
{
	struct body_mark *first = b->first;

	body_hash_init(b, b->arena, b->canon, b->hash);
	b->first = b->open = first;
	b->stop = first ? first->limit : 0;
}

/* ---- several at once ---- */

void body_hashes_init(struct body_hashes *set, struct arena *a)
{
	*set = (struct body_hashes){.arena = a};
}

static struct body_hash *find_hash(struct body_hash *list[BODY_KINDS], enum canon canon, enum crypto_hash hash)
{
	for (size_t i = 0; i < BODY_KINDS && list[i]; i++)
		if (list[i]->canon == canon && list[i]->hash == hash)
			return list[i];
	return NULL;
}

static struct body_hash *make_hash(struct body_hashes *set, struct body_hash *list[BODY_KINDS], enum canon canon, enum crypto_hash hash)
{
	struct body_hash *b = find_hash(list, canon, hash);
	size_t n = 0;

	if (b)
		return b;
	while (list[n])
		n++; /* there are as many places as kinds */
	list[n] = b = arena_alloc(set->arena, sizeof *b);
	body_hash_init(b, set->arena, canon, hash);
	return b;
}

static struct body_mark *find_mark(const struct body_hash *b, uint64_t limit)
{
	for (struct body_mark *m = b ? b->first : NULL; m; m = m->next)
		if (m->limit == limit)
			return m;
	return NULL;
}

const struct body_mark *body_hashes_want(struct body_hashes *set, enum canon canon, enum crypto_hash hash, uint64_t limit,
    const struct body_hash **ret_hash)
{
	struct body_mark *m = set->fed ? find_mark(find_hash(set->v, canon, hash), limit) : NULL;

	assert(!set->has_ended);
	*ret_hash = m ? find_hash(set->v, canon, hash) : make_hash(set, set->fed ? set->late : set->v, canon, hash);
	return m ? m : body_hash_mark((struct body_hash *)*ret_hash, limit);
}

static void add_to(struct body_hash *list[BODY_KINDS], struct str piece)
{
	for (size_t i = 0; i < BODY_KINDS && list[i]; i++)
		body_hash_add(list[i], piece);
}

static void end_all(struct body_hash *list[BODY_KINDS])
{
	for (size_t i = 0; i < BODY_KINDS && list[i]; i++)
		body_hash_end(list[i]);
}

void body_hashes_add(struct body_hashes *set, struct str piece)
{
	assert(!set->has_ended);
	set->fed += piece.n;
	add_to(set->v, piece);
}

void body_hashes_end(struct body_hashes *set, struct str whole)
{
	if (set->has_ended)
		return;
	set->has_ended = true;
	if (set->fed != whole.n) {
		for (size_t i = 0; i < BODY_KINDS && set->v[i]; i++)
			restart(set->v[i]);
		add_to(set->v, whole);
	}
	add_to(set->late, whole);
	end_all(set->v);
	end_all(set->late);
}

const struct body_mark *body_hashes_find(const struct body_hashes *set, enum canon canon, enum crypto_hash hash, uint64_t limit)
{
	struct body_mark *m = find_mark(find_hash((struct body_hash **)set->v, canon, hash), limit);

	if (!m)
		m = find_mark(find_hash((struct body_hash **)set->late, canon, hash), limit);
	return set->has_ended ? m : NULL;
}
