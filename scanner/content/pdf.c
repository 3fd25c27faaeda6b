/*
 * PDF: what acts by itself. Names are read in the file and in the compressed streams that hold
 * objects; files in it are looked at like members of an archive.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { PDF_NAME_MAX = 40, DICTIONARY_MAX = 4096, STREAMS_MAX = 3000, FILES_MAX = 64 };

/* Bits above the flags: what a stream is; files are named somewhere. */
enum { IS_OBJECTS = 1u << 31, IS_FILE = 1u << 30, HAS_FILES = 1u << 29, IS_FORM = 1u << 27,
	BITS = IS_OBJECTS | IS_FILE | HAS_FILES | IS_FORM };

struct pdf {
	struct content_job *job;
	struct str bytes;
	unsigned depth;
	bool is_form;
	uint32_t files[FILES_MAX]; /* objects that are files, whatever their dictionary says */
	size_t file_count;
	uint32_t flags;
};

static const struct {
	const char *name;
	uint32_t flags;
} pdf_names[] = {
    {"JavaScript", WIRE_F_ACTIVE}, {"JS", WIRE_F_ACTIVE}, {"Launch", WIRE_F_ACTIVE | WIRE_F_PDF_LAUNCH},
    {"RichMedia", WIRE_F_ACTIVE}, {"EmbeddedFile", WIRE_F_EMBEDDED | IS_FILE}, {"EmbeddedFiles", WIRE_F_EMBEDDED},
    {"GoToE", WIRE_F_EMBEDDED}, {"GoToR", WIRE_F_EXTERNAL}, {"ImportData", WIRE_F_EXTERNAL}, {"Encrypt", WIRE_F_ENCRYPTED},
    {"SubmitForm", WIRE_F_EXTERNAL}, {"XFA", IS_FORM}, {"ObjStm", IS_OBJECTS}, {"EF", HAS_FILES},
};

static bool ends_name(int c)
{
	return is_space(c) || c == 0 || c == '\f' || memchr("/<>[](){}%", c, 10) != NULL;
}

/* A name behind a slash, #xx resolved; "" when longer than any that matters. */
struct str pdf_name(struct str s, char *room, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && !ends_name((unsigned char)s.p[i]); i++) {
		int high = i + 2 < s.n && s.p[i] == '#' ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		if (n == size)
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
		name = pdf_name(s, room, sizeof room);
		for (size_t i = 0; name.n && i < sizeof pdf_names / sizeof *pdf_names; i++)
			if (name.p[0] == pdf_names[i].name[0] && str_is(name, pdf_names[i].name))
				flags |= pdf_names[i].flags;
	}
	return flags;
}

/* "/EF<</F 7 0 R": the number of the object. */
static void note_files(struct pdf *d, struct str s)
{
	ptrdiff_t at;

	while ((at = str_find(s, STR("/EF"))) >= 0) {
		struct str here = str_sub(s, (size_t)at + 3, 128);

		s = str_from(s, (size_t)at + 3);
		for (ptrdiff_t f; (f = str_find(here, STR("F "))) >= 0 && d->file_count < FILES_MAX;) {
			uint64_t number;
			struct str word;

			here = str_from(here, (size_t)f + 2);
			if (str_word(&here, &word) && str_u64(word, &number))
				d->files[d->file_count++] = (uint32_t)number;
		}
	}
}

static bool is_noted(const struct pdf *d, uint32_t number)
{
	for (size_t i = 0; i < d->file_count; i++)
		if (d->files[i] == number)
			return true;
	return false;
}

/* A stream of objects, a file, or part of a form. */
static void read_stream(struct pdf *d, uint32_t is, struct str dictionary, struct str data)
{
	struct buf plain = {0};
	struct str bytes;
	bool is_known = pdf_unpack(d->job, dictionary, data, &plain);

	bytes = buf_str(&plain);
	if (is & IS_OBJECTS) {
		d->flags |= names_flags(bytes) & ~(uint32_t)(BITS & ~HAS_FILES);
		note_files(d, bytes);
	} else if (is & IS_FILE) {
		d->flags |= WIRE_F_EMBEDDED | content_embedded(d->job, STR_NONE, bytes, d->depth);
	} else if (content_has(bytes, "<script") || content_has(bytes, ":script")) {
		d->flags |= WIRE_F_ACTIVE; /* forms of XML have their scripts in streams */
	}
	d->flags |= is & (IS_OBJECTS | IS_FILE) && !is_known ? WIRE_F_BROKEN : 0;
	buf_free(&plain);
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

/* "12 0 obj" before the dictionary. */
static uint32_t object_number(struct str s, struct str dictionary)
{
	size_t at = (size_t)(dictionary.p - s.p);
	uint32_t number = 0, unit = 1;

	at = at > 3 ? at - 3 : 0;
	while (at && is_space(s.p[at - 1]))
		at--;
	while (at && is_digit(s.p[at - 1]))
		at--;
	while (at && is_space(s.p[at - 1]))
		at--;
	for (int i = 0; i < 9 && at && is_digit(s.p[at - 1]); i++, unit *= 10)
		number += unit * (uint32_t)(s.p[--at] - '0');
	return number;
}

/* Those that say what they are; or those that only others call files. */
static void each_stream(struct pdf *d, bool is_for_noted)
{
	size_t at = 0;

	for (unsigned i = 0; i < STREAMS_MAX && !content_is_over(d->job); i++) {
		ptrdiff_t next = str_find(str_from(d->bytes, at), STR("stream"));
		struct str data, dictionary;
		uint32_t is;

		if (next < 0)
			break;
		at += (size_t)next + 6;
		data = data_behind(d->bytes, at);
		dictionary = dictionary_before(d->bytes, at - 6);
		is = names_flags(dictionary) & (IS_OBJECTS | IS_FILE);
		if (is_for_noted ? !is && is_noted(d, object_number(d->bytes, dictionary)) : is || d->is_form)
			read_stream(d, is_for_noted ? IS_FILE : is, dictionary, data);
		at = (size_t)(data.p - d->bytes.p) + data.n + 9; /* behind "endstream" */
	}
}

uint32_t pdf_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct pdf d = {.job = job, .bytes = s, .depth = depth, .flags = names_flags(s)};
	bool is_encrypted = d.flags & WIRE_F_ENCRYPTED;

	d.is_form = d.flags & IS_FORM;
	if (is_encrypted && !pdf_is_locked(s))
		d.flags &= ~(uint32_t)WIRE_F_ENCRYPTED;
	/* Behind a password the streams say nothing. */
	if (!is_encrypted) {
		note_files(&d, s);
		each_stream(&d, false);
	}
	if (d.file_count)
		each_stream(&d, true);
	return d.flags & ~(uint32_t)BITS;
}
