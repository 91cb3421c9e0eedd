/* SPDX-License-Identifier: MIT */
/*
 * What data halves tell a back's control half while they serve: what they
 * refused, and what the disk does not do after all.
 */
#include <errno.h>
#include <limits.h>

#include "back_bench.h"

static struct half *const h0 = &bench.half[0], *const h1 = &bench.half[1];

static void tell(struct half *h, enum pvb_blk_report_kind kind, uint64_t value)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_REPORT };

	m.u.report.kind = kind;
	m.u.report.value = value;
	assert_int_equal(pvb_link_send(&h->link, &m, sizeof(m), NULL, 0), 0);
	bench_settle();
}

static void connect_on_two_queues(void)
{
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
}

static void connect_two(void)
{
	back_barrier = true;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	connect_on_two_queues();
}

static void connect_again(void)
{
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_state("1");
	bench_wait_state(bench.back, "2");
	connect_on_two_queues();
}

/* ---- what was refused ---------------------------------------------------- */

static void expect_said(const char *line, enum pvb_why why)
{
	assert_non_null(strstr(line, pvb_why_name(why)));
	assert_non_null(strstr(line, pvb_why_text(why)));
}

static void each_refused_request_is_told_by_its_name(void **state)
{
	(void)state;
	connect_two();
	for (uint32_t i = PVB_OK + 1; i < PVB_WHY_COUNT; i++) {
		enum pvb_why why = (enum pvb_why)i;
		uint32_t lines = bench.log_lines;

		if (pvb_why_scope(why) != PVB_WHY_OF_REQUEST)
			continue;
		tell(h0, PVB_BLK_REPORT_REFUSED, i);
		assert_int_equal(bench.log_lines, lines + 1);
		expect_said(bench.log_last, why);
		expect_said(back_error(), why);
		/* It goes on; that is nothing for the front to read. */
		assert_string_equal(get(bench.back, "state"), "4");
		assert_string_equal(get(bench.back, "hotplug-error"), "");
		assert_int_equal(back_status().why, PVB_OK);
		connect_again();
		assert_string_equal(back_error(), "");
	}
}

static void whichever_queue_it_was_it_is_told_once(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_REFUSED, PVB_WHY_RANGE);
	tell(h1, PVB_BLK_REPORT_REFUSED, PVB_WHY_RANGE);
	tell(h0, PVB_BLK_REPORT_REFUSED, PVB_WHY_RANGE);
	assert_int_equal(bench.log_lines, 1);
	/* Another reason is logged; the node keeps the first. */
	tell(h1, PVB_BLK_REPORT_REFUSED, PVB_WHY_GRANT);
	assert_int_equal(bench.log_lines, 2);
	expect_said(bench.log_last, PVB_WHY_GRANT);
	expect_said(back_error(), PVB_WHY_RANGE);
}

static void another_front_is_told_of_anew(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_REFUSED, PVB_WHY_RANGE);
	connect_again();
	tell(h0, PVB_BLK_REPORT_REFUSED, PVB_WHY_RANGE);
	assert_int_equal(bench.log_lines, 2);
	expect_said(back_error(), PVB_WHY_RANGE);
}

/* What ends a connection takes the place of what did not. */
static void the_reason_of_the_end_is_the_one_that_stands(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_REFUSED, PVB_WHY_RANGE);
	half_say_failed(h0, PVB_WHY_RING_INDEX, "that is no index");
	TURN_UNTIL(h0->detach == 1);
	bench_settle();
	assert_non_null(strstr(back_error(), "that is no index"));
	assert_int_equal(back_status().why, PVB_WHY_RING_INDEX);
}

static void a_half_that_says_what_cannot_be_is_not_heard(void **state)
{
	static const uint64_t values[] = {
		PVB_OK, PVB_WHY_RING_INDEX, PVB_WHY_DISK, PVB_WHY_COUNT, 64,
		UINT64_C(1) << 32 | PVB_WHY_RANGE, UINT64_MAX,
	};

	(void)state;
	connect_two();
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		tell(h0, PVB_BLK_REPORT_REFUSED, values[i]);
	assert_int_equal(bench.log_lines, 0);
	assert_string_equal(back_error(), "");
}

/* ---- what was lost ------------------------------------------------------- */

