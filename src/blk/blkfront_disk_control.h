/* SPDX-License-Identifier: MIT */
/*
 * blkfront_disk_control.h - the control half of a vbd: disk on its thread.
 *
 * It ends when the front has retired, by wish or not; its end of the data
 * half's link is closed then, which is how the other thread hears of it.
 */
#ifndef PVB_BLKFRONT_DISK_CONTROL_H
#define PVB_BLKFRONT_DISK_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "blkfront_ctl.h"

struct pvb_err;
struct pvb_host;
struct pvb_vbd_control;

struct pvb_vbd_control_config {
	const struct pvb_log *log;      /* borrowed */
	const struct pvb_host *host;    /* for start only */
	uint16_t domid;
	uint32_t number;
	struct pvb_blk_limits limits;
	uint64_t spin_max_ns;
	uint64_t claim_timeout_ns, connect_timeout_ns, close_timeout_ns;
	uint64_t request_timeout_ns, reconnect_timeout_ns;
	/* The half of another queue than the first: control's end of its link,
	   or -errno.  On control's thread.  NULL: there is none. */
	int  (*more)(void *arg, uint32_t queue);
	void *arg;
};

/* `link_fd` leads to the first queue's half; taken over, also on failure.  0,
   or -errno with *e as pvb_blkfront_ctl_start and pvb_host_store have them. */
int  pvb_vbd_control_start(const struct pvb_vbd_control_config *c, int link_fd,
                           struct pvb_vbd_control **out, struct pvb_err *e);
/* Ask it to close in order; forced: without waiting for the back any more. */
void pvb_vbd_control_stop(struct pvb_vbd_control *v, bool force);
/* Give the thread up where it stands, without a word to anybody. */
void pvb_vbd_control_abandon(struct pvb_vbd_control *v);
/* Wait for the end of the thread, which must be due, and free it.  *e says why
   the front did not stay connected, if it was not by wish. */
void pvb_vbd_control_join(struct pvb_vbd_control *v, struct pvb_err *e);

#endif
