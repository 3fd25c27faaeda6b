/*
 * attachment: what is attached to a message, by name, by declared type and by content, and what is
 * in archives. Names are read here; contents are looked at in the processes of mailreeve-scanner.
 *
 * Text that is shown in line is no attachment, unless its bytes are something else. The filter also
 * says how sure the structure of the message is (mime.*): the same trick hides attachments.
 */
#include "filters/attachment_name.h"

#include <unistd.h>

#include "core/filter.h"
#include "core/scan/scan.h"

struct attachment_conf {
	int64_t max_members, max_depth, max_ratio, timeout_ms;
	uint64_t max_member, max_total;
	struct conf_strings programs;
	struct scan *scan;
};

enum { LIST_MAX = 500 };

#define OFF(field) offsetof(struct attachment_conf, field)
static const struct directive directives[] = {
    {.name = "max-members", .type = CONF_INT, .offset = OFF(max_members), .def = "2000", .min = 0, .max = 1000000,
	.args = "COUNT", .help = "so many members of archives are looked at in one attachment"},
    {.name = "max-depth", .type = CONF_INT, .offset = OFF(max_depth), .def = "8", .min = 0, .max = 32, .args = "COUNT",
	.help = "archives in archives are opened so deep"},
    {.name = "max-member", .type = CONF_SIZE, .offset = OFF(max_member), .def = "64M", .min = 1, .max = 2e9,
	.args = "SIZE", .help = "so much is unpacked of one member"},
    {.name = "max-total", .type = CONF_SIZE, .offset = OFF(max_total), .def = "256M", .min = 1, .max = 4e9,
	.args = "SIZE", .help = "so much is unpacked of one attachment"},
    {.name = "max-ratio", .type = CONF_INT, .offset = OFF(max_ratio), .def = "250", .min = 1, .max = 100000,
	.args = "COUNT", .help = "an attachment that grows more than this, and above 16M, is a bomb: unpacking stops"},
    {.name = "timeout", .type = CONF_DURATION, .offset = OFF(timeout_ms), .def = "60s", .min = 100, .max = 3600000,
	.args = "DURATION", .help = "looking at one message may take so long"},
    {.name = "program", .type = CONF_STRINGS, .offset = OFF(programs), .repeats = true, .args = "EXTENSION...",
	.help = "extensions (without dot) that count as programs besides those known"},
    {0},
};

