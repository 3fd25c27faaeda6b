/*
 * Reads "Received:" by the table at the end: the first row whose pattern matches says which words
 * are the client's address, its name, its greeting and the server. Then walks the relays from the
 * top and draws the lines between ours, trusted and foreign.
 */
#include "rules/received.h"

#include <stdio.h>

#include "rules/rule.h"

enum format_flag {
	LOOKS_UP = 1,  /* the server looks up names: no name there is no name at all */
	SKIP = 2,      /* no hand-over between hosts */
	SAME_HELO = 4, /* the name is also the greeting, unless there is one of its own */
	FETCHED = 8,   /* a mail fetcher: trust starts again behind it */
	UNKNOWN_NAME = 16, /* "unknown" as a name says that it was looked up and not found */
	NO_ID = 32,
};

struct format {
	const char *needs; /* literal that must be there before the pattern is tried; NULL: none */
	const char *pattern;
	unsigned flags;
};

static const struct format formats[];
static const struct format fallbacks[];
static const struct format auths[];

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

	r->formats = compile_table(a, formats, &r->format_count);
	r->fallbacks = compile_table(a, fallbacks, &r->fallback_count);
	r->auths = compile_table(a, auths, &r->auth_count);
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

/* ---- networks ---- */

void networks_add(struct arena *a, struct networks *nets, struct cidr cidr, bool is_excluded)
{
	if (nets->n == nets->room) {
		size_t room = nets->room ? nets->room * 2 : 8;
		struct network *more = arena_array(a, room, sizeof *more);
		if (nets->n)
			memcpy(more, nets->v, nets->n * sizeof *more);
		nets->v = more;
		nets->room = room;
	}
	nets->v[nets->n++] = (struct network){cidr, is_excluded};
	nets->is_set = true;
}

bool networks_add_text(struct arena *a, struct networks *nets, struct str text)
{
	bool is_excluded = text.n && text.p[0] == '!';
	struct str s = is_excluded ? str_from(text, 1) : text;
	struct cidr cidr;

	/* "192.0." and "127/8" stand for the network of that prefix. */
	if (!cidr_parse(s, true, &cidr)) {
		ptrdiff_t slash = str_chr(s, '/');
		struct str head = slash < 0 ? s : str_sub(s, 0, (size_t)slash);
		unsigned dots = 0;
		struct buf full = {0};
		bool ok;
		while (head.n && head.p[head.n - 1] == '.')
			head.n--;
		for (size_t i = 0; i < head.n; i++)
			dots += head.p[i] == '.';
		buf_add(&full, head);
		for (unsigned i = dots; i < 3; i++)
			buf_adds(&full, ".0");
		if (slash >= 0)
			buf_add(&full, str_from(s, (size_t)slash));
		else
			buf_addf(&full, "/%u", (dots + 1) * 8);
		ok = dots < 4 && cidr_parse(buf_str(&full), true, &cidr);
		buf_free(&full);
		if (!ok)
			return false;
	}
	networks_add(a, nets, cidr, is_excluded);
	return true;
}

