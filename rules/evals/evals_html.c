/* Eval functions over what the renderer noted about the HTML (struct html_facts). */
#include "rules/evals/evals_private.h"

#include <math.h>
#include <stdlib.h>

static const struct html_facts *facts_of(const struct eval_call *c)
{
	static const struct html_facts none;
	const struct content *content = c->m->t->content;

	return content && content->html.is_html ? &content->html : &none;
}

static bool is_name_char(char ch)
{
	return is_alpha(ch) || ch == ' ' || ch == '-';
}

static struct str skip_spaces(struct str s)
{
	while (s.n && is_space(s.p[0]))
		s = str_from(s, 1);
	return s;
}

/* A name of a font: letters, blanks and hyphens, maybe a digit at the end, maybe in quotes. */
static bool is_font_name(struct str name, const char *starts)
{
	if (name.n && strchr(starts, name.p[0]))
		name = str_from(name, 1);
	if (name.n && strchr("\"'", name.p[name.n - 1]))
		name.n--;
	if (name.n > 2 && is_digit(name.p[name.n - 1]))
		name.n--;
	if (name.n < 2 || name.p[0] == '-' || !is_alpha(name.p[name.n - 1]))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_name_char(name.p[i]))
			return false;
	return true;
}

/* A list of font names as people write them; a blank before the end is what they do not write. */
static bool is_font_list(struct str s)
{
	struct str name;
	bool is_first = true;

	if (s.n && s.p[s.n - 1] == ';')
		s.n--;
	for (; s.p && str_split(&s, ',', &name); is_first = false)
		if (!is_font_name(skip_spaces(name), is_first ? "\"'." : "\"'"))
			return false;
	return true;
}

/* The value of an attribute in the text of a tag; p NULL when it is not there. */
static struct str attribute(struct str tag, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; i + n < tag.n; i++) {
		struct str s = str_from(tag, i);
		size_t end = 0;
		char quote;
		if (!is_space(tag.p[i - 1]) || !str_istarts(s, str_of(name)))
			continue;
		s = str_trim(str_from(s, n));
		if (!s.n || s.p[0] != '=')
			continue;
		s = str_trim(str_from(s, 1));
		quote = s.n && (s.p[0] == '"' || s.p[0] == '\'') ? s.p[0] : '\0';
		s = quote ? str_from(s, 1) : s;
		while (end < s.n && (quote ? s.p[end] != quote : !is_space(s.p[end])))
			end++;
		return str_sub(s, 0, end);
	}
	return STR_NONE;
}

/* What the tags of the source say: odd font names, pictures inside links. */
struct tag_look {
	bool odd_face, linked_image;
};

static void look_at_tags(struct str text, bool *in_link, struct tag_look *out)
{
	const char *p = text.p, *end = text.p + text.n, *close;

	while (p < end && (p = memchr(p, '<', (size_t)(end - p))) && (close = memchr(p, '>', (size_t)(end - p)))) {
		struct str tag = str_range(p + 1, close), face;
		p = close + 1;
		if (str_istarts(tag, STR("a ")) || str_istarts(tag, STR("a\n")))
			*in_link = true;
		else if (str_iis(tag, "/a"))
			*in_link = false;
		else if (str_istarts(tag, STR("img")))
			out->linked_image |= *in_link;
		else if (str_istarts(tag, STR("font"))) {
			face = attribute(tag, "face");
			out->odd_face |= face.p && !is_font_list(face);
		}
	}
}

/* Once per message. */
static const struct tag_look *tags_of(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	struct eval_state *s = eval_state(c);
	bool in_link = false;

	if (s->tags)
		return s->tags;
	s->tags = arena_alloc(c->m->t->arena, sizeof *s->tags);
	for (size_t i = 0; content && content->html.is_html && i < content->raw_count; i++)
		look_at_tags(content->raw[i], &in_link, s->tags);
	return s->tags;
}

