/* SPDX-License-Identifier: MIT */
/* test_conn_front.c - a front closes, or comes after one that died. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn_ways.h"

/* ---- a front closes ------------------------------------------------------ */

static void a_front_closes_step_by_step(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(ev(&c, PVB_EV_STOP), DRAIN);
	assert_did(&c, ev(&c, PVB_EV_DRAINED), SAY | LOOK, PVB_XB_CLOSING);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY | LOOK, PVB_XB_CLOSED);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), 0);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DETACH | UNPUBLISH);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), RETIRE);
	assert_true(pvb_conn_is_retired(&c));
	assert_true(pvb_conn_is_quiet(&c));
	assert_int_equal(c.why, PVB_OK);
}

static void a_front_follows_a_back_that_closes(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), DRAIN);
	assert_did(&c, ev(&c, PVB_EV_DRAINED), SAY | LOOK, PVB_XB_CLOSING);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY | LOOK, PVB_XB_CLOSED);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DETACH | UNPUBLISH);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), RETIRE);
	assert_int_equal(c.why, PVB_WHY_STATE);
}

static void a_front_cuts_when_the_back_has_closed(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN | CUT);
	front_live(&c);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), DRAIN | CUT);
	front_live(&c);
	assert_int_equal(ev(&c, PVB_EV_STOP), DRAIN);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), 0);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), CUT);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), 0);
}

/* It has another ring in mind, or none. */
static void a_front_cuts_when_the_back_begins_anew(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), DRAIN | CUT);
	assert_int_equal(c.why, PVB_WHY_STATE);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
	front_live(&c);
	assert_int_equal(peer(&c, PVB_XB_INITIALISING), DRAIN | CUT);
	front_live(&c);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), 0);
	assert_int_equal(peer(&c, PVB_XB_UNKNOWN), 0);
	front_offered(&c);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), 0);
	assert_int_equal(peer(&c, PVB_XB_INITIALISING), 0);
}

static void a_drain_that_cannot_end_is_cut(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	(void)ev(&c, PVB_EV_STOP);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), CUT);
	front_live(&c);
	(void)ev(&c, PVB_EV_STOP);
	assert_int_equal(failed(&c, 0), CUT);
	front_offered(&c);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), DRAIN | CUT);
	front_offered(&c);
	assert_int_equal(failed(&c, 0), DRAIN | CUT);
	front_offered(&c);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), DRAIN);
}

static void grants_outlive_a_closed_that_is_older_than_ours(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN | CUT);
	assert_int_equal(ev(&c, PVB_EV_DRAINED), SAY | LOOK);
	assert_did(&c, peer(&c, PVB_XB_CLOSED), SAY | LOOK, PVB_XB_CLOSED);
	/* It has begun anew meanwhile, and may map. */
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), 0);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DETACH | UNPUBLISH);
}

static void a_front_ends_each_wait_by_a_deadline(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), 0);
	assert_int_equal(ev(&c, PVB_EV_STOP), DRAIN);
	assert_true(pvb_conn_is_waiting(&c));
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), CUT);
	assert_false(pvb_conn_is_waiting(&c));
	assert_did(&c, ev(&c, PVB_EV_DRAINED), SAY | LOOK, PVB_XB_CLOSING);
	assert_true(pvb_conn_is_waiting(&c));
	assert_did(&c, ev(&c, PVB_EV_TIMEOUT), SAY | LOOK, PVB_XB_CLOSED);
	assert_true(pvb_conn_is_waiting(&c));
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), DETACH | UNPUBLISH);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), RETIRE);
}

static void a_front_lets_go_of_a_back_that_is_gone(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), DRAIN | CUT);
	assert_int_equal(ev(&c, PVB_EV_DRAINED), SAY | LOOK);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), SAY | LOOK);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), DETACH | UNPUBLISH);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), RETIRE);
	assert_int_equal(c.why, PVB_WHY_STATE);
}

static void a_front_may_leave_before_it_has_shared_anything(void **state)
{
	struct pvb_conn c;

	(void)state;
	pvb_conn_init(&c, PVB_FRONT, PVB_XB_INITIALISING, false);
	assert_did(&c, ev(&c, PVB_EV_STOP), SAY | RETIRE, PVB_XB_CLOSED);
	front_hello(&c);
	assert_did(&c, ev(&c, PVB_EV_STOP), SAY | RETIRE, PVB_XB_CLOSED);
	front_hello(&c);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), ATTACH);
	assert_int_equal(ev(&c, PVB_EV_STOP), 0);
	assert_did(&c, ev(&c, PVB_EV_ATTACHED), SAY | DETACH, PVB_XB_CLOSED);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), RETIRE);
}

static void a_front_waits_for_its_back_until_the_deadline(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_hello(&c);
	assert_true(pvb_conn_is_waiting(&c));
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), SAY | RETIRE);
	assert_int_equal(c.why, PVB_WHY_TIMEOUT);
	front_offered(&c);
	assert_true(pvb_conn_is_waiting(&c));
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), DRAIN);
	assert_int_equal(c.why, PVB_WHY_TIMEOUT);
}

static void front_handing_over(struct pvb_conn *c)
{
	front_live(c);
	pvb_conn_set_stay(c, true);
	(void)ev(c, PVB_EV_STOP);
	(void)ev(c, PVB_EV_DRAINED);
	(void)peer(c, PVB_XB_CLOSING);
	assert_int_equal(peer(c, PVB_XB_CLOSED), DETACH | UNPUBLISH);
	assert_did(c, ev(c, PVB_EV_DETACHED), SAY | LOOK,
		   PVB_XB_INITIALISING);
	assert_true(pvb_conn_is_waiting(c));
}

