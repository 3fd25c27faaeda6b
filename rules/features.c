/*
 * What the learner sees of a message, zone by zone. Our own trace fields, and the marks of other
 * filters, are left out: they tell of us, not of the sender.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/content.h"
#include "rules/learner_private.h"

enum {
	SEEN_BITS = 13, /* of the set that keeps a zone's features distinct: twice the most, and in the first cache */
	SEEN = 1 << SEEN_BITS,
	INDEX_BITS = 13,
	INDEX = (1 << INDEX_BITS) - 1,
	WORD_MAX = 40,
	WORDS_MAX = 4000, /* features that have words: the shares of their zones */
	SHAPE_MAX = 120,
	TEXT_SKIP = 3 << 28, /* one of four 4-grams of the text: all of them tell no more */
};

struct sign;

struct set {
	uint16_t seen[SEEN]; /* zone and 1, and index into its part of v; those of other zones are as free ones */
	uint32_t v[LEARNER_FEATURES_MAX];
	struct str words[WORDS_MAX]; /* what stands for the first of v */
	const struct sign *signs;
	const struct learner *learner;
	struct str hostname;
	bool is_ours[LEARNER_FIELDS];
	unsigned zone;
	size_t n, start, most; /* start of the zone, and its end at the latest */
	bool has_words;
};

static const uint64_t golden = 0x9e3779b97f4a7c15u;

static void add(struct set *set, uint64_t hash, struct str word)
{
	uint32_t feature = (uint32_t)((hash * golden) >> 32);
	size_t at = (feature * 2654435761u) >> (32 - SEEN_BITS);

	for (; set->seen[at] >> INDEX_BITS == set->zone + 1; at = (at + 1) & (SEEN - 1))
		if (set->v[set->start + (set->seen[at] & INDEX)] == feature)
			return;
	if (set->n == set->most)
		return;
	if (set->has_words)
		set->words[set->n] = word;
	if (set->learner)
		learner_fetch(set->learner, feature);
	set->seen[at] = (uint16_t)((set->zone + 1) << INDEX_BITS | (set->n - set->start));
	set->v[set->n++] = feature;
}

/* Kinds keep equal values at different places apart. */
static uint64_t kind(unsigned number, uint64_t hash)
{
	return (hash ^ (hash >> 31)) + (uint64_t)number * 0xd6e8feb86659fd93u;
}

/* ---- words ---- */

enum { IN_WORD = 1, IN_NAME = 2 };

struct sign {
	unsigned char folded; /* case and digits */
	unsigned char lower;
	unsigned char in;
};

struct word {
	struct str text;
	uint64_t hash; /* of its lower case */
};

static bool next_word(const struct sign *signs, int in, struct str *rest, struct word *ret_word)
{
	const char *p = rest->p, *end = rest->p + rest->n, *start;
	uint64_t hash = 14695981039346656037u;

	while (p < end && !(signs[(unsigned char)*p].in & in))
		p++;
	for (start = p; p < end && signs[(unsigned char)*p].in & in; p++)
		hash = (hash ^ signs[(unsigned char)*p].lower) * 1099511628211u;
	*ret_word = (struct word){str_range(start, p), hash};
	*rest = str_range(p, end);
	return p > start;
}

static void add_words(struct set *set, unsigned number, struct str text, size_t *left)
{
	struct word word, last = {0};

	while (*left && next_word(set->signs, IN_WORD, &text, &word)) {
		if (word.text.n >= WORD_MAX)
			continue;
		add(set, kind(number, word.hash), word.text);
		add(set, kind(number + 1, word.hash * 3 + last.hash),
		    last.text.p ? str_range(last.text.p, word.text.p + word.text.n) : word.text);
		last = word;
		--*left;
	}
}

static void add_text(struct set *set, const struct content *content)
{
	size_t left = LEARNER_WORDS;

	for (size_t i = 0; i < content->body_count && left; i++)
		add_words(set, 1, content->body[i], &left);
}

/* ---- the way it came ---- */

/* "192.0.2.7" by its networks, "mail.example.org" by its domains. */
static void add_prefixes(struct set *set, struct str name)
{
	bool is_number = is_digit(name.p[0]) && is_digit(name.p[name.n - 1]);

	for (size_t i = 1; i + 1 < name.n; i++) {
		if (name.p[i] != '.')
			continue;
		if (is_number)
			add(set, kind(3, str_hash(str_sub(name, 0, i))), str_sub(name, 0, i));
		else
			add(set, kind(4, str_ihash(str_from(name, i))), str_from(name, i));
	}
}

