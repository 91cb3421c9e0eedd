/* SPDX-License-Identifier: MIT */
/* test_blkneg_offer.c - the limits of a back, as a front sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blkneg.h"

struct pair { const char *name, *value; };

enum { PAIRS = 3 };

static void fill(struct pvb_keys *k, const struct pair pairs[PAIRS])
{
	memset(k, 0, sizeof(*k));
	for (int i = 0; i < PAIRS && pairs[i].name; i++)
		assert_int_equal(pvb_keys_put_text(k, pairs[i].name,
						   pairs[i].value), 0);
}

static void defaults_are_what_the_field_offers(void **state)
{
	struct pvb_blk_limits l;

	(void)state;
	pvb_blk_limits_back_default(&l, 4);
	assert_int_equal(l.ring_order_max, 4);
	assert_int_equal(l.queues_max, 4);
	assert_int_equal(l.indirect_max, 256);
	assert_true(l.persistent && l.flush && l.discard);
	assert_false(l.barrier);
	pvb_blk_limits_back_default(&l, 0);
	assert_int_equal(l.queues_max, 1);
	pvb_blk_limits_back_default(&l, UINT32_MAX);
	assert_int_equal(l.queues_max, PVB_BLK_QUEUES_MAX);
	pvb_blk_limits_front_default(&l);
	assert_int_equal(l.ring_order_max, 2);
	assert_int_equal(l.queues_max, 1);
	assert_int_equal(l.indirect_max, 32);
}

static void an_offer_comes_back_from_its_keys(void **state)
{
	const char *bad = "";

	(void)state;
	for (uint8_t order = 0; order <= PVB_RING_ORDER_MAX; order++) {
		struct pvb_blk_limits l = {
			.ring_order_max = order, .queues_max = 1 + order,
			.indirect_max = 64 * order,
		};
		struct pvb_keys k = { 0 };
		struct pvb_blk_offer o;

		assert_int_equal(pvb_blk_offer_put(&k, &l), 0);
		assert_int_equal(pvb_blk_offer_get(&k, &o, &bad), PVB_OK);
		assert_null(bad);
		assert_int_equal(o.ring_order_max, order);
		assert_int_equal(o.queues_max, 1 + order);
		assert_int_equal(o.indirect_max, 64 * order);
		for (uint32_t i = 0; i < k.count; i++) {
			bool listed = false;

			for (int n = 0; pvb_blk_offer_names[n]; n++)
				listed |= strcmp(pvb_blk_offer_names[n],
						 k.bytes + k.key[i].name_at)
					  == 0;
			assert_true(listed);
		}
	}
}

static void both_schemes_of_ring_sizes_are_said(void **state)
{
	struct pvb_blk_limits l;
	struct pvb_keys k = { 0 };

	(void)state;
	pvb_blk_limits_back_default(&l, 1);
	assert_int_equal(pvb_blk_offer_put(&k, &l), 0);
	assert_string_equal(pvb_keys_text(&k, "max-ring-page-order"), "4");
	assert_string_equal(pvb_keys_text(&k, "max-ring-pages"), "16");
}

static void an_empty_offer_is_the_oldest_protocol(void **state)
{
	struct pvb_keys k = { 0 };
	struct pvb_blk_offer o;

	(void)state;
	assert_int_equal(pvb_blk_offer_get(&k, &o, NULL), PVB_OK);
	assert_int_equal(o.ring_order_max, 0);
	assert_int_equal(o.queues_max, 1);
	assert_int_equal(o.indirect_max, 0);
}

static void a_front_takes_the_smaller_power_of_two(void **state)
{
	static const struct { struct pair pairs[PAIRS]; uint8_t order; }
	cases[] = {
		{ { { "max-ring-page-order", "3" } }, 3 },
		{ { { "max-ring-pages", "8" } }, 3 },
		{ { { "max-ring-pages", "7" } }, 2 },
		{ { { "max-ring-pages", "3" } }, 1 },
		{ { { "max-ring-pages", "1" } }, 0 },
		{ { { "max-ring-page-order", "2" },
		    { "max-ring-pages", "4" } }, 2 },
		{ { { "max-ring-page-order", "3" },
		    { "max-ring-pages", "4" } }, 2 },
		{ { { "max-ring-page-order", "1" },
		    { "max-ring-pages", "15" } }, 1 },
		{ { { "max-ring-page-order", "0" },
		    { "max-ring-pages", "16" } }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvb_blk_offer o;
		struct pvb_keys k;

		fill(&k, cases[i].pairs);
		assert_int_equal(pvb_blk_offer_get(&k, &o, NULL), PVB_OK);
		assert_int_equal(o.ring_order_max, cases[i].order);
	}
}

static void an_offer_beyond_our_means_is_capped(void **state)
{
	static const struct pair huge[PAIRS] = {
		{ "max-ring-page-order", "4294967295" },
		{ "multi-queue-max-queues", "4294967295" },
		{ "feature-max-indirect-segments", "4294967295" },
	};
	static const struct pair pages[PAIRS] = {
		{ "max-ring-pages", "4294967295" },
	};
	struct pvb_blk_offer o;
	struct pvb_keys k;

	(void)state;
	fill(&k, huge);
	assert_int_equal(pvb_blk_offer_get(&k, &o, NULL), PVB_OK);
	assert_int_equal(o.ring_order_max, PVB_RING_ORDER_MAX);
	assert_int_equal(o.queues_max, PVB_BLK_QUEUES_MAX);
	assert_int_equal(o.indirect_max, PVB_BLK_SEGS_MAX);
	fill(&k, pages);
	assert_int_equal(pvb_blk_offer_get(&k, &o, NULL), PVB_OK);
	assert_int_equal(o.ring_order_max, PVB_RING_ORDER_MAX);
}

static void what_is_no_offer_is_refused_by_name(void **state)
{
	static const struct { struct pair pairs[PAIRS]; enum pvb_why why; }
	cases[] = {
		{ { { "max-ring-page-order", "x" } }, PVB_WHY_KEY_SYNTAX },
		{ { { "max-ring-page-order", "-1" } }, PVB_WHY_KEY_SYNTAX },
		{ { { "max-ring-page-order", "4294967296" } },
		  PVB_WHY_KEY_LIMIT },
		{ { { "max-ring-pages", "0" } }, PVB_WHY_KEY_SYNTAX },
		{ { { "max-ring-pages", "" } }, PVB_WHY_KEY_SYNTAX },
		{ { { "multi-queue-max-queues", "0" } }, PVB_WHY_KEY_LIMIT },
		{ { { "multi-queue-max-queues", "1 " } }, PVB_WHY_KEY_SYNTAX },
		{ { { "feature-max-indirect-segments", "0x20" } },
		  PVB_WHY_KEY_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvb_blk_offer o = {
			.ring_order_max = 77, .queues_max = 77,
		};
		const char *bad = NULL;
		struct pvb_keys k;

		fill(&k, cases[i].pairs);
		assert_int_equal(pvb_blk_offer_get(&k, &o, &bad),
				 cases[i].why);
		assert_string_equal(bad, cases[i].pairs[0].name);
		assert_int_equal(o.ring_order_max, 77);
		assert_int_equal(o.queues_max, 77);
	}
}

static void terms_are_the_best_that_both_can_do(void **state)
{
	static const struct pvb_blk_limits own = {
		.ring_order_max = 2, .queues_max = 4, .indirect_max = 32,
		.persistent = true,
	};
	static const struct pvb_blk_offer less = {
		.ring_order_max = 1, .queues_max = 2, .indirect_max = 16,
	};
	static const struct pvb_blk_offer more = {
		.ring_order_max = 4, .queues_max = 16, .indirect_max = 256,
	};
	struct pvb_blk_terms t;

	(void)state;
	pvb_blk_terms_choose(&t, &own, &less);
	assert_int_equal(t.ring_order, 1);
	assert_int_equal(t.queues, 2);
	assert_int_equal(t.indirect_max, 16);
	assert_true(t.persistent);
	assert_int_equal(t.abi, pvb_abi_native());
	assert_true(t.abi_given);
	pvb_blk_terms_choose(&t, &own, &more);
	assert_int_equal(t.ring_order, 2);
	assert_int_equal(t.queues, 4);
	assert_int_equal(t.indirect_max, 32);
}

static void indirect_is_off_where_it_gains_nothing(void **state)
{
	static const struct pvb_blk_limits own = {
		.queues_max = 1, .indirect_max = 32,
	};
	struct pvb_blk_offer offer = {
		.queues_max = 1, .indirect_max = PVB_BLK_SEGS_DIRECT,
	};
	struct pvb_blk_terms t;

	(void)state;
	pvb_blk_terms_choose(&t, &own, &offer);
	assert_int_equal(t.indirect_max, 0);
	offer.indirect_max = PVB_BLK_SEGS_DIRECT + 1;
	pvb_blk_terms_choose(&t, &own, &offer);
	assert_int_equal(t.indirect_max, PVB_BLK_SEGS_DIRECT + 1);
}

/* Only FreeBSD up to 9.0 looks for the first of several pages in ring-ref, and
   nobody else offers a ring and its requests as it does. */
