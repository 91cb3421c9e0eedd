/* SPDX-License-Identifier: MIT */
/*
 * vdev.h - virtual device numbers to and from names.  Pure.
 *
 * Only parse and from_number make a struct pvb_vdev, so an invalid device
 * cannot be passed on.  Source: xen's vbd-interface(7), libxl's parser (with
 * its bugs left out), Linux blkfront for the deprecated majors.
 */
#ifndef PVB_VDEV_H
#define PVB_VDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pvb_vdev_scheme {
	PVB_VDEV_XVD, PVB_VDEV_SCSI, PVB_VDEV_IDE, PVB_VDEV_EXTENDED,
	PVB_VDEV_SCHEME_COUNT
};

struct pvb_vdev {
	uint32_t number;                /* as it stands in XenStore */
	enum pvb_vdev_scheme scheme;
	uint32_t disk;                  /* 0 = a */
	uint32_t partition;             /* 0 = the whole disk */
};

enum { PVB_VDEV_NAME_MAX = 24 };

enum pvb_vdev_why {
	PVB_VDEV_OK, PVB_VDEV_SYNTAX,   /* no such form of name or number */
	PVB_VDEV_DISK_RANGE, PVB_VDEV_PARTITION_RANGE,
	PVB_VDEV_RESERVED,              /* a number from 2 << 28 on */
	PVB_VDEV_MAJOR,                 /* a major that means no disk */
	PVB_VDEV_WHY_COUNT
};
const char *pvb_vdev_why_text(enum pvb_vdev_why why);

/* "xvda", "xvda1", "d0p1", "d0", "hda", "sdb3", or a number (decimal, 0x).
   Names give the canonical number; a number is taken as it is.  No leading
   zeros, no partition 0 by letters; hda to hdd; from sdq on a deprecated
   major, which Linux knows.  After a refusal *out is as it was. */
enum pvb_vdev_why pvb_vdev_parse(const char *name, struct pvb_vdev *out);
enum pvb_vdev_why pvb_vdev_from_number(uint64_t number, struct pvb_vdev *out);
/* The name in the device's own scheme ("xvda1", "hda", "sdb3"); the dNpM form;
   the name under which Linux blkfront shows it.  False: it has none there, and
   `out` is empty. */
void pvb_vdev_name(const struct pvb_vdev *v, char out[PVB_VDEV_NAME_MAX]);
void pvb_vdev_dp_name(const struct pvb_vdev *v, char out[PVB_VDEV_NAME_MAX]);
bool pvb_vdev_linux_name(const struct pvb_vdev *v, char out[PVB_VDEV_NAME_MAX]);
const char *pvb_vdev_scheme_name(enum pvb_vdev_scheme s);

#endif
