/* SPDX-License-Identifier: MIT */
/*
 * blkfront_disk.h - vbd:DOMAIN/VDEV?host=HOST, be the frontend of a
 * domain's block device: the disk driver in which a front's two halves meet.
 *
 * The data half lives on the lane's loop, the control half on a thread of its
 * own with a loop and a store handle of its own.  Opening and closing wait for
 * the back, for a bounded time, and turn nobody's loop meanwhile: so the back
 * must not live on the lane's loop.
 *
 * What a disk is like is known when it is connected.  Before, probe tells what
 * the back has published so far, perhaps nothing (size 0).
 */
#ifndef PVB_BLKFRONT_DISK_H
#define PVB_BLKFRONT_DISK_H

#include "disk/disk.h"

extern const struct pvb_disk_ops pvb_disk_vbd;

#endif