static const struct fact_def facts[] = {
    {"attachment.names", FACT_LIST, STAGE_MESSAGE, NULL, "names of attachments and of members of archives"},
    {"attachment.extensions", FACT_LIST, STAGE_MESSAGE, NULL, "their extensions, lower case, without dot"},
    {"attachment.types", FACT_LIST, STAGE_MESSAGE, NULL, "their types by content, such as application/zip"},
    {"attachment.hashes", FACT_LIST, STAGE_MESSAGE, NULL, "their SHA-256, in hexadecimal"},
    {"attachment.count", FACT_INT, STAGE_MESSAGE, NULL, "how many there are, with those in archives and documents"},
    {"attachment.largest", FACT_INT, STAGE_MESSAGE, NULL, "octets of the largest, unpacked"},
    {"attachment.program", FACT_BOOL, STAGE_MESSAGE, NULL, "one is a program or script, by name or by content"},
    {"attachment.script", FACT_BOOL, STAGE_MESSAGE, NULL, "one is a script, or a document with script in it (HTML, PDF)"},
    {"attachment.shortcut", FACT_BOOL, STAGE_MESSAGE, NULL, "one is a shortcut (.lnk, .url)"},
    {"attachment.disk-image", FACT_BOOL, STAGE_MESSAGE, NULL, "one is a disk image (.iso, .img, .vhd)"},
    {"attachment.double-extension", FACT_BOOL, STAGE_MESSAGE, NULL, "one is named like invoice.pdf.exe"},
    {"attachment.type-mismatch", FACT_BOOL, STAGE_MESSAGE, NULL,
	"the content of one is not what its name or its declared type says"},
    {"attachment.rtlo", FACT_BOOL, STAGE_MESSAGE, NULL, "a name turns the reading direction, to hide its extension"},
    {"attachment.trailing", FACT_BOOL, STAGE_MESSAGE, NULL, "a name ends with dots or blanks, which Windows drops"},
    {"attachment.encrypted", FACT_BOOL, STAGE_MESSAGE, NULL, "one needs a password"},
    {"attachment.archive", FACT_BOOL, STAGE_MESSAGE, NULL, "one is an archive"},
    {"attachment.archive-depth", FACT_INT, STAGE_MESSAGE, NULL, "how deep archives stand in archives; 1: a plain one"},
    {"attachment.path-traversal", FACT_BOOL, STAGE_MESSAGE, NULL,
	"a member of an archive would be unpacked outside of the folder"},
    {"attachment.limit", FACT_BOOL, STAGE_MESSAGE, NULL, "a limit was reached: not everything was looked at"},
    {"attachment.broken", FACT_BOOL, STAGE_MESSAGE, NULL, "an archive or document cannot be read to its end"},
    {"attachment.macro", FACT_BOOL, STAGE_MESSAGE, NULL, "an office document has macros (VBA or Excel 4)"},
    {"attachment.dde", FACT_BOOL, STAGE_MESSAGE, NULL, "an office document or table starts programs by DDE"},
    {"attachment.external-link", FACT_BOOL, STAGE_MESSAGE, NULL, "an office document loads something from elsewhere"},
    {"attachment.embedded-object", FACT_BOOL, STAGE_MESSAGE, NULL, "a document has objects or files in it"},
    {"attachment.pdf-launch", FACT_BOOL, STAGE_MESSAGE, NULL, "a PDF starts programs"},
    {"attachment.html", FACT_BOOL, STAGE_MESSAGE, NULL, "one is HTML or SVG"},
    {"attachment.smuggling", FACT_BOOL, STAGE_MESSAGE, NULL, "HTML that puts a file together in the browser"},
    {"mime.ambiguous", FACT_BOOL, STAGE_MESSAGE, NULL, "mail programs may see other parts than we do"},
    {"mime.partial", FACT_BOOL, STAGE_MESSAGE, NULL, "a fragment of a message (message/partial)"},
    {"mime.external-body", FACT_BOOL, STAGE_MESSAGE, NULL, "the content is somewhere else (message/external-body)"},
    {"mime.anomalies", FACT_LIST, STAGE_MESSAGE, NULL, "what is odd in the structure, such as duplicate-boundary"},
    {0},
};

static const struct finding_def findings[] = {
    {"attachment.program", 2.0, "a program or script is attached"},
    {"attachment.double-extension", 4.0, "a program that is named like a document"},
    {"attachment.type-mismatch", 1.5, "the content is not what the name or the declared type says"},
    {"attachment.rtlo", 4.0, "a name hides its extension by turning the reading direction"},
    {"attachment.trailing", 1.0, "a name ends with characters that Windows drops"},
    {"attachment.encrypted", 1.0, "a password is needed"},
    {"attachment.path-traversal", 4.0, "an archive that writes outside of its folder"},
    {"attachment.limit", 2.0, "too large, too deep or too many to be looked at"},
    {"attachment.broken", 0.5, "an archive or document that cannot be read to its end"},
    {"attachment.macro", 2.0, "an office document with macros"},
    {"attachment.dde", 4.0, "a document that starts programs by DDE"},
    {"attachment.external-link", 1.0, "an office document that loads something from elsewhere"},
    {"attachment.embedded-object", 0.5, "a document with objects in it"},
    {"attachment.pdf-launch", 4.0, "a PDF that starts programs"},
    {"attachment.shortcut", 3.0, "a shortcut"},
    {"attachment.disk-image", 2.0, "a disk image"},
    {"attachment.script", 1.0, "a script, or a document with script in it"},
    {"attachment.smuggling", 4.0, "HTML that puts a file together in the browser"},
    {"attachment.unscanned", 0, "the contents could not be looked at"},
    {"mime.ambiguous", 1.0, "the message can be read in several ways"},
    {"mime.partial", 1.0, "a fragment of a message"},
    {"mime.external-body", 1.0, "the content is somewhere else"},
    {0},
};

