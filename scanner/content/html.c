/*
 * HTML and SVG: script, and files that a page puts together where no gateway sees it. Words are looked
 * for as they stand, and once more after what scripts are disguised with is undone: escapes, strings in
 * pieces, names in brackets, base64.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { UNFOLDED_MAX = 16 * 1024 * 1024, LITERAL_MIN = 24, LIST_MIN = 16, ROUNDS = 4, COMMENT_MAX = 256, XML_SCHEME_MAX = 64 };

enum group { SCRIPT = 1, PROGRAM = 2, MAKER = 4, PAYLOAD = 8, SAVED = 16, DATA_LINK = 32, HTA = 64 };

static const char *const words[] = {"<script", "javascript:", "vbscript:", "onload=", "onerror=", "onclick=", "onmouseover=",
    "onfocus=", "onbegin=", "ontoggle=", "onpageshow=", "data:text/html", "<hta:", "wscript.shell", "activexobject",
    "shell.application", "scripting.filesystemobject", "createobjecturl", "mssaveoropenblob", "mssaveblob", "data:application/",
    ".download", "atob(", "new blob", "uint8array", "fromcharcode", ";base64,", " download", "href=\"data:", "href='data:",
    "href=data:", "showsavefilepicker", "new file(", "unescape(", "blob(", "saveas(",
    "url=data:application/"};

static const unsigned char meanings[] = {SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT,
    SCRIPT, SCRIPT | PROGRAM | HTA, PROGRAM, PROGRAM, PROGRAM, PROGRAM, MAKER, MAKER, MAKER, MAKER | PAYLOAD, MAKER, PAYLOAD, PAYLOAD,
    PAYLOAD, PAYLOAD, PAYLOAD, SAVED, DATA_LINK, DATA_LINK, DATA_LINK, MAKER, PAYLOAD, PAYLOAD, PAYLOAD, MAKER, SAVED | DATA_LINK};

_Static_assert(sizeof meanings == sizeof words / sizeof *words, "a meaning for each word");

/* Attributes that run script when something happens: onload, onmouseenter ... */
static bool is_event(struct str name)
{
	while (name.n && name.p[0] == '/')
		name = str_from(name, 1);
	for (size_t i = name.n; i-- > 0;)
		if (is_space(name.p[i])) { /* behind one without a value */
			name = str_from(name, i + 1);
			break;
		}
	for (size_t i = 0; i < name.n; i++)
		if (!is_alpha(name.p[i]))
			return false;
	return name.n >= 5 && str_istarts(name, STR("on"));
}

/* A value as a browser takes it: entities resolved, and no blanks in the scheme. */
static void add_value(struct str value, struct buf *out)
{
	size_t from = out->n, to = from;

	xml_plain(value, out);
	for (size_t i = from; i < out->n; i++)
		if ((unsigned char)out->p[i] >= ' ' || to > from + XML_SCHEME_MAX)
			out->p[to++] = out->p[i];
	out->n = to;
	buf_addc(out, '\n');
}

/* "download" may stand there without a value, before another's name. */
static bool is_download(struct str names)
{
	struct str word;

	while (str_word(&names, &word))
		if (str_iis(word, "download"))
			return true;
	return false;
}

/* What tags and their attributes mean; values that are written in other letters are collected. */
static unsigned tags_mean(struct str s, struct buf *values)
{
	struct xml_tag tag;
	unsigned means = 0;

	while (xml_next(&s, &tag)) {
		struct str rest = tag.attributes, name, value;
		unsigned link = 0;

		means |= str_iis(tag.name, "script") ? SCRIPT : 0u;
		while (!tag.is_end && xml_attribute(&rest, &name, &value)) {
			size_t from = values->n;

			means |= is_event(name) ? SCRIPT : 0u;
			link |= is_download(name) ? SAVED : 0u;
			if (values->n < UNFOLDED_MAX)
				add_value(value, values);
			link |= str_istarts(str_trim(str_from(buf_str(values), from)), STR("data:")) ? DATA_LINK : 0u;
			/* What is written plainly was looked at. */
			if (values->n - from == value.n + 1 && memcmp(values->p + from, value.p, value.n) == 0)
				values->n = from;
		}
		/* Pictures have their data in themselves, and are not saved. */
		means |= link == (SAVED | DATA_LINK) ? link : 0u;
	}
	return means;
}

