/* SPDX-License-Identifier: MIT */
/*
 * Which call follows which: the decisions of the file driver, without a
 * file.  Short transfers and rare errors can be had only here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "disk/disk_file.h"

enum { OFFSET = 1 << 20, NOT_ENDED = 1000 };

static struct file_lane lane;
static struct pvb_io io;
static struct iovec iov[5];
static unsigned char memory[8192], chunk[FILE_CHUNK_BYTES], zeros[1];

static int setup(void **state)
{
	(void)state;
	memset(&lane, 0, sizeof(lane));
	lane.zeros = zeros;
	lane.how.memory_align = lane.how.offset_align = 512;
	return 0;
}

static void begin(enum pvb_io_op op, uint32_t flags, uint64_t length)
{
	io = (struct pvb_io){
		.op = op, .flags = flags, .offset_bytes = OFFSET,
		.length_bytes = length, .iov = iov, .iovcnt = 1,
	};
	iov[0] = (struct iovec){ memory, (size_t)length };
	file_step_first(&lane, &io);
}

/* The call under way returns: how the request ends, or that it does not. */
static int step(int32_t result)
{
	int out = 1;

	if (!file_step_next(&lane, &io, result, &out))
		return NOT_ENDED;
	return out;
}

static enum file_call call(void)
{
	return file_io(&io)->call;
}

static void a_whole_transfer_is_one_call(void **state)
{
	(void)state;
	begin(PVB_IO_READ, 0, 4096);
	assert_int_equal(call(), FILE_READ);
	assert_int_equal(step(4096), 0);
	begin(PVB_IO_WRITE, 0, 4096);
	assert_int_equal(call(), FILE_WRITE);
	assert_int_equal(step(4096), 0);
}

static void expect_view(const void *base, size_t length, uint32_t count,
                        uint64_t offset)
{
	struct file_view v;

	file_view(&lane, &io, &v);
	assert_ptr_equal(v.iov[0].iov_base, base);
	assert_int_equal(v.iov[0].iov_len, length);
	assert_int_equal(v.iovcnt, count);
	assert_int_equal(v.offset_bytes, offset);
}

static void a_short_transfer_goes_on_where_it_ended(void **state)
{
	(void)state;
	begin(PVB_IO_WRITE, 0, 4096);
	iov[0] = (struct iovec){ memory, 0 };
	iov[1] = (struct iovec){ memory, 1000 };
	iov[2] = (struct iovec){ NULL, 0 };
	iov[3] = (struct iovec){ memory + 2000, 2000 };
	iov[4] = (struct iovec){ memory + 5000, 1096 };
	io.iovcnt = 5;
	expect_view(memory, 1000, 4, OFFSET);
	assert_int_equal(step(300), NOT_ENDED);
	expect_view(memory + 300, 700, 1, OFFSET + 300);
	assert_int_equal(step(700), NOT_ENDED);
	expect_view(memory + 2000, 2000, 2, OFFSET + 1000);
	assert_int_equal(step(2001), NOT_ENDED);
	expect_view(memory + 5001, 1095, 1, OFFSET + 3001);
	assert_int_equal(step(1095), 0);
}

static void the_end_of_the_file_is_an_error(void **state)
{
	(void)state;
	begin(PVB_IO_READ, 0, 4096);
	assert_int_equal(step(1024), NOT_ENDED);
	assert_int_equal(step(0), -EIO);
	begin(PVB_IO_WRITE, 0, 4096);
	assert_int_equal(step(0), -EIO);
}

