/* The cache in front of the resolver: what is kept, how long, and how much. */
#include <stdio.h>
#include <sys/mman.h>

#include "lib/dns/dns_cache.h"
#include "lib/dns/dns_packet.h"
#include "tests/unit/clock-fake.h"
#include "tests/unit/dns-fake.h"
#include "tests/unit/unit.h"

static struct dns_packet packet;

static void begin(unsigned answers, unsigned authorities)
{
	packet.n = 0;
	put16(&packet, 1);
	put16(&packet, 0x8180);
	put16(&packet, 1);
	put16(&packet, answers);
	put16(&packet, authorities);
	put16(&packet, 0);
	put_name(&packet, "q.test");
	put16(&packet, FAKE_A);
	put16(&packet, 1);
}

static void put_soa(unsigned ttl, unsigned minimum)
{
	size_t at = put_rr(&packet, "test", 6);

	packet.b[at - 1] = (uint8_t)ttl;
	put_name(&packet, "ns.test");
	put_name(&packet, "root.test");
	for (int i = 0; i < 4; i++) {
		put16(&packet, 0xffff);
		put16(&packet, 0xffff);
	}
	put16(&packet, 0);
	put16(&packet, minimum);
	end_rr(&packet, at);
}

static void ttl_is_the_least(void **state)
{
	size_t at;

	(void)state;
	begin(2, 0);
	put_record(&packet, NULL, FAKE_A, 1);
	at = packet.n;
	put_record(&packet, NULL, FAKE_A, 2);
	assert_int_equal(dns_packet_ttl(packet.b, packet.n), 60);
	packet.b[at + 9] = 7;
	assert_int_equal(dns_packet_ttl(packet.b, packet.n), 7);
	for (size_t n = 0; n < packet.n; n++)
		assert_int_equal(dns_packet_ttl(packet.b, n), 0);
	begin(0, 1);
	put_soa(90, 20);
	assert_int_equal(dns_packet_ttl(packet.b, packet.n), 20);
	begin(0, 1);
	put_soa(15, 20);
	assert_int_equal(dns_packet_ttl(packet.b, packet.n), 15);
	begin(0, 0);
	assert_int_equal(dns_packet_ttl(packet.b, packet.n), 0);
}

static bool get(struct dns_cache *c, const char *name, unsigned type, struct dns_cached *ret)
{
	if (!dns_cache_get(c, str_of(name), str_ihash(str_of(name)), type, ret))
		return false;
	free(ret->packet);
	return true;
}

static void put(struct dns_cache *c, const char *name, unsigned type, bool is_secure)
{
	dns_cache_put(c, str_of(name), str_ihash(str_of(name)), type, packet.b, packet.n, is_secure);
}

static void answers_are_kept_for_their_time(void **state)
{
	struct dns_cache *c = dns_cache_new();
	struct dns_cached cached;

	(void)state;
	begin(1, 0);
	put_record(&packet, NULL, FAKE_A, 1);
	put(c, "q.test", 1, true);
	assert_true(get(c, "q.test", 1, &cached));
	assert_true(cached.is_secure);
	assert_int_equal(cached.length, packet.n);
	assert_false(get(c, "q.test", 28, &cached));
	assert_false(get(c, "r.test", 1, &cached));
	step_s(58);
	assert_true(get(c, "q.test", 1, &cached));
	assert_int_equal(cached.age, 58);
	step_s(3);
	assert_false(get(c, "q.test", 1, &cached));
	put(c, "q.test", 1, false);
	assert_true(get(c, "q.test", 1, &cached));
	assert_false(cached.is_secure);
	dns_cache_free(c);
}

static void long_and_endless_answers_are_not_kept(void **state)
{
	struct dns_cache *c = dns_cache_new();
	struct dns_cached cached;
	size_t at;

	(void)state;
	for (size_t n = DNS_CACHE_PACKET_MAX - 1; n <= DNS_CACHE_PACKET_MAX + 1; n++) {
		char name[32];

		begin(1, 0);
		put_record(&packet, NULL, FAKE_A, 1);
		while (packet.n < n)
			put8(&packet, 0);
		snprintf(name, sizeof name, "n%zu.test", n);
		put(c, name, 1, false);
		assert_int_equal(get(c, name, 1, &cached), n <= DNS_CACHE_PACKET_MAX);
	}
	begin(1, 0);
	at = packet.n;
	put_record(&packet, NULL, FAKE_A, 1);
	packet.b[at + 9] = 0;
	put(c, "zero.test", 1, false);
	assert_false(get(c, "zero.test", 1, &cached));
	packet.b[at + 7] = 2; /* more than a day */
	put(c, "long.test", 1, false);
	step_s(DNS_CACHE_TTL_MAX - 2);
	assert_true(get(c, "long.test", 1, &cached));
	step_s(3);
	assert_false(get(c, "long.test", 1, &cached));
	dns_cache_free(c);
}

static void places_are_bounded(void **state)
{
	enum { MANY = 4 * DNS_CACHE_SETS * DNS_CACHE_WAYS };
	struct dns_cache *c = dns_cache_new();
	struct dns_cached cached;
	char name[32];
	int kept = 0;

	(void)state;
	begin(1, 0);
	put_record(&packet, NULL, FAKE_A, 1);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		put(c, name, 1, false);
	}
	assert_true(get(c, name, 1, &cached));
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		kept += get(c, name, 1, &cached);
	}
	assert_in_range(kept, DNS_CACHE_SETS * DNS_CACHE_WAYS * 9 / 10, DNS_CACHE_SETS * DNS_CACHE_WAYS);
	dns_cache_free(c);
	dns_cache_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ttl_is_the_least),
	    cmocka_unit_test(answers_are_kept_for_their_time),
	    cmocka_unit_test(long_and_endless_answers_are_not_kept),
	    cmocka_unit_test(places_are_bounded),
	};
	return cmocka_run_group_tests(tests, steer_setup, NULL);
}
