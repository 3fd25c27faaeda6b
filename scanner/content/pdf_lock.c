/*
 * Whether an encrypted PDF opens without a password: many are encrypted only so that printing can be
 * forbidden, or so that nobody looks into them on their way, and everybody can read them. The standard handler,
 * revisions 2 to 6, is tried with an empty password; what else there is counts as locked.
 */
#include <string.h>

#include "scanner/content/aes.h"
#include "scanner/content/content.h"
#include "scanner/engine.h"

enum { STRING_MAX = 128, KEY_MAX = 16, MD5 = 16, HASH_MAX = 64, ROUNDS_MAX = 400, SALT = 8, IDS_MAX = 64 };

static const unsigned char padding[32] = {0x28, 0xbf, 0x4e, 0x5e, 0x4e, 0x75, 0x8a, 0x41, 0x64, 0x00, 0x4e, 0x56, 0xff, 0xfa, 0x01, 0x08,
    0x2e, 0x2e, 0x00, 0xb6, 0xd0, 0x68, 0x3e, 0x80, 0x2f, 0x0c, 0xa9, 0xfe, 0x64, 0x53, 0x69, 0x7a};

struct lock {
	long revision, length, permissions;
	bool has_plain_metadata;
	unsigned char owner[STRING_MAX], user[STRING_MAX], id[STRING_MAX], user_key[STRING_MAX];
	size_t owner_n, user_n, id_n, user_key_n;
};

/* ---- reading ---- */

static long number_of(struct str s, const char *name, long otherwise)
{
	struct str value = pdf_value(s, name);
	bool is_negative = value.n && value.p[0] == '-';
	long n = 0;

	value = str_from(value, is_negative);
	if (!value.n || !is_digit(value.p[0]))
		return otherwise;
	for (size_t i = 0; i < value.n && i < 10 && is_digit(value.p[i]); i++)
		n = n * 10 + (value.p[i] - '0');
	return is_negative ? -n : n;
}

static size_t hex_string(struct str s, unsigned char out[STRING_MAX])
{
	size_t n = 0;
	int high = -1;

	for (size_t i = 1; i < s.n && s.p[i] != '>' && n < STRING_MAX; i++) {
		int digit = hex_value(s.p[i]);

		if (digit >= 0 && high >= 0)
			out[n++] = (unsigned char)(high << 4 | digit);
		high = digit < 0 ? high : high >= 0 ? -1 : digit;
	}
	return n;
}

/* The character behind a backslash; moves to its last octet. */
static int escaped(struct str s, size_t *i)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *at = s.p[*i] ? strchr(from, s.p[*i]) : NULL;
	int value = 0;

	if (at)
		return to[at - from];
	if (s.p[*i] < '0' || s.p[*i] > '7')
		return (unsigned char)s.p[*i];
	for (int k = 0; k < 3 && *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '7'; k++, (*i)++)
		value = value * 8 + (s.p[*i] - '0');
	(*i)--;
	return value & 255;
}

static size_t text_string(struct str s, unsigned char out[STRING_MAX])
{
	size_t n = 0;
	int depth = 0;

	for (size_t i = 0; i < s.n && n < STRING_MAX; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n) {
			i++;
			if (s.p[i] != '\n' && s.p[i] != '\r')
				out[n++] = (unsigned char)escaped(s, &i);
			continue;
		}
		depth += s.p[i] == '(' ? 1 : s.p[i] == ')' ? -1 : 0;
		if (depth == 0)
			return n;
		if (i > 0)
			out[n++] = (unsigned char)s.p[i];
	}
	return n;
}

/* A string, or the first of a list. */
static size_t string_at(struct str value, unsigned char out[STRING_MAX])
{
	struct str token;

	while (pdf_next(&value, &token))
		if (token.p[0] != '[')
			return token.p[0] == '<' ? hex_string(token, out) : token.p[0] == '(' ? text_string(token, out) : 0;
	return 0;
}

/* Other things are called so too. */
static size_t read_id(struct str s, unsigned char out[STRING_MAX])
{
	struct str value = pdf_behind_name(s, "ID");

	for (int i = 0; i < IDS_MAX && value.n && value.p[0] != '['; i++) {
		s = str_sub(s, 0, (size_t)(value.p - s.p) - 1);
		value = pdf_behind_name(s, "ID");
	}
	return string_at(value, out);
}

