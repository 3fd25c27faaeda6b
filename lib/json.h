/*
 * JSON out: appends to a buf, keeps track of commas, and is the only encoder of values that come
 * from peers. Octets that are no UTF-8 become U+FFFD, controls are escaped (RFC 8259).
 *
 *     struct json j = json_start(&buf);
 *     json_open(&j, '{'); json_key(&j, "file"); json_text(&j, name); ... json_close(&j);
 */
#ifndef REEVE_LIB_JSON_H
#define REEVE_LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

enum { JSON_DEPTH_MAX = 128 };

struct json {
	struct buf *out;
	char closers[JSON_DEPTH_MAX];
	unsigned depth;
	bool needs_comma;
};

struct json json_start(struct buf *out);
/* '{' or '[' */
void json_open(struct json *j, char bracket);
/* Closes the innermost bracket. */
void json_close(struct json *j);
void json_key(struct json *j, const char *key);
void json_key_str(struct json *j, struct str key);
void json_text(struct json *j, struct str value);
void json_int(struct json *j, int64_t value);
/* As short as reads well: at most 3 decimals, no trailing zeros. */
void json_number(struct json *j, double value);
/* The same with at most that many. */
void json_fine(struct json *j, double value, int places);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

/* key and value in one. */
void json_kv(struct json *j, const char *key, struct str value);
void json_kv_int(struct json *j, const char *key, int64_t value);
void json_kv_bool(struct json *j, const char *key, bool value);

#endif