/* Facts that are true when a bit is there; the first three also have names that set them. */
static const struct {
	uint32_t flags;	 /* WIRE_F_* of the content */
	unsigned tricks; /* NAME_* of the name */
	const char *name;
} rows[] = {
    {WIRE_F_PROGRAM, NAME_PROGRAM, "attachment.program"},
    {WIRE_F_SCRIPT | WIRE_F_ACTIVE, NAME_SCRIPT, "attachment.script"},
    {WIRE_F_SHORTCUT, NAME_SHORTCUT, "attachment.shortcut"},
    {WIRE_F_IMAGE, NAME_IMAGE, "attachment.disk-image"},
    {0, NAME_DOUBLE, "attachment.double-extension"},
    {0, NAME_RTLO, "attachment.rtlo"},
    {0, NAME_TRAILING, "attachment.trailing"},
    {WIRE_F_ENCRYPTED, 0, "attachment.encrypted"},
    {WIRE_F_ARCHIVE, 0, "attachment.archive"},
    {WIRE_F_TRAVERSAL, 0, "attachment.path-traversal"},
    {WIRE_F_LIMIT, 0, "attachment.limit"},
    {WIRE_F_BROKEN, 0, "attachment.broken"},
    {WIRE_F_MACRO, 0, "attachment.macro"},
    {WIRE_F_DDE, 0, "attachment.dde"},
    {WIRE_F_EXTERNAL, 0, "attachment.external-link"},
    {WIRE_F_EMBEDDED, 0, "attachment.embedded-object"},
    {WIRE_F_PDF_LAUNCH, 0, "attachment.pdf-launch"},
    {WIRE_F_HTML, NAME_HTML, "attachment.html"},
    {WIRE_F_SMUGGLING, 0, "attachment.smuggling"},
};

enum { ROWS = sizeof rows / sizeof *rows };

static bool attachment_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct attachment_conf *c = conf;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct wire_settings *s;

	(void)load;
	(void)place;
	c->scan = env->scan;
	if (!c->scan)
		return true;
	s = scan_settings(c->scan);
	if (!(s->options & WIRE_O_CLAMAV))
		s->workers = cores > 1 && cores < WIRE_WORKERS_MAX ? (uint32_t)cores : 1;
	s->options |= WIRE_O_CONTENT;
	s->max_member = c->max_member;
	s->max_total = c->max_total;
	s->max_members = (uint32_t)c->max_members;
	s->max_depth = (uint32_t)c->max_depth;
	s->max_ratio = (uint32_t)c->max_ratio;
	scan_set_timeout(c->scan, c->timeout_ms);
	return true;
}

/* What is known so far of all attachments together. */
struct tally {
	struct session *s;
	const struct attachment_conf *conf;
	bool seen[ROWS];
	struct str first[ROWS]; /* the name that it was seen at first */
	bool mismatch;
	struct str mismatch_at;
	size_t names, types;
	uint64_t largest;
	unsigned depth;
	bool is_packed; /* the item at hand is one file that was compressed */
};

static void see(struct tally *t, uint32_t flags, unsigned tricks, struct str name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!t->seen[i] && ((flags & rows[i].flags) || (tricks & rows[i].tricks))) {
			t->seen[i] = true;
			t->first[i] = name;
		}
}

static bool is_own_program(const struct attachment_conf *c, const char *extension)
{
	for (size_t i = 0; i < c->programs.n; i++)
		if (str_iis(c->programs.v[i].text, extension))
			return true;
	return false;
}

static void take_one_name(struct tally *t, struct str name, struct file_name *ret)
{
	file_name_read(name, ret);
	if (!name.n)
		return;
	if (ret->extension[0] && is_own_program(t->conf, ret->extension))
		ret->tricks |= NAME_PROGRAM;
	see(t, 0, ret->tricks, name);
	if (t->names++ >= LIST_MAX)
		return;
	fact_add_text(FACTS(t->s), "attachment.names", name);
	if (ret->extension[0])
		fact_add_text(FACTS(t->s), "attachment.extensions", str_of(ret->extension));
}

