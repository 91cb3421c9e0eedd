/* SPDX-License-Identifier: MIT */
/*
 * GRUB (xendisk.c): takes the disk's name from the back's `dev`, writes its
 * nodes one by one and Initialised last, and waits for as long as the back says
 * InitWait, whatever comes then.  One page for all of its requests, one segment
 * in each, id 0, one at a time; it rings for each, wanted or not, and looks for
 * the answer all the time.  It knows no flush.
 *
 * It leaves from Initialised to Closed, waits, removes ring and port, and says
 * Initialising: the operating system is to find the device as new.
 */
#include <sched.h>

#include "front.h"

static unsigned char *dma_page;
static uint32_t dma_grant;

/* Its way to wait. */
static void poll_state(struct front *f, const char *while_it_is)
{
	time_t end = time(NULL) + END_WAIT_S;

	while (strcmp(hear(&f->end, "state"), while_it_is) == 0) {
		if (time(NULL) > end)
			fail_msg("the back stays in %s", while_it_is);
		(void)sched_yield();
	}
}

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t ref;

	/* A menu is long after the device was made. */
	await_state(e, INIT_WAIT);
	assert_string_equal(hear(e, "dev"), "xvdb");
	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_64, &ref);
	dma_page = front_grant(f, 1, false, &dma_grant);
	say(e, "ring-ref", "%u", ref);
	say(e, "event-channel", "%u", front_port(f, 0));
	say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	say_state(e, INITIALISED);
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	poll_state(f, "2");
	/* It does not look which state it is, but needs these. */
	f->sectors = hear_number(e, "sectors", 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_int_equal(f->sector_size, 512);
	assert_int_equal(f->sectors * 512, f->stage->bytes);
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	unsigned char *at = data;

	while (bytes > 0) {
		size_t part = bytes < PAGE ? bytes : PAGE;
		struct blkif_x86_64_request *req;

		if (op == BLKIF_OP_WRITE)
			memcpy(dma_page, at, part);
		req = ring_put(&f->queue[0].ring);
		req->operation = op;
		req->nr_segments = 1;
		req->handle = STAGE_VDEV & 0xffff;
		req->id = 0;
		req->sector_number = offset / SECTOR;
		req->seg[0].gref = dma_grant;
		req->seg[0].first_sect = 0;
		req->seg[0].last_sect = (uint8_t)(part / SECTOR - 1);
		(void)ring_push(&f->queue[0].ring);
		front_bell(f, 0);
		front_expect(front_answer_spinning(f, 0), 0, op,
		             BLKIF_RSP_OKAY);
		if (op == BLKIF_OP_READ)
			memcpy(at, dma_page, part);
		offset += part;
		at += part;
		bytes -= part;
	}
}

static void leave(struct front *f)
{
	struct end *e = &f->end;
	time_t end = time(NULL) + END_WAIT_S;

	say_state(e, CLOSED);
	while (strcmp(hear(e, "state"), "6") != 0) {
		if (time(NULL) > end)
			fail_msg("the back is not Closed");
		(void)sched_yield();
	}
	unsay(e, "ring-ref");
	unsay(e, "event-channel");
	front_ungrant(f, dma_page, 1);
	front_close(f, 0);
	say_state(e, INITIALISING);
}

const struct front_script front_grub = {
	.name = "grub", .offer = offer, .waits = true, .join = join,
	.transfer = transfer, .granule = SECTOR, .leave = leave,
	.leaves_fresh = true,
};
