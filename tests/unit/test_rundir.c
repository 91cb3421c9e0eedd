/* SPDX-License-Identifier: MIT */
/* The directory of a local machine: one at a time, and nothing left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "broker/broker.h"
#include "broker/rundir.h"

static char top[64], run[80];

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/pvb-test-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(run, sizeof(run), "%s/run", top);
	return 0;
}

/* Empty again, or the test fails. */
static int teardown(void **state)
{
	(void)state;
	return rmdir(top);
}

static char *in_run(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", run, name);
	return path;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void assert_refused(const char *path, int code, const char *says)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_rundir d;

	assert_int_equal(pvb_rundir_open(&d, path, &e), code);
	assert_int_equal(e.code, code);
	if (!strstr(e.text, says))
		fail_msg("unclear: %s", e.text);
	assert_int_equal(d.fd, -1);
}

static void it_is_made_for_its_owner_and_taken_away(void **state)
{
	struct pvb_rundir d;

	(void)state;
	assert_int_equal(pvb_rundir_open(&d, run, NULL), 0);
	assert_int_equal(mode_of(run), 0700);
	pvb_rundir_close(&d);
	assert_false(exists(run));
	pvb_rundir_close(&d);
}

static void one_missing_parent_is_made_and_taken_away(void **state)
{
	struct pvb_rundir d;
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/local", run);
	assert_int_equal(pvb_rundir_open(&d, path, NULL), 0);
	assert_int_equal(mode_of(run), 0755);
	assert_int_equal(mode_of(path), 0700);
	pvb_rundir_close(&d);
	assert_false(exists(run));
}

