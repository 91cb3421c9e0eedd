/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "blkfront_disk_control.h"
#include "bus/watches.h"
#include "hyp/host.h"
#include "hyp/store.h"

struct pvb_vbd_control {
	pthread_t thread;
	struct pvb_loop    *loop;       /* owned; outlives the thread */
	struct pvb_store   *store;      /* owned */
	struct pvb_watches *watches;    /* owned */
	struct pvb_blkfront_ctl *ctl;   /* owned; NULL once it has retired */
	int link_fd;                    /* owned until it is given out */
	int  (*more)(void *arg, uint32_t queue);
	void *arg;
	struct pvb_loop_task stop, force, abandon;
	struct pvb_err ended;           /* the thread's until it is joined */
};

/* ---- on the thread ------------------------------------------------------- */

static int errno_of(enum pvb_why why)
{
	switch (why) {
	case PVB_WHY_TIMEOUT:
		return -ETIMEDOUT;
	case PVB_WHY_KEY_MISSING:
	case PVB_WHY_KEY_SYNTAX:
	case PVB_WHY_KEY_LIMIT:
	case PVB_WHY_KEY_CONFLICT:
	case PVB_WHY_SECTOR_SIZE:
	case PVB_WHY_RING_INDEX:
	case PVB_WHY_RSP_ID:
	case PVB_WHY_RSP_OP:
		return -EPROTO;
	default:
		return -EIO;
	}
}

static void retired(struct pvb_blkfront_ctl *f, void *arg)
{
	struct pvb_vbd_control *v = arg;
	struct pvb_blkfront_status s;

	pvb_blkfront_ctl_status(f, &s);
	if ((s.code < 0 || s.why != PVB_OK) && v->ended.code == 0)
		(void)pvb_err_set(&v->ended,
		                  s.code < 0 ? s.code : errno_of(s.why), "%s",
		                  s.text);
	pvb_loop_stop(v->loop);
}

static void store_lost(void *arg)
{
	struct pvb_vbd_control *v = arg;

	(void)pvb_err_set(&v->ended, -EIO, "the store is gone");
	pvb_loop_stop(v->loop);
}

static void run_stop(struct pvb_loop_task *t)
{
	pvb_blkfront_ctl_stop(
		pvb_container(t, struct pvb_vbd_control, stop)->ctl, false);
}

static void run_force(struct pvb_loop_task *t)
{
	pvb_blkfront_ctl_stop(
		pvb_container(t, struct pvb_vbd_control, force)->ctl, true);
}

static void run_abandon(struct pvb_loop_task *t)
{
	pvb_loop_stop(pvb_container(t, struct pvb_vbd_control, abandon)->loop);
}

/* The handles belong to this thread, so they end here. */
static void close_all(struct pvb_vbd_control *v)
{
	pvb_blkfront_ctl_destroy(v->ctl);
	v->ctl = NULL;
	pvb_watches_destroy(v->watches);
	pvb_store_close(v->store);
	if (v->link_fd >= 0)
		(void)close(v->link_fd);
	v->link_fd = -1;
}

static void *run(void *arg)
{
	struct pvb_vbd_control *v = arg;
	int r = pvb_loop_run(v->loop);

	if (r < 0)
		(void)pvb_err_set(&v->ended, r, "its control failed: %s",
		                  strerror(-r));
	close_all(v);
	return NULL;
}

/* ---- on the caller's ----------------------------------------------------- */

/* One half for each queue: if that is gone, so is the disk. */
static int data_half(void *arg, uint32_t queue)
{
	struct pvb_vbd_control *v = arg;
	int fd = v->link_fd;

	if (queue > 0)
		return v->more ? v->more(v->arg, queue) : -EPIPE;
	v->link_fd = -1;
	return fd >= 0 ? fd : -EPIPE;
}

static int open_all(struct pvb_vbd_control *v,
                    const struct pvb_vbd_control_config *c, struct pvb_err *e)
{
	const struct pvb_blkfront_ctl_config fc = {
		.log = c->log, .front_domid = c->domid, .number = c->number,
		.limits = c->limits, .spin_max_ns = c->spin_max_ns,
		.claim_timeout_ns = c->claim_timeout_ns,
		.connect_timeout_ns = c->connect_timeout_ns,
		.close_timeout_ns = c->close_timeout_ns,
		.request_timeout_ns = c->request_timeout_ns,
		.reconnect_timeout_ns = c->reconnect_timeout_ns,
		.data_half = data_half, .retired = retired, .arg = v,
	};
	struct pvb_err ignored = PVB_ERR_INIT;
	int r;

	e = e ? e : &ignored;
	v->loop = pvb_loop_create(NULL, e);
	if (!v->loop)
		return e->code;
	v->store = pvb_host_store(c->host, c->domid, e);
	if (!v->store)
		return e->code;
	v->watches = pvb_watches_create(v->loop, v->store, store_lost, v, e);
	if (!v->watches)
		return e->code;
	r = pvb_blkfront_ctl_create(v->watches, &fc, &v->ctl, e);
	return r < 0 ? r : pvb_blkfront_ctl_start(v->ctl, e);
}

/* Signals are for the threads of the program. */
static int start_thread(struct pvb_vbd_control *v, struct pvb_err *e)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&v->thread, NULL, run, v);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		(void)pvb_err_set(e, r, "cannot start a thread: %s",
		                  strerror(-r));
	return r;
}

int pvb_vbd_control_start(const struct pvb_vbd_control_config *c, int link_fd,
                          struct pvb_vbd_control **out, struct pvb_err *e)
{
	struct pvb_vbd_control *v = calloc(1, sizeof(*v));
	int r;

	if (!v) {
		(void)close(link_fd);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	v->link_fd = link_fd;
	v->more = c->more;
	v->arg = c->arg;
	v->stop.run = run_stop;
	v->force.run = run_force;
	v->abandon.run = run_abandon;
	r = open_all(v, c, e);
	if (r == 0)
		r = start_thread(v, e);
	if (r < 0) {
		close_all(v);
		pvb_loop_destroy(v->loop);
		free(v);
		return r;
	}
	*out = v;
	return 0;
}

void pvb_vbd_control_stop(struct pvb_vbd_control *v, bool force)
{
	pvb_loop_post(v->loop, force ? &v->force : &v->stop);
}

void pvb_vbd_control_abandon(struct pvb_vbd_control *v)
{
	pvb_loop_post(v->loop, &v->abandon);
}

void pvb_vbd_control_join(struct pvb_vbd_control *v, struct pvb_err *e)
{
	(void)pthread_join(v->thread, NULL);
	if (v->ended.code < 0)
		(void)pvb_err_set(e, v->ended.code, "%s", v->ended.text);
	/* Asked for when it had ended already. */
	pvb_loop_undefer(v->loop, &v->stop);
	pvb_loop_undefer(v->loop, &v->force);
	pvb_loop_undefer(v->loop, &v->abandon);
	pvb_loop_destroy(v->loop);
	free(v);
}
