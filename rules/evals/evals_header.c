/* Eval functions over header fields. */
#include "rules/evals/evals_private.h"

#include <stdlib.h>

#include "core/mailbox.h"

size_t eval_addresses(struct eval_call *c, const char *name, struct str *out, size_t most)
{
	struct str text = eval_header(c, name, HEADER_ADDR), line;
	size_t n = 0;

	if (!text.n)
		return 0;
	while (n < most && str_split(&text, '\n', &line))
		if (line.n)
			out[n++] = str_lower(c->m->t->arena, line);
	return n;
}

static size_t add_unique(struct eval_call *c, const char *name, struct str *out, size_t n, size_t most)
{
	struct str found[EVAL_ADDRESSES_MAX];
	size_t count = eval_addresses(c, name, found, EVAL_ADDRESSES_MAX);

	for (size_t i = 0; i < count && n < most; i++) {
		size_t k = 0;
		while (k < n && !str_eq(out[k], found[i]))
			k++;
		if (k == n)
			out[n++] = found[i];
	}
	return n;
}

size_t eval_from_addresses(struct eval_call *c, struct str *out, size_t most)
{
	static const char *const names[] = {"From", "Envelope-Sender", "Resent-Sender", "X-Envelope-From",
	    "EnvelopeFrom"};
	size_t n = eval_has_header(c, "Resent-From") ? add_unique(c, "Resent-From", out, 0, 1) : 0;

	for (size_t i = 0; n == 0 && i == 0; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			n = add_unique(c, names[k], out, n, most);
	return n;
}

size_t eval_to_addresses(struct eval_call *c, struct str *out, size_t most)
{
	static const char *const names[] = {"To", "Apparently-To", "Delivered-To", "Envelope-Recipients",
	    "Apparently-Resent-To", "X-Envelope-To", "Envelope-To", "X-Delivered-To", "X-Original-To",
	    "X-Rcpt-To", "X-Real-To", "Cc"};
	size_t n = add_unique(c, "Resent-To", out, 0, most);

	n = add_unique(c, "Resent-Cc", out, n, most);
	for (size_t i = 0; n == 0 && i == 0; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			n = add_unique(c, names[k], out, n, most);
	return n;
}

static double missing_to(struct eval_call *c)
{
	return !eval_header(c, "To", 0).n && !eval_header(c, "Apparently-To", 0).n;
}

static struct str first_line(struct str s)
{
	struct str line;

	return s.n && str_split(&s, '\n', &line) ? line : STR("");
}

static double matching_env_and_from(struct eval_call *c)
{
	return str_ieq(first_line(eval_header(c, "EnvelopeFrom", HEADER_ADDR)),
	    first_line(eval_header(c, "From", HEADER_ADDR)));
}

/* The last two labels of the domain; "" when there is none. */
static struct str second_level(struct str address)
{
	ptrdiff_t at = str_rchr(address, '@'), dot;
	struct str domain = at < 0 ? STR("") : str_from(address, (size_t)at + 1), rest;

	dot = str_rchr(domain, '.');
	if (dot <= 0)
		return domain;
	rest = str_sub(domain, 0, (size_t)dot);
	dot = str_rchr(rest, '.');
	return dot < 0 ? domain : str_from(domain, (size_t)dot + 1);
}

static double equal_from_domains(struct eval_call *c)
{
	struct str from = second_level(first_line(eval_header(c, "From", HEADER_ADDR)));
	struct str envelope = second_level(first_line(eval_header(c, "EnvelopeFrom", HEADER_ADDR)));

	return from.n && envelope.n && !str_ieq(from, envelope);
}

static double subject_is_all_caps(struct eval_call *c)
{
	struct str s = str_trim(eval_header(c, "Subject", 0));
	size_t letters = 0;
	bool has_blank = false;

	if (eval_like(c, P_REPLY_PREFIX, s))
		s = str_from(s, eval_group(c, s, 0).n);
	for (size_t i = 0; i < s.n; i++) {
		has_blank |= is_space(s.p[i]);
		if (s.p[i] >= 'a' && s.p[i] <= 'z')
			return 0;
		letters += is_alpha(s.p[i]);
	}
	if (!has_blank || s.n < 10 || eval_like(c, P_CAPS_CHARSET, eval_header(c, "Subject", HEADER_RAW)))
		return 0;
	return letters > 0;
}

static bool is_boundary(struct str text, size_t at, size_t n)
{
	bool before = at == 0 || !(is_alnum(text.p[at - 1]) || text.p[at - 1] == '_');
	bool after = at + n >= text.n || !(is_alnum(text.p[at + n]) || text.p[at + n] == '_');

	return before && after;
}

static bool holds_word(struct str text, struct str word)
{
	for (size_t i = 0; word.n && i + word.n <= text.n; i++)
		if (str_ieq(str_sub(text, i, word.n), word) && is_boundary(text, i, word.n))
			return true;
	return false;
}

/* The user's name where a salutation puts it. */
static bool names_user(struct str subject, struct str user)
{
	struct str s = str_trim(subject), rest;

	if (!user.n)
		return false;
	if (str_ieq(s, user))
		return true;
	if (str_starts(s, user)) {
		rest = str_from(s, user.n);
		while (rest.n && is_space(rest.p[0]))
			rest = str_from(rest, 1);
		if (rest.n && strchr(",:;!?-", rest.p[0]) && (rest.n == 1 || is_space(rest.p[1])))
			return true;
	}
	if ((str_istarts(s, STR("re:")) || str_istarts(s, STR("fw:"))) && str_iends(s, user))
		return str_ieq(str_trim(str_from(s, 3)), user);
	return false;
}

static double to_in_subject(struct eval_call *c)
{
	struct str to = first_line(eval_header(c, "To", HEADER_ADDR));
	struct str subject = eval_header(c, "Subject", 0);
	ptrdiff_t at = str_chr(to, '@');

	if (!to.n)
		return 0;
	if (str_is(eval_arg(c, 0), "address"))
		return holds_word(subject, to);
	return str_is(eval_arg(c, 0), "user") && names_user(subject, at < 0 ? to : str_sub(to, 0, (size_t)at));
}

static double header_count(struct eval_call *c)
{
	const struct headers *h = c->m->t->headers;
	struct str seen[64], name = eval_arg(c, 0);
	size_t n = 0;

	for (size_t i = 0; i < h->n && n < 64; i++) {
		size_t k = 0;
		if (!str_ieq(h->v[i].name, name))
			continue;
		while (k < n && !str_eq(seen[k], h->v[i].value))
			k++;
		if (k == n)
			seen[n++] = h->v[i].value;
	}
	return (double)n >= eval_number(c, 1, 0) && (double)n <= eval_number(c, 2, 1e9);
}

static double unresolved_template(struct eval_call *c)
{
	struct str all = eval_header(c, "ALL", 0), line;

	while (str_split(&all, '\n', &line))
		if (str_chr(line, '%') >= 0 && eval_like(c, P_TEMPLATE, line) &&
		    !eval_like(c, P_TEMPLATE_EXEMPT, line))
			return 1;
	return 0;
}

static double ratware_name_id(struct eval_call *c)
{
	struct str id = eval_header(c, "MESSAGEID", 0), from = eval_header(c, "From", 0), address;

	if (!eval_like(c, P_RATWARE_ID, id))
		return 0;
	address = eval_group(c, id, 1);
	return eval_like(c, P_RATWARE_FROM, from) && str_eq(eval_group(c, from, 1), address);
}

/* VERP that was made by hand: the recipient's domain, one octet, and name before the @. */
static double ratware_envelope_from(struct eval_call *c)
{
	struct str to = first_line(eval_header(c, "To", HEADER_ADDR));
	struct str from = first_line(eval_header(c, "EnvelopeFrom", HEADER_ADDR)), domain, user;
	ptrdiff_t at = str_chr(to, '@');

	if (!from.n || at <= 0 || str_istarts(from, STR("SRS0=")) || str_istarts(from, STR("SRS1=")))
		return 0;
	user = str_sub(to, 0, (size_t)at);
	domain = domain_registered(str_lower(c->m->t->arena, str_from(to, (size_t)at + 1)));
	for (size_t i = 0; i + domain.n + user.n + 2 <= from.n; i++) {
		struct str tail = str_from(from, i + domain.n + 1);
		if (str_ieq(str_sub(from, i, domain.n), domain) && is_boundary(from, i, 0) &&
		    str_istarts(tail, user) && tail.n > user.n && tail.p[user.n] == '@')
			return 1;
	}
	return 0;
}

static double illegal_chars(struct eval_call *c)
{
	struct str name = eval_arg(c, 0), text;
	size_t illegal = 0, exempt = 0, controls = 0;
	bool has_8bit = false;

	if (str_ends(name, STR(":raw")))
		name = str_sub(name, 0, name.n - 4);
	text = eval_header(c, arena_cstr(c->m->t->arena, name), HEADER_RAW);
	if (!str_trim(text).n)
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char ch = (unsigned char)text.p[i];
		bool is_control = ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r';
		controls += is_control;
		illegal += is_control || ch >= 0x7f;
		has_8bit |= ch >= 0x80;
		exempt += ch == 0xa2 || ch == 0xa3 || ch == 0xae;
	}
	if (has_8bit && str_is_utf8(text) && !controls)
		return 0;
	if (illegal && str_iis(name, "subject") && exempt == 1)
		illegal--;
	return (double)illegal / (double)text.n >= eval_number(c, 1, 0) && (double)illegal >= eval_number(c, 2, 0);
}

/* ---- recipients that look like a sorted list ---- */

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t all_recipients(struct eval_call *c, struct str *out)
{
	size_t n = eval_addresses(c, "ToCc", out, EVAL_ADDRESSES_MAX), kept = 0;

	if (n < 5)
		n += eval_addresses(c, "Bcc", out + n, EVAL_ADDRESSES_MAX - n);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !str_ieq(out[kept - 1], out[i]))
			out[kept++] = out[i];
	return kept;
}

