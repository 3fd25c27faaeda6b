/* Header texts for rules; see field.h. Each source is one function, by table. */
#include "rules/field.h"

#include "core/text/charset.h"
#include "core/mailbox.h"
#include "rules/evals/person.h"
#include "rules/rule.h"

static const struct {
	const char *name;
	enum field_source source;
	bool exact_case;
} sources[] = {
    {"ALL", FIELD_ALL, true},
    {"ALL-TRUSTED", FIELD_ALL_TRUSTED, true},
    {"ALL-INTERNAL", FIELD_ALL_INTERNAL, true},
    {"ALL-UNTRUSTED", FIELD_ALL_UNTRUSTED, true},
    {"ALL-EXTERNAL", FIELD_ALL_EXTERNAL, true},
    {"EnvelopeFrom", FIELD_ENVELOPE_FROM, false},
    {"X-Spam-Relays-Trusted", FIELD_RELAYS_TRUSTED, false},
    {"X-Spam-Relays-Untrusted", FIELD_RELAYS_UNTRUSTED, false},
    {"X-Spam-Relays-Internal", FIELD_RELAYS_INTERNAL, false},
    {"X-Spam-Relays-External", FIELD_RELAYS_EXTERNAL, false},
    {"ToCc", FIELD_TO_CC, false},
    {"MESSAGEID", FIELD_MESSAGE_ID, true},
};

struct field_spec field_spec_of(struct str name, unsigned modifiers)
{
	struct field_spec spec = {FIELD_HEADER, name, modifiers};

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		if (sources[i].exact_case ? str_is(name, sources[i].name) : str_iis(name, sources[i].name))
			spec.source = sources[i].source;
	return spec;
}

void fields_init(struct fields *f, const struct rule_target *t, struct regex_scratch *scratch)
{
	*f = (struct fields){.t = t, .scratch = scratch};
	f->decoded = arena_array(t->arena, t->headers->n, sizeof *f->decoded);
	f->has_decoded = arena_array(t->arena, t->headers->n, sizeof *f->has_decoded);
}

const struct relays *fields_relays(struct fields *f)
{
	if (f->relays)
		return f->relays;
	f->relays = arena_alloc(f->t->arena, sizeof *f->relays);
	if (f->received)
		received_read(f->received, f->scratch, f->t, f->policy, f->relays);
	return f->relays;
}

/* ---- single fields ---- */

/* CR before LF goes; the text stays as it is otherwise. */
static struct str without_cr(struct arena *a, struct str s)
{
	char *p;
	size_t n = 0;

	if (!s.n || !memchr(s.p, '\r', s.n))
		return s;
	p = arena_alloc(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] != '\n')
			p[n++] = s.p[i];
	return (struct str){p, n};
}

struct str field_raw(struct arena *a, const struct header *h)
{
	return without_cr(a, str_sub(h->value, 0, FIELD_VALUE_MAX));
}

/* A line end with the blanks behind it becomes one blank. */
struct str field_unfold(struct arena *a, struct str s)
{
	char *p;
	size_t n = 0;

	if (!s.n || !memchr(s.p, '\n', s.n))
		return str_trim(s);
	p = arena_alloc(a, s.n);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n') {
			if (n && p[n - 1] == '\r')
				n--;
			p[n++] = ' ';
			while (i + 1 < s.n && (s.p[i + 1] == ' ' || s.p[i + 1] == '\t'))
				i++;
		} else {
			p[n++] = s.p[i];
		}
	}
	return str_trim((struct str){p, n});
}

/* Fields that hold no text for people: encoded words in them are no encoded words. */
static bool is_plain(struct str name)
{
	static const char *const names[] = {"Received", "Message-ID", "Date", "Resent-Message-ID",
	    "Resent-Date", "MIME-Version", "References", "In-Reply-To"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_iis(name, names[i]))
			return true;
	return str_istarts(name, STR("List-"));
}

/* Octets that are no UTF-8 are what most programs take them for. */
static struct str as_utf8(struct arena *a, struct str s)
{
	bool bad;

	return str_is_ascii(s) || str_is_utf8(s) ? s : charset_to_utf8(a, STR("windows-1252"), s, &bad);
}

struct str field_decoded(struct fields *f, size_t index)
{
	const struct header *h = &f->t->headers->v[index];
	struct arena *a = f->t->arena;
	struct str s;

