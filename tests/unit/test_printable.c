/* SPDX-License-Identifier: MIT */
/* test_printable.c - text of others as a line of well-formed UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/printable.h"

static void becomes(const char *text, const char *expected)
{
	char line[64];

	strcpy(line, text);
	pvb_printable(line);
	assert_string_equal(line, expected);
}

static void same(const char *text)
{
	becomes(text, text);
}

static void what_prints_stays(void **state)
{
	(void)state;
	same("");
	same(" a~\\\"");
	same("\xc2\xa0\xc3\xa4\xdf\xbf");
	same("\xe0\xa0\x80\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf");
	same("\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
}

static void control_characters_do_not(void **state)
{
	(void)state;
	becomes("a\x1b[2J\n\t\x7f\x01", "a?[2J????");
	/* A terminal may take U+009B for escape and bracket. */
	becomes("\xc2\x9b" "2J\xc2\x80", "??2J??");
}

static void what_is_no_utf_8_does_not(void **state)
{
	(void)state;
	becomes("\xfc" "ber", "?ber");
	becomes("\x9b\xbf", "??");
	/* too long for what they say, surrogates, beyond the last */
	becomes("\xc0\xaf\xc1\xbf", "????");
	becomes("\xe0\x9f\xbf\xf0\x8f\xbf\xbf", "???????");
	becomes("\xed\xa0\x80", "???");
	becomes("\xf4\x90\x80\x80\xf5\x80\x80\x80\xff", "?????????");
}

static void what_is_cut_does_not(void **state)
{
	(void)state;
	becomes("a\xc3", "a?");
	becomes("a\xe2\x82", "a??");
	becomes("a\xf0\x9f\x98", "a???");
	/* What follows stands for itself. */
	becomes("\xe2\x82\xc3\xa4\xf0\x9f" "b", "??\xc3\xa4??b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_prints_stays),
		cmocka_unit_test(control_characters_do_not),
		cmocka_unit_test(what_is_no_utf_8_does_not),
		cmocka_unit_test(what_is_cut_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
