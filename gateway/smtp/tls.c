/* STARTTLS (RFC 3207), and what both kinds of TLS leave in the session. */
#include "gateway/smtp/private.h"
#include "lib/tls.h"

void smtp_starttls(struct smtp *c, struct str args)
{
	if (args.n) {
		smtp_error(c, "501 5.5.4 STARTTLS takes no argument");
		return;
	}
	if (c->is_tls || !smtp_tls(c)) {
		smtp_error(c, c->is_tls ? "503 5.5.1 TLS is active already" : "502 5.5.1 STARTTLS is not offered");
		return;
	}
	/* Commands behind STARTTLS in the clear were injected by somebody: no reply, no session. */
	if (conn_input_length(c->conn) > 0) {
		smtp_count(&smtp_stats(c)->tls_failures);
		smtp_end(c, false);
		return;
	}
	smtp_reply(c, "220 2.0.0 ready for TLS");
	if (!conn_starttls(c->conn, tls_server_session(smtp_tls(c)), true))
		smtp_end(c, false);
}

void smtp_set_tls(struct smtp *c)
{
	struct ssl_st *ssl = c->is_tls ? conn_ssl(c->conn) : NULL;

	if (!ssl)
		return;
	c->s->tls_version = tls_version(ssl);
	c->s->tls_cipher = tls_cipher(ssl);
	if (tls_is_verified(ssl))
		c->s->tls_peer = tls_peer(ssl, c->s->arena);
}

void smtp_secured(struct smtp *c)
{
	c->is_tls = true;
	smtp_set_tls(c);
	if (c->mode == MODE_GREET)
		smtp_greet(c);
	else
		smtp_forget_helo(c);
}
