/* SPDX-License-Identifier: MIT */
#include "toolstack.h"

#include <errno.h>
#include <string.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "blk/blk_nodes.h"
#include "bus/watches.h"
#include "hyp/store.h"
#include "proto/conn.h"
#include "signals.h"

/* Waiting for a device's state: one loop, one watch, one deadline. */
struct wait {
	struct pvb_loop       *loop;
	struct pvb_store      *store;
	struct pvb_watches    *watches;
	struct pvb_watch       watch;
	struct pvb_loop_timer  deadline;
	const struct pvb_xsdev *dev;
	bool (*is_over)(struct wait *w);
	struct pvb_signals    *signals; /* NULL: none are looked at */
	struct pvb_loop_fd     signalled;
	bool                   need_front, late, lost, interrupted;
	int                    code;    /* of the last look */
	struct pvb_blk_nodes_state state;
};

static void look(struct wait *w)
{
	w->code = pvb_blk_nodes_state(w->store, w->dev, &w->state);
	if (w->is_over(w))
		pvb_loop_stop(w->loop);
}

static void fired(struct pvb_watch *watch, const char *path)
{
	(void)path;
	look(pvb_container(watch, struct wait, watch));
}

static void late(struct pvb_loop_timer *t)
{
	struct wait *w = pvb_container(t, struct wait, deadline);

	w->late = true;
	pvb_loop_stop(w->loop);
}

static void lost(void *arg)
{
	struct wait *w = arg;

	w->lost = true;
	pvb_loop_stop(w->loop);
}

static void signalled(struct pvb_loop_fd *f, uint32_t events)
{
	struct wait *w = pvb_container(f, struct wait, signalled);

	(void)events;
	w->interrupted = pvb_signals_take(w->signals) != 0;
	if (w->interrupted)
		pvb_loop_stop(w->loop);
}

/* Turn until one of the above says stop. */
static int turn(struct wait *w, uint64_t timeout_ms)
{
	int r = 0;

	if (w->signals) {
		w->signalled = (struct pvb_loop_fd){ .fd = w->signals->fd,
			.events = PVB_LOOP_IN, .ready = signalled };
		r = pvb_loop_add_fd(w->loop, &w->signalled);
	}
	if (r < 0)
		return r;
	pvb_loop_arm(w->loop, &w->deadline,
	             pvb_loop_now_ns(w->loop) + timeout_ms * 1000000);
	r = pvb_loop_run(w->loop);
	pvb_loop_disarm(&w->deadline);
	pvb_loop_remove_fd(&w->signalled);
	return r;
}

/* 0: over; -ETIMEDOUT; -EINTR; -EIO: the store is gone; -errno. */
static int wait_run(struct wait *w, uint64_t timeout_ms)
{
	char path[PVB_WATCH_PATH_MAX + 1];
	struct pvb_err e = PVB_ERR_INIT;
	int r;

	w->loop = pvb_loop_create(NULL, &e);
	if (!w->loop)
		return e.code;
	w->watch.fired = fired;
	w->deadline.fired = late;
	w->watches = pvb_watches_create(w->loop, w->store, lost, w, &e);
	r = w->watches ? pvb_xsdev_back_path(w->dev, path, sizeof(path))
	               : e.code;
	if (r == 0)
		r = pvb_watches_add(w->watches, &w->watch, path);
	if (r == 0) {
		r = turn(w, timeout_ms);
		pvb_watches_remove(w->watches, &w->watch);
	}
	pvb_watches_destroy(w->watches);
	pvb_loop_destroy(w->loop);
	if (r < 0)
		return r;
	return w->lost ? -EIO : w->interrupted ? -EINTR
	       : w->late ? -ETIMEDOUT : 0;
}

/* ---- attach -------------------------------------------------------------- */

static bool is_attached(struct wait *w)
{
	if (w->code < 0 || w->state.back == PVB_XB_CLOSED ||
	    w->state.back == PVB_XB_CLOSING || w->state.disk_refused)
		return true;
	return w->state.back == PVB_XB_CONNECTED ||
	       (!w->need_front && w->state.back == PVB_XB_INIT_WAIT &&
	        w->state.disk_known &&
	        w->state.front <= PVB_XB_INITIALISING);
}

static int say_outcome(const struct wait *w, int r, struct pvb_err *e)
{
	if (r == -EINTR)
		return pvb_err_set(e, r, "interrupted");
	if (r == -ETIMEDOUT && w->state.back == PVB_XB_INIT_WAIT &&
	    !w->state.disk_known)
		return pvb_err_set(e, r, "the backend has not opened its disk "
		                         "in time");
	if (r == -ETIMEDOUT && w->state.back == PVB_XB_INITIALISING)
		return pvb_err_set(e, r, "no backend took it (is 'pvb serve' "
		                         "running?)");
	if (r == -ETIMEDOUT)
		return pvb_err_set(e, r,
			"timed out: backend %s, frontend %s",
			pvb_xb_name(w->state.back),
			pvb_xb_name(w->state.front));
	if (r == 0 && w->code < 0)
		r = w->code;
	if (r < 0)
		return pvb_err_set(e, r, "store: %s", strerror(-r));
	if (w->state.back == PVB_XB_CLOSED || w->state.disk_refused ||
	    w->state.back == PVB_XB_CLOSING)
		return pvb_err_set(e, -EIO, "%s", w->state.error[0]
			? w->state.error : "the backend closed the device");
	return 0;
}

/* A local domain exists from the first attach for it, or again from the next
   one after its last process has gone. */
static int meet_domain(struct pvb_store *s, const struct pvb_attach *a,
                       struct pvb_err *e)
{
	int r;

