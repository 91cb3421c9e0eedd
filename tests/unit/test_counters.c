/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "flow/counters.h"

static struct pvb_counters *fresh(int *fd)
{
	struct pvb_counters *c = NULL;

	*fd = pvb_counters_create();
	assert_true(*fd >= 0);
	assert_int_equal(pvb_counters_map(*fd, false, &c), 0);
	return c;
}

static void read_back(struct pvb_counters *c, struct pvb_counts *out)
{
	memset(out, 0xff, sizeof(*out));
	pvb_counters_read(c, out);
}

static void a_fresh_area_is_all_zero(void **state)
{
	static const struct pvb_counts zero;
	struct pvb_counts now;
	int fd;
	struct pvb_counters *c = fresh(&fd);

	(void)state;
	read_back(c, &now);
	assert_memory_equal(&now, &zero, sizeof(zero));
	pvb_counters_unmap(c);
	close(fd);
}

static void each_operation_has_its_own_numbers(void **state)
{
	struct pvb_counts now;
	int fd;
	struct pvb_counters *c = fresh(&fd);

	(void)state;
	pvb_counters_answered(c, PVB_COUNT_READ, 4096, 100, false);
	pvb_counters_answered(c, PVB_COUNT_READ, 512, 100, false);
	pvb_counters_answered(c, PVB_COUNT_WRITE, 0, 100, true);
	pvb_counters_answered(c, PVB_COUNT_BARRIER, 8, 100, false);
	read_back(c, &now);
	assert_int_equal(now.op[PVB_COUNT_READ].requests, 2);
	assert_int_equal(now.op[PVB_COUNT_READ].bytes, 4608);
	assert_int_equal(now.op[PVB_COUNT_READ].errors, 0);
	assert_int_equal(now.op[PVB_COUNT_WRITE].requests, 1);
	assert_int_equal(now.op[PVB_COUNT_WRITE].errors, 1);
	assert_int_equal(now.op[PVB_COUNT_BARRIER].bytes, 8);
	assert_int_equal(now.op[PVB_COUNT_FLUSH].requests, 0);
	pvb_counters_unmap(c);
	close(fd);
}

static void a_reader_in_another_mapping_sees_what_was_counted(void **state)
{
	struct pvb_counts now;
	struct pvb_counters *reader;
	int fd;
	struct pvb_counters *c = fresh(&fd);

	(void)state;
	assert_int_equal(pvb_counters_map(fd, true, &reader), 0);
	pvb_counters_refused(c, PVB_WHY_RANGE);
	pvb_counters_refused(c, PVB_WHY_RANGE);
	pvb_counters_add(c, PVB_COUNT(sleeps), 3);
	pvb_counters_set(c, PVB_COUNT(in_flight), 7);
	read_back(reader, &now);
	assert_int_equal(now.refused[PVB_WHY_RANGE], 2);
	assert_int_equal(now.refused[PVB_WHY_GRANT], 0);
	assert_int_equal(now.sleeps, 3);
	assert_int_equal(now.in_flight, 7);
	pvb_counters_unmap(reader);
	pvb_counters_unmap(c);
	close(fd);
}

static void no_area_counts_nothing(void **state)
{
	(void)state;
	pvb_counters_answered(NULL, PVB_COUNT_READ, 1, 1, false);
	pvb_counters_refused(NULL, PVB_WHY_RANGE);
	pvb_counters_add(NULL, PVB_COUNT(sleeps), 1);
	pvb_counters_set(NULL, PVB_COUNT(in_flight), 1);
	pvb_counters_unmap(NULL);
}

