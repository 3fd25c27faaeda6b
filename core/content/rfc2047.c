/*
 * Encoded words of RFC 2047 in header values. Lenient as mail programs are: words inside quotes,
 * without blanks around them, with blanks or (Q only) ? in them. Linear: the next "?=" is looked for once.
 */
#include "core/text/charset.h"
#include "core/content/decode.h"
#include "core/header.h"
#include "core/content/mime.h"

enum { CHARSET_NAME_MAX = 64 };

struct word {
	struct str charset, text;
	bool is_base64;
	size_t end; /* behind the word */
};

struct decoder {
	struct arena *arena;
	struct str in;
	struct buf out;
	struct buf octets; /* of the words in hand: characters may be cut between words */
	struct str charset;
	size_t next_end; /* a "?=" at or behind the place that was asked last */
	bool has_word;
};

/* The first "?=" at or behind `from`; SIZE_MAX when there is none. */
static size_t word_end(struct decoder *d, size_t from)
{
	if (d->next_end < from) {
		ptrdiff_t at = str_find(str_from(d->in, from), STR("?="));
		d->next_end = at < 0 ? SIZE_MAX : from + (size_t)at;
	}
	return d->next_end;
}

/* `at` stands on "=?". */
static bool word_at(struct decoder *d, size_t at, struct word *ret_word)
{
	struct str rest = str_sub(d->in, at + 2, CHARSET_NAME_MAX);
	ptrdiff_t n = str_chr(rest, '?');
	size_t text;
	int encoding;

	if (n <= 0)
		return false;
	text = at + 2 + (size_t)n + 3;
	if (text > d->in.n || d->in.p[text - 1] != '?')
		return false;
	encoding = to_lower((unsigned char)d->in.p[text - 2]);
	if ((encoding != 'b' && encoding != 'q') || word_end(d, text) == SIZE_MAX)
		return false;
	ret_word->charset = str_sub(rest, 0, (size_t)n);
	n = str_chr(ret_word->charset, '*');
	if (n >= 0)
		ret_word->charset.n = (size_t)n;
	ret_word->is_base64 = encoding == 'b';
	ret_word->text = str_range(d->in.p + text, d->in.p + word_end(d, text));
	ret_word->end = word_end(d, text) + 2;
	/* Base64 has no ?: a word that was cut short must not swallow the next one. */
	return !ret_word->is_base64 || str_chr(ret_word->text, '?') < 0;
}

static void q_decode(struct buf *out, struct str in)
{
	char *to = buf_reserve(out, in.n + 1);

	for (size_t i = 0; i < in.n; i++) {
		int high = in.p[i] == '=' && i + 2 < in.n ? hex_value((unsigned char)in.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_value((unsigned char)in.p[i + 2]);
		if (low >= 0) {
			*to++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*to++ = in.p[i] == '_' ? ' ' : in.p[i];
		}
	}
	out->n = (size_t)(to - out->p);
}

static void flush_octets(struct decoder *d)
{
	bool is_bad;

	if (d->octets.n)
		buf_add(&d->out, charset_to_utf8(d->arena, d->charset,
		    arena_str(d->arena, buf_str(&d->octets)), &is_bad));
	d->octets.n = 0;
}

static void add_word(struct decoder *d, const struct word *w)
{
	uint32_t ignored = 0;

	if (!str_ieq(d->charset, w->charset))
		flush_octets(d);
	d->charset = w->charset;
	if (w->is_base64)
		buf_add(&d->octets, decode_base64(d->arena, w->text, &ignored));
	else
		q_decode(&d->octets, w->text);
	d->has_word = true;
}

static bool is_blank(struct str s)
{
	return str_trim(s).n == 0;
}

/* Text outside of words; blanks between two words do not count. */
static void add_text(struct decoder *d, struct str text, bool before_word)
{
	if (!text.n || (before_word && d->has_word && is_blank(text)))
		return;
	flush_octets(d);
	buf_add(&d->out, charset_guess(d->arena, text));
	d->has_word = false;
}

struct str rfc2047_decode(struct arena *a, struct str in)
{
	struct decoder d = {.arena = a, .in = in};
	size_t plain = 0, at = 0;

	if (str_find(in, STR("=?")) < 0)
		return charset_guess(a, in);
	while (at < in.n) {
		ptrdiff_t n = str_find(str_from(in, at), STR("=?"));
		struct word w;

		if (n < 0)
			break;
		at += (size_t)n;
		if (!word_at(&d, at, &w)) {
			at += 2;
			continue;
		}
		add_text(&d, str_sub(in, plain, at - plain), true);
		add_word(&d, &w);
		plain = at = w.end;
	}
	add_text(&d, str_from(in, plain), false);
	flush_octets(&d);
	buf_free(&d.octets);
	return buf_take(&d.out, a);
}

struct str header_decode(struct arena *a, struct str value)
{
	return rfc2047_decode(a, header_unfold(a, value));
}
