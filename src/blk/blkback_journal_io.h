/* SPDX-License-Identifier: MIT */
/*
 * blkback_journal_io.h - the journal of an attached queue: begun for a fresh
 * connection, or opened after the death of whoever served it before.  What is
 * in it and why is docs/crash.md.  For blkback_parts_io.c.
 */
#ifndef PVB_BLKBACK_JOURNAL_IO_H
#define PVB_BLKBACK_JOURNAL_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "blk_terms.h"

struct pvb_err;
struct pvb_ring;

struct pvb_blkback_journal {            /* caller's storage; all-zero: none */
	struct pvb_journal j;
	void    *mem;                   /* mapped */
	size_t   bytes;
	bool     resumed;               /* it was not blank */
	uint32_t *redo;                 /* owned; what is to be done again */
	struct pvb_journal_found found;
};

/* Map it.  OK; or why not and *e: JOURNAL_*, or ATTACH (out of memory). */
enum pvb_why pvb_blkback_journal_open(struct pvb_blkback_journal *b,
                                      const struct pvb_blk_back_attach *a,
                                      int fd, struct pvb_err *e);
/* With the ring attached, at what was taken according to the journal if that is
   resumed.  Likewise. */
enum pvb_why pvb_blkback_journal_start(struct pvb_blkback_journal *b,
                                       const struct pvb_blk_back_attach *a,
                                       const struct pvb_ring *ring,
                                       struct pvb_err *e);
void pvb_blkback_journal_close(struct pvb_blkback_journal *b);

#endif
