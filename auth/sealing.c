/* Keys from `sign` and `seal` lines, and what is done with them to mail that goes out. */
#include "auth/sealing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/auth.h"
#include "core/address.h"
#include "core/filter.h"
#include "lib/clock.h"

enum { KEY_FILE_MAX = 64 * 1024 };

/* ---- configuration ---- */

/* The DNS has one key for it. */
static bool is_named_before(struct conf_load *load, const struct conf_token *t, const struct sealing *sealing)
{
	for (const struct sealing_key *k = sealing->first; k; k = k->next)
		if (str_ieq(k->key.domain, t[1].text) && str_ieq(k->key.selector, t[3].text)) {
			conf_error(load, t[3].place, "selector '%.*s' of %.*s has a key already, line %u; each key needs a selector of its own",
			    STR_ARG(t[3].text), STR_ARG(t[1].text), k->place.line);
			return true;
		}
	return false;
}

void sealing_read(struct conf_load *load, const struct conf_node *node, struct sealing *sealing)
{
	const struct conf_token *t = node->tokens;
	struct sealing_key *k;

	if (node->n != 6 || !str_is(t[2].text, "selector") || !str_is(t[4].text, "key")) {
		conf_error(load, t[0].place, "expected: %.*s DOMAIN selector NAME key FILE", STR_ARG(t[0].text));
		return;
	}
	if (!domain_is_valid(t[1].text, false) || !domain_is_valid(t[3].text, false)) {
		conf_error(load, t[1].place, "'%.*s' with selector '%.*s' is no domain name", STR_ARG(t[1].text),
		    STR_ARG(t[3].text));
		return;
	}
	if (is_named_before(load, t, sealing))
		return;
	k = arena_alloc(load->arena, sizeof *k);
	k->key.domain = str_lower(load->arena, t[1].text);
	k->key.selector = arena_str(load->arena, t[3].text);
	k->path = conf_path(load->arena, t[5].place, t[5].text);
	k->place = t[5].place;
	if (!sealing->last)
		sealing->last = &sealing->first;
	*sealing->last = k;
	sealing->last = &k->next;
	sealing->n++;
}

static bool read_key_file(const struct filter_env *env, const char *path, char *text, size_t room, size_t *ret_n)
{
	int fd = env->open_key ? env->open_key(env->keys_fd, path) : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	*ret_n = 0;
	while (fd >= 0 && n > 0 && *ret_n < room) {
		n = read(fd, text + *ret_n, room - *ret_n);
		*ret_n += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return fd >= 0 && n >= 0;
}

static bool load_key(struct sealing_key *k, const struct filter_env *env, struct conf_load *load)
{
	char text[KEY_FILE_MAX];
	size_t n;

	if (!read_key_file(env, k->path.p, text, sizeof text, &n)) {
		conf_error(load, k->place, "cannot read the key %s: %s", k->path.p, strerror(errno));
		return false;
	}
	k->key.key = crypto_private_key((struct str){text, n});
	explicit_bzero(text, sizeof text);
	if (!k->key.key)
		conf_error(load, k->place, "%s is no private key in PEM form (RSA or Ed25519)", k->path.p);
	else if (crypto_key_kind(k->key.key) == CRYPTO_RSA && crypto_key_bits(k->key.key) < 1024)
		conf_error(load, k->place, "%s: RSA keys below 1024 bits are not accepted by anybody", k->path.p);
	else
		return true;
	return false;
}

bool sealing_open(struct sealing *sealing, const struct filter_env *env, struct conf_load *load)
{
	bool ok = true;

	for (struct sealing_key *k = sealing->first; k; k = k->next)
		ok &= load_key(k, env, load);
	return ok;
}

void sealing_close(struct sealing *sealing)
{
	for (struct sealing_key *k = sealing->first; k; k = k->next) {
		crypto_key_free((struct crypto_key *)k->key.key);
		k->key.key = NULL;
	}
}

bool sealing_has_client(const struct sealing *sealing, const struct ip *client)
{
	for (size_t i = 0; i < sealing->clients.n; i++)
		if (cidr_has(&sealing->clients.v[i], client))
			return true;
	return false;
}

/* ---- mail that goes out ---- */

static bool speaks_for(struct str domain, struct str author)
{
	return str_ieq(domain, author) || (author.n > domain.n && str_iends(author, domain) &&
					      author.p[author.n - domain.n - 1] == '.');
}

/* Shared with the verifying filters, which have hashed the body already in most cases. */
static void hash_body(struct session *s, uint8_t hash[CRYPTO_DIGEST_MAX])
{
	struct message *m = s->message;
	const struct body_mark *have = body_hashes_find(&message_auth(m)->bodies, CANON_RELAXED, CRYPTO_SHA256, BODY_ALL);

	if (have)
		memcpy(hash, have->value, CRYPTO_DIGEST_MAX);
	else
		sign_body(m->arena, str_from(spool_data(m->spool), m->headers.body), hash);
}

static void sign_message(struct session *s, const struct sealing *conf, struct edits *edits)
{
	struct arena *a = s->message->arena;
	struct sign_request request = {.names = STR(""), .now = clock_now()};
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct authors authors;
	struct headers view;

	if (conf->n == 0 || !auth_is_submission(s))
		return;
	sign_view(a, &s->message->headers, edits, &view);
	authors_find(a, &view, &authors);
	if (authors.fault || authors.n != 1)
		return;
	hash_body(s, hash);
	if (conf->expire_ms)
		request.expires = request.now + conf->expire_ms / 1000;
	for (const struct sealing_key *k = conf->first; k; k = k->next) {
		struct str value;

		request.key = &k->key;
		if (k->key.key && speaks_for(k->key.domain, authors.domains[0]) &&
		    sign_dkim(a, &view, hash, &request, &value))
			edit_add_header(edits, a, STR("DKIM-Signature"), value);
	}
}

static void seal_message(struct session *s, const struct sealing *conf, struct edits *edits)
{
	const struct auth *auth = message_auth(s->message);
	struct arena *a = s->message->arena;
	struct sign_request request = {.names = STR(""), .now = clock_now()};
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct arc_values values;
	struct headers view;

	if (conf->n == 0 || auth_is_submission(s) || !auth->arc || auth->results.n == 0)
		return;
	request.key = &conf->first->key;
	if (!request.key->key)
		return;
	sign_view(a, &s->message->headers, edits, &view);
	hash_body(s, hash);
	if (!sign_arc(a, &view, hash, auth->arc, auth->results, &request, &values))
		return;
	edit_add_header(edits, a, STR("ARC-Authentication-Results"), values.results);
	edit_add_header(edits, a, STR("ARC-Message-Signature"), values.message);
	edit_add_header(edits, a, STR("ARC-Seal"), values.seal);
}

void seal_outgoing(struct session *s, struct edits *edits)
{
	const struct auth *auth = s->message->auth;

	if (auth && auth->signing)
		sign_message(s, auth->signing, edits);
	if (auth && auth->sealing)
		seal_message(s, auth->sealing, edits);
}
