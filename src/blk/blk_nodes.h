/* SPDX-License-Identifier: MIT */
/*
 * blk_nodes.h - the toolstack's part of a block device: its two directories
 * are made in one transaction, closed in an orderly way, and removed.
 *
 * Believes nothing that the front's domain can write.  Waits for nobody: who
 * wants to see a device connect or close watches its state.
 */
#ifndef PVB_BLK_NODES_H
#define PVB_BLK_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "blk_options.h"
#include "proto/xspath.h"

struct pvb_err;
struct pvb_store;

enum { PVB_BLK_NODES_URI_MAX = 4095, PVB_BLK_NODES_DEVICES_MAX = 4096 };

/* Of a device as the kind that our back serves. */
void pvb_blk_nodes_name(struct pvb_xsdev *d, uint16_t back_domid,
                        uint16_t front_domid, uint32_t number);

/* `uri` may be "" for a CD-ROM or floppy drive: it is empty.
   0, or -errno with *e: -EEXIST (that domain has such a device), -ENXIO (no
   such domain, of either), -EINVAL (number, URI), -EACCES, -ENOSPC, -EIO. */
int  pvb_blk_nodes_create(struct pvb_store *s, const struct pvb_xsdev *d,
                          const char *uri, const struct pvb_blk_options *o,
                          struct pvb_err *e);

/* The back's kind of device `number` of a domain, whichever it is: fills
   d->kind and d->front_kind.  0, -ENOENT, -EACCES, -EIO. */
int  pvb_blk_nodes_find(struct pvb_store *s, struct pvb_xsdev *d);
/* All devices of kind `kind` that `back_domid` serves.  How many there are;
   at most `cap` are filled in.  -EACCES -EIO -ENOMEM. */
int  pvb_blk_nodes_list(struct pvb_store *s, uint16_t back_domid,
                        const char *kind, struct pvb_xsdev *d, uint32_t cap);

/* What a back needs to begin: what `params` says, and what is set for it (on
   top of what is in *o).  0, or -errno with *e: -ENOENT, -EINVAL (a node is not
   what it should be), -EIO. */
int  pvb_blk_nodes_read(struct pvb_store *s, const struct pvb_xsdev *d,
                        char uri[PVB_BLK_NODES_URI_MAX + 1],
                        struct pvb_blk_options *o, struct pvb_err *e);

struct pvb_blk_nodes_state {
	uint32_t back, front;           /* enum pvb_xb; unknown if not there */
	bool     online, front_there;
	bool     front_ours;            /* it says that this back serves it */
	bool     front_hidden;          /* may not be read: it or, as xenstored
	                                   says to a domain without rights, a
	                                   directory above it is gone */
	bool     disk_known;            /* opened and found good by the back */
	bool     disk_refused;          /* it cannot be had; `error` says why */
	char     error[256];            /* the back's last complaint, or "" */
};
/* 0, -ENOENT (no back; what is of the front is right), -EACCES, -EIO. */
int  pvb_blk_nodes_state(struct pvb_store *s, const struct pvb_xsdev *d,
                         struct pvb_blk_nodes_state *out);

/* Its back cannot even begin: say so in its nodes, where toolstacks and people
   look.  Best effort, and nothing if the device is gone. */
void pvb_blk_nodes_refuse(struct pvb_store *s, const struct pvb_xsdev *d,
                          const char *text);
/* Does the front in this directory say that the back in that one serves it, or
   nothing at all?  1, 0, -EIO. */
int  pvb_blk_nodes_front_is_ours(struct pvb_store *s, uint32_t tx,
                                 const char *front, const char *back);
/* Ask the back to close it for good.  0: asked; 1: it is closed already.
   -ENOENT, -EACCES, -EAGAIN, -EIO. */
int  pvb_blk_nodes_stop(struct pvb_store *s, const struct pvb_xsdev *d);
/* Take the front away, so that the back need not wait for it any more.  One
   that another back serves stays, here and in remove. */
int  pvb_blk_nodes_cut(struct pvb_store *s, const struct pvb_xsdev *d);
/* Both directories, what the back complained of, and parents that are empty
   then.  Absent ones: 0. */
int  pvb_blk_nodes_remove(struct pvb_store *s, const struct pvb_xsdev *d);

/* The back's own half of that, for a back whose front is gone: what its domain
   may not remove, stays. */
int  pvb_blk_nodes_remove_back(struct pvb_store *s, const struct pvb_xsdev *d);

#endif
