/* SPDX-License-Identifier: MIT */
/*
 * Several narrow lanes of one disk, each in a thread of its own and each with
 * sectors of its own, all in the same sectors of the disk: what one has
 * written no other takes back.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "disk/narrow.h"

#include "requests.h"

enum {
	LANES = 4, DEPTH = 4, ROUNDS = 6000, BLOCKS = 3,
	SECTORS = BLOCKS * 8,
};

struct lane {
	pthread_t thread;
	int number;
	struct rig rig;
	uint64_t seed;
	uint32_t left;                  /* to be sent */
	struct req req[DEPTH];
	bool busy[SECTORS];
	uint64_t last[SECTORS];         /* the pattern of each, or 0 */
	bool failed;
};

static struct lane lanes[LANES];
static struct pvb_ranges ranges;
static const struct pvb_disk_ops *ops;
static struct pvb_disk_probe probe;

static void open_lane(struct lane *l)
{
	int fds[PVB_DISK_FDS_MAX];
	struct pvb_disk *inner;
	int n = ops->reopen(&probe, fds, NULL);

	assert_true(n >= 0);
	l->rig.loop = pvb_loop_create(NULL, NULL);
	assert_non_null(l->rig.loop);
	assert_int_equal(ops->open(l->rig.loop, NULL, &probe, fds,
	                           (uint32_t)n, &inner, NULL), 0);
	assert_int_equal(pvb_narrow_open(l->rig.loop, inner, &ranges,
	                                 &l->rig.disk, NULL), 0);
}

/* One that is ours and not being written; every lane has its own. */
static uint32_t choose(struct lane *l)
{
	uint32_t i;

	do
		i = (uint32_t)(next_random(&l->seed) % (SECTORS / LANES)) *
		    LANES + (uint32_t)l->number;
	while (l->busy[i]);
	return i;
}

static void send(struct lane *l, struct req *q);

static void answered(struct req *q)
{
	struct lane *l = q->arg;
	uint32_t sector = (uint32_t)(q->io.offset_bytes / 512);

	l->failed |= q->result != 0;
	l->busy[sector] = false;
	req_fini(q);
	if (l->left > 0)
		send(l, q);
}

static void send(struct lane *l, struct req *q)
{
	uint32_t sector = choose(l);
	uint64_t pattern = next_random(&l->seed) | 1;

	l->left--;
	l->busy[sector] = true;
	l->last[sector] = pattern;
	req_init(q, &l->rig, PVB_IO_WRITE, sector * 512u, 512);
	fill_pattern(q->memory, 512, pattern);
	q->then = answered;
	q->arg = l;
	l->failed |= req_submit(q) != 0;
	rig_kick(&l->rig);
}

static void *work(void *arg)
{
	struct lane *l = arg;

	l->left = ROUNDS;
	for (int i = 0; i < DEPTH; i++)
		send(l, &l->req[i]);
	while (l->rig.answers < ROUNDS)
		(void)pvb_loop_turn(l->rig.loop, true);
	return NULL;
}

static void nobody_takes_back_what_another_wrote(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	assert_int_equal(pvb_disk_probe(pvb_disk_basic,
		"mem:12k?sector-size=4096", 0, &probe, &ops, &e), 0);
	assert_int_equal(pvb_ranges_init(&ranges), 0);
	for (int i = 0; i < LANES; i++) {
		lanes[i].number = i;
		lanes[i].seed = (uint64_t)i;
		open_lane(&lanes[i]);
	}
	for (int i = 0; i < LANES; i++)
		assert_int_equal(pthread_create(&lanes[i].thread, NULL, work,
		                                &lanes[i]), 0);
	for (int i = 0; i < LANES; i++)
		pthread_join(lanes[i].thread, NULL);
	for (uint32_t i = 0; i < SECTORS; i++) {
		struct lane *l = &lanes[i % LANES];

		assert_false(l->failed);
		if (l->last[i])
			rig_expect(&l->rig, i * 512u, 512, l->last[i]);
	}
	for (int i = 0; i < LANES; i++) {
		pvb_disk_close(lanes[i].rig.disk);
		pvb_loop_destroy(lanes[i].rig.loop);
	}
	pvb_ranges_fini(&ranges);
	pvb_disk_probe_fini(&probe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_takes_back_what_another_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
