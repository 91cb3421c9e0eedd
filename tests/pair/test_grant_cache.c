/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flow/grant_cache.h"
#include "mem_direct.h"

enum {
	FRONT = 7, BACK = 0,
	BATCH = PVB_MEM_MAP_MAX, FULL = PVB_GRANT_CACHE_PAGES_MAX,
	PAGES = 4 * FULL,
};

struct scene {
	struct mem_direct *machine;
	struct pvb_mem *front, *back;
	unsigned char *guest;           /* PAGES of the front's */
	uint32_t gref[PAGES];
	unsigned char *closed;          /* one that may only be read */
	uint32_t closed_gref;
	struct pvb_grant_cache c;
};

/* What page i begins with. */
static uint32_t mark_of(uint32_t i)
{
	return i * 2654435761u + 1;
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	void *at, *closed;

	s->machine = mem_direct_create();
	mem_direct_faults(s->machine)->no_window = true;
	mem_direct_faults(s->machine)->views = true;
	s->front = mem_direct_open(s->machine, FRONT);
	s->back = mem_direct_open(s->machine, BACK);
	assert_int_equal(s->front->ops->share(s->front, BACK, PAGES, false,
	                                      &at, s->gref), 0);
	assert_int_equal(s->front->ops->share(s->front, BACK, 1, true, &closed,
	                                      &s->closed_gref), 0);
	s->guest = at;
	s->closed = closed;
	for (uint32_t i = 0; i < PAGES; i++) {
		uint32_t mark = mark_of(i);

		memcpy(s->guest + (size_t)i * 4096, &mark, sizeof(mark));
	}
	assert_int_equal(pvb_grant_cache_init(&s->c, s->back, FRONT), 0);
	*state = s;
	return 0;
}

/* Closing and destroying say whether anything is still mapped. */
static int teardown(void **state)
{
	struct scene *s = *state;

	pvb_grant_cache_fini(&s->c);
	pvb_mem_close(s->back);
	s->front->ops->unshare(s->front, s->guest, PAGES);
	s->front->ops->unshare(s->front, s->closed, 1);
	pvb_mem_close(s->front);
	mem_direct_destroy(s->machine);
	free(s);
	return 0;
}

static struct mem_direct_counts counts(const struct scene *s)
{
	struct mem_direct_counts c;

	mem_direct_counts(s->machine, &c);
	return c;
}

static void want(struct scene *s, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		pvb_grant_cache_want(&s->c, s->gref[i]);
}

static void map(struct scene *s, uint32_t from, uint32_t n)
{
	want(s, from, n);
	pvb_grant_cache_map(&s->c);
}

static bool is_here(struct scene *s, uint32_t i)
{
	unsigned char *page = pvb_grant_cache_use(&s->c, s->gref[i]);
	uint32_t mark = mark_of(i);

	if (!page)
		return false;
	assert_memory_equal(page, &mark, sizeof(mark));
	pvb_grant_cache_unuse(&s->c, s->gref[i]);
	return true;
}

static uint32_t how_many_are_here(struct scene *s, uint32_t from, uint32_t n)
{
	uint32_t here = 0;

	for (uint32_t i = from; i < from + n; i++)
		here += is_here(s, i);
	return here;
}

/* Misses that cost nothing: pages that are never mapped. */
static void pay(struct scene *s)
{
	while (s->c.passes > 0)
		pvb_grant_cache_want(&s->c, 31000);
}

/* ---- mapping ------------------------------------------------------------- */

static void what_a_batch_wants_is_mapped_by_few_calls(void **state)
{
	struct scene *s = *state;

	map(s, 0, 3 * BATCH + 5);
	assert_int_equal(counts(s).maps, 4);
	assert_int_equal(counts(s).mapped, 3 * BATCH + 5);
	assert_int_equal(how_many_are_here(s, 0, 3 * BATCH + 5),
	                 3 * BATCH + 5);
	assert_false(is_here(s, 3 * BATCH + 5));
}

static void a_page_is_mapped_once(void **state)
{
	struct scene *s = *state;

	map(s, 0, 5);
	map(s, 3, 5);
	want(s, 20, 1);
	want(s, 20, 1);
	pvb_grant_cache_map(&s->c);
	map(s, 0, 8);
	assert_int_equal(counts(s).maps, 3);
	assert_int_equal(counts(s).mapped, 9);
	assert_int_equal(s->c.pages, 9);
}