/* ---- disguises ---- */

static int hex_pair(struct str s, size_t at)
{
	int high = at + 1 < s.n ? hex_value(s.p[at]) : -1, low = high >= 0 ? hex_value(s.p[at + 1]) : -1;

	return low < 0 ? -1 : high << 4 | low;
}

/* "\\u{61}", "\\141": the same in fewer words. */
static size_t escaped_otherwise(struct str s, size_t at, char *ret)
{
	struct str rest = str_from(s, at + 1);
	bool is_hex = str_starts(rest, STR("u{"));
	unsigned base = is_hex ? 16 : 8, code = 0;
	size_t n = is_hex ? 2 : 0, most = is_hex ? 10 : 3;

	for (; n < rest.n && n < most && hex_value(rest.p[n]) >= 0 && (unsigned)hex_value(rest.p[n]) < base; n++)
		code = code * base + (unsigned)hex_value(rest.p[n]);
	if (is_hex ? n >= rest.n || rest.p[n] != '}' : n < 2)
		return 0;
	*ret = code < 128 ? (char)code : '?';
	return 1 + n + is_hex;
}

/* A character that is written as \xHH, \u00HH or %HH: how many octets that takes; 0 it is none. */
static size_t escaped(struct str s, size_t at, char *ret)
{
	size_t head = s.p[at] == '%' ? 1 : s.p[at] != '\\' || at + 1 >= s.n ? 0 : s.p[at + 1] == 'x' ? 2 :
	    str_starts(str_from(s, at + 1), STR("u00")) ? 4 : 0;
	int c = head ? hex_pair(s, at + head) : -1;

	if (c < 0)
		return s.p[at] == '\\' ? escaped_otherwise(s, at, ret) : 0;
	*ret = (char)c;
	return head + 2;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

static size_t without_comments(struct str s, size_t i)
{
	for (;;) {
		struct str rest;
		ptrdiff_t end;

		while (i < s.n && is_space(s.p[i]))
			i++;
		rest = str_sub(s, i, COMMENT_MAX);
		end = str_starts(rest, STR("/*")) ? str_find(str_from(rest, 2), STR("*/")) : -1;
		if (end < 0)
			return i;
		i += 2 + (size_t)end + 2;
	}
}

/* From one quote over a plus, or .concat(, to the next: how many octets; 0 nothing is joined here. */
static size_t joint(struct str s, size_t at)
{
	size_t i = without_comments(s, at + 1);

	if (i < s.n && s.p[i] == '+')
		i++;
	else if (str_starts(str_from(s, i), STR(".concat(")))
		i += 8;
	else
		return 0;
	i = without_comments(s, i);
	return i < s.n && is_quote(s.p[i]) ? i + 1 - at : 0;
}

/* "[104, 0x65, ..." as the characters that it means. */
static void take_list(struct str s, struct buf *out)
{
	size_t from = out->n, i = 0;

	for (;;) {
		unsigned base = 10, code = 0;
		size_t start;

		while (i < s.n && is_space(s.p[i]))
			i++;
		if (str_istarts(str_from(s, i), STR("0x"))) {
			base = 16;
			i += 2;
		}
		for (start = i; i < s.n && hex_value(s.p[i]) >= 0 && (unsigned)hex_value(s.p[i]) < base; i++)
			code = code < 1000 ? code * base + (unsigned)hex_value(s.p[i]) : code;
		if (i == start || code > 255)
			break;
		buf_addc(out, (char)code);
		while (i < s.n && is_space(s.p[i]))
			i++;
		if (i >= s.n || s.p[i] != ',')
			break;
		i++;
	}
	if (out->n - from < LIST_MIN)
		out->n = from;
}

static size_t base64_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && (is_alnum(s.p[n]) || s.p[n] == '+' || s.p[n] == '/'))
		n++;
	return n;
}

