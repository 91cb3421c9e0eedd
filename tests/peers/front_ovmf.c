/* SPDX-License-Identifier: MIT */
/*
 * OVMF (XenPvBlkDxe), which comes from Mini-OS: the same order, from Connected
 * in one transaction to a fresh device.  What differs: of a CD-ROM drive it
 * reads the back's `params` first, and leaves an empty one alone; it gives up
 * if the back's state goes beyond the one that it waits for; it takes away
 * `protocol`, too; it looks for answers all the time.
 */
#include "front.h"

enum { SEGMENTS = 11 };

struct io_data { uint8_t operation; uint32_t refs[SEGMENTS]; };

/* Exactly this one, by way of lower ones only. */
static void wait_for_backend_state(struct end *e, int expected)
{
	int state;

	while ((state = hear_state(e)) != expected) {
		if (state > expected)
			fail_msg("the back is in %d, beyond %d", state,
			         expected);
		await_news(e, "the back's next state");
	}
}

static bool is_empty_drive(struct end *e)
{
	const char *params = hear(e, "params");

	return strcmp(recall(e, "device-type"), "cdrom") == 0 &&
	       (!*params || strcmp(params, "aio:") == 0);
}

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t port, ref;

	assert_false(is_empty_drive(e));
	port = front_port(f, 0);
	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_64, &ref);
	do {
		begin(e);
		say(e, "ring-ref", "%d", (int)ref);
		say(e, "event-channel", "%d", (int)port);
		say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
		say_state(e, CONNECTED);
	} while (!commit(e));
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	wait_for_backend_state(e, CONNECTED);
	assert_true(is_said(e, "info") && is_said(e, "sectors") &&
	            is_said(e, "sector-size"));
	assert_int_equal(hear_number(e, "info", 99) & VDISK_READONLY, 0);
	f->sectors = hear_number(e, "sectors", 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_int_equal(f->sector_size % 512, 0);
	/* In 512 bytes, since that was mended. */
	assert_int_equal(f->sectors * 512, f->stage->bytes);
	f->barrier = hear_number(e, "feature-barrier", 0) == 1;
	f->flush = hear_number(e, "feature-flush-cache", 0) == 1;
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	unsigned char *at = data, *pages;

	while (bytes > 0) {
		size_t most = (size_t)SEGMENTS * PAGE;
		size_t part = bytes < most ? bytes : most;
		uint32_t count = (uint32_t)((part + PAGE - 1) / PAGE);
		struct io_data io = { .operation = op };
		struct blkif_x86_64_request *req;

		pages = front_grant(f, count, op == BLKIF_OP_WRITE, io.refs);
		if (op == BLKIF_OP_WRITE)
			memcpy(pages, at, part);
		req = ring_put(&f->queue[0].ring);
		req->operation = op;
		req->handle = STAGE_VDEV & 0xffff;
		req->id = (uintptr_t)&io;
		req->sector_number = offset / SECTOR;
		req->nr_segments = (uint8_t)front_segments(req->seg, io.refs, 0,
		                                           part);
		front_push(f, 0);
		front_expect(front_answer_spinning(f, 0), (uintptr_t)&io, op,
		             BLKIF_RSP_OKAY);
		if (op == BLKIF_OP_READ)
			memcpy(at, pages, part);
		front_ungrant(f, pages, count);
		offset += part;
		at += part;
		bytes -= part;
	}
}

static void sync_disk(struct front *f)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);

	assert_true(f->flush && !f->barrier);
	req->operation = BLKIF_OP_FLUSH_DISKCACHE;
	req->nr_segments = 0;
	req->handle = STAGE_VDEV & 0xffff;
	req->id = 0;
	req->sector_number = 0;
	front_push(f, 0);
	front_expect(front_answer_spinning(f, 0), 0, BLKIF_OP_FLUSH_DISKCACHE,
	             BLKIF_RSP_OKAY);
}

static void leave(struct front *f)
{
	struct end *e = &f->end;
	int state;

	sync_disk(f);
	say_state(e, CLOSING);
	wait_for_backend_state(e, CLOSING);
	say_state(e, CLOSED);
	wait_for_backend_state(e, CLOSED);
	say_state(e, INITIALISING);
	/* It does not wait if it sees Closed still. */
	while ((state = hear_state(e)) > INIT_WAIT && state < CLOSED)
		await_news(e, "InitWait");
	unsay(e, "ring-ref");
	unsay(e, "event-channel");
	unsay(e, "protocol");
	front_close(f, 0);
}

/* The next one would find Closed, and give up. */
static void leave_and_be_waited_for(struct front *f)
{
	leave(f);
	await_state(&f->end, INIT_WAIT);
}

const struct front_script front_ovmf = {
	.name = "ovmf", .offer = offer, .join = join, .transfer = transfer,
	.granule = SECTOR, .flush = sync_disk,
	.leave = leave_and_be_waited_for, .leaves_fresh = true,
};

/* ---- a drive ------------------------------------------------------------- */

static void leaves_an_empty_drive_alone(struct front *f)
{
	back_thread_wait(&f->stage->back, PVB_XB_INIT_WAIT);
	assert_true(is_empty_drive(&f->end));
	assert_int_equal(recall(&f->end, "state")[0], '1');
}

static const struct front_test drive_tests[] = {
	{ "leaves an empty drive alone", leaves_an_empty_drive_alone },
	{ NULL, NULL },
};

const struct front_script front_ovmf_cdrom = {
	.name = "ovmf-cdrom", .options = { .cdrom = true, .empty = true },
	.tests = drive_tests,
};
