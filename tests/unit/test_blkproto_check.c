/* SPDX-License-Identifier: MIT */
/*
 * test_blkproto_check.c - is a decoded request legal for this disk?  Each
 * reason at its exact edge, and which one is named when several apply.
 */
#include "blk_bytes.h"

/* A request of n whole pages at `sector`. */
static struct pvb_blk_req request(uint8_t op, uint16_t n, uint64_t sector)
{
	struct pvb_blk_req req;

	memset(&req, 0, sizeof(req));
	req.op = op;
	req.nr_segs = n;
	req.sector = sector;
	for (uint16_t i = 0; i < n; i++)
		req.seg[i].last = 7;
	return req;
}

static struct pvb_blk_req discard(uint64_t sector, uint64_t nr_sectors)
{
	struct pvb_blk_req req = request(PVB_BLK_DISCARD, 0, sector);

	req.nr_sectors = nr_sectors;
	return req;
}

static enum pvb_why check(struct pvb_blk_req req,
			  const struct pvb_blk_geometry *geo)
{
	return pvb_blk_req_check(&req, geo);
}

static void data_requests_get_their_length(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	struct pvb_blk_req req = request(PVB_BLK_READ, 3, 8);

	(void)state;
	req.seg[0].first = 5;
	req.seg[1].first = req.seg[1].last = 0;
	assert_int_equal(PVB_OK, pvb_blk_req_check(&req, &geo));
	assert_int_equal(3 + 1 + 8, req.nr_sectors);
	req = request(PVB_BLK_WRITE, 256, 0);
	assert_int_equal(PVB_OK, pvb_blk_req_check(&req, &geo));
	assert_int_equal(2048, req.nr_sectors);
}

/* Every pair of bytes that a segment can hold. */
static void a_segment_stays_in_its_page_and_in_order(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();

	(void)state;
	for (uint32_t first = 0; first <= 255; first++)
	for (uint32_t last = 0; last <= 255; last++) {
		struct pvb_blk_req req = request(PVB_BLK_WRITE, 1, 0);
		enum pvb_why want = last > 7 ? PVB_WHY_SEG_PAGE :
			first > last ? PVB_WHY_SEG_ORDER : PVB_OK;

		req.seg[0].first = (uint8_t)first;
		req.seg[0].last = (uint8_t)last;
		assert_int_equal(want, pvb_blk_req_check(&req, &geo));
		if (want == PVB_OK)
			assert_int_equal(last - first + 1, req.nr_sectors);
	}
}

static void the_last_segment_counts_as_the_first(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	static const uint16_t counts[] = { 1, 2, 11, 12, 255, 256 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct pvb_blk_req req = request(PVB_BLK_READ, counts[i], 0);

		req.seg[counts[i] - 1].last = 8;
		assert_int_equal(PVB_WHY_SEG_PAGE, check(req, &geo));
		req.seg[counts[i] - 1].last = 2;
		req.seg[counts[i] - 1].first = 3;
		assert_int_equal(PVB_WHY_SEG_ORDER, check(req, &geo));
	}
}

static void data_ends_where_the_disk_ends(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	static const uint8_t ops[] = { PVB_BLK_READ, PVB_BLK_WRITE,
				       PVB_BLK_BARRIER };

	(void)state;
	geo.sectors = 1000;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		uint8_t op = ops[i];

		assert_int_equal(PVB_OK, check(request(op, 1, 992), &geo));
		assert_int_equal(PVB_WHY_RANGE,
				 check(request(op, 1, 993), &geo));
		assert_int_equal(PVB_WHY_RANGE,
				 check(request(op, 1, 1000), &geo));
		assert_int_equal(PVB_WHY_RANGE,
				 check(request(op, 2, 992), &geo));
		assert_int_equal(PVB_WHY_RANGE,
				 check(request(op, 1, UINT64_MAX), &geo));
		assert_int_equal(PVB_WHY_RANGE,
				 check(request(op, 1, UINT64_MAX - 7), &geo));
		assert_int_equal(PVB_WHY_RANGE,
			check(request(op, 1, UINT64_C(1) << 63), &geo));
	}
	geo.sectors = UINT64_MAX;
	assert_int_equal(PVB_OK,
		check(request(PVB_BLK_READ, 1, UINT64_MAX - 8), &geo));
	assert_int_equal(PVB_WHY_RANGE,
		check(request(PVB_BLK_READ, 1, UINT64_MAX - 7), &geo));
}

