/* SPDX-License-Identifier: MIT */
/*
 * blk_nodes_look.h - one block device as it stands in the store, whoever serves
 * it: which backend it is, and what both ends have written, at one moment.
 * Reads only, and needs no daemon.
 *
 * A front's word for who its backend is belongs to the guest.  It is followed
 * only to a directory that says itself that it serves this front; the
 * toolstack's own notes go before it.
 */
#ifndef PVB_BLK_NODES_LOOK_H
#define PVB_BLK_NODES_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/keys.h"
#include "proto/xspath.h"

struct pvb_err;
struct pvb_store;

enum {
	PVB_BLK_LOOK_PATH_MAX = 255,
	/* Nodes that nobody knows, in each directory. */
	PVB_BLK_LOOK_UNKNOWN_MAX = 32,
};

struct pvb_blk_look_for {
	uint16_t front_domid;
	uint32_t number;
	/* Where backends are looked for that nothing else names. */
	uint16_t own_domid;
	/* To be looked for nowhere else. */
	bool     back_given;
	uint16_t back_domid;
	const char *kind;               /* "vbd" ...; NULL: any */
};

struct pvb_blk_look {
	struct pvb_xsdev dev;           /* kind "": no backend was found */
	bool back_there, front_there;
	bool front_hidden;              /* may not be read */
	bool more;                      /* nodes than are in here */
	struct pvb_keys back, front;    /* all that is known, and some others */
	/* The back's directory as libxl has noted it; "": it has not. */
	char toolstack[PVB_BLK_LOOK_PATH_MAX + 1];
	/* What each end complained of last, as it stands there, or "". */
	char back_error[256], front_error[256];
};

/* 0, or -errno with *e: -ENOENT (there is nothing of such a device), -EINVAL
   (the kind), -EACCES, -ENOMEM, -EIO. */
int pvb_blk_nodes_look(struct pvb_store *s, const struct pvb_blk_look_for *what,
                       struct pvb_blk_look *out, struct pvb_err *e);

#endif
