/* SPDX-License-Identifier: MIT */
/* A vbd: disk with several queues: how many there are, which of them does what,
   and what becomes of it when one of them fails. */
#include <dirent.h>
#include <sys/socket.h>

#include "back_thread.h"

#include "blk/disk_list.h"
#include "bus/watches.h"
#include "disk/requests.h"
#include "flow/counters.h"
#include "hyp/store.h"
#include "open_fds.h"

enum { FRONT = 3, VDEV = 51728, MIB = 1 << 20, MANY = 64 };

static struct machine machine;
static struct back_thread back;
static struct pvb_blk_options options;
static struct pvb_store *tools;
static struct pvb_xsdev dev;
static struct rig rig;
static int gone, changes, fds_at_start;
static char image[96];

/* ---- the machine --------------------------------------------------------- */

static int setup(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)alarm(60);
	fds_at_start = open_fds();
	machine_start(&machine);
	assert_int_equal(machine_introduce(&machine, FRONT), 0);
	tools = pvb_store_open_local(machine.run, 0, false, &e);
	assert_non_null(tools);
	pvb_blk_nodes_name(&dev, 0, FRONT, VDEV);
	pvb_blk_options_init(&options, 4);
	memset(&rig, 0, sizeof(rig));
	gone = changes = 0;
	image[0] = '\0';
	return 0;
}

static void start(const char *disk)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_blk_nodes_create(tools, &dev, disk, &options, &e) < 0)
		fail_msg("%s", e.text);
	back_thread_start(&back, &machine, &dev, disk, &options);
}

static void start_on_image(void)
{
	snprintf(image, sizeof(image), "%s/image", machine.dir);
	fclose(fopen(image, "w"));
	assert_int_equal(truncate(image, MIB), 0);
	start(image);
}

static int teardown(void **state)
{
	(void)state;
	pvb_disk_close(rig.disk);
	pvb_loop_destroy(rig.loop);
	if (back.loop)
		back_thread_kill(&back);
	memset(&back, 0, sizeof(back));
	pvb_store_close(tools);
	if (image[0])
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
	if (code < 0) {
		assert_int_equal(gone, 0);      /* said once */
		gone = code;
	}
}

static int try_open(const char *more, struct pvb_err *e)
{
	char uri[256];

	snprintf(uri, sizeof(uri), "vbd:%d/xvdb?host=local:%s%s", FRONT,
	         machine.run, more);
	if (!rig.loop)
		rig.loop = pvb_loop_create(NULL, e);
	assert_non_null(rig.loop);
	return pvb_disk_open(pvb_disk_all, uri, 0, rig.loop, NULL, &rig.disk,
	                     e);
}

static void open_disk(const char *more)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (try_open(more, &e) < 0)
		fail_msg("%s", e.text);
	rig.disk->changed = on_changed;
}

static void turn_until_gone(void)
{
	while (gone == 0)
		rig_turn(&rig);
}

static uint32_t queues_agreed(void)
{
	return back_thread_status(&back).terms.queues;
}

/* What the back has counted on one queue.  It counts after it has answered, in
   the same turn. */
static uint64_t requests_of(uint32_t queue, enum pvb_count_op op)
{
	struct pvb_counters *c;
	struct pvb_counts counts;

	(void)back_thread_status(&back);
	assert_true(back.counters[queue] >= 0);
	assert_int_equal(pvb_counters_map(back.counters[queue], true, &c), 0);
	pvb_counters_read(c, &counts);
	pvb_counters_unmap(c);
	return counts.op[op].requests;
}

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* ---- how many ------------------------------------------------------------ */

static void as_many_as_both_have(void **state)
{
	static const struct { uint32_t offered; const char *asked; } is[] = {
		{ 2, "&queues=4" }, { 4, "&queues=2" }, { 2, "&queues=2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		if (i > 0) {
			teardown(NULL);
			setup(NULL);
		}
		options.value[PVB_BLK_OPT_QUEUES] = is[i].offered;
		start("mem:1M");
		open_disk(is[i].asked);
		assert_int_equal(queues_agreed(), 2);
		assert_int_equal(rig_write(&rig, 0, 65536, 7), 0);
		rig_expect(&rig, 0, 65536, 7);
	}
}

static void one_unless_more_are_asked_for(void **state)
{
	int before;

	(void)state;
	start("mem:1M");
	back_thread_wait(&back, PVB_XB_INIT_WAIT);
	before = threads();
	open_disk("");
	assert_int_equal(queues_agreed(), 1);
	assert_int_equal(threads(), before + 1);        /* control's */
}

