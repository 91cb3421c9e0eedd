/* SPDX-License-Identifier: MIT */
/*
 * A back's control half outlives its data halves: what is done in which order,
 * that nobody else hears of it, and what comes of all that can be ordered
 * meanwhile.
 */
#include "back_bench.h"

static struct half *const h0 = &bench.half[0], *const h1 = &bench.half[1];

/* ---- a disk whose fence is the test's ------------------------------------ */

static struct pvb_disk_ops disk_ops;
static int disk_fenced, disk_busy;      /* what these calls answer */
static uint32_t disk_asked;

static int fenced(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	assert_int_equal(p->fence, 1);
	disk_asked++;
	return disk_fenced < 0 ? pvb_err_set(e, disk_fenced, "untold")
	                       : disk_fenced;
}

static int reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
                  struct pvb_err *e)
{
	return disk_busy ? pvb_err_set(e, -EBUSY, "claimed")
	                 : pvb_disk_mem.reopen(p, fds, e);
}

static void probe(const char *uri, struct pvb_disk_probe *p)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_disk_probe(pvb_disk_basic, uri, back_cdrom
	                   ? PVB_DISK_READ_ONLY : 0, p, &ops, &e) < 0)
		fail_msg("%s", e.text);
}

static void give_disk(const char *uri)
{
	struct pvb_disk_probe p;

	disk_ops = pvb_disk_mem;
	disk_ops.fenced = fenced;
	disk_ops.reopen = reopen;
	probe(uri, &p);
	pvb_blkback_ctl_disk(back, &disk_ops, &p, NULL);
}

/* ---- steps --------------------------------------------------------------- */

static void start(void)
{
	disk_fenced = 1;
	disk_busy = 0;
	disk_asked = 0;
	back_outlives = true;
	back_start();
	give_disk("mem:1M");
	bench_wait_state(bench.back, "2");
}

/* On two queues; what was written until then is forgotten. */
static void serve(void)
{
	start();
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	disk_asked = 0;
	bench.spy.writes = 0;
}

/* Both, for they are in one process; it is not buried yet. */
static void die(void)
{
	uint32_t before = back_graves;

	pvb_link_fini(&h0->link);
	pvb_link_fini(&h1->link);
	TURN_UNTIL(back_graves > before);
	bench_settle();
	assert_int_equal(back_graves, before + 1);
}

static void die_behind_a_fence(void)
{
	disk_fenced = 0;
	die();
	bury_workers();
}

static void fall(void)
{
	disk_fenced = 1;
	pass_ms(100);
}

static void expect_serving(void)
{
	const struct pvb_blkback_status s = back_status();

	assert_null(s.waits);
	assert_true(s.live);
	assert_int_equal(s.why, PVB_OK);
	assert_string_equal(get(bench.back, "state"), "4");
}

/* ---- how it goes --------------------------------------------------------- */

static void nobody_hears_of_it(void **state)
{
	struct pvb_blk_back_attach was[2];

	(void)state;
	serve();
	for (uint32_t i = 0; i < 2; i++)
		was[i] = *as_attached(&bench.half[i]);
	die();
	bury_workers();
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h1->attach, 2);
	for (uint32_t i = 0; i < 2; i++) {
		was[i].resume = 1;
		assert_memory_equal(&was[i], as_attached(&bench.half[i]),
		                    sizeof(was[i]));
		assert_int_equal(was[i].queue, i);
	}
	assert_int_equal(h0->drain + h0->detach + h1->drain + h1->detach, 0);
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
	assert_int_equal(back_status().deaths, 1);
}

static void a_journal_is_blank_at_first_and_kept_then(void **state)
{
	struct pvb_journal_shape shape;

	(void)state;
	serve();
	shape = pvb_blk_journal_shape(as_attached(h0));
	assert_int_equal(back_journals, 2);
	assert_int_equal(back_journal_bytes, pvb_journal_bytes(&shape));
	assert_true(as_attached(h0)->journal);
	assert_false(as_attached(h0)->resume);
	assert_int_equal(h0->fds, pvb_blk_fd_disk(as_attached(h0)) + 1);
	die();
	bury_workers();
	assert_int_equal(back_journals, 2);
	assert_int_equal(h0->fds, pvb_blk_fd_disk(as_attached(h0)) + 1);
	assert_int_equal(mem_ends, 4);          /* these are made afresh */
}

