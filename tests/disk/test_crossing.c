/* SPDX-License-Identifier: MIT */
/* Requests that cross from threads to a loop. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "disk/crossing.h"

enum { THREADS = 4, EACH = 20000, BATCH = 7 };

static struct pvb_loop *loop;
static struct pvb_crossing crossing;
static uint32_t calls, count, last[THREADS];
static struct pvb_io ios[THREADS][EACH];

/* In offset_bytes the number among its thread's, from 1; in arg whose. */
static void on_arrived(struct pvb_crossing *x, struct pvb_iolist *all)
{
	struct pvb_io *io;

	assert_ptr_equal(x, &crossing);
	assert_non_null(all->head);
	calls++;
	while ((io = pvb_iolist_pop(all))) {
		uint32_t *before = io->arg;

		assert_int_equal(io->offset_bytes, *before + 1);
		++*before;
		count++;
	}
}

static int setup(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	loop = pvb_loop_create(NULL, &e);
	assert_non_null(loop);
	assert_int_equal(pvb_crossing_init(&crossing, loop, on_arrived), 0);
	calls = count = 0;
	for (uint32_t t = 0; t < THREADS; t++) {
		last[t] = 0;
		for (uint32_t i = 0; i < EACH; i++)
			ios[t][i] = (struct pvb_io){
				.offset_bytes = i + 1, .arg = &last[t],
			};
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_true(pvb_crossing_is_empty(&crossing));
	pvb_crossing_fini(&crossing);
	pvb_loop_destroy(loop);         /* where nothing is posted any more */
	return 0;
}

static void what_waits_arrives_together_and_in_order(void **state)
{
	struct pvb_iolist two = { NULL, NULL };

	(void)state;
	pvb_crossing_put_all(&crossing, &two);          /* nothing */
	assert_true(pvb_crossing_is_empty(&crossing));
	pvb_crossing_put(&crossing, &ios[0][0]);
	pvb_iolist_push(&two, &ios[0][1]);
	pvb_iolist_push(&two, &ios[0][2]);
	pvb_crossing_put_all(&crossing, &two);
	assert_null(two.head);
	assert_false(pvb_crossing_is_empty(&crossing));
	assert_int_equal(pvb_loop_turn(loop, true), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(count, 3);
	pvb_crossing_put(&crossing, &ios[0][3]);
	assert_int_equal(pvb_loop_turn(loop, true), 0);
	assert_int_equal(calls, 2);
	assert_int_equal(count, 4);
}

static void it_may_be_received_before_its_turn(void **state)
{
	(void)state;
	pvb_crossing_receive(&crossing);
	assert_int_equal(calls, 0);
	pvb_crossing_put(&crossing, &ios[0][0]);
	pvb_crossing_receive(&crossing);
	assert_int_equal(count, 1);
	assert_int_equal(pvb_loop_turn(loop, false), 0);
	assert_int_equal(calls, 1);
	pvb_crossing_put(&crossing, &ios[0][1]);
	assert_int_equal(pvb_loop_turn(loop, true), 0);
	assert_int_equal(count, 2);
}

static void *put_many(void *arg)
{
	struct pvb_io *io = arg;

	for (uint32_t i = 0; i < EACH; ) {
		struct pvb_iolist some = { NULL, NULL };

		for (uint32_t n = 0; n < 1 + i % BATCH && i < EACH; n++)
			pvb_iolist_push(&some, &io[i++]);
		pvb_crossing_put_all(&crossing, &some);
	}
	return NULL;
}

/* The loop sleeps whenever it can, and is woken each time. */
static void none_of_many_threads_is_lost(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	for (uint32_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&thread[t], NULL, put_many,
		                                ios[t]), 0);
	while (count < THREADS * EACH)
		assert_int_equal(pvb_loop_turn(loop, true), 0);
	for (uint32_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(thread[t], NULL), 0);
	assert_int_equal(count, THREADS * EACH);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_waits_arrives_together_and_in_order),
		T(it_may_be_received_before_its_turn),
		T(none_of_many_threads_is_lost),
	};

	return cmocka_run_group_tests_name("crossing", tests, NULL, NULL);
}
