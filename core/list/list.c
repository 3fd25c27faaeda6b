/* Named lists: reading their entries, and looking texts and addresses up. */
#include "core/list/list_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/list/nets.h"
#include "lib/names.h"
#include "lib/regex.h"
#include "lib/store/store.h"

enum { DOMAIN_MAX = 255 };

struct pattern {
	struct regex *re;
	struct str text;
};

struct list {
	struct str name;
	struct conf_place place;
	struct lists *owner;
	bool is_state, has_parents; /* parents: there are ".domain" entries */
	bool is_used;
	struct list_scan *scan;	    /* of a state list */
	struct names *texts;	    /* value: struct str *, as written */
	struct nets nets;
	struct pattern *patterns;
	size_t pattern_count, pattern_room, entries;
};

struct lists {
	struct arena *arena;
	struct store *store;
	struct list **v;
	size_t n, room;
	struct regex_pool *pool;
};

static void read_block(struct list *l, struct conf_load *load, const struct conf_node *node);
static void read_file(struct list *l, struct conf_load *load, const struct conf_token *name);

/* ---- all lists ---- */

struct lists *lists_new(struct arena *a, struct store *store)
{
	struct lists *ls = arena_alloc(a, sizeof *ls);

	ls->arena = a;
	ls->store = store;
	ls->pool = regex_pool_new(a);
	return ls;
}

static struct list *find(const struct lists *ls, struct str name)
{
	for (size_t i = 0; i < ls->n; i++)
		if (str_eq(ls->v[i]->name, name))
			return ls->v[i];
	return NULL;
}

const struct list *lists_find(const struct lists *ls, struct str name)
{
	struct list *l = find(ls, name);

	/* Written while the configuration is read only: who asks again later has asked before. */
	if (l && !l->is_used)
		l->is_used = true;
	return l;
}

const char *lists_near(const struct lists *ls, struct arena *a, struct str name)
{
	const char **names = arena_array(a, ls->n + 1, sizeof *names);

	for (size_t i = 0; i < ls->n; i++)
		names[i] = lists_name_at(ls, i);
	return conf_near(name, names, ls->n);
}

bool lists_need(const struct lists *ls, struct str name, struct conf_load *load, struct conf_place place,
    const struct list **ret_list)
{
	const char *near;

	*ret_list = lists_find(ls, name);
	if (*ret_list)
		return true;
	near = lists_near(ls, load->arena, name);
	if (near)
		conf_error(load, place, "there is no list '%.*s'; did you mean '%s'?", STR_ARG(name), near);
	else
		conf_error(load, place, "there is no list '%.*s'; make one with: list %.*s \"FILE\"; or: list %.*s state;", STR_ARG(name),
		    STR_ARG(name), STR_ARG(name));
	return false;
}

bool lists_may_need(const struct lists *ls, struct str name, struct conf_load *load, struct conf_place place,
    const struct list **ret_list)
{
	*ret_list = NULL;
	return name.n == 0 || lists_need(ls, name, load, place, ret_list);
}

void lists_warn_unused(const struct lists *ls, struct conf_load *load)
{
	for (size_t i = 0; i < ls->n; i++)
		if (!ls->v[i]->is_used)
			conf_warning(load, ls->v[i]->place, "list '%s' is used by no filter, relay or policy", ls->v[i]->name.p);
}

size_t lists_count(const struct lists *ls)
{
	return ls->n;
}

const char *lists_name_at(const struct lists *ls, size_t i)
{
	return ls->v[i]->name.p;
}

static bool name_is_valid(struct str name)
{
	if (name.n == 0 || name.n > LIST_NAME_MAX || !is_alpha((unsigned char)name.p[0]))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_alnum((unsigned char)name.p[i]) && !strchr("._-", name.p[i]))
			return false;
	return true;
}

/* The list that a node starts, or NULL when the name is none or is taken. */
static struct list *list_new(struct lists *ls, struct conf_load *load, const struct conf_node *node)
{
	const struct conf_token *name = &node->tokens[1];
	const struct list *old;
	struct list *l;

	if (name->kind != TOKEN_WORD || !name_is_valid(name->text)) {
		conf_error(load, name->place, "%s cannot name a list; expected a letter, then letters, digits, . _ -",
		    conf_token_show(load->arena, name));
		return NULL;
	}
	old = find(ls, name->text);
	if (old) {
		conf_error(load, name->place, "list '%s' is given twice; the first one is at %s:%u", old->name.p,
		    old->place.file, old->place.line);
		return NULL;
	}
	l = arena_alloc(ls->arena, sizeof *l);
	l->name = arena_str(ls->arena, name->text);
	l->place = name->place;
	l->owner = ls;
	l->texts = names_new(ls->arena);
	return l;
}

