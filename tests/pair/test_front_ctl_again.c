/* SPDX-License-Identifier: MIT */
/*
 * A front's control half whose back is lost: what it has its data halves keep,
 * the handshakes that follow, and when it gives up.
 */
#include "front_bench.h"

static struct half *const h0 = &bench.half[0];

#define SECOND UINT64_C(1000000000)

static void connect_patient(void)
{
	reconnect_ns = 60 * SECOND;
	connect_all();
	assert_true(h0->attached_as.u.front_attach.keep);
}

/* From Initialising on, up to Connected. */
static void back_comes(const char *sectors)
{
	bench_wait_state(bench.front, "1");
	back_offers();
	bench_wait_state(bench.front, "3");
	back_connects(sectors);
}

static void is_back(uint32_t times)
{
	bench_wait_state(bench.front, "4");
	TURN_UNTIL(h0->go == times + 1);
	assert_int_equal(h0->attach, times + 1);
	assert_int_equal(h0->detach, times);
	assert_int_equal(retired, 0);
	assert_true(status_now().live);
}

static void ends(enum pvb_why why)
{
	TURN_UNTIL(retired == 1);
	assert_string_equal(pvb_why_name(last.why), pvb_why_name(why));
	assert_false(is_there(bench.front, "pvb-holder"));
}

/* As a toolstack makes it. */
static void new_directory(void)
{
	const struct pvb_store_perm perm[] = {
		{ BACK, 0 }, { FRONT, PVB_STORE_READ },
	};

	(void)bench.tools->ops->remove(bench.tools, 0, bench.back);
	assert_int_equal(bench.tools->ops->write(bench.tools, 0, bench.back, "",
	                                         0), 0);
	assert_int_equal(bench.tools->ops->set_perms(bench.tools, 0, bench.back,
	                                             perm, 2), 0);
	put_all(bench.tools, bench.back, "frontend", bench.front,
	        "frontend-id", "3", "online", "1", "state", "1", NULL);
}

/* ---- ways to go ---------------------------------------------------------- */

static void closed_and_init_wait_again(void **state)
{
	(void)state;
	connect_patient();
	back_state("6");
	TURN_UNTIL(h0->drain == 1);
	assert_int_equal(h0->cut, 1);
	assert_true(h0->last.keep);
	bench_wait_state(bench.front, "1");
	assert_int_equal(h0->detach, 1);
	assert_false(is_there(bench.front, "ring-ref"));
	assert_true(is_there(bench.front, "pvb-holder"));
	back_comes("2048");
	is_back(1);
}

/* It answers what is in flight first. */
static void closing_lets_it_drain(void **state)
{
	(void)state;
	connect_patient();
	back_state("5");
	bench_wait_state(bench.front, "6");
	assert_int_equal(h0->drain, 1);
	assert_int_equal(h0->cut, 0);
	back_state("6");
	back_comes("2048");
	is_back(1);
}

/* As one does whose process was restarted. */
static void it_begins_anew_without_a_word(void **state)
{
	(void)state;
	connect_patient();
	back_state("2");
	bench_wait_state(bench.front, "5");
	assert_int_equal(h0->cut, 1);
	assert_int_equal(h0->detach, 0);
	back_state("5");
	bench_wait_state(bench.front, "6");
	back_state("6");
	back_comes("2048");
	is_back(1);
}

static void a_dead_directory_and_a_new_one(void **state)
{
	(void)state;
	connect_patient();
	take_away(bench.tools, bench.back);
	bench_wait_state(bench.front, "1");
	bench_settle();
	assert_int_equal(h0->attach, 1);
	new_directory();
	bench_settle();
	assert_int_equal(h0->attach, 1);
	back_comes("2048");
	is_back(1);
}

static void requests_that_nobody_answers(void **state)
{
	(void)state;
	connect_patient();
	half_say_failed(h0, PVB_WHY_TIMEOUT, "no answer");
	bench_wait_state(bench.front, "5");
	assert_true(h0->last.keep);
	back_state("6");
	back_comes("2048");
	is_back(1);
}

/* Dead without a trace: it has to let go before there is another ring. */
static void one_that_says_nothing_is_waited_for(void **state)
{
	(void)state;
	connect_patient();
	half_say_failed(h0, PVB_WHY_TIMEOUT, "no answer");
	bench_wait_state(bench.front, "5");
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 5);
	bench_wait_state(bench.front, "6");
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 5);
	TURN_UNTIL(h0->detach == 1);
	bench_settle();
	assert_string_equal(get(bench.front, "state"), "6");
	assert_int_equal(h0->attach, 1);
	back_state("2");
	back_comes("2048");
	is_back(1);
}

