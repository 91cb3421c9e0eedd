/* SPDX-License-Identifier: MIT */
/*
 * Block devices, as far as losetup can make them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "images.h"

enum { BYTES = 8 << 20 };

static struct rig rig;
static char device[64];

static void need_device(const char *options)
{
	image_make("disk", BYTES);
	if (loop_device_make("disk", options, device))
		return;
	print_message("losetup %s gives no loop device here\n", options);
	skip();
}

static void a_device_tells_its_geometry(void **state)
{
	(void)state;
	need_device("");
	rig_open_good(&rig, device, 0);
	assert_int_equal(rig.disk->info.size_bytes, BYTES);
	assert_int_equal(rig.disk->info.sector_size_bytes, 512);
	assert_true(rig.disk->info.flush && rig.disk->info.zero);
	/* What lies under it has no way to erase. */
	assert_false(rig.disk->info.discard_secure);
	rig_close(&rig);
	loop_device_drop(device);
}

static void large_sectors_are_followed(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char uri[128];

	(void)state;
	need_device("--sector-size 4096");
	rig_open_good(&rig, device, 0);
	assert_int_equal(rig.disk->info.sector_size_bytes, 4096);
	assert_true(rig.disk->info.physical_size_bytes >= 4096);
	assert_int_equal(rig_write(&rig, 4096, 4096, 1), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 512, 512), -EINVAL);
	rig_close(&rig);
	(void)snprintf(uri, sizeof(uri), "file:%s?sector-size=512", device);
	assert_int_equal(rig_open(&rig, uri, 0, &e), -EINVAL);
	assert_non_null(strstr(e.text, ": the device's sectors have 4096 "
	                       "bytes, not 512"));
	loop_device_drop(device);
}

/* Discs have 2048 bytes in a sector; the page cache reads any part of one. */
static void the_sectors_of_a_disc_are_read(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	unsigned char burnt[512];
	int fd;

	(void)state;
	need_device("--sector-size 2048");
	fill_pattern(burnt, sizeof(burnt), 7);
	fd = open(device, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, burnt, sizeof(burnt), 512), 512);
	close(fd);
	assert_int_equal(rig_open(&rig, device, 0, &e), -EINVAL);
	assert_non_null(strstr(e.text, "has sectors of 2048 bytes; only 512 "
	                       "and 4096 can be written"));
	if (rig_open(&rig, device, PVB_DISK_READ_ONLY, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(rig.disk->info.sector_size_bytes, 512);
	assert_int_equal(rig.disk->info.physical_size_bytes % 2048, 0);
	rig_expect(&rig, 512, 512, 7);
	rig_expect_zeros(&rig, 1024, 4096);
	rig_close(&rig);
	loop_device_drop(device);
}

/* A file system whose device has sectors of 4 KiB: 512 bytes cannot be read
   around the page cache there. */
static void direct_io_waits_for_sectors_that_suit_it(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char command[256];

	(void)state;
	image_make("disk", 64 << 20);
	if (!loop_device_make("disk", "--sector-size 4096", device))
		skip();
	(void)snprintf(command, sizeof(command), "mkfs.ext4 -q '%s' && mkdir "
	               "fs && mount '%s' fs", device, device);
	if (system(command) != 0) {
		loop_device_drop(device);
		print_message("no ext4 can be made and mounted here\n");
		skip();
	}
	image_make("fs/disk", BYTES);
	assert_int_equal(rig_open(&rig, "file:fs/disk?direct=on", 0, &e),
	                 -EINVAL);
	assert_string_equal(e.text, "file:fs/disk?direct=on: direct=on needs "
	                    "sectors of 4096 bytes here: add sector-size");
	rig_open_good(&rig, "fs/disk", 0);
	assert_int_equal(rig.disk->info.sector_size_bytes, 512);
	assert_int_equal(rig_write(&rig, 512, 512, 1), 0);
	rig_expect(&rig, 512, 512, 1);
	rig_close(&rig);
	rig_open_good(&rig, "file:fs/disk?direct=on&sector-size=4096", 0);
	assert_int_equal(rig_write(&rig, 4096, 4096, 2), 0);
	rig_expect(&rig, 4096, 4096, 2);
	rig_close(&rig);
	assert_int_equal(umount("fs"), 0);
	loop_device_drop(device);
}

static void a_claimed_device_is_busy(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	int claim;

	(void)state;
	need_device("");
	claim = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_true(claim >= 0);
	assert_int_equal(rig_open(&rig, device, 0, &e), -EBUSY);
	assert_non_null(strstr(e.text, ": the device is mounted or used by "
	                       "another driver"));
	rig_open_good(&rig, device, PVB_DISK_READ_ONLY);
	rig_close(&rig);
	(void)close(claim);
	rig_open_good(&rig, device, 0);
	claim = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_int_equal(claim, -1);
	rig_close(&rig);
	loop_device_drop(device);
}

static void a_read_only_device_is_only_read(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	need_device("--read-only");
	assert_true(rig_open(&rig, device, 0, &e) < 0);
	assert_non_null(strstr(e.text, ": can only be read: "));
	rig_open_good(&rig, device, PVB_DISK_READ_ONLY);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, 4096), 0);
	rig_close(&rig);
	loop_device_drop(device);
}

