/* SPDX-License-Identifier: MIT */
/*
 * FreeBSD of today (blkback.c): features and its one limit, node by node, when
 * it finds the device, and InitWait; the disk is known when the hotplug script
 * has written `physical-device-path`, and it says `hotplug-status` itself.  It
 * offers more pages than others have.  It lets go of the ring as soon as the
 * front says Closing.
 *
 * When the front begins again it says InitWait again, and does not connect any
 * more: it waits for the hotplug script, which has run long ago.
 */
#include "back.h"

static void found(struct back *b)
{
	struct end *e = &b->end;

	say(e, "feature-barrier", "1");
	say(e, "feature-flush-cache", "1");
	say(e, "max-ring-page-order", "%u", 5);
	say_state(e, INIT_WAIT);
	stage_say(b->stage, "physical-device-path", "/dev/zvol/tank/disk");
	say(e, "hotplug-status", "connected");
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;
	uint64_t order;

	back_await(b, INITIALISED, CONNECTED);
	order = hear_number(e, "ring-page-order", 0);
	back_map(b, 0, "", "ring-ref", 1U << order,
	         back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_64));
	do {
		begin(e);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", 0);
		say(e, "sector-size", "%u", 512);
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
	case BLKIF_OP_FLUSH_DISKCACHE:
		return BLKIF_RSP_OKAY;
	default:
		return BLKIF_RSP_ERROR;
	}
}

static void leave(struct back *b)
{
	back_await(b, CLOSING, CLOSED);
	say_state(&b->end, CLOSING);
	back_unmap_all(b);
	back_await(b, CLOSED, CLOSED);
	say_state(&b->end, CLOSED);
}

/* ---- what only it does --------------------------------------------------- */

static void offers_more_pages_than_there_can_be(struct back *b)
{
	found(b);
	back_open(b, "&ring-order=4");
	assert_int_equal(b->queue[0].count, 16);
	assert_int_equal(b->indirect, 0);
	back_exercise(b);
	back_close(b);
}

static void says_initwait_again_and_no_more(struct back *b)
{
	found(b);
	back_open(b, "");
	back_close(b);
	stage_open(b->stage, "&connect-timeout=1");
	await_state(&b->end, INITIALISING);
	say_state(&b->end, INIT_WAIT);
	leave(b);
	assert_int_equal(back_result(b), -ETIMEDOUT);
}

static const struct back_test tests[] = {
	{ "offers more pages than there can be",
	  offers_more_pages_than_there_can_be },
	{ "says InitWait again, and no more",
	  says_initwait_again_and_no_more },
	{ NULL, NULL },
};

const struct back_script back_freebsd = {
	.name = "freebsd", .kind = "vbd", .found = found,
	.connect = connect_front, .serve = serve, .leave = leave,
	.tests = tests,
};
