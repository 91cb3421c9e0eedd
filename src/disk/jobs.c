/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <signal.h>
#include <time.h>

#include "jobs.h"

/* They call the kernel and little else. */
enum { THREAD_STACK_BYTES = 256 << 10 };

static struct timespec idle_end(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += PVB_JOBS_IDLE_MS / 1000;
	t.tv_nsec += PVB_JOBS_IDLE_MS % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	return t;
}

/* The next job, or NULL: this thread is not needed any more.  Locked. */
static struct pvb_job *wait_for_job(struct pvb_jobs *j)
{
	struct timespec end = idle_end();
	struct pvb_qnode *n;
	int r = 0;

	j->idle++;
	while (!(n = pvb_queue_pop(&j->waiting)) && !j->closing && r == 0)
		r = pthread_cond_timedwait(&j->more, &j->lock, &end);
	j->idle--;
	if (!n)
		return NULL;
	j->waiting_count--;
	return pvb_container(n, struct pvb_job, node);
}

/*
 * Hand a job back.  Locked.  The task is posted only when the list was
 * empty, and the loop takes the whole list: so when the last job is taken
 * no post is under way, and its done() may end it all.
 */
static void hand_back(struct pvb_jobs *j, struct pvb_job *job)
{
	bool first = pvb_queue_is_empty(&j->finished);

	pvb_queue_push(&j->finished, &job->node);
	if (first)
		pvb_loop_post(j->loop, &j->finish);
}

static void *thread_main(void *arg)
{
	struct pvb_jobs_thread *t = arg;
	struct pvb_jobs *j = t->jobs;
	struct pvb_job *job;

	(void)pthread_mutex_lock(&j->lock);
	while ((job = wait_for_job(j))) {
		(void)pthread_mutex_unlock(&j->lock);
		job->run(job);
		(void)pthread_mutex_lock(&j->lock);
		hand_back(j, job);
	}
	t->state = PVB_JOBS_ENDED;
	(void)pthread_mutex_unlock(&j->lock);
	return NULL;
}

static void finish(struct pvb_loop_task *task)
{
	struct pvb_jobs *j = pvb_container(task, struct pvb_jobs, finish);
	struct pvb_queue batch;
	struct pvb_qnode *n;

	(void)pthread_mutex_lock(&j->lock);
	batch = j->finished;
	j->finished = (struct pvb_queue){ NULL, NULL };
	(void)pthread_mutex_unlock(&j->lock);
	while ((n = pvb_queue_pop(&batch))) {
		struct pvb_job *job = pvb_container(n, struct pvb_job, node);

		job->done(job);
	}
}

int pvb_jobs_init(struct pvb_jobs *j, struct pvb_loop *loop)
{
	pthread_condattr_t attr;
	int r;

	*j = (struct pvb_jobs){ .loop = loop, .finish.run = finish };
	r = pthread_mutex_init(&j->lock, NULL);
	if (r != 0)
		return -r;
	r = pthread_condattr_init(&attr);
	if (r != 0)
		goto fail_lock;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(&j->more, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (r != 0)
		goto fail_lock;
	return 0;
fail_lock:
	(void)pthread_mutex_destroy(&j->lock);
	return -r;
}

void pvb_jobs_fini(struct pvb_jobs *j)
{
	uint32_t to_join = 0;

	(void)pthread_mutex_lock(&j->lock);
	assert(pvb_queue_is_empty(&j->waiting));
	assert(pvb_queue_is_empty(&j->finished));
	j->closing = true;
	for (uint32_t i = 0; i < PVB_JOBS_THREADS_MAX; i++)
		if (j->thread[i].state != PVB_JOBS_NONE)
			to_join |= 1u << i;
	(void)pthread_cond_broadcast(&j->more);
	(void)pthread_mutex_unlock(&j->lock);
	for (uint32_t i = 0; i < PVB_JOBS_THREADS_MAX; i++)
		if (to_join & 1u << i)
			(void)pthread_join(j->thread[i].id, NULL);
	(void)pthread_cond_destroy(&j->more);
	(void)pthread_mutex_destroy(&j->lock);
}

/* Signals are for the threads that the program knows of. */
static int start_thread(struct pvb_jobs_thread *t)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return -r;
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->id, &attr, thread_main, t);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

/* One thread more, if it may be.  Locked.  True: at least one runs. */
static bool grow(struct pvb_jobs *j)
{
	struct pvb_jobs_thread *place = NULL;
	bool runs = false;

	for (uint32_t i = 0; i < PVB_JOBS_THREADS_MAX; i++) {
		struct pvb_jobs_thread *t = &j->thread[i];

		if (t->state == PVB_JOBS_RUNS)
			runs = true;
		else if (!place)
			place = t;
	}
	if (!place)
		return true;
	/* An ended thread has let go of the lock: the join is short. */
	if (place->state == PVB_JOBS_ENDED)
		(void)pthread_join(place->id, NULL);
	place->state = PVB_JOBS_NONE;
	place->jobs = j;
	if (start_thread(place) < 0)
		return runs;
	place->state = PVB_JOBS_RUNS;
	return true;
}

static bool hand_over(struct pvb_jobs *j, struct pvb_job *job)
{
	if (j->waiting_count >= j->idle && !grow(j))
		return false;
	pvb_queue_push(&j->waiting, &job->node);
	j->waiting_count++;
	(void)pthread_cond_signal(&j->more);
	return true;
}

void pvb_jobs_start(struct pvb_jobs *j, struct pvb_job *job)
{
	(void)pthread_mutex_lock(&j->lock);
	if (!hand_over(j, job)) {
		(void)pthread_mutex_unlock(&j->lock);
		job->run(job);
		(void)pthread_mutex_lock(&j->lock);
		hand_back(j, job);
	}
	(void)pthread_mutex_unlock(&j->lock);
}
