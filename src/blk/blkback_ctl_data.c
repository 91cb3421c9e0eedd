/* SPDX-License-Identifier: MIT */
/*
 * What a back has its data halves do, and what becomes of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"

#define NS_PER_S UINT64_C(1000000000)

static struct pvb_blkback_ctl *back_of(struct pvb_blk_halves *h)
{
	return pvb_container(h, struct pvb_blkback_ctl, halves);
}

static struct pvb_blkback_ctl *back_of_runner(struct pvb_runner *r)
{
	return pvb_container(r, struct pvb_blkback_ctl, runner);
}

/* ---- the disk, opened once for all queues -------------------------------- */

/* The number of descriptors, or -errno with *e. */
static int need_opening(struct blkback_opening *o,
                        const struct pvb_disk_ops *ops,
                        const struct pvb_disk_probe *disk, struct pvb_err *e)
{
	int n;

	if (o->open)
		return (int)o->nfds;
	n = ops->reopen(disk, o->fds, e);
	if (n < 0)
		return n;
	o->nfds = (uint32_t)n;
	o->open = true;
	return n;
}

/* The halves have copies. */
static void close_opening(struct blkback_opening *o)
{
	for (uint32_t i = 0; o->open && i < o->nfds; i++)
		(void)close(o->fds[i]);
	o->open = false;
}

int blkback_open_ahead(struct pvb_blkback_ctl *b)
{
	int n = b->disk_ops ? need_opening(&b->opening, b->disk_ops, &b->disk,
	                                   NULL) : 0;

	return n < 0 ? n : 0;
}

void blkback_close_ahead(struct pvb_blkback_ctl *b)
{
	close_opening(&b->opening);
}

/* ---- orders -------------------------------------------------------------- */

int blkback_attach(struct pvb_runner *r)
{
	struct pvb_blkback_ctl *b = back_of_runner(r);
	char text[PVB_RUNNER_TEXT_MAX + 1];
	struct pvb_err e = PVB_ERR_INIT;

	if (!b->disk_known || !blkback_is_fenced(b))
		return 1;
	if (blkback_promise(b, &e) < 0) {
		blkback_name_disk(b, e.text, text);
		pvb_runner_failed(r, PVB_DO_ATTACH, PVB_WHY_DISK, text);
		return 0;
	}
	b->refused_told = 0;
	pvb_blk_halves_attach(&b->halves, b->terms.queues);
	close_opening(&b->opening);
	return 0;
}

void blkback_load(struct pvb_blkback_ctl *b)
{
	pvb_blk_halves_load(&b->halves);
	close_opening(&b->opening);
}

/* A back's ring runs from attach on; the front just does not know yet. */
void blkback_go(struct pvb_runner *r)
{
	(void)r;
}

void blkback_drain(struct pvb_runner *r, bool cut)
{
	struct pvb_blkback_ctl *b = back_of_runner(r);

	if (cut)
		blkback_cut(b);
	pvb_blk_halves_drain(&b->halves, cut);
}

void blkback_detach(struct pvb_runner *r)
{
	pvb_blk_halves_detach(&back_of_runner(r)->halves);
}

/* ---- attach -------------------------------------------------------------- */

/* As it is sent: its descriptors go along as others; ours mean nothing
   there. */
static void tell_disk(const struct pvb_blkback_ctl *b,
                      const struct pvb_disk_probe *disk,
                      struct pvb_disk_probe *out)
{
	*out = *disk;
	out->fence = b->c.fence;
	for (uint32_t i = 0; i < PVB_DISK_FDS_MAX; i++)
		out->fds[i] = -1;
}

/* Segment blocks: no indirect requests then, and bounds of their own. */
static void bound_by_blocks(struct pvb_blk_back_attach *a,
                            const struct pvb_blk_blocks *blocks)
{
	a->requests_max = blocks->requests_max;
	a->geometry.segs_direct_max = blocks->segs_max;
	a->geometry.segs_indirect_max = 0;
	a->geometry.data_sectors_max = blocks->bytes_max / PVB_BLK_SECTOR_BYTES;
}

static void fill_attach(const struct pvb_blkback_ctl *b, uint32_t queue,
                        struct pvb_blk_msg *m)
{
	const struct pvb_blk_queue_terms *q = &b->terms.queue[queue];
	struct pvb_blk_back_attach *a = &m->u.back_attach;

