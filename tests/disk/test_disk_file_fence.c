/* SPDX-License-Identifier: MIT */
/*
 * Late writes of a process that was killed and waited for: with io_uring and
 * direct I/O they are still to come.  Who waits for the fence is not hurt by
 * them; who does not, is, or this test would show nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "images.h"
#include "skip_all.h"

enum {
	DISK_BYTES = 16 << 20, DELAY_MS = 2000, FENCE = 77,
	WRITES = 4, BLOCK = 4096,
};

static struct { pid_t pid; int life; } slow;
static char device[64];

static uint64_t now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the disk ------------------------------------------------------------ */

static void slow_exec(int in, int out)
{
	char bytes[24], ms[24];

	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)snprintf(bytes, sizeof(bytes), "%d", DISK_BYTES);
	(void)snprintf(ms, sizeof(ms), "%d", DELAY_MS);
	(void)execl(getenv("PVB_SLOW_DISK"), "slow_disk", "slow", bytes, ms,
	            (char *)NULL);
	_exit(127);
}

static bool slow_start(void)
{
	int in[2], out[2];
	char said[8] = "";

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(mkdir("slow", 0700), 0);
	slow.pid = fork();
	assert_true(slow.pid >= 0);
	if (slow.pid == 0)
		slow_exec(in[0], out[1]);
	(void)close(in[0]);
	(void)close(out[1]);
	slow.life = in[1];
	(void)!read(out[0], said, sizeof(said) - 1);
	(void)close(out[0]);
	return strncmp(said, "ready", 5) == 0;
}

static void slow_stop(void)
{
	(void)close(slow.life);
	assert_int_equal(waitpid(slow.pid, NULL, 0), slow.pid);
	(void)rmdir("slow");
}

static int setup(void **state)
{
	assert_int_equal(images_setup(state), 0);
	assert_true(slow_start());
	return 0;
}

static int teardown(void **state)
{
	slow_stop();
	return images_teardown(state);
}

/* ---- who dies, and who comes after --------------------------------------- */

static void probe(const char *uri, struct pvb_disk_probe *p,
                  const struct pvb_disk_ops **ops)
{
	struct pvb_err e = PVB_ERR_INIT;

	/* Shared, so that no other lock is in the way. */
	if (pvb_disk_probe(pvb_disk_basic, uri, PVB_DISK_SHARED, p, ops,
	                   &e) < 0)
		fail_msg("%s", e.text);
	p->fence = FENCE;
}

static void open_rig(struct rig *rig, const char *uri)
{
	const struct pvb_loop_config c = { .uring_entries = 32 };
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	int fds[PVB_DISK_FDS_MAX];
	struct pvb_disk_probe p;

	memset(rig, 0, sizeof(*rig));
	probe(uri, &p, &ops);
	rig->loop = pvb_loop_create(&c, NULL);
	assert_non_null(rig->loop);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	if (ops->open(rig->loop, NULL, &p, fds, 1, &rig->disk, &e) < 0)
		fail_msg("%s", e.text);
	pvb_disk_probe_fini(&p);
}

/* Slow writes, which are with the kernel when this says so. */
static void begin_to_write(const char *uri, int ready)
{
	struct req q[WRITES];
	struct rig rig;

	open_rig(&rig, uri);
	for (uint32_t i = 0; i < WRITES; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, i * BLOCK, BLOCK);
		memset(req_data(&q[i]), 'o', BLOCK);
		memcpy(req_data(&q[i]), "SLOWPOKE", 8);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	pvb_loop_uring_submit(rig.loop);
	(void)!write(ready, "x", 1);
	for (;;)
		(void)pause();
}

