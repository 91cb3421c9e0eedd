/* SPDX-License-Identifier: MIT */
/* cases_watch.c - what fires which watch, and who hears of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

/* A watch whose first event has been taken. */
static void watch(struct client *c, const char *path, const char *token)
{
	char first[128];

	assert_int_equal(xw_watch(c, path, token), 0);
	snprintf(first, sizeof(first), "%s %s\n", path, token);
	assert_events(c, first);
}

static int chmod_for(struct client *c, const char *path, const char *format,
                     unsigned int domid)
{
	char perms[64];

	snprintf(perms, sizeof(perms), format, domid);
	return xw_set_perms(c, 0, path, perms);
}

static void a_new_watch_fires_at_once(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(xw_watch(c, "/t/a", "token one"), 0);
	assert_events(c, "/t/a token one\n");
	assert_int_equal(xw_watch(c, "/t/absent/deep", "two"), 0);
	assert_events(c, "/t/absent/deep two\n");
}

static void a_watch_hears_of_its_node_and_below(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	watch(a, "/t/a", "w");
	assert_int_equal(xw_write(b, 0, "/t/a", "1"), 0);
	assert_events(a, "/t/a w\n");
	assert_int_equal(xw_write(b, 0, "/t/a/b", "1"), 0);
	assert_events(a, "/t/a/b w\n");
	assert_int_equal(xw_write(b, 0, "/t/a/b/c/d", "1"), 0);
	assert_events(a, "/t/a/b/c/d w\n");
	assert_int_equal(xw_write(b, 0, "/t/ab", "1"), 0);
	assert_int_equal(xw_write(b, 0, "/t", "1"), 0);
	assert_events(a, "");
}

static void a_watch_on_the_root_hears_of_all(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	watch(a, "/", "w");
	assert_int_equal(xw_write(b, 0, "/t/a/b", "1"), 0);
	assert_events(a, "/t/a/b w\n");
}

static void a_client_hears_of_its_own_changes(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	watch(c, "/t/a", "w");
	assert_int_equal(xw_write(c, 0, "/t/a", "1"), 0);
	assert_events(c, "/t/a w\n");
}

static void mkdir_and_permissions_fire(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	watch(a, "/t", "w");
	assert_int_equal(xw_mkdir(b, 0, "/t/a"), 0);
	assert_events(a, "/t/a w\n");
	assert_int_equal(xw_mkdir(b, 0, "/t/a"), 0);
	assert_events(a, "");
	assert_int_equal(xw_set_perms(b, 0, "/t/a", "r0"), 0);
	assert_events(a, "/t/a w\n");
}

static void reading_fires_nothing(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	assert_int_equal(xw_write(b, 0, "/t/a", "1"), 0);
	watch(a, "/t", "w");
	assert_reads(b, 0, "/t/a", "1");
	assert_int_equal(xw_list(b, 0, "/t"), 0);
	assert_int_equal(xw_get_perms(b, 0, "/t/a"), 0);
	assert_int_equal(xw_rm(b, 0, "/t/none"), 0);
	assert_events(a, "");
}

static void the_same_value_again_fires(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	assert_int_equal(xw_write(b, 0, "/t/a", "1"), 0);
	watch(a, "/t/a", "w");
	assert_int_equal(xw_write(b, 0, "/t/a", "1"), 0);
	assert_events(a, "/t/a w\n");
}

static void removal_fires_above_and_below(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	assert_int_equal(xw_write(b, 0, "/t/a/b/c", "1"), 0);
	watch(a, "/t", "above");
	watch(a, "/t/a", "at");
	watch(a, "/t/a/b", "below");
	watch(a, "/t/a/b/c", "deep");
	assert_int_equal(xw_rm(b, 0, "/t/a"), 0);
	assert_events(a, "/t/a above\n/t/a at\n/t/a/b below\n"
	                 "/t/a/b/c deep\n");
}

static void removal_above_what_is_absent(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	assert_int_equal(xw_write(b, 0, "/t/a/b", "1"), 0);
	watch(a, "/t/a/none", "w");
	assert_int_equal(xw_rm(b, 0, "/t/a"), 0);
	if (rig_differs(r, "removal-above-absent-node"))
		assert_events(a, "/t/a/none w\n");
	else
		assert_events(a, "");
}

static void a_transactions_changes_fire_when_it_commits(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(b, 0, "/t/gone/x", "1"), 0);
	watch(a, "/t", "w");
	assert_int_equal(xw_begin(b, &tx), 0);
	assert_int_equal(xw_write(b, tx, "/t/a", "1"), 0);
	assert_int_equal(xw_write(b, tx, "/t/a", "2"), 0);
	assert_int_equal(xw_write(b, tx, "/t/b/c", "1"), 0);
	assert_int_equal(xw_rm(b, tx, "/t/gone"), 0);
	assert_events(a, "");
	assert_int_equal(xw_end(b, tx, "T"), 0);
	assert_events(a, "/t/a w\n/t/b/c w\n/t/gone w\n");
}

