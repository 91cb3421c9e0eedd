/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "disk/uri.h"

static struct pvb_uri uri;
static struct pvb_err err;

static bool is_scheme(const char *scheme, void *arg)
{
	return !strcmp(scheme, "file") || !strcmp(scheme, "mem") ||
	       !strcmp(scheme, arg);
}

static int split(const char *text)
{
	memset(&err, 0, sizeof(err));
	return pvb_uri_split(text, is_scheme, (void *)(uintptr_t)"x+9", &uri,
	                     &err);
}

static void expect_path(const char *text)
{
	assert_int_equal(split(text), 0);
	assert_string_equal(uri.scheme, "file");
	assert_string_equal(uri.body, text);
	assert_int_equal(uri.count, 0);
}

static void expect_refused(const char *text, int code, const char *sentence)
{
	assert_int_equal(split(text), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, sentence);
}

static void a_bare_path_is_taken_whole(void **state)
{
	(void)state;
	expect_path("disk.img");
	expect_path("/tmp/a disk?direct=on&x%20%zz");
	expect_path("./mem:64M");
	expect_path("C:");
	expect_path("A:b");
	expect_path("my-disk:1");
	expect_path(":");
}

static void a_known_scheme_is_cut_off(void **state)
{
	(void)state;
	assert_int_equal(split("mem:64M"), 0);
	assert_string_equal(uri.scheme, "mem");
	assert_string_equal(uri.body, "64M");
	assert_int_equal(split("x+9:"), 0);
	assert_string_equal(uri.scheme, "x+9");
	assert_string_equal(uri.body, "");
	assert_int_equal(split("file:a:b"), 0);
	assert_string_equal(uri.body, "a:b");
}

static void body_names_and_values_are_decoded(void **state)
{
	(void)state;
	assert_int_equal(split("file:/a%20b%3Fc%25?na%6de=v%26%3d=&b="), 0);
	assert_string_equal(uri.body, "/a b?c%");
	assert_int_equal(uri.count, 2);
	assert_string_equal(uri.option[0].name, "name");
	assert_string_equal(uri.option[0].value, "v&==");
	assert_string_equal(uri.option[1].name, "b");
	assert_string_equal(uri.option[1].value, "");
}

static void a_uri_inside_keeps_its_options(void **state)
{
	(void)state;
	assert_int_equal(split("x+9:file:/i%3Fdirect=on?fail=EIO"), 0);
	assert_string_equal(uri.body, "file:/i?direct=on");
	assert_int_equal(uri.count, 1);
	assert_string_equal(uri.option[0].value, "EIO");
}

static void bad_percent_signs_are_refused(void **state)
{
	(void)state;
	expect_refused("file:a%2", -EINVAL,
	               "\"%2\" is no percent-encoded character");
	expect_refused("file:a%zzb", -EINVAL,
	               "\"%zz\" is no percent-encoded character");
	expect_refused("file:a%00b", -EINVAL,
	               "\"%00\" is no percent-encoded character");
	expect_refused("file:a?b=%", -EINVAL,
	               "\"%\" is no percent-encoded character");
}

static void options_must_have_a_name_and_a_value(void **state)
{
	(void)state;
	expect_refused("file:a?direct", -EINVAL,
	               "option \"direct\" is not of the form NAME=VALUE");
	expect_refused("file:a?", -EINVAL,
	               "option \"\" is not of the form NAME=VALUE");
	expect_refused("file:a?=on", -EINVAL,
	               "option \"=on\" is not of the form NAME=VALUE");
	expect_refused("file:a?b=c&", -EINVAL,
	               "option \"\" is not of the form NAME=VALUE");
}

static void options_are_limited_in_number(void **state)
{
	char text[256] = "file:a?o=1";

	(void)state;
	for (int i = 1; i < PVB_URI_OPTIONS_MAX; i++)
		strcat(text, "&o=1");
	assert_int_equal(split(text), 0);
	assert_int_equal(uri.count, PVB_URI_OPTIONS_MAX);
	strcat(text, "&o=1");
	expect_refused(text, -EINVAL, "more than 16 options");
}

static void nothing_and_too_much_are_refused(void **state)
{
	static char text[PVB_URI_BYTES + 1];

	(void)state;
	expect_refused("", -EINVAL, "no disk is named");
	memset(text, 'a', PVB_URI_BYTES);
	expect_refused(text, -ENAMETOOLONG, "longer than 4607 bytes");
	text[PVB_URI_BYTES - 1] = '\0';
	assert_int_equal(split(text), 0);
}

static void an_unknown_scheme_is_named(void **state)
{
	(void)state;
	expect_refused("qcow9:/a/b.img", -EPROTONOSUPPORT,
	               "unknown kind of disk \"qcow9\"");
	expect_refused("nbd+x:", -EPROTONOSUPPORT,
	               "unknown kind of disk \"nbd+x\"");
}

