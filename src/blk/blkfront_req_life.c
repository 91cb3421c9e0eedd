/* SPDX-License-Identifier: MIT */
/*
 * blkfront_req_life.c - attach, go, stop, detach of a front's queue; see
 * blkfront_req.h.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "blkfront_req.h"

enum {
	DATA_PAGES_MAX = 4096,          /* 16 MiB, shared as it is needed */
	IOV_MAX_TOLD   = 1024,
};
/* Whatever a caller wants to move at once is split. */
#define IO_MAX_BYTES (UINT64_C(1) << 30)

static struct pvb_blkfront_queue *queue_of(struct pvb_pump *p)
{
	return pvb_container(p, struct pvb_blkfront_queue, pump);
}

static void broken(struct pvb_pump *p)
{
	struct pvb_blkfront_queue *q = queue_of(p);

	pvb_blkfront_queue_fail(q, q->broken_why);
}

static const struct pvb_pump_ops pump_ops = {
	.take = pvb_blkfront_take, .work = pvb_blkfront_work,
	.publish = pvb_blkfront_publish, .broken = broken,
};

/* Nothing of the queue is touched after the owner was told something. */
static void task_run(struct pvb_loop_task *t)
{
	struct pvb_blkfront_queue *q =
		pvb_container(t, struct pvb_blkfront_queue, task);

	if (q->info_changed) {
		q->info_changed = false;
		pvb_loop_defer(q->loop, &q->task);
		q->ops->changed(q);
		return;
	}
	if (!pvb_blkfront_deliver(q))
		return;
	if (q->failed && !q->failed_told) {
		q->failed_told = true;
		if (q->stopped)
			pvb_loop_defer(q->loop, &q->task);
		q->ops->failed(q, q->failed_why);
		return;
	}
	if (pvb_blkfront_queue_is_quiet(q) && !q->quiet_told) {
		q->quiet_told = true;
		q->ops->quiet(q);
	}
}

/* If it is not idle now, it will be armed again.  One that has stopped is not
   idle: the back may still look at what was to be written. */
static void idle_fired(struct pvb_loop_timer *t)
{
	struct pvb_blkfront_queue *q =
		pvb_container(t, struct pvb_blkfront_queue, idle);

	if (q->live && pvb_pool_used(&q->shadows) == 0)
		pvb_guest_front_trim(&q->data);
}

void pvb_blkfront_queue_init(struct pvb_blkfront_queue *q,
                             const struct pvb_blkfront_queue_ops *ops,
                             struct pvb_loop *loop,
                             struct pvb_disk_info *info, bool bounce_always)
{
	memset(q, 0, sizeof(*q));
	q->ops = ops;
	q->loop = loop;
	q->info = info;
	q->bounce_always = bounce_always;
	q->task.run = task_run;
	q->timer.fired = pvb_blkfront_timed_out;
	q->idle.fired = idle_fired;
}

void pvb_blkfront_queue_fini(struct pvb_blkfront_queue *q)
{
	q->live = q->keeping = false;
	pvb_blkfront_cut(q, -ESHUTDOWN);
	pvb_blkfront_queue_detach(q);
	if (q->gone)
		*q->gone = true;
	while (q->finished.head)
		(void)pvb_blkfront_deliver(q);
	pvb_loop_undefer(q->loop, &q->task);
	pvb_guest_front_fini(&q->data);
}

/* ---- attach -------------------------------------------------------------- */

static int open_pages(struct pvb_blkfront_queue *q,
                      const struct pvb_blkfront_queue_attach *a)
{
	uint32_t slots = q->channel.ring.size;
	uint32_t pages = slots * q->segs_max;
	struct pvb_guest_front_config c = {
		.mem = a->mem, .peer = a->back_domid,
		.pages_max = pages < DATA_PAGES_MAX ? pages : DATA_PAGES_MAX,
		.reserve = q->segs_max,
	};
	int r = pvb_guest_front_open(&q->data, &c);

	if (r < 0)
		return r;
	/* A back that keeps its mappings makes all of them for both ways, and
	   cannot make one of a page that it may only read. */
	c.read_only = !a->persistent;
	c.pages_max = slots;
	c.reserve = 1;
	return pvb_guest_front_open(&q->lists, &c);
}

static void undo(struct pvb_blkfront_queue *q)
{
	pvb_guest_front_close(&q->lists);
	pvb_guest_front_close(&q->data);
	pvb_pool_fini(&q->shadows);
	pvb_channel_fini(&q->channel);
}

/* What one ring request may be, and how many of them there may be. */
static void take_limits(struct pvb_blkfront_queue *q,
                        const struct pvb_blkfront_queue_attach *a)
{
	uint32_t segs = a->blocks.segs_max > 0 ? a->blocks.segs_max
	                                       : a->indirect_max;

	assert(a->blocks.segs_max == 0 || a->indirect_max == 0);
	assert(a->blocks.segs_max <= PVB_BLK_SEGS_BLOCKS_MAX);
	assert(a->blocks.bytes_max % PVB_BLK_PAGE_BYTES == 0);
	if (segs < PVB_BLK_SEGS_DIRECT)
		segs = PVB_BLK_SEGS_DIRECT;
	if (segs > PVB_BLK_SEGS_MAX)
		segs = PVB_BLK_SEGS_MAX;
	q->abi = a->abi;
	q->blocks = a->blocks.segs_max > 0;
	q->segs_max = segs;
	q->bytes_max = q->blocks ? a->blocks.bytes_max
	                         : segs * PVB_BLK_PAGE_BYTES;
}

