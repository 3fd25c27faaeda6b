/*
 * A set of IP networks: filled while loading, sorted once, then searched in O(log n). Networks may
 * lie in each other; the narrowest one that holds the address is found.
 */
#ifndef REEVE_CORE_LIST_NETS_H
#define REEVE_CORE_LIST_NETS_H

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/str.h"

struct net {
	struct cidr cidr;
	struct str text;  /* as it was written */
	uint32_t outer;	  /* index + 1 of the network around it; 0: none */
};

struct nets {
	struct net *v;
	size_t n, room;
};

void nets_add(struct nets *nets, struct arena *a, const struct cidr *cidr, struct str text);
/* Call once after the last nets_add. */
void nets_sort(struct nets *nets);
const struct net *nets_find(const struct nets *nets, const struct ip *ip);

#endif
