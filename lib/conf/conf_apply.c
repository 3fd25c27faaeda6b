/* Fills structs from blocks by tables of directives. */
#include "lib/conf/conf.h"

#include <assert.h>
#include <stdio.h>

/* The block in hand: up to two tables, and which of their rows were given, and where. */
struct apply {
	struct conf_load *load;
	const char *owner;
	const struct directive *tables[2];
	void *targets[2];
	struct conf_place *seen[2];
};

static void apply_default(struct apply *ap, size_t table, const struct directive *d, struct conf_place place);
static void apply_statement(struct apply *ap, const struct conf_node *node);
static void set_value(struct conf_load *load, const struct directive *d, const struct conf_node *node,
    void *target);

static size_t table_length(const struct directive *table)
{
	size_t n = 0;

	while (table && table[n].name)
		n++;
	return n;
}

void conf_apply(struct conf_load *load, const struct directive *table, const struct conf_node *list,
    void *target, const char *owner, struct conf_place place)
{
	conf_apply_both(load, table, target, NULL, NULL, list, owner, place);
}

void conf_apply_both(struct conf_load *load, const struct directive *table, void *target,
    const struct directive *common, void *common_target, const struct conf_node *list, const char *owner,
    struct conf_place place)
{
	struct apply ap = {.load = load,
	    .owner = owner,
	    .tables = {table, common},
	    .targets = {target, common_target}};
	size_t errors = load->errors;

	for (size_t t = 0; t < 2; t++) {
		size_t n = table_length(ap.tables[t]);
		ap.seen[t] = arena_array(load->arena, n + 1, sizeof *ap.seen[t]);
		for (size_t i = 0; i < n; i++)
			apply_default(&ap, t, &ap.tables[t][i], place);
	}
	assert(load->errors == errors); /* a default of a table is wrong */
	for (; list; list = list->next)
		apply_statement(&ap, list);
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < table_length(ap.tables[t]); i++)
			if (ap.tables[t][i].required && !ap.seen[t][i].file)
				conf_error(load, place, "%s: missing '%s%s%s;'", owner, ap.tables[t][i].name,
				    ap.tables[t][i].args ? " " : "", ap.tables[t][i].args ? ap.tables[t][i].args : "");
}

/* Lists grow: their defaults stand only until the first statement. */
static bool is_list(const struct directive *d)
{
	return d->type == CONF_STRINGS || d->type == CONF_CIDRS;
}

static void apply_default(struct apply *ap, size_t table, const struct directive *d, struct conf_place place)
{
	struct conf_load quiet;
	struct conf_node *node;

	if (!d->def)
		return;
	conf_load_init(&quiet, ap->load->arena);
	node = conf_parse_text(&quiet, "default", arena_printf(ap->load->arena, "%s %s;", d->name, d->def));
	assert(node && quiet.errors == 0);
	for (size_t i = 0; i < node->n; i++)
		node->tokens[i].place = place;
	set_value(ap->load, d, node, ap->targets[table]);
}

static bool find_row(const struct apply *ap, struct str name, size_t *ret_table, size_t *ret_row)
{
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < table_length(ap->tables[t]); i++)
			if (str_is(name, ap->tables[t][i].name)) {
				*ret_table = t;
				*ret_row = i;
				return true;
			}
	return false;
}

static void unknown(struct apply *ap, const struct conf_token *name)
{
	size_t n = 0, rows = table_length(ap->tables[0]) + table_length(ap->tables[1]);
	const char **names = arena_array(ap->load->arena, rows + 1, sizeof *names);
	const char *near;

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < table_length(ap->tables[t]); i++)
			names[n++] = ap->tables[t][i].name;
	near = conf_near(name->text, names, n);
	if (near)
		conf_error(ap->load, name->place, "unknown directive %s in %s; did you mean '%s'?",
		    conf_token_show(ap->load->arena, name), ap->owner, near);
	else
		conf_error(ap->load, name->place, "unknown directive %s in %s%s%s", conf_token_show(ap->load->arena, name),
		    ap->owner, n > 0 && n <= 12 ? "; expected " : "",
		    n > 0 && n <= 12 ? conf_names_text(ap->load->arena, names, n) : "");
}

