/* Runs a stage of a policy for one recipient and writes down why. */
#include "core/header.h"
#include "policy/program.h"

enum flow { GO_ON, END };

static bool failure_speaks(struct run *run, const struct failure *failure);
static enum flow run_block(struct run *run, const struct statement *list);
static void step_add(struct run *run, struct conf_place place, struct str statement, bool matched, struct str facts);

static void set_reply(struct verdict *v, enum verdict_kind kind, int code, struct str enhanced, struct str text)
{
	v->kind = kind;
	v->code = code;
	v->enhanced = enhanced;
	v->text = text;
}

/* Every fact that is set to its slot: the innermost scope is last and wins. */
void run_load_facts(struct run *run)
{
	const struct policy *p = run->policy;
	const struct session *s = run->session;
	const struct facts *scopes[3] = {&s->facts, s->message ? &s->message->facts : NULL,
	    run->recipient ? &run->recipient->facts : NULL};

	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; scopes[k] && i < scopes[k]->n; i++) {
			const struct fact *fact = &scopes[k]->v[i];
			for (size_t at = slot_hash(p, fact->def); p->slots[at]; at = (at + 1) & (p->slot_room - 1))
				if (p->facts[p->slots[at] - 1] == fact->def) {
					run->facts[p->slots[at] - 1] = fact;
					break;
				}
		}
}

void policy_decide(const struct policy *p, const struct session *s, enum stage stage,
    const struct recipient *r, struct arena *a, struct verdict *ret_verdict)
{
	struct run run = {.policy = p, .session = s, .recipient = r, .arena = a, .verdict = ret_verdict, .stage = stage,
	    .explains = s->face == FACE_SCAN};
	const struct failure *failure;

	*ret_verdict = (struct verdict){.enhanced = STR(""), .text = STR(""), .subject_prefix = STR(""), .redirect = STR("")};
	edits_init(&ret_verdict->tags);
	ret_verdict->trail_last = &ret_verdict->trail;
	failure = chain_failure(s, stage, r);
	if (failure && failure_speaks(&run, failure))
		return;
	if (p->stages[stage]) {
		run_load_facts(&run);
		run_block(&run, p->stages[stage]);
		if (run.scratch)
			regex_give_back(p->pool, run.scratch);
	}
	if (stage == STAGE_MESSAGE && ret_verdict->kind == VERDICT_NONE) {
		set_reply(ret_verdict, VERDICT_TEMPFAIL, 451, STR("4.3.5"), STR("policy gave no verdict"));
		step_add(&run, (struct conf_place){0}, STR("no statement ended the stage"), true, STR(""));
	}
}

/* ---- failures of filters ---- */

/* True when the on-failure word of the filter decides. Why it failed stays out of the reply. */
static bool failure_speaks(struct run *run, const struct failure *failure)
{
	static const char *const words[] = {
	    [ON_FAILURE_ACCEPT] = "accept", [ON_FAILURE_TEMPFAIL] = "tempfail", [ON_FAILURE_REJECT] = "reject"};
	const struct chain_slot *slot = failure->slot;
	const char *name = slot->filter->name;

	step_add(run, slot->place, arena_printf(run->arena, "filter %s on-failure %s", name, words[slot->on_failure]), true,
	    arena_str(run->arena, str_sub(failure->why, 0, POLICY_FACTS_TEXT_MAX)));
	if (slot->on_failure == ON_FAILURE_ACCEPT)
		return false;
	run->verdict->failed_filter = name;
	if (slot->on_failure == ON_FAILURE_TEMPFAIL)
		set_reply(run->verdict, VERDICT_TEMPFAIL, 451, STR("4.7.1"),
		    arena_printf(run->arena, "the check %s could not be made, try again later", name));
	else
		set_reply(run->verdict, VERDICT_REJECT, 554, STR("5.7.1"),
		    arena_printf(run->arena, "the check %s could not be made", name));
	return true;
}

/* ---- the trail ---- */

static void step_add(struct run *run, struct conf_place place, struct str statement, bool matched, struct str facts)
{
	struct trail_step *step = arena_alloc(run->arena, sizeof *step);

	step->place = place;
	step->statement = statement;
	step->matched = matched;
	step->facts = facts;
	*run->verdict->trail_last = step;
	run->verdict->trail_last = &step->next;
}

/* "score = 17.2; spf = fail", controls and all: who shows it encodes it. */
static struct str facts_text(struct run *run, const struct statement *s)
{
	struct buf b = {0};

	for (size_t i = 0; i < s->read_count && b.n < POLICY_FACTS_TEXT_MAX; i++) {
		const struct fact *fact = run->facts[s->reads[i]];
		struct str value = fact ? str_sub(fact_text(run->arena, fact), 0, 100) : STR("not set");

		buf_addf(&b, "%s%s = %.*s", i ? "; " : "", run->policy->facts[s->reads[i]]->name, STR_ARG(value));
	}
	return buf_take(&b, run->arena);
}

/* A statement that did not match says something when one of its facts was there. */
static bool has_facts(const struct run *run, const struct statement *s)
{
	for (size_t i = 0; i < s->read_count; i++)
		if (run->facts[s->reads[i]])
			return true;
	return false;
}

