/*
 * TNEF, the container that Outlook sends as winmail.dat (MS-OXTNEF): the files in it, as slices.
 * Linear, bounded by the caller's room.
 */
#ifndef REEVE_CORE_CONTENT_TNEF_H
#define REEVE_CORE_CONTENT_TNEF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

struct tnef_file {
	struct str name; /* UTF-8; "" when it has none */
	struct str data; /* "" when it is an embedded object */
	bool is_object;	 /* OLE object or message: data is its raw form */
};

/*
 * The files in order, at most room; the number found. False for *ret_is_whole when the structure
 * breaks off or does not hold together: what was found before stays.
 */
size_t tnef_list(struct arena *a, struct str in, struct tnef_file *out, size_t room, bool *ret_is_whole);

#endif