static double similarity(const struct str *v, size_t n)
{
	size_t hits = 0, pairs = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++, pairs++) {
			ptrdiff_t ai = str_chr(v[i], '@'), ak = str_chr(v[k], '@');
			struct str hi = ai < 0 ? STR("") : str_from(v[i], (size_t)ai + 1);
			struct str hk = ak < 0 ? STR("") : str_from(v[k], (size_t)ak + 1);
			hits += str_eq(str_sub(v[i], 0, 2), str_sub(v[k], 0, 2));
			hits += str_eq(str_sub(hi, 0, 2), str_sub(hk, 0, 2)) && !str_eq(hi, hk);
		}
	}
	return pairs ? (double)hits / (double)pairs : 0;
}

static struct eval_state *look_at_recipients(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);
	struct str v[EVAL_ADDRESSES_MAX], sorted[EVAL_ADDRESSES_MAX];
	size_t n;

	if (s->has_recipients)
		return s;
	s->has_recipients = true;
	n = all_recipients(c, v);
	memcpy(sorted, v, n * sizeof *v);
	qsort(sorted, n, sizeof *sorted, by_text);
	s->sorted = n >= 7;
	for (size_t i = 0; i < n && s->sorted; i++)
		s->sorted = str_eq(v[i], sorted[i]);
	s->similar = n >= 5 ? similarity(v, n) : 0;
	return s;
}