static int file_of(size_t bytes)
{
	char name[] = "counters.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void a_file_of_zeroes_is_made_one(void **state)
{
	int fd = file_of(pvb_counters_bytes());
	struct pvb_counters *c;
	struct pvb_counts now;

	(void)state;
	assert_int_equal(pvb_counters_fetch(fd, &now), -EINVAL);
	assert_int_equal(pvb_counters_map(fd, false, &c), -EINVAL);
	assert_int_equal(pvb_counters_begin(fd), 0);
	assert_int_equal(pvb_counters_map(fd, false, &c), 0);
	pvb_counters_add(c, PVB_COUNT(sleeps), 3);
	assert_int_equal(pvb_counters_fetch(fd, &now), 0);
	assert_int_equal(now.sleeps, 3);
	pvb_counters_unmap(c);
	close(fd);
}

/* The supervisor must not die of what a worker does to its file. */
static void one_that_was_cut_off_can_be_fetched_from(void **state)
{
	int fd = file_of(pvb_counters_bytes());
	struct pvb_counters *c;
	struct pvb_counts now;

	(void)state;
	assert_int_equal(pvb_counters_begin(fd), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(pvb_counters_fetch(fd, &now), -EINVAL);
	assert_int_equal(pvb_counters_map(fd, false, &c), -EINVAL);
	close(fd);
}

static void other_memory_is_refused(void **state)
{
	int good, pipes[2];
	struct pvb_counters *c = fresh(&good);
	struct pvb_counters *out;
	struct pvb_counts now;

	(void)state;
	assert_int_equal(pvb_counters_map(-1, false, &out), -EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(pvb_counters_map(pipes[0], false, &out), -EINVAL);
	assert_true(pvb_counters_fetch(pipes[0], &now) < 0);
	/* And an area whose head was overwritten. */
	assert_int_equal(pwrite(good, "x", 1, 8), 1);
	assert_int_equal(pvb_counters_map(good, false, &out), -EINVAL);
	assert_int_equal(pvb_counters_fetch(good, &now), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	pvb_counters_unmap(c);
	close(good);
}

static void a_size_cannot_be_changed_under_its_reader(void **state)
{
	int fd;
	struct pvb_counters *c = fresh(&fd);

	(void)state;
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	pvb_counters_unmap(c);
	close(fd);
}

static uint64_t latency_of(uint64_t ns)
{
	struct pvb_counts now;
	int fd;
	struct pvb_counters *c = fresh(&fd);

	pvb_counters_answered(c, PVB_COUNT_READ, 0, ns, false);
	read_back(c, &now);
	pvb_counters_unmap(c);
	close(fd);
	return pvb_counts_latency_ns(&now.op[PVB_COUNT_READ], 500);
}

static void a_latency_is_told_to_a_sixteenth(void **state)
{
	(void)state;
	for (uint64_t ns = 256; ns < UINT64_C(1) << 39; ns = ns * 21 / 20) {
		uint64_t told = latency_of(ns);
		uint64_t off = told > ns ? told - ns : ns - told;

		assert_true(off <= ns / 16 + 1);
	}
	/* Below, to the 32 ns that are counted in. */
	assert_true(latency_of(0) < 32);
	assert_true(latency_of(100) >= 96 && latency_of(100) < 128);
	/* Above everything is "very long". */
	assert_true(latency_of(UINT64_MAX) > UINT64_C(1) << 38);
}

static void percentiles_are_of_nearest_rank(void **state)
{
	struct pvb_counts now;
	int fd;
	struct pvb_counters *c = fresh(&fd);
	const struct pvb_op_counts *o = &now.op[PVB_COUNT_WRITE];

	(void)state;
	for (int i = 0; i < 990; i++)
		pvb_counters_answered(c, PVB_COUNT_WRITE, 0, 10000, false);
	for (int i = 0; i < 9; i++)
		pvb_counters_answered(c, PVB_COUNT_WRITE, 0, 1000000, false);
	pvb_counters_answered(c, PVB_COUNT_WRITE, 0, 100000000, false);
	read_back(c, &now);
	assert_in_range(pvb_counts_latency_ns(o, 0), 9300, 10700);
	assert_in_range(pvb_counts_latency_ns(o, 500), 9300, 10700);
	assert_in_range(pvb_counts_latency_ns(o, 990), 9300, 10700);
	assert_in_range(pvb_counts_latency_ns(o, 991), 930000, 1070000);
	assert_in_range(pvb_counts_latency_ns(o, 999), 930000, 1070000);
	assert_in_range(pvb_counts_latency_ns(o, 1000), 93000000, 107000000);
	pvb_counters_unmap(c);
	close(fd);
}

static void no_requests_have_no_latency(void **state)
{
	static const struct pvb_op_counts none;

	(void)state;
	assert_int_equal(pvb_counts_latency_ns(&none, 500), 0);
}

static void a_lying_writer_only_makes_the_numbers_wrong(void **state)
{
	struct pvb_op_counts o;

	(void)state;
	memset(&o, 0xff, sizeof(o));
	for (uint32_t p = 0; p <= 1000; p += 100)
		(void)pvb_counts_latency_ns(&o, p);
	memset(&o, 0, sizeof(o));
	o.latency[0] = o.latency[255] = UINT64_C(1) << 63;
	(void)pvb_counts_latency_ns(&o, 999);
}

static void queues_are_added_up(void **state)
{
	static struct pvb_counts a, b;

	(void)state;
	a.op[PVB_COUNT_READ].requests = 5;
	a.refused[PVB_WHY_GRANT] = 1;
	b.op[PVB_COUNT_READ].requests = 6;
	b.op[PVB_COUNT_READ].latency[255] = 2;
	b.bells_received = 9;
	pvb_counts_merge(&a, &b);
	assert_int_equal(a.op[PVB_COUNT_READ].requests, 11);
	assert_int_equal(a.op[PVB_COUNT_READ].latency[255], 2);
	assert_int_equal(a.refused[PVB_WHY_GRANT], 1);
	assert_int_equal(a.bells_received, 9);
}

static void of_moments_the_first_counts(void **state)
{
	struct pvb_counts a = { .slow_since_ns = 0 }, b = a, c = a;

	(void)state;
	b.slow_since_ns = 7;
	c.slow_since_ns = 5;
	pvb_counts_merge(&a, &b);
	assert_int_equal(a.slow_since_ns, 7);
	pvb_counts_merge(&a, &c);
	assert_int_equal(a.slow_since_ns, 5);
	pvb_counts_merge(&a, &b);
	c.slow_since_ns = 0;
	pvb_counts_merge(&a, &c);
	assert_int_equal(a.slow_since_ns, 5);
}

static void operations_have_names(void **state)
{
	(void)state;
	assert_string_equal(pvb_count_op_name(PVB_COUNT_READ), "read");
	assert_string_equal(pvb_count_op_name(PVB_COUNT_BARRIER), "barrier");
	assert_string_equal(pvb_count_op_name(PVB_COUNT_OP_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_area_is_all_zero),
		cmocka_unit_test(each_operation_has_its_own_numbers),
		cmocka_unit_test(
			a_reader_in_another_mapping_sees_what_was_counted),
		cmocka_unit_test(no_area_counts_nothing),
		cmocka_unit_test(a_file_of_zeroes_is_made_one),
		cmocka_unit_test(one_that_was_cut_off_can_be_fetched_from),
		cmocka_unit_test(other_memory_is_refused),
		cmocka_unit_test(a_size_cannot_be_changed_under_its_reader),
		cmocka_unit_test(a_latency_is_told_to_a_sixteenth),
		cmocka_unit_test(percentiles_are_of_nearest_rank),
		cmocka_unit_test(no_requests_have_no_latency),
		cmocka_unit_test(a_lying_writer_only_makes_the_numbers_wrong),
		cmocka_unit_test(queues_are_added_up),
		cmocka_unit_test(of_moments_the_first_counts),
		cmocka_unit_test(operations_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
