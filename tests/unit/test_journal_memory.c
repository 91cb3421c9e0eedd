/* SPDX-License-Identifier: MIT */
/* test_journal_memory.c - memory that a journal can rely on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "flow/journal_memory.h"

enum { BYTES = 8 * 4096 + 128 };

static void it_is_zero_and_costs_nothing(void **state)
{
	int fd = pvb_journal_memory_create(BYTES);
	struct stat st;
	uint8_t *mem;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, BYTES);
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(pvb_journal_memory_map(fd, BYTES, (void **)&mem), 0);
	for (int i = 0; i < BYTES; i++)
		assert_int_equal(mem[i], 0);
	pvb_journal_memory_unmap(mem, BYTES);
	close(fd);
}

static void it_outlives_who_wrote_it(void **state)
{
	int fd = pvb_journal_memory_create(BYTES);
	uint8_t *mem;

	(void)state;
	assert_int_equal(pvb_journal_memory_map(fd, BYTES, (void **)&mem), 0);
	mem[BYTES - 1] = 7;
	pvb_journal_memory_unmap(mem, BYTES);
	assert_int_equal(pvb_journal_memory_map(fd, BYTES, (void **)&mem), 0);
	assert_int_equal(mem[BYTES - 1], 7);
	pvb_journal_memory_unmap(mem, BYTES);
	close(fd);
}

static void its_size_cannot_change(void **state)
{
	int fd = pvb_journal_memory_create(BYTES);

	(void)state;
	assert_int_equal(ftruncate(fd, BYTES - 1), -1);
	assert_int_equal(ftruncate(fd, BYTES + 1), -1);
	close(fd);
}

static void another_size_is_refused(void **state)
{
	int fd = pvb_journal_memory_create(BYTES);
	void *mem = NULL;

	(void)state;
	assert_int_equal(pvb_journal_memory_map(fd, BYTES - 64, &mem),
	                 -EINVAL);
	assert_int_equal(pvb_journal_memory_map(fd, BYTES + 64, &mem),
	                 -EINVAL);
	assert_null(mem);
	pvb_journal_memory_unmap(mem, BYTES);
	close(fd);
}

static void a_file_that_was_cut_off_is_refused(void **state)
{
	char name[] = "journal.XXXXXX";
	int fd = mkstemp(name);
	void *mem;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(pvb_journal_memory_map(fd, BYTES, &mem), 0);
	pvb_journal_memory_unmap(mem, BYTES);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(pvb_journal_memory_map(fd, BYTES, &mem), -EINVAL);
	close(fd);
}

static void what_is_no_memory_is_refused(void **state)
{
	int fds[2];
	void *mem;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pvb_journal_memory_map(fds[0], BYTES, &mem), -EINVAL);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_zero_and_costs_nothing),
		cmocka_unit_test(it_outlives_who_wrote_it),
		cmocka_unit_test(its_size_cannot_change),
		cmocka_unit_test(another_size_is_refused),
		cmocka_unit_test(a_file_that_was_cut_off_is_refused),
		cmocka_unit_test(what_is_no_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
