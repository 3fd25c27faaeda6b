/*
 * Registered domains by the public suffix list; the only user of libpsl. The list of the system
 * (package publicsuffix) is taken when it is newer than the one in the library. It is loaded once
 * per process, at the first question, and never changes afterwards.
 */
#include <libpsl.h>
#include <pthread.h>
#include <string.h>

#include "core/url/url.h"

enum { HOST_MAX = 255, LABEL_MAX = 63 };

static const psl_ctx_t *list;

static void load(void)
{
	list = psl_latest(NULL);
	if (!list)
		list = psl_builtin();
}

static const psl_ctx_t *suffixes(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return list;
}

/* A lower-case C string of the host without final dots; false when it is too long. */
static bool copy_host(struct str host, char out[HOST_MAX + 1], size_t *ret_n)
{
	while (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n > HOST_MAX || memchr(host.p, '\0', host.n))
		return false;
	for (size_t i = 0; i < host.n; i++)
		out[i] = (char)to_lower((unsigned char)host.p[i]);
	out[host.n] = '\0';
	*ret_n = host.n;
	return true;
}

struct str domain_registered(struct str host)
{
	char copy[HOST_MAX + 1];
	const char *found;
	size_t n;

	if (host_is_address(host) || !copy_host(host, copy, &n) || !suffixes())
		return host;
	found = psl_registrable_domain(suffixes(), copy);
	return found ? str_sub(host, (size_t)(found - copy), n - (size_t)(found - copy)) : host;
}

/* Countries of which the list has rules for the level below only. */
static const char *const starred[] = {"ck", "er", "fk", "jm", "mm", "np", "pg", "za"};

/* Labels of letters, digits and hyphens inside; underscores from the third level on. */
static bool is_name(struct str host)
{
	struct str label;
	size_t level = 0;

	while (host.n && host.p[host.n - 1] == '.')
		host.n--;
	for (ptrdiff_t dot = 0; dot >= 0; level++) {
		dot = str_rchr(host, '.');
		label = str_from(host, (size_t)(dot + 1));
		if (!label.n || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum((unsigned char)label.p[i]) && label.p[i] != '-' &&
			    (label.p[i] != '_' || level < 2))
				return false;
		host.n = dot < 0 ? 0 : (size_t)dot;
	}
	return level > 1;
}

bool host_is_public(struct str host)
{
	ptrdiff_t dot = str_rchr(host, '.');
	char copy[HOST_MAX + 1];
	size_t n;

	if (dot < 0 || !is_name(host) || !suffixes() || !copy_host(str_from(host, (size_t)dot + 1), copy, &n))
		return false;
	for (size_t i = 0; i < sizeof starred / sizeof *starred; i++)
		if (strcmp(copy, starred[i]) == 0)
			return true;
	return psl_is_public_suffix2(suffixes(), copy, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}
