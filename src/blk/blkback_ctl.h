/* SPDX-License-Identifier: MIT */
/*
 * blkback_ctl.h - the control half of a block backend device: its nodes, its
 * states, what it offers and agrees to.
 *
 * Lives on the loop and the store handle of a struct pvb_watches.  Never
 * touches a ring, a grant or the disk's data: it has a data half do that, over
 * one link a queue.
 */
#ifndef PVB_BLKBACK_CTL_H
#define PVB_BLKBACK_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blk_options.h"
#include "blk_terms.h"
#include "disk/disk.h"
#include "proto/blkneg.h"
#include "proto/conn.h"
#include "proto/xspath.h"

struct pvb_err;
struct pvb_log;
struct pvb_watches;
struct pvb_blkback_ctl;

struct pvb_blkback_ctl_config {
	const struct pvb_log *log;
	struct pvb_xsdev dev;
	/* What sentences call the disk, its URI; borrowed. */
	const char *disk_name;
	/* What is offered, and how it presents itself.  Read-only and shared
	   are the prober's business: the disk says what it is. */
	struct pvb_blk_options options;
	enum pvb_blk_mem_kind mem_kind;
	uint64_t spin_max_ns;
	/* A fresh data half for queue `queue`: the control's end of its link
	   (the caller owns it from then on), or -errno; -EAGAIN: the process of
	   the former ones has to be buried first.  Called again if one died. */
	int  (*data_half)(void *arg, uint32_t queue);
	/* A fresh end for the data half's grants and ports (the caller owns
	   it from then on), or -errno.  Only with PVB_BLK_MEM_LOCAL. */
	int  (*mem_end)(void *arg);
	/* The queue's counters (borrowed memfd), or -errno. */
	int  (*counters)(void *arg, uint32_t queue);
	/* Memory of so many bytes for the queue's journal, all zero, in place
	   of what it had: a descriptor, borrowed until the next call or
	   destroy; or -errno.  NULL: no journals, and when a data half dies its
	   connection ends. */
	int  (*journal)(void *arg, uint32_t queue, size_t bytes);
	/* Likewise what somebody who is dead has left of the journals of these
	   queues: a descriptor for each, and 0; 1: none, for he had come to
	   rest; or -errno, and none is of any use.  NULL: nothing outlives
	   us. */
	int  (*left)(void *arg, uint32_t queues, int *fds);
	/* No connection stands any more: nor should its journals.  NULL if left
	   is. */
	void (*forget)(void *arg);
	/* With journals: the data halves are not to be any more.  Kill their
	   process if it runs, and wait for it; pvb_blkback_ctl_buried then. */
	void (*bury)(struct pvb_blkback_ctl *b, void *arg);
	/* With journals: nobody else has data halves in that process.  NULL:
	   others may. */
	bool (*alone)(void *arg);
	/* Names this device's use of its disk among all others', also by those
	   who served it before.  0: its disk needs no fence. */
	uint64_t fence;
	/* What pvb_blkback_ctl_rest began has been done: destroy it, but not in
	   here.  `connected`: it leaves a connection to go on with.  May be
	   NULL if that is not called. */
	void (*rested)(struct pvb_blkback_ctl *b, bool connected, void *arg);
	/* State, terms or disk changed: whoever lists devices looks again.
	   May be NULL. */
	void (*changed)(struct pvb_blkback_ctl *b, void *arg);
	/* What pvb_blkback_ctl_change began has been done, or (e->code < 0)
	   cannot be and all is as it was.  May be NULL. */
	void (*medium)(struct pvb_blkback_ctl *b, const struct pvb_err *e,
	               void *arg);
	/* Closed for good (not online, all undone): the owner may destroy it,
	   also in here.  Needed. */
	void (*retired)(struct pvb_blkback_ctl *b, void *arg);
	void *arg;
};

struct pvb_blkback_status {             /* a snapshot, for list and stat */
	uint8_t  mine, peer;            /* enum pvb_xb */
	bool     live, terms_known, disk_known;
	const char *waits;              /* what for, or NULL */
	uint32_t deaths;                /* of its data halves, so far */
	const char *disk_error;         /* the last request's that failed, in
	                                   words, or "" */
	uint64_t disk_error_ns;         /* when, by the monotonic clock */
	enum pvb_why why;               /* why it is closing or closed */
	char     text[200];             /* the sentence that goes with it */
	struct pvb_blk_terms terms;
	struct pvb_blk_geometry geometry;
	uint64_t refused[PVB_WHY_COUNT];        /* connections, ever */
};

