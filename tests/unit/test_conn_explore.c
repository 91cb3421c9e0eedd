/* SPDX-License-Identifier: MIT */
/*
 * test_conn_explore.c - every interleaving of the handshake between our front
 * and our back, with stops, deadlines and failures at any step.
 *
 * Never, in any of these worlds: a front ends grants that a living back maps
 * (but for a deadline); a back says Closed or retires with a ring in effect;
 * an end believes in a ring that is not there; something is done twice or out
 * of order; a request is lost where nobody failed.  And from all of them there
 * is a way to the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn_explore_ways.h"

static void both_ends_connect_by_themselves(void **state)
{
	struct rules r = orderly;
	struct exploration *x;

	(void)state;
	r.stop = false;
	r.repeat = true;
	x = explore_well(&r, "two that nobody stops");
	assert_not_stuck(x, BY_ITSELF, world_is_settled, NULL);
	exploration_free(x);
}

static void an_orderly_end_needs_no_deadline(void **state)
{
	struct rules r = orderly;
	struct exploration *x;

	(void)state;
	r.repeat = true;
	x = explore_well(&r, "orderly");
	assert_not_stuck(x, BY_OWNERS, world_is_over, NULL);
	/* Once one is told to stop it ends by itself, the other willing. */
	assert_not_stuck(x, BY_ITSELF, world_is_over, world_wants_front);
	assert_not_stuck(x, BY_ITSELF, world_has_no_back, world_wants_back);
	exploration_free(x);
	r.offline = true;
	assert_all_end(&r, BY_OWNERS, "orderly, the back is not to stay");
}

static void all_failures_and_deadlines_come_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.timeout = r.fail = true;
	assert_all_end(&r, IN_TIME, "every action may fail");
	r.back_stay = false;
	assert_all_end(&r, IN_TIME, "the same, and the back goes with it");
}

static void a_front_that_hands_over_comes_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.timeout = r.front_stay = true;
	assert_all_end(&r, IN_TIME, "the front leaves a fresh device");
}

static void whatever_the_nodes_held_they_come_to_an_end(void **state)
{
	struct rules r = orderly;

	(void)state;
	r.found = r.timeout = true;
	assert_all_end(&r, IN_TIME, "any nodes at first");
}

/* ---- a check that cannot fail is none ------------------------------------ */

static bool does_not_end(enum fault fault)
{
	struct rules with = orderly;
	struct exploration *x;
	bool stuck;

	with.fault = fault;
	x = explore(&with);
	assert_non_null(x);
	assert_null(exploration_wrong(x));
	stuck = exploration_stuck(x, BY_ITSELF, world_is_over,
				  world_wants_front);
	exploration_free(x);
	return stuck;
}

static void without_a_fault_nothing_is_caught(void **state)
{
	(void)state;
	assert_false(goes_wrong(&orderly, NO_FAULT));
	assert_false(does_not_end(NO_FAULT));
}

static void a_front_that_ends_grants_early_is_caught(void **state)
{
	(void)state;
	assert_true(goes_wrong(&orderly, FRONT_ENDS_EARLY));
}

static void a_front_that_never_says_closing_is_caught(void **state)
{
	(void)state;
	assert_true(does_not_end(FRONT_SKIPS_CLOSING));
}

static void a_back_that_stops_before_the_front_drained_is_caught(void **state)
{
	(void)state;
	assert_true(does_not_end(BACK_STOPS_EARLY));
}

static void a_back_that_forgets_to_detach_is_caught(void **state)
{
	(void)state;
	assert_true(goes_wrong(&orderly, BACK_FORGETS_DETACH));
}

static void a_back_that_says_closed_too_early_is_caught(void **state)
{
	(void)state;
	assert_true(goes_wrong(&orderly, BACK_CLOSES_EARLY));
}

static void a_driver_that_does_not_look_is_caught(void **state)
{
	(void)state;
	assert_true(does_not_end(IGNORES_LOOK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_connect_by_themselves),
		cmocka_unit_test(an_orderly_end_needs_no_deadline),
		cmocka_unit_test(all_failures_and_deadlines_come_to_an_end),
		cmocka_unit_test(a_front_that_hands_over_comes_to_an_end),
		cmocka_unit_test(whatever_the_nodes_held_they_come_to_an_end),
		cmocka_unit_test(without_a_fault_nothing_is_caught),
		cmocka_unit_test(a_front_that_ends_grants_early_is_caught),
		cmocka_unit_test(a_front_that_never_says_closing_is_caught),
		cmocka_unit_test(
			a_back_that_stops_before_the_front_drained_is_caught),
		cmocka_unit_test(a_back_that_forgets_to_detach_is_caught),
		cmocka_unit_test(a_back_that_says_closed_too_early_is_caught),
		cmocka_unit_test(a_driver_that_does_not_look_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
