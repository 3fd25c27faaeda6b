/* From a judgement to quarantine items. */
#include "gateway/quarantine/setaside.h"

#include "lib/clock.h"
#include "lib/log.h"

struct setaside {
	struct quarantine *q;
	struct quarantine_pending *items;
	size_t n;
};

static struct queue_recipient *recipients_of(const struct delivery_group *g, struct arena *a)
{
	struct queue_recipient *list = arena_array(a, g->n, sizeof *list);

	for (size_t i = 0; i < g->n; i++) {
		list[i].address = g->recipients[i];
		if (g->origins[i]) {
			list[i].orcpt = g->origins[i]->orcpt;
			list[i].notify = g->origins[i]->notify;
		}
	}
	return list;
}

static struct str subject_of(const struct message *m)
{
	const struct header *subject = headers_get(&m->headers, "Subject", 0);

	return subject ? header_decode(m->arena, subject->value) : STR("");
}

static enum res prepare(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *g, struct quarantine_pending *ret_pending)
{
	struct message *m = s->message;
	struct quarantine_item item = {.arrived = clock_now(), .helo = s->helo, .sender = m->sender.text,
	    .envid = m->envid, .ret = m->ret, .is_8bit = m->is_8bit, .is_utf8 = m->is_utf8};
	char ip[IP_TEXT_MAX];
	struct buf trail = {0};
	enum res res;

	memcpy(item.id, m->id, sizeof item.id);
	item.client = ip_format(&s->client, ip);
	item.recipients = recipients_of(g, m->arena);
	item.recipient_count = g->n;
	item.subject = subject_of(m);
	item.score = session_score(s, g->origins[0]);
	item.verdict = g->verdict->text;
	if (g->verdict->decided_by.file)
		item.decided_by = arena_printf(m->arena, "%s:%u", g->verdict->decided_by.file, g->verdict->decided_by.line);
	judge_explain(s, j, &trail);
	item.trail = buf_str(&trail);
	item.edits = &g->edits;
	item.data = spool_data(m->spool);
	res = quarantine_prepare(q, &item, ret_pending);
	buf_free(&trail);
	return res;
}

static size_t count(const struct delivery_group *groups)
{
	size_t n = 0;

	for (const struct delivery_group *g = groups; g; g = g->next)
		n += g->is_quarantine;
	return n;
}

struct setaside *setaside_prepare(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *groups)
{
	struct arena *arena = s->message->arena;
	struct setaside *a = arena_alloc(arena, sizeof *a);

	*a = (struct setaside){.q = q, .items = arena_array(arena, count(groups), sizeof *a->items)};
	for (const struct delivery_group *g = groups; g; g = g->next) {
		if (!g->is_quarantine)
			continue;
		if (prepare(q, s, j, g, &a->items[a->n]) != RES_OK) {
			setaside_abandon(a);
			return NULL;
		}
		a->n++;
	}
	return a;
}

bool setaside_publish(struct setaside *a)
{
	return quarantine_publish(a->q, a->items, a->n) == RES_OK;
}

void setaside_abandon(struct setaside *a)
{
	if (quarantine_abandon(a->q, a->items, a->n) != RES_OK)
		log_say(LOG_LEVEL_ERROR, "quarantine", "a copy of %s that was not taken cannot be removed", a->items[0].key);
}
