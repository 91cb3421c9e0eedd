/* SPDX-License-Identifier: MIT */
/*
 * A front's control half and the states that backs in the field go through:
 * those that skip some, sizes that change, words of another protocol, and news
 * that comes late, twice or merged.
 */
#include "front_bench.h"

static struct half *const h0 = &bench.half[0];

/* ---- the way up ---------------------------------------------------------- */

/* FreeBSD's front takes it so, too. */
static void initialised_is_an_offer(void **state)
{
	(void)state;
	start();
	put_all(bench.tools, bench.back, "max-ring-page-order", "1", "state",
	        "3", NULL);
	bench_wait_state(bench.front, "3");
	assert_int_equal(h0->attached_as.u.front_attach.ring_order, 1);
	back_connects("2048");
	bench_wait_state(bench.front, "4");
}

/* NetBSD's back is Connected before it has seen a ring, and says no other
   state when it has. */
static void connected_all_the_time(void **state)
{
	(void)state;
	start();
	back_connects("2048");
	bench_wait_state(bench.front, "4");
	TURN_UNTIL(h0->go == 1);
	bench_settle();
	assert_int_equal(h0->attach, 1);
	assert_int_equal(h0->last.u.geometry.sectors, 2048);
	assert_true(status_now().live);
}

static void an_offer_and_connected_in_one_look(void **state)
{
	(void)state;
	start();
	back_offers();
	back_connects("2048");
	bench_wait_state(bench.front, "4");
	assert_int_equal(h0->attached_as.u.front_attach.ring_order, 1);
}

static void what_the_back_says_again_is_nothing_new(void **state)
{
	(void)state;
	start();
	back_offers();
	bench_wait_state(bench.front, "3");
	back_offers();
	back_state("2");
	bench_settle();
	assert_int_equal(h0->attach, 1);
	back_connects("2048");
	bench_wait_state(bench.front, "4");
	back_connects("2048");
	back_state("4");
	bench_settle();
	assert_int_equal(h0->attach, 1);
	assert_int_equal(h0->go, 1);
	assert_int_equal(h0->resized, 0);
	assert_int_equal(h0->drain, 0);
}

/* ---- words of another protocol ------------------------------------------- */

static void any_state_may_be_written(void **state)
{
	static const char *const values[] = {
		"", "0", "7", "8", "9", "10", "-1", "+3", " 3", "3 ", "0x3",
		"three", "4294967299", "99999999999999999999999", "3\n",
	};

	(void)state;
	connect_all();
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		back_state(values[i]);
		bench_settle();
	}
	assert_string_equal(get(bench.front, "state"), "4");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(h0->drain, 0);
	assert_true(status_now().live);
	back_connects("4096");
	TURN_UNTIL(h0->resized == 1);
}

static void reconfiguring_on_the_way_up_is_waited_out(void **state)
{
	(void)state;
	start();
	back_state("7");
	bench_settle();
	assert_int_equal(h0->attach, 0);
	back_offers();
	bench_wait_state(bench.front, "3");
	back_state("8");
	bench_settle();
	assert_string_equal(get(bench.front, "state"), "3");
	back_connects("2048");
	bench_wait_state(bench.front, "4");
}

/* ---- sizes --------------------------------------------------------------- */

/* The drive's medium goes, and another comes. */
static void a_drive_gets_empty_and_full(void **state)
{
	(void)state;
	connect_all();
	back_connects("0");
	TURN_UNTIL(h0->resized == 1);
	assert_int_equal(h0->last.u.geometry.sectors, 0);
	assert_int_equal(status_now().geometry.sectors, 0);
	back_connects("1440");
	TURN_UNTIL(h0->resized == 2);
	assert_int_equal(h0->last.u.geometry.sectors, 1440);
	assert_true(status_now().live);
	assert_int_equal(h0->drain, 0);
}

