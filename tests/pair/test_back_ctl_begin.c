/* SPDX-License-Identifier: MIT */
/*
 * A back's control half comes where another one has died: whatever that has
 * left, it goes on without a word, or says nothing before it may.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "back_bench.h"

static struct half *const h0 = &bench.half[0], *const h1 = &bench.half[1];

/* ---- a disk whose fence is the test's ------------------------------------ */

static struct pvb_disk_ops disk_ops;
static int disk_fenced;                 /* what that call answers */

static int fenced(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	(void)e;
	assert_int_equal(p->fence, 1);
	return disk_fenced;
}

static void give_disk(const char *uri)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	struct pvb_err e = PVB_ERR_INIT;

	disk_ops = pvb_disk_mem;
	disk_ops.fenced = fenced;
	if (pvb_disk_probe(pvb_disk_basic, uri, back_cdrom
	                   ? PVB_DISK_READ_ONLY : 0, &p, &ops, &e) < 0)
		fail_msg("%s", e.text);
	p.fleeting = false;
	pvb_blkback_ctl_disk(back, &disk_ops, &p, NULL);
}

/* ---- steps --------------------------------------------------------------- */

static void start(void)
{
	disk_fenced = 1;
	back_outlives = true;
	back_start();
}

/* Both are connected; then the daemon dies. */
static void serve_and_die(void)
{
	start();
	give_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	pvb_blkback_ctl_destroy(back);
	bench_settle();
	bench.spy.writes = 0;
}

/* Another one. */
static void come(void)
{
	back_left = 0;
	start();
	bench_settle();
}

static void expect_serving(void)
{
	const struct pvb_blkback_status s = back_status();

	assert_null(s.waits);
	assert_true(s.live);
	assert_int_equal(s.why, PVB_OK);
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h1->attach, 2);
	assert_true(as_attached(h0)->resume && as_attached(h1)->resume);
}

/* ---- how it goes --------------------------------------------------------- */

static void it_goes_on_without_a_word(void **state)
{
	struct pvb_blk_back_attach was[2];

	(void)state;
	serve_and_die();
	for (uint32_t i = 0; i < 2; i++)
		was[i] = *as_attached(&bench.half[i]);
	come();
	give_disk("mem:1M");
	bury_workers();
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
	assert_int_equal(back_left_queues, 2);
	assert_int_equal(back_journals + back_forgets, 0);
	/* Whose journal is blank had come to rest, and then been taken over. */
	for (uint32_t i = 0; i < 2; i++) {
		was[i].resume = was[i].rested = 1;
		assert_memory_equal(&was[i], as_attached(&bench.half[i]),
		                    sizeof(was[i]));
	}
	pass_ms(60000);
	assert_int_equal(bench.spy.writes, 0);
}

static void it_may_happen_again_and_again(void **state)
{
	(void)state;
	serve_and_die();
	for (uint32_t i = 0; i < 10; i++) {
		come();
		give_disk("mem:1M");
		bury_workers();
		assert_int_equal(h0->attach, i + 2);
		pvb_blkback_ctl_destroy(back);
		bench_settle();
	}
	assert_int_equal(bench.spy.writes, 0);
	back = NULL;
}

/* What is needed comes in any order. */
static void nothing_is_done_before_the_disk_is_known(void **state)
{
	(void)state;
	serve_and_die();
	come();
	assert_string_equal(back_status().waits, "for the end of a worker");
	bury_workers();
	assert_string_equal(back_status().waits, "for its disk");
	pass_ms(1000);
	assert_int_equal(h0->attach, 1);
	give_disk("mem:1M");
	bench_settle();
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
}

static void nothing_is_done_before_it_is_buried(void **state)
{
	(void)state;
	serve_and_die();
	come();
	give_disk("mem:1M");
	pass_ms(100000);
	assert_int_equal(h0->attach, 1);
	assert_int_equal(bench.spy.writes, 0);
	bury_workers();
	expect_serving();
}

static void nothing_is_done_before_the_fence_falls(void **state)
{
	(void)state;
	serve_and_die();
	come();
	disk_fenced = 0;
	give_disk("mem:1M");
	bury_workers();
	for (int i = 0; i < 20; i++)
		pass_ms(50);
	assert_int_equal(h0->attach, 1);
	assert_string_equal(back_status().waits,
	                    "for the I/O of a worker that died");
	disk_fenced = 1;
	pass_ms(100);
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
}

