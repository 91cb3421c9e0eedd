/* SPDX-License-Identifier: MIT */
/*
 * back_bench.h - a back's control half on the bench, and the steps of a front
 * that the test writes by hand.
 */
#ifndef PVB_TEST_BACK_BENCH_H
#define PVB_TEST_BACK_BENCH_H

#include "ctl_bench.h"

#include "blk/blkback_ctl.h"
#include "bus/complain.h"
#include "disk/disk.h"
#include "flow/counters.h"

static struct pvb_blkback_ctl *back;
static uint32_t back_changed, back_retired, mem_ends;
static int counters_fd = -1;
static uint32_t back_sector_size;       /* option; 0: the usual */
static enum pvb_blk_units back_units;   /* option */
static const char *back_disk_name = "disk.img";
static bool back_cdrom, back_floppy, back_shared;       /* options */
static uint32_t back_media;             /* medium calls, and what the last
                                           one said */
static struct pvb_err back_medium;
static bool back_blocks;                /* option */
static bool back_not_persistent;        /* option */
static bool back_barrier;               /* option */
/* In place of bench_data_half. */
static int (*back_data_half)(void *arg, uint32_t queue);
static bool back_outlives;              /* its data halves: it has journals */
static uint32_t back_journals, back_graves;     /* made; bury calls */
static size_t back_journal_bytes;       /* of the last */
static int back_left = -ENOENT;         /* what that call answers */
static uint32_t back_left_queues;       /* that it was asked for */
static int back_left_fd = -1;           /* of each; -1: any */
static bool back_alone;                 /* its data halves in their process */
static uint32_t back_forgets, back_rested, back_rested_connected;
static bool back_no_discard;            /* option */
static enum pvb_blk_on_full back_on_full;       /* option */

static inline int back_mem_end(void *arg)
{
	(void)arg;
	mem_ends++;
	return dup(counters_fd);        /* any descriptor will do here */
}

static inline int back_counters(void *arg, uint32_t queue)
{
	(void)arg;
	(void)queue;
	return counters_fd;
}

static inline int back_journal(void *arg, uint32_t queue, size_t bytes)
{
	(void)arg;
	(void)queue;
	back_journals++;
	back_journal_bytes = bytes;
	return counters_fd;
}

static inline int back_find_left(void *arg, uint32_t queues, int *fds)
{
	(void)arg;
	back_left_queues = queues;
	for (uint32_t i = 0; i < queues && back_left == 0; i++)
		fds[i] = back_left_fd >= 0 ? back_left_fd : counters_fd;
	return back_left;
}

static inline void back_forget(void *arg)
{
	(void)arg;
	back_forgets++;
}

static inline void on_rested(struct pvb_blkback_ctl *b, bool connected,
                             void *arg)
{
	(void)arg;
	assert_ptr_equal(b, back);
	back_rested++;
	back_rested_connected += connected;
}

static inline void back_bury(struct pvb_blkback_ctl *b, void *arg)
{
	(void)arg;
	assert_ptr_equal(b, back);
	back_graves++;
}

static inline bool back_is_alone(void *arg)
{
	(void)arg;
	return back_alone;
}

static inline void on_changed(struct pvb_blkback_ctl *b, void *arg)
{
	(void)arg;
	assert_ptr_equal(b, back);
	back_changed++;
}

static inline void on_retired(struct pvb_blkback_ctl *b, void *arg)
{
	(void)arg;
	assert_ptr_equal(b, back);
	back_retired++;
	pvb_blkback_ctl_destroy(b);     /* legal in here */
	back = NULL;
}

static inline void on_medium(struct pvb_blkback_ctl *b, const struct pvb_err *e,
                             void *arg)
{
	(void)arg;
	assert_ptr_equal(b, back);
	back_media++;
	back_medium = *e;
}

