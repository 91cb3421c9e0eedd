/* SPDX-License-Identifier: MIT */
/* What a back's control half offers of discards, to whom and for which disk. */
#include "back_bench.h"
#include "blk/blk_nodes.h"

static const struct pvb_blk_geometry *const told =
	&bench.half[0].attached_as.u.back_attach.geometry;

/* On memory that discards as these say. */
static void connect_on(const char *uri, uint32_t flags, uint32_t granularity,
                       uint32_t alignment, bool secure)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	back_start();
	if (pvb_disk_probe(pvb_disk_basic, uri, flags, &p, &ops, &e) < 0)
		fail_msg("%s", e.text);
	p.info.discard_granularity_bytes = granularity;
	p.info.discard_alignment_bytes = alignment;
	p.info.discard_secure = secure;
	pvb_blkback_ctl_disk(back, ops, &p, NULL);
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
}

static void expect_offer(const char *discard, const char *granularity,
                         const char *alignment, const char *secure)
{
	assert_string_equal(get(bench.back, "feature-discard"), discard);
	assert_string_equal(get(bench.back, "discard-granularity"),
	                    granularity);
	assert_string_equal(get(bench.back, "discard-alignment"), alignment);
	assert_string_equal(get(bench.back, "discard-secure"), secure);
	/* Only ever read, for the sake of those who wrote it so. */
	assert_false(is_there(bench.back, "discard-aligment"));
}

static void expect_none(void)
{
	assert_string_equal(get(bench.back, "feature-discard"), "0");
	assert_false(is_there(bench.back, "discard-granularity"));
	assert_false(is_there(bench.back, "discard-alignment"));
	assert_string_equal(get(bench.back, "discard-secure"), "");
	assert_false(told->discard || told->discard_secure);
}

static void it_offers_what_the_disk_can(void **state)
{
	(void)state;
	connect_on("mem:1M", 0, 65536, 1024, true);
	expect_offer("1", "65536", "1024", "1");
	assert_true(told->discard && told->discard_secure);
}

static void granularity_and_alignment_come_together(void **state)
{
	(void)state;
	connect_on("mem:1M", 0, 4096, 0, false);
	expect_offer("1", "4096", "0", "0");
	assert_true(told->discard && !told->discard_secure);
}

/* As the daemon reads it, of a toolstack that has written it. */
static void a_toolstack_may_forbid_it(void **state)
{
	char uri[PVB_BLK_NODES_URI_MAX + 1];
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_blk_options o;

	(void)state;
	put(bench.tools, bench.back, "discard-enable", "0");
	pvb_blk_options_init(&o, 1);
	if (pvb_blk_nodes_read(bench.tools, &bench.dev, uri, &o, &e) < 0)
		fail_msg("%s", e.text);
	back_no_discard = !o.value[PVB_BLK_OPT_DISCARD];
	connect_on("mem:1M", 0, 4096, 0, true);
	expect_none();
	/* It is not ours to write. */
	assert_string_equal(get(bench.back, "discard-enable"), "0");
}

static void what_cannot_be_written_is_not_discarded(void **state)
{
	(void)state;
	connect_on("mem:1M", PVB_DISK_READ_ONLY, 4096, 0, true);
	expect_none();
}

/* Nothing less than a sector of the disk can be erased. */
static void larger_sectors_are_not_erased_in_parts(void **state)
{
	(void)state;
	connect_on("mem:1M?sector-size=4096", 0, 4096, 0, true);
	expect_offer("1", "4096", "0", "0");
	assert_false(told->discard_secure);
}

static void but_as_a_whole(void **state)
{
	(void)state;
	back_sector_size = 4096;
	connect_on("mem:1M?sector-size=4096", 0, 4096, 0, true);
	expect_offer("1", "4096", "0", "1");
	assert_true(told->discard_secure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(it_offers_what_the_disk_can),
		BACK_TEST(granularity_and_alignment_come_together),
		BACK_TEST(a_toolstack_may_forbid_it),
		BACK_TEST(what_cannot_be_written_is_not_discarded),
		BACK_TEST(larger_sectors_are_not_erased_in_parts),
		BACK_TEST(but_as_a_whole),
	};

	return cmocka_run_group_tests_name("back_ctl_discard", tests, NULL,
	                                   NULL);
}
