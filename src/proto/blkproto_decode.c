/* SPDX-License-Identifier: MIT */
/*
 * blkproto_decode.c - slot bytes to a request or response; see blkproto.h.
 *
 * Here is refused what cannot even be read: unknown operations and counts
 * that do not fit.  What the segments and sectors say is for check, which
 * sees them all, wherever they came from.
 */
#include "blkproto.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "blkproto_layout.h"

static void segs_decode(struct pvb_seg *out, const uint8_t *at, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++, at += PVB_BLK_SEG_BYTES) {
		out[i].gref = pvb_load_u32(at + PVB_BLK_SEG_AT_GREF);
		out[i].first = at[PVB_BLK_SEG_AT_FIRST];
		out[i].last = at[PVB_BLK_SEG_AT_LAST];
	}
}

static enum pvb_why direct_decode(struct pvb_blk_req *out, enum pvb_abi abi,
				  const uint8_t *slot, uint16_t segs_max)
{
	uint8_t nr_segs = slot[PVB_BLK_AT_NR_SEGS];
	bool data = out->op == PVB_BLK_READ || out->op == PVB_BLK_WRITE;

	out->handle = pvb_load_u16(slot + PVB_BLK_AT_HANDLE);
	if (nr_segs > segs_max || (nr_segs == 0 && data))
		return PVB_WHY_SEG_COUNT;
	/* Data with a flush means nothing: do not drop it unsaid. */
	if (nr_segs != 0 && out->op == PVB_BLK_FLUSH)
		return PVB_WHY_SEG_COUNT;
	out->nr_segs = nr_segs;
	segs_decode(out->seg, slot + pvb_blk_body_at(abi),
		    nr_segs < PVB_BLK_SEGS_DIRECT ? nr_segs
						  : PVB_BLK_SEGS_DIRECT);
	return PVB_OK;
}

static enum pvb_why discard_decode(struct pvb_blk_req *out, enum pvb_abi abi,
				   const uint8_t *slot)
{
	out->handle = pvb_load_u16(slot + PVB_BLK_AT_HANDLE);
	out->secure = (slot[PVB_BLK_AT_FLAG] & BLKIF_DISCARD_SECURE) != 0;
	out->nr_sectors = pvb_load_u64(slot + pvb_blk_body_at(abi));
	return PVB_OK;
}

static enum pvb_why indirect_decode(struct pvb_blk_req *out, enum pvb_abi abi,
				    const uint8_t *slot, uint16_t segs_max)
{
	const uint8_t *body = slot + pvb_blk_body_at(abi);
	uint16_t nr_segs = pvb_load_u16(slot + PVB_BLK_AT_NR_INDIRECT);
	uint32_t i, pages;

	out->indirect = true;
	/* Linux fronts compare the answer with the inner operation. */
	out->op = slot[PVB_BLK_AT_INDIRECT_OP];
	out->handle = pvb_load_u16(body + PVB_BLK_BODY_HANDLE);
	if (segs_max == 0)
		return PVB_WHY_OP_NOT_OFFERED;
	if (out->op != PVB_BLK_READ && out->op != PVB_BLK_WRITE)
		return PVB_WHY_INDIRECT_OP;
	if (nr_segs == 0 || nr_segs > segs_max)
		return PVB_WHY_INDIRECT_COUNT;
	out->nr_segs = nr_segs;
	pages = pvb_blk_indirect_pages(out);
	for (i = 0; i < pages; i++)
		out->indirect_gref[i] =
			pvb_load_u32(body + PVB_BLK_BODY_GREF + 4 * i);
	return PVB_OK;
}

enum pvb_why pvb_blk_req_decode(struct pvb_blk_req *out, enum pvb_abi abi,
				const void *slot, uint16_t segs_direct_max,
				uint16_t segs_indirect_max)
{
	const uint8_t *s = slot;
	uint32_t id_at = pvb_blk_id_at(abi);

	assert(segs_direct_max <= PVB_BLK_SEGS_BLOCKS_MAX);
	assert(segs_indirect_max <= PVB_BLK_SEGS_MAX);
	/* Not `seg`: 2 KiB that nobody reads beyond nr_segs. */
	memset(out, 0, offsetof(struct pvb_blk_req, seg));
	out->op = s[PVB_BLK_AT_OP];
	out->id = pvb_load_u64(s + id_at);
	out->sector = pvb_load_u64(s + id_at + PVB_BLK_AFTER_ID_SECTOR);
	switch (out->op) {
	case PVB_BLK_READ:
	case PVB_BLK_WRITE:
	case PVB_BLK_BARRIER:
	case PVB_BLK_FLUSH:
		return direct_decode(out, abi, s, segs_direct_max);
	case PVB_BLK_DISCARD:
		return discard_decode(out, abi, s);
	case PVB_BLK_INDIRECT:
		return indirect_decode(out, abi, s, segs_indirect_max);
	default:
		return PVB_WHY_OP_UNKNOWN;
	}
}

void pvb_blk_block_decode(struct pvb_blk_req *out, enum pvb_abi abi,
			  uint32_t i, const void *slot)
{
	assert(!out->indirect && i >= 1);
	assert(i < pvb_blk_slots(abi, out->nr_segs));
	segs_decode(out->seg + pvb_blk_block_first(abi, i), slot,
		    pvb_blk_block_count(abi, i, out->nr_segs));
}

void pvb_blk_segs_decode(struct pvb_blk_req *out, uint32_t i, const void *page)
{
	uint32_t n = pvb_blk_indirect_count(out, i);
	uint32_t first = i * PVB_BLK_SEGS_PAGE;

	assert(n > 0 && first + n <= PVB_BLK_SEGS_MAX);
	segs_decode(out->seg + first, page, n);
}

void pvb_blk_rsp_decode(struct pvb_blk_rsp *out, enum pvb_abi abi,
			const void *slot)
{
	const uint8_t *s = slot;

	(void)abi;      /* they agree on where these three are */
	out->id = pvb_load_u64(s + PVB_BLK_RSP_AT_ID);
	out->op = s[PVB_BLK_RSP_AT_OP];
	out->status = (int16_t)pvb_load_u16(s + PVB_BLK_RSP_AT_STATUS);
}
