/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - requests that are finished and whose done() runs on the loop's
 * next turn, so never inside the submit that finished them, and in a batch.
 *
 * Holds its result in pvb_io.scratch[0].  Never allocates.
 */
#ifndef PVB_OUTBOX_H
#define PVB_OUTBOX_H

#include "base/loop.h"

#include "iolist.h"

struct pvb_outbox {                     /* caller's storage */
	struct pvb_loop *loop;
	struct pvb_loop_task task;
	struct pvb_iolist finished;
	uint32_t count;                 /* put, and done() not yet called */
};

void pvb_outbox_init(struct pvb_outbox *o, struct pvb_loop *loop);
/* Must be empty (asserted); legal inside the last done(). */
void pvb_outbox_fini(struct pvb_outbox *o);
void pvb_outbox_put(struct pvb_outbox *o, struct pvb_io *io, int result);

#endif
