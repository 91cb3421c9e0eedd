/* SPDX-License-Identifier: MIT */
/*
 * What a back's control half finds when it comes, without a journal to go on
 * by: each state of its own node and of the front's.  And fronts that stop
 * half-way: what is held for them, and who ends it.
 */
#include "back_bench.h"

static struct half *const h = &bench.half[0];

enum { STATES = PVB_XB_COUNT };

static void write_state(struct pvb_store *s, const char *dir, uint32_t state)
{
	char text[4];

	(void)snprintf(text, sizeof(text), "%u", state);
	put(s, dir, "state", text);
}

static bool is_ready(uint32_t state)
{
	return state == PVB_XB_INITIALISED || state == PVB_XB_CONNECTED;
}

/* What it says in the end. */
static const char *answer_to(uint32_t own, uint32_t front, bool online)
{
	if (own == PVB_XB_CLOSING)
		return "6";             /* what was asked for is finished */
	if (is_ready(front))
		return "4";
	if (front == PVB_XB_CLOSING)    /* nothing is held for it */
		return online ? "5" : "6";
	return front == PVB_XB_CLOSED ? "6" : "2";
}

/* As the nodes stand; former workers are buried where that is asked for. */
static void come(void)
{
	back_outlives = true;
	back_left = -ENOENT;
	back_start();
	bench_settle();
	if (back_graves > 0)
		pvb_blkback_ctl_buried(back, PVB_OK, NULL);
	bench_settle();
	if (back)
		back_disk("mem:1M");
	bench_settle();
}

static void go(void)
{
	pvb_blkback_ctl_destroy(back);
	back = NULL;
	bench_settle();
}

static void find(uint32_t own, uint32_t front, bool online)
{
	uint32_t attached = h->attach;
	const char *says = answer_to(own, front, online);

	put(bench.tools, bench.back, "online", online ? "1" : "0");
	put_all(bench.guest, bench.front, "ring-ref", "8", "event-channel",
	        "1", "protocol", "x86_64-abi", NULL);
	write_state(bench.guest, bench.front, front);
	write_state(bench.tools, bench.back, own);
	come();
	if (strcmp(get(bench.back, "state"), says) != 0)
		fail_msg("own %u, front %u, online %d: says %s, not %s", own,
		         front, online, get(bench.back, "state"), says);
	assert_int_equal(h->attach - attached, strcmp(says, "4") == 0);
	/* Whoever is closed and not online is nobody's any more. */
	assert_int_equal(back_retired, strcmp(says, "6") == 0 &&
	                               (!online || own == PVB_XB_CLOSING));
	go();
}

static void each_state_of_both(void **state)
{
	(void)state;
	for (uint32_t own = 0; own < STATES; own++)
		for (uint32_t front = 0; front < STATES; front++)
			find(own, front, true);
}

/* Closed and not online: nobody begins that at all. */
static void each_of_one_that_is_to_go(void **state)
{
	(void)state;
	for (uint32_t own = 0; own < STATES; own++)
		for (uint32_t front = 0; front < STATES; front++)
			if (own != PVB_XB_CLOSED)
				find(own, front, false);
}

static void and_of_one_whose_front_is_gone(void **state)
{
	(void)state;
	take_away(bench.tools, bench.front);
	for (uint32_t own = 0; own < STATES; own++) {
		write_state(bench.tools, bench.back, own);
		come();
		assert_string_equal(get(bench.back, "state"), "6");
		assert_int_equal(h->attach, 0);
		go();
	}
}

/* ---- half-way ------------------------------------------------------------ */

static void pass_an_hour(void)
{
	pvb_loop_turn_clock(bench.loop, 3600 * UINT64_C(1000000000));
	bench_settle();
}

static void end_by_force(void)
{
	pvb_blkback_ctl_stop(back, true);
	TURN_UNTIL(back_retired > 0);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(h->attach, h->detach);
}

/* Nothing is held for it. */
static void one_that_only_begins(void **state)
{
	(void)state;
	write_state(bench.guest, bench.front, PVB_XB_INITIALISING);
	come();
	pass_an_hour();
	assert_string_equal(get(bench.back, "state"), "2");
	assert_int_equal(h->attach, 0);
	ask_to_detach();
	TURN_UNTIL(back_retired > 0);
	assert_string_equal(get(bench.back, "state"), "6");
}

/* Its ring is served: that is what it has a disk for. */
static void one_that_never_says_connected(void **state)
{
	(void)state;
	come();
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	pass_an_hour();
	assert_int_equal(back_status().peer, PVB_XB_INITIALISED);
	assert_string_equal(get(bench.back, "state"), "4");
	ask_to_detach();
	bench_wait_state(bench.back, "5");
	pass_an_hour();
	assert_int_equal(h->detach, 0);
	end_by_force();
}

/* It may have its disk in use; what it asks is answered as long. */
static void one_that_closes_and_never_has(void **state)
{
	(void)state;
	come();
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	front_state("5");
	bench_wait_state(bench.back, "5");
	pass_an_hour();
	assert_int_equal(h->drain, 0);
	assert_int_equal(back_status().peer, PVB_XB_CLOSING);
	assert_true(back_status().live);
	end_by_force();
}

static void one_that_has_closed_and_stays(void **state)
{
	(void)state;
	come();
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	front_state("6");
	bench_wait_state(bench.back, "6");
	assert_int_equal(h->detach, 1);
	pass_an_hour();
	assert_int_equal(back_retired, 0);
	put(bench.tools, bench.back, "online", "0");
	TURN_UNTIL(back_retired > 0);
}

/* Refused for what it published, it is told to close, and nothing is held. */
static void one_that_is_refused_and_stays(void **state)
{
	(void)state;
	come();
	front_says("3", "nonsense", "1");
	bench_wait_state(bench.back, "5");
	pass_an_hour();
	assert_int_equal(h->attach, 0);
	assert_true(back_status().why != PVB_OK);
	ask_to_detach();
	TURN_UNTIL(back_retired > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(each_state_of_both),
		BACK_TEST(each_of_one_that_is_to_go),
		BACK_TEST(and_of_one_whose_front_is_gone),
		BACK_TEST(one_that_only_begins),
		BACK_TEST(one_that_never_says_connected),
		BACK_TEST(one_that_closes_and_never_has),
		BACK_TEST(one_that_has_closed_and_stays),
		BACK_TEST(one_that_is_refused_and_stays),
	};

	return cmocka_run_group_tests_name("back_ctl_found", tests, NULL,
	                                   NULL);
}
