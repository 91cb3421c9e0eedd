/* SPDX-License-Identifier: MIT */
#include "device_medium.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk/blkback_ctl.h"
#include "bus/complain.h"
#include "bus/watches.h"
#include "device_kinds.h"
#include "hyp/store.h"
#include "prober.h"
#include "proto/xspath.h"

enum {
	DIR_MAX = 128, AGAIN_MS = 50,
	/* With its path, what a store takes in one message. */
	PARAMS_MAX = 3900,
};

enum doing {
	BEGINNING,                      /* the first disk is looked at */
	IDLE, LOOKING, CHANGING,        /* at another one, to that one */
	DEAD,                           /* there was no first one */
};

struct pvb_medium {
	struct pvb_medium_config c;
	enum doing doing;
	char dir[DIR_MAX];
	struct pvb_watch watch;         /* on `params` */
	bool look_due;                  /* it has changed meanwhile */
	bool complained;
	struct pvb_probe_job *job;      /* NULL: none */
	struct pvb_loop_timer again;    /* the first one is busy */
	/* What is being done, and for whom; NULL: for the store. */
	pvb_medium_done *done;
	void *arg;
	char next[PVB_BLK_NODES_URI_MAX + 1];   /* "": out with it */
	/* `params` as we have read or written it last. */
	char params[PVB_BLK_NODES_URI_MAX + 1];
};

static void look(struct pvb_medium *m);

/* ---- the end of a change ------------------------------------------------- */

/* Text for `params` that means this disk. */
static int params_of(const struct pvb_medium *m, const char *uri,
                     char out[PVB_BLK_NODES_URI_MAX + 1], struct pvb_err *e)
{
	int n = snprintf(out, PVB_BLK_NODES_URI_MAX + 1, "%s%s",
	                 m->c.kind->prefix, uri);

	if (n > PARAMS_MAX)
		return pvb_err_set(e, -ENAMETOOLONG,
		                   "the disk's name is too long");
	return 0;
}

struct restore { struct pvb_medium *m; const char *text; };

/* Unless somebody else was faster, who is heard next. */
static int restore_params(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct restore *r = arg;
	char found[PVB_BLK_NODES_URI_MAX + 1];
	int n = pvb_store_read_at(s, tx, r->m->dir, "params", found,
	                          PVB_BLK_NODES_URI_MAX);

	if (n < 0)
		return n;
	found[n] = '\0';
	return strcmp(found, r->m->params) != 0
	               ? -ESTALE
	               : pvb_store_write_at(s, tx, r->m->dir, "params",
	                                    r->text);
}

/* What the store asked for cannot be. */
static void deny_store(struct pvb_medium *m, const struct pvb_err *e)
{
	struct pvb_store *s = pvb_watches_store(m->c.watches);
	char text[PVB_BLK_NODES_URI_MAX + 1];
	struct restore r = { m, text };

	pvb_log(m->c.log, PVB_LOG_WARN,
	        "domain %u device %u: its medium is not changed: %s",
	        m->c.dev->front_domid, m->c.dev->number, e->text);
	pvb_complaint_put(s, m->dir, -e->code, e->text);
	m->complained = true;
	if (params_of(m, *m->c.name, text, NULL) == 0 &&
	    pvb_store_transact(s, restore_params, &r) == 0)
		memcpy(m->params, text, sizeof(text));
}

static void accept_next(struct pvb_medium *m)
{
	memcpy(*m->c.name, m->next, sizeof(m->next));
	pvb_log(m->c.log, PVB_LOG_INFO, "domain %u device %u: %s",
	        m->c.dev->front_domid, m->c.dev->number,
	        m->next[0] ? m->next : "the drive is empty");
	if (m->complained)
		pvb_complaint_remove(pvb_watches_store(m->c.watches), m->dir);
	m->complained = false;
}

/* The change is over, one way or the other. */
static void finish(struct pvb_medium *m, const struct pvb_err *e)
{
	pvb_medium_done *done = m->done;

	m->doing = IDLE;
	m->done = NULL;
	if (e->code == 0)
		accept_next(m);
	if (done)
		done(m->arg, e);
	else if (e->code < 0)
		deny_store(m, e);
	if (m->look_due)
		look(m);
}

void pvb_medium_changed(struct pvb_medium *m, const struct pvb_err *e)
{
	struct pvb_err why = *e;

	if (why.code < 0 && m->next[0])
		pvb_err_prefix(&why, "%s", m->next);
	if (why.code == 0 && m->done)
		(void)params_of(m, m->next, m->params, NULL);
	finish(m, &why);
}

/* ---- a change ------------------------------------------------------------ */

