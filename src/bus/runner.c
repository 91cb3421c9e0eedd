/* SPDX-License-Identifier: MIT */
/*
 * Events in, actions out, deadlines.  Everything happens in one task of the
 * loop, so nothing is called from inside the call that caused it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "runner_parts.h"

enum {
	STEPS_A_TURN = 64,
	QUEUE_MAX = sizeof(((struct pvb_runner *)0)->queue) /
	            sizeof(struct pvb_runner_event),
	WRITES = PVB_DO_PUBLISH | PVB_DO_SAY | PVB_DO_UNPUBLISH,
	DRAINS = PVB_DO_DRAIN | PVB_DO_CUT,
};

/* ---- events -------------------------------------------------------------- */

/* The same event twice is one event, so the queue is bounded by the kinds of
   events.  The peer's states are not in it: they are read when it is their
   turn, so none of them is older than what we have said. */
void runner_event(struct pvb_runner *r, enum pvb_ev ev, uint32_t arg)
{
	if (r->retired)
		return;
	for (uint32_t i = 0; i < r->queued; i++)
		if (r->queue[i].ev == ev && r->queue[i].arg == arg)
			return;
	assert(r->queued < QUEUE_MAX);
	r->queue[r->queued++] = (struct pvb_runner_event){ ev, arg };
	pvb_loop_defer(r->loop, &r->turn);
}

static bool pop_event(struct pvb_runner *r, struct pvb_runner_event *out)
{
	if (r->queued == 0)
		return false;
	*out = r->queue[0];
	r->queued--;
	memmove(r->queue, r->queue + 1, r->queued * sizeof(r->queue[0]));
	return true;
}

void runner_vanished(struct pvb_runner *r)
{
	if (r->vanished)
		return;
	r->vanished = true;
	pvb_log(r->c.log, PVB_LOG_INFO, "%s: its directory is gone",
	        r->c.name);
	pvb_conn_set_stay(&r->conn, false);
	runner_event(r, PVB_EV_STOP, 0);
	r->look_peer = true;
}

/* ---- actions ------------------------------------------------------------- */

static void retire(struct pvb_runner *r)
{
	/* A toolstack that wrote 5 over our 6 still waits for it. */
	if (r->known != r->conn.mine)
		(void)runner_write(r, PVB_DO_SAY);
	r->retired = true;
	r->queued = 0;
	pvb_loop_disarm(&r->deadline);
	if (!r->linger || r->vanished)
		pvb_loop_defer(r->loop, &r->last);
	else
		r->look_own = true;
}

static int attach(struct pvb_runner *r)
{
	int e = r->c.ops->attach(r);

	r->attach_held = e == 1;
	r->attach_ready = false;
	if (e < 0)
		pvb_runner_blame(r, PVB_WHY_ATTACH, "cannot attach: %s",
		                 strerror(-e));
	return e;
}

/* One action, or those that belong together.  False: it failed (blamed). */
static bool carry_out(struct pvb_runner *r, uint32_t now)
{
	if (now & WRITES)
		/* Our word that did not get out is no reason to stop. */
		return runner_write(r, now) == 0 || !(now & PVB_DO_PUBLISH);
	if (now & DRAINS) {
		r->draining = true;
		r->c.ops->drain(r, now & PVB_DO_CUT);
		return true;
	}
	switch (now) {
	case PVB_DO_READ_PEER:
	case PVB_DO_GEOMETRY:
		return runner_read_peer(r, now) == PVB_OK;
	case PVB_DO_ATTACH:
		return attach(r) >= 0;
	case PVB_DO_GO:
		r->c.ops->go(r);
		return true;
	case PVB_DO_DETACH:
		r->c.ops->detach(r);
		return true;
	case PVB_DO_LOOK:
		r->look_peer = r->look_ordered = true;
		return true;
	default:
		assert(now == PVB_DO_RETIRE);
		retire(r);
		return true;
	}
}

/*
 * Lowest bit first, but what goes into the store together goes in one
 * transaction.  The action that failed, or 0: what comes after it is not
 * done, for the machine will order anew.
 */
static uint32_t carry_out_all(struct pvb_runner *r, uint32_t actions)
{
	while (actions) {
		uint32_t now = actions & (~actions + 1);

		if (now == PVB_DO_PUBLISH)
			now |= actions & PVB_DO_SAY;
		else if (now & DRAINS)
			now = actions & DRAINS;
		if (!carry_out(r, now))
			return now & (~now + 1);
		actions &= ~now;
	}
	return 0;
}

