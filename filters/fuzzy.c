/*
 * fuzzy: mailings, by fingerprints of text and attachments (core/content/fuzzy.h) with counts in the store.
 *
 *     filter fuzzy { window 3d; bulk-from 20; spam-from 15; }
 *
 * Each message that was judged adds one to the counters of its bands; a message of which at least
 * SHARED_MIN bands are known is like others, and their number is what the third largest of its bands
 * says: two by chance do not make a mailing. Spam and ham are marked by `reevectl fuzzy`, and by a
 * score of other filters; known spam is what was marked as spam often enough and seldom as ham.
 */
#include "filters/fuzzy.h"

#include <inttypes.h>

#include "core/filter.h"
#include "lib/store/store.h"

enum { SHARED_MIN = 3, WORDS_MIN = 20, KEY_SIZE = 18, HAM = 1 << 20 };

struct fuzzy_conf {
	int64_t window_ms, keep_ms, bulk_from, spam_count;
	double spam_from;
	struct store *store;
};

static const struct fact_def fuzzy_facts[] = {
    {"fuzzy.count", FACT_INT, STAGE_MESSAGE, NULL, "messages within the window whose text is much like this one's"},
    {"fuzzy.files", FACT_INT, STAGE_MESSAGE, NULL, "messages within the window with the same attachment, the most frequent one"},
    {"fuzzy.similar", FACT_NUMBER, STAGE_MESSAGE, NULL, "how much of the fingerprint was seen before, 0 to 1"},
    {"fuzzy.bulk", FACT_BOOL, STAGE_MESSAGE, NULL, "as many as bulk-from are alike"},
    {"fuzzy.spam", FACT_INT, STAGE_MESSAGE, NULL, "messages like it that were marked as spam"},
    {"fuzzy.ham", FACT_INT, STAGE_MESSAGE, NULL, "messages like it that were marked as ham"},
    {"fuzzy.known-spam", FACT_BOOL, STAGE_MESSAGE, NULL, "text or attachment is that of known spam"},
    {0},
};

static const struct finding_def fuzzy_findings[] = {
    {"fuzzy.bulk", 0.5, "many messages of late say the same"},
    {"fuzzy.known-spam", 3, "the text is that of messages that were marked as spam"},
    {"fuzzy.known-file", 3, "an attachment is that of messages that were marked as spam"},
    {0},
};

#define AT(field) offsetof(struct fuzzy_conf, field)
static const struct directive fuzzy_directives[] = {
    {.name = "window", .type = CONF_DURATION, .offset = AT(window_ms), .def = "3d", .min = 60000, .max = 0x7fffffffffff,
	.args = "DURATION", .help = "how long a message counts, from the first of its kind"},
    {.name = "keep", .type = CONF_DURATION, .offset = AT(keep_ms), .def = "30d", .min = 60000, .max = 0x7fffffffffff,
	.args = "DURATION", .help = "how long a mark as spam or ham counts"},
    {.name = "bulk-from", .type = CONF_INT, .offset = AT(bulk_from), .def = "20", .min = 2, .max = 1000000000,
	.args = "COUNT", .help = "so many messages that are alike are bulk"},
    {.name = "spam-count", .type = CONF_INT, .offset = AT(spam_count), .def = "2", .min = 1, .max = 1000000,
	.args = "COUNT", .help = "marks as spam that make known spam; twice the marks as ham at least"},
    {.name = "spam-from", .type = CONF_NUMBER, .offset = AT(spam_from), .def = "15", .min = 0.1, .max = 100000,
	.args = "SCORE", .help = "a message with this score or more, by other filters, is marked as spam"},
    {0},
};
#undef AT

static bool fuzzy_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct fuzzy_conf *c = conf;

	(void)load;
	(void)place;
	c->store = env->store;
	return true;
}

/* ---- counters ---- */

static struct str key_of(char out[KEY_SIZE], char kind, uint64_t hash)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = kind;
	for (size_t i = 0; i < 16; i++)
		out[1 + i] = digits[hash >> (60 - 4 * i) & 15];
	return (struct str){out, 17};
}

static bool has_text(const struct fuzzy_print *print)
{
	return print->words >= WORDS_MIN;
}

/* The hashes that have counters: at most FUZZY_BANDS + FUZZY_FILES. */
static size_t hashes_of(const struct fuzzy_print *print, uint64_t out[FUZZY_BANDS + FUZZY_FILES])
{
	size_t n = 0;

	for (size_t i = 0; i < FUZZY_BANDS && has_text(print); i++)
		out[n++] = print->band[i];
	for (size_t i = 0; i < print->files; i++)
		out[n++] = print->file[i];
	return n;
}

