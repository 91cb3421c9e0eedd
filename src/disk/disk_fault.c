/* SPDX-License-Identifier: MIT */
/*
 * disk_fault.c - fault:URI?..., a disk that does wrong by rule.
 *
 * Each request is copied into one of our own, which the disk below gets; so
 * its answer comes here first, and may be changed, kept or shuffled.  A
 * request that is to fail never reaches the disk below.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/pool.h"

#include "disk.h"
#include "disk_fault.h"
#include "outbox.h"

enum { FAULT_DEPTH = 256, INNER_BLOB_MAX = 96, NS_PER_MS = 1000000 };

/* What may stand below: no fault on a fault. */
static const struct pvb_disk_ops *const below[] = {
	&pvb_disk_file, &pvb_disk_mem, &pvb_disk_null, &pvb_disk_record, NULL
};

struct fault_blob {
	struct fault_plan plan;
	char     scheme[16];
	uint32_t inner_bytes;
	unsigned char inner[INNER_BLOB_MAX];
};
static_assert(sizeof(struct fault_blob) <= PVB_DISK_BLOB_MAX,
              "a plan fits in the probe");

struct fault_lane {
	struct pvb_disk disk;
	struct pvb_disk *inner;         /* owned */
	struct pvb_loop *loop;
	struct pvb_outbox outbox;
	struct pvb_pool pool;           /* of struct fault_request */
	struct fault_plan plan;
	struct fault_count count[FAULT_RULES_MAX];
	uint32_t accepted, below;       /* so far; in flight below */
	uint64_t random;
	struct fault_request *held[FAULT_REORDER_MAX];
	uint32_t held_count;
	bool dead;
	struct pvb_loop_task gone;      /* tells the owner of the death */
	struct pvb_loop_timer life;
};

struct fault_request {
	struct pvb_io inner;
	struct pvb_io *outer;
	struct fault_lane *lane;
	struct pvb_loop_timer late;
	uint32_t delay_ms;
	int result;
};

/* ---- control -------------------------------------------------------- */

/* The probe of the disk below, which is packed into ours.  Borrows its fds. */
static const struct pvb_disk_ops *unpack(const struct pvb_disk_probe *p,
                                         struct fault_blob *blob,
                                         struct pvb_disk_probe *inner)
{
	const struct pvb_disk_ops *ops;

	assert(p->blob_bytes == sizeof(*blob));
	memcpy(blob, p->blob, sizeof(*blob));
	*inner = *p;
	memcpy(inner->scheme, blob->scheme, sizeof(inner->scheme));
	memcpy(inner->blob, blob->inner, sizeof(blob->inner));
	inner->blob_bytes = blob->inner_bytes;
	ops = pvb_disk_find(below, inner->scheme);
	assert(ops && blob->plan.version == FAULT_VERSION);
	return ops;
}

static void wait_ms(uint32_t ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * NS_PER_MS };

	(void)nanosleep(&t, NULL);
}

static int fault_probe(struct pvb_uri *uri, uint32_t flags,
                       struct pvb_disk_probe *out, struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	struct fault_blob blob = { .scheme = "" };
	struct pvb_disk_probe inner;
	int r = fault_plan_parse(uri, &blob.plan, e);

	/* Who probes must expect to wait. */
	if (r == 0 && blob.plan.open_ms)
		wait_ms(blob.plan.open_ms);
	if (r == 0)
		r = pvb_disk_probe(below, uri->body, flags, &inner, &ops, e);
	if (r < 0)
		return r;
	assert(inner.blob_bytes <= INNER_BLOB_MAX);
	memcpy(blob.scheme, inner.scheme, sizeof(blob.scheme));
	memcpy(blob.inner, inner.blob, inner.blob_bytes);
	blob.inner_bytes = inner.blob_bytes;
	memcpy(out->fds, inner.fds, sizeof(out->fds));
	out->nfds = inner.nfds;
	out->fleeting = inner.fleeting;
	out->info = inner.info;
	if (out->info.depth_max > FAULT_DEPTH)
		out->info.depth_max = FAULT_DEPTH;
	out->blob_bytes = sizeof(blob);
	memcpy(out->blob, &blob, sizeof(blob));
	return 0;
}

static int fault_reopen(const struct pvb_disk_probe *p,
                        int fds[PVB_DISK_FDS_MAX], struct pvb_err *e)
{
	struct pvb_disk_probe inner;
	struct fault_blob blob;

	return unpack(p, &blob, &inner)->reopen(&inner, fds, e);
}

