/* SPDX-License-Identifier: MIT */
/*
 * blkfront_req_done.c - what the back answers, and what becomes of requests
 * when it does not; see blkfront_req.h.
 *
 * An answer must name a ring request that is in flight, by slot and
 * generation, and repeat its operation.  Else the back is not to be believed
 * in anything, and the data path ends.
 */
#include <errno.h>
#include <string.h>

#include "blkfront_req.h"

/* ---- done() -------------------------------------------------------------- */

void pvb_blkfront_finish(struct pvb_blkfront_queue *q, struct pvb_io *io,
                         int result)
{
	pvb_blkfront_state(io)->result = result;
	pvb_iolist_push(&q->finished, io);
	q->finished_count++;
	if (!q->working)
		pvb_loop_defer(q->loop, &q->task);
}

/* What a done() finishes anew has its turn the next time. */
bool pvb_blkfront_deliver(struct pvb_blkfront_queue *q)
{
	uint32_t n = q->finished_count;
	bool gone = false;

	q->gone = &gone;
	while (n-- > 0 && q->finished.head) {
		struct pvb_io *io = pvb_iolist_pop(&q->finished);

		q->finished_count--;
		q->accepted--;
		io->done(io, pvb_blkfront_state(io)->result);
		if (gone)
			return false;
	}
	q->gone = NULL;
	if (q->finished.head)
		pvb_loop_defer(q->loop, &q->task);
	return true;
}

/* ---- one answer ---------------------------------------------------------- */

void pvb_blkfront_shadow_put(struct pvb_blkfront_queue *q,
                             struct pvb_blkfront_shadow *s)
{
	if (s->list)
		pvb_guest_front_page_put(&q->lists, s->list);
	while (s->page_count > 0)
		pvb_guest_front_page_put(&q->data, s->page[--s->page_count]);
	pvb_pool_put(&q->shadows, s);
	if (pvb_pool_used(&q->shadows) > 0)
		return;
	pvb_loop_disarm(&q->timer);
	if (pvb_guest_front_is_fat(&q->data))
		pvb_loop_arm(q->loop, &q->idle, pvb_loop_now_ns(q->loop) +
		             PVB_BLKFRONT_IDLE_MS * UINT64_C(1000000));
}

/* What was read, from our pages to where the callers want it. */
static void bring_back(const struct pvb_blkfront_shadow *s)
{
	uint32_t page = 0;

	if (s->page_count == 0)
		return;
	for (uint32_t i = 0; i < s->part_count; i++) {
		struct pvb_blkfront_cursor c = s->part[i].from;
		const struct pvb_io *io = s->part[i].io;
		uint32_t left = s->part[i].bytes;

		if (pvb_blkfront_state(s->part[i].io)->shared)
			continue;
		while (left > 0) {
			uint32_t n = left < PVB_BLK_PAGE_BYTES
				? left : PVB_BLK_PAGE_BYTES;

			pvb_blkfront_move(io, &c, s->page[page++], n, false);
			left -= n;
		}
	}
}

static void start_again(struct pvb_blkfront_queue *q, struct pvb_io *io,
                        bool alone)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	*st = (struct pvb_blkfront_state){
		.number = st->number, .shared = st->shared, .alone = alone,
	};
	pvb_blkfront_pend(q, io);
}

void pvb_blkfront_go_on(struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	if (st->result < 0) {
		if (st->parts == 0)
			pvb_blkfront_finish(q, io, st->result);
	} else if (st->again) {
		if (st->parts == 0)
			start_again(q, io, st->alone);
	} else if (st->sent_bytes < io->length_bytes) {
		pvb_blkfront_pend(q, io);
	} else if (st->parts == 0 && (io->flags & PVB_IO_FUA) &&
	           !st->flushing) {
		st->flushing = true;
		pvb_blkfront_pend(q, io);
	} else if (st->parts == 0) {
		pvb_blkfront_finish(q, io, 0);
	}
}

/* One ring request of it is over. */
static void part_done(struct pvb_blkfront_queue *q, struct pvb_io *io,
                      int result)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	st->parts--;
	if (st->result == 0)
		st->result = result;
	if (!st->pending)       /* else sending it goes on, or finds this */
		pvb_blkfront_go_on(q, io);
}

