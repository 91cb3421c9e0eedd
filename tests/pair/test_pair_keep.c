/* SPDX-License-Identifier: MIT */
/*
 * A front whose back is lost and another comes: what was in flight is asked
 * again, in the shape that the new terms allow, and nothing else is.
 */
#include "keep_bench.h"

/* ---- what is asked again ------------------------------------------------- */

static void what_was_in_flight_is_asked_again_in_its_order(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q[4];

	(void)state;
	q[0] = submit(s, 0, PVB_IO_WRITE, 8 * PAGE, PAGE);
	q[1] = submit(s, 1, PVB_IO_READ, 0, PAGE);
	q[2] = submit(s, 2, PVB_IO_DISCARD, 32 * PAGE, PAGE);
	q[3] = submit(s, 3, PVB_IO_WRITE, 4 * PAGE, 2 * PAGE);
	assert_int_equal(held_count(), 4);
	assert_int_equal(lose(s), 4);
	assert_int_equal(s->rig.answers, 0);
	assert_true(s->pair.live);
	another_back(s);
	assert_int_equal(held_count(), 4);
	disk_has(0, PVB_IO_WRITE, 8 * PAGE, PAGE);
	disk_has(1, PVB_IO_READ, 0, PAGE);
	disk_has(2, PVB_IO_DISCARD, 32 * PAGE, PAGE);
	disk_has(3, PVB_IO_WRITE, 4 * PAGE, 2 * PAGE);
	assert_int_equal(s->rig.answers, 0);
	held_answer_all(0);
	for (int i = 0; i < 4; i++)
		wait_for(s, q[i], 0);
	assert_int_equal(s->pair.live_changes, 1);
	end(s);
}

static void what_was_answered_is_not_asked_again(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *done, *open;

	(void)state;
	open = submit(s, 0, PVB_IO_WRITE, 0, PAGE);
	done = submit(s, 1, PVB_IO_WRITE, 8 * PAGE, PAGE);
	held_answer(1, 0);
	wait_for(s, done, 0);
	assert_int_equal(lose(s), 1);
	another_back(s);
	assert_int_equal(held_count(), 1);
	disk_has(0, PVB_IO_WRITE, 0, PAGE);
	held_answer_all(0);
	wait_for(s, open, 0);
	assert_int_equal(done->answers, 1);
	end(s);
}

/* The write before it was answered, and only then the flush was asked. */
static void a_flush_is_asked_again(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *flush;

	(void)state;
	flush = submit(s, 0, PVB_IO_FLUSH, 0, 0);
	assert_int_equal(held_count(), 1);
	(void)lose(s);
	another_back(s);
	assert_int_equal(flush->answers, 0);
	assert_int_equal(held_count(), 1);
	disk_has(0, PVB_IO_FLUSH, 0, 0);
	held_answer_all(0);
	wait_for(s, flush, 0);
	end(s);
}

static void a_flush_becomes_a_barrier_where_there_is_no_other(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *flush;

	(void)state;
	flush = submit(s, 0, PVB_IO_FLUSH, 0, 0);
	(void)lose(s);
	s->pair.geometry.flush = false;
	another_back(s);
	assert_int_equal(held_count(), 1);
	held_answer_all(0);
	wait_for(s, flush, 0);
	assert_true(s->rig.disk->info.flush);
	end(s);
}

/* Its data was answered, but not to its submitter: both are done again. */
static void a_write_with_a_flush_behind_it_begins_anew(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = &s->req[0];

	(void)state;
	req_init(q, &s->rig, PVB_IO_WRITE, 0, PAGE);
	q->io.flags = PVB_IO_FUA;
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	turn(s);
	held_answer_all(0);
	turn(s);
	disk_has(0, PVB_IO_FLUSH, 0, 0);
	(void)lose(s);
	another_back(s);
	disk_has(0, PVB_IO_WRITE, 0, PAGE);
	held_answer_all(0);
	turn(s);
	disk_has(0, PVB_IO_FLUSH, 0, 0);
	held_answer_all(0);
	wait_for(s, q, 0);
	end(s);
}

static void a_part_that_failed_fails_the_whole(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = submit(s, 0, PVB_IO_READ, 0, MIB);

	(void)state;
	assert_true(held_count() > 2);
	held_answer(1, -EIO);
	turn(s);
	assert_int_equal(q->answers, 0);
	(void)lose(s);
	another_back(s);
	wait_for(s, q, -EIO);
	assert_int_equal(held_count(), 0);
	end(s);
}

/* ---- in another shape ---------------------------------------------------- */

static void check_shapes(const struct pair_options *before,
                         const struct pair_options *after)
{
	struct scene *s = begin(before);
	struct pair_options *o = &s->pair.options;
	struct req *w, *r, *z;

	put(s, 8 * MIB, MIB, 5);
	req_init(&s->req[0], &s->rig, PVB_IO_WRITE, 512, MIB);
	w = &s->req[0];
	fill_pattern(w->memory, MIB, 3);
	r = &s->req[1];
	req_init(r, &s->rig, PVB_IO_READ, 8 * MIB, MIB);
	z = &s->req[2];
	req_init(z, &s->rig, PVB_IO_ZERO, 20 * MIB, 3 * MIB);
	for (int i = 0; i < 3; i++)
		assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);              /* and the back sees none of it */
	assert_int_equal(lose(s), 3);
	o->ring_order = after->ring_order;
	o->indirect = after->indirect;
	o->blocks = after->blocks;
	o->x86_32 = after->x86_32;
	o->not_persistent = after->not_persistent;
	s->pair.geometry.segs_indirect_max = after->indirect;
	s->pair.geometry.segs_direct_max = PVB_BLK_SEGS_DIRECT;
	another_back(s);
	wait_for(s, w, 0);
	wait_for(s, r, 0);
	wait_for(s, z, 0);
	expect(s, 512, MIB, 3);
	fill_pattern(w->memory, MIB, 5);
	assert_memory_equal(r->memory, w->memory, MIB);
	expect(s, 20 * MIB, 3 * MIB, 0);
	end(s);
}

