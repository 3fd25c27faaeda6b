/*
 * Reads "Received:" by the tables of received_formats.c: the first row whose pattern matches says
 * which words are the client's address, its name, its greeting and the server. Then walks the relays
 * from the top and draws the lines between ours, trusted and foreign.
 */
#include "rules/evals/received.h"

#include <stdio.h>

#include "rules/evals/received_formats.h"
#include "rules/rule.h"

enum field { F_HELO, F_RDNS, F_BY, F_IP, F_IDENT, F_ENVFROM, F_ID, F_AUTH, F_SUB, FIELDS };
static const char *const field_names[FIELDS] = {"helo", "rdns", "by", "ip", "ident", "envfrom", "id",
    "auth", "sub"};

struct compiled {
	const struct format *format;
	struct regex *re;
	signed char group[FIELDS]; /* -1: none */
};

struct received {
	struct compiled *formats, *fallbacks, *auths;
	size_t format_count, fallback_count, auth_count;
	struct compiled id, helo, by, envfrom, date, any_ip, sub_helo, sub_ident, from_by, guess;
};

/* ---- compiling the table ---- */

#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IP4 OCTET "(?:\\." OCTET "){3}"
#define IP6 "(?:[0-9a-fA-F]{0,4}:){2,7}(?:" IP4 "|[0-9a-fA-F]{0,4})"
#define IP "(?:(?i:ipv6:)?(?:" IP4 "|" IP6 ")(?![0-9A-Za-z]))"

/* Placeholders of the patterns: %H helo, %R rdns, %B by, %I ip, %U ident, %S a part read later. */
static const struct {
	char letter;
	const char *text;
} places[] = {
    {'H', "(?<helo>\\S+)"},
    {'h', "(?<helo>\\S*)"},
    {'R', "(?<rdns>\\S+)"},
    {'B', "(?<by>\\S+)"},
    {'I', "(?<ip>" IP ")"},
    {'i', IP},
    {'U', "(?<ident>\\S*)"},
    {'E', "(?:HELO|EHLO)"},
};

static struct compiled compile(struct arena *a, const char *pattern)
{
	struct buf out = {0};
	struct str error;
	struct compiled c;
	size_t offset;

	for (const char *p = pattern; *p; p++) {
		size_t i = 0, n = sizeof places / sizeof *places;
		if (*p != '%') {
			buf_addc(&out, *p);
			continue;
		}
		p++;
		while (i < n && places[i].letter != *p)
			i++;
		buf_adds(&out, i < n ? places[i].text : "%");
		if (i == n)
			p--;
	}
	c.re = regex_new(a, buf_str(&out), 0, &error, &offset);
	buf_free(&out);
	memset(c.group, -1, sizeof c.group);
	for (size_t g = 1; c.re && g <= regex_group_count(c.re); g++) {
		const char *name = regex_group_name(c.re, g);
		for (size_t f = 0; name && f < FIELDS; f++)
			if (!strcmp(name, field_names[f]))
				c.group[f] = (signed char)g;
	}
	return c;
}

static struct compiled *compile_table(struct arena *a, const struct format *table, size_t *ret_count)
{
	struct compiled *out;
	size_t n = 0;

	while (table[n].pattern)
		n++;
	out = arena_array(a, n, sizeof *out);
	for (size_t i = 0; i < n; i++) {
		out[i] = compile(a, table[i].pattern);
		out[i].format = &table[i];
	}
	*ret_count = n;
	return out;
}

struct received *received_new(struct arena *a)
{
	struct received *r = arena_alloc(a, sizeof *r);

	r->formats = compile_table(a, received_formats, &r->format_count);
	r->fallbacks = compile_table(a, received_fallbacks, &r->fallback_count);
	r->auths = compile_table(a, received_auths, &r->auth_count);
	r->from_by = compile(a, "(?i)^from (?<helo>\\S+) by [^\\s;]+ ?;");
	r->date = compile(a, "[\\s;]+(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\\d+ (?:Jan|Feb|Mar|Apr|May|Jun|"
	                     "Jul|Aug|Sep|Oct|Nov|Dec) \\d+ \\d+:\\d+(?::\\d+)? \\S+$");
	r->id = compile(a, " id <?(?<id>[^\\s<>;]{3,})");
	r->helo = compile(a, "\\b(?:helo=|HELO |EHLO )(?<helo>[-A-Za-z0-9.^+_&:=?!@*$\\\\/]+)"
	                     "(?:[^-A-Za-z0-9.^+_&:=?!@*$\\\\/]|$)");
	r->by = compile(a, " by (?<by>\\S+)(?:[^-A-Za-z0-9;.]|$)");
	r->envfrom = compile(a, "(?i)(?:return-path:? |envelope-(?:sender|from)[ =])(?<envfrom>\\S+)\\b");
	r->any_ip = compile(a, "\\[%I\\]");
	r->guess = compile(a, "^(?<helo>\\S+)[^-A-Za-z0-9.]");
	r->sub_helo = compile(a, "helo=(?<helo>\\S+)");
	r->sub_ident = compile(a, "ident=(?<ident>\\S*)");
	return r;
}

