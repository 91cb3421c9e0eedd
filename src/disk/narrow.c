/* SPDX-License-Identifier: MIT */
/* narrow.c - a narrow lane, but for its requests; see narrow.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <pvb/err.h>

#include "narrow_parts.h"

static struct narrow_lane *lane_of(struct pvb_disk *d)
{
	return pvb_container(d, struct narrow_lane, disk);
}

static void inner_changed(struct pvb_disk *inner, void *arg, int gone)
{
	struct narrow_lane *l = arg;

	pvb_narrow_info(&inner->info, &l->disk.info);
	if (l->disk.changed)
		l->disk.changed(&l->disk, l->disk.arg, gone);
}

/* ---- the rest of a disk -------------------------------------------------- */

static int narrow_resized(struct pvb_disk *d, uint64_t size_bytes)
{
	struct pvb_disk *inner = lane_of(d)->inner;
	int r = -EINVAL;

	if (inner->ops->resized)
		r = inner->ops->resized(inner, size_bytes);
	d->info.size_bytes = inner->info.size_bytes;
	return r;
}

static int narrow_extents(struct pvb_disk *d, uint64_t offset_bytes,
                          uint64_t length_bytes, struct pvb_disk_extent *v,
                          uint32_t cap)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	if (!inner->ops->extents)
		return -EOPNOTSUPP;
	return inner->ops->extents(inner, offset_bytes, length_bytes, v, cap);
}

static void *narrow_buffer_get(struct pvb_disk *d, size_t bytes)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	return inner->ops->buffer_get ? inner->ops->buffer_get(inner, bytes)
	                              : NULL;
}

static void narrow_buffer_put(struct pvb_disk *d, void *buffer, size_t bytes)
{
	struct pvb_disk *inner = lane_of(d)->inner;

	inner->ops->buffer_put(inner, buffer, bytes);
}

static void narrow_close(struct pvb_disk *d)
{
	struct narrow_lane *l = lane_of(d);

	assert(pvb_pool_used(&l->pool) == 0);
	pvb_loop_undefer(l->loop, &l->go_on);
	pvb_ranges_lane_fini(&l->ranges);
	pvb_outbox_fini(&l->outbox);
	if (l->ranges.ranges == &l->alone)
		pvb_ranges_fini(&l->alone);
	pvb_pool_fini(&l->pool);
	(void)munmap(l->edges, NARROW_EDGES * sizeof(*l->edges));
	pvb_disk_close(l->inner);
	free(l);
}

/* No probe of its own: it stands on a lane that is open. */
static const struct pvb_disk_ops ops = {
	.scheme = "narrow",
	.summary = "sectors of 512 bytes on a disk of larger ones",
	.close = narrow_close,
	.resized = narrow_resized,
	.submit = narrow_submit,
	.kick = narrow_kick,
	.extents = narrow_extents,
	.buffer_get = narrow_buffer_get,
	.buffer_put = narrow_buffer_put,
};

/* ---- opening ------------------------------------------------------------- */

void pvb_narrow_info(const struct pvb_disk_info *inner,
                     struct pvb_disk_info *out)
{
	uint32_t block = inner->sector_size_bytes;

	*out = *inner;
	out->sector_size_bytes = NARROW_SECTOR_BYTES;
	/* Whole sectors of the disk, or nothing: so no promise that a part of
	   one is gone. */
	out->discard_secure = false;
	if (out->discard_granularity_bytes % block != 0 ||
	    out->discard_granularity_bytes == 0)
		out->discard_granularity_bytes = block;
	if (out->discard_alignment_bytes % block != 0)
		out->discard_alignment_bytes = 0;
	/* A request may get an element and a part of a sector more, at both
	   ends. */
	out->iov_max = inner->iov_max < NARROW_IOV_MAX + 2
		? inner->iov_max - 2 : NARROW_IOV_MAX;
	out->io_max_bytes = inner->io_max_bytes - 2 * block;
}

static int make(struct narrow_lane *l, struct pvb_err *e)
{
	void *p;

	if (l->inner->info.iov_max < 3 ||
	    l->inner->info.io_max_bytes < 3 * NARROW_BLOCK_BYTES)
		return pvb_err_set(e, -EINVAL, "it cannot be read in parts of "
		                   "its sectors: it moves too little at once");
	p = mmap(NULL, NARROW_EDGES * sizeof(*l->edges),
	         PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	l->edges = p;
	if (pvb_pool_init(&l->pool, l->inner->info.depth_max,
	                  sizeof(struct narrow_request)) < 0) {
		(void)munmap(p, NARROW_EDGES * sizeof(*l->edges));
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

static void start(struct narrow_lane *l, struct pvb_loop *loop,
                  struct pvb_ranges *ranges)
{
	l->disk.ops = &ops;
	pvb_narrow_info(&l->inner->info, &l->disk.info);
	l->inner->changed = inner_changed;
	l->inner->arg = l;
	l->loop = loop;
	l->go_on.run = narrow_go_on;
	pvb_outbox_init(&l->outbox, loop);
	pvb_ranges_lane_init(&l->ranges, ranges, loop, narrow_granted);
}

int pvb_narrow_open(struct pvb_loop *loop, struct pvb_disk *inner,
                    struct pvb_ranges *ranges, struct pvb_disk **lane,
                    struct pvb_err *e)
{
	struct narrow_lane *l = calloc(1, sizeof(*l));
	int r = l ? 0 : pvb_err_set(e, -ENOMEM, "out of memory");

	assert(inner->info.sector_size_bytes > NARROW_SECTOR_BYTES &&
	       inner->info.sector_size_bytes <= NARROW_BLOCK_BYTES);
	if (r == 0) {
		l->inner = inner;
		r = make(l, e);
	}
	if (r == 0 && !ranges) {
		ranges = &l->alone;
		(void)pvb_ranges_init(ranges);
	}
	if (r < 0) {
		free(l);
		pvb_disk_close(inner);
		return r;
	}
	start(l, loop, ranges);
	*lane = &l->disk;
	return 0;
}
