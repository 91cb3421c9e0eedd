/* SPDX-License-Identifier: MIT */
/*
 * Linux of Xen 3 (2.6.18, blkback): one page, one queue, no limits to read.  It
 * takes a front that is Initialised or Connected, maps `ring-ref`, and says its
 * size and whether there are barriers just before Connected: there is no flush
 * yet.  It maps each page for one request, for reading only if it can.
 */
#include "back.h"

static void found(struct back *b)
{
	say_state(&b->end, INIT_WAIT);
	stage_say(b->stage, "physical-device", "fd:3");
	stage_say(b->stage, "hotplug-status", "connected");
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;

	back_await(b, INITIALISED, CONNECTED);
	back_map(b, 0, "", "ring-ref", 1,
	         back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_64));
	do {
		begin(e);
		say(e, "feature-barrier", "%d", 1);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", 0);
		say(e, "sector-size", "%lu", 512UL);
	} while (!commit(e));
	say_state(e, CONNECTED);
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_WRITE_BARRIER:
		return back_transfer(b, r);
	default:
		return BLKIF_RSP_ERROR;
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
	assert_true(is_said(&b->end, "ring-ref"));
	back_exercise(b);
	for (uint32_t i = 1; i < 4; i++) {
		stage_flush(b->stage);
		assert_int_equal(back_result(b), 0);
		assert_int_equal(b->seen[BLKIF_OP_WRITE_BARRIER], i);
	}
	assert_int_equal(b->seen[BLKIF_OP_FLUSH_DISKCACHE], 0);
	assert_in_range(b->longest, 1, 11);
	back_close(b);
}

/* A disk that has not even these. */
static void has_no_barriers_after_all(struct back *b)
{
	found(b);
	back_open(b, "");
	b->spoil_operation = BLKIF_OP_WRITE_BARRIER;
	b->spoil_status = BLKIF_RSP_EOPNOTSUPP;
	stage_flush(b->stage);
	assert_int_equal(back_result(b), -EOPNOTSUPP);
	stage_flush(b->stage);
	assert_int_equal(back_result(b), -EOPNOTSUPP);
	assert_int_equal(b->seen[BLKIF_OP_WRITE_BARRIER], 1);
	back_exercise(b);
	back_close(b);
}

static const struct back_test tests[] = {
	{ "is flushed by barriers", is_flushed_by_barriers },
	{ "has no barriers after all", has_no_barriers_after_all },
	{ NULL, NULL },
};

const struct back_script back_linux_2_6 = {
	.name = "linux-2-6", .kind = "vbd", .found = found,
	.connect = connect_front, .serve = serve, .leave = leave,
	.tests = tests,
};
