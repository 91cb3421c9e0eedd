/* SPDX-License-Identifier: MIT */
/*
 * test_conn_deaths.c - as test_conn_explore.c, and at any step a front or a
 * back dies, and another comes and finds what the dead have left.
 *
 * With PVB_TEST_LONG in the environment, instead of that: all of it at once,
 * 12 million worlds (600 MB, half a minute).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conn_explore_ways.h"

static void every_death_of_the_front_comes_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.timeout = true;
	r.front_lives = 2;
	assert_all_end(&r, IN_TIME, "the front dies, and another comes");
}

static void every_death_of_the_back_comes_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.timeout = true;
	r.back_lives = 2;
	assert_all_end(&r, IN_TIME, "the back dies, and another comes");
}

static void deaths_and_failures_of_both_leave_nothing_behind(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.stop = false;
	r.timeout = r.fail = true;
	r.front_lives = r.back_lives = 2;
	exploration_free(explore_well(&r, "both may die and fail"));
}

static void those_who_come_again_connect_again(void **state)
{
	struct rules r = orderly;
	struct exploration *x;

	(void)state;
	r.stop = false;
	r.front_lives = r.back_lives = 2;
	x = explore_well(&r, "both may die, nobody stops them");
	assert_not_stuck(x, REVIVED, world_is_settled, world_is_bereft);
	exploration_free(x);
}

static void whatever_the_nodes_held_they_connect(void **state)
{
	struct rules r = orderly;
	struct exploration *x;

	(void)state;
	r.stop = false;
	r.found = true;
	r.front_lives = r.back_lives = 2;
	x = explore_well(&r, "any nodes at first, and deaths");
	assert_not_stuck(x, REVIVED, world_is_settled, world_is_bereft);
	exploration_free(x);
}

static void a_back_that_goes_on_comes_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.timeout = r.resume = true;
	r.back_lives = 3;
	assert_all_end(&r, IN_TIME, "the back dies, and others go on");
}

static void where_backs_go_on_both_connect_again(void **state)
{
	struct rules r = orderly;
	struct exploration *x;

	(void)state;
	r.stop = false;
	r.resume = true;
	r.front_lives = r.back_lives = 2;
	x = explore_well(&r, "both may die, and the back goes on");
	assert_not_stuck(x, REVIVED, world_is_settled, world_is_bereft);
	exploration_free(x);
	r.fail = true;
	exploration_free(explore_well(&r, "both may die and fail, and the "
	                              "back goes on"));
}

static void a_driver_that_feeds_old_news_is_caught(void **state)
{
	struct rules r = orderly;

	(void)state;
	/* It takes a death of each for an old Closed to do harm. */
	r.stop = false;
	r.timeout = true;
	r.front_lives = r.back_lives = 2;
	assert_true(goes_wrong(&r, FEEDS_OLD_NEWS));
	assert_false(goes_wrong(&r, NO_FAULT));
}

static void all_of_it_at_once_comes_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.timeout = r.fail = true;
	r.front_lives = r.back_lives = 2;
	assert_all_end(&r, IN_TIME, "stops, deadlines, failures, deaths");
	r.fail = false;
	r.found = true;
	assert_all_end(&r, IN_TIME, "stops, deadlines, deaths, any nodes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_death_of_the_front_comes_to_an_end),
		cmocka_unit_test(every_death_of_the_back_comes_to_an_end),
		cmocka_unit_test(
			deaths_and_failures_of_both_leave_nothing_behind),
		cmocka_unit_test(those_who_come_again_connect_again),
		cmocka_unit_test(whatever_the_nodes_held_they_connect),
		cmocka_unit_test(a_back_that_goes_on_comes_to_an_end),
		cmocka_unit_test(where_backs_go_on_both_connect_again),
		cmocka_unit_test(a_driver_that_feeds_old_news_is_caught),
	};
	const struct CMUnitTest longer[] = {
		cmocka_unit_test(all_of_it_at_once_comes_to_an_end),
	};

	if (getenv("PVB_TEST_LONG"))
		return cmocka_run_group_tests(longer, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
