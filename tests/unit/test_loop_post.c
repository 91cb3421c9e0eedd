/* SPDX-License-Identifier: MIT */
/*
 * test_loop_post.c - tasks and wake-ups from other threads: none is lost,
 * whether the loop is awake, asleep or between the two.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "loop_fixture.h"

enum { ROUNDS = 5000, POSTERS = 3, CHORES = 50 };

static void stop_loop(struct chore *c)
{
	(void)c;
	pvb_loop_stop(loop);
}

static void *post_one(void *chore)
{
	pvb_loop_post(loop, &((struct chore *)chore)->t);
	return NULL;
}

static void post_wakes_a_blocked_loop(void **state)
{
	struct chore c = CHORE;
	pthread_t thread;

	(void)state;
	c.also = stop_loop;
	assert_int_equal(pthread_create(&thread, NULL, post_one, &c), 0);
	assert_int_equal(pvb_loop_run(loop), 0);
	assert_int_equal(c.run, 1);
	(void)pthread_join(thread, NULL);
}

static sem_t ran;

static void say_ran(struct chore *c)
{
	(void)sem_post(&ran);
	if (c->run == ROUNDS)
		pvb_loop_stop(loop);
}

/* Each waits for the other, so a lost wake-up stops both for good. */
static void *post_and_await(void *chore)
{
	for (int i = 0; i < ROUNDS; i++) {
		pvb_loop_post(loop, &((struct chore *)chore)->t);
		while (sem_wait(&ran) < 0)
			;
	}
	return NULL;
}

static void no_wake_up_is_lost_in_ping_pong(void **state)
{
	struct chore c = CHORE;
	pthread_t thread;

	(void)state;
	c.also = say_ran;
	assert_int_equal(sem_init(&ran, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, post_and_await, &c), 0);
	assert_int_equal(pvb_loop_run(loop), 0);
	assert_int_equal(c.run, ROUNDS);
	(void)pthread_join(thread, NULL);
	(void)sem_destroy(&ran);
}

static struct chore many[POSTERS][CHORES];
static int left_to_run;

static void count_down(struct chore *c)
{
	(void)c;
	if (--left_to_run == 0)
		pvb_loop_stop(loop);
}

static void *post_all(void *chores)
{
	for (int i = 0; i < CHORES; i++)
		pvb_loop_post(loop, &((struct chore *)chores)[i].t);
	return NULL;
}

static void posts_of_many_threads_run_once_each_in_their_order(void **state)
{
	pthread_t threads[POSTERS];

	(void)state;
	left_to_run = POSTERS * CHORES;
	for (int p = 0; p < POSTERS; p++)
		for (int i = 0; i < CHORES; i++)
			many[p][i] = (struct chore){ .t = { .run = work },
			                             .also = count_down };
	for (int p = 0; p < POSTERS; p++)
		assert_int_equal(pthread_create(&threads[p], NULL, post_all,
		                                many[p]), 0);
	assert_int_equal(pvb_loop_run(loop), 0);
	for (int p = 0; p < POSTERS; p++) {
		(void)pthread_join(threads[p], NULL);
		for (int i = 0; i < CHORES; i++) {
			assert_int_equal(many[p][i].run, 1);
			assert_true(i == 0 || many[p][i].order >
			            many[p][i - 1].order);
		}
	}
}

static void posting_a_waiting_task_has_no_effect(void **state)
{
	struct chore c = CHORE;

	(void)state;
	pvb_loop_post(loop, &c.t);
	pvb_loop_post(loop, &c.t);
	turn();
	turn();
	assert_int_equal(c.run, 1);
}

static void post_self(struct chore *c)
{
	pvb_loop_post(loop, &c->t);
}

static void task_that_posts_itself_runs_once_a_turn(void **state)
{
	struct chore c = CHORE;

	(void)state;
	c.also = post_self;
	pvb_loop_post(loop, &c.t);
	for (int i = 1; i <= 3; i++) {
		turn_blocking();
		assert_int_equal(c.run, i);
	}
	pvb_loop_undefer(loop, &c.t);
}

static void undefer_other(struct chore *c)
{
	pvb_loop_undefer(loop, &c->other->t);
}

static void undefer_takes_a_post_back(void **state)
{
	struct chore a = CHORE, b = CHORE, c = CHORE;

	(void)state;
	pvb_loop_post(loop, &c.t);
	pvb_loop_undefer(loop, &c.t);
	turn();
	assert_int_equal(c.run, 0);
	/* And from inside the very turn that would run it. */
	a.also = undefer_other;
	a.other = &b;
	pvb_loop_post(loop, &a.t);
	pvb_loop_post(loop, &b.t);
	pvb_loop_post(loop, &c.t);
	turn();
	assert_int_equal(a.run, 1);
	assert_int_equal(b.run, 0);
	assert_int_equal(c.run, 1);
}

static void wake_before_the_sleep_is_not_lost(void **state)
{
	(void)state;
	pvb_loop_wake(loop);
	pvb_loop_wake(loop);
	turn_blocking();
}

static atomic_bool told;

static void *tell_and_wake(void *arg)
{
	(void)arg;
	atomic_store(&told, true);
	pvb_loop_wake(loop);
	return NULL;
}

static void wake_makes_a_blocked_loop_turn(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		pthread_t thread;

		atomic_store(&told, false);
		assert_int_equal(pthread_create(&thread, NULL, tell_and_wake,
		                                NULL), 0);
		while (!atomic_load(&told))
			turn_blocking();
		(void)pthread_join(thread, NULL);
	}
}

static bool always_busy(struct pvb_loop_poller *p)
{
	(void)p;
	return true;
}

static bool never_armed(struct pvb_loop_poller *p)
{
	(void)p;
	fail_msg("a busy loop has no reason to arm");
	return true;
}

static void busy_loop_sees_a_post_within_eight_turns(void **state)
{
	struct pvb_loop_poller p = { .poll = always_busy, .arm = never_armed };
	struct chore c = CHORE;

	(void)state;
	pvb_loop_add_poller(loop, &p);
	for (int i = 0; i < 11; i++) {
		pvb_loop_post(loop, &c.t);
		for (int j = 0; j < 8; j++)
			turn_blocking();
		assert_int_equal(c.run, i + 1);
	}
	pvb_loop_remove_poller(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(post_wakes_a_blocked_loop),
		REAL(no_wake_up_is_lost_in_ping_pong),
		REAL(posts_of_many_threads_run_once_each_in_their_order),
		REAL(posting_a_waiting_task_has_no_effect),
		REAL(task_that_posts_itself_runs_once_a_turn),
		REAL(undefer_takes_a_post_back),
		REAL(wake_before_the_sleep_is_not_lost),
		REAL(wake_makes_a_blocked_loop_turn),
		MANUAL(busy_loop_sees_a_post_within_eight_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
