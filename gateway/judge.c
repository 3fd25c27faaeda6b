/*
 * From facts to verdicts, for one stage or for the message and all its recipients. Both front ends
 * and `reevectl scan` call this and nothing else, so that they cannot disagree.
 */
#include "gateway/judge.h"

#include <assert.h>

bool judge_is_quick(const struct snapshot *snap, enum stage stage)
{
	return !chain_has_run(snap->chain, stage);
}

static void set_score(struct facts *f, double score)
{
	fact_set_number(f, "score", score);
}

/*
 * One reply cannot refuse for some: by configuration recipients of another class than the first one
 * have to come with a message of their own.
 */
static bool is_of_other_class(const struct snapshot *snap, const struct session *s)
{
	const struct fact_def *def = fact_def_find(snap->facts, STR("settings.class"));
	const struct message *m = s->message;
	const struct fact *first, *own;

	if (!snap->config->recipient_classes || !def || !m->first)
		return false;
	first = fact_get(&m->first->facts, def);
	own = fact_get(&m->current->facts, def);
	return !str_ieq(first ? first->u.text : STR(""), own ? own->u.text : STR(""));
}

static void defer(struct verdict *v)
{
	v->kind = VERDICT_TEMPFAIL;
	v->code = 452;
	v->enhanced = STR("4.5.3");
	v->text = STR("this recipient needs a message of its own, send it again");
}

void judge_stage(const struct snapshot *snap, struct session *s, enum stage stage, struct verdict *ret_verdict)
{
	const struct recipient *r = stage == STAGE_RCPT ? s->message->current : NULL;

	if (stage == STAGE_HELO)
		session_forget_helo(s);
	chain_run(s, stage);
	set_score(stage_facts(s, stage), session_score(s, r));
	policy_decide(snap->policy, s, stage, r, stage_arena(s, stage), ret_verdict);
	if (r && ret_verdict->kind != VERDICT_REJECT && ret_verdict->kind != VERDICT_TEMPFAIL && is_of_other_class(snap, s))
		defer(ret_verdict);
	chain_settle(s, stage, ret_verdict->kind);
	if (stage == STAGE_CONNECT)
		session_mark(s);
}

/* Fields that only we may add are forgeries when they come in (TRAPS: forged X-Spam headers). */
static void remove_forged(const struct snapshot *snap, struct message *m)
{
	const struct str *names;
	size_t n = policy_own_headers(snap->policy, &names);

	for (size_t i = 0; i < n; i++) {
		size_t count = headers_count(&m->headers, names[i].p);

		for (size_t k = 1; k <= count; k++)
			edit_remove_header(&m->edits, m->arena, names[i], (unsigned)k);
	}
}

static bool takes(enum verdict_kind kind)
{
	return kind == VERDICT_ACCEPT || kind == VERDICT_QUARANTINE || kind == VERDICT_DISCARD;
}

static void note_kinds(struct judgement *j)
{
	j->any_accept = j->any_quarantine = j->any_discard = false;
	for (size_t i = 0; i < j->n; i++) {
		j->any_accept |= j->verdicts[i].kind == VERDICT_ACCEPT;
		j->any_quarantine |= j->verdicts[i].kind == VERDICT_QUARANTINE;
		j->any_discard |= j->verdicts[i].kind == VERDICT_DISCARD;
	}
}

/* The first verdict of that kind; those of earlier stages only when is_early. */
static const struct verdict *first_of(const struct judgement *j, enum verdict_kind kind, bool is_early)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->verdicts[i].kind == kind && (j->recipients[i]->verdict != NULL) == is_early)
			return &j->verdicts[i];
	return NULL;
}

static const struct verdict *leading(const struct judgement *j, bool is_early)
{
	static const enum verdict_kind order[] = {VERDICT_TEMPFAIL, VERDICT_ACCEPT, VERDICT_QUARANTINE,
	    VERDICT_DISCARD, VERDICT_REJECT};
	const struct verdict *v = NULL;

	for (size_t i = 0; i < sizeof order / sizeof *order && !v; i++)
		v = first_of(j, order[i], is_early);
	return v;
}

/*
 * What one reply can say for all. A tempfail of any recipient defers the whole message, for
 * nothing was taken yet and the client will come again. Else, when some take it, those who reject
 * it have it in quarantine: one reply cannot refuse for some.
 */
