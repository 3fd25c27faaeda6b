/* Tag lists: one pass, no copies. */
#include "auth/tags.h"

static bool name_is_valid(struct str name)
{
	if (name.n == 0 || !is_alpha((unsigned char)name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++)
		if (!is_alnum((unsigned char)name.p[i]) && name.p[i] != '_')
			return false;
	return true;
}

/* Printable, blanks and folds; octets above 0x7f stand for UTF-8 (RFC 8616). */
static bool value_is_valid(struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c < 0x20 && !is_space(c)) || c == 0x7f)
			return false;
	}
	return true;
}

static bool add_tag(struct tags *tags, struct str spec)
{
	ptrdiff_t equals = str_chr(spec, '=');
	struct tag *tag = &tags->v[tags->n];

	if (equals < 0 || tags->n == TAGS_MAX)
		return false;
	tag->name = str_trim(str_sub(spec, 0, (size_t)equals));
	tag->raw = str_from(spec, (size_t)equals + 1);
	tag->value = str_trim(tag->raw);
	if (!name_is_valid(tag->name) || !value_is_valid(tag->value))
		return false;
	for (size_t i = 0; i < tags->n; i++)
		if (str_eq(tags->v[i].name, tag->name))
			return false;
	tags->n++;
	return true;
}

bool tags_parse(struct str text, struct tags *ret_tags)
{
	struct str rest = text, spec;

	ret_tags->n = 0;
	while (str_split(&rest, ';', &spec)) {
		if (!rest.p && str_trim(spec).n == 0)
			break; /* behind the last semicolon */
		if (!add_tag(ret_tags, spec))
			return false;
	}
	return ret_tags->n > 0;
}

const struct tag *tags_find(const struct tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->n; i++)
		if (str_is(tags->v[i].name, name))
			return &tags->v[i];
	return NULL;
}

struct str tags_get(const struct tags *tags, const char *name)
{
	const struct tag *tag = tags_find(tags, name);

	return tag ? tag->value : STR_NONE;
}

bool tag_has_word(struct str value, const char *word)
{
	struct str part;

	while (str_split(&value, ':', &part))
		if (str_iis(str_trim(part), word))
			return true;
	return false;
}

bool tag_skip_cfws(struct str *rest)
{
	unsigned depth = 0;
	size_t i = 0;

	for (; i < rest->n; i++) {
		char c = rest->p[i];

		if (c == '(') {
			if (++depth > TAG_COMMENT_DEPTH)
				break;
		} else if (c == ')' && depth) {
			depth--;
		} else if (c == '\\' && depth && i + 1 < rest->n) {
			i++;
		} else if (!depth && !is_space((unsigned char)c)) {
			break;
		}
	}
	*rest = str_from(*rest, i);
	return depth == 0;
}

static bool take(struct str *rest, char c)
{
	if (!tag_skip_cfws(rest) || rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = str_from(*rest, 1);
	return true;
}

unsigned tag_instance(struct str spec)
{
	struct str number;
	uint64_t value;
	size_t n = 0;

	if (!take(&spec, 'i') || !take(&spec, '=') || !tag_skip_cfws(&spec))
		return 0;
	while (n < spec.n && is_digit((unsigned char)spec.p[n]))
		n++;
	number = str_sub(spec, 0, n);
	spec = str_from(spec, n);
	if (n > 3 || (n == 3 && number.p[0] == '0') || !str_u64(number, &value) || !tag_skip_cfws(&spec) || spec.n)
		return 0;
	return (unsigned)value;
}

struct str tag_squeeze(struct arena *a, struct str value)
{
	size_t n = 0, i = 0;
	char *out;

	while (i < value.n && !is_space((unsigned char)value.p[i]))
		i++;
	if (i == value.n)
		return value;
	out = arena_alloc(a, value.n + 1);
	for (i = 0; i < value.n; i++)
		if (!is_space((unsigned char)value.p[i]))
			out[n++] = value.p[i];
	return (struct str){out, n};
}
