/* SPDX-License-Identifier: MIT */
/*
 * blkback_req_slow.c - requests that have waited for the disk for longer than
 * it should take: counted, and told of when there is a first and when there is
 * none any more; see blkback_req.h.
 *
 * A timer runs while anything is in flight that is not known to be slow, and
 * never else: who is idle sleeps.  While a ring is paused for want of room all
 * of it waits for that, and nothing is slow.
 */
#include "blkback_req.h"

/* Looks in the time that a request may take: those that become slow one after
   the other are found together. */
enum { LOOKS = 8 };

static uint64_t since(const struct pvb_blkback_req *r)
{
	return r->start_ns > r->q->unpaused_ns ? r->start_ns
	                                       : r->q->unpaused_ns;
}

/* Found by whoever lists devices, at any time: a moment, not an age. */
static void show(struct pvb_blkback_queue *q)
{
	uint64_t oldest = UINT64_MAX;

	for (uint32_t i = 0; q->slow > 0 && i < q->reqs.count; i++) {
		const struct pvb_blkback_req *r = pvb_pool_at(&q->reqs, i);

		if (r && r->slow && since(r) < oldest)
			oldest = since(r);
	}
	pvb_counters_set(q->c.counters, PVB_COUNT(slow_now), q->slow);
	pvb_counters_set(q->c.counters, PVB_COUNT(slow_since_ns),
	                 q->slow > 0 ? oldest : 0);
	if (q->slow_told == (q->slow > 0))
		return;
	q->slow_told = q->slow > 0;
	q->c.ops->stalled(q, q->slow_told);
}

static void look_at(struct pvb_blkback_queue *q, uint64_t ns)
{
	pvb_loop_arm(q->c.loop, &q->look, ns);
}

static bool becomes_slow(struct pvb_blkback_req *r, uint64_t now)
{
	if (r->kept || now - since(r) < r->q->c.slow_ns)
		return false;
	r->slow = true;
	r->q->slow++;
	pvb_counters_add(r->q->c.counters, PVB_COUNT(slow), 1);
	return true;
}

/* When the next of them may become slow, or UINT64_MAX. */
static uint64_t find_slow(struct pvb_blkback_queue *q, uint64_t now)
{
	uint64_t next = UINT64_MAX, soon = now + q->c.slow_ns / LOOKS;

	for (uint32_t i = 0; i < q->reqs.count; i++) {
		struct pvb_blkback_req *r = pvb_pool_at(&q->reqs, i);
		uint64_t due;

		if (!r || r->slow || becomes_slow(r, now))
			continue;
		due = since(r) + q->c.slow_ns;
		if (due < next)
			next = due;
	}
	return next < soon ? soon : next;
}

static void look(struct pvb_loop_timer *t)
{
	struct pvb_blkback_queue *q =
		pvb_container(t, struct pvb_blkback_queue, look);
	uint64_t now = pvb_loop_now_ns(q->c.loop), next;

	if (q->kept > 0) {
		look_at(q, now + q->c.slow_ns);
		return;
	}
	next = find_slow(q, now);
	show(q);
	if (next != UINT64_MAX)
		look_at(q, next);
}

void pvb_blkback_slow_left(struct pvb_blkback_req *r)
{
	if (!r->slow)
		return;
	r->slow = false;
	r->q->slow--;
	r->q->slow_left = true;
}

void pvb_blkback_slow_settle(struct pvb_blkback_queue *q)
{
	uint32_t used = pvb_pool_used(&q->reqs);

	if (q->slow_left)
		show(q);
	q->slow_left = false;
	if (used == q->slow)
		pvb_loop_disarm(&q->look);
	else if (!q->look.loop && q->c.slow_ns > 0)
		look_at(q, pvb_loop_now_ns(q->c.loop) + q->c.slow_ns);
}

void pvb_blkback_slow_init(struct pvb_blkback_queue *q)
{
	q->look.fired = look;
	show(q);                        /* somebody else's may stand there */
}
