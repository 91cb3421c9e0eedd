/* SPDX-License-Identifier: MIT */
/*
 * test_loop_task.c - deferred calls of the loop's own thread.
 */
#include "loop_fixture.h"

static void deferred_calls_run_once_in_order_without_blocking(void **state)
{
	struct chore a = CHORE, b = CHORE, c = CHORE;

	(void)state;
	order_now = 0;
	pvb_loop_defer(loop, &b.t);
	pvb_loop_defer(loop, &a.t);
	pvb_loop_defer(loop, &b.t);
	pvb_loop_defer(loop, &c.t);
	turn_blocking();
	assert_int_equal(b.order, 0);
	assert_int_equal(a.order, 1);
	assert_int_equal(c.order, 2);
	turn();
	assert_int_equal(order_now, 3);
}

static void defer_self(struct chore *c)
{
	pvb_loop_defer(loop, &c->t);
}

static void task_that_defers_itself_runs_once_a_turn(void **state)
{
	struct chore a = CHORE;

	(void)state;
	a.also = defer_self;
	pvb_loop_defer(loop, &a.t);
	for (int i = 1; i <= 3; i++) {
		turn();
		assert_int_equal(a.run, i);
	}
	pvb_loop_undefer(loop, &a.t);
	turn();
	assert_int_equal(a.run, 3);
}

static void undefer_other(struct chore *c)
{
	pvb_loop_undefer(loop, &c->other->t);
}

static void undeferred_task_does_not_run(void **state)
{
	struct chore a = CHORE, b = CHORE, c = CHORE;

	(void)state;
	pvb_loop_defer(loop, &a.t);
	pvb_loop_undefer(loop, &a.t);
	turn();
	assert_int_equal(a.run, 0);
	/* The same from another task of the same turn; the last goes first,
	   so that the queue's end is mended too. */
	a.also = undefer_other;
	a.other = &c;
	pvb_loop_defer(loop, &a.t);
	pvb_loop_defer(loop, &b.t);
	pvb_loop_defer(loop, &c.t);
	turn();
	assert_int_equal(a.run, 1);
	assert_int_equal(b.run, 1);
	assert_int_equal(c.run, 0);
	pvb_loop_defer(loop, &c.t);
	turn();
	assert_int_equal(c.run, 1);
}

static void undefer_of_an_idle_task_has_no_effect(void **state)
{
	struct chore a = CHORE;

	(void)state;
	pvb_loop_undefer(loop, &a.t);
	pvb_loop_defer(loop, &a.t);
	turn();
	pvb_loop_undefer(loop, &a.t);
	assert_int_equal(a.run, 1);
}

static struct chore deferred_by_ear;

static void defer_chore(struct ear *e)
{
	(void)e;
	pvb_loop_defer(loop, &deferred_by_ear.t);
	assert_int_equal(deferred_by_ear.run, 0);
}

static void deferred_by_a_callback_runs_in_the_next_turn(void **state)
{
	struct ear e;

	(void)state;
	deferred_by_ear = (struct chore)CHORE;
	add_ear(&e, 1, PVB_LOOP_IN);
	e.also = defer_chore;
	turn();
	assert_int_equal(deferred_by_ear.run, 0);
	pvb_loop_remove_fd(&e.w);
	turn();
	assert_int_equal(deferred_by_ear.run, 1);
	drop_ear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(deferred_calls_run_once_in_order_without_blocking),
		REAL(task_that_defers_itself_runs_once_a_turn),
		REAL(undeferred_task_does_not_run),
		REAL(undefer_of_an_idle_task_has_no_effect),
		REAL(deferred_by_a_callback_runs_in_the_next_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
