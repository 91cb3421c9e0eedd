/* SPDX-License-Identifier: MIT */
/*
 * A back dies and another goes on by its journal: what is done again and what
 * is not, seen on a disk that answers when it is told to.  The front asserts
 * that each of its requests is answered once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "pair_death.h"
#include "proto/journal_layout.h"
#include "requests.h"

enum { REQS = 40, BLOCK = 8192 };

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[REQS];
};

static struct scene *begin(const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	o.uri = "held:64M";
	o.disks = disk_held_list;
	o.own_loop = o.journal = true;
	pair_init(&s->pair, &o);
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static void release(struct scene *s)
{
	pair_fini(&s->pair);
	for (int i = 0; i < REQS; i++)
		req_fini(&s->req[i]);
	held_reset();
	free(s);
}

static void end(struct scene *s)
{
	pair_disconnect(&s->pair);
	release(s);
}

static void submit(struct scene *s, int i, enum pvb_io_op op, uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, length ? (uint64_t)i * BLOCK : 0,
	         length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);
}

/* One by one, so that each is a request on the ring. */
static void submit_reads(struct scene *s, int n)
{
	for (int i = 0; i < n; i++)
		submit(s, i, PVB_IO_READ, 4096);
	pair_settle(&s->pair);
}

static void fence(void)
{
	held_answer_all(-EIO);
}

static void die(struct scene *s)
{
	pair_kill(&s->pair, NULL, fence);
}

/* The disk has these, in this order. */
static void assert_held(const int *which, uint32_t n)
{
	assert_int_equal(held_count(), n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(held_at(i)->offset_bytes / BLOCK, which[i]);
}

static void answer(struct scene *s, uint32_t i)
{
	held_answer(i, 0);
	pair_settle(&s->pair);
}

static void answer_all(struct scene *s)
{
	for (int i = 0; i < 8; i++) {
		held_answer_all(0);
		pair_settle(&s->pair);
	}
}

static void assert_answered(struct scene *s, int from, int to, int result)
{
	for (int i = from; i < to; i++) {
		assert_int_equal(s->req[i].answers, 1);
		assert_int_equal(s->req[i].result, result);
	}
}

/* ---- what is done again -------------------------------------------------- */

static void what_the_disk_had_is_done_again_in_order(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_journal_found f;

	(void)state;
	submit_reads(s, 5);
	die(s);
	f = pair_resume(&s->pair);
	assert_int_equal(f.redo, 5);
	assert_int_equal(f.unpublished + f.published + f.uncommitted, 0);
	pair_settle(&s->pair);
	assert_held((int[]){ 0, 1, 2, 3, 4 }, 5);
	answer_all(s);
	assert_answered(s, 0, 5, 0);
	end(s);
}

static void what_was_answered_is_not(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	submit_reads(s, 6);
	answer(s, 4);
	answer(s, 1);
	die(s);
	assert_int_equal(pair_resume(&s->pair).redo, 4);
	pair_settle(&s->pair);
	assert_held((int[]){ 0, 2, 3, 5 }, 4);
	answer_all(s);
	assert_answered(s, 0, 6, 0);
	end(s);
}

static void what_came_meanwhile_comes_after_it(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	submit_reads(s, 2);
	die(s);
	submit(s, 2, PVB_IO_READ, 4096);
	submit(s, 3, PVB_IO_READ, 4096);
	assert_int_equal(pair_resume(&s->pair).redo, 2);
	pair_settle(&s->pair);
	assert_held((int[]){ 0, 1, 2, 3 }, 4);
	answer_all(s);
	assert_answered(s, 0, 4, 0);
	end(s);
}

/* For `pvb stat`: nobody else would know. */
static void what_was_found_is_counted(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_counts counts;

	(void)state;
	submit_reads(s, 4);
	answer(s, 2);
	die(s);
	(void)pair_resume(&s->pair);
	pair_settle(&s->pair);
	pair_counts(&s->pair, &counts);
	assert_int_equal(counts.resumed, 1);
	assert_int_equal(counts.redone, 3);
	die(s);
	(void)pair_resume(&s->pair);
	pair_settle(&s->pair);
	pair_counts(&s->pair, &counts);
	assert_int_equal(counts.resumed, 2);
	assert_int_equal(counts.redone, 6);
	answer_all(s);
	assert_answered(s, 0, 4, 0);
	end(s);
}

/* Who shows an answer may die before it rings. */
static void it_rings_though_there_is_nothing_to_say(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_counts before, after;

	(void)state;
	die(s);
	pair_counts(&s->pair, &before);
	assert_int_equal(pair_resume(&s->pair).redo, 0);
	pair_counts(&s->pair, &after);
	assert_int_equal(after.bells_sent, before.bells_sent + 1);
	end(s);
}

static void it_may_die_again_and_again(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	submit_reads(s, 8);
	for (int i = 0; i < 8; i++) {
		die(s);
		assert_int_equal(pair_resume(&s->pair).redo, 8 - i);
		if (i & 1)      /* before it has begun with them */
			die(s), (void)pair_resume(&s->pair);
		pair_settle(&s->pair);
		answer(s, (uint32_t)(i * 5) % held_count());
	}
	assert_answered(s, 0, 8, 0);
	end(s);
}

static void more_than_a_batch_is_done_again(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .ring_order = 1 });
	int all[REQS];

	(void)state;
	submit_reads(s, REQS);
	for (int i = 0; i < REQS; i++)
		all[i] = i;
	die(s);
	assert_int_equal(pair_resume(&s->pair).redo, REQS);
	pair_settle(&s->pair);
	assert_held(all, REQS);
	answer_all(s);
	assert_answered(s, 0, REQS, 0);
	end(s);
}