/* ---- one field ---- */

enum reading { READ_RELAY, READ_NOTHING, READ_UNPARSEABLE, READ_FETCHED };

struct line {
	struct arena *arena;
	struct regex_scratch *scratch;
	const struct received *r;
	struct str text;
	struct str v[FIELDS];
	bool has_envfrom, looks_up;
};

static bool matches(struct line *l, const struct compiled *c, struct str text)
{
	if (!c->re || regex_match(c->re, l->scratch, text, 0, NULL) != REGEX_MATCH)
		return false;
	for (size_t f = 0; f < FIELDS; f++) {
		struct str s;
		if (c->group[f] < 0)
			continue;
		s = regex_group(l->scratch, text, (size_t)c->group[f]);
		if (s.p)
			l->v[f] = s;
	}
	return true;
}

/* Runs of white space become one blank; a final semicolon goes. */
static struct str squeeze(struct arena *a, struct str value)
{
	char *p;
	size_t n = 0;

	if (value.n > RECEIVED_MAX)
		value.n = RECEIVED_MAX;
	p = arena_alloc(a, value.n + 1);
	for (size_t i = 0; i < value.n; i++) {
		char c = is_space(value.p[i]) || value.p[i] == '\f' || value.p[i] == '\v' ? ' ' : value.p[i];
		if (c == ' ' && (n == 0 || p[n - 1] == ' '))
			continue;
		p[n++] = c;
	}
	while (n && (p[n - 1] == ' ' || p[n - 1] == ';'))
		n--;
	return (struct str){p, n};
}

static void cut_date(struct line *l)
{
	struct regex_hit hit;

	if (regex_match(l->r->date.re, l->scratch, l->text, 0, &hit) == REGEX_MATCH)
		l->text.n = hit.start;
}

static void read_sub(struct line *l)
{
	struct str sub = l->v[F_SUB];

	if (!sub.p)
		return;
	matches(l, &l->r->sub_helo, sub);
	matches(l, &l->r->sub_ident, sub);
}

/* sendmail's ident look-up stands before the name: "IDENT:user@host", "user@host". */
static void read_ident(struct line *l)
{
	struct str rdns = l->v[F_RDNS];
	ptrdiff_t at = str_chr(rdns, '@');

	if (at < 0)
		return;
	l->v[F_IDENT] = str_sub(rdns, 0, (size_t)at);
	if (str_starts(l->v[F_IDENT], STR("IDENT:")))
		l->v[F_IDENT] = str_from(l->v[F_IDENT], 6);
	l->v[F_RDNS] = str_from(rdns, (size_t)at + 1);
}

static enum reading finish_format(struct line *l, const struct format *f)
{
	if (f->flags & FETCHED)
		return READ_FETCHED;
	if (f->flags & SKIP)
		return READ_NOTHING;
	l->looks_up = f->flags & LOOKS_UP;
	read_sub(l);
	read_ident(l);
	if (f->flags & SAME_HELO && !(l->v[F_SUB].p && str_find(l->v[F_SUB], STR("helo=")) >= 0))
		l->v[F_HELO] = l->v[F_RDNS];
	if (f->flags & UNKNOWN_NAME) {
		l->looks_up = !str_is(l->v[F_RDNS], "unknown");
		if (!l->looks_up)
			l->v[F_RDNS] = STR("");
	}
	if (f->flags & NO_ID)
		l->v[F_ID] = STR("");
	return READ_RELAY;
}

static bool try_table(struct line *l, const struct compiled *table, size_t n, struct str text,
    enum reading *ret_reading)
{
	for (size_t i = 0; i < n; i++) {
		const struct format *f = table[i].format;
		if (f->needs && str_find(text, str_of(f->needs)) < 0)
			continue;
		if (!matches(l, &table[i], text))
			continue;
		*ret_reading = finish_format(l, f);
		return true;
	}
	return false;
}

static void read_auth(struct line *l)
{
	enum reading ignored;

	if (try_table(l, l->r->auths, l->r->auth_count, l->text, &ignored) && !l->v[F_AUTH].n)
		l->v[F_AUTH] = STR("yes");
}

/* "by" and "with" and an address somewhere are enough when no format fits. */
static enum reading read_line(struct line *l)
{
	enum reading reading;
	struct str rest;

