/* The Received: field (RFC 5321 4.4, protocol names of RFC 3848 and RFC 6531). */
#include "core/date.h"
#include "gateway/smtp/private.h"

/* The name that the filter iprev confirmed, or that a trusted neighbour told; "" none. */
static struct str client_name(const struct session *s)
{
	const struct fact *iprev = fact_find(&s->facts, "iprev"), *name = fact_find(&s->facts, "iprev.name");

	return iprev && name && str_is(iprev->u.text, "pass") ? name->u.text : s->client_name;
}

/* A name that somebody gave, made of characters that cannot end a clause or start a comment. */
static void add_name(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		buf_addc(out, is_alnum((unsigned char)c) || (c && strchr(".-_:[]", c)) ? c : '?');
	}
}

/* "(name [192.0.2.1])"; without a name that is sure only the address. */
static void add_client(struct buf *out, const struct session *s)
{
	struct str name = client_name(s);
	char ip[IP_TEXT_MAX];

	buf_adds(out, " (");
	add_name(out, name);
	if (name.n)
		buf_addc(out, ' ');
	buf_addf(out, "[%s%s])", s->client.family == 6 ? "IPv6:" : "",
	    s->client.family ? ip_format(&s->client, ip).p : "unknown");
}

static const char *protocol(const struct session *s)
{
	bool has_tls = s->tls_version.n > 0, has_auth = s->auth_user.n > 0;
	static const char *const esmtp[4] = {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"};
	static const char *const utf8[4] = {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"};

	if (s->message->is_utf8)
		return utf8[has_tls + 2 * has_auth];
	return s->is_esmtp ? esmtp[has_tls + 2 * has_auth] : "SMTP";
}

struct str smtp_received(const struct session *s, struct arena *a, unsigned tls_bits, int64_t now)
{
	const struct message *m = s->message;
	struct buf out = {0};

	buf_adds(&out, "from ");
	add_name(&out, s->helo.n ? s->helo : STR("unknown"));
	add_client(&out, s);
	if (s->tls_version.n)
		buf_addf(&out, "\r\n\t(using %.*s with cipher %.*s (%u bits))", STR_ARG(s->tls_version),
		    STR_ARG(s->tls_cipher), tls_bits);
	buf_addf(&out, "\r\n\tby %.*s with %s id %s", STR_ARG(s->hostname), protocol(s), m->id);
	if (m->recipients == 1)
		buf_addf(&out, "\r\n\tfor <%.*s>", STR_ARG(m->first->address.text));
	buf_adds(&out, ";\r\n\t");
	date_write(&out, now);
	return buf_take(&out, a);
}