static void it_may_have_other_terms(void **state)
{
	(void)state;
	connect_patient();
	assert_int_equal(h0->attached_as.u.front_attach.ring_order, 1);
	assert_int_equal(h0->attached_as.u.front_attach.indirect_max, 24);
	back_state("6");
	bench_wait_state(bench.front, "1");
	new_directory();
	back_state("2");
	bench_wait_state(bench.front, "3");
	assert_int_equal(h0->attached_as.u.front_attach.ring_order, 0);
	assert_int_equal(h0->attached_as.u.front_attach.indirect_max, 0);
	back_connects("4096");
	is_back(1);
	assert_int_equal(h0->last.u.geometry.sectors, 4096);
}

/* ---- how long ------------------------------------------------------------ */

static void it_is_waited_for_so_long_and_no_longer(void **state)
{
	(void)state;
	connect_patient();
	back_state("6");
	bench_wait_state(bench.front, "1");
	bench_settle();
	pvb_loop_turn_clock(bench.loop, 59 * SECOND);
	bench_settle();
	assert_int_equal(retired, 0);
	pvb_loop_turn_clock(bench.loop, SECOND);
	ends(PVB_WHY_TIMEOUT);
	assert_non_null(strstr(bench.log_last, "nobody serves it again"));
}

/* What a back does half-way does not give it more time. */
static void steps_on_the_way_do_not_count(void **state)
{
	(void)state;
	connect_patient();
	back_state("6");
	bench_wait_state(bench.front, "1");
	pvb_loop_turn_clock(bench.loop, 30 * SECOND);
	back_offers();
	bench_wait_state(bench.front, "3");
	back_state("5");
	bench_wait_state(bench.front, "6");
	back_state("6");
	TURN_UNTIL(h0->detach == 2);
	bench_settle();
	pvb_loop_turn_clock(bench.loop, SECOND);
	bench_wait_state(bench.front, "1");
	pvb_loop_turn_clock(bench.loop, 28 * SECOND);
	bench_settle();
	assert_int_equal(retired, 0);
	pvb_loop_turn_clock(bench.loop, SECOND);
	ends(PVB_WHY_TIMEOUT);
}

static void each_loss_has_its_own_time(void **state)
{
	(void)state;
	connect_patient();
	for (uint32_t i = 1; i <= 20; i++) {
		back_state("6");
		bench_wait_state(bench.front, "1");
		pvb_loop_turn_clock(bench.loop, 50 * SECOND);
		back_comes("2048");
		is_back(i);
	}
}

static void without_patience_it_is_the_end(void **state)
{
	(void)state;
	connect_all();
	assert_false(h0->attached_as.u.front_attach.keep);
	back_state("6");
	TURN_UNTIL(h0->drain == 1);
	assert_false(h0->last.keep);
	ends(PVB_WHY_STATE);
}

/* There was no disk yet that somebody could miss. */
static void before_it_was_connected_it_is_not_a_loss(void **state)
{
	(void)state;
	reconnect_ns = 60 * SECOND;
	start();
	back_offers();
	bench_wait_state(bench.front, "3");
	back_state("6");
	TURN_UNTIL(h0->drain == 1);
	assert_false(h0->last.keep);
	ends(PVB_WHY_STATE);
}

static void lose_fruitlessly(bool is_last)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_DRAINED };
	uint32_t drains = h0->drain;

	m.u.drained.kept = 1;
	h0->quiet = true;
	back_state("6");
	TURN_UNTIL(h0->drain == drains + 1);
	h0->quiet = false;
	assert_int_equal(pvb_link_send(&h0->link, &m, sizeof(m), NULL, 0), 0);
	if (is_last)
		return;
	back_comes("2048");
	bench_wait_state(bench.front, "4");
}

/* Perhaps it dies of them. */
static void the_same_requests_are_not_sent_for_ever(void **state)
{
	(void)state;
	connect_patient();
	for (int i = 0; i < 4; i++)
		lose_fruitlessly(false);
	assert_int_equal(retired, 0);
	lose_fruitlessly(true);
	ends(PVB_WHY_STATE);
	assert_non_null(strstr(bench.log_last, "again and again"));
}

/* ---- no loss ------------------------------------------------------------- */

static void a_device_that_is_taken_away_is_not_waited_for(void **state)
{
	(void)state;
	connect_patient();
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 0);
	TURN_UNTIL(h0->drain == 1);
	assert_false(h0->last.keep);
	bench_wait_state(bench.front, "6");
	back_state("6");
	ends(PVB_WHY_STATE);
}

