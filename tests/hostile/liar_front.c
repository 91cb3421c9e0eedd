/* SPDX-License-Identifier: MIT */
#include "liar_front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { GAP_PAGES = 300 };

static void attach(struct liar_front *l)
{
	struct pvb_blk_msg m;

	pair_back_attach_msg(&l->pair, &m);
	m.u.back_attach.abi = (uint8_t)l->abi;
	m.u.back_attach.ring_ref[0] = l->ring_ref;
	m.u.back_attach.port = l->port;
	pair_send_back_attach(&l->pair, &m);
	(void)control_wait(&l->pair.back, PVB_BLK_MSG_ATTACHED);
}

void liar_front_init(struct liar_front *l, const struct pair_options *o,
                     enum pvb_abi abi)
{
	static const struct pair_options usual;
	const struct pvb_mem_ops *ops;
	uint32_t unused[GAP_PAGES];
	void *at;

	memset(l, 0, sizeof(*l));
	l->abi = abi;
	pair_init(&l->pair, o ? o : &usual);
	l->mem = mem_direct_open(l->pair.machine, PAIR_FRONT);
	ops = l->mem->ops;
	assert_int_equal(ops->share(l->mem, PAIR_BACK, LIAR_PAGES, false, &at,
	                            l->gref), 0);
	l->page = at;
	/* So that the ring's reference differs from theirs in two bytes: what
	   is changed at random does not become it. */
	assert_int_equal(ops->share(l->mem, PAIR_BACK, GAP_PAGES, false, &at,
	                            unused), 0);
	ops->unshare(l->mem, at, GAP_PAGES);
	assert_int_equal(ops->share(l->mem, PAIR_BACK, 1, false, &l->ring_page,
	                            &l->ring_ref), 0);
	assert_int_equal(ops->offer(l->mem, PAIR_BACK, &l->port), 0);
	pvb_ring_format(l->ring_page, PVB_MEM_PAGE_BYTES);
	l->indices = l->ring_page;
	assert_int_equal(pvb_ring_attach(&l->ring, PVB_FRONT, l->ring_page,
	                                 PVB_MEM_PAGE_BYTES,
	                                 pvb_blk_slot_bytes(abi)), 0);
	attach(l);
}

void liar_front_fini(struct liar_front *l)
{
	const struct pvb_mem_ops *ops = l->mem->ops;

	control_say(&l->pair.back, PVB_BLK_MSG_DETACH);
	while (l->pair.back.got_count == 0 ||
	       l->pair.back.got[l->pair.back.got_count - 1].type !=
	       PVB_BLK_MSG_DETACHED)
		pair_turn(&l->pair);
	ops->unbind(l->mem, l->port);
	ops->unshare(l->mem, l->ring_page, 1);
	ops->unshare(l->mem, l->page, LIAR_PAGES);
	pvb_mem_close(l->mem);
	pair_fini(&l->pair);
}

struct pvb_blk_req liar_read(const struct liar_front *l)
{
	struct pvb_blk_req r = {
		.id = 0x1122334455667788, .op = PVB_BLK_READ, .nr_segs = 1,
	};

	r.seg[0] = (struct pvb_seg){ l->gref[0], 0, 7 };
	return r;
}

void liar_write_list(struct liar_front *l, uint32_t page,
                     const struct pvb_blk_req *r)
{
	struct pvb_blk_req list = *r;

	list.indirect = true;
	pvb_blk_segs_encode(l->page + page * PVB_MEM_PAGE_BYTES, &list, 0);
}

void liar_bell(struct liar_front *l)
{
	l->mem->ops->notify(l->mem, l->port);
}

void liar_send_raw(struct liar_front *l, const void *slot)
{
	assert_true(pvb_ring_room(&l->ring) > 0);
	memcpy(pvb_ring_out(&l->ring, 0), slot, l->ring.slot_bytes);
	pvb_ring_push(&l->ring, 1);
	(void)pvb_ring_publish(&l->ring);
	liar_bell(l);
}

uint32_t liar_slots(const struct liar_front *l, const struct pvb_blk_req *r)
{
	bool blocks = l->pair.options.blocks.segs_max > 0 && !r->indirect;

	return blocks ? pvb_blk_slots(l->abi, r->nr_segs) : 1;
}

void liar_send_part(struct liar_front *l, const struct pvb_blk_req *r,
                    uint32_t shown)
{
	uint32_t slots = liar_slots(l, r);

	assert_true(pvb_ring_room(&l->ring) >= slots && shown <= slots);
	pvb_blk_req_encode(pvb_ring_out(&l->ring, 0), l->abi, r);
	for (uint32_t i = 1; i < slots; i++)
		pvb_blk_block_encode(pvb_ring_out(&l->ring, i), l->abi, r, i);
	pvb_ring_push(&l->ring, shown);
	(void)pvb_ring_publish(&l->ring);
	liar_bell(l);
}

void liar_send(struct liar_front *l, const struct pvb_blk_req *r)
{
	liar_send_part(l, r, liar_slots(l, r));
}

struct pvb_blk_rsp liar_answer(struct liar_front *l)
{
	return liar_answer_of(l, 1);
}

struct pvb_blk_rsp liar_answer_of(struct liar_front *l, uint32_t slots)
{
	unsigned char slot[PVB_BLK_SLOT_MAX];
	struct pvb_blk_rsp rsp;

	while (pvb_ring_waiting(&l->ring) == 0)
		pair_turn(&l->pair);
	assert_in_range(pvb_ring_waiting(&l->ring), slots, l->ring.size);
	pvb_ring_copy(&l->ring, 0, slot);
	pvb_ring_commit(&l->ring, slots);
	pvb_blk_rsp_decode(&rsp, l->abi, slot);
	return rsp;
}

uint64_t liar_refused(struct liar_front *l, enum pvb_why why)
{
	struct pvb_counts c;

	pair_counts(&l->pair, &c);
	return c.refused[why];
}

static uint64_t refused_in_all(struct liar_front *l)
{
	uint64_t sum = 0;

	for (int i = 0; i < PVB_WHY_COUNT; i++)
		sum += liar_refused(l, (enum pvb_why)i);
	return sum;
}

void liar_expect(struct liar_front *l, const struct pvb_blk_req *r,
                 enum pvb_why why, int16_t status)
{
	uint64_t before = liar_refused(l, why), all = refused_in_all(l);
	uint64_t more = why != PVB_OK;
	struct pvb_blk_rsp rsp;

	liar_send(l, r);
	rsp = liar_answer_of(l, liar_slots(l, r));
	assert_int_equal(rsp.id, r->id);
	/* Of an indirect one, the inner operation. */
	assert_int_equal(rsp.op, r->op);
	assert_int_equal(rsp.status, status);
	if (why != PVB_OK && liar_refused(l, why) != before + 1)
		for (int i = 0; i < PVB_WHY_COUNT; i++)
			print_error("%s: %d\n", pvb_why_name(i),
			            (int)liar_refused(l, i));
	while (l->pair.back.refused[why] < more)
		pair_turn(&l->pair);
	/* Told once, however often it is refused. */
	assert_int_equal(l->pair.back.refused[why], more);
	assert_int_equal(liar_refused(l, why), before + more);
	assert_int_equal(refused_in_all(l), all + more);
}

void liar_expect_alive(struct liar_front *l)
{
	struct pvb_blk_req r = liar_read(l);

	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
}
