/* SPDX-License-Identifier: MIT */
/*
 * mem_direct_parts.h - the machine as the files that play it see it:
 * mem_direct.c (life), mem_direct_pages.c, mem_direct_bells.c.  For nobody
 * else.
 */
#ifndef PVB_TEST_MEM_DIRECT_PARTS_H
#define PVB_TEST_MEM_DIRECT_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "mem_direct.h"

enum {
	DIRECT_AREAS_MAX = 256,
	DIRECT_VIEWS_MAX = 1024,        /* of a handle's */
	DIRECT_FIRST_GREF = 8,
};

struct direct_grant {
	_Atomic(unsigned char *) page;  /* NULL: none; published last */
	uint16_t owner, peer;
	bool read_only;
};

struct direct_port {
	int fd;                         /* -1: free */
	uint16_t owner, peer;
	_Atomic int other;              /* a port's number; -1: nobody */
};

struct direct_area {                    /* kept to the end: a window stays */
	unsigned char *at;              /* owned */
	unsigned char *copier;          /* owned; the same, at another address:
	                                   who has the ring at two addresses is
	                                   not seen to be ordered by it */
	uint32_t pages;
	int fd;                         /* owned; -1: it is on the heap */
};

struct mem_direct {
	pthread_mutex_t lock;
	struct direct_grant grant[MEM_DIRECT_GRANTS];
	uint32_t grants;                /* references are not used again */
	struct direct_port port[MEM_DIRECT_PORTS];
	struct direct_area area[DIRECT_AREAS_MAX];
	_Atomic uint32_t areas;
	struct mem_direct_faults faults;
	uint32_t shared, mapped, maps, forgotten;
	_Atomic uint32_t copies, copy_calls, windows;
};

struct direct_handle {
	struct pvb_mem mem;
	struct mem_direct *m;
	uint16_t domid;
	uint32_t held;                  /* shares, maps and ports */
	struct { void *at; uint32_t pages; } map[DIRECT_VIEWS_MAX];
	uint32_t maps;
};

static inline struct direct_handle *direct_handle_of(struct pvb_mem *mem)
{
	return (struct direct_handle *)(void *)mem;
}

static inline void direct_lock(struct mem_direct *m)
{
	pthread_mutex_lock(&m->lock);
}

static inline void direct_unlock(struct mem_direct *m)
{
	pthread_mutex_unlock(&m->lock);
}

/* The table's operations, contracts as in mem.h. */
int  direct_share(struct pvb_mem *mem, uint16_t peer, uint32_t pages,
                  bool read_only, void **addr, uint32_t *grefs);
void direct_unshare(struct pvb_mem *mem, void *addr, uint32_t pages);
void direct_forget(struct pvb_mem *mem, void *addr, uint32_t pages);
int  direct_map(struct pvb_mem *mem, uint16_t peer, const uint32_t *grefs,
                uint32_t n, bool read_only, void **addr);
void direct_unmap(struct pvb_mem *mem, void *addr, uint32_t n);
int  direct_window(struct pvb_mem *mem, uint16_t peer, uint32_t gref,
                   bool write, void **addr);
int  direct_copy(struct pvb_mem *mem, uint16_t peer, struct pvb_gcopy *v,
                 uint32_t n);
void direct_areas_free(struct mem_direct *m);

int  direct_offer(struct pvb_mem *mem, uint16_t peer, uint32_t *port);
int  direct_bind(struct pvb_mem *mem, uint16_t peer, uint32_t remote,
                 uint32_t *port);
void direct_unbind(struct pvb_mem *mem, uint32_t port);
void direct_notify(struct pvb_mem *mem, uint32_t port);
int  direct_fd(struct pvb_mem *mem, uint32_t port);
int  direct_clear(struct pvb_mem *mem, uint32_t port);

#endif
