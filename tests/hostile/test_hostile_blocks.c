/* SPDX-License-Identifier: MIT */
/*
 * Fronts that lie in requests of several slots: half of one is shown, its
 * count is too high, there is too much of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "liar_front.h"

enum { DISK_SECTORS = (32 << 20) / 512 };

static struct liar_front *begin(const struct pair_options *o, enum pvb_abi abi)
{
	struct liar_front *l = calloc(1, sizeof(*l));

	liar_front_init(l, o, abi);
	return l;
}

static struct liar_front *begin_as(uint16_t segs_max, enum pvb_abi abi)
{
	return begin(&(struct pair_options){
		.blocks = { .segs_max = segs_max } }, abi);
}

static void end(struct liar_front *l)
{
	liar_front_fini(l);
	held_reset();
	free(l);
}

/* A read of n pages, all into the same few. */
static struct pvb_blk_req large(const struct liar_front *l, uint16_t n)
{
	struct pvb_blk_req r = liar_read(l);

	r.nr_segs = n;
	for (uint16_t i = 0; i < n; i++)
		r.seg[i] = (struct pvb_seg){ l->gref[i % LIAR_PAGES], 0, 7 };
	return r;
}

static void honest_ones_of_every_layout(void **state)
{
	(void)state;
	for (int abi = 0; abi < PVB_ABI_COUNT; abi++) {
		struct liar_front *l = begin_as(255, (enum pvb_abi)abi);

		for (uint16_t n = 1; n <= 255; n++) {
			struct pvb_blk_req r = large(l, n);

			liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
		}
		end(l);
	}
}

/* ---- half a request ------------------------------------------------------ */

static void expect_broken(struct liar_front *l)
{
	struct pvb_blk_msg m = control_wait(&l->pair.back, PVB_BLK_MSG_FAILED);

	assert_int_equal(m.u.failed.why, PVB_WHY_RING_BLOCKS);
	assert_int_equal(liar_refused(l, PVB_WHY_RING_BLOCKS), 1);
}

static void half_of_a_request_breaks_the_ring(void **state)
{
	(void)state;
	for (uint32_t shown = 1; shown < 19; shown++) {
		struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
		struct pvb_blk_req r = large(l, 255);

		liar_send_part(l, &r, shown);
		expect_broken(l);
		/* The rest comes too late, and is nobody's business. */
		pvb_ring_push(&l->ring, 19 - shown);
		(void)pvb_ring_publish(&l->ring);
		liar_bell(l);
		pair_settle(&l->pair);
		assert_int_equal(pvb_ring_waiting(&l->ring), 0);
		assert_int_equal(l->pair.back.got_count, 0);
		assert_int_equal(liar_refused(l, PVB_WHY_RING_BLOCKS), 1);
		end(l);
	}
}

/* Said once, and then there is nothing to do. */
static void and_then_the_back_sleeps(void **state)
{
	struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 40);
	struct pvb_counts c;
	uint64_t bells;

	(void)state;
	liar_send_part(l, &r, 2);
	expect_broken(l);
	pair_settle(&l->pair);
	pair_counts(&l->pair, &c);
	bells = c.bells_received;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(pvb_loop_turn(l->pair.loop, false), 0);
	pair_counts(&l->pair, &c);
	assert_int_equal(c.bells_received, bells);
	assert_int_equal(c.in_flight, 0);
	end(l);
}

static void what_is_whole_before_it_is_answered(void **state)
{
	(void)state;
	/* Less than a batch, one of them, and more. */
	for (uint32_t whole = 1; whole <= 28; whole++) {
		struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
		struct pvb_blk_req small = liar_read(l), r = large(l, 40);

		for (uint32_t i = 0; i < whole; i++) {
			pvb_blk_req_encode(pvb_ring_out(&l->ring, 0), l->abi,
			                   &small);
			pvb_ring_push(&l->ring, 1);
		}
		liar_send_part(l, &r, 3);
		for (uint32_t i = 0; i < whole; i++)
			assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
		expect_broken(l);
		assert_int_equal(pvb_ring_waiting(&l->ring), 0);
		end(l);
	}
}

/* ---- counts -------------------------------------------------------------- */

static void more_segments_than_agreed(void **state)
{
	(void)state;
	for (int abi = 0; abi < PVB_ABI_COUNT; abi++) {
		struct liar_front *l = begin_as(100, (enum pvb_abi)abi);
		struct pvb_blk_req r = large(l, 100);

		liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
		/* All of its slots are taken, so the next one is understood. */
		for (uint16_t n = 101; n <= 255; n++) {
			r = large(l, n);
			liar_expect(l, &r, PVB_WHY_SEG_COUNT, PVB_BLK_ERROR);
		}
		liar_expect_alive(l);
		end(l);
	}
}

