/* SPDX-License-Identifier: MIT */
/*
 * A back's control half and the medium of its drive: what the halves are told,
 * what the front can read, and whatever happens meanwhile.
 */
#include "back_bench.h"

enum { ROOM = 3900 };           /* with its path, what a store takes at once */

static struct half *const h0 = &bench.half[0], *const h1 = &bench.half[1];

/* ---- a drive ------------------------------------------------------------- */

static void start_drive(void)
{
	back_cdrom = true;
	back_start();
	bench_wait_state(bench.back, "2");
}

static void connect_drive(void)
{
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
}

static void connect_empty(void)
{
	start_drive();
	pvb_blkback_ctl_empty(back);
	connect_drive();
}

static void connect_with(const char *uri)
{
	start_drive();
	back_disk(uri);
	connect_drive();
}

/* As the daemon does: a disk that was probed.  NULL: out. */
static int change(const char *uri, const char *params)
{
	const struct pvb_disk_ops *ops = NULL;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;
	int r;

	memset(&p, 0, sizeof(p));
	if (uri && pvb_disk_probe(pvb_disk_basic, uri, back_cdrom
	                          ? PVB_DISK_READ_ONLY : 0, &p, &ops, &e) < 0)
		fail_msg("%s", e.text);
	r = pvb_blkback_ctl_change(back, ops, &p, uri ? uri : "", params,
	                           &e);
	pvb_disk_probe_fini(&p);
	if (r < 0)
		assert_true(e.text[0] != '\0');
	return r;
}

static void change_done(const char *uri, const char *params)
{
	uint32_t before = back_media;

	assert_int_equal(change(uri, params), 0);
	assert_int_equal(back_media, before);   /* never from inside */
	TURN_UNTIL(back_media > before);
	if (back_medium.code < 0)
		fail_msg("%s", back_medium.text);
}

static void expect_sectors(const char *sectors)
{
	assert_string_equal(get(bench.back, "sectors"), sectors);
}

/* ---- on the wire --------------------------------------------------------- */

static void an_empty_drive_connects_with_no_sectors(void **state)
{
	const struct pvb_blk_back_attach *a = &h0->attached_as.u.back_attach;

	(void)state;
	connect_empty();
	expect_sectors("0");
	assert_string_equal(get(bench.back, "sector-size"), "512");
	assert_string_equal(get(bench.back, "info"), "7");
	assert_string_equal(get(bench.back, "hotplug-status"), "connected");
	assert_int_equal(h0->fds, PVB_BLK_FD_MEM + 1);  /* and no disk's */
	assert_string_equal(a->disk.scheme, "");
	assert_int_equal(a->geometry.sectors, 0);
	assert_true(a->geometry.read_only && a->geometry.cdrom);
	assert_true(back_status().disk_known);
}

static void an_empty_floppy_drive_may_be_written(void **state)
{
	(void)state;
	back_floppy = true;
	back_start();
	pvb_blkback_ctl_empty(back);
	connect_drive();
	assert_string_equal(get(bench.back, "info"), "2");
	assert_string_equal(get(bench.back, "feature-discard"), "0");
}

