/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/vdev.h"

enum { EXTENDED = 1 << 28 };

/* Names, numbers and decodings as the survey of the field has them. */
static const struct golden {
	const char *name, *dp, *linux_name;
	uint32_t number;
	enum pvb_vdev_scheme scheme;
	uint32_t disk, partition;
} golden[] = {
	{ "xvda", "d0p0", "xvda", 51712, PVB_VDEV_XVD, 0, 0 },
	{ "xvda1", "d0p1", "xvda1", 51713, PVB_VDEV_XVD, 0, 1 },
	{ "xvdb", "d1p0", "xvdb", 51728, PVB_VDEV_XVD, 1, 0 },
	{ "xvdp15", "d15p15", "xvdp15", 51967, PVB_VDEV_XVD, 15, 15 },
	{ "xvdq", "d16p0", "xvdq", 268439552, PVB_VDEV_EXTENDED, 16, 0 },
	{ "xvda16", "d0p16", "xvda16", 268435472, PVB_VDEV_EXTENDED, 0, 16 },
	{ "xvdaa", "d26p0", "xvdaa", 268442112, PVB_VDEV_EXTENDED, 26, 0 },
	{ "xvdtq37", "d536p37", "xvdtq37", 268572709, PVB_VDEV_EXTENDED, 536,
	  37 },
	{ "hda", "d0p0", "xvda", 768, PVB_VDEV_IDE, 0, 0 },
	{ "hda1", "d0p1", "xvda", 769, PVB_VDEV_IDE, 0, 1 },
	{ "hdb", "d1p0", "xvdb", 832, PVB_VDEV_IDE, 1, 0 },
	{ "hdc", "d2p0", "xvdc", 5632, PVB_VDEV_IDE, 2, 0 },
	{ "hdc2", "d2p2", "xvdc", 5634, PVB_VDEV_IDE, 2, 2 },
	{ "hdd", "d3p0", "xvdd", 5696, PVB_VDEV_IDE, 3, 0 },
	{ "sda", "d0p0", "xvda", 2048, PVB_VDEV_SCSI, 0, 0 },
	{ "sdb3", "d1p3", "xvdb3", 2067, PVB_VDEV_SCSI, 1, 3 },
	{ "sdp", "d15p0", "xvdp", 2288, PVB_VDEV_SCSI, 15, 0 },
	{ "sdq", "d16p0", "xvdq", 16640, PVB_VDEV_SCSI, 16, 0 },
	{ "xvdbgqcv255", "d1048575p255", "", 536870911, PVB_VDEV_EXTENDED,
	  0xfffff, 255 },
};

enum { GOLDEN = sizeof(golden) / sizeof(golden[0]) };

static enum pvb_vdev_why refusal(const char *name)
{
	struct pvb_vdev v;

	return pvb_vdev_parse(name, &v);
}

static void assert_same(const struct pvb_vdev *v, const struct golden *g)
{
	assert_int_equal(v->number, g->number);
	assert_int_equal(v->scheme, g->scheme);
	assert_int_equal(v->disk, g->disk);
	assert_int_equal(v->partition, g->partition);
}

static void golden_names_give_their_numbers(void **state)
{
	struct pvb_vdev v;

	(void)state;
	for (uint32_t i = 0; i < GOLDEN; i++) {
		assert_int_equal(pvb_vdev_parse(golden[i].name, &v),
				 PVB_VDEV_OK);
		assert_same(&v, &golden[i]);
	}
}

static void golden_numbers_give_their_names(void **state)
{
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v;

	(void)state;
	for (uint32_t i = 0; i < GOLDEN; i++) {
		const struct golden *g = &golden[i];

		assert_int_equal(pvb_vdev_from_number(g->number, &v),
				 PVB_VDEV_OK);
		assert_same(&v, g);
		pvb_vdev_name(&v, name);
		assert_string_equal(name, g->name);
		pvb_vdev_dp_name(&v, name);
		assert_string_equal(name, g->dp);
		assert_int_equal(pvb_vdev_linux_name(&v, name),
				 g->linux_name[0] != 0);
		assert_string_equal(name, g->linux_name);
	}
}

