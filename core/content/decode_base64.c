/*
 * The base64 decoder of core/content/decode.h. Linear in the input, no input fails: what is odd is skipped
 * and flagged. Whole groups go the fast way; white space, padding and junk are taken one by one.
 */
#include "core/content/decode.h"

#include "core/content/mime.h"

#ifdef __x86_64__
#include <tmmintrin.h>
#endif

/* Value of an octet of the alphabet; classes of all others. */
enum { B64_PAD = 0x40, B64_BLANK = 0x80, B64_JUNK = 0xc0, B64_OTHER = 0xc0, WIDE_ROOM = 16 };

#define JUNK8 B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK
#define JUNK32 JUNK8, JUNK8, JUNK8, JUNK8

static const uint8_t base64_values[256] = {
    B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    B64_JUNK, B64_BLANK, B64_BLANK, B64_JUNK, B64_JUNK, B64_BLANK, B64_JUNK, B64_JUNK,
    JUNK8, JUNK8,
    B64_BLANK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    B64_JUNK, B64_JUNK, B64_JUNK, 62, B64_JUNK, B64_JUNK, B64_JUNK, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B64_JUNK, B64_JUNK, B64_JUNK, B64_PAD, B64_JUNK, B64_JUNK,
    B64_JUNK, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    B64_JUNK, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    JUNK32, JUNK32, JUNK32, JUNK32,
};

struct base64 {
	const unsigned char *at, *end;
	unsigned char *out;
	uint32_t bits;
	unsigned have; /* characters of the group in hand */
	unsigned pads;
	bool is_odd, is_ended; /* junk seen; padding that completes a group seen */
	bool is_wide;	       /* the processor can take sixteen at once */
	bool is_padding_junk;  /* = is skipped like any other octet outside the alphabet */
};

/*
 * Sixteen characters become twelve octets in a few instructions where the processor has SSSE3; who
 * calls it leaves room for sixteen. Which range a character is in follows from its upper half: two
 * look-ups tell what does not belong there, a third gives what to add. Lines end within sixteen
 * characters: the groups in front of the line end are taken, and it is passed over.
 */
#ifdef __x86_64__
__attribute__((target("ssse3"))) static void base64_wide(struct base64 *b)
{
	const __m128i odd_low = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a,
	    0x1b, 0x1b, 0x1b, 0x1a);
	const __m128i odd_high = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10,
	    0x10, 0x10, 0x10, 0x10);
	const __m128i more = _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m128i half = _mm_set1_epi8(0x0f), slash = _mm_set1_epi8('/');
	const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);

	while (b->end - b->at >= 16) {
		__m128i in = _mm_loadu_si128((const __m128i *)(const void *)b->at);
		__m128i high = _mm_and_si128(_mm_srli_epi32(in, 4), half), low = _mm_and_si128(in, half);
		__m128i odd = _mm_and_si128(_mm_shuffle_epi8(odd_low, low), _mm_shuffle_epi8(odd_high, high));
		unsigned good = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(odd, _mm_setzero_si128()));
		unsigned taken = (unsigned)__builtin_ctz(~good | 0x10000);
		__m128i six, group;

		if (taken < 4)
			return;
		/* A slash has the row in front of its own. */
		six = _mm_add_epi8(in, _mm_shuffle_epi8(more, _mm_add_epi8(_mm_cmpeq_epi8(in, slash), high)));
		group = _mm_madd_epi16(_mm_maddubs_epi16(six, _mm_set1_epi32(0x01400140)), _mm_set1_epi32(0x00011000));
		_mm_storeu_si128((__m128i *)(void *)b->out, _mm_shuffle_epi8(group, order));
		if (taken == 16) { /* mostly: the next turn need not wait for the count */
			b->out += 12;
			b->at += 16;
			continue;
		}
		b->out += taken / 4 * 3;
		b->at += taken / 4 * 4;
		b->at += b->at[0] == '\r' && b->at[1] == '\n' ? 2 : b->at[0] == '\n';
	}
}

