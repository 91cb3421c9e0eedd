/* SPDX-License-Identifier: MIT */
/*
 * guest_back.h - a back's view of guest pages: grants to memory that a disk
 * can read and write, for one request at a time.
 *
 * Where the hypervisor has a window on the peer's pages (the local one) that
 * memory is the pages themselves.  Elsewhere, if the peer uses its grants again
 * and again, it is the mappings of them that are kept (grant_cache.h).  And
 * where a page of the request is not mapped, all of it is private bounce pages,
 * and the bytes travel by grant copies, batched over the requests of a turn.
 *
 * The peer may change its pages at any time: nothing here looks at what is in
 * them, and a list that must be looked at is copied out once, by fetch: also
 * where mappings are kept, for a copy takes a page that may only be read.
 */
#ifndef PVB_GUEST_BACK_H
#define PVB_GUEST_BACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hyp/mem.h"
#include "proto/blkproto.h"

#include "counters.h"
#include "grant_cache.h"

enum {
	PVB_GUEST_COPIES_MAX  = 512,    /* in one call to the hypervisor */
	PVB_GUEST_KEEP_BOUNCE = 64,     /* pages in memory, while idle */
	/* Idle for so long, what trim gives back is due. */
	PVB_GUEST_BOUNCE_MS   = 1000,
	PVB_GUEST_MAPPED_MS   = 60000,
};

struct pvb_guest_pages {                /* of one request; caller's storage */
	struct iovec *iov;              /* the caller's: one for each segment */
	uint32_t iovcnt;                /* out */
	bool     bounced;               /* iov[i] is a private page for segment
	                                   i */
	bool     mapped;                /* iov[i] is in the cache's mapping of
	                                   segment i */
	bool     failed;                /* a copy did not work: a bad grant */
};

struct pvb_guest_back_config {
	struct pvb_mem *mem;            /* borrowed until fini */
	uint16_t peer;
	bool     persistent;            /* it uses its grants again */
	/* The most that may be in use together; at least what the largest
	   request needs, or that one could never be served. */
	uint32_t bounce_pages;
	struct pvb_counters *counters;  /* borrowed until fini; or NULL */
};

struct pvb_guest_back {                 /* caller's storage */
	struct pvb_guest_back_config c;
	uint64_t iov_bytes_max;         /* neighbours grow no longer vector */
	bool     copies;                /* there is no window here */
	bool     maps;                  /* what may be, through the cache */
	struct pvb_grant_cache cache;

	unsigned char *bounce;          /* owned; touched page by page */
	uint32_t *bounce_free;          /* owned; a stack of page numbers */
	uint32_t free_count;
	uint32_t bounce_fresh;          /* pages from here on were never used */
	uint32_t bounce_touched;        /* nor these, since the last trim */

	struct pvb_gcopy *copy;         /* owned; the batch */
	struct pvb_guest_pages **whose; /* owned; of each copy in it */
	uint32_t copy_count;
};

/* 0 or -ENOMEM. */
int  pvb_guest_back_init(struct pvb_guest_back *g,
                         const struct pvb_guest_back_config *c);
void pvb_guest_back_fini(struct pvb_guest_back *g);      /* all-zero: fine */
/* No vector that get gives from now on is longer than this, which is a page or
   more.  At first: a page. */
void pvb_guest_back_limit(struct pvb_guest_back *g, uint64_t iov_bytes_max);

/* A batch of requests says which pages it will get, then they are mapped, if
   mappings are kept. */
void pvb_guest_back_want(struct pvb_guest_back *g, const struct pvb_seg *seg,
                         uint32_t n);
void pvb_guest_back_map(struct pvb_guest_back *g);
/* The disk cannot use mappings: get gives none from now on. */
void pvb_guest_back_copy_all(struct pvb_guest_back *g);

/*
 * Memory for n segments that check has passed.  `to_peer`: the disk will fill
 * it.  0; -EAGAIN: no bounce pages now, some come back by put; -EACCES: a
 * page is not granted to us, or not so.  After an error nothing is held.
 */
int  pvb_guest_back_get(struct pvb_guest_back *g, const struct pvb_seg *seg,
                        uint32_t n, bool to_peer, struct pvb_guest_pages *out);
/* What get gave for these segments goes back; its copies must have been
   flushed.  Nothing is held: no effect. */
void pvb_guest_back_put(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                        const struct pvb_seg *seg);

/* Bring the bytes of a bounced request over, in or out, with the next flush
   (or before).  No effect on one that is not bounced. */
void pvb_guest_back_copy(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                         const struct pvb_seg *seg, bool to_peer);
/* All copies are done; p->failed says where one was not. */
void pvb_guest_back_flush(struct pvb_guest_back *g);

/* With no page in use: after how long shall trim be called, to give back what
   was used last that long ago?  0: not at all. */
uint32_t pvb_guest_back_idle_ms(const struct pvb_guest_back *g);
void pvb_guest_back_trim(struct pvb_guest_back *g);

/* Copy `bytes` (<= a page) from the start of a page, once: it is there after
   the next flush, or p->failed says that it is not. */
void pvb_guest_back_fetch(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                          uint32_t gref, void *to, uint32_t bytes);

#endif
