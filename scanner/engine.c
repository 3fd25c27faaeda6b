/* Loading databases, scanning bytes, and what libclamav's answers mean. */
#define _GNU_SOURCE
#include "scanner/engine.h"

#include <clamav.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/arena.h"

struct engine {
	struct cl_engine *clamav;
	uint64_t max_file;
	int folder; /* where it may unpack, -1: not known yet */
	struct cl_scan_options options;
};

/* Read by LeakSanitizer in test builds: what the library itself forgets when it loads. It calls nothing of ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libclamav.so\n";
}

/* What a new engine must find before it may take over. Its signature is made at each load. */
static const char self_test_text[] = "Mailreeve loads this to prove that what it loaded finds anything. 3f1c9a52\n";
static const char self_test_name[] = "Mailreeve.SelfTest";

static const char *const extensions[] = {"cvd", "cld", "cud", "db", "hdb", "hdu", "hsb", "hsu", "mdb", "mdu", "msb",
    "msu", "ndb", "ndu", "ldb", "ldu", "idb", "cdb", "cbc", "yar", "yara", "fp", "sfp", "ftm", "wdb", "pdb", "gdb",
    "crb", "cat", "pwdb", "ign", "ign2", "imp", "info", "cfg"};

static bool is_database(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
		if (strcmp(dot + 1, extensions[i]) == 0)
			return true;
	return false;
}

static void fold(uint64_t *hash, const char *name, const struct stat *st)
{
	uint64_t parts[] = {str_hash(str_of(name)), (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
	    (uint64_t)st->st_mtim.tv_nsec, st->st_ino};

	/* A sum, for folders come in any order. */
	*hash += str_hash((struct str){(const char *)parts, sizeof parts}) | 1;
}

/* Calls each() for each database file of the path: itself, or the files of the folder. */
static void each_database(struct str path, void (*each)(void *arg, const char *file, const struct stat *st), void *arg)
{
	char folder[WIRE_REQUEST_MAX + 1], *file;
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (path.n >= sizeof folder)
		return;
	memcpy(folder, path.p, path.n);
	folder[path.n] = '\0';
	if (stat(folder, &st) < 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		each(arg, folder, &st);
		return;
	}
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (!is_database(entry->d_name) || asprintf(&file, "%s/%s", folder, entry->d_name) < 0)
			continue;
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			each(arg, file, &st);
		free(file);
	}
	if (dir)
		closedir(dir);
}

static void fold_file(void *arg, const char *file, const struct stat *st)
{
	fold(arg, file, st);
}

uint64_t engine_fingerprint(const struct str *paths, size_t count)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < count; i++)
		each_database(paths[i], fold_file, &hash);
	return hash;
}

/* Official databases say when they were built, others have the time of their file. */
static void take_time(void *arg, const char *file, const struct stat *st)
{
	struct cl_cvd *head = cl_cvdhead(file);
	int64_t made = head && head->stime ? (int64_t)head->stime : (int64_t)st->st_mtim.tv_sec, *newest = arg;

	if (head)
		cl_cvdfree(head);
	if (made > *newest)
		*newest = made;
}

static unsigned load_options(const struct wire_settings *settings)
{
	unsigned options = 0;

	options |= settings->options & WIRE_O_BYTECODE ? CL_DB_BYTECODE : 0;
	options |= settings->options & WIRE_O_PHISHING ? CL_DB_PHISHING | CL_DB_PHISHING_URLS : 0;
	options |= settings->options & WIRE_O_PUA ? CL_DB_PUA : 0;
	return options;
}

static bool write_self_test(const char *tmpdir, char *file, size_t size)
{
	struct str text = {self_test_text, sizeof self_test_text - 1};
	uint8_t hash[WIRE_HASH];
	FILE *out;

	snprintf(file, size, "%s/mailreeve-self-test.hsb", tmpdir);
	out = fopen(file, "we");
	if (!out)
		return false;
	engine_sha256(text, hash);
	for (size_t i = 0; i < sizeof hash; i++)
		fprintf(out, "%02x", hash[i]);
	fprintf(out, ":%zu:%s\n", text.n, self_test_name);
	return fclose(out) == 0;
}

static bool load_self_test(struct engine *e, const char *tmpdir, char *error)
{
	char file[4096];
	unsigned count = 0;
	cl_error_t result = CL_EWRITE;

	if (write_self_test(tmpdir, file, sizeof file))
		result = cl_load(file, e->clamav, &count, 0);
	unlink(file);
	if (result != CL_SUCCESS)
		snprintf(error, ENGINE_TEXT_MAX, "cannot load a signature of our own in %s: %s", tmpdir, cl_strerror(result));
	return result == CL_SUCCESS;
}

struct blame {
	unsigned options;
	char file[300]; /* "": none */
};

