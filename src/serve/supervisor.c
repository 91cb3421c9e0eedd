/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/log.h"
#include "bus/watches.h"
#include "control.h"
#include "device_deaths.h"
#include "device_medium.h"
#include "devices.h"
#include "handover.h"
#include "hyp/host.h"
#include "hyp/store.h"
#include "kept.h"
#include "prober.h"
#include "proto/vdev.h"
#include "sole.h"
#include "supervisor_store.h"
#include "workers.h"

struct pvb_supervisor {
	struct pvb_supervisor_config config;
	struct pvb_loop      *loop;
	struct pvb_store     *store;
	struct pvb_watches   *watches;
	struct pvb_kept       kept;
	struct pvb_workers   *workers;
	struct pvb_prober    *prober;
	struct pvb_devices   *devices;
	struct pvb_control   *control;
	struct pvb_store_return store_return;   /* once it is lost */
	struct pvb_handover  *handover; /* NULL: none is asked for */
	void                (*drained)(void *arg);
	void                 *drained_arg;
	int                   sole;             /* see sole.h */
};

/* ---- the control socket -------------------------------------------------- */

/* Every one of them, or an error: none drops out unseen. */
static json_t *all(struct pvb_supervisor *s,
                   json_t *(*one)(const struct pvb_device *d),
                   struct pvb_err *e)
{
	struct pvb_device *d = NULL;
	json_t *array = json_array();

	while ((d = pvb_devices_next(s->devices, d)) &&
	       json_array_append_new(array, one(d)) == 0)
		continue;
	if (array && !d)
		return array;
	json_decref(array);
	pvb_err_set(e, -ENOMEM, "out of memory");
	return NULL;
}

static struct pvb_device *asked_for(struct pvb_supervisor *s,
                                    const json_t *request, struct pvb_err *e)
{
	json_int_t domid = json_integer_value(json_object_get(request,
	                                                      "domain"));
	json_int_t number = json_integer_value(json_object_get(request,
	                                                       "number"));
	struct pvb_device *d = NULL;

	if (domid >= 0 && domid <= PVB_XS_DOMID_MAX && number >= 0 &&
	    number <= UINT32_MAX)
		d = pvb_devices_find(s->devices, (uint16_t)domid,
		                     (uint32_t)number);
	if (!d)
		pvb_err_set(e, -ENOENT, "no such device is served here");
	return d;
}

/* Whose error it is, in the words of the question. */
static void prefix_device(const json_t *request, struct pvb_err *e)
{
	json_int_t domid = json_integer_value(json_object_get(request,
	                                                      "domain"));
	json_int_t number = json_integer_value(json_object_get(request,
	                                                       "number"));
	char name[PVB_VDEV_NAME_MAX];
	struct pvb_vdev v;

	if (number >= 0 && number <= UINT32_MAX &&
	    pvb_vdev_from_number((uint32_t)number, &v) == PVB_VDEV_OK) {
		pvb_vdev_name(&v, name);
		pvb_err_prefix(e, "domain %lld device %s", (long long)domid,
		               name);
	} else {
		pvb_err_prefix(e, "domain %lld device %lld", (long long)domid,
		               (long long)number);
	}
}

static json_t *resize(struct pvb_supervisor *s, const json_t *request,
                      struct pvb_err *e)
{
	struct pvb_device *d = asked_for(s, request, e);

	if (d && pvb_device_resize(d, e) == 0)
		return pvb_device_list_json(d);
	prefix_device(request, e);
	return NULL;
}

/* A question whose answer takes its time. */
struct errand {
	struct pvb_supervisor   *supervisor;
	struct pvb_control_call *call;  /* NULL: there was no memory for it */
	json_t                  *request;       /* owned */
};

static void errand_end(void *arg, const struct pvb_err *e)
{
	struct errand *n = arg;
	struct pvb_err why = *e;
	struct pvb_device *d = NULL;

	if (why.code == 0)
		d = asked_for(n->supervisor, n->request, &why);
	if (!d)
		prefix_device(n->request, &why);
	if (n->call)
		pvb_control_answer(n->call, d ? pvb_device_list_json(d) : NULL,
		                   &why);
	json_decref(n->request);
	free(n);
}

static int begin_medium(struct pvb_device *d, const char *command,
                        struct errand *n, struct pvb_err *e)
{
	struct pvb_medium *m = pvb_device_medium(d);
	const char *disk = json_string_value(json_object_get(n->request,
	                                                     "disk"));

	if (strcmp(command, "eject") == 0)
		return pvb_medium_eject(m, errand_end, n, e);
	return pvb_medium_insert(m, disk ? disk : "", errand_end, n, e);
}

static struct errand *errand_new(struct pvb_supervisor *s,
                                 const json_t *request)
{
	struct errand *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->supervisor = s;
	n->request = json_deep_copy(request);
	return n;
}

/* Its answer comes later, unless it takes no time. */
static json_t *change_medium(struct pvb_supervisor *s, const char *command,
                             const json_t *request,
                             struct pvb_control_client *client,
                             struct pvb_err *e)
{
	struct pvb_device *d = asked_for(s, request, e);
	struct errand *n = d ? errand_new(s, request) : NULL;
	int r;

	if (!d) {
		prefix_device(request, e);
		return NULL;
	}
	r = n ? begin_medium(d, command, n, e)
	      : pvb_err_set(e, -ENOMEM, "out of memory");
	if (r == 0) {
		n->call = pvb_control_later(client);
		return NULL;
	}
	if (n)
		json_decref(n->request);
	free(n);
	if (r < 0)
		prefix_device(request, e);
	return r < 0 ? NULL : pvb_device_list_json(d);
}

