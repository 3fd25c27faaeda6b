/*
 * Networks in order of their first address, wide before narrow: two of them either lie in each other
 * or apart, so the answer is the last one that starts at or before the address, or one around it.
 */
#include "core/list/nets.h"

#include <assert.h>
#include <stdlib.h>

void nets_add(struct nets *nets, struct arena *a, const struct cidr *cidr, struct str text)
{
	assert(nets->n < UINT32_MAX - 1);
	if (nets->n == nets->room) {
		struct net *more;

		nets->room = nets->room ? nets->room * 2 : 16;
		more = arena_array(a, nets->room, sizeof *more);
		if (nets->n)
			memcpy(more, nets->v, nets->n * sizeof *more);
		nets->v = more;
	}
	nets->v[nets->n++] = (struct net){.cidr = *cidr, .text = text};
}

static int compare_ip(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family - b->family;
	return memcmp(a->b, b->b, a->family == 4 ? 4 : 16);
}

static int compare(const void *left, const void *right)
{
	const struct net *a = left, *b = right;
	int order = compare_ip(&a->cidr.ip, &b->cidr.ip);

	return order ? order : a->cidr.bits - b->cidr.bits;
}

static bool holds(const struct cidr *outer, const struct cidr *inner)
{
	return outer->bits <= inner->bits && cidr_has(outer, &inner->ip);
}

void nets_sort(struct nets *nets)
{
	uint32_t open = 0; /* the innermost network that may still hold what follows */
	size_t kept = 0;

	if (nets->n)
		qsort(nets->v, nets->n, sizeof *nets->v, compare);
	for (size_t i = 0; i < nets->n; i++) {
		if (kept && compare(&nets->v[kept - 1], &nets->v[i]) == 0)
			continue;
		nets->v[kept] = nets->v[i];
		while (open && !holds(&nets->v[open - 1].cidr, &nets->v[kept].cidr))
			open = nets->v[open - 1].outer;
		nets->v[kept].outer = open;
		open = (uint32_t)++kept;
	}
	nets->n = kept;
}

const struct net *nets_find(const struct nets *nets, const struct ip *ip)
{
	size_t low = 0, high = nets->n; /* the last one that is not behind ip stands before high */
	uint32_t at;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_ip(&nets->v[middle].cidr.ip, ip) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (at = (uint32_t)low; at; at = nets->v[at - 1].outer)
		if (cidr_has(&nets->v[at - 1].cidr, ip))
			return &nets->v[at - 1];
	return NULL;
}
