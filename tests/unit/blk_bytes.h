/* SPDX-License-Identifier: MIT */
/*
 * blk_bytes.h - for the blkproto tests: requests as the wire has them, put
 * together by offsets that are written here a second time, by hand.
 */
#ifndef TEST_BLK_BYTES_H
#define TEST_BLK_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "proto/blkproto.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define EACH_ABI(abi) (int abi = 0; abi < PVB_ABI_COUNT; abi++)

struct blk_offsets { uint32_t id, sector, segs, grefs, slot; };

static const struct blk_offsets blk_offsets[PVB_ABI_COUNT] = {
	[PVB_ABI_X86_32] = { 4, 12, 20, 24, 108 },
	[PVB_ABI_X86_64] = { 8, 16, 24, 28, 112 },
	[PVB_ABI_ARM]    = { 8, 16, 24, 28, 112 },
};

#define BLK_ID     UINT64_C(0xf1e2d3c4b5a69788)
#define BLK_SECTOR UINT64_C(0x1000)

/* A read, write, barrier or flush of n whole pages, grefs 100, 101, ... */
static inline void blk_bytes(uint8_t slot[PVB_BLK_SLOT_MAX], int abi,
			     uint8_t op, uint8_t n)
{
	const struct blk_offsets *at = &blk_offsets[abi];

	memset(slot, 0, PVB_BLK_SLOT_MAX);
	slot[0] = op;
	slot[1] = n;
	pvb_store_u16(slot + 2, 0xca10);
	pvb_store_u64(slot + at->id, BLK_ID);
	pvb_store_u64(slot + at->sector, BLK_SECTOR);
	for (uint32_t i = 0; i < n && i < 11; i++) {
		pvb_store_u32(slot + at->segs + 8 * i, 100 + i);
		slot[at->segs + 8 * i + 5] = 7;
	}
}

static inline void blk_discard_bytes(uint8_t slot[PVB_BLK_SLOT_MAX], int abi,
				     uint8_t flag, uint64_t nr_sectors)
{
	blk_bytes(slot, abi, 5, 0);
	slot[1] = flag;
	pvb_store_u64(slot + blk_offsets[abi].segs, nr_sectors);
}

static inline void blk_indirect_bytes(uint8_t slot[PVB_BLK_SLOT_MAX], int abi,
				      uint8_t op, uint16_t n)
{
	const struct blk_offsets *at = &blk_offsets[abi];

	blk_bytes(slot, abi, 6, 0);
	slot[1] = op;
	pvb_store_u16(slot + 2, n);
	pvb_store_u16(slot + at->segs, 0xca10);
	for (uint32_t i = 0; i < 8; i++)
		pvb_store_u32(slot + at->grefs + 4 * i, 900 + i);
}

/* What a back with everything on offer takes; 8 GiB. */
static inline struct pvb_blk_geometry blk_geometry(void)
{
	return (struct pvb_blk_geometry) {
		.sectors = UINT64_C(1) << 24,
		.sector_size_bytes = 512, .physical_size_bytes = 4096,
		.flush = true, .barrier = true, .discard = true,
		.discard_secure = true,
		.segs_direct_max = 11, .segs_indirect_max = 256,
	};
}

#endif
