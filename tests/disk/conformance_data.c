/* SPDX-License-Identifier: MIT */
/*
 * The suite: what is written is read, and nothing beside it changes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "conformance.h"

enum { AT = 1 << 20, BLOCK = 64 << 10 };

/* What was written with `seed`, on a disk that remembers. */
static void expect(struct conformance *c, uint64_t offset, uint64_t length,
                   uint64_t seed)
{
	if (c->target->forgets)
		rig_expect_zeros(&c->rig, offset, length);
	else
		rig_expect(&c->rig, offset, length, seed);
}

static void write_block(struct conformance *c, uint64_t offset,
                        uint64_t length, uint64_t seed)
{
	assert_int_equal(rig_write(&c->rig, offset, length, seed), 0);
}

static void reads_what_was_written(struct conformance *c)
{
	write_block(c, AT, BLOCK, 1);
	expect(c, AT, BLOCK, 1);
	write_block(c, AT, BLOCK, 2);
	expect(c, AT, BLOCK, 2);
}

static void reaches_the_first_and_the_last_sector(struct conformance *c)
{
	uint64_t size = c->rig.disk->info.size_bytes;
	uint32_t sector = c->rig.disk->info.sector_size_bytes;

	write_block(c, 0, sector, 3);
	write_block(c, size - sector, sector, 4);
	expect(c, 0, sector, 3);
	expect(c, size - sector, sector, 4);
}

static void does_nothing_for_no_bytes(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;
	struct req q;

	for (enum pvb_io_op op = PVB_IO_READ; op < PVB_IO_OP_COUNT; op++) {
		if ((op == PVB_IO_DISCARD && !i->discard) ||
		    (op == PVB_IO_ZERO && !i->zero) || op == PVB_IO_FLUSH)
			continue;
		assert_int_equal(rig_do(&c->rig, op, 0, 0, 0), 0);
		assert_int_equal(rig_do(&c->rig, op, 0, i->size_bytes, 0), 0);
		req_init(&q, &c->rig, op, 0, 0);
		q.io.iov = NULL;
		q.io.iovcnt = 0;
		assert_int_equal(req_run(&q), 0);
		req_fini(&q);
	}
}

static void leaves_the_neighbours_of_a_write_alone(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;

	write_block(c, AT, sector, 5);
	write_block(c, AT + sector, sector, 6);
	write_block(c, AT + 2 * sector, sector, 7);
	write_block(c, AT + sector, sector, 8);
	expect(c, AT, sector, 5);
	expect(c, AT + sector, sector, 8);
	expect(c, AT + 2 * sector, sector, 7);
}

static uint32_t pieces_max(const struct conformance *c)
{
	uint32_t n = c->rig.disk->info.iov_max;

	return n < REQ_IOV_MAX ? n : REQ_IOV_MAX;
}

/* Through vectors of `pieces` odd lengths, `shift` bytes off alignment. */
static void trip(struct conformance *c, uint32_t pieces, size_t shift,
                 uint64_t *seed)
{
	uint64_t pattern = next_random(seed);
	struct req w, r;

	req_init(&w, &c->rig, PVB_IO_WRITE, AT, BLOCK);
	req_shift(&w, shift);
	req_split(&w, pieces, seed);
	fill_pattern(req_data(&w), BLOCK, pattern);
	assert_int_equal(req_run(&w), 0);
	expect(c, AT, BLOCK, pattern);
	req_init(&r, &c->rig, PVB_IO_READ, AT, BLOCK);
	req_shift(&r, shift);
	req_split(&r, pieces, seed);
	assert_int_equal(req_run(&r), 0);
	if (!c->target->forgets)
		assert_memory_equal(req_data(&r), req_data(&w), BLOCK);
	req_fini(&w);
	req_fini(&r);
}

static void takes_vectors_of_odd_counts_and_lengths(struct conformance *c)
{
	uint64_t seed = 9;

	for (uint32_t n = 1; n <= pieces_max(c); n = 2 * n + 1)
		trip(c, n, 0, &seed);
}

static void takes_memory_of_any_alignment(struct conformance *c)
{
	static const size_t shifts[] = { 1, 4, 8, 511, 512, 2049 };
	uint64_t seed = 10;

	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		trip(c, 1, shifts[i], &seed);
		trip(c, 3, shifts[i], &seed);
	}
}

/* Only what was asked for is touched in the reader's memory. */
static void reads_into_its_vector_and_no_further(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;
	struct req q;

	write_block(c, AT, BLOCK, 11);
	req_init(&q, &c->rig, PVB_IO_READ, AT, sector);
	memset(q.memory, 0xee, q.memory_bytes);
	req_shift(&q, 1000);
	assert_int_equal(req_run(&q), 0);
	for (size_t i = 0; i < q.memory_bytes; i++)
		if (i < 1000 || i >= 1000 + sector)
			assert_int_equal(q.memory[i], 0xee);
	req_fini(&q);
}

static void moves_its_largest_request(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;
	uint64_t length = i->io_max_bytes;

	if (length > CONFORMANCE_BYTES)
		length = CONFORMANCE_BYTES;
	write_block(c, 0, length, 12);
	expect(c, 0, length, 12);
}

static void writes_through_when_told(struct conformance *c)
{
	struct req q;

	if (!c->rig.disk->info.fua)
		return;
	req_init(&q, &c->rig, PVB_IO_WRITE, AT, BLOCK);
	fill_pattern(q.memory, BLOCK, 13);
	q.io.flags = PVB_IO_FUA;
	assert_int_equal(req_run(&q), 0);
	req_fini(&q);
	expect(c, AT, BLOCK, 13);
}

