/* SPDX-License-Identifier: MIT */
/*
 * The suite: what a disk says of itself, and what it refuses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/checked.h"

#include "conformance.h"

static void tells_a_geometry_that_can_be(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;

	assert_true(i->sector_size_bytes == 512 ||
	            i->sector_size_bytes == 4096);
	assert_true(i->size_bytes >= CONFORMANCE_BYTES);
	assert_int_equal(i->size_bytes % i->sector_size_bytes, 0);
	assert_true(pvb_is_pow2(i->physical_size_bytes));
	assert_true(i->physical_size_bytes >= i->sector_size_bytes);
	assert_true(i->depth_max > 0 && i->iov_max > 0);
	assert_true(i->io_max_bytes >= i->sector_size_bytes);
	assert_false(i->read_only);
	if (i->discard)
		assert_true(i->discard_granularity_bytes > 0);
}

static void opens_read_only_when_told(struct conformance *c)
{
	assert_true(c->rig.disk->info.read_only);
}

static void refuses_changes_when_read_only(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;

	assert_int_equal(rig_do(&c->rig, PVB_IO_WRITE, 0, 0, sector), -EROFS);
	assert_int_equal(rig_do(&c->rig, PVB_IO_DISCARD, 0, 0, sector),
	                 -EROFS);
	assert_int_equal(rig_do(&c->rig, PVB_IO_ZERO, 0, 0, sector), -EROFS);
}

static void reads_and_flushes_when_read_only(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;

	assert_int_equal(rig_do(&c->rig, PVB_IO_READ, 0, 0, 8192), 0);
	assert_int_equal(rig_do(&c->rig, PVB_IO_FLUSH, 0, 0, 0),
	                 i->flush ? 0 : -EOPNOTSUPP);
}

/* Every operation that has a range. */
static const enum pvb_io_op ranged[] = {
	PVB_IO_READ, PVB_IO_WRITE, PVB_IO_DISCARD, PVB_IO_ZERO
};
enum { RANGED = sizeof(ranged) / sizeof(ranged[0]) };

static bool is_offered(const struct pvb_disk_info *i, enum pvb_io_op op)
{
	return !(op == PVB_IO_DISCARD && !i->discard) &&
	       !(op == PVB_IO_ZERO && !i->zero);
}

static void refuse(struct conformance *c, uint64_t offset, uint64_t length)
{
	const struct pvb_disk_info *info = &c->rig.disk->info;
	struct req q;

	for (int i = 0; i < RANGED; i++) {
		/* Memory of a length that can be had; the check is first. */
		req_init(&q, &c->rig, ranged[i], offset,
		         length > 65536 ? 65536 : length);
		q.io.length_bytes = length;
		q.iov[0].iov_len = (size_t)length;
		assert_int_equal(req_run(&q), is_offered(info, ranged[i])
		                 ? -EINVAL : -EOPNOTSUPP);
		req_fini(&q);
	}
}

static void refuses_what_is_past_the_end(struct conformance *c)
{
	uint64_t size = c->rig.disk->info.size_bytes;
	uint32_t sector = c->rig.disk->info.sector_size_bytes;

	refuse(c, size, sector);
	refuse(c, size - sector, 2 * sector);
	refuse(c, size + 65536, sector);
}

static void refuses_what_wraps_around(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;
	uint64_t top = 0 - (uint64_t)sector;

	refuse(c, top, sector);
	refuse(c, top, 2 * sector);
	refuse(c, sector, top);
}

static void refuses_what_is_not_aligned(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;

	refuse(c, 1, sector);
	refuse(c, sector / 2, sector);
	refuse(c, 0, sector - 1);
	refuse(c, 0, sector + sector / 2);
}

static void refuses_a_vector_of_another_length(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;
	struct req q;

	req_init(&q, &c->rig, PVB_IO_READ, 0, 2 * sector);
	q.iov[0].iov_len = sector;
	assert_int_equal(req_run(&q), -EINVAL);
	q.iov[0].iov_len = 3 * sector;
	assert_int_equal(req_run(&q), -EINVAL);
	q.iov[0].iov_len = SIZE_MAX;
	q.iov[1] = (struct iovec){ q.memory, 2 * sector + 1 };
	q.io.iovcnt = 2;
	assert_int_equal(req_run(&q), -EINVAL);
	req_fini(&q);
}

