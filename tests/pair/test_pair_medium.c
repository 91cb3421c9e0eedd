/* SPDX-License-Identifier: MIT */
/*
 * A medium changed under an attached ring: the former is finished first, and
 * what cannot be had changes nothing.  pair_fini asserts that nothing is left.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "disk_held.h"
#include "pair.h"
#include "requests.h"

enum { REQS = 8, MIB = 1 << 20 };

static const struct pvb_disk_ops *const disks[] = {
	&disk_held, &pvb_disk_mem, NULL
};

struct medium {
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
};

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[REQS];
	struct medium medium[2];
};

/* ---- a drive ------------------------------------------------------------- */

static struct scene *begin(const char *uri, const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	o.uri = uri;
	o.disks = disks;
	pair_init(&s->pair, &o);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static struct scene *begin_connected(const char *uri)
{
	struct scene *s = begin(uri, &(struct pair_options){ 0 });

	pair_connect(&s->pair);
	return s;
}

static void end(struct scene *s)
{
	pair_fini(&s->pair);
	for (int i = 0; i < REQS; i++)
		req_fini(&s->req[i]);
	for (int i = 0; i < 2; i++)
		pvb_disk_probe_fini(&s->medium[i].probe);
	assert_null(held_lane());
	held_reset();
	free(s);
}

static void probe(struct scene *s, int i, const char *uri)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct medium *m = &s->medium[i];

	pvb_disk_probe_fini(&m->probe);
	memset(&m->probe, 0, sizeof(m->probe));
	if (pvb_disk_probe(disks, uri, 0, &m->probe, &m->ops, &e) < 0)
		fail_msg("%s", e.text);
}

/* With this written all over it. */
static void write_medium(struct scene *s, int i, uint64_t seed)
{
	struct medium *m = &s->medium[i];
	struct rig rig = { .loop = s->pair.loop };
	int fds[PVB_DISK_FDS_MAX];
	int n = m->ops->reopen(&m->probe, fds, NULL);

	assert_true(n >= 0);
	assert_int_equal(m->ops->open(rig.loop, NULL, &m->probe, fds,
	                              (uint32_t)n, &rig.disk, NULL), 0);
	assert_int_equal(rig_write(&rig, 0, 65536, seed), 0);
	pvb_disk_close(rig.disk);
}

static void send_load(struct scene *s, int i, uint64_t sectors)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_LOAD };
	struct medium *d = &s->medium[i];
	int fds[PVB_DISK_FDS_MAX];
	int n = d->ops->reopen(&d->probe, fds, NULL);

	assert_true(n >= 0);
	m.u.load.sectors = sectors;
	m.u.load.disk = d->probe;
	assert_int_equal(pvb_link_send(&s->pair.back.link, &m, sizeof(m), fds,
	                               (uint32_t)n), 0);
	for (int k = 0; k < n; k++)
		(void)close(fds[k]);
}

static struct pvb_blk_failed loaded(struct scene *s)
{
	return control_wait(&s->pair.back, PVB_BLK_MSG_LOADED).u.failed;
}

static void load(struct scene *s, int i)
{
	struct pvb_blk_failed f;

	send_load(s, i, s->medium[i].probe.info.size_bytes / 512);
	f = loaded(s);
	if (f.why != PVB_OK)
		fail_msg("%s", f.text);
}

static void say(struct scene *s, enum pvb_blk_msg_type type)
{
	control_say(&s->pair.back, type);
}

static void change(struct scene *s)
{
	say(s, PVB_BLK_MSG_CHANGE);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_CHANGED);
}

static struct req *submit(struct scene *s, int i, enum pvb_io_op op,
                          uint64_t offset, uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, offset, length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	return &s->req[i];
}

static uint64_t refused(struct scene *s, enum pvb_why why)
{
	struct pvb_counts c;

	pair_counts(&s->pair, &c);
	return c.refused[why];
}

/* ---- an empty drive ------------------------------------------------------ */

static struct scene *begin_empty(const char *uri)
{
	struct scene *s = begin(uri, &(struct pair_options){ .empty = true });

	pair_connect(&s->pair);
	return s;
}

static void an_empty_drive_refuses_by_name(void **state)
{
	struct scene *s = begin_empty("held:1M");

	(void)state;
	assert_null(held_lane());
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 4096), -EIO);
	assert_int_equal(rig_do(&s->rig, PVB_IO_WRITE, 0, 0, 4096), -EIO);
	assert_int_equal(rig_do(&s->rig, PVB_IO_FLUSH, 0, 0, 0), -EIO);
	assert_int_equal(rig_do(&s->rig, PVB_IO_DISCARD, 0, 0, 4096), -EIO);
	assert_int_equal(refused(s, PVB_WHY_NO_MEDIUM), 4);
	pair_disconnect(&s->pair);
	end(s);
}

