/* SPDX-License-Identifier: MIT */
/*
 * fuzz_blkproto.c - any bytes as a request: what decode and check let through
 * is legal by this file's own reading of the rules, and encoding what was
 * decoded comes to rest after one turn.
 *
 * Input: layout and units, limits and geometry (8 bytes), a slot, then the
 * segment blocks or the indirect page.
 */
#include "fuzz.h"

#include "proto/blkproto.h"

struct peer_bytes {
	uint8_t slot[PVB_BLK_SLOT_MAX];
	uint8_t block[32][PVB_BLK_SLOT_MAX];
	uint8_t page[PVB_BLK_PAGE_BYTES];
};

struct limits { enum pvb_abi abi; uint16_t direct, indirect; };

static void geometry_take(struct pvb_blk_geometry *geo, struct fuzz_input *in)
{
	uint8_t flags = fuzz_u8(in);

	memset(geo, 0, sizeof(*geo));
	geo->read_only = flags & 1;
	geo->flush = flags & 2;
	geo->barrier = flags & 4;
	geo->discard = flags & 8;
	geo->discard_secure = flags & 16;
	geo->sector_size_bytes = flags & 32 ? 4096 : 512;
	geo->physical_size_bytes = 4096;
	geo->data_sectors_max = flags & 128 ? 64 : 0;
	geo->sectors = (uint64_t)fuzz_u32(in) << (flags & 64 ? 32 : 0);
}

/* All parts of a request, as a back gathers them. */
static enum pvb_why decode(struct pvb_blk_req *req, const struct limits *l,
			   const struct peer_bytes *from)
{
	enum pvb_why why = pvb_blk_req_decode(req, l->abi, from->slot,
					      l->direct, l->indirect);
	uint32_t i;

	if (why != PVB_OK)
		return why;
	if (!req->indirect)
		for (i = 1; i < pvb_blk_slots(l->abi, req->nr_segs); i++)
			pvb_blk_block_decode(req, l->abi, i, from->block[i]);
	for (i = 0; i < pvb_blk_indirect_pages(req); i++)
		pvb_blk_segs_decode(req, i, from->page);
	return PVB_OK;
}

static void encode(struct peer_bytes *to, const struct limits *l,
		   const struct pvb_blk_req *req)
{
	uint32_t i;

	memset(to, 0, sizeof(*to));
	pvb_blk_req_encode(to->slot, l->abi, req);
	if (!req->indirect)
		for (i = 1; i < pvb_blk_slots(l->abi, req->nr_segs); i++)
			pvb_blk_block_encode(to->block[i], l->abi, req, i);
	for (i = 0; i < pvb_blk_indirect_pages(req); i++)
		pvb_blk_segs_encode(to->page, req, i);
}

static void decoded_holds(const struct pvb_blk_req *req,
			  const struct limits *l, const uint8_t *slot)
{
	FUZZ_CHECK(pvb_blk_req_slots(l->abi, slot, l->direct) ==
		   (req->indirect ? 1 : pvb_blk_slots(l->abi, req->nr_segs)));
	switch (req->op) {
	case PVB_BLK_READ:
	case PVB_BLK_WRITE:
		FUZZ_CHECK(req->nr_segs > 0);
		break;
	case PVB_BLK_BARRIER:
		FUZZ_CHECK(!req->indirect);
		break;
	case PVB_BLK_FLUSH:
	case PVB_BLK_DISCARD:
		FUZZ_CHECK(!req->indirect && req->nr_segs == 0);
		break;
	default:
		FUZZ_CHECK(0);
	}
	FUZZ_CHECK(req->nr_segs <= (req->indirect ? l->indirect : l->direct));
}

static void checked_holds(const struct pvb_blk_req *req,
			  const struct pvb_blk_geometry *geo)
{
	uint32_t unit = geo->sector_size_bytes / 512;
	uint64_t sum = req->op == PVB_BLK_DISCARD ? req->nr_sectors : 0;

	for (uint32_t i = 0; i < req->nr_segs; i++) {
		FUZZ_CHECK(req->seg[i].first <= req->seg[i].last);
		FUZZ_CHECK(req->seg[i].last < 8);
		FUZZ_CHECK(req->seg[i].first % unit == 0);
		FUZZ_CHECK(req->seg[i].last % unit == unit - 1);
		sum += req->seg[i].last - req->seg[i].first + 1u;
	}
	FUZZ_CHECK(sum == req->nr_sectors);
	FUZZ_CHECK(geo->data_sectors_max == 0 || sum <= geo->data_sectors_max ||
		   req->op == PVB_BLK_DISCARD);
	if (req->nr_segs > 0 || req->op == PVB_BLK_DISCARD) {
		FUZZ_CHECK(req->sector % unit == 0 && sum % unit == 0);
		FUZZ_CHECK(req->sector + sum >= req->sector);
		FUZZ_CHECK(req->sector + sum <= geo->sectors);
	}
	if (geo->read_only)
		FUZZ_CHECK(req->op == PVB_BLK_READ || (req->nr_segs == 0 &&
			   req->op != PVB_BLK_DISCARD));
	FUZZ_CHECK(req->op != PVB_BLK_FLUSH || geo->flush);
	FUZZ_CHECK(req->op != PVB_BLK_BARRIER || geo->barrier);
	FUZZ_CHECK(req->op != PVB_BLK_DISCARD || geo->discard);
	FUZZ_CHECK(!req->secure || geo->discard_secure);
}

