/* SPDX-License-Identifier: MIT */
/*
 * fuzz_vdev.c - any text as a device's name, any eight bytes as its number.
 *
 * Checked: what is accepted names itself, the name gives a number of the same
 * disk and partition, and giving it twice changes nothing.
 */
#include "fuzz.h"

#include "proto/vdev.h"

enum { TEXT_MAX = 64 };

static void check_device(const struct pvb_vdev *v)
{
	char name[PVB_VDEV_NAME_MAX], again[PVB_VDEV_NAME_MAX];
	struct pvb_vdev named, found;

	FUZZ_CHECK(v->number < UINT32_C(2) << 28);
	FUZZ_CHECK((unsigned int)v->scheme < PVB_VDEV_SCHEME_COUNT);
	FUZZ_CHECK(pvb_vdev_from_number(v->number, &found) == PVB_VDEV_OK);
	FUZZ_CHECK(found.disk == v->disk && found.partition == v->partition &&
		   found.scheme == v->scheme);
	pvb_vdev_linux_name(v, name);
	FUZZ_CHECK(memchr(name, 0, sizeof(name)));
	pvb_vdev_dp_name(v, name);
	FUZZ_CHECK(memchr(name, 0, sizeof(name)));
	FUZZ_CHECK(pvb_vdev_parse(name, &named) == PVB_VDEV_OK);
	FUZZ_CHECK(named.disk == v->disk && named.partition == v->partition);
	pvb_vdev_name(v, name);
	FUZZ_CHECK(memchr(name, 0, sizeof(name)));
	/* The deprecated IDE majors have names that no parser should take. */
	if (v->scheme == PVB_VDEV_IDE && v->disk >= 4)
		return;
	FUZZ_CHECK(pvb_vdev_parse(name, &named) == PVB_VDEV_OK);
	FUZZ_CHECK(named.disk == v->disk && named.partition == v->partition);
	pvb_vdev_name(&named, again);
	FUZZ_CHECK(strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct fuzz_input in = { bytes, length };
	struct pvb_vdev v;
	char text[TEXT_MAX];
	uint64_t number;

	if (pvb_vdev_from_number(fuzz_u32(&in), &v) == PVB_VDEV_OK)
		check_device(&v);
	in = (struct fuzz_input){ bytes, length };
	fuzz_take(&in, &number, sizeof(number));
	if (pvb_vdev_from_number(number, &v) == PVB_VDEV_OK)
		check_device(&v);
	in = (struct fuzz_input){ bytes, length };
	fuzz_take(&in, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	if (pvb_vdev_parse(text, &v) == PVB_VDEV_OK)
		check_device(&v);
	return 0;
}