/* A front that a watch on `state` wakes finds all of it. */
static void what_changes_comes_with_connected_in_one_transaction(void **state)
{
	uint32_t tx;

	(void)state;
	connect_empty();
	bench.spy.writes = 0;
	change_done("mem:1M", "file:/a");
	tx = spy_store_tx(&bench.spy, "/state", "4");
	assert_in_range(tx, 1, UINT32_MAX - 1);
	assert_int_equal(spy_store_tx(&bench.spy, "/sectors", "2048"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/sector-size", "512"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/info", "7"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/params", "file:/a"), tx);
	bench.spy.writes = 0;
	change_done(NULL, "");
	tx = spy_store_tx(&bench.spy, "/state", "4");
	assert_in_range(tx, 1, UINT32_MAX - 1);
	assert_int_equal(spy_store_tx(&bench.spy, "/sectors", "0"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/params", ""), tx);
}

static void the_longest_name_of_a_disk_fits(void **state)
{
	static char name[ROOM + 1], found[ROOM + 1];
	char path[160];

	(void)state;
	connect_empty();
	memset(name, 'x', ROOM);
	change_done("mem:1M", name);
	snprintf(path, sizeof(path), "%s/params", bench.back);
	assert_int_equal(bench.tools->ops->read(bench.tools, 0, path, found,
	                                        ROOM), ROOM);
	assert_string_equal(found, name);
}

static void params_stay_if_nothing_is_to_be_said(void **state)
{
	(void)state;
	connect_empty();
	put(bench.tools, bench.back, "params", "somebody's");
	change_done("mem:1M", NULL);
	assert_string_equal(get(bench.back, "params"), "somebody's");
	expect_sectors("2048");
}

/* ---- the halves ---------------------------------------------------------- */

static void the_halves_load_before_any_of_them_changes(void **state)
{
	(void)state;
	start_drive();
	back_disk("mem:1M");
	put_all(bench.guest, bench.front, "multi-queue-num-queues", "2",
	        "protocol", "x86_64-abi", "queue-0/ring-ref", "8",
	        "queue-0/event-channel", "1", "queue-1/ring-ref", "9",
	        "queue-1/event-channel", "2", "state", "3", NULL);
	bench_wait_state(bench.back, "4");
	h0->quiet = h1->quiet = true;
	assert_int_equal(change("mem:2M", "b"), 0);
	TURN_UNTIL(h0->load == 1 && h1->load == 1);
	assert_int_equal(h0->fds, 1);
	assert_int_equal(h0->last.u.load.sectors, 4096);
	assert_string_equal(h0->last.u.load.disk.scheme, "mem");
	half_say_loaded(h0, PVB_OK, "");
	bench_settle();
	assert_int_equal(h0->change, 0);
	half_say_loaded(h1, PVB_OK, "");
	TURN_UNTIL(h0->change == 1 && h1->change == 1);
	half_say(h0, PVB_BLK_MSG_CHANGED);
	bench_settle();
	expect_sectors("2048");         /* the front hears of it last */
	half_say(h1, PVB_BLK_MSG_CHANGED);
	TURN_UNTIL(back_media == 1);
	assert_int_equal(back_medium.code, 0);
	expect_sectors("4096");
}

static void if_one_half_cannot_load_nothing_has_changed(void **state)
{
	(void)state;
	start_drive();
	back_disk("mem:1M");
	put_all(bench.guest, bench.front, "multi-queue-num-queues", "2",
	        "protocol", "x86_64-abi", "queue-0/ring-ref", "8",
	        "queue-0/event-channel", "1", "queue-1/ring-ref", "9",
	        "queue-1/event-channel", "2", "state", "3", NULL);
	bench_wait_state(bench.back, "4");
	put(bench.tools, bench.back, "params", "a");
	bench.spy.writes = 0;
	h1->refuse = PVB_WHY_DISK;
	assert_int_equal(change("mem:2M", "b"), 0);
	TURN_UNTIL(back_media == 1);
	assert_true(back_medium.code < 0);
	assert_string_equal(back_medium.text, "refused by the test");
	TURN_UNTIL(h0->unload == 1);
	assert_int_equal(h0->change + h1->change, 0);
	assert_int_equal(bench.spy.writes, 0);
	assert_string_equal(get(bench.back, "state"), "4");
	assert_string_equal(get(bench.back, "params"), "a");
	assert_int_equal(back_status().geometry.sectors, 2048);
	/* And then it can be. */
	h1->refuse = PVB_OK;
	change_done("mem:2M", "b");
	expect_sectors("4096");
}

/* ---- what cannot be ------------------------------------------------------ */

static void a_disk_has_no_medium(void **state)
{
	(void)state;
	back_connect();
	assert_int_equal(change("mem:1M", "a"), -EOPNOTSUPP);
	assert_int_equal(change(NULL, ""), -EOPNOTSUPP);
}

static void a_drive_whose_disk_is_not_known_is_not_changed(void **state)
{
	(void)state;
	start_drive();
	assert_int_equal(change(NULL, ""), -EAGAIN);
}

static void one_change_at_a_time(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	assert_int_equal(change(NULL, ""), 0);
	assert_int_equal(change("mem:1M", "a"), -EBUSY);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), -EBUSY);
	TURN_UNTIL(h0->change == 1);
	half_say(h0, PVB_BLK_MSG_CHANGED);
	TURN_UNTIL(back_media == 1);
	h0->quiet = false;
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), -ENOMEDIUM);
	change_done("mem:1M", "a");
}

