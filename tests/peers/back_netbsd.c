/* SPDX-License-Identifier: MIT */
/*
 * NetBSD (xbdback): InitWait when it finds the device, and Connected as soon as
 * the hotplug script has written `physical-device`, in decimal, whether there
 * is a front or not; it says no other state when it has mapped the ring.  One
 * page.  Sectors have 512 bytes, whatever the disk's have.  An error is a
 * positive number where it found it itself.
 *
 * The ring is gone when the front says Closing, and the device when it says
 * Closed: nobody comes after that.
 */
#include "back.h"

static void found(struct back *b)
{
	struct end *e = &b->end;

	say_state(e, INIT_WAIT);
	stage_say(b->stage, "physical-device", "3584");
	stage_say(b->stage, "hotplug-status", "connected");
	assert_int_equal(strtoul(recall(e, "physical-device"), NULL, 10), 3584);
	do {
		begin(e);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", recall(e, "mode")[0] == 'w' ? 0 : 4);
		say(e, "sector-size", "%lu", 512UL);
		say(e, "feature-flush-cache", "%u", 1);
	} while (!commit(e));
	say_state(e, CONNECTED);
}

static void connect_front(struct back *b)
{
	back_await(b, INITIALISED, CONNECTED);
	back_map(b, 0, "", "ring-ref", 1,
	         back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_64));
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		if (r->nr_segments < 1 || r->nr_segments > 11)
			return EINVAL;
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
	back_unmap_all(b);
	say_state(&b->end, CLOSING);
	back_await(b, CLOSED, CLOSED);
	say_state(&b->end, CLOSED);
}

/* ---- what only it does --------------------------------------------------- */

static void answers_by_a_positive_number(struct back *b)
{
	found(b);
	back_open(b, "");
	b->spoil_operation = BLKIF_OP_WRITE;
	b->spoil_status = EINVAL;
	stage_write(b->stage, 0, 4096);
	assert_int_equal(back_result(b), -EIO);
	back_exercise(b);
	back_close(b);
}

static void does_not_come_again(struct back *b)
{
	found(b);
	back_open(b, "");
	back_close(b);
	stage_open(b->stage, "&connect-timeout=1");
	assert_int_equal(back_result(b), -ETIMEDOUT);
}

static const struct back_test tests[] = {
	{ "answers by a positive number", answers_by_a_positive_number },
	{ "does not come again", does_not_come_again },
	{ NULL, NULL },
};

const struct back_script back_netbsd = {
	.name = "netbsd", .kind = "vbd", .found = found,
	.connect = connect_front, .serve = serve, .leave = leave,
	.tests = tests,
};