static void an_aborted_transaction_fires_nothing(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	watch(a, "/t", "w");
	assert_int_equal(xw_begin(b, &tx), 0);
	assert_int_equal(xw_write(b, tx, "/t/a", "1"), 0);
	assert_int_equal(xw_end(b, tx, "F"), 0);
	assert_events(a, "");
}

static void a_conflict_fires_nothing(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);
	uint32_t tx;

	assert_int_equal(xw_write(b, 0, "/t/in", "1"), 0);
	watch(a, "/t/out", "w");
	assert_int_equal(xw_begin(b, &tx), 0);
	assert_reads(b, tx, "/t/in", "1");
	assert_int_equal(xw_write(b, tx, "/t/out", "1"), 0);
	assert_int_equal(xw_write(b, 0, "/t/in", "2"), 0);
	assert_int_equal(xw_end(b, tx, "T"), -EAGAIN);
	assert_events(a, "");
}

static void a_failed_request_fires_nothing(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);

	assert_int_equal(xw_write(c, 0, "/t/a", "1"), 0);
	watch(c, "/t", "w");
	assert_int_equal(xw_write(guest, 0, "/t/a", "2"), -EACCES);
	assert_int_equal(xw_rm(guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_mkdir(guest, 0, "/t/b"), -EACCES);
	assert_events(c, "");
}

static void two_tokens_on_one_path_are_two_watches(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	watch(c, "/t/a", "one");
	watch(c, "/t/a", "two");
	assert_int_equal(xw_write(c, 0, "/t/a", "1"), 0);
	assert_events(c, "/t/a one\n/t/a two\n");
	assert_int_equal(xw_unwatch(c, "/t/a", "one"), 0);
	assert_int_equal(xw_write(c, 0, "/t/a", "2"), 0);
	assert_events(c, "/t/a two\n");
}

static void a_watch_that_is_there_is_eexist(struct rig *r)
{
	struct client *a = rig_open(r, 0), *b = rig_open(r, 0);

	watch(a, "/t/a", "w");
	assert_int_equal(xw_watch(a, "/t/a", "w"), -EEXIST);
	/* Another client's is another. */
	watch(b, "/t/a", "w");
}

static void unwatch_wants_path_and_token(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	watch(c, "/t/a", "w");
	assert_int_equal(xw_unwatch(c, "/t/a", "other"), -ENOENT);
	assert_int_equal(xw_unwatch(c, "/t/b", "w"), -ENOENT);
	assert_int_equal(xw_unwatch(c, "/t/a", "w"), 0);
	assert_int_equal(xw_unwatch(c, "/t/a", "w"), -ENOENT);
	assert_int_equal(xw_write(c, 0, "/t/a", "1"), 0);
	assert_events(c, "");
}

static void reset_forgets_watches_and_transactions(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);
	uint32_t tx;

	assert_int_equal(xw_mkdir(c, 0, "/t/g"), 0);
	assert_int_equal(chmod_for(c, "/t/g", "n%u", domid), 0);
	watch(guest, "/t/g", "w");
	assert_int_equal(xw_begin(guest, &tx), 0);
	assert_int_equal(client_call(guest, PVB_XS_RESET_WATCHES, 0, "", 1), 0);
	assert_int_equal(xw_write(c, 0, "/t/g", "1"), 0);
	assert_events(guest, "");
	assert_int_equal(xw_unwatch(guest, "/t/g", "w"), -ENOENT);
	assert_int_equal(xw_end(guest, tx, "T"),
	                 rig_differs(r, "unknown-transaction-is-eio")
	                 ? -EIO : -ENOENT);
	watch(guest, "/t/g", "w");
}

static void illegal_watches_are_refused(struct rig *r)
{
	static const char *const illegal[] = { "/t//a", "/t/a b", "/t/a/",
	                                       "/t/*" };
	struct client *c = rig_open(r, 0);

	for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
		assert_int_equal(xw_watch(c, illegal[i], "w"), -EINVAL);
	assert_int_equal(client_call(c, PVB_XS_WATCH, 0, "/t/a", 5), -EINVAL);
	assert_events(c, "");
}

