/*
 * The log: one JSON object per line to stderr, syslog or journald. Only gateway/ and the programs
 * log; libraries and filters return what they have to say.
 *
 *     struct log_line l = log_start(LOG_INFO, "message");
 *     log_text(&l, "id", id); log_int(&l, "bytes", n);
 *     log_end(&l);
 *
 * Every line has "time" (RFC 3339, UTC, ms), "level", "event", "role". A line is one write(2), so
 * that lines of several threads and processes do not mix. Thread-safe.
 */
#ifndef REEVE_LIB_LOG_H
#define REEVE_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/json.h"
#include "lib/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG, LOG_TARGET_JOURNALD };

struct log_line {
	enum log_level level;
	struct buf buf;
	struct json json;
};

/* Before threads; again after a reload (only target and level change then). */
void log_init(enum log_target target, enum log_level level, const char *role);
bool log_wants(enum log_level level);

struct log_line log_start(enum log_level level, const char *event);
void log_text(struct log_line *l, const char *key, struct str value);
void log_int(struct log_line *l, const char *key, int64_t value);
void log_number(struct log_line *l, const char *key, double value);
/* For nested values: write with json_* to the returned writer. */
struct json *log_key(struct log_line *l, const char *key);
/* Writes the line and frees it. */
void log_end(struct log_line *l);
/* One line with a "text". */
void log_say(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
