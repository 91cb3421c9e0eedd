/* SPDX-License-Identifier: MIT */
/*
 * conn.c - the handshake machine; see conn.h.
 *
 * An event and what is remembered (flags, the peer's last state) fold into one
 * input; conn_table.c says what happens then.  All judgement is in the folding,
 * all order in the table.
 */
#include "conn.h"

#include <assert.h>

#include "conn_table.h"

const char *pvb_xb_name(uint32_t state)
{
	static const char *const names[PVB_XB_COUNT] = {
		"unknown", "initialising", "init-wait", "initialised",
		"connected", "closing", "closed", "reconfiguring",
		"reconfigured",
	};

	return state < PVB_XB_COUNT ? names[state] : names[PVB_XB_UNKNOWN];
}

void pvb_conn_init(struct pvb_conn *c, enum pvb_role role, uint32_t mine,
                   bool stay)
{
	*c = (struct pvb_conn){
		.role = role,
		.phase = role == PVB_FRONT ? F_OFF : B_OFF,
		.mine = (uint8_t)(mine < PVB_XB_COUNT ? mine : PVB_XB_UNKNOWN),
		.peer = PVB_XB_UNKNOWN,
		.stay = stay,
		.why = PVB_OK,
	};
}

void pvb_conn_init_live(struct pvb_conn *c, uint32_t mine, uint32_t peer,
                        bool stay)
{
	bool closing = mine == PVB_XB_CLOSING;

	assert(closing || mine == PVB_XB_CONNECTED);
	assert(peer < PVB_XB_COUNT);
	pvb_conn_init(c, PVB_BACK, mine, stay);
	c->phase = closing ? B_CLOSING : B_LIVE;
	c->peer = (uint8_t)peer;
	c->attached = true;
	c->stopping = closing && (!stay || peer != PVB_XB_CLOSING);
}

void pvb_conn_set_stay(struct pvb_conn *c, bool stay)
{
	c->stay = stay;
}

/* The first cause stands; what happens to one who leaves by wish is none. */
static void blame(struct pvb_conn *c, enum pvb_why why)
{
	if (c->stopping)
		return;
	c->failed = true;
	if (c->why == PVB_OK)
		c->why = why;
}

static bool is_ready(uint32_t state)
{
	return state == PVB_XB_INITIALISED || state == PVB_XB_CONNECTED;
}

static enum pvb_conn_input fold_peer_front(const struct pvb_conn *c)
{
	switch (c->peer) {
	case PVB_XB_UNKNOWN:
		return IN_FREE;
	case PVB_XB_INITIALISING:
		return c->phase == F_LIVE ? IN_ANEW : IN_FREE;
	case PVB_XB_INIT_WAIT:
		return c->phase == F_LIVE ? IN_ANEW : IN_OFFER;
	case PVB_XB_INITIALISED:        /* FreeBSD's front takes it so, too */
		return IN_OFFER;
	case PVB_XB_CONNECTED:
		return IN_CONNECTED;
	case PVB_XB_CLOSING:
		/* Once it may be left over; twice it is meant for us. */
		return c->phase == F_HELLO && !c->restart ? IN_STALE
							  : IN_CLOSING;
	case PVB_XB_CLOSED:
		/* The answer to our first Closed may come late. */
		return c->phase == F_OFFERED && c->restart ? IN_NONE
							   : IN_CLOSED;
	default:
		return IN_NONE;
	}
}

/*
 * A front that offers again without our having seen it let go is the one we
 * know: watches repeat.  Another one says Initialising first, or is seen after
 * the former has closed or gone, or shows other terms (`is_new`).
 */
static enum pvb_conn_input fold_ready(const struct pvb_conn *c,
                                      uint32_t before, bool was_gone,
                                      bool is_new)
{
	if (is_new || was_gone || before == PVB_XB_CLOSED)
		return IN_OTHER;
	return before == PVB_XB_UNKNOWN && !c->attached ? IN_OTHER : IN_READY;
}

