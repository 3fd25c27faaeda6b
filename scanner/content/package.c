/*
 * Office documents made of XML: parts of OOXML and ODF packages, and the formats that are one file of
 * XML or MIME. They say what acts by itself when the document is opened.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { FIELDS_MAX = 256 * 1024, VALUE_MAX = 4096, SQUEEZED_MAX = 16 * 1024 * 1024 };

struct reader {
	struct buf fields; /* instructions, with marks */
	struct buf plain;  /* one value, decoded */
	bool in_instruction;
	uint32_t flags;
};

static struct str plain(struct reader *r, struct str value)
{
	r->plain.n = 0;
	xml_plain(str_sub(value, 0, VALUE_MAX), &r->plain);
	return buf_str(&r->plain);
}

static bool is_remote(struct str target)
{
	return str_find(target, STR("://")) >= 0 || str_starts(target, STR("\\\\")) || str_starts(target, STR("//")) ||
	       content_has(target, "mhtml:");
}

/* ---- what elements mean ---- */

static void mark_field(struct reader *r, const struct xml_tag *tag)
{
	struct str type = xml_get(tag, "fldchartype");

	if (r->fields.n < FIELDS_MAX && !tag->is_end)
		buf_addc(&r->fields, str_iis(type, "begin") ? FIELD_BEGIN : str_iis(type, "separate") ? '\x14' : '\x15');
}

static void instruction(struct reader *r, const struct xml_tag *tag)
{
	r->in_instruction = !tag->is_end;
}

static void simple_field(struct reader *r, const struct xml_tag *tag)
{
	if (tag->is_end || r->fields.n >= FIELDS_MAX)
		return;
	buf_addc(&r->fields, FIELD_BEGIN);
	buf_add(&r->fields, plain(r, xml_get(tag, "instr")));
	buf_addc(&r->fields, '\x15');
}

/* Followed by a click only. */
static bool is_harmless_relation(struct str type)
{
	return str_iends(type, STR("/hyperlink")) || str_iends(type, STR("/audio")) || str_iends(type, STR("/video")) ||
	       str_iends(type, STR("/media"));
}

static const struct {
	const char *type; /* ends so */
	uint32_t flags;
} relations[] = {
    {"/vbaproject", WIRE_F_MACRO}, {"/xlmacrosheet", WIRE_F_MACRO}, {"/xlintlmacrosheet", WIRE_F_MACRO},
    {"/oleobject", WIRE_F_EMBEDDED}, {"/package", WIRE_F_EMBEDDED}, {"/control", WIRE_F_EMBEDDED},
    {"/externallinkpath", WIRE_F_EXTERNAL},
};

static void relation(struct reader *r, const struct xml_tag *tag)
{
	bool is_external = str_iis(plain(r, xml_get(tag, "targetmode")), "external"), is_harmless;
	struct str type = plain(r, xml_get(tag, "type")), target;

	for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
		if (str_iends(type, str_of(relations[i].type)) && !(is_external && relations[i].flags == WIRE_F_EMBEDDED))
			r->flags |= relations[i].flags;
	is_harmless = is_harmless_relation(type);
	target = plain(r, xml_get(tag, "target"));
	/* A link that some programs follow by themselves. */
	if (is_external && (!is_harmless || content_has(target, "mhtml:") || content_has(target, "ms-msdt:")))
		r->flags |= WIRE_F_EXTERNAL;
}

/* What a part is, whatever it is called. */
static void content_type(struct reader *r, const struct xml_tag *tag)
{
	struct str type = plain(r, xml_get(tag, "contenttype"));

	if (content_has(type, "vbaproject") || content_has(type, "macrosheet"))
		r->flags |= WIRE_F_MACRO;
}

/* Calls a function of another document when the ribbon is loaded. */
static void ribbon(struct reader *r, const struct xml_tag *tag)
{
	if (is_remote(plain(r, xml_get(tag, "onload"))))
		r->flags |= WIRE_F_EXTERNAL;
}

static void dde(struct reader *r, const struct xml_tag *tag)
{
	(void)tag;
	r->flags |= WIRE_F_DDE;
}

static void macro(struct reader *r, const struct xml_tag *tag)
{
	(void)tag;
	r->flags |= WIRE_F_MACRO;
}

/* Of ODF; others call other things so. */
static void module(struct reader *r, const struct xml_tag *tag)
{
	r->flags |= xml_get(tag, "language").n ? WIRE_F_MACRO : 0;
}

