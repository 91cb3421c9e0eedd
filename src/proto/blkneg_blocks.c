/* SPDX-License-Identifier: MIT */
/*
 * blkneg_blocks.c - the three nodes about segment blocks; see blkneg.h.
 *
 * Both ends publish them under the same names: the back what it takes, the
 * front what it will not exceed.  The last two mean something only where the
 * first one says that there are blocks.
 */
#include "blkneg.h"

#include <assert.h>

uint32_t pvb_blk_ring_slots(uint32_t order)
{
	/* As many in every layout. */
	return pvb_ring_size((size_t)PVB_RING_PAGE_BYTES << order,
			     PVB_BLK_SLOT_MAX);
}

int pvb_blk_blocks_put(struct pvb_keys *k, const struct pvb_blk_blocks *b)
{
	bool some = b->segs_max > 0;
	int e;

	assert(b->segs_max <= PVB_BLK_SEGS_BLOCKS_MAX);
	e = pvb_keys_put_u64(k, "max-request-segments",
			     some ? b->segs_max : PVB_BLK_SEGS_DIRECT);
	if (e == 0 && some)
		e = pvb_keys_put_u64(k, "max-requests", b->requests_max);
	if (e == 0 && some)
		e = pvb_keys_put_u64(k, "max-request-size", b->bytes_max);
	return e;
}

static enum pvb_why get_one(const struct pvb_keys *k, const char *name,
			    uint32_t least, uint32_t most, uint32_t absent,
			    uint32_t *out, const char **bad)
{
	uint64_t value = absent;
	enum pvb_why why;

	*bad = name;
	why = pvb_keys_u64_or(k, name, most, absent, &value);
	if (why == PVB_OK && value < least)
		why = PVB_WHY_KEY_LIMIT;
	*out = (uint32_t)value;
	return why;
}

enum pvb_why pvb_blk_blocks_get(const struct pvb_keys *k,
				const struct pvb_blk_blocks_rule *most,
				const struct pvb_blk_blocks_rule *absent,
				struct pvb_blk_blocks *out, const char **bad)
{
	uint32_t segs, requests, bytes;
	enum pvb_why why;

	*out = (struct pvb_blk_blocks){ 0 };
	why = get_one(k, "max-request-segments", 1, most->segs, absent->segs,
		      &segs, bad);
	if (why != PVB_OK || segs <= PVB_BLK_SEGS_DIRECT)
		return why;
	why = get_one(k, "max-requests", 1, most->requests, absent->requests,
		      &requests, bad);
	if (why == PVB_OK)
		why = get_one(k, "max-request-size", PVB_BLK_PAGE_BYTES,
			      most->bytes, absent->bytes, &bytes, bad);
	if (why != PVB_OK)
		return why;
	if (segs > PVB_BLK_SEGS_BLOCKS_MAX)
		segs = PVB_BLK_SEGS_BLOCKS_MAX;
	if (bytes > segs * PVB_BLK_PAGE_BYTES)
		bytes = segs * PVB_BLK_PAGE_BYTES;
	*out = (struct pvb_blk_blocks){ (uint16_t)segs, requests, bytes };
	return PVB_OK;
}
