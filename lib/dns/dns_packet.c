/*
 * DNS names and response packets (RFC 1035 part 4). Called with whatever came from the network:
 * every offset is checked against the packet, compression pointers only go backwards, and the work
 * is bounded by RR_MAX records, CNAME_MAX hops and NAME_STEPS_MAX steps per name.
 */
#include <netinet/in.h>

#include "lib/arena.h"
#include "lib/dns/dns.h"
#include "lib/dns/dns_packet.h"

enum {
	HEADER_BYTES = 12,
	RR_MAX = 1000, /* records of any kind looked at in the answer section */
	CNAME_MAX = 10,
	NAME_STEPS_MAX = 255, /* labels and pointers of one name */
	SOA_BYTES_MIN = 22,   /* two root names and five numbers */
	CLASS_IN = 1,
	RCODE_OK = 0,
	RCODE_NXDOMAIN = 3,
};

struct packet {
	const uint8_t *p;
	size_t n;
};

/* One resource record of the packet; rdata is an offset. */
struct rr {
	size_t owner, rdata;
	uint16_t type, class, length;
	uint32_t ttl;
};

static const struct rdata_reader {
	enum dns_type type;
	bool (*read)(
	    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret);
} readers[10];

static bool find_owner(const struct packet *p, size_t answers, unsigned count,
    struct dns_name *owner, enum dns_type type, bool *ret_is_chain_ok);
static bool collect(struct arena *a, const struct packet *p, size_t answers, unsigned count,
    const struct dns_name *owner, enum dns_type type, struct dns_answer *answer);
static bool read_name(const struct packet *p, size_t *at, struct dns_name *ret_name);
static bool skip_name(const struct packet *p, size_t *at);
static bool read_rr(const struct packet *p, size_t *at, struct rr *ret_rr);

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

bool dns_name_from_text(struct str text, struct dns_name *ret_name)
{
	struct str label;

	if (text.n == 0)
		return false;
	ret_name->n = 0;
	if (text.p[text.n - 1] == '.')
		text.n--;
	if (text.n == 0)
		text.p = NULL;
	while (str_split(&text, '.', &label)) {
		if (label.n == 0 || label.n > DNS_LABEL_MAX ||
		    ret_name->n + label.n + 2 > DNS_NAME_WIRE_MAX)
			return false;
		ret_name->b[ret_name->n++] = (uint8_t)label.n;
		for (size_t i = 0; i < label.n; i++)
			ret_name->b[ret_name->n++] = (uint8_t)to_lower((unsigned char)label.p[i]);
	}
	ret_name->b[ret_name->n++] = 0;
	return true;
}

static size_t put_octet(char *out, uint8_t c)
{
	if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
		*out = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)('0' + c / 100);
	out[2] = (char)('0' + c / 10 % 10);
	out[3] = (char)('0' + c % 10);
	return 4;
}

struct str dns_name_to_text(const struct dns_name *name, char out[DNS_NAME_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; name->b[i];) {
		size_t end = i + 1 + name->b[i];
		if (i)
			out[n++] = '.';
		for (i++; i < end; i++)
			n += put_octet(out + n, name->b[i]);
	}
	out[n] = '\0';
	return (struct str){out, n};
}

/* The header and the one question; answers then is the offset of the answer section. */
static bool read_question(
    const struct packet *p, const struct dns_name *name, enum dns_type type, size_t *ret_answers)
{
	enum { QR = 0x80, OPCODE = 0x78, TC = 0x02 };
	struct dns_name asked;
	size_t at = HEADER_BYTES;

	if (p->n < HEADER_BYTES || (p->p[2] & (QR | OPCODE | TC)) != QR || get16(p->p + 4) != 1)
		return false;
	if (!read_name(p, &at, &asked) || p->n - at < 4)
		return false;
	if (asked.n != name->n || memcmp(asked.b, name->b, name->n) != 0)
		return false;
	*ret_answers = at + 4;
	return get16(p->p + at) == type && get16(p->p + at + 2) == CLASS_IN;
}

bool dns_parse(struct arena *a, const uint8_t *packet, size_t length, struct str name,
    enum dns_type type, struct dns_answer *ret_answer)
{
	struct packet p = {packet, length};
	struct dns_answer answer = {.status = DNS_TEMP};
	struct dns_name owner;
	bool is_chain_ok;
	size_t answers;
	unsigned count, rcode;

	if (!dns_name_from_text(name, &owner) || !read_question(&p, &owner, type, &answers))
		return false;
	rcode = packet[3] & 15;
	count = get16(packet + 6);
	if (rcode == RCODE_NXDOMAIN) {
		answer.status = DNS_NXDOMAIN;
	} else if (rcode == RCODE_OK) {
		if (!find_owner(&p, answers, count, &owner, type, &is_chain_ok))
			return false;
		if (is_chain_ok && !collect(a, &p, answers, count, &owner, type, &answer))
			return false;
	}
	answer.rcode = answer.status != DNS_TEMP ? 0 : rcode ? (uint8_t)rcode : DNS_FORMERR;
	*ret_answer = answer;
	return true;
}

