/* SPDX-License-Identifier: MIT */
/*
 * Backs that answer "not supported" to what they have offered, once, always
 * and at any moment: the front finds another way or says that it cannot, and
 * does not ask again.
 */
#include "unable_back.h"

/* ---- flushes ------------------------------------------------------------- */

static void a_flush_goes_by_barrier(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_flush(s, 0);
	struct pvb_blk_req r;

	(void)state;
	refuse_next(s, PVB_BLK_FLUSH);
	r = next(s, PVB_BLK_BARRIER);
	assert_int_equal(r.nr_segs, 0);
	assert_int_equal(q->answers, 0);
	answer(s, &r, PVB_BLK_OKAY);
	expect_end(q, 0);
	/* And at once the next time.  To its owner it is as it was. */
	q = ask_flush(s, 0);
	do_next(s, PVB_BLK_BARRIER);
	expect_end(q, 0);
	assert_true(info(s)->flush && info(s)->fua);
	assert_int_equal(s->changes, 0);
	end(s);
}

static void then_there_is_no_way_left(struct scene *s, struct req *q)
{
	expect_end(q, -EOPNOTSUPP);
	assert_false(info(s)->flush || info(s)->fua);
	assert_true(info(s)->discard && info(s)->discard_secure);
	assert_int_equal(s->changes, 1);
	/* Its owner knew before whose request it was. */
	assert_int_equal(s->answers, 0);
	expect_not_asked(s, ask_flush(s, 1));
	assert_int_equal(s->changes, 1);
	end(s);
}

static void a_barrier_may_be_refused_as_well(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_flush(s, 0);

	(void)state;
	refuse_next(s, PVB_BLK_FLUSH);
	refuse_next(s, PVB_BLK_BARRIER);
	then_there_is_no_way_left(s, q);
}

static void or_it_was_never_there(void **state)
{
	struct scene *s = begin_as(&(struct pair_options){
		.flush_only = true });
	struct req *q = ask_flush(s, 0);

	(void)state;
	refuse_next(s, PVB_BLK_FLUSH);
	then_there_is_no_way_left(s, q);
}

static void or_it_was_all_that_was_there(void **state)
{
	struct scene *s = begin_as(&(struct pair_options){
		.barrier_only = true });
	struct req *q = ask_flush(s, 0);

	(void)state;
	refuse_next(s, PVB_BLK_BARRIER);
	then_there_is_no_way_left(s, q);
}

static void those_under_way_go_the_other_way_too(void **state)
{
	struct scene *s = begin();
	struct pvb_blk_req r[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)ask_flush(s, i);
	for (int i = 0; i < 3; i++)
		r[i] = next(s, PVB_BLK_FLUSH);
	for (int i = 2; i >= 0; i--) {
		refuse(s, &r[i]);
		do_next(s, PVB_BLK_BARRIER);
		expect_end(&s->q[i], 0);
	}
	liar_expect_none(&s->l);
	end(s);
}

/* ---- durable writes ------------------------------------------------------ */

static struct req *ask_fua(struct scene *s, int i, enum pvb_io_op op)
{
	struct req *q = ask(s, i, op, PVB_IO_FUA, 0, PAGE);

	rig_kick(&s->l.rig);
	return q;
}

static void a_write_is_made_durable_the_other_way(void **state)
{
	static const enum pvb_io_op ops[] = { PVB_IO_WRITE, PVB_IO_ZERO };

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		struct scene *s = begin();
		struct req *q = ask_fua(s, 0, ops[i]);

		do_next(s, PVB_BLK_WRITE);
		refuse_next(s, PVB_BLK_FLUSH);
		assert_int_equal(q->answers, 0);
		do_next(s, PVB_BLK_BARRIER);
		expect_end(q, 0);
		/* What is written is not written again. */
		liar_expect_none(&s->l);
		end(s);
	}
}

static void one_that_cannot_be_made_durable_says_so(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_fua(s, 0, PVB_IO_WRITE);

	(void)state;
	do_next(s, PVB_BLK_WRITE);
	refuse_next(s, PVB_BLK_FLUSH);
	refuse_next(s, PVB_BLK_BARRIER);
	expect_end(q, -EOPNOTSUPP);
	expect_not_asked(s, ask_fua(s, 1, PVB_IO_WRITE));
	expect_not_asked(s, ask_fua(s, 2, PVB_IO_ZERO));
	q = ask_data(s, 3, PVB_IO_WRITE, 1);
	do_next(s, PVB_BLK_WRITE);
	expect_end(q, 0);
	end(s);
}

