/* SPDX-License-Identifier: MIT */
/*
 * blkback_req_life.c - init, stop and fini of a back's queue; see
 * blkback_req.h.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "blkback_req.h"

/* Where there is no window: 16 MiB, touched as far as it is used. */
enum { BOUNCE_PAGES_MAX = 4096 };

static void go_on(struct pvb_loop_task *t)
{
	struct pvb_blkback_queue *q =
		pvb_container(t, struct pvb_blkback_queue, task);

	if (q->resuming)
		pvb_blkback_journal_redo(q);
	pvb_blkback_begin(q);
	if (q->resuming && pvb_blkback_queue_is_quiet(q))
		pvb_blkback_journal_quiet(q);
	if (q->changing && pvb_blkback_queue_is_quiet(q))
		pvb_blkback_change(q);
	if (q->stopped && pvb_blkback_queue_is_quiet(q))
		q->c.ops->quiet(q);
}

void pvb_blkback_arm_idle(struct pvb_blkback_queue *q)
{
	uint32_t ms = pvb_guest_back_idle_ms(&q->guest);

	if (ms > 0)
		pvb_loop_arm(q->c.loop, &q->idle, pvb_loop_now_ns(q->c.loop) +
		             ms * UINT64_C(1000000));
}

/* If it is not idle now, it will be armed again. */
static void idle_fired(struct pvb_loop_timer *t)
{
	struct pvb_blkback_queue *q =
		pvb_container(t, struct pvb_blkback_queue, idle);

	if (pvb_pool_used(&q->reqs) > 0)
		return;
	pvb_guest_back_trim(&q->guest);
	pvb_blkback_arm_idle(q);
}

/* Can this lane and this queue do what the guest has been promised? */
static bool can_keep(const struct pvb_blkback_queue_config *c)
{
	const struct pvb_blk_geometry *geo = &c->geometry;

	return geo->segs_direct_max >= PVB_BLK_SEGS_DIRECT &&
	       geo->segs_direct_max <= PVB_BLK_SEGS_BLOCKS_MAX &&
	       geo->segs_indirect_max <= PVB_BLK_SEGS_MAX &&
	       (geo->segs_direct_max == PVB_BLK_SEGS_DIRECT ||
	        geo->segs_indirect_max == 0) &&
	       geo->sector_size_bytes >= PVB_BLK_SECTOR_BYTES &&
	       geo->sector_size_bytes <= PVB_BLK_PAGE_BYTES &&
	       (uint32_t)geo->units < PVB_BLK_UNITS_COUNT &&
	       pvb_blkback_lane_fits(geo, c->lane, geo->sectors);
}

static uint32_t bounce_pages(uint32_t slots, uint32_t segs)
{
	return slots > BOUNCE_PAGES_MAX / segs ? BOUNCE_PAGES_MAX
	                                       : slots * segs;
}

static uint32_t segs_max(const struct pvb_blk_geometry *geo)
{
	return geo->segs_indirect_max > geo->segs_direct_max
		? geo->segs_indirect_max : geo->segs_direct_max;
}

static int make_guest(struct pvb_blkback_queue *q)
{
	const struct pvb_guest_back_config c = {
		.mem = q->c.mem, .peer = q->c.front_domid,
		.persistent = q->c.persistent,
		.bounce_pages = bounce_pages(q->c.channel->ring.size,
		                             segs_max(&q->c.geometry)),
		.counters = q->c.counters,
	};

	return pvb_guest_back_init(&q->guest, &c);
}

static int make_pools(struct pvb_blkback_queue *q)
{
	uint32_t slots = q->c.channel->ring.size;
	uint32_t segs = segs_max(&q->c.geometry);
	int r = pvb_pool_init(&q->reqs, slots, sizeof(struct pvb_blkback_req));

	if (r == 0)
		r = pvb_pool_init(&q->drafts, PVB_PUMP_BATCH,
		                  sizeof(struct pvb_blkback_draft));
	if (r == 0 && segs > PVB_BLK_SEGS_DIRECT)
		r = pvb_pool_init(&q->lists, slots,
		                  segs * (sizeof(struct iovec) +
		                          sizeof(struct pvb_seg)));
	return r;
}

int pvb_blkback_queue_init(struct pvb_blkback_queue *q,
                           const struct pvb_blkback_queue_config *c)
{
	int r;

	memset(q, 0, sizeof(*q));
	if (!can_keep(c))
		return -EINVAL;
	q->c = *c;
	q->broken_why = PVB_WHY_RING_INDEX;
	q->lost = c->lost;
	q->task.run = go_on;
	q->idle.fired = idle_fired;
	pvb_blkback_full_init(q);
	pvb_blkback_slow_init(q);
	r = make_pools(q);
	if (r == 0)
		r = make_guest(q);
	if (r < 0) {
		pvb_blkback_queue_fini(q);
		return r;
	}
	pvb_blkback_use_lane(q, c->lane, c->geometry.sectors);
	pvb_pump_start(&q->pump, c->loop, c->channel, &pvb_blkback_pump_ops);
	pvb_blkback_journal_reserve(q);
	return 0;
}

void pvb_blkback_queue_fini(struct pvb_blkback_queue *q)
{
	pvb_pump_stop(&q->pump);
	pvb_loop_disarm(&q->idle);
	pvb_loop_disarm(&q->retry);
	pvb_loop_disarm(&q->look);
	if (q->c.loop)
		pvb_loop_undefer(q->c.loop, &q->task);
	pvb_guest_back_fini(&q->guest);
	pvb_pool_fini(&q->drafts);
	pvb_pool_fini(&q->lists);
	pvb_pool_fini(&q->reqs);
	memset(q, 0, sizeof(*q));
}

void pvb_blkback_queue_stop(struct pvb_blkback_queue *q, bool cut)
{
	q->stopped = true;
	pvb_blkback_pause(q);
	if (cut) {
		q->cut = true;
		pvb_blkback_drop(q);
		pvb_blkback_count_in_flight(q);
	}
	pvb_blkback_full_answer(q);
	pvb_loop_defer(q->c.loop, &q->task);
}

void pvb_blkback_pause(struct pvb_blkback_queue *q)
{
	pvb_pump_pause(&q->pump, q->stopped || q->changing || q->resuming ||
	                         q->kept > 0);
}

bool pvb_blkback_queue_is_quiet(const struct pvb_blkback_queue *q)
{
	return pvb_pool_used(&q->reqs) == 0;
}
