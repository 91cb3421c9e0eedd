/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not do what it said: the front hears it as the protocol has
 * it, the control half once, and the disk is not asked again.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "liar_front.h"

static struct liar_front *begin(bool fua)
{
	struct liar_front *l = calloc(1, sizeof(*l));

	held_reset();
	held_info()->discard_secure = true;
	held_info()->fua = fua;
	liar_front_init(l, &(struct pair_options){
		.uri = "held:32M", .disks = disk_held_list }, PVB_ABI_X86_64);
	return l;
}

static void end(struct liar_front *l)
{
	/* What is no fault of the front's is not counted as one. */
	for (int i = 0; i < PVB_WHY_COUNT; i++)
		assert_int_equal(liar_refused(l, (enum pvb_why)i), 0);
	liar_front_fini(l);
	held_reset();
	free(l);
}

static struct pvb_blk_req flush(void)
{
	return (struct pvb_blk_req){ .id = 1, .op = PVB_BLK_FLUSH };
}

static struct pvb_blk_req barrier(const struct liar_front *l)
{
	struct pvb_blk_req r = liar_read(l);

	r.op = PVB_BLK_BARRIER;
	return r;
}

static struct pvb_blk_req discard(bool secure)
{
	return (struct pvb_blk_req){ .id = 1, .op = PVB_BLK_DISCARD,
	                             .nr_sectors = 8, .secure = secure };
}

static void wait_for_disk(struct liar_front *l, enum pvb_io_op op)
{
	while (held_count() == 0)
		pair_turn(&l->pair);
	assert_int_equal(held_at(0)->op, op);
}

/* The front asks for this, and it is answered so by the disk. */
static int16_t ask(struct liar_front *l, struct pvb_blk_req r, int result)
{
	liar_send(l, &r);
	while (held_count() == 0)
		pair_turn(&l->pair);
	held_answer(0, result);
	return liar_answer(l).status;
}

/* And this is not asked of the disk. */
static void expect_not_supported(struct liar_front *l, struct pvb_blk_req r)
{
	liar_send(l, &r);
	assert_int_equal(liar_answer(l).status, PVB_BLK_EOPNOTSUPP);
	assert_int_equal(held_count(), 0);
}

/* Told of so far: these, each once. */
static void expect_told(struct liar_front *l, uint32_t a, uint32_t b)
{
	pair_settle(&l->pair);
	for (uint32_t i = 0; i <= PVB_BLK_LOST_ALL; i++)
		assert_int_equal(l->pair.back.lost[i],
		                 i != 0 && (i == a || i == b));
}

static void a_flush(void **state)
{
	struct liar_front *l = begin(false);

	(void)state;
	assert_int_equal(ask(l, flush(), -EOPNOTSUPP), PVB_BLK_EOPNOTSUPP);
	expect_not_supported(l, flush());
	/* Which a barrier is made of. */
	expect_not_supported(l, barrier(l));
	assert_int_equal(ask(l, liar_read(l), 0), PVB_BLK_OKAY);
	assert_int_equal(ask(l, discard(false), 0), PVB_BLK_OKAY);
	expect_told(l, PVB_BLK_LOST_FLUSH, 0);
	end(l);
}

static void several_flushes_at_once(void **state)
{
	struct liar_front *l = begin(false);
	struct pvb_blk_req r = flush();

	(void)state;
	for (int i = 0; i < 5; i++)
		liar_send(l, &r);
	while (held_count() < 5)
		pair_turn(&l->pair);
	held_answer_all(-EOPNOTSUPP);
	for (int i = 0; i < 5; i++)
		assert_int_equal(liar_answer(l).status, PVB_BLK_EOPNOTSUPP);
	expect_told(l, PVB_BLK_LOST_FLUSH, 0);
	end(l);
}

static void the_flush_of_a_barrier(void **state)
{
	struct liar_front *l = begin(false);

	(void)state;
	assert_int_equal(ask(l, barrier(l), -EOPNOTSUPP), PVB_BLK_EOPNOTSUPP);
	expect_not_supported(l, flush());
	expect_told(l, PVB_BLK_LOST_FLUSH, 0);
	end(l);
}

