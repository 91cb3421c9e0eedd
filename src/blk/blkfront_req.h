/* SPDX-License-Identifier: MIT */
/*
 * blkfront_req.h - the requests of a block frontend: from a caller's pvb_io to
 * slots of the ring, and back.  The mirror of blkback_req.h.
 *
 *   submit --> pending --split, merge--> slots --publish--> ring
 *                 ^                                           |
 *                 | (the rest of it; a flush after it;        | take
 *                 |  once more, unmerged)                     v
 *              finished <------ parts all answered ------ responses
 *
 * blkfront_req.c turns requests into slots, for which blkfront_req_fill.c finds
 * the segments, blkfront_req_done.c takes the answers, blkfront_req_life.c
 * attaches and stops, blkfront_req_keep.c has requests outlive their ring;
 * blkfront_io.c owns it all.
 * What a caller submits is accepted whatever the ring is like, and waits in
 * its own storage.  What the back says is believed as far as it fits what was
 * asked, and no further.  What it answers with "not supported" it is not asked
 * again: there is another way (a barrier for a flush, one slot's worth of
 * segments for many), or the disk has that feature no more.
 */
#ifndef PVB_BLKFRONT_REQ_H
#define PVB_BLKFRONT_REQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/pool.h"
#include "disk/disk.h"
#include "disk/iolist.h"
#include "flow/channel.h"
#include "flow/guest_front.h"
#include "flow/pump.h"
#include "proto/blkneg.h"

enum {
	/* Requests of callers that may share one ring request. */
	PVB_BLKFRONT_PARTS_MAX = 8,
	/* Ring requests that one request to write zeros keeps in flight. */
	PVB_BLKFRONT_ZEROS_MAX = 8,
	/* Idle for so long, memory that is not needed now is given back. */
	PVB_BLKFRONT_IDLE_MS   = 1000,
};

struct pvb_blkfront_queue;

struct pvb_blkfront_queue_ops {
	/* The back lied, broke the ring or did not answer.  Nothing is in
	   flight any more; said once an attach.  The requests are done(), or
	   kept if it did not answer and that was asked for. */
	void (*failed)(struct pvb_blkfront_queue *q, enum pvb_why why);
	/* The back does less than it said: *info has what is left.  Requests
	   that found out are done() after this. */
	void (*changed)(struct pvb_blkfront_queue *q);
	/* Stopped, and every request has been done(), or is kept. */
	void (*quiet)(struct pvb_blkfront_queue *q);
	/* From inside of each the queue may be detached and ended. */
};

struct pvb_blkfront_queue_attach {
	struct pvb_loop *loop;          /* all borrowed until detach */
	struct pvb_mem  *mem;
	uint16_t back_domid;
	enum pvb_abi abi;
	uint8_t  ring_order;
	bool     persistent;            /* as we have told the back */
	uint16_t indirect_max;          /* 0: none */
	struct pvb_blk_blocks blocks;   /* not both */
	uint64_t timeout_ns;            /* 0: none */
	bool     keep;                  /* requests, if they time out */
};

struct pvb_blkfront_queue {             /* caller's storage */
	const struct pvb_blkfront_queue_ops *ops;
	struct pvb_loop *loop;          /* borrowed */
	struct pvb_disk_info *info;     /* borrowed: the disk's, told by go */
	bool bounce_always;

	struct pvb_loop_task task;      /* call done(), or say quiet */
	struct pvb_iolist pending;      /* to be sent, or the rest of it */
	struct pvb_iolist finished;     /* done() is due */
	uint32_t accepted;              /* and not yet done() */
	uint32_t finished_count;
	uint32_t number;                /* of the last one */
	bool  live, stopped, quiet_told;
	bool  keeping;                  /* nothing is sent until go */
	bool  info_changed;             /* and the owner does not know */
	bool  working;                  /* deliver comes at the end of it */
	bool *gone;                     /* set by fini inside of a done() */

