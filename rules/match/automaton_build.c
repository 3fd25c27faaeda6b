/*
 * Trees become steps (an octet of a set, a fork, an end), octets that no set tells apart become one
 * class. At load, once per automaton.
 */
#include "rules/match/automaton_private.h"

#include <stdlib.h>
#include <string.h>

enum {
	COPIES_MAX = 16,      /* of a counted piece; more of them are "or more" */
	WIDE_COPIES_MAX = 8,  /* the same for one of very many octets */
	WIDE = 64,
	OPTIONAL_MAX = 3,     /* copies that may be missing; more of them are "any number" */
	COPIED_STEPS_MAX = 8000,
	WEIGHT_MAX = 100000,
	LETTER_STEPS = 12,    /* a choice with more steps is simplified when it is like a letter */
	OPTIONAL_STEPS_MAX = 24,
	ALIKE_LENGTH_MAX = 12,
	SETS_MAX = 4000,
	SET_SLOTS = 16384, /* for the sets of an automaton and of the pattern that did not fit any more */
};

/* Lists of steps, while building. */
struct lists {
	uint32_t marks[AUTOMATON_STEPS_MAX], stack[AUTOMATON_STEPS_MAX], out[AUTOMATON_STEPS_MAX];
	uint32_t mark;
};

struct automaton_space {
	struct lists lists;
	struct step steps[AUTOMATON_STEPS_MAX];
	struct octets sets[SETS_MAX];
	uint16_t slots[SET_SLOTS]; /* by hash of a set: its number, from 1 */
};

struct build {
	struct automaton *au;
	struct automaton_space *space;
	bool is_full;
};

static uint32_t emit(struct build *b, struct node *n, uint32_t next);

static uint32_t add_step(struct build *b, struct step s)
{
	if (b->au->n == AUTOMATON_STEPS_MAX) {
		b->is_full = true;
		return 0;
	}
	b->au->steps[b->au->n] = s;
	return (uint32_t)b->au->n++;
}

static uint32_t add_fork(struct build *b, uint32_t one, uint32_t other)
{
	return add_step(b, (struct step){.kind = STEP_FORK, .next = one, .other = other});
}

static bool same_set(const struct octets *a, const struct octets *b)
{
	return ((a->bits[0] ^ b->bits[0]) | (a->bits[1] ^ b->bits[1]) | (a->bits[2] ^ b->bits[2]) | (a->bits[3] ^ b->bits[3])) == 0;
}

static size_t hash_set(const struct octets *set)
{
	uint64_t h = 0;

	for (size_t i = 0; i < 4; i++)
		h = (h ^ set->bits[i]) * 0x9e3779b97f4a7c15u;
	return h >> 40;
}

/* The number of the set, from 1; 0: there are too many. A slot may still name a set that was taken back. */
static uint16_t number_of_set(struct build *b, const struct octets *set)
{
	struct automaton *au = b->au;
	uint16_t *slots = b->space->slots;
	size_t at = hash_set(set) % SET_SLOTS;

	for (; slots[at]; at = (at + 1) % SET_SLOTS)
		if (slots[at] <= au->set_count && same_set(&au->sets[slots[at] - 1], set))
			return slots[at];
	if (au->set_count == SETS_MAX)
		return 0;
	au->sets[au->set_count++] = *set;
	return slots[at] = (uint16_t)au->set_count;
}

static uint32_t add_octet(struct build *b, const struct octets *set, uint32_t next)
{
	uint16_t number = number_of_set(b, set);

	if (!number) {
		b->is_full = true;
		return 0;
	}
	return add_step(b, (struct step){.kind = STEP_OCTET, .set = (uint16_t)(number - 1), .next = next});
}

/* One or more of the set, then next; the fork that ends the turn is *ret_fork. */
static uint32_t add_run(struct build *b, const struct octets *set, uint32_t next, uint32_t *ret_fork)
{
	uint32_t fork = add_fork(b, next, next), body = add_octet(b, set, fork);

	if (!b->is_full)
		b->au->steps[fork].next = body;
	*ret_fork = fork;
	return body;
}

