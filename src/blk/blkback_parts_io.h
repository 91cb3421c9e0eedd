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
	struct pvb_disk     *lane;
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
/* The queue must be quiet.  Nothing attached: no effect. */
void pvb_blkback_parts_detach(struct pvb_blkback_parts *p);

#endif
