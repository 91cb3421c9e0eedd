/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flow/guest_front.h"
#include "mem_direct.h"

enum { BACK = 0, FRONT = 7, PAGES_MAX = 600, RESERVE = 32 };

struct scene {
	struct mem_direct *machine;
	struct pvb_mem *front, *back;
	struct pvb_guest_front g;
	struct pvb_guest_front_config c;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	s->machine = mem_direct_create();
	s->front = mem_direct_open(s->machine, FRONT);
	s->back = mem_direct_open(s->machine, BACK);
	s->c = (struct pvb_guest_front_config){
		.mem = s->front, .peer = BACK, .pages_max = PAGES_MAX,
		.reserve = RESERVE,
	};
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	pvb_guest_front_fini(&s->g);
	pvb_mem_close(s->front);
	pvb_mem_close(s->back);
	mem_direct_destroy(s->machine);
	free(s);
	return 0;
}

static uint32_t shared(struct scene *s)
{
	struct mem_direct_counts c;

	mem_direct_counts(s->machine, &c);
	return c.shared;
}

static void open_it(struct scene *s)
{
	assert_int_equal(pvb_guest_front_open(&s->g, &s->c), 0);
}

static void it_begins_small(void **state)
{
	struct scene *s = *state;

	open_it(s);
	assert_int_equal(shared(s), PVB_GUEST_AREA_PAGES_MIN);
	pvb_guest_front_close(&s->g);
	assert_int_equal(shared(s), 0);
}

static void a_page_is_what_its_reference_says(void **state)
{
	struct scene *s = *state;
	uint32_t gref, other;
	void *page, *next;

	open_it(s);
	page = pvb_guest_front_page_get(&s->g, &gref);
	next = pvb_guest_front_page_get(&s->g, &other);
	assert_non_null(page);
	assert_ptr_equal(mem_direct_page(s->machine, gref), page);
	assert_ptr_equal(mem_direct_page(s->machine, other), next);
	assert_ptr_not_equal(page, next);
	pvb_guest_front_page_put(&s->g, page);
	/* Used again at once, so few pages are ever touched. */
	assert_ptr_equal(pvb_guest_front_page_get(&s->g, &gref), page);
	pvb_guest_front_page_put(&s->g, page);
	pvb_guest_front_page_put(&s->g, next);
}

static void the_page_that_came_back_last_goes_out_first(void **state)
{
	struct scene *s = *state;
	void *page[4];
	uint32_t gref[4], again;

	open_it(s);
	for (int i = 0; i < 4; i++)
		page[i] = pvb_guest_front_page_get(&s->g, &gref[i]);
	pvb_guest_front_page_put(&s->g, page[1]);
	pvb_guest_front_page_put(&s->g, page[3]);
	pvb_guest_front_page_put(&s->g, page[0]);
	assert_ptr_equal(pvb_guest_front_page_get(&s->g, &again), page[0]);
	assert_int_equal(again, gref[0]);
	assert_ptr_equal(pvb_guest_front_page_get(&s->g, &again), page[3]);
	assert_int_equal(again, gref[3]);
	assert_ptr_equal(pvb_guest_front_page_get(&s->g, &again), page[1]);
	for (int i = 0; i < 4; i++)
		pvb_guest_front_page_put(&s->g, page[i]);
}

static void a_page_that_a_run_has_taken_is_not_given_out(void **state)
{
	struct scene *s = *state;
	unsigned char *page[3], *run;
	uint32_t gref;

	open_it(s);
	for (int i = 0; i < 3; i++)
		page[i] = pvb_guest_front_page_get(&s->g, &gref);
	for (int i = 0; i < 3; i++)
		pvb_guest_front_page_put(&s->g, page[i]);
	run = pvb_guest_front_run_get(&s->g, 2);
	assert_ptr_equal(run, page[0]);
	assert_ptr_equal(pvb_guest_front_page_get(&s->g, &gref), page[2]);
	page[0] = pvb_guest_front_page_get(&s->g, &gref);
	assert_ptr_equal(page[0], page[2] + 4096);
	pvb_guest_front_page_put(&s->g, page[0]);
	pvb_guest_front_page_put(&s->g, page[2]);
	pvb_guest_front_run_put(&s->g, run, 2);
}

/* So that the high pages of a rush may be forgotten. */
static void after_a_pause_it_begins_with_the_lowest(void **state)
{
	struct scene *s = *state;
	void *page[3];
	uint32_t gref;

	open_it(s);
	for (int i = 0; i < 3; i++)
		page[i] = pvb_guest_front_page_get(&s->g, &gref);
	for (int i = 0; i < 3; i++)
		pvb_guest_front_page_put(&s->g, page[i]);
	pvb_guest_front_trim(&s->g);
	assert_ptr_equal(pvb_guest_front_page_get(&s->g, &gref), page[0]);
	pvb_guest_front_page_put(&s->g, page[0]);
}

