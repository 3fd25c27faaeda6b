/* How streams of PDF are packed: filters one after the other, as the dictionary names them. */
#include <string.h>

#include "scanner/content/content.h"

enum { FILTERS_MAX = 8, NAME_ROOM = 24, LZW_CODES = 4096, LZW_CLEAR = 256, LZW_END = 257, ROW_MAX = 1 << 20 };

struct parameters {
	bool is_late;		  /* LZW: codes get longer one later */
	uint32_t predictor, bytes; /* of a pixel */
	size_t row;
};

static bool is_over(struct content_job *job, const struct buf *out)
{
	if (out->n > job->limits->max_member)
		job->is_over = true;
	return out->n > job->limits->max_member;
}

static bool hex_filter(struct content_job *job, const struct parameters *with, struct str s, struct buf *out)
{
	int high = -1;

	(void)job;
	(void)with;
	for (size_t i = 0; i < s.n && s.p[i] != '>'; i++) {
		int digit = hex_value(s.p[i]);

		if (digit >= 0 && high >= 0)
			buf_addc(out, (char)(high << 4 | digit));
		high = digit < 0 ? high : high >= 0 ? -1 : digit;
	}
	return true;
}

static void add_four(uint32_t value, unsigned n, struct buf *out)
{
	for (unsigned i = 0; i < n; i++)
		buf_addc(out, (char)(value >> (24 - 8 * i)));
}

static bool base85_filter(struct content_job *job, const struct parameters *with, struct str s, struct buf *out)
{
	uint32_t value = 0;
	unsigned n = 0;

	(void)with;
	for (size_t i = 0; i < s.n && s.p[i] != '~' && !is_over(job, out); i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 'z' && n == 0)
			add_four(0, 4, out);
		if (c < '!' || c > 'u')
			continue;
		value = value * 85 + (c - '!');
		if (++n == 5) {
			add_four(value, 4, out);
			value = n = 0;
		}
	}
	if (n > 1) {
		for (unsigned i = n; i < 5; i++)
			value = value * 85 + 84;
		add_four(value, n - 1, out);
	}
	return true;
}

static bool run_length_filter(struct content_job *job, const struct parameters *with, struct str s, struct buf *out)
{
	(void)with;
	while (s.n && (unsigned char)s.p[0] != 128 && !is_over(job, out)) {
		unsigned n = (unsigned char)s.p[0];

		s = str_from(s, 1);
		if (n < 128) {
			buf_add(out, str_sub(s, 0, n + 1));
			s = str_from(s, n + 1);
			continue;
		}
		for (unsigned i = 0; s.n && i < 257 - n; i++)
			buf_addc(out, s.p[0]);
		s = str_from(s, 1);
	}
	return true;
}

/* A code stands for octets that came out before: where, and how many. */
struct lzw {
	struct {
		size_t from;
		uint32_t n;
	} codes[LZW_CODES];
	unsigned next, bits;
};

static unsigned take_code(struct str s, size_t *bit, unsigned bits)
{
	unsigned code = 0;

	for (unsigned i = 0; i < bits; i++, ++*bit)
		code = code << 1 | (*bit / 8 < s.n ? (unsigned char)s.p[*bit / 8] >> (7 - *bit % 8) & 1 : 0);
	return code;
}

static bool lzw_filter(struct content_job *job, const struct parameters *with, struct str s, struct buf *out)
{
	struct lzw z = {.next = LZW_END + 1, .bits = 9};
	size_t bit = 0, before = 0, before_n = 0;
	unsigned early = with->is_late ? 0 : 1;

	while (bit + z.bits <= s.n * 8 && !is_over(job, out)) {
		unsigned code = take_code(s, &bit, z.bits);
		size_t from = out->n;

		if (code == LZW_END)
			return true;
		if (code == LZW_CLEAR) {
			z.next = LZW_END + 1;
			z.bits = 9;
			before_n = 0;
			continue;
		}
		if (code > z.next || (code == z.next && !before_n))
			return false;
		if (code < 256)
			buf_addc(out, (char)code);
		/* Octet by octet, for the code that is made at this moment contains itself. */
		for (uint32_t i = 0, n = code == z.next ? (uint32_t)before_n + 1 : z.codes[code].n; code > 255 && i < n; i++)
			buf_addc(out, out->p[(code == z.next ? before : z.codes[code].from) + i]);
		if (before_n && z.next < LZW_CODES) {
			z.codes[z.next].from = before;
			z.codes[z.next++].n = (uint32_t)before_n + 1;
		}
		before = from;
		before_n = out->n - from;
		z.bits = z.next + early >= 2048 ? 12 : z.next + early >= 1024 ? 11 : z.next + early >= 512 ? 10 : 9;
	}
	return true;
}

