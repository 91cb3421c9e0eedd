/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "requests.h"

enum { PAGE_BYTES = 4096, SETTLE_TURNS = 4 };

uint64_t next_random(uint64_t *seed)
{
	*seed += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *seed;

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void fill_pattern(void *memory, size_t length, uint64_t seed)
{
	unsigned char *p = memory;
	uint64_t n;

	for (size_t i = 0; i < length; i += sizeof(n)) {
		n = next_random(&seed);
		memcpy(p + i, &n, length - i < sizeof(n) ? length - i
		                                         : sizeof(n));
	}
}

static void answered(struct pvb_io *io, int result)
{
	struct req *q = io->arg;

	assert_false(q->rig->inside);
	assert_int_equal(q->answers, 0);
	q->answers++;
	q->rig->answers++;
	q->result = result;
	if (q->then)
		q->then(q);
}

void req_init(struct req *q, struct rig *rig, enum pvb_io_op op,
              uint64_t offset_bytes, uint64_t length_bytes)
{
	memset(q, 0, sizeof(*q));
	q->rig = rig;
	q->io = (struct pvb_io){
		.op = op,
		.offset_bytes = offset_bytes,
		.length_bytes = length_bytes,
		.done = answered,
		.arg = q,
	};
	if (op != PVB_IO_READ && op != PVB_IO_WRITE)
		return;
	q->memory_bytes = (length_bytes + 2 * PAGE_BYTES - 1) / PAGE_BYTES *
	                  PAGE_BYTES;
	q->memory = aligned_alloc(PAGE_BYTES, q->memory_bytes);
	assert_non_null(q->memory);
	memset(q->memory, 0xa5, q->memory_bytes);
	q->iov[0] = (struct iovec){ q->memory, length_bytes };
	q->io.iov = q->iov;
	q->io.iovcnt = 1;
}

void req_fini(struct req *q)
{
	free(q->memory);
	q->memory = NULL;
}

void req_shift(struct req *q, size_t by)
{
	assert_true(by + q->io.length_bytes <= q->memory_bytes);
	q->iov[0].iov_base = q->memory + by;
}

unsigned char *req_data(struct req *q)
{
	return q->iov[0].iov_base;
}

void req_split(struct req *q, uint32_t pieces, uint64_t *seed)
{
	unsigned char *at = req_data(q);
	size_t left = q->io.length_bytes, n;

	assert_true(pieces >= 1 && pieces <= REQ_IOV_MAX);
	for (uint32_t i = 0; i < pieces; i++) {
		n = i + 1 == pieces ? left : next_random(seed) %
		                             (2 * left / (pieces - i) + 1);
		if (n > left)
			n = left;
		q->iov[i] = (struct iovec){ at, n };
		at += n;
		left -= n;
	}
	q->io.iovcnt = pieces;
}

int req_submit(struct req *q)
{
	struct pvb_disk *d = q->rig->disk;
	int r;

	q->answers = 0;
	q->rig->inside = true;
	r = d->ops->submit(d, &q->io);
	q->rig->inside = false;
	assert_true(r == 0 || r == -EAGAIN);
	return r;
}

void rig_kick(struct rig *rig)
{
	if (!rig->disk->ops->kick)
		return;
	rig->inside = true;
	rig->disk->ops->kick(rig->disk);
	rig->inside = false;
}

void rig_turn(struct rig *rig)
{
	assert_int_equal(pvb_loop_turn(rig->loop, true), 0);
}

void req_wait(struct req *q)
{
	while (q->answers == 0)
		rig_turn(q->rig);
}

int req_run(struct req *q)
{
	assert_int_equal(req_submit(q), 0);
	rig_kick(q->rig);
	req_wait(q);
	return q->result;
}

void rig_settle(struct rig *rig)
{
	uint32_t before = rig->answers;

	for (int i = 0; i < SETTLE_TURNS; i++)
		assert_int_equal(pvb_loop_turn(rig->loop, false), 0);
	assert_int_equal(rig->answers, before);
}

int rig_do(struct rig *rig, enum pvb_io_op op, uint32_t flags,
           uint64_t offset_bytes, uint64_t length_bytes)
{
	struct req q;
	int r;

	req_init(&q, rig, op, offset_bytes, length_bytes);
	q.io.flags = flags;
	r = req_run(&q);
	req_fini(&q);
	return r;
}

int rig_write(struct rig *rig, uint64_t offset_bytes, uint64_t length_bytes,
              uint64_t seed)
{
	struct req q;
	int r;

	req_init(&q, rig, PVB_IO_WRITE, offset_bytes, length_bytes);
	fill_pattern(q.memory, length_bytes, seed);
	r = req_run(&q);
	req_fini(&q);
	return r;
}

static void expect_bytes(struct rig *rig, uint64_t offset_bytes,
                         uint64_t length_bytes, const unsigned char *bytes)
{
	struct req q;

	req_init(&q, rig, PVB_IO_READ, offset_bytes, length_bytes);
	assert_int_equal(req_run(&q), 0);
	assert_memory_equal(q.memory, bytes, length_bytes);
	req_fini(&q);
}

void rig_expect(struct rig *rig, uint64_t offset_bytes, uint64_t length_bytes,
                uint64_t seed)
{
	unsigned char *bytes = malloc(length_bytes);

	assert_non_null(bytes);
	fill_pattern(bytes, length_bytes, seed);
	expect_bytes(rig, offset_bytes, length_bytes, bytes);
	free(bytes);
}

void rig_expect_zeros(struct rig *rig, uint64_t offset_bytes,
                      uint64_t length_bytes)
{
	unsigned char *bytes = calloc(1, length_bytes);

	assert_non_null(bytes);
	expect_bytes(rig, offset_bytes, length_bytes, bytes);
	free(bytes);
}
