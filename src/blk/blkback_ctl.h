/* SPDX-License-Identifier: MIT */
/*
 * blkback_ctl.h - the control half of a block backend device: its nodes, its
 * states, what it offers and agrees to.
 *
 * Lives on one loop with one store handle.  Never touches a ring, a grant or
 * the disk's data: it has a data half do that, over one link a queue.
 */
#ifndef PVB_BLKBACK_CTL_H
#define PVB_BLKBACK_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"
#include "proto/blkneg.h"
#include "proto/conn.h"
#include "proto/xspath.h"

struct pvb_err;
struct pvb_log;
struct pvb_loop;
struct pvb_store;
struct pvb_blkback_ctl;

struct pvb_blkback_ctl_config {
	const struct pvb_log *log;
	struct pvb_xsdev dev;
	struct pvb_blk_limits limits;
	bool     cdrom, removable;
	uint64_t spin_max_ns;
	/* A fresh data half for queue `queue`: the control's end of its link
	   (owned by the callee's caller), or -errno.  Called again if one died. */
	int  (*data_half)(void *arg, uint32_t queue);
	/* A fresh end for the data half's grants and ports, or -1 where it
	   opens its own; -errno below -1 on failure. */
	int  (*mem_end)(void *arg);
	int  (*counters)(void *arg, uint32_t queue);    /* borrowed memfd, or -1 */
	/* State, terms or disk changed: whoever lists devices looks again. */
	void (*changed)(struct pvb_blkback_ctl *b, void *arg);
	/* Closed for good (online=0 and all undone): the owner may destroy. */
	void (*retired)(struct pvb_blkback_ctl *b, void *arg);
	void *arg;
};

struct pvb_blkback_status {             /* a snapshot, for list and stat */
	uint8_t  mine, peer;            /* enum pvb_xb */
	bool     live, terms_known, disk_known;
	enum pvb_why why;               /* why it is closing or closed */
	char     text[200];             /* the sentence that goes with it */
	struct pvb_blk_terms terms;
	struct pvb_blk_geometry geometry;
};

/* Borrows loop and store until destroy.  Reads nothing yet. */
int  pvb_blkback_ctl_create(struct pvb_loop *loop, struct pvb_store *store,
                            const struct pvb_blkback_ctl_config *c,
                            struct pvb_blkback_ctl **out, struct pvb_err *e);
/* Says InitWait; the disk may come later. */
int  pvb_blkback_ctl_start(struct pvb_blkback_ctl *b, struct pvb_err *e);
/* The disk is known now (`probe` is taken over), or cannot be had (probe NULL,
   *e says why: the device goes to Closed with that sentence). */
void pvb_blkback_ctl_disk(struct pvb_blkback_ctl *b,
                          const struct pvb_disk_ops *ops,
                          struct pvb_disk_probe *probe, const struct pvb_err *e);
/* Look at the disk's size again and tell the front.  0, -errno with *e. */
int  pvb_blkback_ctl_resize(struct pvb_blkback_ctl *b, struct pvb_err *e);
/* Orderly close, then retire unless online; forced: does not wait for the
   front. */
void pvb_blkback_ctl_stop(struct pvb_blkback_ctl *b, bool force);
void pvb_blkback_ctl_status(const struct pvb_blkback_ctl *b,
                            struct pvb_blkback_status *out);
/* Let go without a word to the front or the store (a restart). */
void pvb_blkback_ctl_destroy(struct pvb_blkback_ctl *b);

#endif
