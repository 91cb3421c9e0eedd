/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/jobs.h"

enum { JOBS = 40 };

static struct pvb_loop *loop;
static struct pvb_jobs jobs;

/* A job that waits at a gate, so that many are under way together. */
struct work {
	struct pvb_job job;
	pthread_t ran_in;
	int ran, done;
};
static struct work work[JOBS];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int at_gate, at_gate_max;
static int done_count;

static void run(struct pvb_job *j)
{
	struct work *w = pvb_container(j, struct work, job);
	int n = atomic_fetch_add(&at_gate, 1) + 1, max = at_gate_max;

	while (n > max && !atomic_compare_exchange_weak(&at_gate_max, &max, n))
		;
	(void)pthread_mutex_lock(&gate);
	(void)pthread_mutex_unlock(&gate);
	atomic_fetch_sub(&at_gate, 1);
	w->ran_in = pthread_self();
	w->ran++;
}

static void done(struct pvb_job *j)
{
	struct work *w = pvb_container(j, struct work, job);

	assert_int_equal(w->ran, 1);
	assert_false(pthread_equal(w->ran_in, pthread_self()));
	w->done++;
	done_count++;
}

static void count_done(struct pvb_job *j)
{
	(void)j;
	done_count++;
}

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2;

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static int base;                        /* threads that are not of jobs */

static void *say_id(void *arg)
{
	*(pid_t *)arg = gettid();
	return NULL;
}

/* A sanitizer starts a thread of its own along with the first.  A thread
   that was joined is still listed for a moment. */
static int count_base(void **state)
{
	char path[64];
	pthread_t t;
	pid_t id;

	(void)state;
	if (pthread_create(&t, NULL, say_id, &id) != 0)
		return -1;
	(void)pthread_join(t, NULL);
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d", (int)id);
	while (access(path, F_OK) == 0)
		(void)sched_yield();
	base = threads();
	return 0;
}

static void wait_for_threads_to_be_gone(void)
{
	while (threads() != base)
		(void)sched_yield();
}

static int setup(void **state)
{
	(void)state;
	wait_for_threads_to_be_gone();
	memset(work, 0, sizeof(work));
	for (int i = 0; i < JOBS; i++)
		work[i].job = (struct pvb_job){ .run = run, .done = done };
	at_gate_max = 0;
	done_count = 0;
	loop = pvb_loop_create(NULL, NULL);
	return loop ? pvb_jobs_init(&jobs, loop) : -1;
}

static int teardown(void **state)
{
	(void)state;
	pvb_loop_destroy(loop);
	return 0;
}

static void wait_for(int n)
{
	while (done_count < n)
		assert_int_equal(pvb_loop_turn(loop, true), 0);
}

static void no_thread_before_the_first_job(void **state)
{
	(void)state;
	assert_int_equal(threads(), base);
	pvb_jobs_start(&jobs, &work[0].job);
	assert_int_equal(threads(), base + 1);
	wait_for(1);
	pvb_jobs_fini(&jobs);
	wait_for_threads_to_be_gone();
}

static void jobs_one_by_one_share_a_thread(void **state)
{
	(void)state;
	for (int i = 0; i < JOBS; i++) {
		pvb_jobs_start(&jobs, &work[i].job);
		wait_for(i + 1);
	}
	/* A thread may be on its way back to idleness when the next job
	   comes, so two at the most. */
	assert_true(threads() <= base + 2);
	pvb_jobs_fini(&jobs);
}

static void many_jobs_get_threads_up_to_the_limit(void **state)
{
	(void)state;
	(void)pthread_mutex_lock(&gate);
	for (int i = 0; i < JOBS; i++)
		pvb_jobs_start(&jobs, &work[i].job);
	assert_int_equal(threads(), base + PVB_JOBS_THREADS_MAX);
	assert_int_equal(pvb_loop_turn(loop, false), 0);
	assert_int_equal(done_count, 0);
	(void)pthread_mutex_unlock(&gate);
	wait_for(JOBS);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(work[i].done, 1);
	assert_true(at_gate_max <= PVB_JOBS_THREADS_MAX);
	pvb_jobs_fini(&jobs);
	wait_for_threads_to_be_gone();
}

static void woken(struct pvb_loop_timer *t)
{
	t->due_ns = 0;
}

static void wait_for_idle_threads_to_end(void)
{
	struct pvb_loop_timer look = { .fired = woken };

	while (threads() > base) {
		pvb_loop_arm(loop, &look, pvb_loop_now_ns(loop) + 20000000);
		while (look.loop)
			assert_int_equal(pvb_loop_turn(loop, true), 0);
	}
}

static void idle_threads_end_and_come_back(void **state)
{
	(void)state;
	pvb_jobs_start(&jobs, &work[0].job);
	pvb_jobs_start(&jobs, &work[1].job);
	wait_for(2);
	wait_for_idle_threads_to_end();
	for (int i = 2; i < 20; i++)
		pvb_jobs_start(&jobs, &work[i].job);
	wait_for(20);
	pvb_jobs_fini(&jobs);
	wait_for_threads_to_be_gone();
}

static void fini_in_done(struct pvb_job *j)
{
	done(j);
	if (done_count == JOBS)
		pvb_jobs_fini(&jobs);
}

static void the_last_answer_may_end_it_all(void **state)
{
	(void)state;
	for (int i = 0; i < JOBS; i++) {
		work[i].job.done = fini_in_done;
		pvb_jobs_start(&jobs, &work[i].job);
	}
	wait_for(JOBS);
}

/* In a child that may not make threads: an exit status. */
static int work_without_threads(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		         offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { 5, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return 77;
	for (int i = 0; i < 3; i++) {
		work[i].job.done = count_done;
		pvb_jobs_start(&jobs, &work[i].job);
		if (done_count != 0)
			return 1;
	}
	while (done_count < 3)
		if (pvb_loop_turn(loop, true) != 0)
			return 2;
	return work[2].ran == 1 ? 0 : 3;
}

static void without_a_thread_the_work_is_done_all_the_same(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(work_without_threads());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pvb_jobs_fini(&jobs);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void nothing_is_left_when_nothing_was_done(void **state)
{
	(void)state;
	pvb_jobs_fini(&jobs);
}

#define JOBS_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(no_thread_before_the_first_job),
		JOBS_TEST(jobs_one_by_one_share_a_thread),
		JOBS_TEST(many_jobs_get_threads_up_to_the_limit),
		JOBS_TEST(idle_threads_end_and_come_back),
		JOBS_TEST(the_last_answer_may_end_it_all),
		JOBS_TEST(without_a_thread_the_work_is_done_all_the_same),
		JOBS_TEST(nothing_is_left_when_nothing_was_done),
	};

	return cmocka_run_group_tests_name("jobs", tests, count_base, NULL);
}
