/* TLS contexts and sessions; the only place of the transport that sees OpenSSL's SSL interface. */
#include "lib/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>

void tls_error_text(const struct ssl_st *ssl, char *out, size_t size)
{
	unsigned long error = (uintptr_t)SSL_get_app_data(ssl);

	if (error)
		ERR_error_string_n(error, out, size);
	else
		snprintf(out, size, "TLS error");
}

static struct str error_of(struct arena *a, const char *what, const char *file)
{
	char text[160] = "unknown error";
	unsigned long error = ERR_peek_last_error();

	if (error)
		ERR_error_string_n(error, text, sizeof text);
	ERR_clear_error();
	return arena_printf(a, "%s %s: %s", what, file ? file : "", text);
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx)
		abort();
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

struct ssl_ctx_st *tls_server_new(const char *certificate, const char *key, struct arena *a,
    struct str *ret_error)
{
	SSL_CTX *ctx = context_new(TLS_server_method());

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		*ret_error = error_of(a, "certificate", certificate);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		*ret_error = error_of(a, "key", key);
	else if (SSL_CTX_check_private_key(ctx) != 1)
		*ret_error = error_of(a, "key does not belong to certificate", certificate);
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

struct ssl_ctx_st *tls_client_new(const char *ca_file, struct arena *a, struct str *ret_error)
{
	SSL_CTX *ctx = context_new(TLS_client_method());

	ERR_clear_error();
	if (ca_file ? SSL_CTX_load_verify_file(ctx, ca_file) == 1 : SSL_CTX_set_default_verify_paths(ctx) == 1)
		return ctx;
	*ret_error = error_of(a, "trusted issuers", ca_file);
	SSL_CTX_free(ctx);
	return NULL;
}

void tls_keep(struct ssl_ctx_st *ctx)
{
	if (ctx)
		SSL_CTX_up_ref(ctx);
}

void tls_free(struct ssl_ctx_st *ctx)
{
	SSL_CTX_free(ctx);
}

static SSL *session_new(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl)
		abort();
	return ssl;
}

struct ssl_st *tls_server_session(struct ssl_ctx_st *ctx)
{
	SSL *ssl = session_new(ctx);

	SSL_set_accept_state(ssl);
	return ssl;
}

struct ssl_st *tls_client_session(struct ssl_ctx_st *ctx, struct str name, bool must_verify)
{
	SSL *ssl = session_new(ctx);
	char cname[256];

	SSL_set_connect_state(ssl);
	if (name.n && name.n < sizeof cname && !memchr(name.p, 0, name.n)) {
		memcpy(cname, name.p, name.n);
		cname[name.n] = '\0';
		SSL_set_tlsext_host_name(ssl, cname);
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (!SSL_set1_host(ssl, cname))
			abort();
	} else if (must_verify) {
		/* Nothing to compare with: nothing can be verified; this matches no certificate. */
		if (!SSL_set1_host(ssl, "invalid.invalid"))
			abort();
	}
	SSL_set_verify(ssl, must_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return ssl;
}

void tls_session_free(struct ssl_st *ssl)
{
	SSL_free(ssl);
}

struct str tls_version(const struct ssl_st *ssl)
{
	return str_of(SSL_get_version(ssl));
}

struct str tls_cipher(const struct ssl_st *ssl)
{
	return str_of(SSL_get_cipher_name(ssl));
}

unsigned tls_cipher_bits(const struct ssl_st *ssl)
{
	return (unsigned)SSL_get_cipher_bits(ssl, NULL);
}

bool tls_is_verified(const struct ssl_st *ssl)
{
	return SSL_get0_peer_certificate(ssl) && SSL_get_verify_result(ssl) == X509_V_OK;
}

struct str tls_verify_text(const struct ssl_st *ssl)
{
	return str_of(X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
}

struct str tls_peer(const struct ssl_st *ssl, struct arena *a)
{
	X509 *peer = SSL_get0_peer_certificate(ssl);
	char text[512];

	if (!peer || !X509_NAME_oneline(X509_get_subject_name(peer), text, sizeof text))
		return STR("");
	return arena_str(a, str_of(text));
}

void tls_attach(struct ssl_st *ssl, int fd)
{
	if (SSL_set_fd(ssl, fd) != 1)
		abort();
}

/* A buffer before the socket, filled in advance; the writing side stays as it is. */
void tls_give(struct ssl_st *ssl, struct str already)
{
	BIO *buffer = BIO_new(BIO_f_buffer());

	if (!buffer || BIO_set_read_buffer_size(buffer, (long)(already.n > 4096 ? already.n : 4096)) != 1 ||
	    BIO_set_buffer_read_data(buffer, (void *)already.p, (long)already.n) != 1)
		abort();
	BIO_up_ref(SSL_get_rbio(ssl));
	SSL_set0_rbio(ssl, BIO_push(buffer, SSL_get_rbio(ssl)));
}

/* What the return value of the last call means; keeps the error for tls_error_text(). */
static enum tls_step step_of(SSL *ssl, int result)
{
	int error = SSL_get_error(ssl, result);
	unsigned long code;

	if (error == SSL_ERROR_WANT_READ)
		return TLS_WANT_READ;
	if (error == SSL_ERROR_WANT_WRITE)
		return TLS_WANT_WRITE;
	code = ERR_peek_error();
	ERR_clear_error();
	SSL_set_app_data(ssl, (void *)(uintptr_t)code);
	if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && !code))
		return TLS_EOF;
	return TLS_FAILED;
}

enum tls_step tls_handshake(struct ssl_st *ssl)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(ssl);
	return result == 1 ? TLS_DONE : step_of(ssl, result);
}

enum tls_step tls_read(struct ssl_st *ssl, char *to, size_t room, size_t *ret_n)
{
	int result;

	ERR_clear_error();
	result = SSL_read_ex(ssl, to, room, ret_n);
	return result == 1 ? TLS_DONE : step_of(ssl, result);
}

enum tls_step tls_write(struct ssl_st *ssl, struct str data, size_t *ret_n)
{
	int result;

	ERR_clear_error();
	result = SSL_write_ex(ssl, data.p, data.n, ret_n);
	return result == 1 ? TLS_DONE : step_of(ssl, result);
}

bool tls_has_pending(const struct ssl_st *ssl)
{
	return SSL_has_pending(ssl) == 1;
}

void tls_close(struct ssl_st *ssl)
{
	ERR_clear_error();
	if (SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
}