static void more_than_there_are_processors(void **state)
{
	struct req q[MANY];

	(void)state;
	options.value[PVB_BLK_OPT_QUEUES] = BACK_THREAD_QUEUES;
	start("mem:1M");
	open_disk("&queues=16&ring-order=4");
	assert_int_equal(queues_agreed(), 16);
	for (uint32_t i = 0; i < MANY; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, i * 16384, 4096);
		fill_pattern(q[i].memory, 4096, i);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	for (uint32_t i = 0; i < MANY; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
		req_fini(&q[i]);
		rig_expect(&rig, i * 16384, 4096, i);
	}
	for (uint32_t i = 0; i < 16; i++)
		assert_true(requests_of(i, PVB_COUNT_WRITE) > 0);
}

static void say(const char *dir, const char *name, const char *value)
{
	assert_int_equal(pvb_store_write_at(tools, PVB_STORE_NO_TX, dir, name,
	                                    value), 0);
}

/* An offer that no ring can keep is an error, one beyond us is our limit. */
static void what_a_back_may_not_offer(void **state)
{
	static const struct { const char *offer; int code; } is[] = {
		{ "0", -EPROTO }, { "-1", -EPROTO }, { "4294967296", -EPROTO },
		{ "4294967295", -ETIMEDOUT },   /* and then nobody goes on */
	};
	struct pvb_err e = PVB_ERR_INIT;
	char dir[128];

	(void)state;
	if (pvb_blk_nodes_create(tools, &dev, "mem:1M", &options, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(pvb_xsdev_back_path(&dev, dir, sizeof(dir)) < 0, 0);
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		say(dir, "multi-queue-max-queues", is[i].offer);
		say(dir, "state", "2");
		assert_int_equal(try_open("&queues=16&connect-timeout=1", &e),
		                 is[i].code);
		assert_null(rig.disk);
	}
}

/* ---- which does what ----------------------------------------------------- */

static void run_many(uint32_t n, enum pvb_io_op op, uint32_t step)
{
	struct req q[MANY];

	for (uint32_t i = 0; i < n; i++) {
		req_init(&q[i], &rig, op, i * step, 4096);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	for (uint32_t i = 0; i < n; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
		req_fini(&q[i]);
	}
}

static void what_is_apart_goes_to_all(void **state)
{
	(void)state;
	start("mem:1M");
	open_disk("&queues=4");
	run_many(16, PVB_IO_WRITE, 16384);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(requests_of(i, PVB_COUNT_WRITE), 4);
}

static void what_follows_is_merged_on_one(void **state)
{
	uint64_t used = 0, requests = 0;

	(void)state;
	start("mem:1M");
	open_disk("&queues=4");
	run_many(16, PVB_IO_READ, 4096);
	for (uint32_t i = 0; i < 4; i++) {
		used += requests_of(i, PVB_COUNT_READ) > 0;
		requests += requests_of(i, PVB_COUNT_READ);
	}
	assert_int_equal(used, 1);
	assert_int_equal(requests, 2);  /* of eight each */
}

static void a_long_run_uses_all(void **state)
{
	(void)state;
	start("mem:8M");
	open_disk("&queues=4");
	for (uint32_t at = 0; at < 4 * MIB; at += 64 * 4096) {
		struct req q;

		req_init(&q, &rig, PVB_IO_READ, at, 64 * 4096);
		assert_int_equal(req_run(&q), 0);
		req_fini(&q);
	}
	for (uint32_t i = 0; i < 4; i++)
		assert_true(requests_of(i, PVB_COUNT_READ) > 0);
}

/* ---- what the back does not do after all --------------------------------- */

static void what_one_finds_out_is_not_asked_by_another(void **state)
{
	uint64_t asked = 0;

	(void)state;
	start("fault:mem:1M?fail=EOPNOTSUPP,op:discard");
	open_disk("&queues=4");
	assert_true(rig.disk->info.discard);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(rig_do(&rig, PVB_IO_DISCARD, 0, 0, 4096),
		                 -EOPNOTSUPP);
		/* Its owner knows by then, and is told once. */
		assert_false(rig.disk->info.discard);
		assert_int_equal(changes, 1);
	}
	for (uint32_t i = 0; i < 4; i++)
		asked += requests_of(i, PVB_COUNT_DISCARD);
	assert_int_equal(asked, 1);
	run_many(8, PVB_IO_WRITE, 16384);
	assert_int_equal(gone, 0);
}

/* Their answers are under way at once. */
static void what_all_find_out_is_told_once(void **state)
{
	struct req q[8];

	(void)state;
	start("fault:mem:1M?fail=EOPNOTSUPP,op:flush&delay=20,op:flush");
	open_disk("&queues=4");
	for (int i = 0; i < 8; i++) {
		req_init(&q[i], &rig, PVB_IO_FLUSH, 0, 0);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	for (int i = 0; i < 8; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, -EOPNOTSUPP);
		req_fini(&q[i]);
	}
	rig_settle(&rig);
	assert_int_equal(changes, 1);
	assert_false(rig.disk->info.flush || rig.disk->info.fua);
	assert_true(rig.disk->info.discard);
}

/* ---- size ---------------------------------------------------------------- */

static void all_of_them_grow(void **state)
{
	(void)state;
	start_on_image();
	open_disk("&queues=4");
	for (uint32_t mib = 2; mib < 10; mib++) {
		assert_int_equal(truncate(image, mib * MIB), 0);
		assert_int_equal(back_thread_resize(&back), 0);
		while (rig.disk->info.size_bytes != mib * MIB)
			rig_turn(&rig);
		/* Whichever it is, it has heard of it. */
		run_many(8, PVB_IO_READ, mib * MIB / 8);
		assert_int_equal(rig_write(&rig, mib * MIB - 4096, 4096, mib),
		                 0);
	}
	assert_int_equal(gone, 0);
}

/* ---- the end ------------------------------------------------------------- */

static void nothing_is_left_when_it_is_closed(void **state)
{
	struct pvb_hyp_counts before, after;
	int threads_before;

	(void)state;
	start("mem:1M");
	back_thread_wait(&back, PVB_XB_INIT_WAIT);
	before = machine_counts(&machine);
	threads_before = threads();
	for (int i = 0; i < 5; i++) {
		open_disk("&queues=4&ring-order=4");
		run_many(16, PVB_IO_WRITE, 16384);
		pvb_disk_close(rig.disk);
		rig.disk = NULL;
		back_thread_wait(&back, PVB_XB_CLOSED);
		assert_int_equal(threads(), threads_before);
	}
	do {
		after = machine_counts(&machine);
	} while (after.store_connections != before.store_connections ||
	         after.introduced != before.introduced - 1);
	assert_int_equal(after.areas, before.areas);
	assert_int_equal(after.areas_held, before.areas_held);
	assert_int_equal(after.ports, before.ports);
	assert_int_equal(after.store_watches, before.store_watches);
}

static void close_inside_the_last_answer(struct req *q)
{
	pvb_disk_close(q->rig->disk);
	q->rig->disk = NULL;
}

static void it_may_be_closed_inside_an_answer(void **state)
{
	struct req q;

	(void)state;
	start("mem:1M");
	open_disk("&queues=2");
	req_init(&q, &rig, PVB_IO_READ, 0, 4096);
	q.then = close_inside_the_last_answer;
	assert_int_equal(req_run(&q), 0);
	req_fini(&q);
}

static void a_detach_lets_what_is_in_flight_end(void **state)
{
	struct req q[8];

	(void)state;
	start("fault:mem:1M?delay=50");
	open_disk("&queues=4");
	for (int i = 0; i < 8; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, i * 8192, 4096);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	assert_int_equal(pvb_blk_nodes_stop(tools, &dev), 0);
	for (int i = 0; i < 8; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
		req_fini(&q[i]);
	}
	turn_until_gone();
	assert_int_equal(gone, -ESHUTDOWN);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, 4096), -ESHUTDOWN);
	back_thread_wait(&back, PVB_XB_CLOSED);
}

