/* SPDX-License-Identifier: MIT */
/* test_xspath.c - legal paths, and those of a device. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/xspath.h"

static const struct pvb_xsdev example = {
	.back_domid = 0, .front_domid = 7, .number = 51712,
	.kind = "pvb", .front_kind = "vbd",
};

static void paths_of_xenstore_are_legal(void **state)
{
	static const char *const good[] = {
		"/", "/a", "/local/domain/0/backend/vbd/1/51712/state",
		"/vm/0f6b-_@Z", "/@x", "/a/-",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!pvb_xspath_is_legal(good[i]))
			fail_msg("%s was refused", good[i]);
}

static void other_paths_are_not(void **state)
{
	static const char *const bad[] = {
		"", "a", "a/b", "//", "//a", "/a/", "/a//b", "/a b", "/a.b",
		"/..", "/a:b", "/a\nb", "/a\tb", "/\xc3\xa4", "/a*", "@a",
		"/a\x7f", "/\x01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (pvb_xspath_is_legal(bad[i]))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void watches_may_be_relative_or_special(void **state)
{
	(void)state;
	assert_true(pvb_xspath_is_legal_watch("/a/b"));
	assert_true(pvb_xspath_is_legal_watch("/"));
	assert_true(pvb_xspath_is_legal_watch("device/vbd"));
	assert_true(pvb_xspath_is_legal_watch("@introduceDomain"));
	assert_true(pvb_xspath_is_legal_watch("@releaseDomain/7"));
	assert_false(pvb_xspath_is_legal_watch(""));
	assert_false(pvb_xspath_is_legal_watch("@"));
	assert_false(pvb_xspath_is_legal_watch("@/x"));
	assert_false(pvb_xspath_is_legal_watch("device/"));
	assert_false(pvb_xspath_is_legal_watch("device//vbd"));
	assert_false(pvb_xspath_is_legal_watch("a b"));
	assert_false(pvb_xspath_is_legal_watch("/a/"));
}

static void paths_have_a_length(void **state)
{
	static char path[PVB_XS_PATH_MAX + 2];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	assert_false(pvb_xspath_is_legal(path));
	path[PVB_XS_PATH_MAX] = 0;
	assert_true(pvb_xspath_is_legal(path));
	assert_true(pvb_xspath_is_legal_watch(path));
	path[0] = 'a';
	assert_false(pvb_xspath_is_legal_watch(path));
	path[PVB_XS_RELATIVE_MAX + 1] = 0;
	assert_false(pvb_xspath_is_legal_watch(path));
	path[PVB_XS_RELATIVE_MAX] = 0;
	assert_true(pvb_xspath_is_legal_watch(path));
}

static void print_knows_texts_and_numbers(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(pvb_xspath_print(out, sizeof(out), "%s/%u/%s%u", "ab",
					  0U, "", 4294967295U), 0);
	assert_string_equal(out, "ab/0/4294967295");
	assert_int_equal(pvb_xspath_print(out, sizeof(out), "plain"), 0);
	assert_string_equal(out, "plain");
}

static void what_does_not_fit_is_not_printed(void **state)
{
	char out[8] = "before";

	(void)state;
	assert_int_equal(pvb_xspath_print(out, 8, "%s", "1234567"), 0);
	assert_string_equal(out, "1234567");
	assert_int_equal(pvb_xspath_print(out, 8, "%s", "12345678"),
			 -ENAMETOOLONG);
	assert_string_equal(out, "");
	assert_int_equal(pvb_xspath_print(out, 8, "123%u", 45678U),
			 -ENAMETOOLONG);
	assert_string_equal(out, "");
	assert_int_equal(pvb_xspath_print(out, 1, "%s", ""), 0);
	assert_int_equal(pvb_xspath_print(out, 0, "%s", ""), -ENAMETOOLONG);
}

static void a_device_has_two_directories(void **state)
{
	char out[128];

	(void)state;
	assert_int_equal(pvb_xsdev_back_path(&example, out, sizeof(out)), 0);
	assert_string_equal(out, "/local/domain/0/backend/pvb/7/51712");
	assert_int_equal(pvb_xsdev_front_path(&example, out, sizeof(out)), 0);
	assert_string_equal(out, "/local/domain/7/device/vbd/51712");
	assert_int_equal(pvb_xsdev_front_path(&example, out, 10),
			 -ENAMETOOLONG);
}

static void a_back_path_comes_apart(void **state)
{
	struct pvb_xsdev d;
	const char *rest;

	(void)state;
	assert_true(pvb_xsdev_parse_back(
		"/local/domain/3/backend/pvb/7/51712/online", 3, &d, &rest));
	assert_int_equal(d.back_domid, 3);
	assert_int_equal(d.front_domid, 7);
	assert_int_equal(d.number, 51712);
	assert_string_equal(d.kind, "pvb");
	assert_string_equal(d.front_kind, "vbd");
	assert_string_equal(rest, "online");
	assert_true(pvb_xsdev_parse_back("/local/domain/0/backend/vscsi/1/0",
					 0, &d, &rest));
	assert_string_equal(d.kind, "vscsi");
	assert_string_equal(d.front_kind, "vscsi");
	assert_string_equal(rest, "");
	assert_true(pvb_xsdev_parse_back(
		"/local/domain/0/backend/vbd/1/2/queue-0/ring-ref", 0, &d,
		&rest));
	assert_string_equal(rest, "queue-0/ring-ref");
}

static void what_parse_takes_is_what_path_gives(void **state)
{
	struct pvb_xsdev d;
	const char *rest;
	char out[128];

	(void)state;
	assert_int_equal(pvb_xsdev_back_path(&example, out, sizeof(out)), 0);
	assert_true(pvb_xsdev_parse_back(out, 0, &d, &rest));
	assert_memory_equal(&d, &example, sizeof(d));
}

static void paths_of_no_back_are_refused(void **state)
{
	static const char *const bad[] = {
		"/local/domain/0/backend", "/local/domain/0/backend/vbd",
		"/local/domain/0/backend/vbd/1",
		"/local/domain/0/backend/vbd/1/",
		"/local/domain/0/backend//1/2",
		"/local/domain/0/backend/vbd/x/2",
		"/local/domain/0/backend/vbd/1/x",
		"/local/domain/0/backend/vbd/01/2",
		"/local/domain/0/backend/vbd/1/-2",
		"/local/domain/0/backend/vbd/32752/2",
		"/local/domain/0/backend/vbd/1/4294967296",
		"/local/domain/0/backend/sixteen-letters-/1/2",
		"/local/domain/1/backend/vbd/1/2",
		"/local/domain/00/backend/vbd/1/2",
		"/local/domain/0/device/vbd/1/2",
		"local/domain/0/backend/vbd/1/2",
		"/local/domain/0/backend/vbd/1/2/a b",
	};
	struct pvb_xsdev d;
	const char *rest;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (pvb_xsdev_parse_back(bad[i], 0, &d, &rest))
			fail_msg("%s was taken", bad[i]);
	assert_true(pvb_xsdev_parse_back(
		"/local/domain/0/backend/fifteen-letters/32751/4294967295", 0,
		&d, &rest));
	assert_int_equal(d.front_domid, PVB_XS_DOMID_MAX);
	assert_int_equal(d.number, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_of_xenstore_are_legal),
		cmocka_unit_test(other_paths_are_not),
		cmocka_unit_test(watches_may_be_relative_or_special),
		cmocka_unit_test(paths_have_a_length),
		cmocka_unit_test(print_knows_texts_and_numbers),
		cmocka_unit_test(what_does_not_fit_is_not_printed),
		cmocka_unit_test(a_device_has_two_directories),
		cmocka_unit_test(a_back_path_comes_apart),
		cmocka_unit_test(what_parse_takes_is_what_path_gives),
		cmocka_unit_test(paths_of_no_back_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