/* A back that knows no disk yet. */
static inline void back_start(void)
{
	struct pvb_blkback_ctl_config c = {
		.log = &bench.log, .dev = bench.dev,
		.disk_name = back_disk_name, .data_half = back_data_half
			? back_data_half : bench_data_half,
		.mem_end = back_mem_end, .counters = back_counters,
		.changed = on_changed, .retired = on_retired,
		.medium = on_medium, .bury = back_bury, .fence = 1,
		.journal = back_outlives ? back_journal : NULL,
		.left = back_outlives ? back_find_left : NULL,
		.forget = back_outlives ? back_forget : NULL,
		.alone = back_is_alone,
		.rested = on_rested,
	};
	struct pvb_err e = PVB_ERR_INIT;

	back_changed = back_retired = mem_ends = back_media = 0;
	back_journals = back_graves = back_forgets = back_left_queues = 0;
	back_rested = back_rested_connected = 0;
	if (counters_fd < 0)
		counters_fd = pvb_counters_create();
	assert_true(counters_fd >= 0);
	pvb_blk_options_init(&c.options, QUEUES);
	if (back_sector_size)
		c.options.value[PVB_BLK_OPT_SECTOR_SIZE] = back_sector_size;
	c.options.value[PVB_BLK_OPT_UNITS] = back_units;
	c.options.value[PVB_BLK_OPT_CDROM] = back_cdrom;
	c.options.value[PVB_BLK_OPT_FLOPPY] = back_floppy;
	c.options.value[PVB_BLK_OPT_BLOCKS] = back_blocks;
	c.options.value[PVB_BLK_OPT_PERSISTENT] = !back_not_persistent;
	c.options.value[PVB_BLK_OPT_SHARED] = back_shared;
	c.options.value[PVB_BLK_OPT_BARRIER] = back_barrier;
	c.options.value[PVB_BLK_OPT_DISCARD] = !back_no_discard;
	c.options.value[PVB_BLK_OPT_ON_FULL] = back_on_full;
	if (pvb_blkback_ctl_create(bench_watches(BACK), &c, &back, &e) < 0 ||
	    pvb_blkback_ctl_start(back, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void back_disk(const char *uri)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	if (pvb_disk_probe(pvb_disk_basic, uri, 0, &p, &ops, &e) < 0)
		fail_msg("%s", e.text);
	pvb_blkback_ctl_disk(back, ops, &p, NULL);
}

static inline void back_end(void)
{
	pvb_blkback_ctl_destroy(back);
	back = NULL;
	if (counters_fd >= 0)
		close(counters_fd);
	counters_fd = -1;
	back_sector_size = 0;
	back_units = PVB_BLK_UNITS_SPEC;
	back_disk_name = "disk.img";
	back_cdrom = back_floppy = back_shared = false;
	back_blocks = false;
	back_not_persistent = false;
	back_barrier = back_no_discard = false;
	back_on_full = PVB_BLK_ON_FULL_REPORT;
	back_outlives = back_alone = false;
	back_left = -ENOENT;
	if (back_left_fd >= 0)
		close(back_left_fd);
	back_left_fd = -1;
	back_data_half = NULL;
}

/* What a front with one page publishes with its state, in one transaction. */
static inline void front_says(const char *state, const char *ring_ref,
                              const char *port)
{
	put_all(bench.guest, bench.front, "ring-ref", ring_ref,
	        "event-channel", port, "protocol", "x86_64-abi", "state",
	        state, NULL);
}

/* One on two queues does. */
static inline void front_on_two_queues(const char *state)
{
	put_all(bench.guest, bench.front, "multi-queue-num-queues", "2",
	        "protocol", "x86_64-abi", "queue-0/ring-ref", "8",
	        "queue-0/event-channel", "1", "queue-1/ring-ref", "9",
	        "queue-1/event-channel", "2", "state", state, NULL);
}

static inline void front_state(const char *state)
{
	put(bench.guest, bench.front, "state", state);
}

/* Back and front are connected, on one queue. */
static inline void back_connect(void)
{
	back_start();
	back_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
}

/* The toolstack wants the device gone. */
static inline void ask_to_detach(void)
{
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 0);
}

static inline struct pvb_blkback_status back_status(void)
{
	struct pvb_blkback_status s;

	pvb_blkback_ctl_status(back, &s);
	return s;
}

/* What its node `error` says. */
static inline const char *back_error(void)
{
	static char text[300];

	pvb_complaint_get(bench.tools, bench.back, text, sizeof(text));
	return text;
}

static inline void pass_ms(uint64_t ms)
{
	pvb_loop_turn_clock(bench.loop, ms * 1000000);
	bench_settle();
}

/* Its workers are dead, and were waited for. */
static inline void bury_workers(void)
{
	pvb_blkback_ctl_buried(back, PVB_OK, NULL);
	bench_settle();
}

/* By what this one was attached last. */
static inline const struct pvb_blk_back_attach *
as_attached(const struct half *h)
{
	return &h->attached_as.u.back_attach;
}

static inline int back_teardown(void **state)
{
	back_end();
	return bench_teardown(state);
}

#define BACK_TEST(t) \
	cmocka_unit_test_setup_teardown(t, bench_setup, back_teardown)

#endif