static uint32_t requests_max(const struct pvb_blkfront_queue *q,
                             const struct pvb_blkfront_queue_attach *a)
{
	uint32_t slots = q->channel.ring.size;

	return q->blocks && a->blocks.requests_max < slots
		? a->blocks.requests_max : slots;
}

int pvb_blkfront_queue_attach(struct pvb_blkfront_queue *q,
                              const struct pvb_blkfront_queue_attach *a)
{
	const struct pvb_channel_config c = {
		.loop = q->loop, .mem = a->mem, .peer = a->back_domid,
		.order = a->ring_order,
		.slot_bytes = pvb_blk_slot_bytes(a->abi),
	};
	int r;

	assert(!q->attached);
	q->timeout_ns = a->timeout_ns;
	q->may_keep = a->keep;
	q->fruitful = false;
	take_limits(q, a);
	r = pvb_channel_offer(&q->channel, &c);
	if (r < 0)
		return r;
	r = pvb_pool_init(&q->shadows, requests_max(q, a),
	                  sizeof(struct pvb_blkfront_shadow) +
	                  q->segs_max * sizeof(void *));
	if (r == 0)
		r = open_pages(q, a);
	if (r < 0) {
		undo(q);
		return r;
	}
	q->attached = true;
	q->failed = q->failed_told = false;
	q->broken_why = PVB_WHY_RING_INDEX;
	q->stopped = q->quiet_told = false;
	pvb_pump_start(&q->pump, q->loop, &q->channel, &pump_ops);
	return 0;
}

bool pvb_blkfront_show_features(struct pvb_blkfront_queue *q)
{
	const struct pvb_blk_geometry *g = &q->geometry;
	bool flush = g->flush || g->barrier;
	bool secure = g->discard && g->discard_secure;
	struct pvb_disk_info *i = q->info;
	bool same = i->flush == flush && i->discard == g->discard &&
	            i->discard_secure == secure;

	i->flush = i->fua = flush;      /* FUA: by a flush behind it */
	i->discard = g->discard;
	i->discard_secure = secure;
	return !same;
}

void pvb_blkfront_queue_go(struct pvb_blkfront_queue *q,
                           const struct pvb_blk_geometry *g)
{
	q->geometry = *g;
	q->info_changed = false;
	*q->info = (struct pvb_disk_info){
		.size_bytes = g->sectors * PVB_BLK_SECTOR_BYTES,
		.sector_size_bytes = g->sector_size_bytes,
		.physical_size_bytes = g->physical_size_bytes,
		.discard_granularity_bytes = g->discard_granularity_bytes,
		.discard_alignment_bytes = g->discard_alignment_bytes,
		.depth_max = q->shadows.count,
		.iov_max = IOV_MAX_TOLD,
		.io_max_bytes = IO_MAX_BYTES,
		.read_only = g->read_only,
		.zero = true,                   /* by writing zeros */
	};
	(void)pvb_blkfront_show_features(q);
	q->live = q->attached && !q->failed && !q->stopped;
	if (!q->live || !q->keeping)
		return;
	q->keeping = false;
	pvb_blkfront_send_kept(q);
}

/* ---- stop, detach -------------------------------------------------------- */

void pvb_blkfront_queue_stop(struct pvb_blkfront_queue *q, bool cut, bool keep)
{
	bool ends = q->keeping && !keep;

	q->live = false;
	q->stopped = true;
	q->quiet_told = false;
	q->keeping = keep;
	/* Answers that still come find nobody: do not even look. */
	if (cut && q->attached)
		pvb_pump_pause(&q->pump, true);
	if (cut && keep)
		pvb_blkfront_take_back(q);
	else if (cut || ends)
		pvb_blkfront_cut(q, -EIO);
	pvb_loop_defer(q->loop, &q->task);
}

bool pvb_blkfront_queue_is_quiet(const struct pvb_blkfront_queue *q)
{
	return q->stopped && (q->accepted == 0 ||
	                      (q->keeping && pvb_pool_used(&q->shadows) == 0));
}

void pvb_blkfront_queue_detach(struct pvb_blkfront_queue *q)
{
	if (!q->attached)
		return;
	pvb_pump_stop(&q->pump);
	q->live = false;
	if (q->keeping)
		pvb_blkfront_take_back(q);
	else
		pvb_blkfront_cut(q, -EIO);      /* nothing, after a stop */
	pvb_loop_disarm(&q->timer);
	pvb_loop_disarm(&q->idle);
	undo(q);
	q->attached = false;
}

/* ---- buffers ------------------------------------------------------------- */

static uint32_t pages_of(size_t bytes)
{
	const size_t most = PVB_GUEST_AREA_PAGES_MAX;
	size_t n = (bytes + PVB_BLK_PAGE_BYTES - 1) / PVB_BLK_PAGE_BYTES;

	/* One too many, so that it is refused, for what is far too many. */
	return bytes <= most * PVB_BLK_PAGE_BYTES ? (uint32_t)n
	                                          : (uint32_t)most + 1;
}

void *pvb_blkfront_queue_buffer_get(struct pvb_blkfront_queue *q, size_t bytes)
{
	if (!q->live || q->bounce_always)
		return NULL;
	return pvb_guest_front_run_get(&q->data, pages_of(bytes));
}

void pvb_blkfront_queue_buffer_put(struct pvb_blkfront_queue *q, void *buffer,
                                   size_t bytes)
{
	pvb_guest_front_run_put(&q->data, buffer, pages_of(bytes));
}
