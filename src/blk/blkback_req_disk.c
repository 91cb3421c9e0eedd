/* SPDX-License-Identifier: MIT */
/*
 * blkback_req_disk.c - requests that are known to be legal: their pages, their
 * turn, and what the disk is asked to do for each; see blkback_req.h.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "blkback_req.h"

/* What comes next for a request.  A barrier goes through all of it. */
enum { STEP_FLUSH_BEFORE, STEP_DATA, STEP_FLUSH_AFTER, STEP_END };

static struct pvb_blkback_req *req_of(struct pvb_qnode *n)
{
	return pvb_container(n, struct pvb_blkback_req, node);
}

/* ---- what the disk is asked ---------------------------------------------- */

static bool set_flush(struct pvb_blkback_req *r)
{
	r->io.op = PVB_IO_FLUSH;
	r->io.flags = 0;
	r->io.offset_bytes = r->io.length_bytes = 0;
	r->io.iovcnt = 0;
	return true;
}

/* False: there is nothing of it that the disk could discard.  A secure one is
   for the disk to judge as it is: what is left out of it would not be gone. */
static bool set_discard(struct pvb_blkback_req *r)
{
	r->io.op = PVB_IO_DISCARD;
	r->io.flags = r->secure ? PVB_IO_SECURE : 0;
	r->io.offset_bytes = r->offset_bytes;
	r->io.length_bytes = r->length_bytes;
	r->io.iovcnt = 0;
	return r->secure || pvb_disk_discard_round(&r->q->c.lane->info,
	                                           &r->io.offset_bytes,
	                                           &r->io.length_bytes);
}

/* As much of the rest as the lane takes at once: nearly always all of it. */
static bool set_data(struct pvb_blkback_req *r)
{
	const struct pvb_disk_info *info = &r->q->c.lane->info;
	const struct iovec *iov = r->pages.iov + r->iov_sent;
	uint32_t left = r->pages.iovcnt - r->iov_sent, n = 0;
	uint64_t bytes = 0;

	while (n < left && n < info->iov_max &&
	       iov[n].iov_len <= info->io_max_bytes - bytes)
		bytes += iov[n++].iov_len;
	assert(n > 0);
	r->io.offset_bytes = r->iov_sent == 0
		? r->offset_bytes
		: r->io.offset_bytes + r->io.length_bytes;
	r->io.length_bytes = bytes;
	r->io.op = r->op == PVB_BLK_READ ? PVB_IO_READ : PVB_IO_WRITE;
	r->io.flags = r->op == PVB_BLK_BARRIER && info->fua ? PVB_IO_FUA : 0;
	r->io.iov = iov;
	r->io.iovcnt = n;
	r->iov_sent += n;
	return true;
}

/* Must what was just done be made durable by a flush of its own? */
static bool wants_flush_after(const struct pvb_blkback_req *r)
{
	const struct pvb_disk_info *info = &r->q->c.lane->info;

	if (r->op == PVB_BLK_FLUSH)
		return true;
	return r->op == PVB_BLK_BARRIER && r->nr_segs > 0 && !info->fua;
}

/* Put what comes next into r->io.  False: nothing does. */
static bool next_io(struct pvb_blkback_req *r)
{
	if (r->step == STEP_FLUSH_BEFORE) {
		r->step = STEP_DATA;
		return set_flush(r);    /* if it can no more, it says so */
	}
	if (r->step == STEP_DATA) {
		if (r->iov_sent < r->pages.iovcnt)
			return set_data(r);
		r->step = STEP_FLUSH_AFTER;
		if (r->op == PVB_BLK_DISCARD && set_discard(r))
			return true;
	}
	if (r->step == STEP_FLUSH_AFTER) {
		r->step = STEP_END;
		if (wants_flush_after(r))
			return set_flush(r);
	}
	return false;
}

/* ---- done ---------------------------------------------------------------- */

/* Not under way any more: others may be waiting for that. */
static void leave(struct pvb_blkback_req *r)
{
	struct pvb_blkback_queue *q = r->q;

	q->begun--;
	pvb_blkback_full_left(r);
	if (q->barrier == r)
		q->barrier = NULL;
	if (!pvb_queue_is_empty(&q->waiting) || !pvb_queue_is_empty(&q->ready))
		pvb_loop_defer(q->c.loop, &q->task);
}

static void refuse_begun(struct pvb_blkback_req *r)
{
	leave(r);
	pvb_blkback_refuse(r, PVB_WHY_GRANT);
	pvb_blkback_answer(r);
}

/* The feature that is not there, by what the disk was asked. */
static uint32_t lost_by(const struct pvb_io *io)
{
	switch (io->op) {
	case PVB_IO_FLUSH:
		return PVB_BLK_LOST_FLUSH;
	case PVB_IO_WRITE:              /* through its cache */
		return PVB_BLK_LOST_BARRIER;
	case PVB_IO_DISCARD:
		return io->flags & PVB_IO_SECURE ? PVB_BLK_LOST_SECURE
		                                 : PVB_BLK_LOST_DISCARD;
	default:
		return 0;
	}
}