/* The dictionary that "/Encrypt 12 0 R" names, or that stands there itself. */
static struct str dictionary_of(struct str s)
{
	struct str value = pdf_behind_name(s, "Encrypt");
	uint32_t number;

	return pdf_reference(&value, &number) ? pdf_object(s, number) : value;
}

/* ---- trying ---- */

static void rc4(const unsigned char *key, size_t key_n, unsigned char *data, size_t n)
{
	unsigned char state[256], a = 0, b = 0;

	for (int i = 0; i < 256; i++)
		state[i] = (unsigned char)i;
	for (int i = 0; i < 256; i++) {
		unsigned char old = state[i];

		b = (unsigned char)(b + old + key[(size_t)i % key_n]);
		state[i] = state[b];
		state[b] = old;
	}
	b = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char old = state[++a];

		b = (unsigned char)(b + old);
		state[a] = state[b];
		state[b] = old;
		data[i] ^= state[(unsigned char)(state[a] + old)];
	}
}

/* The key that the empty password gives. */
static size_t key_of(const struct lock *l, unsigned char key[MD5])
{
	struct buf b = {0};
	uint32_t permissions = (uint32_t)l->permissions;
	size_t n = l->revision == 2 ? 5 : (size_t)l->length / 8;

	n = n < 5 ? 5 : n > KEY_MAX ? KEY_MAX : n;
	buf_add(&b, (struct str){(const char *)padding, sizeof padding});
	buf_add(&b, (struct str){(const char *)l->owner, 32});
	for (int i = 0; i < 4; i++)
		buf_addc(&b, (char)(permissions >> 8 * i));
	buf_add(&b, (struct str){(const char *)l->id, l->id_n});
	if (l->revision >= 4 && l->has_plain_metadata)
		buf_adds(&b, "\xff\xff\xff\xff");
	engine_hash("md5", buf_str(&b), key);
	for (int i = 0; l->revision >= 3 && i < 50; i++)
		engine_hash("md5", (struct str){(const char *)key, n}, key);
	buf_free(&b);
	return n;
}

static bool opens_old(const struct lock *l, const struct pdf_key *key)
{
	unsigned char turned[MD5], data[32];
	size_t n = key->n, size = l->revision == 2 ? 32 : 16;
	struct buf b = {0};

	if (l->owner_n < 32 || l->user_n < size)
		return false;
	memcpy(data, padding, sizeof data);
	if (l->revision >= 3) {
		buf_add(&b, (struct str){(const char *)padding, sizeof padding});
		buf_add(&b, (struct str){(const char *)l->id, l->id_n});
		engine_hash("md5", buf_str(&b), data);
		buf_free(&b);
	}
	for (int turn = 0; turn < (l->revision >= 3 ? 20 : 1); turn++) {
		for (size_t i = 0; i < n; i++)
			turned[i] = (unsigned char)(key->key[i] ^ turn);
		rc4(turned, n, data, size);
	}
	return memcmp(data, l->user, size) == 0;
}

/* Revision 5: SHA-256 of the password and eight octets of salt. */
static void hash_new(const unsigned char salt[SALT], uint8_t hash[HASH_MAX])
{
	engine_sha256((struct str){(const char *)salt, SALT}, hash);
}

/* Revision 6: hashes of what the hash before encrypts, until the last octet lets it end. */
static void hash_newest(const unsigned char salt[SALT], uint8_t hash[HASH_MAX])
{
	static const char *const hashes[] = {"sha256", "sha384", "sha512"};
	uint8_t data[64 * HASH_MAX];
	size_t n = 32;

	engine_hash("sha256", (struct str){(const char *)salt, SALT}, hash);
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		unsigned sum = 0;

		for (size_t i = 0; i < 64; i++)
			memcpy(data + i * n, hash, n);
		aes128_cbc_encrypt(hash, hash + 16, data, 64 * n);
		for (size_t i = 0; i < 16; i++)
			sum += data[i];
		engine_hash(hashes[sum % 3], (struct str){(const char *)data, 64 * n}, hash);
		if (round >= 63 && data[64 * n - 1] + 31u <= round)
			return;
		n = 32 + 16 * (sum % 3);
	}
}

