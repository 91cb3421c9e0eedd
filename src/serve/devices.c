/* SPDX-License-Identifier: MIT */
/*
 * One watch for each kind of nodes.  It says that something has changed at or
 * below them; which devices there are, is read.
 */
#include "devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk/blk_nodes.h"
#include "bus/complain.h"
#include "bus/watches.h"
#include "device_kinds.h"
#include "devices_parts.h"
#include "hyp/store.h"
#include "kept.h"

/* ---- the table ----------------------------------------------------------- */

static struct entry *find(struct pvb_devices *s, const struct pvb_kind *kind,
                          const struct pvb_xsdev *dev)
{
	struct entry *n = s->first;

	while (n && (n->kind != kind ||
	             n->dev.front_domid != dev->front_domid ||
	             n->dev.number != dev->number))
		n = n->next;
	return n;
}

static void entry_destroy(struct entry **at,
                          void (*destroy)(struct pvb_device *d))
{
	struct entry *n = *at;

	*at = n->next;
	destroy(n->device);
	free(n);
}

/* It is over: what was wrong with it is of no interest any more. */
static void entry_end(struct entry **at)
{
	struct pvb_store *s = (*at)->devices->store;
	char dir[128];

	(void)pvb_xsdev_back_path(&(*at)->dev, dir, sizeof(dir));
	entry_destroy(at, pvb_device_end);
	pvb_complaint_remove(s, dir);
}

static bool is_before(const struct pvb_xsdev *a, const struct pvb_xsdev *b)
{
	if (a->front_domid != b->front_domid)
		return a->front_domid < b->front_domid;
	return a->number < b->number;
}

/* In order, for people who look at them. */
static struct entry *entry_add(struct pvb_devices *s,
                               const struct pvb_kind *kind,
                               const struct pvb_xsdev *dev)
{
	struct entry *n = calloc(1, sizeof(*n));
	struct entry **at = &s->first;

	if (!n)
		return NULL;
	n->devices = s;
	n->kind = kind;
	n->dev = *dev;
	while (*at && is_before(&(*at)->dev, dev))
		at = &(*at)->next;
	n->next = *at;
	*at = n;
	return n;
}

/* ---- one device ---------------------------------------------------------- */

static void retired(struct pvb_device *d, void *arg)
{
	struct entry *n = arg;

	(void)d;
	n->retired = true;
	pvb_loop_defer(n->devices->c.loop, &n->devices->sweep);
}

static void rested(struct pvb_device *d, int code, void *arg)
{
	struct entry *n = arg;

	(void)d;
	n->rested = true;
	if (code < 0)
		n->devices->rest_code = code;
	pvb_loop_defer(n->devices->c.loop, &n->devices->sweep);
}

static void changed(struct pvb_device *d, void *arg)
{
	struct entry *n = arg;

	(void)d;
	n->changed = true;
	if (n->kind->orphans)
		pvb_loop_defer(n->devices->c.loop, &n->devices->sweep);
}

static void say_failed(struct entry *n, const struct pvb_err *e)
{
	struct pvb_devices *s = n->devices;

	pvb_log(s->c.log, PVB_LOG_ERROR, "domain %u device %u: %s",
	        n->dev.front_domid, n->dev.number, e->text);
	pvb_blk_nodes_refuse(s->store, &n->dev, e->text);
}

static void begin(struct pvb_devices *s, struct entry *n)
{
	struct pvb_device_config c = {
		.log = s->c.log, .host = s->c.host, .dev = n->dev,
		.kind = n->kind, .kept = s->c.kept, .cpus = s->cpus,
		.spin_max_ns = s->c.spin_max_ns,
		.deaths_max = s->c.deaths_max, .watches = s->c.watches,
		.workers = s->c.workers, .prober = s->c.prober,
		.changed = changed, .rested = rested, .retired = retired,
		.arg = n,
	};
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_device_create(&c, &n->device, &e) < 0)
		say_failed(n, &e);
}

