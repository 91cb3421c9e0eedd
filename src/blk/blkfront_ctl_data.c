/* SPDX-License-Identifier: MIT */
/*
 * What a front has its data halves do, and what becomes of it.
 */
#include <inttypes.h>
#include <string.h>

#include "blkfront_ctl_parts.h"

static struct pvb_blkfront_ctl *front_of(struct pvb_blk_halves *h)
{
	return pvb_container(h, struct pvb_blkfront_ctl, halves);
}

static struct pvb_blkfront_ctl *front_of_runner(struct pvb_runner *r)
{
	return pvb_container(r, struct pvb_blkfront_ctl, runner);
}

/* ---- orders -------------------------------------------------------------- */

int blkfront_attach(struct pvb_runner *r)
{
	struct pvb_blkfront_ctl *f = front_of_runner(r);

	pvb_blk_halves_attach(&f->halves, f->terms.queues);
	return 0;
}

static void tell_geometry(struct pvb_blkfront_ctl *f,
                          enum pvb_blk_msg_type type)
{
	struct pvb_blk_msg m = { .type = type };

	m.u.geometry = f->geometry;
	pvb_blk_halves_tell(&f->halves, &m);
}

void blkfront_go(struct pvb_runner *r)
{
	struct pvb_blkfront_ctl *f = front_of_runner(r);
	bool blocks = f->terms.blocks.segs_max > 0;

	f->running = true;
	blkfront_found_again(f);
	pvb_log(f->c.log, PVB_LOG_INFO, "%s: domain %u serves it: "
	        "%u queue%s, %u ring pages, %u %s segments, %" PRIu64
	        " sectors",
	        r->c.name, (unsigned int)f->back_domid,
	        (unsigned int)f->terms.queues, f->terms.queues > 1 ? "s" : "",
	        1U << f->terms.ring_order,
	        (unsigned int)(blocks ? f->terms.blocks.segs_max
	                              : f->terms.indirect_max),
	        blocks ? "block" : "indirect", f->geometry.sectors);
	tell_geometry(f, PVB_BLK_MSG_GO);
}

void blkfront_resized(struct pvb_blkfront_ctl *f)
{
	tell_geometry(f, PVB_BLK_MSG_RESIZED);
	pvb_runner_tell(&f->runner);
}

void blkfront_drain(struct pvb_runner *r, bool cut)
{
	struct pvb_blkfront_ctl *f = front_of_runner(r);

	f->halves.keep = blkfront_keeps(f, f->running);
	f->running = false;
	pvb_blk_halves_drain(&f->halves, cut);
}

void blkfront_detach(struct pvb_runner *r)
{
	pvb_blk_halves_detach(&front_of_runner(r)->halves);
}

/* ---- attach -------------------------------------------------------------- */

static int attach_one(struct pvb_blk_halves *h, uint32_t queue,
                      char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	const struct pvb_blkfront_ctl *f = front_of(h);
	struct pvb_blk_front_attach *a;
	struct pvb_blk_msg m;

	(void)text;
	memset(&m, 0, sizeof(m));
	m.type = PVB_BLK_MSG_ATTACH;
	a = &m.u.front_attach;
	a->back_domid = f->back_domid;
	a->abi = (uint8_t)f->terms.abi;
	a->ring_order = f->terms.ring_order;
	a->persistent = f->terms.persistent;
	a->indirect_max = f->terms.indirect_max;
	a->blocks = f->terms.blocks;
	a->queue = queue;
	a->queues = f->terms.queues;
	a->spin_max_ns = f->c.spin_max_ns;
	a->timeout_ns = f->c.request_timeout_ns;
	a->keep = f->c.reconnect_timeout_ns > 0;
	return pvb_blk_halves_send(h, queue, &m, NULL, 0);
}

/* ---- answers ------------------------------------------------------------- */

static int create(struct pvb_blk_halves *h, uint32_t queue)
{
	struct pvb_blkfront_ctl *f = front_of(h);

	return f->c.data_half(f->c.arg, queue);
}

static void one_attached(struct pvb_blk_halves *h, uint32_t queue,
                         const struct pvb_blk_attached *a)
{
	struct pvb_blk_queue_terms *q = &front_of(h)->terms.queue[queue];

	memcpy(q->ring_ref, a->ring_ref, sizeof(q->ring_ref));
	q->port = a->port;
}

static void attached(struct pvb_blk_halves *h)
{
	pvb_runner_answer(&front_of(h)->runner, PVB_EV_ATTACHED);
}

static void drained(struct pvb_blk_halves *h)
{
	blkfront_kept(front_of(h));
	pvb_runner_answer(&front_of(h)->runner, PVB_EV_DRAINED);
}

static void detached(struct pvb_blk_halves *h)
{
	pvb_runner_answer(&front_of(h)->runner, PVB_EV_DETACHED);
}

static void failed(struct pvb_blk_halves *h, bool attaching, enum pvb_why why,
                   const char *text)
{
	pvb_runner_failed(&front_of(h)->runner, attaching ? PVB_DO_ATTACH : 0,
	                  why, text);
}

/* A front's half has no disk of its own to report on. */
static void report(struct pvb_blk_halves *h, const struct pvb_blk_report *p)
{
	(void)h;
	(void)p;
}

const struct pvb_blk_halves_ops blkfront_halves_ops = {
	.create = create, .attach = attach_one, .one_attached = one_attached,
	.attached = attached, .drained = drained, .detached = detached,
	.failed = failed, .report = report,
};
