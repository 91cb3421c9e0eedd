/* SPDX-License-Identifier: MIT */
/*
 * The log of a disk as bytes, and read as a whole.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "record_fixture.h"

enum { A = 1, B = 2, C = 3 };           /* processes */

static struct log_file file;
static struct pvb_record_index x;
static struct pvb_err e;

static int setup(void **state)
{
	(void)state;
	log_begin(&file);
	x = (struct pvb_record_index){ .ops = NULL };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pvb_record_index_fini(&x);
	return close(file.fd);
}

static void ask(uint64_t lane, uint64_t number)
{
	log_ask(&file, lane, number, PVB_IO_WRITE, 0, number, 1);
}

static void expect_damaged(const char *sentence)
{
	assert_int_equal(log_load(&file, &x, &e), -EINVAL);
	assert_string_equal(e.text, sentence);
	assert_null(x.ops);
}

static void an_end_finds_its_request(void **state)
{
	(void)state;
	ask(LANE_OF(A, 1), 1);
	ask(LANE_OF(A, 2), 1);
	ask(LANE_OF(A, 1), 2);
	log_end(&file, LANE_OF(A, 2), 1, 0);
	log_end(&file, LANE_OF(A, 1), 2, -EIO);
	assert_int_equal(log_load(&file, &x, &e), 0);
	assert_int_equal(x.entries, 5);
	assert_int_equal(x.count, 3);
	assert_int_equal(x.ops[0].end, PVB_RECORD_NEVER);
	assert_int_equal(x.ops[1].end, 3);
	assert_true(x.ops[1].done);
	assert_int_equal(x.ops[2].end, 4);
	assert_false(x.ops[2].done);
}

static void another_process_ends_what_the_dead_left(void **state)
{
	(void)state;
	log_open(&file, LANE_OF(A, 1));
	ask(LANE_OF(A, 1), 1);
	log_open(&file, LANE_OF(A, 2));         /* another lane of it: 2 */
	ask(LANE_OF(A, 2), 1);
	log_open(&file, LANE_OF(B, 1));         /* 4 */
	ask(LANE_OF(B, 1), 1);
	log_open(&file, LANE_OF(C, 1));         /* 6 */
	ask(LANE_OF(C, 1), 1);
	assert_int_equal(log_load(&file, &x, &e), 0);
	assert_int_equal(x.ops[0].end, 4);
	assert_int_equal(x.ops[1].end, 4);
	assert_int_equal(x.ops[2].end, 6);
	assert_int_equal(x.ops[3].end, PVB_RECORD_NEVER);
	for (int i = 0; i < 4; i++)
		assert_false(x.ops[i].done);
}

static void what_is_not_whole_at_the_end_is_left_out(void **state)
{
	uint64_t whole, found;

	(void)state;
	ask(A, 1);
	whole = (uint64_t)lseek(file.fd, 0, SEEK_END);
	ask(A, 2);
	for (uint64_t cut = PVB_RECORD_ENTRY_BYTES + LOG_SECTOR - 1; cut > 7;
	     cut -= 7) {
		assert_int_equal(ftruncate(file.fd, (off_t)(whole + cut)), 0);
		assert_int_equal(log_load(&file, &x, &e), 0);
		assert_int_equal(x.count, 1);
		assert_int_equal(x.bytes, whole);
		assert_true(x.cut);
		pvb_record_index_fini(&x);
		assert_int_equal(pvb_record_whole_bytes(file.fd, &found, &e),
		                 0);
		assert_int_equal(found, whole);
	}
}

static void other_bytes_are_told_by_their_place(void **state)
{
	static const char other[PVB_RECORD_ENTRY_BYTES] = "something else";

	(void)state;
	ask(A, 1);
	log_append(&file, other, sizeof(other));
	expect_damaged("it is damaged at byte 624");
}

static void an_end_without_a_request_is_damage(void **state)
{
	(void)state;
	ask(A, 1);
	log_end(&file, A, 2, 0);
	expect_damaged("1 entries end no request");
}

