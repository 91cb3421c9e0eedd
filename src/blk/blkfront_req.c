/* SPDX-License-Identifier: MIT */
/*
 * blkfront_req.c - callers' requests into slots of the ring; see
 * blkfront_req.h.
 *
 * A ring request is filled from the oldest pending request; if that fits whole
 * and the next one begins where it ends, from that too.  A request that is
 * longer than its turn goes to the end of the line with the rest.
 */
#include <assert.h>
#include <errno.h>

#include "blkfront_req.h"

/* ---- ring requests ------------------------------------------------------- */

static struct pvb_io *pop_pending(struct pvb_blkfront_queue *q)
{
	struct pvb_io *io = pvb_iolist_pop(&q->pending);

	pvb_blkfront_state(io)->pending = false;
	return io;
}

static void start(struct pvb_blkfront_queue *q, struct pvb_blkfront_shadow *s,
                  enum pvb_blk_op op, uint64_t offset_bytes)
{
	struct pvb_blk_req *r = &q->scratch;

	r->op = (uint8_t)op;
	r->sector = offset_bytes / PVB_BLK_SECTOR_BYTES;
	r->nr_sectors = 0;
	r->nr_segs = 0;
	r->secure = false;
	q->scratch_bytes = 0;
	s->list = NULL;
	s->secure = false;
	s->part_count = 0;
	s->page_count = 0;
}

/* Without data: it goes whole with its one slot. */
static void add_bare(struct pvb_blkfront_shadow *s, struct pvb_io *io)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	s->part[s->part_count++] = (struct pvb_blkfront_part){ .io = io };
	st->sent_bytes = io->length_bytes;
	st->parts++;
}

static void build_flush(struct pvb_blkfront_queue *q,
                        struct pvb_blkfront_shadow *s)
{
	/* Where a back knows no flush, a barrier without data does it. */
	start(q, s, q->geometry.flush ? PVB_BLK_FLUSH : PVB_BLK_BARRIER, 0);
	add_bare(s, pop_pending(q));
}

static void build_discard(struct pvb_blkfront_queue *q,
                          struct pvb_blkfront_shadow *s)
{
	struct pvb_io *io = pop_pending(q);

	start(q, s, PVB_BLK_DISCARD, io->offset_bytes);
	q->scratch.nr_sectors = io->length_bytes / PVB_BLK_SECTOR_BYTES;
	q->scratch.secure = s->secure = io->flags & PVB_IO_SECURE;
	add_bare(s, io);
}

/* May `next` ride with what ends at `end_bytes`? */
static bool is_mergeable(const struct pvb_io *first, struct pvb_io *next,
                         uint64_t end_bytes)
{
	const struct pvb_blkfront_state *st;

	if (!next || next->op != first->op || next->offset_bytes != end_bytes)
		return false;
	st = pvb_blkfront_state(next);
	return st->sent_bytes == 0 && !st->alone && st->result == 0;
}

/* Others that follow on it, all or none of each; so if the whole fails each
   can be tried alone, and only the one at fault fails. */
static void merge(struct pvb_blkfront_queue *q, struct pvb_blkfront_shadow *s,
                  const struct pvb_io *first)
{
	uint64_t end = first->offset_bytes + first->length_bytes;

	while (s->part_count < PVB_BLKFRONT_PARTS_MAX) {
		struct pvb_io *next = q->pending.head;

		if (!is_mergeable(first, next, end) ||
		    !pvb_blkfront_add_part(q, s, next, true))
			break;
		(void)pop_pending(q);
		end += next->length_bytes;
	}
}

/* False: no page is to be had for it. */
static bool build_data(struct pvb_blkfront_queue *q,
                       struct pvb_blkfront_shadow *s)
{
	struct pvb_io *io = q->pending.head;
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);
	bool whole = st->sent_bytes == 0;

	start(q, s, io->op == PVB_IO_READ ? PVB_BLK_READ : PVB_BLK_WRITE,
	      io->offset_bytes + st->sent_bytes);
	if (!pvb_blkfront_add_part(q, s, io, false))
		return false;
	(void)pop_pending(q);
	if (st->sent_bytes < io->length_bytes)
		pvb_blkfront_pend(q, io);       /* behind the others */
	else if (whole && !st->alone && io->op != PVB_IO_ZERO)
		merge(q, s, io);
	return true;
}

/* Into its slots; a list has a page of its own. */
static uint32_t encode(struct pvb_blkfront_queue *q,
                       struct pvb_blkfront_shadow *s)
{
	const struct pvb_ring *ring = &q->channel.ring;
	struct pvb_blk_req *r = &q->scratch;
	uint32_t slots;

	r->indirect = !q->blocks && r->nr_segs > PVB_BLK_SEGS_DIRECT;
	pvb_blk_req_to_wire(r, &q->geometry);
	if (r->indirect)
		pvb_blk_segs_encode(s->list, r, 0);
	slots = r->indirect ? 1 : pvb_blk_slots(q->abi, r->nr_segs);
	pvb_blk_req_encode(pvb_ring_out(ring, 0), q->abi, r);
	for (uint32_t i = 1; i < slots; i++)
		pvb_blk_block_encode(pvb_ring_out(ring, i), q->abi, r, i);
	return slots;
}

