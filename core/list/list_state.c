/*
 * Lists in the store: the keys of their entries, and look-ups. A look-up is one read for each form
 * in which an entry could stand (the address, its domain, ".parents", networks of some lengths),
 * first among the recipient's own entries, then among the domain's, then among those for all; then
 * those that have no such form are tried (list_scan.c).
 */
#include "core/list/list_private.h"
#include "lib/store/store.h"

static const uint8_t bits_4[] = {LIST_STATE_BITS_4}, bits_6[] = {LIST_STATE_BITS_6};

enum { SCOPES_MAX = 3 };

struct key {
	size_t n;
	char b[STORE_KEY_MAX];
};

/* ---- keys ---- */

static void key_add(struct key *k, struct str text)
{
	for (size_t i = 0; i < text.n; i++, k->n++)
		if (k->n < sizeof k->b)
			k->b[k->n] = (char)to_lower((unsigned char)text.p[i]);
}

/* "NAME@SCOPE\0ENTRY"; n is above the room when it does not fit. */
static void key_make(struct key *k, struct str name, struct str scope, struct str dot, struct str entry)
{
	k->n = 0;
	key_add(k, name);
	if (scope.n) {
		key_add(k, STR("@"));
		key_add(k, scope);
	}
	key_add(k, (struct str){"\0", 1});
	key_add(k, dot);
	key_add(k, entry);
}

/* The network as text, its address cut to the prefix; key text has the prefix always. */
static struct str network_text(const struct ip *ip, unsigned bits, char out[CIDR_TEXT_MAX])
{
	struct cidr net = cidr_of(ip, bits);

	return cidr_format(&net, out);
}

static bool bits_are_kept(const struct cidr *net)
{
	return memchr(net->ip.family == 4 ? bits_4 : bits_6, net->bits,
		   net->ip.family == 4 ? sizeof bits_4 : sizeof bits_6) != NULL;
}

bool list_looks_like_network(struct str text)
{
	struct cidr net;

	return cidr_parse(text, true, &net) ||
	       (str_chr(text, '/') > 0 && cidr_parse(str_sub(text, 0, (size_t)str_chr(text, '/')), true, &net));
}

static bool is_pattern(struct str entry)
{
	return entry.n > 2 && entry.p[0] == '/' && entry.p[entry.n - 1] == '/';
}

static void check_pattern(struct arena *a, struct str entry, const char **ret_error)
{
	struct str error;

	if (!list_pattern(a, entry, &error))
		*ret_error = arena_printf(a, "no pattern: %.*s", STR_ARG(error)).p;
}

/* How the entry stands in the key, and in which table; error when it cannot. */
static struct str entry_text(struct arena *a, struct str entry, const char **ret_table, char room[CIDR_TEXT_MAX],
    const char **ret_error)
{
	struct cidr net;

	*ret_table = LIST_STATE_TABLE;
	if (entry.n > LIST_ENTRY_MAX || memchr(entry.p ? entry.p : "", 0, entry.n))
		*ret_error = "an entry has at most 400 octets and no NUL";
	else if (is_pattern(entry)) {
		*ret_table = LIST_SCAN_TABLE;
		check_pattern(a, entry, ret_error);
	} else if (cidr_parse(entry, false, &net)) {
		*ret_table = bits_are_kept(&net) ? LIST_STATE_TABLE : LIST_SCAN_TABLE;
		return network_text(&net.ip, net.bits, room);
	} else if (entry.n && list_looks_like_network(entry))
		*ret_error = "no network: wrong prefix length, or bits set behind it";
	else if (entry.n && entry.p[0] == '@')
		return str_from(entry, 1);
	return entry;
}

bool list_state_place(struct arena *a, struct str name, struct str scope, struct str entry, struct list_place *ret_place,
    const char **ret_error)
{
	char room[CIDR_TEXT_MAX];
	struct key k;

	*ret_error = NULL;
	entry = entry_text(a, entry, &ret_place->table, room, ret_error);
	key_make(&k, name, scope, STR(""), is_pattern(entry) ? STR("") : entry);
	/* Case means something in a pattern. */
	for (size_t i = 0; is_pattern(entry) && i < entry.n; i++, k.n++)
		if (k.n < sizeof k.b)
			k.b[k.n] = entry.p[i];
	if (k.n > sizeof k.b) {
		*ret_error = "the names of list, recipient and entry are too long together";
		return false;
	}
	ret_place->key = arena_str(a, (struct str){k.b, k.n});
	ret_place->name = str_lower(a, name);
	return *ret_error == NULL;
}