static void no_more_data_than_was_agreed(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	static const uint8_t ops[] = { PVB_BLK_READ, PVB_BLK_WRITE,
				       PVB_BLK_BARRIER };

	(void)state;
	geo.data_sectors_max = 100 * 8;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct pvb_blk_req req = request(ops[i], 101, 0);

		assert_int_equal(PVB_OK, check(request(ops[i], 100, 0), &geo));
		assert_int_equal(PVB_WHY_REQUEST_SIZE, check(req, &geo));
		/* It is data that counts, not segments. */
		req.seg[0].last = 3;
		req.seg[50].first = 4;
		assert_int_equal(PVB_OK, check(req, &geo));
		req.seg[50].first = 3;
		assert_int_equal(PVB_WHY_REQUEST_SIZE, check(req, &geo));
	}
	assert_int_equal(PVB_OK, check(discard(0, 100 * 8 + 1), &geo));
}

static void without_a_medium_nothing_is_done(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();

	(void)state;
	geo.sectors = 0;
	assert_int_equal(PVB_WHY_NO_MEDIUM,
			 check(request(PVB_BLK_READ, 1, 0), &geo));
	assert_int_equal(PVB_WHY_NO_MEDIUM,
			 check(request(PVB_BLK_WRITE, 1, 0), &geo));
	assert_int_equal(PVB_WHY_NO_MEDIUM,
			 check(request(PVB_BLK_FLUSH, 0, 0), &geo));
	assert_int_equal(PVB_WHY_NO_MEDIUM,
			 check(request(PVB_BLK_BARRIER, 0, 0), &geo));
	assert_int_equal(PVB_WHY_NO_MEDIUM, check(discard(0, 0), &geo));
	assert_int_equal(PVB_BLK_ERROR,
			 pvb_blk_why_status(PVB_WHY_NO_MEDIUM));
	/* What the drive does not do with any is named first. */
	geo.read_only = true;
	geo.flush = false;
	assert_int_equal(PVB_WHY_READ_ONLY,
			 check(request(PVB_BLK_WRITE, 1, 0), &geo));
	assert_int_equal(PVB_WHY_OP_NOT_OFFERED,
			 check(request(PVB_BLK_FLUSH, 0, 0), &geo));
}

static void discards_end_where_the_disk_ends(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();

	(void)state;
	geo.sectors = 1000;
	assert_int_equal(PVB_OK, check(discard(0, 1000), &geo));
	assert_int_equal(PVB_OK, check(discard(999, 1), &geo));
	assert_int_equal(PVB_OK, check(discard(1000, 0), &geo));
	assert_int_equal(PVB_WHY_RANGE, check(discard(1001, 0), &geo));
	assert_int_equal(PVB_WHY_RANGE, check(discard(0, 1001), &geo));
	assert_int_equal(PVB_WHY_RANGE, check(discard(999, 2), &geo));
	assert_int_equal(PVB_WHY_RANGE, check(discard(1, UINT64_MAX), &geo));
	assert_int_equal(PVB_WHY_RANGE,
			 check(discard(UINT64_MAX, UINT64_MAX), &geo));
}

static void discard_keeps_its_length(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	struct pvb_blk_req req = discard(8, 800);

	(void)state;
	assert_int_equal(PVB_OK, pvb_blk_req_check(&req, &geo));
	assert_int_equal(800, req.nr_sectors);
}

