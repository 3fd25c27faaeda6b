/*
 * The keywords of rule files. Three tables: what defines or describes rules, what is kept as a
 * setting for the eval functions, and options of SpamAssassin that have their place elsewhere here
 * (with the reason, for lint). Anything else is an error.
 */
#include "rules/keyword.h"

#include <math.h>
#include <stdlib.h>

/* Cuts the rule name off; NULL and an error when it is none. */
static struct rule *take_rule(struct parser *p, struct str *value)
{
	struct str name;

	if (!str_word(value, &name)) {
		parser_error(p, "a rule name was expected behind '%.*s'", STR_ARG(p->keyword));
		return NULL;
	}
	*value = str_trim(*value);
	if (name.n > RULE_NAME_MAX || is_digit(name.p[0])) {
		parser_error(p, "'%.*s' is no rule name", STR_ARG(name));
		return NULL;
	}
	for (size_t i = 0; i < name.n; i++) {
		if (!is_alnum(name.p[i]) && name.p[i] != '_') {
			parser_error(p, "'%.*s' is no rule name", STR_ARG(name));
			return NULL;
		}
	}
	if (p->conf->count >= RULE_COUNT_MAX) {
		parser_error(p, "more than %d rules", RULE_COUNT_MAX);
		return NULL;
	}
	return rules_conf_rule(p->conf, name);
}

/* A definition replaces an earlier one; score, description and flags stay. */
static struct rule *define(struct parser *p, struct str *value, enum rule_kind kind)
{
	struct rule *r = take_rule(p, value);

	if (!r)
		return NULL;
	if (value->n == 0) {
		parser_error(p, "rule %.*s: the test is missing", STR_ARG(r->name));
		return NULL;
	}
	if (r->flags & RULE_IS_DEFINED)
		r->earlier = r->place;
	r->kind = kind;
	r->flags &= ~(unsigned)(RULE_NEGATED | RULE_EXISTS);
	r->flags |= RULE_IS_DEFINED;
	r->place = p->place;
	r->text = arena_str(p->conf->arena, *value);
	r->header = r->pattern = r->if_unset = r->function = STR_NONE;
	r->has_if_unset = false;
	r->modifiers = 0;
	r->arg_count = 0;
	r->samples = NULL;
	p->last_rule = r;
	return r;
}

/* ---- eval:NAME(args) ---- */

static bool take_arg(struct str *rest, struct str *ret_arg)
{
	struct str s = str_trim(*rest);
	size_t n = 0;
	ptrdiff_t end;

	if (s.n && (s.p[0] == '"' || s.p[0] == '\'')) {
		end = str_chr(str_from(s, 1), s.p[0]);
		if (end < 0)
			return false;
		*ret_arg = str_sub(s, 1, (size_t)end);
		*rest = str_trim(str_from(s, (size_t)end + 2));
		return true;
	}
	while (n < s.n && (is_alnum(s.p[n]) || strchr(".:_-", s.p[n])))
		n++;
	*ret_arg = str_sub(s, 0, n);
	*rest = str_trim(str_from(s, n));
	return n > 0;
}

static bool take_args(struct parser *p, struct rule *r, struct str rest)
{
	r->args = arena_array(p->conf->arena, RULE_ARGS_MAX, sizeof *r->args);
	rest = str_trim(rest);
	while (rest.n) {
		struct str arg;
		if (r->arg_count == RULE_ARGS_MAX || !take_arg(&rest, &arg))
			return false;
		r->args[r->arg_count++] = arena_str(p->conf->arena, arg);
		if (rest.n == 0)
			break;
		if (rest.p[0] != ',')
			return false;
		rest = str_trim(str_from(rest, 1));
	}
	return true;
}