static bool flate_filter(struct content_job *job, const struct parameters *with, struct str s, struct buf *out)
{
	(void)with;
	archive_inflate(job, s, out);
	return true;
}

static const struct {
	const char *name;
	bool (*unpack)(struct content_job *job, const struct parameters *with, struct str s, struct buf *out);
	bool is_predicted;
} filters[] = {
    {"FlateDecode", flate_filter, true}, {"Fl", flate_filter, true}, {"ASCIIHexDecode", hex_filter, false}, {"AHx", hex_filter, false},
    {"ASCII85Decode", base85_filter, false}, {"A85", base85_filter, false}, {"LZWDecode", lzw_filter, true}, {"LZW", lzw_filter, true},
    {"RunLengthDecode", run_length_filter, false}, {"RL", run_length_filter, false},
};

/* ---- rows that were changed ---- */

static uint32_t number_of(struct str dictionary, const char *name, uint32_t otherwise)
{
	struct str value = pdf_value(dictionary, name);

	return value.n && is_digit(value.p[0]) ? pdf_number(value) : otherwise;
}

static struct parameters read_parameters(struct str dictionary)
{
	uint32_t colors = number_of(dictionary, "Colors", 1), bits = number_of(dictionary, "BitsPerComponent", 8);
	uint64_t row = (number_of(dictionary, "Columns", 1) * (uint64_t)colors * bits + 7) / 8;
	struct parameters p = {.predictor = number_of(dictionary, "Predictor", 1), .is_late = number_of(dictionary, "EarlyChange", 1) == 0};

	p.row = row > ROW_MAX || colors > 64 || bits > 16 ? 0 : (size_t)row;
	p.bytes = colors * bits < 8 ? 1 : colors * bits / 8;
	return p;
}

static unsigned char nearest(int left, int up, int corner)
{
	int all = left + up - corner, a = all > left ? all - left : left - all, b = all > up ? all - up : up - all,
	    c = all > corner ? all - corner : corner - all;

	return (unsigned char)(a <= b && a <= c ? left : b <= c ? up : corner);
}

/* How an octet of a row was foretold, by the mark of the row. */
static unsigned char foretold(unsigned char mark, unsigned char left, unsigned char up, unsigned char corner)
{
	switch (mark) {
	case 1:
		return left;
	case 2:
		return up;
	case 3:
		return (unsigned char)((left + up) / 2);
	case 4:
		return nearest(left, up, corner);
	default:
		return 0;
	}
}

/* Each row has a mark of how it was changed: by what stands left, above, or both. */
static void unpredict_png(const struct parameters *p, struct buf *bytes)
{
	unsigned char *to = (unsigned char *)bytes->p, *from = to, *end = to + bytes->n, *start = to;

	while (from < end) {
		unsigned char mark = *from++;

		for (size_t i = 0; i < p->row && from < end; i++, to++) {
			bool has_left = i >= p->bytes, has_up = (size_t)(to - start) >= p->row;

			*to = (unsigned char)(*from++ + foretold(mark, has_left ? to[-(ptrdiff_t)p->bytes] : 0, has_up ? to[-(ptrdiff_t)p->row] : 0,
							     has_left && has_up ? to[-(ptrdiff_t)(p->row + p->bytes)] : 0));
		}
	}
	bytes->n = (size_t)(to - start);
}

