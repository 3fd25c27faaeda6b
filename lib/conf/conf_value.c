/* Values of directives: numbers, sizes, durations, words, networks and endpoints, with one error text each. */
#include "lib/conf/conf.h"

#include <math.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Longest names first; the factor of a duration is in milliseconds. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
static const struct unit sizes[] = {
    {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", INT64_C(1) << 40}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- grammar ---- */

/* Leading digits of *rest. */
static bool take_digits(struct str *rest, uint64_t *ret_value)
{
	size_t n = 0;
	struct str digits;

	while (n < rest->n && is_digit((unsigned char)rest->p[n]))
		n++;
	digits = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	return str_u64(digits, ret_value);
}

static const struct unit *take_unit(struct str *rest, const struct unit *units, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(units[i].name);
		if (str_istarts(*rest, name)) {
			*rest = str_from(*rest, name.n);
			return &units[i];
		}
	}
	return NULL;
}

bool conf_parse_size(struct str text, uint64_t *ret_bytes)
{
	const struct unit *unit;
	uint64_t value;

	if (!take_digits(&text, &value))
		return false;
	unit = take_unit(&text, sizes, COUNT(sizes));
	if (text.n || (unit && __builtin_mul_overflow(value, (uint64_t)unit->factor, &value)))
		return false;
	*ret_bytes = value;
	return true;
}

bool conf_parse_duration(struct str text, int64_t *ret_ms)
{
	int64_t total = 0;
	uint64_t value;

	if (str_u64(text, &value)) {
		if (value > INT64_MAX / 1000)
			return false;
		*ret_ms = (int64_t)value * 1000;
		return true;
	}
	do {
		const struct unit *unit;
		int64_t part;

		if (!take_digits(&text, &value) || value > INT64_MAX)
			return false;
		unit = take_unit(&text, durations, COUNT(durations));
		if (!unit || __builtin_mul_overflow((int64_t)value, unit->factor, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return false;
	} while (text.n);
	*ret_ms = total;
	return true;
}

bool conf_parse_number(struct str text, double *ret_value)
{
	bool is_negative = text.n && text.p[0] == '-';
	uint64_t whole, part = 0;
	size_t places = 0;

	if (is_negative)
		text = str_from(text, 1);
	if (!take_digits(&text, &whole))
		return false;
	if (text.n) {
		struct str rest = str_from(text, 1);
		places = rest.n;
		if (text.p[0] != '.' || places > 15 || !str_u64(rest, &part))
			return false;
	}
	*ret_value = (double)whole + (double)part / pow(10, (double)places);
	if (is_negative)
		*ret_value = -*ret_value;
	return true;
}

static bool parse_int(struct str text, int64_t *ret_value)
{
	bool is_negative = text.n && text.p[0] == '-';
	uint64_t value;

	if (!str_u64(is_negative ? str_from(text, 1) : text, &value) || value > INT64_MAX)
		return false;
	*ret_value = is_negative ? -(int64_t)value : (int64_t)value;
	return true;
}

/* ---- tokens ---- */

static bool expected(struct conf_load *load, const struct conf_token *t, const char *what)
{
	conf_error(load, t->place, "%s is wrong here; expected %s", conf_token_show(load->arena, t), what);
	return false;
}

bool conf_size(struct conf_load *load, const struct conf_token *t, uint64_t *ret_bytes)
{
	if (t->kind != TOKEN_OP && conf_parse_size(t->text, ret_bytes))
		return true;
	return expected(load, t, "a size such as 100, 64K, 25M or 2G");
}

bool conf_duration(struct conf_load *load, const struct conf_token *t, int64_t *ret_ms)
{
	if (t->kind != TOKEN_OP && conf_parse_duration(t->text, ret_ms))
		return true;
	return expected(load, t, "a duration such as 250ms, 30s, 5m, 1h or 7d");
}

bool conf_int(struct conf_load *load, const struct conf_token *t, int64_t *ret_value)
{
	if (t->kind != TOKEN_OP && parse_int(t->text, ret_value))
		return true;
	return expected(load, t, "a whole number");
}

bool conf_number(struct conf_load *load, const struct conf_token *t, double *ret_value)
{
	if (t->kind != TOKEN_OP && conf_parse_number(t->text, ret_value))
		return true;
	return expected(load, t, "a number such as 2 or 4.5");
}

bool conf_text(struct conf_load *load, const struct conf_token *t, struct str *ret_text)
{
	if (t->kind == TOKEN_OP)
		return expected(load, t, "a word or a string");
	*ret_text = arena_str(load->arena, t->text);
	return true;
}

bool conf_flag(struct conf_load *load, const struct conf_token *t, bool *ret_value)
{
	static const char *const words[] = {"off", "on", "no", "yes", "false", "true"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (conf_is_word(t, words[i])) {
			*ret_value = i % 2;
			return true;
		}
	return expected(load, t, "on or off");
}

bool conf_choice(struct conf_load *load, const struct conf_token *t, const char *const *choices,
    int *ret_index)
{
	const char *near, *all;
	size_t n;

	for (n = 0; choices[n]; n++)
		if (conf_is_word(t, choices[n])) {
			*ret_index = (int)n;
			return true;
		}
	all = conf_names_text(load->arena, choices, n);
	near = t->kind == TOKEN_OP ? NULL : conf_near(t->text, choices, n);
	if (near)
		all = arena_printf(load->arena, "%s; did you mean '%s'?", all, near).p;
	return expected(load, t, all);
}

bool conf_cidr(struct conf_load *load, const struct conf_token *t, struct cidr *ret_net)
{
	struct cidr lax;

	if (t->kind != TOKEN_OP && cidr_parse(t->text, false, ret_net))
		return true;
	if (t->kind != TOKEN_OP && cidr_parse(t->text, true, &lax)) {
		conf_error(load, t->place, "%s has bits set behind its prefix; expected the network's first address",
		    conf_token_show(load->arena, t));
		return false;
	}
	return expected(load, t, "an IP address or network such as 192.0.2.0/24 or 2001:db8::/32");
}

/* Cuts ":PORT" or "]:PORT" off; no port leaves ret_port as it is. */
static bool split_port(struct str text, struct str *ret_address, uint16_t *ret_port)
{
	ptrdiff_t colon = str_rchr(text, ':');
	uint64_t port;

	*ret_address = text;
	if (str_starts(text, STR("["))) {
		ptrdiff_t bracket = str_chr(text, ']');
		if (bracket < 0)
			return false;
		*ret_address = str_sub(text, 1, (size_t)bracket - 1);
		if ((size_t)bracket + 1 == text.n)
			return true;
		if (colon != bracket + 1)
			return false;
	} else if (colon < 0 || str_chr(text, ':') != colon) {
		return true; /* none, or an IPv6 address without brackets */
	} else {
		*ret_address = str_sub(text, 0, (size_t)colon);
	}
	if (!str_u64(str_from(text, (size_t)colon + 1), &port) || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool conf_endpoint(struct conf_load *load, const struct conf_token *t, uint16_t default_port,
    struct ip *ret_ip, uint16_t *ret_port)
{
	struct str address;
	uint16_t port = default_port;
	struct ip ip;
	bool has_port;

	if (t->kind != TOKEN_OP && split_port(t->text, &address, &port) && ip_parse(address, &ip)) {
		has_port = address.n + 1 < t->text.n && t->text.p[t->text.n - 1] != ']';
		if (has_port || default_port > 0) {
			*ret_ip = ip;
			*ret_port = port;
			return true;
		}
	}
	return expected(load, t, default_port ? "ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT"
					      : "ADDRESS:PORT or [IPV6-ADDRESS]:PORT");
}

/* ---- back to text ---- */

struct str conf_duration_text(struct arena *a, int64_t ms)
{
	size_t i = COUNT(durations) - 1;

	if (ms == 0)
		return arena_str(a, STR("0s"));
	while (ms % durations[i].factor != 0)
		i--;
	return arena_printf(a, "%lld%s", (long long)(ms / durations[i].factor), durations[i].name);
}

struct str conf_size_text(struct arena *a, uint64_t bytes)
{
	size_t i = COUNT(sizes);

	while (bytes && i > 0 && bytes % (uint64_t)sizes[i - 1].factor != 0)
		i--;
	if (bytes == 0 || i == 0)
		return arena_printf(a, "%llu", (unsigned long long)bytes);
	return arena_printf(a, "%llu%s", (unsigned long long)bytes / (uint64_t)sizes[i - 1].factor,
	    sizes[i - 1].name);
}
