/* SPDX-License-Identifier: MIT */
/*
 * blkfront_ctl.h - the control half of a block frontend device.  The mirror
 * of blkback_ctl.h: same verbs, same order.
 */
#ifndef PVB_BLKFRONT_CTL_H
#define PVB_BLKFRONT_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/blkneg.h"
#include "proto/conn.h"
#include "proto/xspath.h"

struct pvb_err;
struct pvb_log;
struct pvb_watches;
struct pvb_blkfront_ctl;

struct pvb_blkfront_ctl_config {
	const struct pvb_log *log;
	uint16_t front_domid;
	uint32_t number;                /* vdev; our nodes name the back */
	struct pvb_blk_limits limits;
	uint64_t spin_max_ns;
	/* How long to wait for a device that somebody else has: he may be
	   about to let go.  0: not at all. */
	uint64_t claim_timeout_ns;
	uint64_t connect_timeout_ns;    /* 0: wait for ever */
	uint64_t close_timeout_ns;      /* the same for the back's Closed */
	uint64_t request_timeout_ns;
	/* How long to wait for a back that was connected and is lost: it closed
	   or went without having been asked to, began anew, or did not answer a
	   request in time.  Requests wait likewise.  0: not at all. */
	uint64_t reconnect_timeout_ns;
	int  (*data_half)(void *arg, uint32_t queue);   /* as blkback_ctl.h */
	/* A state or the geometry has changed.  May be NULL. */
	void (*changed)(struct pvb_blkfront_ctl *f, void *arg);
	/* Closed, by wish or because it failed (status tells why), or it could
	   not even begin (its code is what start would have said): the owner
	   may destroy it, also in here.  Needed. */
	void (*retired)(struct pvb_blkfront_ctl *f, void *arg);
	void *arg;
};

struct pvb_blkfront_status {
	uint8_t  mine, peer;
	bool     live;
	enum pvb_why why;
	int      code;                  /* of a start that failed later */
	char     text[200];
	struct pvb_blk_terms terms;
	struct pvb_blk_geometry geometry;
};

/* Borrows the watches, their loop and store until destroy.  Reads nothing.
   0 or -ENOMEM. */
int  pvb_blkfront_ctl_create(struct pvb_watches *ws,
                             const struct pvb_blkfront_ctl_config *c,
                             struct pvb_blkfront_ctl **out, struct pvb_err *e);
/*
 * Finds the back's path and domain, and claims the device.  0: the handshake
 * has begun, or does once the device is free (claim_timeout_ns), and if it
 * does not become free it retires.  Or -errno with *e: -ENOENT (no such
 * device), -EBUSY (another front of this domain has it), -EINVAL (our nodes
 * name no back), -EACCES, -ENOSPC, -ENOMEM, -EIO.
 *
 * The claim is the node `pvb-holder` in our directory: process id, start time
 * and pid name space of who has it.  One whose process is gone is taken over,
 * and what it left is closed first.  A device whose state is 3, 4 or 5 without
 * that node belongs to a driver that is not ours (a kernel's).
 */
int  pvb_blkfront_ctl_start(struct pvb_blkfront_ctl *f, struct pvb_err *e);
/* Orderly close, then retire; forced: does not wait for the back. */
void pvb_blkfront_ctl_stop(struct pvb_blkfront_ctl *f, bool force);
void pvb_blkfront_ctl_status(const struct pvb_blkfront_ctl *f,
                             struct pvb_blkfront_status *out);
/* Let go without a word to the back; the claim ends.  NULL is fine. */
void pvb_blkfront_ctl_destroy(struct pvb_blkfront_ctl *f);

#endif
