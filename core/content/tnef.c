/*
 * Reads the attribute stream of TNEF. An attachment starts with its rendering data; title, data and
 * a list of MAPI properties (with the long name) follow in any order.
 */
#include "core/content/tnef.h"

#include "core/text/charset.h"
#include "core/content/mime.h"

enum {
	SIGNATURE = 0x223e9f78,
	LEVEL_MESSAGE = 1,
	LEVEL_ATTACHMENT = 2,
	ATTACH_REND_DATA = 0x9002,
	ATTACH_TITLE = 0x8010,
	ATTACH_DATA = 0x800f,
	ATTACH_PROPERTIES = 0x9005,
	PROPERTIES_MAX = 1000,
	VALUES_MAX = 1000,
};

enum { /* MAPI property ids and types that matter here */
	ID_DATA = 0x3701,
	ID_NAME = 0x3704,
	ID_LONG_NAME = 0x3707,
	ID_NAMED = 0x8000,
	TYPE_SHORT = 0x02,
	TYPE_OBJECT = 0x0d,
	TYPE_STRING = 0x1e,
	TYPE_UNICODE = 0x1f,
	TYPE_CLSID = 0x48,
	TYPE_BINARY = 0x102,
	TYPE_MANY = 0x1000,
};

struct reader {
	struct str rest;
	bool is_short; /* asked for more than there was */
};

static uint32_t take_number(struct reader *r, size_t octets)
{
	uint32_t value = 0;

	if (r->rest.n < octets) {
		r->is_short = true;
		r->rest = STR_NONE;
		return 0;
	}
	for (size_t i = octets; i-- > 0;)
		value = value << 8 | (unsigned char)r->rest.p[i];
	r->rest = str_from(r->rest, octets);
	return value;
}

static struct str take_octets(struct reader *r, size_t n)
{
	struct str octets = str_sub(r->rest, 0, n);

	r->is_short |= octets.n < n;
	r->rest = str_from(r->rest, octets.n);
	return octets;
}

static void skip_padding(struct reader *r, size_t n)
{
	r->rest = str_from(r->rest, (4 - n % 4) % 4);
}

/* Text ends at its first NUL. */
static struct str text_of(struct arena *a, struct str octets, bool is_unicode)
{
	bool is_bad;
	ptrdiff_t end;
	struct str text;

	text = is_unicode ? charset_to_utf8(a, STR("utf-16le"), octets, &is_bad) : charset_guess(a, octets);
	end = str_chr(text, '\0');
	return end < 0 ? text : str_sub(text, 0, (size_t)end);
}

static size_t fixed_size(uint32_t type)
{
	static const struct {
		uint32_t type;
		size_t size;
	} sizes[] = {
	    {TYPE_SHORT, 4}, {0x03, 4}, {0x04, 4}, {0x05, 8}, {0x06, 8}, {0x07, 8}, {0x0a, 4}, {0x0b, 4},
	    {0x14, 8}, {0x40, 8}, {TYPE_CLSID, 16},
	};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (sizes[i].type == type)
			return sizes[i].size;
	return 0;
}

/* A property beyond the fixed ids has a GUID and a number or a name. */
static void skip_name(struct reader *r)
{
	take_octets(r, 16);
	if (take_number(r, 4) == 0) {
		take_number(r, 4);
	} else {
		size_t n = take_number(r, 4);
		take_octets(r, n);
		skip_padding(r, n);
	}
}

static void take_value(struct arena *a, struct tnef_file *file, uint32_t id, uint32_t type, struct str value)
{
	bool is_text = type == TYPE_STRING || type == TYPE_UNICODE;

	if (id == ID_LONG_NAME && is_text)
		file->name = text_of(a, value, type == TYPE_UNICODE);
	else if (id == ID_NAME && is_text && !file->name.n)
		file->name = text_of(a, value, type == TYPE_UNICODE);
	if (id == ID_DATA && !file->data.n) {
		file->is_object = type == TYPE_OBJECT;
		/* An object starts with the GUID of its interface. */
		file->data = str_from(value, file->is_object ? 16 : 0);
	}
}

static bool is_sized(uint32_t type)
{
	return type == TYPE_OBJECT || type == TYPE_STRING || type == TYPE_UNICODE || type == TYPE_BINARY;
}

static void take_property(struct arena *a, struct reader *r, struct tnef_file *file)
{
	uint32_t type = take_number(r, 2), id = take_number(r, 2), values = 1;
	size_t size;

	if (id >= ID_NAMED)
		skip_name(r);
	if (type & TYPE_MANY || is_sized(type))
		values = take_number(r, 4);
	type &= ~(uint32_t)TYPE_MANY;
	size = fixed_size(type);
	if (values > VALUES_MAX || (!size && !is_sized(type)))
		r->is_short = true;
	for (uint32_t i = 0; i < values && !r->is_short; i++) {
		size_t n = size ? size : take_number(r, 4);
		struct str value = take_octets(r, n);

		skip_padding(r, n);
		if (!r->is_short)
			take_value(a, file, id, type, value);
	}
}

static bool take_properties(struct arena *a, struct tnef_file *file, struct str in)
{
	struct reader r = {.rest = in};
	uint32_t count = take_number(&r, 4);

	for (uint32_t i = 0; i < count && i < PROPERTIES_MAX && !r.is_short; i++)
		take_property(a, &r, file);
	return !r.is_short;
}

static bool take_attribute(struct arena *a, struct tnef_file *file, uint32_t id, struct str data)
{
	if (id == ATTACH_TITLE && !file->name.n)
		file->name = text_of(a, data, false);
	else if (id == ATTACH_DATA)
		file->data = data;
	else if (id == ATTACH_PROPERTIES)
		return take_properties(a, file, data);
	return true;
}

size_t tnef_list(struct arena *a, struct str in, struct tnef_file *out, size_t room, bool *ret_is_whole)
{
	struct reader r = {.rest = in};
	size_t n = 0;

	*ret_is_whole = take_number(&r, 4) == SIGNATURE;
	take_number(&r, 2);
	while (*ret_is_whole && r.rest.n) {
		uint32_t level = take_number(&r, 1), id = take_number(&r, 2);
		struct str data;

		take_number(&r, 2);
		data = take_octets(&r, take_number(&r, 4));
		take_number(&r, 2); /* a sum of the octets: programs ignore it */
		if (level == LEVEL_ATTACHMENT && id == ATTACH_REND_DATA) {
			if (n == room)
				break;
			out[n++] = (struct tnef_file){.name = STR("")};
		} else if (level == LEVEL_ATTACHMENT && n) {
			*ret_is_whole &= take_attribute(a, &out[n - 1], id, data);
		}
		*ret_is_whole &= !r.is_short && (level == LEVEL_MESSAGE || level == LEVEL_ATTACHMENT);
	}
	return n;
}