static void an_empty_drive_takes_a_medium(void **state)
{
	struct scene *s = begin_empty("mem:1M");

	(void)state;
	probe(s, 0, "mem:1M");
	write_medium(s, 0, 7);
	load(s, 0);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 4096), -EIO);
	change(s);
	rig_expect(&s->rig, 0, 65536, 7);
	pair_disconnect(&s->pair);
	end(s);
}

static void a_promise_of_sectors_needs_a_disk(void **state)
{
	struct scene *s = begin("mem:1M", &(struct pair_options){ 0 });
	struct pvb_blk_msg m;

	(void)state;
	pair_front_attach(&s->pair);
	pair_back_attach_msg(&s->pair, &m);
	memset(&m.u.back_attach.disk, 0, sizeof(m.u.back_attach.disk));
	pair_send_back_attach(&s->pair, &m);
	assert_int_equal(control_wait(&s->pair.back, PVB_BLK_MSG_FAILED)
	                 .u.failed.why, PVB_WHY_DISK);
	end(s);
}

/* ---- a change ------------------------------------------------------------ */

static void the_former_serves_until_the_change(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 65536, 1), 0);
	probe(s, 0, "mem:1M");
	write_medium(s, 0, 2);
	load(s, 0);
	rig_expect(&s->rig, 0, 65536, 1);
	change(s);
	rig_expect(&s->rig, 0, 65536, 2);
	change(s);                      /* nothing was loaded: out it goes */
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), -EIO);
	pair_disconnect(&s->pair);
	end(s);
}

static void what_is_in_flight_is_finished_first(void **state)
{
	struct scene *s = begin_connected("held:1M");

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)submit(s, i, PVB_IO_READ, i * 8192u, 4096);
	assert_int_equal(held_count(), 3);
	say(s, PVB_BLK_MSG_CHANGE);
	pair_settle(&s->pair);
	(void)submit(s, 3, PVB_IO_READ, 0, 4096);       /* waits in the ring */
	assert_int_equal(held_count(), 3);
	assert_int_equal(s->pair.back.got_count, 0);
	held_answer(0, 0);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.got_count, 0);
	held_answer(0, 0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_CHANGED);
	assert_null(held_lane());
	pair_settle(&s->pair);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s->req[i].result, 0);
	assert_int_equal(s->req[3].answers, 1);
	assert_int_equal(s->req[3].result, -EIO);
	assert_int_equal(refused(s, PVB_WHY_NO_MEDIUM), 1);
	pair_disconnect(&s->pair);
	end(s);
}

static void a_new_medium_sets_its_own_limits(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	held_reset();
	held_info()->io_max_bytes = 8192;
	probe(s, 0, "held:1M");
	load(s, 0);
	change(s);
	/* Neighbours in memory, which the former had in one vector. */
	(void)submit(s, 0, PVB_IO_READ, 0, 6 * 4096);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(held_count(), 1);
		assert_int_equal(held_at(0)->length_bytes, 8192);
		held_answer(0, 0);
		pair_settle(&s->pair);
	}
	assert_int_equal(s->req[0].answers, 1);
	pair_disconnect(&s->pair);
	end(s);
}

static void the_new_medium_ends_where_it_ends(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	probe(s, 0, "mem:64K");
	load(s, 0);
	change(s);
	/* The front still believes in a megabyte. */
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 61440, 4096), 0);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 65536, 4096), -EIO);
	assert_int_equal(refused(s, PVB_WHY_RANGE), 1);
	pair_disconnect(&s->pair);
	end(s);
}

/* ---- what cannot be loaded ----------------------------------------------- */

static void expect_unloadable(struct scene *s, uint64_t sectors, int code)
{
	struct pvb_blk_failed f;

	send_load(s, 0, sectors);
	f = loaded(s);
	assert_int_equal(f.why, PVB_WHY_DISK);
	assert_int_equal(f.code, code);
	assert_true(f.text[0] != '\0');
	rig_expect(&s->rig, 0, 4096, 5);
}

/* A drive has its sector size for good, media have their own. */
static void a_medium_of_larger_sectors_is_read_and_written(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	probe(s, 0, "mem:1M?sector-size=4096");
	write_medium(s, 0, 7);
	load(s, 0);
	change(s);
	rig_expect(&s->rig, 0, 65536, 7);
	assert_int_equal(rig_write(&s->rig, 512, 1024, 8), 0);
	rig_expect(&s->rig, 512, 1024, 8);
	pair_disconnect(&s->pair);
	end(s);
}

