/*
 * The HTML tokenizer and renderer. Markup is what browsers take for it: a "<" before a letter, "/",
 * "!" or "?"; a tag name runs to a blank or ">". Searches that can fail (a closing quote, the end of
 * a comment or of a script) fail once per document, so that the pass stays linear.
 */
#include "core/html/html.h"

#include "core/html/html_private.h"
#include "lib/block.h"

/* ---- text out ---- */

static bool is_all_blank(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!html_is_blank(s.p[i]))
			return false;
	return true;
}

static void drop_last_blank(struct buf *b)
{
	if (b->n && b->p[b->n - 1] == ' ')
		b->n--;
}

/* A line end, blank or empty line between elements swallows the blank before it. */
static void put_blank(struct renderer *r, const char *blank)
{
	if (r->has_last && !r->last_is_blank && !r->last_is_hidden && r->text.n > r->last_start) {
		drop_last_blank(&r->text);
		drop_last_blank(r->last_side);
	}
	r->last_start = r->text.n;
	buf_adds(&r->text, blank);
	buf_adds(&r->visible, blank);
	r->last_side = &r->visible;
	r->has_last = r->last_is_blank = true;
	r->last_is_hidden = false;
}

/* Copies whole blocks as far as all blanks in them stand alone; returns how many octets. */
static size_t fold_blocks(struct str s, size_t at, char *out)
{
	size_t start = at;

	for (; at + BLOCK < s.n; at += BLOCK, out += BLOCK) {
		block here = block_load(s.p + at), next = block_load(s.p + at + 1);
		block is_blank = block_is(here, ' ') | block_within(here, '\t', '\r');

		if (block_any(is_blank & (block_is(next, ' ') | block_within(next, '\t', '\r'))))
			break;
		block_store(out, (here & ~is_blank) | (block_of(' ') & is_blank));
	}
	return at - start;
}

/* The same octet by octet, up to `end` or the end of a run that begins before it. */
static size_t fold_octets(struct str s, size_t at, size_t end, bool skip_first_blank, char *out, size_t *n)
{
	while (at < end) {
		if (!html_is_blank(s.p[at])) {
			out[(*n)++] = s.p[at++];
			continue;
		}
		while (at < s.n && html_is_blank(s.p[at]))
			at++;
		if (*n || !skip_first_blank)
			out[(*n)++] = ' ';
	}
	return at;
}

/* s with every run of blanks as one, into scratch. */
static struct str folded(struct renderer *r, struct str s, bool skip_first_blank)
{
	char *out;
	size_t n = 0;

	r->scratch.n = 0;
	out = buf_reserve(&r->scratch, s.n + 1);
	for (size_t at = 0; at < s.n;) {
		size_t copied = n ? fold_blocks(s, at, out + n) : 0;

		at += copied;
		n += copied;
		at = fold_octets(s, at, at + BLOCK < s.n ? at + BLOCK : s.n, skip_first_blank, out, &n);
	}
	return (struct str){out, n};
}

/* 7 or fewer word characters at the end or start, for the marks of obfuscation that rules ask for. */
static bool is_wordish(unsigned char c)
{
	return c >= 0x80 || is_alnum(c);
}

static void note_obfuscation(struct renderer *r, struct str text)
{
	if (!r->has_last || r->text.n == r->last_start || !text.n)
		return;
	if (is_wordish((unsigned char)r->text.p[r->text.n - 1]) && is_wordish((unsigned char)text.p[0]))
		r->html->facts.obfuscations++;
}