/* Of the user's 48 octets the first 32 are a hash with the salt behind them; the key is locked by another salt. */
static bool opens_new(const struct lock *l, struct pdf_key *ret)
{
	void (*hash_of)(const unsigned char *, uint8_t *) = l->revision == 5 ? hash_new : hash_newest;
	static const uint8_t zeros[16];
	uint8_t hash[HASH_MAX];

	if (l->user_n < 32 + 2 * SALT)
		return false;
	hash_of(l->user + 32, hash);
	if (memcmp(hash, l->user, 32) != 0)
		return false;
	hash_of(l->user + 32 + SALT, hash);
	*ret = (struct pdf_key){.cipher = l->user_key_n >= 32 ? PDF_AES_AS_IT_IS : PDF_PLAIN, .n = 32};
	memcpy(ret->key, l->user_key, 32);
	aes_cbc_decrypt(hash, 32, zeros, ret->key, 32);
	return true;
}

/* Which cipher the streams have: before version 4 there was one, then it has a name, and may be none. */
static void name_cipher(struct str d, struct pdf_key *key)
{
	struct str streams = pdf_value(d, "StmF");
	char room[16];

	if (number_of(d, "V", 0) < 4)
		return;
	streams = str_starts(streams, STR("/")) ? pdf_name(str_from(streams, 1), room, sizeof room) : STR("Identity");
	if (str_is(streams, "Identity"))
		key->cipher = PDF_PLAIN;
	else if (key->cipher == PDF_RC4 && content_has(d, "aesv2"))
		key->cipher = PDF_AES;
}

bool pdf_unlock(struct str s, struct pdf_key *ret)
{
	struct str d = dictionary_of(s);
	struct lock l = {.revision = number_of(d, "R", 0), .length = number_of(d, "Length", 40), .permissions = number_of(d, "P", 0)};
	bool opens;

	*ret = (struct pdf_key){.cipher = PDF_PLAIN};
	l.has_plain_metadata = str_starts(pdf_value(d, "EncryptMetadata"), STR("false"));
	l.owner_n = string_at(pdf_value(d, "O"), l.owner);
	l.user_n = string_at(pdf_value(d, "U"), l.user);
	l.user_key_n = string_at(pdf_value(d, "UE"), l.user_key);
	l.id_n = read_id(s, l.id);
	if (l.id_n > 16 * 2)
		l.id_n = 16 * 2;
	if (!pdf_behind_name(d, "Standard").p)
		return false;
	if (l.revision >= 4 && l.length < 128)
		l.length = 128; /* said in the filter's own dictionary */
	if (l.revision >= 2 && l.revision <= 4) {
		ret->cipher = PDF_RC4;
		ret->n = key_of(&l, ret->key);
		opens = opens_old(&l, ret);
	} else {
		opens = (l.revision == 5 || l.revision == 6) && opens_new(&l, ret);
	}
	if (opens)
		name_cipher(d, ret);
	return opens;
}

/* A key for each object, of the key of all and its number. */
static size_t object_key(const struct pdf_key *key, const struct pdf_object *object, uint8_t ret[MD5])
{
	struct buf b = {0};
	size_t n = key->n + 5 < MD5 ? key->n + 5 : MD5;

	buf_add(&b, (struct str){(const char *)key->key, key->n});
	for (int i = 0; i < 3; i++)
		buf_addc(&b, (char)(object->number >> 8 * i));
	for (int i = 0; i < 2; i++)
		buf_addc(&b, (char)(object->generation >> 8 * i));
	if (key->cipher == PDF_AES)
		buf_adds(&b, "sAlT");
	engine_hash("md5", buf_str(&b), ret);
	buf_free(&b);
	return n;
}

void pdf_decrypt(const struct pdf_key *key, const struct pdf_object *object, struct str data, struct buf *out)
{
	uint8_t of_object[32], *start;
	size_t n = key->n, at = out->n;

	if (key->cipher == PDF_PLAIN || !data.n) {
		buf_add(out, data);
		return;
	}
	memcpy(of_object, key->key, sizeof of_object);
	if (key->cipher != PDF_AES_AS_IT_IS)
		n = object_key(key, object, of_object);
	if (key->cipher == PDF_RC4) {
		buf_add(out, data);
		rc4(of_object, n, (uint8_t *)out->p + at, data.n);
		return;
	}
	if (data.n < 16)
		return;
	/* The first block is where it starts from; the last says how much of it counts, which does no harm. */
	buf_add(out, str_from(data, 16));
	start = (uint8_t *)out->p + at;
	aes_cbc_decrypt(of_object, key->cipher == PDF_AES ? 16 : 32, (const uint8_t *)data.p, start, out->n - at);
}