static void another_connection_has_another_journal(void **state)
{
	(void)state;
	serve();
	die();
	bury_workers();
	put_all(bench.guest, bench.front, "state", "1", NULL);
	bench_wait_state(bench.back, "2");
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	assert_int_equal(back_journals, 4);
	assert_false(as_attached(h0)->resume);
}

static void nothing_is_done_before_it_is_buried(void **state)
{
	(void)state;
	serve();
	die();
	pass_ms(100000);
	assert_int_equal(disk_asked, 0);
	assert_int_equal(h0->attach, 1);
	assert_string_equal(back_status().waits, "for the end of a worker");
	bury_workers();
	assert_int_equal(h0->attach, 2);
	expect_serving();
}

static void nothing_is_done_before_the_fence_falls(void **state)
{
	(void)state;
	serve();
	die_behind_a_fence();
	assert_int_equal(h0->attach, 1);
	assert_string_equal(back_status().waits,
	                    "for the I/O of a worker that died");
	for (int i = 0; i < 20; i++)
		pass_ms(50);
	assert_int_equal(h0->attach, 1);
	assert_in_range(disk_asked, 15, 40);
	fall();
	assert_int_equal(h0->attach, 2);
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
}

/* For ever, if need be; but not in silence. */
static void a_fence_that_does_not_fall_stops_the_disk(void **state)
{
	(void)state;
	serve();
	die_behind_a_fence();
	pass_ms(29000);
	assert_int_equal(bench.spy.writes, 0);
	pass_ms(2000);
	assert_string_equal(back_error(), "stopped: disk.img: the I/O of a "
	                    "worker that died is not over (disk)");
	for (int i = 0; i < 10; i++)
		pass_ms(60000);
	assert_int_equal(h0->attach, 1);
	assert_string_equal(get(bench.back, "state"), "4");
	disk_fenced = 1;
	pass_ms(1000);
	assert_int_equal(h0->attach, 2);
	expect_serving();
	assert_string_equal(back_error(), "");
}

static void a_disk_without_a_fence_that_can_be_told_is_stopped(void **state)
{
	(void)state;
	serve();
	disk_fenced = -EOPNOTSUPP;
	die();
	bury_workers();
	assert_string_equal(back_error(), "stopped: disk.img: untold (disk)");
	pass_ms(60000);
	assert_int_equal(h0->attach, 1);
}

/* The kernel lets go of the lock first. */
static void a_claim_that_goes_late_is_waited_for(void **state)
{
	(void)state;
	serve();
	disk_busy = 1;
	die();
	bury_workers();
	pass_ms(100);
	assert_int_equal(h0->attach, 1);
	disk_busy = 0;
	pass_ms(100);
	assert_int_equal(h0->attach, 2);
	expect_serving();
}

static void a_claim_that_stays_ends_the_connection(void **state)
{
	(void)state;
	serve();
	disk_busy = 1;
	die();
	bury_workers();
	pass_ms(31000);
	bench_wait_state(bench.back, "6");
	assert_int_equal(back_status().why, PVB_WHY_ATTACH);
	assert_string_equal(back_error(), "disk.img: claimed (attach)");
}

/* Whoever has it, and however the fence was got around. */
static void a_disk_that_is_busy_is_tried_again(void **state)
{
	(void)state;
	serve();
	h1->refuse = PVB_WHY_DISK;
	h1->refuse_code = -EBUSY;
	die();
	bury_workers();
	pass_ms(10);
	assert_in_range(h1->attach, 3, 4);
	assert_string_equal(get(bench.back, "state"), "4");
	assert_int_equal(bench.spy.writes, 0);
	h1->refuse = PVB_OK;
	pass_ms(100);
	expect_serving();
	assert_int_equal(h0->attach, h1->attach);
	assert_int_equal(h0->cut, h0->attach - 2);      /* each was undone */
	assert_int_equal(bench.spy.writes, 0);
}

