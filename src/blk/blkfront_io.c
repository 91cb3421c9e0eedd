/* SPDX-License-Identifier: MIT */
/*
 * blkfront_io.c - what the control half says, carried out, and the disk that
 * comes of it.  The mirror of blkback_io.c; the requests are
 * blkfront_req.h's.
 *
 *            ATTACH              DRAIN, or the line is cut
 *   DETACHED ------> ATTACHED ---------> STOPPING
 *      ^              | ^ GO: live          | quiet
 *      |              +-+         DETACH    v
 *      +--------------------------------- STOPPED    (not of what is kept)
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "base/log.h"

#include "blk_terms.h"
#include "blkfront_io.h"
#include "blkfront_req.h"

enum state { DETACHED, ATTACHED, STOPPING, STOPPED };

struct pvb_blkfront_io {
	struct pvb_disk  disk;
	struct pvb_loop *loop;
	struct pvb_mem  *mem;           /* owned */
	struct pvb_link  link;
	struct pvb_blkfront_io_config config;
	enum state state;
	bool tell_drained;              /* DRAIN is to be answered */
	bool detach_due;                /* DETACH came */
	bool line_cut;                  /* control is gone */
	bool live;                      /* the owner was told so */
	uint32_t queues;                /* of the device, all told */
	struct pvb_blkfront_queue queue;
};

/* ---- up ------------------------------------------------------------------ */

static void tell(struct pvb_blkfront_io *io, const struct pvb_blk_msg *m)
{
	int r;

	if (io->line_cut)
		return;
	r = pvb_link_send(&io->link, m, sizeof(*m), NULL, 0);
	if (r < 0 && r != -EPIPE)
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a block front's control does not read its messages");
}

static void tell_type(struct pvb_blkfront_io *io, enum pvb_blk_msg_type type)
{
	struct pvb_blk_msg m = { .type = type };

	tell(io, &m);
}

static void tell_drained(struct pvb_blkfront_io *io)
{
	const struct pvb_blkfront_queue *q = &io->queue;
	struct pvb_blk_msg m = {
		.type = PVB_BLK_MSG_DRAINED,
		.u.drained = { q->keeping ? q->accepted : 0, q->fruitful },
	};

	tell(io, &m);
}

static void tell_failed(struct pvb_blkfront_io *io, enum pvb_why why, int code,
                        const char *text)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_FAILED };

	m.u.failed.why = why;
	m.u.failed.code = code;
	(void)snprintf(m.u.failed.text, sizeof(m.u.failed.text), "%s", text);
	tell(io, &m);
}

static void tell_attached(struct pvb_blkfront_io *io)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_ATTACHED };

	_Static_assert(sizeof(m.u.attached.ring_ref) ==
	               sizeof(io->queue.channel.ref), "all of them");
	memcpy(m.u.attached.ring_ref, io->queue.channel.ref,
	       sizeof(m.u.attached.ring_ref));
	m.u.attached.port = io->queue.channel.port;
	tell(io, &m);
}

/* The owner hears of each change once; it may end us from inside of it. */
static void set_live(struct pvb_blkfront_io *io, bool live, int code)
{
	if (io->live == live)
		return;
	io->live = live;
	if (io->config.live)
		io->config.live(io, live, code, io->config.arg);
}

/* ---- what the queue says ------------------------------------------------- */

static struct pvb_blkfront_io *io_of(struct pvb_blkfront_queue *q)
{
	return pvb_container(q, struct pvb_blkfront_io, queue);
}

static void queue_failed(struct pvb_blkfront_queue *q, enum pvb_why why)
{
	struct pvb_blkfront_io *io = io_of(q);
	int code = why == PVB_WHY_TIMEOUT ? -ETIMEDOUT : -EPROTO;

	tell_failed(io, why, code, pvb_why_text(why));
	if (!q->keeping)
		set_live(io, false, code);
}

/* As set_live: once, and it may end us. */
static void tell_closed(struct pvb_blkfront_io *io)
{
	void (*closed)(struct pvb_blkfront_io *, void *) = io->config.closed;

	io->config.closed = NULL;
	set_live(io, false, -ESHUTDOWN);
	if (closed)
		closed(io, io->config.arg);
}

/* The last thing that is done in a call: the owner may end us. */
static void after_quiet(struct pvb_blkfront_io *io)
{
	io->state = STOPPED;
	if (io->tell_drained) {
		io->tell_drained = false;
		tell_drained(io);
	}
	if (io->detach_due || io->line_cut) {
		pvb_blkfront_queue_detach(&io->queue);
		io->state = DETACHED;
	}
	if (io->detach_due) {
		io->detach_due = false;
		tell_type(io, PVB_BLK_MSG_DETACHED);
	}
	if (io->line_cut)
		tell_closed(io);
	else if (!io->queue.keeping)
		set_live(io, false, 0);
}

