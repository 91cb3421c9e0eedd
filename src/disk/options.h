/* SPDX-License-Identifier: MIT */
/*
 * options.h - what several drivers read out of a disk URI in the same way.
 *
 * Every function returns 0, or -EINVAL with a sentence in *e; an option that
 * is not given leaves *out as it is.
 */
#ifndef PVB_DISK_OPTIONS_H
#define PVB_DISK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_disk_info;
struct pvb_err;
struct pvb_uri;

/* One of `choices` (NULL-ended): its index. */
int pvb_disk_opt_choice(struct pvb_uri *uri, const char *name,
                        const char *const *choices, uint32_t *out,
                        struct pvb_err *e);
/* "on" or "off". */
int pvb_disk_opt_bool(struct pvb_uri *uri, const char *name, bool *out,
                      struct pvb_err *e);
/* "sector-size": 512 or 4096. */
int pvb_disk_opt_sector_size(struct pvb_uri *uri, uint32_t *out,
                             struct pvb_err *e);
/* A size in bytes that a disk with these sectors can have. */
int pvb_disk_size_check(uint64_t size_bytes, uint32_t sector_size_bytes,
                        struct pvb_err *e);
/* For disks that live in memory: the body is the size, and "sector-size".
   Fills sizes and limits of `info`, not what the disk can do. */
int pvb_disk_opt_memory_geometry(struct pvb_uri *uri,
                                 struct pvb_disk_info *info,
                                 struct pvb_err *e);

#endif