static void a_disk_that_stays_busy_ends_the_connection(void **state)
{
	(void)state;
	serve();
	h1->refuse = PVB_WHY_DISK;
	h1->refuse_code = -EBUSY;
	die();
	bury_workers();
	pass_ms(31000);
	bench_wait_state(bench.back, "6");
	assert_int_equal(back_status().why, PVB_WHY_DISK);
}

static void it_may_happen_again_and_again(void **state)
{
	(void)state;
	serve();
	for (uint32_t i = 1; i <= 20; i++) {
		die();
		bury_workers();
		assert_int_equal(h0->attach, i + 1);
		assert_int_equal(h1->attach, i + 1);
	}
	expect_serving();
	assert_int_equal(back_status().deaths, 20);
	assert_int_equal(bench.spy.writes, 0);
}

/* While the rings are being attached once more. */
static void who_comes_next_may_die_too(void **state)
{
	(void)state;
	serve();
	h0->quiet = true;
	die();
	bury_workers();
	assert_int_equal(h0->attach, 2);
	die();
	h0->quiet = false;
	bury_workers();
	assert_int_equal(h0->attach, 3);
	assert_int_equal(h1->attach, 3);
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
}

static void one_half_is_as_good_as_all(void **state)
{
	(void)state;
	serve();
	pvb_link_fini(&h1->link);
	TURN_UNTIL(back_graves > 0);
	TURN_UNTIL(h0->closed > 0);     /* we let go of it */
	bury_workers();
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h1->attach, 2);
	expect_serving();
}

/* The process is no more when a half of it is asked for. */
static uint32_t too_early;

static int data_half_too_early(void *arg, uint32_t queue)
{
	(void)arg;
	return too_early > 0 ? (int)(too_early--, -EAGAIN)
	                     : bench_data_half(NULL, queue);
}

static void a_grave_may_be_needed_before_the_first_half(void **state)
{
	(void)state;
	too_early = 1;
	back_data_half = data_half_too_early;
	start();
	front_on_two_queues("3");
	TURN_UNTIL(back_graves > 0);
	bury_workers();
	bench_wait_state(bench.back, "4");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(h1->attach, 1);
}

static void without_journals_death_is_the_end(void **state)
{
	(void)state;
	back_connect();
	assert_false(as_attached(h0)->journal);
	pvb_link_fini(&h0->link);
	bench_wait_state(bench.back, "6");
	assert_int_equal(back_graves, 0);
}

/* ---- it cannot be -------------------------------------------------------- */

static void a_refusal_closes_the_device_for_its_reason(void **state)
{
	(void)state;
	serve();
	h1->refuse = PVB_WHY_JOURNAL_RING;
	die();
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(back_status().why, PVB_WHY_JOURNAL_RING);
	assert_string_equal(back_error(),
	                    "refused by the test (journal-ring)");
	assert_int_equal(h0->drain, 1);         /* what had attached */
	assert_int_equal(h0->cut, 1);
	assert_int_equal(h0->detach, 1);
	assert_int_equal(h1->drain + h1->detach, 0);
}

static void so_does_the_owner(void **state)
{
	(void)state;
	serve();
	die();
	pvb_blkback_ctl_buried(back, PVB_WHY_WORKER, "dies of it");
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(back_status().why, PVB_WHY_WORKER);
	assert_string_equal(back_error(), "dies of it (worker)");
}

/* 6 means that the disk is not touched any more. */
static void even_then_the_fence_comes_first(void **state)
{
	(void)state;
	serve();
	disk_fenced = 0;
	die();
	pvb_blkback_ctl_buried(back, PVB_WHY_WORKER, "dies of it");
	pass_ms(1000);
	assert_string_equal(get(bench.back, "state"), "4");
	fall();
	bench_wait_state(bench.back, "6");
}

