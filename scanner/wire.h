/*
 * The protocol between those who have mail (core/scan/scan.c) and mailreeve-scanner. Both run on one
 * host out of one build, so records are structs in native order; but neither trusts the other: every
 * length is checked by the functions here.
 *
 * A request is one datagram. Settings and questions go to the supervisor, over a SOCK_SEQPACKET connection with one of them
 * under way; its answer is one datagram: a head, then records. The answer to SETUP brings two descriptors, for messages: a
 * SCAN goes there into a queue from which the workers themselves take, whoever has time; the second is for a message whose
 * worker died, and read by fresh workers only. A SCAN has the table of items and their bytes behind its head when they fit,
 * for a datagram is a copy that nobody else has; else in a sealed memfd. With it comes the end of a pipe for the answer: where
 * nobody has that any more, nobody will answer.
 */
#ifndef REEVE_SCANNER_WIRE_H
#define REEVE_SCANNER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/str.h"

enum {
	WIRE_MAGIC = 0x6d725363,
	WIRE_VERSION = 3,
	WIRE_REQUEST_MAX = 64 * 1024,  /* octets of a datagram to the scanner */
	WIRE_ANSWER_MAX = 192 * 1024, /* below what a socket takes by default */
	WIRE_ITEMS_MAX = 2048,
	WIRE_BYTES_MAX = 512 * 1024 * 1024, /* of the items and their table */
	WIRE_NAME_MAX = 255,
	WIRE_PATHS_MAX = 64,
	WIRE_WORKERS_MAX = 64,
	WIRE_CONNECTIONS_MAX = 512,
	WIRE_HASH = 32,
	WIRE_FDS_MAX = 2, /* that come with a datagram */
};

enum wire_op {
	WIRE_SETUP = 1,
	WIRE_SCAN,
	WIRE_STATUS,
	WIRE_RELOAD,
	/*
	 * The message with this id had no answer in its time, or none of databases that it wants: why? Whoever has it is ended.
	 * Clean: they are on their way, and there is time.
	 */
	WIRE_OVERDUE,
};

/* How an item, or all of a message, came out. A higher one prevails. Only clean is clean. */
enum wire_status {
	WIRE_CLEAN,
	WIRE_BROKEN,	/* a container that cannot be read to its end */
	WIRE_ENCRYPTED, /* a container that needs a password */
	WIRE_LIMIT,	/* too large, too deep, too many: not all of it was looked at */
	WIRE_UNSCANNED, /* the scan itself could not be made */
	WIRE_INFECTED,
	WIRE_STATUSES,
};

enum wire_record_type {
	WIRE_RESULT = 1, /* of an item: status; name is the signature or the reason */
	WIRE_CONTENT,	 /* of an item: what its bytes are; flags of its members too */
	WIRE_MEMBER,	 /* of an archive in the item: name, depth from 1 */
	WIRE_TEXT,	 /* name is text for people: why, or lines of the status */
};

/* What was noticed in content. */
enum wire_flag {
	WIRE_F_PROGRAM = 1 << 0,
	WIRE_F_SCRIPT = 1 << 1,	   /* a program as text: .js, .vbs, .ps1, .bat */
	WIRE_F_ARCHIVE = 1 << 2,
	WIRE_F_ENCRYPTED = 1 << 3,
	WIRE_F_MACRO = 1 << 4,
	WIRE_F_DDE = 1 << 5,
	WIRE_F_EXTERNAL = 1 << 6,  /* an office document loads something from elsewhere */
	WIRE_F_EMBEDDED = 1 << 7,  /* OLE packages and the like inside a document */
	WIRE_F_HTML = 1 << 8,
	WIRE_F_ACTIVE = 1 << 9,	   /* script in HTML, JavaScript or launch actions in PDF */
	WIRE_F_SMUGGLING = 1 << 10, /* HTML that puts a file together in the browser */
	WIRE_F_TRAVERSAL = 1 << 11, /* a member's name leads out of the folder */
	WIRE_F_LIMIT = 1 << 12,
	WIRE_F_BROKEN = 1 << 13,
	WIRE_F_SHORTCUT = 1 << 14,
	WIRE_F_IMAGE = 1 << 15,	   /* a disk image */
	WIRE_F_LINK = 1 << 16,	   /* a member that is a link */
	WIRE_F_PDF_LAUNCH = 1 << 17,
};

