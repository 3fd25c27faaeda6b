/*
 * A clamd that runs already: what filters/clamav.c asks instead of processes of our own. The answers
 * become the same report. Thread-safe: each message has a connection of its own.
 */
#ifndef REEVE_FILTERS_CLAMAV_CLAMD_H
#define REEVE_FILTERS_CLAMAV_CLAMD_H

#include "core/scan/scan.h"
#include "lib/conf/conf.h"

struct clamd;

/* NULL with errors in load. Sockets: paths, or ADDRESS:PORT; the first that answers is asked. */
struct clamd *clamd_new(struct conf_load *load, const struct conf_strings *sockets, int64_t timeout_ms, uint64_t max_file);
/* Never NULL; in the message's arena. */
const struct scan_report *clamd_scan(const struct clamd *clamd, struct message *m);

/* ---- for tests ---- */

/* One line of clamd, without its number: the status, and the name or the reason. */
enum wire_status clamd_answer(struct str line, struct str *ret_text);
/* "ClamAV 1.4.6/27800/Thu Nov 26 08:12:01 2026": when the database was made, 0 when it does not say. */
int64_t clamd_database_time(struct str version);

#endif
