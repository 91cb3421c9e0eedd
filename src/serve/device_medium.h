/* SPDX-License-Identifier: MIT */
/*
 * device_medium.h - which disk a device has: the one that its nodes name, and
 * of a CD-ROM or floppy drive whatever is put into it later, by who asks for
 * it here or by a toolstack that writes the node `params`.
 *
 * A disk is looked at on a thread before anything is changed for it.  What
 * cannot be had changes nothing, and then `params` says again what is there.
 */
#ifndef PVB_DEVICE_MEDIUM_H
#define PVB_DEVICE_MEDIUM_H

#include <stdbool.h>
#include <stdint.h>

#include "blk/blk_nodes.h"

struct pvb_blkback_ctl;
struct pvb_err;
struct pvb_kind;
struct pvb_log;
struct pvb_medium;
struct pvb_prober;
struct pvb_watches;
struct pvb_xsdev;

struct pvb_medium_config {
	const struct pvb_log  *log;
	const struct pvb_xsdev *dev;            /* all borrowed until destroy */
	const struct pvb_kind *kind;
	struct pvb_watches    *watches;
	struct pvb_prober     *prober;
	struct pvb_blkback_ctl *ctl;            /* started */
	uint32_t               flags;           /* of probe */
	bool                   drive;           /* its medium can be changed */
	/* Always the name of the disk that is there, "" if there is none. */
	char                 (*name)[PVB_BLK_NODES_URI_MAX + 1];
};

/* e->code < 0: it has not been done.  From the loop. */
typedef void pvb_medium_done(void *arg, const struct pvb_err *e);

/* Begins to look at what the node `params` said: this text.  0, -ENOMEM,
   -EINVAL (no disk, where there must be one), -ENOSPC (a watch), -EIO. */
int  pvb_medium_create(const struct pvb_medium_config *c, const char *params,
                       struct pvb_medium **out, struct pvb_err *e);
/* Who still waits for a done is told that it will not be.  NULL is fine. */
void pvb_medium_destroy(struct pvb_medium *m);

/* 0: done follows.  Or -errno with *e: -EOPNOTSUPP (it is no drive), -EAGAIN
   (it has not begun yet), -EBUSY (something is in it; its medium is being
   changed), -ENAMETOOLONG, -EINVAL (no name), -ENOMEM. */
int  pvb_medium_insert(struct pvb_medium *m, const char *uri,
                       pvb_medium_done *done, void *arg, struct pvb_err *e);
/* Likewise; 1: it is empty as it is, nothing follows. */
int  pvb_medium_eject(struct pvb_medium *m, pvb_medium_done *done, void *arg,
                      struct pvb_err *e);

/* The control half has done, or not, what it was asked to change. */
void pvb_medium_changed(struct pvb_medium *m, const struct pvb_err *e);

#endif
