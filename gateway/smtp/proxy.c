/*
 * The header of the PROXY protocol, version 1 (a text line) and 2 (binary), as load balancers send
 * it before everything else. Strict: what is not exactly a header is refused.
 */
#include "gateway/smtp/wire.h"

static const char signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

enum { V2_FIXED = 16, V2_INET = 12, V2_INET6 = 36 };

static bool port_of(struct str word, uint16_t *ret_port)
{
	uint64_t port;

	if (word.n > 5 || !str_u64(word, &port) || port > 65535)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* "PROXY TCP4 client local port port" behind the first word. */
static bool v1_fields(struct str rest, struct proxy_header *h)
{
	struct str word[5];
	bool is_v6;

	for (int i = 0; i < 5; i++)
		if (!str_split(&rest, ' ', &word[i]))
			return false;
	if (rest.p)
		return false;
	is_v6 = str_is(word[0], "TCP6");
	if (!is_v6 && !str_is(word[0], "TCP4"))
		return false;
	if (!ip_parse(word[1], &h->client) || !ip_parse(word[2], &h->local))
		return false;
	if ((str_chr(word[1], ':') >= 0) != is_v6 || (str_chr(word[2], ':') >= 0) != is_v6)
		return false;
	return port_of(word[3], &h->client_port) && port_of(word[4], &h->local_port);
}

static enum proxy_step parse_v1(struct str in, struct proxy_header *h, size_t *ret_used)
{
	struct str window = str_sub(in, 0, PROXY_V1_MAX), line;
	ptrdiff_t lf = str_chr(window, '\n');

	if (lf < 0)
		return in.n >= PROXY_V1_MAX ? PROXY_BAD : PROXY_MORE;
	if (lf < 1 || window.p[lf - 1] != '\r')
		return PROXY_BAD;
	line = str_sub(window, 6, (size_t)lf - 1 - 6);
	*ret_used = (size_t)lf + 1;
	h->is_local = str_is(line, "UNKNOWN") || str_starts(line, STR("UNKNOWN "));
	return h->is_local || v1_fields(line, h) ? PROXY_OK : PROXY_BAD;
}

static struct ip ip_at(const unsigned char *p, uint8_t family)
{
	struct sockaddr_storage sa;
	struct ip ip = {.family = family}, out;

	memcpy(ip.b, p, family == 4 ? 4 : 16);
	/* By way of a sockaddr, so that a mapped address becomes IPv4. */
	ip_to_sockaddr(&ip, 0, &sa);
	ip_from_sockaddr((const struct sockaddr *)&sa, &out, NULL);
	return out;
}

static enum proxy_step v2_addresses(const unsigned char *p, size_t length, uint8_t family, struct proxy_header *h)
{
	bool is_v4 = family == 0x11, is_v6 = family == 0x21;
	size_t n = is_v4 ? 4 : 16;

	if (!is_v4 && !is_v6) {
		h->is_local = true; /* UNSPEC, UDP, unix: nothing that we could use */
		return PROXY_OK;
	}
	if (length < (is_v4 ? V2_INET : V2_INET6))
		return PROXY_BAD;
	h->client = ip_at(p, is_v4 ? 4 : 6);
	h->local = ip_at(p + n, is_v4 ? 4 : 6);
	h->client_port = (uint16_t)(p[2 * n] << 8 | p[2 * n + 1]);
	h->local_port = (uint16_t)(p[2 * n + 2] << 8 | p[2 * n + 3]);
	return PROXY_OK;
}

static enum proxy_step parse_v2(struct str in, struct proxy_header *h, size_t *ret_used)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t length;

	if (in.n < V2_FIXED)
		return PROXY_MORE;
	length = (size_t)(p[14] << 8 | p[15]);
	if (p[12] >> 4 != 2 || (p[12] & 15) > 1 || V2_FIXED + length > PROXY_V2_MAX)
		return PROXY_BAD;
	if (in.n < V2_FIXED + length)
		return PROXY_MORE;
	*ret_used = V2_FIXED + length;
	if ((p[12] & 15) == 0) {
		h->is_local = true;
		return PROXY_OK;
	}
	return v2_addresses(p + V2_FIXED, length, p[13], h);
}

/* Whether in is, or may still become, something that starts so. */
static bool may_start(struct str in, struct str start)
{
	size_t n = in.n < start.n ? in.n : start.n;

	return memcmp(in.p, start.p, n) == 0;
}

enum proxy_step proxy_parse(struct str in, struct proxy_header *ret_header, size_t *ret_used)
{
	static const struct str v1 = {"PROXY ", 6}, v2 = {signature, sizeof signature};

	*ret_used = 0;
	*ret_header = (struct proxy_header){0};
	if (in.n == 0)
		return PROXY_MORE;
	if (may_start(in, v2))
		return in.n < v2.n ? PROXY_MORE : parse_v2(in, ret_header, ret_used);
	if (may_start(in, v1))
		return in.n < v1.n ? PROXY_MORE : parse_v1(in, ret_header, ret_used);
	return PROXY_BAD;
}
