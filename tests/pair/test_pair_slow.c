/* SPDX-License-Identifier: MIT */
/*
 * A disk that takes too long: which requests count as slow, since when, what is
 * told of them, and that nobody is woken while nothing is in flight.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/loop_state.h"            /* timers */
#include "held_scene.h"
#include "pair_death.h"

#define S UINT64_C(1000000000)
#define SLOW_NS (8 * S)

static struct scene *begin_watched(void)
{
	return scene_begin(&(struct pair_options){ .slow_ns = SLOW_NS });
}

static uint64_t now(const struct scene *s)
{
	return pvb_loop_now_ns(s->pair.back_loop);
}

static void counts_are(struct scene *s, uint64_t ever, uint64_t at_present,
                       uint64_t since_ns)
{
	struct pvb_counts c;

	pair_counts(&s->pair, &c);
	assert_int_equal(c.slow, ever);
	assert_int_equal(c.slow_now, at_present);
	assert_int_equal(c.slow_since_ns, since_ns);
}

static void said(const struct scene *s, uint32_t stalled, uint32_t answers)
{
	assert_int_equal(s->pair.back.stalled, stalled);
	assert_int_equal(s->pair.back.answers, answers);
}

/* ---- which, and since when ----------------------------------------------- */

static void one_that_is_answered_in_time_is_not(void **state)
{
	struct scene *s = begin_watched();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_pass(s, SLOW_NS - 1);
	scene_answer(s, 0);
	scene_pass(s, S);
	assert_int_equal(q->answers, 1);
	counts_are(s, 0, 0, 0);
	said(s, 0, 0);
	scene_end(s);
}

static void one_that_is_not_is_told_once_until_it_is_answered(void **state)
{
	struct scene *s = begin_watched();
	uint64_t taken = now(s);
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_pass(s, SLOW_NS);
	counts_are(s, 1, 1, taken);
	said(s, 1, 0);
	scene_pass(s, 100 * SLOW_NS);
	assert_int_equal(q->answers, 0);
	counts_are(s, 1, 1, taken);
	said(s, 1, 0);
	scene_answer(s, 0);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, 0);
	counts_are(s, 1, 0, 0);
	said(s, 1, 1);
	scene_end(s);
}

static void the_oldest_of_several_counts(void **state)
{
	struct scene *s = begin_watched();
	uint64_t first = now(s);

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_pass(s, 2 * S);
	(void)scene_submit_write(s, 1);
	scene_pass(s, 6 * S);
	counts_are(s, 1, 1, first);
	scene_pass(s, 2 * S);
	counts_are(s, 2, 2, first);
	scene_answer(s, 0);
	counts_are(s, 2, 1, first + 2 * S);
	said(s, 1, 0);
	scene_answer(s, 0);
	counts_are(s, 2, 0, 0);
	said(s, 1, 1);
	scene_end(s);
}

static void what_comes_meanwhile_has_its_own_time(void **state)
{
	struct scene *s = begin_watched();
	uint64_t second;

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_pass(s, SLOW_NS);
	second = now(s);
	(void)scene_submit_write(s, 1);
	scene_pass(s, SLOW_NS - 1);
	counts_are(s, 1, 1, second - SLOW_NS);
	scene_pass(s, 1);
	counts_are(s, 2, 2, second - SLOW_NS);
	held_answer(1, 0);
	held_answer(0, 0);
	pair_settle(&s->pair);
	said(s, 1, 1);
	scene_end(s);
}

static void one_that_waits_for_its_turn_is_as_slow(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){
		.slow_ns = SLOW_NS, .barrier_only = true });

	(void)state;
	(void)scene_submit_write(s, 0);
	(void)scene_submit(s, 1, PVB_IO_FLUSH, 0);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	scene_pass(s, SLOW_NS);
	counts_are(s, 2, 2, now(s) - SLOW_NS);
	scene_answer(s, 0);
	scene_answer(s, 0);
	said(s, 1, 1);
	scene_end(s);
}

static void unless_it_is_so_told_none_is(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });

	(void)state;
	(void)scene_submit_write(s, 0);
	assert_null(s->pair.back_loop->timers);
	scene_pass(s, 1000 * SLOW_NS);
	counts_are(s, 0, 0, 0);
	scene_answer(s, 0);
	scene_end(s);
}