bool networks_has(const struct networks *nets, const struct ip *ip)
{
	if (ip_is_loopback(ip))
		return true;
	for (size_t i = 0; i < nets->n; i++)
		if (cidr_has(&nets->v[i].cidr, ip))
			return !nets->v[i].is_excluded;
	return false;
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

/* ---- the formats ---- */

/* Behind "from ". Specific ones first; the order decides. */
static const struct format formats[] = {
    {"Mail authenticated user ", "%I\\b(?![.-]).{10,80}by %B with HTTP", 0},
    {"with HTTP (WebMailUI)", "%I by %B \\(%i\\) with HTTP \\(WebMailUI\\)", 0},
    {" SMTPSVC", "^%h \\(\\[%I\\][^)]{0,40}\\) by %B with Microsoft SMTPSVC", 0},
    {" SMTPSVC", "^mail pickup service by \\S+ with Microsoft SMTPSVC$", SKIP},
    {" with ", "^%H \\(\\[?%I(?:%[A-Z0-9._~-]*)?\\]?\\) by %B (?=(?:.* )?with (?:Microsoft SMTP Server|mapi id) "
               "(?:\\([^)]+\\) )?\\d+\\.\\d+\\.\\d+\\.\\d+(?:$| ))", NO_ID},
    {"[XMail ", "^%H \\(\\[?%I\\]?:\\d+\\) by %B(?: \\(\\S+\\))? with \\[XMail.*? id <(?<id>\\S+)>"
                "(?:.*? from <(?<envfrom>\\S+)>)?", 0},
    {"(ecelerity", "^\\(\\[%I:\\d+\\] helo=%H\\) by %B ", 0},
    {"(ecelerity", "^\\S+ \\(\\[%I:\\d+\\]\\) by %B ", 0},
    {"Exim", "^.*\\bwith local(?:-\\S+)? ", SKIP},
    {"Exim", "^\\[%I\\] \\((?<sub>.*?)\\) by %B ", 0},
    {"Exim", "^%R \\(\\[%I\\](?<sub>.*?)\\) by %B ", SAME_HELO},
    {"Exim", "^%R \\[%I\\](?::\\d+)? by %B ", SAME_HELO},
    {"Exim", "^%R (?:\\(%H\\) )?.*?\\[%I(?:\\.\\d+)?\\] .*?by %B ", 0},
    {" (Postfix) with", "^%H \\(%R ?\\[%I\\]\\) by %B ", LOOKS_UP},
    {"(Scalix SMTP Relay", "^%H \\( ?%I\\) by %B", 0},
    {" (Lotus Domino ", "^%H \\(\\[%I\\]\\) by %B \\(Lotus", 0},
    {"with HTTP", "^%I \\(\\[%i\\]\\) by %B.*\\bwith HTTP\\b", 0},
    {NULL, "^(?!.* by \\S+ \\(qmail-\\S+\\) with )%H \\(%R \\[%I\\].*\\) by %B \\(", LOOKS_UP},
    {NULL, "^%H \\(%R \\[%I\\]\\) by %B with \\S+ \\(", LOOKS_UP},
    {NULL, "^%R \\(\\[%I\\] helo=%H\\) by %B with ", 0},
    {"(<unknown", "^%H \\(<unknown\\S*>\\[%I\\]\\) by %B ", 0},
    {NULL, "^%H \\((?<rdns>\\S+\\.\\S+)\\[%I\\]\\) by %B ", LOOKS_UP},
    {"@[", "^%H \\(%U@\\[%I\\].*\\) by %B \\(", LOOKS_UP},
    {".hotmail.msn.com ", "^(?:%I )?.*by (?<by>\\S+\\.hotmail\\.msn\\.com) ", 0},
    {"(qpsmtpd/", "^%R \\(%E %h\\) \\(%I\\) by %B \\(qpsmtpd/\\S+\\) with E?SMTP", 0},
    {"(LHLO ", "^%R \\(LHLO %h\\) \\(%I\\) by %B with LMTP", 0},
    {NULL, "^%R \\(%E %h\\) \\[%I\\] by %B \\([^)]+\\) with E?SMTP", 0},
    {" via smtpd (for ", "^%H \\(\\[%I\\]\\) by %B via smtpd \\(for \\S+\\) with SMTP\\(", 0},
    {NULL, "^%R \\(%E (?<helo>[^ ()]*)\\) \\((?:%U@)?\\[?%I\\]?\\)(?: \\(envelope-sender <\\S+>\\))? by %B"
           "(?: \\(.+\\))* with (?:.* )?(?:SMTP|QMQP)(?! id )", UNKNOWN_NAME},
    {NULL, "^%R \\((?:%U@)?\\[?%I\\]?\\)(?: \\(envelope-sender <\\S+>\\))? by %B(?: \\(.+\\))* with "
           "(?:.* )?(?:SMTP|QMQP)(?! id )", UNKNOWN_NAME | SAME_HELO},
    {" via HTTP", "^\\[%I\\] by %B via HTTP$", 0},
    {"( [", "^\\S+ \\( \\[%I\\]\\).*? by %B ", 0},
    {NULL, "^\\(%H \\[%I\\]\\) by %B ", 0},
    {NULL, "^\\[%I\\] by %B ", 0},
    {NULL, "^\\(\\[?%I\\]?\\) by %B ", 0},
    {NULL, "^%H \\[%I\\] by %B \\[%i\\] with ", LOOKS_UP},
    {"[(", "^%H \\[\\(%I\\)\\] by %B \\(%i\\) ", 0},
    {NULL, "^%H \\(\\[%I\\]\\) by %B \\(", LOOKS_UP},
    {"(softdnserr ", "^%H \\(softdnserr \\[%I\\]\\).*? by (?<by>\\S+)\\b", 0},
    {NULL, "^%H \\(%R \\[%I\\]\\).*? by (?<by>\\S+)\\b", LOOKS_UP},
    {NULL, "^%H \\(\\[%I(?:[.:]\\d+)?\\]\\).*? by %B ", LOOKS_UP},
    {"with POP3", "^", FETCHED},
    {"with IMAP", "^", FETCHED},
    {NULL, "^%R \\(%E (?<helo>[^)]*)\\) \\((?:%U@)?\\[?%I\\]?\\).* by %B ", LOOKS_UP},
    {NULL, "^%R \\((?:%U@)?\\[?%I\\]?\\).* by %B ", LOOKS_UP | SAME_HELO},
    {" with http for ", "^\\[%I\\] by %B with http for ", 0},
    {" via smap ", "^%R\\(%I(?:, %E %h)?\\) by %B via smap ", LOOKS_UP},
    {NULL, "^%I by %B \\((?:SMTPL|InterScan)\\b", 0},
    {" with BSMTP", "^\\S+ by \\S+ with BSMTP", SKIP},
    {NULL, "^%H \\(%R \\[%I\\]\\) by %B with ", LOOKS_UP},
    {NULL, "^%R \\(%E %h\\) \\((?:(?<ident>\\S+)@)?%I.*?\\) by %B with ", LOOKS_UP},
    {NULL, "^\\[%I\\] \\((?:account \\S+ )?%E %h\\) by %B \\(", 0},
    {" (CommuniGate Pro", "^%R \\(\\[%I\\] verified\\) by %B \\(", LOOKS_UP | SAME_HELO},
    {NULL, "^\\(\\[%I\\]\\) by %B with ", 0},
    {NULL, "^(?<helo>[^\\d]\\S+) \\(%I\\) by %B ", 0},
    {"(Content Technologies ", "^\\S+ \\(\\S+\\) by \\S+ \\(Content Technologies ", SKIP},
    {"] [", "^%H \\(\\[%I\\] \\[\\S+\\]\\) by %B with ", 0},
    {NULL, "^%I by %B with ", 0},
    {NULL, "^%H \\(%R\\[%I\\]\\) by %B ", LOOKS_UP},
    {NULL, "^\\[%I\\]\\S+ \\(%E %h\\) by %B ", 0},
    {NULL, "^%I \\(%E %h\\) by %B ", 0},
    {NULL, "^%H \\[%I\\] by %B ", 0},
    {NULL, "^%R\\(%I\\) by %B ", 0},
    {"(unverified [", "^%H \\(unverified \\[%I\\]\\) by %B ", 0},
    {NULL, "^%I \\([A-Za-z][^)]+\\) by %B with ", 0},
    {NULL, "^\\[%I\\] \\((?<sub>[^)]+)\\) by %B ", 0},
    {NULL, "^%R \\((?:\\S+@)?%I\\) by %B with ", 0},
    {" via ", "^(?:UNKNOWN|%R)\\(%I\\)(?:, claiming to be \"%H\")? via \\S+ by (?<by>\\S+),", LOOKS_UP},
    {"X-Originating-IP: ", "^X-Originating-IP: %I$", 0},
    {"with login", "^%H \\(\\S+@%I with login\\) by (?<by>\\S+\\.yahoo\\.com) with SMTP", 0},

    /* Hand-overs inside one host, or without an address: nothing to learn. */
    {"@localhost", "^\\S+ \\([^\\s@]+@localhost(?:\\.localdomain)?\\) by \\S+ \\(", SKIP},
    {" with local-", "^\\S+ \\S+ by \\S+ with local-e?smtp ", SKIP},
    {"(AVG SMTP ", "^127\\.0\\.0\\.1 \\(AVG SMTP \\S+ \\[\\S+\\]\\)", SKIP},
    {NULL, "^\\S+@\\S+ by \\S+ ", SKIP},
    {"Unknown/Local (", "^Unknown/Local \\(", SKIP},
    {NULL, "^(?:localhost(?:\\.localdomain)?|127\\.0\\.0\\.1) \\((?:\\S+@)?(?:localhost(?:\\.localdomain)?|"
           "127\\.0\\.0\\.1)[)\\[]", SKIP},
    {NULL, "^\\S+ \\((?:\\S+@)?(?:localhost(?:\\.localdomain)?|127\\.0\\.0\\.1)\\) ", SKIP},
    {NULL, "^\\S+ \\(\\S+@\\S+ \\[127\\.0\\.0\\.1\\]\\) ", SKIP},
    {"(AUTH: ", "^\\(AUTH: \\S+\\) by \\S+ with ", SKIP},
    {"[UNIX: localhost]", "^localhost \\(localhost \\[\\[UNIX: localhost\\]\\]\\) by ", SKIP},
    {".amazon.com", "^\\S+\\.amazon\\.com by \\S+\\.amazon\\.com with ESMTP \\(peer crosscheck: ", SKIP},
    {"Novell_GroupWise", "^[^.]+ by \\S+ with Novell_GroupWise", SKIP},
    {"[unix socket]", "^\\S+ \\(\\[unix socket\\]\\) by \\S+ \\(Cyrus v[.0-9]*\\) with LMTPA", SKIP},
    {NULL, "^\\S+ by \\S+ (?:with|via|for|\\()", SKIP},
    {NULL, "^\\S+ (?:(?:with|via|for) \\S+|\\(unverified\\)) by\\b", SKIP},
    {"(SG)", "^\\S+ \\(unknown\\) by \\S+ \\(SG\\) with \\b", SKIP},
    {"[local]", "^\\S+ \\(\\S+ \\[local\\]\\) by \\S+ \\(OpenSMTPD\\) with \\b", SKIP},
    {"(LSMTP for", "^", SKIP},
    {"with MailEnable", "^\\(\\[127\\.0\\.0\\.1\\]\\) with MailEnable ", SKIP},
    {"facebook.com", "^facebook\\.com \\([^)]+\\) by facebook\\.com with Thrift id \\S+$", SKIP},
    {"gmailapi", "^\\S+ named \\S+ by gmailapi\\.google\\.com with HTTPREST$", SKIP},
    {" id ", "^\\S+ id \\S+$", SKIP},
    {"(Jetsend", "^\\[<.*? \\(Jetsend", SKIP},
    {NULL, NULL, 0},
};

/* Lines that start with "FROM " or "(from ". */
static const struct format fallbacks[] = {
    {NULL, "^FROM %H \\((?:unverified|%R) \\[%I\\]\\) BY %B (?:\\([^)]+\\) WITH SMTP )?ID <?(?<id>\\S+?)>?"
           "(?: FOR <[^>]+>)?$", LOOKS_UP},
    {"(NAVGW", "^\\(from %h \\[%I\\]\\) by %B \\(NAVGW .*?\\) with ", 0},
    {NULL, "^\\(from \\S+@localhost\\) by \\S+ ", SKIP},
    {"(jqueuemail)", "^\\(from [^\\s@]+@[^)]+\\) by \\S+\\(jqueuemail\\) id [^\\s;]+", SKIP},
    {NULL, NULL, 0},
};

/* What says that the client gave a password. */
static const struct format auths[] = {
    {" by ", "(?i) with (?<auth>(?:ES|L|UTF8S|UTF8L)MTPS?A|ASMTP|HTTP[SU]?)(?: |;|$)", 0},
    {" by mx.google.com with ESMTPS id ", " id [a-z0-9]{1,4}sm[0-9]{2,9}[a-z]{3}\\.[0-9]{1,3}\\.[0-9]{4}\\."
                                          "(?:[0-6][0-9]\\.){4}[0-6][0-9].*(?<auth>version=[^ ]+ cipher=[^)]+)", 0},
    {"(AUTH: ", "^from .*?(?:\\]\\)|\\)\\]) \\(AUTH: (?<auth>LOGIN|PLAIN|DIGEST-MD5|CRAM-MD5) "
                "\\S+(?:, .*?)?\\) by ", 0},
    {"authenticated", "^from .*?(?:\\](?: \\([^)]*\\))?\\)|\\)\\]) .*?\\(.*?(?<auth>authenticated).*?\\).*? by", 0},
    {" by mail.gmx.", "from \\S* \\(%E \\S*\\) \\[%i\\] by (?<auth>mail\\.gmx\\.(?:net|com)) \\([^)]+\\) with "
                      "E?SMTP", 0},
    {"(authenticated as", "\\) by .+ \\(\\d{1,2}\\.\\d\\.\\d{3}(?:\\.\\d{1,3})?\\) \\((?<auth>authenticated) as .+\\) id ", 0},
    {"(Authenticated sender: ", "\\) \\(Authenticated sender: \\S+\\) by \\S+ \\((?<auth>[^)]+)\\) with ", 0},
    {"(account ", "(?<auth>CommuniGate) Pro (?:HTTP|SMTP|XIMSS|IMAP)", 0},
    {" with Microsoft Exchange Server ", " with Microsoft Exchange Server (?<auth>HTTP-DAV)\\b", 0},
    {" by ", "(?i) \\(via (?<auth>HTTP.?)\\)(?: |;|$)", 0},
    {NULL, NULL, 0},
};
