/* SPDX-License-Identifier: MIT */
/*
 * blkback_req.c - requests as the ring brings them, and answers as it takes
 * them; see blkback_req.h.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "blkback_req.h"

static struct pvb_blkback_req *req_of(struct pvb_qnode *n)
{
	return pvb_container(n, struct pvb_blkback_req, node);
}

static struct pvb_blkback_queue *queue_of(struct pvb_pump *p)
{
	return pvb_container(p, struct pvb_blkback_queue, pump);
}

void pvb_blkback_count_in_flight(struct pvb_blkback_queue *q)
{
	pvb_counters_set(q->c.counters, PVB_COUNT(in_flight),
	                 pvb_pool_used(&q->reqs));
	pvb_blkback_slow_settle(q);
}

void pvb_blkback_refuse(struct pvb_blkback_req *r, enum pvb_why why)
{
	struct pvb_blkback_queue *q = r->q;

	_Static_assert(PVB_WHY_COUNT <= 64, "a bit for each");
	pvb_counters_refused(q->c.counters, why);
	r->refused = true;
	r->status = pvb_blk_why_status(why);
	if (q->refused_told & UINT64_C(1) << why)
		return;
	q->refused_told |= UINT64_C(1) << why;
	q->c.ops->refused(q, why);
}

void pvb_blkback_answer(struct pvb_blkback_req *r)
{
	struct pvb_blkback_queue *q = r->q;

	pvb_queue_push(&q->answers, &r->node);
	pvb_pump_ready(&q->pump);
}

void pvb_blkback_free(struct pvb_blkback_req *r)
{
	struct pvb_blkback_queue *q = r->q;

	pvb_blkback_slow_left(r);
	pvb_guest_back_put(&q->guest, &r->pages, r->seg);
	if (r->list)
		pvb_pool_put(&q->lists, r->list);
	pvb_pool_put(&q->reqs, r);
}

/* ---- from the ring ------------------------------------------------------- */

/* One request, whose slots begin at `at`.  False: not all of them are there. */
static bool take_one(struct pvb_blkback_queue *q, uint32_t at)
{
	const struct pvb_ring *ring = &q->c.channel->ring;
	struct pvb_journal *j = q->c.journal;
	uint64_t id;
	struct pvb_blkback_req *r = pvb_pool_get(&q->reqs, &id);
	struct pvb_blkback_draft *d = pvb_pool_get(&q->drafts, NULL);
	unsigned char *slot, *blocks;

	/* The ring bounds what is taken and not yet answered. */
	assert(r && d);
	r->record = (uint32_t)id;
	slot = j ? pvb_journal_slot(j, r->record) : d->own_slot;
	pvb_ring_copy(ring, at, slot);
	r->slots = pvb_blk_req_slots(q->c.abi, slot,
	                             q->c.geometry.segs_direct_max);
	if (r->slots > pvb_ring_seen(ring) - at) {
		pvb_pool_put(&q->drafts, d);
		pvb_pool_put(&q->reqs, r);
		return false;
	}
	blocks = j && r->slots > 1 ? pvb_journal_extra(j, r->record)
	                           : d->own.blocks;
	for (uint32_t i = 1; i < r->slots; i++)
		pvb_ring_copy(ring, at + i, blocks +
		              (i - 1) * (size_t)ring->slot_bytes);
	if (j)
		pvb_journal_take(j, r->record, r->slots,
		                 (r->slots - 1) * ring->slot_bytes);
	d->slot = slot;
	d->extra = blocks;
	d->listed = false;
	d->why = q->c.requests_max > 0 &&
	         pvb_pool_used(&q->reqs) > q->c.requests_max
		? PVB_WHY_REQUEST_COUNT : PVB_OK;
	q->batch[q->batch_count] = r;
	q->draft[q->batch_count++] = d;
	return true;
}

/*
 * A front goes on by whole requests, so its index never stands inside of one.
 * If it does nothing can be known of what follows, now or later: what is whole
 * before it is served, and then the ring is broken.
 */
static int32_t take(struct pvb_pump *p, uint32_t n)
{
	struct pvb_blkback_queue *q = queue_of(p);
	uint32_t at = 0;

	q->batch_count = 0;
	while (at < n && take_one(q, at))
		at += q->batch[q->batch_count - 1]->slots;
	if (at > 0 && q->c.journal)
		pvb_journal_commit(q->c.journal);
	if (at > 0)
		return (int32_t)at;
	q->broken_why = PVB_WHY_RING_BLOCKS;
	return -EPROTO;
}

