/* SPDX-License-Identifier: MIT */
/*
 * The memory disk beyond the suite: sparse, shared by its lanes, sealed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "open_fds.h"
#include "requests.h"

enum { UNIT = 4096, MIB = 1 << 20 };
#define TIB (UINT64_C(1) << 40)

static const struct pvb_disk_ops *ops;
static struct pvb_disk_probe probe;
static struct rig one, other;

static int try_lane(struct rig *rig, struct pvb_err *e)
{
	int fds[PVB_DISK_FDS_MAX], n, r;

	memset(rig, 0, sizeof(*rig));
	rig->loop = pvb_loop_create(NULL, NULL);
	n = ops->reopen(&probe, fds, e);
	assert_int_equal(n, 1);
	r = ops->open(rig->loop, NULL, &probe, fds, 1, &rig->disk, e);
	if (r < 0)
		pvb_loop_destroy(rig->loop);
	return r;
}

static void open_lane(struct rig *rig)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (try_lane(rig, &e) < 0)
		fail_msg("%s", e.text);
}

static void close_lane(struct rig *rig)
{
	pvb_disk_close(rig->disk);
	pvb_loop_destroy(rig->loop);
}

static void probe_it(const char *uri, uint32_t flags)
{
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, flags, &probe,
	                                &ops, NULL), 0);
	assert_int_equal(probe.nfds, 1);
}

static uint64_t allocated(void)
{
	struct stat st;

	assert_int_equal(fstat(probe.fds[0], &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void reading_a_hole_allocates_nothing(void **state)
{
	(void)state;
	probe_it("mem:64M", 0);
	open_lane(&one);
	for (uint64_t at = 0; at < 64 * MIB; at += MIB)
		rig_expect_zeros(&one, at, MIB);
	assert_int_equal(allocated(), 0);
	assert_int_equal(rig_write(&one, 0, UNIT, 1), 0);
	assert_true(allocated() <= 2 * MIB);
	close_lane(&one);
	pvb_disk_probe_fini(&probe);
}

static void what_is_discarded_securely_is_gone(void **state)
{
	(void)state;
	probe_it("mem:1M", 0);
	open_lane(&one);
	assert_int_equal(rig_write(&one, 0, 65536, 1), 0);
	assert_int_equal(rig_do(&one, PVB_IO_DISCARD, PVB_IO_SECURE, 512,
	                        32768), 0);
	rig_expect_zeros(&one, 512, 32768);
	close_lane(&one);
	pvb_disk_probe_fini(&probe);
}

static void discard_gives_memory_back(void **state)
{
	(void)state;
	probe_it("mem:64M", 0);
	open_lane(&one);
	for (uint64_t at = 0; at < 64 * MIB; at += 8 * MIB)
		assert_int_equal(rig_write(&one, at, 8 * MIB, at), 0);
	assert_true(allocated() >= 64 * MIB);
	assert_int_equal(rig_do(&one, PVB_IO_DISCARD, 0, 0, 48 * MIB), 0);
	assert_true(allocated() <= 16 * MIB);
	rig_expect_zeros(&one, 0, 8 * MIB);
	assert_true(allocated() <= 16 * MIB);
	rig_expect(&one, 48 * MIB, 8 * MIB, 48 * MIB);
	close_lane(&one);
	pvb_disk_probe_fini(&probe);
}

static void a_disk_larger_than_memory_can_be_had(void **state)
{
	(void)state;
	probe_it("mem:4T", 0);
	if (try_lane(&one, NULL) == -ENOMEM) {
		pvb_disk_probe_fini(&probe);
		print_message("4 TiB of addresses cannot be had here\n");
		skip();
	}
	assert_int_equal(rig_write(&one, 4 * TIB - UNIT, UNIT, 1), 0);
	assert_int_equal(rig_write(&one, 3 * TIB, UNIT, 2), 0);
	rig_expect(&one, 4 * TIB - UNIT, UNIT, 1);
	rig_expect(&one, 3 * TIB, UNIT, 2);
	rig_expect_zeros(&one, 2 * TIB, MIB);
	assert_int_equal(rig_do(&one, PVB_IO_READ, 0, 4 * TIB, UNIT), -EINVAL);
	close_lane(&one);
	pvb_disk_probe_fini(&probe);
}

static void lanes_see_what_the_others_do(void **state)
{
	(void)state;
	probe_it("mem:64M", 0);
	open_lane(&one);
	open_lane(&other);
	rig_expect_zeros(&other, 0, UNIT);
	assert_int_equal(rig_write(&one, 0, UNIT, 1), 0);
	rig_expect(&other, 0, UNIT, 1);
	assert_int_equal(rig_write(&other, 0, UNIT, 2), 0);
	rig_expect(&one, 0, UNIT, 2);
	assert_int_equal(rig_do(&other, PVB_IO_DISCARD, 0, 0, 64 * MIB), 0);
	rig_expect_zeros(&one, 0, UNIT);
	close_lane(&one);
	assert_int_equal(rig_write(&other, UNIT, UNIT, 3), 0);
	open_lane(&one);
	rig_expect(&one, UNIT, UNIT, 3);
	close_lane(&one);
	close_lane(&other);
	pvb_disk_probe_fini(&probe);
}

static void its_size_is_sealed(void **state)
{
	(void)state;
	probe_it("mem:1M", 0);
	assert_int_equal(ftruncate(probe.fds[0], 4096), -1);
	assert_int_equal(ftruncate(probe.fds[0], 2 * MIB), -1);
	pvb_disk_probe_fini(&probe);
}

static void memory_that_is_too_small_is_refused(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	int before = open_fds();

	(void)state;
	probe_it("mem:1M", 0);
	probe.info.size_bytes = 2 * MIB;
	assert_int_equal(try_lane(&one, &e), -EINVAL);
	assert_string_equal(e.text,
	                    "its memory is smaller than the disk");
	pvb_disk_probe_fini(&probe);
	assert_int_equal(open_fds(), before);
}

static void nothing_is_left_open(void **state)
{
	int before = open_fds();

	(void)state;
	for (int i = 0; i < 10; i++) {
		probe_it("mem:1M", i % 2 ? PVB_DISK_READ_ONLY : 0);
		open_lane(&one);
		close_lane(&one);
		pvb_disk_probe_fini(&probe);
	}
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_a_hole_allocates_nothing),
		cmocka_unit_test(what_is_discarded_securely_is_gone),
		cmocka_unit_test(discard_gives_memory_back),
		cmocka_unit_test(a_disk_larger_than_memory_can_be_had),
		cmocka_unit_test(lanes_see_what_the_others_do),
		cmocka_unit_test(its_size_is_sealed),
		cmocka_unit_test(memory_that_is_too_small_is_refused),
		cmocka_unit_test(nothing_is_left_open),
	};

	return cmocka_run_group_tests_name("disk_mem", tests, NULL, NULL);
}