static void a_mapping_is_for_both_ways(void **state)
{
	struct scene *s = *state;
	unsigned char *page;

	map(s, 4, 1);
	page = pvb_grant_cache_use(&s->c, s->gref[4]);
	assert_non_null(page);
	memset(page, 0x5a, 4096);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(s->guest[4 * 4096 + i], 0x5a);
	pvb_grant_cache_unuse(&s->c, s->gref[4]);
}

static void what_was_never_made_holds_nothing(void **state)
{
	struct scene *s = *state;
	struct pvb_grant_cache none = { 0 };

	pvb_grant_cache_want(&none, s->gref[0]);
	pvb_grant_cache_map(&none);
	assert_null(pvb_grant_cache_use(&none, s->gref[0]));
	pvb_grant_cache_trim(&none);
	pvb_grant_cache_fini(&none);
	assert_int_equal(counts(s).maps, 0);
}

/* ---- mappings that fail -------------------------------------------------- */

/* At each place of a batch: a page that may only be read, and one that was
   not granted at all. */
static void one_that_fails_leaves_none_of_its_call(void **state)
{
	struct scene *s = *state;
	const uint32_t bad[2] = { s->closed_gref, 31000 };

	for (uint32_t at = 0; at < 2 * BATCH; at++) {
		want(s, 0, at / 2);
		pvb_grant_cache_want(&s->c, bad[at % 2]);
		want(s, at / 2, BATCH - 1 - at / 2);
		pvb_grant_cache_map(&s->c);
		assert_int_equal(counts(s).maps, at + 1);
		assert_int_equal(counts(s).mapped, 0);
		assert_int_equal(s->c.pages, 0);
		assert_int_equal(how_many_are_here(s, 0, BATCH), 0);
		assert_null(pvb_grant_cache_use(&s->c, bad[at % 2]));
		pvb_grant_cache_fini(&s->c);
		assert_int_equal(pvb_grant_cache_init(&s->c, s->back, FRONT),
		                 0);
	}
}

static void one_that_fails_leaves_what_was_there(void **state)
{
	struct scene *s = *state;

	map(s, 0, BATCH);
	want(s, BATCH, 3);
	pvb_grant_cache_want(&s->c, s->closed_gref);
	pvb_grant_cache_map(&s->c);
	assert_int_equal(counts(s).mapped, BATCH);
	assert_int_equal(how_many_are_here(s, 0, BATCH + 3), BATCH);
}

/* The same requests again and again: the good ones get in, and trying costs
   less and less. */
static void a_bad_one_does_not_keep_good_ones_out(void **state)
{
	struct scene *s = *state;
	uint32_t calls;

	for (int round = 0; round < 100; round++) {
		want(s, 0, 7);
		pvb_grant_cache_want(&s->c, s->closed_gref);
		want(s, 7, 8);
		pvb_grant_cache_map(&s->c);
	}
	assert_int_equal(how_many_are_here(s, 0, 15), 15);
	calls = counts(s).maps;
	for (int i = 0; i < 100 * PVB_GRANT_CACHE_PRICE; i++) {
		pvb_grant_cache_want(&s->c, s->closed_gref);
		pvb_grant_cache_map(&s->c);
	}
	assert_in_range(counts(s).maps - calls, 1, 100);
}

static void then_batches_grow_again(void **state)
{
	struct scene *s = *state;

	pvb_grant_cache_want(&s->c, s->closed_gref);
	pvb_grant_cache_map(&s->c);
	pay(s);
	map(s, 0, 1 + 2 + 4 + 8 + 16 + 16);
	assert_int_equal(counts(s).maps, 1 + 6);
	assert_int_equal(counts(s).mapped, 1 + 2 + 4 + 8 + 16 + 16);
}

static void where_nothing_can_be_mapped_it_is_seldom_tried(void **state)
{
	struct scene *s = *state;

	mem_direct_faults(s->machine)->map = -ENOMEM;
	for (int round = 0; round < 10; round++)
		map(s, 0, FULL);
	assert_int_equal(s->c.pages, 0);
	assert_in_range(counts(s).maps, 2,
	                10 * FULL / PVB_GRANT_CACHE_PRICE);
	mem_direct_faults(s->machine)->map = 0;
	pay(s);
	for (int round = 0; round < 2; round++)
		map(s, 0, BATCH);
	assert_int_equal(how_many_are_here(s, 0, BATCH), BATCH);
}

