/* SPDX-License-Identifier: MIT */
/*
 * ring.h - one end of a Xen shared ring, front or back.  Pure.
 *
 * Both ends run this same code.  Each produces on its "out" side and consumes
 * from its "in" side: for a frontend out = requests and in = responses; for a
 * backend the other way round.  They differ by one number, `lead`: how far
 * this end may run ahead of the peer.  All bounds count slots, not requests
 * (a request of k segment blocks takes k slots, and so does its response).
 *
 *     room to produce  = in_cons + lead - out_prod         (front: lead = size)
 *     most peer may do = out_pub + (size - lead) - in_cons (back:  lead = 0)
 *
 * The memory is the caller's.  The peer is not trusted: its index is read
 * once per look, must never go back nor over the bound above, and a slot is
 * copied out before anybody looks at it.  Once a call has returned -EPROTO
 * the ring is dead: it says so for ever, has no room and shows nothing more
 * (what was taken may still be pushed).  Source: xen/include/public/io/ring.h.
 */
#ifndef PVB_RING_H
#define PVB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pvb_role { PVB_FRONT, PVB_BACK };

enum {
	PVB_RING_HEADER_BYTES = 64,     /* before the first slot */
	PVB_RING_PAGE_BYTES   = 4096,
	PVB_RING_ORDER_MAX    = 4,      /* 16 pages */
};

struct pvb_sring;                       /* the shared header, wire layout */

struct pvb_ring {               /* private to one end; caller's storage */
	struct pvb_sring *shared;       /* borrowed; must outlive this */
	enum pvb_role     role;
	bool              dead;
	uint32_t          size;         /* slots, a power of two */
	uint32_t          slot_bytes;
	uint32_t          lead;         /* size for a front, 0 for a back */
	uint32_t          out_prod;     /* produced, perhaps unpublished */
	uint32_t          out_pub;      /* what the peer was last shown */
	uint32_t          in_cons;      /* consumed */
	uint32_t          in_seen;      /* the peer's index at the last look */
};

/* Slots that fit in `bytes`: the largest power of two, 0 if none. */
uint32_t pvb_ring_size(size_t bytes, uint32_t slot_bytes);

/* Front only: write a fresh header into `mem` (nobody else sees it yet). */
void pvb_ring_format(void *mem, size_t bytes);

/*
 * Attach to `mem` (page aligned, `bytes` long): a front to what it has just
 * formatted, a back to what it finds there, taking nothing and answering
 * nothing twice only if the ring is fresh or quiet (req_cons = rsp_prod).
 * Writes nothing.  0, -EINVAL (no slot fits, misaligned), -EPROTO (indices
 * impossible); after an error the ring is a dead one.
 */
int pvb_ring_attach(struct pvb_ring *r, enum pvb_role role,
                    void *mem, size_t bytes, uint32_t slot_bytes);
/*
 * Attach a back to a ring in use.  `in_cons`, which the ring alone cannot
 * tell, comes from the journal and is checked against the shared indices:
 * rsp_prod <= in_cons <= req_prod <= rsp_prod + size.  Results as above.  The
 * last back may have died between publish and bell: ring it once.
 */
int pvb_ring_reattach(struct pvb_ring *r, void *mem, size_t bytes,
                      uint32_t slot_bytes, uint32_t in_cons);

/* ---- in ---------------------------------------------------------------- */
/* Slots that wait, or -EPROTO.  They stay there until committed. */
int32_t pvb_ring_waiting(struct pvb_ring *r);
/* What the last look at them has shown. */
uint32_t pvb_ring_seen(const struct pvb_ring *r);
/* Copy slot in_cons + i out, once.  i < what was seen (asserted). */
void pvb_ring_copy(const struct pvb_ring *r, uint32_t i, void *slot);
/* The first n of them are taken. */
void pvb_ring_commit(struct pvb_ring *r, uint32_t n);
/*
 * Ask to be notified of the next slot, then look once more.
 * 1: something waits, do not sleep.  0: safe to sleep.  -EPROTO.
 */
int pvb_ring_sleep_check(struct pvb_ring *r);

/* ---- out --------------------------------------------------------------- */
/* Slots this end may still fill. */
uint32_t pvb_ring_room(const struct pvb_ring *r);
/* Slot out_prod + i, to be written in place.  i < room (asserted).  A back
   writes the fields of its response and no other byte (XSA-216). */
void *pvb_ring_out(const struct pvb_ring *r, uint32_t i);
/* n slots are filled.  The peer sees nothing until publish. */
void pvb_ring_push(struct pvb_ring *r, uint32_t n);
/* Show what was pushed.  True: the peer asked to be notified of it. */
bool pvb_ring_publish(struct pvb_ring *r);
/* Pushed and not published. */
uint32_t pvb_ring_unpublished(const struct pvb_ring *r);

#endif
