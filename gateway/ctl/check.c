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

struct checked {
	const char *path;
	bool json;
};

static void print(void *arg, const struct conf_load *load, bool ok)
{
	const struct checked *c = arg;

	if (c->json) {
		print_json(load);
		return;
	}
	conf_errors_tell(load);
	if (ok)
		printf("%s: ok%s\n", c->path, load->warnings ? ", with warnings" : "");
	else
		printf("%s: %zu error%s\n", c->path, load->errors, load->errors == 1 ? "" : "s");
}

int ctl_check(struct ctl *ctl, int argc, char **argv)
{
	struct checked c = {0};

	argc = ctl_options(ctl, argc, argv);
	if (argc > 2)
		return ctl_usage(ctl);
	c = (struct checked){argc == 2 ? argv[1] : ctl->config_path, ctl->json};
	return snapshot_check(c.path, print, &c) ? 0 : 1;
}
