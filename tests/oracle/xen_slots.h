/* SPDX-License-Identifier: MIT */
/*
 * xen_slots.h - blkif slots as Xen's own public header lays them out, behind
 * one table for each alignment of u64.  Knows nothing of blkproto's offsets.
 */
#ifndef TEST_XEN_SLOTS_H
#define TEST_XEN_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/blkproto.h"

struct xen_slots {
	size_t slot_bytes, header_bytes;
	/* Where the header has them, in the order of xen_slots_body.h. */
	const size_t *offsets;
	size_t nr_offsets;
	uint32_t (*ring_size)(size_t bytes);
	/* Field by field, into a slot that is all zeroes. */
	void (*request_write)(void *slot, const struct pvb_blk_req *req);
	void (*segs_write)(void *page, const struct pvb_seg *seg, uint32_t n);
	void (*response_write)(void *slot, const struct pvb_blk_rsp *rsp);
	/* Only fields that the operation has; the rest stays as it is. */
	void (*request_read)(struct pvb_blk_req *req, const void *slot);
	void (*response_read)(struct pvb_blk_rsp *rsp, const void *slot);
};

extern const struct xen_slots xen_slots_64;
extern const struct xen_slots xen_slots_32;

#endif
