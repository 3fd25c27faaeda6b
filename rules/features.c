/*
 * What the learner sees of a message: overlapping 4-grams of the header section and of the visible
 * text (apart, for the same octets mean different things there), hosts, and the shape of the parts.
 * Our own trace fields are left out: they tell of us, not of the sender.
 */
#include <stdlib.h>

#include "core/content.h"
#include "rules/learner.h"

enum { SLOTS = 1 << 15 }; /* of the set that keeps features distinct; twice the most that there are */

struct set {
	uint32_t *slots; /* feature + 1 */
	uint32_t *v;
	size_t n;
};

static void add(struct set *set, uint64_t hash)
{
	uint32_t feature = (uint32_t)((hash * 0x9e3779b97f4a7c15u) >> (64 - LEARNER_BITS));
	size_t at = (feature * 2654435761u) & (SLOTS - 1);

	if (set->n == LEARNER_FEATURES_MAX)
		return;
	for (; set->slots[at]; at = (at + 1) & (SLOTS - 1))
		if (set->slots[at] == feature + 1)
			return;
	set->slots[at] = feature + 1;
	set->v[set->n++] = feature;
}

/* Runs of digits are one sign, and case is folded: numbers and shouting would spend the table. */
static unsigned char fold(unsigned char c)
{
	if (is_digit(c))
		return '0';
	return (unsigned char)to_lower(c);
}

static void add_grams(struct set *set, uint64_t kind, struct str text)
{
	uint32_t gram = 0;

	for (size_t i = 0; i < text.n; i++) {
		gram = gram << 8 | fold((unsigned char)text.p[i]);
		if (i >= 3)
			add(set, kind << 32 | gram);
	}
}

static void add_word(struct set *set, uint64_t kind, struct str word)
{
	add(set, str_ihash(word) ^ kind << 56);
}

static bool is_ours(struct str name)
{
	static const char *const names[] = {"Received", "Return-Path", "Delivered-To", "X-Original-To",
	    "Authentication-Results", "Received-SPF", "X-Spam-Status", "X-Spam-Flag", "X-Spam-Level", "X-Spam-Score"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_iis(name, names[i]))
			return true;
	return false;
}

static void add_headers(struct set *set, const struct headers *headers)
{
	size_t left = LEARNER_HEADER_BYTES;

	for (size_t i = 0; i < headers->n && left; i++) {
		const struct header *h = &headers->v[i];
		size_t n = h->raw.n < left ? h->raw.n : left;

		if (is_ours(h->name))
			continue;
		add_word(set, 1, h->name);
		add_grams(set, 2, str_sub(h->raw, 0, n));
		left -= n;
	}
}

static void add_text(struct set *set, const struct content *content)
{
	size_t left = LEARNER_TEXT_BYTES;

	for (size_t i = 0; i < content->body_count && left; i++) {
		struct str part = str_sub(content->body[i], 0, left);

		add_grams(set, 3, part);
		left -= part.n;
	}
}

static void add_links(struct set *set, const struct content *content)
{
	for (size_t i = 0; i < content->urls.n && i < 50; i++) {
		add_word(set, 4, content->urls.v[i].host);
		add_word(set, 5, content->urls.v[i].domain);
	}
}

static void add_parts(struct set *set, const struct mime *mime)
{
	size_t n = 0;

	for (const struct mime_part *part = mime->root; part && n < 50; part = mime_next(part), n++) {
		ptrdiff_t dot = str_rchr(part->filename, '.');

		add_word(set, 6, part->type);
		add_word(set, 7, part->charset);
		add_word(set, 8, part->encoding_name);
		if (dot >= 0)
			add_word(set, 9, str_from(part->filename, (size_t)dot));
	}
	add(set, 10ull << 56 | mime->anomalies);
}

void features_make(struct arena *a, struct message *m, struct features *ret_features)
{
	struct set set = {.slots = calloc(SLOTS, sizeof *set.slots)};
	const struct content *content = message_content(m);

	if (!set.slots)
		abort();
	set.v = arena_array(a, LEARNER_FEATURES_MAX, sizeof *set.v);
	add_headers(&set, &m->headers);
	add_text(&set, content);
	add_links(&set, content);
	add_parts(&set, message_mime(m));
	free(set.slots);
	*ret_features = (struct features){set.v, set.n};
}

uint64_t features_digest(const struct features *f)
{
	uint64_t digest = 14695981039346656037u;

	for (size_t i = 0; i < f->n; i++)
		digest = (digest ^ f->v[i]) * 1099511628211u;
	return digest;
}
