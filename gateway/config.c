/* The top-level directives: tables, and the few that need code of their own. */
#include "gateway/config.h"

#include <errno.h>
#include <unistd.h>

#include "core/address.h"
#include "core/content/content.h"
#include "core/header.h"
#include "core/content/mime.h"
#include "core/settings.h"
#include "core/url/url.h"
#include "lib/log.h"

#define SECOND 1000.0
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void finish(struct conf_load *load, struct config *config);

struct config *config_load(struct conf_load *load, const char *path)
{
	struct config *config = arena_alloc(load->arena, sizeof *config);
	size_t errors = load->errors;

	config->path = arena_str(load->arena, str_of(path));
	config->root = conf_parse_file(load, config->path.p);
	if (!config->root && load->errors > errors)
		return NULL;
	conf_apply(load, config_directives, config->root, config, "the configuration",
	    (struct conf_place){config->path.p, 1, 1});
	finish(load, config);
	return config;
}

const struct listen_conf *config_listen(const struct config *config, const struct listen_conf *like)
{
	for (const struct listen_conf *l = config->listens; l; l = l->next)
		if (l->port == like->port && ip_eq(&l->ip, &like->ip))
			return l;
	return NULL;
}

/* The name of this host; "" when it has none that could be one in SMTP. */
static struct str own_name(struct arena *a)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) < 0 || !domain_is_valid(str_of(name), false))
		return STR("");
	return arena_str(a, str_of(name));
}

/* postmaster of the first domain that is ours: bare <postmaster> must reach somebody. */
static struct str own_postmaster(struct arena *a, const struct config *config)
{
	struct str domain = config->hostname;

	for (const struct conf_node *node = config->root; node; node = node->next)
		if (conf_is_word(&node->tokens[0], "relay") && node->n > 1 && node->tokens[1].text.n &&
		    is_alnum((unsigned char)node->tokens[1].text.p[0])) {
			domain = node->tokens[1].text;
			break;
		}
	return arena_printf(a, "postmaster@%.*s", STR_ARG(domain));
}

/* Zero means: as this machine is. Workers are many, for a filter may wait for look-ups. */
static void size_threads(struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		cores = 1;
	if (config->loops == 0)
		config->loops = (cores + 1) / 2;
	if (config->workers == 0)
		config->workers = 16 * cores;
	if (config->scans == 0)
		config->scans = cores;
}

static void finish(struct conf_load *load, struct config *config)
{
	struct conf_place place = {config->path.p, 1, 1};

	size_threads(config);

	if (!config->hostname.n)
		config->hostname = own_name(load->arena);
	if (!config->hostname.n)
		conf_error(load, place, "this host has no name that can be used; expected hostname NAME;");
	if (!config->postmaster.n)
		config->postmaster = own_postmaster(load->arena, config);
}

/* Statements of other modules: they are known here, and read there. */
static void leave(struct conf_load *load, const struct conf_node *node, void *target)
{
	(void)load;
	(void)node;
	(void)target;
}

static void set_hostname(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct config *config = target;

	if (!conf_expect_block(load, node, false) || !conf_expect_args(load, node, 1, 1, "NAME") ||
	    !conf_text(load, &node->tokens[1], &config->hostname))
		return;
	if (!domain_is_valid(config->hostname, false))
		conf_error(load, node->tokens[1].place, "%s is no host name", conf_token_show(load->arena, &node->tokens[1]));
}

static void set_postmaster(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct config *config = target;
	struct address address;
	const char *wrong;

	if (!conf_expect_block(load, node, false) || !conf_expect_args(load, node, 1, 1, "ADDRESS") ||
	    !conf_text(load, &node->tokens[1], &config->postmaster))
		return;
	wrong = address_parse(load->arena, config->postmaster, true, &address);
	if (wrong)
		conf_error(load, node->tokens[1].place, "%s is no address: %s",
		    conf_token_show(load->arena, &node->tokens[1]), wrong);
}

