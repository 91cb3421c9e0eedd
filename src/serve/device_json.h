/* SPDX-License-Identifier: MIT */
/*
 * device_json.h - a device's state and counters as the JSON that list and
 * stat answer with.
 */
#ifndef PVB_DEVICE_JSON_H
#define PVB_DEVICE_JSON_H

#include <jansson.h>
#include <sys/types.h>

#include "blk/blkback_ctl.h"
#include "flow/counters.h"
#include "proto/xspath.h"

/* An object, or NULL without memory.  Sectors are of 512 bytes. */
json_t *pvb_device_json(const struct pvb_xsdev *dev, const char *type,
                        const char *uri, const struct pvb_blkback_status *s,
                        pid_t worker);
/* Adds what these say of the disk now, at this moment of the monotonic clock.
   0 or -ENOMEM. */
int pvb_disk_json(json_t *o, const struct pvb_blkback_status *s,
                  const struct pvb_counts *c, uint64_t now_ns);
/* Adds what was counted.  0 or -ENOMEM. */
int pvb_counts_json(json_t *o, const struct pvb_counts *c);

#endif