/* ---- look-ups ---- */

/* "user@domain", "domain", "": where entries for this recipient may stand, the nearest first. */
static size_t scopes_of(struct str rcpt, struct str out[SCOPES_MAX])
{
	size_t n = 0;

	if (rcpt.n) {
		out[n++] = rcpt;
		if (str_rchr(rcpt, '@') >= 0)
			out[n++] = list_domain_of(rcpt);
	}
	out[n++] = STR("");
	return n;
}

static enum res has(struct store *store, struct str name, struct str scope, struct str dot, struct str entry)
{
	struct key k;

	key_make(&k, name, scope, dot, entry);
	return k.n > sizeof k.b ? RES_NONE : store_has(store, LIST_STATE_TABLE, (struct str){k.b, k.n});
}

/* ".a.b.c", ".b.c", ".c" of "a.b.c". */
static enum res has_parent(struct store *store, struct str name, struct str scope, struct str domain, struct str *ret_entry)
{
	for (int i = 0; i < LIST_PARENTS_MAX && domain.n; i++) {
		enum res res = has(store, name, scope, STR("."), domain);
		ptrdiff_t dot = str_chr(domain, '.');

		*ret_entry = domain;
		if (res != RES_NONE || dot < 0)
			return res;
		domain = str_from(domain, (size_t)dot + 1);
	}
	return RES_NONE;
}

static enum res has_text_in(struct store *store, struct str name, struct str scope, struct str text, struct str *ret_entry)
{
	struct str domain = list_domain_of(text);
	enum res res = RES_NONE;

	*ret_entry = text;
	if (text.n && text.p[0] != '.' && text.n <= LIST_ENTRY_MAX)
		res = has(store, name, scope, STR(""), text);
	if (res != RES_NONE || !list_is_domain(domain))
		return res;
	*ret_entry = domain;
	if (domain.n < text.n)
		res = has(store, name, scope, STR(""), domain);
	if (res != RES_NONE)
		return res;
	res = has_parent(store, name, scope, domain, ret_entry);
	/* With the dot, or the @ that stands for it. */
	if (ret_entry->p > text.p)
		*ret_entry = (struct str){ret_entry->p - 1, ret_entry->n + 1};
	return res;
}

enum res list_state_has_text(struct store *store, struct list_scan *scan, struct str name, struct str rcpt, struct str text,
    struct str *ret_entry)
{
	struct str scopes[SCOPES_MAX], entry = STR("");
	size_t n = scopes_of(rcpt, scopes);
	enum res res = RES_NONE;

	if (!store)
		return RES_TEMP;
	for (size_t i = 0; i < n && res == RES_NONE; i++)
		res = has_text_in(store, name, scopes[i], text, &entry);
	if (res == RES_NONE) {
		entry = text;
		res = list_scan_has(scan, scopes, n, &(struct list_wanted){.text = text});
	}
	if (res == RES_OK && ret_entry)
		*ret_entry = entry; /* a slice of the text */
	return res;
}

enum res list_state_has_ip(struct store *store, struct list_scan *scan, struct str name, struct str rcpt, const struct ip *ip)
{
	const uint8_t *bits = ip->family == 4 ? bits_4 : bits_6;
	size_t lengths = ip->family == 4 ? sizeof bits_4 : sizeof bits_6;
	struct str scopes[SCOPES_MAX];
	size_t n = scopes_of(rcpt, scopes);

	if (!store)
		return RES_TEMP;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < lengths; k++) {
			char room[CIDR_TEXT_MAX];
			enum res res = has(store, name, scopes[i], STR(""), network_text(ip, bits[k], room));

			if (res != RES_NONE)
				return res;
		}
	return list_scan_has(scan, scopes, n, &(struct list_wanted){.ip = ip});
}