static double html_test(struct eval_call *c)
{
	const struct html_facts *f = facts_of(c);
	const struct {
		const char *name;
		bool value;
	} rows[] = {
	    {"html", f->is_html},
	    {"embeds", f->embeds},
	    {"font_face_bad", f->is_html && tags_of(c)->odd_face},
	    {"font_invalid_color", f->font_invalid_colour},
	    {"font_low_contrast", f->font_low_contrast},
	    {"form_action_mailto", f->form_action_mailto},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_is(eval_arg(c, 0), rows[i].name))
			return rows[i].value;
	return 0;
}

static double tag_exists(struct eval_call *c)
{
	return html_facts_inside(facts_of(c), eval_arg(c, 0)) >= 0;
}

static double ratio(size_t part, size_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

/* The value of a name, or not-a-number when the message has none. */
static double value_of(const struct eval_call *c, struct str name)
{
	const struct html_facts *f = facts_of(c);
	size_t tags = f->tags;

	if (!f->is_html)
		return NAN;
	if (str_is(name, "length"))
		return (double)f->source_length;
	if (str_is(name, "max_size"))
		return f->max_size;
	if (str_is(name, "min_size"))
		return f->min_size;
	if (str_is(name, "image_area"))
		return (double)f->image_area;
	if (str_is(name, "html_length"))
		return (double)f->html_length;
	if (str_is(name, "non_space_len"))
		return (double)f->non_space;
	if (str_is(name, "backhair_count"))
		return (double)f->backhair;
	if (str_is(name, "bad_tag_ratio"))
		return ratio(tags > f->elements ? tags - f->elements : 0, tags);
	if (str_is(name, "non_element_ratio"))
		return ratio(f->tags_seen > f->elements_seen ? f->tags_seen - f->elements_seen : 0, f->tags_seen);
	if (str_is(name, "closed_extra_ratio"))
		return ratio(f->closed_extra, tags);
	if (str_is(name, "obfuscation_ratio"))
		return f->obfuscations ? ratio(f->obfuscations, tags) : NAN;
	if (str_is(name, "ratio") && f->source_length)
		return ((double)f->source_length - (double)f->html_length) / (double)f->source_length;
	return NAN;
}

static double html_range(struct eval_call *c)
{
	double value = value_of(c, eval_arg(c, 0));

	if (isnan(value) || value <= eval_number(c, 1, 0))
		return 0;
	return c->n < 3 || str_is(eval_arg(c, 2), "inf") || value <= eval_number(c, 2, 0);
}

/* "!= 0", "< 384" and the like. */
static bool compares(double value, struct str expression)
{
	struct str s = str_trim(expression), rest;
	static const char *const tokens[] = {"<=", ">=", "==", "!=", "<", ">"};
	double right;
	char copy[32];

	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		if (!str_starts(s, str_of(tokens[i])))
			continue;
		rest = str_trim(str_from(s, strlen(tokens[i])));
		if (rest.n == 0 || rest.n >= sizeof copy)
			return false;
		memcpy(copy, rest.p, rest.n);
		copy[rest.n] = '\0';
		right = strtod(copy, NULL);
		switch (i) {
		case 0:
			return value <= right;
		case 1:
			return value >= right;
		case 2:
			return value == right;
		case 3:
			return value != right;
		case 4:
			return value < right;
		default:
			return value > right;
		}
	}
	return false;
}

static double html_eval(struct eval_call *c)
{
	double value = value_of(c, eval_arg(c, 0));

	return !isnan(value) && compares(value, eval_arg(c, 1));
}

static double tag_balance(struct eval_call *c)
{
	int inside = html_facts_inside(facts_of(c), eval_arg(c, 0));

	return inside >= 0 && compares(inside, eval_arg(c, 1));
}

