/* Policies: blocks and statements to a program, with every check that can be made at load. */
#include "core/address.h"
#include "policy/program.h"

#define ALL_STAGES ((1u << STAGE_COUNT) - 1)
#define STAGE_BIT(stage) (1u << (stage))
#define PER_RECIPIENT (STAGE_BIT(STAGE_RCPT) | STAGE_BIT(STAGE_MESSAGE))
#define AT_MESSAGE STAGE_BIT(STAGE_MESSAGE)

/* A statement being read: its arguments are tokens i..n, the condition stands behind n. */
struct reading {
	struct compiler *c;
	const struct conf_node *node;
	size_t i, n;
	const struct policy_word *word;
	struct statement *s;
};

struct action_row {
	enum action action;
	unsigned stages;
	bool (*read)(struct reading *r);
};

static const struct action_row action_rows[];

static struct statement *compile_block(struct compiler *c, const struct conf_node *list);
static void compile_stage(struct compiler *c, const struct conf_node *node);
static void check_end(struct compiler *c, struct conf_place place);

void compiler_start(struct compiler *c, struct conf_load *load, struct policy *policy, const struct fact_registry *facts,
    const struct lists *lists)
{
	*c = (struct compiler){.load = load, .arena = load->arena, .policy = policy, .facts = facts, .lists = lists};
	policy->arena = load->arena;
	policy->pool = regex_pool_new(load->arena);
	c->inline_lists = lists_new(load->arena, NULL);
}

struct policy *policy_new(struct conf_load *load, const struct conf_node *node, const struct fact_registry *facts,
    const struct lists *lists, const struct filter *const known[], struct policy_texts *texts)
{
	struct arena *a = load->arena;
	struct compiler *c = arena_alloc(a, sizeof *c);
	size_t errors = load->errors;

	compiler_start(c, load, arena_alloc(a, sizeof *c->policy), facts, lists);
	c->known = known;
	c->texts = texts;
	c->policy->language = fact_def_find(facts, STR("settings.language"));
	if (!node) {
		c->is_lenient = true;
		node = conf_parse_text(load, "policy-default", str_of(policy_default_text));
	}
	if (!conf_expect_args(load, node, 0, 0, "{ at STAGE { ... } ... }") || !conf_expect_block(load, node, true))
		return NULL;
	for (const struct conf_node *child = node->children; child; child = child->next)
		compile_stage(c, child);
	check_end(c, node->tokens[0].place);
	texts_check(c);
	policy_finish(c->policy);
	return load->errors == errors ? c->policy : NULL;
}

bool policy_has(const struct policy *p, enum stage stage)
{
	return p->stages[stage] != NULL;
}

size_t policy_left_out(const struct policy *p)
{
	return p->left_out;
}

size_t policy_own_headers(const struct policy *p, const struct str **ret_names)
{
	*ret_names = p->own_headers;
	return p->own_header_count;
}

/* ---- stages ---- */

