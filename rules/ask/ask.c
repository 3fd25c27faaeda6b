/* See ask.h. What is here: the kinds by name, the settings, and the way of a message's questions. */
#include "rules/ask/ask.h"

#include "core/dnszone.h"
#include "lib/clock.h"

enum { DOMAINS_DEFAULT = 20, DOMAINS_MAX = 100 };

/* ---- loading ---- */

static const struct ask_kind *find_kind(struct str function)
{
	static const struct ask_kind *const tables[] = {ask_list_kinds, ask_uri_kinds, ask_hash_kinds};

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct ask_kind *k = tables[i]; k->function; k++)
			if (str_is(function, k->function))
				return k;
	return NULL;
}

const struct ask_kind *ask_kind_of(const struct rule *r)
{
	return r->kind == RULE_DNS ? &ask_tag_kind : r->kind == RULE_EVAL ? find_kind(r->function) : NULL;
}

const char *ask_compile(struct ruleset *rs, struct compiled_rule *c, const struct ask_kind *kind,
    const char **ret_ignored)
{
	struct ask_rule *ask = arena_alloc(rs->arena, sizeof *ask);
	const char *why;

	ask->kind = kind;
	why = kind->compile(rs, c, ask);
	*ret_ignored = ask->ignored;
	if (!why && !ask->ignored)
		c->ask = ask;
	return why;
}

const char *ask_differs(const struct ask_kind *kind)
{
	return kind->differs;
}

/* check_rbl_sub rules look at the answers of all that name their set. */
static void link_subs(struct ruleset *rs, struct ask_rule *ask)
{
	ask->subs = arena_array(rs->arena, rs->ask_count, sizeof *ask->subs);
	for (size_t i = 0; i < rs->ask_count; i++) {
		const struct ask_rule *other = rs->rules[rs->asks[i]].ask;
		if (!other->kind->start && str_eq(other->set, ask->set))
			ask->subs[ask->sub_count++] = rs->asks[i];
	}
}

static void read_restriction(struct ask_policy *p, struct arena *a, struct str value)
{
	struct str word;
	bool is_deny;

	if (!str_word(&value, &word))
		return;
	is_deny = str_iis(word, "deny");
	p->has_denied |= is_deny;
	while (str_word(&value, &word)) {
		text_set_remove(is_deny ? p->allowed : p->denied, word);
		text_set_add(is_deny ? p->denied : p->allowed, a, word);
	}
}

static void add_words(struct text_set *set, struct arena *a, struct str words)
{
	struct str word;

	while (str_word(&words, &word))
		text_set_add(set, a, word);
}

static void skip_no_more(struct ask_policy *p, struct arena *a, struct str words)
{
	struct str word;

	if (!str_trim(words).n)
		p->skipped = text_set_new(a);
	while (str_word(&words, &word))
		text_set_remove(p->skipped, word);
}

/* hashbl_acl_NAME domain !domain; hashbl_email_domain_alias TO FROM... */
static void add_hash_list(struct ask_policy *p, struct arena *a, struct str keyword, struct str words)
{
	struct str word;
	struct named_set *n;

	if (str_starts(keyword, STR("hashbl_acl_")))
		n = named_set_make(&p->hash_acls, a, str_from(keyword, 11));
	else if (str_word(&words, &word))
		n = named_set_make(&p->hash_aliases, a, str_lower(a, word));
	else
		return;
	while (str_word(&words, &word))
		text_set_add(word.p[0] == '!' ? n->except : n->set, a, word.p[0] == '!' ? str_from(word, 1) : word);
}

static bool is_on(struct str value)
{
	return str_is(value, "1") || str_iis(value, "yes");
}

