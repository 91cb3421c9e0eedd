/* SPDX-License-Identifier: MIT */
/* Many watchers on one store handle, against a real local store. */
#include <sys/socket.h>

#include "machine.h"

#include "bus/watches.h"
#include "hyp/store.h"

enum { STORM = 20000 };

static struct machine machine;
static struct pvb_loop *loop;
static struct pvb_store *ours, *theirs;
static struct pvb_watches *watches;
static uint32_t times_lost;

/* A watch that counts its calls and keeps the last path. */
struct eye {
	struct pvb_watch watch;
	uint32_t calls;
	char path[PVB_WATCH_PATH_MAX + 1];
	struct eye *removes;            /* when it is called */
};

static void seen(struct pvb_watch *w, const char *path)
{
	struct eye *e = pvb_container(w, struct eye, watch);

	e->calls++;
	snprintf(e->path, sizeof(e->path), "%s", path);
	if (e->removes)
		pvb_watches_remove(watches, &e->removes->watch);
}

static void lost(void *arg)
{
	assert_ptr_equal(arg, &times_lost);
	times_lost++;
}

static void add(struct eye *e, const char *path)
{
	e->watch.fired = seen;
	assert_int_equal(pvb_watches_add(watches, &e->watch, path), 0);
}

static void drop(struct eye *e)
{
	pvb_watches_remove(watches, &e->watch);
}

static void put(const char *path, const char *value)
{
	assert_int_equal(theirs->ops->write(theirs, 0, path, value,
	                                    strlen(value)), 0);
}

static void turn_until(const struct eye *e, uint32_t calls)
{
	while (e->calls < calls)
		assert_int_equal(pvb_loop_turn(loop, true), 0);
}

/* All that was written before has been told: events come in order. */
static void settle(void)
{
	struct eye ping = { .calls = 0 };

	add(&ping, "/ping");
	turn_until(&ping, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pvb_loop_turn(loop, false), 0);
	ping.calls = 0;
	put("/ping", "");
	turn_until(&ping, 1);
	drop(&ping);
}

static int setup(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	machine_start(&machine);
	loop = pvb_loop_create(NULL, &e);
	assert_non_null(loop);
	ours = pvb_store_open_local(machine.run, 0, false, &e);
	theirs = pvb_store_open_local(machine.run, 0, false, &e);
	assert_non_null(ours);
	assert_non_null(theirs);
	watches = pvb_watches_create(loop, ours, lost, &times_lost, &e);
	assert_non_null(watches);
	times_lost = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pvb_watches_destroy(watches);
	pvb_store_close(ours);
	pvb_store_close(theirs);
	pvb_loop_destroy(loop);
	if (machine.broker)
		machine_stop(&machine);
	return 0;
}

/* ---- what is told -------------------------------------------------------- */

static void the_beginning_is_told_once(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "/a/b");
	settle();
	assert_int_equal(e.calls, 1);
	assert_string_equal(e.path, "/a/b");
	drop(&e);
}

static void a_change_is_told_with_its_path(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "/a");
	settle();
	put("/a/b/c", "1");
	turn_until(&e, 2);
	assert_string_equal(e.path, "/a/b/c");
	drop(&e);
}

static void several_changes_are_told_as_the_node_above_them(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "/a");
	settle();
	put("/a/b/state", "1");
	put("/a/b/state2", "1");
	settle();
	assert_string_equal(e.path, "/a/b");
	put("/a/b/state", "1");
	put("/a/c", "1");
	settle();
	assert_string_equal(e.path, "/a");
	put("/a/b", "1");
	put("/a/b/state", "1");
	settle();
	assert_string_equal(e.path, "/a/b");
	drop(&e);
}

static void a_storm_is_a_few_calls(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "/a");
	settle();
	e.calls = 0;
	for (int i = 0; i < STORM; i++)
		put("/a", i & 1 ? "1" : "0");
	settle();
	assert_in_range(e.calls, 1, STORM / 100);
	drop(&e);
}

static void an_event_that_came_with_an_answer_is_not_slept_over(void **state)
{
	struct eye e = { .calls = 0 };
	char value[8];

	(void)state;
	add(&e, "/a");
	settle();
	put("/a", "x");
	/* The answer to this stands behind the event, which is taken out of
	   the socket: its descriptor shows nothing any more. */
	assert_int_equal(ours->ops->read(ours, 0, "/a", value, sizeof(value)),
	                 1);
	turn_until(&e, 2);
	drop(&e);
}

static void special_watches_are_told(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "@introduceDomain");
	settle();
	e.calls = 0;
	assert_int_equal(machine_introduce(&machine, 7), 0);
	turn_until(&e, 1);
	assert_string_equal(e.path, "@introduceDomain");
	drop(&e);
}

