/* SPDX-License-Identifier: MIT */
/*
 * prober.h - disks probed on threads of their own, so that a slow or hung one
 * holds up nobody else's handshake.
 *
 * At most PVB_PROBER_THREADS at a time, none while there is nothing to do.
 */
#ifndef PVB_PROBER_H
#define PVB_PROBER_H

#include <stdint.h>

#include "disk/disk.h"

struct pvb_err;
struct pvb_loop;
struct pvb_prober;
struct pvb_probe_job;

enum { PVB_PROBER_THREADS = 8 };

/* The answer, from the loop.  `probe` is the callee's to take over or fini;
   NULL: it failed with *e.  The job is over. */
typedef void pvb_probe_done(void *arg, const struct pvb_disk_ops *ops,
                            struct pvb_disk_probe *probe,
                            const struct pvb_err *e);

/* NULL: no memory. */
struct pvb_prober *pvb_prober_create(struct pvb_loop *loop);
/* All jobs must be over or abandoned; waits for threads that still probe. */
void pvb_prober_destroy(struct pvb_prober *p);

/* A job, to be abandoned if its answer is not wanted any more; NULL: no
   memory or no thread. */
struct pvb_probe_job *pvb_prober_start(struct pvb_prober *p, const char *uri,
                                       uint32_t flags, pvb_probe_done *done,
                                       void *arg);
void pvb_prober_abandon(struct pvb_probe_job *job);      /* NULL is fine */

#endif