/* text is "name(args)" behind "eval:". */
static void define_eval(struct parser *p, struct rule *r, struct str text)
{
	ptrdiff_t open = str_chr(text, '(');

	r->eval_on = r->kind;
	r->kind = RULE_EVAL;
	if (open <= 0 || text.p[text.n - 1] != ')' ||
	    !take_args(p, r, str_sub(text, (size_t)open + 1, text.n - (size_t)open - 2))) {
		parser_error(p, "rule %.*s: eval:NAME(ARGUMENT, ...) was expected", STR_ARG(r->name));
		r->function = STR("");
		return;
	}
	r->function = arena_str(p->conf->arena, str_trim(str_sub(text, 0, (size_t)open)));
}

static bool is_eval(struct str value, struct str *ret_rest)
{
	if (str_starts(value, STR("rbl")))
		value = str_from(value, 3);
	if (!str_starts(value, STR("eval:")))
		return false;
	*ret_rest = str_from(value, 5);
	return true;
}

/* ---- rules ---- */

static void define_pattern(struct parser *p, struct str value, enum rule_kind kind)
{
	struct rule *r = define(p, &value, kind);
	struct str rest;

	if (!r)
		return;
	if (is_eval(value, &rest))
		define_eval(p, r, rest);
	else
		r->pattern = r->text;
}

static void kw_body(struct parser *p, struct str value)
{
	define_pattern(p, value, RULE_BODY);
}

static void kw_rawbody(struct parser *p, struct str value)
{
	define_pattern(p, value, RULE_RAWBODY);
}

static void kw_full(struct parser *p, struct str value)
{
	define_pattern(p, value, RULE_FULL);
}

static void kw_uri(struct parser *p, struct str value)
{
	define_pattern(p, value, RULE_URI);
}

static void kw_uri_detail(struct parser *p, struct str value)
{
	define_pattern(p, value, RULE_URI_DETAIL);
}

static const struct {
	const char *name;
	unsigned bits;
} modifiers[] = {
    {"raw", HEADER_RAW},
    {"addr", HEADER_ADDR},
    {"name", HEADER_NAME},
    {"host", HEADER_HOST},
    {"domain", HEADER_HOST | HEADER_DOMAIN},
    {"ip", HEADER_IP},
    {"revip", HEADER_IP | HEADER_REVIP},
    {"first", HEADER_FIRST},
    {"last", HEADER_LAST},
};

/* "Name", "Name:" or with one or two modifiers, in lower case: SpamAssassin refuses all else. */
bool rules_header_of(struct str text, struct str *ret_name, unsigned *ret_modifiers)
{
	struct str part;
	size_t count = 0;

	*ret_modifiers = 0;
	if (!str_split(&text, ':', ret_name) || ret_name->n == 0)
		return false;
	for (size_t i = 0; i < ret_name->n; i++)
		if (!is_alnum(ret_name->p[i]) && !strchr("_.-", ret_name->p[i]))
			return false;
	while (str_split(&text, ':', &part)) {
		size_t i = 0, n = sizeof modifiers / sizeof *modifiers;
		if (part.n == 0 && count == 0 && !text.p)
			break;
		while (i < n && !str_is(part, modifiers[i].name))
			i++;
		if (i == n || ++count > 2)
			return false;
		*ret_modifiers |= modifiers[i].bits;
	}
	return true;
}

static bool take_header(struct parser *p, struct rule *r, struct str text)
{
	struct str name;
	unsigned bits;

	if (!rules_header_of(text, &name, &bits))
		return false;
	r->header = arena_str(p->conf->arena, name);
	r->modifiers |= bits;
	return true;
}

/* "/pattern/ [if-unset: text]" */
static void take_if_unset(struct parser *p, struct rule *r, struct str *pattern)
{
	ptrdiff_t at = str_find(*pattern, STR("[if-unset:"));

	if (at <= 0 || pattern->p[pattern->n - 1] != ']' || !is_space(pattern->p[at - 1]) || !is_space(pattern->p[at + 10]))
		return;
	r->if_unset = arena_str(p->conf->arena,
	    str_trim(str_sub(*pattern, (size_t)at + 10, pattern->n - (size_t)at - 11)));
	r->has_if_unset = true;
	*pattern = str_trim(str_sub(*pattern, 0, (size_t)at));
}

