/* An arena and a configuration load, as tests of what reads configuration need them. */
#ifndef REEVE_TESTS_CONF_KIT_H
#define REEVE_TESTS_CONF_KIT_H

#include "lib/conf/conf.h"
#include "tests/unit/unit.h"

/* What was reported so far, as text; the load is as new after it. */
static inline const char *conf_kit_errors(struct arena *a, struct conf_load *load)
{
	struct buf b = {0};

	conf_errors_print(load, &b);
	conf_load_init(load, a);
	buf_addc(&b, '\0');
	return buf_take(&b, a).p;
}

#endif
