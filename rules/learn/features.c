/*
 * What the learner sees of a message, zone by zone: rules that hit, links, text and 4-grams here, the rest of the
 * header section in features_fields.c.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/content/content.h"
#include "rules/learn/features_private.h"

enum { WORD_MAX = 40, LINK_WORDS = 30, GRAMS = 256 };

/*
 * Bits of a hash of a 4-gram that must be 0: of the header section's every other one is taken, of the text's every
 * fourth, the same ones in every message. All of them tell no more.
 */
static const uint32_t skip_header = 1u << 28, skip_text = 3u << 28;

const unsigned char features_word[256] = {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, [128 ... 255] = 1, ['-'] = 1, ['\''] = 1, ['$'] = 1, ['!'] = 1,
    ['_'] = 1, ['%'] = 1,
};

const unsigned char features_name[256] = {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['.'] = 1, ['-'] = 1, ['@'] = 1,
};

/* ---- words ---- */

static void add_words(struct set *set, unsigned number, struct str text, size_t *left)
{
	struct word word, last = {0};

	while (*left && next_word(features_word, &text, &word)) {
		if (word.text.n >= WORD_MAX)
			continue;
		add(set, kind(number, word.hash), word.text);
		add(set, kind(number + 1, word.hash * 3 + last.hash), both_words(last.text, word.text));
		last = word;
		--*left;
	}
}

/* What rules call the body begins with the subject. */
static struct str subject_of(struct message *m)
{
	const struct content *content = message_content(m);

	return content->body_count ? str_sub(content->body[0], 0, LEARNER_SUBJECT_BYTES) : STR_NONE;
}

static void subject(struct set *set, struct message *m)
{
	size_t left = LEARNER_WORDS;

	add_words(set, 37, subject_of(m), &left);
}

static void words(struct set *set, struct message *m)
{
	const struct content *content = message_content(m);
	size_t left = LEARNER_WORDS;

	for (size_t i = 1; i < content->body_count && left; i++)
		add_words(set, 1, content->body[i], &left);
}

/* ---- 4-grams ---- */

/* Case is folded and digits are one sign in 4-grams: numbers and shouting would spend the table. */
static unsigned char folded[256];
static pthread_once_t folded_once = PTHREAD_ONCE_INIT;

static void make_folded(void)
{
	for (int c = 0; c < 256; c++)
		folded[c] = (unsigned char)(is_digit(c) ? '0' : to_lower(c));
}

/* As many octets as given, or GRAMS, are one run without CR; gram has the three before it. Returns the last four. */
static uint32_t add_run(struct set *set, uint64_t number, uint32_t skip, uint32_t gram, const char *p, size_t length)
{
	uint32_t taken[GRAMS];
	size_t n = 0;

	/* Which one is taken is not to be foreseen: all are written down, and what is not taken is written over. */
	for (size_t i = 0; i < length; i++) {
		gram = gram << 8 | folded[(unsigned char)p[i]];
		taken[n] = (uint32_t)((number << 32 | gram) * golden >> 32);
		n += (gram * 2654435761u & skip) == 0;
	}
	for (size_t i = 0; i < n; i++)
		set_add(set, taken[i], STR_NONE);
	return gram;
}

/* A stored message may have lost its CRs: they are left out. The first three octets are before the first gram. */
static void add_grams(struct set *set, uint64_t number, uint32_t skip, struct str text)
{
	uint32_t gram = 0;
	struct str run;
	size_t first;

	for (first = 0; text.n && first < 3; text = str_from(text, 1)) {
		if (*text.p == '\r')
			continue;
		gram = gram << 8 | folded[(unsigned char)*text.p];
		first++;
	}
	while (str_split(&text, '\r', &run))
		for (size_t i = 0; i < run.n; i += GRAMS)
			gram = add_run(set, number, skip, gram, run.p + i, run.n - i < GRAMS ? run.n - i : GRAMS);
}

static void subject_grams(struct set *set, struct message *m)
{
	add_grams(set, 1, 0, subject_of(m));
}

static void header_grams(struct set *set, struct message *m)
{
	size_t left = LEARNER_HEADER_BYTES;

	for (size_t i = 0; i < set->fields && left; i++) {
		struct str field = str_sub(m->headers.v[i].raw, 0, left);

		if (set->is_ours[i] || field_is_trace(set, i))
			continue;
		add_grams(set, 2, skip_header, field);
		left -= field.n;
	}
}

static void text_grams(struct set *set, struct message *m)
{
	const struct content *content = message_content(m);
	size_t left = LEARNER_TEXT_BYTES;

	for (size_t i = 0; i < content->body_count && left; i++) {
		struct str part = str_sub(content->body[i], 0, left);

		add_grams(set, 3, skip_text, part);
		left -= part.n;
	}
}

/* ---- the other zones ---- */

static void rules(struct set *set, struct message *m)
{
	(void)m;
	for (size_t i = 0; i < set->from->rule_count; i++)
		add(set, kind(32, hash_of(set->from->rules[i])), set->from->rules[i]);
}

static void add_parts(struct set *set, const struct mime *mime)
{
	size_t n = 0;

	for (const struct mime_part *part = mime->root; part && n < LEARNER_LINKS; part = mime_next(part), n++) {
		ptrdiff_t dot = str_rchr(part->filename, '.');

		add(set, kind(19, ihash_of(part->type)), part->type);
		add(set, kind(20, ihash_of(part->charset)), part->charset);
		add(set, kind(21, ihash_of(part->encoding_name)), part->encoding_name);
		if (dot >= 0)
			add(set, kind(22, ihash_of(str_from(part->filename, (size_t)dot))), part->filename);
	}
	add(set, kind(23, mime->anomalies), STR("MIME structure"));
}

