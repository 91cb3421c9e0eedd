/* SPDX-License-Identifier: MIT */
/* A back's control half and fronts, halves, disks and toolstacks that are not
   as they should be. */
#include "back_bench.h"

/* Toggles of one node.  More than any queue of events on the way holds. */
enum { STORM = 20000 };

/* ---- death and rebirth --------------------------------------------------- */

static void a_front_whose_domain_dies_is_undone(void **state)
{
	(void)state;
	back_connect();
	bench_kill_front();
	bench_wait_state(bench.back, "6");
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_int_equal(back_retired, 0);
}

static void the_word_of_a_dead_front_is_not_heard(void **state)
{
	(void)state;
	back_connect();
	bench_kill_front();
	bench_wait_state(bench.back, "6");
	/* It lives again, and what it published then still stands there. */
	bench_boot_front();
	front_state("4");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(bench.half[0].attach, 1);
	/* Until it says something new. */
	front_state("1");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 2);
}

static void a_front_that_comes_back_as_another_is_heard(void **state)
{
	(void)state;
	back_connect();
	bench_kill_front();
	bench_wait_state(bench.back, "6");
	bench_boot_front();
	front_says("3", "24", "7");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 2);
	assert_int_equal(bench.half[0].attached_as.u.back_attach.ring_ref[0],
	                 24);
}

static void another_ring_under_the_same_state_is_another_front(void **state)
{
	(void)state;
	back_connect();
	front_says("4", "24", "7");
	TURN_UNTIL(bench.half[0].attach == 2);
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_int_equal(bench.half[0].attached_as.u.back_attach.port, 7);
}

static void the_same_state_again_is_nothing_new(void **state)
{
	(void)state;
	back_connect();
	front_says("4", "8", "1");
	front_state("3");
	front_state("4");
	bench_settle();
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(bench.half[0].drain, 0);
	assert_string_equal(get(bench.back, "state"), "4");
}

static void a_front_directory_that_is_removed_is_a_death(void **state)
{
	(void)state;
	back_connect();
	take_away(bench.tools, bench.front);
	bench_wait_state(bench.back, "6");
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 1);
	TURN_UNTIL(back_retired == 1);
}

static void a_front_that_goes_before_the_disk_comes(void **state)
{
	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_settle();
	bench_kill_front();
	bench_wait_state(bench.back, "6");
	back_disk("mem:1M");
	bench_settle();
	assert_int_equal(bench.half[0].attach, 0);
}

static void a_front_that_changes_before_the_disk_comes(void **state)
{
	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_settle();
	front_says("3", "24", "7");
	bench_settle();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(bench.half[0].attached_as.u.back_attach.ring_ref[0],
	                 24);
}

/* ---- hostile nodes ------------------------------------------------------- */

static void any_state_may_be_written(void **state)
{
	static const char *const values[] = {
		"", "0", "7", "8", "9", "10", "-1", "+3", " 3", "3 ", "0x3",
		"three", "4294967299", "18446744073709551619",
		"99999999999999999999999", "\n3", "3\n",
	};
	char *long_one = calloc(1, 4001);

	(void)state;
	back_connect();
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		front_state(values[i]);
		bench_settle();
	}
	memset(long_one, '4', 2000);
	front_state(long_one);
	free(long_one);
	bench_settle();
	/* None of these is a word of the protocol: nothing has changed. */
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(bench.half[0].drain, 0);
	assert_string_equal(get(bench.back, "state"), "4");
	front_state("6");
	bench_wait_state(bench.back, "6");
}

static void a_state_with_a_nul_is_that_state(void **state)
{
	(void)state;
	back_connect();
	assert_int_equal(bench.guest->ops->write(bench.guest, 0,
	                 "/local/domain/3/device/vbd/51712/state", "6", 2), 0);
	bench_wait_state(bench.back, "6");
}

static void a_storm_of_states_costs_little(void **state)
{
	uint32_t reads;

	(void)state;
	back_connect();
	reads = bench.spy.reads;
	for (int i = 0; i < STORM; i++)
		front_state(i & 1 ? "4" : "3");
	bench_settle();
	assert_in_range(bench.spy.reads - reads, 1, STORM / 10);
	assert_int_equal(bench.half[0].attach, 1);
	assert_string_equal(get(bench.back, "state"), "4");
}

/* ---- refusals ------------------------------------------------------------ */

struct refusal {
	const char *name, *value;       /* written with state 3 */
	enum pvb_why why;
	const char *says;
};

