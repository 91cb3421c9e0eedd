/* SPDX-License-Identifier: MIT */
/*
 * channel.h - one ring's pages and bell: shared and offered by a front, mapped
 * and bound by a back, and attached to the ring's logic.
 *
 * After it was offered or mapped, a channel is the same thing for both ends.
 * It never looks at a slot.  The bell's descriptor stands in the loop only to
 * wake it: what there is to do, a poller finds (pump.h).
 */
#ifndef PVB_CHANNEL_H
#define PVB_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "hyp/mem.h"
#include "proto/ring.h"

struct pvb_counters;

struct pvb_channel_config {
	struct pvb_loop *loop;
	struct pvb_mem  *mem;           /* both borrowed until fini */
	struct pvb_counters *counters;  /* borrowed until fini; may be NULL */
	uint16_t peer;
	uint8_t  order;                 /* 0..PVB_RING_ORDER_MAX */
	uint32_t slot_bytes;
	/* Back: somebody else has used the ring, and taken what is before
	   this. */
	bool     rested;                /* back: all that was taken is
	                                   answered */
	bool     resume;
	uint32_t req_cons;
};

struct pvb_channel {                    /* caller's storage; all-zero: closed */
	struct pvb_channel_config c;
	struct pvb_ring    ring;
	struct pvb_loop_fd bell;
	enum pvb_role role;
	void    *pages;                 /* owned: shared or mapped */
	uint32_t ref[PVB_MEM_MAP_MAX];  /* 1 << order of them */
	uint32_t port;                  /* ours */
	bool     has_port;
};

/* Front: a fresh ring, and a port for the peer to bind.  `ref` and `port` are
   what it must be told.  0, -EINVAL, or -errno of share, offer and the loop;
   then all of it is undone. */
int  pvb_channel_offer(struct pvb_channel *ch,
                       const struct pvb_channel_config *c);
/* Back: the ring in these pages of the peer's, and a port joined to its.
   Likewise; -EPROTO: the ring's indices are impossible; -ESTALE: somebody else
   has answered on it and left requests, and it is not to be resumed. */
int  pvb_channel_map(struct pvb_channel *ch, const struct pvb_channel_config *c,
                     const uint32_t *refs, uint32_t remote_port);
/* In any state. */
void pvb_channel_fini(struct pvb_channel *ch);

/* Show the peer what was pushed, and ring if it asked for that. */
void pvb_channel_publish(struct pvb_channel *ch);
/* Ring, asked or not: who published last may have died before it did. */
void pvb_channel_ring(struct pvb_channel *ch);

#endif