static enum pvb_conn_input fold_peer_back(struct pvb_conn *c, uint32_t before,
                                          bool was_gone, bool is_new)
{
	enum pvb_conn_input in = IN_NONE;

	if (c->peer == PVB_XB_INITIALISING)
		in = IN_FIRST;
	else if (is_ready(c->peer))
		in = fold_ready(c, before, was_gone, is_new);
	else if (c->peer == PVB_XB_CLOSING)
		in = IN_CLOSING;
	else if (c->peer == PVB_XB_CLOSED)
		in = IN_CLOSED;
	if (in != IN_FIRST && in != IN_OTHER)
		return in;
	if (c->phase == B_REFUSED && (c->stopping || !c->stay))
		return IN_END;
	if (c->phase >= B_ATTACHING && c->phase <= B_DETACH)
		c->restart = true;
	return in;
}

static enum pvb_conn_input fold_peer(struct pvb_conn *c, uint32_t state,
                                     bool is_new)
{
	uint32_t before = c->peer;
	bool was_gone = c->peer_gone;

	if (state >= PVB_XB_COUNT)
		return IN_NONE;
	c->peer = (uint8_t)state;
	c->peer_gone = false;
	if (c->role == PVB_FRONT)
		return fold_peer_front(c);
	return fold_peer_back(c, before, was_gone, is_new);
}

static enum pvb_conn_input fold_gone(struct pvb_conn *c)
{
	c->peer = PVB_XB_UNKNOWN;
	c->peer_gone = true;
	return IN_GONE;
}

static bool is_attaching(const struct pvb_conn *c)
{
	return c->phase == F_ATTACHING || c->phase == B_ATTACHING;
}

static enum pvb_conn_input fold_attached(struct pvb_conn *c)
{
	bool leaving = c->stopping || c->peer == PVB_XB_CLOSING;
	bool closed = c->peer == PVB_XB_CLOSED;
	bool lost = c->failed || c->peer_gone;

	if (!is_attaching(c))
		return IN_NONE;
	c->attached = true;
	if (c->role == PVB_BACK) {
		if (lost || closed || c->restart)
			return IN_UNWANTED;
		return leaving ? IN_LEAVING : IN_ATTACHED;
	}
	/* A Closed may be an echo here too, as in fold_peer_front. */
	if (lost || leaving || (closed && !c->restart))
		return IN_UNWANTED;
	return IN_ATTACHED;
}

/* Nothing is in effect any more: does another front wait for this back? */
static bool is_again(const struct pvb_conn *c)
{
	return c->restart && c->stay && !c->stopping &&
	       (c->peer == PVB_XB_INITIALISING || is_ready(c->peer));
}

static enum pvb_conn_input fold_detached(struct pvb_conn *c)
{
	bool again = c->role == PVB_BACK ? is_again(c)
					 : c->stay && !c->peer_gone;

	if (c->phase != F_DETACH && c->phase != B_DETACH)
		return IN_NONE;
	c->attached = false;
	return again ? IN_AGAIN : IN_DETACHED;
}

/* What was to come into effect has not: there is nothing to undo. */
static enum pvb_conn_input fold_not_begun(struct pvb_conn *c, enum pvb_why why,
                                          enum pvb_conn_input in)
{
	if (c->role == PVB_BACK && is_again(c))
		return IN_AGAIN;
	blame(c, why);
	if (c->role == PVB_BACK &&
	    (c->stopping || c->peer_gone || c->peer == PVB_XB_CLOSED))
		return IN_END;
	return in;
}

static enum pvb_conn_input fold_fail(struct pvb_conn *c, uint32_t action)
{
	switch (action) {
	case 0:
		if (is_attaching(c))    /* its answer is still to come */
			blame(c, PVB_WHY_STATE);
		return IN_FAIL_DATA;
	case PVB_DO_READ_PEER:
	case PVB_DO_ATTACH:
		return !is_attaching(c) ? IN_NONE :
			fold_not_begun(c, action == PVB_DO_ATTACH ?
				       PVB_WHY_ATTACH : PVB_WHY_STATE,
				       IN_FAIL_ATTACH);
	case PVB_DO_PUBLISH:
		return c->phase != B_WAIT ? IN_FAIL_PUBLISH :
			fold_not_begun(c, PVB_WHY_STATE, IN_FAIL_PUBLISH);
	case PVB_DO_GEOMETRY:
		return IN_FAIL_GEOMETRY;
	default:
		return IN_NONE;
	}
}