static void a_first_attach_can_be_given_up(void **state)
{
	(void)state;
	start();
	h0->quiet = h1->quiet = true;
	front_on_two_queues("3");
	TURN_UNTIL(h1->attach > 0);
	die();
	pvb_blkback_ctl_buried(back, PVB_WHY_WORKER, "dies of it");
	bench_wait_state(bench.back, "5");
	assert_int_equal(back_status().why, PVB_WHY_WORKER);
}

/* ---- ordered meanwhile --------------------------------------------------- */

/* What the front asks for by its state; and how far it is then. */
enum when { BURYING, FENCING, ATTACHING, WHENS };

static void die_until(enum when when)
{
	disk_fenced = when != FENCING;
	h0->quiet = h1->quiet = when == ATTACHING;
	die();
	if (when != BURYING)
		bury_workers();
	assert_int_equal(h0->attach, when == ATTACHING ? 2 : 1);
}

static void go_on_from(enum when when)
{
	disk_fenced = 1;
	h0->quiet = h1->quiet = false;
	if (when == BURYING)
		bury_workers();
	if (when == ATTACHING) {
		half_say(h0, PVB_BLK_MSG_ATTACHED);
		half_say(h1, PVB_BLK_MSG_ATTACHED);
	}
	pass_ms(100);
}

static void reset(void)
{
	(void)back_teardown(NULL);
	assert_int_equal(bench_setup(NULL), 0);
}

#define IN_EACH_STEP(when) \
	for (enum when when = BURYING; when < WHENS; when++, reset())

static void a_front_that_closes_gets_its_answers_first(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		front_state("5");
		bench_settle();
		front_state("6");
		bench_settle();
		assert_string_equal(get(bench.back, "state"), "5");
		assert_int_equal(h0->drain, 0);
		go_on_from(when);
		assert_int_equal(h0->attach, 2);
		assert_int_equal(h1->attach, 2);
		assert_int_equal(h0->drain, 1);
		assert_int_equal(h1->drain, 1);
		assert_int_equal(h0->cut, 0);
		assert_int_equal(h0->detach, 1);
		assert_string_equal(get(bench.back, "state"), "6");
	}
}

/* Who is gone needs no answers: but Closed comes after the fence. */
static void for_a_front_that_is_gone_no_ring_is_attached(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		take_away(bench.tools, bench.front);
		bench_settle();
		assert_string_equal(get(bench.back, "state"), "4");
		go_on_from(when);
		assert_int_equal(h0->attach, when == ATTACHING ? 2 : 1);
		assert_int_equal(h0->cut, when == ATTACHING ? 1 : 0);
		assert_int_equal(h0->detach, when == ATTACHING ? 1 : 0);
		assert_string_equal(get(bench.back, "state"), "6");
	}
}

static void a_toolstack_that_closes_it_has_it_closed(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		ask_to_detach();
		bench_wait_state(bench.back, "5");
		front_state("5");
		front_state("6");
		bench_settle();
		assert_string_equal(get(bench.back, "state"), "5");
		go_on_from(when);
		assert_int_equal(h0->drain, 1);
		TURN_UNTIL(back_retired);
		assert_string_equal(get(bench.back, "state"), "6");
	}
}

static void a_toolstack_that_forces_it_waits_for_the_fence(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		pvb_blkback_ctl_stop(back, true);
		bench_settle();
		assert_string_equal(get(bench.back, "state"), "5");
		go_on_from(when);
		TURN_UNTIL(back_retired);
		assert_string_equal(get(bench.back, "state"), "6");
	}
}

static void a_device_that_is_removed_goes_when_it_can(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		take_away(bench.tools, bench.front);
		take_away(bench.tools, bench.back);
		bench_settle();
		assert_int_equal(back_retired, 0);
		go_on_from(when);
		TURN_UNTIL(back_retired);
	}
}

