/* SPDX-License-Identifier: MIT */
/*
 * blkback_io.c - what the control half says, carried out: attach, drain,
 * detach, resize, change the medium.  What an attached queue is made of is in
 * blkback_parts_io.h, its requests in blkback_req.h.
 *
 *            ATTACH              DRAIN, or the line is cut
 *   DETACHED ------> ATTACHED ---------> STOPPING
 *      ^                                    | quiet
 *      |                  DETACH            v
 *      +-------------------------------- STOPPED
 *
 * A DETACH that comes early is remembered until it is quiet.  A CHANGE pauses
 * the queue in whatever state, until the medium is another.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "base/log.h"

#include "blk_terms.h"
#include "blkback_io.h"
#include "blkback_parts_io.h"

enum state { DETACHED, ATTACHED, STOPPING, STOPPED };

/* A guest on a full disk fails as many writes as it likes. */
enum { REPORT_PERIOD_MS = 1000 };

struct pvb_blkback_io {
	struct pvb_loop *loop;
	struct pvb_link  link;
	struct pvb_blkback_io_config config;
	enum state state;
	bool tell_drained;              /* DRAIN is to be answered */
	bool detach_due;                /* DETACH came */
	bool line_cut;                  /* control is gone */
	uint32_t number;                /* of the queue, once attached */
	struct pvb_log_limit no_space, errors;
	uint64_t errors_untold;
	struct pvb_blkback_parts parts;
};

/* ---- up ------------------------------------------------------------------ */

static void tell(struct pvb_blkback_io *io, const struct pvb_blk_msg *m)
{
	int r;

	if (io->line_cut)
		return;
	r = pvb_link_send(&io->link, m, sizeof(*m), NULL, 0);
	if (r < 0 && r != -EPIPE)
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a block queue's control does not read its messages");
}

static void tell_type(struct pvb_blkback_io *io, enum pvb_blk_msg_type type)
{
	struct pvb_blk_msg m = { .type = type };

	tell(io, &m);
}

/* FAILED, or LOADED. */
static void tell_why(struct pvb_blkback_io *io, enum pvb_blk_msg_type type,
                     enum pvb_why why, const struct pvb_err *e)
{
	struct pvb_blk_msg m = { .type = type };

	m.u.failed.why = why;
	m.u.failed.code = e->code;
	(void)snprintf(m.u.failed.text, sizeof(m.u.failed.text), "%s", e->text);
	tell(io, &m);
}

static void tell_attached(struct pvb_blkback_io *io)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_ATTACHED };

	m.u.found = io->parts.journal.found;
	tell(io, &m);
}

static void report(struct pvb_blkback_io *io, enum pvb_blk_report_kind kind,
                   uint64_t value)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_REPORT };

	m.u.report.kind = kind;
	m.u.report.value = value;
	tell(io, &m);
}

/* ---- detach -------------------------------------------------------------- */

static void let_go(struct pvb_blkback_io *io)
{
	pvb_blkback_parts_detach(&io->parts);
	io->state = DETACHED;
}

/* The last thing that is done in a call: the owner may end us. */
static void after_quiet(struct pvb_blkback_io *io)
{
	io->state = STOPPED;
	if (io->tell_drained) {
		io->tell_drained = false;
		tell_type(io, PVB_BLK_MSG_DRAINED);
	}
	if (!io->detach_due && !io->line_cut)
		return;
	let_go(io);
	if (io->detach_due) {
		io->detach_due = false;
		tell_type(io, PVB_BLK_MSG_DETACHED);
	}
	if (io->line_cut && io->config.closed)
		io->config.closed(io, io->config.arg);
}

static void stop(struct pvb_blkback_io *io, bool cut)
{
	if (io->state == ATTACHED || io->state == STOPPING) {
		io->state = STOPPING;
		pvb_blkback_queue_stop(&io->parts.queue, cut);
	} else if (io->state == STOPPED) {
		after_quiet(io);
	}
}

/* ---- what the queue says ------------------------------------------------- */

static struct pvb_blkback_io *io_of(struct pvb_blkback_queue *q)
{
	return pvb_container(q, struct pvb_blkback_io, parts.queue);
}

static void queue_broken(struct pvb_blkback_queue *q, enum pvb_why why)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)pvb_err_set(&e, -EPROTO, "%s", pvb_why_text(why));
	tell_why(io_of(q), PVB_BLK_MSG_FAILED, why, &e);
}

static void queue_quiet(struct pvb_blkback_queue *q)
{
	struct pvb_blkback_io *io = io_of(q);

	if (io->state == STOPPING)
		after_quiet(io);
}

