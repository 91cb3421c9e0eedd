/* SPDX-License-Identifier: MIT */
/* test_blkneg_geometry.c - features and sizes that a back publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blkneg.h"

struct pair { const char *name, *value; };
enum { PAIRS = 8 };

static enum pvb_why get(const struct pair pairs[PAIRS],
                        struct pvb_blk_geometry *g, const char **bad)
{
	static struct pvb_keys k;

	memset(&k, 0, sizeof(k));
	for (int i = 0; i < PAIRS && pairs[i].name; i++)
		assert_int_equal(pvb_keys_put_text(&k, pairs[i].name,
						   pairs[i].value), 0);
	return pvb_blk_geometry_get(&k, PVB_BLK_UNITS_SPEC, g, bad);
}

static void assert_same(const struct pvb_blk_geometry *a,
                        const struct pvb_blk_geometry *b)
{
	assert_true(a->sectors == b->sectors);
	assert_int_equal(a->units, b->units);
	assert_int_equal(a->sector_size_bytes, b->sector_size_bytes);
	assert_int_equal(a->physical_size_bytes, b->physical_size_bytes);
	assert_int_equal(a->read_only, b->read_only);
	assert_int_equal(a->cdrom, b->cdrom);
	assert_int_equal(a->removable, b->removable);
	assert_int_equal(a->flush, b->flush);
	assert_int_equal(a->barrier, b->barrier);
	assert_int_equal(a->discard, b->discard);
	assert_int_equal(a->discard_secure, b->discard_secure);
	assert_int_equal(a->persistent, b->persistent);
	assert_int_equal(a->discard_granularity_bytes,
			 b->discard_granularity_bytes);
	assert_int_equal(a->discard_alignment_bytes,
			 b->discard_alignment_bytes);
	assert_int_equal(a->segs_direct_max, b->segs_direct_max);
	assert_int_equal(a->segs_indirect_max, b->segs_indirect_max);
}

/* Every combination of the flags; sizes that differ with them. */
static void make_geometry(struct pvb_blk_geometry *g, uint32_t bits)
{
	*g = (struct pvb_blk_geometry){
		.sectors = UINT64_C(1) << (bits % 50 + 3),
		.sector_size_bytes = bits & 1 ? 4096 : 512,
		.physical_size_bytes = 4096,
		.units = (enum pvb_blk_units)(bits / 2 % PVB_BLK_UNITS_COUNT),
		.read_only = bits & 2, .cdrom = bits & 4,
		.removable = bits & 8, .flush = bits & 16,
		.barrier = bits & 32, .persistent = bits & 64,
		.discard = bits & 128,
		.segs_direct_max = PVB_BLK_SEGS_DIRECT,
		.segs_indirect_max = 0,
	};
	if (!g->discard)
		return;
	g->discard_secure = bits & 1;
	g->discard_granularity_bytes = 65536 + bits;
	g->discard_alignment_bytes = bits * 512;
}

static void geometry_comes_back_from_its_keys(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 256; bits++) {
		struct pvb_blk_geometry g, back;
		struct pvb_keys k = { 0 };
		const char *bad = "";

		make_geometry(&g, bits);
		assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
		assert_int_equal(pvb_blk_geometry_get(&k, g.units, &back,
						      &bad), PVB_OK);
		assert_null(bad);
		assert_same(&g, &back);
	}
}

static void offer_and_geometry_share_one_directory(void **state)
{
	struct pvb_blk_geometry g, back;
	struct pvb_blk_limits l;
	struct pvb_keys k = { 0 };

	(void)state;
	pvb_blk_limits_back_default(&l, 4);
	make_geometry(&g, 0xff);
	/* No name is in both. */
	assert_int_equal(pvb_blk_offer_put(&k, &l), 0);
	assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
	assert_int_equal(pvb_blk_geometry_get(&k, g.units, &back, NULL),
			 PVB_OK);
	assert_int_equal(back.segs_indirect_max, 256);
}

/* 16 sectors of 4096 bytes, as each would say it. */
static const char *const as_sectors[PVB_BLK_UNITS_COUNT] = {
	[PVB_BLK_UNITS_SPEC] = "128", [PVB_BLK_UNITS_ALL] = "16",
	[PVB_BLK_UNITS_FREEBSD] = "16", [PVB_BLK_UNITS_MINI_OS] = "16",
};

