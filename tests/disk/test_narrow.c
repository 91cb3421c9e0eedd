/* SPDX-License-Identifier: MIT */
/*
 * Sectors of 512 bytes on a disk of 4096: what the disk is asked for, and what
 * is on it afterwards, also when it fails half-way.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "disk/narrow.h"

#include "requests.h"
#include "slate.h"

enum { LANES = 2, REQS = 48 };

static struct slate slate;
static struct pvb_ranges ranges;
static struct pvb_disk *inner[LANES];
static struct rig rig[LANES];
static struct req req[REQS];
static unsigned char before[sizeof(slate.bytes)];

static void open_lane(int i, struct pvb_loop *loop)
{
	struct pvb_err e = PVB_ERR_INIT;

	inner[i] = slate_open(&slate, loop);
	rig[i] = (struct rig){ .loop = loop };
	assert_int_equal(pvb_narrow_open(loop, inner[i], &ranges,
	                                 &rig[i].disk, &e), 0);
}

static int setup(void **state)
{
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);

	(void)state;
	memset(&slate, 0, sizeof(slate));
	memset(req, 0, sizeof(req));
	fill_pattern(slate.bytes, sizeof(slate.bytes), 99);
	memcpy(before, slate.bytes, sizeof(before));
	assert_int_equal(pvb_ranges_init(&ranges), 0);
	for (int i = 0; i < LANES; i++)
		open_lane(i, loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < REQS; i++)
		req_fini(&req[i]);
	for (int i = 0; i < LANES; i++)
		pvb_disk_close(rig[i].disk);
	assert_int_equal(slate.lanes, 0);
	pvb_ranges_fini(&ranges);
	pvb_loop_destroy(rig[0].loop);
	return 0;
}

/* ---- steps --------------------------------------------------------------- */

static struct req *ask_lane(int lane, int i, enum pvb_io_op op,
                            uint32_t flags, uint64_t offset, uint64_t length)
{
	req_init(&req[i], &rig[lane], op, offset, length);
	req[i].io.flags = flags;
	if (op == PVB_IO_WRITE)
		fill_pattern(req[i].memory, length, (uint64_t)i + 1);
	assert_int_equal(req_submit(&req[i]), 0);
	return &req[i];
}

static struct req *ask(int i, enum pvb_io_op op, uint64_t offset,
                       uint64_t length)
{
	return ask_lane(0, i, op, 0, offset, length);
}

/* So often that whatever can happen by itself has happened. */
static void kick(void)
{
	for (int i = 0; i < LANES; i++)
		rig_kick(&rig[i]);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pvb_loop_turn(rig[0].loop, false), 0);
}

/* What the disk has, oldest first: "r8+1" is a read of one sector at 8. */
static void expect_asked(const char *want)
{
	static const char letter[] = { 'r', 'w', 'f', 'd', 'z' };
	char found[256] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < slate.held; i++) {
		const struct pvb_io *io = slate.io[i];

		n += (size_t)snprintf(found + n, sizeof(found) - n,
			"%s%c%u+%u", i ? " " : "", letter[io->op],
			(unsigned)(io->offset_bytes / SLATE_SECTOR),
			(unsigned)(io->length_bytes / SLATE_SECTOR));
	}
	assert_string_equal(found, want);
}

/* The oldest is `want` and is done. */
static void step(const char *want)
{
	expect_asked(want);
	slate_do(&slate, 0);
	kick();
}

static void done(const struct req *q, int result)
{
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, result);
}

/* What these writes have left: all else is as it was. */
static void expect_written(int first, int last)
{
	for (int i = first; i <= last; i++)
		if (req[i].io.op == PVB_IO_WRITE)
			memcpy(before + req[i].io.offset_bytes,
			       req_data(&req[i]), req[i].io.length_bytes);
	assert_memory_equal(slate.bytes, before, sizeof(before));
}

/* ---- what goes through --------------------------------------------------- */

static void whole_sectors_go_as_they_are(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_READ, 4096, 8192);
	(void)ask(1, PVB_IO_WRITE, 16384, 4096);
	(void)ask(2, PVB_IO_ZERO, 32768, 4096);
	(void)ask(3, PVB_IO_FLUSH, 0, 0);
	kick();
	expect_asked("r1+2 w4+1 z8+1 f0+0");
	assert_ptr_equal(slate.io[0]->iov, req[0].iov);
	assert_ptr_equal(slate.io[1]->iov, req[1].iov);
	for (int i = 0; i < 4; i++) {
		slate_do(&slate, 0);
		kick();
		done(&req[i], 0);
	}
	memset(before + 32768, 0, 4096);
	expect_written(1, 1);
}

