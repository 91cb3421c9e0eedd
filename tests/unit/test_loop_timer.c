/* SPDX-License-Identifier: MIT */
/*
 * test_loop_timer.c - timers by a clock that is turned by hand; that a
 * blocked loop wakes for one, by the real clock.
 */
#include "loop_fixture.h"
#include "base/loop_state.h"            /* coarse_wait */

struct alarm {
	struct pvb_loop_timer t;
	int fired;
	int order;                      /* of all that fired */
	void (*also)(struct alarm *a);
	struct alarm *other;
};

static void ring(struct pvb_loop_timer *t)
{
	struct alarm *a = pvb_container(t, struct alarm, t);

	assert_null(t->loop);
	assert_true(t->due_ns <= pvb_loop_now_ns(loop));
	a->fired++;
	a->order = order_now++;
	if (a->also)
		a->also(a);
}

#define ALARM { .t = { .fired = ring } }

static void timers_fire_in_order_of_time_then_of_arming(void **state)
{
	struct alarm a = ALARM, b = ALARM, c = ALARM, d = ALARM;

	(void)state;
	pvb_loop_arm(loop, &c.t, 30);
	pvb_loop_arm(loop, &b.t, 20);
	pvb_loop_arm(loop, &d.t, 30);
	pvb_loop_arm(loop, &a.t, 10);
	pvb_loop_turn_clock(loop, 30);
	order_now = 0;
	turn();
	assert_int_equal(a.order, 0);
	assert_int_equal(b.order, 1);
	assert_int_equal(c.order, 2);
	assert_int_equal(d.order, 3);
	assert_int_equal(order_now, 4);
	turn();
	assert_int_equal(order_now, 4);
}

static void timer_waits_for_its_time(void **state)
{
	struct alarm a = ALARM;

	(void)state;
	pvb_loop_arm(loop, &a.t, 100);
	turn();
	pvb_loop_turn_clock(loop, 99);
	turn();
	assert_int_equal(a.fired, 0);
	pvb_loop_turn_clock(loop, 1);
	turn();
	assert_int_equal(a.fired, 1);
}

static void manual_clock_stands_still(void **state)
{
	struct ear e;

	(void)state;
	add_ear(&e, 1, PVB_LOOP_IN);
	assert_int_equal(pvb_loop_now_ns(loop), 0);
	turn_blocking();
	assert_int_equal(pvb_loop_now_ns(loop), 0);
	drop_ear(&e);
}

static void arming_again_moves_a_timer(void **state)
{
	struct alarm a = ALARM, b = ALARM;

	(void)state;
	pvb_loop_arm(loop, &a.t, 10);
	pvb_loop_arm(loop, &b.t, 20);
	pvb_loop_arm(loop, &a.t, 30);
	pvb_loop_turn_clock(loop, 20);
	turn();
	assert_int_equal(a.fired, 0);
	assert_int_equal(b.fired, 1);
	pvb_loop_arm(loop, &a.t, 20);
	turn();
	assert_int_equal(a.fired, 1);
}

static void arm_for_now(struct alarm *a)
{
	pvb_loop_arm(loop, &a->t, pvb_loop_now_ns(loop));
}

static void timer_for_the_past_fires_once_a_turn(void **state)
{
	struct alarm a = ALARM;

	(void)state;
	a.also = arm_for_now;
	pvb_loop_arm(loop, &a.t, 0);
	turn();
	assert_int_equal(a.fired, 1);
	turn_blocking();
	assert_int_equal(a.fired, 2);
	pvb_loop_disarm(&a.t);
	turn();
	assert_int_equal(a.fired, 2);
}

static void disarm_other(struct alarm *a)
{
	pvb_loop_disarm(&a->other->t);
}

static void timer_disarmed_in_its_own_turn_is_not_called(void **state)
{
	struct alarm a = ALARM, b = ALARM, c = ALARM;

	(void)state;
	a.also = disarm_other;
	a.other = &b;
	pvb_loop_arm(loop, &a.t, 10);
	pvb_loop_arm(loop, &b.t, 11);
	pvb_loop_arm(loop, &c.t, 12);
	pvb_loop_turn_clock(loop, 20);
	turn();
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
	assert_int_equal(c.fired, 1);
	pvb_loop_disarm(&b.t);
	assert_null(b.t.loop);
}

static void postpone_other(struct alarm *a)
{
	pvb_loop_arm(loop, &a->other->t, pvb_loop_now_ns(loop) + 5);
}

static void timer_moved_in_its_own_turn_fires_later(void **state)
{
	struct alarm a = ALARM, b = ALARM;

	(void)state;
	a.also = postpone_other;
	a.other = &b;
	pvb_loop_arm(loop, &a.t, 10);
	pvb_loop_arm(loop, &b.t, 11);
	pvb_loop_turn_clock(loop, 20);
	turn();
	assert_int_equal(b.fired, 0);
	pvb_loop_turn_clock(loop, 5);
	turn();
	assert_int_equal(b.fired, 1);
}

static int turns_until(struct alarm *a)
{
	int turns = 0;

	while (!a->fired) {
		turn_blocking();
		turns++;
	}
	return turns;
}

static void blocked_loop_wakes_for_a_timer(void **state)
{
	struct alarm a = ALARM;

	(void)state;
	pvb_loop_arm(loop, &a.t, pvb_loop_now_ns(loop) + 1200000);
	/* One to sleep, and one more if a signal or the like came between. */
	assert_in_range(turns_until(&a), 1, 3);
}

static void wait_in_milliseconds_rounds_up(void **state)
{
	struct alarm a = ALARM;

	(void)state;
	loop->coarse_wait = true;
	pvb_loop_arm(loop, &a.t, pvb_loop_now_ns(loop) + 1200000);
	/* Rounded down it would turn for 200 us without sleeping. */
	assert_in_range(turns_until(&a), 1, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MANUAL(timers_fire_in_order_of_time_then_of_arming),
		MANUAL(timer_waits_for_its_time),
		MANUAL(manual_clock_stands_still),
		MANUAL(arming_again_moves_a_timer),
		MANUAL(timer_for_the_past_fires_once_a_turn),
		MANUAL(timer_disarmed_in_its_own_turn_is_not_called),
		MANUAL(timer_moved_in_its_own_turn_fires_later),
		REAL(blocked_loop_wakes_for_a_timer),
		REAL(wait_in_milliseconds_rounds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
