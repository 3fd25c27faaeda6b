/*
 * What is said about a message that was judged: the log line, `reevectl scan --json`, and the
 * trail for people. All read the same judgement.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "auth/auth.h"
#include "core/content/content.h"
#include "gateway/judge.h"
#include "lib/clock.h"
#include "lib/log.h"

enum { LOG_RECIPIENTS_MAX = 20, LOG_FINDINGS_MAX = 50, LOG_MESSAGE_ID_MAX = 250 };

/* The three lists of a recipient's findings, one after the other. */
static void each_finding(const struct session *s, const struct judgement *j,
    void (*each)(void *arg, const struct finding *f), void *arg)
{
	const struct findings *lists[2] = {&s->findings, &s->message->findings};

	for (size_t i = 0; i < 2; i++)
		for (const struct finding *f = lists[i]->first; f; f = f->next)
			each(arg, f);
	for (size_t i = 0; i < j->n; i++)
		for (const struct finding *f = j->recipients[i]->findings.first; f; f = f->next)
			each(arg, f);
}

struct names {
	struct json *json;
	size_t n;
};

static void name_finding(void *arg, const struct finding *f)
{
	struct names *names = arg;

	if (names->n++ >= LOG_FINDINGS_MAX)
		return;
	json_key_str(names->json, f->name);
	json_number(names->json, f->score);
}

static const struct recipient *sole_recipient(const struct judgement *j)
{
	return j->n ? j->recipients[0] : NULL;
}

static void log_recipients(struct log_line *l, const struct judgement *j)
{
	struct json *json = log_key(l, "rcpt");

	json_open(json, '[');
	for (size_t i = 0; i < j->n && i < LOG_RECIPIENTS_MAX; i++) {
		json_open(json, '{');
		json_kv(json, "rcpt", j->recipients[i]->address.text);
		json_kv(json, "verdict", str_of(verdict_name(j->verdicts[i].kind)));
		json_close(json);
	}
	json_close(json);
	if (j->n > LOG_RECIPIENTS_MAX)
		log_int(l, "rcpt_count", (int64_t)j->n);
}

static void log_failures(struct log_line *l, const struct session *s)
{
	const struct failure *lists[2] = {s->failures, s->message->failures};
	struct json *json;

	if (!lists[0] && !lists[1])
		return;
	json = log_key(l, "failed");
	json_open(json, '[');
	for (size_t i = 0; i < 2; i++)
		for (const struct failure *f = lists[i]; f; f = f->next) {
			json_open(json, '{');
			json_kv(json, "filter", str_of(f->slot->filter->name));
			json_kv(json, "stage", str_of(stage_name(f->stage)));
			json_kv(json, "why", f->why);
			json_close(json);
		}
	json_close(json);
}

/* Why the filter whose on-failure word decided could not work: what the reply does not tell the client. */
static void log_why(struct log_line *l, const struct session *s, enum stage stage, const char *filter)
{
	const struct failure *lists[2] = {s->failures, s->message ? s->message->failures : NULL};

	for (size_t i = 0; i < 2; i++)
		for (const struct failure *f = lists[i]; f; f = f->next)
			if (f->stage == stage && strcmp(f->slot->filter->name, filter) == 0) {
				log_text(l, "why", f->why);
				return;
			}
}

static void write_place(struct json *out, const struct verdict *v)
{
	struct buf text = {0};

	if (v->decided_by.file)
		buf_addf(&text, "%s:%u", v->decided_by.file, v->decided_by.line);
	else if (v->failed_filter)
		buf_addf(&text, "filter %s on-failure", v->failed_filter);
	json_text(out, buf_str(&text));
	buf_free(&text);
}

