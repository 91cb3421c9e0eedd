/* SPDX-License-Identifier: MIT */
/*
 * test_xen_blkif.c - blkproto beside Xen's public headers: what one writes,
 * byte for byte, the other writes, and each reads what the other wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#include "proto/blkproto.h"
#include "proto/ring.h"
#include "xen_slots.h"

enum { RUNS = 20000 };

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define EACH_ABI(abi) (int abi = 0; abi < PVB_ABI_COUNT; abi++)

static const struct xen_slots *xen_of(int abi)
{
	return abi == PVB_ABI_X86_32 ? &xen_slots_32 : &xen_slots_64;
}

static uint64_t random_state = 1;

static uint32_t pick(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static uint64_t pick_u64(void)
{
	return (uint64_t)pick(UINT32_MAX) << 33 ^ pick(UINT32_MAX);
}

static void pick_segs(struct pvb_blk_req *req, uint32_t n)
{
	req->nr_segs = (uint16_t)n;
	for (uint32_t i = 0; i < n; i++)
		req->seg[i] = (struct pvb_seg) {
			.gref = pick(UINT32_MAX), .first = (uint8_t)pick(256),
			.last = (uint8_t)pick(256) };
}

static void pick_request(struct pvb_blk_req *req)
{
	memset(req, 0, sizeof(*req));
	req->id = pick_u64();
	req->sector = pick_u64();
	req->handle = (uint16_t)pick(65536);
	switch (pick(4)) {
	case 0:
		req->op = (uint8_t)pick(2);
		pick_segs(req, 1 + pick(11));
		break;
	case 1:
		req->op = PVB_BLK_BARRIER + (uint8_t)pick(2);
		pick_segs(req, req->op == PVB_BLK_BARRIER ? pick(12) : 0);
		break;
	case 2:
		req->op = PVB_BLK_DISCARD;
		req->secure = pick(2);
		req->nr_sectors = pick_u64();
		break;
	default:
		req->op = (uint8_t)pick(2);
		req->indirect = true;
		pick_segs(req, 1 + pick(256));
		req->indirect_gref[0] = pick(UINT32_MAX);
		break;
	}
}

static void assert_same(const struct pvb_blk_req *a,
			const struct pvb_blk_req *b, uint32_t segs)
{
	assert_true(a->id == b->id);
	assert_true(a->sector == b->sector);
	assert_true(a->nr_sectors == b->nr_sectors);
	assert_int_equal(a->op, b->op);
	assert_int_equal(a->indirect, b->indirect);
	assert_int_equal(a->secure, b->secure);
	assert_int_equal(a->handle, b->handle);
	assert_int_equal(a->nr_segs, b->nr_segs);
	assert_memory_equal(a->indirect_gref, b->indirect_gref,
			    sizeof(a->indirect_gref));
	for (uint32_t i = 0; i < segs; i++) {
		assert_int_equal(a->seg[i].gref, b->seg[i].gref);
		assert_int_equal(a->seg[i].first, b->seg[i].first);
		assert_int_equal(a->seg[i].last, b->seg[i].last);
	}
}

/* In the order of xen_slots_body.h; the facts that blkproto is built on. */
static void offsets_are_as_documented(void **state)
{
	static const size_t want_64[] = {
		0, 1, 2, 8, 16, 24, 112,  0, 4, 5, 8,
		1, 2, 8, 16, 24,  1, 2, 8, 16, 24, 28,  0, 8, 10, 16,
	};
	static const size_t want_32[] = {
		0, 1, 2, 4, 12, 20, 108,  0, 4, 5, 8,
		1, 2, 4, 12, 20,  1, 2, 4, 12, 20, 24,  0, 8, 10, 12,
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(want_64), xen_slots_64.nr_offsets);
	assert_int_equal(ARRAY_LEN(want_32), xen_slots_32.nr_offsets);
	assert_memory_equal(want_64, xen_slots_64.offsets, sizeof(want_64));
	assert_memory_equal(want_32, xen_slots_32.offsets, sizeof(want_32));
	for EACH_ABI(abi) {
		assert_int_equal(xen_of(abi)->slot_bytes,
				 pvb_blk_slot_bytes(abi));
		assert_int_equal(xen_of(abi)->header_bytes,
				 PVB_RING_HEADER_BYTES);
	}
}

static void ring_sizes_agree(void **state)
{
	(void)state;
	for EACH_ABI(abi) {
		uint32_t slot = pvb_blk_slot_bytes(abi);

		for (size_t bytes = 64; bytes <= 16 * 4096; bytes += 4)
			assert_int_equal(xen_of(abi)->ring_size(bytes),
					 pvb_ring_size(bytes, slot));
	}
}

