/* SPDX-License-Identifier: MIT */
/* A front's control half; the back is the test, writing nodes by hand. */
#include "front_bench.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- the way up ---------------------------------------------------------- */

static void it_takes_what_both_can_do(void **state)
{
	const struct pvb_blk_front_attach *a =
		&bench.half[0].attached_as.u.front_attach;

	(void)state;
	connect_all();
	assert_int_equal(bench.half[0].attach, 1);
	assert_int_equal(a->ring_order, 1);
	assert_int_equal(a->indirect_max, 24);
	assert_int_equal(a->queues, 1);
	assert_int_equal(a->back_domid, BACK);
	assert_int_equal(a->timeout_ns, 77);
	assert_int_equal(bench.half[1].attach, 0);
}

static void its_terms_come_with_initialised_in_one_transaction(void **state)
{
	uint32_t tx;

	(void)state;
	connect_all();
	tx = spy_store_tx(&bench.spy, "/state", "3");
	assert_in_range(tx, 1, UINT32_MAX - 1);
	assert_int_equal(spy_store_tx(&bench.spy, "/ring-ref0", "700"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/ring-ref1", "701"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/event-channel", "9"), tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/ring-page-order", "1"),
	                 tx);
	assert_int_equal(spy_store_tx(&bench.spy, "/protocol",
	                              pvb_abi_name(pvb_abi_native())), tx);
}

static void the_data_half_goes_with_the_geometry(void **state)
{
	struct pvb_blkfront_status s;

	(void)state;
	connect_all();
	assert_int_equal(bench.half[0].last.type, PVB_BLK_MSG_GO);
	assert_int_equal(bench.half[0].last.u.geometry.sectors, 2048);
	assert_true(bench.half[0].last.u.geometry.flush);
	s = status_now();
	assert_true(s.live);
	assert_int_equal(s.mine, PVB_XB_CONNECTED);
	assert_int_equal(s.geometry.sectors, 2048);
	assert_int_equal(s.terms.queue[0].port, 9);
}

/* What an old back says, which has nothing else to offer. */
static void it_takes_blocks_where_there_is_nothing_else(void **state)
{
	const struct pvb_blk_front_attach *a =
		&bench.half[0].attached_as.u.front_attach;

	(void)state;
	may_use_blocks = true;
	start();
	put_all(bench.tools, bench.back, "max-ring-pages", "3",
	        "max-requests", "80", "max-request-segments", "33",
	        "max-request-size", "131072", "state", "2", NULL);
	bench_wait_state(bench.front, "3");
	assert_int_equal(a->ring_order, 1);
	assert_int_equal(a->indirect_max, 0);
	assert_int_equal(a->blocks.segs_max, 33);
	assert_int_equal(a->blocks.requests_max, 64);
	assert_int_equal(a->blocks.bytes_max, 131072);
	assert_string_equal(get(bench.front, "max-request-segments"), "33");
	assert_string_equal(get(bench.front, "max-requests"), "64");
	assert_string_equal(get(bench.front, "max-request-size"), "131072");
	assert_string_equal(get(bench.front, "ring-pages"), "2");
}

static void it_says_nothing_of_blocks_that_it_does_not_use(void **state)
{
	(void)state;
	put(bench.guest, bench.front, "max-request-segments", "33");
	put(bench.guest, bench.front, "max-requests", "5");
	connect_all();
	assert_false(is_there(bench.front, "max-request-segments"));
	assert_false(is_there(bench.front, "max-requests"));
}

/* QEMU connects to no other front if sectors have not 512 bytes. */
static void it_says_how_it_counts_and_reads_so(void **state)
{
	(void)state;
	units = PVB_BLK_UNITS_ALL;
	start();
	back_offers();
	bench_wait_state(bench.front, "3");
	assert_string_equal(get(bench.front, "feature-large-sector-size"),
	                    "1");
	put_all(bench.tools, bench.back, "sectors", "256", "sector-size",
	        "4096", "state", "4", NULL);
	bench_wait_state(bench.front, "4");
	TURN_UNTIL(bench.half[0].go == 1);
	assert_int_equal(bench.half[0].last.u.geometry.sectors, 2048);
	assert_int_equal(bench.half[0].last.u.geometry.units,
	                 PVB_BLK_UNITS_ALL);
}

