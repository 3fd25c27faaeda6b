/* What libarchive does not say of RAR 5: whether a password is needed. Reads headers only. */
#include <string.h>

#include "scanner/content/content.h"

enum { BLOCKS_MAX = 100000, EXTRA = 1, DATA = 2, BLOCK_FILE = 2, BLOCK_SERVICE = 3, BLOCK_CRYPT = 4, RECORD_CRYPT = 1 };

/* Seven bits an octet, the low ones first. */
static bool take_number(struct str *s, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < 10 && s->n; i++) {
		unsigned char c = (unsigned char)s->p[0];

		*s = str_from(*s, 1);
		*ret |= (uint64_t)(c & 127) << (7 * i);
		if (!(c & 128))
			return true;
	}
	return false;
}

static bool has_crypt_record(struct str extra)
{
	uint64_t size, type;

	while (take_number(&extra, &size) && size) {
		struct str record = str_sub(extra, 0, size);

		if (take_number(&record, &type) && type == RECORD_CRYPT)
			return true;
		extra = str_from(extra, size);
	}
	return false;
}

bool rar5_is_encrypted(struct str s)
{
	if (!str_starts(s, (struct str){"Rar!\x1a\x07\x01\x00", 8}))
		return false;
	s = str_from(s, 8);
	for (unsigned i = 0; i < BLOCKS_MAX; i++) {
		uint64_t size, type, flags, extra = 0, data = 0;
		struct str head;

		s = str_from(s, 4); /* its checksum */
		if (!take_number(&s, &size) || size == 0)
			return false;
		head = str_sub(s, 0, size);
		s = str_from(s, head.n);
		if (!take_number(&head, &type) || !take_number(&head, &flags) || (flags & EXTRA && !take_number(&head, &extra)) ||
		    (flags & DATA && !take_number(&head, &data)))
			return false;
		if (type == BLOCK_CRYPT)
			return true;
		if ((type == BLOCK_FILE || type == BLOCK_SERVICE) && extra <= head.n && has_crypt_record(str_from(head, head.n - extra)))
			return true;
		s = str_from(s, data);
	}
	return false;
}
