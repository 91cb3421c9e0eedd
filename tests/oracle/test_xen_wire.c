/* SPDX-License-Identifier: MIT */
/*
 * test_xen_wire.c - pvb/blkif.h says of the wire what Xen's own public headers
 * say, alone and in one program with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire_facts.h"

static void assert_same(const struct wire_fact *xen,
			const struct wire_fact *pvb, int least)
{
	int n;

	for (n = 0; xen[n].name && pvb[n].name; n++) {
		assert_string_equal(xen[n].name, pvb[n].name);
		if (xen[n].value != pvb[n].value)
			print_error("%s: %ld, but Xen says %ld\n", pvb[n].name,
				    pvb[n].value, xen[n].value);
		assert_true(xen[n].value == pvb[n].value);
	}
	assert_null(xen[n].name);
	assert_null(pvb[n].name);
	assert_true(n >= least);
}

static void assert_agrees(const struct wire_facts *pvb)
{
	const struct wire_facts *xen = &wire_facts_xen;

	assert_same(xen->numbers, pvb->numbers, 20);
	assert_same(xen->native, pvb->native, 20);
	assert_same(xen->x86_32, pvb->x86_32, 20);
	for (int i = 0; i < 4; i++)
		assert_string_equal(xen->abi[i], pvb->abi[i]);
}

static void our_header_agrees_with_xen_s(void **state)
{
	(void)state;
	assert_agrees(&wire_facts_pvb);
}

static void after_xen_s_it_leaves_all_as_it_is(void **state)
{
	(void)state;
	assert_agrees(&wire_facts_both);
}

/* Or the two layouts were one, and the tables compared nothing. */
static void i386_is_another_layout(void **state)
{
	const struct wire_fact *native = wire_facts_xen.native;
	const struct wire_fact *x86_32 = wire_facts_xen.x86_32;

	(void)state;
	/* native begins with one more. */
	assert_string_equal("sizeof request", native[1].name);
	assert_true(native[1].value == 112);
	assert_string_equal("sizeof request", x86_32->name);
	assert_true(x86_32->value == 108);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_header_agrees_with_xen_s),
		cmocka_unit_test(after_xen_s_it_leaves_all_as_it_is),
		cmocka_unit_test(i386_is_another_layout),
	};

	return cmocka_run_group_tests_name("xen_wire", tests, NULL, NULL);
}
