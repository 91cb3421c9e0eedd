/* SPDX-License-Identifier: MIT */
/*
 * domains.h - the domains of the local machine: numbers, the processes that
 * act for them, and the two sockets through which these come.
 *
 * A domain is known from the toolstack's word, or its first process, until
 * the toolstack releases it; domain 0 always.  It is alive while a process
 * holds its pages and doorbells, and before the first one came: the toolstack
 * prepares a domain that does not run yet.  When the last such process has
 * gone, its kernel has died, as it were; the next one boots it again.
 */
#ifndef PVB_BROKER_DOMAINS_H
#define PVB_BROKER_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "listener.h"

struct pvb_err;

enum { PVB_DOMAINS_MAX = 1024 };

struct pvb_domains;
struct pvb_domain {
	struct pvb_domain *next;
	struct pvb_domains *domains;
	uint16_t domid;
	bool     alive;
	uint32_t processes;
	struct pvb_listener hyp, store;
};

struct pvb_domains_config {
	struct pvb_loop *loop;
	const char *dir;                /* borrowed until fini */
	/* A connection was made; `fd` is owned by the callee. */
	void (*hyp)(void *arg, uint16_t domid, int fd);
	void (*store)(void *arg, uint16_t domid, int fd);
	void *arg;
};

struct pvb_domains {                    /* caller's storage */
	struct pvb_domains_config config;
	struct pvb_domain *first;
	uint32_t count;
};

void pvb_domains_init(struct pvb_domains *d,
                      const struct pvb_domains_config *c);
/* Takes every socket and folder away. */
void pvb_domains_fini(struct pvb_domains *d);

/* Known, alive, and with its sockets.  0, -EEXIST, -ENOSPC (too many),
   -EINVAL (no such number), -ENOMEM, -errno of a socket. */
int  pvb_domains_add(struct pvb_domains *d, uint16_t domid, struct pvb_err *e);
/* 0, -ENOENT, -EINVAL (domain 0 stays). */
int  pvb_domains_remove(struct pvb_domains *d, uint16_t domid);
/* Borrowed, or NULL. */
struct pvb_domain *pvb_domains_find(const struct pvb_domains *d,
                                    uint16_t domid);

/* A process came or went.  True: the domain came to life, or died, by it.
   One that is not known (any more) does neither. */
bool pvb_domains_join(struct pvb_domains *d, uint16_t domid);
bool pvb_domains_leave(struct pvb_domains *d, uint16_t domid);

#endif
