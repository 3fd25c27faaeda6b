/*
 * A worker: waits for a message, looks at each of its items, answers, waits again. Whatever mail
 * makes it do, it can read only what it was given and write only below its own folder.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/sandbox.h"
#include "lib/sanitizer.h"
#include "scanner/cache.h"
#include "scanner/content/content.h"
#include "scanner/faults.h"
#include "scanner/private.h"

enum {
	MEMORY_MORE = 1 << 30,
	COPIED_MAX = 256 * 1024, /* of a memfd: above, a mapping is cheaper than a copy */
	KEPT_MAX = 16 << 20, MAPPED_MIN = 4 << 20, /* of malloc(): kept when free, and mapped for itself */
};

struct worker {
	struct engine *engine;
	const struct wire_settings *settings;
	struct cache *cache;
	struct wire_answer answer;
	bool is_over; /* the item at hand was not looked at to its end */
	char room[WIRE_ANSWER_MAX];
	/* A request with its items, or what was copied out of a memfd. */
	union {
		struct wire_head head;
		struct wire_item items[COPIED_MAX / sizeof(struct wire_item)];
		char room[COPIED_MAX];
	} came;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void worsen(struct worker *w, enum wire_status status)
{
	if (status > w->answer.head.status)
		w->answer.head.status = status;
}

static void scan_item(struct worker *w, uint16_t item, struct str bytes)
{
	struct wire_record record = {.type = WIRE_RESULT, .item = item, .size = bytes.n};
	char text[ENGINE_TEXT_MAX];

	record.status = (uint16_t)engine_scan(w->engine, bytes, text);
	worsen(w, record.status);
	if (record.status != WIRE_CLEAN && !wire_answer_add(&w->answer, &record, str_of(text), NULL))
		worsen(w, WIRE_LIMIT);
}

static void scan_member(void *arg, uint16_t item, struct str bytes)
{
	scan_item(arg, item, bytes);
}

static void tell(struct worker *w, uint16_t item, enum wire_status status, const char *reason)
{
	struct wire_record record = {.type = WIRE_RESULT, .item = item, .status = (uint16_t)status};

	if (status <= w->answer.head.status)
		return;
	worsen(w, status);
	wire_answer_add(&w->answer, &record, str_of(reason), NULL);
}

/* What libclamav does not see and would call clean. */
static void judge_content(struct worker *w, const struct content_job *job, uint32_t flags)
{
	if (!w->engine)
		return;
	if (flags & WIRE_F_ENCRYPTED && w->settings->options & WIRE_O_ENCRYPTED)
		tell(w, job->item, WIRE_ENCRYPTED, "a part needs a password");
	if (job->is_unread)
		tell(w, job->item, WIRE_BROKEN, "a part is a container that cannot be read here, or not to its end");
	/* It reads the beginning of such a member, and says nothing. */
	if (job->largest > w->settings->max_file)
		tell(w, job->item, WIRE_LIMIT, "a member of an archive is larger than max-file");
	if (job->is_missed)
		tell(w, job->item, WIRE_LIMIT, "an archive was not unpacked to its end");
}

static bool is_container(struct str bytes)
{
	enum wire_kind_id kind = content_binary_kind(bytes);

	return wire_kind(kind)->flags & WIRE_F_ARCHIVE || kind == KIND_OLE || kind == KIND_PDF;
}

/* Without the filter attachment only containers are examined, and what is found is not told. */
static void examine_item(struct worker *w, uint16_t item, struct str bytes, bool is_body, uint64_t deadline_us)
{
	static char unused[WIRE_ANSWER_MAX];
	struct wire_answer scratch;
	struct content_job job = {.answer = &w->answer, .limits = w->settings, .item = item,
	    .is_hashed = !is_body, .deadline_us = deadline_us, .scan = w->engine ? scan_member : NULL, .scan_arg = w};

	if (!(w->settings->options & WIRE_O_CONTENT)) {
		if (!is_container(bytes))
			return;
		job.is_hashed = false;
		job.answer = &scratch;
		wire_answer_start(&scratch, unused, &w->answer.head);
	}
	judge_content(w, &job, content_examine(&job, bytes, is_body));
	w->is_over |= job.is_over;
}

/* A part of the message, by itself. What was found out of the same bytes before is said again. */
static void work_leaf(struct worker *w, uint16_t item, struct str bytes, uint32_t flags, uint64_t deadline_us)
{
	struct cache_key key;
	enum wire_status before = w->answer.head.status, status;
	bool is_body = flags & WIRE_I_BODY; /* seldom the same twice: its hash would cost more than it saves */
	size_t from = w->answer.n;

	if (!is_body)
		key = cache_key(w->cache, bytes, flags);
	if (!is_body && cache_replay(w->cache, &key, item, &w->answer, &status)) {
		worsen(w, status);
		return;
	}
	w->answer.head.status = WIRE_CLEAN; /* of this part alone */
	if (fault_happens(bytes))
		tell(w, item, WIRE_INFECTED, "Fault.WasPossible");
	w->is_over = false;
	if (w->engine)
		scan_item(w, item, bytes);
	examine_item(w, item, bytes, is_body, deadline_us);
	if (!is_body && !w->is_over && !w->answer.head.is_cut)
		cache_keep(w->cache, &key, &w->answer, from, w->answer.head.status);
	worsen(w, before);
}

static void work(struct worker *w, const char *map, uint32_t count, uint64_t deadline_us)
{
	const struct wire_item *items = (const struct wire_item *)map;

	for (uint32_t i = 0; i < count; i++) {
		struct str bytes = {map + items[i].offset, items[i].size};

		if (!(items[i].flags & WIRE_I_MESSAGE))
			work_leaf(w, (uint16_t)i, bytes, items[i].flags, deadline_us);
		else if (w->engine)
			scan_item(w, (uint16_t)i, bytes);
	}
}

/* What is small is copied: that costs less than pages which come and go. */
static const char *read_items(struct worker *w, int fd, uint64_t size)
{
	void *map;

	if (size <= COPIED_MAX)
		return pread(fd, w->came.room, size, 0) == (ssize_t)size ? w->came.room : NULL;
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

static void drop_items(const char *items, uint64_t size)
{
	if (items && size > COPIED_MAX)
		munmap((void *)items, size);
}

/* The bytes must not change while they are read. */
static const char *open_memory(struct worker *w, uint64_t size, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & (F_SEAL_WRITE | F_SEAL_SHRINK)) != (F_SEAL_WRITE | F_SEAL_SHRINK) ||
	    fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
		return NULL;
	return read_items(w, fd, size);
}

/* Behind the head, or in the memfd. */
static const char *open_items(struct worker *w, const struct wire_head *head, struct str datagram, int memory)
{
	const char *items = memory < 0 ? datagram.p + sizeof *head : open_memory(w, head->size, memory);

	if (items && wire_check_items(items, head->size, head->count))
		return items;
	drop_items(items, head->size);
	return NULL;
}

static void refuse(struct worker *w, const char *why)
{
	struct wire_record record = {.type = WIRE_TEXT};

	worsen(w, WIRE_UNSCANNED);
	wire_answer_add(&w->answer, &record, str_of(why), NULL);
}

static void serve(struct worker *w, int fd, struct str datagram, int memory)
{
	uint64_t started = now_us();
	struct wire_head head;
	const char *items;

	if (!wire_read_request(datagram, &head) || head.op != WIRE_SCAN || wire_has_items(datagram) != (memory < 0))
		_exit(1);
	wire_answer_start(&w->answer, w->room, &head);
	items = open_items(w, &head, datagram, memory);
	if (memory >= 0)
		close(memory);
	if (items) {
		work(w, items, head.count, started + (uint64_t)head.timeout_ms * 800);
		drop_items(items, head.size);
	} else {
		refuse(w, "the message did not arrive whole");
	}
	w->answer.head.micros = now_us() - started;
	if (!wire_send(fd, wire_answer_finish(&w->answer), -1, 0))
		_exit(0);
}

/* Beyond what is mapped now. */
static void limit_memory(uint64_t more)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	struct rlimit memory;
	uint64_t pages;