/* A range that begins and ends inside pages. */
static void clear_inside(struct conformance *c, enum pvb_io_op op,
                         uint32_t flags)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;
	uint64_t from = AT + sector, length = 5 * BLOCK + 2 * sector;

	write_block(c, AT, sector, 14);
	write_block(c, from, length, 15);
	write_block(c, from + length, sector, 16);
	assert_int_equal(rig_do(&c->rig, op, flags, from, length), 0);
	expect(c, AT, sector, 14);
	expect(c, from + length, sector, 16);
	if (op == PVB_IO_ZERO)
		rig_expect_zeros(&c->rig, from, length);
	else
		assert_int_equal(rig_do(&c->rig, PVB_IO_READ, 0, from, length),
		                 0);
	write_block(c, from, length, 17);
	expect(c, from, length, 17);
}

static void zeroes_and_leaves_the_neighbours_alone(struct conformance *c)
{
	if (!c->rig.disk->info.zero)
		return;
	clear_inside(c, PVB_IO_ZERO, 0);
	clear_inside(c, PVB_IO_ZERO, PVB_IO_NO_HOLE);
	if (c->rig.disk->info.fua)
		clear_inside(c, PVB_IO_ZERO, PVB_IO_FUA);
}

static void discards_and_leaves_the_neighbours_alone(struct conformance *c)
{
	if (c->rig.disk->info.discard)
		clear_inside(c, PVB_IO_DISCARD, 0);
}

static void clears_the_whole_disk_at_once(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;

	write_block(c, i->size_bytes - BLOCK, BLOCK, 18);
	if (i->discard)
		assert_int_equal(rig_do(&c->rig, PVB_IO_DISCARD, 0, 0,
		                        i->size_bytes), 0);
	if (!i->zero)
		return;
	assert_int_equal(rig_do(&c->rig, PVB_IO_ZERO, 0, 0, i->size_bytes),
	                 0);
	rig_expect_zeros(&c->rig, i->size_bytes - BLOCK, BLOCK);
}

/* Walk the whole disk, `cap` extents at a time; is `at` said to be a hole? */
static bool walk_extents(struct conformance *c, uint32_t cap, uint64_t at)
{
	struct pvb_disk *d = c->rig.disk;
	struct pvb_disk_extent v[16];
	uint64_t offset = 0;
	bool hole = false;
	int n;

	while (offset < d->info.size_bytes) {
		n = d->ops->extents(d, offset, d->info.size_bytes - offset, v,
		                    cap);
		assert_true(n > 0 && n <= (int)cap);
		for (int i = 0; i < n; i++) {
			assert_true(v[i].length_bytes > 0);
			assert_int_equal(v[i].length_bytes %
			                 d->info.sector_size_bytes, 0);
			if (at >= offset && at < offset + v[i].length_bytes)
				hole = v[i].hole || v[i].zero;
			offset += v[i].length_bytes;
		}
	}
	assert_int_equal(offset, d->info.size_bytes);
	return hole;
}

static void tells_extents_that_add_up(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;
	struct pvb_disk *d = c->rig.disk;
	struct pvb_disk_extent v;

	if (!d->ops->extents)
		return;
	write_block(c, AT + 3 * sector, sector, 19);
	if (d->ops->extents(d, 0, sector, &v, 1) == -EOPNOTSUPP)
		return;
	for (uint32_t cap = 1; cap <= 16; cap += 5)
		assert_int_equal(walk_extents(c, cap, AT + 3 * sector),
		                 c->target->forgets);
	assert_int_equal(d->ops->extents(d, 0, sector, &v, 1), 1);
	assert_int_equal(v.length_bytes, sector);
	assert_int_equal(d->ops->extents(d, 0, 0, &v, 1), 0);
	assert_int_equal(d->ops->extents(d, d->info.size_bytes, sector, &v, 1),
	                 -EINVAL);
}

static void does_io_in_memory_that_it_gave(struct conformance *c)
{
	struct pvb_disk *d = c->rig.disk;
	struct req q;
	void *buffer;

	if (!d->ops->buffer_get)
		return;
	buffer = d->ops->buffer_get(d, BLOCK);
	if (!buffer)
		return;
	fill_pattern(buffer, BLOCK, 20);
	req_init(&q, &c->rig, PVB_IO_WRITE, AT, BLOCK);
	q.iov[0].iov_base = buffer;
	assert_int_equal(req_run(&q), 0);
	memset(buffer, 0, BLOCK);
	expect(c, AT, BLOCK, 20);
	q.io.op = PVB_IO_READ;
	assert_int_equal(req_run(&q), 0);
	fill_pattern(q.memory, BLOCK, 20);
	if (!c->target->forgets)
		assert_memory_equal(buffer, q.memory, BLOCK);
	req_fini(&q);
	d->ops->buffer_put(d, buffer, BLOCK);
}

#define CASE(f) { #f, f, 0 }

const struct conformance_case conformance_data[] = {
	CASE(reads_what_was_written),
	CASE(reaches_the_first_and_the_last_sector),
	CASE(does_nothing_for_no_bytes),
	CASE(leaves_the_neighbours_of_a_write_alone),
	CASE(takes_vectors_of_odd_counts_and_lengths),
	CASE(takes_memory_of_any_alignment),
	CASE(reads_into_its_vector_and_no_further),
	CASE(moves_its_largest_request),
	CASE(writes_through_when_told),
	CASE(zeroes_and_leaves_the_neighbours_alone),
	CASE(discards_and_leaves_the_neighbours_alone),
	CASE(clears_the_whole_disk_at_once),
	CASE(tells_extents_that_add_up),
	CASE(does_io_in_memory_that_it_gave),
	{ "answers_random_requests_as_its_model_does",
	  conformance_random_ops, 0 },
	{ NULL, NULL, 0 }
};