static void too_many_segments_and_not_all_there(void **state)
{
	struct liar_front *l = begin_as(100, PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 255);

	(void)state;
	liar_send_part(l, &r, 8);
	expect_broken(l);
	end(l);
}

static void a_flush_of_several_slots(void **state)
{
	struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 60);

	(void)state;
	r.op = PVB_BLK_FLUSH;
	liar_expect(l, &r, PVB_WHY_SEG_COUNT, PVB_BLK_ERROR);
	liar_expect_alive(l);
	end(l);
}

/* What is a count elsewhere is a flag in this, and means nothing in that. */
static void what_is_no_count_takes_one_slot(void **state)
{
	struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
	struct pvb_blk_req r = { .id = 3, .op = PVB_BLK_DISCARD };
	unsigned char slot[PVB_BLK_SLOT_MAX];

	(void)state;
	pvb_blk_req_encode(slot, l->abi, &r);
	slot[1] = 0xfe;                 /* secure is bit 0 */
	liar_send_raw(l, slot);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
	slot[0] = 4;
	liar_send_raw(l, slot);
	assert_int_equal(liar_answer(l).status, PVB_BLK_EOPNOTSUPP);
	liar_expect_alive(l);
	end(l);
}

static void an_indirect_request_beside_them(void **state)
{
	struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 12);

	(void)state;
	r.indirect = true;
	r.indirect_gref[0] = l->gref[1];
	liar_write_list(l, 1, &r);
	liar_expect(l, &r, PVB_WHY_OP_NOT_OFFERED, PVB_BLK_EOPNOTSUPP);
	liar_expect_alive(l);
	end(l);
}

/* ---- limits -------------------------------------------------------------- */

static void more_bytes_than_agreed(void **state)
{
	struct liar_front *l = begin(&(struct pair_options){
		.blocks = { .segs_max = 255, .bytes_max = 65536 } },
		PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 16);

	(void)state;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	r = large(l, 17);
	liar_expect(l, &r, PVB_WHY_REQUEST_SIZE, PVB_BLK_ERROR);
	r.op = PVB_BLK_WRITE;
	liar_expect(l, &r, PVB_WHY_REQUEST_SIZE, PVB_BLK_ERROR);
	/* It may have the segments, if they are small. */
	r.seg[0].last = r.seg[16].first = 3;
	liar_expect(l, &r, PVB_WHY_REQUEST_SIZE, PVB_BLK_ERROR);
	r.seg[16].first = 4;
	liar_expect(l, &r, PVB_OK, PVB_BLK_OKAY);
	end(l);
}

