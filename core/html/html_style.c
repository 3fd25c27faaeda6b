/*
 * How text looks: a stack of styles as old HTML attributes and inline CSS set them. Numbers and
 * comparisons follow SpamAssassin's renderer (its rules read "low contrast" from here); font-size
 * and opacity of CSS are ours.
 */
#include "core/html/html_private.h"
#include "core/html/html_tables.h"

enum { COLOURS = sizeof html_colours / sizeof *html_colours, SIZE_NORMAL = 3, COLOUR_NAME_MAX = 24 };

/* ---- colours ---- */

static int named_colour(struct str value)
{
	size_t low = 0, high = COLOURS;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_icmp(value, str_of(html_colours[middle].name));
		if (order == 0)
			return html_colours[middle].rgb;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return COLOUR_INVALID;
}

/* Digits of #rgb or #rrggbb; odd lengths are cut and padded with 0 as browsers of old did. */
static int hex_colour(struct str digits)
{
	int v[6] = {0}, n = 0;

	for (size_t i = 0; i < digits.n && n < 6; i++)
		if (hex_value((unsigned char)digits.p[i]) >= 0)
			v[n++] = hex_value((unsigned char)digits.p[i]);
	if (n == 6)
		return v[0] << 20 | v[1] << 16 | v[2] << 12 | v[3] << 8 | v[4] << 4 | v[5];
	if (n == 0)
		return COLOUR_INVALID;
	for (int i = n < 3 ? n : 3; i < 3; i++)
		v[i] = 0;
	return (v[0] * 17) << 16 | (v[1] * 17) << 8 | v[2] * 17;
}

/* "rgb(1, 2, 3)": whatever stands between, three numbers are taken. */
static int rgb_colour(struct str value)
{
	int v[3] = {0}, at = 0;

	for (size_t i = 0; i < value.n && at < 3; i++) {
		if (is_digit(value.p[i]))
			v[at] = v[at] > 999 ? 999 : v[at] * 10 + value.p[i] - '0';
		else if (value.p[i] == ',')
			at++;
	}
	for (int i = 0; i < 3; i++)
		v[i] = v[i] > 255 ? 255 : v[i];
	return v[0] << 16 | v[1] << 8 | v[2];
}

int html_colour(struct str value)
{
	int rgb;

	value = str_trim(value);
	rgb = value.n <= COLOUR_NAME_MAX ? named_colour(value) : COLOUR_INVALID;
	if (rgb != COLOUR_INVALID)
		return rgb;
	if (str_istarts(value, STR("rgb(")))
		return rgb_colour(value);
	if (!value.n || value.p[0] != '#')
		return COLOUR_INVALID;
	for (size_t i = 1; i < value.n; i++)
		if (value.p[i] != '#' && hex_value((unsigned char)value.p[i]) < 0)
			return COLOUR_INVALID;
	return hex_colour(str_from(value, 1));
}

/* ---- inline CSS ---- */

struct property {
	struct str name, value;
};

static bool next_property(struct str *rest, struct property *ret_property)
{
	struct str part;

	while (str_split(rest, ';', &part)) {
		ptrdiff_t colon = str_chr(part, ':');
		if (colon < 0)
			continue;
		ret_property->name = str_trim(str_sub(part, 0, (size_t)colon));
		ret_property->value = str_trim(str_from(part, (size_t)colon + 1));
		if (str_iends(ret_property->value, STR("important"))) {
			ptrdiff_t mark = str_rchr(ret_property->value, '!');
			if (mark >= 0)
				ret_property->value = str_trim(str_sub(ret_property->value, 0, (size_t)mark));
		}
		return true;
	}
	return false;
}

/* rgb(...) and rgba(...); nothing shows through one without any cover. */
static int css_colour(struct str value)
{
	struct str last;
	ptrdiff_t comma;

	if (!str_istarts(value, STR("rgb")))
		return str_iis(value, "transparent") ? COLOUR_TRANSPARENT : html_colour(value);
	comma = str_rchr(value, ',');
	last = comma < 0 ? STR_NONE : str_trim(str_from(value, (size_t)comma + 1));
	if (str_istarts(value, STR("rgba")) && last.n > 1 && (str_is(last, "0)") || str_is(last, "0.0)")))
		return COLOUR_TRANSPARENT;
	return rgb_colour(value);
}

static void set_colour(int *colour, int *rule_colour, struct str value)
{
	int found = css_colour(value);

	if (str_iis(value, "inherit"))
		return;
	if (found != COLOUR_INVALID)
		*colour = found;
	if (str_ifind(value, STR("rgb")) >= 0)
		*rule_colour = rgb_colour(value);
	else
		*rule_colour = found;
}

