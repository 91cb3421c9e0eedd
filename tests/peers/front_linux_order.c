/* SPDX-License-Identifier: MIT */
/*
 * Linux fronts with the order scheme of XenServer's days: `ring-page-order` is
 * said for one page, too, as 0.  Where the page's grant stands then, backs have
 * never agreed: old Linux ones read `ring-ref0`, tapdisk `ring-ref`.  So there
 * are two of these fronts.
 */
#include "front.h"

static void offer_as(struct front *f, const char *name)
{
	struct end *e = &f->end;
	uint32_t ref, port;

	await_state(e, INIT_WAIT);
	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_64, &ref);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "ring-page-order", "%u", 0);
		say(e, name, "%u", ref);
		say(e, "event-channel", "%u", port);
		say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	} while (!commit(e));
	say_state(e, INITIALISED);
}

static void offer(struct front *f)
{
	offer_as(f, "ring-ref0");
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	await_state(e, CONNECTED);
	f->sectors = hear_number(e, "sectors", 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	f->flush = hear_number(e, "feature-flush-cache", 0) != 0;
	assert_int_equal(f->sectors * 512, f->stage->bytes);
	say_state(e, CONNECTED);
}

static void flush(struct front *f)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);

	assert_true(f->flush);
	req->operation = BLKIF_OP_FLUSH_DISKCACHE;
	req->nr_segments = 0;
	req->id = 9;
	front_push(f, 0);
	front_expect(front_answer(f, 0), 9, BLKIF_OP_FLUSH_DISKCACHE,
	             BLKIF_RSP_OKAY);
}

static void leave(struct front *f)
{
	stage_detach(f->stage);
	await_state(&f->end, CLOSING);
	say_state(&f->end, CLOSED);
	await_state(&f->end, CLOSED);
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

static void or_says_ring_ref_as_tapdisk_wants_it(struct front *f)
{
	offer_as(f, "ring-ref");
	join(f);
	front_exercise(f);
	leave(f);
	stage_expect_content(f->stage);
}

static const struct front_test tests[] = {
	{ "or says ring-ref, as tapdisk wants it",
	  or_says_ring_ref_as_tapdisk_wants_it },
	{ NULL, NULL },
};

const struct front_script front_linux_order = {
	.name = "linux-order", .offer = offer, .waits = true, .join = join,
	.transfer = front_plain_transfer, .granule = SECTOR, .flush = flush,
	.leave = leave, .tests = tests,
};
