/* SPDX-License-Identifier: MIT */
/*
 * FreeBSD with the patch of February 2012: offers rings in both ways, and three
 * limits of requests; reads the order, then the count of pages, which holds if
 * it is there, and the front's own limits.  A request goes on in as many slots
 * as it needs, and its answer takes as many.  Disk sectors have the disk's own
 * size, those of a page 512 bytes.  It lets go when the front is Closed.
 *
 * Before that, in release 9.0, it knew the count of pages only, and looked for
 * the first of them in `ring-ref`, however many there were.
 */
#include "back.h"

enum { SEGMENTS = 33, REQUESTS = 256, REQUEST_BYTES = 128 * 1024 };

static uint32_t sector_size(const struct back *b)
{
	return b->script->sector_size ? b->script->sector_size : 512;
}

static bool knows_orders(const struct back *b)
{
	return b->script != &back_freebsd_9_0;
}

static void found(struct back *b)
{
	struct end *e = &b->end;

	say(e, "feature-barrier", "1");
	say(e, "feature-flush-cache", "1");
	say(e, "max-ring-pages", "%d", 32);
	if (knows_orders(b))
		say(e, "max-ring-page-order", "%u", 5);
	say(e, "max-requests", "%u", REQUESTS);
	say(e, "max-request-segments", "%u", SEGMENTS);
	say(e, "max-request-size", "%u", REQUEST_BYTES);
	say(e, "hotplug-status", "connected");
	say_state(e, INIT_WAIT);
}

static void collect_frontend_info(struct back *b)
{
	struct end *e = &b->end;
	uint64_t pages = 1;

	if (knows_orders(b))
		pages <<= hear_number(e, "ring-page-order", 0);
	pages = hear_number(e, "ring-pages", pages);
	assert_in_range(hear_number(e, "max-requests", 32), 1, REQUESTS);
	assert_in_range(hear_number(e, "max-request-segments", 11), 1,
	                SEGMENTS);
	assert_in_range(hear_number(e, "max-request-size", 11 * PAGE), 512,
	                REQUEST_BYTES);
	back_map(b, 0, "", "ring-ref", (uint32_t)pages,
	         back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_64));
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;

	back_await(b, INITIALISED, CONNECTED);
	collect_frontend_info(b);
	do {
		begin(e);
		say(e, "sectors", "%llu",
		    (unsigned long long)b->bytes / sector_size(b));
		say(e, "info", "%u", 0);
		say(e, "sector-size", "%u", sector_size(b));
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
	back_await(b, CLOSED, CLOSED);
	back_unmap_all(b);
	say_state(&b->end, CLOSED);
}

/* ---- what only it does --------------------------------------------------- */

static void write_long(struct back *b, uint64_t offset)
{
	memset(b->expected + offset, 0, REQUEST_BYTES);
	stage_write(b->stage, offset, REQUEST_BYTES);
	assert_int_equal(back_result(b), 0);
}

static void has_requests_of_three_slots(struct back *b)
{
	uint32_t before;

	found(b);
	back_open(b, "&ring-order=4");
	assert_int_equal(b->queue[0].count, 16);
	assert_string_equal(hear(&b->end, "max-request-segments"), "33");
	for (uint32_t i = 0; i < 600; i++) {
		before = b->queue[0].ring.cons;
		write_long(b, i % 32 * (uint64_t)REQUEST_BYTES);
		assert_int_equal(b->queue[0].ring.cons - before, 3);
	}
	assert_int_equal(b->longest, 32);
	assert_int_equal(b->seen[BLKIF_OP_WRITE], 600);
	back_expect_disk(b);
	back_close(b);
}

/* A front that has not been told to. */
static void is_used_without_them(struct back *b)
{
	found(b);
	stage_open(b->stage, "");
	connect_front(b);
	assert_int_equal(back_result(b), 0);
	assert_false(is_said(&b->end, "max-request-segments"));
	back_exercise(b);
	assert_in_range(b->longest, 1, 11);
	back_close(b);
}

static const struct back_test tests[] = {
	{ "has requests of three slots", has_requests_of_three_slots },
	{ "is used without them", is_used_without_them },
	{ NULL, NULL },
};

const struct back_script back_freebsd_2012 = {
	.name = "freebsd-2012", .kind = "vbd", .blocks = SEGMENTS,
	.options = "&segment-blocks=on&indirect=0", .backwards = true,
	.found = found, .connect = connect_front, .serve = serve,
	.leave = leave, .tests = tests,
};

/* The same for a front of 32 bits, whose slots hold one segment less; this is
   how pvb has it, and not what FreeBSD's header said. */
static const struct back_test tests_32[] = {
	{ "has requests of three slots", has_requests_of_three_slots },
	{ NULL, NULL },
};

const struct back_script back_freebsd_2012_32 = {
	.name = "freebsd-2012-32", .kind = "vbd", .blocks = SEGMENTS,
	.options = "&segment-blocks=on&indirect=0&protocol=x86_32-abi",
	.found = found, .connect = connect_front, .serve = serve,
	.leave = leave, .tests = tests_32,
};

const struct back_script back_freebsd_9_0 = {
	.name = "freebsd-9-0", .kind = "vbd", .blocks = SEGMENTS,
	.options = "&segment-blocks=on&indirect=0", .backwards = true,
	.first_apart = true, .found = found, .connect = connect_front,
	.serve = serve, .leave = leave, .tests = tests,
};

const struct back_script back_freebsd_2012_4k = {
	.name = "freebsd-2012-4k", .kind = "vbd", .blocks = SEGMENTS,
	.options = "&segment-blocks=on&indirect=0&sector-units=freebsd",
	.sector_size = 4096, .disk_unit = 4096, .found = found,
	.connect = connect_front, .serve = serve, .leave = leave,
};
