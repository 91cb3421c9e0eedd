/* SPDX-License-Identifier: MIT */
/*
 * test_xstree_memory.c - a request for which the memory does not suffice, at
 * whichever allocation, has changed nothing, and works when tried again.
 *
 * The allocators are wrapped at link time: there is no other way to have the
 * n-th one fail.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/xstree.h"

static uint32_t allocations_left = UINT32_MAX;

static bool is_allowed(void)
{
	if (allocations_left == UINT32_MAX)
		return true;
	if (allocations_left == 0)
		return false;
	allocations_left--;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
	return is_allowed() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t count, size_t n)
{
	return is_allowed() ? __real_calloc(count, n) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
	return is_allowed() ? __real_realloc(p, n) : NULL;
}

char *__wrap_strdup(const char *s)
{
	return is_allowed() ? __real_strdup(s) : NULL;
}

/* ---- a small store ----------------------------------------------------- */

struct world {
	struct pvb_xstree *tree;
	struct pvb_xsclient *dom0, *guest;
	uint32_t tx;                    /* open: /a/b/c written, /a/d removed */
};

static void set_up(struct world *w)
{
	const struct pvb_xsperm guests = { 5, 0 };
	const struct pvb_xsperm shared[] = { { 0, 0 }, { 5, 1 } };

	w->tree = pvb_xstree_create(NULL);
	w->dom0 = pvb_xsclient_create(w->tree, 0, NULL, NULL);
	assert_int_equal(pvb_xstree_introduce(w->tree, 5), 0);
	w->guest = pvb_xsclient_create(w->tree, 5, NULL, NULL);
	assert_int_equal(pvb_xstree_write(w->dom0, 0, "/a/b/c", "1", 1), 0);
	assert_int_equal(pvb_xstree_write(w->dom0, 0, "/a/d/e", "2", 1), 0);
	assert_int_equal(pvb_xstree_write(w->dom0, 0, "/a/f", "3", 1), 0);
	assert_int_equal(pvb_xstree_mkdir(w->dom0, 0, "/g/h"), 0);
	assert_int_equal(pvb_xstree_set_perms(w->dom0, 0, "/g", &guests, 1), 0);
	assert_int_equal(pvb_xstree_set_perms(w->dom0, 0, "/a/f", shared, 2),
	                 0);
	assert_int_equal(pvb_xstree_watch(w->dom0, "/a", "w"), 0);
	assert_int_equal(pvb_xstree_begin(w->dom0, &w->tx), 0);
	assert_int_equal(pvb_xstree_write(w->dom0, w->tx, "/a/b/c", "9", 1), 0);
	assert_int_equal(pvb_xstree_remove(w->dom0, w->tx, "/a/d"), 0);
	assert_int_equal(pvb_xstree_write(w->dom0, w->tx, "/a/n/m", "8", 1), 0);
	/* Elsewhere, so that the transaction has to be rebased. */
	assert_int_equal(pvb_xstree_write(w->dom0, 0, "/z", "4", 1), 0);
}

static void tear_down(struct world *w)
{
	struct pvb_xscounts counts;

	pvb_xsclient_destroy(w->dom0);
	pvb_xsclient_destroy(w->guest);
	pvb_xstree_counts(w->tree, &counts);
	assert_int_equal(counts.clients, 0);
	assert_int_equal(counts.watches, 0);
	assert_int_equal(counts.transactions, 0);
	pvb_xstree_destroy(w->tree);
}

/* All that can be seen of it. */
static void dump(const struct world *w, char out[2048])
{
	static const char *const paths[] = {
		"/", "/a", "/a/b", "/a/b/c", "/a/b/x", "/a/b/x/y", "/a/d",
		"/a/d/e", "/a/f", "/a/n", "/a/n/m", "/g", "/g/h", "/g/new",
		"/z",
	};
	const struct pvb_xsperm *perm;
	struct pvb_xscounts counts;
	struct pvb_xslist list;
	const void *value;
	uint32_t bytes, n;
	char *at = out, text[8], names[64];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (pvb_xstree_read(w->dom0, 0, paths[i], &value, &bytes))
			continue;
		at += sprintf(at, "%s=%.*s", paths[i], (int)bytes,
		              bytes ? (const char *)value : "");
		pvb_xstree_get_perms(w->dom0, 0, paths[i], &perm, &n);
		while (n--) {
			pvb_xsperms_print(perm++, text);
			at += sprintf(at, ",%s", text);
		}
		pvb_xstree_list(w->dom0, 0, paths[i], 0, names, sizeof(names),
		                &list);
		at += sprintf(at, ":%u\n", list.bytes);
	}
	pvb_xstree_counts(w->tree, &counts);
	sprintf(at, "%u nodes, %u watches, introduced %d %d\n", counts.nodes,
	        counts.watches, pvb_xstree_is_introduced(w->tree, 5),
	        pvb_xstree_is_introduced(w->tree, 6));
}

/* ---- requests ---------------------------------------------------------- */

static int write_deep(struct world *w)
{
	return pvb_xstree_write(w->dom0, 0, "/a/b/x/y", "new", 3);
}

static int write_over(struct world *w)
{
	return pvb_xstree_write(w->dom0, 0, "/a/b/c", "longer than it was", 18);
}

static int write_as_guest(struct world *w)
{
	return pvb_xstree_write(w->guest, 0, "/g/new", "mine", 4);
}

static int make(struct world *w)
{
	return pvb_xstree_mkdir(w->dom0, 0, "/a/b/x");
}

