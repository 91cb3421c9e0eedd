/* SPDX-License-Identifier: MIT */
/* cases_perm.c - who may do what. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

/* "n0,r7" out of "n0,r%u"; in storage of the caller's call. */
static int chmod_for(struct client *c, const char *path, const char *format,
                     unsigned int domid)
{
	char perms[64];

	snprintf(perms, sizeof(perms), format, domid);
	return xw_set_perms(c, 0, path, perms);
}

/* A guest that owns /t/g; both connected. */
struct pair { struct client *dom0, *guest; uint16_t domid; };

static struct pair pair(struct rig *r)
{
	struct pair p;

	p.domid = rig_boot(r);
	p.dom0 = rig_open(r, 0);
	p.guest = rig_open(r, p.domid);
	assert_int_equal(xw_write(p.dom0, 0, "/t/g", "mine"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/g", "n%u", p.domid), 0);
	return p;
}

static void permissions_are_kept_in_order(struct rig *r)
{
	struct pair p = pair(r);
	char perms[64];

	snprintf(perms, sizeof(perms), "r0,b%u,n3,w4", p.domid);
	assert_int_equal(xw_write(p.dom0, 0, "/t/a", "x"), 0);
	assert_int_equal(xw_set_perms(p.dom0, 0, "/t/a", perms), 0);
	assert_int_equal(xw_get_perms(p.dom0, 0, "/t/a"), 0);
	assert_string_equal(p.dom0->reply, perms);
}

static void a_new_node_has_its_parents_permissions(struct rig *r)
{
	struct pair p = pair(r);
	char perms[32];

	snprintf(perms, sizeof(perms), "r0,w%u", p.domid);
	assert_int_equal(xw_mkdir(p.dom0, 0, "/t/a"), 0);
	assert_int_equal(xw_set_perms(p.dom0, 0, "/t/a", perms), 0);
	assert_int_equal(xw_write(p.dom0, 0, "/t/a/b/c", "x"), 0);
	assert_int_equal(xw_get_perms(p.dom0, 0, "/t/a/b"), 0);
	assert_string_equal(p.dom0->reply, perms);
	assert_int_equal(xw_get_perms(p.dom0, 0, "/t/a/b/c"), 0);
	assert_string_equal(p.dom0->reply, perms);
}

static void domain_0_leaves_the_owner_as_the_parent_has_it(struct rig *r)
{
	struct pair p = pair(r);
	char perms[32];

	snprintf(perms, sizeof(perms), "n%u", p.domid);
	assert_int_equal(xw_write(p.dom0, 0, "/t/g/a", "x"), 0);
	assert_int_equal(xw_get_perms(p.dom0, 0, "/t/g/a"), 0);
	assert_string_equal(p.dom0->reply, perms);
}

static void what_a_guest_makes_is_its_own(struct rig *r)
{
	struct pair p = pair(r);
	char perms[32];

	assert_int_equal(xw_mkdir(p.dom0, 0, "/t/a"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/a", "r0,b%u", p.domid), 0);
	assert_int_equal(xw_write(p.guest, 0, "/t/a/b", "x"), 0);
	assert_int_equal(xw_get_perms(p.dom0, 0, "/t/a/b"), 0);
	snprintf(perms, sizeof(perms), "r%u,b%u",
	         rig_differs(r, "owner-of-a-new-node") ? 0 : p.domid, p.domid);
	assert_string_equal(p.dom0->reply, perms);
}

static void n_is_nothing(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_write(p.dom0, 0, "/t/a", "x"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/a", "b0,n%u", p.domid), 0);
	assert_int_equal(xw_read(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_write(p.guest, 0, "/t/a", "y"), -EACCES);
	assert_int_equal(xw_list(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_get_perms(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_rm(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_mkdir(p.guest, 0, "/t/a/b"), -EACCES);
	assert_reads(p.dom0, 0, "/t/a", "x");
}

static void r_is_reading_only(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_write(p.dom0, 0, "/t/a/b", "x"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/a", "n0,r%u", p.domid), 0);
	assert_reads(p.guest, 0, "/t/a", "");
	assert_lists(p.guest, 0, "/t/a", "b");
	assert_int_equal(xw_get_perms(p.guest, 0, "/t/a"), 0);
	assert_int_equal(xw_write(p.guest, 0, "/t/a", "y"), -EACCES);
	assert_int_equal(xw_mkdir(p.guest, 0, "/t/a/c"), -EACCES);
	assert_int_equal(xw_rm(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_read(p.guest, 0, "/t/a/b"), -EACCES);
}

static void w_is_writing_only(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_mkdir(p.dom0, 0, "/t/a"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/a", "n0,w%u", p.domid), 0);
	assert_int_equal(xw_read(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_list(p.guest, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_write(p.guest, 0, "/t/a", "y"), 0);
	assert_int_equal(xw_write(p.guest, 0, "/t/a/c", "z"), 0);
	assert_reads(p.dom0, 0, "/t/a", "y");
	if (rig_differs(r, "owner-of-a-new-node"))
		assert_int_equal(xw_read(p.guest, 0, "/t/a/c"), -EACCES);
	else
		assert_reads(p.guest, 0, "/t/a/c", "z");
}

static void the_first_letter_is_for_everybody_else(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_write(p.dom0, 0, "/t/a", "x"), 0);
	assert_int_equal(xw_set_perms(p.dom0, 0, "/t/a", "r0"), 0);
	assert_reads(p.guest, 0, "/t/a", "x");
	assert_int_equal(xw_write(p.guest, 0, "/t/a", "y"), -EACCES);
	assert_int_equal(xw_set_perms(p.dom0, 0, "/t/a", "b0"), 0);
	assert_int_equal(xw_write(p.guest, 0, "/t/a", "y"), 0);
}

static void the_owner_may_do_everything(struct rig *r)
{
	struct pair p = pair(r);
	char perms[32];

	assert_reads(p.guest, 0, "/t/g", "mine");
	assert_int_equal(xw_write(p.guest, 0, "/t/g", "x"), 0);
	assert_int_equal(xw_write(p.guest, 0, "/t/g/a/b", "y"), 0);
	snprintf(perms, sizeof(perms), "b%u,r0", p.domid);
	assert_int_equal(xw_set_perms(p.guest, 0, "/t/g", perms), 0);
	assert_int_equal(xw_get_perms(p.guest, 0, "/t/g"), 0);
	assert_string_equal(p.guest->reply, perms);
	assert_int_equal(xw_rm(p.guest, 0, "/t/g"), 0);
	assert_int_equal(xw_read(p.dom0, 0, "/t/g"), -ENOENT);
}

static void only_the_owner_changes_permissions(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_write(p.dom0, 0, "/t/a", "x"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/a", "n0,b%u", p.domid), 0);
	assert_int_equal(chmod_for(p.guest, "/t/a", "b0,b%u", p.domid),
	                 -EACCES);
}

static void a_guest_cannot_give_a_node_away(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_set_perms(p.guest, 0, "/t/g", "b0"),
	                 rig_differs(r, "giving-away-is-eacces") ? -EACCES
	                                                         : -EPERM);
	assert_int_equal(xw_get_perms(p.guest, 0, "/t/g"), 0);
	assert_int_equal(p.guest->reply[0], 'n');
}

static void what_a_guest_may_not_see_is_eacces_even_if_absent(struct rig *r)
{
	struct pair p = pair(r);
	int rc = rig_differs(r, "absence-is-told") ? -ENOENT : -EACCES;

	assert_int_equal(xw_read(p.guest, 0, "/t/none"), rc);
	assert_int_equal(xw_read(p.guest, 0, "/t/none/deep/er"), rc);
	assert_int_equal(xw_write(p.guest, 0, "/t/none/deep", "x"), -EACCES);
	assert_int_equal(xw_rm(p.guest, 0, "/t/none"),
	                 rig_differs(r, "absence-is-told") ? 0 : -EACCES);
	assert_int_equal(xw_read(p.guest, 0, "/t/g/none"), -ENOENT);
	assert_int_equal(xw_read(p.guest, 0, "/t/g/none/deep"), -ENOENT);
}

static void rm_asks_nothing_of_what_is_below(struct rig *r)
{
	struct pair p = pair(r);

	assert_int_equal(xw_write(p.dom0, 0, "/t/g/a/b", "x"), 0);
	assert_int_equal(xw_set_perms(p.dom0, 0, "/t/g/a", "n0"), 0);
	assert_int_equal(xw_set_perms(p.dom0, 0, "/t/g/a/b", "n0"), 0);
	assert_int_equal(xw_rm(p.guest, 0, "/t/g/a"), -EACCES);
	assert_int_equal(xw_rm(p.guest, 0, "/t/g"), 0);
	assert_int_equal(xw_read(p.dom0, 0, "/t/g/a/b"), -ENOENT);
}

static void wrong_permissions_are_refused(struct rig *r)
{
	static const char *const wrong[] = { "x0", "0", "rw0" };
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(xw_set_perms(c, 0, "/t/a", wrong[i]),
		                 -EINVAL);
	assert_int_equal(client_call(c, PVB_XS_SET_PERMS, 0, "/t/a", 5),
	                 -EINVAL);
	assert_int_equal(xw_get_perms(c, 0, "/t/a"), 0);
	assert_string_equal(c->reply, "n0");
}

static void privileged_requests_are_for_domain_0(struct rig *r)
{
	struct pair p = pair(r);
	char two[32], three[32];
	int n;

	assert_int_equal(xw_domain(p.guest, PVB_XS_RELEASE, p.domid), -EACCES);
	assert_int_equal(xw_domain(p.guest, PVB_XS_RESUME, p.domid), -EACCES);
	n = snprintf(two, sizeof(two), "%u%c0", p.domid, 0) + 1;
	assert_int_equal(client_call(p.guest, PVB_XS_SET_TARGET, 0, two,
	                             (size_t)n), -EACCES);
	n = snprintf(three, sizeof(three), "%u%c0%c1", 900u, 0, 0) + 1;
	assert_int_equal(client_call(p.guest, PVB_XS_INTRODUCE, 0, three,
	                             (size_t)n), -EACCES);
	assert_int_equal(client_call(p.guest, PVB_XS_CONTROL, 0, "help", 5),
	                 rig_differs(r, "control-of-guest") ? 0 : -EACCES);
	assert_int_equal(xw_domain(p.guest, PVB_XS_IS_DOMAIN_INTRODUCED, 0),
	                 -EACCES);
}

static void a_node_may_wait_for_its_owner(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint16_t unused = rig_unused_domid(r);

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/a", "n%u", unused),
	                 rig_differs(r, "owner-must-exist") ? -ENOENT : 0);
}

static void one_guest_cannot_reach_anothers_nodes(struct rig *r)
{
	struct pair p = pair(r);
	uint16_t other = rig_boot(r);
	struct client *c = rig_open(r, other);

	assert_int_equal(xw_read(c, 0, "/t/g"), -EACCES);
	assert_int_equal(xw_write(c, 0, "/t/g", "x"), -EACCES);
	assert_int_equal(xw_rm(c, 0, "/t/g"), -EACCES);
	assert_int_equal(xw_write(c, 0, "/t/g/a", "x"), -EACCES);
	assert_int_equal(chmod_for(c, "/t/g", "n%u", other), -EACCES);
	assert_reads(p.dom0, 0, "/t/g", "mine");
}

static void a_device_model_has_its_targets_rights(struct rig *r)
{
	struct pair p = pair(r);
	uint16_t model = rig_boot(r);
	struct client *c = rig_open(r, model);
	char payload[32];
	int n;

	assert_int_equal(xw_read(c, 0, "/t/g"), -EACCES);
	n = snprintf(payload, sizeof(payload), "%u%c%u", model, 0, p.domid) + 1;
	assert_int_equal(client_call(p.dom0, PVB_XS_SET_TARGET, 0, payload,
	                             (size_t)n), 0);
	assert_reads(c, 0, "/t/g", "mine");
	assert_int_equal(xw_write(c, 0, "/t/g", "model"), 0);
	/* Not the other way round. */
	assert_int_equal(xw_mkdir(p.dom0, 0, "/t/m"), 0);
	assert_int_equal(chmod_for(p.dom0, "/t/m", "n%u", model), 0);
	assert_int_equal(xw_read(p.guest, 0, "/t/m"), -EACCES);
}

const struct case_entry perm_cases[] = {
	CASE(permissions_are_kept_in_order),
	CASE(a_new_node_has_its_parents_permissions),
	CASE(domain_0_leaves_the_owner_as_the_parent_has_it),
	CASE(what_a_guest_makes_is_its_own),
	CASE(n_is_nothing),
	CASE(r_is_reading_only),
	CASE(w_is_writing_only),
	CASE(the_first_letter_is_for_everybody_else),
	CASE(the_owner_may_do_everything),
	CASE(only_the_owner_changes_permissions),
	CASE(a_guest_cannot_give_a_node_away),
	CASE(what_a_guest_may_not_see_is_eacces_even_if_absent),
	CASE(rm_asks_nothing_of_what_is_below),
	CASE(wrong_permissions_are_refused),
	CASE(privileged_requests_are_for_domain_0),
	CASE(a_node_may_wait_for_its_owner),
	CASE(one_guest_cannot_reach_anothers_nodes),
	CASE(a_device_model_has_its_targets_rights),
	{ NULL, NULL },
};