/* One value of "background: ..."; functions are kept whole with what is in their brackets. */
static bool next_value(struct str *rest, struct str *ret_value)
{
	size_t n = 0;
	unsigned depth = 0;

	*rest = str_trim(*rest);
	while (n < rest->n && (depth || !is_space((unsigned char)rest->p[n]))) {
		depth += rest->p[n] == '(';
		depth -= depth && rest->p[n] == ')';
		if (!depth && rest->p[n] == ',')
			break;
		n++;
	}
	*ret_value = str_sub(*rest, 0, n);
	if (n < rest->n && rest->p[n] == ',')
		n++;
	*rest = str_from(*rest, n);
	return n > 0;
}

/* The first colour in "background: ...". */
static void set_background(struct style *s, struct str value)
{
	struct str word;

	while (next_value(&value, &word)) {
		int found = css_colour(word);
		if (found == COLOUR_INVALID)
			continue;
		s->bg = found;
		if (html_colour(word) != COLOUR_INVALID)
			s->rule_bg = found;
		return;
	}
}

/* A CSS length of one pixel or less. */
static bool is_tiny_length(struct str value)
{
	double number = 0, scale = 1;
	size_t i = 0;

	for (; i < value.n && is_digit(value.p[i]); i++)
		number = number * 10 + (value.p[i] - '0');
	if (i < value.n && value.p[i] == '.')
		for (i++; i < value.n && is_digit(value.p[i]); i++)
			number += (value.p[i] - '0') * (scale /= 10);
	if (i == 0)
		return false;
	value = str_trim(str_from(value, i));
	if (str_iis(value, "px") || str_iis(value, "pt") || value.n == 0)
		return number <= 1;
	return number == 0;
}

static bool is_zero(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '0' && value.p[i] != '.' && value.p[i] != '%')
			return false;
	return str_chr(value, '0') >= 0;
}

static void set_property(struct style *s, const struct property *p)
{
	if (str_iis(p->name, "color"))
		set_colour(&s->fg, &s->rule_fg, p->value);
	else if (str_iis(p->name, "background-color"))
		set_colour(&s->bg, &s->rule_bg, p->value);
	else if (str_iis(p->name, "background"))
		set_background(s, p->value);
	else if (str_iis(p->name, "display"))
		s->is_none = str_iis(p->value, "none");
	else if (str_iis(p->name, "visibility"))
		s->is_hidden = str_iis(p->value, "hidden");
	else if (str_iis(p->name, "font-size"))
		s->is_tiny = is_tiny_length(p->value);
	else if (str_iis(p->name, "opacity"))
		s->is_clear = is_zero(p->value);
}

static void read_css(struct style *s, const struct style *parent, struct str css)
{
	struct property p;

	while (next_property(&css, &p))
		set_property(s, &p);
	if (s->bg == COLOUR_TRANSPARENT)
		s->bg = parent->bg;
	if (s->fg == COLOUR_TRANSPARENT)
		s->fg = s->bg;
	if (s->rule_bg == COLOUR_TRANSPARENT)
		s->rule_bg = parent->rule_bg;
	if (s->rule_fg == COLOUR_TRANSPARENT)
		s->rule_fg = s->rule_bg;
}

/* ---- attributes ---- */

static int small_number(struct str s)
{
	int v = 0;

	for (size_t i = 0; i < s.n && is_digit(s.p[i]) && v < 10000; i++)
		v = v * 10 + s.p[i] - '0';
	return v;
}

static void set_size(const struct styles *all, struct style *s, struct str value)
{
	value = str_trim(value);
	if (value.n > 1 && (value.p[0] == '+' || value.p[0] == '-') && is_digit(value.p[1]))
		s->size = all->base_size + (value.p[0] == '+' ? 1 : -1) * small_number(str_from(value, 1));
	else if (value.n && is_digit(value.p[0]))
		s->size = small_number(value);
}

/* Which tags may set what, as the renderer that rules were written for has it. */
static const struct allowed {
	enum html_tag_number tag;
	bool has_text, has_bgcolor, has_color, has_size, has_style;
} allowed[] = {
    {HTML_BASEFONT, false, false, true, true, false},
    {HTML_BODY, true, true, false, false, false},
    {HTML_FONT, false, false, true, true, false},
    {HTML_MARQUEE, false, true, false, false, false},
    {HTML_TABLE, false, true, false, false, true},
    {HTML_TD, false, true, false, false, true},
    {HTML_TR, false, true, false, false, true},
    {HTML_SPAN, false, false, false, false, true},
    {HTML_P, false, false, false, false, true},
    {HTML_DIV, false, false, false, false, true},
    {HTML_A, false, false, false, false, true},
};

static const struct allowed *allowed_for(const struct html_tag *tag)
{
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (html_is_tag(tag, allowed[i].tag))
			return &allowed[i];
	return NULL;
}

static void set_text_colour(struct style *s, struct str value)
{
	s->rule_fg = html_colour(value);
	if (s->rule_fg >= 0)
		s->fg = s->rule_fg;
}

