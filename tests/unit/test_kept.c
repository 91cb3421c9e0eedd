/* SPDX-License-Identifier: MIT */
/* test_kept.c - files that outlive the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "hyp/host.h"
#include "serve/kept.h"

static struct pvb_host host;
static struct pvb_kept kept;
static const struct pvb_xsdev one = {
	.front_domid = 1, .number = 51712, .kind = "vbd",
}, two = {
	.front_domid = 2, .number = 51728, .kind = "vbd",
};

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	strcpy(host.dir, "/tmp/pvb-test-XXXXXX");
	kept.dir = -1;
	return mkdtemp(host.dir) ? 0 : -1;
}

static char *in_dir(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/journal/%s", host.dir, name);
	return path;
}

static int teardown(void **state)
{
	(void)state;
	pvb_kept_remove(&kept, &one, 0, "journal");
	pvb_kept_close(&kept);
	if (rmdir(in_dir("")) < 0 && errno != ENOENT)
		return -1;
	return rmdir(host.dir);
}

static void begin(void)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_kept_open(&kept, &host, &e) < 0)
		fail_msg("%s", e.text);
}

static int make(const struct pvb_xsdev *dev, size_t bytes)
{
	int fd = pvb_kept_make(&kept, dev, 0, "journal", bytes);

	assert_true(fd >= 0);
	return fd;
}

static int find(void)
{
	return pvb_kept_find(&kept, &one, 0, "journal");
}

/* The first byte. */
static int byte_of(int fd)
{
	unsigned char c = 0xff;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, 0), 1);
	close(fd);
	return c;
}

static void one_is_blank_and_there_is_room_for_it(void **state)
{
	unsigned char bytes[10000];
	struct stat st;
	int fd;

	(void)state;
	begin();
	fd = make(&one, sizeof(bytes));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, sizeof(bytes));
	assert_true((size_t)st.st_blocks * 512 >= sizeof(bytes));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
	close(fd);
	assert_int_equal(access(in_dir("1-vbd-51712.0.journal"), F_OK), 0);
	assert_int_equal(access(in_dir("new"), F_OK), -1);
}

static void it_is_found_by_the_next_one(void **state)
{
	int fd;

	(void)state;
	begin();
	assert_int_equal(find(), -ENOENT);
	fd = make(&one, 64);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	pvb_kept_close(&kept);
	begin();
	assert_int_equal(byte_of(find()), 'x');
	assert_int_equal(pvb_kept_find(&kept, &two, 0, "journal"), -ENOENT);
	assert_int_equal(pvb_kept_find(&kept, &one, 1, "journal"), -ENOENT);
	assert_int_equal(pvb_kept_find(&kept, &one, 0, "other"), -ENOENT);
}

/* Who has the former one keeps that. */
static void another_one_takes_its_place(void **state)
{
	int former;

	(void)state;
	begin();
	former = make(&one, 64);
	assert_int_equal(pwrite(former, "x", 1, 0), 1);
	close(make(&one, 128));
	assert_int_equal(byte_of(find()), 0);
	assert_int_equal(byte_of(former), 'x');
}

/* Somebody died while he made one. */
static void what_is_not_whole_has_no_name(void **state)
{
	(void)state;
	begin();
	close(open(in_dir("new"), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(find(), -ENOENT);
	close(make(&one, 64));
	assert_int_equal(byte_of(find()), 0);
}

static void what_we_did_not_make_is_refused(void **state)
{
	char *name;

	(void)state;
	begin();
	name = in_dir("1-vbd-51712.0.journal");
	assert_int_equal(symlink("/etc/passwd", name), 0);
	assert_int_equal(find(), -EPERM);
	close(make(&one, 64));
	assert_int_equal(chmod(name, 0640), 0);
	assert_int_equal(find(), -EPERM);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(find(), -EPERM);
	assert_int_equal(rmdir(name), 0);
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_int_equal(find(), -EPERM);
}

static void a_folder_that_others_may_use_is_refused(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	begin();
	pvb_kept_close(&kept);
	assert_int_equal(chmod(in_dir(""), 0770), 0);
	assert_int_equal(pvb_kept_open(&kept, &host, &e), -EPERM);
	assert_non_null(strstr(e.text, "somebody else has rights there"));
	/* Without one nothing is kept, nor harmed. */
	assert_int_equal(pvb_kept_make(&kept, &one, 0, "journal", 64),
	                 -ENOENT);
	assert_int_equal(find(), -ENOENT);
	pvb_kept_remove(&kept, &one, 0, "journal");
	pvb_kept_sweep(&kept, "vbd", NULL, NULL);
}

static bool is_one(void *arg, uint16_t front_domid, uint32_t number)
{
	(void)arg;
	return front_domid == one.front_domid && number == one.number;
}

static void what_is_nobodys_is_swept_away(void **state)
{
	struct pvb_xsdev other = two;

	(void)state;
	begin();
	strcpy(other.kind, "qdisk");
	close(make(&one, 64));
	close(make(&two, 64));
	close(make(&other, 64));
	close(open(in_dir("readme"), O_WRONLY | O_CREAT, 0600));
	pvb_kept_sweep(&kept, "vbd", is_one, NULL);
	assert_int_equal(byte_of(find()), 0);
	assert_int_equal(access(in_dir("2-vbd-51728.0.journal"), F_OK), -1);
	assert_int_equal(unlink(in_dir("2-qdisk-51728.0.journal")), 0);
	assert_int_equal(unlink(in_dir("readme")), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_is_blank_and_there_is_room_for_it),
		TEST(it_is_found_by_the_next_one),
		TEST(another_one_takes_its_place),
		TEST(what_is_not_whole_has_no_name),
		TEST(what_we_did_not_make_is_refused),
		TEST(a_folder_that_others_may_use_is_refused),
		TEST(what_is_nobodys_is_swept_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
