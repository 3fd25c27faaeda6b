/* Dates: reading them, and how far the Date field is from what servers wrote. */
#include "rules/evals/evals_private.h"

#include <stdlib.h>

#include "lib/clock.h"

enum { TIMES_MAX = 64 };

static bool read_number(struct str s, size_t *at, size_t most, int *ret)
{
	size_t start = *at;

	*ret = 0;
	while (*at < s.n && is_digit(s.p[*at]) && *at - start < most)
		*ret = *ret * 10 + (s.p[(*at)++] - '0');
	return *at > start;
}

static void skip_blanks(struct str s, size_t *at)
{
	while (*at < s.n && (is_space(s.p[*at]) || s.p[*at] == ',' || s.p[*at] == '-'))
		++*at;
}

static int month_of(struct str s)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int m = 0; m < 12; m++)
		if (s.n >= 3 && str_ieq(str_sub(s, 0, 3), (struct str){names + 3 * m, 3}))
			return m;
	return -1;
}

static const struct {
	const char *name;
	int minutes;
} zones[] = {{"UT", 0}, {"UTC", 0}, {"GMT", 0}, {"Z", 0}, {"EST", -300}, {"EDT", -240}, {"CST", -360},
    {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"BST", 60}, {"CET", 60},
    {"CEST", 120}, {"MET", 60}, {"MEST", 120}, {"MSK", 180}, {"JST", 540}, {"IST", 330}, {"AEST", 600}};

static int zone_minutes(struct str s)
{
	int hhmm = 0;
	size_t at = 1;

	if (s.n >= 3 && (s.p[0] == '+' || s.p[0] == '-') && read_number(s, &at, 4, &hhmm)) {
		int minutes = hhmm / 100 * 60 + hhmm % 100;
		return s.p[0] == '-' ? -minutes : minutes;
	}
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		if (str_iis(s, zones[i].name))
			return zones[i].minutes;
	return 0;
}

/* Days from 1970-01-01 (proleptic Gregorian calendar). */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month < 2), era = y / 400, yoe = y - era * 400;
	int64_t m = (month + 10) % 12, doy = (153 * m + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool read_day(struct str s, size_t *at, int *ret_day, int *ret_month, int *ret_year)
{
	struct str rest;

	skip_blanks(s, at);
	if (*at < s.n && is_alpha(s.p[*at])) { /* day of the week */
		while (*at < s.n && is_alpha(s.p[*at]))
			++*at;
		skip_blanks(s, at);
	}
	if (!read_number(s, at, 2, ret_day))
		return false;
	skip_blanks(s, at);
	rest = str_from(s, *at);
	*ret_month = month_of(rest);
	if (*ret_month < 0)
		return false;
	while (*at < s.n && (is_alpha(s.p[*at]) || s.p[*at] == '.'))
		++*at;
	skip_blanks(s, at);
	if (!read_number(s, at, 4, ret_year))
		return false;
	if (*ret_year < 50)
		*ret_year += 2000;
	else if (*ret_year < 1000)
		*ret_year += 1900;
	return *ret_day >= 1 && *ret_day <= 31;
}

bool date_parse(struct str s, int64_t *ret_time)
{
	int day, month, year, hour = 0, minute = 0, second = 0;
	size_t at = 0;
	struct str zone;

	if (!read_day(s, &at, &day, &month, &year))
		return false;
	while (at < s.n && is_space(s.p[at]))
		at++;
	if (!read_number(s, &at, 2, &hour) || at >= s.n || s.p[at] != ':')
		return false;
	at++;
	if (!read_number(s, &at, 2, &minute))
		return false;
	if (at < s.n && s.p[at] == ':') {
		at++;
		read_number(s, &at, 2, &second);
	}
	if (hour > 24 || minute > 59 || second > 61)
		return false;
	zone = str_trim(str_from(s, at));
	for (size_t i = 0; i < zone.n; i++)
		if (is_space(zone.p[i]) || zone.p[i] == '(')
			zone.n = i;
	*ret_time = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
	            zone_minutes(zone) * 60;
	return true;
}

/* ---- the difference ---- */

static bool header_time(struct eval_call *c, int64_t *ret_time)
{
	static const char *const names[] = {"Resent-Date", "Date"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct str text = eval_header(c, names[i], 0), line;
		while (text.n && str_split(&text, '\n', &line))
			if (line.n && date_parse(line, ret_time))
				return true;
	}
	return false;
}

/* Times of Received fields, the topmost first; hand-overs inside the last host come behind. */
static size_t received_times(struct eval_call *c, int64_t *out)
{
	struct str text = eval_header(c, "Received", 0), line;
	size_t n = 0;
	bool first = true;

	while (n < TIMES_MAX && text.n && str_split(&text, '\n', &line)) {
		int64_t t;
		if (!str_trim(line).n)
			continue;
		if (first && eval_like(c, P_RCVD_LOCAL, line)) {
			struct str rest = text, next;
			first = false;
			if (str_split(&rest, '\n', &next) && eval_like(c, P_RCVD_FETCHMAIL, next)) {
				text = rest;
				continue;
			}
		}
		first = false;
		if (eval_like(c, P_DATE_IN_RCVD, line) && date_parse(eval_group(c, line, 1), &t))
			out[n++] = t;
	}
	return n;
}

static int64_t date_diff(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);
	int64_t date, times[TIMES_MAX], best = 0;
	size_t n;

	if (s->has_dates)
		return s->date_diff;
	s->has_dates = true;
	if (!header_time(c, &date) || (n = received_times(c, times)) == 0)
		return 0;
	/* Forged at the bottom with the very same time: does not count. */
	if (n > 1 && times[n - 1] == date)
		n--;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || llabs(date - times[i]) < llabs(best))
			best = date - times[i];
	s->date_diff = best;
	return best;
}