static void dp_names_give_the_xvd_numbers(void **state)
{
	struct pvb_vdev v;

	(void)state;
	for (uint32_t i = 0; i < GOLDEN; i++) {
		const struct golden *g = &golden[i];

		if (g->scheme != PVB_VDEV_XVD && g->scheme != PVB_VDEV_EXTENDED)
			continue;
		assert_int_equal(pvb_vdev_parse(g->dp, &v), PVB_VDEV_OK);
		assert_same(&v, g);
	}
}

static void a_dp_name_may_leave_out_the_whole_disk(void **state)
{
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(pvb_vdev_parse("d0", &v), PVB_VDEV_OK);
	assert_int_equal(v.number, 51712);
	assert_int_equal(pvb_vdev_parse("d16", &v), PVB_VDEV_OK);
	assert_int_equal(v.number, 268439552);
}

static void a_number_is_taken_as_it_is(void **state)
{
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(pvb_vdev_parse("51712", &v), PVB_VDEV_OK);
	assert_int_equal(v.number, 51712);
	assert_int_equal(pvb_vdev_parse("0xca00", &v), PVB_VDEV_OK);
	assert_int_equal(v.number, 51712);
	assert_int_equal(pvb_vdev_parse("0xCA01", &v), PVB_VDEV_OK);
	assert_int_equal(v.number, 51713);
	/* Legal, though the name of it gives another number. */
	assert_int_equal(pvb_vdev_parse("268435456", &v), PVB_VDEV_OK);
	assert_int_equal(v.number, EXTENDED);
	assert_int_equal(v.scheme, PVB_VDEV_EXTENDED);
}

/* parse(name(x)) == x */
static void assert_canonical(uint32_t number)
{
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v, again;

	assert_int_equal(pvb_vdev_from_number(number, &v), PVB_VDEV_OK);
	pvb_vdev_name(&v, name);
	assert_true(strlen(name) < sizeof(name));
	assert_int_equal(pvb_vdev_parse(name, &again), PVB_VDEV_OK);
	if (again.number != number)
		fail_msg("%u is %s is %u", number, name, again.number);
	assert_int_equal(again.scheme, v.scheme);
}

static void every_xvd_hd_and_sd_number_survives_its_name(void **state)
{
	static const uint8_t scsi[] = { 8, 65, 66, 67, 68, 69, 70, 71, 128,
					129, 130, 131, 132, 133, 134, 135 };

	(void)state;
	for (uint32_t minor = 0; minor < 256; minor++) {
		assert_canonical(202U << 8 | minor);
		for (size_t i = 0; i < sizeof(scsi); i++)
			assert_canonical((uint32_t)scsi[i] << 8 | minor);
	}
	for (uint32_t minor = 0; minor < 128; minor++) {
		assert_canonical(3U << 8 | minor);
		assert_canonical(22U << 8 | minor);
	}
}

static void every_extended_disk_survives_its_name(void **state)
{
	static const uint32_t partitions[] = { 0, 1, 15, 16, 17, 255 };

	(void)state;
	for (uint32_t disk = 0; disk < 1U << 20; disk++) {
		uint32_t part = partitions[disk % 6];

		if (disk < 16 && part < 16)
			part = 16 + disk;
		assert_canonical(EXTENDED | disk << 8 | part);
	}
	for (uint32_t part = 16; part < 256; part++)
		assert_canonical(EXTENDED | part);
}

static void numbers_that_are_no_disk_are_refused(void **state)
{
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(pvb_vdev_from_number(536870912, &v),
			 PVB_VDEV_RESERVED);
	assert_int_equal(pvb_vdev_from_number(UINT32_MAX, &v),
			 PVB_VDEV_RESERVED);
	assert_int_equal(pvb_vdev_from_number(UINT64_MAX, &v),
			 PVB_VDEV_RESERVED);
	/* An extended number seen through 32 bits. */
	assert_int_equal(pvb_vdev_from_number(UINT64_C(1) << 32 | 51712, &v),
			 PVB_VDEV_RESERVED);
	assert_int_equal(pvb_vdev_from_number(0, &v), PVB_VDEV_MAJOR);
	assert_int_equal(pvb_vdev_from_number(201 << 8, &v), PVB_VDEV_MAJOR);
	assert_int_equal(pvb_vdev_from_number(203 << 8, &v), PVB_VDEV_MAJOR);
	assert_int_equal(pvb_vdev_from_number(EXTENDED - 1, &v),
			 PVB_VDEV_MAJOR);
	/* Two disks an IDE major, though a minor could count four. */
	assert_int_equal(pvb_vdev_from_number(3 << 8 | 128, &v),
			 PVB_VDEV_DISK_RANGE);
}

