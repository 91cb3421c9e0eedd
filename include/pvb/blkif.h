/* SPDX-License-Identifier: MIT */
/*
 * blkif.h - the wire protocol of Xen's paravirtual block device: what stands
 * in a slot of the ring, and every XenStore node by which the ends agree.
 *
 * For authors of frontends and backends.  Shapes and numbers only, no calls;
 * it needs <stdint.h> and nothing else.  docs/protocol.md tells the rest: the
 * order of events, who speaks which dialect, what each end has to check.
 *
 * Names and numbers are the field's, as in Xen's own <xen/io/blkif.h>, without
 * the macros of its ring.h.  Where a program uses both, Xen's comes first: its
 * names are then left as they are, and what it lacks is added.  (In the other
 * order the compiler finds its structs defined twice.)
 *
 * BLKIF_MAX_SEGMENTS_PER_REQUEST is 11, as it always was: what one slot holds.
 * Who defines PVB_BLKIF_SEGMENT_BLOCKS before the first inclusion has it count
 * a whole request with its segment blocks instead, 255.  Neither of these two
 * names ever means the other: BLKIF_MAX_SEGMENTS_PER_HEADER_BLOCK (a slot) and
 * BLKIF_MAX_SEGS_PER_REQUEST (a request).  Xen's interface version has no say
 * in it, since the present header of Xen has 11 for all of them.
 *
 * A page is 4096 bytes, a sector on the wire 512, on all machines.  Numbers in
 * a slot have the byte order of the machine: little-endian wherever Xen runs.
 *
 *
 * THE RING
 *
 * One page or 2^n in a row (n <= 4 in the field).  All indices are u32, run
 * freely and wrap; an index's slot is its remainder by the number of slots.
 *
 *   at 0   req_prod    requests that the front has published
 *   at 4   req_event   the back wants a notification when req_prod gets here
 *   at 8   rsp_prod    responses that the back has published
 *   at 12  rsp_event   the front wants one when rsp_prod gets here
 *   at 16  48 bytes that mean nothing
 *   at 64  slots of 112 bytes (x86_32: 108), 32 for each page
 *
 * A fresh ring has both events 1 and the rest 0; the front makes it so, and
 * the back writes nothing when it maps it.  A response is written over a
 * request: the back may write no byte that is not a field of the response.
 *
 *
 * XENSTORE
 *
 * The back's directory is /local/domain/<B>/backend/<kind>/<F>/<devid>, the
 * front's /local/domain/<F>/device/vbd/<devid>.  Values are text, numbers are
 * decimal unless said otherwise, bool is "0" or "1".  "Default" is what holds
 * where the node is absent.  When: in states of the XenBus,
 *
 *   T   the toolstack, as it makes the device (both ends Initialising, 1)
 *   H   the toolstack's hotplug script, before the back can open its disk
 *   B1  the back, before or with InitWait (2)
 *   F2  the front, before or with Initialised (3)
 *   B2  the back, before or with Connected (4); again when the disk grows
 *
 * Other states: Closing 5, Closed 6, Reconfiguring 7, Reconfigured 8 (blkif
 * has no use for the last two).  One transaction for all nodes of a step.
 *
 * ---- the back's directory ------------------------------------------------
 *
 * Of the toolstack; a front has no business with those marked (private).
 *
 * frontend        path, T.  The front's directory
 * frontend-id     domid, T.  Whose requests and grants these are
 * online          bool, default 0, T: 1; 0 when it is detached.  1: when the
 *                 front has closed, wait for another one
 * state           1..8.  T: 1; the back's from then on.  5 by a toolstack
 *                 asks the back to close
 * mode            text, T.  Writable if there is a 'w' in it (private)
 * params          text, T.  Where the data are (private, but read by OVMF's and
 *                 Mirage's fronts)
 * type, script    text, T: phy, file, tap, qdisk; a program (private)
 * dev             text, T.  A name like xvda.  GRUB shows it; no more than
 *                 a hint
 * device-type     text, T.  As in the front's directory
 * removable, bootable  bool, T
 * direct-io-safe  bool, default 0, T.  The data may bypass the page cache
 * discard-enable  bool, default 1, T.  0: do not offer discard
 * specification   text, T.  "xen", or this is no blkif device
 * physical-device       H.  Linux: MAJOR:MINOR in hex; NetBSD: a dev_t in
 *                 decimal (private)
 * physical-device-path  path, H.  FreeBSD, tapdisk (private)
 * hotplug-status  text, H or the back.  "connected" when the disk is open;
 *                 "error", and then
 * hotplug-error   text.  why
 *
 * Limits: must be there at B1, since the front chooses by them.
 *
 * max-ring-page-order  u32, default 0, B1.  log2 of the most pages of a ring.
 *                 PREFERRED (notes 1, 3)
 * max-ring-pages  u32, default 1, B1.  The most pages of a ring, a power of
 *                 two.  DEPRECATED (notes 2, 3)
 * multi-queue-max-queues  u32, default 1, at least 1, B1.  The most rings
 * feature-max-indirect-segments  u32, default 0: none, B1.  The most segments
 *                 of an indirect request, inclusive; 4096 is all that its
 *                 eight pages hold.  No use if it is 11 or less
 * max-requests    u32, default 32, B1.  The most requests in flight, at most
 *                 one for each slot (note 4)
 * max-request-segments  u8, default 11, at most 255, B1.  The most segments
 *                 of a request.  Over 11: segment blocks are taken (note 4)
 * max-request-size  u32, bytes, default 45056 (11 pages), at most 1044480
 *                 (255 pages), B1.  The most data of a request (note 4)
 *
 * What the disk is and can do.  Linux publishes these not before B2, so a
 * front reads them there.
 *
 * sectors         u64, units of 512 bytes whatever sector-size is (note 5),
 *                 B2.  No default
 * sector-size     u32, bytes, a power of two, 512..4096, default 512, B2.
 *                 What offset and length of every request are multiples of
 * physical-sector-size  u32, bytes, default sector-size, a multiple of it,
 *                 B2.  512 * sectors is a multiple of this, too
 * info            u32, default 0, B2.  VDISK_* bits
 * feature-barrier      bool, default 0, B2.  BLKIF_OP_WRITE_BARRIER
 * feature-flush-cache  bool, default 0, B2.  BLKIF_OP_FLUSH_DISKCACHE
 * feature-discard      bool, default 0, B2.  BLKIF_OP_DISCARD.  Any of these
 *                 three may be answered by EOPNOTSUPP nonetheless, and must
 *                 not be used any more then
 * discard-granularity  u32, bytes, default sector-size, B2.  Discards have an
 *                 effect in units of it.  Not always a power of two
 * discard-alignment    u32, bytes, default 0, B2.  Where the first such unit
 *                 begins.  Until 2014 the headers spelt it discard-aligment
 * discard-secure       bool, default 0, B2.  BLKIF_DISCARD_SECURE
 * feature-persistent   bool, default 0, B2.  The back keeps pages mapped: use
 *                 the same grants again (note 6)
 *
 * ---- the front's directory -----------------------------------------------
 *
 * It belongs to the guest: nothing in it authorises anything.
 *
 * backend, backend-id  path, domid, T.  The back
 * virtual-device  u32, T.  The device's number (docs/protocol.md, "Device
 *                 numbers"); decimal, Linux reads hex and octal too
 * virtual-device-ext   u32, T.  Likewise, where virtual-device is absent
 * device-type     text, T: "disk", "cdrom" or "floppy"
 * trusted         bool, default 1, T.  0: the front is to protect itself from
 *                 its back (share no page that holds anything else)
 * state           1..8.  T: 1; the front's from then on
 *
 * event-channel   u32, F2.  An unbound port for the back's domain
 * ring-ref        u32, F2.  Grant of the ring, if that is one page
 * ring-ref0, ring-ref1, ...  u32, F2.  Grants of its pages if there are more,
 *                 in order; there is no ring-ref then.  (FreeBSD up to 9.0
 *                 has the first in ring-ref, there is no ring-ref0 then, and
 *                 its back looks there)
 * ring-page-order u32, default 0, at most what the back offers, F2.  log2 of
 *                 the ring's pages.  PREFERRED (notes 1, 3)
 * num-ring-pages  u32, default 1, a power of two, F2.  The ring's pages.
 *                 DEPRECATED (notes 2, 3).  Until 2012 FreeBSD, and the first
 *                 drafts of Xen's documentation, had it as ring-pages
 * protocol        text, F2: XEN_IO_PROTO_ABI_*.  Its absence means different
 *                 things to different backs, so a front always writes it (T
 *                 may have, for old guests: replace that)
 * multi-queue-num-queues  u32, default 1, 1 up to the back's limit, F2.  If
 *                 it is 2 or more, event-channel and the ring-refs stand in
 * queue-0/, queue-1/, ...  and not at the top, where all else stays
 * feature-persistent   bool, default 0, F2.  Grants will be used again, and
 *                 may be mapped writable (note 6)
 * feature-large-sector-size  bool, default 0, F2.  DEPRECATED (note 5)
 * max-requests, max-request-segments, max-request-size  as in the back's
 *                 directory, at most what stands there, F2 (note 4)
 *
 * ---- notes -----------------------------------------------------------------
 *
 * (1) From Citrix XenServer.  Linux, QEMU, tapdisk, Windows.
 * (2) From Red Hat's and Amazon EC2's drivers.  For their sake only.
 * (3) An end that speaks both publishes both, equal but for the unit, if the
 *     ring has more than one page, and neither if it has one: with an order
 *     of 0 some backs look for ring-ref0, others for ring-ref.  Fronts round
 *     max-ring-pages down to a power of two.  If a back's two nodes differ
 *     only the smaller is sure to work.
 * (4) Segment blocks, from FreeBSD.  It has given them up (for indirect
 *     segments), so they are for those who ask for them.  An offer that has
 *     both leaves the choice to the front; a connection uses one.
 * (5) In 2019 Xen's header let feature-large-sector-size switch all sectors
 *     to units of sector-size; in 2024 (commit 221f2748e8) it went back to
 *     512.  QEMU and Windows count in sector-size.  At 512 all agree.
 * (6) All of such a front's pages, lists of segments too, are granted for
 *     writing, whatever the request.  Last in, first out in the front, least
 *     recently used in the back keep the set small.  Either may be without the
 *     other.
 */
