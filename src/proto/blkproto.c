/* SPDX-License-Identifier: MIT */
/* blkproto.c - names and sizes, and that they are those of the wire; see
   blkproto.h. */
#include "blkproto.h"

#include <stddef.h>

#include "blkproto_layout.h"

/* ---- one truth with pvb/blkif.h ------------------------------------------ */

#define SAME(ours, wire) \
	_Static_assert((int)(ours) == (int)(wire), #ours " is " #wire)
#define SIZE(layout, kind) (sizeof(struct blkif_##layout##_##kind))
#define AT(layout, kind, field) \
	offsetof(struct blkif_##layout##_##kind, field)
/* In front of `id` a field is at one place in both layouts; from there on it
   is at one distance. */
#define SAME_HEAD(kind, field) \
	SAME(AT(x86_32, kind, field), AT(x86_64, kind, field))
#define SAME_TAIL(kind, field) \
	SAME(AT(x86_32, kind, field) - AT(x86_32, kind, id), \
	     AT(x86_64, kind, field) - AT(x86_64, kind, id))

SAME(PVB_BLK_READ, BLKIF_OP_READ);
SAME(PVB_BLK_WRITE, BLKIF_OP_WRITE);
SAME(PVB_BLK_BARRIER, BLKIF_OP_WRITE_BARRIER);
SAME(PVB_BLK_FLUSH, BLKIF_OP_FLUSH_DISKCACHE);
SAME(PVB_BLK_DISCARD, BLKIF_OP_DISCARD);
SAME(PVB_BLK_INDIRECT, BLKIF_OP_INDIRECT);
SAME(PVB_BLK_OKAY, BLKIF_RSP_OKAY);
SAME(PVB_BLK_ERROR, BLKIF_RSP_ERROR);
SAME(PVB_BLK_EOPNOTSUPP, BLKIF_RSP_EOPNOTSUPP);

SAME(PVB_BLK_SEGS_DIRECT, BLKIF_MAX_SEGMENTS_PER_HEADER_BLOCK);
SAME(PVB_BLK_SEGS_BLOCK, PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_64);
SAME(PVB_BLK_SEGS_BLOCK_X32, PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_32);
SAME(PVB_BLK_SEGS_BLOCKS_MAX, BLKIF_MAX_SEGS_PER_REQUEST);
SAME(PVB_BLK_INDIRECT_PAGES, BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST);
SAME(PVB_BLK_SEG_BYTES, sizeof(struct blkif_request_segment));
SAME(PVB_BLK_SEGS_PAGE, PVB_BLK_PAGE_BYTES / PVB_BLK_SEG_BYTES);
SAME(PVB_BLK_SLOT_MAX, PVB_BLKIF_SLOT_BYTES_X86_64);

SAME(SIZE(x86_32, request), PVB_BLKIF_SLOT_BYTES_X86_32);
SAME(SIZE(x86_64, request), PVB_BLKIF_SLOT_BYTES_X86_64);
SAME_HEAD(request, operation);
SAME_HEAD(request, nr_segments);
SAME_HEAD(request, handle);
SAME_TAIL(request, sector_number);
SAME_TAIL(request, seg);
SAME_HEAD(request_discard, operation);
SAME_HEAD(request_discard, flag);
SAME(PVB_BLK_AT(request_discard, handle), PVB_BLK_AT_HANDLE);
SAME_HEAD(request_discard, handle);
SAME_TAIL(request_discard, sector_number);
SAME_TAIL(request_discard, nr_sectors);
SAME_HEAD(request_indirect, operation);
SAME_HEAD(request_indirect, indirect_op);
SAME_HEAD(request_indirect, nr_segments);
SAME_TAIL(request_indirect, sector_number);
SAME_TAIL(request_indirect, handle);
SAME_TAIL(request_indirect, indirect_grefs);
SAME_HEAD(response, id);
SAME_HEAD(response, operation);
SAME_HEAD(response, status);
/* All requests have `id` where the first has it. */
SAME(AT(x86_32, request_discard, id), AT(x86_32, request, id));
SAME(AT(x86_64, request_discard, id), AT(x86_64, request, id));
SAME(AT(x86_32, request_indirect, id), AT(x86_32, request, id));
SAME(AT(x86_64, request_indirect, id), AT(x86_64, request, id));
/* And `nr_sectors` where the segments would be. */
SAME(AT(x86_64, request_discard, nr_sectors), AT(x86_64, request, seg));

/* ---- names and sizes ----------------------------------------------------- */

const char *pvb_abi_name(enum pvb_abi abi)
{
	switch (abi) {
	case PVB_ABI_X86_32:
		return XEN_IO_PROTO_ABI_X86_32;
	case PVB_ABI_X86_64:
		return XEN_IO_PROTO_ABI_X86_64;
	case PVB_ABI_ARM:
		return XEN_IO_PROTO_ABI_ARM;
	case PVB_ABI_COUNT:
		break;
	}
	return NULL;
}

enum pvb_abi pvb_abi_native(void)
{
#if defined(__i386__)
	return PVB_ABI_X86_32;
#elif defined(__arm__) || defined(__aarch64__)
	return PVB_ABI_ARM;
#else
	/* Others have no name on the wire, but this layout. */
	return PVB_ABI_X86_64;
#endif
}

const char *pvb_blk_op_name(uint32_t op)
{
	switch (op) {
	case PVB_BLK_READ:
		return "read";
	case PVB_BLK_WRITE:
		return "write";
	case PVB_BLK_BARRIER:
		return "barrier";
	case PVB_BLK_FLUSH:
		return "flush";
	case PVB_BLK_DISCARD:
		return "discard";
	case PVB_BLK_INDIRECT:
		return "indirect";
	default:
		return "?";
	}
}

uint32_t pvb_blk_slot_bytes(enum pvb_abi abi)
{
	return pvb_blk_id_at(abi) + PVB_BLK_AFTER_ID_END;
}

uint32_t pvb_blk_slots(enum pvb_abi abi, uint32_t nr_segs)
{
	uint32_t per_block = pvb_blk_block_segs(abi);

	if (nr_segs <= PVB_BLK_SEGS_DIRECT)
		return 1;
	return 1 + (nr_segs - PVB_BLK_SEGS_DIRECT + per_block - 1) / per_block;
}

uint32_t pvb_blk_req_slots(enum pvb_abi abi, const void *slot,
			   uint16_t segs_direct_max)
{
	const uint8_t *s = slot;

	if (segs_direct_max <= PVB_BLK_SEGS_DIRECT)
		return 1;
	switch (s[PVB_BLK_AT_OP]) {
	case PVB_BLK_READ:
	case PVB_BLK_WRITE:
	case PVB_BLK_BARRIER:
	case PVB_BLK_FLUSH:
		return pvb_blk_slots(abi, s[PVB_BLK_AT_NR_SEGS]);
	default:
		return 1;       /* what stands there is no count */
	}
}

uint32_t pvb_blk_indirect_pages(const struct pvb_blk_req *req)
{
	if (!req->indirect)
		return 0;
	return (req->nr_segs + PVB_BLK_SEGS_PAGE - 1u) / PVB_BLK_SEGS_PAGE;
}

uint32_t pvb_blk_indirect_count(const struct pvb_blk_req *req, uint32_t i)
{
	uint32_t left;

	if (i >= pvb_blk_indirect_pages(req))
		return 0;
	left = req->nr_segs - i * PVB_BLK_SEGS_PAGE;
	return left < PVB_BLK_SEGS_PAGE ? left : PVB_BLK_SEGS_PAGE;
}

int16_t pvb_blk_why_status(enum pvb_why why)
{
	switch (why) {
	case PVB_OK:
		return PVB_BLK_OKAY;
	case PVB_WHY_OP_UNKNOWN:
	case PVB_WHY_OP_NOT_OFFERED:
	case PVB_WHY_DISCARD_FLAG:
		/* A front takes this as: never ask for it again. */
		return PVB_BLK_EOPNOTSUPP;
	default:
		return PVB_BLK_ERROR;
	}
}
