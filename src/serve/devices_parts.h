/* SPDX-License-Identifier: MIT */
/*
 * devices_parts.h - what the devices*.c files are to each other, and to nobody
 * else: which devices there are (devices.c), what is asked of all or one of
 * them (devices_asked.c).
 */
#ifndef PVB_DEVICES_PARTS_H
#define PVB_DEVICES_PARTS_H

#include "base/loop.h"
#include "bus/watches.h"
#include "device_kinds.h"
#include "devices.h"

struct entry {                          /* one device that is for us */
	struct entry       *next;
	struct pvb_devices *devices;
	const struct pvb_kind *kind;
	struct pvb_device  *device;     /* NULL: could not begin; not tried
	                                   again */
	struct pvb_xsdev    dev;
	bool                seen;       /* by the scan that is running */
	bool                changed;    /* its state, since the last look */
	bool                orphan;     /* its nodes are ours to remove */
	bool                retired, rested;
};

struct kind_watch {
	struct pvb_watch    watch;
	struct pvb_devices *devices;
	const struct pvb_kind *kind;
	bool                swept;      /* what was kept of those that are not
	                                   there any more */
};

struct pvb_devices {
	struct pvb_devices_config c;
	struct pvb_store    *store;
	uint32_t             cpus;
	struct kind_watch    watch[PVB_KINDS];
	struct pvb_loop_task sweep;     /* what has retired, or is orphaned */
	struct entry        *first;
	pvb_devices_done    *done;      /* of drain or rest; NULL: neither */
	void                *done_arg;
	bool                 resting;
	int                  rest_code;
};

#endif
