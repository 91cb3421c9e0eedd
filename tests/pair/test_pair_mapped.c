/* SPDX-License-Identifier: MIT */
/*
 * A back that keeps its front's pages mapped (persistent grants): how many, for
 * how long, and that none is left.  pair_fini asserts the last.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "flow/grant_cache.h"
#include "pair.h"
#include "requests.h"

enum { REQS = 24, RING = 1 };           /* pages */

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[REQS];
};

static struct scene *begin(const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	if (!o.uri) {
		o.uri = "held:64M";
		o.disks = disk_held_list;
	}
	pair_init(&s->pair, &o);
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static void end(struct scene *s)
{
	pair_fini(&s->pair);
	for (int i = 0; i < REQS; i++)
		req_fini(&s->req[i]);
	held_reset();
	free(s);
}

static struct req *submit(struct scene *s, int i, enum pvb_io_op op,
                          uint64_t offset, uint64_t length)
{
	req_fini(&s->req[i]);
	req_init(&s->req[i], &s->rig, op, offset, length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	return &s->req[i];
}

static void answer_all(struct scene *s)
{
	while (held_count() > 0) {
		held_answer_all(0);
		pair_settle(&s->pair);
	}
}

/* Pages that are mapped besides the ring, by the machine's count and ours. */
static uint32_t mapped(struct scene *s)
{
	struct mem_direct_counts m;
	struct pvb_counts c;

	mem_direct_counts(s->pair.machine, &m);
	pair_counts(&s->pair, &c);
	assert_int_equal(m.mapped, c.mapped_pages + RING);
	return m.mapped - RING;
}

static uint64_t copies(struct scene *s)
{
	struct mem_direct_counts m;
	struct pvb_counts c;

	mem_direct_counts(s->pair.machine, &m);
	pair_counts(&s->pair, &c);
	assert_int_equal(m.copies, c.copies);
	return c.copies;
}

static void pages_stay_mapped_for_the_next_request(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .mapped = true });

	(void)state;
	for (int i = 0; i < 5; i++) {
		enum pvb_io_op op = i % 2 ? PVB_IO_READ : PVB_IO_WRITE;
		struct req *q = submit(s, 0, op, 0, 8 * 4096);

		assert_int_equal(held_at(0)->iovcnt, 8);
		answer_all(s);
		assert_int_equal(q->result, 0);
		assert_int_equal(mapped(s), 8);
	}
	assert_int_equal(copies(s), 0);
	pair_disconnect(&s->pair);
	end(s);
}

static void lists_are_copied(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .mapped = true,
	                                                .indirect = 32 });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 32 * 4096);
	answer_all(s);
	assert_int_equal(mapped(s), 32);
	assert_int_equal(copies(s), 1);
	end(s);
}

static void what_a_front_does_not_use_again_is_not_mapped(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .no_window = true });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 8 * 4096);
	answer_all(s);
	assert_int_equal(mapped(s), 0);
	assert_int_equal(copies(s), 8);
	end(s);
}

/* 16 MiB in flight: what does not fit goes by copies, and nothing waits. */
static void more_in_flight_than_may_be_mapped(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.mapped = true, .ring_order = 0, .indirect = 256 });

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < REQS; i++)
			(void)submit(s, i, PVB_IO_READ, (uint64_t)i << 20,
			             1 << 20);
		assert_in_range(held_count(), 15, 16);
		assert_int_equal(mapped(s), PVB_GRANT_CACHE_PAGES_MAX);
		answer_all(s);
		for (int i = 0; i < REQS; i++)
			assert_int_equal(s->req[i].result, 0);
	}
	assert_true(copies(s) > 0);
	end(s);
}

