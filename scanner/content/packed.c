/* Files packed in ways of their own time: SZDD of Windows ("setup.ex_"), BinHex of the Macintosh. */
#include <string.h>

#include "scanner/content/content.h"

enum { WINDOW = 4096, SZDD_HEAD = 14, NAME_MAX_OCTETS = 63 };

/* A window of what came before: a bit a step says whether an octet follows or a place in the window. */
uint32_t szdd_flags(struct content_job *job, struct str s, unsigned depth)
{
	unsigned char window[WINDOW];
	size_t at = WINDOW - 16, most = content_u32(s, 10);
	struct buf out = {0};
	uint32_t flags = 0;

	if (most > job->limits->max_member) {
		job->is_over = true;
		flags |= WIRE_F_LIMIT;
		most = job->limits->max_member;
	}
	memset(window, ' ', sizeof window);
	s = str_from(s, SZDD_HEAD);
	while (s.n > 1 && out.n < most) {
		unsigned bits = (unsigned char)s.p[0];

		s = str_from(s, 1);
		for (unsigned i = 0; i < 8 && s.n && out.n < most; i++, bits >>= 1) {
			unsigned first = (unsigned char)s.p[0], second = s.n > 1 ? (unsigned char)s.p[1] : 0;
			unsigned from = bits & 1 ? 0 : first | (second & 0xf0) << 4, n = bits & 1 ? 1 : (second & 15) + 3;

			s = str_from(s, bits & 1 ? 1 : 2);
			for (unsigned k = 0; k < n && out.n < most; k++) {
				unsigned char c = bits & 1 ? (unsigned char)first : window[(from + k) % WINDOW];

				window[at++ % WINDOW] = c;
				buf_addc(&out, (char)c);
			}
		}
	}
	flags |= out.n < most ? WIRE_F_BROKEN : 0;
	flags |= content_embedded(job, content_stem(job->container), buf_str(&out), depth);
	buf_free(&out);
	return flags;
}

/* ---- BinHex 4 ---- */

static int hqx_value(char c)
{
	static const char digits[] = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four digits make three octets; 0x90 and a number repeat the one before. */
static void unpack_hqx(struct content_job *job, struct str s, struct buf *out)
{
	uint32_t bits = 0;
	unsigned n = 0;
	bool repeats = false;

	for (size_t i = 0; i < s.n && s.p[i] != ':' && out->n < job->limits->max_member; i++) {
		int value = hqx_value(s.p[i]);
		unsigned char c;

		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		c = (unsigned char)(bits >> n);
		if (repeats) {
			for (unsigned k = 1; k < c && out->n; k++)
				buf_addc(out, out->p[out->n - 1]);
			if (c == 0)
				buf_addc(out, '\x90');
		} else if (c != 0x90) {
			buf_addc(out, (char)c);
		}
		repeats = !repeats && c == 0x90;
	}
}

static uint32_t big_u32(struct str s, size_t at)
{
	return __builtin_bswap32(content_u32(s, at));
}

/* Name, type, author, flags, two lengths, check; then the two forks. */
uint32_t binhex_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct buf out = {0};
	ptrdiff_t from = str_chr(s, ':');
	struct str all, name, data, resources;
	uint32_t flags = 0;
	size_t n;

	unpack_hqx(job, str_from(s, from < 0 ? s.n : (size_t)from + 1), &out);
	all = buf_str(&out);
	n = all.n ? (unsigned char)all.p[0] : 0;
	name = str_sub(all, 1, n);
	all = str_from(all, 1 + n + 1);
	data = str_sub(all, 20, big_u32(all, 10));
	resources = str_sub(all, 20 + data.n + 2, big_u32(all, 14));
	flags |= n == 0 || n > NAME_MAX_OCTETS || data.n < big_u32(all, 10) ? WIRE_F_BROKEN : 0;
	flags |= content_embedded(job, name, data, depth);
	if (resources.n)
		flags |= content_embedded(job, name, resources, depth);
	buf_free(&out);
	return flags;
}
