/* The registry of declared facts, and the values of one scope. */
#include "core/fact.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "lib/conf/conf.h"

enum { BUCKETS = 256, LIST_MAX = 1000 };

struct row {
	const struct fact_def *def;
	struct row *next_in_bucket, *next;
};

struct fact_registry {
	struct arena *arena;
	struct row *buckets[BUCKETS];
	const struct fact_def **all;
	size_t n, room;
};

struct fact_registry *fact_registry_new(struct arena *a)
{
	struct fact_registry *r = arena_alloc(a, sizeof *r);

	r->arena = a;
	return r;
}

static struct row **bucket_of(const struct fact_registry *r, struct str name)
{
	return (struct row **)&r->buckets[str_hash(name) % BUCKETS];
}

static void keep(struct fact_registry *r, const struct fact_def *def)
{
	struct row **bucket = bucket_of(r, str_of(def->name));
	struct row *row = arena_alloc(r->arena, sizeof *row);

	row->def = def;
	row->next_in_bucket = *bucket;
	*bucket = row;
	if (r->n == r->room) {
		const struct fact_def **bigger;

		r->room = r->room ? 2 * r->room : 64;
		bigger = arena_array(r->arena, r->room, sizeof *bigger);
		if (r->n)
			memcpy(bigger, r->all, r->n * sizeof *bigger);
		r->all = bigger;
	}
	r->all[r->n++] = def;
}

const char *fact_registry_add(struct fact_registry *r, const struct fact_def *table)
{
	for (; table && table->name; table++) {
		if (fact_def_find(r, str_of(table->name)))
			return table->name;
		keep(r, table);
	}
	return NULL;
}

const struct fact_def *fact_def_find(const struct fact_registry *r, struct str name)
{
	for (const struct row *row = *bucket_of(r, name); row; row = row->next_in_bucket)
		if (str_is(name, row->def->name))
			return row->def;
	return NULL;
}

size_t fact_registry_count(const struct fact_registry *r)
{
	return r->n;
}

const struct fact_def *fact_registry_at(const struct fact_registry *r, size_t i)
{
	assert(i < r->n);
	return r->all[i];
}

/* The slot of a declared fact, made when it is the first value. */
static struct fact *slot(struct facts *f, const char *name, enum fact_type type)
{
	const struct fact_def *def = fact_def_find(f->registry, str_of(name));

	assert(def && def->type == type);
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].def == def)
			return &f->v[i];
	if (f->n == f->room) {
		struct fact *bigger;

		f->room = f->room ? 2 * f->room : 4;
		bigger = arena_array(f->arena, f->room, sizeof *bigger);
		if (f->n)
			memcpy(bigger, f->v, f->n * sizeof *bigger);
		f->v = bigger;
	}
	f->v[f->n] = (struct fact){.def = def};
	return &f->v[f->n++];
}

void fact_set_bool(struct facts *f, const char *name, bool value)
{
	slot(f, name, FACT_BOOL)->u.boolean = value;
}

void fact_set_int(struct facts *f, const char *name, int64_t value)
{
	slot(f, name, FACT_INT)->u.integer = value;
}

void fact_set_number(struct facts *f, const char *name, double value)
{
	slot(f, name, FACT_NUMBER)->u.number = value;
}

void fact_set_text(struct facts *f, const char *name, struct str value)
{
	slot(f, name, FACT_TEXT)->u.text = arena_str(f->arena, value);
}

void fact_set_word(struct facts *f, const char *name, const char *word)
{
	struct fact *fact = slot(f, name, FACT_WORD);
	const char *const *known = fact->def->words;

	while (*known && strcmp(*known, word) != 0)
		known++;
	assert(*known);
	fact->u.text = str_of(*known);
}

void fact_set_ip(struct facts *f, const char *name, const struct ip *value)
{
	slot(f, name, FACT_IP)->u.ip = *value;
}

void fact_set_duration(struct facts *f, const char *name, int64_t ms)
{
	slot(f, name, FACT_DURATION)->u.integer = ms;
}

/* Rooms double at each power of two, so that the list needs no field for its room. */
void fact_add_text(struct facts *f, const char *name, struct str value)
{
	struct fact *fact = slot(f, name, FACT_LIST);
	size_t n = fact->u.list.n;
	struct str *v = (struct str *)fact->u.list.v;

	if (n >= LIST_MAX)
		return;
	if ((n & (n - 1)) == 0) {
		struct str *bigger = arena_array(f->arena, n ? 2 * n : 1, sizeof *bigger);

		if (n)
			memcpy(bigger, v, n * sizeof *v);
		fact->u.list.v = v = bigger;
	}
	v[n] = arena_str(f->arena, value);
	fact->u.list.n = n + 1;
}

void fact_add_text_once(struct facts *f, const char *name, struct str value)
{
	const struct fact *list = fact_find(f, name);

	for (size_t i = 0; list && i < list->u.list.n; i++)
		if (str_eq(list->u.list.v[i], value))
			return;
	if (value.n)
		fact_add_text(f, name, value);
}

const struct fact *fact_get(const struct facts *f, const struct fact_def *def)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].def == def)
			return &f->v[i];
	return NULL;
}

const struct fact *fact_find(const struct facts *f, const char *name)
{
	const struct fact_def *def = fact_def_find(f->registry, str_of(name));

	return def ? fact_get(f, def) : NULL;
}

static struct str list_text(struct arena *a, const struct fact *fact)
{
	struct buf out = {0};

	for (size_t i = 0; i < fact->u.list.n; i++) {
		if (i)
			buf_adds(&out, ", ");
		buf_add(&out, fact->u.list.v[i]);
	}
	return buf_take(&out, a);
}

static struct str number_text(struct arena *a, double value)
{
	double rounded = round(value * 1000) / 1000;

	return arena_printf(a, "%.10g", rounded == 0 ? 0 : rounded);
}

struct str fact_text(struct arena *a, const struct fact *fact)
{
	char text[IP_TEXT_MAX];

	switch (fact->def->type) {
	case FACT_BOOL:
		return fact->u.boolean ? STR("yes") : STR("no");
	case FACT_INT:
		return arena_printf(a, "%" PRId64, fact->u.integer);
	case FACT_NUMBER:
		return number_text(a, fact->u.number);
	case FACT_IP:
		return arena_str(a, ip_format(&fact->u.ip, text));
	case FACT_DURATION:
		return conf_duration_text(a, fact->u.integer);
	case FACT_LIST:
		return list_text(a, fact);
	case FACT_TEXT:
	case FACT_WORD:
		break;
	}
	return fact->u.text;
}

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {"connect", "helo", "mail", "rcpt", "header", "message"};

	return names[stage];
}
