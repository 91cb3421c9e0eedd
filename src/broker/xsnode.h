/* SPDX-License-Identifier: MIT */
/*
 * xsnode.h - the store's data: a tree of nodes that can be shared between
 * versions.  Knows nothing of domains' rights, watches or quotas.
 *
 * A node is reference counted and copied when it is changed while somebody
 * else holds it.  So a snapshot of the whole store is one reference to its
 * root, and a transaction is a second root.  While nobody holds a snapshot,
 * changes happen in place.
 *
 * Paths given here are legal, absolute, start with '/' and are not too deep
 * (the caller's duty).  One thread.
 */
#ifndef PVB_BROKER_XSNODE_H
#define PVB_BROKER_XSNODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xsperms.h"

struct pvb_xsnode {
	uint32_t refs;
	uint32_t child_count, child_cap;
	uint32_t child_bytes;           /* names, each with its NUL */
	uint32_t value_bytes;
	uint32_t perm_count;
	uint64_t self_gen;              /* value or permissions changed */
	uint64_t children_gen;          /* a child came or went */
	struct pvb_xsnode **child;      /* owned references, sorted by name */
	uint8_t *value;
	struct pvb_xsperm *perm;        /* [0]: owner, and everybody else */
	struct pvb_xsnode *next_dead;   /* while being freed */
	char name[];                    /* last part; "" for the root */
};

/* One reference for the caller, no value, no children; NULL: no memory. */
struct pvb_xsnode *pvb_xsnode_create(const char *name, size_t name_bytes,
                                     const struct pvb_xsperm *perm,
                                     uint32_t perm_count);
struct pvb_xsnode *pvb_xsnode_get(struct pvb_xsnode *n);
/* Drop one reference, and all that hangs on it.  NULL is fine. */
void pvb_xsnode_put(struct pvb_xsnode *n);

/* The node at `path`, borrowed, or NULL. */
const struct pvb_xsnode *pvb_xsnode_find(const struct pvb_xsnode *root,
                                         const char *path);
/* `path` itself or its nearest ancestor that exists; *exact says which. */
const struct pvb_xsnode *pvb_xsnode_nearest(const struct pvb_xsnode *root,
                                            const char *path, bool *exact);
/*
 * The node at `path`, unshared up to the root, so that it may be changed.
 * NULL with *err -ENOENT, or -ENOMEM (the tree's content is as it was).
 */
struct pvb_xsnode *pvb_xsnode_own(struct pvb_xsnode **root, const char *path,
                                  int *err);

/* `n` must be owned.  0 or -ENOMEM (nothing changed).  The generations are
   the caller's. */
int pvb_xsnode_set_value(struct pvb_xsnode *n, const void *value,
                         uint32_t bytes);
int pvb_xsnode_set_perms(struct pvb_xsnode *n, const struct pvb_xsperm *perm,
                         uint32_t count);
/* Takes the caller's reference to `child` when it succeeds; no child of that
   name may be there. */
int pvb_xsnode_add_child(struct pvb_xsnode *n, struct pvb_xsnode *child);
/* Unhook: the reference passes to the caller; NULL: there is none. */
struct pvb_xsnode *pvb_xsnode_take_child(struct pvb_xsnode *n,
                                         const char *name);

/*
 * Walk a subtree in order, parents first, the tree may change meanwhile:
 * `path` (PVB_XS_PATH_MAX + 1 bytes) becomes the next node after it that is
 * below `top`.  Start with a copy of `top`.  NULL at the end.
 */
const struct pvb_xsnode *pvb_xsnode_next(const struct pvb_xsnode *root,
                                         const char *top, char *path);
/* Like that, but skip what is below `path`. */
const struct pvb_xsnode *pvb_xsnode_skip(const struct pvb_xsnode *root,
                                         const char *top, char *path);

/* Length of the parent of `path` ("/a" has "/", of length 1). */
size_t pvb_xsnode_parent_length(const char *path);

#endif