/* Its data was on its way when another's flush found out. */
static void one_that_comes_too_late_says_so(void **state)
{
	struct scene *s = begin();
	struct req *durable = ask_fua(s, 0, PVB_IO_WRITE);
	struct pvb_blk_req write = next(s, PVB_BLK_WRITE);
	struct req *flush = ask_flush(s, 1);

	(void)state;
	refuse_next(s, PVB_BLK_FLUSH);
	refuse_next(s, PVB_BLK_BARRIER);
	expect_end(flush, -EOPNOTSUPP);
	answer(s, &write, PVB_BLK_OKAY);
	expect_not_asked(s, durable);
	end(s);
}

/* ---- discards ------------------------------------------------------------ */

static struct req *ask_discard(struct scene *s, int i, bool secure)
{
	struct req *q = ask(s, i, PVB_IO_DISCARD, secure ? PVB_IO_SECURE : 0,
	                    (uint64_t)i * PAGE, PAGE);

	rig_kick(&s->l.rig);
	return q;
}

static void a_discard_has_no_other_way(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_discard(s, 0, false);

	(void)state;
	refuse_next(s, PVB_BLK_DISCARD);
	expect_end(q, -EOPNOTSUPP);
	assert_false(info(s)->discard || info(s)->discard_secure);
	assert_true(info(s)->flush);
	assert_int_equal(s->changes, 1);
	assert_int_equal(s->answers, 0);
	expect_not_asked(s, ask_discard(s, 1, false));
	expect_not_asked(s, ask_discard(s, 2, true));
	assert_int_equal(s->changes, 1);
	end(s);
}

static void the_plain_one_is_not_lost_with_the_secure(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_discard(s, 0, true);
	struct pvb_blk_req r = next(s, PVB_BLK_DISCARD);

	(void)state;
	assert_true(r.secure);
	refuse(s, &r);
	expect_end(q, -EOPNOTSUPP);
	assert_true(info(s)->discard && !info(s)->discard_secure);
	assert_int_equal(s->changes, 1);
	expect_not_asked(s, ask_discard(s, 1, true));
	q = ask_discard(s, 2, false);
	r = next(s, PVB_BLK_DISCARD);
	assert_false(r.secure);
	answer(s, &r, PVB_BLK_OKAY);
	expect_end(q, 0);
	end(s);
}

/* The ring is full, and some wait behind it. */
static void those_that_wait_are_not_sent(void **state)
{
	struct scene *s = begin();
	uint32_t slots = s->l.ring.size;

	(void)state;
	for (int i = 0; i < REQS; i++)
		(void)ask(s, i, PVB_IO_DISCARD, 0, 0, PAGE);
	rig_kick(&s->l.rig);
	for (uint32_t i = 0; i < slots; i++)
		refuse_next(s, PVB_BLK_DISCARD);
	for (int i = 0; i < REQS; i++)
		expect_not_asked(s, &s->q[i]);
	assert_int_equal(s->changes, 1);
	end(s);
}

/* ---- what was not offered ------------------------------------------------ */

static void what_was_never_offered_is_not_asked(void **state)
{
	struct scene *s = begin_as(&(struct pair_options){ .no_secure = true });

	(void)state;
	assert_true(info(s)->discard && !info(s)->discard_secure);
	expect_not_asked(s, ask_discard(s, 0, true));
	end(s);
	s = begin_as(&(struct pair_options){ .no_flush = true,
	                                     .no_discard = true });
	assert_false(info(s)->discard || info(s)->discard_secure);
	expect_not_asked(s, ask_discard(s, 0, false));
	expect_not_asked(s, ask_discard(s, 1, true));
	expect_not_asked(s, ask_flush(s, 2));
	expect_not_asked(s, ask_fua(s, 3, PVB_IO_WRITE));
	assert_int_equal(s->changes, 0);
	end(s);
}

/* ---- at any moment ------------------------------------------------------- */

static void the_front_may_end_when_it_is_told(void **state)
{
	struct scene *s = begin();

	(void)state;
	s->close = true;
	(void)ask_discard(s, 0, false);
	(void)ask_data(s, 1, PVB_IO_READ, 1);
	refuse_next(s, PVB_BLK_DISCARD);
	pair_settle(&s->l.pair);
	assert_int_equal(s->changes, 1);
	assert_int_equal(s->q[0].answers, 1);
	assert_int_equal(s->q[0].result, -EOPNOTSUPP);
	assert_int_equal(s->q[1].answers, 1);
	assert_int_equal(s->q[1].result, -ESHUTDOWN);
	end(s);
}

