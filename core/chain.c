/* The chain: reads filter blocks, opens filters, runs stages, and lends filters their context. */
#include "core/chain.h"

#include <assert.h>
#include <stdatomic.h>

#include "lib/clock.h"

struct chain {
	struct arena *arena;
	const struct filter_env *env;
	struct fact_registry *facts;
	struct chain_slot *slots;
	size_t n, room;
	bool has_want[STAGE_COUNT], has_run[STAGE_COUNT], needs_answers[STAGE_COUNT], is_heavy[STAGE_COUNT], has_data, has_settle;
	size_t opened;
};

static const char *const failure_words[] = {"accept", "tempfail", "reject", NULL};

/* What every filter block takes besides the filter's own directives. */
struct common_conf {
	int on_failure;
	struct chain_slot *slot;
};

static void set_score(struct conf_load *load, const struct conf_node *node, void *target);

const struct directive chain_common_directives[] = {
    {.name = "on-failure", .type = CONF_CHOICE, .offset = offsetof(struct common_conf, on_failure),
	.choices = failure_words, .def = "tempfail", .args = "accept | tempfail | reject",
	.help = "what happens to a message when this filter could not do its work"},
    {.name = "score", .type = CONF_CUSTOM, .set = set_score, .args = "FINDING NUMBER", .repeats = true,
	.help = "sets the score of one of this filter's findings"},
    {0},
};

struct chain *chain_new(struct arena *a, const struct filter_env *env, struct fact_registry *facts)
{
	struct chain *c = arena_alloc(a, sizeof *c);

	c->arena = a;
	c->env = env;
	c->facts = facts;
	return c;
}

static size_t finding_rows(const struct filter *f)
{
	size_t n = 0;

	while (f->findings && f->findings[n].name)
		n++;
	return n;
}

