/*
 * Conditions at run time. A value that is not set makes every comparison false; strictness ends
 * there: types were checked when the policy was compiled.
 */
#include <assert.h>

#include "policy/program.h"

enum value_kind { VALUE_UNSET, VALUE_BOOL, VALUE_NUMBER, VALUE_TEXT, VALUE_IP, VALUE_NET, VALUE_LIST };

struct value {
	enum value_kind kind;
	union {
		bool boolean;
		double number;
		struct str text;
		const struct ip *ip;
		const struct cidr *net;
		const struct fact *list;
	} u;
};

static const struct value unset = {.kind = VALUE_UNSET};

static bool compare(struct run *run, const struct expr *e);
static bool is_in(struct run *run, const struct expr *e);
static bool is_in_fact(struct run *run, const struct expr *e);
static bool matches(struct run *run, const struct expr *e, bool wanted);

bool run_condition(struct run *run, const struct expr *e)
{
	/* Chains of and / or hang on b: the loop goes along them. */
	for (;;) {
		switch (e->op) {
		case EXPR_AND:
			if (!run_condition(run, e->a) || run->list_failed)
				return false;
			e = e->b;
			continue;
		case EXPR_OR:
			if (run_condition(run, e->a) || run->list_failed)
				return true;
			e = e->b;
			continue;
		case EXPR_NOT:
			return !run_condition(run, e->a);
		case EXPR_FACT:
			return run->facts[e->u.slot] && run->facts[e->u.slot]->u.boolean;
		case EXPR_IN:
			return is_in(run, e);
		case EXPR_IN_FACT:
			return is_in_fact(run, e);
		case EXPR_MATCH:
			return matches(run, e, true);
		case EXPR_NO_MATCH:
			return matches(run, e, false);
		case EXPR_NEVER:
			return false;
		default:
			return compare(run, e);
		}
	}
}

/* ---- values ---- */

static struct value number_value(double number)
{
	return (struct value){.kind = VALUE_NUMBER, .u.number = number};
}

static struct value fact_value(const struct fact *fact)
{
	if (!fact)
		return unset;
	switch (fact->def->type) {
	case FACT_BOOL:
		return (struct value){.kind = VALUE_BOOL, .u.boolean = fact->u.boolean};
	case FACT_INT:
	case FACT_DURATION:
		return number_value((double)fact->u.integer);
	case FACT_NUMBER:
		return number_value(fact->u.number);
	case FACT_TEXT:
	case FACT_WORD:
		return (struct value){.kind = VALUE_TEXT, .u.text = fact->u.text};
	case FACT_IP:
		return (struct value){.kind = fact->u.ip.family ? VALUE_IP : VALUE_UNSET, .u.ip = &fact->u.ip};
	case FACT_LIST:
		return (struct value){.kind = VALUE_LIST, .u.list = fact};
	}
	return unset;
}

static struct value value_of(struct run *run, const struct expr *e);

static struct value reckon(struct run *run, const struct expr *e)
{
	struct value a = value_of(run, e->a), b = value_of(run, e->b);

	if (a.kind != VALUE_NUMBER || b.kind != VALUE_NUMBER)
		return unset;
	switch (e->op) {
	case EXPR_ADD:
		return number_value(a.u.number + b.u.number);
	case EXPR_SUB:
		return number_value(a.u.number - b.u.number);
	case EXPR_MUL:
		return number_value(a.u.number * b.u.number);
	default:
		return b.u.number == 0 ? unset : number_value(a.u.number / b.u.number);
	}
}

static struct value value_of(struct run *run, const struct expr *e)
{
	switch (e->op) {
	case EXPR_FACT:
		return fact_value(run->facts[e->u.slot]);
	case EXPR_NUMBER:
		return number_value(e->u.number);
	case EXPR_TEXT:
		return (struct value){.kind = VALUE_TEXT, .u.text = e->u.text};
	case EXPR_NET:
		return (struct value){.kind = VALUE_NET, .u.net = &e->u.net};
	case EXPR_ADD:
	case EXPR_SUB:
	case EXPR_MUL:
	case EXPR_DIV:
		return reckon(run, e);
	default:
		return (struct value){.kind = VALUE_BOOL, .u.boolean = run_condition(run, e)};
	}
}

