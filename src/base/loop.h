/* SPDX-License-Identifier: MIT */
/*
 * loop.h - one thread's event loop: descriptors, timers, deferred calls,
 * pollers and io_uring completions, all waited for in one blocking call.
 *
 * Everything is caller's storage and intrusive: adding never allocates.  A
 * callback may add and remove anything, itself included.  Nothing is called
 * from inside the call that caused it.  Only pvb_loop_wake and pvb_loop_post
 * may be called from another thread.
 */
#ifndef PVB_LOOP_H
#define PVB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "queue.h"

struct io_uring;                        /* liburing */
struct pvb_err;
struct pvb_loop;

struct pvb_loop_config {
	uint32_t uring_entries;         /* 0: no io_uring on this loop */
	bool     manual_clock;          /* turned by turn_clock alone */
};

/* Owned loop, or NULL with *e.  `c` may be NULL (all zero).  A refused
   io_uring is not an error: pvb_loop_uring then returns NULL. */
struct pvb_loop *pvb_loop_create(const struct pvb_loop_config *c,
                                 struct pvb_err *e);
/* Nothing may be added any more (asserted).  NULL is fine. */
void pvb_loop_destroy(struct pvb_loop *l);

/* Monotonic nanoseconds, read once per turn of the loop. */
uint64_t pvb_loop_now_ns(const struct pvb_loop *l);
/* Manual clock only: move time on; due timers fire on the next turn. */
void pvb_loop_turn_clock(struct pvb_loop *l, uint64_t by_ns);

/* ---- descriptors ------------------------------------------------------- */
/* Errors and hang-up show as IN. */
enum { PVB_LOOP_IN = 1, PVB_LOOP_OUT = 4 };

struct pvb_loop_fd {
	int      fd;                    /* borrowed until remove */
	uint32_t events;                /* PVB_LOOP_*; change by modify;
	                                   0: not even a hang-up is told */
	void   (*ready)(struct pvb_loop_fd *w, uint32_t events);
	struct pvb_loop *loop;          /* loop's; NULL when not added */
};
/* 0 or -errno of epoll_ctl: -EPERM for a regular file, -EEXIST for one that
   is watched already, -ENOMEM, -ENOSPC. */
int  pvb_loop_add_fd(struct pvb_loop *l, struct pvb_loop_fd *w);
int  pvb_loop_modify_fd(struct pvb_loop_fd *w, uint32_t events);
void pvb_loop_remove_fd(struct pvb_loop_fd *w);      /* not added: no effect */

/* ---- timers (one shot) ------------------------------------------------- */
struct pvb_loop_timer {
	void   (*fired)(struct pvb_loop_timer *t);
	uint64_t due_ns;                /* loop's */
	struct pvb_loop_timer *next;    /* loop's */
	struct pvb_loop *loop;          /* loop's; NULL when not armed */
};
/* Absolute time.  Arming an armed timer moves it. */
void pvb_loop_arm(struct pvb_loop *l, struct pvb_loop_timer *t,
                  uint64_t due_ns);
void pvb_loop_disarm(struct pvb_loop_timer *t);

/* ---- deferred calls ---------------------------------------------------- */
struct pvb_loop_task {
	void   (*run)(struct pvb_loop_task *t);
	struct pvb_qnode node;          /* loop's */
	bool     queued;                /* loop's */
};
/* Run once, on the next turn.  Deferring a queued task has no effect. */
void pvb_loop_defer(struct pvb_loop *l, struct pvb_loop_task *t);
/* Neither deferred nor posted any more; not queued: no effect. */
void pvb_loop_undefer(struct pvb_loop *l, struct pvb_loop_task *t);

/* From any thread: run `t` once on the loop's thread.  A task that is posted
   is not also deferred.  Posting one that waits already has no effect. */
void pvb_loop_post(struct pvb_loop *l, struct pvb_loop_task *t);
/* From any thread: make a blocked loop turn; one that is not blocked will
   not block the next time it would. */
void pvb_loop_wake(struct pvb_loop *l);

/* ---- pollers: sources that shared memory feeds, such as a ring --------- */
struct pvb_loop_poller {
	/* Do what there is to do, at most one batch.  True: did something. */
	bool (*poll)(struct pvb_loop_poller *p);
	/* About to sleep: ask to be notified, then look once more.
	   True: something is there after all; the loop does not sleep. */
	bool (*arm)(struct pvb_loop_poller *p);
	struct pvb_loop_poller *next;   /* loop's */
	struct pvb_loop *loop;          /* loop's; NULL when not added */
};
void pvb_loop_add_poller(struct pvb_loop *l, struct pvb_loop_poller *p);
void pvb_loop_remove_poller(struct pvb_loop_poller *p);
/*
 * How long to busy-poll before sleeping once nothing more comes: 0 never,
 * PVB_LOOP_SPIN_ALWAYS for ever.  An adaptive loop spins at most `max_ns`,
 * and not at all while recent spins mostly ended in a sleep anyway.
 */
#define PVB_LOOP_SPIN_ALWAYS UINT64_MAX
void pvb_loop_set_spin(struct pvb_loop *l, uint64_t max_ns);

/* ---- io_uring ---------------------------------------------------------- */
/* user_data of every SQE on the loop's ring points at one of these, or is 0:
   then nobody is told. */
struct pvb_loop_cqe {
	void (*done)(struct pvb_loop_cqe *c, int32_t result, uint32_t flags);
};
/* The loop's ring, borrowed; NULL: none asked for, or the kernel refused
   (pvb_loop_uring_refusal says with which errno, 0 if it was not asked). */
struct io_uring *pvb_loop_uring(struct pvb_loop *l);
int pvb_loop_uring_refusal(const struct pvb_loop *l);
/* SQEs were prepared; they are submitted at the end of the turn, and at the
   latest before the loop sleeps.  pvb_loop_uring_submit does it now: for when
   the queue is full, which it may remain if the kernel has no memory.  Only
   these submit, for the ring belongs to the first thread that does. */
void pvb_loop_uring_queued(struct pvb_loop *l);
void pvb_loop_uring_submit(struct pvb_loop *l);

/* ---- turning ----------------------------------------------------------- */
/* One turn: everything due is called once.  May block until something is.
   While pollers are busy it looks at posted tasks in every 8th turn and at
   descriptors in every 64th, or after 50 us. */
int  pvb_loop_turn(struct pvb_loop *l, bool may_block);   /* 0 or -errno */
/* Turn until pvb_loop_stop, at once if that was said before.  0, or -errno
   of a wait or a submit that failed. */
int  pvb_loop_run(struct pvb_loop *l);
void pvb_loop_stop(struct pvb_loop *l);

#endif
