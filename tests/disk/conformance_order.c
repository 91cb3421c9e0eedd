/* SPDX-License-Identifier: MIT */
/*
 * The suite: many requests at once, flushes among them, and rest.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conformance.h"

enum {
	UNIT = 4096, MANY_MAX = 8192, CHAIN = 200, FLUSHES = 40,
	REST_NS = 20000000, REST_TURNS = 20,
};

static struct req *make_many(struct conformance *c, uint32_t n,
                             enum pvb_io_op op)
{
	struct req *q = calloc(n, sizeof(*q));

	assert_non_null(q);
	for (uint32_t i = 0; i < n; i++) {
		req_init(&q[i], &c->rig, op, (uint64_t)i * UNIT %
		         CONFORMANCE_BYTES, UNIT);
		if (op == PVB_IO_WRITE)
			fill_pattern(q[i].memory, UNIT, i + 100);
	}
	return q;
}

static void drop_many(struct req *q, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		req_fini(&q[i]);
	free(q);
}

static void wait_for_all(struct req *q, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
	}
}

static void holds_its_depth_in_flight(struct conformance *c)
{
	uint32_t depth = c->rig.disk->info.depth_max;
	struct req *q = make_many(c, depth, PVB_IO_WRITE);

	for (uint32_t i = 0; i < depth; i++)
		assert_int_equal(req_submit(&q[i]), 0);
	assert_int_equal(c->rig.answers, 0);
	rig_kick(&c->rig);
	assert_int_equal(c->rig.answers, 0);
	wait_for_all(q, depth);
	drop_many(q, depth);
	for (uint32_t i = 0; i < depth && !c->target->forgets; i++)
		rig_expect(&c->rig, (uint64_t)i * UNIT % CONFORMANCE_BYTES,
		           UNIT, i + 100);
}

/* More than it holds: some wait, but each is answered in the end. */
static void says_when_it_is_full_and_takes_more_later(struct conformance *c)
{
	uint32_t n = c->rig.disk->info.depth_max + 8, at = 0, full = 0;
	struct req *q;

	if (n > MANY_MAX)
		n = MANY_MAX;
	q = make_many(c, n, PVB_IO_READ);
	while (at < n) {
		uint32_t answers = c->rig.answers;

		if (req_submit(&q[at]) == 0) {
			at++;
			continue;
		}
		full++;
		rig_kick(&c->rig);
		while (c->rig.answers == answers)
			rig_turn(&c->rig);
	}
	rig_kick(&c->rig);
	wait_for_all(q, n);
	assert_int_equal(c->rig.answers, n);
	assert_true(full <= n);
	drop_many(q, n);
}

static void resubmit(struct req *q)
{
	uint32_t *left = q->arg;

	assert_int_equal(q->result, 0);
	if (*left == 0)
		return;
	--*left;
	assert_int_equal(req_submit(q), 0);
	rig_kick(q->rig);
}

static void takes_the_next_request_inside_an_answer(struct conformance *c)
{
	uint32_t left = CHAIN;
	struct req q;

	req_init(&q, &c->rig, PVB_IO_READ, 0, UNIT);
	q.then = resubmit;
	q.arg = &left;
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&c->rig);
	while (c->rig.answers <= CHAIN)
		rig_turn(&c->rig);
	assert_int_equal(left, 0);
	req_fini(&q);
}

static void flushes_what_is_complete(struct conformance *c)
{
	if (!c->rig.disk->info.flush)
		return;
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(rig_write(&c->rig, i * UNIT, UNIT, i), 0);
		assert_int_equal(rig_do(&c->rig, PVB_IO_FLUSH, 0, 0, 0), 0);
		if (!c->target->forgets)
			rig_expect(&c->rig, i * UNIT, UNIT, i);
	}
}

/* What a person calls a flush has no place: it is not looked at. */
static void flushes_without_a_range(struct conformance *c)
{
	if (!c->rig.disk->info.flush)
		return;
	assert_int_equal(rig_do(&c->rig, PVB_IO_FLUSH, 0, 1, 7), 0);
	assert_int_equal(rig_do(&c->rig, PVB_IO_FLUSH, 0, UINT64_MAX, 1), 0);
}

static void flushes_among_writes_in_flight(struct conformance *c)
{
	struct req *writes = make_many(c, FLUSHES, PVB_IO_WRITE);
	struct req *flushes = make_many(c, FLUSHES, PVB_IO_FLUSH);

	if (!c->rig.disk->info.flush ||
	    c->rig.disk->info.depth_max < 2 * FLUSHES)
		goto out;
	for (uint32_t i = 0; i < FLUSHES; i++) {
		assert_int_equal(req_submit(&writes[i]), 0);
		assert_int_equal(req_submit(&flushes[i]), 0);
		if (i % 3 == 0)
			rig_kick(&c->rig);
	}
	rig_kick(&c->rig);
	wait_for_all(writes, FLUSHES);
	wait_for_all(flushes, FLUSHES);
	for (uint32_t i = 0; i < FLUSHES && !c->target->forgets; i++)
		rig_expect(&c->rig, (uint64_t)i * UNIT, UNIT, i + 100);
out:
	drop_many(writes, FLUSHES);
	drop_many(flushes, FLUSHES);
}

static void keeps_data_over_a_new_opening(struct conformance *c)
{
	if (c->target->forgets || c->target->new_each_time)
		return;
	assert_int_equal(rig_write(&c->rig, UNIT, UNIT, 77), 0);
	if (c->rig.disk->info.flush)
		assert_int_equal(rig_do(&c->rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	rig_settle(&c->rig);
	c->target->close(c->target, &c->rig);
	memset(&c->rig, 0, sizeof(c->rig));
	assert_int_equal(c->target->open(c->target, 0, &c->rig), 0);
	rig_expect(&c->rig, UNIT, UNIT, 77);
}

static void rang(struct pvb_loop_timer *t)
{
	t->due_ns = 0;
}

/* Nothing left behind that would make the loop turn. */
static void lets_its_loop_sleep_when_idle(struct conformance *c)
{
	struct pvb_loop_timer timer = { .fired = rang };
	uint32_t turns = 0;

	if (c->target->spins)
		return;
	assert_int_equal(rig_write(&c->rig, 0, UNIT, 1), 0);
	rig_settle(&c->rig);
	pvb_loop_arm(c->rig.loop, &timer,
	             pvb_loop_now_ns(c->rig.loop) + REST_NS);
	for (; timer.loop; turns++)
		rig_turn(&c->rig);
	assert_true(turns <= REST_TURNS);
}

#define CASE(f) { #f, f, 0 }

const struct conformance_case conformance_order[] = {
	CASE(holds_its_depth_in_flight),
	CASE(says_when_it_is_full_and_takes_more_later),
	CASE(takes_the_next_request_inside_an_answer),
	CASE(flushes_what_is_complete),
	CASE(flushes_without_a_range),
	CASE(flushes_among_writes_in_flight),
	CASE(keeps_data_over_a_new_opening),
	CASE(lets_its_loop_sleep_when_idle),
	{ NULL, NULL, 0 }
};