static void flags_go_with_them(void **state)
{
	(void)state;
	(void)ask_lane(0, 0, PVB_IO_WRITE, PVB_IO_FUA, 0, 4096);
	(void)ask_lane(0, 1, PVB_IO_ZERO, PVB_IO_FUA | PVB_IO_NO_HOLE, 8192,
	               4096);
	kick();
	assert_int_equal(slate.io[0]->flags, PVB_IO_FUA);
	assert_int_equal(slate.io[1]->flags, PVB_IO_FUA | PVB_IO_NO_HOLE);
	while (slate.held)
		slate_do(&slate, 0);
	kick();
}

static void what_it_tells_of_itself(void **state)
{
	const struct pvb_disk_info *i = &rig[0].disk->info;

	(void)state;
	assert_int_equal(i->sector_size_bytes, 512);
	assert_int_equal(i->physical_size_bytes, 4096);
	assert_int_equal(i->discard_granularity_bytes, 4096);
	assert_int_equal(i->size_bytes, sizeof(slate.bytes));
	assert_true(i->flush && i->fua && i->zero && i->discard);
	assert_false(i->discard_secure);
}

/* ---- reads --------------------------------------------------------------- */

static void a_part_is_read_with_its_sectors(void **state)
{
	struct req *q = ask(0, PVB_IO_READ, 4096 + 512, 9 * 512);

	(void)state;
	memset(q->memory + 9 * 512, 0x77, q->memory_bytes - 9 * 512);
	kick();
	step("r1+2");
	done(q, 0);
	assert_memory_equal(req_data(q), before + 4096 + 512, 9 * 512);
	for (size_t i = 9 * 512; i < q->memory_bytes; i++)
		assert_int_equal(q->memory[i], 0x77);
}

static void a_failed_read_is_one(void **state)
{
	struct req *q = ask(0, PVB_IO_READ, 512, 512);

	(void)state;
	kick();
	slate_fail(&slate, 0, 0, -EIO);
	kick();
	done(q, -EIO);
	expect_asked("");
}

/* ---- writes -------------------------------------------------------------- */

static void a_part_of_a_sector_is_read_changed_and_written(void **state)
{
	struct req *q = ask(0, PVB_IO_WRITE, 8192 + 1024, 512);

	(void)state;
	kick();
	step("r2+1");
	assert_int_equal(q->answers, 0);
	step("w2+1");
	done(q, 0);
	expect_written(0, 0);
}

