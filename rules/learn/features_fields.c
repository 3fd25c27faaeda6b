/*
 * What the learner sees of the header section but its 4-grams: the way the message came, and which fields there are, in
 * what order and shape. Our own trace fields, and the marks of other filters, are left out: they tell of us, not
 * of the sender.
 */
#include "rules/learn/features_private.h"

#include <pthread.h>

enum { SHAPE_MAX = 120, SUBJECT_MAX = 1000, HOPS = 2 };

/* A name with its hash, which is made at the first use. */
struct known {
	struct str name;
	uint64_t hash;
};

static struct known ours[] = {{STR("Return-Path"), 0}, {STR("Delivered-To"), 0}, {STR("X-Original-To"), 0},
    {STR("Authentication-Results"), 0}, {STR("Received-SPF"), 0}, {STR("X-Bogosity"), 0}, {STR("X-Quarantine-Id"), 0},
    {STR("X-Virus-Status"), 0}, {STR("Status"), 0}, {STR("X-Status"), 0}, {STR("X-Keywords"), 0}, {STR("X-UID"), 0}};
enum { OURS = sizeof ours / sizeof *ours };

static struct known often[] = {{STR("Date"), 0}, {STR("To"), 0}, {STR("Message-ID"), 0}, {STR("Subject"), 0},
    {STR("MIME-Version"), 0}, {STR("Reply-To"), 0}, {STR("Content-Type"), 0}, {STR("Sender"), 0}, {STR("References"), 0},
    {STR("In-Reply-To"), 0}, {STR("User-Agent"), 0}, {STR("X-Mailer"), 0}, {STR("List-Id"), 0}, {STR("Precedence"), 0}};
enum { OFTEN = sizeof often / sizeof *often };

static void add_subject(struct set *set, struct str value, struct str field);
static void add_to(struct set *set, struct str value, struct str field);
static void add_zone_of_time(struct set *set, struct str value, struct str field);
static void add_boundary(struct set *set, struct str value, struct str field);
static void add_program(struct set *set, struct str value, struct str field);

static struct known people[] = {{STR("From"), 0}, {STR("To"), 0}, {STR("Cc"), 0}, {STR("Reply-To"), 0}, {STR("Sender"), 0}};
enum { PEOPLE = sizeof people / sizeof *people };

static struct {
	struct known known;
	void (*more)(struct set *set, struct str value, struct str field);
} shaped[] = {
    {{STR("Message-ID"), 0}, NULL}, {{STR("Subject"), 0}, add_subject}, {{STR("From"), 0}, NULL}, {{STR("To"), 0}, add_to},
    {{STR("Date"), 0}, add_zone_of_time}, {{STR("Content-Type"), 0}, add_boundary}, {{STR("X-Mailer"), 0}, add_program},
    {{STR("User-Agent"), 0}, add_program}, {{STR("Reply-To"), 0}, NULL},
};
enum { SHAPED = sizeof shaped / sizeof *shaped };

static struct known trace = {STR("Received"), 0};

/* Characters of a kind look the same in a shape; 0 for what a shape leaves out. */
static unsigned char classes[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void hash_names(struct known *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i].hash = ihash_of(v[i].name);
}

static unsigned char class_of(int c)
{
	if (is_digit(c))
		return '0';
	if (c > 127)
		return '8';
	if (c == '\r')
		return 0; /* a stored message may have lost its CRs */
	return (unsigned char)(c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : c);
}

static void make_tables(void)
{
	hash_names(ours, OURS);
	hash_names(often, OFTEN);
	hash_names(people, PEOPLE);
	hash_names(&trace, 1);
	for (size_t i = 0; i < SHAPED; i++)
		hash_names(&shaped[i].known, 1);
	for (int c = 0; c < 256; c++)
		classes[c] = class_of(c);
}

static bool is_among(const struct known *v, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].hash == hash)
			return true;
	return false;
}

static bool is_ours(struct str name, uint64_t hash)
{
	return str_istarts(name, STR("X-Spam-")) || str_istarts(name, STR("X-Learn")) || is_among(ours, OURS, hash);
}

void fields_start(struct set *set, const struct headers *headers)
{
	pthread_once(&once, make_tables);
	set->fields = headers->n < LEARNER_FIELDS ? headers->n : LEARNER_FIELDS;
	for (size_t i = 0; i < set->fields; i++) {
		set->names[i] = ihash_of(headers->v[i].name);
		set->is_ours[i] = is_ours(headers->v[i].name, set->names[i]);
	}
}

bool field_is_trace(const struct set *set, size_t i)
{
	return set->names[i] == trace.hash;
}

static const struct header *field(const struct set *set, const struct headers *headers, uint64_t name)
{
	for (size_t i = 0; i < set->fields; i++)
		if (set->names[i] == name)
			return &headers->v[i];
	return NULL;
}

/* ---- names: of hosts, of people ---- */