static void a_barrier_drains_again(void **state)
{
	struct scene *s;

	(void)state;
	/* Its flushes are barriers. */
	s = begin(&(struct pair_options){ .barrier_only = true });
	submit(s, 0, PVB_IO_WRITE, 4096);
	submit(s, 1, PVB_IO_FLUSH, 0);
	submit(s, 2, PVB_IO_WRITE, 4096);
	pair_settle(&s->pair);
	assert_held((int[]){ 0 }, 1);
	die(s);
	(void)pair_resume(&s->pair);
	pair_settle(&s->pair);
	assert_held((int[]){ 0 }, 1);
	answer(s, 0);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_FLUSH);
	/* Once more, in the midst of it. */
	die(s);
	(void)pair_resume(&s->pair);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_FLUSH);
	answer(s, 0);
	assert_answered(s, 0, 2, 0);
	answer_all(s);
	assert_answered(s, 2, 3, 0);
	end(s);
}

static void a_list_is_not_read_again(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.indirect = 32, .no_window = true,
	});
	struct mem_direct_counts before, after;

	(void)state;
	submit(s, 0, PVB_IO_READ, 20 * 4096);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	die(s);
	mem_direct_counts(s->pair.machine, &before);
	(void)pair_resume(&s->pair);
	pair_settle(&s->pair);
	mem_direct_counts(s->pair.machine, &after);
	assert_int_equal(after.copies, before.copies);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->length_bytes, 20 * 4096);
	answer_all(s);
	assert_answered(s, 0, 1, 0);
	end(s);
}

static void a_list_that_was_not_there_yet_is_read(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.indirect = 32, .no_window = true,
	});
	const struct pvb_journal_shape shape = {
		((struct pvb_journal_area *)s->pair.journal)->is.shape.slots,
		112, 0,
	};
	struct pvb_journal j = { (void *)s->pair.journal, shape, 0, 0 };
	struct pair_moment *m;

	(void)state;
	submit(s, 0, PVB_IO_READ, 20 * 4096);
	pair_settle(&s->pair);
	assert_int_equal(pvb_journal_record(&j, 0)->extra_bytes, 20 * 8);
	pvb_journal_record(&j, 0)->extra_bytes = 0;
	m = pair_moment(&s->pair);
	pair_kill(&s->pair, m, fence);
	assert_int_equal(pair_resume(&s->pair).redo, 1);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->length_bytes, 20 * 4096);
	answer_all(s);
	assert_answered(s, 0, 1, 0);
	end(s);
}

