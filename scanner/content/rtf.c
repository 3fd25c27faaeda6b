/*
 * RTF: control words, groups and text, read as Word reads them. Fields, templates and objects are
 * told; the octets of an object are put together, whatever stands between their digits.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { WORD_MAX = 255 /* as Word takes them */, TEXT_MAX = 256 * 1024, OBJECT_MAX = 32 * 1024 * 1024, OBJECTS_MAX = 200 };

/* An object's hexadecimal digits, in pairs. */
struct digits {
	struct buf octets;
	int high; /* the first of a pair, -1 none */
};

struct rtf {
	struct content_job *job;
	struct str rest;
	unsigned depth;	       /* of groups */
	unsigned at_depth;     /* in contents: the content */
	unsigned object, field, template; /* depth of the group that is collected, 0: none */
	/* With groups in it that one may ignore, and without them: programs differ. */
	struct digits with, without;
	unsigned ignored;      /* depth of such a group */
	bool may_ignore;       /* a star stands before the word */
	bool has_ignored;
	struct buf text;       /* instructions of fields */
	struct buf path;       /* of the template */
	unsigned objects;
	uint32_t flags;
};

enum rtf_meaning { MEANS_FLAGS, MEANS_OBJECT, MEANS_FIELD, MEANS_TEMPLATE, MEANS_BINARY };

static const struct {
	const char *word;
	enum rtf_meaning meaning;
	uint32_t flags;
} rtf_words[] = {
    {"objdata", MEANS_OBJECT, WIRE_F_EMBEDDED}, {"object", MEANS_FLAGS, WIRE_F_EMBEDDED},
    {"objemb", MEANS_FLAGS, WIRE_F_EMBEDDED}, {"objocx", MEANS_FLAGS, WIRE_F_EMBEDDED},
    {"objhtml", MEANS_FLAGS, WIRE_F_EMBEDDED}, {"objclass", MEANS_FLAGS, WIRE_F_EMBEDDED},
    {"objupdate", MEANS_FLAGS, WIRE_F_EMBEDDED}, {"objautlink", MEANS_FLAGS, WIRE_F_EXTERNAL},
    {"objlink", MEANS_FLAGS, WIRE_F_EXTERNAL}, {"objsub", MEANS_FLAGS, WIRE_F_EXTERNAL},
    {"objpub", MEANS_FLAGS, WIRE_F_EXTERNAL}, {"fldinst", MEANS_FIELD, 0}, {"template", MEANS_TEMPLATE, 0},
    {"bin", MEANS_BINARY, 0},
};

static void add_digit(struct digits *d, int digit)
{
	if (d->high >= 0 && d->octets.n < OBJECT_MAX)
		buf_addc(&d->octets, (char)(d->high << 4 | digit));
	d->high = d->high >= 0 ? -1 : digit;
}

static void add_octets(struct digits *d, struct str octets)
{
	if (d->octets.n + octets.n <= OBJECT_MAX)
		buf_add(&d->octets, octets);
}

static void drop_digits(struct digits *d)
{
	d->octets.n = 0;
	d->high = -1;
}

static void add_text(struct rtf *r, char c)
{
	int digit = hex_value(c);

	if (r->object && digit >= 0) {
		add_digit(&r->with, digit);
		r->has_ignored |= r->ignored > 0;
		if (!r->ignored)
			add_digit(&r->without, digit);
	}
	if (r->field && r->text.n < TEXT_MAX)
		buf_addc(&r->text, c);
	if (r->template && r->path.n < 1024)
		buf_addc(&r->path, c);
}

static void end_object(struct rtf *r)
{
	if (r->objects++ < OBJECTS_MAX) {
		r->flags |= ole1_flags(r->job, buf_str(&r->with.octets), r->at_depth);
		if (r->has_ignored)
			r->flags |= ole1_flags(r->job, buf_str(&r->without.octets), r->at_depth);
	}
	r->has_ignored = false;
	r->ignored = 0;
	drop_digits(&r->with);
	drop_digits(&r->without);
}

static void close_group(struct rtf *r)
{
	if (r->object && r->depth <= r->object) {
		r->object = 0;
		end_object(r);
	}
	if (r->ignored && r->depth <= r->ignored)
		r->ignored = 0;
	if (r->field && r->depth <= r->field)
		r->field = 0;
	if (r->template && r->depth <= r->template)
		r->template = 0;
	r->depth -= r->depth > 0;
}

