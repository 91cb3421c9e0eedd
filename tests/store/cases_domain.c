/* SPDX-License-Identifier: MIT */
/* cases_domain.c - domains' coming and going, as the store sees it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

static int chmod_for(struct client *c, const char *path, const char *format,
                     unsigned int domid)
{
	char perms[64];

	snprintf(perms, sizeof(perms), format, domid);
	return xw_set_perms(c, 0, path, perms);
}

static void a_domain_is_introduced_until_it_is_released(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint16_t unused = rig_unused_domid(r), domid = rig_boot(r);

	assert_int_equal(xw_domain(c, PVB_XS_IS_DOMAIN_INTRODUCED, 0), 0);
	assert_string_equal(c->reply, "T");
	assert_int_equal(xw_domain(c, PVB_XS_IS_DOMAIN_INTRODUCED, unused), 0);
	assert_string_equal(c->reply, "F");
	assert_int_equal(xw_domain(c, PVB_XS_IS_DOMAIN_INTRODUCED, domid), 0);
	assert_string_equal(c->reply, "T");
	rig_destroy(r, domid);
	assert_int_equal(xw_domain(c, PVB_XS_IS_DOMAIN_INTRODUCED, domid), 0);
	assert_string_equal(c->reply, "F");
}

static void a_domains_path_follows_from_its_number(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_domain(c, PVB_XS_GET_DOMAIN_PATH, 17), 0);
	assert_string_equal(c->reply, "/local/domain/17");
}

static void words_about_unknown_domains_are_refused(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	uint16_t unused = rig_unused_domid(r);

	int rc = rig_differs(r, "unknown-domain-is-einval") ? -EINVAL : -ENOENT;

	assert_int_equal(xw_domain(c, PVB_XS_RELEASE, unused), rc);
	assert_int_equal(xw_domain(c, PVB_XS_RESUME, unused), rc);
}

static void resume_of_a_known_domain_is_fine(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_domain(c, PVB_XS_RESUME, rig_boot(r)), 0);
}

static void a_dead_domains_nodes_go_with_it(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/g/below", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/g", "r%u", domid), 0);
	assert_int_equal(xw_write(c, 0, "/t/other", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/other", "n0,r%u", domid), 0);
	rig_destroy(r, domid);
	assert_int_equal(xw_read(c, 0, "/t/g"), -ENOENT);
	assert_int_equal(xw_read(c, 0, "/t/g/below"), -ENOENT);
	assert_reads(c, 0, "/t/other", "x");
}

static void a_new_domain_has_no_rights_of_the_dead_one(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *g;

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/a", "n0,b%u", domid), 0);
	rig_destroy(r, domid);
	/* xenstored tells the two apart by the changes in between. */
	assert_int_equal(xw_write(c, 0, "/t/b", "x"), 0);
	rig_boot_as(r, domid);
	g = rig_open(r, domid);
	assert_int_equal(xw_read(g, 0, "/t/a"), -EACCES);
	assert_int_equal(xw_write(g, 0, "/t/a", "y"), -EACCES);
}

static void watches_hear_of_a_dead_domains_nodes(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/g", "x"), 0);
	assert_int_equal(chmod_for(c, "/t/g", "r%u", domid), 0);
	assert_int_equal(xw_watch(c, "/t/g", "w"), 0);
	assert_events(c, "/t/g w\n");
	rig_destroy(r, domid);
	if (rig_differs(r, "dead-domains-nodes-go-silently"))
		assert_events(c, "");
	else
		assert_events(c, "/t/g w\n");
}

static void a_dead_domains_watches_and_limits_are_free(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *g = rig_open(r, domid);
	uint32_t tx;

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(xw_set_perms(c, 0, "/t/a", "r0"), 0);
	assert_int_equal(xw_watch(g, "/t/a", "w"), 0);
	assert_int_equal(xw_begin(g, &tx), 0);
	rig_destroy(r, domid);
	/* Nothing is left that this could wake. */
	assert_int_equal(xw_write(c, 0, "/t/a", "y"), 0);
	assert_reads(c, 0, "/t/a", "y");
}

const struct case_entry domain_cases[] = {
	CASE(a_domain_is_introduced_until_it_is_released),
	CASE(a_domains_path_follows_from_its_number),
	CASE(words_about_unknown_domains_are_refused),
	CASE(resume_of_a_known_domain_is_fine),
	CASE(a_dead_domains_nodes_go_with_it),
	CASE(a_new_domain_has_no_rights_of_the_dead_one),
	CASE(watches_hear_of_a_dead_domains_nodes),
	CASE(a_dead_domains_watches_and_limits_are_free),
	{ NULL, NULL },
};
