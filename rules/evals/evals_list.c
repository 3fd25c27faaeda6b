/* Eval functions over the administrator's lists: welcome, block, named address and host lists. */
#include "rules/evals/evals_private.h"

static const struct eval_data *data_of(const struct eval_call *c)
{
	return c->m->rs->eval_data;
}

static bool any_in(const struct text_set *set, const struct str *v, size_t n, struct eval_call *c)
{
	if (text_set_is_empty(set))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text_set_has(set, v[i])) {
			c->text = v[i];
			return true;
		}
	}
	return false;
}

static double from_in(struct eval_call *c, enum eval_list list)
{
	struct str v[EVAL_ADDRESSES_MAX];

	if (text_set_is_empty(data_of(c)->lists[list]))
		return 0;
	return any_in(data_of(c)->lists[list], v, eval_from_addresses(c, v, EVAL_ADDRESSES_MAX), c);
}

static double to_in(struct eval_call *c, enum eval_list list)
{
	struct str v[EVAL_ADDRESSES_MAX];

	if (text_set_is_empty(data_of(c)->lists[list]))
		return 0;
	return any_in(data_of(c)->lists[list], v, eval_to_addresses(c, v, EVAL_ADDRESSES_MAX), c);
}

/* ---- lists that also name the host that may send ---- */

static bool host_matches(const struct relay *r, struct str host)
{
	struct networks nets = {0};
	struct str inner = host;

	if (host.n < 2 || host.p[0] != '[')
		return str_iends(r->rdns, host) &&
		       (r->rdns.n == host.n || r->rdns.p[r->rdns.n - host.n - 1] == '.');
	inner = str_sub(host, 1, host.n - 2);
	if (str_ieq(inner, r->ip))
		return true;
	{
		struct arena *a = arena_new(0);
		bool yes = r->addr.family && networks_add_text(a, &nets, inner) && nets.n &&
		           cidr_has(&nets.v[0].cidr, &r->addr);
		arena_free(a);
		return yes;
	}
}

/* 1: listed and sent by that host; -1: listed, but from elsewhere; 0: not listed. */
static int rcvd_verdict(struct eval_call *c, const struct rcvd_entry *list, struct str address)
{
	const struct relays *r = fields_relays(&c->m->fields);
	bool has_untrusted = r->n > r->trusted;
	size_t from = has_untrusted ? r->trusted : 0, to = has_untrusted ? r->trusted + 1 : r->n;
	int verdict = 0;

	for (; list; list = list->next) {
		if (!str_glob(address, list->address))
			continue;
		for (size_t i = from; i < to; i++)
			if (host_matches(&r->all[i], list->host))
				return 1;
		verdict = r->n ? -1 : verdict;
	}
	return verdict;
}

static int listed(struct eval_call *c, const struct rcvd_entry *list, bool with_plain)
{
	struct str v[EVAL_ADDRESSES_MAX];
	size_t n;
	int verdict = 0;

	if (!list && (!with_plain || text_set_is_empty(data_of(c)->lists[LIST_WELCOME_FROM])))
		return 0;
	n = eval_from_addresses(c, v, EVAL_ADDRESSES_MAX);
	for (size_t i = 0; i < n; i++) {
		int one = rcvd_verdict(c, list, v[i]);
		if (one > 0 || (with_plain && text_set_has(data_of(c)->lists[LIST_WELCOME_FROM], v[i])))
			return 1;
		if (one < 0 && !text_set_has(data_of(c)->lists[LIST_ALLOWS_RELAYS], v[i]))
			verdict = -1;
	}
	return verdict;
}

static double from_in_welcome(struct eval_call *c)
{
	return listed(c, data_of(c)->rcvd, true) > 0;
}

static double from_in_default_welcome(struct eval_call *c)
{
	return listed(c, data_of(c)->def_rcvd, false) > 0;
}

static double forged_in_welcome(struct eval_call *c)
{
	return listed(c, data_of(c)->rcvd, true) < 0 && listed(c, data_of(c)->def_rcvd, false) == 0;
}