/* Closed for good and only waiting for the toolstack to remove it. */
static bool is_over(struct pvb_devices *s, const struct pvb_xsdev *dev)
{
	struct pvb_blk_nodes_state state;

	return pvb_blk_nodes_state(s->store, dev, &state) < 0 ||
	       (!state.online && state.back == PVB_XB_CLOSED);
}

/* One that could not begin was told so (Closed): now somebody has made it
   again. */
static bool is_made_again(const struct entry *n)
{
	struct pvb_blk_nodes_state state;

	return !n->device &&
	       pvb_blk_nodes_state(n->devices->store, &n->dev, &state) == 0 &&
	       state.back == PVB_XB_INITIALISING;
}

static void meet(struct pvb_devices *s, const struct pvb_kind *kind,
                 const struct pvb_xsdev *dev)
{
	struct entry *n = find(s, kind, dev);

	if (n && !s->done && is_made_again(n))
		begin(s, n);
	/* While all are drained, none is begun (anew). */
	if (!n && !s->done &&
	    pvb_kind_is_ours(kind, s->store, dev) == 1 && !is_over(s, dev)) {
		n = entry_add(s, kind, dev);
		if (n)
			begin(s, n);
	}
	if (n)
		n->seen = true;
}

/* ---- the end of a device ------------------------------------------------- */

/* Its front's directory is gone, and no toolstack knows of it: the domain has
   ended.  Nothing can come of it any more. */
static void look_for_orphan(struct entry *n)
{
	struct pvb_blk_nodes_state state;

	n->changed = false;
	if (!n->kind->orphans || n->orphan || n->retired || !n->device ||
	    pvb_blk_nodes_state(n->devices->store, &n->dev, &state) < 0 ||
	    (state.front_there && !state.front_hidden))
		return;
	n->orphan = true;
	pvb_device_stop(n->device, true);
}

/* Domain 0's toolstack removes what it has closed here; of what another domain
   serves it waits until that domain has.  One with a front has been made again
   since it was an orphan. */
static bool is_ours_to_remove(const struct entry *n)
{
	struct pvb_blk_nodes_state state;

	if (pvb_blk_nodes_state(n->devices->store, &n->dev, &state) < 0)
		return false;
	return n->orphan ? !state.front_there || state.front_hidden
	                 : n->devices->c.own_domid != 0 && !state.online;
}

static void bury(struct entry **at)
{
	struct entry *n = *at;
	struct pvb_devices *s = n->devices;
	const struct pvb_kind *kind = n->kind;
	struct pvb_xsdev dev = n->dev;
	int r = 0;

	if (is_ours_to_remove(n))
		r = pvb_blk_nodes_remove_back(n->devices->store, &n->dev);
	if (r < 0)
		pvb_log(n->devices->c.log, PVB_LOG_WARN,
		        "domain %u device %u: cannot remove its nodes: %s",
		        n->dev.front_domid, n->dev.number, strerror(-r));
	entry_end(at);
	/* A toolstack may have made it again meanwhile. */
	meet(s, kind, &dev);
}

static bool are_all_done(const struct pvb_devices *s)
{
	const struct entry *n = s->first;

	while (n && s->resting && (n->rested || !n->device))
		n = n->next;
	return !n;
}

static void sweep(struct pvb_loop_task *t)
{
	struct pvb_devices *s = pvb_container(t, struct pvb_devices, sweep);
	struct entry **at = &s->first;

	while (*at) {
		if ((*at)->changed)
			look_for_orphan(*at);
		if ((*at)->retired)
			bury(at);
		else
			at = &(*at)->next;
	}
	if (s->done && are_all_done(s))
		s->done(s->done_arg, s->rest_code);
}

/* ---- what is in the store ------------------------------------------------ */

/* Its directory was removed: nobody is left to tell anything. */
static void forget_unseen(struct pvb_devices *s, const struct pvb_kind *kind)
{
	struct entry **at = &s->first;

	while (*at) {
		if ((*at)->seen || (*at)->kind != kind) {
			at = &(*at)->next;
			continue;
		}
		pvb_log(s->c.log, PVB_LOG_INFO,
		        "domain %u device %u is gone from the store",
		        (*at)->dev.front_domid, (*at)->dev.number);
		entry_end(at);
	}
}