static void where_a_flush_points_is_of_no_meaning(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	struct pvb_blk_req req = request(PVB_BLK_FLUSH, 0, UINT64_MAX);

	(void)state;
	assert_int_equal(PVB_OK, pvb_blk_req_check(&req, &geo));
	assert_int_equal(0, req.nr_sectors);
	req = request(PVB_BLK_BARRIER, 0, UINT64_MAX);
	assert_int_equal(PVB_OK, pvb_blk_req_check(&req, &geo));
	assert_int_equal(0, req.nr_sectors);
}

static void big_sectors_want_alignment_everywhere(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	struct pvb_blk_req req = request(PVB_BLK_WRITE, 2, 16);

	(void)state;
	geo.sector_size_bytes = 4096;
	assert_int_equal(PVB_OK, check(req, &geo));
	for (uint64_t off = 1; off < 8; off++) {
		assert_int_equal(PVB_WHY_SECTOR_ALIGN,
			check(request(PVB_BLK_READ, 1, 16 + off), &geo));
		assert_int_equal(PVB_WHY_SECTOR_ALIGN,
				 check(discard(off, 8), &geo));
		assert_int_equal(PVB_WHY_SECTOR_ALIGN,
				 check(discard(8, off), &geo));
		req.seg[1].first = (uint8_t)off;
		req.seg[1].last = 7;
		assert_int_equal(PVB_WHY_SECTOR_ALIGN, check(req, &geo));
		req.seg[1].first = 0;
		req.seg[1].last = (uint8_t)(off - 1);
		assert_int_equal(PVB_WHY_SECTOR_ALIGN, check(req, &geo));
	}
	/* Two halves do not make a whole. */
	req.seg[0].last = 3;
	req.seg[1].first = 4;
	req.seg[1].last = 7;
	assert_int_equal(PVB_WHY_SECTOR_ALIGN, check(req, &geo));
	assert_int_equal(PVB_OK, check(discard(8, 16), &geo));
}

static void a_read_only_disk_is_not_changed(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	struct pvb_blk_req req = request(PVB_BLK_WRITE, 20, 0);

	(void)state;
	geo.read_only = true;
	assert_int_equal(PVB_OK, check(request(PVB_BLK_READ, 1, 0), &geo));
	assert_int_equal(PVB_OK, check(request(PVB_BLK_FLUSH, 0, 0), &geo));
	assert_int_equal(PVB_OK, check(request(PVB_BLK_BARRIER, 0, 0), &geo));
	assert_int_equal(PVB_WHY_READ_ONLY,
			 check(request(PVB_BLK_WRITE, 1, 0), &geo));
	assert_int_equal(PVB_WHY_READ_ONLY,
			 check(request(PVB_BLK_BARRIER, 1, 0), &geo));
	assert_int_equal(PVB_WHY_READ_ONLY, check(discard(0, 8), &geo));
	req.indirect = true;
	assert_int_equal(PVB_WHY_READ_ONLY, check(req, &geo));
	/* Also where they were never offered: the answer is an error. */
	geo.barrier = geo.discard = false;
	assert_int_equal(PVB_WHY_READ_ONLY,
			 check(request(PVB_BLK_BARRIER, 1, 0), &geo));
	assert_int_equal(PVB_WHY_READ_ONLY, check(discard(0, 8), &geo));
}