static void deprecated_ide_majors_have_a_name_but_none_in_linux(void **state)
{
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(pvb_vdev_from_number(33 << 8 | 1, &v), PVB_VDEV_OK);
	pvb_vdev_name(&v, name);
	assert_string_equal(name, "hde1");
	assert_false(pvb_vdev_linux_name(&v, name));
	assert_string_equal(name, "");
	assert_int_equal(pvb_vdev_from_number(91 << 8 | 64, &v), PVB_VDEV_OK);
	assert_int_equal(v.disk, 19);
}

static void linux_has_twenty_bits_for_a_minor(void **state)
{
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(pvb_vdev_parse("d4095p255", &v), PVB_VDEV_OK);
	assert_true(pvb_vdev_linux_name(&v, name));
	assert_int_equal(pvb_vdev_parse("d4096", &v), PVB_VDEV_OK);
	assert_false(pvb_vdev_linux_name(&v, name));
}

/* What other programs got wrong. */

static void hex_and_octal_disks_are_refused(void **state)
{
	(void)state;
	assert_int_equal(refusal("d0x10p0"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("d010p0"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("d0p01"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("051712"), PVB_VDEV_SYNTAX);
}

static void negative_disks_are_refused(void **state)
{
	(void)state;
	assert_int_equal(refusal("d-1p0"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("d0p-1"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("-51712"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("+51712"), PVB_VDEV_SYNTAX);
}

static void partition_zero_has_no_digit(void **state)
{
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(refusal("xvda0"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("xvda01"), PVB_VDEV_SYNTAX);
	assert_int_equal(refusal("hda0"), PVB_VDEV_SYNTAX);
	assert_int_equal(pvb_vdev_from_number(51712, &v), PVB_VDEV_OK);
	pvb_vdev_name(&v, name);
	assert_string_equal(name, "xvda");
}

static void hd_and_sd_are_not_printed_as_xvd(void **state)
{
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v;

	(void)state;
	assert_int_equal(pvb_vdev_from_number(832, &v), PVB_VDEV_OK);
	pvb_vdev_name(&v, name);
	assert_string_equal(name, "hdb");
	assert_int_equal(pvb_vdev_from_number(2064, &v), PVB_VDEV_OK);
	pvb_vdev_name(&v, name);
	assert_string_equal(name, "sdb");
}

static void every_bit_of_a_disk_counts(void **state)
{
	struct pvb_vdev v;

	(void)state;
	/* A mask of 0x15 would make xvda of xvdk. */
	assert_int_equal(pvb_vdev_from_number(202 << 8 | 10 << 4, &v),
			 PVB_VDEV_OK);
	assert_int_equal(v.disk, 10);
	/* Twelve bits are not enough for an extended one. */
	assert_int_equal(pvb_vdev_from_number(EXTENDED | 0x12345 << 8, &v),
			 PVB_VDEV_OK);
	assert_int_equal(v.disk, 0x12345);
	/* Nor two bits for the disks of IDE: 22 << 8 begins at the third. */
	assert_int_equal(pvb_vdev_from_number(22 << 8 | 64, &v), PVB_VDEV_OK);
	assert_int_equal(v.disk, 3);
}

static void disks_beyond_their_kind_are_refused(void **state)
{
	(void)state;
	assert_int_equal(refusal("hde"), PVB_VDEV_DISK_RANGE);
	assert_int_equal(refusal("sdiw"), PVB_VDEV_DISK_RANGE);
	assert_int_equal(refusal("xvdbgqcw"), PVB_VDEV_DISK_RANGE);
	assert_int_equal(refusal("xvdzzzzzzzzzzzzzzzz"), PVB_VDEV_DISK_RANGE);
	assert_int_equal(refusal("d1048576p0"), PVB_VDEV_DISK_RANGE);
	assert_int_equal(refusal("d99999999999999999999"), PVB_VDEV_DISK_RANGE);
}

static void partitions_beyond_their_kind_are_refused(void **state)
{
	(void)state;
	assert_int_equal(refusal("xvda256"), PVB_VDEV_PARTITION_RANGE);
	assert_int_equal(refusal("d0p256"), PVB_VDEV_PARTITION_RANGE);
	assert_int_equal(refusal("hda64"), PVB_VDEV_PARTITION_RANGE);
	assert_int_equal(refusal("sda16"), PVB_VDEV_PARTITION_RANGE);
	assert_int_equal(refusal("xvda4294967297"), PVB_VDEV_PARTITION_RANGE);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const junk[] = {
		"", " ", "x", "xvd", "hd", "sd", "d", "p0", "dp0", "d0p",
		"d0p0p0", "d 0", "d0p1 ", "xvd1", "xvdA", "XVDA", "xvda1x",
		"xvda 1", " xvda", "xvda ", "xvda-1", "vda", "/dev/xvda",
		"51712x", "51 712", "0x", "0xg", "0X10", "1e3", "xvd\xc3\xa4",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		if (refusal(junk[i]) != PVB_VDEV_SYNTAX)
			fail_msg("\"%s\" was taken", junk[i]);
}

static void numbers_too_large_to_tell_are_reserved(void **state)
{
	(void)state;
	assert_int_equal(refusal("536870912"), PVB_VDEV_RESERVED);
	assert_int_equal(refusal("4294967296"), PVB_VDEV_RESERVED);
	assert_int_equal(refusal("18446744073709551616"), PVB_VDEV_RESERVED);
	assert_int_equal(refusal("0xffffffffffffffffffff"), PVB_VDEV_RESERVED);
}

static void a_refusal_leaves_the_device_alone(void **state)
{
	struct pvb_vdev v, before;

	(void)state;
	assert_int_equal(pvb_vdev_parse("sdb3", &v), PVB_VDEV_OK);
	before = v;
	assert_int_not_equal(pvb_vdev_parse("xvda256", &v), PVB_VDEV_OK);
	assert_int_not_equal(pvb_vdev_from_number(3 << 8 | 128, &v),
			     PVB_VDEV_OK);
	assert_memory_equal(&v, &before, sizeof(v));
}

static void schemes_and_reasons_have_their_own_words(void **state)
{
	(void)state;
	for (int i = 0; i < PVB_VDEV_SCHEME_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(pvb_vdev_scheme_name(i),
						pvb_vdev_scheme_name(j));
	for (int i = 0; i < PVB_VDEV_WHY_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(pvb_vdev_why_text(i),
						pvb_vdev_why_text(j));
	assert_string_equal(pvb_vdev_scheme_name(PVB_VDEV_SCHEME_COUNT), "?");
	assert_string_equal(pvb_vdev_why_text(PVB_VDEV_WHY_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_names_give_their_numbers),
		cmocka_unit_test(golden_numbers_give_their_names),
		cmocka_unit_test(dp_names_give_the_xvd_numbers),
		cmocka_unit_test(a_dp_name_may_leave_out_the_whole_disk),
		cmocka_unit_test(a_number_is_taken_as_it_is),
		cmocka_unit_test(every_xvd_hd_and_sd_number_survives_its_name),
		cmocka_unit_test(every_extended_disk_survives_its_name),
		cmocka_unit_test(numbers_that_are_no_disk_are_refused),
		cmocka_unit_test(
			deprecated_ide_majors_have_a_name_but_none_in_linux),
		cmocka_unit_test(linux_has_twenty_bits_for_a_minor),
		cmocka_unit_test(hex_and_octal_disks_are_refused),
		cmocka_unit_test(negative_disks_are_refused),
		cmocka_unit_test(partition_zero_has_no_digit),
		cmocka_unit_test(hd_and_sd_are_not_printed_as_xvd),
		cmocka_unit_test(every_bit_of_a_disk_counts),
		cmocka_unit_test(disks_beyond_their_kind_are_refused),
		cmocka_unit_test(partitions_beyond_their_kind_are_refused),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(numbers_too_large_to_tell_are_reserved),
		cmocka_unit_test(a_refusal_leaves_the_device_alone),
		cmocka_unit_test(schemes_and_reasons_have_their_own_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
