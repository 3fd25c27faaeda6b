/*
 * Files as a whole: the calls of the system may do less than they were asked for, or be interrupted. Both block.
 */
#ifndef REEVE_LIB_FILE_H
#define REEVE_LIB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

/* All n octets from offset on; false with errno, ENODATA when the file ends before. */
bool file_read_at(int fd, void *to, size_t n, uint64_t offset);
/* All of s at the file's position; false with errno, ENOSPC when nothing more is taken. */
bool file_write(int fd, struct str s);

#endif