static void segment_blocks_come_whole(void **state)
{
	(void)state;
	for (int x86_32 = 0; x86_32 < 2; x86_32++) {
		struct scene *s = begin(&(struct pair_options){
			.blocks.segs_max = 64, .ring_order = 1,
			.x86_32 = x86_32,
		});

		submit(s, 0, PVB_IO_READ, 40 * 4096);
		submit(s, 1, PVB_IO_READ, 4096);
		pair_settle(&s->pair);
		die(s);
		assert_int_equal(pair_resume(&s->pair).redo, 2);
		pair_settle(&s->pair);
		assert_int_equal(held_count(), 2);
		assert_int_equal(held_at(0)->length_bytes, 40 * 4096);
		answer_all(s);
		assert_answered(s, 0, 2, 0);
		end(s);
	}
}

static void a_disk_that_grew_meanwhile_is_asked(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .sectors = 64 });

	(void)state;
	submit_reads(s, 2);
	die(s);
	s->pair.geometry.sectors = 128;
	assert_int_equal(pair_resume(&s->pair).redo, 2);
	pair_settle(&s->pair);
	answer_all(s);
	assert_answered(s, 0, 2, 0);
	end(s);
}

static void another_medium_is_not_touched(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .removable = true });

	(void)state;
	submit_reads(s, 20);
	die(s);
	submit(s, 20, PVB_IO_READ, 4096);
	s->pair.medium = 7;
	assert_int_equal(pair_resume(&s->pair).redo, 20);
	pair_settle(&s->pair);
	assert_answered(s, 0, 20, -EIO);
	/* What came after is for the new one. */
	assert_held((int[]){ 20 }, 1);
	die(s);
	assert_int_equal(pair_resume(&s->pair).redo, 1);
	pair_settle(&s->pair);
	assert_held((int[]){ 20 }, 1);
	answer_all(s);
	assert_answered(s, 20, 21, 0);
	end(s);
}

/* ---- a feature that is gone ---------------------------------------------- */

static void lose_flush(struct scene *s)
{
	submit(s, 0, PVB_IO_FLUSH, 0);
	pair_settle(&s->pair);
	held_answer_all(-EOPNOTSUPP);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.lost[PVB_BLK_LOST_FLUSH], 1);
	submit(s, 1, PVB_IO_READ, 4096);
	pair_settle(&s->pair);
}

static void one_that_is_lost_may_be_known(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	lose_flush(s);
	die(s);
	assert_true(pvb_blk_geometry_lose(&s->pair.geometry,
	                                  PVB_BLK_LOST_FLUSH));
	assert_int_equal(pair_resume(&s->pair).redo, 1);
	pair_settle(&s->pair);
	answer_all(s);
	assert_answered(s, 1, 2, 0);
	end(s);
}

static void or_not(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	lose_flush(s);
	die(s);
	assert_int_equal(pair_resume(&s->pair).redo, 1);
	pair_settle(&s->pair);
	answer_all(s);
	assert_answered(s, 1, 2, 0);
	end(s);
}

/* The front was promised it, so this is no mistake of its own. */
static void or_only_to_another_queue(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_counts counts;

	(void)state;
	submit(s, 0, PVB_IO_READ, 4096);
	submit(s, 1, PVB_IO_FLUSH, 0);
	pair_settle(&s->pair);
	die(s);
	assert_true(pvb_blk_geometry_lose(&s->pair.geometry,
	                                  PVB_BLK_LOST_FLUSH));
	assert_int_equal(pair_resume(&s->pair).redo, 2);
	pair_settle(&s->pair);
	assert_held((int[]){ 0 }, 1);
	answer_all(s);
	assert_answered(s, 0, 1, 0);
	assert_answered(s, 1, 2, -EOPNOTSUPP);
	pair_counts(&s->pair, &counts);
	assert_int_equal(counts.refused[PVB_WHY_OP_NOT_OFFERED], 0);
	end(s);
}

/* ---- told to stop before it has begun ------------------------------------ */

static void a_drain_waits_for_what_is_done_again(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_blk_msg m;

	(void)state;
	submit_reads(s, 3);
	die(s);
	pair_resume_msg(&s->pair, &m);
	pair_send_back_attach(&s->pair, &m);
	control_say(&s->pair.back, PVB_BLK_MSG_DRAIN);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_ATTACHED);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.got_count, 0);
	assert_int_equal(held_count(), 3);
	answer_all(s);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	assert_answered(s, 0, 3, 0);
	release(s);
}

