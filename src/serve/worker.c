/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "base/log.h"
#include "base/loop.h"
#include "blk/blkback_io.h"
#include "disk/disk.h"
#include "disk/ranges.h"
#include "worker_msg.h"

enum { URING_ENTRIES = 256, STACK_BYTES = 256 << 10, QUEUES_MAX = 1024 };

struct device {                         /* while it has queues */
	struct device        *next;
	uint32_t              number, queues;
	struct pvb_ranges     ranges;   /* of its disk, for all queues */
};

struct worker {
	struct pvb_loop      *loop;
	struct pvb_link       link;
	const struct pvb_log *log;
	uint32_t              queues;
	struct device        *first;
};

/* One queue and its thread. */
struct queue {
	struct worker        *worker;
	struct device        *device;
	pthread_t             thread;
	int                   link_fd;
	char                  name[16];
	struct pvb_loop      *loop;     /* the thread's own */
	struct pvb_loop_task  ended;    /* posted to the worker's loop */
};

/* ---- devices; the worker's own thread ------------------------------------ */

static struct device *device_get(struct worker *w, uint32_t number)
{
	struct device *d = w->first;

	while (d && d->number != number)
		d = d->next;
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d || pvb_ranges_init(&d->ranges) < 0) {
			free(d);
			return NULL;
		}
		d->number = number;
		d->next = w->first;
		w->first = d;
	}
	d->queues++;
	return d;
}

static void device_put(struct worker *w, struct device *d)
{
	struct device **at = &w->first;

	if (--d->queues > 0)
		return;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	pvb_ranges_fini(&d->ranges);
	free(d);
}

/* ---- queues -------------------------------------------------------------- */

static void queue_closed(struct pvb_blkback_io *io, void *arg)
{
	struct queue *q = arg;

	(void)io;
	pvb_loop_stop(q->loop);
}

static void queue_serve(struct queue *q, struct pvb_err *e)
{
	struct pvb_blkback_io_config config = {
		.log = q->worker->log, .disks = pvb_disk_basic,
		.ranges = &q->device->ranges,
		.closed = queue_closed, .arg = q,
	};
	struct pvb_blkback_io *io;

	if (pvb_blkback_io_create(q->loop, q->link_fd, &config, &io, e) < 0)
		return;
	pvb_loop_run(q->loop);
	pvb_blkback_io_destroy(io);
}

static void *queue_thread(void *arg)
{
	struct pvb_loop_config config = { .uring_entries = URING_ENTRIES };
	struct pvb_err e = PVB_ERR_INIT;
	struct queue *q = arg;

	pthread_setname_np(pthread_self(), q->name);
	q->loop = pvb_loop_create(&config, &e);
	if (q->loop)
		queue_serve(q, &e);
	else
		close(q->link_fd);      /* the control half sees it close */
	if (e.code)
		pvb_log(q->worker->log, PVB_LOG_ERROR, "%s: %s", q->name,
		        e.text);
	pvb_loop_destroy(q->loop);
	pvb_loop_post(q->worker->loop, &q->ended);
	return NULL;
}

static void queue_ended(struct pvb_loop_task *t)
{
	struct queue *q = pvb_container(t, struct queue, ended);

	pthread_join(q->thread, NULL);
	q->worker->queues--;
	device_put(q->worker, q->device);
	free(q);
}

static int queue_start_thread(struct queue *q)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = -pthread_create(&q->thread, &attr, queue_thread, q);
	pthread_attr_destroy(&attr);
	return r;
}

/* Takes `link_fd` over.  0 or -errno. */
static int queue_start(struct worker *w, const struct pvb_worker_msg *msg,
                       int link_fd)
{
	struct device *d = NULL;
	struct queue *q;
	int r = -ENOMEM;

	q = w->queues < QUEUES_MAX ? calloc(1, sizeof(*q)) : NULL;
	if (q)
		d = device_get(w, msg->number);
	if (!d)
		goto fail;
	q->worker = w;
	q->device = d;
	q->link_fd = link_fd;
	q->ended.run = queue_ended;
	snprintf(q->name, sizeof(q->name), "pvb-%x.%u", msg->number,
	         msg->queue & 0xff);
	r = queue_start_thread(q);
	if (r < 0)
		goto fail_device;
	w->queues++;
	return 0;
fail_device:
	device_put(w, d);
fail:
	close(link_fd);
	free(q);
	return r;
}

static void message(struct pvb_link *k, const void *msg, size_t bytes,
                    int *fds, uint32_t nfds)
{
	struct worker *w = pvb_container(k, struct worker, link);
	struct pvb_worker_msg m;
	int fd, r;

	if (bytes != sizeof(m) || nfds != 1)
		return;
	memcpy(&m, msg, sizeof(m));
	if (m.type != PVB_WORKER_QUEUE)
		return;
	fd = fds[0];
	fds[0] = -1;
	r = queue_start(w, &m, fd);
	if (r < 0)
		pvb_log(w->log, PVB_LOG_ERROR, "cannot start a queue: %s",
		        strerror(-r));
}

/* The supervisor is gone.  What is in flight is the next one's to find: a
   worker must not outlive the one who may start a successor. */
static void closed(struct pvb_link *k)
{
	(void)k;
	_exit(0);
}

int pvb_worker_run(int fd, const struct pvb_log *log, struct pvb_err *e)
{
	static const struct pvb_link_ops ops = { message, closed };
	struct worker w = { .log = log };
	int r;

	/* If the loop is stuck. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	w.loop = pvb_loop_create(NULL, e);
	if (!w.loop) {
		close(fd);
		return e ? e->code : -ENOMEM;
	}
	r = pvb_link_init(&w.link, w.loop, fd, &ops);
	if (r < 0)
		pvb_err_set(e, r, "supervisor's link: %s", strerror(-r));
	else
		r = pvb_loop_run(w.loop);
	pvb_link_fini(&w.link);
	pvb_loop_destroy(w.loop);
	return r;
}
