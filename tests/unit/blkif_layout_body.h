/* SPDX-License-Identifier: MIT */
/*
 * blkif_layout_body.h - one layout of the public header beside blkproto: what
 * one writes the other reads.  For test_blkif.c, once for each layout: LAYOUT
 * names its structs, TEST its functions.
 */

static void TEST(direct)(int abi)
{
	struct LAYOUT(request) want, got;
	struct pvb_blk_req req;

	memset(&want, 0, sizeof(want));
	want.operation = BLKIF_OP_WRITE;
	want.nr_segments = 11;
	want.handle = 0xca10;
	want.id = BLK_ID;
	want.sector_number = BLK_SECTOR;
	for (uint32_t i = 0; i < 11; i++) {
		want.seg[i].gref = 1000 + i;
		want.seg[i].first_sect = (uint8_t)(i % 4);
		want.seg[i].last_sect = (uint8_t)(4 + i % 4);
	}
	assert_int_equal(sizeof(want), pvb_blk_slot_bytes(abi));
	assert_int_equal(PVB_OK,
		pvb_blk_req_decode(&req, abi, &want, 11, 0));
	assert_int_equal(PVB_BLK_WRITE, req.op);
	assert_int_equal(0xca10, req.handle);
	assert_true(req.id == BLK_ID && req.sector == BLK_SECTOR);
	for (uint32_t i = 0; i < 11; i++) {
		assert_int_equal(1000 + i, req.seg[i].gref);
		assert_int_equal(i % 4, req.seg[i].first);
		assert_int_equal(4 + i % 4, req.seg[i].last);
	}
	memset(&got, 0xa5, sizeof(got));
	pvb_blk_req_encode(&got, abi, &req);
	assert_memory_equal(&want, &got, sizeof(got));
}

static void TEST(discard)(int abi)
{
	uint8_t slot[PVB_BLK_SLOT_MAX] = { 0 }, back[PVB_BLK_SLOT_MAX];
	struct LAYOUT(request_discard) want;
	struct pvb_blk_req req;

	memset(&want, 0, sizeof(want));
	want.operation = BLKIF_OP_DISCARD;
	want.flag = BLKIF_DISCARD_SECURE;
	want.handle = 0xca10;
	want.id = BLK_ID;
	want.sector_number = BLK_SECTOR;
	want.nr_sectors = UINT64_C(0x8877665544332211);
	memcpy(slot, &want, sizeof(want));
	assert_int_equal(PVB_OK, pvb_blk_req_decode(&req, abi, slot, 11, 0));
	assert_int_equal(PVB_BLK_DISCARD, req.op);
	assert_true(req.secure);
	assert_int_equal(0xca10, req.handle);
	assert_true(req.id == BLK_ID && req.sector == BLK_SECTOR);
	assert_true(req.nr_sectors == want.nr_sectors);
	pvb_blk_req_encode(back, abi, &req);
	assert_memory_equal(slot, back, pvb_blk_slot_bytes(abi));
}

static void TEST(indirect)(int abi)
{
	uint8_t slot[PVB_BLK_SLOT_MAX] = { 0 }, back[PVB_BLK_SLOT_MAX];
	struct LAYOUT(request_indirect) want;
	struct pvb_blk_req req;

	memset(&want, 0, sizeof(want));
	want.operation = BLKIF_OP_INDIRECT;
	want.indirect_op = BLKIF_OP_WRITE;
	want.nr_segments = 256;
	want.handle = 0xca10;
	want.id = BLK_ID;
	want.sector_number = BLK_SECTOR;
	want.indirect_grefs[0] = 0x01020304;
	assert_int_equal(64, sizeof(want));
	memcpy(slot, &want, sizeof(want));
	assert_int_equal(PVB_OK,
		pvb_blk_req_decode(&req, abi, slot, 11, 256));
	assert_true(req.indirect);
	assert_int_equal(PVB_BLK_WRITE, req.op);
	assert_int_equal(256, req.nr_segs);
	assert_int_equal(0xca10, req.handle);
	assert_true(req.id == BLK_ID && req.sector == BLK_SECTOR);
	assert_int_equal(0x01020304, req.indirect_gref[0]);
	pvb_blk_req_encode(back, abi, &req);
	assert_memory_equal(slot, back, pvb_blk_slot_bytes(abi));
}

static void TEST(response)(int abi)
{
	struct LAYOUT(response) want, got;
	struct pvb_blk_rsp rsp;

	memset(&want, 0, sizeof(want));
	want.id = BLK_ID;
	want.operation = BLKIF_OP_FLUSH_DISKCACHE;
	want.status = BLKIF_RSP_EOPNOTSUPP;
	pvb_blk_rsp_decode(&rsp, abi, &want);
	assert_true(rsp.id == BLK_ID);
	assert_int_equal(PVB_BLK_FLUSH, rsp.op);
	assert_int_equal(PVB_BLK_EOPNOTSUPP, rsp.status);
	memset(&got, 0, sizeof(got));
	pvb_blk_rsp_encode(&got, abi, &rsp);
	assert_memory_equal(&want, &got, sizeof(got));
}

/* It begins a slot, and is never longer than one. */
static void TEST(block)(int abi)
{
	uint8_t slot[PVB_BLK_SLOT_MAX];
	struct LAYOUT(segment_block) block;
	const uint32_t per_block = sizeof(block) / sizeof(block.seg[0]);
	struct pvb_blk_req req;

	assert_true(sizeof(block) <= pvb_blk_slot_bytes(abi));
	memset(&req, 0, sizeof(req));
	req.nr_segs = (uint16_t)(11 + per_block);
	for (uint32_t i = 0; i < req.nr_segs; i++)
		req.seg[i] = (struct pvb_seg){ 500 + i, 1, 6 };
	assert_int_equal(2, pvb_blk_slots(abi, req.nr_segs));
	assert_int_equal(3, pvb_blk_slots(abi, req.nr_segs + 1u));
	pvb_blk_block_encode(slot, abi, &req, 1);
	memcpy(&block, slot, sizeof(block));
	for (uint32_t i = 0; i < per_block; i++) {
		assert_int_equal(511 + i, block.seg[i].gref);
		assert_int_equal(1, block.seg[i].first_sect);
		assert_int_equal(6, block.seg[i].last_sect);
	}
}
