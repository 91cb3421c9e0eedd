/* SPDX-License-Identifier: MIT */
/*
 * xen_slots_body.h - the table of xen_slots.h, compiled once for each
 * alignment; XEN_SLOTS is its name.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/io/blkif.h>

#include "xen_slots.h"

static const size_t offsets[] = {
	offsetof(struct blkif_request, operation),
	offsetof(struct blkif_request, nr_segments),
	offsetof(struct blkif_request, handle),
	offsetof(struct blkif_request, id),
	offsetof(struct blkif_request, sector_number),
	offsetof(struct blkif_request, seg),
	sizeof(struct blkif_request),
	offsetof(struct blkif_request_segment, gref),
	offsetof(struct blkif_request_segment, first_sect),
	offsetof(struct blkif_request_segment, last_sect),
	sizeof(struct blkif_request_segment),
	offsetof(struct blkif_request_discard, flag),
	offsetof(struct blkif_request_discard, handle),
	offsetof(struct blkif_request_discard, id),
	offsetof(struct blkif_request_discard, sector_number),
	offsetof(struct blkif_request_discard, nr_sectors),
	offsetof(struct blkif_request_indirect, indirect_op),
	offsetof(struct blkif_request_indirect, nr_segments),
	offsetof(struct blkif_request_indirect, id),
	offsetof(struct blkif_request_indirect, sector_number),
	offsetof(struct blkif_request_indirect, handle),
	offsetof(struct blkif_request_indirect, indirect_grefs),
	offsetof(struct blkif_response, id),
	offsetof(struct blkif_response, operation),
	offsetof(struct blkif_response, status),
	sizeof(struct blkif_response),
};

static uint32_t ring_size(size_t bytes)
{
	blkif_sring_t sring, *s = &sring;       /* for its offsets only */

	return __RING_SIZE(s, bytes);
}

static void segs_write(void *to, const struct pvb_seg *seg, uint32_t n)
{
	struct blkif_request_segment *s = to;

	for (uint32_t i = 0; i < n; i++) {
		s[i].gref = seg[i].gref;
		s[i].first_sect = seg[i].first;
		s[i].last_sect = seg[i].last;
	}
}

static void request_write(void *slot, const struct pvb_blk_req *req)
{
	struct blkif_request *r = slot;
	struct blkif_request_discard *d = slot;
	struct blkif_request_indirect *i = slot;

	if (req->indirect) {
		i->operation = BLKIF_OP_INDIRECT;
		i->indirect_op = req->op;
		i->nr_segments = req->nr_segs;
		i->id = req->id;
		i->sector_number = req->sector;
		i->handle = req->handle;
		memcpy(i->indirect_grefs, req->indirect_gref,
		       sizeof(i->indirect_grefs));
	} else if (req->op == BLKIF_OP_DISCARD) {
		d->operation = BLKIF_OP_DISCARD;
		d->flag = req->secure ? BLKIF_DISCARD_SECURE : 0;
		d->handle = req->handle;
		d->id = req->id;
		d->sector_number = req->sector;
		d->nr_sectors = req->nr_sectors;
	} else {
		r->operation = req->op;
		r->nr_segments = (uint8_t)req->nr_segs;
		r->handle = req->handle;
		r->id = req->id;
		r->sector_number = req->sector;
		segs_write(r->seg, req->seg, req->nr_segs);
	}
}

static void request_read(struct pvb_blk_req *req, const void *slot)
{
	const struct blkif_request *r = slot;
	const struct blkif_request_discard *d = slot;
	const struct blkif_request_indirect *i = slot;

	req->op = r->operation;
	req->id = r->id;
	req->sector = r->sector_number;
	switch (r->operation) {
	case BLKIF_OP_INDIRECT:
		req->indirect = true;
		req->op = i->indirect_op;
		req->nr_segs = i->nr_segments;
		req->handle = i->handle;
		memcpy(req->indirect_gref, i->indirect_grefs,
		       sizeof(req->indirect_gref));
		break;
	case BLKIF_OP_DISCARD:
		req->secure = d->flag & BLKIF_DISCARD_SECURE;
		req->handle = d->handle;
		req->nr_sectors = d->nr_sectors;
		break;
	default:
		req->nr_segs = r->nr_segments;
		req->handle = r->handle;
		for (int n = 0; n < r->nr_segments; n++) {
			req->seg[n].gref = r->seg[n].gref;
			req->seg[n].first = r->seg[n].first_sect;
			req->seg[n].last = r->seg[n].last_sect;
		}
	}
}

static void response_write(void *slot, const struct pvb_blk_rsp *rsp)
{
	struct blkif_response *r = slot;

	r->id = rsp->id;
	r->operation = rsp->op;
	r->status = rsp->status;
}

static void response_read(struct pvb_blk_rsp *rsp, const void *slot)
{
	const struct blkif_response *r = slot;

	rsp->id = r->id;
	rsp->op = r->operation;
	rsp->status = r->status;
}

const struct xen_slots XEN_SLOTS = {
	.slot_bytes = sizeof(union blkif_sring_entry),
	.header_bytes = offsetof(struct blkif_sring, ring),
	.offsets = offsets,
	.nr_offsets = sizeof(offsets) / sizeof(offsets[0]),
	.ring_size = ring_size,
	.request_write = request_write,
	.segs_write = segs_write,
	.response_write = response_write,
	.request_read = request_read,
	.response_read = response_read,
};
