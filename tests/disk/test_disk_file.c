/* SPDX-License-Identifier: MIT */
/*
 * The file driver beyond the suite: growth and shrinking, its options, a
 * full disk, its engines, what it costs when idle.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

#include "images.h"
#include "open_fds.h"

enum { UNIT = 4096, MANY = 64, IDLE_BYTES = 100 << 10 };

static struct rig rig;
static struct pvb_disk_probe probe;
static const struct pvb_disk_ops *ops;
static struct pvb_err err;

/* Probe and open in two steps, as a supervisor and its worker do. */
static void open_probed(const char *uri)
{
	int fds[PVB_DISK_FDS_MAX], n;

	rig = (struct rig){ .loop = pvb_loop_create(NULL, NULL) };
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &probe, &ops,
	                                &err), 0);
	n = ops->reopen(&probe, fds, &err);
	assert_int_equal(n, 1);
	assert_int_equal(ops->open(rig.loop, NULL, &probe, fds, 1, &rig.disk,
	                           &err), 0);
}

static void close_probed(void)
{
	rig_close(&rig);
	pvb_disk_probe_fini(&probe);
}

/* ---- size ----------------------------------------------------------- */

static void a_grown_file_is_a_grown_disk(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	open_probed("disk");
	assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
	image_resize("disk", 3 << 20);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 2 << 20, UNIT), -EINVAL);
	assert_int_equal(ops->reprobe(&probe, &err), 0);
	assert_int_equal(probe.info.size_bytes, 3 << 20);
	assert_int_equal(ops->resized(rig.disk, probe.info.size_bytes), 0);
	assert_int_equal(rig_write(&rig, (3 << 20) - UNIT, UNIT, 2), 0);
	rig_expect(&rig, (3 << 20) - UNIT, UNIT, 2);
	rig_expect(&rig, 0, UNIT, 1);
	close_probed();
}

static void growth_that_is_not_there_is_refused(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	open_probed("disk");
	assert_int_equal(ops->resized(rig.disk, 2 << 20), -EINVAL);
	assert_int_equal(ops->resized(rig.disk, 1 << 19), -EINVAL);
	assert_int_equal(ops->resized(rig.disk, 1 << 20), 0);
	assert_int_equal(rig.disk->info.size_bytes, 1 << 20);
	image_resize("disk", (1 << 20) + 100);
	assert_int_equal(ops->reprobe(&probe, &err), -EINVAL);
	assert_string_equal(err.text, "its size of 1048676 bytes is not a "
	                    "multiple of 512");
	assert_int_equal(ops->resized(rig.disk, (1 << 20) + 100), -EINVAL);
	assert_int_equal(probe.info.size_bytes, 1 << 20);
	close_probed();
}

static void a_shrunk_file_is_noticed(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	open_probed("disk");
	image_resize("disk", 1 << 19);
	assert_int_equal(ops->reprobe(&probe, &err), -EINVAL);
	assert_string_equal(err.text,
	                    "has shrunk from 1048576 to 524288 bytes");
	assert_int_equal(probe.info.size_bytes, 1 << 20);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 1 << 19, UNIT),
	                 -ENODATA);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, (1 << 19) - UNIT,
	                        2 * UNIT), -ENODATA);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, UNIT), 0);
	close_probed();
}

/* Else what lies before it would read as zeros. */
static void and_not_made_longer_by_a_write(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	open_probed("disk");
	image_resize("disk", 1 << 19);
	assert_int_equal(rig_do(&rig, PVB_IO_WRITE, 0, 3 << 18, UNIT),
	                 -ENODATA);
	assert_int_equal(rig_do(&rig, PVB_IO_ZERO, PVB_IO_NO_HOLE, 3 << 18,
	                        UNIT), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 1 << 19, UNIT),
	                 -ENODATA);
	assert_int_equal(rig_do(&rig, PVB_IO_WRITE, 0, 0, UNIT), 0);
	image_resize("disk", 1 << 20);
	assert_int_equal(rig_do(&rig, PVB_IO_WRITE, 0, 3 << 18, UNIT), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 1 << 19, UNIT), 0);
	close_probed();
}

static void a_size_that_was_asked_for_is_kept(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	open_probed("file:disk?size=512k");
	assert_int_equal(rig.disk->info.size_bytes, 512 << 10);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 512 << 10, UNIT),
	                 -EINVAL);
	image_resize("disk", 2 << 20);
	assert_int_equal(ops->reprobe(&probe, &err), 0);
	assert_int_equal(probe.info.size_bytes, 512 << 10);
	close_probed();
}