static void try_alone(void *arg, const char *file, const struct stat *st)
{
	struct blame *b = arg;
	struct cl_engine *alone = b->file[0] ? NULL : cl_engine_new();
	unsigned count = 0;

	(void)st;
	if (alone && cl_load(file, alone, &count, b->options) != CL_SUCCESS)
		snprintf(b->file, sizeof b->file, "%s", file);
	if (alone)
		cl_engine_free(alone);
}

/* The library only says that one of them is bad: which, and what helps. */
static void tell_bad(struct str path, const struct wire_settings *settings, cl_error_t result, char *error)
{
	struct blame b = {.options = load_options(settings)};

	each_database(path, try_alone, &b);
	if (!b.file[0])
		snprintf(b.file, sizeof b.file, "%.*s", STR_ARG(path));
	snprintf(error, ENGINE_TEXT_MAX, "%s: %s: remove it and run freshclam, or mend it when it is your own", b.file, cl_strerror(result));
}

static bool load_paths(struct engine *e, const struct wire_settings *settings, const struct str *paths, size_t count,
    struct engine_info *info, char *error)
{
	for (size_t i = 0; i < count; i++) {
		char path[WIRE_REQUEST_MAX + 1];
		cl_error_t result;
		uint64_t any = 0;

		snprintf(path, sizeof path, "%.*s", STR_ARG(paths[i]));
		each_database(paths[i], fold_file, &any);
		if (!any) {
			if (access(path, R_OK) < 0 && errno == EACCES)
				snprintf(error, ENGINE_TEXT_MAX, "%.300s cannot be read by account %u, which scans: chmod or chgrp it", path,
				    geteuid());
			else
				snprintf(error, ENGINE_TEXT_MAX, "there is no virus database in %.300s: run freshclam "
				    "(Debian package clamav-freshclam), or put own signatures there", path);
			return false;
		}
		result = cl_load(path, e->clamav, &info->signatures, load_options(settings));
		if (result != CL_SUCCESS) {
			tell_bad(paths[i], settings, result, error);
			return false;
		}
		each_database(paths[i], take_time, &info->database_time);
	}
	if (info->signatures == 0)
		snprintf(error, ENGINE_TEXT_MAX, "the databases hold no signature");
	return info->signatures > 0;
}

/* Called by the library when it has begun with something; what has so few octets it does not look at. */
enum { LOOKED_AT_MIN = 6 };

static cl_error_t has_begun(int fd, const char *type, void *context)
{
	(void)fd;
	(void)type;
	*(bool *)context = true;
	return CL_CLEAN;
}

static void set_limits(struct cl_engine *clamav, const struct wire_settings *s, const char *tmpdir)
{
	cl_engine_set_num(clamav, CL_ENGINE_MAX_FILESIZE, (long long)s->max_file);
	cl_engine_set_num(clamav, CL_ENGINE_MAX_SCANSIZE, (long long)s->max_scan);
	cl_engine_set_num(clamav, CL_ENGINE_MAX_RECURSION, s->max_recursion);
	cl_engine_set_num(clamav, CL_ENGINE_MAX_FILES, s->max_files);
	/* The supervisor has the deadline; libclamav's own is behind it. */
	cl_engine_set_num(clamav, CL_ENGINE_MAX_SCANTIME, 3600 * 1000);
	cl_engine_set_num(clamav, CL_ENGINE_PCRE_MATCH_LIMIT, 100000);
	cl_engine_set_num(clamav, CL_ENGINE_PCRE_RECMATCH_LIMIT, 2000);
	cl_engine_set_str(clamav, CL_ENGINE_TMPDIR, tmpdir);
	cl_engine_set_clcb_pre_cache(clamav, has_begun);
}

static void set_options(struct cl_scan_options *o, uint32_t options)
{
	o->general = CL_SCAN_GENERAL_HEURISTICS;
	o->parse = ~0u;
	o->heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX;
	if (options & WIRE_O_ENCRYPTED)
		o->heuristic |= CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE | CL_SCAN_HEURISTIC_ENCRYPTED_DOC;
	if (options & WIRE_O_MACROS)
		o->heuristic |= CL_SCAN_HEURISTIC_MACROS;
}

/* A database that loads but finds nothing must not take over. */
static bool passes_self_test(struct engine *e, char *error)
{
	char text[ENGINE_TEXT_MAX];

	if (engine_scan(e, (struct str){self_test_text, sizeof self_test_text - 1}, text) != WIRE_INFECTED ||
	    !strstr(text, self_test_name))
		snprintf(error, ENGINE_TEXT_MAX, "the self-test of the new databases failed: our sample was not found");
	else if (engine_scan(e, STR("Subject: nothing\r\n\r\nof interest\r\n"), text) != WIRE_CLEAN)
		snprintf(error, ENGINE_TEXT_MAX, "the self-test of the new databases failed: a harmless text gave %.200s", text);
	else
		return true;
	return false;
}

