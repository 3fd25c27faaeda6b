/* The whole way from a message to the text that rules see. */
#include "core/content/content.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct content *c = content_make(a, mime_parse(a, (struct str){(const char *)data, size}, NULL));

	assert(c->body_count > 0);
	for (size_t i = 0; i < c->body_count; i++)
		assert(c->body[i].n > 0 && c->body[i].n <= CONTENT_LINE_MAX + 1);
	for (size_t i = 0; i < c->raw_count; i++)
		assert(c->raw[i].n <= 2 * CONTENT_LINE_MAX + 1);
	assert(c->urls.n <= URL_MAX);
	arena_free(a);
	return 0;
}
