/* SPDX-License-Identifier: MIT */
/*
 * How a back runs its disk: order, back pressure, pieces, barriers; seen on a
 * disk that answers when it is told to.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "pair.h"
#include "requests.h"

enum { REQS = 32 };

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[REQS];
};

static struct scene *begin(const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	o.uri = o.uri ? o.uri : "held:64M";
	o.disks = disk_held_list;
	pair_init(&s->pair, &o);
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static void end(struct scene *s)
{
	for (int i = 0; i < REQS; i++)
		req_fini(&s->req[i]);
	pair_disconnect(&s->pair);
	pair_fini(&s->pair);
	held_reset();
	free(s);
}

static struct req *submit(struct scene *s, int i, enum pvb_io_op op,
                          uint64_t offset, uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, offset, length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	return &s->req[i];
}

static void kick(struct scene *s)
{
	rig_kick(&s->rig);
	pair_settle(&s->pair);
}

static void a_full_disk_queue_delays_and_keeps_the_order(void **state)
{
	struct scene *s;

	(void)state;
	held_reset();
	held_info()->depth_max = 3;
	s = begin(&(struct pair_options){ 0 });
	for (int i = 0; i < 12; i++)
		(void)submit(s, i, PVB_IO_READ, i * 8192u, 4096);
	kick(s);
	assert_int_equal(held_count(), 3);
	assert_true(held_again() > 0);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(held_at(0)->offset_bytes, i * 8192);
		held_answer(0, 0);
		pair_settle(&s->pair);
	}
	for (int i = 0; i < 12; i++)
		assert_int_equal(s->req[i].answers, 1);
	end(s);
}

static void what_the_disk_takes_at_once_bounds_each_piece(void **state)
{
	struct scene *s;
	struct req *q;
	uint64_t at = 4096;

	(void)state;
	held_reset();
	held_info()->io_max_bytes = 8192;
	s = begin(&(struct pair_options){ .indirect = 32 });
	q = submit(s, 0, PVB_IO_WRITE, at, 6 * 4096);
	kick(s);
	for (int i = 0; i < 3; i++, at += 8192) {
		assert_int_equal(held_count(), 1);
		assert_int_equal(held_at(0)->offset_bytes, at);
		assert_int_equal(held_at(0)->length_bytes, 8192);
		assert_int_equal(q->answers, 0);
		held_answer(0, 0);
		pair_settle(&s->pair);
	}
	assert_int_equal(q->answers, 1);
	end(s);
}

static void so_does_the_number_of_its_vectors(void **state)
{
	struct scene *s;
	struct req *q;

	(void)state;
	held_reset();
	held_info()->iov_max = 2;
	/* Bounce pages never grow into one vector. */
	s = begin(&(struct pair_options){ .no_window = true });
	q = submit(s, 0, PVB_IO_WRITE, 0, 5 * 4096);
	kick(s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(held_count(), 1);
		assert_int_equal(held_at(0)->iovcnt, i < 2 ? 2 : 1);
		held_answer(0, 0);
		pair_settle(&s->pair);
	}
	assert_int_equal(q->result, 0);
	end(s);
}

static void after_a_failed_piece_there_is_no_other(void **state)
{
	struct scene *s;
	struct req *q;

	(void)state;
	held_reset();
	held_info()->io_max_bytes = 4096;
	s = begin(&(struct pair_options){ 0 });
	q = submit(s, 0, PVB_IO_WRITE, 0, 3 * 4096);
	kick(s);
	held_answer(0, 0);
	pair_settle(&s->pair);
	held_answer(0, -EIO);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 0);
	assert_int_equal(q->result, -EIO);
	end(s);
}

/* The front uses a barrier as its flush here. */
static void a_barrier_waits_for_what_is_before_it(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .barrier_only = true });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 4096);
	(void)submit(s, 1, PVB_IO_WRITE, 8192, 4096);
	(void)submit(s, 2, PVB_IO_FLUSH, 0, 0);
	kick(s);
	assert_int_equal(held_count(), 2);
	held_answer(1, 0);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_FLUSH);
	held_answer(0, 0);
	req_wait(&s->req[2]);
	assert_int_equal(s->req[2].result, 0);
	end(s);
}

static void and_holds_back_what_is_behind_it(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .barrier_only = true });

	(void)state;
	(void)submit(s, 0, PVB_IO_FLUSH, 0, 0);
	(void)submit(s, 1, PVB_IO_WRITE, 0, 4096);
	(void)submit(s, 2, PVB_IO_FLUSH, 0, 0);
	(void)submit(s, 3, PVB_IO_READ, 0, 4096);
	kick(s);
	for (int i = 0; i < 4; i++) {
		static const enum pvb_io_op order[] = {
			PVB_IO_FLUSH, PVB_IO_WRITE, PVB_IO_FLUSH, PVB_IO_READ,
		};

		assert_int_equal(held_count(), 1);
		assert_int_equal(held_at(0)->op, order[i]);
		held_answer(0, 0);
		pair_settle(&s->pair);
		assert_int_equal(s->req[i].answers, 1);
	}
	end(s);
}

