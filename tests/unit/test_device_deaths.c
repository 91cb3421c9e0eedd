/* SPDX-License-Identifier: MIT */
/*
 * When a device has cost too many workers, and when it gets one of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "serve/device_deaths.h"

enum { GO_ON = PVB_DEATHS_GO_ON, ALONE = PVB_DEATHS_ALONE,
       ENOUGH = PVB_DEATHS_ENOUGH };

static const uint64_t second = 1000000000;

static enum pvb_deaths_verdict die(struct pvb_deaths *d, uint32_t max,
                                   uint64_t at_s, uint64_t answered,
                                   uint64_t in_flight)
{
	const struct pvb_death death = {
		.now_ns = 1000000 * second + at_s * second,
		.answered = answered, .in_flight = in_flight,
	};

	return pvb_deaths_count(d, max, &death);
}

static void three_without_an_answer_are_enough(void **state)
{
	struct pvb_deaths d = { .count = 0 };

	(void)state;
	assert_int_equal(die(&d, 10, 0, 100, 1), GO_ON);
	assert_int_equal(die(&d, 10, 1, 100, 1), ALONE);
	assert_int_equal(die(&d, 10, 2, 100, 1), ENOUGH);
}

static void an_answer_in_between_begins_anew(void **state)
{
	struct pvb_deaths d = { .count = 0 };

	(void)state;
	assert_int_equal(die(&d, 10, 0, 100, 1), GO_ON);
	assert_int_equal(die(&d, 10, 1, 101, 1), GO_ON);
	assert_int_equal(die(&d, 10, 2, 101, 1), ALONE);
	assert_int_equal(die(&d, 10, 3, 102, 1), GO_ON);
}

static void who_has_nothing_in_flight_is_not_to_blame(void **state)
{
	struct pvb_deaths d = { .count = 0 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(die(&d, 10, i, 100, 0), GO_ON);
}

static void ten_within_a_minute_are_enough_whatever_is_answered(void **state)
{
	struct pvb_deaths d = { .count = 0 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(die(&d, 10, i, i, 1), GO_ON);
	for (uint32_t i = 4; i < 9; i++)
		assert_int_equal(die(&d, 10, i, i, 1), ALONE);
	assert_int_equal(die(&d, 10, 60, 60, 1), ENOUGH);
}

static void after_a_minute_all_is_forgotten(void **state)
{
	struct pvb_deaths d = { .count = 0 };

	(void)state;
	for (uint32_t i = 0; i < 9; i++)
		(void)die(&d, 10, i, i, 1);
	assert_int_equal(die(&d, 10, 61, 9, 1), GO_ON);
	assert_int_equal(d.count, 1);
	assert_int_equal(d.fruitless, 1);
}

static void the_numbers_follow_what_is_enough(void **state)
{
	struct pvb_deaths d = { .count = 0 };

	(void)state;
	assert_int_equal(die(&d, 1, 0, 0, 0), ENOUGH);
	d = (struct pvb_deaths){ .count = 0 };
	for (uint32_t i = 0; i < 49; i++)
		assert_int_not_equal(die(&d, 150, 0, 0, 1), ENOUGH);
	assert_int_equal(die(&d, 150, 0, 0, 1), ENOUGH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_without_an_answer_are_enough),
		cmocka_unit_test(an_answer_in_between_begins_anew),
		cmocka_unit_test(who_has_nothing_in_flight_is_not_to_blame),
		cmocka_unit_test(
			ten_within_a_minute_are_enough_whatever_is_answered),
		cmocka_unit_test(after_a_minute_all_is_forgotten),
		cmocka_unit_test(the_numbers_follow_what_is_enough),
	};

	return cmocka_run_group_tests_name("device_deaths", tests, NULL, NULL);
}