static void read_attributes(struct styles *all, struct style *s, const struct style *parent,
    const struct attributes *at)
{
	const struct allowed *may = allowed_for(s->tag);
	const struct str *v;

	if (!may)
		return;
	if (may->has_text && (v = attribute_text(at, "text")))
		set_text_colour(s, *v);
	if (may->has_color && (v = attribute_text(at, "color")))
		set_text_colour(s, *v);
	if (may->has_bgcolor && (v = attribute_text(at, "bgcolor")) && html_colour(*v) >= 0)
		s->bg = html_colour(*v);
	if (may->has_size && (v = attribute_text(at, "size")))
		set_size(all, s, *v);
	if (may->has_style && (v = attribute_text(at, "style")))
		read_css(s, parent, *v);
	if (s->size > all->max_size)
		all->max_size = s->size;
	else if (s->size < all->min_size)
		all->min_size = s->size;
}

/* ---- the stack ---- */

void styles_start(struct styles *s)
{
	s->v[0] = (struct style){.bg = 0xffffff, .rule_bg = 0xffffff, .size = SIZE_NORMAL};
	s->n = 1;
	s->too_deep = 0;
	s->base_size = s->min_size = s->max_size = SIZE_NORMAL;
}

static const struct html_tag *as_cell(const struct html_tag *tag)
{
	return html_is_tag(tag, HTML_TH) ? &html_tags[HTML_TD] : tag;
}

static bool is_open(const struct styles *s, const struct html_tag *tag)
{
	for (size_t i = s->n; i > 1; i--)
		if (s->v[i - 1].tag == tag)
			return true;
	return false;
}

/* A new cell or row ends the one before. */
static void close_cell(struct styles *s, const struct html_tag *tag)
{
	bool is_row = html_is_tag(tag, HTML_TR);

	if (!is_open(s, tag))
		return;
	while (s->n > 1) {
		const struct html_tag *top = s->v[s->n - 1].tag;
		if (!html_is_tag(top, HTML_FONT) && !html_is_tag(top, HTML_TD) && !(is_row && html_is_tag(top, HTML_TR)))
			return;
		s->n--;
	}
}

void styles_open(struct styles *s, const struct html_tag *tag, const struct attributes *at)
{
	const struct str *size;
	struct style *parent, *new;

	tag = as_cell(tag);
	if (html_is_tag(tag, HTML_BASEFONT) && (size = attribute_text(at, "size")) && size->n && is_digit(size->p[0])) {
		s->base_size = small_number(*size);
		return;
	}
	if (html_is_tag(tag, HTML_TD) || html_is_tag(tag, HTML_TR))
		close_cell(s, tag);
	if (s->n == HTML_STYLES_MAX) {
		s->too_deep++;
		return;
	}
	parent = &s->v[s->n - 1];
	new = &s->v[s->n++];
	*new = *parent;
	new->tag = tag;
	if (html_is_tag(tag, HTML_BIG))
		new->size++;
	else if (html_is_tag(tag, HTML_SMALL))
		new->size--;
	else
		read_attributes(s, new, parent, at);
}

void styles_close(struct styles *s, const struct html_tag *tag)
{
	tag = as_cell(tag);
	if (html_is_tag(tag, HTML_BODY))
		return;
	if (s->too_deep) {
		s->too_deep--;
		return;
	}
	if (!is_open(s, tag))
		return;
	while (s->v[--s->n].tag != tag)
		;
}

/* Distance of colours weighted by how bright each channel looks; under 12 nobody reads it. */
static bool is_low_contrast(int fg, int bg)
{
	double r = 0.2126 * ((fg >> 16 & 255) - (bg >> 16 & 255));
	double g = 0.7152 * ((fg >> 8 & 255) - (bg >> 8 & 255));
	double b = 0.0722 * ((fg & 255) - (bg & 255));

	return r * r + g * g + b * b < 12 * 12;
}

enum look styles_look(const struct styles *s)
{
	const struct style *top = &s->v[s->n - 1];

	if (top->fg == top->bg || is_low_contrast(top->fg, top->bg))
		return LOOK_LOW_CONTRAST;
	if (top->size <= 1 || top->is_tiny)
		return LOOK_TINY;
	return top->is_none || top->is_hidden || top->is_clear ? LOOK_HIDDEN : LOOK_VISIBLE;
}

enum look styles_rule_look(const struct styles *s)
{
	const struct style *top = &s->v[s->n - 1];

	if (top->rule_fg == top->rule_bg)
		return LOOK_LOW_CONTRAST;
	if (top->rule_fg == COLOUR_INVALID || top->rule_bg == COLOUR_INVALID)
		return LOOK_INVALID_COLOUR;
	if (is_low_contrast(top->rule_fg, top->rule_bg))
		return LOOK_LOW_CONTRAST;
	if (top->size <= 1)
		return LOOK_TINY;
	return top->is_none || top->is_hidden ? LOOK_HIDDEN : LOOK_VISIBLE;
}
