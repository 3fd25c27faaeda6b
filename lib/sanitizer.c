/* The functions of the sanitizers are there in builds that have them only. */
#define _GNU_SOURCE
#include "lib/sanitizer.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void __lsan_do_leak_check(void) __attribute__((weak));
void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

bool sanitizer_is_here(void)
{
	return __asan_init || __tsan_init;
}

bool sanitizer_seeks_leaks(void)
{
	return __lsan_do_leak_check && secure_getenv("REEVE_LEAKS");
}

void sanitizer_report_leaks(void)
{
	if (sanitizer_seeks_leaks())
		__lsan_do_leak_check();
}

void sanitizer_exit(int status)
{
	while (sanitizer_seeks_leaks() && wait(NULL) > 0)
		;
	sanitizer_report_leaks();
	_exit(status);
}
