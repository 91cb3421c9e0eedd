/* SPDX-License-Identifier: MIT */
/*
 * A disk that does wrong by rule does so exactly, and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "open_fds.h"
#include "requests.h"

enum { UNIT = 4096, MS = 1000000 };

static struct rig rig;
static int gone_with;

static void open_disk(const char *uri)
{
	const struct pvb_loop_config c = { .manual_clock = true };
	struct pvb_err e = PVB_ERR_INIT;

	memset(&rig, 0, sizeof(rig));
	rig.loop = pvb_loop_create(&c, &e);
	assert_non_null(rig.loop);
	if (pvb_disk_open(pvb_disk_basic, uri, 0, rig.loop, NULL, &rig.disk,
	                  &e) < 0)
		fail_msg("%s", e.text);
}

static void close_disk(void)
{
	rig_settle(&rig);
	pvb_disk_close(rig.disk);
	pvb_loop_destroy(rig.loop);
}

static int write_at(uint64_t offset)
{
	return rig_do(&rig, PVB_IO_WRITE, 0, offset, UNIT);
}

static int read_at(uint64_t offset)
{
	return rig_do(&rig, PVB_IO_READ, 0, offset, UNIT);
}

static void without_a_rule_all_is_well(void **state)
{
	(void)state;
	open_disk("fault:mem:1M");
	assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
	rig_expect(&rig, 0, UNIT, 1);
	close_disk();
}

static void one_operation_fails_and_does_nothing(void **state)
{
	(void)state;
	open_disk("fault:mem:1M?fail=ENOSPC,op:write,after:1");
	assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
	assert_int_equal(rig_write(&rig, 0, UNIT, 2), -ENOSPC);
	rig_expect(&rig, 0, UNIT, 1);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	close_disk();
}

static void what_is_lied_about_is_not_done(void **state)
{
	(void)state;
	open_disk("fault:mem:1M?lie=op:write,after:1,times:1");
	assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
	assert_int_equal(rig_write(&rig, 0, UNIT, 2), 0);
	rig_expect(&rig, 0, UNIT, 1);
	assert_int_equal(rig_write(&rig, 0, UNIT, 3), 0);
	rig_expect(&rig, 0, UNIT, 3);
	close_disk();
}

static void several_operations_can_be_named(void **state)
{
	(void)state;
	open_disk("fault:mem:1M?fail=EIO,op:flush,op:discard");
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), -EIO);
	assert_int_equal(rig_do(&rig, PVB_IO_DISCARD, 0, 0, UNIT), -EIO);
	assert_int_equal(rig_do(&rig, PVB_IO_ZERO, 0, 0, UNIT), 0);
	close_disk();
}

static void each_nth_fails(void **state)
{
	(void)state;
	open_disk("fault:null:1M?fail=EIO,every:3");
	for (int i = 1; i <= 12; i++)
		assert_int_equal(read_at(0), i % 3 ? 0 : -EIO);
	close_disk();
}

static void one_fails_once_after_n(void **state)
{
	(void)state;
	open_disk("fault:null:1M?fail=EROFS,after:4,times:1");
	for (int i = 0; i < 12; i++)
		assert_int_equal(write_at(0), i == 4 ? -EROFS : 0);
	close_disk();
}

static void a_range_fails_where_it_is_touched(void **state)
{
	struct req q;

	(void)state;
	open_disk("fault:null:1M?fail=EIO,at:64k-72k");
	assert_int_equal(read_at(60 << 10), 0);
	assert_int_equal(read_at(64 << 10), -EIO);
	assert_int_equal(read_at(68 << 10), -EIO);
	assert_int_equal(read_at(72 << 10), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 64 << 10, UNIT), 0);
	req_init(&q, &rig, PVB_IO_WRITE, 0, 128 << 10);
	assert_int_equal(req_run(&q), -EIO);
	req_fini(&q);
	close_disk();
}

static void the_first_rule_that_strikes_names_the_error(void **state)
{
	(void)state;
	open_disk("fault:null:1M?fail=ENOSPC,every:2&fail=EIO,op:write");
	assert_int_equal(write_at(0), -EIO);
	assert_int_equal(write_at(0), -ENOSPC);
	assert_int_equal(read_at(0), 0);
	assert_int_equal(read_at(0), -ENOSPC);
	close_disk();
}

static void an_illegal_request_is_not_counted(void **state)
{
	(void)state;
	open_disk("fault:null:1M?fail=EIO,after:1,times:1");
	assert_int_equal(read_at(1 << 20), -EINVAL);
	assert_int_equal(read_at(0), 0);
	assert_int_equal(read_at(1 << 20), -EINVAL);
	assert_int_equal(read_at(0), -EIO);
	close_disk();
}

static void turns(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(pvb_loop_turn(rig.loop, false), 0);
}

static void an_answer_comes_late_by_the_clock(void **state)
{
	struct req q;

	(void)state;
	open_disk("fault:null:1M?delay=5,op:read");
	req_init(&q, &rig, PVB_IO_READ, 0, UNIT);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&rig);
	turns(5);
	pvb_loop_turn_clock(rig.loop, 5 * MS - 1);
	turns(5);
	assert_int_equal(q.answers, 0);
	assert_int_equal(write_at(0), 0);
	pvb_loop_turn_clock(rig.loop, 1);
	turns(5);
	assert_int_equal(q.answers, 1);
	assert_int_equal(q.result, 0);
	req_fini(&q);
	close_disk();
}

static void a_failure_can_come_late_too(void **state)
{
	struct req q;

	(void)state;
	open_disk("fault:null:1M?fail=EIO&delay=7");
	req_init(&q, &rig, PVB_IO_WRITE, 0, UNIT);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&rig);
	turns(5);
	assert_int_equal(q.answers, 0);
	pvb_loop_turn_clock(rig.loop, 7 * MS);
	turns(5);
	assert_int_equal(q.result, -EIO);
	req_fini(&q);
	close_disk();
}

static int order[32];
static int order_count;

static void note_order(struct req *q)
{
	order[order_count++] = (int)(intptr_t)q->arg;
}

/* The order in which `n` requests that go out together come back. */
static void run_together(int n)
{
	struct req q[32];

	order_count = 0;
	for (int i = 0; i < n; i++) {
		req_init(&q[i], &rig, PVB_IO_READ, (uint64_t)i * UNIT, UNIT);
		q[i].then = note_order;
		q[i].arg = (void *)(intptr_t)i;
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	for (int i = 0; i < n; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
		req_fini(&q[i]);
	}
	assert_int_equal(order_count, n);
}

static int out_of_order(int n)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		count += order[i] != i;
	return count;
}