/* A default that was put into a list goes when the first statement comes. */
static void forget_default(const struct directive *d, void *target)
{
	if (d->type == CONF_STRINGS)
		*(struct conf_strings *)((char *)target + d->offset) = (struct conf_strings){0};
	else
		*(struct conf_cidrs *)((char *)target + d->offset) = (struct conf_cidrs){0};
}

static void apply_statement(struct apply *ap, const struct conf_node *node)
{
	const struct conf_token *name = &node->tokens[0];
	const struct directive *d;
	struct conf_place *seen;
	size_t table, row;

	if (name->kind != TOKEN_WORD) {
		conf_error(ap->load, name->place, "expected the name of a directive in %s, not %s", ap->owner,
		    conf_token_show(ap->load->arena, name));
		return;
	}
	if (!find_row(ap, name->text, &table, &row)) {
		unknown(ap, name);
		return;
	}
	d = &ap->tables[table][row];
	seen = &ap->seen[table][row];
	if (seen->file && !d->repeats && !is_list(d)) {
		conf_error(ap->load, name->place, "'%s' is given twice; the first one is at %s:%u", d->name,
		    seen->file, seen->line);
		return;
	}
	if (!seen->file && is_list(d))
		forget_default(d, ap->targets[table]);
	*seen = name->place;
	if (d->type != CONF_CUSTOM && !conf_expect_block(ap->load, node, false))
		return;
	set_value(ap->load, d, node, ap->targets[table]);
}

bool conf_expect_block(struct conf_load *load, const struct conf_node *node, bool wanted)
{
	if (node->has_block == wanted)
		return true;
	if (wanted)
		conf_error(load, node->end, "expected '{' behind '%.*s'", STR_ARG(node->tokens[0].text));
	else
		conf_error(load, node->tokens[node->n - 1].place, "'%.*s' takes no block; expected ';'",
		    STR_ARG(node->tokens[0].text));
	return false;
}

bool conf_expect_args(struct conf_load *load, const struct conf_node *node, size_t min, size_t max,
    const char *args)
{
	const struct conf_token *name = &node->tokens[0], *extra;

	if (node->n - 1 < min) {
		conf_error(load, node->has_block ? node->tokens[node->n - 1].place : node->end,
		    "'%.*s' needs more; expected %.*s %s", STR_ARG(name->text), STR_ARG(name->text), args);
		return false;
	}
	if (node->n - 1 <= max)
		return true;
	extra = &node->tokens[max + 1];
	if (extra->place.line > extra[-1].place.line)
		conf_error(load, extra[-1].place, "missing ';' behind %s", conf_token_show(load->arena, &extra[-1]));
	else
		conf_error(load, extra->place, "%s is too much; expected %.*s%s%s",
		    conf_token_show(load->arena, extra), STR_ARG(name->text), *args ? " " : "", args);
	return false;
}

void conf_strings_add(struct conf_load *load, struct conf_strings *list, const struct conf_token *t)
{
	/* Room doubles at powers of two. */
	if ((list->n & (list->n - 1)) == 0) {
		struct conf_token *more = arena_array(load->arena, list->n ? list->n * 2 : 1, sizeof *more);
		if (list->n)
			memcpy(more, list->v, list->n * sizeof *more);
		list->v = more;
	}
	list->v[list->n] = *t;
	list->v[list->n++].text = arena_str(load->arena, t->text);
}

struct str conf_path(struct arena *a, struct conf_place place, struct str path)
{
	struct str file = str_of(place.file);
	ptrdiff_t slash = str_rchr(file, '/');

	if (str_starts(path, STR("/")) || slash < 0 || path.n == 0)
		return arena_str(a, path);
	return arena_printf(a, "%.*s%.*s", (int)slash + 1, file.p, STR_ARG(path));
}

/* ---- one function per type ---- */

