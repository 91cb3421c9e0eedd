/* SPDX-License-Identifier: MIT */
/*
 * A disk front that starts as scsifront does: ring and port in one transaction,
 * no `protocol`, and Initialised without waiting for InitWait or for a back at
 * all.  As scsifront it knows Reconfiguring, for logical units that come and
 * go, and says it, then Connected again; a disk has no use for that.  It leaves
 * from Connected to Closed.
 */
#include "front.h"

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t ref, port;

	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_32, &ref);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "ring-ref", "%u", ref);
		say(e, "event-channel", "%u", port);
	} while (!commit(e));
	say_state(e, INITIALISED);
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	await_state(e, CONNECTED);
	f->sectors = hear_number(e, "sectors", 0);
	assert_int_equal(f->sectors * 512, f->stage->bytes);
	say_state(e, CONNECTED);
}

static void leave(struct front *f)
{
	say_state(&f->end, CLOSED);
	await_state(&f->end, CLOSED);
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

static void reconfigures_under_load(struct front *f)
{
	front_connect(f);
	for (int i = 0; i < 3; i++) {
		say_state(&f->end, RECONFIGURING);
		front_exercise(f);
		say_state(&f->end, i == 1 ? RECONFIGURED : CONNECTED);
		front_exercise(f);
	}
	say_state(&f->end, CONNECTED);
	assert_int_equal(hear_state(&f->end), CONNECTED);
	leave(f);
	stage_expect_content(f->stage);
}

static const struct front_test tests[] = {
	{ "reconfigures under load", reconfigures_under_load },
	{ NULL, NULL },
};

const struct front_script front_early = {
	.name = "early", .offer = offer, .join = join,
	.transfer = front_plain_transfer, .granule = SECTOR, .leave = leave,
	.tests = tests,
};
