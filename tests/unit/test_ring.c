/* SPDX-License-Identifier: MIT */
/*
 * test_ring.c - one end of the ring at a time: sizes, bounds, the hold-off
 * rule, and what attaching accepts.  Liars are in test_ring_lies.c.
 */
#include <errno.h>

#include "ring_pair.h"
#include "proto/blkproto.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Where a run starts: also so that it passes 2^31 and 2^32. */
static const uint32_t starts[] = { 0, 5, 0x7ffffffe, 0xfffffffd, 0xffffffff };

static void size_is_the_largest_power_of_two(void **state)
{
	static const struct { unsigned int order; uint32_t blk, scsi; } t[] = {
		{ 0, 32, 16 }, { 1, 64, 32 }, { 2, 128, 64 },
		{ 3, 256, 128 }, { 4, 512, 256 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		size_t bytes = (size_t)PVB_RING_PAGE_BYTES << t[i].order;

		assert_int_equal(t[i].blk, pvb_ring_size(bytes, 112));
		assert_int_equal(t[i].blk, pvb_ring_size(bytes, 108));
		assert_int_equal(t[i].scsi, pvb_ring_size(bytes, 252));
	}
}

static void size_of_what_does_not_fit_is_zero(void **state)
{
	(void)state;
	assert_int_equal(0, pvb_ring_size(0, 112));
	assert_int_equal(0, pvb_ring_size(63, 112));
	assert_int_equal(0, pvb_ring_size(64 + 111, 112));
	assert_int_equal(1, pvb_ring_size(64 + 112, 112));
	assert_int_equal(1, pvb_ring_size(64 + 223, 112));
	assert_int_equal(2, pvb_ring_size(64 + 224, 112));
	assert_int_equal(0, pvb_ring_size(4096, 0));
}

static void format_clears_the_page_and_arms_both_events(void **state)
{
	static const struct ring_words fresh = { 0, 1, 0, 1 };
	uint8_t *mem = aligned_alloc(PVB_RING_PAGE_BYTES, 8192);

	(void)state;
	memset(mem, 0xa5, 8192);
	pvb_ring_format(mem, 8192);
	assert_memory_equal(mem, &fresh, sizeof(fresh));
	for (size_t i = sizeof(fresh); i < 8192; i++)
		assert_int_equal(0, mem[i]);
	free(mem);
}

static void nothing_is_seen_before_publish(void **state)
{
	struct ring_pair p;

	(void)state;
	ring_pair_init(&p, 0, 112, 0xfffffffe);
	for (uint64_t i = 0; i < 5; i++)
		ring_put(&p.front, i);
	assert_int_equal(5, pvb_ring_unpublished(&p.front));
	assert_int_equal(0xfffffffe, p.words->req_prod);
	assert_int_equal(0, pvb_ring_waiting(&p.back));
	assert_true(pvb_ring_publish(&p.front));
	assert_int_equal(0, pvb_ring_unpublished(&p.front));
	assert_int_equal(3, p.words->req_prod);
	/* Nothing is seen without a look. */
	assert_int_equal(0, pvb_ring_seen(&p.back));
	assert_int_equal(5, pvb_ring_waiting(&p.back));
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(5 - i, pvb_ring_seen(&p.back));
		assert_int_equal(i, ring_take(&p.back));
	}
	ring_pair_fini(&p);
}

static void publish_of_nothing_is_silent(void **state)
{
	struct ring_pair p;

	(void)state;
	ring_pair_init(&p, 0, 112, 7);
	p.words->req_event = 7;
	assert_false(pvb_ring_publish(&p.front));
	assert_int_equal(7, p.words->req_prod);
	ring_pair_fini(&p);
}

/* Every step of 1..8 slots against every event around it, on both lanes. */
static void publish_notifies_when_it_passes_the_event(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
	for (uint32_t n = 1; n <= 8; n++)
	for (int32_t at = -12; at <= 12; at++) {
		struct ring_pair p;
		bool passes = at > 0 && at <= (int32_t)n;

		ring_pair_init(&p, 0, 112, starts[s]);
		p.words->req_event = starts[s] + (uint32_t)at;
		pvb_ring_push(&p.front, n);
		assert_int_equal(passes, pvb_ring_publish(&p.front));

		assert_int_equal(n, pvb_ring_waiting(&p.back));
		pvb_ring_commit(&p.back, n);
		p.words->rsp_event = starts[s] + (uint32_t)at;
		pvb_ring_push(&p.back, n);
		assert_int_equal(passes, pvb_ring_publish(&p.back));
		ring_pair_fini(&p);
	}
}