/* Many programs take a NUL for the end of a name: "invoice.exe\0.txt" has two. */
static void take_name(struct tally *t, struct str name, struct file_name *ret)
{
	ptrdiff_t end = str_chr(name, '\0');

	if (end > 0)
		take_one_name(t, str_sub(name, 0, (size_t)end), ret);
	take_one_name(t, name, ret);
}

/* What begins with a mark that these must have is of that kind: text, and what is no kind at all, is none of them. */
static const char marked[] = "pdf zip rar 7z gz docx xlsx pptx docm xlsm pptm png jpg jpeg gif bmp tif tiff exe dll scr";

/* Some kind claims the extension, and this one does not. */
static bool extension_lies(const char *extension, unsigned id)
{
	const struct wire_kind *kind = wire_kind(id);

	if (id == KIND_TEXT || id == KIND_UNKNOWN)
		return word_in(marked, extension);
	if (!kind->extensions[0] || !extension[0] || word_in(kind->extensions, extension))
		return false;
	for (unsigned i = 0; i < KIND_COUNT; i++)
		if (word_in(wire_kind(i)->extensions, extension))
			return true;
	return false;
}

/* Pictures, sound and text that are programs or archives. */
static bool type_lies(struct str declared, const struct wire_kind *kind)
{
	bool is_harmless = str_starts(declared, STR("image/")) || str_starts(declared, STR("audio/")) ||
			   str_starts(declared, STR("video/")) || str_is(declared, "text/plain") ||
			   str_is(declared, "application/pdf");

	return is_harmless && (kind->flags & (WIRE_F_PROGRAM | WIRE_F_ARCHIVE)) != 0;
}

/* Text is a page for who opens it as one only: by its name, or by its declared type. */
static uint32_t counted_flags(const struct scan_record *x, const struct mime_part *part, unsigned tricks)
{
	bool is_text = part && (x->r.kind == KIND_TEXT || x->r.kind == KIND_UNKNOWN);
	bool is_page = tricks & NAME_HTML || (part && (str_is(part->type, "text/html") || str_is(part->type, "image/svg+xml") ||
	    str_is(part->type, "application/xhtml+xml")));

	return x->r.flags & ~(uint32_t)(is_text && !is_page ? WIRE_F_ACTIVE | WIRE_F_SMUGGLING | WIRE_F_SCRIPT | WIRE_F_PROGRAM : 0);
}

static void take_content(struct tally *t, const struct scan_record *x, const struct mime_part *part, struct str name)
{
	const struct wire_kind *kind = wire_kind(x->r.kind);
	struct file_name read;
	char hex[2 * WIRE_HASH + 1];
	static const char digits[] = "0123456789abcdef";

	file_name_read(name, &read);
	see(t, counted_flags(x, part, read.tricks), 0, name);
	if (!t->mismatch && (extension_lies(read.extension, x->r.kind) || (part && type_lies(part->type, kind)))) {
		t->mismatch = true;
		t->mismatch_at = name;
	}
	if (x->r.size > t->largest)
		t->largest = x->r.size;
	if (t->types++ >= LIST_MAX)
		return;
	fact_add_text(FACTS(t->s), "attachment.types", str_of(kind->type));
	for (size_t i = 0; i < WIRE_HASH; i++) {
		hex[2 * i] = digits[x->r.hash[i] >> 4];
		hex[2 * i + 1] = digits[x->r.hash[i] & 15];
	}
	fact_add_text(FACTS(t->s), "attachment.hashes", (struct str){hex, sizeof hex - 1});
}

/* A body counts only when its bytes are no text at all. */
static bool is_counted(const struct mime_part *part, const struct wire_record *r)
{
	return !scan_is_body(part) || (wire_kind(r->kind)->flags & (WIRE_F_PROGRAM | WIRE_F_ARCHIVE) & ~WIRE_F_SCRIPT &&
	    !(wire_kind(r->kind)->flags & WIRE_F_SCRIPT)) || r->kind == KIND_OLE || r->kind == KIND_PDF;
}

