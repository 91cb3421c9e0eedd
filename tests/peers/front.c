/* SPDX-License-Identifier: MIT */
#include "front.h"

#include <sched.h>

#include "disk/requests.h"

enum { ROUNDS = 60, PLAIN_PAGES = 11, PLAIN_ID = 1 };

/* ---- ring and port ------------------------------------------------------- */

void *front_grant(struct front *f, uint32_t pages, bool read_only,
                  uint32_t *refs)
{
	void *at;

	assert_int_equal(f->end.mem->ops->share(f->end.mem, f->end.peer, pages,
	                                        read_only, &at, refs), 0);
	f->grants += pages;
	return at;
}

void front_ungrant(struct front *f, void *pages, uint32_t count)
{
	assert_true(f->grants >= count);
	f->grants -= count;
	f->end.mem->ops->unshare(f->end.mem, pages, count);
}

void front_ring(struct front *f, uint32_t queue, uint32_t pages,
                uint32_t slot_bytes, uint32_t *refs)
{
	struct front_queue *q = &f->queue[queue];

	assert_null(q->pages);
	q->pages = front_grant(f, pages, false, refs);
	q->count = pages;
	ring_format(q->pages, pages * PAGE);
	ring_open(&q->ring, q->pages, pages * PAGE, slot_bytes, false);
}

uint32_t front_port(struct front *f, uint32_t queue)
{
	struct front_queue *q = &f->queue[queue];

	assert_int_equal(f->end.mem->ops->offer(f->end.mem, f->end.peer,
	                                        &q->port), 0);
	return q->port;
}

void front_close(struct front *f, uint32_t queue)
{
	struct front_queue *q = &f->queue[queue];

	f->end.mem->ops->unbind(f->end.mem, q->port);
	front_ungrant(f, q->pages, q->count);
	memset(q, 0, sizeof(*q));
}

/* ---- requests and answers ------------------------------------------------ */

void front_bell(struct front *f, uint32_t queue)
{
	f->end.mem->ops->notify(f->end.mem, f->queue[queue].port);
}

void front_push(struct front *f, uint32_t queue)
{
	if (ring_push(&f->queue[queue].ring))
		front_bell(f, queue);
}

struct answer front_read_answer(const void *slot)
{
	const unsigned char *p = slot;
	struct answer a;

	memcpy(&a.id, p, 8);
	a.operation = p[8];
	memcpy(&a.status, p + 10, 2);
	return a;
}

static void sleep_for_answer(struct front *f, uint32_t queue, int64_t end)
{
	struct front_queue *q = &f->queue[queue];
	int fd = f->end.mem->ops->fd(f->end.mem, q->port);

	if (ring_last_look(&q->ring))
		return;
	end_wait(&fd, 1, end, "an answer");
	(void)f->end.mem->ops->clear(f->end.mem, q->port);
}

void front_await(struct front *f, uint32_t queue, uint32_t slots)
{
	int64_t end = end_deadline();

	while (ring_waiting(&f->queue[queue].ring) < slots)
		sleep_for_answer(f, queue, end);
}

struct answer front_answer(struct front *f, uint32_t queue)
{
	front_await(f, queue, 1);
	return front_read_answer(ring_get(&f->queue[queue].ring));
}

struct answer front_answer_spinning(struct front *f, uint32_t queue)
{
	struct ring *r = &f->queue[queue].ring;
	time_t end = time(NULL) + END_WAIT_S;

	while (ring_waiting(r) == 0) {
		if (time(NULL) > end)
			fail_msg("did not come: an answer");
		(void)sched_yield();
	}
	return front_read_answer(ring_get(r));
}

void front_expect(struct answer a, uint64_t id, uint8_t operation,
                  int16_t status)
{
	assert_true(a.id == id);
	assert_int_equal(a.operation, operation);
	assert_int_equal(a.status, status);
}

