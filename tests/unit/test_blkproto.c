/* SPDX-License-Identifier: MIT */
/*
 * test_blkproto.c - what decode makes of slot bytes, in every layout: golden
 * bytes both ways, each operation, each refusal and what it leaves behind.
 */
#include "blk_bytes.h"

static enum pvb_why decode(struct pvb_blk_req *req, int abi,
			   const uint8_t *slot)
{
	memset(req, 0xee, sizeof(*req));
	return pvb_blk_req_decode(req, abi, slot, 11, 256);
}

/* A write of two segments, byte for byte. */
static const uint8_t golden_head[] = {
	0x01, 0x02, 0x10, 0xca,
};
static const uint8_t golden_tail[] = {
	0x88, 0x97, 0xa6, 0xb5, 0xc4, 0xd3, 0xe2, 0xf1,
	0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
	0x04, 0x03, 0x02, 0xff, 0x00, 0x07, 0x00, 0x00,
	0x78, 0x56, 0x34, 0x12, 0x03, 0x05, 0x00, 0x00,
};

static void golden_bytes(uint8_t slot[PVB_BLK_SLOT_MAX], int abi)
{
	memset(slot, 0, PVB_BLK_SLOT_MAX);
	memcpy(slot, golden_head, sizeof(golden_head));
	memcpy(slot + (abi == PVB_ABI_X86_32 ? 4 : 8), golden_tail,
	       sizeof(golden_tail));
}

static void golden_request_is_decoded(void **state)
{
	(void)state;
	for EACH_ABI(abi) {
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		golden_bytes(slot, abi);
		assert_int_equal(PVB_OK, decode(&req, abi, slot));
		assert_int_equal(PVB_BLK_WRITE, req.op);
		assert_false(req.indirect);
		assert_false(req.secure);
		assert_int_equal(0xca10, req.handle);
		assert_true(req.id == BLK_ID);
		assert_true(req.sector == UINT64_C(0x0123456789abcdef));
		assert_int_equal(2, req.nr_segs);
		assert_int_equal(0xff020304, req.seg[0].gref);
		assert_int_equal(0, req.seg[0].first);
		assert_int_equal(7, req.seg[0].last);
		assert_int_equal(0x12345678, req.seg[1].gref);
		assert_int_equal(3, req.seg[1].first);
		assert_int_equal(5, req.seg[1].last);
	}
}

static void golden_request_is_encoded_over_every_byte(void **state)
{
	(void)state;
	for EACH_ABI(abi) {
		uint8_t want[PVB_BLK_SLOT_MAX], slot[PVB_BLK_SLOT_MAX + 8];
		uint32_t bytes = blk_offsets[abi].slot;
		struct pvb_blk_req req;

		golden_bytes(want, abi);
		assert_int_equal(PVB_OK, decode(&req, abi, want));
		memset(slot, 0xa5, sizeof(slot));
		pvb_blk_req_encode(slot, abi, &req);
		assert_memory_equal(want, slot, bytes);
		for (size_t i = bytes; i < sizeof(slot); i++)
			assert_int_equal(0xa5, slot[i]);
	}
}

static void golden_response_both_ways(void **state)
{
	static const uint8_t want[16] = {
		0x88, 0x97, 0xa6, 0xb5, 0xc4, 0xd3, 0xe2, 0xf1,
		0x05, 0xa5, 0xfe, 0xff, 0xa5, 0xa5, 0xa5, 0xa5,
	};

	(void)state;
	for EACH_ABI(abi) {
		struct pvb_blk_rsp rsp = { .id = BLK_ID,
			.op = PVB_BLK_DISCARD, .status = PVB_BLK_EOPNOTSUPP };
		struct pvb_blk_rsp back;
		uint8_t slot[PVB_BLK_SLOT_MAX];

		memset(slot, 0xa5, sizeof(slot));
		pvb_blk_rsp_encode(slot, abi, &rsp);
		assert_memory_equal(want, slot, sizeof(want));
		for (size_t i = sizeof(want); i < sizeof(slot); i++)
			assert_int_equal(0xa5, slot[i]);
		pvb_blk_rsp_decode(&back, abi, slot);
		assert_true(back.id == BLK_ID);
		assert_int_equal(PVB_BLK_DISCARD, back.op);
		assert_int_equal(PVB_BLK_EOPNOTSUPP, back.status);
	}
}

static void a_response_may_hold_any_status(void **state)
{
	static const int16_t status[] = { 0, -1, -2, 22, 1, 32767, -32768 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(status); i++) {
		struct pvb_blk_rsp rsp = { .id = i, .op = (uint8_t)(240 + i),
					   .status = status[i] }, back;
		uint8_t slot[16] = { 0 };

		pvb_blk_rsp_encode(slot, PVB_ABI_X86_64, &rsp);
		pvb_blk_rsp_decode(&back, PVB_ABI_X86_64, slot);
		assert_int_equal(status[i], back.status);
		assert_int_equal(240 + i, back.op);
	}
}

