/* Return codes of DNS lists: how they are configured, and what an answer means. */
#include "core/dnszone.h"

#include "core/address.h"

static uint32_t number_of(const struct ip *ip)
{
	return (uint32_t)ip->b[0] << 24 | (uint32_t)ip->b[1] << 16 | (uint32_t)ip->b[2] << 8 | ip->b[3];
}

static bool read_range(struct str text, struct dnszone_code *code)
{
	ptrdiff_t dots = str_find(text, STR(".."));
	struct ip first, last;

	if (!ip_parse(dots < 0 ? text : str_sub(text, 0, (size_t)dots), &first) || first.family != 4)
		return false;
	last = first;
	if (dots >= 0 && (!ip_parse(str_from(text, (size_t)dots + 2), &last) || last.family != 4))
		return false;
	code->first = number_of(&first);
	code->last = number_of(&last);
	return code->first <= code->last && first.b[0] == 127 && last.b[0] == 127;
}

void dnszone_set_code(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct dnszone *zone = target;
	struct dnszone_code code = {.first = 127u << 24, .last = (127u << 24) + 0xffffff};
	bool is_bits = node->n > 1 && conf_is_word(&node->tokens[1], "bits");
	size_t at = is_bits ? 2 : 1;
	int64_t bits;

	if (node->n != at + 1 && !(node->n == at + 3 && conf_is_word(&node->tokens[at + 1], "weight"))) {
		conf_error(load, node->tokens[0].place,
		    "expected code ADDRESS, FIRST..LAST or bits MASK, then maybe weight NUMBER");
		return;
	}
	if (is_bits && conf_int(load, &node->tokens[at], &bits)) {
		if (bits < 1 || bits > 255)
			conf_error(load, node->tokens[at].place, "expected a mask from 1 to 255");
		code.bits = (uint8_t)bits;
	} else if (!is_bits && !read_range(node->tokens[at].text, &code)) {
		conf_error(load, node->tokens[at].place, "expected an address in 127.0.0.0/8 or FIRST..LAST there");
	}
	code.has_weight = node->n == at + 3 && conf_number(load, &node->tokens[at + 2], &code.weight);
	if (zone->code_count == DNSZONE_CODES_MAX)
		conf_error(load, node->tokens[0].place, "more than %d codes", DNSZONE_CODES_MAX);
	else
		zone->codes[zone->code_count++] = code;
}

bool dnszone_read(struct conf_load *load, const struct conf_node *node, const struct directive *table,
    struct dnszone *zone)
{
	if (!conf_expect_args(load, node, 1, 1, "NAME { ... }"))
		return false;
	zone->name = str_lower(load->arena, node->tokens[1].text);
	zone->place = node->tokens[0].place;
	if (!domain_is_valid(zone->name, false))
		conf_error(load, node->tokens[1].place, "'%.*s' is no domain name", STR_ARG(zone->name));
	conf_apply(load, table, node->children, zone, arena_printf(load->arena, "zone %.*s", STR_ARG(zone->name)).p,
	    zone->place);
	if (zone->code_count == 0)
		zone->codes[zone->code_count++] = (struct dnszone_code){.first = 0x7f000002, .last = 0x7f0000fe};
	return true;
}

static const struct dnszone_code *find_code(const struct dnszone *zone, const struct ip *answer)
{
	uint32_t number = number_of(answer);

	for (size_t i = 0; i < zone->code_count; i++) {
		const struct dnszone_code *code = &zone->codes[i];
		if (number < code->first || number > code->last)
			continue;
		if (code->bits == 0 || (number & code->bits))
			return code;
	}
	return NULL;
}

bool dnszone_is_refusal(const struct ip *answer)
{
	return answer->b[0] == 127 && answer->b[1] == 255 && answer->b[2] == 255;
}

bool dnszone_judge(const struct dnszone *zone, const struct dns_answer *answer, double *ret_weight)
{
	bool is_listed = false;

	for (size_t i = 0; i < answer->n; i++) {
		const struct ip *ip = &answer->records[i].ip;
		const struct dnszone_code *code;
		double weight;

		if (ip->family != 4 || ip->b[0] != 127 || dnszone_is_refusal(ip))
			continue;
		code = find_code(zone, ip);
		if (!code)
			continue;
		weight = code->has_weight ? code->weight : zone->weight;
		if (!is_listed || weight * weight > *ret_weight * *ret_weight)
			*ret_weight = weight;
		is_listed = true;
	}
	return is_listed;
}
