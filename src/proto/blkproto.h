/* SPDX-License-Identifier: MIT */
/*
 * blkproto.h - blkif requests and responses, apart from any ring or store.
 * Pure.
 *
 * Three protocol names, two slot layouts, one struct for the meaning.  Decode
 * turns untrusted slot bytes into a request that is legal in itself; check
 * turns it into one that is legal for this disk.  After both, no later code
 * tests a field again.  Sectors are 512 bytes everywhere in here; for a peer
 * that counts otherwise, from_wire stands between decode and check.
 * Source: xen/include/public/io/blkif.h (2024), layouts for i386 and x86_64.
 */
#ifndef PVB_BLKPROTO_H
#define PVB_BLKPROTO_H

#include <stdbool.h>
#include <stdint.h>

#include "why.h"

enum pvb_abi { PVB_ABI_X86_32, PVB_ABI_X86_64, PVB_ABI_ARM, PVB_ABI_COUNT };
/* "x86_32-abi", "x86_64-abi", "arm-abi": the node `protocol`.  NULL: none. */
const char *pvb_abi_name(enum pvb_abi abi);
/* What this program was compiled as. */
enum pvb_abi pvb_abi_native(void);

enum {
	PVB_BLK_PAGE_BYTES      = 4096,
	PVB_BLK_SECTOR_BYTES    = 512,
	PVB_BLK_PAGE_SECTORS    = 8,
	PVB_BLK_SEGS_DIRECT     = 11,   /* in the slot itself */
	PVB_BLK_SEGS_BLOCK      = 14,   /* in each further segment block ... */
	PVB_BLK_SEGS_BLOCK_X32  = 13,   /* ... where a slot is only 108 bytes */
	PVB_BLK_SEGS_BLOCKS_MAX = 255,  /* with segment blocks: a byte counts */
	PVB_BLK_SLOTS_MAX       = 20,   /* of so many, where a slot is small */
	PVB_BLK_INDIRECT_PAGES  = 8,
	PVB_BLK_SEGS_PAGE       = 512,  /* segments in one indirect page */
	PVB_BLK_SEGS_MAX        = 256,  /* our own limit, told to the peer */
	PVB_BLK_SEG_BYTES       = 8,
	PVB_BLK_SLOT_MAX        = 112,
};

enum pvb_blk_op {                       /* wire values */
	PVB_BLK_READ = 0, PVB_BLK_WRITE = 1, PVB_BLK_BARRIER = 2,
	PVB_BLK_FLUSH = 3, PVB_BLK_DISCARD = 5, PVB_BLK_INDIRECT = 6,
	PVB_BLK_OP_COUNT
};
const char *pvb_blk_op_name(uint32_t op);         /* "read" ...; "?" */

enum pvb_blk_status {                   /* wire values */
	PVB_BLK_OKAY = 0, PVB_BLK_ERROR = -1, PVB_BLK_EOPNOTSUPP = -2,
};

/* What a peer counts in sectors of `sector-size`, and not of 512 bytes: it
   matters where that is not 512.  (docs/protocol.md, "Sector units".) */
enum pvb_blk_units {
	PVB_BLK_UNITS_SPEC,             /* nothing: Xen's header, Linux, ... */
	PVB_BLK_UNITS_ALL,              /* everything: QEMU, Windows */
	PVB_BLK_UNITS_FREEBSD,          /* all but first_sect and last_sect */
	PVB_BLK_UNITS_MINI_OS,          /* the node `sectors`; NetBSD, too */
	PVB_BLK_UNITS_COUNT
};
/* "spec", "all", "freebsd", "mini-os"; "?".  Static. */
const char *pvb_blk_units_name(enum pvb_blk_units u);
/* Of 512 bytes each, what the node `sectors` counts. */
uint32_t pvb_blk_units_node(enum pvb_blk_units u, uint32_t sector_size_bytes);

struct pvb_seg { uint32_t gref; uint8_t first, last; };   /* sectors in page */

struct pvb_blk_req {
	uint64_t id;                    /* echoed; never interpreted */
	uint64_t sector;                /* 512-byte units */
	uint64_t nr_sectors;            /* of data (by check), of the discard */
	uint8_t  op;                    /* wire value; the inner if indirect */
	bool     indirect, secure;
	uint16_t handle;                /* no meaning: the path tells it */
	uint16_t nr_segs;
	uint32_t indirect_gref[PVB_BLK_INDIRECT_PAGES];
	struct pvb_seg seg[PVB_BLK_SEGS_MAX];
};