static void put_text(struct renderer *r, struct str text)
{
	struct html_facts *facts = &r->html->facts;
	bool is_blank_text = is_all_blank(text);
	enum look look = is_blank_text ? LOOK_VISIBLE : styles_look(&r->styles);
	enum look rule_look = is_blank_text ? LOOK_VISIBLE : styles_rule_look(&r->styles);
	bool is_hidden = look != LOOK_VISIBLE;

	note_obfuscation(r, text);
	facts->low_contrast += look == LOOK_LOW_CONTRAST;
	facts->tiny_font += look == LOOK_TINY;
	facts->font_low_contrast |= rule_look == LOOK_LOW_CONTRAST;
	facts->font_invalid_colour |= rule_look == LOOK_INVALID_COLOUR;
	text = folded(r, text, r->has_last && r->last_is_blank && rule_look == LOOK_VISIBLE);
	r->last_start = r->text.n;
	buf_add(&r->text, text);
	r->last_side = is_hidden ? &r->hidden : &r->visible;
	buf_add(r->last_side, text);
	r->has_last = true;
	r->last_is_blank = false;
	r->last_is_hidden = rule_look != LOOK_VISIBLE;
}

static void text_event(struct renderer *r, struct str raw, bool is_markup_text)
{
	struct str text;

	if (!raw.n || html_is_inside(r, HTML_SCRIPT) || html_is_inside(r, HTML_STYLE))
		return;
	text = is_markup_text ? html_unescape(r->arena, raw) : raw;
	if (r->anchor_link >= 0 && html_is_inside(r, HTML_A) && r->anchor.n < HTML_ANCHOR_MAX)
		buf_add(&r->anchor, str_sub(text, 0, HTML_ANCHOR_MAX));
	if (html_is_inside(r, HTML_TITLE) && r->title.n < HTML_ANCHOR_MAX)
		buf_add(&r->title, str_sub(text, 0, HTML_ANCHOR_MAX));
	put_text(r, text);
}

/* ---- tags ---- */

/* What rules ask about single tags. */
static void note_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at)
{
	struct html_facts *f = &r->html->facts;
	const struct str *action;

	f->scripts += html_is_tag(tag, HTML_SCRIPT);
	f->forms += html_is_tag(tag, HTML_FORM);
	f->iframes += html_is_tag(tag, HTML_IFRAME);
	f->embeds |= html_is_tag(tag, HTML_OBJECT) || html_is_tag(tag, HTML_EMBED);
	if (html_is_tag(tag, HTML_FORM) && (action = attribute_text(at, "action")))
		f->form_action_mailto |= str_ifind(*action, STR("mailto:")) >= 0;
}

/* What the tag stands for in text. */
static void put_blanks(struct renderer *r, const struct html_tag *tag)
{
	if (tag->flags & TAG_BREAK)
		put_blank(r, "\n");
	if (tag->flags & TAG_BLANK)
		put_blank(r, " ");
	if (tag->flags & TAG_BLOCK)
		put_blank(r, "\n\n");
}

static void start_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at)
{
	if (tag->flags & TAG_STYLE)
		styles_open(&r->styles, tag, at);
	put_blanks(r, tag);
	note_tag(r, tag, at);
	if (html_is_tag(tag, HTML_A))
		html_start_anchor(r, at);
	else if (html_is_tag(tag, HTML_BASE))
		html_set_base(r, attribute_text(at, "href"));
	else if (html_is_tag(tag, HTML_META))
		html_meta_tag(r, at);
	else if (html_is_tag(tag, HTML_IMG))
		html_image_tag(r, at);
	html_link_tag(r, tag, at);
}

static void end_tag(struct renderer *r, const struct html_tag *tag)
{
	struct html_facts *f = &r->html->facts;

	if (tag->flags & TAG_STYLE)
		styles_close(&r->styles, tag);
	put_blanks(r, tag);
	f->closed_html |= html_is_tag(tag, HTML_HTML);
	f->closed_body |= html_is_tag(tag, HTML_BODY);
	if (html_is_tag(tag, HTML_A) && !html_is_inside(r, HTML_A))
		html_end_anchor(r);
}

static struct strange_tag *strange_slot(struct renderer *r, struct str name)
{
	uint64_t hash = str_ihash(name) | 1;
	size_t i = hash >> 32 & (STRANGE_SLOTS - 1);

	if (!r->strange)
		r->strange = arena_array(r->arena, STRANGE_SLOTS, sizeof *r->strange);
	while (r->strange[i].hash && r->strange[i].hash != hash)
		i = (i + 1) & (STRANGE_SLOTS - 1);
	if (!r->strange[i].hash && r->strange_count == HTML_STRANGE_MAX)
		return NULL;
	if (!r->strange[i].hash)
		r->html->facts.tags_seen++;
	r->strange_count += !r->strange[i].hash;
	r->strange[i].hash = hash;
	return &r->strange[i];
}