/* Nobody waits any more for what a held attach would give. */
static bool is_unwanted(const struct pvb_conn *c)
{
	return c->stopping || c->restart || c->peer_gone ||
	       (c->peer != PVB_XB_INITIALISED && c->peer != PVB_XB_CONNECTED);
}

static void step(struct pvb_runner *r, enum pvb_ev ev, uint32_t arg)
{
	bool was_live = pvb_conn_is_live(&r->conn);
	uint8_t before = r->conn.mine;
	uint32_t failed;

	failed = carry_out_all(r, pvb_conn_step(&r->conn, ev, arg).actions);
	/* Each failure leads further out, so this ends. */
	while (failed)
		failed = carry_out_all(r, pvb_conn_step(&r->conn, PVB_EV_FAIL,
		                                        failed).actions);
	if (r->conn.mine != before) {
		pvb_log(r->c.log, PVB_LOG_DEBUG, "%s: %s (peer %s)",
		        r->c.name, pvb_xb_name(r->conn.mine),
		        pvb_xb_name(r->conn.peer));
		/* Another front, another chance; but not of what none can
		   mend. */
		if (r->conn.mine == PVB_XB_INIT_WAIT && !r->linger) {
			r->why = PVB_OK;
			runner_unexplain(r);
		}
	}
	if (!was_live && pvb_conn_is_live(&r->conn) && !r->conn.stopping)
		runner_forgive(r);
	if (r->attach_held && is_unwanted(&r->conn)) {
		r->attach_held = false;
		runner_event(r, PVB_EV_FAIL, PVB_DO_ATTACH);
	}
}

/* ---- deadlines ----------------------------------------------------------- */

static enum pvb_runner_wait what_for(const struct pvb_runner *r)
{
	const struct pvb_conn *c = &r->conn;

	if (r->retired || r->draining)
		return PVB_RUNNER_NO_WAIT;
	if (c->stopping || c->failed || c->why != PVB_OK ||
	    c->mine >= PVB_XB_CLOSING)
		return pvb_conn_is_waiting(c) ? PVB_RUNNER_CLOSING
		                              : PVB_RUNNER_NO_WAIT;
	return pvb_conn_is_live(c) ? PVB_RUNNER_NO_WAIT : PVB_RUNNER_CONNECTING;
}

/* One deadline for the whole way up, and one for each step of the way down;
   it runs from its first moment, whatever the peer writes meanwhile. */
static void watch_the_clock(struct pvb_runner *r)
{
	enum pvb_runner_wait now = what_for(r);
	uint8_t phase = now == PVB_RUNNER_CLOSING ? r->conn.phase : 0;
	uint64_t ns = 0;

	if (now == r->waiting && phase == r->waiting_phase)
		return;
	r->waiting = now;
	r->waiting_phase = phase;
	pvb_loop_disarm(&r->deadline);
	if (now == PVB_RUNNER_CONNECTING)
		ns = r->c.connect_timeout_ns;
	else if (now == PVB_RUNNER_CLOSING)
		ns = r->c.close_timeout_ns;
	if (ns > 0)
		pvb_loop_arm(r->loop, &r->deadline,
		             pvb_loop_now_ns(r->loop) + ns);
}

static void too_late(struct pvb_loop_timer *t)
{
	struct pvb_runner *r = pvb_container(t, struct pvb_runner, deadline);

	pvb_runner_blame(r, PVB_WHY_TIMEOUT, "the other end (domain %u) %s",
	                 r->c.peer_domid,
	                 r->waiting == PVB_RUNNER_CLOSING
	                         ? "does not close in time"
	                         : "does not connect in time");
	r->waiting = PVB_RUNNER_NO_WAIT;
	runner_event(r, PVB_EV_TIMEOUT, 0);
}

/* ---- the turn ------------------------------------------------------------ */

/* Whatever is due, in this order; false: nothing is. */
static bool next_event(struct pvb_runner *r, struct pvb_runner_event *q)
{
	if (pop_event(r, q))
		return true;
	if (r->attach_held && r->attach_ready && attach(r) < 0) {
		*q = (struct pvb_runner_event){ PVB_EV_FAIL, PVB_DO_ATTACH };
		return true;
	}
	if (r->look_own) {
		runner_look_own(r);
		if (pop_event(r, q))
			return true;
	}
	if (r->look_peer && runner_look_peer(r, q))
		return true;
	*q = (struct pvb_runner_event){ PVB_EV_TIMEOUT, 0 };
	return r->forced && !r->retired && pvb_conn_is_waiting(&r->conn);
}

