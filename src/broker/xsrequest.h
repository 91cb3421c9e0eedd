/* SPDX-License-Identifier: MIT */
/*
 * xsrequest.h - one request of the XenStore wire protocol, carried out on the
 * store.  Payload in, payload out; no socket.
 */
#ifndef PVB_BROKER_XSREQUEST_H
#define PVB_BROKER_XSREQUEST_H

#include <stdint.h>

#include "proto/xswire.h"
#include "xstree.h"

/* What only the broker can do, for requests of domain 0. */
struct pvb_xsserver_ops {
	/* Make this domain, or start it again after a halt, and tell the
	   store (pvb_xstree_introduce).  0 or -errno.  Not called for one
	   that is introduced. */
	int (*introduce)(void *arg, uint16_t domid);
	/* End this domain with its connections, and tell the store
	   (pvb_xstree_release).  0, -ENOENT. */
	int (*release)(void *arg, uint16_t domid);
};

struct pvb_xsrequest {
	struct pvb_xstree *tree;        /* borrowed, all */
	struct pvb_xsclient *client;
	const struct pvb_xsserver_ops *ops;
	void *arg;

	struct pvb_xs_header header;    /* in, and out: type and length */
	const char *payload;            /* in; has a NUL after it */
	char *reply;                    /* out: PVB_XS_WIRE_PAYLOAD_MAX bytes */
};

/* Always gives an answer, PVB_XS_ERROR if it must. */
void pvb_xsrequest_run(struct pvb_xsrequest *r);

#endif