static void what_cannot_be_loaded_changes_nothing(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 4096, 5), 0);
	probe(s, 0, "mem:1M");
	expect_unloadable(s, 2049, -EINVAL);
	strcpy(s->medium[0].probe.scheme, "rbd");
	expect_unloadable(s, 2048, -EPROTONOSUPPORT);
	s->medium[0].probe.scheme[0] = '\0';
	expect_unloadable(s, 0, -EINVAL);
	pair_disconnect(&s->pair);
	end(s);
}

static void what_was_loaded_is_closed_when_it_is_not_wanted(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	probe(s, 0, "held:1M");
	load(s, 0);
	assert_non_null(held_lane());
	say(s, PVB_BLK_MSG_UNLOAD);
	pair_settle(&s->pair);
	assert_null(held_lane());
	load(s, 0);
	probe(s, 1, "mem:1M");
	load(s, 1);                     /* the last one counts */
	assert_null(held_lane());
	load(s, 0);
	pair_disconnect(&s->pair);
	assert_null(held_lane());
	end(s);
}

/* ---- while it comes and goes --------------------------------------------- */

static void without_a_ring_there_is_nothing_to_change(void **state)
{
	struct scene *s = begin("mem:1M", &(struct pair_options){ 0 });

	(void)state;
	probe(s, 0, "held:1M");
	load(s, 0);
	assert_null(held_lane());
	change(s);
	end(s);
}

static void a_drain_waits_for_the_change_and_both_are_answered(void **state)
{
	struct scene *s = begin_connected("held:1M");

	(void)state;
	(void)submit(s, 0, PVB_IO_READ, 0, 4096);
	say(s, PVB_BLK_MSG_CHANGE);
	say(s, PVB_BLK_MSG_DRAIN);
	say(s, PVB_BLK_MSG_DETACH);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.got_count, 0);
	held_answer(0, 0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_CHANGED);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DETACHED);
	end(s);
}

static void a_drained_ring_can_be_given_another_medium(void **state)
{
	struct scene *s = begin_connected("mem:1M");

	(void)state;
	say(s, PVB_BLK_MSG_DRAIN);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	probe(s, 0, "held:1M");
	load(s, 0);
	change(s);
	assert_non_null(held_lane());
	say(s, PVB_BLK_MSG_DETACH);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DETACHED);
	assert_null(held_lane());
	end(s);
}

static void a_line_that_is_cut_in_the_middle_leaves_nothing(void **state)
{
	struct scene *s = begin_connected("held:1M");

	(void)state;
	(void)submit(s, 0, PVB_IO_READ, 0, 4096);
	say(s, PVB_BLK_MSG_CHANGE);
	pair_settle(&s->pair);
	control_fini(&s->pair.back);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.closed, 0);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.closed, 1);
	assert_null(held_lane());
	end(s);
}

static void a_second_order_to_change_is_the_same_one(void **state)
{
	struct scene *s = begin_connected("held:1M");

	(void)state;
	(void)submit(s, 0, PVB_IO_READ, 0, 4096);
	probe(s, 0, "mem:1M");
	load(s, 0);
	say(s, PVB_BLK_MSG_CHANGE);
	say(s, PVB_BLK_MSG_CHANGE);
	say(s, PVB_BLK_MSG_UNLOAD);
	pair_settle(&s->pair);
	held_answer(0, 0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_CHANGED);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.got_count, 0);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), 0);
	pair_disconnect(&s->pair);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_drive_refuses_by_name),
		cmocka_unit_test(an_empty_drive_takes_a_medium),
		cmocka_unit_test(a_promise_of_sectors_needs_a_disk),
		cmocka_unit_test(the_former_serves_until_the_change),
		cmocka_unit_test(what_is_in_flight_is_finished_first),
		cmocka_unit_test(a_new_medium_sets_its_own_limits),
		cmocka_unit_test(the_new_medium_ends_where_it_ends),
		cmocka_unit_test(
			a_medium_of_larger_sectors_is_read_and_written),
		cmocka_unit_test(what_cannot_be_loaded_changes_nothing),
		cmocka_unit_test(
			what_was_loaded_is_closed_when_it_is_not_wanted),
		cmocka_unit_test(without_a_ring_there_is_nothing_to_change),
		cmocka_unit_test(
			a_drain_waits_for_the_change_and_both_are_answered),
		cmocka_unit_test(a_drained_ring_can_be_given_another_medium),
		cmocka_unit_test(
			a_line_that_is_cut_in_the_middle_leaves_nothing),
		cmocka_unit_test(a_second_order_to_change_is_the_same_one),
	};

	return cmocka_run_group_tests_name("pair_medium", tests, NULL, NULL);
}
