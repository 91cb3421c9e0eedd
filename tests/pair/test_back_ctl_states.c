/* SPDX-License-Identifier: MIT */
/*
 * A back's control half and the states that fronts in the field go through:
 * those that skip some, boot loaders that hand a device on, words of another
 * protocol, and news that comes late, twice or not at all.
 */
#include "back_bench.h"

static struct half *const h0 = &bench.half[0];

/* ---- the way up ---------------------------------------------------------- */

static void expect_connected_once(void)
{
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(h0->drain, 0);
}

/* GRUB, NetBSD and Linux of 2006 say Initialised at once; Mini-OS, OVMF and
   Mirage say Connected. */
static void ready_before_there_is_a_back(const char *state)
{
	front_says(state, "8", "1");
	back_start();
	back_disk("mem:1M");
	expect_connected_once();
}

static void initialised_before_there_is_a_back(void **state)
{
	(void)state;
	ready_before_there_is_a_back("3");
}

static void connected_before_there_is_a_back(void **state)
{
	(void)state;
	ready_before_there_is_a_back("4");
}

static void ready_before_the_disk(const char *state)
{
	back_start();
	bench_wait_state(bench.back, "2");
	front_says(state, "8", "1");
	bench_settle();
	assert_int_equal(h0->attach, 0);
	back_disk("mem:1M");
	expect_connected_once();
}

static void initialised_before_the_disk_is_known(void **state)
{
	(void)state;
	ready_before_the_disk("3");
}

static void connected_before_the_disk_is_known(void **state)
{
	(void)state;
	ready_before_the_disk("4");
}

static void initialised_and_connected_in_one_look(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	front_state("4");
	expect_connected_once();
}

/* scsifront and its kin use these; a disk has no use for them. */
static void reconfiguring_is_no_word_for_a_disk(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_state("7");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "2");
	front_says("3", "8", "1");
	expect_connected_once();
	front_state("7");
	bench_settle();
	front_state("8");
	bench_settle();
	front_state("4");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(h0->drain, 0);
	front_state("6");
	bench_wait_state(bench.back, "6");
}

/* ---- hand-off ------------------------------------------------------------ */

/* As boot loaders clean up. */
static void delete_terms(void)
{
	take_away_node(bench.guest, bench.front, "ring-ref");
	take_away_node(bench.guest, bench.front, "event-channel");
	take_away_node(bench.guest, bench.front, "protocol");
}

/* The operating system, which waits for InitWait. */
static void expect_second_driver(void)
{
	bench_wait_state(bench.back, "2");
	front_says("3", "24", "7");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h0->detach, 1);
	assert_int_equal(h0->attached_as.u.back_attach.ring_ref[0], 24);
	assert_int_equal(h0->attached_as.u.back_attach.port, 7);
	assert_int_equal(back_status().why, PVB_OK);
	assert_int_equal(back_retired, 0);
}

static void mini_os_hands_over_step_by_step(void **state)
{
	(void)state;
	back_connect();
	front_state("5");
	bench_wait_state(bench.back, "5");
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_state("1");
	bench_wait_state(bench.back, "2");
	delete_terms();
	expect_second_driver();
	assert_int_equal(h0->cut, 0);
}

/* Closed at once, waits for Closed, deletes, Initialising. */
static void grub_hands_over_and_waits(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	bench_wait_state(bench.back, "6");
	delete_terms();
	front_state("1");
	expect_second_driver();
	assert_int_equal(h0->cut, 0);
}

/* All that is seen of it is Initialising. */
static void one_that_hands_over_without_waiting(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	delete_terms();
	front_state("1");
	expect_second_driver();
}

static void one_that_hands_over_while_the_ring_drains(void **state)
{
	(void)state;
	back_connect();
	h0->quiet = true;
	front_state("6");
	TURN_UNTIL(h0->drain == 1);
	delete_terms();
	front_state("1");
	bench_settle();
	assert_int_equal(h0->detach, 0);
	/* Nobody waits for what is in flight any more. */
	assert_int_equal(h0->cut, 1);
	half_say(h0, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h0->detach == 1);
	assert_string_not_equal(get(bench.back, "state"), "2");
	h0->quiet = false;
	half_say(h0, PVB_BLK_MSG_DETACHED);
	expect_second_driver();
}

/* All that is seen of it is another ring. */
static void a_second_driver_before_anybody_looked(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	delete_terms();
	front_state("1");
	front_says("3", "24", "7");
	TURN_UNTIL(h0->attach == 2);
	bench_wait_state(bench.back, "4");
	assert_int_equal(h0->detach, 1);
	assert_int_equal(h0->attached_as.u.back_attach.ring_ref[0], 24);
}

