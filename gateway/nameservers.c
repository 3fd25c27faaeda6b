/* Resolver options from the configuration and the system. */
#include "gateway/nameservers.h"

#include <stdio.h>

enum { SYSTEM_MAX = 3, TIMEOUT_MS = 5000 };

static size_t read_system(struct arena *a, struct str *servers)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[1024], address[256];
	size_t n = 0;

	while (f && n < SYSTEM_MAX && fgets(line, sizeof line, f))
		if (sscanf(line, "nameserver %255s", address) == 1)
			servers[n++] = arena_str(a, str_of(address));
	if (f)
		fclose(f);
	if (n == 0)
		servers[n++] = STR("127.0.0.1");
	return n;
}

void nameservers_options(const struct config *config, struct arena *a, struct dns_options *ret_options)
{
	size_t n = config ? config->dns_servers.n : 0;
	struct str *servers = arena_array(a, n + SYSTEM_MAX, sizeof *servers);

	*ret_options = (struct dns_options){.servers = servers, .server_count = n, .timeout_ms = TIMEOUT_MS};
	for (size_t i = 0; i < n; i++)
		servers[i] = config->dns_servers.v[i].text;
	if (n == 0)
		ret_options->server_count = read_system(a, servers);
	if (!config)
		return;
	ret_options->timeout_ms = (unsigned)config->dns_timeout_ms;
	if (config->dns_trust_anchor.n)
		ret_options->trust_anchor_file = config->dns_trust_anchor.p;
}
