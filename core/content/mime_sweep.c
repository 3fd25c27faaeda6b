/*
 * The scan over body octets: finds lines that begin with "--" and notes NUL, lone CR, lone LF and
 * long lines in the same pass, 16 octets at a time. Most blocks hold nothing of interest.
 */
#include "core/content/mime_private.h"
#include "lib/block.h"

enum { LINE_MAX_OCTETS = 998 };

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
	block seen_crlf = {0}, seen_lf = {0};

	while (s->at + BLOCK + 2 <= s->text.n) {
		block here = block_load(p + s->at), next, before, third, is_lf, is_cr, odd;

		/* Most blocks have none of NUL, CR and LF. */
		if (!block_any((block)(here <= block_of('\r')))) {
			s->at += BLOCK;
			continue;
		}
		before = block_load(p + s->at - 1);
		next = block_load(p + s->at + 1);
		third = block_load(p + s->at + 2);
		is_lf = block_is(here, '\n');
		is_cr = block_is(here, '\r');
		odd = block_is(here, '\0') | (is_cr & ~block_is(next, '\n')) |
		    (is_lf & ((block_is(next, '-') & block_is(third, '-')) | (block_is(next, 'b') & block_is(third, 'e'))));
		if (block_any(odd))
			break;
		if (block_any(is_lf)) {
			unsigned ends = block_bits(is_lf);
			size_t first = s->at + (size_t)__builtin_ctz(ends), last = s->at + 31 - (size_t)__builtin_clz(ends);

			seen_crlf |= is_lf & block_is(before, '\r');
			seen_lf |= is_lf & ~block_is(before, '\r');
			if (last - s->line_start > LINE_MAX_OCTETS)
				end_line(s, first - (p[first - 1] == '\r'), first + 1);
			s->line_start = last + 1;
		}
		s->at += BLOCK;
	}
	s->has_crlf |= block_any(seen_crlf);
	s->has_lf |= block_any(seen_lf);
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
