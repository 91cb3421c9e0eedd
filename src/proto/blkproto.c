/* SPDX-License-Identifier: MIT */
/* blkproto.c - names and sizes; see blkproto.h. */
#include "blkproto.h"

#include <stddef.h>

#include "blkproto_layout.h"

const char *pvb_abi_name(enum pvb_abi abi)
{
	switch (abi) {
	case PVB_ABI_X86_32:
		return "x86_32-abi";
	case PVB_ABI_X86_64:
		return "x86_64-abi";
	case PVB_ABI_ARM:
		return "arm-abi";
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
