/* SPDX-License-Identifier: MIT */
/*
 * watches.h - many watchers on one store handle: whoever watches a path is
 * called when something at or below it has changed.
 *
 * Says where to look, never what is there: the store may have changed again
 * meanwhile.  A peer that writes a node a million times costs one call a turn
 * of the loop, and no memory.  One thread, one loop.
 */
#ifndef PVB_WATCHES_H
#define PVB_WATCHES_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_err;
struct pvb_loop;
struct pvb_store;
struct pvb_watches;

enum {
	PVB_WATCH_PATH_MAX = 255,       /* longer ones are not watched */
	PVB_WATCHES_MAX    = 1 << 16,   /* paths at a time */
};

struct pvb_watch {                      /* caller's storage; begin with zero */
	/* `path` is what changed since the last call or, if that was more than
	   one node, the nearest one above them all; borrowed for the call.
	   Comes once at the beginning, too.  May remove any watch. */
	void (*fired)(struct pvb_watch *w, const char *path);

	/* ---- the rest is the watches' ---- */
	uint32_t slot;
	bool     added, pending;
	struct pvb_watch *next;         /* that watch the same path */
	struct pvb_watch *next_pending;
	char     path[PVB_WATCH_PATH_MAX + 1];
};

/* Borrows both until destroy; nobody else may take the store's events.  Called
   once from the loop if the store is lost: `lost` (may be NULL).  Owned, or
   NULL with *e (-ENOMEM, -errno of the loop). */
struct pvb_watches *pvb_watches_create(struct pvb_loop *loop,
                                       struct pvb_store *store,
                                       void (*lost)(void *arg), void *arg,
                                       struct pvb_err *e);
/* No watch may be added any more (asserted).  Not from inside one of its calls.
   NULL is fine. */
void pvb_watches_destroy(struct pvb_watches *ws);

struct pvb_loop  *pvb_watches_loop(const struct pvb_watches *ws);
/* The store is gone: none of them fires any more. */
bool pvb_watches_is_lost(const struct pvb_watches *ws);
struct pvb_store *pvb_watches_store(const struct pvb_watches *ws);

/* The path need not exist.  0, -ENAMETOOLONG, -ENOMEM, -ENOSPC (too many, here
   or in the store), -EINVAL (no such path can be), -EIO. */
int  pvb_watches_add(struct pvb_watches *ws, struct pvb_watch *w,
                     const char *path);
/* Not called any more from here on.  Not added: no effect. */
void pvb_watches_remove(struct pvb_watches *ws, struct pvb_watch *w);

#endif