static void add_literal(struct str s, struct buf *out)
{
	content_base64(s, out);
	buf_addc(out, '\n');
}

/* window['at' + 'ob'] becomes window.atob, and what a literal of base64 means is put behind it. */
static void unfold(struct str s, struct buf *out, struct buf *decoded)
{
	for (size_t i = 0; i < s.n;) {
		char c = s.p[i];
		size_t n = c == '%' || c == '\\' ? escaped(s, i, &c) : 0;

		if (is_quote(s.p[i]) && (n = joint(s, i)) > 0) {
			i += n;
			continue;
		}
		if (is_quote(s.p[i]) && (str_starts(str_from(s, i + 1), STR("]")) || str_starts(str_from(s, i + 1), STR(")]")))) {
			i += s.p[i + 1] == ']' ? 2 : 3;
			continue;
		}
		if ((c == '[' || c == '(') && i + 1 < s.n && is_digit(s.p[i + 1]))
			take_list(str_from(s, i + 1), decoded);
		if (c == ',' && i >= 7 && str_iends(str_sub(s, 0, i), STR(";base64")))
			add_literal(str_sub(s, i + 1, base64_length(str_from(s, i + 1))), decoded);
		if ((i == 0 || s.p[i - 1] == '\n') && base64_length(str_sub(s, i, LITERAL_MIN)) == LITERAL_MIN)
			add_literal(str_sub(s, i, base64_length(str_from(s, i))), decoded);
		if (c == '[' && i + 1 < s.n && is_quote(s.p[i + 1])) {
			c = '.';
			n = 2;
		} else if (is_quote(c)) {
			size_t length = base64_length(str_from(s, i + 1));

			if (length >= LITERAL_MIN)
				add_literal(str_sub(s, i + 1, length), decoded);
		}
		buf_addc(out, c);
		i += n ? n : 1;
	}
}

/* What was decoded may be written in such a way again. */
static uint64_t hidden_words(struct str s)
{
	struct buf plain = {0}, decoded[2] = {{0}, {0}};
	uint64_t found = 0;

	s = str_sub(s, 0, UNFOLDED_MAX);
	for (int i = 0; i < ROUNDS && s.n; i++) {
		struct buf *next = &decoded[i % 2];

		plain.n = next->n = 0;
		unfold(s, &plain, next);
		found |= content_words(buf_str(&plain), words, sizeof words / sizeof *words);
		s = buf_str(next);
		found |= content_words(s, words, sizeof words / sizeof *words);
	}
	buf_free(&plain);
	buf_free(&decoded[0]);
	buf_free(&decoded[1]);
	return found;
}

static unsigned meaning_of(uint64_t found)
{
	unsigned means = 0;

	for (size_t i = 0; i < sizeof meanings; i++)
		means |= found >> i & 1 ? meanings[i] : 0u;
	return means;
}

static unsigned words_mean(struct str s)
{
	unsigned means = meaning_of(content_words(s, words, sizeof words / sizeof *words));

	return means & (SCRIPT | PAYLOAD) ? means | meaning_of(hidden_words(s)) : means;
}

uint32_t html_flags(struct str s)
{
	struct buf values = {0}, text = {0};
	unsigned means = words_mean(s) | tags_mean(s, &values);
	uint32_t flags = 0;

	if (values.n)
		means |= words_mean(buf_str(&values));
	if (means & SCRIPT && str_find(s, STR("&#")) >= 0) { /* in SVG the text of scripts has entities too */
		xml_plain(str_sub(s, 0, UNFOLDED_MAX), &text);
		means |= words_mean(buf_str(&text));
	}
	buf_free(&values);
	buf_free(&text);
	if (means & (SCRIPT | PROGRAM))
		flags |= WIRE_F_ACTIVE;
	if (means & PROGRAM)
		flags |= WIRE_F_SCRIPT;
	if (means & HTA)
		flags |= WIRE_F_PROGRAM;
	if ((means & SCRIPT && means & MAKER && means & PAYLOAD) || (means & SAVED && means & DATA_LINK))
		flags |= WIRE_F_SMUGGLING;
	return flags;
}
