/* SPDX-License-Identifier: MIT */
/*
 * mem_local.h - a local mem handle, as the files that implement it see it:
 * mem_local.c (life), mem_local_front.c, mem_local_back.c, mem_local_bell.c.
 * For nobody else.
 */
#ifndef PVB_HYP_MEM_LOCAL_H
#define PVB_HYP_MEM_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "hypclient.h"
#include "mem.h"

struct pvb_mem_mapping;                 /* mem_shared.h */

enum {
	PVB_MEM_LOCAL_VIEWS_MAX = 64,
	PVB_MEM_LOCAL_BELLS_MAX = 1024,
	PVB_MEM_LOCAL_PAGE_WORDS = PVB_HYP_AREA_PAGES / 64,
};

/* The one area whose pages we share; all zero until the first share. */
struct pvb_mem_front {
	uint16_t peer;
	uint32_t area;                  /* its number; 0: none yet */
	int      fd;                    /* owned; to give memory back */
	uint8_t *pages;
	volatile uint8_t *table;        /* the peer reads it */
	uint64_t *used;                 /* owned; a bit a page; never shared */
	uint32_t used_from;             /* no page is free before this word */
	struct pvb_mem_mapping *mapping;/* owns the two mappings, or NULL */
};

/* An area of a peer's, mapped whole. */
struct pvb_mem_window {
	uint16_t peer;
	uint32_t area;
	uint8_t *read, *write;          /* one mapping, if in one process */
	const volatile uint8_t *table;
	struct pvb_mem_mapping *mapping;
};

struct pvb_mem_back {
	uint32_t count, last;           /* last: the one used last */
	struct pvb_mem_window window[PVB_HYP_HELD_MAX];
	uint32_t view_count;            /* mappings of scattered pages */
	struct { void *addr; uint32_t pages; } view[PVB_MEM_LOCAL_VIEWS_MAX];
};

struct pvb_mem_bell { uint32_t port; int wait, ring; };    /* fds are owned */

struct pvb_mem_bells {
	uint32_t count, cap;
	struct pvb_mem_bell *bell;      /* owned */
};

struct pvb_mem_local {
	struct pvb_mem mem;             /* first */
	struct pvb_hypclient client;
	struct pvb_mem_local_shared *shared;    /* borrowed, or NULL */
	struct pvb_mem_front front;
	struct pvb_mem_back  back;
	struct pvb_mem_bells bells;
};

static inline struct pvb_mem_local *pvb_mem_local_of(struct pvb_mem *m)
{
	return (struct pvb_mem_local *)(void *)m;
}

/* A file of the broker's, mapped shared and not reserved; NULL: no memory. */
void *pvb_mem_local_map_file(int fd, size_t bytes, int prot);
void pvb_mem_local_close_fds(int *fds, uint32_t n);

/* The table's operations, contracts as in mem.h. */
int  pvb_mem_local_share(struct pvb_mem *m, uint16_t peer, uint32_t pages,
                         bool read_only, void **addr, uint32_t *grefs);
void pvb_mem_local_unshare(struct pvb_mem *m, void *addr, uint32_t pages);
void pvb_mem_local_forget(struct pvb_mem *m, void *addr, uint32_t pages);
void pvb_mem_local_front_close(struct pvb_mem_local *l);

int  pvb_mem_local_map(struct pvb_mem *m, uint16_t peer, const uint32_t *grefs,
                       uint32_t n, bool read_only, void **addr);
void pvb_mem_local_unmap(struct pvb_mem *m, void *addr, uint32_t n);
int  pvb_mem_local_window(struct pvb_mem *m, uint16_t peer, uint32_t gref,
                          bool write, void **addr);
int  pvb_mem_local_copy(struct pvb_mem *m, uint16_t peer, struct pvb_gcopy *v,
                        uint32_t n);
void pvb_mem_local_back_close(struct pvb_mem_local *l);

int  pvb_mem_local_offer(struct pvb_mem *m, uint16_t peer, uint32_t *port);
int  pvb_mem_local_bind(struct pvb_mem *m, uint16_t peer, uint32_t remote_port,
                        uint32_t *port);
void pvb_mem_local_unbind(struct pvb_mem *m, uint32_t port);
void pvb_mem_local_notify(struct pvb_mem *m, uint32_t port);
int  pvb_mem_local_fd(struct pvb_mem *m, uint32_t port);
int  pvb_mem_local_clear(struct pvb_mem *m, uint32_t port);
void pvb_mem_local_bells_close(struct pvb_mem_local *l);

#endif
