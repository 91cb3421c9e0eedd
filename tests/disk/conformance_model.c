/* SPDX-License-Identifier: MIT */
/*
 * The suite: random requests, several at once and never on the same sectors,
 * compared with a plain array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conformance.h"

enum {
	WINDOW_BYTES = 1 << 20, LENGTH_MAX = 96 << 10, SLOTS = 16,
	OPERATIONS = 1500, TRIES = 8,
};

struct model {
	struct conformance *c;
	uint64_t seed, base;            /* the window's place on the disk */
	uint32_t sector;
	unsigned char *bytes;
	bool *known;                    /* a sector's content is defined */
	struct req slot[SLOTS];
	bool busy[SLOTS];
	uint64_t pattern[SLOTS];
	uint32_t done;
};

static void set_known(struct model *m, const struct pvb_io *io, bool known)
{
	uint64_t first = (io->offset_bytes - m->base) / m->sector;

	for (uint64_t i = 0; i < io->length_bytes / m->sector; i++)
		m->known[first + i] = known;
}

static void compare(struct model *m, struct req *q)
{
	uint64_t at = q->io.offset_bytes - m->base;

	for (uint64_t i = 0; i < q->io.length_bytes; i += m->sector)
		if (m->known[(at + i) / m->sector])
			assert_memory_equal(req_data(q) + i,
			                    m->bytes + at + i, m->sector);
}

static void answered(struct req *q)
{
	struct model *m = q->arg;
	size_t slot = (size_t)(q - m->slot);
	unsigned char *bytes = m->bytes + (q->io.offset_bytes - m->base);

	assert_int_equal(q->result, 0);
	m->busy[slot] = false;
	m->done++;
	if (q->io.op == PVB_IO_READ)
		compare(m, q);
	if (q->io.op == PVB_IO_WRITE)
		fill_pattern(bytes, q->io.length_bytes, m->pattern[slot]);
	if (q->io.op == PVB_IO_ZERO ||
	    (q->io.op == PVB_IO_WRITE && m->c->target->forgets))
		memset(bytes, 0, q->io.length_bytes);
	if (q->io.op == PVB_IO_WRITE || q->io.op == PVB_IO_ZERO)
		set_known(m, &q->io, true);
	if (q->io.op == PVB_IO_DISCARD)
		set_known(m, &q->io, false);
	req_fini(q);
}

static bool overlaps(const struct model *m, uint64_t offset, uint64_t length)
{
	for (int i = 0; i < SLOTS; i++) {
		const struct pvb_io *io = &m->slot[i].io;

		if (m->busy[i] && io->op != PVB_IO_FLUSH &&
		    offset < io->offset_bytes + io->length_bytes &&
		    io->offset_bytes < offset + length)
			return true;
	}
	return false;
}

static enum pvb_io_op random_op(struct model *m)
{
	const struct pvb_disk_info *i = &m->c->rig.disk->info;
	uint64_t r = next_random(&m->seed) % 20;

	if (r == 0 && i->flush)
		return PVB_IO_FLUSH;
	if (r <= 2 && i->discard)
		return PVB_IO_DISCARD;
	if (r <= 4 && i->zero)
		return PVB_IO_ZERO;
	return r <= 11 ? PVB_IO_WRITE : PVB_IO_READ;
}

static uint32_t random_flags(struct model *m, enum pvb_io_op op)
{
	uint64_t r = next_random(&m->seed);

	if (op == PVB_IO_WRITE && r % 16 == 0 && m->c->rig.disk->info.fua)
		return PVB_IO_FUA;
	if (op == PVB_IO_ZERO && r % 2)
		return PVB_IO_NO_HOLE;
	return 0;
}

static void fill_request(struct model *m, int slot)
{
	struct req *q = &m->slot[slot];
	uint32_t pieces = 1 + (uint32_t)(next_random(&m->seed) % 9);

	if (pieces > m->c->rig.disk->info.iov_max)
		pieces = m->c->rig.disk->info.iov_max;
	req_shift(q, next_random(&m->seed) % 3 ? 0
	             : next_random(&m->seed) % 512);
	req_split(q, pieces, &m->seed);
	m->pattern[slot] = next_random(&m->seed);
	if (q->io.op == PVB_IO_WRITE)
		fill_pattern(req_data(q), q->io.length_bytes,
		             m->pattern[slot]);
}

/* False: everything tried was in somebody's way. */
static bool submit_one(struct model *m, int slot)
{
	uint32_t sectors = WINDOW_BYTES / m->sector;
	struct req *q = &m->slot[slot];
	enum pvb_io_op op = random_op(m);
	uint64_t at, length;

	for (int i = 0; i < TRIES; i++) {
		at = next_random(&m->seed) % sectors;
		length = 1 + next_random(&m->seed) % (LENGTH_MAX / m->sector);
		if (length > sectors - at)
			length = sectors - at;
		at = m->base + at * m->sector;
		length *= m->sector;
		if (overlaps(m, at, length))
			continue;
		req_init(q, &m->c->rig, op, at, length);
		q->io.flags = random_flags(m, op);
		q->then = answered;
		q->arg = m;
		if (q->memory)
			fill_request(m, slot);
		assert_int_equal(req_submit(q), 0);
		m->busy[slot] = true;
		return true;
	}
	return false;
}

static uint32_t busy_slots(const struct model *m)
{
	uint32_t n = 0;

	for (int i = 0; i < SLOTS; i++)
		n += m->busy[i];
	return n;
}

static void turn_until_one(struct model *m)
{
	uint32_t done = m->done;

	while (m->done == done && busy_slots(m) > 0)
		rig_turn(&m->c->rig);
}

static void run_window(struct model *m, uint32_t slots)
{
	while (m->done < OPERATIONS) {
		for (uint32_t i = 0; i < slots; i++)
			if (!m->busy[i] && next_random(&m->seed) % 4)
				(void)submit_one(m, (int)i);
		rig_kick(&m->c->rig);
		turn_until_one(m);
	}
	while (busy_slots(m) > 0)
		turn_until_one(m);
}

static void compare_all(struct model *m)
{
	struct req *q = &m->slot[0];

	for (uint64_t at = 0; at < WINDOW_BYTES; at += 65536) {
		req_init(q, &m->c->rig, PVB_IO_READ, m->base + at, 65536);
		assert_int_equal(req_run(q), 0);
		compare(m, q);
		req_fini(q);
	}
}

static void run_at(struct conformance *c, uint64_t base, uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));
	uint32_t slots = c->rig.disk->info.depth_max;

	assert_non_null(m);
	m->c = c;
	m->seed = seed;
	m->base = base;
	m->sector = c->rig.disk->info.sector_size_bytes;
	m->bytes = calloc(1, WINDOW_BYTES);
	m->known = calloc(WINDOW_BYTES / m->sector, sizeof(*m->known));
	assert_true(m->bytes && m->known);
	run_window(m, slots < SLOTS ? slots : SLOTS);
	compare_all(m);
	free(m->bytes);
	free(m->known);
	free(m);
}

void conformance_random_ops(struct conformance *c)
{
	run_at(c, 0, 21);
	run_at(c, c->rig.disk->info.size_bytes - WINDOW_BYTES, 22);
}
