/* SPDX-License-Identifier: MIT */
/*
 * FreeBSD of today (blkfront.c): takes Initialised for an offer, too, and then
 * as in 2012, but without segment blocks: it writes the sizes of its ring only
 * if that has several pages, and has lists for large requests, which it grants
 * read-only.  Writes that are to be ordered go out as barriers.
 */
#include "front.h"

enum { RING_PAGES_MAX = 4, SEGMENTS_MAX = 33 };

static uint32_t ring_pages, max_segments;

static void read_limits(struct end *e)
{
	uint64_t pages = 1ULL << hear_number(e, "max-ring-page-order", 0);
	uint64_t segments;

	pages = hear_number(e, "max-ring-pages", pages);
	ring_pages = 1;
	while (ring_pages * 2 <= pages && ring_pages < RING_PAGES_MAX)
		ring_pages *= 2;
	segments = hear_number(e, "feature-max-indirect-segments", 0);
	max_segments = 11;
	if (segments > 11)
		max_segments = segments < SEGMENTS_MAX ? (uint32_t)segments
		                                       : SEGMENTS_MAX;
}

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t refs[RING_PAGES_MAX];
	char name[24];
	int state;

	while ((state = hear_state(e)) != INIT_WAIT && state != INITIALISED)
		await_news(e, "InitWait");
	read_limits(e);
	front_ring(f, 0, ring_pages, PVB_BLKIF_SLOT_BYTES_X86_64, refs);
	if (ring_pages == 1)
		say(e, "ring-ref", "%u", refs[0]);
	for (uint32_t i = 0; ring_pages > 1 && i < ring_pages; i++) {
		snprintf(name, sizeof(name), "ring-ref%u", i);
		say(e, name, "%u", refs[i]);
	}
	if (ring_pages > 1) {
		say(e, "num-ring-pages", "%u", ring_pages);
		say(e, "ring-page-order", "%d", ring_pages == 4 ? 2 : 1);
	}
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
	f->barrier = hear_number(e, "feature-barrier", 0) != 0;
	f->flush = hear_number(e, "feature-flush-cache", 0) != 0;
	assert_int_equal(f->sectors * f->sector_size, f->stage->bytes);
	say_state(e, CONNECTED);
}

static void put(struct front *f, uint8_t op, uint64_t offset, uint64_t id,
                const uint32_t *refs, size_t bytes, void **list)
{
	void *slot = ring_put(&f->queue[0].ring);
	struct blkif_x86_64_request_indirect *ind = slot;
	struct blkif_x86_64_request *req = slot;
	uint32_t n = (uint32_t)((bytes + PAGE - 1) / PAGE), list_ref;

	*list = NULL;
	if (n <= 11) {
		req->id = id;
		req->operation = op;
		req->sector_number = offset / f->sector_size;
		req->handle = (uint16_t)(uintptr_t)f;
		req->nr_segments = (uint8_t)front_segments(req->seg, refs, 0,
		                                           bytes);
		return;
	}
	*list = front_grant(f, 1, true, &list_ref);
	ind->id = id;
	ind->operation = BLKIF_OP_INDIRECT;
	ind->indirect_op = op;
	ind->sector_number = offset / f->sector_size;
	ind->handle = (uint16_t)(uintptr_t)f;
	ind->indirect_grefs[0] = list_ref;
	ind->nr_segments = (uint16_t)front_segments(*list, refs, 0, bytes);
}

static void one(struct front *f, uint8_t op, uint64_t offset, unsigned char *at,
                size_t bytes, uint64_t id)
{
	uint32_t refs[SEGMENTS_MAX], count = (uint32_t)((bytes + PAGE - 1) /
	                                                PAGE);
	unsigned char *pages = front_grant(f, count, op != BLKIF_OP_READ, refs);
	void *list;

	if (op != BLKIF_OP_READ)
		memcpy(pages, at, bytes);
	put(f, op, offset, id, refs, bytes, &list);
	front_push(f, 0);
	front_expect(front_answer(f, 0), id, op, BLKIF_RSP_OKAY);
	if (op == BLKIF_OP_READ)
		memcpy(at, pages, bytes);
	front_ungrant(f, pages, count);
	if (list)
		front_ungrant(f, list, 1);
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	/* Its requests need not be aligned in memory: one page is spared. */
	const size_t most = (size_t)(max_segments - 1) * PAGE;
	unsigned char *at = data;

	for (size_t done = 0; done < bytes; done += most)
		one(f, op, offset + done, at + done,
		    bytes - done < most ? bytes - done : most, 5);
}

static void flush(struct front *f)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);
	uint8_t op = f->flush ? BLKIF_OP_FLUSH_DISKCACHE
	                      : BLKIF_OP_WRITE_BARRIER;

	assert_true(f->flush || f->barrier);
	req->id = 6;
	req->operation = op;
	req->sector_number = 0;
	req->handle = (uint16_t)(uintptr_t)f;
	req->nr_segments = 0;
	front_push(f, 0);
	front_expect(front_answer(f, 0), 6, op, BLKIF_RSP_OKAY);
}

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

static void orders_its_writes_by_barriers(struct front *f)
{
	unsigned char *at = f->stage->disk + 65536;

	front_connect(f);
	assert_true(f->barrier);
	for (int i = 0; i < 4; i++) {
		memset(at, 'a' + i, 4 * PAGE);
		one(f, BLKIF_OP_WRITE_BARRIER, 65536, at, 4 * PAGE, 7);
	}
	stage_expect_disk(f->stage);
	assert_int_equal(stage_requests(f->stage, PVB_COUNT_BARRIER), 4);
	leave(f);
	stage_expect_content(f->stage);
}

static const struct front_test tests[] = {
	{ "orders its writes by barriers", orders_its_writes_by_barriers },
	{ NULL, NULL },
};

const struct front_script front_freebsd = {
	.name = "freebsd", .options = { .barrier = true }, .offer = offer,
	.waits = true, .join = join, .transfer = transfer, .granule = SECTOR,
	.flush = flush, .leave = leave, .tests = tests,
};
