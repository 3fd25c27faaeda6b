/*
 * What the sanitizers of a test build need of programs that confine themselves. Without them all of
 * it costs nothing and says no.
 */
#ifndef REEVE_LIB_SANITIZER_H
#define REEVE_LIB_SANITIZER_H

#include <stdbool.h>

/* AddressSanitizer or ThreadSanitizer is in the program: it maps terabytes, and limits on that say nothing. */
bool sanitizer_is_here(void);
/*
 * It was asked for leaks (REEVE_LEAKS in the environment). The search needs what a sandbox denies, a
 * process that looks into ours: whoever confines itself does not then.
 */
bool sanitizer_seeks_leaks(void);
/* Reports what is lost so far, and ends the process when there is any. Nothing when it was not asked. */
void sanitizer_report_leaks(void);
/*
 * The end of a process that may be confined: its children end first when leaks are sought, so that they can
 * tell theirs. exit() would look for leaks in any case, and only complain that it cannot.
 */
_Noreturn void sanitizer_exit(int status);

#endif