static void lose_half(struct back_thread *b, void *arg)
{
	(void)arg;
	assert_int_equal(shutdown(b->link[2], SHUT_RDWR), 0);
}

static void a_back_that_loses_a_queue_loses_the_disk(void **state)
{
	(void)state;
	start("mem:1M");
	open_disk("&queues=4&reconnect=0");
	run_many(8, PVB_IO_WRITE, 16384);
	back_thread_call(&back, lose_half, NULL);
	turn_until_gone();
	assert_int_equal(gone, -ESHUTDOWN);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, 4096), -ESHUTDOWN);
}

static void a_back_that_dies_is_noticed_in_time(void **state)
{
	struct req q;

	(void)state;
	start("mem:1M");
	open_disk("&queues=4&timeout=1&reconnect=0");
	assert_int_equal(rig_write(&rig, 0, 4096, 1), 0);
	back_thread_kill(&back);
	memset(&back, 0, sizeof(back));
	req_init(&q, &rig, PVB_IO_READ, 0, 4096);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&rig);
	req_wait(&q);
	assert_int_equal(q.result, -EIO);
	req_fini(&q);
	turn_until_gone();
	assert_int_equal(gone, -ETIMEDOUT);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(as_many_as_both_have),
		T(one_unless_more_are_asked_for),
		T(more_than_there_are_processors),
		T(what_a_back_may_not_offer),
		T(what_is_apart_goes_to_all),
		T(what_follows_is_merged_on_one),
		T(a_long_run_uses_all),
		T(what_one_finds_out_is_not_asked_by_another),
		T(what_all_find_out_is_told_once),
		T(all_of_them_grow),
		T(nothing_is_left_when_it_is_closed),
		T(it_may_be_closed_inside_an_answer),
		T(a_detach_lets_what_is_in_flight_end),
		T(a_back_that_loses_a_queue_loses_the_disk),
		T(a_back_that_dies_is_noticed_in_time),
	};

	return cmocka_run_group_tests_name("vbd_queues", tests, NULL, NULL);
}