/* One of several failed, and nobody knows which: each for itself. */
static void try_alone(struct pvb_blkfront_queue *q,
                      const struct pvb_blkfront_shadow *s)
{
	for (uint32_t i = 0; i < s->part_count; i++)
		start_again(q, s->part[i].io, true);
}

/* ---- what the back does not do after all --------------------------------- */

static void lose_discard(struct pvb_blk_geometry *g, bool secure)
{
	g->discard_secure = false;
	if (!secure)
		g->discard = false;
}

/* From now on no more than any back takes. */
static void lose_large(struct pvb_blkfront_queue *q)
{
	const uint32_t bytes = PVB_BLK_SEGS_DIRECT * PVB_BLK_PAGE_BYTES;

	q->segs_max = PVB_BLK_SEGS_DIRECT;
	if (q->bytes_max > bytes)
		q->bytes_max = bytes;
}

/* What was just answered is not asked again.  True: there may be another
   way. */
static bool lose(struct pvb_blkfront_queue *q,
                 const struct pvb_blkfront_shadow *s)
{
	bool large = s->list || s->slots > 1;

	switch (s->op) {
	case PVB_BLK_FLUSH:
		q->geometry.flush = false;
		break;
	case PVB_BLK_BARRIER:
		q->geometry.barrier = false;
		break;
	case PVB_BLK_DISCARD:
		lose_discard(&q->geometry, s->secure);
		break;
	default:
		if (large)
			lose_large(q);
		return large;
	}
	if (pvb_blkfront_show_features(q))
		q->info_changed = true;
	return s->op != PVB_BLK_DISCARD;
}

/* Once more, as it can be sent now. */
static void try_again(struct pvb_blkfront_queue *q,
                      const struct pvb_blkfront_shadow *s)
{
	struct pvb_io *io = s->part[0].io;
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	if (s->part_count > 1) {
		try_alone(q, s);
	} else if (s->op == PVB_BLK_READ || s->op == PVB_BLK_WRITE) {
		st->again = true;
		part_done(q, io, 0);
	} else {
		st->parts--;
		pvb_blkfront_pend(q, io);
	}
}

/* ---- an answer ----------------------------------------------------------- */

static int result_of(const struct pvb_blkfront_shadow *s, int16_t status)
{
	bool data = s->op == PVB_BLK_READ || s->op == PVB_BLK_WRITE;

	if (status == PVB_BLK_OKAY)
		return 0;
	return status == PVB_BLK_EOPNOTSUPP && !data ? -EOPNOTSUPP : -EIO;
}

static void answered(struct pvb_blkfront_queue *q,
                     struct pvb_blkfront_shadow *s, int16_t status)
{
	int result = result_of(s, status);

	if (result == 0 && s->op == PVB_BLK_READ)
		bring_back(s);
	if (status == PVB_BLK_EOPNOTSUPP && lose(q, s)) {
		try_again(q, s);
	} else if (result < 0 && s->part_count > 1) {
		try_alone(q, s);
	} else {
		for (uint32_t i = 0; i < s->part_count; i++)
			part_done(q, s->part[i].io, result);
	}
	pvb_blkfront_shadow_put(q, s);
}

/* ---- the ring ------------------------------------------------------------ */

/* Slots that this answer takes: those of its request.  One to nothing of ours
   is refused in its turn, and what is behind it is not looked at. */
static uint32_t slots_of(const struct pvb_blkfront_queue *q, const void *slot)
{
	const struct pvb_blkfront_shadow *s;
	struct pvb_blk_rsp rsp;

	pvb_blk_rsp_decode(&rsp, q->abi, slot);
	s = pvb_pool_find(&q->shadows, rsp.id);
	return s ? s->slots : 1;
}

