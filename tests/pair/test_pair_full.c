/* SPDX-License-Identifier: MIT */
/*
 * A disk without room, and a back that keeps what it refuses: what is asked
 * again, when, and what ends that.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "held_scene.h"
#include "pair_death.h"

#define RETRY_NS UINT64_C(1000000000)

static struct scene *begin_keeping(void)
{
	return scene_begin(&(struct pair_options){ .keep_full = true });
}

static void counts_are(struct scene *s, uint64_t no_space, uint64_t pauses,
                       uint64_t kept)
{
	struct pvb_counts c;

	pair_counts(&s->pair, &c);
	assert_int_equal(c.no_space, no_space);
	assert_int_equal(c.pauses, pauses);
	assert_int_equal(c.kept, kept);
}

static void said(const struct scene *s, uint32_t no_space, uint32_t paused,
                 uint32_t goes_on)
{
	const struct control *c = &s->pair.back;

	assert_int_equal(c->no_space, no_space);
	assert_int_equal(c->paused, paused);
	assert_int_equal(c->goes_on, goes_on);
}

/* ---- kept, and asked again ----------------------------------------------- */

static void what_there_is_no_room_for_fails(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -ENOSPC);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, -EIO);
	said(s, 1, 0, 0);
	counts_are(s, 1, 0, 0);
	scene_end(s);
}

static void or_waits_until_there_is(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 1);

	(void)state;
	scene_answer(s, -ENOSPC);
	scene_pass(s, RETRY_NS - 1);
	assert_int_equal(held_count(), 0);
	scene_pass(s, 1);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_WRITE);
	assert_int_equal(held_at(0)->offset_bytes, 65536);
	assert_int_equal(held_at(0)->length_bytes, 4096);
	assert_int_equal(q->answers, 0);
	scene_answer(s, 0);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, 0);
	scene_end(s);
}

static void however_often_it_is_told_once(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(held_count(), 1);
		scene_answer(s, -ENOSPC);
		counts_are(s, (uint64_t)i + 1, 1, 1);
		scene_pass(s, RETRY_NS);
	}
	said(s, 0, 1, 0);
	scene_answer(s, 0);
	said(s, 0, 1, 1);
	counts_are(s, 5, 1, 0);
	assert_int_equal(q->result, 0);
	scene_end(s);
}

static void a_quota_is_no_room_either(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -EDQUOT);
	said(s, 0, 1, 0);
	scene_pass(s, RETRY_NS);
	scene_answer(s, 0);
	assert_int_equal(q->result, 0);
	scene_end(s);
}

static void another_error_is_told_at_once(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -EIO);
	assert_int_equal(q->result, -EIO);
	said(s, 0, 0, 0);
	scene_end(s);
}

static void an_error_of_the_next_try_ends_it(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -ENOSPC);
	scene_pass(s, RETRY_NS);
	scene_answer(s, -EIO);
	assert_int_equal(q->result, -EIO);
	said(s, 0, 1, 1);
	scene_end(s);
}

/* What it could not write may be gone: the next one would say that it is
   written. */
static void a_flush_is_not_asked_again(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit(s, 0, PVB_IO_FLUSH, 0);

	(void)state;
	pair_settle(&s->pair);
	scene_answer(s, -ENOSPC);
	assert_int_equal(q->result, -EIO);
	counts_are(s, 0, 0, 0);
	scene_end(s);
}

static void a_piece_alone_is_asked_again(void **state)
{
	struct scene *s;
	struct req *q;

	(void)state;
	held_reset();
	held_info()->io_max_bytes = 4096;
	s = begin_keeping();
	q = scene_submit(s, 0, PVB_IO_WRITE, 3 * 4096);
	pair_settle(&s->pair);
	scene_answer(s, 0);
	scene_answer(s, -ENOSPC);
	scene_pass(s, RETRY_NS);
	assert_int_equal(held_at(0)->offset_bytes, 4096);
	scene_answer(s, 0);
	assert_int_equal(held_at(0)->offset_bytes, 8192);
	scene_answer(s, 0);
	assert_int_equal(q->result, 0);
	said(s, 0, 1, 1);
	scene_end(s);
}

/* ---- the ring meanwhile -------------------------------------------------- */

static void meanwhile_nothing_is_taken(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -ENOSPC);
	(void)scene_submit(s, 1, PVB_IO_READ, 4096);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 0);
	scene_pass(s, RETRY_NS);
	assert_int_equal(held_count(), 1);
	scene_answer(s, 0);
	assert_int_equal(q->answers, 1);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_READ);
	scene_answer(s, 0);
	assert_int_equal(s->req[1].result, 0);
	scene_end(s);
}

static void until_the_last_has_its_room(void **state)
{
	struct scene *s = begin_keeping();

	(void)state;
	(void)scene_submit_write(s, 0);
	(void)scene_submit_write(s, 1);
	scene_answer(s, -ENOSPC);
	scene_answer(s, -ENOSPC);
	counts_are(s, 2, 1, 2);
	scene_pass(s, RETRY_NS);
	assert_int_equal(held_count(), 2);
	scene_answer(s, 0);
	assert_int_equal(s->req[0].result, 0);
	counts_are(s, 2, 1, 1);
	scene_answer(s, -ENOSPC);
	(void)scene_submit_write(s, 2);
	assert_int_equal(held_count(), 0);
	scene_pass(s, RETRY_NS);
	scene_answer(s, 0);
	said(s, 0, 1, 1);
	assert_int_equal(held_at(0)->offset_bytes, 2 * 65536);
	scene_answer(s, 0);
	scene_end(s);
}