static void set_score(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct chain_slot *slot = ((struct common_conf *)target)->slot;
	const struct finding_def *rows = slot->filter->findings;
	size_t n = finding_rows(slot->filter), i = 0;
	const char *names[256];

	if (node->n != 3) {
		conf_error(load, node->tokens[0].place, "expected score FINDING NUMBER");
		return;
	}
	while (i < n && !str_is(node->tokens[1].text, rows[i].name))
		i++;
	if (i < n) {
		conf_number(load, &node->tokens[2], &slot->scores[i]);
		slot->wheres[i] = arena_printf(load->arena, "%s:%u", node->tokens[0].place.file, node->tokens[0].place.line);
		return;
	}
	for (i = 0; i < n && i < 256; i++)
		names[i] = rows[i].name;
	const char *near = conf_near(node->tokens[1].text, names, i);
	conf_error(load, node->tokens[1].place, "filter %s has no finding '%.*s'%s%s%s", slot->filter->name,
	    STR_ARG(node->tokens[1].text), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const struct filter *find_known(struct conf_load *load, const struct conf_token *name,
    const struct filter *const known[])
{
	const char *names[64], *near;
	size_t n = 0;

	for (; known[n]; n++) {
		if (str_is(name->text, known[n]->name))
			return known[n];
		if (n < 64)
			names[n] = known[n]->name;
	}
	near = conf_near(name->text, names, n < 64 ? n : 64);
	conf_error(load, name->place, "unknown filter '%.*s'%s%s%s", STR_ARG(name->text),
	    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "; see reevectl help filters");
	return NULL;
}

static struct chain_slot *slot_new(struct chain *c, const struct filter *f, struct conf_place place)
{
	size_t rows = finding_rows(f);
	struct chain_slot *slot;

	if (c->n == c->room) {
		struct chain_slot *bigger;

		c->room = c->room ? 2 * c->room : 32;
		bigger = arena_array(c->arena, c->room, sizeof *bigger);
		if (c->n)
			memcpy(bigger, c->slots, c->n * sizeof *bigger);
		c->slots = bigger;
	}
	slot = &c->slots[c->n];
	*slot = (struct chain_slot){.filter = f, .index = c->n++, .place = place};
	slot->conf = f->conf_size ? arena_alloc(c->arena, f->conf_size) : NULL;
	slot->scores = arena_array(c->arena, rows ? rows : 1, sizeof *slot->scores);
	slot->wheres = arena_array(c->arena, rows ? rows : 1, sizeof *slot->wheres);
	slot->failures = arena_alloc(c->arena, sizeof *slot->failures);
	for (size_t i = 0; i < rows; i++)
		slot->scores[i] = f->findings[i].score;
	return slot;
}

static bool is_common(const struct conf_node *node)
{
	for (const struct directive *d = chain_common_directives; d->name; d++)
		if (str_is(node->tokens[0].text, d->name))
			return true;
	return false;
}

/* Splits the block: what every filter takes, and what is this filter's own. */
static void apply_block(struct chain *c, struct conf_load *load, const struct conf_node *node, struct chain_slot *slot)
{
	struct conf_node *lists[2] = {NULL, NULL}, **ends[2] = {&lists[0], &lists[1]};
	struct common_conf common = {.slot = slot};
	static const struct directive none[] = {{0}};
	const struct directive *own = slot->filter->directives ? slot->filter->directives : none;
	const char *owner = arena_printf(c->arena, "filter %s", slot->filter->name).p;
	struct conf_place place = node->tokens[0].place;

	for (const struct conf_node *child = node->children; child; child = child->next) {
		int which = is_common(child);
		struct conf_node *copy = arena_alloc(load->arena, sizeof *copy);

		*copy = *child;
		copy->next = NULL;
		*ends[which] = copy;
		ends[which] = &copy->next;
	}
	conf_apply(load, own, lists[0], slot->conf, owner, place);
	conf_apply(load, chain_common_directives, lists[1], &common, owner, place);
	slot->on_failure = common.on_failure;
}

static void note_work(struct chain *c, const struct filter *f)
{
	bool wants = false;

	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		wants |= f->want[stage] != NULL;
		c->needs_answers[stage] |= wants && f->run[stage];
		c->has_want[stage] |= f->want[stage] != NULL;
		c->has_run[stage] |= f->run[stage] != NULL;
		c->is_heavy[stage] |= f->is_heavy && stage == STAGE_MESSAGE && f->run[stage];
	}
	c->has_data |= f->data != NULL;
	c->has_settle |= f->settle != NULL;
}

void chain_add(struct chain *c, struct conf_load *load, const struct conf_node *node,
    const struct filter *const known[])
{
	const struct filter *f;
	const char *twice;

	bool is_plugin = node->n == 4 && str_is(node->tokens[2].text, "from");

	if (node->n != 2 && !is_plugin) {
		conf_error(load, node->tokens[0].place, "expected filter NAME [from \"file.so\"]; or filter NAME { ... }");
		return;
	}
	f = find_known(load, &node->tokens[1], known);
	if (!f)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (c->slots[i].filter == f) {
			conf_error(load, node->tokens[1].place, "filter %s was configured before, in line %u",
			    f->name, c->slots[i].place.line);
			return;
		}
	twice = fact_registry_add(c->facts, f->facts);
	if (twice)
		conf_error(load, node->tokens[1].place, "filter %s declares the fact '%s', which exists", f->name, twice);
	note_work(c, f);
	apply_block(c, load, node, slot_new(c, f, node->tokens[1].place));
}

bool chain_open(struct chain *c, struct conf_load *load)
{
	bool ok = true;

	for (c->opened = 0; c->opened < c->n; c->opened++) {
		struct chain_slot *slot = &c->slots[c->opened];

		if (slot->filter->open)
			ok &= slot->filter->open(slot->conf, c->env, load, slot->place);
	}
	return ok;
}

void chain_close(struct chain *c)
{
	for (size_t i = c ? c->opened : 0; i-- > 0;)
		if (c->slots[i].filter->close)
			c->slots[i].filter->close(c->slots[i].conf);
}

size_t chain_length(const struct chain *c)
{
	return c->n;
}

const struct chain_slot *chain_at(const struct chain *c, size_t i)
{
	assert(i < c->n);
	return &c->slots[i];
}

const struct fact_registry *chain_facts(const struct chain *c)
{
	return c->facts;
}

bool chain_has_want(const struct chain *c, enum stage stage)
{
	return c->has_want[stage];
}

bool chain_has_run(const struct chain *c, enum stage stage)
{
	return c->has_run[stage];
}

bool chain_is_heavy(const struct chain *c, enum stage stage)
{
	return c->is_heavy[stage];
}

bool chain_has_data(const struct chain *c)
{
	return c->has_data;
}

bool chain_needs_answers(const struct chain *c, enum stage stage)
{
	return c->needs_answers[stage];
}

void chain_want(struct session *s, enum stage stage)
{
	const struct chain *c = s->chain;

	if (!c->has_want[stage] || !stage_dns(s, stage))
		return;
	dns_scope_renew(stage_dns(s, stage));
	s->stage = stage;
	for (size_t i = 0; i < c->n; i++)
		if (c->slots[i].filter->want[stage]) {
			s->slot = &c->slots[i];
			s->slot->filter->want[stage](s, s->slot->conf);
		}
}

static const struct failure *note_failure(struct session *s, enum stage stage)
{
	struct arena *a = stage_arena(s, stage);
	struct failure **list = stage <= STAGE_HELO ? &s->failures : &s->message->failures;
	struct failure *f = arena_alloc(a, sizeof *f);

	f->slot = s->slot;
	f->stage = stage;
	f->why = s->failed_why.n ? s->failed_why : STR("no reason given");
	f->next = *list;
	*list = f;
	atomic_fetch_add_explicit(s->slot->failures, 1, memory_order_relaxed);
	return f;
}

/* Slots that do not work at the stage: the current recipient's, or those that all recipients have off. */
static uint64_t slots_off(const struct session *s, enum stage stage)
{
	const struct message *m = s->message;
	uint64_t off;

	if (stage == STAGE_RCPT)
		return m->current->filters_off;
	if (stage < STAGE_RCPT || !m->first)
		return 0;
	off = m->first->filters_off;
	for (const struct recipient *r = m->first->next; r && off; r = r->next)
		off &= r->filters_off;
	return off;
}

static bool has_off(uint64_t off, size_t i)
{
	return i < SESSION_FILTERS_OFF_MAX && (off >> i & 1);
}

static bool is_off(const struct session *s, enum stage stage, size_t i)
{
	return has_off(slots_off(s, stage), i);
}

/* Of two failures the one whose word is stricter; the first when they are alike. first may be NULL. */
static const struct failure *stricter(const struct failure *first, const struct failure *second)
{
	return !first || second->slot->on_failure > first->slot->on_failure ? second : first;
}

void chain_run(struct session *s, enum stage stage)
{
	const struct chain *c = s->chain;
	const struct failure *failed = NULL;

	core_facts_set(s, stage);
	s->stage = stage;
	for (size_t i = 0; i < c->n; i++) {
		int64_t before;
		enum outcome outcome;

		if (!c->slots[i].filter->run[stage] || is_off(s, stage, i))
			continue;
		s->slot = &c->slots[i];
		s->failed_why = STR_NONE;
		before = clock_ticks_ns();
		outcome = s->slot->filter->run[stage](s, s->slot->conf);
		s->slot_ns[i] += clock_ticks_ns() - before;
		if (outcome != RUN_TEMP)
			continue;
		failed = stricter(failed, note_failure(s, stage));
	}
	s->failed = failed;
	s->failed_why = failed ? failed->why : STR_NONE;
}

/* A message is scanned for all, and judged for each: others' filters do not speak. */
const struct failure *chain_failure(const struct session *s, enum stage stage, const struct recipient *r)
{
	const struct failure *failed = NULL;

	if (stage != STAGE_MESSAGE || !r || !r->filters_off)
		return s->failed;
	for (const struct failure *f = s->message->failures; f; f = f->next)
		if (f->stage == stage && !has_off(r->filters_off, f->slot->index))
			failed = failed ? stricter(f, failed) : f;
	return failed;
}

void chain_data(struct session *s, struct str piece)
{
	const struct chain *c = s->chain;
	struct message *m = s->message;

	if (!c->has_data || piece.n == 0)
		return;
	m->body_fed = (m->body_fed ? m->body_fed : m->headers.body) + piece.n;
	s->stage = STAGE_MESSAGE;
	for (size_t i = 0; i < c->n; i++)
		if (c->slots[i].filter->data) {
			s->slot = &c->slots[i];
			s->slot->filter->data(s, s->slot->conf, piece);
		}
}

static void feed(void *arg, struct str piece)
{
	chain_data(arg, piece);
}

void chain_body(struct session *s)
{
	struct message *m = s->message;

	if (s->chain->has_data)
		spool_pieces(m->spool, m->body_fed ? m->body_fed : m->headers.body, feed, s);
}

void chain_settle(struct session *s, enum stage stage, enum verdict_kind kind)
{
	const struct chain *c = s->chain;

	if (!c->has_settle)
		return;
	s->stage = stage;
	for (size_t i = 0; i < c->n; i++)
		if (c->slots[i].filter->settle && !is_off(s, stage, i)) {
			s->slot = &c->slots[i];
			s->slot->filter->settle(s, s->slot->conf, stage, kind);
		}
}

struct facts *filter_facts(struct session *s)
{
	return stage_facts(s, s->stage);
}

struct arena *filter_arena(struct session *s)
{
	return stage_arena(s, s->stage);
}

struct dns_scope *filter_dns(struct session *s)
{
	return stage_dns(s, s->stage);
}

void **filter_state(struct session *s)
{
	return s->stage <= STAGE_HELO ? filter_session_state(s) : &s->message->state[s->slot->index];
}

void **filter_session_state(struct session *s)
{
	return &s->state[s->slot->index];
}

void finding_add(struct session *s, const char *name, const char *format, ...)
{
	const struct finding_def *rows = s->slot->filter->findings;
	struct arena *a = filter_arena(s);
	struct finding finding = {.filter = s->slot->filter->name, .name = str_of(name)};
	size_t i = 0;
	va_list args;

	while (rows[i].name && strcmp(rows[i].name, name) != 0)
		i++;
	assert(rows[i].name);
	va_start(args, format);
	finding.reason = arena_vprintf(a, format, args);
	va_end(args);
	finding.score = s->slot->scores[i];
	finding.where = s->slot->wheres[i];
	findings_add(stage_findings(s, s->stage), a, &finding);
}

void finding_put(struct session *s, struct str name, double score, struct str reason, struct str where,
    struct str text)
{
	struct finding finding = {.filter = s->slot->filter->name, .name = name, .score = score,
	    .reason = reason, .where = where, .text = text};

	findings_add(stage_findings(s, s->stage), filter_arena(s), &finding);
}

void filter_failed(struct session *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	s->failed_why = arena_vprintf(filter_arena(s), format, args);
	va_end(args);
}
