/* SPDX-License-Identifier: MIT */
/* cases_tx.c - transactions: isolation, conflicts, their numbers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

/* The error for a number that is no transaction's. */
static int unknown(const struct rig *r)
{
	return rig_differs(r, "unknown-transaction-is-eio") ? -EIO : -ENOENT;
}

static uint32_t begin(struct client *c)
{
	uint32_t tx = 0;

	assert_int_equal(xw_begin(c, &tx), 0);
	assert_int_not_equal(tx, 0);
	return tx;
}

static void changes_show_only_after_commit(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/old", "1"), 0);
	tx = begin(a);
	assert_int_equal(xw_write(a, tx, "/t/new/deep", "2"), 0);
	assert_int_equal(xw_write(a, tx, "/t/old", "3"), 0);
	assert_reads(a, tx, "/t/new/deep", "2");
	assert_reads(a, tx, "/t/old", "3");
	assert_int_equal(xw_read(b, 0, "/t/new/deep"), -ENOENT);
	assert_reads(b, 0, "/t/old", "1");
	assert_reads(a, 0, "/t/old", "1");
	assert_int_equal(xw_end(a, tx, "T"), 0);
	assert_reads(b, 0, "/t/new/deep", "2");
	assert_reads(b, 0, "/t/old", "3");
}

static void an_aborted_transaction_leaves_nothing(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(c, 0, "/t/a", "1"), 0);
	tx = begin(c);
	assert_int_equal(xw_write(c, tx, "/t/b", "2"), 0);
	assert_int_equal(xw_rm(c, tx, "/t/a"), 0);
	assert_int_equal(xw_end(c, tx, "F"), 0);
	assert_lists(c, 0, "/t", "a");
}

static void a_closed_connection_aborts_its_transactions(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	char path[128];
	struct client *gone;
	uint32_t tx;

	assert_int_equal(xw_write(c, 0, "/t/a", "1"), 0);
	rig_door(r, 0, path, sizeof(path));
	gone = client_open(path, 0);
	tx = begin(gone);
	assert_int_equal(xw_write(gone, tx, "/t/a", "2"), 0);
	client_close(gone);
	assert_reads(c, 0, "/t/a", "1");
	assert_int_equal(xw_write(c, 0, "/t/a", "3"), 0);
}

static void removal_in_a_transaction(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(c, 0, "/t/a/b/c", "1"), 0);
	tx = begin(c);
	assert_int_equal(xw_rm(c, tx, "/t/a/b"), 0);
	assert_int_equal(xw_read(c, tx, "/t/a/b/c"), -ENOENT);
	assert_lists(c, tx, "/t/a", "");
	assert_reads(c, 0, "/t/a/b/c", "1");
	assert_int_equal(xw_end(c, tx, "T"), 0);
	assert_int_equal(xw_read(c, 0, "/t/a/b/c"), -ENOENT);
}

static void a_node_is_replaced_in_one_transaction(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(c, 0, "/t/a/old", "1"), 0);
	tx = begin(c);
	assert_int_equal(xw_rm(c, tx, "/t/a"), 0);
	assert_int_equal(xw_write(c, tx, "/t/a/new", "2"), 0);
	/* Somebody else's work elsewhere does not matter. */
	assert_int_equal(xw_write(c, 0, "/t2", "x"), 0);
	assert_int_equal(xw_rm(c, 0, "/t2"), 0);
	assert_int_equal(xw_end(c, tx, "T"), 0);
	assert_lists(c, 0, "/t/a", "new");
}

static void permissions_set_in_a_transaction(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t tx = begin(c);

	assert_int_equal(xw_write(c, tx, "/t/a", "1"), 0);
	assert_int_equal(xw_set_perms(c, tx, "/t/a", "r0"), 0);
	assert_int_equal(xw_get_perms(c, tx, "/t/a"), 0);
	assert_string_equal(c->reply, "r0");
	assert_int_equal(xw_get_perms(c, 0, "/t/a"), -ENOENT);
	assert_int_equal(xw_end(c, tx, "T"), 0);
	assert_int_equal(xw_get_perms(c, 0, "/t/a"), 0);
	assert_string_equal(c->reply, "r0");
}