/* "192.0.2.7" by its networks, "mail.example.org" by its domains. */
static void add_prefixes(struct set *set, unsigned number, struct str name)
{
	bool is_number = is_digit(name.p[0]) && is_digit(name.p[name.n - 1]);

	for (size_t i = 1; i + 1 < name.n; i++) {
		if (name.p[i] != '.')
			continue;
		if (is_number)
			add(set, kind(number, hash_of(str_sub(name, 0, i))), str_sub(name, 0, i));
		else
			add(set, kind(number + 1, ihash_of(str_from(name, i))), str_from(name, i));
	}
}

/* By three kinds, from number, and pairs by one more. What is behind "id" is no name unless it has a dot. */
static void add_names(struct set *set, unsigned number, bool has_pairs, struct str value)
{
	struct word name, last = {0};
	bool is_id = false;

	while (next_word(features_name, &value, &name)) {
		if (!is_id || str_chr(name.text, '.') >= 0) {
			add(set, kind(number + 2, name.hash), name.text);
			if (has_pairs)
				add(set, kind(number + 3, name.hash * 3 + last.hash), both_words(last.text, name.text));
			add_prefixes(set, number, name.text);
		}
		is_id = str_iis(name.text, "id");
		last = name;
	}
}

void fields_add_addresses(struct set *set, const struct headers *headers)
{
	for (size_t i = 0; i < set->fields; i++)
		if (is_among(people, PEOPLE, set->names[i]))
			add_names(set, 33, true, headers->v[i].value);
}

/* ---- the way it came ---- */

static bool is_by(struct str value, struct str host)
{
	struct word name;
	bool is_next = false;

	while (host.n && next_word(features_name, &value, &name)) {
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

	for (size_t i = 0; i < set->fields; i++)
		if (field_is_trace(set, i) && is_by(headers->v[i].value, set->from->hostname))
			first = i + 1;
	return first;
}

static struct str without_date(struct str value)
{
	ptrdiff_t date = str_rchr(value, ';');

	return date > 0 ? str_sub(value, 0, (size_t)date) : value;
}

void fields_add_hops(struct set *set, const struct headers *headers)
{
	size_t left = HOPS, i;

	for (i = first_foreign(set, headers); i < set->fields && left; i++) {
		if (!field_is_trace(set, i))
			continue;
		add_names(set, 39, true, without_date(headers->v[i].value));
		left--;
	}
	set->hops_end = i;
}

void fields_add_path(struct set *set, const struct headers *headers)
{
	for (size_t i = set->hops_end; i < set->fields; i++)
		if (field_is_trace(set, i))
			add_names(set, 3, false, without_date(headers->v[i].value));
}

/* ---- shapes ---- */

/* What kinds of characters follow each other, once by every character and once by runs of them. */
static void add_shape(struct set *set, unsigned number, struct str value, struct str field)
{
	char all[SHAPE_MAX], runs[SHAPE_MAX];
	size_t n = 0, run = 0;
	unsigned char last = 0;

	value = str_sub(value, 0, SHAPE_MAX);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char class = classes[(unsigned char)value.p[i]];

		all[n] = runs[run] = (char)class;
		n += class != 0;
		run += class != 0 && class != last;
		last = class ? class : last;
	}
	add(set, kind(7, hash_of((struct str){all, n}) * SHAPED + number), field);
	add(set, kind(8, hash_of((struct str){runs, run}) * SHAPED + number), field);
}

static size_t count_class(struct str value, unsigned char class)
{
	size_t n = 0;

	value = str_sub(value, 0, SUBJECT_MAX);
	for (size_t i = 0; i < value.n; i++)
		n += classes[(unsigned char)value.p[i]] == class;
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
		add(set, kind(13, hash_of(str_from(value, value.n - 5))), field);
}

static void add_boundary(struct set *set, struct str value, struct str field)
{
	ptrdiff_t at = str_ifind(value, STR("boundary="));

	if (at >= 0)
		add_shape(set, SHAPED, str_from(value, (size_t)at + 9), field);
}

static void add_program(struct set *set, struct str value, struct str field)
{
	(void)field;
	add(set, kind(14, hash_of(value)), value);
}

static void add_order(struct set *set, const struct headers *headers)
{
	uint64_t before = 0;

	for (size_t i = 0; i < set->fields; i++) {
		struct str name = headers->v[i].name;
		uint64_t hash = hash_of(name);

		if (set->is_ours[i] || field_is_trace(set, i))
			continue;
		add(set, kind(16, hash), name);
		add(set, kind(17, hash * 3 + before), name);
		before = hash;
	}
	add(set, kind(18, before), STR("the last field"));
}

static void add_missing(struct set *set, const struct headers *headers)
{
	for (size_t i = 0; i < OFTEN; i++)
		if (!field(set, headers, often[i].hash))
			add(set, kind(15, i), often[i].name);
}

void fields_add_shapes(struct set *set, const struct headers *headers)
{
	add_order(set, headers);
	add_missing(set, headers);
	for (unsigned i = 0; i < SHAPED; i++) {
		const struct header *h = field(set, headers, shaped[i].known.hash);
		struct str value;

		if (!h)
			continue;
		value = str_trim(h->value);
		add_shape(set, i, value, h->name);
		if (shaped[i].more)
			shaped[i].more(set, value, h->name);
	}
}
