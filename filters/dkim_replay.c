/* Counts signatures by their value. Table "dkim-replay": hash of domain and b= = recipients. */
#include "filters/dkim_replay.h"

static const char table[] = "dkim-replay";

enum { KEY_OCTETS = 16 };

static struct str key_of(const struct signature *sig, char out[2 * KEY_OCTETS + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct buf text = {0};

	buf_addf(&text, "%.*s ", STR_ARG(sig->domain));
	buf_add(&text, (struct str){(const char *)sig->b, sig->b_n});
	digest_of(CRYPTO_SHA256, buf_str(&text), digest);
	buf_free(&text);
	for (size_t i = 0; i < KEY_OCTETS; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	return (struct str){out, 2 * KEY_OCTETS};
}

enum res replay_look(struct store *store, const struct dkim *dkim, int64_t *ret_replays)
{
	struct arena *a = arena_new(0);
	enum res all = RES_OK;

	*ret_replays = 0;
	for (size_t i = 0; i < dkim->n; i++) {
		char text[2 * KEY_OCTETS + 1];
		struct store_entry entry;
		uint64_t count;
		enum res res;

		if (dkim->v[i].result != AUTH_PASS)
			continue;
		res = store_get(store, table, key_of(&dkim->v[i], text), a, &entry);
		if (res == RES_TEMP)
			all = res;
		else if (res == RES_OK && str_u64(entry.value, &count) && (int64_t)count > *ret_replays)
			*ret_replays = (int64_t)count;
	}
	arena_free(a);
	return all;
}

void replay_count(struct store *store, const struct replay_conf *conf, const struct dkim *dkim, size_t recipients)
{
	for (size_t i = 0; i < dkim->n; i++) {
		char text[2 * KEY_OCTETS + 1];

		if (dkim->v[i].result == AUTH_PASS)
			store_count(store, table, key_of(&dkim->v[i], text), (int64_t)recipients, conf->period_ms / 1000, NULL);
	}
}

static size_t times_in(struct str names, const char *name)
{
	struct str part;
	size_t n = 0;

	while (str_split(&names, ':', &part))
		n += str_iis(str_trim(part), name);
	return n;
}

const char *replay_added_field(const struct headers *headers, const struct signature *sig)
{
	static const char *const once[] = {"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To",
	    "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};

	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		size_t there = headers_count(headers, once[i]), covered = there > 1 ? times_in(sig->names, once[i]) : 0;

		if (covered && covered < there)
			return once[i];
	}
	return NULL;
}
