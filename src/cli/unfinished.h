/* SPDX-License-Identifier: MIT */
/*
 * unfinished.h - a new file that must not be taken for a whole one: unless it
 * is kept, it is removed again, also when SIGINT, SIGTERM or SIGHUP strikes.
 */
#ifndef PVB_UNFINISHED_H
#define PVB_UNFINISHED_H

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

struct pvb_unfinished {                 /* caller's storage */
	pthread_t       thread;         /* waits for the signals */
	sigset_t        set, before;
	pthread_mutex_t lock;           /* guards what follows */
	const char     *path;           /* borrowed; NULL: nothing to remove */
};

/* Blocks the three, for all threads that are made from here on.  0, -errno. */
int  pvb_unfinished_init(struct pvb_unfinished *u);
/* Make and open it; `path` is borrowed until fini.  A descriptor, or -errno:
   -EEXIST, ... */
int  pvb_unfinished_create(struct pvb_unfinished *u, const char *path,
                           mode_t mode);
/* It is whole now. */
void pvb_unfinished_keep(struct pvb_unfinished *u);
void pvb_unfinished_fini(struct pvb_unfinished *u);

#endif