static void refuse_one(const struct refusal *f)
{
	uint64_t before = back_status().refused[f->why];
	const char *error;

	put_all(bench.guest, bench.front, "ring-ref", "8", "event-channel",
	        "1", "protocol", "x86_64-abi", NULL);
	put(bench.guest, bench.front, f->name, f->value);
	front_state("3");
	bench_wait_state(bench.back, "5");
	assert_int_equal(back_status().why, f->why);
	assert_int_equal(back_status().refused[f->why], before + 1);
	error = back_error();
	if (!strstr(error, f->says) || !strstr(error, pvb_why_name(f->why)))
		fail_msg("%s=%s: \"%s\"", f->name, f->value, error);
	assert_int_equal(bench.half[0].attach, 0);
	/* It may try again, and the complaint goes when it works. */
	take_away_node(bench.guest, bench.front, f->name);
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_state("1");
	bench_wait_state(bench.back, "2");
}

static void each_refusal_is_told_with_its_reason(void **state)
{
	static const struct refusal refusals[] = {
		{ "ring-ref", "", PVB_WHY_KEY_SYNTAX, "/ring-ref\"" },
		{ "ring-ref", "-1", PVB_WHY_KEY_SYNTAX, "/ring-ref\"" },
		{ "event-channel", "4294967296", PVB_WHY_KEY_LIMIT,
		  "/event-channel\"" },
		{ "ring-page-order", "5", PVB_WHY_KEY_LIMIT,
		  "/ring-page-order\"" },
		{ "num-ring-pages", "3", PVB_WHY_KEY_SYNTAX,
		  "/num-ring-pages\"" },
		{ "multi-queue-num-queues", "0", PVB_WHY_KEY_LIMIT,
		  "/multi-queue-num-queues\"" },
		{ "multi-queue-num-queues", "5", PVB_WHY_KEY_LIMIT,
		  "/multi-queue-num-queues\"" },
		{ "multi-queue-num-queues", "2", PVB_WHY_KEY_MISSING,
		  "event-channel\"" },
		{ "protocol", "X86_64-ABI", PVB_WHY_ABI_UNKNOWN,
		  "/protocol\"" },
		{ "feature-large-sector-size", "", PVB_WHY_KEY_SYNTAX,
		  "/feature-large-sector-size\"" },
		{ "feature-large-sector-size", "1", PVB_WHY_KEY_CONFLICT,
		  "/feature-large-sector-size\"" },
	};

	(void)state;
	back_sector_size = 4096;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		refuse_one(&refusals[i]);
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	bench_settle();
	assert_string_equal(back_error(), "");
	assert_int_equal(back_status().why, PVB_OK);
	/* Each reason was logged, but none of them more than three times. */
	assert_in_range(bench.log_lines, 4, 9);
}

/* ---- data halves --------------------------------------------------------- */

static void a_half_that_refuses_is_told(void **state)
{
	static const char says[] = "disk.img: refused by the test";

	(void)state;
	bench.half[0].refuse = PVB_WHY_DISK;
	back_start();
	back_disk("mem:1M");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "5");
	assert_int_equal(back_status().why, PVB_WHY_DISK);
	assert_int_equal(back_status().refused[PVB_WHY_DISK], 1);
	assert_string_equal(back_status().text, says);
	assert_non_null(strstr(back_error(), says));
	/* A front may not look there, but here. */
	assert_string_equal(get(bench.back, "hotplug-error"), says);
	assert_string_equal(get(bench.back, "hotplug-status"), "connected");
	assert_int_equal(bench.half[0].detach, 0);
	front_state("6");
	bench_wait_state(bench.back, "6");
	bench.half[0].refuse = PVB_OK;
	front_state("1");
	bench_wait_state(bench.back, "2");
	/* That was another front's. */
	bench_settle();
	assert_string_equal(get(bench.back, "hotplug-error"), "");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
}

static void a_long_name_leaves_room_for_the_reason(void **state)
{
	static char name[200];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	back_disk_name = name;
	bench.half[0].refuse = PVB_WHY_DISK;
	back_start();
	back_disk("mem:1M");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "5");
	assert_string_equal(back_status().text,
	                    "the disk: refused by the test");
}