static void sleep_check_asks_for_the_next_slot(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
		struct ring_pair p;

		ring_pair_init(&p, 0, 112, starts[s]);
		ring_put(&p.front, 1);
		assert_true(pvb_ring_publish(&p.front));
		(void)ring_take(&p.back);
		/* Awake: nobody has asked for the second one. */
		ring_put(&p.front, 2);
		assert_false(pvb_ring_publish(&p.front));
		(void)ring_take(&p.back);
		assert_int_equal(0, pvb_ring_sleep_check(&p.back));
		assert_int_equal(starts[s] + 3, p.words->req_event);
		ring_put(&p.front, 3);
		assert_true(pvb_ring_publish(&p.front));

		assert_int_equal(0, pvb_ring_sleep_check(&p.front));
		assert_int_equal(starts[s] + 1, p.words->rsp_event);
		ring_pair_fini(&p);
	}
}

static void sleep_check_stays_awake_for_what_waits(void **state)
{
	struct ring_pair p;

	(void)state;
	ring_pair_init(&p, 0, 112, 0);
	ring_put(&p.front, 1);
	ring_put(&p.front, 2);
	assert_true(pvb_ring_publish(&p.front));
	assert_int_equal(1, pvb_ring_sleep_check(&p.back));
	/* It did not even ask: the event still stands where it was passed. */
	assert_int_equal(1, p.words->req_event);
	(void)ring_take(&p.back);
	assert_int_equal(1, pvb_ring_sleep_check(&p.back));
	(void)ring_take(&p.back);
	assert_int_equal(0, pvb_ring_sleep_check(&p.back));
	ring_pair_fini(&p);
}

static void front_runs_ahead_by_the_size_and_back_not_at_all(void **state)
{
	struct ring_pair p;

	(void)state;
	ring_pair_init(&p, 0, 112, 0xfffffff0);
	assert_int_equal(32, pvb_ring_room(&p.front));
	assert_int_equal(0, pvb_ring_room(&p.back));
	pvb_ring_push(&p.front, 32);
	assert_int_equal(0, pvb_ring_room(&p.front));
	(void)pvb_ring_publish(&p.front);
	assert_int_equal(32, pvb_ring_waiting(&p.back));
	assert_int_equal(0, pvb_ring_room(&p.back));
	pvb_ring_commit(&p.back, 20);
	assert_int_equal(12, pvb_ring_waiting(&p.back));
	assert_int_equal(20, pvb_ring_room(&p.back));
	assert_int_equal(0, pvb_ring_room(&p.front));
	pvb_ring_push(&p.back, 20);
	(void)pvb_ring_publish(&p.back);
	assert_int_equal(20, pvb_ring_waiting(&p.front));
	assert_int_equal(0, pvb_ring_room(&p.front));
	pvb_ring_commit(&p.front, 7);
	assert_int_equal(7, pvb_ring_room(&p.front));
	ring_pair_fini(&p);
}

/* Every slot of every size of ring: none overlaps, none is out of place. */
static void slots_fill_the_pages(void **state)
{
	static const uint32_t slot_bytes[] = { 108, 112, 252 };

	(void)state;
	for (size_t b = 0; b < ARRAY_LEN(slot_bytes); b++)
	for (unsigned int order = 0; order <= PVB_RING_ORDER_MAX; order++) {
		struct ring_pair p;
		uint32_t size, i;

		ring_pair_init(&p, order, slot_bytes[b], 0xffffffc1);
		size = p.front.size;
		assert_int_equal(pvb_ring_size(p.bytes, slot_bytes[b]), size);
		for (i = 0; i < size; i++) {
			uint8_t *s = pvb_ring_out(&p.front, 0);
			uint32_t at = (0xffffffc1 + i) & (size - 1);

			assert_ptr_equal(p.mem + 64 + at * slot_bytes[b], s);
			assert_true(s + slot_bytes[b] <= p.mem + p.bytes);
			memset(s, (int)(i & 0xff), slot_bytes[b]);
			pvb_ring_push(&p.front, 1);
		}
		(void)pvb_ring_publish(&p.front);
		assert_int_equal(size, pvb_ring_waiting(&p.back));
		for (i = 0; i < size; i++) {
			uint8_t got[256], want[256];

			memset(got, 0xee, sizeof(got));
			memset(want, 0xee, sizeof(want));
			memset(want, (int)(i & 0xff), slot_bytes[b]);
			pvb_ring_copy(&p.back, i, got);
			assert_memory_equal(want, got, sizeof(got));
		}
		ring_pair_fini(&p);
	}
}

