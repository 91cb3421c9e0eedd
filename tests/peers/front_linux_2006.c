/* SPDX-License-Identifier: MIT */
/*
 * The first Linux front that was posted for the kernel, in March 2006, on
 * 32-bit x86: ring, port and Initialised in one transaction as soon as it finds
 * the device.  No `protocol`, for there was one layout; no feature is read or
 * written.  It reads three numbers at Connected, as C longs.
 *
 * A disk that is in use it does not give back: it complains in its `error` and
 * goes on, and says Closed when the last user has gone.  After a suspension it
 * makes a new ring, sends again what was not answered, and says Connected
 * without asking whether there is anybody.
 */
#include "front.h"

enum { SEGMENTS = 11, REQUESTS = 32, NO_ID = 0x0fffffff };

struct shadow {
	struct blkif_x86_32_request req;
	bool     in_use;
	unsigned char *pages;
	uint32_t count;
};

static struct shadow shadow[REQUESTS];
static uint32_t shadow_free;

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t ref, port;

	memset(shadow, 0, sizeof(shadow));
	shadow_free = 0;
	for (uint32_t i = 0; i < REQUESTS; i++)
		shadow[i].req.id = i + 1 < REQUESTS ? i + 1 : NO_ID;
	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_32, &ref);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "ring-ref", "%u", ref);
		say(e, "event-channel", "%u", port);
		say_state(e, INITIALISED);
	} while (!commit(e));
}

static void join(struct front *f)
{
	struct end *e = &f->end;

	await_state(e, CONNECTED);
	f->sectors = hear_number(e, "sectors", 0);
	assert_int_equal(hear_number(e, "info", 99), 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_int_equal(f->sectors * 512, f->stage->bytes);
	say_state(e, CONNECTED);
}

static uint32_t queue_request(struct front *f, uint8_t op, uint64_t offset,
                              const unsigned char *at, size_t bytes)
{
	struct blkif_x86_32_request *req = ring_put(&f->queue[0].ring);
	uint32_t id = shadow_free, refs[SEGMENTS];
	struct shadow *s = &shadow[id];

	assert_in_range(id, 0, REQUESTS - 1);
	shadow_free = (uint32_t)s->req.id;
	s->in_use = true;
	s->count = (uint32_t)((bytes + PAGE - 1) / PAGE);
	s->pages = front_grant(f, s->count, op == BLKIF_OP_WRITE, refs);
	if (op == BLKIF_OP_WRITE)
		memcpy(s->pages, at, bytes);
	req->id = id;
	req->operation = op;
	req->sector_number = offset / SECTOR;
	req->handle = STAGE_VDEV & 0xffff;
	req->nr_segments = (uint8_t)front_segments(req->seg, refs, 0, bytes);
	s->req = *req;
	return id;
}

static struct shadow *take_answer(struct front *f)
{
	struct answer a = front_answer(f, 0);
	struct shadow *s;

	assert_in_range(a.id, 0, REQUESTS - 1);
	s = &shadow[a.id];
	assert_true(s->in_use);
	front_expect(a, a.id, s->req.operation, BLKIF_RSP_OKAY);
	s->in_use = false;
	s->req.id = shadow_free;
	shadow_free = (uint32_t)a.id;
	return s;
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	unsigned char *at = data;

	while (bytes > 0) {
		size_t most = (size_t)SEGMENTS * PAGE;
		size_t part = bytes < most ? bytes : most;
		uint32_t id = queue_request(f, op, offset, at, part);
		struct shadow *s;

		front_push(f, 0);
		s = take_answer(f);
		assert_ptr_equal(s, &shadow[id]);
		if (op == BLKIF_OP_READ)
			memcpy(at, s->pages, part);
		front_ungrant(f, s->pages, s->count);
		offset += part;
		at += part;
		bytes -= part;
	}
}

/* From Connected; it never says Closing. */
static void closing(struct front *f)
{
	say_state(&f->end, CLOSED);
	await_state(&f->end, CLOSED);
	front_close(f, 0);
}

static void leave(struct front *f)
{
	stage_detach(f->stage);
	await_state(&f->end, CLOSING);
	closing(f);
}

/* ---- what only it does --------------------------------------------------- */

static void keeps_a_disk_that_is_in_use(struct front *f)
{
	struct end *e = &f->end;

	front_connect(f);
	stage_detach(f->stage);
	await_state(e, CLOSING);
	complain(e, "16 Device in use; refusing to close");
	front_exercise(f);
	assert_int_equal(hear_state(e), CLOSING);
	closing(f);
	stage_expect_content(f->stage);
}

static void fill_ring(struct front *f, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		unsigned char *at = f->stage->disk + i * 65536;

		memset(at, 'a' + (int)i, 8192);
		(void)queue_request(f, BLKIF_OP_WRITE, i * 65536, at, 8192);
	}
}

static void recover(struct front *f)
{
	struct ring *r = &f->queue[0].ring;

	for (uint32_t i = 0; i < REQUESTS; i++)
		if (shadow[i].in_use)
			memcpy(ring_put(r), &shadow[i].req,
			       sizeof(shadow[i].req));
	say_state(&f->end, CONNECTED);
	front_push(f, 0);
}

static void resumes_on_another_ring(struct front *f)
{
	struct end *e = &f->end;
	struct front_queue old;
	uint32_t ref, port;

	front_connect(f);
	front_exercise(f);
	/* Some of it the back has seen, and may have done. */
	fill_ring(f, 0, 10);
	front_push(f, 0);
	fill_ring(f, 10, 20);
	old = f->queue[0];
	memset(&f->queue[0], 0, sizeof(old));
	front_ring(f, 0, 1, PVB_BLKIF_SLOT_BYTES_X86_32, &ref);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "ring-ref", "%u", ref);
		say(e, "event-channel", "%u", port);
		say_state(e, INITIALISED);
	} while (!commit(e));
	recover(f);
	for (int i = 0; i < 20; i++) {
		struct shadow *s = take_answer(f);

		front_ungrant(f, s->pages, s->count);
	}
	stage_expect_disk(f->stage);
	e->mem->ops->unbind(e->mem, old.port);
	front_ungrant(f, old.pages, old.count);
	front_exercise(f);
	leave(f);
	stage_expect_content(f->stage);
}

static void is_taken_for_32_bits(struct front *f)
{
	front_connect(f);
	assert_int_equal(back_thread_status(&f->stage->back).terms.abi,
	                 PVB_ABI_X86_32);
	leave(f);
}

static const struct front_test tests[] = {
	{ "keeps a disk that is in use", keeps_a_disk_that_is_in_use },
	{ "resumes on another ring", resumes_on_another_ring },
	{ "is taken for 32 bits", is_taken_for_32_bits },
	{ NULL, NULL },
};

const struct front_script front_linux_2006 = {
	.name = "linux-2006", .offer = offer, .join = join,
	.transfer = transfer, .granule = SECTOR, .leave = leave,
	.tests = tests,
};
