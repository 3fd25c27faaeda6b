/*
 * The relay's client against a next hop that says anything: dots and bodies of any octets come out
 * as lines that end in CRLF, with one end of data; reports hold no line that came from outside.
 */
#include "gateway/relay/body.h"
#include "gateway/relay/dsn.h"
#include "tests/fuzz/fuzz.h"

static void append(void *arg, struct str s)
{
	buf_add(arg, s);
}

static void dots(struct str in)
{
	struct dots d = {.is_start = true};
	struct buf b = {0};
	size_t cut = fuzz_octet(&in);
	ptrdiff_t end;

	dots_write(&d, str_sub(in, 0, cut), append, &b);
	dots_write(&d, str_from(in, cut), append, &b);
	dots_end(&d, append, &b);
	for (size_t i = 0; i < b.n; i++) {
		assert(b.p[i] != '\r' || (i + 1 < b.n && b.p[i + 1] == '\n'));
		assert(b.p[i] != '\n' || (i > 0 && b.p[i - 1] == '\r'));
	}
	end = str_find(buf_str(&b), STR("\r\n.\r\n"));
	assert(end == (ptrdiff_t)b.n - 5 || (end < 0 && str_is(buf_str(&b), ".\r\n")));
	buf_free(&b);
}

static void report(struct str in)
{
	struct str part[6] = {{0}};
	struct buf b = {0};
	bool is_8bit;

	for (size_t i = 0; i < 6; i++)
		str_split(&in, '\0', &part[i]);
	struct dsn_recipient r = {.address = part[0], .orcpt = part[1], .status = STR("5.0.0"), .remote = part[2],
	    .diagnostic = part[3], .is_reply = true};
	struct dsn d = {.kind = DSN_FAILED, .hostname = STR("h"), .postmaster = STR("p@h"), .to = STR("s@h"),
	    .id = STR("0id"), .envid = part[4], .recipients = &r, .n = 1};
	dsn_write(&d, &b, &is_8bit);
	assert(!is_8bit && str_is_ascii(buf_str(&b)));
	for (size_t i = 0; i < b.n; i++)
		assert(b.p[i] != '\n' || b.p[i - 1] == '\r');
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n);

	if (fuzz_octet(&in) & 1)
		dots(in);
	else
		report(in);
	return 0;
}