static void so_are_its_first_and_last_sector(void **state)
{
	/* Both ends, the one, the other; and sectors between them, or none. */
	static const struct { uint32_t from, bytes; const char *asked[3]; }
	way[] = {
		{ 512, 4096, { "r0+1", "r1+1", "w0+2" } },
		{ 3584, 1024, { "r0+1", "r1+1", "w0+2" } },
		{ 512, 4096 * 3, { "r0+1", "r3+1", "w0+4" } },
		{ 512, 3584, { "r0+1", "w0+1", NULL } },
		{ 512, 7680, { "r0+1", "w0+2", NULL } },
		{ 0, 512, { "r0+1", "w0+1", NULL } },
		{ 4096, 4608, { "r2+1", "w1+2", NULL } },
		{ 4096, 3584, { "r1+1", "w1+1", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		struct req *q = ask((int)i, PVB_IO_WRITE, way[i].from,
		                    way[i].bytes);

		kick();
		for (int k = 0; k < 3 && way[i].asked[k]; k++)
			step(way[i].asked[k]);
		done(q, 0);
		expect_written((int)i, (int)i);
	}
}

static void fua_is_for_the_write_alone(void **state)
{
	(void)state;
	(void)ask_lane(0, 0, PVB_IO_WRITE, PVB_IO_FUA, 512, 512);
	kick();
	assert_int_equal(slate.io[0]->flags, 0);
	step("r0+1");
	assert_int_equal(slate.io[0]->flags, PVB_IO_FUA);
	step("w0+1");
}

static void a_flush_waits_for_no_change(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 512, 512);
	(void)ask(1, PVB_IO_FLUSH, 0, 0);
	kick();
	assert_int_equal(slate.held, 2);
	while (slate.held) {
		slate_do(&slate, 0);
		kick();
	}
	done(&req[0], 0);
	done(&req[1], 0);
}

/* ---- failures ------------------------------------------------------------ */

static void what_cannot_be_read_is_not_written(void **state)
{
	struct req *q;

	(void)state;
	for (int failing = 0; failing < 2; failing++) {
		req_fini(&req[0]);
		q = ask(0, PVB_IO_WRITE, 512, 4096);
		kick();
		if (failing == 1)
			step("r0+1");
		slate_fail(&slate, 0, 0, -EIO);
		kick();
		done(q, -EIO);
		expect_asked("");
	}
	assert_memory_equal(slate.bytes, before, sizeof(before));
}

static void a_failed_write_is_one(void **state)
{
	struct req *q = ask(0, PVB_IO_WRITE, 512, 512);

	(void)state;
	kick();
	step("r0+1");
	slate_fail(&slate, 0, 0, -ENOSPC);
	kick();
	done(q, -ENOSPC);
}

/* A write that ends anywhere changes nothing that was not to be changed. */
static void a_torn_write_spares_the_neighbours(void **state)
{
	(void)state;
	for (uint64_t torn = 0; torn <= 8192; torn += 512) {
		memcpy(slate.bytes, before, sizeof(before));
		req_fini(&req[0]);
		(void)ask(0, PVB_IO_WRITE, 1024, 5120);
		kick();
		step("r0+1");
		step("r1+1");
		slate_fail(&slate, 0, torn, -EIO);
		kick();
		done(&req[0], -EIO);
		assert_memory_equal(slate.bytes, before, 1024);
		assert_memory_equal(slate.bytes + 6144, before + 6144,
		                    sizeof(before) - 6144);
	}
}

static void a_failure_lets_the_next_one_go(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 0, 512);
	(void)ask(1, PVB_IO_WRITE, 512, 512);
	kick();
	expect_asked("r0+1");
	slate_fail(&slate, 0, 0, -EIO);
	kick();
	step("r0+1");
	step("w0+1");
	done(&req[0], -EIO);
	done(&req[1], 0);
	expect_written(1, 1);
}

/* ---- several at once ----------------------------------------------------- */

static void parts_of_one_sector_are_written_in_turn(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		(void)ask(i, PVB_IO_WRITE, 4096 + i * 512u, 512);
	kick();
	for (int i = 0; i < 8; i++) {
		step("r1+1");
		step("w1+1");
		done(&req[i], 0);
	}
	expect_written(0, 7);
}

static void parts_of_others_are_not_held_up(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 512, 512);
	(void)ask(1, PVB_IO_WRITE, 4096 + 512, 512);
	kick();
	expect_asked("r0+1 r1+1");
	while (slate.held) {
		slate_do(&slate, 0);
		kick();
	}
	expect_written(0, 1);
}

static void a_whole_write_waits_for_a_part(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 512, 512);
	(void)ask(1, PVB_IO_WRITE, 0, 8192);
	kick();
	step("r0+1");
	step("w0+1");
	step("w0+2");
	done(&req[1], 0);
	expect_written(0, 1);
}

static void and_a_part_for_a_whole_write(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 0, 8192);
	(void)ask(1, PVB_IO_WRITE, 512, 512);
	kick();
	step("w0+2");
	step("r0+1");
	step("w0+1");
	expect_written(0, 1);
}

static void whole_writes_do_not_wait_for_each_other(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 0, 8192);
	(void)ask(1, PVB_IO_WRITE, 4096, 8192);
	kick();
	expect_asked("w0+2 w1+2");
	slate_do(&slate, 0);
	slate_do(&slate, 0);
	kick();
}

static void reads_wait_for_nobody(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 512, 512);
	(void)ask(1, PVB_IO_READ, 1024, 512);
	(void)ask(2, PVB_IO_READ, 0, 4096);
	kick();
	assert_int_equal(slate.held, 3);
	while (slate.held) {
		slate_do(&slate, 0);
		kick();
	}
	assert_memory_equal(req_data(&req[1]), before + 1024, 512);
}

static void the_other_lane_waits_too(void **state)
{
	(void)state;
	(void)ask_lane(0, 0, PVB_IO_WRITE, 0, 0, 512);
	(void)ask_lane(1, 1, PVB_IO_WRITE, 0, 512, 512);
	(void)ask_lane(1, 2, PVB_IO_WRITE, 0, 0, 4096);
	kick();
	step("r0+1");
	step("w0+1");
	done(&req[0], 0);
	step("r0+1");
	step("w0+1");
	step("w0+1");
	done(&req[2], 0);
	expect_written(2, 2);
}

