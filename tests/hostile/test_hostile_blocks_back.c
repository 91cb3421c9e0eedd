/* SPDX-License-Identifier: MIT */
/*
 * Backs that lie about answers of several slots.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liar_back.h"

enum { PAGE = PVB_BLK_PAGE_BYTES, LARGE = 30 * PAGE, LARGE_SLOTS = 3 };

struct scene {
	struct liar_back l;
	struct req small, large;
	struct pvb_blk_req of_small, of_large;
};

/* A read of one slot and one of three are in flight. */
static struct scene *begin(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	liar_back_init(&s->l, &(struct pair_options){
		.blocks = { .segs_max = 255 } });
	liar_submit(&s->l, &s->small, PVB_IO_READ, 0, PAGE);
	liar_submit(&s->l, &s->large, PVB_IO_READ, 1 << 20, LARGE);
	s->of_small = liar_take(&s->l);
	s->of_large = liar_take(&s->l);
	assert_int_equal(s->of_large.nr_segs, 30);
	return s;
}

static void end(struct scene *s)
{
	liar_back_fini(&s->l);
	req_fini(&s->small);
	req_fini(&s->large);
	free(s);
}

static void expect_result(const struct req *q, int result)
{
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, result);
}

static void an_honest_answer(void **state)
{
	struct scene *s = begin();

	(void)state;
	for (int i = 0; i < 30; i++)
		memset(liar_page(&s->l, s->of_large.seg[i].gref), i + 1, PAGE);
	liar_answer_in(&s->l, s->of_large.id, PVB_BLK_READ, 0, LARGE_SLOTS);
	req_wait(&s->large);
	expect_result(&s->large, 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(req_data(&s->large)[i * PAGE + 17], i + 1);
	liar_answer_as(&s->l, s->of_small.id, PVB_BLK_READ, 0);
	req_wait(&s->small);
	expect_result(&s->small, 0);
	end(s);
}

static void half_of_an_answer(void **state)
{
	(void)state;
	for (uint32_t shown = 1; shown < LARGE_SLOTS; shown++) {
		struct scene *s = begin();

		liar_answer_in(&s->l, s->of_large.id, PVB_BLK_READ, 0, shown);
		liar_expect_failed(&s->l, PVB_WHY_RING_BLOCKS);
		expect_result(&s->small, -EIO);
		expect_result(&s->large, -EIO);
		end(s);
	}
}

/* What came whole before it is believed. */
static void an_answer_and_a_half(void **state)
{
	struct scene *s = begin();
	const struct pvb_blk_rsp half = { s->of_large.id, PVB_BLK_READ, 0 };

	(void)state;
	pvb_blk_rsp_encode(pvb_ring_out(&s->l.ring, 1), pvb_abi_native(),
	                   &half);
	liar_answer_in(&s->l, s->of_small.id, PVB_BLK_READ, 0, 2);
	liar_expect_failed(&s->l, PVB_WHY_RING_BLOCKS);
	expect_result(&s->small, 0);
	expect_result(&s->large, -EIO);
	end(s);
}

/* A front reads on behind the one slot of its request. */
static void a_small_answer_in_several_slots(void **state)
{
	struct scene *s = begin();

	(void)state;
	liar_answer_in(&s->l, s->of_small.id, PVB_BLK_READ, 0, 3);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	expect_result(&s->small, 0);
	expect_result(&s->large, -EIO);
	end(s);
}

static void a_large_answer_twice(void **state)
{
	struct scene *s = begin();
	const struct pvb_blk_rsp again = { s->of_large.id, PVB_BLK_READ, 0 };

	(void)state;
	pvb_blk_rsp_encode(pvb_ring_out(&s->l.ring, LARGE_SLOTS),
	                   pvb_abi_native(), &again);
	liar_answer_in(&s->l, s->of_large.id, PVB_BLK_READ, 0, LARGE_SLOTS + 1);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	expect_result(&s->small, -EIO);
	expect_result(&s->large, 0);
	end(s);
}

static void an_answer_of_the_right_size_to_nothing(void **state)
{
	struct scene *s = begin();

	(void)state;
	liar_answer_in(&s->l, s->of_large.id + (UINT64_C(1) << 40),
	               PVB_BLK_READ, 0, LARGE_SLOTS);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	expect_result(&s->small, -EIO);
	expect_result(&s->large, -EIO);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_answer),
		cmocka_unit_test(half_of_an_answer),
		cmocka_unit_test(an_answer_and_a_half),
		cmocka_unit_test(a_small_answer_in_several_slots),
		cmocka_unit_test(a_large_answer_twice),
		cmocka_unit_test(an_answer_of_the_right_size_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