/* <o:p>, <st1:place>: what word processors write are elements, in no table. */
static bool is_office_tag(struct str name)
{
	size_t n = str_istarts(name, STR("o:")) ? 2 : str_istarts(name, STR("st")) && name.n > 3 && is_digit(name.p[2]) && name.p[3] == ':' ? 4 : 0;

	name = str_from(name, n);
	name.n -= name.n && name.p[name.n - 1] == '/';
	for (size_t i = 0; i < name.n; i++)
		if (!is_alnum((unsigned char)name.p[i]) && name.p[i] != '_' && name.p[i] != '-')
			return false;
	return n && name.n;
}

static void count_strange_tag(struct renderer *r, struct str name, int step)
{
	struct html_facts *f = &r->html->facts;
	size_t seen = f->tags_seen;
	struct strange_tag *tag = strange_slot(r, name);
	bool is_element = is_office_tag(name);

	f->elements += is_element;
	f->elements_seen += is_element && f->tags_seen > seen;
	if (!tag)
		return;
	tag->inside += step;
	if (tag->inside < 0) {
		tag->inside = 0;
		f->closed_extra++;
	}
}

/* Counts; true when the tag is one that we know. */
static const struct html_tag *count_tag(struct renderer *r, struct str name, int step)
{
	const struct html_tag *tag = html_tag_find(name);
	struct html_facts *f = &r->html->facts;
	size_t i;

	f->tags++;
	if (!tag) {
		count_strange_tag(r, name, step);
		return NULL;
	}
	i = html_tag_index(tag);
	f->elements += (tag->flags & TAG_ELEMENT) != 0;
	f->elements_seen += (tag->flags & TAG_ELEMENT) && !r->was_seen[i];
	f->tags_seen += !r->was_seen[i];
	r->was_seen[i] = true;
	r->inside[i] += step;
	if (r->inside[i] < 0) {
		r->inside[i] = 0;
		f->closed_extra++;
	}
	return tag;
}

/* ---- markup in ---- */

static size_t skip_blanks(const struct renderer *r, size_t at)
{
	while (at < r->in.n && html_is_blank(r->in.p[at]))
		at++;
	return at;
}

static size_t find_from(const struct renderer *r, size_t at, struct str what)
{
	ptrdiff_t n = str_find(str_from(r->in, at), what);

	return n < 0 ? r->in.n : at + (size_t)n;
}

/*
 * A quoted value; at stands behind the quote. Without closing quote it ends where a link would.
 * One that swallows markup is noted: browsers differ on it.
 */
static size_t quoted_end(struct renderer *r, size_t at, char quote, struct str *ret_value)
{
	bool *never = quote == '"' ? &r->no_double : &r->no_single;
	const char *end = NULL;
	size_t n = at;

	if (!*never) {
		end = memchr(r->in.p + at, quote, r->in.n - at);
		*never = !end;
	}
	if (end) {
		*ret_value = str_range(r->in.p + at, end);
		if (str_chr(*ret_value, '<') >= 0)
			r->html->facts.has_unclosed_quote = true;
		return (size_t)(end - r->in.p) + 1;
	}
	r->html->facts.has_unclosed_quote = true;
	while (n < r->in.n && !html_is_blank(r->in.p[n]) && r->in.p[n] != '>' && r->in.p[n] != '<')
		n++;
	*ret_value = str_sub(r->in, at, n - at);
	return n;
}

static size_t read_value(struct renderer *r, size_t at, struct str *ret_value)
{
	size_t start;

	at = skip_blanks(r, at);
	if (at < r->in.n && (r->in.p[at] == '"' || r->in.p[at] == '\''))
		return quoted_end(r, at + 1, r->in.p[at], ret_value);
	start = at;
	while (at < r->in.n && !html_is_blank(r->in.p[at]) && r->in.p[at] != '>')
		at++;
	*ret_value = str_sub(r->in, start, at - start);
	return at;
}

