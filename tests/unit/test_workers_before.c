/* SPDX-License-Identifier: MIT */
/* test_workers_before.c - who has workers that nobody can wait for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "hyp/host.h"
#include "serve/workers_before.h"

static struct pvb_host host;
static struct pvb_workers_before ours, next;

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	strcpy(host.dir, "/tmp/pvb-test-XXXXXX");
	return mkdtemp(host.dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[300];

	(void)state;
	pvb_workers_before_fini(&ours);
	pvb_workers_before_fini(&next);
	snprintf(path, sizeof(path), "%s/workers", host.dir);
	(void)unlink(path);
	return rmdir(host.dir);
}

static void begin(struct pvb_workers_before *b)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_workers_before_init(b, &host, &e) < 0)
		fail_msg("%s", e.text);
}

/* A process that has a badge, and nothing else. */
static pid_t worker_of(uint16_t domid)
{
	int badge = pvb_workers_before_badge(&ours, domid);
	pid_t pid;

	assert_true(badge >= 0);
	pid = fork();
	if (pid == 0) {
		close(ours.fd);
		pause();
		_exit(0);
	}
	close(badge);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void without_workers_there_are_none(void **state)
{
	(void)state;
	begin(&ours);
	assert_false(pvb_workers_before_any(&ours, 0));
	assert_false(pvb_workers_before_any(&ours, PVB_XS_DOMID_MAX));
}

static void they_outlive_their_supervisor(void **state)
{
	pid_t pid;

	(void)state;
	begin(&ours);
	pid = worker_of(7);
	pvb_workers_before_fini(&ours);
	begin(&next);
	assert_true(pvb_workers_before_any(&next, 7));
	assert_false(pvb_workers_before_any(&next, 6));
	assert_false(pvb_workers_before_any(&next, 8));
	end(pid);
	assert_false(pvb_workers_before_any(&next, 7));
}

static void the_last_of_them_counts(void **state)
{
	pid_t a, b;

	(void)state;
	begin(&ours);
	a = worker_of(7);
	b = worker_of(7);
	pvb_workers_before_fini(&ours);
	begin(&next);
	end(a);
	assert_true(pvb_workers_before_any(&next, 7));
	end(b);
	assert_false(pvb_workers_before_any(&next, 7));
}

/* Or they would wait for their own. */
static void those_that_are_started_later_do_not_count(void **state)
{
	pid_t pid;

	(void)state;
	begin(&ours);
	pid = worker_of(7);
	assert_false(pvb_workers_before_any(&ours, 7));
	end(pid);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_workers_there_are_none),
		TEST(they_outlive_their_supervisor),
		TEST(the_last_of_them_counts),
		TEST(those_that_are_started_later_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
