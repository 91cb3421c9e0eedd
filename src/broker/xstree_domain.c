/* SPDX-License-Identifier: MIT */
/* xstree_domain.c - a domain's coming and going, as the store sees it. */
#include "xstree_state.h"

#include <errno.h>
#include <string.h>

#include "proto/xspath.h"

bool pvb_xstree_is_introduced(const struct pvb_xstree *t, uint16_t domid)
{
	const struct pvb_xsdomain *d = pvb_xsdomains_find(&t->domains, domid);

	return d && d->introduced && !d->halted;
}

int pvb_xstree_introduce(struct pvb_xstree *t, uint16_t domid)
{
	struct pvb_xsdomain *d = pvb_xsdomains_need(&t->domains, domid);

	if (!d)
		return -ENOMEM;
	if (d->introduced && !d->halted)
		return -EEXIST;
	d->introduced = true;
	d->halted = false;
	pvb_xstree_fire_special(t, "@introduceDomain");
	return 0;
}

int pvb_xstree_halt(struct pvb_xstree *t, uint16_t domid)
{
	if (domid == 0 || !pvb_xstree_is_introduced(t, domid))
		return -ENOENT;
	pvb_xsdomains_find(&t->domains, domid)->halted = true;
	pvb_xstree_fire_special(t, "@releaseDomain");
	return 0;
}

int pvb_xstree_set_target(struct pvb_xstree *t, uint16_t domid,
                          uint16_t target)
{
	struct pvb_xsdomain *d = pvb_xsdomains_find(&t->domains, domid);

	if (target == 0 || target == domid)
		return -EINVAL;
	if (!pvb_xstree_is_introduced(t, domid) ||
	    !pvb_xstree_is_introduced(t, target))
		return -ENOENT;
	d->who.target = target;
	d->who.has_target = true;
	return 0;
}

/* Take `domid` out of a node's permissions; it is not the owner. */
static int unlist(struct pvb_xstx *set, const char *path,
                  const struct pvb_xsnode *n, uint16_t domid)
{
	struct pvb_xsperm kept[PVB_XS_PAYLOAD_MAX / 3 + 1];
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->perm_count; i++)
		if (i == 0 || n->perm[i].domid != domid)
			kept[count++] = n->perm[i];
	if (count == n->perm_count)
		return 0;
	return pvb_xstx_set_perms(set, path, kept, count);
}

/* The set of changes by which nothing in the store is of `domid` any more. */
static int purge(struct pvb_xstx *set, uint16_t domid)
{
	static const struct pvb_xsperm nobody = { 0, 0 };
	const struct pvb_xsnode *n = set->root;
	char at[PVB_XS_PATH_MAX + 1] = "/";
	bool is_root = true;
	int rc = 0;

	for (; n && rc == 0; is_root = false) {
		if (n->perm[0].domid != domid) {
			rc = unlist(set, at, n, domid);
			n = pvb_xsnode_next(set->root, "/", at);
		} else if (is_root) {
			rc = pvb_xstx_set_perms(set, at, &nobody, 1);
			n = pvb_xsnode_next(set->root, "/", at);
		} else {
			rc = pvb_xstx_remove(set, at);
			n = pvb_xsnode_skip(set->root, "/", at);
		}
	}
	return rc;
}

int pvb_xstree_release(struct pvb_xstree *t, uint16_t domid)
{
	struct pvb_xsdomain *d = pvb_xsdomains_find(&t->domains, domid);
	struct pvb_xstx set;
	int rc;

	if (domid == 0 || !d || !d->introduced)
		return -ENOENT;
	pvb_xstx_init(&set, t->root, &t->gen, 0, 0);
	rc = purge(&set, domid);
	if (rc == 0) {
		for (struct pvb_xsclient *c = t->clients; c; c = c->next) {
			if (c->domain != d)
				continue;
			c->dead = true;
			pvb_xsclient_reset(c);
		}
		d->introduced = d->halted = false;
		d->who.has_target = false;
		pvb_xsdomains_untarget(&t->domains, domid);
		rc = pvb_xstree_publish(t, &set);
		pvb_xstree_fire_special(t, "@releaseDomain");
	}
	pvb_xstx_fini(&set);
	pvb_xsdomains_trim(&t->domains, domid);
	return rc;
}
