/* Failure reports: whatever a header field is, no local part stays, and what comes out is lines of mail. */
#include "auth/failure.h"
#include "tests/fuzz/fuzz.h"

static bool is_pseudonym(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (hex_value(text.p[i]) < 0)
			return false;
	return text.n == 10;
}

static bool is_local(unsigned char c)
{
	return is_alnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str input = fuzz_input(p, n), out;
	struct buf text = {0};
	size_t line = 0;

	failure_redact(&text, input, STR("secret"));
	out = buf_str(&text);
	assert(out.n == 0 || str_ends(out, STR("\r\n")));
	for (size_t i = 0; i < out.n; i++) {
		assert(out.p[i] != '\0' && (out.p[i] != '\n' || out.p[i - 1] == '\r') && (out.p[i] != '\r' || out.p[i + 1] == '\n'));
		line = out.p[i] == '\n' ? 0 : line + 1;
		assert(line <= 999); /* with its CR */
		if (out.p[i] == '@' && i > 0 && is_local((unsigned char)out.p[i - 1]))
			assert(i >= 10 && is_pseudonym(str_sub(out, i - 10, 10)));
	}
	buf_free(&text);
	return 0;
}
