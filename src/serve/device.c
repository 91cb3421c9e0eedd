/* SPDX-License-Identifier: MIT */
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk/blk_nodes.h"
#include "bus/watches.h"
#include "device_json.h"
#include "device_kinds.h"
#include "device_medium.h"
#include "device_worker.h"
#include "hyp/host.h"
#include "hyp/mem.h"

struct pvb_device {
	struct pvb_device_config  config;
	struct pvb_blk_options    options;
	struct pvb_blkback_ctl   *ctl;
	struct pvb_medium        *medium;
	struct pvb_device_worker  worker;
	char                      params[PVB_BLK_NODES_URI_MAX + 1];
	char                      uri[PVB_BLK_NODES_URI_MAX + 1];
};

/* ---- what the control half asks for -------------------------------------- */

static const char kernel_has_it[] =
	"a driver of this kernel serves it (unload xen-blkback and keep it "
	"from being loaded, or attach the disk with 'pvb attach')";

/* A driver may have come since we began. */
static int data_half(void *arg, uint32_t queue)
{
	struct pvb_device *d = arg;

	if (pvb_kind_is_kernels(d->config.kind, &d->config.dev)) {
		pvb_log(d->config.log, PVB_LOG_ERROR,
		        "domain %u device %u: %s", d->config.dev.front_domid,
		        d->config.dev.number, kernel_has_it);
		return -EBUSY;
	}
	return pvb_device_worker_queue(&d->worker, queue);
}

static int mem_end(void *arg)
{
	struct pvb_device *d = arg;
	struct pvb_err e = PVB_ERR_INIT;
	int fd = pvb_mem_local_limited(d->config.host->dir,
	                               d->config.dev.back_domid,
	                               d->config.dev.front_domid, &e);

	if (fd < 0)
		pvb_log(d->config.log, PVB_LOG_ERROR,
		        "domain %u: no end for its grants: %s",
		        d->config.dev.front_domid, e.text);
	return fd;
}

static int counters(void *arg, uint32_t queue)
{
	struct pvb_device *d = arg;

	return pvb_device_worker_counters(&d->worker, queue);
}

static int journal(void *arg, uint32_t queue, size_t bytes)
{
	struct pvb_device *d = arg;

	return pvb_device_worker_journal(&d->worker, queue, bytes);
}

static int left(void *arg, uint32_t queues, int *fds)
{
	struct pvb_device *d = arg;

	return pvb_device_worker_left(&d->worker, queues, fds);
}

static void forget(void *arg)
{
	struct pvb_device *d = arg;

	pvb_device_worker_forget(&d->worker);
}

static void bury(struct pvb_blkback_ctl *ctl, void *arg)
{
	struct pvb_device *d = arg;

	pvb_device_worker_bury(&d->worker, ctl);
}

static bool alone(void *arg)
{
	const struct pvb_device *d = arg;

	return pvb_seat_is_alone(&d->worker.seat);
}

static void changed(struct pvb_blkback_ctl *ctl, void *arg)
{
	struct pvb_device *d = arg;

	(void)ctl;
	d->config.changed(d, d->config.arg);
}

static void rested(struct pvb_blkback_ctl *ctl, bool connected, void *arg)
{
	struct pvb_device *d = arg;
	int r = connected ? pvb_device_worker_rest(&d->worker) : 0;

	(void)ctl;
	d->config.rested(d, r, d->config.arg);
}

static void medium(struct pvb_blkback_ctl *ctl, const struct pvb_err *e,
                   void *arg)
{
	struct pvb_device *d = arg;

	(void)ctl;
	pvb_medium_changed(d->medium, e);
}

static void retired(struct pvb_blkback_ctl *ctl, void *arg)
{
	struct pvb_device *d = arg;

	(void)ctl;
	d->config.retired(d, d->config.arg);
}

/* ---- life ---------------------------------------------------------------- */

static uint32_t disk_flags(const uint32_t *value)
{
	uint32_t flags = 0;

	/* A CD-ROM is read-only whatever its mode says. */
	if (value[PVB_BLK_OPT_READ_ONLY] || value[PVB_BLK_OPT_CDROM])
		flags |= PVB_DISK_READ_ONLY;
	if (value[PVB_BLK_OPT_SHARED])
		flags |= PVB_DISK_SHARED;
	return flags;
}

static int start_medium(struct pvb_device *d, struct pvb_err *e)
{
	const uint32_t *value = d->options.value;
	struct pvb_medium_config c = {
		.log = d->config.log, .dev = &d->config.dev,
		.kind = d->config.kind, .watches = d->config.watches,
		.prober = d->config.prober, .ctl = d->ctl,
		.flags = disk_flags(value),
		.drive = value[PVB_BLK_OPT_CDROM] || value[PVB_BLK_OPT_FLOPPY],
		.name = &d->uri,
	};

	return pvb_medium_create(&c, d->params, &d->medium, e);
}

