/* SPDX-License-Identifier: MIT */
/*
 * A front that rewrites its slots and lists while the back reads them
 * (XSA-155): every request is still answered once, and what was checked is
 * what is used.  Worth running under AddressSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liar_front.h"

enum { ROUNDS = 30000, LIST_PAGE = 1, SEGS = 64, BLOCK_SEGS = 25 };

struct attack {
	struct liar_front l;
	pthread_t thread;
	atomic_bool stop;
	void (*rewrite)(struct attack *a, uint64_t n);
	unsigned char good_slot[PVB_BLK_SLOT_MAX];
};

/* A count that takes two slots either way, and what is in the second. */
static void rewrite_blocks(struct attack *a, uint64_t n)
{
	volatile unsigned char *ring = a->l.ring_page;
	uint32_t slot = (uint32_t)(n % a->l.ring.size);
	volatile unsigned char *at = ring + PVB_RING_HEADER_BYTES +
	                             slot * a->l.ring.slot_bytes;
	bool good = n / 1024 % 2 || n % 5 == 0;

	/* Slots of both kinds alternate. */
	if (slot % 2 == 0) {
		at[1] = good ? BLOCK_SEGS : 12 + n % (BLOCK_SEGS - 11);
	} else {
		at[8 * (n % 14) + 5] = good ? 7 : (unsigned char)n;
		at[8 * (n % 14) + 3] = good ? 0 : 0xff;
	}
}

/* Flip between what is legal and what would be deadly if it were used. */
static void rewrite(struct attack *a, uint64_t n)
{
	volatile unsigned char *ring = a->l.ring_page;
	volatile unsigned char *list = a->l.page +
	                               LIST_PAGE * PVB_MEM_PAGE_BYTES;
	uint32_t slot = (uint32_t)(n % a->l.ring.size);
	volatile unsigned char *at = ring + PVB_RING_HEADER_BYTES +
	                             slot * a->l.ring.slot_bytes;
	volatile unsigned char *seg = list + n % SEGS * 8;
	/* Long enough for all of them to be repaired now and then. */
	bool good = n / 1024 % 2 || n % 5 == 0;

	at[0] = good ? a->good_slot[0] : (unsigned char)n;
	at[1] = good ? a->good_slot[1] : 0xff;
	at[2] = good ? a->good_slot[2] : 0xff;
	at[3] = good ? a->good_slot[3] : 0xff;
	seg[4] = good ? 0 : 7;                  /* first */
	seg[5] = good ? 7 : (unsigned char)n;   /* last */
	seg[3] = good ? 0 : 0xff;               /* top of the reference */
}

static void *attacker(void *arg)
{
	struct attack *a = arg;

	for (uint64_t n = 0; !atomic_load_explicit(&a->stop,
	                                           memory_order_relaxed); n++)
		a->rewrite(a, n);
	return NULL;
}

static void run(const struct pair_options *o)
{
	struct attack *a = calloc(1, sizeof(*a));
	struct pvb_blk_req r;
	uint64_t okay = 0;

	liar_front_init(&a->l, o, PVB_ABI_X86_64);
	r = liar_read(&a->l);
	r.indirect = true;
	r.nr_segs = SEGS;
	r.indirect_gref[0] = a->l.gref[LIST_PAGE];
	for (int i = 0; i < SEGS; i++)
		r.seg[i] = (struct pvb_seg){ a->l.gref[4], 0, 7 };
	liar_write_list(&a->l, LIST_PAGE, &r);
	pvb_blk_req_encode(a->good_slot, a->l.abi, &r);
	a->rewrite = rewrite;
	assert_int_equal(pthread_create(&a->thread, NULL, attacker, a), 0);
	for (int i = 0; i < ROUNDS; i++) {
		liar_send_raw(&a->l, a->good_slot);
		okay += liar_answer(&a->l).status == PVB_BLK_OKAY;
	}
	atomic_store(&a->stop, true);
	pthread_join(a->thread, NULL);
	/* Both happened, or the race was none. */
	assert_in_range(okay, 1, ROUNDS - 1);
	liar_write_list(&a->l, LIST_PAGE, &r);
	liar_expect_alive(&a->l);
	liar_front_fini(&a->l);
	free(a);
}

static void slots_and_lists_that_change_under_the_back(void **state)
{
	(void)state;
	run(&(struct pair_options){ 0 });
}

static void the_same_where_pages_are_copied(void **state)
{
	(void)state;
	run(&(struct pair_options){ .no_window = true });
}

static void and_where_pages_stay_mapped(void **state)
{
	(void)state;
	run(&(struct pair_options){ .mapped = true });
}

/* Segments that are checked are those that are used, in any block. */
static void blocks_that_change_under_the_back(void **state)
{
	const struct pair_options o = {
		.blocks = { .segs_max = BLOCK_SEGS } };
	struct attack *a = calloc(1, sizeof(*a));
	struct pvb_blk_req r;
	uint64_t okay = 0;

	(void)state;
	liar_front_init(&a->l, &o, PVB_ABI_X86_64);
	r = liar_read(&a->l);
	r.nr_segs = BLOCK_SEGS;
	for (int i = 0; i < BLOCK_SEGS; i++)
		r.seg[i] = (struct pvb_seg){ a->l.gref[4], 0, 7 };
	assert_int_equal(liar_slots(&a->l, &r), 2);
	a->rewrite = rewrite_blocks;
	assert_int_equal(pthread_create(&a->thread, NULL, attacker, a), 0);
	for (int i = 0; i < ROUNDS; i++) {
		liar_send(&a->l, &r);
		okay += liar_answer_of(&a->l, 2).status == PVB_BLK_OKAY;
	}
	atomic_store(&a->stop, true);
	pthread_join(a->thread, NULL);
	assert_in_range(okay, 1, ROUNDS - 1);
	liar_expect(&a->l, &r, PVB_OK, PVB_BLK_OKAY);
	liar_front_fini(&a->l);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_and_lists_that_change_under_the_back),
		cmocka_unit_test(the_same_where_pages_are_copied),
		cmocka_unit_test(and_where_pages_stay_mapped),
		cmocka_unit_test(blocks_that_change_under_the_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