static void a_disk_that_does_not_come_is_told_of(void **state)
{
	(void)state;
	serve_and_die();
	come();
	bury_workers();
	pass_ms(29000);
	assert_int_equal(bench.spy.writes, 0);
	pass_ms(2000);
	assert_string_equal(back_error(), "stopped: disk.img: it cannot be "
	                    "opened yet (disk)");
	give_disk("mem:1M");
	bench_settle();
	expect_serving();
	assert_string_equal(back_error(), "");
}

/* What its predecessor complained of is over. */
static void an_old_complaint_is_taken_away(void **state)
{
	(void)state;
	serve_and_die();
	pvb_complaint_put(bench.tools, bench.back, 5, "stopped");
	come();
	give_disk("mem:1M");
	bury_workers();
	expect_serving();
	assert_string_equal(back_error(), "");
}

static void a_disk_that_grew_meanwhile_is_told(void **state)
{
	(void)state;
	serve_and_die();
	come();
	give_disk("mem:2M");
	bury_workers();
	expect_serving();
	assert_int_equal(as_attached(h0)->geometry.sectors, 4096);
	assert_string_equal(get(bench.back, "sectors"), "4096");
	assert_int_equal(spy_store_tx(&bench.spy, "/sectors", "4096"),
	                 spy_store_tx(&bench.spy, "/state", "4"));
}

static void the_number_of_a_medium_is_of_its_name(void **state)
{
	uint64_t was;

	(void)state;
	back_cdrom = true;
	serve_and_die();
	was = as_attached(h0)->medium;
	come();
	give_disk("mem:1M");
	bury_workers();
	expect_serving();
	assert_true(as_attached(h0)->medium == was);
	pvb_blkback_ctl_destroy(back);
	bench_settle();
	back_disk_name = "another.iso";
	come();
	give_disk("mem:1M");
	bury_workers();
	assert_true(as_attached(h0)->medium != was);
}

static void an_empty_drive_goes_on(void **state)
{
	(void)state;
	back_cdrom = true;
	start();
	pvb_blkback_ctl_empty(back);
	bench_wait_state(bench.back, "2");
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	pvb_blkback_ctl_destroy(back);
	bench.spy.writes = 0;
	come();
	bury_workers();
	pvb_blkback_ctl_empty(back);
	bench_settle();
	expect_serving();
	assert_int_equal(bench.spy.writes, 0);
}

/* ---- it cannot be -------------------------------------------------------- */

static void a_refusal_closes_the_device_for_its_reason(void **state)
{
	(void)state;
	serve_and_die();
	h1->refuse = PVB_WHY_JOURNAL_OTHER;
	come();
	give_disk("mem:1M");
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(back_status().why, PVB_WHY_JOURNAL_OTHER);
	assert_string_equal(back_error(),
	                    "refused by the test (journal-other)");
	assert_int_equal(back_forgets, 1);
}

/* Another front could not have it either. */
static void a_disk_that_cannot_be_had_closes_the_device(void **state)
{
	const struct pvb_err e = { .code = -ENOENT, .text = "x: no such file" };

	(void)state;
	serve_and_die();
	come();
	pvb_blkback_ctl_disk(back, NULL, NULL, &e);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(back_status().why, PVB_WHY_DISK);
	assert_string_equal(back_error(), "x: no such file (disk)");
	assert_string_equal(get(bench.back, "hotplug-status"), "error");
	front_on_two_queues("1");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "6");
}

static void memory_that_is_gone_is_not_made_anew(void **state)
{
	(void)state;
	serve_and_die();
	come();
	back_disk("mem:1M");
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 1);
	assert_string_equal(back_error(), "disk.img: what was in its memory is "
	                    "gone with the daemon that served it (disk)");
}

/* ---- whatever stands in the store ---------------------------------------- */

static const char *const words[] = {
	"0", "1", "2", "3", "4", "5", "6", "7", "8", "", "x", NULL,
};

enum { GONE = sizeof(words) / sizeof(*words) - 1 };

static void reset(void)
{
	(void)back_teardown(NULL);
	assert_int_equal(bench_setup(NULL), 0);
}

static void leave(int own, int front)
{
	serve_and_die();
	put(bench.tools, bench.back, "state", words[own]);
	if (front == GONE)
		take_away(bench.tools, bench.front);
	else
		put(bench.guest, bench.front, "state", words[front]);
	bench.spy.writes = 0;
}

#define FOR_ALL(own, front) \
	for (int own = 0; own < GONE; own++) \
		for (int front = 0; front <= GONE; front++, reset())

