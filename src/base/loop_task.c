/* SPDX-License-Identifier: MIT */
/*
 * Deferred calls of the loop's own thread.
 */
#include <assert.h>
#include <stddef.h>

#include "loop_state.h"

void pvb_loop_defer(struct pvb_loop *l, struct pvb_loop_task *t)
{
	assert(t->run);
	if (t->queued)
		return;
	t->queued = true;
	pvb_queue_push(&l->tasks, &t->node);
}

bool loop_queue_unlink(struct pvb_queue *q, struct pvb_qnode *n)
{
	struct pvb_qnode *before = NULL;

	for (struct pvb_qnode *at = q->head; at; before = at, at = at->next) {
		if (at != n)
			continue;
		if (before)
			before->next = n->next;
		else
			q->head = n->next;
		if (q->tail == n)
			q->tail = before;
		n->next = NULL;
		return true;
	}
	return false;
}

void pvb_loop_undefer(struct pvb_loop *l, struct pvb_loop_task *t)
{
	if (loop_queue_unlink(&l->tasks, &t->node) ||
	    loop_queue_unlink(&l->running, &t->node))
		t->queued = false;
	else
		(void)loop_mail_take_back(l, t);
}

void loop_tasks_begin(struct pvb_loop *l)
{
	assert(pvb_queue_is_empty(&l->running));
	l->running = l->tasks;
	l->tasks = (struct pvb_queue){ NULL, NULL };
}

void loop_tasks_run(struct pvb_loop *l)
{
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&l->running))) {
		struct pvb_loop_task *t =
			pvb_container(n, struct pvb_loop_task, node);

		t->queued = false;
		t->run(t);
	}
}