static void binary(struct rtf *r, uint64_t n)
{
	struct str octets = str_sub(r->rest, 0, n);

	if (r->object) {
		add_octets(&r->with, octets);
		r->has_ignored |= r->ignored > 0;
		if (!r->ignored)
			add_octets(&r->without, octets);
	}
	r->rest = str_from(r->rest, octets.n);
}

static void control_word(struct rtf *r, struct str word, uint64_t number)
{
	bool is_known = false;

	for (size_t i = 0; i < sizeof rtf_words / sizeof *rtf_words; i++) {
		if (!str_is(word, rtf_words[i].word))
			continue;
		is_known = true;
		r->flags |= rtf_words[i].flags;
		if (rtf_words[i].meaning == MEANS_OBJECT && !r->object)
			r->object = r->depth ? r->depth : 1;
		else if (rtf_words[i].meaning == MEANS_TEMPLATE && !r->template)
			r->template = r->depth ? r->depth : 1;
		else if (rtf_words[i].meaning == MEANS_BINARY)
			binary(r, number);
		else if (rtf_words[i].meaning == MEANS_FIELD) {
			r->field = r->field ? r->field : r->depth ? r->depth : 1;
			buf_addc(&r->text, FIELD_BEGIN);
		}
	}
	if (r->may_ignore && !is_known && r->object && !r->ignored)
		r->ignored = r->depth;
	r->may_ignore = false;
}

/* What follows a backslash: a word with a number, a character in hexadecimal, or a symbol. */
static void control(struct rtf *r)
{
	struct str s = r->rest;
	size_t n = 0;
	uint64_t number = 0;

	if (s.n >= 3 && s.p[0] == '\'' && hex_value(s.p[1]) >= 0 && hex_value(s.p[2]) >= 0) {
		r->rest = str_from(s, 3);
		/* In an object's digits it is skipped as a whole. */
		if (!r->object)
			add_text(r, (char)(hex_value(s.p[1]) << 4 | hex_value(s.p[2])));
		return;
	}
	while (n < s.n && n < WORD_MAX && is_alpha(s.p[n]))
		n++;
	if (n == 0) {
		if (s.n && (s.p[0] == '\\' || s.p[0] == '{' || s.p[0] == '}'))
			add_text(r, s.p[0]);
		r->may_ignore = s.n && s.p[0] == '*';
		r->rest = str_from(s, 1);
		return;
	}
	r->rest = str_from(s, n);
	if (r->rest.n && r->rest.p[0] == '-')
		r->rest = str_from(r->rest, 1);
	for (; r->rest.n && is_digit(r->rest.p[0]); r->rest = str_from(r->rest, 1))
		number = number < UINT32_MAX ? number * 10 + (unsigned)(r->rest.p[0] - '0') : number;
	if (r->rest.n && r->rest.p[0] == ' ')
		r->rest = str_from(r->rest, 1);
	control_word(r, str_sub(s, 0, n), number);
}

static bool is_elsewhere(struct str path)
{
	path = str_trim(path);
	return str_find(path, STR("://")) >= 0 || str_starts(path, STR("\\\\")) || content_has(path, "mhtml:");
}

uint32_t rtf_flags(struct content_job *job, struct str bytes, unsigned depth)
{
	struct rtf r = {.job = job, .rest = bytes, .at_depth = depth, .with.high = -1, .without.high = -1};

	while (r.rest.n) {
		char c = r.rest.p[0];

		r.rest = str_from(r.rest, 1);
		if (c == '\\')
			control(&r);
		else if (c == '{')
			r.depth++;
		else if (c == '}')
			close_group(&r);
		else if (c != '\r' && c != '\n' && (r.object || r.field || r.template))
			add_text(&r, c);
	}
	if (r.object)
		end_object(&r);
	r.flags |= fields_flags(buf_str(&r.text));
	r.flags |= is_elsewhere(buf_str(&r.path)) ? WIRE_F_EXTERNAL : 0;
	buf_free(&r.with.octets);
	buf_free(&r.without.octets);
	buf_free(&r.text);
	buf_free(&r.path);
	return r.flags;
}
