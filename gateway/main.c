/* mailreeved: reads the command line, checks the configuration, and becomes the master. */
#include <config.h> /* of the build: PACKAGE_STRING */

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/master.h"
#include "gateway/selftest.h"
#include "gateway/snapshot.h"
#include "gateway/title.h"
#include "lib/clock.h"
#include "lib/log.h"

static const char default_config[] = "/etc/mailreeve/mailreeve.conf";

enum action { ACTION_RUN, ACTION_CHECK, ACTION_SELF_TEST };

static int usage(FILE *to)
{
	fputs("usage: mailreeved [-c FILE] [-f] [-t | --self-test]\n"
	      "  -c FILE      configuration (default /etc/mailreeve/mailreeve.conf)\n"
	      "  -f           stay in the foreground, log to stderr\n"
	      "  -t           check the configuration, policy, rules and lists, then exit\n"
	      "  --self-test  try what the roles' sandboxes must not let them do, then exit\n"
	      "  --version    say which version this is\n", to);
	return to == stdout ? 0 : 2;
}

static void tell_errors(void *arg, const struct conf_load *load, bool ok)
{
	(void)arg;
	(void)ok;
	conf_errors_tell(load);
}

/* NULL when it has errors, which have been told. */
static struct config *load_config(struct arena *a, const char *path)
{
	struct conf_load load;
	struct config *config;

	conf_load_init(&load, a);
	config = config_load(&load, path);
	if (config && !load.errors)
		return config;
	conf_errors_tell(&load);
	return NULL;
}

static int run_self_test(const char *path)
{
	struct arena *a = arena_new(0);
	struct config *config = load_config(a, path);
	int status = config ? self_test(config) : 1;

	arena_free(a);
	return status;
}

static int run(const char *path, bool foreground)
{
	struct arena *a = arena_new(0);
	struct config *config = load_config(a, path);
	int status;

	if (!config)
		return 1;
	/* In the background there is no stderr, and a log that nobody can read is worse than one elsewhere. */
	if (foreground || config->log_target == LOG_TARGET_STDERR)
		config->log_target = foreground ? LOG_TARGET_STDERR : LOG_TARGET_SYSLOG;
	log_init((enum log_target)config->log_target, (enum log_level)config->log_level, "master");
	status = master_run(config, path, foreground);
	arena_free(a);
	return status;
}

static int act(enum action action, const char *path, bool foreground)
{
	clock_init();
	if (action == ACTION_SELF_TEST)
		return run_self_test(path);
	if (!snapshot_check(path, tell_errors, NULL))
		return 1;
	if (action == ACTION_RUN)
		return run(path, foreground);
	fprintf(stderr, "%s: ok\n", path);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"self-test", no_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'}, {0}};
	const char *path = default_config;
	enum action action = ACTION_RUN;
	bool foreground = false;
	int option;

	argv = title_take(argc, argv);
	while ((option = getopt_long(argc, argv, "c:fht", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'f':
			foreground = true;
			break;
		case 't':
			action = ACTION_CHECK;
			break;
		case 's':
			action = ACTION_SELF_TEST;
			break;
		case 'h':
			return usage(stdout);
		case 'V':
			puts(PACKAGE_STRING);
			return 0;
		default:
			return usage(stderr);
		}
	}
	return optind == argc ? act(action, path, foreground) : usage(stderr);
}