static void take_header_test(struct parser *p, struct rule *r, struct str value)
{
	ptrdiff_t is = str_find(value, STR("=~")), not = str_find(value, STR("!~"));
	ptrdiff_t at = is >= 0 && (not< 0 || is < not) ? is : not;
	struct str pattern;

	if (at <= 0 || !take_header(p, r, str_trim(str_sub(value, 0, (size_t)at)))) {
		parser_error(p, "rule %.*s: NAME[:modifier...] =~ /pattern/ was expected", STR_ARG(r->name));
		return;
	}
	if (value.p[at] == '!')
		r->flags |= RULE_NEGATED;
	pattern = str_trim(str_from(value, (size_t)at + 2));
	take_if_unset(p, r, &pattern);
	r->pattern = arena_str(p->conf->arena, pattern);
}

static void kw_header(struct parser *p, struct str value)
{
	struct rule *r = define(p, &value, RULE_HEADER);
	struct str rest;

	if (!r)
		return;
	if (is_eval(value, &rest)) {
		define_eval(p, r, rest);
	} else if (str_starts(value, STR("exists:"))) {
		r->flags |= RULE_EXISTS;
		if (!take_header(p, r, str_from(value, 7)) || r->modifiers)
			parser_error(p, "rule %.*s: exists:NAME was expected", STR_ARG(r->name));
	} else {
		take_header_test(p, r, value);
	}
}

static void kw_mimeheader(struct parser *p, struct str value)
{
	struct rule *r = define(p, &value, RULE_MIMEHEADER);

	if (r)
		take_header_test(p, r, value);
	if (r && r->modifiers & ~HEADER_RAW)
		parser_error(p, "rule %.*s: a part's field can be :raw, and nothing else", STR_ARG(r->name));
	if (r && r->modifiers)
		r->has_if_unset = false; /* a raw field that is not there is empty for SpamAssassin */
}

static void kw_meta(struct parser *p, struct str value)
{
	define(p, &value, RULE_META);
}

static void kw_dns(struct parser *p, struct str value)
{
	define(p, &value, RULE_DNS);
}

/* ---- what is said about rules ---- */

/* "-", digits, a point with digits: .5, 1. and +1 are no scores for SpamAssassin, which then keeps the one before. */
static bool read_score(struct str text, double *ret_value, bool *ret_relative)
{
	struct str s = text, rest, whole, part;
	char copy[32], *end;

	*ret_relative = s.n > 2 && s.p[0] == '(' && s.p[s.n - 1] == ')';
	if (*ret_relative)
		s = str_sub(s, 1, s.n - 2);
	rest = s.n && s.p[0] == '-' ? str_from(s, 1) : s;
	if (s.n >= sizeof copy || !str_split(&rest, '.', &whole) || whole.n == 0 || !str_is_digits(whole))
		return false;
	part = rest.p ? rest : STR("0");
	if (part.n == 0 || !str_is_digits(part))
		return false;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	*ret_value = strtod(copy, &end);
	return !*end && isfinite(*ret_value);
}

static void kw_score(struct parser *p, struct str value)
{
	struct rule *r = take_rule(p, &value);
	double scores[RULE_SCORE_SETS];
	bool is_relative = false, any_relative = false;
	size_t n = 0;
	struct str word;

	if (!r)
		return;
	for (; str_word(&value, &word); n++) {
		if (n == RULE_SCORE_SETS || !read_score(word, &scores[n], &is_relative)) {
			parser_error(p, "score %.*s: one or four numbers were expected", STR_ARG(r->name));
			return;
		}
		any_relative |= is_relative;
	}
	if (n != 1 && n != RULE_SCORE_SETS) {
		parser_error(p, "score %.*s: one or four numbers were expected", STR_ARG(r->name));
		return;
	}
	if (any_relative && !(r->flags & RULE_HAS_SCORE)) {
		parser_warning(p, "score %.*s: nothing to be relative to", STR_ARG(r->name));
		return;
	}
	for (size_t i = 0; i < RULE_SCORE_SETS; i++)
		r->scores[i] = scores[n == 1 ? 0 : i] + (any_relative ? r->scores[i] : 0);
	r->flags |= RULE_HAS_SCORE;
	r->score_place = p->place;
}