static void kill_while_it_writes(const char *uri)
{
	uint64_t killed;
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		begin_to_write(uri, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	killed = now_ms();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* Else death would be fence enough here. */
	assert_true(now_ms() - killed < DELAY_MS / 2);
}

static void wait_for_the_fence(const char *uri)
{
	const struct timespec pause = { 0, 5000000 };
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	int r;

	probe(uri, &p, &ops);
	/* The kernel tells nobody that such a lock has gone: so ask. */
	while ((r = ops->fenced(&p, NULL)) == 0)
		(void)nanosleep(&pause, NULL);
	assert_int_equal(r, 1);
	pvb_disk_probe_fini(&p);
}

/* Is it new what stands in the end? */
static bool write_anew(const char *uri)
{
	unsigned char first[WRITES];
	struct rig rig;
	struct req q;

	open_rig(&rig, uri);
	req_init(&q, &rig, PVB_IO_WRITE, 0, WRITES * BLOCK);
	memset(req_data(&q), 'n', WRITES * BLOCK);
	assert_int_equal(req_run(&q), 0);
	req_fini(&q);
	/* What is late has come when nobody holds the fence but we: it is let
	   go first, so that it can be asked for. */
	rig_close(&rig);
	wait_for_the_fence(uri);
	open_rig(&rig, uri);
	req_init(&q, &rig, PVB_IO_READ, 0, WRITES * BLOCK);
	assert_int_equal(req_run(&q), 0);
	for (uint32_t i = 0; i < WRITES; i++)
		first[i] = req_data(&q)[i * BLOCK];
	req_fini(&q);
	rig_close(&rig);
	for (uint32_t i = 1; i < WRITES; i++)
		assert_int_equal(first[i], first[0]);
	return first[0] == 'n';
}

static void old_then_new(const char *uri, bool fence)
{
	uint64_t began = now_ms();

	kill_while_it_writes(uri);
	if (fence) {
		wait_for_the_fence(uri);
		assert_true(now_ms() - began >= DELAY_MS);
	}
	assert_int_equal(write_anew(uri), fence);
}

static void behind_the_fence_the_new_data_stands(void **state)
{
	(void)state;
	old_then_new("file:slow/disk?direct=on", true);
}

static void without_the_fence_the_old_data_wins(void **state)
{
	(void)state;
	old_then_new("file:slow/disk?direct=on", false);
}

static void on_a_block_device(bool fence)
{
	char uri[128];

	assert_true(loop_device_make("slow/disk", "--direct-io=on", device));
	(void)snprintf(uri, sizeof(uri), "file:%s?direct=on", device);
	old_then_new(uri, fence);
	loop_device_drop(device);
}

static void on_a_block_device_too(void **state)
{
	(void)state;
	on_a_block_device(true);
}

static void on_a_block_device_the_old_data_wins_too(void **state)
{
	(void)state;
	on_a_block_device(false);
}

/* ---- can it be tried here? ----------------------------------------------- */

static const char *what_is_missing(void)
{
	struct pvb_loop_config c = { .uring_entries = 1 };
	struct pvb_loop *loop = pvb_loop_create(&c, NULL);
	bool ring = loop && pvb_loop_uring(loop);
	bool mounts, loops;

	pvb_loop_destroy(loop);
	if (!ring)
		return "no io_uring here";
	assert_int_equal(images_setup(NULL), 0);
	mounts = slow_start();
	loops = mounts && loop_device_make("slow/disk", "", device);
	if (loops)
		loop_device_drop(device);
	slow_stop();
	assert_int_equal(images_teardown(NULL), 0);
	return !mounts ? "no FUSE here" : !loops ? "no loop devices here"
	                                         : NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			behind_the_fence_the_new_data_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_the_fence_the_old_data_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(
			on_a_block_device_too, setup, teardown),
		cmocka_unit_test_setup_teardown(
			on_a_block_device_the_old_data_wins_too, setup,
			teardown),
	};
	const char *missing = what_is_missing();

	if (missing)
		return skip_all(missing);
	return cmocka_run_group_tests_name("disk_file_fence", tests, NULL,
	                                   NULL);
}