static void the_file_that_was_probed_is_the_one_opened(void **state)
{
	int fds[PVB_DISK_FDS_MAX];
	struct stat st, renamed;

	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "disk", 0, &probe,
	                                &ops, &err), 0);
	assert_int_equal(rename("disk", "renamed"), 0);
	image_make("disk", 2 << 20);
	assert_int_equal(ops->reopen(&probe, fds, &err), 1);
	assert_int_equal(fstat(fds[0], &st), 0);
	assert_int_equal(stat("renamed", &renamed), 0);
	assert_int_equal(st.st_ino, renamed.st_ino);
	(void)close(fds[0]);
	pvb_disk_probe_fini(&probe);
}

/* ---- options -------------------------------------------------------- */

static int open_flags(const char *uri, uint32_t flags)
{
	int fds[PVB_DISK_FDS_MAX], r;

	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, flags, &probe,
	                                &ops, &err), 0);
	assert_int_equal(ops->reopen(&probe, fds, &err), 1);
	r = fcntl(fds[0], F_GETFL);
	(void)close(fds[0]);
	pvb_disk_probe_fini(&probe);
	return r;
}

static void direct_io_is_used_where_it_works(void **state)
{
	int fd;

	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(open_flags("file:disk?direct=off", 0) & O_DIRECT, 0);
	fd = open("disk", O_RDONLY | O_DIRECT);
	if (fd < 0) {
		print_message("no O_DIRECT in PVB_TEST_DIR\n");
		skip();
	}
	(void)close(fd);
	assert_int_equal(open_flags("file:disk?sector-size=4096", 0) &
	                 O_DIRECT, O_DIRECT);
	assert_int_equal(open_flags("file:disk?direct=on&sector-size=4096",
	                            0) & O_DIRECT, O_DIRECT);
}

static void a_read_only_disk_is_opened_for_reading_alone(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(open_flags("disk", PVB_DISK_READ_ONLY) & O_ACCMODE,
	                 O_RDONLY);
	assert_int_equal(open_flags("disk", 0) & O_ACCMODE, O_RDWR);
}

static void discard_can_be_left_out(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	rig_open_good(&rig, "file:disk?discard=off", 0);
	assert_false(rig.disk->info.discard);
	rig_close(&rig);
}

