/* SPDX-License-Identifier: MIT */
/*
 * blkfront_claim_ctl.h - which process of a front's domain has a device: the
 * node `pvb-holder` in the front's directory.
 *
 * Its value is "PID START NAMESPACE": process id, its start time in clock
 * ticks since boot, and the inode of its pid name space.  So a holder that has
 * died is known as dead, even when its number is somebody else's now; one in
 * another name space cannot be seen from here and counts as alive.  "0 0 0"
 * is nobody: one of ours let go without closing.
 */
#ifndef PVB_BLKFRONT_CLAIM_CTL_H
#define PVB_BLKFRONT_CLAIM_CTL_H

#include <stdbool.h>

struct pvb_err;
struct pvb_store;

/* Take it.  0, or -errno with *e: -EBUSY (a living process has it, or a driver
   that is not ours), -ENOENT (no such directory), -EACCES, -ENOSPC, -EIO. */
int  pvb_blkfront_claim(struct pvb_store *s, const char *dir,
                        struct pvb_err *e);
/* It was closed: remove the node.  It was not: leave it as nobody's, which
   tells the next one that what it finds is no living driver's. */
void pvb_blkfront_unclaim(struct pvb_store *s, const char *dir, bool closed);

#endif