static bool expect_only_block(struct conf_load *load, const struct conf_node *node)
{
	return conf_expect_args(load, node, 0, 0, "{ ... }") && conf_expect_block(load, node, true);
}

static void set_limits(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct config *config = target;

	if (expect_only_block(load, node))
		conf_apply(load, limits_directives, node->children, &config->limits, "limits", node->tokens[0].place);
}

static void set_dns(struct conf_load *load, const struct conf_node *node, void *target)
{
	if (expect_only_block(load, node))
		conf_apply(load, dns_directives, node->children, target, "dns", node->tokens[0].place);
}

static void set_log(struct conf_load *load, const struct conf_node *node, void *target)
{
	if (expect_only_block(load, node))
		conf_apply(load, log_directives, node->children, target, "log", node->tokens[0].place);
}

static void set_queue(struct conf_load *load, const struct conf_node *node, void *target)
{
	if (expect_only_block(load, node))
		conf_apply(load, queue_directives, node->children, target, "queue", node->tokens[0].place);
}

/* Kept as the resolver wants them: ADDRESS@PORT. */
static void set_server(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct config *config = target;
	char text[IP_TEXT_MAX];
	struct conf_token server;
	uint16_t port;
	struct ip ip;

	if (!conf_expect_block(load, node, false) || !conf_expect_args(load, node, 1, SIZE_MAX, "ADDRESS[:PORT]..."))
		return;
	for (size_t i = 1; i < node->n; i++) {
		if (!conf_endpoint(load, &node->tokens[i], 53, &ip, &port))
			continue;
		server = node->tokens[i];
		server.text = arena_printf(load->arena, "%.*s@%u", STR_ARG(ip_format(&ip, text)), port);
		conf_strings_add(load, &config->dns_servers, &server);
	}
}

/* ---- listeners ---- */

/*
 * Keys are often for root only. A role that gave root up gets them from the master (gateway/keys.h),
 * which looked at them as root: what this account may not see is no mistake of the file.
 */
static void check_readable(struct conf_load *load, const struct conf_token *t, struct str path)
{
	if (access(path.p, R_OK) < 0 && (errno != EACCES || geteuid() == 0))
		conf_error(load, t->place, "cannot read '%s': %s", path.p, strerror(errno));
}

static void set_tls(struct conf_load *load, const struct conf_node *node, void *target)
{
	static const char args[] = "[implicit] certificate FILE key FILE";
	struct listen_conf *l = target;
	size_t i = 1;

	if (!conf_expect_block(load, node, false) || !conf_expect_args(load, node, 4, 5, args))
		return;
	l->is_implicit_tls = conf_is_word(&node->tokens[i], "implicit");
	i += l->is_implicit_tls;
	for (; i + 1 < node->n; i += 2) {
		struct str *file = conf_is_word(&node->tokens[i], "certificate") ? &l->certificate
				   : conf_is_word(&node->tokens[i], "key")	 ? &l->key
										 : NULL;
		if (!file) {
			conf_error(load, node->tokens[i].place, "%s is wrong here; expected tls %s",
			    conf_token_show(load->arena, &node->tokens[i]), args);
			return;
		}
		if (!conf_text(load, &node->tokens[i + 1], file))
			return;
		*file = conf_path(load->arena, node->tokens[i + 1].place, *file);
		check_readable(load, &node->tokens[i + 1], *file);
	}
	if (i < node->n || !l->certificate.n || !l->key.n)
		conf_error(load, node->tokens[0].place, "expected tls %s", args);
	l->has_tls = true;
}

static bool is_taken(struct conf_load *load, const struct config *config, const struct listen_conf *l)
{
	for (const struct listen_conf *other = config->listens; other; other = other->next)
		if (other->port == l->port && ip_eq(&other->ip, &l->ip) && l->port != 0) {
			conf_error(load, l->place, "the same listener is at %s:%u already", other->place.file,
			    other->place.line);
			return true;
		}
	return false;
}

