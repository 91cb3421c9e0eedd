/* SPDX-License-Identifier: MIT */
/*
 * blkproto_layout.h - where the fields of a blkif slot are, taken from the
 * structs of pvb/blkif.h.  Only for the blkproto_*.c files.
 *
 * The i386 psABI aligns a u64 inside a struct to 4 bytes, all others to 8.
 * So `id` starts at 4 or at 8, everything behind it follows at a fixed
 * distance, and one number tells the layouts apart (asserted in blkproto.c).
 * Responses differ in their trailing padding only.
 */
#ifndef PVB_BLKPROTO_LAYOUT_H
#define PVB_BLKPROTO_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include <pvb/blkif.h>

#include "blkproto.h"

#define PVB_BLK_AT(kind, field) offsetof(struct blkif_x86_64_##kind, field)
#define PVB_BLK_AFTER_ID(kind, field) \
	(PVB_BLK_AT(kind, field) - PVB_BLK_AT(kind, id))
/* Of an indirect request, behind what every request has. */
#define PVB_BLK_IN_BODY(field) \
	(PVB_BLK_AT(request_indirect, field) - PVB_BLK_AT(request, seg))

enum {
	/* every request */
	PVB_BLK_AT_OP          = PVB_BLK_AT(request, operation),
	/* read, write, barrier, flush */
	PVB_BLK_AT_NR_SEGS     = PVB_BLK_AT(request, nr_segments),
	PVB_BLK_AT_HANDLE      = PVB_BLK_AT(request, handle),
	/* discard */
	PVB_BLK_AT_FLAG        = PVB_BLK_AT(request_discard, flag),
	/* indirect */
	PVB_BLK_AT_INDIRECT_OP = PVB_BLK_AT(request_indirect, indirect_op),
	PVB_BLK_AT_NR_INDIRECT = PVB_BLK_AT(request_indirect, nr_segments),

	/* from `id` on */
	PVB_BLK_AFTER_ID_SECTOR = PVB_BLK_AFTER_ID(request, sector_number),
	PVB_BLK_AFTER_ID_BODY   = PVB_BLK_AFTER_ID(request, seg),
	PVB_BLK_AFTER_ID_END    = sizeof(struct blkif_x86_64_request) -
				  PVB_BLK_AT(request, id),

	/* the body of an indirect request */
	PVB_BLK_BODY_HANDLE     = PVB_BLK_IN_BODY(handle),
	PVB_BLK_BODY_GREF       = PVB_BLK_IN_BODY(indirect_grefs),

	/* a segment; the last two bytes are padding */
	PVB_BLK_SEG_AT_GREF  = offsetof(struct blkif_request_segment, gref),
	PVB_BLK_SEG_AT_FIRST = offsetof(struct blkif_request_segment,
					first_sect),
	PVB_BLK_SEG_AT_LAST  = offsetof(struct blkif_request_segment,
					last_sect),

	/* a response */
	PVB_BLK_RSP_AT_ID       = PVB_BLK_AT(response, id),
	PVB_BLK_RSP_AT_OP       = PVB_BLK_AT(response, operation),
	PVB_BLK_RSP_AT_STATUS   = PVB_BLK_AT(response, status),
};

static inline uint32_t pvb_blk_id_at(enum pvb_abi abi)
{
	return abi == PVB_ABI_X86_32
		? offsetof(struct blkif_x86_32_request, id)
		: offsetof(struct blkif_x86_64_request, id);
}

static inline uint32_t pvb_blk_body_at(enum pvb_abi abi)
{
	return pvb_blk_id_at(abi) + PVB_BLK_AFTER_ID_BODY;
}

/* Fourteen segments are 112 bytes: too many for an i386 slot of 108. */
static inline uint32_t pvb_blk_block_segs(enum pvb_abi abi)
{
	return abi == PVB_ABI_X86_32 ? PVB_BLK_SEGS_BLOCK_X32
				     : PVB_BLK_SEGS_BLOCK;
}

/* The segments that the i-th further slot holds (0: it is not needed). */
static inline uint32_t pvb_blk_block_first(enum pvb_abi abi, uint32_t i)
{
	return PVB_BLK_SEGS_DIRECT + (i - 1) * pvb_blk_block_segs(abi);
}

static inline uint32_t pvb_blk_block_count(enum pvb_abi abi, uint32_t i,
					   uint32_t nr_segs)
{
	uint32_t first = pvb_blk_block_first(abi, i);
	uint32_t left = nr_segs > first ? nr_segs - first : 0;
	uint32_t most = pvb_blk_block_segs(abi);

	return left < most ? left : most;
}

#endif