static void sizes_and_names(void **state)
{
	(void)state;
	assert_int_equal(108, pvb_blk_slot_bytes(PVB_ABI_X86_32));
	assert_int_equal(112, pvb_blk_slot_bytes(PVB_ABI_X86_64));
	assert_int_equal(112, pvb_blk_slot_bytes(PVB_ABI_ARM));
	assert_string_equal("x86_32-abi", pvb_abi_name(PVB_ABI_X86_32));
	assert_string_equal("x86_64-abi", pvb_abi_name(PVB_ABI_X86_64));
	assert_string_equal("arm-abi", pvb_abi_name(PVB_ABI_ARM));
	assert_null(pvb_abi_name(PVB_ABI_COUNT));
	assert_null(pvb_abi_name((enum pvb_abi)77));
	assert_int_equal(pvb_blk_slot_bytes(pvb_abi_native()),
			 sizeof(void *) == 4 && _Alignof(struct { uint64_t u; })
				 == 4 ? 108 : 112);
	assert_string_equal("read", pvb_blk_op_name(0));
	assert_string_equal("write", pvb_blk_op_name(1));
	assert_string_equal("barrier", pvb_blk_op_name(2));
	assert_string_equal("flush", pvb_blk_op_name(3));
	assert_string_equal("?", pvb_blk_op_name(4));
	assert_string_equal("discard", pvb_blk_op_name(5));
	assert_string_equal("indirect", pvb_blk_op_name(6));
	assert_string_equal("?", pvb_blk_op_name(7));
	assert_string_equal("?", pvb_blk_op_name(UINT32_MAX));
}

static void segment_counts_per_operation(void **state)
{
	static const struct { uint8_t op, least, most; } t[] = {
		{ PVB_BLK_READ, 1, 11 }, { PVB_BLK_WRITE, 1, 11 },
		{ PVB_BLK_BARRIER, 0, 11 }, { PVB_BLK_FLUSH, 0, 0 },
	};

	(void)state;
	for EACH_ABI(abi)
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
	for (uint32_t n = 0; n <= 255; n++) {
		bool ok = n >= t[i].least && n <= t[i].most;
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		blk_bytes(slot, abi, t[i].op, (uint8_t)n);
		assert_int_equal(ok ? PVB_OK : PVB_WHY_SEG_COUNT,
				 decode(&req, abi, slot));
		assert_true(req.id == BLK_ID);
		assert_int_equal(t[i].op, req.op);
		assert_int_equal(ok ? n : 0, req.nr_segs);
		for (uint32_t s = 0; ok && s < n; s++)
			assert_int_equal(100 + s, req.seg[s].gref);
	}
}

static void unknown_operations_keep_id_and_op(void **state)
{
	(void)state;
	for EACH_ABI(abi)
	for (uint32_t op = 0; op <= 255; op++) {
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		if (op <= 3 || op == 5 || op == 6)
			continue;
		blk_bytes(slot, abi, (uint8_t)op, 1);
		assert_int_equal(PVB_WHY_OP_UNKNOWN, decode(&req, abi, slot));
		assert_true(req.id == BLK_ID);
		assert_int_equal(op, req.op);
		assert_int_equal(0, req.nr_segs);
	}
}

static void discard_and_its_flag(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 8, UINT64_MAX,
					    UINT64_C(0x8877665544332211) };

	(void)state;
	for EACH_ABI(abi)
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
	for (uint32_t flag = 0; flag <= 255; flag++) {
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		blk_discard_bytes(slot, abi, (uint8_t)flag, lengths[i]);
		assert_int_equal(PVB_OK, decode(&req, abi, slot));
		assert_int_equal(PVB_BLK_DISCARD, req.op);
		assert_int_equal(flag & 1, req.secure);
		assert_true(req.id == BLK_ID);
		assert_true(req.sector == BLK_SECTOR);
		assert_true(req.nr_sectors == lengths[i]);
		assert_int_equal(0xca10, req.handle);
		assert_int_equal(0, req.nr_segs);
	}
}

