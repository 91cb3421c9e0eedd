/* SPDX-License-Identifier: MIT */
#include "prober.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "base/queue.h"

struct pvb_probe_job {
	struct pvb_qnode     node;
	struct pvb_prober   *prober;
	char                *uri;
	uint32_t             flags;
	pvb_probe_done      *done;      /* NULL: abandoned.  The loop's
	                                   thread */
	void                *arg;
	int                  code;      /* the answer */
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
	struct pvb_err       err;
};

struct pvb_prober {
	struct pvb_loop     *loop;
	struct pvb_loop_task answered;
	pthread_mutex_t      lock;      /* guards what follows */
	pthread_cond_t       idle;
	struct pvb_queue     asked, answers;
	uint32_t             threads;
};

static void job_free(struct pvb_probe_job *job)
{
	pvb_disk_probe_fini(&job->probe);
	free(job->uri);
	free(job);
}

static void job_run(struct pvb_probe_job *job)
{
	job->code = pvb_disk_probe(pvb_disk_basic, job->uri, job->flags,
	                           &job->probe, &job->ops, &job->err);
}

static void *prober_thread(void *arg)
{
	struct pvb_prober *p = arg;
	struct pvb_qnode *n;

	pthread_mutex_lock(&p->lock);
	while ((n = pvb_queue_pop(&p->asked)) != NULL) {
		pthread_mutex_unlock(&p->lock);
		job_run(pvb_container(n, struct pvb_probe_job, node));
		pthread_mutex_lock(&p->lock);
		pvb_queue_push(&p->answers, n);
		pvb_loop_post(p->loop, &p->answered);
	}
	p->threads--;
	pthread_cond_signal(&p->idle);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void answered(struct pvb_loop_task *t)
{
	struct pvb_prober *p = pvb_container(t, struct pvb_prober, answered);
	struct pvb_queue answers;
	struct pvb_qnode *n;

	pthread_mutex_lock(&p->lock);
	answers = p->answers;
	memset(&p->answers, 0, sizeof(p->answers));
	pthread_mutex_unlock(&p->lock);
	while ((n = pvb_queue_pop(&answers)) != NULL) {
		struct pvb_probe_job *job =
			pvb_container(n, struct pvb_probe_job, node);

		if (job->done && job->code == 0) {
			struct pvb_disk_probe probe = job->probe;

			memset(&job->probe, 0, sizeof(job->probe));
			job->done(job->arg, job->ops, &probe, NULL);
		} else if (job->done) {
			job->done(job->arg, NULL, NULL, &job->err);
		}
		job_free(job);
	}
}

/* One more thread if there is work for it.  Lock held.  False: there is none
   at all to do the work. */
static bool add_thread(struct pvb_prober *p)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (p->threads >= PVB_PROBER_THREADS)
		return true;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, prober_thread, p) == 0)
		p->threads++;
	pthread_attr_destroy(&attr);
	return p->threads > 0;
}

static struct pvb_probe_job *job_new(struct pvb_prober *p, const char *uri)
{
	struct pvb_probe_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->prober = p;
	job->uri = strdup(uri);
	if (!job->uri) {
		free(job);
		return NULL;
	}
	return job;
}

struct pvb_probe_job *pvb_prober_start(struct pvb_prober *p, const char *uri,
                                       uint32_t flags, pvb_probe_done *done,
                                       void *arg)
{
	struct pvb_probe_job *job = job_new(p, uri);
	bool served;

	if (!job)
		return NULL;
	job->flags = flags;
	job->done = done;
	job->arg = arg;
	pthread_mutex_lock(&p->lock);
	served = add_thread(p);
	if (served)
		pvb_queue_push(&p->asked, &job->node);
	pthread_mutex_unlock(&p->lock);
	if (!served) {
		job_free(job);
		return NULL;
	}
	return job;
}

void pvb_prober_abandon(struct pvb_probe_job *job)
{
	if (job)
		job->done = NULL;
}

struct pvb_prober *pvb_prober_create(struct pvb_loop *loop)
{
	struct pvb_prober *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->answered.run = answered;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	return p;
}

void pvb_prober_destroy(struct pvb_prober *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	while (p->threads > 0)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
	answered(&p->answered);
	pvb_loop_undefer(p->loop, &p->answered);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
