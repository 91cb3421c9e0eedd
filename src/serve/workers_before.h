/* SPDX-License-Identifier: MIT */
/*
 * workers_before.h - workers that a dead supervisor has left: are there any of
 * this domain still?  They are nobody's children, so they cannot be waited for.
 *
 * Each worker is given a badge: a description of the file `workers` in the
 * host's directory, with a lock on the byte of its domain.  Nobody else has it,
 * so the lock goes with the process, when none of its threads runs any more.
 */
#ifndef PVB_WORKERS_BEFORE_H
#define PVB_WORKERS_BEFORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/xspath.h"

struct pvb_err;
struct pvb_host;

struct pvb_workers_before {             /* caller's storage */
	char   *path;                   /* owned */
	int     fd;                     /* owned; only asks */
	uint8_t gone[PVB_XS_DOMID_MAX / 8 + 1];         /* a bit a domain */
};

/* 0, or -errno with *e: -EACCES, -ENOSPC, -ENOLCK ... */
int  pvb_workers_before_init(struct pvb_workers_before *b,
                             const struct pvb_host *host, struct pvb_err *e);
void pvb_workers_before_fini(struct pvb_workers_before *b);
/* None once is none for ever: only the one supervisor that there is starts
   any. */
bool pvb_workers_before_any(struct pvb_workers_before *b, uint16_t front_domid);
/* For a worker that is about to be started, when there are none from before
   (asserted): owned, to be closed by all but the worker.  Or -errno. */
int  pvb_workers_before_badge(struct pvb_workers_before *b,
                              uint16_t front_domid);

#endif
