/*
 * clamav: libclamav, in the processes of mailreeve-scanner, or a clamd that runs already. The message
 * as a whole is scanned and each decoded part by itself. There are six outcomes, and only "clean" is clean; when the scan could
 * not be made the filter has failed, and its on-failure word decides.
 */
#include "core/filter.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "core/scan/scan.h"
#include "filters/clamav_clamd.h"
#include "lib/clock.h"

struct clamav_conf {
	struct conf_strings databases, sockets;
	int64_t workers, timeout_ms, max_recursion, max_files, check_ms;
	uint64_t max_file, max_scan;
	bool encrypted, pua, macros, bytecode, phishing;
	int reload;
	struct scan *scan;
	struct clamd *clamd; /* instead of ours */
};

static const char default_database[] = "/var/lib/clamav";
static const char *const reloads[] = {"beside", "in-place", NULL};

#define OFF(field) offsetof(struct clamav_conf, field)
static const struct directive directives[] = {
    {.name = "database", .type = CONF_STRINGS, .offset = OFF(databases), .repeats = true, .args = "PATH...",
	.help = "folders or files with virus databases (default /var/lib/clamav, where freshclam puts them)"},
    {.name = "socket", .type = CONF_STRINGS, .offset = OFF(sockets), .repeats = true, .args = "PATH | ADDRESS:PORT...",
	.help = "ask a clamd that runs already instead of loading databases; the first that answers. Its own limits and "
	    "options apply too: MaxFileSize and StreamMaxLength should not be below max-file, AlertExceedsMax should be on"},
    {.name = "workers", .type = CONF_INT, .offset = OFF(workers), .def = "0", .min = 0, .max = WIRE_WORKERS_MAX,
	.args = "COUNT", .help = "so many messages are scanned at the same time; 0: one per processor"},
    {.name = "timeout", .type = CONF_DURATION, .offset = OFF(timeout_ms), .def = "60s", .min = 100, .max = 3600000,
	.args = "DURATION", .help = "scanning one message may take so long, waiting included"},
    {.name = "max-file", .type = CONF_SIZE, .offset = OFF(max_file), .def = "100M", .min = 1, .max = 2e9, .args = "SIZE",
	.help = "files above this are not looked into: the outcome is limit"},
    {.name = "max-scan", .type = CONF_SIZE, .offset = OFF(max_scan), .def = "400M", .min = 1, .max = 4e9, .args = "SIZE",
	.help = "so much is scanned of one message, unpacked"},
    {.name = "max-recursion", .type = CONF_INT, .offset = OFF(max_recursion), .def = "17", .min = 1, .max = 100,
	.args = "COUNT", .help = "depth of containers in containers"},
    {.name = "max-files", .type = CONF_INT, .offset = OFF(max_files), .def = "10000", .min = 1, .max = 1000000,
	.args = "COUNT", .help = "files in one container"},
    {.name = "encrypted", .type = CONF_FLAG, .offset = OFF(encrypted), .def = "on",
	.help = "containers that need a password are an outcome of their own"},
    {.name = "pua", .type = CONF_FLAG, .offset = OFF(pua), .def = "off",
	.help = "load signatures of possibly unwanted programs too"},
    {.name = "macros", .type = CONF_FLAG, .offset = OFF(macros), .def = "off",
	.help = "documents with macros count as infected"},
    {.name = "bytecode", .type = CONF_FLAG, .offset = OFF(bytecode), .def = "on",
	.help = "load signed bytecode signatures"},
    {.name = "phishing", .type = CONF_FLAG, .offset = OFF(phishing), .def = "on",
	.help = "load signatures of phishing"},
    {.name = "check", .type = CONF_DURATION, .offset = OFF(check_ms), .def = "5s", .min = 10, .max = 86400000,
	.args = "DURATION", .help = "so often the databases are looked at; new ones load beside the old"},
    {.name = "reload", .type = CONF_CHOICE, .offset = OFF(reload), .choices = reloads, .def = "beside",
	.args = "beside | in-place", .help = "in-place: mail waits while databases load, and memory holds them only once"},
    {0},
};

static const char *const statuses[] = {"clean", "infected", "encrypted", "limit", "broken", "unscanned", NULL};

static const struct fact_def facts[] = {
    {"clamav.status", FACT_WORD, STAGE_MESSAGE, statuses, "how the scan came out; only clean is clean"},
    {"clamav.infected", FACT_BOOL, STAGE_MESSAGE, NULL, "something was found"},
    {"clamav.name", FACT_TEXT, STAGE_MESSAGE, NULL, "the signature that was found"},
    {"clamav.scanned", FACT_BOOL, STAGE_MESSAGE, NULL, "all of the message was looked at"},
    {"clamav.reason", FACT_TEXT, STAGE_MESSAGE, NULL, "why the outcome is neither clean nor infected"},
    {"clamav.database-age", FACT_DURATION, STAGE_MESSAGE, NULL, "age of the newest virus database"},
    {0},
};

static const struct finding_def findings[] = {
    {"clamav.infected", 20.0, "a signature of the virus databases matches"},
    {"clamav.encrypted", 1.0, "a part needs a password: nobody could look into it"},
    {"clamav.limit", 2.0, "a part is too large or too deep to be scanned"},
    {"clamav.broken", 1.0, "a container cannot be read to its end"},
    {"clamav.unscanned", 0, "the scan could not be made"},
    {"clamav.old-database", 0, "the virus databases are more than a week old"},
    {0},
};

enum { OLD_S = 7 * 86400 };

