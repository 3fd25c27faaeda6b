/*
 * phishing: who the message pretends to come from. Names and domains of our own (those of `relay`)
 * and of the brands that are given are looked for where they do not belong:
 *
 *     filter phishing {
 *         brand "Example Bank" example-bank.com examplebank.co.uk;
 *         names board;                          a list (see list) of people whose names are borrowed
 *         except lookalike-link partners;       domains for which one check is not made
 *         disposable "throw-away";              a list of domains, beside the built-in free mail providers
 *     }
 *
 * A message from one of our own domains is none of this filter's business: DMARC tells whether it is.
 */
#include "core/content/content.h"
#include "core/filter.h"
#include "core/url/known_domains.h"
#include "core/list/list.h"
#include "core/url/lookalike.h"
#include "core/mailbox.h"
#include "core/route.h"
#include "core/text/unicode.h"

enum { PROTECTED_MAX = 500, LINKS_MAX = 100, SHOWN_MAX = 100, EXCEPTIONS_MAX = 32, BRAND_MIN = 4 };

/* The checks; each is a finding and a word of phishing.checks. */
enum check {
	CHECK_USER,
	CHECK_DOMAIN,
	CHECK_BRAND,
	CHECK_ADDRESS,
	CHECK_LOOKALIKE,
	CHECK_ENDING,
	CHECK_LINK,
	CHECK_MIXED,
	CHECK_REPLY_TO,
	CHECK_FORM,
	CHECK_FORM_BODY,
	CHECKS,
};

static const struct finding_def phishing_findings[] = {
    [CHECK_USER] = {"phishing.display-user", 3, "the display name is one of our people's, the address is not ours"},
    [CHECK_DOMAIN] = {"phishing.display-domain", 2, "the display name holds a protected domain that the address is not in"},
    [CHECK_BRAND] = {"phishing.display-brand", 2, "the display name holds a brand that the address does not belong to"},
    [CHECK_ADDRESS] = {"phishing.display-address", 1, "the display name is an address of another domain than the address"},
    [CHECK_LOOKALIKE] = {"phishing.lookalike", 3, "a domain of sender or author was made to look like a protected one"},
    [CHECK_ENDING] = {"phishing.other-ending", 0.3, "sender or author have a protected domain's name with another ending: example.co for .org"},
    [CHECK_LINK] = {"phishing.lookalike-link", 2.5, "a link goes to a domain that was made to look like a protected one"},
    [CHECK_MIXED] = {"phishing.mixed-script", 2, "a domain mixes letters of several scripts in one name"},
    [CHECK_REPLY_TO] = {"phishing.reply-to", 0.5, "answers go to a free mail provider, the author has a domain of his own"},
    [CHECK_FORM] = {"phishing.form", 3, "an attached page asks for a password"},
    [CHECK_FORM_BODY] = {"phishing.form-body", 1.5, "the message itself asks for a password"},
    {0},
};

static const struct fact_def phishing_facts[] = {
    {"sender.freemail", FACT_BOOL, STAGE_MAIL, NULL, "the envelope sender is at a free mail provider"},
    {"sender.disposable", FACT_BOOL, STAGE_MAIL, NULL, "the envelope sender is at a provider of throw-away addresses"},
    {"from.freemail", FACT_BOOL, STAGE_MESSAGE, NULL, "the author (From) is at a free mail provider"},
    {"from.disposable", FACT_BOOL, STAGE_MESSAGE, NULL, "the author (From) is at a provider of throw-away addresses"},
    {"reply-to.freemail", FACT_BOOL, STAGE_MESSAGE, NULL, "Reply-To is at a free mail provider"},
    {"phishing.checks", FACT_LIST, STAGE_MESSAGE, NULL, "checks that found something: display-user, lookalike ..."},
    {"phishing.imitates", FACT_LIST, STAGE_MESSAGE, NULL, "protected domains and brands that are imitated"},
    {"phishing.domains", FACT_LIST, STAGE_MESSAGE, NULL, "the domains that look like them"},
    {0},
};

struct protected {
	struct lookalike_host host;
	struct str name; /* of the brand, as a skeleton; "" for our own */
};

struct exception {
	enum check check;
	struct str list_name;
	struct conf_place place;
	const struct list *list;
};

