/* SPDX-License-Identifier: MIT */
/*
 * ranges.h - who is changing which part of a disk, over all of its lanes: some
 * may change the same part together, one who needs it alone waits for those
 * before it and is waited for by those behind it.
 *
 * In the order of arrival, so nobody starves; who holds a range never asks for
 * another, so nobody waits in a circle.  Never allocates.  For any thread;
 * what a lane is told, it is told on its own loop.
 */
#ifndef PVB_DISK_RANGES_H
#define PVB_DISK_RANGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct pvb_ranges_lane;

struct pvb_range {                      /* caller's storage until drop */
	uint64_t begin, end;            /* the caller's: [begin, end) */
	bool     alone;                 /* the caller's */
	/* ---- the rest is in here ---- */
	uint32_t before;                /* those that it waits for */
	struct pvb_ranges_lane *lane;
	struct pvb_range *prev, *next;  /* in the order of arrival */
	struct pvb_qnode node;
};

struct pvb_ranges {                     /* caller's storage; of one disk */
	pthread_mutex_t lock;
	struct pvb_range *first, *last;
	uint32_t alone;                 /* how many of them want that */
};

struct pvb_ranges_lane {                /* caller's storage */
	struct pvb_ranges *ranges;      /* borrowed until fini */
	struct pvb_loop   *loop;
	struct pvb_loop_task task;
	struct pvb_queue   granted;     /* not yet told; under the lock */
	void (*grant)(struct pvb_range *r);
};

/* 0 or -errno. */
int  pvb_ranges_init(struct pvb_ranges *s);
void pvb_ranges_fini(struct pvb_ranges *s);      /* none is left (asserted) */

/* `grant` is called from this loop for what take did not give at once. */
void pvb_ranges_lane_init(struct pvb_ranges_lane *l, struct pvb_ranges *s,
                          struct pvb_loop *loop,
                          void (*grant)(struct pvb_range *r));
/* The lane has no range any more. */
void pvb_ranges_lane_fini(struct pvb_ranges_lane *l);

/* True: it is the caller's now.  False: once it has been granted. */
bool pvb_ranges_take(struct pvb_ranges_lane *l, struct pvb_range *r);
/* One that was granted. */
void pvb_ranges_drop(struct pvb_range *r);

#endif