static double sorted_recipients(struct eval_call *c)
{
	return look_at_recipients(c)->sorted;
}

static double similar_recipients(struct eval_call *c)
{
	double value = look_at_recipients(c)->similar;

	return value >= eval_number(c, 0, -1) && value < eval_number(c, 1, 1e9);
}

static double mailfrom_matches_rcvd(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);
	struct arena *a = c->m->t->arena;
	struct str sender = first_line(eval_header(c, "EnvelopeFrom", HEADER_ADDR)), domain;
	ptrdiff_t at = str_rchr(sender, '@');
	bool has_untrusted = r->n > r->trusted;

	if (at < 0 || str_chr(str_from(sender, (size_t)at), '.') < 0)
		return 0;
	domain = domain_registered(str_lower(a, str_from(sender, (size_t)at + 1)));
	for (size_t i = has_untrusted ? r->trusted : 0; i < (has_untrusted ? r->trusted + 1 : r->n); i++)
		if (r->all[i].rdns.n && str_eq(domain_registered(str_lower(a, r->all[i].rdns)), domain))
			return 1;
	return 0;
}

static double messageid_not_usable(struct eval_call *c)
{
	return eval_like(c, P_LEAVE, str_trim(eval_header(c, "List-Unsubscribe", 0))) ||
	       eval_like(c, P_CWT, eval_header(c, "Received", 0));
}

/* ok_locales is "all" unless an administrator says otherwise: nothing is far away. */
static double never(struct eval_call *c)
{
	(void)c;
	return 0;
}

const struct eval_def eval_header_table[] = {
    {"check_equal_from_domains", equal_from_domains, NULL},
    {"check_for_faraway_charset", never, "ok_locales is taken as all"},
    {"check_for_faraway_charset_in_headers", never, "ok_locales is taken as all"},
    {"check_for_illegal_ip", never, NULL},
    {"check_for_matching_env_and_hdr_from", matching_env_and_from, NULL},
    {"check_for_missing_to_header", missing_to, NULL},
    {"check_for_to_in_subject", to_in_subject, NULL},
    {"check_for_unique_subject_id", never, NULL},
    {"check_header_count_range", header_count, NULL},
    {"check_illegal_chars", illegal_chars, NULL},
    {"check_mailfrom_matches_rcvd", mailfrom_matches_rcvd, NULL},
    {"check_messageid_not_usable", messageid_not_usable, NULL},
    {"check_ratware_envelope_from", ratware_envelope_from, NULL},
    {"check_ratware_name_id", ratware_name_id, NULL},
    {"check_unresolved_template", unresolved_template, NULL},
    {"html_charset_faraway", never, "ok_locales is taken as all"},
    {"similar_recipients", similar_recipients, NULL},
    {"sorted_recipients", sorted_recipients, NULL},
    {"subject_is_all_caps", subject_is_all_caps, NULL},
    {NULL, NULL, NULL},
};