	/* while attached */
	bool     attached, failed, failed_told;
	enum pvb_why failed_why, broken_why;
	uint64_t timeout_ns;
	bool     may_keep;
	bool     fruitful;              /* something was answered since go */
	enum pvb_abi abi;
	bool     blocks;                /* large requests take several slots */
	uint32_t segs_max;              /* in one ring request */
	uint32_t bytes_max;             /* of data in one */
	struct pvb_blk_geometry geometry;
	struct pvb_channel channel;
	struct pvb_pump    pump;
	struct pvb_pool    shadows;     /* as many as may be in flight */
	struct pvb_guest_front data;    /* callers' buffers, bounced data */
	struct pvb_guest_front lists;   /* the back may only read these */
	struct pvb_loop_timer timer;    /* armed while something is in flight */
	struct pvb_loop_timer idle;     /* once, a while after the last one */
	struct pvb_blk_req scratch;     /* the request that is being built */
	uint32_t scratch_bytes;         /* of its data */
	uint32_t taken;
	_Alignas(8) unsigned char rsp[PVB_PUMP_BATCH][PVB_BLK_SLOT_MAX];
};

void pvb_blkfront_queue_init(struct pvb_blkfront_queue *q,
                             const struct pvb_blkfront_queue_ops *ops,
                             struct pvb_loop *loop,
                             struct pvb_disk_info *info, bool bounce_always);
/* Detaches.  What is not yet done() is so with -ESHUTDOWN, now. */
void pvb_blkfront_queue_fini(struct pvb_blkfront_queue *q);

/* Ring, port and pages are offered: see q->channel.  0 or -errno; then all is
   undone. */
int  pvb_blkfront_queue_attach(struct pvb_blkfront_queue *q,
                               const struct pvb_blkfront_queue_attach *a);
/* Requests are accepted from now on, for a disk like this.  Those that were
   kept are sent, unless it is no disk for them: then they are done(). */
void pvb_blkfront_queue_go(struct pvb_blkfront_queue *q,
                           const struct pvb_blk_geometry *geometry);
/*
 * Accept no more, and say quiet (on a later turn) when the accepted ones are
 * done.  `cut`: they are done now, with -EIO.  May be called again, to cut.
 *
 * `keep`: go on accepting, but send nothing until another go, which may be
 * after detach and another attach.  Quiet is when what was sent is answered;
 * with `cut` that counts for nothing, and is sent again then.  A stop that does
 * not keep ends what was kept, with -EIO.
 */
void pvb_blkfront_queue_stop(struct pvb_blkfront_queue *q, bool cut, bool keep);
bool pvb_blkfront_queue_is_quiet(const struct pvb_blkfront_queue *q);
/* The data path is over: the requests are done with -EIO, or kept; the owner is
   told. */
void pvb_blkfront_queue_fail(struct pvb_blkfront_queue *q, enum pvb_why why);
/* Ends what attach began.  Pages that callers hold are kept for them. */
void pvb_blkfront_queue_detach(struct pvb_blkfront_queue *q);
/* While not attached: what is kept is done with this, and no more is. */
void pvb_blkfront_queue_give_back(struct pvb_blkfront_queue *q, int result);

/* As pvb_disk_ops: submit never refuses. */
void pvb_blkfront_queue_submit(struct pvb_blkfront_queue *q, struct pvb_io *io);
void pvb_blkfront_queue_kick(struct pvb_blkfront_queue *q);
void *pvb_blkfront_queue_buffer_get(struct pvb_blkfront_queue *q, size_t bytes);
void  pvb_blkfront_queue_buffer_put(struct pvb_blkfront_queue *q, void *buffer,
                                    size_t bytes);

/* ---- between these files ------------------------------------------------- */

struct pvb_blkfront_cursor {            /* a place in a vector */
	uint32_t index;
	uint64_t offset;
};

