/* mailreeved: reads the command line, checks the configuration, and becomes the master. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/master.h"
#include "gateway/selftest.h"
#include "gateway/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"

static const char default_config[] = "/etc/mailreeve/mailreeve.conf";

static int usage(void)
{
	fputs("usage: mailreeved [-c FILE] [-f] [-t | --self-test]\n"
	      "  -c FILE  configuration (default /etc/mailreeve/mailreeve.conf)\n"
	      "  -f       stay in the foreground, log to stderr\n"
	      "  -t       check the configuration, policy, rules and lists, then exit\n"
	      "  --self-test  try what the roles' sandboxes must not let them do, then exit\n", stderr);
	return 2;
}

/* Everything that a role would load, with all errors on stderr. */
static bool check(const char *path)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct snapshot *s;
	bool ok;

	conf_load_init(&load, a);
	s = snapshot_load(path, &(struct snapshot_world){.only_check = true}, &load, a);
	ok = s != NULL;
	conf_errors_tell(&load);
	if (s)
		snapshot_unref(s);
	else
		arena_free(a);
	return ok;
}

static int run_self_test(const char *path)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct config *config;
	int status;

	conf_load_init(&load, a);
	config = config_load(&load, path);
	status = config ? self_test(config) : 1;
	arena_free(a);
	return status;
}

static int run(const char *path, bool foreground)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct config *config;
	int status;

	conf_load_init(&load, a);
	config = config_load(&load, path);
	if (!config || load.errors)
		return 1;
	log_init(foreground ? LOG_TARGET_STDERR : (enum log_target)config->log_target,
	    (enum log_level)config->log_level, "master");
	if (foreground)
		config->log_target = LOG_TARGET_STDERR;
	status = master_run(config, path, foreground);
	arena_free(a);
	return status;
}

int main(int argc, char **argv)
{
	const char *path = default_config;
	static const struct option longs[] = {{"self-test", no_argument, NULL, 's'}, {0}};
	bool foreground = false, only_check = false, tests = false;
	int option;

	while ((option = getopt_long(argc, argv, "c:ft", longs, NULL)) != -1) {
		if (option == 'c')
			path = optarg;
		else if (option == 'f')
			foreground = true;
		else if (option == 't')
			only_check = true;
		else if (option == 's')
			tests = true;
		else
			return usage();
	}
	if (optind != argc)
		return usage();
	clock_init();
	if (tests)
		return run_self_test(path);
	if (!check(path))
		return 1;
	if (only_check) {
		fprintf(stderr, "%s: ok\n", path);
		return 0;
	}
	return run(path, foreground);
}
