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

#include "disk/disk_file.h"
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

/* ---- the fence ----------------------------------------------------------- */

enum { FENCE = 12345 };

static void probe(const char *uri, uint32_t flags, struct pvb_disk_probe *p,
                  const struct pvb_disk_ops **ops)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_disk_probe(pvb_disk_basic, uri, flags, p, ops, &e) < 0)
		fail_msg("%s", e.text);
	p->fence = FENCE;
}

/* A lane with that fence, here. */
static struct pvb_disk *open_fenced(struct pvb_loop *loop, const char *uri,
                                    uint32_t flags)
{
	const struct pvb_disk_ops *ops;
	int fds[PVB_DISK_FDS_MAX];
	struct pvb_disk_probe p;
	struct pvb_disk *lane;

	probe(uri, flags, &p, &ops);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	assert_int_equal(ops->open(loop, NULL, &p, fds, 1, &lane, NULL), 0);
	pvb_disk_probe_fini(&p);
	return lane;
}

static int ask_fence(const char *uri, uint32_t flags, uint64_t fence)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	int r;

	probe(uri, flags, &p, &ops);
	p.fence = fence;
	r = ops->fenced(&p, NULL);
	pvb_disk_probe_fini(&p);
	return r;
}

/* Also where no lock that guards sharing would be in the way. */
static void a_fence_stands_while_a_lane_is_open(void **state)
{
	static const uint32_t ways[] = { 0, RO, SHARED, SHARED | RO };
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	int before;

	(void)state;
	image_make("disk", 1 << 20);
	before = open_fds();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct pvb_disk *lane;

		assert_int_equal(ask_fence("disk", ways[i], FENCE), 1);
		lane = open_fenced(loop, "disk", ways[i]);
		assert_int_equal(ask_fence("disk", ways[i], FENCE), 0);
		pvb_disk_close(lane);
		assert_int_equal(ask_fence("disk", ways[i], FENCE), 1);
	}
	assert_int_equal(open_fds(), before);
	pvb_loop_destroy(loop);
}

static void fences_of_others_are_no_business_of_ours(void **state)
{
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	struct pvb_disk *lane;

	(void)state;
	image_make("disk", 1 << 20);
	lane = open_fenced(loop, "disk", RO);
	assert_int_equal(ask_fence("disk", RO, FENCE + 1), 1);
	assert_int_equal(ask_fence("disk", RO, UINT64_MAX), 1);
	rig_open_good(&other, "disk", RO);
	pvb_disk_close(lane);
	assert_int_equal(ask_fence("disk", RO, FENCE), 1);
	rig_close(&other);
	pvb_loop_destroy(loop);
}

/* Two queues of a device, each with a copy of one description. */
static void a_fence_falls_with_the_last_lane(void **state)
{
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	const struct pvb_disk_ops *ops;
	int fds[PVB_DISK_FDS_MAX], again;
	struct pvb_disk *lane[2];
	struct pvb_disk_probe p;

	(void)state;
	image_make("disk", 1 << 20);
	probe("disk", RO, &p, &ops);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	again = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	assert_int_equal(ops->open(loop, NULL, &p, fds, 1, &lane[0], NULL), 0);
	assert_int_equal(ops->open(loop, NULL, &p, &again, 1, &lane[1], NULL),
	                 0);
	pvb_disk_close(lane[1]);
	assert_int_equal(ask_fence("disk", RO, FENCE), 0);
	pvb_disk_close(lane[0]);
	assert_int_equal(ask_fence("disk", RO, FENCE), 1);
	pvb_disk_probe_fini(&p);
	pvb_loop_destroy(loop);
}

static void a_disk_that_does_wrong_has_the_fence_below(void **state)
{
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	struct pvb_disk *lane;

	(void)state;
	image_make("disk", 1 << 20);
	lane = open_fenced(loop, "fault:disk", RO);
	assert_int_equal(ask_fence("fault:disk", RO, FENCE), 0);
	assert_int_equal(ask_fence("disk", RO, FENCE), 0);
	pvb_disk_close(lane);
	assert_int_equal(ask_fence("fault:disk", RO, FENCE), 1);
	assert_int_equal(ask_fence("fault:mem:1M", 0, FENCE), 1);
	pvb_loop_destroy(loop);
}

static void of_another_machines_file_it_cannot_be_told(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;
	struct file_how how;

	(void)state;
	image_make("disk", 1 << 20);
	probe("disk", 0, &p, &ops);
	memcpy(&how, p.blob, sizeof(how));
	assert_int_equal(how.remote, 0);
	how.remote = 1;
	memcpy(p.blob, &how, sizeof(how));
	assert_int_equal(ops->fenced(&p, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "on a network file system it cannot be "
	                    "told when writes are over");
	pvb_disk_probe_fini(&p);
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
		IN_IMAGES(a_fence_stands_while_a_lane_is_open),
		IN_IMAGES(fences_of_others_are_no_business_of_ours),
		IN_IMAGES(a_fence_falls_with_the_last_lane),
		IN_IMAGES(a_disk_that_does_wrong_has_the_fence_below),
		IN_IMAGES(of_another_machines_file_it_cannot_be_told),
	};

	return cmocka_run_group_tests_name("disk_file_lock", tests, NULL,
	                                   NULL);
}
