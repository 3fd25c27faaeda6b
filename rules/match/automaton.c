/*
 * A state is the sorted list of the steps that may come next; the steps at the start of all patterns
 * are in every state and are not listed. States are made when a text first needs them.
 */
#include "rules/match/automaton_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void automaton_close(const struct step *steps, uint32_t entry, uint32_t *marks, uint32_t mark, uint32_t *stack,
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

enum { START = 1, HASH_SLOTS = 8192, NEW_STATES_FREE = 1000, NEW_STATES_SHARE = 16, SORT_SHORT = 48 };
static const uint32_t SPECIAL = 0x80000000, UNKNOWN = 0x80000000;
_Static_assert(AUTOMATON_STATES_MAX < UINT16_MAX && 2 * (int)AUTOMATON_STATES_MAX < (int)HASH_SLOTS, "state numbers fit");

struct state {
	uint32_t first, n; /* its steps in the pool */
	bool tells;	   /* an end is among them */
};

struct automaton_states {
	const struct automaton *au;
	struct state *v; /* by number, from 1 */
	size_t n, room;
	/* A row of classes for each state: UNKNOWN, or where the row of the next one begins, with SPECIAL when it tells. */
	uint32_t *next;
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

/* Most lists are short and nearly sorted. */
static void sort_steps(uint32_t *list, size_t n)
{
	if (n > SORT_SHORT) {
		qsort(list, n, sizeof *list, by_number);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		uint32_t one = list[i];
		size_t at = i;
		for (; at > 0 && list[at - 1] > one; at--)
			list[at] = list[at - 1];
		list[at] = one;
	}
}

/* The state with these steps, found or made. */
static uint16_t state_of(struct automaton_states *s, uint32_t *list, size_t n)
{
	uint32_t hash = 2166136261u;

	if (n == 0)
		return START;
	sort_steps(list, n);
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

/* Where the class leads from the state, as in its row; remembered there. */
static uint32_t make_next(struct automaton_states *s, uint32_t from, unsigned class)
{
	const struct automaton *au = s->au;
	const struct state *state = &s->v[from];
	unsigned restarts = s->restarts;
	size_t n = 0, kept = 0;
	uint32_t number, to;

	s->mark++;
	for (uint32_t i = 0; i < state->n; i++) {
		uint32_t step = s->pool[state->first + i];
		if (au->steps[step].kind == STEP_OCTET && automaton_takes(au, step, class))
			automaton_close(au->steps, au->steps[step].next, s->marks, s->mark, s->stack, s->list, &n);
	}
	for (uint32_t i = au->start_first[class]; i < au->start_first[class + 1]; i++)
		automaton_close(au->steps, au->steps[au->start_steps[i]].next, s->marks, s->mark, s->stack, s->list, &n);
	for (size_t i = 0; i < n; i++)
		if (!au->is_start[s->list[i]])
			s->list[kept++] = s->list[i];
	number = state_of(s, s->list, kept);
	to = number * au->width | (s->v[number].tells ? SPECIAL : 0);
	/* After a restart the number belongs to another state, or to none. */
	if (s->restarts == restarts)
		s->next[from * au->width + class] = to;
	return to;
}

static void tell(const struct automaton_states *s, uint32_t number, void (*found)(void *arg, uint32_t value), void *arg)
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

/* What is left out of the fast loops: a step that is not known yet, or that tells. False: gives up. */
static bool step_slowly(struct automaton_states *s, uint32_t *row, unsigned char octet,
    void (*found)(void *arg, uint32_t value), void *arg)
{
	unsigned class = s->au->classes[octet];
	uint32_t to = s->next[*row + class];

	if (to == UNKNOWN) {
		if (s->left == 0)
			return false;
		to = make_next(s, *row / s->au->width, class);
	}
	*row = to & ~SPECIAL;
	if (to & SPECIAL)
		tell(s, *row / s->au->width, found, arg);
	return true;
}

/* Stops in front of an octet for which more than a step is to be done; so does the next one. */
static const unsigned char *run_one(const struct automaton_states *s, uint32_t *row, const unsigned char *p,
    const unsigned char *end)
{
	const uint32_t *next = s->next;
	const unsigned char *classes = s->au->classes;
	uint32_t at = *row;

	for (; p < end; p++) {
		uint32_t to = next[at + classes[*p]];
		if (to & SPECIAL)
			break;
		at = to;
	}
	*row = at;
	return p;
}

/*
 * One step waits for the memory that the one before it named; four automata side by side keep the
 * processor busy in the meantime.
 */
static const unsigned char *run_four(struct automaton_states *const s[AUTOMATON_LANES],
    uint32_t rows[AUTOMATON_LANES], const unsigned char *p, const unsigned char *end)
{
	const uint32_t *n0 = s[0]->next, *n1 = s[1]->next, *n2 = s[2]->next, *n3 = s[3]->next;
	const unsigned char *c0 = s[0]->au->classes, *c1 = s[1]->au->classes, *c2 = s[2]->au->classes,
	                    *c3 = s[3]->au->classes;
	uint32_t a = rows[0], b = rows[1], c = rows[2], d = rows[3];

	for (; p < end; p++) {
		size_t octet = *p;
		uint32_t to0 = n0[a + c0[octet]], to1 = n1[b + c1[octet]], to2 = n2[c + c2[octet]], to3 = n3[d + c3[octet]];
		if ((to0 | to1 | to2 | to3) & SPECIAL)
			break;
		a = to0;
		b = to1;
		c = to2;
		d = to3;
	}
	rows[0] = a;
	rows[1] = b;
	rows[2] = c;
	rows[3] = d;
	return p;
}

bool automaton_run(struct automaton_states *const s[AUTOMATON_LANES], struct str line,
    void (*found)(void *arg, uint32_t value), void *arg)
{
	const unsigned char *p = (const unsigned char *)line.p, *end = p + line.n;
	bool is_alone = s[1] == automaton_idle() && s[2] == s[1] && s[3] == s[1];
	unsigned lanes = is_alone ? 1 : AUTOMATON_LANES;
	uint32_t rows[AUTOMATON_LANES];

	for (unsigned i = 0; i < AUTOMATON_LANES; i++)
		rows[i] = START * s[i]->au->width;
	for (; p < end; p++) {
		p = is_alone ? run_one(s[0], &rows[0], p, end) : run_four(s, rows, p, end);
		if (p == end)
			break;
		for (unsigned i = 0; i < lanes; i++)
			if (!step_slowly(s[i], &rows[i], *p, found, arg))
				return false;
	}
	return true;
}

/* ---- two texts side by side ---- */

/* What step_slowly() tells one lane's finds to. */
struct lane_calls {
	const struct automaton_calls *calls;
	const struct automaton_lane *lane;
};

static void found_in_lane(void *arg, uint32_t value)
{
	const struct lane_calls *l = arg;

	l->calls->found(l->calls->arg, value, l->lane);
}

/* To the next octet there is, of this line or a later one. False: there is none. */
static bool lane_goes_on(struct automaton_lane *l, const struct automaton_calls *calls)
{
	while (l->at == l->end) {
		if (++l->line >= l->n)
			return false;
		l->row = START * l->states->au->width;
		l->at = (const unsigned char *)l->lines[l->line].p;
		l->end = l->at + l->lines[l->line].n;
		if (automaton_is_spent(l->states)) {
			calls->gave_up(calls->arg, l);
			l->at = l->end;
		}
	}
	return true;
}

/* One octet that needs more than a step. */
static void lane_step(struct automaton_lane *l, const struct automaton_calls *calls)
{
	struct lane_calls told = {calls, l};

	if (step_slowly(l->states, &l->row, *l->at, found_in_lane, &told)) {
		l->at++;
		return;
	}
	calls->gave_up(calls->arg, l);
	l->at = l->end;
}

/* As run_one(), in both as far as both have octets. */
static void run_both(struct automaton_lane *x, struct automaton_lane *y)
{
	const uint32_t *next_x = x->states->next, *next_y = y->states->next;
	const unsigned char *classes_x = x->states->au->classes, *classes_y = y->states->au->classes;
	ptrdiff_t n = x->end - x->at < y->end - y->at ? x->end - x->at : y->end - y->at, i = 0;
	uint32_t at_x = x->row, at_y = y->row;

	for (; i < n; i++) {
		uint32_t to_x = next_x[at_x + classes_x[x->at[i]]], to_y = next_y[at_y + classes_y[y->at[i]]];
		if ((to_x | to_y) & SPECIAL)
			break;
		at_x = to_x;
		at_y = to_y;
	}
	x->row = at_x;
	y->row = at_y;
	x->at += i;
	y->at += i;
}

static void run_rest(struct automaton_lane *l, const struct automaton_calls *calls)
{
	while (lane_goes_on(l, calls)) {
		l->at = run_one(l->states, &l->row, l->at, l->end);
		if (l->at < l->end)
			lane_step(l, calls);
	}
}

void automaton_run_two(struct automaton_lane lanes[2], const struct automaton_calls *calls)
{
	struct automaton_lane *x = &lanes[0], *y = &lanes[1];

	for (int i = 0; i < 2; i++) {
		lanes[i].at = lanes[i].end = NULL;
		lanes[i].line = SIZE_MAX;
	}
	while (lane_goes_on(x, calls) && lane_goes_on(y, calls)) {
		run_both(x, y);
		if (x->at < x->end && y->at < y->end) {
			lane_step(x, calls);
			lane_step(y, calls);
		}
	}
	run_rest(x, calls);
	run_rest(y, calls);
}

bool automaton_is_spent(const struct automaton_states *s)
{
	return s->left == 0;
}

struct automaton_states *automaton_idle(void)
{
	/* One state that every octet leads back to: nothing of it is ever written. */
	static const struct automaton nothing = {.width = 1};
	static uint32_t next[2] = {0x80000000, START};
	static struct automaton_states idle = {.au = &nothing, .next = next, .left = 1};

	return &idle;
}

double automaton_entropy(struct automaton_states *s, const char *const *lines, size_t n, size_t *ret_told)
{
	unsigned visits[AUTOMATON_STATES_MAX] = {0}, total = 0;
	double bits = 0;

	*ret_told = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t state = START;
		bool tells = false;
		for (const unsigned char *p = (const unsigned char *)lines[i]; *p; p++) {
			state = (make_next(s, state, s->au->classes[*p]) & ~SPECIAL) / s->au->width;
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
