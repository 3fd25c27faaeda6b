/*
 * The scan over body octets: finds lines that begin with "--" and notes NUL, lone CR, lone LF and
 * long lines in the same pass, 16 octets at a time. Most blocks hold nothing of interest.
 */
#include "core/mime-private.h"

enum { BLOCK = 16, LINE_MAX_OCTETS = 998 };

typedef unsigned char block __attribute__((vector_size(BLOCK)));

static block load(const char *p)
{
	block b;

	memcpy(&b, p, BLOCK);
	return b;
}

static bool any(block b)
{
	uint64_t half[2];

	memcpy(half, &b, sizeof half);
	return (half[0] | half[1]) != 0;
}

void sweep_start(struct sweep *s, struct str text, size_t at)
{
	*s = (struct sweep){.text = text, .at = at, .line_start = at, .is_fresh = true};
}

static void end_line(struct sweep *s, size_t end, size_t next)
{
	if (end - s->line_start > LINE_MAX_OCTETS)
		s->has_long_line = true;
	s->line_start = next;
}

static bool is_dashes(struct str text, size_t at)
{
	return at + 2 <= text.n && text.p[at] == '-' && text.p[at + 1] == '-';
}

static void note_begin(struct sweep *s, size_t at)
{
	if (at < s->text.n && s->text.p[at] == 'b')
		s->has_begin |= str_starts(str_from(s->text, at), STR("begin "));
}

/* One octet at s->at; true when a line that begins with "--" starts behind it. */
static bool step(struct sweep *s)
{
	struct str t = s->text;
	size_t i = s->at++;

	if (t.p[i] == '\0') {
		s->has_nul = true;
	} else if (t.p[i] == '\r') {
		if (i + 1 < t.n && t.p[i + 1] == '\n')
			return false;
		s->has_bare_cr = true;
	} else if (t.p[i] == '\n') {
		bool is_crlf = i > 0 && t.p[i - 1] == '\r';
		s->has_crlf |= is_crlf;
		s->has_lf |= !is_crlf;
		end_line(s, i - is_crlf, i + 1);
		note_begin(s, i + 1);
		return is_dashes(t, i + 1);
	}
	return false;
}

/*
 * Blocks in which nothing happens but plain CRLF or LF line ends: the start of the last line is all
 * that must be known of them. Needs one octet before and two behind the block.
 */
static void skip_blocks(struct sweep *s)
{
	const char *p = s->text.p;
	block lf = (block){0} + '\n', cr = (block){0} + '\r', dash = (block){0} + '-', zero = {0};
	block b = (block){0} + 'b', e = (block){0} + 'e';
	block seen_crlf = {0}, seen_lf = {0};

	while (s->at + BLOCK + 2 <= s->text.n) {
		block here = load(p + s->at), next = load(p + s->at + 1), before = load(p + s->at - 1);
		block is_lf = (block)(here == lf), is_cr = (block)(here == cr);
		block third = load(p + s->at + 2);
		block odd = (block)(here == zero) | (is_cr & (block)(next != lf)) |
		    (is_lf & (((block)(next == dash) & (block)(third == dash)) | ((block)(next == b) & (block)(third == e))));

		if (any(odd))
			break;
		if (any(is_lf)) {
			size_t first = s->at, last = s->at + BLOCK - 1;

			seen_crlf |= is_lf & (block)(before == cr);
			seen_lf |= is_lf & (block)(before != cr);
			if (last - s->line_start > LINE_MAX_OCTETS) {
				while (p[first] != '\n')
					first++;
				end_line(s, first - (p[first - 1] == '\r'), first + 1);
			}
			while (p[last] != '\n')
				last--;
			s->line_start = last + 1;
		}
		s->at += BLOCK;
	}
	s->has_crlf |= any(seen_crlf);
	s->has_lf |= any(seen_lf);
}

bool sweep_dashes(struct sweep *s, size_t *ret_line)
{
	if (s->is_fresh) {
		s->is_fresh = false;
		note_begin(s, s->at);
		*ret_line = s->at;
		if (is_dashes(s->text, s->at))
			return true;
	}
	while (s->at < s->text.n) {
		size_t stop;

		if (s->at > 0)
			skip_blocks(s);
		stop = s->at + BLOCK < s->text.n ? s->at + BLOCK : s->text.n;
		while (s->at < stop) {
			if (!step(s))
				continue;
			*ret_line = s->at;
			return true;
		}
	}
	end_line(s, s->text.n, s->text.n);
	return false;
}
