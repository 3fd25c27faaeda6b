/*
 * One hash per three words; the hashes are spread over slots, each slot keeps its smallest (one
 * permutation hashing), empty slots take their neighbour's. What changes from copy to copy counts
 * as no word: anything with a digit, a slash or an @ in it. Quoted lines of answers and signatures
 * do not count either.
 */
#include "core/content/fuzzy.h"

enum { SLOTS = FUZZY_BANDS * FUZZY_ROWS, SHINGLE = 3, WORD_MIN = 2, WORD_MAX = 40 };

struct reader {
	uint64_t slot[SLOTS];
	uint64_t word[SHINGLE]; /* the last ones */
	size_t words, shingles;
};

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static void take_word(struct reader *r, uint64_t hash)
{
	uint64_t h;

	r->word[r->words % SHINGLE] = hash;
	r->words++;
	if (r->words < SHINGLE)
		return;
	h = mix(r->word[r->words % SHINGLE] * 3 + r->word[(r->words + 1) % SHINGLE] * 5 + hash * 7);
	if (h < r->slot[h % SLOTS] || !r->slot[h % SLOTS])
		r->slot[h % SLOTS] = h | 1;
	r->shingles++;
}

enum class { BREAK, LETTER, SIGN, NOISE, WIDE };

/* Letters make words, signs are passed over, noise spoils the whole run of non-blanks. */
static enum class class_of(unsigned char c)
{
	if (c <= ' ')
		return BREAK;
	if (is_alpha(c) || (c >= 0x80 && c < 0xe3) || c > 0xed)
		return LETTER;
	if (c >= 0xe3) /* Kana, Han, Hangul: written without blanks */
		return WIDE;
	return is_digit(c) || c == '/' || c == '@' || c == '=' || c == '_' || c == '\\' ? NOISE : SIGN;
}

/* One run of non-blanks. */
static void take_run(struct reader *r, struct str run)
{
	uint64_t hash = 0x9e3779b97f4a7c15u;
	size_t letters = 0;

	for (size_t i = 0; i < run.n; i++) {
		unsigned char c = (unsigned char)run.p[i];

		switch (class_of(c)) {
		case NOISE:
			return;
		case WIDE:
			if (i + 2 < run.n)
				take_word(r, mix((uint64_t)c << 16 | (uint64_t)(unsigned char)run.p[i + 1] << 8 |
				    (unsigned char)run.p[i + 2]));
			i += 2;
			break;
		case LETTER:
			hash = (hash ^ (uint64_t)to_lower(c)) * 0x100000001b3u;
			letters++;
			break;
		default:
			break;
		}
	}
	if (letters >= WORD_MIN && letters <= WORD_MAX)
		take_word(r, hash);
}

static void take_line(struct reader *r, struct str line)
{
	struct str run;

	while (str_word(&line, &run))
		take_run(r, run);
}

static void finish(const struct reader *r, struct fuzzy_print *print)
{
	uint64_t slot[SLOTS];

	for (size_t i = 0; i < SLOTS; i++) {
		size_t k = 0;

		while (!r->slot[(i + k) % SLOTS]) /* one is filled: there is a shingle */
			k++;
		slot[i] = mix(r->slot[(i + k) % SLOTS] + k);
	}
	for (size_t i = 0; i < FUZZY_BANDS; i++) {
		uint64_t h = i + 1;

		for (size_t k = 0; k < FUZZY_ROWS; k++)
			h = mix(h ^ slot[i * FUZZY_ROWS + k]);
		print->band[i] = h;
	}
}

void fuzzy_text(struct fuzzy_print *print, const struct str *body, size_t n)
{
	struct reader r = {0};
	size_t budget = FUZZY_TEXT_MAX;

	for (size_t i = 0; i < n && budget; i++) {
		struct str line = str_sub(body[i], 0, budget);

		budget -= line.n;
		if (str_is(str_trim(line), "--")) /* a signature follows */
			break;
		if (!str_starts(str_trim(line), STR(">")))
			take_line(&r, line);
	}
	print->words = r.words;
	print->shingles = r.shingles;
	if (r.shingles)
		finish(&r, print);
}

static uint64_t hash_octets(struct str octets)
{
	uint64_t h = octets.n * 0x9e3779b97f4a7c15u, word;
	size_t i = 0;

	for (; i + sizeof word <= octets.n; i += sizeof word) {
		memcpy(&word, octets.p + i, sizeof word);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 29;
	}
	for (; i < octets.n; i++)
		h = (h ^ (unsigned char)octets.p[i]) * 0x100000001b3u;
	return mix(h);
}

void fuzzy_files(struct fuzzy_print *print, struct mime *mime)
{
	for (struct mime_part *part = mime->root; part && print->files < FUZZY_FILES; part = mime_next(part)) {
		struct str octets;

		if (!mime_is_leaf(part) || str_starts(part->type, STR("text/")) || part->is_alternative_reading)
			continue;
		octets = mime_decoded(mime, part);
		if (octets.n >= FUZZY_FILE_MIN)
			print->file[print->files++] = hash_octets(octets);
	}
}

void fuzzy_make(struct fuzzy_print *ret_print, struct mime *mime, const struct content *content)
{
	*ret_print = (struct fuzzy_print){0};
	if (content->body_count > 1)
		fuzzy_text(ret_print, content->body + 1, content->body_count - 1);
	fuzzy_files(ret_print, mime);
}

size_t fuzzy_shared(const struct fuzzy_print *a, const struct fuzzy_print *b)
{
	size_t n = 0;

	for (size_t i = 0; i < FUZZY_BANDS && a->shingles && b->shingles; i++)
		n += a->band[i] == b->band[i];
	return n;
}
