/* SPDX-License-Identifier: MIT */
/*
 * blkproto_encode.c - a request or response to slot bytes; see blkproto.h.
 *
 * A request is written whole, zeroes included: the slot may hold what the
 * peer must not see.  A response is written field by field: every byte that
 * it leaves alone is one that the peer itself wrote (XSA-216).
 */
#include "blkproto.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "blkproto_layout.h"

static void segs_encode(uint8_t *at, const struct pvb_seg *seg, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++, at += PVB_BLK_SEG_BYTES) {
		pvb_store_u32(at + PVB_BLK_SEG_AT_GREF, seg[i].gref);
		at[PVB_BLK_SEG_AT_FIRST] = seg[i].first;
		at[PVB_BLK_SEG_AT_LAST] = seg[i].last;
	}
}

static void direct_encode(uint8_t *slot, enum pvb_abi abi,
			  const struct pvb_blk_req *req)
{
	uint32_t n = req->nr_segs;

	assert(n <= PVB_BLK_SEGS_BLOCKS_MAX);
	slot[PVB_BLK_AT_OP] = req->op;
	slot[PVB_BLK_AT_NR_SEGS] = (uint8_t)n;
	pvb_store_u16(slot + PVB_BLK_AT_HANDLE, req->handle);
	segs_encode(slot + pvb_blk_body_at(abi), req->seg,
		    n < PVB_BLK_SEGS_DIRECT ? n : PVB_BLK_SEGS_DIRECT);
}

static void discard_encode(uint8_t *slot, enum pvb_abi abi,
			   const struct pvb_blk_req *req)
{
	slot[PVB_BLK_AT_OP] = PVB_BLK_DISCARD;
	slot[PVB_BLK_AT_FLAG] = req->secure ? BLKIF_DISCARD_SECURE : 0;
	pvb_store_u16(slot + PVB_BLK_AT_HANDLE, req->handle);
	pvb_store_u64(slot + pvb_blk_body_at(abi), req->nr_sectors);
}

static void indirect_encode(uint8_t *slot, enum pvb_abi abi,
			    const struct pvb_blk_req *req)
{
	uint8_t *body = slot + pvb_blk_body_at(abi);
	uint32_t i, pages = pvb_blk_indirect_pages(req);

	assert(pages <= PVB_BLK_INDIRECT_PAGES);
	slot[PVB_BLK_AT_OP] = PVB_BLK_INDIRECT;
	slot[PVB_BLK_AT_INDIRECT_OP] = req->op;
	pvb_store_u16(slot + PVB_BLK_AT_NR_INDIRECT, req->nr_segs);
	pvb_store_u16(body + PVB_BLK_BODY_HANDLE, req->handle);
	for (i = 0; i < pages; i++)
		pvb_store_u32(body + PVB_BLK_BODY_GREF + 4 * i,
			      req->indirect_gref[i]);
}

void pvb_blk_req_encode(void *slot, enum pvb_abi abi,
			const struct pvb_blk_req *req)
{
	uint8_t *s = slot;
	uint32_t id_at = pvb_blk_id_at(abi);

	memset(s, 0, pvb_blk_slot_bytes(abi));
	pvb_store_u64(s + id_at, req->id);
	pvb_store_u64(s + id_at + PVB_BLK_AFTER_ID_SECTOR, req->sector);
	if (req->indirect)
		indirect_encode(s, abi, req);
	else if (req->op == PVB_BLK_DISCARD)
		discard_encode(s, abi, req);
	else
		direct_encode(s, abi, req);
}

void pvb_blk_block_encode(void *slot, enum pvb_abi abi,
			  const struct pvb_blk_req *req, uint32_t i)
{
	assert(!req->indirect && i >= 1);
	assert(i < pvb_blk_slots(abi, req->nr_segs));
	memset(slot, 0, pvb_blk_slot_bytes(abi));
	segs_encode(slot, req->seg + pvb_blk_block_first(abi, i),
		    pvb_blk_block_count(abi, i, req->nr_segs));
}

void pvb_blk_segs_encode(void *page, const struct pvb_blk_req *req, uint32_t i)
{
	uint32_t n = pvb_blk_indirect_count(req, i);
	uint32_t first = i * PVB_BLK_SEGS_PAGE;

	assert(n > 0 && first + n <= PVB_BLK_SEGS_MAX);
	memset(page, 0, PVB_BLK_PAGE_BYTES);
	segs_encode(page, req->seg + first, n);
}

void pvb_blk_rsp_encode(void *slot, enum pvb_abi abi,
			const struct pvb_blk_rsp *rsp)
{
	uint8_t *s = slot;

	(void)abi;      /* they agree on where these three are */
	pvb_store_u64(s + PVB_BLK_RSP_AT_ID, rsp->id);
	s[PVB_BLK_RSP_AT_OP] = rsp->op;
	pvb_store_u16(s + PVB_BLK_RSP_AT_STATUS, (uint16_t)rsp->status);
}
