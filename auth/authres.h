/*
 * Authentication-Results (RFC 8601): reading fields of others, writing our own.
 *
 *     struct authres_writer w = authres_start(hostname);
 *     authres_method(&w, "spf", "pass"); authres_property(&w, "smtp", "mailfrom", sender);
 *     value = authres_end(&w, arena);
 */
#ifndef REEVE_AUTH_AUTHRES_H
#define REEVE_AUTH_AUTHRES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/header.h"
#include "lib/arena.h"
#include "lib/str.h"

enum { AUTHRES_RESULTS_MAX = 100, AUTHRES_PROPERTIES_MAX = 20, AUTHRES_VALUE_MAX = 320 };

struct authres_property {
	struct str type, name, value; /* unquoted, without comments */
};

struct authres_result {
	struct str method, version, result; /* lower case; version "" not given */
	struct str reason;
	struct authres_property *properties;
	size_t n;
	struct str raw; /* as it stands, from the method to the last property */
};

struct authres {
	struct str id, version;
	struct authres_result *v;
	size_t n; /* 0: "none" */
};

/* False when the value does not follow the grammar; ret_results->id is set as soon as it was read. */
bool authres_parse(struct arena *a, struct str value, struct authres *ret_results);
/*
 * Whether the field claims to be written by id, in any spelling: case, quotes, comments, folds, a
 * final dot, U-labels; also when the rest is broken.
 */
bool authres_claims(struct arena *a, struct str value, struct str id);

struct authres_writer {
	struct buf out;
	size_t results, line; /* line: where the last one starts */
};

struct authres_writer authres_start(struct str id);
void authres_method(struct authres_writer *w, const char *method, const char *result);
/* Comment and reason stand behind the method; made safe. */
void authres_comment(struct authres_writer *w, struct str comment);
void authres_reason(struct authres_writer *w, struct str reason);
/* Left out when the value is empty. */
void authres_property(struct authres_writer *w, const char *type, const char *name, struct str value);
struct str authres_end(struct authres_writer *w, struct arena *a);

#endif