#ifndef PVB_BLKIF_H
#define PVB_BLKIF_H

#include <stdint.h>

/* ---- layout names: the node `protocol` ----------------------------------- */

#ifndef XEN_IO_PROTO_ABI_X86_32
#define XEN_IO_PROTO_ABI_X86_32     "x86_32-abi"
#define XEN_IO_PROTO_ABI_X86_64     "x86_64-abi"
#define XEN_IO_PROTO_ABI_ARM        "arm-abi"   /* 32 bits and 64 */
#endif

/* Of the machine that this is compiled for; others have no name. */
#ifndef XEN_IO_PROTO_ABI_NATIVE
#if defined(__i386__)
#define XEN_IO_PROTO_ABI_NATIVE XEN_IO_PROTO_ABI_X86_32
#elif defined(__x86_64__)
#define XEN_IO_PROTO_ABI_NATIVE XEN_IO_PROTO_ABI_X86_64
#elif defined(__arm__) || defined(__aarch64__)
#define XEN_IO_PROTO_ABI_NATIVE XEN_IO_PROTO_ABI_ARM
#endif
#endif

/* ---- what Xen's header has, too ------------------------------------------ */

#ifdef __XEN_PUBLIC_IO_BLKIF_H__
#ifndef BLKIF_OP_INDIRECT
#error "this <xen/io/blkif.h> is too old for <pvb/blkif.h>: use 4.4 or later"
#endif
#else

