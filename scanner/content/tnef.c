/* TNEF, the winmail.dat of Outlook: a list of attributes, of which a few make up an attachment. */
#include <string.h>

#include "scanner/content/content.h"

enum {
	ATTRIBUTES_MAX = 20000, ATTACHMENT_BEGINS = 0x9002, ATTACHMENT_TITLE = 0x8010, ATTACHMENT_DATA = 0x800f,
	ATTACHMENT_PROPERTIES = 0x9005, NAME_ROOM = 255
};

struct attachment {
	struct str title, long_name, data;
};

static struct str ended(struct str s)
{
	ptrdiff_t end = str_chr(s, '\0');

	return str_sub(s, 0, end < 0 ? s.n : (size_t)end);
}

/* The long name among the properties: how many values, length, octets. */
static struct str long_name(struct str properties)
{
	ptrdiff_t at = str_find(properties, (struct str){"\x1e\0\x07\x37", 4});

	return at < 0 ? STR_NONE : ended(str_sub(properties, (size_t)at + 12, content_u32(properties, (size_t)at + 8)));
}

static uint32_t tell(struct content_job *job, struct attachment *a, unsigned depth)
{
	struct str name = a->long_name.n ? a->long_name : a->title;
	uint32_t flags = a->data.n || name.n ? content_embedded(job, str_sub(name, 0, NAME_ROOM), a->data, depth) : 0;

	*a = (struct attachment){.title = STR_NONE};
	return flags;
}

uint32_t tnef_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct attachment a = {.title = STR_NONE};
	uint32_t flags = 0;

	s = str_from(s, 6);
	for (unsigned i = 0; s.n >= 11 && i < ATTRIBUTES_MAX && !content_is_over(job); i++) {
		unsigned id = content_u16(s, 1);
		uint32_t n = content_u32(s, 5);
		struct str body = str_sub(s, 9, n);

		if (body.n < n)
			flags |= WIRE_F_BROKEN;
		if (id == ATTACHMENT_BEGINS)
			flags |= tell(job, &a, depth);
		else if (id == ATTACHMENT_TITLE)
			a.title = ended(body);
		else if (id == ATTACHMENT_DATA)
			a.data = body;
		else if (id == ATTACHMENT_PROPERTIES)
			a.long_name = long_name(body);
		s = str_from(s, 9 + (size_t)n + 2);
	}
	return flags | tell(job, &a, depth);
}