/* ---- who is woken -------------------------------------------------------- */

static void nobody_looks_while_nothing_is_in_flight(void **state)
{
	struct scene *s = begin_watched();

	(void)state;
	assert_null(s->pair.back_loop->timers);
	(void)scene_submit_write(s, 0);
	assert_non_null(s->pair.back_loop->timers);
	scene_answer(s, 0);
	assert_null(s->pair.back_loop->timers);
	scene_end(s);
}

static void nor_while_all_that_is_are_known(void **state)
{
	struct scene *s = begin_watched();

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_pass(s, SLOW_NS);
	assert_null(s->pair.back_loop->timers);
	scene_answer(s, 0);
	assert_null(s->pair.back_loop->timers);
	scene_end(s);
}

/* ---- beside what else may be --------------------------------------------- */

static void what_waits_for_room_is_not_slow(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){
		.slow_ns = SLOW_NS, .keep_full = true });

	(void)state;
	(void)scene_submit_write(s, 0);
	(void)scene_submit_write(s, 1);
	scene_answer(s, -ENOSPC);
	for (int i = 0; i < 20; i++) {
		scene_pass(s, S);
		held_answer(1, -ENOSPC);
		pair_settle(&s->pair);
	}
	counts_are(s, 0, 0, 0);
	/* From the end of the pause on, the other has its time. */
	scene_pass(s, S);
	held_answer(1, 0);
	pair_settle(&s->pair);
	scene_pass(s, SLOW_NS - 1);
	counts_are(s, 0, 0, 0);
	scene_pass(s, SLOW_NS);
	assert_int_equal(s->pair.back.stalled, 1);
	scene_answer(s, 0);
	said(s, 1, 1);
	scene_end(s);
}

static void a_slow_one_that_finds_no_room_waits_for_that(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){
		.slow_ns = SLOW_NS, .keep_full = true });

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_pass(s, SLOW_NS);
	said(s, 1, 0);
	scene_answer(s, -ENOSPC);
	said(s, 1, 1);
	counts_are(s, 1, 0, 0);
	scene_pass(s, S);
	scene_answer(s, 0);
	counts_are(s, 1, 0, 0);
	scene_end(s);
}

static void a_cut_leaves_those_that_the_disk_has(void **state)
{
	struct scene *s = begin_watched();

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_pass(s, SLOW_NS);
	control_say(&s->pair.back, PVB_BLK_MSG_DETACH);
	pair_settle(&s->pair);
	counts_are(s, 1, 1, now(s) - SLOW_NS);
	scene_answer(s, 0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DETACHED);
	counts_are(s, 1, 0, 0);
	scene_release(s);
}

static void disk_finishes(void)
{
	held_answer_all(0);
}

/* Its time counts from the successor's start. */
static void who_goes_on_begins_to_count_anew(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){
		.slow_ns = SLOW_NS, .journal = true, .own_loop = true });
	uint64_t again;

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_pass(s, SLOW_NS);
	counts_are(s, 1, 1, now(s) - SLOW_NS);
	pair_kill(&s->pair, NULL, disk_finishes);
	again = now(s);
	(void)pair_resume(&s->pair);
	pair_settle(&s->pair);
	counts_are(s, 1, 0, 0);
	scene_pass(s, SLOW_NS);
	counts_are(s, 2, 1, again);
	scene_answer(s, 0);
	scene_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_answered_in_time_is_not),
		cmocka_unit_test(
			one_that_is_not_is_told_once_until_it_is_answered),
		cmocka_unit_test(the_oldest_of_several_counts),
		cmocka_unit_test(what_comes_meanwhile_has_its_own_time),
		cmocka_unit_test(one_that_waits_for_its_turn_is_as_slow),
		cmocka_unit_test(unless_it_is_so_told_none_is),
		cmocka_unit_test(nobody_looks_while_nothing_is_in_flight),
		cmocka_unit_test(nor_while_all_that_is_are_known),
		cmocka_unit_test(what_waits_for_room_is_not_slow),
		cmocka_unit_test(a_slow_one_that_finds_no_room_waits_for_that),
		cmocka_unit_test(a_cut_leaves_those_that_the_disk_has),
		cmocka_unit_test(who_goes_on_begins_to_count_anew),
	};

	return cmocka_run_group_tests_name("pair_slow", tests, NULL, NULL);
}
