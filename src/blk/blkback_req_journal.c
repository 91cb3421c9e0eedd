/* SPDX-License-Identifier: MIT */
/*
 * blkback_req_journal.c - what somebody who is dead has taken off the ring and
 * not answered: done again, in the order in which it was asked, before anything
 * new is taken; see blkback_req.h and docs/crash.md.
 */
#include <assert.h>

#include "blkback_req.h"

/*
 * A request and its record in the journal have the same number.  So those whose
 * record is in use are taken out of the pool: all of them are, and the others
 * put back, so that the lowest are used first.
 */
void pvb_blkback_journal_reserve(struct pvb_blkback_queue *q)
{
	struct pvb_journal *j = q->c.journal;

	if (!j || (q->c.redo_count == 0 &&
	           pvb_journal_medium(j) == q->c.medium))
		return;
	while (pvb_pool_get(&q->reqs, NULL))
		continue;
	for (uint32_t i = q->c.channel->ring.size; i > 0; i--)
		if (pvb_journal_is_free(j, i - 1))
			pvb_pool_put(&q->reqs, pvb_pool_at(&q->reqs, i - 1));
	assert(pvb_pool_used(&q->reqs) == q->c.redo_count);
	q->stale = pvb_journal_medium(j) != q->c.medium;
	q->resuming = true;
	pvb_blkback_pause(q);
	pvb_loop_defer(q->c.loop, &q->task);
}

/* As take does it, with bytes that are there. */
static void take_again(struct pvb_blkback_queue *q, uint32_t record)
{
	const struct pvb_journal *j = q->c.journal;
	struct pvb_blkback_req *r = pvb_pool_at(&q->reqs, record);
	struct pvb_blkback_draft *d = pvb_pool_get(&q->drafts, NULL);

	assert(r && d);
	r->record = record;
	r->slots = pvb_journal_slots(j, record);
	d->slot = pvb_journal_slot_at(j, record);
	d->extra = pvb_journal_extra_at(j, record);
	d->listed = pvb_journal_extra_bytes(j, record) > 0;
	d->why = PVB_OK;
	/* Those before it were in flight together with it. */
	if (q->c.requests_max > 0 && q->redone >= q->c.requests_max)
		d->why = PVB_WHY_REQUEST_COUNT;
	if (q->stale)
		d->why = PVB_WHY_NO_MEDIUM;
	q->batch[q->batch_count] = r;
	q->draft[q->batch_count++] = d;
}

static void drop_rest(struct pvb_blkback_queue *q)
{
	for (; q->redone < q->c.redo_count; q->redone++)
		pvb_pool_put(&q->reqs,
		             pvb_pool_at(&q->reqs, q->c.redo[q->redone]));
}

/* All of them, so that they are before whatever is taken next. */
void pvb_blkback_journal_redo(struct pvb_blkback_queue *q)
{
	if (q->cut)
		drop_rest(q);
	while (q->redone < q->c.redo_count) {
		q->batch_count = 0;
		while (q->redone < q->c.redo_count &&
		       q->batch_count < PVB_PUMP_BATCH) {
			take_again(q, q->c.redo[q->redone]);
			q->redone++;
		}
		pvb_blkback_work(q);
	}
	if (q->stale)
		return;
	q->resuming = false;
	pvb_blkback_pause(q);
}

/* What was for the other medium has been answered, and so shown, unless nobody
   is there to see it. */
void pvb_blkback_journal_quiet(struct pvb_blkback_queue *q)
{
	if (q->cut)
		return;
	pvb_journal_set_medium(q->c.journal, q->c.medium);
	q->stale = false;
	q->resuming = false;
	pvb_blkback_pause(q);
}

/* With all that goes with it: a barrier with the flush. */
void pvb_blkback_journal_lost(struct pvb_blkback_queue *q, uint32_t lost)
{
	struct pvb_blk_geometry left = q->c.geometry;

	if (!q->c.journal)
		return;
	(void)pvb_blk_geometry_lose(&left, lost);
	pvb_journal_revoke(q->c.journal,
	                   pvb_blk_geometry_features(&q->c.geometry) &
	                   ~pvb_blk_geometry_features(&left));
}
