/* SPDX-License-Identifier: MIT */
/*
 * grant_cache.h - mappings of a peer's pages that a back keeps from one request
 * to the next, for a front that has said that it will name the same grants
 * again (feature-persistent).
 *
 * Pages are mapped as requests ask for them, by one call for as many as may be,
 * and always for both ways: what is written now is read into later.  Such an
 * area is unmapped whole: never while a page of it is in use, and else the
 * least recently used first, when room is wanted.
 *
 * That a page is not here is no error: its request then goes another way,
 * which has its own answer for each page.  So a mapping that fails, at
 * whichever page, is no more than that: nothing of that call is kept.
 *
 * A peer may lie.  A mapping is found by its reference and keeps the page that
 * was granted when it was made; a peer that grants another one under that
 * number gets and gives the bytes of the old one, which is its own as long as
 * it is mapped, so it corrupts nobody's data but its own.  And a mapping that
 * fails or drives out another has a price: as many misses are then let go by
 * as would have been cheaper.  So a peer that grants what cannot be mapped, or
 * uses more pages than fit, is served at the speed of copies.
 */
#ifndef PVB_GRANT_CACHE_H
#define PVB_GRANT_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "hyp/mem.h"

enum {
	PVB_GRANT_CACHE_PAGES_MAX = 1024,       /* 4 MiB */
	/* Each is a mapping of the process, which may have some 65,000. */
	PVB_GRANT_CACHE_AREAS_MAX = 256,
	/* Misses that pass for each page of a costly mapping. */
	PVB_GRANT_CACHE_PRICE     = 16,
};

struct pvb_grant_cache_table;
struct pvb_grant_cache {                /* caller's storage; all-zero: it
                                           holds nothing, and will not */
	struct pvb_mem *mem;            /* borrowed */
	uint16_t peer;
	struct pvb_grant_cache_table *table;    /* owned */
	uint32_t pages;                 /* mapped now */
	uint32_t passes;                /* misses that are still let go by */
	uint32_t batch_max;             /* pages that are mapped together */
	uint32_t wanted_count;
	uint32_t wanted[PVB_MEM_MAP_MAX];
};

/* 0 or -ENOMEM. */
int  pvb_grant_cache_init(struct pvb_grant_cache *c, struct pvb_mem *mem,
                          uint16_t peer);
/* No page may be in use (asserted). */
void pvb_grant_cache_fini(struct pvb_grant_cache *c);

/* A request will need this page: if it is not here it may be after map, which
   follows when a batch of requests has said what it wants. */
void pvb_grant_cache_want(struct pvb_grant_cache *c, uint32_t gref);
void pvb_grant_cache_map(struct pvb_grant_cache *c);

/* Where the page is, until unuse; NULL: not here.  As often as one likes. */
void *pvb_grant_cache_use(struct pvb_grant_cache *c, uint32_t gref);
void  pvb_grant_cache_unuse(struct pvb_grant_cache *c, uint32_t gref);

/* Unmap all that is not in use. */
void pvb_grant_cache_trim(struct pvb_grant_cache *c);

#endif
