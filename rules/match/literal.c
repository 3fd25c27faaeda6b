/*
 * Walks a pattern's tree and keeps, for each piece, the finite set of texts that it can be (when it
 * is small), and the best set of literals seen on the way. Called once per pattern at load.
 */
#include "rules/match/literal.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { CLASS_MAX = 12, RUN_MAX = 64, EDGE_MAX = 2, JOINED_SET_MAX = 600, SEEN_SLOTS = 4096 };

struct set {
	struct str *v;
	size_t n;
};

struct piece {
	bool is_exact; /* it is one of `exact` and nothing else */
	struct set exact, best;
	double rate;	 /* of best; meaningless without */
	unsigned times;	 /* how often one of best occurs at least, at places apart */
	struct set edge; /* not exact, but it starts with one of these and ends with one; n 0: not known */
};

/* Which texts of an array there are: their numbers by hash, from 1. */
struct seen {
	uint16_t slots[SEEN_SLOTS];
	uint32_t mask;
};

struct finder {
	struct arena *a;
	const char *octets; /* each octet once, to point at */
	struct seen *seen;
};
_Static_assert(2 * 2 * (int)JOINED_SET_MAX <= (int)SEEN_SLOTS, "half of the slots stay free");

static struct piece piece_of(struct finder *f, const struct node *n);

/* ---- sets ---- */

static struct set set_of(struct finder *f, struct str s)
{
	struct set set = {arena_array(f->a, 1, sizeof *set.v), 1};

	set.v[0] = s;
	return set;
}

static void seen_start(struct seen *seen, size_t n)
{
	seen->mask = 15;
	while (seen->mask < 2 * n)
		seen->mask = seen->mask * 2 + 1;
	memset(seen->slots, 0, (seen->mask + 1) * sizeof *seen->slots);
}

/* The slot of the text among those of v, or the free one where it belongs. */
static uint16_t *slot_of(struct seen *seen, const struct str *v, struct str s)
{
	uint32_t at = (uint32_t)str_hash(s) & seen->mask;

	while (seen->slots[at] && !str_eq(v[seen->slots[at] - 1], s))
		at = (at + 1) & seen->mask;
	return &seen->slots[at];
}

/* Adds the text unless it is there; seen belongs to the set. */
static void set_add(struct seen *seen, struct set *set, struct str s)
{
	uint16_t *slot = slot_of(seen, set->v, s);

	if (*slot)
		return;
	set->v[set->n++] = s;
	*slot = (uint16_t)set->n;
}

/* Whether a shorter one of v stands in the text; lengths: those that there are, bit by bit. */
static bool holds_other(struct seen *seen, const struct str *v, uint64_t lengths, struct str s)
{
	for (uint64_t left = lengths & (((uint64_t)1 << s.n) - 1); left; left &= left - 1) {
		size_t length = (size_t)__builtin_ctzll(left);
		for (size_t i = 0; i + length <= s.n; i++)
			if (*slot_of(seen, v, str_sub(s, i, length)))
				return true;
	}
	return false;
}

/* A text that holds another one of the set adds nothing. */
static void set_reduce(struct finder *f, struct set *set)
{
	struct set all = {arena_array(f->a, set->n, sizeof *all.v), 0};
	uint64_t lengths = 0;
	size_t kept = 0;

	seen_start(f->seen, set->n);
	for (size_t i = 0; i < set->n; i++) {
		set_add(f->seen, &all, set->v[i]);
		lengths |= (uint64_t)1 << set->v[i].n;
	}
	for (size_t i = 0; i < all.n; i++)
		if (!holds_other(f->seen, all.v, lengths, all.v[i]))
			set->v[kept++] = all.v[i];
	set->n = kept;
}
_Static_assert((int)LITERAL_MAX < 64, "a bit for each length");

/* The union; false when it is too large. */
static bool join_all(struct finder *f, const struct set *sets, size_t n, size_t most, struct set *ret)
{
	struct set out = {NULL, 0};
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += sets[i].n;
	if (total > 2 * most)
		return false;
	out.v = arena_array(f->a, total, sizeof *out.v);
	seen_start(f->seen, total);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i].n; k++)
			set_add(f->seen, &out, sets[i].v[k]);
	*ret = out;
	return out.n <= most;
}

static struct str join_two(struct finder *f, struct str x, struct str y)
{
	char *p;

	if (x.n == 0 || y.n == 0)
		return x.n ? x : y;
	p = arena_alloc(f->a, x.n + y.n);
	memcpy(p, x.p, x.n);
	memcpy(p + x.n, y.p, y.n);
	return (struct str){p, x.n + y.n};
}

static bool is_of_one_length(const struct set *set)
{
	for (size_t i = 1; i < set->n; i++)
		if (set->v[i].n != set->v[0].n)
			return false;
	return true;
}