static void more_come_back_than_it_remembers(void **state)
{
	enum { N = PVB_GUEST_RECENT_MAX + 100 };
	struct scene *s = *state;
	static void *page[N];
	uint32_t gref;

	open_it(s);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			page[i] = pvb_guest_front_page_get(&s->g, &gref);
			assert_ptr_equal(mem_direct_page(s->machine, gref),
			                 page[i]);
			for (int k = 0; k < i; k++)
				assert_ptr_not_equal(page[k], page[i]);
		}
		for (int i = 0; i < N; i++)
			pvb_guest_front_page_put(&s->g, page[i]);
	}
	assert_int_equal(s->g.free_pages, s->g.pages);
}

static void it_grows_to_its_limit_and_no_further(void **state)
{
	struct scene *s = *state;
	static void *page[PAGES_MAX + 1];
	uint32_t gref, n = 0;

	open_it(s);
	while (n <= PAGES_MAX &&
	       (page[n] = pvb_guest_front_page_get(&s->g, &gref)))
		n++;
	assert_int_equal(n, PAGES_MAX);
	assert_int_equal(shared(s), PAGES_MAX);
	while (n > 0)
		pvb_guest_front_page_put(&s->g, page[--n]);
	assert_int_equal(shared(s), PAGES_MAX);
}

static void a_run_lies_in_a_row(void **state)
{
	struct scene *s = *state;
	unsigned char *run;

	open_it(s);
	run = pvb_guest_front_run_get(&s->g, 100);
	assert_non_null(run);
	assert_true(pvb_guest_front_holds(&s->g, run, 100 * 4096));
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t gref = pvb_guest_front_gref(&s->g,
		                                     run + i * 4096 + 17);

		assert_ptr_equal(mem_direct_page(s->machine, gref),
		                 run + i * 4096);
	}
	pvb_guest_front_run_put(&s->g, run, 100);
}

static void too_long_a_run_is_refused(void **state)
{
	struct scene *s = *state;

	open_it(s);
	assert_null(pvb_guest_front_run_get(&s->g, 0));
	assert_null(pvb_guest_front_run_get(&s->g,
	                                    PVB_GUEST_AREA_PAGES_MAX + 1));
}

/* However many buffers callers hold, a request can always be bounced. */
static void runs_leave_the_reserve_to_single_pages(void **state)
{
	struct scene *s = *state;
	static void *run[PAGES_MAX];
	void *page[RESERVE];
	uint32_t gref, n = 0;

	open_it(s);
	while ((run[n] = pvb_guest_front_run_get(&s->g, 1)))
		n++;
	assert_int_equal(n, PAGES_MAX - RESERVE);
	for (int i = 0; i < RESERVE; i++) {
		page[i] = pvb_guest_front_page_get(&s->g, &gref);
		assert_non_null(page[i]);
	}
	for (int i = 0; i < RESERVE; i++)
		pvb_guest_front_page_put(&s->g, page[i]);
	while (n > 0)
		pvb_guest_front_run_put(&s->g, run[--n], 1);
}

static void memory_of_others_is_not_held(void **state)
{
	struct scene *s = *state;
	unsigned char mine[16], *run;

	open_it(s);
	assert_false(pvb_guest_front_holds(&s->g, mine, sizeof(mine)));
	assert_false(pvb_guest_front_holds(&s->g, NULL, 1));
	run = pvb_guest_front_run_get(&s->g, 1);
	assert_false(pvb_guest_front_holds(&s->g, run - 1, 1));
	assert_false(pvb_guest_front_holds(&s->g, run,
	             PVB_GUEST_AREA_PAGES_MIN * 4096 + 1));
	assert_false(pvb_guest_front_holds(&s->g, run, SIZE_MAX));
	pvb_guest_front_run_put(&s->g, run, 1);
}

static void a_refused_grant_is_not_asked_for_again(void **state)
{
	struct scene *s = *state;
	static void *page[PAGES_MAX];
	uint32_t gref, n = 0;

	mem_direct_faults(s->machine)->share_pages_max =
		PVB_GUEST_AREA_PAGES_MIN;
	open_it(s);
	while ((page[n] = pvb_guest_front_page_get(&s->g, &gref)))
		n++;
	assert_int_equal(n, PVB_GUEST_AREA_PAGES_MIN);
	mem_direct_faults(s->machine)->share_pages_max = 0;
	assert_null(pvb_guest_front_page_get(&s->g, &gref));
	while (n > 0)
		pvb_guest_front_page_put(&s->g, page[--n]);
	/* But the next connection does. */
	pvb_guest_front_close(&s->g);
	open_it(s);
	assert_non_null(page[0] = pvb_guest_front_run_get(&s->g, 80));
	pvb_guest_front_run_put(&s->g, page[0], 80);
}