static void encrypted(struct reader *r, const struct xml_tag *tag)
{
	(void)tag;
	r->flags |= WIRE_F_ENCRYPTED;
}

static void embedded(struct reader *r, const struct xml_tag *tag)
{
	(void)tag;
	r->flags |= WIRE_F_EMBEDDED;
}

static void object(struct reader *r, const struct xml_tag *tag)
{
	if (!tag->is_end)
		r->flags |= str_iis(xml_get(tag, "type"), "link") ? WIRE_F_EXTERNAL | WIRE_F_EMBEDDED : WIRE_F_EMBEDDED;
}

/* Loaded by itself from where an attribute says. */
static void source(struct reader *r, const struct xml_tag *tag)
{
	static const char *const attributes[] = {"href", "val", "url"};

	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (is_remote(plain(r, xml_get(tag, attributes[i]))))
			r->flags |= WIRE_F_EXTERNAL;
}

static void document(struct reader *r, const struct xml_tag *tag)
{
	r->flags |= str_iis(xml_get(tag, "macrospresent"), "yes") ? WIRE_F_MACRO : 0;
	r->flags |= str_iis(xml_get(tag, "embeddedobjpresent"), "yes") ? WIRE_F_EMBEDDED : 0;
}

static void named_part(struct reader *r, const struct xml_tag *tag)
{
	struct str name = xml_get(tag, "name");

	r->flags |= content_has(name, "editdata.mso") || content_has(name, "vbaproject.bin") ? WIRE_F_MACRO : 0;
	r->flags |= content_has(name, "oledata.mso") || content_has(name, "/embeddings/") ? WIRE_F_EMBEDDED : 0;
	r->flags |= content_has(name, "/macrosheets/") ? WIRE_F_MACRO : 0;
}

static void listener(struct reader *r, const struct xml_tag *tag)
{
	if (content_has(tag->attributes, "vnd.sun.star.script") || content_has(tag->attributes, "ooo:script"))
		r->flags |= WIRE_F_MACRO;
}

/* Excel 2003: a formula that calls a program, and a link by "service|topic". */
static void cell(struct reader *r, const struct xml_tag *tag)
{
	r->flags |= csv_flags(plain(r, xml_get(tag, "formula")));
}

static const struct {
	const char *name; /* as long as a word to look for, in lower case */
	void (*mean)(struct reader *r, const struct xml_tag *tag);
} elements[] = {
    {"fldchar", mark_field}, {"instrtext", instruction}, {"delinstrtext", instruction}, {"fldsimple", simple_field},
    {"relationship", relation}, {"ddelink", dde}, {"dde-source", dde}, {"dde-connection-decl", dde}, {"dde-link", dde},
    {"attachedtemplate", source}, {"oleobject", object}, {"object-ole", embedded}, {"ocx", embedded},
    {"applet", embedded}, {"plugin", source}, {"floating-frame", source}, {"section-source", source},
    {"table-source", source}, {"cell-range-source", source}, {"auto-reload", source},
    {"worddocument", document}, {"bindata", named_part}, {"part", named_part}, {"module", module},
    {"event-listener", listener}, {"encryption-data", encrypted}, {"cell", cell}, {"webpr", source},
    {"docsuppdata", macro}, {"override", content_type}, {"customui", ribbon},
};

enum { ELEMENTS = sizeof elements / sizeof *elements };

static void read_tag(struct reader *r, const struct xml_tag *tag)
{
	char room[24];
	size_t n = tag->name.n;

	if (n == 0 || n >= sizeof room)
		return;
	for (size_t i = 0; i < n; i++)
		room[i] = (char)to_lower(tag->name.p[i]);
	for (size_t i = 0; i < ELEMENTS; i++)
		if (elements[i].name[0] == room[0] && str_is((struct str){room, n}, elements[i].name))
			elements[i].mean(r, tag);
}

/* Elements whose names are rare in harmless documents: without them there is nothing to read. */
static bool is_worth_reading(struct str s)
{
	static const char *const words[] = {"fldchar", "instrtext", "fldsimple", "relationship", "ddelink", "dde-", "attachedtemplate",
	    "oleobject", "object-ole", "ocx", "applet", "plugin", "floating-frame", "section-source", "table-source", "range-source",
	    "auto-reload", "worddocument", "bindata", "pkg:part", "script:module", "event-listener", "encryption-data",
	    "ss:formula", "webpr", "docsuppdata", ":part", "vbaproject", "macrosheet", "customui"};

	return content_words(s, words, sizeof words / sizeof *words) != 0;
}

