/* SPDX-License-Identifier: MIT */
/*
 * conn_ways.h - the handshake machine brought to where a test begins, each
 * step on the way checked against the laws of conn_law.h.  For cmocka tests.
 */
#ifndef PVB_TEST_CONN_WAYS_H
#define PVB_TEST_CONN_WAYS_H

#include "conn_law.h"
#include "proto/conn.h"

enum {
	SAY = PVB_DO_SAY, LOOK = PVB_DO_LOOK, GO = PVB_DO_GO,
	ATTACH = PVB_DO_READ_PEER | PVB_DO_ATTACH,
	PUBLISH = PVB_DO_PUBLISH, GEOMETRY = PVB_DO_GEOMETRY,
	DRAIN = PVB_DO_DRAIN, CUT = PVB_DO_CUT, DETACH = PVB_DO_DETACH,
	UNPUBLISH = PVB_DO_UNPUBLISH, RETIRE = PVB_DO_RETIRE,
};

static inline uint32_t feed(struct pvb_conn *c, enum pvb_ev ev, uint32_t arg)
{
	struct pvb_conn before = *c;
	uint32_t actions = pvb_conn_step(c, ev, arg).actions;
	const char *broken = conn_broken_law(&before, c, actions);

	if (broken)
		fail_msg("%s", broken);
	return actions;
}

static inline uint32_t peer(struct pvb_conn *c, enum pvb_xb state)
{
	return feed(c, PVB_EV_PEER, state);
}

static inline uint32_t ev(struct pvb_conn *c, enum pvb_ev event)
{
	return feed(c, event, 0);
}

static inline uint32_t failed(struct pvb_conn *c, uint32_t action)
{
	return feed(c, PVB_EV_FAIL, action);
}

/* These actions and no others, and our node says `mine` then. */
static inline void assert_did(const struct pvb_conn *c, uint32_t actions,
                       uint32_t expected, enum pvb_xb mine)
{
	assert_int_equal(actions, expected);
	assert_int_equal(c->mine, mine);
}

/* ---- ways to begin ------------------------------------------------------- */

static inline void front_hello(struct pvb_conn *c)
{
	pvb_conn_init(c, PVB_FRONT, PVB_XB_INITIALISING, false);
	assert_did(c, ev(c, PVB_EV_START), SAY | UNPUBLISH | LOOK,
		   PVB_XB_INITIALISING);
}

static inline void front_offered(struct pvb_conn *c)
{
	front_hello(c);
	assert_int_equal(peer(c, PVB_XB_INIT_WAIT), ATTACH);
	assert_did(c, ev(c, PVB_EV_ATTACHED), PUBLISH | SAY | LOOK,
		   PVB_XB_INITIALISED);
	assert_true(c->attached);
}

static inline void front_live(struct pvb_conn *c)
{
	front_offered(c);
	assert_did(c, peer(c, PVB_XB_CONNECTED), GEOMETRY | SAY | GO,
		   PVB_XB_CONNECTED);
	assert_true(pvb_conn_is_live(c));
	assert_false(pvb_conn_is_waiting(c));
}

static inline void back_wait(struct pvb_conn *c, bool stay)
{
	pvb_conn_init(c, PVB_BACK, PVB_XB_INITIALISING, stay);
	assert_did(c, ev(c, PVB_EV_START), PUBLISH | SAY | LOOK,
		   PVB_XB_INIT_WAIT);
}

static inline void back_attaching(struct pvb_conn *c, bool stay)
{
	back_wait(c, stay);
	assert_int_equal(peer(c, PVB_XB_INITIALISING), 0);
	assert_int_equal(peer(c, PVB_XB_INITIALISED), ATTACH);
}

static inline void back_live(struct pvb_conn *c, bool stay)
{
	back_attaching(c, stay);
	assert_did(c, ev(c, PVB_EV_ATTACHED), PUBLISH | SAY | GO,
		   PVB_XB_CONNECTED);
	assert_true(pvb_conn_is_live(c));
	assert_false(pvb_conn_is_waiting(c));
}

#endif