static void an_end_before_its_request_is_damage(void **state)
{
	(void)state;
	log_end(&file, A, 1, 0);
	ask(A, 1);
	expect_damaged("entry 0 ends no request, or one too many");
}

static void two_requests_of_one_number_are_damage(void **state)
{
	(void)state;
	ask(A, 1);
	ask(A, 1);
	log_end(&file, A, 1, 0);
	expect_damaged("entry 2 ends no request, or one too many");
}

static void a_file_that_is_no_log_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(file.fd, PVB_RECORD_HEAD_BYTES - 1), 0);
	expect_damaged("it is no log of a disk");
	assert_int_equal(ftruncate(file.fd, 0), 0);
	assert_int_equal(ftruncate(file.fd, 4096), 0);
	expect_damaged("it is no log of a disk, or of another version");
}

/* Each entry that may be written comes back; none that may not is taken. */
static void entries_come_back_as_they_were(void **state)
{
	static const struct { struct pvb_record_entry x; bool good; } v[] = {
		{ { .kind = PVB_RECORD_OPEN, .lane = ~UINT64_C(0) }, true },
		{ { .kind = PVB_RECORD_OPEN, .number = 1 }, false },
		{ { .kind = PVB_RECORD_END, .lane = 7, .number = 9,
		    .result = -EIO }, true },
		{ { .kind = PVB_RECORD_END, .result = 1 }, false },
		{ { .kind = PVB_RECORD_END, .length_bytes = 512 }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_READ }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_OP_COUNT }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_WRITE,
		    .flags = PVB_IO_FUA, .lane = 1, .number = 2,
		    .offset_bytes = 512, .length_bytes = 4096 }, true },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_WRITE,
		    .flags = PVB_IO_NO_HOLE }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_WRITE,
		    .length_bytes = 100 }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_WRITE,
		    .length_bytes = 2 * PVB_RECORD_WRITE_MAX }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_ZERO,
		    .flags = PVB_IO_FUA | PVB_IO_NO_HOLE,
		    .length_bytes = PVB_RECORD_DISK_MAX }, true },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_ZERO,
		    .offset_bytes = 512,
		    .length_bytes = PVB_RECORD_DISK_MAX }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_DISCARD,
		    .flags = PVB_IO_SECURE, .length_bytes = 512 }, true },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_FLUSH }, true },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_FLUSH,
		    .length_bytes = 512 }, false },
		{ { .kind = PVB_RECORD_BEGIN, .op = PVB_IO_FLUSH,
		    .result = -1 }, false },
		{ { .kind = (enum pvb_record_kind)4 }, false },
	};
	const struct pvb_record_head h = { LOG_SECTOR, 1 << 20 };
	unsigned char bytes[PVB_RECORD_ENTRY_BYTES];
	struct pvb_record_entry y;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		memset(&y, 0, sizeof(y));
		pvb_record_put_entry(&v[i].x, bytes);
		assert_int_equal(pvb_record_get_entry(bytes, &h, &y),
		                 v[i].good);
		if (!v[i].good)
			continue;
		assert_int_equal(y.kind, v[i].x.kind);
		assert_int_equal(y.op, v[i].x.op);
		assert_int_equal(y.flags, v[i].x.flags);
		assert_int_equal(y.lane, v[i].x.lane);
		assert_int_equal(y.number, v[i].x.number);
		assert_int_equal(y.offset_bytes, v[i].x.offset_bytes);
		assert_int_equal(y.length_bytes, v[i].x.length_bytes);
		assert_int_equal(y.result, v[i].x.result);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_end_finds_its_request),
		T(another_process_ends_what_the_dead_left),
		T(what_is_not_whole_at_the_end_is_left_out),
		T(other_bytes_are_told_by_their_place),
		T(an_end_without_a_request_is_damage),
		T(an_end_before_its_request_is_damage),
		T(two_requests_of_one_number_are_damage),
		T(a_file_that_is_no_log_is_refused),
		T(entries_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
