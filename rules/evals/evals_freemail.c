/* Free-mail addresses in headers and text: who says he is one and wants answers at another. */
#include "rules/evals/evals_private.h"

enum { BODY_EMAILS_MAX = 40, LINK_EMAILS_MAX = 20 };

static bool is_freemail(struct eval_call *c, struct str email)
{
	const struct eval_data *d = c->m->rs->eval_data;
	ptrdiff_t at = str_rchr(email, '@');
	struct str domain;

	if (at <= 0)
		return false;
	domain = str_from(email, (size_t)at + 1);
	if (!text_set_has(d->freemail, domain))
		return false;
	return !text_set_has(d->freemail_except, email) && !text_set_has(d->freemail_except, domain) &&
	       !eval_like(c, P_NO_FREEMAIL, email);
}

static bool fits(struct eval_call *c, struct str pattern, struct str email)
{
	struct regex *re = pattern.n ? eval_arg_pattern(c, pattern) : NULL;

	return !re || regex_match(re, c->m->scratch, email, 0, NULL) == REGEX_MATCH;
}

static double any_freemail(struct eval_call *c, const struct str *v, size_t n, struct str pattern)
{
	for (size_t i = 0; i < n; i++) {
		if (is_freemail(c, v[i]) && fits(c, pattern, v[i])) {
			c->text = v[i];
			return 1;
		}
	}
	return 0;
}

static double freemail_from(struct eval_call *c)
{
	struct str v[EVAL_ADDRESSES_MAX];

	return any_freemail(c, v, eval_from_addresses(c, v, EVAL_ADDRESSES_MAX), eval_arg(c, 0));
}

static double freemail_header(struct eval_call *c)
{
	struct str v[EVAL_ADDRESSES_MAX], name = eval_arg(c, 0);
	ptrdiff_t colon = str_chr(name, ':');

	if (colon > 0)
		name = str_sub(name, 0, (size_t)colon);
	return any_freemail(c, v, eval_addresses(c, arena_cstr(c->m->t->arena, name), v, EVAL_ADDRESSES_MAX),
	    eval_arg(c, 1));
}

/* ---- the text ---- */

static bool is_in(const struct str *v, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], s))
			return true;
	return false;
}

struct str eval_without(struct eval_call *c, enum eval_pattern pattern, struct str line)
{
	const struct regex *re = c->m->rs->eval_data->patterns[pattern];
	struct buf out = {0};
	struct regex_hit hit;
	size_t from = 0;

	while (regex_match(re, c->m->scratch, line, from, &hit) == REGEX_MATCH && hit.end > from) {
		buf_add(&out, str_sub(line, from, hit.start - from));
		buf_addc(&out, ' ');
		from = hit.end;
	}
	if (from == 0)
		return line;
	buf_add(&out, str_from(line, from));
	return buf_take(&out, c->m->t->arena);
}

static void add_email(struct eval_call *c, struct eval_state *s, struct str found, struct str *seen, size_t *n)
{
	struct str email = str_lower(c->m->t->arena, found);

	if (is_in(seen, *n, email))
		return;
	seen[(*n)++] = email;
	if (is_freemail(c, email))
		s->body_freemails[s->body_freemail_count++] = email;
}

/* Addresses in links to web pages, in angle brackets and in front of quotations are not counted. */
static void add_from_line(struct eval_call *c, struct eval_state *s, struct str line, struct str *seen, size_t *n)
{
	const struct regex *re = c->m->rs->eval_data->patterns[P_EMAIL];
	struct regex_hit hit;
	size_t from = 0;

	if (str_chr(line, '@') < 0)
		return;
	line = eval_without(c, P_QUOTED_EMAIL, eval_without(c, P_URL_WITH_EMAIL, line));
	while (*n < BODY_EMAILS_MAX && regex_match(re, c->m->scratch, line, from, &hit) == REGEX_MATCH) {
		from = hit.end > from ? hit.end : from + 1;
		add_email(c, s, str_sub(line, hit.start, hit.end - hit.start), seen, n);
	}
}