static void cut_off_it_does_nothing(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_blk_msg m;

	(void)state;
	submit_reads(s, 20);
	die(s);
	pair_resume_msg(&s->pair, &m);
	pair_send_back_attach(&s->pair, &m);
	m = (struct pvb_blk_msg){ .type = PVB_BLK_MSG_DRAIN, .cut = true };
	control_send(&s->pair.back, &m);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_ATTACHED);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	assert_int_equal(held_count(), 0);
	release(s);
}

/* ---- refused ------------------------------------------------------------- */

/* Where the first answer is, the second request was. */
static void without_a_journal_a_ring_in_use_is_not_begun_on(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_blk_msg m;

	(void)state;
	submit_reads(s, 2);
	held_answer(1, 0);
	pair_settle(&s->pair);
	die(s);
	s->pair.options.journal = false;
	pair_back_attach_msg(&s->pair, &m);
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_FORMAT);
	release(s);
}

static void but_on_one_that_is_quiet_it_is(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	submit_reads(s, 1);
	held_answer(0, 0);
	pair_settle(&s->pair);
	die(s);
	s->pair.options.journal = false;
	pair_back_attach(&s->pair);
	submit(s, 1, PVB_IO_READ, 4096);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_answered(s, 0, 2, 0);
	end(s);
}

static void assert_refused(struct scene *s, enum pvb_why why)
{
	struct pvb_blk_msg m;

	pair_resume_msg(&s->pair, &m);
	assert_int_equal(pair_resume_fails(&s->pair, &m), why);
}

static struct pvb_journal_area *area(struct scene *s)
{
	return (void *)s->pair.journal;
}

/* The first record. */
static struct pvb_journal_record *first(struct scene *s)
{
	return (void *)(area(s) + 1);
}

static struct scene *begin_dead(int requests)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	submit_reads(s, requests);
	die(s);
	return s;
}

static void a_journal_of_another_version(void **state)
{
	struct scene *s = begin_dead(2);

	(void)state;
	area(s)->version++;
	assert_refused(s, PVB_WHY_JOURNAL_FORMAT);
	release(s);
}

static void one_that_does_not_fit_the_ring(void **state)
{
	struct scene *s = begin_dead(2);
	struct pvb_blk_msg m;

	(void)state;
	pair_resume_msg(&s->pair, &m);
	m.u.back_attach.geometry.segs_indirect_max /= 2;
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_FORMAT);
	release(s);
}

static void one_that_is_in_use_where_a_fresh_one_is_due(void **state)
{
	struct scene *s = begin_dead(2);
	struct pvb_blk_msg m;

	(void)state;
	pair_back_attach_msg(&s->pair, &m);
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_FORMAT);
	release(s);
}

static void one_of_another_connection(void **state)
{
	struct scene *s = begin_dead(2);
	struct pvb_blk_msg m;

	(void)state;
	pair_resume_msg(&s->pair, &m);
	m.u.back_attach.device++;
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_OTHER);
	release(s);
}

static void other_promises(void **state)
{
	struct scene *s = begin_dead(2);
	struct pvb_blk_msg m;

	(void)state;
	pair_resume_msg(&s->pair, &m);
	m.u.back_attach.geometry.discard_secure = true;
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_OTHER);
	m.u.back_attach.geometry.discard_secure = false;
	m.u.back_attach.geometry.units = PVB_BLK_UNITS_ALL;
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_OTHER);
	release(s);
}

static void one_of_another_disk(void **state)
{
	struct scene *s = begin_dead(2);

	(void)state;
	s->pair.medium = 7;
	assert_refused(s, PVB_WHY_JOURNAL_OTHER);
	release(s);
}

static void a_request_that_is_not_as_long_as_it_says(void **state)
{
	struct scene *s = begin_dead(2);

	(void)state;
	/* Two slots of the ring for the first, none for the second. */
	first(s)->slots = 2;
	((struct pvb_journal_record *)
	 ((uint8_t *)first(s) + 128))->state = PVB_JOURNAL_FREE;
	assert_refused(s, PVB_WHY_JOURNAL_CONTENT);
	release(s);
}

