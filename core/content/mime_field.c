/*
 * The Content-* fields of one part: what it says that it is. Fields that come several times and
 * disagree are doubts: the caller reads the message once more with the other choice.
 */
#include "core/content/mime_private.h"

struct fields {
	struct str type, last_type;
	struct str encoding, last_encoding;
	struct str disposition, other_disposition, id;
	bool has_type, has_encoding, has_disposition, has_version;
	bool types_differ, encodings_differ;
	uint32_t anomalies;
};

static const struct {
	const char *name;
	enum mime_encoding encoding;
} encodings[] = {
    {"7bit", MIME_IDENTITY},
    {"8bit", MIME_IDENTITY},
    {"binary", MIME_IDENTITY},
    {"base64", MIME_BASE64},
    {"quoted-printable", MIME_QUOTED_PRINTABLE},
    {"x-uuencode", MIME_UUENCODE},
    {"uuencode", MIME_UUENCODE},
    {"x-uue", MIME_UUENCODE},
    {"uue", MIME_UUENCODE},
};

static void take_type(struct fields *f, struct str value)
{
	if (!f->has_type) {
		f->type = value;
	} else {
		f->anomalies |= MIME_DUPLICATE_TYPE;
		f->types_differ |= !str_ieq(str_trim(value), str_trim(f->type));
	}
	f->has_type = true;
	f->last_type = value;
}

static void take_encoding(struct fields *f, struct str value)
{
	if (!f->has_encoding) {
		f->encoding = value;
	} else {
		f->anomalies |= MIME_DUPLICATE_ENCODING;
		f->encodings_differ |= !str_ieq(str_trim(value), str_trim(f->encoding));
	}
	f->has_encoding = true;
	f->last_encoding = value;
}

static void take_disposition(struct fields *f, struct str value)
{
	if (!f->has_disposition) {
		f->disposition = value;
	} else {
		f->anomalies |= MIME_DUPLICATE_PARAMETER;
		f->other_disposition = value;
	}
	f->has_disposition = true;
}

static void take_field(struct fields *f, const struct header *field)
{
	struct str rest;

	if (field->name.n < 10 || to_lower((unsigned char)field->name.p[0]) > 'm')
		return;
	if (str_iis(field->name, "mime-version"))
		f->has_version = true;
	if (!str_istarts(field->name, STR("content-")))
		return;
	rest = str_from(field->name, 8);
	if (str_iis(rest, "type")) {
		take_type(f, field->value);
	} else if (str_iis(rest, "transfer-encoding")) {
		take_encoding(f, field->value);
	} else if (str_iis(rest, "disposition")) {
		take_disposition(f, field->value);
	} else if (str_iis(rest, "id")) {
		f->id = str_trim(field->value);
	}
}

/* token "/" token, nothing else. */
static bool is_type(struct str type)
{
	ptrdiff_t slash = str_chr(type, '/');

	if (slash <= 0 || (size_t)slash + 1 == type.n)
		return false;
	for (size_t i = 0; i < type.n; i++) {
		unsigned char c = (unsigned char)type.p[i];
		if (c <= ' ' || c >= 0x7f || (c == '/' && i != (size_t)slash) || (c && strchr("()<>@,;:\\\"[]?=", c)))
			return false;
	}
	return true;
}

static struct str param_value(const struct mime_field *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_is(f->params[i].name, name))
			return f->params[i].value;
	return STR_NONE;
}

static struct str extension(struct str name)
{
	ptrdiff_t dot = str_rchr(str_trim(name), '.');

	return dot < 0 ? STR_NONE : str_from(str_trim(name), (size_t)dot);
}

/*
 * Keeps the second name only when it says something else. Only another extension is a conflict; none
 * at all is not: signatures of Thunderbird have a name with one and a file name without.
 */
static void other_name(struct mime_part *part, struct str name)
{
	struct str one = extension(part->filename), other = extension(name);

	if (!name.n || str_eq(name, part->filename))
		return;
	if (!part->other_filename.n || !str_ieq(one, other))
		part->other_filename = name;
	if (one.n && other.n && !str_ieq(one, other))
		part->anomalies |= MIME_CONFLICTING_NAMES;
}

static struct str boundary_of(struct arena *a, const struct mime_field *f, uint32_t reading, uint32_t *doubts)
{
	struct str boundary = param_value(f, "boundary");
	ptrdiff_t end;

	if (f->is_boundary_doubtful) {
		*doubts |= READ_LAST_PARAM;
		if (reading & READ_LAST_PARAM)
			boundary = f->last_boundary;
	}
	if (str_find(boundary, STR("=?")) >= 0) {
		*doubts |= READ_ENCODED_WORD;
		if (reading & READ_ENCODED_WORD)
			boundary = rfc2047_decode(a, boundary);
	}
	end = str_chr(boundary, '\0');
	if (end > 0) {
		*doubts |= READ_ENCODED_WORD;
		if (reading & READ_ENCODED_WORD)
			boundary = str_sub(boundary, 0, (size_t)end);
	}
	while (boundary.n && (boundary.p[boundary.n - 1] == ' ' || boundary.p[boundary.n - 1] == '\t'))
		boundary.n--;
	return boundary;
}

