/*
 * reevectl list: lists that are kept in the store (`list NAME state`). An entry may be for everybody, or
 * with --for for the mail of one recipient or one domain. Its value is "ADDED TAB OWNER TAB COMMENT".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/list/list.h"
#include "core/settings.h"
#include "gateway/ctl/select.h"
#include "gateway/ctl/state.h"
#include "lib/clock.h"
#include "lib/json.h"

enum { COMMENT_MAX = 500, LINE_MAX_OCTETS = 2000 };

struct request {
	struct ctl *ctl;
	struct store *st;
	struct str name, scope;
	struct str owner, comment;
	int64_t ttl;
	bool all_scopes;
	size_t n;
};

/* ---- which list ---- */

static bool is_state_node(const struct conf_node *node)
{
	return node->n == 3 && str_is(node->tokens[0].text, "list") && conf_is_word(&node->tokens[2], "state");
}

static bool is_declared(struct ctl *ctl, struct str name)
{
	const char *names[64], *near;
	size_t n = 0;

	for (const struct conf_node *node = ctl_config(ctl)->root; node; node = node->next) {
		if (!is_state_node(node))
			continue;
		if (str_eq(node->tokens[1].text, name))
			return true;
		if (n < 64)
			names[n++] = arena_cstr(ctl->arena, node->tokens[1].text);
	}
	near = conf_near(name, names, n);
	ctl_fail("there is no state list '%.*s'%s%s%s; the configuration declares one with: list %.*s state;", STR_ARG(name),
	    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", STR_ARG(name));
	return false;
}

static bool is_plain(const char *what, struct str text)
{
	if (text.n > COMMENT_MAX)
		ctl_fail("%s: at most %d octets", what, COMMENT_MAX);
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 32) {
			ctl_fail("%s: no tabs and other controls", what);
			return false;
		}
	return text.n <= COMMENT_MAX;
}

/* Options and the name of the list, argv[1]; 0, or the exit status. */
static int read_request(struct ctl *ctl, struct store *st, int *argc, char **argv, struct request *ret)
{
	const char *expires = ctl_option(argc, argv, "--expires"), *comment = ctl_option(argc, argv, "--comment");
	const char *owner = ctl_option(argc, argv, "--owner"), *scope = ctl_option(argc, argv, "--for");

	*ret = (struct request){.ctl = ctl, .st = st, .comment = str_of(comment ? comment : ""),
	    .owner = str_of(owner ? owner : ""), .scope = STR("")};
	if (*argc < 2)
		return 2;
	ret->name = str_of(argv[1]);
	ret->ttl = expires ? ctl_seconds(ctl, "--expires", expires) : 0;
	if (scope && (!settings_key(ctl->arena, str_of(scope), &ret->scope) || str_is(ret->scope, "default")))
		return ctl_fail("--for: expected a domain or an address, not '%s'", scope);
	if (!is_declared(ctl, ret->name) || !is_plain("--comment", ret->comment) || !is_plain("--owner", ret->owner))
		return 1;
	return 0;
}

/* ---- add, del ---- */

static bool add_entry(struct request *r, struct str entry)
{
	struct str value = arena_printf(r->ctl->arena, "%" PRId64 "\t%.*s\t%.*s", clock_now(), STR_ARG(r->owner),
	    STR_ARG(r->comment));
	struct list_place place;
	const char *wrong = NULL;
	enum res res;

	for (size_t i = 0; i < entry.n && entry.p[0] != '/'; i++)
		if (is_space((unsigned char)entry.p[i])) {
			ctl_fail("'%.*s': an entry has no blanks; several are several arguments", STR_ARG(entry));
			return false;
		}
	if (entry.n == 0 || !list_state_place(r->ctl->arena, r->name, r->scope, entry, &place, &wrong)) {
		ctl_fail("'%.*s': %s", STR_ARG(entry), wrong ? wrong : "an entry is not empty");
		return false;
	}
	res = list_state_put(r->st, &place, value, r->ttl);
	/* A long import fills what may wait: it is written, then there is room. */
	if (res == RES_TEMP && store_flush(r->st) == RES_OK)
		res = list_state_put(r->st, &place, value, r->ttl);
	if (res == RES_PERM)
		ctl_fail("'%.*s': a state list has at most %d patterns and networks of other lengths than /8 /16 /24 /32 "
		    "(/32 /48 /56 /64 /128); put them into a list with a file", STR_ARG(entry), LIST_SCAN_MAX);
	else if (res != RES_OK)
		ctl_fail("the store cannot be reached");
	return res == RES_OK;
}

