/* SPDX-License-Identifier: MIT */
/*
 * crossing.h - requests on their way from other threads to a loop's: a line
 * under a lock, and one wake-up for all that wait in it.
 *
 * Requests are linked through pvb_io.next while they wait.  Never allocates.
 */
#ifndef PVB_CROSSING_H
#define PVB_CROSSING_H

#include <pthread.h>
#include <stdbool.h>

#include "base/loop.h"

#include "iolist.h"

struct pvb_crossing {                   /* caller's storage */
	/* On the loop's thread: these have come, oldest first.  It may end
	   the crossing. */
	void (*arrived)(struct pvb_crossing *x, struct pvb_iolist *all);
	struct pvb_loop *loop;          /* borrowed */
	struct pvb_loop_task task;
	pthread_mutex_t lock;           /* for the line */
	struct pvb_iolist line;
};

/* 0 or -errno.  `loop` may be set later, before the first put. */
int  pvb_crossing_init(struct pvb_crossing *x, struct pvb_loop *loop,
                       void (*arrived)(struct pvb_crossing *x,
                                       struct pvb_iolist *all));
/* Must be empty (asserted), and nobody may put any more. */
void pvb_crossing_fini(struct pvb_crossing *x);

/* From any thread.  put_all empties `all`, which may be empty. */
void pvb_crossing_put(struct pvb_crossing *x, struct pvb_io *io);
void pvb_crossing_put_all(struct pvb_crossing *x, struct pvb_iolist *all);
/* On the loop's thread: let arrive what waits, now. */
void pvb_crossing_receive(struct pvb_crossing *x);
/* Nothing waits now. */
bool pvb_crossing_is_empty(struct pvb_crossing *x);

#endif