	memset(m, 0, sizeof(*m));
	m->type = PVB_BLK_MSG_ATTACH;
	a->front_domid = b->c.dev.front_domid;
	a->back_domid = b->c.dev.back_domid;
	a->device = b->c.dev.number;
	a->abi = (uint8_t)b->terms.abi;
	a->ring_order = b->terms.ring_order;
	a->persistent = b->terms.persistent && b->limits.persistent;
	a->mem_kind = (uint8_t)b->c.mem_kind;
	a->queue = queue;
	a->queues = b->terms.queues;
	memcpy(a->ring_ref, q->ring_ref, sizeof(a->ring_ref));
	a->port = q->port;
	a->keep_full = b->c.options.value[PVB_BLK_OPT_ON_FULL] ==
	               PVB_BLK_ON_FULL_PAUSE &&
	               b->runner.conn.mine != PVB_XB_CLOSING;
	a->slow_ns = b->c.options.value[PVB_BLK_OPT_SLOW] * NS_PER_S;
	a->spin_max_ns = b->c.spin_max_ns;
	a->journal = b->c.journal != NULL;
	a->resume = b->halves.again;
	a->rested = b->death.rested;
	a->medium = b->medium;
	a->geometry = b->geometry;
	if (b->terms.blocks.segs_max > 0)
		bound_by_blocks(a, &b->terms.blocks);
	tell_disk(b, &b->disk, &a->disk);
}

/* What goes along with ATTACH, in its order.  The mem end is ours to close; the
   rest is borrowed. */
struct along { int fd[PVB_BLK_FDS_MAX + PVB_DISK_FDS_MAX]; uint32_t count; };

static int add(struct along *l, int fd, const char *what,
               char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	if (fd < 0) {
		(void)snprintf(text, PVB_BLK_HALVES_TEXT_MAX + 1, "no %s: %s",
		               what, strerror(-fd));
		return fd;
	}
	l->fd[l->count++] = fd;
	return 0;
}

/* Blank for a ring that nobody has served before. */
static int journal_of(struct pvb_blkback_ctl *b,
                      const struct pvb_blk_back_attach *a)
{
	struct pvb_journal_shape shape = pvb_blk_journal_shape(a);
	size_t bytes = pvb_journal_bytes(&shape);

	if (!a->resume)
		b->journal_fd[a->queue] = bytes == 0 ? -EINVAL :
			b->c.journal(b->c.arg, a->queue, bytes);
	return b->journal_fd[a->queue];
}

int blkback_make_journals(struct pvb_blkback_ctl *b)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < b->halves.count; i++) {
		struct pvb_blk_msg m;

		fill_attach(b, i, &m);
		m.u.back_attach.resume = 0;
		r = journal_of(b, &m.u.back_attach);
	}
	return r < 0 ? r : 0;
}

static bool is_ours(const struct pvb_blkback_ctl *b, uint32_t queue)
{
	_Alignas(64) unsigned char head[PVB_JOURNAL_HEAD_MAX];
	struct pvb_journal_identity left, ours;
	struct pvb_blk_msg m;
	ssize_t n = pread(b->journal_fd[queue], head, sizeof(head), 0);

	if (n < 0 || !pvb_journal_whose(head, (size_t)n, &left))
		return true;
	fill_attach(b, queue, &m);
	ours = pvb_blk_journal_identity(&m.u.back_attach);
	return memcmp(&left, &ours, sizeof(ours)) == 0;
}

bool blkback_are_journals_ours(const struct pvb_blkback_ctl *b)
{
	uint32_t i = 0;

	while (i < b->terms.queues && is_ours(b, i))
		i++;
	return i == b->terms.queues;
}

static int add_disk(struct pvb_blkback_ctl *b, struct along *l,
                    char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	struct pvb_err e = PVB_ERR_INIT;
	int n;

	if (!b->disk_ops)
		return 0;
	n = need_opening(&b->opening, b->disk_ops, &b->disk, &e);
	if (n < 0) {
		blkback_name_disk(b, e.text, text);
		return n;
	}
	memcpy(l->fd + l->count, b->opening.fds, (size_t)n * sizeof(int));
	l->count += (uint32_t)n;
	return 0;
}