static void a_list_that_is_not_its_own(void **state)
{
	struct scene *s = begin_dead(2);

	(void)state;
	first(s)->extra_bytes = 8;      /* a direct one has none */
	assert_refused(s, PVB_WHY_JOURNAL_CONTENT);
	release(s);
}

static void a_front_that_moves_the_answers(void **state)
{
	struct scene *s = begin_dead(3);

	(void)state;
	pair_ring(&s->pair)[2] += 1;
	assert_refused(s, PVB_WHY_JOURNAL_RING);
	release(s);
}

static void a_front_that_takes_requests_back(void **state)
{
	struct scene *s = begin_dead(3);

	(void)state;
	pair_ring(&s->pair)[0] -= 1;
	assert_refused(s, PVB_WHY_RING_INDEX);
	release(s);
}

static void what_is_refused_may_be_tried_again(void **state)
{
	struct scene *s = begin_dead(3);
	struct pvb_blk_msg m;

	(void)state;
	pair_resume_msg(&s->pair, &m);
	m.u.back_attach.queue++;
	assert_int_equal(pair_resume_fails(&s->pair, &m),
	                 PVB_WHY_JOURNAL_OTHER);
	assert_int_equal(pair_resume(&s->pair).redo, 3);
	pair_settle(&s->pair);
	answer_all(s);
	assert_answered(s, 0, 3, 0);
	end(s);
}

/* ---- where nothing was begun --------------------------------------------- */

static void a_blank_one_begins(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	const struct pair_options o = {
		.uri = "held:64M", .disks = disk_held_list,
		.own_loop = true, .journal = true,
	};

	(void)state;
	pair_init(&s->pair, &o);
	pair_front_attach(&s->pair);
	assert_int_equal(pair_resume(&s->pair).redo, 0);
	pair_go(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	submit_reads(s, 2);
	die(s);
	assert_int_equal(pair_resume(&s->pair).redo, 2);
	pair_settle(&s->pair);
	answer_all(s);
	assert_answered(s, 0, 2, 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_disk_had_is_done_again_in_order),
		cmocka_unit_test(what_was_answered_is_not),
		cmocka_unit_test(what_came_meanwhile_comes_after_it),
		cmocka_unit_test(what_was_found_is_counted),
		cmocka_unit_test(it_rings_though_there_is_nothing_to_say),
		cmocka_unit_test(it_may_die_again_and_again),
		cmocka_unit_test(more_than_a_batch_is_done_again),
		cmocka_unit_test(a_barrier_drains_again),
		cmocka_unit_test(a_list_is_not_read_again),
		cmocka_unit_test(a_list_that_was_not_there_yet_is_read),
		cmocka_unit_test(segment_blocks_come_whole),
		cmocka_unit_test(a_disk_that_grew_meanwhile_is_asked),
		cmocka_unit_test(another_medium_is_not_touched),
		cmocka_unit_test(one_that_is_lost_may_be_known),
		cmocka_unit_test(or_not),
		cmocka_unit_test(or_only_to_another_queue),
		cmocka_unit_test(a_drain_waits_for_what_is_done_again),
		cmocka_unit_test(cut_off_it_does_nothing),
		cmocka_unit_test(
			without_a_journal_a_ring_in_use_is_not_begun_on),
		cmocka_unit_test(but_on_one_that_is_quiet_it_is),
		cmocka_unit_test(a_journal_of_another_version),
		cmocka_unit_test(one_that_does_not_fit_the_ring),
		cmocka_unit_test(one_that_is_in_use_where_a_fresh_one_is_due),
		cmocka_unit_test(one_of_another_connection),
		cmocka_unit_test(other_promises),
		cmocka_unit_test(one_of_another_disk),
		cmocka_unit_test(a_request_that_is_not_as_long_as_it_says),
		cmocka_unit_test(a_list_that_is_not_its_own),
		cmocka_unit_test(a_front_that_moves_the_answers),
		cmocka_unit_test(a_front_that_takes_requests_back),
		cmocka_unit_test(what_is_refused_may_be_tried_again),
		cmocka_unit_test(a_blank_one_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
