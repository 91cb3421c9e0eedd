/* SPDX-License-Identifier: MIT */
/*
 * FreeBSD of 2010 to 2012, releases 8.2 to 9.0: reads how many pages a ring may
 * have, and writes how many it has, also if that is one.  The first of them is
 * in `ring-ref`, however many there are, the next in `ring-ref1`.  It limits
 * itself in requests, segments and bytes.  Its nodes go out one by one, without
 * a transaction, Initialised last.
 *
 * The patch of February 2012 joined its way of large rings with those of
 * others: it reads and writes the order as well, but of the limits the count of
 * pages holds if it is there.  As it was posted it left the names of the
 * references alone.
 *
 * A request of more than 11 segments goes on in the next slots, and its answer
 * takes as many.  The handle is what is left of a pointer.  Disk sectors have
 * the disk's own size, those of a page 512 bytes.
 */
#include "front.h"

enum {
	RING_PAGES_MAX = 16, REQUESTS_MAX = 256,
	SEGMENTS_MAX = 128 * 1024 / PAGE + 1,
	PER_BLOCK = PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_64,
};

static uint32_t ring_pages, max_requests, max_segments, max_bytes;

static uint32_t least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static bool knows_orders(const struct front *f)
{
	return f->script != &front_freebsd_9_0;
}

static void read_limits(struct front *f)
{
	struct end *e = &f->end;
	uint64_t pages = 1;

	if (knows_orders(f))
		pages <<= hear_number(e, "max-ring-page-order", 0);
	pages = hear_number(e, "max-ring-pages", pages);
	ring_pages = 1;
	while (ring_pages * 2 <= least(pages, RING_PAGES_MAX))
		ring_pages *= 2;
	max_requests = least(hear_number(e, "max-requests", ring_pages * 32),
	                     REQUESTS_MAX);
	max_segments = least(hear_number(e, "max-request-segments", 11),
	                     SEGMENTS_MAX);
	max_bytes = least(hear_number(e, "max-request-size", 11 * PAGE),
	                  (max_segments - 1) * PAGE);
}

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t refs[RING_PAGES_MAX], order = 0;
	char name[24];

	await_state(e, INIT_WAIT);
	read_limits(f);
	front_ring(f, 0, ring_pages, PVB_BLKIF_SLOT_BYTES_X86_64, refs);
	say(e, "ring-ref", "%u", refs[0]);
	for (uint32_t i = 1; i < ring_pages; i++) {
		snprintf(name, sizeof(name), "ring-ref%u", i);
		say(e, name, "%u", refs[i]);
	}
	while (1U << order < ring_pages)
		order++;
	say(e, "ring-pages", "%u", ring_pages);
	if (knows_orders(f))
		say(e, "ring-page-order", "%u", order);
	say(e, "max-requests", "%u", max_requests);
	say(e, "max-request-segments", "%u", max_segments);
	say(e, "max-request-size", "%u", max_bytes);
	say(e, "event-channel", "%u", front_port(f, 0));
	say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	say_state(e, INITIALISED);
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	await_state(e, CONNECTED);
	f->sectors = hear_number(e, "sectors", 0);
	assert_int_equal(hear_number(e, "info", 99), 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_int_equal(f->sectors * f->sector_size, f->stage->bytes);
	say_state(e, CONNECTED);
}

/* Header and blocks: how many slots. */
static uint32_t queue_cb(struct front *f, uint8_t op, uint64_t offset,
                         const uint32_t *refs, size_t bytes)
{
	struct ring *r = &f->queue[0].ring;
	struct blkif_x86_64_request *req = ring_put(r);
	struct blkif_request_segment seg[SEGMENTS_MAX];
	uint32_t n = front_segments(seg, refs, 0, bytes), slots = 1, at;

	req->id = 17;
	req->operation = op;
	req->sector_number = offset / f->sector_size;
	req->handle = (uint16_t)(uintptr_t)f;
	req->nr_segments = (uint8_t)n;
	at = n < 11 ? n : 11;
	memcpy(req->seg, seg, at * sizeof(*seg));
	for (; at < n; at += PER_BLOCK, slots++) {
		uint32_t part = n - at < PER_BLOCK ? n - at : PER_BLOCK;
		struct blkif_x86_64_segment_block *b = ring_put(r);

		memcpy(b->seg, seg + at, part * sizeof(*seg));
	}
	return slots;
}