	if (a->host->xen || s->ops->domain_exists(s, a->front_domid) == 1)
		return 0;
	r = s->ops->introduce(s, a->front_domid);
	if (r < 0 && r != -EEXIST) {
		pvb_err_set(e, r, "domain %u: %s", a->front_domid,
		            strerror(-r));
		return r;
	}
	return 0;
}

static void say_if_half(struct pvb_store *s, const struct pvb_xsdev *dev,
                        struct pvb_err *e)
{
	struct pvb_blk_nodes_state state;
	int r = pvb_blk_nodes_state(s, dev, &state);

	if ((r == -ENOENT && state.front_ours) ||
	    (r == 0 && !state.front_there))
		pvb_err_set(e, -EEXIST, "half of a device is left there "
		                        "already ('pvb detach' removes it)");
}

int pvb_toolstack_attach(const struct pvb_attach *a, struct pvb_err *e)
{
	struct pvb_store *s = pvb_host_store(a->host, 0, e);
	struct wait w = { .store = s, .is_over = is_attached,
		.need_front = a->need_front, .signals = a->signals };
	struct pvb_xsdev dev;
	int r;

	if (!s)
		return -EIO;
	pvb_blk_nodes_name(&dev, a->back_domid, a->front_domid, a->number);
	w.dev = &dev;
	r = meet_domain(s, a, e);
	if (r == 0)
		r = pvb_blk_nodes_create(s, &dev, a->disk, &a->options, e);
	if (r == -EEXIST)
		say_if_half(s, &dev, e);
	if (r == 0 && a->timeout_ms > 0) {
		r = say_outcome(&w, wait_run(&w, a->timeout_ms), e);
		if (r < 0) {
			pvb_blk_nodes_stop(s, &dev);
			pvb_blk_nodes_remove(s, &dev);
		}
	}
	pvb_store_close(s);
	return r;
}

/* ---- detach -------------------------------------------------------------- */

static bool is_detached(struct wait *w)
{
	return w->code < 0 || w->state.back == PVB_XB_CLOSED;
}

/* Who has not let go of it, the frontend or its backend? */
static int say_not_closed(const struct pvb_blk_nodes_state *s,
                          struct pvb_err *e)
{
	if (s->back == PVB_XB_CLOSING && s->error[0])
		return pvb_err_set(e, -ETIMEDOUT,
			"not closed yet: backend closing, frontend %s: %s "
			"(--force takes it away)", pvb_xb_name(s->front),
			s->error);
	if (s->front == PVB_XB_INITIALISED || s->front == PVB_XB_CONNECTED ||
	    s->front == PVB_XB_CLOSING)
		return pvb_err_set(e, -ETIMEDOUT,
			"still in use: backend %s, frontend %s "
			"(--force takes it away)", pvb_xb_name(s->back),
			pvb_xb_name(s->front));
	return pvb_err_set(e, -ETIMEDOUT, "no backend closed it (is 'pvb "
		"serve' running? --force takes it away)");
}

/* Unless no backend is there to close it. */
static void say_if_held(const struct pvb_blk_nodes_state *s, struct pvb_err *e)
{
	if (s->back == PVB_XB_CLOSING && s->error[0])
		(void)pvb_err_set(e, -ETIMEDOUT, "taken away, but its backend "
		                  "has not let go of it yet: %s", s->error);
}

static int wait_for_end(struct wait *w, const struct pvb_detach *d,
                        struct pvb_err *e)
{
	int r = wait_run(w, d->timeout_ms);

	if (r == -ETIMEDOUT && d->force) {
		w->late = false;
		r = pvb_blk_nodes_cut(w->store, w->dev);
		if (r == 0)
			r = wait_run(w, d->timeout_ms);
		if (r == -ETIMEDOUT) {
			say_if_held(&w->state, e);
			return 0;
		}
	}
	if (r == -ETIMEDOUT)
		return say_not_closed(&w->state, e);
	if (r < 0)
		return pvb_err_set(e, r, "store: %s", strerror(-r));
	return 0;
}

/* Its back's half is gone: then nobody is left to close it. */
static bool is_front_left(struct pvb_store *s, const struct pvb_xsdev *dev)
{
	struct pvb_blk_nodes_state state;

	return pvb_blk_nodes_state(s, dev, &state) == -ENOENT &&
	       state.front_ours;
}

static void say_not_ours(struct pvb_store *s, const struct pvb_xsdev *dev,
                         struct pvb_err *e)
{
	struct pvb_xsdev other = *dev;

	if (pvb_blk_nodes_find(s, &other) == 0)
		pvb_err_set(e, -ENOENT, "it is not ours: who attached it (kind "
		            "%s) must detach it", other.kind);
	else
		pvb_err_set(e, -ENOENT, "no such device is attached");
}

int pvb_toolstack_detach(const struct pvb_detach *d, struct pvb_err *e)
{
	struct pvb_store *s = pvb_host_store(d->host, 0, e);
	struct wait w = { .store = s, .is_over = is_detached };
	struct pvb_xsdev dev;
	int r;

	if (!s)
		return -EIO;
	pvb_blk_nodes_name(&dev, d->back_domid, d->front_domid, d->number);
	w.dev = &dev;
	r = pvb_blk_nodes_stop(s, &dev);
	if (r == -ENOENT && is_front_left(s, &dev))
		r = 1;
	if (r == 0)
		r = wait_for_end(&w, d, e);
	else if (r == -ENOENT)
		say_not_ours(s, &dev, e);
	else if (r < 0)
		pvb_err_set(e, r, "store: %s", strerror(-r));
	if (r >= 0) {
		r = pvb_blk_nodes_remove(s, &dev);
		if (r < 0)
			pvb_err_set(e, r, "store: %s", strerror(-r));
	}
	pvb_store_close(s);
	return r < 0 ? r : 0;
}
