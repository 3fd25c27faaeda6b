/*
 * PDF: what acts by itself. Names are read in the file and in the compressed streams that hold
 * objects; files in it are looked at like members of an archive.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { PDF_NAME_MAX = 40, DICTIONARY_MAX = 4096, FILES_MAX = 64, LOOKUPS_MAX = 64, NEAR_MAX = 4, UNLOCKED_MAX = 50 };

/* Bits above the flags: what a stream is; files are named somewhere. */
enum { IS_OBJECTS = 1u << 31, IS_FILE = 1u << 30, HAS_FILES = 1u << 29, IS_FORM = 1u << 27,
	BITS = IS_OBJECTS | IS_FILE | HAS_FILES | IS_FORM };

struct pdf {
	struct content_job *job;
	struct str bytes;
	unsigned depth;
	bool is_form, is_locked;
	struct pdf_key key;
	unsigned lookups; /* that may still be made */
	uint64_t budget;  /* octets of streams that may still be read */
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

/* "/EF<</F 7 0 R/UF 7 0 R>>", or "/EF 9 0 R", and there the rest. */
static void note_files(struct pdf *d, struct str s)
{
	char room[PDF_NAME_MAX];
	ptrdiff_t at;

	while ((at = str_chr(s, '/')) >= 0 && d->file_count < FILES_MAX) {
		struct str rest, token;
		uint32_t number;

		s = str_from(s, (size_t)at + 1);
		if (!str_is(pdf_name(s, room, sizeof room), "EF"))
			continue;
		rest = str_sub(s, 0, DICTIONARY_MAX);
		pdf_next(&rest, &token);
		if (pdf_reference(&rest, &number) && d->lookups)
			rest = d->lookups-- ? pdf_object(d->bytes, number) : STR_NONE;
		while (d->file_count < FILES_MAX && (pdf_reference(&rest, &number) ? (d->files[d->file_count++] = number, true) :
			       pdf_next(&rest, &token) && !str_is(token, ">>")))
			;
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
static void read_stream(struct pdf *d, uint32_t is, const struct pdf_object *object, struct str data)
{
	struct buf clear = {0}, plain = {0};
	struct str bytes;
	bool is_known;

	if (d->key.cipher)
		pdf_decrypt(&d->key, object, data, &clear);
	is_known = pdf_unpack(d->job, d->bytes, object->text, d->key.cipher ? buf_str(&clear) : data, &d->lookups, &plain);
	bytes = buf_str(&plain);
	if (is & IS_OBJECTS) {
		d->flags |= names_flags(bytes) & ~(uint32_t)(BITS & ~HAS_FILES);
		note_files(d, bytes);
	} else if (is & IS_FILE) {
		d->flags |= WIRE_F_EMBEDDED;
		d->flags |= d->is_locked ? 0 : content_embedded(d->job, STR_NONE, bytes, d->depth);
	} else {
		struct buf room = {0};
		struct str text = content_narrow(bytes, &room);

		/* Forms of XML have their scripts in streams. */
		d->flags |= content_has(text, "<script") || content_has(text, ":script") ? WIRE_F_ACTIVE : 0;
		buf_free(&room);
	}
	d->flags |= is & (IS_OBJECTS | IS_FILE) && !is_known && !d->is_locked ? WIRE_F_BROKEN : 0;
	buf_free(&clear);
	buf_free(&plain);
}

/* Up to where it says that it ends, when it does end there; else up to the first end. */
static struct str data_behind(struct pdf *d, size_t at, struct str dictionary)
{
	struct str data = str_from(d->bytes, at), length = pdf_value(dictionary, "Length"), end;
	uint32_t number;
	ptrdiff_t found;

	while (data.n && data.p[0] == ' ')
		data = str_from(data, 1);
	data = str_from(data, str_starts(data, STR("\r\n")) ? 2 : str_starts(data, STR("\n")) || str_starts(data, STR("\r")) ? 1 : 0);
	if (pdf_reference(&length, &number))
		length = d->lookups && d->lookups-- ? str_trim(pdf_object(d->bytes, number)) : STR_NONE;
	end = str_trim(str_sub(data, pdf_number(length), 16));
	if (length.n && str_starts(end, STR("endstream")))
		return str_sub(data, 0, pdf_number(length));
	found = str_find(data, STR("endstream"));
	return str_sub(data, 0, found < 0 ? data.n : (size_t)found);
}

/* "1 0 obj" may stand in a comment or a string too: then its dictionary begins before. */
static struct str dictionary_in(struct str before, struct str nearest)
{
	struct pdf_object object = {.text = nearest};
	struct str rest = before;

	for (int i = 0; i < NEAR_MAX && !pdf_value(object.text, "Filter").n; i++) {
		rest = str_sub(before, 0, (size_t)(object.text.p - before.p) - 3);
		if (!pdf_last_object(rest, &object))
			return nearest;
		object.text = str_from(before, (size_t)(object.text.p - before.p));
	}
	return pdf_value(object.text, "Filter").n ? object.text : nearest;
}

/* What stands before a stream: since the last end, and since the last that looked like one. */
struct before {
	size_t from, since;
	uint32_t is;
	struct pdf_object object; /* the nearest */
};

static void look_before(struct pdf *d, struct before *b, size_t here)
{
	struct str s = str_sub(d->bytes, b->since, here - b->since);
	struct pdf_object object;

	b->is |= names_flags(s) & (IS_OBJECTS | IS_FILE);
	if (pdf_last_object(s, &object))
		b->object = object;
}

static void one_stream(struct pdf *d, const struct before *b, size_t here, bool is_for_noted)
{
	struct str before = str_sub(d->bytes, b->from, here - b->from), data;
	struct pdf_object object = b->object;

	if (is_for_noted ? b->is || !is_noted(d, object.number) : !b->is && !d->is_form)
		return;
	object.text = object.text.p ? str_from(before, (size_t)(object.text.p - before.p)) : before;
	if (object.text.p != before.p)
		object.text = dictionary_in(before, object.text);
	data = data_behind(d, here + 6, object.text);
	if (data.n > d->budget) {
		d->job->is_over = true;
		return;
	}
	d->budget -= data.n;
	read_stream(d, is_for_noted ? IS_FILE : b->is, &object, data);
}

/*
 * Those that say what they are; or those that only others call files. A "stream" in a string must hide none, so
 * what looks like one is not passed over.
 */
static void each_stream(struct pdf *d, bool is_for_noted)
{
	struct before b = {.from = 0};
	size_t at = 0;
	ptrdiff_t next;

	while (!content_is_over(d->job) && (next = str_find(str_from(d->bytes, at), STR("stream"))) >= 0) {
		size_t here = at + (size_t)next;

		at = here + 6;
		if (here >= 3 && memcmp(d->bytes.p + here - 3, "end", 3) == 0) {
			b = (struct before){.from = at, .since = at};
			continue;
		}
		if (at < d->bytes.n && !is_space(d->bytes.p[at]))
			continue;
		look_before(d, &b, here);
		b.since = at;
		one_stream(d, &b, here, is_for_noted);
	}
}

uint32_t pdf_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct pdf d = {.job = job, .bytes = s, .depth = depth, .flags = names_flags(s), .lookups = LOOKUPS_MAX,
	    .budget = 4 * (uint64_t)s.n + (1 << 20)};

	d.is_form = d.flags & IS_FORM;
	d.is_locked = d.flags & WIRE_F_ENCRYPTED && (job->unlocked++ >= UNLOCKED_MAX || !pdf_unlock(s, &d.key));
	/* Behind a password the streams say nothing, but one that is only told need not be there. */
	if (!d.is_locked)
		d.flags &= ~(uint32_t)WIRE_F_ENCRYPTED;
	note_files(&d, s);
	each_stream(&d, false);
	if (d.file_count)
		each_stream(&d, true);
	return d.flags & ~(uint32_t)BITS;
}