/* The TTL of a denial: of the SOA record, or its last field when that is less. */
static uint32_t denial_ttl(const struct packet *p, const struct rr *soa)
{
	const uint8_t *minimum;
	uint32_t value;

	if (soa->length < SOA_BYTES_MIN)
		return 0;
	minimum = p->p + soa->rdata + soa->length - 4;
	value = (uint32_t)get16(minimum) << 16 | get16(minimum + 2);
	return value < soa->ttl ? value : soa->ttl;
}

uint32_t dns_packet_ttl(const uint8_t *packet, size_t length)
{
	struct packet p = {packet, length};
	size_t at = HEADER_BYTES;
	unsigned answers, all;
	uint32_t least = UINT32_MAX;
	struct rr rr;

	if (length < HEADER_BYTES || get16(packet + 4) != 1 || !skip_name(&p, &at) || length - at < 4)
		return 0;
	at += 4;
	answers = get16(packet + 6);
	all = answers + get16(packet + 8);
	for (unsigned i = 0; i < all && i < RR_MAX; i++) {
		if (!read_rr(&p, &at, &rr))
			return 0;
		if (i < answers && rr.ttl < least)
			least = rr.ttl;
		else if (i >= answers && rr.type == DNS_SOA && denial_ttl(&p, &rr) < least)
			least = denial_ttl(&p, &rr);
	}
	return least == UINT32_MAX ? 0 : least;
}

/* Reads the fixed part of the record at *at and moves behind it. */
static bool read_rr(const struct packet *p, size_t *at, struct rr *ret_rr)
{
	struct rr rr = {.owner = *at};
	const uint8_t *f;

	if (!skip_name(p, at) || p->n - *at < 10)
		return false;
	f = p->p + *at;
	rr.type = get16(f);
	rr.class = get16(f + 2);
	rr.ttl = (uint32_t)get16(f + 4) << 16 | get16(f + 6);
	if (rr.ttl > INT32_MAX) /* RFC 2181 part 8 */
		rr.ttl = 0;
	rr.length = get16(f + 8);
	rr.rdata = *at + 10;
	if (p->n - rr.rdata < rr.length)
		return false;
	*at = rr.rdata + rr.length;
	*ret_rr = rr;
	return true;
}

/* Whether the record's owner, possibly compressed, is that name; the owner was checked before. */
static bool owner_is(const struct packet *p, const struct rr *rr, const struct dns_name *name)
{
	struct dns_name owner;
	size_t at = rr->owner;

	return read_name(p, &at, &owner) && owner.n == name->n &&
	       memcmp(owner.b, name->b, owner.n) == 0;
}

/*
 * One walk over the answer section that follows each CNAME of the current owner. Returns false for
 * a broken packet; *hops grows by what was followed.
 */
static bool follow_once(
    const struct packet *p, size_t at, unsigned count, struct dns_name *owner, unsigned *hops)
{
	struct rr rr;

	for (unsigned i = 0; i < count && i < RR_MAX && *hops <= CNAME_MAX; i++) {
		if (!read_rr(p, &at, &rr))
			return false;
		if (rr.type != DNS_CNAME || rr.class != CLASS_IN || !owner_is(p, &rr, owner))
			continue;
		size_t target = rr.rdata;
		if (!read_name(p, &target, owner) || target != rr.rdata + rr.length)
			return false;
		++*hops;
	}
	return true;
}

/* Moves owner to the end of its CNAME chain, whatever the order of the records. */
static bool find_owner(const struct packet *p, size_t answers, unsigned count,
    struct dns_name *owner, enum dns_type type, bool *ret_is_chain_ok)
{
	unsigned hops = 0, before;

	*ret_is_chain_ok = true;
	if (type == DNS_CNAME)
		return true;
	do {
		before = hops;
		if (!follow_once(p, answers, count, owner, &hops))
			return false;
		*ret_is_chain_ok = hops <= CNAME_MAX;
	} while (hops != before && *ret_is_chain_ok);
	return true;
}

static const struct rdata_reader *reader_of(enum dns_type type)
{
	const struct rdata_reader *r = readers;

	while (r->read && r->type != type)
		r++;
	return r->read ? r : NULL;
}

static bool collect(struct arena *a, const struct packet *p, size_t answers, unsigned count,
    const struct dns_name *owner, enum dns_type type, struct dns_answer *answer)
{
	const struct rdata_reader *reader = reader_of(type);
	struct dns_record *records = NULL;
	size_t at = answers;
	struct rr rr;

	for (unsigned i = 0; i < count && i < RR_MAX && answer->n < DNS_RECORDS_MAX; i++) {
		if (!read_rr(p, &at, &rr))
			return false;
		if (!reader || rr.type != type || rr.class != CLASS_IN || !owner_is(p, &rr, owner))
			continue;
		if (!records)
			records = arena_array(a,
			    count - i < DNS_RECORDS_MAX ? count - i : DNS_RECORDS_MAX,
			    sizeof *records);
		if (!reader->read(a, p, &rr, &records[answer->n]))
			return false;
		if (answer->n++ == 0 || rr.ttl < answer->ttl)
			answer->ttl = rr.ttl;
	}
	answer->records = records;
	answer->status = answer->n ? DNS_OK : DNS_NODATA;
	return true;
}

