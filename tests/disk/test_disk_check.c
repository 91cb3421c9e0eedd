/* SPDX-License-Identifier: MIT */
/*
 * pvb_disk_check, the one place where a disk refuses a request; what of a
 * discard a disk can do; and how disks are found by name.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "disk/disk.h"

static const struct pvb_disk_info all = {
	.size_bytes = 1 << 20, .sector_size_bytes = 512,
	.physical_size_bytes = 512, .depth_max = 1, .iov_max = 4,
	.io_max_bytes = 65536, .flush = true, .fua = true, .discard = true,
	.discard_secure = true, .zero = true,
};

static int check(const struct pvb_disk_info *info, enum pvb_io_op op,
                 uint32_t flags, uint64_t offset, uint64_t length)
{
	const struct iovec iov = { NULL, (size_t)length };
	const struct pvb_io io = {
		.op = op, .flags = flags, .offset_bytes = offset,
		.length_bytes = length, .iov = &iov, .iovcnt = 1,
	};

	return pvb_disk_check(info, &io);
}

static void what_is_offered_is_legal(void **state)
{
	(void)state;
	assert_int_equal(check(&all, PVB_IO_READ, 0, 0, 512), 0);
	assert_int_equal(check(&all, PVB_IO_WRITE, PVB_IO_FUA, 512, 512), 0);
	assert_int_equal(check(&all, PVB_IO_FLUSH, 0, 0, 0), 0);
	assert_int_equal(check(&all, PVB_IO_DISCARD, PVB_IO_SECURE, 0,
	                       1 << 20), 0);
	assert_int_equal(check(&all, PVB_IO_ZERO, PVB_IO_FUA | PVB_IO_NO_HOLE,
	                       0, 1 << 20), 0);
}

static void flags_belong_to_their_operation(void **state)
{
	static const uint32_t legal[PVB_IO_OP_COUNT] = {
		[PVB_IO_WRITE] = PVB_IO_FUA,
		[PVB_IO_DISCARD] = PVB_IO_SECURE,
		[PVB_IO_ZERO] = PVB_IO_FUA | PVB_IO_NO_HOLE,
	};

	(void)state;
	for (enum pvb_io_op op = PVB_IO_READ; op < PVB_IO_OP_COUNT; op++)
		for (int bit = 0; bit < 32; bit++)
			assert_int_equal(check(&all, op, 1u << bit, 0, 512),
			                 legal[op] & 1u << bit ? 0 : -EINVAL);
}

static void an_unknown_operation_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check(&all, PVB_IO_OP_COUNT, 0, 0, 0), -EINVAL);
	assert_int_equal(check(&all, (enum pvb_io_op)-1, 0, 0, 0), -EINVAL);
}

static void what_is_not_offered_is_not_supported(void **state)
{
	struct pvb_disk_info i = all;

	(void)state;
	i.flush = i.fua = i.discard_secure = false;
	assert_int_equal(check(&i, PVB_IO_FLUSH, 0, 0, 0), -EOPNOTSUPP);
	assert_int_equal(check(&i, PVB_IO_WRITE, PVB_IO_FUA, 0, 512),
	                 -EOPNOTSUPP);
	assert_int_equal(check(&i, PVB_IO_DISCARD, PVB_IO_SECURE, 0, 512),
	                 -EOPNOTSUPP);
	assert_int_equal(check(&i, PVB_IO_DISCARD, 0, 0, 512), 0);
	i.discard = i.zero = false;
	assert_int_equal(check(&i, PVB_IO_DISCARD, 0, 0, 512), -EOPNOTSUPP);
	assert_int_equal(check(&i, PVB_IO_ZERO, 0, 0, 512), -EOPNOTSUPP);
}

static void a_read_only_disk_is_not_changed(void **state)
{
	struct pvb_disk_info i = all;

	(void)state;
	i.read_only = true;
	assert_int_equal(check(&i, PVB_IO_READ, 0, 0, 512), 0);
	assert_int_equal(check(&i, PVB_IO_FLUSH, 0, 0, 0), 0);
	assert_int_equal(check(&i, PVB_IO_WRITE, 0, 0, 512), -EROFS);
	assert_int_equal(check(&i, PVB_IO_DISCARD, 0, 0, 512), -EROFS);
	assert_int_equal(check(&i, PVB_IO_ZERO, 0, 0, 512), -EROFS);
	assert_int_equal(check(&i, PVB_IO_WRITE, 0, 0, 0), -EROFS);
}

static void the_range_lies_on_the_disk(void **state)
{
	uint64_t size = all.size_bytes;

	(void)state;
	assert_int_equal(check(&all, PVB_IO_READ, 0, size - 512, 512), 0);
	assert_int_equal(check(&all, PVB_IO_READ, 0, size, 0), 0);
	assert_int_equal(check(&all, PVB_IO_READ, 0, size, 512), -EINVAL);
	assert_int_equal(check(&all, PVB_IO_READ, 0, size + 512, 0), -EINVAL);
	assert_int_equal(check(&all, PVB_IO_ZERO, 0, 512, size), -EINVAL);
	assert_int_equal(check(&all, PVB_IO_ZERO, 0, UINT64_MAX - 511, 1024),
	                 -EINVAL);
	assert_int_equal(check(&all, PVB_IO_ZERO, 0, 1024, UINT64_MAX - 511),
	                 -EINVAL);
}

static void sectors_are_whole(void **state)
{
	struct pvb_disk_info i = all;

	(void)state;
	assert_int_equal(check(&i, PVB_IO_READ, 0, 511, 512), -EINVAL);
	assert_int_equal(check(&i, PVB_IO_READ, 0, 512, 511), -EINVAL);
	assert_int_equal(check(&i, PVB_IO_DISCARD, 0, 256, 512), -EINVAL);
	i.sector_size_bytes = 4096;
	assert_int_equal(check(&i, PVB_IO_READ, 0, 512, 4096), -EINVAL);
	assert_int_equal(check(&i, PVB_IO_READ, 0, 4096, 512), -EINVAL);
	assert_int_equal(check(&i, PVB_IO_READ, 0, 4096, 4096), 0);
}

/* Of a disk of 1 MiB; lengths in bytes, so that any end can be. */
static void discards_are_rounded_inwards(void **state)
{
	static const struct {
		uint32_t granule, first;
		uint64_t from, end, want, want_end;     /* 0, 0: nothing */
	} t[] = {
		/* without a granule, or of a sector: all of it */
		{ 0, 0, 512, 1024, 512, 1024 },
		{ 512, 0, 512, 1024, 512, 1024 },
		/* as it is; from the middle; to the middle; inside of one */
		{ 4096, 0, 4096, 12288, 4096, 12288 },
		{ 4096, 0, 512, 12288, 4096, 12288 },
		{ 4096, 0, 4096, 12800, 4096, 12288 },
		{ 4096, 0, 512, 4096, 0, 0 },
		{ 4096, 0, 512, 8192, 4096, 8192 },
		{ 4096, 0, 4608, 8192, 0, 0 },
		/* granules that begin later, or that are no power of two */
		{ 4096, 1024, 0, 8192, 1024, 5120 },
		{ 4096, 1024, 1024, 5120, 1024, 5120 },
		{ 4096, 1024, 0, 1024, 0, 0 },
		{ 4096, 1024, 512, 5119, 0, 0 },
		{ 4096, 9216, 0, 8192, 1024, 5120 },
		{ 1536, 0, 1024, 5120, 1536, 4608 },
		/* all of the disk, nothing of it */
		{ 65536, 0, 0, 1 << 20, 0, 1 << 20 },
		{ 65536, 512, 0, 1 << 20, 512, (1 << 20) - 65024 },
		{ 4096, 0, 8192, 8192, 0, 0 },
		{ 1 << 30, 0, 0, 1 << 20, 0, 0 },
		{ UINT32_C(1) << 31, 0, 0, 1 << 20, 0, 0 },
		/* what a disk cannot mean */
		{ 3000, 0, 512, 1024, 512, 1024 },
		{ 4096, 100, 512, 1024, 512, 1024 },
		{ 4096, UINT32_MAX, 512, 1024, 512, 1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pvb_disk_info info = all;
		uint64_t from = t[i].from, length = t[i].end - from;
		bool some;

		info.discard_granularity_bytes = t[i].granule;
		info.discard_alignment_bytes = t[i].first;
		some = pvb_disk_discard_round(&info, &from, &length);
		assert_int_equal(some, t[i].want_end > 0);
		if (!some)
			continue;
		assert_int_equal(from, t[i].want);
		assert_int_equal(from + length, t[i].want_end);
	}
}

static void transfers_have_a_limit_and_others_none(void **state)
{
	(void)state;
	assert_int_equal(check(&all, PVB_IO_READ, 0, 0, 65536), 0);
	assert_int_equal(check(&all, PVB_IO_READ, 0, 0, 66048), -EINVAL);
	assert_int_equal(check(&all, PVB_IO_WRITE, 0, 0, 66048), -EINVAL);
	assert_int_equal(check(&all, PVB_IO_ZERO, 0, 0, 66048), 0);
}

static int check_vector(const struct iovec *iov, uint32_t n, uint64_t length)
{
	const struct pvb_io io = {
		.op = PVB_IO_READ, .length_bytes = length, .iov = iov,
		.iovcnt = n,
	};

	return pvb_disk_check(&all, &io);
}

static void the_vector_holds_what_is_moved(void **state)
{
	const struct iovec good[] = { { NULL, 0 }, { NULL, 500 },
	                              { NULL, 12 }, { NULL, 0 } };
	const struct iovec wraps[] = { { NULL, SIZE_MAX }, { NULL, 513 } };

	(void)state;
	assert_int_equal(check_vector(good, 4, 512), 0);
	assert_int_equal(check_vector(good, 3, 512), 0);
	assert_int_equal(check_vector(good, 2, 512), -EINVAL);
	assert_int_equal(check_vector(good, 4, 1024), -EINVAL);
	assert_int_equal(check_vector(wraps, 2, 512), -EINVAL);
	assert_int_equal(check_vector(NULL, 0, 512), -EINVAL);
	assert_int_equal(check_vector(NULL, 0, 0), 0);
	/* More than it may have: not even looked at. */
	assert_int_equal(check_vector(NULL, 5, 512), -EINVAL);
}

static void disks_are_found_by_scheme(void **state)
{
	(void)state;
	assert_ptr_equal(pvb_disk_find(pvb_disk_basic, "mem"), &pvb_disk_mem);
	assert_ptr_equal(pvb_disk_find(pvb_disk_basic, "file"),
	                 &pvb_disk_file);
	assert_null(pvb_disk_find(pvb_disk_basic, "floppy"));
}

static void every_disk_says_what_it_is(void **state)
{
	(void)state;
	for (int i = 0; pvb_disk_basic[i]; i++) {
		const struct pvb_disk_ops *o = pvb_disk_basic[i];
		size_t n = strlen(o->scheme);

		assert_int_equal(strncmp(o->summary, o->scheme, n), 0);
		assert_int_equal(o->summary[n], ':');
		for (int k = 0; o->options[k]; k++)
			assert_true(strlen(o->options[k]) < 78);
	}
}

static void expect_no_disk(const char *uri, int code, const char *sentence)
{
	struct pvb_disk_probe p;
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;

	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &p, &ops, &e),
	                 code);
	assert_string_equal(e.text, sentence);
	assert_int_equal(e.code, code);
	assert_int_equal(p.nfds, 0);
	pvb_disk_probe_fini(&p);
}