static void a_grown_device_is_a_grown_disk(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	int fds[PVB_DISK_FDS_MAX];
	char command[128];

	(void)state;
	need_device("");
	rig = (struct rig){ .loop = pvb_loop_create(NULL, NULL) };
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, device, 0, &p, &ops,
	                                NULL), 0);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	assert_int_equal(ops->open(rig.loop, NULL, &p, fds, 1, &rig.disk,
	                           NULL), 0);
	image_resize("disk", 2 * BYTES);
	(void)snprintf(command, sizeof(command), "losetup -c '%s'", device);
	assert_int_equal(system(command), 0);
	assert_int_equal(ops->reprobe(&p, NULL), 0);
	assert_int_equal(p.info.size_bytes, 2 * BYTES);
	assert_int_equal(ops->resized(rig.disk, p.info.size_bytes), 0);
	assert_int_equal(rig_write(&rig, 2 * BYTES - 4096, 4096, 1), 0);
	rig_expect(&rig, 2 * BYTES - 4096, 4096, 1);
	pvb_disk_probe_fini(&p);
	rig_close(&rig);
	loop_device_drop(device);
}

static void discard_reaches_the_device(void **state)
{
	struct stat before, after;

	(void)state;
	need_device("");
	rig_open_good(&rig, device, 0);
	if (!rig.disk->info.discard) {
		rig_close(&rig);
		loop_device_drop(device);
		print_message("loop devices cannot discard here\n");
		skip();
	}
	assert_int_equal(rig_write(&rig, 0, BYTES / 2, 1), 0);
	assert_int_equal(rig_write(&rig, BYTES / 2, BYTES / 2, 2), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	assert_int_equal(stat("disk", &before), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_DISCARD, 0, 0, BYTES / 2), 0);
	assert_int_equal(stat("disk", &after), 0);
	assert_true(after.st_blocks < before.st_blocks);
	rig_expect(&rig, BYTES / 2, BYTES / 2, 2);
	rig_close(&rig);
	loop_device_drop(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_IMAGES(a_device_tells_its_geometry),
		IN_IMAGES(large_sectors_are_followed),
		IN_IMAGES(the_sectors_of_a_disc_are_read),
		IN_IMAGES(direct_io_waits_for_sectors_that_suit_it),
		IN_IMAGES(a_claimed_device_is_busy),
		IN_IMAGES(a_read_only_device_is_only_read),
		IN_IMAGES(a_grown_device_is_a_grown_disk),
		IN_IMAGES(discard_reaches_the_device),
	};

	return cmocka_run_group_tests_name("disk_file_device", tests, NULL,
	                                   NULL);
}