static void combine(struct judgement *j)
{
	const struct verdict *whole = leading(j, false);

	if (!whole)
		whole = leading(j, true);
	assert(whole); /* policy_decide never leaves VERDICT_NONE at this stage */
	j->whole = *whole;
	if (!takes(whole->kind))
		return;
	for (size_t i = 0; i < j->n; i++)
		if (j->verdicts[i].kind == VERDICT_REJECT && !j->recipients[i]->verdict)
			j->verdicts[i].kind = VERDICT_QUARANTINE;
}

void judge_message(const struct snapshot *snap, struct session *s, struct judgement *ret_judgement)
{
	struct message *m = s->message;
	struct judgement *j = ret_judgement;
	struct recipient *r = m->first;

	chain_run(s, STAGE_MESSAGE);
	remove_forged(snap, m);
	*j = (struct judgement){.n = m->recipients};
	j->verdicts = arena_array(m->arena, j->n, sizeof *j->verdicts);
	j->recipients = arena_array(m->arena, j->n, sizeof *j->recipients);
	for (size_t i = 0; i < j->n; i++, r = r->next) {
		set_score(&r->facts, session_score(s, r));
		j->recipients[i] = r;
		if (r->verdict)
			j->verdicts[i] = *r->verdict;
		else
			policy_decide(snap->policy, s, STAGE_MESSAGE, r, m->arena, &j->verdicts[i]);
	}
	combine(j);
	note_kinds(j);
	chain_settle(s, STAGE_MESSAGE, j->whole.kind);
}

struct str judge_reply(struct arena *a, const struct verdict *v, const char *id)
{
	if (v->kind == VERDICT_REJECT || v->kind == VERDICT_TEMPFAIL)
		return arena_printf(a, "%d %.*s %.*s (%s)", v->code, STR_ARG(v->enhanced), STR_ARG(v->text), id);
	return arena_printf(a, "250 2.0.0 accepted (%s)", id);
}

static bool edits_eq(const struct edits *a, const struct edits *b)
{
	const struct edit *x = a->first, *y = b->first;

	if (a->n != b->n)
		return false;
	for (; x && y; x = x->next, y = y->next)
		if (x->op != y->op || x->index != y->index || !str_eq(x->name, y->name) || !str_eq(x->value, y->value))
			return false;
	return true;
}

static bool fits(const struct delivery_group *g, const struct verdict *v)
{
	const struct verdict *w = g->verdict;

	return g->is_quarantine == (v->kind == VERDICT_QUARANTINE) && str_eq(w->subject_prefix, v->subject_prefix) &&
	       edits_eq(&w->tags, &v->tags) && w->sets_sender == v->sets_sender && str_eq(w->sender, v->sender) &&
	       w->replaces_body == v->replaces_body && str_eq(w->body, v->body);
}

static void tag_subject(struct message *m, struct edits *e, struct arena *a, struct str prefix)
{
	const struct header *subject = headers_get(&m->headers, "Subject", 0);
	struct buf out = {0}; /* no format: there may be NULs in it */

	if (!subject) {
		edit_add_header(e, a, STR("Subject"), str_trim(prefix));
		return;
	}
	buf_add(&out, prefix);
	buf_add(&out, str_trim(subject->value));
	edit_change_header(e, a, STR("Subject"), 1, buf_take(&out, a));
}

static void copy_edits(struct edits *to, struct arena *a, const struct edits *from)
{
	for (const struct edit *e = from->first; e; e = e->next) {
		struct edit *copy = arena_alloc(a, sizeof *copy);

		*copy = *e;
		copy->next = NULL;
		*to->last = copy;
		to->last = &copy->next;
		to->n++;
	}
}

/* What told how to read the old body goes with it. */
static void describe_body(const struct message *m, struct edits *e, struct arena *a, const struct verdict *v)
{
	static const char *const names[] = {"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition",
	    "Content-ID", "Content-Description", "Content-Language", "Content-Location", "Content-MD5", "Content-Length"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t k = headers_count(&m->headers, names[i]); k > 0; k--)
			edit_remove_header(e, a, str_of(names[i]), (unsigned)k);
	edit_add_header(e, a, STR("Content-Transfer-Encoding"), v->is_body_base64 ? STR("base64") : STR("7bit"));
	edit_add_header(e, a, STR("Content-Type"), STR("text/plain; charset=utf-8"));
	edit_add_header(e, a, STR("MIME-Version"), STR("1.0"));
}

