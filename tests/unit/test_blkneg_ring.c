/* SPDX-License-Identifier: MIT */
/*
 * test_blkneg_ring.c - the size of a ring in every dialect, and in every
 * mixture of them: what a front believes of a back's nodes, what a back takes
 * of a front's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blkneg.h"

enum { ABSENT = -1, ORDERS = 7, PAGES = 20 };

static void put(struct pvb_keys *k, const char *name, int value)
{
	if (value != ABSENT)
		assert_int_equal(pvb_keys_put_u64(k, name, (uint64_t)value), 0);
}

/* ---- a back's offer ------------------------------------------------------ */

/* The largest ring that both statements allow, in pages. */
static int pages_allowed(int order, int pages)
{
	int allowed = 1;

	if (order == ABSENT && pages == ABSENT)
		return 1;
	while (allowed < 16 &&
	       (order == ABSENT || allowed * 2 <= 1 << order) &&
	       (pages == ABSENT || allowed * 2 <= pages))
		allowed *= 2;
	return allowed;
}

static void a_front_takes_what_every_node_allows(void **state)
{
	(void)state;
	for (int order = ABSENT; order < ORDERS; order++)
	for (int pages = ABSENT; pages < PAGES; pages++) {
		struct pvb_keys k = { 0 };
		struct pvb_blk_offer o;
		const char *bad = NULL;
		enum pvb_why why;

		put(&k, "max-ring-page-order", order);
		put(&k, "max-ring-pages", pages);
		why = pvb_blk_offer_get(&k, &o, &bad);
		if (pages == 0) {
			assert_int_equal(why, PVB_WHY_KEY_SYNTAX);
			assert_string_equal(bad, "max-ring-pages");
			continue;
		}
		assert_int_equal(why, PVB_OK);
		assert_int_equal(1 << o.ring_order_max,
				 pages_allowed(order, pages));
	}
}

static void a_front_stays_within_its_own_means(void **state)
{
	(void)state;
	for (uint8_t own_order = 0; own_order <= 4; own_order++)
	for (uint8_t order = 0; order <= 4; order++) {
		struct pvb_blk_limits own = {
			.ring_order_max = own_order, .queues_max = 1,
		};
		struct pvb_blk_offer o = {
			.ring_order_max = order, .queues_max = 1,
		};
		struct pvb_blk_terms t;

		pvb_blk_terms_choose(&t, &own, &o);
		assert_int_equal(t.ring_order,
				 own_order < order ? own_order : order);
	}
}

/* What a front says, any back understands: by order alone, by either name of
   the count, by several. */
static void what_a_front_says_is_understood_by_any_node(void **state)
{
	static const char *const names[] = {
		"ring-page-order", "num-ring-pages", "ring-pages",
	};

	(void)state;
	for (uint8_t order = 0; order <= 4; order++) {
		struct pvb_blk_terms t = {
			.ring_order = order, .queues = 1, .abi_given = true,
		};
		struct pvb_keys k = { 0 };

		assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
		for (int i = 0; i < 3; i++) {
			const char *text = pvb_keys_text(&k, names[i]);
			char want[8];

			if (order == 0) {
				assert_null(text);
				continue;
			}
			assert_non_null(text);
			snprintf(want, sizeof(want), "%d",
				 i == 0 ? order : 1 << order);
			assert_string_equal(text, want);
		}
		assert_int_equal(pvb_keys_has(&k, "ring-ref"), order == 0);
		assert_int_equal(pvb_keys_has(&k, "ring-ref0"), order > 0);
		assert_int_equal(pvb_keys_has(&k, "ring-ref15"), order == 4);
	}
}

/* ---- a front's terms ----------------------------------------------------- */

