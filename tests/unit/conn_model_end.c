/* SPDX-License-Identifier: MIT */
/* conn_model_end.c - one end of the model: its machine and its driver. */
#include "conn_model_parts.h"

static void accuse(struct future *f, const char *what)
{
	if (!f->wrong)
		f->wrong = what;
}

/* Nobody dies, fails or loses patience: then nothing may be lost. */
static bool is_orderly(const struct rules *r)
{
	return !r->fail && !r->timeout && !r->found && r->front_lives == 1 &&
	       r->back_lives == 1;
}

static bool is_front(const struct future *f, const struct side *s)
{
	return s == &f->w.front;
}

static struct side *other(struct future *f, const struct side *s)
{
	return is_front(f, s) ? &f->w.back : &f->w.front;
}

/* ---- the machine, in and out of its bytes ------------------------------- */

struct pvb_conn model_thaw(const struct side *s, bool front)
{
	return (struct pvb_conn){
		.role = front ? PVB_FRONT : PVB_BACK,
		.phase = s->phase, .mine = s->mine, .peer = s->peer,
		.attached = s->flags & SELF_ATTACHED,
		.peer_gone = s->flags & SELF_PEER_GONE,
		.stopping = s->flags & SELF_STOPPING,
		.failed = s->flags & SELF_FAILED,
		.stay = s->flags & SELF_STAY,
		.restart = s->flags & SELF_RESTART,
	};
}

void model_freeze(struct side *s, const struct pvb_conn *c)
{
	s->phase = c->phase;
	s->mine = c->mine;
	s->peer = c->peer;
	s->flags = (uint8_t)((c->attached ? SELF_ATTACHED : 0) |
			     (c->peer_gone ? SELF_PEER_GONE : 0) |
			     (c->stopping ? SELF_STOPPING : 0) |
			     (c->failed ? SELF_FAILED : 0) |
			     (c->stay ? SELF_STAY : 0) |
			     (c->restart ? SELF_RESTART : 0));
}

void model_step(struct future *f, struct side *s, enum pvb_ev ev, uint32_t arg)
{
	struct pvb_conn c = model_thaw(s, is_front(f, s));
	struct pvb_step done = pvb_conn_step(&c, ev, arg);

	if (s->pend != 0)
		accuse(f, "model: an event amid actions");
	if (done.actions >= 1U << 12)
		accuse(f, "an action that is none");
	s->pend = (uint16_t)done.actions;
	model_freeze(s, &c);
}

/* ---- what the driver does ------------------------------------------------ */

static void write_node(struct future *f, struct side *s)
{
	struct side *peer = other(f, s);

	if (s->mine < PVB_XB_INITIALISING || s->mine > PVB_XB_CLOSED)
		accuse(f, "says what is no state of a handshake");
	s->node = s->mine;
	if (peer->life == ALIVE)
		peer->look = 1;
	if (is_front(f, s))
		return;
	if (s->mine == PVB_XB_CLOSED && s->data != NOTHING)
		accuse(f, "back says Closed with a ring in effect");
}

static void say(struct future *f, struct side *s)
{
	bool closing = s->mine == PVB_XB_CLOSING;

	if (f->r->fault == FRONT_SKIPS_CLOSING && is_front(f, s) && closing)
		return;
	write_node(f, s);
	if (f->r->fault == FRONT_ENDS_EARLY && is_front(f, s) && closing) {
		if (f->w.back.life == ALIVE && f->w.mapped == f->w.shared)
			accuse(f, "front ends grants that the back maps");
		f->w.shared = 0;
	}
	if (f->r->fault == BACK_CLOSES_EARLY && !is_front(f, s) && closing)
		s->node = PVB_XB_CLOSED;
}

static void begin_attach(struct future *f, struct side *s)
{
	struct world *w = &f->w;

	if (s->data != NOTHING)
		accuse(f, "attaches twice");
	s->data = ATTACHING;
	if (is_front(f, s)) {
		w->shared = w->front_no;
		return;
	}
	w->journal = w->read;
	/* Mapped as early as can be; where nothing is shared it will fail. */
	w->mapped = w->shared == w->read ? w->shared : 0;
	if (w->mapped == 0 && is_orderly(f->r))
		accuse(f, "back maps what is not shared");
}

static void begin_drain(struct future *f, struct side *s, bool cut)
{
	struct world *w = &f->w;

	if (s->data == NOTHING || s->data == ATTACHING ||
	    s->data == DETACHING || (s->data >= DRAINING && !cut))
		accuse(f, "drains what does not run");
	if (s->data != DRAINED)
		s->data = cut ? CUTTING : DRAINING;
	if (!cut || !is_front(f, s))
		return;
	if (w->request && is_orderly(f->r))
		accuse(f, "a request is lost though nobody failed");
	w->request = 0;
}

static void begin_detach(struct future *f, struct side *s)
{
	struct world *w = &f->w;

	if (s->data != ATTACHED && s->data != DRAINED)
		accuse(f, "detaches what is not at rest");
	s->data = DETACHING;
	if (!is_front(f, s))
		return;
	/* Grants end as early as can be. */
	if (!s->excused && w->back.life == ALIVE && w->mapped == w->front_no)
		accuse(f, "front ends grants that the back maps");
	w->shared = 0;
}

static bool carry_out(struct future *f, struct side *s, uint32_t action)
{
	struct world *w = &f->w;

	switch (action) {
	case PVB_DO_READ_PEER:
		if (is_front(f, s))
			return true;
		if (w->terms == 0)
			return false;
		w->read = w->terms;
		return true;
	case PVB_DO_ATTACH:
		begin_attach(f, s);
		return true;
	case PVB_DO_PUBLISH:
		if (is_front(f, s))
			w->terms = w->front_no;
		return true;
	case PVB_DO_GEOMETRY:
		return true;
	case PVB_DO_SAY:
		say(f, s);
		return true;
	case PVB_DO_GO:
		if (s->data != ATTACHED)
			accuse(f, "goes without a ring");
		s->data = RUNNING;
		return true;
	case PVB_DO_DRAIN:
		begin_drain(f, s, s->pend & PVB_DO_CUT);
		s->pend &= (uint16_t)~PVB_DO_CUT;
		return true;
	case PVB_DO_CUT:
		begin_drain(f, s, true);
		return true;
	case PVB_DO_DETACH:
		begin_detach(f, s);
		return true;
	case PVB_DO_UNPUBLISH:
		w->terms = 0;
		return true;
	case PVB_DO_LOOK:
		if (f->r->fault == IGNORES_LOOK)
			return true;
		s->look = 1;
		if (f->r->fault != FEEDS_OLD_NEWS)
			s->mail = NO_MAIL;
		return true;
	case PVB_DO_RETIRE:
		if (s->data != NOTHING)
			accuse(f, "retires with a ring in effect");
		return true;
	default:
		accuse(f, "model: an action it does not know");
		return true;
	}
}

bool model_act(struct future *f, struct side *s)
{
	uint32_t action = s->pend & (~(uint32_t)s->pend + 1);

	s->pend &= (uint16_t)~action;
	if (!carry_out(f, s, action))
		return false;
	if (action == PVB_DO_PUBLISH && s->pend & PVB_DO_SAY) {
		s->pend &= (uint16_t)~PVB_DO_SAY;       /* one transaction */
		say(f, s);
	}
	return true;
}
