/* The parser of DNS responses: what it reads, each limit, and what it refuses. */
#include <stdio.h>

#include "lib/dns/dns.h"
#include "tests/unit/dns-fake.h"
#include "tests/unit/unit.h"

struct fixture {
	struct arena *a;
	struct dns_packet p;
	struct dns_answer answer;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->a = arena_new(0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(f->a);
	free(f);
	return 0;
}

/* Header and question for q.test. */
static struct dns_packet *begin(struct fixture *f, unsigned type, unsigned answers)
{
	f->p.n = 0;
	put16(&f->p, 1);
	put16(&f->p, 0x8180);
	put16(&f->p, 1);
	put16(&f->p, answers);
	put16(&f->p, 0);
	put16(&f->p, 0);
	put_name(&f->p, "q.test");
	put16(&f->p, type);
	put16(&f->p, 1);
	return &f->p;
}

static bool parse(struct fixture *f, enum dns_type type)
{
	f->answer = (struct dns_answer){0};
	return dns_parse(f->a, f->p.b, f->p.n, STR("Q.test."), type, &f->answer);
}

static void headers_and_questions_are_checked(void **state)
{
	struct fixture *f = *state;

	begin(f, DNS_A, 0);
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.status, DNS_NODATA);
	assert_false(parse(f, DNS_AAAA));
	for (size_t n = 0; n < f->p.n; n++)
		assert_false(dns_parse(f->a, f->p.b, n, STR("q.test"), DNS_A, &f->answer));
	assert_false(dns_parse(f->a, f->p.b, f->p.n, STR("r.test"), DNS_A, &f->answer));
	assert_false(dns_parse(f->a, f->p.b, f->p.n, STR(""), DNS_A, &f->answer));
	f->p.b[3] |= 3;
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.status, DNS_NXDOMAIN);
	f->p.b[3] = (uint8_t)((f->p.b[3] & 0xf0) | 2);
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.status, DNS_TEMP);
	f->p.b[2] |= 2; /* truncated */
	assert_false(parse(f, DNS_A));
	f->p.b[2] = 0x01; /* a query */
	assert_false(parse(f, DNS_A));
	f->p.b[2] = 0xa9; /* another opcode */
	assert_false(parse(f, DNS_A));
	begin(f, DNS_A, 0)->b[5] = 2;
	assert_false(parse(f, DNS_A));
	begin(f, DNS_A, 0)->b[f->p.n - 1] = 3; /* class CH */
	assert_false(parse(f, DNS_A));
}

static void cut_packets_are_refused(void **state)
{
	struct fixture *f = *state;
	static const unsigned types[] = {FAKE_A, FAKE_AAAA, FAKE_MX, FAKE_TXT, FAKE_PTR};

	for (size_t i = 0; i < 5; i++) {
		size_t whole, head = begin(f, types[i], 2)->n;

		put_record(&f->p, NULL, types[i], 1);
		put_record(&f->p, NULL, types[i], 2);
		whole = f->p.n;
		assert_true(parse(f, types[i]));
		assert_int_equal(f->answer.n, 2);
		for (f->p.n = head; f->p.n < whole; f->p.n++)
			assert_false(parse(f, types[i]));
	}
}

static void records_are_capped(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = DNS_RECORDS_MAX - 1; n <= DNS_RECORDS_MAX + 1; n++) {
		begin(f, DNS_A, n);
		for (unsigned i = 0; i < n; i++)
			put_record(&f->p, NULL, DNS_A, i);
		assert_true(parse(f, DNS_A));
		assert_int_equal(f->answer.n, n < DNS_RECORDS_MAX ? n : DNS_RECORDS_MAX);
		assert_int_equal(f->answer.records[1].ip.b[3], 1);
	}
	/* more records counted than there are */
	begin(f, DNS_A, 65535);
	put_record(&f->p, NULL, DNS_A, 1);
	assert_false(parse(f, DNS_A));
}

static void put_link(struct fixture *f, unsigned from, unsigned to)
{
	char owner[32], target[32];
	size_t at;

	snprintf(owner, sizeof owner, from ? "l%u.test" : "q.test", from);
	snprintf(target, sizeof target, to ? "l%u.test" : "q.test", to);
	at = put_rr(&f->p, owner, FAKE_CNAME);
	put_name(&f->p, target);
	end_rr(&f->p, at);
}

/* n links and the address at their end, forwards or backwards in the packet. */
static void chain(struct fixture *f, unsigned n, bool backwards)
{
	char last[32];

	snprintf(last, sizeof last, n ? "l%u.test" : "q.test", n);
	begin(f, DNS_A, n + 1);
	if (backwards)
		put_record(&f->p, last, DNS_A, 9);
	for (unsigned i = 0; i < n; i++)
		put_link(f, backwards ? n - 1 - i : i, backwards ? n - i : i + 1);
	if (!backwards)
		put_record(&f->p, last, DNS_A, 9);
}

