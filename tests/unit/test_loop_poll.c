/* SPDX-License-Identifier: MIT */
/*
 * test_loop_poll.c - pollers: when they are polled, when they are armed, and
 * removing them from inside.
 */
#include "loop_source.h"

static void new_poller_is_polled_before_it_is_armed(void **state)
{
	struct source s = SOURCE;

	(void)state;
	pvb_loop_add_poller(loop, &s.p);
	turn_blocking();
	assert_int_equal(s.polls, 1);
	assert_int_equal(s.arms, 0);
	pvb_loop_remove_poller(&s.p);
}

static void work_is_followed_by_another_look_not_by_arming(void **state)
{
	struct source s = SOURCE;

	(void)state;
	s.work = 3;
	pvb_loop_add_poller(loop, &s.p);
	/* Three batches, and a fourth poll that finds none; then it arms and
	   in the same turn polls again. */
	assert_int_equal(polls_until_armed(&s), 5);
	assert_int_equal(s.worked, 3);
	pvb_loop_remove_poller(&s.p);
}

static void arm_that_finds_something_keeps_the_loop_awake(void **state)
{
	struct source s = SOURCE;

	(void)state;
	s.arm_says = true;
	pvb_loop_add_poller(loop, &s.p);
	turn_blocking();
	s.work = 1;
	/* There is no wake-up and no descriptor: it would block for good. */
	turn_blocking();
	assert_int_equal(s.arms, 1);
	assert_int_equal(s.worked, 1);
	pvb_loop_remove_poller(&s.p);
}

static void none_is_armed_after_one_that_found_something(void **state)
{
	struct source a = SOURCE, b = SOURCE, c = SOURCE;

	(void)state;
	b.arm_says = true;
	pvb_loop_add_poller(loop, &a.p);
	pvb_loop_add_poller(loop, &b.p);
	pvb_loop_add_poller(loop, &c.p);
	turn_blocking();
	turn_blocking();
	assert_int_equal(a.arms, 1);
	assert_int_equal(b.arms, 1);
	assert_int_equal(c.arms, 0);
	b.arm_says = false;
	turn_blocking();
	assert_int_equal(c.arms, 1);
	pvb_loop_remove_poller(&a.p);
	pvb_loop_remove_poller(&b.p);
	pvb_loop_remove_poller(&c.p);
}

static void loop_that_may_not_block_never_arms(void **state)
{
	struct source s = SOURCE;

	(void)state;
	pvb_loop_add_poller(loop, &s.p);
	for (int i = 0; i < 10; i++)
		turn();
	assert_int_equal(s.polls, 10);
	assert_int_equal(s.arms, 0);
	pvb_loop_remove_poller(&s.p);
}

static void remove_both(struct source *s)
{
	pvb_loop_remove_poller(&s->p);
	pvb_loop_remove_poller(&s->other->p);
}

static void poll_may_remove_itself_and_the_next(void **state)
{
	struct source a = SOURCE, b = SOURCE, c = SOURCE;

	(void)state;
	a.also = remove_both;
	a.other = &b;
	pvb_loop_add_poller(loop, &a.p);
	pvb_loop_add_poller(loop, &b.p);
	pvb_loop_add_poller(loop, &c.p);
	turn();
	turn();
	assert_int_equal(a.polls, 1);
	assert_int_equal(b.polls, 0);
	assert_int_equal(c.polls, 2);
	assert_null(a.p.loop);
	assert_null(b.p.loop);
	pvb_loop_remove_poller(&c.p);
	pvb_loop_remove_poller(&c.p);
}

static bool arm_removes_itself(struct pvb_loop_poller *p)
{
	struct source *s = pvb_container(p, struct source, p);

	s->arms++;
	pvb_loop_remove_poller(p);
	return false;
}

static void arm_may_remove_its_poller(void **state)
{
	struct source a = SOURCE, b = SOURCE;

	(void)state;
	a.p.arm = arm_removes_itself;
	pvb_loop_add_poller(loop, &a.p);
	pvb_loop_add_poller(loop, &b.p);
	assert_int_equal(polls_until_armed(&b), 2);
	assert_int_equal(a.arms, 1);
	assert_int_equal(a.polls, 1);
	pvb_loop_remove_poller(&b.p);
}

static void add_other(struct source *s)
{
	if (!s->other->p.loop)
		pvb_loop_add_poller(loop, &s->other->p);
}

static void poller_added_by_a_poll_is_polled_next(void **state)
{
	struct source a = SOURCE, b = SOURCE;

	(void)state;
	a.also = add_other;
	a.other = &b;
	pvb_loop_add_poller(loop, &a.p);
	turn_blocking();
	turn_blocking();
	assert_in_range(b.polls, 1, 2);
	assert_int_equal(b.arms, 0);
	pvb_loop_remove_poller(&a.p);
	pvb_loop_remove_poller(&b.p);
}

/* Work that arm() itself defers must not wait for somebody else. */
static struct chore deferred_by_arm;

static bool arm_defers(struct pvb_loop_poller *p)
{
	(void)p;
	pvb_loop_defer(loop, &deferred_by_arm.t);
	return false;
}

static void what_arm_defers_is_not_slept_over(void **state)
{
	struct source s = SOURCE;

	(void)state;
	deferred_by_arm = (struct chore)CHORE;
	s.p.arm = arm_defers;
	pvb_loop_add_poller(loop, &s.p);
	turn_blocking();
	turn_blocking();
	turn();
	assert_true(deferred_by_arm.run >= 1);
	pvb_loop_remove_poller(&s.p);
	pvb_loop_undefer(loop, &deferred_by_arm.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MANUAL(new_poller_is_polled_before_it_is_armed),
		MANUAL(work_is_followed_by_another_look_not_by_arming),
		MANUAL(arm_that_finds_something_keeps_the_loop_awake),
		MANUAL(none_is_armed_after_one_that_found_something),
		MANUAL(loop_that_may_not_block_never_arms),
		MANUAL(poll_may_remove_itself_and_the_next),
		MANUAL(arm_may_remove_its_poller),
		MANUAL(poller_added_by_a_poll_is_polled_next),
		MANUAL(what_arm_defers_is_not_slept_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
