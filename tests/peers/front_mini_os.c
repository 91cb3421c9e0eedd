/* SPDX-License-Identifier: MIT */
/*
 * Mini-OS (blkfront.c): all of its nodes and Connected in one transaction,
 * before it has looked at the back.  One ring page.  A request's id is the
 * address of its control block; each page is granted for one request alone,
 * and its data may begin at any sector of the first.  To synchronise it asks
 * for a barrier and a flush, whatever there is, both under id 0.
 *
 * It leaves step by step, waiting for the back each time, and goes when the
 * device is as new: the way of a boot loader.
 */
#include "front.h"

enum { SEGMENTS = 11 };

struct aiocb {
	uint8_t  operation;
	unsigned char *pages;
	uint32_t count, refs[SEGMENTS];
};

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t port = front_port(f, 0), ref;

	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_64, &ref);
	do {
		begin(e);
		say(e, "ring-ref", "%u", ref);
		say(e, "event-channel", "%u", port);
		say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
		say_state(e, CONNECTED);
	} while (!commit(e));
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	assert_string_equal(hear(e, "mode"), "w");
	while (hear_state(e) < CONNECTED)
		await_news(e, "Connected");
	assert_int_equal(hear_state(e), CONNECTED);
	assert_int_equal(hear_number(e, "info", 99), 0);
	f->sectors = hear_number(e, "sectors", 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	f->barrier = hear_number(e, "feature-barrier", 0) == 1;
	f->flush = hear_number(e, "feature-flush-cache", 0) == 1;
	assert_int_equal(f->sectors * f->sector_size, f->stage->bytes);
}

static void aio(struct front *f, struct aiocb *cb, uint64_t offset, size_t from,
                size_t bytes)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);

	req->operation = cb->operation;
	req->handle = STAGE_VDEV & 0xffff;
	req->id = (uintptr_t)cb;
	req->sector_number = offset / SECTOR;
	req->nr_segments = (uint8_t)front_segments(req->seg, cb->refs, from,
	                                           bytes);
	front_push(f, 0);
}

static void poll_one(struct front *f, const struct aiocb *cb)
{
	struct answer a = front_answer(f, 0);

	/* It would go through the pointer that it finds there. */
	front_expect(a, (uintptr_t)cb, cb->operation, BLKIF_RSP_OKAY);
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	unsigned char *at = data;

	while (bytes > 0) {
		/* Where a buffer of the caller's may begin. */
		size_t from = offset / SECTOR % 8 * SECTOR;
		size_t most = (size_t)SEGMENTS * PAGE - from;
		size_t part = bytes < most ? bytes : most;
		struct aiocb cb = { .operation = op };

		cb.count = (uint32_t)((from + part + PAGE - 1) / PAGE);
		cb.pages = front_grant(f, cb.count, op == BLKIF_OP_WRITE,
		                       cb.refs);
		if (op == BLKIF_OP_WRITE)
			memcpy(cb.pages + from, at, part);
		aio(f, &cb, offset, from, part);
		poll_one(f, &cb);
		if (op == BLKIF_OP_READ)
			memcpy(at, cb.pages + from, part);
		front_ungrant(f, cb.pages, cb.count);
		offset += part;
		at += part;
		bytes -= part;
	}
}

static void push_operation(struct front *f, uint8_t op)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);

	req->operation = op;
	req->nr_segments = 0;
	req->handle = STAGE_VDEV & 0xffff;
	req->id = 0;
	req->sector_number = 0;
	front_push(f, 0);
}

static void sync_disk(struct front *f)
{
	struct ring *r = &f->queue[0].ring;
	struct answer a;

	if (f->barrier)
		push_operation(f, BLKIF_OP_WRITE_BARRIER);
	if (f->flush)
		push_operation(f, BLKIF_OP_FLUSH_DISKCACHE);
	while (ring_room(r) < r->slots) {
		a = front_answer(f, 0);
		assert_true(a.operation == BLKIF_OP_WRITE_BARRIER ||
		            a.operation == BLKIF_OP_FLUSH_DISKCACHE);
		front_expect(a, 0, a.operation, BLKIF_RSP_OKAY);
	}
}

static void leave(struct front *f)
{
	struct end *e = &f->end;
	int state;

	sync_disk(f);
	say_state(e, CLOSING);
	while (hear_state(e) < CLOSING)
		await_news(e, "Closing");
	say_state(e, CLOSED);
	while (hear_state(e) < CLOSED)
		await_news(e, "Closed");
	say_state(e, INITIALISING);
	while ((state = hear_state(e)) < INIT_WAIT || state >= CLOSED)
		await_news(e, "InitWait");
	unsay(e, "ring-ref");
	unsay(e, "event-channel");
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

static void asks_for_a_barrier_and_a_flush_at_once(struct front *f)
{
	front_connect(f);
	assert_true(f->barrier && f->flush);
	sync_disk(f);
	assert_int_equal(stage_requests(f->stage, PVB_COUNT_BARRIER), 1);
	assert_int_equal(stage_requests(f->stage, PVB_COUNT_FLUSH), 1);
	leave(f);
}

static const struct front_test tests[] = {
	{ "asks for a barrier and a flush at once",
	  asks_for_a_barrier_and_a_flush_at_once },
	{ NULL, NULL },
};

const struct front_script front_mini_os = {
	.name = "mini-os", .options = { .barrier = true },
	.offer = offer, .join = join, .transfer = transfer, .granule = SECTOR,
	.flush = sync_disk, .leave = leave, .leaves_fresh = true,
	.tests = tests,
};
