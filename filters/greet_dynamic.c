/* How names of customer lines look: 192-0-2-7.dsl.example.net, pool-7.2.0.192.example.com ... */
#include <stdio.h>

#include "filters/greet.h"

enum { NUMBERS_MAX = 16 };

/* Numbers of one to three digits, left to right; a longer run of digits is nothing. */
static size_t numbers_of(struct str name, int v[NUMBERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < NUMBERS_MAX;) {
		size_t digits = 0;
		int value = 0;
		while (i + digits < name.n && is_digit((unsigned char)name.p[i + digits])) {
			if (digits < 4)
				value = value * 10 + (name.p[i + digits] - '0');
			digits++;
		}
		if (digits > 0 && digits <= 3)
			v[n++] = value;
		i += digits ? digits : 1;
	}
	return n;
}

/* The most octets that stand side by side in the name, in the address's order or the other way. */
static int octets_in(struct str name, const struct ip *ip)
{
	int v[NUMBERS_MAX], best = 0;
	size_t n = numbers_of(name, v);

	for (size_t i = 0; i < n; i++)
		for (int first = 0; first < 4; first++) {
			int up = 0, down = 0;
			while (i + (size_t)up < n && first + up < 4 && v[i + (size_t)up] == ip->b[first + up])
				up++;
			while (i + (size_t)down < n && first - down >= 0 && v[i + (size_t)down] == ip->b[first - down])
				down++;
			best = up > best ? up : best;
			best = down > best ? down : best;
		}
	return best;
}

/* c0000207, or the same without separators: 192000002007. */
static bool holds_run(struct str name, const struct ip *ip)
{
	char hex[9], decimal[13];

	snprintf(hex, sizeof hex, "%02x%02x%02x%02x", ip->b[0], ip->b[1], ip->b[2], ip->b[3]);
	snprintf(decimal, sizeof decimal, "%03u%03u%03u%03u", ip->b[0], ip->b[1], ip->b[2], ip->b[3]);
	return str_ifind(name, str_of(hex)) >= 0 || str_find(name, str_of(decimal)) >= 0;
}

static bool is_customer_word(struct str word)
{
	static const char *const words[] = {"dyn", "dynamic", "dynip", "dhcp", "pool", "pools", "dialup", "dial",
	    "dialin", "ppp", "pppoe", "dsl", "adsl", "vdsl", "xdsl", "sdsl", "cable", "catv", "modem", "broadband",
	    "bb", "fiber", "ftth", "fttb", "wifi", "wireless", "mobile", "lte", "gprs", "umts", "client", "clients",
	    "customer", "customers", "cust", "cpe", "user", "users", "home", "host", "ip", "res", "residential"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_iis(word, words[i]))
			return true;
	return false;
}

/* Runs of letters between anything else. */
static bool has_customer_word(struct str name)
{
	for (size_t i = 0; i < name.n;) {
		size_t n = 0;
		while (i + n < name.n && is_alpha((unsigned char)name.p[i + n]))
			n++;
		if (n && is_customer_word(str_sub(name, i, n)))
			return true;
		i += n ? n : 1;
	}
	return false;
}

/* Half of the interface identifier, or the whole, as IPv6 providers write it. */
static bool holds_ipv6(struct str name, const struct ip *ip)
{
	char plain[33], dashed[48];
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		snprintf(plain + 2 * i, 3, "%02x", ip->b[i]);
	for (int i = 0; i < 16; i += 2)
		n += (size_t)snprintf(dashed + n, sizeof dashed - n, "%s%x", i ? "-" : "", ip->b[i] << 8 | ip->b[i + 1]);
	return str_ifind(name, str_of(plain)) >= 0 || str_ifind(name, str_of(plain + 16)) >= 0 ||
	    str_ifind(name, str_of(dashed)) >= 0;
}

bool greet_is_dynamic(struct str name, const struct ip *ip)
{
	int octets;

	if (ip->family == 6)
		return holds_ipv6(name, ip);
	octets = octets_in(name, ip);
	return octets >= 3 || holds_run(name, ip) || (octets >= 2 && has_customer_word(name));
}
