/* SPDX-License-Identifier: MIT */
/*
 * blkfront_disk_fan.h - one disk over several queues, each on a thread of its
 * own (blkfront_disk_queue.h).
 *
 * A request goes to one queue whole.  What follows on the request before it
 * goes to the same one for a while, so that it is merged; else to the one that
 * has least to do.  To its owner it is a disk on his loop: it is live while all
 * queues are, has the size that all of them know of, and one queue's failure is
 * the disk's.
 */
#ifndef PVB_BLKFRONT_DISK_FAN_H
#define PVB_BLKFRONT_DISK_FAN_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"

struct pvb_err;
struct pvb_host;
struct pvb_log;
struct pvb_loop;
struct vbd_fan;

struct vbd_fan_config {
	const struct pvb_log *log;      /* borrowed */
	const struct pvb_host *host;
	uint16_t domid;
	uint32_t queues_max;            /* how many are used, the back says */
	uint8_t  ring_order;            /* at most */
	bool     bounce_always, read_only;
};

/* The first queue is there then; *link_fd is control's end of its link, the
   caller's.  0, or -errno with *e: -ENOMEM, those of pvb_host_front_mem. */
int  vbd_fan_create(struct pvb_loop *loop, const struct vbd_fan_config *c,
                    struct vbd_fan **out, int *link_fd, struct pvb_err *e);
/* The next queue: control's end of its link, or -errno.  From one thread, that
   of control; it must have ended before destroy. */
int  vbd_fan_more(struct vbd_fan *f, uint32_t queue);
/* Owned by the fan.  It has no buffers to give: one would be of one queue's
   pages. */
struct pvb_disk *vbd_fan_disk(struct vbd_fan *f);
/* Wait until it is live (if `live`), or control is gone, without turning the
   loop.  0: one of both; -ETIMEDOUT. */
int  vbd_fan_wait(struct vbd_fan *f, bool live, int64_t ms);
bool vbd_fan_is_live(const struct vbd_fan *f);
/* Nothing may be in flight (asserted).  Legal inside the last done() and in
   changed().  NULL is fine. */
void vbd_fan_destroy(struct vbd_fan *f);

#endif