static void expect_offered(bool flush, bool discard, bool secure)
{
	assert_string_equal(get(bench.back, "feature-flush-cache"),
	                    flush ? "1" : "0");
	assert_string_equal(get(bench.back, "feature-barrier"),
	                    flush ? "1" : "0");
	assert_string_equal(get(bench.back, "feature-discard"),
	                    discard ? "1" : "0");
	assert_string_equal(get(bench.back, "discard-secure"),
	                    secure ? "1" : "0");
}

static void what_is_lost_is_taken_back_in_the_store(void **state)
{
	(void)state;
	connect_two();
	expect_offered(true, true, true);
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_SECURE);
	expect_offered(true, true, false);
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_FLUSH);
	expect_offered(false, true, false);
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_DISCARD);
	expect_offered(false, false, false);
	assert_false(back_status().geometry.flush);
}

/* A front takes a state that is said again for a new size. */
static void and_nothing_else_is_written(void **state)
{
	(void)state;
	connect_two();
	bench.spy.writes = 0;
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_DISCARD);
	assert_int_equal(bench.spy.writes, 2);
	assert_int_equal(spy_store_tx(&bench.spy, "/state", NULL), UINT32_MAX);
	assert_int_equal(spy_store_tx(&bench.spy, "/feature-discard", "0"),
	                 spy_store_tx(&bench.spy, "/discard-secure", "0"));
}

static void what_every_queue_finds_out_is_told_once(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_DISCARD);
	bench.spy.writes = 0;
	tell(h1, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_DISCARD);
	tell(h1, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_SECURE);
	assert_int_equal(bench.log_lines, 1);
	assert_non_null(strstr(bench.log_last, "does not discard"));
	assert_int_equal(bench.spy.writes, 0);
}

static void it_is_not_offered_to_the_next_front(void **state)
{
	const struct pvb_blk_geometry *g =
		&h0->attached_as.u.back_attach.geometry;

	(void)state;
	connect_two();
	assert_true(g->flush && g->barrier);
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_BARRIER);
	connect_again();
	assert_string_equal(get(bench.back, "feature-flush-cache"), "1");
	assert_string_equal(get(bench.back, "feature-barrier"), "0");
	assert_true(g->flush && !g->barrier);
}

/* It says no, and the front that heard it goes: the word comes late. */
static void what_is_heard_too_late_counts_for_the_next(void **state)
{
	(void)state;
	connect_two();
	front_state("6");
	bench_wait_state(bench.back, "6");
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_FLUSH);
	assert_string_equal(get(bench.back, "feature-flush-cache"), "1");
	front_state("1");
	bench_wait_state(bench.back, "2");
	connect_on_two_queues();
	expect_offered(false, true, true);
}

static void change_medium(const char *uri)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &p, &ops, &e),
	                 0);
	assert_int_equal(pvb_blkback_ctl_change(back, ops, &p, "b", NULL, &e),
	                 0);
}

static void another_medium_has_lost_nothing(void **state)
{
	(void)state;
	back_floppy = true;
	connect_two();
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_DISCARD);
	change_medium("mem:2M");
	TURN_UNTIL(back_media == 1);
	/* This front gave it up. */
	assert_string_equal(get(bench.back, "sectors"), "4096");
	expect_offered(true, false, false);
	connect_again();
	expect_offered(true, true, true);
}

/* What the next one promises was settled before that was heard. */
static void what_is_lost_while_a_medium_comes_stays_lost(void **state)
{
	(void)state;
	back_floppy = true;
	connect_two();
	h0->quiet = true;
	change_medium("mem:2M");
	TURN_UNTIL(h0->load == 1);
	tell(h0, PVB_BLK_REPORT_LOST, PVB_BLK_LOST_DISCARD);
	half_say_loaded(h0, PVB_OK, "");
	TURN_UNTIL(h0->change == 1);
	half_say(h0, PVB_BLK_MSG_CHANGED);
	TURN_UNTIL(back_media == 1);
	expect_offered(true, false, false);
	h0->quiet = false;
	connect_again();
	expect_offered(true, true, true);
}

static void a_half_that_loses_what_is_nothing_is_not_heard(void **state)
{
	(void)state;
	connect_two();
	bench.spy.writes = 0;
	tell(h0, PVB_BLK_REPORT_LOST, 0);
	tell(h0, PVB_BLK_REPORT_LOST, UINT64_MAX & ~(uint64_t)PVB_BLK_LOST_ALL);
	assert_int_equal(bench.log_lines, 0);
	assert_int_equal(bench.spy.writes, 0);
	expect_offered(true, true, true);
}

