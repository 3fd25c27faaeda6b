/* Authentication-Results: whatever was read can be written again and then reads the same. */
#include "auth/authres.h"
#include "tests/fuzz/fuzz.h"

static void write_and_read(struct arena *a, const struct authres *r)
{
	struct authres_writer w = authres_start(r->id);
	struct authres again;
	struct str text;

	for (size_t i = 0; i < r->n; i++) {
		authres_method(&w, "spf", "pass");
		authres_comment(&w, r->v[i].raw);
		authres_reason(&w, r->v[i].reason);
		for (size_t k = 0; k < r->v[i].n; k++)
			authres_property(&w, "smtp", "mailfrom", r->v[i].properties[k].value);
	}
	text = authres_end(&w, a);
	for (size_t i = 0; i < text.n; i++)
		assert(text.p[i] != '\n' || (text.p[i - 1] == '\r' && i + 1 < text.n && text.p[i + 1] == '\t'));
	assert(authres_parse(a, text, &again) && again.n == r->n);
	for (size_t i = 0; i < r->n; i++)
		assert(r->v[i].reason.n > AUTHRES_VALUE_MAX || again.v[i].reason.n == r->v[i].reason.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct authres r;

	authres_claims(a, fuzz_input(p, n), STR("mx.example.org"));
	if (authres_parse(a, fuzz_input(p, n), &r))
		write_and_read(a, &r);
	arena_free(a);
	return 0;
}