static void read_type(struct arena *a, struct mime_part *part, struct str value, struct mime_field *field)
{
	mime_field_parse(a, value, field);
	part->anomalies |= field->anomalies;
	part->params = field->params;
	part->param_count = field->n;
	part->charset = str_lower(a, str_trim(param_value(field, "charset")));
	if (is_type(field->word))
		part->type = field->word;
	else
		part->anomalies |= MIME_BAD_TYPE;
	part->claims_message = !is_type(field->word) && str_istarts(str_trim(value), STR("message/"));
}

/* Without what may stand in front of a token: blanks, comments, a quote that does not belong there. */
static struct str without_comments(struct str text)
{
	while (text.n && strchr(" \t\"(", text.p[0]) && text.p[0]) {
		ptrdiff_t close = text.p[0] == '(' ? str_chr(text, ')') : 0;

		text = str_from(text, close < 0 ? 1 : (size_t)close + 1);
	}
	return text;
}

static void read_encoding(struct arena *a, struct mime_part *part, struct str value)
{
	struct str text = without_comments(header_unfold(a, value));
	size_t n = 0;

	while (n < text.n && (unsigned char)text.p[n] > ' ' && !strchr(";(,\"", text.p[n]))
		n++;
	part->encoding_name = str_lower(a, str_sub(text, 0, n));
	for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
		if (str_is(part->encoding_name, encodings[i].name)) {
			part->encoding = encodings[i].encoding;
			return;
		}
	}
	part->anomalies |= MIME_UNKNOWN_ENCODING;
}

static void read_disposition(struct arena *a, struct mime_part *part, struct str value)
{
	struct mime_field field;

	mime_field_parse(a, value, &field);
	part->anomalies |= field.anomalies;
	part->disposition = field.word;
	part->filename = param_value(&field, "filename");
	if (!part->filename.n)
		part->filename = param_value(&field, "name");
	other_name(part, field.plain_name);
}

/* Which of several fields a program takes is its own affair: the name in the last one counts too. */
static void read_other_disposition(struct arena *a, struct mime_part *part, struct str value)
{
	struct mime_field field;
	struct str name;

	mime_field_parse(a, value, &field);
	name = param_value(&field, "filename");
	if (part->filename.n)
		other_name(part, name);
	else
		part->filename = name;
}

static void read_name(struct mime_part *part, const struct mime_field *type)
{
	struct str name = param_value(type, "name");

	if (!name.n)
		name = param_value(type, "filename");
	if (part->filename.n)
		other_name(part, name);
	else
		part->filename = name;
	other_name(part, type->plain_name);
}

/* "Content-Type: multipart; boundary=x": some programs take it for a multipart. */
static uint32_t bare_type(struct mime_part *part, struct str boundary, uint32_t reading)
{
	if (!(part->anomalies & MIME_BAD_TYPE) || !boundary.n)
		return 0;
	if (reading & READ_BARE_TYPE)
		part->type = STR("multipart/mixed");
	return READ_BARE_TYPE;
}

uint32_t mime_read_fields(struct arena *a, struct mime_part *part, uint32_t reading, bool in_digest,
    struct str *ret_boundary)
{
	struct fields f = {0};
	struct mime_field type = {0};
	uint32_t doubts = 0;

	*ret_boundary = STR_NONE;
	for (size_t i = 0; i < part->headers.n; i++)
		take_field(&f, &part->headers.v[i]);
	part->anomalies |= f.anomalies;
	part->type = in_digest ? STR("message/rfc822") : STR("text/plain");
	if (f.has_type)
		read_type(a, part, reading & READ_LAST_TYPE ? f.last_type : f.type, &type);
	if (f.has_encoding)
		read_encoding(a, part, reading & READ_LAST_ENCODING ? f.last_encoding : f.encoding);
	if (f.has_disposition)
		read_disposition(a, part, f.disposition);
	if (f.other_disposition.p)
		read_other_disposition(a, part, f.other_disposition);
	part->content_id = f.id;
	if (f.has_type) {
		read_name(part, &type);
		*ret_boundary = boundary_of(a, &type, reading, &doubts);
		doubts |= bare_type(part, *ret_boundary, reading);
	}
	if (!part->parent && f.has_type && !f.has_version)
		part->anomalies |= MIME_VERSION_MISSING;
	doubts |= f.types_differ ? READ_LAST_TYPE : 0;
	doubts |= f.encodings_differ ? READ_LAST_ENCODING : 0;
	return doubts;
}
