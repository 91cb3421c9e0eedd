/* SPDX-License-Identifier: MIT */
/* One device as it stands in a real store, and who its backend is. */
#include "ctl_bench.h"

#include "blk/blk_nodes_look.h"

#define OTHER "/local/domain/0/backend/qdisk/3/51712"
#define NOTES "/libxl/3/device/vbd/51712"

static struct pvb_blk_look seen;
static const struct pvb_blk_look_for xvda = {
	.front_domid = FRONT, .number = VDEV,
};

static int look(const struct pvb_blk_look_for *what)
{
	struct pvb_err e = PVB_ERR_INIT;
	int r = pvb_blk_nodes_look(bench.tools, what, &seen, &e);

	assert_int_equal(r, e.code);
	return r;
}

static void expect_back(const char *kind)
{
	assert_int_equal(look(&xvda), 0);
	assert_string_equal(seen.dev.kind, kind);
	assert_int_equal(seen.dev.back_domid, BACK);
	assert_int_equal(seen.dev.front_domid, FRONT);
	assert_int_equal(seen.dev.number, VDEV);
}

/* Of another kind, for the same front, by a toolstack. */
static void make_other(const char *dir)
{
	put(bench.tools, dir, "state", "2");
	put(bench.tools, dir, "frontend", bench.front);
	put(bench.tools, dir, "frontend-id", "3");
}

static void both_directories_are_read(void **state)
{
	(void)state;
	put(bench.guest, bench.front, "ring-ref", "8");
	put(bench.guest, bench.front, "feature-odd", "1");
	expect_back("pvb");
	assert_true(seen.back_there);
	assert_true(seen.front_there);
	assert_false(seen.front_hidden);
	assert_false(seen.more);
	assert_string_equal(pvb_keys_text(&seen.back, "params"), "mem:1M");
	assert_string_equal(pvb_keys_text(&seen.front, "ring-ref"), "8");
	assert_string_equal(pvb_keys_text(&seen.front, "feature-odd"), "1");
	assert_string_equal(seen.toolstack, "");
}

static void queues_are_read_as_deep_as_they_are(void **state)
{
	(void)state;
	put(bench.guest, bench.front, "multi-queue-num-queues", "2");
	put(bench.guest, bench.front, "queue-1/ring-ref", "9");
	put(bench.guest, bench.front, "queue-2/ring-ref", "10");
	expect_back("pvb");
	assert_string_equal(pvb_keys_text(&seen.front, "queue-1/ring-ref"),
	                    "9");
	assert_false(pvb_keys_has(&seen.front, "queue-2/ring-ref"));
}

static void nothing_there_is_said(void **state)
{
	const struct pvb_blk_look_for none = { .front_domid = FRONT,
		.number = 768 };

	(void)state;
	assert_int_equal(look(&none), -ENOENT);
}

static void half_a_device_is_shown(void **state)
{
	(void)state;
	take_away(bench.tools, bench.back);
	expect_back("pvb");             /* as the front remembers it */
	assert_false(seen.back_there);
	assert_true(seen.front_there);
}

static void the_other_half_too(void **state)
{
	(void)state;
	take_away(bench.tools, bench.front);
	expect_back("pvb");
	assert_true(seen.back_there);
	assert_false(seen.front_there);
}

static void a_front_may_name_who_serves_it(void **state)
{
	(void)state;
	make_other(OTHER);
	expect_back("pvb");
	put(bench.guest, bench.front, "backend", OTHER);
	expect_back("qdisk");
}

static void a_front_cannot_name_who_does_not(void **state)
{
	static const char *const names[] = {
		"/local/domain/0/backend/qdisk/7/51712",
		"/local/domain/0/backend/qdisk/3/51728",
		"/local/domain/0/backend/none/3/51712",
		"/local/domain/99999/backend/qdisk/3/51712",
		"/local/domain/0/backend/vscsi/3/51712",
		OTHER "/deeper", "", "/", "x",
	};

	(void)state;
	make_other("/local/domain/0/backend/qdisk/7/51712");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		put(bench.guest, bench.front, "backend", names[i]);
		expect_back("pvb");
	}
	/* It is there, and serves another. */
	make_other(OTHER);
	put(bench.tools, OTHER, "frontend-id", "7");
	put(bench.guest, bench.front, "backend", OTHER);
	expect_back("pvb");
	put(bench.tools, OTHER, "frontend-id", "3");
	put(bench.tools, OTHER, "frontend", "/local/domain/7/device/vbd/51712");
	expect_back("pvb");
}

static void without_any_other_it_is_no_backend(void **state)
{
	(void)state;
	take_away(bench.tools, bench.back);
	put(bench.tools, OTHER, "frontend-id", "7");
	put(bench.tools, OTHER, "frontend", "/local/domain/7/device/vbd/51712");
	put(bench.guest, bench.front, "backend", OTHER);
	expect_back("");
	assert_false(seen.back_there);
}

