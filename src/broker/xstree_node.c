/* SPDX-License-Identifier: MIT */
/* xstree_node.c - requests about nodes: rights, quotas, inheritance. */
#include "xstree_state.h"

#include <errno.h>
#include <string.h>

#include "proto/xspath.h"

static uint8_t rights_of(const struct pvb_xsclient *c,
                         const struct pvb_xsnode *n)
{
	return pvb_xsperms_rights(n->perm, n->perm_count, &c->domain->who);
}

/*
 * The node at `path`, if the client has the right `want`.  Of an absent one
 * it is told -ENOENT only if it has that right on the nearest ancestor:
 * else it could feel its way through what it must not see.
 */
static int look_up(const struct pvb_xsclient *c, const struct pvb_xsnode *root,
                   const char *path, uint8_t want,
                   const struct pvb_xsnode **out)
{
	bool exact;
	const struct pvb_xsnode *n = pvb_xsnode_nearest(root, path, &exact);

	if ((rights_of(c, n) & want) != want)
		return -EACCES;
	*out = n;
	return exact ? 0 : -ENOENT;
}

/* ---- reading ----------------------------------------------------------- */

/* Find a node to read from, and remember in a transaction that it was. */
static int open_node(struct pvb_xsclient *c, uint32_t tx, const char *path,
                     uint32_t note, const struct pvb_xsnode **n)
{
	char at[PVB_XS_PATH_MAX + 1];
	const struct pvb_xsnode *root;
	struct pvb_xstx *set;
	int rc;

	rc = pvb_xstree_resolve(c, path, at);
	if (rc == 0)
		rc = pvb_xstree_version(c, tx, &root, &set);
	if (rc == 0 && set)
		rc = pvb_xstx_note(set, at, note);
	return rc ? rc : look_up(c, root, at, PVB_XS_MAY_READ, n);
}

int pvb_xstree_read(struct pvb_xsclient *c, uint32_t tx, const char *path,
                    const void **value, uint32_t *bytes)
{
	const struct pvb_xsnode *n;
	int rc = open_node(c, tx, path, PVB_XSTX_SELF, &n);

	if (rc)
		return rc;
	*value = n->value;
	*bytes = n->value_bytes;
	return 0;
}

int pvb_xstree_list(struct pvb_xsclient *c, uint32_t tx, const char *path,
                    uint32_t skip, char *out, uint32_t cap,
                    struct pvb_xslist *list)
{
	uint32_t at = 0, bytes, from, n_bytes;
	const struct pvb_xsnode *n;
	int rc;

	rc = open_node(c, tx, path, PVB_XSTX_SELF | PVB_XSTX_CHILDREN, &n);
	if (rc)
		return rc;
	*list = (struct pvb_xslist){ n->child_bytes, 0, n->children_gen };
	for (uint32_t i = 0; i < n->child_count && list->copied < cap; i++) {
		bytes = (uint32_t)strlen(n->child[i]->name) + 1;
		if (at + bytes > skip) {
			from = at < skip ? skip - at : 0;
			n_bytes = bytes - from;
			if (n_bytes > cap - list->copied)
				n_bytes = cap - list->copied;
			memcpy(out + list->copied, n->child[i]->name + from,
			       n_bytes);
			list->copied += n_bytes;
		}
		at += bytes;
	}
	return 0;
}

int pvb_xstree_get_perms(struct pvb_xsclient *c, uint32_t tx, const char *path,
                         const struct pvb_xsperm **perm, uint32_t *count)
{
	const struct pvb_xsnode *n = NULL;
	struct pvb_xsnode **special;
	int rc;

	if (path[0] == '@') {
		special = pvb_xstree_special(c->tree, path);
		if (!special || tx)
			return -EINVAL;
		n = *special;
		rc = rights_of(c, n) & PVB_XS_MAY_READ ? 0 : -ENOENT;
	} else {
		rc = open_node(c, tx, path, PVB_XSTX_SELF, &n);
	}
	if (rc)
		return rc;
	*perm = n->perm;
	*count = n->perm_count;
	return 0;
}

/* ---- changing ---------------------------------------------------------- */