static double shifted_date(struct eval_call *c)
{
	double diff = (double)date_diff(c);

	return (str_is(eval_arg(c, 0), "undef") || diff >= 3600 * eval_number(c, 0, 0)) &&
	       (str_is(eval_arg(c, 1), "undef") || diff < 3600 * eval_number(c, 1, 0));
}

static double received_within(struct eval_call *c)
{
	int64_t times[TIMES_MAX], date;
	size_t n = received_times(c, times);
	double age;

	if (n == 0 && !header_time(c, &date))
		return 0;
	age = (double)(clock_now() - (n ? times[0] : date)) / (31556952.0 / 12);
	return (str_is(eval_arg(c, 0), "undef") || age >= eval_number(c, 0, 0)) &&
	       (str_is(eval_arg(c, 1), "undef") || age < eval_number(c, 1, 0));
}

/* Outlook puts its clock into the Message-ID. */
static bool fits_outlook(double token, struct str date)
{
	int64_t t = 0;

	date_parse(date, &t);
	return token - (double)(int64_t)((double)t * 0.0023283064365387 + 27111902.8329849) < 250 &&
	       token - (double)(int64_t)((double)t * 0.0023283064365387 + 27111902.8329849) > -250;
}

static double outlook_message_id(struct eval_call *c)
{
	struct str id = eval_header(c, "MESSAGEID", 0), token, received, line, last = STR("");
	double value = 0;

	if (!eval_like(c, P_OUTLOOK_ID, id))
		return 0;
	token = eval_group(c, id, 1);
	for (size_t i = 0; i < token.n; i++)
		value = value * 16 + hex_value(token.p[i]);
	if (fits_outlook(value, eval_header(c, "Date", 0)))
		return 0;
	received = eval_header(c, "Received", 0);
	while (received.n && str_split(&received, '\n', &line))
		if (eval_like(c, P_DATE_IN_RCVD, line))
			last = eval_group(c, line, 1);
	return !fits_outlook(value, last);
}

const struct eval_def eval_date_table[] = {
    {"check_for_shifted_date", shifted_date, NULL},
    {"check_outlook_message_id", outlook_message_id, NULL},
    {"received_within_months", received_within, NULL},
    {NULL, NULL, NULL},
};