/* What is known of who sent it: "auth":{"spf":"pass","dkim":"pass","dmarc":"pass"}. */
static void log_authentication(struct log_line *l, const struct snapshot *snap, const struct session *s)
{
	static const char *const methods[] = {"iprev", "spf", "dkim", "arc", "dmarc"};
	struct json *json = log_key(l, "auth");

	json_open(json, '{');
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		const struct fact_def *def = fact_def_find(snap->facts, str_of(methods[i]));
		const struct fact *fact = def ? session_fact(s, NULL, def) : NULL;

		if (fact)
			json_kv(json, methods[i], fact->u.text);
	}
	if (s->auth_user.n)
		json_kv(json, "user", s->auth_user);
	json_close(json);
}

/* By what the sender's own log calls it. */
static void log_message_id(struct log_line *l, const struct message *m)
{
	const struct header *field = headers_get(&m->headers, "Message-ID", 0);

	if (field)
		log_text(l, "message_id", str_sub(str_trim(field->value), 0, LOG_MESSAGE_ID_MAX));
}

void judge_log(const struct snapshot *snap, const struct session *s, const struct judgement *j, struct str reply)
{
	const struct message *m = s->message;
	char ip[IP_TEXT_MAX];
	struct log_line l;
	struct names names = {0};

	if (!log_wants(LOG_LEVEL_INFO))
		return;
	l = log_start(LOG_LEVEL_INFO, "message");
	log_text(&l, "id", str_of(m->id));
	log_text(&l, "session", str_of(s->id));
	if (m->queue_id.n)
		log_text(&l, "queue_id", m->queue_id);
	log_text(&l, "client", ip_format(&s->client, ip));
	log_text(&l, "helo", s->helo);
	if (s->tls_version.n)
		log_text(&l, "tls", s->tls_version);
	if (s->tls_peer.n)
		log_text(&l, "tls_peer", s->tls_peer);
	log_text(&l, "from", m->sender.text);
	log_recipients(&l, j);
	log_message_id(&l, m);
	log_authentication(&l, snap, s);
	log_int(&l, "bytes", (int64_t)spool_size(m->spool));
	log_text(&l, "verdict", str_of(verdict_name(j->whole.kind)));
	write_place(log_key(&l, "decided_by"), &j->whole);
	log_text(&l, "reply", reply);
	log_number(&l, "score", session_score(s, sole_recipient(j)));
	names.json = log_key(&l, "findings");
	json_open(names.json, '{');
	each_finding(s, j, name_finding, &names);
	json_close(names.json);
	log_failures(&l, s);
	log_int(&l, "micros", clock_mono_us() - m->started_us);
	log_end(&l);
}

void judge_log_refused(const struct session *s, enum stage stage, const struct verdict *v, struct str reply)
{
	const struct message *m = s->message;
	char ip[IP_TEXT_MAX];
	struct log_line l;

	if (!log_wants(LOG_LEVEL_INFO))
		return;
	l = log_start(LOG_LEVEL_INFO, "refused");
	log_text(&l, "id", str_of(m ? m->id : s->id));
	log_text(&l, "session", str_of(s->id));
	log_text(&l, "stage", str_of(stage_name(stage)));
	log_text(&l, "client", ip_format(&s->client, ip));
	log_text(&l, "helo", s->helo);
	if (m)
		log_text(&l, "from", m->sender.text);
	if (m && m->current && stage == STAGE_RCPT)
		log_text(&l, "rcpt", m->current->address.text);
	log_text(&l, "verdict", str_of(verdict_name(v->kind)));
	if (v->decided_by.file)
		write_place(log_key(&l, "decided_by"), v);
	else if (v->failed_filter)
		log_text(&l, "failed", str_of(v->failed_filter));
	if (v->failed_filter)
		log_why(&l, s, stage, v->failed_filter);
	log_text(&l, "reply", reply);
	log_end(&l);
}

/* ---- JSON of `reevectl scan` ---- */

static void json_finding(void *arg, const struct finding *f)
{
	struct json *out = arg;

	json_open(out, '{');
	json_kv(out, "name", f->name);
	json_kv(out, "filter", str_of(f->filter));
	json_key(out, "score");
	json_fine(out, f->score, 6);
	json_kv(out, "reason", f->reason);
	json_kv(out, "where", f->where);
	json_kv(out, "text", f->text);
	json_close(out);
}