static void queue_quiet(struct pvb_blkfront_queue *q)
{
	struct pvb_blkfront_io *io = io_of(q);

	if (io->state == STOPPING)
		after_quiet(io);
}

static void queue_changed(struct pvb_blkfront_queue *q)
{
	struct pvb_blkfront_io *io = io_of(q);

	if (q->live && io->disk.changed)
		io->disk.changed(&io->disk, io->disk.arg, 0);
}

static const struct pvb_blkfront_queue_ops queue_ops = {
	.failed = queue_failed, .changed = queue_changed,
	.quiet = queue_quiet,
};

/* ---- down ---------------------------------------------------------------- */

static void on_attach(struct pvb_blkfront_io *io,
                      const struct pvb_blk_front_attach *a)
{
	const struct pvb_blkfront_queue_attach qa = {
		.loop = io->loop, .mem = io->mem, .back_domid = a->back_domid,
		.abi = (enum pvb_abi)a->abi, .ring_order = a->ring_order,
		.persistent = a->persistent, .indirect_max = a->indirect_max,
		.blocks = a->blocks, .timeout_ns = a->timeout_ns,
		.keep = a->keep,
	};
	int r;

	if (io->state != DETACHED) {
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a block front was told to attach twice");
		return;
	}
	r = pvb_blkfront_queue_attach(&io->queue, &qa);
	if (r < 0) {
		struct pvb_err e = PVB_ERR_INIT;

		(void)pvb_err_set(&e, r,
		                  "cannot share a ring with domain %u: %s",
		                  (unsigned int)a->back_domid, strerror(-r));
		tell_failed(io, PVB_WHY_ATTACH, r, e.text);
		return;
	}
	pvb_loop_set_spin(io->loop, a->spin_max_ns);
	io->queues = a->queues;
	io->state = ATTACHED;
	tell_attached(io);
}

static void on_go(struct pvb_blkfront_io *io, const struct pvb_blk_geometry *g)
{
	bool again = io->live;

	if (io->state != ATTACHED)
		return;
	pvb_blkfront_queue_go(&io->queue, g);
	if (!again)
		set_live(io, io->queue.live, 0);
	else if (io->disk.changed)
		io->disk.changed(&io->disk, io->disk.arg, 0);
}

static void on_resized(struct pvb_blkfront_io *io,
                       const struct pvb_blk_geometry *g)
{
	if (io->state != ATTACHED || !io->queue.live)
		return;
	io->disk.info.size_bytes = g->sectors * PVB_BLK_SECTOR_BYTES;
	if (io->disk.changed)
		io->disk.changed(&io->disk, io->disk.arg, 0);
}

static void stop(struct pvb_blkfront_io *io, bool cut, bool keep)
{
	bool ends_kept = io->queue.keeping && !keep;

	if (io->state == ATTACHED || io->state == STOPPING || ends_kept) {
		if (io->state == ATTACHED && !cut && io->config.last_call)
			io->config.last_call(io, io->config.arg);
		io->state = STOPPING;
		pvb_blkfront_queue_stop(&io->queue, cut, keep);
		/* Else its done() calls come first, on a later turn. */
		if (pvb_blkfront_queue_is_quiet(&io->queue))
			after_quiet(io);
	} else if (io->state == STOPPED) {
		after_quiet(io);
	}
}

static void on_drain(struct pvb_blkfront_io *io, bool cut, bool keep)
{
	if (io->state == DETACHED) {
		tell_type(io, PVB_BLK_MSG_DRAINED);
		return;
	}
	io->tell_drained = true;
	stop(io, cut, keep);
}

static void on_detach(struct pvb_blkfront_io *io)
{
	if (io->state == DETACHED) {
		tell_type(io, PVB_BLK_MSG_DETACHED);
		return;
	}
	io->detach_due = true;
	stop(io, true, io->queue.keeping);
}

static void on_message(struct pvb_link *k, const void *msg, size_t bytes,
                       int *fds, uint32_t nfds)
{
	struct pvb_blkfront_io *io =
		pvb_container(k, struct pvb_blkfront_io, link);
	const struct pvb_blk_msg *m = msg;

	(void)fds;
	(void)nfds;
	if (bytes != sizeof(*m)) {
		pvb_log(io->config.log, PVB_LOG_ERROR,
		        "a message of another version to a block front");
		return;
	}
	switch (m->type) {
	case PVB_BLK_MSG_ATTACH:
		on_attach(io, &m->u.front_attach);
		break;
	case PVB_BLK_MSG_GO:
		on_go(io, &m->u.geometry);
		break;
	case PVB_BLK_MSG_DRAIN:
		on_drain(io, m->cut != 0, m->keep != 0);
		break;
	case PVB_BLK_MSG_DETACH:
		on_detach(io);
		break;
	case PVB_BLK_MSG_RESIZED:
		on_resized(io, &m->u.geometry);
		break;
	default:
		break;
	}
}

