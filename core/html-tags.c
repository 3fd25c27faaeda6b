/* The tags that are known, and what each does to the text; attributes by name. */
#include "core/html-private.h"

static const struct html_tag tags[] = {
    {"a", TAG_ELEMENT | TAG_STYLE}, {"abbr", TAG_ELEMENT}, {"acronym", TAG_ELEMENT},
    {"address", TAG_ELEMENT}, {"applet", TAG_ELEMENT}, {"area", TAG_ELEMENT}, {"b", TAG_ELEMENT},
    {"base", TAG_ELEMENT}, {"basefont", TAG_ELEMENT | TAG_STYLE}, {"bdo", TAG_ELEMENT},
    {"bgsound", TAG_TRICK}, {"big", TAG_ELEMENT | TAG_STYLE}, {"blockquote", TAG_ELEMENT | TAG_BLOCK},
    {"body", TAG_ELEMENT | TAG_STYLE}, {"br", TAG_ELEMENT | TAG_BREAK}, {"button", TAG_ELEMENT},
    {"caption", TAG_ELEMENT}, {"center", TAG_ELEMENT}, {"cite", TAG_ELEMENT}, {"code", TAG_ELEMENT},
    {"col", TAG_ELEMENT}, {"colgroup", TAG_ELEMENT}, {"dd", TAG_ELEMENT | TAG_BLANK},
    {"del", TAG_ELEMENT}, {"dfn", TAG_ELEMENT}, {"dir", TAG_ELEMENT},
    {"div", TAG_ELEMENT | TAG_STYLE | TAG_BREAK}, {"dl", TAG_ELEMENT}, {"dt", TAG_ELEMENT | TAG_BLANK},
    {"em", TAG_ELEMENT}, {"embed", TAG_TRICK | TAG_BLANK}, {"fieldset", TAG_ELEMENT},
    {"font", TAG_ELEMENT | TAG_STYLE}, {"form", TAG_ELEMENT}, {"frame", TAG_ELEMENT},
    {"frameset", TAG_ELEMENT}, {"h1", TAG_ELEMENT | TAG_BLANK}, {"h2", TAG_ELEMENT | TAG_BLANK},
    {"h3", TAG_ELEMENT | TAG_BLANK}, {"h4", TAG_ELEMENT | TAG_BLANK}, {"h5", TAG_ELEMENT | TAG_BLANK},
    {"h6", TAG_ELEMENT | TAG_BLANK}, {"head", TAG_ELEMENT}, {"hr", TAG_ELEMENT | TAG_BLOCK},
    {"html", TAG_ELEMENT}, {"i", TAG_ELEMENT}, {"iframe", TAG_ELEMENT | TAG_RAW}, {"img", TAG_ELEMENT},
    {"input", TAG_ELEMENT}, {"ins", TAG_ELEMENT}, {"isindex", TAG_ELEMENT}, {"kbd", TAG_ELEMENT},
    {"label", TAG_ELEMENT}, {"legend", TAG_ELEMENT}, {"li", TAG_ELEMENT | TAG_BLANK},
    {"link", TAG_ELEMENT}, {"listing", TAG_TRICK | TAG_BLOCK}, {"map", TAG_ELEMENT},
    {"marquee", TAG_STYLE}, {"menu", TAG_ELEMENT}, {"meta", TAG_ELEMENT}, {"nobr", TAG_ELEMENT},
    {"noframes", TAG_ELEMENT}, {"noscript", TAG_ELEMENT}, {"object", TAG_ELEMENT}, {"ol", TAG_ELEMENT},
    {"optgroup", TAG_ELEMENT}, {"option", TAG_ELEMENT}, {"p", TAG_ELEMENT | TAG_STYLE | TAG_BLOCK},
    {"param", TAG_ELEMENT}, {"plaintext", TAG_TRICK | TAG_BLOCK}, {"pre", TAG_ELEMENT | TAG_BLOCK},
    {"q", TAG_ELEMENT}, {"s", TAG_ELEMENT}, {"samp", TAG_ELEMENT}, {"script", TAG_ELEMENT | TAG_RAW},
    {"select", TAG_ELEMENT}, {"small", TAG_ELEMENT | TAG_STYLE}, {"source", 0},
    {"span", TAG_ELEMENT | TAG_STYLE}, {"strike", TAG_ELEMENT}, {"strong", TAG_ELEMENT},
    {"style", TAG_ELEMENT | TAG_RAW}, {"sub", TAG_ELEMENT}, {"sup", TAG_ELEMENT}, {"svg", 0},
    {"table", TAG_ELEMENT | TAG_STYLE}, {"tbody", TAG_ELEMENT},
    {"td", TAG_ELEMENT | TAG_STYLE | TAG_BLANK}, {"textarea", TAG_ELEMENT | TAG_RAW},
    {"tfoot", TAG_ELEMENT}, {"th", TAG_ELEMENT | TAG_STYLE | TAG_BLANK}, {"thead", TAG_ELEMENT},
    {"title", TAG_ELEMENT | TAG_RAW | TAG_BLOCK}, {"tr", TAG_ELEMENT | TAG_STYLE}, {"tt", TAG_ELEMENT},
    {"u", TAG_ELEMENT}, {"ul", TAG_ELEMENT}, {"var", TAG_ELEMENT}, {"x-sigsep", TAG_ELEMENT},
    {"x-tab", TAG_ELEMENT}, {"xmp", TAG_TRICK | TAG_RAW | TAG_BLOCK},
};
enum { TAGS = sizeof tags / sizeof *tags };
_Static_assert(sizeof tags / sizeof *tags <= (size_t)HTML_TAGS_MAX, "room for a count of each tag");

const struct html_tag *html_tag_find(struct str name)
{
	size_t low = 0, high = TAGS;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_icmp(name, str_of(tags[middle].name));
		if (order == 0)
			return &tags[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t html_tag_index(const struct html_tag *tag)
{
	return (size_t)(tag - tags);
}

int html_facts_inside(const struct html_facts *facts, struct str name)
{
	const struct html_tag *tag = html_tag_find(name);

	return tag && facts->inside ? facts->inside[html_tag_index(tag)] : -1;
}

bool html_is_tag(const struct html_tag *tag, const char *name)
{
	return tag && strcmp(tag->name, name) == 0;
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
