/* Deflate with the fixed Huffman code: greedy matches found by a hash of three octets. */
#include "lib/gzip.h"

enum { WINDOW = 32768, MATCH_MIN = 3, MATCH_MAX = 258, HASH_BITS = 15, CHAIN_MAX = 32 };

struct packer {
	struct buf out;
	uint32_t bits;
	unsigned n;
	int32_t head[1 << HASH_BITS]; /* last position with this hash, or -1 */
	int32_t *previous;	      /* the one before, for each position */
};

static void put_bits(struct packer *p, uint32_t value, unsigned n)
{
	p->bits |= value << p->n;
	for (p->n += n; p->n >= 8; p->n -= 8) {
		buf_addc(&p->out, (char)p->bits);
		p->bits >>= 8;
	}
}

/* Codes go out with their highest bit first. */
static void put_code(struct packer *p, uint32_t code, unsigned n)
{
	uint32_t reversed = 0;

	for (unsigned i = 0; i < n; i++)
		reversed |= (code >> i & 1) << (n - 1 - i);
	put_bits(p, reversed, n);
}

static void put_symbol(struct packer *p, unsigned symbol)
{
	if (symbol < 144)
		put_code(p, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(p, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(p, symbol - 256, 7);
	else
		put_code(p, 0xc0 + symbol - 280, 8);
}

/* RFC 1951 part 3.2.5: lengths and distances are a base and extra bits, doubling every 4 and 2 codes. */
static void put_match(struct packer *p, unsigned length, unsigned distance)
{
	static const uint16_t lengths[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67,
	    83, 99, 115, 131, 163, 195, 227, 258};
	static const uint16_t distances[] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513,
	    769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
	unsigned code = 28;

	while (lengths[code] > length)
		code--;
	put_symbol(p, 257 + code);
	put_bits(p, length - lengths[code], code < 8 || code == 28 ? 0 : code / 4 - 1);
	code = 29;
	while (distances[code] > distance)
		code--;
	put_code(p, code, 5);
	put_bits(p, distance - distances[code], code < 4 ? 0 : code / 2 - 1);
}

static unsigned hash_at(const uint8_t *p)
{
	return ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) * 2654435761u >> (32 - HASH_BITS);
}

static void remember(struct packer *p, const uint8_t *data, size_t at)
{
	unsigned hash = hash_at(data + at);

	p->previous[at] = p->head[hash];
	p->head[hash] = (int32_t)at;
}

static unsigned match_length(const uint8_t *a, const uint8_t *b, size_t most)
{
	unsigned n = 0;

	while (n < most && n < MATCH_MAX && a[n] == b[n])
		n++;
	return n;
}

static unsigned find_match(const struct packer *p, const uint8_t *data, size_t n, size_t at, unsigned *ret_distance)
{
	int32_t candidate = p->head[hash_at(data + at)];
	unsigned best = 0;

	for (int i = 0; i < CHAIN_MAX && candidate >= 0 && at - (size_t)candidate <= WINDOW; i++) {
		unsigned length = match_length(data + candidate, data + at, n - at);

		if (length > best) {
			best = length;
			*ret_distance = (unsigned)(at - (size_t)candidate);
		}
		candidate = p->previous[candidate];
	}
	return best;
}

static void deflate_all(struct packer *p, const uint8_t *data, size_t n)
{
	size_t at = 0;

	put_bits(p, 3, 3); /* the last block, fixed code */
	while (at < n) {
		unsigned distance = 0, length = n - at >= MATCH_MIN ? find_match(p, data, n, at, &distance) : 0;
		size_t step = length >= MATCH_MIN ? length : 1;

		if (step > 1)
			put_match(p, length, distance);
		else
			put_symbol(p, data[at]);
		for (; step; step--, at++)
			if (n - at >= MATCH_MIN)
				remember(p, data, at);
	}
	put_symbol(p, 256);
	put_bits(p, 0, 7); /* up to the next octet */
}

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void put_word(struct buf *out, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		buf_addc(out, (char)(word >> 8 * i));
}

struct str gzip_pack(struct arena *a, struct str data)
{
	static const char head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, (char)0xff};
	struct arena *own = arena_new(0);
	struct packer *p = arena_alloc(own, sizeof *p);
	const uint8_t *octets = (const uint8_t *)(data.n ? data.p : "");
	struct str packed;

	p->previous = arena_array(own, data.n + 1, sizeof *p->previous);
	memset(p->head, 0xff, sizeof p->head);
	buf_add(&p->out, (struct str){head, sizeof head});
	deflate_all(p, octets, data.n);
	put_word(&p->out, crc32(octets, data.n));
	put_word(&p->out, (uint32_t)data.n);
	packed = buf_take(&p->out, a);
	arena_free(own);
	return packed;
}
