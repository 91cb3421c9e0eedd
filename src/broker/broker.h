/* SPDX-License-Identifier: MIT */
/*
 * broker.h - the local hypervisor: one machine of domains in a directory,
 * with a store, pages and doorbells, on one event loop.
 *
 * It holds all that domains share, so that the death of one takes nothing of
 * its peers' with it, and never waits for any of them.  DIR/store and DIR/hyp
 * are domain 0's sockets, DIR/domN/store and DIR/domN/hyp those of domain N.
 */
#ifndef PVB_BROKER_BROKER_H
#define PVB_BROKER_BROKER_H

#include <stdint.h>

struct pvb_broker;
struct pvb_err;
struct pvb_hyp_counts;                  /* proto/hypwire.h */
struct pvb_log;
struct pvb_loop;

struct pvb_broker_config {
	const char *dir;                /* made if it is not there */
	const struct pvb_log *log;      /* borrowed until destroy, or NULL */
};

/* Owned, or NULL with *e: -EBUSY (another one lives in `dir`),
   -ENAMETOOLONG, -ENOTDIR, -EACCES, -ENOMEM, -errno.  Serves while the loop
   turns. */
struct pvb_broker *pvb_broker_create(const struct pvb_broker_config *c,
                                     struct pvb_loop *loop, struct pvb_err *e);
/* Ends every connection and removes every file that it has made.  NULL is
   fine. */
void pvb_broker_destroy(struct pvb_broker *b);

/* The domain is known, with its sockets, until release.  As the store's
   INTRODUCE.  0, -EEXIST, -EINVAL (no such number), -ENOSPC, -errno. */
int  pvb_broker_introduce(struct pvb_broker *b, uint16_t domid);
/* Its connections end; all that it made goes.  As the store's RELEASE.
   0, -ENOENT, -EINVAL (domain 0). */
int  pvb_broker_release(struct pvb_broker *b, uint16_t domid);

/* What it holds now; on the loop's thread.  Others ask domain 0's socket. */
void pvb_broker_counts(const struct pvb_broker *b, struct pvb_hyp_counts *c);

#endif