static void if_one_queue_fails_the_others_are_undone(void **state)
{
	(void)state;
	bench.half[1].refuse = PVB_WHY_ATTACH;
	back_start();
	back_disk("mem:1M");
	put_all(bench.guest, bench.front, "multi-queue-num-queues", "2",
	        "protocol", "x86_64-abi", "queue-0/ring-ref", "8",
	        "queue-0/event-channel", "1", "queue-1/ring-ref", "10",
	        "queue-1/event-channel", "2", "state", "3", NULL);
	bench_wait_state(bench.back, "5");
	assert_int_equal(bench.half[0].drain, 1);
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_int_equal(bench.half[1].detach, 0);
	assert_int_equal(back_status().why, PVB_WHY_ATTACH);
	assert_int_equal(back_status().refused[PVB_WHY_ATTACH], 1);
}

static void a_half_that_dies_ends_the_connection(void **state)
{
	(void)state;
	back_connect();
	pvb_link_fini(&bench.half[0].link);
	TURN_UNTIL(back_status().why != PVB_OK);
	bench_wait_state(bench.back, "6");
	assert_non_null(strstr(back_error(), "has died"));
	assert_non_null(strstr(get(bench.back, "hotplug-error"), "has died"));
	/* Another front gets another half. */
	front_state("6");
	bench_settle();
	front_state("1");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(bench.half[0].attach, 2);
}

static void a_half_that_dies_while_it_attaches_is_a_refusal(void **state)
{
	(void)state;
	bench.half[0].quiet = true;
	back_start();
	back_disk("mem:1M");
	front_says("3", "8", "1");
	TURN_UNTIL(bench.half[0].attach == 1);
	pvb_link_fini(&bench.half[0].link);
	bench_wait_state(bench.back, "5");
	assert_int_equal(back_status().why, PVB_WHY_ATTACH);
}

static void a_half_that_dies_when_it_is_to_let_go_has_done_so(void **state)
{
	(void)state;
	back_connect();
	bench.half[0].quiet = true;
	front_state("6");
	TURN_UNTIL(bench.half[0].drain == 1);
	pvb_link_fini(&bench.half[0].link);
	bench_wait_state(bench.back, "6");
}

static void a_broken_data_path_closes_with_its_reason(void **state)
{
	(void)state;
	back_connect();
	half_say_failed(&bench.half[0], PVB_WHY_RING_INDEX, "a\nlie\x1b[");
	TURN_UNTIL(bench.half[0].detach == 1);
	bench_settle();
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(back_status().why, PVB_WHY_RING_INDEX);
	assert_int_equal(back_status().refused[PVB_WHY_RING_INDEX], 1);
	assert_string_equal(back_status().text, "a?lie?[");
	assert_non_null(strstr(back_error(), "a?lie?["));
}

static void a_half_may_say_what_it_likes(void **state)
{
	struct pvb_blk_msg m;

	(void)state;
	back_connect();
	for (uint32_t type = 0; type < 80; type++) {
		memset(&m, 0xff, sizeof(m));
		m.type = type;
		if (type == PVB_BLK_MSG_FAILED)
			continue;
		assert_int_equal(pvb_link_send(&bench.half[0].link, &m,
		                               sizeof(m), NULL, 0), 0);
		bench_turn();
	}
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	memset(&m, 0xff, sizeof(m));
	m.type = PVB_BLK_MSG_FAILED;
	assert_int_equal(pvb_link_send(&bench.half[0].link, &m, sizeof(m),
	                               NULL, 0), 0);
	TURN_UNTIL(bench.half[0].detach == 1);
	bench_settle();
	assert_int_equal(back_status().why, PVB_WHY_STATE);
}

/* ---- disks --------------------------------------------------------------- */

static void a_disk_that_cannot_be_had_closes_the_device(void **state)
{
	struct pvb_err e = { -ENOENT, "/no/image: No such file or directory" };

	(void)state;
	back_start();
	bench_wait_state(bench.back, "2");
	pvb_blkback_ctl_disk(back, NULL, NULL, &e);
	bench_wait_state(bench.back, "6");
	assert_string_equal(get(bench.back, "hotplug-status"), "error");
	assert_string_equal(get(bench.back, "hotplug-error"), e.text);
	assert_non_null(strstr(back_error(), e.text));
	/* It stays to be seen, whatever is written, until it is taken away. */
	put(bench.tools, bench.back, "state", "5");
	bench_wait_state(bench.back, "6");
	bench_settle();
	assert_int_equal(back_retired, 0);
	assert_int_equal(back_status().why, PVB_WHY_DISK);
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 1);
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
}