/* Operations.  Without the feature that is named, EOPNOTSUPP. */
#define BLKIF_OP_READ               0
#define BLKIF_OP_WRITE              1
/* feature-barrier.  A write that begins when all before it are complete, and is
   complete before any after it begins.  Fronts take all of these to be durable
   then (tapdisk's back only orders).  Without segments: nothing but that. */
#define BLKIF_OP_WRITE_BARRIER      2
/* feature-flush-cache.  What has been answered when this is taken is durable
   when this is answered.  No segments; what is in flight is not waited for. */
#define BLKIF_OP_FLUSH_DISKCACHE    3
/* A packet command in some of SUSE's drivers; nobody else knows it. */
#define BLKIF_OP_RESERVED_1         4
/* feature-discard.  A hint: what is in there is not needed any more, and is
   undefined from now on. */
#define BLKIF_OP_DISCARD            5
/* feature-max-indirect-segments.  A read or a write whose segments stand in
   pages of their own. */
#define BLKIF_OP_INDIRECT           6

/* Status of a response.  Anything that is not 0 is an error: NetBSD's back has
   answered with positive numbers. */
#define BLKIF_RSP_OKAY              0
#define BLKIF_RSP_ERROR             (-1)
#define BLKIF_RSP_EOPNOTSUPP        (-2)

