/* SPDX-License-Identifier: MIT */
/*
 * blkback_req.h - the requests of one attached ring of a block backend: from
 * the slot to the disk and back to the slot.
 *
 *   ring --take--> batch --decode, check--> waiting --pages--> ready
 *     ^                        |               ^                | submit
 *     |                     refused            | (a barrier, or |
 *     |                        v               |  no bounce)    v
 *     +---- publish ------- answers <-------- done ----------- disk
 *
 * blkback_req.c is the side of the ring, blkback_req_disk.c that of the disk,
 * blkback_req_life.c begins and ends, blkback_req_lane.c changes the disk for
 * another, blkback_req_full.c waits for room on it, blkback_req_slow.c tells
 * when it does not answer, blkback_req_journal.c does again what somebody who
 * is dead has left; blkback_io.c owns the whole.  A request is copied out of
 * its slot once, into the journal if there is one, where it stays until its
 * answer has been published, and leaves by answers alone unless the connection
 * is being cut.
 */
#ifndef PVB_BLKBACK_REQ_H
#define PVB_BLKBACK_REQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/pool.h"
#include "base/queue.h"
#include "disk/disk.h"
#include "flow/channel.h"
#include "flow/counters.h"
#include "flow/guest_back.h"
#include "flow/pump.h"
#include "proto/blkneg.h"
#include "proto/journal.h"

struct pvb_blkback_queue;
struct pvb_blkback_req;

struct pvb_blkback_queue_ops {
	/* The peer broke the ring; said once. */
	void (*broken)(struct pvb_blkback_queue *q, enum pvb_why why);
	/* Stopped, and nothing is left of what had been taken.  The queue may
	   be ended from inside. */
	void (*quiet)(struct pvb_blkback_queue *q);
	/* A request failed: what the disk was asked, and said. */
	void (*failed)(struct pvb_blkback_queue *q, const struct pvb_io *io,
	               int result);
	/* Likewise, but for want of space. */
	void (*no_space)(struct pvb_blkback_queue *q);
	/* Takes nothing for want of space, with keep_full; goes on. */
	void (*paused)(struct pvb_blkback_queue *q, bool paused);
	/* Some request has waited for slow_ns; none that has is left. */
	void (*stalled)(struct pvb_blkback_queue *q, bool stalled);
	/* A request is refused for this, for the first time. */
	void (*refused)(struct pvb_blkback_queue *q, enum pvb_why why);
	/* The disk does not do this after all (PVB_BLK_LOST_*). */
	void (*lost)(struct pvb_blkback_queue *q, uint32_t lost);
	/* The lane is another now; the former is nobody's any more. */
	void (*changed)(struct pvb_blkback_queue *q, struct pvb_disk *former);
};

struct pvb_blkback_queue_config {
	const struct pvb_blkback_queue_ops *ops;
	struct pvb_loop     *loop;      /* all borrowed until fini */
	struct pvb_mem      *mem;
	struct pvb_channel  *channel;   /* mapped */
	struct pvb_disk     *lane;      /* NULL: an empty drive */
	struct pvb_counters *counters;  /* or NULL */
	uint16_t             front_domid;
	bool                 persistent;        /* it uses its grants again */
	bool                 keep_full; /* what the disk has no room for is kept
	                                   until it has */
	uint64_t             slow_ns;   /* a request that waits so long is slow;
	                                   0: none is */
	enum pvb_abi         abi;
	uint32_t requests_max;          /* in flight; 0: as the ring holds */
	struct pvb_blk_geometry geometry;       /* as promised to this front */
	uint32_t lost;                  /* PVB_BLK_LOST_*: and known to be
	                                   gone */
	struct pvb_journal  *journal;   /* started; or NULL.  What is in it is
	                                   done again, */
	const uint32_t      *redo;      /* in this order; read until it is */
	uint32_t             redo_count;
	uint64_t             medium;    /* of the lane */
};

