/* SPDX-License-Identifier: MIT */
/*
 * Who may change which part of a disk, and who waits for whom.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "disk/ranges.h"

#include "requests.h"

enum { NAMES = 16 };

static struct pvb_loop *loop;
static struct pvb_ranges ranges;
static struct pvb_ranges_lane lane, other;
static struct pvb_range r[NAMES];
static char granted[NAMES + 1];         /* their letters, in order */

static void on_grant(struct pvb_range *x)
{
	size_t n = strlen(granted);

	assert_true(n < NAMES);
	granted[n] = (char)('a' + (x - r));
	granted[n + 1] = '\0';
}

static int setup(void **state)
{
	(void)state;
	loop = pvb_loop_create(NULL, NULL);
	assert_int_equal(pvb_ranges_init(&ranges), 0);
	pvb_ranges_lane_init(&lane, &ranges, loop, on_grant);
	pvb_ranges_lane_init(&other, &ranges, loop, on_grant);
	granted[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pvb_ranges_lane_fini(&lane);
	pvb_ranges_lane_fini(&other);
	pvb_ranges_fini(&ranges);
	pvb_loop_destroy(loop);
	return 0;
}

static bool take(int i, uint64_t begin, uint64_t end, bool alone)
{
	r[i] = (struct pvb_range){ .begin = begin, .end = end,
	                           .alone = alone };
	return pvb_ranges_take(i % 2 ? &other : &lane, &r[i]);
}

/* And what has been granted since the last time. */
static void expect(const char *names)
{
	assert_int_equal(pvb_loop_turn(loop, false), 0);
	assert_string_equal(granted, names);
	granted[0] = '\0';
}

static void those_who_share_do_not_wait(void **state)
{
	(void)state;
	assert_true(take(0, 0, 8, false));
	assert_true(take(1, 4, 12, false));
	assert_true(take(2, 0, 100, false));
	for (int i = 0; i < 3; i++)
		pvb_ranges_drop(&r[i]);
	expect("");
}

static void one_alone_waits_for_all_before_it(void **state)
{
	(void)state;
	assert_true(take(0, 0, 8, false));
	assert_true(take(1, 7, 9, false));
	assert_false(take(2, 4, 8, true));
	pvb_ranges_drop(&r[0]);
	expect("");
	pvb_ranges_drop(&r[1]);
	expect("c");
	pvb_ranges_drop(&r[2]);
}

static void neighbours_are_not_in_the_way(void **state)
{
	(void)state;
	assert_true(take(0, 8, 16, true));
	assert_true(take(1, 0, 8, true));
	assert_true(take(2, 16, 24, false));
	for (int i = 0; i < 3; i++)
		pvb_ranges_drop(&r[i]);
}

static void who_comes_later_does_not_overtake(void **state)
{
	(void)state;
	assert_true(take(0, 0, 8, false));
	assert_false(take(1, 0, 8, true));
	/* It could go along with the first, but the second would starve. */
	assert_false(take(2, 0, 8, false));
	assert_false(take(3, 0, 8, false));
	assert_false(take(4, 0, 8, true));
	pvb_ranges_drop(&r[0]);
	expect("b");
	pvb_ranges_drop(&r[1]);
	/* Those in between together; of two lanes, in either order. */
	assert_int_equal(pvb_loop_turn(loop, false), 0);
	assert_true(!strcmp(granted, "cd") || !strcmp(granted, "dc"));
	granted[0] = '\0';
	pvb_ranges_drop(&r[3]);
	expect("");
	pvb_ranges_drop(&r[2]);
	expect("e");
	pvb_ranges_drop(&r[4]);
}

/* One that waits holds up only those who want the same. */
static void who_waits_is_no_wall(void **state)
{
	(void)state;
	assert_true(take(0, 0, 8, true));
	assert_false(take(1, 4, 12, true));
	assert_true(take(2, 12, 20, true));
	assert_false(take(3, 8, 9, true));
	pvb_ranges_drop(&r[0]);
	expect("b");
	pvb_ranges_drop(&r[1]);
	expect("d");
	pvb_ranges_drop(&r[2]);
	pvb_ranges_drop(&r[3]);
}

static void several_may_be_granted_by_one_drop(void **state)
{
	(void)state;
	assert_true(take(0, 0, 32, true));
	for (int i = 2; i <= 8; i += 2)
		assert_false(take(i, i, i + 2, true));
	pvb_ranges_drop(&r[0]);
	expect("cegi");
	for (int i = 2; i <= 8; i += 2)
		pvb_ranges_drop(&r[i]);
}

/* ---- lanes in threads of their own --------------------------------------- */

enum { THREADS = 4, ROUNDS = 4000, PLACES = 4 };

/* Plain memory on purpose: who is alone there needs no atomics. */
static struct { uint32_t ahead, behind; } place[PLACES];
static struct pvb_ranges shared;

struct worker {
	pthread_t thread;
	struct pvb_loop *loop;
	struct pvb_ranges_lane lane;
	struct pvb_range range;
	uint64_t seed;
	bool granted, torn;
};

static void worker_granted(struct pvb_range *x)
{
	pvb_container(x, struct worker, range)->granted = true;
}

static void change(struct worker *w, uint64_t at)
{
	w->torn |= place[at].ahead != place[at].behind;
	place[at].ahead++;
	/* Others run, if they may. */
	(void)pvb_loop_turn(w->loop, false);
	place[at].behind++;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t at = next_random(&w->seed) % PLACES;

		w->range = (struct pvb_range){ .begin = at, .end = at + 1,
		                               .alone = true };
		w->granted = pvb_ranges_take(&w->lane, &w->range);
		while (!w->granted)
			(void)pvb_loop_turn(w->loop, true);
		change(w, at);
		pvb_ranges_drop(&w->range);
	}
	return NULL;
}

static void lanes_in_threads_are_alone_in_turn(void **state)
{
	struct worker w[THREADS] = { 0 };
	uint32_t sum = 0;

	(void)state;
	memset(place, 0, sizeof(place));
	assert_int_equal(pvb_ranges_init(&shared), 0);
	for (int i = 0; i < THREADS; i++) {
		w[i].seed = (uint64_t)i;
		w[i].loop = pvb_loop_create(NULL, NULL);
		assert_non_null(w[i].loop);
		pvb_ranges_lane_init(&w[i].lane, &shared, w[i].loop,
		                     worker_granted);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, work,
		                                &w[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_false(w[i].torn);
		pvb_ranges_lane_fini(&w[i].lane);
		pvb_loop_destroy(w[i].loop);
	}
	pvb_ranges_fini(&shared);
	for (int i = 0; i < PLACES; i++) {
		assert_int_equal(place[i].ahead, place[i].behind);
		sum += place[i].ahead;
	}
	assert_int_equal(sum, THREADS * ROUNDS);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_who_share_do_not_wait),
		TEST(one_alone_waits_for_all_before_it),
		TEST(neighbours_are_not_in_the_way),
		TEST(who_comes_later_does_not_overtake),
		TEST(who_waits_is_no_wall),
		TEST(several_may_be_granted_by_one_drop),
		cmocka_unit_test(lanes_in_threads_are_alone_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