static void a_barrier_waits_for_what_is_kept(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){
		.keep_full = true, .barrier_only = true });

	(void)state;
	(void)scene_submit(s, 0, PVB_IO_WRITE, 4096);
	(void)scene_submit(s, 1, PVB_IO_FLUSH, 0);
	pair_settle(&s->pair);
	scene_answer(s, -ENOSPC);
	assert_int_equal(held_count(), 0);
	scene_pass(s, RETRY_NS);
	scene_answer(s, 0);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_FLUSH);
	scene_answer(s, 0);
	assert_int_equal(s->req[1].result, 0);
	scene_end(s);
}

static void what_a_rule_refuses_is_written_in_the_end(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ .keep_full = true,
		.uri = "fault:mem:1M?fail=ENOSPC,op:write,times:3" });
	struct req *q = &s->req[1];

	(void)state;
	req_init(q, &s->rig, PVB_IO_WRITE, 65536, 4096);
	fill_pattern(req_data(q), 4096, 9);
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	for (int i = 0; i < 3; i++) {
		pair_settle(&s->pair);
		assert_int_equal(q->answers, 0);
		scene_pass(s, RETRY_NS);
	}
	assert_int_equal(q->result, 0);
	rig_expect(&s->rig, 65536, 4096, 9);
	counts_are(s, 3, 1, 0);
	scene_end(s);
}

/* ---- the end of it ------------------------------------------------------- */

static void a_device_that_closes_keeps_no_more(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -ENOSPC);
	control_say(&s->pair.back, PVB_BLK_MSG_CLOSING);
	pair_settle(&s->pair);
	assert_int_equal(q->result, -EIO);
	counts_are(s, 1, 1, 0);
	(void)scene_submit_write(s, 1);
	scene_answer(s, -ENOSPC);
	assert_int_equal(s->req[1].result, -EIO);
	scene_end(s);
}

static void nor_one_that_drains(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	(void)scene_submit_write(s, 1);
	scene_answer(s, -ENOSPC);
	control_say(&s->pair.back, PVB_BLK_MSG_DRAIN);
	pair_settle(&s->pair);
	assert_int_equal(q->result, -EIO);
	/* The other was in the disk. */
	assert_int_equal(s->req[1].answers, 0);
	scene_answer(s, -ENOSPC);
	assert_int_equal(s->req[1].result, -EIO);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	said(s, 1, 1, 0);
	scene_end(s);
}

static void one_that_is_cut_forgets_it(void **state)
{
	struct scene *s = begin_keeping();
	struct req *q = scene_submit_write(s, 0);

	(void)state;
	scene_answer(s, -ENOSPC);
	control_say(&s->pair.back, PVB_BLK_MSG_DETACH);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DETACHED);
	assert_int_equal(q->answers, 0);
	counts_are(s, 1, 1, 0);
	scene_release(s);
}

/* It was never answered, so it stands in the journal. */
static void whoever_comes_next_asks_for_it(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){
		.keep_full = true, .journal = true, .own_loop = true });
	struct req *q = scene_submit_write(s, 0);
	struct pvb_journal_found f;

	(void)state;
	scene_answer(s, -ENOSPC);
	pair_kill(&s->pair, NULL, NULL);
	f = pair_resume(&s->pair);
	assert_int_equal(f.redo, 1);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	scene_answer(s, -ENOSPC);
	assert_int_equal(q->answers, 0);
	counts_are(s, 2, 2, 1);
	scene_pass(s, RETRY_NS);
	scene_answer(s, 0);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, 0);
	scene_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_there_is_no_room_for_fails),
		cmocka_unit_test(or_waits_until_there_is),
		cmocka_unit_test(however_often_it_is_told_once),
		cmocka_unit_test(a_quota_is_no_room_either),
		cmocka_unit_test(another_error_is_told_at_once),
		cmocka_unit_test(an_error_of_the_next_try_ends_it),
		cmocka_unit_test(a_flush_is_not_asked_again),
		cmocka_unit_test(a_piece_alone_is_asked_again),
		cmocka_unit_test(meanwhile_nothing_is_taken),
		cmocka_unit_test(until_the_last_has_its_room),
		cmocka_unit_test(a_barrier_waits_for_what_is_kept),
		cmocka_unit_test(what_a_rule_refuses_is_written_in_the_end),
		cmocka_unit_test(a_device_that_closes_keeps_no_more),
		cmocka_unit_test(nor_one_that_drains),
		cmocka_unit_test(one_that_is_cut_forgets_it),
		cmocka_unit_test(whoever_comes_next_asks_for_it),
	};

	return cmocka_run_group_tests_name("pair_full", tests, NULL, NULL);
}