static void emit(struct pvb_blkfront_queue *q, struct pvb_blkfront_shadow *s,
                 uint64_t id)
{
	struct pvb_blk_req *r = &q->scratch;
	uint64_t now = pvb_loop_now_ns(q->loop);
	uint32_t slots;

	r->id = id;
	slots = encode(q, s);
	pvb_ring_push(&q->channel.ring, slots);
	s->slots = (uint8_t)slots;
	s->op = r->op;
	s->sent_ns = now;
	if (q->timeout_ns > 0 && pvb_pool_used(&q->shadows) == 1)
		pvb_loop_arm(q->loop, &q->timer, now + q->timeout_ns);
}

/* ---- what is pending ----------------------------------------------------- */

/* Has the back nothing left that would do it? */
static bool is_lost(const struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	const struct pvb_blk_geometry *g = &q->geometry;

	if (io->op == PVB_IO_FLUSH || pvb_blkfront_state(io)->flushing)
		return !g->flush && !g->barrier;
	if (io->op == PVB_IO_DISCARD)
		return io->flags & PVB_IO_SECURE ? !g->discard_secure
		                                 : !g->discard;
	return false;
}

/* Is there nothing (more) to send of it?  Then it is out of the line. */
static bool is_settled(struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);
	bool flush = io->op == PVB_IO_FLUSH || st->flushing;

	if (st->result == 0 && is_lost(q, io))
		st->result = -EOPNOTSUPP;
	if (st->result < 0 || st->again) {
		(void)pop_pending(q);
		pvb_blkfront_go_on(q, io);
		return true;
	}
	if (io->op == PVB_IO_ZERO && !flush &&
	    st->parts >= PVB_BLKFRONT_ZEROS_MAX) {
		(void)pop_pending(q);   /* comes back with an answer */
		return true;
	}
	return false;
}

/* Would it be cut for want of slots?  Rather wait for an answer, if one will
   come: slots that go to small requests come back one by one, for ever. */
static bool is_cramped(const struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	uint64_t left = io->length_bytes - pvb_blkfront_state(io)->sent_bytes;
	uint32_t bytes = left < q->bytes_max ? (uint32_t)left : q->bytes_max;
	uint32_t segs = (bytes + PVB_BLK_PAGE_BYTES - 1) / PVB_BLK_PAGE_BYTES;

	return q->blocks && io->op != PVB_IO_DISCARD &&
	       pvb_pool_used(&q->shadows) > 0 &&
	       pvb_blk_slots(q->abi, segs) > pvb_ring_room(&q->channel.ring);
}

/* One ring request out of the head of the line.  False: not now. */
static bool send_one(struct pvb_blkfront_queue *q)
{
	struct pvb_io *io = q->pending.head;
	struct pvb_blkfront_shadow *s;
	uint64_t id;
	bool built = true;

	if (is_settled(q, io))
		return true;
	if (is_cramped(q, io))
		return false;
	s = pvb_pool_get(&q->shadows, &id);
	if (!s)
		return false;
	if (io->op == PVB_IO_FLUSH || pvb_blkfront_state(io)->flushing)
		build_flush(q, s);
	else if (io->op == PVB_IO_DISCARD)
		build_discard(q, s);
	else
		built = build_data(q, s);
	if (built)
		emit(q, s, id);
	else
		pvb_blkfront_shadow_put(q, s);
	return built;
}

void pvb_blkfront_publish(struct pvb_pump *p)
{
	struct pvb_blkfront_queue *q =
		pvb_container(p, struct pvb_blkfront_queue, pump);

	while (!q->keeping && q->pending.head &&
	       pvb_ring_room(&q->channel.ring) > 0)
		if (!send_one(q))
			break;
	/* What is left waits for an answer, not for the next turn. */
	p->ready = 0;
	pvb_channel_publish(&q->channel);
}

void pvb_blkfront_pend(struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	assert(!st->pending);
	st->pending = true;
	pvb_iolist_push(&q->pending, io);
	pvb_pump_later(&q->pump);
}

void pvb_blkfront_queue_submit(struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);
	int r = q->live || q->keeping ? pvb_disk_check(q->info, io)
	                              : -ESHUTDOWN;

	*st = (struct pvb_blkfront_state){ .number = ++q->number };
	q->accepted++;
	if (r < 0 || (io->op != PVB_IO_FLUSH && io->length_bytes == 0)) {
		pvb_blkfront_finish(q, io, r);
		return;
	}
	st->pending = true;
	pvb_iolist_push(&q->pending, io);
	if (q->keeping)
		return;
	st->shared = pvb_blkfront_is_shared(q, io);
	pvb_pump_ready(&q->pump);
}

void pvb_blkfront_queue_kick(struct pvb_blkfront_queue *q)
{
	if (q->live && q->pump.ready > 0)
		pvb_pump_publish(&q->pump);
}