	if (f->has_decoded[index])
		return f->decoded[index];
	s = str_sub(field_unfold(a, str_sub(h->value, 0, 2 * FIELD_VALUE_MAX)), 0, FIELD_VALUE_MAX);
	s = as_utf8(a, s);
	if (!is_plain(h->name) && str_find(s, STR("=?")) >= 0)
		s = header_decode(a, s);
	f->decoded[index] = s;
	f->has_decoded[index] = true;
	return s;
}

/* ---- lists of values ---- */

/* Values found for a rule, to be cut down and joined. */
struct values {
	struct arena *arena;
	struct str *v;
	size_t n, room, bytes;
	bool are_lines; /* each gets a line end of its own */
};

static void add(struct values *out, struct str s)
{
	if (out->bytes + s.n > FIELD_TEXT_MAX)
		return;
	if (out->n == out->room) {
		size_t room = out->room ? out->room * 2 : 8;
		struct str *more = arena_array(out->arena, room, sizeof *more);
		if (out->n)
			memcpy(more, out->v, out->n * sizeof *more);
		out->v = more;
		out->room = room;
	}
	out->v[out->n++] = s;
	out->bytes += s.n;
}

/* What an earlier filter of this kind wrote about the message says nothing to rules. */
static bool is_hidden(const struct header *h)
{
	return str_istarts(h->name, STR("X-Spam-"));
}

static void add_named(struct fields *f, struct values *out, struct str name, bool raw)
{
	for (size_t i = 0; i < f->t->headers->n; i++) {
		const struct header *h = &f->t->headers->v[i];
		if (str_ieq(h->name, name) && !is_hidden(h))
			add(out, raw ? field_raw(out->arena, h) : field_decoded(f, i));
	}
}

/* "Name: value" */
static struct str named_value(struct arena *a, struct str name, struct str value)
{
	char *p = arena_alloc(a, name.n + 2 + value.n);

	memcpy(p, name.p, name.n);
	memcpy(p + name.n, ": ", 2);
	if (value.n)
		memcpy(p + name.n + 2, value.p, value.n);
	return (struct str){p, name.n + 2 + value.n};
}

static void add_all(struct fields *f, struct values *out, size_t from, size_t to, bool raw)
{
	for (size_t i = from; i < to && i < f->t->headers->n; i++) {
		const struct header *h = &f->t->headers->v[i];
		struct str value;
		if (raw) {
			value = without_cr(out->arena, h->raw);
			if (value.n && value.p[value.n - 1] == '\n')
				value.n--;
		} else if (is_hidden(h)) {
			continue;
		} else {
			value = named_value(out->arena, h->name, field_decoded(f, i));
		}
		add(out, value);
	}
}

/* Index of the n-th Received field (from 0), or the number of fields. */
static size_t received_at(const struct headers *h, long n)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_iis(h->v[i].name, "received") && n-- == 0)
			return i;
	return h->n;
}

/* What ours (trusted or internal) added, up to the field by which it came in; or from there on. */
static void add_range(struct fields *f, struct values *out, const struct field_spec *spec)
{
	const struct relays *r = fields_relays(f);
	bool raw = spec->modifiers & HEADER_RAW;
	bool is_trust = spec->source == FIELD_ALL_TRUSTED || spec->source == FIELD_ALL_UNTRUSTED;
	size_t border = received_at(f->t->headers, (is_trust ? r->last_trusted : r->last_internal) + 1);

	if (spec->source == FIELD_ALL_TRUSTED || spec->source == FIELD_ALL_INTERNAL)
		add_all(f, out, 0, border + 1, raw);
	else
		add_all(f, out, border, f->t->headers->n, raw);
}

