/* SPDX-License-Identifier: MIT */
/* cases_table.c - the store table of hyp, on whatever store is behind. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "cases.h"
#include "hyp/store.h"
#include "proto/keys.h"

static struct pvb_store *open_table(struct rig *r, uint16_t domid)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_store *s;
	char path[128];

	rig_door(r, domid, path, sizeof(path));
	if (r->by_library) {
		setenv("XENSTORED_PATH", path, 1);
		s = pvb_store_open_xen(&e);
	} else {
		s = pvb_store_open_socket(path, &e);
	}
	if (!s)
		fail_msg("%s", e.text);
	return s;
}

/* The next event, waited for, is this one. */
static void expect_event(struct pvb_store *s, const char *path, uint64_t token)
{
	struct pollfd p = { .fd = s->ops->fd(s), .events = POLLIN };
	struct pvb_store_event e;
	int rc;

	while ((rc = s->ops->next_event(s, &e)) == 0)
		assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(rc, 1);
	assert_string_equal(e.path, path);
	assert_true(e.token == token);
}

static void the_table_reads_and_writes(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	char value[8];

	assert_int_equal(s->ops->write(s, 0, "/t/a", "one\0", 4), 0);
	assert_int_equal(s->ops->read(s, 0, "/t/a", value, sizeof(value)), 4);
	assert_memory_equal(value, "one\0", 4);
	assert_int_equal(s->ops->read(s, 0, "/t/a", value, 3), -E2BIG);
	assert_int_equal(s->ops->read(s, 0, "/t/b", value, 3), -ENOENT);
	assert_int_equal(s->ops->read(s, 0, "/t//b", value, 3), -EINVAL);
	assert_int_equal(s->ops->mkdir(s, 0, "/t/d/e"), 0);
	assert_int_equal(s->ops->remove(s, 0, "/t/d"), 0);
	assert_int_equal(s->ops->remove(s, 0, "/t/d/e/f"), 0);
	pvb_store_close(s);
}

static void the_table_lists_the_longest_directory(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	char path[64], *names;
	int count = 0, bytes;

	for (int i = 0; i < 900; i++) {
		snprintf(path, sizeof(path), "/t/d/%019d", i);
		assert_int_equal(s->ops->mkdir(s, 0, path), 0);
	}
	bytes = s->ops->list(s, 0, "/t/d", &names);
	if (rig_differs(r, "no-directory-parts")) {
		/* An answer over the limit of the wire ends the connection. */
		assert_int_equal(bytes, -EIO);
		assert_int_equal(s->ops->mkdir(s, 0, "/t/d"), -EIO);
		pvb_store_close(s);
		return;
	}
	assert_int_equal(bytes, 900 * 20);
	for (const char *p = names; p < names + bytes; p += strlen(p) + 1)
		count += strlen(p) == 19;
	assert_int_equal(count, 900);
	free(names);
	assert_int_equal(s->ops->list(s, 0, "/t/d/0000000000000000001",
	                              &names), 0);
	free(names);
	assert_int_equal(s->ops->list(s, 0, "/t/none", &names), -ENOENT);
	pvb_store_close(s);
}

static void the_table_says_permissions(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	uint16_t domid = rig_boot(r);
	const struct pvb_store_perm set[] = {
		{ 0, PVB_STORE_READ },
		{ domid, PVB_STORE_READ | PVB_STORE_WRITE },
	};
	struct pvb_store_perm get[4];

	assert_int_equal(s->ops->mkdir(s, 0, "/t/a"), 0);
	assert_int_equal(s->ops->set_perms(s, 0, "/t/a", set, 2), 0);
	assert_int_equal(s->ops->get_perms(s, 0, "/t/a", get, 4), 2);
	assert_int_equal(get[0].domid, 0);
	assert_int_equal(get[0].rights, PVB_STORE_READ);
	assert_int_equal(get[1].domid, domid);
	assert_int_equal(get[1].rights, PVB_STORE_READ | PVB_STORE_WRITE);
	assert_int_equal(s->ops->get_perms(s, 0, "/t/a", get, 1), 2);
	pvb_store_close(s);
}

