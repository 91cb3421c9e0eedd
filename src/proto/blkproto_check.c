/* SPDX-License-Identifier: MIT */
/*
 * blkproto_check.c - is a decoded request legal for this disk?
 *
 * The order of the tests decides which of several reasons is named: first
 * what a read-only disk forbids, then what was not offered, then an empty
 * drive, then the segments and their sum, alignment, range.
 */
#include "blkproto.h"

#include <assert.h>

#include "base/checked.h"
#include "blkproto_layout.h"

/* Whether this kind of request is taken at all. */
static enum pvb_why op_check(const struct pvb_blk_req *req,
			     const struct pvb_blk_geometry *geo)
{
	switch (req->op) {
	case PVB_BLK_READ:
		return PVB_OK;
	case PVB_BLK_WRITE:
		return geo->read_only ? PVB_WHY_READ_ONLY : PVB_OK;
	case PVB_BLK_BARRIER:
		/* Without segments it changes nothing. */
		if (geo->read_only && req->nr_segs != 0)
			return PVB_WHY_READ_ONLY;
		return geo->barrier ? PVB_OK : PVB_WHY_OP_NOT_OFFERED;
	case PVB_BLK_FLUSH:
		return geo->flush ? PVB_OK : PVB_WHY_OP_NOT_OFFERED;
	case PVB_BLK_DISCARD:
		if (geo->read_only)
			return PVB_WHY_READ_ONLY;
		if (!geo->discard)
			return PVB_WHY_OP_NOT_OFFERED;
		if (req->secure && !geo->discard_secure)
			return PVB_WHY_DISCARD_FLAG;
		return PVB_OK;
	default:
		return PVB_WHY_OP_UNKNOWN;
	}
}

/* Sums up nr_sectors: at most 256 segments of 8, so nothing overflows. */
static enum pvb_why segs_check(struct pvb_blk_req *req, uint32_t unit)
{
	uint32_t i, sum = 0;
	bool aligned = true;

	for (i = 0; i < req->nr_segs; i++) {
		uint32_t first = req->seg[i].first, last = req->seg[i].last;

		if (last >= PVB_BLK_PAGE_SECTORS)
			return PVB_WHY_SEG_PAGE;
		if (first > last)
			return PVB_WHY_SEG_ORDER;
		if (first % unit != 0 || (last + 1) % unit != 0)
			aligned = false;
		sum += last - first + 1;
	}
	req->nr_sectors = sum;
	return aligned ? PVB_OK : PVB_WHY_SECTOR_ALIGN;
}

enum pvb_why pvb_blk_req_check(struct pvb_blk_req *req,
			       const struct pvb_blk_geometry *geo)
{
	uint32_t unit = geo->sector_size_bytes / PVB_BLK_SECTOR_BYTES;
	enum pvb_why why = op_check(req, geo);

	assert(unit != 0);
	if (why != PVB_OK)
		return why;
	if (geo->sectors == 0)
		return PVB_WHY_NO_MEDIUM;
	if (req->op != PVB_BLK_DISCARD) {
		why = segs_check(req, unit);
		if (why != PVB_OK)
			return why;
		if (geo->data_sectors_max != 0 &&
		    req->nr_sectors > geo->data_sectors_max)
			return PVB_WHY_REQUEST_SIZE;
		/* Where a pure flush or barrier points is of no meaning. */
		if (req->nr_segs == 0)
			return PVB_OK;
	}
	if (req->sector % unit != 0 || req->nr_sectors % unit != 0)
		return PVB_WHY_SECTOR_ALIGN;
	if (!pvb_range_ok(req->sector, req->nr_sectors, geo->sectors))
		return PVB_WHY_RANGE;
	return PVB_OK;
}
