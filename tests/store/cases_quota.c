/* SPDX-License-Identifier: MIT */
/* cases_quota.c - what one guest may take of the store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

/* A guest that owns /t/g. */
static struct client *guest_with_home(struct rig *r, struct client *dom0)
{
	uint16_t domid = rig_boot(r);
	char perms[16];

	snprintf(perms, sizeof(perms), "n%u", domid);
	assert_int_equal(xw_mkdir(dom0, 0, "/t/g"), 0);
	assert_int_equal(xw_set_perms(dom0, 0, "/t/g", perms), 0);
	return rig_open(r, domid);
}

/* Nodes in directories of 50, until one is refused; how many, and why. */
static int make_nodes(struct client *c, int max, int *rc)
{
	char path[64];
	int n;

	for (n = 0; n < max; n++) {
		snprintf(path, sizeof(path), "/t/g/%d/%d", n / 50, n % 50);
		*rc = xw_write(c, 0, path, "");
		if (*rc)
			return n;
	}
	return n;
}

static void nodes_of_a_guest_are_limited(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	int rc, n = make_nodes(g, 3000, &rc);

	/* 1000 with the directories and /t/g itself. */
	assert_int_equal(rc, rig_differs(r, "quota-is-equota") ? -EDQUOT
	                                                       : -ENOSPC);
	assert_in_range(n, 900, 1000);
	/* Domain 0 still may, also there. */
	assert_int_equal(xw_write(c, 0, "/t/g/from0", "x"), 0);
	/* What is given back can be used again. */
	assert_int_equal(xw_rm(g, 0, "/t/g/0"), 0);
	assert_int_equal(xw_write(g, 0, "/t/g/again", "x"), 0);
}

static void a_transaction_does_not_get_round_the_limit(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	int rc, limit = rig_differs(r, "quota-is-equota") ? -EDQUOT : -ENOSPC;
	char path[64];
	uint32_t tx;

	make_nodes(g, 3000, &rc);
	assert_int_equal(rc, limit);
	assert_int_equal(xw_begin(g, &tx), 0);
	for (int i = 0; i < 100 && rc == limit; i++) {
		snprintf(path, sizeof(path), "/t/g/more/%d", i);
		rc = xw_write(g, tx, path, "");
	}
	assert_int_equal(rc, limit);
	xw_end(g, tx, "T");
	assert_int_equal(xw_read(c, 0, "/t/g/more"), -ENOENT);
}