static void add_path(struct set *set, struct str value)
{
	ptrdiff_t date = str_rchr(value, ';');
	struct word name, last = {0};
	bool is_id = false;

	if (date > 0)
		value = str_sub(value, 0, (size_t)date);
	while (next_word(set->signs, IN_NAME, &value, &name)) {
		if (!is_id || str_chr(name.text, '.') >= 0) {
			add(set, kind(5, name.hash), name.text);
			add(set, kind(6, name.hash * 3 + last.hash),
			    last.text.p ? str_range(last.text.p, name.text.p + name.text.n) : name.text);
			add_prefixes(set, name.text);
		}
		is_id = str_iis(name.text, "id");
		last = name;
	}
}

/* ---- header fields ---- */

static bool is_ours(struct str name)
{
	static const struct str names[] = {STR("Return-Path"), STR("Delivered-To"), STR("X-Original-To"),
	    STR("Authentication-Results"), STR("Received-SPF"), STR("X-Bogosity"), STR("X-Quarantine-Id"),
	    STR("X-Virus-Status"), STR("Status"), STR("X-Status"), STR("X-Keywords"), STR("X-UID")};

	if (str_istarts(name, STR("X-Spam-")) || str_istarts(name, STR("X-Learn")))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_ieq(name, names[i]))
			return true;
	return false;
}

static bool is_trace(struct str name)
{
	return str_ieq(name, STR("Received"));
}

static const struct header *field(const struct headers *headers, struct str name)
{
	for (size_t i = 0; i < headers->n && i < LEARNER_FIELDS; i++)
		if (str_ieq(headers->v[i].name, name))
			return &headers->v[i];
	return NULL;
}

static int class_of(unsigned char c)
{
	if (is_digit(c))
		return '0';
	if (c > 127)
		return '8';
	return c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : c;
}

/* What kinds of characters follow each other, once by every character and once by runs of them. */
static void add_shape(struct set *set, unsigned number, struct str value, struct str field)
{
	uint64_t all = number, runs = number;
	int last = 0;

	for (size_t i = 0; i < value.n && i < SHAPE_MAX; i++) {
		int class = class_of((unsigned char)value.p[i]);

		if (class == '\r')
			continue;
		all = all * 1099511628211u + (uint64_t)class;
		if (class != last)
			runs = runs * 1099511628211u + (uint64_t)class;
		last = class;
	}
	add(set, kind(7, all), field);
	add(set, kind(8, runs), field);
}

static size_t count_class(struct str value, int class)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n && i < 1000; i++)
		n += class_of((unsigned char)value.p[i]) == class;
	return n;
}

static void add_subject(struct set *set, struct str value, struct str field)
{
	size_t upper = count_class(value, 'A'), lower = count_class(value, 'a'), marks = count_class(value, '!');

	add(set, kind(9, upper * 8 / (upper + lower + 1)), field);
	add(set, kind(10, marks < 3 ? marks : 3), field);
	add(set, kind(11, value.n / 16), field);
}

static void add_to(struct set *set, struct str value, struct str field)
{
	size_t addresses = count_class(value, '@');

	add(set, kind(12, addresses < 6 ? addresses : 6), field);
}

static void add_zone_of_time(struct set *set, struct str value, struct str field)
{
	if (value.n > 5)
		add(set, kind(13, str_hash(str_from(value, value.n - 5))), field);
}

static void add_boundary(struct set *set, struct str value, struct str field)
{
	ptrdiff_t at = str_ifind(value, STR("boundary="));

	if (at >= 0)
		add_shape(set, 100, str_from(value, (size_t)at + 9), field);
}

static void add_program(struct set *set, struct str value, struct str field)
{
	(void)field;
	add(set, kind(14, str_hash(value)), value);
}

static const struct {
	struct str name;
	void (*more)(struct set *set, struct str value, struct str field);
} shaped[] = {
    {STR("Message-ID"), NULL}, {STR("Subject"), add_subject}, {STR("From"), NULL}, {STR("To"), add_to},
    {STR("Date"), add_zone_of_time}, {STR("Content-Type"), add_boundary}, {STR("X-Mailer"), add_program},
    {STR("User-Agent"), add_program}, {STR("Reply-To"), NULL},
};

