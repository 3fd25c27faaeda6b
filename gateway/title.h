/* What ps shows for a process: "mailreeved: gateway" instead of three times the same command line. */
#ifndef REEVE_GATEWAY_TITLE_H
#define REEVE_GATEWAY_TITLE_H

/*
 * Once, at the start of main: copies the arguments and returns the copy, for the room of the old ones
 * is written over by title_set(). Never freed.
 */
char **title_take(int argc, char **argv);
/* Before the process has threads. */
void title_set(const char *role);

#endif