/* A back goes on by whole answers; see take in blkback_req.c. */
int32_t pvb_blkfront_take(struct pvb_pump *p, uint32_t n)
{
	struct pvb_blkfront_queue *q =
		pvb_container(p, struct pvb_blkfront_queue, pump);
	const struct pvb_ring *ring = &q->channel.ring;
	uint32_t at = 0, slots;

	for (q->taken = 0; at < n; at += slots, q->taken++) {
		pvb_ring_copy(ring, at, q->rsp[q->taken]);
		slots = slots_of(q, q->rsp[q->taken]);
		if (slots > pvb_ring_seen(ring) - at)
			break;
	}
	if (at > 0)
		return (int32_t)at;
	q->broken_why = PVB_WHY_RING_BLOCKS;
	return -EPROTO;
}

static enum pvb_why one_response(struct pvb_blkfront_queue *q, const void *slot)
{
	struct pvb_blkfront_shadow *s;
	struct pvb_blk_rsp rsp;

	pvb_blk_rsp_decode(&rsp, q->abi, slot);
	s = pvb_pool_find(&q->shadows, rsp.id);
	if (!s)
		return PVB_WHY_RSP_ID;
	if (rsp.op != s->op)
		return PVB_WHY_RSP_OP;
	q->fruitful = true;
	answered(q, s, rsp.status);
	return PVB_OK;
}

bool pvb_blkfront_work(struct pvb_pump *p)
{
	struct pvb_blkfront_queue *q =
		pvb_container(p, struct pvb_blkfront_queue, pump);
	enum pvb_why why = PVB_OK;

	q->working = true;
	for (uint32_t i = 0; i < q->taken && why == PVB_OK; i++)
		why = one_response(q, q->rsp[i]);
	q->working = false;
	if (why != PVB_OK) {
		pvb_blkfront_queue_fail(q, why);
		return true;
	}
	if (q->pending.head)
		pvb_pump_later(&q->pump);
	if (q->stopped)
		pvb_loop_defer(q->loop, &q->task);
	if (q->info_changed) {          /* first that, then what is done */
		pvb_loop_defer(q->loop, &q->task);
		return true;
	}
	return pvb_blkfront_deliver(q);
}

/* ---- the end of all of them ---------------------------------------------- */

void pvb_blkfront_cut(struct pvb_blkfront_queue *q, int result)
{
	struct pvb_io *io;

	while ((io = pvb_iolist_pop(&q->pending))) {
		struct pvb_blkfront_state *st = pvb_blkfront_state(io);

		st->pending = false;
		st->result = result;
		if (st->parts == 0)
			pvb_blkfront_finish(q, io, result);
	}
	for (uint32_t i = 0; i < q->shadows.count; i++) {
		struct pvb_blkfront_shadow *s = pvb_pool_at(&q->shadows, i);

		if (!s)
			continue;
		for (uint32_t k = 0; k < s->part_count; k++)
			part_done(q, s->part[k].io, result);
		pvb_blkfront_shadow_put(q, s);
	}
}

void pvb_blkfront_queue_fail(struct pvb_blkfront_queue *q, enum pvb_why why)
{
	if (q->failed)
		return;
	q->failed = true;
	q->failed_why = why;
	q->live = false;
	q->keeping = q->may_keep && why == PVB_WHY_TIMEOUT;
	pvb_pump_pause(&q->pump, true);
	if (q->keeping)
		pvb_blkfront_take_back(q);
	else
		pvb_blkfront_cut(q, -EIO);
	pvb_loop_defer(q->loop, &q->task);
}

void pvb_blkfront_timed_out(struct pvb_loop_timer *t)
{
	struct pvb_blkfront_queue *q =
		pvb_container(t, struct pvb_blkfront_queue, timer);
	uint64_t oldest = UINT64_MAX;

	for (uint32_t i = 0; i < q->shadows.count; i++) {
		const struct pvb_blkfront_shadow *s =
			pvb_pool_at(&q->shadows, i);

		if (s && s->sent_ns < oldest)
			oldest = s->sent_ns;
	}
	if (oldest == UINT64_MAX)
		return;
	if (pvb_loop_now_ns(q->loop) - oldest >= q->timeout_ns)
		pvb_blkfront_queue_fail(q, PVB_WHY_TIMEOUT);
	else
		pvb_loop_arm(q->loop, t, oldest + q->timeout_ns);
}