static bool stands(int own)
{
	return own == 4 || own == 5;
}

static bool goes_on(int own, int front)
{
	return stands(own) && front >= 3 && front <= 5;
}

static void where_none_stands_it_begins_at_once(void **state)
{
	(void)state;
	FOR_ALL(own, front) {
		if (stands(own))
			continue;
		leave(own, front);
		come();
		assert_int_equal(back_graves, 0);
		assert_int_equal(back_forgets, 1);
		assert_true(bench.spy.writes > 0);
	}
}

static void where_one_stands_nothing_is_said_before_the_fence(void **state)
{
	(void)state;
	FOR_ALL(own, front) {
		if (!stands(own) || goes_on(own, front))
			continue;
		leave(own, front);
		come();
		disk_fenced = 0;
		give_disk("mem:1M");
		bury_workers();
		pass_ms(1000);
		assert_int_equal(back_graves, 1);
		assert_int_equal(back_forgets, 1);
		assert_string_equal(get(bench.back, "state"), words[own]);
		assert_int_equal(h0->attach, 1);
		disk_fenced = 1;
		pass_ms(100);
		if (own == 5 || front == 6 || front == GONE)
			assert_string_equal(get(bench.back, "state"), "6");
		else
			assert_string_equal(get(bench.back, "state"), "2");
	}
}

static void where_it_can_it_goes_on(void **state)
{
	(void)state;
	FOR_ALL(own, front) {
		if (!goes_on(own, front))
			continue;
		leave(own, front);
		come();
		give_disk("mem:1M");
		bury_workers();
		expect_serving();
		/* A front that closes is answered. */
		assert_int_equal(bench.spy.writes, own == 4 && front == 5);
		assert_string_equal(get(bench.back, "state"),
		                    front == 5 ? "5" : words[own]);
		front_state("6");
		bench_wait_state(bench.back, "6");
		assert_int_equal(h0->drain, 1);
		assert_int_equal(h0->cut, 0);
		assert_int_equal(h0->detach, 1);
		assert_int_equal(back_forgets, 1);
	}
}

/* A toolstack that wrote 5 wants it gone. */
static void who_was_asked_to_close_retires(void **state)
{
	(void)state;
	serve_and_die();
	ask_to_detach();
	come();
	give_disk("mem:1M");
	bury_workers();
	expect_serving();
	front_state("5");
	bench_settle();
	front_state("6");
	TURN_UNTIL(back_retired);
	assert_string_equal(get(bench.back, "state"), "6");
}

static void without_a_journal_of_each_queue_it_begins(void **state)
{
	(void)state;
	serve_and_die();
	back_left = -ENOENT;
	start();
	give_disk("mem:1M");
	bench_settle();
	assert_int_equal(back_left_queues, 2);
	assert_int_equal(back_forgets, 1);
	assert_string_equal(get(bench.back, "state"), "4");
	bury_workers();
	TURN_UNTIL(spy_store_tx(&bench.spy, "/state", "2") != UINT32_MAX);
}

/* A journal of the connection that stands, but for its port. */
static void leave_journal(uint32_t port)
{
	struct pvb_blk_back_attach a = *as_attached(h0);
	struct pvb_journal_terms t = { .shape = pvb_blk_journal_shape(&a) };
	size_t bytes = pvb_journal_bytes(&t.shape);
	void *mem = aligned_alloc(64, bytes);
	struct pvb_journal j;

	assert_non_null(mem);
	memset(mem, 0, bytes);
	a.port = port;
	t.identity = pvb_blk_journal_identity(&a);
	pvb_journal_begin(&j, mem, &t, 0);
	back_left_fd = memfd_create("journal", MFD_CLOEXEC);
	assert_int_equal(write(back_left_fd, mem, bytes), bytes);
	free(mem);
}

/* On one queue, so that one journal is all. */
static void serve_one_queue_and_die(void)
{
	start();
	give_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_says("3", "8", "1");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	pvb_blkback_ctl_destroy(back);
	bench_settle();
	bench.spy.writes = 0;
}

static void a_journal_of_this_connection_goes_on(void **state)
{
	(void)state;
	serve_one_queue_and_die();
	leave_journal(1);
	come();
	assert_int_equal(back_forgets, 0);
	give_disk("mem:1M");
	bury_workers();
	assert_int_equal(h0->attach, 2);
	assert_true(as_attached(h0)->resume);
	assert_int_equal(bench.spy.writes, 0);
}

