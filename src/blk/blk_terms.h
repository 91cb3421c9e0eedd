/* SPDX-License-Identifier: MIT */
/*
 * blk_terms.h - the messages between the control half and the data half of a
 * block device's queue.  One link (base/link.h) a queue; plain bytes of fixed
 * size, so both halves may be in one process or in two.
 *
 * The data half may be in a process that a guest has taken over: the control
 * half checks every field that it uses.  Down: control to data; up: back.
 */
#ifndef PVB_BLK_TERMS_H
#define PVB_BLK_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"
#include "proto/blkneg.h"
#include "proto/journal.h"

enum pvb_blk_msg_type {
	PVB_BLK_MSG_ATTACH = 1,         /* down: first; union attach */
	PVB_BLK_MSG_GO,                 /* down, front: union geometry */
	PVB_BLK_MSG_DRAIN,              /* down: flags `cut`, `keep` */
	PVB_BLK_MSG_DETACH,             /* down */
	PVB_BLK_MSG_RESIZED,            /* down: union geometry */
	PVB_BLK_MSG_LOAD,               /* down, back: union load, with the
	                                   disk's descriptors: open it beside
	                                   the one that is in use */
	PVB_BLK_MSG_UNLOAD,             /* down, back: close that again */
	PVB_BLK_MSG_CHANGE,             /* down, back: finish what is in flight,
	                                   then use what was loaded; nothing
	                                   was: the drive is empty */
	PVB_BLK_MSG_CLOSING,            /* down, back: the device is to go: what
	                                   waits for room on the disk waits no
	                                   longer */
	PVB_BLK_MSG_ATTACHED = 64,      /* up: a front's references and port,
	                                   or union found */
	PVB_BLK_MSG_DRAINED,            /* up; a front's: union drained */
	PVB_BLK_MSG_DETACHED,           /* up; another ATTACH may follow */
	PVB_BLK_MSG_FAILED,             /* up: union failed.  After ATTACH:
	                                   nothing is in effect.  Later: the
	                                   data path has stopped; DRAIN and
	                                   DETACH are due */
	PVB_BLK_MSG_REPORT,             /* up: union report */
	PVB_BLK_MSG_LOADED,             /* up: union failed; its `why` is OK, or
	                                   nothing was loaded */
	PVB_BLK_MSG_CHANGED,            /* up: the former disk is closed */
	PVB_BLK_MSG_GROWN,              /* up, back: RESIZED is carried out, as
	                                   far as the disk allows */
};

/* Where a back's data half has the guest's pages and ports from. */
enum pvb_blk_mem_kind {
	PVB_BLK_MEM_LOCAL,              /* a limited end comes with ATTACH */
	PVB_BLK_MEM_XEN,                /* it opens its own */
};

struct pvb_blk_back_attach {
	uint16_t front_domid, back_domid;
	uint32_t device;                /* its number in the store */
	uint8_t  abi, ring_order, persistent;
	uint8_t  mem_kind;              /* enum pvb_blk_mem_kind */
	/* There is a journal (docs/crash.md), which control has made for this
	   connection and keeps as long. */
	uint8_t  journal;
	/* With a journal: somebody may have served this connection before, and
	   is dead and fenced; go on where that has stopped, from the beginning
	   if it never got so far.  0: the journal is blank, or ATTACH fails. */
	uint8_t  resume;
	/* Whoever served this ring has answered all that he took: what waits on
	   it is new. */
	uint8_t  rested;
	/* What the disk has no room for is kept, and the ring paused, until it
	   has (--on-full pause). */
	uint8_t  keep_full;
	uint64_t slow_ns;               /* a request that takes so long is slow;
	                                   0: none is (--slow) */
	uint32_t queue, queues;
	uint32_t ring_ref[PVB_BLK_RING_PAGES_MAX];
	uint32_t port;
	uint32_t requests_max;          /* 0: as many as the ring holds */
	uint64_t spin_max_ns;
	/* What is, or will be, promised, and what these terms leave of it. */
	struct pvb_blk_geometry geometry;
	/* Names the medium, as long as the connection lives: what was taken
	   from the ring for one is not done again on another. */
	uint64_t medium;
	struct pvb_disk_probe disk;         /* its fds are not used; no scheme:
	                                       an empty drive */
};

/* Descriptors that come with ATTACH to a back, in this order. */
enum {
	PVB_BLK_FD_COUNTERS,            /* memfd of struct pvb_counters */
	PVB_BLK_FD_MEM,                 /* only with PVB_BLK_MEM_LOCAL */
	PVB_BLK_FDS_MAX = 3,            /* without the disk's */
};
/* Then, if there is one, the memory of the journal. */
static inline uint32_t pvb_blk_fd_journal(const struct pvb_blk_back_attach *a)
{
	return a->mem_kind == PVB_BLK_MEM_LOCAL ? PVB_BLK_FD_MEM + 1
	                                        : PVB_BLK_FD_COUNTERS + 1;
}
/* And the disk's, to the end. */
static inline uint32_t pvb_blk_fd_disk(const struct pvb_blk_back_attach *a)
{
	return pvb_blk_fd_journal(a) + (a->journal ? 1 : 0);
}

