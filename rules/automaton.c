/*
 * The load side first: trees become steps (an octet of a set, a fork, an end), octets that no set
 * tells apart become one class. Then the matching side: a state is the sorted list of the steps that
 * may come next; the steps at the start of all patterns are in every state and are not listed.
 */
#include "rules/automaton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum step_kind { STEP_OCTET, STEP_FORK, STEP_END };

struct step {
	unsigned char kind;
	uint16_t set;	      /* OCTET: index of a set; END: of a value */
	uint32_t next, other; /* other: FORK only */
};

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
};

struct automaton {
	struct step *steps;
	size_t n;
	struct octets *sets;
	size_t set_count;
	uint32_t *values;
	size_t value_count;
	unsigned char classes[256]; /* by octet */
	unsigned char samples[256]; /* by class: one octet of it */
	unsigned width;		    /* classes */
	bool *is_start;		    /* by step: can be the first one */
	uint32_t *start_first, *start_steps; /* by class: the first steps that take it, first[c]..first[c + 1] */
};

/* ---- building ---- */

struct build {
	struct arena *a;
	struct automaton *au;
	bool is_full;
};

static uint32_t emit(struct build *b, const struct node *n, uint32_t next);

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

static uint32_t add_octet(struct build *b, const struct octets *set, uint32_t next)
{
	struct automaton *au = b->au;
	size_t i = 0;

	while (i < au->set_count && memcmp(&au->sets[i], set, sizeof *set) != 0)
		i++;
	if (i == SETS_MAX) {
		b->is_full = true;
		return 0;
	}
	if (i == au->set_count)
		au->sets[au->set_count++] = *set;
	return add_step(b, (struct step){.kind = STEP_OCTET, .set = (uint16_t)i, .next = next});
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

static uint32_t emit_sequence(struct build *b, const struct node *n, uint32_t next)
{
	const struct node **v;
	size_t count = 0;

	for (const struct node *c = n->child; c; c = c->next)
		count++;
	v = malloc((count + 1) * sizeof *v);
	if (!v)
		abort();
	count = 0;
	for (const struct node *c = n->child; c; c = c->next)
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

/* Steps that a tree needs, about. */
static unsigned weight(const struct node *n)
{
	struct letter letter;
	unsigned sum = 0;

	if (n->kind == NODE_OCTET || n->kind == NODE_ANY)
		return 1;
	for (const struct node *c = n->child; c && sum < WEIGHT_MAX; c = c->next)
		sum += (n->kind != NODE_SEQUENCE) + weight(c);
	if (n->kind == NODE_CHOICE && sum > LETTER_STEPS && letter_of(n, &letter))
		return LETTER_STEPS;
	if (n->kind == NODE_REPEAT && n->least > 1)
		sum *= n->least < COPIES_MAX ? n->least : COPIES_MAX;
	return sum < WEIGHT_MAX ? sum : WEIGHT_MAX;
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

static uint32_t emit_repeat(struct build *b, const struct node *n, uint32_t next)
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

static uint32_t emit_choice(struct build *b, const struct node *n, uint32_t next)
{
	struct letter letter;
	uint32_t at;

	if (weight(n) == LETTER_STEPS && letter_of(n, &letter))
		return emit_letter(b, &letter, next);
	at = emit(b, n->child, next);
	for (const struct node *c = n->child->next; c && !b->is_full; c = c->next)
		at = add_fork(b, at, emit(b, c, next));
	return at;
}

static uint32_t emit(struct build *b, const struct node *n, uint32_t next)
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

/* All steps that can be taken from the entry without reading; marks what it has seen. */
static void close_over(const struct step *steps, uint32_t entry, uint32_t *marks, uint32_t mark, uint32_t *stack,
    uint32_t *out, size_t *n)
{
	size_t depth = 0;

	if (marks[entry] == mark)
		return;
	marks[entry] = mark;
	stack[depth++] = entry;
	while (depth) {
		uint32_t at = stack[--depth];
		const struct step *s = &steps[at];
		if (s->kind != STEP_FORK) {
			out[(*n)++] = at;
			continue;
		}
		if (marks[s->other] != mark) {
			marks[s->other] = mark;
			stack[depth++] = s->other;
		}
		if (marks[s->next] != mark) {
			marks[s->next] = mark;
			stack[depth++] = s->next;
		}
	}
}

/* Lists of steps, while building. */
struct lists {
	uint32_t marks[AUTOMATON_STEPS_MAX], stack[AUTOMATON_STEPS_MAX], out[AUTOMATON_STEPS_MAX];
	uint32_t mark;
};

/* False, and nothing changed, when the pattern does not fit or matches the empty text. */
static bool add_pattern(struct build *b, const struct automaton_pattern *p, struct lists *l, uint32_t *ret_entry)
{
	struct automaton *au = b->au;
	size_t steps = au->n, sets = au->set_count, n = 0;
	uint32_t end = add_step(b, (struct step){.kind = STEP_END, .set = (uint16_t)au->value_count});

	*ret_entry = b->is_full ? 0 : emit(b, p->tree, end);
	if (!b->is_full)
		close_over(au->steps, *ret_entry, l->marks, ++l->mark, l->stack, l->out, &n);
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

static bool takes(const struct automaton *au, uint32_t step, unsigned class)
{
	return octets_has(&au->sets[au->steps[step].set], au->samples[class]);
}

static void list_starts(struct arena *a, struct automaton *au, const uint32_t *entries, struct lists *l)
{
	size_t n = 0, total = 0;

	au->is_start = arena_array(a, au->n, sizeof *au->is_start);
	au->start_first = arena_array(a, au->width + 1, sizeof *au->start_first);
	l->mark++;
	for (size_t i = 0; i < au->value_count; i++)
		close_over(au->steps, entries[i], l->marks, l->mark, l->stack, l->out, &n);
	for (size_t i = 0; i < n; i++)
		au->is_start[l->out[i]] = true;
	for (unsigned c = 0; c < au->width; c++)
		for (size_t i = 0; i < n; i++)
			total += takes(au, l->out[i], c);
	au->start_steps = arena_array(a, total, sizeof *au->start_steps);
	total = 0;
	for (unsigned c = 0; c < au->width; c++) {
		for (size_t i = 0; i < n; i++)
			if (takes(au, l->out[i], c))
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

struct automaton *automaton_new(struct arena *a, const struct automaton_pattern *v, size_t n, size_t *ret_taken)
{
	struct arena *work = arena_new(0);
	struct lists *lists = arena_alloc(work, sizeof *lists);
	struct automaton *au = arena_alloc(a, sizeof *au);
	struct build b = {a, au, false};
	uint32_t entries[AUTOMATON_PATTERNS_MAX];
	size_t taken = 0;

	au->steps = arena_array(work, AUTOMATON_STEPS_MAX, sizeof *au->steps);
	au->sets = arena_array(work, SETS_MAX, sizeof *au->sets);
	au->values = arena_array(a, AUTOMATON_PATTERNS_MAX, sizeof *au->values);
	while (taken < n && taken < AUTOMATON_PATTERNS_MAX && add_pattern(&b, &v[taken], lists, &entries[taken]))
		taken++;
	*ret_taken = taken;
	if (taken) {
		shrink(a, au);
		classify(au);
		list_starts(a, au, entries, lists);
	}
	arena_free(work);
	return taken ? au : NULL;
}

/* ---- states ---- */

enum { START = 1, SPECIAL = 0x8000, UNKNOWN = SPECIAL, HASH_SLOTS = 8192, NEW_STATES_FREE = 1000, NEW_STATES_SHARE = 16 };
_Static_assert((int)AUTOMATON_STATES_MAX < (int)SPECIAL && 2 * (int)AUTOMATON_STATES_MAX < (int)HASH_SLOTS, "state numbers fit");

struct state {
	uint32_t first, n; /* its steps in the pool */
	bool tells;	   /* an end is among them */
};

struct automaton_states {
	const struct automaton *au;
	struct state *v; /* by number, from 1 */
	size_t n, room;
	uint16_t *next; /* by state and class: UNKNOWN, or a number, with SPECIAL when it tells */
	uint32_t *pool;
	size_t pool_n, pool_room;
	uint16_t *hash;
	uint32_t *marks, *stack, *list; /* for the state in the making */
	uint32_t mark;
	size_t left; /* states that this message may still make */
	unsigned restarts;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static uint16_t add_state(struct automaton_states *s, const uint32_t *list, size_t n, uint16_t *slot)
{
	const struct automaton *au = s->au;
	struct state *state;

	if (s->n >= s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->v = must(realloc(s->v, s->room * sizeof *s->v));
		s->next = must(realloc(s->next, s->room * au->width * sizeof *s->next));
	}
	if (s->pool_n + n > s->pool_room) {
		s->pool_room = 2 * (s->pool_n + n) + 1024;
		s->pool = must(realloc(s->pool, s->pool_room * sizeof *s->pool));
	}
	state = &s->v[s->n];
	*state = (struct state){(uint32_t)s->pool_n, (uint32_t)n, false};
	for (size_t i = 0; i < n; i++)
		state->tells |= au->steps[list[i]].kind == STEP_END;
	if (n)
		memcpy(s->pool + s->pool_n, list, n * sizeof *list);
	s->pool_n += n;
	for (unsigned class = 0; class < au->width; class++)
		s->next[s->n * au->width + class] = UNKNOWN;
	*slot = (uint16_t)s->n;
	return (uint16_t)s->n++;
}

/* Forgets all states but the empty one. */
static void restart(struct automaton_states *s)
{
	uint16_t unused;

	s->restarts++;
	s->n = START;
	s->pool_n = 0;
	memset(s->hash, 0, HASH_SLOTS * sizeof *s->hash);
	add_state(s, NULL, 0, &unused);
}

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* The state with these steps, found or made. */
static uint16_t state_of(struct automaton_states *s, uint32_t *list, size_t n)
{
	uint32_t hash = 2166136261u;

	if (n == 0)
		return START;
	qsort(list, n, sizeof *list, by_number);
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ list[i]) * 16777619u;
	for (hash = (hash ^ hash >> 15) % HASH_SLOTS; s->hash[hash]; hash = (hash + 1) % HASH_SLOTS) {
		const struct state *known = &s->v[s->hash[hash]];
		if (known->n == n && memcmp(s->pool + known->first, list, n * sizeof *list) == 0)
			return s->hash[hash];
	}
	s->left -= s->left > 0;
	if (s->n == AUTOMATON_STATES_MAX || s->pool_n + n > AUTOMATON_SET_MAX) {
		restart(s);
		return state_of(s, list, n);
	}
	return add_state(s, list, n, &s->hash[hash]);
}

/* Where the class leads from the state, with SPECIAL when that tells; remembered. */
static uint16_t make_next(struct automaton_states *s, uint16_t from, unsigned class)
{
	const struct automaton *au = s->au;
	const struct state *state = &s->v[from];
	unsigned restarts = s->restarts;
	size_t n = 0, kept = 0;
	uint16_t to;

	s->mark++;
	for (uint32_t i = 0; i < state->n; i++) {
		uint32_t step = s->pool[state->first + i];
		if (au->steps[step].kind == STEP_OCTET && takes(au, step, class))
			close_over(au->steps, au->steps[step].next, s->marks, s->mark, s->stack, s->list, &n);
	}
	for (uint32_t i = au->start_first[class]; i < au->start_first[class + 1]; i++)
		close_over(au->steps, au->steps[au->start_steps[i]].next, s->marks, s->mark, s->stack, s->list, &n);
	for (size_t i = 0; i < n; i++)
		if (!au->is_start[s->list[i]])
			s->list[kept++] = s->list[i];
	to = state_of(s, s->list, kept);
	if (s->v[to].tells)
		to |= SPECIAL;
	/* After a restart the number belongs to another state, or to none. */
	if (s->restarts == restarts)
		s->next[from * au->width + class] = to;
	return to;
}

static void tell(const struct automaton_states *s, uint16_t number, void (*found)(void *arg, uint32_t value), void *arg)
{
	const struct automaton *au = s->au;
	const struct state *state = &s->v[number];

	for (uint32_t i = 0; i < state->n; i++) {
		const struct step *step = &au->steps[s->pool[state->first + i]];
		if (step->kind == STEP_END)
			found(arg, au->values[step->set]);
	}
}

struct automaton_states *automaton_states_new(const struct automaton *au)
{
	struct automaton_states *s = must(calloc(1, sizeof *s));

	s->au = au;
	s->hash = must(calloc(HASH_SLOTS, sizeof *s->hash));
	s->marks = must(calloc(au->n, sizeof *s->marks));
	s->stack = must(calloc(au->n, sizeof *s->stack));
	s->list = must(calloc(au->n, sizeof *s->list));
	restart(s);
	return s;
}

void automaton_states_free(struct automaton_states *s)
{
	if (!s)
		return;
	free(s->v);
	free(s->next);
	free(s->pool);
	free(s->hash);
	free(s->marks);
	free(s->stack);
	free(s->list);
	free(s);
}

void automaton_start(struct automaton_states *s, size_t octets)
{
	s->left = NEW_STATES_FREE + octets / NEW_STATES_SHARE;
}

/* What is left out of the fast loop: a step that is not known yet, or that tells. False: gives up. */
static bool step_slowly(struct automaton_states *s, uint16_t *state, unsigned char octet,
    void (*found)(void *arg, uint32_t value), void *arg)
{
	unsigned class = s->au->classes[octet];
	uint16_t to = s->next[*state * s->au->width + class];

	if (to == UNKNOWN) {
		if (s->left == 0)
			return false;
		to = make_next(s, *state, class);
	}
	*state = to & (uint16_t)~SPECIAL;
	if (to & SPECIAL)
		tell(s, *state, found, arg);
	return true;
}

/*
 * One step waits for the memory that the one before it named; four automata side by side keep the
 * processor busy in the meantime. Stops in front of an octet where one of them needs more than that.
 */
static const unsigned char *run_fast(struct automaton_states *const s[AUTOMATON_LANES],
    uint16_t state[AUTOMATON_LANES], const unsigned char *p, const unsigned char *end)
{
	const uint16_t *n0 = s[0]->next, *n1 = s[1]->next, *n2 = s[2]->next, *n3 = s[3]->next;
	const unsigned char *c0 = s[0]->au->classes, *c1 = s[1]->au->classes, *c2 = s[2]->au->classes,
	                    *c3 = s[3]->au->classes;
	size_t w0 = s[0]->au->width, w1 = s[1]->au->width, w2 = s[2]->au->width, w3 = s[3]->au->width;
	uint16_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (; p < end; p++) {
		uint16_t to0 = n0[a * w0 + c0[*p]], to1 = n1[b * w1 + c1[*p]], to2 = n2[c * w2 + c2[*p]],
		         to3 = n3[d * w3 + c3[*p]];
		if ((to0 | to1 | to2 | to3) & SPECIAL)
			break;
		a = to0;
		b = to1;
		c = to2;
		d = to3;
	}
	state[0] = a;
	state[1] = b;
	state[2] = c;
	state[3] = d;
	return p;
}

bool automaton_run(struct automaton_states *const s[AUTOMATON_LANES], struct str line,
    void (*found)(void *arg, uint32_t value), void *arg)
{
	const unsigned char *p = (const unsigned char *)line.p, *end = p + line.n;
	uint16_t state[AUTOMATON_LANES] = {START, START, START, START};

	for (; p < end; p++) {
		p = run_fast(s, state, p, end);
		if (p == end)
			break;
		for (unsigned i = 0; i < AUTOMATON_LANES; i++)
			if (!step_slowly(s[i], &state[i], *p, found, arg))
				return false;
	}
	return true;
}

bool automaton_is_spent(const struct automaton_states *s)
{
	return s->left == 0;
}

struct automaton_states *automaton_idle(void)
{
	/* One state that every octet leads back to: nothing of it is ever written. */
	static const struct automaton nothing = {.width = 1};
	static uint16_t next[2] = {UNKNOWN, START};
	static struct automaton_states idle = {.au = &nothing, .next = next, .left = 1};

	return &idle;
}

double automaton_entropy(struct automaton_states *s, const char *const *lines, size_t n, size_t *ret_told)
{
	unsigned visits[AUTOMATON_STATES_MAX] = {0}, total = 0;
	double bits = 0;

	*ret_told = 0;
	for (size_t i = 0; i < n; i++) {
		uint16_t state = START;
		bool tells = false;
		for (const unsigned char *p = (const unsigned char *)lines[i]; *p; p++) {
			state = make_next(s, state, s->au->classes[*p]) & (uint16_t)~SPECIAL;
			tells |= s->v[state].tells;
			visits[state]++;
			total++;
		}
		*ret_told += tells;
	}
	for (size_t i = START; i < s->n; i++)
		if (visits[i])
			bits -= visits[i] * log2((double)visits[i] / total) / total;
	return bits;
}
