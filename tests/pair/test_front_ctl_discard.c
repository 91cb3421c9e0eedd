/* SPDX-License-Identifier: MIT */
/* What a front's control half makes of what backs say of discards. */
#include "front_bench.h"

static const struct pvb_blk_geometry *const told =
	&bench.half[0].last.u.geometry;

/* With these nodes of the back, pairs and a NULL. */
static void connect_with(const char *const *nodes)
{
	for (; *nodes; nodes += 2)
		put(bench.tools, bench.back, nodes[0], nodes[1]);
	connect_all();
}

static void expect_told(uint32_t granularity, uint32_t alignment, bool secure)
{
	assert_true(told->discard);
	assert_int_equal(told->discard_granularity_bytes, granularity);
	assert_int_equal(told->discard_alignment_bytes, alignment);
	assert_int_equal(told->discard_secure, secure);
}

static void all_of_it(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "feature-discard", "1",
		"discard-granularity", "65536", "discard-alignment", "1024",
		"discard-secure", "1", NULL });
	expect_told(65536, 1024, true);
}

/* By backs that were made with old headers. */
static void the_alignment_may_be_misspelt(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "feature-discard", "1",
		"discard-granularity", "65536", "discard-aligment", "1024",
		NULL });
	expect_told(65536, 1024, false);
}

static void the_right_spelling_counts_before(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "feature-discard", "1",
		"discard-granularity", "65536", "discard-aligment", "1024",
		"discard-alignment", "2048", NULL });
	expect_told(65536, 2048, false);
}

static void nothing_is_erased_unless_it_is_offered(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "feature-discard", "1", NULL });
	expect_told(512, 0, false);
}

static void nothing_of_it_counts_by_itself(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "discard-secure", "1",
		"discard-granularity", "65536", NULL });
	assert_false(told->discard || told->discard_secure);
}

/* That is between the toolstack and the back: it has offered it all the same,
   or not. */
static void what_the_toolstack_allows_is_not_for_us(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "feature-discard", "1",
		"discard-enable", "0", NULL });
	assert_true(told->discard);
}

static void nor_is_it_an_offer(void **state)
{
	(void)state;
	connect_with((const char *const[]){ "discard-enable", "1", NULL });
	assert_false(told->discard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(all_of_it),
		FRONT_TEST(the_alignment_may_be_misspelt),
		FRONT_TEST(the_right_spelling_counts_before),
		FRONT_TEST(nothing_is_erased_unless_it_is_offered),
		FRONT_TEST(nothing_of_it_counts_by_itself),
		FRONT_TEST(what_the_toolstack_allows_is_not_for_us),
		FRONT_TEST(nor_is_it_an_offer),
	};

	return cmocka_run_group_tests_name("front_ctl_discard", tests, NULL,
	                                   NULL);
}
