/* SPDX-License-Identifier: MIT */
/*
 * test_ring_lies.c - a peer that writes what it likes into its index.  Each
 * lie is refused, the ring stays dead though the lie is taken back, and what
 * this end still has to do with its own slots goes on without effect.
 */
#include <errno.h>

#include "ring_pair.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const uint32_t starts[] = { 0, 9, 0x7ffffff8, 0xfffffff8, 0xffffffff };

/* The victim and what it can see: `mine` is its own shared index. */
struct victim {
	struct ring_pair p;
	struct pvb_ring *ring;
	uint32_t *peers, *mine;
};

/*
 * A ring in full swing: 12 requests shown and 2 pushed, 8 taken, 5 answers
 * shown and 1 pushed, 3 answers taken.
 */
static void victim_init(struct victim *v, enum pvb_role role, uint32_t start)
{
	struct ring_pair *p = &v->p;

	ring_pair_init(p, 0, 112, start);
	pvb_ring_push(&p->front, 12);
	(void)pvb_ring_publish(&p->front);
	assert_int_equal(12, pvb_ring_waiting(&p->back));
	pvb_ring_commit(&p->back, 8);
	pvb_ring_push(&p->back, 5);
	(void)pvb_ring_publish(&p->back);
	assert_int_equal(5, pvb_ring_waiting(&p->front));
	pvb_ring_commit(&p->front, 3);
	pvb_ring_push(&p->front, 2);
	pvb_ring_push(&p->back, 1);
	v->ring = role == PVB_FRONT ? &p->front : &p->back;
	v->peers = role == PVB_FRONT ? &p->words->rsp_prod
				     : &p->words->req_prod;
	v->mine = role == PVB_FRONT ? &p->words->req_prod
				    : &p->words->rsp_prod;
}

static void assert_dead(struct victim *v)
{
	uint32_t shown = *v->mine, taken = v->ring->in_cons;

	assert_int_equal(-EPROTO, pvb_ring_waiting(v->ring));
	assert_int_equal(-EPROTO, pvb_ring_sleep_check(v->ring));
	assert_int_equal(0, pvb_ring_room(v->ring));
	/* An answer that was under way is pushed, and never shown. */
	(void)pvb_ring_out(v->ring, 0);
	pvb_ring_push(v->ring, 1);
	assert_false(pvb_ring_publish(v->ring));
	assert_int_equal(shown, *v->mine);
	assert_int_equal(taken, v->ring->in_cons);
}

static void refuse(enum pvb_role role, uint32_t start, uint32_t lie,
		   bool asleep)
{
	struct victim v;
	uint32_t truth;

	victim_init(&v, role, start);
	truth = *v.peers;
	*v.peers = start + lie;
	if (asleep)
		assert_int_equal(-EPROTO, pvb_ring_sleep_check(v.ring));
	else
		assert_int_equal(-EPROTO, pvb_ring_waiting(v.ring));
	assert_dead(&v);
	*v.peers = truth;
	assert_dead(&v);
	ring_pair_fini(&v.p);
}

static void allow(enum pvb_role role, uint32_t start, uint32_t index,
		   int32_t waiting)
{
	struct victim v;

	victim_init(&v, role, start);
	*v.peers = start + index;
	assert_int_equal(waiting, pvb_ring_waiting(v.ring));
	assert_int_equal(waiting, pvb_ring_waiting(v.ring));
	ring_pair_fini(&v.p);
}

/* Distances from `start`; the truth is 12, the most is 5 + 32. */
static void back_refuses_an_impossible_req_prod(void **state)
{
	static const uint32_t lies[] = {
		38, 39, 45, 64, 1000, UINT32_C(1) << 31, UINT32_MAX,
		11, 8, 7, 0, (UINT32_C(1) << 31) + 12,
		(UINT32_C(1) << 31) + 11, UINT32_C(1) << 16,
	};

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
		for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
			refuse(PVB_BACK, starts[s], lies[i], false);
			refuse(PVB_BACK, starts[s], lies[i], true);
		}
		allow(PVB_BACK, starts[s], 12, 4);
		allow(PVB_BACK, starts[s], 13, 5);
		allow(PVB_BACK, starts[s], 37, 29);
	}
}

/* The truth is 5, the most is 12: the two that were pushed are not shown. */
static void front_refuses_an_impossible_rsp_prod(void **state)
{
	static const uint32_t lies[] = {
		13, 14, 15, 35, 37, 1000, UINT32_C(1) << 31, UINT32_MAX,
		4, 3, 2, 0, (UINT32_C(1) << 31) + 5,
		(UINT32_C(1) << 31) + 4, UINT32_C(1) << 16,
	};

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
		for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
			refuse(PVB_FRONT, starts[s], lies[i], false);
			refuse(PVB_FRONT, starts[s], lies[i], true);
		}
		allow(PVB_FRONT, starts[s], 5, 2);
		allow(PVB_FRONT, starts[s], 6, 3);
		allow(PVB_FRONT, starts[s], 12, 9);
	}
}

/* Every index near the ring, against the two inequalities. */
static void bounds_are_exact(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
	for (int32_t at = -70; at <= 70; at++) {
		if (at >= 12 && at <= 37)
			allow(PVB_BACK, starts[s], (uint32_t)at, at - 8);
		else
			refuse(PVB_BACK, starts[s], (uint32_t)at, false);
		if (at >= 5 && at <= 12)
			allow(PVB_FRONT, starts[s], (uint32_t)at, at - 3);
		else
			refuse(PVB_FRONT, starts[s], (uint32_t)at, false);
	}
}

/* Bad events cost wrong or missing bells, which is the peer's own loss. */
static void any_event_is_harmless(void **state)
{
	static const uint32_t events[] = {
		0, 1, 5, 6, 7, 12, 13, 14, 15, 1000, UINT32_C(1) << 31,
		(UINT32_C(1) << 31) + 13, UINT32_MAX,
	};

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		struct victim v;

		victim_init(&v, PVB_BACK, starts[s]);
		v.p.words->req_event = starts[s] + events[i];
		v.p.words->rsp_event = starts[s] + events[i];
		assert_int_equal(events[i] == 6,
				 pvb_ring_publish(&v.p.back));
		assert_int_equal(events[i] == 13 || events[i] == 14,
				 pvb_ring_publish(&v.p.front));
		assert_int_equal(6, pvb_ring_waiting(&v.p.back));
		assert_int_equal(3, pvb_ring_waiting(&v.p.front));
		ring_pair_fini(&v.p);
	}
}

/* The slot is copied once: what the peer writes later is not looked at. */
static void a_copied_slot_no_longer_changes(void **state)
{
	struct ring_pair p;
	uint8_t copy[112], want[112];

	(void)state;
	ring_pair_init(&p, 0, 112, 0);
	memset(pvb_ring_out(&p.front, 0), 0x11, 112);
	pvb_ring_push(&p.front, 1);
	(void)pvb_ring_publish(&p.front);
	assert_int_equal(1, pvb_ring_waiting(&p.back));
	pvb_ring_copy(&p.back, 0, copy);
	memset(p.mem + 64, 0x22, 112);
	memset(want, 0x11, sizeof(want));
	assert_memory_equal(want, copy, sizeof(copy));
	ring_pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_refuses_an_impossible_req_prod),
		cmocka_unit_test(front_refuses_an_impossible_rsp_prod),
		cmocka_unit_test(bounds_are_exact),
		cmocka_unit_test(any_event_is_harmless),
		cmocka_unit_test(a_copied_slot_no_longer_changes),
	};

	return cmocka_run_group_tests_name("ring_lies", tests, NULL, NULL);
}
