/* SPDX-License-Identifier: MIT */
/*
 * xstx.h - one set of changes to the store, made on a snapshot and published
 * whole or not at all.
 *
 * Holds the version it started from (base), its own version (root), and a
 * note of every path that it looked at or changed.  It may be published if
 * none of those paths was changed by others since; changes elsewhere do not
 * matter, and a directory counts as changed for those only who listed it.
 * A request outside a transaction is a set of changes of its own, so that a
 * lack of memory half way never leaves half a change.
 *
 * Rights and quotas are the caller's; paths are legal and absolute.
 */
#ifndef PVB_BROKER_XSTX_H
#define PVB_BROKER_XSTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xsnode.h"

enum {                                  /* what a note says of its path */
	PVB_XSTX_SELF     = 1,          /* read: absence, value, permissions */
	PVB_XSTX_CHILDREN = 2,          /* read: who the children are */
	PVB_XSTX_CHANGED  = 4,          /* created, written or removed */
	PVB_XSTX_FIRE     = 8,          /* watches here and above hear of it */
	PVB_XSTX_FIRE_AT  = 16,         /* watches of just this path do */
};

struct pvb_xsnote {
	char    *path;                  /* owned */
	uint32_t flags;
};

struct pvb_xstx {                       /* caller's storage */
	struct pvb_xsnode *base, *root; /* owned references */
	uint64_t *gen;                  /* borrowed: the store's counter */
	struct pvb_xsnote *note;        /* in the order of first use */
	uint32_t *slot;                 /* hash: note number + 1, 0: free */
	uint32_t count, cap;            /* cap: power of two; 2 cap slots */
	uint32_t max;                   /* notes; 0: any number */
	uint16_t owner;                 /* whose nodes are counted ... */
	int32_t  owned_more;            /* ... here: made less removed */
};

void pvb_xstx_init(struct pvb_xstx *tx, struct pvb_xsnode *base,
                   uint64_t *gen, uint16_t owner, uint32_t max);
void pvb_xstx_fini(struct pvb_xstx *tx);

/* Remember `flags` for `path`.  0, -ENOSPC (over max) or -ENOMEM. */
int pvb_xstx_note(struct pvb_xstx *tx, const char *path, uint32_t flags);

/* Changes.  0, -ENOSPC or -ENOMEM; after an error the set is still whole
   (what a caller did before in the same request stays). */
int pvb_xstx_set_value(struct pvb_xstx *tx, const char *path,
                       const void *value, uint32_t bytes);
int pvb_xstx_set_perms(struct pvb_xstx *tx, const char *path,
                       const struct pvb_xsperm *perm, uint32_t count);
/* The parent exists, the node does not. */
int pvb_xstx_create(struct pvb_xstx *tx, const char *path,
                    const struct pvb_xsperm *perm, uint32_t count);
/* The node exists and is not the root; it goes with all that is below. */
int pvb_xstx_remove(struct pvb_xstx *tx, const char *path);

/* Did others change what this set looked at or changed? */
bool pvb_xstx_conflicts(const struct pvb_xstx *tx,
                        const struct pvb_xsnode *current);
/* No conflict: make base and root anew on top of `current`.  0, -ENOMEM. */
int pvb_xstx_rebase(struct pvb_xstx *tx, struct pvb_xsnode *current);

#endif
