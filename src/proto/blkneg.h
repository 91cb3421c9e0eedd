/* SPDX-License-Identifier: MIT */
/*
 * blkneg.h - what each end of a blkif connection publishes, and what the two
 * agree on.  Pure: structs to and from sets of keys, no store.
 *
 *   back   offer     limits, at InitWait       (multi-page, queues, indirect)
 *   front  terms     its choice, at Initialised (ring references, port, ABI)
 *   back   geometry  features and sizes, at Connected (struct pvb_blk_geometry)
 *
 * Every reader takes any bytes and returns the one named reason for which it
 * refuses, and then leaves *out alone; `*bad` (`bad` may be NULL) is set to the
 * name of the node at fault (static text or inside `keys`; NULL if none).
 * A count that must be a power of two and is none is KEY_SYNTAX; one that must
 * not be zero, or is beyond what we allow, KEY_LIMIT.  All counts and sizes but
 * `sectors` are of 32 bits.  Features and limits are said also where they are
 * 0.  What the agreed numbers do not call for is not looked at: an earlier
 * driver may have left it.  tests/negotiation/model.py has reasons for each.
 *
 * Ring size.  Two schemes say it, by order and by count of pages, the latter
 * under two names in a front's nodes; there may be any of them, or none, which
 * is one page.  We say it by all of them, and for one page by none.
 *   Front: an offer is an upper bound.  Where its two nodes disagree it takes
 *   the smaller, of a count that is no power of two the next below, of what is
 *   beyond its own means those: whatever a back meant, it takes such a ring.
 *   Back: terms are a fact, and there is no guessing what lies in a peer's
 *   memory.  All nodes that are there must agree (else KEY_CONFLICT), be a
 *   power of two (KEY_SYNTAX) and no more than was offered (KEY_LIMIT).
 *   One page is in `ring-ref` or else in `ring-ref0`, whatever else is said;
 *   the first of several in `ring-ref0` or else in `ring-ref`.
 *   FreeBSD up to 9.0 has it in `ring-ref`, at both ends.  Its back knows the
 *   count of pages alone, and has segment blocks: a front that is offered so
 *   writes the first of several pages under both names.
 *
 * Requests of more than 11 segments.  Indirect ones and segment blocks never
 * go together on one connection.
 *   Back: it offers indirect ones as far as it likes, and blocks if it is told
 *   to; a front that says `max-request-segments` of more than 11 has chosen
 *   blocks, and then there are no indirect ones.
 *   Front: it chooses indirect ones where both ends can; blocks only if it was
 *   told that it may, and there are no indirect ones to be had.  (Who wants
 *   blocks in any case sets its own indirect_max to 0.)
 */
#ifndef PVB_BLKNEG_H
#define PVB_BLKNEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blkproto.h"
#include "keys.h"
#include "ring.h"

enum {
	PVB_BLK_QUEUES_MAX = 16,
	PVB_BLK_RING_PAGES_MAX = 1 << PVB_RING_ORDER_MAX,
};

/*
 * Segment blocks: what no request exceeds.  Nodes `max-request-segments`,
 * `max-requests`, `max-request-size`; of the latter two the field has two
 * defaults, so who does not find them takes the one that harms nobody: a front
 * 32 requests and 11 pages, a back what the ring and the segments hold.
 */
struct pvb_blk_blocks {
	uint16_t segs_max;              /* 12..255.  0: no segment blocks, and
	                                   the others are 0 too */
	uint32_t requests_max;          /* in flight on one ring, however many
	                                   slots each */
	uint32_t bytes_max;             /* of data; at least a page */
};

/* What one side is willing to do: from its configuration. */
struct pvb_blk_limits {
	uint8_t  ring_order_max;        /* 0..PVB_RING_ORDER_MAX */
	uint16_t queues_max;            /* 1..PVB_BLK_QUEUES_MAX */
	uint16_t indirect_max;          /* 0: none; <= PVB_BLK_SEGS_MAX */
	bool     persistent, flush, barrier, discard;
	bool     segment_blocks;
	enum pvb_blk_units units;       /* of the other end */
	/* Front: a layout to speak that is not ours. */
	bool     abi_given;
	enum pvb_abi abi;
};
/* Linux's: order 4, queues = cpus, 256 indirect segments, all features but
   barrier.  A front's: one queue, order 2, 32 indirect segments.  No segment
   blocks in either. */
void pvb_blk_limits_back_default(struct pvb_blk_limits *l, uint32_t cpus);
void pvb_blk_limits_front_default(struct pvb_blk_limits *l);

struct pvb_blk_offer {
	uint8_t  ring_order_max;        /* agreed from both schemes' nodes */
	uint16_t queues_max;
	uint16_t indirect_max;
	struct pvb_blk_blocks blocks;
	bool     first_in_ring_ref;     /* of several pages */
};

struct pvb_blk_queue_terms {
	uint32_t ring_ref[PVB_BLK_RING_PAGES_MAX];
	uint32_t port;
};