static int list_add(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct request r;
	int status = read_request(ctl, st, &argc, argv, &r);

	if (status || argc < 3)
		return status ? status : 2;
	for (int i = 2; i < argc; i++)
		status |= !add_entry(&r, str_of(argv[i]));
	return status;
}

static int list_del(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct request r;
	int status = read_request(ctl, st, &argc, argv, &r);

	if (status || argc < 3)
		return status ? status : 2;
	for (int i = 2; i < argc; i++) {
		struct list_place place;
		const char *wrong;
		enum res res = RES_NONE;

		if (list_state_place(ctl->arena, r.name, r.scope, str_of(argv[i]), &place, &wrong))
			res = list_state_delete(st, &place);
		if (res != RES_OK)
			status = ctl_fail(res == RES_TEMP ? "%s: the store cannot be reached" : "%s: is not in the list", argv[i]);
	}
	return status;
}

/* ---- show, export ---- */

struct shown {
	struct str entry, scope, added, owner, comment;
	int64_t expires;
};

/* The key is "NAME[@SCOPE]" NUL ENTRY. */
static void take_apart(const struct request *r, const struct store_entry *e, struct shown *out)
{
	ptrdiff_t nul = str_chr(e->key, '\0');
	struct str rest = e->value, part;

	*out = (struct shown){.entry = str_from(e->key, (size_t)(nul + 1)), .added = STR(""), .owner = STR(""),
	    .comment = STR(""), .expires = e->expires};
	out->scope = str_sub(e->key, 0, (size_t)nul);
	out->scope = str_from(out->scope, out->scope.n > r->name.n ? r->name.n + 1 : out->scope.n);
	if (str_split(&rest, '\t', &part))
		out->added = part;
	if (str_split(&rest, '\t', &part))
		out->owner = part;
	if (str_split(&rest, '\t', &part))
		out->comment = part;
}

static void print_json(struct buf *out, const struct shown *e)
{
	struct json j = json_start(out);
	uint64_t added = 0;

	str_u64(e->added, &added);
	json_open(&j, '{');
	json_kv(&j, "entry", e->entry);
	json_kv(&j, "for", e->scope);
	json_kv_int(&j, "added", (int64_t)added);
	json_kv_int(&j, "expires", e->expires);
	json_kv(&j, "owner", e->owner);
	json_kv(&j, "comment", e->comment);
	json_close(&j);
	buf_addc(out, '\n');
}

static bool show_entry(void *arg, const struct store_entry *entry)
{
	struct request *r = arg;
	struct arena *a = arena_new(0);
	struct buf out = {0};
	struct shown e;

	take_apart(r, entry, &e);
	if (r->n++ == 0 && !r->ctl->json)
		buf_addf(&out, "%-40s %-8s %-12s %s\n", "ENTRY", "EXPIRES", "OWNER", "FOR, COMMENT");
	if (r->ctl->json)
		print_json(&out, &e);
	else
		buf_addf(&out, "%-40.*s %-8.*s %-12.*s %.*s%s%.*s\n", STR_ARG(ctl_plain(a, e.entry, 0)),
		    STR_ARG(ctl_expiry(a, e.expires)), STR_ARG(ctl_plain(a, e.owner, 0)), STR_ARG(ctl_plain(a, e.scope, 0)),
		    e.scope.n && e.comment.n ? "  " : "", STR_ARG(ctl_plain(a, e.comment, 0)));
	ctl_print(buf_str(&out));
	buf_free(&out);
	arena_free(a);
	return true;
}

static bool export_entry(void *arg, const struct store_entry *entry)
{
	struct request *r = arg;
	struct buf out = {0};
	struct shown e;

	take_apart(r, entry, &e);
	buf_addf(&out, "%.*s\t%" PRId64 "\t%.*s\t%.*s\n", STR_ARG(e.entry), e.expires, STR_ARG(e.owner), STR_ARG(e.comment));
	ctl_print(buf_str(&out));
	buf_free(&out);
	return true;
}