/* Its lane knows already that it does not flush (the front of a back, that has
   heard it from another's answer): no write goes by unordered. */
static void a_barrier_where_flushes_have_gone(void **state)
{
	struct liar_front *l = begin(false);

	(void)state;
	held_lane()->info.flush = false;
	expect_not_supported(l, barrier(l));
	expect_told(l, PVB_BLK_LOST_FLUSH, 0);
	end(l);
}

/* A disk that said that it writes through its cache. */
static void the_write_of_a_barrier(void **state)
{
	struct liar_front *l = begin(true);
	struct pvb_blk_req r = barrier(l);

	(void)state;
	liar_send(l, &r);
	wait_for_disk(l, PVB_IO_FLUSH);
	held_answer(0, 0);
	while (held_count() == 0 || held_at(0)->op == PVB_IO_FLUSH)
		pair_turn(&l->pair);
	assert_int_equal(held_at(0)->flags, PVB_IO_FUA);
	held_answer(0, -EOPNOTSUPP);
	assert_int_equal(liar_answer(l).status, PVB_BLK_EOPNOTSUPP);
	expect_not_supported(l, barrier(l));
	assert_int_equal(ask(l, flush(), 0), PVB_BLK_OKAY);
	expect_told(l, PVB_BLK_LOST_BARRIER, 0);
	end(l);
}

static void a_discard(void **state)
{
	struct liar_front *l = begin(false);

	(void)state;
	assert_int_equal(ask(l, discard(false), -EOPNOTSUPP),
	                 PVB_BLK_EOPNOTSUPP);
	expect_not_supported(l, discard(false));
	expect_not_supported(l, discard(true));
	assert_int_equal(ask(l, flush(), 0), PVB_BLK_OKAY);
	expect_told(l, PVB_BLK_LOST_DISCARD, 0);
	end(l);
}

static void a_secure_discard_alone(void **state)
{
	struct liar_front *l = begin(false);

	(void)state;
	assert_int_equal(ask(l, discard(true), -EOPNOTSUPP),
	                 PVB_BLK_EOPNOTSUPP);
	expect_not_supported(l, discard(true));
	assert_int_equal(ask(l, discard(false), 0), PVB_BLK_OKAY);
	assert_int_equal(ask(l, discard(false), -EOPNOTSUPP),
	                 PVB_BLK_EOPNOTSUPP);
	expect_told(l, PVB_BLK_LOST_SECURE, PVB_BLK_LOST_DISCARD);
	end(l);
}

/* A front that heard "not supported" would never write again. */
static void a_write_is_always_supported(void **state)
{
	struct liar_front *l = begin(false);
	struct pvb_blk_req r = liar_read(l);

	(void)state;
	r.op = PVB_BLK_WRITE;
	assert_int_equal(ask(l, r, -EOPNOTSUPP), PVB_BLK_ERROR);
	assert_int_equal(ask(l, liar_read(l), -EOPNOTSUPP), PVB_BLK_ERROR);
	assert_int_equal(ask(l, r, 0), PVB_BLK_OKAY);
	expect_told(l, 0, 0);
	end(l);
}

static void another_error_loses_nothing(void **state)
{
	struct liar_front *l = begin(false);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(l, flush(), -EIO), PVB_BLK_ERROR);
		assert_int_equal(ask(l, barrier(l), -EIO), PVB_BLK_ERROR);
		assert_int_equal(ask(l, discard(false), -EROFS),
		                 PVB_BLK_ERROR);
		assert_int_equal(ask(l, discard(true), -EINVAL),
		                 PVB_BLK_ERROR);
	}
	expect_told(l, 0, 0);
	end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flush),
		cmocka_unit_test(several_flushes_at_once),
		cmocka_unit_test(the_flush_of_a_barrier),
		cmocka_unit_test(a_barrier_where_flushes_have_gone),
		cmocka_unit_test(the_write_of_a_barrier),
		cmocka_unit_test(a_discard),
		cmocka_unit_test(a_secure_discard_alone),
		cmocka_unit_test(a_write_is_always_supported),
		cmocka_unit_test(another_error_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