static void the_kernels_errors_become_ours(void **state)
{
	static const int table[][2] = {
		{ -ENOSPC, -ENOSPC }, { -EDQUOT, -ENOSPC },
		{ -EFBIG, -ENOSPC }, { -EROFS, -EROFS }, { -EPERM, -EROFS },
		{ -EOPNOTSUPP, -EOPNOTSUPP }, { -EIO, -EIO },
		{ -EINVAL, -EIO }, { -ENOMEM, -EIO }, { -ECANCELED, -EIO },
		{ -ENXIO, -ESHUTDOWN }, { -ENODEV, -ESHUTDOWN },
		{ -EREMOTEIO, -EIO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin(PVB_IO_WRITE, 0, 4096);
		assert_int_equal(step(table[i][0]), table[i][1]);
		begin(PVB_IO_FLUSH, 0, 0);
		assert_int_equal(step(table[i][0]), table[i][1]);
		begin(PVB_IO_DISCARD, 0, 4096);
		assert_int_equal(step(table[i][0]), table[i][1]);
	}
}

static void an_interrupted_call_is_made_again_but_not_for_ever(void **state)
{
	(void)state;
	begin(PVB_IO_READ, 0, 4096);
	for (int i = 0; i < FILE_RETRIES_MAX; i++)
		assert_int_equal(step(i % 2 ? -EINTR : -EAGAIN), NOT_ENDED);
	assert_int_equal(call(), FILE_READ);
	assert_int_equal(step(-EAGAIN), -EIO);
}

static void discard_punches_files_and_asks_devices(void **state)
{
	(void)state;
	begin(PVB_IO_DISCARD, 0, 4096);
	assert_int_equal(call(), FILE_PUNCH);
	assert_int_equal(step(-EOPNOTSUPP), -EOPNOTSUPP);
	lane.how.block_device = 1;
	begin(PVB_IO_DISCARD, 0, 4096);
	assert_int_equal(call(), FILE_DISCARD);
	assert_int_equal(step(0), 0);
	/* And another way if it must be gone; an old kernel finds out late. */
	begin(PVB_IO_DISCARD, PVB_IO_SECURE, 4096);
	assert_int_equal(call(), FILE_ERASE);
	assert_int_equal(step(-EOPNOTSUPP), -EOPNOTSUPP);
}

static void zero_falls_back_and_remembers(void **state)
{
	(void)state;
	begin(PVB_IO_ZERO, 0, 4096);
	assert_int_equal(call(), FILE_PUNCH);
	assert_int_equal(step(-EOPNOTSUPP), NOT_ENDED);
	assert_int_equal(call(), FILE_ZERO_RANGE);
	assert_int_equal(step(-EOPNOTSUPP), NOT_ENDED);
	assert_int_equal(call(), FILE_WRITE_ZEROS);
	assert_int_equal(step(4096), 0);
	begin(PVB_IO_ZERO, 0, 4096);
	assert_int_equal(call(), FILE_WRITE_ZEROS);
}

static void zero_that_keeps_space_makes_no_hole(void **state)
{
	(void)state;
	begin(PVB_IO_ZERO, PVB_IO_NO_HOLE, 4096);
	assert_int_equal(call(), FILE_ZERO_RANGE);
	assert_int_equal(step(-ENOSPC), -ENOSPC);
	begin(PVB_IO_ZERO, PVB_IO_NO_HOLE, 4096);
	assert_int_equal(step(-EOPNOTSUPP), NOT_ENDED);
	assert_int_equal(call(), FILE_WRITE_ZEROS);
	begin(PVB_IO_ZERO, 0, 4096);
	assert_int_equal(call(), FILE_PUNCH);
}

static void zeros_are_written_in_chunks(void **state)
{
	(void)state;
	lane.lacks = 1u << FILE_PUNCH | 1u << FILE_ZERO_RANGE;
	begin(PVB_IO_ZERO, 0, FILE_CHUNK_BYTES + 512);
	expect_view(zeros, FILE_CHUNK_BYTES, 1, OFFSET);
	assert_int_equal(step(FILE_CHUNK_BYTES), NOT_ENDED);
	expect_view(zeros, 512, 1, OFFSET + FILE_CHUNK_BYTES);
	assert_int_equal(step(512), 0);
}

static void what_must_be_durable_is_synced(void **state)
{
	(void)state;
	begin(PVB_IO_WRITE, PVB_IO_FUA, 4096);
	assert_true(file_io(&io)->durable);
	assert_int_equal(step(4096), 0);
	begin(PVB_IO_ZERO, PVB_IO_FUA, 4096);
	assert_int_equal(step(0), NOT_ENDED);
	assert_int_equal(call(), FILE_SYNC);
	assert_int_equal(step(-EIO), -EIO);
	begin(PVB_IO_WRITE, 0, 4096);
	assert_false(file_io(&io)->durable);
	lane.how.sync = 1;
	begin(PVB_IO_WRITE, 0, 4096);
	assert_true(file_io(&io)->durable);
	begin(PVB_IO_DISCARD, 0, 4096);
	assert_int_equal(step(0), 0);
}

static void a_bounced_read_is_scattered(void **state)
{
	(void)state;
	begin(PVB_IO_READ, 0, 1024);
	iov[0] = (struct iovec){ memory + 1, 700 };
	iov[1] = (struct iovec){ memory + 2001, 324 };
	io.iovcnt = 2;
	file_io(&io)->chunk = chunk;
	memset(memory, 0, sizeof(memory));
	memset(chunk, 'a', 512);
	expect_view(chunk, 1024, 1, OFFSET);
	assert_int_equal(step(512), NOT_ENDED);
	memset(chunk, 'b', 512);
	expect_view(chunk, 512, 1, OFFSET + 512);
	assert_int_equal(step(512), 0);
	assert_int_equal(memory[0], 0);
	assert_int_equal(memory[1], 'a');
	assert_int_equal(memory[512], 'a');
	assert_int_equal(memory[513], 'b');
	assert_int_equal(memory[700], 'b');
	assert_int_equal(memory[701], 0);
	assert_int_equal(memory[2001], 'b');
	assert_int_equal(memory[2324], 'b');
	assert_int_equal(memory[2325], 0);
}

static void alignment_is_of_memory_and_length(void **state)
{
	static unsigned char aligned[4096] __attribute__((aligned(4096)));

	(void)state;
	begin(PVB_IO_READ, 0, 1024);
	iov[0] = (struct iovec){ aligned, 512 };
	iov[1] = (struct iovec){ aligned + 1024, 512 };
	io.iovcnt = 2;
	assert_true(file_is_aligned(&lane, &io));
	iov[1].iov_base = aligned + 1028;
	assert_false(file_is_aligned(&lane, &io));
	lane.how.memory_align = 4;
	assert_true(file_is_aligned(&lane, &io));
	iov[0].iov_len = 508;
	iov[1].iov_len = 516;
	assert_false(file_is_aligned(&lane, &io));
}

#define STEP(t) cmocka_unit_test_setup(t, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP(a_whole_transfer_is_one_call),
		STEP(a_short_transfer_goes_on_where_it_ended),
		STEP(the_end_of_the_file_is_an_error),
		STEP(the_kernels_errors_become_ours),
		STEP(an_interrupted_call_is_made_again_but_not_for_ever),
		STEP(discard_punches_files_and_asks_devices),
		STEP(zero_falls_back_and_remembers),
		STEP(zero_that_keeps_space_makes_no_hole),
		STEP(zeros_are_written_in_chunks),
		STEP(what_must_be_durable_is_synced),
		STEP(a_bounced_read_is_scattered),
		STEP(alignment_is_of_memory_and_length),
	};

	return cmocka_run_group_tests_name("disk_file_step", tests, NULL,
	                                   NULL);
}
