/* SPDX-License-Identifier: MIT */
/*
 * hypwire.h - what a process and the local hypervisor say to each other about
 * pages and doorbells: fixed-size questions and answers.  Pure, shapes only.
 *
 * A SOCK_SEQPACKET Unix socket whose path says which domain the caller is.
 * One struct a message, in the machine's own byte order (both ends are on one
 * machine); the answer may carry descriptors.  One question, one answer, in
 * order.  A message of any other size ends the connection, and with the
 * connection ends all that it made: its area, its ports, its holds.
 */
#ifndef PVB_HYPWIRE_H
#define PVB_HYPWIRE_H

#include <stdint.h>

enum {
	PVB_HYP_VERSION      = 1,
	PVB_HYP_PAGE_BYTES   = 4096,
	PVB_HYP_FDS_MAX      = 3,       /* descriptors in one answer */
	PVB_HYP_HELD_MAX     = 64,      /* areas that one connection may hold */
	PVB_HYP_NO_DOMAIN    = 0xffff,
};

/*
 * An area is all that one connection grants to one domain: a sparse memory
 * file of its full size from the start, sealed against shrinking, and a file
 * of one byte a page that says what is granted.  The front writes that table,
 * the back only reads it.  A grant reference is an area's number and a page:
 *
 *     31          18 17                    0
 *     | area, from 1 | page within the area |
 *
 * so references below 1 << 18 mean nothing, as the lowest do on Xen.
 */
enum {
	PVB_HYP_AREA_SHIFT   = 18,
	PVB_HYP_AREA_PAGES   = 1 << PVB_HYP_AREA_SHIFT,
	PVB_HYP_AREA_BYTES   = PVB_HYP_AREA_PAGES * PVB_HYP_PAGE_BYTES,
	PVB_HYP_AREA_ID_MAX  = (1 << 14) - 1,
	PVB_HYP_GRANT_VALID     = 1 << 0,
	PVB_HYP_GRANT_READ_ONLY = 1 << 1,
};

static inline uint32_t pvb_hyp_gref(uint32_t area, uint32_t page)
{
	return area << PVB_HYP_AREA_SHIFT | page;
}

static inline uint32_t pvb_hyp_gref_area(uint32_t gref)
{
	return gref >> PVB_HYP_AREA_SHIFT;
}

static inline uint32_t pvb_hyp_gref_page(uint32_t gref)
{
	return gref & (PVB_HYP_AREA_PAGES - 1);
}

/* Fields that an operation does not name are zero, or it is -EINVAL. */
enum pvb_hyp_op {
	PVB_HYP_HELLO = 1,              /* -> u.hello */
	/* Make this connection's one area, for domain `peer`.
	   -> value: its number; area (rw), table (rw).  -EEXIST -ENOSPC */
	PVB_HYP_AREA_CREATE,
	/* Hold area `arg` of domain `peer`; asking again is harmless.
	   -> area (ro), area (rw), table (ro).  -ENOENT -EACCES -ENOSPC */
	PVB_HYP_AREA_OPEN,
	/* A new port that `peer` may bind.  -> value: the port; the bell to
	   wait on, the bell to ring.  -ENOSPC */
	PVB_HYP_OFFER,
	/* Join port `arg` of `peer`.  -> as OFFER.  -ENOENT -EACCES -ENOSPC */
	PVB_HYP_BIND,
	PVB_HYP_CLOSE_PORT,             /* port `arg` of ours.  -ENOENT */
	/* -> a new connection that can do nothing but HELLO, AREA_OPEN, BIND
	   and CLOSE_PORT, and these with `peer` alone.  -ENOSPC */
	PVB_HYP_LIMITED,
	PVB_HYP_COUNTS,                 /* domain 0 -> u.counts.  -EACCES */
	PVB_HYP_OP_COUNT
};

struct pvb_hyp_request { uint32_t op, peer, arg, zero; };

/* What the machine holds at this moment: tests of leaks compare these. */
struct pvb_hyp_counts {
	uint32_t domains;               /* known, 0 included */
	uint32_t introduced;            /* those that the store says exist */
	uint32_t connections;           /* to this socket */
	uint32_t areas;                 /* known, also while only held */
	uint32_t areas_held;            /* holds by connections */
	uint32_t ports;
	uint32_t channels_bound;        /* both ends open */
	uint32_t store_connections, store_nodes;
	uint32_t store_watches, store_transactions;
};

struct pvb_hyp_hello {
	uint32_t version;
	uint32_t domid;                 /* who the caller is */
	uint32_t limit;                 /* the one peer, or PVB_HYP_NO_DOMAIN */
	uint32_t zero;
	uint64_t machine;               /* random, new at each start */
};

struct pvb_hyp_reply {
	uint32_t op;                    /* of the question */
	int32_t  result;                /* 0 or a negative errno */
	uint32_t value;
	uint32_t fds;                   /* descriptors that came along */
	union {
		struct pvb_hyp_hello  hello;
		struct pvb_hyp_counts counts;
	} u;
};

#endif