static void keep(struct lists *ls, struct list *l)
{
	if (ls->n == ls->room) {
		struct list **more;

		ls->room = ls->room ? ls->room * 2 : 8;
		more = arena_array(ls->arena, ls->room, sizeof *more);
		if (ls->n)
			memcpy(more, ls->v, ls->n * sizeof *more);
		ls->v = more;
	}
	ls->v[ls->n++] = l;
}

void lists_add(struct lists *ls, struct conf_load *load, const struct conf_node *node)
{
	struct list *l;

	if (!conf_expect_args(load, node, 1, SIZE_MAX, "NAME { ENTRY; ... }, list NAME \"FILE\" or list NAME state"))
		return;
	l = list_new(ls, load, node);
	if (!l)
		return;
	keep(ls, l);
	if (node->n == 3 && conf_is_word(&node->tokens[2], "state") && !node->has_block) {
		l->is_state = true;
		l->scan = list_scan_new(ls->arena, ls->store, l->name, ls->pool);
		return;
	}
	if (node->n == 2 && !node->has_block)
		conf_error(load, node->end, "expected '{', the path of a file, or the word state");
	for (size_t i = 2; i < node->n; i++)
		read_file(l, load, &node->tokens[i]);
	if (node->has_block)
		read_block(l, load, node);
	nets_sort(&l->nets);
}

bool list_is_state(const struct list *l)
{
	return l->is_state;
}

size_t list_count(const struct list *l)
{
	return l->entries;
}

/* ---- entries ---- */

static void add_pattern(struct list *l, struct conf_load *load, struct str text, struct conf_place place)
{
	struct arena *a = l->owner->arena;
	struct str error;
	size_t offset;
	struct regex *re;

	if (l->pattern_count == LIST_REGEX_MAX) {
		conf_error(load, place, "more than %d patterns in list '%s'", LIST_REGEX_MAX, l->name.p);
		return;
	}
	re = regex_new(a, str_sub(text, 1, text.n - 2), REGEX_CASELESS | REGEX_NO_CAPTURE, &error, &offset);
	if (!re) {
		conf_error(load, place, "pattern %.*s: %.*s at octet %zu", STR_ARG(text), STR_ARG(error), offset + 1);
		return;
	}
	if (l->pattern_count == l->pattern_room) {
		struct pattern *more;

		l->pattern_room = l->pattern_room ? l->pattern_room * 2 : 4;
		more = arena_array(a, l->pattern_room, sizeof *more);
		if (l->pattern_count)
			memcpy(more, l->patterns, l->pattern_count * sizeof *more);
		l->patterns = more;
	}
	l->patterns[l->pattern_count++] = (struct pattern){re, text};
}

static void add_text(struct list *l, struct str text)
{
	struct str *value = arena_alloc(l->owner->arena, sizeof *value);
	struct str key = text;

	*value = text;
	if (text.p[0] == '@')
		key = str_from(text, 1);
	if (key.n && key.p[0] == '.')
		l->has_parents = true;
	names_add(l->texts, key, value);
}

/* text must live as long as the list. */
static void add_entry(struct list *l, struct conf_load *load, struct str text, struct conf_place place)
{
	struct cidr net;

	if (text.n == 0 || text.n > LIST_ENTRY_MAX) {
		conf_error(load, place, "an entry of a list has 1 to %d octets", LIST_ENTRY_MAX);
		return;
	}
	l->entries++;
	if (text.n > 2 && text.p[0] == '/' && text.p[text.n - 1] == '/')
		add_pattern(l, load, text, place);
	else if (cidr_parse(text, false, &net))
		nets_add(&l->nets, l->owner->arena, &net, text);
	else if (list_looks_like_network(text))
		conf_error(load, place, "'%.*s' is no network: wrong prefix length, or bits set behind it", STR_ARG(text));
	else
		add_text(l, text);
}

static void read_block(struct list *l, struct conf_load *load, const struct conf_node *node)
{
	for (const struct conf_node *n = node->children; n; n = n->next) {
		if (!conf_expect_block(load, n, false))
			continue;
		for (size_t i = 0; i < n->n; i++) {
			const struct conf_token *t = &n->tokens[i];

			if (t->kind != TOKEN_OP)
				add_entry(l, load, arena_str(l->owner->arena, t->text), t->place);
			else if (!str_is(t->text, ","))
				conf_error(load, t->place, "%s is wrong here; an entry with such signs needs double quotes",
				    conf_token_show(load->arena, t));
		}
	}
}

