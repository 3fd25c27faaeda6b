/*
 * The tables of eval functions, what is known about those that are not here, and the data that the
 * functions share: patterns and lists made once per set. The functions stand in evals_*.c by what
 * they look at.
 */
#include "rules/evals/evals.h"

#include <math.h>
#include <stdlib.h>

#include "rules/evals/evals_private.h"

static const struct eval_def *const tables[] = {eval_relay_table, eval_header_table, eval_forged_table,
    eval_list_table, eval_mime_table, eval_body_table, eval_image_table, eval_date_table, eval_freemail_table,
    eval_html_table, eval_auth_table};

/* Functions of SpamAssassin that this engine does not run, and what does their work here. */
static const struct {
	const char *prefix, *why;
} missing[] = {
    {"check_rbl_accreditor", "accreditors are gone from the senders' addresses"},
    {"check_hashbl_attachments", "attachments: the filter attachment"},
    {"check_hashbl_body", "a function of somebody's plugin"},
    {"check_senders_reputation", "own reputation: the filter reputation"},
    {"check_bayes", "learning: the filter learn does that here"},
    {"check_dcc", "asks a network service that is not used here"},
    {"check_razor2", "asks a network service that is not used here"},
    {"check_pyzor", "asks a network service that is not used here"},
    {"check_dkim_adsp", "asks for author policies that RFC 5617's withdrawal ended; DMARC took their place"},
    {"check_dkim_signall", "asks for author policies that RFC 5617's withdrawal ended; DMARC took their place"},
    {"check_access_database", "lists: use list and policy"},
    {"check_shortcircuit", "order of work: there is no short circuit here"},
    {"check_from_in_auto_", "own reputation: the filter reputation"},
    {"check_microsoft_executable", "attachments: the filter attachment"},
    {"check_suspect_name", "attachments: the filter attachment"},
    {"check_language", "guesses languages; not done yet"},
    {"check_body_8bits", "guesses languages; not done yet"},
    {"pdf_", "looks inside PDF files; not done yet"},
    {"check_ole", "looks inside documents: the filter attachment"},
    {"check_uri_local_bl", "needs a country database"},
    {"short_url", "follows links, which is not done here"},
    {"redir", "follows links, which is not done here"},
    {"check_fromname", "compares display names; not done yet"},
    {"check_asn", "needs a routing database"},
    {"check_authres", "the filters spf, dkim and dmarc check themselves"},
    {"check_phishing", "needs a list of phishing sites"},
};

/* Functions of 4.0.1 that could be here; a row of a table above takes precedence. */
const char *const eval_known_names[] = {
    "check_for_msn_groups_headers", "check_for_forged_gw05_received_headers",
    "check_for_forged_received_ip_helo", NULL,
};

const struct eval_def *eval_find(struct str name)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct eval_def *d = tables[i]; d->name; d++)
			if (str_is(name, d->name))
				return d;
	return NULL;
}

const char *eval_missing(struct str name)
{
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		if (str_starts(name, str_of(missing[i].prefix)))
			return missing[i].why;
	for (size_t i = 0; eval_known_names[i]; i++)
		if (str_is(name, eval_known_names[i]))
			return "not done yet";
	return NULL;
}

struct str eval_arg(const struct eval_call *c, size_t i)
{
	return i < c->n ? c->args[i] : STR("");
}

double eval_number(const struct eval_call *c, size_t i, double otherwise)
{
	char copy[32], *end;
	struct str s = eval_arg(c, i);
	double value;

	if (s.n == 0 || s.n >= sizeof copy)
		return otherwise;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	value = strtod(copy, &end);
	return end == copy || !isfinite(value) ? otherwise : value;
}

struct eval_state *eval_state(struct eval_call *c)
{
	if (!c->m->eval_state)
		c->m->eval_state = arena_alloc(c->m->t->arena, sizeof(struct eval_state));
	return c->m->eval_state;
}

bool eval_like(struct eval_call *c, enum eval_pattern p, struct str text)
{
	return regex_match(c->m->rs->eval_data->patterns[p], c->m->scratch, text, 0, NULL) == REGEX_MATCH;
}

struct str eval_group(struct eval_call *c, struct str text, size_t g)
{
	return regex_group(c->m->scratch, text, g);
}

struct regex *eval_arg_pattern(struct eval_call *c, struct str text)
{
	for (struct arg_pattern *p = c->m->rs->eval_data->arg_patterns; p; p = p->next)
		if (str_eq(p->text, text))
			return p->re;
	return NULL;
}

/* ---- sets of texts ---- */

enum { SET_BUCKETS = 1024 };

struct text_entry {
	struct str text;
	bool is_removed;
	struct text_entry *next;
};

struct text_set {
	struct text_entry *buckets[SET_BUCKETS];
	struct text_entry *globs;
	size_t n;
};

struct text_set *text_set_new(struct arena *a)
{
	return arena_alloc(a, sizeof(struct text_set));
}

static bool is_glob(struct str s)
{
	return str_chr(s, '*') >= 0 || str_chr(s, '?') >= 0;
}

void text_set_add(struct text_set *s, struct arena *a, struct str text)
{
	struct text_entry *e = arena_alloc(a, sizeof *e), **at;

	e->text = str_lower(a, text);
	at = is_glob(e->text) ? &s->globs : &s->buckets[str_ihash(e->text) % SET_BUCKETS];
	e->next = *at;
	*at = e;
	s->n++;
}

void text_set_remove(struct text_set *s, struct str text)
{
	struct text_entry *e = is_glob(text) ? s->globs : s->buckets[str_ihash(text) % SET_BUCKETS];

	for (; e; e = e->next)
		if (str_ieq(e->text, text))
			e->is_removed = true;
}

bool text_set_has(const struct text_set *s, struct str text)
{
	for (const struct text_entry *e = s->buckets[str_ihash(text) % SET_BUCKETS]; e; e = e->next)
		if (!e->is_removed && str_eq(e->text, text))
			return true;
	for (const struct text_entry *e = s->globs; e; e = e->next)
		if (!e->is_removed && str_glob(text, e->text))
			return true;
	return false;
}

bool text_set_is_empty(const struct text_set *s)
{
	return s->n == 0;
}