static bool has_wide(void)
{
	return __builtin_cpu_supports("ssse3");
}
#else
static void base64_wide(struct base64 *b)
{
	(void)b;
}

static bool has_wide(void)
{
	return false;
}
#endif

static void base64_fast(struct base64 *b)
{
	const uint8_t *t = base64_values;

	if (b->is_wide)
		base64_wide(b);
	while (b->end - b->at >= 4) {
		uint32_t v0 = t[b->at[0]], v1 = t[b->at[1]], v2 = t[b->at[2]], v3 = t[b->at[3]], v;
		if ((v0 | v1 | v2 | v3) & B64_OTHER)
			return;
		v = v0 << 18 | v1 << 12 | v2 << 6 | v3;
		b->out[0] = (unsigned char)(v >> 16);
		b->out[1] = (unsigned char)(v >> 8);
		b->out[2] = (unsigned char)v;
		b->out += 3;
		b->at += 4;
	}
}

/* The octets that an incomplete group holds. */
static void base64_flush(struct base64 *b)
{
	if (b->have == 2) {
		*b->out++ = (unsigned char)(b->bits >> 4);
	} else if (b->have == 3) {
		*b->out++ = (unsigned char)(b->bits >> 10);
		*b->out++ = (unsigned char)(b->bits >> 2);
	}
	b->have = 0;
	b->bits = 0;
	b->pads = 0;
}

static void base64_pad(struct base64 *b)
{
	if (b->is_padding_junk)
		return;
	b->pads++;
	if (b->have < 2) {
		b->is_odd = true;
	} else if (b->have + b->pads >= 4) {
		base64_flush(b);
		b->is_ended = true;
	}
}

static void base64_slow(struct base64 *b)
{
	uint8_t v = base64_values[*b->at++];

	if (v == B64_PAD) {
		base64_pad(b);
	} else if (v & B64_OTHER) {
		b->is_odd |= v == B64_JUNK;
	} else {
		b->is_odd |= b->pads != 0;
		b->pads = 0;
		b->bits = b->bits << 6 | v;
		if (++b->have == 4) {
			b->out[0] = (unsigned char)(b->bits >> 16);
			b->out[1] = (unsigned char)(b->bits >> 8);
			b->out[2] = (unsigned char)b->bits;
			b->out += 3;
			b->have = 0;
			b->bits = 0;
		}
	}
}

/* All of it; *ret_first is how much of that stands before the first padding. */
static struct str base64_run(struct arena *a, struct base64 *b, struct str in, size_t *ret_first)
{
	unsigned char *start = b->out = arena_room(a, in.n / 4 * 3 + WIDE_ROOM);
	size_t first = SIZE_MAX;

	b->is_wide = has_wide();
	b->at = (const unsigned char *)in.p;
	b->end = b->at + in.n;
	while (b->at < b->end) {
		if (b->have == 0)
			base64_fast(b);
		if (b->at == b->end)
			break;
		base64_slow(b);
		if (b->is_ended && first == SIZE_MAX)
			first = (size_t)(b->out - start);
	}
	b->is_odd |= b->have != 0;
	base64_flush(b);
	*ret_first = first < (size_t)(b->out - start) ? first : (size_t)(b->out - start);
	return (struct str){(char *)start, (size_t)(b->out - start)};
}

struct str decode_base64_both(struct arena *a, struct str in, uint32_t *anomalies, struct str *ret_all)
{
	struct base64 b = {0};
	size_t first;

	*ret_all = base64_run(a, &b, in, &first);
	if (b.is_odd || first != ret_all->n)
		*anomalies |= MIME_BAD_BASE64;
	return str_sub(*ret_all, 0, first);
}

struct str decode_base64_unpadded(struct arena *a, struct str in)
{
	struct base64 b = {.is_padding_junk = true};
	size_t first;

	return base64_run(a, &b, in, &first);
}

struct str decode_base64(struct arena *a, struct str in, uint32_t *anomalies)
{
	struct str all;

	return decode_base64_both(a, in, anomalies, &all);
}
