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
		      "  man reevectl     the manual page of this program\n"
		      "\nreevectl alone lists its commands.\n");
}

/* A command, and whatever else has the name. */
static bool explain(struct ctl *ctl, const char *name, struct buf *out, const char **ret_near)
{
	const struct ctl_command *command = ctl_command_find(name);
	struct buf more = {0};
	bool found = manual_explain(ctl->arena, str_of(name), &more, ret_near);

	if (command)
		ctl_command_text(command, out);
	if (found && command)
		buf_addc(out, '\n');
	if (found)
		buf_add(out, buf_str(&more));
	buf_free(&more);
	return found || command;
}

static int page(struct ctl *ctl, const char *name, struct buf *out)
{
	if (!name || strcmp(name, "mailreeve.conf") == 0)
		manual_page(ctl->arena, out);
	else if (strcmp(name, "reevectl") == 0)
		ctl_commands_page(out);
	else
		return ctl_fail("there is no page '%s'; expected mailreeve.conf or reevectl", name);
	return 0;
}

static int unknown(const char *name, const char *near)
{
	if (near)
		return ctl_fail("nothing is called '%s'; did you mean '%s'?", name, near);
	return ctl_fail("nothing is called '%s'; reevectl help lists the topics", name);
}

int ctl_help(struct ctl *ctl, int argc, char **argv)
{
	const char *near, *name;
	struct buf out = {0};
	int status = 0;
	bool is_page;

	argc = ctl_options(ctl, argc, argv);
	name = argc > 1 ? argv[1] : "help";
	is_page = strcmp(name, "man") == 0;
	if (argc > (is_page ? 3 : 2))
		return ctl_usage(ctl);
	if (argc < 2)
		overview(&out);
	else if (is_page)
		status = page(ctl, argv[2], &out);
	else if (!explain(ctl, name, &out, &near))
		status = unknown(name, near);
	if (status == 0)
		print(ctl, name, &out);
	else
		buf_free(&out);
	return status;
}