static int16_t status_of(const struct pvb_blkback_req *r, int result)
{
	bool data = r->op == PVB_BLK_READ || r->op == PVB_BLK_WRITE;

	if (result == 0)
		return PVB_BLK_OKAY;
	/* A front would never read or write again. */
	return result == -EOPNOTSUPP && !data ? PVB_BLK_EOPNOTSUPP
	                                      : PVB_BLK_ERROR;
}

void pvb_blkback_finish(struct pvb_blkback_req *r, int result)
{
	leave(r);
	r->status = status_of(r, result);
	if (r->status == PVB_BLK_EOPNOTSUPP)
		pvb_blkback_lose(r->q, lost_by(&r->io));
	if (r->status == PVB_BLK_ERROR && !r->q->cut &&
	    !pvb_blkback_is_full(r, result))
		r->q->c.ops->failed(r->q, &r->io, result);
	pvb_blkback_answer(r);
}

/* A kernel that cannot do its I/O on pages of another domain: all of the
   request once more, by copies, and so with others from now on. */
static void begin_again(struct pvb_blkback_req *r)
{
	struct pvb_blkback_queue *q = r->q;

	pvb_guest_back_put(&q->guest, &r->pages, r->seg);
	pvb_guest_back_copy_all(&q->guest);
	r->iov_sent = 0;
	pvb_queue_push_front(&q->waiting, &r->node);
	leave(r);
}

static void io_done(struct pvb_io *io, int result)
{
	struct pvb_blkback_req *r = io->arg;
	struct pvb_blkback_queue *q = r->q;

	q->submitted--;
	if (result == 0 && !q->cut && next_io(r)) {
		pvb_queue_push(&q->ready, &r->node);
		pvb_loop_defer(q->c.loop, &q->task);
		return;
	}
	if (result == -EFAULT && r->pages.mapped && !q->cut) {
		begin_again(r);
		return;
	}
	if (!pvb_blkback_full_keep(r, result))
		pvb_blkback_finish(r, result);
}

/* ---- begin --------------------------------------------------------------- */

/* In order; who finds the lane full waits for a done(), and all behind it. */
static void submit_ready(struct pvb_blkback_queue *q)
{
	const struct pvb_disk_ops *ops;
	struct pvb_qnode *n;
	bool any = false;

	if (pvb_queue_is_empty(&q->ready))      /* there may be no lane */
		return;
	ops = q->c.lane->ops;
	while ((n = pvb_queue_pop(&q->ready))) {
		int r = ops->submit(q->c.lane, &req_of(n)->io);

		if (r == -EAGAIN) {
			assert(q->submitted > 0);
			pvb_queue_push_front(&q->ready, n);
			break;
		}
		assert(r == 0);
		q->submitted++;
		any = true;
	}
	if (any && ops->kick)
		ops->kick(q->c.lane);
}

/* Its pages.  False: not now. */
static bool begin(struct pvb_blkback_req *r, struct pvb_queue *fresh)
{
	struct pvb_blkback_queue *q = r->q;
	bool to_peer = r->op == PVB_BLK_READ;
	int rc = 0;

	if (r->op == PVB_BLK_BARRIER && q->begun > 0)
		return false;
	if (r->nr_segs > 0)
		rc = pvb_guest_back_get(&q->guest, r->seg, r->nr_segs, to_peer,
		                        &r->pages);
	if (rc == -EAGAIN)
		return false;
	q->begun++;
	r->kept = false;
	r->io.done = io_done;
	r->io.arg = r;
	r->step = STEP_DATA;
	if (r->op == PVB_BLK_BARRIER) {
		q->barrier = r;
		r->step = STEP_FLUSH_BEFORE;
	}
	if (rc < 0) {
		refuse_begun(r);
		return true;
	}
	if (!to_peer)
		pvb_guest_back_copy(&q->guest, &r->pages, r->seg, false);
	pvb_queue_push(fresh, &r->node);
	return true;
}

/* The copies are made: on with those that have their bytes. */
static void make_ready(struct pvb_blkback_queue *q, struct pvb_queue *fresh)
{
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(fresh))) {
		struct pvb_blkback_req *r = req_of(n);

		if (r->pages.failed)
			refuse_begun(r);
		else if (next_io(r))
			pvb_queue_push(&q->ready, &r->node);
		else
			pvb_blkback_finish(r, 0);
	}
}

void pvb_blkback_begin(struct pvb_blkback_queue *q)
{
	struct pvb_queue fresh = { NULL, NULL };
	struct pvb_qnode *n;

	while (!q->barrier && (n = pvb_queue_pop(&q->waiting))) {
		if (!begin(req_of(n), &fresh)) {
			pvb_queue_push_front(&q->waiting, n);
			break;
		}
	}
	pvb_guest_back_flush(&q->guest);
	make_ready(q, &fresh);
	submit_ready(q);
}

void pvb_blkback_drop(struct pvb_blkback_queue *q)
{
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&q->waiting)))
		pvb_blkback_free(req_of(n));
	while ((n = pvb_queue_pop(&q->full)))
		pvb_queue_push(&q->ready, n);
	while ((n = pvb_queue_pop(&q->ready))) {
		leave(req_of(n));
		pvb_blkback_free(req_of(n));
	}
}