static void what_was_read_and_changed_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/in", "1"), 0);
	assert_int_equal(xw_write(a, 0, "/t/out", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/in", "1");
	assert_int_equal(xw_write(a, tx, "/t/out", "2"), 0);
	assert_int_equal(xw_write(b, 0, "/t/in", "changed"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
	assert_reads(b, 0, "/t/out", "1");
}

static void what_was_written_and_changed_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a", "1");
	assert_int_equal(xw_write(a, tx, "/t/a", "mine"), 0);
	assert_int_equal(xw_write(b, 0, "/t/a", "theirs"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
	assert_reads(a, 0, "/t/a", "theirs");
}

static void a_blind_write_over_anothers_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a", "1"), 0);
	tx = begin(a);
	assert_int_equal(xw_write(a, tx, "/t/a", "mine"), 0);
	assert_int_equal(xw_write(b, 0, "/t/a", "theirs"), 0);
	if (rig_differs(r, "blind-write-in-transaction")) {
		assert_int_equal(xw_end(a, tx, "T"), 0);
		assert_reads(a, 0, "/t/a", "mine");
	} else {
		assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
		assert_reads(a, 0, "/t/a", "theirs");
	}
}

static void what_was_absent_and_came_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_mkdir(a, 0, "/t"), 0);
	tx = begin(a);
	assert_int_equal(xw_read(a, tx, "/t/a"), -ENOENT);
	assert_int_equal(xw_write(a, tx, "/t/b", "1"), 0);
	assert_int_equal(xw_write(b, 0, "/t/a", "came"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
	assert_int_equal(xw_read(b, 0, "/t/b"), -ENOENT);
}

static void what_was_read_and_removed_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a/b", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a/b", "1");
	assert_int_equal(xw_write(a, tx, "/t/c", "2"), 0);
	assert_int_equal(xw_rm(b, 0, "/t/a"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
	assert_int_equal(xw_read(b, 0, "/t/c"), -ENOENT);
}

static void removed_and_made_again_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a", "1");
	assert_int_equal(xw_write(a, tx, "/t/c", "2"), 0);
	assert_int_equal(xw_rm(b, 0, "/t/a"), 0);
	assert_int_equal(xw_write(b, 0, "/t/a", "again"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
}

static void a_listed_directory_that_grew_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/d/one", "1"), 0);
	tx = begin(a);
	assert_lists(a, tx, "/t/d", "one");
	assert_int_equal(xw_write(a, tx, "/t/x", "1"), 0);
	assert_int_equal(xw_write(b, 0, "/t/d/two", "2"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
}

static void changed_permissions_conflict(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a", "1"), 0);
	tx = begin(a);
	assert_int_equal(xw_get_perms(a, tx, "/t/a"), 0);
	assert_int_equal(xw_write(a, tx, "/t/b", "1"), 0);
	assert_int_equal(xw_set_perms(b, 0, "/t/a", "r0"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
}

static void removal_of_what_grew_conflicts(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/d/one", "1"), 0);
	tx = begin(a);
	assert_int_equal(xw_rm(a, tx, "/t/d"), 0);
	assert_int_equal(xw_write(b, 0, "/t/d/two", "2"), 0);
	if (rig_differs(r, "removal-of-what-grew")) {
		assert_int_equal(xw_end(a, tx, "T"), 0);
		assert_int_equal(xw_read(b, 0, "/t/d/two"), -ENOENT);
	} else {
		assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
		assert_reads(b, 0, "/t/d/two", "2");
	}
}

static void anothers_transaction_conflicts_too(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t ta, tb;

	assert_int_equal(xw_write(a, 0, "/t/n", "1"), 0);
	ta = begin(a);
	tb = begin(b);
	assert_reads(a, ta, "/t/n", "1");
	assert_reads(b, tb, "/t/n", "1");
	assert_int_equal(xw_write(a, ta, "/t/n", "2"), 0);
	assert_int_equal(xw_write(b, tb, "/t/n", "3"), 0);
	assert_int_equal(xw_end(a, ta, "T"), 0);
	assert_int_equal(xw_end(b, tb, "T"), -EAGAIN);
	assert_reads(a, 0, "/t/n", "2");
}

static void unrelated_changes_do_not_conflict(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a/in", "1"), 0);
	assert_int_equal(xw_write(a, 0, "/t/b/x", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a/in", "1");
	assert_int_equal(xw_write(a, tx, "/t/a/in", "2"), 0);
	assert_int_equal(xw_write(a, tx, "/t/a/new", "3"), 0);
	assert_int_equal(xw_write(b, 0, "/t/b/x", "changed"), 0);
	assert_int_equal(xw_write(b, 0, "/t/b/new", "came"), 0);
	assert_int_equal(xw_rm(b, 0, "/t/b/x"), 0);
	assert_int_equal(xw_end(a, tx, "T"), 0);
	assert_lists(a, 0, "/t/a", "in,new");
	assert_reads(a, 0, "/t/a/in", "2");
	assert_lists(a, 0, "/t/b", "new");
}

static void a_value_below_is_unrelated(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a/b", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a", "");
	assert_int_equal(xw_write(a, tx, "/t/c", "2"), 0);
	assert_int_equal(xw_write(b, 0, "/t/a/b", "changed"), 0);
	assert_int_equal(xw_end(a, tx, "T"), 0);
}

static void brothers_in_one_directory(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_mkdir(a, 0, "/t/d"), 0);
	tx = begin(a);
	assert_int_equal(xw_write(a, tx, "/t/d/mine", "1"), 0);
	assert_int_equal(xw_write(b, 0, "/t/d/theirs", "2"), 0);
	if (rig_differs(r, "brothers-conflict")) {
		assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
	} else {
		assert_int_equal(xw_end(a, tx, "T"), 0);
		assert_lists(a, 0, "/t/d", "mine,theirs");
	}
}

static void a_transaction_reads_the_store_as_it_was(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a", "1"), 0);
	assert_int_equal(xw_write(a, 0, "/t/b", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a", "1");
	assert_int_equal(xw_write(b, 0, "/t/a", "2"), 0);
	assert_int_equal(xw_write(b, 0, "/t/b", "2"), 0);
	/* What it had read stays ... */
	assert_reads(a, tx, "/t/a", "1");
	/* ... and what it had not. */
	if (rig_differs(r, "first-read-in-transaction"))
		assert_reads(a, tx, "/t/b", "2");
	else
		assert_reads(a, tx, "/t/b", "1");
	assert_int_equal(xw_end(a, tx, "T"),
	                 rig_differs(r, "reading-only-never-conflicts")
	                 ? 0 : -EAGAIN);
}

static void a_transaction_that_conflicted_is_over(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(a, 0, "/t/a", "1"), 0);
	tx = begin(a);
	assert_reads(a, tx, "/t/a", "1");
	assert_int_equal(xw_write(a, tx, "/t/b", "1"), 0);
	assert_int_equal(xw_write(b, 0, "/t/a", "2"), 0);
	assert_int_equal(xw_end(a, tx, "T"), -EAGAIN);
	assert_int_equal(xw_end(a, tx, "T"), unknown(r));
	assert_int_equal(xw_read(a, tx, "/t/a"), unknown(r));
}

static void numbers_of_no_transaction_are_refused(struct rig *r)
{
	struct client *a = rig_open(r, 0);
	uint32_t tx = begin(a);

	assert_int_equal(xw_write(a, tx + 7, "/t/a", "x"), unknown(r));
	assert_int_equal(xw_read(a, tx + 7, "/"), unknown(r));
	assert_int_equal(xw_end(a, tx + 7, "T"), unknown(r));
	assert_int_equal(xw_end(a, tx, "F"), 0);
	assert_int_equal(xw_end(a, tx, "F"), unknown(r));
}

static void a_guest_cannot_use_anothers_transaction(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);
	uint32_t tx = begin(c);

	assert_int_equal(xw_write(c, tx, "/t/a", "x"), 0);
	assert_int_equal(xw_end(guest, tx, "T"), unknown(r));
	assert_int_equal(xw_read(c, 0, "/t/a"), -ENOENT);
	assert_int_equal(xw_end(c, tx, "T"), 0);
}

static void wrong_ends_are_refused(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t tx = begin(c);

	assert_int_equal(xw_end(c, tx, "X"), -EINVAL);
	assert_int_equal(xw_end(c, tx, ""), -EINVAL);
	assert_int_equal(xw_end(c, tx, "F"), 0);
}

static void a_transaction_in_a_transaction_is_refused(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t tx = begin(c);

	assert_int_equal(client_call(c, PVB_XS_TRANSACTION_START, tx, "", 1),
	                 -EBUSY);
	assert_int_equal(xw_end(c, tx, "F"), 0);
}

static void two_transactions_of_one_client_are_apart(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint32_t one, two;

	assert_int_equal(xw_write(c, 0, "/t/a", "0"), 0);
	assert_int_equal(xw_write(c, 0, "/t/b", "0"), 0);
	one = begin(c);
	two = begin(c);
	assert_int_not_equal(one, two);
	assert_int_equal(xw_write(c, one, "/t/a", "1"), 0);
	assert_int_equal(xw_write(c, two, "/t/b", "2"), 0);
	assert_reads(c, two, "/t/a", "0");
	assert_int_equal(xw_end(c, one, "T"), 0);
	assert_int_equal(xw_end(c, two, "F"), 0);
	assert_reads(c, 0, "/t/a", "1");
	assert_reads(c, 0, "/t/b", "0");
}

const struct case_entry tx_cases[] = {
	CASE(changes_show_only_after_commit),
	CASE(an_aborted_transaction_leaves_nothing),
	CASE(a_closed_connection_aborts_its_transactions),
	CASE(removal_in_a_transaction),
	CASE(a_node_is_replaced_in_one_transaction),
	CASE(permissions_set_in_a_transaction),
	CASE(what_was_read_and_changed_conflicts),
	CASE(what_was_written_and_changed_conflicts),
	CASE(a_blind_write_over_anothers_conflicts),
	CASE(what_was_absent_and_came_conflicts),
	CASE(what_was_read_and_removed_conflicts),
	CASE(removed_and_made_again_conflicts),
	CASE(a_listed_directory_that_grew_conflicts),
	CASE(changed_permissions_conflict),
	CASE(removal_of_what_grew_conflicts),
	CASE(anothers_transaction_conflicts_too),
	CASE(unrelated_changes_do_not_conflict),
	CASE(a_value_below_is_unrelated),
	CASE(brothers_in_one_directory),
	CASE(a_transaction_reads_the_store_as_it_was),
	CASE(a_transaction_that_conflicted_is_over),
	CASE(numbers_of_no_transaction_are_refused),
	CASE(a_guest_cannot_use_anothers_transaction),
	CASE(wrong_ends_are_refused),
	CASE(a_transaction_in_a_transaction_is_refused),
	CASE(two_transactions_of_one_client_are_apart),
	{ NULL, NULL },
};