uint32_t front_segments(struct blkif_request_segment *seg,
                        const uint32_t *refs, size_t offset, size_t bytes)
{
	uint32_t n = 0;

	while (bytes > 0) {
		size_t from = offset % PAGE;
		size_t part = PAGE - from < bytes ? PAGE - from : bytes;

		seg[n].gref = refs[offset / PAGE];
		seg[n].first_sect = (uint8_t)(from / SECTOR);
		seg[n].last_sect = (uint8_t)((from + part) / SECTOR - 1);
		n++;
		offset += part;
		bytes -= part;
	}
	return n;
}

static void put_plain(struct front *f, uint8_t op, uint64_t offset,
                      const uint32_t *refs, size_t bytes)
{
	struct ring *r = &f->queue[0].ring;
	void *slot = ring_put(r);
	struct blkif_x86_32_request *req32 = slot;
	struct blkif_x86_64_request *req64 = slot;
	uint8_t n;

	/* What stands before the id does so in both layouts. */
	req32->operation = op;
	req32->handle = STAGE_VDEV & 0xffff;
	if (r->slot_bytes == PVB_BLKIF_SLOT_BYTES_X86_32) {
		req32->id = PLAIN_ID;
		req32->sector_number = offset / SECTOR;
		n = (uint8_t)front_segments(req32->seg, refs, 0, bytes);
	} else {
		req64->id = PLAIN_ID;
		req64->sector_number = offset / SECTOR;
		n = (uint8_t)front_segments(req64->seg, refs, 0, bytes);
	}
	req32->nr_segments = n;
}

void front_plain_transfer(struct front *f, uint8_t op, uint64_t offset,
                          void *data, size_t bytes)
{
	const size_t most = (size_t)PLAIN_PAGES * PAGE;
	unsigned char *at = data, *pages;
	uint32_t refs[PLAIN_PAGES], count;

	for (size_t done = 0; done < bytes; done += most) {
		size_t part = bytes - done < most ? bytes - done : most;

		count = (uint32_t)((part + PAGE - 1) / PAGE);
		pages = front_grant(f, count, op == BLKIF_OP_WRITE, refs);
		if (op == BLKIF_OP_WRITE)
			memcpy(pages, at + done, part);
		put_plain(f, op, offset + done, refs, part);
		front_push(f, 0);
		front_expect(front_answer(f, 0), PLAIN_ID, op, BLKIF_RSP_OKAY);
		if (op == BLKIF_OP_READ)
			memcpy(at + done, pages, part);
		front_ungrant(f, pages, count);
	}
}

/* ---- with every script --------------------------------------------------- */

void front_connect(struct front *f)
{
	f->script->offer(f);
	f->script->join(f);
}

static void write_one(struct front *f, uint64_t offset, size_t bytes,
                      uint64_t seed)
{
	unsigned char *model = f->stage->disk + offset;

	fill_pattern(model, bytes, seed);
	f->script->transfer(f, BLKIF_OP_WRITE, offset, model, bytes);
}

static void read_one(struct front *f, uint64_t offset, size_t bytes)
{
	unsigned char *found = malloc(bytes);

	assert_non_null(found);
	f->script->transfer(f, BLKIF_OP_READ, offset, found, bytes);
	assert_memory_equal(found, f->stage->disk + offset, bytes);
	free(found);
}

void front_exercise(struct front *f)
{
	uint64_t seed = ++f->rounds, unit = f->script->granule;
	uint64_t units = f->stage->bytes / unit;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t most = FRONT_TRANSFER_MAX / unit;
		uint64_t at = next_random(&seed) % units;
		uint64_t n = next_random(&seed) % most + 1;

		/* Small ones, too; and to the very end. */
		if (i % 4 == 0)
			n = n % 8 + 1;
		if (n > units - at)
			n = units - at;
		if (i % 3 == 2)
			read_one(f, at * unit, n * unit);
		else
			write_one(f, at * unit, n * unit, seed);
	}
	read_one(f, 0, FRONT_TRANSFER_MAX);
	read_one(f, f->stage->bytes - FRONT_TRANSFER_MAX, FRONT_TRANSFER_MAX);
	if (f->script->flush)
		f->script->flush(f);
	stage_expect_disk(f->stage);
}
