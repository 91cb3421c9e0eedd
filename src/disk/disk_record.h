/* SPDX-License-Identifier: MIT */
/*
 * disk_record.h - the inside of the record driver, for the disk_record*.c
 * files alone.
 */
#ifndef PVB_DISK_RECORD_H
#define PVB_DISK_RECORD_H

#include <fcntl.h>

#include "disk.h"

/* Of one who writes the log: on the description that it appends through. */
static inline struct flock record_lock(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET,
	                       .l_start = 0, .l_len = 1 };
}

/* disk_record_probe.c: the control half. */
int  record_probe(struct pvb_uri *uri, uint32_t flags,
                  struct pvb_disk_probe *out, struct pvb_err *e);
int  record_reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
                   struct pvb_err *e);
int  record_reprobe(struct pvb_disk_probe *p, struct pvb_err *e);
int  record_fenced(const struct pvb_disk_probe *p, struct pvb_err *e);
/* The driver below and its probe, which is packed into ours.  Borrows its
   descriptors; the last of ours is the log. */
const struct pvb_disk_ops *record_unpack(const struct pvb_disk_probe *p,
                                         struct pvb_disk_probe *inner);

#endif
