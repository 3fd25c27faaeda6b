/* The HTML renderer: visible and hidden text together are all text, styles stay balanced. */
#include "core/html/html.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data, size};
	struct arena *a = arena_new(0);
	struct html h;

	html_render(a, in, &h);
	assert(h.link_count <= HTML_LINKS_MAX);
	assert(h.visible.n + h.hidden.n == h.text.n);
	for (size_t i = 0; i < h.link_count; i++)
		assert(h.links[i].url.n && h.links[i].tag);
	html_resolve(a, STR("http://a/b/c/d;p?q"), in);
	arena_free(a);
	return 0;
}