/* A request that is being decoded. */
struct pvb_blkback_draft {
	struct pvb_blk_req req;
	enum pvb_why why;
	bool     listed;                /* `extra` was there before */
	/* The guest's bytes, copied out once: here or in the journal. */
	const unsigned char *slot, *extra;
	unsigned char own_slot[PVB_BLK_SLOT_MAX];
	union {
		/* of an indirect one's list */
		unsigned char list[PVB_BLK_SEGS_MAX * PVB_BLK_SEG_BYTES];
		/* of its further slots, one after the other */
		unsigned char blocks[(PVB_BLK_SLOTS_MAX - 1) *
		                     PVB_BLK_SLOT_MAX];
	} own;
};

struct pvb_blkback_queue {              /* caller's storage */
	struct pvb_blkback_queue_config c;
	struct pvb_pump       pump;
	struct pvb_guest_back guest;
	struct pvb_pool       reqs;     /* as many as the ring has slots */
	struct pvb_pool       lists;    /* for what a slot cannot hold */
	struct pvb_pool       drafts;   /* a batch of them */
	struct pvb_loop_task  task;     /* begin what waits, or say quiet */
	struct pvb_loop_timer idle;     /* a while after the last one */
	struct pvb_loop_timer retry;    /* what the disk had no room for */
	struct pvb_loop_timer look;     /* for requests that have become slow */

	struct pvb_blkback_req *batch[PVB_PUMP_BATCH];
	struct pvb_blkback_draft *draft[PVB_PUMP_BATCH];
	uint32_t         batch_count;
	enum pvb_why     broken_why;
	struct pvb_queue waiting;       /* legal; could not begin yet */
	struct pvb_queue ready;         /* have their pages; the lane next */
	struct pvb_queue answers;       /* done; not yet published */
	uint32_t begun;                 /* from pages to answer */
	uint32_t submitted;             /* in the lane */
	struct pvb_queue full;          /* begun; to be asked again later */
	uint32_t kept;                  /* those, and what is asked again now */
	uint64_t unpaused_ns;           /* since there were none of them */
	uint32_t slow;                  /* requests that are */
	bool     slow_left;             /* fewer than were shown */
	bool     slow_told;
	struct pvb_blkback_req *barrier;        /* it alone may be under way */
	uint64_t refused_told;          /* 1 << enum pvb_why */
	uint32_t lost;                  /* PVB_BLK_LOST_*: promised, not to be
	                                   had */
	uint32_t redone;                /* of c.redo */
	bool     resuming;              /* takes nothing yet */
	bool     stale;                 /* what is done again was for another
	                                   medium */
	bool     stopped, cut;
	bool     changing;              /* to this, when it is quiet */
	struct pvb_disk *next_lane;
	uint64_t next_sectors, next_medium;
};

/* Begins to take requests on the loop's next turn.  0, -ENOMEM, or -EINVAL:
   the geometry promises what this lane or this queue cannot keep. */
int  pvb_blkback_queue_init(struct pvb_blkback_queue *q,
                            const struct pvb_blkback_queue_config *c);
/* Must be quiet (asserted).  All-zero: fine. */
void pvb_blkback_queue_fini(struct pvb_blkback_queue *q);

/* The disk has grown. */
void pvb_blkback_queue_resize(struct pvb_blkback_queue *q, uint64_t sectors);
/* Could this one, used so far, stand in for the lane? */
bool pvb_blkback_queue_fits(const struct pvb_blkback_queue *q,
                            const struct pvb_disk *lane, uint64_t sectors);
/*
 * Take no more until what was taken has been answered; then go on with this
 * lane, which fits, or with none (NULL, 0), and say changed.  Not while it is
 * changing (asserted).
 */
void pvb_blkback_queue_change(struct pvb_blkback_queue *q,
                              struct pvb_disk *lane, uint64_t sectors,
                              uint64_t medium);
/*
 * Take no more, and say quiet (on a later turn) once what was taken has been
 * answered.  `cut`: nobody reads answers any more, only what the lane has is
 * waited for.  May be called again, to cut.
 */
void pvb_blkback_queue_stop(struct pvb_blkback_queue *q, bool cut);
bool pvb_blkback_queue_is_quiet(const struct pvb_blkback_queue *q);
/* The device is being closed: what waits for room on the disk is answered with
   an error, now and from now on. */
void pvb_blkback_queue_keep_no_more(struct pvb_blkback_queue *q);

/* ---- between these files ------------------------------------------------- */

