/* AES in CBC mode: what the encryption of PDF hashes with and is made of. Short, not fast. */
#include "scanner/content/aes.h"

#include <string.h>

enum { ROUNDS_MAX = 14, KEYS_MAX = 16 * (ROUNDS_MAX + 1) };

struct aes {
	uint8_t table[256], back[256]; /* of substitutions, and the other way */
	uint8_t keys[KEYS_MAX];
	int rounds;
};

static uint8_t twice(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

/* Inverses in the field of 256, then an affine map. */
static void make_tables(struct aes *a)
{
	uint8_t p = 1, q = 1;

	do {
		p = (uint8_t)(p ^ twice(p)); /* times three */
		q ^= (uint8_t)(q << 1);      /* divided by three */
		q ^= (uint8_t)(q << 2);
		q ^= (uint8_t)(q << 4);
		q ^= q & 0x80 ? 0x09 : 0;
		a->table[p] = (uint8_t)(0x63 ^ q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4));
	} while (p != 1);
	a->table[0] = 0x63;
	for (int i = 0; i < 256; i++)
		a->back[a->table[i]] = (uint8_t)i;
}

static void expand(struct aes *a, const uint8_t *key, size_t n)
{
	uint8_t constant = 1;

	a->rounds = (int)n / 4 + 6;
	memcpy(a->keys, key, n);
	for (size_t i = n; i < 16 * ((size_t)a->rounds + 1); i += 4) {
		uint8_t word[4];

		memcpy(word, a->keys + i - 4, 4);
		if (i % n == 0) {
			uint8_t first = word[0];

			for (int k = 0; k < 4; k++)
				word[k] = a->table[k < 3 ? word[k + 1] : first];
			word[0] ^= constant;
			constant = twice(constant);
		} else if (n > 24 && i % n == 16) {
			for (int k = 0; k < 4; k++)
				word[k] = a->table[word[k]];
		}
		for (size_t k = 0; k < 4; k++)
			a->keys[i + k] = a->keys[i - n + k] ^ word[k];
	}
}

static void start(struct aes *a, const uint8_t *key, size_t n)
{
	make_tables(a);
	expand(a, key, n);
}

static void mix(uint8_t column[4])
{
	uint8_t all = column[0] ^ column[1] ^ column[2] ^ column[3], first = column[0];

	for (int i = 0; i < 3; i++)
		column[i] ^= all ^ twice(column[i] ^ column[i + 1]);
	column[3] ^= all ^ twice(column[3] ^ first);
}

/* Mixing is its own inverse but for this. */
static void unmix(uint8_t column[4])
{
	uint8_t even = twice(twice(column[0] ^ column[2])), odd = twice(twice(column[1] ^ column[3]));

	column[0] ^= even;
	column[1] ^= odd;
	column[2] ^= even;
	column[3] ^= odd;
	mix(column);
}

static void add_key(const struct aes *a, int round, uint8_t block[16])
{
	for (int i = 0; i < 16; i++)
		block[i] ^= a->keys[16 * round + i];
}

static void encrypt_block(const struct aes *a, uint8_t block[16])
{
	add_key(a, 0, block);
	for (int round = 1; round <= a->rounds; round++) {
		uint8_t old[16];

		memcpy(old, block, sizeof old);
		for (int i = 0; i < 16; i++) /* substitutes, and turns the rows */
			block[i] = a->table[old[(i + 4 * (i % 4)) % 16]];
		for (int column = 0; column < 4 && round < a->rounds; column++)
			mix(block + 4 * column);
		add_key(a, round, block);
	}
}

static void decrypt_block(const struct aes *a, uint8_t block[16])
{
	for (int round = a->rounds; round >= 1; round--) {
		uint8_t old[16];

		add_key(a, round, block);
		for (int column = 0; column < 4 && round < a->rounds; column++)
			unmix(block + 4 * column);
		memcpy(old, block, sizeof old);
		for (int i = 0; i < 16; i++)
			block[(i + 4 * (i % 4)) % 16] = a->back[old[i]];
	}
	add_key(a, 0, block);
}

void aes128_cbc_encrypt(const uint8_t key[16], const uint8_t iv[16], uint8_t *data, size_t n)
{
	struct aes a;
	uint8_t before[16];

	start(&a, key, 16);
	memcpy(before, iv, sizeof before);
	for (size_t at = 0; at + 16 <= n; at += 16) {
		for (int i = 0; i < 16; i++)
			data[at + (size_t)i] ^= before[i];
		encrypt_block(&a, data + at);
		memcpy(before, data + at, sizeof before);
	}
}

void aes_cbc_decrypt(const uint8_t *key, size_t key_n, const uint8_t iv[16], uint8_t *data, size_t n)
{
	struct aes a;
	uint8_t before[16];

	start(&a, key, key_n);
	memcpy(before, iv, sizeof before);
	for (size_t at = 0; at + 16 <= n; at += 16) {
		uint8_t now[16];

		memcpy(now, data + at, sizeof now);
		decrypt_block(&a, data + at);
		for (int i = 0; i < 16; i++)
			data[at + (size_t)i] ^= before[i];
		memcpy(before, now, sizeof before);
	}
}