/* To behind the ">". */
static size_t read_attributes(struct renderer *r, size_t at, struct attributes *ret_attributes)
{
	for (;;) {
		struct str name, value = STR("");
		size_t start;

		at = skip_blanks(r, at);
		if (at == r->in.n || r->in.p[at] == '>')
			break;
		start = at++;
		while (at < r->in.n && !html_is_blank(r->in.p[at]) && r->in.p[at] != '>' && r->in.p[at] != '=')
			at++;
		name = str_sub(r->in, start, at - start);
		start = skip_blanks(r, at);
		if (start < r->in.n && r->in.p[start] == '=')
			at = read_value(r, start + 1, &value);
		if (ret_attributes->n < HTML_ATTRIBUTES_MAX)
			ret_attributes->v[ret_attributes->n++] = (struct attribute){.name = name, .value = value,
			    .text = html_unescape(r->arena, value)};
	}
	return at < r->in.n ? at + 1 : at;
}

/* Where "</name" stands at or behind `at`; the end of the text when nowhere. */
static size_t find_end_tag(const struct renderer *r, size_t at, struct str name)
{
	while ((at = find_from(r, at, STR("</"))) < r->in.n) {
		struct str rest = str_from(r->in, at + 2);
		if (str_istarts(rest, name) && (rest.n == name.n || html_is_blank(rest.p[name.n]) ||
		    rest.p[name.n] == '>' || rest.p[name.n] == '/'))
			return at;
		at += 2;
	}
	return at;
}

/* The inside of script, style, title ...: no markup, up to its own end tag. */
static void raw_inside(struct renderer *r, const struct html_tag *tag)
{
	bool *no_end = &r->has_no_end[html_tag_index(tag)];
	size_t end = *no_end ? r->in.n : find_end_tag(r, r->at, tag->name);
	struct str inside = str_sub(r->in, r->at, end - r->at);

	*no_end = end == r->in.n;
	if (html_is_tag(tag, HTML_STYLE))
		html_css_links(r, inside);
	if (html_is_tag(tag, HTML_STYLE) || html_is_tag(tag, HTML_SCRIPT))
		html_more(r, inside);
	text_event(r, inside, html_is_tag(tag, HTML_TITLE) || html_is_tag(tag, HTML_TEXTAREA));
	r->at = end;
}

static void take_start_tag(struct renderer *r)
{
	struct attributes at;
	size_t start = ++r->at;
	const struct html_tag *tag;
	struct str name;

	at.n = 0;
	while (r->at < r->in.n && !html_is_blank(r->in.p[r->at]) && r->in.p[r->at] != '>')
		r->at++;
	name = str_sub(r->in, start, r->at - start);
	if (str_chr(name, '/') > 0) { /* <br/> and <img/src=x> */
		name.n = (size_t)str_chr(name, '/');
		r->at = start + name.n;
	}
	r->at = read_attributes(r, r->at, &at);
	tag = count_tag(r, name, 1);
	r->tag_links = r->html->link_count;
	if (!tag) {
		html_link_tag(r, NULL, &at);
		return;
	}
	start_tag(r, tag, &at);
	if (tag->flags & TAG_RAW)
		raw_inside(r, tag);
}

static void take_end_tag(struct renderer *r)
{
	size_t start = r->at + 2, end = start;
	const struct html_tag *tag;

	while (end < r->in.n && !html_is_blank(r->in.p[end]) && r->in.p[end] != '>')
		end++;
	r->at = find_from(r, end, STR(">"));
	r->at += r->at < r->in.n;
	tag = count_tag(r, str_sub(r->in, start, end - start), -1);
	if (tag)
		end_tag(r, tag);
}

