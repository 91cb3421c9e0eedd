/* SPDX-License-Identifier: MIT */
/*
 * reopen.h - a second open file description of a file that has no path.
 *
 * What is handed to a domain is opened for it alone: flags that one domain
 * sets on its description (blocking, for one) then reach nobody else.  Needs
 * /proc.
 */
#ifndef PVB_BROKER_REOPEN_H
#define PVB_BROKER_REOPEN_H

/* Owned descriptor, close-on-exec, or -errno. */
int pvb_reopen(int fd, int flags);
/* Close n descriptors that are not -1, and set them to -1. */
void pvb_close_all(int *fds, unsigned n);

#endif