static int fault_reprobe(struct pvb_disk_probe *p, struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe inner;
	struct fault_blob blob;
	int r = 0;

	ops = unpack(p, &blob, &inner);
	if (ops->reprobe)
		r = ops->reprobe(&inner, e);
	if (r == 0)
		p->info.size_bytes = inner.info.size_bytes;
	return r;
}

static int fault_fenced(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe inner;
	struct fault_blob blob;

	ops = unpack(p, &blob, &inner);
	return ops->fenced ? ops->fenced(&inner, e) : 1;
}

/* ---- answering ------------------------------------------------------ */

static void answer(struct fault_request *q)
{
	struct fault_lane *f = q->lane;
	struct pvb_io *outer = q->outer;
	int result = q->result;

	pvb_pool_put(&f->pool, q);
	pvb_outbox_put(&f->outbox, outer, result);
}

/* Below `n`.  xorshift64: the same order for the same seed, everywhere. */
static uint32_t random_below(struct fault_lane *f, uint32_t n)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (uint32_t)(f->random >> 32) % n;
}

static void answer_held_shuffled(struct fault_lane *f)
{
	while (f->held_count > 0) {
		uint32_t i = random_below(f, f->held_count);
		struct fault_request *q = f->held[i];

		f->held[i] = f->held[--f->held_count];
		answer(q);
	}
}

/* With a window, a request is held until the window is full, or nothing more
   can come to fill it. */
static void finish(struct fault_request *q)
{
	struct fault_lane *f = q->lane;

	if (f->plan.reorder == 0) {
		answer(q);
		return;
	}
	f->held[f->held_count++] = q;
	if (f->held_count == f->plan.reorder || f->below == 0)
		answer_held_shuffled(f);
}

static void late_enough(struct pvb_loop_timer *t)
{
	finish(pvb_container(t, struct fault_request, late));
}

static void finish_after_delay(struct fault_request *q)
{
	struct fault_lane *f = q->lane;

	if (q->delay_ms == 0) {
		finish(q);
		return;
	}
	q->late.fired = late_enough;
	pvb_loop_arm(f->loop, &q->late, pvb_loop_now_ns(f->loop) +
	             (uint64_t)q->delay_ms * NS_PER_MS);
	/* What is held must not wait for one that takes its time. */
	if (f->below == 0)
		answer_held_shuffled(f);
}

static void inner_done(struct pvb_io *io, int result)
{
	struct fault_request *q = pvb_container(io, struct fault_request,
	                                        inner);

	q->lane->below--;
	q->result = result;
	finish_after_delay(q);
}

/* ---- dying ---------------------------------------------------------- */

static void say_gone(struct pvb_loop_task *t)
{
	struct fault_lane *f = pvb_container(t, struct fault_lane, gone);

	if (f->disk.changed)
		f->disk.changed(&f->disk, f->disk.arg, -ESHUTDOWN);
}

static void die(struct fault_lane *f)
{
	if (f->dead)
		return;
	f->dead = true;
	pvb_loop_defer(f->loop, &f->gone);
}

static void life_is_over(struct pvb_loop_timer *t)
{
	die(pvb_container(t, struct fault_lane, life));
}

static void inner_changed(struct pvb_disk *inner, void *arg, int gone)
{
	struct fault_lane *f = arg;
	uint32_t depth = f->disk.info.depth_max;        /* our pool's */

	f->disk.info = inner->info;
	f->disk.info.depth_max = depth;
	if (f->disk.changed)
		f->disk.changed(&f->disk, f->disk.arg, gone);
}

/* ---- a request ------------------------------------------------------ */

static void pass_on(struct fault_request *q, const struct pvb_io *outer)
{
	int r;

	q->inner = (struct pvb_io){
		.op = outer->op,
		.flags = outer->flags,
		.offset_bytes = outer->offset_bytes,
		.length_bytes = outer->length_bytes,
		.iov = outer->iov,
		.iovcnt = outer->iovcnt,
		.done = inner_done,
	};
	q->lane->below++;
	r = q->lane->inner->ops->submit(q->lane->inner, &q->inner);
	/* We take no more than its depth_max, and what we hold back is not
	   its any more. */
	assert(r == 0);
	(void)r;
}

static void judge(struct fault_lane *f, struct pvb_io *io)
{
	struct fault_verdict v = fault_judge(&f->plan, f->count, io);
	struct fault_request *q = pvb_pool_get(&f->pool, NULL);

	q->outer = io;
	q->lane = f;
	q->delay_ms = v.delay_ms;
	q->result = v.error == FAULT_LIE ? 0 : v.error;
	if (v.error)
		finish_after_delay(q);
	else
		pass_on(q, io);
}