static enum pvb_conn_input fold(struct pvb_conn *c, enum pvb_ev ev,
                                uint32_t arg)
{
	switch (ev) {
	case PVB_EV_START:
		return c->role == PVB_FRONT && c->mine >= PVB_XB_INITIALISED
			? IN_START_FOUND : IN_START;
	case PVB_EV_PEER:
	case PVB_EV_PEER_NEW:
		return fold_peer(c, arg, ev == PVB_EV_PEER_NEW);
	case PVB_EV_PEER_GONE:
		return fold_gone(c);
	case PVB_EV_ATTACHED:
		return fold_attached(c);
	case PVB_EV_DRAINED:
		return IN_DRAINED;
	case PVB_EV_DETACHED:
		return fold_detached(c);
	case PVB_EV_FAIL:
		return fold_fail(c, arg);
	case PVB_EV_STOP:
		c->stopping = true;
		return IN_STOP;
	case PVB_EV_TIMEOUT:
		return pvb_conn_is_waiting(c) ? IN_TIMEOUT : IN_NONE;
	case PVB_EV_COUNT:
		break;
	}
	return IN_NONE;
}

/* A move that ends a connection has a cause, if nobody wished it. */
static void blame_input(struct pvb_conn *c, enum pvb_conn_input in)
{
	if (c->phase == F_RESET && in != IN_TIMEOUT)
		return;                 /* a predecessor's connection ends */
	switch (in) {
	case IN_TIMEOUT:
		blame(c, PVB_WHY_TIMEOUT);
		break;
	case IN_CLOSING:
	case IN_CLOSED:
		if (c->role == PVB_FRONT)       /* a front may, any time */
			blame(c, PVB_WHY_STATE);
		break;
	case IN_ANEW:
	case IN_GONE:
	case IN_UNWANTED:
	case IN_FAIL_PUBLISH:
	case IN_FAIL_GEOMETRY:
	case IN_FAIL_DATA:
		blame(c, PVB_WHY_STATE);
		break;
	default:
		break;
	}
}

static uint32_t enter(struct pvb_conn *c, enum pvb_conn_phase to)
{
	c->phase = (uint8_t)to;
	if (to == F_RESET)
		c->restart = true;
	if (to == B_WAIT) {
		c->restart = c->failed = false;
		c->why = PVB_OK;
	}
	if (to != B_CLOSED || (c->stay && !c->stopping))
		return 0;
	c->phase = RETIRED;
	return PVB_DO_RETIRE;
}

struct pvb_step pvb_conn_step(struct pvb_conn *c, enum pvb_ev ev, uint32_t arg)
{
	const struct pvb_conn_move *m;
	enum pvb_conn_input in;
	uint32_t actions;

	if (c->phase == RETIRED)
		return (struct pvb_step){ 0 };
	assert(c->phase > STAY && c->phase < PHASE_COUNT);
	in = fold(c, ev, arg);
	m = &pvb_conn_moves[c->phase][in];
	if (c->phase == B_CLOSED && !c->stay)
		m = &pvb_conn_moves[B_CLOSED][IN_STOP];
	if (m->to == STAY)
		return (struct pvb_step){ 0 };
	blame_input(c, in);
	actions = m->actions;
	if (m->say) {
		c->mine = m->say;
		actions |= PVB_DO_SAY;
	}
	actions |= enter(c, m->to);
	return (struct pvb_step){ actions };
}

bool pvb_conn_is_waiting(const struct pvb_conn *c)
{
	switch (c->phase) {
	case F_RESET:
	case F_HELLO:
	case F_OFFERED:
	case F_DRAIN:
	case F_CLOSING:
	case F_CLOSED:
	case F_HANDOFF:
	case B_REFUSED:
		return true;
	case B_CLOSING:
		/* Else the front takes its time, and we go on answering. */
		return c->stopping;
	default:
		return false;
	}
}

bool pvb_conn_is_live(const struct pvb_conn *c)
{
	return c->phase == F_LIVE || c->phase == B_LIVE ||
	       c->phase == B_CLOSING;
}

bool pvb_conn_is_quiet(const struct pvb_conn *c)
{
	return c->phase == F_OFF || c->phase == B_OFF ||
	       c->phase == B_CLOSED || c->phase == RETIRED;
}

bool pvb_conn_is_retired(const struct pvb_conn *c)
{
	return c->phase == RETIRED;
}
