/*
 * PDF: what acts by itself. Names are read in the file and in the compressed streams that hold
 * objects; files in it are looked at like members of an archive.
 */
#include <string.h>

#include "scanner/content.h"

enum { PDF_NAME_MAX = 40, DICTIONARY_MAX = 4096, STREAMS_MAX = 3000 };

/* Bits above the flags: what a stream is, and how it was packed. */
enum { IS_OBJECTS = 1u << 31, IS_FILE = 1u << 30, IS_FLATE = 1u << 29, IS_HEX = 1u << 28, IS_FORM = 1u << 27,
	BITS = IS_OBJECTS | IS_FILE | IS_FLATE | IS_HEX | IS_FORM };

static const struct {
	const char *name;
	uint32_t flags;
} pdf_names[] = {
    {"JavaScript", WIRE_F_ACTIVE}, {"JS", WIRE_F_ACTIVE}, {"Launch", WIRE_F_ACTIVE | WIRE_F_PDF_LAUNCH},
    {"RichMedia", WIRE_F_ACTIVE}, {"EmbeddedFile", WIRE_F_EMBEDDED | IS_FILE}, {"EmbeddedFiles", WIRE_F_EMBEDDED},
    {"GoToE", WIRE_F_EMBEDDED}, {"GoToR", WIRE_F_EXTERNAL}, {"ImportData", WIRE_F_EXTERNAL}, {"Encrypt", WIRE_F_ENCRYPTED},
    {"XFA", IS_FORM}, {"ObjStm", IS_OBJECTS}, {"FlateDecode", IS_FLATE}, {"Fl", IS_FLATE}, {"ASCIIHexDecode", IS_HEX},
    {"AHx", IS_HEX},
};

static bool ends_name(int c)
{
	return is_space(c) || c == 0 || c == '\f' || memchr("/<>[](){}%", c, 10) != NULL;
}

/* A name behind a slash, #xx resolved; "" when longer than any that matters. */
static struct str pdf_name(struct str s, char room[PDF_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && !ends_name((unsigned char)s.p[i]); i++) {
		int high = i + 2 < s.n && s.p[i] == '#' ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		if (n == PDF_NAME_MAX)
			return STR_NONE;
		room[n++] = low >= 0 ? (char)(high << 4 | low) : s.p[i];
		i += low >= 0 ? 2 : 0;
	}
	return (struct str){room, n};
}

static uint32_t names_flags(struct str s)
{
	uint32_t flags = 0;
	char room[PDF_NAME_MAX];
	ptrdiff_t at;

	while ((at = str_chr(s, '/')) >= 0) {
		struct str name;

		s = str_from(s, (size_t)at + 1);
		name = pdf_name(s, room);
		for (size_t i = 0; name.n && i < sizeof pdf_names / sizeof *pdf_names; i++)
			if (name.p[0] == pdf_names[i].name[0] && str_is(name, pdf_names[i].name))
				flags |= pdf_names[i].flags;
	}
	return flags;
}

static void hex_octets(struct str s, struct buf *out)
{
	int high = -1;

	for (size_t i = 0; i < s.n && s.p[i] != '>'; i++) {
		int digit = hex_value(s.p[i]);

		if (digit >= 0 && high >= 0)
			buf_addc(out, (char)(high << 4 | digit));
		high = digit < 0 ? high : high >= 0 ? -1 : digit;
	}
}

/* The octets of a stream as they were before they were packed. */
static struct str unpack(struct content_job *job, struct str data, uint32_t how, struct buf *hex, struct buf *plain)
{
	if (how & IS_HEX) {
		hex_octets(data, hex);
		data = buf_str(hex);
	}
	if (!(how & IS_FLATE))
		return data;
	archive_inflate(job, data, plain);
	return buf_str(plain);
}

static uint32_t stream_flags(struct content_job *job, struct str dictionary, struct str data, bool is_form, unsigned depth)
{
	uint32_t how = names_flags(dictionary), flags = 0;
	struct buf hex = {0}, plain = {0};
	struct str bytes;

	if (!(how & (IS_OBJECTS | IS_FILE)) && !is_form)
		return 0;
	bytes = unpack(job, data, how, &hex, &plain);
	if (how & IS_OBJECTS)
		flags = names_flags(bytes) & ~(uint32_t)BITS;
	else if (how & IS_FILE)
		flags = content_embedded(job, STR_NONE, bytes, depth);
	else if (content_has(bytes, "<script") || content_has(bytes, ":script"))
		flags = WIRE_F_ACTIVE; /* forms of XML have their scripts in streams */
	buf_free(&hex);
	buf_free(&plain);
	return flags;
}

/* What stands before "stream", back to the start of the object. */
static struct str dictionary_before(struct str s, size_t at)
{
	size_t from = at > DICTIONARY_MAX ? at - DICTIONARY_MAX : 0;
	struct str d = str_sub(s, from, at - from);

	for (;;) {
		ptrdiff_t next = str_find(d, STR("obj"));

		if (next < 0)
			return d;
		d = str_from(d, (size_t)next + 3);
	}
}

static struct str data_behind(struct str s, size_t at)
{
	struct str data = str_from(s, at);
	ptrdiff_t end;

	data = str_from(data, str_starts(data, STR("\r\n")) ? 2 : str_starts(data, STR("\n")) || str_starts(data, STR("\r")) ? 1 : 0);
	end = str_find(data, STR("endstream"));
	return str_sub(data, 0, end < 0 ? data.n : (size_t)end);
}

uint32_t pdf_flags(struct content_job *job, struct str s, unsigned depth)
{
	uint32_t flags = names_flags(s);
	size_t at = 0;
	bool is_form = flags & IS_FORM, is_encrypted = flags & WIRE_F_ENCRYPTED;

	if (is_encrypted && !pdf_is_locked(s))
		flags &= ~(uint32_t)WIRE_F_ENCRYPTED;

	/* Behind a password the streams say nothing. */
	for (unsigned i = 0; i < STREAMS_MAX && !is_encrypted && !content_is_over(job); i++) {
		ptrdiff_t next = str_find(str_from(s, at), STR("stream"));
		struct str data;

		if (next < 0)
			break;
		at += (size_t)next + 6;
		data = data_behind(s, at);
		flags |= stream_flags(job, dictionary_before(s, at - 6), data, is_form, depth);
		at = (size_t)(data.p - s.p) + data.n + 9; /* behind "endstream" */
	}
	return flags & ~(uint32_t)BITS;
}
