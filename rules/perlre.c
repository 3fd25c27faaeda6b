/*
 * Splits /pattern/flags and mends the few places where PCRE2 is stricter than Perl. One pass each,
 * linear; called by the rule compiler and by lint.
 */
#include "rules/perlre.h"

#include "lib/regex.h"

static const struct {
	char letter;
	unsigned flag;
} flag_letters[] = {
    {'i', REGEX_CASELESS},
    {'m', REGEX_MULTILINE},
    {'s', REGEX_DOTALL},
    {'x', REGEX_EXTENDED},
    {'n', REGEX_NO_CAPTURE},
    /* No meaning here: keeping copies, ASCII or locale classes. g, o and c belong to an operator, not to a pattern. */
    {'p', 0},
    {'a', 0},
    {'u', 0},
    {'l', 0},
    {'d', 0},
};

static char closing(char open)
{
	static const char pairs[] = "{}()<>[]";
	const char *at = open ? strchr(pairs, open) : NULL;

	return at && (at - pairs) % 2 == 0 ? at[1] : open;
}

static bool read_flags(struct str text, unsigned *ret_flags)
{
	*ret_flags = 0;
	for (size_t i = 0; i < text.n; i++) {
		size_t k = 0, n = sizeof flag_letters / sizeof *flag_letters;
		while (k < n && flag_letters[k].letter != text.p[i])
			k++;
		if (k == n)
			return false;
		*ret_flags |= flag_letters[k].flag;
	}
	return true;
}

/* Whether the delimiter stands in the body without a backslash. */
static bool has_bare(struct str body, char delimiter)
{
	for (size_t i = 0; i < body.n; i++) {
		if (body.p[i] == '\\')
			i++;
		else if (body.p[i] == delimiter)
			return true;
	}
	return false;
}

const char *perlre_split(struct str written, struct perlre *ret_re)
{
	struct str s = written;
	char open, close;
	ptrdiff_t end;

	if (str_starts(s, STR("qr")) && s.n > 2 && s.p[2] != '/')
		s = str_from(s, 2);
	else if (s.n > 1 && s.p[0] == 'm' && !is_alnum(s.p[1]))
		s = str_from(s, 1);
	if (s.n < 2 || is_alnum(s.p[0]) || is_space(s.p[0]) || s.p[0] == '\\' || s.p[0] == '_')
		return "a pattern in delimiters was expected: /.../ or m{...}";
	open = s.p[0];
	close = closing(open);
	end = str_rchr(s, close);
	if (end <= 0)
		return "the closing delimiter is missing";
	ret_re->body = str_sub(s, 1, (size_t)end - 1);
	if (!read_flags(str_from(s, (size_t)end + 1), &ret_re->flags))
		return "unknown flag behind the pattern";
	if (close == open && has_bare(ret_re->body, open))
		return "the delimiter stands in the pattern without a backslash";
	return NULL;
}

/*
 * Escapes of a letter that a pattern knows. Perl warns of any other, which SpamAssassin takes for an
 * error; \Q, \E and the like belong to strings, and a rule's pattern is none.
 */
static bool is_known_escape(char c)
{
	return strchr("abBcdDefgGhHkKnNopPrRsStvVwWxXzZA", c) != NULL;
}

/* Highest code point of a \x{...} at text, or 0. */
static unsigned long braced_hex(struct str text)
{
	unsigned long value = 0;

	if (text.n < 2 || text.p[0] != 'x' || text.p[1] != '{')
		return 0;
	for (size_t i = 2; i < text.n && hex_value(text.p[i]) >= 0 && value < 0x110000; i++)
		value = value * 16 + (unsigned long)hex_value(text.p[i]);
	return value;
}

/*
 * Perl folds the letters of Latin-1 under /i, PCRE2 in octet mode only those of ASCII. The other
 * case of c, or 0.
 */
static unsigned char other_case(unsigned c)
{
	if (c >= 0xc0 && c <= 0xde && c != 0xd7)
		return (unsigned char)(c + 0x20);
	if (c >= 0xe0 && c <= 0xfe && c != 0xf7)
		return (unsigned char)(c - 0x20);
	return 0;
}

struct mender {
	struct str in;
	size_t at;
	struct buf out;
	unsigned flags;
	bool folds; /* Latin-1 letters are to be folded */
	bool in_class;
	bool after_class;    /* in a class: \w or the like was the last member */
	unsigned range_from; /* in a class: the octet before a "-", or 0 */
};