static void the_table_hears_events(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	struct client *c = rig_open(r, 0);
	char value[4];

	assert_int_equal(s->ops->watch(s, "/t/a", UINT64_MAX), 0);
	expect_event(s, "/t/a", UINT64_MAX);
	assert_int_equal(s->ops->watch(s, "/t/a", UINT64_MAX), -EEXIST);
	/* One that comes between a request and its reply is kept. */
	assert_int_equal(xw_write(c, 0, "/t/a/b", "x"), 0);
	assert_int_equal(s->ops->read(s, 0, "/t/a/b", value, 4), 1);
	expect_event(s, "/t/a/b", UINT64_MAX);
	/* One whose watch was taken back is not. */
	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	s->ops->unwatch(s, "/t/a", UINT64_MAX);
	assert_int_equal(s->ops->watch(s, "/t/c", 5), 0);
	expect_event(s, "/t/c", 5);
	pvb_store_close(s);
}

static void the_table_keeps_a_flood_of_events_small(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	struct client *c = rig_open(r, 0);
	struct pvb_store_event e;
	char path[64], value[4];
	int events = 0, whole = 0, rc;

	assert_int_equal(s->ops->watch(s, "/t", 1), 0);
	for (int i = 0; i < 9000; i++) {
		snprintf(path, sizeof(path), "/t/%d/%049d", i / 100, i);
		assert_int_equal(xw_write(c, 0, path, ""), 0);
		if (i % 50 == 0)        /* has the handle take events in */
			assert_int_equal(s->ops->read(s, 0, path, value, 4), 0);
	}
	do {
		rc = s->ops->read(s, 0, path, value, 4);
		assert_int_equal(rc, 0);
		while ((rc = s->ops->next_event(s, &e)) == 1) {
			events++;
			whole = strcmp(e.path, "/t") == 0;
		}
		assert_int_equal(rc, 0);
	} while (!whole);
	/* Not all of them, and last one that says "look at all of it". */
	assert_in_range(events, 100, 8999);
	pvb_store_close(s);
}

/* Add one, and have somebody else add one meanwhile the first times. */
struct race { struct client *other; int tries, interferences; };

static int add_one(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct race *race = arg;
	char text[32];
	uint64_t n;
	int rc;

	rc = pvb_store_read_u64_at(s, tx, "/t", "n", 1000, &n);
	if (rc)
		return rc;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n + 1);
	rc = pvb_store_write_at(s, tx, "/t", "n", text);
	if (rc == 0 && race->tries++ < race->interferences)
		rc = xw_write(race->other, 0, "/t/n", text);
	return rc;
}

static void a_transaction_is_run_until_it_holds(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	struct race race = { rig_open(r, 0), 0, 3 };
	uint64_t n;

	assert_int_equal(xw_write(race.other, 0, "/t/n", "0"), 0);
	assert_int_equal(pvb_store_transact(s, add_one, &race), 0);
	assert_int_equal(race.tries, 4);
	assert_int_equal(pvb_store_read_u64_at(s, 0, "/t", "n", 9, &n), 0);
	assert_int_equal(n, 4);
	pvb_store_close(s);
}

static void a_transaction_is_not_run_for_ever(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	struct race race = { rig_open(r, 0), 0, 1000 };

	assert_int_equal(xw_write(race.other, 0, "/t/n", "0"), 0);
	assert_int_equal(pvb_store_transact(s, add_one, &race), -EAGAIN);
	assert_int_equal(race.tries, PVB_STORE_TRIES_MAX);
	pvb_store_close(s);
}

/* Remove a directory, and have somebody else be faster the first time: what
   the transaction has seen of it depends on what it looks at. */
struct removal { struct client *other; const char *look, *others; int tries; };

static int remove_directory(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct removal *m = arg;
	char value[8];
	int rc = s->ops->read(s, tx, m->look, value, sizeof(value));

	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (m->tries++ == 0)
		assert_int_equal(xw_rm(m->other, 0, m->others), 0);
	return s->ops->remove(s, tx, "/t/d/e");
}

static void a_removal_that_another_was_faster_with(struct rig *r)
{
	static const struct { const char *look, *others; } v[] = {
		{ "/t/d/e", "/t/d/e" }, { "/t/d/e", "/t/d" },
		{ "/t/d/e", "/t/d/e/f" }, { "/t/d/e/f", "/t/d/e" },
	};
	struct pvb_store *s = open_table(r, 0);
	struct removal m = { .other = rig_open(r, 0) };

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		m.look = v[i].look;
		m.others = v[i].others;
		m.tries = 0;
		assert_int_equal(xw_write(m.other, 0, "/t/d/e/f", "1"), 0);
		assert_int_equal(pvb_store_transact(s, remove_directory, &m),
		                 0);
		assert_int_equal(xw_read(m.other, 0, "/t/d/e"), -ENOENT);
	}
	pvb_store_close(s);
}

