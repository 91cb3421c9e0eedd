/* SPDX-License-Identifier: MIT */
/*
 * blkfront_req_keep.c - requests that outlive their ring; see blkfront_req.h.
 *
 * A request that was not answered still has its memory, so it is all that is
 * needed to ask for it again, in whatever shape the next ring takes.  It is
 * asked for whole: what of it was answered before counts for nothing, for its
 * submitter has heard of none of it.
 */
#include <assert.h>

#include "blkfront_req.h"

/* ---- in the order in which they were submitted --------------------------- */

static bool is_older(struct pvb_io *a, struct pvb_io *b)
{
	return (int32_t)(pvb_blkfront_state(a)->number -
	                 pvb_blkfront_state(b)->number) < 0;
}

static struct pvb_iolist merge(struct pvb_iolist a, struct pvb_iolist b)
{
	struct pvb_iolist all = { 0 };

	while (a.head && b.head)
		pvb_iolist_push(&all, pvb_iolist_pop(is_older(b.head, a.head)
		                                             ? &b : &a));
	pvb_iolist_append(&all, &a);
	pvb_iolist_append(&all, &b);
	return all;
}

/* The i-th run has nothing or 2^i of them. */
static void sort(struct pvb_iolist *all)
{
	struct pvb_iolist run[32] = { { 0 } };
	struct pvb_io *io;

	while ((io = pvb_iolist_pop(all))) {
		struct pvb_iolist one = { 0 };
		uint32_t i;

		pvb_iolist_push(&one, io);
		for (i = 0; run[i].head; i++) {
			one = merge(run[i], one);
			run[i].head = NULL;
		}
		run[i] = one;
	}
	for (uint32_t i = 0; i < 32; i++)
		*all = merge(run[i], *all);
}

/* ---- back from the ring -------------------------------------------------- */

/* What the former back may still have under way into the submitter's own memory
   must not land there once somebody else has answered. */
static void renew_memory(struct pvb_blkfront_queue *q, const struct pvb_io *io)
{
	for (uint32_t i = 0; i < io->iovcnt; i++)
		pvb_guest_front_renew(&q->data, io->iov[i].iov_base,
		                      io->iov[i].iov_len);
}

static void part_back(struct pvb_blkfront_queue *q, struct pvb_io *io)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);

	st->parts--;
	if (st->pending)
		return;
	st->pending = true;
	pvb_iolist_push(&q->pending, io);
	if (st->shared && io->op == PVB_IO_READ)
		renew_memory(q, io);
}

void pvb_blkfront_take_back(struct pvb_blkfront_queue *q)
{
	struct pvb_iolist all;
	struct pvb_io *io;

	for (uint32_t i = 0; i < q->shadows.count; i++) {
		struct pvb_blkfront_shadow *s = pvb_pool_at(&q->shadows, i);

		if (!s)
			continue;
		for (uint32_t k = 0; k < s->part_count; k++)
			part_back(q, s->part[k].io);
		pvb_blkfront_shadow_put(q, s);
	}
	sort(&q->pending);
	all = q->pending;
	q->pending = (struct pvb_iolist){ 0 };
	while ((io = pvb_iolist_pop(&all))) {
		struct pvb_blkfront_state *st = pvb_blkfront_state(io);
		int result = st->result;

		assert(st->parts == 0);
		*st = (struct pvb_blkfront_state){ .number = st->number };
		if (result < 0) {       /* so the former back has said */
			pvb_blkfront_finish(q, io, result);
			continue;
		}
		st->pending = true;
		pvb_iolist_push(&q->pending, io);
	}
}

/* ---- into another -------------------------------------------------------- */

void pvb_blkfront_send_kept(struct pvb_blkfront_queue *q)
{
	struct pvb_iolist all = q->pending;
	struct pvb_io *io;

	q->pending = (struct pvb_iolist){ 0 };
	while ((io = pvb_iolist_pop(&all))) {
		struct pvb_blkfront_state *st = pvb_blkfront_state(io);
		int r = pvb_disk_check(q->info, io);

		st->pending = false;
		if (r < 0) {
			pvb_blkfront_finish(q, io, r);
			continue;
		}
		st->shared = pvb_blkfront_is_shared(q, io);
		pvb_blkfront_pend(q, io);
	}
}

/* ---- or not -------------------------------------------------------------- */

void pvb_blkfront_queue_give_back(struct pvb_blkfront_queue *q, int result)
{
	assert(!q->attached);
	if (!q->keeping)
		return;
	q->keeping = false;
	pvb_blkfront_cut(q, result);
}