/* Bits of the node `info`. */
#define VDISK_CDROM                 0x1
#define VDISK_REMOVABLE             0x2
#define VDISK_READONLY              0x4

/* Flag of a discard: not only undefined but gone (discard-secure). */
#define BLKIF_DISCARD_SECURE        (1 << 0)

/* 512 segments each. */
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8

#ifdef PVB_BLKIF_SEGMENT_BLOCKS
#define BLKIF_MAX_SEGMENTS_PER_REQUEST 255
#else
#define BLKIF_MAX_SEGMENTS_PER_REQUEST 11
#endif

/* Two bytes of a device's number, which need not hold it. */
typedef uint16_t blkif_vdev_t;
/* 512 bytes each. */
typedef uint64_t blkif_sector_t;

/* A part of one granted page.  8 bytes, the same in all layouts. */
struct blkif_request_segment {
	uint32_t gref;                  /* of the front's page */
	uint8_t  first_sect, last_sect; /* inclusive; 0..7, in 512 bytes */
};
typedef struct blkif_request_segment blkif_request_segment_t;

/*
 * Read, write, barrier, flush.  What the disk sees is one run of sectors from
 * sector_number on, the segments' lengths together.
 */
struct blkif_request {
	uint8_t        operation;       /* BLKIF_OP_* */
	uint8_t        nr_segments;     /* 1..11; also 0 for barrier, 0 for
	                                   flush; more with segment blocks */
	blkif_vdev_t   handle;          /* to be ignored: the ring says it */
	uint64_t       id;              /* the front's; only to be echoed */
	blkif_sector_t sector_number;
	struct blkif_request_segment seg[11];
};
typedef struct blkif_request blkif_request_t;

struct blkif_request_discard {
	uint8_t        operation;       /* BLKIF_OP_DISCARD */
	uint8_t        flag;            /* BLKIF_DISCARD_SECURE, or 0 */
	blkif_vdev_t   handle;          /* Linux's front leaves it unset */
	uint64_t       id;
	blkif_sector_t sector_number;
	uint64_t       nr_sectors;      /* up to the whole disk */
};
typedef struct blkif_request_discard blkif_request_discard_t;

/* Its segments are arrays in the pages that indirect_grefs names, the first
   512 in the first.  They may be granted read-only, but see note 6. */
struct blkif_request_indirect {
	uint8_t        operation;       /* BLKIF_OP_INDIRECT */
	uint8_t        indirect_op;     /* BLKIF_OP_READ or _WRITE; echoed in
	                                   the response by Linux's back, and
	                                   expected there by its front */
	uint16_t       nr_segments;
	uint64_t       id;
	blkif_sector_t sector_number;
	blkif_vdev_t   handle;
	uint32_t       indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
#ifdef __i386__
	uint64_t       pad;             /* 64 bytes everywhere */
#endif
};
typedef struct blkif_request_indirect blkif_request_indirect_t;

/* In any order, exactly one for each request. */
struct blkif_response {
	uint64_t id;                    /* as it was in the request */
	uint8_t  operation;             /* the same, or its indirect_op */
	int16_t  status;                /* BLKIF_RSP_* */
};
typedef struct blkif_response blkif_response_t;

#endif /* what Xen's header has, too */

/* ---- segment blocks (note 4) --------------------------------------------- */

/*
 * A request of more than 11 segments goes on in the next slots of the ring,
 * each full of segments; they wrap around its end as all slots do.  Producer
 * and consumer count each of them; the response takes as many slots as its
 * request, and only the first of them says anything.
 *
 * A slot of x86_32 is 108 bytes, but 14 segments are 112: there the last one
 * would lie half in the next slot.  Hence 13 in that layout.
 */
#ifndef BLKIF_MAX_SEGMENTS_PER_HEADER_BLOCK
#define BLKIF_MAX_SEGMENTS_PER_HEADER_BLOCK 11
#ifdef __i386__
#define BLKIF_MAX_SEGMENTS_PER_SEGMENT_BLOCK 13
#else
#define BLKIF_MAX_SEGMENTS_PER_SEGMENT_BLOCK 14
#endif

struct blkif_segment_block {
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_SEGMENT_BLOCK];
};
typedef struct blkif_segment_block blkif_segment_block_t;

