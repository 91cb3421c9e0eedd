/* SPDX-License-Identifier: MIT */
/* test_conn.c - the handshake machine: it opens, it fails, it is total. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conn_ways.h"

/* ---- opening ------------------------------------------------------------- */

static void initialised_and_connected_are_equally_ready(void **state)
{
	static const enum pvb_xb ready[] = {
		PVB_XB_INITIALISED, PVB_XB_CONNECTED,
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pvb_conn c;

		back_wait(&c, true);
		assert_int_equal(peer(&c, ready[i]), ATTACH);
	}
}

static void a_back_never_acts_twice_on_one_front(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), 0);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
	assert_did(&c, ev(&c, PVB_EV_ATTACHED), PUBLISH | SAY | GO,
		   PVB_XB_CONNECTED);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), 0);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), 0);
}

static void a_front_that_was_ready_first_is_looked_at(void **state)
{
	struct pvb_conn c;

	(void)state;
	pvb_conn_init(&c, PVB_BACK, PVB_XB_UNKNOWN, true);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), 0);
	assert_int_equal(ev(&c, PVB_EV_START), PUBLISH | SAY | LOOK);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), ATTACH);
}

static void init_wait_and_initialised_are_an_offer(void **state)
{
	static const enum pvb_xb offer[] = {
		PVB_XB_INIT_WAIT, PVB_XB_INITIALISED, PVB_XB_CONNECTED,
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pvb_conn c;

		front_hello(&c);
		assert_int_equal(peer(&c, PVB_XB_INITIALISING), 0);
		assert_int_equal(peer(&c, PVB_XB_UNKNOWN), 0);
		assert_int_equal(peer(&c, PVB_XB_CLOSED), 0);
		assert_int_equal(peer(&c, offer[i]), ATTACH);
	}
}

static void a_back_that_was_connected_first_is_joined_at_once(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_hello(&c);
	assert_int_equal(peer(&c, PVB_XB_CONNECTED), ATTACH);
	assert_did(&c, ev(&c, PVB_EV_ATTACHED), PUBLISH | SAY | LOOK,
		   PVB_XB_INITIALISED);
	assert_did(&c, peer(&c, PVB_XB_CONNECTED), GEOMETRY | SAY | GO,
		   PVB_XB_CONNECTED);
}

static void connected_again_is_new_geometry(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_did(&c, peer(&c, PVB_XB_CONNECTED), GEOMETRY,
		   PVB_XB_CONNECTED);
	assert_did(&c, peer(&c, PVB_XB_CONNECTED), GEOMETRY,
		   PVB_XB_CONNECTED);
}

static void states_of_another_protocol_change_nothing(void **state)
{
	static const uint32_t odd[] = {
		PVB_XB_UNKNOWN, PVB_XB_RECONFIGURING, PVB_XB_RECONFIGURED, 9,
		10, 255, 256 + PVB_XB_CLOSED, UINT32_MAX,
	};
	struct pvb_conn front, back;

	(void)state;
	front_live(&front);
	back_live(&back, true);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(feed(&front, PVB_EV_PEER, odd[i]), 0);
		assert_int_equal(feed(&back, PVB_EV_PEER, odd[i]), 0);
		assert_true(pvb_conn_is_live(&front));
		assert_true(pvb_conn_is_live(&back));
	}
	assert_int_equal(feed(&back, PVB_EV_PEER, PVB_XB_CONNECTED), 0);
}

/* ---- failures ------------------------------------------------------------ */

static void bad_terms_close_the_back_until_the_front_has_noticed(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	c.why = PVB_WHY_KEY_LIMIT;      /* the owner knows better */
	assert_did(&c, failed(&c, PVB_DO_READ_PEER), SAY, PVB_XB_CLOSING);
	assert_true(c.failed);
	assert_true(pvb_conn_is_waiting(&c));
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), 0);
	assert_int_equal(peer(&c, PVB_XB_CLOSING), 0);
	assert_did(&c, peer(&c, PVB_XB_CLOSED), SAY, PVB_XB_CLOSED);
	assert_int_equal(c.why, PVB_WHY_KEY_LIMIT);
	/* And with better terms it may come back. */
	assert_int_equal(peer(&c, PVB_XB_INITIALISING), PUBLISH | SAY | LOOK);
	assert_int_equal(c.why, PVB_OK);
	assert_false(c.failed);
	assert_int_equal(peer(&c, PVB_XB_INITIALISED), ATTACH);
}

