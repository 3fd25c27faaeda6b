/* Selections, and small texts for tables. */
#include "gateway/ctl/select.h"

#include <string.h>

static bool read_age(struct ctl *ctl, const char *text, int64_t *ret_seconds)
{
	struct conf_token t = {.kind = TOKEN_WORD, .text = str_of(text), .place = {"command line", 1, 1}};
	int64_t ms;

	if (!conf_duration(&ctl->load, &t, &ms)) {
		ctl_fail("expected a duration like 30m, 2h or 5d, not '%s'", text);
		return false;
	}
	*ret_seconds = ms / 1000;
	return true;
}

/* An option with a value; the rest are ids. */
static bool read_option(struct ctl *ctl, const char *name, const char *value, struct ctl_select *s)
{
	const struct {
		const char *name;
		const char **text;
		int64_t *age;
	} options[] = {{"--sender", &s->sender, NULL}, {"--recipient", &s->recipient, NULL},
	    {"--domain", &s->domain, NULL}, {"--older", NULL, &s->older}, {"--younger", NULL, &s->younger}};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (strcmp(name, options[i].name) != 0)
			continue;
		if (!value) {
			ctl_fail("%s needs a value", name);
			return false;
		}
		if (options[i].age)
			return read_age(ctl, value, options[i].age);
		*options[i].text = value;
		return true;
	}
	ctl_fail("unknown option %s; expected --all, --sender, --recipient, --domain, --older or --younger", name);
	return false;
}

bool ctl_select_read(struct ctl *ctl, int argc, char **argv, struct ctl_select *ret_select)
{
	const char **ids = arena_array(ctl->arena, (size_t)argc + 1, sizeof *ids);
	struct ctl_select *s = ret_select;

	*s = (struct ctl_select){.ids = ids, .older = -1, .younger = -1};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--all") == 0) {
			s->all = true;
		} else if (argv[i][0] != '-') {
			ids[s->id_count++] = argv[i];
		} else {
			if (!read_option(ctl, argv[i], i + 1 < argc ? argv[i + 1] : NULL, s))
				return false;
			i++;
		}
	}
	return true;
}

bool ctl_select_is_empty(const struct ctl_select *s)
{
	return !s->all && !s->id_count && !s->sender && !s->recipient && !s->domain && s->older < 0 && s->younger < 0;
}

struct str ctl_age(struct arena *a, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};

	for (size_t i = 0; i < 3; i++)
		if (seconds >= units[i].seconds)
			return arena_printf(a, "%lld%c", (long long)(seconds / units[i].seconds), units[i].unit);
	return arena_printf(a, "%llds", (long long)(seconds > 0 ? seconds : 0));
}

struct str ctl_bytes(struct arena *a, uint64_t bytes)
{
	if (bytes < 1024)
		return arena_printf(a, "%llu", (unsigned long long)bytes);
	if (bytes < 1024 * 1024)
		return arena_printf(a, "%lluK", (unsigned long long)(bytes / 1024));
	return arena_printf(a, "%.1fM", (double)bytes / (1024 * 1024));
}

struct str ctl_plain(struct arena *a, struct str s, size_t width)
{
	struct str copy = arena_str(a, width && s.n > width ? str_sub(s, 0, width) : s);

	for (size_t i = 0; i < copy.n; i++)
		if ((unsigned char)copy.p[i] < 32 || copy.p[i] == 127)
			((char *)copy.p)[i] = ' ';
	return copy;
}
