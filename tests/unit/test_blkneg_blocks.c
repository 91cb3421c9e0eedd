/* SPDX-License-Identifier: MIT */
/*
 * test_blkneg_blocks.c - requests of more than 11 segments: who says what
 * about segment blocks, and who gets them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blkneg.h"

enum { PAIRS = 5, MOST_BYTES = 255 * 4096 };

struct pair { const char *name, *value; };

static void fill(struct pvb_keys *k, const struct pair pairs[PAIRS])
{
	for (int i = 0; i < PAIRS && pairs[i].name; i++)
		assert_int_equal(pvb_keys_put_text(k, pairs[i].name,
						   pairs[i].value), 0);
}

static void assert_blocks(const struct pvb_blk_blocks *b, uint32_t segs,
			  uint32_t requests, uint32_t bytes)
{
	assert_int_equal(b->segs_max, segs);
	assert_int_equal(b->requests_max, requests);
	assert_int_equal(b->bytes_max, bytes);
}

/* ---- the offer ----------------------------------------------------------- */

static void a_back_offers_blocks_only_if_told(void **state)
{
	struct pvb_blk_limits l;
	struct pvb_keys without = { 0 }, with = { 0 };

	(void)state;
	pvb_blk_limits_back_default(&l, 1);
	assert_false(l.segment_blocks);
	assert_int_equal(pvb_blk_offer_put(&without, &l), 0);
	/* Said in so many words: another offer may have stood there. */
	assert_string_equal(pvb_keys_text(&without, "max-request-segments"),
			    "11");
	assert_false(pvb_keys_has(&without, "max-requests"));
	assert_false(pvb_keys_has(&without, "max-request-size"));
	l.segment_blocks = true;
	l.ring_order_max = 3;
	assert_int_equal(pvb_blk_offer_put(&with, &l), 0);
	assert_string_equal(pvb_keys_text(&with, "max-request-segments"),
			    "255");
	assert_string_equal(pvb_keys_text(&with, "max-requests"), "256");
	assert_string_equal(pvb_keys_text(&with, "max-request-size"),
			    "1044480");
	/* The front decides. */
	assert_string_equal(pvb_keys_text(&with,
		"feature-max-indirect-segments"), "256");
}