static void a_file_with_a_colon_in_its_name_is_found(void **state)
{
	char dir[] = "/tmp/pvb-uri-XXXXXX";
	char name[] = "ab:c";
	int home = open(".", O_RDONLY | O_DIRECTORY), fd;

	(void)state;
	assert_true(home >= 0);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(split(name), -EPROTONOSUPPORT);
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	expect_path(name);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(fchdir(home), 0);
	(void)close(home);
	assert_int_equal(rmdir(dir), 0);
}

static void options_are_found_once_each(void **state)
{
	(void)state;
	assert_int_equal(split("mem:1?a=1&b=2&a=3"), 0);
	assert_string_equal(pvb_uri_option(&uri, "a"), "1");
	assert_string_equal(pvb_uri_option(&uri, "a"), "3");
	assert_null(pvb_uri_option(&uri, "a"));
	assert_null(pvb_uri_option(&uri, "c"));
	assert_string_equal(pvb_uri_option(&uri, "b"), "2");
	assert_int_equal(pvb_uri_all_used(&uri, &err), 0);
}

static void an_option_nobody_asked_for_is_named(void **state)
{
	(void)state;
	assert_int_equal(split("mem:1?a=1&wrong=2"), 0);
	(void)pvb_uri_option(&uri, "a");
	assert_int_equal(pvb_uri_all_used(&uri, &err), -EINVAL);
	assert_string_equal(err.text, "mem: has no option \"wrong\"");
	assert_int_equal(pvb_uri_all_used(&uri, NULL), -EINVAL);
}

static void an_option_given_twice_is_named(void **state)
{
	(void)state;
	assert_int_equal(split("mem:1?a=1&a=2"), 0);
	(void)pvb_uri_option(&uri, "a");
	assert_int_equal(pvb_uri_all_used(&uri, &err), -EINVAL);
	assert_string_equal(err.text, "option \"a\" is given twice");
}

static void expect_size(const char *text, uint64_t bytes)
{
	uint64_t n = 7;

	assert_true(pvb_parse_size(text, &n));
	assert_true(n == bytes);
}

static void sizes_have_units_of_1024(void **state)
{
	(void)state;
	expect_size("0", 0);
	expect_size("512", 512);
	expect_size("4k", 4096);
	expect_size("4K", 4096);
	expect_size("1M", 1 << 20);
	expect_size("3MiB", 3 << 20);
	expect_size("2G", UINT64_C(2) << 30);
	expect_size("1TiB", UINT64_C(1) << 40);
	expect_size("15E", UINT64_C(15) << 60);
	expect_size("18446744073709551615", UINT64_MAX);
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1.5G", "0x10", "k", "1kk", "1KB",
		"1Mi", "1MiBs", "1Z", "16E", "18446744073709551616",
		"99999999999999999999999", "18014398509481984k",
	};
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pvb_parse_size(bad[i], &n));
	assert_true(n == 7);
}

static void encoding_survives_the_way_back(void **state)
{
	char text[256], out[1024], whole[1100];

	(void)state;
	for (int i = 0; i < 255; i++)
		text[i] = (char)(i + 1);
	text[255] = '\0';
	assert_int_equal(pvb_uri_encode(text, out, sizeof(out)), 0);
	assert_null(strpbrk(out, "?& =#\n"));
	strcpy(whole, "mem:");
	strcat(whole, out);
	assert_int_equal(split(whole), 0);
	assert_string_equal(uri.body, text);
	assert_int_equal(pvb_uri_encode("/a/b.img", out, sizeof(out)), 0);
	assert_string_equal(out, "/a/b.img");
}

static void encoding_says_when_there_is_no_room(void **state)
{
	char out[8] = "x";

	(void)state;
	assert_int_equal(pvb_uri_encode("ab????", out, 8), -ENAMETOOLONG);
	assert_string_equal(out, "");
	assert_int_equal(pvb_uri_encode("1234567", out, 8), 0);
	assert_int_equal(pvb_uri_encode("12345678", out, 8), -ENAMETOOLONG);
	assert_int_equal(pvb_uri_encode("1234 ", out, 8), 0);
	assert_int_equal(pvb_uri_encode("12345 ", out, 8), -ENAMETOOLONG);
	assert_int_equal(pvb_uri_encode("", out, 0), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_path_is_taken_whole),
		cmocka_unit_test(a_known_scheme_is_cut_off),
		cmocka_unit_test(body_names_and_values_are_decoded),
		cmocka_unit_test(a_uri_inside_keeps_its_options),
		cmocka_unit_test(bad_percent_signs_are_refused),
		cmocka_unit_test(options_must_have_a_name_and_a_value),
		cmocka_unit_test(options_are_limited_in_number),
		cmocka_unit_test(nothing_and_too_much_are_refused),
		cmocka_unit_test(an_unknown_scheme_is_named),
		cmocka_unit_test(a_file_with_a_colon_in_its_name_is_found),
		cmocka_unit_test(options_are_found_once_each),
		cmocka_unit_test(an_option_nobody_asked_for_is_named),
		cmocka_unit_test(an_option_given_twice_is_named),
		cmocka_unit_test(sizes_have_units_of_1024),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(encoding_survives_the_way_back),
		cmocka_unit_test(encoding_says_when_there_is_no_room),
	};

	return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
