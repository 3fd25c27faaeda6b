/* Files as a whole. */
#include "lib/file.h"

#include <errno.h>
#include <unistd.h>

bool file_read_at(int fd, void *to, size_t n, uint64_t offset)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got ? errno : ENODATA;
			return false;
		}
		done += (size_t)got;
	}
	return true;
}

bool file_write(int fd, struct str s)
{
	while (s.n) {
		ssize_t done = write(fd, s.p, s.n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			errno = done ? errno : ENOSPC;
			return false;
		}
		s = str_from(s, (size_t)done);
	}
	return true;
}
