/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk/blk_nodes.h"
#include "bus/watches.h"
#include "control.h"
#include "device.h"
#include "hyp/store.h"
#include "proto/vdev.h"
#include "prober.h"
#include "workers.h"

#define KIND "pvb"

struct entry {                          /* one device that is served */
	struct entry          *next;
	struct pvb_supervisor *supervisor;
	struct pvb_device     *device;  /* NULL: could not begin; not tried
	                                   again */
	struct pvb_xsdev       dev;
	bool                   seen;    /* by the scan that is running */
	bool                   retired;
};

struct pvb_supervisor {
	struct pvb_supervisor_config config;
	struct pvb_loop      *loop;
	struct pvb_store     *store;
	struct pvb_watches   *watches;
	struct pvb_watch      kind_watch;
	struct pvb_workers   *workers;
	struct pvb_prober    *prober;
	struct pvb_control   *control;
	struct pvb_loop_task  sweep;    /* destroys what has retired */
	struct entry         *first;
	uint32_t              cpus;
	void                (*drained)(void *arg);
	void                 *drained_arg;
};

/* ---- the table of devices ------------------------------------------------ */

static struct entry *find(struct pvb_supervisor *s, uint16_t front_domid,
                          uint32_t number)
{
	struct entry *n = s->first;

	while (n && (n->dev.front_domid != front_domid ||
	             n->dev.number != number))
		n = n->next;
	return n;
}

static void retired(struct pvb_device *d, void *arg)
{
	struct entry *n = arg;

	(void)d;
	n->retired = true;
	pvb_loop_defer(n->supervisor->loop, &n->supervisor->sweep);
}

static void entry_destroy(struct entry **at)
{
	struct entry *n = *at;

	*at = n->next;
	pvb_device_destroy(n->device);
	free(n);
}

static void sweep(struct pvb_loop_task *t)
{
	struct pvb_supervisor *s = pvb_container(t, struct pvb_supervisor,
	                                         sweep);
	struct entry **at = &s->first;

	while (*at) {
		if ((*at)->retired)
			entry_destroy(at);
		else
			at = &(*at)->next;
	}
	if (s->drained && !s->first)
		s->drained(s->drained_arg);
}

static struct entry *entry_add(struct pvb_supervisor *s,
                               const struct pvb_xsdev *dev)
{
	struct entry *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->supervisor = s;
	n->dev = *dev;
	n->next = s->first;
	s->first = n;
	return n;
}

static void begin(struct pvb_supervisor *s, struct entry *n)
{
	struct pvb_device_config c = {
		.log = s->config.log, .dev = n->dev,
		.machine_dir = s->config.machine_dir, .cpus = s->cpus,
		.spin_max_ns = s->config.spin_max_ns, .watches = s->watches,
		.workers = s->workers, .prober = s->prober,
		.retired = retired, .arg = n,
	};
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_device_create(&c, &n->device, &e) < 0)
		pvb_log(s->config.log, PVB_LOG_ERROR,
		        "domain %u device %u: %s", n->dev.front_domid,
		        n->dev.number, e.text);
}

/* Closed for good and only waiting for the toolstack to remove it. */
static bool is_over(struct pvb_supervisor *s, const struct pvb_xsdev *dev)
{
	struct pvb_blk_nodes_state state;

	return pvb_blk_nodes_state(s->store, dev, &state) < 0 ||
	       (!state.online && state.back == PVB_XB_CLOSED);
}

/* ---- what is in the store ------------------------------------------------ */

static void mark_all(struct pvb_supervisor *s, bool seen)
{
	for (struct entry *n = s->first; n; n = n->next)
		n->seen = seen;
}

static void meet(struct pvb_supervisor *s, const struct pvb_xsdev *dev)
{
	struct entry *n = find(s, dev->front_domid, dev->number);

	if (!n && !is_over(s, dev)) {
		n = entry_add(s, dev);
		if (n)
			begin(s, n);
	}
	if (n)
		n->seen = true;
}

/* Its directory was removed: nobody is left to tell anything. */
static void forget_unseen(struct pvb_supervisor *s)
{
	struct entry **at = &s->first;

	while (*at) {
		if ((*at)->seen) {
			at = &(*at)->next;
			continue;
		}
		pvb_log(s->config.log, PVB_LOG_INFO,
		        "domain %u device %u is gone from the store",
		        (*at)->dev.front_domid, (*at)->dev.number);
		entry_destroy(at);
	}
}

static void scan(struct pvb_supervisor *s)
{
	struct pvb_xsdev *devs = calloc(PVB_BLK_NODES_DEVICES_MAX,
	                                sizeof(*devs));
	int n = -ENOMEM;

	if (devs)
		n = pvb_blk_nodes_list(s->store, 0, KIND, devs,
		                       PVB_BLK_NODES_DEVICES_MAX);
	if (n < 0) {
		pvb_log(s->config.log, PVB_LOG_ERROR,
		        "cannot list the devices: %s", strerror(-n));
		free(devs);
		return;
	}
	mark_all(s, false);
	for (int i = 0; i < n && i < PVB_BLK_NODES_DEVICES_MAX; i++)
		meet(s, &devs[i]);
	forget_unseen(s);
	free(devs);
}

