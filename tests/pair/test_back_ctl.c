/* SPDX-License-Identifier: MIT */
/* A back's control half and fronts that behave. */
#include "back_bench.h"

/* ---- the way up ---------------------------------------------------------- */

static void it_says_init_wait_before_it_knows_the_disk(void **state)
{
	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	assert_string_equal(get(bench.back, "max-ring-page-order"), "4");
	assert_string_equal(get(bench.back, "max-ring-pages"), "16");
	assert_string_equal(get(bench.back, "multi-queue-max-queues"), "4");
	assert_string_equal(get(bench.back, "feature-max-indirect-segments"),
	                    "256");
	assert_false(is_there(bench.back, "sectors"));
	assert_false(is_there(bench.back, "feature-flush-cache"));
	assert_false(back_status().disk_known);
}

static void limits_come_with_init_wait_in_one_transaction(void **state)
{
	uint32_t tx;

	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	tx = spy_store_tx(&bench.spy, "/state", "2");
	assert_in_range(tx, 1, UINT32_MAX - 1);
	assert_int_equal(spy_store_tx(&bench.spy, "/max-ring-page-order",
	                              NULL), tx);
}

static void features_come_with_connected_in_one_transaction(void **state)
{
	uint32_t tx;

	(void)state;
	back_connect();
	tx = spy_store_tx(&bench.spy, "/state", "4");
	assert_in_range(tx, 1, UINT32_MAX - 1);
	assert_int_equal(spy_store_tx(&bench.spy, "/sectors", "2048"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/sector-size", "512"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/feature-flush-cache", "1"),
	                 tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/feature-discard", "1"),
	                 tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/info", "0"), tx);
}

/* As Windows has it: it says how it counts, and is told in the same units. */
static void a_front_is_told_in_the_units_that_it_counts_in(void **state)
{
	const struct pvb_blk_geometry *g =
		&bench.half[0].attached_as.u.back_attach.geometry;

	(void)state;
	back_sector_size = 4096;
	back_units = PVB_BLK_UNITS_ALL;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	put(bench.guest, bench.front, "feature-large-sector-size", "1");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_string_equal(get(bench.back, "sectors"), "256");
	assert_string_equal(get(bench.back, "sector-size"), "4096");
	/* But we count as ever. */
	assert_int_equal(g->sectors, 2048);
	assert_int_equal(g->units, PVB_BLK_UNITS_ALL);
	assert_int_equal(back_status().geometry.sectors, 2048);
}

/* A boot loader's, for instance, which would write all over the disk. */
static void one_that_counts_otherwise_is_refused(void **state)
{
	(void)state;
	back_sector_size = 4096;
	back_units = PVB_BLK_UNITS_ALL;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "5");
	assert_int_equal(back_status().why, PVB_WHY_KEY_MISSING);
	assert_non_null(strstr(back_error(), "feature-large-sector-size"));
	assert_int_equal(bench.half[0].attach, 0);
}

static void with_sectors_of_512_it_may_say_what_it_likes(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	put(bench.guest, bench.front, "feature-large-sector-size", "1");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_string_equal(get(bench.back, "sectors"), "2048");
}

static void the_data_half_gets_terms_and_descriptors(void **state)
{
	const struct pvb_blk_back_attach *a =
		&bench.half[0].attached_as.u.back_attach;

	(void)state;
	back_connect();
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(bench.half[0].fds, PVB_BLK_FD_MEM + 2);
	assert_int_equal(a->front_domid, FRONT);
	assert_int_equal(a->abi, PVB_ABI_X86_64);
	assert_int_equal(a->ring_order, 0);
	assert_int_equal(a->queues, 1);
	assert_int_equal(a->ring_ref[0], 8);
	assert_int_equal(a->port, 1);
	assert_int_equal(a->geometry.sectors, 2048);
	assert_string_equal(a->disk.scheme, "mem");
}