static void two_transactions_do_not_get_round_the_limit(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	int made, rc, limit = rig_differs(r, "quota-is-equota") ? -EDQUOT
	                                                        : -ENOSPC;
	uint32_t tx[2];
	char path[64];

	/* Leave room for a few nodes, and have each take them. */
	made = make_nodes(g, 3000, &rc);
	assert_int_equal(rc, limit);
	for (int i = 1; i <= 5; i++) {
		snprintf(path, sizeof(path), "/t/g/%d/%d", (made - i) / 50,
		         (made - i) % 50);
		assert_int_equal(xw_rm(g, 0, path), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(xw_begin(g, &tx[i]), 0);
		for (int j = 0; j < 4; j++) {
			snprintf(path, sizeof(path), "/t/g/%d/tx%d-%d", i, i,
			         j);
			assert_int_equal(xw_write(g, tx[i], path, ""), 0);
		}
	}
	assert_int_equal(xw_end(g, tx[0], "T"), 0);
	rc = xw_end(g, tx[1], "T");
	if (rig_differs(r, "commit-over-quota"))
		assert_int_equal(rc, 0);
	else
		assert_int_equal(rc, limit);
}

static void a_guests_value_is_limited(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	char value[2501];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(xw_write(g, 0, "/t/g/a", value),
	                 rig_differs(r, "large-value-is-e2big") ? -E2BIG
	                                                        : -ENOSPC);
	assert_int_equal(xw_read(g, 0, "/t/g/a"), -ENOENT);
	if (!rig_differs(r, "value-limit-of-domain-0"))
		assert_int_equal(xw_write(c, 0, "/t/g/a", value), 0);
	value[1900] = '\0';
	assert_int_equal(xw_write(g, 0, "/t/g/b", value), 0);
}

static void a_guests_permissions_are_limited(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	char perms[128];

	snprintf(perms, sizeof(perms), "n%u,r0,r0,r0,r0", g->domid);
	assert_int_equal(xw_set_perms(g, 0, "/t/g", perms), 0);
	strcat(perms, ",r0");
	if (rig_differs(r, "permissions-are-not-limited"))
		assert_int_equal(xw_set_perms(g, 0, "/t/g", perms), 0);
	else
		assert_int_equal(xw_set_perms(g, 0, "/t/g", perms), -ENOSPC);
	assert_int_equal(xw_set_perms(c, 0, "/t/g", perms), 0);
}

static void watches_of_a_guest_are_limited(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	char token[16];
	int n, rc = 0;

	for (n = 0; n < 300 && rc == 0; n++) {
		snprintf(token, sizeof(token), "%d", n);
		rc = xw_watch(g, "/t/g", token);
	}
	assert_int_equal(rc, rig_differs(r, "quota-is-equota") ? -EDQUOT
	                                                       : -E2BIG);
	assert_in_range(n, 100, 130);
	client_events(g);
	assert_int_equal(xw_unwatch(g, "/t/g", "0"), 0);
	assert_int_equal(xw_watch(g, "/t/g", "again"), 0);
	assert_events(g, "/t/g again\n");
	for (n = 0; n < 300; n++) {
		snprintf(token, sizeof(token), "%d", n);
		assert_int_equal(xw_watch(c, "/t", token), 0);
	}
}

static void transactions_of_a_guest_are_limited(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	uint32_t tx[40] = { 0 };
	int n, rc = 0;

	for (n = 0; n < 40; n++) {
		rc = xw_begin(g, &tx[n]);
		if (rc)
			break;
	}
	assert_int_equal(rc, rig_differs(r, "quota-is-equota") ? -EDQUOT
	                                                       : -ENOSPC);
	assert_in_range(n, 10, 11);
	assert_int_equal(xw_end(g, tx[0], "F"), 0);
	assert_int_equal(xw_begin(g, &tx[0]), 0);
	for (n = 0; n < 40; n++)
		assert_int_equal(xw_begin(c, &tx[n]), 0);
}

static void one_guests_limit_is_not_anothers(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	uint16_t other = rig_boot(r);
	struct client *o = rig_open(r, other);
	char perms[16];
	int rc;

	make_nodes(g, 3000, &rc);
	assert_int_not_equal(rc, 0);
	snprintf(perms, sizeof(perms), "n%u", other);
	assert_int_equal(xw_mkdir(c, 0, "/t/o"), 0);
	assert_int_equal(xw_set_perms(c, 0, "/t/o", perms), 0);
	assert_int_equal(xw_write(o, 0, "/t/o/a", "x"), 0);
}

static void a_guests_relative_path_is_limited(struct rig *r)
{
	struct client *c = rig_open(r, 0), *g = guest_with_home(r, c);
	char path[2100];

	memset(path, 'p', sizeof(path));
	path[2049] = '\0';
	assert_int_equal(xw_read(g, 0, path), -EINVAL);
	path[2048] = '\0';
	assert_int_equal(xw_read(g, 0, path),
	                 rig_differs(r, "absence-is-told") ? -ENOENT : -EACCES);
}

const struct case_entry quota_cases[] = {
	CASE(nodes_of_a_guest_are_limited),
	CASE(a_transaction_does_not_get_round_the_limit),
	CASE(two_transactions_do_not_get_round_the_limit),
	CASE(a_guests_value_is_limited),
	CASE(a_guests_permissions_are_limited),
	CASE(watches_of_a_guest_are_limited),
	CASE(transactions_of_a_guest_are_limited),
	CASE(one_guests_limit_is_not_anothers),
	CASE(a_guests_relative_path_is_limited),
	{ NULL, NULL },
};
