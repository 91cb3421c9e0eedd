/* SPDX-License-Identifier: MIT */
/* test_blkneg_terms.c - what a front publishes, read back by a back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blkneg.h"

static const struct pvb_blk_limits own = {
	.ring_order_max = 3, .queues_max = 4, .indirect_max = 256,
};

/* Up to so many nodes, as text; a NULL name ends them. */
struct pair { const char *name, *value; };
enum { PAIRS = 8 };

static void fill(struct pvb_keys *k, const struct pair pairs[PAIRS])
{
	memset(k, 0, sizeof(*k));
	for (int i = 0; i < PAIRS && pairs[i].name; i++)
		assert_int_equal(pvb_keys_put_text(k, pairs[i].name,
						   pairs[i].value), 0);
}

static enum pvb_why get(const struct pair pairs[PAIRS], struct pvb_blk_terms *t,
                        const char **bad)
{
	static struct pvb_keys k;       /* *bad may point into it */

	fill(&k, pairs);
	return pvb_blk_terms_get(&k, &own, PVB_ABI_X86_32, t, bad);
}

static void make_terms(struct pvb_blk_terms *t, uint8_t order, uint16_t queues)
{
	memset(t, 0, sizeof(*t));
	t->abi = PVB_ABI_X86_64;
	t->abi_given = true;
	t->ring_order = order;
	t->queues = queues;
	t->persistent = true;
	t->indirect_max = own.indirect_max;
	for (uint32_t q = 0; q < queues; q++) {
		t->queue[q].port = 100 + q;
		for (uint32_t p = 0; p < 1U << order; p++)
			t->queue[q].ring_ref[p] = UINT32_MAX - (q * 16 + p);
	}
}

static void assert_same(const struct pvb_blk_terms *a,
                        const struct pvb_blk_terms *b)
{
	assert_int_equal(a->abi, b->abi);
	assert_int_equal(a->abi_given, b->abi_given);
	assert_int_equal(a->ring_order, b->ring_order);
	assert_int_equal(a->queues, b->queues);
	assert_int_equal(a->indirect_max, b->indirect_max);
	assert_int_equal(a->persistent, b->persistent);
	assert_memory_equal(a->queue, b->queue, sizeof(a->queue));
}

static bool is_listed(const char *name, uint32_t queues)
{
	const char *below;

	for (int i = 0; pvb_blk_terms_names[i]; i++)
		if (strcmp(pvb_blk_terms_names[i], name) == 0)
			return true;
	for (uint32_t i = 0; (below = pvb_blk_terms_queue_name(queues, i));
	     i++)
		if (strcmp(below, name) == 0)
			return true;
	return false;
}

static void terms_come_back_from_their_keys(void **state)
{
	static const struct pvb_blk_limits most = {
		.ring_order_max = PVB_RING_ORDER_MAX,
		.queues_max = PVB_BLK_QUEUES_MAX, .indirect_max = 256,
	};

	(void)state;
	for (uint8_t order = 0; order <= PVB_RING_ORDER_MAX; order++) {
		for (uint16_t queues = 1; queues <= PVB_BLK_QUEUES_MAX;
		     queues++) {
			struct pvb_blk_terms t, back;
			struct pvb_keys k = { 0 };

			make_terms(&t, order, queues);
			assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
			assert_int_equal(pvb_blk_terms_get(&k, &most,
							   PVB_ABI_ARM, &back,
							   NULL), PVB_OK);
			assert_same(&back, &t);
			for (uint32_t i = 0; i < k.count; i++)
				assert_true(is_listed(
					k.bytes + k.key[i].name_at, queues));
		}
	}
}

static void one_page_says_no_size(void **state)
{
	struct pvb_keys k = { 0 };
	struct pvb_blk_terms t;

	(void)state;
	make_terms(&t, 0, 1);
	assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
	assert_false(pvb_keys_has(&k, "ring-page-order"));
	assert_false(pvb_keys_has(&k, "num-ring-pages"));
	assert_false(pvb_keys_has(&k, "multi-queue-num-queues"));
	assert_string_equal(pvb_keys_text(&k, "ring-ref"), "4294967295");
	assert_false(pvb_keys_has(&k, "ring-ref0"));
	assert_string_equal(pvb_keys_text(&k, "event-channel"), "100");
	assert_string_equal(pvb_keys_text(&k, "protocol"), "x86_64-abi");
}

