/* SPDX-License-Identifier: MIT */
/*
 * Backs that answer "not supported" to requests of more segments than a slot
 * holds: these go again in smaller ones, and all later ones at once.
 */
#include "unable_back.h"

/* So many pages, of a request's `from` on, in order. */
static void expect_pages(struct scene *s, const struct pvb_blk_req *r,
                         struct req *q, uint32_t from, uint32_t pages)
{
	assert_false(r->indirect);
	assert_int_equal(r->nr_segs, pages);
	assert_int_equal(r->sector, q->io.offset_bytes / 512 + from * 8u);
	for (uint32_t i = 0; i < pages; i++)
		assert_memory_equal(liar_page(&s->l, r->seg[i].gref),
		                    req_data(q) + (from + i) * PAGE, PAGE);
}

/* All of it, by requests that any back takes. */
static void expect_small(struct scene *s, struct req *q, uint32_t pages)
{
	for (uint32_t at = 0; at < pages; at += DIRECT) {
		struct pvb_blk_req r = next(s, PVB_BLK_WRITE);

		expect_pages(s, &r, q, at,
		             pages - at < DIRECT ? pages - at : DIRECT);
		assert_int_equal(q->answers, 0);
		answer(s, &r, PVB_BLK_OKAY);
	}
	expect_end(q, 0);
	liar_expect_none(&s->l);
}

static struct req *ask_pattern(struct scene *s, int i, uint32_t pages)
{
	struct req *q = &s->q[i];

	req_fini(q);
	req_init(q, &s->l.rig, PVB_IO_WRITE, (uint64_t)i << 20,
	         (uint64_t)pages * PAGE);
	fill_pattern(req_data(q), (size_t)pages * PAGE, (uint64_t)i + 1);
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->l.rig);
	return q;
}

static void without_lists_it_goes_in_small_ones(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_pattern(s, 0, LISTED);
	struct pvb_blk_req r = next(s, PVB_BLK_WRITE);

	(void)state;
	assert_true(r.indirect);
	refuse(s, &r);
	expect_small(s, q, LISTED);
	/* And so from now on; for its owner nothing has changed. */
	expect_small(s, ask_pattern(s, 1, LISTED), LISTED);
	assert_int_equal(s->changes, 0);
	end(s);
}

static void and_so_without_segment_blocks(void **state)
{
	struct scene *s = begin_as(&(struct pair_options){
		.blocks = { .segs_max = 255 } });
	struct req *q = ask_pattern(s, 0, LISTED);
	struct pvb_blk_req r = next(s, PVB_BLK_WRITE);

	(void)state;
	assert_int_equal(r.nr_segs, LISTED);
	refuse(s, &r);
	expect_small(s, q, LISTED);
	expect_small(s, ask_pattern(s, 1, LISTED), LISTED);
	end(s);
}

/* Whatever the others of it come to: then all of it. */
static void one_of_several_is_refused(void **state)
{
	(void)state;
	for (int bad = 0; bad < 3; bad++) {
		struct scene *s = begin();
		struct req *q = ask_pattern(s, 0, 3 * LISTED);
		struct pvb_blk_req r[3];

		for (int i = 0; i < 3; i++) {
			r[i] = next(s, PVB_BLK_WRITE);
			assert_true(r[i].indirect);
		}
		refuse(s, &r[bad]);
		for (int i = 0; i < 3; i++) {
			if (i == bad)
				continue;
			liar_expect_none(&s->l);
			answer(s, &r[i], PVB_BLK_OKAY);
		}
		expect_small(s, q, 3 * LISTED);
		end(s);
	}
}

static void one_is_refused_and_one_fails(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_pattern(s, 0, 2 * LISTED);
	struct pvb_blk_req a = next(s, PVB_BLK_WRITE);
	struct pvb_blk_req b = next(s, PVB_BLK_WRITE);

	(void)state;
	refuse(s, &a);
	answer(s, &b, PVB_BLK_ERROR);
	expect_end(q, -EIO);
	liar_expect_none(&s->l);
	end(s);
}

static void merged_ones_are_sent_apart(void **state)
{
	struct scene *s = begin();
	struct pvb_blk_req r;

	(void)state;
	for (int i = 0; i < 2; i++)
		(void)ask(s, i, PVB_IO_WRITE, 0, i * 8u * PAGE, 8 * PAGE);
	rig_kick(&s->l.rig);
	r = next(s, PVB_BLK_WRITE);
	assert_int_equal(r.nr_segs, 16);
	refuse(s, &r);
	for (int i = 0; i < 2; i++) {
		r = next(s, PVB_BLK_WRITE);
		expect_pages(s, &r, &s->q[i], 0, 8);
		answer(s, &r, PVB_BLK_OKAY);
		expect_end(&s->q[i], 0);
	}
	end(s);
}

static void what_was_read_is_read_again(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_data(s, 0, PVB_IO_READ, LISTED);

	(void)state;
	refuse_next(s, PVB_BLK_READ);
	for (uint32_t at = 0; at < LISTED; at += DIRECT) {
		struct pvb_blk_req r = next(s, PVB_BLK_READ);

		for (uint32_t i = 0; i < r.nr_segs; i++)
			memset(liar_page(&s->l, r.seg[i].gref),
			       (int)(at + i + 1), PAGE);
		answer(s, &r, PVB_BLK_OKAY);
	}
	expect_end(q, 0);
	for (uint32_t i = 0; i < LISTED; i++)
		assert_int_equal(req_data(q)[i * PAGE + 99], i + 1);
	end(s);
}

static void zeros_begin_again(void **state)
{
	enum { PAGES = 1024 };
	struct scene *s = begin();
	struct req *q = ask_data(s, 0, PVB_IO_ZERO, PAGES);
	uint32_t large = 0, small = 0;

	(void)state;
	while (q->answers == 0) {
		struct pvb_blk_req r = next(s, PVB_BLK_WRITE);

		if (!r.indirect)
			small += r.nr_segs;
		answer(s, &r, r.indirect && ++large == 5 ? PVB_BLK_EOPNOTSUPP
		                                         : PVB_BLK_OKAY);
		pair_settle(&s->l.pair);
	}
	expect_end(q, 0);
	assert_int_equal(small, PAGES);
	end(s);
}

/* Nobody needs to be able to do less than that. */
static void the_smallest_one_just_fails(void **state)
{
	struct scene *s = begin();
	struct req *q = ask_data(s, 0, PVB_IO_WRITE, LISTED);

	(void)state;
	refuse_next(s, PVB_BLK_WRITE);
	for (uint32_t at = 0; at < LISTED; at += DIRECT)
		refuse_next(s, PVB_BLK_WRITE);
	expect_end(q, -EIO);
	liar_expect_none(&s->l);
	assert_true(s->l.pair.live);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_lists_it_goes_in_small_ones),
		cmocka_unit_test(and_so_without_segment_blocks),
		cmocka_unit_test(one_of_several_is_refused),
		cmocka_unit_test(one_is_refused_and_one_fails),
		cmocka_unit_test(merged_ones_are_sent_apart),
		cmocka_unit_test(what_was_read_is_read_again),
		cmocka_unit_test(zeros_begin_again),
		cmocka_unit_test(the_smallest_one_just_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