static void complete(struct front *f, uint8_t op, uint32_t slots)
{
	struct ring *r = &f->queue[0].ring;

	front_await(f, 0, slots);
	front_expect(front_read_answer(ring_get(r)), 17, op, BLKIF_RSP_OKAY);
	while (--slots > 0)
		(void)ring_get(r);
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	unsigned char *at = data, *pages;
	uint32_t refs[SEGMENTS_MAX], slots;

	while (bytes > 0) {
		uint32_t part = least(bytes, max_bytes);
		uint32_t count = (part + PAGE - 1) / PAGE;

		pages = front_grant(f, count, op == BLKIF_OP_WRITE, refs);
		if (op == BLKIF_OP_WRITE)
			memcpy(pages, at, part);
		slots = queue_cb(f, op, offset, refs, part);
		front_push(f, 0);
		complete(f, op, slots);
		if (op == BLKIF_OP_READ)
			memcpy(at, pages, part);
		front_ungrant(f, pages, count);
		offset += part;
		at += part;
		bytes -= part;
	}
}

/* Both at once: its disk is gone by then. */
static void leave(struct front *f)
{
	struct end *e = &f->end;

	stage_detach(f->stage);
	await_state(e, CLOSING);
	say_state(e, CLOSING);
	say_state(e, CLOSED);
	await_state(e, CLOSED);
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

static void agrees_on_requests_of_several_slots(struct front *f)
{
	struct pvb_blk_terms terms;

	front_connect(f);
	terms = back_thread_status(&f->stage->back).terms;
	assert_int_equal(terms.ring_order, 4);
	assert_int_equal(terms.indirect_max, 0);
	assert_int_equal(terms.blocks.segs_max, SEGMENTS_MAX);
	assert_int_equal(terms.blocks.requests_max, REQUESTS_MAX);
	assert_int_equal(terms.blocks.bytes_max, 128 * 1024);
	leave(f);
}

/* Of three slots each, several times around the ring, so that they lie across
   its end as well. */
static void goes_around_the_ring(struct front *f)
{
	struct ring *r = &f->queue[0].ring;
	const uint32_t bytes = 128 * 1024;

	front_connect(f);
	for (uint32_t i = 0; i < 3 * r->slots / 3; i++) {
		uint64_t offset = i % 32 * (uint64_t)bytes;

		memset(f->stage->disk + offset, (int)i, bytes);
		transfer(f, BLKIF_OP_WRITE, offset, f->stage->disk + offset,
		         bytes);
	}
	assert_true(r->prod > 2 * r->slots);
	stage_expect_disk(f->stage);
	leave(f);
	stage_expect_content(f->stage);
}

static const struct front_test tests[] = {
	{ "agrees on requests of several slots",
	  agrees_on_requests_of_several_slots },
	{ "goes around the ring", goes_around_the_ring },
	{ NULL, NULL },
};

const struct front_script front_freebsd_2012 = {
	.name = "freebsd-2012", .options = { .blocks = true }, .offer = offer,
	.waits = true, .join = join, .transfer = transfer, .granule = SECTOR,
	.leave = leave, .tests = tests,
};

/* A backend that does not have its large requests, but its rings. */
static void agrees_on_a_large_ring(struct front *f)
{
	struct pvb_blk_terms terms;

	front_connect(f);
	terms = back_thread_status(&f->stage->back).terms;
	assert_int_equal(terms.ring_order, 4);
	assert_int_equal(terms.blocks.segs_max, 0);
	leave(f);
}

static const struct front_test tests_9_0[] = {
	{ "agrees on a large ring", agrees_on_a_large_ring },
	{ NULL, NULL },
};

const struct front_script front_freebsd_9_0 = {
	.name = "freebsd-9-0", .offer = offer, .waits = true, .join = join,
	.transfer = transfer, .granule = SECTOR, .leave = leave,
	.tests = tests_9_0,
};

const struct front_script front_freebsd_2012_4k = {
	.name = "freebsd-2012-4k",
	.options = { .blocks = true, .sector_size = 4096,
	             .units = PVB_BLK_UNITS_FREEBSD },
	.offer = offer, .waits = true, .join = join, .transfer = transfer,
	.granule = 4096, .leave = leave,
};
