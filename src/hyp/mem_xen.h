/* SPDX-License-Identifier: MIT */
/*
 * mem_xen.h - a mem handle on Xen, as the files that implement it see it:
 * mem_xen.c (life), mem_xen_front.c, mem_xen_back.c, mem_xen_bell.c.  For
 * nobody else.
 */
#ifndef PVB_HYP_MEM_XEN_H
#define PVB_HYP_MEM_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xentoollog.h>

#include "mem.h"

enum {
	PVB_MEM_XEN_AREAS_MAX  = PVB_MEM_MAPS_MAX,
	PVB_MEM_XEN_GRANTS_MAX = 2048,  /* that are mapped */
	PVB_MEM_XEN_BELLS_MAX  = 1024,
	PVB_MEM_XEN_COPIES_MAX = 512,   /* in one call to the kernel */
};

/* What is mapped here, shared or another's.  It would outlive the handle's
   descriptor, so it is remembered. */
struct pvb_mem_xen_areas {
	uint32_t count;
	struct { void *addr; uint32_t pages; } area[PVB_MEM_XEN_AREAS_MAX];
};

struct pvb_mem_xen_bell { uint32_t port; bool rung; };

struct pvb_mem_xen_bells {
	xenevtchn_handle *evtchn;       /* owned */
	uint32_t count, cap;
	struct pvb_mem_xen_bell *bell;  /* owned */
};

struct pvb_mem_xen_front {
	xengntshr_handle *share;        /* owned; NULL: not a front's handle */
	uint16_t peer;
	bool     has_peer;
	struct pvb_mem_xen_areas shared;
};

struct pvb_mem_xen_back {
	xengnttab_handle *tab;          /* owned; NULL: not a back's handle */
	uint16_t peer;                  /* the only one */
	struct pvb_mem_xen_areas mapped;
	xengnttab_grant_copy_segment_t *copy;   /* owned; the batch */
};

struct pvb_mem_xen {
	struct pvb_mem mem;             /* first */
	xentoollog_logger quiet;        /* the libraries', who would print */
	struct pvb_mem_xen_front front;
	struct pvb_mem_xen_back  back;
	struct pvb_mem_xen_bells bells;
};

static inline struct pvb_mem_xen *pvb_mem_xen_of(struct pvb_mem *m)
{
	return (struct pvb_mem_xen *)(void *)m;
}

/* Remember, and forget; forget says whether it was there. */
void pvb_mem_xen_add(struct pvb_mem_xen_areas *a, void *addr, uint32_t pages);
bool pvb_mem_xen_drop(struct pvb_mem_xen_areas *a, const void *addr,
                      uint32_t pages);

/* The table's operations, contracts as in mem.h. */
int  pvb_mem_xen_share(struct pvb_mem *m, uint16_t peer, uint32_t pages,
                       bool read_only, void **addr, uint32_t *grefs);
void pvb_mem_xen_unshare(struct pvb_mem *m, void *addr, uint32_t pages);
void pvb_mem_xen_front_close(struct pvb_mem_xen *x);

int  pvb_mem_xen_map(struct pvb_mem *m, uint16_t peer, const uint32_t *grefs,
                     uint32_t n, bool read_only, void **addr);
void pvb_mem_xen_unmap(struct pvb_mem *m, void *addr, uint32_t n);
int  pvb_mem_xen_window(struct pvb_mem *m, uint16_t peer, uint32_t gref,
                        bool write, void **addr);
int  pvb_mem_xen_copy(struct pvb_mem *m, uint16_t peer, struct pvb_gcopy *v,
                      uint32_t n);
void pvb_mem_xen_back_close(struct pvb_mem_xen *x);

int  pvb_mem_xen_offer(struct pvb_mem *m, uint16_t peer, uint32_t *port);
int  pvb_mem_xen_bind(struct pvb_mem *m, uint16_t peer, uint32_t remote_port,
                      uint32_t *port);
void pvb_mem_xen_unbind(struct pvb_mem *m, uint32_t port);
void pvb_mem_xen_notify(struct pvb_mem *m, uint32_t port);
int  pvb_mem_xen_fd(struct pvb_mem *m, uint32_t port);
int  pvb_mem_xen_clear(struct pvb_mem *m, uint32_t port);
void pvb_mem_xen_bells_close(struct pvb_mem_xen *x);

#endif
