/* reevectl reload, stats and trace: questions to the roles of the running daemon. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "gateway/control.h"
#include "gateway/ctl/ctl.h"
#include "gateway/snapshot.h"
#include "lib/json.h"

enum { ROLES_MAX = 40, TRACE_DEFAULT_MS = 600000 };

/* The roles that have a control socket in the runtime folder. */
static size_t find_roles(struct ctl *ctl, const char **ret_paths)
{
	const char *folder = arena_cstr(ctl->arena, ctl_config(ctl)->runtime);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;

	while (dir && n < ROLES_MAX && (entry = readdir(dir)))
		if (str_ends(str_of(entry->d_name), STR(".sock")))
			ret_paths[n++] = arena_printf(ctl->arena, "%s/%s", folder, entry->d_name).p;
	if (dir)
		closedir(dir);
	return n;
}

static const char *role_of(struct ctl *ctl, const char *path)
{
	struct str name = str_of(strrchr(path, '/') + 1);

	return arena_cstr(ctl->arena, str_sub(name, 0, name.n - strlen(".sock")));
}

/* Once: all roles read the same configuration. arg: what was said. */
static void print_error_line(void *arg, struct str line)
{
	struct buf *said = arg;
	struct str rest = buf_str(said), old;

	while (str_split(&rest, '\n', &old))
		if (str_eq(old, line))
			return;
	buf_addf(said, "%.*s\n", STR_ARG(line));
	fprintf(stderr, "%.*s\n", STR_ARG(line));
}

static int reload_role(struct ctl *ctl, const char *path, struct buf *said)
{
	struct buf text = {0};
	enum res res = control_call(path, STR("reload"), print_error_line, said, &text);

	if (res == RES_OK)
		printf("%s: reloaded\n", role_of(ctl, path));
	else if (res != RES_NONE)
		ctl_fail("%s: %.*s", role_of(ctl, path), STR_ARG(buf_str(&text)));
	buf_free(&text);
	return res == RES_OK ? 0 : res == RES_NONE ? -1 : 1;
}

static void tell(void *said, const struct conf_load *load, bool ok)
{
	(void)ok;
	conf_errors_tell(load);
	conf_errors_print(load, said);
}

/* Before any role is asked, it is what -t would say: all take it over, or none. */
static int reload_all(struct ctl *ctl, struct buf *said)
{
	const char *paths[ROLES_MAX];
	size_t n, reached = 0;
	int status = 0;

	if (!snapshot_check(ctl->config_path, tell, said))
		return ctl_fail("nothing was reloaded: the configuration before stays in force");
	n = find_roles(ctl, paths);
	for (size_t i = 0; i < n; i++) {
		int one = reload_role(ctl, paths[i], said);

		reached += one >= 0;
		status |= one > 0;
	}
	if (status && reached)
		ctl_fail("who could not take it over goes on with the configuration it had");
	return reached ? status : ctl_fail("no daemon is running with this configuration");
}

int ctl_reload(struct ctl *ctl, int argc, char **argv)
{
	struct buf said = {0};
	int status;

	argc = ctl_options(ctl, argc, argv);
	if (argc != 1)
		return ctl_usage(ctl);
	status = reload_all(ctl, &said);
	buf_free(&said);
	return status;
}

struct stats_print {
	struct json *json; /* NULL: a table */
	const char *role;
};

/* "GROUP NAME VALUE" */
static void print_stat(void *arg, struct str line)
{
	struct stats_print *p = arg;
	struct str group, name, value;
	uint64_t number;

	if (!str_word(&line, &group) || !str_word(&line, &name) || !str_word(&line, &value) || !str_u64(value, &number))
		return;
	if (!p->json) {
		printf("%-10s %-12.*s %-20.*s %12.*s\n", p->role, STR_ARG(group), STR_ARG(name), STR_ARG(value));
		return;
	}
	json_open(p->json, '{');
	json_kv(p->json, "group", group);
	json_kv(p->json, "name", name);
	json_kv_int(p->json, "value", (int64_t)number);
	json_close(p->json);
}

static enum res print_role(struct ctl *ctl, const char *path, struct buf *out)
{
	struct json json = json_start(out);
	struct stats_print p = {ctl->json ? &json : NULL, role_of(ctl, path)};
	enum res res;

	json_open(&json, '{');
	json_kv(&json, "role", str_of(p.role));
	json_key(&json, "stats");
	json_open(&json, '[');
	res = control_call(path, STR("stats"), print_stat, &p, NULL);
	json_close(&json);
	json_close(&json);
	buf_addc(out, '\n');
	return res;
}

int ctl_stats(struct ctl *ctl, int argc, char **argv)
{
	const char *paths[ROLES_MAX];
	size_t n, reached = 0;

	argc = ctl_options(ctl, argc, argv);
	if (argc != 1)
		return ctl_usage(ctl);
	n = find_roles(ctl, paths);
	for (size_t i = 0; i < n; i++) {
		struct buf out = {0};

		if (print_role(ctl, paths[i], &out) == RES_OK) {
			reached++;
			if (ctl->json)
				ctl_print(buf_str(&out));
		}
		buf_free(&out);
	}
	return reached ? 0 : ctl_fail("no daemon is running with this configuration");
}

/* ---- trace ---- */

/* "NETWORK<TAB>SECONDS" */
static void print_trace(void *arg, struct str line)
{
	struct ctl *ctl = arg;
	struct buf out = {0};
	struct json json = json_start(&out);
	struct str net;
	uint64_t seconds;

	if (!str_split(&line, '\t', &net) || !str_u64(line, &seconds))
		return;
	if (!ctl->json) {
		printf("%.*s is traced for another %llu s\n", STR_ARG(net), (unsigned long long)seconds);
		return;
	}
	json_open(&json, '{');
	json_kv(&json, "network", net);
	json_kv_int(&json, "seconds", (int64_t)seconds);
	json_close(&json);
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
}

/* The request that the arguments mean; p NULL when they mean none. */
static struct str trace_request(struct ctl *ctl, int argc, char **argv)
{
	int64_t ms = TRACE_DEFAULT_MS;
	struct cidr net;

	if (argc == 1)
		return STR("trace");
	if (argc == 2 && strcmp(argv[1], "off") == 0)
		return STR("trace off");
	if (argc > 3 || !cidr_parse(str_of(argv[1]), true, &net)) {
		ctl_fail("expected an address or a network, not '%s'", argv[1]);
		return STR_NONE;
	}
	if (argc == 3 && (!conf_parse_duration(str_of(argv[2]), &ms) || ms < 1000)) {
		ctl_fail("expected a time such as 10m, not '%s'", argv[2]);
		return STR_NONE;
	}
	return arena_printf(ctl->arena, "trace %s %lld", argv[1], (long long)(ms / 1000));
}

int ctl_trace(struct ctl *ctl, int argc, char **argv)
{
	struct buf text = {0};
	struct str request;
	enum res res;

	argc = ctl_options(ctl, argc, argv);
	request = trace_request(ctl, argc, argv);
	if (!request.p)
		return ctl_usage(ctl);
	res = control_call(arena_printf(ctl->arena, "%.*s/gateway.sock", STR_ARG(ctl_config(ctl)->runtime)).p, request,
	    print_trace, ctl, &text);
	if (res == RES_NONE)
		ctl_fail("no daemon is running with this configuration");
	else if (res != RES_OK)
		ctl_fail("%.*s", STR_ARG(buf_str(&text)));
	buf_free(&text);
	return res == RES_OK ? 0 : 1;
}