static void a_back_may_be_connected_early(void **state)
{
	(void)state;
	back_connects("2048");
	start();
	bench_wait_state(bench.front, "4");
	assert_string_equal(get(bench.front, "ring-ref"), "700");
}

static void a_disk_that_grows_is_told_to_the_half(void **state)
{
	(void)state;
	connect_all();
	back_connects("4096");
	TURN_UNTIL(bench.half[0].resized == 1);
	assert_int_equal(bench.half[0].last.u.geometry.sectors, 4096);
	assert_int_equal(status_now().geometry.sectors, 4096);
	back_state("4");
	bench_settle();
	assert_int_equal(bench.half[0].resized, 1);
}

/* ---- the way down -------------------------------------------------------- */

static void it_closes_in_order(void **state)
{
	(void)state;
	connect_all();
	bench.half[0].quiet = true;
	pvb_blkfront_ctl_stop(front, false);
	TURN_UNTIL(bench.half[0].drain == 1);
	bench_settle();
	assert_string_equal(get(bench.front, "state"), "4");
	half_say(&bench.half[0], PVB_BLK_MSG_DRAINED);
	bench_wait_state(bench.front, "5");
	back_state("5");
	bench_wait_state(bench.front, "6");
	bench_settle();
	/* Pages are let go only after the back has done so. */
	assert_int_equal(bench.half[0].detach, 0);
	back_state("6");
	TURN_UNTIL(bench.half[0].detach == 1);
	assert_int_equal(retired, 0);
	half_say(&bench.half[0], PVB_BLK_MSG_DETACHED);
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.why, PVB_OK);
	assert_false(is_there(bench.front, "ring-ref0"));
	assert_false(is_there(bench.front, "event-channel"));
	assert_false(is_there(bench.front, "pvb-holder"));
}

static void a_back_that_wants_out_is_let_out(void **state)
{
	(void)state;
	connect_all();
	back_state("5");
	bench_wait_state(bench.front, "6");
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.why, PVB_WHY_STATE);
	assert_int_equal(bench.half[0].cut, 0);
}

static void a_back_that_is_gone_is_not_waited_for(void **state)
{
	(void)state;
	connect_all();
	take_away(bench.tools, bench.back);
	TURN_UNTIL(retired == 1);
	assert_int_equal(bench.half[0].cut, 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_int_equal(last.why, PVB_WHY_STATE);
}

static void a_front_that_is_taken_away_writes_no_more(void **state)
{
	(void)state;
	connect_all();
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
	TURN_UNTIL(retired == 1);
	assert_false(is_there(bench.front, "state"));
	assert_false(is_there(bench.front, "pvb-holder"));
}

static void a_forced_stop_does_not_wait_for_the_back(void **state)
{
	(void)state;
	connect_all();
	pvb_blkfront_ctl_stop(front, true);
	TURN_UNTIL(retired == 1);
	assert_int_equal(bench.half[0].detach, 1);
	assert_string_equal(get(bench.front, "state"), "6");
}

static void it_waits_no_longer_than_it_was_told(void **state)
{
	(void)state;
	start();
	bench_wait_state(bench.front, "1");
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 29);
	bench_settle();
	assert_int_equal(retired, 0);
	/* What the back writes does not put it off. */
	back_state("1");
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 1);
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.why, PVB_WHY_TIMEOUT);
	assert_non_null(strstr(last.text, "does not connect in time"));
}

static void a_back_that_does_not_close_is_given_up(void **state)
{
	(void)state;
	connect_all();
	pvb_blkfront_ctl_stop(front, false);
	bench_wait_state(bench.front, "5");
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 5);
	bench_wait_state(bench.front, "6");
	bench_settle();
	assert_int_equal(retired, 0);
	assert_int_equal(bench.half[0].detach, 0);
	pvb_loop_turn_clock(bench.loop, 5);
	TURN_UNTIL(retired == 1);
	assert_int_equal(bench.half[0].detach, 1);
}

