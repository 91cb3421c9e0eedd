/* SPDX-License-Identifier: MIT */
/*
 * bells.h - event channels: numbered ports of domains, two of them joined.
 *
 * A channel has two ends.  The first is made by an offer to one domain; that
 * domain alone may bind the second.  When either is closed the other stays,
 * offered to the domain that has left, which may bind the same port again
 * (as on Xen); with its last end the channel is gone.
 *
 * A bell is a pipe of one page that is rung by a byte.  Not an eventfd:
 * blocking or not is a flag of an open file description, which all holders of
 * an eventfd share, so a hostile end could make the other one's notify block.
 * A pipe can be opened anew for each holder.  Each end holds both bells for
 * reading and writing, so that neither a full pipe, nor the other end's
 * death, nor the broker's shows as a signal, a hang-up or a wait.
 */
#ifndef PVB_BROKER_BELLS_H
#define PVB_BROKER_BELLS_H

#include <stdint.h>

enum {
	PVB_BELLS_PER_DOMAIN_MAX = 1024,        /* ports */
	PVB_BELLS_BUCKETS        = 64,
};

struct pvb_channel;
struct pvb_port {                       /* one open end */
	struct pvb_port *next;          /* in its bucket */
	struct pvb_port *next_owned;    /* the owner's list; not used here */
	struct pvb_channel *channel;
	uint32_t number;                /* from 1, unique in the domain */
	uint16_t domid;
	uint8_t  end;                   /* 0 or 1: which of the bells is ours */
};

struct pvb_bells {                      /* caller's storage; zero is empty */
	struct pvb_port *bucket[PVB_BELLS_BUCKETS];
	uint32_t ports, bound;          /* bound: channels with two ends */
};

/* Every port must be closed (asserted). */
void pvb_bells_fini(struct pvb_bells *b);

/* A new port of `domid` that `peer` may bind, owned by the caller until
   close.  0, -ENOSPC (quota), -ENOMEM, or -errno of a pipe. */
int  pvb_bells_offer(struct pvb_bells *b, uint16_t domid, uint16_t peer,
                     struct pvb_port **out);
/* A new port of `domid`, joined to port `number` of `peer`.  Its bell has
   been rung: what was rung before it was bound may have been lost.
   0, -ENOENT (no such port, or bound), -EACCES (offered to another domain),
   or as offer. */
int  pvb_bells_bind(struct pvb_bells *b, uint16_t domid, uint16_t peer,
                    uint32_t number, struct pvb_port **out);
void pvb_bells_close(struct pvb_bells *b, struct pvb_port *p);

/* Owned descriptors of the bell to wait on and the one to ring, opened for
   this caller alone, not blocking.  0 or -errno. */
int  pvb_port_fds(const struct pvb_port *p, int fds[2]);

#endif
