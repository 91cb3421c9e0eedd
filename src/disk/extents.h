/* SPDX-License-Identifier: MIT */
/*
 * extents.h - what of a file is allocated, asked of the file system.
 */
#ifndef PVB_DISK_EXTENTS_H
#define PVB_DISK_EXTENTS_H

#include <stdint.h>

struct pvb_disk_extent;

/*
 * Extents from `offset` on, cut at multiples of `align` (a power of two): a
 * hole is only what is wholly one.  Never asks the disk itself, moves the
 * file position.  The number written to v[0..cap), or -EOPNOTSUPP, -EIO.
 */
int pvb_disk_fd_extents(int fd, uint64_t offset, uint64_t length,
                        uint32_t align, struct pvb_disk_extent *v,
                        uint32_t cap);

#endif
