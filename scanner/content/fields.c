/*
 * Field instructions of Word, however they are stored: { DDEAUTO c:\\... }. What was collected is
 * text in which FIELD_BEGIN stands before each field; Word spreads them over runs, and so do attackers.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { WORD_MAX = 16, ARGUMENTS_MAX = 400 };

static bool is_remote(struct str s)
{
	return str_find(s, STR("://")) >= 0 || str_find(s, STR("\\\\\\\\")) >= 0 || str_find(s, STR("\"\\\\")) >= 0 ||
	       content_has(s, "mhtml:");
}

static const struct {
	const char *word;
	uint32_t flags;
	bool needs_remote; /* only when its argument is somewhere else */
} words[] = {
    {"dde", WIRE_F_DDE, false}, {"ddeauto", WIRE_F_DDE, false}, {"link", WIRE_F_EXTERNAL, false},
    {"includepicture", WIRE_F_EXTERNAL, true}, {"includetext", WIRE_F_EXTERNAL, true},
    {"include", WIRE_F_EXTERNAL, true}, {"import", WIRE_F_EXTERNAL, true}, {"rd", WIRE_F_EXTERNAL, true},
};

static bool is_between(char c)
{
	return is_space(c) || c == '"' || c == '\0' || c == FIELD_BEGIN || c == '\x14' || c == '\x15';
}

static struct str first_word(struct str s, char room[WORD_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < WORD_MAX && is_alpha(s.p[i]); i++)
		room[n++] = (char)to_lower(s.p[i]);
	return (struct str){room, n};
}

/* { QUOTE 68 68 69 } is another way to write DDE. */
static struct str quoted(struct str s, char room[WORD_MAX])
{
	size_t n = 0;
	struct str word;

	for (s = str_sub(s, 0, ARGUMENTS_MAX); n < WORD_MAX && str_word(&s, &word);) {
		uint64_t code;

		if (!str_u64(word, &code) || code > 127)
			break;
		room[n++] = (char)to_lower((int)code);
	}
	return (struct str){room, n};
}

static uint32_t word_flags(struct str word, struct str arguments)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_is(word, words[i].word))
			return words[i].needs_remote && !is_remote(arguments) ? 0 : words[i].flags;
	return str_starts(word, STR("ddeauto")) ? WIRE_F_DDE : 0;
}

uint32_t fields_flags(struct str text)
{
	uint32_t flags = 0;
	ptrdiff_t at;

	while ((at = str_chr(text, FIELD_BEGIN)) >= 0) {
		char room[WORD_MAX], decoded[WORD_MAX];
		struct str word, arguments, codes;

		text = str_from(text, (size_t)at + 1);
		if (text.n && text.p[0] == FIELD_BEGIN)
			continue; /* a field in a field: the inner one counts */
		for (at = 0; (size_t)at < text.n && at < 64 && is_between(text.p[at]); at++)
			;
		arguments = str_sub(text, (size_t)at, ARGUMENTS_MAX);
		word = first_word(arguments, room);
		if (str_is(word, "quote")) {
			codes = quoted(str_from(arguments, word.n), decoded);
			flags |= str_starts(codes, STR("dde")) ? WIRE_F_DDE : 0;
		}
		flags |= word_flags(word, arguments);
	}
	return flags;
}
