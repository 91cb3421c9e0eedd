/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "crossing.h"

static void run(struct pvb_loop_task *t)
{
	pvb_crossing_receive(pvb_container(t, struct pvb_crossing, task));
}

int pvb_crossing_init(struct pvb_crossing *x, struct pvb_loop *loop,
                      void (*arrived)(struct pvb_crossing *x,
                                      struct pvb_iolist *all))
{
	*x = (struct pvb_crossing){
		.arrived = arrived, .loop = loop, .task.run = run,
	};
	return -pthread_mutex_init(&x->lock, NULL);
}

void pvb_crossing_fini(struct pvb_crossing *x)
{
	assert(!x->line.head);          /* so nothing is posted, either */
	(void)pthread_mutex_destroy(&x->lock);
}

void pvb_crossing_put_all(struct pvb_crossing *x, struct pvb_iolist *all)
{
	bool first;

	if (!all->head)
		return;
	(void)pthread_mutex_lock(&x->lock);
	first = !x->line.head;
	pvb_iolist_append(&x->line, all);
	/* Inside the lock: who takes these may end the crossing. */
	if (first)
		pvb_loop_post(x->loop, &x->task);
	(void)pthread_mutex_unlock(&x->lock);
}

void pvb_crossing_put(struct pvb_crossing *x, struct pvb_io *io)
{
	struct pvb_iolist one = { NULL, NULL };

	pvb_iolist_push(&one, io);
	pvb_crossing_put_all(x, &one);
}

void pvb_crossing_receive(struct pvb_crossing *x)
{
	struct pvb_iolist all;

	(void)pthread_mutex_lock(&x->lock);
	all = x->line;
	x->line.head = NULL;
	/* Came before its turn: and nothing is posted for an empty line. */
	pvb_loop_undefer(x->loop, &x->task);
	(void)pthread_mutex_unlock(&x->lock);
	if (all.head)
		x->arrived(x, &all);
}

bool pvb_crossing_is_empty(struct pvb_crossing *x)
{
	bool empty;

	(void)pthread_mutex_lock(&x->lock);
	empty = !x->line.head;
	(void)pthread_mutex_unlock(&x->lock);
	return empty;
}
