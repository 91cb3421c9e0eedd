/* SPDX-License-Identifier: MIT */
/* test_conn_back.c - a back closes, or takes a new front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn_ways.h"

/* ---- a back closes ------------------------------------------------------- */

static void a_back_goes_on_answering_until_the_front_is_closed(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY, PVB_XB_CLOSING);
	assert_true(pvb_conn_is_live(&c));
	/* The front's own wish: it may take its time. */
	assert_false(pvb_conn_is_waiting(&c));
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), 0);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
	assert_int_equal(ev(&c, PVB_EV_DRAINED), DETACH);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY, PVB_XB_CLOSED);
	assert_true(pvb_conn_is_quiet(&c));
	assert_false(pvb_conn_is_retired(&c));
	assert_int_equal(c.why, PVB_OK);
}

static void a_back_that_is_not_to_stay_retires_with_its_front(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, false);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
	assert_int_equal(ev(&c, PVB_EV_DRAINED), DETACH);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY | RETIRE, PVB_XB_CLOSED);
}

static void a_closed_back_retires_when_it_is_not_to_stay_any_more(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_wait(&c, true);
	(void)peer(&c, PVB_XB_INITIALISING);
	assert_did(&c, peer(&c, PVB_XB_CLOSED), SAY, PVB_XB_CLOSED);
	pvb_conn_set_stay(&c, false);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), SAY | RETIRE);
}

static void a_front_that_is_gone_is_cut_off(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), DRAIN | CUT);
	assert_int_equal(ev(&c, PVB_EV_DRAINED), DETACH);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY, PVB_XB_CLOSED);
	assert_int_equal(c.why, PVB_WHY_STATE);
	back_wait(&c, true);
	assert_did(&c, ev(&c, PVB_EV_PEER_GONE), SAY, PVB_XB_CLOSED);
}

static void a_drain_is_cut_when_nobody_waits_for_it(void **state)
{
	static const struct { enum pvb_ev ev; uint32_t arg; } cuts[] = {
		{ PVB_EV_PEER_GONE, 0 },
		{ PVB_EV_PEER, PVB_XB_INITIALISING },
		{ PVB_EV_PEER_NEW, PVB_XB_INITIALISED },
		{ PVB_EV_FAIL, 0 },
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct pvb_conn c;

		back_live(&c, true);
		assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
		assert_int_equal(feed(&c, cuts[i].ev, cuts[i].arg), CUT);
		assert_int_equal(ev(&c, PVB_EV_DRAINED), DETACH);
	}
}

static void a_stopped_back_waits_for_its_front(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	assert_did(&c, ev(&c, PVB_EV_STOP), SAY, PVB_XB_CLOSING);
	assert_true(pvb_conn_is_live(&c));
	assert_true(pvb_conn_is_waiting(&c));
	assert_int_equal(peer(&c, PVB_XB_CLOSING), 0);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY | RETIRE, PVB_XB_CLOSED);
}

static void a_stopped_back_does_not_wait_for_ever(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	(void)ev(&c, PVB_EV_STOP);
	assert_int_equal(ev(&c, PVB_EV_TIMEOUT), DRAIN);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY | RETIRE, PVB_XB_CLOSED);
}

static void a_back_whose_front_never_came_closes_at_once(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_wait(&c, true);
	assert_did(&c, ev(&c, PVB_EV_STOP), SAY | RETIRE, PVB_XB_CLOSED);
	pvb_conn_init(&c, PVB_BACK, PVB_XB_INITIALISING, true);
	assert_did(&c, ev(&c, PVB_EV_STOP), SAY | RETIRE, PVB_XB_CLOSED);
}

static void a_back_stopped_while_it_attaches_closes_in_order(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	assert_int_equal(ev(&c, PVB_EV_STOP), 0);
	assert_did(&c, ev(&c, PVB_EV_ATTACHED), SAY | GO, PVB_XB_CLOSING);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
}

static void a_front_that_never_attached_is_answered(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_wait(&c, true);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY, PVB_XB_CLOSING);
	assert_did(&c, peer(&c, PVB_XB_CLOSED), SAY, PVB_XB_CLOSED);
	/* GRUB skips Closing, and waits. */
	back_wait(&c, true);
	assert_did(&c, peer(&c, PVB_XB_CLOSED), SAY, PVB_XB_CLOSED);
}

/* ---- a new front --------------------------------------------------------- */

static void a_boot_loader_hands_the_device_on(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), SAY);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY, PVB_XB_CLOSED);
	assert_did(&c, peer(&c, PVB_XB_INITIALISING), PUBLISH | SAY | LOOK,
		   PVB_XB_INIT_WAIT);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), ATTACH);
	assert_int_equal(ev(&c, PVB_EV_ATTACHED), PUBLISH | SAY | GO);
}

static void a_closed_back_says_init_wait_before_it_attaches(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	(void)peer(&c, PVB_XB_CLOSED);
	(void)ev(&c, PVB_EV_DRAINED);
	(void)ev(&c, PVB_EV_DETACHED);
	/* A front that says no Initialising. */
	assert_did(&c, peer(&c, PVB_XB_CONNECTED), PUBLISH | SAY | LOOK,
		   PVB_XB_INIT_WAIT);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), ATTACH);
}

static void a_front_that_has_not_moved_is_not_new(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	assert_int_equal(failed(&c, 0), SAY | DRAIN | CUT);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), SAY);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), 0);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
	assert_int_equal(feed(&c, PVB_EV_PEER_NEW, PVB_XB_CONNECTED),
			 PUBLISH | SAY | LOOK);
}

