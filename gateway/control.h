/*
 * The control sockets: each role listens on RUNTIME/ROLE.sock; reevectl asks, the role answers.
 *
 * The protocol is lines: a request is "WORD ARGUMENTS\n"; the answer is any number of lines that
 * start with a blank, then one line "OK" or "OK TEXT", or "ERR TEXT". A connection can ask again.
 * Who may: root and the role's own account, by SO_PEERCRED; others are closed without a word.
 */
#ifndef REEVE_GATEWAY_CONTROL_H
#define REEVE_GATEWAY_CONTROL_H

#include <stdbool.h>

#include "lib/loop/loop.h"
#include "lib/res.h"
#include "lib/str.h"

enum {
	CONTROL_REQUEST_MAX = 64 * 1024, /* octets of a line */
	CONTROL_CLIENTS_MAX = 32,
	CONTROL_IDLE_MS = 60000,
};

/* Table that ends with a row without word. */
struct control_command {
	const char *word;
	/*
	 * Runs on the loop's thread and must be quick. Lines for the answer go to out (no blank in front,
	 * LF behind each). NULL: OK; else the text behind ERR, which must live until the next call.
	 */
	const char *(*run)(void *arg, struct str args, struct buf *out);
	const char *help;
};

/* What the role says to one line: the protocol without its socket. */
void control_answer(const struct control_command *commands, void *arg, struct str request, struct buf *out);

struct control;

/* NULL with errno when the socket cannot be made. path is replaced; its mode is 0600. */
struct control *control_new(struct loop *l, const char *path, const struct control_command *commands, void *arg);
/* Removes the socket too. NULL is allowed. */
void control_free(struct control *c);

/*
 * reevectl's side: blocks. each() gets the lines between (without the blank and LF), may be NULL.
 * RES_OK; RES_PERM: the role said ERR; RES_NONE: nobody listens there; RES_TEMP: the connection
 * failed. ret_text (buf, may be NULL) gets the text behind OK or ERR, or the reason.
 */
enum res control_call(const char *path, struct str request, void (*each)(void *arg, struct str line),
    void *arg, struct buf *ret_text);

/* The second half of it: the answer that comes from fd. */
enum res control_read(int fd, void (*each)(void *arg, struct str line), void *arg, struct buf *ret_text);

#endif
