/* SPDX-License-Identifier: MIT */
/*
 * narrow_parts.h - the inside of a narrow lane, for the narrow*.c files alone:
 * the lane (narrow.c), which requests of the disk below one of ours becomes
 * (narrow_step.c), and how these are carried out (narrow_run.c).
 */
#ifndef PVB_DISK_NARROW_PARTS_H
#define PVB_DISK_NARROW_PARTS_H

#include <assert.h>

#include "base/pool.h"

#include "narrow.h"
#include "outbox.h"

enum {
	NARROW_SECTOR_BYTES = 512,
	NARROW_BLOCK_BYTES  = 4096,     /* the most that a sector can be */
	NARROW_IOV_MAX      = 510,
	NARROW_EDGES        = 32,       /* requests with edges, at once */
};

/* Memory for what a request has too much: the sectors of the disk in which it
   begins and ends, and a vector from one to the other. */
struct narrow_edges {
	unsigned char head[NARROW_BLOCK_BYTES], tail[NARROW_BLOCK_BYTES];
	struct iovec  iov[NARROW_IOV_MAX + 2];
};

struct narrow_lane;

struct narrow_request {
	struct pvb_io io;               /* the disk's below */
	struct pvb_io *outer;
	struct narrow_lane *lane;
	struct pvb_qnode node;
	struct pvb_range range;
	struct narrow_edges *edges;     /* NULL: it fits as it is */
	bool     changes;               /* so it needs its range */
	uint8_t  step;                  /* narrow_step.c's */
};

struct narrow_lane {
	struct pvb_disk disk;
	struct pvb_disk *inner;         /* owned */
	struct pvb_loop *loop;
	struct pvb_outbox outbox;
	struct pvb_ranges alone;        /* if nobody has given us one */
	struct pvb_ranges_lane ranges;
	struct pvb_pool pool;           /* of struct narrow_request */
	struct narrow_edges *edges;     /* owned, NARROW_EDGES of them */
	uint32_t edges_used, edges_touched;     /* a bit each */
	struct pvb_queue waiting;       /* for edges */
	struct pvb_queue ready;         /* for the disk */
	struct pvb_loop_task go_on;
};
static_assert(NARROW_EDGES <= 32, "a bit for each");

/* Where a request lies among the sectors of the disk below. */
struct narrow_place {
	uint64_t begin, end;            /* rounded outwards */
	uint32_t before, behind;        /* bytes that this adds */
	bool     one;                   /* it is all in one sector */
};

void narrow_place(const struct pvb_io *io, uint32_t block,
                  struct narrow_place *out);
/* Put the next request of the disk into r->io; `block` is its sector.  False:
   there is none. */
bool narrow_next(struct narrow_request *r, uint32_t block);

/* narrow_run.c: of pvb_disk_ops, of pvb_ranges_lane, of pvb_loop_task. */
int  narrow_submit(struct pvb_disk *d, struct pvb_io *io);
void narrow_kick(struct pvb_disk *d);
void narrow_granted(struct pvb_range *range);
void narrow_go_on(struct pvb_loop_task *t);

#endif
