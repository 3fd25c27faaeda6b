/*
 * text: in which script and language the text is written, and how much of it a reader cannot see:
 * hidden by style, too small, or of the colour of its background.
 *
 *     filter text;
 *     policy { at message { tag header "X-Language" "{text.language}" if text.language-confidence >= 0.5; } }
 */
#include "core/content/content.h"
#include "core/filter.h"
#include "core/text/language.h"

enum { HIDDEN_MIN = 200, LETTERS_MIN = 20 };

static const struct fact_def text_facts[] = {
    {"text.script", FACT_TEXT, STAGE_MESSAGE, NULL, "script of most letters: latin, cyrillic, greek, han ..."},
    {"text.scripts", FACT_LIST, STAGE_MESSAGE, NULL, "scripts of a tenth of the letters or more"},
    {"text.language", FACT_TEXT, STAGE_MESSAGE, NULL, "language by its small words or its script: en, de, ru ...; not set when too little says it"},
    {"text.language-confidence", FACT_NUMBER, STAGE_MESSAGE, NULL, "how sure the language is, 0 to 1"},
    {"text.words", FACT_INT, STAGE_MESSAGE, NULL, "words of the text, of its first 32 KiB"},
    {"text.hidden", FACT_NUMBER, STAGE_MESSAGE, NULL, "share of the HTML text that a reader cannot see, 0 to 1"},
    {"text.invisible", FACT_INT, STAGE_MESSAGE, NULL, "characters without width inside of words"},
    {0},
};

static const struct finding_def text_findings[] = {
    {"text.hidden", 1, "much of the HTML text cannot be seen"},
    {"text.tiny", 0.5, "text in letters of a pixel or less"},
    {"text.low-contrast", 0.3, "text of nearly the colour of its background"},
    {"text.invisible", 1, "characters without width split words"},
    {"text.mixed-script", 1, "words mix letters of several scripts that look alike"},
    {0},
};

enum { INVISIBLE_MIN = 5, MIXED_MIN = 3 };

struct oddities {
	size_t invisible; /* between two letters */
	size_t mixed;	  /* words with look-alike letters of two scripts */
};

static bool is_alike_script(enum script script)
{
	return script == SCRIPT_LATIN || script == SCRIPT_GREEK || script == SCRIPT_CYRILLIC || script == SCRIPT_ARMENIAN;
}

static void count_oddities(struct str line, struct oddities *odd)
{
	bool was_letter = false, is_pending = false;
	unsigned seen = 0;

	for (size_t at = 0, step; at < line.n; at += step) {
		uint32_t c;
		enum script script;

		step = unicode_read(str_from(line, at), &c);
		if (unicode_is_invisible(c)) { /* a soft hyphen tells where a word may be parted */
			is_pending |= was_letter && c != 0xad;
			continue;
		}
		script = unicode_script(c);
		was_letter = is_alike_script(script);
		odd->invisible += is_pending && was_letter;
		is_pending = false;
		if (was_letter) {
			seen |= 1u << script;
		} else {
			odd->mixed += (seen & (seen - 1)) != 0;
			seen = 0;
		}
	}
	odd->mixed += (seen & (seen - 1)) != 0;
}

static void tell_language(struct session *s, const struct content *content)
{
	struct language l;
	struct facts *f = FACTS(s);

	language_guess(content->body, content->body_count, &l);
	fact_set_int(f, "text.words", (int64_t)l.words);
	if (l.letters)
		fact_set_text(f, "text.script", str_of(script_name(l.script)));
	for (int i = SCRIPT_LATIN; i < SCRIPTS && l.letters >= LETTERS_MIN; i++)
		if (l.count[i] * 10 >= l.letters)
			fact_add_text(f, "text.scripts", str_of(script_name((enum script)i)));
	if (!*l.code)
		return;
	fact_set_text(f, "text.language", str_of(l.code));
	fact_set_number(f, "text.language-confidence", l.confidence);
}

static void tell_hidden(struct session *s, const struct html_facts *html)
{
	size_t all = html->hidden_bytes + html->visible_bytes;
	double share = all ? (double)html->hidden_bytes / (double)all : 0;

	fact_set_number(FACTS(s), "text.hidden", share);
	if (html->hidden_bytes >= HIDDEN_MIN && share >= 0.3)
		finding_add(s, "text.hidden", "%zu of %zu octets of text", html->hidden_bytes, all);
	if (html->tiny_font)
		finding_add(s, "text.tiny", "%zu pieces of text", html->tiny_font);
	if (html->low_contrast)
		finding_add(s, "text.low-contrast", "%zu pieces of text", html->low_contrast);
}

static void tell_oddities(struct session *s, const struct content *content)
{
	struct oddities odd = {0};
	size_t budget = LANGUAGE_TEXT_MAX;

	for (size_t i = 0; i < content->body_count && budget; i++) {
		struct str line = str_sub(content->body[i], 0, budget);

		budget -= line.n;
		if (!str_is_ascii(line))
			count_oddities(line, &odd);
	}
	fact_set_int(FACTS(s), "text.invisible", (int64_t)odd.invisible);
	if (odd.invisible >= INVISIBLE_MIN)
		finding_add(s, "text.invisible", "%zu of them", odd.invisible);
	if (odd.mixed >= MIXED_MIN)
		finding_add(s, "text.mixed-script", "%zu words", odd.mixed);
}

static enum outcome text_run(struct session *s, const void *conf)
{
	const struct content *content = message_content(s->message);

	(void)conf;
	tell_language(s, content);
	tell_hidden(s, &content->html);
	tell_oddities(s, content);
	return RUN_OK;
}

const struct filter text_filter = {
    .name = "text",
    .help = "script and language of the text, and what of it a reader cannot see",
    .facts = text_facts,
    .findings = text_findings,
    .run = {[STAGE_MESSAGE] = text_run},
    .is_heavy = true,
};
