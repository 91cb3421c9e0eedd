/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "disk/narrow.h"

#include "blkback_parts_io.h"

static enum pvb_why open_mem(struct pvb_blkback_parts *p,
                             const struct pvb_blk_back_attach *a, int *fds,
                             struct pvb_err *e)
{
	int mine = -1;

	if (a->mem_kind == PVB_BLK_MEM_LOCAL) {
		mine = fds[PVB_BLK_FD_MEM];
		fds[PVB_BLK_FD_MEM] = -1;
	}
	if (p->c.io->open_mem) {
		p->mem = p->c.io->open_mem(p->c.io->arg, mine, e);
	} else if (a->mem_kind == PVB_BLK_MEM_LOCAL) {
		p->mem = pvb_mem_open_local_fd(mine, p->c.io->shared, e);
	} else {
		p->mem = pvb_mem_open_xen_back(a->front_domid, e);
	}
	return p->mem ? PVB_OK : PVB_WHY_ATTACH;
}

static enum pvb_why map_counters(struct pvb_blkback_parts *p, int fd,
                                 struct pvb_err *e)
{
	int r = pvb_counters_map(fd, false, &p->counters);

	if (r == 0)
		return PVB_OK;
	(void)pvb_err_set(e, r, "cannot map the counters: %s", strerror(-r));
	return PVB_WHY_ATTACH;
}

static enum pvb_why map_ring(struct pvb_blkback_parts *p,
                             const struct pvb_blk_back_attach *a,
                             struct pvb_err *e)
{
	struct pvb_channel_config c = {
		.loop = p->c.loop, .mem = p->mem, .counters = p->counters,
		.peer = a->front_domid, .order = a->ring_order,
		.slot_bytes = pvb_blk_slot_bytes(a->abi),
		.resume = p->journal.resumed, .rested = a->rested,
	};
	int r;

	if (c.resume)
		c.req_cons = pvb_journal_req_cons(&p->journal.j);
	r = pvb_channel_map(&p->channel, &c, a->ring_ref, a->port);

	if (r == 0)
		return PVB_OK;
	if (r == -EPROTO) {
		pvb_counters_refused(p->counters, PVB_WHY_RING_INDEX);
		(void)pvb_err_set(e, r, "%s", pvb_why_text(PVB_WHY_RING_INDEX));
		return PVB_WHY_RING_INDEX;
	}
	if (r == -ESTALE) {
		(void)pvb_err_set(e, r, "requests are left from a backend "
		                  "before us, and no journal of them");
		return PVB_WHY_JOURNAL_FORMAT;
	}
	(void)pvb_err_set(e, r, "cannot map the ring of domain %u: %s",
	                  (unsigned int)a->front_domid, strerror(-r));
	return PVB_WHY_ATTACH;
}

static bool is_whole(const struct pvb_disk_probe *disk)
{
	return disk->blob_bytes <= PVB_DISK_BLOB_MAX &&
	       memchr(disk->scheme, '\0', sizeof(disk->scheme));
}

/* Takes the descriptors over. */
static int open_disk(struct pvb_blkback_parts *p,
                     const struct pvb_disk_ops *ops,
                     const struct pvb_disk_probe *disk, int *fds,
                     uint32_t nfds, uint32_t sector, struct pvb_disk **lane,
                     struct pvb_err *e)
{
	int r = ops->open(p->c.loop, p->c.io->log, disk, fds, nfds, lane, e);

	if (r == 0 && sector == PVB_BLK_SECTOR_BYTES &&
	    sector < (*lane)->info.sector_size_bytes)
		r = pvb_narrow_open(p->c.loop, *lane, p->c.io->ranges, lane,
		                    e);
	return r;
}

/* For sectors of that size.  *lane is NULL where there is no disk to be opened,
   and after a failure. */
