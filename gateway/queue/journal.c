/*
 * The journal. Files are numbered; a reference is number << 40 | offset, so that an old text can
 * be read as long as its file is there. The sync thread wakes at most every few milliseconds.
 */
#define _GNU_SOURCE
#include "gateway/queue/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/queue/crc32c.h"
#include "lib/clock.h"

enum {
	SYNC_DELAY_NS = 4000000,
	READ_CHUNK = 256 * 1024,
	FILES_MAX = 256,
	OFFSET_BITS = 40,
	RESERVE = 2 * 1024 * 1024,
	COMPLAIN_EVERY_S = 60,
};

#define OFFSET_MASK (((uint64_t)1 << OFFSET_BITS) - 1)
#define RECORD_MAX ((JOURNAL_RECORD + JOURNAL_TEXT_MAX + 7) & ~7)

struct file {
	uint64_t number;
	int fd;
};

struct journal {
	int dir_fd;
	struct journal_events events;
	void *arg;
	struct file files[FILES_MAX]; /* in order; the last is the current one */
	size_t n;
	uint64_t offset;   /* in the current file */
	uint64_t reserved; /* up to here the disk has set space aside */
	uint64_t position; /* in all that this process wrote */
	int64_t complained;
	bool is_broken;	   /* a write failed half-way: a new file is needed */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t is_dirty;
	pthread_t thread;
	int sync_fd;
	uint64_t written, synced;
	bool is_stopping;
};

static void trouble(struct journal *j, const char *what, uint64_t number)
{
	char text[256];

	snprintf(text, sizeof text, "journal-%08llu.jnl: %s", (unsigned long long)number, what);
	j->events.trouble(j->arg, str_of(text));
}

static void file_name(uint64_t number, char out[RECORD_NAME_MAX])
{
	snprintf(out, RECORD_NAME_MAX, "journal-%08llu.jnl", (unsigned long long)number);
}

/* ---- reading ---- */

static bool record_get(struct str octets, struct uid *uid, uint32_t *recipient,
    struct recipient_state *state, int64_t *when, struct str *text, size_t *length)
{
	const unsigned char *p = (const unsigned char *)octets.p;
	uint32_t n, text_n;

	if (octets.n < JOURNAL_RECORD || memcmp(p, "MRjr", 4) != 0)
		return false;
	n = get32(p + 8);
	text_n = get32(p + 12);
	if (text_n > JOURNAL_TEXT_MAX || n != ((JOURNAL_RECORD + text_n + 7) & ~7u) || n > octets.n ||
	    get32(p + 4) != crc32c(0, p + 8, n - 8))
		return false;
	*uid = (struct uid){get64(p + 16), get64(p + 24)};
	*recipient = get32(p + 32);
	*state = (struct recipient_state){p[36], p[37], (uint16_t)(p[38] | p[39] << 8), (int64_t)get64(p + 40)};
	*when = (int64_t)get64(p + 48);
	*text = str_sub(octets, JOURNAL_RECORD, text_n);
	*length = n;
	return state->state <= STATE_DELETED;
}

/* Calls each() for the records in octets; returns how many octets were understood. */
static size_t read_records(struct journal *j, struct str octets, journal_ref at)
{
	struct recipient_state state;
	struct uid uid;
	uint32_t recipient;
	int64_t when;
	struct str text;
	size_t used = 0, n;

	while (record_get(str_from(octets, used), &uid, &recipient, &state, &when, &text, &n)) {
		j->events.each(j->arg, uid, recipient, &state, at + used);
		used += n;
	}
	return used;
}

static bool head_is_good(struct journal *j, const struct file *f)
{
	unsigned char p[JOURNAL_HEAD];

	if (pread(f->fd, p, sizeof p, 0) != (ssize_t)sizeof p || memcmp(p, "MREEVEJN", 8) != 0)
		return false; /* torn at birth: nothing was written to it */
	if (get32(p + 8) != JOURNAL_VERSION) {
		trouble(j, "unknown format version; this program knows version 1", f->number);
		return false;
	}
	return get32(p + 12) == crc32c(0, p + 16, 8);
}

static void file_read(struct journal *j, const struct file *f)
{
	char *chunk = malloc(READ_CHUNK);
	uint64_t at = JOURNAL_HEAD;
	ssize_t got;
	size_t used = 1;

	if (!chunk)
		abort();
	while (used && head_is_good(j, f) && (got = pread(f->fd, chunk, READ_CHUNK, (off_t)at)) > 0) {
		used = read_records(j, (struct str){chunk, (size_t)got}, f->number << OFFSET_BITS | at);
		at += used;
	}
	fdatasync(f->fd); /* files are deleted on the strength of it */
	free(chunk);
}

