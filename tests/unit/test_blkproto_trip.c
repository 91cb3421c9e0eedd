/* SPDX-License-Identifier: MIT */
/*
 * test_blkproto_trip.c - requests that take more than one slot or page, and
 * random legal requests through encode and decode in every layout.
 */
#include "blk_bytes.h"
#include "ring_pair.h"

enum { RUNS = 20000 };

static void slots_by_segments(void **state)
{
	static const struct { uint16_t segs, x64, x32; } t[] = {
		{ 0, 1, 1 }, { 1, 1, 1 }, { 11, 1, 1 }, { 12, 2, 2 },
		{ 24, 2, 2 }, { 25, 2, 3 }, { 26, 3, 3 }, { 37, 3, 3 },
		{ 38, 3, 4 }, { 39, 3, 4 }, { 40, 4, 4 }, { 53, 4, 5 },
		{ 54, 5, 5 }, { 255, 19, 20 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(t[i].x64,
				 pvb_blk_slots(PVB_ABI_X86_64, t[i].segs));
		assert_int_equal(t[i].x64,
				 pvb_blk_slots(PVB_ABI_ARM, t[i].segs));
		assert_int_equal(t[i].x32,
				 pvb_blk_slots(PVB_ABI_X86_32, t[i].segs));
	}
}

/* Legal or not, known or not: the byte counts where it is a count. */
static void slots_of_a_request_by_its_first(void **state)
{
	(void)state;
	for EACH_ABI(abi)
	for (uint32_t op = 0; op <= 255; op++)
	for (uint32_t n = 0; n <= 255; n++) {
		uint8_t slot[PVB_BLK_SLOT_MAX];
		bool counts = op <= 3;

		blk_bytes(slot, abi, (uint8_t)op, (uint8_t)n);
		assert_int_equal(1, pvb_blk_req_slots(abi, slot, 11));
		assert_int_equal(counts ? pvb_blk_slots(abi, n) : 1,
				 pvb_blk_req_slots(abi, slot, 12));
		assert_int_equal(counts ? pvb_blk_slots(abi, n) : 1,
				 pvb_blk_req_slots(abi, slot, 255));
	}
	assert_int_equal(PVB_BLK_SLOTS_MAX,
			 pvb_blk_slots(PVB_ABI_X86_32, 255));
}

/* The largest fits where the smallest ring is: nothing to check for. */
static void the_largest_request_fits_into_one_page(void **state)
{
	(void)state;
	for EACH_ABI(abi)
		assert_true(pvb_blk_slots(abi, 255) <=
			    pvb_ring_size(PVB_RING_PAGE_BYTES,
					  pvb_blk_slot_bytes(abi)));
}

static void lists_take_a_page_for_each_512_segments(void **state)
{
	static const struct { uint16_t segs; uint32_t pages, last; } t[] = {
		{ 1, 1, 1 }, { 256, 1, 256 }, { 511, 1, 511 },
		{ 512, 1, 512 }, { 513, 2, 1 }, { 1024, 2, 512 },
		{ 1025, 3, 1 }, { 4095, 8, 511 }, { 4096, 8, 512 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct pvb_blk_req req = {
			.op = PVB_BLK_READ, .indirect = true,
			.nr_segs = t[i].segs,
		};
		uint32_t pages = pvb_blk_indirect_pages(&req);

		assert_int_equal(t[i].pages, pages);
		for (uint32_t p = 0; p + 1 < pages; p++)
			assert_int_equal(512,
					 pvb_blk_indirect_count(&req, p));
		assert_int_equal(t[i].last,
				 pvb_blk_indirect_count(&req, pages - 1));
		assert_int_equal(0, pvb_blk_indirect_count(&req, pages));
		req.indirect = false;
		assert_int_equal(0, pvb_blk_indirect_pages(&req));
	}
}

static void segment_blocks_up_to_the_agreed_number(void **state)
{
	(void)state;
	for EACH_ABI(abi)
	for (uint32_t max = 11; max <= 255; max += 61)
	for (uint32_t n = 0; n <= 255; n++) {
		bool ok = n > 0 && n <= max;
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;

		blk_bytes(slot, abi, PVB_BLK_READ, (uint8_t)n);
		assert_int_equal(ok ? PVB_OK : PVB_WHY_SEG_COUNT,
			pvb_blk_req_decode(&req, abi, slot, (uint16_t)max, 0));
		assert_true(req.id == BLK_ID);
		assert_int_equal(ok ? n : 0, req.nr_segs);
	}
}

/* Block 1 of 13 or 14, by hand: where the segments are, and who has them. */
static void golden_segment_block(void **state)
{
	(void)state;
	for EACH_ABI(abi) {
		uint32_t per_block = abi == PVB_ABI_X86_32 ? 13 : 14;
		uint32_t bytes = blk_offsets[abi].slot;
		uint8_t slot[PVB_BLK_SLOT_MAX + 8], want[PVB_BLK_SLOT_MAX];
		struct pvb_blk_req req;
		uint32_t i;

		blk_bytes(want, abi, PVB_BLK_WRITE, 30);
		assert_int_equal(PVB_OK,
			pvb_blk_req_decode(&req, abi, want, 255, 0));
		memset(want, 0, sizeof(want));
		for (i = 0; i < per_block; i++) {
			pvb_store_u32(want + 8 * i, 0xabcd0000 + i);
			want[8 * i + 4] = (uint8_t)(i % 4);
			want[8 * i + 5] = (uint8_t)(i % 4 + 3);
		}
		pvb_blk_block_decode(&req, abi, 1, want);
		for (i = 0; i < per_block; i++) {
			assert_int_equal(0xabcd0000 + i, req.seg[11 + i].gref);
			assert_int_equal(i % 4, req.seg[11 + i].first);
			assert_int_equal(i % 4 + 3, req.seg[11 + i].last);
		}
		memset(slot, 0xa5, sizeof(slot));
		pvb_blk_block_encode(slot, abi, &req, 1);
		assert_memory_equal(want, slot, bytes);
		for (i = bytes; i < sizeof(slot); i++)
			assert_int_equal(0xa5, slot[i]);
	}
}

static void a_segment_list_fills_its_page_with_zeroes(void **state)
{
	static uint8_t page[PVB_BLK_PAGE_BYTES];
	struct pvb_blk_req req;

	(void)state;
	memset(&req, 0, sizeof(req));
	memset(page, 0xa5, sizeof(page));
	req.op = PVB_BLK_READ;
	req.indirect = true;
	req.nr_segs = 2;
	req.seg[1] = (struct pvb_seg) { 0x01020304, 5, 6 };
	pvb_blk_segs_encode(page, &req, 0);
	assert_memory_equal("\x04\x03\x02\x01\x05\x06\0\0", page + 8, 8);
	for (size_t i = 0; i < sizeof(page); i++)
		if (i < 8 || i >= 16)
			assert_int_equal(0, page[i]);
}

static void random_segs(struct pvb_blk_req *req, uint64_t *random, uint32_t n)
{
	req->nr_segs = (uint16_t)n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t last = ring_random(random, 8);

		req->seg[i].gref = ring_random(random, UINT32_MAX);
		req->seg[i].last = (uint8_t)last;
		req->seg[i].first = (uint8_t)ring_random(random, last + 1);
	}
}

static void random_request(struct pvb_blk_req *req, uint64_t *random)
{
	memset(req, 0, sizeof(*req));
	req->id = *random;
	req->handle = (uint16_t)ring_random(random, 65536);
	req->sector = ring_random(random, 1 << 20);
	switch (ring_random(random, 5)) {
	case 0:
		req->op = PVB_BLK_FLUSH;
		break;
	case 1:
		req->op = PVB_BLK_DISCARD;
		req->secure = ring_random(random, 2);
		req->nr_sectors = ring_random(random, 1 << 20);
		break;
	case 2:
		req->op = PVB_BLK_BARRIER;
		random_segs(req, random, ring_random(random, 256));
		break;
	case 3:
		req->op = (uint8_t)ring_random(random, 2);
		random_segs(req, random, ring_random(random, 255) + 1);
		break;
	default:
		req->op = (uint8_t)ring_random(random, 2);
		req->indirect = true;
		random_segs(req, random, ring_random(random, 256) + 1);
		req->indirect_gref[0] = ring_random(random, UINT32_MAX);
		break;
	}
}

/* Through slots and page, as front and back do it. */
static void carry(struct pvb_blk_req *to, const struct pvb_blk_req *from,
		  int abi)
{
	static uint8_t page[PVB_BLK_PAGE_BYTES];
	uint8_t slot[PVB_BLK_SLOT_MAX];
	uint32_t i, n = from->indirect ? 1 : pvb_blk_slots(abi, from->nr_segs);

	memset(slot, 0xa5, sizeof(slot));
	pvb_blk_req_encode(slot, abi, from);
	memset(to, 0xee, sizeof(*to));
	assert_int_equal(PVB_OK, pvb_blk_req_decode(to, abi, slot, 255, 256));
	for (i = 1; i < n; i++) {
		memset(slot, 0xa5, sizeof(slot));
		pvb_blk_block_encode(slot, abi, from, i);
		pvb_blk_block_decode(to, abi, i, slot);
	}
	assert_int_equal(from->indirect, pvb_blk_indirect_pages(to));
	for (i = 0; i < pvb_blk_indirect_pages(to); i++) {
		memset(page, 0xa5, sizeof(page));
		pvb_blk_segs_encode(page, from, i);
		pvb_blk_segs_decode(to, i, page);
	}
}

static void what_is_encoded_is_decoded(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	static struct pvb_blk_req req, got;
	uint64_t random = 42;
	uint32_t legal = 0;

	(void)state;
	for (int run = 0; run < RUNS; run++) {
		int abi = (int)ring_random(&random, PVB_ABI_COUNT);

		random_request(&req, &random);
		legal += pvb_blk_req_check(&req, &geo) == PVB_OK;
		carry(&got, &req, abi);
		assert_true(got.id == req.id);
		assert_true(got.sector == req.sector);
		assert_int_equal(req.op, got.op);
		assert_int_equal(req.indirect, got.indirect);
		assert_int_equal(req.secure, got.secure);
		assert_int_equal(req.handle, got.handle);
		assert_int_equal(req.nr_segs, got.nr_segs);
		assert_memory_equal(req.indirect_gref, got.indirect_gref,
				    sizeof(req.indirect_gref));
		for (uint32_t i = 0; i < req.nr_segs; i++) {
			assert_int_equal(req.seg[i].gref, got.seg[i].gref);
			assert_int_equal(req.seg[i].first, got.seg[i].first);
			assert_int_equal(req.seg[i].last, got.seg[i].last);
		}
		assert_int_equal(PVB_OK, pvb_blk_req_check(&got, &geo));
		assert_true(got.nr_sectors == req.nr_sectors);
	}
	assert_int_equal(RUNS, legal);
}

/* k slots each way, on a ring whose end they cross at every offset. */
static void segment_blocks_cross_the_end_of_the_ring(void **state)
{
	static struct pvb_blk_req req, got;
	uint64_t random = 7;

	(void)state;
	for EACH_ABI(abi)
	for (uint32_t start = 0; start < 32; start++) {
		uint8_t slot[PVB_BLK_SLOT_MAX];
		struct ring_pair p;
		uint32_t i, k;

		ring_pair_init(&p, 0, pvb_blk_slot_bytes(abi), start - 16);
		memset(&req, 0, sizeof(req));
		req.op = PVB_BLK_WRITE;
		random_segs(&req, &random, 255);
		k = pvb_blk_slots(abi, 255);
		pvb_blk_req_encode(pvb_ring_out(&p.front, 0), abi, &req);
		for (i = 1; i < k; i++)
			pvb_blk_block_encode(pvb_ring_out(&p.front, i), abi,
					     &req, i);
		pvb_ring_push(&p.front, k);
		assert_true(pvb_ring_publish(&p.front));

		assert_int_equal(k, pvb_ring_waiting(&p.back));
		pvb_ring_copy(&p.back, 0, slot);
		assert_int_equal(PVB_OK,
			pvb_blk_req_decode(&got, abi, slot, 255, 0));
		for (i = 1; i < k; i++) {
			pvb_ring_copy(&p.back, i, slot);
			pvb_blk_block_decode(&got, abi, i, slot);
		}
		pvb_ring_commit(&p.back, k);
		for (i = 0; i < 255; i++)
			assert_memory_equal(&req.seg[i], &got.seg[i], 6);
		assert_int_equal(k, pvb_ring_room(&p.back));
		assert_int_equal(32 - k, pvb_ring_room(&p.front));
		pvb_ring_push(&p.back, k);
		assert_true(pvb_ring_publish(&p.back));
		assert_int_equal(k, pvb_ring_waiting(&p.front));
		pvb_ring_commit(&p.front, k);
		assert_int_equal(32, pvb_ring_room(&p.front));
		ring_pair_fini(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_by_segments),
		cmocka_unit_test(slots_of_a_request_by_its_first),
		cmocka_unit_test(the_largest_request_fits_into_one_page),
		cmocka_unit_test(lists_take_a_page_for_each_512_segments),
		cmocka_unit_test(segment_blocks_up_to_the_agreed_number),
		cmocka_unit_test(golden_segment_block),
		cmocka_unit_test(a_segment_list_fills_its_page_with_zeroes),
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(segment_blocks_cross_the_end_of_the_ring),
	};

	return cmocka_run_group_tests_name("blkproto_trip", tests, NULL, NULL);
}