/* The sector size is the drive's, whatever the medium's. */
static void a_medium_of_other_sectors_is_read_all_the_same(void **state)
{
	(void)state;
	connect_empty();
	change_done("mem:1M?sector-size=4096", "a");
	assert_string_equal(get(bench.back, "sector-size"), "512");
	assert_string_equal(get(bench.back, "physical-sector-size"), "4096");
	expect_sectors("2048");
	change_done("mem:2M", "b");
	assert_string_equal(get(bench.back, "sector-size"), "512");
	expect_sectors("4096");
}

static void but_it_has_to_end_with_a_sector_of_the_drive(void **state)
{
	(void)state;
	back_sector_size = 4096;
	connect_empty();
	change_done("mem:2M", "b");
	assert_string_equal(get(bench.back, "sector-size"), "4096");
	expect_sectors("4096");
	assert_int_equal(change("mem:1049088", "a"), 0);
	TURN_UNTIL(back_media == 2);
	assert_int_equal(back_medium.code, -EINVAL);
	assert_non_null(strstr(back_medium.text, "not a multiple"));
	assert_int_equal(h0->load, 1);
	expect_sectors("4096");
}

static void a_drive_that_writes_takes_what_can_be_written(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	(void)state;
	back_floppy = true;
	back_start();
	pvb_blkback_ctl_empty(back);
	connect_drive();
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "mem:1M",
	                                PVB_DISK_READ_ONLY, &p, &ops, &e), 0);
	assert_int_equal(pvb_blkback_ctl_change(back, ops, &p, "a", "a", &e),
	                 0);
	TURN_UNTIL(back_media == 1);
	assert_int_equal(back_medium.code, -EROFS);
	change_done("mem:1M", "a");
}

/* ---- whatever the front does --------------------------------------------- */

static void without_a_front_it_is_simply_another(void **state)
{
	(void)state;
	start_drive();
	back_disk("mem:1M");
	change_done("mem:2M", "b");
	assert_string_equal(get(bench.back, "params"), "b");
	assert_string_equal(get(bench.back, "state"), "2");
	assert_false(is_there(bench.back, "sectors"));
	connect_drive();
	expect_sectors("4096");
	assert_int_equal(h0->attached_as.u.back_attach.geometry.sectors, 4096);
	assert_int_equal(h0->load, 0);
}

static void while_a_ring_is_attached_the_change_waits(void **state)
{
	(void)state;
	start_drive();
	back_disk("mem:1M");
	h0->quiet = true;
	front_says("3", "8", "1");
	TURN_UNTIL(h0->attach == 1);
	assert_int_equal(change("mem:2M", "b"), 0);
	bench_settle();
	assert_int_equal(h0->load, 0);
	h0->quiet = false;
	half_say(h0, PVB_BLK_MSG_ATTACHED);
	TURN_UNTIL(back_media == 1);
	assert_int_equal(h0->load, 1);
	assert_int_equal(h0->change, 1);
	bench_wait_state(bench.back, "4");
	bench_settle();
	expect_sectors("4096");
}

static void while_a_ring_is_let_go_the_change_waits(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	front_state("6");
	TURN_UNTIL(h0->drain == 1);
	assert_int_equal(change("mem:2M", "b"), 0);
	bench_settle();
	assert_int_equal(h0->load, 0);
	half_say(h0, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h0->detach == 1);
	half_say(h0, PVB_BLK_MSG_DETACHED);
	TURN_UNTIL(back_media == 1);
	assert_int_equal(back_medium.code, 0);
	assert_string_equal(get(bench.back, "params"), "b");
}

static void a_front_that_goes_meanwhile_does_not_hinder_it(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	assert_int_equal(change("mem:2M", "b"), 0);
	TURN_UNTIL(h0->load == 1);
	front_state("6");
	TURN_UNTIL(h0->drain == 1);
	half_say_loaded(h0, PVB_OK, "");
	half_say(h0, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h0->detach == 1);
	half_say(h0, PVB_BLK_MSG_DETACHED);
	TURN_UNTIL(back_media == 1);
	assert_int_equal(back_medium.code, 0);
	h0->quiet = false;
	front_state("1");
	bench_wait_state(bench.back, "2");
	connect_drive();
	expect_sectors("4096");
}