static void a_front_that_waits_for_a_bad_disk_is_let_go(void **state)
{
	struct pvb_err e = { -EACCES, "no" };

	(void)state;
	back_start();
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "2");
	bench_settle();
	pvb_blkback_ctl_disk(back, NULL, NULL, &e);
	bench_wait_state(bench.back, "6");
	assert_int_equal(bench.half[0].attach, 0);
}

static void a_disk_that_cannot_be_presented_so_is_refused(void **state)
{
	static const struct {
		const char *uri, *says;
		uint32_t sector;
		bool shared;
	} bad[] = {
		{ "mem:1M?sector-size=4096", "cannot be shared", 512, true },
		{ "mem:1049088", "is not a multiple", 4096, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		back_sector_size = bad[i].sector;
		back_shared = bad[i].shared;
		put(bench.tools, bench.back, "state", "1");
		put(bench.tools, bench.back, "online", "1");
		back_start();
		back_disk(bad[i].uri);
		bench_wait_state(bench.back, "6");
		if (!strstr(back_error(), bad[i].says))
			fail_msg("%s: %s", bad[i].uri, back_error());
		assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev),
		                 1);
		TURN_UNTIL(back_retired == 1);
	}
}

/* ---- toolstacks ---------------------------------------------------------- */

static void write_5(void)
{
	ask_to_detach();
}

static void a_wish_to_close_is_not_overwritten(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	bench.half[0].quiet = true;
	front_says("3", "8", "1");
	TURN_UNTIL(bench.half[0].attach == 1);
	/* It comes between our reading and our writing. */
	bench.spy.before_commit = write_5;
	bench.half[0].quiet = false;
	half_say(&bench.half[0], PVB_BLK_MSG_ATTACHED);
	TURN_UNTIL(bench.spy.before_commit == NULL);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	front_state("6");
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(bench.half[0].detach, 1);
}

static void a_directory_that_is_removed_is_not_made_again(void **state)
{
	(void)state;
	back_connect();
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
	TURN_UNTIL(back_retired == 1);
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_false(is_there(bench.back, "state"));
	assert_false(is_there("/local/domain/0/backend", "pvb"));
}

static void remove_all(void)
{
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
}

static void not_even_when_it_goes_while_we_write(void **state)
{
	(void)state;
	back_start();
	bench.spy.before_commit = remove_all;
	TURN_UNTIL(back_retired == 1);
	assert_false(is_there("/local/domain/0/backend", "pvb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(a_front_whose_domain_dies_is_undone),
		BACK_TEST(the_word_of_a_dead_front_is_not_heard),
		BACK_TEST(a_front_that_comes_back_as_another_is_heard),
		BACK_TEST(another_ring_under_the_same_state_is_another_front),
		BACK_TEST(the_same_state_again_is_nothing_new),
		BACK_TEST(a_front_directory_that_is_removed_is_a_death),
		BACK_TEST(a_front_that_goes_before_the_disk_comes),
		BACK_TEST(a_front_that_changes_before_the_disk_comes),
		BACK_TEST(any_state_may_be_written),
		BACK_TEST(a_state_with_a_nul_is_that_state),
		BACK_TEST(a_storm_of_states_costs_little),
		BACK_TEST(each_refusal_is_told_with_its_reason),
		BACK_TEST(a_half_that_refuses_is_told),
		BACK_TEST(a_long_name_leaves_room_for_the_reason),
		BACK_TEST(if_one_queue_fails_the_others_are_undone),
		BACK_TEST(a_half_that_dies_ends_the_connection),
		BACK_TEST(a_half_that_dies_while_it_attaches_is_a_refusal),
		BACK_TEST(a_half_that_dies_when_it_is_to_let_go_has_done_so),
		BACK_TEST(a_broken_data_path_closes_with_its_reason),
		BACK_TEST(a_half_may_say_what_it_likes),
		BACK_TEST(a_disk_that_cannot_be_had_closes_the_device),
		BACK_TEST(a_front_that_waits_for_a_bad_disk_is_let_go),
		BACK_TEST(a_disk_that_cannot_be_presented_so_is_refused),
		BACK_TEST(a_wish_to_close_is_not_overwritten),
		BACK_TEST(a_directory_that_is_removed_is_not_made_again),
		BACK_TEST(not_even_when_it_goes_while_we_write),
	};

	return cmocka_run_group_tests_name("back_ctl_bad", tests, NULL, NULL);
}
