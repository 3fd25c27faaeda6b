/*
 * reevectl fuzzy: marks messages as spam or ham for the filter fuzzy, and shows what is known of one.
 * Needs no running daemon; a running one sees it with the next commit of the store.
 */
#include "gateway/ctl/fuzzy.h"

#include <inttypes.h>

#include "core/content/mime.h"
#include "filters/fuzzy.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/state.h"
#include "gateway/ctl/walk.h"
#include "lib/json.h"

enum { KEEP_S = 30 * 86400 };

struct job {
	struct ctl *ctl;
	struct store *store;
	enum fuzzy_mark mark;
	bool is_forgotten;
	uint64_t seen, changed;
	bool failed;
};

static void make_print(struct arena *a, struct str message, struct fuzzy_print *ret_print)
{
	struct mime *mime = mime_parse(a, message, NULL);

	fuzzy_make(ret_print, mime, content_make(a, mime));
}

static bool read_print(struct arena *a, const char *path, struct fuzzy_print *ret_print)
{
	struct ctl own = {.arena = a};
	struct str text;

	if (!ctl_read_message(&own, path, &text))
		return false;
	make_print(a, text, ret_print);
	return true;
}

enum res ctl_fuzzy_ham(struct store *store, struct str message)
{
	struct arena *a = arena_new(0);
	struct fuzzy_print print;
	enum res res;

	make_print(a, message, &print);
	res = fuzzy_mark(store, &print, FUZZY_HAM, KEEP_S);
	arena_free(a);
	return res;
}

static void mark_file(void *arg, const char *path)
{
	struct job *job = arg;
	struct arena *a = arena_new(0);
	struct fuzzy_print print;
	enum res res = RES_TEMP;

	job->seen++;
	if (read_print(a, path, &print))
		res = job->is_forgotten ? fuzzy_forget(job->store, &print, a)
					 : fuzzy_mark(job->store, &print, job->mark, KEEP_S);
	job->changed += res == RES_OK;
	job->failed |= res == RES_TEMP;
	arena_free(a);
}

static int mark(struct ctl *ctl, struct store *store, int argc, char **argv, struct job job)
{
	struct buf out = {0};

	if (argc < 2)
		return 2;
	job.ctl = ctl;
	job.store = store;
	for (int i = 1; i < argc; i++)
		job.failed |= !ctl_walk(argv[i], mark_file, &job);
	if (ctl->json)
		buf_addf(&out, "{\"messages\":%" PRIu64 ",\"changed\":%" PRIu64 "}\n", job.seen, job.changed);
	else
		buf_addf(&out, "%" PRIu64 " of %" PRIu64 " messages %s\n", job.changed, job.seen,
		    job.is_forgotten ? "had marks, which are gone" : "have a fingerprint and were marked");
	ctl_print(buf_str(&out));
	buf_free(&out);
	return job.failed ? ctl_fail("not everything could be marked") : 0;
}

static int mark_spam(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	return mark(ctl, store, argc, argv, (struct job){.mark = FUZZY_SPAM});
}

static int mark_ham(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	return mark(ctl, store, argc, argv, (struct job){.mark = FUZZY_HAM});
}

static int mark_forgotten(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	return mark(ctl, store, argc, argv, (struct job){.is_forgotten = true});
}

static void counts_json(struct json *j, const char *key, const int64_t counts[FUZZY_MARKS])
{
	json_key(j, key);
	json_open(j, '{');
	json_kv_int(j, "seen", counts[FUZZY_SEEN]);
	json_kv_int(j, "spam", counts[FUZZY_SPAM]);
	json_kv_int(j, "ham", counts[FUZZY_HAM]);
	json_close(j);
}

static void show_file(void *arg, const char *path)
{
	struct job *job = arg;
	struct arena *a = arena_new(0);
	struct fuzzy_print print;
	struct fuzzy_counts n;
	struct buf out = {0};
	struct json j = json_start(&out);

	if (!read_print(a, path, &print) || fuzzy_counts(job->store, &print, a, &n) == RES_TEMP) {
		job->failed = true;
		arena_free(a);
		return;
	}
	if (job->ctl->json) {
		json_open(&j, '{');
		json_kv(&j, "file", str_of(path));
		json_kv_int(&j, "words", (int64_t)print.words);
		json_kv_int(&j, "attachments", (int64_t)print.files);
		json_key(&j, "similar");
		json_number(&j, (double)n.shared / FUZZY_BANDS);
		counts_json(&j, "text", n.text);
		counts_json(&j, "files", n.files);
		json_close(&j);
		buf_addc(&out, '\n');
	} else {
		buf_addf(&out, "%s: %zu words, %zu attachments; like it: %" PRId64 " seen, %" PRId64 " spam, %" PRId64
		    " ham; attachments: %" PRId64 " seen, %" PRId64 " spam, %" PRId64 " ham\n", path, print.words, print.files,
		    n.text[FUZZY_SEEN], n.text[FUZZY_SPAM], n.text[FUZZY_HAM], n.files[FUZZY_SEEN], n.files[FUZZY_SPAM], n.files[FUZZY_HAM]);
	}
	ctl_print(buf_str(&out));
	buf_free(&out);
	arena_free(a);
}

static int show(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	struct job job = {.ctl = ctl, .store = store};

	if (argc < 2)
		return 2;
	for (int i = 1; i < argc; i++)
		job.failed |= !ctl_walk(argv[i], show_file, &job);
	return job.failed ? ctl_fail("not every file could be read") : 0;
}

int ctl_fuzzy(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_verb verbs[] = {
	    {"spam", mark_spam, true}, {"ham", mark_ham, true}, {"forget", mark_forgotten, true}, {"show", show, false}};

	return ctl_state_run(ctl, argc, argv, verbs, sizeof verbs / sizeof *verbs);
}