/* Its answer comes when the new program may be executed. */
static json_t *upgrade(struct pvb_supervisor *s, const json_t *request,
                       struct pvb_control_client *client, struct pvb_err *e)
{
	const struct pvb_handover_config c = {
		.log = s->config.log, .loop = s->loop, .devices = s->devices,
		.execute = s->config.upgrade, .arg = s->config.arg,
	};

	if (s->handover)
		pvb_err_set(e, -EBUSY, "another upgrade is under way");
	else if (pvb_handover_begin(&c, request, &s->handover, e) == 0)
		pvb_handover_answer(s->handover, pvb_control_later(client));
	return NULL;
}

static json_t *handle(void *arg, const char *command, const json_t *request,
                      struct pvb_control_client *client, struct pvb_err *e)
{
	struct pvb_supervisor *s = arg;

	if (pvb_handover_is_over(s->handover)) {
		pvb_err_set(e, -EAGAIN, "another daemon takes over");
		return NULL;
	}
	if (strcmp(command, "list") == 0)
		return all(s, pvb_device_list_json, e);
	if (strcmp(command, "stat") == 0)
		return all(s, pvb_device_stat_json, e);
	if (strcmp(command, "resize") == 0)
		return resize(s, request, e);
	if (strcmp(command, "upgrade") == 0)
		return upgrade(s, request, client, e);
	if (strcmp(command, "insert") == 0 || strcmp(command, "eject") == 0)
		return change_medium(s, command, request, client, e);
	pvb_err_set(e, -EINVAL, "%.32s: unknown command", command);
	return NULL;
}

/* ---- life ---------------------------------------------------------------- */

static void store_tried(struct pvb_store_return *w, bool answers)
{
	struct pvb_supervisor *s =
		pvb_container(w, struct pvb_supervisor, store_return);

	if (answers)
		pvb_log(s->config.log, PVB_LOG_WARN, "the store is back: all "
		        "devices are looked at anew");
	s->config.tried(s->config.arg, answers);
}

static void store_lost(void *arg)
{
	struct pvb_supervisor *s = arg;

	pvb_log(s->config.log, PVB_LOG_ERROR, "the store is gone: guests are "
	        "served on, but nothing can come or go until it is back");
	s->config.lost(s->config.arg);
	s->store_return = (struct pvb_store_return){
		.loop = s->loop, .host = *s->config.host, .tried = store_tried,
	};
	pvb_store_return_begin(&s->store_return);
}

static int open_devices(struct pvb_supervisor *s, struct pvb_err *e)
{
	struct pvb_devices_config c = {
		.log = s->config.log, .host = s->config.host,
		.spin_max_ns = s->config.spin_max_ns,
		.deaths_max = s->config.deaths_max ? s->config.deaths_max
		                                   : PVB_DEATHS_DEFAULT,
		.loop = s->loop, .kept = &s->kept,
		.watches = s->watches, .workers = s->workers,
		.prober = s->prober,
	};
	int r = pvb_host_own_domid(s->config.host, s->store, &c.own_domid, e);

	return r < 0 ? r : pvb_devices_create(&c, &s->devices, e);
}

/* One that cannot keep anything can serve. */
static void open_kept(struct pvb_supervisor *s)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_kept_open(&s->kept, s->config.host, &e) < 0)
		pvb_log(s->config.log, PVB_LOG_WARN,
		        "nothing can be kept beyond this daemon's end: %s",
		        e.text);
}

static int open_all(struct pvb_supervisor *s, struct pvb_err *e)
{
	int r = pvb_host_check_back(s->config.host, e);

	if (r < 0)
		return r;
	s->store = pvb_host_store(s->config.host, 0, e);
	if (!s->store)
		return -EIO;
	s->sole = pvb_sole_take(s->config.host, e);
	if (s->sole < 0)
		return s->sole;
	s->watches = pvb_watches_create(s->loop, s->store, store_lost, s, e);
	if (!s->watches)
		return -EIO;
	s->prober = pvb_prober_create(s->loop);
	if (!s->prober)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	open_kept(s);
	r = pvb_workers_create(s->loop, s->config.log, s->config.host,
	                       s->config.program, &s->workers, e);
	if (r == 0)
		r = pvb_control_create(s->loop, s->config.control_path, handle,
		                       s, &s->control, e);
	return r < 0 ? r : open_devices(s, e);
}

struct pvb_supervisor *pvb_supervisor_create(
	const struct pvb_supervisor_config *c, struct pvb_loop *loop,
	struct pvb_err *e)
{
	struct pvb_supervisor *s = calloc(1, sizeof(*s));

	if (!s) {
		pvb_err_set(e, -ENOMEM, "out of memory");
		return NULL;
	}
	s->config = *c;
	s->loop = loop;
	s->sole = s->kept.dir = -1;
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
	pvb_store_return_end(&s->store_return);
	pvb_handover_destroy(s->handover);
	pvb_control_destroy(s->control);
	pvb_devices_destroy(s->devices);
	pvb_workers_destroy(s->workers);
	pvb_prober_destroy(s->prober);
	pvb_watches_destroy(s->watches);
	pvb_kept_close(&s->kept);
	pvb_store_close(s->store);
	pvb_sole_drop(s->config.host, s->sole);
	free(s);
}

void pvb_supervisor_set(struct pvb_supervisor *s,
                        const struct pvb_supervisor_settings *settings)
{
	pvb_devices_set(s->devices, settings->spin_max_ns,
	                settings->deaths_max);
}

static void drained(void *arg, int code)
{
	struct pvb_supervisor *s = arg;

	(void)code;
	s->drained(s->drained_arg);
}

void pvb_supervisor_drain(struct pvb_supervisor *s, void (*done)(void *arg),
                          void *arg)
{
	s->drained = done;
	s->drained_arg = arg;
	pvb_devices_drain(s->devices, drained, s);
}
