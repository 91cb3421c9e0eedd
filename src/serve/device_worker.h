/* SPDX-License-Identifier: MIT */
/*
 * device_worker.h - what a device has of worker processes: its seat in one, and
 * what outlives them and us, its counters and journals.
 */
#ifndef PVB_DEVICE_WORKER_H
#define PVB_DEVICE_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "device_deaths.h"
#include "flow/counters.h"
#include "proto/blkneg.h"
#include "proto/xspath.h"
#include "workers.h"

struct pvb_blkback_ctl;
struct pvb_kept;
struct pvb_log;

struct pvb_device_worker_config {
	const struct pvb_log *log;
	struct pvb_loop      *loop;     /* all borrowed */
	struct pvb_workers   *workers;
	const struct pvb_kept *kept;
	struct pvb_xsdev      dev;
	uint32_t              deaths_max;
};

struct pvb_device_worker {              /* caller's storage */
	struct pvb_device_worker_config c;
	struct pvb_seat      seat;
	struct pvb_deaths    deaths;
	struct pvb_blkback_ctl *mourner;        /* to be told of a burial */
	int                  counters_fd[PVB_BLK_QUEUES_MAX];
	int                  journal_fd[PVB_BLK_QUEUES_MAX];
	bool                 unkept;    /* something; that was told */
	uint32_t             at_rest;   /* of so many queues there are no
	                                   journals yet */
};

void pvb_device_worker_init(struct pvb_device_worker *w,
                            const struct pvb_device_worker_config *c);
/* All-zero: no effect.  What is kept stays. */
void pvb_device_worker_fini(struct pvb_device_worker *w);
/* The device is no more: that is to go, too. */
void pvb_device_worker_end(struct pvb_device_worker *w);

/* For the control half's calls of these names. */
int  pvb_device_worker_queue(struct pvb_device_worker *w, uint32_t queue);
int  pvb_device_worker_counters(struct pvb_device_worker *w, uint32_t queue);
int  pvb_device_worker_journal(struct pvb_device_worker *w, uint32_t queue,
                               size_t bytes);
int  pvb_device_worker_left(struct pvb_device_worker *w, uint32_t queues,
                            int *fds);
void pvb_device_worker_forget(struct pvb_device_worker *w);
/* Its rings are at rest: the next supervisor needs no journals, and finds none.
   0; or -errno, and they are kept. */
int  pvb_device_worker_rest(struct pvb_device_worker *w);
void pvb_device_worker_bury(struct pvb_device_worker *w,
                            struct pvb_blkback_ctl *b);
/* What all its queues have counted. */
void pvb_device_worker_sum(const struct pvb_device_worker *w,
                           struct pvb_counts *sum);

#endif