static void a_bodys_error_aborts_the_transaction(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	struct race race = { rig_open(r, 0), 0, 0 };

	assert_int_equal(xw_write(race.other, 0, "/t/n", "no number"), 0);
	assert_int_equal(pvb_store_transact(s, add_one, &race), -EINVAL);
	assert_reads(race.other, 0, "/t/n", "no number");
	pvb_store_close(s);
}

static void keys_go_to_the_store_and_come_back(struct rig *r)
{
	static const char *const names[] = { "ring-ref", "absent", "long",
	                                     "queue-0/event-channel", NULL };
	static struct pvb_keys out, in;
	struct pvb_store *s = open_table(r, 0);
	char longest[PVB_KEYS_VALUE_MAX + 2];
	uint64_t n;

	memset(&out, 0, sizeof(out));
	memset(&in, 0, sizeof(in));
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(pvb_keys_put_u64(&out, "ring-ref", 8), 0);
	assert_int_equal(pvb_keys_put_u64(&out, "queue-0/event-channel", 9), 0);
	assert_int_equal(pvb_store_write_keys(s, 0, "/t/d", &out), 0);
	assert_int_equal(s->ops->write(s, 0, "/t/d/long", longest,
	                               sizeof(longest)), 0);
	assert_int_equal(pvb_store_read_keys(s, 0, "/t/d", names, &in), 0);
	assert_int_equal(pvb_keys_u64(&in, "ring-ref", 100, &n), PVB_OK);
	assert_int_equal(n, 8);
	assert_int_equal(pvb_keys_u64(&in, "queue-0/event-channel", 100, &n),
	                 PVB_OK);
	assert_int_equal(n, 9);
	assert_false(pvb_keys_has(&in, "absent"));
	assert_true(pvb_keys_has(&in, "long"));
	assert_null(pvb_keys_text(&in, "long"));
	pvb_store_close(s);
}

static void numbers_are_read_strictly(struct rig *r)
{
	static const struct { const char *text; size_t bytes; int rc; } v[] = {
		{ "12", 2, 0 }, { "12\0", 3, 0 }, { "", 0, -EINVAL },
		{ "-1", 2, -EINVAL }, { "0x1", 3, -EINVAL },
		{ "101", 3, -EINVAL }, { " 1", 2, -EINVAL },
		{ "111111111111111111111111111", 27, -EINVAL },
	};
	struct pvb_store *s = open_table(r, 0);
	uint64_t n;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_int_equal(s->ops->write(s, 0, "/t/n", v[i].text,
		                               v[i].bytes), 0);
		assert_int_equal(pvb_store_read_u64_at(s, 0, "/t", "n", 100,
		                                       &n), v[i].rc);
	}
	assert_int_equal(pvb_store_read_u64_at(s, 0, "/t", "none", 100, &n),
	                 -ENOENT);
	pvb_store_close(s);
}

static void the_table_serves_a_guest(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0);
	struct pvb_store *s = open_table(r, domid);
	char home[64], value[8];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	assert_int_equal(xw_mkdir(c, 0, home), 0);
	snprintf(value, sizeof(value), "n%u", domid);
	assert_int_equal(xw_set_perms(c, 0, home, value), 0);
	assert_int_equal(s->ops->write(s, 0, "state", "1", 1), 0);
	assert_int_equal(s->ops->read(s, 0, "state", value, 8), 1);
	assert_int_equal(xw_write(c, 0, "/t/secret", "x"), 0);
	assert_int_equal(s->ops->read(s, 0, "/t/secret", value, 8), -EACCES);
	assert_int_equal(s->ops->watch(s, "state", 3), 0);
	expect_event(s, "state", 3);
	assert_int_equal(s->ops->domain_exists(s, 0), -EACCES);
	assert_int_equal(s->ops->introduce(s, 1000), -EACCES);
	assert_int_equal(s->ops->release(s, domid), -EACCES);
	pvb_store_close(s);
}

