/*
 * Whether an encrypted PDF opens without a password: many are encrypted only so that printing can be
 * forbidden, and everybody can read them. The standard handler, revisions 2 to 6, is tried with an empty
 * password; what else there is counts as locked.
 */
#include <string.h>

#include "scanner/content/aes.h"
#include "scanner/content/content.h"
#include "scanner/engine.h"

enum { DICTIONARY_MAX = 8192, STRING_MAX = 128, KEY_MAX = 16, MD5 = 16, HASH_MAX = 64, ROUNDS_MAX = 400 };

static const unsigned char padding[32] = {0x28, 0xbf, 0x4e, 0x5e, 0x4e, 0x75, 0x8a, 0x41, 0x64, 0x00, 0x4e, 0x56, 0xff, 0xfa, 0x01, 0x08,
    0x2e, 0x2e, 0x00, 0xb6, 0xd0, 0x68, 0x3e, 0x80, 0x2f, 0x0c, 0xa9, 0xfe, 0x64, 0x53, 0x69, 0x7a};

struct lock {
	long revision, length, permissions;
	bool has_plain_metadata;
	unsigned char owner[STRING_MAX], user[STRING_MAX], id[STRING_MAX];
	size_t owner_n, user_n, id_n;
};

/* ---- reading ---- */

/* What follows a name in the dictionary, of which the last counts. */
static struct str value_of(struct str s, const char *name)
{
	struct str found = STR_NONE;
	size_t n = strlen(name);

	for (;;) {
		ptrdiff_t at = str_find(s, (struct str){name, n});

		if (at < 0)
			return found;
		s = str_from(s, (size_t)at + n);
		if (s.n && !is_alnum(s.p[0]))
			found = str_trim(str_sub(s, 0, 512));
	}
}

static long number_of(struct str s, const char *name, long otherwise)
{
	struct str value = value_of(s, name);
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

static size_t string_of(struct str s, const char *name, unsigned char out[STRING_MAX])
{
	struct str value = value_of(s, name);

	while (value.n && (value.p[0] == '[' || is_space(value.p[0])))
		value = str_from(value, 1);
	if (!value.n)
		return 0;
	return value.p[0] == '<' ? hex_string(value, out) : value.p[0] == '(' ? text_string(value, out) : 0;
}

/* The dictionary that "/Encrypt 12 0 R" names, or that stands there itself. */
static struct str dictionary_of(struct str s)
{
	struct str value = value_of(s, "/Encrypt"), word = value, rest = s;
	char head[32];
	size_t n = 0;

	if (value.n && value.p[0] == '<')
		return str_sub(s, (size_t)(value.p - s.p), DICTIONARY_MAX);
	while (n < 10 && n < word.n && is_digit(word.p[n])) {
		head[n] = word.p[n];
		n++;
	}
	memcpy(head + n, " 0 obj", 6);
	for (ptrdiff_t at; n && (at = str_find(rest, (struct str){head, n + 6})) >= 0; rest = str_from(rest, (size_t)at + n)) {
		struct str before = str_sub(rest, 0, (size_t)at);

		if (before.n == 0 || !is_digit(before.p[before.n - 1])) {
			struct str found = str_sub(rest, (size_t)at + n + 6, DICTIONARY_MAX);
			ptrdiff_t end = str_find(found, STR("endobj"));

			return str_sub(found, 0, end < 0 ? found.n : (size_t)end);
		}
	}
	return STR_NONE;
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

static bool opens_old(const struct lock *l)
{
	unsigned char key[MD5], turned[MD5], data[32];
	size_t n = key_of(l, key), size = l->revision == 2 ? 32 : 16;
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
			turned[i] = (unsigned char)(key[i] ^ turn);
		rc4(turned, n, data, size);
	}
	return memcmp(data, l->user, size) == 0;
}

/* Revision 5: SHA-256 of the password and eight octets of salt. */
static bool opens_new(const struct lock *l)
{
	uint8_t hash[WIRE_HASH];

	if (l->user_n < 48)
		return false;
	engine_sha256((struct str){(const char *)l->user + 32, 8}, hash);
	return memcmp(hash, l->user, sizeof hash) == 0;
}

/* Revision 6: hashes of what the hash before encrypts, until the last octet lets it end. */
static bool opens_newest(const struct lock *l)
{
	static const char *const hashes[] = {"sha256", "sha384", "sha512"};
	uint8_t hash[HASH_MAX], data[64 * HASH_MAX];
	size_t n = 32;

	if (l->user_n < 48)
		return false;
	engine_hash("sha256", (struct str){(const char *)l->user + 32, 8}, hash);
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		unsigned sum = 0;

		for (size_t i = 0; i < 64; i++)
			memcpy(data + i * n, hash, n);
		aes128_cbc_encrypt(hash, hash + 16, data, 64 * n);
		for (size_t i = 0; i < 16; i++)
			sum += data[i];
		if (round >= 63 && data[64 * n - 1] + 31u <= round) {
			engine_hash(hashes[sum % 3], (struct str){(const char *)data, 64 * n}, hash);
			return memcmp(hash, l->user, 32) == 0;
		}
		engine_hash(hashes[sum % 3], (struct str){(const char *)data, 64 * n}, hash);
		n = 32 + 16 * (sum % 3);
	}
	return false;
}

bool pdf_is_locked(struct str s)
{
	struct str d = dictionary_of(s), plain = value_of(d, "/EncryptMetadata");
	struct lock l = {.revision = number_of(d, "/R", 0), .length = number_of(d, "/Length", 40), .permissions = number_of(d, "/P", 0)};

	l.has_plain_metadata = str_starts(plain, STR("false"));
	l.owner_n = string_of(d, "/O", l.owner);
	l.user_n = string_of(d, "/U", l.user);
	l.id_n = string_of(s, "/ID", l.id);
	if (l.id_n > 16 * 2)
		l.id_n = 16 * 2;
	if (str_find(d, STR("/Standard")) < 0)
		return true;
	if (l.revision >= 4 && l.length < 128)
		l.length = 128; /* said in the filter's own dictionary */
	if (l.revision >= 2 && l.revision <= 4)
		return !opens_old(&l);
	return l.revision == 5 ? !opens_new(&l) : l.revision == 6 ? !opens_newest(&l) : true;
}
