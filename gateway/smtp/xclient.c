/*
 * XCLIENT, as Postfix defines it: a trusted neighbour says for whom it speaks. The session starts
 * again at the connect stage with the new attributes; those that are not given stay.
 */
#include "gateway/smtp/private.h"

struct attributes {
	struct arena *arena;
	struct ip client, local;
	uint16_t client_port, local_port;
	struct str name, helo, login;
	bool is_esmtp;
};

static bool is_unavailable(struct str v)
{
	return str_iis(v, "[UNAVAILABLE]") || str_iis(v, "[TEMPUNAVAIL]");
}

static bool set_ip(struct str v, struct ip *ret_ip)
{
	if (is_unavailable(v)) {
		*ret_ip = (struct ip){0};
		return true;
	}
	return ip_parse(str_istarts(v, STR("IPV6:")) ? str_from(v, 5) : v, ret_ip);
}

static bool set_port(struct str v, uint16_t *ret_port)
{
	uint64_t port = 0;

	if (!is_unavailable(v) && (!str_u64(v, &port) || port > 65535))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool set_text(struct str v, struct str *ret_text)
{
	/* Decoded, it may hold anything; what it becomes part of (fields, logs, facts) must not. */
	if (v.n > ADDRESS_DOMAIN_MAX || str_chr(v, ' ') >= 0 || !line_is_clean(v) || !str_is_utf8(v))
		return false;
	*ret_text = is_unavailable(v) ? STR("") : v;
	return true;
}

static bool set_addr(struct attributes *a, struct str v)
{
	return set_ip(v, &a->client);
}
static bool set_addr_port(struct attributes *a, struct str v)
{
	return set_port(v, &a->client_port);
}
static bool set_dest(struct attributes *a, struct str v)
{
	return set_ip(v, &a->local);
}
static bool set_dest_port(struct attributes *a, struct str v)
{
	return set_port(v, &a->local_port);
}
static bool set_name(struct attributes *a, struct str v)
{
	return set_text(v, &a->name);
}
static bool set_helo(struct attributes *a, struct str v)
{
	return set_text(v, &a->helo);
}
static bool set_login(struct attributes *a, struct str v)
{
	return set_text(v, &a->login);
}
static bool set_proto(struct attributes *a, struct str v)
{
	a->is_esmtp = str_iis(v, "ESMTP");
	return a->is_esmtp || str_iis(v, "SMTP");
}

static const struct {
	const char *name;
	bool (*set)(struct attributes *a, struct str value);
} table[] = {{"NAME", set_name}, {"ADDR", set_addr}, {"PORT", set_addr_port}, {"PROTO", set_proto},
    {"HELO", set_helo}, {"LOGIN", set_login}, {"DESTADDR", set_dest}, {"DESTPORT", set_dest_port}};

static bool set_attribute(struct attributes *a, struct str key, struct str value)
{
	struct str text;

	if (!xtext_decode(a->arena, value, &text))
		return false;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_iis(key, table[i].name))
			return table[i].set(a, text);
	return false;
}

static bool parse(struct attributes *a, struct str args)
{
	struct str word;
	bool has_any = false;

	while (str_word(&args, &word)) {
		ptrdiff_t at = str_chr(word, '=');

		if (at <= 0 || !set_attribute(a, str_sub(word, 0, (size_t)at), str_from(word, (size_t)at + 1)))
			return false;
		has_any = true;
	}
	return has_any;
}

static void apply(struct smtp *c, const struct attributes *a)
{
	smtp_message_end(c);
	smtp_session_new(c, &a->client, a->client_port, &a->local, a->local_port);
	c->s->client_name = arena_str(c->s->arena, a->name);
	c->s->auth_user = arena_str(c->s->arena, a->login);
	c->s->helo = arena_str(c->s->arena, a->helo);
	c->s->is_esmtp = a->is_esmtp;
	c->has_helo = false;
	c->is_xclient = true;
	smtp_set_tls(c);
}

bool smtp_may_xclient(const struct smtp *c)
{
	for (size_t i = 0; i < c->conf->xclient.n; i++)
		if (cidr_has(&c->conf->xclient.v[i], &c->s->client))
			return true;
	return false;
}

void smtp_xclient(struct smtp *c, struct str args)
{
	const struct session *s = c->s;
	struct attributes a = {.arena = arena_new(0), .client = s->client, .local = s->local,
	    .client_port = s->client_port, .local_port = s->local_port, .name = s->client_name, .helo = s->helo,
	    .login = s->auth_user, .is_esmtp = s->is_esmtp};

	if (!smtp_may_xclient(c)) {
		smtp_error(c, "550 5.7.0 you may not speak for others");
	} else if (s->message) {
		smtp_error(c, "503 5.5.1 a message is under way already");
	} else if (a.helo = arena_str(a.arena, s->helo), a.name = arena_str(a.arena, s->client_name),
	    a.login = arena_str(a.arena, s->auth_user), !parse(&a, args)) {
		smtp_error(c, "501 5.5.4 bad XCLIENT attributes");
	} else {
		apply(c, &a);
		smtp_greet(c);
	}
	arena_free(a.arena);
}
