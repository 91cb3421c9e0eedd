/* SPDX-License-Identifier: MIT */
/* test_err.c - sentences and codes of struct pvb_err. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pvb/err.h>

static void set_fills_code_and_sentence(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	assert_int_equal(pvb_err_set(&e, -ENOENT, "%s: disk %d", "a.img", 7),
	                 -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.text, "a.img: disk 7");
}

static void set_replaces_an_earlier_error(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)pvb_err_set(&e, -ENOENT, "a long first sentence");
	(void)pvb_err_set(&e, -EIO, "short");
	assert_int_equal(e.code, -EIO);
	assert_string_equal(e.text, "short");
}

static void null_error_still_gives_the_code(void **state)
{
	(void)state;
	assert_int_equal(pvb_err_set(NULL, -EIO, "nobody reads %s", "this"),
	                 -EIO);
	pvb_err_prefix(NULL, "nor this");
}

static void long_sentence_is_cut_and_ended(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char name[1000];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)pvb_err_set(&e, -EINVAL, "%s", name);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void control_characters_cannot_forge_a_line(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)pvb_err_set(&e, -EINVAL, "name '%s'", "a\nb\x1b[2J\x7f\xc3\xa4");
	assert_string_equal(e.text, "name 'a?b?[2J?\xc3\xa4'");
	pvb_err_prefix(&e, "x\ty");
	assert_string_equal(e.text, "x?y: name 'a?b?[2J?\xc3\xa4'");
}

static void prefix_stands_before_and_keeps_the_code(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)pvb_err_set(&e, -EACCES, "permission denied");
	pvb_err_prefix(&e, "disk %s", "a.img");
	pvb_err_prefix(&e, "domain %d", 3);
	assert_string_equal(e.text,
	                    "domain 3: disk a.img: permission denied");
	assert_int_equal(e.code, -EACCES);
}

static void a_character_that_is_cut_does_not_stand_in_part(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char name[2 * sizeof(e.text)];

	(void)state;
	memset(name, 'n', sizeof(name));
	strcpy(name + sizeof(e.text) - 2, "\xc3\xa4");
	(void)pvb_err_set(&e, -EINVAL, "%s", name);
	assert_int_equal(e.text[sizeof(e.text) - 2], '?');
	strcpy(name + sizeof(e.text) - 5, "\xc3\xa4");
	(void)pvb_err_set(&e, -EINVAL, "%s", name);
	pvb_err_prefix(&e, "x");
	assert_int_equal(e.text[sizeof(e.text) - 2], '?');
}

static void prefix_cuts_the_end_not_itself(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char name[290];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)pvb_err_set(&e, -EINVAL, "%s", name);
	pvb_err_prefix(&e, "domain 3 device xvda");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "domain 3 device xvda: nnn", 25);
	pvb_err_prefix(&e, "%s%s", name, name);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(e.code, -EINVAL);
}

static void a_disk_that_is_gone_is_said_so(void **state)
{
	(void)state;
	assert_string_equal(pvb_errno_text(-ESHUTDOWN), "the disk is gone");
	assert_string_equal(pvb_errno_text(-ENODATA),
	                    "the disk is shorter than it was");
	assert_string_equal(pvb_errno_text(-EIO), strerror(EIO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_code_and_sentence),
		cmocka_unit_test(set_replaces_an_earlier_error),
		cmocka_unit_test(null_error_still_gives_the_code),
		cmocka_unit_test(long_sentence_is_cut_and_ended),
		cmocka_unit_test(control_characters_cannot_forge_a_line),
		cmocka_unit_test(prefix_stands_before_and_keeps_the_code),
		cmocka_unit_test(
			a_character_that_is_cut_does_not_stand_in_part),
		cmocka_unit_test(prefix_cuts_the_end_not_itself),
		cmocka_unit_test(a_disk_that_is_gone_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
