/* SPDX-License-Identifier: MIT */
/* test_queue.c - order, and both ends of an empty queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/queue.h"

struct item {
	int number;
	struct pvb_qnode node;
};

static int pop_number(struct pvb_queue *q)
{
	struct pvb_qnode *n = pvb_queue_pop(q);

	return n ? pvb_container(n, struct item, node)->number : -1;
}

static void all_zero_is_empty(void **state)
{
	struct pvb_queue q = { 0 };

	(void)state;
	assert_true(pvb_queue_is_empty(&q));
	assert_null(pvb_queue_pop(&q));
}

static void first_in_is_first_out(void **state)
{
	struct item items[3] = { { .number = 0 }, { .number = 1 },
	                         { .number = 2 } };
	struct pvb_queue q = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		pvb_queue_push(&q, &items[i].node);
	assert_false(pvb_queue_is_empty(&q));
	for (int i = 0; i < 3; i++)
		assert_int_equal(pop_number(&q), i);
	assert_true(pvb_queue_is_empty(&q));
}

static void pushed_to_the_front_is_next(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 };
	struct pvb_queue q = { 0 };

	(void)state;
	pvb_queue_push(&q, &a.node);
	pvb_queue_push_front(&q, &b.node);
	assert_int_equal(pop_number(&q), 2);
	assert_int_equal(pop_number(&q), 1);
	assert_int_equal(pop_number(&q), -1);
}

static void front_of_an_empty_queue_is_also_its_end(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 };
	struct pvb_queue q = { 0 };

	(void)state;
	pvb_queue_push_front(&q, &a.node);
	pvb_queue_push(&q, &b.node);
	assert_int_equal(pop_number(&q), 1);
	assert_int_equal(pop_number(&q), 2);
}

static void emptied_queue_can_be_used_again(void **state)
{
	struct item a = { .number = 1 };
	struct pvb_queue q = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		pvb_queue_push(&q, &a.node);
		assert_int_equal(pop_number(&q), 1);
		assert_null(a.node.next);
		assert_true(pvb_queue_is_empty(&q));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_zero_is_empty),
		cmocka_unit_test(first_in_is_first_out),
		cmocka_unit_test(pushed_to_the_front_is_next),
		cmocka_unit_test(front_of_an_empty_queue_is_also_its_end),
		cmocka_unit_test(emptied_queue_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
