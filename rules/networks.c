/* Lists of networks, with exceptions: which hosts are ours or trusted. See received.h. */
#include "rules/evals/received.h"

#include <string.h>

void networks_add(struct arena *a, struct networks *nets, struct cidr cidr, bool is_excluded)
{
	if (nets->n == nets->room) {
		size_t room = nets->room ? nets->room * 2 : 8;
		struct network *more = arena_array(a, room, sizeof *more);
		if (nets->n)
			memcpy(more, nets->v, nets->n * sizeof *more);
		nets->v = more;
		nets->room = room;
	}
	nets->v[nets->n++] = (struct network){cidr, is_excluded};
	nets->is_set = true;
}

bool networks_add_text(struct arena *a, struct networks *nets, struct str text)
{
	bool is_excluded = text.n && text.p[0] == '!';
	struct str s = is_excluded ? str_from(text, 1) : text;
	struct cidr cidr;

	/* "192.0." and "127/8" stand for the network of that prefix. */
	if (!cidr_parse(s, true, &cidr)) {
		ptrdiff_t slash = str_chr(s, '/');
		struct str head = slash < 0 ? s : str_sub(s, 0, (size_t)slash);
		unsigned dots = 0;
		struct buf full = {0};
		bool ok;
		while (head.n && head.p[head.n - 1] == '.')
			head.n--;
		for (size_t i = 0; i < head.n; i++)
			dots += head.p[i] == '.';
		buf_add(&full, head);
		for (unsigned i = dots; i < 3; i++)
			buf_adds(&full, ".0");
		if (slash >= 0)
			buf_add(&full, str_from(s, (size_t)slash));
		else
			buf_addf(&full, "/%u", (dots + 1) * 8);
		ok = dots < 4 && cidr_parse(buf_str(&full), true, &cidr);
		buf_free(&full);
		if (!ok)
			return false;
	}
	networks_add(a, nets, cidr, is_excluded);
	return true;
}

bool networks_has(const struct networks *nets, const struct ip *ip)
{
	if (ip_is_loopback(ip))
		return true;
	for (size_t i = 0; i < nets->n; i++)
		if (cidr_has(&nets->v[i].cidr, ip))
			return !nets->v[i].is_excluded;
	return false;
}