struct whose { struct pvb_devices *devices; const struct pvb_kind *kind; };

static bool is_served(void *arg, uint16_t front_domid, uint32_t number)
{
	const struct whose *w = arg;
	const struct pvb_xsdev dev = {
		.front_domid = front_domid, .number = number,
	};

	return find(w->devices, w->kind, &dev);
}

/* Of devices that were removed while nobody served them. */
static void sweep_kept(struct pvb_devices *s, const struct pvb_kind *kind)
{
	struct kind_watch *k = &s->watch[kind - pvb_kinds];
	struct whose whose = { s, kind };

	if (!k->swept)
		pvb_kept_sweep(s->c.kept, kind->name, is_served, &whose);
	k->swept = true;
}

static void scan(struct pvb_devices *s, const struct pvb_kind *kind)
{
	struct pvb_xsdev *devs = calloc(PVB_BLK_NODES_DEVICES_MAX,
	                                sizeof(*devs));
	int n = -ENOMEM;

	if (devs)
		n = pvb_blk_nodes_list(s->store, s->c.own_domid, kind->name,
		                       devs, PVB_BLK_NODES_DEVICES_MAX);
	if (n < 0) {
		pvb_log(s->c.log, PVB_LOG_ERROR,
		        "cannot list the devices: %s", strerror(-n));
		free(devs);
		return;
	}
	for (struct entry *e = s->first; e; e = e->next)
		e->seen = false;
	for (int i = 0; i < n && i < PVB_BLK_NODES_DEVICES_MAX; i++)
		meet(s, kind, &devs[i]);
	forget_unseen(s, kind);
	sweep_kept(s, kind);
	free(devs);
}

/* Something at or below backend/KIND changed.  What is inside one device's
   directory is the business of its control half, or of somebody else. */
static void kind_fired(struct pvb_watch *w, const char *path)
{
	struct kind_watch *k = pvb_container(w, struct kind_watch, watch);
	struct pvb_devices *s = k->devices;
	struct pvb_xsdev dev;
	const char *rest;

	if (!pvb_xsdev_parse_back(path, s->c.own_domid, &dev, &rest) || !*rest)
		scan(s, k->kind);
	else if (!find(s, k->kind, &dev))
		meet(s, k->kind, &dev);
}

static int watch_kind(struct pvb_devices *s, uint32_t i, struct pvb_err *e)
{
	struct kind_watch *k = &s->watch[i];
	char path[PVB_WATCH_PATH_MAX + 1];
	int r;

	k->devices = s;
	k->kind = &pvb_kinds[i];
	k->watch.fired = kind_fired;
	(void)snprintf(path, sizeof(path), "/local/domain/%u/backend/%s",
	               (unsigned int)s->c.own_domid, k->kind->name);
	r = pvb_watches_add(s->c.watches, &k->watch, path);
	if (r < 0)
		return pvb_err_set(e, r, "watch on %s: %s", path,
		                   strerror(-r));
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

int pvb_devices_create(const struct pvb_devices_config *c,
                       struct pvb_devices **out, struct pvb_err *e)
{
	struct pvb_devices *s = calloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = 0;

	if (!s)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	s->c = *c;
	s->store = pvb_watches_store(c->watches);
	s->cpus = cpus > 0 ? (uint32_t)cpus : 1;
	s->sweep.run = sweep;
	for (uint32_t i = 0; r == 0 && i < PVB_KINDS; i++)
		r = watch_kind(s, i, e);
	if (r < 0) {
		pvb_devices_destroy(s);
		return r;
	}
	*out = s;
	return 0;
}

void pvb_devices_destroy(struct pvb_devices *s)
{
	if (!s)
		return;
	while (s->first)
		entry_destroy(&s->first, pvb_device_destroy);
	pvb_loop_undefer(s->c.loop, &s->sweep);
	for (uint32_t i = 0; i < PVB_KINDS; i++)
		pvb_watches_remove(s->c.watches, &s->watch[i].watch);
	free(s);
}
