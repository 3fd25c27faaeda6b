/*
 * reevectl: what its commands share. A command is one function in gateway/ctl/, listed in the table
 * of gateway/ctl/commands.c; it gets its own arguments (argv[0] is the command) and returns the exit
 * status: 0, 1 for "no" or a failure that it reported on stderr, 2 for wrong usage.
 */
#ifndef REEVE_GATEWAY_CTL_CTL_H
#define REEVE_GATEWAY_CTL_CTL_H

#include <stdbool.h>

#include "gateway/config.h"
#include "lib/dns/dns.h"

struct ctl;

struct ctl_command {
	const char *name;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *args; /* a line for each way of calling it; one that begins with a blank goes on */
	const char *help; /* one line */
	const char *more; /* what else one has to know; "" nothing */
};

struct ctl {
	const struct ctl_command *command;
	struct arena *arena;
	const char *config_path;    /* of -c, or the default path */
	bool has_config_option;     /* -c was given: the file must be there */
	const char *dns_server;	    /* of --dns, or NULL */
	bool json;		    /* --json */
	struct conf_load load;
	const struct config *config; /* ctl_config() loads it */
	size_t skipped;		     /* octets of the mbox line that ctl_read_message() left out last */
};

/* The configuration; exits with its errors on stderr when there is none. Kept after the first call. */
const struct config *ctl_config(struct ctl *ctl);
/* A resolver for --dns, else the configuration's servers, else /etc/resolv.conf's. Exits on failure. */
struct dns *ctl_dns(struct ctl *ctl);
/* Takes --json and the like out of argv; returns the new argc. Commands call it first. */
int ctl_options(struct ctl *ctl, int argc, char **argv);
/* "reevectl: text" on stderr; returns 1. */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes to stdout; exits when it cannot. */
void ctl_print(struct str text);
/*
 * A message file: maps it, skips a leading mbox "From " line. "-" is standard input. False with
 * the reason on stderr. The slice lives as long as ctl->arena.
 */
bool ctl_read_message(struct ctl *ctl, const char *path, struct str *ret_message);

extern const struct ctl_command ctl_commands[]; /* the last one has no name */
const struct ctl_command *ctl_command_find(const char *name);
/* The name that is nearest to a wrong one; NULL when none is near. */
const char *ctl_command_near(const char *name);
void ctl_command_usage(const struct ctl_command *c, struct buf *out);
/* How it is called and what it does. */
void ctl_command_text(const struct ctl_command *c, struct buf *out);
/* reevectl(8) in man(7) format. */
void ctl_commands_page(struct buf *out);
/* Says on stderr how the running command is called; returns 2. */
int ctl_usage(const struct ctl *ctl);

/* As root: acts as the owner of path (the state folder) from now on, so that what is made there is his. */
bool ctl_become_owner(const char *path);

int ctl_auth(struct ctl *ctl, int argc, char **argv);
int ctl_check(struct ctl *ctl, int argc, char **argv);
int ctl_dkim(struct ctl *ctl, int argc, char **argv);
int ctl_dmarc(struct ctl *ctl, int argc, char **argv);
int ctl_greylist(struct ctl *ctl, int argc, char **argv);
int ctl_help(struct ctl *ctl, int argc, char **argv);
int ctl_list(struct ctl *ctl, int argc, char **argv);
int ctl_fuzzy(struct ctl *ctl, int argc, char **argv);
int ctl_learn(struct ctl *ctl, int argc, char **argv);
int ctl_mime(struct ctl *ctl, int argc, char **argv);
int ctl_policy(struct ctl *ctl, int argc, char **argv);
int ctl_quarantine(struct ctl *ctl, int argc, char **argv);
int ctl_queue(struct ctl *ctl, int argc, char **argv);
int ctl_rate(struct ctl *ctl, int argc, char **argv);
int ctl_reload(struct ctl *ctl, int argc, char **argv);
int ctl_reputation(struct ctl *ctl, int argc, char **argv);
int ctl_rules(struct ctl *ctl, int argc, char **argv);
int ctl_scan(struct ctl *ctl, int argc, char **argv);
int ctl_scanner(struct ctl *ctl, int argc, char **argv);
int ctl_spf(struct ctl *ctl, int argc, char **argv);
int ctl_stats(struct ctl *ctl, int argc, char **argv);
int ctl_trace(struct ctl *ctl, int argc, char **argv);

#endif