static void one_that_was_there_stays(void **state)
{
	struct pvb_rundir d;
	char slashes[100];
	int fd;

	(void)state;
	assert_int_equal(mkdir(run, 0750), 0);
	fd = open(in_run("notes"), O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(slashes, sizeof(slashes), "%s///", run);
	assert_int_equal(pvb_rundir_open(&d, slashes, NULL), 0);
	assert_string_equal(d.path, run);
	pvb_rundir_close(&d);
	assert_true(exists(in_run("notes")));
	assert_false(exists(in_run("lock")));
	assert_int_equal(unlink(in_run("notes")), 0);
	assert_int_equal(rmdir(run), 0);
}

static void a_second_one_is_refused_while_the_first_lives(void **state)
{
	struct pvb_rundir d, next;

	(void)state;
	assert_int_equal(pvb_rundir_open(&d, run, NULL), 0);
	assert_refused(run, -EBUSY, "another local hypervisor");
	assert_true(exists(in_run("lock")));
	assert_int_equal(pvb_rundir_open(&next, top, NULL), 0);
	pvb_rundir_close(&next);
	pvb_rundir_close(&d);
	assert_int_equal(pvb_rundir_open(&d, run, NULL), 0);
	pvb_rundir_close(&d);
}

static void what_cannot_be_one_is_refused_with_the_reason(void **state)
{
	char path[200];
	int fd = open(run, O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_refused(run, -ENOTDIR, run);
	assert_int_equal(unlink(run), 0);
	snprintf(path, sizeof(path), "%s/missing/too/run", top);
	assert_refused(path, -ENOENT, path);
	assert_refused("", -ENOENT, "empty");
	assert_int_equal(symlink("/nowhere/at/all", run), 0);
	assert_refused(run, -ENOENT, run);
	assert_int_equal(unlink(run), 0);
}

static void a_path_too_long_for_its_sockets_is_refused_at_once(void **state)
{
	char path[200];

	(void)state;
	memset(path, 0, sizeof(path));
	snprintf(path, sizeof(path), "%s/", top);
	/* 107 bytes, less "/dom32751/store". */
	memset(path + strlen(path), 'x', 93 - strlen(path));
	assert_refused(path, -ENAMETOOLONG, "may have 92 bytes");
	assert_false(exists(path));
}

static void a_lock_that_is_no_file_is_not_followed(void **state)
{
	(void)state;
	assert_int_equal(mkdir(run, 0700), 0);
	assert_int_equal(symlink("/dev/null", in_run("lock")), 0);
	assert_refused(run, -ELOOP, "lock");
	assert_int_equal(unlink(in_run("lock")), 0);
	assert_int_equal(rmdir(run), 0);
}

/* ---- with a broker in it ------------------------------------------------ */

static struct pvb_broker *make_broker(struct pvb_loop **loop)
{
	const struct pvb_broker_config c = { .dir = run };
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_broker *b;

	*loop = pvb_loop_create(NULL, &e);
	assert_non_null(*loop);
	b = pvb_broker_create(&c, *loop, &e);
	if (!b)
		fail_msg("%s", e.text);
	return b;
}

static void domains_have_sockets_while_they_are_known(void **state)
{
	struct pvb_loop *loop;
	struct pvb_broker *b = make_broker(&loop);

	(void)state;
	assert_int_equal(mode_of(in_run("hyp")), 0600);
	assert_int_equal(mode_of(in_run("store")), 0600);
	assert_int_equal(pvb_broker_introduce(b, 7), 0);
	assert_int_equal(mode_of(in_run("dom7")), 0700);
	assert_int_equal(mode_of(in_run("dom7/hyp")), 0600);
	assert_int_equal(mode_of(in_run("dom7/store")), 0600);
	assert_int_equal(pvb_broker_introduce(b, 7), -EEXIST);
	assert_int_equal(pvb_broker_introduce(b, 0), -EEXIST);
	assert_int_equal(pvb_broker_introduce(b, 0x7ff0), -EINVAL);
	assert_int_equal(pvb_broker_release(b, 0), -EINVAL);
	assert_int_equal(pvb_broker_release(b, 8), -ENOENT);
	assert_int_equal(pvb_broker_release(b, 7), 0);
	assert_false(exists(in_run("dom7")));
	assert_int_equal(pvb_broker_release(b, 7), -ENOENT);
	assert_int_equal(pvb_broker_introduce(b, 7), 0);
	assert_int_equal(pvb_broker_introduce(b, 0x7fef), 0);
	pvb_broker_destroy(b);
	pvb_loop_destroy(loop);
	assert_false(exists(run));
}

static void a_failure_to_start_leaves_nothing(void **state)
{
	const struct pvb_broker_config c = { .dir = run };
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);

	(void)state;
	/* A directory in the place of a socket cannot be replaced. */
	assert_int_equal(mkdir(run, 0700), 0);
	assert_int_equal(mkdir(in_run("store"), 0700), 0);
	assert_null(pvb_broker_create(&c, loop, &e));
	assert_int_equal(e.code, -EADDRINUSE);
	assert_non_null(strstr(e.text, "store"));
	assert_int_equal(rmdir(in_run("store")), 0);
	assert_int_equal(rmdir(run), 0);
	pvb_loop_destroy(loop);
}

/* A process with a broker and a domain in it that is killed. */
static void kill_one(void)
{
	struct pvb_loop *loop;
	struct pvb_broker *b;
	int ready[2];
	char done;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		b = make_broker(&loop);
		if (pvb_broker_introduce(b, 3) == 0 &&
		    write(ready[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &done, 1), 1);
	close(ready[0]);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void what_a_killed_one_has_left_is_replaced(void **state)
{
	struct pvb_loop *loop;
	struct pvb_broker *b;

	(void)state;
	kill_one();
	assert_true(exists(in_run("dom3/store")));
	assert_int_equal(mkdir(in_run("domestic"), 0700), 0);
	b = make_broker(&loop);
	assert_false(exists(in_run("dom3")));
	assert_true(exists(in_run("domestic")));
	pvb_broker_destroy(b);
	pvb_loop_destroy(loop);
	/* The dead one had made the directory; that is not known any more. */
	assert_int_equal(rmdir(in_run("domestic")), 0);
	assert_int_equal(rmdir(run), 0);
}

static void make_file(const char *name)
{
	int fd = open(in_run(name), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* The domains that it was for are gone. */
static void what_was_kept_of_its_domains_goes(void **state)
{
	struct pvb_rundir d;
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(run, 0700), 0);
	assert_int_equal(mkdir(in_run("journal"), 0700), 0);
	make_file("journal/1-pvb-51712.0.journal");
	make_file("journal/new");
	make_file("workers");
	assert_int_equal(pvb_rundir_open(&d, run, &e), 0);
	assert_false(exists(in_run("journal")));
	assert_false(exists(in_run("workers")));
	assert_int_equal(mkdir(in_run("journal"), 0700), 0);
	make_file("journal/1-pvb-51712.0.journal");
	make_file("journal/somebody-elses");
	pvb_rundir_close(&d);
	assert_false(exists(in_run("journal/1-pvb-51712.0.journal")));
	assert_int_equal(unlink(in_run("journal/somebody-elses")), 0);
	assert_int_equal(rmdir(in_run("journal")), 0);
	assert_int_equal(rmdir(run), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_made_for_its_owner_and_taken_away),
		TEST(one_missing_parent_is_made_and_taken_away),
		TEST(one_that_was_there_stays),
		TEST(a_second_one_is_refused_while_the_first_lives),
		TEST(what_cannot_be_one_is_refused_with_the_reason),
		TEST(a_path_too_long_for_its_sockets_is_refused_at_once),
		TEST(a_lock_that_is_no_file_is_not_followed),
		TEST(domains_have_sockets_while_they_are_known),
		TEST(a_failure_to_start_leaves_nothing),
		TEST(what_a_killed_one_has_left_is_replaced),
		TEST(what_was_kept_of_its_domains_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