/* ---- errors -------------------------------------------------------------- */

static void tell_error(uint32_t op, uint64_t offset, int code, uint64_t times)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_REPORT };

	m.u.report = (struct pvb_blk_report){
		.kind = PVB_BLK_REPORT_ERROR, .value = times, .op = op,
		.offset_bytes = offset, .code = code,
	};
	assert_int_equal(pvb_link_send(&h0->link, &m, sizeof(m), NULL, 0), 0);
	bench_settle();
}

static void the_first_error_is_told_and_then_one_a_minute(void **state)
{
	(void)state;
	connect_two();
	assert_string_equal(back_status().disk_error, "");
	tell_error(PVB_IO_WRITE, 4096, -EIO, 1);
	assert_int_equal(bench.log_lines, 1);
	assert_non_null(strstr(bench.log_last, "disk.img: a write at byte 4096 "
	                       "fails: Input/output error"));
	tell_error(PVB_IO_READ, 512, -ENODATA, 40);
	assert_int_equal(bench.log_lines, 1);
	/* Who asks is told the last. */
	assert_string_equal(back_status().disk_error, "a read at byte 512 "
	                    "fails: the disk is shorter than it was");
	pvb_loop_turn_clock(bench.loop, 60 * UINT64_C(1000000000));
	tell_error(PVB_IO_FLUSH, 0, -ESHUTDOWN, 2);
	assert_int_equal(bench.log_lines, 2);
	assert_non_null(strstr(bench.log_last, "a flush fails: the disk is "
	                       "gone (one of 42)"));
	assert_int_equal(back_status().disk_error_ns,
	                 pvb_loop_now_ns(bench.loop));
}

static void an_error_that_cannot_be_is_not_heard(void **state)
{
	(void)state;
	connect_two();
	tell_error(PVB_IO_OP_COUNT, 0, -EIO, 1);
	tell_error(UINT32_MAX, 0, -EIO, 1);
	tell_error(PVB_IO_READ, 0, 0, 1);
	tell_error(PVB_IO_READ, 0, INT_MIN, 1);
	assert_int_equal(bench.log_lines, 0);
	assert_string_equal(back_status().disk_error, "");
}

/* ---- a disk without room ------------------------------------------------- */

static void told_of_troubles(uint32_t lines, const char *what)
{
	assert_int_equal(bench.log_lines, lines);
	if (what)
		assert_non_null(strstr(bench.log_last, what));
}

static void a_pause_is_told_once_and_its_end(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_PAUSED, 0);
	told_of_troubles(1, "paused: no space");
	tell(h1, PVB_BLK_REPORT_PAUSED, 1);
	tell(h0, PVB_BLK_REPORT_GOES_ON, 0);
	told_of_troubles(1, NULL);
	tell(h1, PVB_BLK_REPORT_GOES_ON, 1);
	told_of_troubles(2, "goes on");
	tell(h1, PVB_BLK_REPORT_GOES_ON, 1);
	told_of_troubles(2, NULL);
}

static void a_half_that_pauses_all_the_time_is_not_told_of(void **state)
{
	(void)state;
	connect_two();
	for (int i = 0; i < 20; i++) {
		tell(h0, PVB_BLK_REPORT_PAUSED, 0);
		tell(h0, PVB_BLK_REPORT_GOES_ON, 0);
	}
	told_of_troubles(6, "goes on");
}

static void nor_one_that_is_no_queue(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_PAUSED, 2);
	tell(h0, PVB_BLK_REPORT_PAUSED, 32);
	tell(h0, PVB_BLK_REPORT_PAUSED, UINT64_MAX);
	tell(h0, PVB_BLK_REPORT_GOES_ON, UINT64_MAX);
	told_of_troubles(0, NULL);
}

static void a_full_disk_is_not_waited_for(void **state)
{
	(void)state;
	connect_two();
	assert_int_equal(h0->attached_as.u.back_attach.keep_full, 0);
}

static void but_where_the_halves_are_told_so(void **state)
{
	(void)state;
	back_on_full = PVB_BLK_ON_FULL_PAUSE;
	connect_two();
	assert_int_equal(h0->attached_as.u.back_attach.keep_full, 1);
	assert_int_equal(h1->attached_as.u.back_attach.keep_full, 1);
}