static void take_record(struct tally *t, const struct scan_report *report, const struct scan_record *x)
{
	const struct mime_part *part = report->parts[x->r.item];
	struct file_name read;
	struct str name;
	/* Files in documents have a depth too, but documents are no archives. */
	unsigned depth = wire_kind(x->r.kind)->flags & WIRE_F_ARCHIVE ? x->r.depth + 1u : 0;

	if (!part || (x->r.type != WIRE_CONTENT && x->r.type != WIRE_MEMBER) || !is_counted(part, &x->r))
		return;
	if (depth > t->depth)
		t->depth = depth;
	if (x->r.type == WIRE_CONTENT) {
		t->is_packed = x->r.kind == KIND_GZIP;
		take_content(t, x, part, part->filename);
		return;
	}
	name = x->name.n || x->r.depth > 1 ? x->name : content_stem(part->filename);
	take_name(t, name, &read);
	take_content(t, x, NULL, name);
	/* gzip says what the file was called, and some programs go by the name of what it is in. */
	if (x->r.depth == 1 && t->is_packed && part->filename.n && !str_eq(name, content_stem(part->filename)))
		take_name(t, content_stem(part->filename), &read);
}

static void take_names(struct tally *t, struct mime *mime)
{
	struct file_name read;

	for (struct mime_part *part = mime->root; part; part = (struct mime_part *)mime_next(part)) {
		take_name(t, part->filename, &read);
		if (part->other_filename.n)
			take_name(t, part->other_filename, &read);
	}
}

static void tell(struct session *s, const char *name, bool is_true, struct str where)
{
	const struct finding_def *row = findings;

	fact_set_bool(FACTS(s), name, is_true);
	if (!is_true)
		return;
	while (row->name && strcmp(row->name, name) != 0)
		row++;
	if (row->name)
		finding_add(s, name, "%s%s%.*s", row->help, where.n ? ": " : "", STR_ARG(str_sub(where, 0, 200)));
}

static void tell_mime(struct session *s, const struct mime *mime)
{
	tell(s, "mime.ambiguous", mime->is_ambiguous, STR_NONE);
	tell(s, "mime.partial", mime->is_partial, STR_NONE);
	tell(s, "mime.external-body", mime->is_external_body, STR_NONE);
	for (unsigned bit = 0; bit < 32; bit++)
		if (mime->anomalies & (uint32_t)1 << bit)
			fact_add_text(FACTS(s), "mime.anomalies", str_of(mime_anomaly_name((uint32_t)1 << bit)));
}

static enum outcome attachment_run(struct session *s, const void *conf)
{
	struct tally *t = arena_alloc(filter_arena(s), sizeof *t);
	const struct scan_report *report;
	struct mime *mime = message_mime(s->message);

	t->s = s;
	t->conf = conf;
	tell_mime(s, mime);
	take_names(t, mime);
	report = message_scan(t->conf->scan, s->message);
	for (size_t i = 0; i < report->n; i++)
		take_record(t, report, &report->records[i]);
	if (report->is_cut)
		see(t, WIRE_F_LIMIT, 0, STR("more than can be told"));
	for (size_t i = 0; i < ROWS; i++)
		tell(s, rows[i].name, t->seen[i], t->first[i]);
	tell(s, "attachment.type-mismatch", t->mismatch, t->mismatch_at);
	fact_set_int(FACTS(s), "attachment.archive-depth", t->depth);
	fact_set_int(FACTS(s), "attachment.count", (int64_t)t->types);
	fact_set_int(FACTS(s), "attachment.largest", (int64_t)t->largest);
	if (report->has_content)
		return RUN_OK;
	finding_add(s, "attachment.unscanned", "%.*s", STR_ARG(report->reason));
	filter_failed(s, "attachments were not looked at: %.*s", STR_ARG(report->reason));
	return RUN_TEMP;
}

const struct filter attachment_filter = {
    .name = "attachment",
    .help = "what is attached: names, types by content, archives, macros, scripts",
    .directives = directives,
    .conf_size = sizeof(struct attachment_conf),
    .facts = facts,
    .findings = findings,
    .open = attachment_open,
    .run = {[STAGE_MESSAGE] = attachment_run},
};