static enum res add_to_all(struct store *store, const struct fuzzy_print *print, char kind, int64_t add, int64_t ttl)
{
	struct store_change changes[FUZZY_BANDS + FUZZY_FILES];
	char keys[FUZZY_BANDS + FUZZY_FILES][KEY_SIZE];
	uint64_t hashes[FUZZY_BANDS + FUZZY_FILES];
	size_t n = hashes_of(print, hashes);

	for (size_t i = 0; i < n; i++)
		changes[i] = (struct store_change){STORE_COUNT, FUZZY_TABLE, key_of(keys[i], kind, hashes[i]), STR_NONE, add, ttl};
	return n ? store_apply(store, changes, n) : RES_NONE;
}

enum res fuzzy_see(struct store *store, const struct fuzzy_print *print, int64_t ttl)
{
	return add_to_all(store, print, 'n', 1, ttl);
}

enum res fuzzy_mark(struct store *store, const struct fuzzy_print *print, enum fuzzy_mark mark, int64_t ttl)
{
	return add_to_all(store, print, 'm', mark == FUZZY_HAM ? HAM : 1, ttl);
}

static enum res count_of(struct store *store, struct arena *a, char kind, uint64_t hash, uint64_t *ret_count)
{
	char key[KEY_SIZE];
	struct store_entry entry;
	enum res res = store_get(store, FUZZY_TABLE, key_of(key, kind, hash), a, &entry);

	*ret_count = 0;
	if (res == RES_OK)
		str_u64(entry.value, ret_count);
	return res;
}

enum res fuzzy_forget(struct store *store, const struct fuzzy_print *print, struct arena *a)
{
	uint64_t hashes[FUZZY_BANDS + FUZZY_FILES], marks;
	size_t n = hashes_of(print, hashes), marked = 0;
	char key[KEY_SIZE];

	for (size_t i = 0; i < n; i++) {
		if (count_of(store, a, 'm', hashes[i], &marks) == RES_TEMP)
			return RES_TEMP;
		marked += marks > 0;
		if (marks && store_count(store, FUZZY_TABLE, key_of(key, 'm', hashes[i]), -(int64_t)marks, 0, NULL) != RES_OK)
			return RES_TEMP;
	}
	return marked ? RES_OK : RES_NONE;
}

/* Both counters of one hash as three numbers. */
static enum res counts_of(struct store *store, struct arena *a, uint64_t hash, int64_t ret_counts[FUZZY_MARKS])
{
	uint64_t seen, marks;

	if (count_of(store, a, 'n', hash, &seen) == RES_TEMP || count_of(store, a, 'm', hash, &marks) == RES_TEMP)
		return RES_TEMP;
	ret_counts[FUZZY_SEEN] = (int64_t)seen;
	ret_counts[FUZZY_SPAM] = (int64_t)(marks % HAM);
	ret_counts[FUZZY_HAM] = (int64_t)(marks / HAM);
	return seen || marks ? RES_OK : RES_NONE;
}

/* The SHARED_MIN-th largest. */
static int64_t agreed(int64_t v[FUZZY_BANDS])
{
	for (size_t i = 0; i < SHARED_MIN; i++)
		for (size_t k = i + 1; k < FUZZY_BANDS; k++)
			if (v[k] > v[i]) {
				int64_t larger = v[k];
				v[k] = v[i];
				v[i] = larger;
			}
	return v[SHARED_MIN - 1];
}

/* Where too few of the bands are known, the last ones need not be asked for. */
static enum res text_counts(struct store *store, const struct fuzzy_print *print, struct arena *a, struct fuzzy_counts *n)
{
	int64_t bands[FUZZY_MARKS][FUZZY_BANDS] = {{0}}, one[FUZZY_MARKS];

	for (size_t i = 0; i < FUZZY_BANDS && n->shared + FUZZY_BANDS - i >= SHARED_MIN; i++) {
		enum res res = counts_of(store, a, print->band[i], one);

		if (res == RES_TEMP)
			return res;
		n->shared += res == RES_OK;
		for (int mark = 0; mark < FUZZY_MARKS; mark++)
			bands[mark][i] = one[mark];
	}
	for (int mark = 0; mark < FUZZY_MARKS; mark++)
		n->text[mark] = agreed(bands[mark]);
	return RES_OK;
}

enum res fuzzy_counts(struct store *store, const struct fuzzy_print *print, struct arena *a, struct fuzzy_counts *ret_counts)
{
	int64_t one[FUZZY_MARKS];