static void a_relative_watch_hears_relative_paths(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);
	char home[64], d[80], x[80], both[128];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	snprintf(d, sizeof(d), "/local/domain/%u/d", domid);
	snprintf(x, sizeof(x), "/local/domain/%u/d/x", domid);
	assert_int_equal(xw_mkdir(c, 0, home), 0);
	assert_int_equal(chmod_for(c, home, "n%u", domid), 0);
	watch(guest, "d", "rel");
	watch(guest, d, "abs");
	assert_int_equal(xw_write(c, 0, x, "1"), 0);
	snprintf(both, sizeof(both), "%s abs\nd/x rel\n", x);
	assert_events(guest, both);
}

static void a_guest_hears_what_it_may_read(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);

	assert_int_equal(xw_mkdir(c, 0, "/t/mine"), 0);
	assert_int_equal(chmod_for(c, "/t/mine", "n0,r%u", domid), 0);
	assert_int_equal(xw_mkdir(c, 0, "/t/secret"), 0);
	watch(guest, "/t/mine", "m");
	watch(guest, "/t/secret", "s");
	watch(guest, "/t", "t");
	assert_int_equal(xw_write(c, 0, "/t/secret", "x"), 0);
	assert_int_equal(xw_write(c, 0, "/t/secret/below", "x"), 0);
	assert_int_equal(xw_rm(c, 0, "/t/secret"), 0);
	assert_events(guest, "");
	assert_int_equal(xw_write(c, 0, "/t/mine", "x"), 0);
	assert_events(guest, "/t/mine m\n/t/mine t\n");
}

static void a_guest_hears_that_its_node_was_removed(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);

	assert_int_equal(xw_write(c, 0, "/t/hidden/mine", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/hidden/mine", "n0,r%u", domid), 0);
	watch(guest, "/t/hidden/mine", "m");
	assert_int_equal(xw_rm(c, 0, "/t/hidden"), 0);
	assert_events(guest, "/t/hidden/mine m\n");
}

static void a_guest_hears_that_it_may_not_read_any_more(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/a", "n0,r%u", domid), 0);
	watch(guest, "/t/a", "w");
	assert_int_equal(xw_set_perms(c, 0, "/t/a", "n0"), 0);
	assert_events(guest, "/t/a w\n");
	assert_int_equal(xw_write(c, 0, "/t/a", "y"), 0);
	assert_events(guest, "");
}

static void domains_coming_and_going_fire(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint16_t domid;

	watch(c, "@introduceDomain", "in");
	watch(c, "@releaseDomain", "out");
	domid = rig_boot(r);
	assert_events(c, "@introduceDomain in\n");
	rig_destroy(r, domid);
	assert_events(c, "@releaseDomain out\n");
}

static void a_guest_hears_of_domains_if_it_may(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest = rig_open(r, domid);

	watch(guest, "@releaseDomain", "out");
	rig_destroy(r, rig_boot(r));
	assert_events(guest, "");
	assert_int_equal(chmod_for(c, "@releaseDomain", "n0,r%u", domid), 0);
	rig_destroy(r, rig_boot(r));
	assert_events(guest, "@releaseDomain out\n");
	assert_int_equal(xw_set_perms(c, 0, "@releaseDomain", "n0"), 0);
	rig_destroy(r, rig_boot(r));
	assert_events(guest, "");
}

static void a_guest_cannot_open_special_watches(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *guest = rig_open(r, domid);

	assert_int_equal(chmod_for(guest, "@releaseDomain", "n0,r%u", domid),
	                 rig_differs(r, "special-is-eacces") ? -EACCES
	                                                     : -ENOENT);
}

const struct case_entry watch_cases[] = {
	CASE(a_new_watch_fires_at_once),
	CASE(a_watch_hears_of_its_node_and_below),
	CASE(a_watch_on_the_root_hears_of_all),
	CASE(a_client_hears_of_its_own_changes),
	CASE(mkdir_and_permissions_fire),
	CASE(reading_fires_nothing),
	CASE(the_same_value_again_fires),
	CASE(removal_fires_above_and_below),
	CASE(removal_above_what_is_absent),
	CASE(a_transactions_changes_fire_when_it_commits),
	CASE(an_aborted_transaction_fires_nothing),
	CASE(a_conflict_fires_nothing),
	CASE(a_failed_request_fires_nothing),
	CASE(two_tokens_on_one_path_are_two_watches),
	CASE(a_watch_that_is_there_is_eexist),
	CASE(unwatch_wants_path_and_token),
	CASE(reset_forgets_watches_and_transactions),
	CASE(illegal_watches_are_refused),
	CASE(a_relative_watch_hears_relative_paths),
	CASE(a_guest_hears_what_it_may_read),
	CASE(a_guest_hears_that_its_node_was_removed),
	CASE(a_guest_hears_that_it_may_not_read_any_more),
	CASE(domains_coming_and_going_fire),
	CASE(a_guest_hears_of_domains_if_it_may),
	CASE(a_guest_cannot_open_special_watches),
	{ NULL, NULL },
};