struct pvb_blk_terms {
	enum pvb_abi abi;
	bool     abi_given;             /* a `protocol` node was there */
	uint8_t  ring_order;
	uint16_t queues;
	uint16_t indirect_max;          /* front's use; the back allows its
	                                   offer; 0 with segment blocks */
	struct pvb_blk_blocks blocks;
	bool     persistent;            /* the front will reuse its grants */
	bool     large_sectors;         /* it says that it counts in units of
	                                   sector-size: PVB_BLK_UNITS_ALL */
	bool     first_in_ring_ref;     /* front: there as well */
	struct pvb_blk_queue_terms queue[PVB_BLK_QUEUES_MAX];
};

/* ---- offer ------------------------------------------------------------- */
/* 0 or -ENOSPC (cannot happen with an empty set). */
int pvb_blk_offer_put(struct pvb_keys *k, const struct pvb_blk_limits *l);
enum pvb_why pvb_blk_offer_get(const struct pvb_keys *k,
                               struct pvb_blk_offer *out, const char **bad);
/* The names that get reads, NULL-ended; the same for geometry and terms. */
extern const char *const pvb_blk_offer_names[];

/* ---- terms ------------------------------------------------------------- */
/* Front: ring order, queues, persistent, indirect or blocks: the best both can
   do.  Ring references and ports are filled in when they exist. */
void pvb_blk_terms_choose(struct pvb_blk_terms *out,
                          const struct pvb_blk_limits *own,
                          const struct pvb_blk_offer *offer);
int pvb_blk_terms_put(struct pvb_keys *k, const struct pvb_blk_terms *t);
/* What the backs in the field take a missing `protocol` for, if they run on
   such a machine as this. */
enum pvb_abi pvb_blk_abi_absent(void);
/* Back: refuses what is beyond `own`.  `abi_absent` is what a missing
   `protocol` means here. */
enum pvb_why pvb_blk_terms_get(const struct pvb_keys *k,
                               const struct pvb_blk_limits *own,
                               enum pvb_abi abi_absent,
                               struct pvb_blk_terms *out, const char **bad);
extern const char *const pvb_blk_terms_names[];   /* top level */
/* Once multi-queue-num-queues is known: the i-th name below queue-<n>/, static.
   NULL: no more.  For `queues` of 1 there are none. */
const char *pvb_blk_terms_queue_name(uint32_t queues, uint32_t i);
/*
 * Back: may a front that says that count in these units, if sectors have this
 * size?  KEY_MISSING, KEY_CONFLICT: it is `*bad` that says so.  With 512 bytes
 * all is one.
 */
enum pvb_why pvb_blk_terms_units(const struct pvb_blk_terms *t,
                                 enum pvb_blk_units units,
                                 uint32_t sector_size_bytes,
                                 const char **bad);
/* Do these describe the same connection (same ring references and ports)? */
bool pvb_blk_terms_same(const struct pvb_blk_terms *a,
                        const struct pvb_blk_terms *b);

/* ---- geometry ---------------------------------------------------------- */
/* Without segs_*_max, which the offer has said; sectors * 512 must be a legal
   file offset (asserted).  Where there is no discard its sizes are left out,
   and read as 0. */
int pvb_blk_geometry_put(struct pvb_keys *k, const struct pvb_blk_geometry *g);
/* A disk of no sectors is an empty drive.  It may end inside a physical sector,
   as partitions do, not inside a logical one (KEY_CONFLICT).  A granularity of
   0 is read as absent: `sector-size`.  Unknown bits of `info` are ignored.
   `units`: those of the back. */
enum pvb_why pvb_blk_geometry_get(const struct pvb_keys *k,
                                  enum pvb_blk_units units,
                                  struct pvb_blk_geometry *out,
                                  const char **bad);
extern const char *const pvb_blk_geometry_names[];

/* Features that a disk has turned out not to have after they were promised. */
enum {
	PVB_BLK_LOST_FLUSH   = 1 << 0,  /* and so barriers */
	PVB_BLK_LOST_BARRIER = 1 << 1,
	PVB_BLK_LOST_DISCARD = 1 << 2,  /* of either kind */
	PVB_BLK_LOST_SECURE  = 1 << 3,
	PVB_BLK_LOST_ALL     = (1 << 4) - 1,
};
/* Those that are promised. */
uint32_t pvb_blk_geometry_features(const struct pvb_blk_geometry *g);
/* Exactly these are. */
void pvb_blk_geometry_promise(struct pvb_blk_geometry *g, uint32_t features);
/* What is left.  True: it had some of them. */
bool pvb_blk_geometry_lose(struct pvb_blk_geometry *g, uint32_t lost);
/* The nodes that take the promise back.  0 or -ENOSPC. */
int  pvb_blk_lost_put(struct pvb_keys *k, uint32_t lost);

/* ---- between these files: segment blocks --------------------------------- */
/* None: says so.  Else requests_max and bytes_max must not be 0. */
int pvb_blk_blocks_put(struct pvb_keys *k, const struct pvb_blk_blocks *b);
/* No node may be beyond `most`; `absent` is for those that are not there. */
struct pvb_blk_blocks_rule { uint32_t segs, requests, bytes; };
enum pvb_why pvb_blk_blocks_get(const struct pvb_keys *k,
                                const struct pvb_blk_blocks_rule *most,
                                const struct pvb_blk_blocks_rule *absent,
                                struct pvb_blk_blocks *out, const char **bad);
/* What a ring of this order can hold, in requests. */
uint32_t pvb_blk_ring_slots(uint32_t order);

#endif
