/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not answer, and a device that is to go: who waits for it for
 * how long, what is said, and when the data halves are killed for it.
 */
#include "back_bench.h"

static struct half *const h = &bench.half[0];
static int disk_fenced;                 /* what this call answers */
static struct pvb_disk_ops disk_ops;

static int fenced(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	(void)p;
	(void)e;
	return disk_fenced;
}

static void give_disk(void)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	if (pvb_disk_probe(pvb_disk_basic, "mem:1M", 0, &p, &ops, &e) < 0)
		fail_msg("%s", e.text);
	disk_ops = *ops;
	disk_ops.fenced = fenced;
	pvb_blkback_ctl_disk(back, &disk_ops, &p, NULL);
}

/* Connected; from now on the halves answer nothing by themselves. */
static void serve_hung(void)
{
	disk_fenced = 1;
	back_outlives = true;
	back_start();
	give_disk();
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	h->quiet = true;
}

static void tell(enum pvb_blk_report_kind kind)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_REPORT };

	m.u.report.kind = kind;
	assert_int_equal(pvb_link_send(&h->link, &m, sizeof(m), NULL, 0), 0);
	bench_settle();
}

static void pass_s(uint64_t s)
{
	pvb_loop_turn_clock(bench.loop, s * UINT64_C(1000000000));
	bench_settle();
}

/* `pvb detach --force`, after its time-out. */
static void force(void)
{
	ask_to_detach();
	bench_wait_state(bench.back, "5");
	take_away(bench.tools, bench.front);
	TURN_UNTIL(h->drain > 0);
	assert_int_equal(h->cut, 1);
}

static void in_an_orderly_way_it_is_waited_for(void **state)
{
	(void)state;
	back_alone = true;
	serve_hung();
	tell(PVB_BLK_REPORT_STALLED);
	ask_to_detach();
	bench_wait_state(bench.back, "5");
	front_state("6");
	TURN_UNTIL(h->drain == 1);
	for (int i = 0; i < 100; i++)
		pass_s(60);
	assert_string_equal(get(bench.back, "state"), "5");
	assert_int_equal(back_graves, 0);
	/* Whoever wonders why finds it said. */
	assert_string_equal(back_error(), "disk.img: does not answer: a "
	                    "request has waited for 10 s (disk)");
	tell(PVB_BLK_REPORT_ANSWERS);
	assert_string_equal(back_error(), "");
	h->quiet = false;
	half_say(h, PVB_BLK_MSG_DRAINED);
	bench_wait_state(bench.back, "6");
}

static void where_nobody_waits_its_worker_is_killed(void **state)
{
	(void)state;
	back_alone = true;
	serve_hung();
	force();
	pass_s(2);
	assert_int_equal(back_graves, 0);
	pass_s(1);
	assert_int_equal(back_graves, 1);
	assert_non_null(strstr(bench.log_last, "its worker is killed"));
	assert_string_equal(get(bench.back, "state"), "5");
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h->attach, 1);
}

static void closed_is_not_said_before_its_io_is_over(void **state)
{
	(void)state;
	back_alone = true;
	serve_hung();
	force();
	pass_s(3);
	disk_fenced = 0;
	bury_workers();
	for (int i = 0; i < 100; i++)
		pass_s(1);
	assert_string_equal(get(bench.back, "state"), "5");
	assert_non_null(strstr(back_status().waits, "I/O"));
	disk_fenced = 1;
	pass_s(1);
	bench_wait_state(bench.back, "6");
}

static void where_others_are_served_by_it_it_lives(void **state)
{
	(void)state;
	serve_hung();
	force();
	for (int i = 0; i < 100; i++)
		pass_s(1);
	assert_int_equal(back_graves, 0);
	assert_non_null(strstr(back_error(), "has other devices"));
	h->quiet = false;
	half_say(h, PVB_BLK_MSG_DRAINED);
	bench_wait_state(bench.back, "6");
}

static void who_answers_in_time_is_not_killed(void **state)
{
	(void)state;
	back_alone = true;
	serve_hung();
	force();
	pass_s(2);
	half_say(h, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h->detach == 1);
	pass_s(100);
	assert_int_equal(back_graves, 0);
	half_say(h, PVB_BLK_MSG_DETACHED);
	bench_wait_state(bench.back, "6");
}

static void a_guest_that_crashes_is_not_waited_for_either(void **state)
{
	(void)state;
	back_alone = true;
	serve_hung();
	take_away(bench.tools, bench.front);
	TURN_UNTIL(h->cut == 1);
	pass_s(3);
	assert_int_equal(back_graves, 1);
	bury_workers();
	bench_wait_state(bench.back, "6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(in_an_orderly_way_it_is_waited_for),
		BACK_TEST(where_nobody_waits_its_worker_is_killed),
		BACK_TEST(closed_is_not_said_before_its_io_is_over),
		BACK_TEST(where_others_are_served_by_it_it_lives),
		BACK_TEST(who_answers_in_time_is_not_killed),
		BACK_TEST(a_guest_that_crashes_is_not_waited_for_either),
	};

	return cmocka_run_group_tests_name("back_ctl_hung", tests, NULL, NULL);
}
