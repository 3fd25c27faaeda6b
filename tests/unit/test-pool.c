#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/pool.h"
#include "tests/unit/unit.h"

static atomic_int ran;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&ran, 1);
}

static void wait_at_the_door(void *arg)
{
	pthread_mutex_lock(&door);
	pthread_mutex_unlock(&door);
	count(arg);
}

static void every_job_runs_once_even_at_the_end(void **state)
{
	struct pool *p = pool_new("test", 3, 1000);

	(void)state;
	atomic_store(&ran, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(pool_submit(p, count, NULL));
	pool_free(p);
	assert_int_equal(atomic_load(&ran), 1000);
}

static void a_full_queue_says_so(void **state)
{
	struct pool *p = pool_new("test", 1, 2);

	(void)state;
	atomic_store(&ran, 0);
	pthread_mutex_lock(&door);
	assert_true(pool_submit(p, wait_at_the_door, NULL));
	while (pool_waiting(p) > 0)
		usleep(1000);
	assert_true(pool_submit(p, wait_at_the_door, NULL));
	assert_true(pool_submit(p, wait_at_the_door, NULL));
	assert_false(pool_submit(p, wait_at_the_door, NULL));
	assert_int_equal(pool_waiting(p), 2);
	pthread_mutex_unlock(&door);
	pool_free(p);
	assert_int_equal(atomic_load(&ran), 3);
}

struct visitor {
	struct gate *gate;
	atomic_int *inside, *most;
};

static void *visit(void *arg)
{
	struct visitor *v = arg;

	for (int i = 0; i < 200; i++) {
		int now, most;

		if (!gate_enter(v->gate, clock_mono_us() + 10000000))
			return (void *)1;
		now = atomic_fetch_add(v->inside, 1) + 1;
		most = atomic_load(v->most);
		while (now > most && !atomic_compare_exchange_weak(v->most, &most, now))
			;
		atomic_fetch_sub(v->inside, 1);
		gate_leave(v->gate);
	}
	return NULL;
}

static void the_gate_holds_its_number(void **state)
{
	struct gate *g = gate_new(2);
	atomic_int inside = 0, most = 0;
	struct visitor v = {g, &inside, &most};
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, visit, &v);
	for (int i = 0; i < 6; i++) {
		void *result;

		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_in_range(atomic_load(&most), 1, 2);
	gate_free(g);
}

static void waiting_ends_at_the_deadline(void **state)
{
	struct gate *g = gate_new(1);
	int64_t start = clock_ticks_ns();

	(void)state;
	assert_true(gate_enter(g, clock_mono_us()));
	assert_false(gate_enter(g, clock_mono_us() + 30000));
	assert_in_range((clock_ticks_ns() - start) / 1000000, 30, 20000);
	gate_leave(g);
	assert_true(gate_enter(g, clock_mono_us()));
	gate_leave(g);
	gate_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_job_runs_once_even_at_the_end),
	    cmocka_unit_test(a_full_queue_says_so),
	    cmocka_unit_test(the_gate_holds_its_number),
	    cmocka_unit_test(waiting_ends_at_the_deadline),
	};
	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