static void set_listen(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct config *config = target;
	struct listen_conf *l = arena_alloc(load->arena, sizeof *l), **last = &config->listens;

	if (!conf_expect_args(load, node, 1, 1, "ADDRESS[:PORT] { ... }"))
		return;
	l->place = node->tokens[1].place;
	conf_apply(load, listen_directives, node->children, l, "listen", l->place);
	if (!conf_endpoint(load, &node->tokens[1], l->is_implicit_tls ? 465 : 25, &l->ip, &l->port) ||
	    is_taken(load, config, l))
		return;
	if (l->tls_required && !l->has_tls)
		conf_error(load, l->place, "tls-required needs 'tls certificate FILE key FILE;' in this block");
	while (*last)
		last = &(*last)->next;
	*last = l;
}

/* ADDRESS:PORT in libmilter's words, or what is written in them already. */
static bool milter_socket(struct conf_load *load, const struct conf_token *t, struct str *ret_socket)
{
	char text[IP_TEXT_MAX];
	struct conf_token address = *t;
	uint16_t port;
	struct ip ip;

	if (str_starts(t->text, STR("unix:/")) || str_starts(t->text, STR("local:/"))) {
		*ret_socket = arena_str(load->arena, t->text);
		return true;
	}
	if ((str_starts(t->text, STR("inet:")) || str_starts(t->text, STR("inet6:"))) && str_chr(t->text, '@') > 0) {
		*ret_socket = arena_str(load->arena, t->text);
		return true;
	}
	if (str_starts(t->text, STR("inet:")) || str_starts(t->text, STR("inet6:")))
		address.text = str_from(t->text, (size_t)str_chr(t->text, ':') + 1);
	if (!conf_endpoint(load, &address, 0, &ip, &port))
		return false;
	*ret_socket = arena_printf(load->arena, "%s:%u@%.*s", ip.family == 4 ? "inet" : "inet6", port,
	    STR_ARG(ip_format(&ip, text)));
	return true;
}

static void set_mode(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct milter_conf *m = target;
	struct str text;
	int64_t mode = 0;

	if (!conf_expect_block(load, node, false) || !conf_expect_args(load, node, 1, 1, "MODE"))
		return;
	text = node->tokens[1].text;
	for (size_t i = 0; i < text.n && mode >= 0; i++)
		mode = text.p[i] >= '0' && text.p[i] <= '7' && mode <= 0777 ? mode * 8 + text.p[i] - '0' : -1;
	if (text.n == 0 || mode < 0 || mode > 0777)
		conf_error(load, node->tokens[1].place, "%s is no mode; expected octal digits, such as 0660",
		    conf_token_show(load->arena, &node->tokens[1]));
	else
		m->mode = mode;
}

static void set_milter(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct config *config = target;
	struct milter_conf *m = arena_alloc(load->arena, sizeof *m), **last = &config->milters;

	if (!conf_expect_args(load, node, 1, 1, "unix:/PATH | ADDRESS:PORT | inet:PORT@HOST") ||
	    !milter_socket(load, &node->tokens[1], &m->socket))
		return;
	m->place = node->tokens[1].place;
	m->mode = 0660;
	conf_apply(load, milter_directives, node->children, m, "milter", m->place);
	for (; *last; last = &(*last)->next)
		if (str_eq((*last)->socket, m->socket))
			conf_error(load, m->place, "the same milter socket is at %s:%u already", (*last)->place.file,
			    (*last)->place.line);
	*last = m;
}

/* ---- tables ---- */

static const char *const newline_words[] = {
    [BARE_REJECT] = "reject", [BARE_NORMALIZE] = "normalize", NULL};
static const char *const target_words[] = {[LOG_TARGET_STDERR] = "stderr",
    [LOG_TARGET_SYSLOG] = "syslog",
    [LOG_TARGET_JOURNALD] = "journald",
    NULL};