static int by_number(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool find_files(struct journal *j)
{
	int fd = openat(j->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t number;

	if (!dir)
		return false;
	for (struct dirent *e; (e = readdir(dir)) && j->n < FILES_MAX - 8;) {
		struct str s = str_of(e->d_name);
		if (s.n < 13 || !str_starts(s, STR("journal-")) || !str_ends(s, STR(".jnl")) ||
		    !str_u64(str_sub(s, 8, s.n - 12), &number))
			continue;
		fd = openat(j->dir_fd, e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			j->files[j->n++] = (struct file){number, fd};
	}
	closedir(dir);
	qsort(j->files, j->n, sizeof *j->files, by_number);
	return true;
}

/* ---- the sync thread ---- */

static void *sync_main(void *arg)
{
	static const struct timespec delay = {0, SYNC_DELAY_NS};
	struct journal *j = arg;

	pthread_mutex_lock(&j->lock);
	while (true) {
		uint64_t upto;
		int fd;
		bool ok;
		while (j->written == j->synced && !j->is_stopping)
			pthread_cond_wait(&j->is_dirty, &j->lock);
		if (j->is_stopping)
			break;
		pthread_mutex_unlock(&j->lock);
		nanosleep(&delay, NULL);
		pthread_mutex_lock(&j->lock);
		upto = j->written;
		/* A copy: the caller may close the file meanwhile. */
		fd = dup(j->sync_fd);
		pthread_mutex_unlock(&j->lock);
		ok = fd >= 0 && fdatasync(fd) == 0;
		if (fd >= 0)
			close(fd);
		pthread_mutex_lock(&j->lock);
		if (ok && upto > j->synced)
			j->synced = upto;
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static void sync_start(struct journal *j)
{
	sigset_t all, before;

	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->is_dirty, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&j->thread, NULL, sync_main, j))
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- life cycle ---- */

static struct file *current(struct journal *j)
{
	return &j->files[j->n - 1];
}

/*
 * Space ahead: on a disk that is full of mail, what is delivered can still be noted (and after that
 * deleted). Without it, a restart would deliver again what could not be noted.
 */
static void reserve(struct journal *j)
{
	if (j->reserved > j->offset + RESERVE / 2)
		return;
	if (fallocate(current(j)->fd, FALLOC_FL_KEEP_SIZE, (off_t)j->offset, RESERVE) == 0)
		j->reserved = j->offset + RESERVE;
	else
		j->reserved = j->offset + RESERVE / 2 + RESERVE / 16; /* ask again a little later */
}

/* A new file, on disk with its name before anything is written to it. */
static bool file_start(struct journal *j)
{
	uint64_t number = j->n ? current(j)->number + 1 : 1;
	unsigned char head[JOURNAL_HEAD] = "MREEVEJN";
	char name[RECORD_NAME_MAX];
	int fd;

	if (j->n == FILES_MAX) {
		errno = EMFILE;
		return false;
	}
	file_name(number, name);
	fd = openat(j->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	if (fd < 0)
		return false;
	put32(head + 8, JOURNAL_VERSION);
	put64(head + 16, number);
	put32(head + 12, crc32c(0, head + 16, 8));
	if (pwrite(fd, head, sizeof head, 0) != (ssize_t)sizeof head || fsync(fd) || fsync(j->dir_fd)) {
		unlinkat(j->dir_fd, name, 0);
		close(fd);
		return false;
	}
	j->files[j->n++] = (struct file){number, fd};
	j->offset = JOURNAL_HEAD;
	j->reserved = 0;
	j->is_broken = false;
	reserve(j);
	pthread_mutex_lock(&j->lock);
	j->sync_fd = fd;
	pthread_mutex_unlock(&j->lock);
	return true;
}

struct journal *journal_open(int dir_fd, const struct journal_events *events, void *arg,
    struct arena *a, struct str *ret_error)
{
	struct journal *j = calloc(1, sizeof *j);

	if (!j)
		abort();
	j->dir_fd = dir_fd;
	j->events = *events;
	j->arg = arg;
	j->sync_fd = -1;
	if (find_files(j))
		for (size_t i = 0; i < j->n; i++)
			file_read(j, &j->files[i]);
	sync_start(j);
	if (!file_start(j)) {
		*ret_error = arena_printf(a, "cannot start a journal: %s", strerror(errno));
		journal_close(j);
		return NULL;
	}
	return j;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->is_stopping = true;
	pthread_cond_signal(&j->is_dirty);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	if (j->sync_fd >= 0)
		fdatasync(j->sync_fd);
	for (size_t i = 0; i < j->n; i++)
		close(j->files[i].fd);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->is_dirty);
	free(j);
}

/* ---- writing ---- */

static size_t record_put(unsigned char *p, struct uid uid, uint32_t recipient,
    const struct recipient_state *state, struct str text)
{
	size_t n = (JOURNAL_RECORD + text.n + 7) & ~(size_t)7;

	memset(p + n - 8, 0, 8);
	memcpy(p, "MRjr", 4);
	put32(p + 8, (uint32_t)n);
	put32(p + 12, (uint32_t)text.n);
	put64(p + 16, uid.epoch);
	put64(p + 24, uid.serial);
	put32(p + 32, recipient);
	p[36] = state->state;
	p[37] = state->flags;
	p[38] = (unsigned char)state->attempts;
	p[39] = (unsigned char)(state->attempts >> 8);
	put64(p + 40, (uint64_t)state->next_ms);
	put64(p + 48, (uint64_t)clock_now());
	if (text.n)
		memcpy(p + JOURNAL_RECORD, text.p, text.n);
	put32(p + 4, crc32c(0, p + 8, n - 8));
	return n;
}

static void mark_dirty(struct journal *j, size_t n)
{
	j->offset += n;
	j->position += n;
	reserve(j);
	pthread_mutex_lock(&j->lock);
	if (j->written == j->synced)
		pthread_cond_signal(&j->is_dirty);
	j->written += n;
	pthread_mutex_unlock(&j->lock);
}

/* At most one complaint a minute: a full disk says so at every delivery. */
static void say_full(struct journal *j, int error)
{
	int64_t now = clock_now();

	if (now - j->complained < COMPLAIN_EVERY_S)
		return;
	j->complained = now;
	trouble(j, strerror(error), current(j)->number);
}

journal_ref journal_add(struct journal *j, struct uid uid, uint32_t recipient,
    const struct recipient_state *state, struct str text)
{
	unsigned char octets[RECORD_MAX];
	uint64_t at;
	size_t n;

	if (j->is_broken && !file_start(j))
		return 0;
	text = str_sub(text, 0, JOURNAL_TEXT_MAX);
	n = record_put(octets, uid, recipient, state, text);
	at = j->offset;
	if (pwrite(current(j)->fd, octets, n, (off_t)at) != (ssize_t)n) {
		/* Cut the half away; when even that fails, go on in another file. */
		int saved = errno;
		j->is_broken = ftruncate(current(j)->fd, (off_t)at) != 0;
		say_full(j, saved);
		return 0;
	}
	mark_dirty(j, n);
	return current(j)->number << OFFSET_BITS | at;
}

static bool read_at(struct journal *j, journal_ref ref, unsigned char octets[RECORD_MAX], struct str *text, int64_t *when)
{
	struct recipient_state state;
	struct uid uid;
	uint32_t recipient;
	size_t length;
	ssize_t got;

	for (size_t i = 0; ref && i < j->n; i++) {
		if (j->files[i].number != ref >> OFFSET_BITS)
			continue;
		got = pread(j->files[i].fd, octets, RECORD_MAX, (off_t)(ref & OFFSET_MASK));
		return got > 0 && record_get((struct str){(char *)octets, (size_t)got}, &uid, &recipient,
				      &state, when, text, &length);
	}
	return false;
}

struct str journal_text(struct journal *j, journal_ref ref, struct arena *a)
{
	unsigned char octets[RECORD_MAX];
	struct str text;
	int64_t when;

	return read_at(j, ref, octets, &text, &when) ? arena_str(a, text) : STR("");
}

int64_t journal_when(struct journal *j, journal_ref ref)
{
	unsigned char octets[RECORD_MAX];
	struct str text;
	int64_t when;

	return read_at(j, ref, octets, &text, &when) ? when : 0;
}

uint64_t journal_position(const struct journal *j)
{
	return j->position;
}

bool journal_sync(struct journal *j)
{
	if (journal_synced(j) == j->position)
		return true;
	if (fdatasync(current(j)->fd))
		return false;
	pthread_mutex_lock(&j->lock);
	j->synced = j->written;
	pthread_mutex_unlock(&j->lock);
	return true;
}

uint64_t journal_synced(struct journal *j)
{
	uint64_t synced;

	pthread_mutex_lock(&j->lock);
	synced = j->synced;
	pthread_mutex_unlock(&j->lock);
	return synced;
}

/* ---- compaction ---- */

bool journal_turn(struct journal *j)
{
	/* What the old file holds must be on disk before the sync thread forgets it. */
	return journal_sync(j) && file_start(j);
}

bool journal_is_old(const struct journal *j, journal_ref ref)
{
	return ref >> OFFSET_BITS != j->files[j->n - 1].number;
}

bool journal_has_old(const struct journal *j)
{
	return j->n > 1;
}

bool journal_drop_old(struct journal *j)
{
	char name[RECORD_NAME_MAX];

	if (fdatasync(current(j)->fd))
		return false;
	for (size_t i = 0; i + 1 < j->n; i++) {
		file_name(j->files[i].number, name);
		unlinkat(j->dir_fd, name, 0);
		close(j->files[i].fd);
	}
	j->files[0] = *current(j);
	j->n = 1;
	return true;
}

uint64_t journal_size(const struct journal *j)
{
	return j->offset;
}