/* Who has it has not been served on this one: they are made first. */
static void the_journal_of_another_connection_is_removed(void **state)
{
	(void)state;
	serve_one_queue_and_die();
	leave_journal(7);
	come();
	assert_int_equal(back_forgets, 1);
	assert_string_equal(get(bench.back, "state"), "4");
	give_disk("mem:1M");
	bury_workers();
	TURN_UNTIL(spy_store_tx(&bench.spy, "/state", "2") != UINT32_MAX);
	bench_wait_state(bench.back, "4");
	assert_false(as_attached(h0)->resume || as_attached(h0)->rested);
	assert_int_equal(back_journals, 1);
}

static void terms_that_are_none_begin(void **state)
{
	(void)state;
	serve_and_die();
	put(bench.guest, bench.front, "queue-1/ring-ref", "x");
	bench.spy.writes = 0;
	come();
	assert_int_equal(back_left_queues, 0);
	assert_int_equal(back_forgets, 1);
	assert_string_equal(get(bench.back, "state"), "4");
}

static void even_without_its_disk_a_closing_is_finished(void **state)
{
	const struct pvb_err e = { .code = -ENOENT, .text = "x: no such file" };

	(void)state;
	leave(5, GONE);
	come();
	pvb_blkback_ctl_disk(back, NULL, NULL, &e);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "5");
	bury_workers();
	bench_wait_state(bench.back, "6");
}

/* It is ordered while nothing can be said. */
static void a_stop_meanwhile_is_done_then(void **state)
{
	(void)state;
	leave(4, 6);
	come();
	give_disk("mem:1M");
	pvb_blkback_ctl_stop(back, false);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	bury_workers();
	TURN_UNTIL(back_retired);
	assert_string_equal(get(bench.back, "state"), "6");
}

/* ---- the peer moves meanwhile -------------------------------------------- */

static void a_front_that_dies_meanwhile_is_cut_off(void **state)
{
	(void)state;
	serve_and_die();
	come();
	give_disk("mem:1M");
	take_away(bench.tools, bench.front);
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	bury_workers();
	bench_wait_state(bench.back, "6");
	assert_int_equal(h0->attach, 1);
	assert_int_equal(back_forgets, 1);
}

/* Its nodes stay until the next one of its domain writes its own. */
static void the_word_of_a_dead_front_is_not_taken(void **state)
{
	(void)state;
	serve_and_die();
	bench_kill_front();
	come();
	give_disk("mem:1M");
	bury_workers();
	bench_wait_state(bench.back, "6");
	bench_boot_front();
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "6");
	assert_int_equal(h0->attach, 1);
	front_on_two_queues("1");
	bench_wait_state(bench.back, "2");
	put_all(bench.guest, bench.front, "queue-0/ring-ref", "18", "state",
	        "3", NULL);
	bench_wait_state(bench.back, "4");
	assert_int_equal(as_attached(h0)->ring_ref[0], 18);
}

static void a_front_that_begins_anew_meanwhile_is_served(void **state)
{
	(void)state;
	serve_and_die();
	come();
	give_disk("mem:1M");
	front_on_two_queues("1");
	bench_settle();
	assert_string_equal(get(bench.back, "state"), "4");
	bury_workers();
	bench_wait_state(bench.back, "2");
	put_all(bench.guest, bench.front, "queue-0/ring-ref", "18", "state",
	        "3", NULL);
	bench_wait_state(bench.back, "4");
	assert_int_equal(h0->attach, 2);
	assert_false(as_attached(h0)->resume);
	assert_int_equal(back_journals, 2);
}

static void who_takes_over_may_die_too(void **state)
{
	(void)state;
	serve_and_die();
	come();
	give_disk("mem:1M");
	h0->quiet = true;
	bury_workers();
	assert_int_equal(h0->attach, 2);
	pvb_link_fini(&h0->link);
	TURN_UNTIL(back_graves > 1);
	h0->quiet = false;
	bury_workers();
	assert_int_equal(h0->attach, 3);
	assert_int_equal(h1->attach, 3);
	assert_true(back_status().live);
	assert_int_equal(bench.spy.writes, 0);
}

/* ---- at rest ------------------------------------------------------------- */

static void serve(void)
{
	start();
	give_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	front_on_two_queues("3");
	bench_wait_state(bench.back, "4");
	front_state("4");
	bench_settle();
	bench.spy.writes = 0;
}

