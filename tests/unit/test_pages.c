/* SPDX-License-Identifier: MIT */
/* Areas of granted pages: who gets them, and what outlives whom. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/pages.h"
#include "broker/reopen.h"
#include "proto/hypwire.h"

static struct pvb_pages pages;

static int setup(void **state)
{
	(void)state;
	pages = (struct pvb_pages){ 0 };
	return 0;
}

static struct pvb_area *make(uint16_t owner, uint16_t grantee)
{
	struct pvb_area *a;

	assert_int_equal(pvb_pages_create(&pages, owner, grantee, &a), 0);
	return a;
}

static void only_the_named_domain_may_hold(void **state)
{
	struct pvb_area *a = make(3, 7), *held;

	(void)state;
	assert_int_equal(pvb_pages_hold(&pages, 3, a->id, 8, &held), -EACCES);
	assert_int_equal(pvb_pages_hold(&pages, 3, a->id, 3, &held), -EACCES);
	assert_int_equal(pvb_pages_hold(&pages, 3, a->id, 0, &held), -EACCES);
	assert_int_equal(pages.holds, 0);
	assert_int_equal(pvb_pages_hold(&pages, 3, a->id, 7, &held), 0);
	assert_ptr_equal(held, a);
	pvb_pages_unhold(&pages, held);
	pvb_pages_retire(&pages, a);
	pvb_pages_fini(&pages);
}

static void an_unknown_area_is_not_there(void **state)
{
	struct pvb_area *a = make(3, 7), *held;

	(void)state;
	assert_int_equal(pvb_pages_hold(&pages, 3, 0, 7, &held), -ENOENT);
	assert_int_equal(pvb_pages_hold(&pages, 3, a->id + 1u, 7, &held),
	                 -ENOENT);
	assert_int_equal(pvb_pages_hold(&pages, 3, UINT32_MAX, 7, &held),
	                 -ENOENT);
	assert_int_equal(pvb_pages_hold(&pages, 3 + PVB_PAGES_BUCKETS, a->id,
	                                7, &held), -ENOENT);
	pvb_pages_retire(&pages, a);
	assert_int_equal(pvb_pages_hold(&pages, 3, 1, 7, &held), -ENOENT);
	pvb_pages_fini(&pages);
}

static void an_owner_cannot_cut_its_area_off(void **state)
{
	struct pvb_area *a = make(1, 0);
	const off_t size[2] = { PVB_HYP_AREA_BYTES, PVB_HYP_AREA_PAGES };
	struct stat st;
	int fds[2];

	(void)state;
	assert_int_equal(pvb_area_owner_fds(a, fds), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ftruncate(fds[i], 0), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(ftruncate(fds[i], size[i] + 4096), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(fcntl(fds[i], F_ADD_SEALS, F_SEAL_WRITE), -1);
		assert_int_equal(fstat(fds[i], &st), 0);
		assert_int_equal(st.st_size, size[i]);
		assert_int_equal(st.st_blocks, 0);
	}
	pvb_close_all(fds, 2);
	pvb_pages_retire(&pages, a);
	pvb_pages_fini(&pages);
}

static void a_grantee_gets_one_way_to_write_none_into_the_table(void **state)
{
	struct pvb_area *a = make(1, 0);
	int fds[3];
	void *p;

	(void)state;
	assert_int_equal(pvb_area_grantee_fds(a, fds), 0);
	for (int i = 0; i < 3; i++) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		         fds[i], 0);
		if (i == 1) {
			assert_ptr_not_equal(p, MAP_FAILED);
			assert_int_equal(munmap(p, 4096), 0);
		} else {
			assert_ptr_equal(p, MAP_FAILED);
			assert_int_equal(errno, EACCES);
		}
	}
	pvb_close_all(fds, 3);
	pvb_pages_retire(&pages, a);
	pvb_pages_fini(&pages);
}

static void the_end_of_an_owner_ends_its_grants_not_the_memory(void **state)
{
	struct pvb_area *a = make(1, 0), *held;
	uint8_t *table, *page;
	int mine[2], theirs[3];

	(void)state;
	assert_int_equal(pvb_area_owner_fds(a, mine), 0);
	assert_int_equal(pwrite(mine[0], "kept", 4, 4096 * 5), 4);
	assert_int_equal(pwrite(mine[1], "\1", 1, 5), 1);
	pvb_close_all(mine, 2);
	assert_int_equal(pvb_pages_hold(&pages, 1, a->id, 0, &held), 0);
	assert_int_equal(pvb_area_grantee_fds(held, theirs), 0);
	table = mmap(NULL, 4096, PROT_READ, MAP_SHARED, theirs[2], 0);
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, theirs[0], 4096 * 5);
	assert_ptr_not_equal(table, MAP_FAILED);
	assert_ptr_not_equal(page, MAP_FAILED);
	pvb_close_all(theirs, 3);
	assert_int_equal(table[5], PVB_HYP_GRANT_VALID);

	pvb_pages_retire(&pages, a);
	assert_int_equal(table[5], 0);
	assert_memory_equal(page, "kept", 4);
	assert_int_equal(pvb_area_grantee_fds(held, theirs), -ENOENT);
	assert_int_equal(pvb_pages_hold(&pages, 1, held->id, 0, &a), -ENOENT);
	pvb_pages_unhold(&pages, held);
	assert_int_equal(pages.areas, 0);
	munmap(table, 4096);
	munmap(page, 4096);
	pvb_pages_fini(&pages);
}

static void a_number_is_not_used_again_while_it_is_held(void **state)
{
	struct pvb_area *a = make(1, 0), *held, *b;
	uint16_t id = a->id;

	(void)state;
	assert_int_equal(pvb_pages_hold(&pages, 1, id, 0, &held), 0);
	pvb_pages_retire(&pages, a);
	pages.last_id = (uint16_t)(id == 1 ? PVB_HYP_AREA_ID_MAX : id - 1);
	b = make(1, 0);
	assert_int_not_equal(b->id, id);
	pvb_pages_unhold(&pages, held);
	pages.last_id = (uint16_t)(id == 1 ? PVB_HYP_AREA_ID_MAX : id - 1);
	a = make(1, 0);
	assert_int_equal(a->id, id);
	pvb_pages_retire(&pages, a);
	pvb_pages_retire(&pages, b);
	pvb_pages_fini(&pages);
}

static void numbers_go_round_and_are_never_zero(void **state)
{
	struct pvb_area *a;

	(void)state;
	pages.last_id = PVB_HYP_AREA_ID_MAX - 1;
	a = make(1, 0);
	assert_int_equal(a->id, PVB_HYP_AREA_ID_MAX);
	assert_true(pvb_hyp_gref_area(pvb_hyp_gref(a->id, 9)) == a->id);
	assert_true(pvb_hyp_gref_page(pvb_hyp_gref(a->id, 9)) == 9);
	pvb_pages_retire(&pages, a);
	a = make(1, 0);
	assert_int_equal(a->id, 1);
	pvb_pages_retire(&pages, a);
	pvb_pages_fini(&pages);
}

static void one_domain_cannot_take_another_ones_numbers(void **state)
{
	struct pvb_area *a = make(1, 0), *b, *held;

	(void)state;
	pages.last_id = (uint16_t)(a->id - 1);
	b = make(1 + PVB_PAGES_BUCKETS, 0);
	assert_int_equal(a->id, b->id);
	assert_int_equal(pvb_pages_hold(&pages, 1, a->id, 0, &held), 0);
	assert_ptr_equal(held, a);
	pvb_pages_unhold(&pages, held);
	pvb_pages_retire(&pages, a);
	pvb_pages_retire(&pages, b);
	pvb_pages_fini(&pages);
}

static void a_domain_has_a_quota_of_areas(void **state)
{
	enum { DOMAIN = 5, SOME = 8 };
	struct pvb_area *a[SOME], *more;
	struct pvb_area bulk[PVB_PAGES_PER_DOMAIN_MAX - SOME];
	struct pvb_area **last;

	(void)state;
	for (int i = 0; i < SOME; i++)
		a[i] = make(DOMAIN, 0);
	/* As if made, with no files of their own. */
	last = &pages.bucket[DOMAIN % PVB_PAGES_BUCKETS];
	while (*last)
		last = &(*last)->next;
	for (uint32_t i = 0; i < PVB_PAGES_PER_DOMAIN_MAX - SOME; i++) {
		bulk[i] = (struct pvb_area){ .owner = DOMAIN,
			.id = (uint16_t)(5000 + i) };
		bulk[i].next = i ? &bulk[i - 1] : NULL;
	}
	*last = &bulk[PVB_PAGES_PER_DOMAIN_MAX - SOME - 1];
	assert_int_equal(pvb_pages_create(&pages, DOMAIN, 0, &more), -ENOSPC);
	assert_int_equal(pvb_pages_create(&pages, DOMAIN + 1, 0, &more), 0);
	*last = NULL;
	pvb_pages_retire(&pages, more);
	for (int i = 0; i < SOME; i++)
		pvb_pages_retire(&pages, a[i]);
	pvb_pages_fini(&pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_the_named_domain_may_hold, setup),
		cmocka_unit_test_setup(an_unknown_area_is_not_there, setup),
		cmocka_unit_test_setup(an_owner_cannot_cut_its_area_off, setup),
		cmocka_unit_test_setup(
			a_grantee_gets_one_way_to_write_none_into_the_table,
			setup),
		cmocka_unit_test_setup(
			the_end_of_an_owner_ends_its_grants_not_the_memory,
			setup),
		cmocka_unit_test_setup(
			a_number_is_not_used_again_while_it_is_held, setup),
		cmocka_unit_test_setup(numbers_go_round_and_are_never_zero,
		                       setup),
		cmocka_unit_test_setup(
			one_domain_cannot_take_another_ones_numbers, setup),
		cmocka_unit_test_setup(a_domain_has_a_quota_of_areas, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
