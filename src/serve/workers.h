/* SPDX-License-Identifier: MIT */
/*
 * workers.h - the supervisor's side of its worker processes: one a frontend
 * domain, started when its first queue is wanted, ended with its last device.
 */
#ifndef PVB_WORKERS_H
#define PVB_WORKERS_H

#include <stdint.h>
#include <sys/types.h>

struct pvb_err;
struct pvb_log;
struct pvb_loop;
struct pvb_workers;

/* `program` is executed as "PROGRAM worker"; NULL: this very program. */
int  pvb_workers_create(struct pvb_loop *loop, const struct pvb_log *log,
                        const char *program, struct pvb_workers **out,
                        struct pvb_err *e);
/* Ends and reaps all of them.  NULL is fine. */
void pvb_workers_destroy(struct pvb_workers *w);

/* A device of this domain came or went; the worker goes with the last. */
void pvb_workers_hold(struct pvb_workers *w, uint16_t front_domid);
void pvb_workers_release(struct pvb_workers *w, uint16_t front_domid);
/* A data half for one queue in the domain's worker, which is started if it
   does not run: the control's end of the queue's link (owned), or -errno. */
int  pvb_workers_queue(struct pvb_workers *w, uint16_t front_domid,
                       uint32_t number, uint32_t queue);
/* Its process, or 0 if none runs. */
pid_t pvb_workers_pid(const struct pvb_workers *w, uint16_t front_domid);

#endif