static void json_fact(struct json *out, const struct fact *fact)
{
	char ip[IP_TEXT_MAX];

	switch (fact->def->type) {
	case FACT_BOOL:
		json_bool(out, fact->u.boolean);
		return;
	case FACT_INT:
	case FACT_DURATION:
		json_int(out, fact->u.integer);
		return;
	case FACT_NUMBER:
		json_fine(out, fact->u.number, 15);
		return;
	case FACT_IP:
		json_text(out, ip_format(&fact->u.ip, ip));
		return;
	case FACT_LIST:
		json_open(out, '[');
		for (size_t i = 0; i < fact->u.list.n; i++)
			json_text(out, fact->u.list.v[i]);
		json_close(out);
		return;
	case FACT_TEXT:
	case FACT_WORD:
		json_text(out, fact->u.text);
	}
}

/* Every fact that is set, the innermost value of each. */
static void json_facts(const struct session *s, const struct recipient *r, struct json *out)
{
	const struct fact_registry *registry = s->facts.registry;

	json_open(out, '{');
	for (size_t i = 0; i < fact_registry_count(registry); i++) {
		const struct fact_def *def = fact_registry_at(registry, i);
		const struct fact *fact = session_fact(s, r, def);

		if (fact) {
			json_key(out, def->name);
			json_fact(out, fact);
		}
	}
	json_close(out);
}

static void json_recipients(const struct judgement *j, struct json *out)
{
	json_open(out, '[');
	for (size_t i = 0; i < j->n; i++) {
		json_open(out, '{');
		json_kv(out, "rcpt", j->recipients[i]->address.text);
		json_kv(out, "verdict", str_of(verdict_name(j->verdicts[i].kind)));
		json_key(out, "decided_by");
		write_place(out, &j->verdicts[i]);
		json_close(out);
	}
	json_close(out);
}

static void json_envelope(const struct delivery_group *g, struct json *out)
{
	if (g->verdict->sets_sender && !g->is_quarantine) {
		json_open(out, '{');
		json_kv(out, "op", STR("set-sender"));
		json_kv(out, "value", g->sender);
		json_close(out);
	}
	if (g->replaces_body) {
		json_open(out, '{');
		json_kv(out, "op", STR("replace-body"));
		json_kv_int(out, "bytes", (int64_t)g->body.n);
		json_close(out);
	}
}

static void json_edits(const struct edits *edits, const struct delivery_group *g, struct json *out)
{
	static const char *const ops[] = {"add-header", "remove-header", "change-header"};

	json_open(out, '[');
	for (const struct edit *e = edits->first; e; e = e->next) {
		json_open(out, '{');
		json_kv(out, "op", str_of(ops[e->op]));
		json_kv(out, "name", e->name);
		if (e->op != EDIT_ADD_HEADER)
			json_kv_int(out, "index", e->index);
		if (e->op != EDIT_REMOVE_HEADER)
			json_kv(out, "value", e->value);
		json_close(out);
	}
	if (g)
		json_envelope(g, out);
	json_close(out);
}

static void json_url_list(const struct urls *urls, struct json *out)
{
	for (size_t i = 0; i < urls->n; i++) {
		const struct url *u = &urls->v[i];

		json_open(out, '{');
		json_kv(out, "url", u->url);
		json_kv(out, "host", u->host);
		json_kv(out, "domain", u->domain);
		json_kv(out, "from", str_of(url_source_name(u->source)));
		json_close(out);
	}
}

static void json_urls(const struct content *content, struct json *out)
{
	json_open(out, '[');
	json_url_list(&content->urls, out);
	json_url_list(&content->more_urls, out);
	json_close(out);
}

static void json_micros(const struct session *s, struct json *out)
{
	json_open(out, '{');
	json_kv_int(out, "total", clock_mono_us() - s->started_us);
	for (size_t i = 0; i < chain_length(s->chain); i++)
		json_kv_int(out, chain_at(s->chain, i)->filter->name, s->slot_ns[i] / 1000);
	json_close(out);
}

