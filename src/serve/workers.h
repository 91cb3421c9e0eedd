/* SPDX-License-Identifier: MIT */
/*
 * workers.h - the supervisor's side of its worker processes: one a frontend
 * domain, started when its first queue is wanted, ended with its last device.
 *
 * A device has a seat in one.  A worker that dies takes all its devices along;
 * each buries it, and goes to the next.  A device that perhaps kills its
 * workers gets one of its own.
 */
#ifndef PVB_WORKERS_H
#define PVB_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

struct pvb_err;
struct pvb_host;
struct pvb_log;
struct pvb_workers;

/* `program` is executed as "PROGRAM worker"; NULL: this very program. */
int  pvb_workers_create(struct pvb_loop *loop, const struct pvb_log *log,
                        const struct pvb_host *host, const char *program,
                        struct pvb_workers **out, struct pvb_err *e);
/* Ends and reaps all of them.  NULL is fine. */
void pvb_workers_destroy(struct pvb_workers *w);

struct pvb_seat {                       /* caller's storage */
	struct pvb_workers *workers;
	uint16_t front_domid;
	uint32_t number;                /* of the device */
	bool     alone;                 /* its next worker is nobody else's */
	/* What bury was called for: its worker is dead, and has been waited
	   for, also one of a supervisor before us.  From the loop. */
	void   (*buried)(struct pvb_seat *s);
	/* ---- the workers' ---- */
	struct pvb_seat *next;
	struct worker_process *process; /* NULL: none yet, or it is dead */
	bool     burying;
	bool     served;                /* since it was buried last */
	struct pvb_loop_task done;
};

/* With the fields above filled in. */
void pvb_seat_take(struct pvb_seat *s);
/* Its worker goes with the last.  Not taken (all-zero): no effect. */
void pvb_seat_leave(struct pvb_seat *s);
/* A data half for one queue, in a worker that is started if there is none: the
   control's end of the queue's link (owned), or -errno; -EAGAIN: its worker
   does not listen, or a former supervisor's may live, and has to be buried
   first. */
int  pvb_seat_queue(struct pvb_seat *s, uint32_t queue);
/* Kill its worker, if it runs.  Those of a former supervisor end by
   themselves. */
void pvb_seat_bury(struct pvb_seat *s);
/* Does nobody else sit in its worker? */
bool pvb_seat_is_alone(const struct pvb_seat *s);
/* Its process, or 0. */
pid_t pvb_seat_pid(const struct pvb_seat *s);
/* Was what is buried a worker of ours?  Once; no: who had it before us. */
bool pvb_seat_take_served(struct pvb_seat *s);

#endif
