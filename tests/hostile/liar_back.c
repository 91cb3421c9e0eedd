/* SPDX-License-Identifier: MIT */
#include "liar_back.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void liar_back_init(struct liar_back *l, const struct pair_options *o)
{
	const struct pvb_mem_ops *ops;

	memset(l, 0, sizeof(*l));
	pair_init(&l->pair, o);
	l->rig.loop = l->pair.loop;
	l->rig.disk = l->pair.disk;
	l->mem = mem_direct_open(l->pair.machine, PAIR_BACK);
	ops = l->mem->ops;
	pair_front_attach(&l->pair);
	assert_int_equal(ops->map(l->mem, PAIR_FRONT,
	                          l->pair.attached.ring_ref, 1, false,
	                          &l->ring_page), 0);
	assert_int_equal(ops->bind(l->mem, PAIR_FRONT, l->pair.attached.port,
	                           &l->port), 0);
	l->indices = l->ring_page;
	assert_int_equal(pvb_ring_attach(&l->ring, PVB_BACK, l->ring_page,
		PVB_MEM_PAGE_BYTES, pvb_blk_slot_bytes(pvb_abi_native())), 0);
	pair_go(&l->pair);
}

void liar_back_fini(struct liar_back *l)
{
	l->mem->ops->unbind(l->mem, l->port);
	l->mem->ops->unmap(l->mem, l->ring_page, 1);
	pvb_mem_close(l->mem);
	pair_fini(&l->pair);
}

unsigned char *liar_page(struct liar_back *l, uint32_t gref)
{
	void *page = mem_direct_page(l->pair.machine, gref);

	assert_non_null(page);
	return page;
}

static bool take(struct liar_back *l, struct pvb_blk_req *r)
{
	uint16_t segs_max = l->pair.geometry.segs_direct_max;
	unsigned char slot[PVB_BLK_SLOT_MAX];
	uint32_t slots;

	if (pvb_ring_waiting(&l->ring) <= 0)
		return false;
	pvb_ring_copy(&l->ring, 0, slot);
	assert_int_equal(pvb_blk_req_decode(r, pvb_abi_native(), slot,
	                                    segs_max, PVB_BLK_SEGS_MAX),
	                 PVB_OK);
	slots = pvb_blk_req_slots(pvb_abi_native(), slot, segs_max);
	assert_true(slots <= pvb_ring_seen(&l->ring));
	for (uint32_t i = 1; i < slots; i++) {
		pvb_ring_copy(&l->ring, i, slot);
		pvb_blk_block_decode(r, pvb_abi_native(), i, slot);
	}
	pvb_ring_commit(&l->ring, slots);
	if (r->indirect)
		pvb_blk_segs_decode(r, 0, liar_page(l, r->indirect_gref[0]));
	return true;
}

struct pvb_blk_req liar_take(struct liar_back *l)
{
	struct pvb_blk_req r;

	while (!take(l, &r))
		assert_int_equal(pvb_loop_turn(l->pair.loop, false), 0);
	return r;
}

void liar_expect_none(struct liar_back *l)
{
	pair_settle(&l->pair);
	assert_int_equal(pvb_ring_waiting(&l->ring), 0);
}

void liar_answer_as(struct liar_back *l, uint64_t id, uint8_t op,
                    int16_t status)
{
	liar_answer_in(l, id, op, status, 1);
}

void liar_answer_in(struct liar_back *l, uint64_t id, uint8_t op,
                    int16_t status, uint32_t slots)
{
	const struct pvb_blk_rsp rsp = { id, op, status };

	pvb_blk_rsp_encode(pvb_ring_out(&l->ring, 0), pvb_abi_native(), &rsp);
	pvb_ring_push(&l->ring, slots);
	(void)pvb_ring_publish(&l->ring);
	l->mem->ops->notify(l->mem, l->port);
}

void liar_publish(struct liar_back *l, uint32_t rsp_prod)
{
	atomic_store(&l->indices[2], rsp_prod);
	l->mem->ops->notify(l->mem, l->port);
}

void liar_expect_failed(struct liar_back *l, enum pvb_why why)
{
	struct pvb_blk_msg m = control_wait(&l->pair.front,
	                                    PVB_BLK_MSG_FAILED);

	assert_string_equal(pvb_why_name(m.u.failed.why), pvb_why_name(why));
	assert_true(m.u.failed.text[0] != '\0');
	pair_settle(&l->pair);
	assert_int_equal(l->pair.front.got_count, 0);
	assert_false(l->pair.live);
	assert_int_equal(rig_do(&l->rig, PVB_IO_READ, 0, 0, 512), -ESHUTDOWN);
}

void liar_submit(struct liar_back *l, struct req *q, enum pvb_io_op op,
                 uint64_t offset, uint64_t length)
{
	req_init(q, &l->rig, op, offset, length);
	assert_int_equal(req_submit(q), 0);
	rig_kick(&l->rig);
}
