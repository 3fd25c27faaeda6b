/*
 * The manual, made from the tables that the program itself works by: directives, filters with their
 * facts and findings, actions and operators of the policy. `reevectl help` prints parts of it, the
 * page mailreeve.conf(5) is all of it.
 */
#ifndef REEVE_GATEWAY_MANUAL_H
#define REEVE_GATEWAY_MANUAL_H

#include "lib/arena.h"
#include "lib/str.h"

/*
 * Appends a topic (directives, filters, facts, findings, actions, operators, policy-default, ...)
 * or whatever has that name: a directive, filter, fact, finding, action or operator. False when
 * nothing has; then ret_near is the nearest name or NULL.
 */
bool manual_explain(struct arena *a, struct str name, struct buf *out, const char **ret_near);
/* What topics there are. */
void manual_topics(struct buf *out);
/* The page in man(7) format. */
void manual_page(struct arena *a, struct buf *out);

/* Text as man(7) wants it. */
void manual_roff(struct buf *out, struct str text);
/* Words in lines that fit a terminal, each behind `indent` blanks; nothing when there are none. */
void manual_wrap(struct buf *out, size_t indent, struct str text);

#endif