static enum pvb_why open_lane(struct pvb_blkback_parts *p,
                              const struct pvb_disk_probe *disk, int *fds,
                              uint32_t nfds, uint32_t sector,
                              struct pvb_disk **lane, struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	int mine[PVB_LINK_FDS_MAX];

	*lane = NULL;
	if (!disk->scheme[0])
		return PVB_OK;
	ops = pvb_disk_find(p->c.io->disks, disk->scheme);
	if (!ops) {
		(void)pvb_err_set(e, -EPROTONOSUPPORT,
		                  "no driver for disks of this kind");
		return PVB_WHY_DISK;
	}
	memcpy(mine, fds, nfds * sizeof(mine[0]));
	for (uint32_t i = 0; i < nfds; i++)
		fds[i] = -1;
	if (open_disk(p, ops, disk, mine, nfds, sector, lane, e) < 0) {
		*lane = NULL;
		return PVB_WHY_DISK;
	}
	return PVB_OK;
}

/* From here on it is heard. */
static void use_lane(struct pvb_blkback_parts *p, struct pvb_disk *lane)
{
	p->lane = lane;
	if (!lane)
		return;
	lane->changed = p->c.changed;
	lane->arg = p->c.arg;
}

/* A front that was promised more, when somebody else began to serve it, is told
   by the answers to its requests. */
static void keep_promise(const struct pvb_journal *j,
                         struct pvb_blkback_queue_config *c)
{
	uint32_t promised = pvb_journal_features(j);

	c->lost = promised & ~pvb_blk_geometry_features(&c->geometry);
	pvb_blk_geometry_promise(&c->geometry, promised);
}

static enum pvb_why start_queue(struct pvb_blkback_parts *p,
                                const struct pvb_blk_back_attach *a,
                                struct pvb_err *e)
{
	struct pvb_blkback_queue_config c = {
		.ops = p->c.ops, .loop = p->c.loop, .mem = p->mem,
		.channel = &p->channel, .lane = p->lane,
		.counters = p->counters, .front_domid = a->front_domid,
		.persistent = a->persistent, .keep_full = a->keep_full,
		.slow_ns = a->slow_ns, .abi = a->abi,
		.requests_max = a->requests_max,
		.geometry = a->geometry, .medium = a->medium,
		.journal = a->journal ? &p->journal.j : NULL,
		.redo = p->journal.redo, .redo_count = p->journal.found.redo,
	};
	int r;

	if (p->journal.resumed)
		keep_promise(&p->journal.j, &c);
	r = pvb_blkback_queue_init(&p->queue, &c);
	if (r == 0)
		return PVB_OK;
	(void)pvb_err_set(e, r, r == -EINVAL
	                  ? "the disk is not what the guest was promised"
	                  : "out of memory");
	return r == -EINVAL ? PVB_WHY_DISK : PVB_WHY_ATTACH;
}

static void resumed(struct pvb_blkback_parts *p)
{
	const struct pvb_journal_found *f = &p->journal.found;

	pvb_counters_add(p->counters, PVB_COUNT(resumed), 1);
	pvb_counters_add(p->counters, PVB_COUNT(redone), f->redo);
	pvb_counters_add(p->counters, PVB_COUNT(unpublished), f->unpublished);
	pvb_counters_add(p->counters, PVB_COUNT(published), f->published);
	pvb_counters_add(p->counters, PVB_COUNT(uncommitted), f->uncommitted);
	/* Whoever died may have shown an answer and not said so. */
	pvb_channel_ring(&p->channel);
}

