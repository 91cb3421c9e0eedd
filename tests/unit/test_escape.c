/* SPDX-License-Identifier: MIT */
/* test_escape.c - foreign bytes as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/escape.h"

static void what_prints_stays(void **state)
{
	char out[32];

	(void)state;
	assert_true(pvb_escape(out, sizeof(out), "a ~\"/%s", 7));
	assert_string_equal(out, "a ~\"/%s");
	assert_true(pvb_escape(out, sizeof(out), NULL, 0));
	assert_string_equal(out, "");
}

static void what_does_not_is_told_by_its_number(void **state)
{
	char out[32];

	(void)state;
	assert_true(pvb_escape(out, sizeof(out), "\x1b[2J\n\0\x7f\x9b\xc3", 9));
	assert_string_equal(out, "\\x1b[2J\\x0a\\x00\\x7f\\x9b\\xc3");
}

static void an_escape_cannot_be_forged(void **state)
{
	char out[32];

	(void)state;
	assert_true(pvb_escape(out, sizeof(out), "\\x00", 4));
	assert_string_equal(out, "\\\\x00");
}

static void every_byte_is_ascii_that_prints(void **state)
{
	unsigned char all[256];
	char out[4 * 256 + 1];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	assert_true(pvb_escape(out, sizeof(out), all, sizeof(all)));
	for (size_t i = 0; out[i]; i++)
		assert_in_range(out[i], 0x20, 0x7e);
}

static void what_is_too_long_ends_in_dots(void **state)
{
	char out[8];

	(void)state;
	assert_true(pvb_escape(out, sizeof(out), "1234567", 7));
	assert_string_equal(out, "1234567");
	assert_false(pvb_escape(out, sizeof(out), "12345678", 8));
	assert_string_equal(out, "1234...");
	/* An escape is not cut in two. */
	assert_false(pvb_escape(out, sizeof(out), "1\n\n", 3));
	assert_string_equal(out, "1...");
	assert_true(pvb_escape(out, sizeof(out), "123\n", 4));
	assert_string_equal(out, "123\\x0a");
}

/* Of every length, into every room, and not a byte behind it. */
static void no_room_is_overrun(void **state)
{
	char out[64];

	(void)state;
	for (size_t cap = PVB_ESCAPE_CAP_MIN; cap < sizeof(out); cap++) {
		for (size_t bytes = 0; bytes < 40; bytes++) {
			memset(out, 'z', sizeof(out));
			(void)pvb_escape(out, cap, "\\a\x01\\b\x02\\c\x03\\d"
				"\x04\\e\x05\\f\x06\\g\x07\\h\x08\\i\x09\\j"
				"\x0a\\k\x0b\\l\x0c\\m\x0d", bytes);
			assert_non_null(memchr(out, 0, cap));
			for (size_t i = cap; i < sizeof(out); i++)
				assert_int_equal(out[i], 'z');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_prints_stays),
		cmocka_unit_test(what_does_not_is_told_by_its_number),
		cmocka_unit_test(an_escape_cannot_be_forged),
		cmocka_unit_test(every_byte_is_ascii_that_prints),
		cmocka_unit_test(what_is_too_long_ends_in_dots),
		cmocka_unit_test(no_room_is_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