/* What a request that is in our hands has come to: its pvb_io.scratch. */
struct pvb_blkfront_state {
	uint32_t number;                /* counts up as they are submitted */
	uint64_t sent_bytes;            /* in ring requests so far */
	struct pvb_blkfront_cursor at;  /* where these end */
	uint32_t parts;                 /* ring requests not yet answered */
	int32_t  result;                /* the first error */
	bool     pending;               /* it is in that list */
	bool     shared;                /* lies in our pages: no copy */
	bool     alone;                 /* was merged with one that failed */
	bool     again;                 /* all of it, once no part is out */
	bool     flushing;              /* FUA: the data is written */
};

struct pvb_blkfront_part {              /* of a request, in a ring request */
	struct pvb_io *io;
	struct pvb_blkfront_cursor from;
	uint32_t bytes;
};

struct pvb_blkfront_shadow {            /* what a ring request was about */
	uint64_t sent_ns;
	uint8_t  op;                    /* that the answer must carry */
	uint8_t  slots;                 /* that it took, and its answer takes */
	uint8_t  part_count;
	bool     secure;                /* discard */
	uint16_t page_count;
	void    *list;                  /* of q->lists: the indirect page */
	struct pvb_blkfront_part part[PVB_BLKFRONT_PARTS_MAX];
	void    *page[];                /* of q->data: bounced, in order */
};

static inline struct pvb_blkfront_state *pvb_blkfront_state(struct pvb_io *io)
{
	_Static_assert(sizeof(struct pvb_blkfront_state) <=
	               sizeof(((struct pvb_io *)0)->scratch),
	               "it must fit into what the disk may use");
	return (void *)io->scratch;
}

/* Copy the next `bytes` of a request's memory to or from one of our pages. */
void pvb_blkfront_move(const struct pvb_io *io, struct pvb_blkfront_cursor *c,
                       void *page, uint32_t bytes, bool to_page);
/* Can all of it be sent as it lies? */
bool pvb_blkfront_is_shared(const struct pvb_blkfront_queue *q,
                            const struct pvb_io *io);
/* Add as much of a request to q->scratch as there is room for; `whole`: that
   or nothing.  False: nothing was added. */
bool pvb_blkfront_add_part(struct pvb_blkfront_queue *q,
                           struct pvb_blkfront_shadow *s, struct pvb_io *io,
                           bool whole);
/* To be sent, at the end of this turn at the latest. */
void pvb_blkfront_pend(struct pvb_blkfront_queue *q, struct pvb_io *io);
/* done() is due, on the next turn at the latest. */
void pvb_blkfront_finish(struct pvb_blkfront_queue *q, struct pvb_io *io,
                         int result);
/* Call it.  False: the queue ended from inside. */
bool pvb_blkfront_deliver(struct pvb_blkfront_queue *q);
/* It is not in the line, and a part of it is over, or cannot be sent. */
void pvb_blkfront_go_on(struct pvb_blkfront_queue *q, struct pvb_io *io);
/* Everything that is pending or in flight is finished. */
void pvb_blkfront_cut(struct pvb_blkfront_queue *q, int result);
/* Everything that is in flight is pending instead, from its beginning, in the
   order of submission. */
void pvb_blkfront_take_back(struct pvb_blkfront_queue *q);
/* What is pending is sent, as far as it is right for the disk of now. */
void pvb_blkfront_send_kept(struct pvb_blkfront_queue *q);
void pvb_blkfront_shadow_put(struct pvb_blkfront_queue *q,
                             struct pvb_blkfront_shadow *s);
/* Have *info say what the geometry leaves of flush, FUA and discards.  True:
   it said otherwise. */
bool pvb_blkfront_show_features(struct pvb_blkfront_queue *q);
/* Parts of the pump: what is pending goes out; what came is taken. */
void pvb_blkfront_publish(struct pvb_pump *p);
int32_t pvb_blkfront_take(struct pvb_pump *p, uint32_t n);
bool pvb_blkfront_work(struct pvb_pump *p);
void pvb_blkfront_timed_out(struct pvb_loop_timer *t);

#endif