static void a_front_that_begins_anew_cuts_the_old_one_off(void **state)
{
	static const struct { enum pvb_ev ev; enum pvb_xb arg; } news[] = {
		{ PVB_EV_PEER, PVB_XB_INITIALISING },
		{ PVB_EV_PEER_NEW, PVB_XB_INITIALISED },
		{ PVB_EV_PEER_NEW, PVB_XB_CONNECTED },
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pvb_conn c;

		back_live(&c, true);
		assert_int_equal(feed(&c, news[i].ev, news[i].arg),
				 DRAIN | CUT);
		(void)ev(&c, PVB_EV_DRAINED);
		assert_did(&c, ev(&c, PVB_EV_DETACHED), PUBLISH | SAY | LOOK,
			   PVB_XB_INIT_WAIT);
		assert_int_equal(peer(&c, PVB_XB_INITIALISED), ATTACH);
		assert_int_equal(c.why, PVB_OK);
	}
}

static void a_front_that_begins_anew_while_the_back_attaches(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	assert_int_equal(peer(&c, PVB_XB_INITIALISING), 0);
	assert_int_equal(ev(&c, PVB_EV_ATTACHED), DRAIN | CUT);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), PUBLISH | SAY | LOOK);
	/* Or its old pages could not be had any more. */
	back_attaching(&c, true);
	(void)peer(&c, PVB_XB_INITIALISING);
	assert_int_equal(failed(&c, PVB_DO_ATTACH), PUBLISH | SAY | LOOK);
}

static void a_stopped_back_takes_no_new_front(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_live(&c, true);
	(void)ev(&c, PVB_EV_STOP);
	assert_int_equal(peer(&c, PVB_XB_INITIALISING), DRAIN | CUT);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY | RETIRE, PVB_XB_CLOSED);
}

/* ---- where another back has died ----------------------------------------- */

static void one_that_goes_on_is_as_if_it_had_always_been(void **state)
{
	static const enum pvb_xb peers[] = {
		PVB_XB_INITIALISED, PVB_XB_CONNECTED,
	};
	struct pvb_conn was, c;

	(void)state;
	for (int stay = 0; stay < 2; stay++)
		for (int i = 0; i < 2; i++) {
			back_live(&was, stay);
			(void)peer(&was, peers[i]);
			pvb_conn_init_live(&c, PVB_XB_CONNECTED, peers[i],
			                   stay);
			assert_memory_equal(&c, &was, sizeof(c));
		}
}

static void one_that_was_closing_goes_on_with_that(void **state)
{
	struct pvb_conn was, c;

	(void)state;
	back_live(&was, true);
	(void)peer(&was, PVB_XB_CLOSING);
	pvb_conn_init_live(&c, PVB_XB_CLOSING, PVB_XB_CLOSING, true);
	assert_memory_equal(&c, &was, sizeof(c));
	back_live(&was, true);
	(void)peer(&was, PVB_XB_CONNECTED);
	(void)ev(&was, PVB_EV_STOP);
	pvb_conn_init_live(&c, PVB_XB_CLOSING, PVB_XB_CONNECTED, true);
	assert_memory_equal(&c, &was, sizeof(c));
	back_live(&was, false);
	(void)ev(&was, PVB_EV_STOP);
	(void)peer(&was, PVB_XB_CLOSING);
	pvb_conn_init_live(&c, PVB_XB_CLOSING, PVB_XB_CLOSING, false);
	assert_memory_equal(&c, &was, sizeof(c));
}

/* What it has not seen yet it sees then. */
static void one_that_goes_on_hears_what_was_said_meanwhile(void **state)
{
	struct pvb_conn c;

	(void)state;
	pvb_conn_init_live(&c, PVB_XB_CONNECTED, PVB_XB_CLOSING, true);
	assert_did(&c, peer(&c, PVB_XB_CLOSING), SAY, PVB_XB_CLOSING);
	pvb_conn_init_live(&c, PVB_XB_CONNECTED, PVB_XB_CONNECTED, true);
	assert_int_equal(feed(&c, PVB_EV_PEER_NEW, PVB_XB_CONNECTED),
			 DRAIN | CUT);
	pvb_conn_init_live(&c, PVB_XB_CONNECTED, PVB_XB_CONNECTED, true);
	assert_int_equal(peer(&c, PVB_XB_CLOSED), DRAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_back_goes_on_answering_until_the_front_is_closed),
		cmocka_unit_test(
			a_back_that_is_not_to_stay_retires_with_its_front),
		cmocka_unit_test(
			a_closed_back_retires_when_it_is_not_to_stay_any_more),
		cmocka_unit_test(a_front_that_is_gone_is_cut_off),
		cmocka_unit_test(a_drain_is_cut_when_nobody_waits_for_it),
		cmocka_unit_test(a_stopped_back_waits_for_its_front),
		cmocka_unit_test(a_stopped_back_does_not_wait_for_ever),
		cmocka_unit_test(a_back_whose_front_never_came_closes_at_once),
		cmocka_unit_test(
			a_back_stopped_while_it_attaches_closes_in_order),
		cmocka_unit_test(a_front_that_never_attached_is_answered),
		cmocka_unit_test(a_boot_loader_hands_the_device_on),
		cmocka_unit_test(
			a_closed_back_says_init_wait_before_it_attaches),
		cmocka_unit_test(a_front_that_has_not_moved_is_not_new),
		cmocka_unit_test(a_front_that_begins_anew_cuts_the_old_one_off),
		cmocka_unit_test(
			a_front_that_begins_anew_while_the_back_attaches),
		cmocka_unit_test(a_stopped_back_takes_no_new_front),
		cmocka_unit_test(one_that_goes_on_is_as_if_it_had_always_been),
		cmocka_unit_test(one_that_was_closing_goes_on_with_that),
		cmocka_unit_test(
			one_that_goes_on_hears_what_was_said_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