static void the_toolstacks_notes_go_before_the_guests_word(void **state)
{
	(void)state;
	make_other(OTHER);
	put(bench.tools, NOTES, "backend", OTHER);
	expect_back("qdisk");
	assert_string_equal(seen.toolstack, OTHER);
	assert_string_equal(pvb_keys_text(&seen.front, "backend"), bench.back);
}

static void who_is_told_looks_nowhere_else(void **state)
{
	struct pvb_blk_look_for what = xvda;

	(void)state;
	put(bench.tools, NOTES, "backend", bench.back);
	make_other(OTHER);
	what.kind = "qdisk";
	assert_int_equal(look(&what), 0);
	assert_string_equal(seen.dev.kind, "qdisk");
	assert_true(seen.back_there);
	what.kind = "vbd3";
	assert_int_equal(look(&what), 0);
	assert_string_equal(seen.dev.kind, "vbd3");
	assert_false(seen.back_there);
	what.kind = NULL;
	what.back_given = true;
	what.back_domid = 5;
	assert_int_equal(look(&what), 0);
	assert_string_equal(seen.dev.kind, "");
	what.kind = "no/kind";
	assert_int_equal(look(&what), -EINVAL);
	what.kind = "longer-than-a-kind-is";
	assert_int_equal(look(&what), -EINVAL);
}

static void complaints_of_both_are_read(void **state)
{
	(void)state;
	put(bench.tools, "/local/domain/0/error/backend/pvb/3/51712", "error",
	    "22 no such disk");
	put(bench.guest, "/local/domain/3/error/device/vbd/51712", "error",
	    "5 reading\x1b[2J");
	expect_back("pvb");
	assert_string_equal(seen.back_error, "no such disk");
	assert_string_equal(seen.front_error, "reading\x1b[2J");
}

/* A guest fills its directory; what is known comes first. */
static void a_directory_without_end_is_cut(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < 2 * PVB_BLK_LOOK_UNKNOWN_MAX; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		put(bench.guest, bench.front, name, "x");
	}
	put(bench.guest, bench.front, "ring-ref", "8");
	expect_back("pvb");
	assert_true(seen.more);
	assert_true(pvb_keys_has(&seen.front, "ring-ref"));
	assert_true(pvb_keys_has(&seen.front, "virtual-device"));
}

static void a_name_too_long_is_left_out(void **state)
{
	(void)state;
	put(bench.guest, bench.front, "a-name-that-is-longer-than-any-name-of-"
	    "a-node-that-matters", "x");
	expect_back("pvb");
	assert_true(seen.more);
}

static void values_are_bytes(void **state)
{
	char path[160], value[300];
	size_t bytes = 0;

	(void)state;
	memset(value, 'v', sizeof(value));
	snprintf(path, sizeof(path), "%s/protocol", bench.front);
	assert_int_equal(bench.guest->ops->write(bench.guest, 0, path, value,
	                                         sizeof(value)), 0);
	snprintf(path, sizeof(path), "%s/ring-ref", bench.front);
	assert_int_equal(bench.guest->ops->write(bench.guest, 0, path,
	                                         "\0\xff", 2), 0);
	expect_back("pvb");
	assert_true(pvb_keys_has(&seen.front, "protocol"));
	assert_null(pvb_keys_value(&seen.front, "protocol", &bytes));
	assert_memory_equal(pvb_keys_value(&seen.front, "ring-ref", &bytes),
	                    "\0\xff", 2);
	assert_int_equal(bytes, 2);
}

static const struct pvb_store_ops *real;

static int always_too_late(struct pvb_store *s, uint32_t tx)
{
	real->abort(s, tx);
	return -EAGAIN;
}

/* So that none of our transactions can be committed. */
static void a_guest_that_never_stops_writing_hides_nothing(void **state)
{
	struct pvb_store_ops ops = *bench.tools->ops;

	(void)state;
	real = bench.tools->ops;
	ops.commit = always_too_late;
	bench.tools->ops = &ops;
	expect_back("pvb");
	bench.tools->ops = real;
	assert_true(seen.front_there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_directories_are_read),
		TEST(queues_are_read_as_deep_as_they_are),
		TEST(nothing_there_is_said),
		TEST(half_a_device_is_shown),
		TEST(the_other_half_too),
		TEST(a_front_may_name_who_serves_it),
		TEST(a_front_cannot_name_who_does_not),
		TEST(without_any_other_it_is_no_backend),
		TEST(the_toolstacks_notes_go_before_the_guests_word),
		TEST(who_is_told_looks_nowhere_else),
		TEST(complaints_of_both_are_read),
		TEST(a_directory_without_end_is_cut),
		TEST(a_name_too_long_is_left_out),
		TEST(values_are_bytes),
		TEST(a_guest_that_never_stops_writing_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
