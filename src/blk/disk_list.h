/* SPDX-License-Identifier: MIT */
/*
 * disk_list.h - every disk driver that this program has.
 */
#ifndef PVB_DISK_LIST_H
#define PVB_DISK_LIST_H

#include "disk/disk.h"

extern const struct pvb_disk_ops *const pvb_disk_all[];         /* NULL-ended */

#endif