static bool find_stage(struct compiler *c, const struct conf_token *t)
{
	const char *names[STAGE_COUNT], *near;

	for (int i = 0; i < STAGE_COUNT; i++) {
		names[i] = stage_name((enum stage)i);
		if (conf_is_word(t, names[i])) {
			c->stage = (enum stage)i;
			return true;
		}
	}
	near = conf_near(t->text, names, STAGE_COUNT);
	conf_error(c->load, t->place, "there is no stage %s; expected connect, helo, mail, rcpt, header or message%s%s%s",
	    conf_token_show(c->arena, t), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return false;
}

static void compile_stage(struct compiler *c, const struct conf_node *node)
{
	struct statement **last;

	if (!conf_is_word(&node->tokens[0], "at")) {
		conf_error(c->load, node->tokens[0].place, "%s is wrong here; expected at STAGE { ... }",
		    conf_token_show(c->arena, &node->tokens[0]));
		return;
	}
	if (!conf_expect_args(c->load, node, 1, 1, "STAGE { ... }") || !conf_expect_block(c->load, node, true) ||
	    !find_stage(c, &node->tokens[1]))
		return;
	for (last = &c->policy->stages[c->stage]; *last; last = &(*last)->next)
		;
	*last = compile_block(c, node->children);
}

static bool is_ending(const struct statement *s)
{
	return s->action <= ACTION_STOP;
}

/* What no statement ends is tempfailed at the message stage: rarely what somebody wants. */
static void check_end(struct compiler *c, struct conf_place place)
{
	const struct statement *last = c->policy->stages[STAGE_MESSAGE];

	while (last && last->next)
		last = last->next;
	if (last && is_ending(last) && !last->condition && last->action != ACTION_STOP)
		return;
	conf_warning(c->load, last ? last->place : place,
	    "the message stage can end without a verdict, then the message is tempfailed; end it with accept;");
}

void policy_finish(struct policy *p)
{
	for (p->slot_room = 16; p->slot_room < 4 * p->fact_count;)
		p->slot_room *= 2;
	p->slots = arena_array(p->arena, p->slot_room, sizeof *p->slots);
	for (size_t i = 0; i < p->fact_count; i++) {
		size_t at = slot_hash(p, p->facts[i]);
		while (p->slots[at])
			at = (at + 1) & (p->slot_room - 1);
		p->slots[at] = (uint16_t)(i + 1);
	}
}

/* ---- statements ---- */

static size_t find_if(const struct conf_node *node)
{
	size_t i = 1;

	while (i < node->n && !conf_is_word(&node->tokens[i], "if"))
		i++;
	return i;
}

/* As it was written, in one line; strings quoted again. */
static struct str show(struct compiler *c, const struct conf_node *node)
{
	struct buf b = {0};
	struct str text;

	for (size_t i = 0; i < node->n && b.n < POLICY_STATEMENT_MAX; i++) {
		const struct conf_token *t = &node->tokens[i];
		if (i && !str_is(t->text, ",") && !str_is(t->text, ")") && !str_is(node->tokens[i - 1].text, "("))
			buf_addc(&b, ' ');
		if (t->kind != TOKEN_STRING) {
			buf_add(&b, t->text);
			continue;
		}
		buf_addc(&b, '"');
		for (size_t k = 0; k < t->text.n; k++) {
			if (t->text.p[k] == '"')
				buf_addc(&b, '\\');
			buf_addc(&b, is_space((unsigned char)t->text.p[k]) ? ' ' : t->text.p[k]);
		}
		buf_addc(&b, '"');
	}
	text = buf_take(&b, c->arena);
	if (text.n <= POLICY_STATEMENT_MAX)
		return text;
	text.n = POLICY_STATEMENT_MAX - 3;
	while (text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
		text.n--;
	return arena_printf(c->arena, "%.*s...", STR_ARG(text));
}

static void keep_reads(struct compiler *c, struct statement *s)
{
	s->read_count = c->read_count;
	s->reads = arena_array(c->arena, c->read_count + 1, sizeof *s->reads);
	memcpy(s->reads, c->reads, c->read_count * sizeof *s->reads);
}

static struct statement *compile_for(struct compiler *c, const struct conf_node *node)
{
	struct statement *s = arena_alloc(c->arena, sizeof *s);

	if (!conf_expect_block(c->load, node, true))
		return NULL;
	s->action = ACTION_FOR;
	s->place = node->tokens[0].place;
	s->shown = show(c, node);
	s->condition = compile_condition(c, node, 1);
	keep_reads(c, s);
	/* Its statements are checked even when the condition is wrong. */
	s->body = compile_block(c, node->children);
	return s->condition ? s : NULL;
}

static const struct action_row *find_action(struct compiler *c, const struct conf_node *node,
    const struct policy_word **ret_word)
{
	const char *names[32], *near;
	const struct conf_token *t = &node->tokens[0];
	bool is_subject = node->n > 1 && conf_is_word(&node->tokens[1], "subject");
	size_t n = 0;

	for (; policy_actions[n].name; n++) {
		names[n] = policy_actions[n].name;
		if (conf_is_word(t, names[n]) || (conf_is_word(t, "tag") &&
			str_is(is_subject ? STR("tag subject") : STR("tag header"), names[n]))) {
			*ret_word = &policy_actions[n];
			return &action_rows[n];
		}
	}
	near = conf_near(t->text, names, n);
	if (conf_is_word(t, "if"))
		conf_error(c->load, t->place, "the condition stands behind the action; expected one such as: reject if score >= 15;");
	else
		conf_error(c->load, t->place, "%s is no action%s%s%s", conf_token_show(c->arena, t),
		    near ? "; did you mean '" : "; see reevectl help actions", near ? near : "", near ? "'?" : "");
	return NULL;
}

static bool stage_allows(struct compiler *c, const struct conf_node *node, const struct action_row *row,
    const struct policy_word *word)
{
	struct buf b = {0};

	if (row->stages & STAGE_BIT(c->stage))
		return true;
	for (int i = 0; i < STAGE_COUNT; i++)
		if (row->stages & STAGE_BIT(i))
			buf_addf(&b, "%s%s", b.n ? " or " : "", stage_name((enum stage)i));
	conf_error(c->load, node->tokens[0].place, "%s is not possible at %s; expected it at %.*s", word->name,
	    stage_name(c->stage), STR_ARG(buf_str(&b)));
	buf_free(&b);
	return false;
}

static struct statement *compile_statement(struct compiler *c, const struct conf_node *node)
{
	const struct policy_word *word;
	struct reading r = {.c = c, .node = node, .i = 1, .n = find_if(node)};
	const struct action_row *row;
	bool ok;

	c->read_count = 0;
	if (conf_is_word(&node->tokens[0], "for"))
		return compile_for(c, node);
	row = find_action(c, node, &word);
	if (!row || !conf_expect_block(c->load, node, false) || !stage_allows(c, node, row, word))
		return NULL;
	r.word = word;
	r.s = arena_alloc(c->arena, sizeof *r.s);
	r.s->action = row->action;
	r.s->place = node->tokens[0].place;
	r.s->shown = show(c, node);
	ok = row->read(&r);
	if (r.n < node->n) {
		r.s->condition = compile_condition(c, node, r.n + 1);
		ok &= r.s->condition != NULL;
	}
	if (!ok)
		return NULL;
	keep_reads(c, r.s);
	return r.s;
}

static struct statement *compile_block(struct compiler *c, const struct conf_node *list)
{
	struct statement *first = NULL, **last = &first;
	const struct statement *end = NULL;
	bool warned = false;

	for (const struct conf_node *node = list; node; node = node->next) {
		struct statement *s = compile_statement(c, node);

		if (end && !warned) {
			conf_warning(c->load, node->tokens[0].place, "never reached: the statement in line %u always ends the stage",
			    end->place.line);
			warned = true;
		}
		if (!s)
			continue;
		if (is_ending(s) && !s->condition)
			end = s;
		*last = s;
		last = &s->next;
	}
	return first;
}

/* ---- arguments ---- */

static bool at_end(const struct reading *r)
{
	return r->i >= r->n;
}

static bool usage(struct reading *r)
{
	const struct conf_node *node = r->node;
	bool is_end = at_end(r);

	conf_error(r->c->load, is_end ? (r->n < node->n ? node->tokens[r->n].place : node->end) : node->tokens[r->i].place,
	    "%s is wrong here; expected %s%s%s [if CONDITION]",
	    is_end ? (r->n < node->n ? "'if'" : "';'") : conf_token_show(r->c->arena, &node->tokens[r->i]), r->word->name,
	    *r->word->args ? " " : "", r->word->args);
	return false;
}

static const struct conf_token *next_token(struct reading *r)
{
	return &r->node->tokens[r->i++];
}

static bool read_nothing(struct reading *r)
{
	return at_end(r) || usage(r);
}

/* The last argument: a text in double quotes. */
static bool read_text(struct reading *r)
{
	const struct conf_token *t;

	if (at_end(r) || r->node->tokens[r->i].kind != TOKEN_STRING)
		return usage(r);
	t = next_token(r);
	texts_mark(r->c, t->text);
	if (!compile_template(r->c, t, &r->s->text) || !texts_compile(r->c, t->text, &r->s->translations))
		return false;
	return at_end(r) || usage(r);
}

static bool read_reason(struct reading *r)
{
	return at_end(r) || read_text(r);
}

static bool is_code(const struct conf_token *t)
{
	return t->kind == TOKEN_WORD && t->text.n == 3 && is_digit((unsigned char)t->text.p[0]) &&
	       is_digit((unsigned char)t->text.p[1]) && is_digit((unsigned char)t->text.p[2]);
}

/* "5.7.1" (RFC 3463): a class, then two numbers of up to 3 digits. */
static bool is_enhanced(const struct conf_token *t)
{
	struct str rest = t->text, part;
	uint64_t value;
	size_t n = 0;

	if (t->kind != TOKEN_WORD)
		return false;
	while (str_split(&rest, '.', &part)) {
		if (part.n > (n ? 3 : 1) || !str_u64(part, &value))
			return false;
		n++;
	}
	return n == 3;
}

static bool read_code(struct reading *r, char class)
{
	const struct conf_token *t = next_token(r);

	if (t->text.p[0] != class || t->text.p[1] > '5') {
		conf_error(r->c->load, t->place, "%s takes a reply code %cyz, not %.*s", r->word->name, class,
		    STR_ARG(t->text));
		return false;
	}
	r->s->code = (t->text.p[0] - '0') * 100 + (t->text.p[1] - '0') * 10 + t->text.p[2] - '0';
	return true;
}

static bool read_enhanced(struct reading *r, char class)
{
	const struct conf_token *t = next_token(r);

	if (t->text.p[0] != class) {
		conf_error(r->c->load, t->place, "%s takes an enhanced code %c.y.z, not %.*s", r->word->name, class,
		    STR_ARG(t->text));
		return false;
	}
	r->s->enhanced = arena_str(r->c->arena, t->text);
	return true;
}

static bool read_reply(struct reading *r, char class, int code, struct str enhanced, struct str text)
{
	struct template_part *part;

	r->s->code = code;
	r->s->enhanced = enhanced;
	if (!at_end(r) && is_code(&r->node->tokens[r->i]) && !read_code(r, class))
		return false;
	if (!at_end(r) && is_enhanced(&r->node->tokens[r->i]) && !read_enhanced(r, class))
		return false;
	if (!at_end(r))
		return read_text(r);
	part = arena_alloc(r->c->arena, sizeof *part);
	*part = (struct template_part){text, -1};
	r->s->text = (struct template){part, 1};
	return true;
}

static bool read_reject(struct reading *r)
{
	return read_reply(r, '5', 550, STR("5.7.1"), STR("refused by policy"));
}

static bool read_tempfail(struct reading *r)
{
	return read_reply(r, '4', 451, STR("4.7.1"), STR("not now by policy, try again later"));
}

/* Fields that a message needs to be read: none of ours to add or remove. */
static bool is_structural(struct str name)
{
	static const char *const names[] = {"From", "Date", "Message-ID", "Received", "MIME-Version", "Content-Type",
	    "Content-Transfer-Encoding", "DKIM-Signature", "Return-Path", "Subject"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_iis(name, names[i]))
			return true;
	return false;
}

static bool read_name(struct reading *r)
{
	const struct conf_token *t;
	bool ok;

	if (at_end(r) || r->node->tokens[r->i].kind == TOKEN_OP)
		return usage(r);
	t = next_token(r);
	ok = t->text.n > 0 && t->text.n <= 76;
	for (size_t i = 0; i < t->text.n; i++)
		ok &= t->text.p[i] > 32 && t->text.p[i] < 127 && t->text.p[i] != ':';
	if (!ok)
		conf_error(r->c->load, t->place, "%s cannot name a header", conf_token_show(r->c->arena, t));
	else if (is_structural(t->text))
		conf_error(r->c->load, t->place, "the field %.*s cannot be added or removed%s", STR_ARG(t->text),
		    str_iis(t->text, "Subject") ? "; expected tag subject \"PREFIX\"" : "");
	r->s->name = arena_str(r->c->arena, t->text);
	return ok && !is_structural(t->text);
}

static void add_own_header(struct policy *p, struct str name)
{
	struct str *more;

	for (size_t i = 0; i < p->own_header_count; i++)
		if (str_ieq(p->own_headers[i], name))
			return;
	more = arena_array(p->arena, p->own_header_count + 1, sizeof *more);
	if (p->own_header_count)
		memcpy(more, p->own_headers, p->own_header_count * sizeof *more);
	more[p->own_header_count++] = str_lower(p->arena, name);
	p->own_headers = more;
}

static bool read_header(struct reading *r)
{
	if (!read_name(r) || !read_text(r))
		return false;
	add_own_header(r->c->policy, r->s->name);
	return true;
}

static bool read_tag(struct reading *r)
{
	if (at_end(r) || (!conf_is_word(&r->node->tokens[r->i], "header") &&
		!conf_is_word(&r->node->tokens[r->i], "subject")))
		return usage(r);
	r->i++;
	return r->s->action == ACTION_TAG_SUBJECT ? read_text(r) : read_header(r);
}

static bool read_header_name(struct reading *r)
{
	return read_name(r) && read_nothing(r);
}

static bool read_address(struct reading *r)
{
	const struct conf_token *t;
	struct address address;
	const char *wrong;

	if (at_end(r) || r->node->tokens[r->i].kind == TOKEN_OP)
		return usage(r);
	t = next_token(r);
	wrong = address_parse(r->c->arena, t->text, true, &address);
	if (!wrong && !address.domain.n)
		wrong = "it has no domain";
	if (wrong) {
		conf_error(r->c->load, t->place, "%s is no address: %s", conf_token_show(r->c->arena, t), wrong);
		return false;
	}
	r->s->name = arena_str(r->c->arena, t->text);
	return read_nothing(r);
}

static bool read_sender(struct reading *r)
{
	if (at_end(r) || !conf_is_word(&r->node->tokens[r->i], "null"))
		return read_address(r);
	r->i++;
	r->s->name = STR("");
	return read_nothing(r);
}

static bool read_delay(struct reading *r)
{
	const struct conf_token *t;

	if (at_end(r))
		return usage(r);
	t = next_token(r);
	if (!conf_duration(r->c->load, t, &r->s->delay_ms))
		return false;
	if (r->s->delay_ms > POLICY_DELAY_MAX) {
		conf_error(r->c->load, t->place, "a delay is at most 1m");
		return false;
	}
	return read_nothing(r);
}

/* ---- tables ---- */

const struct policy_word policy_actions[] = {
    {"accept", "", "takes the message; ends the stage"},
    {"reject", "[CODE] [X.Y.Z] [\"TEXT\"]", "refuses for good, 550 5.7.1 when nothing else is said; ends the stage"},
    {"tempfail", "[CODE] [X.Y.Z] [\"TEXT\"]", "refuses for now, 451 4.7.1 when nothing else is said; ends the stage"},
    {"quarantine", "[\"REASON\"]",
	"takes the message and keeps it aside for reevectl quarantine (at rcpt, message); ends the stage"},
    {"discard", "", "takes the message and forgets it, with a line in the log (at rcpt, message); ends the stage"},
    {"stop", "", "ends the stage without a verdict; at message that is a tempfail"},
    {"tag header", "NAME \"VALUE\"",
	"adds a header (at message); what comes in under this name is removed as a forgery"},
    {"tag subject", "\"PREFIX\"", "puts a text before the subject (at message)"},
    {"add-header", "NAME \"VALUE\"", "the same as tag header"},
    {"remove-header", "NAME", "removes all fields of that name (at message)"},
    {"copy", "ADDRESS", "sends a copy to a further recipient (at message)"},
    {"redirect", "ADDRESS", "delivers to this address instead of the recipient (at message)"},
    {"set-sender", "ADDRESS | null", "delivers with this envelope sender, or with none (at message)"},
    {"replace-body", "\"TEXT\"",
	"delivers this text instead of the body with all that is attached; signatures break (at message)"},
    {"delay", "DURATION", "waits before the reply, at most 1m; the longest of several counts"},
    {"for", "CONDITION { ... }", "statements that run only when the condition is true"},
    {NULL, NULL, NULL},
};

static const struct action_row action_rows[] = {
    {ACTION_ACCEPT, ALL_STAGES, read_nothing},
    {ACTION_REJECT, ALL_STAGES, read_reject},
    {ACTION_TEMPFAIL, ALL_STAGES, read_tempfail},
    {ACTION_QUARANTINE, PER_RECIPIENT, read_reason},
    {ACTION_DISCARD, PER_RECIPIENT, read_nothing},
    {ACTION_STOP, ALL_STAGES, read_nothing},
    {ACTION_ADD_HEADER, AT_MESSAGE, read_tag},
    {ACTION_TAG_SUBJECT, AT_MESSAGE, read_tag},
    {ACTION_ADD_HEADER, AT_MESSAGE, read_header},
    {ACTION_REMOVE_HEADER, AT_MESSAGE, read_header_name},
    {ACTION_COPY, AT_MESSAGE, read_address},
    {ACTION_REDIRECT, AT_MESSAGE, read_address},
    {ACTION_SET_SENDER, AT_MESSAGE, read_sender},
    {ACTION_REPLACE_BODY, AT_MESSAGE, read_text},
    {ACTION_DELAY, ALL_STAGES, read_delay},
};

const struct policy_word policy_operators[] = {
    {"and", "A and B", "both; B is looked at only when A is true"},
    {"or", "A or B", "one or both; B is looked at only when A is false"},
    {"not", "not A", "the opposite; true for a fact that is not set"},
    {"==", "A == B", "equal: numbers, durations, words, texts (case is ignored), addresses"},
    {"!=", "A != B", "both set and not equal"},
    {"<", "A < B", "less; likewise <= > >=, for numbers and durations"},
    {"in", "A in LIST | NETWORK | (A, B, C)", "in a named list, a network, or one of the values; also not in"},
    {"=~", "A =~ \"PATTERN\" | /PATTERN/i", "matches a PCRE2 pattern; one with ( ) { } or blanks needs the quotes"},
    {"!~", "A !~ \"PATTERN\" | /PATTERN/i", "set, and does not match"},
    {"+", "A + B", "also - * /; for numbers and durations, with blanks around them"},
    {"( )", "(A or B) and C", "groups"},
    {NULL, NULL, NULL},
};
