/* SPDX-License-Identifier: MIT */
/* A block device's options, and the same as nodes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "blk/blk_options.h"
#include "proto/keys.h"

static struct pvb_keys keys;

static struct pvb_blk_options defaults(void)
{
	struct pvb_blk_options o;

	memset(&keys, 0, sizeof(keys));
	pvb_blk_options_init(&o, 4);
	return o;
}

static void put_text(const char *name, const char *value)
{
	assert_int_equal(pvb_keys_put_text(&keys, name, value), 0);
}

static void defaults_are_those_of_a_back(void **state)
{
	struct pvb_blk_options o = defaults();
	struct pvb_blk_limits want, got;

	(void)state;
	memset(&want, 0, sizeof(want));
	memset(&got, 0, sizeof(got));
	pvb_blk_limits_back_default(&want, 4);
	pvb_blk_options_limits(&o, &got);
	assert_int_equal(got.ring_order_max, want.ring_order_max);
	assert_int_equal(got.queues_max, want.queues_max);
	assert_int_equal(got.indirect_max, want.indirect_max);
	assert_int_equal(got.persistent, want.persistent);
	assert_int_equal(got.flush, want.flush);
	assert_int_equal(got.barrier, want.barrier);
	assert_int_equal(got.discard, want.discard);
	assert_int_equal(got.segment_blocks, want.segment_blocks);
	assert_int_equal(o.given, 0);
	assert_int_equal(o.value[PVB_BLK_OPT_READ_ONLY], 0);
}

/* Every option takes the ends of its range, and nothing beyond. */
static void ranges_hold(void **state)
{
	struct pvb_blk_options o = defaults();

	(void)state;
	for (int i = 0; i < PVB_BLK_OPT_COUNT; i++) {
		uint32_t min, max;

		pvb_blk_opt_range(i, &min, &max);
		assert_true(min <= max);
		assert_int_equal(pvb_blk_options_set(&o, i, min), 0);
		assert_int_equal(pvb_blk_options_set(&o, i, max), 0);
		assert_int_equal(pvb_blk_options_set(&o, i, max + UINT64_C(1)),
		                 -ERANGE);
		assert_int_equal(pvb_blk_options_set(&o, i, max | 1ull << 32),
		                 -ERANGE);
		assert_int_equal(o.value[i], max);
		if (min > 0)
			assert_int_equal(pvb_blk_options_set(&o, i, min - 1),
			                 -ERANGE);
		assert_true(o.given & 1u << i);
		assert_true(strlen(pvb_blk_opt_name(i)) > 0);
	}
	assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_SECTOR_SIZE, 1024),
	                 -ERANGE);
	assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_SECTOR_SIZE, 512),
	                 0);
}

static void what_is_given_comes_back(void **state)
{
	struct pvb_blk_options o = defaults(), back = defaults();

	(void)state;
	for (int i = 0; i < PVB_BLK_OPT_COUNT; i++) {
		uint32_t min, max;

		if (i == PVB_BLK_OPT_FLOPPY)
			continue;       /* not both a floppy and a CD-ROM */
		pvb_blk_opt_range(i, &min, &max);
		assert_int_equal(pvb_blk_options_set(&o, i, max), 0);
	}
	assert_int_equal(pvb_blk_options_put(&o, &keys), 0);
	assert_int_equal(pvb_blk_options_get(&back, &keys, NULL), PVB_OK);
	for (int i = 0; i < PVB_BLK_OPT_COUNT; i++)
		assert_int_equal(back.value[i], o.value[i]);
}

static void what_is_not_given_is_not_written(void **state)
{
	struct pvb_blk_options o = defaults();

	(void)state;
	assert_int_equal(pvb_blk_options_put(&o, &keys), 0);
	assert_int_equal(keys.count, 3);
	assert_string_equal(pvb_keys_text(&keys, "mode"), "w");
	assert_string_equal(pvb_keys_text(&keys, "device-type"), "disk");
	assert_string_equal(pvb_keys_text(&keys, "removable"), "0");
}

