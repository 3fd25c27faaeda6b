/* Dates and message identifiers (RFC 5322 parts 3.3, 3.6.4 and 4.3), read leniently where mail does. */
#include "filters/headers.h"

enum { COMMENT_DEPTH = 16, YEAR_MIN = 1900 };

/* Blanks and comments; false when a comment does not end. */
static bool skip(struct str *s)
{
	int depth = 0;

	while (s->n) {
		char c = s->p[0];
		if (c == '(' && ++depth > COMMENT_DEPTH)
			return false;
		if (c == ')' && --depth < 0)
			return false;
		if (c == '\\' && depth && s->n > 1)
			*s = str_from(*s, 1);
		else if (depth == 0 && c != ')' && !is_space(c))
			break;
		*s = str_from(*s, 1);
	}
	return depth == 0;
}

/* min..max digits; the number of digits is returned, 0 when there are not so many. */
static size_t number(struct str *s, size_t min, size_t max, int *ret_value)
{
	size_t n = 0;
	int value = 0;

	while (n < s->n && n < max && is_digit((unsigned char)s->p[n]))
		value = value * 10 + (s->p[n++] - '0');
	if (n < min || (n < s->n && is_digit((unsigned char)s->p[n])))
		return 0;
	*s = str_from(*s, n);
	*ret_value = value;
	return n;
}

static bool eat(struct str *s, char c)
{
	if (!skip(s) || s->n == 0 || s->p[0] != c)
		return false;
	*s = str_from(*s, 1);
	return skip(s);
}

static struct str word(struct str *s)
{
	struct str w = *s;

	w.n = 0;
	while (w.n < s->n && is_alpha((unsigned char)s->p[w.n]))
		w.n++;
	*s = str_from(*s, w.n);
	return w;
}

/* Index of the name in a list of three-letter names, or -1. */
static int name_index(struct str w, const char *names)
{
	for (int i = 0; names[3 * i]; i++)
		if (w.n >= 3 && str_ieq(str_sub(w, 0, 3), (struct str){names + 3 * i, 3}))
			return i;
	return -1;
}

/* Days from 1970-01-01; months from 0. */
static int64_t days(int year, int month, int day)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162 + before[month] + (is_leap && month > 1) + day - 1;
}

static int days_in(int year, int month)
{
	static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return length[month] + (is_leap && month == 1);
}

/* day month year, as days from 1970. */
static bool read_day(struct str *s, int64_t *ret_days)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int day, month, year;
	size_t digits;

	if (!number(s, 1, 2, &day) || !skip(s))
		return false;
	month = name_index(word(s), months);
	if (month < 0 || !skip(s) || (digits = number(s, 2, 4, &year)) == 0)
		return false;
	if (digits < 4) /* RFC 5322 part 4.3 */
		year += digits == 2 && year < 50 ? 2000 : 1900;
	if (year < YEAR_MIN || day < 1 || day > days_in(year, month))
		return false;
	*ret_days = days(year, month, day);
	return true;
}

static bool read_time(struct str *s, int *ret_seconds)
{
	int hour, minute, second = 0;

	if (!number(s, 1, 2, &hour) || !eat(s, ':') || !number(s, 2, 2, &minute))
		return false;
	if (skip(s) && s->n && s->p[0] == ':' && (!eat(s, ':') || !number(s, 2, 2, &second)))
		return false;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second <= 60;
}

/* +hhmm, or a name; a missing or unknown one is UTC. */
static bool read_zone(struct str *s, int *ret_seconds)
{
	static const struct {
		const char *name;
		int hours;
	} names[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8},
	    {"PDT", -7}};
	int sign, hhmm;
	struct str w;

	*ret_seconds = 0;
	if (s->n && (s->p[0] == '+' || s->p[0] == '-')) {
		sign = s->p[0] == '-' ? -1 : 1;
		*s = str_from(*s, 1);
		if (!number(s, 4, 4, &hhmm) || hhmm % 100 >= 60)
			return false;
		*ret_seconds = sign * (hhmm / 100 * 3600 + hhmm % 100 * 60);
		return true;
	}
	w = word(s);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_iis(w, names[i].name))
			*ret_seconds = names[i].hours * 3600;
	return true;
}

bool headers_parse_date(struct str value, int64_t *ret_unix)
{
	int seconds, zone;
	int64_t day;

	if (!skip(&value))
		return false;
	if (value.n && is_alpha((unsigned char)value.p[0])) {
		if (name_index(word(&value), "MonTueWedThuFriSatSun") < 0 || !eat(&value, ','))
			return false;
	}
	if (!read_day(&value, &day) || !skip(&value) || !read_time(&value, &seconds) || !skip(&value) ||
	    !read_zone(&value, &zone) || !skip(&value) || value.n)
		return false;
	*ret_unix = day * 86400 + seconds - zone;
	return true;
}

bool headers_is_message_id(struct str value)
{
	ptrdiff_t at;

	if (value.n < 5 || value.p[0] != '<' || value.p[value.n - 1] != '>')
		return false;
	value = str_sub(value, 1, value.n - 2);
	at = str_rchr(value, '@');
	if (at < 1 || (size_t)at == value.n - 1)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (c <= ' ' || c == 0x7f || c == '<' || c == '>')
			return false;
	}
	return true;
}
