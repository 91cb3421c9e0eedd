/* SPDX-License-Identifier: MIT */
/*
 * Backs that lie, one lie a test: the callers' requests end once each, the
 * front says why, and no memory but the shared is touched.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liar_back.h"

enum { REQS = 8 };

struct scene {
	struct liar_back l;
	struct req q[REQS];
};

static int make_as(void **state, const struct pair_options *o)
{
	struct scene *s = calloc(1, sizeof(*s));

	liar_back_init(&s->l, o);
	*state = s;
	return 0;
}

static int make(void **state)
{
	return make_as(state, &(struct pair_options){ .indirect = 32 });
}

/* A front that has not said that its pages may be kept. */
static int make_private(void **state)
{
	return make_as(state, &(struct pair_options){ .indirect = 32,
		.not_persistent = true });
}

static int make_timed(void **state)
{
	return make_as(state, &(struct pair_options){
		.timeout_ns = 1000000000, .manual_clock = true });
}

static int unmake(void **state)
{
	struct scene *s = *state;

	liar_back_fini(&s->l);
	for (int i = 0; i < REQS; i++)
		req_fini(&s->q[i]);
	free(s);
	return 0;
}

/* Two requests are in flight, far apart. */
static void two_reads(struct scene *s, struct pvb_blk_req *a,
                      struct pvb_blk_req *b)
{
	liar_submit(&s->l, &s->q[0], PVB_IO_READ, 0, 4096);
	liar_submit(&s->l, &s->q[1], PVB_IO_READ, 65536, 4096);
	*a = liar_take(&s->l);
	*b = liar_take(&s->l);
}

static void both_failed(struct scene *s)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(s->q[i].answers, 1);
		assert_int_equal(s->q[i].result, -EIO);
	}
}

static void an_honest_answer(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	memset(liar_page(&s->l, b.seg[0].gref), 0x42, 4096);
	liar_answer_as(&s->l, b.id, PVB_BLK_READ, 0);
	req_wait(&s->q[1]);
	assert_int_equal(s->q[1].result, 0);
	assert_int_equal(req_data(&s->q[1])[4095], 0x42);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	req_wait(&s->q[0]);
}

/* ---- ids and operations -------------------------------------------------- */