static double image_only(struct eval_call *c)
{
	const struct html_facts *f = facts_of(c);
	double n = (double)f->source_length;

	return html_facts_inside(f, STR("img")) >= 0 && n > eval_number(c, 0, 0) && n <= eval_number(c, 1, 1e18);
}

static double image_ratio(struct eval_call *c)
{
	const struct html_facts *f = facts_of(c);
	double share;

	if (f->image_area == 0)
		return 0;
	share = (double)f->non_space / (double)f->image_area;
	return share > eval_number(c, 0, 0) && share <= eval_number(c, 1, 1e18);
}

static double title_subject_ratio(struct eval_call *c)
{
	struct str subject = eval_header(c, "Subject", 0);

	return subject.n && (double)facts_of(c)->title.n / (double)subject.n > eval_number(c, 0, 0);
}

/* One text of the kind asked for: title, the words of a link, a comment. */
static bool likes(struct eval_call *c, const struct regex *re, struct str text, bool wanted)
{
	return (regex_match(re, c->m->scratch, text, 0, NULL) == REGEX_MATCH) == wanted;
}

static bool any_comment(struct eval_call *c, const struct regex *re, bool wanted)
{
	const struct content *content = c->m->t->content;

	for (size_t i = 0; i < content->raw_count; i++) {
		struct str rest = content->raw[i];
		ptrdiff_t at;
		while ((at = str_find(rest, STR("<!"))) >= 0) {
			struct str from = str_from(rest, (size_t)at);
			bool is_comment = str_starts(from, STR("<!--"));
			ptrdiff_t end = str_find(from, is_comment ? STR("-->") : STR(">"));
			bool is_doctype = str_istarts(from, STR("<!doctype"));
			if (end < 0)
				break;
			end += is_comment ? 3 : 1;
			if (!is_doctype && likes(c, re, str_sub(from, 0, (size_t)end), wanted))
				return true;
			rest = str_from(from, (size_t)end);
		}
	}
	return false;
}

static double text_matches(struct eval_call *c, bool wanted)
{
	struct regex *re = eval_arg_pattern(c, eval_arg(c, 1));
	struct str what = eval_arg(c, 0);
	const struct html_facts *f = facts_of(c);

	if (!re || !f->is_html)
		return 0;
	if (str_is(what, "title"))
		return f->title.p && likes(c, re, f->title, wanted);
	if (str_is(what, "comment"))
		return any_comment(c, re, wanted);
	for (size_t i = 0; str_is(what, "anchor") && i < c->m->t->content->urls.n; i++) {
		const struct url *u = &c->m->t->content->urls.v[i];
		if (u->source == URL_FROM_HREF && likes(c, re, u->anchor, wanted))
			return 1;
	}
	/* A picture in a link counts as the text "<img>". */
	return str_is(what, "anchor") && wanted && tags_of(c)->linked_image && likes(c, re, STR("<img>\n"), true);
}

static double text_match(struct eval_call *c)
{
	return text_matches(c, true);
}

static double text_not_match(struct eval_call *c)
{
	return text_matches(c, false);
}

static double iframe_src(struct eval_call *c)
{
	const struct content *content = c->m->t->content;

	for (size_t i = 0; content && i < content->urls.n; i++)
		if (content->urls.v[i].tag && strcmp(content->urls.v[i].tag, "iframe") == 0)
			return 1;
	return 0;
}

const struct eval_def eval_html_table[] = {
    {"check_iframe_src", iframe_src, NULL},
    {"html_eval", html_eval, NULL},
    {"html_image_only", image_only, NULL},
    {"html_image_ratio", image_ratio, NULL},
    {"html_range", html_range, NULL},
    {"html_tag_balance", tag_balance, NULL},
    {"html_tag_exists", tag_exists, NULL},
    {"html_test", html_test, NULL},
    {"html_text_match", text_match, NULL},
    {"html_text_not_match", text_not_match, NULL},
    {"html_title_subject_ratio", title_subject_ratio, NULL},
    {NULL, NULL, NULL},
};
