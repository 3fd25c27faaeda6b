/* Command lines, their parameters, xtext and PROXY headers. */
#include "gateway/smtp/wire.h"
#include "tests/fuzz/fuzz.h"

static void one_line(struct arena *a, struct str line)
{
	struct message *m = arena_alloc(a, sizeof *m);
	struct recipient *r = arena_alloc(a, sizeof *r);
	struct str verb, args, text;

	line_split(line, &verb, &args);
	assert(verb.n + args.n <= line.n);
	m->arena = a;
	mail_params(a, args, m);
	rcpt_params(a, args, r);
	xtext_is_valid(args);
	if (xtext_decode(a, args, &text))
		assert(text.n <= args.n && line_is_clean(text));
	line_is_clean(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n), line;
	bool lax = fuzz_octet(&in) & 1;
	struct proxy_header header;
	size_t used;

	if (proxy_parse(in, &header, &used) == PROXY_OK)
		assert(used > 0 && used <= in.n);
	while (in.n && line_take(in, 512, lax, &line, &used) == LINE_OK) {
		assert(used > line.n && used <= in.n && !memchr(line.p, '\n', line.n));
		one_line(a, line);
		in = str_from(in, used);
	}
	arena_free(a);
	return 0;
}
