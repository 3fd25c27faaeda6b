/* AES-128 in CBC mode, to encrypt only: what revision 6 of PDF's encryption hashes with. Short, not fast. */
#include "scanner/content/aes.h"

#include <string.h>

enum { ROUNDS = 10, KEY_OCTETS = 16 * (ROUNDS + 1) };

static uint8_t twice(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

/* The table of substitutions: inverses in the field of 256, then an affine map. */
static void make_table(uint8_t table[256])
{
	uint8_t p = 1, q = 1;

	do {
		p = (uint8_t)(p ^ twice(p)); /* times three */
		q ^= (uint8_t)(q << 1);      /* divided by three */
		q ^= (uint8_t)(q << 2);
		q ^= (uint8_t)(q << 4);
		q ^= q & 0x80 ? 0x09 : 0;
		table[p] = (uint8_t)(0x63 ^ q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4));
	} while (p != 1);
	table[0] = 0x63;
}

static void expand(const uint8_t table[256], const uint8_t key[16], uint8_t keys[KEY_OCTETS])
{
	uint8_t constant = 1;

	memcpy(keys, key, 16);
	for (size_t i = 16; i < KEY_OCTETS; i += 4) {
		uint8_t word[4];

		memcpy(word, keys + i - 4, 4);
		if (i % 16 == 0) {
			uint8_t first = word[0];

			for (int k = 0; k < 4; k++)
				word[k] = table[k < 3 ? word[k + 1] : first];
			word[0] ^= constant;
			constant = twice(constant);
		}
		for (int k = 0; k < 4; k++)
			keys[i + (size_t)k] = keys[i - 16 + (size_t)k] ^ word[k];
	}
}

static void mix(uint8_t column[4])
{
	uint8_t all = column[0] ^ column[1] ^ column[2] ^ column[3], first = column[0];

	for (int i = 0; i < 3; i++)
		column[i] ^= all ^ twice(column[i] ^ column[i + 1]);
	column[3] ^= all ^ twice(column[3] ^ first);
}

static void encrypt_block(const uint8_t table[256], const uint8_t keys[KEY_OCTETS], uint8_t block[16])
{
	for (int i = 0; i < 16; i++)
		block[i] ^= keys[i];
	for (int round = 1; round <= ROUNDS; round++) {
		uint8_t old[16];

		memcpy(old, block, sizeof old);
		for (int i = 0; i < 16; i++) /* substitutes, and turns the rows */
			block[i] = table[old[(i + 4 * (i % 4)) % 16]];
		for (int column = 0; column < 4 && round < ROUNDS; column++)
			mix(block + 4 * column);
		for (int i = 0; i < 16; i++)
			block[i] ^= keys[16 * round + i];
	}
}

void aes128_cbc_encrypt(const uint8_t key[16], const uint8_t iv[16], uint8_t *data, size_t n)
{
	uint8_t table[256], keys[KEY_OCTETS], before[16];

	make_table(table);
	expand(table, key, keys);
	memcpy(before, iv, sizeof before);
	for (size_t at = 0; at + 16 <= n; at += 16) {
		for (int i = 0; i < 16; i++)
			data[at + (size_t)i] ^= before[i];
		encrypt_block(table, keys, data + at);
		memcpy(before, data + at, sizeof before);
	}
}