static void a_refused_front_may_begin_anew_without_closing(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	(void)failed(&c, PVB_DO_READ_PEER);
	assert_int_equal(peer(&c, PVB_XB_INITIALISING), PUBLISH | SAY | LOOK);
	/* But not with a back that is to go. */
	back_attaching(&c, false);
	(void)failed(&c, PVB_DO_READ_PEER);
	assert_did(&c, peer(&c, PVB_XB_INITIALISING), SAY | RETIRE,
		   PVB_XB_CLOSED);
	back_attaching(&c, true);
	(void)failed(&c, PVB_DO_READ_PEER);
	assert_did(&c, ev(&c, PVB_EV_STOP), SAY | RETIRE, PVB_XB_CLOSED);
}

static void a_refused_front_that_stays_away_is_not_waited_for(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	(void)failed(&c, PVB_DO_READ_PEER);
	assert_did(&c, ev(&c, PVB_EV_TIMEOUT), SAY, PVB_XB_CLOSED);
	back_attaching(&c, false);
	(void)failed(&c, PVB_DO_READ_PEER);
	assert_int_equal(ev(&c, PVB_EV_PEER_GONE), SAY | RETIRE);
}

static void a_ring_that_cannot_be_had_is_named(void **state)
{
	struct pvb_conn c;

	(void)state;
	back_attaching(&c, true);
	assert_did(&c, failed(&c, PVB_DO_ATTACH), SAY, PVB_XB_CLOSING);
	assert_int_equal(c.why, PVB_WHY_ATTACH);
	front_hello(&c);
	(void)peer(&c, PVB_XB_INIT_WAIT);
	assert_did(&c, failed(&c, PVB_DO_ATTACH), SAY | RETIRE,
		   PVB_XB_CLOSED);
	assert_int_equal(c.why, PVB_WHY_ATTACH);
}

static void what_cannot_be_published_is_undone(void **state)
{
	struct pvb_conn c;

	(void)state;
	/* F2: the back cannot know of the ring yet. */
	front_offered(&c);
	assert_did(&c, failed(&c, PVB_DO_PUBLISH), SAY | DETACH,
		   PVB_XB_CLOSED);
	assert_int_equal(ev(&c, PVB_EV_DETACHED), RETIRE);
	/* B1 */
	back_wait(&c, true);
	assert_did(&c, failed(&c, PVB_DO_PUBLISH), SAY, PVB_XB_CLOSING);
	/* B1, and nobody is there to notice a Closing. */
	pvb_conn_init(&c, PVB_BACK, PVB_XB_INITIALISING, true);
	(void)peer(&c, PVB_XB_CLOSED);
	(void)ev(&c, PVB_EV_START);
	assert_did(&c, failed(&c, PVB_DO_PUBLISH), SAY, PVB_XB_CLOSED);
	/* B2: Connected was never said. */
	back_live(&c, true);
	assert_did(&c, failed(&c, PVB_DO_PUBLISH), SAY | DRAIN | CUT,
		   PVB_XB_CLOSING);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY, PVB_XB_CLOSED);
}

static void a_geometry_that_makes_no_sense_closes_the_front(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	c.why = PVB_WHY_SECTOR_SIZE;
	assert_int_equal(failed(&c, PVB_DO_GEOMETRY), DRAIN);
	assert_did(&c, ev(&c, PVB_EV_DRAINED), SAY | LOOK, PVB_XB_CLOSING);
	assert_int_equal(c.why, PVB_WHY_SECTOR_SIZE);
}

static void a_broken_ring_is_cut(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_live(&c);
	assert_int_equal(failed(&c, 0), DRAIN | CUT);
	assert_did(&c, ev(&c, PVB_EV_DRAINED), SAY | LOOK, PVB_XB_CLOSING);
	/* A back does not wait for the front: it cannot answer. */
	back_live(&c, true);
	assert_did(&c, failed(&c, 0), SAY | DRAIN | CUT, PVB_XB_CLOSING);
	(void)ev(&c, PVB_EV_DRAINED);
	assert_did(&c, ev(&c, PVB_EV_DETACHED), SAY, PVB_XB_CLOSED);
	assert_true(c.failed);
}