/* ---- the bound ----------------------------------------------------------- */

static void the_least_recently_used_goes_first(void **state)
{
	struct scene *s = *state;

	map(s, 0, FULL);
	assert_true(is_here(s, 5));             /* so its area is the newest */
	map(s, FULL, BATCH);
	assert_int_equal(counts(s).mapped, FULL);
	assert_int_equal(how_many_are_here(s, FULL, BATCH), BATCH);
	assert_int_equal(how_many_are_here(s, 0, BATCH), BATCH);
	assert_int_equal(how_many_are_here(s, BATCH, BATCH), 0);
	assert_int_equal(how_many_are_here(s, 2 * BATCH, FULL - 2 * BATCH),
	                 FULL - 2 * BATCH);
}

static void what_is_in_use_stays(void **state)
{
	struct scene *s = *state;
	uint32_t calls;

	map(s, 0, FULL);
	for (uint32_t i = 3; i < FULL; i += BATCH)
		assert_non_null(pvb_grant_cache_use(&s->c, s->gref[i]));
	calls = counts(s).maps;
	map(s, FULL, BATCH);
	pvb_grant_cache_trim(&s->c);
	assert_int_equal(counts(s).maps, calls);
	assert_int_equal(counts(s).mapped, FULL);
	assert_int_equal(how_many_are_here(s, 0, FULL + BATCH), FULL);
	/* And goes when it is not any more. */
	pvb_grant_cache_unuse(&s->c, s->gref[3]);
	map(s, FULL, BATCH);
	assert_int_equal(how_many_are_here(s, FULL, BATCH), BATCH);
	assert_int_equal(how_many_are_here(s, 0, BATCH), 0);
	for (uint32_t i = 3 + BATCH; i < FULL; i += BATCH)
		pvb_grant_cache_unuse(&s->c, s->gref[i]);
}

static void a_page_may_be_used_more_than_once(void **state)
{
	struct scene *s = *state;
	void *page;

	map(s, 0, 2);
	page = pvb_grant_cache_use(&s->c, s->gref[0]);
	assert_ptr_equal(pvb_grant_cache_use(&s->c, s->gref[0]), page);
	pvb_grant_cache_unuse(&s->c, s->gref[0]);
	pvb_grant_cache_trim(&s->c);
	assert_int_equal(counts(s).mapped, 2);
	pvb_grant_cache_unuse(&s->c, s->gref[0]);
	pvb_grant_cache_trim(&s->c);
	assert_int_equal(counts(s).mapped, 0);
}

/* A guest that brings its pages one by one takes no more of the process's
   mappings than others. */
static void areas_have_a_bound_of_their_own(void **state)
{
	struct scene *s = *state;

	for (uint32_t i = 0; i < PVB_GRANT_CACHE_AREAS_MAX; i++)
		map(s, i, 1);
	assert_int_equal(counts(s).mapped, PVB_GRANT_CACHE_AREAS_MAX);
	map(s, PVB_GRANT_CACHE_AREAS_MAX, 1);
	assert_int_equal(counts(s).mapped, PVB_GRANT_CACHE_AREAS_MAX);
	assert_false(is_here(s, 0));
	assert_true(is_here(s, PVB_GRANT_CACHE_AREAS_MAX));
}

/* More pages than fit, one after the other: each mapping that drives out
   another is paid for by copies, and most of what is mapped stays. */
static void more_than_fits_is_not_mapped_and_unmapped_all_the_time(void **state)
{
	struct scene *s = *state;
	uint32_t calls, misses = 0;

	map(s, 0, FULL);
	calls = counts(s).maps;
	for (uint32_t round = 0; round < 8; round++) {
		for (uint32_t i = 0; i < PAGES; i += BATCH) {
			misses += BATCH - how_many_are_here(s, i, BATCH);
			map(s, i, BATCH);
		}
	}
	assert_int_equal(counts(s).mapped, FULL);
	calls = counts(s).maps - calls;
	assert_in_range(calls * BATCH, 1,
	                misses / PVB_GRANT_CACHE_PRICE + BATCH);
}

