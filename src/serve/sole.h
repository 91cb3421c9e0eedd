/* SPDX-License-Identifier: MIT */
/*
 * sole.h - there is one backend daemon a host: two of them would fight for
 * every device.
 *
 * The lock is the file `serve.lock` in the host's directory, with the holder's
 * process id in it; it ends with the process that has it, however that dies.
 */
#ifndef PVB_SOLE_H
#define PVB_SOLE_H

struct pvb_err;
struct pvb_host;

/* An owned descriptor, which is the lock; or -errno with *e: -EBUSY (another
   daemon has it), -EACCES, -ENOSPC, -EIO ... */
int  pvb_sole_take(const struct pvb_host *host, struct pvb_err *e);
/* Let go, and remove the file.  Negative: no effect. */
void pvb_sole_drop(const struct pvb_host *host, int fd);

#endif