/* ---- adding and removing ------------------------------------------------- */

static void two_may_watch_one_path(void **state)
{
	struct eye a = { .calls = 0 }, b = { .calls = 0 };
	struct pvb_hyp_counts one, two;

	(void)state;
	add(&a, "/a");
	settle();
	one = machine_counts(&machine);
	add(&b, "/a");
	two = machine_counts(&machine);
	assert_int_equal(one.store_watches, two.store_watches);
	settle();
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	put("/a", "1");
	turn_until(&b, 2);
	assert_int_equal(a.calls, 2);
	drop(&a);
	put("/a", "2");
	turn_until(&b, 3);
	assert_int_equal(a.calls, 2);
	drop(&b);
}

static void one_that_is_removed_hears_no_more(void **state)
{
	struct eye old = { .calls = 0 }, new = { .calls = 0 };

	(void)state;
	add(&old, "/a");
	settle();
	old.calls = 0;
	put("/a", "1");
	/* The event is under way, and its slot is used again. */
	drop(&old);
	add(&new, "/b");
	settle();
	assert_int_equal(old.calls, 0);
	assert_int_equal(new.calls, 1);
	assert_string_equal(new.path, "/b");
	drop(&new);
	drop(&new);
}

static void a_call_may_remove_others_and_itself(void **state)
{
	struct eye a = { .calls = 0 }, b = { .calls = 0 }, c = { .calls = 0 };

	(void)state;
	a.removes = &b;
	b.removes = &a;
	c.removes = &c;
	add(&a, "/x");
	add(&b, "/x");
	add(&c, "/x");
	settle();
	/* Whichever of the two came first has removed the other. */
	assert_int_equal(a.calls + b.calls, 1);
	assert_int_equal(c.calls, 1);
	drop(&a);
	drop(&b);
}

static void many_paths_can_be_watched(void **state)
{
	static struct eye e[300];
	char path[32];

	(void)state;
	memset(e, 0, sizeof(e));
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/many/%d", i);
		add(&e[i], path);
	}
	settle();
	put("/many/299", "x");
	turn_until(&e[299], 2);
	for (int i = 0; i < 299; i++)
		assert_int_equal(e[i].calls, 1);
	for (int i = 0; i < 300; i++)
		drop(&e[i]);
}

static void a_path_that_cannot_be_is_refused(void **state)
{
	struct eye e = { .watch.fired = seen };
	char path[PVB_WATCH_PATH_MAX + 2];

	(void)state;
	assert_int_equal(pvb_watches_add(watches, &e.watch, "//"), -EINVAL);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(pvb_watches_add(watches, &e.watch, path),
	                 -ENAMETOOLONG);
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(pvb_watches_add(watches, &e.watch, path), 0);
	drop(&e);
}

/* ---- the end of the store ------------------------------------------------ */

static void the_loss_of_the_store_is_told_once(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "/a");
	settle();
	machine_stop(&machine);
	while (times_lost == 0)
		assert_int_equal(pvb_loop_turn(loop, true), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pvb_loop_turn(loop, false), 0);
	assert_int_equal(times_lost, 1);
	drop(&e);
}

/* Found by the look into the handle before the loop sleeps. */
static void also_one_that_nothing_is_waited_for(void **state)
{
	struct eye e = { .calls = 0 };

	(void)state;
	add(&e, "/a");
	settle();
	assert_false(pvb_watches_is_lost(watches));
	assert_int_equal(shutdown(ours->ops->fd(ours), SHUT_RDWR), 0);
	for (int i = 0; i < 10 && times_lost == 0; i++)
		assert_int_equal(pvb_loop_turn(loop, !pvb_watches_is_lost(
		                                       watches)), 0);
	assert_true(pvb_watches_is_lost(watches));
	assert_int_equal(times_lost, 1);
	drop(&e);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_beginning_is_told_once),
		TEST(a_change_is_told_with_its_path),
		TEST(several_changes_are_told_as_the_node_above_them),
		TEST(a_storm_is_a_few_calls),
		TEST(an_event_that_came_with_an_answer_is_not_slept_over),
		TEST(special_watches_are_told),
		TEST(two_may_watch_one_path),
		TEST(one_that_is_removed_hears_no_more),
		TEST(a_call_may_remove_others_and_itself),
		TEST(many_paths_can_be_watched),
		TEST(a_path_that_cannot_be_is_refused),
		TEST(the_loss_of_the_store_is_told_once),
		TEST(also_one_that_nothing_is_waited_for),
	};

	return cmocka_run_group_tests_name("watches", tests, NULL, NULL);
}
