/* SPDX-License-Identifier: MIT */
/*
 * xsconns.h - all connections to the store: how many there may be, and their
 * end.  What is said on one of them is xsserver.h's.
 */
#ifndef PVB_BROKER_XSCONNS_H
#define PVB_BROKER_XSCONNS_H

#include <stdint.h>

struct pvb_loop;
struct pvb_xsconn;
struct pvb_xsserver_ops;
struct pvb_xstree;

enum { PVB_XSCONNS_MAX = 2048, PVB_XSCONNS_PER_DOMAIN_MAX = 512 };

struct pvb_xsconns {                    /* caller's storage */
	struct pvb_xstree *tree;        /* borrowed, as all here */
	struct pvb_loop *loop;
	const struct pvb_xsserver_ops *ops;
	void *arg;                      /* the ops' */
	struct pvb_xsconn *first;       /* NULL at first */
	uint32_t count;
};

/* Serve a connected socket for `domid`; `fd` is taken over, also on failure.
   0, -ENOSPC (too many), -ENOMEM, -errno of the loop. */
int  pvb_xsconns_add(struct pvb_xsconns *x, uint16_t domid, int fd);
/* End those of one domain; of all.  Not from inside an op that one of them
   called. */
void pvb_xsconns_drop_domain(struct pvb_xsconns *x, uint16_t domid);
void pvb_xsconns_fini(struct pvb_xsconns *x);

#endif
