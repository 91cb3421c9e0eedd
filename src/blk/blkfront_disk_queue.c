/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "base/loop.h"
#include "blkfront_disk_queue.h"
#include "blkfront_io.h"
#include "hyp/mem.h"

enum { STACK_BYTES = 256 << 10, NAME_BYTES = 16 };

struct vbd_queue {
	struct vbd_queue_config config;
	pthread_t thread;
	struct pvb_crossing inbox;
	struct pvb_loop_task stop, give_back;
	/* The thread's. */
	struct pvb_loop *loop;          /* outlives it */
	struct pvb_blkfront_io *io;
	struct pvb_disk *disk;          /* the half's */
	struct vbd_queue_state state;
	struct pvb_iolist answered;
	struct pvb_loop_task send_back;
	bool stopping;
};

/* ---- requests ------------------------------------------------------------ */

static void done(struct pvb_io *io, int result)
{
	struct vbd_queue *q = io->arg;

	pvb_container(io, struct vbd_crosser, io)->result = result;
	pvb_iolist_push(&q->answered, io);
	pvb_loop_defer(q->loop, &q->send_back);
}

/* On the turn after: so a batch of answers crosses as one. */
static void send_back(struct pvb_loop_task *t)
{
	struct vbd_queue *q = pvb_container(t, struct vbd_queue, send_back);

	pvb_crossing_put_all(q->config.back, &q->answered);
}

/* A front refuses nothing; it has them wait. */
static void arrived(struct pvb_crossing *x, struct pvb_iolist *all)
{
	struct vbd_queue *q = pvb_container(x, struct vbd_queue, inbox);
	struct pvb_io *io;

	while ((io = pvb_iolist_pop(all))) {
		io->done = done;
		io->arg = q;
		(void)q->disk->ops->submit(q->disk, io);
	}
	q->disk->ops->kick(q->disk);
}

void vbd_queue_put(struct vbd_queue *q, struct pvb_iolist *all)
{
	pvb_crossing_put_all(&q->inbox, all);
}

/* ---- what the half says -------------------------------------------------- */

static void tell(struct vbd_queue *q)
{
	/* The half checks requests against its own. */
	q->disk->info.read_only |= q->config.read_only;
	q->state.info = q->disk->info;
	q->state.queues = pvb_blkfront_io_queues(q->io);
	q->config.changed(q->config.arg, q->config.index, &q->state);
}

static void live_changed(struct pvb_blkfront_io *io, bool live, int code,
                         void *arg)
{
	struct vbd_queue *q = arg;

	(void)io;
	q->state.live = live;
	q->state.code = code;
	tell(q);
}

/* What has been put is the front's, whenever this thread comes to it. */
static void last_call(struct pvb_blkfront_io *io, void *arg)
{
	struct vbd_queue *q = arg;

	(void)io;
	pvb_crossing_receive(&q->inbox);
}

static void closed(struct pvb_blkfront_io *io, void *arg)
{
	struct vbd_queue *q = arg;

	(void)io;
	q->state.closed = true;
	tell(q);
}

static void info_changed(struct pvb_disk *d, void *arg, int gone)
{
	(void)d;
	(void)gone;     /* that, live_changed tells */
	tell(arg);
}

/* ---- the thread ---------------------------------------------------------- */

static void run_stop(struct pvb_loop_task *t)
{
	struct vbd_queue *q = pvb_container(t, struct vbd_queue, stop);

	q->stopping = true;
	pvb_loop_stop(q->loop);
}

static void run_give_back(struct pvb_loop_task *t)
{
	struct vbd_queue *q = pvb_container(t, struct vbd_queue, give_back);

	pvb_crossing_receive(&q->inbox);
	pvb_blkfront_io_give_back(q->io);
}

static void *run(void *arg)
{
	struct vbd_queue *q = arg;
	char name[NAME_BYTES];

	(void)snprintf(name, sizeof(name), "pvb-front.%u",
	               q->config.index & 0xff);
	(void)pthread_setname_np(pthread_self(), name);
	/* Whatever a turn fails at, requests are answered until the end. */
	while (!q->stopping)
		(void)pvb_loop_run(q->loop);
	pvb_blkfront_io_destroy(q->io);
	pvb_loop_undefer(q->loop, &q->send_back);
	pvb_crossing_put_all(q->config.back, &q->answered);
	pvb_loop_undefer(q->loop, &q->give_back);
	return NULL;
}

/* Signals are for the threads of the program. */
static int start_thread(struct vbd_queue *q, struct pvb_err *e)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int r;

	(void)sigfillset(&all);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&q->thread, &attr, run, q);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r < 0)
		(void)pvb_err_set(e, r, "cannot start a thread: %s",
		                  strerror(-r));
	return r;
}

/* ---- life ---------------------------------------------------------------- */

/* Takes `mem` and `link_fd` over. */
static int open_half(struct vbd_queue *q, struct pvb_mem *mem, int link_fd,
                     struct pvb_err *e)
{
	const struct pvb_blkfront_io_config c = {
		.log = q->config.log, .bounce_always = q->config.bounce_always,
		.live = live_changed, .last_call = last_call,
		.closed = closed, .arg = q,
	};
	int r;

	q->loop = pvb_loop_create(NULL, e);
	if (!q->loop) {
		pvb_mem_close(mem);
		(void)close(link_fd);
		return e->code;
	}
	r = pvb_blkfront_io_create(q->loop, link_fd, mem, &c, &q->io, e);
	if (r < 0)
		return r;
	q->disk = pvb_blkfront_io_disk(q->io);
	q->disk->changed = info_changed;
	q->disk->arg = q;
	return 0;
}

int vbd_queue_start(const struct vbd_queue_config *c, struct pvb_mem *mem,
                    struct vbd_queue **out, int *link_fd, struct pvb_err *e)
{
	struct pvb_err ignored = PVB_ERR_INIT;
	struct vbd_queue *q = calloc(1, sizeof(*q));
	int fds[2] = { -1, -1 };
	int r = q ? pvb_link_pair(fds) : -ENOMEM;

	e = e ? e : &ignored;
	if (r < 0) {
		pvb_mem_close(mem);
		free(q);
		return pvb_err_set(e, r, "cannot make a link: %s",
		                   strerror(-r));
	}
	q->config = *c;
	q->stop.run = run_stop;
	q->give_back.run = run_give_back;
	q->send_back.run = send_back;
	r = open_half(q, mem, fds[0], e);
	if (r == 0)
		r = pvb_crossing_init(&q->inbox, q->loop, arrived);
	if (r < 0)
		goto fail_half;
	r = start_thread(q, e);
	if (r < 0)
		goto fail_inbox;
	*out = q;
	*link_fd = fds[1];
	return 0;

fail_inbox:
	pvb_crossing_fini(&q->inbox);
fail_half:
	pvb_blkfront_io_destroy(q->io);
	pvb_loop_destroy(q->loop);
	free(q);
	(void)close(fds[1]);
	return r;
}

void vbd_queue_give_back(struct vbd_queue *q)
{
	pvb_loop_post(q->loop, &q->give_back);
}

void vbd_queue_stop(struct vbd_queue *q)
{
	if (!q)
		return;
	pvb_loop_post(q->loop, &q->stop);
	(void)pthread_join(q->thread, NULL);
	pvb_crossing_fini(&q->inbox);
	pvb_loop_destroy(q->loop);
	free(q);
}
