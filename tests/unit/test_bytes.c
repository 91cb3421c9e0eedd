/* SPDX-License-Identifier: MIT */
/* test_bytes.c - wire order, any alignment, one copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"

static const uint8_t counted[9] = {
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
};

static void loads_are_little_endian(void **state)
{
	(void)state;
	assert_int_equal(pvb_load_u16(counted), 0x2211);
	assert_true(pvb_load_u32(counted) == 0x44332211);
	assert_true(pvb_load_u64(counted) == UINT64_C(0x8877665544332211));
}

static void loads_need_no_alignment(void **state)
{
	(void)state;
	assert_int_equal(pvb_load_u16(counted + 1), 0x3322);
	assert_true(pvb_load_u32(counted + 1) == 0x55443322);
	assert_true(pvb_load_u64(counted + 1) == UINT64_C(0x9988776655443322));
}

static void high_bits_do_not_spread(void **state)
{
	static const uint8_t high[8] = { 0x80, 0x80, 0x80, 0x80 };

	(void)state;
	assert_int_equal(pvb_load_u16(high), 0x8080);
	assert_true(pvb_load_u64(high) == 0x80808080);
}

static void stores_are_little_endian_and_no_longer(void **state)
{
	uint8_t b[12];

	(void)state;
	memset(b, 0xee, sizeof(b));
	pvb_store_u16(b + 1, 0x2211);
	assert_memory_equal(b, "\xee\x11\x22\xee", 4);
	memset(b, 0xee, sizeof(b));
	pvb_store_u32(b + 1, 0x44332211);
	assert_memory_equal(b, "\xee\x11\x22\x33\x44\xee", 6);
	memset(b, 0xee, sizeof(b));
	pvb_store_u64(b + 1, UINT64_C(0x8877665544332211));
	assert_memory_equal(b, "\xee\x11\x22\x33\x44\x55\x66\x77\x88\xee", 10);
}

static void copy_out_at_every_alignment_and_length(void **state)
{
	_Alignas(8) uint8_t from[48];
	_Alignas(8) uint8_t to[48];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i + 1);
	for (size_t a = 0; a < 8; a++)
		for (size_t b = 0; b < 8; b++)
			for (size_t n = 0; n <= 32; n++) {
				memset(to, 0xee, sizeof(to));
				pvb_copy_out(to + a, from + b, n);
				assert_memory_equal(to + a, from + b, n);
				assert_int_equal(to[a + n], 0xee);
				if (a > 0)
					assert_int_equal(to[a - 1], 0xee);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_little_endian),
		cmocka_unit_test(loads_need_no_alignment),
		cmocka_unit_test(high_bits_do_not_spread),
		cmocka_unit_test(stores_are_little_endian_and_no_longer),
		cmocka_unit_test(copy_out_at_every_alignment_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