static void a_failed_barrier_lets_the_others_go_on(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .barrier_only = true });

	(void)state;
	(void)submit(s, 0, PVB_IO_FLUSH, 0, 0);
	(void)submit(s, 1, PVB_IO_READ, 0, 4096);
	kick(s);
	held_answer(0, -EIO);
	pair_settle(&s->pair);
	assert_int_equal(s->req[0].result, -EIO);
	assert_int_equal(held_count(), 1);
	held_answer(0, 0);
	req_wait(&s->req[1]);
	assert_int_equal(s->req[1].result, 0);
	end(s);
}

static void more_bounced_data_than_pages_waits_its_turn(void **state)
{
	struct scene *s;

	(void)state;
	/* 512 slots of up to 256 segments: the limit is 4096 pages. */
	s = begin(&(struct pair_options){ .no_window = true, .ring_order = 4,
	                                  .indirect = 256 });
	for (int i = 0; i < 24; i++)
		(void)submit(s, i, PVB_IO_WRITE, i * (1u << 20), 1 << 20);
	kick(s);
	/* The front's own pages bound it too: both ends hold 16 MiB. */
	assert_in_range(held_count(), 15, 16);
	while (held_count() > 0) {
		held_answer_all(0);
		pair_settle(&s->pair);
	}
	for (int i = 0; i < 24; i++) {
		assert_int_equal(s->req[i].answers, 1);
		assert_int_equal(s->req[i].result, 0);
	}
	end(s);
}

static void a_failed_read_brings_nothing_over(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .no_window = true });
	struct req *q;
	struct mem_direct_counts before, after;

	(void)state;
	mem_direct_counts(s->pair.machine, &before);
	q = submit(s, 0, PVB_IO_READ, 0, 4096);
	kick(s);
	held_answer(0, -EIO);
	req_wait(q);
	mem_direct_counts(s->pair.machine, &after);
	assert_int_equal(q->result, -EIO);
	assert_int_equal(after.copies, before.copies);
	end(s);
}

static void a_copy_that_fails_is_a_bad_grant(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .no_window = true });
	struct pvb_counts c;

	(void)state;
	mem_direct_faults(s->pair.machine)->copies_until_bad = 1;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 4096);
	kick(s);
	assert_int_equal(held_count(), 0);
	assert_int_equal(s->req[0].result, -EIO);
	/* And for a read, when the data is brought over. */
	mem_direct_faults(s->pair.machine)->copies_until_bad = 2;
	(void)submit(s, 1, PVB_IO_READ, 0, 4096);
	kick(s);
	held_answer(0, 0);
	req_wait(&s->req[1]);
	assert_int_equal(s->req[1].result, -EIO);
	pair_counts(&s->pair, &c);
	assert_int_equal(c.refused[PVB_WHY_GRANT], 2);
	end(s);
}

static void no_space_is_reported_once_in_a_while(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	for (int i = 0; i < 20; i++) {
		req_fini(&s->req[0]);
		(void)submit(s, 0, PVB_IO_WRITE, 0, 4096);
		kick(s);
		held_answer(0, -ENOSPC);
		req_wait(&s->req[0]);
		assert_int_equal(s->req[0].result, -EIO);
	}
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.no_space, 1);
	end(s);
}

static void a_disk_that_grew_has_a_new_end(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .sectors = 4096 });
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_RESIZED };

	(void)state;
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 4096 * 512, 4096),
	                 -EINVAL);
	m.u.geometry = s->pair.geometry;
	m.u.geometry.sectors = (128 << 20) / 512;
	control_send(&s->pair.back, &m);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_GROWN);
	control_send(&s->pair.front, &m);
	pair_settle(&s->pair);
	assert_int_equal(held_lane()->info.size_bytes, 128 << 20);
	assert_int_equal(s->rig.disk->info.size_bytes, 128 << 20);
	(void)submit(s, 0, PVB_IO_READ, (128 << 20) - 4096, 4096);
	kick(s);
	held_answer(0, 0);
	req_wait(&s->req[0]);
	assert_int_equal(s->req[0].result, 0);
	end(s);
}

static void the_disk_s_own_news_is_passed_up(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_disk *lane = held_lane();
	struct pvb_blk_msg m;

	(void)state;
	lane->info.size_bytes = 65 << 20;
	lane->changed(lane, lane->arg, 0);
	m = control_wait(&s->pair.back, PVB_BLK_MSG_REPORT);
	assert_int_equal(m.u.report.kind, PVB_BLK_REPORT_SIZE);
	assert_int_equal(m.u.report.value, 65 << 20);
	lane->changed(lane, lane->arg, -EIO);
	m = control_wait(&s->pair.back, PVB_BLK_MSG_REPORT);
	assert_int_equal(m.u.report.kind, PVB_BLK_REPORT_DISK_GONE);
	assert_int_equal(m.u.report.value, EIO);
	end(s);
}