static bool is_limited(const struct pvb_xsclient *c)
{
	return c->domain->who.domid != 0;
}

/* A node of this shape is within what an unprivileged domain may make. */
static int check_size(const struct pvb_xsclient *c, uint64_t perms,
                      uint64_t value_bytes, uint64_t child_bytes)
{
	uint64_t bytes = PVB_XS_NODE_BYTES + perms * PVB_XS_PERM_BYTES +
	                 value_bytes + child_bytes;

	return is_limited(c) && bytes >= c->tree->limits.node_bytes ? -ENOSPC
	                                                            : 0;
}

/* Make `path` below its parent, with the parent's permissions. */
static int create_one(struct pvb_xsclient *c, struct pvb_xstx *set,
                      const struct pvb_xsnode *parent, const char *path)
{
	const struct pvb_xslimits *limits = &c->tree->limits;
	struct pvb_xsperm perm[PVB_XS_PAYLOAD_MAX / 3 + 1];
	uint64_t leaf_bytes = strlen(strrchr(path, '/'));
	int rc;

	if (is_limited(c) &&
	    (int64_t)c->domain->nodes + set->owned_more >= limits->nodes)
		return -ENOSPC;
	rc = check_size(c, parent->perm_count, parent->value_bytes,
	                parent->child_bytes + leaf_bytes);
	if (rc)
		return rc;
	memcpy(perm, parent->perm, parent->perm_count * sizeof(perm[0]));
	/* What an unprivileged domain makes is its own, wherever. */
	if (is_limited(c))
		perm[0].domid = c->domain->who.domid;
	return pvb_xstx_create(set, path, perm, parent->perm_count);
}

/* Make every missing part of `path`, from `parent`, its nearest ancestor. */
static int create_path(struct pvb_xsclient *c, struct pvb_xstx *set,
                       const struct pvb_xsnode *parent, const char *path)
{
	const struct pvb_xsnode *n;
	char at[PVB_XS_PATH_MAX + 1];
	const char *end = path;
	int rc;

	while (end) {
		end = strchr(end + 1, '/');
		if (end) {
			memcpy(at, path, (size_t)(end - path));
			at[end - path] = '\0';
		} else {
			strcpy(at, path);
		}
		n = pvb_xsnode_find(set->root, at);
		if (!n) {
			rc = create_one(c, set, parent, at);
			if (rc)
				return rc;
			n = pvb_xsnode_find(set->root, at);
		}
		parent = n;
	}
	return 0;
}

static int write_in(struct pvb_xsclient *c, struct pvb_xstx *set,
                    const char *path, const void *value, uint32_t bytes)
{
	const struct pvb_xsnode *n;
	int rc;

	rc = look_up(c, set->root, path, PVB_XS_MAY_WRITE, &n);
	if (rc == 0) {
		rc = check_size(c, n->perm_count, bytes, n->child_bytes);
	} else if (rc == -ENOENT) {
		rc = check_size(c, n->perm_count, bytes, 0);
		if (rc == 0)
			rc = create_path(c, set, n, path);
	}
	if (rc == 0)
		rc = pvb_xstx_set_value(set, path, value, bytes);
	return rc ? rc : pvb_xstx_note(set, path, PVB_XSTX_FIRE);
}

int pvb_xstree_write(struct pvb_xsclient *c, uint32_t tx, const char *path,
                     const void *value, uint32_t bytes)
{
	char at[PVB_XS_PATH_MAX + 1];
	struct pvb_xstx own, *set;
	int rc;

	rc = pvb_xstree_resolve(c, path, at);
	if (rc == 0)
		rc = pvb_xstree_enter(c, tx, &own, &set);
	if (rc)
		return rc;
	rc = write_in(c, set, at, value, bytes);
	return pvb_xstree_leave(c, &own, set, rc);
}

static int mkdir_in(struct pvb_xsclient *c, struct pvb_xstx *set,
                    const char *path)
{
	const struct pvb_xsnode *n;
	int rc;

	rc = look_up(c, set->root, path, PVB_XS_MAY_WRITE, &n);
	if (rc == 0)
		return pvb_xstx_note(set, path, PVB_XSTX_SELF);
	if (rc != -ENOENT)
		return rc;
	rc = create_path(c, set, n, path);
	return rc ? rc : pvb_xstx_note(set, path, PVB_XSTX_FIRE);
}