static void add_message_ids(struct fields *f, struct values *out, bool raw)
{
	static const struct str names[] = {{"X-Message-Id", 12}, {"Resent-Message-Id", 17},
	    {"X-Original-Message-ID", 21}, {"Message-Id", 10}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		add_named(f, out, names[i], raw);
}

static void add_relays(struct fields *f, struct values *out, enum field_source source)
{
	const struct relays *r = fields_relays(f);
	size_t border = source == FIELD_RELAYS_TRUSTED || source == FIELD_RELAYS_UNTRUSTED ? r->trusted : r->internal;
	bool is_ours = source == FIELD_RELAYS_TRUSTED || source == FIELD_RELAYS_INTERNAL;

	out->are_lines = false;
	add(out, received_text(out->arena, r, is_ours ? 0 : border, is_ours ? border : r->n));
}

/* ---- the envelope ---- */

static bool first_address(struct fields *f, const char *name, struct str *ret_address, size_t *ret_index)
{
	for (size_t i = 0; i < f->t->headers->n; i++) {
		struct person item;
		if (!str_iis(f->t->headers->v[i].name, name))
			continue;
		item = person_read(f->t->arena, f->t->headers->v[i].value);
		*ret_index = i;
		if (item.address.n) {
			*ret_address = item.address;
			return true;
		}
		return false;
	}
	return false;
}

static bool is_usable(struct str address)
{
	return address.n == 0 || str_chr(address, '@') > 0;
}

/* From what receiving servers wrote down, the most reliable first. */
static bool find_envelope(struct fields *f, struct str *ret)
{
	static const char *const names[] = {"X-Envelope-From", "Envelope-Sender", "Return-Path"};
	const struct relays *r = fields_relays(f);
	const struct relay *hop = NULL;
	size_t at, first_received = received_at(f->t->headers, 0);

	if (f->envelope_header.n)
		return first_address(f, f->envelope_header.p, ret, &at) && is_usable(*ret);
	if (r->n > r->trusted)
		hop = &r->all[r->trusted];
	else if (r->trusted)
		hop = &r->all[r->trusted - 1];
	if (hop && hop->has_envfrom && is_usable(hop->envfrom)) {
		*ret = hop->envfrom;
		return true;
	}
	if (first_address(f, "X-Sender", ret, &at) && str_chr(*ret, '@') >= 0)
		for (size_t i = 0; i < f->t->headers->n; i++)
			if (str_iis(f->t->headers->v[i].name, "received") &&
			    str_find(f->t->headers->v[i].value, STR("(fetchmail")) >= 0)
				return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!first_address(f, names[i], ret, &at))
			continue;
		if (at < first_received)
			return true;
		if (i == 0)
			return false; /* behind a Received field: a later hop may have used another one */
	}
	return false;
}

static bool envelope(struct fields *f, struct str *ret)
{
	if (!f->knows_envelope) {
		f->knows_envelope = true;
		if (f->t->has_sender) {
			f->envelope = f->t->sender;
			f->has_envelope = true;
		} else {
			f->has_envelope = find_envelope(f, &f->envelope);
		}
	}
	*ret = f->envelope;
	return f->has_envelope;
}

/* ---- modifiers ---- */

static struct values addresses(const struct values *in, unsigned modifiers)
{
	struct values out = {.arena = in->arena};

	for (size_t i = 0; i < in->n; i++) {
		struct str rest = person_list(field_unfold(in->arena, in->v[i]));
		for (size_t k = 0; rest.n && k < MAILBOXES_MAX; k++) {
			size_t n = person_length(rest);
			struct person item = person_read(in->arena, str_sub(rest, 0, n));
			rest = str_from(rest, n + 1);
			if (modifiers & HEADER_ADDR && item.address.n)
				add(&out, item.address);
			else if (!(modifiers & HEADER_ADDR) && item.name.n)
				add(&out, modifiers & HEADER_RAW ? item.name : person_name(in->arena, as_utf8(in->arena, item.name)));
		}
	}
	return out;
}

/* The host of an address is what stands behind its @; in other texts it is looked for. */
static bool find_host(struct str text, bool is_address, struct str *ret_host)
{
	ptrdiff_t at = str_rchr(text, '@');

	if (!is_address)
		return registry_find_host(text, ret_host);
	*ret_host = str_from(text, (size_t)(at + 1));
	return at >= 0 && ret_host->n;
}

static struct str domain_of(const struct fields *f, struct str host)
{
	host = str_lower(f->t->arena, host);
	return f->registry ? registry_domain(f->registry, host) : domain_registered(host);
}

static void add_ip(struct values *out, struct str text, bool is_reversed)
{
	struct str written;
	struct ip ip;
	char reverse[72];

	if (!person_find_ip_text(text, &ip, &written))
		return;
	if (!is_reversed)
		add(out, written);
	else if (!str_istarts(written, STR("IPv6:")))
		add(out, arena_str(out->arena, ip_reverse(&ip, reverse)));
}

static struct values hosts(const struct fields *f, const struct values *in, unsigned modifiers)
{
	struct values out = {.arena = in->arena};

	for (size_t i = 0; i < in->n; i++) {
		struct str host;
		if (modifiers & HEADER_IP)
			add_ip(&out, in->v[i], modifiers & HEADER_REVIP);
		else if (find_host(in->v[i], modifiers & HEADER_ADDR, &host))
			add(&out, modifiers & HEADER_DOMAIN ? domain_of(f, host) : host);
	}
	return out;
}

