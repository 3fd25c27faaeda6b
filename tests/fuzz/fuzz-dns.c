/*
 * DNS responses: the first octet chooses the type, the second is the length of the name asked for, which
 * follows; the rest is the packet, whose header and question are made right often enough.
 */
#include <assert.h>
#include <stdlib.h>

#include "lib/arena.h"
#include "lib/dns/dns.h"
#include "lib/dns/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum dns_type types[] = {DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_TLSA};

static void check(const struct dns_answer *answer)
{
	assert(answer->status != DNS_PENDING && answer->n <= DNS_RECORDS_MAX);
	assert((answer->status == DNS_OK) == (answer->n > 0));
	for (size_t i = 0; i < answer->n; i++) {
		const struct dns_record *r = &answer->records[i];
		assert(r->name.n < DNS_NAME_TEXT_MAX && r->data.n <= DNS_ANSWER_BYTES_MAX);
		for (size_t k = 0; k < r->name.n; k++)
			assert(r->name.p[k] > ' ' && r->name.p[k] < 0x7f);
	}
}

/* The packet as it is, and once with the header and question that were asked for before it. */
static void parse_both(struct str name, enum dns_type type, const uint8_t *data, size_t size)
{
	static uint8_t packet[12 + DNS_NAME_WIRE_MAX + 4 + DNS_ANSWER_BYTES_MAX];
	struct arena *a = arena_new(0);
	struct dns_answer answer;
	struct dns_name wire;
	size_t n = 12;

	dns_packet_ttl(data, size);
	if (dns_parse(a, data, size, name, type, &answer))
		check(&answer);
	if (dns_name_from_text(name, &wire) && size > 2 && size < DNS_ANSWER_BYTES_MAX) {
		memset(packet, 0, 12);
		packet[2] = 0x81;
		packet[3] = data[0] & 15;
		packet[5] = 1;
		packet[7] = data[1];
		memcpy(packet + n, wire.b, wire.n);
		n += wire.n;
		packet[n++] = 0;
		packet[n++] = (uint8_t)type;
		packet[n++] = 0;
		packet[n++] = 1;
		memcpy(packet + n, data + 2, size - 2);
		dns_packet_ttl(packet, n + size - 2);
		if (dns_parse(a, packet, n + size - 2, name, type, &answer))
			check(&answer);
	}
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t name;

	if (size < 2)
		return 0;
	name = data[1];
	if (size - 2 < name)
		return 0;
	/* a copy of its own, so that a read behind its end is seen */
	uint8_t *rest = malloc(size - 2 - name + 1);
	if (!rest)
		abort();
	memcpy(rest, data + 2 + name, size - 2 - name);
	parse_both((struct str){(const char *)data + 2, name}, types[data[0] % (sizeof types / sizeof *types)], rest,
	    size - 2 - name);
	free(rest);
	return 0;
}