static void answers_are_shuffled_inside_a_window(void **state)
{
	int first[32];

	(void)state;
	open_disk("fault:null:1M?reorder=8&seed=3");
	run_together(32);
	assert_true(out_of_order(32) > 8);
	for (int i = 0; i < 32; i++)
		assert_int_equal(order[i] / 8, i / 8);
	memcpy(first, order, sizeof(first));
	close_disk();
	open_disk("fault:null:1M?reorder=8&seed=3");
	run_together(32);
	assert_memory_equal(order, first, sizeof(first));
	close_disk();
	open_disk("fault:null:1M?reorder=8&seed=4");
	run_together(32);
	assert_memory_not_equal(order, first, sizeof(first));
	close_disk();
}

static void a_window_that_cannot_fill_is_let_go(void **state)
{
	(void)state;
	open_disk("fault:null:1M?reorder=64&fail=EIO,op:write");
	assert_int_equal(read_at(0), 0);
	assert_int_equal(write_at(0), -EIO);
	run_together(5);
	close_disk();
}

static void note_gone(struct pvb_disk *d, void *arg, int gone)
{
	assert_ptr_equal(d, rig.disk);
	assert_ptr_equal(arg, &gone_with);
	assert_false(rig.inside);
	assert_int_equal(gone_with, 0);
	gone_with = gone;
}