static struct str joined(const struct values *in)
{
	struct buf out = {0};

	if (in->n == 1 && !in->are_lines)
		return in->v[0];
	for (size_t i = 0; i < in->n; i++) {
		if (i && !in->are_lines)
			buf_addc(&out, '\n');
		buf_add(&out, in->v[i]);
		if (in->are_lines)
			buf_addc(&out, '\n');
	}
	return buf_take(&out, in->arena);
}

/* Each fold as one blank, all else as it is. */
static struct str without_folds(struct arena *a, struct str s)
{
	struct buf out = {0};

	if (str_chr(s, '\n') < 0)
		return s;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\n') {
			buf_addc(&out, s.p[i]);
			continue;
		}
		while (i + 1 < s.n && is_space(s.p[i + 1]))
			i++;
		buf_addc(&out, ' ');
	}
	return buf_take(&out, a);
}

/* Fields that are several in one have no folds even when they are raw. */
static void unfold_all(struct values *out)
{
	for (size_t i = 0; i < out->n; i++)
		out->v[i] = without_folds(out->arena, out->v[i]);
}

static void collect(struct fields *f, const struct field_spec *spec, struct values *out)
{
	bool raw = spec->modifiers & (HEADER_RAW | HEADER_ADDR | HEADER_NAME);
	struct str s;

	switch (spec->source) {
	case FIELD_HEADER:
		add_named(f, out, spec->name, raw);
		break;
	case FIELD_ALL:
		add_all(f, out, 0, f->t->headers->n, spec->modifiers & HEADER_RAW);
		break;
	case FIELD_ENVELOPE_FROM:
		out->are_lines = false;
		if (envelope(f, &s))
			add(out, s);
		break;
	case FIELD_TO_CC:
		add_named(f, out, STR("To"), raw);
		add_named(f, out, STR("Cc"), raw);
		unfold_all(out);
		break;
	case FIELD_MESSAGE_ID:
		add_message_ids(f, out, raw);
		unfold_all(out);
		break;
	case FIELD_RELAYS_TRUSTED:
	case FIELD_RELAYS_UNTRUSTED:
	case FIELD_RELAYS_INTERNAL:
	case FIELD_RELAYS_EXTERNAL:
		add_relays(f, out, spec->source);
		break;
	default:
		add_range(f, out, spec);
	}
}

static bool is_section(enum field_source source)
{
	return source == FIELD_ALL || source == FIELD_ALL_TRUSTED || source == FIELD_ALL_INTERNAL ||
	    source == FIELD_ALL_UNTRUSTED || source == FIELD_ALL_EXTERNAL;
}

static bool make(struct fields *f, const struct field_spec *spec, struct str *ret_text)
{
	struct values v = {.arena = f->t->arena, .are_lines = true};
	unsigned m = is_section(spec->source) ? 0 : spec->modifiers; /* raw or not is all that a section knows */

	collect(f, spec, &v);
	if (v.n == 0)
		return false;
	if (m & (HEADER_FIRST | HEADER_LAST)) {
		v.v = m & HEADER_FIRST ? v.v : &v.v[v.n - 1];
		v.n = 1;
	}
	if (m & (HEADER_ADDR | HEADER_NAME))
		v = addresses(&v, m);
	if (m & (HEADER_HOST | HEADER_IP))
		v = hosts(f, &v, m);
	*ret_text = joined(&v);
	return v.n > 0;
}

bool field_get(struct fields *f, const struct field_spec *spec, struct str *ret_text)
{
	struct field_made *made = f->made;

	if (spec->source == FIELD_HEADER)
		return make(f, spec, ret_text);
	while (made < f->made + f->made_count && (made->source != spec->source || made->modifiers != spec->modifiers))
		made++;
	if (made == f->made + FIELDS_MADE_MAX)
		return make(f, spec, ret_text);
	if (made == f->made + f->made_count) {
		*made = (struct field_made){spec->source, spec->modifiers, STR(""), false};
		made->is_there = make(f, spec, &made->text);
		f->made_count++;
	}
	*ret_text = made->text;
	return made->is_there;
}

struct str field_text(struct fields *f, const char *name, unsigned modifiers)
{
	struct field_spec spec = field_spec_of(str_of(name), modifiers);
	struct str text;

	return field_get(f, &spec, &text) ? text : STR("");
}