static int fault_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct fault_lane *f = pvb_container(d, struct fault_lane, disk);
	int r;

	if (pvb_pool_used(&f->pool) + f->outbox.count >= d->info.depth_max)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r == 0 && !f->dead) {
		judge(f, io);
		f->accepted++;
		if (f->accepted == f->plan.die_after)
			die(f);
		return 0;
	}
	pvb_outbox_put(&f->outbox, io, f->dead ? -ESHUTDOWN : r);
	return 0;
}

static void fault_kick(struct pvb_disk *d)
{
	struct fault_lane *f = pvb_container(d, struct fault_lane, disk);

	if (f->inner->ops->kick)
		f->inner->ops->kick(f->inner);
}

static int fault_resized(struct pvb_disk *d, uint64_t size_bytes)
{
	struct fault_lane *f = pvb_container(d, struct fault_lane, disk);
	int r = -EINVAL;

	if (f->inner->ops->resized)
		r = f->inner->ops->resized(f->inner, size_bytes);
	d->info.size_bytes = f->inner->info.size_bytes;
	return r;
}

static int fault_extents(struct pvb_disk *d, uint64_t offset_bytes,
                         uint64_t length_bytes, struct pvb_disk_extent *v,
                         uint32_t cap)
{
	struct fault_lane *f = pvb_container(d, struct fault_lane, disk);

	if (!f->inner->ops->extents)
		return -EOPNOTSUPP;
	return f->inner->ops->extents(f->inner, offset_bytes, length_bytes, v,
	                              cap);
}

/* ---- opening -------------------------------------------------------- */

static int fault_open(struct pvb_loop *loop, const struct pvb_log *log,
                      const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                      struct pvb_disk **lane, struct pvb_err *e)
{
	struct fault_lane *f = calloc(1, sizeof(*f));
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe inner;
	struct fault_blob blob;
	int r;

	if (!f || pvb_pool_init(&f->pool, p->info.depth_max,
	                        sizeof(struct fault_request)) < 0) {
		for (uint32_t i = 0; i < nfds; i++)
			(void)close(fds[i]);
		free(f);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	ops = unpack(p, &blob, &inner);
	r = ops->open(loop, log, &inner, fds, nfds, &f->inner, e);
	if (r < 0) {
		pvb_pool_fini(&f->pool);
		free(f);
		return r;
	}
	f->disk.ops = &pvb_disk_fault;
	f->disk.info = p->info;
	f->loop = loop;
	f->plan = blob.plan;
	f->random = blob.plan.seed * UINT64_C(0x9e3779b97f4a7c15);
	f->gone.run = say_gone;
	f->inner->changed = inner_changed;
	f->inner->arg = f;
	pvb_outbox_init(&f->outbox, loop);
	f->life.fired = life_is_over;
	if (f->plan.die_ms)
		pvb_loop_arm(loop, &f->life, pvb_loop_now_ns(loop) +
		             (uint64_t)f->plan.die_ms * NS_PER_MS);
	*lane = &f->disk;
	return 0;
}

static void fault_close(struct pvb_disk *d)
{
	struct fault_lane *f = pvb_container(d, struct fault_lane, disk);

	assert(pvb_pool_used(&f->pool) == 0);
	pvb_loop_disarm(&f->life);
	pvb_loop_undefer(f->loop, &f->gone);
	pvb_outbox_fini(&f->outbox);
	f->inner->ops->close(f->inner);
	pvb_pool_fini(&f->pool);
	free(f);
}

static const char *const fault_options[] = {
	"fail=ERROR[,WHEN...]    answer EIO, ENOSPC ... and do nothing",
	"delay=MS[,WHEN...]      answer so many milliseconds late",
	"lie=WHEN[,WHEN...]      do nothing, and answer that it is done",
	"    WHEN is op:read|write|flush|discard|zero, at:FROM-TO (bytes),",
	"    after:N (not the first N), every:N (each Nth), times:N (at most)",
	"reorder=N               answer in shuffled windows of N",
	"seed=N                  of the shuffling (1)",
	"die-after=N             the disk is gone after N requests",
	"die-ms=MS               the disk is gone after so long",
	"open-ms=MS              it takes so long to open",
	NULL
};

const struct pvb_disk_ops pvb_disk_fault = {
	.scheme = "fault",
	.summary = "fault:URI  another disk, which fails, delays, dies by rule",
	.options = fault_options,
	.probe = fault_probe,
	.reopen = fault_reopen,
	.reprobe = fault_reprobe,
	.fenced = fault_fenced,
	.open = fault_open,
	.close = fault_close,
	.resized = fault_resized,
	.submit = fault_submit,
	.kick = fault_kick,
	.extents = fault_extents,
};
