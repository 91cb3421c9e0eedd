/* SPDX-License-Identifier: MIT */
/*
 * test_loop.c - making, running and stopping a loop.  What it waits for has
 * a test program each: test_loop_fd, _timer, _task, _post, _spin, _uring.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include <pvb/err.h>

#include "loop_fixture.h"
#include "open_fds.h"

static void stop_loop(struct chore *c)
{
	(void)c;
	pvb_loop_stop(loop);
}

static void run_ends_with_stop(void **state)
{
	struct chore a = CHORE;

	(void)state;
	a.also = stop_loop;
	for (int i = 1; i <= 2; i++) {
		pvb_loop_defer(loop, &a.t);
		assert_int_equal(pvb_loop_run(loop), 0);
		assert_int_equal(a.run, i);
	}
	pvb_loop_stop(loop);
	assert_int_equal(pvb_loop_run(loop), 0);
}

static void no_action(int signal_number)
{
	(void)signal_number;
}

static atomic_bool turned;

/* Until it is heard: the first may come before the loop sleeps. */
static void *disturb(void *whom)
{
	while (!atomic_load(&turned)) {
		(void)pthread_kill(*(pthread_t *)whom, SIGUSR1);
		(void)sched_yield();
	}
	return NULL;
}

static void signal_is_just_another_turn(void **state)
{
	struct sigaction quiet = { .sa_handler = no_action };
	pthread_t self = pthread_self(), thread;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &quiet, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, disturb, &self), 0);
	turn_blocking();
	atomic_store(&turned, true);
	(void)pthread_join(thread, NULL);
}

static void destroy_gives_every_descriptor_back(void **state)
{
	const struct pvb_loop_config c = { .uring_entries = 8 };
	int before = open_fds();

	(void)state;
	pvb_loop_destroy(NULL);
	for (int i = 0; i < 3; i++)
		pvb_loop_destroy(pvb_loop_create(&c, NULL));
	assert_int_equal(open_fds(), before);
}

static void no_descriptors_left_is_a_sentence(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct rlimit old, tight;
	int before = open_fds(), next;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	next = dup(0);
	(void)close(next);
	/* None for the epoll set; then one, but none for the doorbell. */
	for (int spare = 0; spare < 2; spare++) {
		tight = old;
		tight.rlim_cur = (rlim_t)(next + spare);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		assert_null(pvb_loop_create(NULL, &e));
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(e.code, -EMFILE);
		assert_non_null(strstr(e.text, "event loop"));
	}
	assert_int_equal(open_fds(), before);
}

static void ring_that_was_not_asked_for_is_not_there(void **state)
{
	(void)state;
	assert_null(pvb_loop_uring(loop));
	assert_int_equal(pvb_loop_uring_refusal(loop), 0);
	pvb_loop_uring_queued(loop);
	pvb_loop_uring_submit(loop);
	turn();
}

static void refused_ring_leaves_a_loop_that_works(void **state)
{
	const struct pvb_loop_config c = { .uring_entries = 8 };
	struct rlimit old, tight;
	struct chore chore = CHORE;
	int next, before = open_fds();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	next = dup(0);
	(void)close(next);
	/* One for the epoll set, one for the doorbell, none for the ring. */
	tight = old;
	tight.rlim_cur = (rlim_t)next + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	loop = pvb_loop_create(&c, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(loop);
	assert_null(pvb_loop_uring(loop));
	/* A kernel that knows no io_uring at all says that first. */
	assert_true(pvb_loop_uring_refusal(loop) == EMFILE ||
	            pvb_loop_uring_refusal(loop) == ENOSYS ||
	            pvb_loop_uring_refusal(loop) == EPERM);
	pvb_loop_defer(loop, &chore.t);
	turn_blocking();
	assert_int_equal(chore.run, 1);
	(void)drop_loop(state);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(run_ends_with_stop),
		REAL(ring_that_was_not_asked_for_is_not_there),
		REAL(signal_is_just_another_turn),
		cmocka_unit_test(destroy_gives_every_descriptor_back),
		cmocka_unit_test(no_descriptors_left_is_a_sentence),
		cmocka_unit_test(refused_ring_leaves_a_loop_that_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
