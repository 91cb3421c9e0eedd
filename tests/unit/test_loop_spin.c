/* SPDX-License-Identifier: MIT */
/*
 * test_loop_spin.c - how long a loop polls before it sleeps, what it learns
 * from that, and that it neglects nothing else meanwhile.
 */
#include "loop_source.h"
#include "base/loop_state.h"            /* LOOP_LOOK_* */

enum { SPIN_NS = 10000 };

static void spin_lasts_its_time_after_the_last_work(void **state)
{
	struct source s = SOURCE;

	(void)state;
	pvb_loop_set_spin(loop, SPIN_NS);
	pvb_loop_add_poller(loop, &s.p);
	s.work = 20;
	/* 20 batches, the poll that finds nothing, 10 us of 1 us each, and
	   the one after arming. */
	assert_int_equal(polls_until_armed(&s), 20 + 1 + 10 + 1);
	pvb_loop_remove_poller(&s.p);
}

static void find_work(struct source *s)
{
	if (s->polls % 8 == 0)
		s->work = 1;
}

static void work_within_the_spin_keeps_it_going(void **state)
{
	struct source s = SOURCE;

	(void)state;
	pvb_loop_set_spin(loop, SPIN_NS);
	pvb_loop_add_poller(loop, &s.p);
	s.also = find_work;
	for (int i = 0; i < 8000; i++)
		turn_blocking();
	assert_int_equal(s.worked, 1000);
	assert_int_equal(s.arms, 0);
	pvb_loop_remove_poller(&s.p);
}

static void spin_for_ever_never_arms(void **state)
{
	struct source s = SOURCE;

	(void)state;
	pvb_loop_set_spin(loop, PVB_LOOP_SPIN_ALWAYS);
	pvb_loop_add_poller(loop, &s.p);
	for (int i = 0; i < 5000; i++)
		turn_blocking();
	assert_int_equal(s.polls, 5000);
	assert_int_equal(s.arms, 0);
	pvb_loop_remove_poller(&s.p);
}

/* Work that comes only while the loop sleeps: no spin ever pays. */
static int polls_of_sleeps(struct source *s, int sleeps)
{
	int polls = s->polls;

	s->comes_asleep = true;
	while (sleeps-- > 0)
		(void)polls_until_armed(s);
	s->comes_asleep = false;
	return s->polls - polls;
}

static void spins_that_end_in_sleep_are_given_up(void **state)
{
	struct source s = SOURCE;

	(void)state;
	pvb_loop_set_spin(loop, SPIN_NS);
	pvb_loop_add_poller(loop, &s.p);
	assert_in_range(polls_of_sleeps(&s, 1), 11, 13);
	(void)polls_of_sleeps(&s, 2000);
	/* A poll that finds the work and one that finds none; and from now on
	   a probe of ten more in every 256th sleep. */
	assert_in_range(polls_of_sleeps(&s, 2560), 2560 * 2 + 9 * 10,
	                2560 * 2 + 11 * 10);
	pvb_loop_remove_poller(&s.p);
}

static void spinning_is_taken_up_again_when_it_pays(void **state)
{
	struct source s = SOURCE;
	int arms;

	(void)state;
	pvb_loop_set_spin(loop, SPIN_NS);
	pvb_loop_add_poller(loop, &s.p);
	(void)polls_of_sleeps(&s, 2000);
	/* Work now comes 8 polls after the last: a probe will find that. */
	s.also = find_work;
	for (int i = 0; i < 256 * 16; i++)
		turn_blocking();
	arms = s.arms;
	for (int i = 0; i < 1000; i++)
		turn_blocking();
	assert_int_equal(s.arms, arms);
	pvb_loop_remove_poller(&s.p);
}

static void deferred_call_is_no_reason_to_spin(void **state)
{
	struct source s = SOURCE;
	struct chore c = CHORE;

	(void)state;
	pvb_loop_set_spin(loop, SPIN_NS);
	pvb_loop_add_poller(loop, &s.p);
	(void)polls_until_armed(&s);
	pvb_loop_defer(loop, &c.t);
	turn_blocking();
	assert_int_equal(c.run, 1);
	assert_int_equal(polls_until_armed(&s), 1);
	pvb_loop_remove_poller(&s.p);
}

