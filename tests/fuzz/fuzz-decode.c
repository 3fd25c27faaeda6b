/* Transfer decoders and charsets; the first octet chooses the charset. Results never outgrow their bounds. */
#include "core/text/charset.h"
#include "core/content/decode.h"
#include "core/content/mime.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = {
    "us-ascii", "utf-8", "iso-8859-1", "windows-1251", "koi8-r", "utf-16", "utf-16be", "utf-32", "utf-7",
    "gb18030", "big5", "euc-tw", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr", "iso-2022-kr", "iso-2022-cn",
    "johab", "tis-620", "viscii", "unknown", "",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data + 1, size ? size - 1 : 0}, all, name, out;
	struct arena *a = arena_new(0);
	uint32_t seen = 0;
	bool is_bad;

	if (!size) {
		arena_free(a);
		return 0;
	}
	assert(decode_base64_both(a, in, &seen, &all).n <= all.n && all.n <= in.n);
	assert(decode_quoted_printable(a, in, &seen).n <= in.n);
	assert(decode_uuencode(a, in, &seen, &name).n <= in.n);
	out = charset_to_utf8(a, str_of(names[data[0] % (sizeof names / sizeof *names)]), in, &is_bad);
	assert(out.n <= 4 * in.n + 8);
	assert(str_is_utf8(out));
	assert(str_is_utf8(charset_guess(a, in)));
	arena_free(a);
	return 0;
}