static double forged_in_default_welcome(struct eval_call *c)
{
	return listed(c, data_of(c)->def_rcvd, false) < 0 && listed(c, data_of(c)->rcvd, true) == 0;
}

static double from_in_block(struct eval_call *c)
{
	return from_in(c, LIST_BLOCK_FROM);
}

static double to_in_welcome(struct eval_call *c)
{
	return to_in(c, LIST_WELCOME_TO);
}

static double to_in_block(struct eval_call *c)
{
	return to_in(c, LIST_BLOCK_TO);
}

static double to_in_more_spam(struct eval_call *c)
{
	return to_in(c, LIST_MORE_SPAM_TO);
}

static double to_in_all_spam(struct eval_call *c)
{
	return to_in(c, LIST_ALL_SPAM_TO);
}

/* ---- named lists ---- */

static double from_in_list(struct eval_call *c)
{
	const struct named_set *n = named_set_find(data_of(c)->addresses, eval_arg(c, 0));
	struct str v[EVAL_ADDRESSES_MAX];

	return n && any_in(n->set, v, eval_from_addresses(c, v, EVAL_ADDRESSES_MAX), c);
}

static double to_in_list(struct eval_call *c)
{
	const struct named_set *n = named_set_find(data_of(c)->addresses, eval_arg(c, 0));
	struct str v[EVAL_ADDRESSES_MAX];

	return n && any_in(n->set, v, eval_to_addresses(c, v, EVAL_ADDRESSES_MAX), c);
}

static double replyto_in_list(struct eval_call *c)
{
	const struct named_set *n = named_set_find(data_of(c)->addresses, eval_arg(c, 0));
	struct str v[EVAL_ADDRESSES_MAX];

	return n && any_in(n->set, v, eval_addresses(c, "Reply-To", v, 1), c);
}

static bool host_listed(const struct named_set *n, struct str host)
{
	struct ip ip;

	if (ip_parse(host, &ip))
		return text_set_has(n->set, host);
	for (;;) {
		ptrdiff_t dot = str_chr(host, '.');
		if (text_set_has(n->except, host))
			return false;
		if (text_set_has(n->set, host))
			return true;
		if (dot < 0)
			return false;
		host = str_from(host, (size_t)dot + 1);
	}
}

static double uri_host(struct eval_call *c, struct str name)
{
	const struct named_set *n = named_set_find(data_of(c)->hosts, name);
	const struct content *content = c->m->t->content;

	for (size_t i = 0; n && content && i < content->urls.n; i++) {
		const struct url *u = &content->urls.v[i];
		if (u->host.n && !str_is(u->scheme, "mailto") && host_listed(n, u->host)) {
			c->text = u->host;
			return 1;
		}
	}
	return 0;
}

static double uri_host_listed(struct eval_call *c)
{
	return uri_host(c, eval_arg(c, 0));
}

static double uri_host_in_block(struct eval_call *c)
{
	return uri_host(c, STR("BLOCK"));
}

static double uri_host_in_welcome(struct eval_call *c)
{
	return uri_host(c, STR("WELCOME"));
}

static double subject_in(struct eval_call *c, struct str list)
{
	const struct named_set *n = named_set_find(data_of(c)->addresses, list);
	struct str subject;

	if (!n)
		return 0;
	subject = str_lower(c->m->t->arena, str_trim(eval_header(c, "Subject", 0)));
	return text_set_has(n->set, subject);
}

static double subject_in_welcome(struct eval_call *c)
{
	return subject_in(c, STR("%subject+"));
}

static double subject_in_block(struct eval_call *c)
{
	return subject_in(c, STR("%subject-"));
}

/* ---- bounces of our own mail ---- */

static double have_bounce_relays(struct eval_call *c)
{
	return !text_set_is_empty(data_of(c)->lists[LIST_BOUNCE_RELAYS]);
}