/* An octet as a high literal or \xHH at the reader: its value and length; 0 when it is neither. */
static size_t high_octet(struct str rest, unsigned *ret_octet)
{
	if (rest.n && (unsigned char)rest.p[0] >= 0x80) {
		*ret_octet = (unsigned char)rest.p[0];
		return 1;
	}
	if (rest.n >= 4 && rest.p[0] == '\\' && rest.p[1] == 'x' && hex_value(rest.p[2]) >= 8 &&
	    hex_value(rest.p[3]) >= 0) {
		*ret_octet = (unsigned)(hex_value(rest.p[2]) * 16 + hex_value(rest.p[3]));
		return 4;
	}
	return 0;
}

static void add_hex(struct buf *out, unsigned octet)
{
	static const char digits[] = "0123456789abcdef";
	const char text[] = {'\\', 'x', digits[octet >> 4 & 15], digits[octet & 15]};

	buf_add(out, (struct str){text, sizeof text});
}

/* A range in a class: the other cases of what lies inside. */
static void fold_range(struct mender *m, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to && c < 256; c++) {
		unsigned char other = other_case(c);
		if (other && (other < from || other > to))
			add_hex(&m->out, other);
	}
}

static bool mend_high(struct mender *m)
{
	struct str rest = str_from(m->in, m->at);
	unsigned octet;
	size_t n = high_octet(rest, &octet);
	unsigned char other;

	if (n == 0 || !m->folds)
		return false;
	other = other_case(octet);
	m->at += n;
	if (!m->in_class) {
		buf_adds(&m->out, other ? "[" : "");
		add_hex(&m->out, octet);
		if (other)
			add_hex(&m->out, other);
		buf_adds(&m->out, other ? "]" : "");
	} else if (m->range_from) {
		add_hex(&m->out, octet);
		fold_range(m, m->range_from, octet);
		m->range_from = 0;
	} else {
		add_hex(&m->out, octet);
		rest = str_from(m->in, m->at);
		if (rest.n > 1 && rest.p[0] == '-' && rest.p[1] != ']') {
			buf_addc(&m->out, '-');
			m->at++;
			m->range_from = octet;
		} else {
			fold_range(m, octet, octet);
		}
	}
	return true;
}

/* A quantifier behind $ or ^ is allowed in Perl. */
static bool mend_assertion(struct mender *m)
{
	char c = m->in.p[m->at], next = m->at + 1 < m->in.n ? m->in.p[m->at + 1] : '\0';

	if (m->in_class || (c != '$' && c != '^') || !(next == '?' || next == '*' || next == '+'))
		return false;
	buf_addf(&m->out, "(?:%c)", c);
	m->at++;
	return true;
}

static bool is_class_letter(char c)
{
	return c && strchr("wdshvWDSHVpP", c) != NULL;
}

/* In a class, a hyphen beside \w and its like is a hyphen: PCRE2 takes it for a broken range. */
static bool mend_hyphen(struct mender *m)
{
	struct str rest = str_from(m->in, m->at);

	if (!m->in_class || rest.n < 2 || rest.p[0] != '-' || rest.p[1] == ']')
		return false;
	if (!m->after_class && !(rest.n > 2 && rest.p[1] == '\\' && is_class_letter(rest.p[2])))
		return false;
	buf_adds(&m->out, "\\-");
	m->at++;
	m->after_class = false;
	return true;
}

/* "\N{U+" at the reader is "\x{": PCRE2 has it in UTF mode only. */
static bool is_code_point(struct str rest)
{
	return str_starts(rest, STR("\\N{U+"));
}

static void mend_code_point(struct mender *m)
{
	struct str digits = str_from(m->in, m->at + 5);
	ptrdiff_t end = str_chr(digits, '}');
	struct str written = STR("\\x{");
	struct buf text = {0};

	buf_add(&text, str_from(written, 1));
	buf_add(&text, str_sub(digits, 0, end < 0 ? digits.n : (size_t)end + 1));
	if (braced_hex(buf_str(&text)) > 0xff) {
		m->flags |= REGEX_UTF;
		m->folds = false;
	}
	buf_addc(&m->out, '\\');
	buf_add(&m->out, buf_str(&text));
	m->at += 5 + (end < 0 ? digits.n : (size_t)end + 1);
	buf_free(&text);
}

