/*
 * libclamav, and nothing else of the scanner knows of it. An engine is loaded once in the template
 * process and used in workers that were forked from it.
 */
#ifndef REEVE_SCANNER_ENGINE_H
#define REEVE_SCANNER_ENGINE_H

#include "scanner/wire.h"

enum { ENGINE_TEXT_MAX = 500 };

struct engine;

struct engine_info {
	uint32_t signatures;
	int64_t database_time; /* of the newest database */
};

/* Once, before all else. */
void engine_init(void);
/* NULL with the reason in error[ENGINE_TEXT_MAX]. tmpdir: a private folder. */
struct engine *engine_load(const struct wire_settings *settings, const struct str *paths, size_t count,
    const char *tmpdir, struct engine_info *ret_info, char *error);
/* For a worker of its own: where the temporary files go. */
void engine_set_tmpdir(struct engine *e, const char *tmpdir);
/* Name of what was found, or the reason, in text[ENGINE_TEXT_MAX]; "" when clean. */
enum wire_status engine_scan(struct engine *e, struct str bytes, char *text);
/* Where it unpacks there is a folder, with room; where not, nothing is clean. */
bool engine_can_unpack(const struct engine *e);
/* libclamav has them, so no other library is needed. */
void engine_hash(const char *name, struct str bytes, uint8_t *ret_hash);
void engine_sha256(struct str bytes, uint8_t ret_hash[WIRE_HASH]);

/*
 * A number that changes when a database in one of the paths does: names, sizes, times. 0 when
 * there is none at all.
 */
uint64_t engine_fingerprint(const struct str *paths, size_t count);

#endif
