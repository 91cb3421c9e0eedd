/* SPDX-License-Identifier: MIT */
/*
 * blkback_req_full.c - a disk that has no room: what it refuses is answered
 * with an error, or (keep_full) kept and asked again until there is room.  As
 * long as anything is kept nothing is taken from the ring; see blkback_req.h.
 */
#include <errno.h>

#include "blkback_req.h"

/* How often the disk is asked again, for all that is kept. */
enum { RETRY_MS = 1000 };

/* A flush is never asked again: what a file system could not write it may have
   dropped, and the next flush would say that all is well. */
bool pvb_blkback_is_full(const struct pvb_blkback_req *r, int result)
{
	return (result == -ENOSPC || result == -EDQUOT) &&
	       r->io.op != PVB_IO_FLUSH;
}

static void count_kept(struct pvb_blkback_queue *q)
{
	pvb_counters_set(q->c.counters, PVB_COUNT(kept), q->kept);
}

static void retry_later(struct pvb_blkback_queue *q)
{
	if (!q->retry.loop)
		pvb_loop_arm(q->c.loop, &q->retry,
		             pvb_loop_now_ns(q->c.loop) +
		             RETRY_MS * UINT64_C(1000000));
}

bool pvb_blkback_full_keep(struct pvb_blkback_req *r, int result)
{
	struct pvb_blkback_queue *q = r->q;

	if (!pvb_blkback_is_full(r, result))
		return false;
	pvb_counters_add(q->c.counters, PVB_COUNT(no_space), 1);
	if (!q->c.keep_full || q->stopped || q->changing) {
		q->c.ops->no_space(q);
		return false;
	}
	pvb_queue_push(&q->full, &r->node);
	retry_later(q);
	if (r->kept)
		return true;
	pvb_blkback_slow_left(r);
	pvb_blkback_slow_settle(q);
	r->kept = true;
	q->kept++;
	count_kept(q);
	if (q->kept > 1)
		return true;
	pvb_counters_add(q->c.counters, PVB_COUNT(pauses), 1);
	pvb_blkback_pause(q);
	q->c.ops->paused(q, true);
	return true;
}

void pvb_blkback_full_left(struct pvb_blkback_req *r)
{
	struct pvb_blkback_queue *q = r->q;

	if (!r->kept)
		return;
	r->kept = false;
	q->kept--;
	count_kept(q);
	if (q->kept > 0)
		return;
	q->unpaused_ns = pvb_loop_now_ns(q->c.loop);
	pvb_blkback_pause(q);
	if (!q->stopped)
		q->c.ops->paused(q, false);
}

static void again(struct pvb_loop_timer *t)
{
	struct pvb_blkback_queue *q =
		pvb_container(t, struct pvb_blkback_queue, retry);
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&q->full)))
		pvb_queue_push(&q->ready, n);
	pvb_loop_defer(q->c.loop, &q->task);
}

void pvb_blkback_full_init(struct pvb_blkback_queue *q)
{
	q->retry.fired = again;
	count_kept(q);                  /* somebody else's may stand there */
}

void pvb_blkback_full_answer(struct pvb_blkback_queue *q)
{
	struct pvb_qnode *n;

	pvb_loop_disarm(&q->retry);
	while ((n = pvb_queue_pop(&q->full)))
		pvb_blkback_finish(pvb_container(n, struct pvb_blkback_req,
		                                 node), -ENOSPC);
}

void pvb_blkback_queue_keep_no_more(struct pvb_blkback_queue *q)
{
	q->c.keep_full = false;
	pvb_blkback_full_answer(q);
}