/* What was loaded into a ring that is gone is not in the next one. */
static void a_front_that_comes_anew_gets_what_is_there_then(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	assert_int_equal(change("mem:2M", "b"), 0);
	TURN_UNTIL(h0->load == 1);
	front_says("3", "9", "2");      /* another ring */
	TURN_UNTIL(h0->drain == 1);
	half_say_loaded(h0, PVB_OK, "");
	half_say(h0, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h0->detach == 1);
	h0->quiet = false;
	half_say(h0, PVB_BLK_MSG_DETACHED);
	TURN_UNTIL(back_media == 1);
	bench_wait_state(bench.back, "4");
	bench_settle();
	assert_int_equal(back_medium.code, 0);
	expect_sectors("4096");
	/* Either that ring began with it, or it was loaded there, too. */
	if (h0->attached_as.u.back_attach.geometry.sectors != 4096)
		assert_int_equal(h0->load, 2);
}

static void a_half_that_dies_meanwhile_does_not_hinder_it(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	assert_int_equal(change(NULL, ""), 0);
	TURN_UNTIL(h0->change == 1);
	pvb_link_fini(&h0->link);
	TURN_UNTIL(back_media == 1);
	assert_int_equal(back_medium.code, 0);
	assert_int_equal(back_status().geometry.sectors, 0);
	assert_int_equal(back_status().why, PVB_WHY_STATE);
}

/* A guest may have taken the process over. */
static void a_half_that_skips_its_answers_is_survived(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	half_say(h0, PVB_BLK_MSG_CHANGED);
	half_say_loaded(h0, PVB_WHY_DISK, "nobody asked");
	bench_settle();
	assert_int_equal(change("mem:2M", "b"), 0);
	TURN_UNTIL(h0->load == 1);
	front_state("6");
	TURN_UNTIL(h0->drain == 1);
	half_say(h0, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h0->detach == 1);
	half_say(h0, PVB_BLK_MSG_DETACHED);
	h0->quiet = false;
	TURN_UNTIL(back_media == 1);
	assert_int_equal(back_medium.code, 0);
	front_state("1");
	bench_wait_state(bench.back, "2");
	connect_drive();
	expect_sectors("4096");
}

static void a_wish_to_close_is_not_overwritten_by_it(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	assert_int_equal(change(NULL, ""), 0);
	TURN_UNTIL(h0->change == 1);
	ask_to_detach();
	bench_wait_state(bench.back, "5");
	half_say(h0, PVB_BLK_MSG_CHANGED);
	TURN_UNTIL(back_media == 1);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	assert_string_equal(get(bench.back, "params"), "");
	h0->quiet = false;
	front_state("6");
	TURN_UNTIL(back_retired == 1);
}

static void it_may_be_destroyed_in_the_middle(void **state)
{
	(void)state;
	connect_with("mem:1M");
	h0->quiet = true;
	assert_int_equal(change("mem:2M", "b"), 0);
	TURN_UNTIL(h0->load == 1);
	back_end();
	assert_int_equal(back_media, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(an_empty_drive_connects_with_no_sectors),
		BACK_TEST(an_empty_floppy_drive_may_be_written),
		BACK_TEST(
			what_changes_comes_with_connected_in_one_transaction),
		BACK_TEST(the_longest_name_of_a_disk_fits),
		BACK_TEST(params_stay_if_nothing_is_to_be_said),
		BACK_TEST(the_halves_load_before_any_of_them_changes),
		BACK_TEST(if_one_half_cannot_load_nothing_has_changed),
		BACK_TEST(a_disk_has_no_medium),
		BACK_TEST(a_drive_whose_disk_is_not_known_is_not_changed),
		BACK_TEST(one_change_at_a_time),
		BACK_TEST(a_medium_of_other_sectors_is_read_all_the_same),
		BACK_TEST(but_it_has_to_end_with_a_sector_of_the_drive),
		BACK_TEST(a_drive_that_writes_takes_what_can_be_written),
		BACK_TEST(without_a_front_it_is_simply_another),
		BACK_TEST(while_a_ring_is_attached_the_change_waits),
		BACK_TEST(while_a_ring_is_let_go_the_change_waits),
		BACK_TEST(a_front_that_goes_meanwhile_does_not_hinder_it),
		BACK_TEST(a_front_that_comes_anew_gets_what_is_there_then),
		BACK_TEST(a_half_that_dies_meanwhile_does_not_hinder_it),
		BACK_TEST(a_half_that_skips_its_answers_is_survived),
		BACK_TEST(a_wish_to_close_is_not_overwritten_by_it),
		BACK_TEST(it_may_be_destroyed_in_the_middle),
	};

	return cmocka_run_group_tests_name("back_ctl_medium", tests, NULL,
	                                   NULL);
}
