/* SPDX-License-Identifier: MIT */
/*
 * blkback_parts_io.h - all that an attached queue of a block backend is made
 * of.  For blkback_io.c.
 */
#ifndef PVB_BLKBACK_PARTS_IO_H
#define PVB_BLKBACK_PARTS_IO_H

#include <stdint.h>

#include "blk_terms.h"
#include "blkback_io.h"
#include "blkback_journal_io.h"
#include "blkback_req.h"

struct pvb_blkback_parts_config {
	struct pvb_loop *loop;          /* all borrowed until detach */
	const struct pvb_blkback_io_config *io;
	const struct pvb_blkback_queue_ops *ops;
	/* As pvb_disk.changed. */
	void (*changed)(struct pvb_disk *lane, void *arg, int gone);
	void *arg;
};

struct pvb_blkback_parts {              /* caller's storage; all-zero: none */
	struct pvb_blkback_parts_config c;
	struct pvb_mem      *mem;
	struct pvb_counters *counters;
	struct pvb_disk     *lane;      /* NULL: an empty drive */
	struct pvb_disk     *loaded;    /* comes next, or NULL */
	uint64_t             loaded_sectors, loaded_medium;
	struct pvb_blkback_journal journal;
	struct pvb_channel   channel;
	struct pvb_blkback_queue queue;
};

/* All of it is in effect, or nothing, for the reason that is returned; then *e
   says more.  Descriptors that are kept are set to -1. */
enum pvb_why pvb_blkback_parts_attach(struct pvb_blkback_parts *p,
                                      const struct pvb_blkback_parts_config *c,
                                      const struct pvb_blk_back_attach *a,
                                      int *fds, uint32_t nfds,
                                      struct pvb_err *e);
/*
 * While attached: open a disk beside the one in use.  OK, or why not and *e.
 * What was loaded before is closed.  Descriptors as above.
 */
enum pvb_why pvb_blkback_parts_load(struct pvb_blkback_parts *p,
                                    const struct pvb_blk_back_load *load,
                                    int *fds, uint32_t nfds,
                                    struct pvb_err *e);
void pvb_blkback_parts_unload(struct pvb_blkback_parts *p);
/* Have the queue use what was loaded, or nothing if nothing was.  Its changed
   call is to be followed by changed. */
void pvb_blkback_parts_change(struct pvb_blkback_parts *p);
void pvb_blkback_parts_changed(struct pvb_blkback_parts *p,
                               struct pvb_disk *former);
/* The queue must be quiet.  Nothing attached: no effect. */
void pvb_blkback_parts_detach(struct pvb_blkback_parts *p);

#endif