static void queue_failed(struct pvb_blkback_queue *q, const struct pvb_io *r,
                         int result)
{
	struct pvb_blkback_io *io = io_of(q);
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_REPORT };

	io->errors_untold++;
	if (!pvb_log_limit_pass(&io->errors, pvb_loop_now_ns(io->loop), NULL))
		return;
	m.u.report = (struct pvb_blk_report){
		.kind = PVB_BLK_REPORT_ERROR, .value = io->errors_untold,
		.offset_bytes = r->offset_bytes, .op = r->op, .code = result,
	};
	io->errors_untold = 0;
	tell(io, &m);
}

static void queue_no_space(struct pvb_blkback_queue *q)
{
	struct pvb_blkback_io *io = io_of(q);

	if (pvb_log_limit_pass(&io->no_space, pvb_loop_now_ns(io->loop), NULL))
		report(io, PVB_BLK_REPORT_NO_SPACE, 0);
}

static void queue_paused(struct pvb_blkback_queue *q, bool paused)
{
	struct pvb_blkback_io *io = io_of(q);

	report(io, paused ? PVB_BLK_REPORT_PAUSED : PVB_BLK_REPORT_GOES_ON,
	       io->number);
}

static void queue_stalled(struct pvb_blkback_queue *q, bool stalled)
{
	struct pvb_blkback_io *io = io_of(q);

	report(io, stalled ? PVB_BLK_REPORT_STALLED : PVB_BLK_REPORT_ANSWERS,
	       io->number);
}

static void queue_refused(struct pvb_blkback_queue *q, enum pvb_why why)
{
	report(io_of(q), PVB_BLK_REPORT_REFUSED, why);
}

static void queue_lost(struct pvb_blkback_queue *q, uint32_t lost)
{
	report(io_of(q), PVB_BLK_REPORT_LOST, lost);
}

static void queue_changed(struct pvb_blkback_queue *q, struct pvb_disk *former)
{
	struct pvb_blkback_io *io = io_of(q);

	pvb_blkback_parts_changed(&io->parts, former);
	tell_type(io, PVB_BLK_MSG_CHANGED);
}

static const struct pvb_blkback_queue_ops queue_ops = {
	.broken = queue_broken, .quiet = queue_quiet, .failed = queue_failed,
	.no_space = queue_no_space, .paused = queue_paused,
	.stalled = queue_stalled, .refused = queue_refused,
	.lost = queue_lost, .changed = queue_changed,
};

/* What it does no more, the answers to those who ask for it say. */
static void lane_changed(struct pvb_disk *d, void *arg, int gone)
{
	struct pvb_blkback_io *io = arg;
	uint64_t told = io->parts.queue.c.geometry.sectors;

	if (gone < 0)
		report(io, PVB_BLK_REPORT_DISK_GONE, (uint64_t)-(int64_t)gone);
	else if (d->info.size_bytes / PVB_BLK_SECTOR_BYTES != told)
		report(io, PVB_BLK_REPORT_SIZE, d->info.size_bytes);
}

/* ---- down ---------------------------------------------------------------- */

static void on_attach(struct pvb_blkback_io *io,
                      const struct pvb_blk_back_attach *a, int *fds,
                      uint32_t nfds)
{
	const struct pvb_blkback_parts_config c = {
		.loop = io->loop, .io = &io->config, .ops = &queue_ops,
		.changed = lane_changed, .arg = io,
	};
	struct pvb_err e = PVB_ERR_INIT;
	enum pvb_why why;

	if (io->state != DETACHED) {
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a block queue was told to attach twice");
		return;
	}
	io->number = a->queue;
	why = pvb_blkback_parts_attach(&io->parts, &c, a, fds, nfds, &e);
	if (why != PVB_OK) {
		tell_why(io, PVB_BLK_MSG_FAILED, why, &e);
		return;
	}
	pvb_loop_set_spin(io->loop, a->spin_max_ns);
	io->state = ATTACHED;
	tell_attached(io);
}

static void on_drain(struct pvb_blkback_io *io, bool cut)
{
	if (io->state == DETACHED) {
		tell_type(io, PVB_BLK_MSG_DRAINED);
		return;
	}
	io->tell_drained = true;
	stop(io, cut);
}

static void on_detach(struct pvb_blkback_io *io)
{
	if (io->state == DETACHED) {
		tell_type(io, PVB_BLK_MSG_DETACHED);
		return;
	}
	io->detach_due = true;
	stop(io, true);
}