static void sectors_are_said_as_the_peer_counts(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct pvb_blk_geometry g = {
			.sectors = 128, .sector_size_bytes = 4096,
			.physical_size_bytes = 4096, .units = u,
		};
		struct pvb_keys k = { 0 };

		assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
		assert_string_equal(pvb_keys_text(&k, "sectors"),
				    as_sectors[u]);
		g.sector_size_bytes = 512;
		memset(&k, 0, sizeof(k));
		assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
		assert_string_equal(pvb_keys_text(&k, "sectors"), "128");
	}
}

static void and_read_so(void **state)
{
	(void)state;
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++) {
		struct pvb_blk_geometry g;
		struct pvb_keys k = { 0 };

		assert_int_equal(pvb_keys_put_text(&k, "sectors",
						   as_sectors[u]), 0);
		assert_int_equal(pvb_keys_put_text(&k, "sector-size", "4096"),
				 0);
		assert_int_equal(pvb_blk_geometry_get(&k, u, &g, NULL),
				 PVB_OK);
		assert_int_equal(g.sectors, 128);
		assert_int_equal(g.units, u);
	}
}

/* 2^63 bytes are no disk, in whatever they are counted. */
static void too_many_sectors_are_so_in_any_unit(void **state)
{
	static const struct { const char *sectors; bool all, spec; } t[] = {
		{ "2251799813685247", true, false },
		{ "2251799813685248", false, true },
		{ "18014398509481976", false, true },
		{ "18014398509481984", false, false },
		{ "2305843009213693952", false, false },
		{ "18446744073709551615", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pvb_blk_geometry g;
		struct pvb_keys k = { 0 };
		const char *bad = "";

		assert_int_equal(pvb_keys_put_text(&k, "sectors",
						   t[i].sectors), 0);
		assert_int_equal(pvb_keys_put_text(&k, "sector-size", "4096"),
				 0);
		assert_int_equal(pvb_blk_geometry_get(&k, PVB_BLK_UNITS_ALL,
						      &g, &bad),
				 t[i].all ? PVB_OK : PVB_WHY_KEY_LIMIT);
		if (!t[i].all)
			assert_string_equal(bad, "sectors");
		if (t[i].spec)
			assert_int_equal(pvb_blk_geometry_get(&k,
				PVB_BLK_UNITS_SPEC, &g, NULL), PVB_OK);
	}
}

static void info_has_the_bits_of_the_field(void **state)
{
	struct pvb_blk_geometry g = {
		.sectors = 8, .sector_size_bytes = 512,
		.physical_size_bytes = 512, .cdrom = true, .removable = true,
		.read_only = true,
	};
	struct pvb_keys k = { 0 };

	(void)state;
	assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
	assert_string_equal(pvb_keys_text(&k, "info"), "7");
	assert_string_equal(pvb_keys_text(&k, "feature-discard"), "0");
	assert_false(pvb_keys_has(&k, "discard-granularity"));
	g.cdrom = g.removable = false;
	memset(&k, 0, sizeof(k));
	assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
	assert_string_equal(pvb_keys_text(&k, "info"), "4");
}

static void what_a_back_leaves_out_has_a_meaning(void **state)
{
	static const struct pair pairs[PAIRS] = { { "sectors", "100" } };
	static const struct pvb_blk_geometry expected = {
		.sectors = 100, .sector_size_bytes = 512,
		.physical_size_bytes = 512, .segs_direct_max = 11,
	};
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(pairs, &g, NULL), PVB_OK);
	assert_same(&g, &expected);
}

static void discard_alone_has_the_grain_of_a_sector(void **state)
{
	static const struct pair absent[PAIRS] = {
		{ "sectors", "800" }, { "sector-size", "4096" },
		{ "feature-discard", "1" },
	};
	static const struct pair zero[PAIRS] = {
		{ "sectors", "800" }, { "sector-size", "4096" },
		{ "feature-discard", "1" }, { "discard-granularity", "0" },
	};
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(absent, &g, NULL), PVB_OK);
	assert_int_equal(g.discard_granularity_bytes, 4096);
	assert_int_equal(g.discard_alignment_bytes, 0);
	assert_int_equal(get(zero, &g, NULL), PVB_OK);
	assert_int_equal(g.discard_granularity_bytes, 4096);
}

