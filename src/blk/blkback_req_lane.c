/* SPDX-License-Identifier: MIT */
/*
 * blkback_req_lane.c - the disk under an attached ring: as it grows, as it
 * turns out to do less than it said, and as it gives way to another; see
 * blkback_req.h.
 */
#include <assert.h>

#include "blkback_req.h"

bool pvb_blkback_lane_fits(const struct pvb_blk_geometry *geo,
                           const struct pvb_disk *lane, uint64_t sectors)
{
	const struct pvb_disk_info *info;

	if (!lane)
		return sectors == 0;
	info = &lane->info;
	return geo->sector_size_bytes % info->sector_size_bytes == 0 &&
	       sectors <= info->size_bytes / PVB_BLK_SECTOR_BYTES &&
	       info->io_max_bytes >= PVB_BLK_PAGE_BYTES && info->iov_max > 0;
}

bool pvb_blkback_queue_fits(const struct pvb_blkback_queue *q,
                            const struct pvb_disk *lane, uint64_t sectors)
{
	return pvb_blkback_lane_fits(&q->c.geometry, lane, sectors);
}

void pvb_blkback_queue_resize(struct pvb_blkback_queue *q, uint64_t sectors)
{
	q->c.geometry.sectors = sectors;
}

void pvb_blkback_lose(struct pvb_blkback_queue *q, uint32_t lost)
{
	if ((q->lost & lost) == lost)
		return;
	q->lost |= lost;
	pvb_blkback_journal_lost(q, lost);
	q->c.ops->lost(q, lost);
}

bool pvb_blkback_is_lost(const struct pvb_blkback_req *r)
{
	uint32_t needs = 0;

	if (r->op == PVB_BLK_FLUSH || r->op == PVB_BLK_BARRIER)
		needs |= PVB_BLK_LOST_FLUSH;
	if (r->op == PVB_BLK_BARRIER)
		needs |= PVB_BLK_LOST_BARRIER;
	if (r->op == PVB_BLK_DISCARD)
		needs |= PVB_BLK_LOST_DISCARD;
	if (r->op == PVB_BLK_DISCARD && r->secure)
		needs |= PVB_BLK_LOST_SECURE;
	return r->q->lost & needs;
}

void pvb_blkback_use_lane(struct pvb_blkback_queue *q, struct pvb_disk *lane,
                          uint64_t sectors)
{
	q->c.lane = lane;
	q->c.geometry.sectors = sectors;
	pvb_guest_back_limit(&q->guest, lane ? lane->info.io_max_bytes
	                                     : PVB_BLK_PAGE_BYTES);
}

void pvb_blkback_queue_change(struct pvb_blkback_queue *q,
                              struct pvb_disk *lane, uint64_t sectors,
                              uint64_t medium)
{
	assert(!q->changing && pvb_blkback_queue_fits(q, lane, sectors));
	q->changing = true;
	q->next_lane = lane;
	q->next_sectors = sectors;
	q->next_medium = medium;
	pvb_blkback_full_answer(q);
	pvb_blkback_pause(q);
	pvb_loop_defer(q->c.loop, &q->task);
}

void pvb_blkback_change(struct pvb_blkback_queue *q)
{
	struct pvb_disk *former = q->c.lane;

	if (q->c.journal)
		pvb_journal_set_medium(q->c.journal, q->next_medium);
	pvb_blkback_use_lane(q, q->next_lane, q->next_sectors);
	q->changing = false;
	pvb_blkback_pause(q);
	q->c.ops->changed(q, former);
}
