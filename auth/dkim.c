/* DKIM verification: collects the signatures of a message; the work is in signature.c. */
#include "auth/dkim.h"

#include <assert.h>

struct dkim *dkim_new(struct arena *a, const struct headers *headers, struct body_hashes *bodies,
    const struct signature_options *options)
{
	struct dkim *d = arena_alloc(a, sizeof *d);
	size_t total = headers_count(headers, "DKIM-Signature");
	size_t most = options->signatures ? options->signatures : DKIM_SIGNATURES_MAX;

	d->arena = a;
	d->options = *options;
	d->ignored = total > most ? total - most : 0;
	d->n = total - d->ignored;
	d->v = arena_array(a, total, sizeof *d->v);
	for (size_t i = 0, k = 0; i < headers->n && k < total; i++)
		if (str_iis(headers->v[i].name, "DKIM-Signature")) {
			signature_parse(a, &headers->v[i], i, SIGNATURE_DKIM, k < d->n ? bodies : NULL, &d->v[k]);
			if (k++ >= d->n)
				signature_ignore(&d->v[k - 1]);
		}
	return d;
}

void dkim_ask(struct dkim *d, struct dns_scope *dns)
{
	for (size_t i = 0; i < d->n; i++)
		signature_ask(&d->v[i], dns);
}

void dkim_finish(struct dkim *d, struct dns_scope *dns, const struct headers *headers, struct body_hashes *bodies)
{
	if (d->is_finished)
		return;
	d->is_finished = true;
	assert(bodies->has_ended);
	for (size_t i = 0; i < d->n; i++) {
		assert(d->v[i].index < headers->n);
		signature_verify(d->arena, &d->v[i], dns, headers, &d->options);
	}
}

enum auth_result dkim_best(const struct dkim *d)
{
	static const enum auth_result order[] = {AUTH_PASS, AUTH_TEMPERROR, AUTH_FAIL, AUTH_POLICY,
	    AUTH_PERMERROR, AUTH_NEUTRAL};

	for (size_t k = 0; k < sizeof order / sizeof *order; k++)
		for (size_t i = 0; i < d->n; i++)
			if (d->v[i].result == order[k])
				return order[k];
	return AUTH_NONE;
}

struct dkim *dkim_verify(struct arena *a, struct dns_scope *dns, struct str message,
    const struct signature_options *options)
{
	struct body_hashes bodies;
	struct headers headers;
	struct dkim *d;

	headers_parse(a, message, &headers);
	body_hashes_init(&bodies, a);
	d = dkim_new(a, &headers, &bodies, options);
	dkim_ask(d, dns);
	body_hashes_end(&bodies, str_from(message, headers.body));
	dkim_finish(d, dns, &headers, &bodies);
	return d;
}