static void every_offer_of_blocks_is_read(void **state)
{
	static const struct {
		struct pair pairs[PAIRS];
		uint32_t segs, requests, bytes;
	} t[] = {
		{ { { NULL, NULL } }, 0, 0, 0 },
		{ { { "max-request-segments", "1" } }, 0, 0, 0 },
		{ { { "max-request-segments", "11" } }, 0, 0, 0 },
		/* Without blocks the others mean nothing, legal or not. */
		{ { { "max-requests", "64" } }, 0, 0, 0 },
		{ { { "max-request-segments", "11" }, { "max-requests", "0" },
		    { "max-request-size", "many" } }, 0, 0, 0 },
		/* The smaller of the field's two defaults. */
		{ { { "max-request-segments", "12" } }, 12, 32, 11 * 4096 },
		{ { { "max-request-segments", "255" },
		    { "max-requests", "512" } }, 255, 512, 11 * 4096 },
		{ { { "max-request-segments", "33" },
		    { "max-request-size", "131072" } }, 33, 32, 131072 },
		{ { { "max-request-segments", "255" }, { "max-requests", "1" },
		    { "max-request-size", "4096" } }, 255, 1, 4096 },
		/* More than the field can express is capped. */
		{ { { "max-request-segments", "256" },
		    { "max-request-size", "1048576" } }, 255, 32, MOST_BYTES },
		{ { { "max-request-segments", "4294967295" },
		    { "max-requests", "4294967295" },
		    { "max-request-size", "4294967295" } },
		  255, UINT32_MAX, MOST_BYTES },
		{ { { "max-request-segments", "20" },
		    { "max-request-size", "1044480" } }, 20, 32, 20 * 4096 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pvb_keys k = { 0 };
		struct pvb_blk_offer o;

		fill(&k, t[i].pairs);
		assert_int_equal(pvb_blk_offer_get(&k, &o, NULL), PVB_OK);
		assert_blocks(&o.blocks, t[i].segs, t[i].requests, t[i].bytes);
	}
}

static void what_is_no_offer_of_blocks_is_refused(void **state)
{
	static const struct {
		struct pair pairs[PAIRS];
		enum pvb_why why;
		const char *bad;
	} t[] = {
		{ { { "max-request-segments", "0" } }, PVB_WHY_KEY_LIMIT,
		  "max-request-segments" },
		{ { { "max-request-segments", "-1" } }, PVB_WHY_KEY_SYNTAX,
		  "max-request-segments" },
		{ { { "max-request-segments", "4294967296" } },
		  PVB_WHY_KEY_LIMIT, "max-request-segments" },
		{ { { "max-request-segments", "12" }, { "max-requests", "0" } },
		  PVB_WHY_KEY_LIMIT, "max-requests" },
		{ { { "max-request-segments", "12" },
		    { "max-requests", "x" } },
		  PVB_WHY_KEY_SYNTAX, "max-requests" },
		{ { { "max-request-segments", "12" },
		    { "max-request-size", "4095" } },
		  PVB_WHY_KEY_LIMIT, "max-request-size" },
		{ { { "max-request-segments", "12" },
		    { "max-request-size", "1M" } },
		  PVB_WHY_KEY_SYNTAX, "max-request-size" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pvb_keys k = { 0 };
		struct pvb_blk_offer o;
		const char *bad = NULL;

		fill(&k, t[i].pairs);
		assert_int_equal(pvb_blk_offer_get(&k, &o, &bad), t[i].why);
		assert_string_equal(bad, t[i].bad);
	}
}

/* ---- the choice ---------------------------------------------------------- */

/* Each end with and without each of the two. */
static void a_front_chooses_one_of_both(void **state)
{
	(void)state;
	for (int bits = 0; bits < 16; bits++) {
		bool indirect = (bits & 1) && (bits & 2);
		bool blocks = (bits & 4) && (bits & 8) && !indirect;
		struct pvb_blk_limits own = {
			.ring_order_max = 2, .queues_max = 1,
			.indirect_max = bits & 1 ? 32 : 0,
			.segment_blocks = bits & 4,
		};
		struct pvb_blk_offer o = {
			.ring_order_max = 4, .queues_max = 1,
			.indirect_max = bits & 2 ? 256 : 0,
		};
		struct pvb_keys k = { 0 };
		struct pvb_blk_terms t;

		if (bits & 8)
			o.blocks = (struct pvb_blk_blocks){ 255, 512,
							    MOST_BYTES };
		pvb_blk_terms_choose(&t, &own, &o);
		assert_int_equal(t.indirect_max, indirect ? 32 : 0);
		/* As many requests as its own ring of four pages holds. */
		assert_blocks(&t.blocks, blocks ? 255 : 0, blocks ? 128 : 0,
			      blocks ? MOST_BYTES : 0);
		assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
		assert_int_equal(pvb_keys_has(&k, "max-request-segments"),
				 blocks);
		assert_int_equal(pvb_keys_has(&k, "max-requests"), blocks);
		assert_int_equal(pvb_keys_has(&k, "max-request-size"), blocks);
	}
}

/* What indirect requests would not gain, blocks may. */
static void few_indirect_segments_leave_room_for_blocks(void **state)
{
	static const struct pvb_blk_limits own = {
		.queues_max = 1, .indirect_max = 32, .segment_blocks = true,
	};
	struct pvb_blk_offer o = {
		.queues_max = 1, .indirect_max = 11, .blocks = { 40, 8, 9999 },
	};
	struct pvb_blk_terms t;

	(void)state;
	pvb_blk_terms_choose(&t, &own, &o);
	assert_int_equal(t.indirect_max, 0);
	/* What it says is what it can fill: whole pages. */
	assert_blocks(&t.blocks, 40, 8, 8192);
	o.indirect_max = 12;
	pvb_blk_terms_choose(&t, &own, &o);
	assert_int_equal(t.indirect_max, 12);
	assert_blocks(&t.blocks, 0, 0, 0);
}

/* ---- the terms ----------------------------------------------------------- */

static enum pvb_why terms_of(const struct pair pairs[PAIRS], bool blocks,
			     uint8_t order, struct pvb_blk_terms *t,
			     const char **bad)
{
	static struct pvb_keys k;       /* *bad may point into it */
	const struct pvb_blk_limits own = {
		.ring_order_max = 2, .queues_max = 1, .indirect_max = 256,
		.segment_blocks = blocks,
	};

	memset(&k, 0, sizeof(k));
	assert_int_equal(pvb_keys_put_u64(&k, "event-channel", 1), 0);
	assert_int_equal(pvb_keys_put_u64(&k, "ring-ref0", 8), 0);
	assert_int_equal(pvb_keys_put_u64(&k, "ring-ref1", 9), 0);
	assert_int_equal(pvb_keys_put_u64(&k, "ring-page-order", order), 0);
	fill(&k, pairs);
	return pvb_blk_terms_get(&k, &own, PVB_ABI_X86_64, t, bad);
}

static void a_front_that_says_blocks_has_no_indirect_requests(void **state)
{
	static const struct {
		struct pair pairs[PAIRS];
		uint8_t order;
		uint32_t segs, requests, bytes;
	} t[] = {
		{ { { NULL, NULL } }, 0, 0, 0, 0 },
		{ { { "max-request-segments", "11" } }, 0, 0, 0, 0 },
		/* What a front of 2012 says that was offered nothing. */
		{ { { "max-request-segments", "11" }, { "max-requests", "32" },
		    { "max-request-size", "40960" } }, 0, 0, 0, 0 },
		{ { { "max-request-segments", "12" } }, 0, 12, 32, 12 * 4096 },
		{ { { "max-request-segments", "255" } }, 1, 255, 64,
		  MOST_BYTES },
		{ { { "max-request-segments", "33" }, { "max-requests", "10" },
		    { "max-request-size", "131072" } }, 0, 33, 10, 131072 },
		/* More than its ring can hold, but no more than we said. */
		{ { { "max-request-segments", "33" },
		    { "max-requests", "128" } }, 0, 33, 32, 33 * 4096 },
		/* More than its segments can hold: likewise. */
		{ { { "max-request-segments", "20" },
		    { "max-request-size", "1044480" } }, 0, 20, 32, 20 * 4096 },
		{ { { "max-request-segments", "20" },
		    { "max-request-size", "5000" } }, 0, 20, 32, 5000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pvb_blk_terms got;

		assert_int_equal(terms_of(t[i].pairs, true, t[i].order, &got,
					  NULL), PVB_OK);
		assert_blocks(&got.blocks, t[i].segs, t[i].requests,
			      t[i].bytes);
		assert_int_equal(got.indirect_max, t[i].segs ? 0 : 256);
	}
}

static void blocks_that_were_not_offered_are_refused(void **state)
{
	static const struct {
		struct pair pairs[PAIRS];
		bool offered;
		enum pvb_why why;
		const char *bad;
	} t[] = {
		{ { { "max-request-segments", "12" } }, false,
		  PVB_WHY_KEY_LIMIT, "max-request-segments" },
		{ { { "max-request-segments", "255" } }, false,
		  PVB_WHY_KEY_LIMIT, "max-request-segments" },
		{ { { "max-request-segments", "256" } }, true,
		  PVB_WHY_KEY_LIMIT, "max-request-segments" },
		{ { { "max-request-segments", "0" } }, true,
		  PVB_WHY_KEY_LIMIT, "max-request-segments" },
		{ { { "max-request-segments", "" } }, false,
		  PVB_WHY_KEY_SYNTAX, "max-request-segments" },
		/* We said 128: a ring of four pages. */
		{ { { "max-request-segments", "12" },
		    { "max-requests", "129" } }, true,
		  PVB_WHY_KEY_LIMIT, "max-requests" },
		{ { { "max-request-segments", "12" }, { "max-requests", "0" } },
		  true, PVB_WHY_KEY_LIMIT, "max-requests" },
		{ { { "max-request-segments", "12" },
		    { "max-request-size", "1044481" } }, true,
		  PVB_WHY_KEY_LIMIT, "max-request-size" },
		{ { { "max-request-segments", "12" },
		    { "max-request-size", "512" } }, true,
		  PVB_WHY_KEY_LIMIT, "max-request-size" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pvb_blk_terms got;
		const char *bad = NULL;

		assert_int_equal(terms_of(t[i].pairs, t[i].offered, 0, &got,
					  &bad), t[i].why);
		assert_string_equal(bad, t[i].bad);
	}
}

static void what_was_chosen_is_what_is_taken(void **state)
{
	struct pvb_blk_limits back, front;
	uint32_t large = 0;

	(void)state;
	pvb_blk_limits_back_default(&back, 1);
	pvb_blk_limits_front_default(&front);
	for (int bits = 0; bits < 32; bits++) {
		struct pvb_keys offer = { 0 }, terms = { 0 };
		struct pvb_blk_terms chosen, taken;
		struct pvb_blk_offer o;

		back.segment_blocks = bits & 1;
		back.indirect_max = bits & 2 ? 256 : 0;
		front.segment_blocks = bits & 4;
		front.indirect_max = bits & 8 ? 32 : 0;
		front.ring_order_max = bits & 16 ? 4 : 0;
		assert_int_equal(pvb_blk_offer_put(&offer, &back), 0);
		assert_int_equal(pvb_blk_offer_get(&offer, &o, NULL), PVB_OK);
		pvb_blk_terms_choose(&chosen, &front, &o);
		assert_int_equal(pvb_blk_terms_put(&terms, &chosen), 0);
		assert_int_equal(pvb_blk_terms_get(&terms, &back,
			PVB_ABI_X86_32, &taken, NULL), PVB_OK);
		assert_blocks(&taken.blocks, chosen.blocks.segs_max,
			      chosen.blocks.requests_max,
			      chosen.blocks.bytes_max);
		assert_true(chosen.indirect_max <= taken.indirect_max);
		large += chosen.blocks.segs_max > 0;
	}
	assert_int_equal(large, 6);     /* 3 without indirect, by 2 rings */
}

static void a_layout_that_is_not_ours(void **state)
{
	struct pvb_blk_limits own = { .queues_max = 1 };
	const struct pvb_blk_offer o = { .queues_max = 1 };
	struct pvb_blk_terms t;

	(void)state;
	pvb_blk_terms_choose(&t, &own, &o);
	assert_int_equal(t.abi, pvb_abi_native());
	own.abi_given = true;
	for (int abi = 0; abi < PVB_ABI_COUNT; abi++) {
		struct pvb_keys k = { 0 };

		own.abi = (enum pvb_abi)abi;
		pvb_blk_terms_choose(&t, &own, &o);
		assert_int_equal(pvb_blk_terms_put(&k, &t), 0);
		assert_string_equal(pvb_keys_text(&k, "protocol"),
				    pvb_abi_name((enum pvb_abi)abi));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_back_offers_blocks_only_if_told),
		cmocka_unit_test(every_offer_of_blocks_is_read),
		cmocka_unit_test(what_is_no_offer_of_blocks_is_refused),
		cmocka_unit_test(a_front_chooses_one_of_both),
		cmocka_unit_test(few_indirect_segments_leave_room_for_blocks),
		cmocka_unit_test(
			a_front_that_says_blocks_has_no_indirect_requests),
		cmocka_unit_test(blocks_that_were_not_offered_are_refused),
		cmocka_unit_test(what_was_chosen_is_what_is_taken),
		cmocka_unit_test(a_layout_that_is_not_ours),
	};

	return cmocka_run_group_tests_name("blkneg_blocks", tests, NULL, NULL);
}
