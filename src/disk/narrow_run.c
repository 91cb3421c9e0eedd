/* SPDX-License-Identifier: MIT */
/*
 * The way of a request through a narrow lane:
 *
 *   submit --edges--> waiting --range--> ready --> disk --> next step, or end
 *
 * It has its edges, if any, before it asks for its range: so whom others wait
 * for never waits for memory itself.
 */
#include <errno.h>
#include <sys/mman.h>

#include "narrow_parts.h"

static struct narrow_lane *lane_of(struct pvb_disk *d)
{
	return pvb_container(d, struct narrow_lane, disk);
}

static struct narrow_request *request_of(struct pvb_qnode *n)
{
	return pvb_container(n, struct narrow_request, node);
}

static uint32_t block_of(const struct narrow_lane *l)
{
	return l->inner->info.sector_size_bytes;
}

/* ---- edges --------------------------------------------------------------- */

static struct narrow_edges *edges_get(struct narrow_lane *l)
{
	for (uint32_t i = 0; i < NARROW_EDGES; i++) {
		if (l->edges_used & 1u << i)
			continue;
		l->edges_used |= 1u << i;
		l->edges_touched |= 1u << i;
		return &l->edges[i];
	}
	return NULL;
}

static void edges_put(struct narrow_lane *l, struct narrow_edges *e)
{
	l->edges_used &= ~(1u << (e - l->edges));
	/* Idle: all but the first go back to the system. */
	if (l->edges_used || !(l->edges_touched & ~1u))
		return;
	l->edges_touched &= 1u;
	(void)madvise(l->edges + 1, (NARROW_EDGES - 1) * sizeof(*e),
	              MADV_DONTNEED);
}

/* ---- to the disk --------------------------------------------------------- */

static void go_on_later(struct narrow_lane *l)
{
	if (!pvb_queue_is_empty(&l->waiting) || !pvb_queue_is_empty(&l->ready))
		pvb_loop_defer(l->loop, &l->go_on);
}

/* In order.  If the disk is full there is an answer to come, and then more. */
static void submit_ready(struct narrow_lane *l)
{
	const struct pvb_disk_ops *ops = l->inner->ops;
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&l->ready))) {
		if (ops->submit(l->inner, &request_of(n)->io) == 0)
			continue;
		pvb_queue_push_front(&l->ready, n);
		break;
	}
	if (ops->kick)
		ops->kick(l->inner);
}

/* It has all that it needs. */
static void begin(struct narrow_request *r)
{
	if (r->edges)
		(void)narrow_next(r, block_of(r->lane));
	pvb_queue_push(&r->lane->ready, &r->node);
}

void narrow_granted(struct pvb_range *range)
{
	struct narrow_request *r =
		pvb_container(range, struct narrow_request, range);

	begin(r);
	go_on_later(r->lane);
}

static void ask_for_range(struct narrow_request *r)
{
	if (!r->changes || pvb_ranges_take(&r->lane->ranges, &r->range))
		begin(r);
}

static void serve_waiting(struct narrow_lane *l)
{
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&l->waiting))) {
		struct narrow_request *r = request_of(n);

		r->edges = edges_get(l);
		if (!r->edges) {
			pvb_queue_push_front(&l->waiting, n);
			break;
		}
		ask_for_range(r);
	}
}

static void run(struct narrow_lane *l)
{
	serve_waiting(l);
	submit_ready(l);
}

void narrow_go_on(struct pvb_loop_task *t)
{
	run(pvb_container(t, struct narrow_lane, go_on));
}

/* ---- from the disk ------------------------------------------------------- */

static void end(struct narrow_request *r, int result)
{
	struct narrow_lane *l = r->lane;
	struct pvb_io *outer = r->outer;

	if (r->changes)
		pvb_ranges_drop(&r->range);
	if (r->edges)
		edges_put(l, r->edges);
	pvb_pool_put(&l->pool, r);
	go_on_later(l);
	outer->done(outer, result);     /* may close the lane */
}

static void inner_done(struct pvb_io *io, int result)
{
	struct narrow_request *r =
		pvb_container(io, struct narrow_request, io);

	if (result == 0 && r->edges && narrow_next(r, block_of(r->lane))) {
		pvb_queue_push(&r->lane->ready, &r->node);
		go_on_later(r->lane);
	} else {
		end(r, result);
	}
}

/* ---- a request ----------------------------------------------------------- */

/* As the disk can be asked for it, unless it has edges. */
static void fill(struct narrow_request *r, struct narrow_lane *l,
                 struct pvb_io *io)
{
	struct narrow_place p;

	*r = (struct narrow_request){ .outer = io, .lane = l };
	r->io = (struct pvb_io){
		.op = io->op, .flags = io->flags,
		.offset_bytes = io->offset_bytes,
		.length_bytes = io->length_bytes,
		.iov = io->iov, .iovcnt = io->iovcnt, .done = inner_done,
	};
	if (io->op == PVB_IO_FLUSH)             /* it is nowhere */
		return;
	r->changes = io->op != PVB_IO_READ;
	if (io->op == PVB_IO_DISCARD)
		(void)pvb_disk_discard_round(&l->disk.info,
		                             &r->io.offset_bytes,
		                             &r->io.length_bytes);
	narrow_place(&r->io, block_of(l), &p);
	r->range = (struct pvb_range){
		.begin = p.begin, .end = p.end,
		.alone = p.before > 0 || p.behind > 0,
	};
}

static void accept(struct narrow_lane *l, struct pvb_io *io)
{
	struct narrow_request *r = pvb_pool_get(&l->pool, NULL);

	assert(r);
	fill(r, l, io);
	if (r->range.alone) {
		pvb_queue_push(&l->waiting, &r->node);
		serve_waiting(l);
	} else {
		ask_for_range(r);
	}
}

/* Nothing of which the disk below could be asked. */
static bool is_nothing(struct narrow_lane *l, const struct pvb_io *io)
{
	uint64_t offset = io->offset_bytes, length = io->length_bytes;

	if (io->op == PVB_IO_DISCARD)
		return !pvb_disk_discard_round(&l->disk.info, &offset,
		                               &length);
	return io->op != PVB_IO_FLUSH && io->length_bytes == 0;
}

int narrow_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct narrow_lane *l = lane_of(d);
	int r;

	if (pvb_pool_used(&l->pool) + l->outbox.count >= d->info.depth_max)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r < 0 || is_nothing(l, io))
		pvb_outbox_put(&l->outbox, io, r);
	else
		accept(l, io);
	return 0;
}

void narrow_kick(struct pvb_disk *d)
{
	run(lane_of(d));
}
