/* SPDX-License-Identifier: MIT */
/*
 * test_ring_random.c - both ends in random steps beside a reference: two
 * plain queues that never wrap, with 64-bit indices.  After every step each
 * end must say what the reference says, bells included.
 */
#include "ring_pair.h"

enum { RUNS = 200, STEPS = 3000, IN_FLIGHT_MAX = 512 };

/* One lane: `value` is by index, kept for the last IN_FLIGHT_MAX * 2. */
struct ref_lane {
	uint64_t pushed, shown, taken, event;
	uint64_t value[IN_FLIGHT_MAX * 2];
};

struct run {
	struct ring_pair pair;
	uint64_t random;
	struct ref_lane req, rsp;
	uint64_t next_id;
	uint64_t open[IN_FLIGHT_MAX];   /* taken by the back, not answered */
	uint32_t nr_open;
	uint64_t bells, silent, sleeps;
};

static uint64_t *ref_value(struct ref_lane *lane, uint64_t index)
{
	return &lane->value[index % (IN_FLIGHT_MAX * 2)];
}

/* The whole slot depends on the value, so a torn or shifted one shows. */
static void slot_fill(uint8_t *slot, uint32_t bytes, uint64_t value)
{
	for (uint32_t i = 0; i < bytes; i++)
		slot[i] = (uint8_t)((value >> (i % 8 * 8)) + i);
}

static void push(struct run *t, struct pvb_ring *r, struct ref_lane *lane,
		 uint64_t value)
{
	slot_fill(pvb_ring_out(r, 0), r->slot_bytes, value);
	pvb_ring_push(r, 1);
	*ref_value(lane, lane->pushed++) = value;
	(void)t;
}

static void publish(struct run *t, struct pvb_ring *r, struct ref_lane *lane)
{
	bool due = lane->event > lane->shown && lane->event <= lane->pushed;

	assert_int_equal(due, pvb_ring_publish(r));
	lane->shown = lane->pushed;
	t->bells += due;
	t->silent += !due;
}

static void take_some(struct run *t, struct pvb_ring *r, struct ref_lane *lane,
		      bool is_back)
{
	int32_t waiting = pvb_ring_waiting(r);
	uint8_t got[256], want[256];
	uint32_t n, i;

	assert_int_equal(lane->shown - lane->taken, waiting);
	if (waiting <= 0)
		return;
	n = ring_random(&t->random, (uint32_t)waiting) + 1;
	for (i = 0; i < n; i++) {
		uint64_t value = *ref_value(lane, lane->taken + i);

		slot_fill(want, r->slot_bytes, value);
		pvb_ring_copy(r, i, got);
		assert_memory_equal(want, got, r->slot_bytes);
		if (is_back)
			t->open[t->nr_open++] = value;
	}
	pvb_ring_commit(r, n);
	lane->taken += n;
}

static void sleep_check(struct run *t, struct pvb_ring *r,
			struct ref_lane *lane)
{
	bool idle = lane->shown == lane->taken;

	assert_int_equal(!idle, pvb_ring_sleep_check(r));
	if (idle)
		lane->event = lane->taken + 1;
	t->sleeps += idle;
}

/* Answers go out in any order: pick one of those that are open. */
static void answer(struct run *t)
{
	uint32_t i = ring_random(&t->random, t->nr_open);

	push(t, &t->pair.back, &t->rsp, ~t->open[i]);
	t->open[i] = t->open[--t->nr_open];
}

static void step(struct run *t)
{
	struct pvb_ring *front = &t->pair.front, *back = &t->pair.back;
	uint32_t n;

	switch (ring_random(&t->random, 8)) {
	case 0:
		n = pvb_ring_room(front);
		n = n ? ring_random(&t->random, n < 9 ? n + 1 : 9) : 0;
		while (n-- > 0)
			push(t, front, &t->req, t->next_id++);
		break;
	case 1:
		publish(t, front, &t->req);
		break;
	case 2:
		take_some(t, front, &t->rsp, false);
		break;
	case 3:
		sleep_check(t, front, &t->rsp);
		break;
	case 4:
		take_some(t, back, &t->req, true);
		break;
	case 5:
		sleep_check(t, back, &t->req);
		break;
	case 6:
		publish(t, back, &t->rsp);
		break;
	default:
		n = ring_random(&t->random, 9);
		while (n-- > 0 && t->nr_open > 0)
			answer(t);
		break;
	}
	assert_int_equal(front->size - (t->req.pushed - t->rsp.taken),
			 pvb_ring_room(front));
	assert_int_equal(t->nr_open, pvb_ring_room(back));
	assert_int_equal(t->req.pushed - t->req.shown,
			 pvb_ring_unpublished(front));
	assert_int_equal(t->rsp.pushed - t->rsp.shown,
			 pvb_ring_unpublished(back));
}

static void run(struct run *t, uint64_t seed)
{
	static const uint32_t slot_bytes[] = { 108, 112, 252 };
	uint32_t start;

	memset(t, 0, sizeof(*t));
	t->random = seed;
	/* Half of the runs pass 2^32 on their way. */
	start = ring_random(&t->random, 2)
		? 0u - ring_random(&t->random, 200)
		: ring_random(&t->random, UINT32_MAX);
	ring_pair_init(&t->pair, ring_random(&t->random, 5),
		       slot_bytes[ring_random(&t->random, 3)], start);
	t->req.event = t->rsp.event = 1;
	for (int i = 0; i < STEPS; i++)
		step(t);
	ring_pair_fini(&t->pair);
}

static void both_ends_agree_with_a_plain_queue(void **state)
{
	struct run *t = malloc(sizeof(*t));
	uint64_t done = 0, bells = 0, silent = 0, sleeps = 0;

	(void)state;
	assert_non_null(t);
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		run(t, seed * UINT64_C(0x9e3779b97f4a7c15));
		done += t->rsp.taken;
		bells += t->bells;
		silent += t->silent;
		sleeps += t->sleeps;
	}
	/* The runs did go through what they are for. */
	assert_true(done > 100000);
	assert_true(bells > 10000 && silent > 10000 && sleeps > 10000);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_agree_with_a_plain_queue),
	};

	return cmocka_run_group_tests_name("ring_random", tests, NULL, NULL);
}