static void add_shapes(struct set *set, const struct headers *headers)
{
	for (unsigned i = 0; i < sizeof shaped / sizeof *shaped; i++) {
		const struct header *h = field(headers, shaped[i].name);
		struct str value;

		if (!h)
			continue;
		value = str_trim(h->value);
		add_shape(set, i + 1, value, h->name);
		if (shaped[i].more)
			shaped[i].more(set, value, h->name);
	}
}

static void add_missing(struct set *set, const struct headers *headers)
{
	static const struct str names[] = {STR("Date"), STR("To"), STR("Message-ID"), STR("Subject"),
	    STR("MIME-Version"), STR("Reply-To"), STR("Content-Type"), STR("Sender"), STR("References"),
	    STR("In-Reply-To"), STR("User-Agent"), STR("X-Mailer"), STR("List-Id"), STR("Precedence")};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!field(headers, names[i]))
			add(set, kind(15, i), names[i]);
}

static void add_order(struct set *set, const struct headers *headers)
{
	uint64_t before = 0;

	for (size_t i = 0; i < headers->n && i < LEARNER_FIELDS; i++) {
		struct str name = headers->v[i].name;
		uint64_t hash = str_hash(name);

		if (set->is_ours[i] || is_trace(name))
			continue;
		add(set, kind(16, hash), name);
		add(set, kind(17, hash * 3 + before), name);
		before = hash;
	}
	add(set, kind(18, before), STR("the last field"));
}

static void add_parts(struct set *set, const struct mime *mime)
{
	size_t n = 0;

	for (const struct mime_part *part = mime->root; part && n < LEARNER_LINKS; part = mime_next(part), n++) {
		ptrdiff_t dot = str_rchr(part->filename, '.');

		add(set, kind(19, str_ihash(part->type)), part->type);
		add(set, kind(20, str_ihash(part->charset)), part->charset);
		add(set, kind(21, str_ihash(part->encoding_name)), part->encoding_name);
		if (dot >= 0)
			add(set, kind(22, str_ihash(str_from(part->filename, (size_t)dot))), part->filename);
	}
	add(set, kind(23, mime->anomalies), STR("MIME structure"));
}

/* ---- links ---- */

static void add_links(struct set *set, const struct urls *urls)
{
	for (size_t i = 0; i < urls->n && i < LEARNER_LINKS; i++) {
		const struct url *url = &urls->v[i];
		ptrdiff_t dot = str_rchr(url->domain, '.');
		size_t left = 30;

		add(set, kind(24, str_ihash(url->host)), url->host);
		add(set, kind(25, str_ihash(url->domain)), url->domain);
		if (dot >= 0)
			add(set, kind(26, str_ihash(str_from(url->domain, (size_t)dot))), str_from(url->domain, (size_t)dot));
		add(set, kind(27, str_ihash(url->scheme)), url->scheme);
		add(set, kind(28, (uint64_t)url->source * 2 + (url->tag != NULL)), url->host);
		add_words(set, 29, url->url, &left);
	}
}

/* ---- 4-grams ---- */

/* skip: bits of a hash that must be 0, so that of some texts one of so many is taken, the same one in every message. */
static void add_grams(struct set *set, uint64_t number, uint32_t skip, struct str text)
{
	uint32_t gram = 0;
	size_t seen = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r') /* a stored message may have lost its CRs */
			continue;
		gram = gram << 8 | set->signs[(unsigned char)text.p[i]].folded;
		if (++seen >= 4 && (gram * 2654435761u & skip) == 0)
			add(set, number << 32 | gram, STR_NONE);
	}
}

static void add_header_grams(struct set *set, const struct headers *headers)
{
	size_t left = LEARNER_HEADER_BYTES;

	for (size_t i = 0; i < headers->n && i < LEARNER_FIELDS && left; i++) {
		const struct header *h = &headers->v[i];
		struct str field = str_sub(h->raw, 0, left);

		if (set->is_ours[i] || is_trace(h->name))
			continue;
		add_grams(set, 2, 0, field);
		left -= field.n;
	}
}

static void add_text_grams(struct set *set, const struct content *content)
{
	size_t left = LEARNER_TEXT_BYTES;

	for (size_t i = 0; i < content->body_count && left; i++) {
		struct str part = str_sub(content->body[i], 0, left);

		add_grams(set, 3, TEXT_SKIP, part);
		left -= part.n;
	}
}

