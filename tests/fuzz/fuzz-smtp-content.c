/*
 * DATA and BDAT content: any segmentation gives what a reader that looks at one octet at a time
 * gives; what leaves has no bare CR or LF; strict DATA ends at CRLF.CRLF and nowhere else.
 */
#include "gateway/smtp/wire.h"
#include "tests/fuzz/fuzz.h"

static bool collect(void *arg, struct str run)
{
	assert(run.n > 0);
	buf_add(arg, run);
	return true;
}

struct outcome {
	enum content_step step;
	size_t used;
	bool has_long_line;
	struct buf out;
};

/* Segment lengths come from sizes, again and again; 0 octets of sizes: all in one. */
static void feed(struct str in, bool dots, bool lax, struct str sizes, struct outcome *ret_outcome)
{
	struct outcome *o = ret_outcome;
	struct content_reader r;
	size_t k = 0;

	*o = (struct outcome){.step = CONTENT_MORE};
	content_start(&r, dots, lax, 60, collect, &o->out);
	while (o->used < in.n && o->step == CONTENT_MORE) {
		size_t n = sizes.n ? (unsigned char)sizes.p[k++ % sizes.n] % 16 + 1 : in.n, used;
		struct str part = str_sub(in, o->used, n);

		o->step = content_feed(&r, part, &used);
		assert(used <= part.n && (o->step != CONTENT_MORE || used == part.n));
		o->used += used;
	}
	if (!dots && o->step == CONTENT_MORE)
		o->step = content_finish(&r);
	o->has_long_line = r.has_long_line;
}

static void check_output(struct str out)
{
	for (size_t i = 0; i < out.n; i++) {
		if (out.p[i] == '\n')
			assert(i > 0 && out.p[i - 1] == '\r');
		if (out.p[i] == '\r' && i + 1 < out.n)
			assert(out.p[i + 1] == '\n');
	}
	assert(out.n == 0 || out.p[out.n - 1] != '\r');
}

/* Where strict DATA ends, found the slow way; 0: not at all, or a bare CR or LF comes first. */
static size_t true_end(struct str in)
{
	for (size_t i = 0; i < in.n; i++) {
		struct str rest = str_from(in, i);

		if ((i == 0 || (i >= 2 && in.p[i - 2] == '\r' && in.p[i - 1] == '\n')) && str_starts(rest, STR(".\r\n")))
			return i + 3;
		if (in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] != '\n')
			return 0;
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			return 0;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n), sizes;
	uint8_t options = fuzz_octet(&in);
	bool dots = options & 1, lax = options & 2;
	struct outcome whole, split, single;

	sizes = str_sub(in, 0, options >> 4);
	in = str_from(in, sizes.n);
	feed(in, dots, lax, STR_NONE, &whole);
	feed(in, dots, lax, sizes, &split);
	feed(in, dots, lax, (struct str){"\0", 1}, &single);
	assert(whole.step == split.step && whole.step == single.step);
	if (whole.step != CONTENT_BARE) {
		assert(whole.used == split.used && whole.used == single.used);
		assert(str_eq(buf_str(&whole.out), buf_str(&split.out)) && str_eq(buf_str(&whole.out), buf_str(&single.out)));
		assert(whole.has_long_line == split.has_long_line && whole.has_long_line == single.has_long_line);
		check_output(buf_str(&whole.out));
	}
	if (dots && !lax)
		assert((whole.step == CONTENT_END ? whole.used : 0) == true_end(in));
	buf_free(&whole.out);
	buf_free(&split.out);
	buf_free(&single.out);
	return 0;
}