static void kw_describe(struct parser *p, struct str value)
{
	struct rule *r = take_rule(p, &value);

	if (r)
		r->describe = arena_str(p->conf->arena, value);
}

static const struct {
	const char *word;
	unsigned flag;
} flags[] = {
    {"multiple", RULE_MULTIPLE},
    {"nice", RULE_NICE},
    {"net", RULE_NET},
    {"learn", RULE_LEARN},
    {"nosubject", RULE_NOSUBJECT},
    {"concat", RULE_CONCAT},
    {"domains_only", RULE_DOMAINS_ONLY},
    {"ips_only", RULE_IPS_ONLY},
    {"notrim", RULE_NOTRIM},
    {"a", RULE_ABOUT_HOST},
    {"ns", RULE_ABOUT_SERVERS},
    /* About learning, publishing and reporting: no meaning for matching. */
    {"publish", 0},
    {"nopublish", 0},
    {"userconf", 0},
    {"noautolearn", 0},
    {"autolearn_force", 0},
    {"noawl", 0},
    {"nolog", 0},
    {"autolearn_body", 0},
    {"autolearn_header", 0},
};

/* "range=2-5", "range=2-", "range=-3", "range=2" */
static bool read_range(struct rule *r, struct str text)
{
	ptrdiff_t dash = str_chr(text, '-');
	uint64_t from = 0, to = 1000;
	struct str left = dash < 0 ? text : str_sub(text, 0, (size_t)dash);
	struct str right = dash < 0 ? text : str_from(text, (size_t)dash + 1);

	if ((left.n && !str_u64(left, &from)) || (right.n && !str_u64(right, &to)) || (!left.n && !right.n))
		return false;
	r->flags |= RULE_RANGE;
	r->range_from = (unsigned)(from < 10000 ? from : 10000);
	r->range_to = (unsigned)(to < 10000 ? to : 10000);
	return true;
}

static void kw_tflags(struct parser *p, struct str value)
{
	struct rule *r = take_rule(p, &value);
	struct str word;
	uint64_t n;

	if (!r)
		return;
	r->flags &= ~(unsigned)(RULE_MULTIPLE | RULE_NICE | RULE_NET | RULE_LEARN | RULE_NOSUBJECT | RULE_CONCAT |
	                        RULE_RANGE | RULE_IPS_ONLY | RULE_DOMAINS_ONLY | RULE_NOTRIM | RULE_ABOUT_HOST |
	                        RULE_ABOUT_SERVERS);
	r->maxhits = 0;
	while (str_word(&value, &word)) {
		size_t i = 0, count = sizeof flags / sizeof *flags;
		while (i < count && !str_is(word, flags[i].word))
			i++;
		if (i < count) {
			r->flags |= flags[i].flag;
		} else if (str_starts(word, STR("maxhits=")) && str_u64(str_from(word, 8), &n)) {
			r->maxhits = (unsigned)(n < 1000000 ? n : 1000000);
		} else if (!str_starts(word, STR("range=")) || !read_range(r, str_from(word, 6))) {
			parser_warning(p, "tflags %.*s: unknown flag '%.*s'", STR_ARG(r->name), STR_ARG(word));
		}
	}
}

static void kw_priority(struct parser *p, struct str value)
{
	struct rule *r = take_rule(p, &value);
	char copy[16], *end;
	long n;

	if (!r)
		return;
	if (value.n == 0 || value.n >= sizeof copy) {
		parser_error(p, "priority %.*s: a number was expected", STR_ARG(r->name));
		return;
	}
	memcpy(copy, value.p, value.n);
	copy[value.n] = '\0';
	n = strtol(copy, &end, 10);
	if (*end || n < -100000 || n > 100000)
		parser_error(p, "priority %.*s: a number was expected", STR_ARG(r->name));
	else
		r->priority = (int)n;
}

