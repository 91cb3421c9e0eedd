/* SPDX-License-Identifier: MIT */
/*
 * link.h - one end of the message line between a control half and its data
 * half: fixed-size datagrams with descriptors, in order, always queued.
 *
 * A SOCK_SEQPACKET socket pair, in one process or between two.  A message
 * is taken whole or not at all.  The other end may be a process that a
 * guest has taken over: what arrives is length-checked here and otherwise
 * not believed by anybody.
 */
#ifndef PVB_LINK_H
#define PVB_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "loop.h"

enum { PVB_LINK_FDS_MAX = 8, PVB_LINK_MSG_MAX = 2048 };

struct pvb_link;
struct pvb_link_ops {
	/* `msg` is borrowed for the call.  The callee owns the descriptors
	   in `fds` (sets those it keeps to -1; the rest is closed for it). */
	void (*message)(struct pvb_link *k, const void *msg, size_t bytes,
	                int *fds, uint32_t nfds);
	/* The other end is gone; said once, nothing comes after. */
	void (*closed)(struct pvb_link *k);
};

struct pvb_link {                       /* caller's storage */
	const struct pvb_link_ops *ops;
	struct pvb_loop_fd watch;
	int fd;                         /* owned */
};

/* Two connected ends, close-on-exec.  0 or -errno. */
int  pvb_link_pair(int fds[2]);
/* Takes `fd` over, also on failure.  0 or -errno. */
int  pvb_link_init(struct pvb_link *k, struct pvb_loop *l, int fd,
                   const struct pvb_link_ops *ops);
void pvb_link_fini(struct pvb_link *k);          /* all-zero or fini'd: fine */
/* 0, -EAGAIN (the other end does not read), -EPIPE (gone), -EMSGSIZE.
   The descriptors are borrowed: the other end gets copies. */
int  pvb_link_send(struct pvb_link *k, const void *msg, size_t bytes,
                   const int *fds, uint32_t nfds);

#endif