/* Who asks here has `params` written for it; a toolstack has done that. */
static int change(struct pvb_medium *m, const struct pvb_disk_ops *ops,
                  struct pvb_disk_probe *probe, struct pvb_err *e)
{
	char text[PVB_BLK_NODES_URI_MAX + 1];
	int r = params_of(m, m->next, text, e);

	if (r == 0)
		r = pvb_blkback_ctl_change(m->c.ctl, ops, probe, m->next,
		                           m->done ? text : NULL, e);
	if (r == 0)
		m->doing = CHANGING;
	return r;
}

/* For a toolstack an image of no bytes, as newer libxl has it, or a drive of
   the host with nothing in it, is a drive without a medium. */
static void probed_next(void *arg, const struct pvb_disk_ops *ops,
                        struct pvb_disk_probe *probe, const struct pvb_err *e)
{
	struct pvb_medium *m = arg;
	struct pvb_err why = PVB_ERR_INIT;

	m->job = NULL;
	if (!probe && e->code == -ENOMEDIUM && !m->done)
		m->next[0] = '\0';
	else if (!probe)
		why = *e;
	if (why.code == 0 && change(m, ops, probe, &why) < 0) {
		if (probe)
			pvb_disk_probe_fini(probe);
		pvb_err_prefix(&why, "%s", m->next);
	}
	if (why.code < 0)
		finish(m, &why);
}

/* To m->next.  0: finish follows; or -errno, and nothing has begun. */
static int begin(struct pvb_medium *m, struct pvb_err *e)
{
	if (!m->next[0])
		return change(m, NULL, NULL, e);
	m->job = pvb_prober_start(m->c.prober, m->next, m->c.flags,
	                          probed_next, m);
	if (!m->job)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	m->doing = LOOKING;
	return 0;
}

/* ---- by the store -------------------------------------------------------- */

static int read_params(struct pvb_medium *m)
{
	char text[PVB_BLK_NODES_URI_MAX + 1];
	int n = pvb_store_read_at(pvb_watches_store(m->c.watches),
	                          PVB_STORE_NO_TX, m->dir, "params", text,
	                          PVB_BLK_NODES_URI_MAX);

	if (n < 0)
		return n;
	text[n] = '\0';
	if (strcmp(text, m->params) == 0)
		return 0;
	memcpy(m->params, text, sizeof(text));
	return 1;
}

/* What stands there now, if it is not what is there already. */
static void look(struct pvb_medium *m)
{
	struct pvb_err e = PVB_ERR_INIT;
	int r;

	m->look_due = m->doing != IDLE;
	if (m->look_due || read_params(m) != 1)
		return;
	memcpy(m->next, m->params, sizeof(m->next));
	if (!pvb_kind_uri(m->c.kind, m->next)) {
		r = pvb_err_set(&e, -EINVAL, "node \"params\" names no disk");
	} else {
		if (strcmp(m->next, *m->c.name) == 0)
			return;
		r = begin(m, &e);
	}
	if (r < 0)
		finish(m, &e);
}

static void params_fired(struct pvb_watch *w, const char *path)
{
	(void)path;
	look(pvb_container(w, struct pvb_medium, watch));
}

/* ---- by who asks here ---------------------------------------------------- */

static int may_begin(const struct pvb_medium *m, struct pvb_err *e)
{
	if (!m->c.drive)
		return pvb_err_set(e, -EOPNOTSUPP,
		                   "it is no CD-ROM or floppy drive");
	if (m->doing == DEAD)
		return pvb_err_set(e, -EAGAIN, "it is closed");
	if (m->doing == BEGINNING)
		return pvb_err_set(e, -EAGAIN, "its disk is not open yet");
	if (m->doing != IDLE)
		return pvb_err_set(e, -EBUSY, "its medium is being changed");
	return 0;
}

static int begin_for(struct pvb_medium *m, pvb_medium_done *done, void *arg,
                     struct pvb_err *e)
{
	int r;

	m->done = done;
	m->arg = arg;
	r = begin(m, e);
	if (r < 0)
		m->done = NULL;
	return r;
}

int pvb_medium_insert(struct pvb_medium *m, const char *uri,
                      pvb_medium_done *done, void *arg, struct pvb_err *e)
{
	char text[PVB_BLK_NODES_URI_MAX + 1];
	int r = may_begin(m, e);

	if (r < 0)
		return r;
	if (!uri[0])
		return pvb_err_set(e, -EINVAL, "the disk's name is empty");
	if ((*m->c.name)[0])
		return pvb_err_set(e, -EBUSY, "%s is in it (eject it first)",
		                   *m->c.name);
	r = params_of(m, uri, text, e);
	if (r < 0)
		return r;
	(void)snprintf(m->next, sizeof(m->next), "%s", uri);
	return begin_for(m, done, arg, e);
}