struct phishing_conf {
	struct protected protected[PROTECTED_MAX]; /* own domains first */
	size_t n, own;
	struct exception except[EXCEPTIONS_MAX];
	size_t exceptions;
	bool protects_own;
	struct str names, freemail, disposable;
	const struct list *names_list, *freemail_list, *disposable_list;
};

/* ---- settings ---- */

static const char *check_word(enum check check)
{
	return phishing_findings[check].name + sizeof "phishing." - 1;
}

static void set_brand(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct phishing_conf *c = target;
	struct str name, domain;

	if (!conf_expect_args(load, node, 2, PROTECTED_MAX, "NAME DOMAIN ...") || !conf_text(load, &node->tokens[1], &name))
		return;
	for (size_t i = 2; i < node->n; i++) {
		if (!conf_text(load, &node->tokens[i], &domain))
			return;
		if (!host_is_public(domain)) {
			conf_error(load, node->tokens[i].place, "expected a domain name, not '%.*s'", STR_ARG(domain));
			return;
		}
		if (c->n == PROTECTED_MAX) {
			conf_error(load, node->tokens[i].place, "more than %d domains", PROTECTED_MAX);
			return;
		}
		lookalike_prepare(load->arena, domain_registered(domain), &c->protected[c->n].host);
		c->protected[c->n++].name = unicode_skeleton(load->arena, name);
	}
}

static void set_except(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct phishing_conf *c = target;
	struct exception *e = &c->except[c->exceptions];
	const char *words[CHECKS + 1] = {NULL};
	int check;

	for (int i = 0; i < CHECKS; i++)
		words[i] = check_word(i);
	if (!conf_expect_args(load, node, 2, 2, "CHECK LIST") || !conf_choice(load, &node->tokens[1], words, &check))
		return;
	if (c->exceptions == EXCEPTIONS_MAX) {
		conf_error(load, node->tokens[0].place, "more than %d exceptions", EXCEPTIONS_MAX);
		return;
	}
	*e = (struct exception){.check = check, .place = node->tokens[2].place};
	if (conf_text(load, &node->tokens[2], &e->list_name))
		c->exceptions++;
}

#define AT(field) offsetof(struct phishing_conf, field)
static const struct directive phishing_directives[] = {
    {.name = "brand", .type = CONF_CUSTOM, .set = set_brand, .repeats = true, .args = "NAME DOMAIN ...",
	.help = "a name that only mail from these domains may show, and domains that nobody may imitate"},
    {.name = "own-domains", .type = CONF_FLAG, .offset = AT(protects_own), .def = "on", .args = "on|off",
	.help = "the domains that we relay for are protected, too"},
    {.name = "names", .type = CONF_STRING, .offset = AT(names), .args = "LIST",
	.help = "display names of our people, as in From"},
    {.name = "freemail", .type = CONF_STRING, .offset = AT(freemail), .args = "LIST",
	.help = "domains of free mail providers, beside the built-in ones"},
    {.name = "disposable", .type = CONF_STRING, .offset = AT(disposable), .args = "LIST",
	.help = "domains of providers of throw-away addresses"},
    {.name = "except", .type = CONF_CUSTOM, .set = set_except, .repeats = true, .args = "CHECK LIST",
	.help = "addresses and domains of authors, or of links, for which a check is not made"},
    {0},
};
#undef AT

/* Our own domains go in front; ".example.org" and "*" stand for themselves without the dot, and for nothing. */
static void add_own(struct phishing_conf *c, const struct filter_env *env)
{
	for (size_t i = 0; i < routes_count(env->routes); i++) {
		const struct conf_strings *domains = &routes_at(env->routes, i)->domains;

		for (size_t k = 0; k < domains->n && c->n < PROTECTED_MAX; k++) {
			struct str domain = domains->v[k].text;

			if (str_starts(domain, STR(".")))
				domain = str_from(domain, 1);
			if (str_chr(domain, '.') <= 0)
				continue;
			c->protected[c->n++] = c->protected[c->own];
			c->protected[c->own].name = STR_NONE;
			lookalike_prepare(env->arena, domain_registered(domain), &c->protected[c->own++].host);
		}
	}
}

