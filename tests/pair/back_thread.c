/* SPDX-License-Identifier: MIT */
#include "back_thread.h"

#include "base/link.h"
#include "blk/disk_list.h"
#include "bus/watches.h"
#include "flow/counters.h"
#include "hyp/mem.h"
#include "hyp/store.h"

/* ---- for the control half ------------------------------------------------ */

static void io_closed(struct pvb_blkback_io *io, void *arg)
{
	struct back_thread *b = arg;

	for (int i = 0; i < BACK_THREAD_QUEUES; i++)
		if (b->io[i] == io)
			b->io[i] = NULL;
	pvb_blkback_io_destroy(io);
}

static int data_half(void *arg, uint32_t queue)
{
	struct back_thread *b = arg;
	const struct pvb_blkback_io_config c = {
		.disks = pvb_disk_all, .closed = io_closed, .arg = b,
	};
	struct pvb_err e = PVB_ERR_INIT;
	int fds[2];

	assert_int_equal(pvb_link_pair(fds), 0);
	b->link[queue] = fds[0];
	if (pvb_blkback_io_create(b->loop, fds[0], &c, &b->io[queue], &e) < 0)
		fail_msg("%s", e.text);
	return fds[1];
}

static int mem_end(void *arg)
{
	struct back_thread *b = arg;
	struct pvb_err e = PVB_ERR_INIT;

	return pvb_mem_local_limited(b->machine->run, b->dev.back_domid,
	                             b->dev.front_domid, &e);
}

static int counters(void *arg, uint32_t queue)
{
	struct back_thread *b = arg;

	if (b->counters[queue] < 0)
		b->counters[queue] = pvb_counters_create();
	return b->counters[queue];
}

static void retired(struct pvb_blkback_ctl *ctl, void *arg)
{
	struct back_thread *b = arg;

	(void)ctl;
	b->retired = true;
}

/* ---- the thread ---------------------------------------------------------- */

static void run_call(struct pvb_loop_task *t)
{
	struct back_thread *b = pvb_container(t, struct back_thread, call);

	b->fn(b, b->arg);
	sem_post(&b->done);
}

void back_thread_call(struct back_thread *b,
                      void (*fn)(struct back_thread *b, void *arg), void *arg)
{
	b->fn = fn;
	b->arg = arg;
	pvb_loop_post(b->loop, &b->call);
	while (sem_wait(&b->done) < 0)
		assert_int_equal(errno, EINTR);
}

static void probe(struct back_thread *b)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	if (!*b->uri)
		pvb_blkback_ctl_empty(b->ctl);
	else if (pvb_disk_probe(pvb_disk_all, b->uri, 0, &p, &ops, &e) < 0)
		pvb_blkback_ctl_disk(b->ctl, NULL, NULL, &e);
	else
		pvb_blkback_ctl_disk(b->ctl, ops, &p, NULL);
}

static void *run(void *arg)
{
	struct back_thread *b = arg;

	(void)pvb_loop_run(b->loop);
	pvb_blkback_ctl_destroy(b->ctl);
	for (int i = 0; i < BACK_THREAD_QUEUES; i++)
		pvb_blkback_io_destroy(b->io[i]);
	pvb_watches_destroy(b->watches);
	pvb_store_close(b->store);
	return NULL;
}

void back_thread_start(struct back_thread *b, const struct machine *m,
                       const struct pvb_xsdev *dev, const char *uri,
                       const struct pvb_blk_options *options)
{
	const struct pvb_loop_config lc = { .uring_entries = 64 };
	struct pvb_blkback_ctl_config c = {
		.dev = *dev, .options = *options, .data_half = data_half,
		.mem_end = mem_end, .counters = counters, .retired = retired,
		.disk_name = uri, .arg = b,
	};
	struct pvb_err e = PVB_ERR_INIT;

	memset(b, 0, sizeof(*b));
	b->machine = m;
	b->dev = *dev;
	b->uri = uri;
	for (int i = 0; i < BACK_THREAD_QUEUES; i++)
		b->counters[i] = -1;
	b->call.run = run_call;
	assert_int_equal(sem_init(&b->done, 0, 0), 0);
	b->loop = pvb_loop_create(&lc, &e);
	assert_non_null(b->loop);
	b->store = pvb_store_open_local(m->run, dev->back_domid, false, &e);
	assert_non_null(b->store);
	b->watches = pvb_watches_create(b->loop, b->store, NULL, NULL, &e);
	assert_non_null(b->watches);
	if (pvb_blkback_ctl_create(b->watches, &c, &b->ctl, &e) < 0 ||
	    pvb_blkback_ctl_start(b->ctl, &e) < 0)
		fail_msg("%s", e.text);
	probe(b);
	assert_int_equal(pthread_create(&b->thread, NULL, run, b), 0);
}

static void stop_loop(struct back_thread *b, void *arg)
{
	(void)arg;
	pvb_loop_stop(b->loop);
}

void back_thread_kill(struct back_thread *b)
{
	back_thread_call(b, stop_loop, NULL);
	assert_int_equal(pthread_join(b->thread, NULL), 0);
	pvb_loop_destroy(b->loop);
	for (int i = 0; i < BACK_THREAD_QUEUES; i++)
		if (b->counters[i] >= 0)
			close(b->counters[i]);
	sem_destroy(&b->done);
}

static void take_status(struct back_thread *b, void *arg)
{
	pvb_blkback_ctl_status(b->ctl, arg);
}

struct pvb_blkback_status back_thread_status(struct back_thread *b)
{
	struct pvb_blkback_status s;

	back_thread_call(b, take_status, &s);
	return s;
}

static void do_resize(struct back_thread *b, void *arg)
{
	struct pvb_err e = PVB_ERR_INIT;

	*(int *)arg = pvb_blkback_ctl_resize(b->ctl, &e);
}

int back_thread_resize(struct back_thread *b)
{
	int r;

	back_thread_call(b, do_resize, &r);
	return r;
}

void back_thread_wait(struct back_thread *b, enum pvb_xb mine)
{
	while (back_thread_status(b).mine != mine)
		(void)sched_yield();
}