static const char *slurp(struct arena *a, const char *path, struct str *ret_text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *wrong = NULL;
	struct stat st;
	size_t n = 0;
	char *p;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) != 0)
		wrong = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		wrong = "it is no regular file";
	else if (st.st_size > LIST_FILE_BYTES)
		wrong = "it is larger than 256 MiB";
	if (!wrong) {
		ssize_t got = 1;

		p = arena_alloc(a, (size_t)st.st_size + 1);
		while (n < (size_t)st.st_size && got > 0) {
			got = read(fd, p + n, (size_t)st.st_size - n);
			n += got > 0 ? (size_t)got : 0;
		}
		if (got < 0)
			wrong = strerror(errno);
		*ret_text = (struct str){p, n};
	}
	close(fd);
	return wrong;
}

/* Without a comment: # at the start of the line or behind a blank. */
static struct str strip(struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (i == 0 || is_space((unsigned char)line.p[i - 1])))
			line.n = i;
	return str_trim(line);
}

static void read_file(struct list *l, struct conf_load *load, const struct conf_token *name)
{
	struct conf_place place = {.column = 1};
	struct str text = STR_NONE, line;
	const char *wrong;

	if (name->kind == TOKEN_OP) {
		conf_error(load, name->place, "%s is wrong here; expected the path of a file",
		    conf_token_show(load->arena, name));
		return;
	}
	place.file = conf_path(l->owner->arena, name->place, name->text).p;
	wrong = slurp(l->owner->arena, place.file, &text);
	if (wrong) {
		conf_error(load, name->place, "cannot read '%s': %s", place.file, wrong);
		return;
	}
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_from(text, 3);
	while (str_split(&text, '\n', &line)) {
		place.line++;
		line = strip(line);
		if (line.n)
			add_entry(l, load, line, place);
	}
}

/* ---- look-ups ---- */

static bool get(const struct list *l, struct str key, struct str *ret_entry)
{
	const struct str *value = names_get(l->texts, key);

	if (!value)
		return false;
	if (ret_entry)
		*ret_entry = *value;
	return true;
}

/* ".a.b.c", ".b.c", ".c" of domain "a.b.c": dotted is "." + domain. */
static bool has_parent(const struct list *l, struct str dotted, struct str *ret_entry)
{
	for (ptrdiff_t dot = 0; dot >= 0;) {
		dotted = str_from(dotted, (size_t)dot);
		if (get(l, dotted, ret_entry))
			return true;
		dot = str_chr(str_from(dotted, 1), '.');
		dot = dot < 0 ? -1 : dot + 1;
	}
	return false;
}

static bool has_domain(const struct list *l, struct str domain, struct str *ret_entry)
{
	char dotted[1 + DOMAIN_MAX];

	if (!l->has_parents || !list_is_domain(domain))
		return false;
	dotted[0] = '.';
	memcpy(dotted + 1, domain.p, domain.n);
	return has_parent(l, (struct str){dotted, domain.n + 1}, ret_entry);
}

static enum res has_pattern(const struct list *l, struct str text, struct str *ret_entry)
{
	struct regex_scratch *scratch;
	enum res found = RES_NONE;

	if (l->pattern_count == 0)
		return RES_NONE;
	scratch = regex_borrow(l->owner->pool);
	for (size_t i = 0; i < l->pattern_count && found == RES_NONE; i++)
		if (regex_match(l->patterns[i].re, scratch, text, 0, NULL) == REGEX_MATCH) {
			if (ret_entry)
				*ret_entry = l->patterns[i].text;
			found = RES_OK;
		}
	regex_give_back(l->owner->pool, scratch);
	return found;
}

enum res list_has_text(const struct list *l, struct str text, struct str *ret_entry)
{
	return list_has_text_for(l, STR(""), text, ret_entry);
}

enum res list_has_ip(const struct list *l, const struct ip *ip, struct str *ret_entry)
{
	return list_has_ip_for(l, STR(""), ip, ret_entry);
}

enum res list_has_text_for(const struct list *l, struct str rcpt, struct str text, struct str *ret_entry)
{
	struct str domain = list_domain_of(text);

	if (l->is_state)
		return list_state_has_text(l->owner->store, l->scan, l->name, rcpt, text, ret_entry);
	if (text.n && text.p[0] != '.' && get(l, text, ret_entry))
		return RES_OK;
	if (domain.n < text.n && list_is_domain(domain) && get(l, domain, ret_entry))
		return RES_OK;
	if (has_domain(l, domain, ret_entry))
		return RES_OK;
	return has_pattern(l, text, ret_entry);
}

enum res list_has_ip_for(const struct list *l, struct str rcpt, const struct ip *ip, struct str *ret_entry)
{
	const struct net *net;

	if (ip->family == 0)
		return RES_NONE;
	if (l->is_state) {
		if (ret_entry)
			*ret_entry = STR_NONE;
		return list_state_has_ip(l->owner->store, l->scan, l->name, rcpt, ip);
	}
	net = nets_find(&l->nets, ip);
	if (net && ret_entry)
		*ret_entry = net->text;
	return net ? RES_OK : RES_NONE;
}
