/* SPDX-License-Identifier: MIT */
/*
 * narrow.h - a lane with sectors of 512 bytes, on a lane of a disk whose own
 * are larger.
 *
 * A read of parts of sectors reads all of them.  A change of parts reads those
 * sectors, changes them and writes them back, and no other lane of the disk
 * changes them meanwhile: that is what `ranges` is for, one for all lanes of a
 * disk in this process.  Whoever else writes to the disk must be kept off.
 * Everything else goes through as it is, flush and FUA too.
 */
#ifndef PVB_DISK_NARROW_H
#define PVB_DISK_NARROW_H

#include "disk.h"
#include "ranges.h"

/* What such a disk is, seen so. */
void pvb_narrow_info(const struct pvb_disk_info *inner,
                     struct pvb_disk_info *out);
/*
 * `inner` is the new lane's, or, after a failure, closed.  `ranges` (NULL: the
 * disk has this lane only) is borrowed until the lane is closed.  0, -ENOMEM,
 * -EINVAL (the disk moves too little at once), -errno.
 */
int  pvb_narrow_open(struct pvb_loop *loop, struct pvb_disk *inner,
                     struct pvb_ranges *ranges, struct pvb_disk **lane,
                     struct pvb_err *e);

#endif