/* Slots of a native request.  Right for every number that nr_segments can be,
   0 included, of any integer type. */
#define BLKIF_SEGS_TO_BLOCKS(segs)                                            \
	(((segs) + BLKIF_MAX_SEGMENTS_PER_SEGMENT_BLOCK - 1 -                 \
	  BLKIF_MAX_SEGMENTS_PER_HEADER_BLOCK) /                              \
	 BLKIF_MAX_SEGMENTS_PER_SEGMENT_BLOCK + 1)
#endif

/* What nr_segments can say: the most of one request with all its blocks. */
#ifndef BLKIF_MAX_SEGS_PER_REQUEST
#define BLKIF_MAX_SEGS_PER_REQUEST 255
#endif

/* ---- the layouts of other machines --------------------------------------- */

/*
 * The i386 ABI aligns a u64 in a struct to 4 bytes, all others to 8.  So
 * there are two layouts; ARM's is that of x86_64.  A front writes its own and
 * says which by `protocol`; a back must know both.
 *
 *                    x86_64, ARM                       x86_32
 *   request          id 8, sector 16, seg 24     112   4, 12, 20          108
 *   discard          8, 16, nr_sectors 24         32   4, 12, 20           28
 *   indirect         8, 16, handle 24, grefs 28   64   4, 12, 20, 24       64
 *   response         id 0, op 8, status 10        16   0, 8, 10            12
 *   segment block    14 segments                 112   13                 104
 *   slot                                         112                      108
 */
#define PVB_BLKIF_SLOT_BYTES_X86_32         108
#define PVB_BLKIF_SLOT_BYTES_X86_64         112
#define PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_32 13
#define PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_64 14
#define PVB_BLKIF_RING_HEADER_BYTES         64

#pragma pack(push, 4)

struct blkif_x86_32_request {
	uint8_t  operation, nr_segments;
	uint16_t handle;
	uint64_t id, sector_number;
	struct blkif_request_segment seg[11];
};
struct blkif_x86_32_request_discard {
	uint8_t  operation, flag;
	uint16_t handle;
	uint64_t id, sector_number, nr_sectors;
};
struct blkif_x86_32_request_indirect {
	uint8_t  operation, indirect_op;
	uint16_t nr_segments;
	uint64_t id, sector_number;
	uint16_t handle;
	uint32_t indirect_grefs[8];
	uint64_t pad;
};
struct blkif_x86_32_response {
	uint64_t id;
	uint8_t  operation;
	int16_t  status;
};

#pragma pack(pop)

/* With their padding spelt out, so they are right on i386, too. */
struct blkif_x86_64_request {
	uint8_t  operation, nr_segments;
	uint16_t handle;
	uint32_t pad;
	uint64_t id, sector_number;
	struct blkif_request_segment seg[11];
};
struct blkif_x86_64_request_discard {
	uint8_t  operation, flag;
	uint16_t handle;
	uint32_t pad;
	uint64_t id, sector_number, nr_sectors;
};
struct blkif_x86_64_request_indirect {
	uint8_t  operation, indirect_op;
	uint16_t nr_segments;
	uint32_t pad;
	uint64_t id, sector_number;
	uint16_t handle;
	uint32_t indirect_grefs[8];
	uint32_t pad2;
};
struct blkif_x86_64_response {
	uint64_t id;
	uint8_t  operation;
	int16_t  status;
	uint32_t pad;
};

struct blkif_x86_32_segment_block {
	struct blkif_request_segment seg[PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_32];
};
struct blkif_x86_64_segment_block {
	struct blkif_request_segment seg[PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_64];
};

typedef struct blkif_x86_32_request  blkif_x86_32_request_t;
typedef struct blkif_x86_32_response blkif_x86_32_response_t;
typedef struct blkif_x86_64_request  blkif_x86_64_request_t;
typedef struct blkif_x86_64_response blkif_x86_64_response_t;

#endif

/* Here and not above, to see also who asks too late. */
#ifdef PVB_BLKIF_SEGMENT_BLOCKS
#if BLKIF_MAX_SEGMENTS_PER_REQUEST != 255
#error "BLKIF_MAX_SEGMENTS_PER_REQUEST is 11 by an earlier <pvb/blkif.h> or \
<xen/io/blkif.h>: define PVB_BLKIF_SEGMENT_BLOCKS before the former, or use \
BLKIF_MAX_SEGS_PER_REQUEST"
#endif
#endif