static void more_pages_say_it_both_ways(void **state)
{
	struct pvb_keys k = { 0 };
	struct pvb_blk_terms t;

	(void)state;
	make_terms(&t, 2, 1);
	assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
	assert_string_equal(pvb_keys_text(&k, "ring-page-order"), "2");
	assert_string_equal(pvb_keys_text(&k, "num-ring-pages"), "4");
	assert_string_equal(pvb_keys_text(&k, "ring-pages"), "4");
	assert_false(pvb_keys_has(&k, "ring-ref"));
	assert_string_equal(pvb_keys_text(&k, "ring-ref3"), "4294967292");
	assert_false(pvb_keys_has(&k, "ring-ref4"));
}

static void several_queues_have_nothing_at_the_top(void **state)
{
	struct pvb_keys k = { 0 };
	struct pvb_blk_terms t;

	(void)state;
	make_terms(&t, 1, 2);
	assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
	assert_string_equal(pvb_keys_text(&k, "multi-queue-num-queues"), "2");
	assert_false(pvb_keys_has(&k, "event-channel"));
	assert_false(pvb_keys_has(&k, "ring-ref0"));
	assert_string_equal(pvb_keys_text(&k, "ring-page-order"), "1");
	assert_string_equal(pvb_keys_text(&k, "queue-0/event-channel"), "100");
	assert_string_equal(pvb_keys_text(&k, "queue-1/event-channel"), "101");
	assert_string_equal(pvb_keys_text(&k, "queue-1/ring-ref1"),
			    "4294967278");
}

static void every_dialect_of_ring_sizes_is_read(void **state)
{
	static const struct { struct pair pairs[PAIRS]; uint8_t order; }
	cases[] = {
		{ { { "event-channel", "1" }, { "ring-ref", "8" } }, 0 },
		/* order 0 in so many words, by either name */
		{ { { "event-channel", "1" }, { "ring-ref", "8" },
		    { "ring-page-order", "0" } }, 0 },
		{ { { "event-channel", "1" }, { "ring-ref0", "8" },
		    { "ring-page-order", "0" } }, 0 },
		{ { { "event-channel", "1" }, { "ring-ref0", "8" } }, 0 },
		{ { { "event-channel", "1" }, { "ring-ref0", "8" },
		    { "ring-ref1", "9" }, { "ring-page-order", "1" } }, 1 },
		{ { { "event-channel", "1" }, { "ring-ref0", "8" },
		    { "ring-ref1", "9" }, { "num-ring-pages", "2" } }, 1 },
		{ { { "event-channel", "1" }, { "ring-ref0", "8" },
		    { "ring-ref1", "9" }, { "ring-pages", "2" } }, 1 },
		{ { { "event-channel", "1" }, { "ring-ref0", "8" },
		    { "ring-ref1", "9" }, { "ring-page-order", "1" },
		    { "num-ring-pages", "2" }, { "ring-pages", "2" } }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvb_blk_terms t;

		assert_int_equal(get(cases[i].pairs, &t, NULL), PVB_OK);
		assert_int_equal(t.ring_order, cases[i].order);
		assert_int_equal(t.queue[0].ring_ref[0], 8);
		assert_int_equal(t.queue[0].port, 1);
	}
}

static void ring_ref_goes_before_ring_ref0(void **state)
{
	static const struct pair pairs[PAIRS] = {
		{ "event-channel", "1" }, { "ring-ref0", "9" },
		{ "ring-ref", "8" },
	};
	struct pvb_blk_terms t;

	(void)state;
	assert_int_equal(get(pairs, &t, NULL), PVB_OK);
	assert_int_equal(t.queue[0].ring_ref[0], 8);
}

/* As FreeBSD up to 9.0 has it; what others call the first page comes first. */
static void the_first_of_several_pages_may_be_in_ring_ref(void **state)
{
	struct pair pairs[PAIRS] = {
		{ "event-channel", "1" }, { "ring-pages", "2" },
		{ "ring-ref", "8" }, { "ring-ref1", "7" }, { "ring-ref0", "9" },
	};
	struct pvb_blk_terms t;
	const char *bad;

	(void)state;
	assert_int_equal(get(pairs, &t, NULL), PVB_OK);
	assert_int_equal(t.queue[0].ring_ref[0], 9);
	pairs[4].name = NULL;
	assert_int_equal(get(pairs, &t, NULL), PVB_OK);
	assert_int_equal(t.queue[0].ring_ref[0], 8);
	assert_int_equal(t.queue[0].ring_ref[1], 7);
	pairs[3].name = NULL;
	assert_int_equal(get(pairs, &t, &bad), PVB_WHY_KEY_MISSING);
	assert_string_equal(bad, "ring-ref1");
	pairs[2] = pairs[3] = (struct pair){ NULL, NULL };
	assert_int_equal(get(pairs, &t, &bad), PVB_WHY_KEY_MISSING);
	assert_string_equal(bad, "ring-ref0");
}

static void one_queue_in_so_many_words_stands_at_the_top(void **state)
{
	static const struct pair pairs[PAIRS] = {
		{ "event-channel", "1" }, { "ring-ref", "8" },
		{ "multi-queue-num-queues", "1" },
	};
	struct pvb_blk_terms t;

	(void)state;
	assert_int_equal(get(pairs, &t, NULL), PVB_OK);
	assert_int_equal(t.queues, 1);
}

static void protocol_names_the_layout(void **state)
{
	static const struct { const char *name; enum pvb_abi abi; } abis[] = {
		{ "x86_32-abi", PVB_ABI_X86_32 },
		{ "x86_64-abi", PVB_ABI_X86_64 }, { "arm-abi", PVB_ABI_ARM },
	};
	struct pvb_blk_terms t;

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct pair pairs[PAIRS] = {
			{ "event-channel", "1" }, { "ring-ref", "8" },
			{ "protocol", abis[i].name },
		};

		assert_int_equal(get(pairs, &t, NULL), PVB_OK);
		assert_int_equal(t.abi, abis[i].abi);
		assert_true(t.abi_given);
	}
}

