/* SPDX-License-Identifier: MIT */
/*
 * hypserver.h - the socket side of pages and doorbells: connections of
 * processes that act for a domain, and what each of them holds.
 *
 * A process is its connection: when that closes, its area, its ports and its
 * holds go, and nothing of its peers' does.  A connection has at most one
 * answer that it has not taken; until it does, its questions wait unread, so
 * a process that floods fills only its own socket.  Never blocks.
 */
#ifndef PVB_BROKER_HYPSERVER_H
#define PVB_BROKER_HYPSERVER_H

#include <stdint.h>

struct pvb_hyp_counts;                  /* proto/hypwire.h */
struct pvb_log;
struct pvb_loop;
struct pvb_hypserver;

enum {
	PVB_HYPSERVER_CONNS_MAX            = 4096,
	PVB_HYPSERVER_CONNS_PER_DOMAIN_MAX = 1024,
};

struct pvb_hypserver_config {
	struct pvb_loop *loop;
	const struct pvb_log *log;
	/* A process of the domain came, or went.  Must not call back. */
	void (*joined)(void *arg, uint16_t domid);
	void (*left)(void *arg, uint16_t domid);
	/* Add what is known elsewhere to the counts. */
	void (*counts)(void *arg, struct pvb_hyp_counts *c);
	void *arg;
};

/* Owned, or NULL: no memory.  What `c` points at is borrowed until destroy. */
struct pvb_hypserver *
pvb_hypserver_create(const struct pvb_hypserver_config *c);
/* Ends every connection.  NULL is fine. */
void pvb_hypserver_destroy(struct pvb_hypserver *s);

/* Serve a connected socket for `domid`; `fd` is taken over, also on failure.
   0, -ENOSPC (too many connections), -ENOMEM, -errno of the loop. */
int  pvb_hypserver_add(struct pvb_hypserver *s, uint16_t domid, int fd);
/* End every connection of this domain, limited ones included. */
void pvb_hypserver_drop_domain(struct pvb_hypserver *s, uint16_t domid);
void pvb_hypserver_counts(const struct pvb_hypserver *s,
                          struct pvb_hyp_counts *c);

#endif
