/* SPDX-License-Identifier: MIT */
/*
 * blkfront_io.h - the data half of one queue of a block frontend: a disk
 * (struct pvb_disk) whose requests go out through a ring.
 *
 * Lives on one loop and its thread.  It splits what is larger than one ring
 * request, merges what is adjacent, keeps the ring full, sends buffers that
 * lie in its shared pages (buffer_get) as they are and bounces all others.
 * Knows nothing of the store: told what to do over its link (blk_terms.h).
 */
#ifndef PVB_BLKFRONT_IO_H
#define PVB_BLKFRONT_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"

struct pvb_err;
struct pvb_log;
struct pvb_loop;
struct pvb_mem;
struct pvb_blkfront_io;

struct pvb_blkfront_io_config {
	const struct pvb_log *log;
	bool bounce_always;             /* never send a caller's page as it
	                                   is */
	/* Between ATTACH and GO and after DETACH there is no disk: submit then
	   finishes requests with -ESHUTDOWN.  Called on GO (live) and when the
	   data path has stopped (not live; code: why, 0 if by wish).  While
	   requests are kept for another back it counts as live. */
	void (*live)(struct pvb_blkfront_io *io, bool live, int code,
	             void *arg);
	/* It will accept no more, but what is done about it in here.  May be
	   NULL. */
	void (*last_call)(struct pvb_blkfront_io *io, void *arg);
	/* Control is gone, and nothing is attached any more; not from inside
	   destroy.  Whoever has this ends it here, not in live. */
	void (*closed)(struct pvb_blkfront_io *io, void *arg);
	void *arg;
};

/* Takes `link_fd` and `mem` over, also on failure.  0, -ENOMEM, -errno. */
int  pvb_blkfront_io_create(struct pvb_loop *loop, int link_fd,
                            struct pvb_mem *mem,
                            const struct pvb_blkfront_io_config *c,
                            struct pvb_blkfront_io **out, struct pvb_err *e);
/* The front's disk; valid until destroy; info is filled in by GO. */
struct pvb_disk *pvb_blkfront_io_disk(struct pvb_blkfront_io *io);
/* How many queues the device has, this one included, by the last ATTACH. */
uint32_t pvb_blkfront_io_queues(const struct pvb_blkfront_io *io);
/* Carry out the next thing that control says, without turning the loop: for an
   owner who has to wait until the disk is live, or closed, inside of a call.
   1: done; 0: nothing came in time; -EPIPE: control is gone. */
int  pvb_blkfront_io_serve(struct pvb_blkfront_io *io, int timeout_ms);
/* The device has fewer queues than before, and not this one any more: what was
   kept here is done with -ECANCELED, to be submitted elsewhere. */
void pvb_blkfront_io_give_back(struct pvb_blkfront_io *io);
/* Legal in any state: what is in flight is done with -ESHUTDOWN first. */
void pvb_blkfront_io_destroy(struct pvb_blkfront_io *io);

#endif
