/* SPDX-License-Identifier: MIT */
/*
 * Fronts that lie, one lie a test: each is answered, refused for its one
 * reason, and the back goes on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liar_front.h"

enum { DISK_SECTORS = (32 << 20) / 512 };

static int make_as(void **state, const struct pair_options *o,
                   enum pvb_abi abi)
{
	struct liar_front *l = calloc(1, sizeof(*l));

	liar_front_init(l, o, abi);
	*state = l;
	return 0;
}

static int make(void **state)
{
	return make_as(state, NULL, PVB_ABI_X86_64);
}

static int make_x86_32(void **state)
{
	return make_as(state, NULL, PVB_ABI_X86_32);
}

static int make_read_only(void **state)
{
	return make_as(state, &(struct pair_options){
		.disk_flags = PVB_DISK_READ_ONLY }, PVB_ABI_X86_64);
}

static int make_4k(void **state)
{
	return make_as(state, &(struct pair_options){
		.uri = "mem:32M?sector-size=4096" }, PVB_ABI_X86_64);
}

static int make_bare(void **state)
{
	return make_as(state, &(struct pair_options){
		.no_flush = true, .no_discard = true }, PVB_ABI_X86_64);
}

static int make_insecure(void **state)
{
	return make_as(state, &(struct pair_options){ .no_secure = true },
	               PVB_ABI_X86_64);
}

static int make_copying(void **state)
{
	return make_as(state, &(struct pair_options){ .no_window = true },
	               PVB_ABI_X86_64);
}

static int unmake(void **state)
{
	struct liar_front *l = *state;

	liar_front_fini(l);
	free(l);
	return 0;
}

/* ---- segments ------------------------------------------------------------ */

static void a_last_sector_beyond_the_page(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	for (int last = 8; last < 256; last += 31) {
		r.seg[0].last = (uint8_t)last;
		liar_expect(l, &r, PVB_WHY_SEG_PAGE, PVB_BLK_ERROR);
	}
	liar_expect_alive(l);
}

