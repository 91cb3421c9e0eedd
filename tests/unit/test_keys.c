/* SPDX-License-Identifier: MIT */
/* test_keys.c - bounded sets of names and values, and their typed reads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/keys.h"

static enum pvb_why parse(const char *text, uint64_t max, uint64_t *out)
{
	return pvb_parse_u64(text, strlen(text), max, out);
}

static void a_value_comes_back_as_it_was_put(void **state)
{
	struct pvb_keys k = { 0 };
	uint64_t n;

	(void)state;
	assert_int_equal(pvb_keys_put_text(&k, "protocol", "x86_64-abi"), 0);
	assert_int_equal(pvb_keys_put_u64(&k, "sectors", 0), 0);
	assert_int_equal(pvb_keys_put_u64(&k, "most", UINT64_MAX), 0);
	assert_int_equal(pvb_keys_put(&k, "event-channel", "17", 2), 0);
	assert_int_equal(k.count, 4);
	assert_string_equal(pvb_keys_text(&k, "protocol"), "x86_64-abi");
	assert_string_equal(pvb_keys_text(&k, "most"), "18446744073709551615");
	assert_int_equal(pvb_keys_u64(&k, "sectors", 0, &n), PVB_OK);
	assert_int_equal(n, 0);
	assert_int_equal(pvb_keys_u64(&k, "most", UINT64_MAX, &n), PVB_OK);
	assert_true(n == UINT64_MAX);
	assert_int_equal(pvb_keys_u64(&k, "event-channel", 17, &n), PVB_OK);
	assert_int_equal(n, 17);
}

static void a_name_that_is_not_there_is_missing(void **state)
{
	struct pvb_keys k = { 0 };
	uint64_t n = 5;
	bool b = true;

	(void)state;
	assert_int_equal(pvb_keys_put_u64(&k, "ring-ref1", 1), 0);
	assert_false(pvb_keys_has(&k, "ring-ref"));
	assert_false(pvb_keys_has(&k, "ring-ref10"));
	assert_true(pvb_keys_has(&k, "ring-ref1"));
	assert_null(pvb_keys_text(&k, "ring-ref"));
	assert_int_equal(pvb_keys_u64(&k, "ring-ref", 9, &n),
			 PVB_WHY_KEY_MISSING);
	assert_int_equal(n, 5);
	assert_int_equal(pvb_keys_u64_or(&k, "ring-ref", 9, 70, &n), PVB_OK);
	assert_int_equal(n, 70);
	assert_int_equal(pvb_keys_bool_or(&k, "ring-ref", false, &b), PVB_OK);
	assert_false(b);
	assert_int_equal(pvb_keys_bool_or(&k, "ring-ref", true, &b), PVB_OK);
	assert_true(b);
}

static void a_name_is_put_once(void **state)
{
	struct pvb_keys k = { 0 };

	(void)state;
	assert_int_equal(pvb_keys_put_text(&k, "state", "1"), 0);
	assert_int_equal(pvb_keys_put_text(&k, "state", "2"), -EEXIST);
	assert_string_equal(pvb_keys_text(&k, "state"), "1");
	assert_int_equal(k.count, 1);
}

static void a_value_may_be_any_bytes(void **state)
{
	char long_one[PVB_KEYS_VALUE_MAX + 1];
	struct pvb_keys k = { 0 };
	size_t bytes = 9;

	(void)state;
	memset(long_one, 'x', sizeof(long_one));
	assert_int_equal(pvb_keys_put(&k, "inside", "1\0002", 3), 0);
	assert_int_equal(pvb_keys_put(&k, "none", NULL, 0), 0);
	assert_int_equal(pvb_keys_put(&k, "long", long_one, sizeof(long_one)),
			 0);
	assert_memory_equal(pvb_keys_value(&k, "inside", &bytes), "1\0002", 3);
	assert_int_equal(bytes, 3);
	assert_null(pvb_keys_value(&k, "absent", &bytes));
	assert_null(pvb_keys_value(&k, "long", &bytes));
	assert_int_equal(bytes, 3);
	assert_non_null(pvb_keys_value(&k, "none", &bytes));
	assert_int_equal(bytes, 0);
}

static void a_name_has_a_length(void **state)
{
	char name[PVB_KEYS_NAME_MAX + 2];
	struct pvb_keys k = { 0 };

	(void)state;
	memset(name, 'n', sizeof(name));
	name[PVB_KEYS_NAME_MAX + 1] = 0;
	assert_int_equal(pvb_keys_put_text(&k, "", "1"), -EINVAL);
	assert_int_equal(pvb_keys_put_text(&k, name, "1"), -EINVAL);
	name[PVB_KEYS_NAME_MAX] = 0;
	assert_int_equal(pvb_keys_put_text(&k, name, "1"), 0);
	assert_true(pvb_keys_has(&k, name));
}

static void a_trailing_nul_is_tolerated_once(void **state)
{
	struct pvb_keys k = { 0 };
	uint64_t n;

	(void)state;
	assert_int_equal(pvb_keys_put(&k, "one", "12\0", 3), 0);
	assert_int_equal(pvb_keys_put(&k, "two", "12\0\0", 4), 0);
	assert_int_equal(pvb_keys_put(&k, "inside", "1\0002", 3), 0);
	assert_int_equal(pvb_keys_put(&k, "only", "\0", 1), 0);
	assert_int_equal(pvb_keys_put(&k, "none", NULL, 0), 0);
	assert_int_equal(pvb_keys_u64(&k, "one", 99, &n), PVB_OK);
	assert_int_equal(n, 12);
	assert_string_equal(pvb_keys_text(&k, "one"), "12");
	assert_null(pvb_keys_text(&k, "inside"));
	assert_int_equal(pvb_keys_u64(&k, "inside", 99, &n),
			 PVB_WHY_KEY_SYNTAX);
	assert_int_equal(pvb_keys_u64(&k, "only", 99, &n), PVB_WHY_KEY_SYNTAX);
	assert_string_equal(pvb_keys_text(&k, "only"), "");
	assert_int_equal(pvb_keys_u64(&k, "none", 99, &n), PVB_WHY_KEY_SYNTAX);
	assert_string_equal(pvb_keys_text(&k, "none"), "");
	assert_null(pvb_keys_text(&k, "two"));
	assert_int_equal(pvb_keys_u64(&k, "two", 99, &n), PVB_WHY_KEY_SYNTAX);
}

static void a_value_that_is_too_long_is_there_but_nothing(void **state)
{
	char value[PVB_KEYS_VALUE_MAX + 1];
	struct pvb_keys k = { 0 };
	uint64_t n = 7;
	bool b = false;

	(void)state;
	memset(value, '1', sizeof(value));
	assert_int_equal(pvb_keys_put(&k, "fits", value, PVB_KEYS_VALUE_MAX),
			 0);
	assert_int_equal(pvb_keys_put(&k, "long", value, sizeof(value)), 0);
	assert_int_equal(strlen(pvb_keys_text(&k, "fits")),
			 PVB_KEYS_VALUE_MAX);
	assert_true(pvb_keys_has(&k, "long"));
	assert_null(pvb_keys_text(&k, "long"));
	assert_int_equal(pvb_keys_u64(&k, "long", UINT64_MAX, &n),
			 PVB_WHY_KEY_SYNTAX);
	assert_int_equal(pvb_keys_u64_or(&k, "long", UINT64_MAX, 1, &n),
			 PVB_WHY_KEY_SYNTAX);
	assert_int_equal(pvb_keys_bool_or(&k, "long", true, &b),
			 PVB_WHY_KEY_SYNTAX);
	assert_int_equal(n, 7);
	assert_false(b);
}

static void a_set_holds_so_many_names(void **state)
{
	struct pvb_keys k = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < PVB_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		assert_int_equal(pvb_keys_put_u64(&k, name, (uint64_t)i), 0);
	}
	assert_int_equal(pvb_keys_put_text(&k, "more", ""), -ENOSPC);
	for (int i = 0; i < PVB_KEYS_MAX; i++) {
		uint64_t n;

		snprintf(name, sizeof(name), "k%d", i);
		assert_int_equal(pvb_keys_u64(&k, name, PVB_KEYS_MAX, &n),
				 PVB_OK);
		assert_int_equal(n, i);
	}
}

static void names_find_room_behind_any_values(void **state)
{
	char value[PVB_KEYS_VALUE_MAX], name[PVB_KEYS_NAME_MAX + 1];
	struct pvb_keys k = { 0 };
	bool was_long = false;

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < PVB_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "%0*d", PVB_KEYS_NAME_MAX, i);
		assert_int_equal(pvb_keys_put(&k, name, value, sizeof(value)),
				 0);
		assert_true(pvb_keys_has(&k, name));
		if (!pvb_keys_text(&k, name))
			was_long = true;
		else
			assert_memory_equal(pvb_keys_text(&k, name), value,
					    sizeof(value));
	}
	assert_true(was_long);
	assert_true(k.used <= PVB_KEYS_BYTES);
	snprintf(name, sizeof(name), "%0*d", PVB_KEYS_NAME_MAX, 0);
	assert_non_null(pvb_keys_text(&k, name));
}

static void numbers_are_decimal_and_nothing_else(void **state)
{
	static const char *const junk[] = {
		"", " ", "-1", "+1", "0x10", "1x", "x1", " 1", "1 ", "1\n",
		"1.0", "1e3", "1,000", "00", "01", "0777", "\xb2",
		"18446744073709551616", "99999999999999999999",
		"184467440737095516150",
	};
	uint64_t n = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		if (parse(junk[i], UINT64_MAX, &n) != PVB_WHY_KEY_SYNTAX)
			fail_msg("\"%s\" was taken", junk[i]);
	assert_int_equal(n, 42);
	assert_int_equal(pvb_parse_u64("1\0", 2, 9, &n), PVB_OK);
	assert_int_equal(n, 1);
	assert_int_equal(pvb_parse_u64("1\0\0", 3, 9, &n), PVB_WHY_KEY_SYNTAX);
}

static void numbers_have_a_limit(void **state)
{
	uint64_t n = 42;

	(void)state;
	assert_int_equal(parse("16", 15, &n), PVB_WHY_KEY_LIMIT);
	assert_int_equal(n, 42);
	assert_int_equal(parse("15", 15, &n), PVB_OK);
	assert_int_equal(n, 15);
	assert_int_equal(parse("0", 0, &n), PVB_OK);
	assert_int_equal(n, 0);
	assert_int_equal(parse("18446744073709551615", UINT64_MAX, &n),
			 PVB_OK);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse("18446744073709551615", UINT64_MAX - 1, &n),
			 PVB_WHY_KEY_LIMIT);
}

static void any_number_but_zero_is_true(void **state)
{
	struct pvb_keys k = { 0 };
	bool b = true;

	(void)state;
	assert_int_equal(pvb_keys_put_text(&k, "zero", "0"), 0);
	assert_int_equal(pvb_keys_put_text(&k, "one", "1"), 0);
	assert_int_equal(pvb_keys_put_text(&k, "many", "4096"), 0);
	assert_int_equal(pvb_keys_put_text(&k, "yes", "yes"), 0);
	assert_int_equal(pvb_keys_bool_or(&k, "zero", true, &b), PVB_OK);
	assert_false(b);
	assert_int_equal(pvb_keys_bool_or(&k, "one", false, &b), PVB_OK);
	assert_true(b);
	b = false;
	assert_int_equal(pvb_keys_bool_or(&k, "many", false, &b), PVB_OK);
	assert_true(b);
	assert_int_equal(pvb_keys_bool_or(&k, "yes", false, &b),
			 PVB_WHY_KEY_SYNTAX);
	assert_true(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_comes_back_as_it_was_put),
		cmocka_unit_test(a_name_that_is_not_there_is_missing),
		cmocka_unit_test(a_name_is_put_once),
		cmocka_unit_test(a_value_may_be_any_bytes),
		cmocka_unit_test(a_name_has_a_length),
		cmocka_unit_test(a_trailing_nul_is_tolerated_once),
		cmocka_unit_test(a_value_that_is_too_long_is_there_but_nothing),
		cmocka_unit_test(a_set_holds_so_many_names),
		cmocka_unit_test(names_find_room_behind_any_values),
		cmocka_unit_test(numbers_are_decimal_and_nothing_else),
		cmocka_unit_test(numbers_have_a_limit),
		cmocka_unit_test(any_number_but_zero_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
