/* SPDX-License-Identifier: MIT */
/*
 * mem_direct.h - a mem table without any hypervisor: the domains of one
 * process share its heap, and an eventfd is a bell.
 *
 * It is fast, fails when told to, and knows at its end whether anything was
 * left shared, mapped or bound.  Handles may be used in several threads, one
 * each; looking up a page and ringing a bell take no lock, so they order
 * nothing that the code under test has to order itself.
 */
#ifndef PVB_TEST_MEM_DIRECT_H
#define PVB_TEST_MEM_DIRECT_H

#include <stdbool.h>
#include <stdint.h>

#include "hyp/mem.h"

enum { MEM_DIRECT_GRANTS = 32768, MEM_DIRECT_PORTS = 64 };

struct mem_direct;

/* What is to go wrong; set before use, in the thread that uses it. */
struct mem_direct_faults {
	bool     no_window;             /* window: -EOPNOTSUPP, so copies */
	bool     views;                 /* map: by views, which are gone when
	                                   they are unmapped; set it before the
	                                   first share */
	bool     both_ways;             /* every page is used for writing, as by
	                                   a back that keeps its mappings */
	int      share, map, bind, offer;       /* -errno of all such calls */
	uint32_t share_pages_max;       /* 0: any; then -ENOSPC */
	uint32_t copies_until_bad;      /* 0: never; the n-th copy fails */
};

struct mem_direct_counts {              /* of the whole machine, now */
	uint32_t shared, mapped, ports;
	uint32_t copies, copy_calls, windows, maps;     /* ever; maps: calls */
	uint32_t forgotten;             /* pages; ever */
};

struct mem_direct *mem_direct_create(void);
/* All handles must be closed and nothing be left (asserted). */
void mem_direct_destroy(struct mem_direct *m);
struct mem_direct_faults *mem_direct_faults(struct mem_direct *m);
void mem_direct_counts(struct mem_direct *m, struct mem_direct_counts *out);

/* Owned; closing it while something is shared, mapped or bound is asserted. */
struct pvb_mem *mem_direct_open(struct mem_direct *m, uint16_t domid);
/* Where a grant's page is, whoever it is for; NULL: none. */
void *mem_direct_page(struct mem_direct *m, uint32_t gref);
/* As a guest does that ends a grant and makes another under its number: from
   now on it is for `page`, which must be shared.  Who has mapped it keeps what
   he has. */
void mem_direct_regrant(struct mem_direct *m, uint32_t gref, void *page);

#endif