/* Its front may be waiting for what they keep. */
static void and_that_the_device_is_to_go(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_PAUSED, 0);
	assert_int_equal(h0->closing, 0);
	pvb_blkback_ctl_stop(back, false);
	bench_wait_state(bench.back, "5");
	TURN_UNTIL(h0->closing > 0 && h1->closing > 0);
	tell(h0, PVB_BLK_REPORT_GOES_ON, 0);
	told_of_troubles(1, NULL);
}

/* ---- a disk without an answer -------------------------------------------- */

static void a_stall_is_told_once_and_its_end(void **state)
{
	(void)state;
	connect_two();
	tell(h1, PVB_BLK_REPORT_STALLED, 1);
	told_of_troubles(1, "disk.img: does not answer: a request has waited "
	                    "for 10 s");
	tell(h0, PVB_BLK_REPORT_STALLED, 0);
	tell(h1, PVB_BLK_REPORT_ANSWERS, 1);
	told_of_troubles(1, NULL);
	pvb_loop_turn_clock(bench.loop, 25 * UINT64_C(1000000000));
	bench_settle();
	tell(h0, PVB_BLK_REPORT_ANSWERS, 0);
	told_of_troubles(2, "disk.img: answers again, after another 25 s");
	tell(h0, PVB_BLK_REPORT_ANSWERS, 0);
	told_of_troubles(2, NULL);
}

static void also_while_the_device_closes(void **state)
{
	(void)state;
	connect_two();
	pvb_blkback_ctl_stop(back, false);
	bench_wait_state(bench.back, "5");
	tell(h0, PVB_BLK_REPORT_STALLED, 0);
	told_of_troubles(1, "does not answer");
}

static void a_half_that_stalls_all_the_time_is_not_told_of(void **state)
{
	(void)state;
	connect_two();
	for (int i = 0; i < 20; i++) {
		tell(h0, PVB_BLK_REPORT_STALLED, 0);
		tell(h0, PVB_BLK_REPORT_ANSWERS, 0);
	}
	told_of_troubles(6, "answers again");
}

static void the_next_halves_have_not_stalled_yet(void **state)
{
	(void)state;
	connect_two();
	tell(h0, PVB_BLK_REPORT_STALLED, 0);
	connect_again();
	tell(h0, PVB_BLK_REPORT_STALLED, 0);
	told_of_troubles(2, "does not answer");
}

static void after_how_long_it_is_they_are_told(void **state)
{
	(void)state;
	connect_two();
	assert_int_equal(h0->attached_as.u.back_attach.slow_ns,
	                 10 * UINT64_C(1000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(each_refused_request_is_told_by_its_name),
		BACK_TEST(whichever_queue_it_was_it_is_told_once),
		BACK_TEST(another_front_is_told_of_anew),
		BACK_TEST(the_reason_of_the_end_is_the_one_that_stands),
		BACK_TEST(a_half_that_says_what_cannot_be_is_not_heard),
		BACK_TEST(what_is_lost_is_taken_back_in_the_store),
		BACK_TEST(and_nothing_else_is_written),
		BACK_TEST(what_every_queue_finds_out_is_told_once),
		BACK_TEST(it_is_not_offered_to_the_next_front),
		BACK_TEST(what_is_heard_too_late_counts_for_the_next),
		BACK_TEST(another_medium_has_lost_nothing),
		BACK_TEST(what_is_lost_while_a_medium_comes_stays_lost),
		BACK_TEST(a_half_that_loses_what_is_nothing_is_not_heard),
		BACK_TEST(the_first_error_is_told_and_then_one_a_minute),
		BACK_TEST(an_error_that_cannot_be_is_not_heard),
		BACK_TEST(a_pause_is_told_once_and_its_end),
		BACK_TEST(a_half_that_pauses_all_the_time_is_not_told_of),
		BACK_TEST(nor_one_that_is_no_queue),
		BACK_TEST(a_full_disk_is_not_waited_for),
		BACK_TEST(but_where_the_halves_are_told_so),
		BACK_TEST(and_that_the_device_is_to_go),
		BACK_TEST(a_stall_is_told_once_and_its_end),
		BACK_TEST(also_while_the_device_closes),
		BACK_TEST(a_half_that_stalls_all_the_time_is_not_told_of),
		BACK_TEST(the_next_halves_have_not_stalled_yet),
		BACK_TEST(after_how_long_it_is_they_are_told),
	};

	return cmocka_run_group_tests_name("back_ctl_report", tests, NULL,
	                                   NULL);
}