/* Each of a followed by each of b; false when that is too much. */
static bool set_cross(struct finder *f, const struct set *a, const struct set *b, struct set *ret)
{
	bool may_be_alike = !is_of_one_length(a) && !is_of_one_length(b);
	struct set out;

	if (a->n * b->n > RUN_MAX)
		return false;
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (a->v[i].n + b->v[k].n > LITERAL_MAX)
				return false;
	out = (struct set){arena_array(f->a, a->n * b->n, sizeof *out.v), 0};
	if (may_be_alike)
		seen_start(f->seen, a->n * b->n);
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			struct str joined = join_two(f, a->v[i], b->v[k]);
			if (may_be_alike)
				set_add(f->seen, &out, joined);
			else
				out.v[out.n++] = joined;
		}
	}
	*ret = out;
	return true;
}

static double set_rate(const struct set *set)
{
	double rate = 0;

	if (set->n == 0 || set->n > LITERAL_SET_MAX)
		return INFINITY;
	for (size_t i = 0; i < set->n; i++) {
		if (set->v[i].n < LITERAL_MIN)
			return INFINITY;
		rate += literal_rate(set->v[i]);
	}
	return rate;
}

/* What is needed several times is rarer than what is needed once. */
static void offer_times(struct piece *p, const struct set *set, unsigned times)
{
	double rate = set_rate(set) / times / times;

	if (isinf(rate) || (p->best.n && p->rate <= rate))
		return;
	p->best = *set;
	p->rate = rate;
	p->times = times;
}

static void offer(struct piece *p, const struct set *set)
{
	offer_times(p, set, 1);
}

static void offer_best(struct piece *p, const struct piece *from)
{
	if (from->best.n)
		offer_times(p, &from->best, from->times);
}

/* ---- pieces ---- */

static struct piece octet_piece(struct finder *f, const struct octets *set)
{
	unsigned count = octets_count(set);
	struct piece p = {.is_exact = true};
	struct octets seen = {{0}};

	if (count == 0 || count > 2 * CLASS_MAX)
		return (struct piece){0};
	p.exact.v = arena_array(f->a, count < CLASS_MAX ? count : CLASS_MAX, sizeof *p.exact.v);
	for (unsigned word = 0; word < 4; word++) {
		for (uint64_t bits = set->bits[word]; bits; bits &= bits - 1) {
			unsigned c = word * 64 + (unsigned)__builtin_ctzll(bits);
			unsigned char letter = (unsigned char)literal_letter((unsigned char)c);
			if (octets_has(&seen, letter))
				continue;
			octets_add(&seen, letter);
			if (p.exact.n == CLASS_MAX)
				return (struct piece){0};
			p.exact.v[p.exact.n++] = (struct str){f->octets + letter, 1};
		}
	}
	return p;
}

/* At least once: what one turn requires, and the turns that must follow each other. */
static struct piece repeat_often(struct finder *f, const struct piece *p, unsigned least, bool is_fixed)
{
	unsigned times = least < LITERAL_TIMES_MAX ? p->times * least : LITERAL_TIMES_MAX;
	struct piece out = {0};
	struct set run;

	if (p->best.n)
		offer_times(&out, &p->best, times < LITERAL_TIMES_MAX ? times : LITERAL_TIMES_MAX);
	if (!p->is_exact)
		return out;
	offer(&out, &p->exact);
	run = p->exact;
	for (unsigned i = 0; i < least && i < LITERAL_MAX; i++) {
		if (i > 0 && !set_cross(f, &run, &p->exact, &run))
			return out;
		offer(&out, &run);
		if (run.n <= EDGE_MAX)
			out.edge = run;
	}
	if (is_fixed && least < LITERAL_MAX) {
		out.is_exact = true;
		out.exact = run;
	}
	return out;
}

static struct piece repeat_piece(struct finder *f, const struct node *n)
{
	struct piece p, out = {0};

	if (n->most == 0)
		return (struct piece){.is_exact = true, .exact = set_of(f, STR(""))};
	p = piece_of(f, n->child);
	if (n->least == 1 && n->most == 1)
		return p;
	if (n->least > 0)
		return repeat_often(f, &p, n->least, n->least == n->most);
	if (n->most == 1 && p.is_exact) {
		struct set both[2] = {set_of(f, STR("")), p.exact};
		out.is_exact = join_all(f, both, 2, RUN_MAX, &out.exact);
	}
	return out;
}

static struct piece sequence_piece(struct finder *f, const struct node *n)
{
	struct piece out = {.is_exact = true}, p;
	struct set run = set_of(f, STR("")), longer;