static void say_nothing(enum cl_msg severity, const char *full, const char *text, void *context)
{
	(void)severity;
	(void)full;
	(void)text;
	(void)context;
}

void engine_init(void)
{
	cl_init(CL_INIT_DEFAULT);
	cl_set_clcb_msg(say_nothing);
}

struct engine *engine_load(const struct wire_settings *settings, const struct str *paths, size_t count,
    const char *tmpdir, struct engine_info *ret_info, char *error)
{
	struct engine *e = calloc(1, sizeof *e);
	cl_error_t result;

	*ret_info = (struct engine_info){0};
	if (!e || !(e->clamav = cl_engine_new())) {
		snprintf(error, ENGINE_TEXT_MAX, "cannot start libclamav");
		return NULL;
	}
	e->folder = -1;
	e->max_file = settings->max_file;
	set_limits(e->clamav, settings, tmpdir);
	set_options(&e->options, settings->options);
	if (!load_paths(e, settings, paths, count, ret_info, error) || !load_self_test(e, tmpdir, error))
		return NULL;
	result = cl_engine_compile(e->clamav);
	if (result != CL_SUCCESS) {
		snprintf(error, ENGINE_TEXT_MAX, "cannot compile the databases: %s", cl_strerror(result));
		return NULL;
	}
	engine_set_tmpdir(e, tmpdir);
	return passes_self_test(e, error) ? e : NULL;
}

void engine_set_tmpdir(struct engine *e, const char *tmpdir)
{
	cl_engine_set_str(e->clamav, CL_ENGINE_TMPDIR, tmpdir);
	if (e->folder >= 0)
		close(e->folder);
	e->folder = open(tmpdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum wire_status error_status(cl_error_t result)
{
	switch (result) {
	case CL_EMAXREC:
	case CL_EMAXSIZE:
	case CL_EMAXFILES:
		return WIRE_LIMIT;
	case CL_EFORMAT:
	case CL_EPARSE:
	case CL_EUNPACK:
		return WIRE_BROKEN;
	default:
		return WIRE_UNSCANNED;
	}
}

/* The library says "clean" of what it could not unpack because its folder is gone, or full. */
bool engine_can_unpack(const struct engine *e)
{
	struct statvfs fs;
	struct stat st;

	return fstat(e->folder, &st) == 0 && st.st_nlink > 0 && fstatvfs(e->folder, &fs) == 0 &&
	       (fs.f_files == 0 || fs.f_favail > 0) && (fs.f_blocks == 0 || fs.f_bavail > 0);
}

enum wire_status engine_scan(struct engine *e, struct str bytes, char *text)
{
	struct cl_scan_options options = e->options;
	const char *name = NULL;
	unsigned long scanned = 0;
	cl_error_t result;
	cl_fmap_t *map;
	bool begun = false;

	text[0] = '\0';
	if (bytes.n == 0)
		return WIRE_CLEAN;
	if (bytes.n > e->max_file) {
		snprintf(text, ENGINE_TEXT_MAX, "larger than max-file");
		return WIRE_LIMIT;
	}
	map = cl_fmap_open_memory(bytes.p, bytes.n);
	if (!map) {
		snprintf(text, ENGINE_TEXT_MAX, "out of memory");
		return WIRE_UNSCANNED;
	}
	result = cl_scanmap_callback(map, NULL, &name, &scanned, e->clamav, &options, &begun);
	cl_fmap_close(map);
	if ((result == CL_CLEAN || result == CL_VERIFIED) && (begun || bytes.n < LOOKED_AT_MIN) && engine_can_unpack(e))
		return WIRE_CLEAN;
	if (result == CL_CLEAN || result == CL_VERIFIED) {
		snprintf(text, ENGINE_TEXT_MAX, "the folder for what is unpacked is gone, or full");
		return WIRE_UNSCANNED;
	}
	/* Signatures have names; without one it is an alert of the library's own about a limit. */
	if (result == CL_VIRUS && !name)
		name = "Heuristics.Limits.Exceeded";
	snprintf(text, ENGINE_TEXT_MAX, "%.250s", result == CL_VIRUS ? name : cl_strerror(result));
	return result == CL_VIRUS ? wire_alert_status(str_of(text)) : error_status(result);
}

void engine_hash(const char *name, struct str bytes, uint8_t *ret_hash)
{
	unsigned n;

	cl_hash_data(name, bytes.p ? bytes.p : "", bytes.n, ret_hash, &n);
}

void engine_sha256(struct str bytes, uint8_t ret_hash[WIRE_HASH])
{
	unsigned n = WIRE_HASH;

	cl_sha256(bytes.p ? bytes.p : "", bytes.n, ret_hash, &n);
}
