/* reevectl: global options, and what commands share (ctl.h). */
#include <config.h> /* of the build: PACKAGE_STRING */

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

static int usage(FILE *to)
{
	fputs("usage: reevectl [-c FILE] [--dns IP:PORT] [--now UNIXTIME] COMMAND [ARGUMENT...]\n\n", to);
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		fprintf(to, "  %-10s  %s\n", c->name, c->help);
	fputs("\nreevectl help COMMAND says more; most commands take --json.\n", to);
	return to == stdout ? 0 : 2;
}

int ctl_usage(const struct ctl *ctl)
{
	struct buf text = {0};

	ctl_command_usage(ctl->command, &text);
	fwrite(text.p, 1, text.n, stderr);
	buf_free(&text);
	return 2;
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
		if (strcmp(argv[i], "--version") == 0)
			exit(puts(PACKAGE_STRING) < 0 ? 1 : 0);
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

static int explain(const struct ctl_command *c)
{
	struct buf text = {0};

	ctl_command_text(c, &text);
	ctl_print(buf_str(&text));
	buf_free(&text);
	return 0;
}

static int run_command(struct ctl *ctl, int argc, char **argv)
{
	const char *near;

	ctl->command = ctl_command_find(argv[0]);
	if (ctl->command && argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return explain(ctl->command);
	if (ctl->command)
		return ctl->command->run(ctl, argc, argv);
	near = ctl_command_near(argv[0]);
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
	status = first ? run_command(&ctl, argc - first, argv + first) : usage(stderr);
	arena_free(ctl.arena);
	if (fflush(stdout) != 0)
		status = ctl_fail("cannot write: %s", strerror(errno));
	return status;
}