static void expect_rest(bool connected)
{
	bench_settle();
	assert_int_equal(back_rested, 1);
	assert_int_equal(back_rested_connected, connected);
	assert_int_equal(back_forgets, 1);      /* at its start */
	assert_int_equal(bench.spy.writes, 0);
}

static void it_comes_to_rest_without_a_word(void **state)
{
	(void)state;
	serve();
	pvb_blkback_ctl_rest(back);
	expect_rest(true);
	assert_int_equal(h0->drain, 1);
	assert_int_equal(h1->drain, 1);
	assert_int_equal(h0->cut, 0);
	assert_int_equal(h0->detach, 1);
	assert_int_equal(h1->detach, 1);
	/* What the front says then is for the next one. */
	front_state("5");
	pass_ms(1000);
	assert_string_equal(get(bench.back, "state"), "4");
}

/* What was taken is answered before. */
static void it_lets_go_when_all_are_drained(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	pvb_blkback_ctl_rest(back);
	bench_settle();
	half_say(h0, PVB_BLK_MSG_DRAINED);
	bench_settle();
	assert_int_equal(h0->detach, 0);
	h0->quiet = h1->quiet = false;
	half_say(h1, PVB_BLK_MSG_DRAINED);
	expect_rest(true);
	assert_int_equal(h0->detach, 1);
}

static void who_is_not_connected_is_at_rest(void **state)
{
	(void)state;
	start();
	give_disk("mem:1M");
	bench_wait_state(bench.back, "2");
	bench.spy.writes = 0;
	pvb_blkback_ctl_rest(back);
	expect_rest(false);
	front_on_two_queues("3");
	pass_ms(1000);
	assert_int_equal(h0->attach, 0);
}

static void a_death_meanwhile_comes_first(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	pvb_blkback_ctl_rest(back);
	bench_settle();
	pvb_link_fini(&h0->link);
	TURN_UNTIL(back_graves > 0);
	h0->quiet = h1->quiet = false;
	bury_workers();
	expect_rest(true);
	assert_int_equal(h0->attach, 2);
	assert_int_equal(h0->drain, 2);
	assert_int_equal(h0->cut, 0);
	assert_int_equal(h0->detach, 1);
}

static void a_closing_that_is_under_way_comes_first(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	front_state("6");
	TURN_UNTIL(h1->drain > 0);
	pvb_blkback_ctl_rest(back);
	bench_settle();
	assert_int_equal(back_rested, 0);
	h0->quiet = h1->quiet = false;
	half_say(h0, PVB_BLK_MSG_DRAINED);
	half_say(h1, PVB_BLK_MSG_DRAINED);
	bench_wait_state(bench.back, "6");
	TURN_UNTIL(back_rested > 0);
	assert_int_equal(back_rested_connected, 0);
}

static void a_ring_that_breaks_meanwhile_is_closed(void **state)
{
	(void)state;
	serve();
	h0->quiet = h1->quiet = true;
	pvb_blkback_ctl_rest(back);
	bench_settle();
	half_say_failed(h0, PVB_WHY_RING_INDEX, "bad index");
	bench_wait_state(bench.back, "5");
	h0->quiet = h1->quiet = false;
	half_say(h0, PVB_BLK_MSG_DRAINED);
	half_say(h1, PVB_BLK_MSG_DRAINED);
	bench_wait_state(bench.back, "6");
	TURN_UNTIL(back_rested > 0);
	assert_int_equal(back_rested_connected, 0);
}

static void rest(void)
{
	serve();
	pvb_blkback_ctl_rest(back);
	expect_rest(true);
	pvb_blkback_ctl_destroy(back);
	bench_settle();
}

static void come_after_rest(void)
{
	back_left = 1;
	start();
	bench_settle();
}

/* With journals that are blank, all of them made before the first ring is
   attached. */
static void the_next_one_goes_on_from_there(void **state)
{
	(void)state;
	rest();
	come_after_rest();
	bury_workers();
	assert_int_equal(back_journals, 0);
	h0->quiet = true;
	give_disk("mem:1M");
	bench_settle();
	assert_int_equal(back_journals, 2);
	h0->quiet = false;
	half_say(h0, PVB_BLK_MSG_ATTACHED);
	bench_settle();
	expect_serving();
	assert_true(as_attached(h0)->rested && as_attached(h1)->rested);
	assert_int_equal(back_journals, 2);
	assert_int_equal(bench.spy.writes, 0);
}