static void it_waits_for_the_disk_when_the_front_is_ready(void **state)
{
	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_settle();
	assert_int_equal(bench.half[0].attach, 0);
	assert_string_equal(get(bench.back, "state"), "2");
	back_disk("mem:1M");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 1);
	assert_string_equal(get(bench.back, "hotplug-status"), "connected");
}

static void a_front_may_be_there_first(void **state)
{
	(void)state;
	front_says("3", "8", "1");
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "4");
}

static void a_front_may_skip_to_connected(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_says("4", "8", "1");
	bench_wait_state(bench.back, "4");
	bench_settle();
	assert_int_equal(bench.half[0].attach, 1);
}

static void several_queues_have_a_half_each(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	put_all(bench.guest, bench.front, "multi-queue-num-queues", "2",
	        "ring-page-order", "1", "protocol", "x86_64-abi",
	        "queue-0/ring-ref0", "8", "queue-0/ring-ref1", "9",
	        "queue-0/event-channel", "1", "queue-1/ring-ref0", "10",
	        "queue-1/ring-ref1", "11", "queue-1/event-channel", "2",
	        "state", "3", NULL);
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(bench.half[1].attach, 1);
	assert_int_equal(bench.half[2].attach, 0);
	assert_int_equal(bench.half[1].attached_as.u.back_attach.queue, 1);
	assert_int_equal(bench.half[1].attached_as.u.back_attach.ring_ref[1],
	                 11);
	assert_int_equal(bench.half[1].attached_as.u.back_attach.port, 2);
}

static void status_shows_what_was_agreed(void **state)
{
	struct pvb_blkback_status s;

	(void)state;
	back_connect();
	s = back_status();
	assert_int_equal(s.mine, PVB_XB_CONNECTED);
	assert_int_equal(s.peer, PVB_XB_CONNECTED);
	assert_true(s.live && s.terms_known && s.disk_known);
	assert_int_equal(s.why, PVB_OK);
	assert_int_equal(s.terms.queue[0].ring_ref[0], 8);
	assert_int_equal(s.geometry.sectors, 2048);
	assert_in_range(back_changed, 3, 20);
}

static void grants_are_kept_mapped_if_both_say_so(void **state)
{
	const struct pvb_blk_back_attach *a =
		&bench.half[0].attached_as.u.back_attach;
	const char *says[] = { NULL, "0", "1" };

	(void)state;
	for (int i = 0; i < 6; i++) {
		bool both = i == 2;

		back_not_persistent = i >= 3;
		back_start();
		back_disk("mem:1M");
		bench_wait_state(bench.back, "2");
		if (says[i % 3])
			put(bench.guest, bench.front, "feature-persistent",
			    says[i % 3]);
		front_says("3", "8", "1");
		bench_wait_state(bench.back, "4");
		assert_string_equal(get(bench.back, "feature-persistent"),
		                    i < 3 ? "1" : "0");
		assert_int_equal(a->persistent, both);
		assert_int_equal(back_status().terms.persistent, both);
		back_end();
		bench_teardown(NULL);
		bench_setup(NULL);
	}
}

/* ---- the way down -------------------------------------------------------- */

static void a_front_that_closes_is_followed(void **state)
{
	(void)state;
	back_connect();
	front_state("5");
	bench_wait_state(bench.back, "5");
	bench_settle();
	assert_int_equal(bench.half[0].drain, 0);       /* goes on answering */
	front_state("6");
	bench_wait_state(bench.back, "6");
	assert_int_equal(bench.half[0].drain, 1);
	assert_int_equal(bench.half[0].cut, 0);
	assert_int_equal(bench.half[0].detach, 1);
	assert_int_equal(back_retired, 0);
	front_state("1");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 2);
}