static void numbers_agree(void **state)
{
	(void)state;
	assert_int_equal(BLKIF_OP_READ, PVB_BLK_READ);
	assert_int_equal(BLKIF_OP_WRITE, PVB_BLK_WRITE);
	assert_int_equal(BLKIF_OP_WRITE_BARRIER, PVB_BLK_BARRIER);
	assert_int_equal(BLKIF_OP_FLUSH_DISKCACHE, PVB_BLK_FLUSH);
	assert_int_equal(BLKIF_OP_DISCARD, PVB_BLK_DISCARD);
	assert_int_equal(BLKIF_OP_INDIRECT, PVB_BLK_INDIRECT);
	assert_int_equal(BLKIF_RSP_OKAY, PVB_BLK_OKAY);
	assert_int_equal(BLKIF_RSP_ERROR, PVB_BLK_ERROR);
	assert_int_equal(BLKIF_RSP_EOPNOTSUPP, PVB_BLK_EOPNOTSUPP);
	assert_int_equal(BLKIF_MAX_SEGMENTS_PER_REQUEST, PVB_BLK_SEGS_DIRECT);
	assert_int_equal(BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST,
			 PVB_BLK_INDIRECT_PAGES);
	assert_string_equal(XEN_IO_PROTO_ABI_X86_32,
			    pvb_abi_name(PVB_ABI_X86_32));
	assert_string_equal(XEN_IO_PROTO_ABI_X86_64,
			    pvb_abi_name(PVB_ABI_X86_64));
	assert_string_equal(XEN_IO_PROTO_ABI_ARM, pvb_abi_name(PVB_ABI_ARM));
	assert_string_equal(XEN_IO_PROTO_ABI_NATIVE,
			    pvb_abi_name(pvb_abi_native()));
}

static void requests_agree_byte_for_byte(void **state)
{
	static struct pvb_blk_req req, got;

	(void)state;
	for (int run = 0; run < RUNS; run++) {
		int abi = (int)pick(PVB_ABI_COUNT);
		const struct xen_slots *xen = xen_of(abi);
		_Alignas(8) uint8_t ours[PVB_BLK_SLOT_MAX];
		_Alignas(8) uint8_t theirs[PVB_BLK_SLOT_MAX] = { 0 };
		uint32_t direct;

		pick_request(&req);
		direct = req.indirect ? 0 : req.nr_segs;
		memset(ours, 0xa5, sizeof(ours));
		pvb_blk_req_encode(ours, abi, &req);
		xen->request_write(theirs, &req);
		assert_memory_equal(theirs, ours, xen->slot_bytes);

		memset(&got, 0, sizeof(got));
		assert_int_equal(PVB_OK,
			pvb_blk_req_decode(&got, abi, theirs, 11, 256));
		assert_same(&req, &got, direct);
		memset(&got, 0, sizeof(got));
		xen->request_read(&got, ours);
		assert_same(&req, &got, direct);
	}
}

static void segment_lists_agree_byte_for_byte(void **state)
{
	static struct pvb_blk_req req;
	static _Alignas(8) uint8_t ours[4096], theirs[4096];

	(void)state;
	for (int abi = 0; abi < 2; abi++)
	for (uint32_t n = 1; n <= 256; n++) {
		memset(&req, 0, sizeof(req));
		req.indirect = true;
		pick_segs(&req, n);
		memset(ours, 0xa5, sizeof(ours));
		memset(theirs, 0, sizeof(theirs));
		pvb_blk_segs_encode(ours, &req, 0);
		xen_of(abi)->segs_write(theirs, req.seg, n);
		assert_memory_equal(theirs, ours, sizeof(ours));
	}
}

/* Over a poisoned slot: the padding is the same one, and stays. */
static void responses_agree_byte_for_byte(void **state)
{
	(void)state;
	for (int run = 0; run < RUNS; run++) {
		int abi = (int)pick(PVB_ABI_COUNT);
		const struct xen_slots *xen = xen_of(abi);
		struct pvb_blk_rsp rsp = { .id = pick_u64(),
			.op = (uint8_t)pick(256),
			.status = (int16_t)pick(65536) }, got;
		_Alignas(8) uint8_t ours[PVB_BLK_SLOT_MAX];
		_Alignas(8) uint8_t theirs[PVB_BLK_SLOT_MAX];

		memset(ours, 0xa5, sizeof(ours));
		memset(theirs, 0xa5, sizeof(theirs));
		pvb_blk_rsp_encode(ours, abi, &rsp);
		xen->response_write(theirs, &rsp);
		assert_memory_equal(theirs, ours, sizeof(ours));
		pvb_blk_rsp_decode(&got, abi, theirs);
		assert_true(got.id == rsp.id);
		assert_int_equal(rsp.op, got.op);
		assert_int_equal(rsp.status, got.status);
		memset(&got, 0, sizeof(got));
		xen->response_read(&got, ours);
		assert_true(got.id == rsp.id);
		assert_int_equal(rsp.op, got.op);
		assert_int_equal(rsp.status, got.status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_are_as_documented),
		cmocka_unit_test(ring_sizes_agree),
		cmocka_unit_test(numbers_agree),
		cmocka_unit_test(requests_agree_byte_for_byte),
		cmocka_unit_test(segment_lists_agree_byte_for_byte),
		cmocka_unit_test(responses_agree_byte_for_byte),
	};

	return cmocka_run_group_tests_name("xen_blkif", tests, NULL, NULL);
}