/* Have the list of an indirect request copied out, with those of its batch. */
static void fetch_segs(struct pvb_blkback_req *r, struct pvb_blkback_draft *d)
{
	struct pvb_journal *j = r->q->c.journal;
	const struct pvb_blk_req *s = &d->req;
	unsigned char *to;

	if (d->listed)
		return;
	assert(s->nr_segs <= PVB_BLK_SEGS_MAX);
	to = j ? pvb_journal_list(j, r->record) : d->own.list;
	d->extra = to;
	for (uint32_t i = 0; i < pvb_blk_indirect_pages(s); i++) {
		uint32_t bytes = pvb_blk_indirect_count(s, i) *
		                 PVB_BLK_SEG_BYTES;

		pvb_guest_back_fetch(&r->q->guest, &r->pages,
		                     s->indirect_gref[i], to, bytes);
		to += bytes;
	}
}

static enum pvb_why take_segs(struct pvb_blkback_req *r,
                              struct pvb_blkback_draft *d)
{
	struct pvb_blk_req *s = &d->req;
	const unsigned char *from = d->extra;

	if (r->pages.failed)
		return PVB_WHY_GRANT;
	if (r->q->c.journal && !d->listed)
		pvb_journal_listed(r->q->c.journal, r->record,
		                   s->nr_segs * PVB_BLK_SEG_BYTES);
	for (uint32_t i = 0; i < pvb_blk_indirect_pages(s); i++) {
		pvb_blk_segs_decode(s, i, from);
		from += pvb_blk_indirect_count(s, i) * PVB_BLK_SEG_BYTES;
	}
	return PVB_OK;
}

/* What the request is about, out of the scratch into its own place. */
static void keep(struct pvb_blkback_req *r, const struct pvb_blk_req *s)
{
	struct pvb_blkback_queue *q = r->q;

	r->nr_segs = s->nr_segs;
	r->secure = s->secure;
	r->offset_bytes = s->sector * PVB_BLK_SECTOR_BYTES;
	r->length_bytes = s->nr_sectors * PVB_BLK_SECTOR_BYTES;
	r->seg = r->small_seg;
	r->pages.iov = r->small_iov;
	if (s->nr_segs > PVB_BLK_SEGS_DIRECT) {
		r->list = pvb_pool_get(&q->lists, NULL);
		assert(r->list);        /* there is one for each slot */
		r->pages.iov = r->list;
		r->seg = (void *)(r->pages.iov + s->nr_segs);
	}
	memcpy(r->seg, s->seg, s->nr_segs * sizeof(s->seg[0]));
}

static void decode_slot(struct pvb_blkback_req *r, struct pvb_blkback_draft *d)
{
	struct pvb_blkback_queue *q = r->q;
	const struct pvb_blk_geometry *geo = &q->c.geometry;

	enum pvb_why why = pvb_blk_req_decode(&d->req, q->c.abi, d->slot,
	                                      geo->segs_direct_max,
	                                      geo->segs_indirect_max);

	r->id = d->req.id;
	r->op = d->req.op;
	if (d->why == PVB_OK)
		d->why = why;
	if (d->why != PVB_OK)
		return;
	for (uint32_t i = 1; i < r->slots; i++)
		pvb_blk_block_decode(&d->req, q->c.abi, i, d->extra +
		        (i - 1) * (size_t)q->c.channel->ring.slot_bytes);
	if (d->req.indirect)
		fetch_segs(r, d);
}

static enum pvb_why decode_rest(struct pvb_blkback_req *r,
                                struct pvb_blkback_draft *d)
{
	enum pvb_why why = d->why;

	if (why == PVB_OK && d->req.indirect)
		why = take_segs(r, d);
	if (why == PVB_OK) {
		pvb_blk_req_from_wire(&d->req, &r->q->c.geometry);
		why = pvb_blk_req_check(&d->req, &r->q->c.geometry);
	}
	if (why == PVB_OK)
		keep(r, &d->req);
	return why;
}

static void start(struct pvb_blkback_queue *q, struct pvb_blkback_req *r)
{
	r->q = q;
	r->start_ns = pvb_loop_now_ns(q->c.loop);
	r->refused = false;
	r->slow = false;
	r->nr_segs = 0;
	r->iov_sent = 0;
	r->list = NULL;
	r->pages.iovcnt = 0;
	r->pages.bounced = false;
	r->pages.mapped = false;
	r->pages.failed = false;
}

/* On its way to the disk, or answered as it stands. */
static void admit(struct pvb_blkback_req *r, enum pvb_why why)
{
	if (why == PVB_OK && !pvb_blkback_is_lost(r)) {
		pvb_guest_back_want(&r->q->guest, r->seg, r->nr_segs);
		pvb_queue_push(&r->q->waiting, &r->node);
		return;
	}
	if (why == PVB_OK)
		r->status = PVB_BLK_EOPNOTSUPP;
	else
		pvb_blkback_refuse(r, why);
	pvb_blkback_answer(r);
}

