/* SPDX-License-Identifier: MIT */
#include "back.h"

#include "disk/requests.h"

enum { ROUNDS = 12, BATCH = 16, PIECE_MAX = 96 * 1024 };

/* ---- rings --------------------------------------------------------------- */

uint32_t back_slot_bytes(struct back *b, const char *absent)
{
	const char *abi = hear(&b->end, "protocol");

	if (!*abi)
		abi = absent;
	if (strcmp(abi, XEN_IO_PROTO_ABI_X86_32) == 0)
		return PVB_BLKIF_SLOT_BYTES_X86_32;
	if (strcmp(abi, XEN_IO_PROTO_ABI_X86_64) != 0 &&
	    strcmp(abi, XEN_IO_PROTO_ABI_ARM) != 0)
		fail_msg("no layout is called \"%s\"", abi);
	return PVB_BLKIF_SLOT_BYTES_X86_64;
}

void back_map(struct back *b, uint32_t queue, const char *dir, const char *one,
              uint32_t pages, uint32_t slot_bytes)
{
	const struct pvb_mem_ops *ops = b->end.mem->ops;
	struct back_queue *q = &b->queue[queue];
	uint32_t refs[BACK_PAGES_MAX], port;
	char name[64];

	assert_in_range(pages, 1, BACK_PAGES_MAX);
	assert_null(q->pages);
	for (uint32_t i = 0; i < pages; i++) {
		snprintf(name, sizeof(name), "%sring-ref%u", dir, i);
		if (pages == 1 || (i == 0 && b->script->first_apart))
			snprintf(name, sizeof(name), "%s%s", dir, one);
		if (!is_said(&b->end, name))
			fail_msg("the front says no %s", name);
		refs[i] = (uint32_t)hear_number(&b->end, name, 0);
	}
	snprintf(name, sizeof(name), "%sevent-channel", dir);
	port = (uint32_t)hear_number(&b->end, name, 0);
	assert_int_equal(ops->map(b->end.mem, b->end.peer, refs, pages, false,
	                          &q->pages), 0);
	q->count = pages;
	ring_open(&q->ring, q->pages, pages * PAGE, slot_bytes, true);
	assert_int_equal(ops->bind(b->end.mem, b->end.peer, port, &q->port),
	                 0);
	ops->notify(b->end.mem, q->port);
}

void back_unmap(struct back *b, uint32_t queue)
{
	const struct pvb_mem_ops *ops = b->end.mem->ops;
	struct back_queue *q = &b->queue[queue];

	assert_int_equal(ring_waiting(&q->ring), 0);
	ops->unbind(b->end.mem, q->port);
	ops->unmap(b->end.mem, q->pages, q->count);
	memset(q, 0, sizeof(*q));
}

void back_unmap_all(struct back *b)
{
	for (uint32_t i = 0; i < BACK_QUEUES; i++)
		if (b->queue[i].pages)
			back_unmap(b, i);
}

/* ---- with every script --------------------------------------------------- */

void back_open(struct back *b, const char *more)
{
	char options[128];

	snprintf(options, sizeof(options), "%s%s",
	         b->script->options ? b->script->options : "", more);
	stage_open(b->stage, options);
	b->script->connect(b);
	if (back_result(b) < 0)
		fail_msg("%s", b->stage->call.error.text);
}

void back_close(struct back *b)
{
	stage_close(b->stage);
	b->script->leave(b);
	assert_int_equal(back_result(b), 0);
}

int back_result(struct back *b)
{
	back_await_program(b);
	return stage_result(b->stage);
}

struct piece {
	struct pvb_io io;
	struct iovec iov;
	unsigned char *data;
};

/* Each in a part of the disk of its own: they have no order. */
static void submit(struct back *b, struct piece *p, uint32_t i, uint64_t *seed)
{
	uint64_t unit = b->script->sector_size ? b->script->sector_size : 512;
	uint64_t part = b->bytes / BATCH / unit;
	uint64_t at = next_random(seed) % part;
	uint64_t n = next_random(seed) % (PIECE_MAX / unit) + 1;

	if (n > part - at)
		n = part - at;
	p->io = (struct pvb_io){
		.op = next_random(seed) % 3 ? PVB_IO_WRITE : PVB_IO_READ,
		.offset_bytes = (i * part + at) * unit,
		.length_bytes = n * unit, .iov = &p->iov, .iovcnt = 1,
	};
	p->data = malloc(n * unit);
	assert_non_null(p->data);
	p->iov = (struct iovec){ p->data, n * unit };
	if (p->io.op == PVB_IO_WRITE) {
		fill_pattern(p->data, n * unit, *seed);
		memcpy(b->expected + p->io.offset_bytes, p->data, n * unit);
	}
	stage_submit(b->stage, &p->io);
}

static void check(struct back *b, struct piece *p)
{
	assert_int_equal((int64_t)p->io.scratch[0], 0);
	assert_memory_equal(p->data, b->expected + p->io.offset_bytes,
	                    p->io.length_bytes);
	free(p->data);
}

void back_exercise(struct back *b)
{
	uint64_t seed = ++b->rounds;
	struct piece piece[BATCH];

	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < BATCH; i++)
			submit(b, &piece[i], i, &seed);
		back_await_program(b);
		for (uint32_t i = 0; i < BATCH; i++)
			check(b, &piece[i]);
	}
	back_expect_disk(b);
}

void back_expect_disk(struct back *b)
{
	for (uint64_t at = 0; at < b->bytes; at += SECTOR)
		if (memcmp(b->disk + at, b->expected + at, SECTOR) != 0)
			fail_msg("sector %u of the disk is not what was "
			         "written", (unsigned int)(at / SECTOR));
}

void back_grow(struct back *b, uint64_t bytes)
{
	b->disk = realloc(b->disk, bytes);
	b->expected = realloc(b->expected, bytes);
	assert_true(b->disk && b->expected);
	memset(b->disk + b->bytes, 0, bytes - b->bytes);
	memset(b->expected + b->bytes, 0, bytes - b->bytes);
	b->bytes = bytes;
}