static uint32_t emit_any(struct build *b, uint32_t next)
{
	static const struct octets all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	uint32_t fork;

	add_run(b, &all, next, &fork);
	return fork;
}

static uint32_t emit_sequence(struct build *b, struct node *n, uint32_t next)
{
	struct node **v;
	size_t count = 0;

	for (const struct node *c = n->child; c; c = c->next)
		count++;
	v = malloc((count + 1) * sizeof *v);
	if (!v)
		abort();
	count = 0;
	for (struct node *c = n->child; c; c = c->next)
		v[count++] = c;
	while (count > 0 && !b->is_full)
		next = emit(b, v[--count], next);
	free(v);
	return next;
}

/* ---- letters that look alike: many ways to write one letter, of one octet or of several ---- */

struct alike {
	struct octets first, rest; /* the first octet, those behind it */
	unsigned least, most;	   /* octets; most: ALIKE_LENGTH_MAX + 1 is too many */
};

static struct alike alike_of(const struct node *n);

static unsigned add_length(unsigned a, unsigned b)
{
	return a + b > ALIKE_LENGTH_MAX ? ALIKE_LENGTH_MAX + 1 : a + b;
}

static struct alike alike_behind(struct alike a, const struct alike *b)
{
	if (a.least == 0)
		octets_add_all(&a.first, &b->first);
	if (a.most > 0)
		octets_add_all(&a.rest, &b->first);
	octets_add_all(&a.rest, &b->rest);
	a.least = add_length(a.least, b->least);
	a.most = add_length(a.most, b->most);
	return a;
}

static struct alike alike_repeat(const struct node *n)
{
	struct alike one = alike_of(n->child), out = {.least = 0};
	unsigned turns = n->most < ALIKE_LENGTH_MAX ? n->most : ALIKE_LENGTH_MAX + 1;

	for (unsigned i = 0; i < turns; i++)
		out = alike_behind(out, &one);
	out.least = n->least == 0 ? 0 : one.least;
	return out;
}

static struct alike alike_choice(const struct node *n)
{
	struct alike out = {.least = ALIKE_LENGTH_MAX};

	for (const struct node *c = n->child; c; c = c->next) {
		struct alike one = alike_of(c);
		octets_add_all(&out.first, &one.first);
		octets_add_all(&out.rest, &one.rest);
		out.least = one.least < out.least ? one.least : out.least;
		out.most = one.most > out.most ? one.most : out.most;
	}
	return out;
}

static struct alike alike_of(const struct node *n)
{
	struct alike out = {.least = 0};

	switch (n->kind) {
	case NODE_OCTET:
		return (struct alike){.first = *n->set, .least = 1, .most = 1};
	case NODE_SEQUENCE:
		for (const struct node *c = n->child; c && out.most <= ALIKE_LENGTH_MAX; c = c->next) {
			struct alike one = alike_of(c);
			out = alike_behind(out, &one);
		}
		return out;
	case NODE_CHOICE:
		return alike_choice(n);
	case NODE_REPEAT:
		return alike_repeat(n);
	case NODE_ANY:
		out.most = ALIKE_LENGTH_MAX + 1;
		return out;
	default:
		return out;
	}
}

/* What a choice of single octets and of short texts can be; false: it is something else. */
struct letter {
	struct octets single, head, rest;
};

static bool letter_of(const struct node *n, struct letter *ret)
{
	*ret = (struct letter){{{0}}, {{0}}, {{0}}};
	for (const struct node *c = n->child; c; c = c->next) {
		struct alike one = alike_of(c);
		if (one.least == 0 || one.most > ALIKE_LENGTH_MAX)
			return false;
		if (one.least == 1)
			octets_add_all(&ret->single, &one.first);
		if (one.most > 1) {
			octets_add_all(&ret->head, &one.first);
			octets_add_all(&ret->rest, &one.rest);
		}
	}
	return octets_count(&ret->single) > 0;
}