static void cname_chains_are_followed_ten_times(void **state)
{
	struct fixture *f = *state;

	for (int backwards = 0; backwards < 2; backwards++)
		for (unsigned n = 0; n <= 12; n++) {
			chain(f, n, backwards);
			assert_true(parse(f, DNS_A));
			assert_int_equal(f->answer.status, n <= 10 ? DNS_OK : DNS_TEMP);
			assert_int_equal(f->answer.n, n <= 10);
		}
	begin(f, FAKE_CNAME, 1);
	put_link(f, 0, 5);
	assert_true(parse(f, DNS_CNAME));
	assert_str(f->answer.records[0].name, "l5.test");
}

static void loops_of_cnames_end(void **state)
{
	struct fixture *f = *state;

	begin(f, DNS_A, 2);
	put_link(f, 0, 1);
	put_link(f, 1, 0);
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.status, DNS_TEMP);
	begin(f, DNS_A, 1);
	put_link(f, 0, 0);
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.status, DNS_TEMP);
}

static void others_records_are_ignored(void **state)
{
	struct fixture *f = *state;

	begin(f, DNS_A, 3);
	put_record(&f->p, "other.test", DNS_A, 1);
	put_record(&f->p, NULL, FAKE_TXT, 1);
	put_record(&f->p, "Q.TEST", DNS_A, 7);
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.n, 1);
	assert_int_equal(f->answer.records[0].ip.b[3], 7);
}

static void pointers_go_back_and_end(void **state)
{
	struct fixture *f = *state;
	size_t at;

	/* a pointer to itself, and one forwards */
	for (unsigned target = 0; target < 3; target++) {
		begin(f, FAKE_PTR, 1);
		at = put_rr(&f->p, NULL, FAKE_PTR);
		put16(&f->p, 0xc000 | (unsigned)(f->p.n + target * 2));
		put16(&f->p, 0xc00c);
		end_rr(&f->p, at);
		f->p.b[at + 1] = 2;
		assert_false(parse(f, DNS_PTR));
	}
	/* backwards is right, also in steps */
	begin(f, FAKE_PTR, 1);
	at = put_rr(&f->p, NULL, FAKE_PTR);
	put8(&f->p, 1);
	put8(&f->p, 'X');
	put16(&f->p, 0xc00c);
	end_rr(&f->p, at);
	assert_true(parse(f, DNS_PTR));
	assert_str(f->answer.records[0].name, "x.q.test");
	/* a label type of the future */
	begin(f, FAKE_PTR, 1);
	at = put_rr(&f->p, NULL, FAKE_PTR);
	put8(&f->p, 0x41);
	put8(&f->p, 0);
	end_rr(&f->p, at);
	assert_false(parse(f, DNS_PTR));
}

/* A name of n octets in wire form, the root's one included. */
static void put_long_name(struct fixture *f, unsigned n)
{
	for (unsigned left = n - 1; left > 0;) {
		unsigned label = left > 64 ? 63 : left - 1;
		if (left - label - 1 == 1)
			label--;
		put8(&f->p, label);
		for (unsigned i = 0; i < label; i++)
			put8(&f->p, 'a');
		left -= label + 1;
	}
	put8(&f->p, 0);
}

static void names_are_at_most_255_octets(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = 254; n <= 256; n++) {
		begin(f, FAKE_PTR, 1);
		size_t at = put_rr(&f->p, NULL, FAKE_PTR);
		put_long_name(f, n);
		end_rr(&f->p, at);
		assert_int_equal(parse(f, DNS_PTR), n <= 255);
		if (n <= 255)
			assert_int_equal(f->answer.records[0].name.n, n - 2);
	}
}

static void octets_that_deceive_are_escaped(void **state)
{
	struct fixture *f = *state;
	size_t at;

	begin(f, FAKE_PTR, 2);
	at = put_rr(&f->p, NULL, FAKE_PTR);
	put_string(&f->p, "A.b\\ \x01\xff");
	put_string(&f->p, "test");
	put8(&f->p, 0);
	end_rr(&f->p, at);
	at = put_rr(&f->p, NULL, FAKE_PTR);
	put8(&f->p, 0);
	end_rr(&f->p, at);
	assert_true(parse(f, DNS_PTR));
	assert_str(f->answer.records[0].name, "a\\046b\\092\\032\\001\\255.test");
	assert_str(f->answer.records[1].name, "");
}