static void a_socket_without_a_store_is_named(struct rig *r)
{
	struct pvb_err e = PVB_ERR_INIT;
	char path[200];

	(void)r;
	assert_null(pvb_store_open_socket("/nonexistent/socket", &e));
	assert_int_equal(e.code, -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/socket"));
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[120] = '\0';
	assert_null(pvb_store_open_socket(path, &e));
	assert_int_equal(e.code, -ENAMETOOLONG);
	assert_null(pvb_store_open_local("/nonexistent", 0, false, &e));
	assert_int_equal(e.code, -ENOENT);
	assert_null(pvb_store_open_local("/nonexistent", 3, true, &e));
	assert_int_equal(e.code, -ENOENT);
	assert_null(pvb_store_open_local("/nonexistent", 3, false, NULL));
}

/* ---- only by the library ----------------------------------------------- */

static void no_xen_store_is_said(struct rig *r)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)r;
	setenv("XENSTORED_PATH", "/nonexistent/socket", 1);
	assert_null(pvb_store_open_xen(&e));
	assert_int_equal(e.code, -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/socket"));
	assert_null(pvb_store_open_xen(NULL));
}

static void domains_are_asked_for_and_not_made(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	uint16_t domid = rig_boot(r);

	assert_int_equal(s->ops->domain_exists(s, domid), 1);
	assert_int_equal(s->ops->domain_exists(s, rig_unused_domid(r)), 0);
	assert_int_equal(s->ops->introduce(s, rig_unused_domid(r)), -EACCES);
	assert_int_equal(s->ops->release(s, domid), -EACCES);
	assert_int_equal(s->ops->domain_exists(s, domid), 1);
	pvb_store_close(s);
}

static void what_a_store_refuses_does_not_break_the_handle(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0);
	static const char large[5000];
	struct pvb_store_event e;
	char value[4];

	assert_int_equal(s->ops->watch(s, "/t/a", 1), 0);
	expect_event(s, "/t/a", 1);
	assert_int_equal(s->ops->write(s, 0, "/t/a", large, sizeof(large)),
	                 -E2BIG);
	assert_int_equal(s->ops->write(s, 0, "/t//a", "x", 1), -EINVAL);
	assert_int_equal(s->ops->watch(s, "/t//a", 2), -EINVAL);
	assert_int_equal(s->ops->commit(s, 77777), -ENOENT);
	s->ops->unwatch(s, "/t/none", 9);
	assert_int_equal(s->ops->read(s, 0, "/t/a", value, 4), -ENOENT);
	assert_int_equal(s->ops->next_event(s, &e), 0);
	pvb_store_close(s);
}

/* Last, for it ends the daemon. */
static void a_dead_daemon_is_the_end_of_the_handle(struct rig *r)
{
	struct pvb_store *s = open_table(r, 0), *idle = open_table(r, 0);
	struct pvb_store_event e;
	uint32_t tx;
	int rc;

	assert_int_equal(s->ops->watch(s, "/t/a", 1), 0);
	expect_event(s, "/t/a", 1);
	assert_int_equal(idle->ops->mkdir(idle, 0, "/t/a"), 0);
	rig_kill_daemon(r);
	assert_int_equal(s->ops->write(s, 0, "/t/b", "x", 1), -EIO);
	assert_int_equal(idle->ops->begin(idle, &tx), -EIO);
	assert_int_equal(idle->ops->mkdir(idle, 0, "/t/b"), -EIO);
	assert_int_equal(s->ops->domain_exists(s, 0), -EIO);
	assert_int_equal(s->ops->watch(s, "/t/c", 2), -EIO);
	do {
		rc = s->ops->next_event(s, &e);
	} while (rc == 1);
	assert_int_equal(rc, -EIO);
	s->ops->unwatch(s, "/t/a", 1);
	pvb_store_close(s);
	pvb_store_close(idle);
}

const struct case_entry library_cases[] = {
	CASE(no_xen_store_is_said),
	CASE(domains_are_asked_for_and_not_made),
	CASE(what_a_store_refuses_does_not_break_the_handle),
	CASE(a_dead_daemon_is_the_end_of_the_handle),
	{ NULL, NULL },
};

const struct case_entry table_cases[] = {
	CASE(the_table_reads_and_writes),
	CASE(the_table_lists_the_longest_directory),
	CASE(the_table_says_permissions),
	CASE(the_table_hears_events),
	CASE(the_table_keeps_a_flood_of_events_small),
	CASE(a_transaction_is_run_until_it_holds),
	CASE(a_transaction_is_not_run_for_ever),
	CASE(a_removal_that_another_was_faster_with),
	CASE(a_bodys_error_aborts_the_transaction),
	CASE(keys_go_to_the_store_and_come_back),
	CASE(numbers_are_read_strictly),
	CASE(the_table_serves_a_guest),
	CASE(a_socket_without_a_store_is_named),
	{ NULL, NULL },
};
