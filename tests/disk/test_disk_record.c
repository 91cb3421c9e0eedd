/* SPDX-License-Identifier: MIT */
/*
 * A disk that keeps a log: what stands in it, in which order, and whose it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/record_index.h"
#include "images.h"
#include "open_fds.h"

enum { UNIT = 4096, DISK_BYTES = 1 << 20 };

static const char uri[] = "record:file:disk?log=log";
static struct rig rig;

static void load(struct pvb_record_index *x)
{
	struct pvb_err e = PVB_ERR_INIT;
	int fd = open("log", O_RDONLY);

	assert_true(fd >= 0);
	if (pvb_record_index_load(fd, x, &e) < 0)
		fail_msg("%s", e.text);
	(void)close(fd);
}

static uint64_t log_bytes(void)
{
	struct stat st;

	assert_int_equal(stat("log", &st), 0);
	return (uint64_t)st.st_size;
}

static void expect_op(const struct pvb_record_op *op, enum pvb_io_op what,
                      uint32_t flags, uint64_t offset, uint64_t length)
{
	assert_int_equal(op->asked.op, what);
	assert_int_equal(op->asked.flags, flags);
	assert_int_equal(op->asked.offset_bytes, offset);
	assert_int_equal(op->asked.length_bytes, length);
}

static void all_but_reads_stands_in_it(void **state)
{
	struct pvb_record_index x;

	(void)state;
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	assert_int_equal(rig_write(&rig, UNIT, UNIT, 1), 0);
	rig_expect(&rig, UNIT, UNIT, 1);
	assert_int_equal(rig_do(&rig, PVB_IO_WRITE, PVB_IO_FUA, 0, 512), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_ZERO, PVB_IO_NO_HOLE, UNIT, UNIT),
	                 0);
	assert_int_equal(rig_do(&rig, PVB_IO_DISCARD, 0, 0, 2 * UNIT), 0);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	rig_close(&rig);
	load(&x);
	assert_int_equal(x.head.sector_size_bytes, 512);
	assert_int_equal(x.head.size_bytes, DISK_BYTES);
	assert_int_equal(x.count, 5);
	expect_op(&x.ops[0], PVB_IO_WRITE, 0, UNIT, UNIT);
	expect_op(&x.ops[1], PVB_IO_WRITE, PVB_IO_FUA, 0, 512);
	expect_op(&x.ops[2], PVB_IO_ZERO, PVB_IO_NO_HOLE, UNIT, UNIT);
	expect_op(&x.ops[3], PVB_IO_DISCARD, 0, 0, 2 * UNIT);
	expect_op(&x.ops[4], PVB_IO_FLUSH, 0, 0, 0);
	for (size_t i = 0; i < x.count; i++) {
		assert_true(x.ops[i].done);
		assert_int_equal(x.ops[i].end, x.ops[i].begin + 1);
	}
	pvb_record_index_fini(&x);
}

static void the_bytes_of_a_write_stand_in_it(void **state)
{
	unsigned char wanted[3 * UNIT], found[3 * UNIT];
	struct pvb_record_index x;
	uint64_t seed = 5;
	struct req q;
	int fd;

	(void)state;
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	req_init(&q, &rig, PVB_IO_WRITE, 0, sizeof(wanted));
	fill_pattern(q.memory, sizeof(wanted), 9);
	memcpy(wanted, q.memory, sizeof(wanted));
	req_split(&q, 7, &seed);
	assert_int_equal(req_run(&q), 0);
	req_fini(&q);
	rig_close(&rig);
	load(&x);
	assert_int_equal(x.count, 1);
	fd = open("log", O_RDONLY);
	assert_int_equal(pread(fd, found, sizeof(found),
	                       (off_t)x.ops[0].data_at), sizeof(found));
	assert_memory_equal(found, wanted, sizeof(wanted));
	(void)close(fd);
	pvb_record_index_fini(&x);
}

/* Asked for together: each begins before any can have ended. */
static void what_is_under_way_together_stands_so(void **state)
{
	struct pvb_record_index x;
	struct req q[4];

	(void)state;
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	for (int i = 0; i < 4; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, (uint64_t)i * UNIT, UNIT);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	for (int i = 0; i < 4; i++) {
		req_wait(&q[i]);
		req_fini(&q[i]);
	}
	rig_close(&rig);
	load(&x);
	assert_int_equal(x.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(x.ops[i].begin, i + 1);        /* 0: OPEN */
		assert_true(x.ops[i].end > 4 && x.ops[i].end <= 8);
	}
	pvb_record_index_fini(&x);
}

