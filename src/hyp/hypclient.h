/* SPDX-License-Identifier: MIT */
/*
 * hypclient.h - one connection to the local hypervisor's pages and
 * doorbells: a question, its answer, and the descriptors that come along.
 *
 * Waits for answers, at most PVB_HYPCLIENT_TIMEOUT_S each.  After a time-out
 * or a wrong answer the connection is dead: every later question is -EIO.
 */
#ifndef PVB_HYP_HYPCLIENT_H
#define PVB_HYP_HYPCLIENT_H

#include <stdint.h>

#include "proto/hypwire.h"

struct pvb_err;

enum { PVB_HYPCLIENT_TIMEOUT_S = 10 };

struct pvb_hypclient {                  /* caller's storage */
	int fd;                         /* owned; -1: dead */
	struct pvb_hyp_hello hello;
};

/* As domain `domid` of the machine in `dir`.  0, -ENOENT (no machine there),
   -ENXIO (no such domain), -EACCES, -ENAMETOOLONG, -ETIMEDOUT, -EIO. */
int  pvb_hypclient_open(struct pvb_hypclient *c, const char *dir,
                        uint16_t domid, struct pvb_err *e);
/* On a connected descriptor, taken over, also on failure.  0, -ETIMEDOUT,
   -EIO. */
int  pvb_hypclient_adopt(struct pvb_hypclient *c, int fd, struct pvb_err *e);
/* A dead one is fine. */
void pvb_hypclient_close(struct pvb_hypclient *c);

/*
 * Ask.  The answer's result: 0 with exactly `nfds` owned descriptors in
 * `fds`, or -ENOENT -EACCES -ENOSPC -ENOMEM -EEXIST -EINVAL -EIO with none.
 */
int  pvb_hypclient_ask(struct pvb_hypclient *c, enum pvb_hyp_op op,
                       uint16_t peer, uint32_t arg,
                       struct pvb_hyp_reply *reply, int *fds, uint32_t nfds);

#endif
