/* Key records: see key.h. */
#include "auth/key.h"

#include "auth/tags.h"

static void release(void *arg)
{
	crypto_key_free(arg);
}

/* An absent tag allows everything. */
static bool allows(const struct tags *tags, const char *name, const char *word)
{
	struct str value = tags_get(tags, name);

	return !value.p || tag_has_word(value, word);
}

static const char *fault_text(enum crypto_fault fault)
{
	return fault == CRYPTO_BAD_BASE64 ? "key is not base64"
	    : fault == CRYPTO_BAD_SIZE	  ? "key size out of range"
					  : "key cannot be read";
}

const char *dkim_key_parse(struct arena *a, struct str record, enum crypto_kind kind, enum crypto_hash hash,
    struct dkim_key *ret_key)
{
	struct dkim_key key = {0};
	struct str version, family, data;
	enum crypto_fault fault;
	struct tags tags;

	*ret_key = key;
	if (!tags_parse(record, &tags))
		return "key record has a syntax error";
	version = tags_get(&tags, "v");
	if (version.p && (!str_is(version, "DKIM1") || !str_is(tags.v[0].name, "v")))
		return "key record of an unknown version";
	family = tags_get(&tags, "k");
	if (!str_iis(family.p ? family : STR("rsa"), kind == CRYPTO_RSA ? "rsa" : "ed25519"))
		return "key is of another type than the signature";
	if (!allows(&tags, "h", hash == CRYPTO_SHA1 ? "sha1" : "sha256"))
		return "key does not allow this hash";
	if (!allows(&tags, "s", "email") && !allows(&tags, "s", "*"))
		return "key is not for mail";
	data = tags_get(&tags, "p");
	if (!data.p)
		return "key record without a key";
	if (data.n == 0)
		return "key is revoked";
	key.is_testing = tags_get(&tags, "t").p && allows(&tags, "t", "y");
	key.is_strict = tags_get(&tags, "t").p && allows(&tags, "t", "s");
	fault = crypto_public_key(kind, data, &key.key);
	ret_key->has_bad_size = fault == CRYPTO_BAD_SIZE;
	if (fault != CRYPTO_OK)
		return fault_text(fault);
	arena_defer(a, release, key.key);
	*ret_key = key;
	return NULL;
}