static void large_requests_are_cut_for_smaller_terms(void **state)
{
	(void)state;
	check_shapes(&(struct pair_options){ .uri = "mem:32M", .indirect = 64,
	                                     .ring_order = 2 },
	             &(struct pair_options){ 0 });
}

static void and_grow_with_larger_ones(void **state)
{
	(void)state;
	check_shapes(&(struct pair_options){ .uri = "mem:32M" },
	             &(struct pair_options){ .indirect = 256,
	                                     .ring_order = 3 });
}

static void from_blocks_of_slots_to_one_slot(void **state)
{
	(void)state;
	check_shapes(&(struct pair_options){ .uri = "mem:32M",
	                                     .blocks.segs_max = 64 },
	             &(struct pair_options){ 0 });
}

static void to_another_layout_without_persistent_grants(void **state)
{
	(void)state;
	check_shapes(&(struct pair_options){ .uri = "mem:32M",
	                                     .indirect = 32 },
	             &(struct pair_options){ .x86_32 = true, .indirect = 32,
	                                     .not_persistent = true });
}

/* ---- while there is no back ---------------------------------------------- */

static void what_comes_meanwhile_waits_its_turn(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, PAGE);
	(void)lose(s);
	(void)submit(s, 1, PVB_IO_WRITE, 8 * PAGE, PAGE);
	kill_back(s);
	(void)submit(s, 2, PVB_IO_WRITE, 16 * PAGE, PAGE);
	pair_front_attach(&s->pair);
	(void)submit(s, 3, PVB_IO_WRITE, 24 * PAGE, PAGE);
	assert_null(s->rig.disk->ops->buffer_get(s->rig.disk, PAGE));
	pair_back_attach(&s->pair);
	turn(s);
	assert_int_equal(held_count(), 0);
	pair_go(&s->pair);
	turn(s);
	assert_int_equal(held_count(), 4);
	for (uint32_t i = 0; i < 4; i++)
		disk_has(i, PVB_IO_WRITE, 8 * i * PAGE, PAGE);
	held_answer_all(0);
	for (int i = 0; i < 4; i++)
		wait_for(s, &s->req[i], 0);
	end(s);
}

static void a_request_that_cannot_be_is_refused_at_once(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	(void)lose(s);
	wait_for(s, submit(s, 0, PVB_IO_READ, 64 * MIB, PAGE), -EINVAL);
	wait_for(s, submit(s, 1, PVB_IO_READ, 0, 0), 0);
	end(s);
}

/* A back that says that it wants out answers all the same. */
static void what_is_in_flight_may_be_answered_to_the_end(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *first = submit(s, 0, PVB_IO_WRITE, 0, PAGE), *second;

	(void)state;
	order_drain(s, false, true);
	turn(s);
	assert_int_equal(s->pair.front.got_count, 0);
	second = submit(s, 1, PVB_IO_WRITE, 8 * PAGE, PAGE);
	assert_int_equal(held_count(), 1);
	held_answer_all(0);
	wait_for(s, first, 0);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	detach_front(s);
	another_back(s);
	assert_int_equal(held_count(), 1);
	disk_has(0, PVB_IO_WRITE, 8 * PAGE, PAGE);
	held_answer_all(0);
	wait_for(s, second, 0);
	end(s);
}

static void or_it_is_cut_after_all(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = submit(s, 0, PVB_IO_WRITE, 0, PAGE);

	(void)state;
	order_drain(s, false, true);
	turn(s);
	assert_int_equal(lose(s), 1);
	another_back(s);
	assert_int_equal(held_count(), 1);
	held_answer_all(0);
	wait_for(s, q, 0);
	end(s);
}

/* Half a large request was sent when it had to stop. */
static void what_was_sent_in_part_is_sent_whole(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = submit(s, 0, PVB_IO_WRITE, 0, 4 * MIB);
	uint32_t n = held_count();

	(void)state;
	assert_true(n > 0 && n < 94);
	order_drain(s, false, true);
	turn(s);
	held_answer_all(0);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	detach_front(s);
	another_back(s);
	disk_has(0, PVB_IO_WRITE, 0, 11 * PAGE);
	while (q->answers == 0) {
		held_answer_all(0);
		turn(s);
	}
	assert_int_equal(q->result, 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_in_flight_is_asked_again_in_its_order),
		cmocka_unit_test(what_was_answered_is_not_asked_again),
		cmocka_unit_test(a_flush_is_asked_again),
		cmocka_unit_test(
			a_flush_becomes_a_barrier_where_there_is_no_other),
		cmocka_unit_test(a_write_with_a_flush_behind_it_begins_anew),
		cmocka_unit_test(a_part_that_failed_fails_the_whole),
		cmocka_unit_test(large_requests_are_cut_for_smaller_terms),
		cmocka_unit_test(and_grow_with_larger_ones),
		cmocka_unit_test(from_blocks_of_slots_to_one_slot),
		cmocka_unit_test(to_another_layout_without_persistent_grants),
		cmocka_unit_test(what_comes_meanwhile_waits_its_turn),
		cmocka_unit_test(a_request_that_cannot_be_is_refused_at_once),
		cmocka_unit_test(what_is_in_flight_may_be_answered_to_the_end),
		cmocka_unit_test(or_it_is_cut_after_all),
		cmocka_unit_test(what_was_sent_in_part_is_sent_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