/* ---- comparisons ---- */

static bool list_has(const struct fact *list, struct str text)
{
	for (size_t i = 0; i < list->u.list.n; i++)
		if (str_ieq(list->u.list.v[i], text))
			return true;
	return false;
}

static bool equal(const struct value *a, const struct value *b)
{
	if (a->kind > b->kind) {
		const struct value *swap = a;
		a = b;
		b = swap;
	}
	if (a->kind == VALUE_TEXT)
		return b->kind == VALUE_LIST ? list_has(b->u.list, a->u.text)
					     : str_ieq(a->u.text, b->u.text);
	if (a->kind == VALUE_NUMBER)
		return a->u.number == b->u.number;
	if (a->kind == VALUE_IP)
		return b->kind == VALUE_NET ? cidr_has(b->u.net, a->u.ip) : ip_eq(a->u.ip, b->u.ip);
	return a->kind == VALUE_BOOL && a->u.boolean == b->u.boolean;
}

static bool compare(struct run *run, const struct expr *e)
{
	struct value a = value_of(run, e->a), b = value_of(run, e->b);

	if (a.kind == VALUE_UNSET || b.kind == VALUE_UNSET)
		return false;
	switch (e->op) {
	case EXPR_EQ:
		return equal(&a, &b);
	case EXPR_NE:
		return !equal(&a, &b);
	case EXPR_LT:
		return a.u.number < b.u.number;
	case EXPR_LE:
		return a.u.number <= b.u.number;
	case EXPR_GT:
		return a.u.number > b.u.number;
	default:
		assert(e->op == EXPR_GE);
		return a.u.number >= b.u.number;
	}
}

/* ---- lists and patterns ---- */

static bool note_result(struct run *run, enum res res)
{
	run->list_failed |= res == RES_TEMP;
	return res == RES_OK;
}

static bool is_in(struct run *run, const struct expr *e)
{
	struct str rcpt = run->recipient ? run->recipient->address.text : STR("");
	struct value a = value_of(run, e->a);

	if (a.kind == VALUE_TEXT)
		return note_result(run, list_has_text_for(e->u.list, rcpt, a.u.text, NULL));
	if (a.kind == VALUE_IP)
		return note_result(run, list_has_ip_for(e->u.list, rcpt, a.u.ip, NULL));
	for (size_t i = 0; a.kind == VALUE_LIST && i < a.u.list->u.list.n && !run->list_failed; i++)
		if (note_result(run, list_has_text_for(e->u.list, rcpt, a.u.list->u.list.v[i], NULL)))
			return true;
	return false;
}

static bool is_in_fact(struct run *run, const struct expr *e)
{
	struct value a = value_of(run, e->a), b = value_of(run, e->b);

	return a.kind == VALUE_TEXT && b.kind == VALUE_LIST && list_has(b.u.list, a.u.text);
}

static bool matches(struct run *run, const struct expr *e, bool wanted)
{
	struct value a = value_of(run, e->a);
	bool found = false;

	if (a.kind == VALUE_UNSET)
		return false;
	if (!run->scratch)
		run->scratch = regex_borrow(run->policy->pool);
	if (a.kind == VALUE_TEXT)
		found = regex_match(e->u.re, run->scratch, a.u.text, 0, NULL) == REGEX_MATCH;
	for (size_t i = 0; a.kind == VALUE_LIST && i < a.u.list->u.list.n && !found; i++)
		found = regex_match(e->u.re, run->scratch, a.u.list->u.list.v[i], 0, NULL) == REGEX_MATCH;
	return found == wanted;
}