struct str judge_with_body(struct arena *a, const struct message *m, const struct delivery_group *g)
{
	const struct headers *h = &m->headers;
	const struct header *last = h->n ? &h->v[h->n - 1] : NULL;
	struct str data = spool_data(m->spool);
	size_t head = last ? (size_t)(last->raw.p + last->raw.n - data.p) : 0;
	struct buf out = {0};

	buf_add(&out, str_sub(data, 0, head)); /* all of it: there may be NULs in it */
	buf_adds(&out, "\r\n");
	buf_add(&out, g->body);
	return buf_take(&out, a);
}

static struct delivery_group *group_new(struct session *s, const struct verdict *v, struct arena *a, size_t room)
{
	struct delivery_group *g = arena_alloc(a, sizeof *g);

	g->recipients = arena_array(a, room, sizeof *g->recipients);
	g->origins = arena_array(a, room, sizeof *g->origins);
	g->is_quarantine = v->kind == VERDICT_QUARANTINE;
	g->verdict = v;
	g->sender = v->sets_sender && !g->is_quarantine ? v->sender : s->message->sender.text;
	g->replaces_body = v->replaces_body && !g->is_quarantine;
	g->body = v->body;
	edits_init(&g->edits);
	if (g->replaces_body)
		describe_body(s->message, &g->edits, a, v);
	copy_edits(&g->edits, a, &v->tags);
	if (v->subject_prefix.n)
		tag_subject(s->message, &g->edits, a, v->subject_prefix);
	/* The filters' and the front end's own come last and so stand topmost. */
	copy_edits(&g->edits, a, &s->message->edits);
	return g;
}

static bool has_recipient(const struct delivery_group *g, struct str address)
{
	for (size_t i = 0; i < g->n; i++)
		if (str_eq(g->recipients[i], address))
			return true;
	return false;
}

static void group_add(struct delivery_group *g, struct str address, const struct recipient *origin)
{
	if (!origin && has_recipient(g, address))
		return;
	g->recipients[g->n] = address;
	g->origins[g->n++] = origin;
}

/* Room for every recipient and every copy of all of them. */
static size_t room_needed(const struct judgement *j)
{
	size_t room = j->n;

	for (size_t i = 0; i < j->n; i++)
		room += j->verdicts[i].copy_count;
	return room;
}

/* Local parts are the next server's affair; domains have no case. */
static struct str address_key(struct arena *a, struct str address)
{
	ptrdiff_t at = str_rchr(address, '@');
	struct str local = str_sub(address, 0, at < 0 ? address.n : (size_t)at);

	return arena_printf(a, "%.*s%.*s", STR_ARG(local), STR_ARG(str_lower(a, str_from(address, local.n))));
}

/* A table with open addressing that is never full; false when the key is there already. */
static bool add_key(struct str *table, size_t size, struct str key)
{
	size_t at = str_hash(key) % size;

	while (table[at].p && !str_eq(table[at], key))
		at = (at + 1) % size;
	if (table[at].p)
		return false;
	table[at] = key;
	return true;
}

void judge_unite(struct delivery_group *g, struct arena *a)
{
	size_t size = 2 * g->n + 1, n = 0;
	struct str *table;

	if (g->n < 2)
		return;
	table = arena_array(a, size, sizeof *table);
	for (size_t i = 0; i < g->n; i++) {
		if (!add_key(table, size, address_key(a, g->recipients[i])))
			continue;
		g->recipients[n] = g->recipients[i];
		g->origins[n++] = g->origins[i];
	}
	g->n = n;
}

struct delivery_group *judge_groups(struct session *s, const struct judgement *j, struct arena *a)
{
	struct delivery_group *groups = NULL, **last = &groups;
	size_t room = room_needed(j);

	for (size_t i = 0; i < j->n; i++) {
		const struct verdict *v = &j->verdicts[i];
		struct delivery_group *g = groups;

		if (v->kind != VERDICT_ACCEPT && v->kind != VERDICT_QUARANTINE)
			continue;
		while (g && !fits(g, v))
			g = g->next;
		if (!g) {
			*last = g = group_new(s, v, a, room);
			last = &g->next;
		}
		group_add(g, v->redirect.n && v->kind == VERDICT_ACCEPT ? v->redirect : j->recipients[i]->address.text,
		    j->recipients[i]);
		for (size_t k = 0; k < v->copy_count; k++)
			group_add(g, v->copies[k], NULL);
	}
	for (struct delivery_group *g = groups; g; g = g->next)
		if (g->is_quarantine)
			judge_unite(g, a);
	return groups;
}
