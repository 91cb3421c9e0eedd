/* SPDX-License-Identifier: MIT */
/*
 * conn.h - the XenBus handshake as a pure machine: event in, actions out.
 *
 * One machine serves both roles and both protocols (blkif, pvSCSI).  It holds
 * no path, no handle and no clock; bus/ carries its actions out and feeds the
 * results back as events.  Work done is remembered as a flag, so a peer that
 * skips states (blkif.h allows it) gets the skipped work done at its next
 * step.  Total: defined for any event in any state and for any value that a
 * peer may write.  The table and its drawing are in conn_table.c.
 *
 * The steps, in pairs (F: front, B: back):
 *
 *   F1 says Initialising               B1 publishes its limits, says InitWait
 *   F2 reads them, shares ring, offers B2 reads the terms, maps the ring,
 *      port, publishes, says              publishes features and geometry,
 *      Initialised                        says Connected (one transaction)
 *   F3 reads geometry, goes, says
 *      Connected
 *   F4 stops taking, drains, says      B4 says Closing and goes on answering
 *      Closing
 *   F5 says Closed                     B5 drains, detaches, says Closed
 *   F6 sees Closed: detaches,          B6 retires, or (online) waits for F1
 *      unpublishes
 *
 * A back that wants out begins with Closing and goes on answering until F5,
 * the peer's death or a deadline: old Linux fronts stay in Closing while the
 * disk is in use.  A front never ends its grants before B5 or the back's
 * death.  A back's Closed means: I touch neither your memory nor the disk.
 */
#ifndef PVB_CONN_H
#define PVB_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"                       /* enum pvb_role */
#include "why.h"

enum pvb_xb {                           /* XenbusState, wire values */
	PVB_XB_UNKNOWN, PVB_XB_INITIALISING, PVB_XB_INIT_WAIT,
	PVB_XB_INITIALISED, PVB_XB_CONNECTED, PVB_XB_CLOSING, PVB_XB_CLOSED,
	PVB_XB_RECONFIGURING, PVB_XB_RECONFIGURED, PVB_XB_COUNT
};
/* Lower-case name as in JSON ("init-wait", "connected"); "unknown" else. */
const char *pvb_xb_name(uint32_t state);

enum pvb_ev {
	PVB_EV_START,                   /* our side is configured; go */
	PVB_EV_PEER,                    /* peer's state node says arg (any
	                                   value) */
	PVB_EV_PEER_NEW,                /* like PEER, and it is another
	                                   incarnation than the one we attached
	                                   to: its ring references or port are
	                                   not the same */
	PVB_EV_PEER_GONE,               /* its directory or its domain is
	                                   gone */
	PVB_EV_ATTACHED,                /* answers to actions, from the data
	                                   half */
	PVB_EV_DRAINED,
	PVB_EV_DETACHED,
	PVB_EV_FAIL,                    /* action arg (one PVB_DO_ bit) failed;
	                                   nothing of it is in effect. arg 0:
	                                   the data path failed (ring broken,
	                                   disk gone, requests timed out) */
	PVB_EV_STOP,                    /* the owner wants out, orderly */
	PVB_EV_TIMEOUT,                 /* do not wait for the peer any
	                                   longer */
	PVB_EV_COUNT
};

/*
 * Actions, carried out lowest bit first.  READ_PEER, PUBLISH and GEOMETRY fail
 * at once or not at all: FAIL is then the next event, and what is left of that
 * step is not carried out (with PUBLISH, nor is its SAY).  ATTACH is answered
 * once, by ATTACHED or FAIL, at once or later.
 */