	if (!str_istarts(l->text, STR("from ")) && !str_istarts(l->text, STR("(from ")))
		return READ_NOTHING;
	if (str_find(l->text, STR(" with local for ")) >= 0)
		return READ_NOTHING;
	if (matches(l, &l->r->from_by, l->text) && !(l->v[F_HELO].n && l->v[F_HELO].p[0] == '['))
		return READ_NOTHING;
	memset(l->v, 0, sizeof l->v);
	cut_date(l);
	matches(l, &l->r->id, l->text);
	matches(l, &l->r->helo, l->text);
	matches(l, &l->r->by, l->text);
	read_auth(l);
	l->v[F_SUB] = l->v[F_IP] = l->v[F_IDENT] = l->v[F_RDNS] = STR_NONE;
	if (str_starts(l->text, STR("from "))) {
		rest = str_from(l->text, 5);
		l->has_envfrom = matches(l, &l->r->envfrom, rest);
		if (try_table(l, l->r->formats, l->r->format_count, rest, &reading))
			return reading;
		if (!l->v[F_HELO].n)
			matches(l, &l->r->guess, rest);
	} else if (try_table(l, l->r->fallbacks, l->r->fallback_count, l->text, &reading)) {
		return reading;
	}
	if (!l->v[F_IP].p)
		matches(l, &l->r->any_ip, l->text);
	return l->v[F_IP].n && l->v[F_BY].n ? READ_RELAY : READ_UNPARSEABLE;
}

/* ---- the relay ---- */

/* Octets that would break the text form become '!'. */
static struct str clean(struct arena *a, struct str s)
{
	struct str out = arena_str(a, s);
	char *p = (char *)out.p;

	for (size_t i = 0; i < out.n; i++)
		if (is_space(p[i]) || p[i] == '\0' || strchr("#[]()<>|", p[i]))
			p[i] = '!';
	return out;
}

static struct str strip_angles(struct str s)
{
	while (s.n && (is_space(s.p[0]) || s.p[0] == '<'))
		s = str_from(s, 1);
	while (s.n && (is_space(s.p[s.n - 1]) || s.p[s.n - 1] == '>'))
		s.n--;
	return s;
}

static struct str plain_ip(struct str ip)
{
	if (str_istarts(ip, STR("ipv6:")))
		ip = str_from(ip, 5);
	if (str_istarts(ip, STR("::ffff:")) && str_chr(ip, '.') >= 0)
		ip = str_from(ip, 7);
	return ip;
}

static void fill_relay(struct line *l, struct relay *relay)
{
	struct arena *a = l->arena;
	struct str rdns = l->v[F_RDNS], by = l->v[F_BY];

	while (rdns.n && rdns.p[rdns.n - 1] == '.')
		rdns.n--;
	if (str_iis(rdns, "unknown") || (rdns.n && rdns.p[0] == '['))
		rdns = STR("");
	while (by.n && by.p[by.n - 1] == ';')
		by.n--;
	*relay = (struct relay){
	    .ip = clean(a, plain_ip(l->v[F_IP])),
	    .rdns = clean(a, rdns),
	    .helo = clean(a, l->v[F_HELO]),
	    .by = clean(a, by),
	    .ident = clean(a, l->v[F_IDENT]),
	    .envfrom = clean(a, strip_angles(l->v[F_ENVFROM])),
	    .id = arena_str(a, l->v[F_ID]),
	    .auth = arena_str(a, l->v[F_AUTH]),
	    .has_envfrom = l->has_envfrom,
	};
	relay->no_rdns = rdns.n == 0 && l->looks_up;
	relay->rdns_unknown = rdns.n == 0 && !l->looks_up;
	ip_parse(relay->ip, &relay->addr);
	relay->is_private = relay->addr.family && ip_is_private(&relay->addr);
}

/* ---- all of them ---- */

struct walk {
	const struct received *r;
	struct regex_scratch *scratch;
	const struct rule_target *t;
	const struct received_policy *policy;
	struct relays *out;
	const struct networks *trusted, *internal;
	bool is_guessed, in_trusted, in_internal, found_msa, may_fetch;
	size_t fields;
};

static void judge_by_networks(struct walk *w, struct relay *relay)
{
	if (!relay->auth.n && !networks_has(w->trusted, &relay->addr)) {
		w->in_trusted = w->in_internal = false;
		return;
	}
	if (w->in_internal && !relay->auth.n && !networks_has(w->internal, &relay->addr))
		w->in_internal = false;
	if (w->policy->msa->n && networks_has(w->policy->msa, &relay->addr)) {
		w->found_msa = true;
		relay->is_msa = true;
	}
}

