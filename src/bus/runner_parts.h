/* SPDX-License-Identifier: MIT */
/*
 * runner_parts.h - what the runner_*.c files are to each other, and to nobody
 * else: events and actions (runner.c), how it begins (runner_begin.c), what the
 * store says (runner_look.c), what we say there (runner_say.c).
 */
#ifndef PVB_RUNNER_PARTS_H
#define PVB_RUNNER_PARTS_H

#include "runner.h"

/* runner.c */
void runner_event(struct pvb_runner *r, enum pvb_ev ev, uint32_t arg);
/* Our directory is not there any more: nobody is left to talk to. */
void runner_vanished(struct pvb_runner *r);

/* runner_look.c */
int  runner_watch(struct pvb_runner *r);
void runner_unwatch(struct pvb_runner *r);
/* Found as the state in our directory: is that another device's by now? */
bool runner_is_of_another(const struct pvb_runner *r, uint64_t found);
/* Read our own nodes and queue what follows from them. */
void runner_look_own(struct pvb_runner *r);
/* Read the peer's state.  True: *q is an event, to be fed at once. */
bool runner_look_peer(struct pvb_runner *r, struct pvb_runner_event *q);
/* Is the peer there, between Initialised and Closing, on terms that take agrees
   to? */
bool runner_find_peer(struct pvb_runner *r, uint32_t *state);
/* Carry out PVB_DO_READ_PEER or PVB_DO_GEOMETRY: OK, or blamed. */
enum pvb_why runner_read_peer(struct pvb_runner *r, uint32_t action);

/* runner_say.c */
/* Some of PVB_DO_PUBLISH, PVB_DO_SAY and PVB_DO_UNPUBLISH, in one transaction.
   0 or -errno (blamed, unless the directory is gone). */
int  runner_write(struct pvb_runner *r, uint32_t actions);
/* All is well: what went wrong before is history. */
void runner_forgive(struct pvb_runner *r);
/* What we told the front that went is not for the one that comes. */
void runner_unexplain(struct pvb_runner *r);

#endif
