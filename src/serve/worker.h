/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a worker process: the data halves of one frontend domain's
 * devices, one thread a queue.
 *
 * It holds no store, no path and no socket but the supervisor's, and ends
 * when that closes.
 */
#ifndef PVB_WORKER_H
#define PVB_WORKER_H

struct pvb_log;
struct pvb_err;

/* Runs until the supervisor's end of `fd` (taken over) closes.  0 or -errno. */
int pvb_worker_run(int fd, const struct pvb_log *log, struct pvb_err *e);

#endif
