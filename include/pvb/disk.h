/* SPDX-License-Identifier: MIT */
/*
 * disk.h - one I/O request on a disk, and what a disk is.
 *
 * Shapes only.  Offsets and lengths are in bytes and multiples of the disk's
 * sector size.
 */
#ifndef PVB_PUBLIC_DISK_H
#define PVB_PUBLIC_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pvb_io_op {
	PVB_IO_READ, PVB_IO_WRITE, PVB_IO_FLUSH, PVB_IO_DISCARD, PVB_IO_ZERO,
	PVB_IO_OP_COUNT
};

enum {
	PVB_IO_FUA    = 1 << 0,         /* write, zero: on stable storage when
	                                   done */
	PVB_IO_SECURE = 1 << 1,         /* discard: the old data must be gone */
	PVB_IO_NO_HOLE = 1 << 2,        /* zero: keep the space allocated */
};

/*
 * The submitter owns the request and its vector until done() has run, which
 * happens exactly once for each accepted request, from the disk's thread and
 * never from inside submit.  Results: 0, or -EINVAL (out of range, not
 * aligned), -EROFS, -EOPNOTSUPP, -ENOSPC, -EIO, -ESHUTDOWN (the disk is gone),
 * -ENODATA (it is shorter than it was, and ends before that).
 * Requests in flight together have no order.  FLUSH makes durable whatever
 * was complete when it was submitted.  After DISCARD the content is undefined,
 * after ZERO it reads as zeros.
 */
struct pvb_io {
	enum pvb_io_op      op;
	uint32_t            flags;
	uint64_t            offset_bytes, length_bytes;
	const struct iovec *iov;        /* read, write: sums to length_bytes */
	uint32_t            iovcnt;
	void              (*done)(struct pvb_io *io, int result);
	void               *arg;        /* the submitter's */
	struct pvb_io      *next;       /* the disk's while in flight */
	uint64_t            scratch[12];/* the disk's while in flight */
};

struct pvb_disk_info {                  /* constant, but size_bytes may
                                           change */
	uint64_t size_bytes;            /* a multiple of sector_size_bytes */
	uint32_t sector_size_bytes;     /* smallest unit of I/O, 512 or 4096 */
	uint32_t physical_size_bytes;   /* best unit of I/O */
	uint32_t discard_granularity_bytes, discard_alignment_bytes;
	uint32_t depth_max;             /* useful requests in flight */
	uint32_t iov_max;               /* vectors in one request */
	uint64_t io_max_bytes;          /* largest read or write in one
	                                   request */
	bool     read_only, rotational;
	bool     flush, fua, discard, discard_secure, zero;     /* can do */
};

#ifdef __cplusplus
}
#endif
#endif