static void idle_for_a_minute_it_lets_the_pages_go(void **state)
{
	const uint64_t second_ns = UINT64_C(1000000000);
	struct scene *s = begin(&(struct pair_options){
		.mapped = true, .manual_clock = true });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 8 * 4096);
	answer_all(s);
	pvb_loop_turn_clock(s->pair.loop, 50 * second_ns);
	pair_settle(&s->pair);
	assert_int_equal(mapped(s), 8);
	/* The minute begins anew with each request, */
	(void)submit(s, 0, PVB_IO_WRITE, 0, 4096);
	answer_all(s);
	pvb_loop_turn_clock(s->pair.loop, 50 * second_ns);
	pair_settle(&s->pair);
	assert_int_equal(mapped(s), 8);
	pvb_loop_turn_clock(s->pair.loop, 10 * second_ns);
	pair_settle(&s->pair);
	assert_int_equal(mapped(s), 0);
	/* and does not run while one is under way. */
	(void)submit(s, 0, PVB_IO_WRITE, 0, 4096);
	pvb_loop_turn_clock(s->pair.loop, 100 * second_ns);
	pair_settle(&s->pair);
	assert_int_equal(mapped(s), 1);
	answer_all(s);
	assert_int_equal(s->req[0].result, 0);
	end(s);
}

/* As a kernel that does no I/O on pages of another domain. */
static void where_the_disk_cannot_all_is_copied(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .mapped = true });
	struct req *q, *other;

	(void)state;
	q = submit(s, 0, PVB_IO_WRITE, 0, 8 * 4096);
	other = submit(s, 1, PVB_IO_READ, 65536, 4096);
	assert_int_equal(held_count(), 2);
	held_answer(0, -EFAULT);
	pair_settle(&s->pair);
	assert_int_equal(q->answers, 0);
	assert_int_equal(held_count(), 2);
	assert_int_equal(held_at(1)->op, PVB_IO_WRITE);
	assert_int_equal(held_at(1)->offset_bytes, 0);
	assert_int_equal(held_at(1)->length_bytes, 8 * 4096);
	assert_int_equal(copies(s), 8);
	/* The other one's is tried again, too. */
	held_answer(0, -EFAULT);
	pair_settle(&s->pair);
	assert_int_equal(other->answers, 0);
	answer_all(s);
	assert_int_equal(q->result, 0);
	assert_int_equal(other->result, 0);
	assert_int_equal(copies(s), 8 + 1);
	(void)submit(s, 2, PVB_IO_WRITE, 0, 2 * 4096);
	assert_int_equal(copies(s), 8 + 1 + 2);
	/* With memory of our own it is an error like any other. */
	held_answer(0, -EFAULT);
	pair_settle(&s->pair);
	assert_int_equal(s->req[2].result, -EIO);
	end(s);
}

static void drain_back(struct scene *s, bool cut)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_DRAIN, .cut = cut };

	control_send(&s->pair.back, &m);
	pair_settle(&s->pair);
}

/* The guest is gone; the disk has not done yet what it writes from there. */
static void pages_that_the_disk_uses_outlive_the_guest(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .mapped = true });

	(void)state;
	for (int i = 0; i < 4; i++)
		(void)submit(s, i, PVB_IO_READ, (uint64_t)i << 16, 4 * 4096);
	drain_back(s, true);
	control_say(&s->pair.back, PVB_BLK_MSG_DETACH);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 4);
	assert_int_equal(mapped(s), 16);
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t k = 0; k < held_at(i)->iovcnt; k++)
			memset(held_at(i)->iov[k].iov_base, 0x11,
			       held_at(i)->iov[k].iov_len);
	held_answer_all(0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DETACHED);
	end(s);
}

static void another_connection_begins_with_nothing(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .uri = "mem:32M",
	                                                .mapped = true });

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(mapped(s), 0);
		assert_int_equal(rig_write(&s->rig, 0, 65536, 4), 0);
		rig_expect(&s->rig, 0, 65536, 4);
		assert_true(mapped(s) > 0);
		pair_disconnect(&s->pair);
		pair_connect(&s->pair);
	}
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_stay_mapped_for_the_next_request),
		cmocka_unit_test(lists_are_copied),
		cmocka_unit_test(what_a_front_does_not_use_again_is_not_mapped),
		cmocka_unit_test(more_in_flight_than_may_be_mapped),
		cmocka_unit_test(idle_for_a_minute_it_lets_the_pages_go),
		cmocka_unit_test(where_the_disk_cannot_all_is_copied),
		cmocka_unit_test(pages_that_the_disk_uses_outlive_the_guest),
		cmocka_unit_test(another_connection_begins_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
