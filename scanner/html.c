/* HTML and SVG: script, and files that a page puts together where no gateway sees it. */
#include "scanner/content.h"

enum group { SCRIPT = 1, PROGRAM = 2, MAKER = 4, PAYLOAD = 8, SAVED = 16, DATA_LINK = 32, HTA = 64 };

static const char *const words[] = {"<script", "javascript:", "vbscript:", "onload=", "onerror=", "onclick=", "onmouseover=",
    "onfocus=", "onbegin=", "ontoggle=", "onpageshow=", "data:text/html", "<hta:", "wscript.shell", "activexobject",
    "shell.application", "scripting.filesystemobject", "createobjecturl", "mssaveoropenblob", "mssaveblob", "data:application/",
    ".download", "atob(", "new blob", "uint8array", "fromcharcode", ";base64,", " download", "href=\"data:", "href='data:",
    "href=data:", "showsavefilepicker", "new file(", "unescape("};

static const unsigned char meanings[] = {SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT,
    SCRIPT, SCRIPT | PROGRAM | HTA, PROGRAM, PROGRAM, PROGRAM, PROGRAM, MAKER, MAKER, MAKER, MAKER | PAYLOAD, MAKER, PAYLOAD, PAYLOAD,
    PAYLOAD, PAYLOAD, PAYLOAD, SAVED, DATA_LINK, DATA_LINK, DATA_LINK, MAKER, PAYLOAD, PAYLOAD};

_Static_assert(sizeof meanings == sizeof words / sizeof *words, "a meaning for each word");

uint32_t html_flags(struct str s)
{
	uint64_t found = content_words(s, words, sizeof words / sizeof *words);
	unsigned means = 0;
	uint32_t flags = 0;

	for (size_t i = 0; i < sizeof meanings; i++)
		means |= found >> i & 1 ? meanings[i] : 0u;
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