static void what_was_not_offered_is_refused(void **state)
{
	struct pvb_blk_geometry geo = blk_geometry();
	struct pvb_blk_req secure = discard(0, 8);

	(void)state;
	secure.secure = true;
	assert_int_equal(PVB_OK, check(secure, &geo));
	geo.discard_secure = false;
	assert_int_equal(PVB_WHY_DISCARD_FLAG, check(secure, &geo));
	assert_int_equal(PVB_OK, check(discard(0, 8), &geo));
	geo.flush = geo.barrier = geo.discard = false;
	assert_int_equal(PVB_WHY_OP_NOT_OFFERED, check(secure, &geo));
	assert_int_equal(PVB_WHY_OP_NOT_OFFERED,
			 check(request(PVB_BLK_FLUSH, 0, 0), &geo));
	assert_int_equal(PVB_WHY_OP_NOT_OFFERED,
			 check(request(PVB_BLK_BARRIER, 0, 0), &geo));
	assert_int_equal(PVB_WHY_OP_NOT_OFFERED,
			 check(request(PVB_BLK_BARRIER, 2, 0), &geo));
	assert_int_equal(PVB_WHY_OP_NOT_OFFERED, check(discard(0, 8), &geo));
	assert_int_equal(PVB_OK, check(request(PVB_BLK_READ, 1, 0), &geo));
	assert_int_equal(PVB_OK, check(request(PVB_BLK_WRITE, 1, 0), &geo));
}

static void every_reason_has_its_own_name(void **state)
{
	(void)state;
	for (int a = 0; a < PVB_WHY_COUNT; a++) {
		const char *name = pvb_why_name(a), *text = pvb_why_text(a);

		assert_true(strlen(name) > 0 && strlen(name) < 24);
		assert_true(strlen(text) > 0 && strlen(text) < 80);
		assert_int_equal(strlen(name),
			strspn(name, "abcdefghijklmnopqrstuvwxyz-"));
		for (int b = 0; b < a; b++) {
			assert_string_not_equal(name, pvb_why_name(b));
			assert_string_not_equal(text, pvb_why_text(b));
		}
	}
	assert_string_equal("seg-order", pvb_why_name(PVB_WHY_SEG_ORDER));
	assert_string_equal("?", pvb_why_name(PVB_WHY_COUNT));
	assert_string_equal("?", pvb_why_name((enum pvb_why)-1));
	assert_string_equal("?", pvb_why_text(PVB_WHY_COUNT));
}

static void every_reason_concerns_one_thing(void **state)
{
	(void)state;
	assert_int_equal(pvb_why_scope(PVB_WHY_OP_UNKNOWN),
			 PVB_WHY_OF_REQUEST);
	assert_int_equal(pvb_why_scope(PVB_WHY_GRANT), PVB_WHY_OF_REQUEST);
	assert_int_equal(pvb_why_scope(PVB_WHY_RING_INDEX), PVB_WHY_OF_RING);
	assert_int_equal(pvb_why_scope(PVB_WHY_RSP_OP), PVB_WHY_OF_RING);
	assert_int_equal(pvb_why_scope(PVB_WHY_KEY_MISSING),
			 PVB_WHY_OF_CONNECTION);
	assert_int_equal(pvb_why_scope(PVB_WHY_TIMEOUT),
			 PVB_WHY_OF_CONNECTION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_requests_get_their_length),
		cmocka_unit_test(a_segment_stays_in_its_page_and_in_order),
		cmocka_unit_test(the_last_segment_counts_as_the_first),
		cmocka_unit_test(data_ends_where_the_disk_ends),
		cmocka_unit_test(without_a_medium_nothing_is_done),
		cmocka_unit_test(no_more_data_than_was_agreed),
		cmocka_unit_test(discards_end_where_the_disk_ends),
		cmocka_unit_test(discard_keeps_its_length),
		cmocka_unit_test(where_a_flush_points_is_of_no_meaning),
		cmocka_unit_test(big_sectors_want_alignment_everywhere),
		cmocka_unit_test(a_read_only_disk_is_not_changed),
		cmocka_unit_test(what_was_not_offered_is_refused),
		cmocka_unit_test(every_reason_has_its_own_name),
		cmocka_unit_test(every_reason_concerns_one_thing),
	};

	return cmocka_run_group_tests_name("blkproto_check", tests, NULL, NULL);
}
