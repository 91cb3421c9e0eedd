/* SPDX-License-Identifier: MIT */
/*
 * control_path.h - where a host's daemon listens, unless it is told otherwise.
 */
#ifndef PVB_CONTROL_PATH_H
#define PVB_CONTROL_PATH_H

struct pvb_err;
struct pvb_host;

enum { PVB_CONTROL_PATH_MAX = 300 };

void pvb_control_path(const struct pvb_host *h, char out[PVB_CONTROL_PATH_MAX]);
/* Make the directory of that path, if it is not there: for the daemon.  0 or
   -errno with *e. */
int  pvb_control_dir(const struct pvb_host *h, struct pvb_err *e);

#endif
