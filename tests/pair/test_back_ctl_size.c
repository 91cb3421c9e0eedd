/* SPDX-License-Identifier: MIT */
/* A back's control half and a disk whose size changes. */
#include "back_bench.h"

static void start_on_image(char path[96])
{
	char uri[128];

	snprintf(path, 96, "%s/image", bench.machine.dir);
	snprintf(uri, sizeof(uri), "file:%s", path);
	fclose(fopen(path, "w"));
	assert_int_equal(truncate(path, 1 << 20), 0);
	back_start();
	back_disk(uri);
}

static void connect_to_image(char path[96])
{
	start_on_image(path);
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
}

/* A connection to an image of 1 MiB, which is over. */
static void connect_image_once(char path[96])
{
	connect_to_image(path);
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_state("1");
	bench_wait_state(bench.back, "2");
}

static void say_two_queues(void)
{
	put_all(bench.guest, bench.front, "multi-queue-num-queues", "2",
	        "protocol", "x86_64-abi", "queue-0/ring-ref", "8",
	        "queue-0/event-channel", "1", "queue-1/ring-ref", "10",
	        "queue-1/event-channel", "2", "state", "3", NULL);
}

static void connect_two_queues_to_image(char path[96])
{
	start_on_image(path);
	bench_wait_state(bench.back, "2");
	say_two_queues();
	bench_wait_state(bench.back, "4");
}

static void a_disk_that_has_grown_is_told_to_half_and_front(void **state)
{
	char path[96];
	struct pvb_err e = PVB_ERR_INIT;
	uint32_t tx;

	(void)state;
	connect_to_image(path);
	assert_int_equal(truncate(path, 2 << 20), 0);
	bench.spy.writes = 0;
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	TURN_UNTIL(!strcmp(get(bench.back, "sectors"), "4096"));
	tx = spy_store_tx(&bench.spy, "/state", "4");
	assert_in_range(tx, 1, UINT32_MAX - 1);
	assert_int_equal(spy_store_tx(&bench.spy, "/sectors", "4096"), tx);
	assert_int_equal(bench.half[0].resized, 1);
	assert_int_equal(bench.half[0].last.u.geometry.sectors, 4096);
	/* Nothing new is said of nothing new, nor of what cannot be. */
	bench.spy.writes = 0;
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	assert_int_equal(truncate(path, 1 << 20), 0);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), -EINVAL);
	assert_int_equal(bench.spy.writes, 0);
	assert_string_equal(get(bench.back, "sectors"), "4096");
	unlink(path);
}

/* Whoever has not heard of it would refuse what the front asks for. */
static void the_front_is_told_once_all_halves_have_grown(void **state)
{
	char path[96];
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	connect_two_queues_to_image(path);
	bench.half[0].quiet = bench.half[1].quiet = true;
	assert_int_equal(truncate(path, 2 << 20), 0);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	half_say(&bench.half[0], PVB_BLK_MSG_GROWN);
	bench_settle();
	assert_string_equal(get(bench.back, "sectors"), "2048");
	assert_int_equal(truncate(path, 3 << 20), 0);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	half_say(&bench.half[1], PVB_BLK_MSG_GROWN);
	half_say(&bench.half[1], PVB_BLK_MSG_GROWN);
	half_say(&bench.half[1], PVB_BLK_MSG_GROWN);    /* one too many */
	bench_settle();
	assert_string_equal(get(bench.back, "sectors"), "2048");
	half_say(&bench.half[0], PVB_BLK_MSG_GROWN);
	TURN_UNTIL(!strcmp(get(bench.back, "sectors"), "6144"));
	unlink(path);
}

static void a_half_that_leaves_need_not_grow(void **state)
{
	char path[96];
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	connect_two_queues_to_image(path);
	bench.half[1].quiet = true;
	assert_int_equal(truncate(path, 2 << 20), 0);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	bench_settle();
	bench.half[1].quiet = false;
	front_state("6");
	bench_wait_state(bench.back, "6");
	assert_string_equal(get(bench.back, "sectors"), "2048");
	front_state("1");
	bench_wait_state(bench.back, "2");
	say_two_queues();
	bench_wait_state(bench.back, "4");
	assert_string_equal(get(bench.back, "sectors"), "4096");
	unlink(path);
}

static void a_half_that_sees_the_disk_grow_reports_it(void **state)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_REPORT };
	char path[96];

	(void)state;
	connect_to_image(path);
	assert_int_equal(truncate(path, 2 << 20), 0);
	m.u.report.kind = PVB_BLK_REPORT_SIZE;
	m.u.report.value = UINT64_MAX;          /* nobody believes that */
	assert_int_equal(pvb_link_send(&bench.half[0].link, &m, sizeof(m),
	                               NULL, 0), 0);
	TURN_UNTIL(!strcmp(get(bench.back, "sectors"), "4096"));
	assert_int_equal(bench.half[0].resized, 1);
	unlink(path);
}

static void each_connection_begins_with_the_size_of_now(void **state)
{
	char path[96];

	(void)state;
	connect_image_once(path);
	assert_int_equal(truncate(path, 3 << 20), 0);
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attached_as.u.back_attach.geometry
	                 .sectors, 6144);
	assert_int_equal(bench.half[0].attached_as.u.back_attach.disk.info
	                 .size_bytes, 3 << 20);
	assert_string_equal(get(bench.back, "sectors"), "6144");
	unlink(path);
}

static void what_has_shrunk_is_refused_until_it_is_as_it_was(void **state)
{
	static const char says[] =
		"disk.img: has shrunk from 1048576 to 4096 bytes";
	char path[96];

	(void)state;
	connect_image_once(path);
	assert_int_equal(truncate(path, 4096), 0);
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "5");
	assert_int_equal(back_status().why, PVB_WHY_DISK);
	assert_string_equal(get(bench.back, "hotplug-error"), says);
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(truncate(path, 1 << 20), 0);
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_state("1");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(a_disk_that_has_grown_is_told_to_half_and_front),
		BACK_TEST(the_front_is_told_once_all_halves_have_grown),
		BACK_TEST(a_half_that_leaves_need_not_grow),
		BACK_TEST(a_half_that_sees_the_disk_grow_reports_it),
		BACK_TEST(each_connection_begins_with_the_size_of_now),
		BACK_TEST(what_has_shrunk_is_refused_until_it_is_as_it_was),
	};

	return cmocka_run_group_tests_name("back_ctl_size", tests, NULL, NULL);
}
