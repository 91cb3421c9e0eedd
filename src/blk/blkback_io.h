/* SPDX-License-Identifier: MIT */
/*
 * blkback_io.h - the data half of one queue of a block backend: ring to guest
 * pages to disk to ring.
 *
 * Lives on one loop and its thread.  Knows nothing of the store, of paths or
 * of states: it is told what to do over its link (blk_terms.h) and answers
 * there.  Every request taken off the ring gets exactly one answer, or the
 * connection is being cut.
 */
#ifndef PVB_BLKBACK_IO_H
#define PVB_BLKBACK_IO_H

#include <stdbool.h>

#include "disk/disk.h"

struct pvb_err;
struct pvb_log;
struct pvb_loop;
struct pvb_mem;
struct pvb_mem_local_shared;
struct pvb_ranges;
struct pvb_blkback_io;

struct pvb_blkback_io_config {
	const struct pvb_log *log;
	const struct pvb_disk_ops *const *disks;    /* drivers that it may
	                                               open */
	struct pvb_mem_local_shared *shared;        /* one process only, or
	                                               NULL */
	/* Of the device, for all of its queues, which are in this process;
	   borrowed.  NULL: it has one queue. */
	struct pvb_ranges *ranges;
	/* The handle for the guest's pages, which the queue takes over; `fd` is
	   the end that came with ATTACH, the callee's, or -1.  NULL: as the
	   message says. */
	struct pvb_mem *(*open_mem)(void *arg, int fd, struct pvb_err *e);
	/* The link closed and all that was attached has been let go: the owner
	   may destroy.  From the loop. */
	void (*closed)(struct pvb_blkback_io *io, void *arg);
	void *arg;
};

/* Takes `link_fd` over, also on failure.  0, -ENOMEM, -errno of the link. */
int  pvb_blkback_io_create(struct pvb_loop *loop, int link_fd,
                           const struct pvb_blkback_io_config *c,
                           struct pvb_blkback_io **out, struct pvb_err *e);
/* Legal in any state, NULL too.  Waits for disk I/O that is in flight by
   turning the loop; so from inside one of its turns only after closed(). */
void pvb_blkback_io_destroy(struct pvb_blkback_io *io);

#endif