static void the_one_after_that_has_journals(void **state)
{
	(void)state;
	rest();
	come_after_rest();
	give_disk("mem:1M");
	bury_workers();
	expect_serving();
	pvb_link_fini(&h0->link);
	TURN_UNTIL(back_graves > 1);
	bury_workers();
	assert_int_equal(h0->attach, 3);
	assert_false(as_attached(h0)->rested);
	assert_int_equal(back_journals, 2);
	assert_true(back_status().live);
}

/* There is no journal that would say so. */
static void a_promise_that_is_not_kept_closes_the_device(void **state)
{
	static const struct { const char *node, *value; } told[] = {
		{ "feature-barrier", "1" }, { "feature-discard", "1" },
		{ "sector-size", "4096" }, { "info", "4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++, reset()) {
		back_no_discard = true;
		rest();
		put(bench.tools, bench.back, told[i].node, told[i].value);
		come_after_rest();
		give_disk("mem:1M");
		bury_workers();
		bench_wait_state(bench.back, "6");
		assert_int_equal(back_status().why, PVB_WHY_JOURNAL_OTHER);
		assert_non_null(strstr(back_error(), told[i].node));
		assert_int_equal(h0->attach, 1);
	}
}

/* Nor is it one now. */
static void a_feature_that_was_taken_back_is_no_promise(void **state)
{
	(void)state;
	for (int at_rest = 0; at_rest < 2; at_rest++, reset()) {
		if (at_rest)
			rest();
		else
			serve_and_die();
		put(bench.tools, bench.back, "feature-flush-cache", "0");
		bench.spy.writes = 0;
		if (at_rest)
			come_after_rest();
		else
			come();
		give_disk("mem:1M");
		bury_workers();
		expect_serving();
		assert_false(as_attached(h0)->geometry.flush);
		assert_true(as_attached(h0)->geometry.discard);
		assert_int_equal(bench.spy.writes, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACK_TEST(it_goes_on_without_a_word),
		BACK_TEST(it_may_happen_again_and_again),
		BACK_TEST(nothing_is_done_before_the_disk_is_known),
		BACK_TEST(nothing_is_done_before_it_is_buried),
		BACK_TEST(nothing_is_done_before_the_fence_falls),
		BACK_TEST(a_disk_that_does_not_come_is_told_of),
		BACK_TEST(an_old_complaint_is_taken_away),
		BACK_TEST(a_disk_that_grew_meanwhile_is_told),
		BACK_TEST(the_number_of_a_medium_is_of_its_name),
		BACK_TEST(an_empty_drive_goes_on),
		BACK_TEST(a_refusal_closes_the_device_for_its_reason),
		BACK_TEST(a_disk_that_cannot_be_had_closes_the_device),
		BACK_TEST(memory_that_is_gone_is_not_made_anew),
		BACK_TEST(where_none_stands_it_begins_at_once),
		BACK_TEST(where_one_stands_nothing_is_said_before_the_fence),
		BACK_TEST(where_it_can_it_goes_on),
		BACK_TEST(who_was_asked_to_close_retires),
		BACK_TEST(without_a_journal_of_each_queue_it_begins),
		BACK_TEST(a_journal_of_this_connection_goes_on),
		BACK_TEST(the_journal_of_another_connection_is_removed),
		BACK_TEST(terms_that_are_none_begin),
		BACK_TEST(even_without_its_disk_a_closing_is_finished),
		BACK_TEST(a_stop_meanwhile_is_done_then),
		BACK_TEST(a_front_that_dies_meanwhile_is_cut_off),
		BACK_TEST(the_word_of_a_dead_front_is_not_taken),
		BACK_TEST(a_front_that_begins_anew_meanwhile_is_served),
		BACK_TEST(who_takes_over_may_die_too),
		BACK_TEST(it_comes_to_rest_without_a_word),
		BACK_TEST(it_lets_go_when_all_are_drained),
		BACK_TEST(who_is_not_connected_is_at_rest),
		BACK_TEST(a_death_meanwhile_comes_first),
		BACK_TEST(a_closing_that_is_under_way_comes_first),
		BACK_TEST(a_ring_that_breaks_meanwhile_is_closed),
		BACK_TEST(the_next_one_goes_on_from_there),
		BACK_TEST(the_one_after_that_has_journals),
		BACK_TEST(a_promise_that_is_not_kept_closes_the_device),
		BACK_TEST(a_feature_that_was_taken_back_is_no_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