enum {
	PVB_DO_READ_PEER = 1 << 0,      /* read and agree peer's keys; may
	                                   fail */
	PVB_DO_ATTACH    = 1 << 1,      /* share or map ring, offer or bind
	                                   port; answered by ATTACHED or FAIL */
	PVB_DO_PUBLISH   = 1 << 2,      /* write our keys of this step (back at
	                                   InitWait: limits; front at
	                                   Initialised: terms; back at
	                                   Connected: geometry), in one
	                                   transaction with SAY; may fail */
	PVB_DO_GEOMETRY  = 1 << 3,      /* front: read what the back published
	                                   at Connected; again when it repeats
	                                   it (resize); may fail */
	PVB_DO_SAY       = 1 << 4,      /* write `mine` to our state node */
	PVB_DO_GO        = 1 << 5,      /* data path may run */
	PVB_DO_DRAIN     = 1 << 6,      /* stop taking, finish what is in
	                                   flight; answered by DRAINED (always,
	                                   bounded).  Also where GO never was */
	PVB_DO_CUT       = 1 << 7,      /* with or after DRAIN: the peer is
	                                   gone, fail what it would have to
	                                   answer */
	PVB_DO_DETACH    = 1 << 8,      /* unmap or end grants, unbind; answered
	                                   by DETACHED (always, bounded) */
	PVB_DO_UNPUBLISH = 1 << 9,      /* front: remove our terms */
	PVB_DO_RETIRE    = 1 << 10,     /* finished; the owner may destroy */
	PVB_DO_LOOK      = 1 << 11,     /* read the peer's state node now and
	                                   feed it as PEER, PEER_NEW or
	                                   PEER_GONE, though it be the same as
	                                   before (it may not change any more);
	                                   what was read before and is not fed
	                                   yet, never is */
};

struct pvb_conn {               /* caller's storage; zero is not valid */
	enum pvb_role role;
	uint8_t  phase;                 /* conn.c's */
	uint8_t  mine;                  /* enum pvb_xb: what our node says (or
	                                   would, had the last step not
	                                   failed) */
	uint8_t  peer;                  /* enum pvb_xb: last seen; gone:
	                                   UNKNOWN */
	bool     attached;              /* ring and port are in effect */
	bool     peer_gone, stopping, stay;
	bool     failed;                /* it ends, and nobody wished it */
	bool     restart;               /* back: another front waits behind
	                                   this; front: it began by saying
	                                   Closed */
	enum pvb_why why;               /* why it is closing, OK if by wish; an
	                                   owner who knows better sets it before
	                                   FAIL */
};

struct pvb_step { uint32_t actions; };

/*
 * `mine` is what our own state node says as found (a front that finds 3 or
 * more there, of a predecessor that died, first says Closed and waits for the
 * back to let go).  `stay`: after closing, a back waits for a new front
 * (online=1) instead of retiring; a front leaves a fresh device behind, as
 * boot loaders do (says Initialising, waits for InitWait, retires).  A back
 * that is Closed when `stay` is taken from it retires at the next event.
 */
void pvb_conn_init(struct pvb_conn *c, enum pvb_role role, uint32_t mine,
                   bool stay);
/*
 * Instead, a back that goes on where another has died: ring and port are in
 * effect, as the peer sees it.  `mine` is Connected, or Closing; `peer` what it
 * says now.  A Closing that is no answer to the peer's was asked for.
 */
void pvb_conn_init_live(struct pvb_conn *c, uint32_t mine, uint32_t peer,
                        bool stay);
void pvb_conn_set_stay(struct pvb_conn *c, bool stay);

struct pvb_step pvb_conn_step(struct pvb_conn *c, enum pvb_ev ev, uint32_t arg);

/* Waits for the peer now, so the owner's deadline should run, and TIMEOUT will
   do something.  May wait again in a later phase, with another deadline. */
bool pvb_conn_is_waiting(const struct pvb_conn *c);
/* Data path may run. */
bool pvb_conn_is_live(const struct pvb_conn *c);
/* Everything done has been undone. */
bool pvb_conn_is_quiet(const struct pvb_conn *c);
/* Retired: no further step does anything. */
bool pvb_conn_is_retired(const struct pvb_conn *c);

#endif
