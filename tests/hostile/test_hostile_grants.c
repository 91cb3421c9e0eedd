/* SPDX-License-Identifier: MIT */
/*
 * Fronts that say that they use their grants again, and lie about it.  They
 * get answers, at the speed of copies or with their own wrong bytes; others'
 * requests of the same batch are served, and nothing stays mapped: pair_fini
 * asserts that.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liar_front.h"

enum { BATCH = 8 };

static int make(void **state)
{
	const struct pair_options o = { .mapped = true };
	struct liar_front *l = calloc(1, sizeof(*l));

	liar_front_init(l, &o, PVB_ABI_X86_64);
	*state = l;
	return 0;
}

static int unmake(void **state)
{
	struct liar_front *l = *state;

	liar_front_fini(l);
	free(l);
	return 0;
}

static struct pvb_counts counts(struct liar_front *l)
{
	struct pvb_counts c;

	pair_counts(&l->pair, &c);
	return c;
}

/* Into or out of page i, at sector 8 * i; its id is i. */
static struct pvb_blk_req request(const struct liar_front *l, uint32_t i,
                                  enum pvb_blk_op op)
{
	struct pvb_blk_req r = liar_read(l);

	r.id = i;
	r.op = (uint8_t)op;
	r.sector = 8 * i;
	r.seg[0].gref = l->gref[i];
	return r;
}

static void fill(struct liar_front *l, uint32_t i, int byte)
{
	memset(l->page + i * PVB_MEM_PAGE_BYTES, byte, PVB_MEM_PAGE_BYTES);
}

static void expect_filled(const unsigned char *at, int byte)
{
	for (int i = 0; i < PVB_MEM_PAGE_BYTES; i++)
		assert_int_equal(at[i], byte);
}

/* A page of its own that we may only read. */
static void *share_closed(struct liar_front *l, uint32_t *gref)
{
	void *at;

	assert_int_equal(l->mem->ops->share(l->mem, PAIR_BACK, 1, true, &at,
	                                    gref), 0);
	return at;
}

static void unshare_closed(struct liar_front *l, void *at)
{
	l->mem->ops->unshare(l->mem, at, 1);
}

static void honest_pages_are_mapped(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 3, PVB_BLK_WRITE);

	fill(l, 3, 0x31);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	r.op = PVB_BLK_READ;
	fill(l, 3, 0);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	expect_filled(l->page + 3 * PVB_MEM_PAGE_BYTES, 0x31);
	assert_int_equal(counts(l).mapped_pages, 1);
	assert_int_equal(counts(l).copies, 0);
}

/* It can be written to the disk, if only by copies; it cannot be read into. */
static void a_page_that_may_only_be_read(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 2, PVB_BLK_WRITE);
	struct pvb_blk_req back = request(l, 2, PVB_BLK_READ);
	void *page = share_closed(l, &r.seg[0].gref);

	memset(page, 0x42, PVB_MEM_PAGE_BYTES);
	for (int i = 0; i < 40; i++)
		liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	liar_expect(l, &back, PVB_OK, PVB_BLK_OKAY);
	expect_filled(l->page + 2 * PVB_MEM_PAGE_BYTES, 0x42);
	r.op = PVB_BLK_READ;
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	liar_expect_alive(l);
	unshare_closed(l, page);
}

static void nobody_granted_that(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 2, PVB_BLK_READ);
	const uint32_t bad[] = { 0, 31000, UINT32_MAX };

	for (int i = 0; i < 30; i++) {
		r.seg[0].gref = bad[i % 3];
		r.op = i % 2 ? PVB_BLK_READ : PVB_BLK_WRITE;
		liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	}
	assert_int_equal(counts(l).mapped_pages, 0);
	liar_expect_alive(l);
}

/* Requests that come at once are mapped at once.  At each place a bad one:
   it alone fails, and the others' bytes are right. */
