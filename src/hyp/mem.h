/* SPDX-License-Identifier: MIT */
/*
 * mem.h - pages and doorbells as a data half sees them: what a domain grants
 * to another, and event channels.  One table, two implementations:
 * mem_local.c (the broker) and mem_xen.c.
 *
 * Calls return >= 0 or a negative errno out of the set named beside them; an
 * implementation maps anything else to -EIO.  Nothing blocks but open, share,
 * map, offer and bind (a bounded question to the broker or the kernel), and
 * none of these is on the hot path.  unmap, unshare, unbind and close cannot
 * fail in a way that the caller could mend.  A handle belongs to one thread.
 *
 * Two sides use it.  A front *shares* pages with one other domain and gets
 * grant references; a back *maps* references, or copies.  A grant names the
 * one domain that may use it and whether it may write (Xen's grant tables).
 */
#ifndef PVB_MEM_H
#define PVB_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pvb_err;
struct pvb_mem { const struct pvb_mem_ops *ops; };  /* first member of each */

enum {
	PVB_MEM_PAGE_BYTES = 4096,
	PVB_MEM_MAP_MAX    = 16,        /* pages in one map: ring order 4 */
	PVB_MEM_MAPS_MAX   = 320,       /* of one handle, without a window */
};

struct pvb_gcopy {                      /* one copy, inside one granted page */
	void    *local;
	uint32_t gref;
	uint16_t offset, length;        /* offset + length <= 4096 */
	bool     to_peer;
	int      result;                /* out: 0, or -EACCES -ENOENT -EIO */
};

struct pvb_mem_ops {
	const char *name;               /* "xen", "local" */
	void (*close)(struct pvb_mem *m);   /* ends all that is still open */

	/* ---- front: pages of ours.  -ENOMEM -ENOSPC -EACCES -EIO -------- */
	/* `pages` zeroed pages, contiguous at *addr, granted to `peer`;
	   grefs[0..pages) are filled.  All of a handle's pages must be for
	   one peer (-EINVAL). */
	int  (*share)(struct pvb_mem *m, uint16_t peer, uint32_t pages,
	              bool read_only, void **addr, uint32_t *grefs);
	/* Same pages as one share gave.  Only when the peer has answered all
	   that named them, or is gone: the next share may use them again, so
	   a peer that still wrote there would write into that. */
	void (*unshare)(struct pvb_mem *m, void *addr, uint32_t pages);
	/* What is in these shared pages is not needed any more: the memory may
	   go, and come back zeroed.  They stay shared.  May be NULL. */
	void (*forget)(struct pvb_mem *m, void *addr, uint32_t pages);

	/* ---- back: pages of a peer's.  -ENOENT (no such grant) -EACCES
	   (granted to somebody else, or read-only) -ENOMEM -EINVAL -EIO --- */
	/* n <= PVB_MEM_MAP_MAX references, contiguous at *addr. */
	int  (*map)(struct pvb_mem *m, uint16_t peer, const uint32_t *grefs,
	            uint32_t n, bool read_only, void **addr);
	void (*unmap)(struct pvb_mem *m, void *addr, uint32_t n);
	/* Where page `gref` lies if it can be had without a mapping of its
	   own; stays valid until close.  -EOPNOTSUPP: this hypervisor has no
	   such window, use map or copy.  On the hot path: no system call, but
	   for the first page of an area. */
	int  (*window)(struct pvb_mem *m, uint16_t peer, uint32_t gref,
	               bool write, void **addr);
	/* A batch; how many of them failed (see each result). */
	int  (*copy)(struct pvb_mem *m, uint16_t peer, struct pvb_gcopy *v,
	             uint32_t n);

	/* ---- doorbells.  -ENOSPC -ENOENT -EACCES -EIO ------------------- */
	/* A new port that `peer` may bind. */
	int  (*offer)(struct pvb_mem *m, uint16_t peer, uint32_t *port);
	/* A new port of ours, joined to the one that `peer` offered.  Ours is
	   rung once by this.  A peer whose other end was closed may be bound
	   again. */
	int  (*bind)(struct pvb_mem *m, uint16_t peer, uint32_t remote_port,
	             uint32_t *port);
	void (*unbind)(struct pvb_mem *m, uint32_t port);
	/* Ring the other end; nobody there: nothing happens. */
	void (*notify)(struct pvb_mem *m, uint32_t port);
	/* Readable when `port` was rung.  Borrowed until unbind.  Several
	   ports may share one descriptor: who waits on it clears them all. */
	int  (*fd)(struct pvb_mem *m, uint32_t port);
	/* Take the ring and allow the next.  1: it was rung, 0: not. */
	int  (*clear)(struct pvb_mem *m, uint32_t port);
};

/* The same machine in one process: ends opened with one of these see each
   other's pages at one address, as ThreadSanitizer needs.  NULL elsewhere. */
struct pvb_mem_local_shared;
struct pvb_mem_local_shared *pvb_mem_local_shared_create(void);
void pvb_mem_local_shared_destroy(struct pvb_mem_local_shared *s);

/*
 * A handle on the local machine in directory `dir` as domain `domid`, which
 * must exist.  Owned, or NULL with *e: code -ENOENT (no machine in dir),
 * -ENXIO (no such domain), -EACCES, -ENAMETOOLONG, -ETIMEDOUT, -EIO.
 */
struct pvb_mem *pvb_mem_open_local(const char *dir, uint16_t domid,
                                   struct pvb_mem_local_shared *shared,
                                   struct pvb_err *e);
/*
 * For a worker: a new descriptor of domain `domid` that can do nothing but
 * map and bind what domain `peer` offers.  Descriptor (owned), or -errno.
 */
int pvb_mem_local_limited(const char *dir, uint16_t domid, uint16_t peer,
                          struct pvb_err *e);
/* A handle on such a descriptor, which is taken over, also on failure. */
struct pvb_mem *pvb_mem_open_local_fd(int fd,
                                      struct pvb_mem_local_shared *shared,
                                      struct pvb_err *e);
/*
 * Handles on Xen, as the domain that we run in: a front's, which can share and
 * offer, and a back's, which can map, copy and bind, and only what `peer`
 * offers.  Each opens its device nodes here and now.  Owned, or NULL with *e:
 * code -ENOENT (which node is missing), -EACCES, -EOPNOTSUPP (built without
 * Xen), -EIO.
 */
struct pvb_mem *pvb_mem_open_xen_front(struct pvb_err *e);
struct pvb_mem *pvb_mem_open_xen_back(uint16_t peer, struct pvb_err *e);
void pvb_mem_close(struct pvb_mem *m);           /* NULL is fine */

#endif