static uint32_t read_tags(struct str s)
{
	struct reader r = {.flags = 0};
	struct xml_tag tag;

	/* An instruction whose beginning is not marked is one all the same. */
	buf_addc(&r.fields, FIELD_BEGIN);
	while (xml_next(&s, &tag)) {
		if (r.in_instruction && r.fields.n < FIELDS_MAX)
			xml_plain(str_sub(tag.text, 0, VALUE_MAX), &r.fields);
		read_tag(&r, &tag);
	}
	r.flags |= fields_flags(buf_str(&r.fields));
	buf_free(&r.fields);
	buf_free(&r.plain);
	return r.flags;
}

/* ---- parts of packages ---- */

static const struct {
	const char *part; /* of the name */
	bool is_start;
	uint32_t flags;
} ooxml_names[] = {
    {"vbaproject.bin", false, WIRE_F_MACRO}, {"/macrosheets/", false, WIRE_F_MACRO}, {"vbadata.xml", false, WIRE_F_MACRO},
    {"/dialogsheets/", false, WIRE_F_MACRO}, {"/embeddings/", false, WIRE_F_EMBEDDED}, {"/activex/", false, WIRE_F_EMBEDDED},
}, odf_names[] = {
    {"basic/", true, WIRE_F_MACRO}, {"scripts/", true, WIRE_F_MACRO}, {"dialogs/", true, WIRE_F_MACRO},
    {"object ", true, WIRE_F_EMBEDDED}, {"objectreplacements/", true, WIRE_F_EMBEDDED},
};

static uint32_t name_flags(struct str name, enum wire_kind_id package)
{
	uint32_t flags = 0;

	if (package == KIND_ODF) {
		for (size_t i = 0; i < sizeof odf_names / sizeof *odf_names; i++)
			flags |= str_istarts(name, str_of(odf_names[i].part)) ? odf_names[i].flags : 0;
		return flags;
	}
	for (size_t i = 0; i < sizeof ooxml_names / sizeof *ooxml_names; i++)
		flags |= content_has(name, ooxml_names[i].part) ? ooxml_names[i].flags : 0;
	return flags;
}

uint32_t package_member_flags(struct str name, struct str bytes, enum wire_kind_id package)
{
	uint32_t flags = name_flags(name, package);
	struct buf room = {0};

	if (str_iends(name, STR(".xml")) || str_iends(name, STR(".rels")) || content_kind(bytes) == KIND_XML) {
		bytes = content_narrow(bytes, &room);
		flags |= is_worth_reading(bytes) ? read_tags(bytes) : 0;
	} else if (content_has(name, "externallinks/")) {
		flags |= xlsb_link_flags(bytes);
	}
	buf_free(&room);
	return flags;
}

/* ---- documents that are one text ---- */

static bool is_base64(char c)
{
	return is_alnum(c) || c == '+' || c == '/';
}

/*
 * ActiveMime in a MIME file that Word opens. Word skips all that is no base64 in between, so it is
 * looked for without that.
 */
static uint32_t hidden_activemime(struct content_job *job, struct str s, unsigned depth)
{
	struct buf squeezed = {0}, octets = {0};
	uint32_t flags = 0;
	char *out = buf_reserve(&squeezed, s.n < SQUEEZED_MAX ? s.n : SQUEEZED_MAX);
	ptrdiff_t at;

	for (size_t i = 0; i < s.n && squeezed.n < SQUEEZED_MAX; i++)
		if (is_base64(s.p[i]))
			out[squeezed.n++] = s.p[i];
	at = str_find(buf_str(&squeezed), STR("QWN0aXZlTWlt"));
	if (at >= 0) {
		content_base64(str_from(buf_str(&squeezed), (size_t)at), &octets);
		flags = activemime_flags(job, buf_str(&octets), depth);
	}
	buf_free(&squeezed);
	buf_free(&octets);
	return flags;
}

uint32_t xml_flags(struct content_job *job, struct str bytes, unsigned depth)
{
	static const char *const words[] = {"editdata.mso", "oledata.mso", "mime-version", "multipart/related"};
	uint64_t found = content_words(bytes, words, 4);
	uint32_t flags = is_worth_reading(bytes) ? read_tags(bytes) : 0;

	flags |= found & 1 ? WIRE_F_MACRO : 0;
	flags |= found & 2 ? WIRE_F_EMBEDDED : 0;
	return found & 12 ? flags | hidden_activemime(job, bytes, depth) : flags;
}
