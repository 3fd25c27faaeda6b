/* Inside of the filter rate: its limits, as filters/rate_conf.c reads and filters/rate.c uses them. */
#ifndef REEVE_FILTERS_RATE_H
#define REEVE_FILTERS_RATE_H

#include "core/chain.h"
#include "core/filter.h"
#include "core/list/list.h"
#include "lib/store/store.h"

#define RATE_TABLE "rate"

enum { RATE_KEYS_MAX = 4 };

enum rate_unit { UNIT_CONNECTIONS, UNIT_MESSAGES, UNIT_RECIPIENTS, UNIT_BYTES, UNIT_ERRORS, UNIT_UNKNOWN, UNITS };

struct rate_unit_row {
	const char *name;
	enum stage look;	 /* where the limit is looked at first */
	bool looks_at_connect;	 /* and there too */
	bool takes;		 /* at the look; else charged in settle */
};
extern const struct rate_unit_row rate_units[UNITS];

struct rate_key {
	struct str name;
	bool is_network; /* the client's, by network-bits */
	const struct fact_def *def;
};

struct limit {
	enum rate_unit unit;
	unsigned index;
	struct store_rate rate;
	struct rate_key keys[RATE_KEYS_MAX];
	size_t key_count;
	struct str except; /* name of a list; "" none */
	const struct list *except_list;
	const struct conf_node *node;
	size_t unless_at; /* the token behind `unless`; 0 there is none */
	const struct condition *unless;
	enum stage stage;  /* the latest of the unit's and its keys' */
	struct str text;   /* "500 recipients per 1h by sender", without exceptions */
	struct conf_place place;
	struct limit *next;
};

struct rate_conf {
	struct limit *first, **last;
	unsigned limits;
	int64_t bits4, bits6;
	bool charges_refused;
	struct store *store;
	const struct filter_conditions *conditions;
};

extern const struct directive rate_directives[];
bool rate_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place);

#endif
