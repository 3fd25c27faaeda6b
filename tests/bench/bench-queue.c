/*
 * bench-queue FOLDER: records per second and CPU per record of the queue's writer, for 1 and 16
 * submitters and messages of 2 and 32 KB, each submitter waiting for its commit before the next
 * message; and what the reader needs to take them all up again.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/queue/queue.h"
#include "gateway/queue/reader.h"
#include "lib/clock.h"

enum { SECONDS = 3, SUBMITTERS_MAX = 16 };

struct submitter {
	struct queue_writer *w;
	struct queue_entry entry;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t is_done;
	bool done;
	uint64_t n;
};

static atomic_bool is_over;

static void on_done(void *arg, enum queue_result result)
{
	struct submitter *s = arg;

	if (result != QUEUE_OK) {
		fputs("the queue did not take a record\n", stderr);
		exit(1);
	}
	pthread_mutex_lock(&s->lock);
	s->done = true;
	pthread_cond_signal(&s->is_done);
	pthread_mutex_unlock(&s->lock);
}

static void *submit_main(void *arg)
{
	struct submitter *s = arg;

	while (!is_over) {
		s->done = false;
		queue_submit(s->w, &s->entry, 1, on_done, s);
		pthread_mutex_lock(&s->lock);
		while (!s->done)
			pthread_cond_wait(&s->is_done, &s->lock);
		pthread_mutex_unlock(&s->lock);
		s->n++;
	}
	return NULL;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void count(void *arg, struct segment *seg, uint64_t offset, const struct record_head *head,
    const struct queue_entry *entry, struct str file)
{
	(void)seg, (void)offset, (void)head, (void)entry, (void)file;
	++*(uint64_t *)arg;
}

/* Everything is read, and the segments are deleted since nobody holds them. */
static void read_back(const char *dir, uint64_t expected)
{
	static const struct queue_reader_events events = {.each = count};
	struct arena *a = arena_new(0);
	struct str error;
	uint64_t n = 0;
	double cpu = cpu_seconds();
	struct queue_reader *r = queue_reader_open(dir, &events, &n, a, &error);

	while (r && queue_reader_poll(r, true, 10000))
		;
	cpu = cpu_seconds() - cpu;
	printf("    read back %llu records of %llu, %.1f us CPU each\n", (unsigned long long)n, (unsigned long long)expected,
	    cpu * 1e6 / (double)n);
	queue_reader_sweep(r, NULL, NULL);
	queue_reader_close(r);
	arena_free(a);
}

static void run(const char *dir, unsigned submitters, size_t bytes)
{
	static struct queue_recipient to = {.address = {"user@example.net", 16}};
	static struct submitter s[SUBMITTERS_MAX];
	struct queue_options o = {dir, "bench", 64 << 20, 0, true};
	struct arena *a = arena_new(0);
	struct str error;
	struct queue_writer *w = queue_writer_open(&o, a, &error);
	char *data = malloc(bytes);
	uint64_t n = 0;
	double cpu = cpu_seconds();

	if (!w || !data) {
		fprintf(stderr, "%.*s\n", STR_ARG(error));
		exit(1);
	}
	memset(data, 'x', bytes);
	is_over = false;
	for (unsigned i = 0; i < submitters; i++) {
		s[i] = (struct submitter){.w = w, .entry = {.id = "0benchmessage", .arrived = clock_now(),
		    .sender = STR("sender@example.com"), .recipients = &to, .recipient_count = 1,
		    .data = {data, bytes}, .data_fd = -1}};
		pthread_mutex_init(&s[i].lock, NULL);
		pthread_cond_init(&s[i].is_done, NULL);
		pthread_create(&s[i].thread, NULL, submit_main, &s[i]);
	}
	sleep(SECONDS);
	is_over = true;
	for (unsigned i = 0; i < submitters; i++) {
		pthread_join(s[i].thread, NULL);
		n += s[i].n;
	}
	cpu = cpu_seconds() - cpu;
	queue_writer_close(w);
	printf("%2u submitters, %5zu octets: %7.0f records/s, %5.1f us CPU each\n", submitters, bytes,
	    (double)n / SECONDS, cpu * 1e6 / (double)n);
	read_back(dir, n);
	free(data);
	arena_free(a);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: bench-queue FOLDER\n", stderr);
		return 2;
	}
	run(argv[1], 1, 2048);
	run(argv[1], 16, 2048);
	run(argv[1], 1, 32768);
	run(argv[1], 16, 32768);
	return 0;
}
