/* What every unit test includes: cmocka with what it needs, and checks for slices. */
#ifndef REEVE_TESTS_UNIT_H
#define REEVE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/arena.h"
#include "lib/str.h"

#define UNIT_SECONDS 600

/* A test that hangs ends by SIGALRM, which make counts as failed. */
__attribute__((constructor)) static void unit_bound(void)
{
	alarm(UNIT_SECONDS);
}

/* Fails with both texts shown. */
#define assert_str(slice, cstr)                                                                    \
	do {                                                                                       \
		struct str str_got_ = (slice);                                                     \
		char str_text_[4096];                                                              \
		snprintf(str_text_, sizeof str_text_, "%.*s", STR_ARG(str_got_));                   \
		assert_string_equal(str_text_, cstr);                                              \
	} while (0)

#endif
