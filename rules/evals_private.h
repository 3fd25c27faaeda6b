/* Between the files of the eval functions. */
#ifndef REEVE_RULES_EVALS_PRIVATE_H
#define REEVE_RULES_EVALS_PRIVATE_H

#include "rules/evals.h"

extern const struct eval_def eval_relay_table[];
/* Names that SpamAssassin 4.0.1 has and that are not here yet, NULL at the end. */
extern const char *const eval_known_names[];

#endif
