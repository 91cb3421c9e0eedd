/* SPDX-License-Identifier: MIT */
/*
 * loop_state.h - the inside of the event loop, for the loop_*.c files alone.
 *
 * loop.c owns the order of a turn; each other file owns one kind of source
 * and offers it two or three calls here.
 */
#ifndef PVB_LOOP_STATE_H
#define PVB_LOOP_STATE_H

#include <pthread.h>
#include <sys/epoll.h>

#include "loop.h"

enum {
	LOOP_BATCH = 64,                /* descriptors taken up in a turn */
	LOOP_LOOK_TURNS = 64,           /* busy turns between two looks at */
	LOOP_LOOK_NS = 50000,           /* descriptors: at most so many, and */
	LOOP_POST_TURNS = 8,            /* between two at posted tasks */
};

/* Where a loop with pollers stands between work and sleep. */
enum loop_spin_state {
	LOOP_BUSY,                      /* work came, or may come at once */
	LOOP_SPINNING,                  /* nothing came since spin.since_ns */
	LOOP_RESTING,                   /* nothing will be spun for */
};

struct loop_spin {
	enum loop_spin_state state;
	uint64_t max_ns, since_ns;
	uint32_t credit;                /* 0: spins have not paid lately */
	uint32_t skipped, probe_gap;    /* rests without a spin, and how
	                                   many until the next probe */
};

/* What other threads may touch: all of it under the lock. */
struct loop_mailbox {
	pthread_mutex_t lock;
	struct pvb_queue posted;
	uint32_t count;
	bool asleep;                    /* a wake-up needs the doorbell */
	bool woken;                     /* and does not need it again */
	struct pvb_loop_fd doorbell;    /* an eventfd */
};

struct loop_ring {
	struct io_uring *uring;         /* owned; NULL: none */
	struct pvb_loop_fd watch;       /* its descriptor turns readable */
	int  refusal;                   /* errno, positive */
	bool disabled;                  /* until the loop's thread submits */
	bool queued;                    /* SQEs wait for a submit */
	int  failed;                    /* -errno that turn must report */
};

struct pvb_loop {
	uint64_t now_ns;
	bool manual_clock, turning, stopped;
	bool worked;                    /* a poller, CQE or post, last turn */

	int epoll_fd;
	bool coarse_wait;               /* no epoll_pwait2: milliseconds */
	uint32_t fd_count;              /* added by users */
	struct epoll_event batch[LOOP_BATCH];
	int batch_count, batch_next;
	uint32_t turns_unlooked;
	uint64_t looked_ns;

	struct pvb_loop_timer *timers;  /* soonest first, equals in order */
	struct pvb_loop_timer *firing;  /* due in this turn, not yet called */

	struct pvb_queue tasks;         /* for the next turn */
	struct pvb_queue running;       /* for this one */

	struct loop_mailbox mail;

	struct pvb_loop_poller *pollers;
	struct pvb_loop_poller *poll_next;  /* a walk is here */
	struct loop_spin spin;

	struct loop_ring ring;
};

/* loop_fd.c.  open: 0 or -errno; close is right after a failed open. */
int  loop_fds_open(struct pvb_loop *l);
void loop_fds_close(struct pvb_loop *l);
int  loop_fds_add(struct pvb_loop *l, struct pvb_loop_fd *w);  /* uncounted */
/* Fill the batch; timeout in ns, 0 only looks, < 0 is for ever. */
int  loop_fds_wait(struct pvb_loop *l, int64_t timeout_ns);
void loop_fds_dispatch(struct pvb_loop *l);

/* loop_timer.c */
void loop_timers_fire(struct pvb_loop *l);
bool loop_timers_due(const struct pvb_loop *l);

/* loop_task.c */
void loop_tasks_begin(struct pvb_loop *l);
void loop_tasks_run(struct pvb_loop *l);

/* loop_mail.c.  open: 0 or -errno. */
int  loop_mail_open(struct pvb_loop *l);
void loop_mail_close(struct pvb_loop *l);
bool loop_mail_run(struct pvb_loop *l);         /* true: a task ran */
bool loop_mail_take_back(struct pvb_loop *l, struct pvb_loop_task *t);
/* False: somebody posted or woke meanwhile, do not sleep. */
bool loop_mail_sleep(struct pvb_loop *l);
void loop_mail_awake(struct pvb_loop *l);
/* Unlink `n` if it is in `q`.  True: it was. */
bool loop_queue_unlink(struct pvb_queue *q, struct pvb_qnode *n);

/* loop_spin.c */
bool loop_pollers_poll(struct pvb_loop *l);     /* true: one did something */
bool loop_pollers_arm(struct pvb_loop *l);      /* true: do not sleep */
void loop_spin_reset(struct pvb_loop *l);
bool loop_spin_goes_on(struct pvb_loop *l);     /* asked before a sleep */
void loop_spin_learn(struct pvb_loop *l);       /* after work was found */

/* loop_uring.c */
void loop_ring_open(struct pvb_loop *l, uint32_t entries);
void loop_ring_close(struct pvb_loop *l);
bool loop_ring_ready(const struct pvb_loop *l); /* a CQE is in memory */
bool loop_ring_reap(struct pvb_loop *l);        /* true: one was taken */

#endif