static const char *const level_words[] = {[LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
    NULL};
static const char *const class_words[] = {"quarantine", "defer", NULL};

#define AT(field) offsetof(struct listen_conf, field)
const struct directive listen_directives[] = {
    {.name = "tls", .type = CONF_CUSTOM, .set = set_tls, .args = "[implicit] certificate FILE key FILE",
	.help = "offers STARTTLS; implicit: the connection starts with TLS (default port 465)"},
    {.name = "tls-required", .type = CONF_FLAG, .offset = AT(tls_required), .def = "off", .args = "on | off",
	.help = "MAIL is refused before STARTTLS"},
    {.name = "max-sessions", .type = CONF_INT, .offset = AT(max_sessions), .def = "10000", .min = 1,
	.max = 1000000, .args = "NUMBER", .help = "sessions on this listener; more get 421"},
    {.name = "max-sessions-per-client", .type = CONF_INT, .offset = AT(max_sessions_per_client), .def = "100",
	.min = 1, .max = 1000000, .args = "NUMBER", .help = "sessions of one client address; more get 421"},
    {.name = "xclient", .type = CONF_CIDRS, .offset = AT(xclient), .args = "NETWORK...",
	.help = "clients that may use XCLIENT"},
    {.name = "proxy", .type = CONF_CIDRS, .offset = AT(proxy), .args = "NETWORK...",
	.help = "clients that must send a PROXY header (version 1 or 2) first"},
    {.name = "bare-newline", .type = CONF_CHOICE, .offset = AT(bare_newline), .choices = newline_words,
	.def = "reject", .args = "reject | normalize",
	.help = "what becomes of a CR or LF alone in commands and data: refused, or made CRLF"},
    {0},
};
#undef AT

#define AT(field) offsetof(struct milter_conf, field)
static const char *const hold_words[] = {"store", "hold", NULL};
const struct directive milter_directives[] = {
    {.name = "mode", .type = CONF_CUSTOM, .set = set_mode, .args = "MODE",
	.help = "permissions of a unix socket, octal (default 0660)"},
    {.name = "group", .type = CONF_STRING, .offset = AT(group), .args = "NAME",
	.help = "group of a unix socket, for the MTA to reach it: postfix, smmsp"},
    {.name = "max-sessions", .type = CONF_INT, .offset = AT(max_sessions), .def = "1000", .min = 1, .max = 100000,
	.args = "NUMBER", .help = "sessions of the MTA at a time; the clients of more get 421"},
    {.name = "quarantine", .type = CONF_CHOICE, .offset = AT(hold), .choices = hold_words, .def = "store",
	.args = "store | hold", .help = "where quarantined messages go: our store, or the hold queue of the MTA"},
    {0},
};
#undef AT

#define AT(field) offsetof(struct limits_conf, field)
const struct directive limits_directives[] = {
    {.name = "line", .type = CONF_INT, .offset = AT(line), .def = "2048", .min = 998, .max = 1048576,
	.args = "OCTETS", .help = "longest line of a message, without its CRLF"},
    {.name = "command", .type = CONF_INT, .offset = AT(command), .def = "2048", .min = 512, .max = 65536,
	.args = "OCTETS", .help = "longest command line"},
    {.name = "recipients", .type = CONF_INT, .offset = AT(recipients), .def = "1000", .min = 100, .max = 100000,
	.args = "NUMBER", .help = "recipients of one message"},
    {.name = "commands", .type = CONF_INT, .offset = AT(commands), .def = "1000", .min = 10, .max = 1000000,
	.args = "NUMBER", .help = "commands in one session"},
    {.name = "errors", .type = CONF_INT, .offset = AT(errors), .def = "20", .min = 1, .max = 1000000,
	.args = "NUMBER", .help = "refused commands in one session; then it is closed"},
    {.name = "hops", .type = CONF_INT, .offset = AT(hops), .def = "100", .min = 5, .max = 1000, .args = "NUMBER",
	.help = "Received fields of a message; more is a mail loop"},
    {.name = "message", .type = CONF_SIZE, .offset = AT(message), .def = "50M", .min = 64 * KIB, .max = 16 * GIB,
	.args = "SIZE", .help = "size of a message; announced as SIZE"},
    {.name = "memory", .type = CONF_SIZE, .offset = AT(memory), .def = "256K", .min = 4 * KIB, .max = GIB,
	.args = "SIZE", .help = "of a message in memory; what is larger goes to an unlinked file"},
    {.name = "memory-total", .type = CONF_SIZE, .offset = AT(memory_total), .def = "1G", .min = MIB,
	.max = 1024 * GIB, .args = "SIZE", .help = "of all sessions of the process; above it new work gets 421 or 452"},
    {.name = "idle", .type = CONF_DURATION, .offset = AT(idle_ms), .def = "5m", .min = SECOND, .max = DAY,
	.args = "DURATION", .help = "wait for the next command or piece of data"},
    {.name = "session", .type = CONF_DURATION, .offset = AT(session_ms), .def = "30m", .min = SECOND, .max = DAY,
	.args = "DURATION", .help = "a whole session, whatever it does"},
    {.name = "stage", .type = CONF_DURATION, .offset = AT(stage_ms), .def = "20s", .min = 100, .max = 5 * MINUTE,
	.args = "DURATION", .help = "look-ups and filters of one stage (connect, helo, mail, rcpt, message)"},
    {.name = "banner", .type = CONF_DURATION, .offset = AT(banner_ms), .def = "0s", .min = 0, .max = 5 * MINUTE,
	.args = "DURATION", .help = "pause before the greeting; who talks in it is an early talker (filter greet)"},
    {.name = "dns-queries", .type = CONF_INT, .offset = AT(dns_queries), .def = "60", .min = 1, .max = 10000,
	.args = "NUMBER", .help = "DNS questions for one message"},
    {.name = "transfer-min", .type = CONF_INT, .offset = AT(transfer_min), .def = "128", .min = 0, .max = 1048576,
	.args = "OCTETS", .help = "octets per second in DATA, after its first 60 s; slower clients are dropped"},
    {.name = "headers", .type = CONF_INT, .offset = AT(parse.headers), .def = "1000", .min = 10,
	.max = HEADER_COUNT_MAX, .args = "NUMBER", .help = "fields of a header section; more gets 552"},
    {.name = "header-bytes", .type = CONF_SIZE, .offset = AT(parse.header_bytes), .def = "256K", .min = KIB,
	.max = HEADER_BYTES_MAX, .args = "SIZE", .help = "of a header section; more gets 552"},
    {.name = "mime-depth", .type = CONF_INT, .offset = AT(parse.mime_depth), .def = "32", .min = 1,
	.max = MIME_DEPTH_MAX, .args = "NUMBER", .help = "parts within parts; what is deeper is not taken apart"},
    {.name = "mime-parts", .type = CONF_INT, .offset = AT(parse.mime_parts), .def = "1000", .min = 2,
	.max = MIME_PARTS_MAX, .args = "NUMBER", .help = "parts of a message; the rest stays in the last one"},
    {.name = "urls", .type = CONF_INT, .offset = AT(parse.urls), .def = "2000", .min = 1, .max = URL_MAX,
	.args = "NUMBER", .help = "links of a message that rules see"},
    {.name = "text", .type = CONF_SIZE, .offset = AT(parse.text), .def = "1M", .min = KIB, .max = CONTENT_TEXT_MAX,
	.args = "SIZE", .help = "readable text of a message that rules see, HTML included"},
    {0},
};
#undef AT

#define AT(field) offsetof(struct config, field)
const struct directive dns_directives[] = {
    {.name = "server", .at_start = true, .type = CONF_CUSTOM, .set = set_server, .repeats = true, .args = "ADDRESS[:PORT]...",
	.help = "recursive resolvers; without any, those of /etc/resolv.conf"},
    {.name = "timeout", .type = CONF_DURATION, .offset = AT(dns_timeout_ms), .def = "10s", .min = 100,
	.max = 2 * MINUTE, .args = "DURATION", .help = "for all look-ups of one stage together"},
    {.name = "trust-anchor", .at_start = true, .type = CONF_PATH, .offset = AT(dns_trust_anchor), .args = "FILE",
	.help = "DNSSEC root key; answers are then validated here"},
    {0},
};

const struct directive log_directives[] = {
    {.name = "target", .at_start = true, .type = CONF_CHOICE, .offset = AT(log_target), .choices = target_words, .def = "stderr",
	.args = "stderr | syslog | journald", .help = "where the log goes; with -f always stderr, without it stderr means syslog"},
    {.name = "level", .at_start = true, .type = CONF_CHOICE, .offset = AT(log_level), .choices = level_words, .def = "info",
	.args = "error | warning | info | debug", .help = "least important lines that are written"},
    {.name = "trace", .type = CONF_CIDRS, .offset = AT(trace), .args = "NETWORK...",
	.help = "clients whose commands and replies are logged"},
    {.name = "trace-all", .type = CONF_FLAG, .offset = AT(log_client_trace), .def = "off", .args = "on | off",
	.help = "logs commands and replies of every client"},
    {0},
};

const struct directive queue_directives[] = {
    {.name = "segment", .at_start = true, .type = CONF_SIZE, .offset = AT(queue_segment), .def = "64M", .min = 64 * KIB, .max = 4 * GIB,
	.args = "SIZE", .help = "size at which a queue file is closed and the next one started"},
    {.name = "free-min", .at_start = true, .type = CONF_SIZE, .offset = AT(queue_free_min), .def = "100M", .min = 0, .max = 1024 * GIB,
	.args = "SIZE", .help = "free space that is left; with less, mail is deferred with 452 before it is taken"},
    {.name = "durable", .at_start = true, .type = CONF_FLAG, .offset = AT(queue_durable), .def = "on", .args = "on | off",
	.help = "250 only after the message is on disk; off loses acknowledged mail in a crash"},
    {.name = "reports", .type = CONF_INT, .offset = AT(reports), .def = "600", .min = 1, .max = 1000000,
	.args = "NUMBER", .help = "reports to senders per minute; more wait, with the mail they are about"},
    {.name = "reports-per-domain", .type = CONF_INT, .offset = AT(reports_domain), .def = "60", .min = 1,
	.max = 60000, .args = "NUMBER", .help = "the same for the senders of one domain"},
    {0},
};

const struct directive config_directives[] = {
    {.name = "hostname", .type = CONF_CUSTOM, .set = set_hostname, .args = "NAME",
	.help = "our name: greeting, Received, Authentication-Results; default: the system's"},
    {.name = "state", .at_start = true, .type = CONF_PATH, .offset = AT(state), .def = "/var/lib/mailreeve", .args = "FOLDER",
	.help = "state.db, queue and quarantine"},
    {.name = "state-max", .at_start = true, .type = CONF_SIZE, .offset = AT(state_max), .def = "4G", .min = 1 << 20,
	.max = 1099511627776.0 * 1024, .args = "SIZE",
	.help = "of state.db; above it entries go before their time, the shortest-lived first"},
    {.name = "runtime", .at_start = true, .type = CONF_PATH, .offset = AT(runtime), .def = "/run/mailreeve", .args = "FOLDER",
	.help = "control sockets"},
    {.name = "user", .at_start = true, .type = CONF_STRING, .offset = AT(user), .args = "NAME",
	.help = "account of the roles when started as root; default mailreeve, else nobody"},
    {.name = "group", .at_start = true, .type = CONF_STRING, .offset = AT(group), .args = "NAME",
	.help = "group of the roles; default: that of user"},
    {.name = "postmaster", .type = CONF_CUSTOM, .set = set_postmaster, .args = "ADDRESS",
	.help = "where <postmaster> goes and reports come from; default: postmaster at the first relay domain"},
    {.name = "listen", .type = CONF_CUSTOM, .set = set_listen, .block = listen_directives, .repeats = true,
	.args = "ADDRESS[:PORT] { ... }", .help = "an SMTP listener"},
    {.name = "milter", .type = CONF_CUSTOM, .set = set_milter, .block = milter_directives, .repeats = true,
	.args = "unix:/PATH | ADDRESS:PORT { ... }", .help = "a milter listener for Postfix or Sendmail"},
    {.name = "relay", .type = CONF_CUSTOM, .set = leave, .block = route_directives, .repeats = true,
	.args = "DOMAIN... { ... }", .help = "domains that are ours and where their mail goes; .example.org is all "
					     "below it, * is only for reports to senders elsewhere"},
    {.name = "filter", .type = CONF_CUSTOM, .set = leave, .repeats = true,
	.args = "NAME { ... } | NAME from \"FILE.so\" { ... }",
	.help = "runs a filter; they run in this order"},
    {.name = "list", .type = CONF_CUSTOM, .set = leave, .repeats = true,
	.args = "NAME { ENTRY; ... } | NAME \"FILE\"... | NAME state",
	.help = "a named list: addresses, domains, .domains, networks, /patterns/"},
    {.name = "settings", .type = CONF_CUSTOM, .set = leave, .block = settings_directives, .repeats = true,
	.args = "DOMAIN|ADDRESS|default... { ... }",
	.help = "what recipients want: of one, of a domain, of all; facts for policies; reevectl policy set says the same"},
    {.name = "language", .type = CONF_CUSTOM, .set = leave, .repeats = true,
	.args = "NAME { \"TEXT\" \"TRANSLATION\"; ... }",
	.help = "texts of the policy as recipients get them who have that settings.language"},
    {.name = "policy", .type = CONF_CUSTOM, .set = leave, .args = "{ at STAGE { ... } ... }",
	.help = "what becomes of the mail; without it the default policy (reevectl help policy-default)"},
    {.name = "when-recipients-differ", .type = CONF_CHOICE, .offset = AT(recipient_classes), .choices = class_words,
	.def = "quarantine", .args = "quarantine | defer",
	.help = "a message refused for some recipients only: quarantined for those, or recipients with another "
		"settings.class than the first one are deferred at RCPT (filter settings)"},
    {.name = "dns", .type = CONF_CUSTOM, .set = set_dns, .def = "{}", .block = dns_directives, .args = "{ ... }",
	.help = "the resolver"},
    {.name = "limits", .type = CONF_CUSTOM, .set = set_limits, .def = "{}", .block = limits_directives,
	.args = "{ ... }", .help = "sizes, counts and time limits"},
    {.name = "log", .type = CONF_CUSTOM, .set = set_log, .def = "{}", .block = log_directives, .args = "{ ... }",
	.help = "what is logged, and where"},
    {.name = "queue", .type = CONF_CUSTOM, .set = set_queue, .def = "{}", .block = queue_directives,
	.args = "{ ... }", .help = "the queue of accepted mail"},
    {.name = "loops", .at_start = true, .type = CONF_INT, .offset = AT(loops), .def = "0", .min = 0, .max = 64, .args = "NUMBER",
	.help = "threads that own connections; 0: by the number of cores"},
    {.name = "workers", .at_start = true, .type = CONF_INT, .offset = AT(workers), .def = "0", .min = 0, .max = 1024,
	.args = "NUMBER", .help = "threads that run filters; 0: by the number of cores"},
    {.name = "scans", .at_start = true, .type = CONF_INT, .offset = AT(scans), .def = "0", .min = 0, .max = 1024, .args = "NUMBER",
	.help = "messages whose content is looked at at the same time; 0: one per core"},
    {.name = "drain", .type = CONF_DURATION, .offset = AT(drain_ms), .def = "30s", .min = 0, .max = HOUR,
	.args = "DURATION", .help = "how long open sessions may go on after SIGTERM"},
    {0},
};