/* bytes -> request -> bytes -> request -> bytes: the last two are the same. */
static void comes_to_rest(const struct pvb_blk_req *req,
			  const struct limits *l)
{
	static struct peer_bytes once, twice;
	static struct pvb_blk_req again;

	encode(&once, l, req);
	FUZZ_CHECK(decode(&again, l, &once) == PVB_OK);
	FUZZ_CHECK(again.id == req->id && again.op == req->op);
	FUZZ_CHECK(again.sector == req->sector);
	FUZZ_CHECK(again.nr_segs == req->nr_segs);
	encode(&twice, l, &again);
	FUZZ_CHECK(memcmp(&once, &twice, sizeof(once)) == 0);
}

/* From the peer's units and back: nothing is lost of what is legal. */
static void units_hold(const struct pvb_blk_req *req,
		       const struct pvb_blk_geometry *geo)
{
	static struct pvb_blk_req again;

	again = *req;
	pvb_blk_req_to_wire(&again, geo);
	pvb_blk_req_from_wire(&again, geo);
	FUZZ_CHECK(again.sector == req->sector);
	FUZZ_CHECK(again.nr_sectors == req->nr_sectors);
	for (uint32_t i = 0; i < req->nr_segs; i++)
		FUZZ_CHECK(again.seg[i].first == req->seg[i].first &&
			   again.seg[i].last == req->seg[i].last);
}

static void response_holds(const struct limits *l, const uint8_t *bytes)
{
	uint8_t slot[PVB_BLK_SLOT_MAX];
	struct pvb_blk_rsp rsp;

	memcpy(slot, bytes, sizeof(slot));
	pvb_blk_rsp_decode(&rsp, l->abi, slot);
	pvb_blk_rsp_encode(slot, l->abi, &rsp);
	FUZZ_CHECK(memcmp(slot, bytes, sizeof(slot)) == 0);
}

/* What an answer to a refused request must carry. */
static void refusal_holds(const struct pvb_blk_req *req, enum pvb_why why,
			  const struct limits *l, const uint8_t *slot)
{
	uint32_t id_at = l->abi == PVB_ABI_X86_32 ? 4 : 8;
	uint64_t id = 0;

	for (uint32_t i = 8; i-- > 0; )
		id = id << 8 | slot[id_at + i];
	FUZZ_CHECK(req->id == id);
	FUZZ_CHECK(req->op == (slot[0] == 6 ? slot[1] : slot[0]));
	FUZZ_CHECK(why < PVB_WHY_COUNT);
	FUZZ_CHECK(pvb_blk_why_status(why) != PVB_BLK_OKAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct fuzz_input in = { bytes, length };
	static struct peer_bytes from;
	static struct pvb_blk_req req;
	struct pvb_blk_geometry geo;
	struct limits l;
	enum pvb_why why;
	uint8_t kind;

	kind = fuzz_u8(&in);
	l.abi = (enum pvb_abi)(kind % PVB_ABI_COUNT);
	l.direct = fuzz_u8(&in);
	l.indirect = fuzz_u8(&in);
	geometry_take(&geo, &in);
	geo.units = (enum pvb_blk_units)(kind / PVB_ABI_COUNT %
					 PVB_BLK_UNITS_COUNT);
	fuzz_take(&in, from.slot, sizeof(from.slot));
	memset(from.block, 0, sizeof(from.block));
	memset(from.page, 0, sizeof(from.page));
	if (from.slot[0] == PVB_BLK_INDIRECT)
		fuzz_take(&in, from.page, sizeof(from.page));
	else
		fuzz_take(&in, from.block[1], sizeof(from.block) -
			  sizeof(from.block[0]));

	FUZZ_CHECK(pvb_blk_req_slots(l.abi, from.slot, l.direct) <=
		   PVB_BLK_SLOTS_MAX);
	response_holds(&l, from.slot);
	memset(&req, 0xee, sizeof(req));
	why = decode(&req, &l, &from);
	if (why != PVB_OK) {
		refusal_holds(&req, why, &l, from.slot);
		return 0;
	}
	decoded_holds(&req, &l, from.slot);
	comes_to_rest(&req, &l);
	pvb_blk_req_from_wire(&req, &geo);
	why = pvb_blk_req_check(&req, &geo);
	if (why != PVB_OK) {
		refusal_holds(&req, why, &l, from.slot);
		return 0;
	}
	checked_holds(&req, &geo);
	if (req.nr_segs > 0 || req.op == PVB_BLK_DISCARD)
		units_hold(&req, &geo);
	return 0;
}