static void listen_for_the_end(void)
{
	gone_with = 0;
	rig.disk->changed = note_gone;
	rig.disk->arg = &gone_with;
}

static void it_dies_after_n_requests(void **state)
{
	(void)state;
	open_disk("fault:mem:1M?die-after=3");
	listen_for_the_end();
	assert_int_equal(write_at(0), 0);
	assert_int_equal(write_at(0), 0);
	assert_int_equal(gone_with, 0);
	assert_int_equal(write_at(0), 0);
	assert_int_equal(gone_with, -ESHUTDOWN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_at(0), -ESHUTDOWN);
	close_disk();
}

static void it_takes_its_time_to_open(void **state)
{
	struct timespec begin, end;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	open_disk("fault:mem:1M?open-ms=30");
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true((end.tv_sec - begin.tv_sec) * 1000 +
	            (end.tv_nsec - begin.tv_nsec) / 1000000 >= 30);
	assert_int_equal(read_at(0), 0);
	close_disk();
}

static void it_dies_when_its_time_is_over(void **state)
{
	(void)state;
	open_disk("fault:mem:1M?die-ms=50");
	listen_for_the_end();
	pvb_loop_turn_clock(rig.loop, 49 * MS);
	assert_int_equal(read_at(0), 0);
	assert_int_equal(gone_with, 0);
	pvb_loop_turn_clock(rig.loop, 1 * MS);
	turns(3);
	assert_int_equal(gone_with, -ESHUTDOWN);
	assert_int_equal(read_at(0), -ESHUTDOWN);
	close_disk();
}

static void closing_takes_its_timer_along(void **state)
{
	(void)state;
	open_disk("fault:null:1M?die-ms=50&delay=1");
	/* Destroying the loop asserts that no timer is left. */
	close_disk();
}

static void it_wraps_a_file_with_options_of_its_own(void **state)
{
	char path[] = "./fault-XXXXXX", uri[128];
	int fd = mkstemp(path), before;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	(void)close(fd);
	(void)snprintf(uri, sizeof(uri), "fault:file:%s%%3Fsector-size=4096"
	               "?fail=EIO,at:8k-12k", path);
	before = open_fds();
	open_disk(uri);
	assert_int_equal(rig.disk->info.sector_size_bytes, 4096);
	assert_int_equal(rig_write(&rig, 4096, 4096, 1), 0);
	rig_expect(&rig, 4096, 4096, 1);
	assert_int_equal(read_at(8192), -EIO);
	close_disk();
	assert_int_equal(open_fds(), before);
	assert_int_equal(unlink(path), 0);
}

static void it_grows_with_the_disk_below(void **state)
{
	char path[] = "./fault-XXXXXX", uri[128];
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	int fd = mkstemp(path), fds[PVB_DISK_FDS_MAX];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	(void)snprintf(uri, sizeof(uri), "fault:%s", path);
	memset(&rig, 0, sizeof(rig));
	rig.loop = pvb_loop_create(NULL, NULL);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &p, &ops,
	                                NULL), 0);
	assert_int_equal(ops->reopen(&p, fds, NULL), 1);
	assert_int_equal(ops->open(rig.loop, NULL, &p, fds, 1, &rig.disk,
	                           NULL), 0);
	assert_int_equal(ftruncate(fd, 2 << 20), 0);
	assert_int_equal(ops->reprobe(&p, NULL), 0);
	assert_int_equal(p.info.size_bytes, 2 << 20);
	assert_int_equal(read_at(1 << 20), -EINVAL);
	assert_int_equal(ops->resized(rig.disk, 2 << 20), 0);
	assert_int_equal(read_at(1 << 20), 0);
	assert_int_equal(ops->resized(rig.disk, 3 << 20), -EINVAL);
	pvb_disk_probe_fini(&p);
	close_disk();
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
}

static void expect_refused(const char *options, const char *sentence)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;
	char uri[256];

	(void)snprintf(uri, sizeof(uri), "fault:%s", options);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &p, &ops, &e),
	                 -EINVAL);
	assert_int_equal(strncmp(e.text, uri, strlen(uri)), 0);
	assert_string_equal(e.text + strlen(uri), sentence);
}