	for (const struct node *c = n->child; c; c = c->next) {
		p = piece_of(f, c);
		offer_best(&out, &p);
		if (p.is_exact && set_cross(f, &run, &p.exact, &run))
			continue;
		if (!p.is_exact && p.edge.n && set_cross(f, &run, &p.edge, &longer))
			run = longer;
		offer(&out, &run);
		out.is_exact = false;
		run = p.is_exact ? p.exact : p.edge.n ? p.edge : set_of(f, STR(""));
	}
	offer(&out, &run);
	if (out.is_exact)
		out.exact = run;
	return out;
}

/* The best of what is exact and what was offered. */
static struct piece usable(const struct piece *p)
{
	struct piece best = {0};

	offer_best(&best, p);
	if (p->is_exact)
		offer(&best, &p->exact);
	return best;
}

/* What the whole choice can be, and what all of its branches require. */
static struct piece join_branches(struct finder *f, const struct piece *v, size_t n)
{
	struct set *sets = arena_array(f->a, n, sizeof *sets);
	struct piece out = {.is_exact = true};
	unsigned times = LITERAL_TIMES_MAX;

	for (size_t i = 0; i < n; i++) {
		out.is_exact &= v[i].is_exact;
		sets[i] = v[i].exact;
	}
	if (out.is_exact)
		out.is_exact = join_all(f, sets, n, LITERAL_SET_MAX, &out.exact);
	for (size_t i = 0; i < n; i++) {
		struct piece best = usable(&v[i]);
		sets[i] = best.best;
		if (sets[i].n == 0)
			return out;
		times = best.times < times ? best.times : times;
	}
	if (!join_all(f, sets, n, JOINED_SET_MAX, &sets[0]))
		return out;
	set_reduce(f, &sets[0]);
	offer_times(&out, &sets[0], times);
	return out;
}

static struct piece choice_piece(struct finder *f, const struct node *n)
{
	struct piece *v;
	size_t count = 0;

	for (const struct node *c = n->child; c; c = c->next)
		count++;
	v = arena_array(f->a, count, sizeof *v);
	count = 0;
	for (const struct node *c = n->child; c; c = c->next)
		v[count++] = piece_of(f, c);
	return join_branches(f, v, count);
}

static struct piece piece_of(struct finder *f, const struct node *n)
{
	switch (n->kind) {
	case NODE_EMPTY:
		return (struct piece){.is_exact = true, .exact = set_of(f, STR(""))};
	case NODE_OCTET:
		return octet_piece(f, n->set);
	case NODE_SEQUENCE:
		return sequence_piece(f, n);
	case NODE_CHOICE:
		return choice_piece(f, n);
	case NODE_REPEAT:
		return repeat_piece(f, n);
	default:
		return (struct piece){0};
	}
}

void literals_of(struct arena *a, struct arena *work, const struct node *pattern, struct literals *ret_literals)
{
	struct finder f = {.a = work, .seen = arena_room(work, sizeof *f.seen)};
	char *octets = arena_alloc(work, 256);
	struct piece all, best;

	*ret_literals = (struct literals){0};
	if (!pattern)
		return;
	for (unsigned c = 0; c < 256; c++)
		octets[c] = (char)c;
	f.octets = octets;
	all = piece_of(&f, pattern);
	best = usable(&all);
	if (best.best.n == 0)
		return;
	set_reduce(&f, &best.best);
	ret_literals->n = best.best.n;
	ret_literals->times = best.times;
	ret_literals->rate = set_rate(&best.best);
	ret_literals->v = arena_array(a, best.best.n, sizeof *ret_literals->v);
	for (size_t i = 0; i < best.best.n; i++)
		ret_literals->v[i] = arena_str(a, best.best.v[i]);
}

/* Share of octets in mail text, in 1/10,000: letters folded, the rest by kind. */
static const unsigned short letter_share[26] = {
    600, 120, 250, 300, 900, 150, 150, 330, 550, 15, 60, 350, 200,
    550, 550, 200, 8, 500, 500, 650, 210, 70, 120, 20, 120, 8,
};

static double share_of(unsigned char c)
{
	if (c >= 'a' && c <= 'z')
		return letter_share[c - 'a'] / 10000.0;
	if (c == ' ')
		return 0.15;
	if (is_digit(c))
		return 0.008;
	return strchr("./-=\"<>:\n", c) && c ? 0.009 : 0.003;
}

/* Octets of a word go together: later ones tell less than their share says. */
static double shares[256], later_shares[256];
static pthread_once_t are_shared = PTHREAD_ONCE_INIT;

static void make_shares(void)
{
	for (unsigned c = 0; c < 256; c++) {
		shares[c] = share_of((unsigned char)c);
		later_shares[c] = sqrt(shares[c]);
	}
}

double literal_rate(struct str literal)
{
	double rate = 1;

	pthread_once(&are_shared, make_shares);
	for (size_t i = 0; i < literal.n; i++)
		rate *= (i < 4 ? shares : later_shares)[(unsigned char)literal.p[i]];
	return rate;
}