void pvb_blkback_work(struct pvb_blkback_queue *q)
{
	for (uint32_t i = 0; i < q->batch_count; i++) {
		start(q, q->batch[i]);
		decode_slot(q->batch[i], q->draft[i]);
	}
	pvb_guest_back_flush(&q->guest);
	for (uint32_t i = 0; i < q->batch_count; i++) {
		struct pvb_blkback_req *r = q->batch[i];
		enum pvb_why why = decode_rest(r, q->draft[i]);

		pvb_pool_put(&q->drafts, q->draft[i]);
		admit(r, why);
	}
	pvb_guest_back_map(&q->guest);
	pvb_blkback_count_in_flight(q);
	pvb_blkback_begin(q);
}

static bool work(struct pvb_pump *p)
{
	pvb_blkback_work(queue_of(p));
	return true;
}

/* ---- to the ring --------------------------------------------------------- */

/* Bring what was read over into the guest's pages, where it is not there. */
static void return_data(struct pvb_blkback_queue *q)
{
	struct pvb_qnode *n;

	for (n = q->answers.head; n; n = n->next) {
		struct pvb_blkback_req *r = req_of(n);

		if (r->op == PVB_BLK_READ && r->status == PVB_BLK_OKAY)
			pvb_guest_back_copy(&q->guest, &r->pages, r->seg, true);
	}
	pvb_guest_back_flush(&q->guest);
	for (n = q->answers.head; n; n = n->next)
		if (req_of(n)->pages.failed && !req_of(n)->refused)
			pvb_blkback_refuse(req_of(n), PVB_WHY_GRANT);
}

static void count(const struct pvb_blkback_req *r)
{
	static const uint8_t count_op[PVB_BLK_OP_COUNT] = {
		[PVB_BLK_READ] = PVB_COUNT_READ,
		[PVB_BLK_WRITE] = PVB_COUNT_WRITE,
		[PVB_BLK_BARRIER] = PVB_COUNT_BARRIER,
		[PVB_BLK_FLUSH] = PVB_COUNT_FLUSH,
		[PVB_BLK_DISCARD] = PVB_COUNT_DISCARD,
	};
	const struct pvb_blkback_queue *q = r->q;
	bool error = r->status != PVB_BLK_OKAY;

	if (!r->refused)
		pvb_counters_answered(q->c.counters,
			(enum pvb_count_op)count_op[r->op],
			error ? 0 : r->length_bytes,
			pvb_loop_now_ns(q->c.loop) - r->start_ns, error);
}

static void write_answers(struct pvb_blkback_queue *q)
{
	struct pvb_ring *ring = &q->c.channel->ring;
	struct pvb_qnode *n;

	for (n = q->answers.head; q->c.journal && n; n = n->next)
		pvb_journal_answer(q->c.journal, req_of(n)->record);
	for (n = q->answers.head; n; n = n->next) {
		const struct pvb_blkback_req *r = req_of(n);
		struct pvb_blk_rsp rsp = { r->id, r->op, r->status };

		/* In the first of the slots that the request took. */
		pvb_blk_rsp_encode(pvb_ring_out(ring, 0), q->c.abi, &rsp);
		pvb_ring_push(ring, r->slots);
	}
}

static void show_answers(struct pvb_blkback_queue *q)
{
	struct pvb_journal *j = q->c.journal;

	if (j)
		pvb_journal_publish(j);
	pvb_channel_publish(q->c.channel);
	if (j)
		pvb_journal_published(j);
}

static void free_answers(struct pvb_blkback_queue *q)
{
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&q->answers))) {
		struct pvb_blkback_req *r = req_of(n);

		if (q->c.journal)
			pvb_journal_free(q->c.journal, r->record);
		count(r);
		pvb_blkback_free(r);
	}
}

/*
 * The one place where answers leave: those of a batch are written, shown by
 * one index, and only then freed.
 */
static void publish(struct pvb_pump *p)
{
	struct pvb_blkback_queue *q = queue_of(p);

	return_data(q);
	write_answers(q);
	show_answers(q);
	free_answers(q);
	pvb_blkback_count_in_flight(q);
	if (q->stopped || q->changing || q->resuming)
		pvb_loop_defer(q->c.loop, &q->task);
	if (pvb_pool_used(&q->reqs) == 0)
		pvb_blkback_arm_idle(q);
}

static void broken(struct pvb_pump *p)
{
	struct pvb_blkback_queue *q = queue_of(p);

	pvb_counters_refused(q->c.counters, q->broken_why);
	q->c.ops->broken(q, q->broken_why);
}

const struct pvb_pump_ops pvb_blkback_pump_ops = {
	.take = take, .work = work, .publish = publish, .broken = broken,
};