/* A relay of ours in a Received field quoted in the text. */
static bool names_relay(struct eval_call *c, struct str line)
{
	struct str word;

	while (str_word(&line, &word))
		if (str_chr(word, '.') > 0 &&
		    text_set_has(data_of(c)->lists[LIST_BOUNCE_RELAYS], str_lower(c->m->t->arena, word)))
			return true;
	return false;
}

static double bounce_relays(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	struct str text = str_from(c->m->t->message, c->m->t->headers->body), line;
	bool in_received = false;

	if (have_bounce_relays(c) == 0)
		return 0;
	for (size_t i = 0; content && i < content->body_count; i++)
		if (str_ifind(content->body[i], STR("Received:")) >= 0 && names_relay(c, content->body[i]))
			return 1;
	while (str_split(&text, '\n', &line)) {
		bool continues = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
		while (!continues && line.n && (line.p[0] == '>' || line.p[0] == ' '))
			line = str_from(line, 1);
		in_received = str_istarts(line, STR("Received:")) || (in_received && continues);
		if (in_received && names_relay(c, line))
			return 1;
	}
	return 0;
}

/* A link through a service that shortens links. */
static double short_url(struct eval_call *c)
{
	const struct content *content = c->m->t->content;

	for (size_t i = 0; content && i < content->urls.n; i++) {
		const struct url *u = &content->urls.v[i];
		struct str host = str_istarts(u->host, STR("www.")) ? str_from(u->host, 4) : u->host;
		if (host.n && text_set_has(data_of(c)->lists[LIST_SHORTENERS], host)) {
			c->text = u->url;
			return 1;
		}
	}
	return 0;
}

const struct eval_def eval_list_table[] = {
    {"check_forged_in_default_welcomelist", forged_in_default_welcome, NULL},
    {"check_forged_in_default_whitelist", forged_in_default_welcome, NULL},
    {"check_forged_in_welcomelist", forged_in_welcome, NULL},
    {"check_forged_in_whitelist", forged_in_welcome, NULL},
    {"check_from_in_blacklist", from_in_block, NULL},
    {"check_from_in_blocklist", from_in_block, NULL},
    {"check_from_in_default_welcomelist", from_in_default_welcome, NULL},
    {"check_from_in_default_whitelist", from_in_default_welcome, NULL},
    {"check_from_in_list", from_in_list, NULL},
    {"check_from_in_welcomelist", from_in_welcome, NULL},
    {"check_from_in_whitelist", from_in_welcome, NULL},
    {"check_replyto_in_list", replyto_in_list, NULL},
    {"check_subject_in_blacklist", subject_in_block, NULL},
    {"check_subject_in_blocklist", subject_in_block, NULL},
    {"check_subject_in_welcomelist", subject_in_welcome, NULL},
    {"check_subject_in_whitelist", subject_in_welcome, NULL},
    {"check_to_in_all_spam", to_in_all_spam, NULL},
    {"check_to_in_blacklist", to_in_block, NULL},
    {"check_to_in_blocklist", to_in_block, NULL},
    {"check_to_in_list", to_in_list, NULL},
    {"check_to_in_more_spam", to_in_more_spam, NULL},
    {"check_to_in_welcomelist", to_in_welcome, NULL},
    {"check_to_in_whitelist", to_in_welcome, NULL},
    {"check_uri_host_in_blacklist", uri_host_in_block, NULL},
    {"check_uri_host_in_blocklist", uri_host_in_block, NULL},
    {"check_uri_host_in_welcomelist", uri_host_in_welcome, NULL},
    {"check_uri_host_in_whitelist", uri_host_in_welcome, NULL},
    {"check_uri_host_listed", uri_host_listed, NULL},
    {"check_welcomelist_bounce_relays", bounce_relays, NULL},
    {"check_whitelist_bounce_relays", bounce_relays, NULL},
    {"have_any_bounce_relays", have_bounce_relays, NULL},
    {"short_url", short_url, "links are recognised, not followed"},
    {NULL, NULL, NULL},
};