static void the_old_spelling_of_alignment_is_read(void **state)
{
	static const struct pair old[PAIRS] = {
		{ "sectors", "8" }, { "feature-discard", "1" },
		{ "discard-aligment", "1024" },
	};
	static const struct pair both[PAIRS] = {
		{ "sectors", "8" }, { "feature-discard", "1" },
		{ "discard-aligment", "1024" }, { "discard-alignment", "512" },
	};
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(old, &g, NULL), PVB_OK);
	assert_int_equal(g.discard_alignment_bytes, 1024);
	assert_int_equal(get(both, &g, NULL), PVB_OK);
	assert_int_equal(g.discard_alignment_bytes, 512);
}

static void without_discard_its_sizes_mean_nothing(void **state)
{
	static const struct pair pairs[PAIRS] = {
		{ "sectors", "8" }, { "feature-discard", "0" },
		{ "discard-granularity", "junk" }, { "discard-secure", "1" },
		{ "discard-alignment", "-1" },
	};
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(pairs, &g, NULL), PVB_OK);
	assert_false(g.discard_secure);
	assert_int_equal(g.discard_granularity_bytes, 0);
}

static void sector_sizes_are_powers_of_two_up_to_a_page(void **state)
{
	static const char *const bad_sizes[] = {
		"0", "1", "256", "511", "513", "520", "1000", "4097", "8192",
		"65536", "2147483648", "4294967295",
	};
	static const char *const good_sizes[] = {
		"512", "1024", "2048", "4096",
	};
	struct pvb_blk_geometry g;
	const char *bad;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(*bad_sizes); i++) {
		const struct pair pairs[PAIRS] = {
			{ "sectors", "64" }, { "sector-size", bad_sizes[i] },
		};

		assert_int_equal(get(pairs, &g, &bad), PVB_WHY_SECTOR_SIZE);
		assert_string_equal(bad, "sector-size");
	}
	for (size_t i = 0; i < sizeof(good_sizes) / sizeof(*good_sizes); i++) {
		const struct pair pairs[PAIRS] = {
			{ "sectors", "64" }, { "sector-size", good_sizes[i] },
		};

		assert_int_equal(get(pairs, &g, &bad), PVB_OK);
		assert_int_equal(g.physical_size_bytes, g.sector_size_bytes);
	}
}

static void the_largest_disk_has_offsets_that_a_file_can_have(void **state)
{
	static const struct pair most[PAIRS] = {
		{ "sectors", "18014398509481983" },
	};
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(most, &g, NULL), PVB_OK);
	assert_true(g.sectors * 512 <= INT64_MAX);
	assert_true((g.sectors + 1) * 512 > INT64_MAX);
}

static void an_empty_disk_is_one(void **state)
{
	static const struct pair empty[PAIRS] = { { "sectors", "0" } };
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(empty, &g, NULL), PVB_OK);
	assert_true(g.sectors == 0);
}

static void a_limit_for_indirect_segments_is_capped(void **state)
{
	static const struct pair pairs[PAIRS] = {
		{ "sectors", "8" },
		{ "feature-max-indirect-segments", "4294967295" },
	};
	struct pvb_blk_geometry g;

	(void)state;
	assert_int_equal(get(pairs, &g, NULL), PVB_OK);
	assert_int_equal(g.segs_indirect_max, PVB_BLK_SEGS_MAX);
}

