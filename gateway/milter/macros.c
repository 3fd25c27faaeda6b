/*
 * What the MTA tells in macros. Postfix and Sendmail give different ones at different stages;
 * whatever is missing stays unknown.
 */
#include "gateway/milter/private.h"

static struct str macro(struct milter_conn *c, const char *name)
{
	const char *value = smfi_getsymval(c->ctx, (char *)name);

	return value ? arena_str(c->session->arena, str_of(value)) : STR("");
}

/* Only a value replaces what is known already. */
static void take(struct milter_conn *c, const char *name, struct str *to)
{
	struct str value = macro(c, name);

	if (value.n)
		*to = value;
}

void milter_macros_connect(struct milter_conn *c)
{
	struct session *s = c->session;
	struct str address = macro(c, "{daemon_addr}");

	if (!address.n)
		address = macro(c, "{if_addr}");
	ip_parse(address, &s->local);
	take(c, "{client_name}", &s->client_name);
	if (str_is(s->client_name, "unknown"))
		s->client_name = STR("");
}

void milter_macros_mail(struct milter_conn *c)
{
	struct session *s = c->session;

	take(c, "{tls_version}", &s->tls_version);
	take(c, "{cipher}", &s->tls_cipher);
	take(c, "{auth_authen}", &s->auth_user);
	if (str_is(macro(c, "{verify}"), "OK"))
		take(c, "{cert_subject}", &s->tls_peer);
}
