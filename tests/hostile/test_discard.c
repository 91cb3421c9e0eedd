/* SPDX-License-Identifier: MIT */
/*
 * Discards of any front, and what of them reaches a disk that discards in
 * granules of its own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "liar_front.h"

enum {
	KIB = 1024, DISK = 32 << 20, GRANULE = 64 * KIB, ALIGNMENT = 4 * KIB,
};

static struct liar_front *begin(uint32_t granule, uint32_t alignment)
{
	struct liar_front *l = calloc(1, sizeof(*l));

	held_reset();
	held_info()->discard_granularity_bytes = granule;
	held_info()->discard_alignment_bytes = alignment;
	held_info()->discard_secure = true;
	liar_front_init(l, &(struct pair_options){
		.uri = "held:32M", .disks = disk_held_list }, PVB_ABI_X86_32);
	return l;
}

static void end(struct liar_front *l)
{
	liar_front_fini(l);
	held_reset();
	free(l);
}

static struct pvb_blk_req discard(uint64_t offset, uint64_t length)
{
	return (struct pvb_blk_req){
		.id = 9, .op = PVB_BLK_DISCARD, .sector = offset / 512,
		.nr_sectors = length / 512,
	};
}

/* These bytes of it are discarded. */
static void expect_done(struct liar_front *l, struct pvb_blk_req r,
                        uint64_t offset, uint64_t length)
{
	liar_send(l, &r);
	while (held_count() == 0)
		pair_turn(&l->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_DISCARD);
	assert_int_equal(held_at(0)->flags, r.secure ? PVB_IO_SECURE : 0);
	assert_int_equal(held_at(0)->offset_bytes, offset);
	assert_int_equal(held_at(0)->length_bytes, length);
	held_answer(0, 0);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
}

static void expect_nothing_done(struct liar_front *l, struct pvb_blk_req r)
{
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	assert_int_equal(held_count(), 0);
}

static void whole_granules_are_left_as_they_are(void **state)
{
	struct liar_front *l = begin(GRANULE, ALIGNMENT);
	uint64_t at = ALIGNMENT + 3 * GRANULE;

	(void)state;
	expect_done(l, discard(at, GRANULE), at, GRANULE);
	expect_done(l, discard(at, 5 * GRANULE), at, 5 * GRANULE);
	end(l);
}

static void parts_of_a_granule_stay(void **state)
{
	struct liar_front *l = begin(GRANULE, ALIGNMENT);
	uint64_t at = ALIGNMENT + GRANULE;

	(void)state;
	expect_done(l, discard(at - 512, GRANULE + 1024), at, GRANULE);
	expect_done(l, discard(at + 512, 2 * GRANULE), at + GRANULE, GRANULE);
	/* Before the first one begins there is none. */
	expect_done(l, discard(0, 2 * GRANULE), ALIGNMENT, GRANULE);
	end(l);
}

static void less_than_a_granule_is_done_at_once(void **state)
{
	struct liar_front *l = begin(GRANULE, ALIGNMENT);
	uint64_t at = ALIGNMENT + GRANULE;

	(void)state;
	expect_nothing_done(l, discard(at, GRANULE - 512));
	expect_nothing_done(l, discard(at + 512, 2 * GRANULE - 1024));
	expect_nothing_done(l, discard(0, ALIGNMENT));
	expect_nothing_done(l, discard(at, 0));
	end(l);
}

static void all_of_the_disk(void **state)
{
	struct liar_front *l = begin(GRANULE, ALIGNMENT);

	(void)state;
	/* Its last granule is not whole. */
	expect_done(l, discard(0, DISK), ALIGNMENT, DISK - GRANULE);
	end(l);
	l = begin(512, 0);
	expect_done(l, discard(0, DISK), 0, DISK);
	end(l);
}

static void nothing_where_the_disk_ends(void **state)
{
	struct liar_front *l = begin(512, 0);
	struct pvb_blk_req r = discard(DISK + 512, 0);

	(void)state;
	expect_nothing_done(l, discard(DISK, 0));
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	r = discard(DISK - 512, 1024);
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	end(l);
}

/* What would be left out of it would not be gone. */
static void a_secure_one_is_for_the_disk_to_judge(void **state)
{
	struct liar_front *l = begin(GRANULE, ALIGNMENT);
	struct pvb_blk_req r = discard(512, 1024);

	(void)state;
	r.secure = true;
	expect_done(l, r, 512, 1024);
	end(l);
}

static void granules_that_cannot_be_are_not_heeded(void **state)
{
	static const uint32_t odd[][2] = {
		{ 0, 0 }, { 1000, 0 }, { 4096, 100 }, { 0, 4096 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct liar_front *l = begin(odd[i][0], odd[i][1]);

		expect_done(l, discard(512, 1024), 512, 1024);
		end(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_granules_are_left_as_they_are),
		cmocka_unit_test(parts_of_a_granule_stay),
		cmocka_unit_test(less_than_a_granule_is_done_at_once),
		cmocka_unit_test(all_of_the_disk),
		cmocka_unit_test(nothing_where_the_disk_ends),
		cmocka_unit_test(a_secure_one_is_for_the_disk_to_judge),
		cmocka_unit_test(granules_that_cannot_be_are_not_heeded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