/* A front that begins anew, its ring with it. */
static void a_new_front_has_a_new_connection(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		front_state("1");
		bench_settle();
		go_on_from(when);
		bench_wait_state(bench.back, "2");
		front_on_two_queues("3");
		bench_wait_state(bench.back, "4");
		assert_false(as_attached(h0)->resume);
		assert_int_equal(back_journals, 4);
	}
}

static void the_owner_may_let_go_in_any_step(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve();
		die_until(when);
		pvb_blkback_ctl_destroy(back);
		back = NULL;
		assert_string_equal(get(bench.back, "state"), "4");
	}
}

/* It died between its answers: nothing is left to be drained. */
static void who_dies_drained_needs_no_ring(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	front_state("6");
	TURN_UNTIL(h1->drain > 0);
	half_say(h0, PVB_BLK_MSG_DRAINED);
	half_say(h1, PVB_BLK_MSG_DRAINED);
	TURN_UNTIL(h1->detach > 0);
	die_behind_a_fence();
	assert_string_not_equal(get(bench.back, "state"), "6");
	fall();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 1);
}

static void who_dies_draining_is_drained_again(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	front_state("6");
	TURN_UNTIL(h1->drain > 0);
	half_say(h0, PVB_BLK_MSG_DRAINED);
	bench_settle();
	h0->quiet = h1->quiet = false;
	die();
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h0->drain, 2);
	assert_int_equal(h1->drain, 2);
	assert_int_equal(h0->cut, 0);
}

static void who_dies_cut_needs_no_ring(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	take_away(bench.tools, bench.front);
	TURN_UNTIL(h1->drain > 0);
	die_behind_a_fence();
	assert_string_not_equal(get(bench.back, "state"), "6");
	fall();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 1);
}

/* Of a first attach, the front hears when it has come true. */
static void who_dies_attaching_first_is_followed(void **state)
{
	(void)state;
	start();
	h0->quiet = h1->quiet = true;
	front_on_two_queues("3");
	TURN_UNTIL(h1->attach > 0);
	half_say(h0, PVB_BLK_MSG_ATTACHED);
	bench_settle();
	die();
	h0->quiet = h1->quiet = false;
	bury_workers();
	bench_wait_state(bench.back, "4");
	assert_int_equal(back_journals, 2);
	assert_true(as_attached(h0)->resume);
}

static void who_dies_undoing_an_attach_is_fenced_first(void **state)
{
	(void)state;
	start();
	h0->quiet = h1->quiet = true;
	front_on_two_queues("3");
	TURN_UNTIL(h1->attach > 0);
	half_say(h0, PVB_BLK_MSG_ATTACHED);
	half_say_failed(h1, PVB_WHY_ATTACH, "no");
	TURN_UNTIL(h0->detach > 0);
	die_behind_a_fence();
	assert_string_equal(get(bench.back, "state"), "2");
	fall();
	bench_wait_state(bench.back, "5");
	assert_string_equal(back_error(), "no (attach)");
}

/* ---- another size, another medium ---------------------------------------- */

static void a_size_that_grows_meanwhile_is_that_of_the_next(void **state)
{
	char path[] = "/tmp/pvb-death.XXXXXX";
	int fd = mkstemp(path);
	char uri[64];

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	IN_EACH_STEP(when) {
		struct pvb_err e = PVB_ERR_INIT;

		assert_int_equal(truncate(path, 1 << 20), 0);
		back_outlives = true;
		back_start();
		(void)snprintf(uri, sizeof(uri), "file:%s", path);
		back_disk(uri);
		bench_wait_state(bench.back, "2");
		front_on_two_queues("3");
		bench_wait_state(bench.back, "4");
		front_state("4");
		bench_settle();
		h0->quiet = h1->quiet = when == ATTACHING;
		die();
		if (when == ATTACHING)
			bury_workers();
		assert_int_equal(truncate(path, 2 << 20), 0);
		if (pvb_blkback_ctl_resize(back, &e) < 0)
			fail_msg("%s", e.text);
		bench_settle();
		assert_string_equal(get(bench.back, "sectors"), "2048");
		if (when == ATTACHING) {
			half_say(h0, PVB_BLK_MSG_ATTACHED);
			half_say(h1, PVB_BLK_MSG_ATTACHED);
			TURN_UNTIL(h1->resized > 0);
			half_say(h0, PVB_BLK_MSG_GROWN);
			half_say(h1, PVB_BLK_MSG_GROWN);
		} else {
			bury_workers();
			assert_int_equal(as_attached(h0)->geometry.sectors,
			                 4096);
		}
		TURN_UNTIL(strcmp(get(bench.back, "sectors"), "4096") == 0);
	}
	(void)unlink(path);
}

