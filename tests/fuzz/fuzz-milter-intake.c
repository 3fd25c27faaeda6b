/*
 * What an MTA hands to the milter front end, in any order: macros, envelope, fields, body pieces.
 * The first octet of each record says what it is; its text goes to the next zero octet.
 */
#include "core/chain.h"
#include "gateway/milter/intake.h"
#include "tests/fuzz/fuzz.h"

enum { RECORDS_MAX = 2000 };

struct world {
	struct intake in;
	const char *text; /* also the value of every macro */
};

static const char *get_macro(void *arg, const char *name)
{
	struct world *w = arg;

	return name[0] == 'i' || name[1] == 'c' || name[1] == 'd' ? w->text : NULL;
}

static bool is_in_message(const struct world *w)
{
	return w->in.s->message != NULL;
}

static void envelope(struct world *w, unsigned kind, const struct intake_macros *macros)
{
	char *argv[] = {(char *)w->text, (char *)"SIZE=5", (char *)w->text, NULL};

	if (kind == 0)
		intake_connect(&w->in, w->text, macros);
	else if (kind == 1)
		intake_helo(&w->in, w->text, macros);
	else if (kind == 2)
		intake_mail(&w->in, argv, macros);
	else if (is_in_message(w) && !intake_rcpt(&w->in, argv)) {
		intake_keep(&w->in);
		assert(intake_path_of(&w->in, w->in.s->message->first).n > 0);
	}
}

/* What was put together reads back as the same number of octets. */
static void content(struct world *w, unsigned kind, struct str text, const struct intake_macros *macros)
{
	if (!is_in_message(w))
		return;
	if (kind == 4)
		intake_field(&w->in, "X-Name", w->text);
	else if (kind == 5)
		intake_eoh(&w->in);
	else if (kind == 6)
		intake_body(&w->in, text);
	else if (!intake_end(&w->in, macros)) {
		assert(spool_size(w->in.s->message->spool) == w->in.size);
		assert(w->in.s->message->headers.n <= HEADER_COUNT_MAX);
		intake_reset(&w->in);
	} else {
		intake_reset(&w->in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n), text;
	struct arena *a = arena_new(0);
	struct fact_registry *facts = fact_registry_new(a);
	struct chain *chain = chain_new(a, &(struct filter_env){.arena = a}, facts);
	struct world w = {.text = ""};
	struct intake_macros macros = {get_macro, &w};

	w.in = (struct intake){.s = session_new(chain, NULL, FACE_MILTER), .limits = {4096, 5, 3}, .spool_dir = -1,
	    .has_leading_space = fuzz_octet(&in) & 1};
	for (size_t i = 0; in.n && i < RECORDS_MAX; i++) {
		unsigned kind = fuzz_octet(&in) % 8;

		str_split(&in, '\0', &text);
		w.text = arena_cstr(a, text);
		kind < 4 ? envelope(&w, kind, &macros) : content(&w, kind, text, &macros);
	}
	intake_free(&w.in);
	session_free(w.in.s);
	chain_close(chain);
	arena_free(a);
	return 0;
}
