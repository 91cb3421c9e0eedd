/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "disk.h"
#include "extents.h"

/* Where data (or a hole) begins from `at` on, but not behind `end`. */
static int seek(int fd, uint64_t at, uint64_t end, int whence, uint64_t *out)
{
	off_t found = lseek(fd, (off_t)at, whence);

	if (found < 0 && errno != ENXIO)
		return errno == EINVAL || errno == EOPNOTSUPP ? -EOPNOTSUPP
		                                              : -EIO;
	/* ENXIO: nothing but a hole up to the end of the file. */
	*out = found < 0 || (uint64_t)found > end ? end : (uint64_t)found;
	return 0;
}

static uint64_t round_down(uint64_t n, uint32_t align)
{
	return n & ~(uint64_t)(align - 1);
}

int pvb_disk_fd_extents(int fd, uint64_t offset, uint64_t length,
                        uint32_t align, struct pvb_disk_extent *v,
                        uint32_t cap)
{
	uint64_t at = offset, end = offset + length, data, hole;
	uint32_t n = 0;
	int r;

	while (at < end && n < cap) {
		r = seek(fd, at, end, SEEK_DATA, &data);
		if (r < 0)
			return r;
		if (round_down(data, align) > at || data == end) {
			data = data == end ? end : round_down(data, align);
			v[n++] = (struct pvb_disk_extent){ data - at, true,
			                                   true };
			at = data;
			continue;
		}
		r = seek(fd, data, end, SEEK_HOLE, &hole);
		if (r < 0)
			return r;
		hole = round_down(hole + align - 1, align);
		if (hole > end)
			hole = end;
		v[n++] = (struct pvb_disk_extent){ hole - at, false, false };
		at = hole;
	}
	return (int)n;
}
