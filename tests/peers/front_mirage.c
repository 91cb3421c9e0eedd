/* SPDX-License-Identifier: MIT */
/*
 * Mirage (mirage-block-xen, blkfront.ml): takes up to four pages of what the
 * back offers when it looks, which may be nothing yet; port, layout, Connected
 * and then the ring, its last page first, in one transaction.  It looks at
 * `mode`, and at the number of indirect segments once it is connected, and uses
 * up to 512 of what is offered.  The id of a request is the grant of its first
 * page; all is in whole pages; a page that is only read from is granted so, and
 * so is a list.  It knows no flush.
 */
#include "front.h"

enum {
	ORDER_MAX = 2, SEGMENTS_MAX = 512,
	PAGES_MAX = FRONT_TRANSFER_MAX / PAGE,
};

static uint32_t max_segments;

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint64_t order = hear_number(e, "max-ring-page-order", 0);
	uint32_t refs[1 << ORDER_MAX], port;
	char name[24];

	if (order > ORDER_MAX)
		order = ORDER_MAX;
	front_ring(f, 0, 1 << order, PVB_BLKIF_SLOT_BYTES_X86_64, refs);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "event-channel", "%u", port);
		say(e, "protocol", "x86_64-abi");
		say_state(e, CONNECTED);
		if (order == 0)
			say(e, "ring-ref", "%u", refs[0]);
		else
			say(e, "ring-page-order", "%d", (int)order);
		for (int i = (1 << order) - 1; order > 0 && i >= 0; i--) {
			snprintf(name, sizeof(name), "ring-ref%d", i);
			say(e, name, "%u", refs[i]);
		}
	} while (!commit(e));
}

static void join(struct front *f)
{
	struct end *e = &f->end;
	uint64_t indirect;

	await_state(e, CONNECTED);
	indirect = hear_number(e, "feature-max-indirect-segments", 0);
	max_segments = indirect < SEGMENTS_MAX ? (uint32_t)indirect
	                                       : SEGMENTS_MAX;
	if (max_segments < 11)
		max_segments = 11;
	f->sectors = hear_number(e, "sectors", 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_string_equal(hear(e, "mode"), "w");
	assert_int_equal(f->sectors * f->sector_size, f->stage->bytes);
}

static void one(struct front *f, uint8_t op, uint64_t offset, unsigned char *at,
                uint32_t pages)
{
	void *slot = ring_put(&f->queue[0].ring), *list = NULL;
	struct blkif_x86_64_request_indirect *ind = slot;
	struct blkif_x86_64_request *req = slot;
	uint32_t refs[PAGES_MAX], list_ref;
	size_t bytes = (size_t)pages * PAGE;
	unsigned char *own = front_grant(f, pages, op == BLKIF_OP_WRITE, refs);

	if (op == BLKIF_OP_WRITE)
		memcpy(own, at, bytes);
	if (pages <= 11) {
		req->operation = op;
		req->nr_segments = (uint8_t)pages;
		req->handle = STAGE_VDEV & 0xffff;
		req->id = (uint64_t)(int64_t)(int32_t)refs[0];
		req->sector_number = offset / f->sector_size;
		(void)front_segments(req->seg, refs, 0, bytes);
	} else {
		list = front_grant(f, 1, true, &list_ref);
		(void)front_segments(list, refs, 0, bytes);
		ind->operation = BLKIF_OP_INDIRECT;
		ind->indirect_op = op;
		ind->nr_segments = (uint16_t)pages;
		ind->handle = STAGE_VDEV & 0xffff;
		ind->id = (uint64_t)(int64_t)(int32_t)refs[0];
		ind->sector_number = offset / f->sector_size;
		ind->indirect_grefs[0] = list_ref;
	}
	front_push(f, 0);
	front_expect(front_answer(f, 0), (uint64_t)(int64_t)(int32_t)refs[0],
	             op, BLKIF_RSP_OKAY);
	if (op == BLKIF_OP_READ)
		memcpy(at, own, bytes);
	front_ungrant(f, own, pages);
	if (list)
		front_ungrant(f, list, 1);
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	uint32_t pages = (uint32_t)(bytes / PAGE);

	for (uint32_t at = 0; at < pages; at += max_segments)
		one(f, op, offset + (uint64_t)at * PAGE,
		    (unsigned char *)data + (size_t)at * PAGE,
		    pages - at < max_segments ? pages - at : max_segments);
}

static void leave(struct front *f)
{
	struct end *e = &f->end;
	int state;

	say_state(e, CLOSING);
	while ((state = hear_state(e)) != CLOSING && state != CLOSED)
		await_news(e, "Closing");
	say_state(e, CLOSED);
	await_state(e, CLOSED);
	say_state(e, INITIALISING);
	while ((state = hear_state(e)) < INIT_WAIT || state > CLOSING)
		await_news(e, "InitWait");
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

static void uses_lists_of_what_is_offered(struct front *f)
{
	front_connect(f);
	assert_int_equal(max_segments, 256);
	transfer(f, BLKIF_OP_WRITE, 0, f->stage->disk, FRONT_TRANSFER_MAX);
	assert_int_equal(stage_requests(f->stage, PVB_COUNT_WRITE), 1);
	leave(f);
}

static const struct front_test tests[] = {
	{ "uses lists of what is offered", uses_lists_of_what_is_offered },
	{ NULL, NULL },
};

const struct front_script front_mirage = {
	.name = "mirage", .offer = offer, .join = join, .transfer = transfer,
	.granule = 4096, .leave = leave, .leaves_fresh = true, .tests = tests,
};