static void requests_in_flight_are_counted(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_counts c;

	(void)state;
	for (int i = 0; i < 5; i++)
		(void)submit(s, i, PVB_IO_READ, i * 8192u, 4096);
	kick(s);
	pair_counts(&s->pair, &c);
	assert_int_equal(c.in_flight, 5);
	held_answer_all(0);
	pair_settle(&s->pair);
	pair_counts(&s->pair, &c);
	assert_int_equal(c.in_flight, 0);
	assert_int_equal(c.op[PVB_COUNT_READ].requests, 5);
	assert_int_equal(c.op[PVB_COUNT_READ].bytes, 5 * 4096);
	end(s);
}

static void latency_is_from_taking_to_answering(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .manual_clock = true });
	struct pvb_counts c;

	(void)state;
	(void)submit(s, 0, PVB_IO_FLUSH, 0, 0);
	kick(s);
	pvb_loop_turn_clock(s->pair.loop, 5000000);
	held_answer(0, 0);
	pair_settle(&s->pair);
	pair_counts(&s->pair, &c);
	assert_in_range(pvb_counts_latency_ns(&c.op[PVB_COUNT_FLUSH], 500),
	                4600000, 5400000);
	end(s);
}

static void memory_of_a_rush_is_given_back_when_idle(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.indirect = 256, .ring_order = 2, .no_window = true,
		.manual_clock = true });
	struct mem_direct_counts c;

	(void)state;
	for (int round = 0; round < 2; round++) {
		(void)submit(s, round, PVB_IO_WRITE, 0, 8 << 20);
		kick(s);
		while (s->req[round].answers == 0) {
			held_answer_all(0);
			pair_settle(&s->pair);
		}
	}
	mem_direct_counts(s->pair.machine, &c);
	assert_int_equal(c.forgotten, 0);
	pvb_loop_turn_clock(s->pair.loop, UINT64_C(1000000000));
	pair_settle(&s->pair);
	mem_direct_counts(s->pair.machine, &c);
	assert_in_range(c.forgotten, 1900, 2048);
	/* And it all still works. */
	(void)submit(s, 2, PVB_IO_WRITE, 0, 8 << 20);
	kick(s);
	while (s->req[2].answers == 0) {
		held_answer_all(0);
		pair_settle(&s->pair);
	}
	assert_int_equal(s->req[2].result, 0);
	end(s);
}

/* With nothing to do both ends sleep, and nothing wakes them. */
static bool timer_fired;

static void on_timer(struct pvb_loop_timer *t)
{
	(void)t;
	timer_fired = true;
}

static int turns_in_50_ms(struct scene *s)
{
	struct pvb_loop_timer t = { .fired = on_timer };
	int turns = 0;

	timer_fired = false;
	pvb_loop_arm(s->pair.loop, &t,
	             pvb_loop_now_ns(s->pair.loop) + 50000000);
	for (; !timer_fired; turns++)
		pair_turn(&s->pair);
	return turns;
}

static void an_idle_pair_does_not_turn(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.timeout_ns = UINT64_C(30000000000) });

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)submit(s, i, PVB_IO_READ, i * 8192u, 4096);
	kick(s);
	held_answer_all(0);
	pair_settle(&s->pair);
	assert_in_range(turns_in_50_ms(s), 1, 3);
	end(s);
}

/* Nor one whose ring is full, or whose disk is. */
static void a_pair_that_waits_for_the_disk_does_not_turn(void **state)
{
	struct scene *s;

	(void)state;
	held_reset();
	held_info()->depth_max = 4;
	s = begin(&(struct pair_options){ 0 });
	(void)submit(s, 0, PVB_IO_WRITE, 0, 8 << 20);
	(void)submit(s, 1, PVB_IO_READ, 32 << 20, 4096);
	kick(s);
	assert_int_equal(held_count(), 4);
	assert_in_range(turns_in_50_ms(s), 1, 3);
	while (s->req[0].answers == 0 || s->req[1].answers == 0) {
		held_answer_all(0);
		pair_turn(&s->pair);
	}
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_queue_delays_and_keeps_the_order),
		cmocka_unit_test(what_the_disk_takes_at_once_bounds_each_piece),
		cmocka_unit_test(so_does_the_number_of_its_vectors),
		cmocka_unit_test(after_a_failed_piece_there_is_no_other),
		cmocka_unit_test(a_barrier_waits_for_what_is_before_it),
		cmocka_unit_test(and_holds_back_what_is_behind_it),
		cmocka_unit_test(a_failed_barrier_lets_the_others_go_on),
		cmocka_unit_test(more_bounced_data_than_pages_waits_its_turn),
		cmocka_unit_test(a_failed_read_brings_nothing_over),
		cmocka_unit_test(a_copy_that_fails_is_a_bad_grant),
		cmocka_unit_test(no_space_is_reported_once_in_a_while),
		cmocka_unit_test(a_disk_that_grew_has_a_new_end),
		cmocka_unit_test(the_disk_s_own_news_is_passed_up),
		cmocka_unit_test(requests_in_flight_are_counted),
		cmocka_unit_test(latency_is_from_taking_to_answering),
		cmocka_unit_test(memory_of_a_rush_is_given_back_when_idle),
		cmocka_unit_test(an_idle_pair_does_not_turn),
		cmocka_unit_test(a_pair_that_waits_for_the_disk_does_not_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
