/* SPDX-License-Identifier: MIT */
/*
 * tapdisk with tapback (xapi-project/blktap): says its one limit, and InitWait
 * when the hotplug scripts have run and the front is Initialising.  It takes
 * `feature-persistent` for "0" or "1" and fails at anything else, though it has
 * no use for it; an order of 0 means `ring-ref` to it, and there is no upper
 * bound.  A barrier, which only orders, is all that it says it has.  It copies.
 */
#include "back.h"

static void found(struct back *b)
{
	struct end *e = &b->end;

	say(e, "max-ring-page-order", "%d", 3);
	/* XAPI's scripts. */
	stage_say(b->stage, "physical-device", "fe:2");
	stage_say(b->stage, "hotplug-status", "connected");
	await_state(e, INITIALISING);
	say_state(e, INIT_WAIT);
}

static void connect_tap(struct back *b)
{
	struct end *e = &b->end;
	uint64_t order = hear_number(e, "ring-page-order", 0);

	assert_in_range(order, 0, 4);
	if (is_said(e, "feature-persistent") &&
	    strcmp(hear(e, "feature-persistent"), "0") != 0 &&
	    strcmp(hear(e, "feature-persistent"), "1") != 0)
		fail_msg("tapback takes no such feature-persistent");
	back_map(b, 0, "", "ring-ref", 1U << order,
	         back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_32));
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;

	if (atoi(recall(e, "state")) == CLOSED) {
		await_state(e, INITIALISING);
		say_state(e, INIT_WAIT);
	}
	back_await(b, INITIALISED, CONNECTED);
	connect_tap(b);
	do {
		begin(e);
		say(e, "feature-barrier", "%d", 1);
		say(e, "sector-size", "%u", 512);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", 0);
	} while (!commit(e));
	say_state(e, CONNECTED);
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		if (r->nr_segments == 0)
			return BLKIF_RSP_ERROR;
		return back_transfer(b, r);
	case BLKIF_OP_WRITE_BARRIER:
		return back_transfer(b, r);
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

static void leave(struct back *b)
{
	back_await(b, CLOSING, CLOSED);
	say_state(&b->end, CLOSING);
	back_await(b, CLOSED, CLOSED);
	back_unmap_all(b);
	say_state(&b->end, CLOSED);
}

/* ---- what only it does --------------------------------------------------- */

static void is_flushed_by_barriers(struct back *b)
{
	found(b);
	back_open(b, "");
	back_exercise(b);
	stage_flush(b->stage);
	assert_int_equal(back_result(b), 0);
	assert_int_equal(b->seen[BLKIF_OP_WRITE_BARRIER], 1);
	assert_int_equal(b->seen[BLKIF_OP_FLUSH_DISKCACHE], 0);
	assert_int_equal(b->indirect, 0);
	back_close(b);
}

static void has_no_more_pages_than_it_said(struct back *b)
{
	found(b);
	back_open(b, "&ring-order=4");
	assert_int_equal(b->queue[0].count, 8);
	back_exercise(b);
	back_close(b);
}

static void has_one_page_in_ring_ref(struct back *b)
{
	found(b);
	back_open(b, "&ring-order=0");
	assert_int_equal(b->queue[0].count, 1);
	back_exercise(b);
	back_close(b);
}

static const struct back_test tests[] = {
	{ "is flushed by barriers", is_flushed_by_barriers },
	{ "has no more pages than it said", has_no_more_pages_than_it_said },
	{ "has one page in ring-ref", has_one_page_in_ring_ref },
	{ NULL, NULL },
};

const struct back_script back_tapdisk = {
	.name = "tapdisk", .kind = "vbd3", .copies = true, .found = found,
	.connect = connect_front, .serve = serve, .leave = leave,
	.comes_again = true, .tests = tests,
};
