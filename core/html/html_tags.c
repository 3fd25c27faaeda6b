/* Tags and attributes by name. */
#include "core/html/html_private.h"

const struct html_tag html_tags[HTML_TAG_COUNT] = {
#define ROW_OF(number, name, flags) {{name, sizeof name - 1}, flags},
	HTML_TAGS(ROW_OF)
#undef ROW_OF
};

/* The first tag that begins with each letter, or with a later one; the row behind the last ends it. */
static const uint8_t firsts['z' - 'a' + 2] = {
    HTML_A, HTML_B, HTML_CAPTION, HTML_DD, HTML_EM, HTML_FIELDSET, HTML_H1, HTML_H1, HTML_I,
    HTML_KBD, HTML_KBD, HTML_LABEL, HTML_MAP, HTML_NOBR, HTML_OBJECT, HTML_P, HTML_Q, HTML_S,
    HTML_S, HTML_TABLE, HTML_U, HTML_VAR, HTML_X_SIGSEP, HTML_X_SIGSEP, HTML_TAG_COUNT,
    HTML_TAG_COUNT, HTML_TAG_COUNT,
};

const struct html_tag *html_tag_find(struct str name)
{
	int letter = name.n ? to_lower((unsigned char)name.p[0]) - 'a' : -1;

	if (letter < 0 || letter > 'z' - 'a')
		return NULL;
	for (size_t i = firsts[letter]; i < firsts[letter + 1]; i++)
		if (html_tags[i].name.n == name.n && str_icmp(html_tags[i].name, name) == 0)
			return &html_tags[i];
	return NULL;
}

int html_facts_inside(const struct html_facts *facts, struct str name)
{
	const struct html_tag *tag = html_tag_find(name);

	return tag && facts->inside ? facts->inside[html_tag_index(tag)] : -1;
}

const struct str *attribute_text(const struct attributes *at, const char *name)
{
	for (size_t i = 0; i < at->n; i++) {
		struct str key = at->v[i].name;
		ptrdiff_t slash = str_rchr(key, '/'); /* <img/src=...> */

		if (str_iis(slash >= 0 ? str_from(key, (size_t)slash + 1) : key, name))
			return &at->v[i].text;
	}
	return NULL;
}
