/* reevectl check: loads everything a role would load and says what is wrong. */
#include <stdio.h>

#include "gateway/ctl/ctl.h"
#include "gateway/snapshot.h"
#include "lib/json.h"

static void print_json(const struct conf_load *load)
{
	for (const struct conf_error *e = load->first; e; e = e->next) {
		struct buf out = {0};
		struct json j = json_start(&out);

		json_open(&j, '{');
		json_kv(&j, "file", str_of(e->place.file ? e->place.file : ""));
		json_kv_int(&j, "line", e->place.line);
		json_kv_int(&j, "column", e->place.column);
		json_kv(&j, "severity", e->severity == CONF_ERROR ? STR("error") : STR("warning"));
		json_kv(&j, "text", e->text);
		json_close(&j);
		buf_addc(&out, '\n');
		ctl_print(buf_str(&out));
		buf_free(&out);
	}
}

static void print_text(const struct conf_load *load, const char *path, bool ok)
{
	conf_errors_tell(load);
	if (ok)
		printf("%s: ok%s\n", path, load->warnings ? ", with warnings" : "");
	else
		printf("%s: %zu error%s\n", path, load->errors, load->errors == 1 ? "" : "s");
}

int ctl_check(struct ctl *ctl, int argc, char **argv)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	const char *path;
	struct snapshot *s;

	argc = ctl_options(ctl, argc, argv);
	if (argc > 2)
		return ctl_usage(ctl);
	path = argc == 2 ? argv[1] : ctl->config_path;
	conf_load_init(&load, a);
	s = snapshot_load(path, &(struct snapshot_world){.only_check = true}, &load, a);
	if (ctl->json)
		print_json(&load);
	else
		print_text(&load, path, s != NULL);
	if (s)
		snapshot_unref(s);
	else
		arena_free(a);
	return s ? 0 : 1;
}
