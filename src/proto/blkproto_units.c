/* SPDX-License-Identifier: MIT */
/*
 * blkproto_units.c - sectors as a peer counts them, and as everybody in here
 * does; see blkproto.h.
 *
 * The one place that multiplies.  What is too much for our numbers becomes the
 * most that they hold, which is beyond any disk and any page: so check finds
 * it, for the reason for which it would be refused anyway.
 */
#include "blkproto.h"

#include <assert.h>

static const struct {
	const char *name;
	bool node, ring, segs;          /* counted in sectors of sector-size */
} units[PVB_BLK_UNITS_COUNT] = {
	[PVB_BLK_UNITS_SPEC]    = { "spec", false, false, false },
	[PVB_BLK_UNITS_ALL]     = { "all", true, true, true },
	[PVB_BLK_UNITS_FREEBSD] = { "freebsd", true, true, false },
	[PVB_BLK_UNITS_MINI_OS] = { "mini-os", true, false, false },
};

const char *pvb_blk_units_name(enum pvb_blk_units u)
{
	return (unsigned int)u < PVB_BLK_UNITS_COUNT ? units[u].name : "?";
}

uint32_t pvb_blk_units_node(enum pvb_blk_units u, uint32_t sector_size_bytes)
{
	return units[u].node ? sector_size_bytes / PVB_BLK_SECTOR_BYTES : 1;
}

static uint64_t times(uint64_t n, uint32_t by)
{
	return n <= UINT64_MAX / by ? n * by : UINT64_MAX / by * by;
}

static void seg_from_wire(struct pvb_seg *s, uint32_t by)
{
	uint32_t first = s->first * by, last = s->last * by + by - 1;

	s->first = (uint8_t)(first < UINT8_MAX ? first : UINT8_MAX);
	s->last = (uint8_t)(last < UINT8_MAX ? last : UINT8_MAX);
}

void pvb_blk_req_from_wire(struct pvb_blk_req *req,
			   const struct pvb_blk_geometry *geo)
{
	uint32_t by = geo->sector_size_bytes / PVB_BLK_SECTOR_BYTES;

	if (by == 1 || !units[geo->units].ring)
		return;
	req->sector = times(req->sector, by);
	if (req->op == PVB_BLK_DISCARD)
		req->nr_sectors = times(req->nr_sectors, by);
	for (uint32_t i = 0; units[geo->units].segs && i < req->nr_segs; i++)
		seg_from_wire(&req->seg[i], by);
}

void pvb_blk_req_to_wire(struct pvb_blk_req *req,
			 const struct pvb_blk_geometry *geo)
{
	uint32_t by = geo->sector_size_bytes / PVB_BLK_SECTOR_BYTES;

	if (by == 1 || !units[geo->units].ring)
		return;
	assert(req->sector % by == 0);
	req->sector /= by;
	if (req->op == PVB_BLK_DISCARD)
		req->nr_sectors /= by;
	for (uint32_t i = 0; units[geo->units].segs && i < req->nr_segs; i++) {
		struct pvb_seg *s = &req->seg[i];

		assert(s->first % by == 0 && (s->last + 1) % by == 0);
		s->first = (uint8_t)(s->first / by);
		s->last = (uint8_t)((s->last + 1) / by - 1);
	}
}