/* "One of these, or one of those and more": less exact, but with few steps. */
static uint32_t emit_letter(struct build *b, const struct letter *l, uint32_t next)
{
	uint32_t at = add_octet(b, &l->single, next), fork;

	if (octets_count(&l->head))
		at = add_fork(b, at, add_octet(b, &l->head, add_run(b, &l->rest, next, &fork)));
	return at;
}

static unsigned weight(struct node *n);

static unsigned weigh(struct node *n)
{
	struct letter letter;
	unsigned sum = 0;

	if (n->kind == NODE_OCTET || n->kind == NODE_ANY)
		return 1;
	for (struct node *c = n->child; c && sum < WEIGHT_MAX; c = c->next)
		sum += (n->kind != NODE_SEQUENCE) + weight(c);
	if (n->kind == NODE_CHOICE && sum > LETTER_STEPS && letter_of(n, &letter))
		return LETTER_STEPS;
	if (n->kind == NODE_REPEAT && n->least > 1)
		sum *= n->least < COPIES_MAX ? n->least : COPIES_MAX;
	return sum < WEIGHT_MAX ? sum : WEIGHT_MAX;
}

/* Steps that a tree needs, about. Asked again at each level and copy: the node remembers it, plus 1. */
static unsigned weight(struct node *n)
{
	if (!n->weight)
		n->weight = weigh(n) + 1;
	return n->weight - 1;
}

/* How many of the copies that must be there are written out. */
static unsigned copies_of(const struct node *n, unsigned w)
{
	bool is_wide = n->child->kind == NODE_OCTET && octets_count(n->child->set) > WIDE;
	unsigned most = is_wide ? WIDE_COPIES_MAX : COPIES_MAX;

	if (most > COPIED_STEPS_MAX / w)
		most = COPIED_STEPS_MAX / w;
	return n->least < most ? n->least : most ? most : 1;
}

static uint32_t emit_repeat(struct build *b, struct node *n, uint32_t next)
{
	unsigned w = weight(n->child) + 1, copies = copies_of(n, w), spare = n->most - n->least;
	uint32_t at = next, fork;

	if (n->most == 0)
		return next;
	if (copies < n->least || spare > OPTIONAL_MAX || (spare > 1 && w > OPTIONAL_STEPS_MAX)) {
		fork = add_fork(b, next, next);
		at = emit(b, n->child, fork);
		if (!b->is_full)
			b->au->steps[fork].next = at;
		if (n->least == 0)
			return fork;
		copies--;
	} else {
		for (unsigned i = 0; i < spare && !b->is_full; i++)
			at = add_fork(b, emit(b, n->child, at), next);
	}
	for (unsigned i = 0; i < copies && !b->is_full; i++)
		at = emit(b, n->child, at);
	return at;
}

static uint32_t emit_choice(struct build *b, struct node *n, uint32_t next)
{
	struct letter letter;
	uint32_t at;

	if (weight(n) == LETTER_STEPS && letter_of(n, &letter))
		return emit_letter(b, &letter, next);
	at = emit(b, n->child, next);
	for (struct node *c = n->child->next; c && !b->is_full; c = c->next)
		at = add_fork(b, at, emit(b, c, next));
	return at;
}

static uint32_t emit(struct build *b, struct node *n, uint32_t next)
{
	if (b->is_full)
		return 0;
	switch (n->kind) {
	case NODE_OCTET:
		return add_octet(b, n->set, next);
	case NODE_ANY:
		return emit_any(b, next);
	case NODE_SEQUENCE:
		return emit_sequence(b, n, next);
	case NODE_CHOICE:
		return emit_choice(b, n, next);
	case NODE_REPEAT:
		return emit_repeat(b, n, next);
	default:
		return next;
	}
}

