/* SPDX-License-Identifier: MIT */
/*
 * blkfront_disk.c - a lane: the data half on the caller's loop, or a fan of
 * several on threads, and the calls of a disk, handed through.  What the URI
 * says is blkfront_disk_probe.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "blkfront_disk.h"
#include "blkfront_disk_control.h"
#include "blkfront_disk_fan.h"
#include "blkfront_disk_probe.h"
#include "blkfront_io.h"
#include "hyp/mem.h"

enum {
	CLAIM_S       = 3,      /* for another front to let go, if it does */
	CLOSE_STEP_S  = 3,      /* for each answer of the back */
	CLOSE_STEPS   = 3,
	SLACK_S       = 15,     /* the store's own time-outs, and a busy host */
};

struct vbd_lane {
	struct pvb_disk disk;
	struct pvb_disk *inner;         /* the data half's, or the fan's */
	struct pvb_blkfront_io *io;     /* owned: one queue */
	struct vbd_fan *fan;            /* owned: several, instead */
	struct pvb_vbd_control *control;        /* owned */
	bool read_only, live, closing;
};

static struct vbd_lane *lane_of(struct pvb_disk *d)
{
	return pvb_container(d, struct vbd_lane, disk);
}

/* ---- what the data half says --------------------------------------------- */

static void copy_info(struct vbd_lane *v)
{
	/* The half checks requests against its own. */
	v->inner->info.read_only |= v->read_only;
	v->disk.info = v->inner->info;
}

static void inner_changed(struct pvb_disk *inner, void *arg, int gone)
{
	struct vbd_lane *v = arg;

	(void)inner;
	copy_info(v);
	if (v->disk.changed)
		v->disk.changed(&v->disk, v->disk.arg, gone);
}

static void live_changed(struct pvb_blkfront_io *io, bool live, int code,
                         void *arg)
{
	struct vbd_lane *v = arg;

	(void)io;
	v->live = live;
	if (live)
		copy_info(v);
	else if (!v->closing && v->disk.changed)
		v->disk.changed(&v->disk, v->disk.arg,
		                code < 0 ? code : -ESHUTDOWN);
}

/* ---- waiting ------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Serve the data half until it is live, or its control is gone.  0: one of
   both; -ETIMEDOUT. */
static int wait_until(struct vbd_lane *v, bool live, int64_t ms)
{
	int64_t end = now_ms() + ms;
	int r;

	if (v->fan) {
		r = vbd_fan_wait(v->fan, live, ms);
		v->live = vbd_fan_is_live(v->fan);
		if (v->live)
			copy_info(v);
		return r;
	}
	while (!(live && v->live)) {
		int64_t left = end - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (pvb_blkfront_io_serve(v->io, (int)left) == -EPIPE)
			return 0;
	}
	return 0;
}

/* In order if the back takes part, else without it, else without a word: but
   the thread ends. */
static void end_control(struct vbd_lane *v, struct pvb_err *e)
{
	int64_t ms = INT64_C(1000) * (CLOSE_STEP_S * CLOSE_STEPS + SLACK_S);

	v->closing = true;
	pvb_vbd_control_stop(v->control, false);
	if (wait_until(v, false, ms) < 0) {
		pvb_vbd_control_stop(v->control, true);
		if (wait_until(v, false, SLACK_S * INT64_C(1000)) < 0)
			pvb_vbd_control_abandon(v->control);
	}
	pvb_vbd_control_join(v->control, e);
}

/* ---- open and close ------------------------------------------------------ */

static uint64_t seconds_ns(uint32_t s)
{
	return s * UINT64_C(1000000000);
}

static int start_one(struct vbd_lane *v, struct pvb_loop *loop,
                     const struct pvb_log *log, const struct vbd_blob *b,
                     int *link_fd, struct pvb_err *e)
{
	const struct pvb_blkfront_io_config c = {
		.log = log, .bounce_always = b->bounce,
		.live = live_changed, .arg = v,
	};
	struct pvb_err ignored = PVB_ERR_INIT;
	struct pvb_mem *mem;
	int fds[2], r;

	e = e ? e : &ignored;
	mem = pvb_host_front_mem(&b->host, b->domid, e);
	if (!mem)
		return e->code;
	r = pvb_link_pair(fds);
	if (r < 0) {
		pvb_mem_close(mem);
		return pvb_err_set(e, r, "cannot make a link: %s",
		                   strerror(-r));
	}
	r = pvb_blkfront_io_create(loop, fds[0], mem, &c, &v->io, e);
	if (r < 0) {
		(void)close(fds[1]);
		return r;
	}
	*link_fd = fds[1];
	v->inner = pvb_blkfront_io_disk(v->io);
	return 0;
}

static int start_fan(struct vbd_lane *v, struct pvb_loop *loop,
                     const struct pvb_log *log, const struct vbd_blob *b,
                     int *link_fd, struct pvb_err *e)
{
	const struct vbd_fan_config c = {
		.log = log, .host = &b->host, .domid = b->domid,
		.queues_max = b->queues, .ring_order = b->ring_order,
		.bounce_always = b->bounce, .read_only = v->read_only,
	};
	int r = vbd_fan_create(loop, &c, &v->fan, link_fd, e);

	if (r == 0)
		v->inner = vbd_fan_disk(v->fan);
	return r;
}

static int more_queues(void *arg, uint32_t queue)
{
	struct vbd_lane *v = arg;

	return v->fan ? vbd_fan_more(v->fan, queue) : -EPIPE;
}

static uint32_t claim_s(const struct vbd_blob *b)
{
	return b->connect_timeout_s < CLAIM_S ? b->connect_timeout_s : CLAIM_S;
}