static void what_is_no_disk_is_refused_with_its_uri(void **state)
{
	(void)state;
	expect_no_disk("tape:x", -EPROTONOSUPPORT, "tape:x: unknown kind of "
	               "disk \"tape\"; known are file, mem, null, fault, "
	               "record");
	expect_no_disk("mem:", -EINVAL,
	               "mem:: \"\" is not a size such as 64M");
	expect_no_disk("mem:lots", -EINVAL,
	               "mem:lots: \"lots\" is not a size such as 64M");
	expect_no_disk("null:0", -EINVAL,
	               "null:0: is empty: a disk has at least one sector");
	expect_no_disk("null:1000", -EINVAL, "null:1000: its size of 1000 "
	               "bytes is not a multiple of 512");
	expect_no_disk("mem:512?sector-size=4096", -EINVAL,
	               "mem:512?sector-size=4096: its size of 512 bytes is "
	               "not a multiple of 4096");
	expect_no_disk("mem:1M?sector-size=1024", -EINVAL,
	               "mem:1M?sector-size=1024: option sector-size=1024 is "
	               "none of 512, 4096");
	expect_no_disk("null:1M?direct=on", -EINVAL,
	               "null:1M?direct=on: null: has no option \"direct\"");
	expect_no_disk("mem:1M?speed=1", -EINVAL,
	               "mem:1M?speed=1: mem: has no option \"speed\"");
	expect_no_disk("null:15E", -EINVAL, "null:15E: 17293822569102704640 "
	               "bytes are more than a disk can have");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_offered_is_legal),
		cmocka_unit_test(flags_belong_to_their_operation),
		cmocka_unit_test(an_unknown_operation_is_refused),
		cmocka_unit_test(what_is_not_offered_is_not_supported),
		cmocka_unit_test(a_read_only_disk_is_not_changed),
		cmocka_unit_test(the_range_lies_on_the_disk),
		cmocka_unit_test(sectors_are_whole),
		cmocka_unit_test(discards_are_rounded_inwards),
		cmocka_unit_test(transfers_have_a_limit_and_others_none),
		cmocka_unit_test(the_vector_holds_what_is_moved),
		cmocka_unit_test(disks_are_found_by_scheme),
		cmocka_unit_test(every_disk_says_what_it_is),
		cmocka_unit_test(what_is_no_disk_is_refused_with_its_uri),
	};

	return cmocka_run_group_tests_name("disk_check", tests, NULL, NULL);
}
