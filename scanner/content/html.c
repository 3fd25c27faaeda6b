/*
 * HTML and SVG: script, and files that a page puts together where no gateway sees it. Words are looked
 * for as they stand, and once more after what scripts are disguised with is undone: escapes, strings in
 * pieces, names in brackets, base64.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { UNFOLDED_MAX = 16 * 1024 * 1024, LITERAL_MIN = 24 };

enum group { SCRIPT = 1, PROGRAM = 2, MAKER = 4, PAYLOAD = 8, SAVED = 16, DATA_LINK = 32, HTA = 64 };

static const char *const words[] = {"<script", "javascript:", "vbscript:", "onload=", "onerror=", "onclick=", "onmouseover=",
    "onfocus=", "onbegin=", "ontoggle=", "onpageshow=", "data:text/html", "<hta:", "wscript.shell", "activexobject",
    "shell.application", "scripting.filesystemobject", "createobjecturl", "mssaveoropenblob", "mssaveblob", "data:application/",
    ".download", "atob(", "new blob", "uint8array", "fromcharcode", ";base64,", " download", "href=\"data:", "href='data:",
    "href=data:", "showsavefilepicker", "new file(", "unescape(", "blob("};

static const unsigned char meanings[] = {SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT,
    SCRIPT, SCRIPT | PROGRAM | HTA, PROGRAM, PROGRAM, PROGRAM, PROGRAM, MAKER, MAKER, MAKER, MAKER | PAYLOAD, MAKER, PAYLOAD, PAYLOAD,
    PAYLOAD, PAYLOAD, PAYLOAD, SAVED, DATA_LINK, DATA_LINK, DATA_LINK, MAKER, PAYLOAD, PAYLOAD, PAYLOAD};

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

static bool has_event(struct str s)
{
	struct xml_tag tag;

	while (xml_next(&s, &tag)) {
		struct str rest = tag.attributes, name, value;

		while (!tag.is_end && xml_attribute(&rest, &name, &value))
			if (is_event(name))
				return true;
	}
	return false;
}

/* ---- disguises ---- */

static int hex_pair(struct str s, size_t at)
{
	int high = at + 1 < s.n ? hex_value(s.p[at]) : -1, low = high >= 0 ? hex_value(s.p[at + 1]) : -1;

	return low < 0 ? -1 : high << 4 | low;
}

/* A character that is written as \xHH, \u00HH or %HH: how many octets that takes; 0 it is none. */
static size_t escaped(struct str s, size_t at, char *ret)
{
	size_t head = s.p[at] == '%' ? 1 : s.p[at] != '\\' || at + 1 >= s.n ? 0 : s.p[at + 1] == 'x' ? 2 :
	    str_starts(str_from(s, at + 1), STR("u00")) ? 4 : 0;
	int c = head ? hex_pair(s, at + head) : -1;

	if (c < 0)
		return 0;
	*ret = (char)c;
	return head + 2;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* From one quote over a plus to the next: how many octets; 0 nothing is joined here. */
static size_t joint(struct str s, size_t at)
{
	size_t i = at + 1;

	while (i < s.n && is_space(s.p[i]))
		i++;
	if (i >= s.n || s.p[i] != '+')
		return 0;
	for (i++; i < s.n && is_space(s.p[i]);)
		i++;
	return i < s.n && is_quote(s.p[i]) ? i + 1 - at : 0;
}

static size_t base64_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && (is_alnum(s.p[n]) || s.p[n] == '+' || s.p[n] == '/'))
		n++;
	return n;
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
		if (is_quote(s.p[i]) && i + 1 < s.n && s.p[i + 1] == ']') {
			i += 2;
			continue;
		}
		if (c == '[' && i + 1 < s.n && is_quote(s.p[i + 1])) {
			c = '.';
			n = 2;
		} else if (is_quote(c)) {
			size_t length = base64_length(str_from(s, i + 1));

			if (length >= LITERAL_MIN)
				content_base64(str_sub(s, i + 1, length), decoded);
		}
		buf_addc(out, c);
		i += n ? n : 1;
	}
}

static uint64_t hidden_words(struct str s)
{
	struct buf plain = {0}, decoded = {0};
	uint64_t found;

	s = str_sub(s, 0, UNFOLDED_MAX);
	unfold(s, &plain, &decoded);
	found = content_words(buf_str(&plain), words, sizeof words / sizeof *words);
	if (decoded.n)
		found |= content_words(buf_str(&decoded), words, sizeof words / sizeof *words);
	buf_free(&plain);
	buf_free(&decoded);
	return found;
}

static unsigned meaning_of(uint64_t found)
{
	unsigned means = 0;

	for (size_t i = 0; i < sizeof meanings; i++)
		means |= found >> i & 1 ? meanings[i] : 0u;
	return means;
}

uint32_t html_flags(struct str s)
{
	unsigned means = meaning_of(content_words(s, words, sizeof words / sizeof *words));
	uint32_t flags = 0;

	if (!(means & SCRIPT) && has_event(s))
		means |= SCRIPT;
	if (means & SCRIPT)
		means |= meaning_of(hidden_words(s));
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
