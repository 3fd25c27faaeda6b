/*
 * The links of a message: collected by what is written, with their writings, types, texts and hosts.
 * Called by the matcher for uri rules and by uri_detail.c.
 */
#include "rules/links.h"

enum { TYPES_MAX = 8, HOSTS_MAX = 8, TEXTS_MAX = 16, NEAR = 32 };

static void add_value(struct arena *a, struct text_list *list, struct str value, size_t most)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], value))
			return;
	if (!list->v)
		list->v = arena_array(a, most, sizeof *list->v);
	if (list->n < most)
		list->v[list->n++] = value;
}

/* Hosts of all writings, and what is registered of them. */
static void add_hosts(struct matcher *m, struct link *link)
{
	const struct text_list *cleaned = &link->values[LINK_CLEANED];
	struct arena *a = m->t->arena;
	struct str host, domain;

	link->has_hosts = true;
	for (size_t i = 0; i < cleaned->n; i++) {
		if (!url_domain(a, cleaned->v[i], &host, &domain))
			continue;
		add_value(a, &link->values[LINK_HOST], host, HOSTS_MAX);
		add_value(a, &link->values[LINK_DOMAIN], registry_domain(m->rs->registry, host), HOSTS_MAX);
	}
}

const struct text_list *link_values(struct matcher *m, struct link *link, enum link_key key)
{
	if ((key == LINK_HOST || key == LINK_DOMAIN) && !link->has_hosts)
		add_hosts(m, link);
	return &link->values[key];
}

static struct link *add_link(struct arena *a, struct links *links, struct str raw)
{
	struct link *link = arena_alloc(a, sizeof *link);

	link->raw = raw;
	add_value(a, &link->values[LINK_RAW], raw, 1);
	*links->last = link;
	links->last = &link->next;
	return link;
}

static struct link *link_of(struct arena *a, struct links *links, struct str raw)
{
	struct link **slot = &links->slots[str_hash(raw) % LINK_SLOTS], *link = *slot;
	struct text_list *cleaned;

	while (link && !str_eq(link->raw, raw))
		link = link->slot_next;
	if (link)
		return link;
	link = add_link(a, links, raw);
	cleaned = &link->values[LINK_CLEANED];
	cleaned->v = url_variants(a, raw, &cleaned->n);
	link->slot_next = *slot;
	return *slot = link;
}

static struct str type_of(const struct url *u)
{
	if (u->tag)
		return str_of(u->tag);
	return u->source == URL_FROM_HREF ? STR("a") : u->source == URL_FROM_IMAGE ? STR("img") : STR("parsed");
}

static void add_url(struct arena *a, struct links *links, const struct url *u)
{
	struct link *link = link_of(a, links, u->is_schemeless ? u->url : u->raw);
	struct str type = type_of(u);

	add_value(a, &link->values[LINK_TYPE], type, TYPES_MAX);
	if (str_is(type, "a"))
		add_value(a, &link->values[LINK_TEXT], u->anchor, TEXTS_MAX);
}

/* No writing of its own, and three types. */
static void add_signer(struct matcher *m, struct links *links, struct str domain)
{
	static const char *const types[] = {"domainkeys", "nocanon", "noclean"};
	struct arena *a = m->t->arena;
	struct link *link = add_link(a, links, arena_printf(a, "domainkeys:%.*s", STR_ARG(domain)));

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		add_value(a, &link->values[LINK_TYPE], str_of(types[i]), TYPES_MAX);
	add_value(a, &link->values[LINK_HOST], domain, 1);
	add_value(a, &link->values[LINK_DOMAIN], registry_domain(m->rs->registry, domain), 1);
	link->has_hosts = true;
}

/* Near the end, where doubles are: links to the same place stand together. */
static bool is_known_line(const struct links *links, struct str s)
{
	for (size_t i = links->line_count > NEAR ? links->line_count - NEAR : 0; i < links->line_count; i++)
		if (str_eq(links->lines[i], s))
			return true;
	return false;
}

static void make_lines(struct arena *a, struct links *links)
{
	size_t total = 0;

	for (const struct link *link = links->first; link; link = link->next)
		total += link->values[LINK_CLEANED].n;
	links->lines = arena_array(a, total + 1, sizeof *links->lines);
	for (const struct link *link = links->first; link; link = link->next) {
		const struct text_list *cleaned = &link->values[LINK_CLEANED];
		for (size_t i = 0; i < cleaned->n; i++)
			if (!is_known_line(links, cleaned->v[i]))
				links->lines[links->line_count++] = cleaned->v[i];
	}
}

const struct links *message_links(struct matcher *m)
{
	const struct urls *urls = &m->t->content->urls;
	struct links *links = m->links;
	struct str signers[SIGNERS_MAX];
	size_t n;

	if (links)
		return links;
	m->links = links = arena_alloc(m->t->arena, sizeof *links);
	links->last = &links->first;
	for (size_t i = 0; i < urls->n; i++)
		add_url(m->t->arena, links, &urls->v[i]);
	n = m->rs->detail_count ? signer_domains(m, signers) : 0;
	for (size_t i = 0; i < n; i++)
		add_signer(m, links, signers[i]);
	make_lines(m->t->arena, links);
	return links;
}

const struct str *link_lines(struct matcher *m, size_t *ret_n)
{
	const struct links *links = message_links(m);

	*ret_n = links->line_count;
	return links->lines;
}
