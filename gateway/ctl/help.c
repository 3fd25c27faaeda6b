/* reevectl help: the manual by topic or by name. */
#include <stdio.h>

#include "gateway/ctl/ctl.h"
#include "gateway/manual.h"
#include "lib/json.h"

static void print(const struct ctl *ctl, const char *name, struct buf *text)
{
	struct buf out = {0};
	struct json j;

	if (!ctl->json) {
		ctl_print(buf_str(text));
		buf_free(text);
		return;
	}
	j = json_start(&out);
	json_open(&j, '{');
	json_kv(&j, "name", str_of(name));
	json_kv(&j, "text", buf_str(text));
	json_close(&j);
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
	buf_free(text);
}

static void overview(struct buf *out)
{
	buf_adds(out, "reevectl help TOPIC, or the name of anything:\n\n");
	manual_topics(out);
	buf_adds(out, "  man              all of it as the manual page mailreeve.conf(5)\n"
		      "\nreevectl alone lists its commands.\n");
}

/* A command, and whatever else has the name. */
static bool explain(struct ctl *ctl, const char *name, struct buf *out, const char **ret_near)
{
	bool is_command = ctl_command_text(name, out);
	struct buf more = {0};
	bool found = manual_explain(ctl->arena, str_of(name), &more, ret_near);

	if (found && is_command)
		buf_addc(out, '\n');
	if (found)
		buf_add(out, buf_str(&more));
	buf_free(&more);
	return found || is_command;
}

int ctl_help(struct ctl *ctl, int argc, char **argv)
{
	struct buf out = {0};
	const char *near;

	argc = ctl_options(ctl, argc, argv);
	if (argc > 2) {
		ctl_fail("usage: reevectl help [TOPIC|NAME]");
		return 2;
	}
	if (argc < 2)
		overview(&out);
	else if (strcmp(argv[1], "man") == 0)
		manual_page(ctl->arena, &out);
	else if (!explain(ctl, argv[1], &out, &near)) {
		buf_free(&out);
		if (near)
			return ctl_fail("nothing is called '%s'; did you mean '%s'?", argv[1], near);
		return ctl_fail("nothing is called '%s'; reevectl help lists the topics", argv[1]);
	}
	print(ctl, argc > 1 ? argv[1] : "help", &out);
	return 0;
}
