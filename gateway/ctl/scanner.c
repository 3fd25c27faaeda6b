/* reevectl scanner: what the running scanner does, and having it load its databases again. */
#include <stdio.h>
#include <string.h>

#include "core/scan/scan.h"
#include "gateway/ctl/ctl.h"
#include "lib/res.h"

enum { STATUS_MS = 5000, RELOAD_MS = 600000 };

/* Lines "NAME VALUE"; the value may have blanks. */
static bool next_line(struct str *text, struct str *ret_name, struct str *ret_value)
{
	struct str line;

	while (str_split(text, '\n', &line)) {
		ptrdiff_t blank = str_chr(line, ' ');

		if (blank < 0)
			continue;
		*ret_name = str_sub(line, 0, (size_t)blank);
		*ret_value = str_from(line, (size_t)blank + 1);
		return true;
	}
	return false;
}

static void print_json(struct ctl *ctl, struct str text)
{
	struct buf out = {0};
	struct json json = json_start(&out);
	struct str name, value;
	uint64_t number;

	json_open(&json, '{');
	while (next_line(&text, &name, &value))
		if (str_u64(value, &number))
			json_kv_int(&json, arena_cstr(ctl->arena, name), (int64_t)number);
		else
			json_kv(&json, arena_cstr(ctl->arena, name), value);
	json_close(&json);
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
}

static void print_text(struct str text)
{
	struct str name, value;

	while (next_line(&text, &name, &value))
		printf("%-16.*s %.*s\n", STR_ARG(name), STR_ARG(value));
}

static int status(struct ctl *ctl, struct str socket)
{
	struct str text;
	enum res res = scan_ask(socket, WIRE_STATUS, STATUS_MS, ctl->arena, &text);

	if (res == RES_NONE)
		return ctl_fail("no scanner is running with this configuration");
	if (res != RES_OK)
		return ctl_fail("the scanner: %.*s", STR_ARG(text));
	if (ctl->json)
		print_json(ctl, text);
	else
		print_text(text);
	return 0;
}

static int reload(struct ctl *ctl, struct str socket)
{
	struct str text;
	enum res res = scan_ask(socket, WIRE_RELOAD, RELOAD_MS, ctl->arena, &text);

	if (res == RES_NONE)
		return ctl_fail("no scanner is running with this configuration");
	if (res != RES_OK)
		return ctl_fail("the databases were not loaded: %.*s", STR_ARG(text));
	printf("%.*s\n", STR_ARG(text));
	return 0;
}

int ctl_scanner(struct ctl *ctl, int argc, char **argv)
{
	argc = ctl_options(ctl, argc, argv);
	if (argc == 2 && strcmp(argv[1], "status") == 0)
		return status(ctl, scan_socket(ctl->arena, ctl_config(ctl)->runtime));
	if (argc == 2 && strcmp(argv[1], "reload") == 0)
		return reload(ctl, scan_socket(ctl->arena, ctl_config(ctl)->runtime));
	return ctl_usage(ctl);
}