static void nor_while_it_is_waited_for(void **state)
{
	(void)state;
	connect_patient();
	back_state("6");
	bench_wait_state(bench.front, "1");
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
	TURN_UNTIL(retired == 1);
	assert_false(is_there(bench.front, "state"));
}

static void a_liar_is_not_waited_for(void **state)
{
	(void)state;
	connect_patient();
	half_say_failed(h0, PVB_WHY_RSP_ID, "an answer to nothing");
	TURN_UNTIL(h0->drain == 1);
	assert_false(h0->last.keep);
	back_state("6");
	ends(PVB_WHY_RSP_ID);
}

static void another_disk(const char *name, const char *value)
{
	connect_patient();
	back_state("6");
	bench_wait_state(bench.front, "1");
	back_offers();
	bench_wait_state(bench.front, "3");
	put_all(bench.tools, bench.back, "sectors", "2048", "sector-size",
	        "512", "info", "0", "feature-flush-cache", "1", NULL);
	put_all(bench.tools, bench.back, name, value, "state", "4", NULL);
	TURN_UNTIL(h0->drain == 2);
	assert_false(h0->last.keep);
	bench_wait_state(bench.front, "5");
	back_state("6");
	ends(PVB_WHY_OTHER_DISK);
	assert_non_null(strstr(last.text, name));
	assert_int_equal(h0->go, 1);
}

static void one_that_is_smaller_is_another(void **state)
{
	(void)state;
	another_disk("sectors", "2047");
}

static void so_is_one_with_other_sectors(void **state)
{
	(void)state;
	another_disk("sector-size", "4096");
}

static void or_that_may_not_be_written(void **state)
{
	(void)state;
	another_disk("info", "4");
}

static void or_that_cannot_be_flushed(void **state)
{
	(void)state;
	another_disk("feature-flush-cache", "0");
}

/* ---- its owner has had enough -------------------------------------------- */

static void it_may_be_stopped_while_it_waits(void **state)
{
	(void)state;
	connect_patient();
	back_state("6");
	bench_wait_state(bench.front, "1");
	pvb_blkfront_ctl_stop(front, false);
	TURN_UNTIL(retired == 1);
	assert_string_equal(get(bench.front, "state"), "6");
	assert_false(is_there(bench.front, "pvb-holder"));
}

static void and_while_it_leaves_the_former_one(void **state)
{
	(void)state;
	connect_patient();
	back_state("5");
	bench_wait_state(bench.front, "6");
	pvb_blkfront_ctl_stop(front, false);
	back_state("6");
	TURN_UNTIL(retired == 1);
	assert_int_equal(h0->attach, 1);
	assert_false(is_there(bench.front, "pvb-holder"));
}

static void and_destroyed_at_any_time(void **state)
{
	(void)state;
	connect_patient();
	back_state("6");
	TURN_UNTIL(h0->detach == 1);
	pvb_blkfront_ctl_destroy(front);
	front = NULL;
	bench_settle();
	assert_int_equal(retired, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(closed_and_init_wait_again),
		FRONT_TEST(closing_lets_it_drain),
		FRONT_TEST(it_begins_anew_without_a_word),
		FRONT_TEST(a_dead_directory_and_a_new_one),
		FRONT_TEST(requests_that_nobody_answers),
		FRONT_TEST(one_that_says_nothing_is_waited_for),
		FRONT_TEST(it_may_have_other_terms),
		FRONT_TEST(it_is_waited_for_so_long_and_no_longer),
		FRONT_TEST(steps_on_the_way_do_not_count),
		FRONT_TEST(each_loss_has_its_own_time),
		FRONT_TEST(without_patience_it_is_the_end),
		FRONT_TEST(before_it_was_connected_it_is_not_a_loss),
		FRONT_TEST(the_same_requests_are_not_sent_for_ever),
		FRONT_TEST(a_device_that_is_taken_away_is_not_waited_for),
		FRONT_TEST(nor_while_it_is_waited_for),
		FRONT_TEST(a_liar_is_not_waited_for),
		FRONT_TEST(one_that_is_smaller_is_another),
		FRONT_TEST(so_is_one_with_other_sectors),
		FRONT_TEST(or_that_may_not_be_written),
		FRONT_TEST(or_that_cannot_be_flushed),
		FRONT_TEST(it_may_be_stopped_while_it_waits),
		FRONT_TEST(and_while_it_leaves_the_former_one),
		FRONT_TEST(and_destroyed_at_any_time),
	};

	return cmocka_run_group_tests_name("front_ctl_again", tests, NULL,
	                                   NULL);
}
