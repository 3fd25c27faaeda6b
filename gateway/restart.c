/* Compares what two configurations say where only a restart can follow. */
#include "gateway/restart.h"

#include <stdio.h>

enum { NAME_MAX_OCTETS = 80 };

static bool is_named(const struct conf_node *node, const char *name)
{
	return conf_is_word(&node->tokens[0], name);
}

static void add_statement(struct buf *out, const struct conf_node *node)
{
	for (size_t i = 0; i < node->n; i++)
		buf_addf(out, "%d:%.*s ", node->tokens[i].kind, STR_ARG(node->tokens[i].text));
	for (const struct conf_node *child = node->children; child; child = child->next)
		add_statement(out, child);
	buf_adds(out, "; ");
}

/* All that a list of statements says of one directive. */
static void add_all(struct buf *out, const struct conf_node *list, const char *name)
{
	for (; list; list = list->next)
		if (is_named(list, name))
			add_statement(out, list);
}

static bool says_the_same(const struct conf_node *before, const struct conf_node *after, const char *name)
{
	struct buf a = {0}, b = {0};
	bool same;

	add_all(&a, before, name);
	add_all(&b, after, name);
	same = str_eq(buf_str(&a), buf_str(&b));
	buf_free(&a);
	buf_free(&b);
	return same;
}

/* The statements of a block that may stand once, as `log` and `queue`. */
static const struct conf_node *block_of(const struct conf_node *list, const char *name)
{
	while (list && !is_named(list, name))
		list = list->next;
	return list ? list->children : NULL;
}

static void compare(const struct directive *table, const char *owner, const struct conf_node *before,
    const struct conf_node *after, void (*tell)(const char *name))
{
	char name[NAME_MAX_OCTETS];

	for (const struct directive *d = table; d->name; d++) {
		snprintf(name, sizeof name, "%s%s%s", owner, *owner ? " " : "", d->name);
		if (d->at_start && !says_the_same(before, after, d->name))
			tell(name);
		if (!d->at_start && !d->repeats && d->block)
			compare(d->block, d->name, block_of(before, d->name), block_of(after, d->name), tell);
	}
}

void restart_needed(const struct config *before, const struct config *after, void (*tell)(const char *name))
{
	compare(config_directives, "", before->root, after->root, tell);
}
