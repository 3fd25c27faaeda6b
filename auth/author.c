/* Author domains: see author.h; the address grammar is core/mailbox.c. */
#include "auth/author.h"

#include "core/address.h"
#include "core/mailbox.h"

static const char *odd_text(uint32_t odd)
{
	for (uint32_t bit = 1; bit & MAILBOX_BROKEN; bit <<= 1)
		if (odd & bit)
			return mailbox_odd_name(bit);
	return "broken";
}

static const char *add_domain(struct arena *a, struct authors *authors, struct str domain)
{
	struct str ascii;

	if (domain.n == 0)
		return "From has an address without domain";
	if (!domain_to_ascii(a, domain, &ascii) || !domain_is_valid(ascii, false))
		return "From has a domain that is none";
	for (size_t i = 0; i < authors->n; i++)
		if (str_ieq(authors->domains[i], ascii))
			return NULL;
	if (authors->n == AUTHOR_DOMAINS_MAX)
		return "From has too many domains";
	authors->domains[authors->n++] = str_lower(a, ascii);
	return NULL;
}

void authors_find(struct arena *a, const struct headers *headers, struct authors *ret_authors)
{
	size_t fields = headers_count(headers, "From");
	struct mailboxes boxes;

	*ret_authors = (struct authors){0};
	if (fields != 1) {
		ret_authors->fault = fields ? "more than one From" : "no From";
		return;
	}
	mailboxes_parse(a, headers_get(headers, "From", 0)->value, &boxes);
	if (boxes.odd & MAILBOX_BROKEN) {
		ret_authors->fault = arena_printf(a, "From is broken: %s", odd_text(boxes.odd)).p;
		return;
	}
	if (boxes.n == 0)
		ret_authors->fault = "From has no address";
	for (size_t i = 0; i < boxes.n && !ret_authors->fault; i++)
		ret_authors->fault = add_domain(a, ret_authors, boxes.v[i].domain);
}