/* All that are there say the same power of two: its order; or why not. */
static enum pvb_why read_terms(int order, const int pages[2], int max,
			       int *found)
{
	int said = order;

	for (int i = 0; i < 2; i++) {
		int as_order = 0;

		if (pages[i] == ABSENT)
			continue;
		while (1 << as_order < pages[i])
			as_order++;
		if (1 << as_order != pages[i])
			return PVB_WHY_KEY_SYNTAX;
		if (said != ABSENT && said != as_order)
			return PVB_WHY_KEY_CONFLICT;
		said = as_order;
	}
	*found = said == ABSENT ? 0 : said;
	return *found > max ? PVB_WHY_KEY_LIMIT : PVB_OK;
}

static void fill_refs(struct pvb_keys *k)
{
	char name[PVB_KEYS_NAME_MAX + 1];

	put(k, "event-channel", 1);
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "ring-ref%d", i);
		put(k, name, 100 + i);
	}
}

static void a_back_takes_what_all_nodes_agree_on(void **state)
{
	static const struct pvb_blk_limits own[] = {
		{ .ring_order_max = 0, .queues_max = 1 },
		{ .ring_order_max = 2, .queues_max = 1 },
		{ .ring_order_max = 4, .queues_max = 1 },
	};
	uint32_t taken = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
	for (int order = ABSENT; order < ORDERS; order++)
	for (int num = ABSENT; num < PAGES; num++)
	for (int pages = ABSENT; pages < PAGES; pages++) {
		const int said[2] = { num, pages };
		struct pvb_keys k = { 0 };
		struct pvb_blk_terms t;
		int want_order = 0;
		enum pvb_why want = read_terms(order, said,
					       own[i].ring_order_max,
					       &want_order), why;

		fill_refs(&k);
		put(&k, "ring-page-order", order);
		put(&k, "num-ring-pages", num);
		put(&k, "ring-pages", pages);
		why = pvb_blk_terms_get(&k, &own[i], PVB_ABI_X86_64, &t, NULL);
		if (why != want)
			fail_msg("order %d, pages %d, %d: %s", order, num,
				 pages, pvb_why_name(why));
		if (why != PVB_OK)
			continue;
		assert_int_equal(t.ring_order, want_order);
		for (int p = 0; p < 1 << want_order; p++)
			assert_int_equal(t.queue[0].ring_ref[p], 100 + p);
		taken++;
	}
	/* One page: 8 ways to say it, and not to. */
	assert_int_equal(taken, 8 + (8 + 2 * 7) + (8 + 4 * 7));
}

/* One page has two names for its reference, whatever else is said of it. */
static void one_page_by_either_name(void **state)
{
	static const struct pvb_blk_limits own = {
		.ring_order_max = 4, .queues_max = 1,
	};

	(void)state;
	for (int order = ABSENT; order <= 0; order++)
	for (int num = ABSENT; num <= 1; num += 2)
	for (int names = 0; names < 4; names++) {
		struct pvb_keys k = { 0 };
		struct pvb_blk_terms t;
		enum pvb_why why;

		put(&k, "event-channel", 1);
		put(&k, "ring-page-order", order);
		put(&k, "num-ring-pages", num);
		put(&k, "ring-ref", names & 1 ? 50 : ABSENT);
		put(&k, "ring-ref0", names & 2 ? 60 : ABSENT);
		why = pvb_blk_terms_get(&k, &own, PVB_ABI_X86_64, &t, NULL);
		assert_int_equal(why, names == 0 ? PVB_WHY_KEY_MISSING
						 : PVB_OK);
		if (why == PVB_OK)
			assert_int_equal(t.queue[0].ring_ref[0],
					 names & 1 ? 50 : 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_front_takes_what_every_node_allows),
		cmocka_unit_test(a_front_stays_within_its_own_means),
		cmocka_unit_test(what_a_front_says_is_understood_by_any_node),
		cmocka_unit_test(a_back_takes_what_all_nodes_agree_on),
		cmocka_unit_test(one_page_by_either_name),
	};

	return cmocka_run_group_tests_name("blkneg_ring", tests, NULL, NULL);
}
