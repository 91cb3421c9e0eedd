/* SPDX-License-Identifier: MIT */
/*
 * device_kinds.h - the kinds of backend nodes that are served, and which
 * devices of each are meant for us.
 *
 * A device is `backend/KIND/DOMAIN/NUMBER` in the serving domain's home.  Of
 * the kinds that other programs serve too, ours say so by a node that only a
 * toolstack writes.
 */
#ifndef PVB_DEVICE_KINDS_H
#define PVB_DEVICE_KINDS_H

#include <stdbool.h>

#include "blk/blk_nodes.h"
#include "proto/xspath.h"

struct pvb_err;
struct pvb_store;

struct pvb_kind {
	const char *name;
	/* Is this one for us?  1, 0, or -errno of the store. */
	int (*is_ours)(struct pvb_store *s, const char *dir);
	const char *prefix;             /* before the disk's name in `params` */
	bool kernel;                    /* Linux has a driver for the kind */
	bool orphans;                   /* nobody but us removes what is left of
	                                   a device whose front has gone */
};

enum { PVB_KINDS = 3 };
extern const struct pvb_kind pvb_kinds[PVB_KINDS];

/* 1, 0, or -errno. */
int  pvb_kind_is_ours(const struct pvb_kind *k, struct pvb_store *s,
                      const struct pvb_xsdev *dev);
/* What `params` says, as the disk's URI, in place; nothing: an empty drive.
   False: it names something that is not for us. */
bool pvb_kind_uri(const struct pvb_kind *k, char *params);
/* Has a driver of this kernel taken the device, or would it at once?  Then two
   would serve it. */
bool pvb_kind_is_kernels(const struct pvb_kind *k,
                         const struct pvb_xsdev *dev);

#endif