/* Both before the front looks. */
static void a_lie_behind_it(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_discard(s, 0, false);
	struct pvb_blk_req r = next(s, PVB_BLK_DISCARD);

	(void)state;
	(void)ask_data(s, 1, PVB_IO_READ, 1);
	(void)next(s, PVB_BLK_READ);
	refuse(s, &r);
	liar_answer_as(&s->l, 77, PVB_BLK_READ, PVB_BLK_OKAY);
	liar_expect_failed(&s->l, PVB_WHY_RSP_ID);
	expect_end(q, -EOPNOTSUPP);
	expect_end(&s->q[1], -EIO);
	end(s);
}

/* What a second connection offers is there, whatever the first one took. */
static void another_connection_may_offer_it_again(void **state)
{
	struct pair_options o = { .uri = "fault:mem:1M?fail=EOPNOTSUPP,"
		                         "op:flush,times:1" };
	struct pair *p = calloc(1, sizeof(*p));
	struct rig rig;

	(void)state;
	pair_init(p, &o);
	rig = (struct rig){ .loop = p->loop, .disk = p->disk };
	pair_connect(p);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), -EOPNOTSUPP);
	assert_false(p->disk->info.flush || p->disk->info.fua);
	pair_disconnect(p);
	pair_connect(p);
	assert_true(p->disk->info.flush && p->disk->info.fua);
	pair_fini(p);
	free(p);
}

static void ask_anything(struct scene *s, int i, uint64_t *seed)
{
	static const struct { enum pvb_io_op op; uint32_t flags; } all[] = {
		{ PVB_IO_READ, 0 }, { PVB_IO_WRITE, 0 },
		{ PVB_IO_WRITE, PVB_IO_FUA }, { PVB_IO_ZERO, PVB_IO_FUA },
		{ PVB_IO_FLUSH, 0 }, { PVB_IO_DISCARD, 0 },
		{ PVB_IO_DISCARD, PVB_IO_SECURE },
	};
	uint64_t bits = next_random(seed);
	size_t k = bits % (sizeof(all) / sizeof(*all));
	uint64_t length = PAGE * (1 + bits / 64 % 64);
	uint64_t offset = (uint64_t)i << 18;

	if (all[k].op == PVB_IO_FLUSH)
		offset = length = 0;
	(void)ask(s, i, all[k].op, all[k].flags, offset, length);
}

/* As refused: 0 all, else one in so many. */
static void bear_it(uint64_t seed, uint32_t one_in)
{
	struct scene *s = begin();
	uint32_t taken = 0;

	for (int i = 0; i < REQS; i++)
		ask_anything(s, i, &seed);
	rig_kick(&s->l.rig);
	while (s->l.rig.answers < REQS) {
		struct pvb_blk_req r;
		bool no;

		pair_settle(&s->l.pair);
		if (pvb_ring_waiting(&s->l.ring) <= 0)
			continue;
		r = liar_take(&s->l);
		no = one_in == 0 || next_random(&seed) % one_in == 0;
		answer(s, &r, no ? PVB_BLK_EOPNOTSUPP : PVB_BLK_OKAY);
		taken++;
	}
	for (int i = 0; i < REQS; i++)
		assert_int_equal(s->q[i].answers, 1);
	/* Large ones, then small ones, then a flush and a barrier. */
	assert_true(taken <= REQS * (64 / LISTED + 64 / DIRECT + 1 + 2));
	liar_expect_none(&s->l);
	assert_true(s->l.pair.live);
	end(s);
}

static void always(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		bear_it(seed, 0);
}

static void now_and_then(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++)
		bear_it(seed, 2 + seed % 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flush_goes_by_barrier),
		cmocka_unit_test(a_barrier_may_be_refused_as_well),
		cmocka_unit_test(or_it_was_never_there),
		cmocka_unit_test(or_it_was_all_that_was_there),
		cmocka_unit_test(those_under_way_go_the_other_way_too),
		cmocka_unit_test(a_write_is_made_durable_the_other_way),
		cmocka_unit_test(one_that_cannot_be_made_durable_says_so),
		cmocka_unit_test(one_that_comes_too_late_says_so),
		cmocka_unit_test(a_discard_has_no_other_way),
		cmocka_unit_test(the_plain_one_is_not_lost_with_the_secure),
		cmocka_unit_test(those_that_wait_are_not_sent),
		cmocka_unit_test(what_was_never_offered_is_not_asked),
		cmocka_unit_test(the_front_may_end_when_it_is_told),
		cmocka_unit_test(a_lie_behind_it),
		cmocka_unit_test(another_connection_may_offer_it_again),
		cmocka_unit_test(always),
		cmocka_unit_test(now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