static int remove_all(struct world *w)
{
	return pvb_xstree_remove(w->dom0, 0, "/a");
}

static int set_perms(struct world *w)
{
	const struct pvb_xsperm perm[] = { { 6, 3 }, { 5, 1 } };

	return pvb_xstree_set_perms(w->dom0, 0, "/a/d", perm, 2);
}

static int watch(struct world *w)
{
	return pvb_xstree_watch(w->guest, "/g", "token");
}

static int introduce(struct world *w)
{
	return pvb_xstree_introduce(w->tree, 6);
}

static int release(struct world *w)
{
	return pvb_xstree_release(w->tree, 5);
}

/* A commit that fails is over; trying again means all of it. */
static int commit(struct world *w)
{
	uint32_t tx;
	int rc;

	if (w->tx) {
		tx = w->tx;
		w->tx = 0;
		return pvb_xstree_end(w->dom0, tx, true);
	}
	rc = pvb_xstree_begin(w->dom0, &tx);
	if (rc == 0)
		rc = pvb_xstree_write(w->dom0, tx, "/a/b/c", "9", 1);
	if (rc == 0)
		rc = pvb_xstree_remove(w->dom0, tx, "/a/d");
	if (rc == 0)
		rc = pvb_xstree_write(w->dom0, tx, "/a/n/m", "8", 1);
	return rc ? rc : pvb_xstree_end(w->dom0, tx, true);
}

/* In a transaction: what failed in it is not in what is committed. */
static int write_in_transaction(struct world *w)
{
	return pvb_xstree_write(w->dom0, w->tx, "/a/b/x/y", "new", 3);
}

/* ---- the same for each ------------------------------------------------- */

static void check(int (*run)(struct world *w))
{
	char before[2048], after[2048], now[2048];
	struct world w;
	uint32_t failures = 0;
	int rc = -ENOMEM;

	set_up(&w);
	assert_int_equal(run(&w), 0);
	dump(&w, after);
	tear_down(&w);

	for (uint32_t n = 0; rc == -ENOMEM; n++) {
		set_up(&w);
		dump(&w, before);
		allocations_left = n;
		rc = run(&w);
		allocations_left = UINT32_MAX;
		if (rc == -ENOMEM) {
			failures++;
			dump(&w, now);
			assert_string_equal(now, before);
			assert_int_equal(run(&w), 0);
		}
		dump(&w, now);
		assert_string_equal(now, after);
		tear_down(&w);
	}
	assert_int_equal(rc, 0);
	assert_true(failures > 0);
}

#define TEST_OF(request)                                                \
	static void request##_is_whole_or_not_at_all(void **state)      \
	{                                                               \
		(void)state;                                            \
		check(request);                                         \
	}
TEST_OF(write_deep)
TEST_OF(write_over)
TEST_OF(write_as_guest)
TEST_OF(make)
TEST_OF(remove_all)
TEST_OF(set_perms)
TEST_OF(watch)
TEST_OF(introduce)
TEST_OF(release)
TEST_OF(commit)

static void a_failed_request_is_not_in_its_transaction(void **state)
{
	struct world w;
	const void *value;
	uint32_t bytes;
	int rc = -ENOMEM;

	(void)state;
	for (uint32_t n = 0; rc == -ENOMEM; n++) {
		set_up(&w);
		allocations_left = n;
		rc = write_in_transaction(&w);
		allocations_left = UINT32_MAX;
		assert_int_equal(pvb_xstree_end(w.dom0, w.tx, true), 0);
		assert_int_equal(pvb_xstree_read(w.dom0, 0, "/a/b/x", &value,
		                                 &bytes), rc ? -ENOENT : 0);
		assert_int_equal(pvb_xstree_read(w.dom0, 0, "/a/n/m", &value,
		                                 &bytes), 0);
		tear_down(&w);
	}
	assert_int_equal(rc, 0);
}

static void an_event_without_memory_becomes_one_of_the_whole(void **state)
{
	const char *path, *token;
	struct world w;

	(void)state;
	set_up(&w);
	while (pvb_xsclient_peek_event(w.dom0, &path, &token))
		pvb_xsclient_drop_event(w.dom0);
	/* Enough for the write, not for the event: found by trying. */
	for (uint32_t n = 1;; n++) {
		allocations_left = n;
		if (write_over(&w) == 0)
			break;
		allocations_left = UINT32_MAX;
	}
	allocations_left = UINT32_MAX;
	assert_true(pvb_xsclient_peek_event(w.dom0, &path, &token));
	assert_string_equal(path, "/a");
	assert_string_equal(token, "w");
	pvb_xsclient_drop_event(w.dom0);
	assert_false(pvb_xsclient_peek_event(w.dom0, &path, &token));
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_deep_is_whole_or_not_at_all),
		cmocka_unit_test(write_over_is_whole_or_not_at_all),
		cmocka_unit_test(write_as_guest_is_whole_or_not_at_all),
		cmocka_unit_test(make_is_whole_or_not_at_all),
		cmocka_unit_test(remove_all_is_whole_or_not_at_all),
		cmocka_unit_test(set_perms_is_whole_or_not_at_all),
		cmocka_unit_test(watch_is_whole_or_not_at_all),
		cmocka_unit_test(introduce_is_whole_or_not_at_all),
		cmocka_unit_test(release_is_whole_or_not_at_all),
		cmocka_unit_test(commit_is_whole_or_not_at_all),
		cmocka_unit_test(a_failed_request_is_not_in_its_transaction),
		cmocka_unit_test(
			an_event_without_memory_becomes_one_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
