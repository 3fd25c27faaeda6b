/* reevectl: the table of commands, global options, and what commands share (ctl.h). */
#include "gateway/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/nameservers.h"
#include "lib/clock.h"
#include "lib/log.h"

static const char default_config[] = "/etc/mailreeve/mailreeve.conf";

static const struct command {
	const char *name;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *args, *help;
} commands[] = {
    {"check", ctl_check, "[FILE]", "check configuration, policy, rules, lists and maps; all errors, exit 0 or 1"},
    {"scan", ctl_scan, "[--client IP] [--helo NAME] [--from ADDR] [--rcpt ADDR]... [--json|--explain] FILE|DIR|-...",
	"run the whole chain on message files; nothing is sent, no state is changed"},
    {"spf", ctl_spf, "--client IP --helo NAME --from ADDR", "one SPF evaluation, as JSON"},
    {"auth", ctl_auth, "[--client IP --helo NAME --from ADDR] FILE", "SPF, DKIM, ARC and DMARC of a message, as JSON"},
    {"dkim", ctl_dkim, "genkey|show|test ...", "make signing keys, print and test their DNS records"},
    {"dmarc", ctl_dmarc, "report [--day YYYY-MM-DD] [--out DIR] [--send] [DOMAIN...]", "aggregate reports about a day: list, write, send"},
    {"learn", ctl_learn, "spam|ham|forget FILE|DIR...", "teach the filter learn; files may be mboxes"},
    {"mime", ctl_mime, "FILE", "MIME structure of a message as JSON"},
    {"queue", ctl_queue, "list|show|retry|hold|release|delete [ID...] [--sender A] [--recipient A] [--domain D]\n"
	"         [--older TIME] [--younger TIME] [--all] [--json]",
	"look at mail that waits for delivery, and steer it"},
    {"quarantine", ctl_quarantine, "list|show|release|delete [KEY...] [--sender A] [--recipient A] [--domain D]\n"
	"         [--older TIME] [--younger TIME] [--all] [--json]",
	"look at mail that policy set aside, let it go or remove it"},
    {"list", ctl_list, "add|del|show|import|export NAME [ENTRY...|FILE] [--for ADDRESS|DOMAIN] [--expires TIME]\n"
	"         [--owner O] [--comment T] [--json]",
	"lists that are kept in the store; a change counts at once"},
    {"policy", ctl_policy, "set|show|unset ADDRESS|DOMAIN|default [NAME [VALUE]] [--json]",
	"settings of recipients and domains: thresholds, filters, greylisting, language, class"},
    {"rate", ctl_rate, "show|reset [KEY] [--all] [--json]", "how full rate limits are; start them anew"},
    {"greylist", ctl_greylist, "show|stats|release|forget [ORIGIN|ADDRESS|CLIENT...] [--all] [--json]",
	"who waits and who is let through; what greylisting stopped; let somebody through now"},
    {"reputation", ctl_reputation, "show|reset [NAME] [--all] [--json]",
	"how mail of networks and domains was judged; forget it"},
    {"rules", ctl_rules, "lint|list|cost|test [FILE...]", "examine rule files"},
    {"scanner", ctl_scanner, "status|reload", "the virus scanner of the running daemon: its state; load its databases again"},
    {"reload", ctl_reload, "", "check the configuration and have the running daemon take it over"},
    {"help", ctl_help, "[NAME]", "explain a command, directive, filter, fact, finding or action"},
    {"stats", ctl_stats, "", "counters of the running daemon"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int usage(FILE *to)
{
	fputs("usage: reevectl [-c FILE] [--dns IP:PORT] [--now UNIXTIME] COMMAND [ARGUMENT...]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s  %s\n", commands[i].name, commands[i].help);
	fputs("\nreevectl help COMMAND says more; most commands take --json.\n", to);
	return to == stdout ? 0 : 2;
}

bool ctl_command_text(const char *name, struct buf *out)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0) {
			buf_addf(out, "reevectl %s%s%s\n  %s\n", name, *commands[i].args ? " " : "", commands[i].args,
			    commands[i].help);
			return true;
		}
	return false;
}