int pvb_medium_eject(struct pvb_medium *m, pvb_medium_done *done, void *arg,
                     struct pvb_err *e)
{
	int r = may_begin(m, e);

	if (r < 0)
		return r;
	if (!(*m->c.name)[0])
		return 1;
	m->next[0] = '\0';
	return begin_for(m, done, arg, e);
}

/* ---- the first one ------------------------------------------------------- */

static void began(struct pvb_medium *m, bool well)
{
	m->doing = well ? IDLE : DEAD;
	if (well && m->look_due)
		look(m);
}

/* A block device is claimed as long as I/O of somebody who is dead is under
   way, and he may have been ours. */
static bool is_first_later(struct pvb_medium *m, const struct pvb_err *e)
{
	struct pvb_loop *loop = pvb_watches_loop(m->c.watches);

	if (e->code != -EBUSY || !pvb_blkback_ctl_is_after_another(m->c.ctl))
		return false;
	pvb_loop_arm(loop, &m->again, pvb_loop_now_ns(loop) +
	             AGAIN_MS * UINT64_C(1000000));
	return true;
}

static void probed_first(void *arg, const struct pvb_disk_ops *ops,
                         struct pvb_disk_probe *probe, const struct pvb_err *e)
{
	struct pvb_medium *m = arg;
	bool empty = !probe && m->c.drive && e->code == -ENOMEDIUM;

	m->job = NULL;
	if (!probe && is_first_later(m, e))
		return;
	if (empty) {
		(*m->c.name)[0] = '\0';
		pvb_blkback_ctl_empty(m->c.ctl);
	} else {
		pvb_blkback_ctl_disk(m->c.ctl, ops, probe, e);
	}
	began(m, probe || empty);
}

static int probe_first(struct pvb_medium *m, struct pvb_err *e)
{
	m->job = pvb_prober_start(m->c.prober, *m->c.name, m->c.flags,
	                          probed_first, m);
	return m->job ? 0 : pvb_err_set(e, -ENOMEM, "out of memory");
}

static void probe_again(struct pvb_loop_timer *t)
{
	struct pvb_medium *m = pvb_container(t, struct pvb_medium, again);
	struct pvb_err e = PVB_ERR_INIT;

	if (probe_first(m, &e) == 0)
		return;
	pvb_blkback_ctl_disk(m->c.ctl, NULL, NULL, &e);
	began(m, false);
}

static int begin_first(struct pvb_medium *m, struct pvb_err *e)
{
	if (!(*m->c.name)[0]) {
		pvb_blkback_ctl_empty(m->c.ctl);
		began(m, true);
		return 0;
	}
	return probe_first(m, e);
}

/* ---- life ---------------------------------------------------------------- */

static int watch_params(struct pvb_medium *m, struct pvb_err *e)
{
	char path[PVB_XS_PATH_MAX + 1];
	int r = pvb_xspath_print(path, sizeof(path), "%s/params", m->dir);

	m->watch.fired = params_fired;
	if (r == 0)
		r = pvb_watches_add(m->c.watches, &m->watch, path);
	return r == 0 ? 0 : pvb_err_set(e, r, "cannot watch %s: %s", path,
	                                strerror(-r));
}

int pvb_medium_create(const struct pvb_medium_config *c, const char *params,
                      struct pvb_medium **out, struct pvb_err *e)
{
	struct pvb_medium *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	m->c = *c;
	m->again.fired = probe_again;
	(void)pvb_xsdev_back_path(c->dev, m->dir, sizeof(m->dir));
	(void)snprintf(m->params, sizeof(m->params), "%s", params);
	memcpy(*c->name, m->params, sizeof(m->params));
	if (!pvb_kind_uri(c->kind, *c->name) || (!(*c->name)[0] && !c->drive))
		r = pvb_err_set(e, -EINVAL, "node \"params\" names no disk");
	else
		r = c->drive ? watch_params(m, e) : 0;
	if (r == 0)
		r = begin_first(m, e);
	if (r < 0) {
		pvb_medium_destroy(m);
		return r;
	}
	*out = m;
	return 0;
}

void pvb_medium_destroy(struct pvb_medium *m)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (!m)
		return;
	pvb_prober_abandon(m->job);
	pvb_loop_disarm(&m->again);
	pvb_watches_remove(m->c.watches, &m->watch);
	if (m->done) {
		(void)pvb_err_set(&e, -ECANCELED, "the device is gone");
		m->done(m->arg, &e);
	}
	free(m);
}