static void the_first_page_is_also_where_freebsd_looks(void **state)
{
	static const struct pvb_blk_limits own = {
		.ring_order_max = 2, .queues_max = 1,
	};
	static const struct { struct pair pairs[PAIRS]; bool both; } cases[] = {
		{ { { "max-ring-pages", "4" },
		    { "max-request-segments", "33" } }, true },
		{ { { "max-ring-pages", "1" },
		    { "max-request-segments", "33" } }, false },
		{ { { "max-ring-pages", "4" } }, false },
		{ { { "max-ring-page-order", "2" },
		    { "max-request-segments", "33" } }, false },
		{ { { "max-ring-page-order", "2" }, { "max-ring-pages", "4" },
		    { "max-request-segments", "33" } }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvb_blk_offer o;
		struct pvb_blk_terms t;
		struct pvb_keys k;

		fill(&k, cases[i].pairs);
		assert_int_equal(pvb_blk_offer_get(&k, &o, NULL), PVB_OK);
		pvb_blk_terms_choose(&t, &own, &o);
		t.queue[0].ring_ref[0] = 8;
		memset(&k, 0, sizeof(k));
		assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
		assert_int_equal(pvb_keys_has(&k, "ring-ref0"),
				 t.ring_order > 0);
		assert_int_equal(pvb_keys_has(&k, "ring-ref"),
				 t.ring_order == 0 || cases[i].both);
		if (cases[i].both)
			assert_string_equal(pvb_keys_text(&k, "ring-ref"), "8");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_what_the_field_offers),
		cmocka_unit_test(an_offer_comes_back_from_its_keys),
		cmocka_unit_test(both_schemes_of_ring_sizes_are_said),
		cmocka_unit_test(an_empty_offer_is_the_oldest_protocol),
		cmocka_unit_test(a_front_takes_the_smaller_power_of_two),
		cmocka_unit_test(an_offer_beyond_our_means_is_capped),
		cmocka_unit_test(what_is_no_offer_is_refused_by_name),
		cmocka_unit_test(terms_are_the_best_that_both_can_do),
		cmocka_unit_test(indirect_is_off_where_it_gains_nothing),
		cmocka_unit_test(the_first_page_is_also_where_freebsd_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