static void closed_is_said_only_after_the_halves_let_go(void **state)
{
	(void)state;
	back_connect();
	bench.half[0].quiet = true;
	front_state("5");
	bench_wait_state(bench.back, "5");
	front_state("6");
	TURN_UNTIL(bench.half[0].drain == 1);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	assert_int_equal(bench.half[0].detach, 0);
	half_say(&bench.half[0], PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(bench.half[0].detach == 1);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	half_say(&bench.half[0], PVB_BLK_MSG_DETACHED);
	bench_wait_state(bench.back, "6");
}

static void a_detach_is_orderly_and_final(void **state)
{
	(void)state;
	back_connect();
	ask_to_detach();
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	assert_int_equal(bench.half[0].drain, 0);
	front_state("5");
	bench_settle();
	assert_int_equal(bench.half[0].drain, 0);
	front_state("6");
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(bench.half[0].detach, 1);
	bench_turn();
	assert_int_equal(bench.half[0].closed, 1);
}

static void a_detach_of_one_that_waits_is_at_once(void **state)
{
	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	ask_to_detach();
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
}

static void a_closed_one_retires_when_it_is_taken_offline(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	bench_wait_state(bench.back, "6");
	bench_settle();
	assert_int_equal(back_retired, 0);
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 1);
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
}

static void one_that_was_to_close_before_it_came_says_closed(void **state)
{
	(void)state;
	ask_to_detach();
	back_start();
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
}

/* ---- its owner ----------------------------------------------------------- */

static void its_owner_may_stop_it(void **state)
{
	(void)state;
	back_connect();
	pvb_blkback_ctl_stop(back, false);
	bench_wait_state(bench.back, "5");
	bench_settle();
	assert_int_equal(back_retired, 0);
	front_state("6");
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
}

static void a_forced_stop_does_not_wait_for_the_front(void **state)
{
	(void)state;
	back_connect();
	pvb_blkback_ctl_stop(back, true);
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(bench.half[0].drain, 1);
	assert_int_equal(bench.half[0].detach, 1);
}

static void a_forced_stop_holds_while_it_attaches(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	bench.half[0].quiet = true;
	front_says("3", "8", "1");
	TURN_UNTIL(bench.half[0].attach == 1);
	pvb_blkback_ctl_stop(back, true);
	bench_settle();
	assert_int_equal(back_retired, 0);
	bench.half[0].quiet = false;
	half_say(&bench.half[0], PVB_BLK_MSG_ATTACHED);
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(bench.half[0].detach, 1);
}

static void let_go_says_nothing_to_anybody(void **state)
{
	(void)state;
	back_connect();
	pvb_blkback_ctl_destroy(back);
	back = NULL;
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	assert_string_equal(get(bench.back, "online"), "1");
	assert_int_equal(bench.half[0].closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(it_says_init_wait_before_it_knows_the_disk),
		BACK_TEST(limits_come_with_init_wait_in_one_transaction),
		BACK_TEST(features_come_with_connected_in_one_transaction),
		BACK_TEST(a_front_is_told_in_the_units_that_it_counts_in),
		BACK_TEST(one_that_counts_otherwise_is_refused),
		BACK_TEST(with_sectors_of_512_it_may_say_what_it_likes),
		BACK_TEST(the_data_half_gets_terms_and_descriptors),
		BACK_TEST(it_waits_for_the_disk_when_the_front_is_ready),
		BACK_TEST(a_front_may_be_there_first),
		BACK_TEST(a_front_may_skip_to_connected),
		BACK_TEST(several_queues_have_a_half_each),
		BACK_TEST(status_shows_what_was_agreed),
		BACK_TEST(grants_are_kept_mapped_if_both_say_so),
		BACK_TEST(a_front_that_closes_is_followed),
		BACK_TEST(closed_is_said_only_after_the_halves_let_go),
		BACK_TEST(a_detach_is_orderly_and_final),
		BACK_TEST(a_detach_of_one_that_waits_is_at_once),
		BACK_TEST(a_closed_one_retires_when_it_is_taken_offline),
		BACK_TEST(one_that_was_to_close_before_it_came_says_closed),
		BACK_TEST(its_owner_may_stop_it),
		BACK_TEST(a_forced_stop_does_not_wait_for_the_front),
		BACK_TEST(a_forced_stop_holds_while_it_attaches),
		BACK_TEST(let_go_says_nothing_to_anybody),
	};

	return cmocka_run_group_tests_name("back_ctl", tests, NULL, NULL);
}
