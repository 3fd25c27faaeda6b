/* How streams of PDF are packed: filters one after the other, as the dictionary names them. */
#include <string.h>

#include "scanner/content/content.h"

enum { FILTERS_MAX = 6, NAME_ROOM = 24, LZW_CODES = 4096, LZW_CLEAR = 256, LZW_END = 257, COLUMNS_MAX = 4096 };

static bool is_over(struct content_job *job, const struct buf *out)
{
	if (out->n > job->limits->max_member)
		job->is_over = true;
	return out->n > job->limits->max_member;
}

static bool hex_filter(struct content_job *job, struct str s, struct buf *out)
{
	int high = -1;

	(void)job;
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

static bool base85_filter(struct content_job *job, struct str s, struct buf *out)
{
	uint32_t value = 0;
	unsigned n = 0;

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

static bool run_length_filter(struct content_job *job, struct str s, struct buf *out)
{
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

static bool lzw_filter(struct content_job *job, struct str s, struct buf *out)
{
	struct lzw z = {.next = LZW_END + 1, .bits = 9};
	size_t bit = 0, before = 0, before_n = 0;

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
		z.bits = z.next + 1 >= 2048 ? 12 : z.next + 1 >= 1024 ? 11 : z.next + 1 >= 512 ? 10 : 9;
	}
	return true;
}

static bool flate_filter(struct content_job *job, struct str s, struct buf *out)
{
	archive_inflate(job, s, out);
	return true;
}

static const struct {
	const char *name;
	bool (*unpack)(struct content_job *job, struct str s, struct buf *out);
} filters[] = {
    {"FlateDecode", flate_filter}, {"Fl", flate_filter}, {"ASCIIHexDecode", hex_filter}, {"AHx", hex_filter},
    {"ASCII85Decode", base85_filter}, {"A85", base85_filter}, {"LZWDecode", lzw_filter}, {"LZW", lzw_filter},
    {"RunLengthDecode", run_length_filter}, {"RL", run_length_filter},
};

static bool apply(struct content_job *job, struct str name, struct str in, struct buf *out)
{
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (str_is(name, filters[i].name))
			return filters[i].unpack(job, in, out);
	return false;
}

static uint32_t number_behind(struct str s, const char *name)
{
	ptrdiff_t at = str_find(s, str_of(name));
	uint32_t n = 0;

	s = str_trim(str_sub(s, at < 0 ? s.n : (size_t)at + strlen(name), 16));
	for (size_t i = 0; i < s.n && i < 6 && is_digit(s.p[i]); i++)
		n = n * 10 + (uint32_t)(s.p[i] - '0');
	return n;
}

/* Rows with a mark of how each was changed: nothing, by the octet before, by the row above. */
static void unpredict(struct str dictionary, struct buf *bytes)
{
	uint32_t columns = number_behind(dictionary, "/Columns"), kind = number_behind(dictionary, "/Predictor");
	size_t to = 0;

	if (kind < 10 || columns == 0 || columns > COLUMNS_MAX)
		return;
	for (size_t row = 0; row + 1 < bytes->n; row += columns + 1) {
		char mark = bytes->p[row];

		for (size_t i = 0; i < columns && row + 1 + i < bytes->n; i++, to++) {
			unsigned char left = i ? (unsigned char)bytes->p[to - 1] : 0, up = to >= columns ? (unsigned char)bytes->p[to - columns] : 0;

			bytes->p[to] = (char)(bytes->p[row + 1 + i] + (mark == 1 ? left : mark == 2 ? up : 0));
		}
	}
	bytes->n = to;
}

/* Cuts "/Name" off, in an array or alone. */
static bool next_filter(struct str *s, char room[NAME_ROOM], struct str *ret_name)
{
	while (s->n && (is_space(s->p[0]) || s->p[0] == '['))
		*s = str_from(*s, 1);
	if (!s->n || s->p[0] != '/')
		return false;
	*ret_name = pdf_name(str_from(*s, 1), room, NAME_ROOM);
	for (*s = str_from(*s, 1); s->n && (is_alnum(s->p[0]) || s->p[0] == '#');)
		*s = str_from(*s, 1);
	return true;
}

bool pdf_unpack(struct content_job *job, struct str dictionary, struct str data, struct buf *out)
{
	static const char key[] = "/Filter";
	ptrdiff_t at = str_find(dictionary, STR("/Filter"));
	struct str rest = str_from(dictionary, at < 0 ? dictionary.n : (size_t)at + sizeof key - 1), name;
	struct buf in = {0}, next = {0};
	bool is_known = true;
	char room[NAME_ROOM];

	buf_add(&in, data);
	for (int i = 0; i < FILTERS_MAX && is_known && next_filter(&rest, room, &name); i++) {
		struct buf empty = in;

		next.n = 0;
		is_known = apply(job, name, buf_str(&in), &next);
		in = next;
		next = empty;
	}
	unpredict(dictionary, &in);
	buf_add(out, buf_str(&in));
	buf_free(&in);
	buf_free(&next);
	return is_known;
}