static void what_is_in_flight_has_its_own_time(void **state)
{
	(void)state;
	connect_all();
	bench.half[0].quiet = true;
	back_state("5");
	TURN_UNTIL(bench.half[0].drain == 1);
	pvb_loop_turn_clock(bench.loop, 1000);
	bench_settle();
	assert_int_equal(bench.half[0].cut, 0);
	assert_string_equal(get(bench.front, "state"), "4");
	bench.half[0].quiet = false;
	half_say(&bench.half[0], PVB_BLK_MSG_DRAINED);
	bench_wait_state(bench.front, "6");
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_int_equal(bench.half[0].cut, 0);
}

/* ---- what goes wrong ----------------------------------------------------- */

static void nonsense_from_the_back_is_refused_with_its_reason(void **state)
{
	(void)state;
	start();
	back_offers();
	bench_wait_state(bench.front, "3");
	back_connects("-1");
	TURN_UNTIL(bench.half[0].drain == 1);
	bench_wait_state(bench.front, "5");
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.why, PVB_WHY_KEY_SYNTAX);
	assert_non_null(strstr(last.text, "/sectors\""));
	assert_int_equal(bench.half[0].go, 0);
	assert_non_null(strstr(get("/local/domain/3/error/device/vbd/51712",
	                           "error"), "/sectors\""));
}

static void a_half_that_dies_ends_it(void **state)
{
	(void)state;
	connect_all();
	pvb_link_fini(&bench.half[0].link);
	bench_wait_state(bench.front, "5");
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_non_null(strstr(last.text, "has died"));
}

static void what_a_half_failed_at_is_told(void **state)
{
	(void)state;
	connect_all();
	half_say_failed(&bench.half[0], PVB_WHY_TIMEOUT, "no answer");
	bench_wait_state(bench.front, "5");
	assert_int_equal(bench.half[0].cut, 1);
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.why, PVB_WHY_TIMEOUT);
	assert_string_equal(last.text, "no answer");
}

static void the_sentence_of_the_back_is_passed_on(void **state)
{
	(void)state;
	put_all(bench.tools, bench.back, "hotplug-status", "error",
	        "hotplug-error", "/no/image: gone\n", "state", "6", NULL);
	start();
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 30);
	TURN_UNTIL(retired == 1);
	assert_string_equal(last.text,
	                    "the backend closed it: /no/image: gone?");
}

static void why_the_back_went_is_passed_on(void **state)
{
	(void)state;
	connect_all();
	put_all(bench.tools, bench.back, "hotplug-error", "the disk is gone",
	        "state", "5", NULL);
	bench_wait_state(bench.front, "6");
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_string_equal(last.text,
	                    "the backend closed it: the disk is gone");
}

static void no_device_is_told(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
	assert_int_equal(try_start(&e), -ENOENT);
	assert_string_equal(e.text, "domain 3 has no device 51712");
}

static void nodes_that_name_no_back_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "backend", "/local/domain/1/backend/pvb/3/51712",
		"/local/domain/0/device/vbd/51712",
		"/local/domain/0/backend//3/51712",
	};
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put(bench.guest, bench.front, "backend", bad[i]);
		assert_int_equal(try_start(&e), -EINVAL);
	}
	put(bench.guest, bench.front, "backend", bench.back);
	put(bench.guest, bench.front, "backend-id", "65536");
	assert_int_equal(try_start(&e), -EINVAL);
}

/* ---- who has it ---------------------------------------------------------- */

static void a_device_in_use_is_refused(void **state)
{
	struct pvb_blkfront_ctl *first;
	struct pvb_err e = PVB_ERR_INIT;
	char says[64];

	(void)state;
	start();
	first = front;
	assert_int_equal(try_start(&e), -EBUSY);
	snprintf(says, sizeof(says), "process %d has the device", getpid());
	assert_string_equal(e.text, says);
	front = first;
}

/* `front` waits for what another has, which is returned. */
static struct pvb_blkfront_ctl *start_behind_another(void)
{
	struct pvb_blkfront_ctl *first;
	struct pvb_err e = PVB_ERR_INIT;

	start();
	bench_wait_state(bench.front, "1");
	bench_settle();
	first = front;
	assert_int_equal(try_start_patient(20, &e), 0);
	bench_settle();
	assert_int_equal(retired, 0);
	return first;
}

