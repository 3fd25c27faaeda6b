/*
 * TLS on OpenSSL: contexts for servers and clients, and the five calls that the loop needs to move
 * octets. Contexts are made once (as root where keys need it), are immutable afterwards and shared
 * by all threads; a session (struct ssl_st) belongs to one connection.
 *
 * Both sides: TLS 1.2 or newer, no renegotiation, no compression, buffers given back while idle.
 * Servers keep no session cache and hand out no tickets: resumption would cost memory per client
 * and a key to rotate, and mail sessions are few per peer.
 */
#ifndef REEVE_LIB_TLS_H
#define REEVE_LIB_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

struct ssl_ctx_st;
struct ssl_st;

/*
 * PEM files; the certificate file holds the chain, leaf first. Certificates of clients are asked
 * for and never required. NULL and a text when a file cannot be used or the two do not match.
 */
struct ssl_ctx_st *tls_server_new(const char *certificate, const char *key, struct arena *a,
    struct str *ret_error);
/* ca_file: PEM file with trusted issuers, or NULL for the system's. Verifies names when asked to. */
struct ssl_ctx_st *tls_client_new(const char *ca_file, struct arena *a, struct str *ret_error);
/* One more owner, who calls tls_free() too. NULL is allowed by both. */
void tls_keep(struct ssl_ctx_st *ctx);
void tls_free(struct ssl_ctx_st *ctx);

/* For conn_accept() and conn_starttls(). */
struct ssl_st *tls_server_session(struct ssl_ctx_st *ctx);
/*
 * name: sent as SNI and, with must_verify, demanded in a certificate of a trusted issuer; without
 * it the handshake goes on whatever the certificate says and tls_is_verified() tells.
 */
struct ssl_st *tls_client_session(struct ssl_ctx_st *ctx, struct str name, bool must_verify);
void tls_session_free(struct ssl_st *ssl);

/* After the handshake. The texts are static or copied into the arena. */
struct str tls_version(const struct ssl_st *ssl);	 /* "TLSv1.3" */
struct str tls_cipher(const struct ssl_st *ssl); /* "TLS_AES_256_GCM_SHA384" */
unsigned tls_cipher_bits(const struct ssl_st *ssl);
/* Issuer trusted, name right, dates right. */
bool tls_is_verified(const struct ssl_st *ssl);
/* Why it was not verified, in OpenSSL's words. */
struct str tls_verify_text(const struct ssl_st *ssl);
/* Subject of the peer's certificate in one line; "" when there is none. */
struct str tls_peer(const struct ssl_st *ssl, struct arena *a);

/* ---- for the loop ---- */

enum tls_step {
	TLS_DONE,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_EOF,   /* closed by the peer, with or without close_notify */
	TLS_FAILED /* tls_error_text() */
};

void tls_attach(struct ssl_st *ssl, int fd);
/* After tls_attach: octets of the handshake that were read from the descriptor before; copied. */
void tls_give(struct ssl_st *ssl, struct str already);
enum tls_step tls_handshake(struct ssl_st *ssl);
enum tls_step tls_read(struct ssl_st *ssl, char *to, size_t room, size_t *ret_n);
enum tls_step tls_write(struct ssl_st *ssl, struct str data, size_t *ret_n);
/* Octets that are decrypted already: the descriptor will not become readable for them. */
bool tls_has_pending(const struct ssl_st *ssl);
/* Sends close_notify if that is possible at once. */
void tls_close(struct ssl_st *ssl);
/* Of the last call on it that failed. */
void tls_error_text(const struct ssl_st *ssl, char *out, size_t size);

#endif