	*ret_counts = (struct fuzzy_counts){0};
	if (has_text(print) && text_counts(store, print, a, ret_counts) == RES_TEMP)
		return RES_TEMP;
	for (size_t i = 0; i < print->files; i++) {
		if (counts_of(store, a, print->file[i], one) == RES_TEMP)
			return RES_TEMP;
		for (int mark = 0; mark < FUZZY_MARKS; mark++)
			if (one[mark] > ret_counts->files[mark])
				ret_counts->files[mark] = one[mark];
	}
	return RES_OK;
}

/* ---- the message ---- */

static bool is_known_spam(const struct fuzzy_conf *c, const int64_t counts[FUZZY_MARKS])
{
	return counts[FUZZY_SPAM] >= c->spam_count && counts[FUZZY_SPAM] >= 2 * counts[FUZZY_HAM];
}

static void tell(const struct fuzzy_conf *c, struct session *s, const struct fuzzy_counts *n)
{
	bool is_spam_text = is_known_spam(c, n->text), is_spam_file = is_known_spam(c, n->files);
	struct facts *f = FACTS(s);

	fact_set_int(f, "fuzzy.count", n->text[FUZZY_SEEN]);
	fact_set_int(f, "fuzzy.files", n->files[FUZZY_SEEN]);
	fact_set_number(f, "fuzzy.similar", (double)n->shared / FUZZY_BANDS);
	fact_set_bool(f, "fuzzy.bulk", n->text[FUZZY_SEEN] >= c->bulk_from);
	fact_set_int(f, "fuzzy.spam", n->text[FUZZY_SPAM] > n->files[FUZZY_SPAM] ? n->text[FUZZY_SPAM] : n->files[FUZZY_SPAM]);
	fact_set_int(f, "fuzzy.ham", n->text[FUZZY_HAM] > n->files[FUZZY_HAM] ? n->text[FUZZY_HAM] : n->files[FUZZY_HAM]);
	fact_set_bool(f, "fuzzy.known-spam", is_spam_text || is_spam_file);
	if (n->text[FUZZY_SEEN] >= c->bulk_from)
		finding_add(s, "fuzzy.bulk", "%" PRId64 " messages of late say the same", n->text[FUZZY_SEEN]);
	if (is_spam_text)
		finding_add(s, "fuzzy.known-spam", "like %" PRId64 " that were marked as spam", n->text[FUZZY_SPAM]);
	if (is_spam_file)
		finding_add(s, "fuzzy.known-file", "an attachment of %" PRId64 " that were marked as spam", n->files[FUZZY_SPAM]);
}

static enum outcome fuzzy_run(struct session *s, const void *conf)
{
	const struct fuzzy_conf *c = conf;
	struct fuzzy_print *print = arena_alloc(s->message->arena, sizeof *print);
	struct fuzzy_counts counts;

	fuzzy_make(print, message_mime(s->message), message_content(s->message));
	*filter_state(s) = print;
	if (fuzzy_counts(c->store, print, s->message->arena, &counts) == RES_TEMP) {
		filter_failed(s, "the store cannot be reached");
		return RUN_TEMP;
	}
	tell(c, s, &counts);
	return RUN_OK;
}

/* What we found ourselves must not feed itself. */
static double score_of_others(const struct session *s)
{
	double score = session_score(s, s->message->first);

	for (const struct finding *f = s->message->findings.first; f; f = f->next)
		if (strcmp(f->filter, "fuzzy") == 0)
			score -= f->score;
	return score;
}

/* One that is deferred comes again and counts then. */
static void fuzzy_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct fuzzy_conf *c = conf;
	const struct fuzzy_print *print = stage == STAGE_MESSAGE ? *filter_state(s) : NULL;

	if (!print || kind == VERDICT_TEMPFAIL)
		return;
	fuzzy_see(c->store, print, c->window_ms / 1000);
	if (score_of_others(s) >= c->spam_from)
		fuzzy_mark(c->store, print, FUZZY_SPAM, c->keep_ms / 1000);
}

const struct filter fuzzy_filter = {
    .name = "fuzzy",
    .help = "mailings: how many messages say much the same, and whether they are known as spam",
    .directives = fuzzy_directives,
    .conf_size = sizeof(struct fuzzy_conf),
    .facts = fuzzy_facts,
    .findings = fuzzy_findings,
    .open = fuzzy_open,
    .run = {[STAGE_MESSAGE] = fuzzy_run},
    .settle = fuzzy_settle,
    .is_heavy = true,
};