/* What the bytes are: index into the table of wire_kind(). */
enum wire_kind_id {
	KIND_UNKNOWN, KIND_EMPTY, KIND_TEXT, KIND_HTML, KIND_XML, KIND_MAIL, KIND_RTF, KIND_PDF, KIND_EXE, KIND_ELF,
	KIND_MACHO, KIND_CLASS, KIND_DEX, KIND_LNK, KIND_OLE, KIND_WORD, KIND_EXCEL, KIND_POWERPOINT, KIND_MSG,
	KIND_MSI, KIND_OOXML, KIND_DOCX, KIND_XLSX, KIND_PPTX, KIND_ODF, KIND_JAR, KIND_ZIP, KIND_RAR, KIND_7Z,
	KIND_TAR, KIND_GZIP, KIND_BZIP2, KIND_XZ, KIND_ZSTD, KIND_LZMA, KIND_CAB, KIND_ISO, KIND_ARJ, KIND_LHA,
	KIND_CPIO, KIND_ACE, KIND_LZ, KIND_COMPRESS, KIND_TNEF, KIND_CHM, KIND_VHD, KIND_DMG, KIND_UDF, KIND_ONENOTE, KIND_SWF,
	KIND_PNG, KIND_JPEG, KIND_GIF, KIND_BMP, KIND_WEBP, KIND_TIFF, KIND_SVG, KIND_ICO, KIND_MP3, KIND_MP4,
	KIND_OGG, KIND_WAV, KIND_AVI, KIND_FONT, KIND_SHELL, KIND_BATCH, KIND_POWERSHELL, KIND_JAVASCRIPT,
	KIND_VBSCRIPT, KIND_PHP, KIND_PYTHON, KIND_WASM, KIND_SZDD, KIND_BINHEX, KIND_REG, KIND_URL, KIND_SQLITE,
	KIND_PGP, KIND_DER, KIND_ICS, KIND_VCARD, KIND_MSO, KIND_WIM, KIND_SLK, KIND_DISK, KIND_LZ4, KIND_AR, KIND_RPM, KIND_XAR,
	KIND_ALZ, KIND_EGG, KIND_STUFFIT, KIND_ZOO, KIND_ZPAQ, KIND_LZO, KIND_COUNT,
};

struct wire_kind {
	const char *type;	/* "application/zip" */
	const char *extensions; /* that fit, separated by blanks; "" any */
	uint32_t flags;		/* WIRE_F_* that follow from the kind */
};

const struct wire_kind *wire_kind(unsigned kind);
/* "a.js" of "a.js.gz": what a compressed file is called when it does not say; nothing of "a.tgz". */
struct str content_stem(struct str name);
const char *wire_status_name(unsigned status);
/* What the name of an alert of libclamav means: infected, or one of the outcomes that have a name there. */
enum wire_status wire_alert_status(struct str name);

struct wire_head {
	uint32_t magic;
	uint16_t version;
	uint16_t op;
	uint64_t id;	       /* of a message: no other has it, whoever sent it */
	int64_t sent_ms;       /* SCAN, OVERDUE: CLOCK_MONOTONIC, as all processes here have it */
	int64_t deadline_ms;   /* SCAN: nobody waits any longer */
	uint32_t count;	       /* of items, records or paths that follow */
	uint32_t is_again;     /* SCAN: a worker died of it, or with it */
	uint64_t size;	       /* request: of the items and their table; answer: of all records */
	uint32_t status;       /* answer: enum wire_status */
	uint32_t generation;   /* answer: of the databases */
	int64_t database_time; /* answer: when the newest database was made; 0 unknown */
	uint32_t signatures;
	uint32_t is_cut;       /* answer: more members than fit */
	uint64_t micros;
	uint32_t options;      /* SCAN, OVERDUE: of enum wire_option, what is wanted; answer: what this generation does */
	uint32_t unused;
};