static void no_protocol_means_what_the_caller_says(void **state)
{
	static const struct pair pairs[PAIRS] = {
		{ "event-channel", "1" }, { "ring-ref", "8" },
	};
	struct pvb_blk_terms t;

	(void)state;
	assert_int_equal(get(pairs, &t, NULL), PVB_OK);
	assert_int_equal(t.abi, PVB_ABI_X86_32);
	assert_false(t.abi_given);
	assert_false(t.persistent);
	assert_int_equal(t.indirect_max, own.indirect_max);
}

static void an_unknown_protocol_is_refused(void **state)
{
	static const char *const names[] = {
		"X86_64-abi", "x86_64", "x86_64-abi ", "x86_64-abi\n",
		"native", "", "arm",
	};
	const char *bad;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct pair pairs[PAIRS] = {
			{ "event-channel", "1" }, { "ring-ref", "8" },
			{ "protocol", names[i] },
		};
		struct pvb_blk_terms t;

		assert_int_equal(get(pairs, &t, &bad), PVB_WHY_ABI_UNKNOWN);
		assert_string_equal(bad, "protocol");
	}
}

struct refusal {
	struct pair pairs[PAIRS];       /* besides what one page needs */
	enum pvb_why why;
	const char *bad;
};

static const struct refusal refusals[] = {
	/* Sizes of the ring: own limit is order 3. */
	{ { { "ring-page-order", "4" } }, PVB_WHY_KEY_LIMIT,
	  "ring-page-order" },
	{ { { "ring-page-order", "31" } }, PVB_WHY_KEY_LIMIT,
	  "ring-page-order" },
	{ { { "ring-page-order", "64" } }, PVB_WHY_KEY_LIMIT,
	  "ring-page-order" },
	{ { { "ring-page-order", "4294967296" } }, PVB_WHY_KEY_LIMIT,
	  "ring-page-order" },
	{ { { "ring-page-order", "-1" } }, PVB_WHY_KEY_SYNTAX,
	  "ring-page-order" },
	{ { { "num-ring-pages", "16" } }, PVB_WHY_KEY_LIMIT,
	  "num-ring-pages" },
	{ { { "num-ring-pages", "2147483648" } }, PVB_WHY_KEY_LIMIT,
	  "num-ring-pages" },
	{ { { "num-ring-pages", "3" } }, PVB_WHY_KEY_SYNTAX,
	  "num-ring-pages" },
	{ { { "num-ring-pages", "0" } }, PVB_WHY_KEY_SYNTAX,
	  "num-ring-pages" },
	{ { { "ring-pages", "6" } }, PVB_WHY_KEY_SYNTAX, "ring-pages" },
	{ { { "ring-page-order", "1" }, { "num-ring-pages", "4" } },
	  PVB_WHY_KEY_CONFLICT, "num-ring-pages" },
	{ { { "num-ring-pages", "2" }, { "ring-pages", "4" } },
	  PVB_WHY_KEY_CONFLICT, "ring-pages" },
	{ { { "ring-page-order", "0" }, { "ring-pages", "2" } },
	  PVB_WHY_KEY_CONFLICT, "ring-pages" },
	{ { { "ring-page-order", "1" }, { "ring-ref0", "5" } },
	  PVB_WHY_KEY_MISSING, "ring-ref1" },
	/* Queues: own limit is 4. */
	{ { { "multi-queue-num-queues", "0" } }, PVB_WHY_KEY_LIMIT,
	  "multi-queue-num-queues" },
	{ { { "multi-queue-num-queues", "5" } }, PVB_WHY_KEY_LIMIT,
	  "multi-queue-num-queues" },
	{ { { "multi-queue-num-queues", "4294967295" } }, PVB_WHY_KEY_LIMIT,
	  "multi-queue-num-queues" },
	{ { { "multi-queue-num-queues", "two" } }, PVB_WHY_KEY_SYNTAX,
	  "multi-queue-num-queues" },
	{ { { "multi-queue-num-queues", "2" } }, PVB_WHY_KEY_MISSING,
	  "queue-0/event-channel" },
	{ { { "multi-queue-num-queues", "2" },
	    { "queue-0/event-channel", "1" } }, PVB_WHY_KEY_MISSING,
	  "queue-0/ring-ref" },
	{ { { "multi-queue-num-queues", "2" }, { "ring-page-order", "1" },
	    { "queue-0/event-channel", "1" }, { "queue-0/ring-ref0", "2" } },
	  PVB_WHY_KEY_MISSING, "queue-0/ring-ref1" },
	{ { { "multi-queue-num-queues", "2" },
	    { "queue-0/event-channel", "1" }, { "queue-0/ring-ref", "2" },
	    { "queue-1/event-channel", "3" }, { "queue-1/ring-ref", "x" } },
	  PVB_WHY_KEY_SYNTAX, "queue-1/ring-ref" },
	{ { { "feature-persistent", "yes" } }, PVB_WHY_KEY_SYNTAX,
	  "feature-persistent" },
};

