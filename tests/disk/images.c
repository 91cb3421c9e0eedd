/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "images.h"

enum { URING_ENTRIES = 64, COMMAND_BYTES = 512, DEPTH = 8 };

static char directory[] = "images-XXXXXX";
static int home = -1;

int images_setup(void **state)
{
	const char *base = getenv("PVB_TEST_DIR");

	(void)state;
	home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home < 0 || (base && chdir(base) < 0))
		return -1;
	(void)snprintf(directory, sizeof(directory), "images-XXXXXX");
	return mkdtemp(directory) && chmod(directory, 0755) == 0 &&
	       chdir(directory) == 0 ? 0 : -1;
}

static int drop(const char *path, const struct stat *st, int type,
                struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level > 0 ? remove(path) : 0;
}

int images_teardown(void **state)
{
	const char *base = getenv("PVB_TEST_DIR");
	int r = nftw(".", drop, DEPTH, FTW_DEPTH | FTW_PHYS);

	(void)state;
	if (fchdir(home) < 0 || (base && chdir(base) < 0))
		return -1;
	r |= rmdir(directory);
	r |= fchdir(home);
	(void)close(home);
	return r;
}

void image_make(const char *name, uint64_t bytes)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(close(fd), 0);
}

void image_resize(const char *name, uint64_t bytes)
{
	assert_int_equal(truncate(name, (off_t)bytes), 0);
}

int rig_open(struct rig *rig, const char *uri, uint32_t flags,
             struct pvb_err *e)
{
	const struct pvb_loop_config c = { .uring_entries = URING_ENTRIES };
	int r;

	memset(rig, 0, sizeof(*rig));
	rig->loop = pvb_loop_create(&c, e);
	assert_non_null(rig->loop);
	r = pvb_disk_open(pvb_disk_basic, uri, flags, rig->loop, NULL,
	                  &rig->disk, e);
	if (r < 0)
		pvb_loop_destroy(rig->loop);
	return r;
}

void rig_open_good(struct rig *rig, const char *uri, uint32_t flags)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (rig_open(rig, uri, flags, &e) < 0)
		fail_msg("%s", e.text);
}

void rig_close(struct rig *rig)
{
	pvb_disk_close(rig->disk);
	pvb_loop_destroy(rig->loop);
	rig->disk = NULL;
	rig->loop = NULL;
}

bool loop_device_make(const char *image, const char *options, char device[64])
{
	char command[COMMAND_BYTES];
	FILE *f;
	bool good;

	(void)snprintf(command, sizeof(command),
	               "losetup -f --show %s '%s' 2>/dev/null", options,
	               image);
	f = popen(command, "r");
	if (!f)
		return false;
	good = fgets(device, 64, f) != NULL;
	if (good)
		device[strcspn(device, "\n")] = '\0';
	return pclose(f) == 0 && good;
}

void loop_device_drop(const char *device)
{
	char command[COMMAND_BYTES];

	(void)snprintf(command, sizeof(command), "losetup -d '%s'", device);
	assert_int_equal(system(command), 0);
}