static void what_is_no_rule_is_refused(void **state)
{
	(void)state;
	expect_refused("null:1M?fail=EBADF", ": fail=EBADF: none of EIO, "
	               "ENOSPC, EROFS, EOPNOTSUPP, EINVAL, ESHUTDOWN, "
	               "ENODATA");
	expect_refused("null:1M?delay=soon",
	               ": delay=soon is not a number of milliseconds");
	expect_refused("null:1M?delay=4294967296",
	               ": delay=4294967296 is not a number of milliseconds");
	expect_refused("null:1M?fail=EIO,op:trim",
	               ": op:trim is not understood");
	expect_refused("null:1M?fail=EIO,every:0",
	               ": every:0 is not understood");
	expect_refused("null:1M?fail=EIO,after:1k",
	               ": after:1k is not understood");
	expect_refused("null:1M?fail=EIO,sometimes:1",
	               ": \"sometimes\" is none of op:NAME, at:FROM-TO, "
	               "every:N, after:N, times:N");
	expect_refused("null:1M?fail=EIO,", ": \"\" is none of op:NAME, "
	               "at:FROM-TO, every:N, after:N, times:N");
	expect_refused("null:1M?fail=EIO,at:4k-4k",
	               ": at:4k-4k is not understood");
	expect_refused("null:1M?lie=flush", ": \"flush\" is none of op:NAME, "
	               "at:FROM-TO, every:N, after:N, times:N");
	expect_refused("null:1M?reorder=65",
	               ": reorder=65 is not a number from 1 to 64");
	expect_refused("null:1M?die-after=0",
	               ": die-after=0 is not a number from 1 to 4294967295");
	expect_refused("null:1M?fail=EIO&fail=EIO&fail=EIO&fail=EIO&fail=EIO"
	               "&delay=1&delay=1", ": more than 6 rules");
	expect_refused("null:1M?die=1", ": fault: has no option \"die\"");
	expect_refused("null:1M?seed=1&seed=2",
	               ": option \"seed\" is given twice");
}

static void what_is_below_is_refused_in_its_own_words(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;
	int before = open_fds();

	(void)state;
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "fault:mem:0", 0, &p,
	                                &ops, &e), -EINVAL);
	assert_string_equal(e.text, "fault:mem:0: mem:0: is empty: a disk has "
	                    "at least one sector");
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "fault:fault:mem:1M",
	                                0, &p, &ops, &e), -EPROTONOSUPPORT);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "fault:mem:1M?no=1", 0,
	                                &p, &ops, &e), -EINVAL);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rule_all_is_well),
		cmocka_unit_test(one_operation_fails_and_does_nothing),
		cmocka_unit_test(what_is_lied_about_is_not_done),
		cmocka_unit_test(several_operations_can_be_named),
		cmocka_unit_test(each_nth_fails),
		cmocka_unit_test(one_fails_once_after_n),
		cmocka_unit_test(a_range_fails_where_it_is_touched),
		cmocka_unit_test(the_first_rule_that_strikes_names_the_error),
		cmocka_unit_test(an_illegal_request_is_not_counted),
		cmocka_unit_test(an_answer_comes_late_by_the_clock),
		cmocka_unit_test(a_failure_can_come_late_too),
		cmocka_unit_test(answers_are_shuffled_inside_a_window),
		cmocka_unit_test(a_window_that_cannot_fill_is_let_go),
		cmocka_unit_test(it_dies_after_n_requests),
		cmocka_unit_test(it_dies_when_its_time_is_over),
		cmocka_unit_test(it_takes_its_time_to_open),
		cmocka_unit_test(closing_takes_its_timer_along),
		cmocka_unit_test(it_wraps_a_file_with_options_of_its_own),
		cmocka_unit_test(it_grows_with_the_disk_below),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(what_is_below_is_refused_in_its_own_words),
	};

	return cmocka_run_group_tests_name("disk_fault", tests, NULL, NULL);
}