static const char *bound_text(struct arena *a, const struct directive *d, double value)
{
	if (d->type == CONF_SIZE)
		return conf_size_text(a, (uint64_t)value).p;
	if (d->type == CONF_DURATION)
		return conf_duration_text(a, (int64_t)value).p;
	return arena_printf(a, "%.15g", value).p;
}

static void check_bounds(struct conf_load *load, const struct directive *d, const struct conf_token *t,
    double value)
{
	if ((d->min == 0 && d->max == 0) || (value >= d->min && value <= d->max))
		return;
	conf_error(load, t->place, "'%s' is out of bounds: %.*s; expected %s to %s", d->name, STR_ARG(t->text),
	    bound_text(load->arena, d, d->min), bound_text(load->arena, d, d->max));
}

static void set_flag(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	(void)d;
	conf_flag(load, t, field);
}

static void set_int(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	int64_t value;

	if (conf_int(load, t, &value)) {
		check_bounds(load, d, t, (double)value);
		*(int64_t *)field = value;
	}
}

static void set_number(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	double value;

	if (conf_number(load, t, &value)) {
		check_bounds(load, d, t, value);
		*(double *)field = value;
	}
}

static void set_size(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	uint64_t value;

	if (conf_size(load, t, &value)) {
		check_bounds(load, d, t, (double)value);
		*(uint64_t *)field = value;
	}
}

static void set_duration(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	int64_t value;

	if (conf_duration(load, t, &value)) {
		check_bounds(load, d, t, (double)value);
		*(int64_t *)field = value;
	}
}

static void set_string(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	(void)d;
	conf_text(load, t, field);
}

static void set_path(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	struct str path;

	(void)d;
	if (conf_text(load, t, &path))
		*(struct str *)field = conf_path(load->arena, t->place, path);
}

static void set_choice(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	conf_choice(load, t, d->choices, field);
}

static void set_strings(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	struct str text;

	(void)d;
	if (conf_text(load, t, &text))
		conf_strings_add(load, field, t);
}

static void set_cidrs(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field)
{
	struct conf_cidrs *list = field;
	struct cidr net, *more;

	(void)d;
	if (!conf_cidr(load, t, &net))
		return;
	if ((list->n & (list->n - 1)) == 0) {
		more = arena_array(load->arena, list->n ? list->n * 2 : 1, sizeof *more);
		if (list->n)
			memcpy(more, list->v, list->n * sizeof *more);
		list->v = more;
	}
	list->v[list->n++] = net;
}

static const struct {
	void (*set)(struct conf_load *load, const struct directive *d, const struct conf_token *t, void *field);
	const char *args; /* when the directive has none */
} types[] = {
    [CONF_FLAG] = {set_flag, "on|off"},
    [CONF_INT] = {set_int, "NUMBER"},
    [CONF_NUMBER] = {set_number, "NUMBER"},
    [CONF_SIZE] = {set_size, "SIZE"},
    [CONF_DURATION] = {set_duration, "DURATION"},
    [CONF_STRING] = {set_string, "TEXT"},
    [CONF_PATH] = {set_path, "PATH"},
    [CONF_CHOICE] = {set_choice, "WORD"},
    [CONF_STRINGS] = {set_strings, "TEXT..."},
    [CONF_CIDRS] = {set_cidrs, "NETWORK..."},
};

static void set_value(struct conf_load *load, const struct directive *d, const struct conf_node *node,
    void *target)
{
	void *field = (char *)target + d->offset;
	const char *args;

	if (d->type == CONF_CUSTOM) {
		d->set(load, node, target);
		return;
	}
	if (d->type == CONF_FLAG && node->n == 1) {
		*(bool *)field = true;
		return;
	}
	args = d->args ? d->args : types[d->type].args;
	if (!conf_expect_args(load, node, 1, is_list(d) ? SIZE_MAX : 1, args))
		return;
	for (size_t i = 1; i < node->n; i++)
		types[d->type].set(load, d, &node->tokens[i], field);
}
