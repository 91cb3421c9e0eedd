/* SPDX-License-Identifier: MIT */
/* A vbd: disk whose back is lost under load, and comes again: as it was, or
   with other terms, or not at all. */
#include <fcntl.h>

#include "back_thread.h"

#include "blk/disk_list.h"
#include "disk/requests.h"
#include "hyp/store.h"
#include "open_fds.h"

enum {
	FRONT = 3, VDEV = 51728, MIB = 1 << 20,
	BLOCKS = 64, BLOCK = 32768, FLIGHT = 24, LOSSES = 12,
};

static struct machine machine;
static struct back_thread back;
static struct pvb_blk_options options;
static struct pvb_store *tools;
static struct pvb_xsdev dev;
static struct rig rig;
static int gone, changes, fds_at_start;
static char image[256], disk[300];
static struct pvb_hyp_counts at_start;

/* ---- the machine --------------------------------------------------------- */

static void start_back(void)
{
	back_thread_start(&back, &machine, &dev, disk, &options);
}

static void kill_back(void)
{
	back_thread_kill(&back);
	memset(&back, 0, sizeof(back));
}

static int setup(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)alarm(120);
	fds_at_start = open_fds();
	machine_start(&machine);
	assert_int_equal(machine_introduce(&machine, FRONT), 0);
	tools = pvb_store_open_local(machine.run, 0, false, &e);
	assert_non_null(tools);
	pvb_blk_nodes_name(&dev, 0, FRONT, VDEV);
	pvb_blk_options_init(&options, 4);
	memset(&rig, 0, sizeof(rig));
	gone = changes = 0;
	snprintf(image, sizeof(image), "%s/image", machine.run);
	snprintf(disk, sizeof(disk), "fault:file:%s?delay=1", image);
	fclose(fopen(image, "w"));
	assert_int_equal(truncate(image, BLOCKS * BLOCK), 0);
	if (pvb_blk_nodes_create(tools, &dev, disk, &options, &e) < 0)
		fail_msg("%s", e.text);
	at_start = machine_counts(&machine);
	start_back();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pvb_disk_close(rig.disk);
	pvb_loop_destroy(rig.loop);
	if (back.loop)
		kill_back();
	pvb_store_close(tools);
	unlink(image);
	machine_stop(&machine);
	assert_int_equal(open_fds(), fds_at_start);
	return 0;
}

/* ---- the front ----------------------------------------------------------- */

static void on_changed(struct pvb_disk *d, void *arg, int code)
{
	(void)arg;
	assert_ptr_equal(d, rig.disk);
	changes++;
	if (code < 0)
		gone = code;
}

static void open_disk(const char *more)
{
	struct pvb_err e = PVB_ERR_INIT;
	char uri[256];

	snprintf(uri, sizeof(uri), "vbd:%d/xvdb?host=local:%s%s", FRONT,
	         machine.run, more);
	rig.loop = pvb_loop_create(NULL, &e);
	assert_non_null(rig.loop);
	if (pvb_disk_open(pvb_disk_all, uri, 0, rig.loop, NULL, &rig.disk, &e) <
	    0)
		fail_msg("%s", e.text);
	rig.disk->changed = on_changed;
}

static void write_state(const char *state)
{
	char path[128];

	(void)pvb_xsdev_back_path(&dev, path, sizeof(path));
	assert_int_equal(pvb_store_write_at(tools, PVB_STORE_NO_TX, path,
	                                    "state", state), 0);
}

static uint32_t front_state(void)
{
	struct pvb_blk_nodes_state s;

	assert_int_equal(pvb_blk_nodes_state(tools, &dev, &s), 0);
	return s.front;
}

/* Dead, and somebody has seen to it that it is known to be closed. */
static void lose(void)
{
	kill_back();
	write_state("6");
	/* One queue's half is on our loop. */
	while (front_state() != PVB_XB_INITIALISING)
		assert_int_equal(pvb_loop_turn(rig.loop, false), 0);
}

/* ---- a load with a history ----------------------------------------------- */

static struct {
	struct req req[FLIGHT];
	bool used[FLIGHT], busy[BLOCKS];
	uint64_t seed[BLOCKS], next, random;
	uint32_t in_flight;
} load;

static void begin_one(uint32_t i)
{
	struct req *q = &load.req[i];
	uint64_t block;

	do
		block = next_random(&load.random) % BLOCKS;
	while (load.busy[block]);
	load.busy[block] = true;
	req_init(q, &rig, next_random(&load.random) % 3 ? PVB_IO_WRITE
	                                                : PVB_IO_READ,
	         block * BLOCK, BLOCK);
	if (q->io.op == PVB_IO_WRITE) {
		load.seed[block] = ++load.next;
		fill_pattern(q->memory, BLOCK, load.next);
	}
	load.used[i] = true;
	assert_int_equal(req_submit(q), 0);
}

static void end_one(uint32_t i)
{
	static unsigned char want[BLOCK];
	struct req *q = &load.req[i];
	uint64_t block = q->io.offset_bytes / BLOCK;

	assert_int_equal(q->result, 0);
	memset(want, 0, sizeof(want));
	if (load.seed[block] > 0)
		fill_pattern(want, BLOCK, load.seed[block]);
	if (q->io.op == PVB_IO_READ)
		assert_memory_equal(q->memory, want, BLOCK);
	load.busy[block] = false;
	load.used[i] = false;
	req_fini(q);
}