static void one_that_waits_has_it_when_it_is_let_go(void **state)
{
	(void)state;
	pvb_blkfront_ctl_destroy(start_behind_another());
	back_offers();
	bench_wait_state(bench.front, "3");
	back_connects("2048");
	bench_wait_state(bench.front, "4");
	TURN_UNTIL(bench.half[0].go == 1);
	assert_true(status_now().live);
	/* The time for waiting is over, and means nothing more. */
	pvb_loop_turn_clock(bench.loop, 20);
	bench_settle();
	assert_int_equal(retired, 0);
}

static void one_that_waited_in_vain_is_refused(void **state)
{
	struct pvb_blkfront_ctl *first;
	char says[64];

	(void)state;
	first = start_behind_another();
	pvb_loop_turn_clock(bench.loop, 19);
	bench_settle();
	assert_int_equal(retired, 0);
	pvb_loop_turn_clock(bench.loop, 1);
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.code, -EBUSY);
	snprintf(says, sizeof(says), "process %d has the device", getpid());
	assert_string_equal(last.text, says);
	assert_true(is_there(bench.front, "pvb-holder"));
	front = first;
}

static unsigned long name_space(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	return (unsigned long)st.st_ino;
}

static unsigned long long started_at(pid_t pid)
{
	unsigned long long ticks = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d (%*[^)]) %*c %*s %*s %*s %*s %*s %*s "
	                        "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
	                        "%*s %llu", &ticks), 1);
	fclose(f);
	return ticks;
}

/* The store does not tell that. */
static void the_death_of_a_holder_is_seen_in_the_end(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char holder[64];
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	snprintf(holder, sizeof(holder), "%d %llu %lu", pid, started_at(pid),
	         name_space());
	put(bench.guest, bench.front, "pvb-holder", holder);
	assert_int_equal(try_start_patient(20, &e), 0);
	bench_settle();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	bench_settle();
	assert_int_equal(status_now().mine, PVB_XB_UNKNOWN);
	pvb_loop_turn_clock(bench.loop, 20);
	bench_wait_state(bench.front, "1");
}

static void one_that_waits_can_be_stopped(void **state)
{
	struct pvb_blkfront_ctl *first;

	(void)state;
	first = start_behind_another();
	pvb_blkfront_ctl_stop(front, false);
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.code, 0);
	assert_int_equal(last.why, PVB_OK);
	front = first;
}

static void one_that_waits_can_be_destroyed(void **state)
{
	struct pvb_blkfront_ctl *first;

	(void)state;
	first = start_behind_another();
	pvb_blkfront_ctl_destroy(front);
	front = first;
	pvb_loop_turn_clock(bench.loop, 20);
	bench_settle();
	assert_int_equal(retired, 0);
}

static void a_device_that_goes_meanwhile_is_told(void **state)
{
	struct pvb_blkfront_ctl *first;

	(void)state;
	first = start_behind_another();
	pvb_blkfront_ctl_destroy(first);
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
	TURN_UNTIL(retired == 1);
	assert_int_equal(last.code, -ENOENT);
	assert_string_equal(last.text, "domain 3 has no device 51712");
}

static void a_driver_that_is_not_ours_is_refused(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	for (int s = 3; s <= 5; s++) {
		char text[2] = { (char)('0' + s), '\0' };

		put(bench.guest, bench.front, "state", text);
		assert_int_equal(try_start(&e), -EBUSY);
		assert_non_null(strstr(e.text, "another driver"));
	}
	put(bench.guest, bench.front, "state", "6");
	start();
}

static void a_holder_that_cannot_be_seen_is_alive(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char holder[64];

	(void)state;
	snprintf(holder, sizeof(holder), "%d 1 1", bench_dead_pid());
	put(bench.guest, bench.front, "pvb-holder", holder);
	assert_int_equal(try_start(&e), -EBUSY);
	put(bench.guest, bench.front, "pvb-holder", "what");
	assert_int_equal(try_start(&e), -EBUSY);
}

