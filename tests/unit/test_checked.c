/* SPDX-License-Identifier: MIT */
/* test_checked.c - sums and products that do not fit, ranges that do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/checked.h"

static void add_is_true_up_to_the_largest(void **state)
{
	uint64_t out = 0;

	(void)state;
	assert_true(pvb_add_u64(UINT64_MAX - 5, 5, &out));
	assert_true(out == UINT64_MAX);
	assert_true(pvb_add_u64(0, 0, &out));
	assert_true(out == 0);
}

static void add_that_wraps_leaves_out_alone(void **state)
{
	uint64_t out = 77;

	(void)state;
	assert_false(pvb_add_u64(UINT64_MAX, 1, &out));
	assert_false(pvb_add_u64(1, UINT64_MAX, &out));
	assert_false(pvb_add_u64(UINT64_MAX, UINT64_MAX, &out));
	assert_true(out == 77);
}

static void mul_is_true_up_to_the_largest(void **state)
{
	uint64_t out = 1;

	(void)state;
	assert_true(pvb_mul_u64(UINT64_MAX / 512, 512, &out));
	assert_true(out == UINT64_MAX - 511);
	assert_true(pvb_mul_u64(UINT64_MAX, 0, &out));
	assert_true(out == 0);
	assert_true(pvb_mul_u64(0, UINT64_MAX, &out));
	assert_true(out == 0);
	assert_true(pvb_mul_u64(UINT64_MAX, 1, &out));
	assert_true(out == UINT64_MAX);
}

static void mul_that_wraps_leaves_out_alone(void **state)
{
	uint64_t out = 77;

	(void)state;
	assert_false(pvb_mul_u64(UINT64_MAX / 512 + 1, 512, &out));
	assert_false(pvb_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
	assert_true(out == 77);
}

static void range_inside_and_at_the_edges(void **state)
{
	(void)state;
	assert_true(pvb_range_ok(0, 100, 100));
	assert_true(pvb_range_ok(99, 1, 100));
	assert_true(pvb_range_ok(100, 0, 100));
	assert_true(pvb_range_ok(0, 0, 0));
	assert_true(pvb_range_ok(0, UINT64_MAX, UINT64_MAX));
	assert_false(pvb_range_ok(99, 2, 100));
	assert_false(pvb_range_ok(101, 0, 100));
	assert_false(pvb_range_ok(0, 1, 0));
}

static void range_whose_end_wraps_is_outside(void **state)
{
	(void)state;
	assert_false(pvb_range_ok(8, UINT64_MAX - 7, 100));
	assert_false(pvb_range_ok(UINT64_MAX, 1, 100));
	assert_false(pvb_range_ok(50, UINT64_MAX, UINT64_MAX));
}

static void powers_of_two(void **state)
{
	(void)state;
	assert_false(pvb_is_pow2(0));
	for (int i = 0; i < 64; i++) {
		assert_true(pvb_is_pow2(UINT64_C(1) << i));
		if (i > 1)
			assert_false(pvb_is_pow2((UINT64_C(1) << i) - 1));
		if (i > 0)
			assert_false(pvb_is_pow2((UINT64_C(1) << i) + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_is_true_up_to_the_largest),
		cmocka_unit_test(add_that_wraps_leaves_out_alone),
		cmocka_unit_test(mul_is_true_up_to_the_largest),
		cmocka_unit_test(mul_that_wraps_leaves_out_alone),
		cmocka_unit_test(range_inside_and_at_the_edges),
		cmocka_unit_test(range_whose_end_wraps_is_outside),
		cmocka_unit_test(powers_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