/* False, and nothing changed, when the pattern does not fit or matches the empty text. */
static bool add_pattern(struct build *b, const struct automaton_pattern *p, uint32_t *ret_entry)
{
	struct automaton *au = b->au;
	struct lists *l = &b->space->lists;
	size_t steps = au->n, sets = au->set_count, n = 0;
	uint32_t end = add_step(b, (struct step){.kind = STEP_END, .set = (uint16_t)au->value_count});

	*ret_entry = b->is_full ? 0 : emit(b, p->tree, end);
	if (!b->is_full)
		automaton_close(au->steps, *ret_entry, l->marks, ++l->mark, l->stack, l->out, &n);
	for (size_t i = 0; i < n && !b->is_full; i++)
		b->is_full = au->steps[l->out[i]].kind == STEP_END;
	if (!b->is_full) {
		au->values[au->value_count++] = p->value;
		return true;
	}
	au->n = steps;
	au->set_count = sets;
	return false;
}

/* Octets that are in the same sets get the same class. */
static void classify(struct automaton *au)
{
	unsigned char *classes = au->classes;

	au->width = 1;
	for (size_t i = 0; i < au->set_count; i++) {
		int inside[256];
		unsigned has_outside[256] = {0};
		memset(inside, -1, sizeof inside);
		for (unsigned c = 0; c < 256; c++)
			has_outside[classes[c]] |= !octets_has(&au->sets[i], (unsigned char)c);
		for (unsigned c = 0; c < 256; c++) {
			if (!octets_has(&au->sets[i], (unsigned char)c) || !has_outside[classes[c]])
				continue;
			if (inside[classes[c]] < 0)
				inside[classes[c]] = (int)au->width++;
			classes[c] = (unsigned char)inside[classes[c]];
		}
	}
	for (unsigned c = 0; c < 256; c++)
		au->samples[classes[c]] = (unsigned char)c;
}

static void list_starts(struct arena *a, struct automaton *au, const uint32_t *entries, struct lists *l)
{
	size_t n = 0, total = 0;

	au->is_start = arena_array(a, au->n, sizeof *au->is_start);
	au->start_first = arena_array(a, au->width + 1, sizeof *au->start_first);
	l->mark++;
	for (size_t i = 0; i < au->value_count; i++)
		automaton_close(au->steps, entries[i], l->marks, l->mark, l->stack, l->out, &n);
	for (size_t i = 0; i < n; i++)
		au->is_start[l->out[i]] = true;
	for (unsigned c = 0; c < au->width; c++)
		for (size_t i = 0; i < n; i++)
			total += automaton_takes(au, l->out[i], c);
	au->start_steps = arena_array(a, total, sizeof *au->start_steps);
	total = 0;
	for (unsigned c = 0; c < au->width; c++) {
		for (size_t i = 0; i < n; i++)
			if (automaton_takes(au, l->out[i], c))
				au->start_steps[total++] = l->out[i];
		au->start_first[c + 1] = (uint32_t)total;
	}
}

/* What was built in large tables, in tables that fit. */
static void shrink(struct arena *a, struct automaton *au)
{
	struct step *steps = arena_array(a, au->n, sizeof *steps);
	struct octets *sets = arena_array(a, au->set_count, sizeof *sets);

	memcpy(steps, au->steps, au->n * sizeof *steps);
	memcpy(sets, au->sets, au->set_count * sizeof *sets);
	au->steps = steps;
	au->sets = sets;
}

struct automaton_space *automaton_space_new(struct arena *a)
{
	return arena_alloc(a, sizeof(struct automaton_space));
}

struct automaton *automaton_new(struct arena *a, struct automaton_space *space, const struct automaton_pattern *v,
    size_t n, size_t *ret_taken)
{
	struct automaton *au = arena_alloc(a, sizeof *au);
	struct build b = {au, space, false};
	uint32_t entries[AUTOMATON_PATTERNS_MAX];
	size_t taken = 0;

	memset(space->slots, 0, sizeof space->slots);
	au->steps = space->steps;
	au->sets = space->sets;
	au->values = arena_array(a, AUTOMATON_PATTERNS_MAX, sizeof *au->values);
	while (taken < n && taken < AUTOMATON_PATTERNS_MAX && add_pattern(&b, &v[taken], &entries[taken]))
		taken++;
	*ret_taken = taken;
	if (taken) {
		shrink(a, au);
		classify(au);
		list_starts(a, au, entries, &space->lists);
	}
	return taken ? au : NULL;
}