static void insert(const char *uri)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	probe(uri, &p);
	if (pvb_blkback_ctl_change(back, &disk_ops, &p, "b", NULL, &e) < 0)
		fail_msg("%s", e.text);
	bench_settle();
}

static uint64_t first_medium;           /* its number */

static void serve_drive(void)
{
	back_cdrom = true;
	serve();
	first_medium = as_attached(h0)->medium;
}

static void expect_inserted(const char *sectors)
{
	TURN_UNTIL(back_media > 0);
	assert_int_equal(back_medium.code, 0);
	assert_string_equal(get(bench.back, "sectors"), sectors);
	expect_serving();
}

static void a_medium_that_is_changed_meanwhile_is_changed_then(void **state)
{
	(void)state;
	IN_EACH_STEP(when) {
		serve_drive();
		die_until(when);
		insert("mem:2M");
		assert_int_equal(h0->load, 0);
		assert_int_equal(back_media, 0);
		go_on_from(when);
		expect_inserted("4096");
		assert_int_equal(as_attached(h0)->medium, first_medium);
		assert_int_equal(h0->load, 1);
		assert_int_equal(h0->change, 1);
	}
}

static void who_dies_loading_is_loaded_again(void **state)
{
	(void)state;
	serve_drive();
	h0->quiet = h1->quiet = true;
	insert("mem:2M");
	TURN_UNTIL(h1->load > 0);
	assert_true(h0->last.u.load.medium != first_medium);
	half_say_loaded(h0, PVB_OK, "");
	bench_settle();
	h0->quiet = h1->quiet = false;
	die();
	bury_workers();
	expect_inserted("4096");
	assert_int_equal(as_attached(h0)->medium, first_medium);
	assert_int_equal(h0->load, 2);
	assert_int_equal(h1->load, 2);
}

/* Some may have changed, some not: the change has come true. */
static void who_dies_changing_has_changed(void **state)
{
	(void)state;
	serve_drive();
	h0->quiet = h1->quiet = true;
	insert("mem:2M");
	TURN_UNTIL(h1->load > 0);
	half_say_loaded(h0, PVB_OK, "");
	half_say_loaded(h1, PVB_OK, "");
	TURN_UNTIL(h1->change > 0);
	half_say(h0, PVB_BLK_MSG_CHANGED);
	bench_settle();
	h0->quiet = h1->quiet = false;
	disk_asked = 0;
	die_behind_a_fence();
	assert_int_equal(back_media, 0);
	fall();
	expect_inserted("4096");
	assert_true(as_attached(h0)->medium != first_medium);
	assert_true(as_attached(h1)->medium == as_attached(h0)->medium);
	assert_int_equal(as_attached(h0)->geometry.sectors, 4096);
	assert_int_equal(h0->change, 1);
}

static void who_dies_with_an_empty_drive_leaves_one(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	serve_drive();
	assert_int_equal(pvb_blkback_ctl_change(back, NULL, NULL, "", NULL, &e),
	                 0);
	expect_inserted("0");
	die();
	bury_workers();
	expect_serving();
	assert_string_equal(as_attached(h0)->disk.scheme, "");
	assert_int_equal(h0->fds, pvb_blk_fd_disk(as_attached(h0)));
}