static void what_has_been_driven_out_has_its_price(void **state)
{
	struct scene *s = *state;
	uint32_t calls;

	map(s, 0, FULL);
	assert_int_equal(s->c.passes, 0);
	map(s, FULL, 1);
	assert_int_equal(s->c.passes, BATCH * PVB_GRANT_CACHE_PRICE);
	calls = counts(s).maps;
	map(s, FULL + 1, BATCH);
	assert_int_equal(counts(s).maps, calls);
	pay(s);
	map(s, FULL + 1, BATCH);
	assert_int_equal(counts(s).maps, calls + 1);
}

/* ---- lies ---------------------------------------------------------------- */

/* The guest's own old page is what it gets, until it is let go; no page of
   anybody's is touched that is not the guest's. */
static void a_number_that_is_granted_anew_keeps_its_old_page(void **state)
{
	struct scene *s = *state;
	unsigned char *page, *other = s->guest + 9 * 4096;
	uint32_t mark = mark_of(9);

	map(s, 4, 1);
	mem_direct_regrant(s->machine, s->gref[4], other);
	map(s, 4, 1);
	page = pvb_grant_cache_use(&s->c, s->gref[4]);
	memset(page, 0x77, 4096);
	pvb_grant_cache_unuse(&s->c, s->gref[4]);
	assert_int_equal(s->guest[4 * 4096], 0x77);
	assert_memory_equal(other, &mark, sizeof(mark));
	pvb_grant_cache_trim(&s->c);
	map(s, 4, 1);
	page = pvb_grant_cache_use(&s->c, s->gref[4]);
	assert_memory_equal(page, &mark, sizeof(mark));
	pvb_grant_cache_unuse(&s->c, s->gref[4]);
	mem_direct_regrant(s->machine, s->gref[4], s->guest + 4 * 4096);
}

/* Random use against a plain list of what should be in use. */
static void many_turns_leave_nothing_behind(void **state)
{
	struct scene *s = *state;
	static uint32_t used[64];
	uint32_t n = 0, seed = 12345;

	for (uint32_t turn = 0; turn < 200000; turn++) {
		uint32_t i;

		seed = seed * 1664525 + 1013904223;
		i = seed >> 8;
		if (i % 8 == 0 && n > 0) {
			i = i / 8 % n;
			pvb_grant_cache_unuse(&s->c, s->gref[used[i]]);
			used[i] = used[--n];
		} else if (i % 8 < 4 && n < 64) {
			used[n] = i / 8 % (2 * FULL);
			n += pvb_grant_cache_use(&s->c, s->gref[used[n]]) != 0;
		} else if (i % 65536 == 5) {
			pvb_grant_cache_trim(&s->c);
		} else if (i % 8 == 6) {
			pvb_grant_cache_map(&s->c);
		} else {
			want(s, i / 8 % (2 * FULL), 1);
		}
		assert_int_equal(counts(s).mapped, s->c.pages);
		assert_true(s->c.pages <= FULL);
	}
	while (n > 0)
		pvb_grant_cache_unuse(&s->c, s->gref[used[--n]]);
	assert_int_equal(how_many_are_here(s, 0, PAGES), s->c.pages);
	pvb_grant_cache_trim(&s->c);
	assert_int_equal(counts(s).mapped, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_batch_wants_is_mapped_by_few_calls),
		TEST(a_page_is_mapped_once),
		TEST(a_mapping_is_for_both_ways),
		TEST(what_was_never_made_holds_nothing),
		TEST(one_that_fails_leaves_none_of_its_call),
		TEST(one_that_fails_leaves_what_was_there),
		TEST(a_bad_one_does_not_keep_good_ones_out),
		TEST(then_batches_grow_again),
		TEST(where_nothing_can_be_mapped_it_is_seldom_tried),
		TEST(the_least_recently_used_goes_first),
		TEST(what_is_in_use_stays),
		TEST(a_page_may_be_used_more_than_once),
		TEST(areas_have_a_bound_of_their_own),
		TEST(more_than_fits_is_not_mapped_and_unmapped_all_the_time),
		TEST(what_has_been_driven_out_has_its_price),
		TEST(a_number_that_is_granted_anew_keeps_its_old_page),
		TEST(many_turns_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
