/* SPDX-License-Identifier: MIT */
/*
 * Honest peers that count sectors of 4096 bytes in their own ways: what they
 * say on the ring, and what it comes to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "liar_back.h"
#include "liar_front.h"

enum { SECTOR = 4096 };

/* Sector 3 of the disk and all of a page, as the peer says it. */
static const struct { uint64_t sector; uint8_t last; }
says[PVB_BLK_UNITS_COUNT] = {
	[PVB_BLK_UNITS_SPEC] = { 24, 7 }, [PVB_BLK_UNITS_ALL] = { 3, 0 },
	[PVB_BLK_UNITS_FREEBSD] = { 3, 7 }, [PVB_BLK_UNITS_MINI_OS] = { 24, 7 },
};

/* ---- fronts -------------------------------------------------------------- */

static struct liar_front *begin_front(int units)
{
	struct liar_front *l = calloc(1, sizeof(*l));

	held_reset();
	held_info()->sector_size_bytes = SECTOR;
	held_info()->physical_size_bytes = SECTOR;
	held_info()->discard_granularity_bytes = SECTOR;
	liar_front_init(l, &(struct pair_options){
		.uri = "held:32M", .disks = disk_held_list, .units = units,
	}, PVB_ABI_X86_64);
	return l;
}

static void end_front(struct liar_front *l)
{
	liar_front_fini(l);
	held_reset();
	free(l);
}

static void expect_io(struct liar_front *l, const struct pvb_blk_req *r,
                      enum pvb_io_op op, uint64_t offset, uint64_t length)
{
	liar_send(l, r);
	pair_settle(&l->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, op);
	assert_int_equal(held_at(0)->offset_bytes, offset);
	assert_int_equal(held_at(0)->length_bytes, length);
	held_answer(0, 0);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
}

static struct pvb_blk_req read_of(const struct liar_front *l, int units)
{
	struct pvb_blk_req r = liar_read(l);

	r.sector = says[units].sector;
	r.nr_segs = 2;
	r.seg[0] = (struct pvb_seg){ l->gref[0], 0, says[units].last };
	r.seg[1] = (struct pvb_seg){ l->gref[2], 0, says[units].last };
	return r;
}

static void data_goes_where_the_front_means(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct liar_front *l = begin_front(u);
		struct pvb_blk_req r = read_of(l, u);

		expect_io(l, &r, PVB_IO_READ, 3 * SECTOR, 2 * SECTOR);
		r.op = PVB_BLK_WRITE;
		expect_io(l, &r, PVB_IO_WRITE, 3 * SECTOR, 2 * SECTOR);
		end_front(l);
	}
}

static void so_does_what_is_in_a_list(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct liar_front *l = begin_front(u);
		struct pvb_blk_req r = read_of(l, u);

		r.indirect = true;
		r.nr_segs = 12;
		for (int i = 0; i < 12; i++)
			r.seg[i] = (struct pvb_seg){ l->gref[2 + i], 0,
			                             says[u].last };
		r.indirect_gref[0] = l->gref[1];
		liar_write_list(l, 1, &r);
		expect_io(l, &r, PVB_IO_READ, 3 * SECTOR, 12 * SECTOR);
		end_front(l);
	}
}

static void a_discard_is_of_what_the_front_means(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct liar_front *l = begin_front(u);
		uint32_t by = says[u].sector == 3 ? 1 : 8;
		struct pvb_blk_req r = {
			.id = 1, .op = PVB_BLK_DISCARD,
			.sector = says[u].sector, .nr_sectors = 5 * by,
		};

		expect_io(l, &r, PVB_IO_DISCARD, 3 * SECTOR, 5 * SECTOR);
		end_front(l);
	}
}

static void its_end_is_the_disk_s(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct liar_front *l = begin_front(u);
		uint64_t by = says[u].sector == 3 ? 1 : 8;
		struct pvb_blk_req r = read_of(l, u);

		r.sector = (32 << 20) / SECTOR * by - 2 * by;
		expect_io(l, &r, PVB_IO_READ, (32 << 20) - 2 * SECTOR,
		          2 * SECTOR);
		r.sector += by;
		liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
		/* 2^64 bytes further on is the same place, and is not. */
		r.sector = (UINT64_C(1) << 61) + says[u].sector;
		liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
		end_front(l);
	}
}

static void a_segment_beyond_its_page_is_refused(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct liar_front *l = begin_front(u);
		struct pvb_blk_req r = read_of(l, u);

		r.seg[1].last++;
		liar_expect(l, &r, PVB_WHY_SEG_PAGE, PVB_BLK_ERROR);
		r.seg[1].last = 255;
		liar_expect(l, &r, PVB_WHY_SEG_PAGE, PVB_BLK_ERROR);
		end_front(l);
	}
}

/* ---- backs --------------------------------------------------------------- */

static void our_front_speaks_as_the_back_does(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct liar_back *l = calloc(1, sizeof(*l));
		uint64_t by = says[u].sector == 3 ? 1 : 8;
		struct pvb_blk_req r;
		struct req data, discard;

		liar_back_init(l, &(struct pair_options){
			.uri = "mem:32M?sector-size=4096", .units = u });
		liar_submit(l, &data, PVB_IO_WRITE, 3 * SECTOR, 2 * SECTOR);
		r = liar_take(l);
		assert_true(r.sector == says[u].sector);
		assert_int_equal(r.nr_segs, 2);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(r.seg[i].first, 0);
			assert_int_equal(r.seg[i].last, says[u].last);
		}
		liar_answer_as(l, r.id, r.op, PVB_BLK_OKAY);
		req_wait(&data);
		assert_int_equal(data.result, 0);
		liar_submit(l, &discard, PVB_IO_DISCARD, 3 * SECTOR,
		            5 * SECTOR);
		r = liar_take(l);
		assert_true(r.sector == says[u].sector);
		assert_true(r.nr_sectors == 5 * by);
		liar_answer_as(l, r.id, r.op, PVB_BLK_OKAY);
		req_wait(&discard);
		req_fini(&data);
		req_fini(&discard);
		liar_back_fini(l);
		free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_goes_where_the_front_means),
		cmocka_unit_test(so_does_what_is_in_a_list),
		cmocka_unit_test(a_discard_is_of_what_the_front_means),
		cmocka_unit_test(its_end_is_the_disk_s),
		cmocka_unit_test(a_segment_beyond_its_page_is_refused),
		cmocka_unit_test(our_front_speaks_as_the_back_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