/* <!-- -->, <!doctype ...>, <? ... >, </ 5 > */
static void take_other(struct renderer *r)
{
	struct str rest = str_from(r->in, r->at);
	size_t end = r->in.n;

	if (str_starts(rest, STR("<!--"))) {
		r->html->facts.comments++;
		if (!r->no_comment_end)
			end = find_from(r, r->at + 4, STR("-->"));
		r->no_comment_end = end == r->in.n;
		if (r->no_comment_end)
			end = find_from(r, r->at + 4, STR(">"));
		if (str_istarts(rest, STR("<!--[if")))
			html_more(r, str_sub(rest, 0, end - r->at));
		r->at = end < r->in.n ? end + (r->no_comment_end ? 1 : 3) : end;
		return;
	}
	if (str_istarts(rest, STR("<!doctype"))) {
		r->html->facts.elements++;
		r->html->facts.tags++;
	}
	end = find_from(r, r->at, STR(">"));
	r->at = end < r->in.n ? end + 1 : end;
}

/* True when markup starts at r->at, where a "<" stands. */
static bool is_markup(const struct renderer *r)
{
	unsigned char c = r->at + 1 < r->in.n ? (unsigned char)r->in.p[r->at + 1] : 0;

	return is_alpha(c) || c == '/' || c == '!' || c == '?';
}

static void take_markup(struct renderer *r)
{
	unsigned char c = (unsigned char)r->in.p[r->at + 1];

	if (is_alpha(c))
		take_start_tag(r);
	else if (c == '/' && r->at + 2 < r->in.n && is_alpha((unsigned char)r->in.p[r->at + 2]))
		take_end_tag(r);
	else
		take_other(r);
}

static void walk(struct renderer *r)
{
	while (r->at < r->in.n) {
		size_t start = r->at;

		r->at = find_from(r, start, STR("<"));
		while (r->at < r->in.n && !is_markup(r))
			r->at = find_from(r, r->at + 1, STR("<"));
		text_event(r, str_sub(r->in, start, r->at - start), true);
		if (r->at < r->in.n)
			take_markup(r);
	}
	html_end_anchor(r);
	if (html_is_inside(r, HTML_TITLE)) /* one that is never closed ends with the document */
		put_blank(r, "\n\n");
}

/* Curly quotes are quotes around attributes, as mail programs write them; in text they become ". */
static struct str with_plain_quotes(struct arena *a, struct str in)
{
	char *copy;
	size_t n = 0;

	if (str_find(in, STR("\xe2\x80\x9c")) < 0 && str_find(in, STR("\xe2\x80\x9d")) < 0)
		return in;
	copy = (char *)arena_str(a, in).p;
	for (size_t i = 0; i < in.n; i++) {
		bool is_quote = in.p[i] == '\xe2' && i + 2 < in.n && in.p[i + 1] == '\x80' &&
		    (in.p[i + 2] == '\x9c' || in.p[i + 2] == '\x9d');
		copy[n++] = is_quote ? '"' : in.p[i];
		i += is_quote ? 2 : 0;
	}
	return (struct str){copy, n};
}

void html_render(struct arena *a, struct str in, struct html *ret_html)
{
	struct renderer r = {.arena = a, .in = with_plain_quotes(a, in), .html = ret_html, .anchor_link = -1};
	struct html_facts *f = &ret_html->facts;
	int *inside = arena_array(a, HTML_TAG_COUNT, sizeof *inside);

	*ret_html = (struct html){.facts.is_html = true};
	styles_start(&r.styles);
	walk(&r);
	for (size_t i = 0; i < HTML_TAG_COUNT; i++)
		inside[i] = r.was_seen[i] ? r.inside[i] : -1;
	f->inside = inside;
	f->min_size = r.styles.min_size < 0 ? 0 : (unsigned)r.styles.min_size;
	f->max_size = r.styles.max_size < 0 ? 0 : (unsigned)r.styles.max_size;
	f->hidden_bytes = r.hidden.n;
	f->visible_bytes = r.visible.n;
	ret_html->text = buf_take(&r.text, a);
	ret_html->visible = buf_take(&r.visible, a);
	ret_html->hidden = buf_take(&r.hidden, a);
	ret_html->more = buf_take(&r.more, a);
	f->title = buf_take(&r.title, a);
	f->charsets = buf_take(&r.charsets, a);
	buf_free(&r.scratch);
	buf_free(&r.anchor);
}
