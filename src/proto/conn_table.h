/* SPDX-License-Identifier: MIT */
/*
 * conn_table.h - phases, inputs and moves of the handshake: private to conn.c,
 * which folds events into inputs, and conn_table.c, which holds the moves.
 */
#ifndef PVB_CONN_TABLE_H
#define PVB_CONN_TABLE_H

#include <stdint.h>

enum pvb_conn_phase {
	STAY,                           /* in a move: nothing happens */
	F_OFF, F_RESET, F_HELLO, F_ATTACHING, F_OFFERED, F_LIVE,
	F_DRAIN, F_CUT, F_CLOSING, F_CLOSED, F_DETACH, F_HANDOFF,
	B_OFF, B_WAIT, B_REFUSED, B_CLOSED,
	B_ATTACHING, B_LIVE, B_CLOSING, B_DRAIN, B_CUT, B_DETACH,
	RETIRED, PHASE_COUNT
};

enum pvb_conn_input {
	IN_NONE,
	IN_START,
	IN_START_FOUND,                 /* front: our node was in use */
	/* the peer's state, as a front reads it */
	IN_FREE,                        /* Unknown, Initialising */
	IN_OFFER,                       /* InitWait, Initialised */
	IN_CONNECTED,
	IN_ANEW,                        /* Initialising, InitWait, and it was
	                                   Connected to us */
	IN_STALE,                       /* Closing, perhaps to a predecessor */
	/* the peer's state, as a back reads it */
	IN_FIRST,                       /* Initialising */
	IN_READY,                       /* Initialised, Connected */
	IN_OTHER,                       /* those, from another front than
	                                   before */
	/* the peer's state, either */
	IN_CLOSING, IN_CLOSED, IN_GONE,
	/* answers from the data half */
	IN_ATTACHED,
	IN_LEAVING,                     /* attached; one side wants out,
	                                   orderly */
	IN_UNWANTED,                    /* attached; the peer is not there
	                                   now */
	IN_DRAINED, IN_DETACHED,
	IN_AGAIN,                       /* nothing in effect: begin again */
	IN_END,                         /* nothing in effect: no use to go on */
	IN_FAIL_ATTACH, IN_FAIL_PUBLISH, IN_FAIL_GEOMETRY, IN_FAIL_DATA,
	/* the owner */
	IN_STOP, IN_TIMEOUT,
	IN_COUNT
};

struct pvb_conn_move {
	uint8_t  to;                    /* enum pvb_conn_phase */
	uint8_t  say;                   /* enum pvb_xb; 0: nothing */
	uint16_t actions;
};

extern const struct pvb_conn_move pvb_conn_moves[PHASE_COUNT][IN_COUNT];

#endif