static void read_setting(struct ask_policy *p, struct arena *a, const struct rule_setting *s)
{
	uint64_t n;

	if (str_is(s->keyword, "uridnsbl_skip_domain"))
		add_words(p->skipped, a, s->value);
	else if (str_is(s->keyword, "clear_uridnsbl_skip_domain"))
		skip_no_more(p, a, s->value);
	else if (str_is(s->keyword, "uridnsbl_max_domains") && str_u64(s->value, &n))
		p->domains_max = n < DOMAINS_MAX ? n : DOMAINS_MAX;
	else if (str_is(s->keyword, "uridnsbl_skip_mailto"))
		p->no_mailto = is_on(s->value);
	else if (str_is(s->keyword, "dns_query_restriction"))
		read_restriction(p, a, s->value);
	else if (str_is(s->keyword, "clear_dns_query_restriction"))
		p->has_denied = false, p->denied = text_set_new(a), p->allowed = text_set_new(a);
	else if (str_is(s->keyword, "skip_rbl_checks"))
		p->no_lists = is_on(s->value);
	else if (str_is(s->keyword, "skip_uribl_checks"))
		p->no_uris = is_on(s->value);
	else if (str_is(s->keyword, "dns_available") && str_iis(s->value, "no"))
		p->no_lists = p->no_uris = true;
	else if (str_is(s->keyword, "rbl_headers"))
		p->fields = arena_str(a, s->value);
	else if (str_is(s->keyword, "hashbl_ignore"))
		add_words(p->hash_ignored, a, s->value);
	else if (str_starts(s->keyword, STR("hashbl_acl_")) || str_is(s->keyword, "hashbl_email_domain_alias"))
		add_hash_list(p, a, s->keyword, s->value);
}

void ask_finish_set(struct ruleset *rs)
{
	struct ask_policy *p = arena_alloc(rs->arena, sizeof *p);
	struct arena *a = rs->arena;

	*p = (struct ask_policy){.skipped = text_set_new(a), .denied = text_set_new(a), .allowed = text_set_new(a),
	    .hash_ignored = text_set_new(a), .no_mailto = true, .domains_max = DOMAINS_DEFAULT,
	    .fields = STR("EnvelopeFrom,Reply-To,Disposition-Notification-To,X-WebmailclientIP,X-Source-IP")};
	for (const struct rule_setting *s = rs->conf->settings; s; s = s->next)
		read_setting(p, a, s);
	rs->ask_policy = p;
	for (size_t i = 0; i < rs->ask_count; i++)
		if (rs->rules[rs->asks[i]].ask->set.n)
			link_subs(rs, rs->rules[rs->asks[i]].ask);
}

/* ---- helpers of the kinds ---- */

struct str ask_zone(struct str text)
{
	text = str_trim(text);
	while (text.n && text.p[text.n - 1] == '.')
		text.n--;
	return text;
}

bool ask_type(struct str word, enum dns_type *ret_type)
{
	static const struct {
		const char *name;
		enum dns_type type;
	} types[] = {{"A", DNS_A}, {"AAAA", DNS_AAAA}, {"TXT", DNS_TXT}, {"MX", DNS_MX}, {"NS", DNS_NS},
	    {"PTR", DNS_PTR}, {"CNAME", DNS_CNAME}};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_iis(word, types[i].name)) {
			*ret_type = types[i].type;
			return true;
		}
	return false;
}

bool ask_is_name(struct str host, bool may_be_underscored)
{
	bool has_dot = false;
	size_t label = 0;

	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];
		if (c == '.' && (label == 0 || i + 1 == host.n))
			return false;
		if (c != '.' && !is_alnum(c) && c != '-' && !(c == '_' && may_be_underscored))
			return false;
		has_dot |= c == '.';
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return has_dot && host.n <= 253;
}

bool ask_skips_domain(const struct asker *k, struct str domain)
{
	return text_set_has(k->m->rs->ask_policy->skipped, domain);
}

struct str ask_listed(struct asker *k, struct str what, struct str zone)
{
	return arena_printf(k->m->t->arena, "%.*s listed in %.*s", STR_ARG(what), STR_ARG(zone));
}

bool ask_is_listing(enum dns_type type, const struct dns_record *record, const struct subtest *test)
{
	if (type != DNS_A)
		return true;
	if (record->ip.family != 4 || record->ip.b[0] != 127)
		return false;
	/* A list that refuses us lists nobody; rules about refusals name the address. */
	return test->kind != SUBTEST_ANY || !dnszone_is_refusal(&record->ip);
}

static void hit(struct asker *k, uint32_t rule, struct str text)
{
	if (k->m->rs->rules[rule].is_active && !matcher_is_settled(k->m, rule))
		matcher_hit(k->m, rule, 1, text);
}

