/*
 * What mailreeve-scanner says of a message: asked once, for all filters that want to know. The
 * filters clamav and attachment put their settings in while they are opened; scan_start() then
 * tells the scanner, and message_scan() asks.
 *
 * The scanner is the daemon's (a socket in the runtime folder), or one of our own that is started
 * at the first need and ends with us (reevectl scan, tests). Thread-safe after scan_start().
 */
#ifndef REEVE_CORE_SCAN_SCAN_H
#define REEVE_CORE_SCAN_SCAN_H

#include "core/content/mime.h"
#include "core/session.h"
#include "scanner/wire.h"

struct scan;

struct scan_record {
	struct wire_record r;
	struct str name; /* as in the record */
};

struct scan_report {
	enum wire_status status;
	struct str name;   /* what was found, when infected */
	struct str reason; /* why the status is not clean */
	bool has_content;  /* attachments were looked at */
	bool is_cut;	   /* there were more members than could be told */
	int64_t database_time;
	uint32_t generation, signatures;
	const struct scan_record *records;
	size_t n;
	const struct mime_part *const *parts; /* by the records' item; NULL for the whole message */
	size_t items;
};

/* socket "": a scanner of our own. tmpdir: where it may work when there is no /dev/shm. */
struct scan *scan_new(struct arena *a, struct str socket, struct str tmpdir);
/* For open(): the settings that a filter adds to; options are the bits of enum wire_option. */
struct wire_settings *scan_settings(struct scan *sc);
/* False when there are too many. */
bool scan_add_database(struct scan *sc, struct str path);
/* How long a message may take; the longest of those given. */
void scan_set_timeout(struct scan *sc, int64_t ms);
/* RUNTIME/scanner.seq: not .sock, for it does not speak the control protocol. */
struct str scan_socket(struct arena *a, struct str runtime);
const char *scan_program(struct arena *a); /* where mailreeve-scanner is */
bool scan_is_used(const struct scan *sc);
/* After all filters were opened: the scanner begins to load. Failures show at message_scan(). */
void scan_start(struct scan *sc);
void scan_close(struct scan *sc);

/* Never NULL; a scan that could not be made has the status WIRE_UNSCANNED and a reason. */
const struct scan_report *message_scan(struct scan *sc, struct message *m);

/* The items of a message as a scanner should see them; bytes in the arena or in the message. */
struct scan_items {
	struct str *bytes;
	const struct mime_part **parts;
	size_t n, room;
	bool is_cut; /* more than WIRE_ITEMS_MAX */
};
void scan_items(struct message *m, struct scan_items *ret_items);
/* Text that is shown, not an attachment. */
bool scan_is_body(const struct mime_part *part);
/* What stands before the message in item 0: libclamav knows mail by its first field. */
extern const struct str scan_prefix;

/* reevectl: one request without a message; the text that came. RES_NONE: nobody listens. */
enum res scan_ask(struct str socket, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text);
/* The same of the scanner that sc talks to. */
enum res scan_ask_own(struct scan *sc, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text);

#endif
