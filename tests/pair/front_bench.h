/* SPDX-License-Identifier: MIT */
/*
 * front_bench.h - a front's control half on the bench, and the steps of a back
 * that the test writes by hand.  The mirror of back_bench.h.
 */
#ifndef PVB_TEST_FRONT_BENCH_H
#define PVB_TEST_FRONT_BENCH_H

#include "ctl_bench.h"

#include "blk/blkfront_ctl.h"

static struct pvb_blkfront_ctl *front;
static uint32_t retired, changed;
static struct pvb_blkfront_status last;         /* when it retired */
static enum pvb_blk_units units;
static bool may_use_blocks;
static uint64_t reconnect_ns;

static inline void on_changed(struct pvb_blkfront_ctl *f, void *arg)
{
	(void)arg;
	assert_ptr_equal(f, front);
	changed++;
}

static inline void on_retired(struct pvb_blkfront_ctl *f, void *arg)
{
	(void)arg;
	assert_ptr_equal(f, front);
	pvb_blkfront_ctl_status(f, &last);
	pvb_blkfront_ctl_destroy(f);
	front = NULL;
	retired++;
}

static inline int try_start_patient(uint64_t ns, struct pvb_err *e)
{
	struct pvb_blkfront_ctl_config c = {
		.log = &bench.log, .front_domid = FRONT, .number = VDEV,
		.claim_timeout_ns = ns,
		.connect_timeout_ns = 30, .close_timeout_ns = 5,
		.request_timeout_ns = 77,
		.reconnect_timeout_ns = reconnect_ns,
		.data_half = bench_data_half,
		.changed = on_changed, .retired = on_retired,
	};
	int r;

	retired = changed = 0;
	pvb_blk_limits_front_default(&c.limits);
	c.limits.segment_blocks = may_use_blocks;
	c.limits.units = units;
	r = pvb_blkfront_ctl_create(bench_watches(FRONT), &c, &front, e);
	assert_int_equal(r, 0);
	r = pvb_blkfront_ctl_start(front, e);
	if (r < 0) {
		pvb_blkfront_ctl_destroy(front);
		front = NULL;
	}
	return r;
}

/* One that is refused at once if the device is not free. */
static inline int try_start(struct pvb_err *e)
{
	return try_start_patient(0, e);
}

static inline void start(void)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (try_start(&e) < 0)
		fail_msg("%s", e.text);
}

static inline int front_teardown(void **state)
{
	pvb_blkfront_ctl_destroy(front);
	front = NULL;
	may_use_blocks = false;
	reconnect_ns = 0;
	units = PVB_BLK_UNITS_SPEC;
	return bench_teardown(state);
}

/* ---- what a back does ---------------------------------------------------- */

static inline void back_state(const char *state)
{
	put(bench.tools, bench.back, "state", state);
}

static inline void back_offers(void)
{
	put_all(bench.tools, bench.back, "max-ring-page-order", "1",
	        "feature-max-indirect-segments", "24",
	        "multi-queue-max-queues", "8", "state", "2", NULL);
}

static inline void back_connects(const char *sectors)
{
	put_all(bench.tools, bench.back, "sectors", sectors, "sector-size",
	        "512", "info", "0", "feature-flush-cache", "1", "state", "4",
	        NULL);
}

static inline void connect_all(void)
{
	start();
	back_offers();
	bench_wait_state(bench.front, "3");
	back_connects("2048");
	bench_wait_state(bench.front, "4");
	TURN_UNTIL(bench.half[0].go == 1);
}

static inline struct pvb_blkfront_status status_now(void)
{
	struct pvb_blkfront_status s;

	pvb_blkfront_ctl_status(front, &s);
	return s;
}

#define FRONT_TEST(t) \
	cmocka_unit_test_setup_teardown(t, bench_setup, front_teardown)

#endif