static void tell_if_changed(struct pvb_runner *r)
{
	bool live = pvb_conn_is_live(&r->conn);

	if (r->told_mine == r->conn.mine && r->told_peer == r->conn.peer &&
	    r->told_live == live && !r->tell)
		return;
	r->tell = false;
	r->told_mine = r->conn.mine;
	r->told_peer = r->conn.peer;
	r->told_live = live;
	r->c.ops->changed(r);
}

static void take_turn(struct pvb_loop_task *t)
{
	struct pvb_runner *r = pvb_container(t, struct pvb_runner, turn);
	struct pvb_runner_event q;
	uint32_t i;

	if (r->held)
		return;
	for (i = 0; i < STEPS_A_TURN && next_event(r, &q); i++)
		step(r, q.ev, q.arg);
	if (i == STEPS_A_TURN)
		pvb_loop_defer(r->loop, &r->turn);
	watch_the_clock(r);
	tell_if_changed(r);
}

static void last_word(struct pvb_loop_task *t)
{
	struct pvb_runner *r = pvb_container(t, struct pvb_runner, last);

	r->ended = true;
	runner_unwatch(r);
	pvb_loop_undefer(r->loop, &r->turn);
	r->c.ops->retired(r);
}

/* ---- what the owner calls ------------------------------------------------ */

void pvb_runner_init(struct pvb_runner *r, struct pvb_watches *ws,
                     const struct pvb_runner_config *c)
{
	memset(r, 0, sizeof(*r));
	r->c = *c;
	r->watches = ws;
	r->store = pvb_watches_store(ws);
	r->loop = pvb_watches_loop(ws);
	r->turn.run = take_turn;
	r->last.run = last_word;
	r->deadline.fired = too_late;
	for (uint32_t i = 0; i < PVB_WHY_COUNT; i++)
		r->limit[i] = (struct pvb_log_limit){
			.period_ns = UINT64_C(60000000000), .burst = 3,
		};
}

void pvb_runner_hold(struct pvb_runner *r, bool hold)
{
	r->held = hold;
	if (!hold)
		pvb_loop_defer(r->loop, &r->turn);
}

void pvb_runner_fini(struct pvb_runner *r)
{
	if (!r->watches)
		return;
	runner_unwatch(r);
	pvb_loop_undefer(r->loop, &r->turn);
	pvb_loop_undefer(r->loop, &r->last);
	pvb_loop_disarm(&r->deadline);
	r->watches = NULL;
}

void pvb_runner_answer(struct pvb_runner *r, enum pvb_ev ev)
{
	assert(ev == PVB_EV_ATTACHED || ev == PVB_EV_DRAINED ||
	       ev == PVB_EV_DETACHED);
	if (ev == PVB_EV_DRAINED)
		r->draining = false;
	runner_event(r, ev, 0);
}

void pvb_runner_failed(struct pvb_runner *r, uint32_t action, enum pvb_why why,
                       const char *text)
{
	pvb_runner_blame(r, why, "%s", text);
	runner_event(r, PVB_EV_FAIL, action);
}

void pvb_runner_attach(struct pvb_runner *r)
{
	r->attach_ready = true;
	pvb_loop_defer(r->loop, &r->turn);
}

void pvb_runner_tell(struct pvb_runner *r)
{
	r->tell = true;
	pvb_loop_defer(r->loop, &r->turn);
}

void pvb_runner_stop(struct pvb_runner *r, bool force)
{
	if (!r->started)
		return;
	r->linger = false;
	r->forced |= force;
	if (!r->retired)
		runner_event(r, PVB_EV_STOP, 0);
	else if (!r->ended)
		pvb_loop_defer(r->loop, &r->last);
}

void pvb_runner_refuse(struct pvb_runner *r, enum pvb_why why,
                       const char *text)
{
	pvb_runner_blame(r, why, "%s", text);
	pvb_runner_linger(r);
}

void pvb_runner_linger(struct pvb_runner *r)
{
	r->linger = true;
	runner_event(r, PVB_EV_STOP, 0);
}