static void place_relay(struct walk *w, struct relay *relay)
{
	struct relays *out = w->out;

	if (w->in_trusted && !w->found_msa) {
		if (!w->is_guessed)
			judge_by_networks(w, relay);
		else if (!relay->is_private && !relay->auth.n)
			w->in_trusted = w->in_internal = false;
	}
	relay->is_internal = w->in_internal;
	relay->field = w->fields;
	if (w->in_trusted) {
		out->last_trusted++;
		out->trusted = out->n + 1;
	} else {
		w->may_fetch = false;
	}
	if (w->in_internal) {
		out->last_internal++;
		out->internal = out->n + 1;
	}
	out->n++;
}

static void forget_fetched(struct walk *w)
{
	if (!w->may_fetch)
		return;
	/* What is known so far was the fetching of mail, not its sending. */
	w->out->n = w->out->trusted = w->out->internal = 0;
}

static void walk_field(struct walk *w, struct str value)
{
	struct line l = {.arena = w->t->arena, .scratch = w->scratch, .r = w->r};
	enum reading reading;

	if (w->out->n == RELAYS_MAX)
		return;
	l.text = squeeze(l.arena, value);
	reading = read_line(&l);
	if (reading == READ_RELAY) {
		fill_relay(&l, &w->out->all[w->out->n]);
		place_relay(w, &w->out->all[w->out->n]);
	} else {
		if (reading == READ_UNPARSEABLE)
			w->out->unparseable++;
		if (reading == READ_FETCHED)
			forget_fetched(w);
		w->out->last_trusted += w->in_trusted;
		w->out->last_internal += w->in_internal;
	}
	w->fields++;
}

/* The session itself is the last hop: its Received field is not written yet. */
static void walk_session(struct walk *w)
{
	const struct rule_target *t = w->t;
	struct relay *relay = &w->out->all[0];
	char text[IP_TEXT_MAX];

	if (!t->client.family)
		return;
	*relay = (struct relay){
	    .ip = arena_str(t->arena, ip_format(&t->client, text)),
	    .rdns = clean(t->arena, t->client_name),
	    .helo = clean(t->arena, t->helo),
	    .by = clean(t->arena, t->hostname),
	    .envfrom = clean(t->arena, t->sender),
	    .auth = t->auth_user.n ? STR("ESMTPA") : STR(""),
	    .has_envfrom = t->has_sender,
	    .addr = t->client,
	    .is_private = ip_is_private(&t->client),
	    .no_rdns = t->client_name.n == 0,
	};
	place_relay(w, relay);
	/* It stands for no field of the message. */
	w->out->last_trusted = w->out->last_internal = -1;
}

static void walk_originating(struct walk *w)
{
	for (size_t i = 0; i < w->policy->originating_count; i++) {
		const struct header *h = headers_get(w->t->headers, w->policy->originating[i].p, 0);
		struct line l = {.arena = w->t->arena, .scratch = w->scratch, .r = w->r};
		struct str text;
		if (!h || h->value.n > RECEIVED_MAX)
			continue;
		text = arena_printf(w->t->arena, "[%.*s]", STR_ARG(str_trim(h->value)));
		if (matches(&l, &w->r->any_ip, text))
			walk_field(w, arena_printf(w->t->arena, "from X-Originating-IP: %.*s", STR_ARG(l.v[F_IP])));
	}
}

void received_read(const struct received *r, struct regex_scratch *scratch, const struct rule_target *t,
    const struct received_policy *policy, struct relays *ret_relays)
{
	struct walk w = {r, scratch, t, policy, ret_relays, policy->trusted, policy->internal,
	    false, true, true, false, true, 0};

	ret_relays->n = ret_relays->trusted = ret_relays->internal = ret_relays->unparseable = 0;
	ret_relays->last_trusted = ret_relays->last_internal = -1;
	w.is_guessed = !policy->trusted->is_set && !policy->internal->is_set;
	if (!policy->internal->is_set)
		w.internal = policy->trusted;
	if (!policy->trusted->is_set)
		w.trusted = policy->internal;
	walk_session(&w);
	for (size_t i = 0; i < t->headers->n; i++)
		if (str_iis(t->headers->v[i].name, "received"))
			walk_field(&w, t->headers->v[i].value);
	walk_originating(&w);
}

struct str received_text(struct arena *a, const struct relays *relays, size_t from, size_t to)
{
	struct buf out = {0};

	for (size_t i = from; i < to && i < relays->n; i++) {
		const struct relay *r = &relays->all[i];
		buf_addf(&out, "%s[ ip=%.*s rdns=%.*s helo=%.*s by=%.*s ident=%.*s", i > from ? " " : "",
		    STR_ARG(r->ip), STR_ARG(r->rdns), STR_ARG(r->helo), STR_ARG(r->by), STR_ARG(r->ident));
		buf_addf(&out, " envfrom=%.*s intl=%d id=%.*s auth=%.*s msa=%d ]", STR_ARG(r->envfrom),
		    r->is_internal, STR_ARG(r->id), STR_ARG(r->auth), r->is_msa);
	}
	return buf_take(&out, a);
}