struct pvb_blk_rsp { uint64_t id; uint8_t op; int16_t status; };

/* What a connected disk is and takes; what the back promised at Connected. */
struct pvb_blk_geometry {
	uint64_t sectors;               /* 512-byte units; 0: an empty drive */
	uint32_t sector_size_bytes;     /* 512 or 4096 */
	uint32_t physical_size_bytes;   /* a multiple of sector_size_bytes */
	enum pvb_blk_units units;       /* of the peer, on the wire */
	bool     read_only, cdrom, removable;
	bool     flush, barrier, discard, discard_secure, persistent;
	uint32_t discard_granularity_bytes, discard_alignment_bytes;
	uint16_t segs_direct_max;       /* 11, more with segment blocks */
	uint16_t segs_indirect_max;     /* 0: indirect not offered */
	uint32_t data_sectors_max;      /* in one request; 0: what its segments
	                                   hold */
};

/* Bytes from one slot to the next: 108 for x86_32, else 112. */
uint32_t pvb_blk_slot_bytes(enum pvb_abi abi);
/* Slots that a request of this many direct segments takes (1 if <= 11). */
uint32_t pvb_blk_slots(enum pvb_abi abi, uint32_t nr_segs);
/* The same of a request, by its copied-out first slot, and legal or not: it is
   what both indices go on by.  1 for all unless segment blocks were agreed. */
uint32_t pvb_blk_req_slots(enum pvb_abi abi, const void *slot,
                           uint16_t segs_direct_max);

/*
 * Decode one copied-out slot.  On a refusal out->id and out->op still hold
 * what the answer must carry.  Direct segments beyond PVB_BLK_SEGS_DIRECT
 * come from further slots, by pvb_blk_block_decode.  For an indirect request
 * nr_segs is known and seg is empty until pvb_blk_segs_decode has filled it.
 */
enum pvb_why pvb_blk_req_decode(struct pvb_blk_req *out, enum pvb_abi abi,
                                const void *slot, uint16_t segs_direct_max,
                                uint16_t segs_indirect_max);
/* The i-th further slot (from 1) of a request with segment blocks. */
void pvb_blk_block_decode(struct pvb_blk_req *out, enum pvb_abi abi,
                          uint32_t i, const void *slot);
/* Indirect pages that hold this request's segments, and how many are in the
   i-th of them (from 0). */
uint32_t pvb_blk_indirect_pages(const struct pvb_blk_req *req);
uint32_t pvb_blk_indirect_count(const struct pvb_blk_req *req, uint32_t i);
/* Take the segments of the i-th indirect page from its copied-out bytes
   (pvb_blk_indirect_count of them). */
void pvb_blk_segs_decode(struct pvb_blk_req *out, uint32_t i, const void *page);
/* All of it is decoded: from the peer's units to ours. */
void pvb_blk_req_from_wire(struct pvb_blk_req *req,
                           const struct pvb_blk_geometry *geo);
/* Legal for this disk?  Fills nr_sectors for data requests. */
enum pvb_why pvb_blk_req_check(struct pvb_blk_req *req,
                               const struct pvb_blk_geometry *geo);
/* The status that a refusal is answered with: EOPNOTSUPP or ERROR. */
int16_t pvb_blk_why_status(enum pvb_why why);

/* A request of whole sectors of this disk, to the peer's units; then encode. */
void pvb_blk_req_to_wire(struct pvb_blk_req *req,
                         const struct pvb_blk_geometry *geo);
/* Write a request that check has passed (front).  Every byte of the slot is
   written, so nothing of ours leaks. */
void pvb_blk_req_encode(void *slot, enum pvb_abi abi,
                        const struct pvb_blk_req *req);
/* The same for the i-th segment block, and for an indirect page. */
void pvb_blk_block_encode(void *slot, enum pvb_abi abi,
                          const struct pvb_blk_req *req, uint32_t i);
void pvb_blk_segs_encode(void *page, const struct pvb_blk_req *req, uint32_t i);

/* `slot` is a copied-out one. */
void pvb_blk_rsp_decode(struct pvb_blk_rsp *out, enum pvb_abi abi,
                        const void *slot);
/* In place, over the peer's own bytes: id, operation, status, nothing else. */
void pvb_blk_rsp_encode(void *slot, enum pvb_abi abi,
                        const struct pvb_blk_rsp *rsp);

#endif