static void bad_terms_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct pair pairs[PAIRS] = {
			{ "event-channel", "1" }, { "ring-ref", "8" },
		};
		struct pvb_blk_terms t, before;
		const char *bad = NULL;
		enum pvb_why why;

		for (int n = 0; n < PAIRS - 2; n++)
			pairs[n + 2] = refusals[i].pairs[n];
		memset(&t, 0x55, sizeof(t));
		before = t;
		why = get(pairs, &t, &bad);
		if (why != refusals[i].why)
			fail_msg("case %zu: %s", i, pvb_why_name(why));
		assert_string_equal(bad, refusals[i].bad);
		assert_memory_equal(&t, &before, sizeof(t));
	}
}

static void ring_references_and_ports_must_be_there(void **state)
{
	static const struct refusal cases[] = {
		{ { { NULL, NULL } }, PVB_WHY_KEY_MISSING, "event-channel" },
		{ { { "event-channel", "1" } }, PVB_WHY_KEY_MISSING,
		  "ring-ref" },
		{ { { "ring-ref", "1" } }, PVB_WHY_KEY_MISSING,
		  "event-channel" },
		{ { { "event-channel", "4294967296" }, { "ring-ref", "1" } },
		  PVB_WHY_KEY_LIMIT, "event-channel" },
		{ { { "event-channel", "1" }, { "ring-ref", "" } },
		  PVB_WHY_KEY_SYNTAX, "ring-ref" },
		{ { { "event-channel", "1" }, { "ring-ref", "-8" } },
		  PVB_WHY_KEY_SYNTAX, "ring-ref" },
		{ { { "event-channel", "1" }, { "ring-ref", "4294967296" } },
		  PVB_WHY_KEY_LIMIT, "ring-ref" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvb_blk_terms t;
		const char *bad = NULL;

		assert_int_equal(get(cases[i].pairs, &t, &bad), cases[i].why);
		assert_string_equal(bad, cases[i].bad);
	}
}

static void names_below_queues_are_bounded(void **state)
{
	uint32_t n = 0, top = 0;

	(void)state;
	assert_null(pvb_blk_terms_queue_name(0, 0));
	assert_null(pvb_blk_terms_queue_name(1, 0));
	while (pvb_blk_terms_queue_name(UINT32_MAX, n))
		n++;
	while (pvb_blk_terms_names[top])
		top++;
	/* All that a front can write fits in one set. */
	assert_true(n > 0 && n + top <= PVB_KEYS_MAX);
	assert_string_equal(pvb_blk_terms_queue_name(2, 0),
			    "queue-0/event-channel");
	assert_null(pvb_blk_terms_queue_name(2, UINT32_MAX));
}

static void the_same_connection_is_known_again(void **state)
{
	struct pvb_blk_terms a, b;

	(void)state;
	make_terms(&a, 1, 2);
	b = a;
	b.persistent = false;
	b.indirect_max = 0;
	b.queue[0].ring_ref[2] = 5;     /* beyond its pages */
	b.queue[2].port = 5;            /* beyond its queues */
	assert_true(pvb_blk_terms_same(&a, &b));
	b = a;
	b.queue[1].ring_ref[1]++;
	assert_false(pvb_blk_terms_same(&a, &b));
	b = a;
	b.queue[1].port++;
	assert_false(pvb_blk_terms_same(&a, &b));
	b = a;
	b.queues = 1;
	assert_false(pvb_blk_terms_same(&a, &b));
	b = a;
	b.ring_order = 0;
	assert_false(pvb_blk_terms_same(&a, &b));
	b = a;
	b.abi = PVB_ABI_X86_32;
	assert_false(pvb_blk_terms_same(&a, &b));
}

/* ---- sectors that are not 512 bytes -------------------------------------- */

static void who_counts_in_large_sectors_says_so(void **state)
{
	struct pvb_blk_limits l = own;
	struct pvb_blk_offer offer = { .queues_max = 1 };

	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct pvb_keys k = { 0 };
		struct pvb_blk_terms t;
		bool all = u == PVB_BLK_UNITS_ALL;

		l.units = u;
		pvb_blk_terms_choose(&t, &l, &offer);
		assert_int_equal(t.large_sectors, all);
		assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
		/* Not even a no: a front of today does not know the node. */
		assert_int_equal(pvb_keys_has(&k, "feature-large-sector-size"),
				 all);
		assert_int_equal(pvb_blk_terms_get(&k, &own, PVB_ABI_ARM, &t,
						   NULL), PVB_OK);
		assert_int_equal(t.large_sectors, all);
	}
}