/* ---- a predecessor ------------------------------------------------------- */

static void a_first_attach_waits_for_the_fence(void **state)
{
	(void)state;
	start();
	disk_fenced = 0;
	front_on_two_queues("3");
	bench_settle();
	pass_ms(1000);
	assert_int_equal(h0->attach, 0);
	assert_string_equal(back_status().waits,
	                    "for the I/O of a worker that died");
	fall();
	bench_wait_state(bench.back, "4");
	assert_null(back_status().waits);
}

static void a_front_that_leaves_before_that_is_let_go(void **state)
{
	(void)state;
	start();
	disk_fenced = 0;
	front_on_two_queues("3");
	bench_settle();
	front_state("6");
	bench_wait_state(bench.back, "6");
	fall();
	front_state("1");
	bench_wait_state(bench.back, "2");
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	assert_int_equal(h0->attach, 1);
}

static void where_it_cannot_be_told_a_first_attach_goes_on(void **state)
{
	(void)state;
	start();
	disk_fenced = -EOPNOTSUPP;
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(nobody_hears_of_it),
		BACK_TEST(a_journal_is_blank_at_first_and_kept_then),
		BACK_TEST(another_connection_has_another_journal),
		BACK_TEST(nothing_is_done_before_it_is_buried),
		BACK_TEST(nothing_is_done_before_the_fence_falls),
		BACK_TEST(a_fence_that_does_not_fall_stops_the_disk),
		BACK_TEST(a_disk_without_a_fence_that_can_be_told_is_stopped),
		BACK_TEST(a_claim_that_goes_late_is_waited_for),
		BACK_TEST(a_claim_that_stays_ends_the_connection),
		BACK_TEST(a_disk_that_is_busy_is_tried_again),
		BACK_TEST(a_disk_that_stays_busy_ends_the_connection),
		BACK_TEST(it_may_happen_again_and_again),
		BACK_TEST(who_comes_next_may_die_too),
		BACK_TEST(one_half_is_as_good_as_all),
		BACK_TEST(a_grave_may_be_needed_before_the_first_half),
		BACK_TEST(without_journals_death_is_the_end),
		BACK_TEST(a_refusal_closes_the_device_for_its_reason),
		BACK_TEST(so_does_the_owner),
		BACK_TEST(even_then_the_fence_comes_first),
		BACK_TEST(a_first_attach_can_be_given_up),
		BACK_TEST(a_front_that_closes_gets_its_answers_first),
		BACK_TEST(for_a_front_that_is_gone_no_ring_is_attached),
		BACK_TEST(a_toolstack_that_closes_it_has_it_closed),
		BACK_TEST(a_toolstack_that_forces_it_waits_for_the_fence),
		BACK_TEST(a_device_that_is_removed_goes_when_it_can),
		BACK_TEST(a_new_front_has_a_new_connection),
		BACK_TEST(the_owner_may_let_go_in_any_step),
		BACK_TEST(who_dies_drained_needs_no_ring),
		BACK_TEST(who_dies_draining_is_drained_again),
		BACK_TEST(who_dies_cut_needs_no_ring),
		BACK_TEST(who_dies_attaching_first_is_followed),
		BACK_TEST(who_dies_undoing_an_attach_is_fenced_first),
		BACK_TEST(a_size_that_grows_meanwhile_is_that_of_the_next),
		BACK_TEST(a_medium_that_is_changed_meanwhile_is_changed_then),
		BACK_TEST(who_dies_loading_is_loaded_again),
		BACK_TEST(who_dies_changing_has_changed),
		BACK_TEST(who_dies_with_an_empty_drive_leaves_one),
		BACK_TEST(a_first_attach_waits_for_the_fence),
		BACK_TEST(a_front_that_leaves_before_that_is_let_go),
		BACK_TEST(where_it_cannot_be_told_a_first_attach_goes_on),
	};

	return cmocka_run_group_tests_name("back_ctl_death", tests, NULL, NULL);
}