void ask_judge(struct asker *k, const struct question *q, const struct dns_answer *answer)
{
	const struct ask_rule *ask = k->m->rs->rules[q->rule].ask;

	for (size_t i = 0; answer->status == DNS_OK && i < answer->n; i++) {
		struct str text = subtest_record(k->m->t->arena, q->type, &answer->records[i]);
		if (ask_is_listing(q->type, &answer->records[i], &ask->test) &&
		    subtest_holds(&ask->test, k->m->scratch, text))
			hit(k, q->rule, q->shown);
		for (size_t s = 0; s < ask->sub_count; s++) {
			const struct subtest *test = &k->m->rs->rules[ask->subs[s]].ask->test;
			if (ask_is_listing(q->type, &answer->records[i], test) && subtest_holds(test, k->m->scratch, text))
				hit(k, ask->subs[s], q->shown);
		}
	}
}

/* ---- a message ---- */

/* The most exact word of dns_query_restriction decides. */
static bool is_denied(const struct ask_policy *p, struct str name)
{
	while (p->has_denied) {
		ptrdiff_t dot = str_chr(name, '.');
		if (text_set_has(p->allowed, name))
			return false;
		if (text_set_has(p->denied, name))
			return true;
		if (dot < 0)
			break;
		name = str_from(name, (size_t)dot + 1);
	}
	return false;
}

static struct dns_ticket *known_ticket(const struct question *q, struct str name, enum dns_type type)
{
	while (q && (q->type != type || !str_eq(q->name, name)))
		q = q->slot_next;
	return q ? q->ticket : NULL;
}

/* NULL: it may not be asked, or too much was asked. */
static struct dns_ticket *send_question(struct asker *k, struct str name, enum dns_type type)
{
	const struct match_options *o = k->m->options;
	struct dns_ticket *ticket;

	if (is_denied(k->m->rs->ask_policy, name))
		return NULL;
	if (k->asked >= o->lookups) {
		k->m->result->unasked++;
		return NULL;
	}
	ticket = dns_ask(k->m->t->dns, name, type);
	if (dns_is_done(ticket) && dns_wait(ticket)->status == DNS_BUDGET) {
		k->m->result->unasked++;
		return NULL;
	}
	k->asked++;
	return ticket;
}

void ask_put(struct asker *k, uint32_t rule, struct str name, enum dns_type type, struct str shown, ask_answer *answer)
{
	struct question *q, **slot;
	struct dns_ticket *ticket, *known;
	struct str lower = str_lower(k->m->t->arena, name);

	slot = &k->slots[(str_hash(lower) + type) % QUESTION_SLOTS];
	known = known_ticket(*slot, lower, type);
	ticket = known ? known : send_question(k, lower, type);
	if (!ticket || k->count == QUESTIONS_MAX)
		return;
	q = arena_alloc(k->m->t->arena, sizeof *q);
	*q = (struct question){rule, type, lower, shown, ticket, answer, !known, NULL, *slot};
	*slot = q;
	*k->last = q;
	k->last = &q->next;
	k->count++;
}

static void start_all(struct asker *k, bool only_early)
{
	const struct ruleset *rs = k->m->rs;
	const struct ask_policy *p = rs->ask_policy;

	for (size_t i = 0; i < rs->ask_count; i++) {
		const struct compiled_rule *c = &rs->rules[rs->asks[i]];
		const struct ask_kind *kind = c->ask->kind;
		if (!kind->start || (only_early && !kind->is_early) || (kind->is_of_uris ? p->no_uris : p->no_lists))
			continue;
		k->call.rule = c->rule;
		k->call.args = c->rule->args;
		k->call.n = c->rule->arg_count;
		kind->start(k, rs->asks[i], c->ask);
	}
}

struct asker *ask_start(struct matcher *m, bool only_early)
{
	struct asker *k;

	if (m->rs->ask_count == 0 || !m->t->dns)
		return NULL;
	k = arena_alloc(m->t->arena, sizeof *k);
	k->m = m;
	k->call.m = m;
	k->last = &k->first;
	k->until_us = clock_mono_us() + m->options->lookup_us;
	start_all(k, only_early);
	m->result->asked = k->asked;
	return k;
}

/* Questions that answers bring stand behind the others: the list is done when its end is reached. */
void ask_finish(struct asker *k)
{
	struct rule_result *out = k->m->result;

	for (struct question *q = k->first; q; q = q->next) {
		const struct dns_answer *answer = dns_wait_until(q->ticket, k->until_us);
		out->unanswered += q->is_first && dns_is_trouble(answer->status);
		q->answer(k, q, answer);
	}
	out->asked = k->asked;
}