enum wire_option {
	WIRE_O_CLAMAV = 1 << 0,	  /* load databases and scan */
	WIRE_O_CONTENT = 1 << 1,  /* find out what attachments are */
	WIRE_O_ENCRYPTED = 1 << 2, /* encrypted containers are an outcome */
	WIRE_O_PUA = 1 << 3,
	WIRE_O_MACROS = 1 << 4,	  /* documents with macros count as infected */
	WIRE_O_BYTECODE = 1 << 5,
	WIRE_O_IN_PLACE = 1 << 6, /* reload without holding two sets of databases */
	WIRE_O_PHISHING = 1 << 7,
};

struct wire_settings {
	uint64_t serial; /* when these were read; older ones do not replace newer ones */
	uint64_t max_file, max_scan, max_member, max_total;
	uint32_t max_recursion, max_files, max_members, max_depth, max_ratio;
	uint32_t workers;
	uint32_t options;
	uint32_t check_ms; /* how often the databases are looked at */
};

struct wire_item {
	uint64_t offset, size; /* from the start of the table; items may overlap */
	uint32_t flags;
	uint32_t unused;
};

enum {
	WIRE_I_MESSAGE = 1, /* all of a message: no attachment of its own */
	WIRE_I_BODY = 2,    /* text that is read, not opened */
};

struct wire_record {
	uint16_t type, item, kind, status;
	uint16_t depth, name_length;
	uint32_t flags;
	uint64_t size;
	uint8_t hash[WIRE_HASH]; /* SHA-256, zero when not made */
};

/* True when the head and all lengths of a request fit. ret_paths: WIRE_PATHS_MAX slices for SETUP. */
bool wire_read_request(struct str datagram, struct wire_head *ret_head);
bool wire_read_settings(struct str datagram, struct wire_settings *ret_settings, struct str *ret_paths,
    size_t *ret_count);
struct buf;
void wire_put_settings(struct buf *out, uint64_t id, const struct wire_settings *settings, const struct str *paths,
    size_t count);
/* Of a SCAN that was read: whether the items are behind the head. */
bool wire_has_items(struct str datagram);
/* The table at the start, all items inside of what came. */
bool wire_check_items(const void *map, uint64_t size, uint32_t count);

/* Answers: start, add, finish. Adding returns NULL when there is no room (is_cut is set then). */
struct wire_answer {
	char *p; /* WIRE_ANSWER_MAX octets */
	size_t n;
	struct wire_head head;
};

void wire_answer_start(struct wire_answer *a, char *room, const struct wire_head *request);
bool wire_answer_add(struct wire_answer *a, const struct wire_record *record, struct str name, size_t *ret_at);
/* Adds flags to a record that stands there already, and sets its kind. */
void wire_answer_mark(struct wire_answer *a, size_t at, unsigned kind, uint32_t flags);
struct str wire_answer_finish(struct wire_answer *a);

bool wire_read_answer(struct str datagram, struct wire_head *ret_head);
/* Cuts the next record off; false at the end or when it does not fit. */
bool wire_next_record(struct str *rest, struct wire_record *ret_record, struct str *ret_name);

/* Room for large datagrams, as far as the system lets. */
void wire_widen(int fd);

/* Descriptors that go with a datagram. What was received is the receiver's. */
struct wire_fds {
	size_t n;
	int fd[WIRE_FDS_MAX];
};
void wire_fds_close(struct wire_fds *fds);

/* One datagram, and descriptors (NULL: none). False with errno. */
bool wire_send(int fd, struct str datagram, const struct wire_fds *pass, int flags);
/* The same of a datagram in pieces. */
bool wire_send_pieces(int fd, const struct iovec *pieces, size_t count, const struct wire_fds *pass, int flags);
/*
 * Octets read; 0 at the end, -1 with errno. What was cut off counts as EMSGSIZE, or EMFILE when we had no room for descriptors.
 * ret_fds NULL: what comes is closed.
 */
ptrdiff_t wire_receive(int fd, char *room, size_t size, struct wire_fds *ret_fds, int flags);
/* Of a datagram the head alone, what is behind it is lost; false when there is none. What has no head has no descriptors. Does not wait. */
bool wire_receive_head(int fd, struct wire_head *ret_head, struct wire_fds *ret_fds);

#endif
