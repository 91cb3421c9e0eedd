/* SPDX-License-Identifier: MIT */
/*
 * xsserver.h - the store's end of one client connection: the XenStore wire
 * protocol on a Unix stream socket, with one domain's identity.
 *
 * The client is not trusted.  It is answered one request at a time: while it
 * does not take its answers, nothing more is read from it, so that what it
 * can make us keep is one answer and its bounded queue of watch events.  A
 * message that is too long ends the connection.
 */
#ifndef PVB_BROKER_XSSERVER_H
#define PVB_BROKER_XSSERVER_H

#include <stdint.h>

#include "xsrequest.h"

struct pvb_loop;
struct pvb_xsserver;

struct pvb_xsserver_config {
	struct pvb_xstree *tree;        /* borrowed; outlives the server */
	struct pvb_loop *loop;
	const struct pvb_xsserver_ops *ops;
	/* The connection is over (the client hung up or broke the protocol),
	   said once.  The owner destroys the server, at once or later. */
	void (*closed)(struct pvb_xsserver *s, void *arg);
	void *arg;                      /* of closed and ops */
	uint16_t domid;                 /* whom the client is */
};

/*
 * Serve the accepted connection `fd`, which is taken over, also on failure.
 * Owned, or NULL with *err -ENOMEM or the loop's.
 */
struct pvb_xsserver *pvb_xsserver_create(const struct pvb_xsserver_config *c,
                                         int fd, int *err);
/* Hangs up; the client's watches and transactions go.  NULL is fine.  Not
   from inside an op that this very server called. */
void pvb_xsserver_destroy(struct pvb_xsserver *s);

#endif