static void an_empty_drive_is_connected_to(void **state)
{
	(void)state;
	start();
	back_offers();
	bench_wait_state(bench.front, "3");
	back_connects("0");
	bench_wait_state(bench.front, "4");
	TURN_UNTIL(h0->go == 1);
	assert_int_equal(h0->last.u.geometry.sectors, 0);
}

static void many_sizes_in_one_look_are_the_last(void **state)
{
	(void)state;
	connect_all();
	back_connects("4096");
	back_connects("0");
	back_connects("8192");
	TURN_UNTIL(h0->resized > 0);
	bench_settle();
	assert_int_equal(h0->resized, 1);
	assert_int_equal(h0->last.u.geometry.sectors, 8192);
}

/* Callers have been told what the disk takes. */
static void under_a_live_disk_nothing_else_changes(void **state)
{
	struct pvb_blkfront_status s;

	(void)state;
	connect_all();
	put_all(bench.tools, bench.back, "sectors", "4096", "sector-size",
	        "4096", "info", "7", "feature-flush-cache", "0",
	        "feature-discard", "1", "state", "4", NULL);
	TURN_UNTIL(h0->resized == 1);
	s = status_now();
	assert_int_equal(s.geometry.sectors, 4096);
	assert_int_equal(s.geometry.sector_size_bytes, 512);
	assert_true(s.geometry.flush);
	assert_false(s.geometry.read_only || s.geometry.discard);
}

/* ---- the way down -------------------------------------------------------- */

static void a_back_that_skips_closing(void **state)
{
	(void)state;
	connect_all();
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_int_equal(h0->cut, 1);
	assert_int_equal(h0->detach, 1);
	assert_string_equal(get(bench.front, "state"), "6");
	assert_int_equal(last.why, PVB_WHY_STATE);
}

static void a_back_that_is_closed_before_anybody_looked(void **state)
{
	(void)state;
	connect_all();
	back_state("5");
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_string_equal(get(bench.front, "state"), "6");
	assert_int_equal(h0->detach, 1);
}

/* A boot loader's successor: what stands there is of the former driver. */
static void a_device_that_was_handed_on(void **state)
{
	(void)state;
	back_state("2");
	put_all(bench.guest, bench.front, "state", "1", "ring-ref", "8",
	        "event-channel", "1", NULL);
	start();
	bench_wait_state(bench.front, "3");
	assert_string_equal(get(bench.front, "ring-ref"), "700");
	assert_string_equal(get(bench.front, "event-channel"), "9");
	back_connects("2048");
	bench_wait_state(bench.front, "4");
	pvb_blkfront_ctl_stop(front, false);
	bench_wait_state(bench.front, "5");
	back_state("5");
	bench_wait_state(bench.front, "6");
	back_state("6");
	TURN_UNTIL(retired == 1);
	/* And what it leaves is no ring of anybody's. */
	assert_false(is_there(bench.front, "ring-ref"));
	assert_false(is_there(bench.front, "event-channel"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(initialised_is_an_offer),
		FRONT_TEST(connected_all_the_time),
		FRONT_TEST(an_offer_and_connected_in_one_look),
		FRONT_TEST(what_the_back_says_again_is_nothing_new),
		FRONT_TEST(any_state_may_be_written),
		FRONT_TEST(reconfiguring_on_the_way_up_is_waited_out),
		FRONT_TEST(a_drive_gets_empty_and_full),
		FRONT_TEST(an_empty_drive_is_connected_to),
		FRONT_TEST(many_sizes_in_one_look_are_the_last),
		FRONT_TEST(under_a_live_disk_nothing_else_changes),
		FRONT_TEST(a_back_that_skips_closing),
		FRONT_TEST(a_back_that_is_closed_before_anybody_looked),
		FRONT_TEST(a_device_that_was_handed_on),
	};

	return cmocka_run_group_tests_name("front_ctl_states", tests, NULL,
	                                   NULL);
}
