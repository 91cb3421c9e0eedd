/* SPDX-License-Identifier: MIT */
/*
 * test_xen_ring.c - ring.c beside the macros of Xen's public header.
 *
 * Four rings take the same random steps: front and back are each the macros
 * or ring.c, in every combination.  After every step all four must have said
 * the same (room, slots, bells, sleep) and hold the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#define xen_mb()  __sync_synchronize()
#define xen_rmb() __sync_synchronize()
#define xen_wmb() __sync_synchronize()
#include <xen/io/blkif.h>

#include "proto/ring.h"

enum { RUNS = 40, STEPS = 4000, PAIRS = 4 };

/* The part of a front or back that both implementations have. */
struct end {
	bool is_xen;
	enum pvb_role role;
	union {
		blkif_front_ring_t front;
		blkif_back_ring_t back;
		struct pvb_ring pvb;
	} u;
};

struct pair { uint8_t *page; struct end end[2]; };

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static void end_attach(struct end *e, bool is_xen, enum pvb_role role,
		       void *page, size_t bytes, uint32_t start)
{
	blkif_sring_t *s = page;

	e->is_xen = is_xen;
	e->role = role;
	if (!is_xen)
		assert_int_equal(0, pvb_ring_attach(&e->u.pvb, role, page,
			bytes, sizeof(union blkif_sring_entry)));
	else if (role == PVB_FRONT)
		FRONT_RING_ATTACH(&e->u.front, s, start, bytes);
	else
		BACK_RING_ATTACH(&e->u.back, s, start, bytes);
}

static uint32_t end_room(struct end *e)
{
	if (!e->is_xen)
		return pvb_ring_room(&e->u.pvb);
	if (e->role == PVB_FRONT)
		return RING_FREE_REQUESTS(&e->u.front);
	return e->u.back.req_cons - e->u.back.rsp_prod_pvt;
}

static void end_push(struct end *e, const void *slot, size_t bytes)
{
	void *to;

	if (!e->is_xen)
		to = pvb_ring_out(&e->u.pvb, 0);
	else if (e->role == PVB_FRONT)
		to = RING_GET_REQUEST(&e->u.front, e->u.front.req_prod_pvt);
	else
		to = RING_GET_RESPONSE(&e->u.back, e->u.back.rsp_prod_pvt);
	memcpy(to, slot, bytes);
	if (!e->is_xen)
		pvb_ring_push(&e->u.pvb, 1);
	else if (e->role == PVB_FRONT)
		e->u.front.req_prod_pvt++;
	else
		e->u.back.rsp_prod_pvt++;
}

static bool end_publish(struct end *e)
{
	bool notify;

	if (!e->is_xen)
		return pvb_ring_publish(&e->u.pvb);
	if (e->role == PVB_FRONT)
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&e->u.front, notify);
	else
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&e->u.back, notify);
	return notify;
}

static uint32_t end_waiting(struct end *e)
{
	if (!e->is_xen)
		return (uint32_t)pvb_ring_waiting(&e->u.pvb);
	if (e->role == PVB_FRONT)
		return XEN_RING_NR_UNCONSUMED_RESPONSES(&e->u.front);
	return XEN_RING_NR_UNCONSUMED_REQUESTS(&e->u.back);
}

/* Copy the next slot out and take it. */
static void end_take(struct end *e, union blkif_sring_entry *slot)
{
	memset(slot, 0, sizeof(*slot));
	if (!e->is_xen) {
		pvb_ring_copy(&e->u.pvb, 0, slot);
		pvb_ring_commit(&e->u.pvb, 1);
	} else if (e->role == PVB_FRONT) {
		RING_COPY_RESPONSE(&e->u.front, e->u.front.rsp_cons,
				   &slot->rsp);
		e->u.front.rsp_cons++;
	} else {
		RING_COPY_REQUEST(&e->u.back, e->u.back.req_cons, &slot->req);
		e->u.back.req_cons++;
	}
}

static bool end_sleep_check(struct end *e)
{
	bool work;

	if (!e->is_xen)
		return pvb_ring_sleep_check(&e->u.pvb);
	if (e->role == PVB_FRONT)
		RING_FINAL_CHECK_FOR_RESPONSES(&e->u.front, work);
	else
		RING_FINAL_CHECK_FOR_REQUESTS(&e->u.back, work);
	return work;
}

/* One kind of step on all pairs, with the same result. */
static uint32_t all_room(struct pair *p, enum pvb_role role)
{
	uint32_t room = end_room(&p[0].end[role]);

	for (int i = 1; i < PAIRS; i++)
		assert_int_equal(room, end_room(&p[i].end[role]));
	return room;
}

