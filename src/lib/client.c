/* SPDX-License-Identifier: MIT */
/*
 * client.c - a disk on a thread of its own, with a thread-safe submit.
 *
 * Each request travels as a private copy (struct cross), so that a request
 * which the lane cannot take yet waits here and the caller's struct is not
 * touched.
 */
#include <pvb/client.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/queue.h"
#include "blk/disk_list.h"
#include "disk/crossing.h"
#include "disk/disk.h"
#include "lib/client_errand.h"

enum { DEPTH = 256, RING_ENTRIES = 256 };

struct cross {
	struct pvb_io      io;          /* what the lane sees */
	struct pvb_io     *outer;       /* the caller's */
	struct pvb_client *client;
};

struct pvb_client {
	pthread_t             thread;
	struct pvb_log        log;
	struct pvb_client_config config;
	struct pvb_loop      *loop;     /* the thread's */
	struct pvb_disk      *lane;     /* the thread's */
	struct pvb_pool       crosses;  /* the thread's: struct cross */
	struct pvb_crossing   crossing; /* to the thread */
	struct pvb_loop_task  errand_task;

	const struct pvb_disk_ops *ops; /* open's arguments and answer */
	struct pvb_disk_probe probe;
	struct pvb_err        open_err;
	int                   open_code;

	pthread_mutex_t       lock;     /* guards what follows */
	pthread_cond_t        changed;
	bool                  opened, closing;
	struct pvb_queue      errands;
	struct pvb_disk_info  info;

	struct pvb_iolist     waiting;  /* the thread's: come, not yet
	                                   submitted */
};

const char *pvb_version(void)
{
	return PVB_VERSION;
}

static void log_to_config(const struct pvb_log *log, enum pvb_log_level level,
                          const char *line)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const struct pvb_client_config *c = log->arg;

	c->log(c->log_arg, names[level], line);
}

/* ---- on the lane's thread ------------------------------------------------ */

static void submit_waiting(struct pvb_client *c);

static void crossed(struct pvb_io *io, int result)
{
	struct cross *x = io->arg;
	struct pvb_client *c = x->client;
	struct pvb_io *outer = x->outer;

	pvb_pool_put(&c->crosses, x);
	outer->done(outer, result);
	if (c->waiting.head)
		submit_waiting(c);
}

/* One request over to the lane.  False: the lane is full. */
static bool cross_over(struct pvb_client *c, struct pvb_io *outer)
{
	uint64_t id;
	struct cross *x = pvb_pool_get(&c->crosses, &id);

	if (!x)
		return false;
	x->outer = outer;
	x->client = c;
	x->io.op = outer->op;
	x->io.flags = outer->flags;
	x->io.offset_bytes = outer->offset_bytes;
	x->io.length_bytes = outer->length_bytes;
	x->io.iov = outer->iov;
	x->io.iovcnt = outer->iovcnt;
	x->io.done = crossed;
	x->io.arg = x;
	if (c->lane->ops->submit(c->lane, &x->io) == 0)
		return true;
	pvb_pool_put(&c->crosses, x);
	return false;
}

static void submit_waiting(struct pvb_client *c)
{
	bool any = false;

	while (c->waiting.head && cross_over(c, c->waiting.head)) {
		(void)pvb_iolist_pop(&c->waiting);
		any = true;
	}
	if (any && c->lane->ops->kick)
		c->lane->ops->kick(c->lane);
}

static void arrived(struct pvb_crossing *x, struct pvb_iolist *all)
{
	struct pvb_client *c = pvb_container(x, struct pvb_client, crossing);

	pvb_iolist_append(&c->waiting, all);
	submit_waiting(c);
}

static void run_errands(struct pvb_loop_task *t)
{
	struct pvb_client *c = pvb_container(t, struct pvb_client, errand_task);
	struct pvb_queue errands;
	struct pvb_qnode *n;

	pthread_mutex_lock(&c->lock);
	errands = c->errands;
	memset(&c->errands, 0, sizeof(c->errands));
	pthread_mutex_unlock(&c->lock);

	while ((n = pvb_queue_pop(&errands)) != NULL) {
		struct pvb_errand *e =
			pvb_container(n, struct pvb_errand, node);

		e->run(c->lane, e);
		pthread_mutex_lock(&c->lock);
		e->done = true;
		pthread_cond_broadcast(&c->changed);
		pthread_mutex_unlock(&c->lock);
	}
}

static void lane_changed(struct pvb_disk *d, void *arg, int gone)
{
	struct pvb_client *c = arg;

	(void)gone;     /* requests say so one by one */
	pthread_mutex_lock(&c->lock);
	c->info = d->info;
	pthread_mutex_unlock(&c->lock);
}

