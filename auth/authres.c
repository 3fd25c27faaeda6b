/*
 * Authentication-Results: a reader over RFC 8601 part 2.2 with its comments everywhere, and a writer
 * that quotes what needs it. Values come from peers: nothing gets out that is not a token or quoted.
 */
#include "auth/authres.h"

#include "auth/tags.h"
#include "core/address.h"

/* ---- reading ---- */

struct reader {
	struct arena *arena;
	struct str rest;
	bool is_broken;
};

/* A comment that never ends breaks the field. */
static void skip(struct reader *r)
{
	r->is_broken |= !tag_skip_cfws(&r->rest);
}

static bool take(struct reader *r, char c)
{
	skip(r);
	if (r->rest.n == 0 || r->rest.p[0] != c)
		return false;
	r->rest = str_from(r->rest, 1);
	return true;
}

static bool is_token(unsigned char c)
{
	return c > 0x20 && c != 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static struct str take_quoted(struct reader *r)
{
	char *out = arena_alloc(r->arena, r->rest.n + 1);
	size_t n = 0, i = 1;

	for (; i < r->rest.n && r->rest.p[i] != '"'; i++) {
		if (r->rest.p[i] == '\\' && i + 1 < r->rest.n)
			i++;
		if (r->rest.p[i] != '\r' && r->rest.p[i] != '\n')
			out[n++] = r->rest.p[i];
	}
	r->is_broken |= i >= r->rest.n;
	r->rest = str_from(r->rest, i + 1);
	return (struct str){out, n};
}

/* A keyword; `dots` also lets dots in, as in authserv-ids. */
static struct str take_word(struct reader *r, bool dots)
{
	size_t n = 0;

	skip(r);
	while (n < r->rest.n && is_token((unsigned char)r->rest.p[n]) && (dots || r->rest.p[n] != '.'))
		n++;
	r->is_broken |= n == 0;
	r->rest = str_from(r->rest, n);
	return str_range(r->rest.p - n, r->rest.p);
}

static struct str take_value(struct reader *r)
{
	skip(r);
	return r->rest.n && r->rest.p[0] == '"' ? take_quoted(r) : take_word(r, true);
}

/* A property's value: a token, a quoted string, or an address with either as its local part. */
static struct str take_pvalue(struct reader *r)
{
	struct str head = STR(""), tail;
	size_t n = 0;

	skip(r);
	if (r->rest.n && r->rest.p[0] == '"') {
		head = take_quoted(r);
		if (r->rest.n == 0 || r->rest.p[0] != '@')
			return head;
	}
	while (n < r->rest.n && !is_space((unsigned char)r->rest.p[n]) && !strchr(";(\"", r->rest.p[n]) && r->rest.p[n])
		n++;
	tail = str_sub(r->rest, 0, n);
	r->rest = str_from(r->rest, n);
	r->is_broken |= head.n + n == 0;
	return head.n ? arena_printf(r->arena, "\"%.*s\"%.*s", STR_ARG(head), STR_ARG(tail)) : tail;
}

static void read_properties(struct reader *r, struct authres_result *result)
{
	struct authres_property found[AUTHRES_PROPERTIES_MAX];

	for (skip(r); r->rest.n && r->rest.p[0] != ';' && !r->is_broken; skip(r)) {
		struct authres_property p;
		struct str word = take_word(r, false);

		if (str_iis(word, "reason") && take(r, '=')) {
			result->reason = take_value(r);
			continue;
		}
		p.type = str_lower(r->arena, word);
		r->is_broken |= !take(r, '.');
		p.name = str_lower(r->arena, take_word(r, true));
		r->is_broken |= !take(r, '=') || result->n == AUTHRES_PROPERTIES_MAX;
		p.value = take_pvalue(r);
		if (!r->is_broken)
			found[result->n++] = p;
	}
	result->properties = arena_array(r->arena, result->n + 1, sizeof *found);
	memcpy(result->properties, found, result->n * sizeof *found);
}

/* False at "none", which stands alone. */
static bool read_result(struct reader *r, struct authres_result *result)
{
	struct str from;

	skip(r);
	from = r->rest;
	*result = (struct authres_result){.version = STR(""), .reason = STR("")};
	result->method = str_lower(r->arena, take_word(r, true));
	if (take(r, '/'))
		result->version = take_word(r, true);
	if (str_is(result->method, "none") && !(r->rest.n && r->rest.p[0] == '='))
		return false;
	r->is_broken |= !take(r, '=');
	result->result = str_lower(r->arena, take_word(r, true));
	read_properties(r, result);
	result->raw = str_trim(str_range(from.p, r->rest.p));
	return true;
}

static bool read_head(struct reader *r, struct authres *results)
{
	results->id = take_value(r);
	results->version = STR("");
	skip(r);
	if (r->rest.n && is_digit((unsigned char)r->rest.p[0]))
		results->version = take_word(r, true);
	skip(r);
	return !r->is_broken && (r->rest.n == 0 || r->rest.p[0] == ';');
}

bool authres_parse(struct arena *a, struct str value, struct authres *ret_results)
{
	struct authres_result found[AUTHRES_RESULTS_MAX];
	struct reader r = {.arena = a, .rest = value};
	size_t n = 0;

	*ret_results = (struct authres){.id = STR(""), .version = STR("")};
	if (!read_head(&r, ret_results))
		return false;
	while (!r.is_broken && take(&r, ';')) {
		skip(&r);
		if (r.rest.n == 0 && n)
			break; /* a semicolon at the end: wrong, but common */
		if (n == AUTHRES_RESULTS_MAX)
			return false;
		if (read_result(&r, &found[n]))
			n++;
	}
	skip(&r);
	ret_results->v = arena_array(a, n + 1, sizeof *found);
	memcpy(ret_results->v, found, n * sizeof *found);
	ret_results->n = n;
	return !r.is_broken && r.rest.n == 0;
}

static struct str plain_id(struct arena *a, struct str id)
{
	struct str ascii;

	id = str_trim(id);
	if (id.n && id.p[id.n - 1] == '.')
		id.n--;
	return !str_is_ascii(id) && domain_to_ascii(a, id, &ascii) ? ascii : id;
}

/* All in front of the first semicolon: comments and blanks are one blank each time, quotes are gone. */
static struct str head_of(struct arena *a, struct str value)
{
	struct reader r = {.arena = a, .rest = value};
	struct buf out = {0};

	for (skip(&r); r.rest.n && r.rest.p[0] != ';'; ) {
		size_t before;

		if (r.rest.p[0] == '"')
			buf_add(&out, take_quoted(&r));
		else {
			buf_addc(&out, r.rest.p[0]);
			r.rest = str_from(r.rest, 1);
		}
		before = r.rest.n;
		skip(&r);
		if (r.rest.n < before)
			buf_addc(&out, ' ');
	}
	return buf_take(&out, a);
}

/* The letters of id with blanks anywhere, then nothing, a dot, or a version. */
static bool spells(struct str head, struct str id)
{
	size_t at = 0;

	for (size_t i = 0; i < id.n; i++) {
		while (at < head.n && head.p[at] == ' ')
			at++;
		if (at == head.n || to_lower((unsigned char)head.p[at++]) != to_lower((unsigned char)id.p[i]))
			return false;
	}
	head = str_from(head, at);
	if (head.n && head.p[0] == '.')
		head = str_from(head, 1);
	if (str_trim(head).n == 0)
		return true;
	if (head.p[0] != ' ' && head.p[0] != '/')
		return false;
	for (at = 1; at < head.n; at++)
		if (!is_digit((unsigned char)head.p[at]) && head.p[at] != ' ' && head.p[at] != '/')
			return false;
	return true;
}

/* As the grammar reads it, and as one may who drops comments and blanks first, wherever they stand. */
bool authres_claims(struct arena *a, struct str value, struct str id)
{
	struct reader r = {.arena = a, .rest = value};

	id = plain_id(a, id);
	return str_ieq(plain_id(a, take_value(&r)), id) || spells(head_of(a, value), id);
}

/* ---- writing ---- */

enum { LINE = 76 };

static bool is_plain(struct str value, bool is_property)
{
	for (size_t i = 0; i < value.n; i++)
		if (!is_token((unsigned char)value.p[i]) && !(is_property && value.p[i] == '@'))
			return false;
	return value.n > 0;
}

/* Tokens bare, and addresses where they may be; others quoted. */
static void add_value(struct buf *out, struct str value, bool is_property)
{
	value = str_sub(value, 0, AUTHRES_VALUE_MAX);
	if (is_plain(value, is_property)) {
		buf_add(out, value);
		return;
	}
	buf_add_quoted(out, value);
}

struct authres_writer authres_start(struct str id)
{
	struct authres_writer w = {0};

	add_value(&w.out, id, false);
	return w;
}

/* A blank, or a fold where n more octets would make the line longer than lines should be. */
static void add_blank(struct authres_writer *w, size_t n)
{
	if (w->out.n - w->line + n > LINE) {
		buf_adds(&w->out, "\r\n\t");
		w->line = w->out.n;
	} else {
		buf_addc(&w->out, ' ');
	}
}

void authres_method(struct authres_writer *w, const char *method, const char *result)
{
	buf_adds(&w->out, ";\r\n\t");
	w->line = w->out.n;
	buf_addf(&w->out, "%s=%s", method, result);
	w->results++;
}

void authres_comment(struct authres_writer *w, struct str comment)
{
	if (comment.n == 0)
		return;
	comment = str_sub(comment, 0, AUTHRES_VALUE_MAX);
	add_blank(w, comment.n + 2);
	buf_addc(&w->out, '(');
	for (size_t i = 0; i < comment.n; i++) {
		unsigned char c = (unsigned char)comment.p[i];

		if (c == '(' || c == ')' || c == '\\')
			buf_addc(&w->out, '\\');
		buf_addc(&w->out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
	buf_addc(&w->out, ')');
}

void authres_reason(struct authres_writer *w, struct str reason)
{
	if (reason.n == 0)
		return;
	add_blank(w, reason.n + 9);
	buf_adds(&w->out, "reason=");
	add_value(&w->out, reason, false);
}

void authres_property(struct authres_writer *w, const char *type, const char *name, struct str value)
{
	if (value.n == 0)
		return;
	add_blank(w, strlen(type) + strlen(name) + value.n + 3);
	buf_addf(&w->out, "%s.%s=", type, name);
	add_value(&w->out, value, true);
}

struct str authres_end(struct authres_writer *w, struct arena *a)
{
	if (w->results == 0)
		buf_adds(&w->out, "; none");
	return buf_take(&w->out, a);
}