static void all_push(struct pair *p, enum pvb_role role)
{
	union blkif_sring_entry slot;
	uint8_t *b = (uint8_t *)&slot;

	memset(&slot, (int)pick(256), sizeof(slot));
	for (int i = 0; i < 16; i++)
		b[i] = (uint8_t)pick(256);
	for (int i = 0; i < PAIRS; i++)
		end_push(&p[i].end[role], &slot, role == PVB_FRONT
			 ? sizeof(slot.req) : sizeof(slot.rsp));
}

static bool all_publish(struct pair *p, enum pvb_role role)
{
	bool notify = end_publish(&p[0].end[role]);

	for (int i = 1; i < PAIRS; i++)
		assert_int_equal(notify, end_publish(&p[i].end[role]));
	return notify;
}

static void all_take(struct pair *p, enum pvb_role role, uint32_t n)
{
	size_t bytes = role == PVB_FRONT ? sizeof(struct blkif_response)
					 : sizeof(struct blkif_request);

	while (n-- > 0) {
		union blkif_sring_entry want, got;

		end_take(&p[0].end[role], &want);
		for (int i = 1; i < PAIRS; i++) {
			end_take(&p[i].end[role], &got);
			assert_memory_equal(&want, &got, bytes);
		}
	}
}

static uint32_t all_waiting(struct pair *p, enum pvb_role role)
{
	uint32_t n = end_waiting(&p[0].end[role]);

	for (int i = 1; i < PAIRS; i++)
		assert_int_equal(n, end_waiting(&p[i].end[role]));
	return n;
}

static bool all_sleep_check(struct pair *p, enum pvb_role role)
{
	bool work = end_sleep_check(&p[0].end[role]);

	for (int i = 1; i < PAIRS; i++)
		assert_int_equal(work, end_sleep_check(&p[i].end[role]));
	return work;
}

struct seen { uint32_t bells, silent, slept, taken; };

static void step(struct pair *p, struct seen *seen)
{
	enum pvb_role role = pick(2) ? PVB_BACK : PVB_FRONT;
	uint32_t n;

	switch (pick(4)) {
	case 0:
		n = all_room(p, role);
		for (n = n ? pick(n < 12 ? n + 1 : 12) : 0; n > 0; n--)
			all_push(p, role);
		break;
	case 1:
		if (all_publish(p, role))
			seen->bells++;
		else
			seen->silent++;
		break;
	case 2:
		n = all_waiting(p, role);
		n = n ? pick(n + 1) : 0;
		all_take(p, role, n);
		seen->taken += n;
		break;
	default:
		seen->slept += !all_sleep_check(p, role);
		break;
	}
}

static void run(uint32_t start, unsigned int order, struct seen *seen)
{
	size_t bytes = (size_t)4096 << order;
	struct pair p[PAIRS];

	for (int i = 0; i < PAIRS; i++) {
		blkif_sring_t *s = aligned_alloc(4096, bytes);

		assert_non_null(s);
		memset(s, 0, bytes);
		SHARED_RING_INIT(s);
		s->req_prod = s->rsp_prod = start;
		s->req_event = s->rsp_event = start + 1;
		p[i].page = (uint8_t *)s;
		end_attach(&p[i].end[PVB_FRONT], i & 1, PVB_FRONT, s, bytes,
			   start);
		end_attach(&p[i].end[PVB_BACK], i & 2, PVB_BACK, s, bytes,
			   start);
	}
	for (int n = 0; n < STEPS; n++) {
		step(p, seen);
		for (int i = 1; i < PAIRS; i++)
			assert_memory_equal(p[0].page, p[i].page, bytes);
	}
	for (int i = 0; i < PAIRS; i++)
		free(p[i].page);
}

static void ring_and_macros_cannot_be_told_apart(void **state)
{
	struct seen seen = { 0, 0, 0, 0 };

	(void)state;
	for (uint32_t i = 0; i < RUNS; i++) {
		random_state = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		run(i % 2 ? 0u - pick(500) : pick(UINT32_MAX), i % 5 / 2,
		    &seen);
	}
	assert_true(seen.taken > 20000 && seen.slept > 2000);
	assert_true(seen.bells > 2000 && seen.silent > 2000);
}

static void format_and_macro_write_the_same(void **state)
{
	uint8_t *ours = aligned_alloc(4096, 4096);
	blkif_sring_t *theirs = aligned_alloc(4096, 4096);

	(void)state;
	memset(theirs, 0, 4096);
	memset(ours, 0xa5, 4096);
	SHARED_RING_INIT(theirs);
	pvb_ring_format(ours, 4096);
	assert_memory_equal(theirs, ours, 4096);
	free(ours);
	free(theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_and_macro_write_the_same),
		cmocka_unit_test(ring_and_macros_cannot_be_told_apart),
	};

	return cmocka_run_group_tests_name("xen_ring", tests, NULL, NULL);
}
