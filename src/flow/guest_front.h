/* SPDX-License-Identifier: MIT */
/*
 * guest_front.h - pages that a front shares with its back: granted once, then
 * used again and again, for callers' buffers, for bounced data, for lists.
 *
 * Pages come in areas of contiguous addresses, shared when first needed and
 * touched only by who uses them.  The page that came back last goes out first,
 * as a back that keeps mappings expects of its front: the same few are used,
 * which both ends have in their caches.  After a pause it is the lowest free
 * one, so a front that does little keeps few pages in memory.
 *
 * A page stays shared until the connection ends, whether the back keeps a
 * mapping of it or makes one for each request; so all that time the back may
 * look at it and write to it.  What goes out is not looked at here.  One pool
 * is for one peer.
 */
#ifndef PVB_GUEST_FRONT_H
#define PVB_GUEST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pvb_mem;

enum {
	PVB_GUEST_AREAS_MAX      = 20,
	PVB_GUEST_AREA_PAGES_MIN = 64,
	PVB_GUEST_AREA_PAGES_MAX = 256, /* also the longest run: 1 MiB */
	PVB_GUEST_KEEP_PAGES     = 64,  /* in memory, while idle */
	PVB_GUEST_RECENT_MAX     = 256, /* last in, first out */
};

struct pvb_guest_area;
struct pvb_guest_front {                /* caller's storage; all-zero: closed */
	struct pvb_mem *mem;            /* borrowed */
	uint16_t peer;
	bool     read_only;             /* the peer may not write them */
	bool     open, refused;         /* refused: no more areas to be had */
	uint32_t pages_max, reserve;
	uint32_t pages, free_pages;
	uint32_t touched_pages;         /* given out since the last trim */
	uint32_t recent_next, recent_count;
	void    *recent[PVB_GUEST_RECENT_MAX];  /* came back; a run may have
	                                           taken it again */
	uint32_t area_count;
	struct pvb_guest_area *area[PVB_GUEST_AREAS_MAX];  /* owned */
};

struct pvb_guest_front_config {
	struct pvb_mem *mem;
	uint16_t peer;
	bool     read_only;
	uint32_t pages_max;             /* never more than this */
	uint32_t reserve;               /* runs leave so many for single
	                                   pages */
};

/* Shares `reserve` pages at once, the rest on demand.  Areas that a close had
   to leave are taken up again (-EINVAL if they are for another peer).  0, or
   -errno of share, -ENOMEM, -ENOSPC. */
int  pvb_guest_front_open(struct pvb_guest_front *g,
                          const struct pvb_guest_front_config *c);
/* End what nobody holds; an area with a page out ends when that comes back. */
void pvb_guest_front_close(struct pvb_guest_front *g);
/* End everything, whoever holds it. */
void pvb_guest_front_fini(struct pvb_guest_front *g);

/* `n` pages in a row, for a caller to keep; NULL: not to be had. */
void *pvb_guest_front_run_get(struct pvb_guest_front *g, uint32_t n);
void  pvb_guest_front_run_put(struct pvb_guest_front *g, void *at, uint32_t n);

/* One page and its reference; NULL: none is free.  After open, `reserve` of
   them can always be had together. */
void *pvb_guest_front_page_get(struct pvb_guest_front *g, uint32_t *gref);
void  pvb_guest_front_page_put(struct pvb_guest_front *g, void *page);

/* Is there memory in free pages that is worth giving back?  Then do it: they
   stay shared, and come back zeroed. */
bool pvb_guest_front_is_fat(const struct pvb_guest_front *g);
void pvb_guest_front_trim(struct pvb_guest_front *g);

/* What is in these bytes is not needed, but somebody who had the pages may
   still write to them: have others there, as far as this hypervisor can, where
   they are whole.  Bytes that are not in shared pages are left alone. */
void pvb_guest_front_renew(struct pvb_guest_front *g, void *at, size_t bytes);

/* Do these bytes lie in shared pages, side by side? */
bool pvb_guest_front_holds(const struct pvb_guest_front *g, const void *at,
                           size_t bytes);
/* The reference of the page that holds `at`; it must be in one (asserted). */
uint32_t pvb_guest_front_gref(const struct pvb_guest_front *g, const void *at);

#endif