static void a_bad_one_in_a_batch(void **state)
{
	struct liar_front *l = *state;

	for (uint32_t bad = 0; bad < BATCH; bad++) {
		unsigned char slot[PVB_BLK_SLOT_MAX];

		for (uint32_t i = 0; i < BATCH; i++) {
			struct pvb_blk_req r = request(l, i, PVB_BLK_WRITE);

			fill(l, i, (int)(0x10 * bad + i));
			if (i == bad)
				r.seg[0].gref = 31000;
			pvb_blk_req_encode(slot, l->abi, &r);
			memcpy(pvb_ring_out(&l->ring, 0), slot,
			       l->ring.slot_bytes);
			pvb_ring_push(&l->ring, 1);
		}
		(void)pvb_ring_publish(&l->ring);
		liar_bell(l);
		for (uint32_t i = 0; i < BATCH; i++) {
			struct pvb_blk_rsp rsp = liar_answer(l);

			assert_int_equal(rsp.status, rsp.id == bad
			                 ? PVB_BLK_ERROR : PVB_BLK_OKAY);
		}
		for (uint32_t i = 0; i < BATCH; i++) {
			struct pvb_blk_req r = request(l, i, PVB_BLK_READ);

			if (i == bad)
				continue;
			fill(l, i, 0xff);
			liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
			expect_filled(l->page + i * PVB_MEM_PAGE_BYTES,
			              (int)(0x10 * bad + i));
		}
	}
	assert_int_equal(liar_refused(l, PVB_WHY_GRANT), BATCH);
}

/* The old page is read into, which was the guest's all the time. */
static void a_grant_that_is_ended_and_made_anew(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 5, PVB_BLK_WRITE);
	unsigned char *old = l->page + 5 * PVB_MEM_PAGE_BYTES;
	unsigned char *other = l->page + 6 * PVB_MEM_PAGE_BYTES;

	fill(l, 5, 0x55);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	fill(l, 5, 0);
	fill(l, 6, 0x66);
	mem_direct_regrant(l->pair.machine, l->gref[5], other);
	r.op = PVB_BLK_READ;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	expect_filled(old, 0x55);
	expect_filled(other, 0x66);
	mem_direct_regrant(l->pair.machine, l->gref[5], old);
}

static void a_grant_that_is_ended_is_still_ours(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 5, PVB_BLK_WRITE);
	unsigned char *page = l->page + 5 * PVB_MEM_PAGE_BYTES;

	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	mem_direct_regrant(l->pair.machine, l->gref[5], NULL);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	/* One that we had not seen before is refused. */
	mem_direct_regrant(l->pair.machine, l->gref[6], NULL);
	r.seg[0].gref = l->gref[6];
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	mem_direct_regrant(l->pair.machine, l->gref[5], page);
	mem_direct_regrant(l->pair.machine, l->gref[6],
	                   page + PVB_MEM_PAGE_BYTES);
	liar_expect_alive(l);
}

static void one_page_for_all_segments(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 5, PVB_BLK_READ);

	r.nr_segs = PVB_BLK_SEGS_DIRECT;
	for (int i = 0; i < PVB_BLK_SEGS_DIRECT; i++)
		r.seg[i] = r.seg[0];
	for (int i = 0; i < 3; i++)
		liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	assert_int_equal(counts(l).mapped_pages, 1);
}

/* A list among its own data: the list was copied before. */
static void a_list_that_is_data_too(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 5, PVB_BLK_READ);

	r.indirect = true;
	r.nr_segs = 16;
	r.indirect_gref[0] = l->gref[1];
	for (int i = 0; i < 16; i++)
		r.seg[i] = (struct pvb_seg){ l->gref[i % 4], 0, 7 };
	liar_write_list(l, 1, &r);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	/* What was read there is a list no more. */
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

static void the_ring_itself_as_data(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = request(l, 5, PVB_BLK_WRITE);

	r.seg[0].gref = l->ring_ref;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	liar_expect_alive(l);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(honest_pages_are_mapped),
		TEST(a_page_that_may_only_be_read),
		TEST(nobody_granted_that),
		TEST(a_bad_one_in_a_batch),
		TEST(a_grant_that_is_ended_and_made_anew),
		TEST(a_grant_that_is_ended_is_still_ours),
		TEST(one_page_for_all_segments),
		TEST(a_list_that_is_data_too),
		TEST(the_ring_itself_as_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
