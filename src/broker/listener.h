/* SPDX-License-Identifier: MIT */
/*
 * listener.h - a named Unix socket that takes connections, on a loop.
 *
 * Only its owner may connect (mode 0600).  When descriptors run out it stops
 * listening for a moment, rather than being called for ever for a connection
 * that it cannot take.
 */
#ifndef PVB_BROKER_LISTENER_H
#define PVB_BROKER_LISTENER_H

#include <stddef.h>

#include "base/loop.h"

struct pvb_err;

enum { PVB_LISTENER_PATH_MAX = 107 };   /* what sun_path holds, without NUL */

struct pvb_listener {                   /* caller's storage; zero is closed */
	/* `fd` is owned by the callee; close-on-exec, not blocking. */
	void (*accepted)(struct pvb_listener *l, int fd);
	struct pvb_loop *loop;          /* NULL: closed */
	struct pvb_loop_fd watch;
	struct pvb_loop_timer pause;
	char path[PVB_LISTENER_PATH_MAX + 1];
};

/* `type` is SOCK_STREAM or SOCK_SEQPACKET.  What lies at `path` is replaced:
   the caller knows that no living process listens there.  0 or -errno. */
int  pvb_listener_open(struct pvb_listener *l, struct pvb_loop *loop,
                       const char *path, int type,
                       void (*accepted)(struct pvb_listener *l, int fd),
                       struct pvb_err *e);
/* Takes the path away as well. */
void pvb_listener_close(struct pvb_listener *l);

#endif
