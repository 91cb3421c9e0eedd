/* SPDX-License-Identifier: MIT */
/*
 * Honest fronts that do what ours never does: barriers with data, the layout
 * of a 32-bit guest, the same page in many segments.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "liar_front.h"

static struct liar_front *begin_held(void)
{
	struct liar_front *l = calloc(1, sizeof(*l));

	liar_front_init(l, &(struct pair_options){
		.uri = "held:32M", .disks = disk_held_list }, PVB_ABI_X86_64);
	return l;
}

static void end(struct liar_front *l)
{
	liar_front_fini(l);
	held_reset();
	free(l);
}

static struct pvb_blk_req barrier(const struct liar_front *l)
{
	struct pvb_blk_req r = liar_read(l);

	r.op = PVB_BLK_BARRIER;
	return r;
}

static void expect_next(struct liar_front *l, enum pvb_io_op op, uint32_t flags)
{
	pair_settle(&l->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, op);
	assert_int_equal(held_at(0)->flags, flags);
	assert_int_equal(pvb_ring_waiting(&l->ring), 0);
	held_answer(0, 0);
}

static void a_barrier_s_data_is_flushed_before_and_after(void **state)
{
	struct liar_front *l = begin_held();
	struct pvb_blk_req r = barrier(l);

	(void)state;
	liar_send(l, &r);
	expect_next(l, PVB_IO_FLUSH, 0);
	expect_next(l, PVB_IO_WRITE, 0);
	expect_next(l, PVB_IO_FLUSH, 0);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
	end(l);
}

static void a_disk_that_writes_through_needs_no_flush_after_it(void **state)
{
	struct liar_front *l;
	struct pvb_blk_req r;

	(void)state;
	held_reset();
	held_info()->fua = true;
	l = begin_held();
	r = barrier(l);
	liar_send(l, &r);
	expect_next(l, PVB_IO_FLUSH, 0);
	expect_next(l, PVB_IO_WRITE, PVB_IO_FUA);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
	end(l);
}

static void a_barrier_without_data_is_a_flush_in_order(void **state)
{
	struct liar_front *l = begin_held();
	struct pvb_blk_req r = barrier(l);

	(void)state;
	r.nr_segs = 0;
	liar_send(l, &r);
	expect_next(l, PVB_IO_FLUSH, 0);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
	end(l);
}

static void a_barrier_whose_write_fails_is_an_error(void **state)
{
	struct liar_front *l = begin_held();
	struct pvb_blk_req r = barrier(l);

	(void)state;
	liar_send(l, &r);
	expect_next(l, PVB_IO_FLUSH, 0);
	pair_settle(&l->pair);
	held_answer(0, -EIO);
	assert_int_equal(liar_answer(l).status, PVB_BLK_ERROR);
	assert_int_equal(held_count(), 0);
	end(l);
}

/* Each layout writes and reads the same disk. */
static void data_of_every_layout(void **state)
{
	(void)state;
	for (int abi = 0; abi < PVB_ABI_COUNT; abi++) {
		struct liar_front *l = calloc(1, sizeof(*l));
		struct pvb_blk_req r;

		liar_front_init(l, NULL, (enum pvb_abi)abi);
		for (int i = 0; i < 11; i++)
			memset(l->page + i * 4096, 'a' + i, 4096);
		r = liar_read(l);
		r.op = PVB_BLK_WRITE;
		r.sector = 24;
		r.nr_segs = 11;
		for (int i = 0; i < 11; i++)
			r.seg[i] = (struct pvb_seg){ l->gref[10 - i], 0, 7 };
		liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
		memset(l->page, 0, 11 * 4096);
		r.op = PVB_BLK_READ;
		r.sector = 24 + 5 * 8;
		r.nr_segs = 1;
		r.seg[0] = (struct pvb_seg){ l->gref[12], 2, 7 };
		liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
		assert_int_equal(l->page[12 * 4096 + 1023], 0);
		assert_int_equal(l->page[12 * 4096 + 1024], 'f');
		assert_int_equal(l->page[12 * 4096 + 4095], 'f');
		liar_front_fini(l);
		free(l);
	}
}

/* A ring may hold requests before there is a back. */
static void what_was_asked_before_the_back_came(void **state)
{
	struct liar_front *l = calloc(1, sizeof(*l));
	struct pvb_blk_req r;
	struct pvb_blk_msg m;

	(void)state;
	liar_front_init(l, NULL, PVB_ABI_X86_64);
	control_say(&l->pair.back, PVB_BLK_MSG_DETACH);
	(void)control_wait(&l->pair.back, PVB_BLK_MSG_DETACHED);
	r = liar_read(l);
	liar_send(l, &r);
	pair_back_attach_msg(&l->pair, &m);
	m.u.back_attach.ring_ref[0] = l->ring_ref;
	m.u.back_attach.port = l->port;
	pair_send_back_attach(&l->pair, &m);
	(void)control_wait(&l->pair.back, PVB_BLK_MSG_ATTACHED);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
	liar_front_fini(l);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_barrier_s_data_is_flushed_before_and_after),
		cmocka_unit_test(
			a_disk_that_writes_through_needs_no_flush_after_it),
		cmocka_unit_test(a_barrier_without_data_is_a_flush_in_order),
		cmocka_unit_test(a_barrier_whose_write_fails_is_an_error),
		cmocka_unit_test(data_of_every_layout),
		cmocka_unit_test(what_was_asked_before_the_back_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