/* Whose journal it is. */
static inline struct pvb_journal_identity
pvb_blk_journal_identity(const struct pvb_blk_back_attach *a)
{
	struct pvb_journal_identity id = {
		.protocol = PVB_JOURNAL_BLKIF, .device = a->device,
		.front_domid = a->front_domid, .back_domid = a->back_domid,
		.queue = (uint16_t)a->queue, .queues = (uint16_t)a->queues,
		.port = a->port, .ref_count = UINT32_C(1) << a->ring_order,
	};

	_Static_assert((int)PVB_BLK_RING_PAGES_MAX <=
	               (int)PVB_JOURNAL_REFS_MAX, "all have a place");
	for (uint32_t i = 0; i < id.ref_count; i++)
		id.ring_ref[i] = a->ring_ref[i];
	return id;
}

/* The journal that goes with these terms. */
static inline struct pvb_journal_shape
pvb_blk_journal_shape(const struct pvb_blk_back_attach *a)
{
	const struct pvb_blk_geometry *g = &a->geometry;
	uint32_t slot = pvb_blk_slot_bytes((enum pvb_abi)a->abi);
	uint32_t list = g->segs_indirect_max * PVB_BLK_SEG_BYTES;
	uint32_t blocks = 0;

	/* A guest may ask for more than was agreed, to be refused. */
	if (g->segs_direct_max > PVB_BLK_SEGS_DIRECT)
		blocks = (pvb_blk_slots((enum pvb_abi)a->abi,
		                        PVB_BLK_SEGS_BLOCKS_MAX) - 1) * slot;
	return (struct pvb_journal_shape){
		.slots = pvb_ring_size((size_t)PVB_RING_PAGE_BYTES <<
		                       a->ring_order, slot),
		.slot_bytes = slot,
		.extra_bytes = list > blocks ? list : blocks,
	};
}

/* Another medium for the same drive: nothing else of its geometry changes. */
struct pvb_blk_back_load {
	uint64_t sectors, medium;
	struct pvb_disk_probe disk;         /* likewise */
};

struct pvb_blk_front_attach {
	uint16_t back_domid;
	uint8_t  abi, ring_order, persistent;
	uint16_t indirect_max;
	struct pvb_blk_blocks blocks;
	uint32_t queue, queues;
	uint64_t spin_max_ns;
	uint64_t timeout_ns;            /* a request unanswered so long:
	                                   failed */
	uint8_t  keep;                  /* requests are kept then, as by DRAIN
	                                   with that flag */
};

/* Of the connection that ends. */
struct pvb_blk_drained {
	uint32_t kept;                  /* requests: still to be answered */
	uint32_t fruitful;              /* the back has answered something */
};

struct pvb_blk_attached { uint32_t ring_ref[PVB_BLK_RING_PAGES_MAX], port; };

struct pvb_blk_failed { uint32_t why; int32_t code; char text[240]; };

enum pvb_blk_report_kind {
	PVB_BLK_REPORT_SIZE,            /* value: the disk's new size in
	                                   bytes */
	PVB_BLK_REPORT_DISK_GONE,       /* value: positive errno */
	PVB_BLK_REPORT_NO_SPACE,
	/* For want of space; value: the queue's number. */
	PVB_BLK_REPORT_PAUSED, PVB_BLK_REPORT_GOES_ON,
	/* A request has become slow, none is any more; likewise. */
	PVB_BLK_REPORT_STALLED, PVB_BLK_REPORT_ANSWERS,
	PVB_BLK_REPORT_REFUSED,         /* value: enum pvb_why of a request's;
	                                   each once an ATTACH */
	PVB_BLK_REPORT_LOST,            /* value: PVB_BLK_LOST_*: the disk
	                                   turned out not to do that */
	PVB_BLK_REPORT_ERROR,           /* value: so many requests have failed
	                                   since the last report; the latest of
	                                   them is told */
};
struct pvb_blk_report {
	uint32_t kind;
	uint64_t value;
	uint64_t offset_bytes;          /* these for REPORT_ERROR alone */
	uint32_t op;                    /* enum pvb_io_op */
	int32_t  code;                  /* a negative errno */
};

struct pvb_blk_msg {
	uint32_t type;                  /* enum pvb_blk_msg_type */
	/* DRAIN.  cut: the peer is gone.  keep (a front): requests, those that
	   are still to come too, wait for the next GO, over DETACH and ATTACH
	   and until there is a DRAIN without it, or the link ends. */
	uint16_t cut, keep;
	union {
		struct pvb_blk_back_attach  back_attach;
		struct pvb_blk_front_attach front_attach;
		struct pvb_blk_back_load    load;
		struct pvb_blk_geometry     geometry;
		struct pvb_blk_attached     attached;
		struct pvb_blk_drained      drained;
		struct pvb_journal_found    found;      /* a back that has
		                                           resumed; else 0 */
		struct pvb_blk_failed       failed;
		struct pvb_blk_report       report;
	} u;
};

#endif
