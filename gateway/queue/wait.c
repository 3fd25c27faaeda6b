/* Submitting for threads that may block: workers, reevectl. */
#include <pthread.h>

#include "gateway/queue/queue.h"

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t is_done;
	bool done;
	enum queue_result result;
};

static void on_commit(void *arg, enum queue_result result)
{
	struct wait *w = arg;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->result = result;
	pthread_cond_signal(&w->is_done);
	pthread_mutex_unlock(&w->lock);
}

enum queue_result queue_submit_wait(struct queue_writer *w, const struct queue_entry *entries, size_t n)
{
	struct wait wait = {.lock = PTHREAD_MUTEX_INITIALIZER, .is_done = PTHREAD_COND_INITIALIZER};

	queue_submit(w, entries, n, on_commit, &wait);
	pthread_mutex_lock(&wait.lock);
	while (!wait.done)
		pthread_cond_wait(&wait.is_done, &wait.lock);
	pthread_mutex_unlock(&wait.lock);
	pthread_cond_destroy(&wait.is_done);
	pthread_mutex_destroy(&wait.lock);
	return wait.result;
}