static void what_a_dead_one_left_is_closed_first(void **state)
{
	char holder[64];

	(void)state;
	snprintf(holder, sizeof(holder), "%d 1 %lu", bench_dead_pid(),
	         name_space());
	put_all(bench.guest, bench.front, "pvb-holder", holder, "ring-ref",
	        "8", "queue-1/ring-ref", "9", "event-channel", "1", "state",
	        "4", NULL);
	back_state("4");
	start();
	bench_wait_state(bench.front, "6");
	bench_settle();
	assert_false(is_there(bench.front, "ring-ref"));
	assert_false(is_there(bench.front, "queue-1"));
	/* The back has not let go yet: its Connected is not for us. */
	assert_int_equal(bench.half[0].attach, 0);
	back_state("6");
	bench_wait_state(bench.front, "1");
	back_offers();
	bench_wait_state(bench.front, "3");
	back_connects("2048");
	bench_wait_state(bench.front, "4");
}

static void a_process_with_a_dead_ones_number_is_not_that(void **state)
{
	char holder[64];

	(void)state;
	/* Ours, but from another time. */
	snprintf(holder, sizeof(holder), "%d 1 %lu", getpid(), name_space());
	put(bench.guest, bench.front, "pvb-holder", holder);
	start();
}

static void one_that_let_go_without_closing_is_known_as_gone(void **state)
{
	(void)state;
	connect_all();
	pvb_blkfront_ctl_destroy(front);
	front = NULL;
	assert_string_equal(get(bench.front, "state"), "4");
	assert_string_equal(get(bench.front, "pvb-holder"), "0 0 0");
	start();
	bench_wait_state(bench.front, "6");
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(it_takes_what_both_can_do),
		FRONT_TEST(its_terms_come_with_initialised_in_one_transaction),
		FRONT_TEST(the_data_half_goes_with_the_geometry),
		FRONT_TEST(it_takes_blocks_where_there_is_nothing_else),
		FRONT_TEST(it_says_nothing_of_blocks_that_it_does_not_use),
		FRONT_TEST(it_says_how_it_counts_and_reads_so),
		FRONT_TEST(a_back_may_be_connected_early),
		FRONT_TEST(a_disk_that_grows_is_told_to_the_half),
		FRONT_TEST(it_closes_in_order),
		FRONT_TEST(a_back_that_wants_out_is_let_out),
		FRONT_TEST(a_back_that_is_gone_is_not_waited_for),
		FRONT_TEST(a_front_that_is_taken_away_writes_no_more),
		FRONT_TEST(a_forced_stop_does_not_wait_for_the_back),
		FRONT_TEST(it_waits_no_longer_than_it_was_told),
		FRONT_TEST(a_back_that_does_not_close_is_given_up),
		FRONT_TEST(what_is_in_flight_has_its_own_time),
		FRONT_TEST(nonsense_from_the_back_is_refused_with_its_reason),
		FRONT_TEST(a_half_that_dies_ends_it),
		FRONT_TEST(what_a_half_failed_at_is_told),
		FRONT_TEST(the_sentence_of_the_back_is_passed_on),
		FRONT_TEST(why_the_back_went_is_passed_on),
		FRONT_TEST(no_device_is_told),
		FRONT_TEST(nodes_that_name_no_back_are_refused),
		FRONT_TEST(a_device_in_use_is_refused),
		FRONT_TEST(one_that_waits_has_it_when_it_is_let_go),
		FRONT_TEST(one_that_waited_in_vain_is_refused),
		FRONT_TEST(the_death_of_a_holder_is_seen_in_the_end),
		FRONT_TEST(one_that_waits_can_be_stopped),
		FRONT_TEST(one_that_waits_can_be_destroyed),
		FRONT_TEST(a_device_that_goes_meanwhile_is_told),
		FRONT_TEST(a_driver_that_is_not_ours_is_refused),
		FRONT_TEST(a_holder_that_cannot_be_seen_is_alive),
		FRONT_TEST(what_a_dead_one_left_is_closed_first),
		FRONT_TEST(a_process_with_a_dead_ones_number_is_not_that),
		FRONT_TEST(one_that_let_go_without_closing_is_known_as_gone),
	};

	return cmocka_run_group_tests_name("front_ctl", tests, NULL, NULL);
}