struct pvb_blkback_req {
	uint32_t slots;                 /* that it took, and its answer takes */
	uint32_t record;                /* of the journal, if there is one */
	struct pvb_qnode node;
	struct pvb_blkback_queue *q;
	uint64_t id, start_ns;
	uint64_t offset_bytes, length_bytes;
	int16_t  status;                /* of the answer */
	uint8_t  op;                    /* enum pvb_blk_op; echoed */
	bool     secure, refused;
	bool     kept;                  /* the disk had no room for it */
	bool     slow;
	uint16_t nr_segs;
	uint8_t  step;                  /* blkback_req_disk.c's */
	uint32_t iov_sent;              /* likewise: the lane has had these */
	void    *list;                  /* of q->lists; NULL: all fits in
	                                   here */
	struct pvb_seg *seg;
	struct pvb_guest_pages pages;
	struct pvb_io io;
	struct pvb_seg small_seg[PVB_BLK_SEGS_DIRECT];
	struct iovec   small_iov[PVB_BLK_SEGS_DIRECT];
};

/* A batch of requests whose bytes are there. */
void pvb_blkback_work(struct pvb_blkback_queue *q);
/* The journal's side of all this; no effect where there is none. */
void pvb_blkback_journal_reserve(struct pvb_blkback_queue *q);
void pvb_blkback_journal_redo(struct pvb_blkback_queue *q);
void pvb_blkback_journal_quiet(struct pvb_blkback_queue *q);
void pvb_blkback_journal_lost(struct pvb_blkback_queue *q, uint32_t lost);
/* Whether it takes requests now. */
void pvb_blkback_pause(struct pvb_blkback_queue *q);
/* The one place where a request is refused: counted, and its status set. */
void pvb_blkback_refuse(struct pvb_blkback_req *r, enum pvb_why why);
/* To be published with the next batch; `r` may be gone on return. */
void pvb_blkback_answer(struct pvb_blkback_req *r);
/* One that was begun: done, with a disk's result. */
void pvb_blkback_finish(struct pvb_blkback_req *r, int result);
/* The lane has answered so.  True: kept, to be asked again as it is.  And: it
   is not under way any more. */
bool pvb_blkback_full_keep(struct pvb_blkback_req *r, int result);
void pvb_blkback_full_left(struct pvb_blkback_req *r);
/* Did the disk say that it has no room for it? */
bool pvb_blkback_is_full(const struct pvb_blkback_req *r, int result);
/* All that is kept fails. */
void pvb_blkback_full_answer(struct pvb_blkback_queue *q);
void pvb_blkback_full_init(struct pvb_blkback_queue *q);
/* This one is not in flight any more; and: some are, or none. */
void pvb_blkback_slow_left(struct pvb_blkback_req *r);
void pvb_blkback_slow_settle(struct pvb_blkback_queue *q);
void pvb_blkback_slow_init(struct pvb_blkback_queue *q);
/* Begin what waits as far as may be, and push it on to the lane. */
void pvb_blkback_begin(struct pvb_blkback_queue *q);
/* With nothing taken: on with the lane that comes next. */
void pvb_blkback_change(struct pvb_blkback_queue *q);
void pvb_blkback_use_lane(struct pvb_blkback_queue *q, struct pvb_disk *lane,
                          uint64_t sectors);
/* Can this lane (NULL: none) be a disk of this geometry and of this size? */
bool pvb_blkback_lane_fits(const struct pvb_blk_geometry *geo,
                           const struct pvb_disk *lane, uint64_t sectors);
/* The lane does not do these (PVB_BLK_LOST_*) after all: none is asked of it
   again. */
void pvb_blkback_lose(struct pvb_blkback_queue *q, uint32_t lost);
bool pvb_blkback_is_lost(const struct pvb_blkback_req *r);
/* Let go of what has not reached the lane. */
void pvb_blkback_drop(struct pvb_blkback_queue *q);
void pvb_blkback_free(struct pvb_blkback_req *r);
/* Nothing is under way: what is not needed is given back in a while. */
void pvb_blkback_arm_idle(struct pvb_blkback_queue *q);
void pvb_blkback_count_in_flight(struct pvb_blkback_queue *q);
/* From the ring, and to it. */
extern const struct pvb_pump_ops pvb_blkback_pump_ops;

#endif