static void indirect_takes_reads_and_writes_only(void **state)
{
	(void)state;
	for EACH_ABI(abi)
	for (uint32_t op = 0; op <= 255; op++) {
		enum pvb_why want = op <= 1 ? PVB_OK : PVB_WHY_INDIRECT_OP;
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		blk_indirect_bytes(slot, abi, (uint8_t)op, 20);
		assert_int_equal(want, decode(&req, abi, slot));
		/* The answer carries the inner operation. */
		assert_int_equal(op, req.op);
		assert_true(req.indirect);
		assert_true(req.id == BLK_ID);
		if (want != PVB_OK)
			continue;
		assert_int_equal(20, req.nr_segs);
		assert_int_equal(0xca10, req.handle);
		assert_true(req.sector == BLK_SECTOR);
		assert_int_equal(900, req.indirect_gref[0]);
		assert_int_equal(0, req.indirect_gref[1]);
		assert_int_equal(1, pvb_blk_indirect_pages(&req));
		assert_int_equal(20, pvb_blk_indirect_count(&req, 0));
		assert_int_equal(0, pvb_blk_indirect_count(&req, 1));
	}
}

static void indirect_counts(void **state)
{
	static const uint16_t limits[] = { 1, 32, 255, 256 };

	(void)state;
	for EACH_ABI(abi)
	for (size_t l = 0; l < ARRAY_LEN(limits); l++)
	for (uint32_t n = 0; n <= 65535; n += n < 520 ? 1 : 8123) {
		bool ok = n > 0 && n <= limits[l];
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		blk_indirect_bytes(slot, abi, PVB_BLK_WRITE, (uint16_t)n);
		assert_int_equal(ok ? PVB_OK : PVB_WHY_INDIRECT_COUNT,
			pvb_blk_req_decode(&req, abi, slot, 11, limits[l]));
		assert_true(req.id == BLK_ID);
		assert_int_equal(PVB_BLK_WRITE, req.op);
		assert_int_equal(ok ? n : 0, req.nr_segs);
	}
}

static void indirect_that_was_not_offered(void **state)
{
	(void)state;
	for EACH_ABI(abi) {
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		blk_indirect_bytes(slot, abi, PVB_BLK_WRITE, 20);
		assert_int_equal(PVB_WHY_OP_NOT_OFFERED,
				 pvb_blk_req_decode(&req, abi, slot, 11, 0));
		assert_true(req.id == BLK_ID);
		assert_int_equal(PVB_BLK_WRITE, req.op);
	}
}

/* However many segments are claimed, what lies behind is not looked at. */
static void decode_stays_inside_the_slot(void **state)
{
	(void)state;
	for EACH_ABI(abi)
	for (uint32_t op = 0; op < 8; op++) {
		uint32_t bytes = blk_offsets[abi].slot;
		uint8_t *tight = test_malloc(bytes);    /* for ASan to guard */
		uint8_t roomy[2 * PVB_BLK_SLOT_MAX];
		struct pvb_blk_req a, b;
		enum pvb_why why;

		memset(tight, 0xff, bytes);
		tight[0] = (uint8_t)op;
		memset(roomy, 0x11, sizeof(roomy));
		memcpy(roomy, tight, bytes);
		memset(&a, 0xee, sizeof(a));
		memset(&b, 0xee, sizeof(b));
		why = pvb_blk_req_decode(&a, abi, tight, 255, 256);
		assert_int_equal(why, pvb_blk_req_decode(&b, abi, roomy, 255,
							 256));
		assert_memory_equal(&a, &b, sizeof(a));
		test_free(tight);
	}
}

static void refusals_are_answered_by_kind(void **state)
{
	(void)state;
	for (int why = 0; why < PVB_WHY_COUNT; why++) {
		int want = PVB_BLK_ERROR;

		if (why == PVB_OK)
			want = PVB_BLK_OKAY;
		if (why == PVB_WHY_OP_UNKNOWN ||
		    why == PVB_WHY_OP_NOT_OFFERED ||
		    why == PVB_WHY_DISCARD_FLAG)
			want = PVB_BLK_EOPNOTSUPP;
		assert_int_equal(want, pvb_blk_why_status(why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_request_is_decoded),
		cmocka_unit_test(golden_request_is_encoded_over_every_byte),
		cmocka_unit_test(golden_response_both_ways),
		cmocka_unit_test(a_response_may_hold_any_status),
		cmocka_unit_test(sizes_and_names),
		cmocka_unit_test(segment_counts_per_operation),
		cmocka_unit_test(unknown_operations_keep_id_and_op),
		cmocka_unit_test(discard_and_its_flag),
		cmocka_unit_test(indirect_takes_reads_and_writes_only),
		cmocka_unit_test(indirect_counts),
		cmocka_unit_test(indirect_that_was_not_offered),
		cmocka_unit_test(decode_stays_inside_the_slot),
		cmocka_unit_test(refusals_are_answered_by_kind),
	};

	return cmocka_run_group_tests_name("blkproto", tests, NULL, NULL);
}