/* "{,3}" is "{0,3}", and blanks may stand in it, since Perl 5.34; for PCRE2 such braces are letters. */
static bool mend_quantifier(struct mender *m)
{
	struct str rest = str_sub(m->in, m->at, PERLRE_QUANTIFIER_MAX), from, to;
	ptrdiff_t end;

	if (m->in_class || rest.n == 0 || rest.p[0] != '{' || (end = str_chr(rest, '}')) < 0)
		return false;
	rest = str_sub(rest, 1, (size_t)end - 1);
	str_split(&rest, ',', &from);
	from = str_trim(from);
	to = str_trim(rest);
	if (from.n + to.n == 0 || !str_is_digits(from) || !str_is_digits(to))
		return false;
	buf_addf(&m->out, "{%.*s%s%.*s}", STR_ARG(from.n ? from : STR("0")), rest.p ? "," : "", STR_ARG(to));
	m->at += (size_t)end + 1;
	return true;
}

static void mend_escape(struct mender *m)
{
	char next = m->in.p[m->at + 1];

	m->after_class = m->in_class && is_class_letter(next);

	if (braced_hex(str_from(m->in, m->at + 1)) > 0xff) {
		m->flags |= REGEX_UTF;
		m->folds = false;
	}
	buf_addc(&m->out, '\\');
	buf_addc(&m->out, next);
	m->at += 2;
}

/* Keeps track of [ ]: a ] that comes first is a member. */
static void mend_plain(struct mender *m)
{
	char c = m->in.p[m->at++];

	buf_addc(&m->out, c);
	m->range_from = 0;
	m->after_class = false;
	if (c == ']') {
		m->in_class = false;
	} else if (c == '[' && !m->in_class) {
		m->in_class = true;
		if (m->at < m->in.n && m->in.p[m->at] == '^')
			buf_addc(&m->out, m->in.p[m->at++]);
		if (m->at < m->in.n && m->in.p[m->at] == ']')
			buf_addc(&m->out, m->in.p[m->at++]);
	} else if (c == '[') {
		/* "[:alpha:]" inside a class: its bracket does not end the class. */
		ptrdiff_t end = str_find(str_from(m->in, m->at), STR(":]"));
		if (m->at < m->in.n && m->in.p[m->at] == ':' && end > 0) {
			buf_add(&m->out, str_sub(m->in, m->at, (size_t)end + 2));
			m->at += (size_t)end + 2;
		}
	}
}

/* Copies what no mending looks at. */
static void copy_ordinary(struct mender *m)
{
	static const bool is_looked_at[0x80] = {['\\'] = true, ['['] = true, [']'] = true, ['('] = true, ['$'] = true,
	    ['^'] = true, ['-'] = true, ['{'] = true};
	struct str rest = str_from(m->in, m->at);
	size_t n = 0;

	while (n < rest.n && (unsigned char)rest.p[n] < 0x80 && !is_looked_at[(unsigned char)rest.p[n]])
		n++;
	if (n == 0)
		return;
	buf_add(&m->out, str_sub(rest, 0, n));
	m->at += n;
	m->range_from = 0;
	m->after_class = false;
}

const char *perlre_translate(struct arena *a, struct perlre *re, struct str *ret_pattern)
{
	struct mender m = {.in = re->body, .flags = re->flags};

	m.folds = re->flags & REGEX_CASELESS && !(re->flags & REGEX_UTF);
	while (m.at < m.in.n) {
		struct str rest;
		copy_ordinary(&m);
		rest = str_from(m.in, m.at);
		if (!rest.n)
			break;
		if (str_starts(rest, STR("(?{")) || str_starts(rest, STR("(??{")) ||
		    str_starts(rest, STR("(?p{"))) {
			buf_free(&m.out);
			return "Perl code in a pattern is not run here";
		}
		if (mend_high(&m) || mend_assertion(&m) || mend_hyphen(&m) || mend_quantifier(&m))
			continue;
		if (rest.p[0] == '\\' && rest.n > 1 && is_alpha(rest.p[1]) && !is_known_escape(rest.p[1])) {
			buf_free(&m.out);
			return arena_printf(a, "\\%c means nothing in a pattern", rest.p[1]).p;
		}
		if (is_code_point(rest))
			mend_code_point(&m);
		else if (rest.p[0] == '\\' && rest.n > 1)
			mend_escape(&m);
		else
			mend_plain(&m);
	}
	re->flags = m.flags;
	*ret_pattern = buf_take(&m.out, a);
	return NULL;
}