static int gather(struct pvb_blkback_ctl *b,
                  const struct pvb_blk_back_attach *a, struct along *l,
                  char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	int r = add(l, b->c.counters(b->c.arg, a->queue), "counters", text);

	if (r == 0 && a->mem_kind == PVB_BLK_MEM_LOCAL)
		r = add(l, b->c.mem_end(b->c.arg), "end for the guest's pages",
		        text);
	if (r == 0 && a->journal)
		r = add(l, journal_of(b, a), "memory for a journal", text);
	return r < 0 ? r : add_disk(b, l, text);
}

static int attach_one(struct pvb_blk_halves *h, uint32_t queue,
                      char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	struct pvb_blkback_ctl *b = back_of(h);
	struct along l = { .count = 0 };
	struct pvb_blk_msg m;
	int r;

	blkback_attaches(b, queue);
	fill_attach(b, queue, &m);
	r = gather(b, &m.u.back_attach, &l, text);
	if (r >= 0)
		r = pvb_blk_halves_send(h, queue, &m, l.fd, l.count);
	if (b->c.mem_kind == PVB_BLK_MEM_LOCAL && l.count > PVB_BLK_FD_MEM)
		(void)close(l.fd[PVB_BLK_FD_MEM]);
	return r;
}

/* ---- another medium ------------------------------------------------------ */

static int load_one(struct pvb_blk_halves *h, uint32_t queue,
                    char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	struct pvb_blkback_ctl *b = back_of(h);
	const struct blkback_change *c = &b->change;
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_LOAD };
	struct pvb_err e = PVB_ERR_INIT;
	int n = need_opening(&b->opening, c->ops, &c->disk, &e);

	if (n < 0) {
		(void)snprintf(text, PVB_BLK_HALVES_TEXT_MAX + 1, "%.*s",
		               PVB_BLK_HALVES_TEXT_MAX, e.text);
		return n;
	}
	m.u.load.sectors = c->geometry.sectors;
	m.u.load.medium = c->medium;
	tell_disk(b, &c->disk, &m.u.load.disk);
	return pvb_blk_halves_send(h, queue, &m, b->opening.fds, (uint32_t)n);
}

/* ---- answers ------------------------------------------------------------- */

static int create(struct pvb_blk_halves *h, uint32_t queue)
{
	struct pvb_blkback_ctl *b = back_of(h);

	return b->c.data_half(b->c.arg, queue);
}

static void attached(struct pvb_blk_halves *h)
{
	pvb_runner_answer(&back_of(h)->runner, PVB_EV_ATTACHED);
	blkback_change_poke(back_of(h));
}

static void drained(struct pvb_blk_halves *h)
{
	blkback_cut_over(back_of(h));
	if (blkback_rest_drained(back_of(h)))
		return;
	pvb_runner_answer(&back_of(h)->runner, PVB_EV_DRAINED);
}

static void detached(struct pvb_blk_halves *h)
{
	if (blkback_rest_detached(back_of(h)))
		return;
	blkback_forget(back_of(h));
	pvb_runner_answer(&back_of(h)->runner, PVB_EV_DETACHED);
	blkback_change_poke(back_of(h));
}

static void failed(struct pvb_blk_halves *h, bool attaching, enum pvb_why why,
                   const char *text)
{
	struct pvb_blkback_ctl *b = back_of(h);
	/* Who could not have it has named it. */
	bool unnamed = why == PVB_WHY_DISK && !b->death.no_disk;
	char line[PVB_RUNNER_TEXT_MAX + 1];

	blkback_rest_failed(b);
	if (attaching)
		blkback_forget(b);
	if (unnamed)
		blkback_name_disk(b, text, line);
	pvb_runner_failed(&b->runner, attaching ? PVB_DO_ATTACH : 0, why,
	                  unnamed ? line : text);
	blkback_change_poke(b);
}

const struct pvb_blk_halves_ops blkback_halves_ops = {
	.create = create, .attach = attach_one, .attached = attached,
	.drained = drained, .detached = detached, .failed = failed,
	.report = blkback_report, .load = load_one, .loaded = blkback_loaded,
	.changed = blkback_changed, .resized = blkback_resized,
	.died = blkback_died, .busy = blkback_busy, .again = blkback_again,
};