/* ---- names ---- */

/* Follows a pointer at `at`; it must point before `limit`, so that a name always ends. */
static bool read_pointer(const struct packet *p, size_t at, size_t *limit, size_t *ret_target)
{
	if (p->n - at < 2)
		return false;
	*ret_target = get16(p->p + at) & 0x3fff;
	if (*ret_target >= *limit)
		return false;
	*limit = *ret_target;
	return true;
}

/* Decompresses the name at *at and moves behind it. */
static bool read_name(const struct packet *p, size_t *at, struct dns_name *ret_name)
{
	size_t pos = *at, limit = *at;
	bool has_jumped = false;

	ret_name->n = 0;
	for (int steps = 0; steps < NAME_STEPS_MAX && pos < p->n; steps++) {
		uint8_t length = p->p[pos];
		if (length >= 0xc0) {
			if (!has_jumped)
				*at = pos + 2;
			has_jumped = true;
			if (!read_pointer(p, pos, &limit, &pos))
				return false;
			continue;
		}
		if (length > DNS_LABEL_MAX || p->n - pos <= length ||
		    ret_name->n + length >= DNS_NAME_WIRE_MAX)
			return false;
		ret_name->b[ret_name->n++] = length;
		for (size_t i = 1; i <= length; i++)
			ret_name->b[ret_name->n++] = (uint8_t)to_lower(p->p[pos + i]);
		pos += 1u + length;
		if (length > 0)
			continue;
		if (!has_jumped)
			*at = pos;
		return true;
	}
	return false;
}

/* Moves behind a name without looking at where its pointer leads. */
static bool skip_name(const struct packet *p, size_t *at)
{
	size_t pos = *at;

	while (pos < p->n) {
		uint8_t length = p->p[pos];
		if (length >= 0xc0)
			pos += 2;
		else if (length > DNS_LABEL_MAX)
			return false;
		else
			pos += 1u + length;
		if (length == 0 || length >= 0xc0) {
			*at = pos;
			return pos <= p->n;
		}
	}
	return false;
}

/* ---- record data, one reader per type ---- */

static bool read_a(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	(void)a;
	if (rr->length != 4)
		return false;
	ret->ip.family = 4;
	memcpy(ret->ip.b, p->p + rr->rdata, 4);
	return true;
}

static bool read_aaaa(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	(void)a;
	if (rr->length != 16)
		return false;
	memcpy(&in6.sin6_addr, p->p + rr->rdata, 16);
	ip_from_sockaddr((const struct sockaddr *)&in6, &ret->ip, NULL);
	return true;
}

static bool read_target(
    struct arena *a, const struct packet *p, size_t at, size_t end, struct str *ret)
{
	char text[DNS_NAME_TEXT_MAX];
	struct dns_name name;

	if (!read_name(p, &at, &name) || at != end)
		return false;
	*ret = arena_str(a, dns_name_to_text(&name, text));
	return true;
}

static bool read_host(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	return read_target(a, p, rr->rdata, rr->rdata + rr->length, &ret->name);
}

static bool read_mx(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	if (rr->length < 3)
		return false;
	ret->preference = get16(p->p + rr->rdata);
	return read_target(a, p, rr->rdata + 2, rr->rdata + rr->length, &ret->name);
}

/* The primary's name only; what follows is nobody's business here. */
static bool read_soa(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	size_t at = rr->rdata;

	if (!skip_name(p, &at) || at > rr->rdata + rr->length)
		return false;
	return read_target(a, p, rr->rdata, at, &ret->name);
}

static bool read_txt(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	const uint8_t *from = p->p + rr->rdata, *end = from + rr->length;
	char *text = arena_alloc(a, rr->length + 1u);
	size_t n = 0;

	while (from < end) {
		size_t length = *from++;
		if ((size_t)(end - from) < length)
			return false;
		memcpy(text + n, from, length);
		n += length;
		from += length;
	}
	ret->data = (struct str){text, n};
	return true;
}

static bool read_tlsa(
    struct arena *a, const struct packet *p, const struct rr *rr, struct dns_record *ret)
{
	const uint8_t *f = p->p + rr->rdata;

	if (rr->length < 4)
		return false;
	ret->usage = f[0];
	ret->selector = f[1];
	ret->matching = f[2];
	ret->data = arena_str(a, (struct str){(const char *)f + 3, rr->length - 3u});
	return true;
}

static const struct rdata_reader readers[10] = {
    {DNS_A, read_a},
    {DNS_AAAA, read_aaaa},
    {DNS_NS, read_host},
    {DNS_CNAME, read_host},
    {DNS_PTR, read_host},
    {DNS_MX, read_mx},
    {DNS_SOA, read_soa},
    {DNS_TXT, read_txt},
    {DNS_TLSA, read_tlsa},
    {0, NULL},
};
