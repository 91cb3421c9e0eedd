/* SPDX-License-Identifier: MIT */
/*
 * conn_model_parts.h - what the conn_model*.c files are to each other: one end
 * and its driver (conn_model_end.c), and the world around (conn_model.c).
 */
#ifndef PVB_TEST_CONN_MODEL_PARTS_H
#define PVB_TEST_CONN_MODEL_PARTS_H

#include "conn_model.h"

enum { SELF_ATTACHED = 1, SELF_PEER_GONE = 2, SELF_STOPPING = 4,
       SELF_FAILED = 8, SELF_STAY = 16, SELF_RESTART = 32 };

enum { NO_MAIL = PVB_EV_COUNT };

/* One possible future while it is being worked out. */
struct future {
	struct world w;
	const struct rules *r;
	const char *wrong;
};

/* The machine out of its bytes, and into them. */
struct pvb_conn model_thaw(const struct side *s, bool front);
void model_freeze(struct side *s, const struct pvb_conn *c);
/* Feed one event; what is ordered becomes pending. */
void model_step(struct future *f, struct side *s, enum pvb_ev ev, uint32_t arg);
/* Carry out the next pending action (with PUBLISH, its SAY).  False: it is one
   that can fail at once, and what it needs is not there. */
bool model_act(struct future *f, struct side *s);

#endif
