/* SPDX-License-Identifier: MIT */
/*
 * blk_options.h - what may be set for one block device: limits, features and
 * how it presents itself; and the same as nodes in the back's directory.
 *
 * One table serves the command line, whoever writes the nodes and whoever
 * reads them.  An option that was not given has its reader's default.  No
 * store and no device in here.
 */
#ifndef PVB_BLK_OPTIONS_H
#define PVB_BLK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/blkneg.h"

enum pvb_blk_opt {
	PVB_BLK_OPT_READ_ONLY, PVB_BLK_OPT_SHARED, PVB_BLK_OPT_CDROM,
	PVB_BLK_OPT_FLOPPY, PVB_BLK_OPT_REMOVABLE, PVB_BLK_OPT_SECTOR_SIZE,
	PVB_BLK_OPT_RING_ORDER, PVB_BLK_OPT_QUEUES, PVB_BLK_OPT_INDIRECT,
	PVB_BLK_OPT_PERSISTENT, PVB_BLK_OPT_FLUSH, PVB_BLK_OPT_BARRIER,
	PVB_BLK_OPT_DISCARD, PVB_BLK_OPT_BLOCKS, PVB_BLK_OPT_UNITS,
	PVB_BLK_OPT_ON_FULL,            /* enum pvb_blk_on_full */
	PVB_BLK_OPT_SLOW,               /* seconds; 0: no request is slow */
	PVB_BLK_OPT_COUNT
};

/* What becomes of a request that the disk has no room for. */
enum pvb_blk_on_full {
	PVB_BLK_ON_FULL_REPORT,         /* it fails */
	PVB_BLK_ON_FULL_PAUSE,          /* it waits, and the ring with it */
};

struct pvb_blk_options {                /* caller's storage */
	uint32_t given;                 /* 1 << enum pvb_blk_opt, each */
	uint32_t value[PVB_BLK_OPT_COUNT];      /* a switch: 0 or 1 */
};

/* The defaults of a back with so many processors; nothing is given. */
void pvb_blk_options_init(struct pvb_blk_options *o, uint32_t cpus);
/* Give one.  0 or -ERANGE. */
int  pvb_blk_options_set(struct pvb_blk_options *o, enum pvb_blk_opt opt,
                         uint64_t value);
/* Its name, as after "--" ("ring-order"), and the range of its values.
   (A sector size is 512 or 4096.)  Static. */
const char *pvb_blk_opt_name(enum pvb_blk_opt opt);
void pvb_blk_opt_range(enum pvb_blk_opt opt, uint32_t *min, uint32_t *max);
/* The i-th value by its name; NULL: it has no more, or its values are
   numbers. */
const char *pvb_blk_opt_value_name(enum pvb_blk_opt opt, uint32_t i);

/* "disk", "cdrom" or "floppy", as `device-type` has it.  Static. */
const char *pvb_blk_options_type(const struct pvb_blk_options *o);

void pvb_blk_options_limits(const struct pvb_blk_options *o,
                            struct pvb_blk_limits *out);

/* What a toolstack writes for those that are given, and the nodes that every
   device has (`mode`, `device-type`, `removable`).  0 or -ENOSPC. */
int  pvb_blk_options_put(const struct pvb_blk_options *o, struct pvb_keys *k);
/* Those found in `k` replace what is in `o`, and count as given.  A device
   without a `mode` is read-only.  *bad: as in blkneg.h. */
enum pvb_why pvb_blk_options_get(struct pvb_blk_options *o,
                                 const struct pvb_keys *k, const char **bad);
extern const char *const pvb_blk_options_names[];

#endif