static void a_full_disk_queue_is_waited_for(void **state)
{
	(void)state;
	inner[0]->info.depth_max = 2;
	for (int i = 0; i < 6; i++)
		(void)ask(i, PVB_IO_WRITE, i * 4096u + 512, 1024);
	(void)ask(6, PVB_IO_READ, 0, 4096);
	kick();
	assert_int_equal(slate.held, 2);
	while (slate.held) {
		slate_do(&slate, 0);
		kick();
		assert_true(slate.held <= 2);
	}
	for (int i = 0; i < 7; i++)
		done(&req[i], 0);
	expect_written(0, 5);
}

static void more_parts_than_there_is_memory_for_take_turns(void **state)
{
	(void)state;
	for (int i = 0; i < REQS; i++)
		(void)ask(i, i % 3 ? PVB_IO_WRITE : PVB_IO_READ,
		          i * 4096u + 512, 512);
	kick();
	assert_int_equal(slate.held, 32);
	while (slate.held) {
		slate_do(&slate, slate.held - 1);
		kick();
	}
	for (int i = 0; i < REQS; i++)
		done(&req[i], 0);
	expect_written(0, REQS - 1);
}

static void it_says_when_it_is_full(void **state)
{
	struct req extra;

	(void)state;
	for (int i = 0; i < SLATE_HELD_MAX && i < REQS; i++)
		(void)ask(i, PVB_IO_READ, 0, 4096);
	rig[0].disk->info.depth_max = REQS;
	req_init(&extra, &rig[0], PVB_IO_READ, 0, 512);
	assert_int_equal(req_submit(&extra), -EAGAIN);
	kick();
	slate_do(&slate, 0);
	kick();
	assert_int_equal(req_submit(&extra), 0);
	kick();
	while (slate.held)
		slate_do(&slate, 0);
	kick();
	done(&extra, 0);
	req_fini(&extra);
}

/* ---- discard and zero ---------------------------------------------------- */

static void a_discard_is_rounded_inwards(void **state)
{
	static const struct { uint64_t from, bytes; const char *asked; }
	way[] = {
		{ 0, 4096, "d0+1" },
		{ 512, 4096, "" },
		{ 512, 3584, "" },
		{ 512, 7680, "d1+1" },
		{ 512, 8192, "d1+1" },
		{ 4096, 8704, "d1+2" },
		{ 0, sizeof(before), "d0+64" },
		{ 512, sizeof(before) - 512, "d1+63" },
		{ 8192, 0, "" },
		{ 4608, 512, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		struct req *q = ask((int)i, PVB_IO_DISCARD, way[i].from,
		                    way[i].bytes);

		kick();
		expect_asked(way[i].asked);
		if (slate.held)
			slate_do(&slate, 0);
		kick();
		done(q, 0);
	}
}

/* What makes no sense on the disk is not passed on as sense. */
static void odd_granules_become_sectors(void **state)
{
	static const struct { uint32_t granule, at, want, want_at; } odd[] = {
		{ 0, 0, 4096, 0 }, { 512, 512, 4096, 0 },
		{ 6144, 4096, 4096, 4096 }, { 65536, 8192, 65536, 8192 },
	};
	struct pvb_disk_info info = inner[0]->info, out;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		info.discard_granularity_bytes = odd[i].granule;
		info.discard_alignment_bytes = odd[i].at;
		pvb_narrow_info(&info, &out);
		assert_int_equal(out.discard_granularity_bytes, odd[i].want);
		assert_int_equal(out.discard_alignment_bytes, odd[i].want_at);
	}
}

static void a_discard_waits_for_a_part(void **state)
{
	(void)state;
	(void)ask(0, PVB_IO_WRITE, 512, 512);
	(void)ask(1, PVB_IO_DISCARD, 0, 4096);
	kick();
	step("r0+1");
	step("w0+1");
	step("d0+1");
	done(&req[1], 0);
}

static void zeros_change_the_edges_and_clear_what_is_between(void **state)
{
	struct req *q = ask(0, PVB_IO_ZERO, 4096 + 1024, 4096 * 3);

	(void)state;
	kick();
	step("r1+1");
	step("w1+1");
	step("r4+1");
	step("w4+1");
	step("z2+2");
	done(q, 0);
	memset(before + 4096 + 1024, 0, 4096 * 3);
	assert_memory_equal(slate.bytes, before, sizeof(before));
}

