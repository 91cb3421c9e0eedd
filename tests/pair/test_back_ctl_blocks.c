/* SPDX-License-Identifier: MIT */
/* A back's control half that offers segment blocks, and what fronts say. */
#include "back_bench.h"

static const struct pvb_blk_back_attach *attached_as(void)
{
	return &bench.half[0].attached_as.u.back_attach;
}

static void start(bool blocks)
{
	back_blocks = blocks;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
}

/* One page, and these three; "" is not written. */
static void front_wants(const char *segs, const char *requests,
                        const char *bytes)
{
	put(bench.guest, bench.front, "max-request-segments", segs);
	if (requests[0])
		put(bench.guest, bench.front, "max-requests", requests);
	if (bytes[0])
		put(bench.guest, bench.front, "max-request-size", bytes);
	front_says("3", "8", "1");
}

static void without_the_option_there_are_none(void **state)
{
	(void)state;
	start(false);
	assert_string_equal(get(bench.back, "max-request-segments"), "11");
	assert_false(is_there(bench.back, "max-requests"));
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(attached_as()->requests_max, 0);
	assert_int_equal(attached_as()->geometry.segs_direct_max, 11);
	assert_int_equal(attached_as()->geometry.segs_indirect_max, 256);
	assert_int_equal(attached_as()->geometry.data_sectors_max, 0);
}

static void a_front_that_takes_blocks_gets_them_alone(void **state)
{
	(void)state;
	start(true);
	assert_string_equal(get(bench.back, "max-request-segments"), "255");
	assert_string_equal(get(bench.back, "max-requests"), "512");
	assert_string_equal(get(bench.back, "max-request-size"), "1044480");
	assert_string_equal(get(bench.back, "feature-max-indirect-segments"),
	                    "256");
	front_wants("33", "20", "131072");
	bench_wait_state(bench.back, "4");
	assert_int_equal(attached_as()->requests_max, 20);
	assert_int_equal(attached_as()->geometry.segs_direct_max, 33);
	assert_int_equal(attached_as()->geometry.segs_indirect_max, 0);
	assert_int_equal(attached_as()->geometry.data_sectors_max, 256);
	assert_int_equal(back_status().terms.blocks.segs_max, 33);
	assert_int_equal(back_status().terms.indirect_max, 0);
}

static void a_front_that_does_not_keeps_the_others(void **state)
{
	(void)state;
	start(true);
	front_wants("11", "32", "40960");
	bench_wait_state(bench.back, "4");
	assert_int_equal(attached_as()->requests_max, 0);
	assert_int_equal(attached_as()->geometry.segs_direct_max, 11);
	assert_int_equal(attached_as()->geometry.segs_indirect_max, 256);
}

static void what_was_not_offered_is_refused_in_words(void **state)
{
	(void)state;
	start(false);
	front_wants("255", "", "");
	TURN_UNTIL(back_error()[0]);
	assert_int_equal(back_status().why, PVB_WHY_KEY_LIMIT);
	assert_non_null(strstr(back_error(), "max-request-segments"));
	assert_int_equal(bench.half[0].attach, 0);
}

static void a_parted_request_is_told_in_words(void **state)
{
	(void)state;
	start(true);
	front_wants("255", "", "");
	bench_wait_state(bench.back, "4");
	half_say_failed(&bench.half[0], PVB_WHY_RING_BLOCKS,
	                pvb_why_text(PVB_WHY_RING_BLOCKS));
	TURN_UNTIL(back_error()[0]);
	assert_int_equal(back_status().why, PVB_WHY_RING_BLOCKS);
	assert_non_null(strstr(back_error(), "segment blocks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(without_the_option_there_are_none),
		BACK_TEST(a_front_that_takes_blocks_gets_them_alone),
		BACK_TEST(a_front_that_does_not_keeps_the_others),
		BACK_TEST(what_was_not_offered_is_refused_in_words),
		BACK_TEST(a_parted_request_is_told_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