static bool phishing_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct phishing_conf *c = conf;
	/* One after the other: all errors in one run. */
	bool has_names = lists_may_need(env->lists, c->names, load, place, &c->names_list);
	bool has_freemail = lists_may_need(env->lists, c->freemail, load, place, &c->freemail_list);
	bool is_good = lists_may_need(env->lists, c->disposable, load, place, &c->disposable_list) && has_names && has_freemail;

	for (size_t i = 0; i < c->exceptions; i++)
		if (!lists_need(env->lists, c->except[i].list_name, load, c->except[i].place, &c->except[i].list))
			is_good = false;
	if (c->protects_own && env->routes)
		add_own(c, env);
	return is_good;
}

/* ---- telling ---- */

static bool is_in(const struct list *list, struct str text)
{
	return list && text.n && list_has_text(list, text, NULL) == RES_OK;
}

static bool is_excepted(const struct phishing_conf *c, enum check check, struct str who)
{
	for (size_t i = 0; i < c->exceptions; i++)
		if (c->except[i].check == check && is_in(c->except[i].list, who))
			return true;
	return false;
}

static bool is_told(struct session *s, enum check check)
{
	const struct fact *told = fact_find(FACTS(s), "phishing.checks");

	for (size_t i = 0; told && i < told->u.list.n; i++)
		if (str_is(told->u.list.v[i], check_word(check)))
			return true;
	return false;
}

/* Each check tells once. imitated: what is pretended; shown: where. */
static void tell(struct session *s, enum check check, struct str imitated, struct str shown)
{
	fact_add_text_once(FACTS(s), "phishing.imitates", imitated);
	if (is_told(s, check))
		return;
	fact_add_text(FACTS(s), "phishing.checks", str_of(check_word(check)));
	finding_add(s, phishing_findings[check].name, "%.*s", STR_ARG(str_sub(shown, 0, SHOWN_MAX)));
}

/* ---- who wrote it ---- */

static bool is_below(struct str host, struct str domain)
{
	return str_eq(host, domain) || (host.n > domain.n && str_ends(host, domain) && host.p[host.n - domain.n - 1] == '.');
}

static bool is_own(const struct phishing_conf *c, struct str domain)
{
	for (size_t i = 0; i < c->own; i++)
		if (is_below(domain, c->protected[i].host.domain))
			return true;
	return false;
}

static bool is_freemail(const struct phishing_conf *c, struct str domain)
{
	return domain.n && (domain_is_known(KNOWN_FREEMAIL, domain) || is_in(c->freemail_list, domain));
}

static void look_alike(const struct phishing_conf *c, struct session *s, enum check check, struct str host, struct str who)
{
	struct arena *a = s->message->arena;
	struct lookalike_host other;
	struct str shown;

	/* The large mail providers are what they are: googlemail.com is google's. */
	if (!host.n || domain_is_known(KNOWN_FREEMAIL, host) || is_excepted(c, check, who))
		return;
	lookalike_prepare(a, host, &other);
	for (size_t i = 0; i < c->n; i++) {
		enum lookalike kind = lookalike_check(&c->protected[i].host, &other);

		if (kind == LOOKALIKE_NONE || (kind == LOOKALIKE_ENDING && check == CHECK_LINK))
			continue;
		/* A domain may be like one of ours and be another of ours. */
		for (size_t k = 0; k < c->n; k++)
			if (is_below(host, c->protected[k].host.domain))
				return;
		fact_add_text_once(FACTS(s), "phishing.domains", host);
		tell(s, kind == LOOKALIKE_ENDING ? CHECK_ENDING : check, c->protected[i].host.domain,
		    arena_printf(a, "%.*s is like %.*s (%s)", STR_ARG(host), STR_ARG(c->protected[i].host.domain),
			lookalike_name(kind)));
		return;
	}
	if (domain_to_unicode(a, host, &shown) && unicode_is_mixed(shown) && !is_excepted(c, CHECK_MIXED, who))
		tell(s, CHECK_MIXED, STR_NONE, shown);
}

