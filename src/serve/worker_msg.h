/* SPDX-License-Identifier: MIT */
/*
 * worker_msg.h - what the supervisor says to a worker process.  The worker
 * never answers here: its queues speak on links of their own, and its end is
 * the end of its process.
 */
#ifndef PVB_WORKER_MSG_H
#define PVB_WORKER_MSG_H

#include <stdint.h>

/*
 * The worker's descriptors.  Its badge (workers_before.h) is the lowest, for
 * that is what the kernel lets go of last when a process dies: then ports and
 * links have been let go of, too.
 */
enum {
	PVB_WORKER_BADGE_FD = 3,
	PVB_WORKER_FD = 4,              /* its end of the supervisor's link */
};

enum pvb_worker_msg_type {
	PVB_WORKER_QUEUE = 1,           /* one descriptor: a queue's link */
};

struct pvb_worker_msg {
	uint32_t type;                  /* enum pvb_worker_msg_type */
	uint32_t number;                /* device and queue, for names in
	                                   logs */
	uint32_t queue;
};

#endif
