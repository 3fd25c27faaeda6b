/* See subtest.h. */
#include "rules/subtest.h"

#include <stdlib.h>

#include "lib/addr.h"
#include "rules/perlre.h"

enum { CODE_OK = 0, CODE_SERVFAIL = 2, CODE_NXDOMAIN = 3, CODES_MAX = 31 };

static bool read_address(struct str text, uint32_t *ret_value)
{
	struct ip ip;

	if (!ip_parse(text, &ip) || ip.family != 4)
		return false;
	*ret_value = (uint32_t)ip.b[0] << 24 | (uint32_t)ip.b[1] << 16 | (uint32_t)ip.b[2] << 8 | ip.b[3];
	return true;
}

/* "16", "0x10", "0.0.0.16" */
static bool read_number(struct str text, uint32_t *ret_value, bool *ret_is_address)
{
	bool is_hex = str_istarts(text, STR("0x"));
	char copy[16], *end;
	unsigned long long value;

	if (read_address(text, ret_value))
		return *ret_is_address = true;
	if (text.n == 0 || text.n > 10 || (!is_hex && !str_is_digits(text)))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	value = strtoull(copy, &end, is_hex ? 16 : 10);
	*ret_value = (uint32_t)value;
	return !*end && value <= UINT32_MAX;
}

const char *subtest_number(struct arena *a, struct str text, struct subtest *ret)
{
	static const char wrong[] = "a number, an address, FROM-TO or VALUE/MASK was expected";
	bool is_address = false;
	size_t i = 0;

	(void)a;
	while (i < text.n && text.p[i] != '-' && text.p[i] != '/')
		i++;
	if (!read_number(str_sub(text, 0, i), &ret->from, &is_address))
		return wrong;
	ret->text = text;
	if (i == text.n) {
		/* One address is that address; one number is bits. */
		ret->kind = is_address ? SUBTEST_RANGE : SUBTEST_BITS;
		ret->to = ret->from;
		return NULL;
	}
	ret->kind = text.p[i] == '-' ? SUBTEST_RANGE : SUBTEST_MASK;
	return read_number(str_from(text, i + 1), &ret->to, &is_address) ? NULL : wrong;
}

static const char *compile(struct arena *a, struct perlre *re, struct subtest *ret)
{
	struct str body, error;
	const char *why = perlre_translate(a, re, &body);
	size_t offset;

	if (why)
		return why;
	ret->kind = SUBTEST_PATTERN;
	ret->re = regex_new(a, body, re->flags, &error, &offset);
	return ret->re ? NULL : arena_cstr(a, error);
}

const char *subtest_list(struct arena *a, struct str text, struct subtest *ret)
{
	struct perlre re = {.body = text};
	uint32_t address;
	bool is_address;

	if (text.n && str_is_digits(text)) {
		ret->kind = SUBTEST_BITS;
		return read_number(text, &ret->from, &is_address) ? NULL : "the number is too large";
	}
	if (!read_address(text, &address))
		return compile(a, &re, ret);
	ret->kind = SUBTEST_TEXT;
	ret->text = text;
	return NULL;
}

/* ---- askdns ---- */

static const struct {
	const char *name;
	unsigned code;
} codes[] = {{"NOERROR", 0}, {"FORMERR", 1}, {"SERVFAIL", 2}, {"NXDOMAIN", 3}, {"NOTIMP", 4}, {"REFUSED", 5},
    {"YXDOMAIN", 6}, {"YXRRSET", 7}, {"NXRRSET", 8}, {"NOTAUTH", 9}, {"NOTZONE", 10}};

static bool add_code(struct str word, uint32_t *codes_set)
{
	uint64_t number;

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (str_iis(word, codes[i].name)) {
			*codes_set |= 1U << codes[i].code;
			return true;
		}
	if (!str_u64(word, &number) || number > CODES_MAX)
		return false;
	*codes_set |= 1U << number;
	return true;
}

static const char *read_codes(struct str list, struct subtest *ret)
{
	struct str word;

	ret->kind = SUBTEST_CODES;
	while (str_split(&list, ',', &word))
		if (!add_code(str_trim(word), &ret->codes))
			return "a response code was expected between the brackets";
	return ret->codes ? NULL : "a response code was expected between the brackets";
}

static bool is_quoted(struct str text)
{
	return text.n >= 2 && (text.p[0] == '"' || text.p[0] == '\'') && text.p[text.n - 1] == text.p[0];
}

const char *subtest_answer(struct arena *a, struct str text, struct subtest *ret)
{
	struct perlre re;

	if (text.n > 2 && (text.p[0] == '/' || (text.p[0] == 'm' && !is_alnum(text.p[1])))) {
		const char *why = perlre_split(text, &re);
		return why ? why : compile(a, &re, ret);
	}
	if (is_quoted(text)) {
		ret->kind = SUBTEST_TEXT;
		ret->text = str_sub(text, 1, text.n - 2);
		return NULL;
	}
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		return read_codes(str_sub(text, 1, text.n - 2), ret);
	return subtest_number(a, text, ret);
}

/* ---- answers ---- */

struct str subtest_record(struct arena *a, enum dns_type type, const struct dns_record *r)
{
	char address[IP_TEXT_MAX];

	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return arena_str(a, ip_format(&r->ip, address));
	case DNS_TXT:
		return r->data;
	case DNS_MX:
		return arena_printf(a, "%u %.*s.", r->preference, STR_ARG(r->name));
	default:
		return arena_printf(a, "%.*s.", STR_ARG(r->name));
	}
}

bool subtest_holds(const struct subtest *test, struct regex_scratch *scratch, struct str record)
{
	uint32_t value = 0;
	bool is_address = test->kind >= SUBTEST_BITS && test->kind <= SUBTEST_MASK && read_address(record, &value);

	switch (test->kind) {
	case SUBTEST_ANY:
		return true;
	case SUBTEST_TEXT:
		return str_eq(test->text, record);
	case SUBTEST_BITS:
		return is_address && value >> 24 == 127 && value & test->from;
	case SUBTEST_RANGE:
		return is_address && value >= test->from && value <= test->to;
	case SUBTEST_MASK:
		return is_address && (value & test->to) == (test->from & test->to);
	case SUBTEST_PATTERN:
		return regex_match(test->re, scratch, record, 0, NULL) == REGEX_MATCH;
	default:
		return false;
	}
}

bool subtest_has_code(const struct subtest *test, enum dns_status status)
{
	static const unsigned char code_of[] = {[DNS_OK] = CODE_OK, [DNS_NODATA] = CODE_OK,
	    [DNS_NXDOMAIN] = CODE_NXDOMAIN, [DNS_TEMP] = CODE_SERVFAIL, [DNS_BOGUS] = CODE_SERVFAIL};

	if (status == DNS_PENDING || status >= DNS_BADNAME)
		return false;
	return test->codes >> code_of[status] & 1;
}