static const struct {
	struct pair pairs[PAIRS];
	enum pvb_why why;
	const char *bad;
} refusals[] = {
	{ { { NULL, NULL } }, PVB_WHY_KEY_MISSING, "sectors" },
	{ { { "sectors", "" } }, PVB_WHY_KEY_SYNTAX, "sectors" },
	{ { { "sectors", "-1" } }, PVB_WHY_KEY_SYNTAX, "sectors" },
	/* x 512 goes over 2^63, over 2^64, and the number itself over 2^64 */
	{ { { "sectors", "18014398509481984" } }, PVB_WHY_KEY_LIMIT,
	  "sectors" },
	{ { { "sectors", "18446744073709551615" } }, PVB_WHY_KEY_LIMIT,
	  "sectors" },
	{ { { "sectors", "18446744073709551616" } }, PVB_WHY_KEY_SYNTAX,
	  "sectors" },
	{ { { "sectors", "8" }, { "sector-size", "512B" } },
	  PVB_WHY_KEY_SYNTAX, "sector-size" },
	{ { { "sectors", "8" }, { "sector-size", "4294967296" } },
	  PVB_WHY_KEY_LIMIT, "sector-size" },
	/* A back that counts in sectors of its own. */
	{ { { "sectors", "9" }, { "sector-size", "4096" } },
	  PVB_WHY_KEY_CONFLICT, "sectors" },
	{ { { "sectors", "8" }, { "physical-sector-size", "0" } },
	  PVB_WHY_KEY_CONFLICT, "physical-sector-size" },
	{ { { "sectors", "8" }, { "physical-sector-size", "700" } },
	  PVB_WHY_KEY_CONFLICT, "physical-sector-size" },
	{ { { "sectors", "8" }, { "sector-size", "4096" },
	    { "physical-sector-size", "512" } },
	  PVB_WHY_KEY_CONFLICT, "physical-sector-size" },
	{ { { "sectors", "8" }, { "info", "ro" } }, PVB_WHY_KEY_SYNTAX,
	  "info" },
	{ { { "sectors", "8" }, { "feature-flush-cache", "on" } },
	  PVB_WHY_KEY_SYNTAX, "feature-flush-cache" },
	{ { { "sectors", "8" }, { "feature-barrier", "" } },
	  PVB_WHY_KEY_SYNTAX, "feature-barrier" },
	{ { { "sectors", "8" }, { "feature-persistent", "-1" } },
	  PVB_WHY_KEY_SYNTAX, "feature-persistent" },
	{ { { "sectors", "8" }, { "feature-discard", "1x" } },
	  PVB_WHY_KEY_SYNTAX, "feature-discard" },
	{ { { "sectors", "8" }, { "feature-max-indirect-segments", "x" } },
	  PVB_WHY_KEY_SYNTAX, "feature-max-indirect-segments" },
	{ { { "sectors", "8" }, { "feature-discard", "1" },
	    { "discard-granularity", "4294967296" } },
	  PVB_WHY_KEY_LIMIT, "discard-granularity" },
	{ { { "sectors", "8" }, { "feature-discard", "1" },
	    { "discard-aligment", "x" } },
	  PVB_WHY_KEY_SYNTAX, "discard-aligment" },
	{ { { "sectors", "8" }, { "feature-discard", "1" },
	    { "discard-secure", "x" } },
	  PVB_WHY_KEY_SYNTAX, "discard-secure" },
};

static void bad_geometry_is_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct pvb_blk_geometry g, before;
		const char *bad = NULL;
		enum pvb_why why;

		memset(&g, 0x55, sizeof(g));
		before = g;
		why = get(refusals[i].pairs, &g, &bad);
		if (why != refusals[i].why)
			fail_msg("case %zu: %s", i, pvb_why_name(why));
		assert_string_equal(bad, refusals[i].bad);
		assert_memory_equal(&g, &before, sizeof(g));
	}
}

static void every_name_that_is_written_is_read(void **state)
{
	struct pvb_blk_geometry g;
	struct pvb_keys k = { 0 };

	(void)state;
	make_geometry(&g, 0xff);
	assert_int_equal(pvb_blk_geometry_put(&k, &g), 0);
	for (uint32_t i = 0; i < k.count; i++) {
		bool listed = false;

		for (int n = 0; pvb_blk_geometry_names[n]; n++)
			listed |= strcmp(pvb_blk_geometry_names[n],
					 k.bytes + k.key[i].name_at) == 0;
		assert_true(listed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometry_comes_back_from_its_keys),
		cmocka_unit_test(offer_and_geometry_share_one_directory),
		cmocka_unit_test(sectors_are_said_as_the_peer_counts),
		cmocka_unit_test(and_read_so),
		cmocka_unit_test(too_many_sectors_are_so_in_any_unit),
		cmocka_unit_test(info_has_the_bits_of_the_field),
		cmocka_unit_test(what_a_back_leaves_out_has_a_meaning),
		cmocka_unit_test(discard_alone_has_the_grain_of_a_sector),
		cmocka_unit_test(the_old_spelling_of_alignment_is_read),
		cmocka_unit_test(without_discard_its_sizes_mean_nothing),
		cmocka_unit_test(sector_sizes_are_powers_of_two_up_to_a_page),
		cmocka_unit_test(
			the_largest_disk_has_offsets_that_a_file_can_have),
		cmocka_unit_test(an_empty_disk_is_one),
		cmocka_unit_test(a_limit_for_indirect_segments_is_capped),
		cmocka_unit_test(bad_geometry_is_refused_by_name),
		cmocka_unit_test(every_name_that_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