int pvb_xstree_mkdir(struct pvb_xsclient *c, uint32_t tx, const char *path)
{
	char at[PVB_XS_PATH_MAX + 1];
	struct pvb_xstx own, *set;
	int rc;

	rc = pvb_xstree_resolve(c, path, at);
	if (rc == 0)
		rc = pvb_xstree_enter(c, tx, &own, &set);
	if (rc)
		return rc;
	rc = mkdir_in(c, set, at);
	return pvb_xstree_leave(c, &own, set, rc);
}

static int remove_in(struct pvb_xsclient *c, struct pvb_xstx *set,
                     const char *path)
{
	char parent[PVB_XS_PATH_MAX + 1];
	const struct pvb_xsnode *n;
	size_t parent_bytes;
	int rc;

	rc = look_up(c, set->root, path, PVB_XS_MAY_WRITE, &n);
	if (rc == 0)
		return strcmp(path, "/") == 0 ? -EINVAL
		                              : pvb_xstx_remove(set, path);
	if (rc != -ENOENT)
		return rc;
	parent_bytes = pvb_xsnode_parent_length(path);
	memcpy(parent, path, parent_bytes);
	parent[parent_bytes] = '\0';
	rc = pvb_xstx_note(set, path, PVB_XSTX_SELF);
	if (rc == 0)
		rc = pvb_xstx_note(set, parent, PVB_XSTX_SELF);
	if (rc)
		return rc;
	return pvb_xsnode_find(set->root, parent) ? 0 : -ENOENT;
}

int pvb_xstree_remove(struct pvb_xsclient *c, uint32_t tx, const char *path)
{
	char at[PVB_XS_PATH_MAX + 1];
	struct pvb_xstx own, *set;
	int rc;

	rc = pvb_xstree_resolve(c, path, at);
	if (rc == 0)
		rc = pvb_xstree_enter(c, tx, &own, &set);
	if (rc)
		return rc;
	rc = remove_in(c, set, at);
	return pvb_xstree_leave(c, &own, set, rc);
}

static int set_perms_in(struct pvb_xsclient *c, struct pvb_xstx *set,
                        const char *path, const struct pvb_xsperm *perm,
                        uint32_t count)
{
	const struct pvb_xsnode *n;
	int rc;

	rc = look_up(c, set->root, path, PVB_XS_MAY_OWN, &n);
	if (rc)
		return rc;
	if (is_limited(c) && perm[0].domid != n->perm[0].domid)
		return -EPERM;
	rc = check_size(c, count, n->value_bytes, n->child_bytes);
	if (rc == 0)
		rc = pvb_xstx_set_perms(set, path, perm, count);
	return rc ? rc : pvb_xstx_note(set, path, PVB_XSTX_FIRE);
}

int pvb_xstree_set_perms(struct pvb_xsclient *c, uint32_t tx, const char *path,
                         const struct pvb_xsperm *perm, uint32_t count)
{
	char at[PVB_XS_PATH_MAX + 1];
	struct pvb_xsnode **special;
	struct pvb_xstx own, *set;
	int rc;

	if (count == 0 || count > PVB_XS_PAYLOAD_MAX / 3)
		return -EINVAL;
	if (is_limited(c) && count > c->tree->limits.perms)
		return -ENOSPC;
	if (path[0] == '@') {
		special = pvb_xstree_special(c->tree, path);
		if (!special || tx)
			return -EINVAL;
		/* A guest is told that there is no such thing. */
		return is_limited(c) ? -ENOENT
		                     : pvb_xsnode_set_perms(*special, perm,
		                                            count);
	}
	rc = pvb_xstree_resolve(c, path, at);
	if (rc == 0)
		rc = pvb_xstree_enter(c, tx, &own, &set);
	if (rc)
		return rc;
	rc = set_perms_in(c, set, at, perm, count);
	return pvb_xstree_leave(c, &own, set, rc);
}
