/*
 * Token buckets. A bucket is one number: the time, in nanoseconds, when it is full again. Taking n
 * tokens moves it on by the time in which n come back, so that several processes can add up what
 * they took without knowing of each other.
 */
#include <assert.h>

#include "lib/clock.h"
#include "lib/store/store_private.h"

enum {
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
	DEBT_MAX = 16, /* deeper in debt than so many times itself: a clock that jumped */
};

static int64_t refill_ns(const struct store_rate *rate, int64_t n)
{
	return (int64_t)((__int128)n * rate->per_ms * NS_PER_MS / rate->capacity);
}

static struct store_level level_at(int64_t full_ns, int64_t now_ns, const struct store_rate *rate)
{
	double missing = full_ns > now_ns ? (double)(full_ns - now_ns) : 0;
	double left = (double)rate->capacity * (1 - missing / ((double)rate->per_ms * NS_PER_MS));

	return (struct store_level){.left = left > 0 ? left : 0};
}

struct store_level store_level_at(struct str value, const struct store_rate *rate)
{
	return level_at(text_number(value), clock_now_us() * 1000, rate);
}

/* full_ns: as it is now. Sets the new time and the wait; false when there is not enough. */
static bool bucket_take(const struct store_rate *rate, int64_t n, int64_t now_ns, int64_t *full_ns,
    struct store_level *ret_level)
{
	int64_t whole = refill_ns(rate, rate->capacity), after, over;

	if (*full_ns < now_ns)
		*full_ns = now_ns;
	*ret_level = level_at(*full_ns, now_ns, rate);
	if (n > rate->capacity) {
		ret_level->wait_ms = -1;
		return false;
	}
	after = *full_ns + refill_ns(rate, n);
	over = after - now_ns - whole;
	if (n > 0 && over > 0) {
		ret_level->wait_ms = (over + NS_PER_MS - 1) / NS_PER_MS;
		return false;
	}
	*full_ns = after;
	*ret_level = level_at(after, now_ns, rate);
	return true;
}

static void change_bucket(
    struct store *st, const struct place *p, bool is_reset, int64_t amount, int64_t full_ns, uint32_t version)
{
	bool is_new;
	struct change *c = store_change_at(st, p, &is_new);

	if (is_new)
		c->version = version;
	if (is_new && !is_reset)
		c->kind = CHANGE_BUCKET;
	else if (is_reset || c->kind != CHANGE_BUCKET)
		c->kind = CHANGE_PUT;
	c->amount += amount;
	c->expires = full_ns / NS_PER_S + 2;
	overlay_set_number(c, full_ns);
}

static enum res bucket_locked(struct store *st, const struct place *p,
    const struct store_rate *rate, int64_t n, bool takes, struct store_level *ret_level)
{
	int64_t now_ns = clock_now_us() * 1000, whole = refill_ns(rate, rate->capacity), full_ns;
	bool is_reset;
	struct view v;

	if (store_look(st, p, NULL, now_ns / NS_PER_S, &v) != RES_OK ||
	    !store_has_room(st, 1, now_ns / NS_PER_S))
		return RES_TEMP;
	full_ns = v.exists ? v.number : 0;
	is_reset = full_ns > now_ns && (full_ns - now_ns) / DEBT_MAX > whole;
	if (is_reset)
		full_ns = now_ns + whole;
	if (!bucket_take(rate, n, now_ns, &full_ns, ret_level))
		return RES_NONE;
	if (takes && (n > 0 || (n < 0 && v.exists) || is_reset))
		change_bucket(st, p, is_reset, refill_ns(rate, n), full_ns, v.version);
	return RES_OK;
}

static enum res bucket(struct store *st, const char *table, struct str key,
    const struct store_rate *rate, int64_t n, bool takes, struct store_level *ret_level)
{
	struct store_level level;
	struct place p;
	enum res res;

	assert(rate->capacity > 0 && rate->per_ms > 0);
	if (!place_init(&p, table, key))
		return RES_PERM;
	pthread_mutex_lock(&st->lock);
	res = bucket_locked(st, &p, rate, n, takes, &level);
	pthread_mutex_unlock(&st->lock);
	if (ret_level && res != RES_TEMP)
		*ret_level = level;
	return res;
}

enum res store_bucket(struct store *st, const char *table, struct str key,
    const struct store_rate *rate, int64_t n, struct store_level *ret_level)
{
	return bucket(st, table, key, rate, n, true, ret_level);
}

enum res store_bucket_look(struct store *st, const char *table, struct str key,
    const struct store_rate *rate, int64_t n, struct store_level *ret_level)
{
	return bucket(st, table, key, rate, n, false, ret_level);
}