/* The name as words apart by blanks: "Example.org Support" holds example.org. */
static bool name_holds(struct str skeleton, struct str what)
{
	for (size_t from = 0; what.n;) {
		ptrdiff_t at = str_find(str_from(skeleton, from), what);
		size_t start = from + (size_t)at, end = start + what.n;

		if (at < 0)
			return false;
		if ((start == 0 || !is_alnum((unsigned char)skeleton.p[start - 1])) &&
		    (end == skeleton.n || !is_alnum((unsigned char)skeleton.p[end])))
			return true;
		from = end;
	}
	return false;
}

/* All domains of the brand count as its own. */
static bool belongs_to_brand(const struct phishing_conf *c, struct str name, struct str domain)
{
	for (size_t i = c->own; i < c->n; i++)
		if (str_eq(c->protected[i].name, name) && is_below(domain, c->protected[i].host.domain))
			return true;
	return false;
}

static void check_brands(const struct phishing_conf *c, struct session *s, const struct mailbox *from, struct str skeleton)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct protected *p = &c->protected[i];

		if (is_below(from->domain, p->host.domain) || (p->name.n && belongs_to_brand(c, p->name, from->domain)))
			continue;
		if (name_holds(skeleton, p->host.skeleton) && !is_excepted(c, CHECK_DOMAIN, from->address))
			tell(s, CHECK_DOMAIN, p->host.domain, from->raw);
		else if (p->name.n >= BRAND_MIN && name_holds(skeleton, p->name) &&
			 !is_excepted(c, CHECK_BRAND, from->address))
			tell(s, CHECK_BRAND, p->name, from->raw);
	}
}

/* A list that writes in the author's place: From is where the message goes to. */
static bool is_from_list(struct session *s, const struct mailbox *from)
{
	static const char *const fields[] = {"To", "Cc"};

	if (headers_get(&s->message->headers, "List-Id", 0))
		return true;
	for (size_t i = 0; i < 2; i++) {
		const struct header *h = headers_get(&s->message->headers, fields[i], 0);

		if (h && from->address.n && str_ifind(h->value, from->address) >= 0)
			return true;
	}
	return false;
}

/* "jane@example.com" <x@evil.net>. Mailing lists put the author there, and keep him in the address or say "via". */
static void check_address(const struct phishing_conf *c, struct session *s, const struct mailbox *from)
{
	struct urls found = {.most = 4};
	struct str shown;

	if (str_chr(from->name, '@') < 0 || str_ifind(from->name, STR(" via ")) >= 0 || is_from_list(s, from) ||
	    is_excepted(c, CHECK_ADDRESS, from->address))
		return;
	urls_from_text(s->message->arena, &found, from->name, URL_FROM_TEXT);
	for (size_t i = 0; i < found.n; i++) {
		if (!str_is(found.v[i].scheme, "mailto") || !found.v[i].domain.n ||
		    str_eq(found.v[i].domain, domain_registered(from->domain)))
			continue;
		shown = str_from(found.v[i].url, 7);
		if (str_find(from->local, str_sub(shown, 0, (size_t)str_chr(shown, '@'))) < 0)
			tell(s, CHECK_ADDRESS, is_own(c, found.v[i].host) ? found.v[i].host : STR_NONE, from->raw);
	}
}

static void check_author(const struct phishing_conf *c, struct session *s, const struct mailbox *from)
{
	struct str skeleton = unicode_skeleton(s->message->arena, from->name);

	look_alike(c, s, CHECK_LOOKALIKE, from->domain, from->address);
	if (is_in(c->names_list, from->name) && !is_excepted(c, CHECK_USER, from->address))
		tell(s, CHECK_USER, from->name, from->raw);
	check_brands(c, s, from, skeleton);
	check_address(c, s, from);
}

/* First address of a field; false when there is none. */
static bool first_of(struct session *s, const char *field, struct mailbox *ret_mailbox)
{
	const struct header *h = headers_get(&s->message->headers, field, 0);
	struct mailboxes list;

	if (!h)
		return false;
	mailboxes_parse(s->message->arena, h->value, &list);
	if (!list.n)
		return false;
	*ret_mailbox = list.v[0];
	return true;
}