/* From within its answer. */
static void look_at_the_log(struct req *q)
{
	struct pvb_record_index x;

	load(&x);
	assert_int_equal(x.count, 1);
	assert_true(x.ops[0].done);
	pvb_record_index_fini(&x);
	q->arg = q;
}

static void an_end_stands_in_it_before_it_is_told(void **state)
{
	struct req q;

	(void)state;
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	req_init(&q, &rig, PVB_IO_WRITE, 0, UNIT);
	q.then = look_at_the_log;
	assert_int_equal(req_run(&q), 0);
	assert_ptr_equal(q.arg, &q);
	req_fini(&q);
	rig_close(&rig);
}

static void a_request_that_is_refused_is_not_in_it(void **state)
{
	struct pvb_record_index x;

	(void)state;
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	assert_int_equal(rig_do(&rig, PVB_IO_WRITE, 0, DISK_BYTES, UNIT),
	                 -EINVAL);
	rig_close(&rig);
	load(&x);
	assert_int_equal(x.count, 0);
	pvb_record_index_fini(&x);
}

static void the_next_one_appends(void **state)
{
	struct pvb_record_index x;

	(void)state;
	image_make("disk", DISK_BYTES);
	for (int i = 0; i < 3; i++) {
		rig_open_good(&rig, uri, 0);
		assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
		rig_close(&rig);
	}
	load(&x);
	assert_int_equal(x.count, 3);
	assert_int_equal(x.entries, 9);
	pvb_record_index_fini(&x);
}

/* As of one that is killed while it appends. */
static void part_of_an_entry_is_cut_off(void **state)
{
	struct pvb_record_index x;

	(void)state;
	image_make("disk", DISK_BYTES);
	for (uint64_t cut = 1; cut < 8192; cut += 997) {
		rig_open_good(&rig, uri, 0);
		assert_int_equal(rig_write(&rig, 0, 2 * UNIT, 1), 0);
		rig_close(&rig);
		assert_int_equal(truncate("log", (off_t)(log_bytes() -
			PVB_RECORD_ENTRY_BYTES - cut)), 0);
		load(&x);
		assert_true(x.cut);
		assert_int_equal(x.count, 0);
		pvb_record_index_fini(&x);
		rig_open_good(&rig, uri, 0);
		assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
		rig_close(&rig);
		load(&x);
		assert_false(x.cut);
		assert_int_equal(x.count, 1);
		pvb_record_index_fini(&x);
		assert_int_equal(unlink("log"), 0);
	}
}

static void two_lanes_on_one_description_do_not_mix(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
	struct pvb_record_index x;
	int fds[PVB_DISK_FDS_MAX], more[PVB_DISK_FDS_MAX];
	struct rig two;
	struct req q[2];
	int n;

	(void)state;
	image_make("disk", DISK_BYTES);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &probe, &ops,
	                                NULL), 0);
	n = ops->reopen(&probe, fds, NULL);
	assert_int_equal(n, 2);
	for (int i = 0; i < n; i++)
		more[i] = dup(fds[i]);
	memset(&rig, 0, sizeof(rig));
	rig.loop = pvb_loop_create(&(struct pvb_loop_config){ 0 }, NULL);
	two = rig;
	assert_int_equal(ops->open(rig.loop, NULL, &probe, fds, 2, &rig.disk,
	                           NULL), 0);
	assert_int_equal(ops->open(two.loop, NULL, &probe, more, 2, &two.disk,
	                           NULL), 0);
	req_init(&q[0], &rig, PVB_IO_WRITE, 0, UNIT);
	req_init(&q[1], &two, PVB_IO_WRITE, UNIT, UNIT);
	assert_int_equal(req_submit(&q[0]), 0);
	assert_int_equal(req_submit(&q[1]), 0);
	for (int i = 0; i < 2; i++) {
		rig_kick(q[i].rig);
		req_wait(&q[i]);
		req_fini(&q[i]);
	}
	pvb_disk_close(two.disk);
	rig_close(&rig);
	pvb_disk_probe_fini(&probe);
	load(&x);
	assert_int_equal(x.count, 2);
	assert_int_equal(x.ops[0].asked.number, x.ops[1].asked.number);
	assert_true(x.ops[0].asked.lane != x.ops[1].asked.lane);
	assert_true(x.ops[0].done && x.ops[1].done);
	pvb_record_index_fini(&x);
}