static void set_settings(const struct clamav_conf *c, struct wire_settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	s->options |= WIRE_O_CLAMAV;
	s->options |= c->encrypted ? WIRE_O_ENCRYPTED : 0;
	s->options |= c->pua ? WIRE_O_PUA : 0;
	s->options |= c->macros ? WIRE_O_MACROS : 0;
	s->options |= c->bytecode ? WIRE_O_BYTECODE : 0;
	s->options |= c->phishing ? WIRE_O_PHISHING : 0;
	s->options |= c->reload ? WIRE_O_IN_PLACE : 0;
	s->workers = c->workers ? (uint32_t)c->workers : cores > 1 && cores < WIRE_WORKERS_MAX ? (uint32_t)cores : 1;
	s->max_file = c->max_file;
	s->max_scan = c->max_scan;
	s->max_recursion = (uint32_t)c->max_recursion;
	s->max_files = (uint32_t)c->max_files;
	s->check_ms = (uint32_t)c->check_ms;
}

static void look_for_clamd(struct conf_load *load, const struct conf_token *socket)
{
	struct str path = str_from(socket->text, str_starts(socket->text, STR("unix:")) ? 5 : 0);

	if (str_starts(path, STR("/")) && access(arena_cstr(load->arena, path), F_OK) < 0 && errno == ENOENT)
		conf_warning(load, socket->place, "nobody listens at %.*s: install and start clamd (Debian package clamav-daemon), or leave "
		    "out socket, and databases are loaded here", STR_ARG(path));
}

static bool open_clamd(struct clamav_conf *c, struct conf_load *load, struct conf_place place)
{
	if (c->databases.n) {
		conf_error(load, place, "both database and socket: clamd has its own databases, leave out one of them");
		return false;
	}
	for (size_t i = 0; i < c->sockets.n; i++)
		look_for_clamd(load, &c->sockets.v[i]);
	c->clamd = clamd_new(load, &c->sockets, c->timeout_ms, c->max_file);
	return c->clamd != NULL;
}

/* A file, or a folder with something in it. */
static bool has_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry = NULL;

	if (!dir)
		return access(path, F_OK) == 0 || errno != ENOENT;
	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	closedir(dir);
	return entry != NULL;
}

/* It may come later; but who checks his configuration wants to know. */
static void look_for(struct conf_load *load, struct conf_place place, struct str path)
{
	if (!has_files(arena_cstr(load->arena, path)))
		conf_warning(load, place, "there is no virus database in %.*s: run freshclam (Debian package clamav-freshclam), or put "
		    "own signatures there", STR_ARG(path));
}

static bool clamav_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct clamav_conf *c = conf;
	bool fits = true;

	if (c->sockets.n)
		return open_clamd(c, load, place);
	c->scan = env->scan;
	for (size_t i = 0; i < c->databases.n; i++)
		look_for(load, c->databases.v[i].place, conf_path(load->arena, c->databases.v[i].place, c->databases.v[i].text));
	if (c->databases.n == 0)
		look_for(load, place, str_of(default_database));
	if (!c->scan)
		return true;
	set_settings(c, scan_settings(c->scan));
	scan_set_timeout(c->scan, c->timeout_ms);
	for (size_t i = 0; i < c->databases.n; i++)
		fits &= scan_add_database(c->scan, conf_path(load->arena, c->databases.v[i].place, c->databases.v[i].text));
	if (c->databases.n == 0)
		scan_add_database(c->scan, str_of(default_database));
	if (!fits)
		conf_error(load, place, "too many databases; put them into one folder");
	return fits;
}

static const char *status_word(enum wire_status status)
{
	return wire_status_name(status);
}

static void tell_age(struct session *s, const struct scan_report *report)
{
	int64_t age = report->database_time ? clock_now() - report->database_time : 0;

	if (!report->database_time)
		return;
	fact_set_duration(FACTS(s), "clamav.database-age", (age > 0 ? age : 0) * 1000);
	if (age > OLD_S)
		finding_add(s, "clamav.old-database", "the newest virus database is %lld days old: is freshclam running?",
		    (long long)(age / 86400));
}

static void tell_finding(struct session *s, const struct scan_report *report)
{
	const char *name = arena_printf(filter_arena(s), "clamav.%s", status_word(report->status)).p;
	struct str what = report->status == WIRE_INFECTED ? report->name : report->reason;

	finding_add(s, name, "%.*s", STR_ARG(what));
}

static enum outcome clamav_run(struct session *s, const void *conf)
{
	const struct clamav_conf *c = conf;
	const struct scan_report *report = c->clamd ? clamd_scan(c->clamd, s->message) : message_scan(c->scan, s->message);
	enum wire_status status = report->status;

	fact_set_word(FACTS(s), "clamav.status", status_word(status));
	fact_set_bool(FACTS(s), "clamav.infected", status == WIRE_INFECTED);
	fact_set_bool(FACTS(s), "clamav.scanned", status == WIRE_CLEAN || status == WIRE_INFECTED);
	tell_age(s, report);
	if (status == WIRE_CLEAN)
		return RUN_OK;
	tell_finding(s, report);
	if (status == WIRE_INFECTED)
		fact_set_text(FACTS(s), "clamav.name", report->name);
	else
		fact_set_text(FACTS(s), "clamav.reason", report->reason);
	if (status != WIRE_UNSCANNED)
		return RUN_OK;
	filter_failed(s, "not scanned: %.*s", STR_ARG(report->reason));
	return RUN_TEMP;
}

const struct filter clamav_filter = {
    .name = "clamav",
    .help = "virus scanner: libclamav in sandboxed processes of its own",
    .directives = directives,
    .conf_size = sizeof(struct clamav_conf),
    .facts = facts,
    .findings = findings,
    .open = clamav_open,
    .run = {[STAGE_MESSAGE] = clamav_run},
};