static void shape(struct set *set, struct message *m)
{
	fields_add_shapes(set, &m->headers);
	add_parts(set, message_mime(m));
}

static void links(struct set *set, struct message *m)
{
	const struct urls *urls = &message_content(m)->urls;

	for (size_t i = 0; i < urls->n && i < LEARNER_LINKS; i++) {
		const struct url *url = &urls->v[i];
		ptrdiff_t dot = str_rchr(url->domain, '.');
		size_t left = LINK_WORDS;

		add(set, kind(24, ihash_of(url->host)), url->host);
		add(set, kind(25, ihash_of(url->domain)), url->domain);
		if (dot >= 0)
			add(set, kind(26, ihash_of(str_from(url->domain, (size_t)dot))), str_from(url->domain, (size_t)dot));
		add(set, kind(27, ihash_of(url->scheme)), url->scheme);
		add(set, kind(28, (uint64_t)url->source * 2 + (url->tag != NULL)), url->host);
		add_words(set, 29, url->url, &left);
	}
}

static void hops(struct set *set, struct message *m)
{
	fields_add_hops(set, &m->headers);
}

static void path(struct set *set, struct message *m)
{
	fields_add_path(set, &m->headers);
}

static void addresses(struct set *set, struct message *m)
{
	fields_add_addresses(set, &m->headers);
}

/* ---- all of it ---- */

/* Features that a zone may have, so that no zone takes the place of another. */
enum {
	SHAPE_SHARE = 500,
	LINK_SHARE = 1000,
	HOP_SHARE = 250,
	PATH_SHARE = 350,
	ADDRESS_SHARE = 300,
	SUBJECT_SHARE = LEARNER_SUBJECT_BYTES, /* of words, and of 4-grams */
	WORD_SHARE = 2 * LEARNER_WORDS,
	WORDS_ALL = LEARNER_RULES + SHAPE_SHARE + LINK_SHARE + HOP_SHARE + PATH_SHARE + ADDRESS_SHARE + SUBJECT_SHARE + WORD_SHARE,
	HEADER_SHARE = LEARNER_HEADER_BYTES / 2 + 100,
	TEXT_SHARE = LEARNER_TEXT_BYTES / 2,
};

_Static_assert(WORDS_ALL <= (int)WORDS_MAX, "there is a place for each word");
_Static_assert(WORDS_ALL + SUBJECT_SHARE + HEADER_SHARE + TEXT_SHARE <= (int)LEARNER_FEATURES_MAX, "and for each feature");

static const struct {
	void (*fill)(struct set *set, struct message *m);
	size_t share;
	const char *name;
} zones[ZONE_COUNT] = {
    [ZONE_RULE] = {rules, LEARNER_RULES, "rule"},
    [ZONE_SHAPE] = {shape, SHAPE_SHARE, "header field"},
    [ZONE_LINK] = {links, LINK_SHARE, "link"},
    [ZONE_HOP] = {hops, HOP_SHARE, "Received"},
    [ZONE_PATH] = {path, PATH_SHARE, "Received"},
    [ZONE_ADDRESS] = {addresses, ADDRESS_SHARE, "address"},
    [ZONE_SUBJECT] = {subject, SUBJECT_SHARE, "subject"},
    [ZONE_WORD] = {words, WORD_SHARE, "text"},
    [ZONE_SUBJECT_GRAM] = {subject_grams, SUBJECT_SHARE, "subject"},
    [ZONE_HEADER_GRAM] = {header_grams, HEADER_SHARE, "header"},
    [ZONE_TEXT_GRAM] = {text_grams, TEXT_SHARE, "text"},
};

void feature_source_take(struct feature_source *source, const struct message *m)
{
	const struct fact *names = fact_find(&m->facts, "rules.offline");

	if (!names)
		return;
	source->rules = names->u.list.v;
	source->rule_count = names->u.list.n;
}

static void *copy(struct arena *a, const void *from, size_t n, size_t size)
{
	void *to = arena_room(a, n * size + 1);

	if (n)
		memcpy(to, from, n * size);
	return to;
}

void features_make(struct arena *a, struct message *m, const struct feature_source *from, struct features *ret_features)
{
	struct set *set = malloc(sizeof *set);
	struct features f = {0};

	if (!set)
		abort();
	pthread_once(&folded_once, make_folded);
	memset(set->seen, 0, sizeof set->seen);
	set->from = from;
	set->n = 0;
	fields_start(set, &m->headers);
	for (size_t z = 0; z < ZONE_COUNT; z++) {
		set->has_words = z < ZONE_WORDS_END;
		set->most = set->n + zones[z].share;
		zones[z].fill(set, m);
		f.ends[z] = set->n;
	}
	f.n = set->n;
	f.word_count = f.ends[ZONE_WORDS_END - 1];
	f.v = copy(a, set->v, f.n, sizeof *f.v);
	f.words = copy(a, set->words, f.word_count, sizeof *f.words);
	free(set);
	*ret_features = f;
}

/* Rules come and go: what hit today is not what makes a message. */
uint64_t features_digest(const struct features *f)
{
	uint64_t digest = 14695981039346656037u;

	for (size_t i = f->ends[ZONE_RULE]; i < f->n; i++)
		digest = (digest ^ f->v[i]) * 1099511628211u;
	return digest;
}

const char *zone_name(enum learner_zone zone)
{
	return zones[zone].name;
}
