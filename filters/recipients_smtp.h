/* One SMTP connection of call-ahead, blocking with deadlines. */
#ifndef REEVE_FILTERS_RECIPIENTS_SMTP_H
#define REEVE_FILTERS_RECIPIENTS_SMTP_H

#include "filters/recipients_callahead.h"

struct ssl_ctx_st;

struct smtp_reply {
	int code; /* 0: none came, text says why */
	char text[256]; /* with the code, on one line, printable */
};

struct smtp_link;

/* Connects, greets, and secures it as the route wants. NULL with the reason in ret_reply. */
struct smtp_link *smtp_link_open(const struct callahead_server *server, const struct route *route,
    struct ssl_ctx_st *tls, struct str hostname, int64_t deadline_us, struct smtp_reply *ret_reply);
void smtp_link_close(struct smtp_link *link);
bool smtp_link_has_utf8(const struct smtp_link *link);
/*
 * RSET, MAIL FROM:<> and RCPT TO, in one go where the server can. The reply to RCPT, or with
 * code 0 why there is none; *ret_is_stale: an old connection was gone, a new one may do.
 */
void smtp_link_ask(struct smtp_link *link, struct str address, bool is_utf8, int64_t deadline_us,
    struct smtp_reply *ret_reply, bool *ret_is_stale);

#endif
