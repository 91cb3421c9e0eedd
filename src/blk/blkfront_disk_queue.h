/* SPDX-License-Identifier: MIT */
/*
 * blkfront_disk_queue.h - one of several queues of a vbd: disk, on a thread of
 * its own: with a loop, pages and a data half that nobody else touches.
 *
 * Requests cross over to it, and back, as private copies (struct vbd_crosser).
 */
#ifndef PVB_BLKFRONT_DISK_QUEUE_H
#define PVB_BLKFRONT_DISK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/crossing.h"
#include "disk/disk.h"

struct pvb_err;
struct pvb_log;
struct pvb_mem;
struct vbd_queue;

struct vbd_crosser {
	struct pvb_io  io;              /* for the queue; done, arg: its own */
	struct pvb_io *outer;           /* the caller's */
	uint32_t       queue;
	int            result;
};

struct vbd_queue_state {
	bool     live;
	bool     closed;                /* control is gone, for good */
	int      code;                  /* why it is not live any more; 0: by
	                                   wish, or it never was */
	uint32_t queues;                /* of the device */
	struct pvb_disk_info info;
};

struct vbd_queue_config {
	const struct pvb_log *log;
	uint32_t index;
	bool bounce_always, read_only;
	struct pvb_crossing *back;      /* for what is done; outlives it */
	/* Something of this has changed.  On the queue's thread. */
	void (*changed)(void *arg, uint32_t index,
	                const struct vbd_queue_state *now);
	void *arg;
};

/* Takes `mem` over, also on failure; *link_fd is control's end of its link,
   the caller's.  0, -ENOMEM, -EAGAIN (no thread), -errno. */
int  vbd_queue_start(const struct vbd_queue_config *c, struct pvb_mem *mem,
                     struct vbd_queue **out, int *link_fd, struct pvb_err *e);
/* From the thread that answers come back to: crossers, as many as there are;
   each comes back.  Empties `all`. */
void vbd_queue_put(struct vbd_queue *q, struct pvb_iolist *all);
/* It is not used any more: what it has kept comes back with -ECANCELED. */
void vbd_queue_give_back(struct vbd_queue *q);
/* Waits for the end of the thread.  What it still had is done with -ESHUTDOWN
   and has crossed over.  NULL is fine. */
void vbd_queue_stop(struct vbd_queue *q);

#endif