/* XSA-216: the answers are the only thing that changes on the page. */
static void answers_touch_their_own_fields_only(void **state)
{
	static const uint32_t stride[] = { 108, 112, 112 };

	(void)state;
	for (int abi = 0; abi < PVB_ABI_COUNT; abi++) {
		struct ring_pair p;
		uint8_t want[PVB_RING_PAGE_BYTES];

		ring_pair_init(&p, 0, stride[abi], 30);
		memset(p.mem + 16, 0xa5, p.bytes - 16);
		pvb_ring_push(&p.front, 5);
		(void)pvb_ring_publish(&p.front);
		assert_int_equal(5, pvb_ring_waiting(&p.back));
		pvb_ring_commit(&p.back, 5);
		memcpy(want, p.mem, sizeof(want));
		for (uint32_t i = 0; i < 5; i++) {
			struct pvb_blk_rsp rsp = { .id = 0x1122334455667788,
				.op = PVB_BLK_WRITE, .status = PVB_BLK_ERROR };
			uint8_t *w = want + 64 + ((30 + i) & 31) * stride[abi];

			pvb_blk_rsp_encode(pvb_ring_out(&p.back, i), abi, &rsp);
			memcpy(w, "\x88\x77\x66\x55\x44\x33\x22\x11\x01", 9);
			memcpy(w + 10, "\xff\xff", 2);
		}
		assert_memory_equal(want, p.mem, sizeof(want));
		pvb_ring_push(&p.back, 5);
		(void)pvb_ring_publish(&p.back);
		pvb_store_u32(want + 8, 35);
		assert_memory_equal(want, p.mem, sizeof(want));
		ring_pair_fini(&p);
	}
}

static void attach_refuses_what_cannot_be_a_ring(void **state)
{
	uint8_t *mem = aligned_alloc(PVB_RING_PAGE_BYTES, 8192);
	struct pvb_ring r;

	(void)state;
	pvb_ring_format(mem, 8192);
	for (int role = PVB_FRONT; role <= PVB_BACK; role++) {
		assert_int_equal(-EINVAL,
			pvb_ring_attach(&r, role, mem + 8, 4096, 112));
		assert_int_equal(-EINVAL,
			pvb_ring_attach(&r, role, mem, 64, 112));
		assert_int_equal(-EINVAL,
			pvb_ring_attach(&r, role, mem, 4096, 0));
	}
	assert_int_equal(-EINVAL,
		pvb_ring_reattach(&r, mem + 2048, 4096, 112, 0));
	assert_int_equal(-EINVAL, pvb_ring_reattach(&r, mem, 100, 112, 0));
	/* What failed to attach is dead, not undefined. */
	assert_int_equal(-EPROTO, pvb_ring_waiting(&r));
	assert_int_equal(-EPROTO, pvb_ring_sleep_check(&r));
	assert_int_equal(0, pvb_ring_room(&r));
	assert_false(pvb_ring_publish(&r));
	free(mem);
}

static void attach_writes_nothing(void **state)
{
	struct ring_pair p;
	uint8_t before[PVB_RING_PAGE_BYTES];
	struct pvb_ring r;

	(void)state;
	ring_pair_init(&p, 0, 112, 77);
	pvb_ring_push(&p.front, 3);
	(void)pvb_ring_publish(&p.front);
	memset(p.mem + 16, 0x5a, p.bytes - 16);
	memcpy(before, p.mem, sizeof(before));
	assert_int_equal(0,
		pvb_ring_attach(&r, PVB_BACK, p.mem, p.bytes, 112));
	assert_int_equal(0,
		pvb_ring_reattach(&r, p.mem, p.bytes, 112, 79));
	assert_int_equal(-EPROTO,
		pvb_ring_attach(&r, PVB_FRONT, p.mem, p.bytes, 112));
	assert_memory_equal(before, p.mem, sizeof(before));
	ring_pair_fini(&p);
}