static int start_control(struct vbd_lane *v, const struct pvb_log *log,
                         const struct vbd_blob *b, int link_fd,
                         struct pvb_err *e)
{
	struct pvb_vbd_control_config c = {
		.log = log, .host = &b->host, .domid = b->domid,
		.number = b->number, .spin_max_ns = b->spin_max_ns,
		.claim_timeout_ns = seconds_ns(claim_s(b)),
		.connect_timeout_ns = seconds_ns(b->connect_timeout_s),
		.close_timeout_ns = seconds_ns(CLOSE_STEP_S),
		.request_timeout_ns = seconds_ns(b->timeout_s),
		.reconnect_timeout_ns = seconds_ns(b->reconnect_s),
		.more = more_queues, .arg = v,
	};

	pvb_blk_limits_front_default(&c.limits);
	c.limits.ring_order_max = b->ring_order;
	c.limits.indirect_max = b->indirect_max;
	c.limits.queues_max = b->queues;
	c.limits.segment_blocks = b->segment_blocks;
	c.limits.abi_given = true;
	c.limits.abi = (enum pvb_abi)b->abi;
	c.limits.units = (enum pvb_blk_units)b->units;
	return pvb_vbd_control_start(&c, link_fd, &v->control, e);
}

/* The pages come first: a domain lives while somebody holds them. */
static int start_halves(struct vbd_lane *v, struct pvb_loop *loop,
                        const struct pvb_log *log, const struct vbd_blob *b,
                        struct pvb_err *e)
{
	int link_fd = -1;
	int r = b->queues > 1 ? start_fan(v, loop, log, b, &link_fd, e)
	                      : start_one(v, loop, log, b, &link_fd, e);

	if (r < 0)
		return r;
	v->inner->changed = inner_changed;
	v->inner->arg = v;
	return start_control(v, log, b, link_fd, e);
}

static int connect_back(struct vbd_lane *v, const struct vbd_blob *b,
                        struct pvb_err *e)
{
	struct pvb_err why = PVB_ERR_INIT;
	int64_t ms = INT64_C(1000) * (claim_s(b) + b->connect_timeout_s +
	                              CLOSE_STEP_S * CLOSE_STEPS + SLACK_S);
	int r = wait_until(v, true, ms);

	if (v->live)
		return 0;
	end_control(v, &why);
	v->control = NULL;
	if (why.code < 0)
		return pvb_err_set(e, why.code, "%s", why.text);
	return pvb_err_set(e, r < 0 ? r : -EIO, "the backend does not answer");
}

static void end_data(struct vbd_lane *v)
{
	vbd_fan_destroy(v->fan);
	pvb_blkfront_io_destroy(v->io);
	free(v);
}

static int vbd_open(struct pvb_loop *loop, const struct pvb_log *log,
                    const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                    struct pvb_disk **lane, struct pvb_err *e)
{
	struct vbd_lane *v;
	struct vbd_blob b;
	int r;

	for (uint32_t i = 0; i < nfds; i++)
		(void)close(fds[i]);
	if (!vbd_blob_get(p, &b))
		return pvb_err_set(e, -EINVAL, "not what probe has told");
	v = calloc(1, sizeof(*v));
	if (!v)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	v->disk.ops = &pvb_disk_vbd;
	v->read_only = p->flags & PVB_DISK_READ_ONLY;
	r = start_halves(v, loop, log, &b, e);
	if (r == 0)
		r = connect_back(v, &b, e);
	if (r < 0) {
		end_data(v);
		return r;
	}
	*lane = &v->disk;
	return 0;
}

static void vbd_close(struct pvb_disk *d)
{
	struct vbd_lane *v = lane_of(d);

	end_control(v, NULL);
	end_data(v);
}

/* ---- requests ------------------------------------------------------------ */

static int vbd_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	return inner->ops->submit(inner, io);
}

static void vbd_kick(struct pvb_disk *d)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	inner->ops->kick(inner);
}

static void *vbd_buffer_get(struct pvb_disk *d, size_t bytes)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	return inner->ops->buffer_get ? inner->ops->buffer_get(inner, bytes)
	                              : NULL;
}

static void vbd_buffer_put(struct pvb_disk *d, void *buffer, size_t bytes)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	inner->ops->buffer_put(inner, buffer, bytes);
}

static const char *const options[] = {
	"host=xen|local:DIR      the machine that the domain is on",
	"timeout=S               the backend is lost if it does not answer a "
	"request for so long (30; 0 never)",
	"connect-timeout=S       wait so long for the backend (30)",
	"reconnect=S             wait so long for one that is lost, then fail "
	"(60; 0: at once)",
	"ring-order=N            at most 2^N pages for the ring (2)",
	"indirect=N              at most N segments in one request (32)",
	"segment-blocks=on|off   where there are no indirect requests (off)",
	"protocol=NAME           the layout of requests (this program's own)",
	"sector-units=spec|all|freebsd|mini-os  how the backend counts (spec)",
	"queues=N                at most N rings, a thread each (1)",
	"bounce=on|off           copy every buffer (off)",
	"poll=adaptive|always|never  how to wait for answers (adaptive)",
	NULL
};

const struct pvb_disk_ops pvb_disk_vbd = {
	.scheme = "vbd",
	.summary = "vbd:DOMAIN/VDEV  the frontend of a domain's block device "
	           "(on Xen vbd:VDEV)",
	.options = options,
	.probe = vbd_probe,
	.reopen = vbd_reopen,
	.reprobe = vbd_reprobe,
	.open = vbd_open,
	.close = vbd_close,
	.submit = vbd_submit,
	.kick = vbd_kick,
	.buffer_get = vbd_buffer_get,
	.buffer_put = vbd_buffer_put,
};