static int open_lane(struct pvb_client *c)
{
	struct pvb_loop_config config = { .uring_entries = RING_ENTRIES };
	int fds[PVB_DISK_FDS_MAX];
	int n, r;

	c->loop = pvb_loop_create(&config, &c->open_err);
	if (!c->loop)
		return c->open_err.code;
	c->crossing.loop = c->loop;
	pvb_loop_set_spin(c->loop, c->config.spin_max_ns);
	n = c->ops->reopen(&c->probe, fds, &c->open_err);
	if (n < 0)
		return n;
	r = c->ops->open(c->loop, c->config.log ? &c->log : NULL, &c->probe,
	                 fds, (uint32_t)n, &c->lane, &c->open_err);
	if (r < 0)
		return r;
	c->lane->changed = lane_changed;
	c->lane->arg = c;
	return pvb_pool_init(&c->crosses, DEPTH, sizeof(struct cross));
}

static void close_lane(struct pvb_client *c)
{
	pvb_disk_close(c->lane);
	pvb_pool_fini(&c->crosses);
	pvb_loop_destroy(c->loop);
}

/* Quiet: closing was asked for, and nothing is under way any more. */
static bool may_end(struct pvb_client *c)
{
	bool end;

	pthread_mutex_lock(&c->lock);
	end = c->closing && pvb_queue_is_empty(&c->errands);
	pthread_mutex_unlock(&c->lock);
	return end && pvb_crossing_is_empty(&c->crossing) &&
	       !c->waiting.head && pvb_pool_used(&c->crosses) == 0;
}

static void *lane_thread(void *arg)
{
	struct pvb_client *c = arg;
	int r = open_lane(c);

	pthread_mutex_lock(&c->lock);
	c->open_code = r;
	if (r == 0)
		c->info = c->lane->info;
	c->opened = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);

	while (r == 0 && !may_end(c))
		r = pvb_loop_turn(c->loop, true);
	close_lane(c);
	return NULL;
}

/* ---- on the caller's thread ---------------------------------------------- */

static uint32_t disk_flags(const struct pvb_client_config *c)
{
	return (c && c->read_only ? PVB_DISK_READ_ONLY : 0u) |
	       (c && c->shared ? PVB_DISK_SHARED : 0u);
}

int pvb_client_probe(const char *uri, const struct pvb_client_config *config,
                     struct pvb_disk_info *info, struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
	int r = pvb_disk_probe(pvb_disk_all, uri, disk_flags(config), &probe,
	                       &ops, e);

	if (r < 0)
		return r;
	if (info)
		*info = probe.info;
	pvb_disk_probe_fini(&probe);
	return 0;
}

static struct pvb_client *client_new(const struct pvb_client_config *config)
{
	struct pvb_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (config)
		c->config = *config;
	if (c->config.log) {
		c->log.level = PVB_LOG_INFO;
		c->log.sink = log_to_config;
		c->log.arg = &c->config;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->errand_task.run = run_errands;
	(void)pvb_crossing_init(&c->crossing, NULL, arrived);
	return c;
}

static void client_free(struct pvb_client *c)
{
	pvb_disk_probe_fini(&c->probe);
	pvb_crossing_fini(&c->crossing);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int pvb_client_open(const char *uri, const struct pvb_client_config *config,
                    struct pvb_client **out, struct pvb_err *e)
{
	struct pvb_client *c = client_new(config);
	int r;

	if (!c)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	r = pvb_disk_probe(pvb_disk_all, uri, disk_flags(config), &c->probe,
	                   &c->ops, e);
	if (r < 0)
		goto fail;
	r = -pthread_create(&c->thread, NULL, lane_thread, c);
	if (r < 0) {
		pvb_err_set(e, r, "cannot start a thread: %s", strerror(-r));
		goto fail;
	}
	pthread_mutex_lock(&c->lock);
	while (!c->opened)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	if (c->open_code < 0) {
		pthread_join(c->thread, NULL);
		r = c->open_code;
		if (c->open_err.code == 0)
			pvb_err_set(&c->open_err, r, "%s", strerror(-r));
		pvb_err_set(e, r, "%s: %s", uri, c->open_err.text);
		goto fail;
	}
	*out = c;
	return 0;

fail:
	client_free(c);
	return r;
}

void pvb_client_close(struct pvb_client *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_mutex_unlock(&c->lock);
	pvb_loop_wake(c->loop);
	pthread_join(c->thread, NULL);
	client_free(c);
}

void pvb_client_info(struct pvb_client *c, struct pvb_disk_info *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->info;
	pthread_mutex_unlock(&c->lock);
}

void pvb_client_submit(struct pvb_client *c, struct pvb_io *io)
{
	pvb_crossing_put(&c->crossing, io);
}

void pvb_client_run_errand(struct pvb_client *c, struct pvb_errand *e)
{
	pthread_mutex_lock(&c->lock);
	pvb_queue_push(&c->errands, &e->node);
	/* Inside the lock: the thread does not end with a task posted. */
	pvb_loop_post(c->loop, &c->errand_task);
	while (!e->done)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
}
