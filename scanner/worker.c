/*
 * A worker: takes a message from the queue, looks at each of its items, answers whoever sent it, takes the next. Whatever
 * mail makes it do, it can read only what it was given and write only below its own folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
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
	GAP_PART = 8, GAP_MIN_US = 100, GAP_MAX_US = 5000, /* between messages */
	MEMORY_MORE = 1 << 30,
	COPIED_MAX = 256 * 1024, /* of a memfd: above, a mapping is cheaper than a copy */
	KEPT_MAX = 16 << 20, MAPPED_MIN = 4 << 20, /* of malloc(): kept when free, and mapped for itself */
};

struct worker {
	struct engine *engine;
	const struct wire_settings *settings;
	struct desk *desk;
	struct wire_head about; /* what each answer says: of the databases */
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

static void look(struct worker *w, const struct wire_head *head, struct str datagram, int memory, uint64_t deadline_us)
{
	const char *items = wire_has_items(datagram) == (memory < 0) ? open_items(w, head, datagram, memory) : NULL;

	if (!items) {
		refuse(w, "the message did not arrive whole");
		return;
	}
	work(w, items, head->count, deadline_us);
	drop_items(items, head->size);
}

static void count(struct desk *d, const struct wire_head *answer)
{
	d->scans++;
	d->infected += answer->status == WIRE_INFECTED;
	d->unscanned += answer->status == WIRE_UNSCANNED;
	d->micros += answer->micros;
}

/* Whoever asked may have gone: that is no matter. */
static void answer(int fd, struct str datagram)
{
	while (datagram.n) {
		ssize_t n = write(fd, datagram.p, datagram.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		datagram = str_from(datagram, (size_t)n);
	}
}

static void start_answer(struct worker *w, const struct wire_head *request)
{
	wire_answer_start(&w->answer, w->room, request);
	w->answer.head.generation = w->about.generation;
	w->answer.head.signatures = w->about.signatures;
	w->answer.head.database_time = w->about.database_time;
	w->answer.head.options = w->about.options;
}

static void serve(struct worker *w, const struct wire_head *head, struct str datagram, const struct wire_fds *fds)
{
	uint64_t started = now_us();

	start_answer(w, head);
	look(w, head, datagram, fds->n > 1 ? fds->fd[1] : -1, started + (uint64_t)(head->deadline_ms - head->sent_ms) * 800);
	w->answer.head.micros = now_us() - started;
	count(w->desk, &w->answer.head);
	answer(fds->fd[0], wire_answer_finish(&w->answer));
}

/* Of databases that this generation does not have. The client sees that, and waits; it asks for the message, so no desk has it. */
static void put_off(struct worker *w, const struct wire_head *head, int reply)
{
	start_answer(w, head);
	refuse(w, "this is not looked for yet");
	answer(reply, wire_answer_finish(&w->answer));
}

/* Of a message that is waited for: when it began, and its end, within bounds. */
static bool has_time(struct wire_head *head, int64_t now_ms)
{
	if (head->deadline_ms <= now_ms)
		return false;
	if (head->deadline_ms > now_ms + MESSAGE_MS_MAX)
		head->deadline_ms = now_ms + MESSAGE_MS_MAX;
	head->sent_ms = now_ms;
	return true;
}

/* A datagram out of a queue, with what came beside it. */
struct came {
	struct str datagram;
	struct wire_fds fds;
};

/* False when nothing more will come, or nothing more can be received: then another process shall. */
static bool receive(struct worker *w, int queue, int flags, struct came *ret)
{
	ptrdiff_t n = wire_receive(queue, w->came.room, sizeof w->came.room, &ret->fds, flags);

	ret->datagram = (struct str){w->came.room, n > 0 ? (size_t)n : 0};
	return n >= 0 || errno == EMSGSIZE;
}

/* What nobody waits for any longer, or can be answered, is dropped: who sent it sees that its pipe is closed. */
static void handle(struct worker *w, struct came *came)
{
	int64_t now_ms = (int64_t)(now_us() / 1000);
	struct wire_head head;
	bool is_waited_for = wire_read_request(came->datagram, &head) && head.op == WIRE_SCAN && came->fds.n > 0 && has_time(&head, now_ms);

	if (is_waited_for && head.options & ~w->about.options) {
		put_off(w, &head, came->fds.fd[0]);
	} else if (is_waited_for) {
		desk_take(w->desk, head.id, head.deadline_ms, head.is_again, now_ms);
		serve(w, &head, came->datagram, &came->fds);
		desk_clear(w->desk, (int64_t)(now_us() / 1000));
	}
	wire_fds_close(&came->fds);
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

/* ---- from the first to the last ---- */

/* The first scan touches what all others do: no message waits for that. */
static void settle(struct worker *w)
{
	static const char mail[] = "Received: from a by b\r\nSubject: nothing\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/html\r\n\r\n<p>of interest\r\n";
	char text[ENGINE_TEXT_MAX];

	if (w->engine)
		engine_scan(w->engine, (struct str){mail, sizeof mail - 1}, text);
}

/* The supervisor hears that there is one more, and says when it is time. */
static void await_go(int link)
{
	static struct link_message m = {.op = LINK_SETTLED};

	m.pid = getpid();
	if (!wire_send(link, (struct str){(const char *)&m, sizeof m}, NULL, 0) ||
	    wire_receive(link, (char *)&m, sizeof m, NULL, 0) != sizeof m || m.op != LINK_GO)
		sanitizer_exit(0);
}

static struct {
	struct queues queues;
	int nothing;
	struct desk *desk;
} retirement;

/*
 * SIGTERM: something that gives no mail takes the queue's place, so that who waits there returns, and who was about to wait
 * does not begin to. What was taken before is finished.
 */
static void retire(int number)
{
	int why = errno;

	(void)number;
	dup2(retirement.nothing, retirement.queues.fresh);
	dup2(retirement.nothing, retirement.queues.again);
	retirement.desk->takes_no_more = 1;
	errno = why;
}

static void retire_when_told(struct queues queues, struct desk *desk)
{
	struct sigaction action = {.sa_handler = retire, .sa_flags = SA_RESTART};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		_exit(1);
	close(ends[1]);
	retirement.queues = queues;
	retirement.nothing = ends[0];
	retirement.desk = desk;
	sigaction(SIGTERM, &action, NULL);
}

/* Without a folder for what is unpacked nothing is clean any more: a fresh one has a new folder. */
static bool can_go_on(const struct worker *w)
{
	return !w->engine || w->answer.head.status != WIRE_UNSCANNED || engine_can_unpack(w->engine);
}

/*
 * While somebody loads databases at the lowest rank: where there is always more mail, he would never run, and at a better
 * rank he would stand in the way in the middle of messages. So there is time for him between them.
 */
static void leave_gap(const struct worker *w)
{
	uint64_t us = w->answer.head.micros / GAP_PART;

	if (w->desk->leaves_gaps)
		usleep((useconds_t)(us < GAP_MIN_US ? GAP_MIN_US : us > GAP_MAX_US ? GAP_MAX_US : us));
}

/* One that is tried again gets a worker that no mail has touched: this one, now, and no second one. */
static void take_second_try(struct worker *w, int queue)
{
	struct came came;
	bool is_there = receive(w, queue, MSG_DONTWAIT, &came);

	dup2(retirement.nothing, queue);
	w->desk->has_begun = 1;
	if (is_there)
		handle(w, &came);
}

_Noreturn void worker_main(const struct worker_job *job)
{
	static struct worker w;
	struct came came;

	prctl(PR_SET_NAME, "reeve-worker");
	/* The next scan wants the memory of the last: pages that go and come again cost more than they save. */
	mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
	mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
	archive_init();
	w.engine = job->engine;
	w.settings = job->settings;
	w.desk = job->desk;
	w.about = (struct wire_head){.generation = job->generation, .signatures = job->info.signatures, .database_time = job->info.database_time,
	    .options = job->settings->options};
	w.cache = cache_new();
	/* By a short name, for the library makes a folder there in each scan. */
	if (job->engine)
		engine_set_tmpdir(job->engine, chdir(job->tmpdir) == 0 ? "." : job->tmpdir);
	retire_when_told(job->queues, job->desk);
	confine(job->tmpdir, job->settings);
	settle(&w);
	await_go(job->link);
	take_second_try(&w, job->queues.again);
	while (can_go_on(&w) && receive(&w, job->queues.fresh, 0, &came)) {
		handle(&w, &came);
		leave_gap(&w);
	}
	sanitizer_exit(0);
}
