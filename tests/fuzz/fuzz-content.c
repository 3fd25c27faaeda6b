/*
 * DATA and BDAT content: any segmentation gives the same result, and nothing that reaches the sink
 * has a bare CR or LF.
 */
#include "gateway/smtp/wire.h"
#include "tests/fuzz/fuzz.h"

static bool collect(void *arg, struct str run)
{
	buf_add(arg, run);
	return true;
}

struct result {
	struct buf out;
	enum content_step step;
	size_t used;
};

/* Feeds pieces whose lengths come from the input; 0: all at once. */
static void read_all(struct str in, uint8_t options, uint8_t piece, struct result *r)
{
	struct content_reader reader;
	size_t used;

	content_start(&reader, options & 1, options & 2, 100, collect, &r->out);
	r->step = CONTENT_MORE;
	while (r->step == CONTENT_MORE && r->used < in.n) {
		struct str next = str_from(in, r->used);

		if (piece)
			next = str_sub(next, 0, 1 + (piece ^ r->used) % piece);
		r->step = content_feed(&reader, next, &used);
		r->used += used;
	}
	if (r->step == CONTENT_MORE && !(options & 1))
		r->step = content_finish(&reader);
}

static void check_newlines(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		assert(s.p[i] != '\n' || (i && s.p[i - 1] == '\r'));
		assert(s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] == '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n);
	uint8_t options = fuzz_octet(&in), piece = fuzz_octet(&in);
	struct result whole = {0}, cut = {0};

	read_all(in, options, 0, &whole);
	read_all(in, options, piece ? piece : 1, &cut);
	assert(whole.step == cut.step && whole.used == cut.used);
	assert(str_eq(buf_str(&whole.out), buf_str(&cut.out)));
	check_newlines(buf_str(&whole.out));
	buf_free(&whole.out);
	buf_free(&cut.out);
	return 0;
}
