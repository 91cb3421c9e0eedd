/* SPDX-License-Identifier: MIT */
/* test_xstree_events.c - the bounded queue of a client's watch events. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/xstree.h"

struct world {
	struct pvb_xstree *tree;
	struct pvb_xsclient *writer, *deaf;
	uint32_t calls;                 /* of on_waiting */
};

static void on_waiting(struct pvb_xsclient *c, void *arg)
{
	struct world *w = arg;

	(void)c;
	w->calls++;
}

static int set_up(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.tree = pvb_xstree_create(NULL);
	w.writer = pvb_xsclient_create(w.tree, 0, NULL, NULL);
	w.deaf = pvb_xsclient_create(w.tree, 5, on_waiting, &w);
	*state = &w;
	return pvb_xstree_set_perms(w.writer, 0, "/",
	                            &(struct pvb_xsperm){ 0, 1 }, 1);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	pvb_xsclient_destroy(w->writer);
	pvb_xsclient_destroy(w->deaf);
	pvb_xstree_destroy(w->tree);
	return 0;
}

static void write_at(struct world *w, const char *path)
{
	assert_int_equal(pvb_xstree_write(w->writer, 0, path, "x", 1), 0);
}

static void expect(struct world *w, const char *path, const char *token)
{
	const char *p, *t;

	assert_true(pvb_xsclient_peek_event(w->deaf, &p, &t));
	assert_string_equal(p, path);
	assert_string_equal(t, token);
	pvb_xsclient_drop_event(w->deaf);
}

static void expect_none(struct world *w)
{
	const char *p, *t;

	assert_false(pvb_xsclient_peek_event(w->deaf, &p, &t));
}

static void watch(struct world *w, const char *path, const char *token)
{
	assert_int_equal(pvb_xstree_watch(w->deaf, path, token), 0);
	expect(w, path, token);
}

static void events_come_in_the_order_of_changes(void **state)
{
	struct world *w = *state;

	watch(w, "/a", "t");
	write_at(w, "/a/2");
	write_at(w, "/a");
	write_at(w, "/a/1");
	expect(w, "/a/2", "t");
	expect(w, "/a", "t");
	expect(w, "/a/1", "t");
	expect_none(w);
}

static void an_event_that_waits_is_not_queued_again(void **state)
{
	struct world *w = *state;

	watch(w, "/a", "t");
	for (int i = 0; i < 100; i++) {
		write_at(w, "/a/1");
		write_at(w, "/a");
	}
	expect(w, "/a/1", "t");
	expect(w, "/a", "t");
	expect_none(w);
	write_at(w, "/a/1");
	expect(w, "/a/1", "t");
}

static void the_owner_is_told_once_until_all_was_taken(void **state)
{
	struct world *w = *state;

	watch(w, "/a", "t");
	w->calls = 0;
	write_at(w, "/a/1");
	write_at(w, "/a/2");
	assert_int_equal(w->calls, 1);
	expect(w, "/a/1", "t");
	write_at(w, "/a/3");
	assert_int_equal(w->calls, 1);
	expect(w, "/a/2", "t");
	expect(w, "/a/3", "t");
	write_at(w, "/a/4");
	assert_int_equal(w->calls, 2);
}

static void too_many_events_become_one_of_the_watched_path(void **state)
{
	struct world *w = *state;
	const char *path = "", *token;
	uint32_t taken = 0;
	char at[64];

	watch(w, "/a", "t");
	watch(w, "/a/quiet", "q");
	for (int i = 0; i < 20000; i++) {
		snprintf(at, sizeof(at), "/a/%d/%d", i / 100, i);
		write_at(w, at);
	}
	while (pvb_xsclient_peek_event(w->deaf, &path, &token)) {
		taken++;
		snprintf(at, sizeof(at), "%s", path);
		pvb_xsclient_drop_event(w->deaf);
	}
	assert_in_range(taken, 100, 2000);
	/* The last one, so that nothing after it is missed. */
	assert_string_equal(at, "/a");
	/* The other watch lost nothing, and there is room again. */
	write_at(w, "/a/quiet");
	expect(w, "/a/quiet", "q");
	expect(w, "/a/quiet", "t");
	write_at(w, "/a/again");
	expect(w, "/a/again", "t");
	expect_none(w);
}

static void a_full_queue_still_takes_one_for_each_watch(void **state)
{
	struct world *w = *state;
	const char *path, *token;
	bool told = false;
	char at[64];

	watch(w, "/a", "t");
	watch(w, "/b", "u");
	for (int i = 0; i < 20000; i++) {
		snprintf(at, sizeof(at), "/a/%d/%d", i / 100, i);
		write_at(w, at);
	}
	write_at(w, "/b/1");
	while (pvb_xsclient_peek_event(w->deaf, &path, &token)) {
		told = told || strcmp(token, "u") == 0;
		pvb_xsclient_drop_event(w->deaf);
	}
	assert_true(told);
}

static void unwatch_drops_what_waits_for_it(void **state)
{
	struct world *w = *state;

	watch(w, "/a", "t");
	watch(w, "/a", "u");
	write_at(w, "/a/1");
	write_at(w, "/a");
	assert_int_equal(pvb_xstree_unwatch(w->deaf, "/a", "t"), 0);
	expect(w, "/a/1", "u");
	expect(w, "/a", "u");
	expect_none(w);
}

static void what_does_not_fit_a_message_is_told_by_the_watched_path(
	void **state)
{
	struct world *w = *state;
	char path[2001] = "/a/", token[3001];

	memset(path + 3, 'p', sizeof(path) - 4);
	path[sizeof(path) - 1] = '\0';
	memset(token, 't', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	watch(w, "/a", token);
	write_at(w, path);
	expect(w, "/a", token);
	expect_none(w);
}

static void many_watches_are_found_and_forgotten(void **state)
{
	struct world *w = *state;
	char path[32];

	/* More than the table starts with, twice over. */
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		assert_int_equal(pvb_xstree_watch(w->writer, path, "t"), 0);
	}
	for (int i = 0; i < 300; i += 2) {
		snprintf(path, sizeof(path), "/a/%d", i);
		assert_int_equal(pvb_xstree_unwatch(w->writer, path, "t"), 0);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		assert_int_equal(pvb_xstree_unwatch(w->writer, path, "t"),
		                 i % 2 ? 0 : -ENOENT);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(events_come_in_the_order_of_changes),
		TEST(an_event_that_waits_is_not_queued_again),
		TEST(the_owner_is_told_once_until_all_was_taken),
		TEST(too_many_events_become_one_of_the_watched_path),
		TEST(a_full_queue_still_takes_one_for_each_watch),
		TEST(unwatch_drops_what_waits_for_it),
		TEST(what_does_not_fit_a_message_is_told_by_the_watched_path),
		TEST(many_watches_are_found_and_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