/* ---- all of it ---- */

static void shape(struct set *set, struct message *m)
{
	add_order(set, &m->headers);
	add_missing(set, &m->headers);
	add_shapes(set, &m->headers);
	add_parts(set, message_mime(m));
}

static void links(struct set *set, struct message *m)
{
	add_links(set, &message_content(m)->urls);
}

static bool is_by(const struct sign *signs, struct str value, struct str host)
{
	struct word name;
	bool is_next = false;

	while (host.n && next_word(signs, IN_NAME, &value, &name)) {
		if (is_next && str_ieq(name.text, host))
			return true;
		is_next = str_iis(name.text, "by");
	}
	return false;
}

/* The first field behind those that this host wrote. */
static size_t first_foreign(const struct set *set, const struct headers *headers)
{
	size_t first = 0;

	for (size_t i = 0; i < headers->n && i < LEARNER_FIELDS; i++)
		if (is_trace(headers->v[i].name) && is_by(set->signs, headers->v[i].value, set->hostname))
			first = i + 1;
	return first;
}

static void path(struct set *set, struct message *m)
{
	for (size_t i = first_foreign(set, &m->headers); i < m->headers.n && i < LEARNER_FIELDS; i++)
		if (is_trace(m->headers.v[i].name))
			add_path(set, m->headers.v[i].value);
}

static void words(struct set *set, struct message *m)
{
	add_text(set, message_content(m));
}

static void header_grams(struct set *set, struct message *m)
{
	add_header_grams(set, &m->headers);
}

static void text_grams(struct set *set, struct message *m)
{
	add_text_grams(set, message_content(m));
}

/* share: features that a zone may have, so that no zone takes the place of another. */
static const struct {
	void (*fill)(struct set *set, struct message *m);
	size_t share;
	const char *name;
} zones[ZONE_COUNT] = {
    [ZONE_SHAPE] = {shape, 500, "header field"},
    [ZONE_LINK] = {links, 1000, "link"},
    [ZONE_PATH] = {path, 500, "Received"},
    [ZONE_WORD] = {words, 2 * LEARNER_WORDS, "text"},
    [ZONE_HEADER_GRAM] = {header_grams, LEARNER_HEADER_BYTES, "header"},
    [ZONE_TEXT_GRAM] = {text_grams, LEARNER_TEXT_BYTES / 2, "text"},
};

/* Case is folded and digits are one sign in 4-grams: numbers and shouting would spend the table. */
static struct sign signs[256];
static pthread_once_t signs_once = PTHREAD_ONCE_INIT;

static void make_signs(void)
{
	for (int c = 0; c < 256; c++) {
		bool is_word = c > 127 || is_alnum(c) || (c && strchr("-'$!_%", c));
		bool is_name = is_alnum(c) || (c && strchr(".-@", c));

		signs[c].lower = (unsigned char)to_lower(c);
		signs[c].folded = is_digit(c) ? '0' : signs[c].lower;
		signs[c].in = (unsigned char)((is_word ? IN_WORD : 0) | (is_name ? IN_NAME : 0));
	}
}

static void *copy(struct arena *a, const void *from, size_t n, size_t size)
{
	void *to = arena_alloc(a, n * size + 1);

	if (n)
		memcpy(to, from, n * size);
	return to;
}

void features_make(struct arena *a, struct message *m, struct str hostname, const struct learner *l,
    struct features *ret_features)
{
	struct set *set = malloc(sizeof *set);
	struct features f = {0};

	if (!set)
		abort();
	memset(set->seen, 0, sizeof set->seen);
	pthread_once(&signs_once, make_signs);
	set->signs = signs;
	set->learner = l;
	set->hostname = hostname;
	set->n = 0;
	for (size_t i = 0; i < m->headers.n && i < LEARNER_FIELDS; i++)
		set->is_ours[i] = is_ours(m->headers.v[i].name);
	for (size_t z = 0; z < ZONE_COUNT; z++) {
		set->zone = (unsigned)z;
		set->has_words = z < ZONE_WORDS_END;
		set->start = set->n;
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

uint64_t features_digest(const struct features *f)
{
	uint64_t digest = 14695981039346656037u;

	for (size_t i = 0; i < f->n; i++)
		digest = (digest ^ f->v[i]) * 1099511628211u;
	return digest;
}

const char *zone_name(enum learner_zone zone)
{
	return zones[zone].name;
}