/* The same for whoever serves this device of this host, now and later. */
static uint64_t fence_of(const struct pvb_device *d)
{
	const struct pvb_xsdev *dev = &d->config.dev;
	struct stat st = { .st_dev = 0 };
	uint64_t words[5], hash = UINT64_C(0xcbf29ce484222325);

	(void)stat(pvb_host_run_dir(d->config.host), &st);
	words[0] = st.st_dev;
	words[1] = st.st_ino;
	words[2] = dev->back_domid;
	words[3] = dev->front_domid;
	words[4] = dev->number;
	for (size_t i = 0; i < sizeof(words); i++)
		hash = (hash ^ ((const unsigned char *)words)[i]) *
		       UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

static int start_control(struct pvb_device *d, struct pvb_err *e)
{
	struct pvb_blkback_ctl_config c = {
		.log = d->config.log, .dev = d->config.dev,
		.disk_name = d->uri, .options = d->options,
		.mem_kind = d->config.host->xen ? PVB_BLK_MEM_XEN
		                                : PVB_BLK_MEM_LOCAL,
		.spin_max_ns = d->config.spin_max_ns,
		.data_half = data_half, .mem_end = mem_end,
		.counters = counters, .journal = journal, .left = left,
		.forget = forget, .bury = bury, .alone = alone,
		.fence = fence_of(d), .changed = changed,
		.medium = medium, .rested = rested, .retired = retired,
		.arg = d,
	};
	int r = pvb_blkback_ctl_create(d->config.watches, &c, &d->ctl, e);

	return r < 0 ? r : pvb_blkback_ctl_start(d->ctl, e);
}

static int read_nodes(struct pvb_device *d, struct pvb_err *e)
{
	const struct pvb_device_config *c = &d->config;

	if (pvb_kind_is_kernels(c->kind, &c->dev))
		return pvb_err_set(e, -EBUSY, "%s", kernel_has_it);
	pvb_blk_options_init(&d->options, c->cpus);
	return pvb_blk_nodes_read(pvb_watches_store(c->watches), &c->dev,
	                          d->params, &d->options, e);
}

static void start_worker(struct pvb_device *d)
{
	const struct pvb_device_worker_config c = {
		.log = d->config.log,
		.loop = pvb_watches_loop(d->config.watches),
		.workers = d->config.workers, .kept = d->config.kept,
		.dev = d->config.dev,
		.deaths_max = d->config.deaths_max,
	};

	pvb_device_worker_init(&d->worker, &c);
}

int pvb_device_create(const struct pvb_device_config *c,
                      struct pvb_device **out, struct pvb_err *e)
{
	struct pvb_device *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	d->config = *c;
	start_worker(d);
	r = read_nodes(d, e);
	if (r == 0)
		r = start_control(d, e);
	if (r == 0)
		r = start_medium(d, e);
	if (r < 0) {
		pvb_device_destroy(d);
		return r;
	}
	*out = d;
	return 0;
}

void pvb_device_destroy(struct pvb_device *d)
{
	if (!d)
		return;
	pvb_medium_destroy(d->medium);
	pvb_blkback_ctl_destroy(d->ctl);
	pvb_device_worker_fini(&d->worker);
	free(d);
}

void pvb_device_end(struct pvb_device *d)
{
	if (d)
		pvb_device_worker_end(&d->worker);
	pvb_device_destroy(d);
}

const struct pvb_xsdev *pvb_device_dev(const struct pvb_device *d)
{
	return &d->config.dev;
}

void pvb_device_stop(struct pvb_device *d, bool force)
{
	pvb_blkback_ctl_stop(d->ctl, force);
}

void pvb_device_set(struct pvb_device *d, uint64_t spin_max_ns,
                    uint32_t deaths_max)
{
	d->worker.c.deaths_max = deaths_max;
	pvb_blkback_ctl_set_spin(d->ctl, spin_max_ns);
}

void pvb_device_rest(struct pvb_device *d)
{
	pvb_blkback_ctl_rest(d->ctl);
}

int pvb_device_resize(struct pvb_device *d, struct pvb_err *e)
{
	return pvb_blkback_ctl_resize(d->ctl, e);
}

struct pvb_medium *pvb_device_medium(struct pvb_device *d)
{
	return d->medium;
}

/* ---- how it is shown ----------------------------------------------------- */

static json_t *list_json(const struct pvb_device *d,
                         const struct pvb_blkback_status *s,
                         const struct pvb_counts *sum)
{
	uint64_t now = pvb_loop_now_ns(pvb_watches_loop(d->config.watches));
	json_t *o = pvb_device_json(&d->config.dev,
		pvb_blk_options_type(&d->options), d->uri, s,
		pvb_seat_pid(&d->worker.seat));

	if (o && pvb_disk_json(o, s, sum, now) < 0) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

static void get_status(const struct pvb_device *d, struct pvb_blkback_status *s)
{
	pvb_blkback_ctl_status(d->ctl, s);
	if (!s->waits && pvb_watches_is_lost(d->config.watches))
		s->waits = "for the store";
}

json_t *pvb_device_list_json(const struct pvb_device *d)
{
	struct pvb_blkback_status s;
	struct pvb_counts sum;

	get_status(d, &s);
	pvb_device_worker_sum(&d->worker, &sum);
	return list_json(d, &s, &sum);
}

/* Those of requests and rings the data halves have counted. */
static void add_refused_connections(const struct pvb_blkback_status *s,
                                    struct pvb_counts *sum)
{
	for (uint32_t i = 0; i < PVB_WHY_COUNT; i++)
		if (pvb_why_scope((enum pvb_why)i) == PVB_WHY_OF_CONNECTION)
			sum->refused[i] += s->refused[i];
}

json_t *pvb_device_stat_json(const struct pvb_device *d)
{
	struct pvb_blkback_status s;
	struct pvb_counts sum;
	json_t *o;

	get_status(d, &s);
	pvb_device_worker_sum(&d->worker, &sum);
	add_refused_connections(&s, &sum);
	o = list_json(d, &s, &sum);
	if (o && pvb_counts_json(o, &sum) < 0) {
		json_decref(o);
		o = NULL;
	}
	return o;
}