static void on_closed(struct pvb_link *k)
{
	struct pvb_blkfront_io *io =
		pvb_container(k, struct pvb_blkfront_io, link);

	io->line_cut = true;
	if (io->state == DETACHED && !io->queue.keeping)
		tell_closed(io);
	else
		stop(io, true, false);
}

static const struct pvb_link_ops link_ops = {
	.message = on_message, .closed = on_closed,
};

/* ---- the disk ------------------------------------------------------------ */

static struct pvb_blkfront_queue *queue_of(struct pvb_disk *d)
{
	return &pvb_container(d, struct pvb_blkfront_io, disk)->queue;
}

static int disk_submit(struct pvb_disk *d, struct pvb_io *io)
{
	pvb_blkfront_queue_submit(queue_of(d), io);
	return 0;
}

static void disk_kick(struct pvb_disk *d)
{
	pvb_blkfront_queue_kick(queue_of(d));
}

static void *disk_buffer_get(struct pvb_disk *d, size_t bytes)
{
	return pvb_blkfront_queue_buffer_get(queue_of(d), bytes);
}

static void disk_buffer_put(struct pvb_disk *d, void *buffer, size_t bytes)
{
	pvb_blkfront_queue_buffer_put(queue_of(d), buffer, bytes);
}

/* It ends with its front. */
static void disk_close(struct pvb_disk *d)
{
	(void)d;
}

static const struct pvb_disk_ops disk_ops = {
	.scheme = "vbd",
	.summary = "the front of a block device",
	.close = disk_close,
	.submit = disk_submit,
	.kick = disk_kick,
	.buffer_get = disk_buffer_get,
	.buffer_put = disk_buffer_put,
};

struct pvb_disk *pvb_blkfront_io_disk(struct pvb_blkfront_io *io)
{
	return &io->disk;
}

/* ---- life ---------------------------------------------------------------- */

int pvb_blkfront_io_create(struct pvb_loop *loop, int link_fd,
                           struct pvb_mem *mem,
                           const struct pvb_blkfront_io_config *c,
                           struct pvb_blkfront_io **out, struct pvb_err *e)
{
	struct pvb_blkfront_io *io = calloc(1, sizeof(*io));
	int r;

	if (!io) {
		(void)close(link_fd);
		pvb_mem_close(mem);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	io->loop = loop;
	io->mem = mem;
	io->config = *c;
	io->disk.ops = &disk_ops;
	pvb_blkfront_queue_init(&io->queue, &queue_ops, loop, &io->disk.info,
	                        c->bounce_always);
	r = pvb_link_init(&io->link, loop, link_fd, &link_ops);
	if (r < 0) {
		pvb_mem_close(mem);
		free(io);
		return pvb_err_set(e, r,
		                   "cannot watch a block front's link: %s",
		                   strerror(-r));
	}
	*out = io;
	return 0;
}

uint32_t pvb_blkfront_io_queues(const struct pvb_blkfront_io *io)
{
	return io->queues;
}

int pvb_blkfront_io_serve(struct pvb_blkfront_io *io, int timeout_ms)
{
	struct pollfd p = { .fd = io->link.fd, .events = POLLIN };
	int n;

	if (io->line_cut)
		return -EPIPE;
	/* The task that would say so is the loop's, which nobody turns. */
	if (io->state == STOPPING && pvb_blkfront_queue_is_quiet(&io->queue))
		after_quiet(io);
	n = poll(&p, 1, timeout_ms);
	if (n <= 0)
		return n < 0 && errno != EINTR ? -errno : 0;
	io->link.watch.ready(&io->link.watch, PVB_LOOP_IN);
	return 1;
}

void pvb_blkfront_io_give_back(struct pvb_blkfront_io *io)
{
	if (io->state != DETACHED)
		return;
	pvb_blkfront_queue_give_back(&io->queue, -ECANCELED);
	set_live(io, false, 0);
}

void pvb_blkfront_io_destroy(struct pvb_blkfront_io *io)
{
	if (!io)
		return;
	io->config.live = NULL;
	io->config.closed = NULL;
	pvb_link_fini(&io->link);
	pvb_blkfront_queue_fini(&io->queue);
	pvb_mem_close(io->mem);
	free(io);
}
