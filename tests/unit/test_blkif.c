/* SPDX-License-Identifier: MIT */
/*
 * test_blkif.c - the public header's structs beside blkproto: what one writes
 * the other reads, in every layout; and what the header counts.
 */
#include <pvb/blkif.h>

#include "blk_bytes.h"
#include "proto/ring.h"

#define LAYOUT(kind) blkif_x86_32_##kind
#define TEST(name)   name##_x86_32
#include "blkif_layout_body.h"
#undef LAYOUT
#undef TEST
#define LAYOUT(kind) blkif_x86_64_##kind
#define TEST(name)   name##_x86_64
#include "blkif_layout_body.h"

#define IN_EVERY_LAYOUT(test)                   \
	static void test(void **state)          \
	{                                       \
		(void)state;                    \
		test##_x86_32(PVB_ABI_X86_32);  \
		test##_x86_64(PVB_ABI_X86_64);  \
		test##_x86_64(PVB_ABI_ARM);     \
	}
IN_EVERY_LAYOUT(direct)
IN_EVERY_LAYOUT(discard)
IN_EVERY_LAYOUT(indirect)
IN_EVERY_LAYOUT(response)
IN_EVERY_LAYOUT(block)

/* Of any type, also if its parts bind less than the macro's own operators. */
static void blocks_are_counted_as_blkproto_does(void **state)
{
	enum pvb_abi abi = pvb_abi_native();

	(void)state;
	for (unsigned int n = 0; n <= BLKIF_MAX_SEGS_PER_REQUEST; n++) {
		uint32_t want = pvb_blk_slots(abi, n);
		uint8_t byte = (uint8_t)n;
		uint64_t wide = n;
		int plain = (int)n;

		assert_int_equal(want, BLKIF_SEGS_TO_BLOCKS(n));
		assert_int_equal(want, BLKIF_SEGS_TO_BLOCKS(byte));
		assert_int_equal(want, BLKIF_SEGS_TO_BLOCKS(wide));
		assert_int_equal(want, BLKIF_SEGS_TO_BLOCKS(plain));
		assert_int_equal(want, BLKIF_SEGS_TO_BLOCKS(n ? n : 0));
	}
	assert_int_equal(11, BLKIF_MAX_SEGMENTS_PER_REQUEST);
}

static void native_structs_have_the_native_layout(void **state)
{
	enum pvb_abi abi = pvb_abi_native();
	bool is_i386 = abi == PVB_ABI_X86_32;

	(void)state;
	assert_int_equal(pvb_blk_slot_bytes(abi), sizeof(struct blkif_request));
	assert_int_equal(is_i386 ? 4 : 8, offsetof(struct blkif_request, id));
	assert_int_equal(is_i386 ? 20 : 24,
			 offsetof(struct blkif_request, seg));
	assert_int_equal(64, sizeof(struct blkif_request_indirect));
	assert_int_equal(is_i386 ? 12 : 16, sizeof(struct blkif_response));
	assert_true(sizeof(struct blkif_segment_block) <=
		    sizeof(struct blkif_request));
#ifdef XEN_IO_PROTO_ABI_NATIVE
	assert_string_equal(XEN_IO_PROTO_ABI_NATIVE, pvb_abi_name(abi));
#endif
}

static void ring_pages_hold_32_slots_each(void **state)
{
	(void)state;
	assert_int_equal(PVB_RING_HEADER_BYTES, PVB_BLKIF_RING_HEADER_BYTES);
	for (uint32_t order = 0; order <= PVB_RING_ORDER_MAX; order++) {
		size_t bytes = (size_t)PVB_RING_PAGE_BYTES << order;

		assert_int_equal(32 << order,
			pvb_ring_size(bytes, PVB_BLKIF_SLOT_BYTES_X86_32));
		assert_int_equal(32 << order,
			pvb_ring_size(bytes, PVB_BLKIF_SLOT_BYTES_X86_64));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct),
		cmocka_unit_test(discard),
		cmocka_unit_test(indirect),
		cmocka_unit_test(response),
		cmocka_unit_test(block),
		cmocka_unit_test(blocks_are_counted_as_blkproto_does),
		cmocka_unit_test(native_structs_have_the_native_layout),
		cmocka_unit_test(ring_pages_hold_32_slots_each),
	};

	return cmocka_run_group_tests_name("blkif", tests, NULL, NULL);
}
