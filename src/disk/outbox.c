/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "outbox.h"

static void deliver(struct pvb_loop_task *t)
{
	struct pvb_outbox *o = pvb_container(t, struct pvb_outbox, task);
	struct pvb_iolist batch = o->finished;
	struct pvb_io *io;

	/* What a done() submits goes out on the next turn.  The last done()
	   may free the outbox: the batch is ours, `o` is not touched after. */
	o->finished.head = NULL;
	while ((io = pvb_iolist_pop(&batch))) {
		o->count--;
		io->done(io, (int)(int64_t)io->scratch[0]);
	}
}

void pvb_outbox_init(struct pvb_outbox *o, struct pvb_loop *loop)
{
	*o = (struct pvb_outbox){ .loop = loop, .task.run = deliver };
}

void pvb_outbox_fini(struct pvb_outbox *o)
{
	assert(o->count == 0);
	pvb_loop_undefer(o->loop, &o->task);
}

void pvb_outbox_put(struct pvb_outbox *o, struct pvb_io *io, int result)
{
	io->scratch[0] = (uint64_t)(int64_t)result;
	pvb_iolist_push(&o->finished, io);
	o->count++;
	pvb_loop_defer(o->loop, &o->task);
}