static uint64_t allocated(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void discard_gives_space_back_and_zero_can_keep_it(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	rig_open_good(&rig, "disk", 0);
	if (!rig.disk->info.discard) {
		rig_close(&rig);
		print_message("no holes in files of PVB_TEST_DIR\n");
		skip();
	}
	assert_int_equal(rig_write(&rig, 0, 1 << 20, 1), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	assert_true(allocated("disk") >= 1 << 20);
	assert_int_equal(rig_do(&rig, PVB_IO_ZERO, PVB_IO_NO_HOLE, 0, 1 << 20),
	                 0);
	assert_true(allocated("disk") >= 1 << 20);
	assert_int_equal(rig_do(&rig, PVB_IO_DISCARD, 0, 0, 1 << 19), 0);
	assert_true(allocated("disk") < (1 << 20) - (1 << 18));
	rig_close(&rig);
}

/* ---- a full disk ---------------------------------------------------- */

static void a_full_file_system_is_said_and_survived(void **state)
{
	(void)state;
	assert_int_equal(mkdir("fs", 0700), 0);
	if (mount("none", "fs", "tmpfs", 0, "size=1m") < 0) {
		print_message("nothing can be mounted here: %s\n",
		              strerror(errno));
		skip();
	}
	image_make("fs/disk", 8 << 20);
	rig_open_good(&rig, "fs/disk", 0);
	assert_int_equal(rig_write(&rig, 0, 256 << 10, 1), 0);
	assert_int_equal(rig_write(&rig, 1 << 20, 2 << 20, 2), -ENOSPC);
	assert_int_equal(rig_do(&rig, PVB_IO_ZERO, PVB_IO_NO_HOLE, 4 << 20,
	                        2 << 20), -ENOSPC);
	rig_expect(&rig, 0, 256 << 10, 1);
	assert_int_equal(rig_do(&rig, PVB_IO_DISCARD, 0, 1 << 20, 7 << 20),
	                 0);
	assert_int_equal(rig_write(&rig, 1 << 20, 256 << 10, 3), 0);
	rig_expect(&rig, 1 << 20, 256 << 10, 3);
	rig_close(&rig);
	assert_int_equal(umount("fs"), 0);
}

/* ---- engines -------------------------------------------------------- */

/* More requests that need a bounce than there are chunks for it. */
static void many_requests_bounce_at_once(void **state)
{
	static struct req q[MANY];

	(void)state;
	image_make("disk", 8 << 20);
	rig_open_good(&rig, "file:disk?sector-size=4096", 0);
	for (int i = 0; i < MANY; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, (uint64_t)i << 17,
		         100 << 10 & ~4095);
		req_shift(&q[i], 9);
		fill_pattern(req_data(&q[i]), q[i].io.length_bytes,
		             (uint64_t)i);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	for (int i = 0; i < MANY; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
	}
	for (int i = 0; i < MANY; i++) {
		rig_expect(&rig, (uint64_t)i << 17, q[i].io.length_bytes,
		           (uint64_t)i);
		req_fini(&q[i]);
	}
	rig_close(&rig);
}

static int warnings;

static void count_warnings(const struct pvb_log *log, enum pvb_log_level level,
                           const char *line)
{
	(void)log;
	if (level == PVB_LOG_WARN && strstr(line, "io_uring is refused"))
		warnings++;
}

/* No io_uring_setup for this process, as some containers have it. */
static bool refuse_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		         offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { 4, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child: an exit status. */
static int work_without_uring(void)
{
	const struct pvb_log log = { .level = PVB_LOG_DEBUG,
	                             .sink = count_warnings };
	const struct pvb_loop_config c = { .uring_entries = 64 };

	if (!refuse_uring())
		return 77;
	rig = (struct rig){ .loop = pvb_loop_create(&c, NULL) };
	if (!rig.loop || pvb_loop_uring(rig.loop))
		return 1;
	if (pvb_disk_open(pvb_disk_basic, "disk", 0, rig.loop, &log,
	                  &rig.disk, NULL) < 0)
		return 2;
	for (uint64_t i = 0; i < 8; i++)
		if (rig_write(&rig, i * UNIT, UNIT, i) != 0)
			return 3;
	for (uint64_t i = 0; i < 8; i++)
		rig_expect(&rig, i * UNIT, UNIT, i);
	if (rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0) != 0)
		return 4;
	rig_close(&rig);
	return warnings == 1 ? 0 : 5;
}

static void a_refused_uring_is_said_once_and_done_without(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	image_make("disk", 1 << 20);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(work_without_uring());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- cost ----------------------------------------------------------- */

static void an_idle_lane_is_small(void **state)
{
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	struct pvb_disk *lane[MANY];
	size_t before;

	(void)state;
	image_make("disk", 1 << 20);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(pvb_disk_open(pvb_disk_basic, "disk",
		                               PVB_DISK_READ_ONLY, loop, NULL,
		                               &lane[i], NULL), 0);
	assert_true(mallinfo2().uordblks + mallinfo2().hblkhd - before <
	            (size_t)MANY * IDLE_BYTES);
	for (int i = 0; i < MANY; i++)
		pvb_disk_close(lane[i]);
	pvb_loop_destroy(loop);
}

static void everything_that_was_opened_is_closed(void **state)
{
	int before = open_fds();

	(void)state;
	image_make("disk", 1 << 20);
	for (int i = 0; i < 20; i++) {
		rig_open_good(&rig, "disk", 0);
		assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
		rig_close(&rig);
	}
	assert_int_equal(open_fds(), before);
}

static void close_it(struct req *q)
{
	pvb_disk_close(q->rig->disk);
}

static void the_last_answer_may_close_the_disk(void **state)
{
	static const char *const uris[] = {
		"file:disk?direct=off", "file:disk?direct=on", "mem:1M",
		"null:1M", "fault:null:1M?delay=1", "fault:null:1M?reorder=2",
	};
	struct req q;

	(void)state;
	image_make("disk", 1 << 20);
	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		if (rig_open(&rig, uris[i], 0, NULL) < 0)
			continue;       /* no O_DIRECT here */
		req_init(&q, &rig, i % 2 ? PVB_IO_READ : PVB_IO_WRITE, 0,
		         UNIT);
		q.then = close_it;
		assert_int_equal(req_run(&q), 0);
		req_fini(&q);
		pvb_loop_destroy(rig.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_IMAGES(a_grown_file_is_a_grown_disk),
		IN_IMAGES(growth_that_is_not_there_is_refused),
		IN_IMAGES(a_shrunk_file_is_noticed),
		IN_IMAGES(and_not_made_longer_by_a_write),
		IN_IMAGES(a_size_that_was_asked_for_is_kept),
		IN_IMAGES(the_file_that_was_probed_is_the_one_opened),
		IN_IMAGES(direct_io_is_used_where_it_works),
		IN_IMAGES(a_read_only_disk_is_opened_for_reading_alone),
		IN_IMAGES(discard_can_be_left_out),
		IN_IMAGES(discard_gives_space_back_and_zero_can_keep_it),
		IN_IMAGES(a_full_file_system_is_said_and_survived),
		IN_IMAGES(many_requests_bounce_at_once),
		IN_IMAGES(a_refused_uring_is_said_once_and_done_without),
		IN_IMAGES(an_idle_lane_is_small),
		IN_IMAGES(everything_that_was_opened_is_closed),
		IN_IMAGES(the_last_answer_may_close_the_disk),
	};

	return cmocka_run_group_tests_name("disk_file", tests, NULL, NULL);
}
