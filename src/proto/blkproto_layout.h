/* SPDX-License-Identifier: MIT */
/*
 * blkproto_layout.h - where the fields of a blkif slot are.  Only for the
 * blkproto_*.c files.
 *
 * The i386 psABI aligns a u64 inside a struct to 4 bytes, all others to 8.
 * So `id` starts at 4 or at 8, everything behind it follows at a fixed
 * distance, and one number tells the layouts apart.  Responses differ in
 * their trailing padding only.
 */
#ifndef PVB_BLKPROTO_LAYOUT_H
#define PVB_BLKPROTO_LAYOUT_H

#include <stdint.h>

#include "blkproto.h"

enum {
	/* every request */
	PVB_BLK_AT_OP          = 0,
	/* read, write, barrier, flush */
	PVB_BLK_AT_NR_SEGS     = 1,     /* u8 */
	PVB_BLK_AT_HANDLE      = 2,     /* u16; discard too */
	/* discard */
	PVB_BLK_AT_FLAG        = 1,     /* u8 */
	PVB_BLK_FLAG_SECURE    = 1,
	/* indirect */
	PVB_BLK_AT_INDIRECT_OP = 1,     /* u8 */
	PVB_BLK_AT_NR_INDIRECT = 2,     /* u16 */

	/* from `id` on */
	PVB_BLK_AFTER_ID_SECTOR = 8,
	PVB_BLK_AFTER_ID_BODY   = 16,
	PVB_BLK_AFTER_ID_END    = 104,

	/* the body of an indirect request */
	PVB_BLK_BODY_HANDLE     = 0,    /* u16 */
	PVB_BLK_BODY_GREF       = 4,    /* u32[8] */

	/* a segment; the last two bytes are padding */
	PVB_BLK_SEG_AT_GREF     = 0,
	PVB_BLK_SEG_AT_FIRST    = 4,
	PVB_BLK_SEG_AT_LAST     = 5,

	/* a response */
	PVB_BLK_RSP_AT_ID       = 0,
	PVB_BLK_RSP_AT_OP       = 8,    /* u8, then a byte of padding */
	PVB_BLK_RSP_AT_STATUS   = 10,   /* s16 */
};

static inline uint32_t pvb_blk_id_at(enum pvb_abi abi)
{
	return abi == PVB_ABI_X86_32 ? 4 : 8;
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