/* As toolstacks write them: a drive's medium can be taken out. */
static void each_kind_has_its_nodes(void **state)
{
	static const struct {
		int opt;                /* -1: none */
		const char *mode, *type, *removable;
	} kinds[] = {
		{ -1, "w", "disk", "0" },
		{ PVB_BLK_OPT_READ_ONLY, "r", "disk", "0" },
		{ PVB_BLK_OPT_REMOVABLE, "w", "disk", "1" },
		{ PVB_BLK_OPT_CDROM, "r", "cdrom", "1" },
		{ PVB_BLK_OPT_FLOPPY, "w", "floppy", "1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct pvb_blk_options o = defaults();

		if (kinds[i].opt >= 0)
			pvb_blk_options_set(&o, kinds[i].opt, 1);
		assert_int_equal(pvb_blk_options_put(&o, &keys), 0);
		assert_string_equal(pvb_keys_text(&keys, "mode"),
		                    kinds[i].mode);
		assert_string_equal(pvb_keys_text(&keys, "device-type"),
		                    kinds[i].type);
		assert_string_equal(pvb_keys_text(&keys, "removable"),
		                    kinds[i].removable);
		assert_string_equal(pvb_blk_options_type(&o), kinds[i].type);
	}
}

static void every_node_that_is_written_is_read(void **state)
{
	struct pvb_blk_options o = defaults();

	(void)state;
	for (int i = 0; i < PVB_BLK_OPT_COUNT; i++)
		assert_int_equal(pvb_blk_options_set(&o, i, o.value[i]), 0);
	assert_int_equal(pvb_blk_options_put(&o, &keys), 0);
	for (uint32_t i = 0; i < keys.count; i++) {
		const char *name = keys.bytes + keys.key[i].name_at;
		const char *const *known = pvb_blk_options_names;

		while (*known && strcmp(*known, name) != 0)
			known++;
		if (!*known)
			fail_msg("%s is not read", name);
	}
}

static void a_reader_keeps_its_own_where_nothing_is_said(void **state)
{
	struct pvb_blk_options o = defaults();

	(void)state;
	o.value[PVB_BLK_OPT_RING_ORDER] = 1;
	put_text("mode", "w");
	put_text("pvb-indirect", "17");
	assert_int_equal(pvb_blk_options_get(&o, &keys, NULL), PVB_OK);
	assert_int_equal(o.value[PVB_BLK_OPT_RING_ORDER], 1);
	assert_int_equal(o.value[PVB_BLK_OPT_INDIRECT], 17);
	assert_true(o.given & 1u << PVB_BLK_OPT_INDIRECT);
	assert_false(o.given & 1u << PVB_BLK_OPT_RING_ORDER);
}

static void limits_are_what_was_set(void **state)
{
	struct pvb_blk_options o = defaults();
	struct pvb_blk_limits l;

	(void)state;
	assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_BLOCKS, 1), 0);
	assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_INDIRECT, 0), 0);
	pvb_blk_options_limits(&o, &l);
	assert_true(l.segment_blocks);
	assert_int_equal(l.indirect_max, 0);
}

static void a_named_value_is_a_name_in_its_node(void **state)
{
	struct pvb_blk_options o = defaults(), back = defaults();
	struct pvb_blk_limits l;

	(void)state;
	assert_string_equal(pvb_blk_opt_value_name(PVB_BLK_OPT_UNITS, 0),
	                    "spec");
	assert_null(pvb_blk_opt_value_name(PVB_BLK_OPT_UNITS,
	                                   PVB_BLK_UNITS_COUNT));
	assert_null(pvb_blk_opt_value_name(PVB_BLK_OPT_QUEUES, 0));
	assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_UNITS,
	                                     PVB_BLK_UNITS_FREEBSD), 0);
	assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_UNITS,
	                                     PVB_BLK_UNITS_COUNT), -ERANGE);
	assert_int_equal(pvb_blk_options_put(&o, &keys), 0);
	assert_string_equal(pvb_keys_text(&keys, "pvb-sector-units"),
	                    "freebsd");
	assert_int_equal(pvb_blk_options_get(&back, &keys, NULL), PVB_OK);
	pvb_blk_options_limits(&back, &l);
	assert_int_equal(l.units, PVB_BLK_UNITS_FREEBSD);
}