int ctl_fail(const char *format, ...)
{
	va_list args;

	fputs("reevectl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return 1;
}

void ctl_print(struct str text)
{
	if (fwrite(text.p, 1, text.n, stdout) == text.n && !ferror(stdout))
		return;
	ctl_fail("cannot write: %s", strerror(errno));
	exit(1);
}

bool ctl_become_owner(const char *path)
{
	struct stat st;

	if (geteuid() != 0 || stat(path, &st) || st.st_uid == 0)
		return true;
	return setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0;
}

int ctl_options(struct ctl *ctl, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			ctl->json = true;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	return kept;
}

const struct config *ctl_config(struct ctl *ctl)
{

	if (ctl->config)
		return ctl->config;
	ctl->config = config_load(&ctl->load, ctl->config_path);
	if (ctl->config && ctl->load.errors == 0)
		return ctl->config;
	conf_errors_tell(&ctl->load);
	exit(1);
}

/* "127.0.0.1:5353" and "[::1]:5353" as the resolver writes them: ADDRESS@PORT. */
static struct str server_text(struct ctl *ctl, const char *text)
{
	struct conf_token token = {.kind = TOKEN_WORD, .text = str_of(text), .place = {"--dns", 1, 1}};
	char address[IP_TEXT_MAX];
	uint16_t port;
	struct ip ip;

	if (!conf_endpoint(&ctl->load, &token, 53, &ip, &port)) {
		ctl_fail("--dns: expected IP:PORT, not '%s'", text);
		exit(2);
	}
	ip_format(&ip, address);
	return arena_printf(ctl->arena, "%s@%u", address, port);
}

struct dns *ctl_dns(struct ctl *ctl)
{
	bool has_config = !ctl->dns_server && ctl->has_config_option;
	struct dns_options options;
	struct str error, server;
	struct dns *dns;

	nameservers_options(has_config ? ctl_config(ctl) : NULL, ctl->arena, &options);
	if (ctl->dns_server) {
		server = server_text(ctl, ctl->dns_server);
		options.servers = &server;
		options.server_count = 1;
	}
	dns = dns_new(&options, ctl->arena, &error);
	if (dns)
		return dns;
	ctl_fail("cannot start the resolver: %.*s", STR_ARG(error));
	exit(1);
}

static struct str skip_mbox_line(struct ctl *ctl, struct str message)
{
	ptrdiff_t end = str_starts(message, STR("From ")) ? str_chr(message, '\n') : -1;

	ctl->skipped = (size_t)(end + 1);
	return str_from(message, ctl->skipped);
}

static bool read_stream(struct ctl *ctl, struct str *ret_message)
{
	struct buf all = {0};
	size_t n;

	while ((n = fread(buf_reserve(&all, 65536), 1, 65536, stdin)) > 0)
		all.n += n;
	if (ferror(stdin)) {
		buf_free(&all);
		return false;
	}
	*ret_message = skip_mbox_line(ctl, buf_take(&all, ctl->arena));
	return true;
}

struct mapping {
	void *p;
	size_t n;
};

static void unmap(void *arg)
{
	struct mapping *mapping = arg;

	munmap(mapping->p, mapping->n);
}

static bool map_file(struct ctl *ctl, int fd, struct str *ret_message)
{
	struct mapping *mapping = arena_alloc(ctl->arena, sizeof *mapping);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	*ret_message = STR("");
	ctl->skipped = 0;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return false;
	}
	if (st.st_size == 0)
		return true;
	mapping->n = (size_t)st.st_size;
	mapping->p = mmap(NULL, mapping->n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapping->p == MAP_FAILED)
		return false;
	arena_defer(ctl->arena, unmap, mapping);
	*ret_message = skip_mbox_line(ctl, (struct str){mapping->p, mapping->n});
	return true;
}

bool ctl_read_message(struct ctl *ctl, const char *path, struct str *ret_message)
{
	bool ok;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_stream(ctl, ret_message) || (ctl_fail("-: %s", strerror(errno)), false);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ok = fd >= 0 && map_file(ctl, fd, ret_message);
	if (!ok)
		ctl_fail("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Options before the command; returns the index of the command, 0 on wrong usage. */
static int global_options(struct ctl *ctl, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint64_t now;

		if (strcmp(argv[i], "--json") == 0) {
			ctl->json = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			exit(usage(stdout));
		if (!value)
			return 0;
		if (strcmp(argv[i], "-c") == 0) {
			ctl->config_path = value;
			ctl->has_config_option = true;
		} else if (strcmp(argv[i], "--dns") == 0) {
			ctl->dns_server = value;
		} else if (strcmp(argv[i], "--now") == 0 && str_u64(str_of(value), &now) && now < INT64_MAX / 1000000) {
			clock_fix((int64_t)now);
		} else {
			return 0;
		}
		i++;
	}
	return i < argc ? i : 0;
}

static int run_command(struct ctl *ctl, int argc, char **argv)
{
	const char *names[COMMANDS], *near;

	for (size_t i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(ctl, argc, argv);
	}
	near = conf_near(str_of(argv[0]), names, COMMANDS);
	ctl_fail("unknown command '%s'%s%s%s", argv[0], near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return 2;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.arena = arena_new(0), .config_path = default_config};
	int first, status;

	clock_init();
	log_init(LOG_TARGET_STDERR, LOG_LEVEL_WARNING, "reevectl");
	conf_load_init(&ctl.load, ctl.arena);
	first = global_options(&ctl, argc, argv);
	if (first == 0)
		return usage(stderr);
	status = run_command(&ctl, argc - first, argv + first);
	arena_free(ctl.arena);
	if (fflush(stdout) != 0)
		status = ctl_fail("cannot write: %s", strerror(errno));
	return status;
}