static void a_word_on_large_sectors_must_be_one(void **state)
{
	static const struct pair pairs[PAIRS] = {
		{ "ring-ref", "8" }, { "event-channel", "1" },
		{ "feature-large-sector-size", "yes" },
	};
	struct pvb_blk_terms t;
	const char *bad = "";

	(void)state;
	assert_int_equal(get(pairs, &t, &bad), PVB_WHY_KEY_SYNTAX);
	assert_string_equal(bad, "feature-large-sector-size");
}

/* Who would count otherwise than the other end must not begin. */
static void ends_that_count_differently_are_kept_apart(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++)
	for (int large = 0; large < 2; large++) {
		struct pvb_blk_terms t = { .large_sectors = large };
		enum pvb_why why = u == PVB_BLK_UNITS_ALL
			? large ? PVB_OK : PVB_WHY_KEY_MISSING
			: large ? PVB_WHY_KEY_CONFLICT : PVB_OK;
		const char *bad = NULL;

		assert_int_equal(pvb_blk_terms_units(&t, u, 512, &bad),
				 PVB_OK);
		assert_int_equal(pvb_blk_terms_units(&t, u, 4096, &bad), why);
		if (why != PVB_OK)
			assert_string_equal(bad, "feature-large-sector-size");
		assert_int_equal(pvb_blk_terms_units(&t, u, 4096, NULL), why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_come_back_from_their_keys),
		cmocka_unit_test(one_page_says_no_size),
		cmocka_unit_test(more_pages_say_it_both_ways),
		cmocka_unit_test(several_queues_have_nothing_at_the_top),
		cmocka_unit_test(every_dialect_of_ring_sizes_is_read),
		cmocka_unit_test(ring_ref_goes_before_ring_ref0),
		cmocka_unit_test(
			the_first_of_several_pages_may_be_in_ring_ref),
		cmocka_unit_test(one_queue_in_so_many_words_stands_at_the_top),
		cmocka_unit_test(protocol_names_the_layout),
		cmocka_unit_test(no_protocol_means_what_the_caller_says),
		cmocka_unit_test(an_unknown_protocol_is_refused),
		cmocka_unit_test(bad_terms_are_refused_by_name),
		cmocka_unit_test(ring_references_and_ports_must_be_there),
		cmocka_unit_test(names_below_queues_are_bounded),
		cmocka_unit_test(the_same_connection_is_known_again),
		cmocka_unit_test(who_counts_in_large_sectors_says_so),
		cmocka_unit_test(a_word_on_large_sectors_must_be_one),
		cmocka_unit_test(ends_that_count_differently_are_kept_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