static void a_mode_that_is_unclear_is_read_only(void **state)
{
	static const struct { const char *mode; bool read_only; } modes[] = {
		{ "r", true }, { "w", false }, { "rw", false }, { "w!", false },
		{ "", true }, { "W", true }, { NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct pvb_blk_options o = defaults();

		if (modes[i].mode)
			put_text("mode", modes[i].mode);
		assert_int_equal(pvb_blk_options_get(&o, &keys, NULL), PVB_OK);
		assert_int_equal(o.value[PVB_BLK_OPT_READ_ONLY],
		                 modes[i].read_only);
	}
}

/* The toolstack's word on what a back may offer. */
static void discards_may_be_forbidden(void **state)
{
	static const struct { const char *value; bool may; } is[] = {
		{ "0", false }, { "1", true }, { NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(is) / sizeof(*is); i++) {
		struct pvb_blk_options o = defaults();

		if (is[i].value)
			put_text("discard-enable", is[i].value);
		assert_int_equal(pvb_blk_options_get(&o, &keys, NULL), PVB_OK);
		assert_int_equal(o.value[PVB_BLK_OPT_DISCARD], is[i].may);
		o = defaults();
		assert_int_equal(pvb_blk_options_set(&o, PVB_BLK_OPT_DISCARD,
		                                     is[i].may), 0);
		assert_int_equal(pvb_blk_options_put(&o, &keys), 0);
		assert_string_equal(pvb_keys_text(&keys, "discard-enable"),
		                    is[i].may ? "1" : "0");
	}
}

static void a_bad_node_is_named(void **state)
{
	static const struct { const char *name, *value; enum pvb_why why; }
	bad[] = {
		{ "pvb-ring-order", "5", PVB_WHY_KEY_LIMIT },
		{ "pvb-ring-order", "x", PVB_WHY_KEY_SYNTAX },
		{ "pvb-queues", "0", PVB_WHY_KEY_LIMIT },
		{ "pvb-indirect", "257", PVB_WHY_KEY_LIMIT },
		{ "pvb-sector-size", "1024", PVB_WHY_KEY_LIMIT },
		{ "pvb-sector-size", "0", PVB_WHY_KEY_LIMIT },
		{ "pvb-sector-units", "2", PVB_WHY_KEY_SYNTAX },
		{ "pvb-sector-units", "All", PVB_WHY_KEY_SYNTAX },
		{ "pvb-sector-units", "", PVB_WHY_KEY_SYNTAX },
		{ "pvb-flush", "2", PVB_WHY_KEY_LIMIT },
		{ "discard-enable", "", PVB_WHY_KEY_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct pvb_blk_options o = defaults();
		const char *name = NULL;

		put_text(bad[i].name, bad[i].value);
		assert_int_equal(pvb_blk_options_get(&o, &keys, &name),
		                 bad[i].why);
		assert_string_equal(name, bad[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_a_back),
		cmocka_unit_test(ranges_hold),
		cmocka_unit_test(what_is_given_comes_back),
		cmocka_unit_test(what_is_not_given_is_not_written),
		cmocka_unit_test(each_kind_has_its_nodes),
		cmocka_unit_test(every_node_that_is_written_is_read),
		cmocka_unit_test(a_reader_keeps_its_own_where_nothing_is_said),
		cmocka_unit_test(limits_are_what_was_set),
		cmocka_unit_test(a_named_value_is_a_name_in_its_node),
		cmocka_unit_test(a_mode_that_is_unclear_is_read_only),
		cmocka_unit_test(discards_may_be_forbidden),
		cmocka_unit_test(a_bad_node_is_named),
	};

	return cmocka_run_group_tests_name("blk_options", tests, NULL, NULL);
}
