/* SPDX-License-Identifier: MIT */
/*
 * test_blkproto_units.c - requests of peers that count in sectors of their
 * own, to sectors of 512 bytes and back.
 */
#include "blk_bytes.h"

/* Of a disk of 1 MiB. */
static struct pvb_blk_geometry geometry(enum pvb_blk_units units,
					uint32_t sector_size_bytes)
{
	struct pvb_blk_geometry geo = blk_geometry();

	geo.units = units;
	geo.sector_size_bytes = sector_size_bytes;
	geo.sectors = 2048;
	return geo;
}

static struct pvb_blk_req data(uint64_t sector, uint8_t first, uint8_t last)
{
	struct pvb_blk_req req = {
		.op = PVB_BLK_READ, .sector = sector, .nr_segs = 2,
	};

	req.seg[0] = req.seg[1] = (struct pvb_seg){ 9, first, last };
	return req;
}

static void assert_data(const struct pvb_blk_req *req, uint64_t sector,
			uint32_t first, uint32_t last)
{
	assert_true(req->sector == sector);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(first, req->seg[i].first);
		assert_int_equal(last, req->seg[i].last);
	}
}

static void each_has_its_name(void **state)
{
	static const char *const names[] = {
		"spec", "all", "freebsd", "mini-os",
	};

	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++)
		assert_string_equal(names[u], pvb_blk_units_name(u));
	assert_string_equal("?", pvb_blk_units_name(PVB_BLK_UNITS_COUNT));
	assert_string_equal("?", pvb_blk_units_name(-1));
}

/* The table of docs/protocol.md: the third disk sector, its one page. */
static void each_counts_in_its_own_way(void **state)
{
	static const struct { uint64_t sector; uint8_t last; uint32_t node; }
	wire[PVB_BLK_UNITS_COUNT] = {
		[PVB_BLK_UNITS_SPEC]    = { 24, 7, 1 },
		[PVB_BLK_UNITS_ALL]     = { 3, 0, 8 },
		[PVB_BLK_UNITS_FREEBSD] = { 3, 7, 8 },
		[PVB_BLK_UNITS_MINI_OS] = { 24, 7, 8 },
	};

	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct pvb_blk_geometry geo = geometry(u, 4096);
		struct pvb_blk_req req = data(wire[u].sector, 0, wire[u].last);

		pvb_blk_req_from_wire(&req, &geo);
		assert_data(&req, 24, 0, 7);
		pvb_blk_req_to_wire(&req, &geo);
		assert_data(&req, wire[u].sector, 0, wire[u].last);
		assert_int_equal(wire[u].node, pvb_blk_units_node(u, 4096));
	}
}

static void a_discard_counts_as_the_ring_does(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		bool own = u == PVB_BLK_UNITS_ALL ||
			   u == PVB_BLK_UNITS_FREEBSD;
		struct pvb_blk_geometry geo = geometry(u, 4096);
		struct pvb_blk_req req = {
			.op = PVB_BLK_DISCARD, .sector = own ? 2 : 16,
			.nr_sectors = own ? 5 : 40,
		};

		pvb_blk_req_from_wire(&req, &geo);
		assert_true(req.sector == 16 && req.nr_sectors == 40);
		assert_int_equal(PVB_OK, pvb_blk_req_check(&req, &geo));
		pvb_blk_req_to_wire(&req, &geo);
		assert_true(req.sector == (own ? 2 : 16));
		assert_true(req.nr_sectors == (own ? 5 : 40));
	}
}

static void with_512_bytes_all_is_one(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct pvb_blk_geometry geo = geometry(u, 512);
		struct pvb_blk_req req = data(UINT64_MAX - 3, 3, 255);

		pvb_blk_req_from_wire(&req, &geo);
		assert_data(&req, UINT64_MAX - 3, 3, 255);
		pvb_blk_req_to_wire(&req, &geo);
		assert_data(&req, UINT64_MAX - 3, 3, 255);
		assert_int_equal(1, pvb_blk_units_node(u, 512));
	}
}

/* Nothing wraps around into what is legal. */
static void what_is_too_much_stays_too_much(void **state)
{
	static const uint64_t much[] = {
		256, UINT64_C(1) << 61, (UINT64_C(1) << 61) + 1,
		UINT64_C(1) << 63, UINT64_MAX - 7, UINT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(much); i++) {
		struct pvb_blk_geometry geo = geometry(PVB_BLK_UNITS_ALL, 4096);
		struct pvb_blk_req req = data(much[i], 0, 0);

		pvb_blk_req_from_wire(&req, &geo);
		assert_int_equal(PVB_WHY_RANGE, pvb_blk_req_check(&req, &geo));
		req = (struct pvb_blk_req){
			.op = PVB_BLK_DISCARD, .nr_sectors = much[i] + 1,
			.sector = 1,
		};
		if (much[i] == UINT64_MAX)
			req.nr_sectors = much[i];
		pvb_blk_req_from_wire(&req, &geo);
		assert_int_equal(PVB_WHY_RANGE, pvb_blk_req_check(&req, &geo));
	}
}

/* The reason is that of the numbers on the wire. */
static void segments_are_refused_for_what_was_wrong(void **state)
{
	struct pvb_blk_geometry geo = geometry(PVB_BLK_UNITS_ALL, 4096);

	(void)state;
	for (uint32_t first = 0; first <= 255; first++)
	for (uint32_t last = 0; last <= 255; last++) {
		struct pvb_blk_req req = data(0, (uint8_t)first,
					      (uint8_t)last);
		enum pvb_why why = last > 0 ? PVB_WHY_SEG_PAGE
				 : first > 0 ? PVB_WHY_SEG_ORDER : PVB_OK;

		pvb_blk_req_from_wire(&req, &geo);
		assert_int_equal(why, pvb_blk_req_check(&req, &geo));
	}
}

/* Where segments count 512 bytes they must still be whole sectors. */
static void halves_of_sectors_are_refused(void **state)
{
	struct pvb_blk_geometry geo = geometry(PVB_BLK_UNITS_FREEBSD, 4096);
	struct pvb_blk_req req = data(3, 0, 3);

	(void)state;
	pvb_blk_req_from_wire(&req, &geo);
	assert_int_equal(PVB_WHY_SECTOR_ALIGN, pvb_blk_req_check(&req, &geo));
}

static void there_and_back_is_the_same(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++)
	for (uint32_t size = 512; size <= 4096; size *= 2) {
		struct pvb_blk_geometry geo = geometry(u, size);
		uint32_t by = size / 512;

		for (uint64_t sector = 0; sector < 2048; sector += 5 * by)
		for (uint32_t from = 0; from < 8; from += by)
		for (uint32_t to = from + by; to <= 8; to += by) {
			struct pvb_blk_req req = data(sector, (uint8_t)from,
						      (uint8_t)(to - 1));

			pvb_blk_req_to_wire(&req, &geo);
			pvb_blk_req_from_wire(&req, &geo);
			assert_data(&req, sector, from, to - 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_name),
		cmocka_unit_test(each_counts_in_its_own_way),
		cmocka_unit_test(a_discard_counts_as_the_ring_does),
		cmocka_unit_test(with_512_bytes_all_is_one),
		cmocka_unit_test(what_is_too_much_stays_too_much),
		cmocka_unit_test(segments_are_refused_for_what_was_wrong),
		cmocka_unit_test(halves_of_sectors_are_refused),
		cmocka_unit_test(there_and_back_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
