/* IP addresses and networks: text, sockaddr and prefix arithmetic. */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void unmap(struct ip *ip)
{
	if (ip->family != 6 || memcmp(ip->b, mapped, sizeof mapped) != 0)
		return;
	memmove(ip->b, ip->b + 12, 4);
	memset(ip->b + 4, 0, 12);
	ip->family = 4;
}

static bool parse_raw(struct str text, struct ip *ret_ip)
{
	char cstr[IP_TEXT_MAX];
	struct ip ip = {0};

	if (text.n == 0 || text.n >= sizeof cstr || memchr(text.p, 0, text.n))
		return false;
	memcpy(cstr, text.p, text.n);
	cstr[text.n] = '\0';
	if (inet_pton(AF_INET, cstr, ip.b) == 1)
		ip.family = 4;
	else if (inet_pton(AF_INET6, cstr, ip.b) == 1)
		ip.family = 6;
	else
		return false;
	*ret_ip = ip;
	return true;
}

bool ip_parse(struct str text, struct ip *ret_ip)
{
	if (!parse_raw(text, ret_ip))
		return false;
	unmap(ret_ip);
	return true;
}

struct str ip_format(const struct ip *ip, char out[IP_TEXT_MAX])
{
	out[0] = '\0';
	if (ip->family)
		inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->b, out, IP_TEXT_MAX);
	return str_of(out);
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->b, b->b, a->family == 4 ? 4 : 16) == 0;
}

bool ip_is_loopback(const struct ip *ip)
{
	static const uint8_t v6[16] = {[15] = 1};

	return ip->family == 4 ? ip->b[0] == 127 : ip->family == 6 && memcmp(ip->b, v6, 16) == 0;
}

bool ip_is_private(const struct ip *ip)
{
	static const char *const nets[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	    "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/128", "::1/128",
	    "fc00::/7", "fe80::/10", "ff00::/8"};
	struct cidr net;

	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
		if (cidr_parse(str_of(nets[i]), false, &net) && cidr_has(&net, ip))
			return true;
	return false;
}

void ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret_ip, uint16_t *ret_port)
{
	struct ip ip = {0};
	uint16_t port = 0;

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;
		ip.family = 4;
		memcpy(ip.b, &in->sin_addr, 4);
		port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		ip.family = 6;
		memcpy(ip.b, &in6->sin6_addr, 16);
		port = ntohs(in6->sin6_port);
		unmap(&ip);
	}
	*ret_ip = ip;
	if (ret_port)
		*ret_port = port;
}

socklen_t ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ret_sa)
{
	memset(ret_sa, 0, sizeof *ret_sa);
	if (ip->family == 4) {
		struct sockaddr_in *in = (void *)ret_sa;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip->b, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (void *)ret_sa;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->b, 16);
	return sizeof *in6;
}

struct str ip_reverse(const struct ip *ip, char out[72])
{
	size_t n = 0;

	out[0] = '\0';
	if (ip->family == 4)
		n = (size_t)snprintf(out, 72, "%u.%u.%u.%u", ip->b[3], ip->b[2], ip->b[1], ip->b[0]);
	else if (ip->family == 6)
		for (int i = 15; i >= 0; i--)
			n += (size_t)snprintf(out + n, 72 - n, "%x.%x%s", ip->b[i] & 15, ip->b[i] >> 4, i ? "." : "");
	return (struct str){out, n};
}

static bool prefix_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool tail_is_zero(const struct cidr *net)
{
	unsigned total = net->ip.family == 4 ? 32 : 128;

	for (unsigned i = net->bits; i < total; i++)
		if (net->ip.b[i / 8] & (0x80 >> i % 8))
			return false;
	return true;
}

bool cidr_parse(struct str text, bool lax, struct cidr *ret_cidr)
{
	ptrdiff_t slash = str_chr(text, '/');
	struct cidr net = {0};
	uint64_t bits;

	if (!parse_raw(slash < 0 ? text : str_sub(text, 0, (size_t)slash), &net.ip))
		return false;
	bits = net.ip.family == 4 ? 32 : 128;
	if (slash >= 0) {
		uint64_t most = bits;
		if (!str_u64(str_from(text, (size_t)slash + 1), &bits) || bits > most)
			return false;
	}
	if (net.ip.family == 6 && bits >= 96 && memcmp(net.ip.b, mapped, 12) == 0) {
		unmap(&net.ip);
		bits -= 96;
	}
	net.bits = (uint8_t)bits;
	if (!lax && !tail_is_zero(&net))
		return false;
	*ret_cidr = net;
	return true;
}

bool cidr_has(const struct cidr *net, const struct ip *ip)
{
	return net->ip.family == ip->family && prefix_eq(net->ip.b, ip->b, net->bits);
}

struct cidr cidr_of(const struct ip *ip, unsigned bits)
{
	struct cidr net = {*ip, (uint8_t)bits};

	for (unsigned i = bits; i < (ip->family == 4 ? 32u : 128u); i++)
		net.ip.b[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	return net;
}

struct str cidr_format(const struct cidr *net, char out[CIDR_TEXT_MAX])
{
	size_t n = ip_format(&net->ip, out).n;

	n += (size_t)snprintf(out + n, CIDR_TEXT_MAX - n, "/%u", net->bits);
	return (struct str){out, n};
}
