/* SPDX-License-Identifier: MIT */
/*
 * blk_halves_ctl.h - all data halves of one device as one: an order goes out
 * to each queue's half, and one answer comes back when all have answered.
 *
 * An attach that fails in one half is undone in the others before it is told.
 * A half may be in a process that a guest has taken over: what it says counts
 * only where an answer is due, and its death answers all that it owed; unless
 * they are to be outlived.  Then the owner is told alone, sees to it that the
 * process is dead and its I/O over, and has the rings attached again, in halves
 * of another process.
 */
#ifndef PVB_BLK_HALVES_CTL_H
#define PVB_BLK_HALVES_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/link.h"
#include "blk_terms.h"

struct pvb_blk_halves;

enum { PVB_BLK_HALVES_TEXT_MAX = 199 };

/* Called from the loop, or from inside an order; none may give an order. */
struct pvb_blk_halves_ops {
	/* A new half for this queue: our end of its link, or -errno.  -EAGAIN:
	   the process of the former ones is not seen to be dead yet. */
	int  (*create)(struct pvb_blk_halves *h, uint32_t queue);
	/* Send ATTACH to it, by pvb_blk_halves_send.  0, or -errno and a
	   sentence in `text`. */
	int  (*attach)(struct pvb_blk_halves *h, uint32_t queue,
	               char text[PVB_BLK_HALVES_TEXT_MAX + 1]);
	/* One has attached.  May be NULL. */
	void (*one_attached)(struct pvb_blk_halves *h, uint32_t queue,
	                     const struct pvb_blk_attached *a);
	void (*attached)(struct pvb_blk_halves *h);
	void (*drained)(struct pvb_blk_halves *h);
	void (*detached)(struct pvb_blk_halves *h);
	/* Instead of attached, then nothing is in effect; or (not attaching)
	   once after it: drain and detach are due. */
	void (*failed)(struct pvb_blk_halves *h, bool attaching,
	               enum pvb_why why, const char *text);
	void (*report)(struct pvb_blk_halves *h,
	               const struct pvb_blk_report *report);
	/* A back's, to change the medium; NULL for a front.  load: send LOAD,
	   as attach does.  loaded: OK, or the first reason why not. */
	int  (*load)(struct pvb_blk_halves *h, uint32_t queue,
	             char text[PVB_BLK_HALVES_TEXT_MAX + 1]);
	void (*loaded)(struct pvb_blk_halves *h, enum pvb_why why,
	               const char *text);
	void (*changed)(struct pvb_blk_halves *h);
	/* A back's; NULL for a front. */
	void (*resized)(struct pvb_blk_halves *h);
	/* A back's that outlives its halves; NULL for a front.  died: they are
	   dead; pvb_blk_halves_again or _give_up is due, later.  busy: that
	   failed because somebody still has the disk; true: it is due once
	   more.  again: all rings are attached again. */
	void (*died)(struct pvb_blk_halves *h, const char *text);
	bool (*busy)(struct pvb_blk_halves *h);
	void (*again)(struct pvb_blk_halves *h);
};

struct pvb_blk_half {
	struct pvb_link link;
	struct pvb_blk_halves *halves;
	bool     linked, attached;
	uint8_t  owes;                  /* answers, as bits */
	uint32_t resizes;               /* of these answers, how many */
};

struct pvb_blk_halves {                 /* caller's storage */
	const struct pvb_blk_halves_ops *ops;
	struct pvb_loop *loop;
	struct pvb_blk_half half[PVB_BLK_QUEUES_MAX];
	uint32_t count;                 /* of the attach that is in effect */
	uint8_t  due;                   /* answers of ours to the owner */
	bool     broken;                /* failed was told */
	bool     cut, drained;          /* that was ordered; that was told */
	bool     outlive;               /* the owner's */
	bool     keep;                  /* likewise: a front's halves keep their
	                                   requests when they are drained */
	bool     fruitful;              /* any of them, as DRAINED has it */
	uint32_t kept;                  /* all of them, likewise */
	bool     down, again;           /* they are dead; attach once more */
	enum pvb_why why;               /* of an attach or load that fails; else
	                                   OK */
	int      code;                  /* a negative errno beside it */
	char     text[PVB_BLK_HALVES_TEXT_MAX + 1];
};

void pvb_blk_halves_init(struct pvb_blk_halves *h, struct pvb_loop *loop,
                         const struct pvb_blk_halves_ops *ops);
/* Closes every link.  All-zero: fine. */
void pvb_blk_halves_fini(struct pvb_blk_halves *h);

/* Queues 0 to count - 1 (count <= PVB_BLK_QUEUES_MAX), answered by attached or
   failed. */
void pvb_blk_halves_attach(struct pvb_blk_halves *h, uint32_t count);
/* Instead, with `outlive`: somebody who is dead has attached to so many, and
   this is as after died. */
void pvb_blk_halves_found(struct pvb_blk_halves *h, uint32_t count);
/* To all that are attached; no answer is waited for.  GO, UNLOAD, CLOSING, or a
   front's RESIZED. */
void pvb_blk_halves_tell(struct pvb_blk_halves *h,
                         const struct pvb_blk_msg *m);
/* Answered by drained, detached; at once if nothing is attached. */
void pvb_blk_halves_drain(struct pvb_blk_halves *h, bool cut);
void pvb_blk_halves_detach(struct pvb_blk_halves *h);

/* Have each that is attached open another disk, answered by loaded; and use
   it, or none if none was loaded, answered by changed.  Only while settled.
   Whose ring is let go of meanwhile counts as done. */
void pvb_blk_halves_load(struct pvb_blk_halves *h);
void pvb_blk_halves_change(struct pvb_blk_halves *h);
/* RESIZED to a back's halves, those that are just attaching too; answered by
   resized when all have carried out all of it.  At any time; attached waits
   for it. */
void pvb_blk_halves_resize(struct pvb_blk_halves *h,
                           const struct pvb_blk_geometry *geometry);
/*
 * Once after died, when nobody can touch the rings and the disk any more:
 * attach to them again in new halves, whose attach call then has to say so, and
 * carry out what was ordered meanwhile.  Answered by again, or by failed if it
 * cannot be.  False: nobody wants the rings any more; what was ordered is
 * answered, attached too.
 */
bool pvb_blk_halves_again(struct pvb_blk_halves *h);
/* They are to be dead, for that reason: died is called, and what follows it is
   due.  Only with outlive; no effect if they are dead. */
void pvb_blk_halves_kill(struct pvb_blk_halves *h, const char *text);
/* Instead of again: answered by failed, at once. */
void pvb_blk_halves_give_up(struct pvb_blk_halves *h, enum pvb_why why,
                            const char *text);
/* No answer is due to the owner, and nothing is being attached again. */
bool pvb_blk_halves_is_settled(const struct pvb_blk_halves *h);
bool pvb_blk_halves_any_attached(const struct pvb_blk_halves *h);

/* For the attach and load calls: 0, or -errno of the link. */
int  pvb_blk_halves_send(struct pvb_blk_halves *h, uint32_t queue,
                         const struct pvb_blk_msg *m, const int *fds,
                         uint32_t nfds);

#endif