static void a_first_sector_after_the_last(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.seg[0].first = 5;
	r.seg[0].last = 4;
	liar_expect(l, &r, PVB_WHY_SEG_ORDER, PVB_BLK_ERROR);
	r.seg[0].first = 255;
	liar_expect(l, &r, PVB_WHY_SEG_ORDER, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

static void more_segments_than_a_slot_holds(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	unsigned char slot[PVB_BLK_SLOT_MAX];

	pvb_blk_req_encode(slot, l->abi, &r);
	for (int n = 12; n < 256; n++) {
		slot[1] = (unsigned char)n;
		liar_send_raw(l, slot);
		assert_int_equal(liar_answer(l).status, PVB_BLK_ERROR);
	}
	assert_int_equal(liar_refused(l, PVB_WHY_SEG_COUNT), 256 - 12);
	liar_expect_alive(l);
}

static void no_segment_where_data_is_due(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.nr_segs = 0;
	liar_expect(l, &r, PVB_WHY_SEG_COUNT, PVB_BLK_ERROR);
	r.op = PVB_BLK_WRITE;
	liar_expect(l, &r, PVB_WHY_SEG_COUNT, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

static void a_flush_that_carries_data(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.op = PVB_BLK_FLUSH;
	liar_expect(l, &r, PVB_WHY_SEG_COUNT, PVB_BLK_ERROR);
	r.nr_segs = 0;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
}

static void half_a_large_sector(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.seg[0].last = 3;
	liar_expect(l, &r, PVB_WHY_SECTOR_ALIGN, PVB_BLK_ERROR);
	r = liar_read(l);
	r.sector = 4;
	liar_expect(l, &r, PVB_WHY_SECTOR_ALIGN, PVB_BLK_ERROR);
	r.op = PVB_BLK_DISCARD;
	r.nr_segs = 0;
	r.nr_sectors = 8;
	liar_expect(l, &r, PVB_WHY_SECTOR_ALIGN, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

/* ---- range --------------------------------------------------------------- */

static void one_sector_past_the_end(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.sector = DISK_SECTORS - 8;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	r.sector++;
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	r.op = PVB_BLK_WRITE;
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
}

static void a_sum_beyond_64_bits(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.sector = UINT64_MAX - 3;
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	r.sector = UINT64_MAX / 512 + 1;        /* as bytes it is 0 */
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	r.op = PVB_BLK_DISCARD;
	r.nr_segs = 0;
	r.sector = 8;
	r.nr_sectors = UINT64_MAX;
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	r.nr_sectors = UINT64_MAX / 512 + 1;
	liar_expect(l, &r, PVB_WHY_RANGE, PVB_BLK_ERROR);
	r.nr_sectors = 0;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	liar_expect_alive(l);
}

/* ---- operations ---------------------------------------------------------- */

static void operations_that_mean_nothing(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	static const uint8_t ops[] = { 4, 7, 8, 127, 128, 255 };
	unsigned char slot[PVB_BLK_SLOT_MAX];

	pvb_blk_req_encode(slot, l->abi, &r);
	for (size_t i = 0; i < sizeof(ops); i++) {
		struct pvb_blk_rsp rsp;

		slot[0] = ops[i];
		liar_send_raw(l, slot);
		rsp = liar_answer(l);
		assert_int_equal(rsp.status, PVB_BLK_EOPNOTSUPP);
		assert_int_equal(rsp.op, ops[i]);
		assert_int_equal(rsp.id, r.id);
	}
	assert_int_equal(liar_refused(l, PVB_WHY_OP_UNKNOWN), sizeof(ops));
	liar_expect_alive(l);
}

static void operations_that_were_not_offered(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = { .id = 5, .op = PVB_BLK_FLUSH };

	liar_expect(l, &r, PVB_WHY_OP_NOT_OFFERED, PVB_BLK_EOPNOTSUPP);
	r.op = PVB_BLK_BARRIER;
	liar_expect(l, &r, PVB_WHY_OP_NOT_OFFERED, PVB_BLK_EOPNOTSUPP);
	r.op = PVB_BLK_DISCARD;
	r.nr_sectors = 8;
	liar_expect(l, &r, PVB_WHY_OP_NOT_OFFERED, PVB_BLK_EOPNOTSUPP);
	liar_expect_alive(l);
}

static void a_secure_discard_that_was_not_offered(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = {
		.id = 5, .op = PVB_BLK_DISCARD, .nr_sectors = 8, .secure = true,
	};

	liar_expect(l, &r, PVB_WHY_DISCARD_FLAG, PVB_BLK_EOPNOTSUPP);
	liar_expect_alive(l);
}

static void changes_on_a_read_only_disk(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	memset(l->page, 0x77, PVB_MEM_PAGE_BYTES);
	r.op = PVB_BLK_WRITE;
	liar_expect(l, &r, PVB_WHY_READ_ONLY, PVB_BLK_ERROR);
	r.op = PVB_BLK_BARRIER;
	liar_expect(l, &r, PVB_WHY_READ_ONLY, PVB_BLK_ERROR);
	r.op = PVB_BLK_WRITE;
	r.indirect = true;
	r.indirect_gref[0] = l->gref[1];
	liar_write_list(l, 1, &r);
	liar_expect(l, &r, PVB_WHY_READ_ONLY, PVB_BLK_ERROR);
	r = (struct pvb_blk_req){ .id = 1, .op = PVB_BLK_DISCARD,
	                          .nr_sectors = 8 };
	liar_expect(l, &r, PVB_WHY_READ_ONLY, PVB_BLK_ERROR);
	liar_expect_alive(l);
	for (int i = 0; i < PVB_MEM_PAGE_BYTES; i++)
		assert_int_equal(l->page[i], 0);
}

/* ---- indirect ------------------------------------------------------------ */

static struct pvb_blk_req indirect(struct liar_front *l)
{
	struct pvb_blk_req r = liar_read(l);

	r.indirect = true;
	r.nr_segs = 12;
	for (int i = 0; i < 12; i++)
		r.seg[i] = (struct pvb_seg){ l->gref[2], 0, 7 };
	r.indirect_gref[0] = l->gref[1];
	liar_write_list(l, 1, &r);
	return r;
}

static void an_indirect_request_that_is_honest(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = indirect(l);

	/* The same page again and again is odd, but nobody's business. */
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
}

static void an_indirect_count_of_none_or_too_many(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = indirect(l);
	static const uint16_t counts[] = { 0, 257, 4096, 4097, 65535 };
	unsigned char slot[PVB_BLK_SLOT_MAX];

	pvb_blk_req_encode(slot, l->abi, &r);
	for (int i = 0; i < 5; i++) {
		slot[2] = (unsigned char)counts[i];
		slot[3] = (unsigned char)(counts[i] >> 8);
		liar_send_raw(l, slot);
		assert_int_equal(liar_answer(l).status, PVB_BLK_ERROR);
	}
	assert_int_equal(liar_refused(l, PVB_WHY_INDIRECT_COUNT), 5);
	liar_expect_alive(l);
}

static void an_inner_operation_that_cannot_be(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = indirect(l);
	unsigned char slot[PVB_BLK_SLOT_MAX];

	pvb_blk_req_encode(slot, l->abi, &r);
	for (int op = 2; op < 256; op++) {
		slot[1] = (unsigned char)op;
		liar_send_raw(l, slot);
		assert_int_equal(liar_answer(l).status, PVB_BLK_ERROR);
	}
	assert_int_equal(liar_refused(l, PVB_WHY_INDIRECT_OP), 254);
	liar_expect_alive(l);
}

static void lies_in_an_indirect_list(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = indirect(l);

	r.seg[11].last = 8;
	liar_write_list(l, 1, &r);
	liar_expect(l, &r, PVB_WHY_SEG_PAGE, PVB_BLK_ERROR);
	r.seg[11] = (struct pvb_seg){ 1, 0, 7 };
	liar_write_list(l, 1, &r);
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	r.indirect_gref[0] = 0xffffffff;
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

/* The list is read once, before what it lists is overwritten. */
static void a_list_that_the_read_itself_overwrites(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = indirect(l);

	r.seg[0].gref = r.seg[5].gref = l->gref[1];
	liar_write_list(l, 1, &r);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	liar_expect_alive(l);
}

static void a_list_in_the_ring_itself(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = indirect(l);
	struct pvb_blk_rsp rsp;

	r.indirect_gref[0] = l->ring_ref;
	liar_send(l, &r);
	rsp = liar_answer(l);
	assert_int_equal(rsp.id, r.id);
	assert_int_equal(rsp.status, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

/* ---- grants -------------------------------------------------------------- */

static void pages_that_were_never_granted(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	static const uint32_t grefs[] = { 0, 1, 7, 20000, 0x7fffffff,
	                                  0x80000000, 0xffffffff };

	for (size_t i = 0; i < sizeof(grefs) / sizeof(grefs[0]); i++) {
		r.seg[0].gref = grefs[i];
		liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	}
	liar_expect_alive(l);
}

static void a_bad_page_among_good_ones(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.nr_segs = 11;
	for (int bad = 0; bad < 11; bad++) {
		for (int i = 0; i < 11; i++)
			r.seg[i] = (struct pvb_seg){ l->gref[i], 0, 7 };
		r.seg[bad].gref = 1;
		liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	}
	liar_expect_alive(l);
}

static void pages_granted_to_somebody_else(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	void *page;

	assert_int_equal(l->mem->ops->share(l->mem, 42, 1, false, &page,
	                                    &r.seg[0].gref), 0);
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	l->mem->ops->unshare(l->mem, page, 1);
	liar_expect_alive(l);
}

static void a_page_that_may_not_be_written(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	unsigned char *bytes;
	void *page;

	assert_int_equal(l->mem->ops->share(l->mem, PAIR_BACK, 1, true, &page,
	                                    &r.seg[0].gref), 0);
	bytes = page;
	memset(page, 0x3c, PVB_MEM_PAGE_BYTES);
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	for (int i = 0; i < PVB_MEM_PAGE_BYTES; i++)
		assert_int_equal(bytes[i], 0x3c);
	r.op = PVB_BLK_WRITE;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	l->mem->ops->unshare(l->mem, page, 1);
}

static void a_page_that_was_taken_back(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	void *page;

	assert_int_equal(l->mem->ops->share(l->mem, PAIR_BACK, 1, false, &page,
	                                    &r.seg[0].gref), 0);
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	l->mem->ops->unshare(l->mem, page, 1);
	liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	liar_expect_alive(l);
}

static void the_ring_as_a_data_page(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	/* Written out: the disk gets some bytes of the ring, that is all. */
	r.seg[0].gref = l->ring_ref;
	r.op = PVB_BLK_WRITE;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	liar_expect_alive(l);
	/* Read into: the disk's zeros lie over the indices, and what comes of
	   it only hurts this ring. */
	r.sector = 8;
	r.op = PVB_BLK_READ;
	liar_send(l, &r);
	pair_settle(&l->pair);
}

/* ---- indices ------------------------------------------------------------- */

static void expect_broken(struct liar_front *l)
{
	struct pvb_blk_msg m;

	liar_bell(l);
	m = control_wait(&l->pair.back, PVB_BLK_MSG_FAILED);
	assert_int_equal(m.u.failed.why, PVB_WHY_RING_INDEX);
	assert_int_equal(liar_refused(l, PVB_WHY_RING_INDEX), 1);
	/* Said once; whatever else happens on this ring is not looked at. */
	atomic_store(&l->indices->req_prod, 1);
	liar_bell(l);
	pair_settle(&l->pair);
	assert_int_equal(l->pair.back.got_count, 0);
	assert_int_equal(liar_refused(l, PVB_WHY_RING_INDEX), 1);
}

static void an_index_that_jumps(void **state)
{
	struct liar_front *l = *state;

	liar_expect_alive(l);
	atomic_store(&l->indices->req_prod, 1 + 33);
	expect_broken(l);
}

static void an_index_that_goes_back(void **state)
{
	struct liar_front *l = *state;

	liar_expect_alive(l);
	liar_expect_alive(l);
	atomic_store(&l->indices->req_prod, 1);
	expect_broken(l);
}

static void an_index_half_way_round(void **state)
{
	struct liar_front *l = *state;

	atomic_store(&l->indices->req_prod, UINT32_C(1) << 31);
	expect_broken(l);
}

static void indices_that_are_wrong_from_the_start(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_msg m;

	control_say(&l->pair.back, PVB_BLK_MSG_DETACH);
	(void)control_wait(&l->pair.back, PVB_BLK_MSG_DETACHED);
	atomic_store(&l->indices->req_prod, 100);
	atomic_store(&l->indices->rsp_prod, 1);
	pair_back_attach_msg(&l->pair, &m);
	m.u.back_attach.ring_ref[0] = l->ring_ref;
	m.u.back_attach.port = l->port;
	pair_send_back_attach(&l->pair, &m);
	m = control_wait(&l->pair.back, PVB_BLK_MSG_FAILED);
	assert_int_equal(m.u.failed.why, PVB_WHY_RING_INDEX);
	assert_int_equal(liar_refused(l, PVB_WHY_RING_INDEX), 1);
}

static void an_event_index_of_nonsense_costs_bells_only(void **state)
{
	struct liar_front *l = *state;
	static const uint32_t events[] = { 0, 5, 0x80000000, 0xffffffff };

	for (int i = 0; i < 4; i++) {
		atomic_store(&l->indices->rsp_event, events[i]);
		liar_expect_alive(l);
	}
}

/* ---- answers ------------------------------------------------------------- */

static void one_id_used_twice_is_answered_twice(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);

	r.id = UINT64_MAX;
	liar_send(l, &r);
	liar_send(l, &r);
	assert_int_equal(liar_answer(l).id, UINT64_MAX);
	assert_int_equal(liar_answer(l).id, UINT64_MAX);
}

/* XSA-216: no byte of the back's memory in an answer's padding. */
static void an_answer_touches_its_own_fields_only(void **state)
{
	struct liar_front *l = *state;
	struct pvb_blk_req r = liar_read(l);
	unsigned char before[PVB_MEM_PAGE_BYTES], *ring = l->ring_page;

	memset(ring + PVB_RING_HEADER_BYTES, 0xee,
	       PVB_MEM_PAGE_BYTES - PVB_RING_HEADER_BYTES);
	pvb_blk_req_encode(ring + PVB_RING_HEADER_BYTES, l->abi, &r);
	memcpy(before, ring, sizeof(before));
	pvb_ring_push(&l->ring, 1);
	(void)pvb_ring_publish(&l->ring);
	liar_bell(l);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
	for (uint32_t i = PVB_RING_HEADER_BYTES; i < sizeof(before); i++) {
		uint32_t at = i - PVB_RING_HEADER_BYTES;

		if (at < 9 || at == 10 || at == 11)
			continue;       /* id, operation, status */
		assert_int_equal(ring[i], before[i]);
	}
}

/* ---- storms -------------------------------------------------------------- */

static void bells_for_nothing_wake_and_no_more(void **state)
{
	struct liar_front *l = *state;
	struct pvb_counts c;

	for (int i = 0; i < 1000; i++) {
		liar_bell(l);
		assert_int_equal(pvb_loop_turn(l->pair.loop, false), 0);
	}
	pair_counts(&l->pair, &c);
	assert_in_range(c.bells_received, 1, 1001);
	assert_int_equal(c.bells_sent, 0);
	liar_expect_alive(l);
}

static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Any bytes: each slot is answered, whatever it holds. */
static void random_slots_are_all_answered(void **state)
{
	struct liar_front *l = *state;
	uint64_t seed = 0x9e3779b97f4a7c15;
	struct pvb_blk_req list = indirect(l);

	for (int round = 0; round < 20000; round++) {
		unsigned char slot[PVB_BLK_SLOT_MAX];
		uint32_t changes = (uint32_t)(random_u64(&seed) % 6);
		struct pvb_blk_req r = random_u64(&seed) % 2 ? list
		                                             : liar_read(l);

		r.sector = random_u64(&seed) % (2 * DISK_SECTORS);
		r.op = (uint8_t)(random_u64(&seed) % 2);
		pvb_blk_req_encode(slot, l->abi, &r);
		for (uint32_t i = 0; i < changes; i++)
			slot[random_u64(&seed) % 40] =
				(unsigned char)random_u64(&seed);
		/* No discards of everything: they only take time. */
		if (slot[0] == PVB_BLK_DISCARD)
			slot[0] = PVB_BLK_FLUSH;
		l->page[PVB_MEM_PAGE_BYTES + random_u64(&seed) % 96] ^=
			(unsigned char)(random_u64(&seed) % 2);
		liar_send_raw(l, slot);
		(void)liar_answer(l);
	}
	liar_expect_alive(l);
}

#define LIE(f)    cmocka_unit_test_setup_teardown(f, make, unmake)
#define LIE_IN(f, how) cmocka_unit_test_setup_teardown(f, how, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIE(a_last_sector_beyond_the_page),
		LIE(a_first_sector_after_the_last),
		LIE(more_segments_than_a_slot_holds),
		LIE(no_segment_where_data_is_due),
		LIE(a_flush_that_carries_data),
		LIE_IN(half_a_large_sector, make_4k),
		LIE(one_sector_past_the_end),
		LIE(a_sum_beyond_64_bits),
		LIE(operations_that_mean_nothing),
		LIE_IN(operations_that_were_not_offered, make_bare),
		LIE_IN(a_secure_discard_that_was_not_offered, make_insecure),
		LIE_IN(changes_on_a_read_only_disk, make_read_only),
		LIE(an_indirect_request_that_is_honest),
		LIE_IN(an_indirect_request_that_is_honest, make_x86_32),
		LIE(an_indirect_count_of_none_or_too_many),
		LIE(an_inner_operation_that_cannot_be),
		LIE(lies_in_an_indirect_list),
		LIE_IN(lies_in_an_indirect_list, make_copying),
		LIE(a_list_that_the_read_itself_overwrites),
		LIE_IN(a_list_that_the_read_itself_overwrites, make_copying),
		LIE(a_list_in_the_ring_itself),
		LIE(pages_that_were_never_granted),
		LIE_IN(pages_that_were_never_granted, make_copying),
		LIE(a_bad_page_among_good_ones),
		LIE_IN(a_bad_page_among_good_ones, make_copying),
		LIE(pages_granted_to_somebody_else),
		LIE(a_page_that_may_not_be_written),
		LIE_IN(a_page_that_may_not_be_written, make_copying),
		LIE(a_page_that_was_taken_back),
		LIE(the_ring_as_a_data_page),
		LIE_IN(the_ring_as_a_data_page, make_copying),
		LIE(an_index_that_jumps),
		LIE(an_index_that_goes_back),
		LIE(an_index_half_way_round),
		LIE(indices_that_are_wrong_from_the_start),
		LIE(an_event_index_of_nonsense_costs_bells_only),
		LIE(one_id_used_twice_is_answered_twice),
		LIE(an_answer_touches_its_own_fields_only),
		LIE_IN(an_answer_touches_its_own_fields_only, make_x86_32),
		LIE(bells_for_nothing_wake_and_no_more),
		LIE(random_slots_are_all_answered),
		LIE_IN(random_slots_are_all_answered, make_copying),
		LIE_IN(random_slots_are_all_answered, make_x86_32),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
