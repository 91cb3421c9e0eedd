/* SPDX-License-Identifier: MIT */
/*
 * signals.h - SIGINT, SIGTERM and SIGHUP as a descriptor, for commands that
 * have something to undo when they are told to end.
 */
#ifndef PVB_SIGNALS_H
#define PVB_SIGNALS_H

#include <signal.h>

struct pvb_signals {                    /* caller's storage */
	int      fd;                    /* readable once one has come */
	int      caught;                /* the first that was taken; 0: none */
	sigset_t before;                /* the mask, for children */
};

/* Blocks the three for this thread and those it makes.  0 or -errno. */
int  pvb_signals_init(struct pvb_signals *s);
/* Takes one, if one has come: its number, or 0. */
int  pvb_signals_take(struct pvb_signals *s);
/* The mask as it was: what was not taken strikes then. */
void pvb_signals_fini(struct pvb_signals *s);

#endif