static void zeros_inside_a_sector_are_written(void **state)
{
	struct req *q = ask_lane(0, 0, PVB_IO_ZERO, PVB_IO_FUA, 1024, 512);

	(void)state;
	kick();
	step("r0+1");
	assert_int_equal(slate.io[0]->flags, PVB_IO_FUA);
	step("w0+1");
	done(q, 0);
	memset(before + 1024, 0, 512);
	assert_memory_equal(slate.bytes, before, sizeof(before));
}

/* ---- limits, size, life -------------------------------------------------- */

/* Both edges on top of the largest request are still one of the disk's. */
static void the_largest_request_with_edges_fits(void **state)
{
	const struct pvb_disk_info *info = &rig[0].disk->info;
	uint64_t seed = 5;
	struct req *q = &req[0];

	(void)state;
	assert_int_equal(info->iov_max, 14);
	assert_int_equal(info->io_max_bytes, 14 * 4096);
	req_init(q, &rig[0], PVB_IO_WRITE, 512, info->io_max_bytes);
	fill_pattern(q->memory, info->io_max_bytes, 3);
	req_split(q, info->iov_max, &seed);
	assert_int_equal(req_submit(q), 0);
	kick();
	step("r0+1");
	step("r14+1");
	expect_asked("w0+15");
	assert_true(slate.io[0]->iovcnt <= 16);
	step("w0+15");
	done(q, 0);
	expect_written(0, 0);
}

static void a_disk_that_moves_too_little_is_refused(void **state)
{
	struct pvb_disk *d = slate_open(&slate, rig[0].loop), *lane = NULL;
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	d->info.io_max_bytes = 8192;
	assert_int_equal(pvb_narrow_open(rig[0].loop, d, NULL, &lane, &e),
	                 -EINVAL);
	assert_null(lane);
	assert_non_null(strstr(e.text, "moves too little"));
	assert_int_equal(slate.lanes, LANES);
}

static int changes;

static void on_change(struct pvb_disk *d, void *arg, int gone)
{
	(void)arg;
	assert_ptr_equal(d, rig[0].disk);
	changes += gone == 0 ? 1 : 100;
}

static void its_size_is_the_disks(void **state)
{
	struct pvb_disk *d = rig[0].disk;

	(void)state;
	changes = 0;
	d->changed = on_change;
	inner[0]->info.size_bytes = 32 * 4096;
	inner[0]->changed(inner[0], inner[0]->arg, 0);
	assert_int_equal(d->info.size_bytes, 32 * 4096);
	assert_int_equal(d->info.sector_size_bytes, 512);
	assert_int_equal(d->ops->resized(d, 48 * 4096), 0);
	assert_int_equal(inner[0]->info.size_bytes, 48 * 4096);
	assert_int_equal(d->info.size_bytes, 48 * 4096);
	inner[0]->changed(inner[0], inner[0]->arg, -EIO);
	assert_int_equal(changes, 101);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_sectors_go_as_they_are),
		TEST(flags_go_with_them),
		TEST(what_it_tells_of_itself),
		TEST(a_part_is_read_with_its_sectors),
		TEST(a_failed_read_is_one),
		TEST(a_part_of_a_sector_is_read_changed_and_written),
		TEST(so_are_its_first_and_last_sector),
		TEST(fua_is_for_the_write_alone),
		TEST(a_flush_waits_for_no_change),
		TEST(what_cannot_be_read_is_not_written),
		TEST(a_failed_write_is_one),
		TEST(a_torn_write_spares_the_neighbours),
		TEST(a_failure_lets_the_next_one_go),
		TEST(parts_of_one_sector_are_written_in_turn),
		TEST(parts_of_others_are_not_held_up),
		TEST(a_whole_write_waits_for_a_part),
		TEST(and_a_part_for_a_whole_write),
		TEST(whole_writes_do_not_wait_for_each_other),
		TEST(reads_wait_for_nobody),
		TEST(the_other_lane_waits_too),
		TEST(a_full_disk_queue_is_waited_for),
		TEST(more_parts_than_there_is_memory_for_take_turns),
		TEST(it_says_when_it_is_full),
		TEST(a_discard_is_rounded_inwards),
		TEST(odd_granules_become_sectors),
		TEST(a_discard_waits_for_a_part),
		TEST(zeros_change_the_edges_and_clear_what_is_between),
		TEST(zeros_inside_a_sector_are_written),
		TEST(the_largest_request_with_edges_fits),
		TEST(a_disk_that_moves_too_little_is_refused),
		TEST(its_size_is_the_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