static void expect_refused(const char *text, int code, const char *sentence)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct rig other;
	int fds = open_fds();

	assert_int_equal(rig_open(&other, text, 0, &e), code);
	assert_non_null(strstr(e.text, sentence));
	assert_int_equal(open_fds(), fds);
}

static void a_log_has_one_writer(void **state)
{
	(void)state;
	image_make("disk", DISK_BYTES);
	image_make("another", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	expect_refused("record:file:another?log=log", -EBUSY,
	               "another process writes to its log");
	rig_close(&rig);
	rig_open_good(&rig, "record:file:another?log=log", 0);
	rig_close(&rig);
}

static void what_is_no_log_is_left_alone(void **state)
{
	(void)state;
	image_make("disk", DISK_BYTES);
	expect_refused("record:file:disk", -EINVAL, "needs log=FILE");
	image_make("text", 100);
	expect_refused("record:file:disk?log=text", -EINVAL,
	               "log text: is there, and no log of a disk");
	expect_refused("record:file:disk?log=no/where", -ENOENT,
	               "log no/where: No such file");
	expect_refused("record:file:disk?log=/dev/null", -EINVAL,
	               "log /dev/null: is no regular file");
	expect_refused("record:file:nowhere?log=log", -ENOENT,
	               "there is no such file");
	assert_int_not_equal(access("log", F_OK), 0);
	rig_open_good(&rig, uri, 0);
	rig_close(&rig);
	expect_refused("record:file:disk%3Fsector-size=4096?log=log", -EINVAL,
	               "log log: is the log of a disk with other sectors");
}

/* Nothing reaches the disk that is not in the log. */
static void without_room_for_the_log_nothing_is_done(void **state)
{
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	assert_int_equal(rig_write(&rig, 0, UNIT, 1), 0);
	limit = (struct rlimit){ log_bytes() + UNIT, before.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(rig_write(&rig, 0, UNIT, 2), -EIO);
	assert_int_equal(rig_do(&rig, PVB_IO_FLUSH, 0, 0, 0), -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rig_write(&rig, 0, UNIT, 3), -EIO);
	rig_expect(&rig, 0, UNIT, 1);
	rig_close(&rig);
}

static void it_grows_with_its_disk(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
	struct pvb_record_index x;

	(void)state;
	image_make("disk", DISK_BYTES);
	rig_open_good(&rig, uri, 0);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, uri, 0, &probe, &ops,
	                                &e), 0);
	image_resize("disk", 2 * DISK_BYTES);
	assert_int_equal(ops->reprobe(&probe, &e), 0);
	assert_int_equal(probe.info.size_bytes, 2 * DISK_BYTES);
	pvb_disk_probe_fini(&probe);
	assert_int_equal(ops->resized(rig.disk, 2 * DISK_BYTES), 0);
	assert_int_equal(rig_write(&rig, DISK_BYTES, UNIT, 1), 0);
	rig_close(&rig);
	load(&x);
	assert_int_equal(x.count, 1);
	pvb_record_index_fini(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_IMAGES(all_but_reads_stands_in_it),
		IN_IMAGES(the_bytes_of_a_write_stand_in_it),
		IN_IMAGES(what_is_under_way_together_stands_so),
		IN_IMAGES(an_end_stands_in_it_before_it_is_told),
		IN_IMAGES(a_request_that_is_refused_is_not_in_it),
		IN_IMAGES(the_next_one_appends),
		IN_IMAGES(part_of_an_entry_is_cut_off),
		IN_IMAGES(two_lanes_on_one_description_do_not_mix),
		IN_IMAGES(a_log_has_one_writer),
		IN_IMAGES(what_is_no_log_is_left_alone),
		IN_IMAGES(without_room_for_the_log_nothing_is_done),
		IN_IMAGES(it_grows_with_its_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