/* ---- statements ---- */

static void end_with(struct run *run, const struct statement *s, enum verdict_kind kind)
{
	bool has_reply = kind == VERDICT_REJECT || kind == VERDICT_TEMPFAIL;

	set_reply(run->verdict, kind, has_reply ? s->code : 250, has_reply ? s->enhanced : STR("2.0.0"),
	    template_reply(run, texts_choose(run, s)));
	run->verdict->decided_by = s->place;
}

static void do_accept(struct run *run, const struct statement *s)
{
	end_with(run, s, VERDICT_ACCEPT);
}

static void do_reject(struct run *run, const struct statement *s)
{
	end_with(run, s, VERDICT_REJECT);
}

static void do_tempfail(struct run *run, const struct statement *s)
{
	end_with(run, s, VERDICT_TEMPFAIL);
}

static void do_quarantine(struct run *run, const struct statement *s)
{
	end_with(run, s, VERDICT_QUARANTINE);
}

static void do_discard(struct run *run, const struct statement *s)
{
	end_with(run, s, VERDICT_DISCARD);
}

static void do_stop(struct run *run, const struct statement *s)
{
	run->verdict->decided_by = s->place;
}

static void do_add_header(struct run *run, const struct statement *s)
{
	edit_add_header(&run->verdict->tags, run->arena, s->name, template_header(run, texts_choose(run, s)));
}

/* Several tags add up, in order. Behind an encoded word a blank must follow, which is not shown. */
static void do_tag_subject(struct run *run, const struct statement *s)
{
	struct verdict *v = run->verdict;
	struct str text = template_header(run, texts_choose(run, s));
	bool is_encoded = str_starts(text, STR("=?utf-8?B?"));

	v->subject_prefix = arena_printf(run->arena, "%.*s%.*s%s", STR_ARG(v->subject_prefix), STR_ARG(text),
	    is_encoded ? " " : "");
}

static void do_remove_header(struct run *run, const struct statement *s)
{
	const struct message *m = run->session->message;
	size_t n = m ? headers_count(&m->headers, s->name.p) : 0;

	for (size_t i = 1; i <= n; i++)
		edit_remove_header(&run->verdict->tags, run->arena, s->name, (unsigned)i);
}

static void do_copy(struct run *run, const struct statement *s)
{
	struct verdict *v = run->verdict;
	struct str *more = arena_array(run->arena, v->copy_count + 1, sizeof *more);

	if (v->copy_count)
		memcpy(more, v->copies, v->copy_count * sizeof *more);
	more[v->copy_count++] = s->name;
	v->copies = more;
}

static void do_redirect(struct run *run, const struct statement *s)
{
	run->verdict->redirect = s->name;
}

static void do_set_sender(struct run *run, const struct statement *s)
{
	run->verdict->sets_sender = true;
	run->verdict->sender = s->name;
}

static void do_replace_body(struct run *run, const struct statement *s)
{
	run->verdict->replaces_body = true;
	run->verdict->body = template_body(run, &s->text, &run->verdict->is_body_base64);
}

static void do_delay(struct run *run, const struct statement *s)
{
	if (s->delay_ms > run->verdict->delay_ms)
		run->verdict->delay_ms = s->delay_ms;
}

static void (*const doers[])(struct run *run, const struct statement *s) = {
    [ACTION_ACCEPT] = do_accept,
    [ACTION_REJECT] = do_reject,
    [ACTION_TEMPFAIL] = do_tempfail,
    [ACTION_QUARANTINE] = do_quarantine,
    [ACTION_DISCARD] = do_discard,
    [ACTION_STOP] = do_stop,
    [ACTION_ADD_HEADER] = do_add_header,
    [ACTION_TAG_SUBJECT] = do_tag_subject,
    [ACTION_REMOVE_HEADER] = do_remove_header,
    [ACTION_COPY] = do_copy,
    [ACTION_REDIRECT] = do_redirect,
    [ACTION_SET_SENDER] = do_set_sender,
    [ACTION_REPLACE_BODY] = do_replace_body,
    [ACTION_DELAY] = do_delay,
};

/* A list in the store could not be asked: neither in nor out, so nobody may decide on it. */
static enum flow list_failed(struct run *run, const struct statement *s)
{
	set_reply(run->verdict, VERDICT_TEMPFAIL, 451, STR("4.3.0"), STR("a check could not be made, try again later"));
	run->verdict->decided_by = s->place;
	step_add(run, s->place, s->shown, false, STR("a list in the store could not be read"));
	return END;
}

static enum flow run_statement(struct run *run, const struct statement *s)
{
	bool matched = !s->condition || run_condition(run, s->condition);

	if (run->list_failed)
		return list_failed(run, s);
	if (matched || (run->explains && has_facts(run, s)))
		step_add(run, s->place, s->shown, matched, facts_text(run, s));
	if (!matched)
		return GO_ON;
	if (s->action == ACTION_FOR)
		return run_block(run, s->body);
	doers[s->action](run, s);
	return s->action <= ACTION_STOP ? END : GO_ON;
}

static enum flow run_block(struct run *run, const struct statement *list)
{
	for (; list; list = list->next)
		if (run_statement(run, list) == END)
			return END;
	return GO_ON;
}
