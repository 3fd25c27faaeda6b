/*
 * Policies: compiled, and when they are right, run at every stage with some facts set and some not.
 * A reply and a header must come out safe whatever the facts hold: the tail of the input is one.
 */
#include "policy/policy.h"

static const char *const words[] = {"pass", "fail", NULL};
static const struct fact_def table[] = {
    {"b", FACT_BOOL, STAGE_CONNECT, NULL, ""},
    {"n", FACT_NUMBER, STAGE_CONNECT, NULL, ""},
    {"d", FACT_DURATION, STAGE_CONNECT, NULL, ""},
    {"t", FACT_TEXT, STAGE_CONNECT, NULL, ""},
    {"w", FACT_WORD, STAGE_CONNECT, words, ""},
    {"i", FACT_IP, STAGE_CONNECT, NULL, ""},
    {"l", FACT_LIST, STAGE_CONNECT, NULL, ""},
    {"u", FACT_TEXT, STAGE_CONNECT, NULL, ""},
    {"m", FACT_INT, STAGE_MESSAGE, NULL, ""},
    {0},
};

static void set_facts(struct facts *f, struct str tail)
{
	fact_set_bool(f, "b", true);
	fact_set_number(f, "n", 5.5);
	fact_set_duration(f, "d", 90000);
	fact_set_text(f, "t", tail);
	fact_set_word(f, "w", "fail");
	fact_set_ip(f, "i", &(struct ip){4, {192, 0, 2, 1}});
	fact_add_text(f, "l", tail);
	fact_add_text(f, "l", STR("exe"));
}

static void check(struct str s, size_t most)
{
	if (s.n > most)
		__builtin_trap();
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' && !(i + 1 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n') && s.p[i] != '\n')
			__builtin_trap();
}

static void run(const struct policy *p, struct session *s, struct recipient *r)
{
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		bool is_single = stage == STAGE_RCPT || stage == STAGE_MESSAGE;
		struct verdict v;

		policy_decide(p, s, (enum stage)stage, is_single ? r : NULL, s->message->arena, &v);
		if (stage == STAGE_MESSAGE && v.kind == VERDICT_NONE)
			__builtin_trap();
		check(v.text, 500);
		if (str_chr(v.text, '\n') >= 0)
			__builtin_trap();
		for (const struct edit *e = v.tags.first; e; e = e->next)
			check(e->value, 40000);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, tail;
	struct arena *a;
	struct fact_registry *facts;
	struct address address = {.text = STR("a@b.example"), .domain = STR("b.example")};
	struct filter_env env = {0};
	struct conf_load load;
	struct conf_node *node;
	struct policy *p;

	if (str_find(text, STR("include")) >= 0 || size > 20000)
		return 0;
	a = arena_new(0);
	tail = str_from(text, size - size / 4);
	conf_load_init(&load, a);
	facts = fact_registry_new(a);
	fact_registry_add(facts, table);
	node = conf_parse_text(&load, "fuzz",
	    arena_printf(a, "policy { at connect { %.*s } at message { %.*s } }", STR_ARG(text), STR_ARG(text)));
	p = node ? policy_new(&load, node, facts, lists_new(a, NULL), NULL, NULL) : NULL;
	if (p && load.errors == 0) {
		struct session *s = session_new(chain_new(a, &env, facts), NULL, size % 2 ? FACE_SCAN : FACE_SMTP);
		struct message *m = message_start(s);

		m->is_utf8 = size % 3 == 0;
		headers_parse(a, tail, &m->headers);
		run(p, s, recipient_start(m, &address));
		set_facts(&m->facts, tail);
		run(p, s, m->current);
		session_free(s);
	}
	arena_free(a);
	return 0;
}