/* Something at or below backend/pvb changed.  What is inside one known
   device's directory is its control half's business. */
static void kind_fired(struct pvb_watch *w, const char *path)
{
	struct pvb_supervisor *s = pvb_container(w, struct pvb_supervisor,
	                                         kind_watch);
	struct pvb_xsdev dev;
	const char *rest;

	if (pvb_xsdev_parse_back(path, 0, &dev, &rest) && *rest &&
	    find(s, dev.front_domid, dev.number))
		return;
	scan(s);
}

/* ---- the control socket -------------------------------------------------- */

static json_t *all(struct pvb_supervisor *s,
                   json_t *(*one)(const struct pvb_device *d))
{
	json_t *array = json_array();

	for (struct entry *n = s->first; n; n = n->next)
		if (n->device)
			json_array_append_new(array, one(n->device));
	return array;
}

static struct entry *asked_for(struct pvb_supervisor *s,
                               const json_t *request, struct pvb_err *e)
{
	json_int_t domid = json_integer_value(json_object_get(request,
	                                                      "domain"));
	json_int_t number = json_integer_value(json_object_get(request,
	                                                       "number"));
	struct entry *n = NULL;

	if (domid >= 0 && domid <= PVB_XS_DOMID_MAX && number >= 0 &&
	    number <= UINT32_MAX)
		n = find(s, (uint16_t)domid, (uint32_t)number);
	if (!n || !n->device) {
		pvb_err_set(e, -ENOENT, "no such device is served here");
		return NULL;
	}
	return n;
}

static json_t *resize(struct pvb_supervisor *s, const json_t *request,
                      struct pvb_err *e)
{
	struct entry *n = asked_for(s, request, e);

	if (!n || pvb_device_resize(n->device, e) < 0)
		return NULL;
	return pvb_device_list_json(n->device);
}

static json_t *handle(void *arg, const char *command, const json_t *request,
                      struct pvb_err *e)
{
	struct pvb_supervisor *s = arg;

	if (strcmp(command, "list") == 0)
		return all(s, pvb_device_list_json);
	if (strcmp(command, "stat") == 0)
		return all(s, pvb_device_stat_json);
	if (strcmp(command, "resize") == 0)
		return resize(s, request, e);
	pvb_err_set(e, -EINVAL, "%.32s: unknown command", command);
	return NULL;
}

/* ---- life ---------------------------------------------------------------- */

static void store_lost(void *arg)
{
	struct pvb_supervisor *s = arg;

	pvb_log(s->config.log, PVB_LOG_ERROR, "the store is gone");
	s->config.lost(s->config.arg);
}

static int open_all(struct pvb_supervisor *s, struct pvb_err *e)
{
	char path[PVB_WATCH_PATH_MAX + 1];
	int r;

	s->store = pvb_store_open_local(s->config.machine_dir, 0, false, e);
	if (!s->store)
		return -EIO;
	s->watches = pvb_watches_create(s->loop, s->store, store_lost, s, e);
	if (!s->watches)
		return -EIO;
	s->prober = pvb_prober_create(s->loop);
	if (!s->prober)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	r = pvb_workers_create(s->loop, s->config.log, s->config.program,
	                       &s->workers, e);
	if (r < 0)
		return r;
	r = pvb_control_create(s->loop, s->config.control_path, handle, s,
	                       &s->control, e);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/local/domain/0/backend/%s", KIND);
	s->kind_watch.fired = kind_fired;
	r = pvb_watches_add(s->watches, &s->kind_watch, path);
	if (r < 0)
		return pvb_err_set(e, r, "watch on %s: %s", path, strerror(-r));
	return 0;
}

struct pvb_supervisor *pvb_supervisor_create(
	const struct pvb_supervisor_config *c, struct pvb_loop *loop,
	struct pvb_err *e)
{
	struct pvb_supervisor *s = calloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!s) {
		pvb_err_set(e, -ENOMEM, "out of memory");
		return NULL;
	}
	s->config = *c;
	s->loop = loop;
	s->cpus = cpus > 0 ? (uint32_t)cpus : 1;
	s->sweep.run = sweep;
	if (open_all(s, e) < 0) {
		pvb_supervisor_destroy(s);
		return NULL;
	}
	return s;
}

void pvb_supervisor_destroy(struct pvb_supervisor *s)
{
	if (!s)
		return;
	pvb_control_destroy(s->control);
	while (s->first)
		entry_destroy(&s->first);
	pvb_loop_undefer(s->loop, &s->sweep);
	if (s->watches)
		pvb_watches_remove(s->watches, &s->kind_watch);
	pvb_workers_destroy(s->workers);
	pvb_prober_destroy(s->prober);
	pvb_watches_destroy(s->watches);
	pvb_store_close(s->store);
	free(s);
}

void pvb_supervisor_drain(struct pvb_supervisor *s, void (*done)(void *arg),
                          void *arg)
{
	s->drained = done;
	s->drained_arg = arg;
	for (struct entry *n = s->first; n; n = n->next) {
		if (n->device)
			pvb_device_stop(n->device, false);
		else
			n->retired = true;
	}
	pvb_loop_defer(s->loop, &s->sweep);
}