/* One scope, or all of them: keys with "NAME@" follow those with "NAME\0". */
static int walk(struct request *r, bool all_scopes, bool (*each)(void *arg, const struct store_entry *entry))
{
	static const char *const tables[] = {LIST_STATE_TABLE, LIST_SCAN_TABLE};
	struct list_place place;
	const char *wrong;
	enum res res = RES_OK;

	if (!list_state_place(r->ctl->arena, r->name, r->scope, STR(""), &place, &wrong))
		return ctl_fail("%s", wrong);
	for (size_t i = 0; i < 2 && res == RES_OK; i++)
		res = store_each(r->st, tables[i], place.key, each, r);
	for (size_t i = 0; i < 2 && res == RES_OK && all_scopes; i++)
		res = store_each(r->st, tables[i], arena_printf(r->ctl->arena, "%.*s@", STR_ARG(place.name)), each, r);
	return res == RES_OK ? 0 : ctl_fail("the store cannot be reached");
}

static int show_names(struct ctl *ctl)
{
	size_t n = 0;

	for (const struct conf_node *node = ctl_config(ctl)->root; node; node = node->next)
		if (is_state_node(node)) {
			printf("%.*s\n", STR_ARG(node->tokens[1].text));
			n++;
		}
	if (n == 0 && !ctl->json)
		puts("the configuration has no state list; one is made with: list NAME state;");
	return 0;
}

static int list_show(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct request r;
	int status;

	if (argc == 1)
		return show_names(ctl);
	status = read_request(ctl, st, &argc, argv, &r);
	if (status || argc != 2)
		return status ? status : 2;
	status = walk(&r, r.scope.n == 0, show_entry);
	if (status == 0 && r.n == 0 && !ctl->json)
		puts("the list is empty");
	return status;
}

static int list_export(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct request r;
	int status = read_request(ctl, st, &argc, argv, &r);

	if (status || argc != 2)
		return status ? status : 2;
	return walk(&r, false, export_entry);
}

/* ---- import ---- */

/* "ENTRY", or what export writes; # starts a comment, as in a list's file. RES_NONE: it has expired. */
static enum res import_line(struct request *r, struct str line)
{
	struct request one = *r;
	struct str entry, part;
	uint64_t expires = 0;

	if (!str_split(&line, '\t', &entry))
		return RES_NONE;
	entry = str_trim(entry);
	if (entry.n == 0 || entry.p[0] == '#')
		return RES_NONE;
	if (entry.p[0] != '/' && str_chr(entry, ' ') > 0)
		entry = str_sub(entry, 0, (size_t)str_chr(entry, ' '));
	if (str_split(&line, '\t', &part) && str_u64(part, &expires) && expires > 0) {
		if ((int64_t)expires <= clock_now())
			return RES_NONE;
		one.ttl = (int64_t)expires - clock_now();
	}
	if (str_split(&line, '\t', &part) && part.n)
		one.owner = part;
	if (str_split(&line, '\t', &part) && part.n)
		one.comment = str_trim(part);
	if (!is_plain("comment", one.comment) || !is_plain("owner", one.owner))
		return RES_PERM;
	return add_entry(&one, entry) ? RES_OK : RES_PERM;
}

static int list_import(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	char line[LINE_MAX_OCTETS];
	struct request r;
	int status = read_request(ctl, st, &argc, argv, &r);
	size_t added = 0;
	FILE *in;

	if (status || argc != 3)
		return status ? status : 2;
	in = strcmp(argv[2], "-") == 0 ? stdin : fopen(argv[2], "r");
	if (!in)
		return ctl_fail("%s: %s", argv[2], strerror(errno));
	while (fgets(line, sizeof line, in)) {
		enum res res = import_line(&r, str_trim(str_of(line)));

		added += res == RES_OK;
		status |= res == RES_PERM;
	}
	if (in != stdin)
		fclose(in);
	if (ctl->json)
		printf("{\"count\":%zu}\n", added);
	else
		printf("%zu added\n", added);
	return status;
}

static const struct ctl_verb verbs[] = {
    {"add", list_add, true},
    {"del", list_del, true},
    {"show", list_show, false},
    {"import", list_import, true},
    {"export", list_export, false},
};

int ctl_list(struct ctl *ctl, int argc, char **argv)
{
	return ctl_state_run(ctl, argc, argv, verbs, sizeof verbs / sizeof *verbs);
}
