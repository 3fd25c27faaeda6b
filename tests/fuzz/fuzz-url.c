/* URLs: found in text and in PDF, read, canonical writings, registered domains. */
#include "core/content/pdf.h"
#include "core/url/url.h"
#include "tests/fuzz/fuzz.h"

static void count(void *arg, struct str link)
{
	assert(link.n > 0);
	++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data, size}, host, domain;
	struct arena *a = arena_new(0);
	struct urls urls = {0}, more = {0};
	struct url u;
	unsigned links = 0;
	size_t n;

	urls_from_text(a, &urls, in, URL_FROM_TEXT);
	assert(urls.n <= URL_MAX);
	for (size_t i = 0; i < urls.n; i++)
		assert(urls.v[i].host.n && urls.v[i].domain.n <= urls.v[i].host.n);
	urls_from_hidden(a, &more, &urls, in, URL_FROM_TEXT);
	assert(more.n <= URL_MAX);
	for (size_t i = 0; i < more.n; i++)
		assert(more.v[i].host.n);
	if (url_read(a, in, &u))
		assert(u.url.n && u.scheme.n);
	url_variants(a, in, &n);
	url_domain(a, in, &host, &domain);
	assert(domain_registered(in).n <= in.n);
	pdf_links(a, in, count, &links);
	assert(links <= PDF_LINKS_MAX);
	arena_free(a);
	return 0;
}
