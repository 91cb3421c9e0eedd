/* SPDX-License-Identifier: MIT */
/*
 * xstree_publish.c - making a set of changes the store: who owns how much,
 * the new root, and the watches that hear of it.
 */
#include "xstree_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xspath.h"

/* ---- who hears of a change --------------------------------------------- */

/*
 * A watch hears of a node that its domain may read, or might read before, or
 * whose parent it may read.
 */
struct change { const struct pvb_xsnode *was, *is, *parent; };

static bool may_read(const struct pvb_xsnode *n, const struct pvb_xswho *who)
{
	return n && (pvb_xsperms_rights(n->perm, n->perm_count, who) &
	             PVB_XS_MAY_READ);
}

static bool may_hear(void *arg, struct pvb_xswatcher *w)
{
	const struct pvb_xsclient *c =
		pvb_container(w, struct pvb_xsclient, watcher);
	const struct pvb_xswho *who = &c->domain->who;
	const struct change *change = arg;

	return may_read(change->is, who) || may_read(change->was, who) ||
	       may_read(change->parent, who);
}

static void fire_node(struct pvb_xstree *t, const struct pvb_xsnode *before,
                      const char *path, bool exact)
{
	char parent[PVB_XS_PATH_MAX + 1];
	size_t parent_bytes = pvb_xsnode_parent_length(path);
	struct change change;
	struct pvb_xsaudience audience = { may_hear, &change };

	if (t->watches.count == 0)
		return;
	memcpy(parent, path, parent_bytes);
	parent[parent_bytes] = '\0';
	change.was = pvb_xsnode_find(before, path);
	change.is = pvb_xsnode_find(t->root, path);
	change.parent = pvb_xsnode_find(t->root, parent);
	pvb_xswatches_fire(&t->watches, path, exact, &audience);
}

void pvb_xstree_fire_special(struct pvb_xstree *t, const char *path)
{
	struct change change = { NULL, *pvb_xstree_special(t, path), NULL };
	struct pvb_xsaudience audience = { may_hear, &change };

	pvb_xswatches_fire(&t->watches, path, false, &audience);
}

/* ---- who owns how much ------------------------------------------------- */

/* Records for all owners to be: the last thing that can fail. */
static bool need_owners(struct pvb_xstree *t, const struct pvb_xstx *set)
{
	const struct pvb_xsnode *n;

	for (uint32_t i = 0; i < set->count; i++) {
		if (!(set->note[i].flags & PVB_XSTX_CHANGED))
			continue;
		n = pvb_xsnode_find(set->root, set->note[i].path);
		if (n && !pvb_xsdomains_need(&t->domains, n->perm[0].domid))
			return false;
	}
	return true;
}

static void move_ownership(struct pvb_xstree *t, const struct pvb_xsnode *was,
                           const struct pvb_xsnode *is)
{
	struct pvb_xsdomain *d;

	if (is)
		pvb_xsdomains_find(&t->domains, is->perm[0].domid)->nodes++;
	if (!was)
		return;
	d = pvb_xsdomains_find(&t->domains, was->perm[0].domid);
	assert(d && d->nodes > 0);
	d->nodes--;
	pvb_xsdomains_trim(&t->domains, was->perm[0].domid);
}

int pvb_xstree_publish(struct pvb_xstree *t, struct pvb_xstx *set)
{
	const struct pvb_xsnote *note;

	assert(set->base == t->root);
	if (!need_owners(t, set))
		return -ENOMEM;
	pvb_xsnode_put(t->root);
	t->root = pvb_xsnode_get(set->root);

	for (uint32_t i = 0; i < set->count; i++) {
		note = &set->note[i];
		if (!(note->flags & PVB_XSTX_CHANGED))
			continue;
		move_ownership(t, pvb_xsnode_find(set->base, note->path),
		               pvb_xsnode_find(t->root, note->path));
	}
	for (uint32_t i = 0; i < set->count; i++) {
		note = &set->note[i];
		if (note->flags & (PVB_XSTX_FIRE | PVB_XSTX_FIRE_AT))
			fire_node(t, set->base, note->path,
			          !(note->flags & PVB_XSTX_FIRE));
	}
	return 0;
}
