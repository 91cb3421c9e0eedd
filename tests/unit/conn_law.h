/* SPDX-License-Identifier: MIT */
/*
 * conn_law.h - what a step of the handshake may do, whatever was fed to it.
 */
#ifndef PVB_TEST_CONN_LAW_H
#define PVB_TEST_CONN_LAW_H

#include "proto/conn.h"

/* What a step from `a` to `b` broke, or NULL. */
static inline const char *conn_broken_law(const struct pvb_conn *a,
                                          const struct pvb_conn *b,
                                          uint32_t actions)
{
	bool front = b->role == PVB_FRONT;
	bool said = actions & PVB_DO_SAY;

	if (actions >= PVB_DO_LOOK << 1)
		return "an action that is none";
	if (actions & (front ? 0 : PVB_DO_GEOMETRY | PVB_DO_UNPUBLISH))
		return "an action of the other role";
	if (pvb_conn_is_retired(a) && (actions != 0 || !pvb_conn_is_retired(b)))
		return "does something after it retired";
	if (!pvb_conn_is_retired(a) &&
	    pvb_conn_is_retired(b) != !!(actions & PVB_DO_RETIRE))
		return "retires without saying so, or the other way round";
	if (pvb_conn_is_retired(b) && b->attached)
		return "retires with a ring";
	if (pvb_conn_is_quiet(b) && b->attached)
		return "is quiet with a ring";
	if (actions & PVB_DO_ATTACH && (a->attached || b->attached))
		return "attaches what is attached";
	if (actions & (PVB_DO_GO | PVB_DO_DRAIN | PVB_DO_CUT | PVB_DO_DETACH) &&
	    !b->attached)
		return "uses a ring that it has not";
	if (pvb_conn_is_live(b) && !b->attached)
		return "is live without a ring";
	if (actions & PVB_DO_PUBLISH && !said)
		return "publishes without saying a state";
	if (!said && a->mine != b->mine)
		return "changes its state without saying so";
	if (said && (b->mine < PVB_XB_INITIALISING ||
		     b->mine > PVB_XB_CLOSED))
		return "says what is no state of a handshake";
	if (said && b->mine == PVB_XB_INIT_WAIT && front)
		return "a front says InitWait";
	if (said && !front && (b->mine == PVB_XB_INITIALISING ||
			       b->mine == PVB_XB_INITIALISED))
		return "a back says what only a front says";
	if (said && !front && b->mine == PVB_XB_CLOSED && b->attached)
		return "a back says Closed with a ring";
	if (b->peer >= PVB_XB_COUNT)
		return "takes for a state what is none";
	return NULL;
}

#endif