/* So many answers, each of which is followed by another request. */
static void run_load(uint32_t answers)
{
	for (uint32_t i = 0; i < FLIGHT; i++)
		if (!load.used[i])
			begin_one(i);
	rig_kick(&rig);
	while (answers > 0) {
		rig_turn(&rig);
		for (uint32_t i = 0; i < FLIGHT && answers > 0; i++) {
			if (!load.used[i] || load.req[i].answers == 0)
				continue;
			end_one(i);
			begin_one(i);
			answers--;
		}
		rig_kick(&rig);
	}
}

static void end_load(void)
{
	for (uint32_t i = 0; i < FLIGHT; i++) {
		if (!load.used[i])
			continue;
		req_wait(&load.req[i]);
		end_one(i);
	}
}

static void begin_load(uint64_t random)
{
	memset(&load, 0, sizeof(load));
	load.random = random;
}

/* ---- tests --------------------------------------------------------------- */

static void nothing_is_lost(void **state)
{
	(void)state;
	open_disk("");
	begin_load(1);
	for (int i = 0; i < LOSSES; i++) {
		run_load(100);
		lose();
		start_back();
	}
	run_load(100);
	end_load();
	assert_int_equal(gone, 0);
}

static void nor_with_other_terms(void **state)
{
	static const uint32_t order[] = { 0, 2, 1 }, indirect[] = { 0, 64, 8 };

	(void)state;
	open_disk("&indirect=64");
	begin_load(2);
	for (uint32_t i = 0; i < LOSSES; i++) {
		run_load(100);
		lose();
		(void)pvb_blk_options_set(&options, PVB_BLK_OPT_RING_ORDER,
		                          order[i % 3]);
		(void)pvb_blk_options_set(&options, PVB_BLK_OPT_INDIRECT,
		                          indirect[i % 3]);
		start_back();
	}
	end_load();
	assert_int_equal(gone, 0);
}

/* What a queue has kept that is no more goes to those that are. */
static void nor_with_more_and_fewer_queues(void **state)
{
	static const uint32_t queues[] = { 1, 4, 2, 3 };

	(void)state;
	(void)pvb_blk_options_set(&options, PVB_BLK_OPT_QUEUES, 4);
	open_disk("&queues=4");
	begin_load(3);
	for (uint32_t i = 0; i < LOSSES; i++) {
		run_load(100);
		lose();
		(void)pvb_blk_options_set(&options, PVB_BLK_OPT_QUEUES,
		                          queues[i % 4]);
		start_back();
		back_thread_wait(&back, PVB_XB_CONNECTED);
		assert_int_equal(back_thread_status(&back).terms.queues,
		                 queues[i % 4]);
	}
	end_load();
	assert_int_equal(gone, 0);
}

static void a_larger_disk_is_told(void **state)
{
	(void)state;
	open_disk("");
	lose();
	assert_int_equal(truncate(image, 2 * BLOCKS * BLOCK), 0);
	start_back();
	while (changes == 0)
		rig_turn(&rig);
	assert_int_equal(rig.disk->info.size_bytes, 2 * BLOCKS * BLOCK);
	assert_int_equal(gone, 0);
}

static void check_end(const char *more)
{
	struct req q[2];

	open_disk(more);
	for (int i = 0; i < 2; i++)
		req_init(&q[i], &rig, PVB_IO_WRITE, i * BLOCK, BLOCK);
	lose();
	for (int i = 0; i < 2; i++)
		assert_int_equal(req_submit(&q[i]), 0);
	rig_kick(&rig);
	for (int i = 0; i < 2; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, -EIO);
		req_fini(&q[i]);
	}
	while (gone == 0)
		rig_turn(&rig);
	assert_int_equal(gone, -ESHUTDOWN);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, 4096), -ESHUTDOWN);
}

static void when_the_time_is_over_all_fails_at_once(void **state)
{
	(void)state;
	check_end("&reconnect=1");
}

static void so_it_does_with_several_queues(void **state)
{
	(void)state;
	(void)pvb_blk_options_set(&options, PVB_BLK_OPT_QUEUES, 4);
	check_end("&queues=4&reconnect=1");
}

static void it_may_be_closed_while_it_waits(void **state)
{
	struct pvb_hyp_counts now;

	(void)state;
	open_disk("");
	lose();
	pvb_disk_close(rig.disk);
	rig.disk = NULL;
	now = machine_counts(&machine);
	assert_int_equal(now.areas, at_start.areas);
	assert_int_equal(front_state(), PVB_XB_CLOSED);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_lost),
		T(nor_with_other_terms),
		T(nor_with_more_and_fewer_queues),
		T(a_larger_disk_is_told),
		T(when_the_time_is_over_all_fails_at_once),
		T(so_it_does_with_several_queues),
		T(it_may_be_closed_while_it_waits),
	};

	return cmocka_run_group_tests_name("vbd_again", tests, NULL, NULL);
}