static void text_is_joined_and_bounded(void **state)
{
	struct fixture *f = *state;
	size_t at;

	begin(f, FAKE_TXT, 1);
	at = put_rr(&f->p, NULL, FAKE_TXT);
	for (int i = 0; i < 200; i++)
		put_string(&f->p, "v=spf1 include:example.org ");
	end_rr(&f->p, at);
	assert_true(parse(f, DNS_TXT));
	assert_int_equal(f->answer.records[0].data.n, 200 * strlen("v=spf1 include:example.org "));
	/* a string that is longer than the record */
	begin(f, FAKE_TXT, 1);
	at = put_rr(&f->p, NULL, FAKE_TXT);
	put8(&f->p, 5);
	put8(&f->p, 'a');
	end_rr(&f->p, at);
	put16(&f->p, 0);
	put16(&f->p, 0);
	assert_false(parse(f, DNS_TXT));
}

static void lengths_must_fit_the_type(void **state)
{
	struct fixture *f = *state;
	static const struct {
		unsigned type, bad, good;
	} rows[] = {{FAKE_A, 3, 4}, {FAKE_A, 5, 4}, {FAKE_AAAA, 15, 16}, {FAKE_AAAA, 17, 16}, {FAKE_MX, 2, 3},
	    {FAKE_PTR, 2, 1}, {DNS_TLSA, 3, 4}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int good = 0; good < 2; good++) {
			begin(f, rows[i].type, 1);
			size_t at = put_rr(&f->p, NULL, rows[i].type);
			for (unsigned n = good ? rows[i].good : rows[i].bad; n > 0; n--)
				put8(&f->p, 0);
			end_rr(&f->p, at);
			if (parse(f, rows[i].type) != good)
				fail_msg("type %u, %s", rows[i].type, good ? "good" : "bad");
		}
}

static void tlsa_and_mx_have_their_parts(void **state)
{
	struct fixture *f = *state;
	size_t at;

	begin(f, DNS_TLSA, 1);
	at = put_rr(&f->p, NULL, DNS_TLSA);
	put8(&f->p, 3);
	put16(&f->p, 0x0101);
	put16(&f->p, 0xabcd);
	end_rr(&f->p, at);
	assert_true(parse(f, DNS_TLSA));
	assert_int_equal(f->answer.records[0].usage, 3);
	assert_int_equal(f->answer.records[0].selector, 1);
	assert_int_equal(f->answer.records[0].matching, 1);
	assert_str(f->answer.records[0].data, "\xab\xcd");
	begin(f, DNS_MX, 1);
	at = put_rr(&f->p, NULL, DNS_MX);
	put16(&f->p, 0);
	put8(&f->p, 0); /* null MX, RFC 7505 */
	end_rr(&f->p, at);
	assert_true(parse(f, DNS_MX));
	assert_str(f->answer.records[0].name, "");
}

static void mapped_addresses_are_ipv4(void **state)
{
	struct fixture *f = *state;
	char text[IP_TEXT_MAX];
	size_t at;

	begin(f, DNS_AAAA, 1);
	at = put_rr(&f->p, NULL, DNS_AAAA);
	for (int i = 0; i < 5; i++)
		put16(&f->p, 0);
	put16(&f->p, 0xffff);
	put16(&f->p, 0xc000);
	put16(&f->p, 0x0201);
	end_rr(&f->p, at);
	assert_true(parse(f, DNS_AAAA));
	assert_str(ip_format(&f->answer.records[0].ip, text), "192.0.2.1");
}

static void least_ttl_counts_and_a_huge_one_is_none(void **state)
{
	struct fixture *f = *state;
	size_t at;

	begin(f, DNS_A, 2);
	put_record(&f->p, NULL, DNS_A, 1);
	at = f->p.n;
	put_record(&f->p, NULL, DNS_A, 2);
	f->p.b[at + 9] = 7;
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.ttl, 7);
	f->p.b[at + 6] = 0x80;
	assert_true(parse(f, DNS_A));
	assert_int_equal(f->answer.ttl, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(headers_and_questions_are_checked),
	    TEST(cut_packets_are_refused),
	    TEST(records_are_capped),
	    TEST(cname_chains_are_followed_ten_times),
	    TEST(loops_of_cnames_end),
	    TEST(others_records_are_ignored),
	    TEST(pointers_go_back_and_end),
	    TEST(names_are_at_most_255_octets),
	    TEST(octets_that_deceive_are_escaped),
	    TEST(text_is_joined_and_bounded),
	    TEST(lengths_must_fit_the_type),
	    TEST(tlsa_and_mx_have_their_parts),
	    TEST(mapped_addresses_are_ipv4),
	    TEST(least_ttl_counts_and_a_huge_one_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