/* Each octet is the difference to that left of it; only whole octets are of interest. */
static void unpredict_tiff(const struct parameters *p, struct buf *bytes)
{
	for (size_t i = 0; i < bytes->n; i++)
		if (i % p->row >= p->bytes)
			bytes->p[i] = (char)(bytes->p[i] + bytes->p[i - p->bytes]);
}

static void unpredict(const struct parameters *p, struct buf *bytes)
{
	if (p->row && bytes->n && p->predictor >= 10)
		unpredict_png(p, bytes);
	else if (p->row && bytes->n && p->predictor == 2)
		unpredict_tiff(p, bytes);
}

/* ---- one after the other ---- */

static bool apply(struct content_job *job, struct str name, struct str dictionary, struct str in, struct buf *out)
{
	struct parameters with = read_parameters(dictionary);

	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (str_is(name, filters[i].name)) {
			if (!filters[i].unpack(job, &with, in, out))
				return false;
			if (filters[i].is_predicted)
				unpredict(&with, out);
			return true;
		}
	return false;
}

struct source {
	struct str file;
	unsigned *lookups;
};

/* A value, or what the object has that it names. */
static struct str resolved(const struct source *s, struct str value)
{
	uint32_t number;

	if (!pdf_reference(&value, &number))
		return value;
	if (!*s->lookups)
		return STR_NONE;
	--*s->lookups;
	return pdf_object(s->file, number);
}

/* Of a list, or what stands there alone: cuts the next off. */
static bool next_value(const struct source *s, struct str *list, bool is_list, struct str *ret)
{
	struct str token;
	unsigned depth = 0;
	uint32_t number;

	*ret = resolved(s, *list);
	if (is_list && pdf_reference(list, &number))
		return true;
	do {
		if (!pdf_next(list, &token) || (depth == 0 && (str_is(token, "]") || str_is(token, ">>"))))
			return false;
		depth += str_is(token, "<<") || str_is(token, "[");
		depth -= depth && (str_is(token, ">>") || str_is(token, "]"));
	} while (depth);
	if (!is_list)
		*list = STR_NONE;
	return true;
}

static bool open_list(struct str *value)
{
	struct str rest = *value, token;

	if (!pdf_next(&rest, &token) || !str_is(token, "["))
		return false;
	*value = rest;
	return true;
}

static bool looks_deflated(struct str s)
{
	return s.n > 6 && (s.p[0] & 15) == 8 && ((unsigned)(unsigned char)s.p[0] << 8 | (unsigned char)s.p[1]) % 31 == 0;
}

bool pdf_unpack(struct content_job *job, struct str file, struct str dictionary, struct str data, unsigned *lookups, struct buf *out)
{
	struct source source = {file, lookups};
	struct str names = resolved(&source, pdf_value(dictionary, "Filter")), with = pdf_value(dictionary, "DecodeParms"), name, one;
	bool are_names = open_list(&names), are_parameters, is_known = true;
	struct buf in = {0}, next = {0};
	char room[NAME_ROOM];

	with = resolved(&source, with.n ? with : pdf_value(dictionary, "DP"));
	are_parameters = open_list(&with);
	buf_add(&in, data);
	for (int i = 0; i < FILTERS_MAX && is_known && next_value(&source, &names, are_names, &name) && str_starts(str_trim(name), STR("/")); i++) {
		struct buf empty = in;

		if (!next_value(&source, &with, are_parameters, &one))
			one = STR_NONE;
		next.n = 0;
		is_known = apply(job, pdf_name(str_from(str_trim(name), 1), room, sizeof room), one, buf_str(&in), &next);
		in = next;
		next = empty;
	}
	/* A dictionary that we read in another way than others do: what is packed all the same shows that. */
	if (looks_deflated(buf_str(&in))) {
		next.n = 0;
		archive_inflate(job, buf_str(&in), &next);
		buf_add(&in, buf_str(&next));
	}
	buf_add(out, buf_str(&in));
	buf_free(&in);
	buf_free(&next);
	return is_known;
}
