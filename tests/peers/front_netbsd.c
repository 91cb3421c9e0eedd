/* SPDX-License-Identifier: MIT */
/*
 * NetBSD (xbd_xenbus.c): its nodes in one transaction as soon as it finds the
 * device, and Initialised behind it; it waits for no offer and reads none.  One
 * page; ids 0 to 31; each page is granted for one request.  To synchronise it
 * fills nothing in the slot but operation, id and handle: the number of
 * segments is what stands there, from an answer with a small id or from the
 * beginning, and that is 0.
 *
 * It leaves with Closing, when the back wants it to or it is taken away itself,
 * and does not come again.
 */
#include "front.h"

enum { SEGMENTS = 11, REQUESTS = 32 };

/* Free requests: the one that was used last is used next. */
static uint16_t free_ids[REQUESTS];
static uint32_t free_count;

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t ref, port;

	for (free_count = 0; free_count < REQUESTS; free_count++)
		free_ids[free_count] = (uint16_t)free_count;
	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_64, &ref);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "ring-ref", "%u", ref);
		say(e, "event-channel", "%u", port);
		say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	} while (!commit(e));
	say_state(e, INITIALISED);
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	await_state(e, CONNECTED);
	f->sectors = hear_number(e, "sectors", 0);
	assert_int_equal(hear_number(e, "info", 99), 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	f->flush = hear_number(e, "feature-flush-cache", 0) > 0;
	/* Its disk, in 512 bytes. */
	assert_int_equal(f->sectors * f->sector_size, f->stage->bytes);
	say_state(e, CONNECTED);
}

static void one(struct front *f, uint8_t op, uint64_t offset, unsigned char *at,
                size_t bytes)
{
	uint32_t refs[SEGMENTS], count = (uint32_t)((bytes + PAGE - 1) / PAGE);
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);
	unsigned char *pages = front_grant(f, count, op == BLKIF_OP_WRITE,
	                                   refs);
	uint16_t id = free_ids[--free_count];

	if (op == BLKIF_OP_WRITE)
		memcpy(pages, at, bytes);
	req->id = id;
	req->operation = op;
	req->sector_number = offset / SECTOR;
	req->handle = STAGE_VDEV & 0xffff;
	req->nr_segments = (uint8_t)front_segments(req->seg, refs, 0, bytes);
	front_push(f, 0);
	front_expect(front_answer(f, 0), id, op, BLKIF_RSP_OKAY);
	if (op == BLKIF_OP_READ)
		memcpy(at, pages, bytes);
	front_ungrant(f, pages, count);
	free_ids[free_count++] = id;
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	const size_t most = (size_t)SEGMENTS * PAGE;
	unsigned char *at = data;

	for (size_t done = 0; done < bytes; done += most)
		one(f, op, offset + done, at + done,
		    bytes - done < most ? bytes - done : most);
}

static void cache_sync(struct front *f)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);
	uint16_t id = free_ids[--free_count];

	assert_true(f->flush);
	req->id = id;
	req->operation = BLKIF_OP_FLUSH_DISKCACHE;
	req->handle = STAGE_VDEV & 0xffff;
	front_push(f, 0);
	front_expect(front_answer(f, 0), id, BLKIF_OP_FLUSH_DISKCACHE,
	             BLKIF_RSP_OKAY);
	free_ids[free_count++] = id;
}

static void leave(struct front *f)
{
	struct end *e = &f->end;

	stage_detach(f->stage);
	await_state(e, CLOSING);
	say_state(e, CLOSED);
	await_state(e, CLOSED);
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

/* More often than the ring has slots, so that it is put where answers to reads
   and writes, and to itself, have stood. */
static void synchronises_by_a_slot_that_is_half_filled(struct front *f)
{
	front_connect(f);
	for (int i = 0; i < 3 * REQUESTS; i++) {
		cache_sync(f);
		if (i % 3 == 0)
			transfer(f, BLKIF_OP_WRITE, 8192, f->stage->disk + 8192,
			         4096);
	}
	assert_int_equal(stage_requests(f->stage, PVB_COUNT_FLUSH),
	                 3 * REQUESTS);
	stage_expect_content(f->stage);
	leave(f);
}

static void is_taken_away(struct front *f)
{
	front_connect(f);
	front_exercise(f);
	say_state(&f->end, CLOSING);
	await_state(&f->end, CLOSING);
	say_state(&f->end, CLOSED);
	await_state(&f->end, CLOSED);
	front_close(f, 0);
}

static const struct front_test tests[] = {
	{ "synchronises by a slot that is half filled",
	  synchronises_by_a_slot_that_is_half_filled },
	{ "is taken away", is_taken_away },
	{ NULL, NULL },
};

const struct front_script front_netbsd = {
	.name = "netbsd", .offer = offer, .join = join, .transfer = transfer,
	.granule = SECTOR, .flush = cache_sync, .leave = leave, .tests = tests,
};
