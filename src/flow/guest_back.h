/* SPDX-License-Identifier: MIT */
/*
 * guest_back.h - a back's view of guest pages: grants to memory that a disk
 * can read and write, for one request at a time.
 *
 * Where the hypervisor has a window on the peer's pages (the local one) that
 * memory is the pages themselves.  Elsewhere it is private bounce pages, and
 * the bytes travel by grant copies, batched over the requests of a turn.  (A
 * cache of persistent mappings has its place between the two: it too finds a
 * page's address.)  The peer may change its pages at any time: nothing here
 * looks at what is in them, and a list that must be looked at is copied out
 * once, by fetch.
 */
#ifndef PVB_GUEST_BACK_H
#define PVB_GUEST_BACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hyp/mem.h"
#include "proto/blkproto.h"

enum {
	PVB_GUEST_COPIES_MAX  = 512,    /* in one call to the hypervisor */
	PVB_GUEST_KEEP_BOUNCE = 64,     /* pages in memory, while idle */
};

struct pvb_guest_pages {                /* of one request; caller's storage */
	struct iovec *iov;              /* the caller's: one for each segment */
	uint32_t iovcnt;                /* out */
	bool     bounced;               /* iov[i] is a private page for segment
	                                   i */
	bool     failed;                /* a copy did not work: a bad grant */
};

struct pvb_guest_back {                 /* caller's storage */
	struct pvb_mem *mem;            /* borrowed */
	uint16_t peer;
	bool     copies;                /* there is no window here */
	uint64_t iov_bytes_max;         /* neighbours grow no longer vector */

	unsigned char *bounce;          /* owned; touched page by page */
	uint32_t *bounce_free;          /* owned; a stack of page numbers */
	uint32_t bounce_pages, free_count;
	uint32_t bounce_fresh;          /* pages from here on were never used */
	uint32_t bounce_touched;        /* nor these, since the last trim */

	struct pvb_gcopy *copy;         /* owned; the batch */
	struct pvb_guest_pages **whose; /* owned; of each copy in it */
	uint32_t copy_count;
};

/* `bounce_pages` is the most that may be in use together; at least what the
   largest request needs, or that one could never be served.  No vector gets
   longer than `iov_bytes_max`, which is a page or more.  0 or -ENOMEM. */
int  pvb_guest_back_init(struct pvb_guest_back *g, struct pvb_mem *mem,
                         uint16_t peer, uint32_t bounce_pages,
                         uint64_t iov_bytes_max);
void pvb_guest_back_fini(struct pvb_guest_back *g);      /* all-zero: fine */
/* Another `iov_bytes_max`, for what get will give from now on. */
void pvb_guest_back_limit(struct pvb_guest_back *g, uint64_t iov_bytes_max);

/*
 * Memory for n segments that check has passed.  `to_peer`: the disk will fill
 * it.  0; -EAGAIN: no bounce pages now, some come back by put; -EACCES: a
 * page is not granted to us, or not so.  After an error nothing is held.
 */
int  pvb_guest_back_get(struct pvb_guest_back *g, const struct pvb_seg *seg,
                        uint32_t n, bool to_peer, struct pvb_guest_pages *out);
/* What get gave goes back; its copies must have been flushed. */
void pvb_guest_back_put(struct pvb_guest_back *g, struct pvb_guest_pages *p);

/* Bring the bytes of a bounced request over, in or out, with the next flush
   (or before).  No effect on one that is not bounced. */
void pvb_guest_back_copy(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                         const struct pvb_seg *seg, bool to_peer);
/* All copies are done; p->failed says where one was not. */
void pvb_guest_back_flush(struct pvb_guest_back *g);

/* With no page in use: is there memory worth giving back?  Then do it. */
bool pvb_guest_back_is_fat(const struct pvb_guest_back *g);
void pvb_guest_back_trim(struct pvb_guest_back *g);

/* Copy `bytes` (<= a page) from the start of a page, once: it is there after
   the next flush, or p->failed says that it is not. */
void pvb_guest_back_fetch(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                          uint32_t gref, void *to, uint32_t bytes);

#endif
