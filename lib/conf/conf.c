/*
 * Configuration loads: the list of errors and near-name hints. Texts are parsed in conf_parse.c,
 * values are read in conf_value.c, blocks fill structs in conf_apply.c.
 */
#include "lib/conf/conf.h"

#include <stdarg.h>
#include <stdio.h>

enum { ERROR_TEXT_MAX = 600, NEAR_MAX = 48, PART_MIN = 4, WORD_MIN = 3, SHOWN_MAX = 60 };

void conf_load_init(struct conf_load *load, struct arena *a)
{
	*load = (struct conf_load){.arena = a};
	load->last = &load->first;
}

/* What came from a file may hold anything: messages are one line of printable text. */
static struct str clean(struct str text)
{
	char *p = (char *)text.p;

	if (text.n > ERROR_TEXT_MAX)
		text.n = ERROR_TEXT_MAX;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			p[i] = '?';
	return text;
}

static void __attribute__((format(printf, 4, 0)))
add(struct conf_load *load, enum conf_severity severity, struct conf_place place, const char *format, va_list args)
{
	size_t *count = severity == CONF_ERROR ? &load->errors : &load->warnings;
	struct conf_error *e;

	if (++*count > CONF_ERRORS_MAX)
		return;
	e = arena_alloc(load->arena, sizeof *e);
	e->severity = severity;
	e->place = place;
	e->text = clean(arena_vprintf(load->arena, format, args));
	*load->last = e;
	load->last = &e->next;
}

void conf_error(struct conf_load *load, struct conf_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(load, CONF_ERROR, place, format, args);
	va_end(args);
}

void conf_warning(struct conf_load *load, struct conf_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(load, CONF_WARNING, place, format, args);
	va_end(args);
}

static void print_rest(struct buf *out, size_t count, const char *what)
{
	if (count > CONF_ERRORS_MAX)
		buf_addf(out, "and %zu more %s\n", count - CONF_ERRORS_MAX, what);
}

void conf_errors_print(const struct conf_load *load, struct buf *out)
{
	for (const struct conf_error *e = load->first; e; e = e->next) {
		if (e->place.file)
			buf_addf(out, "%s:", e->place.file);
		if (e->place.file && e->place.line)
			buf_addf(out, "%u:%u:", e->place.line, e->place.column);
		buf_addf(out, "%s%s: %.*s\n", e->place.file ? " " : "",
		    e->severity == CONF_ERROR ? "error" : "warning", STR_ARG(e->text));
	}
	print_rest(out, load->errors, "errors");
	print_rest(out, load->warnings, "warnings");
}

void conf_errors_tell(const struct conf_load *load)
{
	struct buf out = {0};

	conf_errors_print(load, &out);
	if (out.n)
		fwrite(out.p, 1, out.n, stderr);
	buf_free(&out);
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static bool is_swap(struct str a, struct str b, size_t i, size_t j)
{
	return i > 1 && j > 1 && to_lower(a.p[i - 1]) == to_lower(b.p[j - 2]) &&
	       to_lower(a.p[i - 2]) == to_lower(b.p[j - 1]);
}

/* Edit distance where two swapped neighbours count as one (optimal string alignment). */
static size_t distance(struct str a, struct str b)
{
	size_t rows[3][NEAR_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b.n; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = to_lower(a.p[i - 1]) != to_lower(b.p[j - 1]);
			now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
			if (is_swap(a, b, i, j) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		size_t *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[b.n];
}

/* "message" in "message-size": whole parts between hyphens. */
static bool is_part(struct str part, struct str whole)
{
	for (struct str rest = whole; rest.n >= part.n && part.n;) {
		ptrdiff_t hyphen = str_chr(rest, '-');

		if (str_istarts(rest, part) && (rest.n == part.n || rest.p[part.n] == '-'))
			return true;
		if (hyphen < 0)
			return false;
		rest = str_from(rest, (size_t)hyphen + 1);
	}
	return false;
}

/* A word that says too much or too little: the longest name that is in it, else the shortest that it is in. */
static const char *near_by_parts(struct str word, const char *const *names, size_t n)
{
	struct str in = {0}, around = {0};

	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(names[i]);

		if (name.n > in.n && name.n >= PART_MIN && is_part(name, word))
			in = name;
		if ((!around.n || name.n < around.n) && word.n >= WORD_MIN && is_part(word, name))
			around = name;
	}
	return in.n ? in.p : around.n ? around.p : NULL;
}

static const char *near_by_letters(struct str word, const char *const *names, size_t n)
{
	size_t limit = word.n <= 3 ? 1 : word.n < 9 ? 2 : word.n / 3;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(names[i]);
		size_t d;

		if (name.n > NEAR_MAX || name.n > word.n + limit || word.n > name.n + limit)
			continue;
		d = distance(word, name);
		if (d < name.n && (d < limit || (d == limit && !best))) {
			best = names[i];
			limit = d;
		}
	}
	return best;
}

const char *conf_near(struct str word, const char *const *names, size_t n)
{
	const char *near;

	if (word.n == 0 || word.n > NEAR_MAX)
		return NULL;
	near = near_by_letters(word, names, n);
	return near ? near : near_by_parts(word, names, n);
}

const char *conf_names_text(struct arena *a, const char *const *names, size_t n)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", names[i]);
	return buf_take(&b, a).p;
}

const char *conf_token_show(struct arena *a, const struct conf_token *t)
{
	struct str text = str_sub(t->text, 0, SHOWN_MAX);
	const char *dots = t->text.n > SHOWN_MAX ? "..." : "";

	if (t->kind == TOKEN_STRING)
		return arena_printf(a, "string \"%.*s%s\"", STR_ARG(text), dots).p;
	return arena_printf(a, "'%.*s%s'", STR_ARG(text), dots).p;
}

bool conf_is_word(const struct conf_token *t, const char *word)
{
	return t->kind == TOKEN_WORD && str_is(t->text, word);
}