/* Links of markup (mailto:), whose text may be another. */
static void add_from_links(struct eval_call *c, struct eval_state *s, struct str *seen, size_t *n)
{
	const struct regex *re = c->m->rs->eval_data->patterns[P_EMAIL];
	const struct urls *urls = &c->m->t->content->urls;
	size_t scheme = strlen("mailto:");
	struct regex_hit hit;

	for (size_t i = 0; i < urls->n && *n < LINK_EMAILS_MAX; i++) {
		const struct url *u = &urls->v[i];
		if (!u->tag || strcmp(u->tag, "a") != 0 || !str_istarts(u->raw, STR("mailto:")))
			continue;
		if (regex_match(re, c->m->scratch, u->raw, scheme, &hit) == REGEX_MATCH && hit.start == scheme)
			add_email(c, s, str_sub(u->raw, hit.start, hit.end - hit.start), seen, n);
	}
}

static const struct eval_state *body_freemails(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);
	const struct content *content = c->m->t->content;
	struct str seen[BODY_EMAILS_MAX];
	size_t n = 0;

	if (s->has_body_freemails)
		return s;
	s->has_body_freemails = true;
	s->body_freemails = arena_array(c->m->t->arena, BODY_EMAILS_MAX, sizeof *s->body_freemails);
	if (content)
		add_from_links(c, s, seen, &n);
	for (size_t i = 0; content && i < content->body_count && n < BODY_EMAILS_MAX; i++)
		add_from_line(c, s, content->body[i], seen, &n);
	/* Many addresses are a list of members, not an address to answer to. */
	s->skips_body_freemails = n >= 5 || s->body_freemail_count >= 3;
	return s;
}

static double freemail_body(struct eval_call *c)
{
	const struct eval_state *s = body_freemails(c);

	if (s->skips_body_freemails)
		return 0;
	return any_freemail(c, s->body_freemails, s->body_freemail_count, eval_arg(c, 0));
}

static bool any_is_freemail(struct eval_call *c, const struct str *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_freemail(c, v[i]))
			return true;
	return false;
}

static double body_differs(struct eval_call *c, const struct str *reply, size_t n)
{
	const struct eval_state *s = body_freemails(c);

	if (s->skips_body_freemails)
		return 0;
	for (size_t i = 0; i < s->body_freemail_count; i++) {
		for (size_t k = 0; k < n; k++) {
			if (!str_eq(s->body_freemails[i], reply[k])) {
				c->text = s->body_freemails[i];
				return 1;
			}
		}
	}
	return 0;
}

static double freemail_replyto(struct eval_call *c)
{
	struct str from[EVAL_ADDRESSES_MAX], reply[EVAL_ADDRESSES_MAX], what = eval_arg(c, 0);
	bool is_reply = str_is(what, "reply"), from_free, reply_free, overlap = false;
	size_t nf, nr;

	if (c->m->rs->eval_data->freemail_skip_bulk &&
	    eval_like(c, P_BULK_ENVFROM, eval_header(c, "EnvelopeFrom", 0)))
		return 0;
	nf = eval_addresses(c, "From", from, EVAL_ADDRESSES_MAX);
	nr = eval_addresses(c, "Reply-To", reply, EVAL_ADDRESSES_MAX);
	from_free = any_is_freemail(c, from, nf);
	reply_free = any_is_freemail(c, reply, nr);
	for (size_t i = 0; i < nf; i++)
		overlap |= is_in(reply, nr, from[i]);
	if (from_free && reply_free && !overlap) {
		c->text = reply[0];
		return 1;
	}
	if (!is_reply && !reply_free)
		return 0;
	if (is_reply && ((nr && !reply_free) || !from_free))
		return 0;
	return is_reply && !reply_free ? body_differs(c, from, nf) : body_differs(c, reply, nr);
}

const struct eval_def eval_freemail_table[] = {
    {"check_freemail_body", freemail_body, NULL},
    {"check_freemail_from", freemail_from, NULL},
    {"check_freemail_header", freemail_header, NULL},
    {"check_freemail_replyto", freemail_replyto, NULL},
    {NULL, NULL, NULL},
};
