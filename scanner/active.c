/* PDF and HTML: what acts by itself when they are opened. */
#include <string.h>

#include "scanner/content.h"

enum { PDF_NAME_MAX = 40 };

static const struct {
	const char *name;
	uint32_t flags;
} pdf_names[] = {
    {"JavaScript", WIRE_F_ACTIVE}, {"JS", WIRE_F_ACTIVE}, {"Launch", WIRE_F_ACTIVE | WIRE_F_PDF_LAUNCH},
    {"RichMedia", WIRE_F_ACTIVE}, {"EmbeddedFile", WIRE_F_EMBEDDED}, {"EmbeddedFiles", WIRE_F_EMBEDDED},
    {"GoToE", WIRE_F_EMBEDDED}, {"GoToR", WIRE_F_EXTERNAL}, {"XFA", 0},
};

static bool ends_pdf_name(int c)
{
	return is_space(c) || c == 0 || c == '\f' || memchr("/<>[](){}%", c, 10) != NULL;
}

/* A name behind a slash, #xx resolved; "" when longer than any that matters. */
static struct str pdf_name(struct str s, char room[PDF_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && !ends_pdf_name((unsigned char)s.p[i]); i++) {
		int high = i + 2 < s.n && s.p[i] == '#' ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		if (n == PDF_NAME_MAX)
			return STR_NONE;
		room[n++] = low >= 0 ? (char)(high << 4 | low) : s.p[i];
		i += low >= 0 ? 2 : 0;
	}
	return (struct str){room, n};
}

uint32_t pdf_flags(struct str s)
{
	uint32_t flags = 0;
	char room[PDF_NAME_MAX];

	for (;;) {
		ptrdiff_t at = str_chr(s, '/');
		struct str name;

		if (at < 0)
			return flags;
		s = str_from(s, (size_t)at + 1);
		name = pdf_name(s, room);
		for (size_t i = 0; i < sizeof pdf_names / sizeof *pdf_names; i++)
			if (str_is(name, pdf_names[i].name))
				flags |= pdf_names[i].flags;
	}
}

static const char *const makers[] = {"createobjecturl", "mssaveoropenblob", "mssaveblob", "data:application/", ".download"};
static const char *const payloads[] = {"atob(", "new blob", "uint8array", "fromcharcode", ";base64,"};

static bool has_any(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (content_has(s, words[i]))
			return true;
	return false;
}

/* Smuggling: a file is put together by script in the browser, where no gateway sees it. */
uint32_t html_flags(struct str s)
{
	uint32_t flags = 0;

	if (content_has(s, "<script") || content_has(s, "javascript:") || content_has(s, "vbscript:"))
		flags |= WIRE_F_ACTIVE;
	if (content_has(s, "<hta:") || content_has(s, "wscript.shell") || content_has(s, "activexobject"))
		flags |= WIRE_F_ACTIVE | WIRE_F_SCRIPT;
	if ((flags & WIRE_F_ACTIVE) && has_any(s, makers, sizeof makers / sizeof *makers) &&
	    has_any(s, payloads, sizeof payloads / sizeof *payloads))
		flags |= WIRE_F_SMUGGLING;
	return flags;
}
