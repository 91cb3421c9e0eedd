/* SPDX-License-Identifier: MIT */
/*
 * xstree_state.h - what the files of the store share: its state, and one
 * request's way in (which version, which set of changes) and out (publish).
 * Nobody outside xstree*.c includes this.
 */
#ifndef PVB_BROKER_XSTREE_STATE_H
#define PVB_BROKER_XSTREE_STATE_H

#include "xstree.h"
#include "xstx.h"
#include "xswatch.h"

enum { PVB_XS_SPECIALS = 2 };           /* @introduceDomain, @releaseDomain */

struct pvb_xstree {
	struct pvb_xslimits limits;
	struct pvb_xsdomains domains;
	struct pvb_xswatches watches;
	struct pvb_xsnode *root;        /* owned: the version that counts */
	struct pvb_xsnode *special[PVB_XS_SPECIALS];    /* owned; permissions */
	struct pvb_xsclient *clients;
	uint64_t gen;
};

struct pvb_xsopen {                     /* an open transaction */
	struct pvb_xstx tx;
	struct pvb_xsopen *next;
	uint32_t id;
};

struct pvb_xsclient {
	struct pvb_xstree *tree;
	struct pvb_xsdomain *domain;    /* borrowed; kept by `clients` */
	struct pvb_xsclient *next, **link;
	struct pvb_xswatcher watcher;
	struct pvb_xsopen *open;        /* owned */
	uint32_t last_tx;
	bool dead;                      /* its domain was released */
	void (*waiting)(struct pvb_xsclient *c, void *arg);
	void *arg;
};

/* The absolute form of a client's path, into `out` (PVB_XS_PATH_MAX + 1
   bytes).  0, -EINVAL, -EACCES (dead client). */
int pvb_xstree_resolve(const struct pvb_xsclient *c, const char *path,
                       char *out);
/* "@..." to the node that holds its permissions, or NULL. */
struct pvb_xsnode **pvb_xstree_special(struct pvb_xstree *t, const char *path);

/*
 * The set of changes in which a request runs: an open transaction's, or for
 * tx 0 one of its own, in *own.  0 or -ENOENT.  Who entered must leave: that
 * publishes the request's own set if rc is 0, and takes back what a failed
 * request did to a transaction.  The result is rc, or why publishing failed.
 */
int pvb_xstree_enter(struct pvb_xsclient *c, uint32_t tx, struct pvb_xstx *own,
                     struct pvb_xstx **set);
int pvb_xstree_leave(struct pvb_xsclient *c, struct pvb_xstx *own,
                     struct pvb_xstx *set, int rc);
/* The version that a request reads; *set is its transaction's, or NULL. */
int pvb_xstree_version(struct pvb_xsclient *c, uint32_t tx,
                       const struct pvb_xsnode **root, struct pvb_xstx **set);

/* Make a set of changes, based on the present root, the store; fire. */
int pvb_xstree_publish(struct pvb_xstree *t, struct pvb_xstx *set);
/* Fire "@introduceDomain" or "@releaseDomain". */
void pvb_xstree_fire_special(struct pvb_xstree *t, const char *path);
/* Forget an open transaction. */
void pvb_xsclient_forget(struct pvb_xsclient *c, struct pvb_xsopen *o);

#endif