static bool poll_in_no_time(struct pvb_loop_poller *p)
{
	(void)p;
	return true;
}

/* An ear that is always ready counts the looks. */
static void busy_loop_looks_at_descriptors_every_so_many_turns(void **state)
{
	struct source s = SOURCE;
	struct ear e;

	(void)state;
	s.p.poll = poll_in_no_time;
	pvb_loop_add_poller(loop, &s.p);
	add_ear(&e, 1, PVB_LOOP_IN);
	for (int i = 0; i < 10 * LOOP_LOOK_TURNS; i++)
		turn_blocking();
	assert_int_equal(e.heard, 10);
	pvb_loop_remove_poller(&s.p);
	drop_ear(&e);
}

static void busy_loop_looks_at_descriptors_in_time(void **state)
{
	struct source s = SOURCE;
	struct ear e;

	(void)state;
	s.p.poll = poll_in_no_time;
	pvb_loop_add_poller(loop, &s.p);
	add_ear(&e, 1, PVB_LOOP_IN);
	turn_blocking();
	e.heard = 0;
	for (int i = 1; i <= 5; i++) {
		pvb_loop_turn_clock(loop, LOOP_LOOK_NS);
		turn_blocking();
		turn_blocking();
		assert_int_equal(e.heard, i);
	}
	pvb_loop_remove_poller(&s.p);
	drop_ear(&e);
}

static void note_due(struct pvb_loop_timer *t)
{
	(void)t;
	order_now++;
}

static void spinning_loop_still_fires_timers(void **state)
{
	struct pvb_loop_timer t = { .fired = note_due };
	struct source s = SOURCE;

	(void)state;
	pvb_loop_set_spin(loop, PVB_LOOP_SPIN_ALWAYS);
	pvb_loop_add_poller(loop, &s.p);
	pvb_loop_arm(loop, &t, 5 * POLL_NS);
	for (int i = 0; i < 5; i++)
		turn_blocking();
	assert_int_equal(order_now, 0);
	turn_blocking();
	assert_int_equal(order_now, 1);
	pvb_loop_remove_poller(&s.p);
}

static bool count_poll(struct pvb_loop_poller *p)
{
	pvb_container(p, struct source, p)->polls++;
	return false;
}

static bool count_arm(struct pvb_loop_poller *p)
{
	pvb_container(p, struct source, p)->arms++;
	return false;
}

static void stop_at_timer(struct pvb_loop_timer *t)
{
	(void)t;
	pvb_loop_stop(loop);
}

static void idle_loop_does_not_turn(void **state)
{
	struct source s = { .p = { .poll = count_poll, .arm = count_arm } };
	struct pvb_loop_timer t = { .fired = stop_at_timer };
	struct ear e;

	(void)state;
	add_ear(&e, 0, PVB_LOOP_IN);
	pvb_loop_set_spin(loop, 1);
	pvb_loop_add_poller(loop, &s.p);
	pvb_loop_arm(loop, &t, pvb_loop_now_ns(loop) + 30000000);
	assert_int_equal(pvb_loop_run(loop), 0);
	/* 30 ms of a real clock: some turns to come to rest, one to wake. */
	assert_in_range(s.polls, 1, 8);
	assert_in_range(s.arms, 1, 4);
	pvb_loop_remove_poller(&s.p);
	drop_ear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MANUAL(spin_lasts_its_time_after_the_last_work),
		MANUAL(work_within_the_spin_keeps_it_going),
		MANUAL(spin_for_ever_never_arms),
		MANUAL(spins_that_end_in_sleep_are_given_up),
		MANUAL(spinning_is_taken_up_again_when_it_pays),
		MANUAL(deferred_call_is_no_reason_to_spin),
		MANUAL(busy_loop_looks_at_descriptors_every_so_many_turns),
		MANUAL(busy_loop_looks_at_descriptors_in_time),
		MANUAL(spinning_loop_still_fires_timers),
		REAL(idle_loop_does_not_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
