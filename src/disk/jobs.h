/* SPDX-License-Identifier: MIT */
/*
 * jobs.h - calls that block, carried out by a few threads beside the loop.
 *
 * Threads start when there is work for them, never more than
 * PVB_JOBS_THREADS_MAX, and end when they have had none for a while: an idle
 * one costs nothing.  Never allocates; jobs begin in the order of their
 * start, and end in any.
 */
#ifndef PVB_DISK_JOBS_H
#define PVB_DISK_JOBS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

enum { PVB_JOBS_THREADS_MAX = 8, PVB_JOBS_IDLE_MS = 1000 };

struct pvb_job {                        /* caller's storage until done */
	void (*run)(struct pvb_job *j);         /* in a thread; may block */
	void (*done)(struct pvb_job *j);        /* on the loop, after run */
	struct pvb_qnode node;
};

struct pvb_jobs {                       /* caller's storage; all but loop and
	                                   finish is under the lock */
	struct pvb_loop *loop;
	struct pvb_loop_task finish;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pvb_queue waiting, finished;
	uint32_t waiting_count;
	uint32_t idle;                  /* threads that wait for a job */
	bool closing;
	struct pvb_jobs_thread {
		enum { PVB_JOBS_NONE, PVB_JOBS_RUNS, PVB_JOBS_ENDED } state;
		pthread_t id;
		struct pvb_jobs *jobs;
	} thread[PVB_JOBS_THREADS_MAX];
};

/* 0, or -errno. */
int  pvb_jobs_init(struct pvb_jobs *j, struct pvb_loop *loop);
/* Nothing may be under way (asserted); legal inside the last done(). */
void pvb_jobs_fini(struct pvb_jobs *j);
/* done() will be called, later.  When no thread can be had, not even one,
   the job runs here and now: slow, but done. */
void pvb_jobs_start(struct pvb_jobs *j, struct pvb_job *job);

#endif