static void on_resized(struct pvb_blkback_io *io,
                       const struct pvb_blk_geometry *g)
{
	struct pvb_disk *lane = io->parts.lane;
	uint64_t bytes = g->sectors * PVB_BLK_SECTOR_BYTES;
	int r = 0;

	if (!lane) {
		tell_type(io, PVB_BLK_MSG_GROWN);
		return;
	}
	if (lane->ops->resized && bytes > lane->info.size_bytes)
		r = lane->ops->resized(lane, bytes);
	if (r == 0 && bytes <= lane->info.size_bytes)
		pvb_blkback_queue_resize(&io->parts.queue, g->sectors);
	else
		pvb_log(io->config.log, PVB_LOG_WARN,
		        "a disk did not grow to %llu bytes",
		        (unsigned long long)bytes);
	tell_type(io, PVB_BLK_MSG_GROWN);
}

/* Where nothing is attached, nothing is in the way of another medium. */
static void on_load(struct pvb_blkback_io *io,
                    const struct pvb_blk_back_load *load, int *fds,
                    uint32_t nfds)
{
	struct pvb_err e = PVB_ERR_INIT;
	enum pvb_why why = PVB_OK;

	if (io->parts.queue.changing) {
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a block queue was told to load while it changes");
		return;
	}
	if (io->state != DETACHED)
		why = pvb_blkback_parts_load(&io->parts, load, fds, nfds, &e);
	tell_why(io, PVB_BLK_MSG_LOADED, why, &e);
}

static void on_change(struct pvb_blkback_io *io)
{
	if (io->state == DETACHED)
		tell_type(io, PVB_BLK_MSG_CHANGED);
	else if (!io->parts.queue.changing)
		pvb_blkback_parts_change(&io->parts);
}

static void on_message(struct pvb_link *k, const void *msg, size_t bytes,
                       int *fds, uint32_t nfds)
{
	struct pvb_blkback_io *io =
		pvb_container(k, struct pvb_blkback_io, link);
	const struct pvb_blk_msg *m = msg;

	if (bytes != sizeof(*m)) {
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a message of another version to a block queue");
		return;
	}
	switch (m->type) {
	case PVB_BLK_MSG_ATTACH:
		on_attach(io, &m->u.back_attach, fds, nfds);
		break;
	case PVB_BLK_MSG_DRAIN:
		on_drain(io, m->cut != 0);
		break;
	case PVB_BLK_MSG_DETACH:
		on_detach(io);
		break;
	case PVB_BLK_MSG_RESIZED:
		on_resized(io, &m->u.geometry);
		break;
	case PVB_BLK_MSG_LOAD:
		on_load(io, &m->u.load, fds, nfds);
		break;
	case PVB_BLK_MSG_UNLOAD:
		if (!io->parts.queue.changing)
			pvb_blkback_parts_unload(&io->parts);
		break;
	case PVB_BLK_MSG_CHANGE:
		on_change(io);
		break;
	case PVB_BLK_MSG_CLOSING:
		if (io->state != DETACHED)
			pvb_blkback_queue_keep_no_more(&io->parts.queue);
		break;
	default:                        /* GO is for fronts */
		break;
	}
}

static void on_closed(struct pvb_link *k)
{
	struct pvb_blkback_io *io =
		pvb_container(k, struct pvb_blkback_io, link);

	io->line_cut = true;
	if (io->state != DETACHED)
		stop(io, true);
	else if (io->config.closed)
		io->config.closed(io, io->config.arg);
}

static const struct pvb_link_ops link_ops = {
	.message = on_message, .closed = on_closed,
};

/* ---- life ---------------------------------------------------------------- */

int pvb_blkback_io_create(struct pvb_loop *loop, int link_fd,
                          const struct pvb_blkback_io_config *c,
                          struct pvb_blkback_io **out, struct pvb_err *e)
{
	struct pvb_blkback_io *io = calloc(1, sizeof(*io));
	int r;

	if (!io) {
		(void)close(link_fd);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	io->loop = loop;
	io->config = *c;
	io->no_space.burst = 1;
	io->no_space.period_ns = REPORT_PERIOD_MS * UINT64_C(1000000);
	io->errors = io->no_space;
	r = pvb_link_init(&io->link, loop, link_fd, &link_ops);
	if (r < 0) {
		free(io);
		return pvb_err_set(e, r,
		                   "cannot watch a block queue's link: %s",
		                   strerror(-r));
	}
	*out = io;
	return 0;
}

void pvb_blkback_io_destroy(struct pvb_blkback_io *io)
{
	if (!io)
		return;
	io->line_cut = true;
	io->config.closed = NULL;
	pvb_link_fini(&io->link);
	if (io->state != DETACHED) {
		stop(io, true);
		/* Whatever a turn fails at, the disk still finishes. */
		while (io->state != DETACHED)
			(void)pvb_loop_turn(io->loop, true);
	}
	free(io);
}
