/* What of a configuration only the machine can confirm; snapshot.c calls it while it only checks. */
#include "gateway/host.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/tls.h"

static const struct conf_token *argument_of(const struct config *config, const char *directive)
{
	for (const struct conf_node *node = config->root; node; node = node->next)
		if (str_is(node->tokens[0].text, directive) && node->n == 2)
			return &node->tokens[1];
	return NULL;
}

static void check_account(const struct config *config, struct conf_load *load)
{
	const struct conf_token *user = argument_of(config, "user"), *group = argument_of(config, "group");

	if (geteuid() != 0)
		return;
	if (user && !getpwnam(config->user.p))
		conf_error(load, user->place, "there is no account '%s'; create it with: adduser --system --group %s",
		    config->user.p, config->user.p);
	if (group && !getgrnam(config->group.p))
		conf_error(load, group->place, "there is no group '%s'", config->group.p);
}

static void check_pair(const struct listen_conf *l, struct conf_load *load)
{
	struct str error = STR("");
	struct ssl_ctx_st *tls;

	if (access(l->certificate.p, R_OK) < 0 || access(l->key.p, R_OK) < 0)
		return;
	tls = tls_server_new(l->certificate.p, l->key.p, load->arena, &error);
	if (!tls)
		conf_error(load, l->place, "TLS cannot be offered: %.*s", STR_ARG(error));
	tls_free(tls);
}

void host_check(const struct config *config, struct conf_load *load)
{
	check_account(config, load);
	if (!config->listens && !config->milters)
		conf_warning(load, (struct conf_place){config->path.p, 1, 1},
		    "no mail can come in: there is neither listen nor milter; add \"listen 0.0.0.0:25;\"");
	for (const struct listen_conf *l = config->listens; l; l = l->next)
		if (l->has_tls && l->certificate.n && l->key.n)
			check_pair(l, load);
	for (const struct milter_conf *m = config->milters; m; m = m->next)
		if (m->group.n && !getgrnam(m->group.p))
			conf_error(load, m->place, "there is no group '%s' for the socket; expected that of the MTA",
			    m->group.p);
}
