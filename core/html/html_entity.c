/* Character references of HTML: &name; &#123; &#xab;, with and without semicolon as browsers take them. */
#include "core/text/charset.h"
#include "core/html/html_private.h"
#include "core/html/html_tables.h"

enum { ENTITIES = sizeof html_entities / sizeof *html_entities, NAME_LONGEST = 32 };

static const struct html_entity *find(struct str name)
{
	size_t low = 0, high = ENTITIES;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_cmp(name, str_of(html_entities[middle].name));
		if (order == 0)
			return &html_entities[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void add_character(struct buf *out, uint32_t c)
{
	char *text = buf_reserve(out, 4);

	if (c >= 0x80 && c < 0xa0) /* browsers read the C1 range as Windows-1252 */
		c = windows_1252_character((unsigned char)c);
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	out->n += utf8_put(text, c);
}

/* in begins with "&#". Octets used, 0 when it is no reference. */
static size_t read_number(struct str in, uint32_t *ret_c)
{
	size_t i = 2, digits = 0;
	bool is_hex = in.n > 2 && to_lower((unsigned char)in.p[2]) == 'x';
	uint32_t c = 0;

	for (i += is_hex; i < in.n; i++, digits++) {
		int v = is_hex ? hex_value((unsigned char)in.p[i]) : is_digit(in.p[i]) ? in.p[i] - '0' : -1;
		if (v < 0)
			break;
		c = c > 0x110000 ? c : c * (is_hex ? 16 : 10) + (uint32_t)v;
	}
	if (!digits)
		return 0;
	*ret_c = c;
	return i + (i < in.n && in.p[i] == ';');
}

/* Two halves of a surrogate pair, as some programs write them, are one character. */
static size_t numeric(struct str in, struct buf *out)
{
	uint32_t c, low;
	size_t n = read_number(in, &c), more = 0;

	if (!n)
		return 0;
	if (c >= 0xd800 && c < 0xdc00 && str_starts(str_from(in, n), STR("&#")))
		more = read_number(str_from(in, n), &low);
	if (more && low >= 0xdc00 && low < 0xe000)
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	else
		more = 0;
	add_character(out, c);
	return n + more;
}

/* in begins with "&" and a letter. The longest lax name wins when there is no semicolon. */
static size_t named(struct str in, struct buf *out)
{
	const struct html_entity *e;
	size_t n = 1;

	while (n < in.n && n <= NAME_LONGEST && is_alnum((unsigned char)in.p[n]))
		n++;
	if (n < in.n && in.p[n] == ';') {
		e = find(str_sub(in, 1, n - 1));
		if (e && str_is(str_sub(in, 1, n - 1), "nbsp")) {
			buf_addc(out, ' ');
			return n + 1;
		}
		if (e) {
			buf_adds(out, e->text);
			return n + 1;
		}
	}
	for (; n > 2; n--) {
		e = find(str_sub(in, 1, n - 1));
		if (e && e->is_lax) {
			buf_adds(out, e->text);
			return n;
		}
	}
	return 0;
}

struct str html_unescape(struct arena *a, struct str in)
{
	struct buf out = {0};
	ptrdiff_t at = str_chr(in, '&');

	if (at < 0)
		return in;
	while (at >= 0) {
		size_t used = 0;

		buf_add(&out, str_sub(in, 0, (size_t)at));
		in = str_from(in, (size_t)at);
		if (in.n > 2 && in.p[1] == '#')
			used = numeric(in, &out);
		else if (in.n > 1 && is_alpha((unsigned char)in.p[1]))
			used = named(in, &out);
		if (!used) {
			buf_addc(&out, '&');
			used = 1;
		}
		in = str_from(in, used);
		at = str_chr(in, '&');
	}
	buf_add(&out, in);
	return buf_take(&out, a);
}