static void refuses_more_than_its_limits(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;
	struct req q;

	req_init(&q, &c->rig, PVB_IO_READ, 0, i->sector_size_bytes);
	q.io.iovcnt = i->iov_max + 1;
	assert_int_equal(req_run(&q), -EINVAL);
	req_fini(&q);
	if (i->io_max_bytes + i->sector_size_bytes > i->size_bytes)
		return;
	req_init(&q, &c->rig, PVB_IO_READ, 0,
	         i->io_max_bytes + i->sector_size_bytes);
	assert_int_equal(req_run(&q), -EINVAL);
	req_fini(&q);
}

static void refuses_unknown_operations_and_flags(struct conformance *c)
{
	uint32_t sector = c->rig.disk->info.sector_size_bytes;

	assert_int_equal(rig_do(&c->rig, PVB_IO_OP_COUNT, 0, 0, sector),
	                 -EINVAL);
	assert_int_equal(rig_do(&c->rig, (enum pvb_io_op)1000, 0, 0, sector),
	                 -EINVAL);
	assert_int_equal(rig_do(&c->rig, PVB_IO_READ, PVB_IO_FUA, 0, sector),
	                 -EINVAL);
	assert_int_equal(rig_do(&c->rig, PVB_IO_WRITE, 1u << 31, 0, sector),
	                 -EINVAL);
	assert_int_equal(rig_do(&c->rig, PVB_IO_WRITE, PVB_IO_NO_HOLE, 0,
	                        sector), -EINVAL);
}

static void refuses_what_it_does_not_offer(struct conformance *c)
{
	const struct pvb_disk_info *i = &c->rig.disk->info;
	uint32_t sector = i->sector_size_bytes;

	if (!i->discard)
		assert_int_equal(rig_do(&c->rig, PVB_IO_DISCARD, 0, 0, sector),
		                 -EOPNOTSUPP);
	if (!i->discard_secure)
		assert_int_equal(rig_do(&c->rig, PVB_IO_DISCARD, PVB_IO_SECURE,
		                        0, sector), -EOPNOTSUPP);
	if (!i->zero)
		assert_int_equal(rig_do(&c->rig, PVB_IO_ZERO, 0, 0, sector),
		                 -EOPNOTSUPP);
	if (!i->fua)
		assert_int_equal(rig_do(&c->rig, PVB_IO_WRITE, PVB_IO_FUA, 0,
		                        sector), -EOPNOTSUPP);
}

static void lives_on_after_a_refusal(struct conformance *c)
{
	uint64_t size = c->rig.disk->info.size_bytes;

	for (int i = 0; i < 100; i++)
		assert_int_equal(rig_do(&c->rig, PVB_IO_READ, 0, size, 4096),
		                 -EINVAL);
	assert_int_equal(rig_do(&c->rig, PVB_IO_READ, 0, 0, 4096), 0);
}

#define CASE(f) { #f, f, 0 }
#define CASE_READ_ONLY(f) { #f, f, PVB_DISK_READ_ONLY }

const struct conformance_case conformance_refusals[] = {
	CASE(tells_a_geometry_that_can_be),
	CASE_READ_ONLY(opens_read_only_when_told),
	CASE_READ_ONLY(refuses_changes_when_read_only),
	CASE_READ_ONLY(reads_and_flushes_when_read_only),
	CASE(refuses_what_is_past_the_end),
	CASE(refuses_what_wraps_around),
	CASE(refuses_what_is_not_aligned),
	CASE(refuses_a_vector_of_another_length),
	CASE(refuses_more_than_its_limits),
	CASE(refuses_unknown_operations_and_flags),
	CASE(refuses_what_it_does_not_offer),
	CASE(lives_on_after_a_refusal),
	{ NULL, NULL, 0 }
};