static enum pvb_why attach(struct pvb_blkback_parts *p,
                           const struct pvb_blk_back_attach *a, int *fds,
                           uint32_t nfds, struct pvb_err *e)
{
	uint32_t at = pvb_blk_fd_disk(a);
	struct pvb_disk *lane = NULL;
	enum pvb_why why;

	if (nfds < at || (uint32_t)a->abi >= PVB_ABI_COUNT ||
	    !is_whole(&a->disk)) {
		(void)pvb_err_set(e, -EINVAL, "a message to attach is broken");
		return PVB_WHY_ATTACH;
	}
	why = open_mem(p, a, fds, e);
	if (why == PVB_OK)
		why = map_counters(p, fds[PVB_BLK_FD_COUNTERS], e);
	if (why == PVB_OK && a->journal)
		why = pvb_blkback_journal_open(&p->journal, a,
		                               fds[pvb_blk_fd_journal(a)], e);
	if (why == PVB_OK)
		why = map_ring(p, a, e);
	if (why == PVB_OK && a->journal)
		why = pvb_blkback_journal_start(&p->journal, a,
		                                &p->channel.ring, e);
	if (why == PVB_OK)
		why = open_lane(p, &a->disk, fds + at, nfds - at,
		                a->geometry.sector_size_bytes, &lane, e);
	use_lane(p, lane);
	if (why == PVB_OK)
		why = start_queue(p, a, e);
	if (why == PVB_OK && p->journal.resumed)
		resumed(p);
	return why;
}

enum pvb_why pvb_blkback_parts_attach(struct pvb_blkback_parts *p,
                                      const struct pvb_blkback_parts_config *c,
                                      const struct pvb_blk_back_attach *a,
                                      int *fds, uint32_t nfds,
                                      struct pvb_err *e)
{
	enum pvb_why why;

	p->c = *c;
	why = attach(p, a, fds, nfds, e);
	if (why != PVB_OK)
		pvb_blkback_parts_detach(p);
	return why;
}

/* ---- another medium ------------------------------------------------------ */

enum pvb_why pvb_blkback_parts_load(struct pvb_blkback_parts *p,
                                    const struct pvb_blk_back_load *load,
                                    int *fds, uint32_t nfds,
                                    struct pvb_err *e)
{
	enum pvb_why why;

	pvb_blkback_parts_unload(p);
	if (!is_whole(&load->disk) || !load->disk.scheme[0]) {
		(void)pvb_err_set(e, -EINVAL, "a message to load is broken");
		return PVB_WHY_DISK;
	}
	why = open_lane(p, &load->disk, fds, nfds,
	                p->queue.c.geometry.sector_size_bytes, &p->loaded, e);
	if (why != PVB_OK)
		return why;
	p->loaded_sectors = load->sectors;
	p->loaded_medium = load->medium;
	if (pvb_blkback_queue_fits(&p->queue, p->loaded, load->sectors))
		return PVB_OK;
	(void)pvb_err_set(e, -EINVAL,
	                  "the disk is not one that this drive can read");
	pvb_blkback_parts_unload(p);
	return PVB_WHY_DISK;
}

void pvb_blkback_parts_unload(struct pvb_blkback_parts *p)
{
	pvb_disk_close(p->loaded);
	p->loaded = NULL;
	p->loaded_sectors = p->loaded_medium = 0;
}

void pvb_blkback_parts_change(struct pvb_blkback_parts *p)
{
	pvb_blkback_queue_change(&p->queue, p->loaded, p->loaded_sectors,
	                         p->loaded_medium);
}

void pvb_blkback_parts_changed(struct pvb_blkback_parts *p,
                               struct pvb_disk *former)
{
	use_lane(p, p->loaded);
	p->loaded = NULL;
	p->loaded_sectors = p->loaded_medium = 0;
	pvb_disk_close(former);
}

/* ---- detach -------------------------------------------------------------- */

void pvb_blkback_parts_detach(struct pvb_blkback_parts *p)
{
	pvb_blkback_queue_fini(&p->queue);
	pvb_channel_fini(&p->channel);
	pvb_blkback_journal_close(&p->journal);
	pvb_blkback_parts_unload(p);
	pvb_disk_close(p->lane);
	p->lane = NULL;
	pvb_counters_unmap(p->counters);
	p->counters = NULL;
	pvb_mem_close(p->mem);
	p->mem = NULL;
}