	if (fd < 0)
		return;
	if (read(fd, text, sizeof text - 1) > 0 && str_u64(str_sub(str_of(text), 0, strcspn(text, " ")), &pages)) {
		memory.rlim_cur = memory.rlim_max = pages * (uint64_t)sysconf(_SC_PAGESIZE) + more;
		setrlimit(RLIMIT_AS, &memory);
	}
	close(fd);
}

static void confine(const char *tmpdir, const struct wire_settings *settings)
{
	/* Character sets are loaded from /usr when they are needed. */
	const struct sandbox_path paths[] = {{"/usr/lib", false}, {tmpdir, true}};
	struct rlimit files = {256, 256}, size = {settings->max_scan + (1 << 20), settings->max_scan + (1 << 20)};
	struct sandbox s;

	if (!sanitizer_is_here())
		limit_memory(MEMORY_MORE + settings->max_scan + settings->max_total);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_FSIZE, &size);
	if (!sanitizer_seeks_leaks() && !sandbox_enter(SANDBOX_WORKER, paths, 2, &s))
		_exit(3); /* rather no scan than an open one */
}

/* The first scan touches what all others do: no message waits for that. Then the supervisor hears. */
static void settle(struct worker *w, int fd)
{
	static const char mail[] = "Received: from a by b\r\nSubject: nothing\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/html\r\n\r\n<p>of interest\r\n";
	struct wire_head head = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = WIRE_SCAN};
	char text[ENGINE_TEXT_MAX];

	if (w->engine)
		engine_scan(w->engine, (struct str){mail, sizeof mail - 1}, text);
	wire_answer_start(&w->answer, w->room, &head);
	if (!wire_send(fd, wire_answer_finish(&w->answer), -1, 0))
		_exit(0);
}

_Noreturn void worker_main(int fd, struct engine *engine, const struct wire_settings *settings, const char *tmpdir)
{
	static struct worker w;
	int memory;

	prctl(PR_SET_NAME, "reeve-worker");
	/* The next scan wants the memory of the last: pages that go and come again cost more than they save. */
	mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
	mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
	archive_init();
	w.engine = engine;
	w.settings = settings;
	w.cache = cache_new();
	/* By a short name, for the library makes a folder there in each scan. */
	if (engine)
		engine_set_tmpdir(engine, chdir(tmpdir) == 0 ? "." : tmpdir);
	confine(tmpdir, settings);
	settle(&w, fd);
	for (;;) {
		ptrdiff_t n = wire_receive(fd, w.came.room, sizeof w.came.room, &memory, 0);

		if (n <= 0)
			sanitizer_exit(0);
		serve(&w, fd, (struct str){w.came.room, (size_t)n}, memory);
	}
}