static void check_reply_to(const struct phishing_conf *c, struct session *s, const struct mailbox *from)
{
	struct mailbox reply = {0};
	bool is_free = first_of(s, "Reply-To", &reply) && is_freemail(c, reply.domain);

	fact_set_bool(FACTS(s), "reply-to.freemail", is_free);
	if (reply.domain.n)
		look_alike(c, s, CHECK_LOOKALIKE, reply.domain, reply.address);
	if (!is_free || !from || is_freemail(c, from->domain) || is_from_list(s, from) ||
	    is_excepted(c, CHECK_REPLY_TO, from->address))
		return;
	tell(s, CHECK_REPLY_TO, STR_NONE, reply.address);
}

/* ---- what it holds ---- */

static void check_links(const struct phishing_conf *c, struct session *s, const struct urls *urls)
{
	struct str last = STR_NONE;

	for (size_t i = 0, looked = 0; i < urls->n && looked < LINKS_MAX; i++) {
		const struct url *u = &urls->v[i];

		if (str_is(u->scheme, "mailto") || str_eq(u->host, last) || is_own(c, u->host))
			continue;
		last = u->host;
		looked++;
		look_alike(c, s, CHECK_LINK, u->host, u->host);
	}
}

static bool asks_for_password(struct str html)
{
	ptrdiff_t at;

	while ((at = str_ifind(html, STR("<input"))) >= 0) {
		struct str tag;

		html = str_from(html, (size_t)at + 6);
		at = str_chr(html, '>');
		tag = str_sub(html, 0, at < 0 ? html.n : (size_t)at);
		if (str_ifind(tag, STR("password")) >= 0)
			return true;
		html = str_from(html, tag.n);
	}
	return false;
}

static bool is_html(const struct mime_part *part)
{
	return str_is(part->type, "text/html") || str_is(part->type, "application/xhtml+xml") ||
	    str_iends(part->filename, STR(".html")) || str_iends(part->filename, STR(".htm")) ||
	    str_iends(part->filename, STR(".shtml")) || str_iends(part->filename, STR(".xhtml"));
}

static void check_forms(const struct phishing_conf *c, struct session *s, struct str author)
{
	struct mime *mime = message_mime(s->message);

	for (struct mime_part *part = mime->root; part; part = mime_next(part)) {
		bool is_attached = part->filename.n || str_is(part->disposition, "attachment");
		enum check check = is_attached ? CHECK_FORM : CHECK_FORM_BODY;

		if (!mime_is_leaf(part) || !is_html(part) || is_told(s, check) || is_excepted(c, check, author))
			continue;
		if (asks_for_password(str_sub(mime_text(mime, part), 0, CONTENT_TEXT_MAX)))
			tell(s, check, STR_NONE, part->filename);
	}
}

/* ---- stages ---- */

static enum outcome phishing_mail(struct session *s, const void *conf)
{
	const struct phishing_conf *c = conf;
	struct str domain = s->message->sender.domain;

	fact_set_bool(FACTS(s), "sender.freemail", is_freemail(c, domain));
	fact_set_bool(FACTS(s), "sender.disposable", is_in(c->disposable_list, domain));
	return RUN_OK;
}

static enum outcome phishing_message(struct session *s, const void *conf)
{
	const struct phishing_conf *c = conf;
	struct mailbox from = {0};
	bool has_from = first_of(s, "From", &from), is_ours = has_from && is_own(c, from.domain);

	fact_set_bool(FACTS(s), "from.freemail", is_freemail(c, from.domain));
	fact_set_bool(FACTS(s), "from.disposable", is_in(c->disposable_list, from.domain));
	if (!is_ours && has_from)
		check_author(c, s, &from);
	if (!is_ours)
		look_alike(c, s, CHECK_LOOKALIKE, s->message->sender.domain, s->message->sender.text);
	check_reply_to(c, s, has_from ? &from : NULL);
	check_links(c, s, &message_content(s->message)->urls);
	check_links(c, s, &message_content(s->message)->more_urls);
	check_forms(c, s, from.address);
	return RUN_OK;
}

const struct filter phishing_filter = {
    .name = "phishing",
    .help = "names and domains of our own and of brands where they do not belong, look-alikes, forms, free mail",
    .directives = phishing_directives,
    .conf_size = sizeof(struct phishing_conf),
    .facts = phishing_facts,
    .findings = phishing_findings,
    .open = phishing_open,
    .run = {[STAGE_MAIL] = phishing_mail, [STAGE_MESSAGE] = phishing_message},
    .is_heavy = true,
};