static void kw_replace_rules(struct parser *p, struct str value)
{
	struct str name;

	while (str_word(&value, &name)) {
		struct rule *r = take_rule(p, &name);
		if (r)
			r->flags |= RULE_REPLACE;
	}
}

/* test NAME ok|fail text: SpamAssassin's own samples. */
static void kw_test(struct parser *p, struct str value)
{
	struct rule *r = take_rule(p, &value);
	struct rule_sample *s;
	struct str word;

	if (!r)
		return;
	if (!str_word(&value, &word) || !(str_is(word, "ok") || str_is(word, "fail"))) {
		parser_error(p, "test %.*s: ok or fail was expected", STR_ARG(r->name));
		return;
	}
	s = arena_alloc(p->conf->arena, sizeof *s);
	s->text = arena_str(p->conf->arena, str_trim(value));
	s->must_hit = str_is(word, "ok");
	s->place = p->place;
	s->next = r->samples;
	r->samples = s;
}

/* ---- tags ---- */

static void add_tag(struct parser *p, struct rule_tag **list, struct str value)
{
	struct rule_tag *t;
	struct str name;

	if (!str_word(&value, &name) || str_trim(value).n == 0) {
		parser_error(p, "%.*s: a name and an expression were expected", STR_ARG(p->keyword));
		return;
	}
	t = arena_alloc(p->conf->arena, sizeof *t);
	t->name = arena_str(p->conf->arena, name);
	t->value = arena_str(p->conf->arena, str_trim(value));
	t->next = *list;
	*list = t;
}

static void kw_replace_tag(struct parser *p, struct str value)
{
	add_tag(p, &p->conf->tags, value);
}

static void kw_replace_pre(struct parser *p, struct str value)
{
	add_tag(p, &p->conf->pres, value);
}

static void kw_replace_inter(struct parser *p, struct str value)
{
	add_tag(p, &p->conf->inters, value);
}

static void kw_replace_post(struct parser *p, struct str value)
{
	add_tag(p, &p->conf->posts, value);
}

static void kw_replace_start(struct parser *p, struct str value)
{
	if (value.n)
		p->conf->replace_start = arena_str(p->conf->arena, value);
}

static void kw_replace_end(struct parser *p, struct str value)
{
	if (value.n)
		p->conf->replace_end = arena_str(p->conf->arena, value);
}

/* ---- the tables ---- */

static const struct {
	const char *name;
	void (*read)(struct parser *p, struct str value);
} keywords[] = {
    {"askdns", kw_dns},
    {"body", kw_body},
    {"describe", kw_describe},
    {"full", kw_full},
    {"header", kw_header},
    {"meta", kw_meta},
    {"mimeheader", kw_mimeheader},
    {"priority", kw_priority},
    {"rawbody", kw_rawbody},
    {"replace_end", kw_replace_end},
    {"replace_inter", kw_replace_inter},
    {"replace_post", kw_replace_post},
    {"replace_pre", kw_replace_pre},
    {"replace_rules", kw_replace_rules},
    {"replace_start", kw_replace_start},
    {"replace_tag", kw_replace_tag},
    {"score", kw_score},
    {"test", kw_test},
    {"tflags", kw_tflags},
    {"uri", kw_uri},
    {"uri_detail", kw_uri_detail},
};

static void unknown(struct parser *p)
{
	const char *names[sizeof keywords / sizeof *keywords], *near;
	size_t n = sizeof keywords / sizeof *keywords;

	for (size_t i = 0; i < n; i++)
		names[i] = keywords[i].name;
	near = conf_near(p->keyword, names, n);
	if (near)
		parser_error(p, "unknown keyword '%.*s'; did you mean '%s'?", STR_ARG(p->keyword), near);
	else
		parser_error(p, "unknown keyword '%.*s'", STR_ARG(p->keyword));
}

void parser_keyword(struct parser *p, struct str value)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		if (str_is(p->keyword, keywords[i].name)) {
			keywords[i].read(p, value);
			return;
		}
	}
	if (rules_is_setting(p->keyword))
		parser_setting(p, value);
	else if (!rules_is_option(p->keyword))
		unknown(p);
}