/* Not even Initialising: the state before it was Closed. */
static void a_second_driver_that_begins_with_its_ring(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_says("4", "24", "7");
	bench_wait_state(bench.back, "4");
	bench_settle();
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h0->attached_as.u.back_attach.port, 7);
}

/* Its ring may even have the numbers of the former one. */
static void a_second_driver_with_the_numbers_of_the_first(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	bench_wait_state(bench.back, "6");
	front_state("1");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(h0->attach, 2);
}

/* A boot menu may open and close a disk many times. */
static void as_often_as_it_likes(void **state)
{
	(void)state;
	back_start();
	back_disk("mem:1M");
	for (uint32_t i = 0; i < 20; i++) {
		bench_wait_state(bench.back, "2");
		front_says(i & 1 ? "3" : "4", "8", "1");
		bench_wait_state(bench.back, "4");
		assert_int_equal(h0->attach, i + 1);
		if (i & 2) {
			front_state("5");
			bench_wait_state(bench.back, "5");
		}
		front_state("6");
		bench_wait_state(bench.back, "6");
		assert_int_equal(h0->detach, i + 1);
		front_state("1");
	}
	bench_wait_state(bench.back, "2");
	assert_int_equal(bench.log_lines, 0);
}

static void a_device_that_is_taken_away_is_not_handed_on(void **state)
{
	(void)state;
	back_connect();
	front_state("6");
	ask_to_detach();
	front_state("1");
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(h0->attach, 1);
}

/* A toolstack has removed it, and has one of that name again: nothing that is
   there now is for us. */
static void a_directory_that_was_made_again_is_anothers(void **state)
{
	(void)state;
	back_connect();
	put(bench.tools, bench.back, "state", "1");
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "1");
}

static void also_one_that_was_made_while_it_closes(void **state)
{
	(void)state;
	back_connect();
	ask_to_detach();
	bench_wait_state(bench.back, "5");
	put(bench.tools, bench.back, "state", "1");
	front_state("6");
	TURN_UNTIL(back_retired == 1);
	assert_string_equal(get(bench.back, "state"), "1");
}

/* ---- the size ------------------------------------------------------------ */

/* Whatever state a front is in when the size changes, it reads it once it
   looks. */
static void a_size_that_changes_before_the_front_has_said_connected(void **s)
{
	struct pvb_err e = PVB_ERR_INIT;
	char path[96], uri[128];

	(void)s;
	snprintf(path, sizeof(path), "%s/image", bench.machine.dir);
	snprintf(uri, sizeof(uri), "file:%s", path);
	fclose(fopen(path, "w"));
	assert_int_equal(truncate(path, 1 << 20), 0);
	back_start();
	back_disk(uri);
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	assert_int_equal(truncate(path, 2 << 20), 0);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	TURN_UNTIL(!strcmp(get(bench.back, "sectors"), "4096"));
	assert_string_equal(get(bench.back, "state"), "4");
	/* But not one that has left: Closing stands. */
	front_state("5");
	bench_wait_state(bench.back, "5");
	assert_int_equal(truncate(path, 3 << 20), 0);
	assert_int_equal(pvb_blkback_ctl_resize(back, &e), 0);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	assert_string_equal(get(bench.back, "sectors"), "4096");
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(initialised_before_there_is_a_back),
		BACK_TEST(connected_before_there_is_a_back),
		BACK_TEST(initialised_before_the_disk_is_known),
		BACK_TEST(connected_before_the_disk_is_known),
		BACK_TEST(initialised_and_connected_in_one_look),
		BACK_TEST(reconfiguring_is_no_word_for_a_disk),
		BACK_TEST(mini_os_hands_over_step_by_step),
		BACK_TEST(grub_hands_over_and_waits),
		BACK_TEST(one_that_hands_over_without_waiting),
		BACK_TEST(one_that_hands_over_while_the_ring_drains),
		BACK_TEST(a_second_driver_before_anybody_looked),
		BACK_TEST(a_second_driver_that_begins_with_its_ring),
		BACK_TEST(a_second_driver_with_the_numbers_of_the_first),
		BACK_TEST(as_often_as_it_likes),
		BACK_TEST(a_device_that_is_taken_away_is_not_handed_on),
		BACK_TEST(a_directory_that_was_made_again_is_anothers),
		BACK_TEST(also_one_that_was_made_while_it_closes),
		BACK_TEST(
		a_size_that_changes_before_the_front_has_said_connected),
	};

	return cmocka_run_group_tests_name("back_ctl_states", tests, NULL,
	                                   NULL);
}
