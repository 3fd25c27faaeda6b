/* The MIME parser with everything that hangs on parts: bodies are slices, limits hold, all decodes. */
#include "core/content/mime.h"
#include "tests/fuzz/fuzz.h"

static void no_digest(struct str octets, uint8_t ret_hash[32])
{
	(void)octets;
	memset(ret_hash, 0, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct mime *m = mime_parse(a, (struct str){(const char *)data, size}, NULL);
	struct buf out = {0};
	struct json json = json_start(&out);
	size_t n = 0;

	for (struct mime_part *p = m->root; p; p = mime_next(p)) {
		assert(p->depth <= MIME_DEPTH_MAX && ++n <= m->part_count);
		mime_text(m, p);
		assert(p->decoded.n <= p->body.n && p->decoded_all.n >= p->decoded.n);
		assert(p->decoded_unpadded.n <= p->body.n);
		assert(!mime_is_hollow(p) || mime_has_content(p));
	}
	assert(n == m->part_count && n <= MIME_PARTS_MAX);
	mime_json(m, &json, no_digest);
	assert(json.depth == 0);
	buf_free(&out);
	arena_free(a);
	return 0;
}
