/*
 * The one source of time. Tests move it: the environment variable REEVE_CLOCK names a file that
 * holds one native int64_t, nanoseconds added to the real clocks; it is mapped once, so that a
 * running daemon sees each step. clock_fix() (reevectl --now) stops the wall clock altogether.
 * Thread-safe after clock_init().
 */
#ifndef REEVE_LIB_CLOCK_H
#define REEVE_LIB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Call once, before threads. */
void clock_init(void);
void clock_fix(int64_t unix_seconds);
/* True when a test steers the clock; schedulers then look again at least every 20 ms. */
bool clock_is_steered(void);

/* Unix time in seconds, and in microseconds. */
int64_t clock_now(void);
int64_t clock_now_us(void);
/* Monotonic microseconds, for deadlines; moves with the steered clock. */
int64_t clock_mono_us(void);
/* Monotonic nanoseconds that no test moves, for measuring. */
int64_t clock_ticks_ns(void);
/* Nanoseconds of processor time that this thread has used. */
int64_t clock_thread_ns(void);

#endif