static void opening_fails_as_sharing_does(void **state)
{
	struct scene *s = *state;

	mem_direct_faults(s->machine)->share = -ENOSPC;
	assert_int_equal(pvb_guest_front_open(&s->g, &s->c), -ENOSPC);
	assert_int_equal(shared(s), 0);
	mem_direct_faults(s->machine)->share = 0;
	open_it(s);
}

static void what_a_caller_holds_outlives_a_close(void **state)
{
	struct scene *s = *state;
	unsigned char *run;

	open_it(s);
	run = pvb_guest_front_run_get(&s->g, 2);
	pvb_guest_front_close(&s->g);
	assert_int_equal(shared(s), PVB_GUEST_AREA_PAGES_MIN);
	memset(run, 1, 2 * 4096);
	assert_null(pvb_guest_front_run_get(&s->g, 1));
	pvb_guest_front_run_put(&s->g, run, 2);
	assert_int_equal(shared(s), 0);
}

static void held_pages_are_taken_up_by_the_next_open(void **state)
{
	struct scene *s = *state;
	unsigned char *run;

	open_it(s);
	run = pvb_guest_front_run_get(&s->g, 2);
	pvb_guest_front_close(&s->g);
	open_it(s);
	assert_int_equal(shared(s), PVB_GUEST_AREA_PAGES_MIN);
	assert_true(pvb_guest_front_holds(&s->g, run, 8192));
	pvb_guest_front_run_put(&s->g, run, 2);
	pvb_guest_front_close(&s->g);
	assert_int_equal(shared(s), 0);
}

static void held_pages_are_not_shown_to_another_peer(void **state)
{
	struct scene *s = *state;
	unsigned char *run;

	open_it(s);
	run = pvb_guest_front_run_get(&s->g, 2);
	pvb_guest_front_close(&s->g);
	s->c.peer = 3;
	assert_int_equal(pvb_guest_front_open(&s->g, &s->c), -EINVAL);
	pvb_guest_front_run_put(&s->g, run, 2);
	open_it(s);
}

static uint32_t forgotten(struct scene *s)
{
	struct mem_direct_counts c;

	mem_direct_counts(s->machine, &c);
	return c.forgotten;
}

static void what_is_free_and_was_used_is_forgotten(void **state)
{
	struct scene *s = *state;
	unsigned char *run, *kept;

	open_it(s);
	assert_false(pvb_guest_front_is_fat(&s->g));
	run = pvb_guest_front_run_get(&s->g, 200);
	kept = pvb_guest_front_run_get(&s->g, 10);
	assert_true(pvb_guest_front_is_fat(&s->g));
	memset(kept, 9, 10 * 4096);
	pvb_guest_front_trim(&s->g);
	assert_int_equal(forgotten(s), 0);
	pvb_guest_front_run_put(&s->g, run, 200);
	pvb_guest_front_trim(&s->g);
	assert_in_range(forgotten(s), 200 - PVB_GUEST_KEEP_PAGES, 200);
	for (int i = 0; i < 10 * 4096; i++)
		assert_int_equal(kept[i], 9);
	pvb_guest_front_run_put(&s->g, kept, 10);
	pvb_guest_front_trim(&s->g);
	assert_false(pvb_guest_front_is_fat(&s->g));
	/* Once: there is nothing more to forget. */
	assert_in_range(forgotten(s), 210 - PVB_GUEST_KEEP_PAGES, 210);
	pvb_guest_front_trim(&s->g);
	assert_in_range(forgotten(s), 210 - PVB_GUEST_KEEP_PAGES, 210);
}

static void few_pages_are_not_worth_it(void **state)
{
	struct scene *s = *state;
	void *run;

	open_it(s);
	run = pvb_guest_front_run_get(&s->g, 20);
	pvb_guest_front_run_put(&s->g, run, 20);
	assert_false(pvb_guest_front_is_fat(&s->g));
	pvb_guest_front_trim(&s->g);
	assert_int_equal(forgotten(s), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_begins_small),
		TEST(a_page_is_what_its_reference_says),
		TEST(the_page_that_came_back_last_goes_out_first),
		TEST(a_page_that_a_run_has_taken_is_not_given_out),
		TEST(after_a_pause_it_begins_with_the_lowest),
		TEST(more_come_back_than_it_remembers),
		TEST(it_grows_to_its_limit_and_no_further),
		TEST(a_run_lies_in_a_row),
		TEST(too_long_a_run_is_refused),
		TEST(runs_leave_the_reserve_to_single_pages),
		TEST(memory_of_others_is_not_held),
		TEST(a_refused_grant_is_not_asked_for_again),
		TEST(opening_fails_as_sharing_does),
		TEST(what_a_caller_holds_outlives_a_close),
		TEST(held_pages_are_taken_up_by_the_next_open),
		TEST(held_pages_are_not_shown_to_another_peer),
		TEST(what_is_free_and_was_used_is_forgotten),
		TEST(few_pages_are_not_worth_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