/* Borrows the watches, their loop and store until destroy.  Reads nothing.
   0, -ENOMEM, -EINVAL (no such device can be). */
int  pvb_blkback_ctl_create(struct pvb_watches *ws,
                            const struct pvb_blkback_ctl_config *c,
                            struct pvb_blkback_ctl **out, struct pvb_err *e);
/* Says InitWait; the disk may come later.  But a connection that somebody who
   is dead has left, with its journals, goes on without a word; and where one
   stands that cannot, nothing is said before his I/O is over, for which the
   disk is needed.  0, or -errno with *e: -ENOENT (its directory is not there),
   -ENOSPC, -ENOMEM, -EACCES, -EIO. */
int  pvb_blkback_ctl_start(struct pvb_blkback_ctl *b, struct pvb_err *e);
/* Once after start: the disk is known now (`probe` is taken over), or cannot
   be had (probe NULL, *e says why: the device closes with that sentence). */
void pvb_blkback_ctl_disk(struct pvb_blkback_ctl *b,
                          const struct pvb_disk_ops *ops,
                          struct pvb_disk_probe *probe,
                          const struct pvb_err *e);
/* Somebody who is dead may have the disk still: if it is busy, look later. */
bool pvb_blkback_ctl_is_after_another(const struct pvb_blkback_ctl *b);
/* Instead of that: the drive is empty.  It is a CD-ROM or floppy drive. */
void pvb_blkback_ctl_empty(struct pvb_blkback_ctl *b);
/*
 * Put a medium into a CD-ROM or floppy drive in place of what is there, or
 * (`ops` NULL) take that out: the halves finish what they have taken and change
 * over, the front is told the size, the connection stays.  `name` is its URI,
 * `params` (NULL: it is left alone) what that node says from then on.  0: the
 * medium call follows, from the loop, and `probe` has been taken over; or
 * -errno with *e: -EOPNOTSUPP (no such drive), -EAGAIN (its disk is not known
 * yet), -EBUSY (a change is under way), -ENOMEM.
 */
int  pvb_blkback_ctl_change(struct pvb_blkback_ctl *b,
                            const struct pvb_disk_ops *ops,
                            struct pvb_disk_probe *probe, const char *name,
                            const char *params, struct pvb_err *e);
/* Look at the disk's size again and have it told to the front, once all data
   halves have it.  0, or -errno with *e: -EAGAIN (the disk is not known yet),
   -ENOMEDIUM (the drive is empty), -EBUSY (its medium is being changed),
   -EOPNOTSUPP (its size never changes), -EINVAL (it shrank), -EIO ... */
int  pvb_blkback_ctl_resize(struct pvb_blkback_ctl *b, struct pvb_err *e);
/* After the bury call, from the loop: the data halves' process is dead and has
   been waited for.  OK: have another take its place.  Else the connection ends,
   for that reason and with that sentence. */
void pvb_blkback_ctl_buried(struct pvb_blkback_ctl *b, enum pvb_why why,
                            const char *text);
/* Orderly close, then retire; forced: does not wait for the front. */
void pvb_blkback_ctl_stop(struct pvb_blkback_ctl *b, bool force);
/* Of the config, for rings that are attached from now on. */
void pvb_blkback_ctl_set_spin(struct pvb_blkback_ctl *b, uint64_t spin_max_ns);
/* For a successor that cannot read our journals: when nothing else is under
   way, answer what was taken, let go of the rings, without a word to the front
   or the store, and do nothing any more.  The rested call follows. */
void pvb_blkback_ctl_rest(struct pvb_blkback_ctl *b);
void pvb_blkback_ctl_status(const struct pvb_blkback_ctl *b,
                            struct pvb_blkback_status *out);
/* Let go without a word to the front or the store (a restart): the data
   halves see their links close.  NULL is fine. */
void pvb_blkback_ctl_destroy(struct pvb_blkback_ctl *b);

#endif
