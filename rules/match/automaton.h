/*
 * Many patterns at once, in one pass over a line: a finite automaton whose states are made when a
 * text first needs them. It finds every line where a pattern can match, and some where it does not
 * (what only looks, like anchors, is left out, and long counts are shortened): who uses it tries the
 * pattern itself then. For patterns that have no rare literal: obfuscated words, forms, classes.
 *
 *     space = automaton_space_new(work);                   for a load; one thread at a time
 *     au = automaton_new(arena, space, patterns, n);       NULL when none of them fits
 *     s = automaton_states_new(au);                        for each thread that matches
 *     automaton_start(s, octets);                          for each message
 *     if (!automaton_run(lanes, line, found, arg)) ...     gave up: every pattern may match
 *
 * An automaton is immutable. The states are bounded in number and memory and kept from message to
 * message. A text that needs new states all the time would cost more than it saves: the run gives up
 * when the message has made more states than its size allows.
 */
#ifndef REEVE_RULES_MATCH_AUTOMATON_H
#define REEVE_RULES_MATCH_AUTOMATON_H

#include "rules/match/pattern.h"

struct automaton;
struct automaton_states;
struct automaton_space;

struct automaton_pattern {
	struct node *tree;
	uint32_t value; /* told when it may match */
	double bits;	/* of its states on ordinary text; for the caller */
};

enum {
	AUTOMATON_LANES = 4, /* automata that run side by side */
	AUTOMATON_PATTERNS_MAX = 16, /* more of them need more states than they share */
	AUTOMATON_STEPS_MAX = 12000,
	AUTOMATON_STATES_MAX = 3000,
	AUTOMATON_SET_MAX = 400000, /* steps of all states together */
};

/*
 * Takes patterns from v up to what fits, at least one; their number is *ret_taken. NULL when the
 * first does not fit or would match everywhere. The trees are not needed afterwards.
 */
struct automaton *automaton_new(struct arena *a, struct automaton_space *space, const struct automaton_pattern *v,
    size_t n, size_t *ret_taken);
/* Room to build in, for any number of automata one after the other; lives in a. */
struct automaton_space *automaton_space_new(struct arena *a);

struct automaton_states *automaton_states_new(const struct automaton *au);
void automaton_states_free(struct automaton_states *s);
void automaton_start(struct automaton_states *s, size_t octets);
/*
 * Four automata over one line: found(arg, value) for each pattern that may match there, maybe several
 * times. False: one of them gave up, and nothing is known about the line. An automaton that is spent
 * must not run again before automaton_start(); automaton_idle() stands in where there is none.
 */
bool automaton_run(struct automaton_states *const s[AUTOMATON_LANES], struct str line,
    void (*found)(void *arg, uint32_t value), void *arg);
/*
 * Two automata, each over lines of its own, side by side: one alone waits for memory most of the time.
 * found() is called as above; gave_up() for a line of which nothing is known. Both look at the lane's line.
 */
struct automaton_lane {
	struct automaton_states *states;
	const struct str *lines;
	size_t n, line; /* line: the one in hand */
	/* the automaton's own */
	uint32_t row;
	const unsigned char *at, *end;
};
struct automaton_calls {
	void (*found)(void *arg, uint32_t value, const struct automaton_lane *lane);
	void (*gave_up)(void *arg, const struct automaton_lane *lane);
	void *arg;
};
void automaton_run_two(struct automaton_lane lanes[2], const struct automaton_calls *calls);
bool automaton_is_spent(const struct automaton_states *s);
struct automaton_states *automaton_idle(void);
/*
 * How many bits it takes to say which state a pattern is in while it reads ordinary text. Those of
 * several patterns in one automaton about add up, and the states that they need are 2 to that power.
 * ret_told: in how many lines it may match.
 */
double automaton_entropy(struct automaton_states *s, const char *const *lines, size_t n, size_t *ret_told);

#endif
