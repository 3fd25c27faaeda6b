/* Eval functions over the relays that Received fields tell of. */
#include "rules/evals/evals_private.h"

static double all_trusted(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);

	return r->trusted && r->trusted == r->n && !r->unparseable;
}

static double no_relays(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);

	return r->n == 0 && !r->unparseable;
}

static double relays_unparseable(struct eval_call *c)
{
	return fields_relays(&c->m->fields)->unparseable > 0;
}

static bool is_public_ip4(struct str text, struct ip *ret_ip)
{
	return ip_parse(text, ret_ip) && ret_ip->family == 4 && !ip_is_private(ret_ip);
}

/* The greeting is an address, but another one, not even of the same /24. */
static double helo_ip_mismatch(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);
	struct ip helo;

	for (size_t i = r->trusted; i < r->n; i++) {
		const struct relay *relay = &r->all[i];
		if (!is_public_ip4(relay->helo, &helo) || relay->addr.family != 4 || relay->is_private)
			continue;
		if (memcmp(helo.b, relay->addr.b, 3) != 0) {
			c->text = relay->helo;
			return 1;
		}
	}
	return 0;
}

static double no_rdns_dotcom_helo(struct eval_call *c)
{
	static const char *const domains[] = {"lycos.com", "lycos.co.uk", "hotmail.com", "localhost.com",
	    "excite.com", "caramail.com", "cs.com", "aol.com", "msn.com", "yahoo.com", "drizzle.com"};
	const struct relays *r = fields_relays(&c->m->fields);
	double result = 0;

	for (size_t i = r->trusted; i < r->n; i++) {
		const struct relay *relay = &r->all[i];
		if (relay->is_private)
			continue;
		result = 0;
		for (size_t k = 0; k < sizeof domains / sizeof *domains && relay->no_rdns; k++) {
			struct str d = str_of(domains[k]);
			if (str_iends(relay->helo, d) &&
			    (relay->helo.n == d.n || relay->helo.p[relay->helo.n - d.n - 1] == '.'))
				result = 1;
		}
	}
	return result;
}

static double sender_no_reverse(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);
	const struct relay *last = r->n > r->trusted ? &r->all[r->n - 1] : NULL;

	return last && str_chr(last->rdns, '.') >= 0 && !last->is_private;
}

static double numeric_helo(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);
	struct ip ip;

	for (size_t i = r->trusted; i < r->n; i++)
		if (r->all[i].helo.n)
			return is_public_ip4(r->all[i].helo, &ip);
	return 0;
}

/* A relay that calls itself otherwise than the next one heard it called. */
static double forged_received_trail(struct eval_call *c)
{
	const struct relays *r = fields_relays(&c->m->fields);
	size_t mismatches = 0;

	for (size_t i = r->trusted + 1; i < r->n; i++) {
		struct arena *a = c->m->t->arena;
		struct str by = domain_registered(str_lower(a, r->all[i].by));
		struct str from = domain_registered(str_lower(a, r->all[i - 1].rdns));
		struct ip ip;
		if (str_chr(by, '.') < 0 || str_chr(from, '.') < 0 || ip_parse(by, &ip) || ip_parse(from, &ip))
			continue;
		mismatches += !str_eq(by, from);
	}
	return mismatches > 1;
}

const struct eval_def eval_relay_table[] = {
    {"check_all_trusted", all_trusted, NULL},
    {"check_for_forged_received_trail", forged_received_trail, NULL},
    {"check_for_no_rdns_dotcom_helo", no_rdns_dotcom_helo, NULL},
    {"check_for_numeric_helo", numeric_helo, NULL},
    {"check_for_sender_no_reverse", sender_no_reverse, NULL},
    {"check_no_relays", no_relays, NULL},
    {"check_relays_unparseable", relays_unparseable, NULL},
    {"helo_ip_mismatch", helo_ip_mismatch, NULL},
    {NULL, NULL, NULL},
};
