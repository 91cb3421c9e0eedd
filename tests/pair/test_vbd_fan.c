/* SPDX-License-Identifier: MIT */
/*
 * Several queues of a front as one disk, with the test as their control: what
 * each of them meets alone.  Nobody is at the other end of their rings.
 */
#include "unit/machine.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/link.h"
#include "blk/blk_terms.h"
#include "blk/blkfront_disk_fan.h"
#include "disk/requests.h"
#include "hyp/host.h"
#include "open_fds.h"

enum { FRONT = 3, QUEUES = 3, DEADLINE_MS = 30000 };

static struct machine machine;
static struct vbd_fan *fan;
static struct rig rig;
static int fds[QUEUES], fds_at_start, gone, changes;

static int setup(void **state)
{
	(void)state;
	(void)alarm(60);
	fds_at_start = open_fds();
	machine_start(&machine);
	assert_int_equal(machine_introduce(&machine, FRONT), 0);
	memset(&rig, 0, sizeof(rig));
	gone = changes = 0;
	return 0;
}

static void on_changed(struct pvb_disk *d, void *arg, int code)
{
	(void)d;
	(void)arg;
	changes++;
	if (code < 0) {
		assert_int_equal(gone, 0);
		gone = code;
	}
}

/* ---- control ------------------------------------------------------------- */

static void order(int i, const struct pvb_blk_msg *m)
{
	assert_int_equal(send(fds[i], m, sizeof(*m), 0), sizeof(*m));
}

static struct pvb_blk_msg answer(int i, uint32_t type)
{
	struct pollfd p = { .fd = fds[i], .events = POLLIN };
	struct pvb_blk_msg m;

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_int_equal(recv(fds[i], &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(m.type, type);
	return m;
}

static void order_geometry(int i, enum pvb_blk_msg_type type, uint64_t sectors)
{
	struct pvb_blk_msg m = { .type = type };

	m.u.geometry = (struct pvb_blk_geometry){
		.sectors = sectors, .sector_size_bytes = 512,
		.physical_size_bytes = 512, .flush = true,
		.segs_direct_max = PVB_BLK_SEGS_DIRECT,
	};
	order(i, &m);
}

/* Queue 1 waits so long for an answer; the others for ever. */
static void connect_queues(uint64_t timeout_ns)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_host host = { .xen = false };
	struct vbd_fan_config c = {
		.host = &host, .domid = FRONT, .queues_max = QUEUES,
	};
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_ATTACH };

	snprintf(host.dir, sizeof(host.dir), "%s", machine.run);
	rig.loop = pvb_loop_create(NULL, &e);
	assert_non_null(rig.loop);
	assert_int_equal(vbd_fan_create(rig.loop, &c, &fan, &fds[0], &e), 0);
	rig.disk = vbd_fan_disk(fan);
	rig.disk->changed = on_changed;
	for (int i = 0; i < QUEUES; i++) {
		if (i > 0)
			fds[i] = vbd_fan_more(fan, (uint32_t)i);
		assert_true(fds[i] >= 0);
		m.u.front_attach = (struct pvb_blk_front_attach){
			.abi = (uint8_t)pvb_abi_native(), .queue = (uint32_t)i,
			.queues = QUEUES, .timeout_ns = i == 1 ? timeout_ns : 0,
		};
		order(i, &m);
		(void)answer(i, PVB_BLK_MSG_ATTACHED);
	}
	assert_int_equal(vbd_fan_more(fan, 0), -EPIPE);
	assert_int_equal(vbd_fan_more(fan, QUEUES), -EPIPE);
	for (int i = 0; i < QUEUES; i++) {
		assert_false(vbd_fan_is_live(fan));
		assert_int_equal(vbd_fan_wait(fan, true, 0), -ETIMEDOUT);
		order_geometry(i, PVB_BLK_MSG_GO, 2048);
	}
	assert_int_equal(vbd_fan_wait(fan, true, DEADLINE_MS), 0);
	assert_true(vbd_fan_is_live(fan));
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < QUEUES; i++)
		close(fds[i]);
	assert_int_equal(vbd_fan_wait(fan, false, DEADLINE_MS), 0);
	vbd_fan_destroy(fan);
	pvb_loop_destroy(rig.loop);
	machine_stop(&machine);
	assert_int_equal(open_fds(), fds_at_start);
	return 0;
}

/* ---- tests --------------------------------------------------------------- */

static void it_is_live_and_of_a_size_when_all_are(void **state)
{
	(void)state;
	connect_queues(0);
	assert_int_equal(rig.disk->info.size_bytes, 2048 * 512);
	assert_int_equal(rig.disk->info.depth_max, QUEUES * 32);
	assert_null(rig.disk->ops->buffer_get);
	for (int i = 0; i < QUEUES; i++) {
		assert_int_equal(rig.disk->info.size_bytes, 2048 * 512);
		assert_int_equal(changes, 0);
		order_geometry(i, PVB_BLK_MSG_RESIZED, 4096);
		/* It has come when the queue has told. */
		rig_turn(&rig);
	}
	while (changes == 0)
		rig_turn(&rig);
	assert_int_equal(changes, 1);
	assert_int_equal(rig.disk->info.size_bytes, 4096 * 512);
	assert_int_equal(gone, 0);
}

static void one_that_fails_alone_ends_the_disk(void **state)
{
	struct pvb_blk_msg drain = { .type = PVB_BLK_MSG_DRAIN, .cut = 1 };
	struct req q[QUEUES];

	(void)state;
	connect_queues(UINT64_C(1000000));
	for (int i = 0; i < QUEUES; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, (uint64_t)i * 65536, 4096);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	while (gone == 0)
		rig_turn(&rig);
	assert_int_equal(gone, -ETIMEDOUT);
	assert_int_equal(answer(1, PVB_BLK_MSG_FAILED).u.failed.why,
	                 PVB_WHY_TIMEOUT);
	assert_false(vbd_fan_is_live(fan));
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, 4096), -ESHUTDOWN);
	/* The others' requests are in flight until control ends them. */
	assert_true(rig.answers <= 2);
	for (int i = 0; i < QUEUES; i++)
		order(i, &drain);
	for (int i = 0; i < QUEUES; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, -EIO);
		req_fini(&q[i]);
	}
	assert_int_equal(changes, 1);
}

static void what_was_put_before_the_end_is_the_front_s(void **state)
{
	struct pvb_blk_msg drain = { .type = PVB_BLK_MSG_DRAIN };
	struct pvb_blk_msg cut = { .type = PVB_BLK_MSG_DRAIN, .cut = 1 };
	struct req q;

	(void)state;
	connect_queues(0);
	req_init(&q, &rig, PVB_IO_WRITE, 0, 4096);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&rig);
	for (int i = 0; i < QUEUES; i++)
		order(i, &drain);
	for (int i = 0; i < QUEUES; i++)
		order(i, &cut);
	req_wait(&q);
	/* Not -ESHUTDOWN: it was accepted, and then cut off. */
	assert_int_equal(q.result, -EIO);
	req_fini(&q);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_live_and_of_a_size_when_all_are),
		T(one_that_fails_alone_ends_the_disk),
		T(what_was_put_before_the_end_is_the_front_s),
	};

	return cmocka_run_group_tests_name("vbd_fan", tests, NULL, NULL);
}