static void more_requests_than_agreed(void **state)
{
	struct liar_front *l = begin(&(struct pair_options){
		.uri = "held:32M", .disks = disk_held_list,
		.blocks = { .segs_max = 255, .requests_max = 3 } },
		PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 30);

	(void)state;
	/* At once, so that they are one batch: the first three count. */
	for (uint64_t id = 0; id < 5; id++) {
		r.id = id;
		liar_send(l, &r);
	}
	pair_settle(&l->pair);
	assert_int_equal(held_count(), 3);
	assert_int_equal(liar_refused(l, PVB_WHY_REQUEST_COUNT), 2);
	for (uint64_t id = 3; id < 5; id++) {
		struct pvb_blk_rsp rsp = liar_answer_of(l, 3);

		assert_int_equal(rsp.id, id);
		assert_int_equal(rsp.status, PVB_BLK_ERROR);
	}
	/* For each that is answered there may be another. */
	held_answer(0, 0);
	assert_int_equal(liar_answer_of(l, 3).status, PVB_BLK_OKAY);
	liar_send(l, &r);
	pair_settle(&l->pair);
	assert_int_equal(held_count(), 3);
	assert_int_equal(liar_refused(l, PVB_WHY_REQUEST_COUNT), 2);
	held_answer_all(0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(liar_answer_of(l, 3).status, PVB_BLK_OKAY);
	end(l);
}

/* ---- segments ------------------------------------------------------------ */

static void a_lie_in_any_block(void **state)
{
	struct liar_front *l = begin_as(255, PVB_ABI_X86_32);

	(void)state;
	for (uint16_t bad = 0; bad < 255; bad += 7) {
		struct pvb_blk_req r = large(l, 255);

		r.seg[bad].last = 8;
		liar_expect(l, &r, PVB_WHY_SEG_PAGE, PVB_BLK_ERROR);
		r.seg[bad] = (struct pvb_seg){ l->gref[0], 7, 6 };
		liar_expect(l, &r, PVB_WHY_SEG_ORDER, PVB_BLK_ERROR);
		r.seg[bad] = (struct pvb_seg){ 1, 0, 7 };
		liar_expect(l, &r, PVB_WHY_GRANT, PVB_BLK_ERROR);
	}
	liar_expect_alive(l);
	end(l);
}

/* XSA-216, once more: nothing in the answer's other slots, either. */
static void an_answer_leaves_the_other_slots_alone(void **state)
{
	struct liar_front *l = begin_as(255, PVB_ABI_X86_64);
	struct pvb_blk_req r = large(l, 200);
	unsigned char before[PVB_MEM_PAGE_BYTES], *ring = l->ring_page;
	uint32_t slots = liar_slots(l, &r);

	(void)state;
	r.op = PVB_BLK_WRITE;
	liar_send(l, &r);
	memcpy(before, ring, sizeof(before));
	assert_int_equal(liar_answer_of(l, slots).status, PVB_BLK_OKAY);
	for (uint32_t i = PVB_RING_HEADER_BYTES; i < sizeof(before); i++) {
		uint32_t at = i - PVB_RING_HEADER_BYTES;

		if (at < 9 || at == 10 || at == 11)
			continue;       /* id, operation, status */
		assert_int_equal(ring[i], before[i]);
	}
	end(l);
}

static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Any bytes, in as many slots as the first one says. */
static void random_requests_are_all_answered(enum pvb_abi abi)
{
	struct liar_front *l = begin_as(200, abi);
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (int round = 0; round < 20000; round++) {
		struct pvb_blk_req r = large(l, (uint16_t)(
			random_u64(&seed) % 255 + 1));
		uint32_t changes = (uint32_t)(random_u64(&seed) % 6), slots;
		unsigned char *first = pvb_ring_out(&l->ring, 0);

		r.sector = random_u64(&seed) % (2 * DISK_SECTORS);
		r.op = (uint8_t)(random_u64(&seed) % 2);
		pvb_blk_req_encode(first, abi, &r);
		for (uint32_t i = 1; i < pvb_blk_slots(abi, r.nr_segs); i++)
			pvb_blk_block_encode(pvb_ring_out(&l->ring, i), abi,
			                     &r, i);
		for (uint32_t i = 0; i < changes; i++) {
			unsigned char *at = pvb_ring_out(&l->ring,
				(uint32_t)(random_u64(&seed) % 20));

			at[random_u64(&seed) % 40] =
				(unsigned char)random_u64(&seed);
		}
		/* No discards of everything: they only take time. */
		if (first[0] == PVB_BLK_DISCARD)
			first[0] = PVB_BLK_FLUSH;
		slots = first[0] > PVB_BLK_FLUSH ? 1
		                                 : pvb_blk_slots(abi, first[1]);
		pvb_ring_push(&l->ring, slots);
		(void)pvb_ring_publish(&l->ring);
		liar_bell(l);
		(void)liar_answer_of(l, slots);
	}
	liar_expect_alive(l);
	end(l);
}

static void random_blocks(void **state)
{
	(void)state;
	random_requests_are_all_answered(PVB_ABI_X86_64);
}

static void random_blocks_of_a_32_bit_guest(void **state)
{
	(void)state;
	random_requests_are_all_answered(PVB_ABI_X86_32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_ones_of_every_layout),
		cmocka_unit_test(half_of_a_request_breaks_the_ring),
		cmocka_unit_test(and_then_the_back_sleeps),
		cmocka_unit_test(what_is_whole_before_it_is_answered),
		cmocka_unit_test(more_segments_than_agreed),
		cmocka_unit_test(too_many_segments_and_not_all_there),
		cmocka_unit_test(a_flush_of_several_slots),
		cmocka_unit_test(what_is_no_count_takes_one_slot),
		cmocka_unit_test(an_indirect_request_beside_them),
		cmocka_unit_test(more_bytes_than_agreed),
		cmocka_unit_test(more_requests_than_agreed),
		cmocka_unit_test(a_lie_in_any_block),
		cmocka_unit_test(an_answer_leaves_the_other_slots_alone),
		cmocka_unit_test(random_blocks),
		cmocka_unit_test(random_blocks_of_a_32_bit_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