/* A back may come late, up to a full ring; a front begins with a quiet one. */
static void attach_checks_the_indices_it_finds(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
	for (int32_t ahead = -40; ahead <= 40; ahead++) {
		bool back_ok = ahead >= 0 && ahead <= 32;
		struct ring_pair p;
		struct pvb_ring r;

		ring_pair_init(&p, 0, 112, starts[s]);
		p.words->req_prod = starts[s] + (uint32_t)ahead;
		assert_int_equal(ahead == 0 ? 0 : -EPROTO,
			pvb_ring_attach(&r, PVB_FRONT, p.mem, p.bytes, 112));
		assert_int_equal(back_ok ? 0 : -EPROTO,
			pvb_ring_attach(&r, PVB_BACK, p.mem, p.bytes, 112));
		assert_int_equal(back_ok ? ahead : -EPROTO,
				 pvb_ring_waiting(&r));
		assert_int_equal(0, pvb_ring_room(&r));
		ring_pair_fini(&p);
	}
}

/* Every combination of the three indices around a ring of 4 slots. */
static void reattach_takes_only_what_can_have_been(void **state)
{
	const size_t bytes = 64 + 4 * 112;
	uint8_t *mem = aligned_alloc(PVB_RING_PAGE_BYTES, 4096);
	struct ring_words *words = (struct ring_words *)(void *)mem;
	int legal = 0;

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
	for (int32_t req = -6; req <= 6; req++)
	for (int32_t cons = -6; cons <= 6; cons++) {
		uint32_t rsp = starts[s];
		bool ok = 0 <= cons && cons <= req && req <= 4;
		struct pvb_ring r;

		pvb_ring_format(mem, 4096);
		words->rsp_prod = rsp;
		words->req_prod = rsp + (uint32_t)req;
		assert_int_equal(ok ? 0 : -EPROTO,
			pvb_ring_reattach(&r, mem, bytes, 112,
					  rsp + (uint32_t)cons));
		assert_int_equal(ok ? req - cons : -EPROTO,
				 pvb_ring_waiting(&r));
		assert_int_equal(ok ? cons : 0, pvb_ring_room(&r));
		assert_int_equal(0, pvb_ring_unpublished(&r));
		legal += ok;
	}
	assert_int_equal(15 * ARRAY_LEN(starts), legal);
	free(mem);
}

static void reattach_goes_on_where_the_last_back_died(void **state)
{
	struct ring_pair p;
	struct pvb_ring next;

	(void)state;
	ring_pair_init(&p, 0, 112, 0xfffffffe);
	for (uint64_t i = 1; i <= 6; i++)
		ring_put(&p.front, i);
	(void)pvb_ring_publish(&p.front);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(i, ring_take(&p.back));
	ring_put(&p.back, 101);
	(void)pvb_ring_publish(&p.back);
	ring_put(&p.back, 102);         /* nobody saw this one */

	assert_int_equal(0, pvb_ring_reattach(&next, p.mem, p.bytes, 112, 2));
	assert_int_equal(3, pvb_ring_room(&next));
	for (uint64_t i = 103; i <= 105; i++)
		ring_put(&next, i);
	assert_int_equal(0, pvb_ring_room(&next));
	assert_int_equal(5, ring_take(&next));
	assert_int_equal(6, ring_take(&next));
	assert_int_equal(0, pvb_ring_sleep_check(&next));
	(void)pvb_ring_publish(&next);
	assert_int_equal(101, ring_take(&p.front));
	for (uint64_t i = 103; i <= 105; i++)
		assert_int_equal(i, ring_take(&p.front));
	assert_int_equal(0, pvb_ring_waiting(&p.front));
	ring_pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_is_the_largest_power_of_two),
		cmocka_unit_test(size_of_what_does_not_fit_is_zero),
		cmocka_unit_test(format_clears_the_page_and_arms_both_events),
		cmocka_unit_test(nothing_is_seen_before_publish),
		cmocka_unit_test(publish_of_nothing_is_silent),
		cmocka_unit_test(publish_notifies_when_it_passes_the_event),
		cmocka_unit_test(sleep_check_asks_for_the_next_slot),
		cmocka_unit_test(sleep_check_stays_awake_for_what_waits),
		cmocka_unit_test(
			front_runs_ahead_by_the_size_and_back_not_at_all),
		cmocka_unit_test(slots_fill_the_pages),
		cmocka_unit_test(answers_touch_their_own_fields_only),
		cmocka_unit_test(attach_refuses_what_cannot_be_a_ring),
		cmocka_unit_test(attach_writes_nothing),
		cmocka_unit_test(attach_checks_the_indices_it_finds),
		cmocka_unit_test(reattach_takes_only_what_can_have_been),
		cmocka_unit_test(reattach_goes_on_where_the_last_back_died),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
