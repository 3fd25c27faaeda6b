/* Tables: records of BIFF (.xls) and of .xlsb, SYLK, CSV. What starts programs in them: macros, DDE. */
#include <string.h>

#include "scanner/content/content.h"

enum {
	BIFF_BOF = 0x09, BIFF_BOF3 = 0x209, BIFF_BOF4 = 0x409, BIFF_BOF8 = 0x809, BIFF_BOUNDSHEET = 0x85, BIFF_FILEPASS = 0x2f,
	BIFF_SUPBOOK = 0x1ae, BIFF_EXTERNSHEET = 0x17, BIFF_EXTERNNAME = 0x23, BIFF_OBPROJ = 0xd3,
	SHEET_MACRO = 0x40, LINK_MARK = 3, OLE_LINK = 0x10,
	XLSB_SUPBOOK = 360,
};

/* A link: "\3service\3topic" is DDE or, when a name of it says so, OLE; else it is another workbook. */
static uint32_t link_flags(struct str data)
{
	unsigned n = content_u16(data, 2);
	struct str path = str_from(data, 4);

	if (n == 0x401 || n == 0x3a01 || n < 2 || n > 255)
		return 0; /* this workbook itself, or functions of add-ins */
	return str_chr(path, LINK_MARK) >= 0 ? WIRE_F_DDE : WIRE_F_EXTERNAL;
}

/* Of Excel 5 and before: a length, then the name; the mark at its start means this workbook. */
static uint32_t old_link_flags(struct str data)
{
	struct str path = str_from(data, 2);

	return str_chr(path, LINK_MARK) >= 0 ? WIRE_F_DDE : 0;
}

static uint32_t record_flags(unsigned type, struct str data, uint32_t *link)
{
	switch (type) {
	case BIFF_BOF:
	case BIFF_BOF3:
	case BIFF_BOF4:
	case BIFF_BOF8:
		return content_u16(data, 2) == SHEET_MACRO ? WIRE_F_MACRO : 0;
	case BIFF_BOUNDSHEET:
		return data.n > 5 && data.p[5] == 1 ? WIRE_F_MACRO : 0;
	case BIFF_OBPROJ:
		return WIRE_F_MACRO;
	case BIFF_FILEPASS:
		return WIRE_F_ENCRYPTED;
	case BIFF_SUPBOOK:
		*link = data.n > 4 ? link_flags(data) : 0;
		return *link & ~(uint32_t)WIRE_F_DDE;
	case BIFF_EXTERNSHEET:
		return old_link_flags(data);
	case BIFF_EXTERNNAME:
		return *link & WIRE_F_DDE && content_u16(data, 0) & OLE_LINK ? WIRE_F_EXTERNAL : *link;
	default:
		return 0;
	}
}

uint32_t biff_flags(struct str s)
{
	uint32_t flags = 0, link = 0;

	while (s.n >= 4) {
		unsigned type = content_u16(s, 0), n = content_u16(s, 2);

		/* Behind a password only what begins a sheet is as it was. */
		if (!(flags & WIRE_F_ENCRYPTED) || type == BIFF_BOF8)
			flags |= record_flags(type, str_sub(s, 4, n), &link);
		s = str_from(s, 4 + (size_t)n);
	}
	return flags;
}

/* Numbers of seven bits an octet. */
static bool take_number(struct str *s, unsigned most, uint32_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < most && s->n; i++) {
		unsigned char c = (unsigned char)s->p[0];

		*s = str_from(*s, 1);
		*ret |= (uint32_t)(c & 127) << (7 * i);
		if (!(c & 128))
			return true;
	}
	return false;
}

/* A part of an .xlsb: only what it says of links. Types have 14 bits, 7 of each octet. */
uint32_t xlsb_link_flags(struct str s)
{
	uint32_t type, n, flags = 0;

	while (take_number(&s, 2, &type) && take_number(&s, 4, &n)) {
		unsigned kind = content_u16(s, 0);

		if (type == XLSB_SUPBOOK && n >= 2)
			flags |= kind == 1 ? WIRE_F_DDE : kind == 2 ? WIRE_F_EXTERNAL : 0;
		s = str_from(s, n);
	}
	return flags;
}

enum { CELL_MAX = 400, TOPIC_MAX = 4096 };

static bool starts_formula(char c)
{
	return c == '=' || c == '@' || c == '+' || c == '-';
}

/* Of text: what is no text has such characters by chance only. */
static bool is_in_cell(char c)
{
	return (unsigned char)c >= ' ' || c == '\t';
}

/* A cell that starts a program: =cmd|'/c calc'!A0 */
static bool has_cell_call(struct str s)
{
	size_t start = SIZE_MAX, bar = SIZE_MAX; /* of the formula, and in it; none */

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!is_in_cell(c))
			start = bar = SIZE_MAX;
		else if (c == '!' && bar != SIZE_MAX && i - bar < TOPIC_MAX)
			return true;
		else if (c == '|' && start != SIZE_MAX && start + 1 < i && i - start < CELL_MAX && i + 1 < s.n &&
			 (s.p[i + 1] == '\'' || s.p[i + 1] == '/' || s.p[i + 1] == '"'))
			bar = i;
		else if (starts_formula(c))
			start = i;
	}
	return false;
}

uint32_t csv_flags(struct str s)
{
	if (str_chr(s, '|') >= 0 && has_cell_call(s))
		return WIRE_F_DDE;
	return content_has(s, "=dde(") || content_has(s, "=dde (") ? WIRE_F_DDE : 0;
}

/* .iqy: a table that is fetched from the web. */
uint32_t query_flags(struct str s)
{
	struct str word;

	return str_word(&s, &word) && str_iis(word, "web") && str_word(&s, &word) && str_is(word, "1") && str_word(&s, &word) &&
	    str_find(word, STR("://")) > 0 ? WIRE_F_EXTERNAL : 0;
}

/* "O;P;E": the sheet is one of macros. */
static bool has_field(struct str line, char field)
{
	struct str part;

	while (str_split(&line, ';', &part))
		if (part.n && part.p[0] == field)
			return true;
	return false;
}

/* "C;X1;Y1;Ecmd|'/c calc'!A0" */
static bool has_call(struct str line)
{
	struct str part;

	while (str_split(&line, ';', &part))
		if (part.n > 1 && part.p[0] == 'E' && str_find(part, STR("|'")) > 0)
			return true;
	return false;
}

uint32_t sylk_text_flags(struct str s)
{
	return str_starts(s, STR("ID;")) ? sylk_flags(s) : 0;
}

uint32_t sylk_flags(struct str s)
{
	struct str rest = s, line;
	uint32_t flags = csv_flags(s);

	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (str_starts(line, STR("O;")) && has_field(str_from(line, 2), 'E'))
			flags |= WIRE_F_MACRO;
		if (str_starts(line, STR("C;")) && has_call(line))
			flags |= WIRE_F_DDE;
		if (str_istarts(line, STR("NN;")) && content_has(str_sub(line, 0, 256), "auto_open"))
			flags |= WIRE_F_MACRO;
	}
	return flags;
}