static void the_first_reason_stands(void **state)
{
	struct pvb_conn c;

	(void)state;
	front_offered(&c);
	(void)ev(&c, PVB_EV_TIMEOUT);
	(void)peer(&c, PVB_XB_CLOSED);
	(void)ev(&c, PVB_EV_DRAINED);
	(void)ev(&c, PVB_EV_PEER_GONE);
	assert_int_equal(c.why, PVB_WHY_TIMEOUT);
	/* And who leaves by wish needs none. */
	front_live(&c);
	(void)ev(&c, PVB_EV_STOP);
	(void)ev(&c, PVB_EV_PEER_GONE);
	assert_int_equal(c.why, PVB_OK);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(pvb_xb_name(PVB_XB_INIT_WAIT), "init-wait");
	assert_string_equal(pvb_xb_name(PVB_XB_CONNECTED), "connected");
	assert_string_equal(pvb_xb_name(PVB_XB_COUNT), "unknown");
	assert_string_equal(pvb_xb_name(UINT32_MAX), "unknown");
	for (uint32_t i = 0; i < PVB_XB_COUNT; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(pvb_xb_name(i),
						pvb_xb_name(j));
}

/* ---- totality ------------------------------------------------------------ */

/* Everything that a step depends on (not `why`), in a number. */
enum { KEYS = 1 << 20 };

static uint32_t key_of(const struct pvb_conn *c)
{
	assert_true(c->phase < 32 && c->mine < 16 && c->peer < 16);
	return (uint32_t)c->role | (uint32_t)c->phase << 1 |
	       (uint32_t)c->mine << 6 | (uint32_t)c->peer << 10 |
	       (uint32_t)c->attached << 14 | (uint32_t)c->peer_gone << 15 |
	       (uint32_t)c->stopping << 16 | (uint32_t)c->failed << 17 |
	       (uint32_t)c->stay << 18 | (uint32_t)c->restart << 19;
}

struct closure {
	bool seen[KEYS];
	struct pvb_conn queue[KEYS];
	uint32_t count;
};

static void meet(struct closure *all, const struct pvb_conn *c)
{
	uint32_t key = key_of(c);

	if (all->seen[key])
		return;
	all->seen[key] = true;
	all->queue[all->count] = *c;
	all->queue[all->count++].why = PVB_OK;
}

static void try(struct closure *all, struct pvb_conn c, enum pvb_ev event,
                uint32_t arg)
{
	(void)feed(&c, event, arg);
	meet(all, &c);
}

static void try_all(struct closure *all, struct pvb_conn c)
{
	for (uint32_t e = 0; e <= PVB_EV_COUNT; e++) {
		for (uint32_t arg = 0; arg < 256; arg++)
			try(all, c, (enum pvb_ev)e, arg);
		for (uint32_t bit = 8; bit < 32; bit++)
			try(all, c, (enum pvb_ev)e, UINT32_C(1) << bit);
		try(all, c, (enum pvb_ev)e, UINT32_MAX);
	}
	pvb_conn_set_stay(&c, !c.stay);
	meet(all, &c);
}

/* Answers that nobody asked for, events in any order, any value of a peer's
   node: from no state that can be reached does a step break a law. */
static void any_event_in_any_state_is_defined(void **state)
{
	struct closure *all = calloc(1, sizeof(*all));
	struct pvb_conn c;

	(void)state;
	assert_non_null(all);
	for (uint32_t mine = 0; mine < 256; mine++) {
		for (int i = 0; i < 4; i++) {
			pvb_conn_init(&c, i & 1 ? PVB_FRONT : PVB_BACK, mine,
				      i & 2);
			meet(all, &c);
		}
	}
	for (uint32_t i = 0; i < all->count; i++)
		try_all(all, all->queue[i]);
	printf("# %u states of the machine\n", all->count);
	assert_true(all->count > 500);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initialised_and_connected_are_equally_ready),
		cmocka_unit_test(a_back_never_acts_twice_on_one_front),
		cmocka_unit_test(a_front_that_was_ready_first_is_looked_at),
		cmocka_unit_test(init_wait_and_initialised_are_an_offer),
		cmocka_unit_test(
			a_back_that_was_connected_first_is_joined_at_once),
		cmocka_unit_test(connected_again_is_new_geometry),
		cmocka_unit_test(states_of_another_protocol_change_nothing),
		cmocka_unit_test(
			bad_terms_close_the_back_until_the_front_has_noticed),
		cmocka_unit_test(
			a_refused_front_may_begin_anew_without_closing),
		cmocka_unit_test(
			a_refused_front_that_stays_away_is_not_waited_for),
		cmocka_unit_test(a_ring_that_cannot_be_had_is_named),
		cmocka_unit_test(what_cannot_be_published_is_undone),
		cmocka_unit_test(
			a_geometry_that_makes_no_sense_closes_the_front),
		cmocka_unit_test(a_broken_ring_is_cut),
		cmocka_unit_test(the_first_reason_stands),
		cmocka_unit_test(states_have_names),
		cmocka_unit_test(any_event_in_any_state_is_defined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