static void an_id_that_was_never_sent(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_answer_as(&s->l, 0x4141414141414141, PVB_BLK_READ, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	both_failed(s);
}

static void the_id_of_a_slot_that_is_free(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	/* As the next one would be: slot number alone, odd generation. */
	liar_answer_as(&s->l, UINT64_C(1) << 32 | 2, PVB_BLK_READ, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	both_failed(s);
}

static void one_answer_twice(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	assert_int_equal(s->q[0].answers, 1);
	assert_int_equal(s->q[0].result, 0);
	assert_int_equal(s->q[1].result, -EIO);
}

/* The slot is in use again, but by another request. */
static void the_id_of_a_former_request(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	liar_submit(&s->l, &s->q[0], PVB_IO_READ, 0, 4096);
	a = liar_take(&s->l);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	req_wait(&s->q[0]);
	liar_submit(&s->l, &s->q[1], PVB_IO_READ, 0, 4096);
	b = liar_take(&s->l);
	assert_int_equal((uint32_t)a.id, (uint32_t)b.id);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	assert_int_equal(s->q[1].result, -EIO);
}

static void another_operation(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_answer_as(&s->l, a.id, PVB_BLK_WRITE, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_OP);
	both_failed(s);
}

static void an_indirect_request_is_answered_by_its_inner_operation(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req r;

	liar_submit(&s->l, &s->q[0], PVB_IO_WRITE, 0, 32 * 4096);
	r = liar_take(&s->l);
	assert_true(r.indirect);
	liar_answer_as(&s->l, r.id, PVB_BLK_WRITE, 0);
	req_wait(&s->q[0]);
	assert_int_equal(s->q[0].result, 0);
	liar_submit(&s->l, &s->q[1], PVB_IO_WRITE, 0, 32 * 4096);
	r = liar_take(&s->l);
	liar_answer_as(&s->l, r.id, PVB_BLK_INDIRECT, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_OP);
	assert_int_equal(s->q[1].result, -EIO);
}

/* ---- status -------------------------------------------------------------- */

static void any_status_but_okay_is_an_error(void **state)
{
	struct scene *s = *state;
	static const int16_t all[] = { -1, -2, -3, 1, 22, 32767, -32768 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct pvb_blk_req r;

		req_fini(&s->q[0]);
		liar_submit(&s->l, &s->q[0], PVB_IO_READ, 0, 4096);
		r = liar_take(&s->l);
		memset(liar_page(&s->l, r.seg[0].gref), 0x11, 4096);
		liar_answer_as(&s->l, r.id, PVB_BLK_READ, all[i]);
		req_wait(&s->q[0]);
		assert_int_equal(s->q[0].result, -EIO);
		/* Nothing of a failed read reaches the caller. */
		assert_int_equal(req_data(&s->q[0])[0], 0xa5);
	}
	assert_true(s->l.pair.live);
}

/* ---- indices ------------------------------------------------------------- */

static void more_answers_than_requests(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_publish(&s->l, 3);
	liar_expect_failed(&s->l, PVB_WHY_RING_INDEX);
	both_failed(s);
}

static void an_answer_before_any_request(void **state)
{
	struct scene *s = *state;

	liar_publish(&s->l, 1);
	liar_expect_failed(&s->l, PVB_WHY_RING_INDEX);
}

static void an_index_that_goes_back(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	req_wait(&s->q[0]);
	liar_publish(&s->l, 0);
	liar_expect_failed(&s->l, PVB_WHY_RING_INDEX);
	assert_int_equal(s->q[1].result, -EIO);
}

static void an_index_half_way_round(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_publish(&s->l, UINT32_C(0x80000000));
	liar_expect_failed(&s->l, PVB_WHY_RING_INDEX);
	both_failed(s);
}

static void the_front_s_own_indices_are_its_own(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	/* What the back scribbles there is overwritten, never read. */
	atomic_store(&s->l.indices[0], 77);
	atomic_store(&s->l.indices[3], 0x12345678);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	liar_answer_as(&s->l, b.id, PVB_BLK_READ, 0);
	req_wait(&s->q[0]);
	req_wait(&s->q[1]);
	liar_submit(&s->l, &s->q[2], PVB_IO_READ, 0, 4096);
	pair_settle(&s->l.pair);
	assert_int_equal(atomic_load(&s->l.indices[0]), 3);
}

/* ---- silence and storms -------------------------------------------------- */

static void a_back_that_keeps_silent(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	pvb_loop_turn_clock(s->l.pair.loop, 1000000000);
	liar_expect_failed(&s->l, PVB_WHY_TIMEOUT);
	both_failed(s);
}

static void bells_for_nothing(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	for (int i = 0; i < 1000; i++) {
		s->l.mem->ops->notify(s->l.mem, s->l.port);
		assert_int_equal(pvb_loop_turn(s->l.pair.loop, false), 0);
	}
	assert_int_equal(s->l.rig.answers, 0);
	liar_answer_as(&s->l, a.id, PVB_BLK_READ, 0);
	req_wait(&s->q[0]);
	assert_int_equal(s->q[0].result, 0);
}

/* An answer that comes after the connection was given up finds nobody. */
static void a_late_answer(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req a, b;

	two_reads(s, &a, &b);
	liar_answer_as(&s->l, 99, PVB_BLK_READ, 0);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	liar_answer_as(&s->l, b.id, PVB_BLK_READ, 0);
	pair_settle(&s->l.pair);
	both_failed(s);
	control_say(&s->l.pair.front, PVB_BLK_MSG_DRAIN);
	(void)control_wait(&s->l.pair.front, PVB_BLK_MSG_DRAINED);
}

/* ---- what it may see ----------------------------------------------------- */

static bool holds(const unsigned char *at, size_t bytes, unsigned char canary)
{
	for (size_t i = 0; i + 16 <= bytes; i++) {
		size_t n = 0;

		while (n < 16 && at[i + n] == canary)
			n++;
		if (n == 16)
			return true;
	}
	return false;
}

/* XSA-403: a sector is sent, not the page that it lies in. */
static void the_neighbours_of_a_buffer_stay_private(void **state)
{
	struct scene *s = *state;
	struct req *q = &s->q[0];
	struct pvb_blk_req r;

	req_init(q, &s->l.rig, PVB_IO_WRITE, 0, 512);
	memset(q->memory, 0xc7, q->memory_bytes);       /* the canary */
	req_shift(q, 1024);
	memset(req_data(q), 0x33, 512);
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->l.rig);
	r = liar_take(&s->l);
	assert_int_equal(r.nr_segs, 1);
	for (uint32_t gref = 0; gref < MEM_DIRECT_GRANTS; gref++) {
		unsigned char *page = mem_direct_page(s->l.pair.machine, gref);

		assert_false(page && holds(page, 4096, 0xc7));
	}
	assert_true(holds(liar_page(&s->l, r.seg[0].gref), 4096, 0x33));
	liar_answer_as(&s->l, r.id, PVB_BLK_WRITE, 0);
	req_wait(q);
}

/* Unless a back was told that it may keep its mappings: those are writable, as
   the protocol has it, and what it can spoil is its own disk. */
static void a_list_of_segments_may_not_be_written(void **state)
{
	struct scene *s = *state;
	struct pvb_blk_req r;
	void *at;

	liar_submit(&s->l, &s->q[0], PVB_IO_WRITE, 0, 32 * 4096);
	r = liar_take(&s->l);
	assert_true(r.indirect);
	assert_int_equal(s->l.mem->ops->window(s->l.mem, PAIR_FRONT,
		r.indirect_gref[0], true, &at), -EACCES);
	assert_int_equal(s->l.mem->ops->window(s->l.mem, PAIR_FRONT,
		r.indirect_gref[0], false, &at), 0);
	liar_answer_as(&s->l, r.id, PVB_BLK_WRITE, 0);
	req_wait(&s->q[0]);
}

/* Xen bounds how often a page can be mapped, and backs that keep mappings count
   on one segment for each. */
static void every_segment_of_zeros_has_a_page_of_its_own(void **state)
{
	struct scene *s = *state;
	bool seen[MEM_DIRECT_GRANTS] = { false };
	struct pvb_blk_req r[3];

	liar_submit(&s->l, &s->q[0], PVB_IO_WRITE, 0, 32 * 4096);
	r[0] = liar_take(&s->l);
	for (int i = 0; i < 32; i++)
		memset(liar_page(&s->l, r[0].seg[i].gref), 0x33, 4096);
	liar_answer_as(&s->l, r[0].id, PVB_BLK_WRITE, 0);
	req_wait(&s->q[0]);
	for (int i = 1; i < 3; i++) {
		liar_submit(&s->l, &s->q[i], PVB_IO_ZERO, i << 20, 32 * 4096);
		r[i] = liar_take(&s->l);
		assert_int_equal(r[i].nr_segs, 32);
		for (int k = 0; k < 32; k++) {
			uint32_t gref = r[i].seg[k].gref;

			assert_false(seen[gref]);
			seen[gref] = true;
			assert_true(holds(liar_page(&s->l, gref), 4096, 0));
		}
	}
	for (int i = 1; i < 3; i++) {
		liar_answer_as(&s->l, r[i].id, PVB_BLK_WRITE, 0);
		req_wait(&s->q[i]);
		assert_int_equal(s->q[i].result, 0);
	}
}

static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Whatever is answered, each request ends once. */
static void random_answers(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 300; round++) {
		uint64_t seed = round * 0x9e3779b97f4a7c15;
		struct scene *s;
		void *made;

		(void)make_as(&made, &(struct pair_options){ .indirect = 32 });
		s = made;
		for (int i = 0; i < REQS; i++)
			liar_submit(&s->l, &s->q[i], i % 2 ? PVB_IO_READ
			            : PVB_IO_WRITE, (unsigned)i << 20, 65536);
		for (int i = 0; i < REQS; i++) {
			struct pvb_blk_req r = liar_take(&s->l);
			uint64_t bits = random_u64(&seed);

			if (bits % 8 == 0)
				r.id ^= UINT64_C(1) << bits / 8 % 64;
			if (bits / 512 % 16 == 0)
				r.op = (uint8_t)(bits >> 20);
			liar_answer_as(&s->l, r.id, r.op,
			               bits >> 30 & 1 ? 0 : (int16_t)bits);
		}
		if (random_u64(&seed) % 4 == 0)
			liar_publish(&s->l, (uint32_t)random_u64(&seed));
		pair_settle(&s->l.pair);
		for (int i = 0; i < REQS; i++)
			assert_true(s->q[i].answers <= 1);
		(void)unmake(&made);
	}
}

#define LIE(f)    cmocka_unit_test_setup_teardown(f, make, unmake)
#define PRIVATE(f) cmocka_unit_test_setup_teardown(f, make_private, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIE(an_honest_answer),
		LIE(an_id_that_was_never_sent),
		LIE(the_id_of_a_slot_that_is_free),
		LIE(one_answer_twice),
		LIE(the_id_of_a_former_request),
		LIE(another_operation),
		LIE(an_indirect_request_is_answered_by_its_inner_operation),
		LIE(any_status_but_okay_is_an_error),
		LIE(more_answers_than_requests),
		LIE(an_answer_before_any_request),
		LIE(an_index_that_goes_back),
		LIE(an_index_half_way_round),
		LIE(the_front_s_own_indices_are_its_own),
		cmocka_unit_test_setup_teardown(a_back_that_keeps_silent,
		                                make_timed, unmake),
		LIE(bells_for_nothing),
		LIE(a_late_answer),
		LIE(the_neighbours_of_a_buffer_stay_private),
		PRIVATE(a_list_of_segments_may_not_be_written),
		LIE(every_segment_of_zeros_has_a_page_of_its_own),
		cmocka_unit_test(random_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
