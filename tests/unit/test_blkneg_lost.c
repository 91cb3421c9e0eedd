/* SPDX-License-Identifier: MIT */
/* Promises that a back takes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/blkneg.h"

static void make_geometry(struct pvb_blk_geometry *g, uint32_t bits)
{
	*g = (struct pvb_blk_geometry){
		.sectors = 4096, .sector_size_bytes = 512,
		.physical_size_bytes = 512, .flush = bits & 1,
		.barrier = bits & 2, .discard = bits & 4,
		.discard_secure = (bits & 12) == 12,
		.segs_direct_max = PVB_BLK_SEGS_DIRECT,
	};
	if (g->discard)
		g->discard_granularity_bytes = 4096;
}

static void assert_same_promises(const struct pvb_blk_geometry *a,
				 const struct pvb_blk_geometry *b)
{
	assert_int_equal(a->flush, b->flush);
	assert_int_equal(a->barrier, b->barrier);
	assert_int_equal(a->discard, b->discard);
	assert_int_equal(a->discard_secure, b->discard_secure);
	assert_int_equal(a->sectors, b->sectors);
	assert_int_equal(a->segs_direct_max, b->segs_direct_max);
}

/* What a store holds once `over` is written over `under`. */
static void merge(struct pvb_keys *over, const struct pvb_keys *under)
{
	for (uint32_t i = 0; i < under->count; i++) {
		const char *name = under->bytes + under->key[i].name_at;

		if (!pvb_keys_has(over, name))
			assert_int_equal(pvb_keys_put_text(over, name,
				pvb_keys_text(under, name)), 0);
	}
}

static void the_nodes_say_what_is_left(void **state)
{
	struct pvb_blk_geometry g, read;

	(void)state;
	for (uint32_t bits = 0; bits < 16; bits++) {
		for (uint32_t lost = 0; lost <= PVB_BLK_LOST_ALL; lost++) {
			struct pvb_keys k = { 0 }, said = { 0 };

			make_geometry(&g, bits);
			assert_int_equal(pvb_blk_geometry_put(&said, &g), 0);
			assert_int_equal(pvb_blk_lost_put(&k, lost), 0);
			merge(&k, &said);
			(void)pvb_blk_geometry_lose(&g, lost);
			assert_int_equal(pvb_blk_geometry_get(&k,
				PVB_BLK_UNITS_SPEC, &read, NULL), PVB_OK);
			assert_same_promises(&read, &g);
		}
	}
}

static void each_takes_with_it_what_is_made_of_it(void **state)
{
	struct pvb_blk_geometry g;

	(void)state;
	make_geometry(&g, 15);
	assert_true(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_BARRIER));
	assert_true(g.flush && !g.barrier);
	make_geometry(&g, 15);
	assert_true(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_FLUSH));
	assert_false(g.flush || g.barrier);
	make_geometry(&g, 15);
	assert_true(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_SECURE));
	assert_true(g.discard && !g.discard_secure);
	make_geometry(&g, 15);
	assert_true(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_DISCARD));
	assert_false(g.discard || g.discard_secure);
}

static void what_was_not_promised_is_not_lost(void **state)
{
	struct pvb_blk_geometry g;

	(void)state;
	make_geometry(&g, 0);
	assert_false(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_ALL));
	make_geometry(&g, 15);
	assert_false(pvb_blk_geometry_lose(&g, 0));
	assert_true(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_ALL));
	assert_false(pvb_blk_geometry_lose(&g, PVB_BLK_LOST_ALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nodes_say_what_is_left),
		cmocka_unit_test(each_takes_with_it_what_is_made_of_it),
		cmocka_unit_test(what_was_not_promised_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
