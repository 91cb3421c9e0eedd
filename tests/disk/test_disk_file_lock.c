/* SPDX-License-Identifier: MIT */
/*
 * Who may have an image open together with whom.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "images.h"
#include "open_fds.h"

#define RO PVB_DISK_READ_ONLY
#define SHARED PVB_DISK_SHARED

static struct rig one, other;

static void expect_busy(uint32_t flags, const char *sentence)
{
	struct pvb_err e = PVB_ERR_INIT;

	assert_int_equal(rig_open(&other, "disk", flags, &e), -EBUSY);
	assert_string_equal(e.text, sentence);
}

static void expect_welcome(uint32_t flags)
{
	rig_open_good(&other, "disk", flags);
	rig_close(&other);
}

static void a_writer_is_alone(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	rig_open_good(&one, "disk", 0);
	expect_busy(0, "disk: another process has it open for writing");
	expect_busy(RO, "disk: another process has it open for writing");
	expect_busy(SHARED, "disk: another process has it open for writing");
	rig_close(&one);
	expect_welcome(0);
}

static void readers_keep_company_but_no_writer(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	rig_open_good(&one, "disk", RO);
	expect_welcome(RO);
	expect_busy(0, "disk: another process has it open");
	rig_close(&one);
}

static void those_who_share_keep_company(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	rig_open_good(&one, "disk", SHARED);
	expect_welcome(SHARED);
	expect_welcome(RO);
	expect_busy(0, "disk: another process has it open");
	assert_int_equal(rig_write(&one, 0, 4096, 1), 0);
	rig_close(&one);
}

static void another_name_of_the_file_does_not_help(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(link("disk", "hard"), 0);
	assert_int_equal(symlink("disk", "soft"), 0);
	rig_open_good(&one, "disk", 0);
	assert_int_equal(rig_open(&other, "hard", 0, &e), -EBUSY);
	assert_int_equal(rig_open(&other, "soft", 0, &e), -EBUSY);
	rig_close(&one);
}

static void probing_takes_no_lock(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	int before = open_fds(), fds[PVB_DISK_FDS_MAX];

	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "disk", 0, &p, &ops,
	                                NULL), 0);
	assert_int_equal(open_fds(), before + 1);
	expect_welcome(0);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	expect_welcome(0);
	(void)close(fds[0]);
	pvb_disk_probe_fini(&p);
	assert_int_equal(open_fds(), before);
}

/* Two lanes on one open file description, as two queues have them. */
static void lanes_of_one_attachment_share_its_lock(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	struct pvb_disk_probe p;
	struct pvb_disk *lane[2];
	int fds[PVB_DISK_FDS_MAX], again;

	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "disk", 0, &p, &ops,
	                                NULL), 0);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	again = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	assert_true(again >= 0);
	assert_int_equal(ops->open(loop, NULL, &p, fds, 1, &lane[0], NULL), 0);
	assert_int_equal(ops->open(loop, NULL, &p, &again, 1, &lane[1], NULL),
	                 0);
	pvb_disk_close(lane[0]);
	expect_busy(0, "disk: another process has it open for writing");
	pvb_disk_close(lane[1]);
	expect_welcome(0);
	pvb_disk_probe_fini(&p);
	pvb_loop_destroy(loop);
}

/* A child opens the disk, says so, and waits to be killed. */
static pid_t start_holder(void)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(ready[0]);
		if (rig_open(&one, "disk", 0, NULL) == 0)
			(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void the_lock_of_a_killed_process_goes(void **state)
{
	pid_t pid;

	(void)state;
	image_make("disk", 1 << 20);
	pid = start_holder();
	expect_busy(0, "disk: another process has it open for writing");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	expect_welcome(0);
}

static void being_refused_leaves_nothing_open(void **state)
{
	int before;

	(void)state;
	image_make("disk", 1 << 20);
	rig_open_good(&one, "disk", 0);
	before = open_fds();
	expect_busy(0, "disk: another process has it open for writing");
	assert_int_equal(open_fds(), before);
	rig_close(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_IMAGES(a_writer_is_alone),
		IN_IMAGES(readers_keep_company_but_no_writer),
		IN_IMAGES(those_who_share_keep_company),
		IN_IMAGES(another_name_of_the_file_does_not_help),
		IN_IMAGES(probing_takes_no_lock),
		IN_IMAGES(lanes_of_one_attachment_share_its_lock),
		IN_IMAGES(the_lock_of_a_killed_process_goes),
		IN_IMAGES(being_refused_leaves_nothing_open),
	};

	return cmocka_run_group_tests_name("disk_file_lock", tests, NULL,
	                                   NULL);
}
