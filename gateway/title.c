/* The kernel shows the octets where a process got its arguments: they are written over. */
#include "gateway/title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static char *room;
static size_t room_size;
static char **arguments; /* the copy: the process needs it as long as it runs */

char **title_take(int argc, char **argv)
{
	arguments = calloc((size_t)argc + 1, sizeof *arguments);
	if (!arguments)
		return argv;
	room = argc > 0 ? argv[0] : NULL;
	for (int i = 0; i < argc; i++) {
		if (argv[i] == room + room_size)
			room_size += strlen(argv[i]) + 1;
		arguments[i] = strdup(argv[i]);
	}
	return arguments;
}

void title_set(const char *role)
{
	char name[16]; /* the kernel's limit */

	snprintf(name, sizeof name, "reeve-%s", role);
	prctl(PR_SET_NAME, name);
	if (!room)
		return;
	memset(room, 0, room_size);
	snprintf(room, room_size, "mailreeved: %s", role);
}
