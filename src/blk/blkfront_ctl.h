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
struct pvb_loop;
struct pvb_store;
struct pvb_blkfront_ctl;

struct pvb_blkfront_ctl_config {
	const struct pvb_log *log;
	uint16_t front_domid;
	uint32_t number;                /* vdev; the back's path is in our nodes */
	struct pvb_blk_limits limits;
	uint64_t spin_max_ns;
	uint64_t connect_timeout_ns;    /* 0: wait for ever */
	uint64_t request_timeout_ns;
	int  (*data_half)(void *arg, uint32_t queue);   /* as in blkback_ctl.h */
	/* Live for the first time, or again with another geometry. */
	void (*changed)(struct pvb_blkfront_ctl *f, void *arg);
	/* Closed, by wish or because it failed (status tells why). */
	void (*retired)(struct pvb_blkfront_ctl *f, void *arg);
	void *arg;
};

struct pvb_blkfront_status {
	uint8_t  mine, peer;
	bool     live;
	enum pvb_why why;
	char     text[200];
	struct pvb_blk_terms terms;
	struct pvb_blk_geometry geometry;
};

int  pvb_blkfront_ctl_create(struct pvb_loop *loop, struct pvb_store *store,
                             const struct pvb_blkfront_ctl_config *c,
                             struct pvb_blkfront_ctl **out, struct pvb_err *e);
/* Finds the back's path and domain.  -ENOENT (no such device), -EBUSY (another
   front of this domain has it), -EIO; else the handshake has begun. */
int  pvb_blkfront_ctl_start(struct pvb_blkfront_ctl *f, struct pvb_err *e);
void pvb_blkfront_ctl_stop(struct pvb_blkfront_ctl *f, bool force);
void pvb_blkfront_ctl_status(const struct pvb_blkfront_ctl *f,
                             struct pvb_blkfront_status *out);
void pvb_blkfront_ctl_destroy(struct pvb_blkfront_ctl *f);

#endif
