/* SPDX-License-Identifier: MIT */
/*
 * rundir.h - the directory in which one local hypervisor lives.
 *
 * A lock in it keeps a second one out, and says that what a dead one has left
 * there may be taken away.  Touches no file that it does not know by name.
 */
#ifndef PVB_BROKER_RUNDIR_H
#define PVB_BROKER_RUNDIR_H

#include <stdbool.h>

struct pvb_err;

struct pvb_rundir {                     /* caller's storage */
	char *path;                     /* owned; no slash at the end */
	int   fd;                       /* owned; the directory */
	int   lock;                     /* owned; the lock's file */
	bool  made, parent_made;        /* by us: goes when we go */
};

/* Make `path` if it is not there (mode 0700; the one directory above it, if
   that is missing too, 0755), lock it and clear it.  0,
   -EBUSY (another one lives there), -ENAMETOOLONG (a socket in it could have
   no name), -ENOTDIR, -EACCES, -errno.  On failure nothing is held. */
int  pvb_rundir_open(struct pvb_rundir *d, const char *path, struct pvb_err *e);
void pvb_rundir_close(struct pvb_rundir *d);

#endif