void judge_json(const struct session *s, const struct judgement *j, struct json *out)
{
	const struct message *m = s->message;
	struct delivery_group *groups = judge_groups((struct session *)s, j, m->arena);

	json_kv_int(out, "bytes", (int64_t)spool_size(m->spool));
	json_kv(out, "verdict", str_of(verdict_name(j->whole.kind)));
	json_kv(out, "reply", judge_reply(m->arena, &j->whole, m->id));
	json_key(out, "score");
	json_number(out, session_score(s, sole_recipient(j)));
	json_key(out, "recipients");
	json_recipients(j, out);
	json_key(out, "findings");
	json_open(out, '[');
	each_finding(s, j, json_finding, out);
	json_close(out);
	json_key(out, "auth");
	session_auth_json(s, out);
	json_key(out, "urls");
	json_urls(message_content(s->message), out);
	json_key(out, "changes");
	json_edits(groups ? &groups->edits : &m->edits, groups, out);
	json_key(out, "facts");
	json_facts(s, sole_recipient(j), out);
	json_key(out, "micros");
	json_micros(s, out);
}

/* ---- the trail for people ---- */

static void explain_finding(void *arg, const struct finding *f)
{
	struct buf *out = arg;

	buf_addf(out, "  %+7.2f  %-28.*s %.*s", f->score == 0 ? 0 : f->score, STR_ARG(f->name), STR_ARG(f->reason));
	if (f->text.n)
		buf_addf(out, "  [%.*s]", STR_ARG(f->text));
	if (f->where.n)
		buf_addf(out, "  (%.*s)", STR_ARG(f->where));
	buf_addc(out, '\n');
}

static void explain_trail(const struct verdict *v, struct buf *out)
{
	for (const struct trail_step *t = v->trail; t; t = t->next) {
		buf_addf(out, "    %s %s:%u  %.*s\n", t->matched ? "->" : "  ", t->place.file, t->place.line, STR_ARG(t->statement));
		if (t->facts.n)
			buf_addf(out, "         with %.*s\n", STR_ARG(t->facts));
	}
}

static struct str or_none(struct str text)
{
	return text.n ? text : STR("(none)");
}

static void explain_recipient(const struct recipient *r, const struct verdict *v, struct buf *out)
{
	buf_addf(out, "  %.*s: %s", STR_ARG(or_none(r->address.text)), verdict_name(v->kind));
	if (v->decided_by.file)
		buf_addf(out, ", decided by %s:%u", v->decided_by.file, v->decided_by.line);
	else if (v->failed_filter)
		buf_addf(out, ", because filter %s could not do its work", v->failed_filter);
	buf_addc(out, '\n');
	explain_trail(v, out);
}

void judge_explain(const struct session *s, const struct judgement *j, struct buf *out)
{
	const struct message *m = s->message;
	char ip[IP_TEXT_MAX];

	buf_addf(out, "message %s  %zu octets  client %s  helo %.*s  from <%.*s>\n", m->id, spool_size(m->spool),
	    s->client.family ? ip_format(&s->client, ip).p : "(none)", STR_ARG(or_none(s->helo)), STR_ARG(m->sender.text));
	buf_addf(out, "verdict: %s, score %.1f\nreply:   %.*s\n", verdict_name(j->whole.kind),
	    session_score(s, sole_recipient(j)), STR_ARG(judge_reply(m->arena, &j->whole, m->id)));
	buf_adds(out, "findings:\n");
	each_finding(s, j, explain_finding, out);
	for (const struct failure *f = m->failures; f; f = f->next)
		buf_addf(out, "  failed: filter %s at %s: %.*s\n", f->slot->filter->name, stage_name(f->stage), STR_ARG(f->why));
	buf_adds(out, "recipients:\n");
	for (size_t i = 0; i < j->n; i++)
		explain_recipient(j->recipients[i], &j->verdicts[i], out);
}