static void a_front_leaves_a_fresh_device_if_asked(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_handing_over(&c);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), 0);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), RETIRE);
	assert_int_equal(c.mine, PVB_XB_INITIALISING);
}

static void nobody_need_take_what_is_handed_over(void **state)
{
	static const enum pvb_ev ends[] = {
		PVB_EV_PEER_GONE, PVB_EV_STOP, PVB_EV_TIMEOUT,
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pvb_conn c;

		front_handing_over(&c);
		assert_int_equal(ev(&c, ends[i]), RETIRE);
	}
}

/* ---- a front finds the node of one that died ----------------------------- */

static void a_used_node_is_closed_first(void **state)
{
	static const enum pvb_xb let_go[] = {
		PVB_XB_UNKNOWN, PVB_XB_INITIALISING, PVB_XB_INIT_WAIT,
		PVB_XB_CLOSED,
	};

	(void)state;
	for (uint32_t found = PVB_XB_INITIALISED; found <= PVB_XB_CLOSED;
	     found++) {
		for (int i = 0; i < 4; i++) {
			struct pvb_conn c;

			pvb_conn_init(&c, PVB_FRONT, found, false);
			assert_did(&c, ev(&c, PVB_EV_START),
				   SAY | UNPUBLISH | LOOK, PVB_XB_CLOSED);
			assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
			assert_int_equal(peer(&c, PVB_XB_CLOSING), 0);
			assert_true(pvb_conn_is_waiting(&c));
			assert_did(&c, peer(&c, let_go[i]), SAY | LOOK,
				   PVB_XB_INITIALISING);
		}
	}
}

static void a_back_that_never_lets_go_is_left(void **state)
{
	static const enum pvb_ev ends[] = { PVB_EV_STOP, PVB_EV_TIMEOUT };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pvb_conn c;

		pvb_conn_init(&c, PVB_FRONT, PVB_XB_CONNECTED, false);
		(void)ev(&c, PVB_EV_START);
		assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
		assert_int_equal(ev(&c, ends[i]), RETIRE);
		assert_int_equal(c.mine, PVB_XB_CLOSED);
	}
}

static void a_back_that_is_gone_has_let_go(void **state)
{
	struct pvb_conn c;

	(void)state;
	pvb_conn_init(&c, PVB_FRONT, PVB_XB_CONNECTED, false);
	(void)ev(&c, PVB_EV_START);
	assert_did(&c, ev(&c, PVB_EV_PEER_GONE), SAY | LOOK,
		   PVB_XB_INITIALISING);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), 0);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), ATTACH);
}

static void the_echo_of_the_first_closed_is_waited_out(void **state)
{
	struct pvb_conn c;

	(void)state;
	pvb_conn_init(&c, PVB_FRONT, PVB_XB_CONNECTED, false);
	(void)ev(&c, PVB_EV_START);
	(void)peer(&c, PVB_XB_INIT_WAIT);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), ATTACH);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), 0);
	assert_int_equal(ev(&c, PVB_EV_ATTACHED), PUBLISH | SAY | LOOK);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), 0);
	assert_int_equal(peer(&c, PVB_XB_INIT_WAIT), 0);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), GEOMETRY | SAY | GO);
	/* From here on it is meant for us. */
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN | CUT);
}

static void without_a_first_closed_there_is_no_echo(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_offered(&c);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN | CUT);
	front_hello(&c);
	(void)peer(&c, PVB_XB_INIT_WAIT);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), 0);
	assert_int_equal(ev(&c, PVB_EV_ATTACHED), SAY | DETACH);
}

static void a_stale_closing_is_answered_once(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_hello(&c);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY | LOOK, PVB_XB_CLOSED);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), 0);
	assert_did(&c, peer(&c, PVB_XB_CLOSED), SAY | LOOK,
		   PVB_XB_INITIALISING);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY | RETIRE, PVB_XB_CLOSED);
	assert_int_equal(c.why, PVB_WHY_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_front_closes_step_by_step),
		cmocka_unit_test(a_front_follows_a_back_that_closes),
		cmocka_unit_test(a_front_cuts_when_the_back_has_closed),
		cmocka_unit_test(a_front_cuts_when_the_back_begins_anew),
		cmocka_unit_test(a_drain_that_cannot_end_is_cut),
		cmocka_unit_test(
			grants_outlive_a_closed_that_is_older_than_ours),
		cmocka_unit_test(a_front_ends_each_wait_by_a_deadline),
		cmocka_unit_test(a_front_lets_go_of_a_back_that_is_gone),
		cmocka_unit_test(
			a_front_may_leave_before_it_has_shared_anything),
		cmocka_unit_test(a_front_waits_for_its_back_until_the_deadline),
		cmocka_unit_test(a_front_leaves_a_fresh_device_if_asked),
		cmocka_unit_test(nobody_need_take_what_is_handed_over),
		cmocka_unit_test(a_used_node_is_closed_first),
		cmocka_unit_test(a_back_that_never_lets_go_is_left),
		cmocka_unit_test(a_back_that_is_gone_has_let_go),
		cmocka_unit_test(the_echo_of_the_first_closed_is_waited_out),
		cmocka_unit_test(without_a_first_closed_there_is_no_echo),
		cmocka_unit_test(a_stale_closing_is_answered_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
