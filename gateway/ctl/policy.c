/* reevectl policy: settings of recipients, domains and all, as far as they are kept in the store. */
#include <stdio.h>

#include "core/settings.h"
#include "gateway/ctl/state.h"
#include "gateway/snapshot.h"
#include "lib/json.h"

/* What the store has of it; RES_NONE: nothing. */
static enum res get(struct ctl *ctl, struct store *st, const char *who, struct str *ret_key, struct settings_values *ret_values)
{
	struct store_entry entry;
	enum res res;

	*ret_values = (struct settings_values){0};
	if (!settings_key(ctl->arena, str_of(who), ret_key)) {
		ctl_fail("'%s' is wrong here; expected an address, a domain or default", who);
		return RES_PERM;
	}
	res = store_get(st, SETTINGS_TABLE, *ret_key, ctl->arena, &entry);
	if (res == RES_OK)
		settings_read(entry.value, ret_values);
	if (res == RES_TEMP)
		ctl_fail("the store cannot be reached");
	return res;
}

static int put(struct ctl *ctl, struct store *st, struct str key, const struct settings_values *values)
{
	struct str text = settings_write(ctl->arena, values);
	enum res res = text.n ? store_put(st, SETTINGS_TABLE, key, text, 0) : store_delete(st, SETTINGS_TABLE, key);

	return res == RES_TEMP ? ctl_fail("the store cannot be reached") : 0;
}

static struct str joined(struct arena *a, int n, char **words)
{
	struct buf out = {0};

	for (int i = 0; i < n; i++)
		buf_addf(&out, "%s%s", i ? " " : "", words[i]);
	return buf_take(&out, a);
}

static int unknown_setting(struct ctl *ctl, const char *name)
{
	const char *names[SETTINGS], *near;

	for (int i = 0; i < SETTINGS; i++)
		names[i] = settings_directives[i].name;
	near = conf_near(str_of(name), names, SETTINGS);
	return ctl_fail("there is no setting '%s'%s%s%s; expected %s", name, near ? "; did you mean '" : "", near ? near : "",
	    near ? "'?" : "", conf_names_text(ctl->arena, names, SETTINGS));
}

/* A filter that is spelled wrongly would go on working for the recipient. */
static bool knows_filters(struct ctl *ctl, struct str names)
{
	const char *near;
	struct str name;

	while (str_word(&names, &name))
		if (!snapshot_knows_filter(ctl_config(ctl), ctl->arena, name, &near)) {
			ctl_fail("there is no filter '%.*s'%s%s%s", STR_ARG(name), near ? "; did you mean '" : "",
			    near ? near : "", near ? "'?" : "; reevectl help filters lists them");
			return false;
		}
	return true;
}

static int policy_set(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct settings_values values;
	struct str key, value;
	int row;

	if (argc < 4)
		return 2;
	row = settings_row(str_of(argv[2]));
	if (row < 0)
		return unknown_setting(ctl, argv[2]);
	value = joined(ctl->arena, argc - 3, argv + 3);
	if (settings_wrong(row, value))
		return ctl_fail("%s: '%.*s' is wrong here; %s", argv[2], STR_ARG(value), settings_wrong(row, value));
	if (row == SETTING_FILTERS_OFF && !knows_filters(ctl, value))
		return 1;
	if (get(ctl, st, argv[1], &key, &values) > RES_NONE)
		return 1;
	values.v[row] = value;
	return put(ctl, st, key, &values);
}

static int policy_unset(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct settings_values values;
	struct str key;
	enum res res;

	if (argc != 2 && argc != 3)
		return 2;
	res = get(ctl, st, argv[1], &key, &values);
	if (res != RES_OK)
		return res == RES_NONE ? ctl_fail("%s has no settings in the store", argv[1]) : 1;
	for (int i = 0; i < SETTINGS; i++)
		if (argc == 2 || str_is(str_of(argv[2]), settings_directives[i].name))
			values.v[i] = STR("");
	return put(ctl, st, key, &values);
}

static bool show_entry(void *arg, const struct store_entry *entry)
{
	struct ctl *ctl = arg;
	struct settings_values values;
	struct buf out = {0};
	struct json j = json_start(&out);

	settings_read(entry->value, &values);
	if (ctl->json) {
		json_open(&j, '{');
		json_kv(&j, "who", entry->key);
	}
	for (int i = 0; i < SETTINGS; i++) {
		if (values.v[i].n && ctl->json)
			json_kv(&j, settings_directives[i].name, values.v[i]);
		else if (values.v[i].n)
			buf_addf(&out, "%-32.*s %-16s %.*s\n", STR_ARG(entry->key), settings_directives[i].name, STR_ARG(values.v[i]));
	}
	if (ctl->json) {
		json_close(&j);
		buf_addc(&out, '\n');
	}
	ctl_print(buf_str(&out));
	buf_free(&out);
	return true;
}

/* What counts for a recipient at last, with the configuration's blocks and all levels. */
static int show_whole(struct ctl *ctl, struct store *st, const char *who, struct str key)
{
	struct settings *ss = settings_new(ctl->arena);
	struct settings_values values;
	struct str domain = str_from(key, (size_t)(str_rchr(key, '@') + 1));
	struct str text;

	for (const struct conf_node *node = ctl_config(ctl)->root; node; node = node->next)
		if (str_is(node->tokens[0].text, "settings"))
			settings_add(ss, &ctl->load, node);
	if (settings_find(ss, st, str_rchr(key, '@') >= 0 ? key : STR(""), str_is(key, "default") ? STR("") : domain, ctl->arena,
		&values) != RES_OK)
		return ctl_fail("the store cannot be reached");
	text = settings_write(ctl->arena, &values);
	if (text.n == 0 && !ctl->json)
		printf("%s has no settings\n", who);
	show_entry(ctl, &(struct store_entry){.key = key, .value = text});
	return 0;
}

struct all {
	struct ctl *ctl;
	size_t n;
};

static bool show_each(void *arg, const struct store_entry *entry)
{
	struct all *all = arg;

	all->n++;
	return show_entry(all->ctl, entry);
}

static int show_all(struct ctl *ctl, struct store *st)
{
	struct all all = {.ctl = ctl};

	if (store_each(st, SETTINGS_TABLE, STR(""), show_each, &all) != RES_OK)
		return ctl_fail("the store cannot be reached");
	if (all.n == 0 && !ctl->json)
		puts("nobody has settings of his own");
	return 0;
}

static int policy_show(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct str key;

	if (argc == 2) {
		if (!settings_key(ctl->arena, str_of(argv[1]), &key))
			return ctl_fail("'%s' is wrong here; expected an address, a domain or default", argv[1]);
		return show_whole(ctl, st, argv[1], key);
	}
	return argc == 1 ? show_all(ctl, st) : 2;
}

static const struct ctl_verb verbs[] = {
    {"set", policy_set, true},
    {"show", policy_show, false},
    {"unset", policy_unset, true},
};

int ctl_policy(struct ctl *ctl, int argc, char **argv)
{
	return ctl_state_run(ctl, argc, argv, verbs, sizeof verbs / sizeof *verbs);
}
